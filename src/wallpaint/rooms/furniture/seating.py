"""Sofas and armchairs; `CATEGORIES` includes the smaller seats of `chairs`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wallpaint.rooms.furniture import FurnitureCategory, chairs
from wallpaint.rooms.furniture.joinery import (
    bent,
    board,
    disc,
    four_legs,
    leg,
    merge_on_floor,
    mirrored,
    seat_shell,
    sheared,
    short_legs,
)
from wallpaint.rooms.furniture.upholstery import (
    blanket,
    padded_box,
    pillow,
    random_upholstery,
    smooth_shaded,
    tufted,
    without_bottom_faces,
    wrinkled,
)
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, cylinder, lathe, merge, sphere
from wallpaint.rooms.surfaces.finishes import Finishes


def _seat_cushion(rng: np.random.Generator, size: Point, material: Material, at: Point, radius: float = 0.05) -> Mesh:
    """A seat cushion with a crowned top."""
    mesh = padded_box(size, material, at, radius, (0.004, 0.006, 0.018), (4, 4, 1))
    return without_bottom_faces(wrinkled(rng, mesh, 0.004, 0.25))


def _back_cushion(rng: np.random.Generator, size: Point, material: Material, at: Point) -> Mesh:
    """A back cushion that leans backwards. at: middle of its lower front edge."""
    one = padded_box(size, material, (0, size[1] / 2, 0), 0.07, (0.006, 0.035, 0.012), (3, 1, 3))
    return wrinkled(rng, one, 0.008, 0.3).rotated("x", -rng.uniform(0.1, 0.2)).moved(at)


def _loose_cushions(rng: np.random.Generator, f: Finishes, span: float, seat: float, back: float) -> list[Mesh]:
    """Up to four loose cushions at the ends of a seat. span: width of the seat. back: y of the backrest."""
    meshes: list[Mesh] = []
    taken = {-1: 0, 1: 0}
    cloths = [f.accent, f.accent, f.fabric_second, f.linen]
    single = span < 0.9
    for _ in range(int(rng.integers(0, 2 if single else 5))):
        side = int(rng.choice([-1, 1]))
        size = rng.uniform(0.36, 0.47)
        shape = (size, size if rng.random() < 0.75 else 0.62 * size, rng.uniform(0.12, 0.17))
        one = pillow(rng, shape, cloths[int(rng.integers(4))]).rotated("x", rng.uniform(1.0, 1.25))
        x = 0.0 if single else side * (span / 2 - 0.55 * size - 0.24 * taken[side])
        y = back - 0.12 - 0.07 * taken[side] - (0.02 if side > 0 else 0)
        meshes.append(one.moved(yaw=-side * rng.uniform(0.0, 0.35)).moved((x, y, seat + 0.46 * shape[1])))
        taken[side] += 1
    return meshes


def _block_seat(
    rng: np.random.Generator, f: Finishes, width: float, depth: float, seats: int, chaise: float = 0.0
) -> Mesh:
    """Straight arms, loose seat and back cushions. chaise: extra seat depth at one end, metres."""
    cloth, foot, seat = random_upholstery(rng, f), rng.choice([0.03, 0.1, 0.14]), rng.uniform(0.4, 0.46)
    arm, height, thickness = rng.uniform(0.1, 0.24), rng.uniform(0.54, 0.66), rng.uniform(0.13, 0.18)
    back, plate, inner = rng.uniform(0.62, 0.78), rng.uniform(0.14, 0.2), width - 2 * arm
    base, soft = seat - thickness, rng.uniform(0.03, 0.06)
    meshes = [padded_box((width - 0.02, depth - 0.02, base - foot + 0.01), cloth, (0, 0, foot), 0.02)]
    for end in (-1, 1):
        at = (end * (width - arm) / 2, 0, foot)
        meshes.append(
            padded_box((arm, depth, height - foot), cloth, at, min(soft, 0.45 * arm), (0.006, 0, 0.006), (1, 4, 2))
        )
    meshes.append(
        padded_box((inner + 0.04, plate, back - foot), cloth, (0, (depth - plate) / 2, foot), soft, cells=(4, 1, 2))
    )
    each, cushion_depth = inner / seats, depth - plate
    side = 1 if rng.random() < 0.5 else -1
    for k in range(seats):
        x = (k - (seats - 1) / 2) * each
        extra = chaise if k == (seats - 1 if side > 0 else 0) else 0.0
        cushion_width = each - 0.006
        if extra:
            meshes.append(
                padded_box(
                    (each + arm, extra + 0.1, base - foot),
                    cloth,
                    (x + side * arm / 2, -depth / 2 - extra / 2 + 0.05, foot),
                    0.03,
                )
            )
            meshes.append(
                _seat_cushion(
                    rng,
                    (each + arm - 0.01, extra + 0.05, thickness),
                    cloth,
                    (x + side * arm / 2, -depth / 2 - extra / 2 + 0.005, base),
                )
            )
        meshes.append(
            _seat_cushion(rng, (cushion_width, cushion_depth + 0.01, thickness), cloth, (x, -plate / 2 - 0.01, base))
        )
        rise = back - seat + rng.uniform(0.04, 0.12)
        meshes.append(_back_cushion(rng, (cushion_width, 0.17, rise), cloth, (x, depth / 2 - plate - 0.2, seat)))
    meshes += _loose_cushions(rng, f, inner, seat + 0.015, depth / 2 - plate - 0.17)
    if rng.random() < 0.25:
        cloth = f.accent if rng.random() < 0.7 else f.linen
        throw_size = (arm + 0.035, rng.uniform(0.35, 0.5), height - rng.uniform(0.12, 0.3))
        meshes.append(
            blanket(
                rng, throw_size, cloth, (-side * (width - arm) / 2, -0.1 * depth, height + 0.018 - throw_size[2]), 0.04
            )
        )
    if chaise:
        post = leg("straight", foot, 0.05, f.wood_second)
        meshes += [
            post.moved((side * (width / 2 - x), 0.08 - depth / 2 - chaise, 0)) for x in (0.08, each + arm - 0.08)
        ]
    return merge_on_floor([*meshes, short_legs(rng, f, (width, depth), foot + 0.005)])


def _sofa_block(rng: np.random.Generator, f: Finishes) -> Mesh:
    seats = int(rng.integers(2, 4))
    return _block_seat(rng, f, rng.uniform(0.68, 0.78) * seats + rng.uniform(0.2, 0.3), rng.uniform(0.85, 1.0), seats)


def _sofa_corner(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _block_seat(rng, f, rng.uniform(2.3, 2.7), rng.uniform(0.88, 0.98), 3, rng.uniform(0.55, 0.7))


def _rolled_arm(cloth: Material, depth: float, height: float, radius: float) -> Mesh:
    """A rolled sofa arm: a vertical slab with a roll on top, offset towards +x."""
    slab_height = height - radius
    slab = padded_box((1.3 * radius, depth, slab_height), cloth, (0, 0, 0), 0.03)
    roll = [
        (0.0, 0.0),
        (0.8 * radius, 0.0),
        (radius, 0.03),
        (radius, depth - 0.03),
        (0.8 * radius, depth),
        (0.0, depth),
    ]
    body = lathe(roll, cloth, segments=20).rotated("x", np.pi / 2).moved((0.3 * radius, depth / 2 + 0.012, slab_height))
    knob = sphere((0.014, 0.008, 0.014), cloth, (0.3 * radius, -depth / 2 + 0.008, slab_height), 8)
    return merge([slab, body, knob])


def _rolled_arm_seat(rng: np.random.Generator, f: Finishes, width: float, depth: float, seats: int) -> Mesh:
    """Rolled arms and a crowned back, on bun feet or with a skirt."""
    cloth, foot, seat = random_upholstery(rng, f), rng.uniform(0.05, 0.1), rng.uniform(0.43, 0.48)
    radius, high, back = rng.uniform(0.09, 0.12), rng.uniform(0.6, 0.68), rng.uniform(0.82, 0.92)
    thickness, inner = 0.15, width - 3.0 * radius
    skirt = rng.random() < 0.3
    low = 0.012 if skirt else foot
    meshes = [padded_box((width - 1.5 * radius, depth - 0.06, seat - thickness - low), cloth, (0, 0.01, low), 0.02)]
    arm = _rolled_arm(cloth, depth - 0.04, high - low, radius)
    meshes.append(arm.moved((width / 2 - 1.3 * radius, 0, low)))
    meshes.append(mirrored(meshes[-1]))
    rest = padded_box(
        (inner + 0.06, 0.22, back - foot), cloth, (0, depth / 2 - 0.12, foot), 0.1, (0, 0, 0.04), (8, 1, 2), 3
    )
    meshes.append(rest)
    each = inner / seats
    for k in range(seats):
        x = (k - (seats - 1) / 2) * each
        meshes.append(
            _seat_cushion(rng, (each - 0.006, depth - 0.2, thickness), cloth, (x, -0.11, seat - thickness), 0.06)
        )
        meshes.append(_back_cushion(rng, (each - 0.01, 0.16, back - seat - 0.04), cloth, (x, depth / 2 - 0.38, seat)))
    meshes += _loose_cushions(rng, f, inner, seat + 0.015, depth / 2 - 0.36)
    if not skirt:
        post = leg("bun", foot + 0.01, 0.08, f.wood_second)
        meshes += [
            post.moved((x * (width / 2 - 1.4 * radius), y * (depth / 2 - 0.1), 0)) for x in (-1, 1) for y in (-1, 1)
        ]
    return merge_on_floor(meshes)


def _sofa_rolled(rng: np.random.Generator, f: Finishes) -> Mesh:
    seats = int(rng.integers(2, 4))
    return _rolled_arm_seat(rng, f, 0.62 * seats + rng.uniform(0.4, 0.5), rng.uniform(0.88, 0.98), seats)


def _slender_seat(rng: np.random.Generator, f: Finishes, width: float, depth: float, seats: int) -> Mesh:
    """Mid-century: thin padded arms and back above a bench cushion, splayed tapered legs."""
    cloth, foot, seat = random_upholstery(rng, f), rng.uniform(0.16, 0.22), rng.uniform(0.4, 0.45)
    arm, high, back = rng.uniform(0.06, 0.09), rng.uniform(0.55, 0.62), rng.uniform(0.74, 0.84)
    timber, inner = f.wood if rng.random() < 0.6 else f.wood_second, width - 2 * arm
    base = rng.uniform(0.06, 0.09)
    meshes = [padded_box((width - 0.02, depth - 0.08, base), cloth, (0, 0, foot), 0.02)]
    for x in (-1, 1):
        meshes.append(padded_box((arm, depth - 0.05, high - foot), cloth, (x * (width - arm) / 2, 0.01, foot), 0.028))
    meshes.append(
        _seat_cushion(rng, (inner - 0.006, depth - 0.12, seat - foot - base), cloth, (0, -0.05, foot + base), 0.045)
    )
    each, height, tufts = inner / seats, back - seat + 0.06, rng.random() < 0.6
    for k in range(seats):
        one = padded_box(
            (each - 0.004, 0.11, height), cloth, (0, 0, 0), 0.045, (0, 0.015, 0.004), (9, 1, 6) if tufts else (3, 1, 3)
        )
        if tufts:
            spots = [(x * each / 3.2, height * z) for x in (-1, 0, 1) for z in (0.36, 0.7)]
            one = tufted(one, spots, 0.022, 0.035)
        one = one.rotated("x", -0.16)
        meshes.append(one.moved(((k - (seats - 1) / 2) * each, depth / 2 - 0.17, seat - 0.06)))
    meshes.append(
        padded_box((inner, 0.05, back - foot - 0.08), cloth, (0, 0, 0), 0.02)
        .rotated("x", -0.1)
        .moved((0, depth / 2 - 0.1, foot))
    )
    meshes += _loose_cushions(rng, f, inner, seat + 0.01, depth / 2 - 0.2)
    meshes.append(four_legs("round", foot + 0.005, (width / 2 - 0.13, depth / 2 - 0.14), 0.05, timber, 0.2))
    return merge_on_floor(meshes)


def _sofa_slender(rng: np.random.Generator, f: Finishes) -> Mesh:
    seats = int(rng.integers(2, 4))
    return _slender_seat(rng, f, rng.uniform(0.64, 0.72) * seats + 0.15, rng.uniform(0.8, 0.88), seats)


def _sofa_chesterfield(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A chesterfield: arms and back of equal height, rolled and button-tufted."""
    seats, cloth = int(rng.integers(2, 4)), (f.leather, f.leather, f.fabric)[int(rng.integers(3))]
    width, depth, high, r = 0.62 * seats + 0.42, rng.uniform(0.88, 0.96), rng.uniform(0.68, 0.76), 0.1
    seat, inner, low = 0.44, 0.62 * seats, 0.1
    meshes = [padded_box((width - 0.12, depth - 0.06, 0.2), cloth, (0, 0, low), 0.02)]
    arm = _rolled_arm(cloth, depth - 0.05, high - low, r).moved((width / 2 - 0.13, 0, low))
    meshes += [arm, mirrored(arm)]
    rest = padded_box((inner + 0.1, 0.16, high - low - 0.04), cloth, (0, 0, 0), 0.05, (0, 0.01, 0), (10 * seats, 1, 7))
    count = 4 * seats
    spots = [
        ((k - (count - 1) / 2 + 0.5 * (j % 2)) * inner / count, 0.6 - low - 0.11 * j)
        for j in range(2)
        for k in range(count - j % 2)
    ]
    meshes.append(tufted(rest, spots, 0.045, 0.04).moved((0, depth / 2 - 0.14, low)))
    meshes += [sphere((0.012, 0.008, 0.012), cloth, (x, depth / 2 - 0.205, low + z), 6) for x, z in spots]
    profile = [(0.0, 0.0), (0.8 * r, 0.0), (r, 0.03), (r, width - 0.1), (0.8 * r, width - 0.07), (0.0, width - 0.07)]
    roll = lathe(profile, cloth, segments=20).rotated("y", np.pi / 2)
    meshes.append(roll.moved((-(width - 0.07) / 2, depth / 2 - 0.1, high - r)))
    for k in range(seats):
        at = ((k - (seats - 1) / 2) * 0.62, -0.1, seat - 0.15)
        meshes.append(_seat_cushion(rng, (0.615, depth - 0.24, 0.15), cloth, at, 0.06))
    post = leg("bun", low + 0.01, 0.08, f.wood_second)
    meshes += [post.moved((x * (width / 2 - 0.15), y * (depth / 2 - 0.1), 0)) for x in (-1, 1) for y in (-1, 1)]
    return merge_on_floor([*meshes, *_loose_cushions(rng, f, inner, seat + 0.015, depth / 2 - 0.22)])


def _sofa_curved(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A curved sofa without arms."""
    length, depth, radius, cloth = (
        rng.uniform(2.1, 2.6),
        rng.uniform(0.85, 0.95),
        rng.uniform(1.7, 2.4),
        random_upholstery(rng, f),
    )
    seat = padded_box((length, depth, 0.3), cloth, (0, 0, 0.1), 0.12, (0, 0, 0.015), (14, 4, 1), 3)
    rest = padded_box(
        (length * 0.94, 0.26, 0.42), cloth, (0, depth / 2 - 0.15, 0.3), 0.125, (0, 0.01, 0.01), (14, 1, 1), 4
    )
    plinth = padded_box((length - 0.3, depth - 0.25, 0.11), f.wood_second, (0, 0, 0), 0.01, cells=(10, 1, 1), steps=1)
    meshes = [smooth_shaded(bent(mesh, radius)) for mesh in (seat, rest, plinth)]
    for k in range(int(rng.integers(1, 4))):
        one = pillow(rng, (rng.uniform(0.4, 0.5),) * 2 + (0.16,), (f.accent, f.fabric_second, f.linen)[k])
        angle = (k - 0.9) * rng.uniform(0.26, 0.34) * 2.2 / radius
        one = one.rotated("x", 1.1).moved((0, depth / 2 - 0.39 + radius, 0.62)).moved(yaw=-angle)
        meshes.append(one.moved((0, -radius, 0)))
    return merge_on_floor(meshes)


def _armchair_lounge(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _block_seat(rng, f, rng.uniform(0.82, 1.0), rng.uniform(0.82, 0.95), 1)


def _armchair_slender(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _slender_seat(rng, f, rng.uniform(0.7, 0.8), rng.uniform(0.76, 0.84), 1)


def _armchair_tub(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A tub chair: a wrap-around back that slopes down to the front, on short legs or a plinth."""
    cloth, radius, wrap = random_upholstery(rng, f), rng.uniform(0.31, 0.36), rng.uniform(1.75, 2.15)
    foot, thickness, height = rng.choice([0.02, 0.13, 0.17]), rng.uniform(0.09, 0.13), rng.uniform(0.68, 0.8)
    wall = padded_box((2 * wrap * radius, thickness, height - foot), cloth, (0, 0, 0), 0.044, (0, 0.01, 0), (20, 1, 3))
    fall = 1 - rng.uniform(0.1, 0.3) * np.clip(np.abs(wall.vertices[:, 0]) / (wrap * radius) - 0.3, 0, 1) ** 1.5
    wall = replace(wall, vertices=wall.vertices * np.stack([fall * 0 + 1, fall * 0 + 1, fall], -1).astype(np.float32))
    wall = smooth_shaded(bent(wall, radius)).moved((0, radius, foot))
    base = disc(radius + 0.02, 0.32 - foot, cloth, (0, 0, foot), 0.02)
    seat = disc(radius + 0.01, 0.15, cloth, (0, -0.02, 0.3), 0.06)
    feet = four_legs("round", foot + 0.005, (0.21, 0.21), 0.045, f.wood_second if rng.random() < 0.6 else f.wood, 0.1)
    return merge_on_floor([wall, base, seat, feet])


def _armchair_wing(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A high back with wings, rolled arms and turned legs."""
    cloth, foot, seat = random_upholstery(rng, f), rng.uniform(0.13, 0.18), rng.uniform(0.43, 0.47)
    width, depth, height = rng.uniform(0.72, 0.8), rng.uniform(0.76, 0.84), rng.uniform(1.02, 1.14)
    inner = width - 0.22
    meshes = [padded_box((width - 0.08, depth - 0.1, seat - 0.12 - foot), cloth, (0, 0, foot), 0.025)]
    meshes.append(_seat_cushion(rng, (inner + 0.02, depth - 0.16, 0.13), cloth, (0, -0.06, seat - 0.12)))
    back = padded_box((inner + 0.1, 0.14, height - 0.3), cloth, (0, 0, 0), 0.06, (0, 0.03, 0.03), (8, 1, 6))
    meshes.append(back.rotated("x", -0.13).moved((0, depth / 2 - 0.16, 0.3)))
    wing = padded_box((0.065, 0.27, height - 0.6), cloth, (0, 0, 0), 0.032, (0.006, 0.03, 0.01), (1, 3, 4))
    arm = _rolled_arm(cloth, depth - 0.16, 0.6 - foot, 0.06).moved((inner / 2 + 0.045, -0.04, foot))
    meshes += [arm, mirrored(arm)]
    wing = wing.rotated("x", -0.13).moved((inner / 2 + 0.03, depth / 2 - 0.2, 0.56))
    meshes += [wing, mirrored(wing)]
    style = str(rng.choice(["turned", "round", "square"]))
    meshes.append(four_legs(style, foot + 0.005, (width / 2 - 0.1, depth / 2 - 0.12), 0.05, f.wood_second, 0.08))
    return merge_on_floor(meshes)


def _armchair_wooden(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A wooden lounge chair with flat arms and loose cushions."""
    cloth, timber = random_upholstery(rng, f), (f.wood if rng.random() < 0.6 else f.wood_second)
    width, depth, height = rng.uniform(0.64, 0.74), rng.uniform(0.7, 0.8), rng.uniform(0.76, 0.88)
    x, y, arm = width / 2 - 0.025, depth / 2 - 0.1, rng.uniform(0.54, 0.6)
    limb = board((0.035, 0.045, arm), timber, bevel=0.01, steps=2)
    meshes = [sheared(limb, 0, -k * 0.12, arm).moved((i * x, k * y, 0)) for i in (-1, 1) for k in (-1, 1)]
    meshes += [board((0.065, depth - 0.04, 0.026), timber, (i * x, 0, arm - 0.005), 0.01, 2) for i in (-1, 1)]
    tilt = rng.uniform(0.08, 0.16)
    frame = [board((2 * x, 0.035, 0.05), timber, (0, k * (y - 0.02), 0.26), 0.008) for k in (-1, 1)]
    frame += [board((0.03, 2 * y, 0.05), timber, (i * (x - 0.03), 0, 0.26), 0.008) for i in (-1, 1)]
    frame.append(_seat_cushion(rng, (width - 0.12, depth - 0.1, 0.13), cloth, (0, -0.03, 0.29)))
    meshes += [mesh.rotated("x", -tilt, (0, 0, 0.3)) for mesh in frame]
    rest = [board((0.035, 0.03, height - 0.25), timber, (i * (x - 0.07), 0.1, 0), 0.008) for i in (-1, 1)]
    rest += [board((2 * x - 0.14, 0.02, 0.05), timber, (0, 0.1, z), 0.006) for z in np.linspace(0.14, height - 0.34, 4)]
    rest.append(
        wrinkled(
            rng,
            padded_box((width - 0.13, 0.13, height - 0.3), cloth, (0, 0.015, 0.1), 0.055, (0, 0.02, 0.01)),
            0.004,
            0.25,
        )
    )
    return merge_on_floor([*meshes, *(mesh.rotated("x", -0.35).moved((0, depth / 2 - 0.3, 0.25)) for mesh in rest)])


def _armchair_scoop(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A swivel shell chair on a metal base, with a cushion."""
    cloth, metal = random_upholstery(rng, f), (f.metal if rng.random() < 0.6 else f.metal_dark)
    outer = f.leather if rng.random() < 0.3 else (f.lacquer if rng.random() < 0.4 else cloth)
    shell = seat_shell(
        outer, (rng.uniform(0.74, 0.84), 0.56, rng.uniform(0.62, 0.82)), rng.uniform(0.2, 0.3), 1.28, 0.04
    )
    seat = wrinkled(rng, padded_box((0.5, 0.5, 0.12), cloth, (0, 0, 0.0), 0.055, (0.03, 0.03, 0.02)), 0.003, 0.25)
    rest = pillow(rng, (0.5, 0.4, 0.14), f.accent if rng.random() < 0.4 else cloth).rotated("x", 1.3)
    foot = [disc(0.27, 0.02, metal, edge=0.006), cylinder(0.03, 0.33, metal, (0, 0, 0.01), 16)]
    return merge_on_floor(
        [shell.moved((0, 0, 0.34)), seat.moved((0, -0.04, 0.355)), rest.moved((0, 0.27, 0.63)), *foot]
    )


CATEGORIES: dict[str, FurnitureCategory] = {
    "sofa": FurnitureCategory(
        (_sofa_block, _sofa_rolled, _sofa_slender, _sofa_corner),
        (_sofa_chesterfield, _sofa_curved),
    ),
    "armchair": FurnitureCategory(
        (_armchair_lounge, _armchair_slender, _armchair_tub, _armchair_wing, _armchair_wooden),
        (_armchair_scoop,),
    ),
    **chairs.CATEGORIES,
}
