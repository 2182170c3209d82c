"""Gaps of a few pixels between the masks of two walls that meet.

A gap lies between two walls if a straight run of pixels that are not entirely wall, in one of four directions, has one
wall at one end and the other wall at the other. Pixels above or below the gap do not. Its width is the number of its
pixels that are less than half of any wall, so soft edges do not widen it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

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
    total: Array = np.asarray(np.sum(list(walls.values()), axis=0, dtype=np.float32))
    open_: Array = np.asarray(total < _COVERED)
    pair = (walls[first] >= 0.5) & ~open_, (walls[second] >= 0.5) & ~open_
    core: Array = open_ & np.logical_and.reduce([alpha < 0.5 for alpha in walls.values()])
    is_soft = bool((open_ & (total > 1 - _COVERED)).any())
    reach = 3 * widest if is_soft else widest  # a soft edge on each side
    window = _common_window(pair, reach)
    if window is None:
        return None
    top, left = window[0].start, window[1].start
    open_, core, pair = open_[window], core[window], (pair[0][window], pair[1][window])
    best = np.full(open_.shape, reach + 1, np.int32)
    near, far, widths = np.zeros_like(best), np.zeros_like(best), np.zeros_like(best)
    ends = np.zeros((4, *open_.shape), np.int32)
    for dy, dx in (*_DIRECTIONS, *((-dy, -dx) for dy, dx in _DIRECTIONS)):
        back, core_back = _steps_to(pair[0], open_, core, -dy, -dx, reach)
        forth, core_forth = _steps_to(pair[1], open_, core, dy, dx, reach)
        length, width = back + forth - 1, core_back + core_forth + core
        better = open_ & (back > 0) & (forth > 0) & (width <= widest) & (length < best)
        best[better], near[better], far[better], widths[better] = (
            array[better] for array in (length, back, forth, width)
        )
        rows, columns = np.nonzero(better)
        ends[:, rows, columns] = (
            rows - dy * back[better],
            columns - dx * back[better],
            rows + dy * forth[better],
            columns + dx * forth[better],
        )
    rows, columns = np.nonzero(best <= reach)
    if rows.size < _MIN_PIXELS:
        return None
    free = np.maximum(1 - total[window][rows, columns], 0)
    offsets = np.array([top, left, top, left])[:, None]
    return _Gap(
        rows + top,
        columns + left,
        (near[rows, columns], far[rows, columns]),
        widths[rows, columns],
        free,
        ends[:, rows, columns] + offsets,
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


def _steps_to(wall: Array, open_: Array, core: Array, dy: int, dx: int, reach: int) -> tuple[Array, Array]:
    """Return the steps from each pixel along a direction, through open pixels, to a wall, 0 if none; and how many of
    the pixels in between are in core: (h, w) int32 each."""
    steps, crossed, so_far = (np.zeros(wall.shape, np.int32) for _ in range(3))
    reached = np.ones(wall.shape, bool)
    for count in range(1, reach + 1):
        hit = reached & _moved(wall, dy * count, dx * count) & (steps == 0)
        steps[hit], crossed[hit] = count, so_far[hit]
        so_far += _moved(core, dy * count, dx * count)
        reached &= _moved(open_, dy * count, dx * count)
    return steps, crossed


def _moved(mask: Array, dy: int, dx: int) -> Array:
    """Return mask[y + dy, x + dx], False outside."""
    moved = np.zeros_like(mask)
    height, width = mask.shape
    if abs(dy) < height and abs(dx) < width:
        target = slice(max(0, -dy), height - max(0, dy)), slice(max(0, -dx), width - max(0, dx))
        source = slice(max(0, dy), height - max(0, -dy)), slice(max(0, dx), width - max(0, -dx))
        moved[target] = mask[source]
    return moved


def _differs(gap: _Gap, photo: Photo) -> bool:
    """Whether the gap's pixels have other colours than the walls beside them."""
    codes = photo.codes[..., :3].astype(np.float32) / np.float32(np.iinfo(photo.codes.dtype).max)
    middle = codes[gap.rows, gap.columns]
    sides = [codes[gap.ends[i], gap.ends[i + 1]] for i in (0, 2)]
    nearest = np.minimum(*(np.abs(middle - side).max(axis=1) for side in sides))
    return bool(np.median(nearest) > _SAME_SURFACE)
