"""Wall instances: split a mask of all walls into single walls.

Walls are split at gaps, at changes of the existing paint, and at corners of the room. A corner shows as a nearly
vertical line through the full height of the wall, along which brightness changes by a similar step. Walls that are
equally bright at their corner are not split.
"""

from __future__ import annotations

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.scene import existing_paint
from wallpaint.typing import Array

WORKING_PX = 400  # on the longer side
MIN_WALL_SHARE = 0.03  # of all walls: smaller pieces are merged with the nearest wall
MAX_LEAN_DEG = 8  # of a corner, from the vertical
MIN_LOG_STEP = 0.035  # change of log luminance across a corner
MIN_SIGN_AGREEMENT = 0.85  # share of a corner's length along which the brightness changes in the same direction
MIN_INTERIOR_SHARE = 0.9  # share of a corner's length that has wall on both sides
MIN_LENGTH = 0.18  # of a corner, as a share of the image height
MIN_CORNER_DISTANCE = 0.03  # share of the image width
MAX_CORNERS = 4


def split_walls(mask: Array, rgb: Array) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Split a mask into single walls.

    mask: (H, W) float32, 0..1. rgb: (H, W, 3) uint8 sRGB. Returns masks by name, "wall-1" the largest, which add up to
    the mask, and notes for the user.
    """
    height, width = mask.shape
    scale = min(1.0, WORKING_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    weight = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) if scale < 1 else mask
    labels = label_walls(weight > 0.5, small)
    count = int(labels.max(initial=-1)) + 1
    if count < 2:
        note = "the walls could not be separated: there is no gap, change of paint or distinct corner between them"
        return {"wall-1": mask}, (note,)
    full = _upsample_labels(labels, count, (height, width))
    areas = [float(mask[full == label].sum()) for label in range(count)]
    order = sorted(range(count), key=lambda label: -areas[label])
    masks = {
        f"wall-{rank + 1}": np.where(full == label, mask, 0).astype(np.float32) for rank, label in enumerate(order)
    }
    note = f"{count} walls were separated by gaps, paints and corners; walls equally bright at a corner are not split"
    return masks, (note,)


def label_walls(wall: Array, rgb: Array) -> Array:
    """Return the wall of each pixel, (h, w) int32, -1 outside. wall: (h, w) bool. rgb: (h, w, 3) uint8 sRGB."""
    linear = color.srgb_to_linear(rgb.astype(np.float32) / 255).astype(np.float32)
    interior = wall.copy()
    paint = existing_paint.paint_labels(linear, wall.astype(np.float32))
    for top, bottom in detect_corners(wall, linear):
        line = np.zeros(wall.shape, np.uint8)
        cv2.line(line, top, bottom, 1, 2)
        interior &= line == 0
    labels = np.full(wall.shape, -1, np.int32)
    min_px = MIN_WALL_SHARE * max(1, int(wall.sum()))
    count = 0
    for number in range(int(paint.max(initial=-1)) + 1):
        component_count, components, stats, _ = cv2.connectedComponentsWithStats(
            (interior & (paint == number)).astype(np.uint8), None, None, 4
        )
        for component in range(1, component_count):
            if stats[component, cv2.CC_STAT_AREA] >= min_px:
                labels[components == component] = count
                count += 1
    if count == 0:
        return np.where(wall, 0, -1).astype(np.int32)
    return np.where(wall, _fill_nearest(labels), -1).astype(np.int32)


def detect_corners(wall: Array, linear: Array) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Detect nearly vertical lines where two walls meet, and return their top and bottom ends, (x, y).

    wall: (h, w) bool. linear: (h, w, 3) float32, linear sRGB.
    """
    width = wall.shape[1]
    inner = cv2.erode(wall.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    log_luma = np.log(np.maximum(color.luminance(linear), 2e-3)).astype(np.float32)
    known = inner.astype(np.float32)
    smooth = cv2.GaussianBlur(log_luma * known, (0, 0), 1.2) / (cv2.GaussianBlur(known, (0, 0), 1.2) + 1e-4)
    # The step is the difference over 2 * near pixels, minus the slope on both sides of it.
    near, far = 2, 6
    step = np.zeros_like(smooth)
    difference = smooth[:, 2 * near :] - smooth[:, : -2 * near]
    step[:, near:-near] = difference
    slope = np.zeros_like(smooth)
    slope[:, far:-far] = (smooth[:, 2 * far :] - smooth[:, : -2 * far] - difference[:, far - near : near - far]) / 2
    step -= slope
    interior = np.zeros(wall.shape, bool)
    interior[:, far:-far] = inner[:, 2 * far :] & inner[:, : -2 * far] & inner[:, far:-far]
    candidates = []
    for degrees in range(-MAX_LEAN_DEG, MAX_LEAN_DEG + 1, 2):
        candidates += _corners_with_lean(step, interior, wall, float(np.tan(np.radians(degrees))))
    candidates.sort(key=lambda candidate: -candidate[0])
    corners: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for _, top, bottom in candidates:  # non-maximum suppression
        center = (top[0] + bottom[0]) / 2
        if all(abs(center - (a[0] + b[0]) / 2) > MIN_CORNER_DISTANCE * width for a, b in corners):
            corners.append((top, bottom))
        if len(corners) == MAX_CORNERS:
            break
    return corners


def _corners_with_lean(
    step: Array, interior: Array, wall: Array, lean: float
) -> list[tuple[float, tuple[int, int], tuple[int, int]]]:
    """Return corners along lines of one lean: (strength, top, bottom). lean: tangent of the angle to the vertical."""
    height, width = wall.shape
    shear = np.array([[1, lean, -lean * height / 2], [0, 1, 0]], np.float32)
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    sheared = [
        cv2.warpAffine(image.astype(np.float32), shear, (width, height), flags=flags)
        for image in (step, interior, wall)
    ]
    steps, is_interior, is_wall = sheared[0], sheared[1] > 0.5, sheared[2] > 0.5
    corners = []
    for x in np.flatnonzero(is_interior.sum(0) >= MIN_LENGTH * height):
        rows = np.flatnonzero(is_wall[:, x])
        run = _longest_run(is_wall[:, x])
        inside = is_interior[run, x]
        if run.stop - run.start < MIN_LENGTH * height or inside.mean() < MIN_INTERIOR_SHARE or len(rows) == 0:
            continue
        values = steps[run, x][inside]
        median = float(np.median(values))
        if abs(median) < MIN_LOG_STEP or float((np.sign(values) == np.sign(median)).mean()) < MIN_SIGN_AGREEMENT:
            continue
        ends = [(round(x + lean * (y - height / 2)), int(y)) for y in (run.start, run.stop - 1)]
        corners.append((abs(median), ends[0], ends[1]))
    return corners


def _longest_run(values: Array) -> slice:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], values.astype(np.int8), [0]])))
    starts, stops = edges[::2], edges[1::2]
    if len(starts) == 0:
        return slice(0, 0)
    longest = int((stops - starts).argmax())
    return slice(int(starts[longest]), int(stops[longest]))


def _fill_nearest(labels: Array) -> Array:
    """Assign the nearest label to each pixel without one (-1)."""
    unlabelled = (labels < 0).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(unlabelled, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    table = np.zeros(int(nearest.max()) + 1, labels.dtype)
    table[nearest[unlabelled == 0]] = labels[unlabelled == 0]
    return table[nearest]


def _upsample_labels(labels: Array, count: int, size: tuple[int, int]) -> Array:
    """Upsample labels smoothly: each pixel gets the label with the largest interpolated share."""
    filled = _fill_nearest(labels)
    max_share, label_map = np.full(size, -1, np.float32), np.zeros(size, np.int32)
    for label in range(count):
        share = cv2.resize((filled == label).astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
        is_larger = share > max_share
        max_share, label_map = np.where(is_larger, share, max_share), np.where(is_larger, label, label_map)
    return label_map
