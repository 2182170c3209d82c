"""Furniture components (boards, discs, turned wood, legs, bars, drawers, shells) and mesh deformations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, cylinder, lathe, merge, rounded_box, sphere, surface
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.typing import Array

WOODEN_LEG_STYLES = ("square", "round", "turned", "straight")


def random_timber(rng: np.random.Generator, f: Finishes) -> Material:
    """Sample one of the room's woods or its lacquer; the main wood has half the weight."""
    return (f.wood, f.wood, f.wood_second, f.lacquer)[int(rng.integers(4))]


def merge_on_floor(meshes: Iterable[Mesh]) -> Mesh:
    """Merge meshes: centred on x = y = 0, lowest point on z = 0."""
    mesh = merge(meshes)
    low, high = mesh.bounds
    return mesh.moved((-float(low[0] + high[0]) / 2, -float(low[1] + high[1]) / 2, -float(low[2])))


def board(size: Point, material: Material, at: Point = (0.0, 0.0, 0.0), bevel: float = 0.003, steps: int = 1) -> Mesh:
    """A board with bevelled edges, grain along its longest side. `at`: centre of its base."""
    mesh = rounded_box(size, material, at, bevel, steps)
    longest = int(np.argmax(size))
    uv = mesh.uv.reshape(3, -1, 2).copy()
    for axis, upright in enumerate((2, 2, 1)):
        if upright == longest:
            uv[axis] = uv[axis][:, ::-1]
    return replace(mesh, uv=uv.reshape(-1, 2) + np.array([2.3 * at[0] + at[2], 3.7 * at[1] + 1.9 * at[0]], np.float32))


def disc(radius: float, thickness: float, material: Material, at: Point = (0.0, 0.0, 0.0), edge: float = 0.004) -> Mesh:
    """A round slab with a rounded rim. `at`: centre of its base. Planar uv on its faces."""
    r, t = radius, thickness
    b = min(edge, 0.49 * t)
    low = [(0.0, 0.0), (r - b, 0.0), (r - b, 0.0), (r - 0.3 * b, 0.3 * b), (r, b)]
    mesh = lathe(low + [(x, t - z) for x, z in reversed(low)], material, segments=40)
    flat = np.abs(mesh.normals[:, 2:]) > 0.95
    uv = np.where(flat, mesh.vertices[:, :2], mesh.uv)
    return replace(mesh, uv=uv.astype(np.float32)).moved(at)


def sheared(mesh: Mesh, x: float, y: float, foot: float = 0.0) -> Mesh:
    """Shear by x and y (metres per metre of height) about the plane z = foot."""
    lean = np.array([x, y, 0.0], np.float32)
    vertices = mesh.vertices + (mesh.vertices[:, 2:] - foot) * lean
    normals = mesh.normals.copy()
    normals[:, 2] -= mesh.normals @ lean
    return replace(mesh, vertices=vertices, normals=normals / np.linalg.norm(normals, axis=1, keepdims=True))


def tapered(mesh: Mesh, foot: float) -> Mesh:
    """Taper linearly about the z axis: scale 1 at the top, `foot` at the bottom."""
    low, high = mesh.bounds
    share = foot + (1 - foot) * (mesh.vertices[:, 2:] - low[2]) / (high[2] - low[2])
    return replace(mesh, vertices=mesh.vertices * np.hstack([share, share, np.ones_like(share)]))


def bent(mesh: Mesh, radius: float) -> Mesh:
    """Bend the x axis into an arc about the vertical axis through y = -radius, concave towards -y."""
    angle = mesh.vertices[:, 0] / radius
    cos, sin = np.cos(angle), np.sin(angle)
    distance = radius + mesh.vertices[:, 1]
    nx, ny = mesh.normals[:, 0], mesh.normals[:, 1]
    vertices = np.stack([distance * sin, distance * cos - radius, mesh.vertices[:, 2]], -1)
    normals = np.stack([nx * cos + ny * sin, ny * cos - nx * sin, mesh.normals[:, 2]], -1)
    return replace(mesh, vertices=vertices.astype(np.float32), normals=normals.astype(np.float32))


def mirrored(mesh: Mesh) -> Mesh:
    """Mirror in the plane x = 0."""
    return replace(mesh.moved(scale=(-1.0, 1.0, 1.0)), faces=mesh.faces[:, ::-1].copy())


def turned(profile: Sequence[tuple[float, float]], material: Material, segments: int = 24) -> Mesh:
    """Turned wood with vertical grain. profile: (radius, height) from bottom to top."""
    mesh = lathe(profile, material, segments=segments)
    return replace(mesh, uv=mesh.uv[:, ::-1].copy())


def leg(style: str, height: float, thickness: float, material: Material) -> Mesh:
    """One leg with its foot at the origin. style: one of WOODEN_LEG_STYLES, "hairpin" or "bun"."""
    t = thickness / 2
    if style == "square":
        return tapered(board((thickness, thickness, height), material), 0.55)
    if style == "straight":
        return board((thickness, thickness, height), material)
    if style == "hairpin":
        rod = cylinder(0.006, height, material, segments=8)
        return merge(
            sheared(rod, x * 0.045 / height, y * 0.045 / height) for x, y in ((0.7, 0.7), (-0.7, 0.0), (0, -0.7))
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
    """Four legs at (+-x, +-y). splay: outward offset of the feet, metres per metre of height."""
    one = leg(style, height, thickness, material)
    x, y = spread
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    return merge(sheared(one, -splay * i, -splay * j, height).moved((i * x, j * y, 0.0)) for i, j in corners)


def bar(path: Sequence[Point], radius: float, material: Material, bend: float = 0.0, segments: int = 10) -> Mesh:
    """A round bar with closed ends swept along a polyline. bend: distance from a corner to the start of its fillet."""
    points = _rounded_corners(np.asarray(path, float), bend)
    tangents = np.gradient(points, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    side = np.cross(tangents[0], [1.0, 0, 0] if abs(tangents[0, 0]) < 0.8 else [0, 1.0, 0])
    sides = []
    for tangent in tangents:
        side = side - tangent * (side @ tangent)
        side = side / np.linalg.norm(side)
        sides.append(side)
    first = np.stack(sides)
    second = np.cross(tangents, first)
    angle = np.linspace(0, 2 * np.pi, segments + 1)[:, None]
    ring = np.cos(angle) * first[:, None] + np.sin(angle) * second[:, None]
    radii = np.full((len(points), 1, 1), radius)
    rows = [0, *range(len(points)), len(points) - 1]
    radii = radii[rows]
    radii[[0, -1]] = 1e-4
    length = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
    sheet = points[rows][:, None] + radii * ring[rows]
    mesh = surface(lambda s, t: sheet, material, segments, len(rows) - 1, (2 * np.pi * radius, length))
    normals = ring[rows]
    normals[0], normals[-1] = -tangents[0], tangents[-1]
    return replace(mesh, uv=mesh.uv[:, ::-1].copy(), normals=normals.reshape(-1, 3).astype(np.float32))


def short_legs(rng: np.random.Generator, f: Finishes, size: tuple[float, float], height: float) -> Mesh:
    """Four short legs under a body of size (width, depth)."""
    style = str(rng.choice(["round", "square", "straight", "bun"]))
    material = f.metal_dark if style == "straight" and rng.random() < 0.5 else f.wood_second
    thickness = {"straight": 0.04, "bun": 0.08}.get(style, 0.05)
    return four_legs(style, height, (size[0] / 2 - 0.08, size[1] / 2 - 0.08), thickness, material)


def _rounded_corners(path: Array, bend: float) -> Array:
    """Replace each inner corner of a path by a quadratic Bezier curve of six points."""
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
    """Four apron rails below a table top at height `top`."""
    z = top - height
    sides = [board((0.02, depth, height), material, (x * width / 2, 0, z)) for x in (-1, 1)]
    return merge([*sides, *(board((width, 0.02, height), material, (0, y * depth / 2, z)) for y in (-1, 1))])


def drawer_fronts(
    rng: np.random.Generator, f: Finishes, front: Material, size: tuple[float, float], rows: int, at: Point
) -> Mesh:
    """A stack of drawer fronts with knobs, bars or recessed grips. size: width and height of the stack.

    at: middle of its lower edge on the carcass; the fronts extend 18 mm towards -y.
    """
    width, height = size[0], size[1] / rows
    grip = rng.choice(["knob", "bar", "slot"])
    handle = f.metal if rng.random() < 0.5 else f.metal_dark
    meshes = []
    for row in range(rows):
        z = at[2] + row * height
        meshes.append(board((width - 0.006, 0.018, height - 0.006), front, (at[0], at[1] - 0.009, z + 0.003), 0.002))
        y, middle = at[1] - 0.018, z + height / 2
        if grip == "knob":
            meshes.append(sphere((0.014, 0.014, 0.014), handle, (at[0], y - 0.012, middle), 10))
            meshes.append(cylinder(0.006, 0.014, handle, segments=8).rotated("x", np.pi / 2).moved((at[0], y, middle)))
        elif grip == "bar":
            reach = min(0.16, 0.4 * width) / 2
            path = [(-reach, 0, 0), (-reach, -0.025, 0), (reach, -0.025, 0), (reach, 0, 0)]
            meshes.append(bar(path, 0.005, handle, 0.008, 8).moved((at[0], y, middle)))
        else:
            meshes.append(board((0.4 * width, 0.004, 0.016), f.metal_dark, (at[0], y, z + height - 0.03), 0.0015))
    return merge(meshes)


def seat_shell(material: Material, size: Point, wrap: float, recline: float = 1.35, thickness: float = 0.012) -> Mesh:
    """A one-piece shell of seat and back. size: width, arc length of the seat, arc length of the back.

    wrap: how far the sides curl up, metres. recline: angle of the back above horizontal, radians. The lowest point of
    the seat is near z = 0; the middle of the seat is at y = 0.
    """
    width, seat, back = size
    t = 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, 23))
    bend = seat / (seat + back)
    slope_angle = np.interp(
        t, [0, 0.07, 0.18, bend - 0.08, bend + 0.1, 1], [0.6, 0.2, -0.06, -0.05, recline - 0.1, recline]
    )
    step = (seat + back) * np.gradient(t)
    y, z = np.cumsum(np.cos(slope_angle) * step), np.cumsum(np.sin(slope_angle) * step)
    curl = wrap * np.interp(t, [0, 0.2, bend, bend + 0.15, 0.8, 1], [0.1, 0.6, 1.0, 0.95, 0.4, 0.0])
    half = width / 2 * np.interp(t, [0, 0.12, bend, 0.9, 1], [0.88, 0.95, 1.0, 0.95, 0.9])
    half *= np.maximum(1 - np.clip((t - 0.78) / 0.22, 0, 1) ** 3, 0.1) ** 0.5
    half *= np.maximum(1 - np.clip((0.1 - t) / 0.1, 0, 1) ** 3, 0.3) ** 0.5

    def shape(s: Array, _: Array) -> Array:
        u = 2 * s - 1
        lift = curl[:, None] * u**4
        points = [half[:, None] * u * (1 - 0.12 * u**4), y[:, None] - np.sin(slope_angle)[:, None] * lift]
        return np.stack([*points, z[:, None] + np.cos(slope_angle)[:, None] * lift], -1)

    inside = surface(shape, material, 16, len(t) - 1, (width, seat + back))
    u = np.linspace(-1, 1, 17)
    rim = (1 - u[None] ** 8) * (1 - (2 * t[:, None] - 1) ** 12)
    outside = replace(
        inside, vertices=inside.vertices - inside.normals * (thickness * rim.reshape(-1, 1)).astype(np.float32)
    )
    return merge([inside, outside.flipped()]).moved((0, -seat / 2, -float(z[t < bend].min())))
