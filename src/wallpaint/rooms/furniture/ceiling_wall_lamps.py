"""Ceiling-mounted lamps (from z = 0 down) and wall lamps (back in the plane y = 0, extending towards -y)."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.furniture.carcass import boards, pipe
from wallpaint.rooms.furniture.lamp_shades import (
    CABLE,
    DIFFUSER,
    OPAL_GLASS,
    WHITE_LINING,
    Emitter,
    fabric_shade,
    flat_disc,
    metal_dome,
    move_emitters,
    random_enamel,
    random_lamp_metal,
    sample_drum_size,
    with_emitters,
)
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, Point, cylinder, lathe, quad, sphere
from wallpaint.rooms.surfaces.finishes import Finishes


def _canopy_and_cable(drop: float, metal: Material, x: float = 0.0, y: float = 0.0) -> list[Mesh]:
    """A ceiling canopy and a cable down to z = -drop."""
    canopy = [(0.0, -0.028), (0.03, -0.028), (0.05, -0.012), (0.052, 0.0)]
    return [lathe(canopy, metal, segments=24).moved((x, y, 0)), cylinder(0.0035, drop, CABLE, (x, y, -drop), 8)]


def _sample_drop(rng: np.random.Generator) -> float:
    return float(rng.uniform(0.35, 0.8))


def pendant_dome(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A dome, bell or cone of enamelled metal."""
    r, drop, metal = rng.uniform(0.16, 0.26), _sample_drop(rng), random_enamel(rng, f)
    variant = int(rng.integers(3))
    if variant == 0:
        height = r * rng.uniform(0.75, 1.0)
        profile = [(r * float(np.cos(a)), height * float(np.sin(a))) for a in np.linspace(0, np.pi / 2, 10)]
    elif variant == 1:
        shape = [(1.0, 0.0), (0.93, 0.12), (0.7, 0.4), (0.35, 0.62), (0.18, 0.8), (0.15, 0.95), (0.0, 0.96)]
        profile = [(r * x, r * z) for x, z in shape]
    else:
        profile = [(r, 0.0), (r, 0.0), (0.25 * r, 0.75 * r), (0.2 * r, 0.95 * r), (0.0, 0.96 * r)]
    shade, emitters = metal_dome(
        profile, metal, WHITE_LINING if rng.random() < 0.75 else f.metal, rng.uniform(0.25, 0.45)
    )
    height = max(z for _, z in profile)
    at = (0.0, 0.0, -drop - height)
    return with_emitters(
        [*_canopy_and_cable(drop + 0.01, metal), *(m.moved(at) for m in shade)], move_emitters(emitters, at), power
    )


def pendant_globe(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """An opal glass globe, spherical or slightly flattened."""
    r, drop, metal = rng.uniform(0.1, 0.19), _sample_drop(rng), random_lamp_metal(rng, f)
    flat = float(rng.choice([1.0, 1.0, 0.75]))
    cap = cylinder(0.35 * r, 0.04, metal, (0, 0, -drop), 24)
    return with_emitters(
        [*_canopy_and_cable(drop, metal), cap],
        [(sphere((r, r, r * flat), OPAL_GLASS, (0, 0, -drop - 0.95 * r * flat), 28), 1.0)],
        power,
    )


def pendant_drum(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A fabric drum, wide and low or narrow and tall."""
    low, high, height = sample_drum_size(rng, (0.17, 0.3))
    drop, height = _sample_drop(rng), height * float(rng.uniform(0.45, 0.8))
    shade, emitters = fabric_shade(rng, low, max(high, 0.6 * low), height)
    at = (0.0, 0.0, -drop - height)
    return with_emitters(
        [*_canopy_and_cable(drop + 0.3 * height, random_lamp_metal(rng, f)), *(m.moved(at) for m in shade)],
        move_emitters(emitters, at),
        power,
    )


def pendant_cluster(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """Three to five small globes or domes at different heights."""
    count, metal, glass = int(rng.integers(3, 6)), random_lamp_metal(rng, f), rng.random() < 0.6
    meshes: list[Mesh] = [cylinder(0.13, 0.025, metal, (0, 0, -0.025), 32)]
    emitters: list[Emitter] = []
    r = rng.uniform(0.06, 0.09)
    for k in range(count):
        a, drop = 2 * np.pi * k / count, float(rng.uniform(0.3, 0.85))
        x, y = (r + 0.05) * float(np.cos(a)), (r + 0.05) * float(np.sin(a))
        meshes.append(cylinder(0.003, drop, CABLE, (x, y, -drop), 6))
        if glass:
            meshes.append(cylinder(0.022, 0.035, metal, (x, y, -drop), 14))
            emitters.append((sphere(r, OPAL_GLASS, (x, y, -drop - 0.95 * r), 18), 1.0))
        else:
            profile = [(r, 0.0), (0.9 * r, 0.6 * r), (0.3 * r, 1.3 * r), (0.25 * r, 1.6 * r), (0, 1.6 * r)]
            shade, own_emitters = metal_dome(profile, metal)
            meshes += [m.moved((x, y, -drop - 1.6 * r)) for m in shade]
            emitters += move_emitters(own_emitters, (x, y, -drop - 1.6 * r))
    return with_emitters(meshes, emitters, power)


def pendant_lantern(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A ribbed paper lantern."""
    r, drop, squash = rng.uniform(0.2, 0.32), rng.uniform(0.3, 0.55), rng.uniform(0.75, 1.0)
    angle = np.linspace(-1.38, 1.38, 29)
    ribs = np.where(np.arange(29) % 2, 0.985, 1.0)
    profile = [(float(r * k * np.cos(a)), float(r * squash * np.sin(a))) for a, k in zip(angle, ribs, strict=True)]
    z = -drop - r * squash
    shade_mesh = lathe([(x, y + z) for x, y in profile], Material("rice paper", (0.77, 0.75, 0.7)), segments=36)
    below = flat_disc(profile[0][0] - 0.002, z + profile[0][1] + 0.003, DIFFUSER, up=False)
    above = flat_disc(profile[-1][0] - 0.002, z + profile[-1][1] - 0.003, DIFFUSER, up=True)
    return with_emitters(
        _canopy_and_cable(drop + 0.02, WHITE_LINING), [(shade_mesh, 0.9), (below, 0.05), (above, 0.05)], power
    )


def pendant_bar(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A linear pendant on two cables, emitting downwards."""
    w, drop, t = rng.uniform(0.9, 1.3), rng.uniform(0.55, 0.9), rng.uniform(0.025, 0.05)
    body = f.wood if rng.random() < 0.5 else random_lamp_metal(rng, f)
    meshes = [boards([(-w / 2, -t, -drop, w / 2, t, -drop + 0.04)], body, 0.003)]
    meshes.append(boards([(-0.15, -0.03, -0.025, 0.15, 0.03, 0)], f.metal_dark))
    meshes += [pipe([(s * 0.13, 0, -0.02), (s * 0.4 * w, 0, -drop + 0.04)], 0.002, CABLE, 5) for s in (-1, 1)]
    strip = quad((-w / 2 + 0.01, t - 0.006, -drop - 0.001), (w - 0.02, 0, 0), (0, -2 * t + 0.012, 0), DIFFUSER)
    return with_emitters(meshes, [(strip, 1.0)], power)


def pendant_rings(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A tiered pendant: stacked reflector rings that let light out between them and below."""
    r, drop, paint = rng.uniform(0.2, 0.28), rng.uniform(0.3, 0.6), f.lacquer if rng.random() < 0.5 else WHITE_LINING
    meshes, z = [], -drop
    for share, height in ((0.35, 0.06), (0.65, 0.06), (1.0, 0.075)):
        ring = [(share * r, z - height), (share * r * 0.55, z)]
        shade_mesh = lathe(ring, paint, segments=36)
        meshes += [shade_mesh, lathe([(x - 0.002, y) for x, y in ring], WHITE_LINING, segments=36).flipped()]
        z -= 0.65 * height + 0.02
    inner = lathe([(0.17 * r, z - 0.03), (0.17 * r, -drop - 0.02)], OPAL_GLASS, segments=24)
    below = flat_disc(0.17 * r, z - 0.03, DIFFUSER, up=False)
    return with_emitters([*meshes, *_canopy_and_cable(drop, f.metal_dark)], [(inner, 0.75), (below, 0.25)], power)


def ceiling_dome(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A flush-mounted opal glass bowl."""
    r, depth, metal = rng.uniform(0.14, 0.24), rng.uniform(0.35, 0.6), random_lamp_metal(rng, f)
    profile = [(r * float(np.sin(a)), -0.02 - depth * r * float(np.cos(a))) for a in np.linspace(0, np.pi / 2, 10)]
    base = cylinder(1.06 * r, 0.022, metal if rng.random() < 0.6 else WHITE_LINING, (0, 0, -0.022), 36)
    return with_emitters([base], [(lathe(profile, OPAL_GLASS, segments=36), 1.0)], power)


def ceiling_drum(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A flat drum of fabric or opal glass."""
    r, height = rng.uniform(0.17, 0.27), rng.uniform(0.08, 0.14)
    cloth = Material("shade", (0.73, 0.7, 0.64)) if rng.random() < 0.6 else OPAL_GLASS
    gap = 0.02
    shade_mesh = lathe([(r, -height - gap), (r, -gap)], cloth, segments=40)
    below = flat_disc(r - 0.002, -height - gap + 0.008, DIFFUSER, up=False, segments=40)
    rim = lathe([(r - 0.002, -height - gap), (r, -height - gap)], cloth, segments=40)
    meshes = [cylinder(0.08, gap, WHITE_LINING, (0, 0, -gap), 24), rim, flat_disc(r, -gap, cloth, up=True, segments=40)]
    return with_emitters(meshes, [(shade_mesh, 0.4), (below, 0.6)], power)


def ceiling_panel(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A flat panel, square, oblong or round."""
    w = float(rng.choice([0.3, 0.45, 0.6]))
    if rng.random() < 0.35:
        rim = lathe(
            [(w / 2 - 0.012, -0.024), (w / 2, -0.024), (w / 2, -0.024), (w / 2, 0.0)], WHITE_LINING, segments=40
        )
        return with_emitters([rim], [(flat_disc(w / 2 - 0.012, -0.022, DIFFUSER, up=False, segments=40), 1.0)], power)
    d = 2 * w if rng.random() < 0.3 else w
    frame = [(-w / 2, s, -0.024, w / 2, s + 0.014, 0) for s in (-d / 2, d / 2 - 0.014)]
    frame += [(s, -d / 2, -0.024, s + 0.014, d / 2, 0) for s in (-w / 2, w / 2 - 0.014)]
    sheet = quad((-w / 2 + 0.01, d / 2 - 0.01, -0.021), (w - 0.02, 0, 0), (0, -d + 0.02, 0), DIFFUSER)
    return with_emitters(
        [boards(frame, WHITE_LINING if rng.random() < 0.8 else f.metal_dark, 0.0)], [(sheet, 1.0)], power
    )


def ceiling_arms(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A chandelier: globes at the ends of radial arms."""
    count, reach, metal, r = (
        int(rng.integers(3, 7)),
        rng.uniform(0.2, 0.32),
        random_lamp_metal(rng, f),
        rng.uniform(0.05, 0.075),
    )
    meshes = [cylinder(0.055, 0.025, metal, (0, 0, -0.025), 24), cylinder(0.01, 0.17, metal, (0, 0, -0.17), 12)]
    meshes.append(sphere(0.022, metal, (0, 0, -0.17), 12))
    emitters: list[Emitter] = []
    for k in range(count):
        a = 2 * np.pi * k / count + 0.2
        x, y = reach * float(np.cos(a)), reach * float(np.sin(a))
        meshes.append(pipe([(0, 0, -0.17), (x, y, -0.17)], 0.006, metal, 8))
        meshes.append(cylinder(0.02, 0.03, metal, (x, y, -0.185), 14))
        emitters.append((sphere(r, OPAL_GLASS, (x, y, -0.18 - r), 18), 1.0))
    return with_emitters(meshes, emitters, power)


def ceiling_ring(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """An LED ring just below the ceiling."""
    r, t, z = rng.uniform(0.2, 0.32), rng.uniform(0.018, 0.03), -0.075
    metal = WHITE_LINING if rng.random() < 0.5 else f.metal_dark
    outer = lathe([(r, z), (r, z), (r, z + 0.045), (r, z + 0.045), (r - 2 * t, z + 0.045)], metal, segments=48)
    inner = lathe([(r - 2 * t, z), (r - 2 * t, z + 0.045)], metal, segments=48).flipped()
    face = lathe([(r - 2 * t, z), (r, z)], DIFFUSER, segments=48)
    brackets = [(s * (r - t) - 0.008, -0.008, z + 0.04, s * (r - t) + 0.008, 0.008, 0) for s in (-1, 1)]
    return with_emitters(
        [outer, inner, boards(brackets, metal), cylinder(0.05, 0.02, metal, (0, 0, -0.02), 20)], [(face, 1.0)], power
    )


def spot_recessed(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A recessed downlight: a disc of 4 cm radius in a trim ring."""
    r, trim = 0.04, WHITE_LINING if rng.random() < 0.7 else f.metal
    ring = lathe([(r, -0.0015), (r + 0.002, -0.005), (r + 0.01, -0.005), (r + 0.012, 0.0)], trim, segments=28)
    return with_emitters([ring], [(flat_disc(r, -0.002, DIFFUSER, up=False, segments=28), 1.0)], power)


def spot_can(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A surface-mounted cylindrical downlight."""
    r, h = rng.uniform(0.035, 0.05), rng.uniform(0.08, 0.14)
    paint = (f.metal_dark, WHITE_LINING, f.metal)[int(rng.integers(3))]
    shell = [lathe([(r, -h), (r, 0)], paint, segments=28), lathe([(r - 0.003, -h), (r, -h)], paint, segments=28)]
    shell.append(lathe([(r - 0.003, -h), (r - 0.003, -h + 0.02)], f.metal_dark, segments=28).flipped())
    return with_emitters(shell, [(flat_disc(r - 0.003, -h + 0.02, DIFFUSER, up=False, segments=28), 1.0)], power)


def _spotlight(f: Finishes, paint: Material, r: float, length: float) -> tuple[list[Mesh], list[Emitter]]:
    """A spotlight head about the origin that emits along -z: passive meshes and emitters."""
    shell = [lathe([(r, -length / 2), (r, length / 2), (r, length / 2), (0, length / 2)], paint, segments=20)]
    shell.append(lathe([(r - 0.003, -length / 2), (r, -length / 2)], paint, segments=20))
    shell.append(lathe([(r - 0.003, -length / 2), (r - 0.003, -length / 2 + 0.015)], paint, segments=20).flipped())
    return shell, [(flat_disc(r - 0.003, -length / 2 + 0.015, DIFFUSER, up=False, segments=20), 1.0)]


def track_heads(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A track along x with three aimed spotlights."""
    w, paint = rng.uniform(0.8, 1.3), WHITE_LINING if rng.random() < 0.4 else f.metal_dark
    meshes, emitters = [boards([(-w / 2, -0.017, -0.02, w / 2, 0.017, 0)], paint)], []
    for x in (-0.36 * w, 0.0, 0.36 * w):
        tilt, turn, at = rng.uniform(0.3, 1.0), rng.uniform(-np.pi, np.pi), (x, 0.0, -0.105)
        shell, own_emitters = _spotlight(f, paint, rng.uniform(0.03, 0.031), 0.1)
        meshes += [m.rotated("x", tilt).moved(at, turn) for m in shell]
        meshes.append(cylinder(0.008, 0.08, paint, (x, 0, -0.1), 10))
        emitters += move_emitters(own_emitters, at, tilt, turn)
    return with_emitters(meshes, emitters, power)


def track_bar(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A bar along x with opal globes below it."""
    w, metal, r, count = (
        rng.uniform(0.7, 1.1),
        random_lamp_metal(rng, f),
        rng.uniform(0.045, 0.06),
        int(rng.integers(3, 5)),
    )
    meshes = [
        boards([(-w / 2, -0.012, -0.06, w / 2, 0.012, -0.04)], metal),
        cylinder(0.05, 0.02, metal, (0, 0, -0.02), 24),
    ]
    meshes.append(cylinder(0.01, 0.05, metal, (0, 0, -0.06), 10))
    emitters: list[Emitter] = []
    for x in np.linspace(-0.42 * w, 0.42 * w, count):
        meshes.append(cylinder(0.02, 0.03, metal, (float(x), 0, -0.09), 14))
        emitters.append((sphere(r, OPAL_GLASS, (float(x), 0, -0.085 - r), 16), 1.0))
    return with_emitters(meshes, emitters, power)


def wall_updown(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """An up-and-down wall light in a tube."""
    r, h, paint = (
        rng.uniform(0.035, 0.055),
        rng.uniform(0.14, 0.26),
        (f.metal, f.metal_dark, f.lacquer, WHITE_LINING)[int(rng.integers(4))],
    )
    y, up = -r - 0.025, float(rng.uniform(0.4, 0.6))
    plate = boards([(-0.03, -0.026, -0.05, 0.03, 0, 0.05)], paint)
    shade_mesh = lathe([(r, -h / 2), (r, h / 2)], paint, segments=28)
    ends = [lathe([(r - 0.004, s * h / 2), (r, s * h / 2)], paint, segments=28) for s in (-1, 1)]
    lips = [
        lathe([(r - 0.004, s), (r - 0.004, s + 0.012)], paint, segments=28).flipped() for s in (-h / 2, h / 2 - 0.012)
    ]
    shell = [m.moved((0, y, 0)) for m in (shade_mesh, ends[0], ends[1].flipped(), *lips)]
    top, low = (flat_disc(r - 0.004, s * (h / 2 - 0.012), DIFFUSER, up=s > 0, segments=28) for s in (1, -1))
    return with_emitters([plate, *shell], move_emitters([(top, up), (low, 1 - up)], (0, y, 0)), power)


def wall_shade(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A sconce with one or two small fabric shades."""
    metal, low = random_lamp_metal(rng, f), rng.uniform(0.065, 0.095)
    high, height = low * rng.uniform(0.6, 1.0), rng.uniform(0.12, 0.17)
    meshes = [boards([(-0.03, -0.018, -0.11, 0.03, 0, 0.05)], metal, 0.005)]
    emitters: list[Emitter] = []
    reach = low + 0.035
    for x in (0.0,) if rng.random() < 0.6 else (-0.13, 0.13):
        shade, own_emitters = fabric_shade(rng, low, high, height)
        arm: list[Point] = [(0.2 * x, -0.015, -0.05), (x, -0.6 * reach, -0.075), (x, -reach, -0.06), (x, -reach, 0.03)]
        meshes += [pipe(arm, 0.006, metal, 8), *(m.moved((x, -reach, 0.0)) for m in shade)]
        emitters += move_emitters(own_emitters, (x, -reach, 0.0))
    return _center_vertically(with_emitters(meshes, emitters, power))


def wall_globe(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A sconce with an opal globe on a short arm."""
    metal, r = random_lamp_metal(rng, f), rng.uniform(0.055, 0.09)
    plate = cylinder(0.05, 0.018, metal, segments=24).rotated("x", np.pi / 2)
    arm: list[Point] = [(0, -0.015, 0), (0, -r - 0.03, 0.0), (0, -r - 0.035, 0.03)]
    meshes = [plate, pipe(arm, 0.007, metal, 8), cylinder(0.025, 0.025, metal, (0, -r - 0.035, 0.02), 16)]
    return _center_vertically(
        with_emitters(meshes, [(sphere(r, OPAL_GLASS, (0, -r - 0.035, 0.04 + 0.95 * r), 24), 1.0)], power)
    )


def wall_halo(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A backlit disc in front of the wall: a halo sconce."""
    r, offset = rng.uniform(0.09, 0.15), 0.045
    front = (f.metal, f.wood, WHITE_LINING, f.lacquer, f.metal_dark)[int(rng.integers(5))]
    disc = cylinder(r, 0.012, front, segments=40).rotated("x", np.pi / 2).moved((0, -offset, 0))
    stem = cylinder(0.6 * r, offset, WHITE_LINING, segments=28).rotated("x", np.pi / 2)
    ring = (
        lathe([(0.65 * r, 0), (0.97 * r, 0)], DIFFUSER, segments=40)
        .rotated("x", np.pi / 2)
        .moved((0, -offset + 0.001, 0))
    )
    return with_emitters([disc, stem], [(ring, 1.0)], power)


def wall_wedge(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A plaster half-bowl uplighter."""
    r, h = rng.uniform(0.11, 0.17), rng.uniform(0.1, 0.16)
    profile = [(0.02, -h / 2), (0.55, -0.3 * h), (0.85, 0.05 * h), (1.0, h / 2)]
    bowl = lathe([(r * x, z) for x, z in profile], WHITE_LINING, segments=40)
    half = bowl.vertices[:, 1] > 0
    bowl.vertices[half, 1] = 0.0
    paint = WHITE_LINING if rng.random() < 0.7 else f.metal
    edge = bowl.vertices[bowl.faces]
    area = np.linalg.norm(np.cross(edge[:, 1] - edge[:, 0], edge[:, 2] - edge[:, 0]), axis=1)
    front_faces = (edge[..., 1].min(1) < -1e-6) & (area > 1e-10)
    shell = Mesh(bowl.vertices, bowl.normals, bowl.uv, bowl.faces[front_faces], bowl.material[front_faces], (paint,))
    angle = np.linspace(np.pi, 2 * np.pi, 25)
    rim = [(0.94 * r * float(np.cos(a)), 0.94 * r * float(np.sin(a)), h / 2 - 0.015) for a in angle]
    return with_emitters([shell], [(_half_disc(rim, DIFFUSER), 1.0)], power)


def _half_disc(outline: list[Point], material: Material) -> Mesh:
    """A triangle fan of a flat half disc, normal up."""
    points = np.array(outline, np.float32)
    faces = np.array([[0, i, i + 1] for i in range(1, len(points) - 1)], np.int32)
    normals = np.tile(np.array([0, 0, 1], np.float32), (len(points), 1))
    return Mesh(points, normals, points[:, :2].copy(), faces, np.zeros(len(faces), np.int32), (material,))


def _center_vertically(mesh: Mesh) -> Mesh:
    low, high = mesh.bounds
    return mesh.moved((0, 0, -float(low[2] + high[2]) / 2))


def strip_bare(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """One metre of LED strip along x, emitting downwards. Scaled along x, its flux scales with its length."""
    half = float(rng.uniform(0.005, 0.007))
    profile = boards(
        [(-0.5, -half - 0.0015, -0.006, 0.5, half + 0.0015, 0)], f.metal if rng.random() < 0.5 else WHITE_LINING, 0.0
    )
    face = quad((-0.5, half, -0.0065), (1.0, 0, 0), (0, -2 * half, 0), DIFFUSER)
    return with_emitters([profile], [(face, 1.0)], power)


def strip_cove(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """One metre of LED strip along x in a corner profile, emitting downwards and towards -y."""
    t = float(rng.uniform(0.014, 0.02))
    legs = [(-0.5, -t, -0.002, 0.5, 0, 0), (-0.5, -0.002, -t, 0.5, 0, -0.002)]
    face = quad((-0.5, -0.002, -t), (1.0, 0, 0), (0, 0.002 - t, t - 0.002), DIFFUSER).flipped()
    return with_emitters([boards(legs, f.metal_dark if rng.random() < 0.5 else f.metal, 0.0)], [(face, 1.0)], power)
