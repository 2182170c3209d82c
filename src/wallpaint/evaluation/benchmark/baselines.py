"""Baseline methods of repainting a wall: some use the photo only, some also use ground truth.

Each takes a `BenchmarkCase` and returns a full image, (H, W, 3) uint8 sRGB: blended with the photo in linear light by
the mask's alpha, and exactly the photo where alpha is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from wallpaint.errors import InputError
from wallpaint.evaluation import metrics
from wallpaint.imaging import color
from wallpaint.painters.protocol import Match
from wallpaint.pipeline.repaint import Scene
from wallpaint.typing import Array

MIN_LINEAR = 1e-4  # floor of linear values before a division or a logarithm


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """What is known of a rendered room only.

    target: (H, W, 3) uint8 sRGB, the photo of the room in its new paint. old_albedo: (3,) linear sRGB of the existing
    paint, None where there are several or a pattern. clean_linear: (H, W, 3) linear sRGB, the photo without noise, if
    the set has it.
    """

    target: Array
    old_albedo: Array | None = None
    clean_linear: Array | None = None


@dataclass(frozen=True, eq=False)
class DetectedScene:
    """A scene whose walls were detected instead of given. mask: (H, W) float32, 0..1, all of them."""

    scene: Scene
    mask: Array


@dataclass(frozen=True, eq=False)
class BenchmarkCase:
    """One wall to repaint.

    photo: (H, W, 3) uint8 sRGB. alpha: (H, W) float32, 0..1. albedo: (3,) linear sRGB of the new paint; of a texture
    its mean. texture: (h, w, 3) linear sRGB, None for a plain paint. truth: None for a method that uses none.
    set_light: (3,), see `average_light`; None likewise. scene: returns the photo's scene, given the existing paint's
    albedo as a hint or None; cached per photo. detected: returns the photo's scene with detected walls; likewise.
    """

    photo: Array
    alpha: Array
    albedo: Array
    texture: Array | None = None
    truth: GroundTruth | None = None
    set_light: Array | None = None
    scene: Callable[[tuple[float, float, float] | None], Scene] | None = None
    detected: Callable[[], DetectedScene] | None = None

    def without_truth(self) -> BenchmarkCase:
        """Return the case without ground truth and without the set's average light."""
        return replace(self, truth=None, set_light=None)


RepaintMethod: TypeAlias = Callable[[BenchmarkCase], Array | None]
"""Repaints a case; returns None where the case lacks what the method needs."""


def blend(photo: Array, painted_linear: Array, alpha: Array) -> Array:
    """Composite a painted wall over a photo in linear light.

    photo: (H, W, 3) uint8 sRGB. painted_linear: (H, W, 3) linear sRGB, clipped to 0..1 here. alpha: (H, W).
    Returns (H, W, 3) uint8, the photo's own codes where alpha is 0.
    """
    weight = alpha[..., None]
    mixed = (1 - weight) * to_linear(photo) + weight * np.clip(painted_linear, 0, 1)
    codes = np.round(255 * color.linear_to_srgb(np.clip(mixed, 0, 1))).astype(np.uint8)
    return np.where(weight > 0, codes, photo)


def to_linear(codes: Array) -> Array:
    """Convert uint8 sRGB codes of any shape to linear sRGB, float64."""
    return color.srgb_to_linear(np.arange(256) / 255.0)[codes]


def leave_unchanged(case: BenchmarkCase) -> Array:
    """Return the photo unchanged."""
    return case.photo.copy()


def hsv_swap(case: BenchmarkCase) -> Array:
    """Take hue and saturation from the swatch in HSV, and value from the photo.

    In HSV, the colour of value v with the swatch's hue and saturation is v times the swatch over its largest channel.
    """
    swatch = color.linear_to_srgb(np.clip(case.albedo, 0, 1))
    direction = swatch / swatch.max() if swatch.max() > 0 else np.ones(3)
    value = case.photo.max(-1, keepdims=True) / 255.0
    return blend(case.photo, color.srgb_to_linear(value * direction), case.alpha)


def flat_fill(case: BenchmarkCase) -> Array:
    """Fill with one colour: the swatch, or a texture's mean."""
    return blend(case.photo, np.broadcast_to(case.albedo, case.photo.shape), case.alpha)


def lab_shift(case: BenchmarkCase) -> Array:
    """Shift the wall's CIELAB values by one vector, so that their median equals the swatch."""
    return _lab_shifted(case, color.linear_to_lab(np.asarray(case.albedo, np.float64)))


def lab_shift_true(case: BenchmarkCase) -> Array | None:
    """Shift CIELAB so that the median equals the true repaint's: the best possible single vector."""
    if case.truth is None:
        return None
    wall = metrics.eroded_wall(case.alpha)
    return _lab_shifted(case, np.median(color.linear_to_lab(to_linear(case.truth.target[wall])), axis=0))


def multiply(case: BenchmarkCase) -> Array:
    """Multiply in linear light, so that the wall's median equals the swatch."""
    return _multiplied(case, case.albedo / _wall_median(case))


def multiply_set_light(case: BenchmarkCase) -> Array | None:
    """Multiply so that the wall's median equals the swatch in the set's average light."""
    if case.set_light is None:
        return None
    return _multiplied(case, case.albedo * case.set_light / _wall_median(case))


def multiply_true(case: BenchmarkCase) -> Array | None:
    """Multiply by new albedo over true existing albedo."""
    if case.truth is None or case.truth.old_albedo is None:
        return None
    return _multiplied(case, case.albedo / np.maximum(case.truth.old_albedo, MIN_LINEAR))


def multiply_true_clean(case: BenchmarkCase) -> Array | None:
    """Multiply the noise-free photo by new albedo over true existing albedo."""
    if case.truth is None or case.truth.old_albedo is None or case.truth.clean_linear is None:
        return None
    ratio = case.albedo / np.maximum(case.truth.old_albedo, MIN_LINEAR)
    return blend(case.photo, case.truth.clean_linear * ratio, case.alpha)


def tile_texture(case: BenchmarkCase) -> Array | None:
    """Tile the texture at its own pixel size, parallel to the image plane, scaled by the wall's relative luminance."""
    if case.texture is None:
        return None
    height, width = case.alpha.shape
    rows, columns = case.texture.shape[:2]
    repeats = (-(-height // rows), -(-width // columns), 1)  # ceiling division
    tiled = np.tile(case.texture, repeats)[:height, :width]
    luminance = color.luminance(to_linear(case.photo))
    median = max(float(np.median(luminance[metrics.eroded_wall(case.alpha)])), MIN_LINEAR)
    return blend(case.photo, tiled * (luminance / median)[..., None], case.alpha)


def analytic(case: BenchmarkCase, match: Match, *, use_model: bool = True) -> Array:
    """Repaint with the analytic painter. match: "room" or "swatch". use_model: use the light model for `room`."""
    return _analytic_repaint(case, None, match, use_model=use_model)


def analytic_old_color(case: BenchmarkCase) -> Array | None:
    """Repaint with the analytic painter, match `room`, given the true existing albedo as by `--old-color`."""
    if case.truth is None or case.truth.old_albedo is None:
        return None
    r, g, b = (float(v) for v in case.truth.old_albedo)
    return _analytic_repaint(case, (r, g, b), "room")


def analytic_detected(case: BenchmarkCase) -> Array:
    """Repaint with the analytic painter, match `room`, on the detected walls: what a user without a mask gets.

    Raises InputError where no wall is detected.
    """
    if case.detected is None:
        raise InputError("a painter without a mask needs the photo's scene with detected walls")
    return _repaint_scene(case.detected().scene, case.albedo, "room")


def average_light(cases: list[tuple[Array, Array]]) -> Array:
    """Return the average light on a set's walls, (3,): the geometric mean of true median over albedo, per channel.

    cases: the wall's median in the true repaint and the new paint's albedo, each (3,) linear sRGB. Raises InputError
    for an empty list.
    """
    if not cases:
        raise InputError("a set's average light needs at least one repaint in a plain colour")
    ratios = [np.maximum(median, MIN_LINEAR) / np.maximum(albedo, MIN_LINEAR) for median, albedo in cases]
    return np.exp(np.mean(np.log(ratios), axis=0))


def _analytic_repaint(
    case: BenchmarkCase, old_albedo: tuple[float, float, float] | None, match: Match, *, use_model: bool = True
) -> Array:
    if case.scene is None:
        raise InputError("a painter needs the photo's scene")
    return _repaint_scene(case.scene(old_albedo), case.albedo, match, use_model=use_model)


def _repaint_scene(scene: Scene, albedo: Array, match: Match, *, use_model: bool = True) -> Array:
    from wallpaint.painters.analytic import AnalyticPainter
    from wallpaint.paints.paint import Paint

    r, g, b = (float(v) for v in albedo)
    return scene.repaint({"wall": Paint((r, g, b))}, match=match, painter=AnalyticPainter(use_model=use_model)).codes


def _wall_median(case: BenchmarkCase) -> Array:
    return np.maximum(metrics.wall_median(case.photo, metrics.eroded_wall(case.alpha)), MIN_LINEAR)


def _multiplied(case: BenchmarkCase, ratio: Array) -> Array:
    return blend(case.photo, to_linear(case.photo) * ratio, case.alpha)


def _lab_shifted(case: BenchmarkCase, target_lab: Array) -> Array:
    lab = color.linear_to_lab(to_linear(case.photo))
    shift = target_lab - np.median(lab[metrics.eroded_wall(case.alpha)], axis=0)
    return blend(case.photo, color.lab_to_linear(lab + shift), case.alpha)
