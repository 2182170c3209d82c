"""Cabinet work: many boards at once, fronts of doors and drawers, and what opens them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np

from wallpaint.rooms.furniture.mouldings import copies
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, Point, cylinder, lathe, merge, polygon, quad, rounded_box
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.typing import Array

THICK = 0.018  # of a board
FRONT = 0.019  # of a door
GAP = 0.0035  # between neighbouring fronts
STYLES = ("flat", "shaker", "planks", "slats", "raised", "rattan", "louvre")
PULLS = ("knob", "bar", "cup", "slot", "none")
CANE = Material("cane", (0.5, 0.37, 0.2), roughness=0.6, f0=0.03)
CANE_SHADE = Material("cane shade", (0.17, 0.115, 0.06))

Corners = Sequence[tuple[float, ...]]
Cell = tuple[float, float, float, float]


def boards(corners: Corners, material: Material, bevel: float = 0.002) -> Mesh:
    """Boards with eased edges, their grain along their longest sides.

    corners: (N, 6) lowest x, y, z then highest x, y, z. bevel: 0 for sharp edges, which take a ninth of the triangles.
    """
    low, high = np.split(np.asarray(corners, np.float32).reshape(-1, 6), 2, axis=1)
    signs, normals, axis, faces = _unit_board(bevel > 0)
    half, centre = (high - low)[:, None] / 2, (high + low)[:, None] / 2
    ease = np.minimum(bevel, 0.45 * half.min(-1, keepdims=True))
    points = centre + signs * (half - ease) + ease * normals
    plane = np.array([[1, 2], [0, 2], [0, 1]])[axis]
    turned = plane[None, :, 1] == half[:, 0].argmax(-1)[:, None]
    order = np.where(turned[..., None], plane[None, :, ::-1], plane[None])
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
def _unit_board(eased: bool) -> tuple[Array, Array, Array, Array]:
    """Of each vertex: the corner it belongs to (3 signs), its normal, and the axis of its side; then the faces."""
    nothing = Material("", (0, 0, 0))
    radius = 0.5 if eased else 1e-6
    whole = rounded_box((2, 2, 2), nothing, (0, 0, -1), radius, 1)
    signs = np.sign(whole.vertices - radius * whole.normals)
    axis = np.repeat(np.arange(3), len(signs) // 3)
    if eased:
        return signs, whole.normals, axis, whole.faces
    flat = np.abs(whole.normals).max(-1) > 0.999
    number = np.cumsum(flat) - 1
    faces = whole.faces[flat[whole.faces].all(-1)]
    return signs[flat], np.round(whole.normals[flat]), axis[flat], number[faces]


def plates(corners: Corners, material: Material) -> Mesh:
    """Flat rectangles that face -y. corners: (N, 5) x0, z0, x1, z1 and the plane y."""
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
    t: float = THICK,
    lid: bool = True,
) -> Mesh:
    """The open box of a cabinet: sides, bottom, perhaps a top (lid) and, with a material for it, a back panel.

    size: width, depth, height. It stands at height `foot`; its open side faces -y, its back is in y = depth / 2.
    """
    w, d, h = size[0] / 2, size[1] / 2, size[2]
    whole = [(-w, -d, foot, -w + t, d, foot + h), (w - t, -d, foot, w, d, foot + h)]
    whole.append((-w + t, -d, foot, w - t, d, foot + t))
    if lid:
        whole.append((-w + t, -d, foot + h - t, w - t, d, foot + h))
    parts = [boards(whole, material)]
    if back is not None:
        parts.append(boards([(-w + t, d - 0.008, foot + t, w - t, d - 0.002, foot + h - t)], back, 0.0))
    return merge(parts)


def grid(x: tuple[float, float], z: tuple[float, float], columns: int, rows: int) -> list[Cell]:
    """Equal cells of a front: x0, z0, x1, z1 of each, row by row from the lowest left."""
    xs, zs = np.linspace(*x, columns + 1), np.linspace(*z, rows + 1)
    return [
        (float(xs[i]), float(zs[j]), float(xs[i + 1]), float(zs[j + 1])) for j in range(rows) for i in range(columns)
    ]


def fronts(style: str, cells: Corners, y: float, material: Material, depth: float = FRONT) -> Mesh:
    """Doors and drawer fronts. style: one of STYLES. cells: (N, 4) x0, z0, x1, z1 of the openings that they cover.

    y: the plane of the carcass; fronts come out `depth` metres towards -y.
    """
    cell = np.asarray(cells, float).reshape(-1, 4) + np.array([1, 1, -1, -1]) * GAP / 2
    outer = y - depth
    if style == "flat":
        return boards([(a, outer, b, c, y, d) for a, b, c, d in cell], material)
    if style in ("planks", "slats"):
        return _upright(style, cell, y, outer, material)
    frame, inner = [], []
    for a, b, c, d in cell:
        r = min(0.062, 0.26 * (d - b), 0.24 * (c - a))
        frame += [(a, outer, b, a + r, y, d), (c - r, outer, b, c, y, d)]
        frame += [(a + r, outer, b, c - r, y, b + r), (a + r, outer, d - r, c - r, y, d)]
        inner.append((a + r, b + r, c - r, d - r))
    parts = [boards(frame, material)]
    if style == "rattan":
        return merge([*parts, *_cane(inner, outer + 0.006)])
    if style == "louvre":
        return merge([*parts, *(_louvres(i, y, material) for i in inner)])
    parts.append(boards([(a, outer + 0.009, b, c, y, d) for a, b, c, d in inner], material, 0.0))
    if style == "raised":
        rim = [(a + e, outer + 0.002, b + e, c - e, y, d - e) for a, b, c, d in inner if (e := 0.15 * (d - b)) < 0.06]
        rim += [(a + 0.03, outer + 0.002, b + 0.03, c - 0.03, y, d - 0.03) for a, b, c, d in inner if d - b >= 0.4]
        parts += [boards(rim, material, 0.007)] if rim else []
    return merge(parts)


def _upright(style: str, cells: Array, y: float, outer: float, material: Material) -> Mesh:
    """Fronts of tongue-and-groove planks, or of slats with shadows between them."""
    step, open_share = (0.085, 0.0) if style == "planks" else (0.03, 0.38)
    parts = []
    for a, b, c, d in cells:
        edge = np.linspace(a, c, max(2, round((c - a) / step)) + 1)
        gap = open_share * (edge[1] - edge[0]) / 2
        parts += [(x0 + gap, outer, b, x1 - gap, y - 0.004, d) for x0, x1 in pairwise(edge)]
    whole = [boards(parts, material, 0.003 if style == "planks" else 0.0)]
    return merge([*whole, boards([(a, outer + 0.01, b, c, y, d) for a, b, c, d in cells], material, 0.0)])


def _cane(cells: Corners, y: float) -> list[Mesh]:
    """Woven cane: strips in two directions over a shaded ground."""
    strips = []
    for a, b, c, d in cells:
        for x in np.arange(a + 0.006, c - 0.006, 0.0125):
            strips.append((x, b, x + 0.0075, d, y + 0.0008))
        for z in np.arange(b + 0.006, d - 0.006, 0.0125):
            strips.append((a, z, c, z + 0.0075, y))
    return [plates([(*cell, y + 0.002) for cell in cells], CANE_SHADE), plates(strips, CANE)]


def _louvres(cell: tuple[float, ...], y: float, material: Material) -> Mesh:
    """Tilted blades that fill a frame."""
    a, b, c, d = cell
    count = max(3, round((d - b) / 0.04))
    pitch = (d - b) / count
    blade = boards([(a, -0.003, 0, c, 0.003, pitch * 1.15)], material, 0.0).tilted("x", 0.45)
    rows = np.stack([np.zeros(count), np.full(count, y - 0.006), b + pitch * np.arange(count)], -1)
    blind = boards([(a, y - 0.004, b, c, y, d)], material, 0.0)
    return merge([blind, copies(blade, np.broadcast_to(np.eye(3), (count, 3, 3)), rows)])


def pulls(style: str, places: Sequence[Point], material: Material, length: float = 0.14, upright: bool = False) -> Mesh:
    """Handles. style: one of PULLS. places: the middle of each on the outer face of its front, which faces -y.

    length: of bars and slots, metres. upright: bars stand instead of lying.
    """
    if style == "none" or not places:
        return merge([])
    one = _pull(style, material, length)
    axes = np.eye(3)
    if upright and style in ("bar", "slot"):
        axes = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
    return copies(one, np.broadcast_to(axes, (len(places), 3, 3)), np.asarray(places))


def _pull(style: str, material: Material, length: float) -> Mesh:
    r = length / 2
    if style == "knob":
        profile = [(0.006, 0), (0.006, 0.014), (0.013, 0.018), (0.0145, 0.024), (0.011, 0.029), (0.0, 0.03)]
        return lathe(profile, material, segments=12).tilted("x", np.pi / 2)
    if style == "bar":
        path = [(-r, 0, 0), (-r, -0.024, 0), (-r + 0.006, -0.03, 0), (r - 0.006, -0.03, 0), (r, -0.024, 0), (r, 0, 0)]
        return pipe(path, 0.0052, material, 8)
    if style == "cup":
        angle = np.linspace(0, np.pi / 2, 5)
        arc = [(float(0.026 * np.cos(a)), float(0.026 * np.sin(a))) for a in angle]
        return lathe(arc, material, segments=20).moved(scale=(1.7, 1.0, 1.0))
    return boards([(-r, -0.0012, -0.009, r, 0.002, 0.009)], Material("recess", (0.015, 0.014, 0.013)), 0.0)


def pipe(path: Sequence[Point], radius: float, material: Material, segments: int = 10) -> Mesh:
    """A round bar with closed, flat ends along a line of points; it does not twist in its bends."""
    line = np.asarray(path, float)
    heading = np.gradient(line, axis=0)
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    side = np.cross(heading[0], [1.0, 0, 0] if abs(heading[0, 0]) < 0.8 else [0, 1.0, 0])
    sides = []
    for direction in heading:
        side = side - direction * (side @ direction)
        side /= np.linalg.norm(side)
        sides.append(side)
    angle = np.linspace(0, 2 * np.pi, segments + 1)[:, None]
    across = np.stack(sides)
    ring = np.cos(angle) * across[:, None] + np.sin(angle) * np.cross(heading, across)[:, None]
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    rows, columns = len(line), segments + 1
    index = np.arange(rows * columns).reshape(rows, columns)
    cells = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], -1).reshape(-1, 4)
    fan = np.array([[0, i, i + 1] for i in range(1, segments - 1)])
    start = rows * columns
    ends = [fan[:, ::-1] + start, fan + start + segments]
    caps = np.concatenate([line[k] + radius * ring[k, :-1] for k in (0, -1)])
    uv = np.stack(np.broadcast_arrays(along[:, None], radius * angle[:, 0][None]), -1).reshape(-1, 2)
    facing = np.repeat(np.stack([-heading[0], heading[-1]]), segments, 0)
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
    style: str, height: float, spread: tuple[float, float], material: Material, thick: float = 0.04, splay: float = 0.0
) -> Mesh:
    """Four legs under (+-x, +-y). style: "round" or "square" (both taper), "block", "bun" or "rod".

    splay: how far outwards the feet are, metres a metre of height.
    """
    t = thick / 2
    if style == "bun":
        shape = [(0.0, 0.0), (0.6, 0.0), (0.9, 0.2), (1.0, 0.5), (0.9, 0.8), (0.7, 1.0), (0.0, 1.0)]
        one = lathe([(r * t, z * height) for r, z in shape], material, segments=14)
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
    return copies(one, axes, feet)


def slab(outline: Sequence[tuple[float, float]], z: float, thick: float, material: Material) -> Mesh:
    """A flat board with a convex outline of (x, y), counter-clockwise from above, lying on height z."""
    top = [(x, y, z + thick) for x, y in outline]
    low = [(x, y, z) for x, y in reversed(outline)]
    sides = []
    for (x0, y0), (x1, y1) in zip(outline, [*outline[1:], outline[0]], strict=True):
        sides.append(quad((x0, y0, z), (x1 - x0, y1 - y0, 0), (0, 0, thick), material))
    return merge([polygon(top, material), polygon(low, material), *sides])


def tray(low: tuple[float, float], high: tuple[float, float], top: float, depth: float, material: Material) -> Mesh:
    """A basin seen from above: four walls and a floor. low, high: corners (x, y) of its mouth at height `top`."""
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


def shade(color: Color, factor: float) -> Color:
    """A colour made lighter or darker, kept an albedo."""
    r, g, b = (float(np.clip(c * factor, 0.005, 0.9)) for c in color)
    return r, g, b


def timber(rng: np.random.Generator, f: Finishes) -> Material:
    """Any of the woods and lacquers of a room's furniture."""
    return (f.wood, f.wood, f.wood_second, f.lacquer, f.trim)[int(rng.integers(5))]


def middle(mesh: Mesh) -> Mesh:
    """The same thing centred on x = y = 0 and set down on z = 0."""
    low, high = mesh.bounds
    return mesh.moved((-float(low[0] + high[0]) / 2, -float(low[1] + high[1]) / 2, -float(low[2])))


def hung(parts: list[Mesh]) -> Mesh:
    """One thing for a wall: centred on x = z = 0, its back in y = 0."""
    whole = merge(parts)
    low, high = whole.bounds
    return whole.moved((-float(low[0] + high[0]) / 2, -float(high[1]), -float(low[2] + high[2]) / 2))
