"""Cabinet construction: batched boards, carcasses, door and drawer fronts, pulls, legs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np

from wallpaint.rooms.furniture.mouldings import instanced
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, Point, cylinder, lathe, merge, polygon, quad, rounded_box
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.typing import Array

BOARD_THICKNESS = 0.018  # metres
FRONT_THICKNESS = 0.019  # metres, doors and drawer fronts
FRONT_GAP = 0.0035  # metres, between neighbouring fronts
FRONT_STYLES = ("flat", "shaker", "planks", "slats", "raised", "rattan", "louvre")
PULL_STYLES = ("knob", "bar", "cup", "slot", "none")
CANE = Material("cane", (0.5, 0.37, 0.2), roughness=0.6, f0=0.03)
CANE_SHADE = Material("cane shade", (0.17, 0.115, 0.06))

Corners = Sequence[tuple[float, ...]]
Cell = tuple[float, float, float, float]


def boards(corners: Corners, material: Material, bevel: float = 0.002) -> Mesh:
    """One mesh of N axis-aligned boards with bevelled edges, grain along the longest side of each.

    corners: (N, 6) minimum x, y, z then maximum x, y, z. bevel: width in metres; 0 gives sharp edges and a ninth of the
    triangles.
    """
    low, high = np.split(np.asarray(corners, np.float32).reshape(-1, 6), 2, axis=1)
    signs, normals, axis, faces = _unit_board(bevel > 0)
    half, centre = (high - low)[:, None] / 2, (high + low)[:, None] / 2
    bevel_width = np.minimum(bevel, 0.45 * half.min(-1, keepdims=True))
    points = centre + signs * (half - bevel_width) + bevel_width * normals
    plane = np.array([[1, 2], [0, 2], [0, 1]])[axis]
    rotated = plane[None, :, 1] == half[:, 0].argmax(-1)[:, None]
    order = np.where(rotated[..., None], plane[None, :, ::-1], plane[None])
    start = np.stack([2.3 * centre[..., 0] + centre[..., 2], 1.9 * centre[..., 0] + 3.7 * centre[..., 1]], -1)
    uv = np.take_along_axis(points, order, -1) + start
    count, size = len(low), len(signs)
    shifted = faces[None] + (np.arange(count) * size)[:, None, None]
    return Mesh(
        points.reshape(-1, 3).astype(np.float32),
        np.tile(normals, (count, 1)).astype(np.float32),
        uv.reshape(-1, 2).astype(np.float32),
        shifted.reshape(-1, 3).astype(np.int32),
        np.zeros(count * len(faces), np.int32),
        (material,),
    )


@cache
def _unit_board(beveled: bool) -> tuple[Array, Array, Array, Array]:
    """Per vertex of a unit board: corner signs (3), normal, axis of its side; then the faces."""
    blank = Material("", (0, 0, 0))
    radius = 0.5 if beveled else 1e-6
    mesh = rounded_box((2, 2, 2), blank, (0, 0, -1), radius, 1)
    signs = np.sign(mesh.vertices - radius * mesh.normals)
    axis = np.repeat(np.arange(3), len(signs) // 3)
    if beveled:
        return signs, mesh.normals, axis, mesh.faces
    flat = np.abs(mesh.normals).max(-1) > 0.999
    new_index = np.cumsum(flat) - 1
    faces = mesh.faces[flat[mesh.faces].all(-1)]
    return signs[flat], np.round(mesh.normals[flat]), axis[flat], new_index[faces]


def front_quads(corners: Corners, material: Material) -> Mesh:
    """Rectangles that face -y. corners: (N, 5) x0, z0, x1, z1 and the plane y."""
    x0, z0, x1, z1, y = np.asarray(corners, np.float32).reshape(-1, 5).T
    points = np.stack([np.stack(p, -1) for p in ((x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1))], 1)
    count = len(points)
    faces = np.array([[0, 1, 2], [0, 2, 3]])[None] + 4 * np.arange(count)[:, None, None]
    return Mesh(
        points.reshape(-1, 3).astype(np.float32),
        np.tile(np.array([0, -1, 0], np.float32), (4 * count, 1)),
        points[..., [0, 2]].reshape(-1, 2).astype(np.float32),
        faces.reshape(-1, 3).astype(np.int32),
        np.zeros(2 * count, np.int32),
        (material,),
    )


def case(
    size: Point,
    material: Material,
    back: Material | None = None,
    foot: float = 0.0,
    t: float = BOARD_THICKNESS,
    lid: bool = True,
) -> Mesh:
    """A cabinet carcass open towards -y: sides, bottom, top if `lid`, back panel if `back` is given.

    size: width, depth, height. foot: height of its underside. The back is in the plane y = depth / 2.
    """
    w, d, h = size[0] / 2, size[1] / 2, size[2]
    board_corners = [(-w, -d, foot, -w + t, d, foot + h), (w - t, -d, foot, w, d, foot + h)]
    board_corners.append((-w + t, -d, foot, w - t, d, foot + t))
    if lid:
        board_corners.append((-w + t, -d, foot + h - t, w - t, d, foot + h))
    meshes = [boards(board_corners, material)]
    if back is not None:
        meshes.append(boards([(-w + t, d - 0.008, foot + t, w - t, d - 0.002, foot + h - t)], back, 0.0))
    return merge(meshes)


def grid_cells(x: tuple[float, float], z: tuple[float, float], columns: int, rows: int) -> list[Cell]:
    """Split a front into equal cells: x0, z0, x1, z1 of each, row-major from the lower left."""
    xs, zs = np.linspace(*x, columns + 1), np.linspace(*z, rows + 1)
    return [
        (float(xs[i]), float(zs[j]), float(xs[i + 1]), float(zs[j + 1])) for j in range(rows) for i in range(columns)
    ]


def fronts(style: str, cells: Corners, y: float, material: Material, depth: float = FRONT_THICKNESS) -> Mesh:
    """Doors and drawer fronts. style: one of FRONT_STYLES. cells: (N, 4) x0, z0, x1, z1 of the openings.

    y: front plane of the carcass; fronts extend `depth` metres towards -y.
    """
    cell = np.asarray(cells, float).reshape(-1, 4) + np.array([1, 1, -1, -1]) * FRONT_GAP / 2
    outer = y - depth
    if style == "flat":
        return boards([(a, outer, b, c, y, d) for a, b, c, d in cell], material)
    if style in ("planks", "slats"):
        return _slatted_fronts(style, cell, y, outer, material)
    frame, inner = [], []
    for a, b, c, d in cell:
        r = min(0.062, 0.26 * (d - b), 0.24 * (c - a))
        frame += [(a, outer, b, a + r, y, d), (c - r, outer, b, c, y, d)]
        frame += [(a + r, outer, b, c - r, y, b + r), (a + r, outer, d - r, c - r, y, d)]
        inner.append((a + r, b + r, c - r, d - r))
    meshes = [boards(frame, material)]
    if style == "rattan":
        return merge([*meshes, *_cane_panels(inner, outer + 0.006)])
    if style == "louvre":
        return merge([*meshes, *(_louvred_panel(i, y, material) for i in inner)])
    meshes.append(boards([(a, outer + 0.009, b, c, y, d) for a, b, c, d in inner], material, 0.0))
    if style == "raised":
        rim = [(a + e, outer + 0.002, b + e, c - e, y, d - e) for a, b, c, d in inner if (e := 0.15 * (d - b)) < 0.06]
        rim += [(a + 0.03, outer + 0.002, b + 0.03, c - 0.03, y, d - 0.03) for a, b, c, d in inner if d - b >= 0.4]
        meshes += [boards(rim, material, 0.007)] if rim else []
    return merge(meshes)


def _slatted_fronts(style: str, cells: Array, y: float, outer: float, material: Material) -> Mesh:
    """Fronts of tongue-and-groove planks, or of slats on a backing board."""
    step, open_share = (0.085, 0.0) if style == "planks" else (0.03, 0.38)
    board_corners = []
    for a, b, c, d in cells:
        edge = np.linspace(a, c, max(2, round((c - a) / step)) + 1)
        gap = open_share * (edge[1] - edge[0]) / 2
        board_corners += [(x0 + gap, outer, b, x1 - gap, y - 0.004, d) for x0, x1 in pairwise(edge)]
    fronts_mesh = [boards(board_corners, material, 0.003 if style == "planks" else 0.0)]
    return merge([*fronts_mesh, boards([(a, outer + 0.01, b, c, y, d) for a, b, c, d in cells], material, 0.0)])


def _cane_panels(cells: Corners, y: float) -> list[Mesh]:
    """Woven cane: strips in two directions over a dark backing."""
    strips = []
    for a, b, c, d in cells:
        for x in np.arange(a + 0.006, c - 0.006, 0.0125):
            strips.append((x, b, x + 0.0075, d, y + 0.0008))
        for z in np.arange(b + 0.006, d - 0.006, 0.0125):
            strips.append((a, z, c, z + 0.0075, y))
    return [front_quads([(*cell, y + 0.002) for cell in cells], CANE_SHADE), front_quads(strips, CANE)]


def _louvred_panel(cell: tuple[float, ...], y: float, material: Material) -> Mesh:
    """Tilted blades that fill a frame, on a backing board."""
    a, b, c, d = cell
    count = max(3, round((d - b) / 0.04))
    pitch = (d - b) / count
    blade = boards([(a, -0.003, 0, c, 0.003, pitch * 1.15)], material, 0.0).rotated("x", 0.45)
    rows = np.stack([np.zeros(count), np.full(count, y - 0.006), b + pitch * np.arange(count)], -1)
    blind = boards([(a, y - 0.004, b, c, y, d)], material, 0.0)
    return merge([blind, instanced(blade, np.broadcast_to(np.eye(3), (count, 3, 3)), rows)])


def pulls(
    style: str, positions: Sequence[Point], material: Material, length: float = 0.14, upright: bool = False
) -> Mesh:
    """Cabinet pulls. style: one of PULL_STYLES. positions: centre of each pull on the outer face of a front facing -y.

    length: of bars and slots, metres. upright: vertical bars and slots.
    """
    if style == "none" or not positions:
        return merge([])
    one = _pull(style, material, length)
    axes = np.eye(3)
    if upright and style in ("bar", "slot"):
        axes = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
    return instanced(one, np.broadcast_to(axes, (len(positions), 3, 3)), np.asarray(positions))


def _pull(style: str, material: Material, length: float) -> Mesh:
    r = length / 2
    if style == "knob":
        profile = [(0.006, 0), (0.006, 0.014), (0.013, 0.018), (0.0145, 0.024), (0.011, 0.029), (0.0, 0.03)]
        return lathe(profile, material, segments=12).rotated("x", np.pi / 2)
    if style == "bar":
        path = [(-r, 0, 0), (-r, -0.024, 0), (-r + 0.006, -0.03, 0), (r - 0.006, -0.03, 0), (r, -0.024, 0), (r, 0, 0)]
        return pipe(path, 0.0052, material, 8)
    if style == "cup":
        angle = np.linspace(0, np.pi / 2, 5)
        arc = [(float(0.026 * np.cos(a)), float(0.026 * np.sin(a))) for a in angle]
        return lathe(arc, material, segments=20).moved(scale=(1.7, 1.0, 1.0))
    return boards([(-r, -0.0012, -0.009, r, 0.002, 0.009)], Material("recess", (0.015, 0.014, 0.013)), 0.0)


def pipe(path: Sequence[Point], radius: float, material: Material, segments: int = 10) -> Mesh:
    """A round bar with flat end caps swept along a polyline with a rotation-minimizing frame."""
    line = np.asarray(path, float)
    tangents = np.gradient(line, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    side = np.cross(tangents[0], [1.0, 0, 0] if abs(tangents[0, 0]) < 0.8 else [0, 1.0, 0])
    sides = []
    for tangent in tangents:
        side = side - tangent * (side @ tangent)
        side /= np.linalg.norm(side)
        sides.append(side)
    angle = np.linspace(0, 2 * np.pi, segments + 1)[:, None]
    across = np.stack(sides)
    ring = np.cos(angle) * across[:, None] + np.sin(angle) * np.cross(tangents, across)[:, None]
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    rows, columns = len(line), segments + 1
    index = np.arange(rows * columns).reshape(rows, columns)
    cells = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], -1).reshape(-1, 4)
    fan = np.array([[0, i, i + 1] for i in range(1, segments - 1)])
    start = rows * columns
    ends = [fan[:, ::-1] + start, fan + start + segments]
    caps = np.concatenate([line[k] + radius * ring[k, :-1] for k in (0, -1)])
    uv = np.stack(np.broadcast_arrays(along[:, None], radius * angle[:, 0][None]), -1).reshape(-1, 2)
    facing = np.repeat(np.stack([-tangents[0], tangents[-1]]), segments, 0)
    faces = np.concatenate([cells[:, [0, 1, 2]], cells[:, [0, 2, 3]], *ends])
    return Mesh(
        np.concatenate([(line[:, None] + radius * ring).reshape(-1, 3), caps]).astype(np.float32),
        np.concatenate([ring.reshape(-1, 3), facing]).astype(np.float32),
        np.concatenate([uv, caps[:, :2]]).astype(np.float32),
        faces.astype(np.int32),
        np.zeros(len(faces), np.int32),
        (material,),
    )


def legs(
    style: str,
    height: float,
    spread: tuple[float, float],
    material: Material,
    thickness: float = 0.04,
    splay: float = 0.0,
) -> Mesh:
    """Four legs at (+-x, +-y). style: "round" or "square" (both tapered), "block", "bun" or "rod".

    splay: outward offset of the feet, metres per metre of height.
    """
    t = thickness / 2
    if style == "bun":
        profile = [(0.0, 0.0), (0.6, 0.0), (0.9, 0.2), (1.0, 0.5), (0.9, 0.8), (0.7, 1.0), (0.0, 1.0)]
        one = lathe([(r * t, z * height) for r, z in profile], material, segments=14)
    elif style == "round":
        one = cylinder(0.5 * t, height, material, segments=12, top=t)
    elif style == "rod":
        one = cylinder(0.4 * t, height, material, segments=10)
    else:
        one = boards([(-t, -t, 0, t, t, height)], material)
        if style == "square":
            share = 0.55 + 0.45 * one.vertices[:, 2:] / height
            one.vertices[:, :2] *= share
    x, y = spread
    corner = np.array([(-x, -y), (x, -y), (x, y), (-x, y)], float)
    axes = np.broadcast_to(np.eye(3), (4, 3, 3)).copy()
    axes[:, :2, 2] = -splay * np.sign(corner)
    feet = np.hstack([corner + splay * height * np.sign(corner), np.zeros((4, 1))])
    return instanced(one, axes, feet)


def slab(outline: Sequence[tuple[float, float]], z: float, thickness: float, material: Material) -> Mesh:
    """A horizontal slab with a convex outline (x, y), counter-clockwise from above; z is its underside."""
    top = [(x, y, z + thickness) for x, y in outline]
    low = [(x, y, z) for x, y in reversed(outline)]
    sides = []
    for (x0, y0), (x1, y1) in zip(outline, [*outline[1:], outline[0]], strict=True):
        sides.append(quad((x0, y0, z), (x1 - x0, y1 - y0, 0), (0, 0, thickness), material))
    return merge([polygon(top, material), polygon(low, material), *sides])


def open_basin(
    low: tuple[float, float], high: tuple[float, float], top: float, depth: float, material: Material
) -> Mesh:
    """The inside of a rectangular basin. low, high: corners (x, y) of its opening at height `top`."""
    (x0, y0), (x1, y1) = low, high
    w, d, z = x1 - x0, y1 - y0, top - depth
    return merge(
        [
            quad((x0, y0, z), (w, 0, 0), (0, d, 0), material),
            quad((x0, y1, z), (w, 0, 0), (0, 0, depth), material),
            quad((x1, y0, z), (-w, 0, 0), (0, 0, depth), material),
            quad((x0, y0, z), (0, d, 0), (0, 0, depth), material),
            quad((x1, y1, z), (0, -d, 0), (0, 0, depth), material),
        ]
    )


def scaled_albedo(color: Color, factor: float) -> Color:
    """Scale a colour and clip it to a valid albedo."""
    r, g, b = (float(np.clip(c * factor, 0.005, 0.9)) for c in color)
    return r, g, b


def random_carcass_wood(rng: np.random.Generator, f: Finishes) -> Material:
    """Sample one of the room's woods, lacquer or trim."""
    return (f.wood, f.wood, f.wood_second, f.lacquer, f.trim)[int(rng.integers(5))]


def center_on_floor(mesh: Mesh) -> Mesh:
    """Translate a mesh: centred on x = y = 0, its lowest point on z = 0."""
    low, high = mesh.bounds
    return mesh.moved((-float(low[0] + high[0]) / 2, -float(low[1] + high[1]) / 2, -float(low[2])))


def merge_on_wall(meshes: list[Mesh]) -> Mesh:
    """Merge meshes for wall mounting: centred on x = z = 0, back in the plane y = 0."""
    mesh = merge(meshes)
    low, high = mesh.bounds
    return mesh.moved((-float(low[0] + high[0]) / 2, -float(high[1]), -float(low[2] + high[2]) / 2))
