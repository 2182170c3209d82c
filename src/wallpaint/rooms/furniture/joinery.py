"""What furniture is joined from: boards, discs, turned wood, legs, bars, drawers, bent shells; and how parts bend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, ball, cylinder, lathe, merge, rounded_box, surface
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.typing import Array

WOODEN_LEGS = ("square", "round", "turned", "straight")


def any_timber(rng: np.random.Generator, f: Finishes) -> Material:
    """Any of the woods and the lacquer of a room's furniture; its main wood is the likeliest."""
    return (f.wood, f.wood, f.wood_second, f.lacquer)[int(rng.integers(4))]


def placed(parts: Iterable[Mesh]) -> Mesh:
    """One mesh of many, centred on x = y = 0 and set down on z = 0."""
    whole = merge(parts)
    low, high = whole.bounds
    return whole.moved((-float(low[0] + high[0]) / 2, -float(low[1] + high[1]) / 2, -float(low[2])))


def board(size: Point, material: Material, at: Point = (0.0, 0.0, 0.0), bevel: float = 0.003, steps: int = 1) -> Mesh:
    """A piece of timber with eased edges, its grain along its longest side. It stands on `at`."""
    whole = rounded_box(size, material, at, bevel, steps)
    longest = int(np.argmax(size))
    uv = whole.uv.reshape(3, -1, 2).copy()
    for axis, upright in enumerate((2, 2, 1)):
        if upright == longest:
            uv[axis] = uv[axis][:, ::-1]
    return replace(whole, uv=uv.reshape(-1, 2) + np.array([2.3 * at[0] + at[2], 3.7 * at[1] + 1.9 * at[0]], np.float32))


def disc(radius: float, thickness: float, material: Material, at: Point = (0.0, 0.0, 0.0), edge: float = 0.004) -> Mesh:
    """A round slab with a rounded rim standing on `at`; its faces are laid out flat in uv."""
    r, t = radius, thickness
    b = min(edge, 0.49 * t)
    low = [(0.0, 0.0), (r - b, 0.0), (r - b, 0.0), (r - 0.3 * b, 0.3 * b), (r, b)]
    whole = lathe(low + [(x, t - z) for x, z in reversed(low)], material, segments=40)
    flat = np.abs(whole.normals[:, 2:]) > 0.95
    uv = np.where(flat, whole.vertices[:, :2], whole.uv)
    return replace(whole, uv=uv.astype(np.float32)).moved(at)


def leaning(mesh: Mesh, x: float, y: float, foot: float = 0.0) -> Mesh:
    """Sheared: moved by x and y (metres a metre of height) above the height `foot`, which stays where it is."""
    lean = np.array([x, y, 0.0], np.float32)
    vertices = mesh.vertices + (mesh.vertices[:, 2:] - foot) * lean
    normals = mesh.normals.copy()
    normals[:, 2] -= mesh.normals @ lean
    return replace(mesh, vertices=vertices, normals=normals / np.linalg.norm(normals, axis=1, keepdims=True))


def tapering(mesh: Mesh, foot: float) -> Mesh:
    """Narrowed linearly about the z axis, from its full size at the top to `foot` of it at the bottom."""
    low, high = mesh.bounds
    share = foot + (1 - foot) * (mesh.vertices[:, 2:] - low[2]) / (high[2] - low[2])
    return replace(mesh, vertices=mesh.vertices * np.hstack([share, share, np.ones_like(share)]))


def curved(mesh: Mesh, radius: float) -> Mesh:
    """Bent about the upright axis through y = -radius: what was straight along x embraces whoever sits before it."""
    angle = mesh.vertices[:, 0] / radius
    cos, sin = np.cos(angle), np.sin(angle)
    far = radius + mesh.vertices[:, 1]
    nx, ny = mesh.normals[:, 0], mesh.normals[:, 1]
    vertices = np.stack([far * sin, far * cos - radius, mesh.vertices[:, 2]], -1)
    normals = np.stack([nx * cos + ny * sin, ny * cos - nx * sin, mesh.normals[:, 2]], -1)
    return replace(mesh, vertices=vertices.astype(np.float32), normals=normals.astype(np.float32))


def mirrored(mesh: Mesh) -> Mesh:
    """The other one of a pair: left for right."""
    return replace(mesh.moved(scale=(-1.0, 1.0, 1.0)), faces=mesh.faces[:, ::-1].copy())


def turned(profile: Sequence[tuple[float, float]], material: Material, segments: int = 24) -> Mesh:
    """A lathe's work in wood, its grain upright. profile: (radius, height) from bottom to top."""
    whole = lathe(profile, material, segments=segments)
    return replace(whole, uv=whole.uv[:, ::-1].copy())


def leg(style: str, height: float, thickness: float, material: Material) -> Mesh:
    """One leg on the origin. style: one of WOODEN_LEGS, "hairpin" or "bun"."""
    t = thickness / 2
    if style == "square":
        return tapering(board((thickness, thickness, height), material), 0.55)
    if style == "straight":
        return board((thickness, thickness, height), material)
    if style == "hairpin":
        rod = cylinder(0.006, height, material, segments=8)
        return merge(
            leaning(rod, x * 0.045 / height, y * 0.045 / height) for x, y in ((0.7, 0.7), (-0.7, 0.0), (0, -0.7))
        )
    if style == "bun":
        profile = [(0.0, 0.0), (0.6, 0.0), (0.9, 0.2), (1.0, 0.5), (0.9, 0.8), (0.7, 1.0), (0.0, 1.0)]
    elif style == "turned":
        profile = [(0, 0), (0.5, 0), (0.5, 0), (0.62, 0.06), (0.45, 0.1), (0.55, 0.2), (0.85, 0.45), (0.95, 0.62)]
        profile += [(0.7, 0.7), (1.0, 0.73), (0.7, 0.76), (0.95, 0.79), (1.0, 0.82), (1.0, 1.0), (0, 1.0)]
    else:
        profile = [(0, 0), (0.45, 0), (0.55, 0.01), (1.0, 1.0), (1.0, 1.0), (0, 1.0)]
    return turned([(r * t, z * height) for r, z in profile], material, 14)


def four_legs(
    style: str, height: float, spread: tuple[float, float], thickness: float, material: Material, splay: float = 0.0
) -> Mesh:
    """Legs under (+-x, +-y); splay: how far outwards their feet are, metres a metre of height."""
    one = leg(style, height, thickness, material)
    x, y = spread
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    return merge(leaning(one, -splay * i, -splay * j, height).moved((i * x, j * y, 0.0)) for i, j in corners)


def bar(path: Sequence[Point], radius: float, material: Material, bend: float = 0.0, segments: int = 10) -> Mesh:
    """A round bar with closed ends along a line of points. bend: how far before a corner its curve begins, metres."""
    points = _with_curves(np.asarray(path, float), bend)
    heading = np.gradient(points, axis=0)
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    side = np.cross(heading[0], [1.0, 0, 0] if abs(heading[0, 0]) < 0.8 else [0, 1.0, 0])
    sides = []
    for direction in heading:
        side = side - direction * (side @ direction)
        side = side / np.linalg.norm(side)
        sides.append(side)
    first = np.stack(sides)
    second = np.cross(heading, first)
    angle = np.linspace(0, 2 * np.pi, segments + 1)[:, None]
    ring = np.cos(angle) * first[:, None] + np.sin(angle) * second[:, None]
    girth = np.full((len(points), 1, 1), radius)
    rows = [0, *range(len(points)), len(points) - 1]
    girth = girth[rows]
    girth[[0, -1]] = 1e-4
    length = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
    sheet = points[rows][:, None] + girth * ring[rows]
    whole = surface(lambda s, t: sheet, material, segments, len(rows) - 1, (2 * np.pi * radius, length))
    normals = ring[rows]
    normals[0], normals[-1] = -heading[0], heading[-1]
    return replace(whole, uv=whole.uv[:, ::-1].copy(), normals=normals.reshape(-1, 3).astype(np.float32))


def low_feet(rng: np.random.Generator, f: Finishes, size: tuple[float, float], height: float) -> Mesh:
    """Low feet under a body of width, depth."""
    style = str(rng.choice(["round", "square", "straight", "bun"]))
    material = f.metal_dark if style == "straight" and rng.random() < 0.5 else f.wood_second
    thick = {"straight": 0.04, "bun": 0.08}.get(style, 0.05)
    return four_legs(style, height, (size[0] / 2 - 0.08, size[1] / 2 - 0.08), thick, material)


def _with_curves(path: Array, bend: float) -> Array:
    """The path with each inner corner replaced by a curve of six points."""
    if bend <= 0 or len(path) < 3:
        return path
    points = [path[0]]
    for before, corner, after in zip(path[:-2], path[1:-1], path[2:], strict=True):
        a, b = before - corner, after - corner
        reach = min(bend, 0.45 * float(np.linalg.norm(a)), 0.45 * float(np.linalg.norm(b)))
        start, end = (corner + v / np.linalg.norm(v) * reach for v in (a, b))
        points += [(1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end for t in np.linspace(0, 1, 6)]
    return np.stack([*points, path[-1]])


def apron(width: float, depth: float, height: float, top: float, material: Material) -> Mesh:
    """Four rails on edge below a table top at height `top`."""
    z = top - height
    sides = [board((0.02, depth, height), material, (x * width / 2, 0, z)) for x in (-1, 1)]
    return merge([*sides, *(board((width, 0.02, height), material, (0, y * depth / 2, z)) for y in (-1, 1))])


def drawers(
    rng: np.random.Generator, f: Finishes, front: Material, size: tuple[float, float], rows: int, at: Point
) -> Mesh:
    """Drawer fronts one above another, each with a knob, a bar or a dark grip. size: width, height of the whole stack.

    at: the middle of its lower edge on the carcass; the fronts come out 18 mm towards -y.
    """
    width, height = size[0], size[1] / rows
    grip = rng.choice(["knob", "bar", "slot"])
    handle = f.metal if rng.random() < 0.5 else f.metal_dark
    parts = []
    for row in range(rows):
        z = at[2] + row * height
        parts.append(board((width - 0.006, 0.018, height - 0.006), front, (at[0], at[1] - 0.009, z + 0.003), 0.002))
        y, middle = at[1] - 0.018, z + height / 2
        if grip == "knob":
            parts.append(ball((0.014, 0.014, 0.014), handle, (at[0], y - 0.012, middle), 10))
            parts.append(cylinder(0.006, 0.014, handle, segments=8).tilted("x", np.pi / 2).moved((at[0], y, middle)))
        elif grip == "bar":
            reach = min(0.16, 0.4 * width) / 2
            path = [(-reach, 0, 0), (-reach, -0.025, 0), (reach, -0.025, 0), (reach, 0, 0)]
            parts.append(bar(path, 0.005, handle, 0.008, 8).moved((at[0], y, middle)))
        else:
            parts.append(board((0.4 * width, 0.004, 0.016), f.metal_dark, (at[0], y, z + height - 0.03), 0.0015))
    return merge(parts)


def scoop(material: Material, size: Point, wrap: float, recline: float = 1.35, thick: float = 0.012) -> Mesh:
    """A seat and a back in one bent shell. size: width, length along the bend of the seat, and of the back.

    wrap: how far its sides come towards the sitter. The lowest point of the seat is about z = 0, and y = 0 in the
    middle of the seat.
    """
    width, seat, back = size
    t = 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, 23))
    bend = seat / (seat + back)
    heading = np.interp(
        t, [0, 0.07, 0.18, bend - 0.08, bend + 0.1, 1], [0.6, 0.2, -0.06, -0.05, recline - 0.1, recline]
    )
    step = (seat + back) * np.gradient(t)
    y, z = np.cumsum(np.cos(heading) * step), np.cumsum(np.sin(heading) * step)
    curl = wrap * np.interp(t, [0, 0.2, bend, bend + 0.15, 0.8, 1], [0.1, 0.6, 1.0, 0.95, 0.4, 0.0])
    half = width / 2 * np.interp(t, [0, 0.12, bend, 0.9, 1], [0.88, 0.95, 1.0, 0.95, 0.9])
    half *= np.maximum(1 - np.clip((t - 0.78) / 0.22, 0, 1) ** 3, 0.1) ** 0.5
    half *= np.maximum(1 - np.clip((0.1 - t) / 0.1, 0, 1) ** 3, 0.3) ** 0.5

    def shape(s: Array, _: Array) -> Array:
        u = 2 * s - 1
        lift = curl[:, None] * u**4
        points = [half[:, None] * u * (1 - 0.12 * u**4), y[:, None] - np.sin(heading)[:, None] * lift]
        return np.stack([*points, z[:, None] + np.cos(heading)[:, None] * lift], -1)

    inside = surface(shape, material, 16, len(t) - 1, (width, seat + back))
    u = np.linspace(-1, 1, 17)
    rim = (1 - u[None] ** 8) * (1 - (2 * t[:, None] - 1) ** 12)
    outside = replace(
        inside, vertices=inside.vertices - inside.normals * (thick * rim.reshape(-1, 1)).astype(np.float32)
    )
    return merge([inside, outside.flipped()]).moved((0, -seat / 2, -float(z[t < bend].min())))
