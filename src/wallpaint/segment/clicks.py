"""Corrections of a wall mask by clicks: the clicked region becomes wall, or becomes background.

A region of similar colour is grown round each click. With it, and with the network's probabilities elsewhere, GrabCut
(Rother, Kolmogorov & Blake 2004) segments the photo; only the connected component of a click changes. With a SAM, its
mask replaces the region.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from wallpaint.typing import Array

WORKING_PX = 480  # on the longer side
MAX_STEP = 3  # codes of 8-bit CIELAB: maximum difference between neighbours in a region
MAX_LIGHTNESS_DIFFERENCE, MAX_CHROMA_DIFFERENCE = 36, 9  # the same codes, lightness halved: to the clicked colour
CLICK_RADIUS = 0.008  # share of the longer side: radius round a click that is labelled as clicked
OVERRIDE_RADIUS = 0.12  # share of the longer side: distance up to which a click overrides a certain network
MARGIN = 0.02  # share of the longer side: how far beyond its region a click may change the mask
CERTAIN = 0.97  # probability from which GrabCut keeps the network's label
OVERRIDE_BELOW = 0.985  # probability below which a click overrides the network at any distance
GRABCUT_ITERATIONS = 3
CLICKED_PROBABILITY = 0.97

Point = tuple[int, int]


def apply_clicks(
    probability: Array, rgb: Array, clicks: Sequence[Point], not_clicks: Sequence[Point], sam: Path | None = None
) -> Array:
    """Return a probability map corrected by clicks.

    probability: (h, w) float32, of any size. rgb: (H, W, 3) uint8 sRGB. clicks, not_clicks: (x, y) in rgb, on wall and
    on background. sam: folder of a SAM. Returns (k, l) float32, at most WORKING_PX on the longer side. Raises
    ModelError for the SAM.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, WORKING_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    before = cv2.resize(probability, size, interpolation=cv2.INTER_LINEAR)
    if sam is not None:
        from wallpaint.segment.sam import click_regions

        added, removed = click_regions(sam, rgb, clicks, not_clicks, size[::-1])
    else:
        foreground, background = (_scale_points(points, scale, size) for points in (clicks, not_clicks))
        added, removed = _color_regions(before, small, foreground, background)
    after = before.copy()
    after[added] = np.maximum(after[added], CLICKED_PROBABILITY)
    after[removed] = np.minimum(after[removed], 1 - CLICKED_PROBABILITY)
    return after


def _scale_points(points: Sequence[Point], scale: float, size: tuple[int, int]) -> list[Point]:
    return [(min(size[0] - 1, int(x * scale)), min(size[1] - 1, int(y * scale))) for x, y in points]


def _color_regions(probability: Array, rgb: Array, clicks: list[Point], not_clicks: list[Point]) -> tuple[Array, Array]:
    """Return the regions that clicks add to the wall and remove from it, both (h, w) bool."""
    size = probability.shape
    added, removed = (np.zeros(size, bool) for _ in range(2))
    foreground = [
        _grow_region(rgb, point) & ((probability > 1 - OVERRIDE_BELOW) | _disc(size, point, OVERRIDE_RADIUS))
        for point in clicks
    ]
    background = [
        _grow_region(rgb, point) & ((probability < OVERRIDE_BELOW) | _disc(size, point, OVERRIDE_RADIUS))
        for point in not_clicks
    ]
    wall = _grabcut(probability, rgb, (clicks, foreground), (not_clicks, background))
    for point, region in zip(clicks, foreground, strict=True):
        added |= _component(wall, point) & _dilate(region)
    for point, region in zip(not_clicks, background, strict=True):
        removed |= _component(~wall, point) & _dilate(region)
    return added & ~removed, removed


def _grow_region(rgb: Array, point: Point) -> Array:
    """Flood-fill from a point with a tolerance between neighbours, which follows shading and stops at edges."""
    smooth = cv2.bilateralFilter(rgb, 7, 18, 5)
    lab = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB)
    lab[..., 0] = lab[..., 0] // 2
    filled = np.zeros((rgb.shape[0] + 2, rgb.shape[1] + 2), np.uint8)
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | (1 << 8)
    cv2.floodFill(lab, filled, point, 0, (MAX_STEP,) * 3, (MAX_STEP,) * 3, flags)
    difference = np.abs(lab.astype(np.int16) - lab[point[1], point[0]])
    is_similar = (difference[..., 0] < MAX_LIGHTNESS_DIFFERENCE) & (difference[..., 1:].max(-1) < MAX_CHROMA_DIFFERENCE)
    region = _component((filled[1:-1, 1:-1] > 0) & is_similar, point)
    closed = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) > 0
    return closed | _disc(region.shape, point)


def _disc(size: tuple[int, ...], point: Point, radius: float = CLICK_RADIUS) -> Array:
    """(h, w) bool. radius: as a share of the longer side."""
    disc = np.zeros(size, np.uint8)
    cv2.circle(disc, point, max(1, round(radius * max(size))), 1, -1)
    return disc > 0


def _dilate(region: Array) -> Array:
    side = 2 * max(1, round(MARGIN * max(region.shape))) + 1
    return cv2.dilate(region.astype(np.uint8), np.ones((side, side), np.uint8)) > 0


def _grabcut(
    probability: Array,
    rgb: Array,
    foreground: tuple[list[Point], list[Array]],
    background: tuple[list[Point], list[Array]],
) -> Array:
    """Run GrabCut, initialised by the network and the clicks: (h, w) bool. foreground, background: clicks and their
    regions."""
    labels = np.where(probability > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[probability > CERTAIN] = cv2.GC_FGD
    labels[probability < 1 - CERTAIN] = cv2.GC_BGD
    for (_, regions), probable in ((foreground, cv2.GC_PR_FGD), (background, cv2.GC_PR_BGD)):
        for region in regions:
            labels[region] = probable
    for (points, _), certain in ((foreground, cv2.GC_FGD), (background, cv2.GC_BGD)):
        for point in points:
            labels[_disc(labels.shape, point)] = certain
    is_wall = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if is_wall.all() or not is_wall.any():
        return is_wall
    cv2.setRNGSeed(0)
    color_models = np.zeros((1, 65)), np.zeros((1, 65))
    image = np.ascontiguousarray(rgb)
    cv2.grabCut(image, labels, None, *color_models, GRABCUT_ITERATIONS, cv2.GC_INIT_WITH_MASK)
    return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))


def _component(mask: Array, point: Point) -> Array:
    """Return the connected component of a point, (h, w) bool; empty if the point is outside the mask."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    label = labels[point[1], point[0]]
    return labels == label if label else np.zeros(mask.shape, bool)
