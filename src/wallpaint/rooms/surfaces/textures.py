"""Seamless textures of hard surfaces: wood, planks, tiles, stone, plaster.

Colours are the mean albedo of the texture, linear sRGB. The size of a texture in metres is a constant `*_METRES`, which
`tiled_material` converts to repeats per metre. Wood grain runs along u.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from wallpaint.rooms.materials import TEXTURE_PX, Color, Material, Texture
from wallpaint.rooms.surfaces.noise import (
    bandpass_noise,
    decode_srgb,
    fractal_noise,
    gaussian_noise,
    match_mean,
    mix,
    periodic_blur,
    sample_periodic,
    smoothstep,
    tone_gain,
    uv_grid,
    warp,
)
from wallpaint.rooms.surfaces.tilings import BlockLayout, chevron, courses, herringbone, hexagons
from wallpaint.typing import Array

WOOD_METRES = 1.2
PLANKS_METRES = 2.4
TILES_METRES = 1.2
STONE_METRES = 2.0
PLASTER_METRES = 0.6
"""Side in metres of the square of wall that `plaster_slopes` covers."""

WOOD_FIGURES = ("cathedral", "straight", "wavy", "knotty")
PLANK_LAYOUTS = ("staggered", "narrow", "wide", "half bond", "herringbone", "chevron")
TILINGS = ("square", "metro", "stacked", "large", "hexagon", "checker")
STONE_TYPES = ("marble", "terrazzo", "concrete", "limestone", "granite")

_BRIGHTEST = 99.8  # percentile of the texture that becomes the material's albedo; texels are relative to it


def tiled_material(
    name: str, texture: Texture, metres: float, roughness: float = 0.6, f0: float = 0.04, bump: float = 0.0
) -> Material:
    """A material with the colours of a texture, one repeat every `metres`.

    Its albedo is the lightest colour of the texture; the texels are divided by it.
    """
    albedo = np.clip(np.percentile(texture.texels[::3, ::3], _BRIGHTEST, axis=(0, 1)), 0.01, 1.0)
    texels = np.minimum(texture.texels / albedo.astype(np.float32), 1.0)
    color = (float(albedo[0]), float(albedo[1]), float(albedo[2]))
    repeats = (1 / metres, 1 / metres)
    return Material(name, color, Texture(texels), repeats, roughness=roughness, f0=f0, bump=bump)


def recolored(cloth: Material, name: str, color: Color) -> Material:
    """The same material with another mean colour. Shares the texture object; meant for single-colour designs."""
    if cloth.texture is None:
        return replace(cloth, name=name, albedo=color)
    mean = cv2.mean(cloth.texture.texels)
    r, g, b = (min(c / max(m, 1e-3), 1.0) for c, m in zip(color, mean[:3], strict=True))
    return replace(cloth, name=name, albedo=(r, g, b))


def wood(rng: np.random.Generator, color: Color, figure: str = "cathedral", contrast: float = 1.0) -> Texture:
    """Furniture wood; one tile is 1.2 m (WOOD_METRES). The grain runs along u. figure: one of WOOD_FIGURES."""
    tone = _wood_grain(rng, figure, TEXTURE_PX / WOOD_METRES)
    return match_mean(tone_gain(0.16 * contrast * tone), color)


def planks(
    rng: np.random.Generator, color: Color, layout: str = "staggered", figure: str = "cathedral", contrast: float = 1.0
) -> Texture:
    """A wooden floor; one tile is 2.4 m (PLANKS_METRES). layout: one of PLANK_LAYOUTS; rows of boards run along u."""
    blocks = _plank_layout(rng, layout)
    grain = _wood_grain(rng, figure, TEXTURE_PX / PLANKS_METRES)
    shift = rng.uniform(0, TEXTURE_PX, (blocks.count, 2)).astype(np.float32)
    column = blocks.along * TEXTURE_PX + blocks.per_block(shift[:, 0])
    row = blocks.across * TEXTURE_PX + blocks.per_block(shift[:, 1])
    board = rng.normal(0, 0.13 * contrast, blocks.count).clip(-0.35, 0.3).astype(np.float32)
    warm = rng.normal(0, 0.025 * contrast, (blocks.count, 1)).astype(np.float32) * np.array(
        [1.0, 0.1, -1.0], np.float32
    )
    tone = 0.15 * contrast * sample_periodic(grain, column, row) + blocks.per_block(board)
    image = tone_gain(tone) * (1 + blocks.per_block(warm))
    bevel = smoothstep(0.0, 0.004, blocks.edge_distance)
    gap = blocks.joint_mask(float(rng.uniform(0.0012, 0.003)) / PLANKS_METRES)
    image *= ((0.9 + 0.1 * bevel) * (1 - 0.75 * gap))[..., None]
    return match_mean(image, color)


def boards(
    rng: np.random.Generator, color: Color, count: int, figure: str = "straight", contrast: float = 1.0
) -> Texture:
    """`count` parallel boards along v; one tile is 1.2 m (WOOD_METRES). For cladding."""
    u, _ = uv_grid()
    board_index = np.minimum((u * count).astype(np.int32), count - 1)
    inside = u * count - board_index
    grain = np.ascontiguousarray(_wood_grain(rng, figure, TEXTURE_PX / WOOD_METRES).T)
    shift = rng.uniform(0, TEXTURE_PX, count).astype(np.float32)
    columns = np.arange(TEXTURE_PX, dtype=np.float32)
    tone = sample_periodic(grain, columns[None] + shift[board_index], columns[:, None] + 3 * shift[board_index])
    tone = 0.15 * contrast * tone + rng.normal(0, 0.09 * contrast, count).astype(np.float32)[board_index]
    edge = np.minimum(inside, 1 - inside) / count * WOOD_METRES
    groove = (1 - 0.75 * smoothstep(0.004, 0.0015, edge)) * (0.88 + 0.12 * smoothstep(0.0, 0.012, edge))
    return match_mean(tone_gain(tone) * groove[..., None], color)


def tiles(
    rng: np.random.Generator, color: Color, grout: Color, tiling: str = "square", variation: float = 0.05
) -> Texture:
    """Glazed or stoneware tiles with grout, 1.2 m (TILES_METRES); v is up. color: of the tiles without the grout.

    tiling: one of TILINGS: square 10-20 cm, metro 7.5 x 15-20 cm in half bond, stacked the same without the bond,
    large 40-60 cm, hexagon 13-20 cm, checker in two colours. variation: of tone from tile to tile.
    """
    blocks = _tile_layout(rng, tiling)
    tile_tone = rng.normal(0, variation, blocks.count).clip(-2 * variation, 2 * variation).astype(np.float32)
    tone = (
        blocks.per_block(tile_tone)
        + 0.35 * variation * fractal_noise(rng, 1.6, 80)
        + 0.012 * fractal_noise(rng, 0.6, 8)
    )
    face = tone_gain(tone, 0.1) * np.asarray(color, np.float32)
    if tiling == "checker":
        side = round(np.sqrt(blocks.count))
        dark = ((blocks.block_index // side + blocks.block_index % side) % 2).astype(np.float32)
        other = rng.uniform(0.1, 0.3) if np.mean(color) > 0.2 else rng.uniform(3, 5)
        face = np.minimum(face * (1 + dark[..., None] * np.float32(other - 1)), 0.9)
    width = float(rng.uniform(0.002, 0.0045)) / TILES_METRES
    rim = smoothstep(width / 2, width / 2 + 0.004, blocks.edge_distance)
    face = face * (0.9 + 0.1 * rim)[..., None]
    dirt = 1 + 0.1 * fractal_noise(rng, 1.0, 60)
    bed = np.asarray(grout, np.float32) * dirt[..., None]
    return Texture(np.clip(mix(face, bed, blocks.joint_mask(width)), 0, 1).astype(np.float32))


def stone(rng: np.random.Generator, color: Color, stone_type: str = "marble") -> Texture:
    """Seamless polished or cast stone; one tile is 2.0 m (STONE_METRES). stone_type: one of STONE_TYPES."""
    stone_builders = {"marble": _marble, "terrazzo": _terrazzo, "concrete": _concrete, "limestone": _limestone}
    if stone_type == "granite":
        return _granite(rng, color)
    return stone_builders[stone_type](rng, color)


def plaster_slopes(rng: np.random.Generator) -> Array:
    """Slopes of painted plaster, d height / du and / dv, (TEXTURE_PX, TEXTURE_PX, 2) float32.

    Both are periodic with standard deviation 1.
    One tile is 0.6 m (PLASTER_METRES). The height is roller stipple (2-4 mm) with the longer waves of a trowel, which
    show where light grazes the wall.
    """
    px_per_mm = TEXTURE_PX / PLASTER_METRES / 1000
    size_mm = float(rng.uniform(1.2, 2.2))
    stipple = gaussian_noise(rng, size_mm * px_per_mm)
    stipple = np.log1p(np.exp(2 * stipple)) * size_mm * px_per_mm  # softplus: round hills, flat valleys
    trowel = gaussian_noise(rng, 55 * px_per_mm, 16 * px_per_mm) * float(rng.uniform(3, 7)) * px_per_mm
    mottle = gaussian_noise(rng, 9 * px_per_mm) * float(rng.uniform(1, 3)) * px_per_mm
    height = stipple + trowel + mottle
    slope = np.stack([np.roll(height, -1, a) - np.roll(height, 1, a) for a in (1, 0)], -1)
    return (slope / slope.std(axis=(0, 1))).astype(np.float32)


def _plank_layout(rng: np.random.Generator, layout: str) -> BlockLayout:
    if layout == "herringbone":
        length, repeats = ((5, 4), (4, 4), (6, 3), (5, 3))[int(rng.integers(4))]
        return herringbone(length, repeats)
    if layout == "chevron":
        return chevron(int(rng.integers(2, 4)), int(rng.integers(16, 25)), float(rng.uniform(0.7, 1.0)))
    rows = {"narrow": (26, 36), "wide": (10, 13), "half bond": (16, 20)}.get(layout, (13, 19))
    count = int(rng.integers(*rows))
    columns = 3 if layout == "narrow" else 2
    if layout == "half bond":
        count += count % 2
        return courses(count, columns, np.arange(count) % 2 / 2)
    offsets = rng.permutation(count) * 0.618 + rng.uniform(0, 0.08, count)
    return courses(count, columns, np.mod(offsets, 1) * columns)


def _wood_grain(rng: np.random.Generator, figure: str, px_per_metre: float) -> Array:
    """Log tone of bare wood, (TEXTURE_PX, TEXTURE_PX) float32, about -3..2, standard deviation 1, grain along u."""
    px_per_mm = px_per_metre / 1000
    _, v = uv_grid()
    across_mm, bend = {"cathedral": (34, 3.2), "straight": (90, 1.2), "wavy": (60, 1.6), "knotty": (40, 2.4)}[figure]
    rings = bend * gaussian_noise(rng, 330 * px_per_mm, across_mm * px_per_mm)
    if figure == "straight":
        rings += v * round(TEXTURE_PX / px_per_mm / rng.uniform(14, 22))
    elif figure == "knotty":
        rings += _knots(rng, px_per_mm)
    rings += 0.05 * gaussian_noise(rng, 60 * px_per_mm, 3 * px_per_mm)
    phase = np.mod(rings, 1)
    latewood = phase**1.6 * smoothstep(1.0, 0.86, phase)
    fibre = gaussian_noise(rng, 90 * px_per_mm, max(1.0 * px_per_mm, 0.55))
    fine_fibre = gaussian_noise(rng, 16 * px_per_mm, max(0.5 * px_per_mm, 0.4))
    pores = np.maximum(fine_fibre - 1.0, 0)
    bands = gaussian_noise(rng, 260 * px_per_mm, 22 * px_per_mm)
    tone = -1.9 * (latewood - 0.33) + 0.55 * fibre + 0.3 * fine_fibre - 0.9 * pores + 0.45 * bands
    if figure == "wavy":
        ripple = np.sin(2 * np.pi * 3 * gaussian_noise(rng, 45 * px_per_mm, 70 * px_per_mm))
        tone = 0.75 * tone + 0.7 * ripple * smoothstep(-1.0, 1.2, gaussian_noise(rng, 200 * px_per_mm, 60 * px_per_mm))
    return (tone / tone.std()).astype(np.float32)


def _knots(rng: np.random.Generator, px_per_mm: float) -> Array:
    """Growth ring offsets of a few knots: exponential bumps, (TEXTURE_PX, TEXTURE_PX)."""
    u, v = uv_grid()
    rings = np.zeros((TEXTURE_PX, TEXTURE_PX), np.float32)
    for _ in range(int(rng.integers(3, 7))):
        at_u, at_v = rng.uniform(0, 1, 2)
        du, dv = (np.mod(u - at_u + 0.5, 1) - 0.5) * TEXTURE_PX, (np.mod(v - at_v + 0.5, 1) - 0.5) * TEXTURE_PX
        size = float(rng.uniform(8, 16)) * px_per_mm
        distance = np.sqrt((du / 1.8) ** 2 + dv**2) / size
        rings += 4.0 * np.exp(-distance)
    return rings


def _tile_layout(rng: np.random.Generator, tiling: str) -> BlockLayout:
    if tiling == "hexagon":
        return hexagons(int(rng.choice([6, 7, 8, 9])))
    if tiling in ("metro", "stacked"):
        columns, rows = ((6, 16), (8, 16), (6, 12), (5, 16))[int(rng.integers(4))]
        return courses(rows, columns, np.arange(rows) % 2 / 2 if tiling == "metro" else np.zeros(rows))
    sides = {"square": (6, 8, 12), "large": (2, 3), "checker": (4, 6, 8)}[tiling]
    count = int(rng.choice(sides))
    return courses(count, count, np.zeros(count))


def _marble(rng: np.random.Generator, color: Color) -> Texture:
    """Marble; veins are zero crossings of a warped ramp, with varying strength."""
    body, fade = fractal_noise(rng, 1.6, 220), fractal_noise(rng, 1.6, 160)
    veins = np.zeros((TEXTURE_PX, TEXTURE_PX), np.float32)
    slope = np.float32(rng.choice([-2, -1, 1, 2]))
    u, v = uv_grid()
    for bends, width, depth, share in ((0.17, 0.008, 1.0, 0.0), (0.26, 0.008, 0.6, 0.3), (0.5, 0.02, 0.3, 0.0)):
        line = np.mod(slope * u + v + bends * fractal_noise(rng, 2.3, 300) + rng.uniform(), 1) - 0.5
        strength = smoothstep(share - 0.9, share + 1.1, fade if share else -fade)
        veins += depth * strength * np.exp(-np.abs(line) / (width * (0.5 + strength)))
    sign = -1.0 if np.mean(color) > 0.12 else 1.8
    tone = 0.035 * body + sign * (0.55 * veins + 0.25 * periodic_blur(veins, 9))
    return match_mean(tone_gain(tone, 0.03), color)


def _terrazzo(rng: np.random.Generator, color: Color) -> Texture:
    """Terrazzo: stone chips of 5 to 50 mm, lighter and darker than the binder."""
    px_per_mm = TEXTURE_PX / STONE_METRES / 1000
    canvas = np.full((TEXTURE_PX, TEXTURE_PX, 3), 128, np.uint8)
    palette = 128 + rng.normal(0, 42, (6, 1)) + rng.normal(0, 1, (6, 1)) * [14, 2, -12]
    count = 1600
    sizes = np.sort(rng.lognormal(np.log(8), 0.5, count).clip(4, 24))[::-1] * px_per_mm
    centers = rng.uniform(0, TEXTURE_PX, (count, 2))
    angles = np.sort(rng.uniform(0, 2 * np.pi, (count, 6)), axis=1)
    reach = sizes[:, None] * rng.uniform(0.6, 1.2, (count, 6))
    outlines = centers[:, None] + reach[..., None] * np.stack([np.cos(angles), np.sin(angles)], -1)
    tints = palette[rng.integers(0, 6, count)].clip(20, 235)
    for outline, tint in zip(outlines, tints, strict=True):
        for du in _wrap_offsets(outline[:, 0]):
            for dv in _wrap_offsets(outline[:, 1]):
                points = np.round((outline + np.array([du, dv])) * 16).astype(np.int32)
                cv2.fillPoly(canvas, [points], tuple(float(t) for t in tint), cv2.LINE_AA, 4)
    image = decode_srgb(canvas) * (1 + 0.04 * fractal_noise(rng, 1.0, 20))[..., None]
    return match_mean(image, color)


def _wrap_offsets(coordinates: Array) -> list[int]:
    """Tile offsets (0, +-TEXTURE_PX) at which an outline overlaps the tile."""
    return [0] + [TEXTURE_PX] * bool(coordinates.min() < 1) + [-TEXTURE_PX] * bool(coordinates.max() > TEXTURE_PX - 1)


def _concrete(rng: np.random.Generator, color: Color) -> Texture:
    """Cast or trowelled concrete: cloudiness, trowel marks, pits."""
    clouds = fractal_noise(rng, 1.5, 300)
    sweep = warp(gaussian_noise(rng, 40, 2.5), 25 * clouds, 40 * gaussian_noise(rng, 60))
    grit = fractal_noise(rng, 0.5, 6)
    pits = smoothstep(2.9, 3.5, gaussian_noise(rng, 1.1))
    return match_mean(tone_gain(0.085 * clouds + 0.02 * sweep + 0.025 * grit - 0.4 * pits, 0.06), color)


def _limestone(rng: np.random.Generator, color: Color) -> Texture:
    """Limestone: layered sediment with small specks."""
    layers = fractal_noise(rng, 1.3, 260, 4.0)
    specks = smoothstep(1.8, 2.6, gaussian_noise(rng, 1.6, 1.2)) - smoothstep(2.0, 2.8, gaussian_noise(rng, 1.3))
    return match_mean(tone_gain(0.07 * layers + 0.1 * specks + 0.02 * fractal_noise(rng, 0.4, 5), 0.2), color)


def _granite(rng: np.random.Generator, color: Color) -> Texture:
    """Granite: crystals of a few millimetres in three tones."""
    dark = smoothstep(0.75, 1.1, gaussian_noise(rng, 1.0))
    light = smoothstep(0.5, 1.0, bandpass_noise(rng, 7, 0.4))
    tone = -0.7 * dark + 0.35 * light + 0.06 * fractal_noise(rng, 1.4, 200)
    return match_mean(tone_gain(tone, 0.08), color)
