"""Furnishing one room: the furniture catalogue, and typical ways to place a piece (against a wall, above, beside)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wallpaint.rooms.furniture import (
    FurnitureCategory,
    beds,
    clutter,
    kitchen,
    lamps,
    plants,
    seating,
    storage,
    tables,
    wall_objects,
)
from wallpaint.rooms.layout import FurnitureLayout
from wallpaint.rooms.lighting import Lighting
from wallpaint.rooms.materials import BLACK, Color
from wallpaint.rooms.mesh import Mesh, box, merge, quad
from wallpaint.rooms.shell import Side
from wallpaint.rooms.surfaces import finishes
from wallpaint.rooms.surfaces.finishes import Finishes

VISIBLE_SIDES = ("back", "back", "left", "right")  # sampled uniformly, so the far wall is twice as likely
CATALOGUE: dict[str, FurnitureCategory] = {
    **seating.CATEGORIES,
    **beds.CATEGORIES,
    **tables.CATEGORIES,
    **storage.CATEGORIES,
    **kitchen.CATEGORIES,
    **plants.CATEGORIES,
    **wall_objects.CATEGORIES,
    **clutter.CATEGORIES,
}


@dataclass(frozen=True)
class Furnisher:
    """Random generator, finishes, lighting and layout of one room, with methods that build and place its furniture.

    `name` is a key of CATALOGUE (of `lamps.CATEGORIES` for lamps). lit_lamps: names of the lamps that are switched on.
    """

    rng: np.random.Generator
    finishes: Finishes
    lighting: Lighting
    split: str
    layout: FurnitureLayout
    lit_lamps: list[str] = field(default_factory=list)

    def make(self, name: str) -> Mesh:
        """Build a random piece, standing at the origin."""
        return CATALOGUE[name].build(self.rng, self.finishes, self.split)

    def lamp(self, name: str, power_scale: float = 1.0, always_on: bool = False) -> Mesh:
        """Build a lamp. It is on if the room's lamps are, except at random (15 %) unless always_on."""
        is_lit = self.lighting.lamps_on and (self.rng.random() < 0.85 or always_on)
        if is_lit:
            self.lit_lamps.append(name)
        bulb = self.lighting.bulb
        power: Color = (bulb[0] * power_scale, bulb[1] * power_scale, bulb[2] * power_scale) if is_lit else BLACK
        return lamps.CATEGORIES[name].build(self.rng, self.finishes, power, self.split)

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return bool(self.rng.random() < probability)

    def choice(self, *names: str) -> str:
        """Return one of the names; repeat a name to make it more likely."""
        return names[int(self.rng.integers(len(names)))]

    def place_against_wall(self, name: str, sides: tuple[str, ...] = VISIBLE_SIDES) -> tuple[Side, float, Mesh] | None:
        """Build a piece and place it; see `FurnitureLayout.try_walls`."""
        return self.layout.try_walls(name, self.make(name), self.rng, sides)

    def place_freely(self, name: str, max_tries: int = 8) -> Mesh | None:
        """Build a piece and place it anywhere on the free floor, randomly rotated."""
        mesh = self.make(name)
        for _ in range(max_tries):
            x = float(self.rng.uniform(0.1, 0.9)) * self.layout.plan.width
            y = float(self.rng.uniform(0.3, 0.9)) * self.layout.plan.depth
            placed = self.layout.place_on_floor(name, mesh, x, y, float(self.rng.uniform(-3.1, 3.1)), 0.05)
            if placed is not None:
                return placed
        return None

    def hang_on_wall(self, name: str, sides: tuple[str, ...] = VISIBLE_SIDES, max_tries: int = 6) -> None:
        """Build an object and hang it at a random free position, centred about eye height."""
        mesh = self.make(name)
        for _ in range(max_tries):
            side = self.layout.plan.sides[self.choice(*sides)]
            u = float(self.rng.uniform(0.3, side.length - 0.3))
            if self.layout.hang_on_wall(name, mesh, side.name, u, float(self.rng.uniform(1.4, 1.7))) is not None:
                return

    def hang_above(self, name: str, side: Side, u: float, piece: Mesh) -> None:
        """Build an object and hang it above a placed piece, centred at u."""
        mesh = self.make(name)
        low = float(piece.bounds[1][2]) - float(mesh.bounds[0][2])
        self.layout.hang_on_wall(name, mesh, side.name, u, max(low + float(self.rng.uniform(0.12, 0.35)), 1.45))

    def place_beside(
        self, name: str, side: Side, u: float, piece: Mesh, left: bool, mesh: Mesh | None = None
    ) -> Mesh | None:
        """Place a piece at the left or right of one that stands against the same wall at u. mesh: None to build one."""
        new = self.make(name) if mesh is None else mesh
        half = abs(float(np.dot((piece.bounds[1] - piece.bounds[0])[:2], np.abs(side.along)))) / 2
        new_half = float(new.bounds[1][0] - new.bounds[0][0]) / 2
        gap = float(self.rng.uniform(0.04, 0.15))
        return self.layout.place_against_wall(name, new, side.name, u + (-1 if left else 1) * (half + new_half + gap))

    def add_rug(self, x: float, y: float, size: tuple[float, float], yaw: float) -> None:
        """Add a rug centred at (x, y), kept inside the room along y. size: width, length in metres."""
        width, length = size
        top = finishes.rug(self.rng, self.split, width, length)
        flat = quad((-width / 2, -length / 2, 0.011), (width, 0, 0), (0, length, 0), top, uv="unit")
        edge = box((width, length, 0.01), self.finishes.linen)
        low, high = 0.05 + length / 2, self.layout.plan.depth - 0.05 - length / 2
        self.layout.add(
            "rug", merge([flat, edge]).moved((x, float(np.clip(y, min(low, high), max(low, high))), 0.0), yaw)
        )


def depth_from_wall(mesh: Mesh, side: Side) -> float:
    """Return the extent of a placed piece along the wall's inward normal, in metres."""
    size = (mesh.bounds[1] - mesh.bounds[0])[:2]
    return float(np.dot(size, np.abs(side.inward)))


def floor_center(mesh: Mesh) -> tuple[float, float]:
    """Return the centre (x, y) of a placed piece on the floor plan."""
    x, y = ((mesh.bounds[0] + mesh.bounds[1]) / 2)[:2]
    return float(x), float(y)
