"""Furniture finds its place, or none."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.arrangement import Arrangement
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, box
from wallpaint.rooms.shell import Opening, Plan, Slope

PLAIN = Material("plain", (0.5, 0.5, 0.5))
WINDOW = Opening("back", "window", 2.0, 1.0, 0.9, 1.2)
DOOR = Opening("left", "door", 1.0, 0.9, 0.0, 2.05)


def arrangement(slope: Slope | None = None) -> Arrangement:
    return Arrangement(Plan(5.0, 4.0, 2.6, (WINDOW, DOOR), slope=slope))


def piece(width: float = 1.0, depth: float = 0.5, height: float = 0.8) -> Mesh:
    return box((width, depth, height), PLAIN)


def picture(width: float = 0.5, height: float = 0.5) -> Mesh:
    return box((width, 0.03, height), PLAIN, at=(0, -0.015, -height / 2))


def test_a_piece_against_a_wall_touches_it_with_its_back() -> None:
    placed = arrangement().against("sofa", piece(), "right", 2.0, out=0.0)
    assert placed is not None
    assert placed.bounds[1][0] == np.float32(5.0)
    assert np.isclose(placed.bounds[0][0], 4.5)


def test_two_pieces_do_not_share_a_place() -> None:
    room = arrangement()
    assert room.against("sofa", piece(), "right", 2.0) is not None
    assert room.against("sofa", piece(), "right", 2.5) is None
    assert room.against("sofa", piece(), "right", 3.2) is not None
    assert room.stand("table", piece(), 4.6, 1.9) is None
    assert len(room.pieces) == len(room.names) == 2


def test_low_things_stand_under_windows_and_tall_ones_do_not() -> None:
    assert arrangement().against("sideboard", piece(height=0.7), "back", 2.5) is not None
    assert arrangement().against("wardrobe", piece(height=2.0), "back", 2.5) is None


def test_doors_stay_free() -> None:
    room = arrangement()
    assert room.against("cabinet", piece(), "left", 1.4) is None
    assert room.stand("table", piece(0.4, 0.4), 0.5, 1.4) is None
    assert room.hang("frame", picture(), "left", 1.4, 1.5) is None


def test_nothing_hangs_on_windows_or_behind_wardrobes() -> None:
    room = arrangement()
    assert room.hang("frame", picture(), "back", 2.5, 1.5) is None
    assert room.hang("frame", picture(), "back", 4.0, 1.5) is not None
    assert room.hang("frame", picture(), "back", 4.2, 1.5) is None
    assert room.against("wardrobe", piece(height=2.0), "right", 2.0) is not None
    assert room.hang("frame", picture(), "right", 2.0, 1.5) is None


def test_tall_things_stay_out_from_under_the_slope() -> None:
    room = arrangement(Slope("right", 1.2, 1.5))
    assert room.stand("wardrobe", piece(height=2.0), 4.5, 2.0) is None
    assert room.stand("chest", piece(height=0.9), 4.4, 2.0) is not None
    assert room.hang("frame", picture(), "back", 4.5, 1.6) is None


def test_things_stay_in_the_room() -> None:
    room = arrangement()
    assert room.stand("table", piece(), 0.2, 3.0) is None
    assert room.against("bed", piece(4.5), "right", 2.0) is None
    assert room.hang("frame", picture(height=2.0), "right", 2.0, 1.7) is None


def test_what_is_put_on_a_table_stands_on_its_top() -> None:
    room = arrangement()
    table = room.stand("table", piece(), 2.5, 2.0)
    assert table is not None
    for seed in range(10):
        room.put_on("vase", piece(0.1, 0.1, 0.2), table, np.random.default_rng(seed))
        low, high = room.pieces[-1].bounds
        assert np.isclose(low[2], 0.8)
        assert (low[:2] >= table.bounds[0][:2]).all()
        assert (high[:2] <= table.bounds[1][:2]).all()


def test_the_floor_knows_where_one_can_stand() -> None:
    room = arrangement()
    room.stand("table", piece(), 2.5, 2.0)
    assert not room.clear_of(2.5, 2.5, 0.45)
    assert room.clear_of(2.5, 3.0, 0.45)
