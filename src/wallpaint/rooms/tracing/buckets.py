"""A rendered room in every paint at once: its light sorted by how often it bounced off the walls' paint.

For walls of one diffuse albedo rho the recorded light is a polynomial in it, channel by channel:
I(rho) = sum over k of rho^k I_k, where I_k is the light that met the paint k times, rendered with an albedo of 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from wallpaint.errors import ShapeError
from wallpaint.typing import Array

LARGEST_RATIO = 0.98  # a wall that lit itself without loss would never stop
SMOOTHING = 1 / 12  # deviation of the ratio's local means, as a share of the picture's longer side
SHRINKAGE = 0.25  # light of the whole picture that is mixed into every local mean, as a share of its average
DARK = 1e-12


@dataclass(frozen=True, eq=False)
class Rendering:
    """What the renderer gives of one room.

    buckets: (K + 1, h, w, 3) float32, radiance in linear sRGB by number of diffuse bounces on the walls' paint.
    wall: (h, w) float32, share of the pixel that is paintable wall. depth: (h, w) float32, metres along the viewing
    axis, 0 where there is nothing. albedo: (h, w, 3) float32 of what is seen. normal: (h, w, 3) float32.
    wall_number: (h, w) int16, -1 where there is no wall.
    """

    buckets: Array
    wall: Array
    depth: Array
    albedo: Array
    normal: Array
    wall_number: Array


def radiance(buckets: Array, albedo: npt.ArrayLike, ratio: Array | None = None) -> Array:
    """The light of the room with its walls in one paint.

    buckets: (K + 1, h, w, 3), K >= 1. albedo: (3,) linear sRGB, 0..1. ratio: `tail_ratio(buckets)`, for those who ask
    for many paints. Returns (h, w, 3) float32, linear sRGB. Light beyond the last bucket is a geometric series,
    I_(K+j) = r^j I_K, whose sum is rho^K I_K rho r / (1 - rho r). Raises ShapeError.
    """
    rho = np.asarray(albedo, np.float32)
    if buckets.ndim != 4 or len(buckets) < 2 or buckets.shape[-1] != 3 or rho.shape != (3,):
        raise ShapeError(f"buckets are {buckets.shape}, the albedo {rho.shape}: expected (K + 1, h, w, 3) and (3,)")
    share = rho * (tail_ratio(buckets) if ratio is None else ratio)
    total = np.asarray(buckets[-1] / (1 - share), np.float32)
    for light in buckets[-2::-1]:
        total *= rho
        total += light
    return total


def tail_ratio(buckets: Array) -> Array:
    """By what the light shrinks from one bounce to the next beyond the last bucket: (h, w, 3) float32, below 1.

    The ratio of the last two buckets' local means, drawn towards the ratio of the whole picture where there is little
    light to tell. Among many bounces only the slowest mode is left (power iteration on the light transport), which is
    why one ratio a place is enough.
    """
    before, last = (np.maximum(np.asarray(light, np.float32), 0) for light in buckets[-2:])
    average, ending = (light.mean((0, 1), dtype=np.float64) for light in (before, last))
    overall = np.minimum(ending / np.maximum(average, DARK), LARGEST_RATIO)
    kept = (SHRINKAGE * average).astype(np.float32)
    local = (_smoothed(last) + kept * overall.astype(np.float32)) / np.maximum(_smoothed(before) + kept, DARK)
    return np.minimum(local, LARGEST_RATIO).astype(np.float32)


def _smoothed(light: Array) -> Array:
    height, width = light.shape[:2]
    shrink = max(1, max(height, width) // 64)
    small = cv2.resize(light, (-(-width // shrink), -(-height // shrink)), interpolation=cv2.INTER_AREA)
    deviation = max(1.0, SMOOTHING * max(height, width) / shrink)
    soft = cv2.GaussianBlur(small, (0, 0), deviation, borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)).reshape(light.shape)
