"""A synthetic image of a room whose walls are known to the pixel."""

from __future__ import annotations

import cv2
import numpy as np

Array = np.ndarray
SIZE = (180, 240)
CORNER = 150  # x where the two walls meet


def photo_and_walls(left: Array | tuple[int, ...] = (150, 170, 150), right: Array | tuple[int, ...] = (118, 134, 118)):
    """Return a photo, (H, W, 3) uint8, and walls, (H, W) int8: 0 left, 1 right, -1 ceiling, floor and a chair."""
    height, width = SIZE
    rng = np.random.default_rng(0)
    photo = np.zeros((height, width, 3), np.float32)
    walls = np.full((height, width), -1, np.int8)
    walls[30:140, :CORNER], walls[30:140, CORNER:] = 0, 1
    photo[:30], photo[140:] = (235, 235, 230), (120, 85, 60)
    photo[walls == 0], photo[walls == 1] = left, right
    photo *= (0.9 + 0.1 * np.linspace(1, 0, width))[None, :, None]
    photo[90:170, 40:80] = (25, 25, 30)
    walls[90:170, 40:80] = -1
    photo = cv2.GaussianBlur(photo, (0, 0), 0.7) + rng.normal(0, 1.5, photo.shape)
    return np.clip(np.round(photo), 0, 255).astype(np.uint8), walls


def soft_map(walls: Array, sigma: float = 5.0) -> Array:
    """Return a blurred probability map, as a network predicts it."""
    return cv2.GaussianBlur(np.where(walls >= 0, np.float32(0.95), np.float32(0.05)), (0, 0), sigma)


def iou(mask: Array, truth: Array) -> float:
    """Return the intersection over union of two masks."""
    return float((mask & truth).sum() / (mask | truth).sum())
