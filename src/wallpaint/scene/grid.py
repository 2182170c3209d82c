"""Pixel grids over a photo: the one mapping between photo pixels, working pixels and the pixels of networks.

A grid pixel (row, col) covers the rectangle of the photo that begins at origin + (row, col) x pitch. Pixel centres lie
at integers in a grid's own coordinates, and half a pixel from its border, as in OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from wallpaint.imaging.icc import ColorSpace
from wallpaint.typing import Array

TILE_PX = 256  # side of the photo's part averaged at once, which fits the cache


@dataclass(frozen=True)
class PixelGrid:
    """A regular grid of pixels over a photo.

    origin: (top, left) of the first pixel, in photo pixels. pitch: (down, across), photo pixels per grid pixel. size:
    (height, width) in grid pixels.
    """

    origin: tuple[float, float]
    pitch: tuple[float, float]
    size: tuple[int, int]

    @classmethod
    def over(cls, photo_size: tuple[int, int], size: tuple[int, int]) -> PixelGrid:
        """Return the grid of a full photo of photo_size resized to size, both (height, width)."""
        return cls((0, 0), (photo_size[0] / size[0], photo_size[1] / size[1]), size)

    @property
    def scale(self) -> float:
        """Photo pixels per grid pixel, the geometric mean of both directions."""
        return float(np.sqrt(self.pitch[0] * self.pitch[1]))

    def coordinates_in(self, other: PixelGrid) -> tuple[Array, Array]:
        """Return where this grid's rows (h,) and columns (w,) lie in another grid's coordinates, float64."""
        rows, cols = (
            (start + (np.arange(count) + 0.5) * pitch - other_start) / other_pitch - 0.5
            for start, pitch, count, other_start, other_pitch in zip(
                self.origin, self.pitch, self.size, other.origin, other.pitch, strict=True
            )
        )
        return rows, cols


def block_means(codes: Array, space: ColorSpace, core: Array, step: int) -> tuple[Array, Array]:
    """Average a wall over the pixels of a grid whose pitch is a whole number of photo pixels.

    codes: (H, W, C), a window of the photo. core: (H, W) bool, pixels that are entirely wall. step: photo pixels per
    grid pixel; the last row and column may be covered in part. Returns the mean colour of the core in each block,
    (h, w, 3) linear sRGB, and the core's share of the block, (h, w), both float32.
    """
    height, width = core.shape
    out_height, out_width = -(-height // step), -(-width // step)
    rgb, weight = (
        np.zeros((out_height, out_width, 3), np.float32),
        np.zeros((out_height, out_width), np.float32),
    )
    side = max(1, TILE_PX // step)
    for top, left in product(range(0, out_height, side), range(0, out_width, side)):
        tile = slice(top * step, (top + side) * step), slice(left * step, (left + side) * step)
        cover = core[tile].astype(np.float32)
        if not cover.any():
            continue
        linear = cv2.copyTo(space.to_linear(codes[tile]), core[tile].view(np.uint8))  # 0 outside the core
        pad_y, pad_x = -cover.shape[0] % step, -cover.shape[1] % step
        cover = cv2.copyMakeBorder(cover, 0, pad_y, 0, pad_x, cv2.BORDER_CONSTANT)
        linear = cv2.copyMakeBorder(linear, 0, pad_y, 0, pad_x, cv2.BORDER_CONSTANT)
        size = (cover.shape[1] // step, cover.shape[0] // step)
        share = cv2.resize(cover, size, interpolation=cv2.INTER_AREA)
        total = cv2.resize(linear, size, interpolation=cv2.INTER_AREA)
        out = slice(top, top + size[1]), slice(left, left + size[0])
        weight[out] = share
        rgb[out] = total / np.maximum(share, 1e-6)[..., None]
    return rgb, weight
