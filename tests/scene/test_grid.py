"""Pixel grids: the mapping between photo, working size and the sizes of networks."""

from __future__ import annotations

import numpy as np
import pytest

from wallpaint.scene.grid import PixelGrid
from wallpaint.scene.mask import Window


def test_coordinates_of_a_working_grid_in_a_downsampled_photo() -> None:
    """Four photo pixels per working pixel and per network pixel; the wall begins 12 pixels below the top."""
    wall, network = PixelGrid((12, 0), (4, 4), (3, 16)), PixelGrid.over((120, 64), (30, 16))
    rows, cols = wall.coordinates_in(network)
    np.testing.assert_allclose(rows, [3, 4, 5], atol=1e-12)
    np.testing.assert_allclose(cols, np.arange(16), atol=1e-12)


def test_centres_of_coarse_pixels_lie_between_fine_ones() -> None:
    coarse, fine = PixelGrid.over((8, 8), (2, 4)), PixelGrid.over((8, 8), (8, 8))
    rows, cols = coarse.coordinates_in(fine)
    assert rows == pytest.approx([1.5, 5.5])
    assert cols == pytest.approx([0.5, 2.5, 4.5, 6.5])


def test_coordinates_are_inverse() -> None:
    wall, view = PixelGrid((40, 7), (3, 3), (80, 90)), Window(3, 5, 200, 300, 128, 192).grid
    for ours, back in zip(wall.coordinates_in(view), view.coordinates_in(wall), strict=True):
        inside = (ours > 0) & (ours < len(back) - 1)
        assert inside.sum() > 20
        assert np.interp(ours, np.arange(len(back)), back)[inside] == pytest.approx(np.arange(len(ours))[inside])


def test_scale_is_the_geometric_mean_of_the_pitch() -> None:
    assert Window(0, 0, 100, 400, 50, 50).grid.scale == pytest.approx(4)
    assert PixelGrid((0, 0), (3, 3), (5, 5)).scale == 3
