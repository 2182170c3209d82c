"""Collision-free furniture placement."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.layout import FurnitureLayout
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, box
from wallpaint.rooms.shell import Opening, Plan, Slope

PLAIN = Material("plain", (0.5, 0.5, 0.5))
WINDOW = Opening("back", "window", 2.0, 1.0, 0.9, 1.2)
DOOR = Opening("left", "door", 1.0, 0.9, 0.0, 2.05)


def make_layout(slope: Slope | None = None) -> FurnitureLayout:
    return FurnitureLayout(Plan(5.0, 4.0, 2.6, (WINDOW, DOOR), slope=slope))


def make_box(width: float = 1.0, depth: float = 0.5, height: float = 0.8) -> Mesh:
    return box((width, depth, height), PLAIN)


def make_picture(width: float = 0.5, height: float = 0.5) -> Mesh:
    return box((width, 0.03, height), PLAIN, at=(0, -0.015, -height / 2))


def test_piece_against_a_wall_touches_it_with_its_back() -> None:
    placed = make_layout().place_against_wall("sofa", make_box(), "right", 2.0, distance=0.0)
    assert placed is not None
    assert placed.bounds[1][0] == np.float32(5.0)
    assert np.isclose(placed.bounds[0][0], 4.5)


def test_overlapping_piece_is_rejected() -> None:
    layout = make_layout()
    assert layout.place_against_wall("sofa", make_box(), "right", 2.0) is not None
    assert layout.place_against_wall("sofa", make_box(), "right", 2.5) is None
    assert layout.place_against_wall("sofa", make_box(), "right", 3.2) is not None
    assert layout.place_on_floor("table", make_box(), 4.6, 1.9) is None
    assert len(layout.meshes) == len(layout.names) == 2


def test_low_pieces_fit_under_windows_and_tall_ones_do_not() -> None:
    assert make_layout().place_against_wall("sideboard", make_box(height=0.7), "back", 2.5) is not None
    assert make_layout().place_against_wall("wardrobe", make_box(height=2.0), "back", 2.5) is None


def test_doors_stay_free() -> None:
    layout = make_layout()
    assert layout.place_against_wall("cabinet", make_box(), "left", 1.4) is None
    assert layout.place_on_floor("table", make_box(0.4, 0.4), 0.5, 1.4) is None
    assert layout.hang_on_wall("frame", make_picture(), "left", 1.4, 1.5) is None


def test_nothing_hangs_on_windows_or_behind_wardrobes() -> None:
    layout = make_layout()
    assert layout.hang_on_wall("frame", make_picture(), "back", 2.5, 1.5) is None
    assert layout.hang_on_wall("frame", make_picture(), "back", 4.0, 1.5) is not None
    assert layout.hang_on_wall("frame", make_picture(), "back", 4.2, 1.5) is None
    assert layout.place_against_wall("wardrobe", make_box(height=2.0), "right", 2.0) is not None
    assert layout.hang_on_wall("frame", make_picture(), "right", 2.0, 1.5) is None


def test_tall_pieces_are_rejected_under_the_slope() -> None:
    layout = make_layout(Slope("right", 1.2, 1.5))
    assert layout.place_on_floor("wardrobe", make_box(height=2.0), 4.5, 2.0) is None
    assert layout.place_on_floor("chest", make_box(height=0.9), 4.4, 2.0) is not None
    assert layout.hang_on_wall("frame", make_picture(), "back", 4.5, 1.6) is None


def test_pieces_outside_the_room_are_rejected() -> None:
    layout = make_layout()
    assert layout.place_on_floor("table", make_box(), 0.2, 3.0) is None
    assert layout.place_against_wall("bed", make_box(4.5), "right", 2.0) is None
    assert layout.hang_on_wall("frame", make_picture(height=2.0), "right", 2.0, 1.7) is None


def test_place_on_top_stays_within_the_table_top() -> None:
    layout = make_layout()
    table = layout.place_on_floor("table", make_box(), 2.5, 2.0)
    assert table is not None
    for seed in range(10):
        layout.place_on_top("vase", make_box(0.1, 0.1, 0.2), table, np.random.default_rng(seed))
        low, high = layout.meshes[-1].bounds
        assert np.isclose(low[2], 0.8)
        assert (low[:2] >= table.bounds[0][:2]).all()
        assert (high[:2] <= table.bounds[1][:2]).all()


def test_is_clear_measures_the_distance_to_pieces() -> None:
    layout = make_layout()
    layout.place_on_floor("table", make_box(), 2.5, 2.0)
    assert not layout.is_clear(2.5, 2.5, 0.45)
    assert layout.is_clear(2.5, 3.0, 0.45)
