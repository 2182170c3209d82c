"""One mask of all walls taken apart into single walls, as far as a picture alone tells.

Three things tell: a gap between two pieces, another old paint, and a corner of the room, which shows as an upright line
that runs through the whole height of the wall and along which brightness steps by about the same amount. What does not
tell is a corner where both walls are equally bright: there two walls stay one.
"""

from __future__ import annotations

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.scene import existing_paint as old_wall
from wallpaint.typing import Array

WORKING_PX = 400  # on the longer side
LEAST_PART = 0.03  # of all walls: smaller pieces go to the part that is next to them
STEEPEST = 8  # degrees that a corner may lean
STEP = 0.035  # change of log luminance across a corner, at least
STEADY = 0.85  # share of a corner's length along which brightness steps the same way
THROUGH = 0.9  # share of the wall's height at that place that the line must run inside it
LEAST_LENGTH = 0.18  # of the picture's height
APART = 0.03  # of the picture's width: two corners are not closer
MOST_CORNERS = 4


def separate(mask: Array, rgb: Array) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Take walls apart.

    mask: (H, W) float32, 0..1. rgb: (H, W, 3) uint8 sRGB. Returns masks by name, "wall-1" the largest, which together
    are the mask, and notes on what told them apart.
    """
    height, width = mask.shape
    scale = min(1.0, WORKING_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    weight = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) if scale < 1 else mask
    labels = parts_of(weight > 0.5, small)
    count = int(labels.max(initial=-1)) + 1
    if count < 2:
        note = "the walls could not be told apart: no gap, no other paint and no clear corner between them"
        return {"wall-1": mask}, (note,)
    full = _at_full_size(labels, count, (height, width))
    sizes = [float(mask[full == part].sum()) for part in range(count)]
    order = sorted(range(count), key=lambda part: -sizes[part])
    masks = {
        f"wall-{place + 1}": np.where(full == part, mask, 0).astype(np.float32) for place, part in enumerate(order)
    }
    note = f"{count} parts were told apart by gaps, paints and corners; walls that look alike at a corner stay one"
    return masks, (note,)


def parts_of(wall: Array, rgb: Array) -> Array:
    """The part of each pixel, (h, w) int32, -1 where there is no wall. wall: (h, w) bool. rgb: (h, w, 3) uint8 sRGB."""
    linear = color.srgb_to_linear(rgb.astype(np.float32) / 255).astype(np.float32)
    cut = wall.copy()
    paint = old_wall.paint_labels(linear, wall.astype(np.float32))
    for line in corners(wall, linear):
        drawn = np.zeros(wall.shape, np.uint8)
        cv2.line(drawn, line[0], line[1], 1, 2)
        cut &= drawn == 0
    labels = np.full(wall.shape, -1, np.int32)
    least = LEAST_PART * max(1, int(wall.sum()))
    found = 0
    for number in range(int(paint.max(initial=-1)) + 1):
        pieces, each, stats, _ = cv2.connectedComponentsWithStats(
            (cut & (paint == number)).astype(np.uint8), None, None, 4
        )
        for piece in range(1, pieces):
            if stats[piece, cv2.CC_STAT_AREA] >= least:
                labels[each == piece] = found
                found += 1
    if found == 0:
        return np.where(wall, 0, -1).astype(np.int32)
    return np.where(wall, _nearest(labels), -1).astype(np.int32)


def corners(wall: Array, linear: Array) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Upright lines where two walls meet: their ends, (x, y), from the top to the bottom of the wall there.

    wall: (h, w) bool. linear: (h, w, 3) float32, linear sRGB.
    """
    height, width = wall.shape
    inner = cv2.erode(wall.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    luma = np.log(np.maximum(color.luminance(linear), 2e-3)).astype(np.float32)
    known = inner.astype(np.float32)
    soft = cv2.GaussianBlur(luma * known, (0, 0), 1.2) / (cv2.GaussianBlur(known, (0, 0), 1.2) + 1e-4)
    near, far = 2, 6  # a step stands out of the slope on both its sides
    step = np.zeros_like(soft)
    rise = soft[:, 2 * near :] - soft[:, : -2 * near]
    step[:, near:-near] = rise
    beyond = np.zeros_like(soft)
    beyond[:, far:-far] = (soft[:, 2 * far :] - soft[:, : -2 * far] - rise[:, far - near : near - far]) / 2
    step -= beyond
    broad = np.zeros(wall.shape, bool)
    broad[:, far:-far] = inner[:, 2 * far :] & inner[:, : -2 * far] & inner[:, far:-far]
    found = []
    for degrees in range(-STEEPEST, STEEPEST + 1, 2):
        found += _upright(step, broad, wall, float(np.tan(np.radians(degrees))))
    found.sort(key=lambda one: -one[0])
    kept: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for _, top, bottom in found:
        middle = (top[0] + bottom[0]) / 2
        if all(abs(middle - (a[0] + b[0]) / 2) > APART * width for a, b in kept):
            kept.append((top, bottom))
        if len(kept) == MOST_CORNERS:
            break
    del height
    return kept


def _upright(
    step: Array, broad: Array, wall: Array, lean: float
) -> list[tuple[float, tuple[int, int], tuple[int, int]]]:
    """Corners along lines of one lean: (strength, top, bottom) of each."""
    height, width = wall.shape
    shear = np.array([[1, lean, -lean * height / 2], [0, 1, 0]], np.float32)
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    upright = [
        cv2.warpAffine(one.astype(np.float32), shear, (width, height), flags=flags) for one in (step, broad, wall)
    ]
    steps, inside, here = upright[0], upright[1] > 0.5, upright[2] > 0.5
    found = []
    for x in np.flatnonzero(inside.sum(0) >= LEAST_LENGTH * height):
        rows = np.flatnonzero(here[:, x])
        run = _longest_run(here[:, x])
        part = inside[run, x]
        if run.stop - run.start < LEAST_LENGTH * height or part.mean() < THROUGH or len(rows) == 0:
            continue
        values = steps[run, x][part]
        mean = float(np.median(values))
        if abs(mean) < STEP or float((np.sign(values) == np.sign(mean)).mean()) < STEADY:
            continue
        ends = [(round(x + lean * (y - height / 2)), int(y)) for y in (run.start, run.stop - 1)]
        found.append((abs(mean), ends[0], ends[1]))
    return found


def _longest_run(values: Array) -> slice:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], values.astype(np.int8), [0]])))
    starts, stops = edges[::2], edges[1::2]
    if len(starts) == 0:
        return slice(0, 0)
    longest = int((stops - starts).argmax())
    return slice(int(starts[longest]), int(stops[longest]))


def _nearest(labels: Array) -> Array:
    """Every pixel given the label that is nearest to it."""
    away = (labels < 0).astype(np.uint8)
    _, place = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    of_place = np.zeros(int(place.max()) + 1, labels.dtype)
    of_place[place[away == 0]] = labels[away == 0]
    return of_place[place]


def _at_full_size(labels: Array, count: int, size: tuple[int, int]) -> Array:
    """Labels enlarged smoothly: each pixel goes to the part that has most of it."""
    whole = _nearest(labels)
    best, which = np.full(size, -1, np.float32), np.zeros(size, np.int32)
    for part in range(count):
        share = cv2.resize((whole == part).astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
        better = share > best
        best, which = np.where(better, share, best), np.where(better, part, which)
    return which
