"""Wall decoration: framed prints, mirrors, clocks, hangings, ledges, coat hooks; and the fixtures of `wall_fixtures`.

The back is in the plane y = 0; objects extend towards -y and are centred on x = z = 0.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np

from wallpaint.rooms.furniture import FurnitureCategory, wall_fixtures
from wallpaint.rooms.furniture.mouldings import arch, ellipse, flat_panel, moulding, rectangle
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, box, cylinder, merge, quad, sphere, surface, tube, two_sided
from wallpaint.rooms.surfaces import images
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.typing import Array

FrameRect = tuple[float, float, float, float]  # centre x, centre z, width, height


def _print(rng: np.random.Generator, split: str, width: float, height: float, y: float, glossy: bool) -> Mesh:
    texture = images.artwork(rng, split, width / height)
    paper = Material("picture", (0.95, 0.95, 0.95), texture=texture, roughness=0.12 if glossy else 0.8)
    paper = replace(paper, f0=0.04 if glossy else 0.0)
    return quad((-width / 2, y, -height / 2), (width, 0, 0), (0, 0, height), paper, "unit")


def _frame_finish(rng: np.random.Generator, f: Finishes) -> Material:
    gold = Material("gilt", (0.75, 0.55, 0.25), roughness=0.35, metal=True)
    options = (f.wood, f.wood_second, f.metal_dark, f.lacquer, gold, f.trim)
    return options[int(rng.choice(6, p=[0.25, 0.15, 0.25, 0.15, 0.08, 0.12]))]


def _framed(
    rng: np.random.Generator, f: Finishes, size: tuple[float, float], finish: Material, mount: float, split: str
) -> Mesh:
    """A framed print of outer size (width, height). mount: width of the passepartout; none below 1 cm."""
    frame_width = float(rng.uniform(0.008, 0.03)) * float(np.clip(max(size) / 0.5, 0.6, 1.6))
    depth = float(rng.uniform(0.016, 0.032))
    inner_w, inner_h = size[0] - 2 * frame_width, size[1] - 2 * frame_width
    bevel = min(0.004, frame_width / 3)
    if frame_width > 0.022 and rng.random() < 0.6:  # stepped profile that slopes inwards
        step = [
            (0, 0.008),
            (0, 0.5 * depth),
            (0.3 * frame_width, 0.6 * depth),
            (0.3 * frame_width, 0.7 * depth),
            (0.75 * frame_width, depth),
        ]
        profile = [*step, (frame_width - bevel, depth), (frame_width, depth - bevel), (frame_width, 0)]
    else:
        profile = [
            (0, 0.006),
            (0, depth - bevel),
            (bevel, depth),
            (frame_width - bevel, depth),
            (frame_width, depth - bevel),
            (frame_width, 0),
        ]
    meshes = [moulding(rectangle(inner_w, inner_h), profile, finish)]
    if mount < 0.01:
        return merge([*meshes, _print(rng, split, inner_w, inner_h, -0.006, rng.random() < 0.6)])
    art_w, art_h = inner_w - 2 * mount, inner_h - 2 * mount
    card = replace(f.paper, texture=None) if f.paper.texture is None else f.paper
    meshes.append(moulding(rectangle(art_w, art_h), [(0, 0.0055), (0.002, 0.008), (mount, 0.008)], card))
    return merge([*meshes, _print(rng, split, art_w, art_h, -0.0055, True)])


def _frame(rng: np.random.Generator, f: Finishes, split: str = "train") -> Mesh:
    """One framed print, 25 cm to 1.1 m."""
    long_side = float(rng.choice([0.32, 0.45, 0.6, 0.75, 0.95, 1.1])) * float(rng.uniform(0.92, 1.08))
    short_side = long_side * float(rng.choice([0.67, 0.71, 0.75, 0.8, 1.0]))
    size = (short_side, long_side) if rng.random() < 0.6 else (long_side, short_side)
    mount = 0.0 if rng.random() < 0.35 else float(rng.uniform(0.08, 0.18)) * short_side
    return _framed(rng, f, size, _frame_finish(rng, f), mount, split)


def _canvas(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A stretched canvas, perhaps inside a thin floating frame."""
    long_side = float(rng.uniform(0.6, 1.3))
    short_side = long_side * float(rng.uniform(0.55, 1.0))
    width, height = (short_side, long_side) if rng.random() < 0.4 else (long_side, short_side)
    depth = float(rng.uniform(0.02, 0.035))
    side = [(-0.002, depth), (0, depth - 0.002), (0, 0)]
    meshes = [_print(rng, "train", width - 0.004, height - 0.004, -depth, False)]
    meshes.append(moulding(rectangle(width, height), side, f.linen))
    if rng.random() < 0.5:
        gap, thickness = 0.006, 0.008
        floater = [(gap, 0), (gap, depth + 0.004), (gap + thickness, depth + 0.004), (gap + thickness, 0)]
        meshes.append(moulding(rectangle(width, height), floater, _frame_finish(rng, f)))
    return merge(meshes)


def _ornate(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A deep moulded frame, oval, or rectangular with corner bosses."""
    gilt = Material("old gilt", (0.62, 0.44, 0.2), roughness=0.45, metal=True)
    finish = gilt if rng.random() < 0.6 else f.wood_second
    short_side = float(rng.uniform(0.32, 0.6))
    long_side = short_side * float(rng.uniform(1.2, 1.4))
    frame_width, depth = 0.13 * short_side, 0.045
    turn = np.linspace(0, np.pi, 7)
    swell = [(frame_width * (0.45 + 0.28 * (1 - np.cos(a)) - 0.15), 0.02 + (depth - 0.02) * np.sin(a)) for a in turn]
    profile = [
        (0, 0.006),
        (0, 0.02),
        (0.1 * frame_width, 0.026),
        (0.2 * frame_width, 0.016),
        *swell,
        (frame_width, 0.022),
        (frame_width, 0),
    ]
    if rng.random() < 0.5:
        outline = ellipse(short_side, long_side, 48)
        paint = _print(rng, "test", short_side, long_side, -0.006, True).materials[0]
        return merge([moulding(outline, profile, finish), flat_panel(outline, paint, -0.006, "unit")])
    meshes = [
        moulding(rectangle(short_side, long_side), profile, finish),
        _print(rng, "test", short_side, long_side, -0.006, True),
    ]
    reach = (short_side / 2 + 0.55 * frame_width, long_side / 2 + 0.55 * frame_width)
    meshes += [
        sphere((0.4 * frame_width, 0.02, 0.4 * frame_width), finish, (x, -depth + 0.012, z), 12)
        for x, z in _corners(*reach)
    ]
    return merge(meshes)


def _corners(x: float, z: float) -> list[tuple[float, float]]:
    return [(-x, -z), (x, -z), (x, z), (-x, z)]


def _grid_hang(rng: np.random.Generator) -> list[FrameRect]:
    columns, rows = ((3, 1), (2, 2), (3, 2), (4, 1), (2, 1))[int(rng.integers(5))]
    width = float(rng.uniform(0.28, 0.42))
    height = width * float(rng.choice([1.0, 1.33, 1.41]))
    gap = float(rng.uniform(0.04, 0.09))
    xs = (np.arange(columns) - (columns - 1) / 2) * (width + gap)
    zs = (np.arange(rows) - (rows - 1) / 2) * (height + gap)
    return [(float(x), float(z), width, height) for z in zs for x in xs]


def _salon_hang(rng: np.random.Generator) -> list[FrameRect]:
    """A salon hang: columns of one or two frames of varying height about a common centre line."""
    gap, x = float(rng.uniform(0.04, 0.07)), 0.0
    spots: list[FrameRect] = []
    for k in range(3):
        width = float(rng.uniform(0.26, 0.5))
        if k == 1 or rng.random() < 0.25:
            height = width * float(rng.uniform(1.2, 1.5))
            spots.append((x + width / 2, float(rng.uniform(-0.06, 0.06)), width, height))
        else:
            low, high = (width * float(k) for k in rng.uniform(0.75, 1.35, 2))
            middle = float(rng.uniform(-0.06, 0.06))
            spots.append((x + width / 2, middle - gap / 2 - low / 2, width, low))
            spots.append((x + width / 2, middle + gap / 2 + high / 2, width * float(rng.uniform(0.8, 1)), high))
        x += width + gap
    low_z = min(z - h / 2 for _, z, _, h in spots)
    high_z = max(z + h / 2 for _, z, _, h in spots)
    return [(a - (x - gap) / 2, z - (low_z + high_z) / 2, w, h) for a, z, w, h in spots]


def _gallery(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A gallery wall of two to six frames, in a regular grid or a salon hang."""
    grid = rng.random() < 0.5
    spots = _grid_hang(rng) if grid else _salon_hang(rng)
    finish, share = _frame_finish(rng, f), 0.0 if rng.random() < 0.3 else float(rng.uniform(0.08, 0.16))
    meshes = []
    for x, z, width, height in spots:
        frame_finish = finish if grid or rng.random() < 0.6 else _frame_finish(rng, f)
        meshes.append(
            _framed(rng, f, (width, height), frame_finish, share * min(width, height), "train").moved((x, 0, z))
        )
    return merge(meshes)


def _gallery_stairs(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Square frames in a diagonal row."""
    side, count = float(rng.uniform(0.26, 0.38)), int(rng.integers(3, 5))
    step, up = side + 0.05, float(rng.choice([-1, 1])) * side * 0.45
    finish = _frame_finish(rng, f)
    meshes = []
    for k in range(count):
        at = ((k - (count - 1) / 2) * step, 0.0, (k - (count - 1) / 2) * up)
        meshes.append(_framed(rng, f, (side, side), finish, 0.14 * side, "test").moved(at))
    return merge(meshes)


def _framed_mirror(outline: Array, profile: list[tuple[float, float]], finish: Material, f: Finishes) -> Mesh:
    return merge([moulding(outline, profile, finish), flat_panel(outline, f.mirror, -0.008)])


def _mirror(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Round, arched or rectangular glass in a slim frame."""
    shape = rng.choice(["round", "arch", "rectangle", "bare"])
    frame_width = float(rng.uniform(0.008, 0.03))
    profile = [
        (0, 0.008),
        (0, 0.018),
        (0.002, 0.02),
        (frame_width - 0.002, 0.02),
        (frame_width, 0.018),
        (frame_width, 0),
    ]
    finish = _frame_finish(rng, f)
    if shape == "round":
        size = float(rng.uniform(0.45, 0.9))
        return _framed_mirror(ellipse(size, size, 56), profile, finish, f)
    width = float(rng.uniform(0.45, 0.75))
    if shape == "arch":
        return _framed_mirror(arch(width, width * float(rng.uniform(1.4, 1.9)), 36), profile, finish, f)
    height = width * float(rng.uniform(1.1, 1.7))
    if shape == "bare":
        edge = [(-0.012, 0.0085), (0, 0.006), (0, 0)]
        bevel = moulding(rectangle(width, height), edge, f.mirror)
        return merge([bevel, flat_panel(rectangle(width - 0.024, height - 0.024), f.mirror, -0.0085)])
    return _framed_mirror(rectangle(width, height), profile, finish, f)


def _sunburst(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A sunburst mirror: round glass with metal or wooden rays."""
    radius, rays = float(rng.uniform(0.14, 0.2)), int(rng.integers(28, 44))
    finish = Material("brass", (0.7, 0.5, 0.22), roughness=0.35, metal=True) if rng.random() < 0.6 else f.wood
    profile = [(0, 0.01), (0, 0.02), (0.01, 0.024), (0.02, 0.02), (0.02, 0)]
    meshes = [_framed_mirror(ellipse(2 * radius, 2 * radius, 48), profile, finish, f)]
    for k in range(rays):
        a, reach = 2 * np.pi * k / rays, radius * (2.0 if k % 2 else 1.6)
        ends: list[Point] = [(r * np.cos(a), -0.01, r * np.sin(a)) for r in (radius, reach)]
        meshes.append(tube(ends, 0.004, finish, 6))
    return merge(meshes)


def _clock_hand(angle: float, length: float, width: float, y: float, material: Material) -> Mesh:
    """A clock's hand; angle: radians clockwise from twelve."""
    bar = box((width, 0.002, length * 1.15), material, (0, y, -0.15 * length))
    return bar.rotated("y", angle)


def _clock(rng: np.random.Generator, f: Finishes, square: bool = False) -> Mesh:
    """A plain wall clock, 25 to 45 cm across."""
    radius = float(rng.uniform(0.12, 0.22))
    outline = rectangle(1.8 * radius, 1.8 * radius) if square else ellipse(2 * radius, 2 * radius, 48)
    case = f.wood if rng.random() < 0.4 else (f.metal_dark if rng.random() < 0.5 else f.plastic)
    dark_dial = rng.random() < 0.25
    dial, ink = (f.metal_dark, f.paper) if dark_dial else (f.paper, f.metal_dark)
    rim = [(0, 0.015), (0, 0.032), (0.004, 0.035), (0.012, 0.032), (0.016, 0.02), (0.016, 0)]
    meshes = [moulding(outline, rim, case), flat_panel(outline, dial, -0.015)]
    for k in range(12):
        tick_length = 0.16 if k % 3 == 0 else 0.08
        tick = box((0.035 * radius, 0.001, tick_length * radius), ink, (0, -0.0155, (0.88 - tick_length) * radius))
        meshes.append(tick.rotated("y", k * np.pi / 6))
    minute = float(rng.uniform(0, 12))
    meshes.append(_clock_hand(2 * np.pi * minute / 12, 0.5 * radius, 0.05 * radius, -0.018, ink))
    meshes.append(_clock_hand(2 * np.pi * (minute % 1), 0.75 * radius, 0.035 * radius, -0.021, ink))
    pin = cylinder(0.05 * radius, 0.008, case, segments=12).rotated("x", np.pi / 2).moved((0, -0.016, 0))
    return merge([*meshes, pin])


def _woven_hanging(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A banded woven wall hanging on a rod, with a fringe."""
    width = float(rng.uniform(0.45, 0.9))
    height = width * float(rng.uniform(0.8, 1.3))
    cloths = (f.linen, f.accent, f.fabric_second, f.fabric, f.linen)
    meshes, top = [], height / 2
    phase = float(rng.uniform(0, 6))
    cut = np.sort(rng.uniform(0.1, 0.9, int(rng.integers(3, 7))))
    edges = np.concatenate([[0], cut, [0.985, 1]]) * 0.8 * height
    for k, (a, b) in enumerate(pairwise(edges)):
        if b - a < 0.01:
            continue

        def shape(s: Array, t: Array, a: float = a, b: float = b) -> Array:
            z = top - b + t * (b - a)
            y = -0.014 - 0.006 * np.sin(9 * s + phase) * (top - z) / height
            return np.stack([(s - 0.5) * width, y, z], -1)

        meshes.append(two_sided(surface(shape, cloths[k % 5], 16, 3, (width, b - a))))
    low = top - 0.8 * height
    for x in np.linspace(-0.49, 0.49, 30) * width:
        sway = float(rng.normal(0, 0.004))
        path = [(x, -0.014, low + 0.005), (x + sway, -0.016, low - 0.1 * height), (x + 2 * sway, -0.013, -top)]
        meshes.append(tube(path, 0.004, cloths[0], 5))
    rod = [(-0.55 * width, -0.014, top), (0.55 * width, -0.014, top)]
    return merge([*meshes, tube(rod, 0.009, f.wood)])


def _macrame(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A macrame hanging: cords crossing in diamonds below a branch."""
    width = float(rng.uniform(0.4, 0.7))
    height = width * float(rng.uniform(1.1, 1.5))
    count, waves = 22, int(rng.integers(2, 4))
    t = np.linspace(0, 1, 26)
    meshes = []
    for k in range(count):
        x0 = (k / (count - 1) - 0.5) * width
        cross = np.where(t < 0.65, np.arcsin(np.sin(2 * np.pi * waves * t / 0.65)) / np.pi, 0.0)
        x = np.clip(x0 + (1 if k % 2 else -1) * cross * 3.2 * width / count, -width / 2, width / 2)
        end = height * (1 - 0.3 * abs(2 * x0 / width))
        y = -0.012 - 0.004 * (1 if k % 2 else -1) * np.cos(2 * np.pi * waves * t / 0.65)
        path: list[Point] = [(float(a), float(b), float(height / 2 - c * end)) for a, b, c in zip(x, y, t, strict=True)]
        meshes.append(tube(path, 0.0045, f.linen, 5))
    branch: list[Point] = [
        (float(s) * 0.6 * width, -0.014, height / 2 + 0.01 * np.sin(3 * s)) for s in np.linspace(-1, 1, 9)
    ]
    return merge([*meshes, tube(branch, 0.01, f.bark)])


def _ledge(rng: np.random.Generator, f: Finishes, split: str = "train") -> Mesh:
    """A narrow picture ledge with small frames that lean on the wall."""
    width = float(rng.uniform(0.6, 1.15))
    board = f.wood if rng.random() < 0.5 else f.trim
    meshes = [
        box((width, 0.1, 0.015), board, (0, -0.05, -0.015)),
        box((width, 0.012, 0.03), board, (0, -0.106, -0.015)),
    ]
    meshes.append(box((width, 0.012, 0.05), board, (0, -0.006, 0)))
    x = -width / 2 + 0.04
    while len(meshes) < 8:
        size = float(rng.uniform(0.14, 0.28))
        height = size * float(rng.uniform(0.9, 1.45))
        if x + size > width / 2 - 0.03:
            break
        print_mesh = _framed(rng, f, (size, height), _frame_finish(rng, f), 0.12 * size * float(rng.integers(2)), split)
        print_mesh = print_mesh.moved((0, 0, height / 2)).rotated("x", -0.12)
        depth = 0.02 + 0.12 * height
        meshes.append(print_mesh.moved((x + size / 2, -min(depth, 0.07), 0.002)))
        x += size + float(rng.uniform(0.02, 0.12))
    return merge(meshes)


def _ledges(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Two ledges, one above the other and shifted."""
    shift = float(rng.uniform(-0.2, 0.2))
    return merge([_ledge(rng, f, "test").moved((k * shift, 0, 0.28 * k)) for k in (-1, 1)])


def _coat_hooks(rng: np.random.Generator, f: Finishes, pegs: bool = False) -> Mesh:
    """A board with coat hooks or pegs; cloth hangs on some of them."""
    count = int(rng.integers(3, 6))
    width = 0.14 * count + 0.06
    meshes = [box((width, 0.018, 0.09), f.wood if rng.random() < 0.6 else f.trim, (0, -0.009, -0.045), bevel=0.003)]
    for k in range(count):
        x = (k - (count - 1) / 2) * 0.14
        if pegs:
            peg = cylinder(0.012, 0.07, f.wood_second, segments=12, top=0.015).rotated("x", np.pi / 2 - 0.25)
            meshes.append(peg.moved((x, -0.016, 0)))
        else:
            bend = [(x, -0.018, 0.02), (x, -0.03, -0.03), (x, -0.05, -0.045), (x, -0.065, -0.03), (x, -0.068, -0.005)]
            meshes += [tube(bend, 0.005, f.metal_dark), sphere(0.009, f.metal_dark, (x, -0.068, -0.002), 10)]
        if rng.random() < 0.45:
            cloth = (f.fabric, f.accent, f.leather, f.fabric_second)[int(rng.integers(4))]
            meshes.append(_hanging_cloth(rng, cloth).moved((x, -0.06, 0.0)))
    return merge(meshes)


def _hanging_cloth(rng: np.random.Generator, cloth: Material) -> Mesh:
    """A hanging cloth from the origin: gathered at the top, wider and folded below."""
    length, spread = float(rng.uniform(0.45, 0.9)), float(rng.uniform(0.07, 0.19))
    folds, phase = int(rng.integers(3, 6)), float(rng.uniform(0, 6))

    def shape(s: Array, t: Array) -> Array:
        low = 1 - t
        half = 0.02 + (spread - 0.02) * np.minimum(low * 4, 1) ** 0.6
        turn = -2 * np.pi * s
        fold = 1 + 0.12 * np.sin(folds * 2 * np.pi * s + phase) * np.minimum(low * 2, 1)
        depth = np.minimum(0.038, 0.5 * half) * fold
        x = half * np.cos(turn) * fold
        return np.stack([x, -depth * np.sin(-turn), 0.01 - length * low * (1 - 0.05 * np.cos(turn))], -1)

    return two_sided(surface(shape, cloth, 36, 10, (4 * spread, length)))


CATEGORIES = {
    "frame": FurnitureCategory((_frame, _frame, _canvas), (_ornate,)),
    "gallery": FurnitureCategory((_gallery,), (_gallery_stairs,)),
    "mirror": FurnitureCategory((_mirror,), (_sunburst,)),
    "clock": FurnitureCategory((_clock,), (partial(_clock, square=True),)),
    "tapestry": FurnitureCategory((_woven_hanging,), (_macrame,)),
    "shelf_ledge": FurnitureCategory((_ledge,), (_ledges,)),
    "coat_hooks": FurnitureCategory((_coat_hooks,), (partial(_coat_hooks, pegs=True),)),
    **wall_fixtures.CATEGORIES,
}
