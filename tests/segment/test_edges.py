"""Edge-aware masks: their edges are those of the photo, at any size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from support.painted_rooms import iou, photo_and_walls, soft_map
from wallpaint.segment import edges


def test_soft_map_becomes_a_mask_with_the_photos_edges() -> None:
    photo, walls = photo_and_walls()
    before = soft_map(walls, 7.0)
    after = edges.edge_aware_mask(before, photo)
    assert iou(after > 0.5, walls >= 0) > 0.999 > iou(before > 0.5, walls >= 0)


@pytest.mark.parametrize("shift", [-3, 3])
def test_shifted_edge_is_corrected(shift: int) -> None:
    photo, walls = photo_and_walls()
    moved = np.roll(soft_map(walls, 2.0), shift, axis=0)
    mask = edges.edge_aware_mask(moved, photo)
    assert iou(mask > 0.5, walls >= 0) > 0.96 > iou(moved > 0.5, walls >= 0)


def test_small_map_is_upsampled_to_a_large_photo() -> None:
    photo, walls = photo_and_walls()
    large = cv2.resize(photo, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
    truth = cv2.resize((walls >= 0).astype(np.uint8), None, fx=6, fy=6, interpolation=cv2.INTER_NEAREST) > 0
    mask = edges.edge_aware_mask(cv2.resize(soft_map(walls), (96, 72), interpolation=cv2.INTER_AREA), large)
    assert mask.shape == large.shape[:2]
    assert mask.dtype == np.float32
    assert iou(mask > 0.5, truth) > 0.98
    soft = (mask > 0) & (mask < 1)
    assert 0 < soft.mean() < 0.03


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_constant_map_is_unchanged(level: float) -> None:
    photo, walls = photo_and_walls()
    assert (edges.edge_aware_mask(np.full(walls.shape, level, np.float32), photo) == level).all()


def test_guided_filter_matches_the_paper() -> None:
    """Compared with equations 19 to 21, solved per pixel in float64."""
    photo, walls = photo_and_walls()
    values, guide = soft_map(walls, 3.0), photo.astype(np.float64) / 255

    def mean(x: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(x, -1, (13, 13), borderType=cv2.BORDER_REFLECT)

    guide_mean, values_mean = mean(guide), mean(values.astype(np.float64))
    covariance = np.empty((*values.shape, 3, 3))
    for i, j in np.ndindex(3, 3):
        covariance[..., i, j] = mean(guide[..., i] * guide[..., j]) - guide_mean[..., i] * guide_mean[..., j]
    cross = mean(guide * values[..., None]) - guide_mean * values_mean[..., None]
    slope = np.linalg.solve(covariance + edges.GUIDED_EPS * np.eye(3), cross[..., None])[..., 0]
    expected = (mean(slope) * guide).sum(-1) + mean(values_mean - (slope * guide_mean).sum(-1))
    slope, offset = edges.guided_filter_coefficients(values, photo, 6)
    assert np.abs((slope * guide).sum(-1) + offset - expected).max() < 5e-4


def test_inputs_are_not_modified() -> None:
    photo, walls = photo_and_walls()
    probability, before = soft_map(walls), (photo.copy(), soft_map(walls))
    edges.edge_aware_mask(probability, photo)
    assert np.array_equal(photo, before[0])
    assert np.array_equal(probability, before[1])


def test_grain_leaves_no_small_components() -> None:
    """The mask of a large noisy photo passes the mask lint."""
    from wallpaint.scene.mask import lint, read_mask

    photo, walls = photo_and_walls()
    large = cv2.resize(photo, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    noisy = np.clip(large + np.random.default_rng(0).normal(0, 25, large.shape), 0, 255).astype(np.uint8)
    mask = edges.edge_aware_mask(soft_map(walls), noisy)
    assert not lint(read_mask(mask))
    hard = (mask >= 0.5).astype(np.uint8)
    assert cv2.connectedComponents(hard)[0] + cv2.connectedComponents(1 - hard)[0] <= 6
