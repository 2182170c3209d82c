"""Training samples of the base UNet: crops of photos, inpainting masks of any shape, and captions."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.rooms.sets.export import color_name
from wallpaint.train.room_photos import RoomPhotos
from wallpaint.typing import Array

MAX_DILATION_PX = 4  # of wall masks
WALL_THRESHOLD = 128  # of alpha, 0..255


def sample_mask(wall: Array, rng: np.random.Generator) -> Array:
    """Sample an inpainting mask, (h, w) bool, True where the UNet paints. wall: (h, w) bool.

    Wall masks and parts of them, rectangles, blobs, strokes, and sometimes the whole image; never empty.
    """
    names = list(_MASKS)
    weights = np.array([_MASKS[name][0] for name in names])
    name = str(rng.choice(names, p=weights / weights.sum()))
    mask = _MASKS[name][1](wall, rng)
    return mask if mask.any() else np.ones_like(wall)


def _wall(wall: Array, rng: np.random.Generator) -> Array:
    size = 2 * int(rng.integers(MAX_DILATION_PX + 1)) + 1
    return cv2.dilate(wall.astype(np.uint8), np.ones((size, size), np.uint8)) > 0


def _wall_part(wall: Array, rng: np.random.Generator) -> Array:
    """The wall on one side of a random line through it."""
    rows, columns = np.nonzero(wall)
    if not len(rows):
        return wall
    center, angle = int(rng.integers(len(rows))), float(rng.uniform(0, 2 * np.pi))
    y, x = np.mgrid[0 : wall.shape[0], 0 : wall.shape[1]]
    side = np.cos(angle) * (x - columns[center]) + np.sin(angle) * (y - rows[center]) > 0
    return np.asarray(_wall(wall, rng) & side)


def _rectangle(wall: Array, rng: np.random.Generator) -> Array:
    mask = np.zeros_like(wall)
    sides = [max(1, round(float(rng.uniform(0.2, 0.8)) * side)) for side in wall.shape]
    top, left = (int(rng.integers(side - length + 1)) for side, length in zip(wall.shape, sides, strict=True))
    mask[top : top + sides[0], left : left + sides[1]] = True
    return mask


def _blobs(wall: Array, rng: np.random.Generator) -> Array:
    noise = cv2.GaussianBlur(rng.standard_normal(wall.shape), (0, 0), float(rng.uniform(0.05, 0.15)) * max(wall.shape))
    return np.asarray(noise > np.quantile(noise, float(rng.uniform(0.4, 0.85))))


def _strokes(wall: Array, rng: np.random.Generator) -> Array:
    mask = np.zeros(wall.shape, np.uint8)
    for _ in range(int(rng.integers(2, 7))):
        points = (rng.random((2, 2)) * np.array(wall.shape[::-1])).astype(int)
        thickness = max(1, round(float(rng.uniform(0.03, 0.12)) * max(wall.shape)))
        cv2.line(mask, points[0].tolist(), points[1].tolist(), 1, thickness)
    return mask > 0


_MASKS: dict[str, tuple[float, Callable[[Array, np.random.Generator], Array]]] = {
    "wall": (0.35, _wall),
    "part of the wall": (0.2, _wall_part),
    "rectangle": (0.15, _rectangle),
    "blobs": (0.15, _blobs),
    "strokes": (0.1, _strokes),
    "everything": (0.05, lambda wall, rng: np.ones_like(wall)),
}


def sample_crop(
    room: RoomPhotos, number: int, side: int, gain_sigma: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Sample a crop of one of a room's photos, mirrored and with random gains in linear light.

    number: of the photo. Returns (side, side, 3) uint8 sRGB and its wall, (side, side) bool. Photos that are smaller
    than the crop are enlarged.
    """
    photo, alpha = room.photos[number], room.alpha
    height, width = alpha.shape
    px = min(side, height, width)
    top, left = int(rng.integers(height - px + 1)), int(rng.integers(width - px + 1))
    window = (slice(top, top + px), slice(left, left + px))
    mirror = -1 if rng.random() < 0.5 else 1
    linear = color.srgb_to_linear(photo[window][:, ::mirror].astype(np.float32) / 255)
    gains = np.exp(rng.normal(0, gain_sigma, 3)).astype(np.float32)
    codes = np.round(255 * color.linear_to_srgb(np.clip(linear * gains, 0, 1))).astype(np.uint8)
    crop, wall = (np.ascontiguousarray(one) for one in (codes, alpha[window][:, ::mirror]))
    if px != side:
        crop, wall = (cv2.resize(one, (side, side), interpolation=cv2.INTER_LINEAR) for one in (crop, wall))
    return crop, wall >= WALL_THRESHOLD


def caption(albedo: Array) -> str:
    """Return the caption of a photo. albedo: (3,) linear sRGB, of the wall's paint; NaN for patterned walls."""
    name = "patterned" if np.isnan(albedo).any() else color_name(albedo)
    return f"a room with {name} walls"


def half_wall(wall: Array) -> Array:
    """Return the left half of a wall's pixels, (h, w) bool, for the evaluation."""
    columns = np.nonzero(wall)[1]
    if not len(columns):
        return np.zeros_like(wall)
    return wall & (np.arange(wall.shape[1])[None] < np.median(columns))
