"""One wall of a photo at full size: its pixels, its matte and its luminance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from wallpaint.imaging import color
from wallpaint.imaging.icc import ColorSpace
from wallpaint.scene.matting import Matte
from wallpaint.typing import Array

TILE_PX = 256


class Canvas:
    """One wall of one photo, to which any number of transfer fields can be applied.

    It holds everything independent of the paint: the luminance of the wall and its edge pixels.
    """

    def __init__(self, codes: Array, space: ColorSpace, matte: Matte, origin: tuple[int, int]) -> None:
        """codes: (H, W, C), a window of the photo at origin (top, left). matte: of the same window."""
        self.codes, self.space, self.matte, self.origin = codes, space, matte, origin
        self.luma = np.zeros(matte.core.shape, np.float32)
        self.tiles = list(_tiles(matte.core))
        for rows, cols, _ in self.tiles:
            self.luma[rows, cols] = space.luminance(codes[rows, cols])
        self.edge_luma = color.luminance(matte.foreground).astype(np.float32)

    def sample(self, count: int) -> tuple[Array, Array]:
        """Return at most count core pixels, evenly spaced: (rows, cols)."""
        flat = np.flatnonzero(self.matte.core)
        every = np.linspace(0, flat.size - 1, min(count, flat.size)).astype(np.int64)
        rows, cols = np.divmod(flat[every], self.matte.core.shape[1])
        return rows, cols


def _tiles(core: Array) -> Iterator[tuple[slice, slice, bool]]:
    """Yield the tiles that contain wall: rows, columns, and whether every pixel is wall."""
    height, width = core.shape
    for top in range(0, height, TILE_PX):
        for left in range(0, width, TILE_PX):
            tile = slice(top, min(top + TILE_PX, height)), slice(left, min(left + TILE_PX, width))
            if core[tile].any():
                yield *tile, bool(core[tile].all())
