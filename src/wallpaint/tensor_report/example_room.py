"""Render a small synthetic room, the default photo of a trace: a wall, a floor, a sofa and a lamp."""

from __future__ import annotations

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.typing import Array

OVERSAMPLING = 4
WALL, FLOOR, BOARD = (0.66, 0.58, 0.46), (0.30, 0.19, 0.11), (0.80, 0.79, 0.77)  # albedos, linear sRGB
SOFA, CUSHION, LAMP = (0.07, 0.10, 0.16), (0.45, 0.16, 0.08), (0.90, 0.82, 0.62)
# Albedo and corners (x, y) as shares of the image side, back to front.
POLYGONS: tuple[tuple[tuple[float, float, float], tuple[tuple[float, float], ...]], ...] = (
    (FLOOR, ((0, 0.80), (1, 0.80), (1, 1), (0, 1))),
    (BOARD, ((0, 0.77), (1, 0.77), (1, 0.80), (0, 0.80))),
    (SOFA, ((0.14, 0.55), (0.58, 0.55), (0.58, 0.90), (0.14, 0.90))),
    (SOFA, ((0.08, 0.64), (0.18, 0.64), (0.18, 0.93), (0.08, 0.93))),
    (SOFA, ((0.54, 0.64), (0.64, 0.64), (0.64, 0.93), (0.54, 0.93))),
    (CUSHION, ((0.21, 0.58), (0.33, 0.60), (0.32, 0.71), (0.20, 0.70))),
    (SOFA, ((0.815, 0.42), (0.825, 0.42), (0.825, 0.86), (0.815, 0.86))),
    (LAMP, ((0.77, 0.27), (0.87, 0.27), (0.91, 0.42), (0.73, 0.42))),
)


def render_example_room(side: int) -> tuple[Array, Array]:
    """Render a photo (side, side, 3) uint8 sRGB and its wall mask (side, side) uint8, 255 on wall, antialiased."""
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    light = 0.75 * np.exp(-0.6 * x - 0.3 * y) * (1 - 0.35 / (1 + np.exp(-(0.9 * x - y + 0.05) / 0.05)))
    light += 0.5 * np.exp(-((x - 0.82) ** 2 + (y - 0.33) ** 2) / 0.02)  # light of the lamp
    alpha = np.ones((side, side, 1))
    albedo = np.ones((side, side, 1)) * np.array(WALL)
    for paint, corners in POLYGONS:
        coverage = _coverage(side, corners)
        albedo = albedo * (1 - coverage) + coverage * np.array(paint)
        alpha = alpha * (1 - coverage)
    grain = np.random.default_rng(0).normal(1, 0.01, (side, side, 1))
    codes = 255 * color.linear_to_srgb(np.clip(albedo * light[..., None] * grain, 0, 1))
    return np.round(codes).astype(np.uint8), np.round(255 * alpha[..., 0]).astype(np.uint8)


def _coverage(side: int, corners: tuple[tuple[float, float], ...]) -> Array:
    """Share of each pixel covered by a polygon: (side, side, 1), 0..1."""
    large = np.zeros((OVERSAMPLING * side, OVERSAMPLING * side), np.uint8)
    cv2.fillPoly(large, [np.round(np.array(corners) * OVERSAMPLING * side).astype(np.int32)], [1])
    return large.reshape(side, OVERSAMPLING, side, OVERSAMPLING).mean((1, 3), dtype=np.float64)[..., None]
