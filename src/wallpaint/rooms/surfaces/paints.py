"""Wall paints as people buy them, and which of them belong to the test rooms.

CIELAB is cut into cells of CELL units. A hash gives one cell in TEST_SHARE to the test split; training and validation
share the others. So no paint of a test room is closer than its cell to being known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from wallpaint.errors import InputError
from wallpaint.imaging.color import lab_to_linear, linear_to_lab, srgb_to_linear
from wallpaint.typing import Array

CELL = 10.0
"""Side of a cell in CIELAB units."""
TEST_SHARE = 5
"""One cell in this many is for the test split."""
SALT = 7790
"""Chosen among salts so that nearly every family below has paints in both parts."""
WEIGHTS = {"light": 0.45, "muted": 0.20, "deep": 0.20, "gamut": 0.15}
"""How often each style is drawn when none is asked for."""
DARKEST, LIGHTEST = 0.02, 0.9
"""Bounds of a paint's albedo in every channel."""


@dataclass(frozen=True)
class Family:
    """A family of paints round one hue. weight: how often, within its style. hue_deg: CIELAB hue, mean and deviation.
    chroma, lightness: CIELAB, lowest and highest."""

    weight: float
    hue_deg: tuple[float, float]
    chroma: tuple[float, float]
    lightness: tuple[float, float]


LIGHT = {
    "white": Family(5, (95, 40), (0.5, 4), (91, 96)),
    "off-white": Family(6, (88, 14), (3, 9), (87, 95)),
    "cream": Family(4, (86, 7), (9, 20), (84, 92)),
    "greige": Family(5, (80, 12), (4, 10), (72, 86)),
    "pale grey": Family(4, (240, 60), (0.5, 4), (72, 90)),
    "pale blue": Family(2, (245, 18), (5, 14), (76, 90)),
    "pale green": Family(2, (135, 22), (5, 14), (76, 90)),
    "pale pink": Family(2, (35, 18), (5, 14), (76, 90)),
    "pale yellow": Family(1, (94, 6), (18, 34), (84, 93)),
    "lilac": Family(0.6, (310, 14), (5, 12), (74, 88)),
}
MUTED = {
    "sage": Family(4, (128, 16), (8, 20), (55, 74)),
    "dusty blue": Family(4, (250, 14), (8, 22), (48, 72)),
    "taupe": Family(4, (72, 14), (6, 16), (48, 72)),
    "mid grey": Family(4, (230, 70), (0.5, 5), (45, 72)),
    "dusty pink": Family(3, (28, 12), (12, 26), (58, 76)),
    "sand": Family(3, (82, 7), (16, 30), (62, 80)),
    "ochre": Family(2, (78, 6), (28, 46), (56, 72)),
    "clay": Family(2, (52, 8), (18, 34), (50, 68)),
    "duck egg": Family(2, (195, 16), (8, 18), (62, 78)),
    "mauve": Family(1, (335, 16), (8, 18), (48, 70)),
}
DEEP = {
    "navy": Family(4, (274, 8), (14, 34), (16, 32)),
    "forest green": Family(4, (155, 14), (12, 30), (20, 38)),
    "terracotta": Family(3, (48, 6), (34, 54), (42, 56)),
    "mustard": Family(2, (80, 5), (48, 66), (56, 70)),
    "charcoal": Family(4, (250, 60), (0.5, 6), (17, 38)),
    "burgundy": Family(2, (18, 8), (24, 42), (20, 34)),
    "teal": Family(3, (212, 12), (16, 32), (28, 46)),
    "plum": Family(1.5, (335, 14), (16, 34), (20, 38)),
    "olive": Family(2, (105, 8), (18, 38), (34, 52)),
    "chocolate": Family(2, (58, 9), (10, 24), (20, 36)),
    "slate blue": Family(2, (262, 10), (14, 30), (34, 48)),
    "brick": Family(1.5, (38, 6), (36, 54), (34, 48)),
}
_STYLES = {"light": LIGHT, "muted": MUTED, "deep": DEEP}


def sample(rng: np.random.Generator, split: str, style: str | None = None) -> Array:
    """A paint's albedo, (3,) float64, linear sRGB, DARKEST..LIGHTEST, from a cell that belongs to the split.

    style: one of WEIGHTS, or None for a draw by those weights. Raises InputError for a style that there is not.
    """
    if style is not None and style not in WEIGHTS:
        raise InputError(f"paint style is {style!r}, expected one of {', '.join(WEIGHTS)}")
    name = style or str(rng.choice(list(WEIGHTS), p=list(WEIGHTS.values())))
    draw: Callable[[], Array] = (lambda: _any(rng)) if name == "gamut" else (lambda: _of(rng, _STYLES[name]))
    while True:
        albedo = draw()
        if albedo.min() >= DARKEST and albedo.max() <= LIGHTEST and belongs(albedo, split):
            return albedo


def cell(albedo: Array) -> tuple[int, int, int]:
    """Which cell of CIELAB a linear sRGB colour lies in."""
    lightness, a, b = np.floor(linear_to_lab(albedo) / CELL).astype(int)
    return int(lightness), int(a), int(b)


def belongs(albedo: Array, split: str) -> bool:
    """Whether rooms of this split may use a paint of this colour."""
    is_test = crc32(repr((SALT, *cell(albedo))).encode()) % TEST_SHARE == 0
    return is_test == (split == "test")


def _of(rng: np.random.Generator, families: dict[str, Family]) -> Array:
    weights = np.array([f.weight for f in families.values()])
    family = list(families.values())[int(rng.choice(len(weights), p=weights / weights.sum()))]
    hue = np.radians(rng.normal(*family.hue_deg))
    chroma = rng.uniform(*family.chroma)
    return lab_to_linear(np.array([rng.uniform(*family.lightness), chroma * np.cos(hue), chroma * np.sin(hue)]))


def _any(rng: np.random.Generator) -> Array:
    """Anything that a screen can show, even over the sRGB cube: mostly saturated."""
    return srgb_to_linear(rng.uniform(0.0, 1.0, 3))
