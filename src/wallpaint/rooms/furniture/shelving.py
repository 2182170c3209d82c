"""Open shelving with contents, floor-standing and wall-mounted."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from wallpaint.rooms.furniture.books import shelf_contents, shelf_object, standing_books
from wallpaint.rooms.furniture.carcass import (
    BOARD_THICKNESS,
    boards,
    case,
    center_on_floor,
    front_quads,
    fronts,
    grid_cells,
    merge_on_wall,
    pipe,
    pulls,
    random_carcass_wood,
)
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, merge
from wallpaint.rooms.surfaces.finishes import Finishes

DOOR_STYLES = ("flat", "flat", "shaker", "planks")


def _sample_shelf_heights(rng: np.random.Generator, low: float, high: float, spacing: float) -> list[float]:
    """Sample shelf heights from low to high, both included. spacing: mean distance."""
    count = max(1, round((high - low) / spacing))
    share = np.cumsum(rng.uniform(0.85, 1.2, count))
    return [low, *(float(low + (high - low) * s / share[-1]) for s in share)]


def _bay_contents(
    rng: np.random.Generator,
    f: Finishes,
    bay: tuple[float, float],
    levels: list[float],
    depth: float,
    book_share: float,
) -> list[Mesh]:
    """The contents of one bay. bay: x range. levels: upper faces of the shelves."""
    meshes = []
    for low, high in pairwise(levels):
        if rng.random() < 0.06:
            continue
        size = (bay[1] - bay[0] - 0.004, depth, high - low - BOARD_THICKNESS)
        filling = shelf_contents(rng, f, size, float(np.clip(book_share + rng.normal(0, 0.2), 0, 1)))
        meshes += [m.moved(((bay[0] + bay[1]) / 2, 0, low)) for m in filling]
    return meshes


def _bookcase(
    rng: np.random.Generator, f: Finishes, size: Point, bays: int, spacing: float, doors: float = 0.0
) -> Mesh:
    """A bookcase. spacing: mean distance of the shelves. doors: height of a closed lower section, or 0."""
    width, depth, height = size
    wood, thickness = random_carcass_wood(rng, f), float(rng.choice([0.018, 0.022, 0.03]))
    foot = float(rng.choice([0.0, 0.05, 0.08]))
    back = None if rng.random() < 0.2 and doors == 0 else wood
    meshes = [case((width, depth, height - foot), wood, back, foot, thickness)]
    if foot:
        toe = (-width / 2 + 0.01, -depth / 2 + 0.03, 0, width / 2 - 0.01, depth / 2 - 0.01, foot)
        meshes.append(boards([toe], wood))
    edge = np.linspace(-width / 2 + thickness / 2, width / 2 - thickness / 2, bays + 1)
    inner = (-depth / 2 + 0.004, depth / 2 - 0.008)
    dividers = [
        (x - thickness / 2, inner[0], foot + thickness, x + thickness / 2, inner[1], height - thickness)
        for x in edge[1:-1]
    ]
    low, book_share = foot + thickness, float(rng.uniform(0.55, 0.95))
    if doors:
        low = doors + thickness
        cells = grid_cells((-width / 2 + 0.002, width / 2 - 0.002), (foot + 0.002, doors), 2 * bays, 1)
        meshes.append(fronts(str(rng.choice(DOOR_STYLES)), cells, -depth / 2, wood))
        positions = [
            (c[2] - 0.03 if i % 2 == 0 else c[0] + 0.03, -depth / 2 - 0.019, 0.8 * doors) for i, c in enumerate(cells)
        ]
        meshes.append(pulls("knob", positions, f.metal if rng.random() < 0.5 else f.metal_dark))
        dividers.append((edge[0], inner[0], doors, edge[-1], inner[1], low))
    shared_levels = _sample_shelf_heights(rng, low, height - thickness + BOARD_THICKNESS, spacing)
    for x0, x1 in pairwise(edge):
        levels = (
            shared_levels
            if rng.random() < 0.6
            else _sample_shelf_heights(rng, low, height - thickness + BOARD_THICKNESS, spacing)
        )
        bay = (x0 + thickness / 2, x1 - thickness / 2)
        dividers += [(bay[0], inner[0], z - thickness, bay[1], inner[1], z) for z in levels[1:-1]]
        meshes += _bay_contents(rng, f, bay, levels, depth - 0.01, book_share)
    top = [shelf_object(rng, f, 0.3, 0.35).moved((rng.uniform(-0.4, 0.4) * width, 0, height)) for _ in range(2)]
    return center_on_floor(
        merge([*meshes, boards(dividers, wood), *(top if height < 1.4 and rng.random() < 0.5 else [])])
    )


def bookcase_tall(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A tall bookcase, with or without a back panel."""
    bays = int(rng.integers(1, 3))
    size = (rng.uniform(0.6, 0.9) * bays**0.75, rng.uniform(0.28, 0.34), rng.uniform(1.75, 2.15))
    return _bookcase(rng, f, size, bays, rng.uniform(0.32, 0.4))


def bookcase_low(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A low bookcase, perhaps with objects on top."""
    bays = int(rng.integers(1, 3))
    size = (rng.uniform(0.65, 0.95) * bays, rng.uniform(0.28, 0.36), rng.uniform(0.75, 1.25))
    return _bookcase(rng, f, size, bays, 0.34)


def bookcase_with_doors(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Open shelves above a section with doors."""
    bays = int(rng.integers(1, 3))
    size = (rng.uniform(0.72, 0.88) * bays**0.75, rng.uniform(0.33, 0.4), rng.uniform(1.85, 2.2))
    return _bookcase(rng, f, size, bays, 0.36, rng.uniform(0.55, 0.8))


def bookcase_cubes(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A grid of square openings; some hold a drawer of cloth or have a door."""
    columns, rows = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    cell, t, depth = float(rng.uniform(0.33, 0.37)), 0.03, float(rng.uniform(0.34, 0.39))
    wood, width, height = random_carcass_wood(rng, f), columns * cell + 0.03, rows * cell + 0.03
    cloth = (f.fabric_second, f.linen, f.accent)[int(rng.integers(3))]
    inner = (-depth / 2 + 0.004, depth / 2 - 0.004)
    xs, zs = np.arange(1, columns) * cell + t / 2 - width / 2, np.arange(1, rows) * cell
    dividers = [(x - 0.009, inner[0], t, x + 0.009, inner[1], height - t) for x in xs]
    dividers += [(-width / 2 + t, inner[0], z, width / 2 - t, inner[1], z + 0.018) for z in zs]
    back = wood if rng.random() < 0.5 else None
    meshes = [case((width, depth, height), wood, back, 0.0, t), boards(dividers, wood)]
    for i in range(columns):
        for j in range(rows):
            x, z = (i + 0.5) * cell + t / 2 - width / 2, j * cell + 0.025
            sample, half, top = rng.random(), cell / 2 - 0.016, z + cell - 0.035
            if sample < 0.22:
                meshes.append(boards([(x - half, inner[0] + 0.01, z, x + half, inner[1] - 0.03, top)], cloth, 0.006))
                grip = Material("grip", (0.02, 0.02, 0.02))
                meshes.append(front_quads([(x - 0.05, z + 0.2, x + 0.05, z + 0.225, inner[0] + 0.009)], grip))
            elif sample < 0.34:
                meshes.append(fronts("flat", [(x - half, z, x + half, top)], inner[0] + 0.02, wood))
                meshes.append(pulls("knob", [(x + 0.1, inner[0], z + 0.16)], f.metal_dark))
            elif sample < 0.92:
                meshes += _bay_contents(rng, f, (x - half, x + half), [z, z + cell - 0.015], depth - 0.02, 0.6)
    return center_on_floor(merge(meshes))


def bookcase_frame(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Boards in a metal frame with a cross brace at the back."""
    width, depth, height = rng.uniform(0.7, 1.2), rng.uniform(0.3, 0.36), rng.uniform(1.55, 1.95)
    metal, wood = (f.metal if rng.random() < 0.35 else f.metal_dark), f.wood if rng.random() < 0.7 else f.wood_second
    t, w, d = 0.022, width / 2, depth / 2
    levels = [z + 0.03 for z in _sample_shelf_heights(rng, 0.08, height - 0.03, 0.38)]
    post = [(x - t / 2, y - t / 2, 0, x + t / 2, y + t / 2, height) for x in (-w, w) for y in (-d, d)]
    rails = [(x - t / 2, -d, z - 0.05, x + t / 2, d, z - 0.03) for x in (-w, w) for z in levels]
    rails += [(-w, y - t / 2, z - 0.05, w, y + t / 2, z - 0.03) for y in (-d, d) for z in levels]
    meshes = [boards([*post, *rails], metal, 0.0)]
    meshes.append(boards([(-w + 0.002, -d - 0.004, z - 0.03, w - 0.002, d, z) for z in levels], wood, 0.004))
    meshes += _bay_contents(rng, f, (-w + 0.03, w - 0.03), levels, depth - 0.02, float(rng.uniform(0.3, 0.7)))
    cross = [[(-w, d + 0.006, 0.1), (w, d + 0.006, height - 0.1)], [(w, d + 0.012, 0.1), (-w, d + 0.012, height - 0.1)]]
    return center_on_floor(merge([*meshes, *(pipe(path, 0.004, metal, 6) for path in cross)]))


def bookcase_ladder(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A leaning ladder whose shelves get deeper towards the floor."""
    width, height, foot = rng.uniform(0.55, 0.8), rng.uniform(1.75, 2.0), rng.uniform(0.4, 0.48)
    wood = f.wood if rng.random() < 0.6 else f.metal_dark
    slope, w = (foot - 0.1) / height, width / 2
    rail = boards([(-0.014, -0.028, 0, 0.014, 0.028, height)], wood, 0.003)
    lean = np.array([0, slope, 0], np.float32)
    rail.vertices[:] += rail.vertices[:, 2:] * lean
    meshes = [rail.moved((x, -foot / 2, 0)) for x in (-w, w)]
    meshes.append(boards([(x - 0.014, foot / 2 - 0.03, 0, x + 0.014, foot / 2, height) for x in (-w, w)], wood))
    levels = [float(z) for z in np.linspace(0.28, height - 0.02, 5)]
    for low, high in zip(levels, [*levels[1:], height + 0.3], strict=True):
        front = -foot / 2 + slope * low + 0.02
        meshes.append(boards([(-w + 0.014, front, low - 0.02, w - 0.014, foot / 2, low)], f.wood))
        depth, y = foot / 2 - front - 0.01, (foot / 2 + front) / 2
        size = (width - 0.05, depth, min(0.3, high - low - 0.05))
        meshes += [m.moved((0, y, low)) for m in shelf_contents(rng, f, size, float(rng.uniform(0.1, 0.6)))]
    return center_on_floor(merge(meshes))


def _wall_shelf_contents(
    rng: np.random.Generator, f: Finishes, width: float, depth: float, height: float
) -> list[Mesh]:
    """Sparse objects on a wall shelf whose back is y = 0."""
    meshes, x = [], -width / 2 + rng.uniform(0.02, 0.1)
    while x < width / 2 - 0.12:
        space = width / 2 - x
        if rng.random() < 0.35:
            item_width = min(space, float(rng.uniform(0.1, 0.3)))
            row = standing_books(rng, item_width, min(0.24, height), min(0.16, depth - 0.01))
            meshes.append(row.moved((x + item_width / 2, -float(row.bounds[1][1]) - 0.004, 0)))
        else:
            item = shelf_object(rng, f, min(space, depth), height)
            scale = min(1.0, (depth - 0.008) / float(np.ptp(item.bounds, axis=0)[1]))
            item = item.moved(scale=scale)
            item_width = float(np.ptp(item.bounds, axis=0)[0])
            if item_width > space:
                break
            x0, y1 = float(item.bounds[0][0]), float(item.bounds[1][1])
            meshes.append(
                item.moved((x - x0, -y1 - rng.uniform(0.3, 0.7) * (depth - 0.008 - np.ptp(item.bounds, axis=0)[1]), 0))
            )
        x += item_width + rng.uniform(0.01, 0.22)
    return meshes


def shelf_boards(rng: np.random.Generator, f: Finishes) -> Mesh:
    """One to three stacked boards, floating or on brackets."""
    count, depth, t = int(rng.integers(1, 4)), rng.uniform(0.16, 0.25), rng.uniform(0.018, 0.045)
    width, wood = rng.uniform(0.5, 1.3), random_carcass_wood(rng, f)
    brackets, step, meshes = rng.random() < 0.5, rng.uniform(0.3, 0.38), []
    metal = f.metal_dark if rng.random() < 0.7 else f.metal
    for k in range(count):
        z = k * step
        meshes.append(boards([(-width / 2, -depth, z - t, width / 2, 0, z)], wood, 0.003))
        if brackets:
            for x in (-0.36 * width, 0.36 * width):
                flat = [(x - 0.012, -0.004, z - t - 0.15, x + 0.012, 0, z - t)]
                flat += [(x - 0.012, -0.8 * depth, z - t - 0.004, x + 0.012, 0, z - t)]
                path = [(x, -0.004, z - t - 0.13), (x, -0.7 * depth, z - t - 0.006)]
                meshes += [boards(flat, metal, 0.0), pipe(path, 0.005, metal, 6)]
        meshes += [m.moved((0, 0, z)) for m in _wall_shelf_contents(rng, f, width, depth, min(0.28, step - t - 0.02))]
    return merge_on_wall(meshes)


def shelf_boxes(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Two or three open boxes side by side at different heights."""
    meshes, x, wood = [], 0.0, random_carcass_wood(rng, f)
    for _ in range(int(rng.integers(2, 4))):
        w, h, depth, z = rng.uniform(0.26, 0.5), rng.uniform(0.24, 0.36), 0.2, rng.uniform(-0.12, 0.12)
        meshes.append(case((w, depth, h), wood, wood if rng.random() < 0.5 else None).moved((x + w / 2, -depth / 2, z)))
        filling = _wall_shelf_contents(rng, f, w - 0.05, depth - 0.015, h - 0.06)
        meshes += [m.moved((x + w / 2, -0.008, z + BOARD_THICKNESS)) for m in filling]
        x += w + rng.choice([0.0, 0.05])
    return merge_on_wall(meshes)


def shelf_ledges(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Picture ledges with framed prints that lean on the wall."""
    width, wood, meshes = rng.uniform(0.7, 1.2), random_carcass_wood(rng, f), []
    for k in range(int(rng.integers(1, 3))):
        z, x = k * rng.uniform(0.44, 0.55), -width / 2 + rng.uniform(0.03, 0.12)
        ledge = [(-width / 2, -0.1, z - 0.014, width / 2, 0, z), (-width / 2, -0.1, z, width / 2, -0.086, z + 0.02)]
        meshes.append(boards([*ledge, (-width / 2, -0.012, z, width / 2, 0, z + 0.05)], wood))
        while x < width / 2 - 0.2:
            w, h = rng.uniform(0.15, 0.32), rng.uniform(0.2, 0.38)
            rim = (f.wood, f.metal_dark, f.trim, f.metal)[int(rng.integers(4))]
            e, m, tone = (
                0.014,
                rng.uniform(0.03, 0.07),
                tuple(float(c) for c in rng.uniform(0.05, 0.6) * rng.uniform(0.7, 1, 3)),
            )
            picture = [boards([(-w / 2, -0.015, 0, w / 2, 0, h)], rim)]
            picture.append(front_quads([(e - w / 2, e, w / 2 - e, h - e, -0.0158)], f.paper))
            inner = front_quads(
                [(m - w / 2, m, w / 2 - m, h - m, -0.0164)], Material("print", (tone[0], tone[1], tone[2]))
            )
            one = merge([*picture, inner]).rotated("x", -0.09)
            meshes.append(one.moved((x + w / 2, -0.05 - rng.uniform(0, 0.012), z)))
            x += w + rng.uniform(-0.05, 0.12)
    return merge_on_wall(meshes)


def shelf_rails(rng: np.random.Generator, f: Finishes) -> Mesh:
    """String shelving: boards hung in two wire ladders."""
    width, height, depth = rng.uniform(0.6, 0.9), rng.uniform(0.75, 1.2), rng.uniform(0.2, 0.28)
    metal, wood, meshes = (f.metal_dark if rng.random() < 0.6 else f.metal), f.wood, []
    for x in (-width / 2, width / 2):
        for y in (-0.008, -depth):
            meshes.append(pipe([(x, y, 0), (x, y, height)], 0.004, metal, 6))
        rungs = np.arange(0.03, height, 0.14)
        meshes += [pipe([(x, -0.008, z), (x, -depth, z)], 0.003, metal, 6) for z in rungs]
    count = int(rng.integers(2, 4))
    for k in range(count):
        z = 0.06 + k * (height - 0.2) / max(count - 1, 1)
        meshes.append(boards([(-width / 2, -depth, z - 0.02, width / 2, -0.004, z)], wood, 0.003))
        meshes += [m.moved((0, -0.004, z)) for m in _wall_shelf_contents(rng, f, width - 0.03, depth - 0.012, 0.22)]
    return merge_on_wall(meshes)


def shelf_round(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A hoop of bent wood with one or two boards across it."""
    r, depth, wood = rng.uniform(0.28, 0.42), rng.uniform(0.13, 0.18), f.wood if rng.random() < 0.6 else f.metal_dark
    angle, meshes = np.linspace(0, 2 * np.pi, 49), []
    stave = boards([(-1.02 * r * np.pi / 48, -depth, r - 0.012, 1.02 * r * np.pi / 48, 0, r)], wood, 0.0)
    meshes += [stave.rotated("y", float(a)) for a in angle[:-1]]
    for z in (-0.3 * r,) if rng.random() < 0.4 else (-0.45 * r, 0.3 * r):
        half = np.sqrt((r - 0.01) ** 2 - z**2)
        meshes.append(boards([(-half, -depth + 0.004, z - 0.014, half, -0.002, z)], wood))
        meshes += [m.moved((0, -0.003, z)) for m in _wall_shelf_contents(rng, f, 1.6 * half, depth - 0.01, 0.6 * r)]
    return merge_on_wall(meshes)
