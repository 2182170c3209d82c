"""The colour that a sample's wall is to have, and a photo repainted in it."""

from __future__ import annotations

import numpy as np

from wallpaint.data.settings import DataSettings
from wallpaint.errors import InputError
from wallpaint.imaging import color
from wallpaint.paints.paint import Paint
from wallpaint.paints.reference import dominant_color
from wallpaint.typing import Array

LEAST_PX = 64  # wall that the analytic painter needs to see, in pixels of the sample


def shown_color(rgb: Array, wall: Array, method: str) -> Array:
    """The colour of a wall as a picture shows it: (3,) float32, sRGB 0..255.

    rgb: (H, W, 3) uint8. wall: (H, W) bool, not empty. method: of `reference.dominant_color`, which works in light.
    """
    linear = color.srgb_to_linear(rgb[wall] / 255.0)
    return (255 * color.linear_to_srgb(np.clip(dominant_color(linear, method), 0, 1))).astype(np.float32)


def random_color(settings: DataSettings, rng: np.random.Generator) -> tuple[int, int, int]:
    """Three sRGB values, each drawn evenly from the settings' range."""
    low, high = (round(v) for v in settings.color_range)
    red, green, blue = (int(v) for v in rng.integers(low, high + 1, 3))
    return red, green, blue


def repainted(rgb: Array, alpha: Array, paint: tuple[int, int, int], match: str) -> Array | None:
    """A photo with its wall in another colour by the analytic painter: (H, W, 3) uint8, or None where too little wall
    is seen to know its shading.

    rgb: (H, W, 3) uint8. alpha: (H, W) float32, 0..1. match: "swatch" or "room", see `repaint.paint_many`.
    """
    from wallpaint.pipeline.repaint import repaint

    if np.count_nonzero(alpha >= 0.99) < LEAST_PX:
        return None
    try:
        return repaint(rgb, alpha, Paint.from_rgb(paint), match=match, painter="analytic").codes
    except InputError:  # a mask of nothing but edges
        return None


def renamed(caption: str, said: str | None, rgb: Array) -> str:
    """A caption that names the colour that the wall now has. said: the name that the caption has for another."""
    if not said or said not in caption:
        return caption
    from wallpaint.rooms.sets.export import color_name

    return caption.replace(said, color_name(color.srgb_to_linear(np.asarray(rgb, np.float64) / 255)))
