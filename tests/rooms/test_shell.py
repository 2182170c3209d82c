"""Floor, walls, ceiling and mouldings: closed, facing the room, cut where the openings are."""

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


def plan(slope: Slope | None = None, split: float = 0.0, openings: tuple[Opening, ...] = (WINDOW, DOOR)) -> Plan:
    return Plan(5.0, 4.0, 2.6, openings, split=split, slope=slope)


def wall(side: str, part: str) -> Material:
    number = 2 * SIDES.index(side) + (part == "lower")
    return Material(f"{side} {part}", (0.5, 0.5, 0.5), wall=number)


def area(mesh: Mesh) -> float:
    corner = mesh.vertices[mesh.faces].astype(np.float64)
    return float(np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1).sum() / 2)


def faces_the_room(mesh: Mesh, middle: tuple[float, float, float] = (2.5, 2.0, 1.0)) -> float:
    corner = mesh.vertices[mesh.faces].astype(np.float64)
    cross = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    inward = np.einsum("ij,ij->i", np.asarray(middle) - corner.mean(1), cross) > 0
    size = np.linalg.norm(cross, axis=1)
    return float(size[inward].sum() / size.sum())


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("split", [0.0, 1.0])
def test_the_shell_is_closed_but_for_its_openings(slope: Slope | None, split: float) -> None:
    under = slope is not None and slope.side == "right"
    room = plan(slope, split, (WINDOW,) if under else (WINDOW, DOOR))
    closed = merge([*shell.walls(room, wall), *shell.ceiling(room, PLAIN, PLAIN), shell.floor(room, PLAIN)])
    # The surface integral of the outward normal over a closed surface is zero: what is missing are the openings.
    corner = closed.vertices[closed.faces].astype(np.float64)
    total = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]).sum(0) / 2
    assert total == pytest.approx(
        (0.0 if under else DOOR.width * DOOR.height, WINDOW.width * WINDOW.height, 0.0), abs=1e-4
    )
    assert faces_the_room(closed) > 0.999


def test_walls_have_the_area_that_is_left() -> None:
    whole = 2 * (5.0 + 4.0) * 2.6
    holes = WINDOW.width * WINDOW.height + DOOR.width * DOOR.height
    assert area(merge(shell.walls(plan(), wall))) == pytest.approx(whole - holes, rel=1e-5)


def test_a_split_wall_has_two_materials_that_meet_at_its_height() -> None:
    parts = merge(shell.walls(plan(split=1.0), wall))
    numbers = np.array([m.wall for m in parts.materials])[parts.material]
    heights = parts.vertices[parts.faces][..., 2]
    assert heights[numbers % 2 == 1].max() == pytest.approx(1.0)
    assert heights[numbers % 2 == 0].min() == pytest.approx(1.0)
    assert set(numbers) == set(range(8))


def test_patterns_run_on_across_the_patches_of_a_wall() -> None:
    back = merge(shell.walls(plan(), wall))
    mine = back.vertices[:, 1] == 4.0
    uv, place = back.uv[mine], back.vertices[mine]
    on_back = np.isclose(uv[:, 0], place[:, 0], atol=1e-5)
    assert on_back.mean() > 0.8  # the rest are corners that the side walls share
    assert np.allclose(back.uv[:, 1], back.vertices[:, 2], atol=1e-5)


def test_reveals_look_into_their_opening() -> None:
    for opening in (WINDOW, NICHE):
        room = plan(openings=(opening,))
        mesh = merge(shell.reveals(room, lambda o: PLAIN))
        x, y, z = room.sides[opening.side].point(opening.middle, opening.bottom + opening.height / 2, out=-0.1)
        assert faces_the_room(mesh, (x, y, z)) == 1


def test_panes_close_the_windows_and_sunlight_passes_within_them() -> None:
    room = plan()
    pane = merge(shell.panes(room, PLAIN))
    assert area(pane) == pytest.approx(WINDOW.width * WINDOW.height)
    low, high = room.outside
    assert 4.0 + room.reveal - 0.02 < high[1] < pane.vertices[:, 1].min()
    assert low[0] < 0
    assert low[2] < 0
    assert high[0] > 5
    assert high[2] > 2.6


def test_a_passage_opens_on_a_closed_space() -> None:
    passage = Opening("back", "passage", 1.0, 1.0, 0.0, 2.1)
    room = plan(openings=(passage,))
    beyond = merge(shell.beyond(room, PLAIN, PLAIN, Material("lamp", (0.5,) * 3, emission=(1.0, 1.0, 1.0))))
    lit = [i for i, m in enumerate(beyond.materials) if m.emits]
    rest = beyond.material != lit[0]
    corner = beyond.vertices[beyond.faces[rest]].astype(np.float64)
    cross = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    assert cross.sum(0) / 2 == pytest.approx((0, -passage.width * passage.height, 0), abs=1e-4)
    assert np.einsum("ij,ij->i", np.array([1.5, 5.0, 1.2]) - corner.mean(1), cross).min() > 0


def test_skirting_leaves_doors_out() -> None:
    boards = merge(shell.skirting(plan(), PLAIN, 0.1))
    at_door = (boards.vertices[:, 0] > 4.9) & (boards.vertices[:, 1] > 2.72) & (boards.vertices[:, 1] < 3.58)
    assert not at_door.any()
    assert boards.bounds[1][2] == pytest.approx(0.1)


@pytest.mark.parametrize("slope", SLOPES)
def test_mouldings_stay_in_the_room(slope: Slope | None) -> None:
    room = plan(slope, split=0.9)
    rng = np.random.default_rng(0)
    for parts in (
        shell.cornice(room, PLAIN, 0.08),
        shell.rail(room, PLAIN, 0.9),
        shell.rail(room, PLAIN, 2.2),
        shell.wall_panels(room, wall, 0.2, 0.8, rng),
    ):
        low, high = merge(parts).bounds
        assert (low > -1e-4).all()
        assert (high < np.array([5, 4, 2.6]) + 1e-4).all()


def test_stretches_are_what_the_holes_leave() -> None:
    assert shell.stretches(5.0, [(3.0, 4.0), (1.0, 2.0)]) == [(0.0, 1.0), (2.0, 3.0), (4.0, 5.0)]
    assert shell.stretches(5.0, [(-1.0, 0.02), (1.0, 3.0), (2.0, 6.0)]) == [(0.02, 1.0)]
    assert shell.stretches(1.0, []) == [(0.0, 1.0)]


def test_things_put_against_a_wall_face_the_room() -> None:
    from wallpaint.rooms.mesh import box

    room = plan()
    for name, side in room.sides.items():
        piece = side.place(box((0.4, 0.2, 0.5), PLAIN, at=(0.0, -0.1, 0.0)), 1.0)
        low, high = piece.bounds
        assert (low[:2] > -1e-4).all(), name
        assert (high[:2] < np.array([5, 4]) + 1e-4).all(), name
        back = {"back": high[1] - 4, "front": low[1], "left": low[0], "right": high[0] - 5}[name]
        assert back == pytest.approx(0, abs=1e-5)
