"""Normalize walls that show several paints or a pattern to one uniform paint before they are decomposed.

A new coat covers whatever was there before. Where a wall shows two paints or wallpaper, its image is first converted to
that of a uniformly painted wall in the same light. Illumination and paint are ambiguous in a photo; these rules
separate them:

- A *pattern* is strong, dense, small-scale variation. Plaster and grain are weak; shadows and sun patches are sparse.
- A pattern of long straight *joints*, in courses or between boards, is the relief of brick, tiles or boards: its old
  colours are removed and its shading is kept (`scene.relief`). Other patterns are printed, and removed altogether.
- *Two paints* meet at a sharp edge and differ in colour, not only in brightness. A sharp change of brightness alone can
  also be a corner, a shadow or a sun patch, and sunlight is yellower than shade. Such edges are left as they are and
  reported.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.imaging.masked_filters import box_mean, fill, weighted_quantile
from wallpaint.imaging.quantization import CODE_ERROR
from wallpaint.scene import relief
from wallpaint.scene.pattern_free import MIN_BASE, PatternFreeWall
from wallpaint.typing import Array

EDGE_LOG_CHANGE = 0.22  # log change over four working pixels that counts as an edge
PATTERN_CONTRAST = 0.09  # robust standard deviation of small-scale log luminance above which a wall is patterned
PATTERN_CHROMA = 0.06  # the same for log colour ratios, independent of luminance
MIN_PATTERN_PX = 400  # working pixels; a smaller wall is too small for a pattern
VARIED_TONES, VARIED_RADIUS = 0.1, 2  # natural log, spread of tones from which the radius is that much larger
MIN_SEAM_PX = 60  # working pixels needed on each side of a seam to measure the ratio of two paints there
MIN_REGION_SHARE = 0.02  # of the wall; smaller regions are ignored
SAME_PAINT_DELTA_E = 12.0  # CIELAB distance at equal brightness below which two regions have the same paint
MAX_SUN_YELLOW_SHIFT = 20.0  # CIELAB b*; sun patches may be yellower than shade by up to this
REPORTED_BRIGHTNESS_RATIO = 2.0  # brightness ratio across a sharp edge from which a note is added
PRINT_NOTE = 'the wall looks patterned: its pattern is painted over (`old_wall="relief"` keeps joints and boards)'
RELIEF_NOTE = (
    "the wall has joints of brick, tiles or boards: their old colours are painted over and their relief is kept "
    '(`old_wall="patterned"` paints it flat)'
)


@dataclass(frozen=True)
class HomogenizedWall:
    """The image of a wall as if in one uniform paint.

    rgb: (h, w, 3) float32, linear sRGB. paint_count: number of existing paints. notes: messages for the user.
    pattern_free: of a wall whose pattern was removed, with or without its relief.
    """

    rgb: Array
    paint_count: int
    notes: tuple[str, ...]
    pattern_free: PatternFreeWall | None = None

    @property
    def patterned(self) -> bool:
        """Whether a pattern was removed."""
        return self.pattern_free is not None


def homogenize(rgb: Array, weight: Array, mode: str = "auto") -> HomogenizedWall:
    """Convert a wall with a pattern or several paints to a wall in one paint under the same light.

    rgb: (h, w, 3) float32, linear sRGB, filled. weight: (h, w) float32, 0..1. mode: "auto" detects patterns and paints;
    "plain" treats all variation as light; "patterned" removes small-scale variation regardless of its strength;
    "relief" removes it but for the shading of joints and faces.
    """
    if mode == "plain":
        return HomogenizedWall(rgb, 1, ())
    if mode in ("patterned", "relief") or _is_patterned(rgb, weight):
        return _remove_pattern(rgb, weight, mode)
    regions = _segment_regions(rgb, weight)
    if len(regions.medians) < 2:
        return HomogenizedWall(rgb, 1, ())
    paint_of_region = _group_by_paint(regions)
    count = int(paint_of_region.max()) + 1
    if count == 1:
        return HomogenizedWall(rgb, 1, _brightness_note(regions))
    note = (
        f'the wall has {count} existing paints: each becomes the new colour (`old_wall="plain"` keeps their difference)'
    )
    return HomogenizedWall(_unify_paints(rgb, weight, regions, paint_of_region), count, (note,))


def paint_labels(rgb: Array, weight: Array) -> Array:
    """Label each pixel with its existing paint: (h, w) int32, 0 or more on the wall, -1 elsewhere.

    rgb: (h, w, 3) float32, linear sRGB. weight: (h, w) float32, 0..1. All labels are 0 on a patterned wall and where
    colours do not distinguish paints.
    """
    wall = weight > 0.5
    single = np.where(wall, 0, -1).astype(np.int32)
    if not wall.any() or _is_patterned(rgb, weight):
        return single
    regions = _segment_regions(rgb, weight)
    if len(regions.medians) < 2:
        return single
    known = np.where(regions.labels >= 0, _group_by_paint(regions)[regions.labels], -1).astype(np.int32)
    # Pixels between regions take the label of the nearest labelled pixel.
    unlabelled = (known < 0).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(unlabelled, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    label_of_nearest = np.zeros(int(nearest.max()) + 1, np.int32)
    label_of_nearest[nearest[unlabelled == 0]] = known[unlabelled == 0]
    return np.where(wall, label_of_nearest[nearest], -1).astype(np.int32)


# -- patterns --------------------------------------------------------------------------------------------


def _is_patterned(rgb: Array, weight: Array) -> bool:
    """Whether small-scale variation is strong nearly everywhere; robust statistics ignore a few shadow edges."""
    log = np.log(np.maximum(cv2.GaussianBlur(rgb, (0, 0), 0.8), 1e-3)).astype(np.float32)
    fine = log - box_mean(log, weight, _pattern_radius(rgb))  # [h, w, 3]
    luma = (fine[..., 0] + fine[..., 1] + fine[..., 2]) / 3
    chroma = fine - luma[..., None]
    inner = weight * (cv2.erode((weight > 0.9).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
    if np.count_nonzero(inner) < MIN_PATTERN_PX:
        return False

    def robust_std(values: Array) -> float:
        return 1.4826 * float(weighted_quantile(np.abs(values), inner, 0.5))

    # On dark walls rounding and JPEG alone vary that much: one or two codes out of a few dozen.
    median = np.array([weighted_quantile(rgb[..., c], weight, 0.5) for c in range(3)]).clip(1e-4)
    error = float((2.2 * CODE_ERROR / color.linear_to_srgb(median)).max())
    chroma_std = max(robust_std(chroma[..., c]) for c in range(3))
    return robust_std(luma) > PATTERN_CONTRAST + error or chroma_std > PATTERN_CHROMA + error


def _pattern_radius(rgb: Array) -> int:
    return max(4, max(rgb.shape[:2]) // 24)


def _remove_pattern(rgb: Array, weight: Array, mode: str) -> HomogenizedWall:
    """Remove the pattern of a wall. mode: see `homogenize`; "auto" keeps the relief if the pattern is one."""
    radius = _pattern_radius(rgb)
    base = _without_pattern(rgb, weight, radius)
    flat = HomogenizedWall(base, 1, (PRINT_NOTE,) if mode == "auto" else (), PatternFreeWall(base, base, None))
    if mode == "patterned":
        return flat
    ratio = (rgb / np.maximum(base, MIN_BASE)).astype(np.float32)
    joints = relief.find_joints(ratio, weight, radius)
    if mode == "auto" and (joints is None or not joints.is_geometric):
        return flat
    model = relief.fit_relief(ratio, weight, joints)
    shading = model.log_shading(ratio, model.face, model.near_joint)
    light = base
    if model.tone_spread > VARIED_TONES:  # bricks of varied tones average out over a larger neighbourhood only
        radius *= VARIED_RADIUS
        light = _without_pattern(base, weight, radius)
    light = (light * np.exp(-box_mean(shading, weight + 1e-6, radius))[..., None]).astype(np.float32)
    notes = (RELIEF_NOTE,) if mode == "auto" else ()
    uniform = (light * np.exp(shading)[..., None]).astype(np.float32)
    return HomogenizedWall(uniform, 1, notes, PatternFreeWall(base, light, model))


def _without_pattern(rgb: Array, weight: Array, radius: int) -> Array:
    smooth = rgb
    for _ in range(2):
        smooth = box_mean(smooth, weight + 1e-6, radius)
    return smooth.astype(np.float32)


# -- several paints --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Regions:
    """Connected regions of a wall without sharp edges inside.

    labels: (h, w) int32, -1 outside all regions. medians: (n, 3) linear sRGB. shares: (n,), of the wall's area.
    adjacent: pairs of neighbouring regions, neither overexposed. overexposed: indices of regions that are mostly
    clipped.
    """

    labels: Array
    medians: Array
    shares: Array
    adjacent: tuple[tuple[int, int], ...]
    overexposed: tuple[int, ...]


def _segment_regions(rgb: Array, weight: Array) -> _Regions:
    log = np.log(np.maximum(cv2.GaussianBlur(rgb, (0, 0), 1.0), 2e-3))
    reach = 2
    change = np.zeros(weight.shape, np.float32)  # largest log change over 2 * reach pixels, either direction
    across = color.brightest_channel(np.abs(log[:, 2 * reach :] - log[:, : -2 * reach]))
    down = color.brightest_channel(np.abs(log[2 * reach :] - log[: -2 * reach]))
    change[:, reach:-reach] = across
    change[reach:-reach] = np.maximum(change[reach:-reach], down)
    inside = weight > 0.5
    edge_free = (inside & (change <= EDGE_LOG_CHANGE)).astype(np.uint8)
    count, components, stats, _ = cv2.connectedComponentsWithStats(edge_free, connectivity=4)
    wall_px = max(1, int(inside.sum()))
    large = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] > MIN_REGION_SHARE * wall_px]
    labels = np.full(weight.shape, -1, np.int32)
    for label, component in enumerate(large):
        labels[components == component] = label
    unclipped = color.brightest_channel(rgb) < 0.98
    usable = [(labels == i) & unclipped for i in range(len(large))]
    clipped = [i for i, pixels in enumerate(usable) if pixels.sum() < 0.5 * (labels == i).sum()]
    medians = np.array(
        [np.median(rgb[pixels if pixels.any() else labels == i], axis=0) for i, pixels in enumerate(usable)]
    )
    shares = np.array([stats[component, cv2.CC_STAT_AREA] / wall_px for component in large])
    neighbours = _adjacent_pairs(labels, len(large), reach=5 * reach)
    pairs = tuple(pair for pair in neighbours if pair[0] not in clipped and pair[1] not in clipped)
    return _Regions(labels, medians.reshape(-1, 3), shares, pairs, tuple(clipped))


def _adjacent_pairs(labels: Array, count: int, reach: int) -> list[tuple[int, int]]:
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    grown = [cv2.dilate((labels == i).astype(np.uint8), kernel) > 0 for i in range(count)]
    return [(i, j) for i in range(count) for j in range(i + 1, count) if (grown[i] & grown[j]).sum() > reach]


def _group_by_paint(regions: _Regions) -> Array:
    """Return a paint index for each region, (n,); regions share a paint unless their colours differ."""
    ab = np.array([_chroma_at_equal_brightness(m) for m in regions.medians])  # [n, 2]
    luma = np.array([float(color.luminance(m)) for m in regions.medians])
    group = np.arange(len(ab))
    exposed = [i for i in range(len(ab)) if i not in regions.overexposed]
    for i in exposed:
        for j in (k for k in exposed if k > i):
            if _is_same_paint(ab[i], ab[j], luma[i], luma[j]):
                group[group == group[j]] = group[i]
    if exposed:  # an overexposed region has lost its colour: it is sunlight on the wall's largest paint
        largest = max(exposed, key=lambda i: float(regions.shares[exposed][group[exposed] == group[i]].sum()))
        group[list(regions.overexposed)] = group[largest]
    else:
        group[:] = 0
    return np.unique(group, return_inverse=True)[1]


def _is_same_paint(ab_1: Array, ab_2: Array, luma_1: float, luma_2: float) -> bool:
    da, db = (ab_1 - ab_2) if luma_1 >= luma_2 else (ab_2 - ab_1)  # from the darker to the brighter region
    if np.hypot(da, db) < SAME_PAINT_DELTA_E:
        return True
    return bool(
        0 < db < MAX_SUN_YELLOW_SHIFT and abs(da) < 0.35 * db and max(luma_1, luma_2) > 1.5 * min(luma_1, luma_2)
    )


def _chroma_at_equal_brightness(rgb: Array) -> Array:
    return color.linear_to_lab(rgb * (0.3 / max(float(color.luminance(rgb)), 1e-4)))[1:]


def _brightness_note(regions: _Regions) -> tuple[str, ...]:
    luma = [float(color.luminance(m)) for m in regions.medians]
    for i, j in regions.adjacent:
        darker, brighter = sorted((luma[i], luma[j]))
        if min(regions.shares[i], regions.shares[j]) > 0.08 and brighter > REPORTED_BRIGHTNESS_RATIO * darker:
            return (
                "parts of the wall differ twofold in brightness at a sharp edge, which was interpreted as light: if "
                "they are two paints, give each its own mask in `walls`",
            )
    return ()


def _unify_paints(rgb: Array, weight: Array, regions: _Regions, paint_of_region: Array) -> Array:
    """Scale every region so that its paint becomes the wall's largest paint, and fill in the seams."""
    shares = np.bincount(paint_of_region, regions.shares)
    paint_map = np.where(regions.labels >= 0, paint_of_region[regions.labels], -1)  # [h, w]
    main = int(shares.argmax())
    result = rgb.copy()
    for paint in range(len(shares)):
        if paint != main:
            result[paint_map == paint] *= _paint_ratio(rgb, weight, paint_map == main, paint_map == paint)
    known = cv2.erode((paint_map >= 0).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    return fill(result, known)


def _paint_ratio(rgb: Array, weight: Array, main: Array, other: Array) -> Array:
    """Return the factor that converts the paint `other` to `main`: (3,) float32.

    It is measured where the two meet, since the light is the same on both sides of a seam; over both areas where they
    do not meet.
    """
    reach = 2 * (max(rgb.shape[:2]) // 40) + 7
    kernel = np.ones((reach, reach), np.uint8)
    seams = [a & (cv2.dilate(b.astype(np.uint8), kernel) > 0) for a, b in ((main, other), (other, main))]
    if min(int(seam.sum()) for seam in seams) < MIN_SEAM_PX:
        seams = [main, other]
    medians = [[weighted_quantile(rgb[..., c], weight * seam, 0.5) for c in range(3)] for seam in seams]
    ratio = np.array(medians[0]) / np.maximum(np.array(medians[1]), 1e-3)
    return np.clip(ratio, 0.02, 50).astype(np.float32)
