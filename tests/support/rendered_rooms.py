"""A few small rooms made by hand, for tests of the renderer: each has something of its own to be right about."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.materials import TILE, Color, Material, Texture
from wallpaint.rooms.mesh import Mesh, Point, ball, box, cylinder, merge, quad
from wallpaint.rooms.room import Room, Sun, look_at

OLD_PAINT: Color = (0.55, 0.5, 0.42)
SIZE: Point = (4.0, 4.0, 2.6)
SIDES = ("left", "right", "front", "back", "floor", "ceiling")
SILL, LINTEL, JAMBS, REVEAL = 0.9, 2.1, (1.2, 2.8), 0.1  # the window in the left wall, metres


def paint(number: int, f0: float = 0.0, bump: float = 0.0) -> Material:
    """A wall to be repainted."""
    return Material(f"wall {number}", OLD_PAINT, f0=f0, roughness=0.6, bump=bump, wall=number)


def shell(materials: dict[str, Material]) -> Mesh:
    """The inside of a box from the origin to SIZE; materials by side, any of SIDES may be missing."""
    x, y, z = SIZE
    sides: dict[str, tuple[Point, Point, Point]] = {
        "left": ((0.0, 0.0, 0.0), (0.0, y, 0.0), (0.0, 0.0, z)),
        "right": ((x, y, 0.0), (0.0, -y, 0.0), (0.0, 0.0, z)),
        "front": ((x, 0.0, 0.0), (-x, 0.0, 0.0), (0.0, 0.0, z)),
        "back": ((0.0, y, 0.0), (x, 0.0, 0.0), (0.0, 0.0, z)),
        "floor": ((0.0, 0.0, 0.0), (x, 0.0, 0.0), (0.0, y, 0.0)),
        "ceiling": ((0.0, y, z), (x, 0.0, 0.0), (0.0, -y, 0.0)),
    }
    return merge(quad(*sides[name], material) for name, material in materials.items())


def room_of(mesh: Mesh, sky: Texture | None = None, sun: Sun | None = None) -> Room:
    """A level eye near the front wall; the box for the sun ends within the reveal of the window."""
    eye = look_at((1.6, 0.35, 1.4), (2.0, 3.9, 1.4), 80.0, 1.0, shift=-0.1)
    low, high = (-0.9 * REVEAL, -REVEAL, -REVEAL), (SIZE[0] + REVEAL, SIZE[1] + REVEAL, SIZE[2] + REVEAL)
    return Room(1, "train", "made", mesh, eye, OLD_PAINT, sky, sun, low, high)


def furnace(radiance: float) -> Room:
    """Nothing but paint that glows: with albedo rho every pixel is radiance / (1 - rho)."""
    glow = Material("wall 0", OLD_PAINT, emission=(radiance, radiance, radiance), wall=0)
    return room_of(shell(dict.fromkeys(SIDES, glow)))


def bare() -> Room:
    """Paint on all six sides and one lamp: light that bounces on nothing but paint."""
    return room_of(merge([shell(dict.fromkeys(SIDES, paint(0))), lamp()]))


def matt() -> Room:
    """Lambert surfaces only: four painted walls, white and wood, a lamp under the ceiling, a box on the floor."""
    white, wood = Material("white", (0.8, 0.8, 0.78)), Material("wood", (0.4, 0.22, 0.12))
    sides = {**_walls(), "floor": wood, "ceiling": white}
    return room_of(merge([shell(sides), lamp(), box((0.8, 0.8, 0.9), white, at=(2.8, 2.6, 0.0))]))


def furnished() -> Room:
    """Everything at once: gloss, metal, textures, uneven walls, a lampshade, a window with a sky and the sun."""
    white = Material("white", (0.8, 0.8, 0.78))
    boards = Material("boards", (0.9, 0.85, 0.8), _checks(), (0.5, 0.5), roughness=0.4, f0=0.04)
    walls = _walls(f0=0.04, bump=0.1)
    sides = {**walls, "floor": boards, "ceiling": white}
    left = sides.pop("left")
    sun = Sun(np.array([-0.8, 0.2, 0.56]) / np.linalg.norm([-0.8, 0.2, 0.56]), (9.0, 8.0, 6.5), 0.005)
    things = [
        box((0.8, 0.8, 0.9), Material("lacquer", (0.5, 0.08, 0.06), roughness=0.3, f0=0.04), at=(2.9, 2.6, 0.0)),
        ball(0.25, Material("brass", (0.9, 0.7, 0.35), roughness=0.35, metal=True), at=(2.9, 2.5, 1.15), segments=32),
        cylinder(0.18, 0.3, Material("shade", (0.6, 0.55, 0.5), emission=(3.0, 2.4, 1.6)), at=(1.2, 3.4, 0.9)),
        cylinder(0.03, 0.9, Material("stem", (0.1, 0.1, 0.1), roughness=0.5, f0=0.04), at=(1.2, 3.4, 0.0)),
    ]
    return room_of(merge([shell(sides), _window_wall(left, white), *things]), sky(), sun)


def sky() -> Texture:
    """Bright above the horizon and dark below, brighter to one side; smooth and periodic in u."""
    v, u = np.meshgrid((np.arange(TILE) + 0.5) / TILE, (np.arange(TILE) + 0.5) / TILE, indexing="ij")
    height = 1 / (1 + np.exp(-(v - 0.5) * 40))
    glow = 1 + 0.6 * np.cos(2 * np.pi * u + 2.0)
    texels = height[..., None] * glow[..., None] * [0.8, 1.0, 1.3] + (1 - height[..., None]) * [0.2, 0.22, 0.15]
    return Texture(texels.astype(np.float32))


def _walls(f0: float = 0.0, bump: float = 0.0) -> dict[str, Material]:
    return {name: paint(number, f0, bump) for number, name in enumerate(SIDES[:4])}


def lamp() -> Mesh:
    glow = Material("lamp", (0.0, 0.0, 0.0), emission=(12.0, 11.0, 9.0))
    return quad((1.6, 2.8, 2.55), (0.8, 0.0, 0.0), (0.0, -0.8, 0.0), glow)


def _window_wall(wall: Material, frame: Material) -> Mesh:
    """The left wall with an opening, its reveal, and a pane behind it."""
    _, depth, height = SIZE
    near, far = JAMBS
    pane = Material("pane", (0.0, 0.0, 0.0), emission=(4.0, 4.0, 4.0), sky=True)
    wide, tall = far - near, LINTEL - SILL
    return merge(
        [
            quad((0.0, 0.0, 0.0), (0.0, near, 0.0), (0.0, 0.0, height), wall),
            quad((0.0, far, 0.0), (0.0, depth - far, 0.0), (0.0, 0.0, height), wall),
            quad((0.0, near, 0.0), (0.0, wide, 0.0), (0.0, 0.0, SILL), wall),
            quad((0.0, near, LINTEL), (0.0, wide, 0.0), (0.0, 0.0, height - LINTEL), wall),
            quad((-REVEAL, near, SILL), (REVEAL, 0.0, 0.0), (0.0, wide, 0.0), frame),
            quad((-REVEAL, far, LINTEL), (REVEAL, 0.0, 0.0), (0.0, -wide, 0.0), frame),
            quad((0.0, near, SILL), (-REVEAL, 0.0, 0.0), (0.0, 0.0, tall), frame),
            quad((-REVEAL, far, SILL), (REVEAL, 0.0, 0.0), (0.0, 0.0, tall), frame),
            quad((-REVEAL, near, SILL), (0.0, wide, 0.0), (0.0, 0.0, tall), pane),
        ]
    )


def _checks() -> Texture:
    """Sixteen dark and light squares a side."""
    row = np.arange(TILE) // (TILE // 16)
    squares = (row[:, None] + row[None]) % 2
    return Texture(np.where(squares[..., None] > 0, [0.7, 0.5, 0.3], [0.15, 0.1, 0.07]).astype(np.float32))
