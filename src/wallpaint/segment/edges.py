"""From a rough map of what is likely wall to a mask whose edges are the photo's own, at full size.

probability -> at up to 1024 px: local colours of wall and of what is beside it decide in a band round the edge
            -> guided filter: the map becomes, place by place, an affine function of the photo
            -> the same function at full size, cut near one half
"""

from __future__ import annotations

import cv2
import numpy as np

from wallpaint.scene import mask as masks
from wallpaint.segment.network import sigmoid
from wallpaint.typing import Array

SPREAD_PX = 448  # on the longer side
SPREAD, EDGE = 3.0, 4.0  # how far certainty spreads, and codes of CIELAB, 0..255, that stop it
UNSURE = 0.02  # probabilities nearer to 0 or 1 count as this near
WORKING_PX = 1024  # on the longer side
SEEN_PX = 192  # on the longer side, about what a network's map tells apart
BAND = 2.2  # of those pixels: how far edges may be off
TRUST = 0.25  # weight of colour against the network
MOST_COLOUR = 4.0  # log odds that colour alone may be worth
NOISE = 6.0  # CIELAB units below which a difference of colours is noise, texture or shade
EPS = 2e-4  # variance of the photo, in 0..1, that the filter takes for noise
STEEP = 3.0  # slope of the cut at one half
SOFT_PX = 3  # width of the soft edge at full size
SPECK = 4e-4  # share of the picture below which islands and holes are dropped
CRUMB = 3e-5  # the same at full size, where the photo's own grain makes some


def sharpen(probability: Array, rgb: Array) -> Array:
    """A mask out of a probability map.

    probability: (h, w) float32, 0..1, of any size. rgb: (H, W, 3) uint8 sRGB, the photo. Returns (H, W) float32, 0..1,
    hard but for a few pixels at its edges.
    """
    height, width = rgb.shape[:2]
    probability = spread(probability, rgb)
    scale = min(1.0, WORKING_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    grow = max(size) / SEEN_PX
    shrinks = size[0] < probability.shape[1]
    rough = cv2.resize(probability, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    band_px = max(1.0, BAND * grow)
    settled = by_local_colour(rough, small, band_px)
    settled = _without_specks(settled)
    slope, offset = guided(settled, small, max(1, round(0.7 * band_px)))
    return _cut(slope, offset, settled, rgb)


def spread(probability: Array, rgb: Array) -> Array:
    """Log odds smoothed over even surfaces, not across edges, so that one surface is one thing.

    probability: (h, w) float32. rgb: (H, W, 3) uint8. Returns (k, l) float32, SPREAD_PX on the longer side. Source: the
    fast global smoother of Min et al. 2014, which solves weighted least squares.
    """
    scale = SPREAD_PX / max(rgb.shape[:2])
    size = (max(2, round(rgb.shape[1] * scale)), max(2, round(rgb.shape[0] * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    fine = np.clip(cv2.resize(probability, size, interpolation=cv2.INTER_LINEAR), UNSURE, 1 - UNSURE)
    odds = np.log(fine / (1 - fine)).astype(np.float32)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    return sigmoid(cv2.ximgproc.fastGlobalSmootherFilter(lab, odds, SPREAD, EDGE))


def by_local_colour(probability: Array, rgb: Array, band_px: float) -> Array:
    """Near edges, ask what colours wall and surroundings have close by; elsewhere the map stays.

    probability: (h, w) float32. rgb: (h, w, 3) uint8. band_px: how far from the right place an edge may lie.
    Both sides are Gaussians of CIELAB over a box round the pixel, from pixels that are surely on their side.
    """
    wall = probability > 0.5
    if wall.all() or not wall.any():
        return probability
    away = np.where(
        wall,
        cv2.distanceTransform(wall.astype(np.uint8), cv2.DIST_L2, 3),
        -cv2.distanceTransform((~wall).astype(np.uint8), cv2.DIST_L2, 3),
    )
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab[..., 0] *= 0.6  # shade changes lightness more than colour
    sides = []
    reach = round(3 * band_px) + 1
    for sure in (away > band_px, away < -band_px):
        weight = sure.astype(np.float32)
        kept = _box(weight, reach)
        mean = _box(lab * weight[..., None], reach) / (kept + 1e-6)[..., None]
        square = _box(lab * lab * weight[..., None], reach) / (kept + 1e-6)[..., None]
        variance = np.maximum(square - mean * mean, 0) + NOISE
        distance = ((lab - mean) ** 2 / variance + np.log(variance)).sum(-1) / 2
        sides.append((distance, kept > 0.02))
    (to_wall, has_wall), (to_other, has_other) = sides
    told = np.where(has_wall & has_other, np.clip(to_other - to_wall, -MOST_COLOUR, MOST_COLOUR), 0)
    near = np.clip(2 - np.abs(away) / band_px, 0, 1)  # fades out where the band ends
    clipped = np.clip(probability, 1e-3, 1 - 1e-3)
    return sigmoid(np.log(clipped / (1 - clipped)) + TRUST * near * told)


def guided(values: Array, rgb: Array, radius_px: int) -> tuple[Array, Array]:
    """Coefficients of the guided filter in colour: values is about (slope * rgb).sum(-1) + offset round each place.

    values: (h, w) float32. rgb: (h, w, 3) uint8. Returns slope (h, w, 3) and offset (h, w), float32, averaged over the
    boxes that hold a place. Source: He, Sun & Tang 2010.
    """
    guide = rgb.astype(np.float32) / 255
    mean, level = _box(guide, radius_px), _box(values, radius_px)
    joint = _box(guide * values[..., None], radius_px) - mean * level[..., None]
    spread = {
        (i, j): _box(guide[..., i] * guide[..., j], radius_px) - mean[..., i] * mean[..., j] + (EPS if i == j else 0)
        for i in range(3)
        for j in range(i, 3)
    }
    slope = _solved(spread, joint)
    offset = level - (slope * mean).sum(-1)
    return _box(slope, radius_px), _box(offset, radius_px)


def _solved(spread: dict[tuple[int, int], Array], joint: Array) -> Array:
    """spread^-1 joint for symmetric 3 x 3 matrices, by cofactors."""
    a, b, c = spread[0, 0], spread[0, 1], spread[0, 2]
    d, e, f = spread[1, 1], spread[1, 2], spread[2, 2]
    rows = ((d * f - e * e, c * e - b * f, b * e - c * d), (a * f - c * c, b * c - a * e), (a * d - b * b,))
    determinant = np.maximum(a * rows[0][0] + b * rows[0][1] + c * rows[0][2], 1e-14)
    x, y, z = joint[..., 0], joint[..., 1], joint[..., 2]
    solved = np.stack(
        [
            rows[0][0] * x + rows[0][1] * y + rows[0][2] * z,
            rows[0][1] * x + rows[1][0] * y + rows[1][1] * z,
            rows[0][2] * x + rows[1][1] * y + rows[2][0] * z,
        ],
        -1,
    )
    return (solved / determinant[..., None]).astype(np.float32)


def _cut(slope: Array, offset: Array, settled: Array, rgb: Array) -> Array:
    """The filter's answer at full size in the band round the edge; black and white elsewhere. Strip by strip."""
    height, width = rgb.shape[:2]
    hard = cv2.resize(settled, (width, height), interpolation=cv2.INTER_LINEAR)
    grow = width / settled.shape[1]
    reach = 2 * round(SOFT_PX * max(1.0, grow)) + 1
    square = np.ones((reach, reach), np.uint8)
    wall = (hard > 0.5).astype(np.uint8)
    band = cv2.dilate(wall, square) != cv2.erode(wall, square)
    alpha = wall.astype(np.float32)
    rows, columns = np.nonzero(band)
    if len(rows):
        place = np.stack([(columns + 0.5) / grow - 0.5, (rows + 0.5) * settled.shape[0] / height - 0.5], -1)
        found = _looked_up(slope, offset, place.astype(np.float32), rgb[rows, columns])
        alpha[rows, columns] = np.clip(STEEP * (found - 0.5) + 0.5, 0, 1)
    return _without_crumbs(alpha)


def _looked_up(slope: Array, offset: Array, place: Array, rgb: Array) -> Array:
    """The filter at some pixels. place: (N, 2), x and y in the small picture. rgb: (N, 3) uint8."""
    maps = np.dstack([slope, offset])
    columns = 1 << 14  # OpenCV's remap takes maps of at most 32767 a side
    rows = -(-len(place) // columns)
    flat = np.zeros((rows * columns, 2), np.float32)
    flat[: len(place)] = place
    grid = flat.reshape(rows, columns, 2)
    flags = {"interpolation": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REPLICATE}
    found = cv2.remap(maps, grid[..., 0], grid[..., 1], **flags).reshape(-1, 4)[: len(place)]
    return (found[:, :3] * (rgb.astype(np.float32) / 255)).sum(-1) + found[:, 3]


def _without_specks(probability: Array) -> Array:
    """Islands and holes too small to be anything go to the other side."""
    wall = probability > 0.5
    least = max(4, round(SPECK * wall.size))
    clean = masks.remove_specks(wall, least, least // 2)
    return np.where(clean == wall, probability, np.where(clean, np.float32(0.9), np.float32(0.1)))


def _without_crumbs(alpha: Array) -> Array:
    """What the cut at full size leaves of islands and holes of a few pixels."""
    wall = alpha >= 0.5
    least = max(4, round(CRUMB * wall.size))
    clean = masks.remove_specks(wall, least, least)
    return np.where(clean == wall, alpha, clean).astype(np.float32)


def _box(values: Array, radius_px: int) -> Array:
    side = (2 * radius_px + 1, 2 * radius_px + 1)
    return cv2.boxFilter(values, -1, side, borderType=cv2.BORDER_REFLECT)
