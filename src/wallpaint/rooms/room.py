"""The description of one room: everything that the renderer needs, and nothing of how it renders."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from wallpaint.rooms.materials import Color, Material, Texture
from wallpaint.rooms.mesh import Mesh
from wallpaint.typing import Array

SPLITS = ("train", "validation", "test")
FIRST_VALIDATION_SEED = 900_000
FIRST_TEST_SEED = 950_000


@dataclass(frozen=True)
class Eye:
    """Where the picture is taken from: a pinhole camera with upright verticals when forward is level.

    position: (3,) metres. right, up, forward: (3,) unit vectors. half_width, half_height: tangents of half the field of
    view. shift: lens shift upwards, as a share of half_height.
    """

    position: Array
    right: Array
    up: Array
    forward: Array
    half_width: float
    half_height: float
    shift: float = 0.0


@dataclass(frozen=True)
class Sun:
    """direction: (3,) unit vector towards the sun. irradiance: of a surface that faces it, linear sRGB.
    angle: radius of its disc in radians."""

    direction: Array
    irradiance: Color
    angle: float


@dataclass(frozen=True)
class Dressing:
    """Another state of the same walls: papered, panelled, or in several paints.

    kind: what it is in a word ("wallpaper", "brick", "two-tone"). track: "patterned" or "several".
    surfaces: wall number -> its material in this state. Walls that are not named keep the old paint.
    """

    kind: str
    track: str
    surfaces: dict[int, Material]


@dataclass(frozen=True)
class Room:
    """One room, ready to be rendered.

    mesh: the whole of it, furniture included; the materials with a `wall` number are the walls to be repainted, all in
    one paint. sky: radiance by direction for materials that ask for it: u = atan2(x, y) / pi, v = 1/2 + asin(z) / pi of
    the direction that one looks in. old_paint: the walls' albedo, linear sRGB. low, high: corners of a box that ends
    just inside the window panes; sunlight reaches what no surface inside the box hides.
    meta: facts for the record (camera angle, light, furniture), JSON types only.
    """

    seed: int
    split: str
    kind: str
    mesh: Mesh
    eye: Eye
    old_paint: Color
    sky: Texture | None = None
    sun: Sun | None = None
    low: tuple[float, float, float] = (-0.2, -0.2, -0.2)
    high: tuple[float, float, float] = (6.0, 6.0, 3.0)
    dressings: tuple[Dressing, ...] = ()
    meta: dict[str, object] = field(default_factory=dict)

    def dressed(self, dressing: Dressing) -> Room:
        """The same room with its walls in another state; nothing in it is to be repainted any more."""
        materials = []
        for material in self.mesh.materials:
            if material.wall is not None:
                material = replace(dressing.surfaces.get(material.wall, material), wall=None)
            materials.append(material)
        return replace(self, mesh=replace(self.mesh, materials=tuple(materials)))


def split_of(seed: int) -> str:
    """Which set a room belongs to, by its seed alone."""
    if seed >= FIRST_TEST_SEED:
        return "test"
    return "validation" if seed >= FIRST_VALIDATION_SEED else "train"


def look_at(
    position: tuple[float, float, float],
    target: tuple[float, float, float],
    fov_deg: float,
    aspect: float,
    shift: float = 0.0,
) -> Eye:
    """An eye that looks at a point. fov_deg: horizontal field of view in degrees. aspect: width over height."""
    forward = np.asarray(target, np.float64) - np.asarray(position, np.float64)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    half_width = float(np.tan(np.radians(fov_deg) / 2))
    return Eye(
        np.asarray(position, np.float64),
        right,
        np.cross(right, forward),
        forward,
        half_width,
        half_width / aspect,
        shift,
    )
