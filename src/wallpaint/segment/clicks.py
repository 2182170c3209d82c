"""Corrections by a click: what is there becomes wall, or stops being wall, up to the photo's own edges.

Round each click a region of even colour is followed. With it, and with what the network says elsewhere, GrabCut
(Rother, Kolmogorov & Blake 2004) decides where wall ends; what changes is only what hangs together with the click.
With a SAM the region is SAM's answer instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from wallpaint.typing import Array

WORKING_PX = 480  # on the longer side
EVEN = 3  # codes of CIELAB, 0..255, that neighbours of one region differ by at most
SHADE, TINT = 36, 9  # the same codes, lightness halved: how far a region may get from the clicked colour
SEED = 0.008  # radius round a click that is taken at its word, as a share of the longer side
FAR = 0.12  # the same: how far from it a click has its way against a network that is sure
REACH = 0.02  # how far beyond its region a click may change things, likewise
KNOWN = 0.97  # probability beyond which the network is believed
CERTAIN = 0.985  # the same where a click says otherwise
ROUNDS = 3
SAID = 0.97  # probability of what was clicked

Point = tuple[int, int]


def corrected(
    probability: Array, rgb: Array, clicks: Sequence[Point], not_clicks: Sequence[Point], sam: Path | None = None
) -> Array:
    """A probability map after clicks.

    probability: (h, w) float32, of any size. rgb: (H, W, 3) uint8 sRGB. clicks, not_clicks: (x, y) in rgb. sam: folder
    of a SAM. Returns (k, l) float32, at most WORKING_PX on the longer side. Raises ModelError for the SAM.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, WORKING_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    before = cv2.resize(probability, size, interpolation=cv2.INTER_LINEAR)
    if sam is not None:
        from wallpaint.segment.sam import regions

        added, removed = regions(sam, rgb, clicks, not_clicks, size[::-1])
    else:
        yes, no = (_within(points, scale, size) for points in (clicks, not_clicks))
        added, removed = _by_colour(before, small, yes, no)
    after = before.copy()
    after[added] = np.maximum(after[added], SAID)
    after[removed] = np.minimum(after[removed], 1 - SAID)
    return after


def _within(points: Sequence[Point], scale: float, size: tuple[int, int]) -> list[Point]:
    return [(min(size[0] - 1, int(x * scale)), min(size[1] - 1, int(y * scale))) for x, y in points]


def _by_colour(probability: Array, rgb: Array, clicks: list[Point], not_clicks: list[Point]) -> tuple[Array, Array]:
    """What clicks add and remove, both (h, w) bool."""
    size = probability.shape
    added, removed = (np.zeros(size, bool) for _ in range(2))
    yes = [_region(rgb, point) & ((probability > 1 - CERTAIN) | _disc(size, point, FAR)) for point in clicks]
    no = [_region(rgb, point) & ((probability < CERTAIN) | _disc(size, point, FAR)) for point in not_clicks]
    wall = _cut(probability, rgb, (clicks, yes), (not_clicks, no))
    for point, region in zip(clicks, yes, strict=True):
        added |= _joined(wall, point) & _near(region)
    for point, region in zip(not_clicks, no, strict=True):
        removed |= _joined(~wall, point) & _near(region)
    return added & ~removed, removed


def _region(rgb: Array, point: Point) -> Array:
    """The even region round a point: neighbours differ little, so that it follows shade and stops at edges."""
    quiet = cv2.bilateralFilter(rgb, 7, 18, 5)
    lab = cv2.cvtColor(quiet, cv2.COLOR_RGB2LAB)
    lab[..., 0] = lab[..., 0] // 2
    found = np.zeros((rgb.shape[0] + 2, rgb.shape[1] + 2), np.uint8)
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | (1 << 8)
    cv2.floodFill(lab, found, point, 0, (EVEN,) * 3, (EVEN,) * 3, flags)
    away = np.abs(lab.astype(np.int16) - lab[point[1], point[0]])
    alike = (away[..., 0] < SHADE) & (away[..., 1:].max(-1) < TINT)
    inner = _joined((found[1:-1, 1:-1] > 0) & alike, point)
    closed = cv2.morphologyEx(inner.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) > 0
    return closed | _disc(inner.shape, point)


def _disc(size: tuple[int, ...], point: Point, radius: float = SEED) -> Array:
    """(h, w) bool. radius: as a share of the longer side."""
    drawn = np.zeros(size, np.uint8)
    cv2.circle(drawn, point, max(1, round(radius * max(size))), 1, -1)
    return drawn > 0


def _near(region: Array) -> Array:
    reach = 2 * max(1, round(REACH * max(region.shape))) + 1
    return cv2.dilate(region.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0


def _cut(
    probability: Array, rgb: Array, yes: tuple[list[Point], list[Array]], no: tuple[list[Point], list[Array]]
) -> Array:
    """GrabCut, seeded by the network and the clicks: (h, w) bool."""
    labels = np.where(probability > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[probability > KNOWN] = cv2.GC_FGD
    labels[probability < 1 - KNOWN] = cv2.GC_BGD
    for (_, regions), likely in ((yes, cv2.GC_PR_FGD), (no, cv2.GC_PR_BGD)):
        for region in regions:
            labels[region] = likely
    for (points, _), sure in ((yes, cv2.GC_FGD), (no, cv2.GC_BGD)):
        for point in points:
            labels[_disc(labels.shape, point)] = sure
    is_wall = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if is_wall.all() or not is_wall.any():
        return is_wall
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(rgb), labels, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))


def _joined(mask: Array, point: Point) -> Array:
    """What hangs together with a point, (h, w) bool; nothing where the point is not in the mask."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    here = labels[point[1], point[0]]
    return labels == here if here else np.zeros(mask.shape, bool)
