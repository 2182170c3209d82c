"""Slatted and open furniture through which the wall shows: balustrades, open-backed chairs, slatted beds."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.furniture import FurnitureCategory
from wallpaint.rooms.furniture.carcass import boards, pipe
from wallpaint.rooms.furniture.joinery import merge_on_floor
from wallpaint.rooms.furniture.mouldings import instanced
from wallpaint.rooms.furniture.upholstery import padded_box
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, lathe, merge, rounded_box
from wallpaint.rooms.surfaces.finishes import Finishes

_BALUSTER = ((0.9, 0.0), (0.9, 0.18), (0.5, 0.2), (0.7, 0.24), (1.0, 0.36), (0.5, 0.62), (0.45, 0.78), (0.8, 0.82))


def _timber(rng: np.random.Generator, f: Finishes) -> Material:
    return (f.wood, f.lacquer, f.lacquer)[int(rng.integers(3))]


def _balustrade(rng: np.random.Generator, f: Finishes, turned: bool = False) -> Mesh:
    """A guard rail of balusters between two newel posts; its length is along x."""
    length, height = float(rng.uniform(1.5, 2.6)), float(rng.uniform(0.9, 1.05))
    timber, rail = _timber(rng, f), f.wood
    newel = 0.09
    half = length / 2
    posts = [(x - newel / 2, -newel / 2, 0, x + newel / 2, newel / 2, height + 0.12) for x in (-half, half)]
    low, top = 0.1, height - 0.05
    meshes = [boards(posts, timber, 0.006)]
    meshes.append(boards([(-half, -0.03, top, half, 0.03, height)], rail, 0.012))
    meshes.append(boards([(-half, -0.025, low - 0.04, half, 0.025, low)], timber, 0.004))
    count = max(4, round(length / float(rng.uniform(0.1, 0.13))))
    xs = -half + length * (np.arange(1, count)) / count
    if turned:
        profile = [(0.026 * r, low + (top - low) * z) for r, z in (*_BALUSTER, (0.9, 0.85), (0.9, 1.0))]
        one = lathe(profile, timber, segments=10)
        at = np.stack([xs, np.zeros_like(xs), np.zeros_like(xs)], -1)
        meshes.append(instanced(one, np.broadcast_to(np.eye(3), (len(at), 3, 3)), at))
    else:
        t = float(rng.uniform(0.012, 0.022))
        meshes.append(boards([(x - t, -t, low, x + t, t, top) for x in xs], timber))
    return merge_on_floor(meshes)


def _turned_balustrade(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _balustrade(rng, f, turned=True)


def _seat(rng: np.random.Generator, timber: Material) -> tuple[list[Mesh], float, float]:
    """Return the seat and front legs of a chair, and half its width and depth."""
    x, y = float(rng.uniform(0.19, 0.22)), float(rng.uniform(0.19, 0.22))
    legs = [(s * x - 0.018, -y, 0, s * x + 0.018, -y + 0.036, 0.44) for s in (-1, 1)]
    stretchers = [(s * x - 0.01, -y + 0.02, 0.2, s * x + 0.01, y - 0.02, 0.225) for s in (-1, 1)]
    seat = rounded_box((2 * x + 0.05, 2 * y + 0.02, 0.03), timber, (0, 0, 0.435), radius=0.012)
    return [boards([*legs, *stretchers], timber), seat], x, y


def _ladder_back_chair(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A chair with rungs across its back, or with upright slats between two rails."""
    timber = _timber(rng, f)
    meshes, x, y = _seat(rng, timber)
    top = float(rng.uniform(0.82, 1.05))
    meshes.append(boards([(s * x - 0.017, y - 0.034, 0, s * x + 0.017, y, top) for s in (-1, 1)], timber))
    if rng.random() < 0.5:
        levels = np.arange(0.56, top - 0.05, float(rng.uniform(0.1, 0.15)))
        meshes.append(boards([(-x, y - 0.024, z, x, y - 0.01, z + 0.045) for z in levels], timber))
    else:
        meshes.append(boards([(-x, y - 0.026, z, x, y - 0.008, z + 0.05) for z in (0.52, top - 0.06)], timber))
        xs = np.linspace(-x + 0.04, x - 0.04, int(rng.integers(4, 8)))
        meshes.append(boards([(a - 0.011, y - 0.022, 0.55, a + 0.011, y - 0.012, top - 0.03) for a in xs], timber))
    return merge_on_floor(meshes)


def _wire_chair(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A chair with a hoop of round bar as its back, filled with thin rods."""
    metal = f.lacquer
    meshes, x, y = _seat(rng, metal)
    top = float(rng.uniform(0.85, 1.0))
    meshes.append(boards([(s * x - 0.012, y - 0.024, 0, s * x + 0.012, y, 0.46) for s in (-1, 1)], metal))
    angle = np.linspace(0, np.pi, 13)
    hoop: list[Point] = [(x, y - 0.012, 0.45)]
    hoop += [(float(x * np.cos(a)), y - 0.012, float(top - x + x * np.sin(a))) for a in angle]
    meshes.append(pipe([*hoop, (-x, y - 0.012, 0.45)], 0.012, metal, 8))
    for a in np.linspace(-0.8 * x, 0.8 * x, int(rng.integers(5, 9))):
        rise = float(top - x + np.sqrt(x * x - a * a))
        meshes.append(pipe([(float(a), y - 0.012, 0.45), (float(a), y - 0.012, rise)], 0.005, metal, 6))
    return merge_on_floor(meshes)


def _slatted_bed(rng: np.random.Generator, f: Finishes, level: bool = False) -> Mesh:
    """A bed whose head and foot are open frames of upright slats. level: of horizontal rails instead."""
    timber, width = _timber(rng, f), float(rng.choice([0.9, 1.4, 1.6]))
    head, foot, half = float(rng.uniform(0.95, 1.25)), float(rng.uniform(0.5, 0.8)), 1.02
    x = width / 2 + 0.02
    meshes = [padded_box((width, 1.96, 0.22), f.linen, (0, 0, 0.3), 0.05, (0, 0, 0.01))]
    pillows = [0.0] if width < 1 else [-0.25 * width, 0.25 * width]
    pillow_width = min(0.7, 0.9 * width / len(pillows))
    meshes += [
        padded_box((pillow_width, 0.42, 0.12), f.linen, (at, half - 0.34, 0.53), 0.05, (0.01, 0.01, 0.03))
        for at in pillows
    ]
    quilt = padded_box((width + 0.05, 1.25, 0.07), f.accent, (0, -0.32, 0.5), 0.03, (0, 0, 0.015))
    rails = [(s * x - 0.015, -half, 0.22, s * x + 0.015, half, 0.36) for s in (-1, 1)]
    for y, height in ((half, head), (-half, foot)):
        rails += [(s * x - 0.03, y - 0.03, 0, s * x + 0.03, y + 0.03, height) for s in (-1, 1)]
        rails += [(-x, y - 0.02, height - 0.08, x, y + 0.02, height - 0.02), (-x, y - 0.02, 0.24, x, y + 0.02, 0.34)]
        if level:
            rails += [(-x, y - 0.012, z, x, y + 0.012, z + 0.05) for z in np.arange(0.42, height - 0.14, 0.12)]
        else:
            count = max(5, round(2 * x / float(rng.uniform(0.09, 0.14))))
            spots = -x + 2 * x * np.arange(1, count) / count
            rails += [(a - 0.014, y - 0.01, 0.34, a + 0.014, y + 0.01, height - 0.08) for a in spots]
    return merge_on_floor([merge(meshes), quilt, boards(rails, timber)])


def _level_bed(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _slatted_bed(rng, f, level=True)


CATEGORIES = {
    "balustrade": FurnitureCategory((_balustrade,), (_turned_balustrade,)),
    "open_chair": FurnitureCategory((_ladder_back_chair,), (_wire_chair,)),
    "slatted_bed": FurnitureCategory((_slatted_bed,), (_level_bed,)),
}
