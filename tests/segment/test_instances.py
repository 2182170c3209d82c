"""Walls are split at gaps, changes of paint and corners, not at shading."""

from __future__ import annotations

import numpy as np

from support.painted_rooms import CORNER, iou, photo_and_walls
from wallpaint.segment import instances


def test_walls_are_split_at_their_corner() -> None:
    photo, walls = photo_and_walls()
    masks, _ = instances.split_walls((walls >= 0).astype(np.float32), photo)
    assert list(masks) == ["wall-1", "wall-2"]
    assert iou(masks["wall-1"] > 0.5, walls == 0) > 0.97
    assert iou(masks["wall-2"] > 0.5, walls == 1) > 0.95


def test_walls_are_split_at_a_change_of_paint() -> None:
    photo, walls = photo_and_walls(left=(190, 110, 90), right=(90, 130, 180))
    masks, _ = instances.split_walls((walls >= 0).astype(np.float32), photo)
    assert len(masks) == 2
    assert iou(masks["wall-1"] > 0.5, walls == 0) > 0.95


def test_gradual_shading_is_not_a_corner() -> None:
    photo, walls = photo_and_walls(left=(150, 170, 150), right=(150, 170, 150))
    mask = (walls >= 0).astype(np.float32)
    masks, notes = instances.split_walls(mask, photo)
    assert list(masks) == ["wall-1"]
    assert "could not be separated" in notes[0]


def test_walls_of_equal_color_are_split_at_a_gap() -> None:
    photo, walls = photo_and_walls(left=(150, 170, 150), right=(150, 170, 150))
    mask = (walls >= 0).astype(np.float32)
    mask[:, CORNER - 8 : CORNER + 8] = 0
    masks, _ = instances.split_walls(mask, photo)
    assert len(masks) == 2
    assert masks["wall-1"][:, CORNER + 8 :].max() == 0


def test_masks_add_up_to_the_input_mask() -> None:
    photo, walls = photo_and_walls()
    mask = np.where(walls >= 0, np.float32(0.8), np.float32(0))
    masks, _ = instances.split_walls(mask, photo)
    assert np.array_equal(np.sum(list(masks.values()), axis=0), mask)
