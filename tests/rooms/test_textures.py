import numpy as np
import pytest

from wallpaint.rooms.materials import TEXTURE_PX, Material, Texture
from wallpaint.rooms.surfaces import finishes, images, patterns, skies, textiles, textures, tilings

OAK = (0.45, 0.3, 0.17)
GREY = (0.4, 0.39, 0.37)

SURFACES = {
    **{f"wood {f}": (lambda rng, f=f: textures.wood(rng, OAK, f)) for f in textures.WOOD_FIGURES},
    **{f"planks {k}": (lambda rng, k=k: textures.planks(rng, OAK, k)) for k in textures.PLANK_LAYOUTS},
    "boards": lambda rng: textures.boards(rng, OAK, 9),
    **{f"tiles {k}": (lambda rng, k=k: textures.tiles(rng, GREY, (0.3, 0.3, 0.3), k)) for k in textures.TILINGS},
    **{f"stone {k}": (lambda rng, k=k: textures.stone(rng, GREY, k)) for k in textures.STONE_TYPES},
    **{f"carpet {k}": (lambda rng, k=k: textiles.carpet(rng, GREY, k)) for k in textiles.CARPETS},
    **{f"fabric {k}": (lambda rng, k=k: textiles.fabric(rng, GREY, None, k)) for k in textiles.WEAVES},
}
COVERINGS = {
    name: (lambda rng, name=name, split=split: patterns.sample_pattern(rng, split, name).material.texture)
    for split, kinds in (("train", patterns.TRAIN_PATTERNS), ("test", patterns.HELD_OUT_PATTERNS))
    for name in kinds
}


def neighbour_differences(image, axis):
    """Mean absolute difference between neighbouring rows (axis 0) or columns (axis 1), with wrap-around."""
    other = 1 - axis
    return np.abs(image - np.roll(image, -1, axis)).mean(axis=(other, 2))


@pytest.mark.parametrize("name", [*SURFACES, *COVERINGS])
def test_texture_is_periodic_without_a_seam(name):
    texels = (SURFACES | COVERINGS)[name](np.random.default_rng(3)).texels
    for axis in (0, 1):
        differences = neighbour_differences(texels, axis)
        assert differences[-1] <= 1.3 * np.percentile(differences, 99.5) + 1e-4


@pytest.mark.parametrize("name", [*SURFACES, *COVERINGS])
def test_texture_is_a_valid_albedo_and_determined_by_the_seed(name):
    builder = (SURFACES | COVERINGS)[name]
    first, again, other = (builder(np.random.default_rng(seed)).texels for seed in (5, 5, 6))
    assert first.dtype == np.float32
    assert first.min() >= 0
    assert first.max() <= 1
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", [n for n in SURFACES if not n.startswith("tiles")])
def test_texture_mean_equals_the_requested_colour(name):
    expected = OAK if name.split()[0] in ("wood", "planks", "boards") else GREY
    mean = SURFACES[name](np.random.default_rng(1)).texels.mean((0, 1))
    if name.split()[-1] in ("herringbone", "twill", "stripes", "check", "melange") and name.startswith("fabric"):
        assert (mean <= np.array(expected) * 1.01).all()  # the second colour is 0.6 of the first
        assert (mean >= np.array(expected) * 0.59).all()
    else:
        np.testing.assert_allclose(mean, expected, rtol=0.02)


@pytest.mark.parametrize("design", textiles.RUGS)
def test_rug_is_a_valid_albedo_and_deterministic(design):
    colors = ((0.6, 0.55, 0.45), (0.05, 0.06, 0.1), (0.35, 0.08, 0.05))
    texels = textiles.rug(np.random.default_rng(2), colors, design).texels
    assert texels.min() >= 0
    assert texels.max() <= 0.95
    assert np.array_equal(texels, textiles.rug(np.random.default_rng(2), colors, design).texels)


@pytest.mark.parametrize("layout", ["herringbone", "chevron", "courses", "hexagons"])
def test_layout_blocks_have_equal_area(layout):
    blocks = {
        "herringbone": lambda: tilings.herringbone(4, 2),
        "chevron": lambda: tilings.chevron(2, 8),
        "courses": lambda: tilings.courses(8, 4, np.arange(8) % 2 / 2),
        "hexagons": lambda: tilings.hexagons(7),
    }[layout]()
    _, sizes = np.unique(blocks.block_index, return_counts=True)
    assert sizes.max() < 1.12 * sizes.min()
    assert blocks.edge_distance.min() >= -1e-6


def test_plaster_slopes_have_unit_standard_deviation_and_no_seam():
    slopes = textures.plaster_slopes(np.random.default_rng(0))
    assert slopes.shape == (TEXTURE_PX, TEXTURE_PX, 2)
    assert slopes.dtype == np.float32
    np.testing.assert_allclose(slopes.std((0, 1)), 1, rtol=1e-3)
    np.testing.assert_allclose(slopes.mean((0, 1)), 0, atol=1e-3)
    for axis in (0, 1):
        differences = neighbour_differences(slopes, axis)
        assert differences[-1] <= 1.3 * np.percentile(differences, 99)


def test_tiled_material_albedo_times_texels_equals_the_texture():
    tile = textures.wood(np.random.default_rng(0), OAK)
    wood = textures.tiled_material("wood", tile, 1.2)
    product = wood.texture.texels * np.float32(wood.albedo)
    assert np.mean(np.abs(product - tile.texels)) < 1e-3
    assert (np.asarray(wood.albedo) < 2 * np.asarray(OAK)).all()
    blue = textures.recolored(wood, "blue", (0.1, 0.2, 0.4))
    assert blue.texture is wood.texture
    np.testing.assert_allclose((blue.texture.texels * np.float32(blue.albedo)).mean((0, 1)), (0.1, 0.2, 0.4), rtol=0.03)


def test_held_out_patterns_are_disjoint_and_used_in_test_rooms_only():
    assert not set(patterns.TRAIN_PATTERNS) & set(patterns.HELD_OUT_PATTERNS)
    for split in ("train", "validation", "test"):
        pattern = patterns.sample_pattern(np.random.default_rng(4), split)
        assert (pattern.name in patterns.HELD_OUT_PATTERNS) == (split == "test")
        assert pattern.material.wall is None


@pytest.mark.parametrize("sky_type", skies.SKY_TYPES)
def test_sky_is_brighter_than_the_ground(sky_type):
    texels = skies.sky(np.random.default_rng(8), sky_type).texels
    assert texels.min() >= 0
    upper, lower = texels[TEXTURE_PX // 2 + 80 :].mean(), texels[: TEXTURE_PX // 2 - 40].mean()
    assert lower < 0.5 * upper
    columns = neighbour_differences(texels, 1)
    assert columns[-1] <= 1.3 * columns.max()


def test_overcast_sky_has_unit_mean_radiance():
    height = (np.arange(TEXTURE_PX) + 0.5) / TEXTURE_PX * np.pi - np.pi / 2
    weight = np.cos(height) * (height > 0)
    means = []
    for seed in range(4):
        rows = skies.sky(np.random.default_rng(seed), "overcast").texels.mean((1, 2))
        means.append((rows * weight).sum() / weight.sum())
    assert 0.75 < np.mean(means) < 1.05


@pytest.mark.parametrize("split", ["train", "test"])
def test_artwork_stays_within_print_black_and_white(split):
    for seed in range(4):
        texels = images.artwork(np.random.default_rng(seed), split, aspect=1.3).texels
        assert texels.min() >= 0.02
        assert texels.max() <= 0.9 + 1e-6
    assert not set(images.TRAIN_ARTWORK) & set(images.HELD_OUT_ARTWORK)


def test_images_are_textures_and_deterministic():
    for builder in (images.book_spines, images.clock_face, images.screen_image):
        first, again = (builder(np.random.default_rng(1)) for _ in range(2))
        assert isinstance(first, Texture)
        assert np.array_equal(first.texels, again.texels)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_finishes_have_valid_albedos_and_few_textures(split):
    for seed in range(3):
        chosen = finishes.choose(np.random.default_rng(seed), split)
        materials = [getattr(chosen, name) for name in chosen.__dataclass_fields__]
        tiles = {id(m.texture) for m in materials if m.texture is not None}
        assert len(tiles) <= 5
        for material in materials:
            assert isinstance(material, Material)
            assert min(material.albedo) > 0
            assert max(material.albedo) <= 1
            assert material.wall is None


def test_held_out_designs_are_disjoint_from_train_designs():
    for table in (finishes.WEAVES, finishes.WOOD_FIGURES, finishes.RUG_DESIGNS):
        assert not set(table["train"]) & set(table["test"])
    for table in (finishes.WOOD_COLORS, finishes.TEXTILE_COLORS, finishes.FLOOR_DESIGNS):
        flat = {split: {x for group in table[split].values() for x in group} for split in ("train", "test")}
        assert not flat["train"] & flat["test"]


@pytest.mark.parametrize("floor_type", list(finishes.FLOOR_WEIGHTS))
def test_floor_and_rug_materials_have_textures_and_scales(floor_type):
    for split in ("train", "test"):
        floor = finishes.floor(np.random.default_rng(1), split, floor_type)
        assert floor.texture is not None
        assert floor.name == floor_type
        assert finishes.rug(np.random.default_rng(2), split, 1.6, 2.3).texture_scale == (1.0, 1.0)
