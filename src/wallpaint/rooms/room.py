"""The scene description of one room, independent of the renderer: mesh, camera, light, and its paintable walls."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from wallpaint.rooms.materials import Color, Material, Texture
from wallpaint.rooms.mesh import Mesh
from wallpaint.typing import Array

SPLITS = ("train", "validation", "test")
FIRST_VALIDATION_SEED = 900_000
FIRST_TEST_SEED = 950_000
EXTENDED_SEEDS = {
    "train": range(500_000, FIRST_VALIDATION_SEED),
    "validation": range(930_000, FIRST_TEST_SEED),
    "test": range(980_000, 1_000_000),
}
"""Seeds of the extended rooms of each split; all other seeds keep the original distribution."""
GENERATOR_VERSION = 2
"""Version of the generator, raised when the picture of any room changes.

1: files of generators without a version of their own. 2: extended rooms; the pictures of all other rooms are those of
1.
"""
UNCHANGED_SINCE = 1  # first generator version with the present pictures of the rooms that are not extended


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; verticals stay upright if forward is level.

    position: (3,) metres. right, up, forward: (3,) unit vectors. half_width, half_height: tangent of half the
    horizontal and vertical field of view. shift: upward lens shift as a share of half_height.
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
    """A distant disc light.

    direction: (3,) unit vector towards the sun. irradiance: on a surface that faces it, linear sRGB. angle: angular
    radius of the disc in radians.
    """

    direction: Array
    irradiance: Color
    angle: float


@dataclass(frozen=True)
class WallVariant:
    """Other materials for the paintable walls: wallpaper, panelling, brick, or several paints.

    kind: a short description ("wallpaper", "brick", "two-tone"). track: "patterned", "several", or "relief" for the
    relief of the paintable walls in its original colours. surfaces: wall number -> material. Walls that are not listed
    keep the existing paint.
    """

    kind: str
    track: str
    surfaces: dict[int, Material]


@dataclass(frozen=True)
class Room:
    """One room, ready to be rendered.

    mesh: shell and furniture; materials with a `wall` number are the paintable walls, all in one paint. sky:
    environment radiance for materials with `sky`, at u = atan2(x, y) / pi, v = 1/2 + asin(z) / pi of the viewing
    direction. old_paint: albedo of the existing paint, linear sRGB. sun_bounds_min, sun_bounds_max: corners of a box
    that ends just inside the window panes; only surfaces inside the box block sunlight. metadata: field of view, light,
    furniture; JSON types only.
    """

    seed: int
    split: str
    room_type: str
    mesh: Mesh
    camera: Camera
    old_paint: Color
    sky: Texture | None = None
    sun: Sun | None = None
    sun_bounds_min: tuple[float, float, float] = (-0.2, -0.2, -0.2)
    sun_bounds_max: tuple[float, float, float] = (6.0, 6.0, 3.0)
    wall_variants: tuple[WallVariant, ...] = ()
    metadata: dict[str, object] = field(default_factory=dict)

    def with_wall_variant(self, variant: WallVariant) -> Room:
        """Return the room with these wall materials; no wall of it is paintable any more."""
        materials = []
        for material in self.mesh.materials:
            if material.wall is not None:
                material = replace(variant.surfaces.get(material.wall, material), wall=None)
            materials.append(material)
        return replace(self, mesh=replace(self.mesh, materials=tuple(materials)))


def split_of(seed: int) -> str:
    """Return the split of a room, which depends on its seed only: "train", "validation" or "test"."""
    if seed >= FIRST_TEST_SEED:
        return "test"
    return "validation" if seed >= FIRST_VALIDATION_SEED else "train"


def is_extended(seed: int) -> bool:
    """Return whether the room of a seed is an extended room, with the content of `content.KINDS`."""
    return any(seed in seeds for seeds in EXTENDED_SEEDS.values())


def is_current(seed: int, generator_version: int) -> bool:
    """Return whether this generator gives the same picture for a seed as an earlier version did.

    Extended rooms change with every version. The others have been the same since version UNCHANGED_SINCE.
    """
    first = GENERATOR_VERSION if is_extended(seed) else UNCHANGED_SINCE
    return first <= generator_version <= GENERATOR_VERSION


def look_at(
    position: tuple[float, float, float],
    target: tuple[float, float, float],
    fov_deg: float,
    aspect: float,
    shift: float = 0.0,
) -> Camera:
    """Return a camera at a position, directed at a target.

    fov_deg: horizontal field of view in degrees. aspect: width / height. shift: see `Camera`.
    """
    forward = np.asarray(target, np.float64) - np.asarray(position, np.float64)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    half_width = float(np.tan(np.radians(fov_deg) / 2))
    return Camera(
        np.asarray(position, np.float64),
        right,
        np.cross(right, forward),
        forward,
        half_width,
        half_width / aspect,
        shift,
    )
