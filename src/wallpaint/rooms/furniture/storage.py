"""Storage furniture by category, with wardrobes, chests of drawers, television units and filing cabinets."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.furniture import FurnitureCategory, cupboards, hallway, shelving
from wallpaint.rooms.furniture.books import book_pile, shelf_contents, shelf_object
from wallpaint.rooms.furniture.carcass import (
    FRONT_THICKNESS,
    boards,
    case,
    center_on_floor,
    front_quads,
    fronts,
    grid_cells,
    legs,
    pipe,
    pulls,
    random_carcass_wood,
)
from wallpaint.rooms.furniture.cupboards import BEZEL, cabinet_base, door_fronts, drawer_fronts, random_metal
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, merge
from wallpaint.rooms.surfaces.finishes import Finishes


def _wardrobe(rng: np.random.Generator, f: Finishes) -> Mesh:
    count, d, h = int(rng.integers(2, 5)), rng.uniform(0.56, 0.62), rng.uniform(1.95, 2.3)
    w, foot, wood = count * rng.uniform(0.45, 0.52), 0.07, random_carcass_wood(rng, f)
    style, metal, pull = (
        str(rng.choice(["flat", "flat", "shaker", "raised"])),
        random_metal(rng, f),
        str(rng.choice(["bar", "knob", "slot"])),
    )
    meshes = [case((w, d, h - foot), wood, wood, foot), cabinet_base(rng, f, (w, d, foot), wood, "plinth")]
    low, x = foot + 0.003, (-w / 2 + 0.002, w / 2 - 0.002)
    if rng.random() < 0.4:
        rows, low = int(rng.integers(1, 3)), foot + 0.003 + rng.uniform(0.22, 0.45)
        cells = grid_cells(x, (foot + 0.003, low), max(1, count // 2), rows)
        meshes.append(drawer_fronts(cells, "flat", -d / 2, wood, pull, metal))
    leaves = grid_cells(x, (low, h - 0.003), count, 1)
    meshes.append(door_fronts(leaves, style, -d / 2, wood, pull, metal, 0.45))
    if rng.random() < 0.3:
        a, b, c, e = leaves[int(rng.integers(count))]
        glass = (a + 0.07, b + 0.1, c - 0.07, e - 0.1, -d / 2 - FRONT_THICKNESS - 0.002)
        meshes.append(front_quads([glass], f.mirror))
    return center_on_floor(merge(meshes))


def _wardrobe_sliding(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A wardrobe with two or three sliding doors, one of them mirrored."""
    count, d, h = int(rng.integers(2, 4)), rng.uniform(0.6, 0.66), rng.uniform(2.0, 2.35)
    w, wood, t = count * rng.uniform(0.7, 0.95), random_carcass_wood(rng, f), 0.022
    face, rail = (
        (random_carcass_wood(rng, f) if rng.random() < 0.5 else wood),
        (f.metal if rng.random() < 0.6 else f.metal_dark),
    )
    meshes = [
        case((w, d, h), wood, wood, 0.0, t),
        boards([(-w / 2 + t, -d / 2 + 0.05, t, w / 2 - t, -d / 2 + 0.06, h - t)], face, 0.0),
    ]
    mirror, edge = int(rng.integers(count)), np.linspace(-w / 2 + t, w / 2 - t, count + 1)
    bands = int(rng.choice([1, 1, 3]))
    for i in range(count):
        y, x0, x1 = -d / 2 + (0.002 if i % 2 else 0.026), float(edge[i]) - 0.015 * (i > 0), float(edge[i + 1])
        stile = [(x, y, t, x + 0.03, y + 0.022, h - t) for x in (x0, x1 - 0.03)]
        stile += [(x0, y, z, x1, y + 0.022, z + 0.03) for z in (t, h - t - 0.03)]
        meshes.append(boards(stile, rail))
        for a, b, c, e in grid_cells((x0 + 0.03, x1 - 0.03), (t + 0.03, h - t - 0.03), 1, bands):
            is_mirror = i == mirror and (bands == 1 or rng.random() < 0.7)
            meshes.append(front_quads([(a, b + 0.002, c, e - 0.002, y + 0.008)], f.mirror if is_mirror else face))
    return center_on_floor(merge(meshes))


def _wardrobe_armoire(rng: np.random.Generator, f: Finishes) -> Mesh:
    """An old wardrobe: cornice, two panelled doors, a drawer, bun feet."""
    w, d, h, foot = rng.uniform(1.05, 1.4), rng.uniform(0.52, 0.6), rng.uniform(1.9, 2.15), 0.09
    wood, metal = (f.wood if rng.random() < 0.65 else f.lacquer), f.metal
    meshes = [case((w, d, h - foot), wood, wood, foot, 0.03), cabinet_base(rng, f, (w, d, foot), wood, "bun")]
    for k, out in enumerate((0.015, 0.035, 0.05)):
        z = h + 0.022 * k - 0.005
        meshes.append(
            boards([(-w / 2 - out, -d / 2 - FRONT_THICKNESS - out, z, w / 2 + out, d / 2, z + 0.024)], wood, 0.007)
        )
    meshes.append(
        boards(
            [(-w / 2 - 0.012, -d / 2 - FRONT_THICKNESS - 0.012, foot, w / 2 + 0.012, d / 2, foot + 0.06)], wood, 0.008
        )
    )
    x, low = (-w / 2 + 0.02, w / 2 - 0.02), foot + 0.065
    meshes.append(drawer_fronts(grid_cells(x, (low, low + 0.24), 1, 1), "shaker", -d / 2, wood, "knob", metal))
    for cells in (grid_cells(x, (low + 0.24, low + 0.95), 2, 1), grid_cells(x, (low + 0.95, h - 0.02), 2, 1)):
        meshes.append(fronts("raised", cells, -d / 2, wood))
    positions = [(s * 0.03, -d / 2 - FRONT_THICKNESS, low + 0.95) for s in (-1, 1)]
    return center_on_floor(merge([*meshes, pulls("knob", positions, metal)]))


def _dresser(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A chest of drawers, one or two drawers wide, or with two small ones at the top."""
    two_columns = rng.random() < 0.5
    w, h = (
        (rng.uniform(1.2, 1.6), rng.uniform(0.75, 0.9))
        if two_columns
        else (rng.uniform(0.7, 0.95), rng.uniform(0.85, 1.25))
    )
    d, wood, metal = rng.uniform(0.42, 0.5), random_carcass_wood(rng, f), random_metal(rng, f)
    foot = [("plinth", 0.07), ("splayed", 0.15), ("square", 0.13), ("bun", 0.08)][int(rng.integers(4))]
    style, pull = str(rng.choice(["flat", "flat", "shaker"])), str(rng.choice(["knob", "bar", "cup", "slot", "none"]))
    meshes = [
        case((w, d, h - foot[1] - 0.02), wood, wood, foot[1]),
        cabinet_base(rng, f, (w, d, foot[1]), wood, foot[0]),
    ]
    meshes.append(
        boards([(-w / 2 - 0.01, -d / 2 - FRONT_THICKNESS - 0.01, h - 0.022, w / 2 + 0.01, d / 2, h)], wood, 0.004)
    )
    x, z = (-w / 2 + 0.003, w / 2 - 0.003), (foot[1] + 0.003, h - 0.026)
    top = z[1] - (0.18 if rng.random() < 0.5 else 0.0)
    rows = max(2, round((top - z[0]) / 0.21))
    meshes.append(
        drawer_fronts(grid_cells(x, (z[0], top), 2 if two_columns else 1, rows), style, -d / 2, wood, pull, metal)
    )
    if top < z[1]:
        meshes.append(
            drawer_fronts(grid_cells(x, (top, z[1]), 3 if two_columns else 2, 1), style, -d / 2, wood, pull, metal)
        )
    return center_on_floor(merge(meshes))


def _dresser_apothecary(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Many small drawers in a thick frame on a metal base."""
    columns, rows, cell = int(rng.integers(4, 7)), int(rng.integers(4, 6)), rng.uniform(0.19, 0.23)
    w, h, d, foot = columns * cell, rows * 0.15, rng.uniform(0.38, 0.44), rng.uniform(0.1, 0.25)
    wood, metal = (f.wood if rng.random() < 0.7 else f.wood_second), random_metal(rng, f)
    meshes = [
        case((w + 0.05, d, h + 0.05), wood, wood, foot, 0.025),
        cabinet_base(rng, f, (w + 0.05, d, foot), wood, "frame"),
    ]
    cells = grid_cells((-w / 2, w / 2), (foot + 0.025, foot + 0.025 + h), columns, rows)
    pull = "cup" if rng.random() < 0.6 else "knob"
    return center_on_floor(
        merge([*meshes, drawer_fronts(cells, "flat", -d / 2 + FRONT_THICKNESS + 0.002, wood, pull, metal)])
    )


def television(rng: np.random.Generator) -> Mesh:
    """A flat television of 43 to 65 inches, standing on z = 0."""
    w = float(rng.choice([0.96, 1.08, 1.23, 1.45]))
    h, lift, rim = 0.5625 * w + 0.015, float(rng.uniform(0.05, 0.085)), 0.008
    screen = Material("screen", (0.01, 0.01, 0.012), roughness=float(rng.uniform(0.1, 0.3)), f0=0.04)
    meshes = [boards([(-w / 2, -0.012, lift, w / 2, 0.012, lift + h)], BEZEL)]
    meshes.append(boards([(-0.35 * w, 0.01, lift + 0.06, 0.35 * w, 0.045, lift + 0.6 * h)], BEZEL, 0.01))
    meshes.append(front_quads([(rim - w / 2, lift + 0.016, w / 2 - rim, lift + h - rim, -0.0126)], screen))
    if rng.random() < 0.6:
        for x in (-0.36 * w, 0.36 * w):
            for y in (-0.11, 0.11):
                meshes.append(pipe([(x, 0, lift + 0.02), (x, y, 0.005)], 0.006, BEZEL, 6))
    else:
        meshes.append(boards([(-0.04, -0.008, 0.008, 0.04, 0.02, lift + 0.02)], BEZEL))
        meshes.append(boards([(-0.2 * w, -0.11, 0, 0.2 * w, 0.12, 0.01)], BEZEL, 0.004))
    mesh = merge(meshes)
    return mesh.moved((0, 0, -float(mesh.bounds[0][2])))


def _with_television(rng: np.random.Generator, f: Finishes, meshes: list[Mesh], width: float, height: float) -> Mesh:
    """Merge the unit; usually add a television on it and sometimes an object beside that."""
    if rng.random() < 0.75:
        screen = television(rng)
        half = float(screen.bounds[1][0])
        if half < width / 2 + 0.1:
            meshes.append(screen.moved((0, 0.03, height)))
        if rng.random() < 0.4 and width / 2 - half > 0.2:
            side = 1 if rng.random() < 0.5 else -1
            meshes.append(shelf_object(rng, f, 0.2, 0.35).moved((side * (half + 0.1), 0, height)))
    return center_on_floor(merge(meshes))


def _tv_low(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A long low unit: doors or drawers at its ends, an open shelf between."""
    w, d, h = rng.uniform(1.3, 2.0), rng.uniform(0.38, 0.45), rng.uniform(0.4, 0.58)
    foot = [("plinth", 0.05), ("splayed", 0.15), ("frame", 0.12), ("square", 0.12)][int(rng.integers(4))]
    wood, metal, t = random_carcass_wood(rng, f), random_metal(rng, f), 0.02
    face, pull = (
        (random_carcass_wood(rng, f) if rng.random() < 0.25 else wood),
        str(rng.choice(["none", "slot", "knob"])),
    )
    meshes = [case((w, d, h - foot[1]), wood, wood, foot[1], t), cabinet_base(rng, f, (w, d, foot[1]), wood, foot[0])]
    open_half, z = w * rng.uniform(0.12, 0.2), (foot[1] + t, h - t)
    walls = [
        (x - t / 2, -d / 2 + FRONT_THICKNESS + 0.003, z[0], x + t / 2, d / 2 - 0.01, z[1])
        for x in (-open_half, open_half)
    ]
    middle_z = sum(z) / 2
    walls.append((-open_half, -d / 2 + 0.02, middle_z - 0.009, open_half, d / 2 - 0.01, middle_z + 0.009))
    ends = [(-w / 2 + t, -open_half), (open_half, w / 2 - t)]
    for span in ends:
        y = -d / 2 + FRONT_THICKNESS + 0.002
        if rng.random() < 0.5:
            meshes.append(drawer_fronts(grid_cells(span, z, 1, 2), "flat", y, face, pull, metal))
        else:
            style = "slats" if rng.random() < 0.3 else "flat"
            meshes.append(
                door_fronts(grid_cells(span, z, 2 if span[1] - span[0] > 0.6 else 1, 1), style, y, face, pull, metal)
            )
    media_player = (-0.7 * open_half, -d / 2 + 0.06, middle_z + 0.009, 0.7 * open_half, d / 2 - 0.05, middle_z + 0.055)
    meshes.append(boards([media_player], BEZEL, 0.003))
    filling = shelf_contents(rng, f, (2 * open_half - 0.03, d - 0.06, middle_z - z[0] - 0.02), 0.7)
    meshes += [m.moved((0, 0, z[0])) for m in filling]
    return _with_television(rng, f, [*meshes, boards(walls, wood)], w, h)


def _tv_slats(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A unit with slatted doors all along."""
    w, d, h, foot = rng.uniform(1.4, 2.1), rng.uniform(0.38, 0.44), rng.uniform(0.45, 0.58), rng.uniform(0.08, 0.16)
    wood = f.wood if rng.random() < 0.7 else f.wood_second
    under = cabinet_base(rng, f, (w, d, foot), wood, str(rng.choice(["frame", "plinth", "square"])))
    cells = grid_cells((-w / 2 + 0.02, w / 2 - 0.02), (foot + 0.02, h - 0.02), int(rng.integers(2, 5)), 1)
    slats = fronts("slats", cells, -d / 2 + FRONT_THICKNESS + 0.002, wood)
    return _with_television(rng, f, [case((w, d, h - foot), wood, wood, foot, 0.02), under, slats], w, h)


def _tv_bench(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A thick plank on two blocks, with boxes and books under it."""
    w, d, h, t = rng.uniform(1.4, 1.9), rng.uniform(0.38, 0.44), rng.uniform(0.36, 0.46), rng.uniform(0.04, 0.06)
    wood, block = f.wood, (f.lacquer if rng.random() < 0.5 else f.metal_dark)
    at = w * rng.uniform(0.28, 0.4)
    ends = [(s * at - 0.05, -d / 2 + 0.03, 0, s * at + 0.05, d / 2 - 0.03, h - t) for s in (-1, 1)]
    meshes = [boards([(-w / 2, -d / 2, h - t, w / 2, d / 2, h)], wood, 0.006), boards(ends, block, 0.004)]
    meshes.append(boards([(-at + 0.05, -d / 2 + 0.05, 0.1, at - 0.05, d / 2 - 0.05, 0.12)], wood))
    meshes.append(book_pile(rng, 3, 0.28, 0.24).moved((rng.uniform(-0.5, 0.5) * at, 0, 0.12)))
    return _with_television(rng, f, meshes, w, h)


def _filing_steel(rng: np.random.Generator, f: Finishes) -> Mesh:
    rows, w, d = int(rng.integers(2, 5)), rng.uniform(0.4, 0.47), rng.uniform(0.56, 0.63)
    h = 0.05 + 0.32 * rows
    paint = (f.lacquer, f.trim, f.metal_dark)[int(rng.integers(3))]
    meshes = [
        case((w, d, h), paint, paint, 0.0, 0.012),
        boards([(-w / 2, -d / 2 - 0.004, 0, w / 2, -d / 2, 0.03)], paint),
    ]
    cells = grid_cells((-w / 2 + 0.004, w / 2 - 0.004), (0.035, h - 0.014), 1, rows)
    meshes.append(fronts("flat", cells, -d / 2 + 0.004, paint, 0.018))
    y = -d / 2 - 0.014
    meshes.append(pulls("bar", [(0, y, c[1] + 0.6 * (c[3] - c[1])) for c in cells], f.metal, 0.13))
    holders = [(-0.04, c[1] + 0.75 * (c[3] - c[1]), 0.04, c[1] + 0.88 * (c[3] - c[1]), y - 0.0006) for c in cells]
    return center_on_floor(merge([*meshes, front_quads(holders, f.paper)]))


def _filing_pedestal(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A low pedestal on castors, with two small drawers over a deep one."""
    w, d, h, paint = rng.uniform(0.39, 0.43), rng.uniform(0.5, 0.6), rng.uniform(0.52, 0.6), random_carcass_wood(rng, f)
    meshes = [
        case((w, d, h - 0.06), paint, paint, 0.06, 0.016),
        legs("rod", 0.065, (w / 2 - 0.05, d / 2 - 0.05), BEZEL, 0.05),
    ]
    split = 0.06 + 0.5 * (h - 0.06)
    x, pull = (-w / 2 + 0.002, w / 2 - 0.002), str(rng.choice(["bar", "slot", "cup"]))
    for cells in (grid_cells(x, (0.063, split), 1, 1), grid_cells(x, (split, h - 0.004), 1, 2)):
        meshes.append(drawer_fronts(cells, "flat", -d / 2, paint, pull, f.metal))
    return center_on_floor(merge(meshes))


def _filing_lateral(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A wide wooden cabinet of two or three file drawers."""
    rows, w, d, wood = int(rng.integers(2, 4)), rng.uniform(0.75, 0.95), rng.uniform(0.45, 0.5), f.wood_second
    h = 0.09 + 0.32 * rows
    meshes = [case((w, d, h - 0.06), wood, wood, 0.06), cabinet_base(rng, f, (w, d, 0.06), f.metal_dark, "plinth")]
    cells = grid_cells((-w / 2 + 0.003, w / 2 - 0.003), (0.064, h - 0.004), 1, rows)
    return center_on_floor(merge([*meshes, drawer_fronts(cells, "shaker", -d / 2, wood, "cup", f.metal)]))


CATEGORIES: dict[str, FurnitureCategory] = {
    "bookcase": FurnitureCategory(
        (shelving.bookcase_tall, shelving.bookcase_low, shelving.bookcase_with_doors, shelving.bookcase_cubes),
        (shelving.bookcase_frame, shelving.bookcase_ladder),
    ),
    "wall_shelf": FurnitureCategory(
        (shelving.shelf_boards, shelving.shelf_boxes, shelving.shelf_ledges),
        (shelving.shelf_rails, shelving.shelf_round),
    ),
    "sideboard": FurnitureCategory(
        (cupboards.sideboard_modern, cupboards.sideboard_midcentury, cupboards.sideboard_country),
        (cupboards.sideboard_rattan, cupboards.sideboard_reeded),
    ),
    "cabinet": FurnitureCategory((cupboards.cabinet_high, cupboards.cabinet_hutch), (cupboards.cabinet_locker,)),
    "wardrobe": FurnitureCategory((_wardrobe, _wardrobe_sliding), (_wardrobe_armoire,)),
    "dresser": FurnitureCategory((_dresser,), (_dresser_apothecary,)),
    "tv_unit": FurnitureCategory((_tv_low, _tv_slats), (_tv_bench,)),
    "filing_cabinet": FurnitureCategory((_filing_steel, _filing_pedestal), (_filing_lateral,)),
    **hallway.CATEGORIES,
}
