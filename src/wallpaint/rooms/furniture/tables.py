"""Tables: coffee, dining, side and bedside tables, desks, consoles."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.furniture import FurnitureCategory
from wallpaint.rooms.furniture.joinery import (
    WOODEN_LEG_STYLES,
    apron,
    bar,
    board,
    disc,
    drawer_fronts,
    four_legs,
    leg,
    merge_on_floor,
    random_timber,
    sheared,
    turned,
)
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, cylinder, lathe, merge, rounded_box
from wallpaint.rooms.surfaces.finishes import Finishes


def top_height(mesh: Mesh) -> float:
    """Return the height of a table top in metres."""
    return float(mesh.bounds[1][2])


def _table_on_legs(
    rng: np.random.Generator,
    f: Finishes,
    size: Point,
    timber: Material,
    thickness: tuple[float, float] = (0.035, 0.06),
    shelf: float = 0.0,
) -> Mesh:
    """A rectangular top on four legs of a random style. shelf: height of a lower shelf, or 0.

    thickness: range of the leg thickness, metres.
    """
    width, depth, height = size
    top = rng.uniform(0.018, 0.04)
    style = str(rng.choice([*WOODEN_LEG_STYLES, "metal"]))
    t = rng.uniform(*thickness)
    under = height - top
    inset = t / 2 + rng.uniform(0.005, 0.06 * depth)
    x, y = width / 2 - inset, depth / 2 - inset
    meshes = [board((width, depth, top), timber, (0, 0, under), rng.uniform(0.003, 0.4 * top))]
    if style == "metal":
        metal, t = (f.metal if rng.random() < 0.4 else f.metal_dark), 0.7 * t
        meshes.append(four_legs("straight", under, (x, y), t, metal))
        meshes.append(apron(2 * x, 2 * y, 0.025, under, metal))
    else:
        splay = rng.uniform(0.05, 0.12) if style == "round" and shelf == 0 else 0.0
        foot = random_timber(rng, f) if rng.random() < 0.3 else timber
        meshes.append(four_legs(style, under, (x - splay * height * 0.6, y - splay * height * 0.3), t, foot, splay))
        meshes.append(apron(2 * (x - splay * height * 0.6), 2 * (y - splay * height * 0.3), 0.1 * height, under, foot))
    if shelf > 0:
        meshes.append(board((2 * x, 2 * y, 0.018), timber, (0, 0, shelf)))
    return merge_on_floor(meshes)


def _coffee_rectangular(rng: np.random.Generator, f: Finishes) -> Mesh:
    size = (rng.uniform(0.85, 1.3), rng.uniform(0.45, 0.7), rng.uniform(0.36, 0.46))
    shelf = rng.uniform(0.12, 0.18) if rng.random() < 0.5 else 0.0
    return _table_on_legs(rng, f, size, random_timber(rng, f), shelf=shelf)


def _coffee_hairpin(rng: np.random.Generator, f: Finishes) -> Mesh:
    width, depth, height, top = rng.uniform(0.8, 1.2), rng.uniform(0.45, 0.65), rng.uniform(0.36, 0.45), 0.035
    meshes = [board((width, depth, top), f.wood, (0, 0, height - top), 0.006)]
    spread = (width / 2 - 0.13, depth / 2 - 0.12)
    return merge_on_floor([*meshes, four_legs("hairpin", height - top, spread, 0.03, f.metal_dark, 0.12)])


def _round_table_on_legs(rng: np.random.Generator, f: Finishes, radius: float, height: float) -> Mesh:
    """A round top on three or four splayed legs, perhaps with a smaller disc between them."""
    count, top, splay = int(rng.integers(3, 5)), rng.uniform(0.016, 0.035), rng.uniform(0.05, 0.25)
    timber, metal = random_timber(rng, f), rng.random() < 0.35
    foot = f.metal_dark if metal else timber
    one = leg("round", height - top, 0.018 if metal else rng.uniform(0.03, 0.05), foot)
    reach = radius * rng.uniform(0.55, 0.75)
    meshes = [disc(radius, top, timber, (0, 0, height - top), rng.uniform(0.003, 0.5 * top))]
    meshes += [
        sheared(one, -splay, 0.0, height).moved((reach, 0, 0)).moved(yaw=2 * np.pi * (k + 0.25) / count)
        for k in range(count)
    ]
    if rng.random() < 0.4:
        z = 0.38 * height
        meshes.append(disc(reach + splay * (height - z) - 0.005, 0.014, timber, (0, 0, z)))
    else:
        meshes.append(cylinder(reach + 0.01, 0.02, foot, (0, 0, height - top - 0.02), 32))
    return merge_on_floor(meshes)


def _coffee_round(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _round_table_on_legs(rng, f, rng.uniform(0.35, 0.5), rng.uniform(0.36, 0.46))


def _coffee_drum(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A drum table, smooth or with vertical staves."""
    radius, height, material = rng.uniform(0.32, 0.46), rng.uniform(0.32, 0.42), random_timber(rng, f)
    meshes = [disc(radius + rng.choice([0.0, 0.015]), 0.025, material, (0, 0, height - 0.025), 0.008)]
    if rng.random() < 0.5:
        stave = board((0.03, 0.02, height - 0.055), material, (0, -radius + 0.012, 0.03))
        count = int(2 * np.pi * radius / 0.06)
        meshes += [stave.moved(yaw=2 * np.pi * k / count) for k in range(count)]
        meshes.append(cylinder(radius - 0.02, height - 0.03, material, (0, 0, 0.02), 32))
        meshes.append(cylinder(radius - 0.05, 0.03, f.metal_dark, (0, 0, 0), 32))
    else:
        meshes.append(disc(radius, height - 0.045, material, (0, 0, 0.02), 0.01))
        meshes.append(cylinder(radius - 0.03, 0.03, f.metal_dark, (0, 0, 0), 32))
    return merge_on_floor(meshes)


def _waterfall(rng: np.random.Generator, f: Finishes, size: Point) -> Mesh:
    """A waterfall table: top and sides of one thickness, with a shelf."""
    width, depth, height = size
    t, timber = rng.uniform(0.025, 0.05), random_timber(rng, f)
    meshes = [board((width, depth, t), timber, (0, 0, height - t), 0.005)]
    meshes += [board((t, depth, height - t), timber, (x * (width - t) / 2, 0, 0), 0.005) for x in (-1, 1)]
    return merge_on_floor(
        [*meshes, board((width - 2 * t, depth - 0.02, 0.02), timber, (0, 0.01, rng.uniform(0.3, 0.45) * height))]
    )


def _coffee_waterfall(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _waterfall(rng, f, (rng.uniform(0.8, 1.2), rng.uniform(0.5, 0.65), rng.uniform(0.34, 0.44)))


def _coffee_nest(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Two nesting round tables with metal legs."""
    radius, height = rng.uniform(0.34, 0.42), rng.uniform(0.42, 0.5)
    metal, timber = (f.metal if rng.random() < 0.5 else f.metal_dark), random_timber(rng, f)
    meshes = []
    for r, h, x, y in ((radius, height, -0.12, 0.05), (0.72 * radius, 0.76 * height, 0.3, -0.14)):
        one = [disc(r, 0.018, timber, (0, 0, h - 0.018)), cylinder(r - 0.02, 0.02, metal, (0, 0, h - 0.036), 32)]
        rod = cylinder(0.009, h - 0.018, metal, (r - 0.03, 0, 0), 10)
        one += [rod.moved(yaw=2.1 * k + 0.5) for k in range(3)]
        meshes.append(merge(one).moved((x, y, 0)))
    return merge_on_floor(meshes)


def _coffee_pebble(rng: np.random.Generator, f: Finishes) -> Mesh:
    """An oval top on two round columns."""
    width, depth, height = rng.uniform(0.95, 1.25), rng.uniform(0.55, 0.7), rng.uniform(0.34, 0.42)
    top = disc(0.5, 0.04, f.lacquer if rng.random() < 0.5 else f.wood_second, edge=0.019)
    meshes = [top.moved((0, 0, height - 0.04), scale=(width, depth, 1.0))]
    r = rng.uniform(0.09, 0.14)
    column = turned([(r, 0.0), (r, height - 0.04)], f.wood, 28)
    return merge_on_floor([*meshes, *(column.moved((x * 0.26 * width, 0, 0)) for x in (-1, 1))])


def _dining_rectangular(rng: np.random.Generator, f: Finishes) -> Mesh:
    size = (rng.uniform(1.2, 2.1), rng.uniform(0.78, 0.98), rng.uniform(0.73, 0.77))
    return _table_on_legs(rng, f, size, random_timber(rng, f), (0.055, 0.09))


def _table_on_pedestal(rng: np.random.Generator, f: Finishes, radius: float, height: float) -> Mesh:
    """A round top on a turned pedestal or a tulip base."""
    r, top = radius, rng.uniform(0.02, 0.035)
    h = height - top
    meshes = [disc(r, top, random_timber(rng, f), (0, 0, h), rng.uniform(0.004, 0.5 * top))]
    if rng.random() < 0.5:
        profile = [(0, 0), (0.5, 0), (0.5, 0), (0.5, 0.012), (0.3, 0.04), (0.12, 0.13), (0.075, 0.35), (0.07, 0.6)]
        profile += [(0.1, 0.85), (0.25, 1.0), (0, 1.0)]
        meshes.append(lathe([(x * r, z * h) for x, z in profile], f.lacquer, segments=32))
    else:
        timber = random_timber(rng, f)
        profile = [
            (0, 0.04),
            (0.13, 0.04),
            (0.13, 0.12),
            (0.09, 0.16),
            (0.08, 0.3),
            (0.14, 0.45),
            (0.15, 0.55),
            (0.08, 0.7),
        ]
        meshes.append(turned([(x * r, z * h) for x, z in [*profile, (0.1, 0.9), (0.2, 1.0), (0, 1.0)]], timber))
        foot = [(0.05 * r, 0, 0.14 * h), (0.3 * r, 0, 0.1 * h), (0.6 * r, 0, 0.028)]
        spokes = int(rng.integers(3, 5))
        meshes += [bar(foot, 0.028, timber, 0.2).moved(yaw=2 * np.pi * k / spokes + 0.4) for k in range(spokes)]
    return merge_on_floor(meshes)


def _dining_round(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _table_on_pedestal(rng, f, rng.uniform(0.45, 0.65), rng.uniform(0.73, 0.77))


def _trestle(rng: np.random.Generator, f: Finishes, size: Point) -> Mesh:
    """A top on two A-shaped trestles joined by a rail."""
    width, depth, height = size
    timber, t = (f.wood if rng.random() < 0.6 else f.wood_second), rng.uniform(0.028, 0.05)
    h, reach = height - t, 0.36 * depth
    lean = (reach - 0.06) / h
    limb = board((0.07, 0.06, h), timber)
    meshes = [board((width, depth, t), timber, (0, 0, h), 0.006)]
    for x in (-1, 1):
        at = x * (0.5 * width - 0.28)
        meshes += [sheared(limb, 0, -y * lean).moved((at, y * reach, 0)) for y in (-1, 1)]
        meshes.append(board((0.05, 2 * reach - 0.1, 0.07), timber, (at, 0, 0.3 * h)))
        meshes.append(board((0.08, 0.8 * depth, 0.05), timber, (at, 0, h - 0.05)))
    return merge_on_floor([*meshes, board((width - 0.56, 0.035, 0.09), timber, (0, 0, 0.3 * h))])


def _dining_trestle(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _trestle(rng, f, (rng.uniform(1.5, 2.1), rng.uniform(0.8, 0.95), rng.uniform(0.73, 0.77)))


def _dining_frames(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A thick top, rectangular or oval, on two metal frames."""
    width, depth, height, t = rng.uniform(1.5, 2.1), rng.uniform(0.85, 1.0), rng.uniform(0.74, 0.77), 0.042
    h, half = height - t, 0.36 * depth
    plank = board((width, depth, t), f.wood, (0, 0, h), 0.01)
    if rng.random() < 0.5:
        plank = disc(0.5, t, f.wood, edge=0.015).moved((0, 0, h), scale=(width, depth, 1.0))
        half *= 0.8
    meshes = [plank]
    for x in (-1, 1):
        at = x * 0.3 * width
        meshes += [board((0.08, 2 * half, 0.03), f.metal_dark, (at, 0, z)) for z in (0.0, h - 0.03)]
        meshes += [board((0.08, 0.03, h), f.metal_dark, (at, y * half, 0)) for y in (-1, 1)]
    return merge_on_floor(meshes)


def _desk_drawers(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A top on a chest of drawers at one side, or both, and legs at the other."""
    width, depth, height, t = rng.uniform(1.1, 1.6), rng.uniform(0.55, 0.75), rng.uniform(0.73, 0.77), 0.028
    timber = random_timber(rng, f)
    front = f.lacquer if rng.random() < 0.3 else timber
    h, chest = height - t, rng.uniform(0.36, 0.44)
    meshes = [board((width, depth, t), timber, (0, 0, h), 0.004)]
    side = 1 if rng.random() < 0.5 else -1
    for x in (side, -side) if width > 1.35 and rng.random() < 0.5 else (side,):
        at = x * (width / 2 - chest / 2 - 0.01)
        meshes.append(board((chest, depth - 0.05, h - 0.06), timber, (at, 0.01, 0.06)))
        meshes.append(board((chest - 0.04, depth - 0.1, 0.062), f.metal_dark, (at, 0.02, 0)))
        rows = int(rng.integers(2, 5))
        meshes.append(drawer_fronts(rng, f, front, (chest - 0.01, h - 0.08), rows, (at, -depth / 2 + 0.035, 0.07)))
    if len(meshes) == 4:
        post = leg("square", h, 0.05, timber)
        meshes += [post.moved((-side * (width / 2 - 0.05), y * (depth / 2 - 0.05), 0)) for y in (-1, 1)]
    return merge_on_floor([*meshes, board((width - 0.1, 0.018, 0.3), timber, (0, depth / 2 - 0.06, h - 0.3))])


def _desk_writing(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A light desk: legs, and two or three shallow drawers below its top."""
    width, depth, height, t = rng.uniform(1.0, 1.35), rng.uniform(0.5, 0.65), rng.uniform(0.74, 0.77), 0.022
    timber, drawer_height, count = random_timber(rng, f), rng.uniform(0.09, 0.12), int(rng.integers(2, 4))
    h = height - t
    meshes = [
        board((width, depth, t), timber, (0, 0, h)),
        board((width - 0.06, depth - 0.05, drawer_height), timber, (0, 0, h - drawer_height)),
    ]
    style = str(rng.choice(["square", "round", "turned"]))
    meshes.append(four_legs(style, h, (width / 2 - 0.05, depth / 2 - 0.05), 0.045, timber, 0.04))
    each = (width - 0.14) / count
    front = drawer_fronts(rng, f, timber, (each, drawer_height), 1, (0.0, -depth / 2 + 0.026, h - drawer_height))
    meshes += [front.moved(((k - (count - 1) / 2) * each, 0, 0)) for k in range(count)]
    return merge_on_floor(meshes)


def _desk_trestle(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _trestle(rng, f, (rng.uniform(1.3, 1.6), rng.uniform(0.65, 0.78), rng.uniform(0.73, 0.76)))


def _desk_standing(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A sit-stand desk: two lifting columns on long feet."""
    width, depth, height = rng.uniform(1.2, 1.7), rng.uniform(0.68, 0.8), rng.uniform(0.72, 1.08)
    metal = f.metal_dark if rng.random() < 0.6 else f.plastic
    h = height - 0.026
    meshes = [board((width, depth, 0.026), random_timber(rng, f), (0, 0, h), 0.004)]
    for x in (-1, 1):
        at = x * (width / 2 - 0.2)
        meshes.append(board((0.075, depth - 0.06, 0.03), metal, (at, 0, 0), 0.006))
        meshes.append(board((0.075, 0.055, 0.6 * h), metal, (at, 0.04, 0.02)))
        meshes.append(board((0.06, 0.042, h - 0.02), metal, (at, 0.04, 0.02)))
        meshes.append(board((0.06, depth - 0.2, 0.035), metal, (at, 0, h - 0.035)))
    return merge_on_floor([*meshes, board((width - 0.4, 0.05, 0.04), metal, (0, 0.04, h - 0.045))])


def _side_round(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _round_table_on_legs(rng, f, rng.uniform(0.19, 0.28), rng.uniform(0.42, 0.6))


def _side_square(rng: np.random.Generator, f: Finishes) -> Mesh:
    side = rng.uniform(0.36, 0.5)
    shelf = 0.14 if rng.random() < 0.5 else 0.0
    return _table_on_legs(rng, f, (side, side, rng.uniform(0.42, 0.58)), random_timber(rng, f), (0.025, 0.04), shelf)


def _side_cube(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _waterfall(rng, f, (rng.uniform(0.38, 0.48), rng.uniform(0.34, 0.44), rng.uniform(0.42, 0.52)))


def _side_pedestal(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _table_on_pedestal(rng, f, rng.uniform(0.2, 0.28), rng.uniform(0.48, 0.62))


def _side_hourglass(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A turned hourglass side table."""
    r, h, waist = rng.uniform(0.17, 0.23), rng.uniform(0.42, 0.52), rng.uniform(0.45, 0.75)
    t = np.linspace(0, 1, 13)
    radii = r * (waist + (1 - waist) * (2 * t - 1) ** 2)
    profile = [(0.0, 0.0), (radii[0] - 0.01, 0.0), *zip(radii, 0.008 + (h - 0.03) * t, strict=True)]
    body = turned([(float(a), float(b)) for a, b in profile], f.ceramic if rng.random() < 0.5 else f.wood, 32)
    return merge_on_floor([body, disc(r, 0.024, body.materials[0], (0, 0, h - 0.024), 0.01)])


def _bedside_cabinet(rng: np.random.Generator, f: Finishes) -> Mesh:
    """One or two drawers on legs or on a plinth, perhaps over an open compartment."""
    width, depth, height = rng.uniform(0.4, 0.54), rng.uniform(0.36, 0.44), rng.uniform(0.46, 0.62)
    timber, foot = random_timber(rng, f), rng.choice([0.03, 0.13, 0.17])
    front = f.lacquer if rng.random() < 0.25 else timber
    t, y = 0.02, -depth / 2 + 0.02
    inside = height - foot - 2 * t
    gap = 0.45 * inside if rng.random() < 0.45 else 0.0
    meshes = [board((width, depth, t), timber, (0, 0, z)) for z in (foot, height - t)]
    meshes += [
        board((t, depth - 0.004, inside + 0.004), timber, (x * (width - t) / 2, 0, foot + t - 0.002)) for x in (-1, 1)
    ]
    meshes.append(board((width - t, 0.01, inside + 0.004), timber, (0, depth / 2 - 0.012, foot + t - 0.002)))
    chest = (0, 0.01, foot + t + gap)
    meshes.append(board((width - 2 * t, depth - 0.05, inside - gap), timber, chest))
    rows = 1 if gap else int(rng.integers(2, 4))
    meshes.append(drawer_fronts(rng, f, front, (width - 2 * t, inside - gap), rows, (0, y + 0.014, foot + t + gap)))
    if foot < 0.1:
        meshes.append(board((width - 0.04, depth - 0.06, foot + 0.004), f.metal_dark, (0, 0.01, 0)))
    else:
        style = str(rng.choice(["square", "round"]))
        meshes.append(four_legs(style, foot + 0.002, (width / 2 - 0.05, depth / 2 - 0.05), 0.034, timber, 0.1))
    return merge_on_floor(meshes)


def _bedside_shelf(rng: np.random.Generator, f: Finishes) -> Mesh:
    size = (rng.uniform(0.38, 0.48), rng.uniform(0.34, 0.42), rng.uniform(0.48, 0.6))
    return _table_on_legs(rng, f, size, random_timber(rng, f), (0.025, 0.035), rng.uniform(0.12, 0.2))


def _bedside_drum(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A fluted drum with a shadow gap at drawer height."""
    radius, height, timber = rng.uniform(0.2, 0.24), rng.uniform(0.46, 0.56), random_timber(rng, f)
    reed = cylinder(0.012, height - 0.05, timber, (0, -radius + 0.012, 0.03), 8)
    count = int(2 * np.pi * radius / 0.026)
    meshes = [reed.moved(yaw=2 * np.pi * k / count) for k in range(count)]
    meshes.append(cylinder(radius - 0.012, height - 0.05, timber, (0, 0, 0.03), 32))
    meshes.append(cylinder(radius - 0.03, 0.03, f.metal_dark, (0, 0, 0), 32))
    meshes.append(cylinder(radius + 0.002, 0.008, f.metal_dark, (0, 0, 0.62 * height), 40))
    return merge_on_floor([*meshes, disc(radius + 0.006, 0.022, timber, (0, 0, height - 0.022), 0.008)])


def _console_drawers(rng: np.random.Generator, f: Finishes) -> Mesh:
    width, depth, height, t = rng.uniform(0.9, 1.4), rng.uniform(0.3, 0.4), rng.uniform(0.76, 0.88), 0.025
    timber, h = random_timber(rng, f), height - t
    meshes = [
        board((width, depth, t), timber, (0, 0, h)),
        board((width - 0.06, depth - 0.05, 0.13), timber, (0, 0, h - 0.13)),
    ]
    meshes.append(
        four_legs(str(rng.choice(WOODEN_LEG_STYLES)), h, (width / 2 - 0.045, depth / 2 - 0.045), 0.045, timber)
    )
    at = (0.0, -depth / 2 + 0.026, h - 0.13)
    each = (width - 0.14) / 2
    front = drawer_fronts(rng, f, timber, (each, 0.13), 1, at)
    meshes += [front.moved((x * each / 2, 0, 0)) for x in (-1, 1)]
    if rng.random() < 0.5:
        meshes.append(board((width - 0.06, depth - 0.06, 0.02), timber, (0, 0, 0.15)))
    return merge_on_floor(meshes)


def _console_light(rng: np.random.Generator, f: Finishes) -> Mesh:
    size = (rng.uniform(0.85, 1.3), rng.uniform(0.28, 0.38), rng.uniform(0.75, 0.88))
    return _table_on_legs(rng, f, size, random_timber(rng, f), (0.028, 0.045), 0.16 if rng.random() < 0.6 else 0.0)


def _console_columns(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A thick top with round ends on two fluted columns."""
    width, depth, height = rng.uniform(1.1, 1.5), rng.uniform(0.34, 0.42), rng.uniform(0.76, 0.86)
    timber, t = random_timber(rng, f), 0.045
    h, r = height - t, 0.36 * depth
    reed = cylinder(0.011, h, timber, (0, -r + 0.011, 0), 8)
    count = int(2 * np.pi * r / 0.024)
    column = merge(
        [cylinder(r - 0.01, h, timber, segments=24), *(reed.moved(yaw=2 * np.pi * k / count) for k in range(count))]
    )
    meshes = [column.moved((x * (width / 2 - 0.3), 0, 0)) for x in (-1, 1)]
    return merge_on_floor([*meshes, rounded_box((width, depth, t), timber, (0, 0, h), 0.02, 3)])


CATEGORIES: dict[str, FurnitureCategory] = {
    "coffee_table": FurnitureCategory(
        (_coffee_rectangular, _coffee_hairpin, _coffee_round, _coffee_drum, _coffee_waterfall),
        (_coffee_nest, _coffee_pebble),
    ),
    "dining_table": FurnitureCategory((_dining_rectangular, _dining_round, _dining_trestle), (_dining_frames,)),
    "desk": FurnitureCategory((_desk_drawers, _desk_writing, _desk_trestle), (_desk_standing,)),
    "side_table": FurnitureCategory((_side_round, _side_square, _side_cube, _side_pedestal), (_side_hourglass,)),
    "bedside": FurnitureCategory((_bedside_cabinet, _bedside_shelf), (_bedside_drum,)),
    "console": FurnitureCategory((_console_drawers, _console_light), (_console_columns,)),
}
