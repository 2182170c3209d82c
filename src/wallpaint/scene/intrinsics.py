"""What stays on a wall when its paint changes: shading, the tint of its light, and white reflections.

At working size the wall's picture is taken apart into

    photo = old paint x tint x exp(shade) + veil

shade: log luminance against the wall's median. It holds shadows, sun patches, plaster and grain.
tint: how the colour of the light differs from place to place (a warm lamp on a cool wall), known well on pale walls
and hardly at all on saturated ones, where it fades to none.
veil: white light that the surface reflects without colouring it. On a saturated wall it shows as a pale bloom and
can be told from paint; on a pale wall it cannot, and counts as shade.

Source of the split between veil and paint: the dichromatic reflection model (Shafer 1985).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.imaging.masked_filters import box_mean, fill, guided_mean, weighted_quantile
from wallpaint.scene.existing_paint import CODE_ERROR, homogenize
from wallpaint.typing import Array

CLIPPED = 0.98  # linear value from which a channel may have been cut off by the camera
TINT_ERROR = 0.08  # relative error of a channel at which half of its tint is believed
MAX_TINT = float(np.log(2.5))
VEIL_VISIBLE = (
    0.10,
    0.40,
)  # distance between paint and light (squared, relative) where a veil begins to show, and does

SPREAD_QUANTILES = np.array([0.0005, 0.05, 0.95, 0.9995])
SHOULDER = 0.3  # 0 bends the tone curve hard and keeps contrast near the median; 1 squeezes all highlights alike
STEEPEST_TOE = 1.6


@dataclass(frozen=True)
class Shading:
    """One wall at working size (h, w), filled beyond its edges so that it can be enlarged without leaks.

    luma: (h, w) float32, luminance of the wall as photographed.
    weight: (h, w) float32, 0..1, share of wall in each working pixel.
    median: (3,) float64, linear sRGB, the wall's median colour; median_luma its luminance.
    shade: (h, w) float32, natural log of luminance without veil against median_luma.
    tint: (h, w, 3) float32, natural log per channel, 0 where the light has the wall's usual colour.
    veil: (h, w) float32, luminance of white reflections, >= 0. light: (3,) float64, their colour at luminance 1.
    spread: (4,) percentiles of shade for `tone`. old_paints, notes: see `existing_paint.HomogenizedWall`. evened: a
    pattern or several old paints were taken out of the picture first.
    noise: relative standard deviation of luminance between neighbouring pixels of the full-size photo.
    """

    luma: Array
    weight: Array
    median: Array
    median_luma: float
    shade: Array
    tint: Array
    veil: Array
    light: Array
    spread: Array
    noise: float
    old_paints: int
    notes: tuple[str, ...]
    evened: bool


def analyse(rgb: Array, weight: Array, light: Array, noise: float, old_wall: str = "auto") -> Shading:
    """Take a wall apart.

    rgb: (h, w, 3) float32, linear sRGB; only pixels with weight count. weight: (h, w) float32, 0..1.
    light: (3,) colour of a white surface in this room, any scale. noise: see Shading. old_wall: see
    `old_wall.homogenize`.
    """
    rgb = fill(np.maximum(rgb, 0), np.minimum(1, weight * 4))
    photo_luma = color.luminance(rgb).astype(np.float32)
    evened = homogenize(rgb, weight, old_wall)
    rgb = evened.rgb
    luma = color.luminance(rgb).astype(np.float32)
    median = np.array([weighted_quantile(rgb[..., c], weight, 0.5) for c in range(3)]).clip(1e-5)
    white = np.maximum(np.asarray(light, np.float64), 1e-4)
    white = white / float(color.luminance(white))
    sound = weight * (rgb.max(-1) < CLIPPED)
    veil = _veil(rgb, luma, sound, median, white)
    matte_luma = np.maximum(luma - veil, 0.02 * luma)
    median_luma = max(float(weighted_quantile(matte_luma, weight, 0.5)), 1e-5)
    shade = np.log(np.maximum(matte_luma, 1e-5) / median_luma).astype(np.float32)
    diffuse = rgb - veil[..., None] * white.astype(np.float32)
    tint = _tint(diffuse, matte_luma, shade, sound, median)
    spread = weighted_quantile(shade, weight, SPREAD_QUANTILES)
    return Shading(
        photo_luma,
        weight,
        median,
        median_luma,
        shade,
        tint,
        veil,
        white,
        spread,
        noise,
        evened.paints,
        evened.notes,
        evened.patterned,
    )


def _radius(shape: tuple[int, ...]) -> int:
    return max(2, round(max(shape[:2]) / 60))


def _tint(rgb: Array, luma: Array, shade: Array, sound: Array, median: Array) -> Array:
    """Log colour of the light against its usual colour, smooth, and zero-luminance on the whole."""
    floor = 0.02 * median.astype(np.float32)
    ratio = np.log(np.maximum(rgb, floor) / median.astype(np.float32))
    ratio = ratio - np.log(np.maximum(luma, 1e-6) / color.luminance(median))[..., None]
    ratio = np.clip(ratio, -MAX_TINT, MAX_TINT).astype(np.float32)
    radius = _radius(rgb.shape)
    smooth = guided_mean(ratio, sound + 1e-6, shade, radius, 0.05**2)
    known = box_mean((sound > 0.2).astype(np.float32), np.ones_like(sound), radius)
    smooth = fill(smooth, np.clip(4 * known, 0, 1))
    smooth = smooth - np.array([weighted_quantile(smooth[..., c], sound, 0.5) for c in range(3)], np.float32)
    relative_error = 2.2 * CODE_ERROR / color.linear_to_srgb(median)
    belief = float((1 / (1 + (relative_error / TINT_ERROR) ** 2)).min())
    return (belief * np.clip(smooth, -MAX_TINT, MAX_TINT)).astype(np.float32)


def _veil(rgb: Array, luma: Array, sound: Array, median: Array, white: Array) -> Array:
    """Luminance of uncoloured reflections on a coloured wall: least squares of each pixel on (paint, white)."""
    paint = median / color.luminance(median)
    across = white - paint * (white @ paint) / (paint @ paint)
    visible = float(across @ across) / float(white @ white)
    if visible <= VEIL_VISIBLE[0]:
        return np.zeros_like(luma)
    share = cv2.transform(rgb, (across / (across @ across)).astype(np.float32)[None])
    share = guided_mean(share, sound + 1e-6, luma, _radius(luma.shape) // 2, (0.05 * float(np.median(luma))) ** 2)
    noise = 1.4826 * float(weighted_quantile(np.abs(share - weighted_quantile(share, sound, 0.5)), sound, 0.5))
    belief = _smoothstep(visible, *VEIL_VISIBLE)
    veil = belief * np.maximum(share - 2 * noise, 0)
    return np.minimum(cv2.GaussianBlur(veil, (0, 0), 1.0), 0.9 * luma).astype(np.float32)


def _smoothstep(x: float, low: float, high: float) -> float:
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


def tone(spread: Array, headroom: float, least_contrast: float = 0.85) -> tuple[Array, Array]:
    """A curve for log shading that leaves no more light than the picture can hold.

    spread: (4,) the 0.05th, 5th, 95th and 99.95th percentile of log luminance against the median. headroom: log of
    the brightest possible luminance over the new median, >= 0. Returns (knots_in, knots_out), both (n,) float64,
    for np.interp: the identity where there is room; a shoulder above the median where there is not, and then a
    steeper toe, so that the range between the 5th and the 95th percentile stays at least least_contrast of the
    photo's.
    """
    low, p5, p95, high = (float(v) for v in spread)
    knots = np.linspace(min(float(low), -0.1) - 4.0, max(float(high), 0.1) + 3.0, 512)
    headroom = max(headroom, 0.02)
    if high <= headroom:
        return knots, knots
    squeeze = headroom / high
    first = squeeze**SHOULDER
    above = np.clip(knots / high, 0, 1)
    # The hyperbola that leaves 0 with this slope and meets the headroom where the shading is brightest.
    bent = first * high * above / (1 + (first / squeeze - 1) * above)
    out = np.where(knots > 0, bent, knots)
    range_up = float(np.interp(p95, knots, out))
    missing = least_contrast * float(p95 - p5) - (range_up - float(p5))
    toe = float(np.clip(1 + missing / max(-float(p5), 1e-3), 1.0, STEEPEST_TOE)) if p5 < 0 else 1.0
    out = _round_off(knots, np.where(out < 0, toe * out, out))
    top = float(np.interp(high, knots, out))
    return knots, np.where(out > 0, np.minimum(out * min(1.0, headroom / max(top, 1e-6)), headroom), out)


def _round_off(knots: Array, values: Array, width: float = 0.12) -> Array:
    """Take the kinks out of a curve (they show as contours on a smooth wall); 0 still goes to 0."""
    step = float(knots[1] - knots[0])
    reach = max(1, round(3 * width / step))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / width) ** 2)
    before, after = values[1] - values[0], values[-1] - values[-2]
    ramp = np.arange(1, reach + 1)
    padded = np.concatenate([values[0] - before * ramp[::-1], values, values[-1] + after * ramp])
    smooth = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    return smooth - float(np.interp(0.0, knots, smooth))
