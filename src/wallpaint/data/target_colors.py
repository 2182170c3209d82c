"""The colour of a sample's wall, and the analytic repaint of a photo."""

from __future__ import annotations

from typing import cast

import numpy as np

from wallpaint.data.settings import SampleSettings
from wallpaint.errors import InputError
from wallpaint.imaging import color
from wallpaint.paints.paint import Paint
from wallpaint.paints.reference import dominant_color
from wallpaint.typing import Array

MIN_WALL_PX = 64  # wall pixels of the sample that the analytic painter needs


def wall_color(rgb: Array, wall: Array, method: str) -> Array:
    """Return the colour of a wall in an image: (3,) float32, sRGB 0..255.

    rgb: (H, W, 3) uint8. wall: (H, W) bool, not empty. method: of `reference.dominant_color`, applied in linear light.
    """
    linear = color.srgb_to_linear(rgb[wall] / 255.0)
    return (255 * color.linear_to_srgb(np.clip(dominant_color(linear, method), 0, 1))).astype(np.float32)


def sample_color(settings: SampleSettings, rng: np.random.Generator) -> tuple[int, int, int]:
    """Sample three sRGB values uniformly from the settings' range."""
    low, high = (round(v) for v in settings.color_range)
    red, green, blue = (int(v) for v in rng.integers(low, high + 1, 3))
    return red, green, blue


def repaint_wall(rgb: Array, alpha: Array, paint: tuple[int, int, int], match: str) -> Array | None:
    """Repaint the wall of a photo with the analytic painter: (H, W, 3) uint8, or None if there is too little wall.

    rgb: (H, W, 3) uint8. alpha: (H, W) float32, 0..1. match: "swatch" or "room", see `Scene.repaint_many`.
    """
    from wallpaint.painters.protocol import Match
    from wallpaint.pipeline.repaint import repaint

    if np.count_nonzero(alpha >= 0.99) < MIN_WALL_PX:
        return None
    try:
        return repaint(rgb, alpha, Paint.from_rgb(paint), match=cast(Match, match), painter="analytic").codes
    except InputError:  # a mask of edge pixels only
        return None


def replace_color_name(caption: str, old_name: str | None, rgb: Array) -> str:
    """Replace a colour name in a caption by the name of an sRGB colour 0..255."""
    if not old_name or old_name not in caption:
        return caption
    from wallpaint.rooms.sets.export import color_name

    return caption.replace(old_name, color_name(color.srgb_to_linear(np.asarray(rgb, np.float64) / 255)))
