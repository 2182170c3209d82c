"""The room itself: floor, walls with their openings, ceiling, and the mouldings along their edges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, box, extrude, polygon, quad
from wallpaint.typing import Array

SIDES = ("back", "right", "front", "left")  # the picture is taken from near the front, looking towards the back
WallMaterial = Callable[[str, str], Material]  # side, "upper" or "lower" -> its material


@dataclass(frozen=True)
class Side:
    """One wall as someone in the room sees it: u goes from its left end to its right, z up, out into the room."""

    name: str
    origin: tuple[float, float]
    along: tuple[float, float]
    length: float
    height: float

    @property
    def inward(self) -> tuple[float, float]:
        return (self.along[1], -self.along[0])

    @property
    def turn(self) -> float:
        """Radians by which a piece that faces -y is turned to stand with its back to this wall."""
        return float(np.arctan2(self.along[1], self.along[0]))

    def point(self, u: float, z: float = 0.0, out: float = 0.0) -> Point:
        x = self.origin[0] + u * self.along[0] + out * self.inward[0]
        y = self.origin[1] + u * self.along[1] + out * self.inward[1]
        return (x, y, z)

    def place(self, mesh: Mesh, u: float, z: float = 0.0, out: float = 0.0) -> Mesh:
        """A mesh whose back is in its plane y = 0, put against the wall."""
        return mesh.moved(self.point(u, z, out), self.turn)


@dataclass(frozen=True)
class Opening:
    """A hole in a wall. kind: window, door, passage (to a lit space behind) or niche. left, width: along u."""

    side: str
    kind: str
    left: float
    width: float
    bottom: float
    height: float

    @property
    def middle(self) -> float:
        return self.left + self.width / 2

    @property
    def top(self) -> float:
        return self.bottom + self.height


@dataclass(frozen=True)
class Slope:
    """A sloped ceiling over the left or right wall: from the knee wall's height up over a horizontal run."""

    side: str
    knee: float
    run: float


@dataclass(frozen=True)
class Plan:
    """A room's shape in metres: 0..width, 0..depth, 0..height. reveal: depth of window openings. niche: of niches.
    split: height at which walls change from the lower to the upper material, 0 for none."""

    width: float
    depth: float
    height: float
    openings: tuple[Opening, ...]
    reveal: float = 0.22
    niche: float = 0.3
    split: float = 0.0
    slope: Slope | None = None

    @property
    def sides(self) -> dict[str, Side]:
        w, d, h = self.width, self.depth, self.height
        heights = dict.fromkeys(SIDES, h)
        if self.slope is not None:
            heights[self.slope.side] = self.slope.knee
        return {
            "back": Side("back", (0, d), (1, 0), w, heights["back"]),
            "right": Side("right", (w, d), (0, -1), d, heights["right"]),
            "front": Side("front", (w, 0), (-1, 0), w, heights["front"]),
            "left": Side("left", (0, 0), (0, 1), d, heights["left"]),
        }

    def on(self, side: str, *kinds: str) -> list[Opening]:
        return [o for o in self.openings if o.side == side and (not kinds or o.kind in kinds)]

    @property
    def outside(self) -> tuple[Point, Point]:
        """Low and high corner of the box that sunlight is followed through: it ends just inside the window panes."""
        low, high = [-0.05, -0.05, -0.05], [self.width + 0.05, self.depth + 0.05, self.height + 0.05]
        reach = self.reveal - 0.01
        for side in SIDES:
            closed = PASSAGE if self.on(side, "passage") else self.niche
            grows = reach if self.on(side, "window") else closed + BEHIND
            axis, up = {"back": (1, True), "front": (1, False), "right": (0, True), "left": (0, False)}[side]
            if up:
                high[axis] += grows - 0.05
            else:
                low[axis] -= grows - 0.05
        return (low[0], low[1], low[2]), (high[0], high[1], high[2])


PASSAGE = 1.6  # depth of the space behind a passage
BEHIND = 0.1  # how far the sun is followed behind what closes a room, which must lie well inside


def walls(plan: Plan, material: WallMaterial) -> list[Mesh]:
    """The four walls with holes where the openings are."""
    meshes = []
    for name, side in plan.sides.items():
        start, end = 0.0, side.length
        if plan.slope is not None and name in ("back", "front"):
            at_start = (plan.slope.side == "left") == (name == "back")
            start, end = (plan.slope.run, side.length) if at_start else (0.0, side.length - plan.slope.run)
            meshes += _under_slope(plan, side, at_start, material)
        meshes += _panes(side, plan.on(name), (start, end), (0.0, side.height), plan.split, material)
    return meshes


def _panes(
    side: Side,
    openings: Sequence[Opening],
    across: tuple[float, float],
    up: tuple[float, float],
    split: float,
    material: WallMaterial,
) -> list[Mesh]:
    """A rectangle of wall, cut along the edges of its openings."""
    us = sorted({*across, *(u for o in openings for u in (o.left, o.left + o.width) if across[0] < u < across[1])})
    zs = sorted({*up, *(z for o in openings for z in (o.bottom, o.top) if up[0] < z < up[1]), *_inside(split, up)})
    meshes = []
    for u0, u1 in pairwise(us):
        for z0, z1 in pairwise(zs):
            u, z = (u0 + u1) / 2, (z0 + z1) / 2
            if any(o.left < u < o.left + o.width and o.bottom < z < o.top for o in openings):
                continue
            meshes.append(patch(side, (u0, u1), (z0, z1), material(side.name, "lower" if z < split else "upper")))
    return meshes


def _inside(value: float, limits: tuple[float, float]) -> tuple[float, ...]:
    return (value,) if limits[0] < value < limits[1] else ()


def patch(
    side: Side, across: tuple[float, float], up: tuple[float, float], material: Material, out: float = 0.0
) -> Mesh:
    """A rectangle of wall; uv is the place on the wall, so that a pattern runs on from patch to patch."""
    (u0, u1), (z0, z1) = across, up
    flat = quad(side.point(u0, z0, out), (*_times(side.along, u1 - u0), 0.0), (0.0, 0.0, z1 - z0), material)
    return replace(flat, uv=np.array([[u0, z0], [u1, z0], [u1, z1], [u0, z1]], np.float32))


def _under_slope(plan: Plan, side: Side, at_start: bool, material: WallMaterial) -> list[Mesh]:
    slope = plan.slope
    assert slope is not None
    low, high = (0.0, slope.run) if at_start else (side.length, side.length - slope.run)
    span = (min(low, high), max(low, high))
    meshes = _panes(side, plan.on(side.name), span, (0.0, slope.knee), plan.split, material)
    corners = [(low, slope.knee), (high, slope.knee), (high, plan.height)]
    if not at_start:
        corners = [corners[0], corners[2], corners[1]]
    gable = polygon([side.point(u, z) for u, z in corners], material(side.name, "upper"))
    return [*meshes, replace(gable, uv=np.array(corners, np.float32))]


def ceiling(plan: Plan, flat: Material, sloped: Material) -> list[Mesh]:
    """The ceiling, seen from below; sloped: for the sloped part where there is one."""
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
    """The floor, seen from above; uv are metres."""
    return quad((0, 0, 0), (plan.width, 0, 0), (0, plan.depth, 0), material)


def reveals(plan: Plan, material: Callable[[Opening], Material]) -> list[Mesh]:
    """The sides of window openings, niches and passages."""
    meshes = []
    for opening in plan.openings:
        deep = {"window": plan.reveal, "niche": plan.niche, "passage": 0.14}.get(opening.kind)
        if deep is None:
            continue
        side, paint = plan.sides[opening.side], material(opening)
        left, right = opening.left, opening.left + opening.width
        out = (-deep * side.inward[0], -deep * side.inward[1], 0.0)
        along, up = (*_times(side.along, opening.width), 0.0), (0.0, 0.0, opening.height)
        meshes += [
            quad(side.point(left, opening.bottom), out, up, paint),
            quad(side.point(right, opening.bottom), out, up, paint).flipped(),
            quad(side.point(left, opening.top), out, along, paint),
        ]
        if opening.bottom > 0.01:
            meshes.append(quad(side.point(left, opening.bottom), along, out, paint))
        if opening.kind == "niche":
            meshes.append(patch(side, (left, right), (opening.bottom, opening.top), paint, out=-deep))
    return meshes


def panes(plan: Plan, material: Material) -> list[Mesh]:
    """What is seen through the windows, at the outer end of their openings."""
    return [
        patch(plan.sides[o.side], (o.left, o.left + o.width), (o.bottom, o.top), material, out=-plan.reveal)
        for o in plan.openings
        if o.kind == "window"
    ]


def beyond(plan: Plan, paint: Material, ground: Material, lamp: Material) -> list[Mesh]:
    """The spaces behind passages: a stretch of corridor with a light of its own."""
    meshes = []
    for opening in plan.openings:
        if opening.kind != "passage":
            continue
        side = plan.sides[opening.side]
        near, far, top = -0.14, -PASSAGE, plan.height
        u0, u1 = opening.left - 0.5, opening.left + opening.width + 0.5
        deep = _times(side.inward, far - near)
        along = (*_times(side.along, u1 - u0), 0.0)
        start = side.point(u0, 0, near)
        meshes += [
            patch(side, (u0, u1), (0, top), paint, out=far),
            quad(side.point(u0, 0, near), (*deep, 0.0), (0, 0, top), paint),
            quad(side.point(u1, 0, near), (*deep, 0.0), (0, 0, top), paint).flipped(),
            quad(start, along, (*deep, 0.0), ground),
            quad(side.point(u0, top, near), (*deep, 0.0), along, paint),
            quad(
                side.point(opening.middle - 0.15, top - 0.01, near - 0.9), _scale(deep, 0.2), _scale(along, 0.15), lamp
            ),
        ]
        for a, b in ((u0, opening.left), (opening.left + opening.width, u1)):
            meshes.append(patch(side, (a, b), (0, top), paint, out=near).flipped())
        meshes.append(
            patch(side, (opening.left, opening.left + opening.width), (opening.top, top), paint, out=near).flipped()
        )
    return meshes


def skirting(plan: Plan, material: Material, height: float, thickness: float = 0.016) -> list[Mesh]:
    """Boards along the foot of the walls, left out where doors and passages are."""
    profile = [(thickness, 0.0), (thickness, 0.82 * height), (0.55 * thickness, height), (0.0, height)]
    gaps = {name: [o for o in plan.on(name) if o.bottom < 0.05] for name in SIDES}
    return _moulding(plan, profile, 0.0, material, gaps)


def cornice(plan: Plan, material: Material, size: float) -> list[Mesh]:
    """A moulding where walls meet the ceiling."""
    bend = [(size * (1 - np.cos(a)), size * (np.sin(a) - 1)) for a in np.linspace(0, np.pi / 2, 6)]
    profile = [
        (0.0, -size - 0.015),
        (0.012, -size - 0.015),
        (0.012, -size),
        *bend[1:-1],
        (size, -0.012),
        (size + 0.015, 0),
    ]
    level = SIDES if plan.slope is None else tuple(s for s in SIDES if s == _opposite(plan.slope.side))
    return _moulding(plan, profile, plan.height, material, {name: [] for name in level})


def rail(plan: Plan, material: Material, z: float, size: float = 0.05) -> list[Mesh]:
    """A dado or picture rail at height z, left out where openings are."""
    profile = [
        (0.0, -size / 2),
        (0.012, -size / 2),
        (0.024, -size / 6),
        (0.024, size / 6),
        (0.012, size / 2),
        (0, size / 2),
    ]
    gaps = {name: [o for o in plan.on(name) if o.bottom < z + size < o.top + 2 * size] for name in SIDES}
    if plan.slope is not None and z > plan.slope.knee:
        gaps = {_opposite(plan.slope.side): gaps[_opposite(plan.slope.side)]}
    return _moulding(plan, profile, z, material, gaps)


def _moulding(
    plan: Plan, profile: Sequence[tuple[float, float]], z: float, material: Material, gaps: dict[str, list[Opening]]
) -> list[Mesh]:
    meshes = []
    for name, holes in gaps.items():
        side = plan.sides[name]
        for u0, u1 in stretches(side.length, [(o.left - 0.06, o.left + o.width + 0.06) for o in holes]):
            meshes.append(extrude(profile, side.point(u1, z), side.point(u0, z), material))
    return meshes


def stretches(length: float, holes: Sequence[tuple[float, float]], least: float = 0.05) -> list[tuple[float, float]]:
    """What is left of 0..length after the holes are taken out, in pieces of at least `least`."""
    pieces, start = [], 0.0
    for low, high in sorted(holes):
        if low - start >= least:
            pieces.append((start, low))
        start = max(start, high)
    if length - start >= least:
        pieces.append((start, length))
    return pieces


def wall_panels(plan: Plan, material: WallMaterial, bottom: float, top: float, rng: np.random.Generator) -> list[Mesh]:
    """Frames of moulding on the walls, in the walls' own paint: rectangles of about equal width between openings."""
    meshes = []
    wide = float(rng.uniform(0.5, 1.1))
    bar = 0.028
    for name, side in plan.sides.items():
        high = min(top, side.height - 0.15)
        holes = [(o.left - 0.1, o.left + o.width + 0.1) for o in plan.on(name) if o.bottom < high and o.top > bottom]
        for u0, u1 in stretches(side.length, holes, 0.5):
            if high - bottom < 0.3:
                continue
            count = max(1, round((u1 - u0) / (wide + 0.12)))
            for i in range(count):
                a = u0 + (u1 - u0) * i / count + 0.08
                b = u0 + (u1 - u0) * (i + 1) / count - 0.08
                paint = material(name, "lower" if high <= plan.split + 0.01 else "upper")
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


def beams(plan: Plan, material: Material, rng: np.random.Generator) -> list[Mesh]:
    """Timber under a flat ceiling, from left to right."""
    count = int(rng.integers(2, 6))
    thick, drop = float(rng.uniform(0.12, 0.22)), float(rng.uniform(0.12, 0.24))
    return [
        box((plan.width, thick, drop), material, (plan.width / 2, plan.depth * (i + 0.5) / count, plan.height - drop))
        for i in range(count)
    ]


def _opposite(side: str) -> str:
    return SIDES[(SIDES.index(side) + 2) % 4]


def _times(vector: tuple[float, float], factor: float) -> tuple[float, float]:
    return (vector[0] * factor, vector[1] * factor)


def _scale(vector: Sequence[float] | Array, factor: float) -> Point:
    x, y, *z = (float(v) * factor for v in vector)
    return (x, y, z[0] if z else 0.0)
