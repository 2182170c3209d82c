"""Several old paints on one wall, and patterned walls, taken to one even paint before anything else is measured.

A new coat covers whatever was there. So where a wall shows two paints, or wallpaper, the picture is first turned
into the picture of a wall in one paint: same light, no pattern. Light and paint look alike in a photo; what decides
is this:

- A *pattern* is strong, dense variation at a small scale. Plaster and grain are weak; shadows and sun patches are
few.
- *Two paints* meet at a sharp edge and differ in colour, not just in brightness. A sharp change of brightness alone
may
  as well be a corner, a shadow or a sun patch, and sunlight is yellower than shade: those are left alone, and said.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.imaging.masked_filters import box_mean, fill, weighted_quantile
from wallpaint.typing import Array

SHARP = 0.22  # log change over four working pixels that makes an edge
PATTERN_CONTRAST = 0.09  # robust standard deviation of small-scale log luminance from which a wall is patterned
PATTERN_TINT = 0.06  # the same for the log colour ratios, free of luminance
LEAST_PATTERN_PX = 400  # working pixels; a smaller wall has no room for a pattern
LEAST_SEAM_PX = 60  # working pixels on each side that make a seam worth measuring at
LEAST_SHARE = 0.02  # of the wall, for a part to be a paint of its own
OTHER_PAINT = 12.0  # CIELAB distance, brightness set equal, from which two parts are different paints
SUN_SHIFT = 20.0  # how much yellower than shade a sun patch may be
CODE_ERROR = 1.5 / 255  # error of a stored value (rounding, JPEG), in encoded units
STEP = 2.0  # brightness ratio across a sharp edge that is worth a word


@dataclass(frozen=True)
class HomogenizedWall:
    """rgb: (h, w, 3) float32, linear sRGB, the wall as if in one paint. paints: how many it has. notes: for the
    user.
    """

    rgb: Array
    paints: int
    patterned: bool
    notes: tuple[str, ...]


def homogenize(rgb: Array, weight: Array, kind: str = "auto") -> HomogenizedWall:
    """Turn a wall with a pattern or several paints into a wall in one paint, under the same light.

    rgb: (h, w, 3) float32, linear sRGB, filled. weight: (h, w) float32, 0..1. kind: "auto" decides; "plain" takes all
    there is for light; "patterned" removes small-scale variation whatever its strength.
    """
    if kind == "plain":
        return HomogenizedWall(rgb, 1, False, ())
    if kind == "patterned" or (kind == "auto" and _is_patterned(rgb, weight)):
        note = "the wall looks patterned: its pattern is painted over (--old-wall plain keeps it as relief)"
        return HomogenizedWall(_without_pattern(rgb, weight), 1, True, (note,) if kind == "auto" else ())
    parts = _parts(rgb, weight)
    if len(parts.medians) < 2:
        return HomogenizedWall(rgb, 1, False, ())
    groups = _same_paint(parts)
    count = int(groups.max()) + 1
    if count == 1:
        return HomogenizedWall(rgb, 1, False, _brightness_note(parts))
    note = f"the wall has {count} old paints: each is taken to the new colour (--old-wall plain keeps their difference)"
    return HomogenizedWall(_repainted_alike(rgb, weight, parts, groups), count, False, (note,))


def paints(rgb: Array, weight: Array) -> Array:
    """Which of a wall's old paints each pixel shows: (h, w) int32, 0 or more on wall, -1 elsewhere.

    rgb: (h, w, 3) float32, linear sRGB. weight: (h, w) float32, 0..1. One paint where colours do not say otherwise, or
    where the wall is patterned.
    """
    wall = weight > 0.5
    found = np.where(wall, 0, -1).astype(np.int32)
    if not wall.any() or _is_patterned(rgb, weight):
        return found
    parts = _parts(rgb, weight)
    if len(parts.medians) < 2:
        return found
    known = np.where(parts.labels >= 0, _same_paint(parts)[parts.labels], -1).astype(np.int32)
    away = (known < 0).astype(np.uint8)
    _, place = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    of_place = np.zeros(int(place.max()) + 1, np.int32)
    of_place[place[away == 0]] = known[away == 0]
    return np.where(wall, of_place[place], -1).astype(np.int32)


# -- patterns --------------------------------------------------------------------------------------------


def _is_patterned(rgb: Array, weight: Array) -> bool:
    """Strong small-scale variation nearly everywhere: robust statistics do not see a few shadow edges."""
    log = np.log(np.maximum(cv2.GaussianBlur(rgb, (0, 0), 0.8), 1e-3)).astype(np.float32)
    fine = log - box_mean(log, weight, _pattern_radius(rgb))
    luma = fine.mean(-1)
    tint = fine - luma[..., None]
    inner = weight * (cv2.erode((weight > 0.9).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
    if np.count_nonzero(inner) < LEAST_PATTERN_PX:
        return False

    def spread(values: Array) -> float:
        return 1.4826 * float(weighted_quantile(np.abs(values), inner, 0.5))

    # On dark walls rounding and JPEG alone vary that much: one or two codes of a few dozen.
    median = np.array([weighted_quantile(rgb[..., c], weight, 0.5) for c in range(3)]).clip(1e-4)
    error = float((2.2 * CODE_ERROR / color.linear_to_srgb(median)).max())
    colours = max(spread(tint[..., c]) for c in range(3))
    return spread(luma) > PATTERN_CONTRAST + error or colours > PATTERN_TINT + error


def _pattern_radius(rgb: Array) -> int:
    return max(4, max(rgb.shape[:2]) // 24)


def _without_pattern(rgb: Array, weight: Array) -> Array:
    radius = _pattern_radius(rgb)
    smooth = rgb
    for _ in range(2):
        smooth = box_mean(smooth, weight + 1e-6, radius)
    return smooth.astype(np.float32)


# -- several paints --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Parts:
    """Parts of a wall without sharp edges inside. labels: (h, w) int, -1 where none. medians: (n, 3) linear sRGB."""

    labels: Array
    medians: Array
    shares: Array
    touching: tuple[tuple[int, int], ...]
    overexposed: tuple[int, ...]


def _parts(rgb: Array, weight: Array) -> _Parts:
    log = np.log(np.maximum(cv2.GaussianBlur(rgb, (0, 0), 1.0), 2e-3))
    reach = 2
    change = np.zeros(weight.shape, np.float32)
    across = np.abs(log[:, 2 * reach :] - log[:, : -2 * reach]).max(-1)
    down = np.abs(log[2 * reach :] - log[: -2 * reach]).max(-1)
    change[:, reach:-reach] = across
    change[reach:-reach] = np.maximum(change[reach:-reach], down)
    inside = weight > 0.5
    free = (inside & (change <= SHARP)).astype(np.uint8)
    count, found, stats, _ = cv2.connectedComponentsWithStats(free, connectivity=4)
    wall = max(1, int(inside.sum()))
    kept = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] > LEAST_SHARE * wall]
    labels = np.full(weight.shape, -1, np.int32)
    for new, old in enumerate(kept):
        labels[found == old] = new
    sound = rgb.max(-1) < 0.98
    usable = [(labels == i) & sound for i in range(len(kept))]
    clipped = [i for i, part in enumerate(usable) if part.sum() < 0.5 * (labels == i).sum()]
    medians = np.array([np.median(rgb[part if part.any() else labels == i], axis=0) for i, part in enumerate(usable)])
    shares = np.array([stats[old, cv2.CC_STAT_AREA] / wall for old in kept])
    near = _touching(labels, len(kept), reach=5 * reach)
    pairs = tuple(pair for pair in near if pair[0] not in clipped and pair[1] not in clipped)
    return _Parts(labels, medians.reshape(-1, 3), shares, pairs, tuple(clipped))


def _touching(labels: Array, count: int, reach: int) -> list[tuple[int, int]]:
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    grown = [cv2.dilate((labels == i).astype(np.uint8), kernel) > 0 for i in range(count)]
    return [(i, j) for i in range(count) for j in range(i + 1, count) if (grown[i] & grown[j]).sum() > reach]


def _same_paint(parts: _Parts) -> Array:
    """A paint number for each part: all are one paint, unless their colours say otherwise."""
    lab = np.array([_chroma_at_equal_brightness(m) for m in parts.medians])
    luma = np.array([float(color.luminance(m)) for m in parts.medians])
    group = np.arange(len(lab))
    told = [i for i in range(len(lab)) if i not in parts.overexposed]
    for i in told:
        for j in (k for k in told if k > i):
            if _one_paint(lab[i], lab[j], luma[i], luma[j]):
                group[group == group[j]] = group[i]
    if told:  # an overexposed part has lost its colour: it is sunlight on the wall's largest paint
        largest = max(told, key=lambda i: float(parts.shares[told][group[told] == group[i]].sum()))
        group[list(parts.overexposed)] = group[largest]
    else:
        group[:] = 0
    return np.unique(group, return_inverse=True)[1]


def _one_paint(ab_1: Array, ab_2: Array, luma_1: float, luma_2: float) -> bool:
    da, db = (ab_1 - ab_2) if luma_1 >= luma_2 else (ab_2 - ab_1)  # from the darker to the brighter part
    if np.hypot(da, db) < OTHER_PAINT:
        return True
    return bool(0 < db < SUN_SHIFT and abs(da) < 0.35 * db and max(luma_1, luma_2) > 1.5 * min(luma_1, luma_2))


def _chroma_at_equal_brightness(rgb: Array) -> Array:
    return color.linear_to_lab(rgb * (0.3 / max(float(color.luminance(rgb)), 1e-4)))[1:]


def _brightness_note(parts: _Parts) -> tuple[str, ...]:
    luma = [float(color.luminance(m)) for m in parts.medians]
    for i, j in parts.touching:
        if min(parts.shares[i], parts.shares[j]) > 0.08 and max(luma[i], luma[j]) > STEP * min(luma[i], luma[j]):
            return (
                "parts of the wall differ twofold in brightness at a sharp edge, which was taken for light: if they "
                "are two paints today, give each its own mask (--wall a.png=COLOR --wall b.png=COLOR)",
            )
    return ()


def _repainted_alike(rgb: Array, weight: Array, parts: _Parts, groups: Array) -> Array:
    """Every part multiplied so that its paint becomes the wall's largest paint; the seams are filled in."""
    shares = np.bincount(groups, parts.shares)
    paint_of = np.where(parts.labels >= 0, groups[parts.labels], -1)
    main = int(shares.argmax())
    result = rgb.copy()
    for paint in range(len(shares)):
        if paint != main:
            result[paint_of == paint] *= _paint_ratio(rgb, weight, paint_of == main, paint_of == paint)
    known = cv2.erode((paint_of >= 0).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    return fill(result, known)


def _paint_ratio(rgb: Array, weight: Array, main: Array, other: Array) -> Array:
    """What to multiply one paint with to get another: (3,) float32.

    Measured where the two meet, since light is the same on both sides of a seam; over all of both where they do not.
    """
    reach = 2 * (max(rgb.shape[:2]) // 40) + 7
    near = np.ones((reach, reach), np.uint8)
    seams = [a & (cv2.dilate(b.astype(np.uint8), near) > 0) for a, b in ((main, other), (other, main))]
    if min(int(seam.sum()) for seam in seams) < LEAST_SEAM_PX:
        seams = [main, other]
    medians = [[weighted_quantile(rgb[..., c], weight * seam, 0.5) for c in range(3)] for seam in seams]
    ratio = np.array(medians[0]) / np.maximum(np.array(medians[1]), 1e-3)
    return np.clip(ratio, 0.02, 50).astype(np.float32)
