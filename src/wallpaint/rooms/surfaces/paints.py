"""Sampling of wall paint albedos, with a held-out set of colours for test rooms.

CIELAB is divided into cells with sides of LAB_CELL_SIZE. A hash assigns one cell in TEST_CELL_PERIOD to the test split;
training and validation share the others, so no training paint lies in a cell of a test paint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from wallpaint.errors import InputError
from wallpaint.imaging.color import lab_to_linear, linear_to_lab, srgb_to_linear
from wallpaint.typing import Array

LAB_CELL_SIZE = 10.0
"""Side of a cell in CIELAB units."""
TEST_CELL_PERIOD = 5
"""One cell in this many belongs to the test split."""
CELL_HASH_SALT = 7790
"""Chosen so that nearly every family below has paints in both sets of cells."""
STYLE_WEIGHTS = {"light": 0.45, "muted": 0.20, "deep": 0.20, "gamut": 0.15}
"""Probability of each style when none is given."""
HOME_WEIGHTS = {
    "white": 0.25,
    "off-white": 0.2,
    "cream": 0.08,
    "greige": 0.12,
    "pale grey": 0.12,
    "sand": 0.04,
    "taupe": 0.03,
    "mid grey": 0.04,
}
"""Probability of the families of walls in homes: white, off-white, grey and beige; all others share the rest.

An assumption, not a survey.
"""
MIN_ALBEDO, MAX_ALBEDO = 0.02, 0.9
"""Bounds of a paint's albedo per channel."""


@dataclass(frozen=True)
class PaintFamily:
    """A distribution of paints about one hue.

    weight: relative frequency within its style. hue_deg: CIELAB hue, mean and standard deviation. chroma, lightness:
    CIELAB, minimum and maximum.
    """

    weight: float
    hue_deg: tuple[float, float]
    chroma: tuple[float, float]
    lightness: tuple[float, float]


LIGHT_FAMILIES = {
    "white": PaintFamily(5, (95, 40), (0.5, 4), (91, 96)),
    "off-white": PaintFamily(6, (88, 14), (3, 9), (87, 95)),
    "cream": PaintFamily(4, (86, 7), (9, 20), (84, 92)),
    "greige": PaintFamily(5, (80, 12), (4, 10), (72, 86)),
    "pale grey": PaintFamily(4, (240, 60), (0.5, 4), (72, 90)),
    "pale blue": PaintFamily(2, (245, 18), (5, 14), (76, 90)),
    "pale green": PaintFamily(2, (135, 22), (5, 14), (76, 90)),
    "pale pink": PaintFamily(2, (35, 18), (5, 14), (76, 90)),
    "pale yellow": PaintFamily(1, (94, 6), (18, 34), (84, 93)),
    "lilac": PaintFamily(0.6, (310, 14), (5, 12), (74, 88)),
}
MUTED_FAMILIES = {
    "sage": PaintFamily(4, (128, 16), (8, 20), (55, 74)),
    "dusty blue": PaintFamily(4, (250, 14), (8, 22), (48, 72)),
    "taupe": PaintFamily(4, (72, 14), (6, 16), (48, 72)),
    "mid grey": PaintFamily(4, (230, 70), (0.5, 5), (45, 72)),
    "dusty pink": PaintFamily(3, (28, 12), (12, 26), (58, 76)),
    "sand": PaintFamily(3, (82, 7), (16, 30), (62, 80)),
    "ochre": PaintFamily(2, (78, 6), (28, 46), (56, 72)),
    "clay": PaintFamily(2, (52, 8), (18, 34), (50, 68)),
    "duck egg": PaintFamily(2, (195, 16), (8, 18), (62, 78)),
    "mauve": PaintFamily(1, (335, 16), (8, 18), (48, 70)),
}
DEEP_FAMILIES = {
    "navy": PaintFamily(4, (274, 8), (14, 34), (16, 32)),
    "forest green": PaintFamily(4, (155, 14), (12, 30), (20, 38)),
    "terracotta": PaintFamily(3, (48, 6), (34, 54), (42, 56)),
    "mustard": PaintFamily(2, (80, 5), (48, 66), (56, 70)),
    "charcoal": PaintFamily(4, (250, 60), (0.5, 6), (17, 38)),
    "burgundy": PaintFamily(2, (18, 8), (24, 42), (20, 34)),
    "teal": PaintFamily(3, (212, 12), (16, 32), (28, 46)),
    "plum": PaintFamily(1.5, (335, 14), (16, 34), (20, 38)),
    "olive": PaintFamily(2, (105, 8), (18, 38), (34, 52)),
    "chocolate": PaintFamily(2, (58, 9), (10, 24), (20, 36)),
    "slate blue": PaintFamily(2, (262, 10), (14, 30), (34, 48)),
    "brick": PaintFamily(1.5, (38, 6), (36, 54), (34, 48)),
}
_STYLE_FAMILIES = {"light": LIGHT_FAMILIES, "muted": MUTED_FAMILIES, "deep": DEEP_FAMILIES}


def sample(rng: np.random.Generator, split: str, style: str | None = None) -> Array:
    """Sample a paint albedo of a split: (3,) float64, linear sRGB, MIN_ALBEDO..MAX_ALBEDO.

    style: a key of STYLE_WEIGHTS, or None to sample one by those weights. Raises InputError for an unknown style.
    """
    if style is not None and style not in STYLE_WEIGHTS:
        raise InputError(f"paint style is {style!r}, expected one of {', '.join(STYLE_WEIGHTS)}")
    name = style or str(rng.choice(list(STYLE_WEIGHTS), p=list(STYLE_WEIGHTS.values())))
    propose: Callable[[], Array] = (
        (lambda: _sample_gamut(rng)) if name == "gamut" else (lambda: _sample_family(rng, _STYLE_FAMILIES[name]))
    )
    while True:
        albedo = propose()
        if albedo.min() >= MIN_ALBEDO and albedo.max() <= MAX_ALBEDO and in_split(albedo, split):
            return albedo


def sample_home(rng: np.random.Generator, split: str) -> Array:
    """Sample the albedo of an existing wall as homes have them, by `HOME_WEIGHTS`; see `sample`."""
    families = LIGHT_FAMILIES | MUTED_FAMILIES
    name = str(rng.choice([*HOME_WEIGHTS, "other"], p=[*HOME_WEIGHTS.values(), 1 - sum(HOME_WEIGHTS.values())]))
    if name == "other":
        return sample(rng, split)
    while True:
        albedo = _sample_family(rng, {name: families[name]})
        if albedo.min() >= MIN_ALBEDO and albedo.max() <= MAX_ALBEDO and in_split(albedo, split):
            return albedo


def lab_cell(albedo: Array) -> tuple[int, int, int]:
    """Return the index of the CIELAB cell that contains a linear sRGB colour."""
    lightness, a, b = np.floor(linear_to_lab(albedo) / LAB_CELL_SIZE).astype(int)
    return int(lightness), int(a), int(b)


def in_split(albedo: Array, split: str) -> bool:
    """Return whether rooms of this split may use this albedo (linear sRGB)."""
    is_test_cell = crc32(repr((CELL_HASH_SALT, *lab_cell(albedo))).encode()) % TEST_CELL_PERIOD == 0
    return is_test_cell == (split == "test")


def _sample_family(rng: np.random.Generator, families: dict[str, PaintFamily]) -> Array:
    weights = np.array([f.weight for f in families.values()])
    family = list(families.values())[int(rng.choice(len(weights), p=weights / weights.sum()))]
    hue = np.radians(rng.normal(*family.hue_deg))
    chroma = rng.uniform(*family.chroma)
    return lab_to_linear(np.array([rng.uniform(*family.lightness), chroma * np.cos(hue), chroma * np.sin(hue)]))


def _sample_gamut(rng: np.random.Generator) -> Array:
    """Sample uniformly in the non-linear sRGB cube: mostly saturated colours."""
    return srgb_to_linear(rng.uniform(0.0, 1.0, 3))
