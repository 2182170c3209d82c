"""Shading of the swatch match: the light model's prediction, as far as the photo's own shading is preserved.

A dark paint deepens a wall's shadows and a bright one fills them; a lamp's patch on a grey wall, or a second paint that
was not detected, is not light alone. The light model predicts both. But the swatch match promises the photo's shading
around the swatch, so the prediction is applied as

    log_shading + share x (change of log shading),   tint + share x TINT_SHARE x (change of tint)

with the largest share up to `MAX_SHARE` at which the wall's gradients and contrast are still the photo's. The share
drops to zero where the model's expected error is large, and where the swatch is the wall's present colour. A wall whose
pattern was removed first has no shading in the photo that must be preserved.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.imaging.quantization import tint_trust
from wallpaint.scene.intrinsics import LOG_SHADING_QUANTILES, MAX_LOG_TINT, IntrinsicDecomposition
from wallpaint.typing import Array

MAX_SHARE = 0.75  # of the prediction; the rest is left to what the photo shows of light at more than 80 pixels
TINT_SHARE = 0.5  # of the share, for the tint: the model mistakes some of a lamp's glow for paint
MIN_GRADIENT_CORRELATION = 0.985  # of log-luminance gradients with the photo's; bar 0.95 after the tone curve
MIN_FINAL_GRADIENT_CORRELATION = 0.967  # the same including the loss by gamut mapping
# Range from the 5th to the 95th percentile relative to the photo's; bar 0.8 to 1.25.
CONTRAST_LIMITS = (0.85, 1.22)
WHITE_MIN_CORRELATION = 0.96  # the same for swatches brighter than white
FULL_SHARE_DELTA_E = 15.0  # CIELAB distance of the swatch from the wall's present colour from which the share is full
TRUST_FULL_DELTA_E, TRUST_NONE_DELTA_E = 10.0, 14.0  # expected CIEDE2000 up to / from which the share is full / zero
SHARE_STEPS = 16  # number of shares tried
SAMPLE_PIXELS = 20_000  # working pixels from which a wall's quantiles are computed
MIN_WALL_SHARE = 0.99  # share of wall in a working pixel whose gradients count
CONTRAST_QUANTILES = (0.05, 0.95)


def transfer_shading(
    intrinsics: IntrinsicDecomposition,
    log_shading: Array,
    before: Array,
    after: Array,
    swatch: Array,
    expected_error: float,
    gamut_effect: tuple[float, float],
    *,
    lacks_headroom: bool = False,
) -> tuple[IntrinsicDecomposition, Array]:
    """Return a wall's decomposition and log shading (h, w) as they would be in another paint.

    log_shading: (h, w), denoised for the new paint. before: (h, w, 3) linear sRGB, the wall with this shading in its
    existing paint. after: the same in the new paint, as the light model predicts it. swatch: (3,) linear sRGB.
    expected_error: CIEDE2000, of the prediction. gamut_effect, lacks_headroom: see `max_share`.
    """
    rows, cols = np.nonzero(intrinsics.weight > 0.5)
    distance = float(color.delta_e_76(color.linear_to_lab(swatch), color.linear_to_lab(intrinsics.median)))
    trust = np.clip((TRUST_NONE_DELTA_E - expected_error) / (TRUST_NONE_DELTA_E - TRUST_FULL_DELTA_E), 0, 1)
    limit = MAX_SHARE * float(trust * np.clip(distance / FULL_SHARE_DELTA_E, 0, 1))
    if rows.size == 0 or limit == 0:
        return intrinsics, log_shading
    every = np.linspace(0, rows.size - 1, min(SAMPLE_PIXELS, rows.size)).astype(np.int64)
    at = rows[every], cols[every]
    change = _log_luma(after) - _log_luma(before)
    tint_change = _log(after) - _log(before) - change[..., None]
    change -= np.float32(np.median(change[at] + log_shading[at]) - np.median(log_shading[at]))
    tint_change = np.clip(tint_change - np.median(tint_change[at], axis=0), -MAX_LOG_TINT, MAX_LOG_TINT)
    tint_change *= tint_trust(intrinsics.median, before)[..., None].astype(np.float32)
    share = np.float32(
        limit
        if intrinsics.pattern_removed
        else max_share(intrinsics.weight, log_shading, change, at, limit, gamut_effect, lacks_headroom=lacks_headroom)
    )
    log_shading = (log_shading + share * change).astype(np.float32)
    tint = (intrinsics.illuminant_tint + share * np.float32(TINT_SHARE) * tint_change).astype(np.float32)
    quantiles = np.quantile(log_shading[rows, cols], LOG_SHADING_QUANTILES)
    intrinsics = replace(intrinsics, log_shading=log_shading, illuminant_tint=tint, log_shading_quantiles=quantiles)
    return intrinsics, log_shading


def max_share(
    weight: Array,
    log_shading: Array,
    change: Array,
    at: tuple[Array, Array],
    limit: float,
    gamut_effect: tuple[float, float] = (1.0, 1.0),
    *,
    lacks_headroom: bool = False,
) -> float:
    """Return the largest share, 0..limit, of a change of log shading (h, w) that preserves gradients and contrast.

    weight: (h, w), share of wall. at: (rows, cols) of the pixels from which contrast is computed. gamut_effect: the
    factor by which gamut mapping increases contrast, 1 or more, and the correlation of gradients after it, 0..1.
    lacks_headroom: the file cannot hold the photo's highlights, so that gradients are preserved less strictly.
    """
    contrast_gain, correlation = gamut_effect
    min_correlation = max(MIN_GRADIENT_CORRELATION, MIN_FINAL_GRADIENT_CORRELATION / max(correlation, 1e-3))
    if lacks_headroom:
        min_correlation = WHITE_MIN_CORRELATION
    old, new = _gradients(weight, log_shading), _gradients(weight, log_shading + change)
    difference = new - old
    old_old, diff_diff, old_diff = float(old @ old), float(difference @ difference), float(old @ difference)
    sample, sample_change = log_shading[at], change[at]
    low, high = CONTRAST_LIMITS[0], CONTRAST_LIMITS[1] / contrast_gain
    least, most = (factor * contrast_range(sample) for factor in (low, high))
    for share in np.linspace(limit, 0, SHARE_STEPS, endpoint=False):
        # Correlation of old with old + share x difference, from the three dot products.
        norm = np.sqrt(old_old * max(old_old + 2 * share * old_diff + share**2 * diff_diff, 0.0))
        if old_old + share * old_diff < min_correlation * norm:
            continue
        if least <= contrast_range(sample + np.float32(share) * sample_change) <= most:
            return float(share)
    return 0.0


def gradient_correlation(weight: Array, before: Array, after: Array) -> float:
    """Return the correlation of the gradients of two log luminances, (h, w), 0..1; 1 where there are none."""
    old, new = _gradients(weight, before), _gradients(weight, after)
    norm = float(np.sqrt((old @ old) * (new @ new)))
    return max(0.0, float(old @ new) / norm) if norm > 0 else 1.0


def _gradients(weight: Array, log_shading: Array) -> Array:
    """Return differences (N,) of log blurred luminance between neighbours inside the wall, with mean 0."""
    inner = weight > MIN_WALL_SHARE
    log = np.log(np.maximum(cv2.GaussianBlur(np.exp(log_shading), (0, 0), 1.0), 1e-6))
    across, down = np.diff(log, axis=1), np.diff(log, axis=0)
    gradients = np.concatenate([across[inner[:, 1:] & inner[:, :-1]], down[inner[1:] & inner[:-1]]])
    return gradients - gradients.mean() if gradients.size else gradients


def contrast_range(values: Array) -> float:
    """Return the range from the 5th to the 95th percentile of log luminances."""
    low, high = np.quantile(values, CONTRAST_QUANTILES)
    return float(high - low)


def _log(rgb: Array) -> Array:
    return np.log(np.maximum(rgb, 1e-5)).astype(np.float32)


def _log_luma(rgb: Array) -> Array:
    return _log(color.luminance(rgb))
