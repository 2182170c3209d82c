"""Whole surfaces: completed or dropped by the minimum cut, with boundaries on edges of the photo."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from wallpaint.segment import regions

HEIGHT, WIDTH, CORNER = 120, 200, 120  # pixels; a grey surface, and from the column CORNER on a white one


@pytest.fixture
def photo() -> np.ndarray:
    """A grey surface beside a white one, with noise and a slow change of light on both."""
    rng = np.random.default_rng(0)
    image = np.full((HEIGHT, WIDTH, 3), 120.0)
    image[:, CORNER:] = 205
    image *= np.linspace(0.9, 1.1, HEIGHT)[:, None, None]
    return np.clip(image + rng.normal(0, 1.5, image.shape), 0, 255).astype(np.uint8)


def _probability(right_wall_rows: int, blur_px: float = 12) -> np.ndarray:
    """Wall on all of the grey surface, and on so many rows of the white one, with a blurred boundary there."""
    probability = np.full((HEIGHT, WIDTH), 0.05, np.float32)
    probability[HEIGHT - right_wall_rows :] = 0.95
    if blur_px:
        probability = cv2.GaussianBlur(probability, (0, 0), blur_px)
    probability[:, :CORNER] = 0.95
    return probability


@pytest.mark.parametrize(("rows", "is_wall"), [(90, True), (30, False)])
def test_divided_surface_is_completed_or_dropped_by_majority(photo: np.ndarray, rows: int, is_wall: bool) -> None:
    result = regions.complete_surfaces(_probability(rows), photo)
    white = result.probability[:, CORNER + 3 :] > 0.5
    assert (white == is_wall).mean() > 0.99
    assert (result.probability[:, : CORNER - 3] > 0.5).mean() > 0.99
    assert (result.is_wall[:, CORNER + 3 :] == is_wall).all()


def test_sharp_boundary_of_the_map_needs_no_edge(photo: np.ndarray) -> None:
    before = _probability(30, blur_px=0)  # such as a white curtain before a white wall
    after = regions.complete_surfaces(before, photo).probability
    assert ((after > 0.5) == (before > 0.5)).mean() > 0.995


def test_error_probability_names_the_divided_surface_only(photo: np.ndarray) -> None:
    error = regions.complete_surfaces(_probability(30), photo).error_probability
    assert error[:, CORNER + 5 :].mean() == pytest.approx(0.05 + 0.9 * 30 / HEIGHT, abs=0.03)
    assert error[:, : CORNER - 5].mean() == pytest.approx(0.05, abs=0.01)


def test_map_whose_boundary_is_an_edge_is_unchanged(photo: np.ndarray) -> None:
    before = _probability(0)
    after = regions.complete_surfaces(before, photo).probability
    assert np.abs(after - before).max() < 1e-4


def test_thin_parts_keep_their_probabilities(photo: np.ndarray) -> None:
    before = _probability(0)
    before[40:43, 20:100] = 0.05  # a rail without contrast
    after = regions.complete_surfaces(before, photo).probability
    assert (after[40:43, 20:100] < 0.5).all()


@pytest.mark.parametrize("level", [0.02, 0.98])
def test_uniform_map_is_unchanged(photo: np.ndarray, level: float) -> None:
    after = regions.complete_surfaces(np.full((30, 50), level, np.float32), photo).probability
    assert np.abs(after - level).max() < 1e-3


def test_large_photo_is_reduced_and_small_one_is_not(photo: np.ndarray) -> None:
    large = np.kron(photo, np.ones((5, 5, 1), np.uint8))
    assert regions.complete_surfaces(_probability(30), large).probability.shape == (384, 640)
    assert regions.complete_surfaces(_probability(30), photo).probability.shape == (HEIGHT, WIDTH)
    assert regions.complete_surfaces(_probability(30), photo[:2, :2]).probability.shape == (2, 2)


def test_boundary_without_edge_is_the_share_of_the_boundary_away_from_edges(photo: np.ndarray) -> None:
    on_edge = np.zeros((HEIGHT, WIDTH), np.float32)
    on_edge[:, :CORNER] = 1
    assert regions.boundary_without_edge(on_edge, photo) < 0.01
    half = on_edge.copy()
    half[60:, CORNER:] = 1  # 80 pixels across the white surface, 60 along the edge
    assert regions.boundary_without_edge(half, photo) == pytest.approx(80 / 140, abs=0.05)
    assert regions.boundary_without_edge(np.ones((HEIGHT, WIDTH), np.float32), photo) == 0
