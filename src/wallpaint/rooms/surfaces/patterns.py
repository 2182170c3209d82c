"""Wall coverings other than plain paint: wallpaper, brick, boards, tiles, plaster effects.

`TRAIN_PATTERNS` appear in training and validation rooms, `HELD_OUT_PATTERNS` in test rooms only; the latter have other
motifs for each type of covering. uv in metres, v is up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from wallpaint.imaging.color import linear_to_lab, linear_to_srgb
from wallpaint.rooms.materials import TEXTURE_PX, Color, Material, Texture, to_color
from wallpaint.rooms.surfaces import paints, textures
from wallpaint.rooms.surfaces.images import Rgb, fill_polygon, leaf_outline
from wallpaint.rooms.surfaces.noise import (
    decode_srgb,
    fractal_noise,
    gaussian_noise,
    match_mean,
    mix,
    periodic_blur,
    smoothstep,
    tone_gain,
    uv_grid,
    warp,
)
from wallpaint.rooms.surfaces.tilings import courses
from wallpaint.typing import Array

PaperColors = tuple[Array, Array, Array]

BRICK_METRES = 1.0
LIMEWASH_METRES = 3.0


@dataclass(frozen=True)
class WallPattern:
    """name: a key of TRAIN_PATTERNS or HELD_OUT_PATTERNS. material: for an entire wall, wall=None."""

    name: str
    material: Material


def sample_pattern(rng: np.random.Generator, split: str, name: str | None = None) -> WallPattern:
    """Sample a wall covering in paint colours of the split. name: None samples one of the split's patterns."""
    patterns = HELD_OUT_PATTERNS if split == "test" else TRAIN_PATTERNS
    name = name or list(patterns)[int(rng.integers(len(patterns)))]
    return WallPattern(name, replace((TRAIN_PATTERNS | HELD_OUT_PATTERNS)[name](rng, split), name=name))


def _sample_colors(rng: np.random.Generator, split: str) -> PaperColors:
    """Sample ground, first and second ink, each (3,) linear sRGB: tone on tone, or contrasting within a Lab limit."""
    ground = paints.sample(rng, split, str(rng.choice(["light", "light", "muted", "deep"])))
    while True:
        inks = [paints.sample(rng, split, str(rng.choice(["light", "muted", "deep"]))) for _ in range(2)]
        gaps = [float(np.linalg.norm(linear_to_lab(ink) - linear_to_lab(ground))) for ink in inks]
        if min(gaps) > 9 and max(gaps) < 75:
            break
    if rng.random() < 0.5:  # tone on tone
        inks = [ground + (ink - ground) * rng.uniform(0.2, 0.45) for ink in inks]
    return ground, inks[0], inks[1]


def _to_srgb8(color: Array) -> Rgb:
    r, g, b = np.clip(np.round(linear_to_srgb(color) * 255), 0, 255).astype(int)
    return int(r), int(g), int(b)


def _paper_material(rng: np.random.Generator, image: Array, metres: float) -> Material:
    """Printed wallpaper: a flat design with fibre and print noise."""
    tone = 0.012 * gaussian_noise(rng, 0.8) + 0.012 * gaussian_noise(rng, 1.2, 12)
    texture = Texture(np.clip(image * tone_gain(tone, 0.0), 0, 0.92).astype(np.float32))
    gloss = 0.0 if rng.random() < 0.7 else 0.03
    return textures.tiled_material("paper", texture, metres, float(rng.uniform(0.55, 0.85)), gloss, 0.01)


def _canvas(ground: Array) -> Array:
    canvas = np.empty((TEXTURE_PX, TEXTURE_PX, 3), np.uint8)
    canvas[:] = _to_srgb8(ground)
    return canvas


def _fill_wrapped(canvas: Array, outline: Array, ink: Array) -> None:
    """Fill a polygon (n, 2), in texels, with periodic wrapping at the tile borders."""
    for du in (-TEXTURE_PX, 0, TEXTURE_PX):
        for dv in (-TEXTURE_PX, 0, TEXTURE_PX):
            shifted = outline + np.array([du, dv])
            if shifted.max(0).min() > 0 and shifted.min(0).max() < TEXTURE_PX:
                fill_polygon(canvas, shifted, _to_srgb8(ink))


def _disc(center: Array, radius: float, lobes: int = 0, depth: float = 0.0) -> Array:
    """Outline of a disc, or of a flower with `lobes` petals: (48, 2)."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    distance = radius * (1 + depth * np.cos(lobes * angle))
    return center + distance[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1)


def _damask(rng: np.random.Generator, split: str) -> Material:
    """Damask: mirrored ornaments in an ogee lattice."""
    ground, ink, _ = _sample_colors(rng, split)
    u, v = uv_grid()
    half = TEXTURE_PX // 2
    noise = gaussian_noise(rng, 11)[:, :half]
    noise = np.concatenate([noise, noise[:, ::-1]], 1)
    noise = 0.5 * (noise + np.roll(noise, (half, half), (0, 1)))
    net = np.cos(2 * np.pi * u) * 0.9 + np.cos(2 * np.pi * v) + 0.25 * np.cos(4 * np.pi * u)
    swell = np.abs(net)
    ornament = smoothstep(-0.06, 0.06, noise + 0.55 * (swell - 0.75)) * smoothstep(0.18, 0.26, swell)
    rib = smoothstep(0.09, 0.05, swell)
    du, dv = _offset_to_nearest(u, v)
    flower = smoothstep(0.02, 0.0, np.hypot(du, dv) - 0.07 * (1 + 0.3 * np.cos(6 * np.arctan2(du, dv))))
    share = np.maximum(np.maximum(ornament, rib), flower)
    return _paper_material(rng, mix(to_color(ground), to_color(ink), share), float(rng.uniform(0.45, 0.7)))


def _offset_to_nearest(u: Array, v: Array) -> tuple[Array, Array]:
    """Offsets to the nearest motif centre of a half-drop repeat."""
    du, dv = np.mod(u + 0.5, 1) - 0.5, np.mod(v + 0.5, 1) - 0.5
    eu, ev = u - 0.5, v - 0.5
    first = du**2 + dv**2 < eu**2 + ev**2
    return np.where(first, du, eu), np.where(first, dv, ev)


def _leaves(rng: np.random.Generator, split: str) -> Material:
    """Climbing stems with leaves on both sides."""
    colors = _sample_colors(rng, split)
    canvas = _canvas(colors[0])
    stems = int(rng.integers(2, 5))
    leaf_aspect, waves = float(rng.uniform(0.28, 0.45)), int(rng.integers(1, 3))
    reach = TEXTURE_PX / stems * 0.5
    t = np.linspace(0, 1, 121)
    for stem in range(stems):
        sway = 0.16 * reach * np.sin(2 * np.pi * (waves * t + stem * 0.5))
        half = np.array([1.6, 0.0])
        polyline = np.stack([(stem + 0.5) * TEXTURE_PX / stems + sway, t * TEXTURE_PX], -1)
        band = np.concatenate([polyline + half, polyline[::-1] - half])
        _fill_wrapped(canvas, band, colors[1])
        count = round(TEXTURE_PX / reach * 1.5)
        for number in range(2 * count):
            side = 1 if number % 2 else -1
            base = polyline[int((number + 0.5 * (stem % 2)) / (2 * count) * 120)]
            angle = np.pi / 2 - side * rng.uniform(0.7, 1.0)
            leaf = base + leaf_outline(angle, reach * rng.uniform(0.85, 1.05), leaf_aspect)
            _fill_wrapped(canvas, leaf, colors[1 + number // 2 % 2])
    return _paper_material(rng, decode_srgb(canvas), float(rng.uniform(0.4, 0.65)))


def _geometric(rng: np.random.Generator, split: str) -> Material:
    """Nested hexagons, scales or zigzags in lines."""
    ground, ink, second = _sample_colors(rng, split)
    u, v = uv_grid()
    count = int(rng.integers(3, 7))
    variant = int(rng.integers(3))
    if variant == 0:
        wave = np.abs(np.mod(u * 2 * count, 2) - 1)
        field = np.mod(v * 2 * count + wave, 1)
    elif variant == 1:
        row = np.floor(v * 2 * count)
        centers = np.mod(u * count + row % 2 / 2, 1) - 0.5
        distance = np.hypot(centers, (v * 2 * count - row) * 0.5)
        lower = np.hypot(np.mod(u * count + (row + 1) % 2 / 2, 1) - 0.5, (v * 2 * count - row) * 0.5 + 0.5)
        field = np.mod(np.where(distance < 0.5, distance, lower) * 4 + 0.25, 1)
    else:
        diamond = np.abs(np.mod(u * count, 1) - 0.5) + np.abs(np.mod(v * count, 1) - 0.5)
        field = np.mod(diamond * 4 + 0.25, 1)
    line_width = float(rng.uniform(0.12, 0.5))
    line = smoothstep(line_width, line_width - 0.06, np.abs(field - 0.5) * 2)
    image = mix(to_color(ground), to_color(ink), line)
    if rng.random() < 0.4:
        image = mix(image, to_color(second), smoothstep(0.08, 0.04, np.abs(field - 0.5) * 2))
    return _paper_material(rng, image, float(rng.uniform(0.35, 0.7)))


def _dots(rng: np.random.Generator, split: str) -> Material:
    """Dots in a half-drop lattice, regular or jittered."""
    ground, ink, _ = _sample_colors(rng, split)
    canvas = _canvas(ground)
    count = int(rng.integers(5, 12))
    radius, jitter = float(rng.uniform(0.1, 0.22)) * TEXTURE_PX / count, float(rng.uniform(0, 0.1)) * TEXTURE_PX / count
    for i in range(count):
        for j in range(2 * count):
            at = np.array([(i + 0.25 + 0.5 * (j % 2)), (j + 0.5) / 2]) * TEXTURE_PX / count + rng.normal(0, jitter, 2)
            _fill_wrapped(canvas, _disc(at, radius), ink)
    return _paper_material(rng, decode_srgb(canvas), float(rng.uniform(0.3, 0.6)))


def _trellis(rng: np.random.Generator, split: str) -> Material:
    """A trellis of curved laths, perhaps with a dot at each crossing."""
    ground, ink, second = _sample_colors(rng, split)
    u, v = uv_grid()
    count, bow = int(rng.integers(2, 5)), float(rng.uniform(0.0, 0.3))
    s, t = count * (u + v), count * (u - v)
    lines = [np.abs(np.sin(np.pi * (a + bow / 2 * np.sin(2 * np.pi * b)))) for a, b in ((s, t), (t, s))]
    line_width = float(rng.uniform(0.08, 0.2))
    image = mix(to_color(ground), to_color(ink), smoothstep(line_width, line_width - 0.05, np.minimum(*lines)))
    if rng.random() < 0.7:
        image = mix(image, to_color(second), smoothstep(0.36, 0.3, np.hypot(*lines)))
    return _paper_material(rng, image, float(rng.uniform(0.35, 0.65)))


def _blossoms(rng: np.random.Generator, split: str) -> Material:
    """Evenly distributed flowers with leaves."""
    ground, petal, green = _sample_colors(rng, split)
    canvas = _canvas(ground)
    count = int(rng.integers(3, 6))
    cell = TEXTURE_PX / count
    for i in range(count):
        for j in range(count):
            at = (np.array([i + 0.5 * (j % 2), j]) + 0.5 + rng.uniform(-0.14, 0.14, 2)) * cell
            for angle in rng.uniform(0, 2 * np.pi) + np.arange(int(rng.integers(2, 5))) * rng.uniform(0.9, 1.8):
                _fill_wrapped(canvas, at + leaf_outline(float(angle), 0.48 * cell, 0.38), green)
            lobes = int(rng.choice([5, 6]))
            _fill_wrapped(canvas, _disc(at, rng.uniform(0.19, 0.25) * cell, lobes, 0.22), petal)
            _fill_wrapped(canvas, _disc(at, 0.07 * cell), 0.4 * green + 0.6 * ground)
    return _paper_material(rng, decode_srgb(canvas), float(rng.uniform(0.35, 0.65)))


def _stripes(rng: np.random.Generator, split: str, upright: bool) -> Material:
    ground, ink, second = _sample_colors(rng, split)
    u, v = uv_grid()
    coordinate = u if upright else v
    count, share = int(rng.integers(2, 7)), float(rng.choice([0.5, 0.5, 0.3, 0.15]))
    inside = np.mod(coordinate * count, 1)
    stripe = smoothstep(share + 0.006 * count, share, inside) * smoothstep(0, 0.006 * count, inside)
    image = mix(to_color(ground), to_color(ink), stripe)
    if rng.random() < 0.35:
        middle = 0.5 + share / 2
        image = mix(image, to_color(second), smoothstep(0.045, 0.035, np.abs(inside - middle)))
    return _paper_material(rng, image, float(rng.uniform(0.4, 0.7)))


def _brick(rng: np.random.Generator, split: str, painted: bool) -> Material:
    """Bricks of 25 x 8 cm with mortar joints, bare or painted."""
    rows, columns = 12, 4
    blocks = courses(rows, columns, np.arange(rows) % 2 / 2 + rng.normal(0, 0.02, rows))
    wobble = 0.0018 * gaussian_noise(rng, 3) + 0.001 * gaussian_noise(rng, 1.2)
    joint = smoothstep(0.0075, 0.0045, blocks.edge_distance + wobble)
    rough = fractal_noise(rng, 0.8, 30)
    shadow = np.roll(joint, 2, axis=0) * (1 - joint)
    if painted:
        paint = paints.sample(rng, split, str(rng.choice(["light", "light", "muted", "deep"])))
        tone = 0.02 * rough - 0.16 * joint - 0.1 * shadow + 0.02 * blocks.per_block(rng.normal(0, 1, blocks.count))
        return textures.tiled_material(
            "brick", match_mean(tone_gain(tone, 0.0), to_color(paint)), BRICK_METRES, 0.7, 0.02, 0.08
        )
    clay = np.asarray(BRICK_ALBEDOS[int(rng.integers(len(BRICK_ALBEDOS)))])
    each = rng.normal(0, 0.2, (blocks.count, 1)) + rng.normal(0, 0.08, (blocks.count, 1)) * np.array([0.5, 1, 1.2])
    burnt = rng.random((blocks.count, 1)) < 0.12
    face = clay * np.exp(each - 0.5 * burnt)
    image = blocks.per_block(face.astype(np.float32)) * tone_gain(0.13 * rough - 0.3 * shadow, 0.1)
    lime = mix((0.0, 0.0, 0.0), (0.5, 0.47, 0.42), np.exp(0.08 * rough) * float(rng.uniform(0.5, 1.0)))
    texture = Texture(np.clip(mix(image, lime, joint), 0, 0.9).astype(np.float32))
    return textures.tiled_material("brick", texture, BRICK_METRES, 0.9, 0.0, 0.1)


BRICK_ALBEDOS: tuple[Color, ...] = (
    (0.33, 0.125, 0.075),
    (0.27, 0.1, 0.07),
    (0.4, 0.2, 0.12),
    (0.46, 0.33, 0.2),
    (0.2, 0.09, 0.07),
)
"""Albedo of fired clay: red, dark red, orange, yellow, brown."""


def _plaster(rng: np.random.Generator, split: str, finish: str) -> Material:
    """Plaster finishes. limewash: cross-brushed and chalky. clouded: two blended paints."""
    paint = paints.sample(rng, split, str(rng.choice(["light", "muted", "muted", "deep"])))
    if finish == "limewash":
        strokes = warp(fractal_noise(rng, 1.1, 70, 3.0), 18 * gaussian_noise(rng, 60), 22 * gaussian_noise(rng, 45))
        crossing = np.ascontiguousarray(fractal_noise(rng, 1.1, 60, 3.0).T)
        tone = 0.07 * fractal_noise(rng, 1.5, 200) + 0.04 * strokes + 0.035 * crossing
        texture = match_mean(tone_gain(tone, 0.1), to_color(paint))
    else:
        other = paints.sample(rng, split, "light")
        share = 0.4 * smoothstep(
            -1.8, 2.0, warp(fractal_noise(rng, 1.5, 120), *(9 * gaussian_noise(rng, 30) for _ in "uv"))
        )
        image = mix(to_color(paint), to_color(paint + 0.6 * (other - paint)), share)
        image = image * tone_gain(0.015 * gaussian_noise(rng, 2), 0.0)
        texture = Texture(np.clip(image, 0, 0.9).astype(np.float32))
    return textures.tiled_material(finish, texture, LIMEWASH_METRES, 0.9, 0.0, 0.03)


def _concrete(rng: np.random.Generator, split: str) -> Material:
    grey = float(rng.uniform(0.22, 0.48))
    texture = textures.stone(rng, (grey, 0.98 * grey, 0.94 * grey), "concrete")
    return textures.tiled_material("concrete", texture, textures.STONE_METRES, 0.75, 0.03, 0.03)


def _formwork(rng: np.random.Generator, split: str) -> Material:
    """Board-marked concrete with panel joints and tie holes."""
    grey = float(rng.uniform(0.2, 0.42))
    cast = textures.stone(rng, (grey, 0.98 * grey, 0.95 * grey), "concrete").texels
    blocks = courses(2, 2, np.zeros(2))
    hole = np.min([np.hypot(blocks.along - a, blocks.across - b) for a in (0.1, 0.4) for b in (0.1, 0.4)], axis=0)
    tone = (
        -0.45 * blocks.joint_mask(0.004)
        - 0.9 * smoothstep(0.011, 0.008, hole)
        + blocks.per_block(rng.normal(0, 0.05, 4))
    )
    texture = Texture(np.clip(cast * tone_gain(tone, 0.0), 0, 1))
    return textures.tiled_material("formwork", texture, textures.STONE_METRES, 0.7, 0.03, 0.03)


WALL_WOOD_ALBEDOS: dict[str, tuple[Color, ...]] = {
    "train": ((0.62, 0.47, 0.31), (0.45, 0.29, 0.15), (0.16, 0.085, 0.045), (0.5, 0.4, 0.29)),
    "test": ((0.6, 0.5, 0.38), (0.32, 0.15, 0.07), (0.09, 0.065, 0.05), (0.42, 0.25, 0.12)),
}
"""Oak, pine, walnut, ash; birch, cherry, smoked oak, teak."""


def wall_wood(rng: np.random.Generator, split: str) -> Color:
    """Sample the colour of a wooden wall covering, linear sRGB, among those of the split."""
    woods = WALL_WOOD_ALBEDOS["test" if split == "test" else "train"]
    return woods[int(rng.integers(len(woods)))]


def _boards(rng: np.random.Generator, split: str) -> Material:
    """Vertical tongue-and-groove boards, varnished or painted."""
    count = int(rng.integers(8, 14))
    texture = textures.boards(rng, wall_wood(rng, split), count)
    if rng.random() < 0.5:
        paint = paints.sample(rng, split)
        mean = texture.texels.mean((0, 1))
        texture = match_mean((texture.texels / mean) ** np.float32(0.35), to_color(paint))
    return textures.tiled_material("boards", texture, textures.WOOD_METRES, 0.5, 0.04)


def _shiplap(rng: np.random.Generator, split: str) -> Material:
    """Horizontal painted shiplap boards with shadow gaps."""
    rows = int(rng.integers(6, 9))
    blocks = courses(rows, 1, rng.uniform(0, 1, rows))
    edge = np.minimum(blocks.across, 1 / rows - blocks.across)
    gap, under = smoothstep(0.004, 0.002, edge), smoothstep(0.012, 0.0, 1 / rows - blocks.across)
    tone = (
        0.012 * gaussian_noise(rng, 60, 1) - 1.1 * gap - 0.18 * under + 0.015 * blocks.per_block(rng.normal(0, 1, rows))
    )
    paint = paints.sample(rng, split, str(rng.choice(["light", "light", "muted", "deep"])))
    return textures.tiled_material(
        "shiplap", match_mean(tone_gain(tone, 0.0), to_color(paint)), textures.WOOD_METRES, 0.45, 0.04
    )


def _slats(rng: np.random.Generator, split: str) -> Material:
    """Vertical wooden slats on dark felt."""
    count = int(rng.integers(28, 42))
    u, _ = uv_grid()
    boards = textures.boards(rng, wall_wood(rng, split), count, contrast=0.8).texels
    inside = np.abs(np.mod(u * count, 1) - 0.5)
    felt = smoothstep(0.3, 0.36, inside)
    shading = 1 - 0.25 * smoothstep(0.2, 0.3, inside)
    texture = Texture(
        np.clip(mix(1.15 * boards * shading[..., None], (0.018, 0.018, 0.018), felt), 0, 1).astype(np.float32)
    )
    return textures.tiled_material("slats", texture, textures.WOOD_METRES, 0.5, 0.03)


def _plywood(rng: np.random.Generator, split: str) -> Material:
    """Plywood sheets with thin joints."""
    base = np.ascontiguousarray(textures.wood(rng, wall_wood(rng, split), "cathedral", 0.8).texels.transpose(1, 0, 2))
    joint = courses(1, 1, np.zeros(1)).joint_mask(0.004)
    texture = Texture(base * (1 - 0.6 * joint)[..., None])
    return textures.tiled_material("plywood", texture, textures.WOOD_METRES, 0.5, 0.04)


def wall_tiles(rng: np.random.Generator, split: str, tiling: str) -> Material:
    """Sample glazed wall tiles with grout. tiling: one of `textures.TILINGS`."""
    paint = paints.sample(rng, split, str(rng.choice(["light", "light", "muted", "deep"])))
    grout = float(rng.uniform(0.2, 0.7))
    texture = textures.tiles(
        rng, to_color(paint), (grout, 0.98 * grout, 0.94 * grout), tiling, float(rng.uniform(0.01, 0.06))
    )
    return textures.tiled_material(tiling, texture, textures.TILES_METRES, float(rng.uniform(0.15, 0.4)), 0.04)


def _grasscloth(rng: np.random.Generator, split: str) -> Material:
    """Grasscloth: uneven horizontal fibres with faint vertical threads."""
    paint = paints.sample(rng, split, str(rng.choice(["light", "muted", "muted", "deep"])))
    tone = (
        0.1 * gaussian_noise(rng, 55, 0.75) + 0.06 * gaussian_noise(rng, 12, 0.6) + 0.035 * gaussian_noise(rng, 0.8, 40)
    )
    tone += 0.03 * periodic_blur(gaussian_noise(rng, 160, 3), 1)
    return textures.tiled_material(
        "grasscloth", match_mean(tone_gain(tone, 0.15), to_color(paint)), 0.9, 0.85, 0.0, 0.04
    )


TRAIN_PATTERNS: dict[str, Callable[[np.random.Generator, str], Material]] = {
    "damask paper": _damask,
    "leaf paper": _leaves,
    "geometric paper": _geometric,
    "dotted paper": _dots,
    "vertical stripes": lambda rng, split: _stripes(rng, split, True),
    "brick": lambda rng, split: _brick(rng, split, False),
    "limewash": lambda rng, split: _plaster(rng, split, "limewash"),
    "upright boards": _boards,
    "plywood": _plywood,
    "concrete": _concrete,
    "metro tiles": lambda rng, split: wall_tiles(rng, split, "metro"),
    "grasscloth": _grasscloth,
}
HELD_OUT_PATTERNS: dict[str, Callable[[np.random.Generator, str], Material]] = {
    "trellis paper": _trellis,
    "blossom paper": _blossoms,
    "horizontal stripes": lambda rng, split: _stripes(rng, split, False),
    "painted brick": lambda rng, split: _brick(rng, split, True),
    "clouded paint": lambda rng, split: _plaster(rng, split, "clouded"),
    "shiplap": _shiplap,
    "slats": _slats,
    "formwork": _formwork,
    "square tiles": lambda rng, split: wall_tiles(rng, split, "square"),
}
