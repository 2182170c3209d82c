"""Polygons and run-length codes of annotation tools, drawn as bool masks (H, W)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from wallpaint.errors import InputError
from wallpaint.typing import Array

MAX_POINTS: Final = 1_000_000


def points_of(values: Any) -> Array:
    """Return points as (N, 2) float64, x and y in pixels from the top left corner of the picture.

    values: a flat list x, y, x, y, ... or a list of pairs. Raises InputError for anything else.
    """
    try:
        points = np.asarray(values, np.float64)
        points = points.reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise InputError("an outline is not a list of points") from error
    if len(points) > MAX_POINTS or not np.isfinite(points).all():
        raise InputError("an outline has points that are no numbers, or far too many")
    return points


def fill_polygon(points: Array, size: tuple[int, int]) -> Array:
    """Return the pixels whose centres lie in a polygon, by the even-odd rule: (H, W) bool.

    points: (N, 2), x and y; the pixel in the corner covers 0..1. size: (height, width).
    """
    height, width = size
    toggles = np.zeros((height, width + 1), np.uint8)
    if len(points) < 3:
        return toggles[:, :width].astype(bool)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        first, last = (int(np.ceil(np.clip(y, 0, height) - 0.5)) for y in sorted((y0, y1)))
        rows = np.arange(first, last)
        if rows.size == 0:
            continue
        crossings = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
        toggles[rows, np.clip(np.ceil(crossings - 0.5), 0, width).astype(np.int64)] ^= 1
    return np.bitwise_xor.accumulate(toggles, axis=1)[:, :width].astype(bool)


def rectangle(box: tuple[float, float, float, float], angle_deg: float = 0.0) -> Array:
    """Return the corners of a box (left, top, right, bottom), turned clockwise about its centre: (4, 2)."""
    left, top, right, bottom = box
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)
    return turned(corners, corners.mean(axis=0), angle_deg)


def turned(points: Array, about: Array, angle_deg: float) -> Array:
    """Return points (N, 2) turned clockwise, as pictures show it, about a point (2,)."""
    angle = np.deg2rad(angle_deg)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray((points - about) @ matrix + about)


def fill_ellipse(
    center: tuple[float, float], radii: tuple[float, float], size: tuple[int, int], angle_deg: float = 0.0
) -> Array:
    """Return the pixels whose centres lie in an ellipse: (H, W) bool.

    center, radii: x and y, in pixels. size: (height, width). angle_deg: clockwise turn about its centre.
    """
    if not np.isfinite([*center, *radii, angle_deg]).all() or min(radii) <= 0:
        raise InputError("an ellipse has no finite centre and radii")
    y, x = np.ogrid[0 : size[0], 0 : size[1]]
    across, down = x + 0.5 - center[0], y + 0.5 - center[1]
    cos, sin = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    along, beside = cos * across + sin * down, cos * down - sin * across
    return np.asarray((along / radii[0]) ** 2 + (beside / radii[1]) ** 2 <= 1)


def decode_counts(counts: Sequence[int], size: tuple[int, int], *, by_column: bool) -> Array:
    """Return a mask from run lengths that alternate between outside and inside, outside first: (H, W) bool.

    counts: lengths. size: (height, width). by_column: runs go down the columns, as in COCO. Raises InputError if
    the lengths do not add up to the size.
    """
    height, width = size
    runs = np.asarray(counts, np.int64)
    if runs.ndim != 1 or (runs < 0).any() or int(runs.sum()) != height * width:
        raise InputError(f"a run-length code does not cover {height}x{width} pixels")
    values = np.arange(runs.size) % 2 == 1
    flat = np.repeat(values, runs)
    return np.ascontiguousarray(flat.reshape(width, height).T) if by_column else flat.reshape(height, width)


def unpack_coco(text: str) -> list[int]:
    """Return the run lengths of COCO's compressed text. Source: maskApi.c, rleFrString."""
    counts: list[int] = []
    codes = text.encode("latin1", "replace")
    at = 0
    while at < len(codes):
        value = shift = 0
        while True:
            if at >= len(codes) or not 48 <= codes[at] < 112 or shift > 60:
                raise InputError("a compressed run-length code is damaged")
            code = codes[at] - 48
            value |= (code & 31) << shift
            at, shift = at + 1, shift + 5
            if not code & 32:
                break
        if code & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    return counts


class _Bits:
    """Sequential reader of big-endian bit fields."""

    def __init__(self, data: bytes) -> None:
        self.bits, self.at = np.unpackbits(np.frombuffer(data, np.uint8)), 0

    def number(self, width: int) -> int:
        return int(self.numbers(1, width)[0])

    def numbers(self, count: int, width: int) -> Array:
        end = self.at + count * width
        if end > self.bits.size:
            raise InputError("a brush stroke's run-length code is cut short")
        fields = self.bits[self.at : end].reshape(count, width).astype(np.int64)
        self.at = end
        return fields @ (1 << np.arange(width - 1, -1, -1, dtype=np.int64))


def decode_brush(codes: Sequence[int], size: tuple[int, int]) -> Array:
    """Return the mask of a brush label of Label Studio: (H, W) bool.

    codes: the bytes of its run-length code of RGBA values. size: (height, width). Raises InputError for damaged codes.
    Source: @thi.ng/rle-pack, which Label Studio uses.
    """
    try:
        reader = _Bits(bytes(codes))
    except (TypeError, ValueError) as error:
        raise InputError("a brush stroke's run-length code is not a list of bytes") from error
    total, word = reader.number(32), reader.number(5) + 1
    sizes = [reader.number(4) + 1 for _ in range(4)]
    height, width = size
    if total != height * width * 4:
        raise InputError(f"a brush stroke's run-length code does not cover {height}x{width} pixels")
    values = np.zeros(total, np.int64)
    at = 0
    while at < total:
        is_run = reader.number(1)
        end = at + 1 + reader.number(sizes[reader.number(2)])
        if end > total:
            raise InputError("a brush stroke's run-length code is longer than its picture")
        values[at:end] = reader.number(word) if is_run else reader.numbers(end - at, word)
        at = end
    return values.reshape(height, width, 4)[..., 3] >= 128
