"""A light model with fixed coefficients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from support.drawn_rooms import rgb
from support.measures import Array
from wallpaint.light.model import LightCoefficients
from wallpaint.light.predictor import LightPredictor
from wallpaint.pipeline.repaint import Scene


class FixedLightModel:
    """A light model that predicts the given coefficients for every pixel."""

    def __init__(self, old: str, **coefficients: float) -> None:
        self.old, self.coefficients = rgb(old), coefficients

    def predict(self, photo: Array, mask: Array, known_albedo: Array | None = None) -> LightCoefficients:
        import cv2

        def full(value: object, count: int) -> Array:
            return np.broadcast_to(np.asarray(value, np.float32), (48, 64, count)).copy()

        small, wall = (cv2.resize(x.astype(np.float32), (64, 48), interpolation=cv2.INTER_AREA) for x in (photo, mask))
        luma = small @ np.array([0.2126, 0.7152, 0.0722], np.float32)
        log_shading = np.log(np.maximum(luma, 1e-3) / np.median(luma[wall > 0.5]))
        values = {"interreflection": 0.0, "gloss": 1e-4, "contrast": 1.0, "shading_gain": 0.0} | self.coefficients
        channels = {"interreflection": 3, "gloss": 3, "contrast": 1, "shading_gain": 1}
        planes = {name: full(values[name], count) for name, count in channels.items()}
        return LightCoefficients(
            small, log_shading, full(self.old, 3), error=full(values.get("error", 4.0), 1)[..., 0], **planes
        )


def with_light_model(scene: Scene, model: LightPredictor | None) -> Scene:
    """Return the scene with another light model; None for none."""
    return replace(scene, walls={name: replace(wall, light_model=model) for name, wall in scene.walls.items()})
