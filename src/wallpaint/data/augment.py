"""Data augmentation: crop, flip, colour jitter. All random numbers come from the generator that is passed in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from wallpaint.data.settings import SampleSettings
from wallpaint.scene import mask as masks
from wallpaint.scene.mask import Window
from wallpaint.typing import Array

BT601_LUMA = np.array([0.299, 0.587, 0.114])  # weights of gamma-encoded RGB, ITU-R BT.601
MIN_WALL_SHARE = 0.02  # of a crop; with less wall the crop is taken around the wall
MAX_CROP_TRIES = 8


@dataclass(frozen=True)
class ColorJitter:
    """A change of brightness, contrast and colour, the same for all images of a sample.

    matrix: (3, 3), on sRGB values; keeps greys. brightness, contrast: factors. mean_grey: the level that contrast
    scales around.
    """

    matrix: Array
    brightness: float = 1.0
    contrast: float = 1.0
    mean_grey: float = 0.0

    def __call__(self, rgb: Array) -> Array:
        """Apply to an image: (H, W, 3) uint8 -> (H, W, 3) uint8, rounded and clipped to 0..255."""
        scale = self.brightness * self.contrast
        offset = self.brightness * self.mean_grey * (1 - self.contrast)
        changed = rgb.astype(np.float32) @ (scale * self.matrix.T).astype(np.float32) + np.float32(offset)
        return np.clip(np.round(changed), 0, 255).astype(np.uint8)

    def apply_to_albedo(self, rgb: Array) -> Array:
        """Apply to a paint's albedo (3,), 0..255: hue and saturation only, since exposure does not change albedo."""
        return np.clip(self.matrix @ np.asarray(rgb, np.float64), 0, 255)


def sample_jitter(rgb: Array, settings: SampleSettings, rng: np.random.Generator) -> ColorJitter:
    """Sample a colour jitter for an image, (H, W, 3) uint8."""
    uniform = rng.uniform(-1, 1, 4)
    spreads = (settings.brightness, settings.contrast, settings.saturation)
    brightness, contrast, saturation = (1 + spread * value for spread, value in zip(spreads, uniform[:3], strict=True))
    matrix = hue_saturation_matrix(float(saturation), settings.hue_deg * float(uniform[3]))
    return ColorJitter(matrix, float(brightness), float(contrast), float(rgb.mean((0, 1)) @ BT601_LUMA))


def hue_saturation_matrix(saturation: float, hue_deg: float) -> Array:
    """Return a (3, 3) matrix on sRGB values: rotation about the grey axis, and scaling of the distance from it.

    Greys are unchanged. Source of the rotation: Rodrigues 1840.
    """
    axis = np.ones(3) / np.sqrt(3)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    angle = np.radians(hue_deg)
    grey = np.outer(axis, axis)
    rotation = np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * grey
    return saturation * rotation + (1 - saturation) * grey


def crop_window(
    alpha: Array, settings: SampleSettings, rng: np.random.Generator | None, side_multiple: int = 1
) -> Window:
    """Return the crop of a sample.

    alpha: (H, W), the wall. rng: None for a deterministic crop ("random" is then "center"). The crop "wall" is that of
    the diffusion painter, see `masks.crop_around`: its aspect ratio is the wall's, and its sides are multiples of
    side_multiple and of the settings' multiple. The others are square; one with hardly any wall is replaced by a square
    around the wall.
    """
    if settings.crop == "wall":
        return masks.crop_with_context(
            alpha, settings.context, settings.size**2, math.lcm(settings.multiple, side_multiple)
        )
    size, short = settings.size, min(alpha.shape)
    if settings.crop == "random" and rng is not None:
        for _ in range(MAX_CROP_TRIES):
            side = max(1, round(short * rng.uniform(settings.smallest_crop, 1)))
            top, left = (int(rng.integers(0, length - side + 1)) for length in alpha.shape)
            window = Window(top, left, side, side, size, size)
            if alpha[window.slices].mean() >= MIN_WALL_SHARE:
                return window
    else:
        top, left = ((length - short) // 2 for length in alpha.shape)
        window = Window(top, left, short, short, size, size)
        if alpha[window.slices].mean() >= MIN_WALL_SHARE:
            return window
    return square_around_wall(alpha, settings)


def square_around_wall(alpha: Array, settings: SampleSettings) -> Window:
    """Return a square crop centred on the wall, with a margin, within the photo."""
    top, left, height, width = masks.wall_box(alpha)
    side = min(*alpha.shape, round(max(height, width) * (1 + 2 * settings.context)))
    side = max(side, min(*alpha.shape, settings.size // 2))
    center = (top + height / 2, left + width / 2)
    row, column = (
        int(np.clip(round(middle - side / 2), 0, length - side))
        for middle, length in zip(center, alpha.shape, strict=True)
    )
    return Window(row, column, side, side, settings.size, settings.size)


def crop_mask(alpha: Array, window: Window) -> tuple[Array, Array]:
    """Crop and resize a mask: bool by nearest neighbour, and float32 0..1 with soft edges.

    If nearest neighbour misses a thin wall, pixels are wall where it covers most of them.
    """
    crop = np.ascontiguousarray(alpha[window.slices])
    size = (window.out_width, window.out_height)
    hard = cv2.resize(crop, size, interpolation=cv2.INTER_NEAREST_EXACT) >= 0.5
    is_downscaled = window.height > window.out_height
    soft = cv2.resize(crop, size, interpolation=cv2.INTER_AREA if is_downscaled else cv2.INTER_LINEAR)
    if not hard.any() and soft.max() > 0:
        hard = soft >= min(0.5, 0.5 * float(soft.max()))
    return hard, np.clip(soft, 0, 1)
