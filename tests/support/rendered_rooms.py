"""Small hand-made rooms for tests of the renderer."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.materials import TEXTURE_PX, Color, Material, Texture
from wallpaint.rooms.mesh import Mesh, Point, box, cylinder, merge, quad, sphere
from wallpaint.rooms.room import Room, Sun, look_at

OLD_PAINT: Color = (0.55, 0.5, 0.42)
SIZE: Point = (4.0, 4.0, 2.6)
SIDES = ("left", "right", "front", "back", "floor", "ceiling")
SILL, LINTEL, JAMBS, REVEAL = 0.9, 2.1, (1.2, 2.8), 0.1  # the window in the left wall, metres


def paint(number: int, f0: float = 0.0, bump: float = 0.0) -> Material:
    """Return the material of a paintable wall."""
    return Material(f"wall {number}", OLD_PAINT, f0=f0, roughness=0.6, bump=bump, wall=number)


def shell(materials: dict[str, Material]) -> Mesh:
    """Return the inside of a box from the origin to SIZE. materials: by side; sides may be missing."""
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
    """Return a room with a level camera near the front wall; its sun bounds end inside the window reveal."""
    camera = look_at((1.6, 0.35, 1.4), (2.0, 3.9, 1.4), 80.0, 1.0, shift=-0.1)
    sun_bounds_min, sun_bounds_max = (
        (-0.9 * REVEAL, -REVEAL, -REVEAL),
        (SIZE[0] + REVEAL, SIZE[1] + REVEAL, SIZE[2] + REVEAL),
    )
    return Room(1, "train", "made", mesh, camera, OLD_PAINT, sky, sun, sun_bounds_min, sun_bounds_max)


def furnace(radiance: float) -> Room:
    """White furnace: emissive paint on all sides; with albedo rho every pixel is radiance / (1 - rho)."""
    glow = Material("wall 0", OLD_PAINT, emission=(radiance, radiance, radiance), wall=0)
    return room_of(shell(dict.fromkeys(SIDES, glow)))


def painted_box() -> Room:
    """Paint on all six sides and one lamp: every bounce is on paint."""
    return room_of(merge([shell(dict.fromkeys(SIDES, paint(0))), lamp()]))


def diffuse_room() -> Room:
    """Lambert surfaces only: four painted walls, white and wood, a lamp below the ceiling, a box on the floor."""
    white, wood = Material("white", (0.8, 0.8, 0.78)), Material("wood", (0.4, 0.22, 0.12))
    sides = {**_walls(), "floor": wood, "ceiling": white}
    return room_of(merge([shell(sides), lamp(), box((0.8, 0.8, 0.9), white, at=(2.8, 2.6, 0.0))]))


def furnished() -> Room:
    """All features: specular and metal surfaces, textures, bump-mapped walls, a lampshade, a window, sky and sun."""
    white = Material("white", (0.8, 0.8, 0.78))
    boards = Material("boards", (0.9, 0.85, 0.8), _checks(), (0.5, 0.5), roughness=0.4, f0=0.04)
    walls = _walls(f0=0.04, bump=0.1)
    sides = {**walls, "floor": boards, "ceiling": white}
    left = sides.pop("left")
    sun = Sun(np.array([-0.8, 0.2, 0.56]) / np.linalg.norm([-0.8, 0.2, 0.56]), (9.0, 8.0, 6.5), 0.005)
    objects = [
        box((0.8, 0.8, 0.9), Material("lacquer", (0.5, 0.08, 0.06), roughness=0.3, f0=0.04), at=(2.9, 2.6, 0.0)),
        sphere(0.25, Material("brass", (0.9, 0.7, 0.35), roughness=0.35, metal=True), at=(2.9, 2.5, 1.15), segments=32),
        cylinder(0.18, 0.3, Material("shade", (0.6, 0.55, 0.5), emission=(3.0, 2.4, 1.6)), at=(1.2, 3.4, 0.9)),
        cylinder(0.03, 0.9, Material("stem", (0.1, 0.1, 0.1), roughness=0.5, f0=0.04), at=(1.2, 3.4, 0.0)),
    ]
    return room_of(merge([shell(sides), _window_wall(left, white), *objects]), sky(), sun)


def sky() -> Texture:
    """A sky that is bright above the horizon, dark below, and brighter to one side; smooth and periodic in u."""
    v, u = np.meshgrid(
        (np.arange(TEXTURE_PX) + 0.5) / TEXTURE_PX, (np.arange(TEXTURE_PX) + 0.5) / TEXTURE_PX, indexing="ij"
    )
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
    """The left wall with a window opening, its reveal, and a pane."""
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
    """A checkerboard of 16 x 16 squares."""
    row = np.arange(TEXTURE_PX) // (TEXTURE_PX // 16)
    squares = (row[:, None] + row[None]) % 2
    return Texture(np.where(squares[..., None] > 0, [0.7, 0.5, 0.3], [0.15, 0.1, 0.07]).astype(np.float32))
