"""The shell of a room: floor, walls with openings, ceiling, and mouldings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, extrude, polygon, quad
from wallpaint.typing import Array

SIDES = ("back", "right", "front", "left")  # the camera stands near the front wall and faces the back wall
WallMaterialFn = Callable[[str, str], Material]  # (side, "upper" or "lower") -> material


@dataclass(frozen=True)
class Side:
    """One wall with its coordinates: u from left to right seen from inside the room, z up, out into the room."""

    name: str
    origin: tuple[float, float]
    along: tuple[float, float]
    length: float
    height: float

    @property
    def inward(self) -> tuple[float, float]:
        return (self.along[1], -self.along[0])

    @property
    def yaw(self) -> float:
        """Rotation in radians of a piece that faces -y, so that its back is towards this wall."""
        return float(np.arctan2(self.along[1], self.along[0]))

    def point(self, u: float, z: float = 0.0, out: float = 0.0) -> Point:
        x = self.origin[0] + u * self.along[0] + out * self.inward[0]
        y = self.origin[1] + u * self.along[1] + out * self.inward[1]
        return (x, y, z)

    def mount(self, mesh: Mesh, u: float, z: float = 0.0, out: float = 0.0) -> Mesh:
        """Return a mesh, whose back is in the plane y = 0, moved to the wall."""
        return mesh.moved(self.point(u, z, out), self.yaw)


@dataclass(frozen=True)
class Opening:
    """An opening in a wall.

    opening_type: "window", "door", "passage" (to a lit space behind the wall), "dark passage" (to an unlit one) or
    "niche". left, width: metres along u.
    """

    side: str
    opening_type: str
    left: float
    width: float
    bottom: float
    height: float

    @property
    def center(self) -> float:
        return self.left + self.width / 2

    @property
    def top(self) -> float:
        return self.bottom + self.height


@dataclass(frozen=True)
class Slope:
    """A sloped ceiling above the left or right wall; it rises from height `knee` over a horizontal distance `run`."""

    side: str
    knee: float
    run: float


@dataclass(frozen=True)
class Plan:
    """Dimensions of a room in metres; it spans 0..width, 0..depth, 0..height.

    reveal_depth, niche_depth: depth of window openings and niches. split_height: height at which the walls change from
    the lower to the upper material, 0 for none. opposite_slope: a second slope, above the wall opposite to `slope`.
    """

    width: float
    depth: float
    height: float
    openings: tuple[Opening, ...]
    reveal_depth: float = 0.22
    niche_depth: float = 0.3
    split_height: float = 0.0
    slope: Slope | None = None
    opposite_slope: Slope | None = None

    @property
    def slopes(self) -> tuple[Slope, ...]:
        return tuple(slope for slope in (self.slope, self.opposite_slope) if slope is not None)

    def slope_runs(self, side: str) -> tuple[float, float]:
        """Return how far the slopes reach along a wall from its start and from its end, in metres of u."""
        start = end = 0.0
        for slope in self.slopes if side in ("back", "front") else ():
            if (slope.side == "left") == (side == "back"):
                start = slope.run
            else:
                end = slope.run
        return start, end

    @property
    def sides(self) -> dict[str, Side]:
        w, d, h = self.width, self.depth, self.height
        heights = dict.fromkeys(SIDES, h)
        for slope in self.slopes:
            heights[slope.side] = slope.knee
        return {
            "back": Side("back", (0, d), (1, 0), w, heights["back"]),
            "right": Side("right", (w, d), (0, -1), d, heights["right"]),
            "front": Side("front", (w, 0), (-1, 0), w, heights["front"]),
            "left": Side("left", (0, 0), (0, 1), d, heights["left"]),
        }

    def openings_on(self, side: str, *opening_types: str) -> list[Opening]:
        return [o for o in self.openings if o.side == side and (not opening_types or o.opening_type in opening_types)]

    def openings_of(self, opening_type: str) -> list[Opening]:
        return [o for o in self.openings if o.opening_type == opening_type]

    @property
    def sun_bounds(self) -> tuple[Point, Point]:
        """Minimum and maximum corner of the box in which shadow rays to the sun are traced.

        It ends just inside the window panes, and encloses what closes the room elsewhere.
        """
        low, high = [-0.05, -0.05, -0.05], [self.width + 0.05, self.depth + 0.05, self.height + 0.05]
        window_extension = self.reveal_depth - 0.01
        for side in SIDES:
            back_depth = PASSAGE_DEPTH if self.openings_on(side, "passage", "dark passage") else self.niche_depth
            extension = window_extension if self.openings_on(side, "window") else back_depth + SUN_MARGIN
            axis, up = {"back": (1, True), "front": (1, False), "right": (0, True), "left": (0, False)}[side]
            if up:
                high[axis] += extension - 0.05
            else:
                low[axis] -= extension - 0.05
        return (low[0], low[1], low[2]), (high[0], high[1], high[2])


PASSAGE_DEPTH = 1.6  # metres, of the space behind a passage
SUN_MARGIN = 0.1  # metres between the surfaces that close a room and the sides of the sun box


def wall_meshes(plan: Plan, material: WallMaterialFn) -> list[Mesh]:
    """Return the four walls with holes for the openings."""
    meshes = []
    for name, side in plan.sides.items():
        runs = plan.slope_runs(name)
        start, end = runs[0], side.length - runs[1]
        for slope in plan.slopes if name in ("back", "front") else ():
            meshes += _under_slope(plan, slope, side, (slope.side == "left") == (name == "back"), material)
        meshes += wall_rectangles(
            side, plan.openings_on(name), (start, end), (0.0, side.height), plan.split_height, material
        )
    return meshes


def wall_rectangles(
    side: Side,
    openings: Sequence[Opening],
    across: tuple[float, float],
    up: tuple[float, float],
    split_height: float,
    material: WallMaterialFn,
) -> list[Mesh]:
    """Return a wall rectangle as patches, cut along the edges of its openings."""
    us = sorted({*across, *(u for o in openings for u in (o.left, o.left + o.width) if across[0] < u < across[1])})
    zs = sorted(
        {*up, *(z for o in openings for z in (o.bottom, o.top) if up[0] < z < up[1]), *_if_inside(split_height, up)}
    )
    meshes = []
    for u0, u1 in pairwise(us):
        for z0, z1 in pairwise(zs):
            u, z = (u0 + u1) / 2, (z0 + z1) / 2
            if any(o.left < u < o.left + o.width and o.bottom < z < o.top for o in openings):
                continue
            meshes.append(
                patch(side, (u0, u1), (z0, z1), material(side.name, "lower" if z < split_height else "upper"))
            )
    return meshes


def _if_inside(value: float, limits: tuple[float, float]) -> tuple[float, ...]:
    return (value,) if limits[0] < value < limits[1] else ()


def patch(
    side: Side, across: tuple[float, float], up: tuple[float, float], material: Material, out: float = 0.0
) -> Mesh:
    """Return a wall rectangle; uv is the position on the wall, so patterns continue across patches."""
    (u0, u1), (z0, z1) = across, up
    flat = quad(side.point(u0, z0, out), (*_scale_2d(side.along, u1 - u0), 0.0), (0.0, 0.0, z1 - z0), material)
    return replace(flat, uv=np.array([[u0, z0], [u1, z0], [u1, z1], [u0, z1]], np.float32))


def _under_slope(plan: Plan, slope: Slope, side: Side, at_start: bool, material: WallMaterialFn) -> list[Mesh]:
    low, high = (0.0, slope.run) if at_start else (side.length, side.length - slope.run)
    span = (min(low, high), max(low, high))
    meshes = wall_rectangles(side, plan.openings_on(side.name), span, (0.0, slope.knee), plan.split_height, material)
    corners = [(low, slope.knee), (high, slope.knee), (high, plan.height)]
    if not at_start:
        corners = [corners[0], corners[2], corners[1]]
    gable = polygon([side.point(u, z) for u, z in corners], material(side.name, "upper"))
    return [*meshes, replace(gable, uv=np.array(corners, np.float32))]


def ceiling(plan: Plan, flat: Material, sloped: Material) -> list[Mesh]:
    """Return the ceiling of a room with at most one slope, facing down (`ceilings.sloped_ceiling`: with two)."""
    w, d, h = plan.width, plan.depth, plan.height
    if plan.slope is None:
        return [quad((0, 0, h), (0, d, 0), (w, 0, 0), flat)]
    run, knee = plan.slope.run, plan.slope.knee
    if plan.slope.side == "left":
        return [
            quad((run, 0, h), (0, d, 0), (w - run, 0, 0), flat),
            quad((0, 0, knee), (0, d, 0), (run, 0, h - knee), sloped),
        ]
    return [
        quad((0, 0, h), (0, d, 0), (w - run, 0, 0), flat),
        quad((w - run, 0, h), (0, d, 0), (run, 0, knee - h), sloped),
    ]


def floor(plan: Plan, material: Material) -> Mesh:
    """Return the floor, facing up; uv in metres."""
    return quad((0, 0, 0), (plan.width, 0, 0), (0, plan.depth, 0), material)


def reveals(plan: Plan, material: Callable[[Opening], Material]) -> list[Mesh]:
    """Return the inner faces of window openings, niches and passages."""
    meshes = []
    for opening in plan.openings:
        depth = {"window": plan.reveal_depth, "niche": plan.niche_depth, "passage": 0.14, "dark passage": 0.14}.get(
            opening.opening_type
        )
        if depth is None:
            continue
        side, paint = plan.sides[opening.side], material(opening)
        left, right = opening.left, opening.left + opening.width
        out = (-depth * side.inward[0], -depth * side.inward[1], 0.0)
        along, up = (*_scale_2d(side.along, opening.width), 0.0), (0.0, 0.0, opening.height)
        meshes += [
            quad(side.point(left, opening.bottom), out, up, paint),
            quad(side.point(right, opening.bottom), out, up, paint).flipped(),
            quad(side.point(left, opening.top), out, along, paint),
        ]
        if opening.bottom > 0.01:
            meshes.append(quad(side.point(left, opening.bottom), along, out, paint))
        if opening.opening_type == "niche":
            meshes.append(patch(side, (left, right), (opening.bottom, opening.top), paint, out=-depth))
    return meshes


def window_panes(plan: Plan, material: Material) -> list[Mesh]:
    """Return the window panes, at the outer end of their openings."""
    return [
        patch(plan.sides[o.side], (o.left, o.left + o.width), (o.bottom, o.top), material, out=-plan.reveal_depth)
        for o in plan.openings
        if o.opening_type == "window"
    ]


def passage_spaces(
    plan: Plan, paint: Material, floor_material: Material, lamp_material: Material, opening_type: str = "passage"
) -> list[Mesh]:
    """Return the spaces behind the passages of one type: a closed piece of corridor with its own lamp."""
    meshes = []
    for opening in plan.openings_of(opening_type):
        side = plan.sides[opening.side]
        near, far, top = -0.14, -PASSAGE_DEPTH, plan.height
        u0, u1 = opening.left - 0.5, opening.left + opening.width + 0.5
        depth = _scale_2d(side.inward, far - near)
        along = (*_scale_2d(side.along, u1 - u0), 0.0)
        start = side.point(u0, 0, near)
        meshes += [
            patch(side, (u0, u1), (0, top), paint, out=far),
            quad(side.point(u0, 0, near), (*depth, 0.0), (0, 0, top), paint),
            quad(side.point(u1, 0, near), (*depth, 0.0), (0, 0, top), paint).flipped(),
            quad(start, along, (*depth, 0.0), floor_material),
            quad(side.point(u0, top, near), (*depth, 0.0), along, paint),
            quad(
                side.point(opening.center - 0.15, top - 0.01, near - 0.9),
                _scale_3d(depth, 0.2),
                _scale_3d(along, 0.15),
                lamp_material,
            ),
        ]
        for a, b in ((u0, opening.left), (opening.left + opening.width, u1)):
            meshes.append(patch(side, (a, b), (0, top), paint, out=near).flipped())
        meshes.append(
            patch(side, (opening.left, opening.left + opening.width), (opening.top, top), paint, out=near).flipped()
        )
    return meshes


def skirting(plan: Plan, material: Material, height: float, thickness: float = 0.016) -> list[Mesh]:
    """Return skirting boards, interrupted at doors and passages."""
    profile = [(thickness, 0.0), (thickness, 0.82 * height), (0.55 * thickness, height), (0.0, height)]
    gaps = {name: [o for o in plan.openings_on(name) if o.bottom < 0.05] for name in SIDES}
    return _moulding(plan, profile, 0.0, material, gaps)


def cornice(plan: Plan, material: Material, size: float) -> list[Mesh]:
    """Return a moulding between walls and ceiling; on walls that no slope touches."""
    bend = [(size * (1 - np.cos(a)), size * (np.sin(a) - 1)) for a in np.linspace(0, np.pi / 2, 6)]
    profile = [
        (0.0, -size - 0.015),
        (0.012, -size - 0.015),
        (0.012, -size),
        *bend[1:-1],
        (size, -0.012),
        (size + 0.015, 0),
    ]
    level = [s for s in SIDES if all(s == _opposite(slope.side) for slope in plan.slopes)]
    return _moulding(plan, profile, plan.height, material, {name: [] for name in level})


def rail(plan: Plan, material: Material, z: float, size: float = 0.05) -> list[Mesh]:
    """Return a dado or picture rail at height z, interrupted at openings."""
    profile = [
        (0.0, -size / 2),
        (0.012, -size / 2),
        (0.024, -size / 6),
        (0.024, size / 6),
        (0.012, size / 2),
        (0, size / 2),
    ]
    gaps = {name: [o for o in plan.openings_on(name) if o.bottom < z + size < o.top + 2 * size] for name in SIDES}
    for slope in plan.slopes:
        if z > slope.knee:
            gaps = {name: holes for name, holes in gaps.items() if name == _opposite(slope.side)}
    return _moulding(plan, profile, z, material, gaps)


def _moulding(
    plan: Plan, profile: Sequence[tuple[float, float]], z: float, material: Material, gaps: dict[str, list[Opening]]
) -> list[Mesh]:
    meshes = []
    for name, holes in gaps.items():
        side = plan.sides[name]
        for u0, u1 in free_intervals(side.length, [(o.left - 0.06, o.left + o.width + 0.06) for o in holes]):
            meshes.append(extrude(profile, side.point(u1, z), side.point(u0, z), material))
    return meshes


def free_intervals(
    length: float, holes: Sequence[tuple[float, float]], min_length: float = 0.05
) -> list[tuple[float, float]]:
    """Return the intervals of 0..length outside the holes that are at least min_length long."""
    intervals, start = [], 0.0
    for low, high in sorted(holes):
        if low - start >= min_length:
            intervals.append((start, low))
        start = max(start, high)
    if length - start >= min_length:
        intervals.append((start, length))
    return intervals


def wall_panels(
    plan: Plan, material: WallMaterialFn, bottom: float, top: float, rng: np.random.Generator
) -> list[Mesh]:
    """Return moulding frames on the walls, in the wall's material: rectangles of about equal width between openings."""
    meshes = []
    wide = float(rng.uniform(0.5, 1.1))
    bar = 0.028
    for name, side in plan.sides.items():
        high = min(top, side.height - 0.15)
        holes = [
            (o.left - 0.1, o.left + o.width + 0.1) for o in plan.openings_on(name) if o.bottom < high and o.top > bottom
        ]
        for u0, u1 in free_intervals(side.length, holes, 0.5):
            if high - bottom < 0.3:
                continue
            count = max(1, round((u1 - u0) / (wide + 0.12)))
            for i in range(count):
                a = u0 + (u1 - u0) * i / count + 0.08
                b = u0 + (u1 - u0) * (i + 1) / count - 0.08
                paint = material(name, "lower" if high <= plan.split_height + 0.01 else "upper")
                meshes += _frame(side, (a, b), (bottom, high), bar, paint)
    return meshes


def _frame(side: Side, across: tuple[float, float], up: tuple[float, float], bar: float, paint: Material) -> list[Mesh]:
    (a, b), (low, high) = across, up
    profile = [(0.0, 0.0), (0.012, 0.004), (0.016, bar / 2), (0.008, bar - 0.004), (0.0, bar)]
    along = (side.along[0], side.along[1], 0.0)
    opposite = (-side.along[0], -side.along[1], 0.0)
    return [
        extrude(profile, side.point(b, low), side.point(a, low), paint),
        extrude(profile, side.point(b, high - bar), side.point(a, high - bar), paint),
        extrude(profile, side.point(a, low), side.point(a, high), paint, up=along),
        extrude(profile, side.point(b, high), side.point(b, low), paint, up=opposite),
    ]


def _opposite(side: str) -> str:
    return SIDES[(SIDES.index(side) + 2) % 4]


def _scale_2d(vector: tuple[float, float], factor: float) -> tuple[float, float]:
    return (vector[0] * factor, vector[1] * factor)


def _scale_3d(vector: Sequence[float] | Array, factor: float) -> Point:
    x, y, *z = (float(v) * factor for v in vector)
    return (x, y, z[0] if z else 0.0)
