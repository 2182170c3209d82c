"""Open shelves full of books and things, standing and on the wall."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from wallpaint.rooms.furniture.books import books, shelf_filling, thing
from wallpaint.rooms.furniture.carcass import (
    THICK,
    boards,
    case,
    fronts,
    grid,
    hung,
    middle,
    pipe,
    plates,
    pulls,
    timber,
)
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, merge
from wallpaint.rooms.surfaces.finishes import Finishes

CLOSED = ("flat", "flat", "shaker", "planks")


def _levels(rng: np.random.Generator, low: float, high: float, about: float) -> list[float]:
    """Heights of shelves between two others, not all the same distance apart."""
    count = max(1, round((high - low) / about))
    share = np.cumsum(rng.uniform(0.85, 1.2, count))
    return [low, *(float(low + (high - low) * s / share[-1]) for s in share)]


def _stocked(
    rng: np.random.Generator, f: Finishes, bay: tuple[float, float], levels: list[float], depth: float, bookish: float
) -> list[Mesh]:
    """The contents of one upright row of openings. bay: x from, x to. levels: upper faces of the shelves."""
    parts = []
    for low, high in pairwise(levels):
        if rng.random() < 0.06:
            continue
        size = (bay[1] - bay[0] - 0.004, depth, high - low - THICK)
        filling = shelf_filling(rng, f, size, float(np.clip(bookish + rng.normal(0, 0.2), 0, 1)))
        parts += [m.moved(((bay[0] + bay[1]) / 2, 0, low)) for m in filling]
    return parts


def _bookcase(rng: np.random.Generator, f: Finishes, size: Point, bays: int, about: float, doors: float = 0.0) -> Mesh:
    """Shelves in a case. about: usual distance of the shelves. doors: height of a closed part below, or 0."""
    width, depth, height = size
    wood, thick = timber(rng, f), float(rng.choice([0.018, 0.022, 0.03]))
    foot = float(rng.choice([0.0, 0.05, 0.08]))
    back = None if rng.random() < 0.2 and doors == 0 else wood
    parts = [case((width, depth, height - foot), wood, back, foot, thick)]
    if foot:
        toe = (-width / 2 + 0.01, -depth / 2 + 0.03, 0, width / 2 - 0.01, depth / 2 - 0.01, foot)
        parts.append(boards([toe], wood))
    edge = np.linspace(-width / 2 + thick / 2, width / 2 - thick / 2, bays + 1)
    inner = (-depth / 2 + 0.004, depth / 2 - 0.008)
    walls = [(x - thick / 2, inner[0], foot + thick, x + thick / 2, inner[1], height - thick) for x in edge[1:-1]]
    low, bookish = foot + thick, float(rng.uniform(0.55, 0.95))
    if doors:
        low = doors + thick
        cells = grid((-width / 2 + 0.002, width / 2 - 0.002), (foot + 0.002, doors), 2 * bays, 1)
        parts.append(fronts(str(rng.choice(CLOSED)), cells, -depth / 2, wood))
        places = [
            (c[2] - 0.03 if i % 2 == 0 else c[0] + 0.03, -depth / 2 - 0.019, 0.8 * doors) for i, c in enumerate(cells)
        ]
        parts.append(pulls("knob", places, f.metal if rng.random() < 0.5 else f.metal_dark))
        walls.append((edge[0], inner[0], doors, edge[-1], inner[1], low))
    same = _levels(rng, low, height - thick + THICK, about)
    for x0, x1 in pairwise(edge):
        levels = same if rng.random() < 0.6 else _levels(rng, low, height - thick + THICK, about)
        bay = (x0 + thick / 2, x1 - thick / 2)
        walls += [(bay[0], inner[0], z - thick, bay[1], inner[1], z) for z in levels[1:-1]]
        parts += _stocked(rng, f, bay, levels, depth - 0.01, bookish)
    top = [thing(rng, f, 0.3, 0.35).moved((rng.uniform(-0.4, 0.4) * width, 0, height)) for _ in range(2)]
    return middle(merge([*parts, boards(walls, wood), *(top if height < 1.4 and rng.random() < 0.5 else [])]))


def bookcase_tall(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Man-high shelves, with or without a back."""
    bays = int(rng.integers(1, 3))
    size = (rng.uniform(0.6, 0.9) * bays**0.75, rng.uniform(0.28, 0.34), rng.uniform(1.75, 2.15))
    return _bookcase(rng, f, size, bays, rng.uniform(0.32, 0.4))


def bookcase_low(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Two or three boards high, things on top."""
    bays = int(rng.integers(1, 3))
    size = (rng.uniform(0.65, 0.95) * bays, rng.uniform(0.28, 0.36), rng.uniform(0.75, 1.25))
    return _bookcase(rng, f, size, bays, 0.34)


def bookcase_with_doors(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Open shelves over closed doors."""
    bays = int(rng.integers(1, 3))
    size = (rng.uniform(0.72, 0.88) * bays**0.75, rng.uniform(0.33, 0.4), rng.uniform(1.85, 2.2))
    return _bookcase(rng, f, size, bays, 0.36, rng.uniform(0.55, 0.8))


def bookcase_cubes(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A grid of square openings; some hold a drawer of cloth or have a door."""
    columns, rows = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    cell, t, depth = float(rng.uniform(0.33, 0.37)), 0.03, float(rng.uniform(0.34, 0.39))
    wood, width, height = timber(rng, f), columns * cell + 0.03, rows * cell + 0.03
    cloth = (f.fabric_second, f.linen, f.accent)[int(rng.integers(3))]
    inner = (-depth / 2 + 0.004, depth / 2 - 0.004)
    xs, zs = np.arange(1, columns) * cell + t / 2 - width / 2, np.arange(1, rows) * cell
    walls = [(x - 0.009, inner[0], t, x + 0.009, inner[1], height - t) for x in xs]
    walls += [(-width / 2 + t, inner[0], z, width / 2 - t, inner[1], z + 0.018) for z in zs]
    back = wood if rng.random() < 0.5 else None
    parts = [case((width, depth, height), wood, back, 0.0, t), boards(walls, wood)]
    for i in range(columns):
        for j in range(rows):
            x, z = (i + 0.5) * cell + t / 2 - width / 2, j * cell + 0.025
            draw, half, top = rng.random(), cell / 2 - 0.016, z + cell - 0.035
            if draw < 0.22:
                parts.append(boards([(x - half, inner[0] + 0.01, z, x + half, inner[1] - 0.03, top)], cloth, 0.006))
                grip = Material("grip", (0.02, 0.02, 0.02))
                parts.append(plates([(x - 0.05, z + 0.2, x + 0.05, z + 0.225, inner[0] + 0.009)], grip))
            elif draw < 0.34:
                parts.append(fronts("flat", [(x - half, z, x + half, top)], inner[0] + 0.02, wood))
                parts.append(pulls("knob", [(x + 0.1, inner[0], z + 0.16)], f.metal_dark))
            elif draw < 0.92:
                parts += _stocked(rng, f, (x - half, x + half), [z, z + cell - 0.015], depth - 0.02, 0.6)
    return middle(merge(parts))


def bookcase_frame(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Boards in a frame of thin metal bars, crossed at the back."""
    width, depth, height = rng.uniform(0.7, 1.2), rng.uniform(0.3, 0.36), rng.uniform(1.55, 1.95)
    metal, wood = (f.metal if rng.random() < 0.35 else f.metal_dark), f.wood if rng.random() < 0.7 else f.wood_second
    t, w, d = 0.022, width / 2, depth / 2
    levels = [z + 0.03 for z in _levels(rng, 0.08, height - 0.03, 0.38)]
    post = [(x - t / 2, y - t / 2, 0, x + t / 2, y + t / 2, height) for x in (-w, w) for y in (-d, d)]
    rails = [(x - t / 2, -d, z - 0.05, x + t / 2, d, z - 0.03) for x in (-w, w) for z in levels]
    rails += [(-w, y - t / 2, z - 0.05, w, y + t / 2, z - 0.03) for y in (-d, d) for z in levels]
    parts = [boards([*post, *rails], metal, 0.0)]
    parts.append(boards([(-w + 0.002, -d - 0.004, z - 0.03, w - 0.002, d, z) for z in levels], wood, 0.004))
    parts += _stocked(rng, f, (-w + 0.03, w - 0.03), levels, depth - 0.02, float(rng.uniform(0.3, 0.7)))
    cross = [[(-w, d + 0.006, 0.1), (w, d + 0.006, height - 0.1)], [(w, d + 0.012, 0.1), (-w, d + 0.012, height - 0.1)]]
    return middle(merge([*parts, *(pipe(line, 0.004, metal, 6) for line in cross)]))


def bookcase_ladder(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A leaning ladder whose shelves get deeper towards the floor."""
    width, height, foot = rng.uniform(0.55, 0.8), rng.uniform(1.75, 2.0), rng.uniform(0.4, 0.48)
    wood = f.wood if rng.random() < 0.6 else f.metal_dark
    slope, w = (foot - 0.1) / height, width / 2
    rail = boards([(-0.014, -0.028, 0, 0.014, 0.028, height)], wood, 0.003)
    lean = np.array([0, slope, 0], np.float32)
    rail.vertices[:] += rail.vertices[:, 2:] * lean
    parts = [rail.moved((x, -foot / 2, 0)) for x in (-w, w)]
    parts.append(boards([(x - 0.014, foot / 2 - 0.03, 0, x + 0.014, foot / 2, height) for x in (-w, w)], wood))
    levels = [float(z) for z in np.linspace(0.28, height - 0.02, 5)]
    for low, high in zip(levels, [*levels[1:], height + 0.3], strict=True):
        front = -foot / 2 + slope * low + 0.02
        parts.append(boards([(-w + 0.014, front, low - 0.02, w - 0.014, foot / 2, low)], f.wood))
        depth, y = foot / 2 - front - 0.01, (foot / 2 + front) / 2
        size = (width - 0.05, depth, min(0.3, high - low - 0.05))
        parts += [m.moved((0, y, low)) for m in shelf_filling(rng, f, size, float(rng.uniform(0.1, 0.6)))]
    return middle(merge(parts))


def _on_board(rng: np.random.Generator, f: Finishes, width: float, depth: float, height: float) -> list[Mesh]:
    """A few things on a board on the wall, whose back is y = 0: mostly gaps."""
    parts, x = [], -width / 2 + rng.uniform(0.02, 0.1)
    while x < width / 2 - 0.12:
        room = width / 2 - x
        if rng.random() < 0.35:
            run = min(room, float(rng.uniform(0.1, 0.3)))
            row = books(rng, run, min(0.24, height), min(0.16, depth - 0.01))
            parts.append(row.moved((x + run / 2, -float(row.bounds[1][1]) - 0.004, 0)))
        else:
            one = thing(rng, f, min(room, depth), height)
            scale = min(1.0, (depth - 0.008) / float(np.ptp(one.bounds, axis=0)[1]))
            one = one.moved(scale=scale)
            run = float(np.ptp(one.bounds, axis=0)[0])
            if run > room:
                break
            x0, y1 = float(one.bounds[0][0]), float(one.bounds[1][1])
            parts.append(
                one.moved((x - x0, -y1 - rng.uniform(0.3, 0.7) * (depth - 0.008 - np.ptp(one.bounds, axis=0)[1]), 0))
            )
        x += run + rng.uniform(0.01, 0.22)
    return parts


def shelf_boards(rng: np.random.Generator, f: Finishes) -> Mesh:
    """One to three boards over each other, floating or on brackets."""
    count, depth, t = int(rng.integers(1, 4)), rng.uniform(0.16, 0.25), rng.uniform(0.018, 0.045)
    width, wood = rng.uniform(0.5, 1.3), timber(rng, f)
    brackets, step, parts = rng.random() < 0.5, rng.uniform(0.3, 0.38), []
    metal = f.metal_dark if rng.random() < 0.7 else f.metal
    for k in range(count):
        z = k * step
        parts.append(boards([(-width / 2, -depth, z - t, width / 2, 0, z)], wood, 0.003))
        if brackets:
            for x in (-0.36 * width, 0.36 * width):
                flat = [(x - 0.012, -0.004, z - t - 0.15, x + 0.012, 0, z - t)]
                flat += [(x - 0.012, -0.8 * depth, z - t - 0.004, x + 0.012, 0, z - t)]
                line = [(x, -0.004, z - t - 0.13), (x, -0.7 * depth, z - t - 0.006)]
                parts += [boards(flat, metal, 0.0), pipe(line, 0.005, metal, 6)]
        parts += [m.moved((0, 0, z)) for m in _on_board(rng, f, width, depth, min(0.28, step - t - 0.02))]
    return hung(parts)


def shelf_boxes(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Two or three open boxes side by side at different heights."""
    parts, x, wood = [], 0.0, timber(rng, f)
    for _ in range(int(rng.integers(2, 4))):
        w, h, depth, z = rng.uniform(0.26, 0.5), rng.uniform(0.24, 0.36), 0.2, rng.uniform(-0.12, 0.12)
        parts.append(case((w, depth, h), wood, wood if rng.random() < 0.5 else None).moved((x + w / 2, -depth / 2, z)))
        filling = _on_board(rng, f, w - 0.05, depth - 0.015, h - 0.06)
        parts += [m.moved((x + w / 2, -0.008, z + THICK)) for m in filling]
        x += w + rng.choice([0.0, 0.05])
    return hung(parts)


def shelf_ledges(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Picture ledges with pictures that lean on the wall."""
    width, wood, parts = rng.uniform(0.7, 1.2), timber(rng, f), []
    for k in range(int(rng.integers(1, 3))):
        z, x = k * rng.uniform(0.44, 0.55), -width / 2 + rng.uniform(0.03, 0.12)
        ledge = [(-width / 2, -0.1, z - 0.014, width / 2, 0, z), (-width / 2, -0.1, z, width / 2, -0.086, z + 0.02)]
        parts.append(boards([*ledge, (-width / 2, -0.012, z, width / 2, 0, z + 0.05)], wood))
        while x < width / 2 - 0.2:
            w, h = rng.uniform(0.15, 0.32), rng.uniform(0.2, 0.38)
            rim = (f.wood, f.metal_dark, f.trim, f.metal)[int(rng.integers(4))]
            e, m, tone = (
                0.014,
                rng.uniform(0.03, 0.07),
                tuple(float(c) for c in rng.uniform(0.05, 0.6) * rng.uniform(0.7, 1, 3)),
            )
            picture = [boards([(-w / 2, -0.015, 0, w / 2, 0, h)], rim)]
            picture.append(plates([(e - w / 2, e, w / 2 - e, h - e, -0.0158)], f.paper))
            inner = plates([(m - w / 2, m, w / 2 - m, h - m, -0.0164)], Material("print", (tone[0], tone[1], tone[2])))
            one = merge([*picture, inner]).tilted("x", -0.09)
            parts.append(one.moved((x + w / 2, -0.05 - rng.uniform(0, 0.012), z)))
            x += w + rng.uniform(-0.05, 0.12)
    return hung(parts)


def shelf_rails(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Boards hooked into two ladders of wire."""
    width, height, depth = rng.uniform(0.6, 0.9), rng.uniform(0.75, 1.2), rng.uniform(0.2, 0.28)
    metal, wood, parts = (f.metal_dark if rng.random() < 0.6 else f.metal), f.wood, []
    for x in (-width / 2, width / 2):
        for y in (-0.008, -depth):
            parts.append(pipe([(x, y, 0), (x, y, height)], 0.004, metal, 6))
        rungs = np.arange(0.03, height, 0.14)
        parts += [pipe([(x, -0.008, z), (x, -depth, z)], 0.003, metal, 6) for z in rungs]
    count = int(rng.integers(2, 4))
    for k in range(count):
        z = 0.06 + k * (height - 0.2) / max(count - 1, 1)
        parts.append(boards([(-width / 2, -depth, z - 0.02, width / 2, -0.004, z)], wood, 0.003))
        parts += [m.moved((0, -0.004, z)) for m in _on_board(rng, f, width - 0.03, depth - 0.012, 0.22)]
    return hung(parts)


def shelf_round(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A hoop of bent wood with one or two boards across it."""
    r, depth, wood = rng.uniform(0.28, 0.42), rng.uniform(0.13, 0.18), f.wood if rng.random() < 0.6 else f.metal_dark
    angle, parts = np.linspace(0, 2 * np.pi, 49), []
    stave = boards([(-1.02 * r * np.pi / 48, -depth, r - 0.012, 1.02 * r * np.pi / 48, 0, r)], wood, 0.0)
    parts += [stave.tilted("y", float(a)) for a in angle[:-1]]
    for z in (-0.3 * r,) if rng.random() < 0.4 else (-0.45 * r, 0.3 * r):
        half = np.sqrt((r - 0.01) ** 2 - z**2)
        parts.append(boards([(-half, -depth + 0.004, z - 0.014, half, -0.002, z)], wood))
        parts += [m.moved((0, -0.003, z)) for m in _on_board(rng, f, 1.6 * half, depth - 0.01, 0.6 * r)]
    return hung(parts)
