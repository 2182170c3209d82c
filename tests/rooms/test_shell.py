"""The shell of a room: closed, facing inwards, with holes for the openings."""

from __future__ import annotations

import numpy as np
import pytest

from wallpaint.rooms import shell
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, merge
from wallpaint.rooms.shell import SIDES, Opening, Plan, Slope

PLAIN = Material("plain", (0.5, 0.5, 0.5))
WINDOW = Opening("back", "window", 2.0, 1.2, 0.9, 1.2)
DOOR = Opening("right", "door", 0.4, 0.9, 0.0, 2.05)
NICHE = Opening("left", "niche", 1.5, 0.6, 1.2, 0.5)
SLOPES = [None, Slope("left", 1.2, 1.5), Slope("right", 1.2, 1.5)]


def make_plan(
    slope: Slope | None = None, split_height: float = 0.0, openings: tuple[Opening, ...] = (WINDOW, DOOR)
) -> Plan:
    return Plan(5.0, 4.0, 2.6, openings, split_height=split_height, slope=slope)


def wall_material(side: str, level: str) -> Material:
    number = 2 * SIDES.index(side) + (level == "lower")
    return Material(f"{side} {level}", (0.5, 0.5, 0.5), wall=number)


def area(mesh: Mesh) -> float:
    corner = mesh.vertices[mesh.faces].astype(np.float64)
    return float(np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1).sum() / 2)


def share_facing(mesh: Mesh, point: tuple[float, float, float] = (2.5, 2.0, 1.0)) -> float:
    corner = mesh.vertices[mesh.faces].astype(np.float64)
    cross = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    inward = np.einsum("ij,ij->i", np.asarray(point) - corner.mean(1), cross) > 0
    size = np.linalg.norm(cross, axis=1)
    return float(size[inward].sum() / size.sum())


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("split_height", [0.0, 1.0])
def test_shell_is_closed_except_for_openings(slope: Slope | None, split_height: float) -> None:
    door_blocked = slope is not None and slope.side == "right"
    plan = make_plan(slope, split_height, (WINDOW,) if door_blocked else (WINDOW, DOOR))
    shell_mesh = merge(
        [*shell.wall_meshes(plan, wall_material), *shell.ceiling(plan, PLAIN, PLAIN), shell.floor(plan, PLAIN)]
    )
    # The surface integral of the outward normal over a closed surface is zero: what is missing are the openings.
    corner = shell_mesh.vertices[shell_mesh.faces].astype(np.float64)
    total = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]).sum(0) / 2
    assert total == pytest.approx(
        (0.0 if door_blocked else DOOR.width * DOOR.height, WINDOW.width * WINDOW.height, 0.0), abs=1e-4
    )
    assert share_facing(shell_mesh) > 0.999


def test_wall_area_excludes_openings() -> None:
    total_area = 2 * (5.0 + 4.0) * 2.6
    holes = WINDOW.width * WINDOW.height + DOOR.width * DOOR.height
    assert area(merge(shell.wall_meshes(make_plan(), wall_material))) == pytest.approx(total_area - holes, rel=1e-5)


def test_split_wall_has_two_materials_that_meet_at_the_split_height() -> None:
    meshes = merge(shell.wall_meshes(make_plan(split_height=1.0), wall_material))
    numbers = np.array([m.wall for m in meshes.materials])[meshes.material]
    heights = meshes.vertices[meshes.faces][..., 2]
    assert heights[numbers % 2 == 1].max() == pytest.approx(1.0)
    assert heights[numbers % 2 == 0].min() == pytest.approx(1.0)
    assert set(numbers) == set(range(8))


def test_uv_is_continuous_across_patches() -> None:
    back = merge(shell.wall_meshes(make_plan(), wall_material))
    on_wall = back.vertices[:, 1] == 4.0
    uv, position = back.uv[on_wall], back.vertices[on_wall]
    on_back = np.isclose(uv[:, 0], position[:, 0], atol=1e-5)
    assert on_back.mean() > 0.8  # the others are corners of the side walls
    assert np.allclose(back.uv[:, 1], back.vertices[:, 2], atol=1e-5)


def test_reveals_face_their_opening() -> None:
    for opening in (WINDOW, NICHE):
        plan = make_plan(openings=(opening,))
        mesh = merge(shell.reveals(plan, lambda o: PLAIN))
        x, y, z = plan.sides[opening.side].point(opening.center, opening.bottom + opening.height / 2, out=-0.1)
        assert share_facing(mesh, (x, y, z)) == 1


def test_panes_close_the_windows_outside_the_sun_bounds() -> None:
    plan = make_plan()
    pane = merge(shell.window_panes(plan, PLAIN))
    assert area(pane) == pytest.approx(WINDOW.width * WINDOW.height)
    low, high = plan.sun_bounds
    assert 4.0 + plan.reveal_depth - 0.02 < high[1] < pane.vertices[:, 1].min()
    assert low[0] < 0
    assert low[2] < 0
    assert high[0] > 5
    assert high[2] > 2.6


def test_passage_opens_on_a_closed_space() -> None:
    passage = Opening("back", "passage", 1.0, 1.0, 0.0, 2.1)
    plan = make_plan(openings=(passage,))
    space = merge(shell.passage_spaces(plan, PLAIN, PLAIN, Material("lamp", (0.5,) * 3, emission=(1.0, 1.0, 1.0))))
    lit = [i for i, m in enumerate(space.materials) if m.emits]
    rest = space.material != lit[0]
    corner = space.vertices[space.faces[rest]].astype(np.float64)
    cross = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    assert cross.sum(0) / 2 == pytest.approx((0, -passage.width * passage.height, 0), abs=1e-4)
    assert np.einsum("ij,ij->i", np.array([1.5, 5.0, 1.2]) - corner.mean(1), cross).min() > 0


def test_skirting_is_interrupted_at_doors() -> None:
    boards = merge(shell.skirting(make_plan(), PLAIN, 0.1))
    at_door = (boards.vertices[:, 0] > 4.9) & (boards.vertices[:, 1] > 2.72) & (boards.vertices[:, 1] < 3.58)
    assert not at_door.any()
    assert boards.bounds[1][2] == pytest.approx(0.1)


@pytest.mark.parametrize("slope", SLOPES)
def test_mouldings_stay_in_the_room(slope: Slope | None) -> None:
    plan = make_plan(slope, split_height=0.9)
    rng = np.random.default_rng(0)
    for meshes in (
        shell.cornice(plan, PLAIN, 0.08),
        shell.rail(plan, PLAIN, 0.9),
        shell.rail(plan, PLAIN, 2.2),
        shell.wall_panels(plan, wall_material, 0.2, 0.8, rng),
    ):
        low, high = merge(meshes).bounds
        assert (low > -1e-4).all()
        assert (high < np.array([5, 4, 2.6]) + 1e-4).all()


def test_free_intervals_exclude_holes_and_short_rests() -> None:
    assert shell.free_intervals(5.0, [(3.0, 4.0), (1.0, 2.0)]) == [(0.0, 1.0), (2.0, 3.0), (4.0, 5.0)]
    assert shell.free_intervals(5.0, [(-1.0, 0.02), (1.0, 3.0), (2.0, 6.0)]) == [(0.02, 1.0)]
    assert shell.free_intervals(1.0, []) == [(0.0, 1.0)]


def test_mounted_meshes_touch_the_wall_and_stay_in_the_room() -> None:
    from wallpaint.rooms.mesh import box

    plan = make_plan()
    for name, side in plan.sides.items():
        piece = side.mount(box((0.4, 0.2, 0.5), PLAIN, at=(0.0, -0.1, 0.0)), 1.0)
        low, high = piece.bounds
        assert (low[:2] > -1e-4).all(), name
        assert (high[:2] < np.array([5, 4]) + 1e-4).all(), name
        back = {"back": high[1] - 4, "front": low[1], "left": low[0], "right": high[0] - 5}[name]
        assert back == pytest.approx(0, abs=1e-5)
