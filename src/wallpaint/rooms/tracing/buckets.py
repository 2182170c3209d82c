"""Radiance buckets: a rendered room in every wall paint at once, split by the number of bounces on the paint.

For walls of one diffuse albedo rho the radiance is a polynomial in rho, per channel: I(rho) = sum over k of rho^k I_k,
where bucket I_k is the light with k diffuse bounces on the paint, rendered with an albedo of 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from wallpaint.errors import ShapeError
from wallpaint.typing import Array

MAX_TAIL_RATIO = 0.98  # below 1, so that the geometric series converges
SMOOTHING_SIGMA = 1 / 12  # of the blur for local means, as a share of the longer image side
SHRINKAGE = 0.25  # weight of the image mean in every local mean
EPSILON = 1e-12


@dataclass(frozen=True, eq=False)
class Rendering:
    """Radiance buckets and arbitrary output variables (AOVs) of one room.

    buckets: (K + 1, h, w, 3) float32, linear sRGB radiance by number of diffuse bounces on the wall paint. wall: (h, w)
    float32, share of each pixel that is paintable wall. depth: (h, w) float32, metres along the optical axis, 0 without
    a hit. albedo: (h, w, 3) float32, of the first hit. normal: (h, w, 3) float32. wall_number: (h, w) int16, -1 for
    other surfaces. wall_plane: (h, w) int16, index of the wall plane that covers most of the pixel, see
    `wall_planes.face_planes`, -1 for other surfaces. occlusion: (h, w) float32, of the reliefs at the first hit, 1
    without.
    """

    buckets: Array
    wall: Array
    depth: Array
    albedo: Array
    normal: Array
    wall_number: Array
    wall_plane: Array
    occlusion: Array


def majority(indices: Array) -> Array:
    """Return the most frequent index of each pixel: (h, w) int16. indices: (h, w, samples), small integers from -1."""
    values = np.arange(-1, indices.max(initial=-1) + 1)
    counts = np.stack([(indices == value).sum(-1) for value in values])
    return values[counts.argmax(0)].astype(np.int16)


def radiance(buckets: Array, albedo: npt.ArrayLike, ratio: Array | None = None) -> Array:
    """Evaluate the radiance of the room with its walls in one paint.

    buckets: (K + 1, h, w, 3), K >= 1. albedo: (3,) linear sRGB, 0..1. ratio: `tail_ratio(buckets)`; pass it to evaluate
    many paints. Returns (h, w, 3) float32, linear sRGB. The light beyond the last bucket is modelled as a geometric
    series, I_(K+j) = r^j I_K, whose sum is rho^K I_K rho r / (1 - rho r). Raises ShapeError.
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
    """Estimate the ratio of successive buckets beyond the last one: (h, w, 3) float32, below 1.

    It is the ratio of the local means of the last two buckets, shrunk towards the ratio of the image means where there
    is little light. One ratio per pixel is enough, as after several bounces the slowest mode of the light transport
    dominates (power iteration).
    """
    previous, last = (np.maximum(np.asarray(light, np.float32), 0) for light in buckets[-2:])
    previous_mean, last_mean = (light.mean((0, 1), dtype=np.float64) for light in (previous, last))
    overall = np.minimum(last_mean / np.maximum(previous_mean, EPSILON), MAX_TAIL_RATIO)
    prior = (SHRINKAGE * previous_mean).astype(np.float32)
    local = (_blur(last) + prior * overall.astype(np.float32)) / np.maximum(_blur(previous) + prior, EPSILON)
    return np.minimum(local, MAX_TAIL_RATIO).astype(np.float32)


def _blur(light: Array) -> Array:
    height, width = light.shape[:2]
    stride = max(1, max(height, width) // 64)
    small = cv2.resize(light, (-(-width // stride), -(-height // stride)), interpolation=cv2.INTER_AREA)
    sigma = max(1.0, SMOOTHING_SIGMA * max(height, width) / stride)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)).reshape(light.shape)
