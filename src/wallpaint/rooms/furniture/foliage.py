"""Plant components: leaves, fronds, stems and pots.

Leaves are thin curved two-sided sheets.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wallpaint.rooms.furniture.mouldings import instanced
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, Point, box, lathe, merge, surface, tube, two_sided
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.typing import Array


def leaf_materials(rng: np.random.Generator, leaf: Material, count: int = 3) -> list[Material]:
    """Return `count` related leaf materials of one plant, dark to light."""
    cast = rng.uniform([0.75, 0.85, 0.6], [1.3, 1.15, 1.5])
    light = np.linspace(0.7, 1.5, count)
    return [replace(leaf, albedo=clipped_color(np.asarray(leaf.albedo) * cast * k)) for k in light]


def clipped_color(rgb: Array) -> Color:
    """Clip an RGB array to a valid albedo and convert it to a tuple."""
    r, g, b = np.clip(rgb, 0.005, 0.85)
    return (float(r), float(g), float(b))


def leaf_blade(
    material: Material,
    length: float,
    width: float,
    droop: float = 0.2,
    fold: float = 0.25,
    widest: float = 0.45,
    cuts: int = 0,
    grid: tuple[int, int] = (4, 5),
) -> Mesh:
    """A leaf from the origin along +y, its upper side towards +z.

    droop: how far the tip hangs down, as a share of the length. fold: slope of the sides from the midrib. widest:
    position of the largest width along the leaf, 0..1. cuts: slits per side, as in a monstera leaf.
    """
    bend = np.log(0.5) / np.log(widest)

    def shape(s: Array, t: Array) -> Array:
        half = width / 2 * np.maximum(np.sin(np.pi * t**bend) ** 0.75, 0.03)
        if cuts:
            half = half * (1 - 0.55 * (np.cos(2 * np.pi * cuts * (t - 0.25 * np.abs(2 * s - 1))) < -0.72))
        x = (2 * s - 1) * half
        z = -droop * length * t**2 + fold * np.abs(x) + 0.1 * droop * length * np.sin(np.pi * t)
        return np.stack([x, length * t - 0.3 * droop * length * t**2, z], -1)

    return two_sided(surface(shape, material, grid[0], grid[1], (width, length)))


def sword_leaf(material: Material, edge: Material, length: float, width: float, lean: float, twist: float) -> Mesh:
    """An upright sword-shaped leaf at the origin; `edge` is the material of its margins."""
    across, up = 4, 8

    def shape(s: Array, t: Array) -> Array:
        half = width / 2 * np.maximum((0.65 + 0.7 * t) * (1 - t**4) ** 0.7, 0.03)
        side = np.interp(s, [0, 0.25, 0.5, 0.75, 1], [-1, -0.78, 0, 0.78, 1]) * half
        turn = twist * t
        cup = 0.25 * np.abs(side) + lean * length * t**2
        return np.stack([side * np.cos(turn), cup + side * np.sin(turn), length * t], -1)

    sheet = surface(shape, material, across, up, (width, length))
    column = np.arange(len(sheet.faces)) % (len(sheet.faces) // 2) % across
    face_material = np.where((column == 0) | (column == across - 1), 1, 0).astype(np.int32)
    return two_sided(replace(sheet, material=face_material, materials=(material, edge)))


def leaf_axes(azimuth: Array, elevation: Array, size: Array, roll: Array | float = 0.0) -> Array:
    """(N, 3, 3) frames for `instanced`: y points along azimuth and elevation (radians), z is the upper side."""
    flat = np.zeros_like(azimuth)
    out = np.stack([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], -1)
    side = np.stack([np.sin(azimuth), -np.cos(azimuth), flat], -1)
    up = np.cross(side, out)
    cos, sin = (np.broadcast_to(f(np.asarray(roll)), azimuth.shape)[:, None] for f in (np.cos, np.sin))
    x, z = side * cos - up * sin, up * cos + side * sin
    return np.stack([x, out, z], -1) * np.asarray(size)[:, None, None]


def shuffled_copies(rng: np.random.Generator, leaves: list[Mesh], axes: Array, at: Array) -> Mesh:
    """Instances of leaves, each position with a randomly chosen leaf."""
    which = rng.integers(len(leaves), size=len(at))
    return merge(
        [instanced(leaf, axes[which == i], at[which == i]) for i, leaf in enumerate(leaves) if (which == i).any()]
    )


def pot_with_soil(rng: np.random.Generator, f: Finishes, radius: float, height: float) -> tuple[Mesh, float]:
    """A pot on z = 0 with a rim of the given radius, and the height of its soil."""
    style = rng.choice(["ceramic", "terracotta", "wicker", "legs", "round"])
    soil, rim = 0.9 * height, 0.92 * radius
    base, foot = rng.uniform(0.7, 0.95) * radius, 0.0
    meshes = []
    tone = rng.uniform(0.45, 1.1)
    glaze = replace(f.ceramic, albedo=clipped_color(np.asarray(f.ceramic.albedo) * tone * rng.uniform(0.85, 1.1, 3)))
    if rng.random() < 0.2:
        glaze = replace(f.ceramic, albedo=(0.03, 0.03, 0.032), roughness=0.6)
    if style == "terracotta":
        clay = Material(
            "terracotta", clipped_color(np.array([0.42, 0.17, 0.09]) * rng.uniform(0.8, 1.2)), roughness=0.9
        )
        collar = 0.78 * height
        profile = [(0, 0), (base * 0.9, 0), (base * 0.9, 0), (0.9 * radius, collar), (radius, collar), (radius, collar)]
        profile += [(radius, height), (radius, height), (rim, height), (rim, height), (rim, soil)]
        meshes.append(lathe(profile, clay, segments=28))
    elif style == "wicker":
        straw = Material(
            "wicker", clipped_color(np.array([0.42, 0.28, 0.15]) * rng.uniform(0.6, 1.3)), roughness=0.9, bump=0.2
        )
        rows = 7
        level = np.linspace(0.02, 0.98, 2 * rows + 1)
        belly = radius * (0.9 + 0.16 * np.sin(np.pi * np.clip(level * 0.85, 0, 1)))
        weave = belly + 0.012 * radius * np.where(np.arange(2 * rows + 1) % 2, 2.5, -2.5)
        profile = [(0, 0), (belly[0], 0), *[(float(r), float(z * height)) for r, z in zip(weave, level, strict=True)]]
        profile += [(rim, height), (0.9 * rim, 0.97 * height), (0.9 * rim, soil)]
        meshes.append(lathe(profile, straw, segments=28))
    elif style == "round":
        turn = np.linspace(-1.1, 0.8, 12)
        profile = [(float(radius * 1.12 * np.cos(a)), float(height * (np.sin(a) - np.sin(-1.1)) / 1.62)) for a in turn]
        profile = [(0, 0), (profile[0][0], 0), *profile]
        lip = profile[-1][0]
        rim, height = lip - 0.012, profile[-1][1]
        soil = 0.93 * height
        meshes.append(lathe([*profile, (lip, height), (rim, height), (rim, height), (rim, soil)], glaze, segments=28))
    else:
        foot = rng.uniform(0.3, 0.6) * height if style == "legs" else 0.0
        wall = 0.012 if radius > 0.08 else 0.004
        rim = radius - wall
        profile = [
            (0, 0),
            (base, 0),
            (base, 0),
            (radius, height),
            (radius, height),
            (rim, height),
            (rim, height),
            (rim, soil),
        ]
        meshes.append(lathe(profile, glaze, segments=28).moved((0, 0, foot)))
        if style == "legs":
            wood = f.wood if rng.random() < 0.7 else f.metal_dark
            for k in range(4):
                a = np.pi / 4 + k * np.pi / 2
                x, y = 0.9 * radius * np.cos(a), 0.9 * radius * np.sin(a)
                leg = [(1.15 * x, 1.15 * y, 0.0), (1.12 * x, 1.12 * y, foot + 0.4 * height)]
                meshes.append(tube(leg, 0.06 * radius + 0.004, wood))
            bar = box((1.5 * radius, 0.1 * radius, 0.08 * radius), wood, (0, 0, foot - 0.09 * radius))
            meshes += [bar.moved(yaw=k * np.pi / 4) for k in (-1, 1)]
    meshes.append(lathe([(rim, soil), (0, soil + 0.01)], f.soil, (0, 0, foot), segments=28))
    return merge(meshes), soil + foot


def stem(rng: np.random.Generator, start: Point, height: float, lean: float, points: int = 7) -> Array:
    """(points, 3) path of a stem that rises from `start` and sways sideways by about `lean` metres."""
    t = np.linspace(0, 1, points)
    azimuth = rng.uniform(0, 2 * np.pi)
    sway = lean * t**1.5 + 0.12 * lean * np.sin(2 * np.pi * t + rng.uniform(0, 6))
    sway -= sway[0]
    return np.asarray(start) + np.stack([sway * np.cos(azimuth), sway * np.sin(azimuth), height * t], -1)


def stem_tube(path: Array, radius: float, material: Material, segments: int = 6) -> Mesh:
    """A stem or twig along a path (N, 3)."""
    return tube([(float(x), float(y), float(z)) for x, y, z in path], radius, material, segments)


def pinnate_leaf(stalk: Material, leaflet: Material, length: float, pairs: int, width: float, arc: float) -> Mesh:
    """A pinnate leaf that rises from the origin towards +y and arches over. arc: total bend, radians."""
    t = np.linspace(0, 1, 40)
    angle = np.radians(82) - arc * t**1.3
    y = np.concatenate([[0], np.cumsum(np.cos(angle[:-1]))]) * length / 39
    z = np.concatenate([[0], np.cumsum(np.sin(angle[:-1]))]) * length / 39
    path = np.stack([np.zeros(40), y, z], -1)
    fraction = np.repeat(np.linspace(0.28, 0.99, pairs), 2)
    at = np.stack([np.interp(fraction, t, path[:, i]) for i in range(3)], -1)
    slope = np.interp(fraction, t, angle)
    side = np.tile([-1.0, 1.0], pairs)
    opening_angle = np.radians(62) * (1.05 - 0.65 * fraction)
    size = length * (0.36 - 0.22 * np.abs(fraction - 0.45)) * 0.9
    tangent = np.stack([np.zeros_like(slope), np.cos(slope), np.sin(slope)], -1)
    out = tangent * np.cos(opening_angle)[:, None] + np.array([1.0, 0, 0]) * (side * np.sin(opening_angle))[:, None]
    out[:, 2] -= 0.12
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    up = np.stack([np.zeros_like(slope), -np.sin(slope), np.cos(slope)], -1)
    x = np.cross(out, up)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    axes = np.stack([x, out, np.cross(x, out)], -1) * size[:, None, None]
    blade = leaf_blade(leaflet, 1.0, width, 0.25, 0.3, 0.4, grid=(2, 2))
    return merge([stem_tube(path[::5], 0.005, stalk, 4), instanced(blade, axes, at)])


def as_point(point: Array) -> Point:
    """Convert an array of three numbers to a tuple."""
    return (float(point[0]), float(point[1]), float(point[2]))
