"""The few pixels at a wall's edge, where wall and furniture share a pixel.

Deep inside the mask a pixel is all wall; well outside it is none of the wall's business. Between the two the camera
mixed both: ``photo = alpha * wall + (1 - alpha) * behind``. Painting such a pixel as if it were all wall leaves a
bright or coloured fringe round every chair, so here the mix is taken apart: alpha is measured on the photo, and the
wall's share of the light is kept, so that paint can replace it and nothing else.

Source of the measurement: the projection that Bayesian matting starts from (Chuang et al. 2001), with local means as
the two colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from wallpaint.scene import mask as masks
from wallpaint.typing import Array

if TYPE_CHECKING:
    from wallpaint.imaging.icc import ColorSpace


OUTSIDE_PX = 3  # never touch a pixel further outside the mask than this
INSIDE_PX = 4  # beyond this a mask pixel is wall, whatever it looks like
REACH_PX = 10  # colours of wall and surroundings are averaged over a box of this radius
TILE_PX = 512
NOISE_LINEAR = 0.01  # linear-light differences below this are noise, not an edge


@dataclass(frozen=True)
class Matte:
    """What is wall, pixel by pixel, at the photo's full size.

    core: (H, W) bool, pixels that are wall through and through.
    rows, cols: (N,) int64, positions of the edge pixels, none of them in core.
    alpha: (N,) float32, share of wall in each edge pixel, 0..1.
    wall: (N, 3) float32, linear sRGB, what the wall alone would have sent to that pixel.
    photo: (N, 3) float32, linear sRGB, the pixel as it is; photo - alpha * wall is the light that is not wall's.
    """

    core: Array
    rows: Array
    cols: Array
    alpha: Array
    wall: Array
    photo: Array


def extract(codes: Array, space: ColorSpace, alpha: Array, *, refine: bool) -> Matte:
    """Take the mask's edge apart into wall and what stands before or beside it.

    codes: (H, W, C) uint8 or uint16, the photo's own pixels. space: turns them into linear sRGB.
    alpha: (H, W) float32, the user's mask, 0..1. refine: measure alpha on the photo, with the mask's value as the
    answer where the photo cannot tell; otherwise the mask's own values are alpha.
    """
    inside, outside = alpha >= 0.99, alpha <= 0.01
    hard = np.count_nonzero(inside) + np.count_nonzero(outside) == alpha.size
    core = _core(alpha, inside, INSIDE_PX if refine else 1)
    far = masks.erode(outside, OUTSIDE_PX) if refine else outside
    band = ~core & ~far
    parts = [
        _tile(codes, space, alpha, (inside, outside, core, far, band), top, left, refine, hard)
        for top in range(0, alpha.shape[0], TILE_PX)
        for left in range(0, alpha.shape[1], TILE_PX)
        if band[top : top + TILE_PX, left : left + TILE_PX].any()
    ]
    parts = parts or [_no_edge()]
    rows, cols, share, wall, photo = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Matte(core, rows, cols, share, wall, photo)


def _core(alpha: Array, inside: Array, radius_px: int) -> Array:
    """Pixels that are wall through and through; a wall too thin for that keeps what it has."""
    for radius in range(radius_px, 0, -1):
        core = masks.erode(inside, radius)
        if np.count_nonzero(core) > 0.05 * np.count_nonzero(inside):
            return core
    return inside if inside.any() else alpha == alpha.max()


def _no_edge() -> tuple[Array, Array, Array, Array, Array]:
    none, flat = np.zeros(0, np.int64), np.zeros((0, 3), np.float32)
    return none, none, np.zeros(0, np.float32), flat, flat


def _tile(
    codes: Array,
    space: ColorSpace,
    alpha: Array,
    maps: tuple[Array, Array, Array, Array, Array],
    top: int,
    left: int,
    refine: bool,
    hard: bool,
) -> tuple[Array, Array, Array, Array, Array]:
    height, width = alpha.shape
    pad = REACH_PX
    y0, x0 = max(0, top - pad), max(0, left - pad)
    y1, x1 = min(height, top + TILE_PX + pad), min(width, left + TILE_PX + pad)
    inside, outside, core, far, band = (m[y0:y1, x0:x1] for m in maps)
    photo = space.to_linear(codes[y0:y1, x0:x1])  # [h, w, 3]
    wall, wall_var = _local_colour(photo, core, inside)
    other, other_var = _local_colour(photo, far, outside)
    mine = np.zeros_like(band)
    mine[top - y0 : top - y0 + TILE_PX, left - x0 : left - x0 + TILE_PX] = True
    rows, cols = np.nonzero(band & mine)
    i, w, o = photo[rows, cols], wall[rows, cols], other[rows, cols]
    a = alpha[y0:y1, x0:x1]
    if refine:
        soft = cv2.GaussianBlur(a, (0, 0), 0.7)[rows, cols] if hard else a[rows, cols]
        spread = wall_var[rows, cols] + other_var[rows, cols]
        least, most = _bounds(a, hard)
        a_edge = _measure_alpha(i, w, o, spread, soft).clip(least[rows, cols], most[rows, cols])
    else:
        a_edge = a[rows, cols]
    share = a_edge[:, None]
    w = w + share * (i - share * w - (1 - share) * o)
    w = np.clip(w, 0, np.maximum(i, 0) / np.maximum(share, 1e-3))  # no wall sends more light than the pixel got
    return rows + y0, cols + x0, a_edge.astype(np.float32), w.astype(np.float32), i


def _bounds(alpha: Array, hard: bool) -> tuple[Array, Array]:
    """How little and how much wall a pixel may hold, by its distance from the mask's edge.

    A drawn edge may be some pixels off; one with soft values is taken to lie within a pixel of the truth.
    """
    inside = (alpha > 0.5).astype(np.uint8)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3) - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
    if hard:
        return np.clip((depth - 1.5) / (INSIDE_PX - 1), 0, 1), np.clip((depth + OUTSIDE_PX + 0.5) / 2, 0, 1)
    return np.clip((depth - 1) / 2, 0, 1), np.clip((depth + 2.5) / 2, 0, 1)


def _local_colour(photo: Array, sure: Array, likely: Array) -> tuple[Array, Array]:
    """Mean colour and its variance (summed over channels) in a box, from sure pixels; from likely ones where there
    are none.
    """
    weight = sure.astype(np.float32) + 1e-3 * likely.astype(np.float32) + 1e-9
    box = (2 * REACH_PX + 1, 2 * REACH_PX + 1)

    def blur(x: Array) -> Array:
        return cv2.boxFilter(x, -1, box, normalize=True, borderType=cv2.BORDER_REFLECT)

    total = blur(weight)[..., None]
    mean = blur(photo * weight[..., None]) / total
    square = blur(np.einsum("ijc,ijc->ij", photo, photo) * weight) / total[..., 0]
    return mean, np.maximum(square - np.einsum("ijc,ijc->ij", mean, mean), 0)


def _measure_alpha(photo: Array, wall: Array, other: Array, spread: Array, geometric: Array) -> Array:
    """Where photo lies between other (0) and wall (1), as far as the two can be told apart; the mask's word
    elsewhere.
    """
    step = wall - other
    contrast = np.einsum("nc,nc->n", step, step)
    measured = np.clip(np.einsum("nc,nc->n", photo - other, step) / (contrast + 1e-9), 0, 1)
    miss = photo - other - measured[:, None] * step  # a pixel off the line between the two is neither, nor a mix
    unexplained = np.einsum("nc,nc->n", miss, miss)
    trust = contrast / (contrast + 8 * spread + 8 * unexplained + NOISE_LINEAR**2)
    trust = np.clip(2.5 * trust - 1, 0, 1)
    return trust * measured + (1 - trust) * geometric
