"""The analytic painter: repaints by formula from the intrinsic decomposition, without a diffusion model.

It keeps the decomposition of `scene.intrinsics` (log shading, illuminant tint, specular) and replaces the paint. One
formula per pixel:

    painted = target x exp(tint), scaled to luminance(target) x exp(curve(log shading)), + specular x illuminant colour

The packaged light model, a small network, predicts how each pixel would change in this paint (`light.albedo_edit`). For
the `room` match that prediction is the result. For the swatch match the target is the swatch, and log shading and tint
follow the prediction as far as the photo's shading is preserved (`shading_transfer`). Without the model the target of
the `room` match comes from the scene's illuminant estimate, and the swatch match keeps log shading and tint unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wallpaint.imaging import color
from wallpaint.imaging.masked_filters import box_mean, weighted_quantile
from wallpaint.imaging.quantization import color_doubt
from wallpaint.light import albedo_edit
from wallpaint.light import model as light_model
from wallpaint.light.model import LightCoefficients
from wallpaint.painters import shading_transfer
from wallpaint.painters.code_noise import detail_share, without_code_noise
from wallpaint.painters.protocol import Match, PaintAssignment, PaintedWall
from wallpaint.paints.paint import Paint
from wallpaint.scene.grid import PixelGrid
from wallpaint.scene.intrinsics import IntrinsicDecomposition, tone_curve
from wallpaint.scene.scene import PreparedScene, Wall
from wallpaint.typing import Array

MAX_LIGHTNESS = 0.99  # Oklab lightness of the brightest part of a wall: slightly below the file's white
EXCEEDED_HEADROOM = 2.0  # highlights relative to the headroom from which a wall brighter than white is compressed
# A wall brighter than white: the part of the headroom that its highlights use, the bend of their tone curve (see
# `intrinsics.SHOULDER`), and the outer share of the gamut into which their chroma is compressed.
WHITE_HEADROOM_SHARE, WHITE_SHOULDER, WHITE_KNEE = 0.5, 0.6, 0.3
GRAIN_LIGHTNESS = 0.9  # L* of grain that any wall may show; a photo that has more keeps its own amount
# Log shading gain for a change of luminance, fitted on rendered training rooms: gain = constant - slope x log ratio.
SHADING_GAIN, SHADING_GAIN_SLOPE, SHADING_GAIN_LIMITS = 1.03, 0.24, (0.4, 1.9)
HALF_CODE = 0.5 / 255 / color.SRGB_SLOPE  # linear light of half a code value near black
NOISE_MARGIN = (
    5.0  # JPEG correlates noise within its blocks, so averaging reduces it less than the pixel count suggests
)
VISIBLE_ERROR = 0.04  # relative luminance error that becomes visible as blotches
FULL_DETAIL_GAIN = 0.9  # `detail_gain` from which shading is not denoised
DENOISE_RADII_PX = (48, 24, 12, 6, 3, 1, 0)  # working pixels
LOCK_STEPS = 4
LOCK_SAMPLES = 8_000
LOCK_TOLERANCE_DELTA_E = 0.3  # CIELAB distance at which the search for the target ends
# Start values, tried for paints at the gamut's border: the brightly lit half of such a wall must become pale.
LOCK_RESTARTS = (0.98, 0.96, 0.93, 0.9)
CONTRAST_STRIDE = 4  # working pixels between the samples for contrast
MAX_CONTRAST_GAIN = 1.2
MAX_DEVICE_VALUE = 0.98  # of the file's range, for paints that the light would carry beyond it


class AnalyticPainter:
    """A painter by formula; deterministic, the seed has no effect.

    use_model: whether to use the scene's light model, if it has one.
    """

    name = "analytic"

    def __init__(self, *, use_model: bool = True) -> None:
        self.use_model = use_model

    def paint(
        self, scene: PreparedScene, assignments: Sequence[PaintAssignment], match: Match, seed: int = 0
    ) -> Iterator[dict[str, PaintedWall]]:
        """See `Painter`."""
        for paints in assignments:
            yield {
                name: paint_wall(wall, paints[name], match, use_model=self.use_model)
                for name, wall in scene.walls.items()
            }

    def describe(self) -> dict[str, Any]:
        """See `Painter`."""
        return {}


def paint_wall(wall: Wall, paint: Paint, match: Match, *, use_model: bool = True) -> PaintedWall:
    """Paint one wall of a scene. use_model: see `AnalyticPainter`."""
    gamut, intrinsics = wall.canvas.space.gamut, wall.intrinsics
    prediction = wall.light_prediction if use_model else None
    if prediction is not None:
        painted_by_model = _paint_predicted if match == "room" else _paint_swatch
        return painted_by_model(wall, prediction, np.asarray(paint.albedo_linear, np.float64))
    target = target_color(wall, paint, match)
    lacks_headroom = match == "swatch" and _lacks_headroom(wall, target)
    gain = shading_gain(intrinsics.median_luma, float(color.luminance(target)))
    gain = gain if match == "room" else min(gain, 1.0) if lacks_headroom else 1.0
    rgb = render_to_median(intrinsics, target, gamut, gain=gain, lacks_headroom=lacks_headroom)
    return painted_wall(wall, rgb, target)


def painted_wall(wall: Wall, rgb: Array, target: Array) -> PaintedWall:
    """Return a painted wall that keeps as much of the photo's detail as its noise allows. rgb, target: see there."""
    luma = float(color.luminance(target))
    detail, determined = detail_gain(wall.intrinsics, luma), detail_share(wall.intrinsics, luma)
    return PaintedWall(rgb, target, detail=detail if determined is None else np.float32(detail) * determined)


def _paint_predicted(wall: Wall, prediction: LightCoefficients, albedo: Array) -> PaintedWall:
    """Paint one wall as the light model predicts its appearance."""
    gamut, intrinsics = wall.canvas.space.gamut, wall.intrinsics
    likely_luma = float(color.luminance(wall.illuminant.appearance(albedo)))
    base = existing_wall(intrinsics, denoised_log_shading(intrinsics, likely_luma))
    painted = _predicted_wall(wall, prediction, base, albedo)
    painted = _without_cast(wall, painted, albedo)
    painted = color.compress_gamut(painted, gamut).astype(np.float32)
    target = _median(painted, intrinsics.weight)
    error = albedo_edit.expected_error(prediction, wall.light_input.wall, target)
    estimate = _estimate(error)
    return replace(painted_wall(wall, painted, target), estimate=estimate)


def _estimate(error: float) -> dict[str, Any]:
    """Return the report's entry on the light model's error. error: expected, CIEDE2000."""
    error_range = [round(value, 1) for value in albedo_edit.error_range(error)]
    return {"from": "light model", "expected_error": round(error, 1), "expected_error_range": error_range}


def _without_cast(wall: Wall, painted: Array, albedo: Array) -> Array:
    """Replace the chromaticity of a painted wall's median where the existing wall's codes are too few to predict it.

    painted: (h, w, 3) linear sRGB. The median becomes that of the paint in the scene's estimated illuminant; its
    luminance stays. Brighter parts of the wall, whose codes are known better, change less.
    """
    intrinsics = wall.intrinsics
    doubt = float(color_doubt(intrinsics.median))
    if doubt == 0:
        return painted
    median = np.maximum(_median(painted, intrinsics.weight), 1e-5)
    lit = np.maximum(albedo, 1e-4) * np.asarray(wall.illuminant.white)
    factor = (lit / float(color.luminance(lit)) * float(color.luminance(median)) / median) ** doubt
    factor *= float(color.luminance(median)) / float(color.luminance(median * factor))
    level = np.exp(denoised_log_shading(intrinsics, float(color.luminance(median))))[..., None]
    local = np.minimum(color_doubt(intrinsics.median.astype(np.float32) * level) / doubt, 1)[..., None]
    return (painted * np.exp(local * np.log(factor))).astype(np.float32)


def _paint_swatch(wall: Wall, prediction: LightCoefficients, albedo: Array) -> PaintedWall:
    """Paint one wall so that its median is the swatch, shaded as predicted where that preserves the photo's shading."""
    intrinsics, gamut = wall.intrinsics, wall.canvas.space.gamut
    log_shading = denoised_log_shading(intrinsics, float(color.luminance(albedo)))
    before = existing_wall(intrinsics, log_shading)
    after = _predicted_wall(wall, prediction, before, albedo)
    error = albedo_edit.expected_error(prediction, wall.light_input.wall)
    gamut_effect = _gamut_effect(intrinsics, log_shading, albedo, gamut)
    lacks_headroom = _lacks_headroom(wall, albedo)
    intrinsics, log_shading = shading_transfer.transfer_shading(
        intrinsics, log_shading, before, after, albedo, error, gamut_effect, lacks_headroom=lacks_headroom
    )
    if lacks_headroom:
        gain = min(1.0, shading_gain(intrinsics.median_luma, float(color.luminance(albedo))))
        intrinsics, log_shading = _with_gain(intrinsics, log_shading, gain)
    rgb = _render_locked(intrinsics, log_shading, albedo, gamut, lacks_headroom)
    return painted_wall(wall, rgb, albedo)


def _lacks_headroom(wall: Wall, swatch: Array) -> bool:
    """Whether a swatch, (3,) linear sRGB, is brighter than white here, and its highlights far exceed the file's."""
    needed = float(wall.intrinsics.log_shading_quantiles[-1])
    return wall.illuminant.is_brighter_than_white(swatch) and needed > EXCEEDED_HEADROOM * _headroom(
        swatch, MAX_LIGHTNESS
    )


def _headroom(rgb: Array, max_lightness: float) -> float:
    """Return the natural log of luminance from a colour, (3,) linear sRGB, to an Oklab lightness."""
    lightness = float(color.linear_to_oklab(np.maximum(rgb, 0))[0])  # grows with the cube root of light
    return 3 * float(np.log(max_lightness / np.clip(lightness, 1e-3, max_lightness)))


def _gamut_effect(
    intrinsics: IntrinsicDecomposition, log_shading: Array, goal: Array, gamut: Array
) -> tuple[float, float]:
    """Measure the effect of gamut mapping on a wall's shading in the colour goal.

    Returns the factor by which it increases contrast, 1..`MAX_CONTRAST_GAIN`, and the correlation of the gradients with
    those of the shading, 0..1.
    """
    coarse = (slice(None, None, CONTRAST_STRIDE), slice(None, None, CONTRAST_STRIDE))
    weight = intrinsics.weight[coarse]
    inside = weight > 0.5
    if not inside.any():
        return 1.0, 1.0
    rendered = _render(
        intrinsics, log_shading[coarse], intrinsics.illuminant_tint[coarse], intrinsics.specular[coarse], goal, gamut
    )
    log_luma = np.log(np.maximum(color.luminance(rendered), light_model.MIN_LINEAR)).astype(np.float32)
    after = shading_transfer.contrast_range(log_luma[inside])
    before = shading_transfer.contrast_range(log_shading[coarse][inside])
    contrast_gain = float(np.clip(after / max(before, 1e-3), 1.0, MAX_CONTRAST_GAIN))
    return contrast_gain, shading_transfer.gradient_correlation(weight, log_shading[coarse], log_luma)


def _predicted_wall(wall: Wall, prediction: LightCoefficients, base: Array, albedo: Array) -> Array:
    """Return the wall in a new paint, (h, w, 3) linear sRGB, before gamut mapping. base: see `edit_albedo`."""
    positions = wall.grid.coordinates_in(PixelGrid.over(wall.light_input.size, prediction.log_shading.shape))
    weight = wall.intrinsics.weight
    return albedo_edit.edit_albedo(
        prediction,
        wall.light_input,
        positions,
        base,
        weight,
        albedo,
        known_albedo(wall),
        pattern_removed=wall.intrinsics.pattern_removed,
        has_several_paints=wall.intrinsics.paint_count > 1,
        has_relief=wall.intrinsics.has_relief,
    )


def known_albedo(wall: Wall) -> Array | None:
    """Return the albedo of the existing paint, (3,), where a hint from the user determines it."""
    illuminant = wall.illuminant
    is_known = illuminant.is_user_given and illuminant.wall_albedo is not None
    return np.asarray(illuminant.wall_albedo) if is_known else None


def _median(rgb: Array, weight: Array) -> Array:
    return np.array([weighted_quantile(rgb[..., c], weight, 0.5) for c in range(3)])


def existing_wall(intrinsics: IntrinsicDecomposition, log_shading: Array) -> Array:
    """Return the wall in its existing paint, (h, w, 3) linear sRGB, with this log shading."""
    wall = intrinsics.median.astype(np.float32) * np.exp(intrinsics.illuminant_tint)
    luma = intrinsics.median_luma * np.exp(log_shading)
    wall *= (luma / np.maximum(color.luminance(wall), 1e-6))[..., None]
    return (wall + intrinsics.specular[..., None] * intrinsics.illuminant_color.astype(np.float32)).astype(np.float32)


def target_color(wall: Wall, paint: Paint, match: Match) -> Array:
    """Return the colour, (3,) linear sRGB, that the wall's median is to have in the result.

    A colour that exceeds the file's range is scaled down as by a shorter exposure: the hue stays.
    """
    albedo = np.asarray(paint.albedo_linear, np.float64)
    if match == "swatch":
        return albedo
    appearance = wall.illuminant.appearance(albedo)
    return appearance / max(1.0, float((wall.canvas.space.gamut @ appearance).max()) / MAX_DEVICE_VALUE)


def render_to_median(
    intrinsics: IntrinsicDecomposition,
    target: Array,
    gamut: Array,
    *,
    gain: float = 1.0,
    lacks_headroom: bool = False,
) -> Array:
    """Render one wall at working size so that its median is the target.

    target: (3,) linear sRGB, the wall's median in the result, after tone curve and gamut mapping. gamut: (3, 3), linear
    sRGB to the file's own linear RGB. gain: factor on the log shading, see `shading_gain`. lacks_headroom: see
    `_render`.
    Returns (h, w, 3) float32, linear sRGB, inside the file's gamut.
    """
    goal = np.asarray(target, np.float64)
    log_shading = denoised_log_shading(intrinsics, float(color.luminance(goal)))
    intrinsics, log_shading = _with_gain(intrinsics, log_shading, gain)
    return _render_locked(intrinsics, log_shading, goal, gamut, lacks_headroom)


def _with_gain(
    intrinsics: IntrinsicDecomposition, log_shading: Array, gain: float
) -> tuple[IntrinsicDecomposition, Array]:
    """Multiply log shading (h, w), and its quantiles in a decomposition, by gain."""
    if gain == 1.0:
        return intrinsics, log_shading
    intrinsics = replace(intrinsics, log_shading_quantiles=intrinsics.log_shading_quantiles * gain)
    return intrinsics, log_shading * np.float32(gain)


def shading_gain(old_luma: float, new_luma: float) -> float:
    """Return the factor on a wall's log shading when its median goes from one luminance to another.

    Bright walls fill each other's shadows and roll off in the camera's highlights; dark ones show the incident light.
    Fitted on rendered training rooms.
    """
    gain = SHADING_GAIN - SHADING_GAIN_SLOPE * float(np.log(max(new_luma, 1e-3) / max(old_luma, 1e-3)))
    return float(np.clip(gain, *SHADING_GAIN_LIMITS))


def detail_gain(intrinsics: IntrinsicDecomposition, new_luma: float) -> float:
    """Return how much of the photo's finest detail the painted wall may keep, 0..1.

    Paint that is brighter than the existing one amplifies the camera's noise along with the wall. In L* the noise grows
    with the cube root of the brightening; detail is reduced until the noise is no stronger than it was, or than faint
    grain.
    """
    before = 116 / 3 * intrinsics.noise * max(intrinsics.median_luma, 0.009) ** (1 / 3)
    after = 116 / 3 * intrinsics.noise * max(new_luma, 0.009) ** (1 / 3)
    if intrinsics.median_luma < 0.009:  # the straight part of the L* curve
        before = 903.3 * intrinsics.noise * intrinsics.median_luma
    return float(min(1.0, max(before, GRAIN_LIGHTNESS) / max(after, 1e-9)))


def denoised_log_shading(intrinsics: IntrinsicDecomposition, new_luma: float) -> Array:
    """Return log shading (h, w), denoised where the new paint would make noise of the camera or of codes visible.

    Each pixel is averaged over the smallest neighbourhood in which the signal outweighs the noise: none on a bright
    wall, a large one where a nearly black wall has only a few code values.
    """
    log_shading = without_code_noise(intrinsics, new_luma)
    if detail_gain(intrinsics, new_luma) > FULL_DETAIL_GAIN:
        return log_shading
    luma = intrinsics.median_luma * np.exp(log_shading)
    noise = NOISE_MARGIN * (intrinsics.noise * intrinsics.median_luma + HALF_CODE)
    weight = intrinsics.weight + 1e-6
    result = box_mean(luma, weight, DENOISE_RADII_PX[0])
    for radius in DENOISE_RADII_PX[1:]:
        mean = box_mean(luma, weight, radius) if radius else luma
        error = noise / (2 * radius + 1) / np.maximum(result, 1e-6)
        trust = 1 / (1 + (error / VISIBLE_ERROR) ** 2)
        result = trust * mean + (1 - trust) * result
    return np.log(np.maximum(result, 1e-6) / intrinsics.median_luma).astype(np.float32)


def _render_locked(
    intrinsics: IntrinsicDecomposition,
    log_shading: Array,
    goal: Array,
    gamut: Array,
    lacks_headroom: bool = False,
) -> Array:
    """Render a wall so that its median is goal, (3,) linear sRGB. lacks_headroom: see `_render`."""
    target = _solve_target(intrinsics, log_shading, goal, gamut, lacks_headroom)
    tint, specular = intrinsics.illuminant_tint, intrinsics.specular
    return _render(intrinsics, log_shading, tint, specular, target, gamut, lacks_headroom)


def _render(
    intrinsics: IntrinsicDecomposition,
    log_shading: Array,
    tint: Array,
    specular: Array,
    target: Array,
    gamut: Array,
    lacks_headroom: bool = False,
) -> Array:
    """Apply the formula of this module to pixels with this log shading, tint and specular; returns (..., 3) float32.

    lacks_headroom: the wall's highlights have hardly any headroom. They are compressed below the file's white, so
    that light keeps its gradient and its hue, and contrast is not restored in the shadows.
    """
    luma = float(color.luminance(target))
    top = MAX_LIGHTNESS
    if lacks_headroom:
        top -= (1 - WHITE_HEADROOM_SHARE) * max(0.0, top - float(color.linear_to_oklab(np.maximum(target, 0))[0]))
    headroom = _headroom(target, top)
    curve = {"min_contrast": 0.0, "bend": WHITE_SHOULDER} if lacks_headroom else {}
    knots_in, knots_out = tone_curve(intrinsics.log_shading_quantiles, headroom, **curve)
    new_luma = luma * np.exp(np.interp(log_shading, knots_in, knots_out)).astype(np.float32)
    painted = target.astype(np.float32) * np.exp(tint)
    painted *= (new_luma / np.maximum(color.luminance(painted), 1e-6))[..., None]
    painted += specular[..., None] * intrinsics.illuminant_color.astype(np.float32)
    return color.compress_gamut(painted, gamut, WHITE_KNEE if lacks_headroom else 0.0).astype(np.float32)


def _solve_target(
    intrinsics: IntrinsicDecomposition, log_shading: Array, goal: Array, gamut: Array, lacks_headroom: bool
) -> Array:
    """Search the colour to render with so that the median of the result is goal; fixed-point iteration on a sample."""
    rows, cols = np.nonzero(intrinsics.weight > 0.5)
    if rows.size == 0:
        return goal
    sample = np.random.default_rng(0).permutation(rows.size)[:LOCK_SAMPLES]
    at = (rows[sample], cols[sample])
    goal_lab = color.linear_to_lab(goal)
    target, best, best_error = goal.copy(), goal, np.inf
    for step in range(LOCK_STEPS + len(LOCK_RESTARTS)):
        if step >= LOCK_STEPS:
            if best_error < LOCK_TOLERANCE_DELTA_E:
                break
            target = goal * LOCK_RESTARTS[step - LOCK_STEPS]
        tint, specular = intrinsics.illuminant_tint[at], intrinsics.specular[at]
        rendered = _render(intrinsics, log_shading[at], tint, specular, target, gamut, lacks_headroom)
        median = np.median(rendered, axis=0).astype(np.float64)
        error = float(color.delta_e_76(color.linear_to_lab(median), goal_lab))
        if error < best_error:
            best, best_error = target, error
        target = np.clip(target * (goal + 1e-4) / (median + 1e-4), 0.25 * goal, 4 * goal + 0.01)
    return best
