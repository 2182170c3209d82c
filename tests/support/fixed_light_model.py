"""A light model with fixed coefficients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support.drawn_rooms import rgb
from support.measures import Array
from wallpaint.light import model as light_model
from wallpaint.light.model import Coefficients
from wallpaint.pipeline.repaint import Scene


class Told:
    """A model that says of every place the same: what it is told."""

    def __init__(self, old: str, **more: float) -> None:
        self.old, self.more = rgb(old), more

    def look(self, photo: Array, mask: Array, old: Array | None = None) -> Coefficients:
        import cv2

        def full(value: object, channels: int) -> Array:
            return np.broadcast_to(np.asarray(value, np.float32), (48, 64, channels)).copy()

        small, wall = (cv2.resize(x.astype(np.float32), (64, 48), interpolation=cv2.INTER_AREA) for x in (photo, mask))
        luma = small @ np.array([0.2126, 0.7152, 0.0722], np.float32)
        shade = np.log(np.maximum(luma, 1e-3) / np.median(luma[wall > 0.5]))
        told = {"bounce": 0.0, "gloss": 1e-4, "contrast": 1.0, "spread": 0.0} | self.more
        sizes = {"bounce": 3, "gloss": 3, "contrast": 1, "spread": 1}
        planes = {name: full(told[name], count) for name, count in sizes.items()}
        return Coefficients(small, shade, full(self.old, 3), error=full(told.get("error", 4.0), 1)[..., 0], **planes)


def with_model(scene: Scene, model: Told, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(light_model, "load", lambda: model)
    wall = scene.walls["wall"]
    return replace(scene, walls={"wall": replace(wall, sight=replace(wall.sight))})  # which has not looked yet
