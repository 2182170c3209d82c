"""The loss of a depth estimator, and its accuracy: both up to scale and shift of the inverse depth.

Source: Ranftl et al. 2020 (MiDaS), with the mean in place of the median.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from wallpaint.typing import Array

GRADIENT_SCALES = 4
MAX_DEPTH_M = 30.0  # that an aligned prediction is clamped to
DELTA = 1.25
_EPSILON = 1e-6


def normalized(inverse_depth: Tensor, valid: Tensor) -> Tensor:
    """Shift inverse depth to mean 0 and scale it to mean absolute deviation 1, per sample, over valid pixels.

    inverse_depth, valid: [B, h, w]; valid is 0 or 1. Invalid pixels become 0.
    """
    count = valid.sum((1, 2), keepdim=True).clamp_min(1)
    centered = (inverse_depth - (inverse_depth * valid).sum((1, 2), keepdim=True) / count) * valid
    return centered / (centered.abs().sum((1, 2), keepdim=True) / count + _EPSILON)


def losses(predicted: Tensor, inverse_depth: Tensor, valid: Tensor) -> dict[str, Tensor]:
    """Return the scalars depth, gradient and level.

    depth: L1 of the normalized inverse depth. gradient: L1 of its differences at four scales. level: L1 of each
    sample's mean in 1/m; the others ignore scale and shift, and outputs below 0 would be cut off. predicted,
    inverse_depth, valid: [B, h, w].
    """
    count = valid.sum((1, 2)).clamp_min(1)
    level = ((predicted - inverse_depth) * valid).sum((1, 2)).div(count).abs().mean()
    difference = normalized(predicted, valid) - normalized(inverse_depth, valid)
    depth = difference.abs().sum() / valid.sum().clamp_min(1)
    gradient = difference.new_zeros(())
    for _ in range(GRADIENT_SCALES):
        for dim in (1, 2):
            steps = difference.diff(dim=dim).abs()
            length = valid.shape[dim] - 1
            both = valid.narrow(dim, 0, length) * valid.narrow(dim, 1, length)
            gradient = gradient + (steps * both).sum() / both.sum().clamp_min(1)
        # A coarse pixel is valid if all its pixels are: their mean is the difference there.
        difference, valid = (functional.avg_pool2d(value[:, None], 2)[:, 0] for value in (difference, valid))
        valid = (valid > 1 - _EPSILON).to(difference.dtype)
    return {"depth": depth, "gradient": gradient / GRADIENT_SCALES, "level": level}


def align(predicted: Array, depth: Array) -> Array:
    """Return the depth in metres of a prediction after least squares over scale and shift of the inverse depth.

    predicted: (h, w), inverse depth in any scale. depth: (h, w) metres, 0 where it is unknown.
    """
    valid = depth > 0
    inverse = 1 / depth[valid].astype(np.float64)
    design = np.stack([predicted[valid].astype(np.float64), np.ones(len(inverse))], 1)
    (scale, shift), *_ = np.linalg.lstsq(design, inverse, rcond=None)
    return np.asarray(1 / np.maximum(scale * predicted + shift, 1 / MAX_DEPTH_M))


def delta_share(predicted: Array, depth: Array) -> float:
    """Return the share of known pixels whose depth is within a factor of 1.25 after alignment; see `align`."""
    valid = depth > 0
    ratio = align(predicted, depth)[valid] / depth[valid]
    return float((np.maximum(ratio, 1 / ratio) < DELTA).mean())


def mean_relative_error(predicted: Array, depth: Array) -> float:
    """Return the mean of |error| / depth over known pixels after alignment; see `align`."""
    valid = depth > 0
    return float((np.abs(align(predicted, depth)[valid] - depth[valid]) / depth[valid]).mean())


def to_inverse(depth: Tensor) -> tuple[Tensor, Tensor]:
    """Return inverse depth in 1/m and the valid pixels, 0 or 1, as float32 [...]. depth: metres, 0 if unknown."""
    valid = (depth > 0).float()
    return torch.where(depth > 0, 1 / depth.clamp_min(1e-3), torch.zeros_like(depth)), valid
