"""Lamps that hang from the ceiling (from z = 0 down) or on a wall (back in y = 0, out towards -y)."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.furniture.carcass import boards, pipe
from wallpaint.rooms.furniture.shades import (
    CABLE,
    DIFFUSER,
    OPAL,
    WHITE,
    Glow,
    bare_metal,
    drum_size,
    enamel,
    fabric_shade,
    lit,
    metal_dome,
    moved,
    round_plate,
)
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, Point, ball, cylinder, lathe, quad
from wallpaint.rooms.surfaces.finishes import Finishes


def _cord(drop: float, metal: Material, x: float = 0.0, y: float = 0.0) -> list[Mesh]:
    """A canopy under the ceiling and a cable down to z = -drop."""
    canopy = [(0.0, -0.028), (0.03, -0.028), (0.05, -0.012), (0.052, 0.0)]
    return [lathe(canopy, metal, segments=24).moved((x, y, 0)), cylinder(0.0035, drop, CABLE, (x, y, -drop), 8)]


def _drop(rng: np.random.Generator) -> float:
    return float(rng.uniform(0.35, 0.8))


def pendant_dome(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A dome, bell or cone of enamelled metal."""
    r, drop, metal = rng.uniform(0.16, 0.26), _drop(rng), enamel(rng, f)
    draw = int(rng.integers(3))
    if draw == 0:
        tall = r * rng.uniform(0.75, 1.0)
        profile = [(r * float(np.cos(a)), tall * float(np.sin(a))) for a in np.linspace(0, np.pi / 2, 10)]
    elif draw == 1:
        shape = [(1.0, 0.0), (0.93, 0.12), (0.7, 0.4), (0.35, 0.62), (0.18, 0.8), (0.15, 0.95), (0.0, 0.96)]
        profile = [(r * x, r * z) for x, z in shape]
    else:
        profile = [(r, 0.0), (r, 0.0), (0.25 * r, 0.75 * r), (0.2 * r, 0.95 * r), (0.0, 0.96 * r)]
    shade, glows = metal_dome(profile, metal, WHITE if rng.random() < 0.75 else f.metal, rng.uniform(0.25, 0.45))
    tall = max(z for _, z in profile)
    at = (0.0, 0.0, -drop - tall)
    return lit([*_cord(drop + 0.01, metal), *(m.moved(at) for m in shade)], moved(glows, at), power)


def pendant_globe(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A ball of opal glass, round or a little flattened."""
    r, drop, metal = rng.uniform(0.1, 0.19), _drop(rng), bare_metal(rng, f)
    flat = float(rng.choice([1.0, 1.0, 0.75]))
    cap = cylinder(0.35 * r, 0.04, metal, (0, 0, -drop), 24)
    return lit(
        [*_cord(drop, metal), cap], [(ball((r, r, r * flat), OPAL, (0, 0, -drop - 0.95 * r * flat), 28), 1.0)], power
    )


def pendant_drum(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A drum of cloth, wide and low or small and tall."""
    low, high, tall = drum_size(rng, (0.17, 0.3))
    drop, tall = _drop(rng), tall * float(rng.uniform(0.45, 0.8))
    shade, glows = fabric_shade(rng, low, max(high, 0.6 * low), tall)
    at = (0.0, 0.0, -drop - tall)
    return lit([*_cord(drop + 0.3 * tall, bare_metal(rng, f)), *(m.moved(at) for m in shade)], moved(glows, at), power)


def pendant_cluster(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """Three to five small globes or domes at different heights."""
    count, metal, glass = int(rng.integers(3, 6)), bare_metal(rng, f), rng.random() < 0.6
    parts: list[Mesh] = [cylinder(0.13, 0.025, metal, (0, 0, -0.025), 32)]
    glows: list[Glow] = []
    r = rng.uniform(0.06, 0.09)
    for k in range(count):
        a, drop = 2 * np.pi * k / count, float(rng.uniform(0.3, 0.85))
        x, y = (r + 0.05) * float(np.cos(a)), (r + 0.05) * float(np.sin(a))
        parts.append(cylinder(0.003, drop, CABLE, (x, y, -drop), 6))
        if glass:
            parts.append(cylinder(0.022, 0.035, metal, (x, y, -drop), 14))
            glows.append((ball(r, OPAL, (x, y, -drop - 0.95 * r), 18), 1.0))
        else:
            profile = [(r, 0.0), (0.9 * r, 0.6 * r), (0.3 * r, 1.3 * r), (0.25 * r, 1.6 * r), (0, 1.6 * r)]
            shade, own = metal_dome(profile, metal)
            parts += [m.moved((x, y, -drop - 1.6 * r)) for m in shade]
            glows += moved(own, (x, y, -drop - 1.6 * r))
    return lit(parts, glows, power)


def pendant_lantern(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A ribbed paper lantern."""
    r, drop, squash = rng.uniform(0.2, 0.32), rng.uniform(0.3, 0.55), rng.uniform(0.75, 1.0)
    angle = np.linspace(-1.38, 1.38, 29)
    ribs = np.where(np.arange(29) % 2, 0.985, 1.0)
    line = [(float(r * k * np.cos(a)), float(r * squash * np.sin(a))) for a, k in zip(angle, ribs, strict=True)]
    z = -drop - r * squash
    skin = lathe([(x, y + z) for x, y in line], Material("rice paper", (0.77, 0.75, 0.7)), segments=36)
    below = round_plate(line[0][0] - 0.002, z + line[0][1] + 0.003, DIFFUSER, up=False)
    above = round_plate(line[-1][0] - 0.002, z + line[-1][1] - 0.003, DIFFUSER, up=True)
    return lit(_cord(drop + 0.02, WHITE), [(skin, 0.9), (below, 0.05), (above, 0.05)], power)


def pendant_bar(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A long bar that shines down, on two cables."""
    w, drop, t = rng.uniform(0.9, 1.3), rng.uniform(0.55, 0.9), rng.uniform(0.025, 0.05)
    body = f.wood if rng.random() < 0.5 else bare_metal(rng, f)
    parts = [boards([(-w / 2, -t, -drop, w / 2, t, -drop + 0.04)], body, 0.003)]
    parts.append(boards([(-0.15, -0.03, -0.025, 0.15, 0.03, 0)], f.metal_dark))
    parts += [pipe([(s * 0.13, 0, -0.02), (s * 0.4 * w, 0, -drop + 0.04)], 0.002, CABLE, 5) for s in (-1, 1)]
    strip = quad((-w / 2 + 0.01, t - 0.006, -drop - 0.001), (w - 0.02, 0, 0), (0, -2 * t + 0.012, 0), DIFFUSER)
    return lit(parts, [(strip, 1.0)], power)


def pendant_rings(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """Tiers of round plates: light leaves between them and from below."""
    r, drop, paint = rng.uniform(0.2, 0.28), rng.uniform(0.3, 0.6), f.lacquer if rng.random() < 0.5 else WHITE
    parts, z = [], -drop
    for share, tall in ((0.35, 0.06), (0.65, 0.06), (1.0, 0.075)):
        ring = [(share * r, z - tall), (share * r * 0.55, z)]
        skin = lathe(ring, paint, segments=36)
        parts += [skin, lathe([(x - 0.002, y) for x, y in ring], WHITE, segments=36).flipped()]
        z -= 0.65 * tall + 0.02
    inner = lathe([(0.17 * r, z - 0.03), (0.17 * r, -drop - 0.02)], OPAL, segments=24)
    below = round_plate(0.17 * r, z - 0.03, DIFFUSER, up=False)
    return lit([*parts, *_cord(drop, f.metal_dark)], [(inner, 0.75), (below, 0.25)], power)


def ceiling_dome(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A shallow bowl of opal glass against the ceiling."""
    r, deep, metal = rng.uniform(0.14, 0.24), rng.uniform(0.35, 0.6), bare_metal(rng, f)
    line = [(r * float(np.sin(a)), -0.02 - deep * r * float(np.cos(a))) for a in np.linspace(0, np.pi / 2, 10)]
    base = cylinder(1.06 * r, 0.022, metal if rng.random() < 0.6 else WHITE, (0, 0, -0.022), 36)
    return lit([base], [(lathe(line, OPAL, segments=36), 1.0)], power)


def ceiling_drum(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A flat drum of cloth or opal glass."""
    r, tall = rng.uniform(0.17, 0.27), rng.uniform(0.08, 0.14)
    cloth = Material("shade", (0.73, 0.7, 0.64)) if rng.random() < 0.6 else OPAL
    gap = 0.02
    skin = lathe([(r, -tall - gap), (r, -gap)], cloth, segments=40)
    below = round_plate(r - 0.002, -tall - gap + 0.008, DIFFUSER, up=False, segments=40)
    rim = lathe([(r - 0.002, -tall - gap), (r, -tall - gap)], cloth, segments=40)
    parts = [cylinder(0.08, gap, WHITE, (0, 0, -gap), 24), rim, round_plate(r, -gap, cloth, up=True, segments=40)]
    return lit(parts, [(skin, 0.4), (below, 0.6)], power)


def ceiling_panel(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A flat panel, square, oblong or round."""
    w = float(rng.choice([0.3, 0.45, 0.6]))
    if rng.random() < 0.35:
        rim = lathe([(w / 2 - 0.012, -0.024), (w / 2, -0.024), (w / 2, -0.024), (w / 2, 0.0)], WHITE, segments=40)
        return lit([rim], [(round_plate(w / 2 - 0.012, -0.022, DIFFUSER, up=False, segments=40), 1.0)], power)
    d = 2 * w if rng.random() < 0.3 else w
    frame = [(-w / 2, s, -0.024, w / 2, s + 0.014, 0) for s in (-d / 2, d / 2 - 0.014)]
    frame += [(s, -d / 2, -0.024, s + 0.014, d / 2, 0) for s in (-w / 2, w / 2 - 0.014)]
    sheet = quad((-w / 2 + 0.01, d / 2 - 0.01, -0.021), (w - 0.02, 0, 0), (0, -d + 0.02, 0), DIFFUSER)
    return lit([boards(frame, WHITE if rng.random() < 0.8 else f.metal_dark, 0.0)], [(sheet, 1.0)], power)


def ceiling_arms(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """Globes at the ends of arms below a rose."""
    count, reach, metal, r = (
        int(rng.integers(3, 7)),
        rng.uniform(0.2, 0.32),
        bare_metal(rng, f),
        rng.uniform(0.05, 0.075),
    )
    parts = [cylinder(0.055, 0.025, metal, (0, 0, -0.025), 24), cylinder(0.01, 0.17, metal, (0, 0, -0.17), 12)]
    parts.append(ball(0.022, metal, (0, 0, -0.17), 12))
    glows: list[Glow] = []
    for k in range(count):
        a = 2 * np.pi * k / count + 0.2
        x, y = reach * float(np.cos(a)), reach * float(np.sin(a))
        parts.append(pipe([(0, 0, -0.17), (x, y, -0.17)], 0.006, metal, 8))
        parts.append(cylinder(0.02, 0.03, metal, (x, y, -0.185), 14))
        glows.append((ball(r, OPAL, (x, y, -0.18 - r), 18), 1.0))
    return lit(parts, glows, power)


def ceiling_ring(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A glowing ring just under the ceiling."""
    r, t, z = rng.uniform(0.2, 0.32), rng.uniform(0.018, 0.03), -0.075
    metal = WHITE if rng.random() < 0.5 else f.metal_dark
    outer = lathe([(r, z), (r, z), (r, z + 0.045), (r, z + 0.045), (r - 2 * t, z + 0.045)], metal, segments=48)
    inner = lathe([(r - 2 * t, z), (r - 2 * t, z + 0.045)], metal, segments=48).flipped()
    face = lathe([(r - 2 * t, z), (r, z)], DIFFUSER, segments=48)
    stays = [(s * (r - t) - 0.008, -0.008, z + 0.04, s * (r - t) + 0.008, 0.008, 0) for s in (-1, 1)]
    return lit(
        [outer, inner, boards(stays, metal), cylinder(0.05, 0.02, metal, (0, 0, -0.02), 20)], [(face, 1.0)], power
    )


def spot_recessed(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A downlight let into the ceiling: a disc of 4 cm radius in a trim ring."""
    r, trim = 0.04, WHITE if rng.random() < 0.7 else f.metal
    ring = lathe([(r, -0.0015), (r + 0.002, -0.005), (r + 0.01, -0.005), (r + 0.012, 0.0)], trim, segments=28)
    return lit([ring], [(round_plate(r, -0.002, DIFFUSER, up=False, segments=28), 1.0)], power)


def spot_can(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A small cylinder below the ceiling, open below."""
    r, h = rng.uniform(0.035, 0.05), rng.uniform(0.08, 0.14)
    paint = (f.metal_dark, WHITE, f.metal)[int(rng.integers(3))]
    shell = [lathe([(r, -h), (r, 0)], paint, segments=28), lathe([(r - 0.003, -h), (r, -h)], paint, segments=28)]
    shell.append(lathe([(r - 0.003, -h), (r - 0.003, -h + 0.02)], f.metal_dark, segments=28).flipped())
    return lit(shell, [(round_plate(r - 0.003, -h + 0.02, DIFFUSER, up=False, segments=28), 1.0)], power)


def _head(f: Finishes, paint: Material, r: float, length: float) -> tuple[list[Mesh], list[Glow]]:
    """A spotlight about the origin that shines along -z."""
    shell = [lathe([(r, -length / 2), (r, length / 2), (r, length / 2), (0, length / 2)], paint, segments=20)]
    shell.append(lathe([(r - 0.003, -length / 2), (r, -length / 2)], paint, segments=20))
    shell.append(lathe([(r - 0.003, -length / 2), (r - 0.003, -length / 2 + 0.015)], paint, segments=20).flipped())
    return shell, [(round_plate(r - 0.003, -length / 2 + 0.015, DIFFUSER, up=False, segments=20), 1.0)]


def track_heads(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A rail along x with three turned spotlights."""
    w, paint = rng.uniform(0.8, 1.3), WHITE if rng.random() < 0.4 else f.metal_dark
    parts, glows = [boards([(-w / 2, -0.017, -0.02, w / 2, 0.017, 0)], paint)], []
    for x in (-0.36 * w, 0.0, 0.36 * w):
        tilt, turn, at = rng.uniform(0.3, 1.0), rng.uniform(-np.pi, np.pi), (x, 0.0, -0.105)
        shell, own = _head(f, paint, rng.uniform(0.03, 0.031), 0.1)
        parts += [m.tilted("x", tilt).moved(at, turn) for m in shell]
        parts.append(cylinder(0.008, 0.08, paint, (x, 0, -0.1), 10))
        glows += moved(own, at, tilt, turn)
    return lit(parts, glows, power)


def track_bar(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A rail along x with balls of opal glass below it."""
    w, metal, r, count = rng.uniform(0.7, 1.1), bare_metal(rng, f), rng.uniform(0.045, 0.06), int(rng.integers(3, 5))
    parts = [
        boards([(-w / 2, -0.012, -0.06, w / 2, 0.012, -0.04)], metal),
        cylinder(0.05, 0.02, metal, (0, 0, -0.02), 24),
    ]
    parts.append(cylinder(0.01, 0.05, metal, (0, 0, -0.06), 10))
    glows: list[Glow] = []
    for x in np.linspace(-0.42 * w, 0.42 * w, count):
        parts.append(cylinder(0.02, 0.03, metal, (float(x), 0, -0.09), 14))
        glows.append((ball(r, OPAL, (float(x), 0, -0.085 - r), 16), 1.0))
    return lit(parts, glows, power)


def wall_updown(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A tube or a box on the wall that shines up and down."""
    r, h, paint = (
        rng.uniform(0.035, 0.055),
        rng.uniform(0.14, 0.26),
        (f.metal, f.metal_dark, f.lacquer, WHITE)[int(rng.integers(4))],
    )
    y, up = -r - 0.025, float(rng.uniform(0.4, 0.6))
    plate = boards([(-0.03, -0.026, -0.05, 0.03, 0, 0.05)], paint)
    skin = lathe([(r, -h / 2), (r, h / 2)], paint, segments=28)
    ends = [lathe([(r - 0.004, s * h / 2), (r, s * h / 2)], paint, segments=28) for s in (-1, 1)]
    lips = [
        lathe([(r - 0.004, s), (r - 0.004, s + 0.012)], paint, segments=28).flipped() for s in (-h / 2, h / 2 - 0.012)
    ]
    shell = [m.moved((0, y, 0)) for m in (skin, ends[0], ends[1].flipped(), *lips)]
    top, low = (round_plate(r - 0.004, s * (h / 2 - 0.012), DIFFUSER, up=s > 0, segments=28) for s in (1, -1))
    return lit([plate, *shell], moved([(top, up), (low, 1 - up)], (0, y, 0)), power)


def wall_shade(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """An arm with a small shade of cloth, or two."""
    metal, low = bare_metal(rng, f), rng.uniform(0.065, 0.095)
    high, tall = low * rng.uniform(0.6, 1.0), rng.uniform(0.12, 0.17)
    parts = [boards([(-0.03, -0.018, -0.11, 0.03, 0, 0.05)], metal, 0.005)]
    glows: list[Glow] = []
    reach = low + 0.035
    for x in (0.0,) if rng.random() < 0.6 else (-0.13, 0.13):
        shade, own = fabric_shade(rng, low, high, tall)
        arm: list[Point] = [(0.2 * x, -0.015, -0.05), (x, -0.6 * reach, -0.075), (x, -reach, -0.06), (x, -reach, 0.03)]
        parts += [pipe(arm, 0.006, metal, 8), *(m.moved((x, -reach, 0.0)) for m in shade)]
        glows += moved(own, (x, -reach, 0.0))
    return _centred(lit(parts, glows, power))


def wall_globe(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A ball of opal glass on a short arm."""
    metal, r = bare_metal(rng, f), rng.uniform(0.055, 0.09)
    plate = cylinder(0.05, 0.018, metal, segments=24).tilted("x", np.pi / 2)
    arm: list[Point] = [(0, -0.015, 0), (0, -r - 0.03, 0.0), (0, -r - 0.035, 0.03)]
    parts = [plate, pipe(arm, 0.007, metal, 8), cylinder(0.025, 0.025, metal, (0, -r - 0.035, 0.02), 16)]
    return _centred(lit(parts, [(ball(r, OPAL, (0, -r - 0.035, 0.04 + 0.95 * r), 24), 1.0)], power))


def wall_halo(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A round plate off the wall, with a ring of light behind it."""
    r, out = rng.uniform(0.09, 0.15), 0.045
    front = (f.metal, f.wood, WHITE, f.lacquer, f.metal_dark)[int(rng.integers(5))]
    disc = cylinder(r, 0.012, front, segments=40).tilted("x", np.pi / 2).moved((0, -out, 0))
    stem = cylinder(0.6 * r, out, WHITE, segments=28).tilted("x", np.pi / 2)
    ring = (
        lathe([(0.65 * r, 0), (0.97 * r, 0)], DIFFUSER, segments=40).tilted("x", np.pi / 2).moved((0, -out + 0.001, 0))
    )
    return lit([disc, stem], [(ring, 1.0)], power)


def wall_wedge(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """A half bowl of plaster that lights the wall and the ceiling above it."""
    r, h = rng.uniform(0.11, 0.17), rng.uniform(0.1, 0.16)
    line = [(0.02, -h / 2), (0.55, -0.3 * h), (0.85, 0.05 * h), (1.0, h / 2)]
    bowl = lathe([(r * x, z) for x, z in line], WHITE, segments=40)
    half = bowl.vertices[:, 1] > 0
    bowl.vertices[half, 1] = 0.0
    paint = WHITE if rng.random() < 0.7 else f.metal
    edge = bowl.vertices[bowl.faces]
    flat = np.linalg.norm(np.cross(edge[:, 1] - edge[:, 0], edge[:, 2] - edge[:, 0]), axis=1)
    kept = (edge[..., 1].min(1) < -1e-6) & (flat > 1e-10)
    shell = Mesh(bowl.vertices, bowl.normals, bowl.uv, bowl.faces[kept], bowl.material[kept], (paint,))
    angle = np.linspace(np.pi, 2 * np.pi, 25)
    rim = [(0.94 * r * float(np.cos(a)), 0.94 * r * float(np.sin(a)), h / 2 - 0.015) for a in angle]
    return lit([shell], [(_fan(rim, DIFFUSER), 1.0)], power)


def _fan(outline: list[Point], material: Material) -> Mesh:
    """A flat half disc that faces up."""
    points = np.array(outline, np.float32)
    faces = np.array([[0, i, i + 1] for i in range(1, len(points) - 1)], np.int32)
    normals = np.tile(np.array([0, 0, 1], np.float32), (len(points), 1))
    return Mesh(points, normals, points[:, :2].copy(), faces, np.zeros(len(faces), np.int32), (material,))


def _centred(mesh: Mesh) -> Mesh:
    low, high = mesh.bounds
    return mesh.moved((0, 0, -float(low[2] + high[2]) / 2))


def strip_bare(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """One metre of light along x that shines down; to be stretched along x, its flux grows with it."""
    half = float(rng.uniform(0.005, 0.007))
    profile = boards(
        [(-0.5, -half - 0.0015, -0.006, 0.5, half + 0.0015, 0)], f.metal if rng.random() < 0.5 else WHITE, 0.0
    )
    face = quad((-0.5, half, -0.0065), (1.0, 0, 0), (0, -2 * half, 0), DIFFUSER)
    return lit([profile], [(face, 1.0)], power)


def strip_cove(rng: np.random.Generator, f: Finishes, power: Color) -> Mesh:
    """One metre of light along x in a corner profile, which shines down and towards -y."""
    t = float(rng.uniform(0.014, 0.02))
    legs = [(-0.5, -t, -0.002, 0.5, 0, 0), (-0.5, -0.002, -t, 0.5, 0, -0.002)]
    face = quad((-0.5, -0.002, -t), (1.0, 0, 0), (0, 0.002 - t, t - 0.002), DIFFUSER).flipped()
    return lit([boards(legs, f.metal_dark if rng.random() < 0.5 else f.metal, 0.0)], [(face, 1.0)], power)
