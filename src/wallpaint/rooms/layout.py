"""Collision-free placement of furniture in one room, on the floor and on the walls."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wallpaint.rooms.mesh import Mesh
from wallpaint.rooms.shell import Plan, Side

CLEARANCE_M = 0.02  # between a piece and its neighbours, or the wall behind it
Rectangle = tuple[float, float, float, float]  # x min, x max, y min, y max; on a wall u and z instead


@dataclass
class FurnitureLayout:
    """Placed pieces with the floor and wall rectangles that they occupy.

    A method that places a piece returns the placed mesh, or None where it would collide or leave the room.
    occupied_walls: side -> rectangles in (u, z). names: one for each mesh.
    """

    plan: Plan
    meshes: list[Mesh] = field(default_factory=list)
    occupied_floor: list[Rectangle] = field(default_factory=list)
    occupied_walls: dict[str, list[Rectangle]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in self.plan.sides:
            self.occupied_walls.setdefault(name, [])
        for opening in self.plan.openings:
            extent = (opening.left - 0.08, opening.left + opening.width + 0.08, opening.bottom - 0.1, opening.top + 0.1)
            self.occupied_walls[opening.side].append(extent)
            if opening.bottom < 0.05:  # keep the floor in front of doors and passages free
                self.reserve_floor(opening.side, opening.left - 0.1, opening.left + opening.width + 0.1, 0.9)

    def reserve_floor(self, side: str, low: float, high: float, distance: float) -> None:
        """Mark the floor in front of a wall interval (low..high, metres along it) as occupied."""
        wall = self.plan.sides[side]
        self.occupied_floor.append(_rectangle(wall.point(low), wall.point(high, out=distance)))

    def place_on_floor(
        self, name: str, mesh: Mesh, x: float, y: float, yaw: float = 0.0, clearance: float = CLEARANCE_M
    ) -> Mesh | None:
        """Place a piece on the floor.

        yaw: radians. clearance: least distance to other pieces in metres; negative allows an overlap.
        """
        placed = mesh.moved((x, y, 0.0), yaw)
        low, high = placed.bounds
        if not self._is_inside(low, high) or not self._is_floor_free(low, high, clearance):
            return None
        self.occupied_floor.append((float(low[0]), float(high[0]), float(low[1]), float(high[1])))
        self.meshes.append(placed)
        self.names.append(name)
        return placed

    def place_against_wall(
        self, name: str, mesh: Mesh, side: str, u: float, distance: float = CLEARANCE_M
    ) -> Mesh | None:
        """Place a piece with its back to a wall, centred at u; openings count as occupied, so windows stay clear."""
        wall = self.plan.sides[side]
        low, high = mesh.bounds
        extent = (u + float(low[0]), u + float(high[0]), 0.0, float(high[2]))
        if extent[0] < CLEARANCE_M or extent[1] > wall.length - CLEARANCE_M or extent[3] > wall.height - 0.05:
            return None
        if not _is_free(self.occupied_walls[side], extent):
            return None
        x, y, _ = wall.point(u, out=distance + float(high[1]))
        placed = self.place_on_floor(name, mesh, x, y, wall.yaw)
        if placed is not None:
            self.occupied_walls[side].append(extent)
        return placed

    def hang_on_wall(
        self, name: str, mesh: Mesh, side: str, u: float, z: float, clearance: float = 0.05
    ) -> Mesh | None:
        """Hang an object on a wall with its origin at (u, z)."""
        wall = self.plan.sides[side]
        low, high = mesh.bounds
        extent = (u + float(low[0]), u + float(high[0]), z + float(low[2]), z + float(high[2]))
        if (
            extent[0] < clearance
            or extent[1] > wall.length - clearance
            or extent[2] < 0.02
            or extent[3] > wall.height - 0.03
        ):
            return None
        if side in ("back", "front") and any(extent[3] > slope.knee for slope in self.plan.slopes):
            return None
        if not _is_free(self.occupied_walls[side], extent, clearance):
            return None
        placed = wall.mount(mesh, u, z)
        self.occupied_walls[side].append(extent)
        self.meshes.append(placed)
        self.names.append(name)
        return placed

    def place_on_top(self, name: str, mesh: Mesh, support: Mesh, rng: np.random.Generator, spread: float = 0.6) -> None:
        """Place an object on top of another one at a random position and rotation.

        spread: 0..1, share of the top around its centre that is used. Objects placed so are not tested for collisions.
        """
        low, high = support.bounds
        reach = spread * (high - low)[:2] / 2 - (mesh.bounds[1] - mesh.bounds[0])[:2] / 2
        shift = rng.uniform(-1, 1, 2) * np.maximum(reach, 0)
        x, y = (low + high)[:2] / 2 + shift
        self.meshes.append(mesh.moved((float(x), float(y), float(high[2])), float(rng.uniform(-3.1, 3.1))))
        self.names.append(name)

    def add(self, name: str, mesh: Mesh) -> None:
        """Add a mesh without any collision test, and without occupying space."""
        self.meshes.append(mesh)
        self.names.append(name)

    def try_walls(
        self, name: str, mesh: Mesh, rng: np.random.Generator, sides: tuple[str, ...], max_tries: int = 6
    ) -> tuple[Side, float, Mesh] | None:
        """Place a piece at a random position against one of these walls, with a preference for corners.

        Returns the side, the position u along it and the placed mesh.
        """
        low, high = mesh.bounds
        for _ in range(max_tries):
            side = self.plan.sides[sides[int(rng.integers(len(sides)))]]
            start, end = -float(low[0]) + 0.05, side.length - float(high[0]) - 0.05
            if end <= start:
                continue
            u = float(rng.uniform(start, end))
            if rng.random() < 0.3:
                u = start if rng.random() < 0.5 else end
            placed = self.place_against_wall(name, mesh, side.name, u)
            if placed is not None:
                return side, u, placed
        return None

    def is_clear(self, x: float, y: float, clearance: float) -> bool:
        """Whether no occupied floor lies within `clearance` metres of a point."""
        return all(
            x < r[0] - clearance or x > r[1] + clearance or y < r[2] - clearance or y > r[3] + clearance
            for r in self.occupied_floor
            if r[1] > r[0]
        )

    def _is_inside(self, low: np.ndarray, high: np.ndarray) -> bool:
        left, right = 0.0, self.plan.width
        for slope in self.plan.slopes:
            if float(high[2]) > slope.knee - 0.05 and slope.side == "left":
                left += slope.run
            elif float(high[2]) > slope.knee - 0.05:
                right -= slope.run
        return bool(low[0] >= left and high[0] <= right and low[1] >= 0 and high[1] <= self.plan.depth)

    def _is_floor_free(self, low: np.ndarray, high: np.ndarray, clearance: float) -> bool:
        footprint = (float(low[0]), float(high[0]), float(low[1]), float(high[1]))
        return _is_free(self.occupied_floor, footprint, clearance)


def _is_free(occupied: list[Rectangle], footprint: Rectangle, clearance: float = 0.0) -> bool:
    return all(
        footprint[0] >= r[1] + clearance
        or footprint[1] <= r[0] - clearance
        or footprint[2] >= r[3] + clearance
        or footprint[3] <= r[2] - clearance
        for r in occupied
    )


def _rectangle(a: tuple[float, ...], b: tuple[float, ...]) -> Rectangle:
    return (min(a[0], b[0]), max(a[0], b[0]), min(a[1], b[1]), max(a[1], b[1]))
