"""The analytic painter: no diffusion model, only light.

It keeps what `shading.analyse` found (shade, tint, veil) and changes the paint under it. One formula per pixel:

    painted = target x exp(tint), brought to luminance(target) x exp(curve(shade)), + veil x light

The package's light model, a small network, says how each place would change in this paint (`lit`). In lit mode that is
the picture; in literal mode the target is the swatch, and shade and tint change with the paint as far as the photo's
shading is kept (`literal`). Without the model the scene's light estimate gives the lit target, and literal keeps shade
and tint as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wallpaint.imaging import color
from wallpaint.imaging.masked_filters import box_mean, weighted_quantile
from wallpaint.light import albedo_edit as lit
from wallpaint.light import model as light_model
from wallpaint.light.model import Coefficients
from wallpaint.painters import shading_transfer as literal
from wallpaint.painters.protocol import Choice, Painted
from wallpaint.paints.paint import Paint
from wallpaint.scene.intrinsics import Shading, tone
from wallpaint.scene.scene import Scene, Wall
from wallpaint.typing import Array

BRIGHTEST = 0.99  # Oklab lightness that the brightest part of a wall may reach: a trace under the file's white
GRAIN_LIGHTNESS = 0.9  # L* of grain that any wall may show; a photo that has more keeps its own amount
SPREAD_ALIKE, SPREAD_SLOPE, SPREADS = 1.03, 0.24, (0.4, 1.9)
HALF_CODE = 0.5 / 255 / 12.92  # linear light of half a code value near black
NOISE_MARGIN = 5.0  # JPEG smears noise over its blocks, so averaging helps less than counting pixels says
VISIBLE_ERROR = 0.04  # relative luminance error that an eye begins to see as blotches
REACHES = (48, 24, 12, 6, 3, 1, 0)  # working pixels
LOCK_STEPS = 4
LOCK_SAMPLES = 8_000
CLOSE_ENOUGH = 0.3  # CIELAB distance at which the aim is left alone
DARKER = (0.98, 0.96, 0.93, 0.9)  # tried for paints at the gamut's border, whose lit half must turn pale
COARSE = 4  # working pixels between those that contrast is looked up at
MOST_WIDENED = 1.2
FULL = 0.98  # of the file's range, for paints that the light would carry beyond it


class AnalyticPainter:
    """Paints by formula; the seed changes nothing.

    use_model: whether it asks the light model, if there is one.
    """

    name = "analytic"

    def __init__(self, *, use_model: bool = True) -> None:
        self.use_model = use_model

    def paint(self, scene: Scene, choices: Sequence[Choice], match: str, seed: int = 0) -> Iterator[dict[str, Painted]]:
        """See `Painter`."""
        for choice in choices:
            yield {
                name: paint_wall(wall, choice[name], match, use_model=self.use_model)
                for name, wall in scene.walls.items()
            }

    def describe(self) -> dict[str, Any]:
        """See `Painter`."""
        return {}


def paint_wall(wall: Wall, chosen: Paint, match: str, *, use_model: bool = True) -> Painted:
    """Paint one wall of a scene. use_model: see `AnalyticPainter`."""
    gamut, shading = wall.canvas.space.gamut, wall.shading
    if use_model and wall.sight.seen is not None:
        as_seen = _paint_as_seen if match == "room" else _paint_literally
        return as_seen(wall, wall.sight.seen, np.asarray(chosen.albedo_linear, np.float64))
    target = aim(wall, chosen, match)
    spread = shading_spread(shading.median_luma, float(color.luminance(target))) if match == "room" else 1.0
    return Painted(paint(shading, target, gamut, spread=spread), target)


def _paint_as_seen(wall: Wall, seen: Coefficients, albedo: Array) -> Painted:
    """Paint one wall as the light model sees it."""
    gamut, shading, sight = wall.canvas.space.gamut, wall.shading, wall.sight
    likely = float(color.luminance(wall.light.appearance(albedo)))
    painted = _seen(wall, seen, _unpainted(shading, quiet_shade(shading, likely)), albedo)
    painted = color.compress_gamut(painted, gamut).astype(np.float32)
    target = _median(painted, shading.weight)
    error = lit.expected_error(seen, sight.wall, target)
    return Painted(painted, target, estimate={"from": "light model", "expected_error": round(error, 1)})


def _paint_literally(wall: Wall, seen: Coefficients, albedo: Array) -> Painted:
    """Paint one wall in the swatch itself, shaded as the light model sees it, as far as the photo's shading is kept."""
    shading = wall.shading
    shade = quiet_shade(shading, float(color.luminance(albedo)))
    before = _unpainted(shading, shade)
    after = _seen(wall, seen, before, albedo)
    expected = lit.expected_error(seen, wall.sight.wall)
    gamut = wall.canvas.space.gamut
    squeezed = _squeezed(shading, shade, albedo, gamut)
    shading, shade = literal.reshaded(shading, shade, before, after, albedo, expected, squeezed)
    return Painted(_locked(shading, shade, albedo, gamut), albedo)


def _squeezed(shading: Shading, shade: Array, goal: Array, gamut: Array) -> tuple[float, float]:
    """What the gamut makes of a wall's shading in the colour goal: by what it widens the contrast, 1..`MOST_WIDENED`,
    and how its gradients correlate with the shading's, 0..1."""
    coarse = (slice(None, None, COARSE), slice(None, None, COARSE))
    weight = shading.weight[coarse]
    inside = weight > 0.5
    if not inside.any():
        return 1.0, 1.0
    got = _render(shading, shade[coarse], shading.tint[coarse], shading.veil[coarse], goal, gamut)
    luma = np.log(np.maximum(color.luminance(got), light_model.DARKEST)).astype(np.float32)
    after, before = literal.light_range(luma[inside]), literal.light_range(shade[coarse][inside])
    widened = float(np.clip(after / max(before, 1e-3), 1.0, MOST_WIDENED))
    return widened, literal.gradients_kept(weight, shade[coarse], luma)


def _seen(wall: Wall, seen: Coefficients, base: Array, albedo: Array) -> Array:
    """The wall in a new paint, (h, w, 3) linear sRGB, before gamut limits. base: see `lit.paint`."""
    place = lit.Place(wall.canvas.origin, wall.step, wall.sight.size)
    return lit.paint(seen, wall.sight, place, base, wall.shading.weight, albedo, _told_old(wall))


def _told_old(wall: Wall) -> Array | None:
    """The albedo of the old paint, (3,), where the user's word tells it."""
    return np.asarray(wall.light.old) if wall.light.is_told and wall.light.old is not None else None


def _median(rgb: Array, weight: Array) -> Array:
    return np.array([weighted_quantile(rgb[..., c], weight, 0.5) for c in range(3)])


def _unpainted(shading: Shading, shade: Array) -> Array:
    """The wall as it is, (h, w, 3) linear sRGB, in one old paint and with this shade."""
    wall = shading.median.astype(np.float32) * np.exp(shading.tint)
    luma = shading.median_luma * np.exp(shade)
    wall *= (luma / np.maximum(color.luminance(wall), 1e-6))[..., None]
    return (wall + shading.veil[..., None] * shading.light.astype(np.float32)).astype(np.float32)


def aim(wall: Wall, chosen: Paint, match: str) -> Array:
    """The colour, (3,) linear sRGB, that the wall's median is to have in the picture.

    A camera that meets more light than it can hold is exposed for less: the hue stays, the brightness stops at the top.
    """
    albedo = np.asarray(chosen.albedo_linear, np.float64)
    if match == "swatch":
        return albedo
    shown = wall.light.appearance(albedo)
    return shown / max(1.0, float((wall.canvas.space.gamut @ shown).max()) / FULL)


def paint(shading: Shading, target: Array, gamut: Array, *, spread: float = 1.0) -> Array:
    """Paint one wall at working size.

    target: (3,) linear sRGB, the colour that the wall's median is to have in the picture, after tone curve and gamut.
    gamut: (3, 3), linear sRGB to the file's own linear RGB. spread: factor on the log shading, see `shading_spread`.
    Returns (h, w, 3) float32, linear sRGB, inside the file's gamut.
    """
    goal = np.asarray(target, np.float64)
    shade = quiet_shade(shading, float(color.luminance(goal)))
    if spread != 1.0:
        shading, shade = replace(shading, spread=shading.spread * spread), shade * np.float32(spread)
    return _locked(shading, shade, goal, gamut)


def shading_spread(old_luma: float, new_luma: float) -> float:
    """By what the log shading of a wall grows, or shrinks, when its median goes from one luminance to another.

    Bright walls fill each other's shadows and roll off in the camera's highlights; dark ones show the light as it
    falls. Fitted on rendered training rooms.
    """
    spread = SPREAD_ALIKE - SPREAD_SLOPE * float(np.log(max(new_luma, 1e-3) / max(old_luma, 1e-3)))
    return float(np.clip(spread, *SPREADS))


def detail_gain(shading: Shading, new_luma: float) -> float:
    """How much of the photo's finest detail the painted wall may keep, 0..1.

    Paint that is brighter than the old one multiplies the camera's noise along with the wall. In L* the noise grows
    with the cube root of the brightening; detail is turned down until it is no stronger than it was, or than faint
    grain.
    """
    before = 116 / 3 * shading.noise * max(shading.median_luma, 0.009) ** (1 / 3)
    after = 116 / 3 * shading.noise * max(new_luma, 0.009) ** (1 / 3)
    if shading.median_luma < 0.009:  # the straight part of the L* curve
        before = 903.3 * shading.noise * shading.median_luma
    return float(min(1.0, max(before, GRAIN_LIGHTNESS) / max(after, 1e-9)))


def quiet_shade(shading: Shading, new_luma: float) -> Array:
    """Log shading (h, w) with noise averaged away where the new paint would make it visible.

    Each pixel takes the smallest neighbourhood in which light outweighs noise: none on a bright wall, a large one where
    a nearly black wall has only a few code values to show.
    """
    if detail_gain(shading, new_luma) > 0.9:
        return shading.shade
    luma = shading.median_luma * np.exp(shading.shade)
    noise = NOISE_MARGIN * (shading.noise * shading.median_luma + HALF_CODE)
    weight = shading.weight + 1e-6
    result = box_mean(luma, weight, REACHES[0])
    for radius in REACHES[1:]:
        mean = box_mean(luma, weight, radius) if radius else luma
        error = noise / (2 * radius + 1) / np.maximum(result, 1e-6)
        belief = 1 / (1 + (error / VISIBLE_ERROR) ** 2)
        result = belief * mean + (1 - belief) * result
    return np.log(np.maximum(result, 1e-6) / shading.median_luma).astype(np.float32)


def _locked(shading: Shading, shade: Array, goal: Array, gamut: Array) -> Array:
    """Render a wall so that its median is goal, (3,) linear sRGB."""
    aim = _aim(shading, shade, goal, gamut)
    return _render(shading, shade, shading.tint, shading.veil, aim, gamut)


def _render(shading: Shading, shade: Array, tint: Array, veil: Array, target: Array, gamut: Array) -> Array:
    luma = float(color.luminance(target))
    lightness = float(color.linear_to_oklab(np.maximum(target, 0))[0])  # grows with the cube root of light
    headroom = 3 * float(np.log(BRIGHTEST / np.clip(lightness, 1e-3, BRIGHTEST)))
    knots_in, knots_out = tone(shading.spread, headroom)
    new_luma = luma * np.exp(np.interp(shade, knots_in, knots_out)).astype(np.float32)
    painted = target.astype(np.float32) * np.exp(tint)
    painted *= (new_luma / np.maximum(color.luminance(painted), 1e-6))[..., None]
    painted += veil[..., None] * shading.light.astype(np.float32)
    return color.compress_gamut(painted, gamut).astype(np.float32)


def _aim(shading: Shading, shade: Array, goal: Array, gamut: Array) -> Array:
    """The colour to render with so that the median comes out as goal."""
    rows, cols = np.nonzero(shading.weight > 0.5)
    if rows.size == 0:
        return goal
    pick = np.random.default_rng(0).permutation(rows.size)[:LOCK_SAMPLES]
    at = (rows[pick], cols[pick])
    to_goal = color.linear_to_lab(goal)
    aim, best, best_error = goal.copy(), goal, np.inf
    for step in range(LOCK_STEPS + len(DARKER)):
        if step >= LOCK_STEPS:
            if best_error < CLOSE_ENOUGH:
                break
            aim = goal * DARKER[step - LOCK_STEPS]
        got = _render(shading, shade[at], shading.tint[at], shading.veil[at], aim, gamut)
        median = np.median(got, axis=0).astype(np.float64)
        error = float(color.delta_e_76(color.linear_to_lab(median), to_goal))
        if error < best_error:
            best, best_error = aim, error
        aim = np.clip(aim * (goal + 1e-4) / (median + 1e-4), 0.25 * goal, 4 * goal + 0.01)
    return best
