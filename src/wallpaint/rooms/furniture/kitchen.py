"""Kitchens: runs of cabinets with sink, hob and oven, wall cabinets, fridges, islands, extractors, shelves of dishes.

The fronts, worktop and handles of a kitchen follow from its finishes alone, so that a run, the cabinets over it and an
island of one room match. Worktops are WORKTOP metres high.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from wallpaint.rooms.furniture import Kind, kitchen_appliances
from wallpaint.rooms.furniture.carcass import (
    Cell,
    boards,
    case,
    fronts,
    grid,
    hung,
    legs,
    pipe,
    plates,
    pulls,
    tray,
)
from wallpaint.rooms.furniture.kitchen_things import (
    BLACK_GLASS,
    dishes,
    gas_hob,
    glass_hob,
    knobs,
    mixer,
    oven_front,
    sink_bowl,
)
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, Point, merge
from wallpaint.rooms.surfaces.finishes import Finishes

WORKTOP = 0.9
PLINTH = 0.12
DEPTH = 0.6
STONES: tuple[Color, ...] = ((0.7, 0.69, 0.67), (0.035, 0.035, 0.037), (0.32, 0.315, 0.3), (0.52, 0.48, 0.42))


@dataclass(frozen=True)
class Fitted:
    """What the cabinets of one kitchen share. style, pull: of fronts, see `carcass`. upper: fronts of wall cabinets."""

    style: str
    pull: str
    front: Material
    upper: Material
    worktop: Material
    thick: float
    handle: Material


def fitted(f: Finishes) -> Fitted:
    """The kitchen that goes with these finishes: the same finishes give the same kitchen."""
    seed = np.array([*f.lacquer.albedo, *f.wood.albedo, *f.metal.albedo], np.float32).view(np.uint32)
    rng = np.random.default_rng([int(n) for n in seed])
    front = (f.lacquer, f.trim, f.wood, f.lacquer, f.wood_second)[int(rng.integers(5))]
    stone = STONES[int(rng.integers(4))]
    top = Material("worktop", stone, roughness=float(rng.uniform(0.15, 0.45)), f0=0.04)
    return Fitted(
        style=str(rng.choice(["flat", "flat", "shaker", "shaker", "planks"])),
        pull=str(rng.choice(["bar", "knob", "cup", "none", "bar"])),
        front=front,
        upper=f.trim if rng.random() < 0.3 else front,
        worktop=(f.wood_second if front is f.wood else f.wood) if rng.random() < 0.35 else top,
        thick=float(rng.choice([0.02, 0.03, 0.038])),
        handle=f.metal if rng.random() < 0.6 else f.metal_dark,
    )


def _drawer_unit(k: Fitted, cell: Cell, rows: int, y: float) -> list[Mesh]:
    """Drawers: the upper ones lower than the lowest."""
    x0, z0, x1, z1 = cell
    share = {1: [1.0], 2: [0.5, 0.5], 3: [0.4, 0.38, 0.22], 4: [0.28, 0.26, 0.24, 0.22]}[rows]
    edge = z0 + (z1 - z0) * np.concatenate([[0], np.cumsum(share)])
    cells = [(x0, float(a), x1, float(b)) for a, b in pairwise(edge)]
    style = k.style if k.style != "planks" else "flat"
    places = [((x0 + x1) / 2, y - 0.019, c[3] - min(0.06, 0.5 * (c[3] - c[1]))) for c in cells]
    return [fronts(style, cells, y, k.front), pulls(k.pull, places, k.handle, min(0.26, 0.55 * (x1 - x0)))]


def _door_unit(k: Fitted, cell: Cell, y: float, front: Material, high: bool = True) -> list[Mesh]:
    """One door, or two from 0.6 m on. high: whether the handle is near the top (base cabinets) or the bottom."""
    x0, z0, x1, z1 = cell
    cells = grid((x0, x1), (z0, z1), 2 if x1 - x0 > 0.61 else 1, 1)
    z = z1 - 0.1 if high else z0 + 0.1
    places = [(c[2] - 0.045 if i == 0 else c[0] + 0.045, y - 0.019, z) for i, c in enumerate(cells)]
    pull = "knob" if k.pull == "cup" else k.pull
    return [fronts(k.style, cells, y, front), pulls(pull, places, k.handle, 0.14, upright=True)]


def _widths(rng: np.random.Generator, length: float) -> list[float]:
    """Widths of the cabinets between sink and hob that fill a length, as kitchens are sold."""
    widths: list[float] = []
    while length > 0.28:
        fits = [w for w in (0.3, 0.4, 0.45, 0.5, 0.6, 0.8) if w <= length + 1e-6 and not 0.01 < length - w < 0.28]
        if not fits:
            widths.append(length)
            break
        widths.append(float(rng.choice(fits)))
        length -= widths[-1]
    return widths


def _worktop(k: Fitted, left: float, right: float, hole: Cell | None) -> Mesh:
    """The worktop over a stretch, with a hole (x0, y0, x1, y1) for a sink."""
    y0, y1, low = -DEPTH / 2 - 0.03, DEPTH / 2, WORKTOP - k.thick
    if hole is None:
        return boards([(left, y0, low, right, y1, WORKTOP)], k.worktop, 0.003)
    a, b, c, d = hole
    pieces = [(left, y0, low, a, y1, WORKTOP), (c, y0, low, right, y1, WORKTOP)]
    return boards([*pieces, (a, y0, low, c, b, WORKTOP), (a, d, low, c, y1, WORKTOP)], k.worktop, 0.0)


def _order(rng: np.random.Generator, count: int) -> list[int]:
    """A random order of the cabinets where the oven (1) is neither at an end nor beside the sink (0), if it fits."""
    order = [int(i) for i in rng.permutation(count)]
    for _ in range(8):
        oven = order.index(1)
        if 0 < oven < count - 1 and abs(oven - order.index(0)) > 1:
            break
        order = [int(i) for i in rng.permutation(count)]
    return order


def _units(rng: np.random.Generator, f: Finishes, k: Fitted, length: float) -> tuple[list[Mesh], Cell]:
    """Fronts of a run in a random order, hob and tap; and the hole of its sink."""
    kinds = [("sink", float(rng.choice([0.6, 0.8]))), ("oven", 0.6)]
    rest = length - sum(w for _, w in kinds)
    if rest >= 0.6 and rng.random() < 0.5:
        kinds.append(("dishwasher", 0.6))
        rest -= 0.6
    kinds += [("drawers" if rng.random() < 0.45 else "door", w) for w in _widths(rng, rest)]
    y, x, parts, hole = -DEPTH / 2, -length / 2, [], (0.0, 0.0, 0.0, 0.0)
    low, high = PLINTH, WORKTOP - k.thick - (0.02 if k.pull == "none" else 0.002)
    for i in _order(rng, len(kinds)):
        kind, w = kinds[i]
        cell = (x, low, x + w, high)
        if kind == "oven":
            parts.append(oven_front(rng, f, cell, y, k.handle))
            hob = glass_hob(rng, f) if rng.random() < 0.65 else gas_hob(rng, f)
            parts.append(hob.moved((x + w / 2, -0.01, WORKTOP)))
        elif kind == "drawers":
            parts += _drawer_unit(k, cell, int(rng.integers(2, 5)), y)
        elif kind == "dishwasher" and rng.random() < 0.4:
            parts.append(fronts("flat", [cell], y, f.metal))
            parts.append(plates([(x + 0.02, high - 0.1, x + w - 0.02, high - 0.02, y - 0.0196)], BLACK_GLASS))
        else:
            parts += _door_unit(k, cell, y, k.front)
        if kind == "sink":
            half = 0.25 if w < 0.7 else rng.uniform(0.26, 0.36)
            hole = (x + w / 2 - half, -0.22, x + w / 2 + half, 0.17)
            parts += [sink_bowl(rng, f, hole, WORKTOP), mixer(rng, f).moved((x + w / 2, 0.225, WORKTOP))]
        x += w
    return parts, hole


def base_run(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Base cabinets 1.8 to 3.6 m long with worktop, sink and tap, hob and oven; 0.9 m high but for the tap."""
    k, length = fitted(f), float(rng.choice([1.8, 2.1, 2.4, 2.7, 3.0, 3.3, 3.6]))
    parts, hole = _units(rng, f, k, length)
    d, h = DEPTH / 2, WORKTOP - k.thick
    toe = boards(
        [(-length / 2, -d + 0.06, 0, length / 2, d - 0.05, PLINTH)], k.front if rng.random() < 0.6 else f.metal_dark
    )
    box = case((length, DEPTH, h - PLINTH), k.front, k.front, PLINTH, lid=False)
    blind = boards(
        [(-length / 2 + 0.02, -d + 0.002, PLINTH, length / 2 - 0.02, -d + 0.012, h - 0.03)], f.metal_dark, 0.0
    )
    whole = merge([box, blind, toe, *parts, _worktop(k, -length / 2, length / 2, hole)])
    return _centred(whole)


def base_open(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A range cooker between open shelves on posts and a cupboard with a deep ceramic sink."""
    k, length = fitted(f), float(rng.choice([2.1, 2.4, 2.7, 3.0]))
    stove, basin = 0.9, 0.7
    shelf = length - stove - basin
    left = -length / 2
    h, d, low = WORKTOP - k.thick, DEPTH / 2, 0.1
    steel = f.metal if rng.random() < 0.5 else f.lacquer
    x1, x2 = left + shelf, left + shelf + stove
    posts = [(x, y, 0, x + 0.05, y + 0.05, h) for x in (left, x1 - 0.05) for y in (-d, d - 0.05)]
    planks = [(left, -d, z, x1, d, z + 0.025) for z in (0.16, 0.5)]
    parts = [
        boards(posts, k.worktop),
        boards(planks, k.worktop),
        boards([(left, -d, h - 0.07, x1, -d + 0.02, h)], k.worktop),
    ]
    parts += [
        m.moved((left + shelf / 2, 0, z)) for z in (0.185, 0.525) for m in dishes(rng, f, (shelf - 0.14, 0.4, 0.24))
    ]
    parts.append(boards([(x1 + 0.004, -d, low, x2 - 0.004, d, WORKTOP)], steel, 0.003))
    for k0, (a, b) in enumerate(((x1, x1 + 0.45), (x1 + 0.45, x2))):
        parts.append(oven_front(rng, f, (a + 0.01, low + 0.02, b - 0.01, 0.74), -d, f.metal, panel=steel, bare=k0 == 1))
    parts.append(knobs(np.linspace(x1 + 0.08, x2 - 0.08, 6), 0.81, -d, f.metal_dark))
    parts.append(boards([(x1 + 0.03, -d + 0.03, 0, x2 - 0.03, d, low)], f.metal_dark))
    parts.append(gas_hob(rng, f, 0.8).moved(((x1 + x2) / 2, 0, WORKTOP)))
    middle_x = x2 + basin / 2
    hole = (x2 + 0.05, -d - 0.02, x2 + basin - 0.05, 0.15)
    parts.append(
        boards(
            [(hole[0] - 0.012, hole[1] - 0.03, 0.66, hole[2] + 0.012, hole[1] + 0.02, WORKTOP - 0.005)],
            f.ceramic,
            0.008,
        )
    )
    parts.append(tray((hole[0], hole[1] + 0.02), (hole[2], hole[3]), WORKTOP - 0.004, 0.22, f.ceramic))
    parts.append(case((basin, DEPTH, h - low), k.front, k.front, low, lid=False).moved((middle_x, 0, 0)))
    parts += _door_unit(k, (x2, low, x2 + basin, 0.65), -d, k.front)
    parts.append(mixer(rng, f).moved((middle_x, 0.22, WORKTOP)))
    tops = [(left - 0.01, -d - 0.03, h, x1, d, WORKTOP), (x2, hole[3], h, x2 + basin + 0.01, d, WORKTOP)]
    tops += [
        (x2, -d - 0.03, h, hole[0] - 0.012, hole[3], WORKTOP),
        (hole[2] + 0.012, -d - 0.03, h, x2 + basin + 0.01, hole[3], WORKTOP),
    ]
    toe = boards([(x2, -d + 0.06, 0, x2 + basin, d - 0.05, low)], k.front)
    return _centred(merge([*parts, toe, boards(tops, k.worktop, 0.002)]))


def _centred(mesh: Mesh) -> Mesh:
    low, high = mesh.bounds
    return mesh.moved((-float(low[0] + high[0]) / 2, -float(low[1] + high[1]) / 2, 0))


def wall_run(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Wall cabinets, now and then with an open one among them."""
    k, length, h, d = (
        fitted(f),
        float(rng.choice([0.8, 1.2, 1.6, 1.8, 2.4, 3.0])),
        float(rng.choice([0.6, 0.72, 0.9])),
        0.33,
    )
    parts, x = [case((length, d, h), k.upper, k.upper)], -length / 2
    widths = _widths(rng, length)
    shown = int(rng.integers(len(widths))) if rng.random() < 0.4 and len(widths) > 1 else -1
    for i, w in enumerate(widths):
        if i == shown:
            wall = [(s - 0.009, -d / 2, 0.018, s + 0.009, d / 2 - 0.01, h - 0.018) for s in (x, x + w)]
            parts.append(boards([*wall, (x, -d / 2 + 0.02, h / 2, x + w, d / 2 - 0.01, h / 2 + 0.018)], k.upper))
            for z in (0.018, h / 2 + 0.018):
                parts += [m.moved((x + w / 2, 0, z)) for m in dishes(rng, f, (w - 0.04, d - 0.06, h / 2 - 0.05))]
        else:
            parts += _door_unit(k, (x + 0.001, 0.0, x + w - 0.001, h), -d / 2, k.upper, high=False)
        x += w
    return hung(parts)


def wall_stacked(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Two rows: low cabinets that lift up over open boxes in wood."""
    k, columns, w, d = fitted(f), int(rng.integers(2, 4)), float(rng.choice([0.6, 0.8])), 0.33
    length, low, high = columns * w, rng.uniform(0.26, 0.32), rng.uniform(0.36, 0.42)
    parts = [case((length, d, low), f.wood, f.wood), case((length, d, high), k.upper, k.upper, low)]
    cells = grid((-length / 2, length / 2), (low, low + high), columns, 1)
    parts.append(fronts("flat", cells, -d / 2, k.upper))
    walls = [
        (x - 0.009, -d / 2 + 0.002, 0.018, x + 0.009, d / 2 - 0.01, low)
        for x in np.linspace(-length / 2, length / 2, columns + 1)[1:-1]
    ]
    parts.append(boards(walls, f.wood))
    for c in cells:
        parts += [m.moved(((c[0] + c[2]) / 2, 0, 0.018)) for m in dishes(rng, f, (w - 0.05, d - 0.06, low - 0.05))]
    return hung(parts)


def island(rng: np.random.Generator, f: Finishes) -> Mesh:
    """An island with drawers and doors at the front, panels behind, and a worktop that juts out at the back."""
    k, length, d = fitted(f), float(rng.choice([1.2, 1.5, 1.8, 2.1])), rng.uniform(0.6, 0.75)
    over, h = rng.uniform(0.03, 0.3), WORKTOP - 0.03
    parts = [case((length, d, h - PLINTH), k.front, k.front, PLINTH)]
    parts.append(boards([(-length / 2 + 0.05, -d / 2 + 0.06, 0, length / 2 - 0.05, d / 2 - 0.05, PLINTH)], k.front))
    x = -length / 2
    for w in _widths(rng, length):
        cell = (x, PLINTH, x + w, h - 0.003)
        parts += _drawer_unit(k, cell, 3, -d / 2) if rng.random() < 0.5 else _door_unit(k, cell, -d / 2, k.front)
        x += w
    panel = fronts(
        k.style, grid((-length / 2, length / 2), (PLINTH, h - 0.003), max(2, round(length / 0.6)), 1), 0.0, k.front
    )
    parts.append(panel.moved((0, d / 2, 0), np.pi).moved((0, 0, 0)))
    top = (-length / 2 - 0.03, -d / 2 - 0.04, h, length / 2 + 0.03, d / 2 + 0.02 + over, WORKTOP)
    return _centred(merge([*parts, boards([top], k.worktop, 0.004)]))


def island_block(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A butcher's block on legs, with a shelf and a rail."""
    w, d, t = rng.uniform(0.8, 1.3), rng.uniform(0.55, 0.7), rng.uniform(0.05, 0.08)
    under = WORKTOP - t
    paint = f.lacquer if rng.random() < 0.6 else f.wood
    parts = [boards([(-w / 2, -d / 2, under, w / 2, d / 2, WORKTOP)], f.wood, 0.006)]
    parts.append(legs("block", under, (w / 2 - 0.06, d / 2 - 0.06), paint, 0.07))
    apron = [(-w / 2 + 0.06, s, under - 0.13, w / 2 - 0.06, s + 0.02, under) for s in (-d / 2 + 0.05, d / 2 - 0.07)]
    apron += [(s, -d / 2 + 0.06, under - 0.13, s + 0.02, d / 2 - 0.06, under) for s in (-w / 2 + 0.05, w / 2 - 0.07)]
    slats = [
        (-w / 2 + 0.03, y, 0.2, w / 2 - 0.03, y + 0.07, 0.222) for y in np.arange(-d / 2 + 0.03, d / 2 - 0.08, 0.085)
    ]
    parts += [boards([*apron, *slats], paint)]
    parts += [m.moved((0, 0, 0.222)) for m in dishes(rng, f, (w - 0.25, d - 0.2, 0.35))]
    rail: list[Point] = [(w / 2, -d / 2 + 0.1, under + 0.02), (w / 2 + 0.05, -d / 2 + 0.1, under + 0.02)]
    rail += [(w / 2 + 0.05, d / 2 - 0.1, under + 0.02), (w / 2, d / 2 - 0.1, under + 0.02)]
    return _centred(merge([*parts, pipe(rail, 0.009, f.metal, 8)]))


def open_shelf(rng: np.random.Generator, f: Finishes) -> Mesh:
    """One to three boards on the wall with dishes, jars and mugs."""
    k, count, d, t = fitted(f), int(rng.integers(1, 4)), rng.uniform(0.2, 0.28), rng.uniform(0.025, 0.045)
    w, wood, parts = rng.uniform(0.7, 1.6), (f.wood if rng.random() < 0.7 else k.worktop), []
    for i in range(count):
        z = 0.34 * i
        parts.append(boards([(-w / 2, -d, z - t, w / 2, 0, z)], wood, 0.003))
        for x in (-0.4 * w, 0.4 * w):
            line: list[Point] = [(x, -0.006, z - t - 0.12), (x, -0.05, z - t - 0.09), (x, -0.75 * d, z - t - 0.006)]
            parts.append(pipe(line, 0.007, k.handle, 6))
        parts += [m.moved((0, -d / 2, z)) for m in dishes(rng, f, (w - 0.05, d - 0.04, 0.27))]
    return hung(parts)


MAKERS: dict[str, Kind] = {
    "base_run": Kind((base_run,), (base_open,)),
    "wall_run": Kind((wall_run,), (wall_stacked,)),
    "fridge": Kind((kitchen_appliances.fridge,), (kitchen_appliances.fridge_wide, kitchen_appliances.fridge_retro)),
    "island": Kind((island,), (island_block,)),
    "extractor": Kind(
        (kitchen_appliances.extractor_chimney, kitchen_appliances.extractor_slanted),
        (kitchen_appliances.extractor_plaster,),
    ),
    "open_shelf": Kind((open_shelf,), (kitchen_appliances.open_rail,)),
}
