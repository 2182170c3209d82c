"""Floor and table lamps."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.furniture.books import COVER_MATERIALS
from wallpaint.rooms.furniture.carcass import boards, center_on_floor, pipe
from wallpaint.rooms.furniture.lamp_shades import (
    DIFFUSER,
    OPAL_GLASS,
    WHITE_LINING,
    fabric_shade,
    flat_disc,
    lamp_base,
    metal_dome,
    move_emitters,
    random_enamel,
    random_lamp_metal,
    sample_drum_size,
    with_emitters,
)
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, Point, cylinder, lathe, merge, polygon, sphere
from wallpaint.rooms.surfaces.finishes import Finishes


def floor_drum(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A fabric drum shade on a straight stand."""
    low, high, height = sample_drum_size(rng, (0.18, 0.25))
    top, metal = rng.uniform(1.42, 1.65), random_lamp_metal(rng, f)
    shade, emitters = fabric_shade(rng, low, high, height)
    meshes = [lamp_base(rng.uniform(0.12, 0.16), metal), cylinder(0.011, top - 0.5 * height, metal, segments=12)]
    meshes += [m.moved((0, 0, top - height)) for m in shade]
    return with_emitters(meshes, move_emitters(emitters, (0, 0, top - height)), power)


def floor_tripod(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A fabric drum shade on a tripod."""
    low, high, height = sample_drum_size(rng, (0.2, 0.27))
    top, wood = rng.uniform(1.4, 1.6), (f.wood, f.wood_second, f.metal_dark)[int(rng.integers(3))]
    hub, reach = top - height - 0.04, rng.uniform(0.24, 0.31)
    shade, emitters = fabric_shade(rng, low, high, height)
    meshes = [
        cylinder(0.035, 0.05, f.metal_dark, (0, 0, hub - 0.03)),
        cylinder(0.009, 0.6 * height, f.metal, (0, 0, hub)),
    ]
    for k in range(3):
        a = 2 * np.pi * k / 3 + 0.3
        x, y = np.cos(a), np.sin(a)
        meshes.append(
            pipe([(reach * x, reach * y, 0.004), (0.022 * x, 0.022 * y, hub)], rng.uniform(0.013, 0.0135), wood, 10)
        )
    meshes += [m.moved((0, 0, top - height)) for m in shade]
    mesh = with_emitters(meshes, move_emitters(emitters, (0, 0, top - height)), power)
    return mesh.moved((0, 0, -float(mesh.bounds[0][2])))


def floor_arc(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """An arc lamp: a curved arm on a stone base, with a metal dome at its end."""
    reach, top, r = rng.uniform(0.8, 1.1), rng.uniform(1.8, 2.05), rng.uniform(0.13, 0.19)
    metal = random_lamp_metal(rng, f)
    angle = np.linspace(0.0, 0.93 * np.pi, 22)
    straight = top - reach / 2
    path: list[Point] = [(-reach / 2, 0, 0.03)]
    path += [(float(-np.cos(a)) * reach / 2, 0, straight + float(np.sin(a)) * reach / 2) for a in angle]
    x, _, z = path[-1]
    profile = [(r * np.cos(a), r * np.sin(a)) for a in np.linspace(0, np.pi / 2, 9)]
    shade, emitters = metal_dome(profile, metal, depth=0.3)
    at = (x, 0.0, z - r - 0.02)
    stone = Material(
        "marble foot", (0.62, 0.61, 0.59) if rng.random() < 0.5 else (0.03, 0.03, 0.032), roughness=0.25, f0=0.04
    )
    meshes = [pipe(path, 0.0125, metal, 10), cylinder(0.16, 0.05, stone, (-reach / 2, 0, 0), 32)]
    meshes += [cylinder(0.02, 0.035, metal, (x, 0, z - 0.03)), *(m.moved(at) for m in shade)]
    mesh = with_emitters(meshes, move_emitters(emitters, at), power)
    low, high = mesh.bounds
    return mesh.moved((-float(low[0] + high[0]) / 2, 0, 0))


def floor_reading(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A thin stand with a tilted metal cone."""
    top, metal, r, tilt = rng.uniform(1.2, 1.45), random_enamel(rng, f), rng.uniform(0.08, 0.12), rng.uniform(0.3, 0.7)
    profile = [(r, 0.0), (0.45 * r, 1.5 * r), (0.3 * r, 1.75 * r), (0.0, 1.8 * r)]
    shade, emitters = metal_dome(profile, metal, depth=0.35)
    at = (0.0, -0.16, top - 1.2 * r)
    meshes = [lamp_base(0.13, metal), cylinder(0.009, top, metal, segments=10)]
    meshes.append(pipe([(0, 0, top), (0, -0.1, top + 0.03), (0, -0.16, top + 0.4 * r)], 0.007, metal, 8))
    meshes += [m.rotated("x", -tilt).moved(at) for m in shade]
    return center_on_floor(with_emitters(meshes, move_emitters(emitters, at, -tilt), power))


def floor_uplighter(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A torchiere: a bowl on a tall stand that lights the ceiling."""
    top, r, metal = rng.uniform(1.7, 1.85), rng.uniform(0.14, 0.2), random_lamp_metal(rng, f)
    glass = rng.random() < 0.4
    profile = [(0.015, 0), (0.5 * r, 0.12 * r), (0.85 * r, 0.4 * r), (r, 0.75 * r)]
    bowl = lathe([(x, top - 0.75 * r + z) for x, z in profile], OPAL_GLASS if glass else metal, segments=32)
    lining = lathe([(x - 0.002, top - 0.75 * r + z) for x, z in profile[2:]], WHITE_LINING, segments=32).flipped()
    rim = lathe([(r - 0.002, top), (r, top)], metal, segments=32).flipped()
    disc = flat_disc(0.87 * r, top - 0.28 * r, DIFFUSER, up=True)
    meshes = [lamp_base(0.14, metal), cylinder(0.012, top - 0.7 * r, metal, segments=12), lining, rim]
    return with_emitters(
        meshes if glass else [*meshes, bowl], [(bowl, 0.3), (disc, 0.7)] if glass else [(disc, 1.0)], power
    )


def floor_column(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A paper column lamp, square or round, in a wooden frame; all of the paper emits."""
    h, w = rng.uniform(1.0, 1.45), rng.uniform(0.22, 0.32)
    paper, t = Material("lamp paper", (0.76, 0.74, 0.68)), 0.016
    if rng.random() < 0.5:
        shade_mesh = lathe([(w / 2, 0.04), (w / 2, h - 0.02)], paper, segments=36)
        meshes = [
            cylinder(w / 2 + 0.004, 0.04, f.wood, segments=36),
            cylinder(w / 2 + 0.004, 0.02, f.wood, (0, 0, h - 0.02), 36),
        ]
        return with_emitters(meshes, [(shade_mesh, 1.0)], power)
    e = w / 2 - t
    posts = [(x - t / 2, y - t / 2, 0, x + t / 2, y + t / 2, h) for x in (-e, e) for y in (-e, e)]
    levels = np.linspace(0.07, h - t, int(rng.integers(3, 6)))
    rails = [(-e, y - 0.006, z, e, y + 0.006, z + 0.012) for y in (-e, e) for z in levels]
    rails += [(x - 0.006, -e, z, x + 0.006, e, z + 0.012) for x in (-e, e) for z in levels]
    shade_mesh = _square_tube(2 * (e - 0.007), 0.08, h - t, paper)
    return with_emitters([boards(posts, f.wood), boards(rails, f.wood, 0.0)], [(shade_mesh, 1.0)], power)


def _square_tube(width: float, low: float, high: float, material: Material) -> Mesh:
    """The four vertical faces of a square column, normals outwards."""
    e = width / 2
    one = polygon([(-e, -e, low), (e, -e, low), (e, -e, high), (-e, -e, high)], material)
    return merge(one.moved(yaw=k * np.pi / 2) for k in range(4))


def floor_globes(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """Opal globes on the arms of a stand."""
    top, metal, count = rng.uniform(1.45, 1.65), random_lamp_metal(rng, f), int(rng.integers(2, 4))
    meshes, emitters = [lamp_base(0.15, metal), cylinder(0.01, top, metal, segments=12)], []
    for k in range(count):
        a, z, r = 2 * np.pi * k / count + 0.5, top - 0.26 * k, rng.uniform(0.07, 0.1)
        x, y = 0.17 * np.cos(a), 0.17 * np.sin(a)
        meshes.append(pipe([(0, 0, z - 0.06), (0.6 * x, 0.6 * y, z - 0.03), (x, y, z + 0.02)], 0.007, metal, 8))
        meshes.append(cylinder(0.022, 0.03, metal, (x, y, z)))
        emitters.append((sphere(r, OPAL_GLASS, (x, y, z + 0.02 + r), 20), r * r))
    return with_emitters(meshes, emitters, power)


def _lamp_body(rng: np.random.Generator, f: Finishes, height: float) -> list[Mesh]:
    """Table lamp base: turned or ceramic body, stacked balls, column, or stone block."""
    variant, r = int(rng.integers(6)), rng.uniform(0.055, 0.09)
    glaze = Material("glaze", COVER_MATERIALS[int(rng.integers(len(COVER_MATERIALS)))].albedo, roughness=0.25, f0=0.04)
    pot = f.ceramic if rng.random() < 0.5 else glaze
    h = height - 0.05
    if variant == 0:
        belly, neck = rng.uniform(0.3, 0.6), rng.uniform(0.2, 0.35)
        profile = [(0, 0), (0.6, 0), (0.9, 0.12), (1.0, belly), (0.75, 0.75), (neck, 0.92), (neck, 1.0), (0, 1.0)]
        meshes = [lathe([(r * x, h * z) for x, z in profile], pot, segments=28)]
    elif variant == 1:
        wood = f.wood if rng.random() < 0.6 else f.lacquer
        profile = [(0, 0), (1.0, 0), (1.0, 0), (1.0, 0.06), (0.55, 0.12), (0.35, 0.2), (0.6, 0.4), (0.45, 0.6)]
        profile += [(0.25, 0.75), (0.38, 0.82), (0.22, 0.9), (0.22, 1.0), (0, 1.0)]
        meshes = [lathe([(r * x, h * z) for x, z in profile], wood, segments=24)]
    elif variant == 2:
        count = 3
        ball_height = (h - 0.02) / count
        meshes = [cylinder(0.8 * r, 0.02, pot, segments=24)]
        meshes += [
            sphere((0.8 * r, 0.8 * r, ball_height / 2), pot, (0, 0, 0.02 + (k + 0.5) * ball_height), 16)
            for k in range(count)
        ]
    elif variant == 3:
        meshes = [
            lamp_base(0.075, random_lamp_metal(rng, f)),
            cylinder(0.011, h, random_lamp_metal(rng, f), segments=12),
        ]
    elif variant == 4:
        w, metal = rng.uniform(0.05, 0.07), random_lamp_metal(rng, f)
        stone = Material(
            "stone foot", (0.6, 0.59, 0.56) if rng.random() < 0.6 else (0.08, 0.08, 0.08), roughness=0.3, f0=0.04
        )
        meshes = [
            boards([(-w, -w, 0, w, w, 0.35 * h)], stone, 0.004),
            cylinder(0.01, 0.65 * h, metal, (0, 0, 0.35 * h)),
        ]
    else:
        meshes = [
            lathe([(0, 0), (r, 0), (r, 0), (r, h), (r, h), (0, h)], f.wood if rng.random() < 0.4 else pot, segments=28)
        ]
    return [*meshes, cylinder(0.008, 0.05, random_lamp_metal(rng, f), (0, 0, h - 0.002), 10)]


def table_shaded(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A table lamp with a fabric shade."""
    low, high, height = sample_drum_size(rng, (0.11, 0.18))
    base = rng.uniform(0.2, 0.34)
    shade, emitters = fabric_shade(rng, low, high, min(height, 0.24))
    z = base - 0.01
    return with_emitters(
        [*_lamp_body(rng, f, base), *(m.moved((0, 0, z)) for m in shade)], move_emitters(emitters, (0, 0, z)), power
    )


def table_globe(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A globe of opal glass on a low base or a stem."""
    r, metal = rng.uniform(0.075, 0.12), (f.metal, f.metal_dark, f.wood, f.ceramic)[int(rng.integers(4))]
    stem = 0.0 if rng.random() < 0.6 else rng.uniform(0.1, 0.2)
    profile = [(0, 0), (0.65 * r, 0), (0.65 * r, 0.015), (0.5 * r, 0.05), (0, 0.05)]
    meshes = [lathe(profile, metal, segments=28)]
    if stem:
        meshes += [
            cylinder(0.011, stem, metal, (0, 0, 0.05), 12),
            cylinder(0.4 * r, 0.02, metal, (0, 0, 0.04 + stem), 20),
        ]
    return with_emitters(meshes, [(sphere(r, OPAL_GLASS, (0, 0, 0.04 + stem + 0.92 * r), 28), 1.0)], power)


def table_dome(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A desk lamp: a metal head on a jointed arm."""
    metal, r = random_enamel(rng, f), rng.uniform(0.065, 0.085)
    elbow, head = rng.uniform(0.26, 0.34), rng.uniform(0.36, 0.45)
    profile = [(r, 0.0), (0.85 * r, 0.5 * r), (0.4 * r, 1.15 * r), (0.25 * r, 1.5 * r), (0.0, 1.5 * r)]
    shade, emitters = metal_dome(profile, metal, depth=0.3)
    at = (0.0, -0.17, head - 1.0 * r)
    meshes = [lamp_base(0.085, metal), sphere(0.013, metal, (0, 0.1, elbow), 10)]
    meshes += [
        pipe([(0, 0, 0.015), (0, 0.1, elbow)], 0.007, metal, 8),
        pipe([(0, 0.1, elbow), (0, -0.15, head + 0.3 * r)], 0.007, metal, 8),
    ]
    meshes += [m.rotated("x", -0.35).moved(at) for m in shade]
    return center_on_floor(with_emitters(meshes, move_emitters(emitters, at, -0.35), power))


def table_mushroom(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A mushroom lamp: a wide cap on a flared base, of opal glass or metal."""
    r, h, glass = rng.uniform(0.13, 0.19), rng.uniform(0.26, 0.38), rng.random() < 0.6
    material = OPAL_GLASS if glass else random_enamel(rng, f)
    stem = lathe(
        [(0, 0), (0.5 * r, 0), (0.5 * r, 0.01), (0.22 * r, 0.3 * h), (0.2 * r, 0.7 * h)], material, segments=28
    )
    profile = [(r * float(np.cos(a)), 0.75 * h + 0.62 * r * float(np.sin(a))) for a in np.linspace(0, np.pi / 2, 10)]
    shade, emitters = metal_dome(profile, material, depth=0.1)
    if not glass:
        return with_emitters([stem, *shade], emitters, power)
    return with_emitters([*shade[1:]], [(stem, 0.12), (shade[0], 0.55), (emitters[0][0], 0.33)], power)


def table_pleated(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A pleated paper lantern on short legs."""
    r, h, folds = rng.uniform(0.1, 0.14), rng.uniform(0.24, 0.34), 7
    zs = np.linspace(0, h, 2 * folds + 1)
    waist = 0.72 + 0.28 * np.sin(np.pi * zs / h)
    profile = [
        (float(r * w * (1.0 if i % 2 else 0.88)), 0.05 + float(z))
        for i, (z, w) in enumerate(zip(zs, waist, strict=True))
    ]
    shade_mesh = lathe(profile, Material("folded paper", (0.76, 0.74, 0.69)), segments=32)
    meshes = [cylinder(0.65 * r, 0.012, f.wood, (0, 0, 0.04), 28)]
    meshes += [
        cylinder(0.008, 0.05, f.wood, (0.5 * r * np.cos(a), 0.5 * r * np.sin(a), 0), 10) for a in (0.3, 2.4, 4.5)
    ]
    lid = flat_disc(profile[-1][0] - 0.002, profile[-1][1] - 0.004, DIFFUSER, up=True)
    return with_emitters(meshes, [(shade_mesh, 0.85), (lid, 0.15)], power)
