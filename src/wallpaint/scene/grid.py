"""Pixel grids over a photo: the one mapping between photo pixels, working pixels and the pixels of networks.

A grid pixel (row, col) covers the rectangle of the photo that begins at origin + (row, col) x pitch. Pixel centres lie
at integers in a grid's own coordinates, and half a pixel from its border, as in OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wallpaint.imaging.icc import ColorSpace
from wallpaint.typing import Array

STRIP_PX = 256  # photo rows averaged at once


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
    rows = max(1, STRIP_PX // step)
    for top in range(0, out_height, rows):
        strip = slice(top * step, min((top + rows) * step, height))
        cover = core[strip].astype(np.float32)
        linear = cv2.copyTo(space.to_linear(codes[strip]), core[strip].view(np.uint8))  # 0 outside the core
        pad_y, pad_x = -cover.shape[0] % step, out_width * step - width
        size = (out_width, (cover.shape[0] + pad_y) // step)
        cover = cv2.copyMakeBorder(cover, 0, pad_y, 0, pad_x, cv2.BORDER_CONSTANT)
        linear = cv2.copyMakeBorder(linear, 0, pad_y, 0, pad_x, cv2.BORDER_CONSTANT)
        share = cv2.resize(cover, size, interpolation=cv2.INTER_AREA)
        total = cv2.resize(linear, size, interpolation=cv2.INTER_AREA)
        weight[top : top + size[1]] = share
        rgb[top : top + size[1]] = total / np.maximum(share, 1e-6)[..., None]
    return rgb, weight
