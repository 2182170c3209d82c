"""Extended rooms: seeds, content, and the labels of its surfaces."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from wallpaint.rooms import ceilings, shell
from wallpaint.rooms.content import KINDS, MIN_VISIBLE_SHARE, sample_content, visible_kinds
from wallpaint.rooms.furniture import bathroom_fixtures, school, slatted
from wallpaint.rooms.furniture.full_height_dressing import backlit, full_height_blind, full_height_curtain
from wallpaint.rooms.furniture.open_doors import open_door
from wallpaint.rooms.furniture.tall_kitchen import tall_kitchen
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import merge
from wallpaint.rooms.room import EXTENDED_SEEDS, Room, is_extended, split_of
from wallpaint.rooms.sets import labels
from wallpaint.rooms.shell import SIDES, Plan, Slope
from wallpaint.rooms.surfaces import finishes

SPLITS = ("train", "test")
CLOTH = Material("cloth", (0.7, 0.7, 0.7))
PLAIN = Material("plain", (0.5, 0.5, 0.5))


def make_finishes(split: str = "train") -> finishes.Finishes:
    return finishes.choose(np.random.default_rng(4), split)


@pytest.mark.parametrize(
    ("seed", "extended"),
    [
        (0, False),
        (499_999, False),
        (500_000, True),
        (899_999, True),
        (900_000, False),
        (930_000, True),
        (949_999, True),
        (950_000, False),
        (979_999, False),
        (980_000, True),
        (999_999, True),
    ],
)
def test_extended_seeds(seed: int, extended: bool) -> None:
    assert is_extended(seed) == extended


def test_extended_seeds_lie_in_their_split() -> None:
    for split, seeds in EXTENDED_SEEDS.items():
        assert {split_of(seeds[0]), split_of(seeds[-1])} == {split}


def test_content_is_a_function_of_the_seed_and_each_kind_is_frequent() -> None:
    contents = [sample_content(seed) for seed in range(500_000, 502_000)]
    assert contents == [sample_content(seed) for seed in range(500_000, 502_000)]
    for kind in KINDS:
        assert np.mean([content.has(kind) for content in contents]) > 0.08, kind


def test_kinds_are_visible_by_the_names_of_their_materials() -> None:
    names = ("full-height curtain, backlit", "slats, lacquer", "left wall, upper slope", "back wall, upper", "wood")
    materials = tuple(Material(name, (0.5,) * 3) for name in names)
    shares = np.array([0.1, MIN_VISIBLE_SHARE, 0.2, 0.3, 0.2])
    assert visible_kinds(materials, shares) == {"full_height_curtains", "slatted_furniture", "painted_slopes"}
    assert "slatted_furniture" not in visible_kinds(materials, shares * 0.9)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("build", [full_height_curtain, full_height_blind])
def test_full_height_dressing_covers_its_width_and_height(build: object, split: str) -> None:
    for seed in range(6):
        mesh = build(np.random.default_rng(seed), make_finishes(split), CLOTH, 3.0, 2.5, split)  # type: ignore[operator]
        low, high = mesh.bounds
        assert high[2] == pytest.approx(2.5, abs=1e-5)
        assert 0 < low[2] < 0.08
        assert 2.9 < high[0] - low[0] < 3.3
        assert high[1] <= 1e-6
        assert low[1] > -0.25
        assert CLOTH in mesh.materials


def test_only_cloth_before_the_window_transmits_daylight() -> None:
    mesh = full_height_curtain(np.random.default_rng(0), make_finishes(), CLOTH, 3.0, 2.5)
    lit = backlit(mesh, CLOTH, (-0.5, 0.9, 0.5, 2.0), (0.1, 0.1, 0.1))
    glows = np.array([material.emits for material in lit.materials])[lit.material]
    center = lit.vertices[lit.faces].mean(1)
    inside = (np.abs(center[:, 0]) < 0.5) & (center[:, 2] > 0.9) & (center[:, 2] < 2.0)
    assert glows.any()
    assert np.array_equal(glows, inside)


@pytest.mark.parametrize("split", SPLITS)
def test_tall_kitchen_reaches_the_ceiling_within_its_length(split: str) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        mesh = tall_kitchen(rng, make_finishes(split), (0.8, 0.79, 0.77), 4.0, 2.5, PLAIN, split)
        assert mesh is not None
        low, high = mesh.bounds
        assert high[2] == pytest.approx(2.5, abs=0.02)
        assert high[0] - low[0] < 4.03
        assert high[1] <= 0.005
        assert any(material.name == "kitchen unit" for material in mesh.materials)
    assert tall_kitchen(np.random.default_rng(0), make_finishes(split), (0.8, 0.8, 0.8), 1.0, 2.5, PLAIN, split) is None


@pytest.mark.parametrize("split", SPLITS)
def test_open_door_stands_away_from_its_opening(split: str) -> None:
    for seed in range(6):
        finish = Material("open door", (0.05, 0.05, 0.05))
        mesh = open_door(np.random.default_rng(seed), make_finishes(split), finish, 0.85, 2.05, split)
        leaf = mesh.vertices[np.unique(mesh.faces[mesh.material == mesh.materials.index(finish)])]
        assert float(np.ptp(leaf[:, 1])) > 0.5
        assert leaf[:, 2].min() > 0
        assert leaf[:, 2].max() < 2.06


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", [*bathroom_fixtures.CATEGORIES, *school.CATEGORIES, *slatted.CATEGORIES])
def test_builders_give_valid_meshes(name: str, split: str) -> None:
    category = {**bathroom_fixtures.CATEGORIES, **school.CATEGORIES, **slatted.CATEGORIES}[name]
    on_wall = name in ("large_mirror", "towel_rail", "board", "glazed_picture")
    for seed in range(3):
        mesh = category.build(np.random.default_rng(seed), make_finishes(split), split)
        assert np.isfinite(mesh.vertices).all()
        assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1, abs=1e-3)
        assert len(mesh.faces) < 30_000
        low, high = mesh.bounds
        assert high[1] == pytest.approx(0, abs=1e-3) if on_wall else low[2] == pytest.approx(0, abs=1e-3)


def wall_material(side: str, level: str) -> Material:
    return Material(f"{side} wall, {level}", (0.5, 0.5, 0.5), wall=2 * SIDES.index(side) + (level == "lower"))


@pytest.mark.parametrize("has_rooflight", [False, True])
def test_attic_with_two_slopes_is_closed(has_rooflight: bool) -> None:
    plan = Plan(5.0, 4.0, 2.6, (), slope=Slope("right", 1.2, 1.5), opposite_slope=Slope("left", 1.0, 2.0))
    lights = (ceilings.Rooflight("left", (1.0, 1.8), (0.4, 1.6)),) if has_rooflight else ()
    ceiling = ceilings.sloped_ceiling(plan, PLAIN, lambda side: PLAIN, lights, PLAIN, CLOTH)
    mesh = merge([*shell.wall_meshes(plan, wall_material), *ceiling, shell.floor(plan, PLAIN)])
    one_sided = mesh.faces[np.array([material is not CLOTH for material in mesh.materials])[mesh.material]]
    corner = mesh.vertices[one_sided].astype(np.float64)
    total = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]).sum(0) / 2
    assert total == pytest.approx((0.0, 0.0, 0.0), abs=1e-4)  # the reveals, two-sided, do not count
    low, high = mesh.bounds
    assert high[2] <= 2.6 + 1e-5
    assert low[0] >= -0.2


def test_surfaces_that_resemble_a_wall_have_no_wall_label() -> None:
    names = [name for kind, names in KINDS.items() for name in names if kind not in ("painted_slopes", "two_tone")]
    assert all(labels._wall_of(Material(name, (0.5,) * 3)) == -1 for name in names)
    assert labels._wall_of(Material("left wall, upper slope", (0.5,) * 3)) == 2 * SIDES.index("left")
    assert labels._wall_of(Material("back wall, lower", (0.5,) * 3)) == 2 * SIDES.index("back") + 1


SHOWN = {
    500_000: {"bathroom", "painted_slopes", "rooflight", "wide_angle"},
    500_002: {"classroom", "contrast_door", "two_tone"},
    500_005: {"camera_in_corner", "dark_passage", "tall_kitchen", "wall_coloured_furniture"},
    500_009: {"dark_passage", "rooflight", "slatted_furniture", "unpainted_slopes"},
    500_017: {"dark_passage", "glass_and_boards", "open_door"},
    500_024: {"full_height_blinds", "full_height_curtains", "wide_angle"},
}


@pytest.fixture(scope="module", params=SHOWN)
def room(request: pytest.FixtureRequest) -> Room:
    if importlib.util.find_spec("mitsuba") is None:
        pytest.skip("Mitsuba is not installed")
    from wallpaint.rooms.design import design

    return design(request.param)


def test_seeds_of_this_test_show_every_kind() -> None:
    assert set().union(*SHOWN.values()) == set(KINDS)


def test_extended_room_shows_its_content(room: Room) -> None:
    content = room.metadata["content"]
    assert isinstance(content, list)
    assert content == sorted(content)
    assert SHOWN[room.seed] <= set(content) <= set(KINDS)
    mesh = room.mesh
    assert np.isfinite(mesh.vertices).all()
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1, abs=1e-3)
    assert len(mesh.faces) < 250_000
    fov = float(room.metadata["fov_deg"])  # type: ignore[arg-type]
    assert 90 <= fov <= 115 if "wide_angle" in content else fov <= 90


def test_only_painted_plaster_is_paintable_in_an_extended_room(room: Room) -> None:
    paintable = {material for material in room.mesh.materials if material.wall is not None}
    assert paintable
    assert all(material.albedo == room.old_paint for material in paintable)
    for material in paintable:
        assert labels._wall_of(material) == material.wall
    slopes = {material for material in room.mesh.materials if material.name.endswith("slope")}
    assert bool(slopes) == ("painted_slopes" in SHOWN[room.seed])


@pytest.mark.parametrize(
    ("seed", "vertices", "faces", "materials", "total", "position"),
    [
        (3, 28106, 34694, 40, 166462.86, (1.13439, 2.04417, 1.43045)),
        (77777, 6701, 4338, 24, 39555.81, (4.44507, 0.95374, 1.75)),
        (499999, 20400, 19720, 72, 146774.05, (3.23025, 0.97127, 1.40135)),
        (900001, 21867, 24158, 47, 121183.95, (0.7212, 1.15152, 1.41868)),
        (950003, 25872, 30157, 55, 181331.82, (4.01808, 1.09119, 1.40088)),
        (979999, 33688, 35396, 64, 166913.39, (2.50443, 0.94274, 1.57999)),
    ],
)
def test_rooms_of_other_seeds_are_unchanged(
    seed: int, vertices: int, faces: int, materials: int, total: float, position: tuple[float, float, float]
) -> None:
    if importlib.util.find_spec("mitsuba") is None:
        pytest.skip("Mitsuba is not installed")
    from wallpaint.rooms.design import design

    other = design(seed)
    assert "content" not in other.metadata
    assert (len(other.mesh.vertices), len(other.mesh.faces), len(other.mesh.materials)) == (vertices, faces, materials)
    assert np.abs(other.mesh.vertices.astype(np.float64)).sum() == pytest.approx(total, rel=1e-6)
    assert other.camera.position == pytest.approx(position, abs=1e-4)
