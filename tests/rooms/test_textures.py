import numpy as np
import pytest

from wallpaint.rooms.materials import TILE, Material, Texture
from wallpaint.rooms.surfaces import cloth, finishes, patterns, pictures, skies, textures, tilings

OAK = (0.45, 0.3, 0.17)
GREY = (0.4, 0.39, 0.37)

SURFACES = {
    **{f"wood {f}": (lambda rng, f=f: textures.wood(rng, OAK, f)) for f in textures.FIGURES},
    **{f"planks {k}": (lambda rng, k=k: textures.planks(rng, OAK, k)) for k in textures.LAYOUTS},
    "boards": lambda rng: textures.boards(rng, OAK, 9),
    **{f"tiles {k}": (lambda rng, k=k: textures.tiles(rng, GREY, (0.3, 0.3, 0.3), k)) for k in textures.TILINGS},
    **{f"stone {k}": (lambda rng, k=k: textures.stone(rng, GREY, k)) for k in textures.STONES},
    **{f"carpet {k}": (lambda rng, k=k: cloth.carpet(rng, GREY, k)) for k in cloth.CARPETS},
    **{f"fabric {k}": (lambda rng, k=k: cloth.fabric(rng, GREY, None, k)) for k in cloth.WEAVES},
}
COVERINGS = {
    name: (lambda rng, name=name, split=split: patterns.make(rng, split, name).material.texture)
    for split, kinds in (("train", patterns.EVERYDAY), ("test", patterns.HELD_OUT))
    for name in kinds
}


def steps(picture, axis):
    """Mean absolute difference between neighbouring rows (0) or columns (1), the last to the first included."""
    other = 1 - axis
    return np.abs(picture - np.roll(picture, -1, axis)).mean(axis=(other, 2))


@pytest.mark.parametrize("name", [*SURFACES, *COVERINGS])
def test_tile_has_no_seam(name):
    texels = (SURFACES | COVERINGS)[name](np.random.default_rng(3)).texels
    for axis in (0, 1):
        differences = steps(texels, axis)
        assert differences[-1] <= 1.3 * np.percentile(differences, 99.5) + 1e-4


@pytest.mark.parametrize("name", [*SURFACES, *COVERINGS])
def test_tile_is_an_albedo_and_depends_on_the_seed_alone(name):
    maker = (SURFACES | COVERINGS)[name]
    first, again, other = (maker(np.random.default_rng(seed)).texels for seed in (5, 5, 6))
    assert first.dtype == np.float32
    assert first.min() >= 0
    assert first.max() <= 1
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", [n for n in SURFACES if not n.startswith("tiles")])
def test_mean_is_the_colour_that_was_asked_for(name):
    wanted = OAK if name.split()[0] in ("wood", "planks", "boards") else GREY
    mean = SURFACES[name](np.random.default_rng(1)).texels.mean((0, 1))
    if name.split()[-1] in ("herringbone", "twill", "stripes", "check", "melange") and name.startswith("fabric"):
        assert (mean <= np.array(wanted) * 1.01).all()  # the second colour, 0.6 of the first, pulls it down
        assert (mean >= np.array(wanted) * 0.59).all()
    else:
        np.testing.assert_allclose(mean, wanted, rtol=0.02)


@pytest.mark.parametrize("design", cloth.RUGS)
def test_rug_is_an_albedo(design):
    colors = ((0.6, 0.55, 0.45), (0.05, 0.06, 0.1), (0.35, 0.08, 0.05))
    texels = cloth.rug(np.random.default_rng(2), colors, design).texels
    assert texels.min() >= 0
    assert texels.max() <= 0.95
    assert np.array_equal(texels, cloth.rug(np.random.default_rng(2), colors, design).texels)


@pytest.mark.parametrize("layout", ["herringbone", "chevron", "courses", "hexagons"])
def test_blocks_of_a_layout_are_equally_large(layout):
    blocks = {
        "herringbone": lambda: tilings.herringbone(4, 2),
        "chevron": lambda: tilings.chevron(2, 8),
        "courses": lambda: tilings.courses(8, 4, np.arange(8) % 2 / 2),
        "hexagons": lambda: tilings.hexagons(7),
    }[layout]()
    _, sizes = np.unique(blocks.number, return_counts=True)
    assert sizes.max() < 1.12 * sizes.min()
    assert blocks.edge.min() >= -1e-6


def test_plaster_slopes_have_unit_deviation_and_no_seam():
    slopes = textures.plaster_slopes(np.random.default_rng(0))
    assert slopes.shape == (TILE, TILE, 2)
    assert slopes.dtype == np.float32
    np.testing.assert_allclose(slopes.std((0, 1)), 1, rtol=1e-3)
    np.testing.assert_allclose(slopes.mean((0, 1)), 0, atol=1e-3)
    for axis in (0, 1):
        differences = steps(slopes, axis)
        assert differences[-1] <= 1.3 * np.percentile(differences, 99)


def test_material_multiplies_back_to_the_texture():
    tile = textures.wood(np.random.default_rng(0), OAK)
    made = textures.material("wood", tile, 1.2)
    back = made.texture.texels * np.float32(made.albedo)
    assert np.mean(np.abs(back - tile.texels)) < 1e-3
    assert (np.asarray(made.albedo) < 2 * np.asarray(OAK)).all()
    blue = textures.recolored(made, "blue", (0.1, 0.2, 0.4))
    assert blue.texture is made.texture
    np.testing.assert_allclose((blue.texture.texels * np.float32(blue.albedo)).mean((0, 1)), (0.1, 0.2, 0.4), rtol=0.03)


def test_patterns_of_test_rooms_are_their_own():
    assert not set(patterns.EVERYDAY) & set(patterns.HELD_OUT)
    for split in ("train", "validation", "test"):
        pattern = patterns.make(np.random.default_rng(4), split)
        assert (pattern.kind in patterns.HELD_OUT) == (split == "test")
        assert pattern.material.wall is None


@pytest.mark.parametrize("kind", skies.SKIES)
def test_sky_is_brighter_than_the_ground(kind):
    view = pictures.sky(np.random.default_rng(8), kind).texels
    assert view.min() >= 0
    upper, lower = view[TILE // 2 + 80 :].mean(), view[: TILE // 2 - 40].mean()
    assert lower < 0.5 * upper
    columns = steps(view, 1)
    assert columns[-1] <= 1.3 * columns.max()


def test_overcast_sky_is_the_unit():
    height = (np.arange(TILE) + 0.5) / TILE * np.pi - np.pi / 2
    weight = np.cos(height) * (height > 0)
    means = []
    for seed in range(4):
        rows = pictures.sky(np.random.default_rng(seed), "overcast").texels.mean((1, 2))
        means.append((rows * weight).sum() / weight.sum())
    assert 0.75 < np.mean(means) < 1.05


@pytest.mark.parametrize("split", ["train", "test"])
def test_pictures_are_prints(split):
    for seed in range(4):
        texels = pictures.art(np.random.default_rng(seed), split, aspect=1.3).texels
        assert texels.min() >= 0.02
        assert texels.max() <= 0.9 + 1e-6
    assert not set(pictures.EVERYDAY) & set(pictures.HELD_OUT)


def test_things_to_look_at():
    for maker in (pictures.book_row, pictures.clock_face, pictures.screen_image):
        first, again = (maker(np.random.default_rng(1)) for _ in range(2))
        assert isinstance(first, Texture)
        assert np.array_equal(first.texels, again.texels)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_finishes_of_a_room(split):
    for seed in range(3):
        chosen = finishes.choose(np.random.default_rng(seed), split)
        materials = [getattr(chosen, name) for name in chosen.__dataclass_fields__]
        tiles = {id(m.texture) for m in materials if m.texture is not None}
        assert len(tiles) <= 5
        for one in materials:
            assert isinstance(one, Material)
            assert min(one.albedo) > 0
            assert max(one.albedo) <= 1
            assert one.wall is None


def test_designs_of_test_rooms_are_their_own():
    for table in (finishes.WEAVES, finishes.FIGURES, finishes.RUGS):
        assert not set(table["train"]) & set(table["test"])
    for table in (finishes.WOODS, finishes.TEXTILES, finishes.FLOORS):
        flat = {part: {x for group in table[part].values() for x in group} for part in ("train", "test")}
        assert not flat["train"] & flat["test"]


@pytest.mark.parametrize("kind", list(finishes.FLOOR_WEIGHTS))
def test_floors_and_rugs(kind):
    for split in ("train", "test"):
        laid = finishes.floor(np.random.default_rng(1), split, kind)
        assert laid.texture is not None
        assert laid.name == kind
        assert finishes.rug(np.random.default_rng(2), split, 1.6, 2.3).texture_scale == (1.0, 1.0)
