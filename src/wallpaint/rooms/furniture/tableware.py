"""Tableware and worktop objects: place settings, kettles, chopping boards, bottles, pots."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.furniture import FurnitureCategory, small_objects
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, box, cylinder, lathe, merge, rounded_box, sphere, tube
from wallpaint.rooms.surfaces.finishes import Finishes


def plates(rng: np.random.Generator, f: Finishes, radius: float, count: int) -> Mesh:
    """A stack of `count` plates."""
    finish = small_objects.glaze_material(rng, f)
    profile = [
        (0, 0),
        (0.6 * radius, 0),
        (radius, 0.016),
        (radius, 0.016),
        (0.99 * radius, 0.0185),
        (0.62 * radius, 0.005),
        (0, 0.005),
    ]
    one = lathe(profile, finish, segments=36)
    return merge([one.moved((0, 0, 0.006 * k)) for k in range(count)])


def _drinking_glass(rng: np.random.Generator, stem: bool) -> Mesh:
    """A tumbler or a wine glass."""
    if not stem:
        return small_objects.hollow_vessel([(0.032, 0), (0.037, 0.1)], small_objects.GLASS_MATERIAL, 0.002)
    profile = [
        (0, 0),
        (0.035, 0),
        (0.035, 0.002),
        (0.005, 0.008),
        (0.004, 0.09),
        (0.03, 0.115),
        (0.04, 0.145),
        (0.034, 0.21),
    ]
    inside = [(0.033, 0.21), (0.0385, 0.145), (0.028, 0.117), (0, 0.1)]
    return lathe([*profile, *inside], small_objects.GLASS_MATERIAL, segments=20)


def _serving_group(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A group of plates, glasses, a bowl, and a vase or bottle."""
    stem = bool(rng.random() < 0.5)
    meshes = [plates(rng, f, 0.13, int(rng.integers(2, 5))).moved((-0.2, -0.03, 0))]
    spots = ((0.02, -0.12), (0.11, -0.13), (0.03, -0.02), (0.12, -0.03))
    meshes += [_drinking_glass(rng, stem).moved((x, y, 0)) for x, y in spots[: int(rng.integers(2, 5))]]
    vessel = (
        small_objects.vase(rng, f)[0] if rng.random() < 0.6 else small_objects.bottle(rng, small_objects.GLASS_MATERIAL)
    )
    meshes += [vessel.moved((0.0, 0.13, 0)), small_objects.bowl(rng, f, False).moved((0.24, 0.09, 0))]
    return merge(meshes)


def _place_settings(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Two opposite place settings with mats and cutlery, and a candle."""
    settings = []
    mat = f.linen if rng.random() < 0.5 else f.wood_second
    plate_set = plates(rng, f, 0.125, 1)
    small = plates(rng, f, 0.09, 1)
    for turn in (0.0, np.pi):
        setting = [lathe([(0.19, 0), (0.19, 0.003), (0.19, 0.003), (0, 0.003)], mat, segments=40)]
        setting += [plate_set.moved((0, 0, 0.003)), small.moved((0, 0, 0.009))]
        setting += [box((0.012, 0.2, 0.003), f.metal, (x, 0, 0.003), bevel=0.001) for x in (-0.155, 0.152)]
        setting.append(_drinking_glass(rng, True).moved((0.16, 0.19, 0)))
        settings.append(merge(setting).moved((0, -0.24, 0)).moved(yaw=turn))
    return merge([*settings, small_objects.candle(rng, f)])


def _kettle_and_toaster(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A kettle with a toaster or jars."""
    steel = f.metal if rng.random() < 0.6 else small_objects.ink_material(rng, "enamel", 0.25)
    profile = [
        (0, 0),
        (0.085, 0),
        (0.085, 0.02),
        (0.09, 0.03),
        (0.065, 0.2),
        (0.055, 0.215),
        (0.015, 0.225),
        (0.015, 0.24),
        (0, 0.242),
    ]
    handle: list[Point] = [(-0.06, 0, 0.2), (-0.11, 0, 0.2), (-0.125, 0, 0.13), (-0.082, 0, 0.06)]
    spout: list[Point] = [(0.07, 0, 0.14), (0.095, 0, 0.17), (0.11, 0, 0.195)]
    meshes = [lathe(profile, steel, segments=28), tube(handle, 0.011, f.metal_dark), tube(spout, 0.016, steel, 10)]
    kettle = merge(meshes).moved((-0.16, 0, 0), float(rng.uniform(-0.6, 0.6)))
    if rng.random() < 0.5:
        return merge([kettle, *_jars_row(rng, f, 3, 0.03)])
    body = rounded_box((0.28, 0.17, 0.18), steel, (0.16, 0, 0.01), radius=0.035, steps=3)
    slots = [box((0.21, 0.025, 0.001), f.metal_dark, (0.16, y, 0.19)) for y in (-0.035, 0.035)]
    lever = box((0.012, 0.03, 0.015), f.metal_dark, (0.305, 0, 0.12))
    feet = box((0.24, 0.13, 0.012), f.metal_dark, (0.16, 0, 0))
    return merge([kettle, body, *slots, lever, feet])


def _jars_row(rng: np.random.Generator, f: Finishes, count: int, start: float) -> list[Mesh]:
    meshes, x = [], start
    for _ in range(count):
        jar = small_objects.jar(rng, f)
        half = float(jar.bounds[1][0])
        meshes.append(jar.moved((x + half, float(rng.uniform(-0.02, 0.02)), 0)))
        x += 2 * half + 0.015
    return meshes


def _chopping_boards(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Leaning chopping boards with a knife block or jars."""
    meshes = []
    for k, (w, h) in enumerate(((0.26, 0.38), (0.2, 0.3))):
        board = rounded_box((w, 0.02, h), f.wood if k == 0 else f.wood_second, radius=0.009, steps=2)
        meshes.append(board.rotated("x", -0.16).moved((-0.14 + 0.06 * k, 0.08 - 0.045 * k, 0.004)))
    if rng.random() < 0.5:
        block = box((0.11, 0.13, 0.22), f.wood_second, bevel=0.004)
        grips = [
            box((0.016, 0.026, 0.11), f.metal_dark, (x, y, 0.2), bevel=0.004)
            for x in (-0.03, 0.0, 0.03)
            for y in (-0.03, 0.025)
        ]
        meshes.append(merge([block, *grips]).rotated("x", 0.25).moved((0.16, 0.0, 0.018)))
    else:
        meshes += _jars_row(rng, f, 3, 0.04)
    return merge(meshes)


def _bottles(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Oil and vinegar bottles, a pepper mill and a fruit bowl."""
    green = Material("bottle", (0.03, 0.06, 0.02), roughness=0.08, f0=0.05)
    meshes = [
        small_objects.bottle(rng, green, 0.29).moved((-0.2, 0.03, 0)),
        small_objects.bottle(rng, small_objects.GLASS_MATERIAL, 0.24).moved((-0.12, 0.05, 0)),
    ]
    mill = [
        (0, 0),
        (0.028, 0),
        (0.03, 0.03),
        (0.018, 0.08),
        (0.026, 0.12),
        (0.018, 0.14),
        (0.027, 0.165),
        (0.012, 0.19),
        (0, 0.195),
    ]
    meshes += [
        lathe(mill, f.wood_second, segments=20).moved((-0.05, 0.02, 0)),
        small_objects.bowl(rng, f).moved((0.12, 0, 0)),
    ]
    return merge(meshes)


def _pots(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A casserole with a lid and a crock of wooden spoons."""
    enamel = small_objects.ink_material(rng, "enamel", 0.2)
    body = [
        (0, 0),
        (0.1, 0),
        (0.12, 0.02),
        (0.125, 0.11),
        (0.13, 0.115),
        (0.12, 0.13),
        (0.03, 0.15),
        (0.012, 0.152),
        (0.018, 0.175),
        (0, 0.178),
    ]
    meshes = [lathe(body, enamel, segments=32)]
    for side in (-1, 1):
        ear: list[Point] = [
            (side * 0.12, -0.04, 0.09),
            (side * 0.16, -0.03, 0.095),
            (side * 0.16, 0.03, 0.095),
            (side * 0.12, 0.04, 0.09),
        ]
        meshes.append(tube(ear, 0.008, enamel))
    crock = small_objects.hollow_vessel([(0.055, 0), (0.06, 0.15)], small_objects.glaze_material(rng, f), 0.006)
    spoons = []
    for k in range(5):
        spoon = merge(
            [cylinder(0.006, 0.26, f.wood, segments=8), sphere((0.026, 0.008, 0.035), f.wood, (0, 0, 0.28), 12)]
        )
        spoons.append(spoon.rotated("x", 0.14).moved((0, 0.02, 0.008), k * 1.9))
    return merge([*meshes, merge([crock, *spoons]).moved((0.25, 0.04, 0))]).moved((-0.1, 0, 0))


CATEGORIES = {
    "dining_set": FurnitureCategory((_serving_group,), (_place_settings,)),
    "kitchen_things": FurnitureCategory((_kettle_and_toaster, _chopping_boards, _bottles), (_pots,)),
}
