"""What light falls on the walls: the bridge between a paint's albedo and its colour in the picture.

A photo shows albedo times light. The estimate says what a perfectly white matt wall would look like in this
picture; a paint of albedo rho is then expected to look like rho times that. It says how sure it is and what it was
anchored on.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wallpaint import color
from wallpaint.errors import InputError
from wallpaint.fields import Array, weighted_quantile

WHITE_ALBEDO = 0.85  # fresh white paint, paper, white laminate
TRIM_ALBEDO = 0.78  # the bright, uncoloured things of an average room
DARKEST = 1e-3  # no light is taken to be weaker than this
BLACK = 0.02  # luminance up to which nothing can be told about a thing's colour
WALL_ALBEDO = 0.55  # of an average painted wall
MOST_PULL = 0.25  # natural log by which that average may move what white things say
CLIPPED = 0.97
PALE_CHROMA = 12.0  # CIELAB chroma up to which a thing may count as white


@dataclass(frozen=True)
class Light:
    """An estimate of the light on the walls.

    white: (3,) linear sRGB that a wall of albedo 1 would show (its typical value over the wall). confidence: 0..1.
    anchors: what the estimate rests on, in words.
    """

    white: tuple[float, float, float]
    confidence: float
    anchors: tuple[str, ...]

    def appearance(self, albedo: Array) -> Array:
        """The colour in the picture, (3,) linear sRGB, of a paint of this albedo (3,)."""
        return np.asarray(albedo, np.float64) * np.asarray(self.white)

    def to_dict(self) -> dict[str, object]:
        return {
            "white_linear": [round(v, 4) for v in self.white],
            "confidence": round(self.confidence, 2),
            "anchors": list(self.anchors),
        }


def from_old_color(wall_median: Array, old_albedo: Array) -> Light:
    """The light that makes a paint of known albedo look as the wall does.

    wall_median, old_albedo: (3,) linear sRGB.
    """
    white = np.asarray(wall_median, np.float64) / np.maximum(np.asarray(old_albedo, np.float64), 0.02)
    white = np.maximum(white, DARKEST)
    return Light(_three(white), 0.9, ("the wall's old colour, as given",))


def from_white_point(patch: Array, where: str) -> Light:
    """The light that makes something white look as the patch does.

    patch: (N, 3) linear sRGB pixels of a thing that the user calls white. where: its place, for the report.
    """
    value = np.median(patch, axis=0)
    if float(value.max()) >= CLIPPED:
        raise InputError(f"the white at {where} is overexposed: point at a white thing that is not")
    if float(color.luminance(value)) < 0.02:
        raise InputError(f"the white at {where} is nearly black: point at something white")
    return Light(_three(value / WHITE_ALBEDO), 0.7, (f"a white thing at {where}",))


def estimate(rgb: Array, wall_weight: Array, wall_median: Array) -> Light:
    """Guess the light from what looks white in the room.

    rgb: (h, w, 3) linear sRGB, the whole photo, small. wall_weight: (h, w), 0..1. wall_median: (3,) linear sRGB.
    """
    lab = color.linear_to_lab(rgb)
    sound = (rgb.max(-1) < CLIPPED) & (wall_weight < 0.02)
    glare = cv2.dilate((rgb.min(-1) >= CLIPPED).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    pale = sound & ~glare & (np.hypot(lab[..., 1], lab[..., 2]) < PALE_CHROMA)
    luma = color.luminance(rgb)
    pale &= luma > BLACK
    share = float(pale.mean())
    wall_luma = float(color.luminance(wall_median))
    usual = max(wall_luma / WALL_ALBEDO, DARKEST)
    if share < 0.005:
        return Light(_three(np.full(3, usual)), 0.1, ("nothing white in sight: a wall of average paint was assumed",))
    level = float(weighted_quantile(luma[pale], np.ones(int(pale.sum())), 0.9))
    value = np.median(rgb[pale & (luma > 0.8 * level)], axis=0)
    hue = value / float(color.luminance(value))
    # White things may stand in the sun and the wall in the shade, or the reverse: what walls usually are has a say,
    # unless the wall is so much darker than they are that its paint must be dark.
    seen = level / TRIM_ALBEDO
    say = float(np.clip((wall_luma / seen - 0.25) / 0.25, 0, 1))
    strength = seen * float(np.exp(say * np.clip(0.5 * np.log(usual / seen), -MOST_PULL, MOST_PULL)))
    strength = max(strength, wall_luma / WHITE_ALBEDO)
    anchors = (f"pale things outside the walls ({share:.0%} of the picture)", "what walls are usually painted with")
    return Light(_three(hue * strength), 0.2 + min(0.3, 3 * share), anchors)


def _three(values: Array) -> tuple[float, float, float]:
    r, g, b = (float(v) for v in values)
    return r, g, b
