"""The light model as the rest of the package sees it: an interface, and the choice of a model.

Whoever prepares a scene chooses the model: the packaged one, an object of their own, or none. The scene hands that
choice to everything that needs a prediction, so no other module loads a model.
"""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

from wallpaint.light import model
from wallpaint.light.model import LightCoefficients
from wallpaint.typing import Array


class LightPredictor(Protocol):
    """Predicts how each pixel of a photo changes with the paint; `model.LightModel` is one."""

    def predict(self, photo: Array, mask: Array, known_albedo: Array | None = None, /) -> LightCoefficients:
        """Return the prediction for one wall.

        photo: (h, w, 3) float32, linear sRGB, a few hundred pixels a side. mask: (h, w), 0..1, share of wall.
        known_albedo: (3,) of the existing paint, linear sRGB, where it is known.
        """
        ...


LightModelChoice: TypeAlias = LightPredictor | Literal["packaged"] | None
"""A light model; "packaged" is the one of this package; None is none."""


def light_predictor(choice: LightModelChoice) -> LightPredictor | None:
    """Return the chosen light model, or None without one.

    The packaged model is loaded on first use and shared afterwards; it is None in an installation without its weights.
    """
    return model.load() if choice == "packaged" else choice
