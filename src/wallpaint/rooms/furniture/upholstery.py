"""Upholstery: padded boxes, pillows, blankets, tufting, and smooth shading of deformed meshes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, merge, surface
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.typing import Array


def random_upholstery(rng: np.random.Generator, f: Finishes) -> Material:
    """Sample an upholstery material; the main fabric has half the weight."""
    return (f.fabric, f.fabric, f.fabric, f.fabric_second, f.leather, f.linen)[int(rng.integers(6))]


def smooth_shaded(mesh: Mesh) -> Mesh:
    """Recompute area-weighted vertex normals over coincident vertices; use it after a deformation.

    Where back-to-back faces cancel out, as in the corner of a pillow, the old normals are kept.
    """
    grid = np.round(mesh.vertices.astype(np.float64) * 1e5).astype(np.int64) + (1 << 20)
    _, vertex_group = np.unique(grid[:, 0] << 42 | grid[:, 1] << 21 | grid[:, 2], return_inverse=True)
    corner = mesh.vertices[mesh.faces]
    facing = np.repeat(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), 3, axis=0)
    at = vertex_group[mesh.faces].reshape(-1)
    total = np.stack([np.bincount(at, facing[:, i], len(mesh.vertices)) for i in range(3)], -1)
    length = np.linalg.norm(total, axis=1, keepdims=True)[vertex_group]
    normals = np.where(length > 1e-9, total[vertex_group] / np.maximum(length, 1e-9), mesh.normals)
    return replace(mesh, normals=normals.astype(np.float32))


def wrinkled(rng: np.random.Generator, mesh: Mesh, height: float, wavelength: float) -> Mesh:
    """Displace along the normals by a sum of sine waves. height: maximum displacement. wavelength: approximate."""
    displacement = np.zeros(len(mesh.vertices))
    for _ in range(7):
        direction = rng.normal(size=3)
        direction *= 2 * np.pi / (wavelength * rng.uniform(0.6, 1.8)) / np.linalg.norm(direction)
        displacement += np.sin(mesh.vertices @ direction + rng.uniform(0, 2 * np.pi))
    vertices = mesh.vertices + (height * np.tanh(0.5 * displacement)[:, None] * mesh.normals).astype(np.float32)
    return smooth_shaded(replace(mesh, vertices=vertices))


def padded_box(
    size: Point,
    material: Material,
    at: Point = (0.0, 0.0, 0.0),
    radius: float = 0.05,
    crown: Point = (0.0, 0.0, 0.0),
    cells: tuple[int, int, int] = (4, 4, 1),
    steps: int = 2,
) -> Mesh:
    """A rounded box with tessellated sides that can bulge and bend: cushions, mattresses, seats.

    at: centre of its base; a crowned underside extends below it. crown: bulge of the sides along x, y, z, metres.
    cells: tessellation of the flat sides along x, y, z. steps: facets of the rounded edges.
    """
    half = np.array(size) / 2
    radius = min(radius, 0.999 * float(half.min()))
    knots = []
    for axis in range(3):
        edge = radius * np.tan(np.linspace(0, np.pi / 4, steps + 1))
        flat = np.linspace(-1, 1, cells[axis] + 1) * (half[axis] - radius)
        knots.append(np.concatenate([flat[0] - edge[:0:-1], flat, flat[-1] + edge[1:]]))
    points, uv, faces, start = [], [], [], 0
    for axis in range(3):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        rows, columns = len(knots[a]), len(knots[b])
        index = np.arange(rows * columns).reshape(rows, columns)
        cell = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1).reshape(-1, 4)
        triangles = np.concatenate([cell[:, [0, 1, 2]], cell[:, [0, 2, 3]]])
        grid = np.zeros((rows * columns, 3))
        grid[:, a], grid[:, b] = (g.reshape(-1) for g in np.meshgrid(knots[a], knots[b], indexing="ij"))
        for sign in (-1, 1):
            grid[:, axis] = sign * half[axis]
            points.append(grid.copy())
            uv.append(grid[:, ((1, 2), (0, 2), (0, 1))[axis]] + half.max())
            faces.append((triangles if sign > 0 else triangles[:, ::-1]) + start)
            start += rows * columns
    cube = np.concatenate(points)
    anchor = np.clip(cube, radius - half, half - radius)
    out = cube - anchor
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    vertices = anchor + radius * out
    share = np.clip(1 - (vertices / half) ** 2, 0, 1)
    swell = np.stack([share[:, 1] * share[:, 2], share[:, 0] * share[:, 2], share[:, 0] * share[:, 1]], -1)
    vertices += np.array(crown) * swell * vertices / half
    triangles = np.concatenate(faces).astype(np.int32)
    shape = Mesh(
        (vertices + np.asarray(at) + [0, 0, half[2]]).astype(np.float32),
        out.astype(np.float32),
        np.concatenate(uv).astype(np.float32),
        triangles,
        np.zeros(len(triangles), np.int32),
        (material,),
    )
    return smooth_shaded(shape) if max(crown) > 0 else shape


def pillow(rng: np.random.Generator, size: Point, material: Material, cells: int = 7) -> Mesh:
    """A pillow with pointed corners, centred on the origin, flat in z. size: width, length, thickness."""
    side = np.sin(np.linspace(-np.pi / 2, np.pi / 2, cells + 1))
    u, v = np.meshgrid(side, side)
    pinch, plump = rng.uniform(0.06, 0.12), rng.uniform(0.36, 0.5)
    x = 0.5 * size[0] * u * (1 - pinch * (1 - v**2))
    y = 0.5 * size[1] * v * (1 - pinch * (1 - u**2))
    thickness = 0.5 * size[2] * ((1 - u**2) * (1 - v**2)) ** plump
    sheets = []
    for sign in (1.0, -1.0):
        dent = 1 + sign * rng.uniform(-0.15, 0.15) * u * v + rng.uniform(-0.1, 0.1) * v
        points = np.stack([x, y, sign * thickness * dent], -1)
        sheet = surface(_constant_surface(points), material, cells, cells, size[:2])
        sheets.append(sheet if sign > 0 else sheet.flipped())
    return wrinkled(rng, smooth_shaded(merge(sheets)), 0.03 * size[2], 0.7 * size[0])


def _constant_surface(points: Array) -> Callable[[Array, Array], Array]:
    return lambda s, t: points


def blanket(rng: np.random.Generator, size: Point, material: Material, at: Point, radius: float = 0.05) -> Mesh:
    """A wrinkled padded box that encloses what the blanket lies on. at: centre of its base."""
    cells = tuple(int(np.clip(length / 0.18, 1, 9)) for length in size)
    cloth = padded_box(size, material, at, radius, (0.008, 0.004, 0.01), (cells[0], cells[1], min(cells[2], 2)))
    return wrinkled(rng, cloth, 0.009, 0.3)


def without_bottom_faces(mesh: Mesh) -> Mesh:
    """Remove faces whose normal points down: they are hidden by what the mesh lies on."""
    visible = mesh.normals[mesh.faces].mean(1)[:, 2] > -0.7
    return replace(mesh, faces=mesh.faces[visible], material=mesh.material[visible])


def tufted(mesh: Mesh, buttons: Sequence[tuple[float, float]], depth: float, spread: float) -> Mesh:
    """Indent the side facing -y at button positions (x, z). depth, spread: depth and radius of each dimple, metres."""
    displacement = np.zeros(len(mesh.vertices))
    for x, z in buttons:
        squared_distance = (mesh.vertices[:, 0] - x) ** 2 + (mesh.vertices[:, 2] - z) ** 2
        displacement += np.exp(-np.sqrt(squared_distance + 1e-5) / spread)
    vertices = mesh.vertices.copy()
    vertices[:, 1] += depth * np.minimum(displacement, 1.0) * np.clip(-2 * mesh.normals[:, 1] - 0.6, 0, 1)
    return smooth_shaded(replace(mesh, vertices=vertices))
