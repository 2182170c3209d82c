"""Gaps of a few pixels between the masks of two walls that meet.

A gap lies between two walls if a straight run of pixels that are not entirely wall, in one of four directions, has one
wall at one end and the other wall at the other. Pixels above or below the gap do not. Its width is the number of its
pixels that are less than half of any wall, so soft edges do not widen it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import cv2
import numpy as np

from wallpaint.imaging.photo import Photo
from wallpaint.typing import Array

MAX_GAP_PX = 5  # in photos of up to 1000 pixels; in proportion above
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
_COVERED = 0.99  # alpha from which a pixel is wall
_MIN_PIXELS = 3
_SAME_SURFACE = 0.12  # of white: a gap that differs by more from both walls is trim or another object


def max_gap(size: tuple[int, int]) -> int:
    """Return the widest gap that is filled, in pixels. size: (height, width) of the photo."""
    return max(MAX_GAP_PX, round(MAX_GAP_PX * min(size) / 1000))


def share_gaps(walls: Mapping[str, Array], photo: Photo) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Divide narrow gaps between walls between both, and report them.

    walls: by name, each (H, W) float32, 0..1, which add up to at most 1. Each pixel of a gap becomes part of the nearer
    wall, those in the middle of the first: half of each would leave old paint for the matting to find. Soft edges that
    meet without a gap are filled without a note. A gap whose colours differ from both walls stays as it is, and is
    reported too. Returns new arrays where something changed.
    """
    shared = dict(walls)
    notes: list[str] = []
    for first, second in combinations(walls, 2):
        gap = _gap(shared, first, second, max_gap(photo.size))
        if gap is None:
            continue
        width = f"{gap.widths[0]}" if gap.widths[0] == gap.widths[1] else f"{gap.widths[0]} to {gap.widths[1]}"
        size = f"a gap of {width} px between the masks {first} and {second} ({gap.rows.size} pixels)"
        has_width = gap.widths[1] > 0  # else soft edges that meet, and do not add up to 1
        if _differs(gap, photo):
            if has_width:
                notes.append(
                    f"{size} is not painted: its colour is neither wall's; close it in the masks if it is wall"
                )
            continue
        for name, weight in ((first, gap.weight), (second, 1 - gap.weight)):
            filled = shared[name].copy()
            filled[gap.rows, gap.columns] += weight * gap.free
            shared[name] = np.minimum(filled, np.float32(1))
        if has_width:
            notes.append(f"{size} was divided between them")
    return shared, tuple(notes)


class _Gap:
    """Pixels between two walls. rows, columns: (N,). weight: share of the first wall. free: alpha that is left. widths:
    the narrowest and the widest. ends: rows and columns of the nearest pixels of either wall."""

    def __init__(
        self, rows: Array, columns: Array, steps: tuple[Array, Array], widths: Array, free: Array, ends: Array
    ) -> None:
        self.rows, self.columns, self.free, self.ends = rows, columns, free, ends
        near, far = steps
        self.weight = np.asarray(near <= far, np.float32)
        self.widths = int(np.percentile(widths, 5)), int(np.percentile(widths, 95))


def _gap(walls: Mapping[str, Array], first: str, second: str, widest: int) -> _Gap | None:
    window = _common_window((walls[first] >= 0.5, walls[second] >= 0.5), 3 * widest)
    if window is None:
        return None
    alphas = {name: alpha[window] for name, alpha in walls.items()}
    total: Array = np.asarray(np.sum(list(alphas.values()), axis=0, dtype=np.float32))
    open_: Array = np.asarray(total < _COVERED)
    pair = (alphas[first] >= 0.5) & ~open_, (alphas[second] >= 0.5) & ~open_
    core: Array = open_ & np.logical_and.reduce([alpha < 0.5 for alpha in alphas.values()])
    is_soft = bool((open_ & (total > 1 - _COVERED)).any())
    reach = 3 * widest if is_soft else widest  # a soft edge on each side
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    near_both = np.logical_and(*(cv2.dilate(wall.astype(np.uint8), square) > 0 for wall in pair))
    rows, columns = np.nonzero(open_ & near_both)
    position = rows + reach, columns + reach
    padded = [np.pad(mask, reach) for mask in (*pair, open_, core)]
    first_wall, second_wall, open_, core = padded
    best = np.full(rows.size, 2 * reach, np.int32)
    near, far, widths = np.zeros_like(best), np.zeros_like(best), np.zeros_like(best)
    ends = np.zeros((4, rows.size), np.int32)
    for dy, dx in (*_DIRECTIONS, *((-dy, -dx) for dy, dx in _DIRECTIONS)):
        back, core_back = _steps_to(first_wall, open_, core, position, (-dy, -dx), reach)
        forth, core_forth = _steps_to(second_wall, open_, core, position, (dy, dx), reach)
        length, width = back + forth - 1, core_back + core_forth + core[position]
        better = (back > 0) & (forth > 0) & (width <= widest) & (length <= reach) & (length < best)
        for array, new in ((best, length), (near, back), (far, forth), (widths, width)):
            array[better] = new[better]
        new_ends = np.array([rows - dy * back, columns - dx * back, rows + dy * forth, columns + dx * forth])
        ends[:, better] = new_ends[:, better]
    chosen = best < 2 * reach
    if np.count_nonzero(chosen) < _MIN_PIXELS:
        return None
    rows, columns = rows[chosen], columns[chosen]
    free = np.maximum(1 - total[rows, columns], 0)
    top, left = window[0].start, window[1].start
    offsets = np.array([top, left, top, left])[:, None]
    return _Gap(
        rows + top, columns + left, (near[chosen], far[chosen]), widths[chosen], free, ends[:, chosen] + offsets
    )


def _common_window(pair: tuple[Array, Array], widest: int) -> tuple[slice, slice] | None:
    """Rows and columns within reach of both walls, None if there are none."""
    bounds = []
    for axis in (0, 1):
        spans = [np.flatnonzero(wall.any(axis=1 - axis)) for wall in pair]
        if any(span.size == 0 for span in spans):
            return None
        start = max(int(span[0]) for span in spans) - widest - 1
        stop = min(int(span[-1]) for span in spans) + widest + 2
        bounds.append(slice(max(0, start), min(pair[0].shape[axis], stop)))
    return (bounds[0], bounds[1]) if all(one.start < one.stop for one in bounds) else None


def _steps_to(
    wall: Array, open_: Array, core: Array, position: tuple[Array, Array], direction: tuple[int, int], reach: int
) -> tuple[Array, Array]:
    """Return the steps from pixels along a direction, through open pixels, to a wall, 0 if none; and how many of the
    pixels in between are in core: (N,) int32 each.

    wall, open_, core: (h, w) bool, with a margin of reach. position: rows and columns of the pixels, (N,) each.
    """
    (rows, columns), (dy, dx) = position, direction
    steps, crossed, so_far = (np.zeros(rows.size, np.int32) for _ in range(3))
    alive = np.arange(rows.size)
    for count in range(1, reach + 1):
        at = rows[alive] + dy * count, columns[alive] + dx * count
        hit = alive[wall[at]]
        steps[hit], crossed[hit] = count, so_far[hit]
        so_far[alive] += core[at]
        alive = alive[open_[at]]
        if alive.size == 0:
            break
    return steps, crossed


def _differs(gap: _Gap, photo: Photo) -> bool:
    """Whether the gap's pixels have other colours than the walls beside them."""
    codes = photo.codes[..., :3].astype(np.float32) / np.float32(np.iinfo(photo.codes.dtype).max)
    middle = codes[gap.rows, gap.columns]
    sides = [codes[gap.ends[i], gap.ends[i + 1]] for i in (0, 2)]
    nearest = np.minimum(*(np.abs(middle - side).max(axis=1) for side in sides))
    return bool(np.median(nearest) > _SAME_SURFACE)
