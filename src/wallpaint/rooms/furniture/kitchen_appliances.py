"""Fridges, extractor hoods, and a rail with pans."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.furniture.carcass import (
    boards,
    center_on_floor,
    front_quads,
    legs,
    merge_on_wall,
    pipe,
    slab,
)
from wallpaint.rooms.furniture.kitchen_fittings import (
    BLACK_GLASS,
    dishes,
)
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, cylinder, lathe, merge, polygon, quad
from wallpaint.rooms.surfaces.finishes import Finishes


def fridge(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A fridge-freezer in white or steel."""
    w, d, h = rng.uniform(0.55, 0.7), rng.uniform(0.6, 0.68), rng.uniform(1.6, 1.95)
    paint = f.plastic if rng.random() < 0.5 else Material("fridge steel", (0.5, 0.5, 0.49), roughness=0.35, metal=True)
    split, above = h * rng.uniform(0.32, 0.45), rng.random() < 0.3
    split = h - split if above else split
    meshes = [boards([(-w / 2, -d / 2 + 0.06, 0.03, w / 2, d / 2, h)], paint, 0.006)]
    meshes.append(boards([(-w / 2 + 0.03, -d / 2 + 0.08, 0, w / 2 - 0.03, d / 2 - 0.03, 0.04)], f.metal_dark))
    doors = [
        (-w / 2, -d / 2, 0.05, w / 2, -d / 2 + 0.055, split - 0.004),
        (-w / 2, -d / 2, split + 0.004, w / 2, -d / 2 + 0.055, h),
    ]
    meshes.append(boards(doors, paint, 0.009))
    if rng.random() < 0.7:
        x, length = w / 2 - 0.05, 0.32
        for z in (split - 0.06 - length / 2, split + 0.06 + length / 2):
            path: list[Point] = [(x, -d / 2, z - length / 2), (x, -d / 2 - 0.035, z - length / 2 + 0.02)]
            path += [(x, -d / 2 - 0.035, z + length / 2 - 0.02), (x, -d / 2, z + length / 2)]
            meshes.append(pipe(path, 0.009, f.metal, 8))
    return center_on_floor(merge(meshes))


def fridge_wide(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A French-door fridge: two doors over a drawer."""
    w, d, h = rng.uniform(0.84, 0.92), rng.uniform(0.66, 0.72), rng.uniform(1.75, 1.85)
    paint = (
        Material("fridge steel", (0.5, 0.5, 0.49), roughness=0.33, metal=True) if rng.random() < 0.6 else f.metal_dark
    )
    low = 0.62
    doors = [(-w / 2, -d / 2, low, -0.003, -d / 2 + 0.06, h), (0.003, -d / 2, low, w / 2, -d / 2 + 0.06, h)]
    doors.append((-w / 2, -d / 2, 0.06, w / 2, -d / 2 + 0.06, low - 0.006))
    meshes = [
        boards(doors, paint, 0.009),
        boards([(-w / 2, -d / 2 + 0.065, 0.03, w / 2, d / 2, h - 0.01)], paint, 0.004),
    ]
    meshes.append(boards([(-w / 2 + 0.03, -d / 2 + 0.08, 0, w / 2 - 0.03, d / 2 - 0.03, 0.04)], f.metal_dark))
    for x in (-0.04, 0.04):
        path: list[Point] = [
            (x, -d / 2, low + 0.2),
            (x, -d / 2 - 0.04, low + 0.22),
            (x, -d / 2 - 0.04, h - 0.22),
            (x, -d / 2, h - 0.2),
        ]
        meshes.append(pipe(path, 0.01, f.metal, 8))
    meshes.append(front_quads([(-0.33, 1.15, -0.13, 1.45, -d / 2 - 0.0006)], BLACK_GLASS))
    rail: list[Point] = [
        (-0.3, -d / 2, low - 0.07),
        (-0.28, -d / 2 - 0.04, low - 0.07),
        (0.28, -d / 2 - 0.04, low - 0.07),
        (0.3, -d / 2, low - 0.07),
    ]
    return center_on_floor(merge([*meshes, pipe(rail, 0.01, f.metal, 8)]))


def fridge_retro(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A coloured retro fridge with rounded edges."""
    w, d, h = rng.uniform(0.56, 0.62), rng.uniform(0.6, 0.66), rng.uniform(1.35, 1.6)
    tones = ((0.62, 0.22, 0.17), (0.4, 0.58, 0.55), (0.76, 0.68, 0.5), (0.2, 0.3, 0.42), (0.6, 0.42, 0.4))
    paint = Material("enamel", tones[int(rng.integers(5))], roughness=0.2, f0=0.04)
    meshes = [boards([(-w / 2, -d / 2 + 0.05, 0.06, w / 2, d / 2, h)], paint, 0.05)]
    meshes.append(boards([(-w / 2, -d / 2, 0.06, w / 2, -d / 2 + 0.1, h)], paint, 0.045))
    meshes.append(legs("rod", 0.07, (w / 2 - 0.06, d / 2 - 0.06), f.metal, 0.05))
    path: list[Point] = [
        (w / 2 - 0.06, -d / 2, 0.95),
        (w / 2 - 0.06, -d / 2 - 0.04, 0.97),
        (w / 2 - 0.06, -d / 2 - 0.04, 1.18),
    ]
    return center_on_floor(merge([*meshes, pipe([*path, (w / 2 - 0.06, -d / 2, 1.2)], 0.013, f.metal, 10)]))


def extractor_chimney(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A pyramidal chimney hood."""
    w, d, height, duct = (
        float(rng.choice([0.6, 0.9])),
        rng.uniform(0.47, 0.5),
        rng.uniform(0.22, 0.3),
        rng.uniform(0.4, 0.6),
    )
    metal = (
        Material("hood steel", (0.55, 0.54, 0.53), roughness=0.3, metal=True) if rng.random() < 0.7 else f.metal_dark
    )
    a, b, y = w / 2, 0.14, -d
    meshes = [
        boards([(-a, -d, 0, a, 0, 0.05)], metal, 0.002),
        boards([(-b, -0.26, 0.05 + height - 0.002, b, 0, 0.05 + height + duct)], metal),
    ]
    low, top = 0.05, 0.05 + height
    meshes.append(polygon([(-a, y, low), (a, y, low), (b, -0.26, top), (-b, -0.26, top)], metal))
    meshes.append(polygon([(a, y, low), (a, 0, low), (b, 0, top), (b, -0.26, top)], metal))
    meshes.append(polygon([(-a, 0, low), (-a, y, low), (-b, -0.26, top), (-b, 0, top)], metal))
    under = [(x0, -d + 0.08, x0 + 0.42 * w, -0.05) for x0 in (-0.45 * w, 0.03 * w)]
    meshes += [quad((x, y1, -0.0008), (x1 - x, 0, 0), (0, y0 - y1, 0), f.metal_dark) for x, y0, x1, y1 in under]
    meshes.append(front_quads([(-0.12, 0.018, 0.12, 0.034, -d - 0.0008)], BLACK_GLASS))
    return merge_on_wall(meshes)


def extractor_slanted(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A slanted glass hood below a duct."""
    w, h, lean = float(rng.choice([0.6, 0.8, 0.9])), rng.uniform(0.42, 0.52), rng.uniform(0.55, 0.75)
    glass = BLACK_GLASS if rng.random() < 0.7 else f.plastic
    sheet = boards([(-w / 2, -0.012, 0, w / 2, 0, h)], glass).rotated("x", lean).moved((0, -0.05, 0))
    top, out = h * float(np.cos(lean)) - 0.01, 0.05 + h * float(np.sin(lean))
    side = [(-top, 0.0), (-top, -out), (-0.02, -0.05), (-0.02, 0.0)]
    wedge = slab(side, 0.0, w - 0.06, f.metal_dark).rotated("y", np.pi / 2).moved((-w / 2 + 0.03, 0, 0))
    duct = boards([(-0.14, -0.24, top, 0.14, 0, top + rng.uniform(0.35, 0.5))], f.metal_dark)
    return merge_on_wall([sheet, wedge, duct])


def extractor_plaster(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A flared plaster hood with a wooden edge."""
    w, d, h = rng.uniform(0.75, 1.0), rng.uniform(0.45, 0.52), rng.uniform(0.7, 0.9)
    white = Material("hood plaster", (0.74, 0.73, 0.7), roughness=0.9, bump=0.04)
    step = np.linspace(0, 1, 9)
    width = w / 2 * (0.5 + 0.5 * (1 - step) ** 2)
    out = d * (0.5 + 0.5 * (1 - step) ** 2)
    meshes = [boards([(-w / 2 - 0.012, -d - 0.012, 0, w / 2 + 0.012, 0, 0.09)], f.wood, 0.004)]
    for i in range(8):
        (a, b), (y0, y1), (z0, z1) = width[i : i + 2], -out[i : i + 2], 0.09 + (h - 0.09) * step[i : i + 2]
        meshes.append(polygon([(-a, y0, z0), (a, y0, z0), (b, y1, z1), (-b, y1, z1)], white))
        meshes.append(polygon([(a, y0, z0), (a, 0, z0), (b, 0, z1), (b, y1, z1)], white))
        meshes.append(polygon([(-a, 0, z0), (-a, y0, z0), (-b, y1, z1), (-b, 0, z1)], white))
    b, y = float(width[-1]), -float(out[-1])
    return merge_on_wall([*meshes, polygon([(-b, y, h), (b, y, h), (b, 0, h), (-b, 0, h)], white)])


def open_rail(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A narrow shelf over a rail from which pans and ladles hang."""
    w, d, metal = rng.uniform(0.7, 1.2), 0.16, (f.metal if rng.random() < 0.6 else f.metal_dark)
    meshes = [boards([(-w / 2, -d, 0, w / 2, 0, 0.025)], f.wood, 0.003)]
    meshes += [m.moved((0, -d / 2, 0.025)) for m in dishes(rng, f, (w - 0.05, d - 0.03, 0.2))]
    meshes.append(pipe([(-w / 2 + 0.03, -0.06, -0.06), (w / 2 - 0.03, -0.06, -0.06)], 0.006, metal, 8))
    meshes += [pipe([(x, 0, -0.06), (x, -0.06, -0.06)], 0.006, metal, 8) for x in (-w / 2 + 0.05, w / 2 - 0.05)]
    for x in np.arange(-w / 2 + 0.12, w / 2 - 0.1, 0.15):
        sample, x0 = rng.random(), float(x)
        if sample < 0.4:
            r = rng.uniform(0.06, 0.09)
            pan = lathe(
                [(0, 0), (r, 0), (r, 0.04), (r - 0.003, 0.04), (r - 0.003, 0.004), (0, 0.004)],
                f.metal_dark,
                segments=20,
            )
            meshes.append(pan.rotated("x", np.pi / 2).moved((x0, -0.05, -0.25 - r)))
            meshes.append(boards([(x0 - 0.01, -0.064, -0.25, x0 + 0.01, -0.056, -0.05)], metal))
        elif sample < 0.85:
            meshes.append(pipe([(x0, -0.066, -0.05), (x0, -0.066, -0.3)], 0.005, metal, 6))
            ladle = cylinder(0.028, 0.012, metal if rng.random() < 0.5 else f.wood, segments=12).rotated("x", np.pi / 2)
            meshes.append(ladle.moved((x0, -0.06, -0.32)))
    return merge_on_wall(meshes)
