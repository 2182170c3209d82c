"""Hard surfaces: wood, planks, tiles, stone, plaster. Each is one seamless tile.

Colours are the mean albedo of the finished tile, linear sRGB. A tile says in metres how much of the surface it shows:
`material` turns that into the repeats a metre that a Material wants. Where wood has a grain it runs along u.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from wallpaint.rooms.materials import TILE, Color, Material, Texture
from wallpaint.rooms.surfaces.noise import (
    balanced,
    band,
    blurred,
    coordinates,
    decoded,
    fractal,
    look_up,
    mix,
    smooth,
    step,
    toned,
    warped,
)
from wallpaint.rooms.surfaces.tilings import Blocks, chevron, courses, herringbone, hexagons
from wallpaint.typing import Array

WOOD_METRES = 1.2
PLANKS_METRES = 2.4
TILES_METRES = 1.2
STONE_METRES = 2.0
PLASTER_METRES = 0.6
"""Side of the square of wall that `plaster_slopes` stands for."""

FIGURES = ("cathedral", "straight", "wavy", "knotty")
LAYOUTS = ("staggered", "narrow", "wide", "half bond", "herringbone", "chevron")
TILINGS = ("square", "metro", "stacked", "large", "hexagon", "checker")
STONES = ("marble", "terrazzo", "concrete", "limestone", "granite")

_BRIGHTEST = 99.8  # percentile of a texture that becomes the albedo of its material, a texel of 1


def material(
    name: str, texture: Texture, metres: float, roughness: float = 0.6, f0: float = 0.04, bump: float = 0.0
) -> Material:
    """A material whose colours are those of the texture, one tile every `metres`.

    Its albedo is the colour of the lightest part of the design; the texels are divided by it.
    """
    albedo = np.clip(np.percentile(texture.texels[::3, ::3], _BRIGHTEST, axis=(0, 1)), 0.01, 1.0)
    texels = np.minimum(texture.texels / albedo.astype(np.float32), 1.0)
    color = (float(albedo[0]), float(albedo[1]), float(albedo[2]))
    repeats = (1 / metres, 1 / metres)
    return Material(name, color, Texture(texels), repeats, roughness=roughness, f0=f0, bump=bump)


def recolored(cloth: Material, name: str, color: Color) -> Material:
    """The same design, and the same texture object, in another mean colour; right for designs of one colour."""
    if cloth.texture is None:
        return replace(cloth, name=name, albedo=color)
    mean = cv2.mean(cloth.texture.texels)
    r, g, b = (min(c / max(m, 1e-3), 1.0) for c, m in zip(color, mean[:3], strict=True))
    return replace(cloth, name=name, albedo=(r, g, b))


def wood(rng: np.random.Generator, color: Color, figure: str = "cathedral", contrast: float = 1.0) -> Texture:
    """Sawn and sanded wood for furniture, 1.2 m (WOOD_METRES); the grain runs along u. figure: one of FIGURES."""
    tone = _grain(rng, figure, TILE / WOOD_METRES)
    return balanced(toned(0.16 * contrast * tone), color)


def planks(
    rng: np.random.Generator, color: Color, layout: str = "staggered", figure: str = "cathedral", contrast: float = 1.0
) -> Texture:
    """A wooden floor, 2.4 m (PLANKS_METRES). layout: one of LAYOUTS; the boards of rows run along u."""
    blocks = _boards(rng, layout)
    grain = _grain(rng, figure, TILE / PLANKS_METRES)
    shift = rng.uniform(0, TILE, (blocks.count, 2)).astype(np.float32)
    column = blocks.along * TILE + blocks.each(shift[:, 0])
    row = blocks.across * TILE + blocks.each(shift[:, 1])
    board = rng.normal(0, 0.13 * contrast, blocks.count).clip(-0.35, 0.3).astype(np.float32)
    warm = rng.normal(0, 0.025 * contrast, (blocks.count, 1)).astype(np.float32) * np.array(
        [1.0, 0.1, -1.0], np.float32
    )
    tone = 0.15 * contrast * look_up(grain, column, row) + blocks.each(board)
    picture = toned(tone) * (1 + blocks.each(warm))
    bevel = step(0.0, 0.004, blocks.edge)
    gap = blocks.joint(float(rng.uniform(0.0012, 0.003)) / PLANKS_METRES)
    picture *= ((0.9 + 0.1 * bevel) * (1 - 0.75 * gap))[..., None]
    return balanced(picture, color)


def boards(
    rng: np.random.Generator, color: Color, count: int, figure: str = "straight", contrast: float = 1.0
) -> Texture:
    """Boards side by side that run along v over the whole tile, 1.2 m (WOOD_METRES): cladding, plywood sheets."""
    u, _ = coordinates()
    number = np.minimum((u * count).astype(np.int32), count - 1)
    inside = u * count - number
    grain = np.ascontiguousarray(_grain(rng, figure, TILE / WOOD_METRES).T)
    shift = rng.uniform(0, TILE, count).astype(np.float32)
    columns = np.arange(TILE, dtype=np.float32)
    tone = look_up(grain, columns[None] + shift[number], columns[:, None] + 3 * shift[number])
    tone = 0.15 * contrast * tone + rng.normal(0, 0.09 * contrast, count).astype(np.float32)[number]
    edge = np.minimum(inside, 1 - inside) / count * WOOD_METRES
    groove = (1 - 0.75 * step(0.004, 0.0015, edge)) * (0.88 + 0.12 * step(0.0, 0.012, edge))
    return balanced(toned(tone) * groove[..., None], color)


def tiles(
    rng: np.random.Generator, color: Color, grout: Color, tiling: str = "square", variation: float = 0.05
) -> Texture:
    """Glazed or stoneware tiles with grout, 1.2 m (TILES_METRES); v is up. color: of the tiles without the grout.

    tiling: one of TILINGS: square 10-20 cm, metro 7.5 x 15-20 cm in half bond, stacked the same without the bond,
    large 40-60 cm, hexagon 13-20 cm, checker in two colours. variation: of tone from tile to tile.
    """
    blocks = _tiling(rng, tiling)
    shade = rng.normal(0, variation, blocks.count).clip(-2 * variation, 2 * variation).astype(np.float32)
    tone = blocks.each(shade) + 0.35 * variation * fractal(rng, 1.6, 80) + 0.012 * fractal(rng, 0.6, 8)
    face = toned(tone, 0.1) * np.asarray(color, np.float32)
    if tiling == "checker":
        side = round(np.sqrt(blocks.count))
        dark = ((blocks.number // side + blocks.number % side) % 2).astype(np.float32)
        other = rng.uniform(0.1, 0.3) if np.mean(color) > 0.2 else rng.uniform(3, 5)
        face = np.minimum(face * (1 + dark[..., None] * np.float32(other - 1)), 0.9)
    width = float(rng.uniform(0.002, 0.0045)) / TILES_METRES
    rim = step(width / 2, width / 2 + 0.004, blocks.edge)
    face = face * (0.9 + 0.1 * rim)[..., None]
    dirt = 1 + 0.1 * fractal(rng, 1.0, 60)
    bed = np.asarray(grout, np.float32) * dirt[..., None]
    return Texture(np.clip(mix(face, bed, blocks.joint(width)), 0, 1).astype(np.float32))


def stone(rng: np.random.Generator, color: Color, kind: str = "marble") -> Texture:
    """Polished or cast stone in one piece, 2.0 m (STONE_METRES). kind: one of STONES."""
    makers = {"marble": _marble, "terrazzo": _terrazzo, "concrete": _concrete, "limestone": _limestone}
    if kind == "granite":
        return _granite(rng, color)
    return makers[kind](rng, color)


def plaster_slopes(rng: np.random.Generator) -> Array:
    """Slopes of painted plaster, (TILE, TILE, 2) float32, d height / du and / dv; periodic, deviation about 1 each.

    One tile is 0.6 m (PLASTER_METRES). The height is roller stipple (2-4 mm) with the longer waves of a trowel, which
    show where light grazes the wall.
    """
    px = TILE / PLASTER_METRES / 1000
    size_mm = float(rng.uniform(1.2, 2.2))
    stipple = smooth(rng, size_mm * px)
    stipple = np.log1p(np.exp(2 * stipple)) * size_mm * px  # round hills, flat valleys
    trowel = smooth(rng, 55 * px, 16 * px) * float(rng.uniform(3, 7)) * px
    mottle = smooth(rng, 9 * px) * float(rng.uniform(1, 3)) * px
    height = stipple + trowel + mottle
    slope = np.stack([np.roll(height, -1, a) - np.roll(height, 1, a) for a in (1, 0)], -1)
    return (slope / slope.std(axis=(0, 1))).astype(np.float32)


def _boards(rng: np.random.Generator, layout: str) -> Blocks:
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
    step_on = rng.permutation(count) * 0.618 + rng.uniform(0, 0.08, count)
    return courses(count, columns, np.mod(step_on, 1) * columns)


def _grain(rng: np.random.Generator, figure: str, px_per_metre: float) -> Array:
    """Tone of bare wood, (TILE, TILE) float32, about -3..2, deviation about 1, the grain along u."""
    px = px_per_metre / 1000
    _, v = coordinates()
    across_mm, bend = {"cathedral": (34, 3.2), "straight": (90, 1.2), "wavy": (60, 1.6), "knotty": (40, 2.4)}[figure]
    rings = bend * smooth(rng, 330 * px, across_mm * px)
    if figure == "straight":
        rings += v * round(TILE / px / rng.uniform(14, 22))
    elif figure == "knotty":
        rings += _knots(rng, px)
    rings += 0.05 * smooth(rng, 60 * px, 3 * px)
    phase = np.mod(rings, 1)
    late = phase**1.6 * step(1.0, 0.86, phase)
    fibre = smooth(rng, 90 * px, max(1.0 * px, 0.55))
    fine = smooth(rng, 16 * px, max(0.5 * px, 0.4))
    pores = np.maximum(fine - 1.0, 0)
    wide = smooth(rng, 260 * px, 22 * px)
    tone = -1.9 * (late - 0.33) + 0.55 * fibre + 0.3 * fine - 0.9 * pores + 0.45 * wide
    if figure == "wavy":
        ripple = np.sin(2 * np.pi * 3 * smooth(rng, 45 * px, 70 * px))
        tone = 0.75 * tone + 0.7 * ripple * step(-1.0, 1.2, smooth(rng, 200 * px, 60 * px))
    return (tone / tone.std()).astype(np.float32)


def _knots(rng: np.random.Generator, px: float) -> Array:
    """What a few branches add to the rings: bumps with a sharp middle."""
    u, v = coordinates()
    added = np.zeros((TILE, TILE), np.float32)
    for _ in range(int(rng.integers(3, 7))):
        at_u, at_v = rng.uniform(0, 1, 2)
        du, dv = (np.mod(u - at_u + 0.5, 1) - 0.5) * TILE, (np.mod(v - at_v + 0.5, 1) - 0.5) * TILE
        size = float(rng.uniform(8, 16)) * px
        far = np.sqrt((du / 1.8) ** 2 + dv**2) / size
        added += 4.0 * np.exp(-far)
    return added


def _tiling(rng: np.random.Generator, tiling: str) -> Blocks:
    if tiling == "hexagon":
        return hexagons(int(rng.choice([6, 7, 8, 9])))
    if tiling in ("metro", "stacked"):
        columns, rows = ((6, 16), (8, 16), (6, 12), (5, 16))[int(rng.integers(4))]
        return courses(rows, columns, np.arange(rows) % 2 / 2 if tiling == "metro" else np.zeros(rows))
    sides = {"square": (6, 8, 12), "large": (2, 3), "checker": (4, 6, 8)}[tiling]
    count = int(rng.choice(sides))
    return courses(count, count, np.zeros(count))


def _marble(rng: np.random.Generator, color: Color) -> Texture:
    """Veins are the zero lines of a bent ramp; they fade in and out."""
    body, fade = fractal(rng, 1.6, 220), fractal(rng, 1.6, 160)
    veins = np.zeros((TILE, TILE), np.float32)
    lean = np.float32(rng.choice([-2, -1, 1, 2]))
    u, v = coordinates()
    for bends, width, depth, share in ((0.17, 0.008, 1.0, 0.0), (0.26, 0.008, 0.6, 0.3), (0.5, 0.02, 0.3, 0.0)):
        line = np.mod(lean * u + v + bends * fractal(rng, 2.3, 300) + rng.uniform(), 1) - 0.5
        strength = step(share - 0.9, share + 1.1, fade if share else -fade)
        veins += depth * strength * np.exp(-np.abs(line) / (width * (0.5 + strength)))
    sign = -1.0 if np.mean(color) > 0.12 else 1.8
    tone = 0.035 * body + sign * (0.55 * veins + 0.25 * blurred(veins, 9))
    return balanced(toned(tone, 0.03), color)


def _terrazzo(rng: np.random.Generator, color: Color) -> Texture:
    """Stone chips, 5 to 50 mm, in a binder; the chips are a little lighter and darker than the mean."""
    mm = TILE / STONE_METRES / 1000
    canvas = np.full((TILE, TILE, 3), 128, np.uint8)
    palette = 128 + rng.normal(0, 42, (6, 1)) + rng.normal(0, 1, (6, 1)) * [14, 2, -12]
    count = 1600
    sizes = np.sort(rng.lognormal(np.log(8), 0.5, count).clip(4, 24))[::-1] * mm
    places = rng.uniform(0, TILE, (count, 2))
    angles = np.sort(rng.uniform(0, 2 * np.pi, (count, 6)), axis=1)
    reach = sizes[:, None] * rng.uniform(0.6, 1.2, (count, 6))
    outlines = places[:, None] + reach[..., None] * np.stack([np.cos(angles), np.sin(angles)], -1)
    tints = palette[rng.integers(0, 6, count)].clip(20, 235)
    for outline, tint in zip(outlines, tints, strict=True):
        for du in _repeats(outline[:, 0]):
            for dv in _repeats(outline[:, 1]):
                points = np.round((outline + np.array([du, dv])) * 16).astype(np.int32)
                cv2.fillPoly(canvas, [points], tuple(float(t) for t in tint), cv2.LINE_AA, 4)
    picture = decoded(canvas) * (1 + 0.04 * fractal(rng, 1.0, 20))[..., None]
    return balanced(picture, color)


def _repeats(places: Array) -> list[int]:
    """Shifts by whole tiles with which an outline also shows on this tile."""
    return [0] + [TILE] * bool(places.min() < 1) + [-TILE] * bool(places.max() > TILE - 1)


def _concrete(rng: np.random.Generator, color: Color) -> Texture:
    """Cast or trowelled concrete: clouds, faint sweeps, a few pits."""
    clouds = fractal(rng, 1.5, 300)
    sweep = warped(smooth(rng, 40, 2.5), 25 * clouds, 40 * smooth(rng, 60))
    grit = fractal(rng, 0.5, 6)
    pits = step(2.9, 3.5, smooth(rng, 1.1))
    return balanced(toned(0.085 * clouds + 0.02 * sweep + 0.025 * grit - 0.4 * pits, 0.06), color)


def _limestone(rng: np.random.Generator, color: Color) -> Texture:
    """Layered sediment: stretched clouds with small fossils' specks."""
    layers = fractal(rng, 1.3, 260, 4.0)
    specks = step(1.8, 2.6, smooth(rng, 1.6, 1.2)) - step(2.0, 2.8, smooth(rng, 1.3))
    return balanced(toned(0.07 * layers + 0.1 * specks + 0.02 * fractal(rng, 0.4, 5), 0.2), color)


def _granite(rng: np.random.Generator, color: Color) -> Texture:
    """Crystals of three minerals of a few millimetres."""
    dark = step(0.75, 1.1, smooth(rng, 1.0))
    light = step(0.5, 1.0, band(rng, 7, 0.4))
    tone = -0.7 * dark + 0.35 * light + 0.06 * fractal(rng, 1.4, 200)
    return balanced(toned(tone, 0.08), color)
