"""Wall fixtures: sockets, switches, thermostats, televisions, vents, radiators, fireplaces.

Radiators and fireplaces stand on z = 0 with their back towards +y; the others follow the convention of `wall_objects`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np

from wallpaint.rooms.furniture import FurnitureCategory
from wallpaint.rooms.furniture.mouldings import ellipse, flat_panel, moulding, rectangle
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, box, cylinder, extrude, lathe, merge, quad, rounded_box, tube
from wallpaint.rooms.surfaces import images
from wallpaint.rooms.surfaces.finishes import Finishes

SOOT = Material("soot", (0.012, 0.011, 0.01), roughness=0.95)


def _random_fixture_material(rng: np.random.Generator, f: Finishes) -> Material:
    return (f.plastic, f.plastic, f.metal, f.metal_dark)[int(rng.integers(4))]


def _cover_plate(width: float, height: float, material: Material, depth: float = 0.009) -> Mesh:
    """A cover plate centred on the origin."""
    return rounded_box((width, depth, height), material, (0, -depth / 2, -height / 2), radius=0.003, steps=1)


def _socket(rng: np.random.Generator, f: Finishes, round_inset: bool = True) -> Mesh:
    """A double socket, 8 cm high; with round insets or flat ones with slots."""
    finish = _random_fixture_material(rng, f)
    meshes = [_cover_plate(0.151 if round_inset else 0.147, 0.081, finish)]
    for x in (-0.0355, 0.0355):
        if round_inset:
            rim, ring = [(0, 0.0015), (0, 0.0125), (0.003, 0.0125), (0.004, 0.009)], ellipse(0.041, 0.041, 24, (x, 0))
            meshes += [moulding(ring, rim, finish), flat_panel(ring, finish, -0.0095)]
            meshes += [flat_panel(ellipse(0.005, 0.005, 10, (x + a, 0)), f.screen, -0.0098) for a in (-0.0095, 0.0095)]
        else:
            slots = [(-0.011, -0.008, 0.007, 0.004), (0.011, -0.008, 0.007, 0.004), (0, 0.012, 0.005, 0.008)]
            meshes += [flat_panel(rectangle(w, h, (x + a, b)), f.screen, -0.0093) for a, b, w, h in slots]
            meshes.append(box((0.011, 0.003, 0.018), finish, (x * 0.25, -0.0095, 0.008)))
    return merge(meshes)


def _switch(rng: np.random.Generator, f: Finishes, toggle: bool = False) -> Mesh:
    """A light switch, 8 cm square: one or two rockers, or small toggles on a metal plate."""
    if toggle:
        metal = f.metal if rng.random() < 0.7 else f.metal_dark
        meshes = [_cover_plate(float(rng.uniform(0.068, 0.08)), 0.115, metal, 0.005)]
        lever = rounded_box((0.008, 0.012, 0.02), f.metal_dark, (0, -0.01, -0.004), radius=0.002, steps=1)
        screws = [flat_panel(ellipse(0.006, 0.006, 10, (0, z)), f.metal_dark, -0.0053) for z in (-0.04, 0.04)]
        return merge([*meshes, lever, *screws])
    finish = _random_fixture_material(rng, f)
    rockers = int(rng.integers(1, 3))
    rocker_width = 0.058 / rockers
    meshes = [_cover_plate(0.081, 0.081, finish)]
    for k in range(rockers):
        rocker = rounded_box((rocker_width - 0.002, 0.008, 0.058), finish, (0, 0, -0.029), radius=0.002, steps=1)
        tip = float(rng.choice([-0.06, 0.06]))
        meshes.append(rocker.rotated("x", tip).moved(((k - (rockers - 1) / 2) * rocker_width, -0.009, 0)))
    return merge(meshes)


def _thermostat(rng: np.random.Generator, f: Finishes, square: bool = False) -> Mesh:
    """A round dial with a dark face, or a white box with a small display."""
    if square:
        width = float(rng.uniform(0.115, 0.13))
        meshes = [rounded_box((width, 0.024, 0.085), f.plastic, (0, -0.012, -0.0425), radius=0.006)]
        meshes.append(flat_panel(rectangle(0.06, float(rng.uniform(0.03, 0.05)), (-0.02, 0)), f.screen, -0.0243))
        return merge(
            [*meshes, *[_cover_plate(0.012, 0.009, f.metal, 0.026).moved((0.042, 0, z)) for z in (-0.015, 0.015)]]
        )
    r = float(rng.uniform(0.036, 0.045))
    ring = [(r, 0.0), (r, 0.0), (r, 0.02), (r * 0.97, 0.024), (r * 0.86, 0.026)]
    body = lathe([*ring], f.metal if rng.random() < 0.6 else f.plastic, segments=36).rotated("x", np.pi / 2)
    return merge([body, flat_panel(ellipse(1.72 * r, 1.72 * r, 36), f.screen, -0.026)])


def _television(rng: np.random.Generator, f: Finishes, framed: bool = False) -> Mesh:
    """A flat television of 40 to 65 inches, usually off. framed: in a wooden frame and on."""
    width = float(rng.uniform(0.88, 1.45))
    height = width * 9 / 16
    gap, thickness = float(rng.uniform(0.015, 0.035)), 0.028
    is_on = framed or rng.random() < 0.25
    glass = f.screen
    if is_on:
        share = float(rng.uniform(0.5, 0.9))
        image = images.screen_image(rng)
        glass = Material("lit screen", (share, share, share), texture=image, roughness=0.15, f0=0.04)
    front = -gap - thickness - 0.001
    meshes = [
        rounded_box(
            (width + 0.014, thickness, height + 0.02),
            f.metal_dark,
            (0, -gap - thickness / 2, -height / 2 - 0.013),
            radius=0.004,
        )
    ]
    meshes.append(quad((-width / 2, front, -height / 2), (width, 0, 0), (0, 0, height), glass, "unit"))
    meshes.append(box((0.45 * width, gap, 0.4 * height), f.metal_dark, (0, -gap / 2, -0.2 * height)))
    if framed:
        rim = [(0, -front - 0.002), (0, -front + 0.004), (0.014, -front + 0.004), (0.014, gap)]
        meshes.append(moulding(rectangle(width, height), rim, f.wood))
    elif rng.random() < 0.5:
        bar = rounded_box((0.65 * width, 0.075, 0.06), f.metal_dark, (0, -0.0385, -height / 2 - 0.14), radius=0.015)
        meshes.append(bar)
    return _center_vertically(merge(meshes))


def _center_vertically(mesh: Mesh) -> Mesh:
    low, high = mesh.bounds
    return mesh.moved((0, 0, -float(low[2] + high[2]) / 2))


def _vent(rng: np.random.Generator, f: Finishes, upright: bool = False) -> Mesh:
    """A ventilation grille with slanted slats."""
    width, height = (0.14, 0.14) if upright else (float(rng.uniform(0.22, 0.4)), float(rng.uniform(0.12, 0.18)))
    finish = f.plastic if rng.random() < 0.6 else f.metal
    rim = [(0, 0.002), (0, 0.01), (0.015, 0.012), (0.02, 0.008), (0.02, 0)]
    meshes = [moulding(rectangle(width, height), rim, finish), flat_panel(rectangle(width, height), SOOT, -0.002)]
    across, along = (width, height) if upright else (height, width)
    count = int(across / 0.016)
    for k in range(count):
        at = (k + 0.5) / count * across - across / 2
        slat = box((along, 0.0015, 0.013), finish, (0, 0, -0.0065)).rotated("x", 0.6).moved((0, -0.0075, at))
        meshes.append(slat.rotated("y", np.pi / 2) if upright else slat)
    return merge(meshes)


def _panel_radiator(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A pressed steel panel with upright ribs, 10 cm above the floor, its back at y = 0.05."""
    width, height = float(rng.uniform(0.6, 1.6)), float(rng.choice([0.3, 0.5, 0.6]))
    paint = replace(f.plastic, name="radiator", albedo=(0.78, 0.77, 0.74), roughness=0.4)
    low, back, front = 0.1, 0.035, -0.035
    if rng.random() < 0.3:
        body = [box((width, 0.07, height), paint, (0, 0, low), bevel=0.006)]
    else:
        count = int(width / 0.05)
        rib_pitch = width / count
        rib = [
            (0, 0.0),
            (0.004, 0.012 * rib_pitch / 0.05),
            (0.011, 0.02 * rib_pitch / 0.05),
            (0.011, 0.6 * rib_pitch),
            (0.0, 0.85 * rib_pitch),
            (0.0, rib_pitch),
        ]
        base, top = low + 0.03, low + height - 0.03
        sheet = []
        for k in range(count):
            line = [(out, along + k * rib_pitch - width / 2) for out, along in rib]
            for (o0, x0), (o1, x1) in pairwise(line):
                sheet.append(quad((x0, front - o0, base), (x1 - x0, o0 - o1, 0), (0, 0, top - base), paint))
        body = [*sheet, box((width, back - front, height - 0.04), paint, (0, (back + front) / 2 + 0.0005, low + 0.02))]
        body += [box((width, 0.082, 0.03), paint, (0, -0.006, z), bevel=0.004) for z in (low, low + height - 0.03)]
        body += [box((width - 0.02, 0.002, 0.008), SOOT, (0, y, low + height - 0.0075)) for y in (-0.02, 0.005)]
    side = float(rng.choice([-1, 1]))
    meshes = [*body, *[box((0.03, 0.02, 0.2), paint, (x, 0.04, low + 0.05)) for x in (-0.35 * width, 0.35 * width)]]
    pipes = [side * (width / 2 + 0.03), side * (width / 2 + 0.03)]
    meshes.append(tube([(pipes[0], 0, 0), (pipes[0], 0, low + 0.05)], 0.009, f.metal))
    meshes.append(tube([(side * width / 2, 0, low + 0.04), (pipes[0], 0, low + 0.04)], 0.008, f.metal))
    valve = cylinder(0.017, 0.06, f.plastic, segments=14).moved((pipes[1], 0, low + 0.04))
    return merge([*meshes, valve])


def _column_radiator(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A cast-iron column radiator on feet."""
    count, height = int(rng.integers(8, 17)), float(rng.uniform(0.55, 0.75))
    dark = rng.random() < 0.3
    paint = replace(
        f.plastic, name="cast iron", albedo=(0.06, 0.065, 0.07) if dark else (0.76, 0.75, 0.71), roughness=0.45
    )
    pitch, low = 0.06, 0.1
    section, top = [], low + height - 0.02
    bulge = [
        (0.016, low + 0.02),
        (0.0185, low + 0.06),
        (0.0165, low + 0.12),
        (0.0165, top - 0.1),
        (0.0185, top - 0.05),
        (0.016, top),
    ]
    for y in (-0.045, 0.03):
        section.append(lathe(bulge, paint, segments=10).moved((0, y, 0), scale=(1.0, 1.25, 1.0)))
    for z in (low, low + height - 0.05):
        section.append(rounded_box((0.05, 0.115, 0.05), paint, (0, -0.0075, z), radius=0.018, steps=1))
    one = merge(section)
    xs = (np.arange(count) - (count - 1) / 2) * pitch
    meshes = [one.moved((float(x), 0, 0)) for x in xs]
    for z in (low + 0.025, low + height - 0.025):
        meshes.append(
            cylinder(0.016, (count - 1) * pitch, paint).rotated("y", np.pi / 2).moved((float(xs[0]), -0.0075, z))
        )
    for x in (float(xs[0]), float(xs[-1])):
        meshes += [cylinder(0.014, low + 0.02, paint, (x, y, 0), 10, top=0.018) for y in (-0.045, 0.03)]
    end = float(xs[-1]) + 0.07
    meshes.append(tube([(end, -0.0075, 0), (end, -0.0075, low + 0.06)], 0.009, f.metal))
    meshes.append(cylinder(0.018, 0.05, f.metal, (end, -0.0075, low + 0.05), 12))
    meshes.append(tube([(float(xs[-1]), -0.0075, low + 0.04), (end, -0.0075, low + 0.04)], 0.008, f.metal))
    return merge(meshes)


def _tube_radiator(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A tall radiator of upright round tubes."""
    count, height = int(rng.integers(7, 14)), float(rng.uniform(1.3, 1.8))
    paint = f.metal_dark if rng.random() < 0.5 else replace(f.plastic, albedo=(0.78, 0.77, 0.75))
    xs = (np.arange(count) - (count - 1) / 2) * 0.045
    meshes = [cylinder(0.0125, height, paint, (float(x), -0.01, 0.1), 12) for x in xs]
    for z in (0.14, 0.1 + height - 0.06):
        bar = rounded_box((count * 0.045 + 0.02, 0.03, 0.035), paint, (0, 0.015, z), radius=0.01)
        meshes += [
            bar,
            *[cylinder(0.012, 0.03, paint).rotated("x", -np.pi / 2).moved((x, 0.02, z)) for x in (-0.1, 0.1)],
        ]
    meshes += [tube([(x, 0.015, 0), (x, 0.015, 0.16)], 0.009, f.metal) for x in (-0.05, 0.05)]
    return merge(meshes)


def _hearth(opening: tuple[float, float], depth: float, stone: Material, f: Finishes) -> list[Mesh]:
    """The recess of a fireplace in front of y = depth, with logs. opening: width, height."""
    width, height = opening
    half, height = width / 2 - 0.003, height - 0.003  # avoids coplanar faces with the surround
    width = 2 * half
    meshes = [quad((-half, depth, 0), (width, 0, 0), (0, 0, height), SOOT)]
    meshes.append(quad((-half, 0, 0), (0, depth, 0), (0, 0, height), SOOT))
    meshes.append(quad((half, depth, 0), (0, -depth, 0), (0, 0, height), SOOT))
    meshes.append(quad((-half, depth, height), (width, 0, 0), (0, -depth, 0), SOOT))
    meshes.append(quad((-half, 0, 0.012), (width, 0, 0), (0, depth, 0), stone))
    for k, (y, z) in enumerate(((0.35, 0.07), (0.65, 0.07), (0.5, 0.14))):
        log = cylinder(0.04, 0.55 * width, f.bark, segments=10).rotated("y", np.pi / 2)
        meshes.append(log.moved((-0.275 * width, depth * y, z), 0.06 * (k - 1)))
    return meshes


def _fireplace(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A classical fireplace surround: pilasters, frieze, mantel shelf, hearth slab."""
    paint = f.trim if rng.random() < 0.6 else Material("marble", (0.62, 0.61, 0.58), roughness=0.25, f0=0.04)
    slate = Material("slate", (0.07, 0.07, 0.075), roughness=0.5, f0=0.04)
    width, height = float(rng.uniform(0.65, 0.85)), float(rng.uniform(0.7, 0.85))
    leg, depth, frieze = float(rng.uniform(0.16, 0.22)), 0.2, float(rng.uniform(0.16, 0.24))
    meshes = _hearth((width, height), depth - 0.02, slate, f)
    total = width + 2 * leg
    for side in (-1.0, 1.0):
        x = side * (width + leg) / 2
        meshes.append(box((leg, depth, height), paint, (x, depth / 2, 0)))
        meshes.append(box((leg - 0.05, 0.016, height - 0.16), paint, (x, -0.008, 0.13), bevel=0.006))
        meshes.append(box((leg + 0.02, 0.03, 0.12), paint, (x, -0.005, 0), bevel=0.006))
    meshes.append(box((total, depth, frieze), paint, (0, depth / 2, height)))
    meshes.append(box((0.7 * width, 0.014, frieze - 0.08), paint, (0, -0.007, height + 0.04), bevel=0.006))
    crown = [(0.0, 0.0), (0.012, 0.006), (0.02, 0.02), (0.045, 0.045), (0.055, 0.05)]
    top = height + frieze
    meshes.append(extrude([(o, z) for o, z in crown], (total / 2, 0, top - 0.05), (-total / 2, 0, top - 0.05), paint))
    meshes.append(box((total + 0.16, depth + 0.08, 0.035), paint, (0, depth / 2 - 0.04, top), bevel=0.006))
    meshes.append(box((total + 0.1, 0.38, 0.025), slate, (0, -0.19, 0), bevel=0.004))
    trim = 0.05
    edge = [(0, -0.015), (0, 0.002), (trim, 0.006), (trim, -0.01)]
    path = np.array(
        [
            [width / 2 - trim, 0],
            [width / 2 - trim, height - trim],
            [trim - width / 2, height - trim],
            [trim - width / 2, 0],
        ]
    )
    meshes.append(moulding(path, edge, slate, closed=False))
    return merge(meshes).moved((0, -depth / 2, 0))


def _modern_fireplace(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A modern fireplace: a plain block with a wide low opening and a beam mantel."""
    body = Material("limewash", (0.55, 0.53, 0.5), roughness=0.9, bump=0.05)
    width, height, depth = float(rng.uniform(0.75, 1.1)), float(rng.uniform(0.4, 0.55)), 0.3
    side, base, total_h = 0.25, 0.3, float(rng.uniform(1.15, 1.3))
    recess = [mesh.moved((0, 0, base)) for mesh in _hearth((width, height), depth - 0.02, body, f)]
    total = width + 2 * side
    meshes = [*recess, box((total, depth, base), body, (0, depth / 2, 0))]
    meshes += [
        box((side, depth, height), body, (x, depth / 2, base)) for x in (-(width + side) / 2, (width + side) / 2)
    ]
    meshes.append(box((total, depth, total_h - base - height), body, (0, depth / 2, base + height)))
    meshes.append(box((total + 0.2, depth + 0.06, 0.09), f.wood, (0, depth / 2 - 0.03, total_h), bevel=0.008))
    meshes.append(box((total + 0.1, 0.3, 0.06), body, (0, -0.15, 0), bevel=0.006))
    return merge(meshes).moved((0, -depth / 2, 0))


CATEGORIES = {
    "socket": FurnitureCategory((_socket,), (partial(_socket, round_inset=False),)),
    "switch": FurnitureCategory((_switch,), (partial(_switch, toggle=True),)),
    "thermostat": FurnitureCategory((_thermostat,), (partial(_thermostat, square=True),)),
    "television": FurnitureCategory((_television,), (partial(_television, framed=True),)),
    "vent": FurnitureCategory((_vent,), (partial(_vent, upright=True),)),
    "radiator": FurnitureCategory((_panel_radiator, _column_radiator), (_tube_radiator,)),
    "fireplace": FurnitureCategory((_fireplace,), (_modern_fireplace,)),
}
