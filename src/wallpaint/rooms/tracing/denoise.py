"""Denoising of path-traced images with Open Image Denoise (Intel), if it is installed."""

from __future__ import annotations

import importlib.util
from functools import cache

import numpy as np

from wallpaint.typing import Array


@cache
def available() -> bool:
    """Return whether the denoiser is installed."""
    return importlib.util.find_spec("pyoidn") is not None


def denoise(radiance: Array, albedo: Array, normal: Array) -> Array:
    """Denoise linear radiance, (h, w, 3); returns float32.

    albedo: (h, w, 3), 0..1, and normal: (h, w, 3), -1..1, are the auxiliary features that preserve edges and textures.
    Each bucket is denoised on its own, so the buckets remain the coefficients of a polynomial.
    """
    import pyoidn

    if float(radiance.max(initial=0.0)) <= 0:
        return radiance.astype(np.float32)
    denoised = pyoidn.denoise(
        np.ascontiguousarray(radiance, np.float32),
        albedo=np.ascontiguousarray(np.clip(albedo, 0, 1), np.float32),
        normal=np.ascontiguousarray(normal, np.float32),
        hdr=True,
    )
    return np.maximum(denoised, 0).astype(np.float32)
