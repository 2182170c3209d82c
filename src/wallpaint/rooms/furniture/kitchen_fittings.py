"""Built-in kitchen fittings (hobs, ovens, sinks, taps) and dishes for open shelves."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from wallpaint.rooms.furniture.books import COVER_MATERIALS
from wallpaint.rooms.furniture.carcass import FRONT_GAP, FRONT_THICKNESS, Cell, boards, front_quads, open_basin, pipe
from wallpaint.rooms.furniture.mouldings import instanced
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, cylinder, lathe, merge
from wallpaint.rooms.surfaces.finishes import Finishes

BLACK_GLASS = Material("black glass", (0.012, 0.012, 0.013), roughness=0.1, f0=0.04)
CAST_IRON = Material("cast iron", (0.02, 0.02, 0.021), roughness=0.6, f0=0.03)
STEEL = Material("steel", (0.56, 0.55, 0.53), roughness=0.28, metal=True)
HOB_MARKING = Material("hob mark", (0.16, 0.16, 0.165), roughness=0.3)


def glass_hob(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A glass hob with four marked rings, on z = 0."""
    meshes = [boards([(-0.29, -0.25, 0, 0.29, 0.25, 0.005)], BLACK_GLASS, 0.002)]
    for x, y in ((-0.14, -0.11), (0.14, -0.11), (-0.14, 0.12), (0.14, 0.12)):
        r = float(rng.choice([0.075, 0.09, 0.105]))
        ring = lathe([(r, 0.0056), (r - 0.004, 0.0056)], HOB_MARKING, segments=28)
        meshes.append(ring.moved((x, y, 0)))
    return merge(meshes)


def gas_hob(rng: np.random.Generator, f: Finishes, width: float = 0.58) -> Mesh:
    """A gas hob: burners under cast-iron grates, on z = 0."""
    w = width / 2
    meshes = [boards([(-w, -0.25, 0, w, 0.25, 0.008)], STEEL if rng.random() < 0.6 else BLACK_GLASS, 0.003)]
    at = [(x, y) for x in (-0.5 * w, 0.5 * w) for y in (-0.09, 0.13)]
    for x, y in at:
        meshes.append(cylinder(0.04, 0.014, CAST_IRON, (x, y, 0.008), 16))
        meshes.append(boards([(x - 0.11, y - 0.004, 0.03, x + 0.11, y + 0.004, 0.042)], CAST_IRON, 0.0))
        meshes.append(boards([(x - 0.004, y - 0.1, 0.03, x + 0.004, y + 0.1, 0.042)], CAST_IRON, 0.0))
    rims = [
        (s * 0.5 * w - 0.12, y - 0.004, 0.008, s * 0.5 * w + 0.12, y + 0.004, 0.042)
        for s in (-1, 1)
        for y in (-0.19, 0.235)
    ]
    knob = cylinder(0.015, 0.02, CAST_IRON if rng.random() < 0.5 else STEEL, segments=12)
    axes = np.broadcast_to(np.eye(3), (4, 3, 3))
    row = np.array([(x, -0.225, 0.008) for x in (-0.12, -0.04, 0.04, 0.12)])
    return merge([*meshes, boards(rims, CAST_IRON, 0.0), instanced(knob, axes, row)])


def knobs(xs: Iterable[float], z: float, y: float, material: Material) -> Mesh:
    """Round control knobs on a front in the plane y."""
    one = cylinder(0.018, 0.022, material, segments=14).rotated("x", np.pi / 2)
    at = np.array([(float(x), y, z) for x in xs])
    return instanced(one, np.broadcast_to(np.eye(3), (len(at), 3, 3)), at)


def oven_front(
    rng: np.random.Generator,
    f: Finishes,
    cell: Cell,
    y: float,
    handle: Material,
    panel: Material | None = None,
    bare: bool = False,
) -> Mesh:
    """An oven front: glass door with a bar handle, controls above, and a panel below if the cell is high enough.

    cell: x0, z0, x1, z1 of the opening. bare: omit the controls.
    """
    x0, z0, x1, z1 = (
        c + g for c, g in zip(cell, (FRONT_GAP / 2, FRONT_GAP / 2, -FRONT_GAP / 2, -FRONT_GAP / 2), strict=True)
    )
    body = panel or (STEEL if rng.random() < 0.6 else BLACK_GLASS)
    out, top, middle = y - FRONT_THICKNESS, z1 - (0.0 if panel else 0.1), (x0 + x1) / 2
    low = max(z0, top - 0.5)
    meshes = [boards([(x0, out, low, x1, y, top - 0.003)], body), boards([(x0, out, top, x1, y, z1)], body)]
    if panel:
        meshes = meshes[:1]
    if low > z0 + 0.02:
        meshes.append(boards([(x0, out, z0, x1, y, low - 0.004)], panel or body))
    meshes.append(front_quads([(x0 + 0.06, low + 0.07, x1 - 0.06, top - 0.1, out - 0.0008)], BLACK_GLASS))
    z, reach = top - 0.05, 0.42 * (x1 - x0)
    path: list[Point] = [(middle - reach, out, z), (middle - reach, out - 0.04, z)]
    path += [(middle + reach, out - 0.04, z), (middle + reach, out, z)]
    meshes.append(pipe(path, 0.008, STEEL if panel is None else handle, 8))
    if not panel and not bare:
        meshes.append(front_quads([(middle - 0.06, top + 0.03, middle + 0.06, z1 - 0.03, out - 0.0008)], BLACK_GLASS))
        xs = [middle + s * 0.22 * (x1 - x0) / 0.6 for s in (-1, 1)]
        meshes.append(knobs(xs, (top + z1) / 2, out, CAST_IRON if body is STEEL else STEEL))
    return merge(meshes)


def sink_bowl(rng: np.random.Generator, f: Finishes, hole: Cell, top: float) -> Mesh:
    """A sink bowl in a cut-out (x0, y0, x1, y1) of a worktop at height `top`, with a rim."""
    x0, y0, x1, y1 = hole
    sample = rng.random()
    material = STEEL if sample < 0.65 else f.ceramic if sample < 0.8 else CAST_IRON
    rim = [
        (x0 - 0.02, y0 - 0.02, top - 0.001, x0, y1 + 0.02, top + 0.003),
        (x1, y0 - 0.02, top - 0.001, x1 + 0.02, y1 + 0.02, top + 0.003),
    ]
    rim += [(x0, y0 - 0.02, top - 0.001, x1, y0, top + 0.003), (x0, y1, top - 0.001, x1, y1 + 0.02, top + 0.003)]
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    drain = lathe([(0.03, 0), (0, 0.001)], CAST_IRON, segments=14).moved((*middle, top - 0.1785))
    return merge([boards(rim, material, 0.0), open_basin((x0, y0), (x1, y1), top + 0.001, 0.18, material), drain])


def mixer_tap(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A mixer tap on z = 0 whose spout extends towards -y."""
    metal = STEEL if rng.random() < 0.6 else f.metal if rng.random() < 0.5 else f.metal_dark
    height, reach = rng.uniform(0.22, 0.34), rng.uniform(0.15, 0.2)
    if rng.random() < 0.65:
        a = np.linspace(0, np.pi, 11)
        path: list[Point] = [(0, 0, 0.0)]
        path += [(0, float(-reach / 2 * (1 - np.cos(t))), float(height - reach / 2 + reach / 2 * np.sin(t))) for t in a]
        path.append((0, -reach, height - reach / 2 - 0.05))
    else:
        path = [
            (0, 0, 0),
            (0, 0, height * 0.7 - 0.01),
            (0, -0.012, height * 0.7),
            (0, -reach, height * 0.72),
            (0, -reach - 0.005, height * 0.64),
        ]
    lever: list[Point] = [(0.01, 0, 0.06), (0.05, 0, 0.07), (0.085, 0, 0.1)]
    return merge(
        [pipe(path, 0.011, metal, 10), cylinder(0.024, 0.045, metal, segments=16), pipe(lever, 0.006, metal, 8)]
    )


def _plate_stack(rng: np.random.Generator, f: Finishes, height: float) -> Mesh:
    r, count = rng.uniform(0.085, 0.12), int(rng.integers(3, 7))
    one = lathe(
        [(0, 0), (0.55 * r, 0), (r, 0.012), (r, 0.015), (0.55 * r, 0.005), (0, 0.005)],
        _glaze_material(rng, f),
        segments=22,
    )
    at = np.stack([np.zeros(count), np.zeros(count), 0.0075 * np.arange(count)], -1)
    return instanced(one, np.broadcast_to(np.eye(3), (count, 3, 3)), at)


def _bowl_stack(rng: np.random.Generator, f: Finishes, height: float) -> Mesh:
    r, count = rng.uniform(0.06, 0.085), int(rng.integers(2, 5))
    profile = [(0, 0), (0.4, 0), (0.75, 0.25), (1.0, 0.7), (0.96, 0.7), (0.7, 0.28), (0, 0.08)]
    one = lathe([(r * x, r * z) for x, z in profile], _glaze_material(rng, f), segments=14)
    at = np.stack([np.zeros(count), np.zeros(count), 0.2 * r * np.arange(count)], -1)
    return instanced(one, np.broadcast_to(np.eye(3), (count, 3, 3)), at)


def _mugs(rng: np.random.Generator, f: Finishes, height: float) -> Mesh:
    material, count = _glaze_material(rng, f), int(rng.integers(1, 4))
    r, h = rng.uniform(0.036, 0.044), rng.uniform(0.08, 0.1)
    cup = lathe(
        [(0, 0), (r, 0), (r, 0), (r, h), (r - 0.003, h), (r - 0.003, 0.3 * h), (0, 0.3 * h)], material, segments=16
    )
    grip: list[Point] = [
        (r - 0.002, 0, 0.8 * h),
        (r + 0.02, 0, 0.75 * h),
        (r + 0.02, 0, 0.35 * h),
        (r - 0.002, 0, 0.25 * h),
    ]
    one = merge([cup, pipe(grip, 0.0045, material, 6)])
    return merge([one.moved((0.1 * i - 0.05 * (count - 1), 0, 0), float(rng.uniform(-1.2, 1.2))) for i in range(count)])


def _jars(rng: np.random.Generator, f: Finishes, height: float) -> Mesh:
    """A row of lidded tins or jars of decreasing size."""
    count, meshes, x = int(rng.integers(1, 4)), [], 0.0
    material, lid = _glaze_material(rng, f), f.wood if rng.random() < 0.6 else f.metal
    for i in range(count):
        r, h = 0.052 - 0.007 * i, min(height - 0.03, rng.uniform(0.12, 0.2)) * (1 - 0.16 * i)
        meshes.append(lathe([(0, 0), (r, 0), (r, 0), (r, h), (0.9 * r, h)], material, (x, 0, 0), 18))
        meshes.append(cylinder(0.93 * r, 0.018, lid, (x, 0, h), 18))
        x += 2 * r + 0.01
    return merge(meshes).moved((-(x - 0.1) / 2, 0, 0))


def _chopping_board(rng: np.random.Generator, f: Finishes, height: float) -> Mesh:
    """A chopping board that leans."""
    w, h = rng.uniform(0.16, 0.24), min(height - 0.01, rng.uniform(0.2, 0.32))
    wood = f.wood if rng.random() < 0.5 else f.wood_second
    return boards([(-w / 2, -0.01, 0, w / 2, 0.008, h)], wood, 0.005).rotated("x", -0.12).moved((0, 0.02, 0))


def _jug(rng: np.random.Generator, f: Finishes, height: float) -> Mesh:
    h = min(height - 0.01, rng.uniform(0.16, 0.24))
    profile = [(0, 0), (0.28, 0), (0.36, 0.2), (0.34, 0.5), (0.2, 0.8), (0.25, 1.0), (0.235, 1.0), (0.17, 0.78)]
    material = _glaze_material(rng, f)
    grip: list[Point] = [
        (0.22 * h, 0, 0.9 * h),
        (0.5 * h, 0, 0.8 * h),
        (0.45 * h, 0, 0.45 * h),
        (0.33 * h, 0, 0.35 * h),
    ]
    return merge([lathe([(h * x, h * z) for x, z in profile], material, segments=18), pipe(grip, 0.008, material, 6)])


def _glaze_material(rng: np.random.Generator, f: Finishes) -> Material:
    """Return the room's ceramic, with probability 0.55, or a glaze in a random colour."""
    if rng.random() < 0.55:
        return f.ceramic
    return Material("glaze", COVER_MATERIALS[int(rng.integers(len(COVER_MATERIALS)))].albedo, roughness=0.25, f0=0.04)


def dishes(rng: np.random.Generator, f: Finishes, size: Point) -> list[Mesh]:
    """Dishes, jars and chopping boards along a shelf. size: width, depth, height of the free space above the origin."""
    width, depth, height = size
    builders = (_plate_stack, _bowl_stack, _mugs, _mugs, _jars, _jars, _chopping_board, _jug)
    meshes, x = [], -width / 2 + rng.uniform(0, 0.08)
    while x < width / 2 - 0.08:
        one = builders[int(rng.integers(len(builders)))](rng, f, height)
        low, high = one.bounds
        scale = min(1.0, depth / float(high[1] - low[1]), height / float(high[2]))
        one = one.moved(scale=scale)
        low, high = one.bounds
        run = float(high[0] - low[0])
        if x + run > width / 2:
            break
        y = -float(low[1] + high[1]) / 2
        meshes.append(one.moved((x - float(low[0]), y, -float(low[2]))))
        x += run + rng.uniform(0.01, 0.14)
    return meshes
