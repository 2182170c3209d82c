"""Soft surfaces: carpets, upholstery, curtains, rugs.

Colours are mean albedos, linear sRGB. `carpet` and `fabric` are seamless tiles; a rug's tile is the whole rug, uv 0..1.
"""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.materials import TILE, Color, Texture
from wallpaint.rooms.surfaces.noise import balanced, blurred, coordinates, fractal, mix, smooth, step, toned
from wallpaint.typing import Array

CARPET_METRES = 1.2
FABRIC_METRES = 0.4

CARPETS = ("cut", "loop", "flecked", "sisal")
WEAVES = ("plain", "herringbone", "twill", "boucle", "velvet", "stripes", "check", "melange")
RUGS = ("border", "geometric", "persian", "striped", "shaggy", "berber", "faded", "blocks")


def carpet(rng: np.random.Generator, color: Color, pile: str = "cut") -> Texture:
    """Wall-to-wall carpet, 1.2 m (CARPET_METRES). pile: one of CARPETS."""
    patches = fractal(rng, 1.4, 260)
    if pile == "sisal":
        tone = 0.16 * _threads(rng, 96, 96) + 0.05 * smooth(rng, 30, 0.6) + 0.03 * patches
    elif pile == "loop":
        tone = 0.15 * _loops(rng, 96) + 0.05 * smooth(rng, 1.0) + 0.03 * patches
    else:
        tone = 0.13 * smooth(rng, 0.8) + 0.07 * smooth(rng, 2.2) + 0.05 * patches
    picture = toned(tone, 0.1)
    if pile == "flecked":
        picture *= 1 + np.stack([0.1 * smooth(rng, 1.1) for _ in range(3)], -1)
    return balanced(np.clip(picture, 0.2, 2.5), color)


def fabric(rng: np.random.Generator, color: Color, second: Color | None = None, weave: str = "plain") -> Texture:
    """Upholstery and curtain cloth, 0.4 m (FABRIC_METRES). weave: one of WEAVES.

    second: the other colour of stripes, checks, herringbone and melange; a darker or lighter first where not given.
    Its mean lies between the two.
    """
    first = np.asarray(color, np.float32)
    factor = (0.75 if weave == "melange" else 0.6) if first.mean() > 0.15 else 1.5
    other = np.minimum(first * factor, 0.9) if second is None else np.asarray(second, np.float32)
    threads = 160 if weave != "boucle" else 0
    share = _shares(rng, weave)
    if weave == "velvet":
        tone = 0.05 * smooth(rng, 0.7) + 0.045 * fractal(rng, 1.8, 200)
    elif weave == "boucle":
        curls = smooth(rng, 2.6)
        tone = 0.16 * np.tanh(curls) - 0.25 * step(0.9, 2.2, -curls) + 0.05 * smooth(rng, 0.8)
    else:
        slub = 0.06 * smooth(rng, 34, 0.7) + 0.06 * smooth(rng, 0.7, 34)
        tone = 0.09 * _threads(rng, threads, threads) + slub + 0.04 * smooth(rng, 0.6)
    tone += 0.02 * fractal(rng, 1.3, 200)
    picture = mix(first, other, share) * toned(tone, 0.08)
    mean = first + (other - first) * float(share.mean())
    return balanced(picture, (float(mean[0]), float(mean[1]), float(mean[2])))


def rug(
    rng: np.random.Generator, colors: tuple[Color, ...], design: str = "border", width: float = 1.6, length: float = 2.3
) -> Texture:
    """A whole rug, uv 0..1. design: one of RUGS. width, length: metres along u and v, so that motifs keep their shape.

    colors: two to five, the ground first, then what is drawn on it.
    """
    u, v = coordinates()
    x, y = (u - 0.5) * width, (v - 0.5) * length
    edge = np.minimum(width / 2 - np.abs(x), length / 2 - np.abs(y))
    makers = {
        "border": _rug_border,
        "geometric": _rug_geometric,
        "striped": _rug_striped,
        "berber": _rug_berber,
        "blocks": _rug_blocks,
    }
    if design in ("persian", "faded"):
        half = slice(TILE // 2)
        quarter = _persian_quarter(rng, colors, x[half, half], y[half, half], edge[half, half])
        left = np.concatenate([quarter, quarter[::-1]], 0)
        picture = blurred(np.concatenate([left, left[:, ::-1]], 1), 0.7)
    elif design == "shaggy":
        picture = mix(colors[0], colors[-1], 0.12 * step(-1, 1.5, fractal(rng, 1.2, 120)))
    else:
        picture = makers[design](rng, colors, x, y, edge)
    if design == "faded":
        worn = step(-0.3, 1.4, fractal(rng, 0.9, 200))
        picture = mix(picture, np.broadcast_to(picture.mean((0, 1)) * 1.3, picture.shape), 0.35 + 0.5 * worn)
    rough = 0.17 if design == "shaggy" else 0.09
    length_px = 2.6 if design == "shaggy" else 0.8
    tone = rough * smooth(rng, length_px, 0.8 * length_px) + 0.5 * rough * smooth(rng, 0.7) + 0.04 * smooth(rng, 90, 1)
    return Texture(np.clip(picture * toned(tone, 0.08), 0.005, 0.95).astype(np.float32))


def _shares(rng: np.random.Generator, weave: str) -> Array:
    """How much of the second colour shows where."""
    u, v = coordinates()
    if weave == "herringbone":
        columns = int(rng.integers(6, 11)) * 2
        zigzag = np.abs(np.mod(u * columns, 2) - 1)
        return step(0.35, 0.65, _wave(v * 40 + zigzag * 40 / columns))
    if weave == "twill":
        return step(0.3, 0.7, _wave((u + v) * int(rng.integers(60, 90))))
    if weave == "stripes":
        count, part = int(rng.integers(4, 17)), float(rng.uniform(0.15, 0.5))
        return step(part + 0.02, part - 0.02, np.mod(u * count, 1))
    if weave == "check":
        count, part = int(rng.integers(3, 9)), float(rng.uniform(0.25, 0.5))
        bars = [step(part + 0.02, part - 0.02, np.mod(t * count, 1)) for t in (u, v)]
        return 0.5 * (bars[0] + bars[1])
    if weave == "melange":
        return step(-0.6, 1.4, smooth(rng, 7, 0.7) + smooth(rng, 0.7, 7))
    return np.zeros_like(u)


def _threads(rng: np.random.Generator, across: int, up: int) -> Array:
    """Over and under of a plain weave, about -1..1, whose threads wander a little."""
    u, v = coordinates()
    u = u + 0.0008 * smooth(rng, 1.5, 30)
    v = v + 0.0008 * smooth(rng, 30, 1.5)
    warp, weft = np.sin(2 * np.pi * u * across / 2), np.sin(2 * np.pi * v * up / 2)
    over = warp * weft > 0
    return np.where(over, 2 * np.abs(warp) - 1, 2 * np.abs(weft) - 1.2).astype(np.float32)


def _loops(rng: np.random.Generator, rows: int) -> Array:
    """Rows of little loops, about -1..1."""
    u, v = coordinates()
    u = u + 0.002 * smooth(rng, 3)
    shift = np.floor(v * rows) % 2 / 2
    return (_wave(u * rows + shift) + _wave(v * rows) - 1).astype(np.float32)


def _wave(turns: Array) -> Array:
    """0..1, one wave a turn."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * turns)).astype(np.float32)


def _rug_border(rng: np.random.Generator, colors: tuple[Color, ...], x: Array, y: Array, edge: Array) -> Array:
    start, wide = float(rng.uniform(0.05, 0.12)), float(rng.uniform(0.02, 0.1))
    inside = step(start, start + 0.006, edge) * step(start + wide + 0.006, start + wide, edge)
    picture = mix(colors[0], colors[1], inside)
    if rng.random() < 0.5:
        line = step(0.0, 0.005, edge - start - wide - 0.03) * step(0.02, 0.015, edge - start - wide - 0.03)
        picture = mix(picture, colors[-1], line)
    return picture


def _rug_geometric(rng: np.random.Generator, colors: tuple[Color, ...], x: Array, y: Array, edge: Array) -> Array:
    """Diamonds in diamonds."""
    cell = float(rng.uniform(0.22, 0.5))
    slope = float(rng.uniform(0.5, 1.0))
    diamond = np.abs(np.mod(x / cell, 1) - 0.5) + np.abs(np.mod(y * slope / cell, 1) - 0.5)
    picture = np.broadcast_to(np.asarray(colors[0], np.float32), (TILE, TILE, 3))
    for number, (radius, wide) in enumerate(((0.5, 0.05), (0.34, 0.05), (0.14, 0.14))[: int(rng.integers(1, 4))]):
        ring = step(wide, wide - 0.02, np.abs(diamond - radius))
        picture = mix(picture, colors[1 + number % (len(colors) - 1)], ring)
    return picture


def _rug_berber(rng: np.random.Generator, colors: tuple[Color, ...], x: Array, y: Array, edge: Array) -> Array:
    """Thin dark lattice lines, hand-drawn, on a pale ground."""
    cell = float(rng.uniform(0.35, 0.6))
    shaky = 0.012 * smooth(rng, 14)
    lines = [np.abs(np.mod((x + s * 0.7 * y + shaky) / cell, 1) - 0.5) * cell for s in (-1, 1)]
    return mix(colors[0], colors[-1], step(0.016, 0.009, np.minimum(*lines)) * 0.9)


def _rug_striped(rng: np.random.Generator, colors: tuple[Color, ...], x: Array, y: Array, edge: Array) -> Array:
    edges = np.sort(rng.uniform(y.min(), y.max(), int(rng.integers(8, 26))))
    chosen = rng.integers(0, len(colors), len(edges) + 1)
    return np.asarray(colors, np.float32)[chosen[np.searchsorted(edges, y[:, 0])]][:, None].repeat(TILE, 1)


def _rug_blocks(rng: np.random.Generator, colors: tuple[Color, ...], x: Array, y: Array, edge: Array) -> Array:
    """Large overlapping arcs and rectangles, as modern rugs have."""
    picture = np.broadcast_to(np.asarray(colors[0], np.float32), (TILE, TILE, 3))
    for number in range(int(rng.integers(3, 6))):
        at = rng.uniform(-0.5, 0.5, 2) * [np.ptp(x), np.ptp(y)]
        size = float(rng.uniform(0.25, 0.6))
        if rng.random() < 0.5:
            inside = step(size, size - 0.008, np.hypot(x - at[0], y - at[1]))
        else:
            inside = step(size, size - 0.008, np.maximum(np.abs(x - at[0]), 0.6 * np.abs(y - at[1])))
        picture = mix(picture, colors[1 + number % (len(colors) - 1)], inside)
    return picture


def _persian_quarter(rng: np.random.Generator, colors: tuple[Color, ...], x: Array, y: Array, edge: Array) -> Array:
    """Field with arabesques and a medallion, main border between two guards: the lower left quarter of a rug."""
    ink = colors[1:]
    half = slice(TILE // 2)
    vines = np.abs(smooth(rng, 7.0)[half, half])
    motifs = smooth(rng, 5.0)[half, half]
    field = mix(colors[0], ink[0], step(0.22, 0.1, vines) * 0.8)
    field = mix(field, ink[-1], step(1.25, 1.4, motifs))
    field = mix(field, ink[len(ink) // 2], step(1.25, 1.4, -motifs))
    angle = np.arctan2(y, x)
    lobes = 1 + 0.09 * np.cos(12 * angle) + 0.05 * np.cos(4 * angle)
    far = np.hypot(0.5 * x / x.min(), 0.5 * y / y.min() * 0.85) / lobes
    for number, radius in enumerate((0.27, 0.255, 0.15, 0.14, 0.06)):
        tint = ink[0] if number % 2 == 0 else (ink[-1], colors[0])[number // 2 % 2]
        disc = step(radius, radius - 0.005, far)
        layer = mix(tint, ink[len(ink) // 2], step(0.15, 0.05, vines) * 0.6)
        field = mix(field, layer, disc)
    along = np.where(x - x.min() < y - y.min(), y, x)
    period = 0.16
    rosette = np.hypot(np.mod(along / period, 1) - 0.5, (edge - 0.15) / period)
    border = mix(ink[0], ink[-1], step(0.42, 0.38, rosette))
    border = mix(border, colors[0], step(0.22, 0.18, rosette))
    border = mix(border, ink[len(ink) // 2], step(0.2, 0.1, np.abs(vines)) * (rosette > 0.45))
    guard = mix(ink[-1], colors[0], step(0.4, 0.6, _wave(along / 0.05)))
    picture = mix(border, field, step(0.24, 0.244, edge))
    for start in (0.04, 0.225):
        strip = step(0.0, 0.003, edge - start) * step(0.028, 0.025, edge - start)
        picture = mix(picture, guard, strip)
    return mix(picture, ink[0], step(0.03, 0.026, edge))
