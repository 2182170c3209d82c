"""Estimate the illuminant on the walls: the relation between a paint's albedo and its colour in the photo.

A photo shows albedo times light. The estimate is the colour that perfectly white paint on the wall would have in this
photo. A paint of albedo rho then appears as rho times that colour, and brighter still if its albedo is higher than the
existing paint's, because walls illuminate each other. The estimate has a confidence and lists its evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wallpaint.errors import InputError
from wallpaint.imaging import color
from wallpaint.light import statistics
from wallpaint.typing import Array

WHITE_ALBEDO = 0.85  # fresh white paint, paper, white laminate
MIN_WHITE = 1e-3  # linear; lower bound of the colour of white
NO_NEUTRAL_SURFACE = "no near-neutral surface in the photo"  # an anchor
MIN_ALBEDO, MAX_ALBEDO = 0.01, 0.95
CLIPPED_LINEAR = 0.97
CONFIDENCE_DECAY_DELTA_E = 14.0  # expected CIELAB error at which the confidence has dropped by a factor of e
BRIGHTER_THAN_WHITE_RATIO = 1.05  # of luminances, from which a colour counts as brighter than white paint
MIN_WHITE_CONFIDENCE = 0.3  # of the estimate, from which colours are compared with white
MAX_ESTIMATE_CONFIDENCE = 0.8  # without a hint from the user


@dataclass(frozen=True)
class Illuminant:
    """An estimate of the light on a wall.

    white: (3,) linear sRGB of a white surface (albedo 1) on the wall, its typical value over the wall. confidence:
    0..1.
    anchors: the evidence that the estimate is based on, as text. wall_albedo: (3,) albedo of the existing paint, linear
    sRGB, or None if unknown. bounce: 0..1, share of a white wall's light that returns to the walls. contrast: exponent
    by which the camera's tone curve spreads bright and dark paints. gloss: uncoloured reflection of any paint, as an
    albedo. is_user_given: the estimate is based on a hint from the user.
    """

    white: tuple[float, float, float]
    confidence: float
    anchors: tuple[str, ...]
    wall_albedo: tuple[float, float, float] | None = None
    bounce: float = 0.0
    contrast: float = 1.0
    gloss: float = 0.0
    is_user_given: bool = False

    def appearance(self, albedo: Array) -> Array:
        """Return the colour in the photo, (3,) linear sRGB, of a paint of this albedo (3,).

        The existing paint keeps its colour. Interreflection between walls is a geometric series in their albedo, so the
        light on a wall is proportional to 1 / (1 - bounce x albedo).
        """
        rho = np.asarray(albedo, np.float64)
        white = np.asarray(self.white)
        if self.wall_albedo is None:
            return rho * white
        existing = np.asarray(self.wall_albedo)
        after, before = (paint / (1 - self.bounce * paint) + self.gloss for paint in (np.maximum(rho, 1e-4), existing))
        return white * existing * (after / before) ** self.contrast

    def is_brighter_than_white(self, rgb: Array) -> bool:
        """Whether a colour, (3,) linear sRGB, is brighter than white paint could be on this wall.

        False where the confidence is too low to decide.
        """
        white = WHITE_ALBEDO * float(color.luminance(np.asarray(self.white)))
        is_brighter = float(color.luminance(np.asarray(rgb))) > BRIGHTER_THAN_WHITE_RATIO * white
        return is_brighter and self.confidence >= MIN_WHITE_CONFIDENCE

    @property
    def lacks_neutral_surfaces(self) -> bool:
        """Whether the photo shows no white or grey surface besides the walls."""
        return NO_NEUTRAL_SURFACE in self.anchors

    def to_dict(self) -> dict[str, object]:
        """Return the entry of the report."""
        return {
            "white_linear": [round(v, 4) for v in self.white],
            "confidence": round(self.confidence, 2),
            "anchors": list(self.anchors),
        }


def illuminant_from_albedo(rgb: Array, wall_weight: Array, wall_median: Array, known_albedo: Array) -> Illuminant:
    """Return the illuminant under which a paint of known albedo has the wall's colour.

    rgb, wall_weight: see `estimate_illuminant`. wall_median, known_albedo: (3,) linear sRGB.
    """
    prior = statistics.predict(statistics.photo_features(rgb, wall_weight, wall_median), wall_median)
    albedo = np.maximum(np.asarray(known_albedo, np.float64), 0.02)
    white = np.maximum(np.asarray(wall_median, np.float64) / albedo, MIN_WHITE)
    return Illuminant(
        white=_triple(white),
        confidence=0.9,
        anchors=("the wall's old colour, as given",),
        wall_albedo=_triple(albedo),
        bounce=prior.bounce,
        contrast=prior.contrast,
        gloss=prior.gloss,
        is_user_given=True,
    )


def illuminant_from_white_point(
    rgb: Array, wall_weight: Array, wall_median: Array, patch: Array, position: str
) -> Illuminant:
    """Return the illuminant under which a white surface has the colour of the patch.

    rgb, wall_weight, wall_median: see `estimate_illuminant`. patch: (N, 3) linear sRGB pixels of a surface that the
    user identified as white. position: of the patch, for messages. Raises InputError for a patch that is clipped or
    dark.
    """
    value = np.median(patch, axis=0)
    if float(value.max()) >= CLIPPED_LINEAR:
        raise InputError(f"the white point at {position} is overexposed: choose a white object that is not")
    if float(color.luminance(value)) < 0.02:
        raise InputError(f"the white point at {position} is nearly black: choose a white object")
    prior = statistics.predict(statistics.photo_features(rgb, wall_weight, wall_median), wall_median)
    white = value / WHITE_ALBEDO
    albedo = np.clip(np.asarray(wall_median, np.float64) / white, MIN_ALBEDO, MAX_ALBEDO)
    return Illuminant(
        white=_triple(white),
        confidence=0.7,
        anchors=(f"a white object at {position}",),
        wall_albedo=_triple(albedo),
        bounce=prior.bounce,
        contrast=prior.contrast,
        gloss=prior.gloss,
        is_user_given=True,
    )


def estimate_illuminant(rgb: Array, wall_weight: Array, wall_median: Array) -> Illuminant:
    """Estimate the illuminant from statistics of the photo.

    rgb: (h, w, 3) linear sRGB, the full photo, downsampled. wall_weight: (h, w), 0..1. wall_median: (3,) linear sRGB.
    """
    features = statistics.photo_features(rgb, wall_weight, wall_median)
    prediction = statistics.predict(features, wall_median)
    share = statistics.neutral_share(rgb, wall_weight)
    evidence = (
        f"near-neutral surfaces outside the walls ({share:.0%} of the photo)" if share >= 0.005 else NO_NEUTRAL_SURFACE
    )
    white = np.maximum(prediction.white, MIN_WHITE)
    albedo = np.clip(np.asarray(wall_median, np.float64) / white, MIN_ALBEDO, MAX_ALBEDO)
    white = np.maximum(np.asarray(wall_median, np.float64) / albedo, MIN_WHITE)
    confidence = MAX_ESTIMATE_CONFIDENCE * float(np.exp(-prediction.error / CONFIDENCE_DECAY_DELTA_E))
    return Illuminant(
        white=_triple(white),
        confidence=confidence * statistics.in_distribution(features),
        anchors=(evidence, "statistics of rendered rooms"),
        wall_albedo=_triple(albedo),
        bounce=prediction.bounce,
        contrast=prediction.contrast,
        gloss=prediction.gloss,
    )


def _triple(values: Array) -> tuple[float, float, float]:
    return (float(values[0]), float(values[1]), float(values[2]))
