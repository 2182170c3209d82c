"""One room's decorator: what there is to choose from, and how pieces are put where people put them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wallpaint.rooms.arrangement import Arrangement
from wallpaint.rooms.furniture import Kind, beds, clutter, kitchen, lamps, plants, seating, storage, tables, wall_things
from wallpaint.rooms.lighting import Lighting
from wallpaint.rooms.materials import BLACK, Color
from wallpaint.rooms.mesh import Mesh, box, merge, quad
from wallpaint.rooms.shell import Side
from wallpaint.rooms.surfaces import finishes
from wallpaint.rooms.surfaces.finishes import Finishes

SEEN = ("back", "back", "left", "right")  # walls that a picture usually shows, the far one first
CATALOGUE: dict[str, Kind] = {
    **seating.MAKERS,
    **beds.MAKERS,
    **tables.MAKERS,
    **storage.MAKERS,
    **kitchen.MAKERS,
    **plants.MAKERS,
    **wall_things.MAKERS,
    **clutter.MAKERS,
}


@dataclass(frozen=True)
class Decorator:
    """Everything that the programmes draw on for one room."""

    rng: np.random.Generator
    own: Finishes
    lighting: Lighting
    split: str
    room: Arrangement
    lit: list[str] = field(default_factory=list)  # the kinds of lamps that are on

    def make(self, kind: str) -> Mesh:
        return CATALOGUE[kind].make(self.rng, self.own, self.split)

    def lamp(self, kind: str, share: float = 1.0, sure: bool = False) -> Mesh:
        """A lamp, lit when the room's lamps are; now and then one is off. sure: not this one."""
        lit = self.lighting.lamps_on and (self.rng.random() < 0.85 or sure)
        if lit:
            self.lit.append(kind)
        bulb = self.lighting.bulb
        power: Color = (bulb[0] * share, bulb[1] * share, bulb[2] * share) if lit else BLACK
        return lamps.MAKERS[kind].make(self.rng, self.own, power, self.split)

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def one_of(self, *names: str) -> str:
        return names[int(self.rng.integers(len(names)))]

    def against(self, kind: str, sides: tuple[str, ...] = SEEN) -> tuple[Side, float, Mesh] | None:
        return self.room.try_walls(kind, self.make(kind), self.rng, sides)

    def stand_free(self, kind: str, tries: int = 8) -> Mesh | None:
        """Put a piece somewhere on the free floor, turned as people leave things."""
        mesh = self.make(kind)
        for _ in range(tries):
            x = float(self.rng.uniform(0.1, 0.9)) * self.room.plan.width
            y = float(self.rng.uniform(0.3, 0.9)) * self.room.plan.depth
            placed = self.room.stand(kind, mesh, x, y, float(self.rng.uniform(-3.1, 3.1)), 0.05)
            if placed is not None:
                return placed
        return None

    def hang(self, kind: str, sides: tuple[str, ...] = SEEN, tries: int = 6) -> None:
        mesh = self.make(kind)
        for _ in range(tries):
            side = self.room.plan.sides[self.one_of(*sides)]
            u = float(self.rng.uniform(0.3, side.length - 0.3))
            if self.room.hang(kind, mesh, side.name, u, float(self.rng.uniform(1.4, 1.7))) is not None:
                return

    def hang_above(self, kind: str, side: Side, u: float, piece: Mesh) -> None:
        """Hang a thing over a piece of furniture."""
        mesh = self.make(kind)
        low = float(piece.bounds[1][2]) - float(mesh.bounds[0][2])
        self.room.hang(kind, mesh, side.name, u, max(low + float(self.rng.uniform(0.12, 0.35)), 1.45))

    def beside(self, kind: str, side: Side, u: float, piece: Mesh, left: bool, mesh: Mesh | None = None) -> Mesh | None:
        """Put a piece at the left or right of one that stands against the same wall."""
        new = self.make(kind) if mesh is None else mesh
        half = abs(float(np.dot((piece.bounds[1] - piece.bounds[0])[:2], np.abs(side.along)))) / 2
        own = float(new.bounds[1][0] - new.bounds[0][0]) / 2
        gap = float(self.rng.uniform(0.04, 0.15))
        return self.room.against(kind, new, side.name, u + (-1 if left else 1) * (half + own + gap))

    def rug(self, x: float, y: float, size: tuple[float, float], turn: float) -> None:
        """Lay a rug under what stands about a point."""
        width, length = size
        top = finishes.rug(self.rng, self.split, width, length)
        flat = quad((-width / 2, -length / 2, 0.011), (width, 0, 0), (0, length, 0), top, uv="unit")
        edge = box((width, length, 0.01), self.own.linen)
        low, high = 0.05 + length / 2, self.room.plan.depth - 0.05 - length / 2
        self.room.add(
            "rug", merge([flat, edge]).moved((x, float(np.clip(y, min(low, high), max(low, high))), 0.0), turn)
        )


def reach(mesh: Mesh, side: Side) -> float:
    """How far a piece that stands against a wall comes out."""
    size = (mesh.bounds[1] - mesh.bounds[0])[:2]
    return float(np.dot(size, np.abs(side.inward)))


def middle(mesh: Mesh) -> tuple[float, float]:
    """The middle of a piece on the floor plan."""
    x, y = ((mesh.bounds[0] + mesh.bounds[1]) / 2)[:2]
    return float(x), float(y)
