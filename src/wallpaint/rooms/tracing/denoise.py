"""Take the path tracer's noise out of a picture, with Open Image Denoise (Intel) where it is installed."""

from __future__ import annotations

import importlib.util
from functools import cache

import numpy as np

from wallpaint.typing import Array


@cache
def available() -> bool:
    """Whether the denoiser is installed."""
    return importlib.util.find_spec("pyoidn") is not None


def denoise(radiance: Array, albedo: Array, normal: Array) -> Array:
    """Denoised radiance, (h, w, 3) float32, linear.

    albedo: (h, w, 3), 0..1, and normal: (h, w, 3), -1..1, of what is seen there; they keep edges and textures.
    Buckets are denoised one by one, so that what remains is still the coefficients of a polynomial.
    """
    import pyoidn

    if float(radiance.max(initial=0.0)) <= 0:
        return radiance.astype(np.float32)
    clean = pyoidn.denoise(
        np.ascontiguousarray(radiance, np.float32),
        albedo=np.ascontiguousarray(np.clip(albedo, 0, 1), np.float32),
        normal=np.ascontiguousarray(normal, np.float32),
        hdr=True,
    )
    return np.maximum(clean, 0).astype(np.float32)
