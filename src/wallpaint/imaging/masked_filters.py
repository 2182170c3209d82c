"""Filters on irregular regions: normalised convolution, inpainting by push-pull, guided filter, weighted quantiles.

All functions take a weight map, 0 where there is no wall. Averages are divided by the averaged weight (normalised
convolution, Knutsson & Westin 1993), so that a sofa next to the wall never bleeds into the wall's own maps.
"""

from __future__ import annotations

import cv2
import numpy as np

from wallpaint.typing import Array

TINY = 1e-8


def box_mean(values: Array, weight: Array, radius_px: int) -> Array:
    """Weighted mean over a square of side 2 * radius_px + 1.

    values: (H, W) or (H, W, C) float32. weight: (H, W) float32, >= 0. Returns the shape of values; 0 where no weight
    is within reach.
    """
    side = (2 * radius_px + 1, 2 * radius_px + 1)

    def blur(x: Array) -> Array:
        return cv2.boxFilter(x, -1, side, normalize=True, borderType=cv2.BORDER_REFLECT)

    kept = blur(weight) + TINY
    if values.ndim == 2:
        return blur(values * weight) / kept
    return blur(values * weight[..., None]).reshape(values.shape) / kept[..., None]  # OpenCV drops a last axis of 1


def fill(values: Array, weight: Array) -> Array:
    """Extend values from where weight is high into everywhere else, smoothly; values with full weight stay.

    values: (H, W, C) float32. weight: (H, W) float32, 0..1. Returns a new (H, W, C) array without holes.
    Source: the push-pull pyramid of Gortler et al. 1996.
    """
    weight = np.clip(weight, 0, 1)
    height, width = weight.shape
    if min(height, width) <= 2 or float(weight.min()) >= 1:
        mean = (values * weight[..., None]).sum((0, 1)) / (weight.sum() + TINY)
        return values * weight[..., None] + mean * (1 - weight[..., None])
    half = ((width + 1) // 2, (height + 1) // 2)
    coarse_weight = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(values * weight[..., None], half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], -1)
    coarse = coarse / (coarse_weight + TINY)[..., None]
    coarse = fill(coarse.astype(np.float32), np.minimum(1, 4 * coarse_weight))
    below = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).reshape(values.shape)
    return values * weight[..., None] + below * (1 - weight[..., None])


def guided_mean(values: Array, weight: Array, guide: Array, radius_px: int, eps: float | Array) -> Array:
    """Edge-aware weighted smoothing: within each box, values become an affine function of the guide.

    values: (H, W) or (H, W, C) float32. weight, guide: (H, W) float32. eps: variance of the guide under which it is
    taken for noise, one number or (H, W). Returns the shape of values. Source: He, Sun & Tang 2010, with weights.
    """
    wide = values if values.ndim == 3 else values[..., None]
    mean_guide = box_mean(guide, weight, radius_px)
    variance = np.maximum(box_mean(guide * guide, weight, radius_px) - mean_guide**2, 0)
    mean = box_mean(wide, weight, radius_px)
    product = box_mean(wide * guide[..., None], weight, radius_px)
    slope = (product - mean * mean_guide[..., None]) / (variance + eps)[..., None]
    offset = mean - slope * mean_guide[..., None]
    slope = box_mean(slope, weight, radius_px)
    offset = box_mean(offset, weight, radius_px)
    return (slope * guide[..., None] + offset).reshape(values.shape)


def weighted_quantile(values: Array, weight: Array, q: float | Array) -> Array:
    """Quantiles of values counted by weight.

    values, weight: same shape. q: 0..1. Returns float64 of q's shape. Raises nothing: without any weight the plain
    quantile is returned.
    """
    flat, w = values.ravel(), weight.ravel()
    keep = w > 0
    if not keep.any():
        return np.quantile(flat, q)
    flat, w = flat[keep], w[keep]
    order = np.argsort(flat)
    cumulative = np.cumsum(w[order], dtype=np.float64)
    index = np.searchsorted(cumulative, np.asarray(q, np.float64) * cumulative[-1])
    return np.asarray(flat[order][np.minimum(index, flat.size - 1)], np.float64)
