"""Textile textures: carpets, upholstery, curtains, rugs.

Colours are mean albedos, linear sRGB. `carpet` and `fabric` are seamless tiles; a rug texture covers one rug.
"""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.materials import TEXTURE_PX, Color, Texture
from wallpaint.rooms.surfaces.noise import (
    fractal_noise,
    gaussian_noise,
    match_mean,
    mix,
    periodic_blur,
    smoothstep,
    tone_gain,
    uv_grid,
)
from wallpaint.typing import Array

CARPET_METRES = 1.2
FABRIC_METRES = 0.4

CARPETS = ("cut", "loop", "flecked", "sisal")
WEAVES = ("plain", "herringbone", "twill", "boucle", "velvet", "stripes", "check", "melange")
RUGS = ("border", "geometric", "persian", "striped", "shaggy", "berber", "faded", "blocks")


def carpet(rng: np.random.Generator, color: Color, pile: str = "cut") -> Texture:
    """Wall-to-wall carpet; one tile is 1.2 m (CARPET_METRES). pile: one of CARPETS."""
    patches = fractal_noise(rng, 1.4, 260)
    if pile == "sisal":
        tone = 0.16 * _plain_weave(rng, 96, 96) + 0.05 * gaussian_noise(rng, 30, 0.6) + 0.03 * patches
    elif pile == "loop":
        tone = 0.15 * _loop_pile(rng, 96) + 0.05 * gaussian_noise(rng, 1.0) + 0.03 * patches
    else:
        tone = 0.13 * gaussian_noise(rng, 0.8) + 0.07 * gaussian_noise(rng, 2.2) + 0.05 * patches
    image = tone_gain(tone, 0.1)
    if pile == "flecked":
        image *= 1 + np.stack([0.1 * gaussian_noise(rng, 1.1) for _ in range(3)], -1)
    return match_mean(np.clip(image, 0.2, 2.5), color)


def fabric(rng: np.random.Generator, color: Color, second: Color | None = None, weave: str = "plain") -> Texture:
    """Upholstery and curtain fabric; one tile is 0.4 m (FABRIC_METRES). weave: one of WEAVES.

    second: second colour of stripes, checks, herringbone, twill and melange; default: `color` darkened or lightened.
    The mean of such a texture lies between the two colours.
    """
    first = np.asarray(color, np.float32)
    factor = (0.75 if weave == "melange" else 0.6) if first.mean() > 0.15 else 1.5
    other = np.minimum(first * factor, 0.9) if second is None else np.asarray(second, np.float32)
    threads = 160 if weave != "boucle" else 0
    share = _second_color_share(rng, weave)
    if weave == "velvet":
        tone = 0.05 * gaussian_noise(rng, 0.7) + 0.045 * fractal_noise(rng, 1.8, 200)
    elif weave == "boucle":
        curls = gaussian_noise(rng, 2.6)
        tone = 0.16 * np.tanh(curls) - 0.25 * smoothstep(0.9, 2.2, -curls) + 0.05 * gaussian_noise(rng, 0.8)
    else:
        slub = 0.06 * gaussian_noise(rng, 34, 0.7) + 0.06 * gaussian_noise(rng, 0.7, 34)
        tone = 0.09 * _plain_weave(rng, threads, threads) + slub + 0.04 * gaussian_noise(rng, 0.6)
    tone += 0.02 * fractal_noise(rng, 1.3, 200)
    image = mix(first, other, share) * tone_gain(tone, 0.08)
    mean = first + (other - first) * float(share.mean())
    return match_mean(image, (float(mean[0]), float(mean[1]), float(mean[2])))


def rug(
    rng: np.random.Generator, colors: tuple[Color, ...], design: str = "border", width: float = 1.6, length: float = 2.3
) -> Texture:
    """A rug, uv 0..1. design: one of RUGS. width, length: metres along u and v.

    colors: two to five, the ground first, then the motif colours.
    """
    u, v = uv_grid()
    x, y = (u - 0.5) * width, (v - 0.5) * length
    edge = np.minimum(width / 2 - np.abs(x), length / 2 - np.abs(y))
    renderers = {
        "border": _rug_border,
        "geometric": _rug_geometric,
        "striped": _rug_striped,
        "berber": _rug_berber,
        "blocks": _rug_blocks,
    }
    if design in ("persian", "faded"):
        half = slice(TEXTURE_PX // 2)
        quarter = _persian_quarter(rng, colors, x[half, half], y[half, half], edge[half, half])
        left = np.concatenate([quarter, quarter[::-1]], 0)
        image = periodic_blur(np.concatenate([left, left[:, ::-1]], 1), 0.7)
    elif design == "shaggy":
        image = mix(colors[0], colors[-1], 0.12 * smoothstep(-1, 1.5, fractal_noise(rng, 1.2, 120)))
    else:
        image = renderers[design](rng, colors, x, y, edge)
    if design == "faded":
        wear = smoothstep(-0.3, 1.4, fractal_noise(rng, 0.9, 200))
        image = mix(image, np.broadcast_to(image.mean((0, 1)) * 1.3, image.shape), 0.35 + 0.5 * wear)
    rough = 0.17 if design == "shaggy" else 0.09
    length_px = 2.6 if design == "shaggy" else 0.8
    tone = (
        rough * gaussian_noise(rng, length_px, 0.8 * length_px)
        + 0.5 * rough * gaussian_noise(rng, 0.7)
        + 0.04 * gaussian_noise(rng, 90, 1)
    )
    return Texture(np.clip(image * tone_gain(tone, 0.08), 0.005, 0.95).astype(np.float32))


def _second_color_share(rng: np.random.Generator, weave: str) -> Array:
    """Share of the second colour per texel, (TEXTURE_PX, TEXTURE_PX), 0..1."""
    u, v = uv_grid()
    if weave == "herringbone":
        columns = int(rng.integers(6, 11)) * 2
        zigzag = np.abs(np.mod(u * columns, 2) - 1)
        return smoothstep(0.35, 0.65, _cosine_wave(v * 40 + zigzag * 40 / columns))
    if weave == "twill":
        return smoothstep(0.3, 0.7, _cosine_wave((u + v) * int(rng.integers(60, 90))))
    if weave == "stripes":
        count, stripe_share = int(rng.integers(4, 17)), float(rng.uniform(0.15, 0.5))
        return smoothstep(stripe_share + 0.02, stripe_share - 0.02, np.mod(u * count, 1))
    if weave == "check":
        count, stripe_share = int(rng.integers(3, 9)), float(rng.uniform(0.25, 0.5))
        bars = [smoothstep(stripe_share + 0.02, stripe_share - 0.02, np.mod(t * count, 1)) for t in (u, v)]
        return 0.5 * (bars[0] + bars[1])
    if weave == "melange":
        return smoothstep(-0.6, 1.4, gaussian_noise(rng, 7, 0.7) + gaussian_noise(rng, 0.7, 7))
    return np.zeros_like(u)


def _plain_weave(rng: np.random.Generator, across: int, up: int) -> Array:
    """Height of a plain weave with slightly irregular threads, about -1..1."""
    u, v = uv_grid()
    u = u + 0.0008 * gaussian_noise(rng, 1.5, 30)
    v = v + 0.0008 * gaussian_noise(rng, 30, 1.5)
    warp, weft = np.sin(2 * np.pi * u * across / 2), np.sin(2 * np.pi * v * up / 2)
    over = warp * weft > 0
    return np.where(over, 2 * np.abs(warp) - 1, 2 * np.abs(weft) - 1.2).astype(np.float32)


def _loop_pile(rng: np.random.Generator, rows: int) -> Array:
    """Height of a loop pile, about -1..1."""
    u, v = uv_grid()
    u = u + 0.002 * gaussian_noise(rng, 3)
    shift = np.floor(v * rows) % 2 / 2
    return (_cosine_wave(u * rows + shift) + _cosine_wave(v * rows) - 1).astype(np.float32)


def _cosine_wave(turns: Array) -> Array:
    """Raised cosine, 0..1, period 1."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * turns)).astype(np.float32)


def _rug_border(rng: np.random.Generator, colors: tuple[Color, ...], x: Array, y: Array, edge: Array) -> Array:
    start, band_width = float(rng.uniform(0.05, 0.12)), float(rng.uniform(0.02, 0.1))
    inside = smoothstep(start, start + 0.006, edge) * smoothstep(start + band_width + 0.006, start + band_width, edge)
    image = mix(colors[0], colors[1], inside)
    if rng.random() < 0.5:
        line = smoothstep(0.0, 0.005, edge - start - band_width - 0.03) * smoothstep(
            0.02, 0.015, edge - start - band_width - 0.03
        )
        image = mix(image, colors[-1], line)
    return image


def _rug_geometric(rng: np.random.Generator, colors: tuple[Color, ...], x: Array, y: Array, edge: Array) -> Array:
    """Concentric diamonds."""
    cell = float(rng.uniform(0.22, 0.5))
    slope = float(rng.uniform(0.5, 1.0))
    diamond = np.abs(np.mod(x / cell, 1) - 0.5) + np.abs(np.mod(y * slope / cell, 1) - 0.5)
    image = np.broadcast_to(np.asarray(colors[0], np.float32), (TEXTURE_PX, TEXTURE_PX, 3))
    for number, (radius, ring_width) in enumerate(((0.5, 0.05), (0.34, 0.05), (0.14, 0.14))[: int(rng.integers(1, 4))]):
        ring = smoothstep(ring_width, ring_width - 0.02, np.abs(diamond - radius))
        image = mix(image, colors[1 + number % (len(colors) - 1)], ring)
    return image


def _rug_berber(rng: np.random.Generator, colors: tuple[Color, ...], x: Array, y: Array, edge: Array) -> Array:
    """Thin irregular lattice lines on a pale ground."""
    cell = float(rng.uniform(0.35, 0.6))
    jitter = 0.012 * gaussian_noise(rng, 14)
    lines = [np.abs(np.mod((x + s * 0.7 * y + jitter) / cell, 1) - 0.5) * cell for s in (-1, 1)]
    return mix(colors[0], colors[-1], smoothstep(0.016, 0.009, np.minimum(*lines)) * 0.9)


def _rug_striped(rng: np.random.Generator, colors: tuple[Color, ...], x: Array, y: Array, edge: Array) -> Array:
    edges = np.sort(rng.uniform(y.min(), y.max(), int(rng.integers(8, 26))))
    chosen = rng.integers(0, len(colors), len(edges) + 1)
    return np.asarray(colors, np.float32)[chosen[np.searchsorted(edges, y[:, 0])]][:, None].repeat(TEXTURE_PX, 1)


def _rug_blocks(rng: np.random.Generator, colors: tuple[Color, ...], x: Array, y: Array, edge: Array) -> Array:
    """Large overlapping discs and rectangles."""
    image = np.broadcast_to(np.asarray(colors[0], np.float32), (TEXTURE_PX, TEXTURE_PX, 3))
    for number in range(int(rng.integers(3, 6))):
        at = rng.uniform(-0.5, 0.5, 2) * [np.ptp(x), np.ptp(y)]
        size = float(rng.uniform(0.25, 0.6))
        if rng.random() < 0.5:
            inside = smoothstep(size, size - 0.008, np.hypot(x - at[0], y - at[1]))
        else:
            inside = smoothstep(size, size - 0.008, np.maximum(np.abs(x - at[0]), 0.6 * np.abs(y - at[1])))
        image = mix(image, colors[1 + number % (len(colors) - 1)], inside)
    return image


def _persian_quarter(rng: np.random.Generator, colors: tuple[Color, ...], x: Array, y: Array, edge: Array) -> Array:
    """Lower left quarter of a Persian rug: field with arabesques and medallion, main border between two guard bands."""
    ink = colors[1:]
    half = slice(TEXTURE_PX // 2)
    vines = np.abs(gaussian_noise(rng, 7.0)[half, half])
    motifs = gaussian_noise(rng, 5.0)[half, half]
    field = mix(colors[0], ink[0], smoothstep(0.22, 0.1, vines) * 0.8)
    field = mix(field, ink[-1], smoothstep(1.25, 1.4, motifs))
    field = mix(field, ink[len(ink) // 2], smoothstep(1.25, 1.4, -motifs))
    angle = np.arctan2(y, x)
    lobes = 1 + 0.09 * np.cos(12 * angle) + 0.05 * np.cos(4 * angle)
    distance = np.hypot(0.5 * x / x.min(), 0.5 * y / y.min() * 0.85) / lobes
    for number, radius in enumerate((0.27, 0.255, 0.15, 0.14, 0.06)):
        tint = ink[0] if number % 2 == 0 else (ink[-1], colors[0])[number // 2 % 2]
        disc = smoothstep(radius, radius - 0.005, distance)
        layer = mix(tint, ink[len(ink) // 2], smoothstep(0.15, 0.05, vines) * 0.6)
        field = mix(field, layer, disc)
    along = np.where(x - x.min() < y - y.min(), y, x)
    period = 0.16
    rosette = np.hypot(np.mod(along / period, 1) - 0.5, (edge - 0.15) / period)
    border = mix(ink[0], ink[-1], smoothstep(0.42, 0.38, rosette))
    border = mix(border, colors[0], smoothstep(0.22, 0.18, rosette))
    border = mix(border, ink[len(ink) // 2], smoothstep(0.2, 0.1, np.abs(vines)) * (rosette > 0.45))
    guard = mix(ink[-1], colors[0], smoothstep(0.4, 0.6, _cosine_wave(along / 0.05)))
    image = mix(border, field, smoothstep(0.24, 0.244, edge))
    for start in (0.04, 0.225):
        strip = smoothstep(0.0, 0.003, edge - start) * smoothstep(0.028, 0.025, edge - start)
        image = mix(image, guard, strip)
    return mix(image, ink[0], smoothstep(0.03, 0.026, edge))
