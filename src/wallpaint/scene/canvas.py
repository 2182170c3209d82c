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
        core = self.matte.core
        # Strip by strip: the positions of all pixels would take several times the memory of the photo.
        strips = [core[top : top + TILE_PX] for top in range(0, len(core), TILE_PX)]
        ends = np.cumsum([np.count_nonzero(strip) for strip in strips])
        every = np.linspace(0, ends[-1] - 1, min(count, int(ends[-1]))).astype(np.int64)
        ranks = np.split(every, np.searchsorted(every, ends[:-1]))
        starts = np.concatenate([[0], ends[:-1]])
        chosen = [
            np.flatnonzero(strip)[rank - start] + i * strips[0].size
            for i, (strip, rank, start) in enumerate(zip(strips, ranks, starts, strict=True))
        ]
        rows, cols = np.divmod(np.concatenate(chosen), core.shape[1])
        return rows, cols


def _tiles(core: Array) -> Iterator[tuple[slice, slice, bool]]:
    """Yield the tiles that contain wall: rows, columns, and whether every pixel is wall."""
    height, width = core.shape
    for top in range(0, height, TILE_PX):
        for left in range(0, width, TILE_PX):
            tile = slice(top, min(top + TILE_PX, height)), slice(left, min(left + TILE_PX, width))
            if core[tile].any():
                yield *tile, bool(core[tile].all())
