"""What light falls on the walls: the bridge between a paint's albedo and its colour in the picture.

A photo shows albedo times light. The estimate says what something perfectly white would look like on the wall in this
picture; a paint of albedo rho is then expected to look like rho times that - and brighter still if it is brighter than
the old paint, because walls light each other. It says how sure it is and what it was anchored on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wallpaint.errors import InputError
from wallpaint.imaging import color
from wallpaint.light import statistics
from wallpaint.typing import Array

WHITE_ALBEDO = 0.85  # fresh white paint, paper, white laminate
DARKEST = 1e-3  # no light is taken to be weaker than this
LOWEST_ALBEDO, HIGHEST_ALBEDO = 0.01, 0.95
CLIPPED = 0.97
DOUBT = 14.0  # CIELAB distance by which a guess is expected to be wrong that is worth next to nothing
MOST_SURE = 0.8  # of a guess


@dataclass(frozen=True)
class Light:
    """An estimate of the light on the walls.

    white: (3,) linear sRGB that a white thing on the wall (albedo 1) would show, its typical value over the wall.
    confidence: 0..1. anchors: what the estimate rests on, in words. old: (3,) albedo of the present paint, linear
    sRGB, or None where nothing is known of it. bounce: 0..1, share of a white wall's light that comes back to the
    walls. contrast: exponent by which the camera's tone curve spreads bright and dark paints. gloss: light that any
    paint reflects uncoloured, as an albedo. is_told: it rests on what the user said.
    """

    white: tuple[float, float, float]
    confidence: float
    anchors: tuple[str, ...]
    old: tuple[float, float, float] | None = None
    bounce: float = 0.0
    contrast: float = 1.0
    gloss: float = 0.0
    is_told: bool = False

    def appearance(self, albedo: Array) -> Array:
        """The colour in the picture, (3,) linear sRGB, of a paint of this albedo (3,).

        The old paint looks as it does. Light that bounces between walls is a geometric series in their albedo, so the
        light on a wall goes with 1 / (1 - bounce x albedo).
        """
        rho = np.asarray(albedo, np.float64)
        white = np.asarray(self.white)
        if self.old is None:
            return rho * white
        old = np.asarray(self.old)
        now, then = (paint / (1 - self.bounce * paint) + self.gloss for paint in (np.maximum(rho, 1e-4), old))
        return white * old * (now / then) ** self.contrast

    def to_dict(self) -> dict[str, object]:
        return {
            "white_linear": [round(v, 4) for v in self.white],
            "confidence": round(self.confidence, 2),
            "anchors": list(self.anchors),
        }


def from_old_color(rgb: Array, wall_weight: Array, wall_median: Array, old_albedo: Array) -> Light:
    """The light that makes a paint of known albedo look as the wall does.

    rgb, wall_weight: see `estimate`. wall_median, old_albedo: (3,) linear sRGB.
    """
    guess = statistics.guess(statistics.describe(rgb, wall_weight, wall_median), wall_median)
    old = np.maximum(np.asarray(old_albedo, np.float64), 0.02)
    white = np.maximum(np.asarray(wall_median, np.float64) / old, DARKEST)
    return Light(
        *(_three(white), 0.9, ("the wall's old colour, as given",), _three(old)),
        *(guess.bounce, guess.contrast, guess.gloss),
        is_told=True,
    )


def from_white_point(rgb: Array, wall_weight: Array, wall_median: Array, patch: Array, where: str) -> Light:
    """The light that makes something white look as the patch does.

    rgb, wall_weight, wall_median: see `estimate`. patch: (N, 3) linear sRGB pixels of a thing that the user calls
    white. where: its place, for the report.
    """
    value = np.median(patch, axis=0)
    if float(value.max()) >= CLIPPED:
        raise InputError(f"the white at {where} is overexposed: point at a white thing that is not")
    if float(color.luminance(value)) < 0.02:
        raise InputError(f"the white at {where} is nearly black: point at something white")
    guess = statistics.guess(statistics.describe(rgb, wall_weight, wall_median), wall_median)
    white = value / WHITE_ALBEDO
    old = np.clip(np.asarray(wall_median, np.float64) / white, LOWEST_ALBEDO, HIGHEST_ALBEDO)
    return Light(
        *(_three(white), 0.7, (f"a white thing at {where}",), _three(old)),
        *(guess.bounce, guess.contrast, guess.gloss),
        is_told=True,
    )


def estimate(rgb: Array, wall_weight: Array, wall_median: Array) -> Light:
    """Guess the light from what the photo shows.

    rgb: (h, w, 3) linear sRGB, the whole photo, small. wall_weight: (h, w), 0..1. wall_median: (3,) linear sRGB.
    """
    numbers = statistics.describe(rgb, wall_weight, wall_median)
    guess = statistics.guess(numbers, wall_median)
    share = statistics.pale_share(rgb, wall_weight)
    seen = f"pale things outside the walls ({share:.0%} of the picture)" if share >= 0.005 else "nothing white in sight"
    anchors = (seen, "what rooms that look like this are usually lit and painted like")
    white = np.maximum(guess.white, DARKEST)
    old = np.clip(np.asarray(wall_median, np.float64) / white, LOWEST_ALBEDO, HIGHEST_ALBEDO)
    white = np.maximum(np.asarray(wall_median, np.float64) / old, DARKEST)
    sure = MOST_SURE * float(np.exp(-guess.error / DOUBT)) * statistics.familiarity(numbers)
    return Light(_three(white), sure, anchors, _three(old), guess.bounce, guess.contrast, guess.gloss)


def _three(values: Array) -> tuple[float, float, float]:
    return (float(values[0]), float(values[1]), float(values[2]))
