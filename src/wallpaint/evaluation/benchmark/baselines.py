"""Other ways of repainting a wall: what people do without a model, and what they could do if they knew the truth.

Each takes a `Case` and returns a whole picture, (H, W, 3) uint8 sRGB: mixed with the photo in linear light by the
mask's alpha, and exactly the photo where alpha is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from wallpaint.errors import InputError
from wallpaint.evaluation import metrics
from wallpaint.imaging import color
from wallpaint.scene.scene import Scene
from wallpaint.typing import Array

DARKEST = 1e-4  # linear light that a colour is divided by, at least


@dataclass(frozen=True, eq=False)
class Truth:
    """What only a rendered room can tell.

    target: (H, W, 3) uint8 sRGB, the photo of the room in its new paint. old_albedo: (3,) linear sRGB of the old
    paint, None where there are several or a pattern. clean_linear: (H, W, 3) linear sRGB, the photo without noise, if
    the set has it.
    """

    target: Array
    old_albedo: Array | None = None
    clean_linear: Array | None = None


@dataclass(frozen=True, eq=False)
class Case:
    """One wall to repaint.

    photo: (H, W, 3) uint8 sRGB. alpha: (H, W) float32, 0..1. albedo: (3,) linear sRGB of the new paint; of a texture
    its mean. texture: (h, w, 3) linear sRGB, None for a plain paint. truth: None for a way that must not see it.
    set_light: (3,), see `average_light`; None likewise. scene: makes the scene of this photo, once; it takes the old
    paint's albedo as a hint, or None.
    """

    photo: Array
    alpha: Array
    albedo: Array
    texture: Array | None = None
    truth: Truth | None = None
    set_light: Array | None = None
    scene: Callable[[tuple[float, float, float] | None], Scene] | None = None

    def blind(self) -> Case:
        """The same without anything that a photo could not tell."""
        return replace(self, truth=None, set_light=None)


Way: TypeAlias = Callable[[Case], Array | None]
"""A way of repainting; None says that this case lacks what it needs."""


def blend(photo: Array, painted_linear: Array, alpha: Array) -> Array:
    """Lay a painted wall over a photo in linear light.

    photo: (H, W, 3) uint8 sRGB. painted_linear: (H, W, 3) linear sRGB, clipped to 0..1 here. alpha: (H, W).
    Returns (H, W, 3) uint8, the photo's own codes where alpha is 0.
    """
    share = alpha[..., None]
    mixed = (1 - share) * linear(photo) + share * np.clip(painted_linear, 0, 1)
    codes = np.round(255 * color.linear_to_srgb(np.clip(mixed, 0, 1))).astype(np.uint8)
    return np.where(share > 0, codes, photo)


def linear(codes: Array) -> Array:
    """uint8 sRGB codes to linear sRGB, float64; any shape."""
    return color.srgb_to_linear(np.arange(256) / 255.0)[codes]


def leave(case: Case) -> Array:
    """Leave the wall as it is."""
    return case.photo.copy()


def hsv_swap(case: Case) -> Array:
    """Hue and saturation of the swatch in HSV, with the photo's own value.

    In HSV, the colour of value v with the swatch's hue and saturation is v times the swatch over its largest channel.
    """
    swatch = color.linear_to_srgb(np.clip(case.albedo, 0, 1))
    direction = swatch / swatch.max() if swatch.max() > 0 else np.ones(3)
    value = case.photo.max(-1, keepdims=True) / 255.0
    return blend(case.photo, color.srgb_to_linear(value * direction), case.alpha)


def flat_fill(case: Case) -> Array:
    """One flat colour, the swatch, or a texture's mean."""
    return blend(case.photo, np.broadcast_to(case.albedo, case.photo.shape), case.alpha)


def lab_shift(case: Case) -> Array:
    """Move the wall's CIELAB values by one vector, so that their median is the swatch."""
    return _shifted(case, color.linear_to_lab(np.asarray(case.albedo, np.float64)))


def lab_shift_true(case: Case) -> Array | None:
    """The same, to the median of the true repaint: the best that one vector could do."""
    if case.truth is None:
        return None
    wall = metrics.core(case.alpha)
    return _shifted(case, np.median(color.linear_to_lab(linear(case.truth.target[wall])), axis=0))


def multiply(case: Case) -> Array:
    """Multiply in linear light, so that the wall's median is the swatch."""
    return _multiplied(case, case.albedo / _median(case))


def multiply_set_light(case: Case) -> Array | None:
    """Multiply so that the wall's median is the swatch in the set's average light."""
    if case.set_light is None:
        return None
    return _multiplied(case, case.albedo * case.set_light / _median(case))


def multiply_true(case: Case) -> Array | None:
    """Multiply by new albedo over true old albedo."""
    if case.truth is None or case.truth.old_albedo is None:
        return None
    return _multiplied(case, case.albedo / np.maximum(case.truth.old_albedo, DARKEST))


def multiply_true_clean(case: Case) -> Array | None:
    """The same on the photo without its noise."""
    if case.truth is None or case.truth.old_albedo is None or case.truth.clean_linear is None:
        return None
    ratio = case.albedo / np.maximum(case.truth.old_albedo, DARKEST)
    return blend(case.photo, case.truth.clean_linear * ratio, case.alpha)


def tile(case: Case) -> Array | None:
    """Tile the texture at its own pixel size, flat to the camera, and keep the wall's luminance around its median."""
    if case.texture is None:
        return None
    height, width = case.alpha.shape
    rows, columns = case.texture.shape[:2]
    repeats = (-(-height // rows), -(-width // columns), 1)
    tiled = np.tile(case.texture, repeats)[:height, :width]
    luma = color.luminance(linear(case.photo))
    level = max(float(np.median(luma[metrics.core(case.alpha)])), DARKEST)
    return blend(case.photo, tiled * (luma / level)[..., None], case.alpha)


def analytic(case: Case, match: str, *, use_model: bool = True) -> Array:
    """The project's own painter. match: "room" or "swatch". use_model: whether lit asks the light model."""
    return _repainted(case, None, match, use_model=use_model)


def analytic_old_color(case: Case) -> Array | None:
    """The same in the light that the true old albedo tells, as `--old-color` would."""
    if case.truth is None or case.truth.old_albedo is None:
        return None
    r, g, b = (float(v) for v in case.truth.old_albedo)
    return _repainted(case, (r, g, b), "room")


def average_light(cases: list[tuple[Array, Array]]) -> Array:
    """The light that a set's walls stand in, one factor a channel: the geometric mean of true median over albedo.

    cases: the wall's median in the true repaint and the new paint's albedo, each (3,) linear sRGB. Returns (3,).
    Raises InputError for an empty list.
    """
    if not cases:
        raise InputError("a set's average light needs at least one repaint in a plain colour")
    ratios = [np.maximum(median, DARKEST) / np.maximum(albedo, DARKEST) for median, albedo in cases]
    return np.exp(np.mean(np.log(ratios), axis=0))


def _repainted(case: Case, old: tuple[float, float, float] | None, match: str, *, use_model: bool = True) -> Array:
    from wallpaint.painters.analytic import AnalyticPainter
    from wallpaint.paints.paint import Paint

    if case.scene is None:
        raise InputError("a painter needs the photo's scene")
    r, g, b = (float(v) for v in case.albedo)
    return (
        case.scene(old)
        .repaint({"wall": Paint((r, g, b))}, match=match, painter=AnalyticPainter(use_model=use_model))
        .codes
    )


def _median(case: Case) -> Array:
    return np.maximum(metrics.wall_median(case.photo, metrics.core(case.alpha)), DARKEST)


def _multiplied(case: Case, ratio: Array) -> Array:
    return blend(case.photo, linear(case.photo) * ratio, case.alpha)


def _shifted(case: Case, target_lab: Array) -> Array:
    lab = color.linear_to_lab(linear(case.photo))
    shift = target_lab - np.median(lab[metrics.core(case.alpha)], axis=0)
    return blend(case.photo, color.lab_to_linear(lab + shift), case.alpha)
