"""Curtains and blinds sized to a window.

split: "train", "validation" or "test"; test rooms use held-out designs.
"""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, box, cylinder, lathe, merge, rounded_box, sphere, surface, tube, two_sided
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.typing import Array

CURTAIN_Y = -0.095  # metres, middle plane of the pleats


def curtains(rng: np.random.Generator, finishes: Finishes, width: float, height: float, split: str = "train") -> Mesh:
    """A pair of open curtains on a rod or a track, in front of the wall plane y = 0.

    width: of the rod, metres; height: of its top edge above the floor. Centred on x = 0, z from 0 or from a little
    below the middle up to height, y from -0.15 to 0.
    """
    if split == "test":
        return _tied_back_curtains(rng, finishes, width, height)
    cloth = finishes.curtain if rng.random() < 0.75 else finishes.linen
    sill_length = rng.random() < 0.15
    low = float(rng.uniform(0.4, 0.55)) * height if sill_length else float(rng.choice([0.005, 0.015, 0.03]))
    track = rng.random() < 0.3
    meshes = [_curtain_track(finishes, width, height) if track else _curtain_rod(rng, finishes, width, height)]
    top = height - (0.012 if track else 0.045)
    drawn_shares = float(rng.uniform(0.14, 0.3)), float(rng.uniform(0.14, 0.3))
    for side, share in zip((-1.0, 1.0), drawn_shares, strict=True):
        span = max(share * width, 0.16)
        meshes.append(pleated_curtain(rng, cloth, span, low, top).moved((side * (width - span) / 2, CURTAIN_Y, 0)))
        if not track:
            meshes += _curtain_rings(finishes, side * (width - span) / 2, span, height)
    return merge(meshes)


def pleated_curtain(rng: np.random.Generator, cloth: Material, span: float, low: float, top: float) -> Mesh:
    """One pleated curtain of width `span` about x = y = 0; pleats are regular at the top and loose at the hem."""
    count = max(3, round(span / float(rng.uniform(0.07, 0.11))))
    pleat_depth = float(rng.uniform(0.022, 0.035))
    drift, phase, wander = rng.uniform(-0.35, 0.35), float(rng.uniform(0, 6)), rng.normal(0, 1.0, 3)

    def shape(s: Array, t: Array) -> Array:
        looseness = 1 - t
        turn = (
            2 * np.pi * (count * s + 0.25 * looseness * np.sin(2 * np.pi * s + phase) + drift * looseness * s * (1 - s))
        )
        size = pleat_depth * (0.55 + 0.45 * np.sin(np.pi * np.clip(1.4 * looseness, 0, 0.5)))
        size = size * (1 + 0.2 * looseness * np.sin(2 * np.pi * s * wander[0] + wander[1]))
        x = (s - 0.5) * span * (1 + 0.05 * looseness) + 0.28 * span / count * np.sin(2 * turn) * 0.5
        y = size * np.cos(turn) + 0.006 * looseness * np.sin(3 * s + wander[2])
        return np.stack([x, np.clip(y, -0.05, 0.05), low + (top - low) * t], -1)

    steps = min(10 * count, 80)
    return two_sided(surface(shape, cloth, steps, 8, (2 * span, top - low)))


def _curtain_rod(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    """A round rod with end knobs on two brackets; its top is at the given height."""
    metal = (f.metal, f.metal_dark, f.wood)[int(rng.integers(3))]
    z, r = height - 0.022, 0.012
    end = width / 2 + 0.02
    meshes = [cylinder(r, 2 * end, metal).rotated("y", np.pi / 2).moved((-end, CURTAIN_Y, z))]
    style = int(rng.integers(3))
    for side in (-1, 1):
        at = (side * (end + 0.012), CURTAIN_Y, z)
        if style == 0:
            meshes.append(sphere(0.022, metal, at, 14))
        elif style == 1:
            meshes.append(cylinder(0.018, 0.04, metal).rotated("y", side * np.pi / 2).moved((side * end, CURTAIN_Y, z)))
        else:
            meshes.append(
                cylinder(0.013, 0.05, metal, top=0.02).rotated("y", side * np.pi / 2).moved((side * end, CURTAIN_Y, z))
            )
        arm = cylinder(0.006, -CURTAIN_Y, metal, segments=10).rotated("x", np.pi / 2)
        foot = cylinder(0.02, 0.008, metal, segments=14).rotated("x", np.pi / 2)
        meshes += [mesh.moved((side * (end - 0.02), 0, z)) for mesh in (arm, foot)]
    return merge(meshes)


def _curtain_track(f: Finishes, width: float, height: float) -> Mesh:
    return box((width, 0.115, 0.018), f.trim, (0, -0.0575, height - 0.018))


def _curtain_rings(f: Finishes, x: float, span: float, height: float) -> list[Mesh]:
    turn = np.linspace(-np.pi, np.pi, 5)
    bead = [(0.019 + 0.0022 * float(np.cos(a)), 0.0022 * float(np.sin(a))) for a in turn]
    ring = lathe(bead, f.metal, segments=12).rotated("y", np.pi / 2)
    count = max(3, round(span / 0.09))
    spots = np.linspace(x - span / 2 + 0.015, x + span / 2 - 0.015, count)
    return [ring.moved((float(spot), CURTAIN_Y, height - 0.026)) for spot in spots]


def _tied_back_curtains(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    """Full-length curtains below a pelmet, gathered by tie-backs."""
    tie, waist = float(rng.uniform(0.36, 0.45)), float(rng.uniform(0.3, 0.4))
    span, top = 0.46 * width, height - 0.03
    meshes = [box((width + 0.04, 0.14, 0.16), f.trim if rng.random() < 0.5 else f.curtain, (0, -0.075, height - 0.16))]
    count = int(np.clip(round(span / 0.08), 6, 11))
    phase = float(rng.uniform(0, 6))

    def shape(s: Array, t: Array) -> Array:
        above = np.clip((t - tie) / (1 - tie), 0, 1)
        below = np.clip((tie - t) / tie, 0, 1)
        share = np.where(t > tie, waist + (1 - waist) * (1 - np.cos(np.pi * above)) / 2, waist + 0.3 * below**0.7)
        pleat_depth = 0.03 * (0.5 + 0.5 * np.abs(t - tie) / np.maximum(1 - tie, tie))
        turn = 2 * np.pi * count * s + phase * (1 - t)
        return np.stack([s * span * share - width / 2, pleat_depth * np.cos(turn) - 0.085, 0.01 + (top - 0.01) * t], -1)

    left = two_sided(surface(shape, f.curtain, 6 * count, 13, (2 * span, top)))
    right = left.moved(yaw=np.pi).moved((0, 2 * -0.085, 0))
    band = rounded_box((waist * span + 0.03, 0.1, 0.07), f.accent, (0, -0.075, tie * top), radius=0.015, steps=2)
    meshes += [left, right]
    meshes += [band.moved((side * (width / 2 - waist * span / 2), 0, 0)) for side in (-1, 1)]
    return merge(meshes)


def blind(
    rng: np.random.Generator, finishes: Finishes, width: float, height: float, drop: float, split: str = "train"
) -> Mesh:
    """A blind inside a window opening, between the wall plane y = 0 and y = 0.075.

    width, height: of the opening, metres; z = 0 is its lower edge. drop: share of the opening that it covers from
    the top, 0..1. Centred on x = 0; a centimetre stays free at the sides.
    """
    inner_width, drop_length = width - 0.02, float(np.clip(drop, 0.06, 0.99)) * height
    if split == "test":
        return (
            _bamboo_blind(rng, finishes, inner_width, height, drop_length)
            if rng.random() < 0.5
            else _pleated_blind(finishes, inner_width, height, drop_length)
        )
    style = rng.choice(["roller", "venetian", "roman"])
    if style == "roller":
        return _roller_blind(rng, finishes, inner_width, height, drop_length)
    return (
        _venetian_blind(rng, finishes, inner_width, height, drop_length)
        if style == "venetian"
        else _roman_blind(finishes, inner_width, height, drop_length)
    )


def _cloth_sheet(cloth: Material, width: float, low: float, high: float, y: float) -> Mesh:
    return box((width, 0.002, high - low), cloth, (0, y, low))


def _roller_blind(rng: np.random.Generator, f: Finishes, width: float, height: float, drop_length: float) -> Mesh:
    cloth = (f.curtain, f.linen, f.fabric_second)[int(rng.integers(3))]
    low = height - drop_length
    tube_z = height - 0.03
    roll = (
        cylinder(0.024, width - 0.02, cloth, segments=18)
        .rotated("y", np.pi / 2)
        .moved((-width / 2 + 0.01, 0.04, tube_z))
    )
    meshes = [roll, _cloth_sheet(cloth, width - 0.03, low + 0.01, tube_z, 0.017)]
    meshes.append(rounded_box((width - 0.03, 0.012, 0.025), f.plastic, (0, 0.017, low), radius=0.005, steps=1))
    meshes += [
        box((0.004, 0.05, 0.056), f.plastic, (x, 0.036, tube_z - 0.028))
        for x in (-width / 2 + 0.003, width / 2 - 0.003)
    ]
    return merge(
        [
            *meshes,
            tube([(width / 2 - 0.012, 0.012, tube_z), (width / 2 - 0.012, 0.012, 0.25 * height)], 0.0015, f.plastic, 4),
        ]
    )


def _venetian_blind(rng: np.random.Generator, f: Finishes, width: float, height: float, drop_length: float) -> Mesh:
    """A Venetian blind of wood or metal slats below a head rail."""
    wooden = rng.random() < 0.5
    slat_width, finish = (0.05, f.wood) if wooden else (0.027, f.plastic if rng.random() < 0.6 else f.metal)
    pitch, angle = 0.84 * slat_width, float(rng.uniform(-1.0, 1.0))
    count = min(int(drop_length / pitch), 60)
    pitch = drop_length / max(count, 1) if count == 60 else pitch
    y, top = 0.038, height - 0.045
    slat = box((width, slat_width, 0.0028 if wooden else 0.0012), finish).rotated("x", angle)
    meshes = [box((width, 0.055, 0.045), finish, (0, y, top))]
    low = top - count * pitch
    meshes += [slat.moved((0, y, top - (k + 0.6) * pitch)) for k in range(count)]
    meshes.append(box((width, slat_width, 0.014), finish, (0, y, max(low - 0.014, 0.0))))
    for x in (-0.36 * width, 0.36 * width):
        for side in (-1, 1):
            cord = y + side * (0.5 * slat_width * float(np.cos(angle)) + 0.001)
            meshes.append(tube([(x, cord, top), (x, cord, max(low, 0.01))], 0.0012, f.linen, 4))
    return merge(meshes)


def _roman_blind(f: Finishes, width: float, height: float, drop_length: float) -> Mesh:
    """A Roman blind whose cloth folds up at its lower edge."""
    gathered = float(np.clip((height - drop_length) / height, 0.0, 1.0))
    folds = 1 + round(4 * gathered)
    flat = max(drop_length - 0.05 * folds, 0.03)

    def shape(s: Array, t: Array) -> Array:
        x = (s - 0.5) * width
        down = 1 - t
        swag = np.clip((down - 0.5) * 2, 0, 1) * folds
        fold_phase = np.clip(swag - np.floor(swag - 1e-9), 0, 1)
        bulge = np.where(down > 0.5, 0.022 * np.abs(np.sin(np.pi * fold_phase)), 0.0)
        z = np.where(down > 0.5, height - 0.02 - flat - 0.045 * swag, height - 0.02 - flat * down * 2)
        return np.stack([x, 0.035 - bulge, z], -1)

    cloth = two_sided(surface(shape, f.curtain, 2, 60, (width, drop_length)))
    head = box((width, 0.04, 0.03), f.curtain, (0, 0.04, height - 0.03))
    return merge([cloth, head])


def _bamboo_blind(rng: np.random.Generator, f: Finishes, width: float, height: float, drop_length: float) -> Mesh:
    """A bamboo blind: round sticks and cords, rolled up at the lower edge."""
    cane = Material("bamboo", tuple(float(c) * float(rng.uniform(0.8, 1.1)) for c in (0.42, 0.27, 0.13)), roughness=0.6)  # type: ignore[arg-type]
    pitch = max(0.012, drop_length / 110)
    count = int(drop_length / pitch)
    stick = cylinder(0.46 * pitch, width, cane, segments=6).rotated("y", np.pi / 2).moved((-width / 2, 0.035, 0))
    meshes = [stick.moved((0, float(rng.normal(0, 0.0008)), height - (k + 0.5) * pitch)) for k in range(count)]
    roll = (
        cylinder(0.026, width, cane, segments=18)
        .rotated("y", np.pi / 2)
        .moved((-width / 2, 0.035, max(height - drop_length, 0.028)))
    )
    low = max(height - drop_length, 0.005)
    cords = [
        tube([(x * width, 0.035 - 0.5 * pitch, height), (x * width, 0.035 - 0.5 * pitch, low)], 0.002, f.linen, 4)
        for x in (-0.4, 0.0, 0.4)
    ]
    return merge([*meshes, roll, *cords])


def _pleated_blind(f: Finishes, width: float, height: float, drop_length: float) -> Mesh:
    """A pleated blind between two rails."""
    count = max(6, round(drop_length / 0.02))
    edge = np.arange(2 * count + 1)
    top, low = height - 0.02, height - drop_length + 0.018

    def shape(s: Array, t: Array) -> Array:
        tooth = np.interp(t, edge / edge[-1], np.where(edge % 2, 0.022, 0.04))
        return np.stack([(s - 0.5) * width, tooth, low + (top - low) * t], -1)

    paper = two_sided(surface(shape, f.linen, 1, 4 * count, (width, drop_length)))
    rails = [box((width, 0.03, 0.02), f.plastic, (0, 0.031, z)) for z in (top, low - 0.018)]
    return merge([paper, *rails])
