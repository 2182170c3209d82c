"""Potted plants and cut flowers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wallpaint.rooms.furniture import FurnitureCategory
from wallpaint.rooms.furniture.foliage import (
    as_point,
    clipped_color,
    leaf_axes,
    leaf_blade,
    leaf_materials,
    pinnate_leaf,
    pot_with_soil,
    shuffled_copies,
    stem,
    stem_tube,
    sword_leaf,
)
from wallpaint.rooms.furniture.mouldings import instanced
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, cylinder, lathe, merge, sphere, surface
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.typing import Array


def _rubber_plant(rng: np.random.Generator, f: Finishes) -> Mesh:
    """One to three stems with oval leaves in a spiral, 0.9 to 2 m."""
    radius = rng.uniform(0.14, 0.2)
    pot, soil = pot_with_soil(rng, f, radius, rng.uniform(0.25, 0.38))
    green = leaf_materials(rng, f.leaf)
    size = rng.uniform(0.2, 0.3)
    leaves = [leaf_blade(g, 1.0, rng.uniform(0.45, 0.6), rng.uniform(0.1, 0.35), 0.2) for g in green for _ in range(2)]
    meshes = [pot]
    stems = int(rng.integers(2, 5))
    for k in range(stems):
        start = (0.05 * float(np.cos(k * 2.1)), 0.05 * float(np.sin(k * 2.1)), soil)
        height = rng.uniform(0.65, 1.4) * (1 if k == 0 else 0.75)
        path = stem(rng, start, height, rng.uniform(0.05, 0.25), 9)
        meshes.append(stem_tube(path, rng.uniform(0.008, 0.014), f.bark))
        count = int(rng.integers(18, 24)) if stems < 3 else 14
        t = np.linspace(rng.uniform(0.1, 0.35), 1, count)
        at = np.stack([np.interp(t, np.linspace(0, 1, 9), path[:, i]) for i in range(3)], -1)
        azimuth = np.arange(count) * 2.4 + rng.normal(0, 0.3, count)
        elevation = np.radians(5 + 65 * t**2) + rng.normal(0, 0.15, count)
        scale = size * rng.uniform(0.8, 1.15, count) * (1.1 - 0.35 * t**3)
        meshes.append(
            shuffled_copies(rng, leaves, leaf_axes(azimuth, elevation, scale, rng.normal(0, 0.25, count)), at)
        )
    return merge(meshes)


def _monstera(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A monstera: arching petioles, each with one broad slit leaf."""
    pot, soil = pot_with_soil(rng, f, rng.uniform(0.15, 0.22), rng.uniform(0.25, 0.35))
    green = leaf_materials(rng, f.leaf)
    leaves = [leaf_blade(g, 1.0, rng.uniform(0.8, 0.95), rng.uniform(0.2, 0.4), 0.12, 0.36, 5, (4, 24)) for g in green]
    count = int(rng.integers(10, 15))
    azimuth = np.arange(count) * 2.4 + rng.normal(0, 0.25, count)
    reach = np.linspace(0.12, 0.4, count) * rng.uniform(0.8, 1.1)
    height = np.linspace(1.0, 0.35, count) * rng.uniform(0.75, 1.15) + rng.normal(0, 0.05, count)
    meshes, tips = [pot], []
    for a, out, rise in zip(azimuth, reach, height, strict=True):
        t = np.linspace(0, 1, 8)
        bow = out * (0.15 * t + 0.85 * t**2.2)
        path = np.stack([bow * np.cos(a), bow * np.sin(a), soil - 0.02 + rise * (1 - (1 - t) ** 1.3)], -1)
        meshes.append(stem_tube(path, 0.006, green[1], 5))
        tips.append(path[-1])
    size = rng.uniform(0.26, 0.38) * rng.uniform(0.75, 1.15, count)
    elevation = rng.uniform(-0.5, 0.25, count)
    meshes.append(
        shuffled_copies(rng, leaves, leaf_axes(azimuth, elevation, size, rng.normal(0, 0.3, count)), np.array(tips))
    )
    return merge(meshes)


def _snake_plant(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A snake plant: upright sword-shaped leaves, perhaps with pale edges."""
    radius = rng.uniform(0.11, 0.16)
    pot, soil = pot_with_soil(rng, f, radius, rng.uniform(0.2, 0.36))
    green = leaf_materials(rng, f.leaf, 2)
    edge = replace(f.leaf, albedo=clipped_color(np.array([0.42, 0.42, 0.12]) * rng.uniform(0.7, 1.2)))
    rim = edge if rng.random() < 0.7 else green[0]
    height = rng.uniform(0.5, 0.85)
    meshes = [pot]
    for k in range(int(rng.integers(11, 18))):
        shape = rng.uniform([0.5, 0.045, 0.0, -1.2], [1.0, 0.07, 0.18, 1.2])  # share of height, width, lean, twist
        blade = sword_leaf(green[k % 2], rim, height * shape[0], shape[1], shape[2], shape[3])
        azimuth, out = k * 2.4, 0.62 * radius * np.sqrt((k + 0.5) / 18)
        spot = (float(out * np.cos(azimuth)), float(out * np.sin(azimuth)), soil - 0.01)
        meshes.append(blade.moved(spot, azimuth - np.pi / 2))
    return merge(meshes)


def _palm(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A kentia or areca palm: fronds that fan out from the soil."""
    pot, soil = pot_with_soil(rng, f, rng.uniform(0.15, 0.2), rng.uniform(0.26, 0.38))
    green = leaf_materials(rng, f.leaf, 2)
    height, pairs = rng.uniform(0.85, 1.35), int(rng.integers(12, 16))
    shapes = [pinnate_leaf(f.leaf, g, 1.0, pairs, rng.uniform(0.1, 0.15), arc) for g in green for arc in (0.9, 1.5)]
    meshes, count = [pot], int(rng.integers(8, 11))
    for k in range(count):
        inner = k < count // 2
        frond = shapes[2 * int(rng.integers(2)) + (0 if inner else 1)]
        size = height * rng.uniform(0.75, 1.0) * (1.0 if inner else 0.8)
        spot = (rng.normal(0, 0.025), rng.normal(0, 0.025), soil - 0.02)
        meshes.append(frond.moved(spot, k * 2.4 + rng.normal(0, 0.2), size))
    return merge(meshes)


def _olive_tree(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A small tree: a trunk, a crown of twigs, narrow grey-green leaves."""
    pot, soil = pot_with_soil(rng, f, rng.uniform(0.15, 0.21), rng.uniform(0.28, 0.4))
    grey = replace(f.leaf, albedo=clipped_color(np.array([0.14, 0.19, 0.1]) * rng.uniform(0.8, 1.3)), f0=0.02)
    trunk = stem(rng, (0, 0, soil), rng.uniform(0.55, 0.85), 0.08)
    meshes, at, azimuth, elevation = [pot, stem_tube(trunk, 0.016, f.bark)], [], [], []
    crown = rng.uniform(0.28, 0.42)
    for k in range(14):
        a, e = k * 2.4 + rng.normal(0, 0.3), rng.uniform(-0.1, 1.4)
        reach = crown * rng.uniform(0.75, 1.15)
        t = np.linspace(0, 1, 6)[:, None]
        heading = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e) + 0.25])
        twig = trunk[-1] - [0, 0, 0.12 * (k % 3)] + t * heading * reach + t**2 * [0, 0, -0.25 * reach]
        meshes.append(stem_tube(twig, 0.004, f.bark, 4))
        count = 30
        s = rng.uniform(0.25, 1.0, count)
        at.append(np.stack([np.interp(s, t[:, 0], twig[:, i]) for i in range(3)], -1))
        azimuth.append(a + rng.normal(0, 1.2, count))
        elevation.append(rng.normal(0.3, 0.5, count))
    leaves = [leaf_blade(g, 1.0, 0.26, 0.15, 0.2, grid=(1, 3)) for g in leaf_materials(rng, grey)]
    spots = np.concatenate(at)
    axes = leaf_axes(np.concatenate(azimuth), np.concatenate(elevation), rng.uniform(0.06, 0.1, len(spots)), 0.3)
    return merge([*meshes, shuffled_copies(rng, leaves, axes, spots)])


def _bird_of_paradise(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A bird of paradise: long petioles with large paddle-shaped leaves."""
    pot, soil = pot_with_soil(rng, f, rng.uniform(0.15, 0.2), rng.uniform(0.28, 0.4))
    green = leaf_materials(rng, f.leaf)
    meshes = [pot]
    for k in range(int(rng.integers(7, 10))):
        a, rise, out = k * 2.4 + rng.normal(0, 0.2), rng.uniform(0.45, 0.95), rng.uniform(0.05, 0.22)
        t = np.linspace(0, 1, 7)
        stalk = np.stack([np.zeros(7), 0.02 + out * t**2, soil - 0.02 + rise * t], -1)
        length = rng.uniform(0.4, 0.55)
        leaf = leaf_blade(
            green[k % 3], length, rng.uniform(0.17, 0.24), rng.uniform(0.25, 0.6), 0.3, 0.42, grid=(4, 10)
        )
        leaf = leaf.rotated("x", rng.uniform(0.6, 1.2)).moved((0, float(stalk[-1, 1]), float(stalk[-1, 2])))
        meshes.append(merge([stem_tube(stalk, 0.008, green[1], 5), leaf]).moved(yaw=a))
    return merge(meshes)


PETAL_ALBEDOS = ((0.75, 0.7, 0.62), (0.7, 0.2, 0.25), (0.75, 0.5, 0.1), (0.4, 0.2, 0.5), (0.7, 0.4, 0.4))


def stems_in_vase(rng: np.random.Generator, f: Finishes, vase: Mesh, mouth: float, flowers: bool = True) -> Mesh:
    """A vase with cut flowers or bare twigs. mouth: height of the vase's opening."""
    meshes, green = [vase], leaf_materials(rng, f.leaf, 2)
    bloom = Material("petal", clipped_color(rng.choice(PETAL_ALBEDOS) * rng.uniform(0.8, 1.1)))
    petal = leaf_blade(bloom, 1.0, 0.55, -0.2, 0.2, 0.6, grid=(2, 3))
    leaf = leaf_blade(green[1], 1.0, 0.35, 0.3, 0.2, grid=(2, 3))
    count = int(rng.integers(5, 10)) if flowers else int(rng.integers(3, 6))
    for k in range(count):
        a, height = k * 2.4 + rng.normal(0, 0.3), rng.uniform(0.14, 0.26) * (1 if flowers else 1.7)
        lean = rng.uniform(0.1, 0.45) * height
        t = np.linspace(0, 1, 6)
        path = np.stack([lean * t**1.4 * np.cos(a), lean * t**1.4 * np.sin(a), mouth - 0.05 + (0.05 + height) * t], -1)
        meshes.append(stem_tube(path, 0.002, green[0] if flowers else f.bark, 4))
        if flowers:
            angle = np.arange(14) * 2.4
            axes = leaf_axes(angle, np.linspace(1.3, 0.0, 14), np.linspace(0.55, 1.0, 14) * rng.uniform(0.025, 0.04))
            meshes += [instanced(petal, axes, np.tile(path[-1], (14, 1))), sphere(0.007, f.soil, as_point(path[-1]), 6)]
        spots = rng.uniform(0.45, 0.9, 3 if flowers else 7)
        at = np.stack([np.interp(spots, t, path[:, i]) for i in range(3)], -1)
        axes = leaf_axes(
            rng.uniform(0, 6.28, len(spots)), rng.uniform(0.1, 0.9, len(spots)), rng.uniform(0.03, 0.06, len(spots))
        )
        meshes.append(instanced(leaf, axes, at))
    return merge(meshes)


def _cut_flowers(rng: np.random.Generator, f: Finishes) -> Mesh:
    r, h = rng.uniform(0.035, 0.055), rng.uniform(0.16, 0.26)
    neck = rng.uniform(0.55, 0.9) * r
    profile = [
        (0, 0),
        (0.7 * r, 0),
        (0.7 * r, 0),
        (r, 0.35 * h),
        (0.95 * r, 0.6 * h),
        (neck, 0.85 * h),
        (neck * 1.15, h),
    ]
    glaze = replace(f.ceramic, albedo=clipped_color(np.asarray(f.ceramic.albedo) * rng.uniform(0.2, 1.1)))
    vase = lathe([*profile, (neck * 1.05, h), (neck * 0.9, 0.85 * h), (0, 0.7 * h)], glaze, segments=24)
    return stems_in_vase(rng, f, vase, h)


def _succulent(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A succulent rosette."""
    radius = rng.uniform(0.045, 0.07)
    pot, soil = pot_with_soil(rng, f, radius, rng.uniform(0.06, 0.1))
    blue = replace(f.leaf, albedo=clipped_color(np.array([0.16, 0.3, 0.18]) * rng.uniform(0.7, 1.3, 3)), roughness=0.6)
    leaves = [leaf_blade(g, 1.0, 0.5, -0.25, 0.35, 0.62) for g in leaf_materials(rng, blue)]
    count = int(rng.integers(26, 40))
    t = np.linspace(0, 1, count)
    axes = leaf_axes(np.arange(count) * 2.4, np.radians(78 - 70 * t), radius * (0.5 + 0.75 * t) * rng.uniform(0.9, 1.2))
    return merge([pot, shuffled_copies(rng, leaves, axes, np.tile([0.0, 0.0, soil], (count, 1)))])


def _pothos(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A pothos: heart-shaped leaves on vines that trail over the rim."""
    radius, height = rng.uniform(0.055, 0.08), rng.uniform(0.12, 0.18)
    pot, soil = pot_with_soil(rng, f, radius, height)
    leaves = [leaf_blade(g, 1.0, 0.75, 0.35, 0.15, 0.35) for g in leaf_materials(rng, f.leaf)]
    meshes, at, azimuth, elevation = [pot], [], [], []
    for k in range(int(rng.integers(7, 11))):
        a, t = k * 2.4 + rng.normal(0, 0.2), np.linspace(0, 1, 9)
        out = radius * rng.uniform(1.2, 1.9)
        low = rng.uniform(0.045, 0.9 * soil)
        rise = soil + 0.05 * np.sin(np.pi * np.clip(t * 1.6, 0, 1)) - (soil - low) * np.clip(t - 0.35, 0, 1) / 0.65
        bow = out * np.sin(np.clip(t * 1.5, 0, 1) * np.pi / 2)
        path = np.stack([bow * np.cos(a), bow * np.sin(a), rise], -1)
        meshes.append(stem_tube(path, 0.002, f.leaf, 4))
        s = np.linspace(0.2, 1, 7)
        at.append(np.stack([np.interp(s, t, path[:, i]) for i in range(3)], -1))
        azimuth.append(a + rng.normal(0, 0.8, 7))
        elevation.append(rng.normal(0.35, 0.25, 7))
    spots = np.concatenate(at)
    axes = leaf_axes(
        np.concatenate(azimuth),
        np.concatenate(elevation),
        rng.uniform(0.035, 0.06, len(spots)),
        rng.normal(0, 0.3, len(spots)),
    )
    return merge([*meshes, shuffled_copies(rng, leaves, axes, spots)])


def _fern(rng: np.random.Generator, f: Finishes) -> Mesh:
    pot, soil = pot_with_soil(rng, f, rng.uniform(0.06, 0.085), rng.uniform(0.11, 0.16))
    green = leaf_materials(rng, f.leaf, 2)
    shapes = [
        pinnate_leaf(g, g, 1.0, 12, 0.45, arc).moved(scale=(0.5, 1, 1))
        for g, arc in zip(green, (1.0, 1.7), strict=True)
    ]
    meshes, count = [pot], int(rng.integers(10, 13))
    for k in range(count):
        size = rng.uniform(0.17, 0.26)
        meshes.append(shapes[k % 2].moved((0, 0, soil - 0.005), k * 2.4 + rng.normal(0, 0.2), size))
    return merge(meshes)


def _orchid(rng: np.random.Generator, f: Finishes) -> Mesh:
    """An orchid: strap-shaped leaves at the base and arching flower stalks."""
    pot, soil = pot_with_soil(rng, f, rng.uniform(0.055, 0.07), rng.uniform(0.1, 0.13))
    bloom = Material("petal", clipped_color(rng.choice([[0.8, 0.78, 0.76], [0.62, 0.16, 0.4], [0.8, 0.55, 0.65]])))
    petal = leaf_blade(bloom, 1.0, 0.85, 0.1, 0.1, 0.55, grid=(2, 4))
    meshes, green = [pot], leaf_materials(rng, f.leaf, 2)
    for k in range(5):
        leaf = leaf_blade(green[k % 2], rng.uniform(0.14, 0.2), 0.05, 0.5, 0.3, grid=(4, 6)).rotated("x", 0.7)
        meshes.append(leaf.moved((0, 0, soil), k * 2.5))
    for k in range(int(rng.integers(1, 4))):
        t, a = np.linspace(0, 1, 12), 1.5 + k * 2.2 + rng.normal(0, 0.2)
        height, out = rng.uniform(0.3, 0.42), rng.uniform(0.12, 0.2)
        path = np.stack([out * t**2.5 * np.cos(a), out * t**2.5 * np.sin(a), soil + height * np.sin(t * 1.9)], -1)
        meshes.append(stem_tube(path, 0.003, green[0], 5))
        for j in range(5, 12):
            face = np.array([np.cos(a + (0.6 if j % 2 else -0.6)), np.sin(a + (0.6 if j % 2 else -0.6)), 0.15])
            x = np.cross([0.0, 0.0, 1.0], face)
            fan = np.arange(5) * 2 * np.pi / 5 + 0.3
            petal_direction = x * np.cos(fan)[:, None] + np.cross(face, x) * np.sin(fan)[:, None]
            axes = np.stack([np.cross(petal_direction, face), petal_direction, np.tile(face, (5, 1))], -1) * 0.026
            meshes.append(instanced(petal, axes, np.tile(path[j] + 0.012 * face, (5, 1))))
    return merge(meshes)


def _cactus(rng: np.random.Generator, f: Finishes) -> Mesh:
    """One to three ribbed columnar cacti."""
    pot, soil = pot_with_soil(rng, f, rng.uniform(0.05, 0.07), rng.uniform(0.08, 0.12))
    flesh = replace(leaf_materials(rng, f.leaf)[1], roughness=0.8, f0=0.0)
    meshes = [pot]
    count = int(rng.integers(1, 4))
    for k in range(count):
        height, radius = rng.uniform(0.1, 0.26), rng.uniform(0.018, 0.026)
        offset = 0.026 if count > 1 else 0.0

        def shape(s: Array, t: Array, height: float = height, radius: float = radius) -> Array:
            ribs = 1 + 0.14 * np.cos(2 * np.pi * 9 * s)
            body = radius * ribs * np.sqrt(np.maximum(1 - np.maximum(t - 0.8, 0) ** 2 * 24.9, 1e-4))
            return np.stack([body * np.cos(2 * np.pi * s), body * np.sin(2 * np.pi * s), height * t], -1)

        column = surface(shape, flesh, 54, 9, (0.1, height))
        x, y = offset * float(np.cos(k * 2.1)), offset * float(np.sin(k * 2.1))
        meshes += [
            column.moved((x, y, soil - 0.004)),
            cylinder(0.005, 0.004, f.linen, (x, y, soil + height - 0.005), 8),
        ]
    return merge(meshes)


CATEGORIES = {
    "plant_large": FurnitureCategory((_rubber_plant, _monstera, _snake_plant, _palm), (_olive_tree, _bird_of_paradise)),
    "plant_small": FurnitureCategory((_succulent, _pothos, _fern, _cut_flowers), (_orchid, _cactus)),
}
