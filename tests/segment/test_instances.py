"""Walls told apart by gaps, paints and corners, and not by shade."""

from __future__ import annotations

import numpy as np

from support.painted_rooms import CORNER, overlap, photo_and_walls
from wallpaint.segment import instances as separation


def test_two_walls_part_at_their_corner() -> None:
    photo, walls = photo_and_walls()
    masks, _ = separation.separate((walls >= 0).astype(np.float32), photo)
    assert list(masks) == ["wall-1", "wall-2"]
    assert overlap(masks["wall-1"] > 0.5, walls == 0) > 0.97
    assert overlap(masks["wall-2"] > 0.5, walls == 1) > 0.95


def test_two_paints_part_where_they_meet() -> None:
    photo, walls = photo_and_walls(left=(190, 110, 90), right=(90, 130, 180))
    masks, _ = separation.separate((walls >= 0).astype(np.float32), photo)
    assert len(masks) == 2
    assert overlap(masks["wall-1"] > 0.5, walls == 0) > 0.95


def test_shade_that_fades_is_no_corner() -> None:
    photo, walls = photo_and_walls(left=(150, 170, 150), right=(150, 170, 150))
    mask = (walls >= 0).astype(np.float32)
    masks, notes = separation.separate(mask, photo)
    assert list(masks) == ["wall-1"]
    assert "could not be told apart" in notes[0]


def test_a_gap_parts_walls_that_look_alike() -> None:
    photo, walls = photo_and_walls(left=(150, 170, 150), right=(150, 170, 150))
    mask = (walls >= 0).astype(np.float32)
    mask[:, CORNER - 8 : CORNER + 8] = 0
    masks, _ = separation.separate(mask, photo)
    assert len(masks) == 2
    assert masks["wall-1"][:, CORNER + 8 :].max() == 0


def test_the_parts_are_the_whole() -> None:
    photo, walls = photo_and_walls()
    mask = np.where(walls >= 0, np.float32(0.8), np.float32(0))
    masks, _ = separation.separate(mask, photo)
    assert np.array_equal(np.sum(list(masks.values()), axis=0), mask)
