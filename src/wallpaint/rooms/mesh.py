"""Triangle meshes and primitives.

Units are metres; x points right, y away from the viewer, z up. A piece of furniture stands on z = 0, is centred on
x = y = 0 and faces -y. Build a shape at the origin, transform it with `Mesh.moved`, and join meshes with `merge`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from wallpaint.rooms.materials import Material
from wallpaint.typing import Array

Point = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh with per-face materials. Transformations return a new mesh.

    vertices, normals: (V, 3) float32. uv: (V, 2) float32, metres along the surface unless stated otherwise. faces: (F,
    3) int32, counter-clockwise from outside. material: (F,) int32, index into materials.
    """

    vertices: Array
    normals: Array
    uv: Array
    faces: Array
    material: Array
    materials: tuple[Material, ...]

    def moved(self, translation: Point = (0.0, 0.0, 0.0), yaw: float = 0.0, scale: float | Point = 1.0) -> Mesh:
        """Scale, rotate about the z axis by yaw (radians, counter-clockwise from above), then translate."""
        factor = np.broadcast_to(np.asarray(scale, np.float32), 3)
        cos, sin = np.cos(yaw), np.sin(yaw)
        rotation = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], np.float32)
        vertices = (self.vertices * factor) @ rotation.T + np.asarray(translation, np.float32)
        normals = _unit((self.normals / factor) @ rotation.T)
        return replace(self, vertices=vertices, normals=normals)

    def rotated(self, axis: str, angle: float, center: Point = (0.0, 0.0, 0.0)) -> Mesh:
        """Rotate about an axis ("x", "y" or "z") through `center`; angle in radians, right-handed."""
        i = "xyz".index(axis)
        j, k = (i + 1) % 3, (i + 2) % 3
        rotation = np.eye(3, dtype=np.float32)
        rotation[j, j] = rotation[k, k] = np.cos(angle)
        rotation[j, k], rotation[k, j] = -np.sin(angle), np.sin(angle)
        origin = np.asarray(center, np.float32)
        return replace(self, vertices=(self.vertices - origin) @ rotation.T + origin, normals=self.normals @ rotation.T)

    def flipped(self) -> Mesh:
        """Reverse the orientation of faces and normals."""
        return replace(self, faces=self.faces[:, ::-1].copy(), normals=-self.normals)

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Minimum and maximum corner of the bounding box, each (3,) float32."""
        return self.vertices.min(0), self.vertices.max(0)


def merge(meshes: Iterable[Mesh]) -> Mesh:
    """Concatenate meshes; equal materials are merged."""
    pieces = list(meshes)
    table: dict[Material, int] = {}
    vertices, normals, uv, faces, material = [], [], [], [], []
    start = 0
    for piece in pieces:
        numbers = np.array([table.setdefault(m, len(table)) for m in piece.materials], np.int32)
        vertices.append(piece.vertices)
        normals.append(piece.normals)
        uv.append(piece.uv)
        faces.append(piece.faces + start)
        material.append(numbers[piece.material])
        start += len(piece.vertices)
    if not pieces:
        empty = np.zeros((0, 3), np.float32)
        return Mesh(empty, empty, empty[:, :2], empty.astype(np.int32), np.zeros(0, np.int32), ())
    return Mesh(
        np.concatenate(vertices).astype(np.float32),
        np.concatenate(normals).astype(np.float32),
        np.concatenate(uv).astype(np.float32),
        np.concatenate(faces).astype(np.int32),
        np.concatenate(material).astype(np.int32),
        tuple(table),
    )


def quad(corner: Point, across: Point, up: Point, material: Material, uv: str = "metres") -> Mesh:
    """Return a parallelogram spanned by two edges from a corner; its normal is across x up.

    uv: "metres" from the corner, or "unit" for 0..1 over the whole area.
    """
    c, a, b = (np.asarray(v, np.float32) for v in (corner, across, up))
    length_a, length_b = (1.0, 1.0) if uv == "unit" else (float(np.linalg.norm(a)), float(np.linalg.norm(b)))
    vertices = np.stack([c, c + a, c + a + b, c + b])
    normals = np.repeat(_unit(np.cross(a, b))[None], 4, 0)
    coords = np.array([[0, 0], [length_a, 0], [length_a, length_b], [0, length_b]], np.float32)
    return _single_material(vertices, normals, coords, [[0, 1, 2], [0, 2, 3]], material)


def polygon(outline: Sequence[Point], material: Material) -> Mesh:
    """Return a planar convex polygon, counter-clockwise from its front; uv in metres along the first edge."""
    points = np.asarray(outline, np.float32)
    across = _unit(points[1] - points[0])
    normal = _unit(np.cross(points[1] - points[0], points[2] - points[0]))
    up = np.cross(normal, across)
    coords = np.stack([(points - points[0]) @ across, (points - points[0]) @ up], -1)
    faces = [[0, i, i + 1] for i in range(1, len(points) - 1)]
    return _single_material(points, np.repeat(normal[None], len(points), 0), coords, faces, material)


def box(size: Point, material: Material, at: Point = (0.0, 0.0, 0.0), bevel: float = 0.0) -> Mesh:
    """Return a box whose base is centred on `at`. size: along x, y, z. bevel: chamfer width."""
    if bevel > 0:
        return rounded_box(size, material, at, radius=bevel, steps=1)
    half = np.array([size[0] / 2, size[1] / 2, size[2] / 2])
    centre = np.asarray(at, float) + np.array([0, 0, half[2]])
    sides = []
    for axis in range(3):
        for sign in (-1, 1):
            normal, across = np.zeros(3), np.zeros(3)
            normal[axis] = sign
            across[(axis + 1) % 3] = 1.0
            if axis == 0:  # keep v upright on the sides
                across = np.array([0.0, 1.0, 0.0]) * sign
            elif axis == 1:
                across = np.array([-1.0, 0.0, 0.0]) * sign
            else:
                across = np.array([1.0, 0.0, 0.0])
            up = np.cross(normal, across)
            corner = centre + half * (normal - across - up)
            sides.append(
                quad(_point(corner), _point(2 * across * abs(half @ across)), _point(2 * up * abs(half @ up)), material)
            )
    return merge(sides)


def rounded_box(
    size: Point, material: Material, at: Point = (0.0, 0.0, 0.0), radius: float = 0.02, steps: int = 2
) -> Mesh:
    """Return a box with rounded edges. steps: facets per quarter turn, at least 1."""
    half = np.array([size[0] / 2, size[1] / 2, size[2] / 2])
    radius = min(radius, 0.999 * float(half.min()))
    inner = half - radius
    angle = np.linspace(-np.pi / 4, np.pi / 4, steps + 1)
    side = np.tan(angle)  # cube face coordinates that give equal angles on the unit sphere
    s, t = np.meshgrid(side, side, indexing="ij")
    vertices, normals, uv, faces = [], [], [], []
    start = 0
    count = 2 * (steps + 1)
    index = np.arange(count * count).reshape(count, count)
    cells = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1).reshape(-1, 4)
    triangles = np.concatenate([cells[:, [0, 1, 2]], cells[:, [0, 2, 3]]])
    low, high = np.minimum(side, 0), np.maximum(side, 0)
    ramp = np.concatenate([low, high])
    sign_of = np.concatenate([-np.ones(steps + 1), np.ones(steps + 1)])
    s, t = np.meshgrid(ramp, ramp, indexing="ij")
    ss, tt = np.meshgrid(sign_of, sign_of, indexing="ij")
    for axis in range(3):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        for sign in (-1.0, 1.0):
            direction = np.zeros((count, count, 3))
            direction[..., axis], direction[..., a], direction[..., b] = sign, s, t
            direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
            anchor = np.zeros((count, count, 3))
            anchor[..., axis], anchor[..., a], anchor[..., b] = sign * inner[axis], ss * inner[a], tt * inner[b]
            point = anchor + radius * direction
            flat = point.reshape(-1, 3)
            vertices.append(flat)
            normals.append(direction.reshape(-1, 3))
            upright = (a, b) if axis == 2 else ((a, b) if b == 2 else (b, a))
            uv.append(flat[:, upright] + half[list(upright)])
            faces.append((triangles if sign > 0 else triangles[:, ::-1]) + start)
            start += count * count
    centre = np.asarray(at, float) + np.array([0, 0, half[2]])
    return _single_material(
        np.concatenate(vertices) + centre, np.concatenate(normals), np.concatenate(uv), np.concatenate(faces), material
    )


def lathe(
    profile: Sequence[tuple[float, float]], material: Material, at: Point = (0.0, 0.0, 0.0), segments: int = 20
) -> Mesh:
    """Return a surface of revolution about the z axis.

    profile: (radius, height) points from bottom to top, which makes the surface face outwards. Repeat a point for a
    sharp edge.
    """
    line = np.asarray(profile, float)
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    rows = len(line)
    step = np.diff(line, axis=0)
    slope = np.stack([step[:, 1], -step[:, 0]], -1)  # outward normal in the (radius, height) plane
    slope = slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-9)
    before, after = np.vstack([slope[:1], slope]), np.vstack([slope, slope[-1:]])
    normal2 = _unit(before + after)
    normal2[np.abs(normal2).sum(1) < 0.5] = (0.0, 1.0)  # degenerate tip, used by no face
    cos, sin = np.cos(angle), np.sin(angle)
    vertices = np.stack([line[:, :1] * cos, line[:, :1] * sin, np.repeat(line[:, 1:], segments + 1, 1)], -1)
    normals = np.stack([normal2[:, :1] * cos, normal2[:, :1] * sin, np.repeat(normal2[:, 1:], segments + 1, 1)], -1)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(step, axis=1))])
    girth = float(line[:, 0].max()) * angle
    uv = np.stack([np.repeat(girth[None], rows, 0), np.repeat(along[:, None], segments + 1, 1)], -1)
    return _grid(vertices + np.asarray(at), normals, uv, material)


def cylinder(
    radius: float,
    height: float,
    material: Material,
    at: Point = (0.0, 0.0, 0.0),
    segments: int = 16,
    top: float | None = None,
) -> Mesh:
    """Return a closed cylinder whose base is centred on `at`. top: radius at the top, for cones and tapered legs."""
    end = radius if top is None else top
    return lathe([(0, 0), (radius, 0), (radius, 0), (end, height), (end, height), (0, height)], material, at, segments)


def sphere(radius: float | Point, material: Material, at: Point = (0.0, 0.0, 0.0), segments: int = 16) -> Mesh:
    """Return a sphere or ellipsoid centred on `at`. radius: one value, or one per axis."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, segments // 2 + 1)
    unit = lathe([(float(np.cos(a)), float(np.sin(a))) for a in angle], material, segments=segments)
    return unit.moved(at, scale=radius)


def tube(path: Sequence[Point], radius: float, material: Material, segments: int = 8) -> Mesh:
    """Return a tube along a polyline, with open ends."""
    points = np.asarray(path, float)
    tangent = _unit(np.gradient(points, axis=0))
    reference = np.where(np.abs(tangent[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    side = _unit(np.cross(tangent, reference))
    up = np.cross(side, tangent)
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    normals = side[:, None] * np.cos(angle)[:, None] - up[:, None] * np.sin(angle)[:, None]
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    uv = np.stack(np.broadcast_arrays(radius * angle[None], along[:, None]), -1)
    return _grid(points[:, None] + radius * normals, normals, uv, material)


def surface(
    shape: Callable[[Array, Array], Array], material: Material, across: int, up: int, size: tuple[float, float]
) -> Mesh:
    """Return a one-sided parametric surface; see `two_sided`.

    shape: maps s, t of shape (up + 1, across + 1), 0..1, to points (up + 1, across + 1, 3). size: extent of s and t in
    uv, in metres. The normal is d/ds x d/dt.
    """
    t, s = np.meshgrid(np.linspace(0, 1, up + 1), np.linspace(0, 1, across + 1), indexing="ij")
    points = np.asarray(shape(s, t), float)
    normals = _unit(np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0)))
    return _grid(points, normals, np.stack([s * size[0], t * size[1]], -1), material)


def two_sided(mesh: Mesh) -> Mesh:
    """Add the reversed faces, for thin sheets that are visible from both sides."""
    return merge([mesh, mesh.flipped()])


def extrude(
    outline: Sequence[tuple[float, float]], start: Point, end: Point, material: Material, up: Point = (0.0, 0.0, 1.0)
) -> Mesh:
    """Sweep an outline along a straight line, without end caps; for mouldings.

    outline: (away, height) points from bottom to top, which makes the surface face outwards. height is along up, away
    along up x (end - start), to the left of the direction of the sweep. Corners stay sharp.
    """
    a, b = np.asarray(start, float), np.asarray(end, float)
    lift = _unit(np.asarray(up, float))
    away = _unit(np.cross(lift, b - a))
    line = np.asarray(outline, float)
    sides = []
    for (x0, z0), (x1, z1) in pairwise(line):
        low, high = a + away * x0 + lift * z0, a + away * x1 + lift * z1
        sides.append(quad(_point(high), _point(b - a), _point(low - high), material))
    return merge(sides)


def _grid(points: Array, normals: Array, uv: Array, material: Material) -> Mesh:
    """Return the mesh of a grid of points (rows, columns, 3); degenerate triangles are left out."""
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    cells = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], -1).reshape(-1, 4)
    faces = np.concatenate([cells[:, [0, 1, 2]], cells[:, [0, 2, 3]]])
    corner = points.reshape(-1, 3)[faces]
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    return _single_material(
        points.reshape(-1, 3), normals.reshape(-1, 3), uv.reshape(-1, 2), faces[area > 1e-12], material
    )


def _single_material(
    vertices: Array, normals: Array, uv: Array, faces: Array | list[list[int]], material: Material
) -> Mesh:
    triangles = np.asarray(faces, np.int32).reshape(-1, 3)
    return Mesh(
        np.asarray(vertices, np.float32),
        np.asarray(normals, np.float32),
        np.asarray(uv, np.float32),
        triangles,
        np.zeros(len(triangles), np.int32),
        (material,),
    )


def _unit(vectors: Array) -> Array:
    vectors = np.asarray(vectors)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _point(vector: Array) -> Point:
    return (float(vector[0]), float(vector[1]), float(vector[2]))
