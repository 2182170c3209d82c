"""Profiles swept along outlines on a wall, flat panels, and mesh instancing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh
from wallpaint.typing import Array

MIN_CURVE_COS = np.cos(np.radians(35.0))  # corners that turn by less than 35 degrees are shaded smooth


def rectangle(width: float, height: float, at: tuple[float, float] = (0.0, 0.0)) -> Array:
    """(4, 2) corners of a rectangle centred on `at`, counter-clockwise from the lower left."""
    return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width / 2, height / 2] + np.asarray(at)


def ellipse(width: float, height: float, points: int = 40, at: tuple[float, float] = (0.0, 0.0)) -> Array:
    """(points, 2) ellipse centred on `at`, counter-clockwise."""
    angle = np.arange(points) * 2 * np.pi / points
    return np.stack([np.cos(angle) * width / 2, np.sin(angle) * height / 2], -1) + np.asarray(at)


def arch(width: float, height: float, points: int = 24) -> Array:
    """(points + 3, 2) round-headed arch centred on the origin, counter-clockwise from the lower left."""
    angle = np.linspace(0, np.pi, points + 1)
    spring = height / 2 - width / 2
    head = np.stack([np.cos(angle) * width / 2, spring + np.sin(angle) * width / 2], -1)
    return np.vstack([[[-width / 2, -height / 2], [width / 2, -height / 2]], head])


def moulding(
    outline: Array, profile: Sequence[tuple[float, float]], material: Material, closed: bool = True, y: float = 0.0
) -> Mesh:
    """Sweep a profile along an outline in a plane of constant y, with mitred corners.

    outline: (N, 2) points (x, z), counter-clockwise seen from -y; the outward side is on the right of the direction of
    travel. profile: (offset outwards, height towards -y) from the inner edge to the outer edge. y: base plane.
    """
    path = np.asarray(outline, float)
    if closed:
        path = np.vstack([path, path[:1]])
    edge = np.diff(path, axis=0)
    length = np.linalg.norm(edge, axis=1)
    outwards = np.stack([edge[:, 1], -edge[:, 0]], -1) / length[:, None]
    before = np.roll(outwards, 1, 0) if closed else np.vstack([outwards[:1], outwards[:-1]])
    after = np.roll(outwards, -1, 0) if closed else np.vstack([outwards[1:], outwards[-1:]])
    mitre = [(side + outwards) / (1 + (side * outwards).sum(1, keepdims=True)) for side in (before, after)]
    soft = [_edge_normals(outwards, side, m) for side, m in zip((before, after), mitre, strict=True)]
    along = np.concatenate([[0], np.cumsum(length)])
    line = np.asarray(profile, float)
    across = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])

    vertices, normals, uv = [], [], []
    for i in range(len(line) - 1):
        (o0, r0), (o1, r1) = line[i], line[i + 1]
        slope = np.array([-(r1 - r0), o1 - o0]) / max(np.hypot(r1 - r0, o1 - o0), 1e-9)
        for end, out, toward, v in ((0, o1, r1, i + 1), (1, o1, r1, i + 1), (1, o0, r0, i), (0, o0, r0, i)):
            at = path[end : len(edge) + end] + mitre[end] * out
            vertices.append(np.stack([at[:, 0], np.full(len(at), y - toward), at[:, 1]], -1))
            facing = soft[end] * slope[0]
            normals.append(np.stack([facing[:, 0], np.full(len(at), -slope[1]), facing[:, 1]], -1))
            uv.append(np.stack([along[end : len(edge) + end], np.full(len(at), across[v])], -1))
    count = len(edge)
    corner = np.arange(count)[None, :] + 4 * count * np.arange(len(line) - 1)[:, None]
    triangles = count * np.array([[0, 1, 2], [0, 2, 3]])
    faces = (corner.reshape(-1, 1, 1) + triangles).reshape(-1, 3)
    return _mesh(np.concatenate(vertices), np.concatenate(normals), np.concatenate(uv), faces, material)


def _edge_normals(outwards: Array, neighbour: Array, mitre: Array) -> Array:
    """Normals at one end of each edge: the mitre direction where the outline is smooth, else the edge normal."""
    curved = (neighbour * outwards).sum(1, keepdims=True) > MIN_CURVE_COS
    normals = np.where(curved, mitre, outwards)
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def flat_panel(outline: Array, material: Material, y: float = 0.0, uv: str = "metres") -> Mesh:
    """A flat panel that faces -y and fills an outline (N, 2), star-shaped about the centre of its bounding box.

    y: plane of the panel. uv: "metres" from the lower left of the bounding box, or "unit" for 0..1 over it (images).
    """
    points = np.asarray(outline, float)
    low, size = points.min(0), np.ptp(points, axis=0)
    flat = np.vstack([[low + size / 2], points])
    vertices = np.stack([flat[:, 0], np.full(len(flat), y), flat[:, 1]], -1)
    ring = np.arange(len(points))
    faces = np.stack([np.zeros_like(ring), ring + 1, (ring + 1) % len(points) + 1], -1)
    normals = np.tile([0.0, -1.0, 0.0], (len(flat), 1))
    coords = (flat - low) / size if uv == "unit" else flat - low
    return _mesh(vertices, normals, coords, faces, material)


def instanced(mesh: Mesh, axes: Array, at: Array) -> Mesh:
    """Merge N transformed copies of a mesh.

    axes: (N, 3, 3) right-handed; the columns are the images of the x, y and z axes. at: (N, 3) translations.
    """
    count = len(at)
    vertices = np.einsum("nij,vj->nvi", axes, mesh.vertices) + np.asarray(at)[:, None]
    normals = np.einsum("nji,vj->nvi", np.linalg.inv(axes), mesh.normals)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    faces = mesh.faces[None] + (np.arange(count) * len(mesh.vertices))[:, None, None]
    return replace(
        mesh,
        vertices=vertices.reshape(-1, 3).astype(np.float32),
        normals=normals.reshape(-1, 3).astype(np.float32),
        uv=np.tile(mesh.uv, (count, 1)),
        faces=faces.reshape(-1, 3).astype(np.int32),
        material=np.tile(mesh.material, count),
    )


def _mesh(vertices: Array, normals: Array, uv: Array, faces: Array, material: Material) -> Mesh:
    material_index = np.zeros(len(faces), np.int32)
    arrays = (vertices.astype(np.float32), normals.astype(np.float32), uv.astype(np.float32), faces.astype(np.int32))
    return Mesh(*arrays, material_index, (material,))
