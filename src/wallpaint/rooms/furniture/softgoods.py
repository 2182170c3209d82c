"""What furniture is upholstered and strewn with: padding, cushions, pillows, blankets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, merge, surface
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.typing import Array


def any_cloth(rng: np.random.Generator, f: Finishes) -> Material:
    """Any upholstery of a room: its main fabric half the time, else the second, leather or linen."""
    return (f.fabric, f.fabric, f.fabric, f.fabric_second, f.leather, f.linen)[int(rng.integers(6))]


def shaded_softly(mesh: Mesh) -> Mesh:
    """With normals averaged over all faces that meet at a place: for shapes that were bent after they were made.

    Where faces back to back cancel out, as in the corner of a flat bag, the old normals stay.
    """
    whole = np.round(mesh.vertices.astype(np.float64) * 1e5).astype(np.int64) + (1 << 20)
    _, place = np.unique(whole[:, 0] << 42 | whole[:, 1] << 21 | whole[:, 2], return_inverse=True)
    corner = mesh.vertices[mesh.faces]
    facing = np.repeat(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), 3, axis=0)
    at = place[mesh.faces].reshape(-1)
    total = np.stack([np.bincount(at, facing[:, i], len(mesh.vertices)) for i in range(3)], -1)
    length = np.linalg.norm(total, axis=1, keepdims=True)[place]
    normals = np.where(length > 1e-9, total[place] / np.maximum(length, 1e-9), mesh.normals)
    return replace(mesh, normals=normals.astype(np.float32))


def rumpled(rng: np.random.Generator, mesh: Mesh, height: float, wave: float) -> Mesh:
    """Pushed in and out along its normals by smooth waves. height: the largest push; wave: about one length."""
    push = np.zeros(len(mesh.vertices))
    for _ in range(7):
        direction = rng.normal(size=3)
        direction *= 2 * np.pi / (wave * rng.uniform(0.6, 1.8)) / np.linalg.norm(direction)
        push += np.sin(mesh.vertices @ direction + rng.uniform(0, 2 * np.pi))
    moved = mesh.vertices + (height * np.tanh(0.5 * push)[:, None] * mesh.normals).astype(np.float32)
    return shaded_softly(replace(mesh, vertices=moved))


def padded(
    size: Point,
    material: Material,
    at: Point = (0.0, 0.0, 0.0),
    radius: float = 0.05,
    crown: Point = (0.0, 0.0, 0.0),
    cells: tuple[int, int, int] = (4, 4, 1),
    steps: int = 2,
) -> Mesh:
    """A rounded box with a grid on its sides, so that it can bulge and bend: cushions, mattresses, seats.

    crown: how far the middle of the sides along x, y, z swells. cells: of the flat part, along x, y, z. It stands on
    `at`; the swelling of its underside reaches below that.
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
    round_ = anchor + radius * out
    share = np.clip(1 - (round_ / half) ** 2, 0, 1)
    swell = np.stack([share[:, 1] * share[:, 2], share[:, 0] * share[:, 2], share[:, 0] * share[:, 1]], -1)
    round_ += np.array(crown) * swell * round_ / half
    triangles = np.concatenate(faces).astype(np.int32)
    shape = Mesh(
        (round_ + np.asarray(at) + [0, 0, half[2]]).astype(np.float32),
        out.astype(np.float32),
        np.concatenate(uv).astype(np.float32),
        triangles,
        np.zeros(len(triangles), np.int32),
        (material,),
    )
    return shaded_softly(shape) if max(crown) > 0 else shape


def pillow(rng: np.random.Generator, size: Point, material: Material, cells: int = 7) -> Mesh:
    """A filled bag with pointed corners, flat about the origin: width along x, length along y, thickness."""
    side = np.sin(np.linspace(-np.pi / 2, np.pi / 2, cells + 1))
    u, v = np.meshgrid(side, side)
    pinch, plump = rng.uniform(0.06, 0.12), rng.uniform(0.36, 0.5)
    x = 0.5 * size[0] * u * (1 - pinch * (1 - v**2))
    y = 0.5 * size[1] * v * (1 - pinch * (1 - u**2))
    thick = 0.5 * size[2] * ((1 - u**2) * (1 - v**2)) ** plump
    sheets = []
    for sign in (1.0, -1.0):
        dent = 1 + sign * rng.uniform(-0.15, 0.15) * u * v + rng.uniform(-0.1, 0.1) * v
        points = np.stack([x, y, sign * thick * dent], -1)
        sheet = surface(_given(points), material, cells, cells, size[:2])
        sheets.append(sheet if sign > 0 else sheet.flipped())
    return rumpled(rng, shaded_softly(merge(sheets)), 0.03 * size[2], 0.7 * size[0])


def _given(points: Array) -> Callable[[Array, Array], Array]:
    return lambda s, t: points


def blanket(rng: np.random.Generator, size: Point, material: Material, at: Point, radius: float = 0.05) -> Mesh:
    """Cloth over something, as thick as it shows outside that: a bed, an arm. It stands on `at`; no two are alike."""
    cells = tuple(int(np.clip(length / 0.18, 1, 9)) for length in size)
    cloth = padded(size, material, at, radius, (0.008, 0.004, 0.01), (cells[0], cells[1], min(cells[2], 2)))
    return rumpled(rng, cloth, 0.009, 0.3)


def without_underside(mesh: Mesh) -> Mesh:
    """Without the faces that look down: what lies on something is not seen from below."""
    seen = mesh.normals[mesh.faces].mean(1)[:, 2] > -0.7
    return replace(mesh, faces=mesh.faces[seen], material=mesh.material[seen])


def tufted(mesh: Mesh, buttons: Sequence[tuple[float, float]], depth: float, spread: float) -> Mesh:
    """Drawn in at points (x, z) of the side that faces -y; spread: radius of each dimple."""
    dent = np.zeros(len(mesh.vertices))
    for x, z in buttons:
        far = (mesh.vertices[:, 0] - x) ** 2 + (mesh.vertices[:, 2] - z) ** 2
        dent += np.exp(-np.sqrt(far + 1e-5) / spread)
    moved = mesh.vertices.copy()
    moved[:, 1] += depth * np.minimum(dent, 1.0) * np.clip(-2 * mesh.normals[:, 1] - 0.6, 0, 1)
    return shaded_softly(replace(mesh, vertices=moved))
