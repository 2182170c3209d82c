"""Wall coverings of extended rooms: wallpaper, limewash, tiles, plaster and a few others, by type.

Training and validation rooms share designs; test rooms have their own of every type. uv in metres, v is up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from wallpaint.rooms.materials import Material, Texture, to_color
from wallpaint.rooms.surfaces import paints, patterns, textures
from wallpaint.rooms.surfaces.noise import (
    fractal_noise,
    gaussian_noise,
    match_mean,
    mix,
    smoothstep,
    tone_gain,
    warp,
)
from wallpaint.rooms.surfaces.patterns import WallPattern

PLASTER_METRES = 2.4
TYPE_SHARES = {"wallpaper": 0.35, "limewash": 0.19, "tiles": 0.18, "plaster": 0.18, "other": 0.1}


def sample_covering(rng: np.random.Generator, split: str, covering_type: str | None = None) -> WallPattern:
    """Sample a wall covering in paint colours of the split. covering_type: a key of TYPE_SHARES, None samples one."""
    if covering_type is None:
        covering_type = str(rng.choice(list(TYPE_SHARES), p=list(TYPE_SHARES.values())))
    designs = COVERINGS["test" if split == "test" else "train"][covering_type]
    name = designs[int(rng.integers(len(designs)))]
    if name in _NEW_DESIGNS:
        return WallPattern(name, replace(_NEW_DESIGNS[name](rng, split), name=name))
    return patterns.sample_pattern(rng, split, name)


def _limewash(rng: np.random.Generator, split: str, application: str) -> Material:
    """Limewash: "cloudy" in soft drifts, or "block brushed" in short crossing strokes of a wide brush."""
    paint = paints.sample(rng, split, str(rng.choice(["light", "muted", "muted", "deep"])))
    strength = float(rng.uniform(0.7, 1.4))
    drifts = warp(fractal_noise(rng, 1.7, 260), *(30 * gaussian_noise(rng, 70) for _ in "uv"))
    if application == "cloudy":
        strokes = warp(fractal_noise(rng, 1.0, 40, 2.0), *(14 * gaussian_noise(rng, 30) for _ in "uv"))
        tone = 0.1 * drifts + 0.03 * strokes + 0.012 * gaussian_noise(rng, 1.2)
    else:
        along, across = gaussian_noise(rng, 26, 2.0), gaussian_noise(rng, 2.0, 26)
        patch = smoothstep(-0.4, 0.4, gaussian_noise(rng, 24))
        brushed = patch * along + (1 - patch) * across
        overlap = smoothstep(0.5, 0.0, np.abs(patch - 0.5))
        tone = 0.06 * drifts + 0.06 * brushed - 0.05 * overlap
    texture = match_mean(tone_gain(strength * tone, 0.1), to_color(paint))
    return textures.tiled_material("limewash", texture, patterns.LIMEWASH_METRES, 0.95, 0.0, 0.03)


def _plaster(rng: np.random.Generator, split: str, finish: str) -> Material:
    """Coloured plaster: "trowelled" matt, "polished" Venetian, or "clay" with straw."""
    paint = paints.sample(rng, split, str(rng.choice(["light", "light", "muted", "deep"])))
    arcs = warp(gaussian_noise(rng, 42, 5), 40 * gaussian_noise(rng, 45), 55 * gaussian_noise(rng, 38))
    body = fractal_noise(rng, 1.4, 150)
    if finish == "clay":
        straw = smoothstep(2.0, 2.6, warp(gaussian_noise(rng, 6, 0.7), 0 * body, 12 * gaussian_noise(rng, 20)))
        image = tone_gain(0.04 * body + 0.035 * fractal_noise(rng, 0.6, 6), 0.1) * np.asarray(paint, np.float32)
        image = mix(image, 0.5 * np.asarray(paint) + np.array([0.24, 0.19, 0.1]), 0.6 * straw)
        texture = Texture(np.clip(image, 0, 0.9).astype(np.float32))
        return textures.tiled_material(finish, texture, PLASTER_METRES, 0.95, 0.0, 0.06)
    is_polished = finish == "polished"
    burnished = smoothstep(0.2, 1.4, arcs)
    tone = (0.1 if is_polished else 0.05) * arcs + 0.05 * body + 0.012 * gaussian_noise(rng, 1.0)
    texture = match_mean(tone_gain(tone - 0.06 * burnished, 0.08), to_color(paint))
    roughness, f0, bump = (float(rng.uniform(0.25, 0.4)), 0.04, 0.01) if is_polished else (0.9, 0.0, 0.07)
    return textures.tiled_material(finish, texture, PLASTER_METRES, roughness, f0, bump)


_NEW_DESIGNS: dict[str, Callable[[np.random.Generator, str], Material]] = {
    "cloudy limewash": lambda rng, split: _limewash(rng, split, "cloudy"),
    "block brushed limewash": lambda rng, split: _limewash(rng, split, "block brushed"),
    "trowelled plaster": lambda rng, split: _plaster(rng, split, "trowelled"),
    "polished plaster": lambda rng, split: _plaster(rng, split, "polished"),
    "clay plaster": lambda rng, split: _plaster(rng, split, "clay"),
    "large tiles": lambda rng, split: patterns.wall_tiles(rng, split, "large"),
    "stacked tiles": lambda rng, split: patterns.wall_tiles(rng, split, "stacked"),
    "hexagon tiles": lambda rng, split: patterns.wall_tiles(rng, split, "hexagon"),
}

COVERINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "train": {
        "wallpaper": (
            *("damask paper", "leaf paper", "geometric paper", "dotted paper"),
            *("vertical stripes", "grasscloth"),
        ),
        "limewash": ("limewash", "cloudy limewash"),
        "tiles": ("metro tiles", "large tiles"),
        "plaster": ("trowelled plaster", "polished plaster"),
        "other": ("plywood", "concrete", "upright boards", "brick"),
    },
    "test": {
        "wallpaper": ("trellis paper", "blossom paper", "horizontal stripes"),
        "limewash": ("block brushed limewash",),
        "tiles": ("square tiles", "stacked tiles", "hexagon tiles"),
        "plaster": ("clay plaster", "clouded paint"),
        "other": ("slats", "formwork", "shiplap"),
    },
}
"""Names of designs by split of the design and type of covering."""
