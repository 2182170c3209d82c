"""What one sees out of a window: sky, a soft skyline, and the ground below, as radiance by direction.

u = atan2(x, y) / pi, which repeats after half a turn, and v = 1/2 + asin(z) / pi: v = 0 is straight down, 1 the zenith.
"""

from __future__ import annotations

import cv2
import numpy as np

from wallpaint.rooms.materials import TILE, Color, Texture
from wallpaint.rooms.surfaces.noise import blurred, coordinates, fractal, mix, smooth, step
from wallpaint.typing import Array

SKIES = ("clear", "overcast", "cloudy", "sunset", "dusk", "night")
LEVEL = {"clear": 0.75, "overcast": 1.0, "cloudy": 0.95, "sunset": 0.5, "dusk": 0.12, "night": 0.006}
"""Mean radiance above the horizon, each direction counted by its solid angle; an overcast day is the unit."""

_DEGREES = 180.0
_BLUR_PX = 1.5  # 0.5 degrees: a lens that is focused on the room


def sky(rng: np.random.Generator, kind: str) -> Texture:
    """A view by direction. kind: one of SKIES. Its mean above the horizon is LEVEL[kind], skyline left out."""
    _, v = coordinates()
    height = (v - 0.5) * _DEGREES
    heaven = _heaven(rng, kind, np.maximum(height, 0))
    weight = (np.cos(np.radians(height)) * (height > 0)).astype(np.float32)
    brightness = (heaven.mean(-1) * weight).sum() / weight.sum()
    heaven = heaven * np.float32(LEVEL[kind] / brightness)
    light = (heaven * weight[..., None]).sum((0, 1)) / weight.sum()
    if kind == "clear":
        light = light + 1.8 * light.mean() * np.array(
            [1.12, 1.0, 0.84], np.float32
        )  # the sun shines on what stands outside
    elif kind == "night":
        light = light + np.array([0.02, 0.014, 0.007], np.float32)  # street lamps
    view = np.where((height > 0)[..., None], heaven, _ground(rng, height, light))
    for layer in range(int(rng.integers(1, 4))):
        view = _skyline(rng, view, height, light, kind, layer)
    return Texture(np.maximum(blurred(np.ascontiguousarray(view, np.float32), _BLUR_PX), 0.0))


def _heaven(rng: np.random.Generator, kind: str, height: Array) -> Array:
    """Radiance of the sky alone, not yet to scale. height: degrees above the horizon, >= 0."""
    up = np.sin(np.radians(height))
    low = np.exp(-height / 14)
    if kind == "overcast":
        veil = 1 + 0.09 * _clouds(rng, height, 2.5)
        tint = np.array([0.97, 1.0, 1.06], np.float32)
        return ((1 + 2 * up) * veil)[..., None] * tint  # CIE overcast sky: three times as bright at the zenith
    if kind in ("clear", "cloudy"):
        blue = mix(_vary(rng, (0.16, 0.33, 0.78)), (0.75, 0.88, 1.02), low)
        if kind == "clear":
            wisps = step(0.4, 2.6, _clouds(rng, height, 3.0))
            return mix(blue, (1.0, 1.02, 1.05), 0.35 * wisps)
        thickness = _clouds(rng, height)
        cover = step(-0.3, 1.5, thickness + rng.uniform(-0.6, 0.7))
        shade = 1.25 - 0.45 * step(0.4, 2.2, thickness)
        return mix(blue, (1.0, 1.0, 1.02), cover) * np.where(cover > 0, 1 + cover * (shade - 1), 1)[..., None]
    if kind == "sunset":
        base = mix(_vary(rng, (0.22, 0.3, 0.55)), _vary(rng, (1.3, 0.62, 0.26)), np.exp(-height / 18))
        streaks = step(0.2, 1.6, _clouds(rng, height, 2.5))
        return mix(base, _vary(rng, (0.95, 0.5, 0.42)), 0.55 * streaks)
    glow = (0.5, 0.42, 0.46) if kind == "dusk" else (0.5, 0.36, 0.24)
    return mix(_vary(rng, (0.12, 0.2, 0.42)), glow, np.exp(-height / 12))


def _clouds(rng: np.random.Generator, height: Array, stretch: float = 1.5) -> Array:
    """Cloud thickness, deviation about 1, flatter near the horizon."""
    field = fractal(rng, 1.9, 110, stretch)
    rows = np.arange(TILE, dtype=np.float32)[:, None].repeat(TILE, 1)
    squeezed = TILE / 2 + 190 * np.sqrt(height / 90)
    columns = np.arange(TILE, dtype=np.float32)[None].repeat(TILE, 0)
    return cv2.remap(field, columns, np.where(height > 0, squeezed, rows).astype(np.float32), cv2.INTER_LINEAR)


def _ground(rng: np.random.Generator, height: Array, light: Array) -> Array:
    """Lawn, garden with shrubs, or street; light: mean radiance of the sky. Darker towards the house's foot."""
    kind = ("grass", "street", "garden")[int(rng.integers(3))]
    grass, paving = _vary(rng, (0.07, 0.11, 0.035)), _vary(rng, (0.17, 0.165, 0.155))
    patches = fractal(rng, 1.3, 60, 1.6)
    share = 0.8 if kind == "garden" else 0.0  # of shrubs
    edge = -float(rng.uniform(12, 30)) + 3 * smooth(rng, 60, 200)
    if kind == "street":
        albedo = mix(grass, paving, step(edge - 1.5, edge + 1.5, height))
    else:
        albedo = mix(grass, _vary(rng, (0.035, 0.055, 0.02)), share * step(-0.3, 1.5, fractal(rng, 2.1, 40, 1.6)))
    albedo = albedo * (1 + 0.1 * patches)[..., None]
    shadow = 0.45 + 0.45 * step(-60, -5, height)
    return albedo * light * shadow[..., None]


def _skyline(rng: np.random.Generator, view: Array, height: Array, light: Array, kind: str, layer: int) -> Array:
    """One row of hills, trees or houses over the view; later layers are nearer, higher and less hazy."""
    sort = ("hills", "trees", "houses", "trees")[int(rng.integers(4))] if layer else "hills"
    haze = 0.75 * np.exp(-0.9 * layer) * (sort == "hills") + 0.12
    horizon = view[TILE // 2 + 3 : TILE // 2 + 9].mean((0, 1))
    if sort == "houses":
        picture, inside = _houses(rng, light, kind, layer)
    else:
        top = _ridge(rng) if sort == "hills" else _crowns(rng)
        leaves = fractal(rng, 1.2, 24)
        ragged = 0.3 * leaves if sort == "hills" else 0.9 * leaves
        foot = -1.5 - 1.5 * layer
        inside = step(0.6, -0.6, height - top - ragged) * step(foot - 0.6, foot, height)
        albedo = np.asarray(_vary(rng, (0.045, 0.075, 0.028)), np.float32)
        dapple = np.exp(0.45 * leaves + 0.3 * np.clip((height - top) / 12, -1, 1))
        picture = albedo * light * 0.7 * dapple[..., None]
    picture = picture + (horizon - picture) * np.float32(haze)
    return mix(view, picture, inside)


def _ridge(rng: np.random.Generator) -> Array:
    """Height of distant hills and woods by direction in degrees, (1, TILE)."""
    line = fractal(rng, 1.6, 170)[:1]
    return np.clip(float(rng.uniform(2, 4)) + 1.1 * line, 1.0, 7.0)


def _crowns(rng: np.random.Generator) -> Array:
    """Height of a row of round trees and bushes by direction in degrees, (1, TILE)."""
    u, _ = coordinates()
    top = np.full(TILE, float(rng.uniform(0.5, 4)), np.float32)
    tallest = float(rng.uniform(7, 24))
    for _ in range(int(rng.integers(10, 34))):
        high = tallest * float(rng.uniform(0.3, 1))
        wide = high * float(rng.uniform(0.25, 0.5)) / _DEGREES
        away = (np.mod(u[0] - rng.uniform() + 0.5, 1) - 0.5) / wide
        top = np.maximum(top, high * (0.45 + 0.55 * np.sqrt(np.maximum(1 - away**2, 0))) * (np.abs(away) < 1))
    return top[None]


def _houses(rng: np.random.Generator, light: Array, kind: str, layer: int) -> tuple[Array, Array]:
    """A broken row of house fronts with roofs and windows: radiance and cover."""
    picture = np.zeros((TILE, TILE, 3), np.float32)
    cover = np.zeros((TILE, TILE), np.uint8)
    px = TILE / _DEGREES
    at = float(rng.uniform(0, 40))
    end = at + TILE - 30 * px / 2
    lit = kind in ("dusk", "night")
    while at < end:
        wide, tall = float(rng.uniform(9, 24)) * px, float(rng.uniform(6, 20)) * px
        front = np.asarray(FRONTS[int(rng.integers(len(FRONTS)))]) * light * rng.uniform(0.45, 0.8)
        roof = np.asarray((0.13, 0.07, 0.05) if rng.random() < 0.5 else (0.07, 0.07, 0.075)) * light * 0.8
        pitch = float(rng.uniform(0, 0.5)) * wide * (rng.random() < 0.7)
        base, top = TILE / 2 - (1.5 + 1.5 * layer) * px, TILE / 2 + tall
        for shift in (0, -TILE):
            x0, x1 = at + shift, at + shift + wide
            _fill(picture, cover, [(x0, base), (x1, base), (x1, top), (x0, top)], front)
            _fill(
                picture,
                cover,
                [(x0 - 3, top), (x1 + 3, top), (x1 - pitch, top + pitch), (x0 + pitch, top + pitch)],
                roof,
            )
            _windows(rng, picture, cover, (x0, x1, TILE / 2, top), light, lit)
        at += wide + (float(rng.uniform(3, 18)) * px if rng.random() < 0.5 else 0.0)
    return picture, (cover > 0).astype(np.float32)


FRONTS: tuple[Color, ...] = (
    (0.6, 0.57, 0.52),
    (0.5, 0.42, 0.3),
    (0.3, 0.14, 0.09),
    (0.35, 0.33, 0.31),
    (0.62, 0.6, 0.58),
)
"""Albedos of rendered, sandstone, brick, concrete and white house fronts."""


def _windows(
    rng: np.random.Generator,
    picture: Array,
    cover: Array,
    box: tuple[float, float, float, float],
    light: Array,
    lit: bool,
) -> None:
    x0, x1, base, top = box
    columns, rows = max(2, round((x1 - x0) / 9)), max(1, round((top - base) / 11))
    for i in range(columns):
        for j in range(rows):
            x, y = x0 + (i + 0.5) * (x1 - x0) / columns, base + (j + 0.5) * (top - base) / rows
            glows = lit and rng.random() < 0.35
            tint = np.asarray((0.35, 0.24, 0.1)) * rng.uniform(0.3, 1) if glows else light * rng.uniform(0.05, 0.2)
            _fill(
                picture, cover, [(x - 1.7, y - 2.6), (x + 1.7, y - 2.6), (x + 1.7, y + 2.6), (x - 1.7, y + 2.6)], tint
            )


def _fill(picture: Array, cover: Array, corners: list[tuple[float, float]], color: Array) -> None:
    points = np.round(np.asarray(corners)).astype(np.int32)
    cv2.fillPoly(picture, [points], tuple(float(c) for c in color))
    cv2.fillPoly(cover, [points], 255)


def _vary(rng: np.random.Generator, color: Color) -> Color:
    r, g, b = np.asarray(color) * np.exp(
        rng.normal(0, 0.03, 3) + rng.normal(0, 0.06) * np.array([1, 0, -1]) + rng.normal(0, 0.12)
    )
    return float(r), float(g), float(b)
