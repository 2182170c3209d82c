"""Edges that are the photo's own, at any size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from support.painted_rooms import overlap, photo_and_walls, rough
from wallpaint.segment import edges


def test_a_rough_map_becomes_a_mask_with_the_photos_edges() -> None:
    photo, walls = photo_and_walls()
    before = rough(walls, 7.0)
    after = edges.sharpen(before, photo)
    assert overlap(after > 0.5, walls >= 0) > 0.999 > overlap(before > 0.5, walls >= 0)


@pytest.mark.parametrize("shift", [-3, 3])
def test_an_edge_that_is_off_goes_back(shift: int) -> None:
    photo, walls = photo_and_walls()
    moved = np.roll(rough(walls, 2.0), shift, axis=0)
    found = edges.sharpen(moved, photo)
    assert overlap(found > 0.5, walls >= 0) > 0.96 > overlap(moved > 0.5, walls >= 0)


def test_a_small_map_serves_a_large_photo() -> None:
    photo, walls = photo_and_walls()
    large = cv2.resize(photo, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
    truth = cv2.resize((walls >= 0).astype(np.uint8), None, fx=6, fy=6, interpolation=cv2.INTER_NEAREST) > 0
    found = edges.sharpen(cv2.resize(rough(walls), (96, 72), interpolation=cv2.INTER_AREA), large)
    assert found.shape == large.shape[:2]
    assert found.dtype == np.float32
    assert overlap(found > 0.5, truth) > 0.98
    soft = (found > 0) & (found < 1)
    assert 0 < soft.mean() < 0.03


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_map_that_is_all_one_thing_stays_so(level: float) -> None:
    photo, walls = photo_and_walls()
    assert (edges.sharpen(np.full(walls.shape, level, np.float32), photo) == level).all()


def test_the_guided_filter_is_the_one_of_its_authors() -> None:
    """Against equations 19 to 21 of the paper, solved pixel by pixel in float64."""
    photo, walls = photo_and_walls()
    values, guide = rough(walls, 3.0), photo.astype(np.float64) / 255

    def mean(x: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(x, -1, (13, 13), borderType=cv2.BORDER_REFLECT)

    centre, level = mean(guide), mean(values.astype(np.float64))
    spread = np.empty((*values.shape, 3, 3))
    for i, j in np.ndindex(3, 3):
        spread[..., i, j] = mean(guide[..., i] * guide[..., j]) - centre[..., i] * centre[..., j]
    joint = mean(guide * values[..., None]) - centre * level[..., None]
    slope = np.linalg.solve(spread + edges.EPS * np.eye(3), joint[..., None])[..., 0]
    theirs = (mean(slope) * guide).sum(-1) + mean(level - (slope * centre).sum(-1))
    slope, offset = edges.guided(values, photo, 6)
    assert np.abs((slope * guide).sum(-1) + offset - theirs).max() < 5e-4


def test_inputs_stay_as_they_are() -> None:
    photo, walls = photo_and_walls()
    map_, before = rough(walls), (photo.copy(), rough(walls))
    edges.sharpen(map_, photo)
    assert np.array_equal(photo, before[0])
    assert np.array_equal(map_, before[1])


def test_grain_leaves_no_crumbs() -> None:
    """A large noisy photo gives a mask that has nothing to be cleaned of."""
    from wallpaint.scene.mask import lint, read_mask

    photo, walls = photo_and_walls()
    large = cv2.resize(photo, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    noisy = np.clip(large + np.random.default_rng(0).normal(0, 25, large.shape), 0, 255).astype(np.uint8)
    found = edges.sharpen(rough(walls), noisy)
    assert not lint(read_mask(found))
    hard = (found >= 0.5).astype(np.uint8)
    assert cv2.connectedComponents(hard)[0] + cv2.connectedComponents(1 - hard)[0] <= 6
