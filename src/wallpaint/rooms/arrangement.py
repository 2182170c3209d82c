"""Where things stand and hang in one room: pieces are put down only where there is space for them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wallpaint.rooms.mesh import Mesh
from wallpaint.rooms.shell import Plan, Side

AIR = 0.02  # metres between a piece and its neighbours, or the wall behind it
Rectangle = tuple[float, float, float, float]  # low x, high x, low y, high y; on a wall u and z


@dataclass
class Arrangement:
    """The pieces put so far, the floor they take, and the stretches of wall that are taken."""

    plan: Plan
    pieces: list[Mesh] = field(default_factory=list)
    floor: list[Rectangle] = field(default_factory=list)
    walls: dict[str, list[Rectangle]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in self.plan.sides:
            self.walls.setdefault(name, [])
        for opening in self.plan.openings:
            taken = (opening.left - 0.08, opening.left + opening.width + 0.08, opening.bottom - 0.1, opening.top + 0.1)
            self.walls[opening.side].append(taken)
            if opening.bottom < 0.05:  # nobody puts a cupboard before a door
                self.keep_clear(opening.side, opening.left - 0.1, opening.left + opening.width + 0.1, 0.9)

    def keep_clear(self, side: str, low: float, high: float, out: float) -> None:
        """Keep furniture off the floor before a stretch of wall."""
        wall = self.plan.sides[side]
        self.floor.append(_rectangle(wall.point(low), wall.point(high, out=out)))

    def stand(self, name: str, mesh: Mesh, x: float, y: float, turn: float = 0.0, apart: float = AIR) -> Mesh | None:
        """Put a piece on the floor; returns it in its place, or None where there is no room for it."""
        placed = mesh.moved((x, y, 0.0), turn)
        low, high = placed.bounds
        if not self._inside(low, high) or not self._free_floor(low, high, apart):
            return None
        self.floor.append((float(low[0]), float(high[0]), float(low[1]), float(high[1])))
        self.pieces.append(placed)
        self.names.append(name)
        return placed

    def against(self, name: str, mesh: Mesh, side: str, u: float, out: float = AIR) -> Mesh | None:
        """Stand a piece with its back to a wall, its middle at u; nothing taller than a sill goes before a window."""
        wall = self.plan.sides[side]
        low, high = mesh.bounds
        taken = (u + float(low[0]), u + float(high[0]), 0.0, float(high[2]))
        if taken[0] < AIR or taken[1] > wall.length - AIR or taken[3] > wall.height - 0.05:
            return None
        if not _free(self.walls[side], taken):
            return None
        x, y, _ = wall.point(u, out=out + float(high[1]))
        placed = self.stand(name, mesh, x, y, wall.turn)
        if placed is not None:
            self.walls[side].append(taken)
        return placed

    def hang(self, name: str, mesh: Mesh, side: str, u: float, z: float, apart: float = 0.05) -> Mesh | None:
        """Hang a thing on a wall, its middle at u and z."""
        wall = self.plan.sides[side]
        low, high = mesh.bounds
        taken = (u + float(low[0]), u + float(high[0]), z + float(low[2]), z + float(high[2]))
        if taken[0] < apart or taken[1] > wall.length - apart or taken[2] < 0.02 or taken[3] > wall.height - 0.03:
            return None
        if self.plan.slope is not None and side in ("back", "front") and taken[3] > self.plan.slope.knee:
            return None
        if not _free(self.walls[side], taken, apart):
            return None
        placed = wall.place(mesh, u, z)
        self.walls[side].append(taken)
        self.pieces.append(placed)
        self.names.append(name)
        return placed

    def put_on(self, name: str, mesh: Mesh, under: Mesh, rng: np.random.Generator, spread: float = 0.6) -> None:
        """Put a thing on top of a piece that stands already, somewhere about its middle."""
        low, high = under.bounds
        reach = spread * (high - low)[:2] / 2 - (mesh.bounds[1] - mesh.bounds[0])[:2] / 2
        shift = rng.uniform(-1, 1, 2) * np.maximum(reach, 0)
        x, y = (low + high)[:2] / 2 + shift
        self.pieces.append(mesh.moved((float(x), float(y), float(high[2])), float(rng.uniform(-3.1, 3.1))))
        self.names.append(name)

    def add(self, name: str, mesh: Mesh) -> None:
        """Add a thing that takes no space that others might want."""
        self.pieces.append(mesh)
        self.names.append(name)

    def try_walls(
        self, name: str, mesh: Mesh, rng: np.random.Generator, sides: tuple[str, ...], tries: int = 6
    ) -> tuple[Side, float, Mesh] | None:
        """Put a piece against the first of these walls that has room for it, at a random place; corners are liked."""
        low, high = mesh.bounds
        for _ in range(tries):
            side = self.plan.sides[sides[int(rng.integers(len(sides)))]]
            start, end = -float(low[0]) + 0.05, side.length - float(high[0]) - 0.05
            if end <= start:
                continue
            u = float(rng.uniform(start, end))
            if rng.random() < 0.3:
                u = start if rng.random() < 0.5 else end
            placed = self.against(name, mesh, side.name, u)
            if placed is not None:
                return side, u, placed
        return None

    def clear_of(self, x: float, y: float, apart: float) -> bool:
        """Whether nothing stands within `apart` metres of a point of the floor."""
        return all(
            x < r[0] - apart or x > r[1] + apart or y < r[2] - apart or y > r[3] + apart
            for r in self.floor
            if r[1] > r[0]
        )

    def _inside(self, low: np.ndarray, high: np.ndarray) -> bool:
        knee, run = (self.plan.slope.knee, self.plan.slope.run) if self.plan.slope is not None else (9.0, 0.0)
        left, right = 0.0, self.plan.width
        if float(high[2]) > knee - 0.05 and self.plan.slope is not None:
            if self.plan.slope.side == "left":
                left += run
            else:
                right -= run
        return bool(low[0] >= left and high[0] <= right and low[1] >= 0 and high[1] <= self.plan.depth)

    def _free_floor(self, low: np.ndarray, high: np.ndarray, apart: float) -> bool:
        mine = (float(low[0]), float(high[0]), float(low[1]), float(high[1]))
        return _free(self.floor, mine, apart)


def _free(taken: list[Rectangle], mine: Rectangle, apart: float = 0.0) -> bool:
    return all(
        mine[0] >= r[1] + apart or mine[1] <= r[0] - apart or mine[2] >= r[3] + apart or mine[3] <= r[2] - apart
        for r in taken
    )


def _rectangle(a: tuple[float, ...], b: tuple[float, ...]) -> Rectangle:
    return (min(a[0], b[0]), max(a[0], b[0]), min(a[1], b[1]), max(a[1], b[1]))
