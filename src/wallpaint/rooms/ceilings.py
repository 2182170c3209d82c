"""Beams, and ceilings with slopes on one or both sides and rooflights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, box, quad, two_sided
from wallpaint.rooms.shell import Plan, Slope
from wallpaint.typing import Array

ROOFLIGHT_DEPTH = 0.16  # metres, from the slope to the pane
_SASH_WIDTH = 0.06  # metres


@dataclass(frozen=True)
class Rooflight:
    """A window in a slope. side: of the slope. along, up: extent in metres along y and up the slope from the knee."""

    side: str
    along: tuple[float, float]
    up: tuple[float, float]


def sample_rooflights(rng: np.random.Generator, plan: Plan) -> tuple[Rooflight, ...]:
    """Sample one or two rooflights of a plan with slopes; none where a slope is too short."""
    rooflights: list[Rooflight] = []
    for slope in plan.slopes:
        length = float(np.hypot(slope.run, plan.height - slope.knee))
        if length < 1.1 or (rooflights and rng.random() < 0.5):
            continue
        size = float(rng.uniform(0.55, 1.1)), float(rng.uniform(0.7, min(1.4, length - 0.3)))
        start = float(rng.uniform(0.35, 0.9)) * (plan.depth - size[0] - 0.2)
        low = float(rng.uniform(0.12, length - size[1] - 0.12))
        rooflights.append(Rooflight(slope.side, (start, start + size[0]), (low, low + size[1])))
    return tuple(rooflights)


def sloped_ceiling(
    plan: Plan,
    flat: Material,
    sloped: Callable[[str], Material],
    rooflights: Sequence[Rooflight] = (),
    pane: Material | None = None,
    frame: Material | None = None,
) -> list[Mesh]:
    """Return the ceiling of a room with slopes on one or both sides, facing down.

    sloped: side -> material of its slope. pane, frame: materials of the rooflights, needed if there are any.
    """
    runs = {slope.side: slope.run for slope in plan.slopes}
    left, right = runs.get("left", 0.0), plan.width - runs.get("right", 0.0)
    meshes = [quad((left, 0, plan.height), (0, plan.depth, 0), (right - left, 0, 0), flat)]
    for slope in plan.slopes:
        holes = [light for light in rooflights if light.side == slope.side]
        meshes += _slope_patches(plan, slope, holes, sloped(slope.side))
        for light in holes:
            assert pane is not None
            assert frame is not None
            meshes += _rooflight_meshes(plan, slope, light, pane, frame)
    return meshes


def _axes(plan: Plan, slope: Slope) -> tuple[Array, Array, Array]:
    """Return the lower corner of a slope at y = 0, its unit vector up the slope, and its normal into the room."""
    left = slope.side == "left"
    corner = np.array([0.0 if left else plan.width, 0.0, slope.knee])
    rise = np.array([slope.run if left else -slope.run, 0.0, plan.height - slope.knee])
    up = rise / np.linalg.norm(rise)
    normal = np.cross([0.0, 1.0, 0.0], up)
    return corner, up, normal if normal[2] < 0 else -normal


def _slope_patches(plan: Plan, slope: Slope, holes: Sequence[Rooflight], material: Material) -> list[Mesh]:
    corner, up, _ = _axes(plan, slope)
    length = float(np.hypot(slope.run, plan.height - slope.knee))
    along_edges = sorted({0.0, plan.depth, *(v for hole in holes for v in hole.along)})
    up_edges = sorted({0.0, length, *(v for hole in holes for v in hole.up)})
    meshes = []
    for a0, a1 in pairwise(along_edges):
        for u0, u1 in pairwise(up_edges):
            a, u = (a0 + a1) / 2, (u0 + u1) / 2
            if any(h.along[0] < a < h.along[1] and h.up[0] < u < h.up[1] for h in holes):
                continue
            flat = quad(_point(corner + a0 * _Y + u0 * up), _point((a1 - a0) * _Y), _point((u1 - u0) * up), material)
            flat = flat if flat.normals[0, 2] < 0 else flat.flipped()
            meshes.append(replace(flat, uv=np.array([[a0, u0], [a1, u0], [a1, u1], [a0, u1]], np.float32)))
    return meshes


def _rooflight_meshes(plan: Plan, slope: Slope, light: Rooflight, pane: Material, frame: Material) -> list[Mesh]:
    corner, up, normal = _axes(plan, slope)
    (a0, a1), (u0, u1) = light.along, light.up
    low, out = corner + a0 * _Y + u0 * up, -ROOFLIGHT_DEPTH * normal
    width, height = (a1 - a0) * _Y, (u1 - u0) * up
    reveals = [
        two_sided(quad(_point(start), _point(edge), _point(out), frame))
        for start, edge in ((low, width), (low + height, width), (low, height), (low + width, height))
    ]
    glass = quad(_point(low + out), _point(width), _point(height), pane)
    glass = glass if glass.normals[0, 2] < 0 else glass.flipped()
    sash, inner = low + 0.8 * out, _SASH_WIDTH
    bars = [
        (sash, width, inner * up),
        (sash + height - inner * up, width, inner * up),
        (sash, inner * _Y, height),
        (sash + width - inner * _Y, inner * _Y, height),
    ]
    return [
        *reveals,
        glass,
        *[two_sided(quad(_point(start), _point(across), _point(rise), frame)) for start, across, rise in bars],
    ]


_Y = np.array([0.0, 1.0, 0.0])


def _point(vector: Array) -> Point:
    return (float(vector[0]), float(vector[1]), float(vector[2]))


def beams(plan: Plan, material: Material, rng: np.random.Generator) -> list[Mesh]:
    """Return ceiling beams from left to right, for a flat ceiling."""
    count = int(rng.integers(2, 6))
    thick, drop = float(rng.uniform(0.12, 0.22)), float(rng.uniform(0.12, 0.24))
    return [
        box((plan.width, thick, drop), material, (plan.width / 2, plan.depth * (i + 0.5) / count, plan.height - drop))
        for i in range(count)
    ]
