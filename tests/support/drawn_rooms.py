"""Small synthetic rooms computed by formula, so that the ground truth of every repaint is known for each pixel.

    wall pixel = albedo x light            light: smooth fall-off x soft shadow x sun x plaster x tint
    photo      = alpha x wall + (1 - alpha) x background

Shapes are drawn at four times the size and averaged in linear light, as a lens and a sensor do, so edges are as soft as
those of a photo.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from support.measures import codes_of, linear

Array = np.ndarray

OVERSAMPLING = 4
WHITE_ALBEDO = 0.85


def rgb(text: str) -> Array:
    """'#rrggbb' to (3,) linear sRGB."""
    return linear(np.array(list(bytes.fromhex(text.lstrip("#"))), np.uint8))


@dataclass(frozen=True, repr=False, eq=False)
class Room:
    """A room of one painted wall.

    light: (H, W, 3), colour of a wall of albedo 1. alpha: (H, W), exact share of wall in each pixel.
    background: (H, W, 3), colour of everything else where alpha < 1. albedo: (3,) or (H, W, 3) of the existing paint.
    noise: (H, W, 3), relative.
    """

    light: Array
    alpha: Array
    background: Array
    albedo: Array
    noise: Array
    bits: int = 8

    @cached_property
    def photo(self) -> Array:
        """(H, W, 3) codes, with sensor noise."""
        return self._developed(self.albedo, self.noise)

    @property
    def soft_mask(self) -> Array:
        return np.round(255 * self.alpha).astype(np.uint8)

    @property
    def hard_mask(self) -> Array:
        return ((self.alpha >= 0.5) * 255).astype(np.uint8)

    @property
    def wall(self) -> Array:
        """Pixels that are entirely wall."""
        return self.alpha == 1

    def repainted(self, albedo: Array) -> Array:
        """Return the ground truth of the `room` match: the photo, without noise, with a wall of this albedo (3,)."""
        return self._developed(np.asarray(albedo, np.float64), None)

    def repainted_to_swatch(self, swatch: Array) -> Array:
        """Return the ground truth of the swatch match: the wall's median is the swatch, (3,) linear sRGB."""
        return self.repainted(np.asarray(swatch) / np.median(self.light[self.wall], axis=0))

    def _developed(self, albedo: Array, noise: Array | None) -> Array:
        mixed = self.alpha[..., None] * albedo * self.light + (1 - self.alpha[..., None]) * self.background
        return codes_of(mixed * (1 if noise is None else 1 + noise), (1 << self.bits) - 1)


def make_room(
    height: int = 240,
    width: int = 320,
    *,
    old: str | Array = "#d9cfc0",
    furniture: str = "#1e1c1a",
    shadow: float = 0.45,
    sun: float = 0.0,
    plaster: float = 0.012,
    tint: float = 0.0,
    noise: float = 0.0,
    bits: int = 8,
    seed: int = 0,
) -> Room:
    """Make a room: a wall above a white skirting board and a floor, with a chair in front.

    old: the existing paint, '#rrggbb' or an albedo map (H, W, 3). shadow: share of the light removed by a soft shadow.
    sun: light added by a sharp patch. plaster, noise: relative standard deviations. tint: change of red and
    blue relative to green from one side of the room to the other, natural log.
    """
    rng = np.random.default_rng(seed)
    light = _light(height, width, shadow, sun, tint)
    relief = cv2.GaussianBlur(rng.normal(0, 1, (height, width)), (0, 0), 1.2)
    light = light * (1 + plaster * relief / relief.std())[..., None]
    chair, floor, board = _shapes(height, width)
    soft = cv2.GaussianBlur(light, (0, 0), 6)
    beside = floor[..., None] * rgb("#6b5a48") * soft + board[..., None] * WHITE_ALBEDO * light
    background = (1 - chair[..., None]) * beside + chair[..., None] * rgb(furniture) * soft
    alpha = (1 - chair) * (1 - floor - board)
    return Room(
        light,
        alpha,
        background / np.maximum(1 - alpha, 1e-9)[..., None],
        rgb(old) if isinstance(old, str) else old,
        rng.normal(0, noise, light.shape) if noise else np.zeros(light.shape),
        bits,
    )


def _light(height: int, width: int, shadow: float, sun: float, tint: float) -> Array:
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    level = 0.85 * np.exp(-0.7 * x - 0.25 * y)
    level *= 1 - shadow / (1 + np.exp(-(x + 0.6 * y - 0.72) / 0.03))
    if sun:
        patch = _rasterize(height, width, [np.array([(0.12, 0.1), (0.3, 0.14), (0.32, 0.34), (0.14, 0.3)])])
        level += sun * cv2.GaussianBlur(patch, (0, 0), 0.8)
    across = np.exp(tint * (x / x.max() - 0.5))
    return level[..., None] * np.stack([across, np.ones_like(across), 1 / across], -1)


def _shapes(height: int, width: int) -> tuple[Array, Array, Array]:
    """Return the coverage, 0..1, of chair, floor and skirting board. Positions are shares of the longer side."""
    tall = height / max(height, width)
    seat = np.array([(0.30, 0.62), (0.52, 0.64), (0.5, 0.70), (0.29, 0.67)]) * [1, tall / 0.75]
    back = np.array([(0.30, 0.30), (0.335, 0.29), (0.36, 0.64), (0.31, 0.64)]) * [1, tall / 0.75]
    leg = np.array([(0.47, 0.68), (0.485, 0.68), (0.515, tall), (0.5, tall)])
    round_top = np.array([(0.7, 0.3)]) + 0.07 * np.array(
        [(np.cos(a), np.sin(a)) for a in np.linspace(0, 2 * np.pi, 40, endpoint=False)]
    )
    chair = _rasterize(height, width, [seat, back, leg, round_top * [1, tall / 0.75]])
    floor = _rasterize(height, width, [np.array([(0, 0.82 * tall), (1, 0.8 * tall), (1, 2), (0, 2)])])
    board = _rasterize(
        height, width, [np.array([(0, 0.78 * tall), (1, 0.76 * tall), (1, 0.8 * tall), (0, 0.82 * tall)])]
    )
    return chair, floor, np.minimum(board, 1 - floor)  # floor and board share only their border


def _rasterize(height: int, width: int, polygons: list[Array]) -> Array:
    """Return the coverage of polygons, corners (n, 2) as (x, y) in shares of the longer side, by oversampling."""
    scale = OVERSAMPLING * max(height, width)
    large = np.zeros((OVERSAMPLING * height, OVERSAMPLING * width), np.uint8)
    for corners in polygons:
        cv2.fillPoly(large, [np.round(corners * scale).astype(np.int32)], 1)
    return large.reshape(height, OVERSAMPLING, width, OVERSAMPLING).mean((1, 3), dtype=np.float64)
