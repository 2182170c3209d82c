"""Kitchens: base runs with sink, hob and oven, wall cabinets, fridges, islands, extractor hoods, open shelves.

Fronts, worktop and handles are a function of the room's finishes alone, so that the base run, the wall cabinets and the
island of one room match. Worktops are WORKTOP_HEIGHT metres high.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from wallpaint.rooms.furniture import FurnitureCategory, kitchen_appliances
from wallpaint.rooms.furniture.carcass import (
    Cell,
    boards,
    case,
    front_quads,
    fronts,
    grid_cells,
    legs,
    merge_on_wall,
    open_basin,
    pipe,
    pulls,
)
from wallpaint.rooms.furniture.kitchen_fittings import (
    BLACK_GLASS,
    dishes,
    gas_hob,
    glass_hob,
    knobs,
    mixer_tap,
    oven_front,
    sink_bowl,
)
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, Point, merge
from wallpaint.rooms.surfaces.finishes import Finishes

WORKTOP_HEIGHT = 0.9
PLINTH_HEIGHT = 0.12
CABINET_DEPTH = 0.6
STONE_ALBEDOS: tuple[Color, ...] = ((0.7, 0.69, 0.67), (0.035, 0.035, 0.037), (0.32, 0.315, 0.3), (0.52, 0.48, 0.42))


@dataclass(frozen=True)
class KitchenDesign:
    """Attributes shared by the cabinets of one kitchen.

    style, pull: a front style and a pull style of `carcass`. front, upper: materials of base and wall cabinet fronts.
    worktop_thickness: metres.
    """

    style: str
    pull: str
    front: Material
    upper: Material
    worktop: Material
    worktop_thickness: float
    handle: Material


def kitchen_design(f: Finishes) -> KitchenDesign:
    """Return the kitchen design for these finishes; it is a deterministic function of them."""
    seed = np.array([*f.lacquer.albedo, *f.wood.albedo, *f.metal.albedo], np.float32).view(np.uint32)
    rng = np.random.default_rng([int(n) for n in seed])
    front = (f.lacquer, f.trim, f.wood, f.lacquer, f.wood_second)[int(rng.integers(5))]
    stone = STONE_ALBEDOS[int(rng.integers(4))]
    top = Material("worktop", stone, roughness=float(rng.uniform(0.15, 0.45)), f0=0.04)
    return KitchenDesign(
        style=str(rng.choice(["flat", "flat", "shaker", "shaker", "planks"])),
        pull=str(rng.choice(["bar", "knob", "cup", "none", "bar"])),
        front=front,
        upper=f.trim if rng.random() < 0.3 else front,
        worktop=(f.wood_second if front is f.wood else f.wood) if rng.random() < 0.35 else top,
        worktop_thickness=float(rng.choice([0.02, 0.03, 0.038])),
        handle=f.metal if rng.random() < 0.6 else f.metal_dark,
    )


def _drawer_unit(design: KitchenDesign, cell: Cell, rows: int, y: float) -> list[Mesh]:
    """A base cabinet of drawers; upper drawers are less high than lower ones."""
    x0, z0, x1, z1 = cell
    share = {1: [1.0], 2: [0.5, 0.5], 3: [0.4, 0.38, 0.22], 4: [0.28, 0.26, 0.24, 0.22]}[rows]
    edge = z0 + (z1 - z0) * np.concatenate([[0], np.cumsum(share)])
    cells = [(x0, float(a), x1, float(b)) for a, b in pairwise(edge)]
    style = design.style if design.style != "planks" else "flat"
    positions = [((x0 + x1) / 2, y - 0.019, c[3] - min(0.06, 0.5 * (c[3] - c[1]))) for c in cells]
    return [
        fronts(style, cells, y, design.front),
        pulls(design.pull, positions, design.handle, min(0.26, 0.55 * (x1 - x0))),
    ]


def _door_unit(
    design: KitchenDesign, cell: Cell, y: float, front: Material, handle_near_top: bool = True
) -> list[Mesh]:
    """One door, or two above 0.61 m of width. handle_near_top: True for base cabinets, False for wall cabinets."""
    x0, z0, x1, z1 = cell
    cells = grid_cells((x0, x1), (z0, z1), 2 if x1 - x0 > 0.61 else 1, 1)
    z = z1 - 0.1 if handle_near_top else z0 + 0.1
    positions = [(c[2] - 0.045 if i == 0 else c[0] + 0.045, y - 0.019, z) for i, c in enumerate(cells)]
    pull = "knob" if design.pull == "cup" else design.pull
    return [fronts(design.style, cells, y, front), pulls(pull, positions, design.handle, 0.14, upright=True)]


def _sample_unit_widths(rng: np.random.Generator, length: float) -> list[float]:
    """Sample standard cabinet widths that fill a length."""
    widths: list[float] = []
    while length > 0.28:
        fits = [w for w in (0.3, 0.4, 0.45, 0.5, 0.6, 0.8) if w <= length + 1e-6 and not 0.01 < length - w < 0.28]
        if not fits:
            widths.append(length)
            break
        widths.append(float(rng.choice(fits)))
        length -= widths[-1]
    return widths


def _worktop(design: KitchenDesign, left: float, right: float, hole: Cell | None) -> Mesh:
    """The worktop from x = left to x = right, with a cut-out (x0, y0, x1, y1) for a sink."""
    y0, y1, low = -CABINET_DEPTH / 2 - 0.03, CABINET_DEPTH / 2, WORKTOP_HEIGHT - design.worktop_thickness
    if hole is None:
        return boards([(left, y0, low, right, y1, WORKTOP_HEIGHT)], design.worktop, 0.003)
    a, b, c, d = hole
    pieces = [(left, y0, low, a, y1, WORKTOP_HEIGHT), (c, y0, low, right, y1, WORKTOP_HEIGHT)]
    return boards(
        [*pieces, (a, y0, low, c, b, WORKTOP_HEIGHT), (a, d, low, c, y1, WORKTOP_HEIGHT)], design.worktop, 0.0
    )


def _sample_unit_order(rng: np.random.Generator, count: int) -> list[int]:
    """Sample an order of the units; the oven (1) is neither at an end nor next to the sink (0), if a try allows it."""
    order = [int(i) for i in rng.permutation(count)]
    for _ in range(8):
        oven = order.index(1)
        if 0 < oven < count - 1 and abs(oven - order.index(0)) > 1:
            break
        order = [int(i) for i in rng.permutation(count)]
    return order


def _base_units(rng: np.random.Generator, f: Finishes, design: KitchenDesign, length: float) -> tuple[list[Mesh], Cell]:
    """The fronts of a base run in random order, with hob and tap; and the cut-out of its sink."""
    units = [("sink", float(rng.choice([0.6, 0.8]))), ("oven", 0.6)]
    rest = length - sum(w for _, w in units)
    if rest >= 0.6 and rng.random() < 0.5:
        units.append(("dishwasher", 0.6))
        rest -= 0.6
    units += [("drawers" if rng.random() < 0.45 else "door", w) for w in _sample_unit_widths(rng, rest)]
    y, x, meshes, hole = -CABINET_DEPTH / 2, -length / 2, [], (0.0, 0.0, 0.0, 0.0)
    low, high = PLINTH_HEIGHT, WORKTOP_HEIGHT - design.worktop_thickness - (0.02 if design.pull == "none" else 0.002)
    for i in _sample_unit_order(rng, len(units)):
        unit, w = units[i]
        cell = (x, low, x + w, high)
        if unit == "oven":
            meshes.append(oven_front(rng, f, cell, y, design.handle))
            hob = glass_hob(rng, f) if rng.random() < 0.65 else gas_hob(rng, f)
            meshes.append(hob.moved((x + w / 2, -0.01, WORKTOP_HEIGHT)))
        elif unit == "drawers":
            meshes += _drawer_unit(design, cell, int(rng.integers(2, 5)), y)
        elif unit == "dishwasher" and rng.random() < 0.4:
            meshes.append(fronts("flat", [cell], y, f.metal))
            meshes.append(front_quads([(x + 0.02, high - 0.1, x + w - 0.02, high - 0.02, y - 0.0196)], BLACK_GLASS))
        else:
            meshes += _door_unit(design, cell, y, design.front)
        if unit == "sink":
            half = 0.25 if w < 0.7 else rng.uniform(0.26, 0.36)
            hole = (x + w / 2 - half, -0.22, x + w / 2 + half, 0.17)
            meshes += [
                sink_bowl(rng, f, hole, WORKTOP_HEIGHT),
                mixer_tap(rng, f).moved((x + w / 2, 0.225, WORKTOP_HEIGHT)),
            ]
        x += w
    return meshes, hole


def base_run(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A base run of 1.8 to 3.6 m with worktop, sink, tap, hob and oven; 0.9 m high without the tap."""
    design, length = kitchen_design(f), float(rng.choice([1.8, 2.1, 2.4, 2.7, 3.0, 3.3, 3.6]))
    meshes, hole = _base_units(rng, f, design, length)
    d, h = CABINET_DEPTH / 2, WORKTOP_HEIGHT - design.worktop_thickness
    toe = boards(
        [(-length / 2, -d + 0.06, 0, length / 2, d - 0.05, PLINTH_HEIGHT)],
        design.front if rng.random() < 0.6 else f.metal_dark,
    )
    box = case((length, CABINET_DEPTH, h - PLINTH_HEIGHT), design.front, design.front, PLINTH_HEIGHT, lid=False)
    blind = boards(
        [(-length / 2 + 0.02, -d + 0.002, PLINTH_HEIGHT, length / 2 - 0.02, -d + 0.012, h - 0.03)], f.metal_dark, 0.0
    )
    mesh = merge([box, blind, toe, *meshes, _worktop(design, -length / 2, length / 2, hole)])
    return _center_horizontally(mesh)


def base_open(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A range cooker between open shelves on posts and a cupboard with a deep ceramic sink."""
    design, length = kitchen_design(f), float(rng.choice([2.1, 2.4, 2.7, 3.0]))
    stove, basin = 0.9, 0.7
    shelf = length - stove - basin
    left = -length / 2
    h, d, low = WORKTOP_HEIGHT - design.worktop_thickness, CABINET_DEPTH / 2, 0.1
    steel = f.metal if rng.random() < 0.5 else f.lacquer
    x1, x2 = left + shelf, left + shelf + stove
    posts = [(x, y, 0, x + 0.05, y + 0.05, h) for x in (left, x1 - 0.05) for y in (-d, d - 0.05)]
    planks = [(left, -d, z, x1, d, z + 0.025) for z in (0.16, 0.5)]
    meshes = [
        boards(posts, design.worktop),
        boards(planks, design.worktop),
        boards([(left, -d, h - 0.07, x1, -d + 0.02, h)], design.worktop),
    ]
    meshes += [
        m.moved((left + shelf / 2, 0, z)) for z in (0.185, 0.525) for m in dishes(rng, f, (shelf - 0.14, 0.4, 0.24))
    ]
    meshes.append(boards([(x1 + 0.004, -d, low, x2 - 0.004, d, WORKTOP_HEIGHT)], steel, 0.003))
    for k0, (a, b) in enumerate(((x1, x1 + 0.45), (x1 + 0.45, x2))):
        meshes.append(
            oven_front(rng, f, (a + 0.01, low + 0.02, b - 0.01, 0.74), -d, f.metal, panel=steel, bare=k0 == 1)
        )
    meshes.append(knobs(np.linspace(x1 + 0.08, x2 - 0.08, 6), 0.81, -d, f.metal_dark))
    meshes.append(boards([(x1 + 0.03, -d + 0.03, 0, x2 - 0.03, d, low)], f.metal_dark))
    meshes.append(gas_hob(rng, f, 0.8).moved(((x1 + x2) / 2, 0, WORKTOP_HEIGHT)))
    middle_x = x2 + basin / 2
    hole = (x2 + 0.05, -d - 0.02, x2 + basin - 0.05, 0.15)
    meshes.append(
        boards(
            [(hole[0] - 0.012, hole[1] - 0.03, 0.66, hole[2] + 0.012, hole[1] + 0.02, WORKTOP_HEIGHT - 0.005)],
            f.ceramic,
            0.008,
        )
    )
    meshes.append(open_basin((hole[0], hole[1] + 0.02), (hole[2], hole[3]), WORKTOP_HEIGHT - 0.004, 0.22, f.ceramic))
    meshes.append(
        case((basin, CABINET_DEPTH, h - low), design.front, design.front, low, lid=False).moved((middle_x, 0, 0))
    )
    meshes += _door_unit(design, (x2, low, x2 + basin, 0.65), -d, design.front)
    meshes.append(mixer_tap(rng, f).moved((middle_x, 0.22, WORKTOP_HEIGHT)))
    tops = [(left - 0.01, -d - 0.03, h, x1, d, WORKTOP_HEIGHT), (x2, hole[3], h, x2 + basin + 0.01, d, WORKTOP_HEIGHT)]
    tops += [
        (x2, -d - 0.03, h, hole[0] - 0.012, hole[3], WORKTOP_HEIGHT),
        (hole[2] + 0.012, -d - 0.03, h, x2 + basin + 0.01, hole[3], WORKTOP_HEIGHT),
    ]
    toe = boards([(x2, -d + 0.06, 0, x2 + basin, d - 0.05, low)], design.front)
    return _center_horizontally(merge([*meshes, toe, boards(tops, design.worktop, 0.002)]))


def _center_horizontally(mesh: Mesh) -> Mesh:
    low, high = mesh.bounds
    return mesh.moved((-float(low[0] + high[0]) / 2, -float(low[1] + high[1]) / 2, 0))


def wall_run(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A run of wall cabinets, sometimes with one open cabinet."""
    design, length, h, d = (
        kitchen_design(f),
        float(rng.choice([0.8, 1.2, 1.6, 1.8, 2.4, 3.0])),
        float(rng.choice([0.6, 0.72, 0.9])),
        0.33,
    )
    meshes, x = [case((length, d, h), design.upper, design.upper)], -length / 2
    widths = _sample_unit_widths(rng, length)
    shown = int(rng.integers(len(widths))) if rng.random() < 0.4 and len(widths) > 1 else -1
    for i, w in enumerate(widths):
        if i == shown:
            wall = [(s - 0.009, -d / 2, 0.018, s + 0.009, d / 2 - 0.01, h - 0.018) for s in (x, x + w)]
            meshes.append(boards([*wall, (x, -d / 2 + 0.02, h / 2, x + w, d / 2 - 0.01, h / 2 + 0.018)], design.upper))
            for z in (0.018, h / 2 + 0.018):
                meshes += [m.moved((x + w / 2, 0, z)) for m in dishes(rng, f, (w - 0.04, d - 0.06, h / 2 - 0.05))]
        else:
            meshes += _door_unit(
                design, (x + 0.001, 0.0, x + w - 0.001, h), -d / 2, design.upper, handle_near_top=False
            )
        x += w
    return merge_on_wall(meshes)


def wall_stacked(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Two rows: lift-up cabinets above open wooden boxes."""
    design, columns, w, d = kitchen_design(f), int(rng.integers(2, 4)), float(rng.choice([0.6, 0.8])), 0.33
    length, low, high = columns * w, rng.uniform(0.26, 0.32), rng.uniform(0.36, 0.42)
    meshes = [case((length, d, low), f.wood, f.wood), case((length, d, high), design.upper, design.upper, low)]
    cells = grid_cells((-length / 2, length / 2), (low, low + high), columns, 1)
    meshes.append(fronts("flat", cells, -d / 2, design.upper))
    walls = [
        (x - 0.009, -d / 2 + 0.002, 0.018, x + 0.009, d / 2 - 0.01, low)
        for x in np.linspace(-length / 2, length / 2, columns + 1)[1:-1]
    ]
    meshes.append(boards(walls, f.wood))
    for c in cells:
        meshes += [m.moved(((c[0] + c[2]) / 2, 0, 0.018)) for m in dishes(rng, f, (w - 0.05, d - 0.06, low - 0.05))]
    return merge_on_wall(meshes)


def island(rng: np.random.Generator, f: Finishes) -> Mesh:
    """An island with drawers and doors at the front, panels at the back, and a worktop overhang at the back."""
    design, length, d = kitchen_design(f), float(rng.choice([1.2, 1.5, 1.8, 2.1])), rng.uniform(0.6, 0.75)
    over, h = rng.uniform(0.03, 0.3), WORKTOP_HEIGHT - 0.03
    meshes = [case((length, d, h - PLINTH_HEIGHT), design.front, design.front, PLINTH_HEIGHT)]
    meshes.append(
        boards([(-length / 2 + 0.05, -d / 2 + 0.06, 0, length / 2 - 0.05, d / 2 - 0.05, PLINTH_HEIGHT)], design.front)
    )
    x = -length / 2
    for w in _sample_unit_widths(rng, length):
        cell = (x, PLINTH_HEIGHT, x + w, h - 0.003)
        meshes += (
            _drawer_unit(design, cell, 3, -d / 2)
            if rng.random() < 0.5
            else _door_unit(design, cell, -d / 2, design.front)
        )
        x += w
    panel = fronts(
        design.style,
        grid_cells((-length / 2, length / 2), (PLINTH_HEIGHT, h - 0.003), max(2, round(length / 0.6)), 1),
        0.0,
        design.front,
    )
    meshes.append(panel.moved((0, d / 2, 0), np.pi).moved((0, 0, 0)))
    top = (-length / 2 - 0.03, -d / 2 - 0.04, h, length / 2 + 0.03, d / 2 + 0.02 + over, WORKTOP_HEIGHT)
    return _center_horizontally(merge([*meshes, boards([top], design.worktop, 0.004)]))


def island_block(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A butcher's block on legs, with a shelf and a rail."""
    w, d, t = rng.uniform(0.8, 1.3), rng.uniform(0.55, 0.7), rng.uniform(0.05, 0.08)
    under = WORKTOP_HEIGHT - t
    paint = f.lacquer if rng.random() < 0.6 else f.wood
    meshes = [boards([(-w / 2, -d / 2, under, w / 2, d / 2, WORKTOP_HEIGHT)], f.wood, 0.006)]
    meshes.append(legs("block", under, (w / 2 - 0.06, d / 2 - 0.06), paint, 0.07))
    apron = [(-w / 2 + 0.06, s, under - 0.13, w / 2 - 0.06, s + 0.02, under) for s in (-d / 2 + 0.05, d / 2 - 0.07)]
    apron += [(s, -d / 2 + 0.06, under - 0.13, s + 0.02, d / 2 - 0.06, under) for s in (-w / 2 + 0.05, w / 2 - 0.07)]
    slats = [
        (-w / 2 + 0.03, y, 0.2, w / 2 - 0.03, y + 0.07, 0.222) for y in np.arange(-d / 2 + 0.03, d / 2 - 0.08, 0.085)
    ]
    meshes += [boards([*apron, *slats], paint)]
    meshes += [m.moved((0, 0, 0.222)) for m in dishes(rng, f, (w - 0.25, d - 0.2, 0.35))]
    rail: list[Point] = [(w / 2, -d / 2 + 0.1, under + 0.02), (w / 2 + 0.05, -d / 2 + 0.1, under + 0.02)]
    rail += [(w / 2 + 0.05, d / 2 - 0.1, under + 0.02), (w / 2, d / 2 - 0.1, under + 0.02)]
    return _center_horizontally(merge([*meshes, pipe(rail, 0.009, f.metal, 8)]))


def open_shelf(rng: np.random.Generator, f: Finishes) -> Mesh:
    """One to three boards on the wall with dishes, jars and mugs."""
    design, count, d, t = kitchen_design(f), int(rng.integers(1, 4)), rng.uniform(0.2, 0.28), rng.uniform(0.025, 0.045)
    w, wood, meshes = rng.uniform(0.7, 1.6), (f.wood if rng.random() < 0.7 else design.worktop), []
    for i in range(count):
        z = 0.34 * i
        meshes.append(boards([(-w / 2, -d, z - t, w / 2, 0, z)], wood, 0.003))
        for x in (-0.4 * w, 0.4 * w):
            path: list[Point] = [(x, -0.006, z - t - 0.12), (x, -0.05, z - t - 0.09), (x, -0.75 * d, z - t - 0.006)]
            meshes.append(pipe(path, 0.007, design.handle, 6))
        meshes += [m.moved((0, -d / 2, z)) for m in dishes(rng, f, (w - 0.05, d - 0.04, 0.27))]
    return merge_on_wall(meshes)


CATEGORIES: dict[str, FurnitureCategory] = {
    "base_run": FurnitureCategory((base_run,), (base_open,)),
    "wall_run": FurnitureCategory((wall_run,), (wall_stacked,)),
    "fridge": FurnitureCategory(
        (kitchen_appliances.fridge,), (kitchen_appliances.fridge_wide, kitchen_appliances.fridge_retro)
    ),
    "island": FurnitureCategory((island,), (island_block,)),
    "extractor": FurnitureCategory(
        (kitchen_appliances.extractor_chimney, kitchen_appliances.extractor_slanted),
        (kitchen_appliances.extractor_plaster,),
    ),
    "open_shelf": FurnitureCategory((open_shelf,), (kitchen_appliances.open_rail,)),
}
