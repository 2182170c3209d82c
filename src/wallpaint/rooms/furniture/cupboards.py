"""Sideboards and cabinets, with shared bases, door fronts and drawer fronts."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.furniture.books import shelf_contents
from wallpaint.rooms.furniture.carcass import (
    FRONT_THICKNESS,
    Cell,
    boards,
    case,
    center_on_floor,
    front_quads,
    fronts,
    grid_cells,
    legs,
    pulls,
    random_carcass_wood,
    slab,
)
from wallpaint.rooms.furniture.mouldings import instanced
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, cylinder, merge
from wallpaint.rooms.surfaces.finishes import Finishes

BEZEL = Material("bezel", (0.02, 0.02, 0.022), roughness=0.4, f0=0.04)


def random_metal(rng: np.random.Generator, f: Finishes) -> Material:
    """Sample bright or dark metal."""
    return f.metal if rng.random() < 0.55 else f.metal_dark


def cabinet_base(rng: np.random.Generator, f: Finishes, size: Point, wood: Material, style: str) -> Mesh:
    """Plinth, legs or frame under a cabinet. size: width and depth of the cabinet, height of its underside.

    style: "plinth", "splayed", "frame" or "bun"; anything else gives square tapered legs.
    """
    w, d, h = size[0] / 2, size[1] / 2, size[2]
    if style == "plinth":
        return boards([(-w + 0.01, -d + 0.04, 0, w - 0.01, d - 0.01, h)], wood)
    if style == "splayed":
        frame = [(-w + 0.1, y - 0.012, h - 0.03, w - 0.1, y + 0.012, h) for y in (-d + 0.08, d - 0.08)]
        splayed_legs = legs("round", h - 0.005, (w - 0.16, d - 0.09), wood, 0.036, 0.16)
        return merge([boards(frame, wood), splayed_legs])
    if style == "frame":
        t, metal = 0.02, random_metal(rng, f)
        bars = [
            (x - t / 2, y - t / 2, 0, x + t / 2, y + t / 2, h)
            for x in (-w + 0.02, w - 0.02)
            for y in (-d + 0.02, d - 0.02)
        ]
        bars += [(x - t / 2, -d + 0.02, 0, x + t / 2, d - 0.02, t) for x in (-w + 0.02, w - 0.02)]
        return boards(bars, metal, 0.0)
    if style == "bun":
        return legs("bun", h, (w - 0.06, d - 0.06), wood, 0.075)
    return legs("square", h, (w - 0.035, d - 0.035), wood, 0.05)


def drawer_fronts(cells: list[Cell], style: str, y: float, wood: Material, pull: str, metal: Material) -> Mesh:
    """Drawer fronts with one pull each, two on wide ones."""
    positions, drawer_width = [], cells[0][2] - cells[0][0]
    for x0, z0, x1, z1 in cells:
        z = z1 - 0.028 if pull == "slot" else (z0 + z1) / 2
        xs = (0.5,) if x1 - x0 < 0.62 else (0.25, 0.75)
        positions += [(x0 + s * (x1 - x0), y - FRONT_THICKNESS, z) for s in xs]
    return merge([fronts(style, cells, y, wood), pulls(pull, positions, metal, min(0.16, 0.4 * drawer_width))])


def door_fronts(
    cells: list[Cell],
    style: str,
    y: float,
    wood: Material,
    pull: str,
    metal: Material,
    up: float = 0.72,
    first: int = 0,
) -> Mesh:
    """Door fronts in pairs whose pulls meet in the middle, at the share `up` of the height.

    first: 1 if the first door is a right-hand one.
    """
    positions = []
    single = len(cells) - 1 if len(cells) > 1 and len(cells) % 2 else -1
    for i, (x0, z0, x1, z1) in enumerate(cells):
        left = (i + first) % 2 == 0 and i != single
        x = x1 - 0.035 if left else x0 + 0.035
        positions.append((x, y - FRONT_THICKNESS, z0 + up * (z1 - z0)))
    handles = pulls("knob" if pull == "cup" else pull, positions, metal, 0.16, upright=True)
    return merge([fronts(style, cells, y, wood), handles])


def _sideboard(
    rng: np.random.Generator,
    f: Finishes,
    size: Point,
    foot: tuple[str, float],
    door: str,
    drawer: str,
    pull: str,
    wood: Material,
    face: Material,
) -> Mesh:
    """A sideboard: a row of doors with one stack of drawers, or drawers over doors. foot: base style and height."""
    w, d, h = size[0], size[1], size[2] - foot[1]
    overhang = rng.uniform(0.0, 0.015)
    meshes = [case((w, d, h - 0.022), wood, wood, foot[1], 0.02), cabinet_base(rng, f, (w, d, foot[1]), wood, foot[0])]
    half, front = w / 2 + overhang, -d / 2 - FRONT_THICKNESS - overhang
    meshes.append(boards([(-half, front, size[2] - 0.022, half, d / 2, size[2])], wood, 0.003))
    x, z = (-w / 2 + 0.003, w / 2 - 0.003), (foot[1] + 0.003, size[2] - 0.026)
    metal, y = random_metal(rng, f), -d / 2
    columns = max(2, round(w / 0.48))
    edge = np.linspace(*x, columns + 1)
    if rng.random() < 0.4:
        split = z[1] - rng.uniform(0.13, 0.18)
        meshes.append(drawer_fronts(grid_cells(x, (split, z[1]), columns, 1), drawer, y, face, pull, metal))
        meshes.append(door_fronts(grid_cells(x, (z[0], split), columns, 1), door, y, face, pull, metal))
        return center_on_floor(merge(meshes))
    stack = int(rng.integers(columns)) if columns > 2 else 0
    for i in range(columns):
        span = (float(edge[i]), float(edge[i + 1]))
        if i == stack:
            meshes.append(drawer_fronts(grid_cells(span, z, 1, int(rng.integers(3, 5))), drawer, y, face, pull, metal))
        else:
            door_cells = grid_cells(span, z, 1, 1)
            meshes.append(
                door_fronts(
                    door_cells, door, y, face, pull, metal, first=int(i == columns - 1 or (i - (i > stack)) % 2)
                )
            )
    return center_on_floor(merge(meshes))


def sideboard_modern(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Flat fronts without handles on a plinth or slim feet."""
    size = (rng.uniform(1.1, 2.0), rng.uniform(0.38, 0.46), rng.uniform(0.68, 0.85))
    foot = [("plinth", 0.06), ("frame", rng.uniform(0.12, 0.2)), ("square", 0.14)][int(rng.integers(3))]
    wood, door = random_carcass_wood(rng, f), str(rng.choice(["flat", "slats", "flat"]))
    face = random_carcass_wood(rng, f) if rng.random() < 0.3 else wood
    return _sideboard(rng, f, size, foot, door, "flat", str(rng.choice(["none", "slot", "bar", "knob"])), wood, face)


def sideboard_midcentury(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Warm wood on tapered legs."""
    size = (rng.uniform(1.3, 2.0), rng.uniform(0.4, 0.46), rng.uniform(0.72, 0.82))
    wood = f.wood if rng.random() < 0.6 else f.wood_second
    face = f.lacquer if rng.random() < 0.25 else wood
    door = "slats" if rng.random() < 0.3 else "flat"
    return _sideboard(rng, f, size, ("splayed", rng.uniform(0.18, 0.26)), door, "flat", "knob", wood, face)


def sideboard_country(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Framed doors, knobs, and a thick top."""
    size = (rng.uniform(1.1, 1.7), rng.uniform(0.4, 0.48), rng.uniform(0.82, 0.95))
    foot = ("bun", 0.08) if rng.random() < 0.5 else ("plinth", 0.08)
    face = f.lacquer if rng.random() < 0.5 else f.wood
    style, pull = str(rng.choice(["shaker", "raised", "planks"])), str(rng.choice(["knob", "cup"]))
    return _sideboard(rng, f, size, foot, style, "flat", pull, face, face)


def sideboard_rattan(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Doors of woven cane."""
    w, d, h, foot = rng.uniform(1.0, 1.5), rng.uniform(0.38, 0.44), rng.uniform(0.7, 0.85), rng.uniform(0.14, 0.2)
    wood, t = (f.wood if rng.random() < 0.7 else f.metal_dark), 0.02
    meshes = [case((w, d, h - foot), wood, wood, foot, t), cabinet_base(rng, f, (w, d, foot), wood, "square")]
    cells = grid_cells((-w / 2 + t, w / 2 - t), (foot + t, h - t), 2 if w < 1.2 else 3, 1)
    return center_on_floor(
        merge([*meshes, door_fronts(cells, "rattan", -d / 2 + FRONT_THICKNESS + 0.004, wood, "knob", f.metal, 0.5)])
    )


def sideboard_reeded(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A cabinet with rounded ends, wrapped in half-round reeds under a thick top."""
    w, d, h = rng.uniform(1.2, 1.7), rng.uniform(0.4, 0.46), rng.uniform(0.7, 0.82)
    wood, r, flat = (f.wood if rng.random() < 0.6 else f.lacquer), d / 2, w / 2 - d / 2
    along = np.arange(-flat, flat, 0.03)
    reeds = [(float(x), -r, 0.06) for x in along]
    turn = np.linspace(0, np.pi / 2, round(r * np.pi / 2 / 0.03) + 1)
    for side in (-1, 1):
        reeds += [(side * float(flat + r * np.sin(a)), -r * float(np.cos(a)), 0.06) for a in turn]
    reed = cylinder(0.014, h - 0.09, wood, segments=8)
    meshes = [instanced(reed, np.broadcast_to(np.eye(3), (len(reeds), 3, 3)), np.array(reeds))]
    body = [(-flat, -r, 0.06, flat, r, h - 0.03), (-flat - r * 0.7, -r * 0.7, 0.06, flat + r * 0.7, r, h - 0.03)]
    meshes.append(boards([*body, (-w / 2 + 0.002, 0, 0.06, w / 2 - 0.002, r, h - 0.03)], wood, 0.0))
    meshes.append(boards([(-flat - r * 0.5, -r * 0.6, 0, flat + r * 0.5, r - 0.03, 0.06)], f.metal_dark))
    angle = np.linspace(-np.pi / 2, np.pi / 2, 13)
    front = [
        (float((flat if k else -flat) + (r + 0.025) * np.sin(a)), float(-(r + 0.025) * np.cos(a)))
        for k in (0, 1)
        for a in angle
    ]
    front = [p for i, p in enumerate(front) if (i <= 6) or (i >= 19)]
    outline = [(-w / 2 - 0.025, r), *front, (w / 2 + 0.025, r)]
    return center_on_floor(merge([*meshes, slab(outline, h - 0.03, 0.03, wood)]))


def cabinet_high(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A highboard: doors above drawers or two rows of doors."""
    w, d, h = rng.uniform(0.75, 1.1), rng.uniform(0.38, 0.45), rng.uniform(1.1, 1.5)
    foot = [("plinth", 0.06), ("splayed", 0.18), ("square", 0.14)][int(rng.integers(3))]
    wood, style = random_carcass_wood(rng, f), str(rng.choice(["flat", "shaker", "slats", "raised"]))
    pull, metal = str(rng.choice(["knob", "bar", "slot"])), random_metal(rng, f)
    meshes = [case((w, d, h - foot[1]), wood, wood, foot[1]), cabinet_base(rng, f, (w, d, foot[1]), wood, foot[0])]
    x, split = (-w / 2 + 0.002, w / 2 - 0.002), foot[1] + rng.uniform(0.4, 0.6) * (h - foot[1])
    low = grid_cells(x, (foot[1] + 0.002, split), 1, int(rng.integers(2, 4)))
    meshes.append(drawer_fronts(low, "flat", -d / 2, wood, pull, metal))
    meshes.append(door_fronts(grid_cells(x, (split, h - 0.004), 2, 1), style, -d / 2, wood, pull, metal, 0.3))
    return center_on_floor(merge(meshes))


def cabinet_hutch(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A dresser for dishes: closed below, open shelves above, a cornice."""
    w, d, h, low = rng.uniform(0.95, 1.3), rng.uniform(0.42, 0.48), rng.uniform(1.85, 2.1), rng.uniform(0.82, 0.92)
    wood, style, upper = (f.lacquer if rng.random() < 0.6 else f.wood), str(rng.choice(["shaker", "planks"])), 0.3
    metal, x = random_metal(rng, f), (-w / 2 + 0.003, w / 2 - 0.003)
    meshes = [case((w, d, low - 0.1), wood, wood, 0.07), cabinet_base(rng, f, (w, d, 0.07), wood, "plinth")]
    meshes.append(boards([(-w / 2 - 0.015, -d / 2 - 0.035, low - 0.03, w / 2 + 0.015, d / 2, low)], f.wood, 0.005))
    meshes.append(drawer_fronts(grid_cells(x, (low - 0.2, low - 0.034), 2, 1), "flat", -d / 2, wood, "knob", metal))
    meshes.append(door_fronts(grid_cells(x, (0.075, low - 0.2), 2, 1), style, -d / 2, wood, "knob", metal))
    meshes.append(case((w - 0.02, upper, h - low), wood, wood, low).moved((0, d / 2 - upper / 2, 0)))
    meshes.append(boards([(-w / 2 - 0.02, d / 2 - upper - 0.03, h - 0.01, w / 2 + 0.02, d / 2, h + 0.03)], wood, 0.012))
    levels = np.linspace(low + 0.005, h, 4)
    for z in levels[:-1]:
        if z > low + 0.1:
            meshes.append(boards([(-w / 2 + 0.028, d / 2 - upper + 0.01, z - 0.018, w / 2 - 0.028, d / 2, z)], wood))
        filling = shelf_contents(rng, f, (w - 0.08, upper - 0.03, float(levels[1] - levels[0]) - 0.05), 0.12)
        meshes += [m.moved((0, d / 2 - upper / 2, max(z, low))) for m in filling]
    return center_on_floor(merge(meshes))


def cabinet_locker(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A metal locker with louvred doors."""
    columns, h, d = int(rng.integers(2, 4)), rng.uniform(1.2, 1.75), rng.uniform(0.4, 0.45)
    w, paint = 0.34 * columns, f.lacquer if rng.random() < 0.6 else f.metal_dark
    meshes = [
        case((w, d, h - 0.12), paint, paint, 0.12, 0.012),
        legs("rod", 0.125, (w / 2 - 0.03, d / 2 - 0.03), f.metal_dark),
    ]
    cells = grid_cells((-w / 2, w / 2), (0.122, h - 0.002), columns, int(rng.integers(1, 3)))
    meshes.append(fronts("flat", cells, -d / 2, paint, 0.014))
    slots = []
    for x0, _, x1, z1 in cells:
        slots += [(x0 + 0.09, z1 - s, x1 - 0.09, z1 - s + 0.008, -d / 2 - 0.0146) for s in np.arange(0.08, 0.2, 0.022)]
    meshes.append(front_quads(slots, BEZEL))
    positions = [(c[2] - 0.04, -d / 2 - 0.014, (c[1] + c[3]) / 2) for c in cells]
    return center_on_floor(merge([*meshes, pulls("bar", positions, f.metal, 0.1, upright=True)]))
