"""What walls may be covered with besides one plain paint: paper, brick, boards, tiles, plaster effects.

`EVERYDAY` kinds appear in training and validation rooms, `HELD_OUT` kinds in test rooms only: another family of motifs
for every way of covering a wall (papers, stripes, bricks, boards, tiles, plaster). uv are metres, v is up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from wallpaint.imaging.color import linear_to_lab, linear_to_srgb
from wallpaint.rooms.materials import TILE, Color, Material, Texture
from wallpaint.rooms.surfaces import paints, textures
from wallpaint.rooms.surfaces.noise import (
    balanced,
    blurred,
    coordinates,
    decoded,
    fractal,
    mix,
    smooth,
    step,
    toned,
    warped,
)
from wallpaint.rooms.surfaces.pictures import Rgb, fill, leaf_outline
from wallpaint.rooms.surfaces.tilings import courses
from wallpaint.typing import Array

Colors = tuple[Array, Array, Array]

BRICK_METRES = 1.0
LIMEWASH_METRES = 3.0


@dataclass(frozen=True)
class Pattern:
    """kind: one of EVERYDAY or HELD_OUT. material: for the whole wall, wall=None."""

    kind: str
    material: Material


def make(rng: np.random.Generator, split: str, kind: str | None = None) -> Pattern:
    """A covering for one wall; its colours are paints of the split. kind: None draws one of those of the split."""
    kinds = HELD_OUT if split == "test" else EVERYDAY
    name = kind or list(kinds)[int(rng.integers(len(kinds)))]
    return Pattern(name, replace((EVERYDAY | HELD_OUT)[name](rng, split), name=name))


def _colors(rng: np.random.Generator, split: str) -> Colors:
    """Ground, first and second ink of a paper, each (3,) linear: tone on tone, or a contrast; never a glare."""
    ground = paints.sample(rng, split, str(rng.choice(["light", "light", "muted", "deep"])))
    while True:
        inks = [paints.sample(rng, split, str(rng.choice(["light", "muted", "deep"]))) for _ in range(2)]
        gaps = [float(np.linalg.norm(linear_to_lab(ink) - linear_to_lab(ground))) for ink in inks]
        if min(gaps) > 9 and max(gaps) < 75:
            break
    if rng.random() < 0.5:  # tone on tone, as most papers are
        inks = [ground + (ink - ground) * rng.uniform(0.2, 0.45) for ink in inks]
    return ground, inks[0], inks[1]


def _code(color: Array) -> Rgb:
    r, g, b = np.clip(np.round(linear_to_srgb(color) * 255), 0, 255).astype(int)
    return int(r), int(g), int(b)


def _color(color: Array) -> Color:
    return float(color[0]), float(color[1]), float(color[2])


def _paper(rng: np.random.Generator, picture: Array, metres: float) -> Material:
    """Printed paper: its fibres and the printer's unevenness over a flat design."""
    tone = 0.012 * smooth(rng, 0.8) + 0.012 * smooth(rng, 1.2, 12)
    texture = Texture(np.clip(picture * toned(tone, 0.0), 0, 0.92).astype(np.float32))
    gloss = 0.0 if rng.random() < 0.7 else 0.03
    return textures.material("paper", texture, metres, float(rng.uniform(0.55, 0.85)), gloss, 0.01)


def _canvas(ground: Array) -> Array:
    canvas = np.empty((TILE, TILE, 3), np.uint8)
    canvas[:] = _code(ground)
    return canvas


def _print(canvas: Array, outline: Array, ink: Array) -> None:
    """Fill an outline, (n, 2) texels, and its repeats over the tile's borders."""
    for du in (-TILE, 0, TILE):
        for dv in (-TILE, 0, TILE):
            moved = outline + np.array([du, dv])
            if moved.max(0).min() > 0 and moved.min(0).max() < TILE:
                fill(canvas, moved, _code(ink))


def _disc(center: Array, radius: float, lobes: int = 0, depth: float = 0.0) -> Array:
    """A disc, or a flower with as many petals as lobes: (48, 2)."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    far = radius * (1 + depth * np.cos(lobes * angle))
    return center + far[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1)


def _damask(rng: np.random.Generator, split: str) -> Material:
    """Mirrored ornaments in the pointed ovals of an ogee net."""
    ground, ink, _ = _colors(rng, split)
    u, v = coordinates()
    half = TILE // 2
    lace = smooth(rng, 11)[:, :half]
    lace = np.concatenate([lace, lace[:, ::-1]], 1)
    lace = 0.5 * (lace + np.roll(lace, (half, half), (0, 1)))
    net = np.cos(2 * np.pi * u) * 0.9 + np.cos(2 * np.pi * v) + 0.25 * np.cos(4 * np.pi * u)
    swell = np.abs(net)
    ornament = step(-0.06, 0.06, lace + 0.55 * (swell - 0.75)) * step(0.18, 0.26, swell)
    rib = step(0.09, 0.05, swell)
    flower = step(0.02, 0.0, np.hypot(*_nearest(u, v)) - 0.07 * (1 + 0.3 * np.cos(6 * np.arctan2(*_nearest(u, v)))))
    share = np.maximum(np.maximum(ornament, rib), flower)
    return _paper(rng, mix(_color(ground), _color(ink), share), float(rng.uniform(0.45, 0.7)))


def _nearest(u: Array, v: Array) -> tuple[Array, Array]:
    """Offsets to the nearer of the two middles of a half-drop repeat."""
    du, dv = np.mod(u + 0.5, 1) - 0.5, np.mod(v + 0.5, 1) - 0.5
    eu, ev = u - 0.5, v - 0.5
    first = du**2 + dv**2 < eu**2 + ev**2
    return np.where(first, du, eu), np.where(first, dv, ev)


def _leaves(rng: np.random.Generator, split: str) -> Material:
    """Climbing stems with leaves on both sides."""
    colors = _colors(rng, split)
    canvas = _canvas(colors[0])
    stems = int(rng.integers(2, 5))
    slim, waves = float(rng.uniform(0.28, 0.45)), int(rng.integers(1, 3))
    reach = TILE / stems * 0.5
    t = np.linspace(0, 1, 121)
    for stem in range(stems):
        sway = 0.16 * reach * np.sin(2 * np.pi * (waves * t + stem * 0.5))
        half = np.array([1.6, 0.0])
        line = np.stack([(stem + 0.5) * TILE / stems + sway, t * TILE], -1)
        band = np.concatenate([line + half, line[::-1] - half])
        _print(canvas, band, colors[1])
        count = round(TILE / reach * 1.5)
        for number in range(2 * count):
            side = 1 if number % 2 else -1
            base = line[int((number + 0.5 * (stem % 2)) / (2 * count) * 120)]
            angle = np.pi / 2 - side * rng.uniform(0.7, 1.0)
            leaf = base + leaf_outline(angle, reach * rng.uniform(0.85, 1.05), slim)
            _print(canvas, leaf, colors[1 + number // 2 % 2])
    return _paper(rng, decoded(canvas), float(rng.uniform(0.4, 0.65)))


def _geometric(rng: np.random.Generator, split: str) -> Material:
    """Nested hexagons, scales or zigzags in lines."""
    ground, ink, second = _colors(rng, split)
    u, v = coordinates()
    count = int(rng.integers(3, 7))
    form = int(rng.integers(3))
    if form == 0:
        wave = np.abs(np.mod(u * 2 * count, 2) - 1)
        field = np.mod(v * 2 * count + wave, 1)
    elif form == 1:
        row = np.floor(v * 2 * count)
        centers = np.mod(u * count + row % 2 / 2, 1) - 0.5
        far = np.hypot(centers, (v * 2 * count - row) * 0.5)
        lower = np.hypot(np.mod(u * count + (row + 1) % 2 / 2, 1) - 0.5, (v * 2 * count - row) * 0.5 + 0.5)
        field = np.mod(np.where(far < 0.5, far, lower) * 4 + 0.25, 1)
    else:
        diamond = np.abs(np.mod(u * count, 1) - 0.5) + np.abs(np.mod(v * count, 1) - 0.5)
        field = np.mod(diamond * 4 + 0.25, 1)
    wide = float(rng.uniform(0.12, 0.5))
    line = step(wide, wide - 0.06, np.abs(field - 0.5) * 2)
    picture = mix(_color(ground), _color(ink), line)
    if rng.random() < 0.4:
        picture = mix(picture, _color(second), step(0.08, 0.04, np.abs(field - 0.5) * 2))
    return _paper(rng, picture, float(rng.uniform(0.35, 0.7)))


def _dots(rng: np.random.Generator, split: str) -> Material:
    """Small dots in a half-drop net, by hand or by ruler."""
    ground, ink, _ = _colors(rng, split)
    canvas = _canvas(ground)
    count = int(rng.integers(5, 12))
    radius, shaky = float(rng.uniform(0.1, 0.22)) * TILE / count, float(rng.uniform(0, 0.1)) * TILE / count
    for i in range(count):
        for j in range(2 * count):
            at = np.array([(i + 0.25 + 0.5 * (j % 2)), (j + 0.5) / 2]) * TILE / count + rng.normal(0, shaky, 2)
            _print(canvas, _disc(at, radius), ink)
    return _paper(rng, decoded(canvas), float(rng.uniform(0.3, 0.6)))


def _trellis(rng: np.random.Generator, split: str) -> Material:
    """A net of curved laths with a bud where they cross."""
    ground, ink, second = _colors(rng, split)
    u, v = coordinates()
    count, bow = int(rng.integers(2, 5)), float(rng.uniform(0.0, 0.3))
    s, t = count * (u + v), count * (u - v)
    lines = [np.abs(np.sin(np.pi * (a + bow / 2 * np.sin(2 * np.pi * b)))) for a, b in ((s, t), (t, s))]
    wide = float(rng.uniform(0.08, 0.2))
    picture = mix(_color(ground), _color(ink), step(wide, wide - 0.05, np.minimum(*lines)))
    if rng.random() < 0.7:
        picture = mix(picture, _color(second), step(0.36, 0.3, np.hypot(*lines)))
    return _paper(rng, picture, float(rng.uniform(0.35, 0.65)))


def _blossoms(rng: np.random.Generator, split: str) -> Material:
    """Flowers with leaves, strewn evenly."""
    ground, petal, green = _colors(rng, split)
    canvas = _canvas(ground)
    count = int(rng.integers(3, 6))
    cell = TILE / count
    for i in range(count):
        for j in range(count):
            at = (np.array([i + 0.5 * (j % 2), j]) + 0.5 + rng.uniform(-0.14, 0.14, 2)) * cell
            for angle in rng.uniform(0, 2 * np.pi) + np.arange(int(rng.integers(2, 5))) * rng.uniform(0.9, 1.8):
                _print(canvas, at + leaf_outline(float(angle), 0.48 * cell, 0.38), green)
            lobes = int(rng.choice([5, 6]))
            _print(canvas, _disc(at, rng.uniform(0.19, 0.25) * cell, lobes, 0.22), petal)
            _print(canvas, _disc(at, 0.07 * cell), 0.4 * green + 0.6 * ground)
    return _paper(rng, decoded(canvas), float(rng.uniform(0.35, 0.65)))


def _stripes(rng: np.random.Generator, split: str, upright: bool) -> Material:
    ground, ink, second = _colors(rng, split)
    u, v = coordinates()
    place = u if upright else v
    count, share = int(rng.integers(2, 7)), float(rng.choice([0.5, 0.5, 0.3, 0.15]))
    inside = np.mod(place * count, 1)
    picture = mix(
        _color(ground), _color(ink), step(share + 0.006 * count, share, inside) * step(0, 0.006 * count, inside)
    )
    if rng.random() < 0.35:
        middle = 0.5 + share / 2
        picture = mix(picture, _color(second), step(0.045, 0.035, np.abs(inside - middle)))
    return _paper(rng, picture, float(rng.uniform(0.4, 0.7)))


def _brick(rng: np.random.Generator, split: str, painted: bool) -> Material:
    """Bricks of 25 x 8 cm with their joints, bare or under paint."""
    rows, columns = 12, 4
    blocks = courses(rows, columns, np.arange(rows) % 2 / 2 + rng.normal(0, 0.02, rows))
    wobble = 0.0018 * smooth(rng, 3) + 0.001 * smooth(rng, 1.2)
    joint = step(0.0075, 0.0045, blocks.edge + wobble)
    rough = fractal(rng, 0.8, 30)
    shade = np.roll(joint, 2, axis=0) * (1 - joint)
    if painted:
        coat = paints.sample(rng, split, str(rng.choice(["light", "light", "muted", "deep"])))
        tone = 0.02 * rough - 0.16 * joint - 0.1 * shade + 0.02 * blocks.each(rng.normal(0, 1, blocks.count))
        return textures.material("brick", balanced(toned(tone, 0.0), _color(coat)), BRICK_METRES, 0.7, 0.02, 0.08)
    clay = np.asarray(BRICKS[int(rng.integers(len(BRICKS)))])
    each = rng.normal(0, 0.2, (blocks.count, 1)) + rng.normal(0, 0.08, (blocks.count, 1)) * np.array([0.5, 1, 1.2])
    burnt = rng.random((blocks.count, 1)) < 0.12
    face = clay * np.exp(each - 0.5 * burnt)
    picture = blocks.each(face.astype(np.float32)) * toned(0.13 * rough - 0.3 * shade, 0.1)
    lime = mix((0.0, 0.0, 0.0), (0.5, 0.47, 0.42), np.exp(0.08 * rough) * float(rng.uniform(0.5, 1.0)))
    texture = Texture(np.clip(mix(picture, lime, joint), 0, 0.9).astype(np.float32))
    return textures.material("brick", texture, BRICK_METRES, 0.9, 0.0, 0.1)


BRICKS: tuple[Color, ...] = (
    (0.33, 0.125, 0.075),
    (0.27, 0.1, 0.07),
    (0.4, 0.2, 0.12),
    (0.46, 0.33, 0.2),
    (0.2, 0.09, 0.07),
)
"""Albedo of fired clay: red, dark red, orange, yellow, brown."""


def _plaster(rng: np.random.Generator, split: str, kind: str) -> Material:
    """limewash: brushed crosswise, chalky; clouded: two paints rubbed into each other."""
    coat = paints.sample(rng, split, str(rng.choice(["light", "muted", "muted", "deep"])))
    if kind == "limewash":
        strokes = warped(fractal(rng, 1.1, 70, 3.0), 18 * smooth(rng, 60), 22 * smooth(rng, 45))
        crossing = np.ascontiguousarray(fractal(rng, 1.1, 60, 3.0).T)
        tone = 0.07 * fractal(rng, 1.5, 200) + 0.04 * strokes + 0.035 * crossing
        texture = balanced(toned(tone, 0.1), _color(coat))
    else:
        other = paints.sample(rng, split, "light")
        share = 0.4 * step(-1.8, 2.0, warped(fractal(rng, 1.5, 120), *(9 * smooth(rng, 30) for _ in "uv")))
        picture = mix(_color(coat), _color(coat + 0.6 * (other - coat)), share) * toned(0.015 * smooth(rng, 2), 0.0)
        texture = Texture(np.clip(picture, 0, 0.9).astype(np.float32))
    return textures.material(kind, texture, LIMEWASH_METRES, 0.9, 0.0, 0.03)


def _concrete(rng: np.random.Generator, split: str) -> Material:
    grey = float(rng.uniform(0.22, 0.48))
    texture = textures.stone(rng, (grey, 0.98 * grey, 0.94 * grey), "concrete")
    return textures.material("concrete", texture, textures.STONE_METRES, 0.75, 0.03, 0.03)


def _formwork(rng: np.random.Generator, split: str) -> Material:
    """Concrete that kept the marks of its boards and the holes of its ties."""
    grey = float(rng.uniform(0.2, 0.42))
    cast = textures.stone(rng, (grey, 0.98 * grey, 0.95 * grey), "concrete").texels
    blocks = courses(2, 2, np.zeros(2))
    hole = np.min([np.hypot(blocks.along - a, blocks.across - b) for a in (0.1, 0.4) for b in (0.1, 0.4)], axis=0)
    tone = -0.45 * blocks.joint(0.004) - 0.9 * step(0.011, 0.008, hole) + blocks.each(rng.normal(0, 0.05, 4))
    texture = Texture(np.clip(cast * toned(tone, 0.0), 0, 1))
    return textures.material("formwork", texture, textures.STONE_METRES, 0.7, 0.03, 0.03)


WALL_WOODS: dict[str, tuple[Color, ...]] = {
    "train": ((0.62, 0.47, 0.31), (0.45, 0.29, 0.15), (0.16, 0.085, 0.045), (0.5, 0.4, 0.29)),
    "test": ((0.6, 0.5, 0.38), (0.32, 0.15, 0.07), (0.09, 0.065, 0.05), (0.42, 0.25, 0.12)),
}
"""Oak, pine, walnut, ash; birch, cherry, smoked oak, teak."""


def _wall_wood(rng: np.random.Generator, split: str) -> Color:
    woods = WALL_WOODS["test" if split == "test" else "train"]
    return woods[int(rng.integers(len(woods)))]


def _boards(rng: np.random.Generator, split: str) -> Material:
    """Upright tongue-and-groove boards, varnished or painted."""
    count = int(rng.integers(8, 14))
    texture = textures.boards(rng, _wall_wood(rng, split), count)
    if rng.random() < 0.5:
        coat = paints.sample(rng, split)
        mean = texture.texels.mean((0, 1))
        texture = balanced((texture.texels / mean) ** np.float32(0.35), _color(coat))
    return textures.material("boards", texture, textures.WOOD_METRES, 0.5, 0.04)


def _shiplap(rng: np.random.Generator, split: str) -> Material:
    """Wide painted boards that lie, with a shadow gap."""
    rows = int(rng.integers(6, 9))
    blocks = courses(rows, 1, rng.uniform(0, 1, rows))
    edge = np.minimum(blocks.across, 1 / rows - blocks.across)
    gap, under = step(0.004, 0.002, edge), step(0.012, 0.0, 1 / rows - blocks.across)
    tone = 0.012 * smooth(rng, 60, 1) - 1.1 * gap - 0.18 * under + 0.015 * blocks.each(rng.normal(0, 1, rows))
    coat = paints.sample(rng, split, str(rng.choice(["light", "light", "muted", "deep"])))
    return textures.material("shiplap", balanced(toned(tone, 0.0), _color(coat)), textures.WOOD_METRES, 0.45, 0.04)


def _slats(rng: np.random.Generator, split: str) -> Material:
    """Upright wooden slats before dark felt."""
    count = int(rng.integers(28, 42))
    u, _ = coordinates()
    bare = textures.boards(rng, _wall_wood(rng, split), count, contrast=0.8).texels
    inside = np.abs(np.mod(u * count, 1) - 0.5)
    felt = step(0.3, 0.36, inside)
    lit = 1 - 0.25 * step(0.2, 0.3, inside)
    texture = Texture(np.clip(mix(1.15 * bare * lit[..., None], (0.018, 0.018, 0.018), felt), 0, 1).astype(np.float32))
    return textures.material("slats", texture, textures.WOOD_METRES, 0.5, 0.03)


def _plywood(rng: np.random.Generator, split: str) -> Material:
    """Sheets with a broad figure and thin joints."""
    base = np.ascontiguousarray(textures.wood(rng, _wall_wood(rng, split), "cathedral", 0.8).texels.transpose(1, 0, 2))
    joint = courses(1, 1, np.zeros(1)).joint(0.004)
    texture = Texture(base * (1 - 0.6 * joint)[..., None])
    return textures.material("plywood", texture, textures.WOOD_METRES, 0.5, 0.04)


def _tiles(rng: np.random.Generator, split: str, tiling: str) -> Material:
    coat = paints.sample(rng, split, str(rng.choice(["light", "light", "muted", "deep"])))
    grout = float(rng.uniform(0.2, 0.7))
    texture = textures.tiles(
        rng, _color(coat), (grout, 0.98 * grout, 0.94 * grout), tiling, float(rng.uniform(0.01, 0.06))
    )
    return textures.material(tiling, texture, textures.TILES_METRES, float(rng.uniform(0.15, 0.4)), 0.04)


def _grasscloth(rng: np.random.Generator, split: str) -> Material:
    """Woven grasses glued to paper: uneven threads that lie, faint ones that stand."""
    coat = paints.sample(rng, split, str(rng.choice(["light", "muted", "muted", "deep"])))
    tone = 0.1 * smooth(rng, 55, 0.75) + 0.06 * smooth(rng, 12, 0.6) + 0.035 * smooth(rng, 0.8, 40)
    tone += 0.03 * blurred(smooth(rng, 160, 3), 1)
    return textures.material("grasscloth", balanced(toned(tone, 0.15), _color(coat)), 0.9, 0.85, 0.0, 0.04)


EVERYDAY: dict[str, Callable[[np.random.Generator, str], Material]] = {
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
    "metro tiles": lambda rng, split: _tiles(rng, split, "metro"),
    "grasscloth": _grasscloth,
}
HELD_OUT: dict[str, Callable[[np.random.Generator, str], Material]] = {
    "trellis paper": _trellis,
    "blossom paper": _blossoms,
    "horizontal stripes": lambda rng, split: _stripes(rng, split, False),
    "painted brick": lambda rng, split: _brick(rng, split, True),
    "clouded paint": lambda rng, split: _plaster(rng, split, "clouded"),
    "shiplap": _shiplap,
    "slats": _slats,
    "formwork": _formwork,
    "square tiles": lambda rng, split: _tiles(rng, split, "square"),
}
