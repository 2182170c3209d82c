"""Planes of the walls of a room, painted or not, and the camera with which a depth map follows from them.

Camera coordinates are those of OpenCV: x right, y down, z forward, in metres. The normal n of a plane points into the
room, and the points X of the plane fulfil n . X + distance = 0.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from wallpaint.rooms.mesh import Mesh
from wallpaint.rooms.room import Camera
from wallpaint.typing import Array

MIN_AREA_M2 = 1.0  # of a wall plane; window reveals and the backs of niches are smaller
TOLERANCE_M = 2e-3  # between the faces of one plane
MIN_COSINE = 0.9999  # between their normals
MIN_SLOPE, MAX_SLOPE = 0.05, 0.98  # |z| of the normal of a sloped ceiling
DECIMALS = 6
_WALL = re.compile(r"(\w+) wall, (upper|lower)")
_CEILINGS = ("ceiling", "timber ceiling")  # materials of sloped ceilings, which count as walls


@dataclass(frozen=True)
class MeshPlane:
    """A wall plane in room coordinates: its points X fulfil normal . X = offset.

    name: side of the room, or "slope". normal: (3,) unit vector into the room. offset: metres.
    """

    name: str
    normal: tuple[float, float, float]
    offset: float


@dataclass(frozen=True)
class PlaneInView:
    """A wall plane in camera coordinates. name: side of the room, or "slope". normal: (3,), into the room.

    distance_m: of the camera from the plane.
    """

    name: str
    normal: tuple[float, float, float]
    distance_m: float

    def to_json(self) -> dict[str, Any]:
        """Return the plane as JSON types."""
        return {"name": self.name, "normal": list(self.normal), "distance_m": self.distance_m}

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> PlaneInView:
        """Return the plane of a `to_json` entry. Raises KeyError, TypeError or ValueError."""
        x, y, z = (float(value) for value in entry["normal"])
        return cls(str(entry["name"]), (x, y, z), float(entry["distance_m"]))


@dataclass(frozen=True)
class CameraIntrinsics:
    """A pinhole camera: field of view and pose.

    half_width, half_height, shift: see `room.Camera`. rotation: (3, 3), rows are the camera's right, down and forward
    in room coordinates, so camera = rotation @ (room - position). position: (3,) metres.
    """

    half_width: float
    half_height: float
    shift: float
    rotation: tuple[tuple[float, float, float], ...]
    position: tuple[float, float, float]

    def to_json(self) -> dict[str, Any]:
        """Return the camera as JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> CameraIntrinsics:
        """Return the camera of a `to_json` entry. Raises KeyError, TypeError or ValueError."""
        rows = [_triple([float(value) for value in row]) for row in entry["rotation"]]
        if len(rows) != 3:
            raise ValueError(f"the rotation has {len(rows)} rows, expected 3")
        position = _triple([float(value) for value in entry["position"]])
        return cls(
            float(entry["half_width"]), float(entry["half_height"]), float(entry["shift"]), tuple(rows), position
        )

    @property
    def fov_deg(self) -> float:
        """Horizontal field of view in degrees."""
        return float(np.degrees(2 * np.arctan(self.half_width)))

    def rays(self, size: tuple[int, int]) -> Array:
        """Return the rays through the pixel centres: (h, w, 3) float64, camera coordinates, with z = 1."""
        height, width = size
        y, x = np.mgrid[0:height, 0:width] + 0.5
        across, down = 2 * x / width - 1, 2 * y / height - 1
        return np.stack([self.half_width * across, self.half_height * (down - self.shift), np.ones(size)], -1)


def depth_of_planes(wall_plane: Array, planes: tuple[PlaneInView, ...], camera: CameraIntrinsics) -> Array:
    """Reconstruct the depth of the walls: (h, w) float64, metres along the optical axis, 0 where wall_plane is -1."""
    if not planes:
        return np.zeros(wall_plane.shape)
    normal = np.array([plane.normal for plane in planes])[wall_plane]
    distance = np.array([plane.distance_m for plane in planes])[wall_plane]
    cosine = (normal * camera.rays((wall_plane.shape[0], wall_plane.shape[1]))).sum(-1)
    is_visible = (wall_plane >= 0) & (cosine < -1e-9)
    return np.where(is_visible, -distance / np.where(is_visible, cosine, -1), 0)


def intrinsics_of(camera: Camera) -> CameraIntrinsics:
    """Return field of view and pose of a camera, rounded to DECIMALS."""
    rows = tuple(_triple(row) for row in _rotation(camera))
    half_width, half_height, shift = (
        round(float(value), DECIMALS) for value in (camera.half_width, camera.half_height, camera.shift)
    )
    return CameraIntrinsics(half_width, half_height, shift, rows, _triple(np.asarray(camera.position)))


def planes_in_view(mesh: Mesh, camera: Camera) -> tuple[PlaneInView, ...]:
    """Return the wall planes of a room in camera coordinates, visible or not, in the order of `face_planes`."""
    rotation, position = _rotation(camera), np.asarray(camera.position, np.float64)
    return tuple(
        PlaneInView(
            plane.name,
            _triple(rotation @ np.array(plane.normal)),
            round(float(np.dot(plane.normal, position) - plane.offset), DECIMALS),
        )
        for plane in face_planes(mesh)[0]
    )


def face_planes(mesh: Mesh) -> tuple[tuple[MeshPlane, ...], Array]:
    """Group the faces of walls and sloped ceilings by plane.

    Walls are recognised by the names of their materials. Planes with less than MIN_AREA_M2 are left out: reveals,
    niches, mouldings. Returns the planes in the order of the mesh, and the plane index of every face, (F,) int32, -1
    for none.
    """
    names = [_surface_name(material.name) for material in mesh.materials]
    is_named = np.array([name is not None for name in names], bool)
    candidates = np.flatnonzero(is_named[mesh.material]) if len(names) else np.zeros(0, int)
    corner = mesh.vertices[mesh.faces[candidates]].astype(np.float64)
    cross = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    area = np.linalg.norm(cross, axis=1) / 2
    normal = cross / np.maximum(2 * area, 1e-12)[:, None]
    offset = (normal * corner.mean(1)).sum(-1)
    is_ceiling = np.array([names[m] == "slope" for m in mesh.material[candidates]], bool)
    tilt = np.abs(normal[:, 2])
    remaining = (tilt < MAX_SLOPE) & ~(is_ceiling & (tilt < MIN_SLOPE))
    planes: list[MeshPlane] = []
    index = np.full(len(mesh.faces), -1, np.int32)
    while remaining.any():
        first = int(np.argmax(remaining))
        same = remaining & (normal @ normal[first] > MIN_COSINE) & (np.abs(offset - offset[first]) < TOLERANCE_M)
        if area[same].sum() >= MIN_AREA_M2:
            index[candidates[same]] = len(planes)
            name = "slope" if tilt[first] > MIN_SLOPE else str(names[mesh.material[candidates[first]]])
            planes.append(MeshPlane(name, _triple(normal[first]), round(float(offset[first]), DECIMALS)))
        remaining &= ~same
    return tuple(planes), index


def _surface_name(material: str) -> str | None:
    """Return the side of a wall material, "slope" for a ceiling material, None for other materials."""
    wall = _WALL.fullmatch(material)
    if wall is not None:
        return wall[1]
    return "slope" if material in _CEILINGS else None


def _rotation(camera: Camera) -> Array:
    return np.stack([camera.right, -np.asarray(camera.up), camera.forward]).astype(np.float64)


def _triple(values: Array | list[float]) -> tuple[float, float, float]:
    x, y, z = (round(float(value), DECIMALS) for value in values)
    return (x, y, z)
