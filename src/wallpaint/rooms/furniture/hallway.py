"""Hallway furniture: coat stands, hall stands with a bench, shoe cabinets."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.furniture import FurnitureCategory
from wallpaint.rooms.furniture.books import COVER_MATERIALS
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
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, cylinder, lathe, merge, sphere, surface, two_sided
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.typing import Array


def coat(rng: np.random.Generator, f: Finishes, length: float, shoulder: float) -> Mesh:
    """A hanging coat of two-sided cloth, shoulders at z = 0, `length` metres long.

    shoulder: width of the shoulders, metres; smaller on a hook than on a hanger.
    """
    sample = rng.random()
    dark = Material("coat", COVER_MATERIALS[int(rng.choice([8, 9, 10, 12, 19, 20, 22, 24]))].albedo, roughness=0.9)
    cloth = f.fabric_second if sample < 0.2 else f.accent if sample < 0.35 else dark
    folds, phase, depth = int(rng.integers(4, 7)), rng.uniform(0, 6.3), rng.uniform(0.05, 0.07)

    def shape(s: Array, t: Array) -> Array:
        turn = 2 * np.pi * s
        drop = 1 - t
        spread = shoulder / 2 * (0.5 + 0.5 * np.minimum(drop / 0.06, 1)) * (0.88 + 0.25 * drop)
        ripple = 1 + 0.13 * np.minimum(2 * drop, 1) * np.cos(folds * turn + phase)
        fall = np.abs(np.cos(turn)) * 0.055 * np.minimum(drop / 0.06, 1)
        neck = np.where(drop < 0.01, 0.3, 1.0)
        x, y = spread * ripple * neck * np.cos(turn), depth * (0.5 + 0.6 * drop) * ripple * neck * np.sin(turn)
        return np.stack([x, y, -length * drop - fall * (1 - drop)], -1)

    mesh = surface(shape, cloth, 28, 7, (1.2, length))
    sleeves = []
    for side in (-1, 1):
        x, swing = side * shoulder * 0.42, rng.uniform(-0.01, 0.03)
        bend = [(x, 0, -0.06), (x + side * 0.035, -0.01, -0.3), (x + side * (0.03 + swing), -0.045, -0.6)]
        sleeves.append(pipe(bend, 0.048, cloth, 10))
    return merge([two_sided(mesh), *sleeves])


def _coat_stand(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A post with hooks on a round or crossed foot; a coat or two and a hat hang on it."""
    h, material, r = rng.uniform(1.68, 1.85), (f.wood, f.metal_dark, f.metal, f.lacquer)[int(rng.integers(4))], 0.017
    meshes = [cylinder(r, h, material, segments=14), sphere(0.028, material, (0, 0, h + 0.01), 12)]
    if rng.random() < 0.5:
        meshes.append(cylinder(rng.uniform(0.17, 0.21), 0.022, material, segments=32))
    else:
        for k in range(4):
            a = k * np.pi / 2
            foot = [
                (0, 0, 0.2),
                (0.12 * np.cos(a), 0.12 * np.sin(a), 0.12),
                (0.28 * np.cos(a), 0.28 * np.sin(a), 0.014),
            ]
            meshes.append(pipe(foot, 0.014, material))
    count, tips = int(rng.integers(4, 7)), []
    for k in range(count):
        a, up = 2 * np.pi * k / count + 0.3, 0.09 * (k % 2)
        x, y, z = np.cos(a), np.sin(a), h - 0.14 - up
        hook: list[Point] = [(0, 0, z - 0.05), (0.07 * x, 0.07 * y, z - 0.03), (0.12 * x, 0.12 * y, z + 0.045)]
        meshes += [pipe(hook, 0.0075, material, 8), sphere(0.012, material, hook[-1], 8)]
        tips.append((hook[1], a))
    for i in rng.permutation(count)[: int(rng.integers(0, 4))]:
        (x, y, z), a = tips[i]
        garment = coat(rng, f, rng.uniform(0.75, 1.05), rng.uniform(0.3, 0.36))
        meshes.append(garment.moved((1.5 * x, 1.5 * y, z), float(a) + np.pi / 2))
    if rng.random() < 0.4:
        brim = [(0, -0.004), (0.16, -0.004), (0.16, 0.0), (0.085, 0.004), (0.08, 0.09), (0.06, 0.105), (0, 0.1)]
        meshes.append(lathe(brim, f.fabric_second, segments=24).rotated("x", 0.2).moved((0, 0, h - 0.02)))
    return center_on_floor(merge(meshes))


def _coat_rail(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A rail between two A-shaped ends, with clothes on hangers and a shelf for shoes."""
    w, h, d = rng.uniform(0.8, 1.2), rng.uniform(1.5, 1.7), rng.uniform(0.38, 0.45)
    material = f.wood if rng.random() < 0.5 else f.metal_dark
    meshes = []
    for x in (-w / 2, w / 2):
        meshes += [pipe([(x, y, 0), (x, -0.07 * np.sign(y), h + 0.05)], 0.014, material) for y in (-d / 2, d / 2)]
    meshes.append(pipe([(-w / 2 - 0.05, 0, h - 0.08), (w / 2 + 0.05, 0, h - 0.08)], 0.013, material))
    y = d / 2 - (d / 2 + 0.07) * 0.2 / (h + 0.05)
    meshes.append(boards([(-w / 2 - 0.01, -y, 0.19, w / 2 + 0.01, y, 0.21)], f.wood))
    x = -w / 2 + 0.12
    while x < w / 2 - 0.1:
        if rng.random() < 0.8:
            hanger = pipe([(0, 0, 0), (0, 0, 0.05), (0, 0.012, 0.075)], 0.0025, f.metal, 5)
            one = merge([coat(rng, f, rng.uniform(0.65, 1.0), rng.uniform(0.38, 0.43)), hanger])
            meshes.append(one.moved((x, 0, h - 0.16), np.pi / 2 + float(rng.normal(0, 0.12))))
        x += rng.uniform(0.1, 0.22)
    for k in range(int(rng.integers(0, 3))):
        meshes.append(shoes(rng, f).moved((-w / 2 + 0.25 + 0.26 * k, 0, 0.21)))
    return center_on_floor(merge(meshes))


def shoes(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A pair of low shoes, toes towards -y, centred on the origin."""
    upper = f.leather if rng.random() < 0.4 else COVER_MATERIALS[int(rng.choice([2, 6, 8, 9, 11, 19]))]
    sole = Material("sole", (0.5, 0.49, 0.46) if rng.random() < 0.5 else (0.03, 0.03, 0.03))
    foot = sphere((0.043, 0.135, 0.05), upper, (0, 0, 0.022), 10)
    heel = sphere((0.038, 0.06, 0.075), upper, (0, 0.07, 0.03), 8)
    one = merge([foot, heel])
    one.vertices[:, 2] = np.maximum(one.vertices[:, 2], 0.012)
    tread = cylinder(1.0, 0.016, sole, segments=12).moved(scale=(0.045, 0.137, 1.0))
    pair = merge([one, tread])
    return merge([pair.moved((s * 0.055, 0.0, 0), float(s * rng.uniform(-0.05, 0.2))) for s in (-1, 1)])


def _hallstand_panel(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A bench with a tall back panel, hooks and a shelf."""
    w, d, h, seat = rng.uniform(0.7, 1.15), rng.uniform(0.36, 0.42), rng.uniform(1.75, 2.0), rng.uniform(0.42, 0.5)
    wood, metal, back = random_carcass_wood(rng, f), (f.metal if rng.random() < 0.4 else f.metal_dark), d / 2 - 0.02
    meshes = [
        case((w, d, seat), wood, wood),
        boards([(-w / 2 - 0.008, -d / 2 - 0.008, seat, w / 2 + 0.008, d / 2, seat + 0.022)], f.wood),
    ]
    if rng.random() < 0.5:
        cells = grid_cells((-w / 2 + 0.018, w / 2 - 0.018), (0.018, seat - 0.018), 2, 1)
        meshes.append(fronts(str(rng.choice(["flat", "shaker"])), cells, -d / 2 + FRONT_THICKNESS + 0.002, wood))
        meshes.append(pulls("knob", [(s * 0.05, -d / 2 + 0.002, 0.75 * seat) for s in (-1, 1)], metal))
    else:
        meshes.append(
            boards(
                [(-w / 2 + 0.018, -d / 2 + 0.01, seat / 2 - 0.009, w / 2 - 0.018, d / 2 - 0.01, seat / 2 + 0.009)], wood
            )
        )
        for k in range(int(w / 0.27)):
            meshes.append(
                shoes(rng, f).moved((-w / 2 + 0.17 + 0.26 * k, 0, 0.018 if rng.random() < 0.5 else seat / 2 + 0.009))
            )
    meshes.append(fronts(str(rng.choice(["planks", "flat"])), [(-w / 2, seat + 0.02, w / 2, h)], d / 2, wood))
    meshes.append(boards([(-w / 2, d / 2 - 0.26, h - 0.02, w / 2, d / 2, h + 0.004)], wood))
    z, count = h - rng.uniform(0.2, 0.3), max(3, round(w / 0.2))
    xs = (np.arange(count) + 0.5) * w / count - w / 2
    for x in xs:
        hook: list[Point] = [(x, back, z), (x, back - 0.05, z - 0.012), (x, back - 0.07, z + 0.02)]
        meshes += [pipe(hook, 0.006, metal, 8), sphere(0.011, metal, hook[-1], 8)]
    for x in rng.permutation(xs)[: int(rng.integers(1, 3))]:
        meshes.append(coat(rng, f, rng.uniform(0.7, 0.95), 0.32).moved((float(x), back - 0.085, z - 0.01)))
    if rng.random() < 0.5:
        meshes.append(
            boards(
                [(-w / 2 + 0.03, -d / 2 + 0.01, seat + 0.022, w / 2 - 0.03, d / 2 - 0.03, seat + 0.065)],
                f.accent,
                0.018,
            )
        )
    return center_on_floor(merge(meshes))


def _hallstand_frame(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A frame of metal bars with a mirror, a hat rack and a slatted seat."""
    w, d, h, t = rng.uniform(0.65, 0.95), rng.uniform(0.34, 0.4), rng.uniform(1.8, 1.95), 0.022
    metal, seat = (f.metal_dark if rng.random() < 0.6 else f.metal), 0.45
    bars = [(x - t / 2, d / 2 - t, 0.0, x + t / 2, d / 2, h) for x in (-w / 2, w / 2)]
    bars += [(x - t / 2, -d / 2, 0, x + t / 2, -d / 2 + t, seat) for x in (-w / 2, w / 2)]
    bars += [(x - t / 2, -d / 2, z - t, x + t / 2, d / 2, z) for x in (-w / 2, w / 2) for z in (seat, 0.14)]
    bars += [(-w / 2, d / 2 - t, z - t, w / 2, d / 2, z) for z in (h, h - 0.3, seat, 0.14)]
    bars += [(-w / 2, -d / 2, z - t, w / 2, -d / 2 + t, z) for z in (seat, 0.14)]
    bars += [(-w / 2, d / 2 - 0.27 + k * 0.06, h - 0.03, w / 2, d / 2 - 0.25 + k * 0.06, h - 0.015) for k in range(5)]
    meshes = [boards(bars, metal, 0.0)]
    slats = [(-w / 2, y, seat, w / 2, y + 0.05, seat + 0.018) for y in np.linspace(-d / 2, d / 2 - 0.05, 6)]
    slats += [(-w / 2, y, 0.14, w / 2, y + 0.03, 0.152) for y in np.linspace(-d / 2, d / 2 - 0.03, 6)]
    meshes.append(boards(slats, f.wood))
    low, high, half = seat + 0.35, h - 0.32, 0.3 * w
    meshes.append(boards([(-half, d / 2 - 0.018, low, half, d / 2 - 0.004, high)], metal))
    meshes.append(front_quads([(-half + 0.012, low + 0.012, half - 0.012, high - 0.012, d / 2 - 0.0186)], f.mirror))
    for x in (-0.42 * w, 0.42 * w):
        hook: list[Point] = [(x, d / 2 - t, h - 0.31), (x, d / 2 - 0.08, h - 0.33), (x, d / 2 - 0.1, h - 0.29)]
        meshes.append(pipe(hook, 0.006, metal, 8))
    if rng.random() < 0.7:
        meshes.append(coat(rng, f, 0.9, 0.3).moved((0.42 * w, d / 2 - 0.1, h - 0.33)))
    for k in range(int(rng.integers(0, 3))):
        meshes.append(shoes(rng, f).moved((-w / 2 + 0.2 + 0.25 * k, 0, 0.152)))
    return center_on_floor(merge(meshes))


def _shoe_tilting(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A slim cabinet whose fronts tilt."""
    w, d, rows = rng.uniform(0.5, 1.05), rng.uniform(0.18, 0.28), int(rng.integers(2, 4))
    h, wood = 0.1 + 0.38 * rows, random_carcass_wood(rng, f)
    lift = 0.07
    meshes = [
        case((w, d, h - lift - 0.02), wood, wood, lift),
        legs("square", lift, (w / 2 - 0.03, d / 2 - 0.03), wood, 0.04),
    ]
    meshes.append(
        boards([(-w / 2 - 0.008, -d / 2 - FRONT_THICKNESS - 0.008, h - 0.022, w / 2 + 0.008, d / 2, h)], wood)
    )
    cells = grid_cells((-w / 2 + 0.002, w / 2 - 0.002), (lift + 0.002, h - 0.026), 2 if w > 0.8 else 1, rows)
    style, pull = str(rng.choice(["flat", "flat", "shaker", "louvre"])), str(rng.choice(["slot", "knob", "bar"]))
    meshes.append(fronts(style, cells, -d / 2, wood))
    grips = [((c[0] + c[2]) / 2, -d / 2 - FRONT_THICKNESS, c[3] - 0.03) for c in cells]
    return center_on_floor(merge([*meshes, pulls(pull, grips, f.metal if rng.random() < 0.5 else f.metal_dark, 0.12)]))


def _shoe_rack(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A bench of slats with rows of shoes under a cushion."""
    w, d, h, levels = rng.uniform(0.7, 1.05), rng.uniform(0.3, 0.35), rng.uniform(0.44, 0.5), (0.05, 0.23)
    wood = f.wood if rng.random() < 0.7 else f.metal_dark
    ends = [(x - 0.014, y, 0, x + 0.014, y + 0.03, h) for x in (-w / 2, w / 2) for y in (-d / 2, d / 2 - 0.03)]
    slats = [(-w / 2, y, z - 0.014, w / 2, y + 0.022, z) for z in levels for y in np.linspace(-d / 2, d / 2 - 0.022, 7)]
    top = (-w / 2 - 0.03, -d / 2 - 0.01, h - 0.02, w / 2 + 0.03, d / 2 + 0.01, h)
    meshes = [boards([*ends, top], wood, 0.003), boards(slats, wood, 0.0)]
    meshes.append(
        boards([(-w / 2, -d / 2, h, w / 2, d / 2, h + 0.05)], f.accent if rng.random() < 0.5 else f.fabric_second, 0.02)
    )
    for z in levels:
        for x in np.arange(-w / 2 + 0.15, w / 2 - 0.1, 0.25):
            if rng.random() < 0.75:
                meshes.append(shoes(rng, f).moved((float(x), 0, z)))
    return center_on_floor(merge(meshes))


CATEGORIES: dict[str, FurnitureCategory] = {
    "coat_rack": FurnitureCategory((_coat_stand,), (_coat_rail,)),
    "hallstand": FurnitureCategory((_hallstand_panel,), (_hallstand_frame,)),
    "shoe_cabinet": FurnitureCategory((_shoe_tilting,), (_shoe_rack,)),
}
