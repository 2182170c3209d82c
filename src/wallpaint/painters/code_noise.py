"""Noise of code values on dark walls: where a bright paint would make it visible, and shading without it.

The shading of a dark wall is known to a tenth or less: it has a few code values, and JPEG stores those in blocks of 8
pixels. A bright paint multiplies them. Fine shading is therefore kept in proportion signal / (signal + noise), by a
guided filter whose regularisation is the noise of each pixel's level: edges of shadows, which exceed the noise, stay.
"""

from __future__ import annotations

import numpy as np

from wallpaint.imaging.masked_filters import box_mean, guided_mean
from wallpaint.imaging.quantization import luminance_error
from wallpaint.scene.intrinsics import IntrinsicDecomposition
from wallpaint.typing import Array

VISIBLE_LIGHTNESS = 1.5  # L* of code noise that any wall may show; a photo that has more keeps its own amount
LEVEL_RADIUS_PX = 4  # working pixels over which a pixel's level is averaged
FILTER_RADIUS_PX = 16  # working pixels, several JPEG blocks
MAX_NOISE_FACTOR = 8.0  # on the noise's variance, where it is amplified most
DETAIL_POWER = 2.0  # by which detail below a working pixel fades with the noise's excess


def code_noise(intrinsics: IntrinsicDecomposition, new_luma: float) -> tuple[Array, Array]:
    """Return the relative error of a wall's luminance by its codes, and its visibility in a new paint, both (h, w).

    new_luma: the wall's median luminance in the new paint. The visibility is the noise's L* relative to the larger of
    `VISIBLE_LIGHTNESS` and the noise in the photo; noise is visible above 1.
    """
    level = intrinsics.median_luma * np.exp(intrinsics.log_shading)
    level = box_mean(level.astype(np.float32), intrinsics.weight + 1e-6, LEVEL_RADIUS_PX)
    rgb = intrinsics.median.astype(np.float32) * (level / intrinsics.median_luma)[..., None]
    error = luminance_error(rgb).astype(np.float32)
    before, after = (116 / 3 * error * np.maximum(luma, 0.009) ** (1 / 3) for luma in (level, np.float32(new_luma)))
    return error, (after / np.maximum(before, VISIBLE_LIGHTNESS)).astype(np.float32)


def without_code_noise(intrinsics: IntrinsicDecomposition, new_luma: float) -> Array:
    """Return log shading (h, w) without the noise that the new paint would make visible. new_luma: see `code_noise`."""
    error, visibility = code_noise(intrinsics, new_luma)
    if float(visibility.max()) <= 1:
        return intrinsics.log_shading
    variance = error**2 * np.clip(visibility**2 - 1, 0, MAX_NOISE_FACTOR) + 1e-9
    log_shading = intrinsics.log_shading
    return guided_mean(log_shading, intrinsics.weight + 1e-6, log_shading, FILTER_RADIUS_PX, variance).astype(
        np.float32
    )


def detail_share(intrinsics: IntrinsicDecomposition, new_luma: float) -> Array | None:
    """Return how much of the detail below a working pixel the codes determine, (h, w, 1), 0..1; None for all of it."""
    visibility = code_noise(intrinsics, new_luma)[1]
    if float(visibility.max()) <= 1:
        return None
    return (np.minimum(1, 1 / np.maximum(visibility, 1e-3)) ** DETAIL_POWER)[..., None].astype(np.float32)
