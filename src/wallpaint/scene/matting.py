"""Alpha matting in a narrow band along a wall's edge, where wall and furniture share pixels.

Deep inside the mask a pixel is entirely wall; well outside it is none. In between the camera mixed both:
``photo = alpha * foreground + (1 - alpha) * background``, with the wall as foreground. Painting such a pixel as if it
were all wall leaves a bright or coloured fringe around every chair. So alpha is measured on the photo, and only the
wall's share of the light is replaced.

Source of the estimate: the projection that Bayesian matting starts from (Chuang et al. 2001), with local means as the
two colours.
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


OUTSIDE_PX = 3  # no pixel further than this outside the mask is changed
INSIDE_PX = 4  # a mask pixel deeper than this is wall, whatever its colour
COLOR_RADIUS_PX = 10  # radius of the box over which the colours of wall and background are averaged
TILE_PX = 160  # small tiles follow the band closely: fewer pixels of the photo are averaged in vain
NOISE_LINEAR = 0.01  # linear-light differences below this are noise, not an edge


@dataclass(frozen=True)
class Matte:
    """The share of wall in each pixel, at the photo's full size.

    core: (H, W) bool, pixels that are entirely wall.
    rows, cols: (N,) int64, positions of the edge pixels, none of them in core.
    alpha: (N,) float32, share of wall in each edge pixel, 0..1.
    foreground: (N, 3) float32, linear sRGB, the estimated colour of the wall in that pixel.
    background: (N, 3) float32, linear sRGB, the mean colour beside the wall.
    photo: (N, 3) float32, linear sRGB, the pixel itself; photo - alpha * foreground is the light of the background.
    """

    core: Array
    rows: Array
    cols: Array
    alpha: Array
    foreground: Array
    background: Array
    photo: Array


def estimate_matte(codes: Array, space: ColorSpace, alpha: Array, *, refine: bool) -> Matte:
    """Estimate alpha and the wall's colour along the mask's edge.

    codes: (H, W, C) uint8 or uint16, the photo's own pixels. space: converts them to linear sRGB.
    alpha: (H, W) float32, the user's mask, 0..1. refine: measure alpha on the photo and fall back to the mask's value
    where wall and background have the same colour; otherwise use the mask's values as alpha.
    """
    inside, outside = alpha >= 0.99, alpha <= 0.01
    is_binary = np.count_nonzero(inside) + np.count_nonzero(outside) == alpha.size
    core = _core(alpha, inside, INSIDE_PX if refine else 1)
    far = masks.erode(outside, OUTSIDE_PX) if refine else outside
    band = ~core & ~far
    tiles = [
        _matte_tile(codes, space, alpha, (inside, outside, core, far, band), top, left, refine, is_binary)
        for top in range(0, alpha.shape[0], TILE_PX)
        for left in range(0, alpha.shape[1], TILE_PX)
        if band[top : top + TILE_PX, left : left + TILE_PX].any()
    ]
    tiles = tiles or [_empty_tile()]
    return Matte(core, *(np.concatenate(column) for column in zip(*tiles, strict=True)))


def _core(alpha: Array, inside: Array, radius_px: int) -> Array:
    """Return the pixels that are entirely wall; the erosion is reduced for walls too thin for it."""
    for radius in range(radius_px, 0, -1):
        core = masks.erode(inside, radius)
        if np.count_nonzero(core) > 0.05 * np.count_nonzero(inside):
            return core
    return inside if inside.any() else alpha == alpha.max()


def _empty_tile() -> tuple[Array, ...]:
    no_index, no_rgb = np.zeros(0, np.int64), np.zeros((0, 3), np.float32)
    return no_index, no_index, np.zeros(0, np.float32), no_rgb, no_rgb, no_rgb


def _matte_tile(
    codes: Array,
    space: ColorSpace,
    alpha: Array,
    maps: tuple[Array, Array, Array, Array, Array],
    top: int,
    left: int,
    refine: bool,
    is_binary: bool,
) -> tuple[Array, ...]:
    """Return (rows, cols, alpha, foreground, background, photo) of the band pixels in one tile.

    maps: (inside, outside, core, far, band), each (H, W) bool. Only the band's bounding box is read, padded so that
    local means are complete.
    """
    rows, cols = np.nonzero(maps[-1][top : top + TILE_PX, left : left + TILE_PX])
    rows, cols, pad = rows + top, cols + left, COLOR_RADIUS_PX
    y0, x0 = max(0, int(rows[0]) - pad), max(0, int(cols.min()) - pad)
    window = slice(y0, int(rows[-1]) + pad + 1), slice(x0, int(cols.max()) + pad + 1)
    inside, outside, core, far = (m[window] for m in maps[:-1])
    photo = space.to_linear(codes[window])  # [h, w, 3]
    at = rows - y0, cols - x0
    i = photo[at]  # [N, 3]
    squares = cv2.transform(cv2.multiply(photo, photo), np.ones((1, 3), np.float32))
    f, wall_var = _local_color(photo, squares, core, inside, at)
    b, background_var = _local_color(photo, squares, far, outside, at)
    mask_alpha = alpha[window]
    if refine:
        prior = cv2.GaussianBlur(mask_alpha, (0, 0), 0.7)[at] if is_binary else mask_alpha[at]
        lower, upper = _alpha_bounds(mask_alpha, is_binary, at)
        edge_alpha = _project_alpha(i, f, b, wall_var + background_var, prior).clip(lower, upper)
    else:
        edge_alpha = mask_alpha[at]
    a = edge_alpha[:, None]
    f = f + a * (i - a * f - (1 - a) * b)
    f = np.clip(
        f, 0, np.maximum(i, 0) / np.maximum(a, 1e-3)
    )  # the wall cannot contribute more light than the pixel has
    return rows, cols, edge_alpha.astype(np.float32), f.astype(np.float32), b.astype(np.float32), i


def _alpha_bounds(alpha: Array, is_binary: bool, at: tuple[Array, Array]) -> tuple[Array, Array]:
    """Return the lowest and highest alpha of the pixels `at` (rows, cols) by their distance from the mask's edge.

    A hand-drawn binary edge may be some pixels off; a soft one is assumed to lie within a pixel of the truth.
    """
    inside = (alpha > 0.5).astype(np.uint8)
    inner, outer = (cv2.distanceTransform(side, cv2.DIST_L2, 3)[at] for side in (inside, 1 - inside))
    depth_px = inner - outer
    if is_binary:
        return np.clip((depth_px - 1.5) / (INSIDE_PX - 1), 0, 1), np.clip((depth_px + OUTSIDE_PX + 0.5) / 2, 0, 1)
    return np.clip((depth_px - 1) / 2, 0, 1), np.clip((depth_px + 2.5) / 2, 0, 1)


def _local_color(
    photo: Array, squares: Array, certain: Array, likely: Array, at: tuple[Array, Array]
) -> tuple[Array, Array]:
    """Return the mean colour in the box around each pixel `at` (rows, cols), and its variance summed over channels.

    squares: (h, w), the sum of the squared channels of photo. The mean is over the pixels of `certain`; over those of
    `likely` where the box has none.
    """
    weight = certain.astype(np.float32) + 1e-3 * likely.astype(np.float32) + 1e-9
    box = (2 * COLOR_RADIUS_PX + 1, 2 * COLOR_RADIUS_PX + 1)

    def sums(x: Array) -> Array:
        return np.asarray(cv2.boxFilter(x, -1, box, normalize=True, borderType=cv2.BORDER_REFLECT)[at])

    total = sums(weight)
    mean = sums(cv2.multiply(photo, cv2.merge([weight, weight, weight]))) / total[:, None]
    mean_square = sums(cv2.multiply(squares, weight)) / total
    return mean, np.maximum(mean_square - np.einsum("nc,nc->n", mean, mean), 0)


def _project_alpha(photo: Array, foreground: Array, background: Array, variance: Array, prior: Array) -> Array:
    """Return the position of photo between background (0) and foreground (1), (N,).

    Where the two colours cannot be separated, or the pixel is far from the line between them, the result is the prior.
    """
    line = foreground - background
    contrast = np.einsum("nc,nc->n", line, line)
    measured = np.clip(np.einsum("nc,nc->n", photo - background, line) / (contrast + 1e-9), 0, 1)
    residual = photo - background - measured[:, None] * line  # off the line a pixel is not a mix of the two
    unexplained = np.einsum("nc,nc->n", residual, residual)
    trust = contrast / (contrast + 8 * variance + 8 * unexplained + NOISE_LINEAR**2)
    trust = np.clip(2.5 * trust - 1, 0, 1)
    return trust * measured + (1 - trust) * prior
