"""What training varies: crop, mirror, jitter. Every random number comes from the generator that is passed in."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wallpaint.data.settings import DataSettings
from wallpaint.scene import mask as masks
from wallpaint.scene.mask import Window
from wallpaint.typing import Array

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, of codes
LEAST_WALL = 0.02  # of a crop, or it is taken round the wall instead
TRIES = 8


@dataclass(frozen=True)
class Jitter:
    """A change of brightness, contrast and colour, the same for every picture of a sample.

    tint: (3, 3), on codes; greys stay. brightness, contrast: factors. grey: the level that contrast turns about.
    """

    tint: Array
    brightness: float = 1.0
    contrast: float = 1.0
    grey: float = 0.0

    def __call__(self, rgb: Array) -> Array:
        """(H, W, 3) uint8 -> (H, W, 3) uint8, rounded, cut at 0 and 255."""
        factor = self.brightness * self.contrast
        shift = self.brightness * self.grey * (1 - self.contrast)
        changed = rgb.astype(np.float32) @ (factor * self.tint.T).astype(np.float32) + np.float32(shift)
        return np.clip(np.round(changed), 0, 255).astype(np.uint8)

    def of_paint(self, rgb: Array) -> Array:
        """What becomes of a paint's albedo (3,), 0..255: its hue turns; exposure is the light's business."""
        return np.clip(self.tint @ np.asarray(rgb, np.float64), 0, 255)


def jitter(rgb: Array, settings: DataSettings, rng: np.random.Generator) -> Jitter:
    """Draw a jitter for a picture, (H, W, 3) uint8."""
    draws = rng.uniform(-1, 1, 4)
    brightness, contrast, saturation = (
        1 + spread * draw
        for spread, draw in zip((settings.brightness, settings.contrast, settings.saturation), draws[:3], strict=True)
    )
    tint = tint_matrix(float(saturation), settings.hue_deg * float(draws[3]))
    return Jitter(tint, float(brightness), float(contrast), float(rgb.mean((0, 1)) @ LUMA))


def tint_matrix(saturation: float, hue_deg: float) -> Array:
    """(3, 3) on RGB codes: a turn about the grey axis, and a factor on the distance from it. Greys keep their value."""
    axis = np.ones(3) / np.sqrt(3)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    angle = np.radians(hue_deg)
    grey = np.outer(axis, axis)
    turn = np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * grey  # Rodrigues 1840
    return saturation * turn + (1 - saturation) * grey


def window(alpha: Array, settings: DataSettings, rng: np.random.Generator | None) -> Window:
    """The square of a photo that a sample shows.

    alpha: (H, W), the wall. rng: None for a crop that is not random ("random" is then "center"). A crop with hardly
    any wall in it is taken round the wall instead.
    """
    size, short = settings.size, min(alpha.shape)
    if settings.crop == "random" and rng is not None:
        for _ in range(TRIES):
            side = max(1, round(short * rng.uniform(settings.smallest_crop, 1)))
            top, left = (int(rng.integers(0, have - side + 1)) for have in alpha.shape)
            found = Window(top, left, side, side, size, size)
            if alpha[found.slices].mean() >= LEAST_WALL:
                return found
    elif settings.crop != "wall":
        top, left = ((have - short) // 2 for have in alpha.shape)
        found = Window(top, left, short, short, size, size)
        if alpha[found.slices].mean() >= LEAST_WALL:
            return found
    return round_the_wall(alpha, settings)


def round_the_wall(alpha: Array, settings: DataSettings) -> Window:
    """A square with the wall in its middle and context round it, as far as the photo reaches."""
    top, left, height, width = masks.bounding_box(alpha >= 0.5 if (alpha >= 0.5).any() else alpha)
    side = min(*alpha.shape, round(max(height, width) * (1 + 2 * settings.context)))
    side = max(side, min(*alpha.shape, settings.size // 2))
    middle = (top + height / 2, left + width / 2)
    row, column = (
        int(np.clip(round(centre - side / 2), 0, have - side)) for centre, have in zip(middle, alpha.shape, strict=True)
    )
    return Window(row, column, side, side, settings.size, settings.size)


def crop_mask(alpha: Array, place: Window) -> tuple[Array, Array]:
    """The wall in a crop at its size: bool by the nearest pixel, and float32 0..1 with soft edges.

    A wall so thin that the nearest pixels all miss it is there where it covers most of a pixel.
    """
    part = np.ascontiguousarray(alpha[place.slices])
    size = (place.out_width, place.out_height)
    hard = cv2.resize(part, size, interpolation=cv2.INTER_NEAREST_EXACT) >= 0.5
    shrinks = place.height > place.out_height
    soft = cv2.resize(part, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    if not hard.any() and soft.max() > 0:
        hard = soft >= min(0.5, 0.5 * float(soft.max()))
    return hard, np.clip(soft, 0, 1)
