"""Furniture for keeping things, by kind; here wardrobes, chests of drawers, television units, filing cabinets."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.furniture import Kind, cupboards, hallway, shelving
from wallpaint.rooms.furniture.books import pile, shelf_filling, thing
from wallpaint.rooms.furniture.carcass import (
    FRONT,
    boards,
    case,
    fronts,
    grid,
    legs,
    middle,
    pipe,
    plates,
    pulls,
    timber,
)
from wallpaint.rooms.furniture.cupboards import BEZEL, any_metal, doors, drawers, feet
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, merge
from wallpaint.rooms.surfaces.finishes import Finishes


def _wardrobe(rng: np.random.Generator, f: Finishes) -> Mesh:
    count, d, h = int(rng.integers(2, 5)), rng.uniform(0.56, 0.62), rng.uniform(1.95, 2.3)
    w, foot, wood = count * rng.uniform(0.45, 0.52), 0.07, timber(rng, f)
    style, metal, pull = (
        str(rng.choice(["flat", "flat", "shaker", "raised"])),
        any_metal(rng, f),
        str(rng.choice(["bar", "knob", "slot"])),
    )
    parts = [case((w, d, h - foot), wood, wood, foot), feet(rng, f, (w, d, foot), wood, "plinth")]
    low, x = foot + 0.003, (-w / 2 + 0.002, w / 2 - 0.002)
    if rng.random() < 0.4:
        rows, low = int(rng.integers(1, 3)), foot + 0.003 + rng.uniform(0.22, 0.45)
        cells = grid(x, (foot + 0.003, low), max(1, count // 2), rows)
        parts.append(drawers(cells, "flat", -d / 2, wood, pull, metal))
    leaves = grid(x, (low, h - 0.003), count, 1)
    parts.append(doors(leaves, style, -d / 2, wood, pull, metal, 0.45))
    if rng.random() < 0.3:
        a, b, c, e = leaves[int(rng.integers(count))]
        glass = (a + 0.07, b + 0.1, c - 0.07, e - 0.1, -d / 2 - FRONT - 0.002)
        parts.append(plates([glass], f.mirror))
    return middle(merge(parts))


def _wardrobe_sliding(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Two or three doors that slide past each other, one of them a mirror."""
    count, d, h = int(rng.integers(2, 4)), rng.uniform(0.6, 0.66), rng.uniform(2.0, 2.35)
    w, wood, t = count * rng.uniform(0.7, 0.95), timber(rng, f), 0.022
    face, rail = (timber(rng, f) if rng.random() < 0.5 else wood), (f.metal if rng.random() < 0.6 else f.metal_dark)
    parts = [
        case((w, d, h), wood, wood, 0.0, t),
        boards([(-w / 2 + t, -d / 2 + 0.05, t, w / 2 - t, -d / 2 + 0.06, h - t)], face, 0.0),
    ]
    mirror, edge = int(rng.integers(count)), np.linspace(-w / 2 + t, w / 2 - t, count + 1)
    bands = int(rng.choice([1, 1, 3]))
    for i in range(count):
        y, x0, x1 = -d / 2 + (0.002 if i % 2 else 0.026), float(edge[i]) - 0.015 * (i > 0), float(edge[i + 1])
        stile = [(x, y, t, x + 0.03, y + 0.022, h - t) for x in (x0, x1 - 0.03)]
        stile += [(x0, y, z, x1, y + 0.022, z + 0.03) for z in (t, h - t - 0.03)]
        parts.append(boards(stile, rail))
        for a, b, c, e in grid((x0 + 0.03, x1 - 0.03), (t + 0.03, h - t - 0.03), 1, bands):
            reflects = i == mirror and (bands == 1 or rng.random() < 0.7)
            parts.append(plates([(a, b + 0.002, c, e - 0.002, y + 0.008)], f.mirror if reflects else face))
    return middle(merge(parts))


def _wardrobe_armoire(rng: np.random.Generator, f: Finishes) -> Mesh:
    """An old wardrobe: cornice, two panelled doors, a drawer, bun feet."""
    w, d, h, foot = rng.uniform(1.05, 1.4), rng.uniform(0.52, 0.6), rng.uniform(1.9, 2.15), 0.09
    wood, metal = (f.wood if rng.random() < 0.65 else f.lacquer), f.metal
    parts = [case((w, d, h - foot), wood, wood, foot, 0.03), feet(rng, f, (w, d, foot), wood, "bun")]
    for k, out in enumerate((0.015, 0.035, 0.05)):
        z = h + 0.022 * k - 0.005
        parts.append(boards([(-w / 2 - out, -d / 2 - FRONT - out, z, w / 2 + out, d / 2, z + 0.024)], wood, 0.007))
    parts.append(
        boards([(-w / 2 - 0.012, -d / 2 - FRONT - 0.012, foot, w / 2 + 0.012, d / 2, foot + 0.06)], wood, 0.008)
    )
    x, low = (-w / 2 + 0.02, w / 2 - 0.02), foot + 0.065
    parts.append(drawers(grid(x, (low, low + 0.24), 1, 1), "shaker", -d / 2, wood, "knob", metal))
    for cells in (grid(x, (low + 0.24, low + 0.95), 2, 1), grid(x, (low + 0.95, h - 0.02), 2, 1)):
        parts.append(fronts("raised", cells, -d / 2, wood))
    places = [(s * 0.03, -d / 2 - FRONT, low + 0.95) for s in (-1, 1)]
    return middle(merge([*parts, pulls("knob", places, metal)]))


def _dresser(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A chest of drawers, one or two drawers wide, or with two small ones at the top."""
    wide = rng.random() < 0.5
    w, h = (
        (rng.uniform(1.2, 1.6), rng.uniform(0.75, 0.9)) if wide else (rng.uniform(0.7, 0.95), rng.uniform(0.85, 1.25))
    )
    d, wood, metal = rng.uniform(0.42, 0.5), timber(rng, f), any_metal(rng, f)
    foot = [("plinth", 0.07), ("splayed", 0.15), ("square", 0.13), ("bun", 0.08)][int(rng.integers(4))]
    style, pull = str(rng.choice(["flat", "flat", "shaker"])), str(rng.choice(["knob", "bar", "cup", "slot", "none"]))
    parts = [case((w, d, h - foot[1] - 0.02), wood, wood, foot[1]), feet(rng, f, (w, d, foot[1]), wood, foot[0])]
    parts.append(boards([(-w / 2 - 0.01, -d / 2 - FRONT - 0.01, h - 0.022, w / 2 + 0.01, d / 2, h)], wood, 0.004))
    x, z = (-w / 2 + 0.003, w / 2 - 0.003), (foot[1] + 0.003, h - 0.026)
    top = z[1] - (0.18 if rng.random() < 0.5 else 0.0)
    rows = max(2, round((top - z[0]) / 0.21))
    parts.append(drawers(grid(x, (z[0], top), 2 if wide else 1, rows), style, -d / 2, wood, pull, metal))
    if top < z[1]:
        parts.append(drawers(grid(x, (top, z[1]), 3 if wide else 2, 1), style, -d / 2, wood, pull, metal))
    return middle(merge(parts))


def _dresser_apothecary(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Many small drawers in a thick frame on a metal base."""
    columns, rows, cell = int(rng.integers(4, 7)), int(rng.integers(4, 6)), rng.uniform(0.19, 0.23)
    w, h, d, foot = columns * cell, rows * 0.15, rng.uniform(0.38, 0.44), rng.uniform(0.1, 0.25)
    wood, metal = (f.wood if rng.random() < 0.7 else f.wood_second), any_metal(rng, f)
    parts = [case((w + 0.05, d, h + 0.05), wood, wood, foot, 0.025), feet(rng, f, (w + 0.05, d, foot), wood, "frame")]
    cells = grid((-w / 2, w / 2), (foot + 0.025, foot + 0.025 + h), columns, rows)
    pull = "cup" if rng.random() < 0.6 else "knob"
    return middle(merge([*parts, drawers(cells, "flat", -d / 2 + FRONT + 0.002, wood, pull, metal)]))


def television(rng: np.random.Generator) -> Mesh:
    """A flat television of 43 to 65 inches, standing on z = 0."""
    w = float(rng.choice([0.96, 1.08, 1.23, 1.45]))
    h, lift, rim = 0.5625 * w + 0.015, float(rng.uniform(0.05, 0.085)), 0.008
    screen = Material("screen", (0.01, 0.01, 0.012), roughness=float(rng.uniform(0.1, 0.3)), f0=0.04)
    parts = [boards([(-w / 2, -0.012, lift, w / 2, 0.012, lift + h)], BEZEL)]
    parts.append(boards([(-0.35 * w, 0.01, lift + 0.06, 0.35 * w, 0.045, lift + 0.6 * h)], BEZEL, 0.01))
    parts.append(plates([(rim - w / 2, lift + 0.016, w / 2 - rim, lift + h - rim, -0.0126)], screen))
    if rng.random() < 0.6:
        for x in (-0.36 * w, 0.36 * w):
            for y in (-0.11, 0.11):
                parts.append(pipe([(x, 0, lift + 0.02), (x, y, 0.005)], 0.006, BEZEL, 6))
    else:
        parts.append(boards([(-0.04, -0.008, 0.008, 0.04, 0.02, lift + 0.02)], BEZEL))
        parts.append(boards([(-0.2 * w, -0.11, 0, 0.2 * w, 0.12, 0.01)], BEZEL, 0.004))
    whole = merge(parts)
    return whole.moved((0, 0, -float(whole.bounds[0][2])))


def _with_television(rng: np.random.Generator, f: Finishes, parts: list[Mesh], width: float, height: float) -> Mesh:
    """The unit, mostly with a television on it, and a thing beside that."""
    if rng.random() < 0.75:
        screen = television(rng)
        half = float(screen.bounds[1][0])
        if half < width / 2 + 0.1:
            parts.append(screen.moved((0, 0.03, height)))
        if rng.random() < 0.4 and width / 2 - half > 0.2:
            side = 1 if rng.random() < 0.5 else -1
            parts.append(thing(rng, f, 0.2, 0.35).moved((side * (half + 0.1), 0, height)))
    return middle(merge(parts))


def _tv_low(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A long low unit: doors or drawers at its ends, an open shelf between."""
    w, d, h = rng.uniform(1.3, 2.0), rng.uniform(0.38, 0.45), rng.uniform(0.4, 0.58)
    foot = [("plinth", 0.05), ("splayed", 0.15), ("frame", 0.12), ("square", 0.12)][int(rng.integers(4))]
    wood, metal, t = timber(rng, f), any_metal(rng, f), 0.02
    face, pull = (timber(rng, f) if rng.random() < 0.25 else wood), str(rng.choice(["none", "slot", "knob"]))
    parts = [case((w, d, h - foot[1]), wood, wood, foot[1], t), feet(rng, f, (w, d, foot[1]), wood, foot[0])]
    open_half, z = w * rng.uniform(0.12, 0.2), (foot[1] + t, h - t)
    walls = [(x - t / 2, -d / 2 + FRONT + 0.003, z[0], x + t / 2, d / 2 - 0.01, z[1]) for x in (-open_half, open_half)]
    middle_z = sum(z) / 2
    walls.append((-open_half, -d / 2 + 0.02, middle_z - 0.009, open_half, d / 2 - 0.01, middle_z + 0.009))
    ends = [(-w / 2 + t, -open_half), (open_half, w / 2 - t)]
    for span in ends:
        y = -d / 2 + FRONT + 0.002
        if rng.random() < 0.5:
            parts.append(drawers(grid(span, z, 1, 2), "flat", y, face, pull, metal))
        else:
            style = "slats" if rng.random() < 0.3 else "flat"
            parts.append(doors(grid(span, z, 2 if span[1] - span[0] > 0.6 else 1, 1), style, y, face, pull, metal))
    player = (-0.7 * open_half, -d / 2 + 0.06, middle_z + 0.009, 0.7 * open_half, d / 2 - 0.05, middle_z + 0.055)
    parts.append(boards([player], BEZEL, 0.003))
    filling = shelf_filling(rng, f, (2 * open_half - 0.03, d - 0.06, middle_z - z[0] - 0.02), 0.7)
    parts += [m.moved((0, 0, z[0])) for m in filling]
    return _with_television(rng, f, [*parts, boards(walls, wood)], w, h)


def _tv_slats(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A unit with slatted doors all along."""
    w, d, h, foot = rng.uniform(1.4, 2.1), rng.uniform(0.38, 0.44), rng.uniform(0.45, 0.58), rng.uniform(0.08, 0.16)
    wood = f.wood if rng.random() < 0.7 else f.wood_second
    under = feet(rng, f, (w, d, foot), wood, str(rng.choice(["frame", "plinth", "square"])))
    cells = grid((-w / 2 + 0.02, w / 2 - 0.02), (foot + 0.02, h - 0.02), int(rng.integers(2, 5)), 1)
    slats = fronts("slats", cells, -d / 2 + FRONT + 0.002, wood)
    return _with_television(rng, f, [case((w, d, h - foot), wood, wood, foot, 0.02), under, slats], w, h)


def _tv_bench(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A thick plank on two blocks, with boxes and books under it."""
    w, d, h, t = rng.uniform(1.4, 1.9), rng.uniform(0.38, 0.44), rng.uniform(0.36, 0.46), rng.uniform(0.04, 0.06)
    wood, block = f.wood, (f.lacquer if rng.random() < 0.5 else f.metal_dark)
    at = w * rng.uniform(0.28, 0.4)
    ends = [(s * at - 0.05, -d / 2 + 0.03, 0, s * at + 0.05, d / 2 - 0.03, h - t) for s in (-1, 1)]
    parts = [boards([(-w / 2, -d / 2, h - t, w / 2, d / 2, h)], wood, 0.006), boards(ends, block, 0.004)]
    parts.append(boards([(-at + 0.05, -d / 2 + 0.05, 0.1, at - 0.05, d / 2 - 0.05, 0.12)], wood))
    parts.append(pile(rng, 3, 0.28, 0.24).moved((rng.uniform(-0.5, 0.5) * at, 0, 0.12)))
    return _with_television(rng, f, parts, w, h)


def _filing_steel(rng: np.random.Generator, f: Finishes) -> Mesh:
    rows, w, d = int(rng.integers(2, 5)), rng.uniform(0.4, 0.47), rng.uniform(0.56, 0.63)
    h = 0.05 + 0.32 * rows
    paint = (f.lacquer, f.trim, f.metal_dark)[int(rng.integers(3))]
    parts = [
        case((w, d, h), paint, paint, 0.0, 0.012),
        boards([(-w / 2, -d / 2 - 0.004, 0, w / 2, -d / 2, 0.03)], paint),
    ]
    cells = grid((-w / 2 + 0.004, w / 2 - 0.004), (0.035, h - 0.014), 1, rows)
    parts.append(fronts("flat", cells, -d / 2 + 0.004, paint, 0.018))
    y = -d / 2 - 0.014
    parts.append(pulls("bar", [(0, y, c[1] + 0.6 * (c[3] - c[1])) for c in cells], f.metal, 0.13))
    holders = [(-0.04, c[1] + 0.75 * (c[3] - c[1]), 0.04, c[1] + 0.88 * (c[3] - c[1]), y - 0.0006) for c in cells]
    return middle(merge([*parts, plates(holders, f.paper)]))


def _filing_pedestal(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A low pedestal on castors, with two small drawers over a deep one."""
    w, d, h, paint = rng.uniform(0.39, 0.43), rng.uniform(0.5, 0.6), rng.uniform(0.52, 0.6), timber(rng, f)
    parts = [
        case((w, d, h - 0.06), paint, paint, 0.06, 0.016),
        legs("rod", 0.065, (w / 2 - 0.05, d / 2 - 0.05), BEZEL, 0.05),
    ]
    split = 0.06 + 0.5 * (h - 0.06)
    x, pull = (-w / 2 + 0.002, w / 2 - 0.002), str(rng.choice(["bar", "slot", "cup"]))
    for cells in (grid(x, (0.063, split), 1, 1), grid(x, (split, h - 0.004), 1, 2)):
        parts.append(drawers(cells, "flat", -d / 2, paint, pull, f.metal))
    return middle(merge(parts))


def _filing_lateral(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A wide wooden cabinet of two or three file drawers."""
    rows, w, d, wood = int(rng.integers(2, 4)), rng.uniform(0.75, 0.95), rng.uniform(0.45, 0.5), f.wood_second
    h = 0.09 + 0.32 * rows
    parts = [case((w, d, h - 0.06), wood, wood, 0.06), feet(rng, f, (w, d, 0.06), f.metal_dark, "plinth")]
    cells = grid((-w / 2 + 0.003, w / 2 - 0.003), (0.064, h - 0.004), 1, rows)
    return middle(merge([*parts, drawers(cells, "shaker", -d / 2, wood, "cup", f.metal)]))


MAKERS: dict[str, Kind] = {
    "bookcase": Kind(
        (shelving.bookcase_tall, shelving.bookcase_low, shelving.bookcase_with_doors, shelving.bookcase_cubes),
        (shelving.bookcase_frame, shelving.bookcase_ladder),
    ),
    "wall_shelf": Kind(
        (shelving.shelf_boards, shelving.shelf_boxes, shelving.shelf_ledges),
        (shelving.shelf_rails, shelving.shelf_round),
    ),
    "sideboard": Kind(
        (cupboards.sideboard_modern, cupboards.sideboard_midcentury, cupboards.sideboard_country),
        (cupboards.sideboard_rattan, cupboards.sideboard_reeded),
    ),
    "cabinet": Kind((cupboards.cabinet_high, cupboards.cabinet_hutch), (cupboards.cabinet_locker,)),
    "wardrobe": Kind((_wardrobe, _wardrobe_sliding), (_wardrobe_armoire,)),
    "dresser": Kind((_dresser,), (_dresser_apothecary,)),
    "tv_unit": Kind((_tv_low, _tv_slats), (_tv_bench,)),
    "filing_cabinet": Kind((_filing_steel, _filing_pedestal), (_filing_lateral,)),
    **hallway.MAKERS,
}
