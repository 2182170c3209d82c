"""Intrinsic decomposition of a wall: what remains when its paint changes.

At working size the image of a wall is decomposed into

    photo = existing paint x exp(illuminant_tint) x exp(log_shading) + specular x illuminant colour

log_shading: log luminance relative to the wall's median. It contains shadows, sun patches, plaster and grain.
illuminant_tint: local colour of the light relative to its typical colour (a warm lamp on a cool wall). It is well
determined on pale walls and hardly on saturated ones, where it fades to zero.
specular: white light reflected without being coloured by the paint. On a saturated wall it shows as a pale bloom and
can be separated; on a pale wall it cannot, and is part of log_shading.

Source of the separation of specular and diffuse reflection: the dichromatic reflection model (Shafer 1985).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.imaging.masked_filters import box_mean, fill, guided_mean, weighted_quantile
from wallpaint.imaging.quantization import tint_trust
from wallpaint.scene.existing_paint import homogenize
from wallpaint.scene.pattern_free import PatternFreeWall
from wallpaint.typing import Array

CLIPPED_LINEAR = 0.98  # linear value from which a channel may have been clipped by the camera
MAX_LOG_TINT = float(np.log(2.5))
# Squared relative distance between the colours of paint and light from which a specular part is detected, and from
# which it is fully trusted.
SPECULAR_SEPARABILITY = (0.10, 0.40)
LOG_SHADING_QUANTILES = np.array([0.0005, 0.05, 0.95, 0.9995])
SHOULDER = 0.3  # 0 bends the tone curve hard and keeps contrast near the median; 1 compresses all highlights alike
MAX_TOE_SLOPE = 1.6
MIN_HEADROOM = 0.01  # natural log


@dataclass(frozen=True)
class IntrinsicDecomposition:
    """The decomposition of one wall at working size (h, w), filled beyond its edges so that upsampling does not leak.

    luma: (h, w) float32, luminance of the wall as photographed; without its pattern if that was removed.
    weight: (h, w) float32, 0..1, share of wall in each working pixel.
    median: (3,) float64, linear sRGB, the wall's median colour; median_luma its luminance.
    log_shading: (h, w) float32, natural log of luminance without specular, relative to median_luma.
    illuminant_tint: (h, w, 3) float32, natural log per channel, 0 where the light has the wall's typical colour.
    specular: (h, w) float32, luminance of white reflections, >= 0. illuminant_color: (3,) float64, their colour at
    luminance 1.
    log_shading_quantiles: (4,), `LOG_SHADING_QUANTILES` of log_shading, for `tone_curve`.
    noise: relative standard deviation of luminance between neighbouring pixels of the full-size photo.
    paint_count, notes, pattern_free: see `existing_paint.HomogenizedWall`. pattern_removed: the wall was patterned, and
    the pattern was removed before the decomposition.
    """

    luma: Array
    weight: Array
    median: Array
    median_luma: float
    log_shading: Array
    illuminant_tint: Array
    specular: Array
    illuminant_color: Array
    log_shading_quantiles: Array
    noise: float
    paint_count: int
    notes: tuple[str, ...]
    pattern_removed: bool
    pattern_free: PatternFreeWall | None = None

    @property
    def has_relief(self) -> bool:
        """Whether the joints of brick, tiles or boards are kept."""
        return self.pattern_free is not None and self.pattern_free.relief is not None


def decompose(
    rgb: Array, weight: Array, illuminant_color: Array, noise: float, old_wall: str = "auto"
) -> IntrinsicDecomposition:
    """Decompose the image of a wall.

    rgb: (h, w, 3) float32, linear sRGB; only pixels with weight count. weight: (h, w) float32, 0..1.
    illuminant_color: (3,) colour of a white surface in this room, any scale. noise: see `IntrinsicDecomposition`.
    old_wall: the mode of `existing_paint.homogenize`.
    """
    rgb = fill(np.maximum(rgb, 0), np.minimum(1, weight * 4))
    photo_luma = color.luminance(rgb).astype(np.float32)
    homogenized = homogenize(rgb, weight, old_wall)
    rgb = homogenized.rgb
    luma = color.luminance(rgb).astype(np.float32)
    median = np.array([weighted_quantile(rgb[..., c], weight, 0.5) for c in range(3)]).clip(1e-5)
    white = np.maximum(np.asarray(illuminant_color, np.float64), 1e-4)
    white = white / float(color.luminance(white))
    unclipped = weight * (color.brightest_channel(rgb) < CLIPPED_LINEAR)
    specular = _specular(rgb, luma, unclipped, median, white)
    diffuse_luma = np.maximum(luma - specular, 0.02 * luma)
    median_luma = max(float(weighted_quantile(diffuse_luma, weight, 0.5)), 1e-5)
    log_shading = np.log(np.maximum(diffuse_luma, 1e-5) / median_luma).astype(np.float32)
    diffuse = rgb - specular[..., None] * white.astype(np.float32)
    return IntrinsicDecomposition(
        luma=luma if homogenized.patterned else photo_luma,
        weight=weight,
        median=median,
        median_luma=median_luma,
        log_shading=log_shading,
        illuminant_tint=_illuminant_tint(diffuse, diffuse_luma, log_shading, unclipped, median),
        specular=specular,
        illuminant_color=white,
        log_shading_quantiles=weighted_quantile(log_shading, weight, LOG_SHADING_QUANTILES),
        noise=noise if homogenized.pattern_free is None else homogenized.pattern_free.noise_gain * noise,
        paint_count=homogenized.paint_count,
        notes=homogenized.notes,
        pattern_removed=homogenized.patterned,
        pattern_free=homogenized.pattern_free,
    )


def _filter_radius(shape: tuple[int, ...]) -> int:
    return max(2, round(max(shape[:2]) / 60))


def _illuminant_tint(rgb: Array, luma: Array, log_shading: Array, unclipped: Array, median: Array) -> Array:
    """Return the log colour of the light relative to its typical colour: smooth, with a median of zero."""
    floor = 0.02 * median.astype(np.float32)
    ratio = np.log(np.maximum(rgb, floor) / median.astype(np.float32))
    ratio = ratio - np.log(np.maximum(luma, 1e-6) / color.luminance(median))[..., None]
    ratio = np.clip(ratio, -MAX_LOG_TINT, MAX_LOG_TINT).astype(np.float32)
    radius = _filter_radius(rgb.shape)
    smooth = guided_mean(ratio, unclipped + 1e-6, log_shading, radius, 0.05**2)
    known = box_mean((unclipped > 0.2).astype(np.float32), np.ones_like(unclipped), radius)
    smooth = fill(smooth, np.clip(4 * known, 0, 1))
    smooth = smooth - np.array([weighted_quantile(smooth[..., c], unclipped, 0.5) for c in range(3)], np.float32)
    trust = tint_trust(median, box_mean(rgb, unclipped + 1e-6, radius))[..., None]
    return (trust * np.clip(smooth, -MAX_LOG_TINT, MAX_LOG_TINT)).astype(np.float32)


def _specular(rgb: Array, luma: Array, unclipped: Array, median: Array, white: Array) -> Array:
    """Return the luminance of white reflections on a coloured wall: least squares of each pixel on (paint, white)."""
    paint = median / color.luminance(median)
    orthogonal = white - paint * (white @ paint) / (paint @ paint)
    separability = float(orthogonal @ orthogonal) / float(white @ white)
    if separability <= SPECULAR_SEPARABILITY[0]:
        return np.zeros_like(luma)
    white_part = cv2.transform(rgb, (orthogonal / (orthogonal @ orthogonal)).astype(np.float32)[None])
    eps = (0.05 * float(np.median(luma))) ** 2
    white_part = guided_mean(white_part, unclipped + 1e-6, luma, _filter_radius(luma.shape) // 2, eps)
    deviation = np.abs(white_part - weighted_quantile(white_part, unclipped, 0.5))
    noise = 1.4826 * float(weighted_quantile(deviation, unclipped, 0.5))
    specular = _smoothstep(separability, *SPECULAR_SEPARABILITY) * np.maximum(white_part - 2 * noise, 0)
    return np.minimum(cv2.GaussianBlur(specular, (0, 0), 1.0), 0.9 * luma).astype(np.float32)


def _smoothstep(x: float, low: float, high: float) -> float:
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


def tone_curve(
    quantiles: Array, headroom: float, min_contrast: float = 0.85, bend: float = SHOULDER
) -> tuple[Array, Array]:
    """Return a curve for log shading that keeps highlights within the image's range.

    quantiles: (4,) `LOG_SHADING_QUANTILES` of log luminance relative to the median. headroom: log of the highest
    possible luminance over the new median, >= 0. bend: see `SHOULDER`. Returns (knots_in, knots_out), both (n,)
    float64, for np.interp. The curve is the identity where the headroom suffices; otherwise it has a shoulder above the
    median and a steeper toe below, so that the range between the 5th and the 95th percentile stays at least
    min_contrast of the photo's.
    """
    low, p5, p95, high = (float(v) for v in quantiles)
    knots = np.linspace(min(float(low), -0.1) - 4.0, max(float(high), 0.1) + 3.0, 512)
    headroom = max(headroom, MIN_HEADROOM)
    if high <= headroom:
        return knots, knots
    compression = headroom / high
    slope = compression**bend
    above = np.clip(knots / high, 0, 1)
    # The hyperbola that leaves 0 with this slope and meets the headroom where the shading is brightest.
    shoulder = slope * high * above / (1 + (slope / compression - 1) * above)
    out = np.where(knots > 0, shoulder, knots)
    range_up = float(np.interp(p95, knots, out))
    missing = min_contrast * float(p95 - p5) - (range_up - float(p5))
    toe = float(np.clip(1 + missing / max(-float(p5), 1e-3), 1.0, MAX_TOE_SLOPE)) if p5 < 0 else 1.0
    out = _smooth_kinks(knots, np.where(out < 0, toe * out, out))
    top = float(np.interp(high, knots, out))
    return knots, np.where(out > 0, np.minimum(out * min(1.0, headroom / max(top, 1e-6)), headroom), out)


def _smooth_kinks(knots: Array, values: Array, width: float = 0.12) -> Array:
    """Smooth the kinks of a curve, which would show as contours on a smooth wall; 0 still maps to 0."""
    step = float(knots[1] - knots[0])
    reach = max(1, round(3 * width / step))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / width) ** 2)
    before, after = values[1] - values[0], values[-1] - values[-2]
    ramp = np.arange(1, reach + 1)
    padded = np.concatenate([values[0] - before * ramp[::-1], values, values[-1] + after * ramp])
    smooth = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    return smooth - float(np.interp(0.0, knots, smooth))
