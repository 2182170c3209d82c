"""Doors and window frames, made to the size of an opening.

split: "train", "validation" or "test"; test rooms have designs of their own.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from wallpaint.rooms.furniture.mouldings import moulding, oval, plate, rectangle
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, Point, ball, box, cylinder, merge, rounded_box, tube
from wallpaint.rooms.surfaces.finishes import Finishes

LEAF = 0.02  # how far a door's face stands before the wall
Pane = tuple[float, float, float, float]  # middle x and z, width, height
PAINTS: tuple[Color, ...] = (
    (0.03, 0.05, 0.05),
    (0.05, 0.07, 0.11),
    (0.09, 0.13, 0.1),
    (0.35, 0.36, 0.33),
    (0.025,) * 3,
)


def door(rng: np.random.Generator, finishes: Finishes, width: float, height: float, split: str = "train") -> Mesh:
    """A closed door against a wall whose surface is y = 0; comes out to y = -0.045, its handle to -0.09.

    width, height: of the leaf, metres; the architrave adds up to 8 cm at the sides and above. z = 0 is the floor,
    x = 0 the middle.
    """
    finish = _door_finish(rng, finishes)
    if split == "test":
        style = rng.choice(["louvred", "fluted", "porthole"])
        leaf = {"louvred": _louvred, "fluted": _fluted, "porthole": _porthole}[str(style)]
        parts = [leaf(rng, finishes, finish, width, height)]
    else:
        style = rng.choice(["panelled", "flat", "glazed", "barn"], p=[0.45, 0.25, 0.2, 0.1])
        if style == "barn":
            return _barn(rng, finishes, finish, width, height)
        leaf = {"panelled": _panelled, "flat": _flat, "glazed": _glazed}[str(style)]
        parts = [leaf(rng, finishes, finish, width, height)]
    frame = finish if rng.random() < 0.35 else finishes.trim
    side = float(rng.choice([-1, 1]))
    parts += [_architrave(rng, frame, width, height), _handle(rng, finishes, side, width)]
    for z in (0.2, 0.5 * height, height - 0.25):
        parts.append(cylinder(0.007, 0.1, finishes.metal, (-side * (width / 2 - 0.004), -LEAF - 0.003, z), 8))
    return merge(parts)


def _door_finish(rng: np.random.Generator, f: Finishes) -> Material:
    if rng.random() < 0.15:
        return replace(f.trim, name="door paint", albedo=PAINTS[int(rng.integers(len(PAINTS)))], texture=None)
    return (f.trim, f.trim, f.trim, f.wood, f.wood_second)[int(rng.integers(5))]


def _architrave(rng: np.random.Generator, finish: Material, width: float, height: float) -> Mesh:
    """A moulding round three sides, and the stop between it and the leaf."""
    wide = float(rng.uniform(0.055, 0.08))
    w = width / 2
    path = np.array([[w, 0.0], [w, height], [-w, height], [-w, 0.0]])
    if rng.random() < 0.5:
        profile = [(0, 0.0), (0, 0.028), (0.004, 0.032), (wide - 0.004, 0.032), (wide, 0.028), (wide, 0)]
    else:
        profile = [
            (0, 0),
            (0, 0.024),
            (0.3 * wide, 0.026),
            (0.36 * wide, 0.032),
            (0.7 * wide, 0.036),
            (0.8 * wide, 0.045),
        ]
        profile += [(wide, 0.045), (wide, 0)]
    return moulding(path, profile, finish, closed=False)


def _handle(rng: np.random.Generator, f: Finishes, side: float, width: float) -> Mesh:
    """A lever, a knob or a bar, about 1.03 m up, near one edge of the leaf."""
    metal = f.metal if rng.random() < 0.6 else f.metal_dark
    x, z = side * (width / 2 - 0.065), 1.03
    style = int(rng.integers(3))
    rose = cylinder(0.026, 0.008, metal, segments=24).tilted("x", np.pi / 2).moved((x, -LEAF, z))
    if style == 0:
        neck: list[Point] = [(x, -LEAF, z), (x, -0.065, z), (x - side * 0.01, -0.072, z), (x - side * 0.12, -0.072, z)]
        return merge([rose, tube(neck, 0.009, metal, 10), ball(0.009, metal, neck[-1], 10)])
    if style == 1:
        stem = cylinder(0.01, 0.04, metal, segments=12).tilted("x", np.pi / 2).moved((x, -LEAF, z))
        return merge([rose, stem, ball((0.028, 0.022, 0.028), metal, (x, -0.068, z), 18)])
    backplate = rounded_box((0.042, 0.006, 0.21), metal, (x, -LEAF - 0.003, z - 0.13), radius=0.002, steps=1)
    lever = rounded_box((0.125, 0.014, 0.02), metal, (x - side * 0.05, -0.066, z - 0.01), radius=0.006, steps=2)
    neck_bar = cylinder(0.009, 0.046, metal, segments=10).tilted("x", np.pi / 2).moved((x, -LEAF, z))
    return merge([backplate, lever, neck_bar, plate(oval(0.008, 0.014, 10, (x, z - 0.08)), f.screen, -LEAF - 0.0065)])


def _stiles(finish: Material, width: float, height: float, panes: list[Pane]) -> list[Mesh]:
    """The face of a leaf with rectangular openings: the gaps between panes that stand in columns and rows."""
    parts, seen_x = [], sorted({(round(x - w / 2, 4), round(x + w / 2, 4)) for x, _, w, _ in panes})
    edges = [-width / 2, *[value for pair in seen_x for value in pair], width / 2]
    for left, right in zip(edges[::2], edges[1::2], strict=True):
        parts.append(_bar(finish, left, right, 0.0, height))
    for left, right in seen_x:
        column = sorted((z - h / 2, z + h / 2) for x, z, w, h in panes if left - 1e-3 < x < right + 1e-3)
        levels = [0.0, *[value for pair in column for value in pair], height]
        parts += [_bar(finish, left, right, low, high) for low, high in zip(levels[::2], levels[1::2], strict=True)]
    return parts


def _bar(finish: Material, left: float, right: float, low: float, high: float) -> Mesh:
    bar = box((right - left, LEAF, high - low), finish, ((left + right) / 2, -LEAF / 2, low))
    return _upright(bar) if high - low > right - left else bar


def _upright(mesh: Mesh) -> Mesh:
    """The same with its grain upright: wood runs along u."""
    return replace(mesh, uv=mesh.uv[:, ::-1].copy())


def _layout(rng: np.random.Generator, width: float, height: float) -> list[Pane]:
    """Panels of a door: one, two, four or six, the lock rail at hand height."""
    stile, top = 0.115, height - 0.12
    columns = int(rng.choice([1, 2], p=[0.4, 0.6]))
    inner = (width - 2 * stile - (columns - 1) * 0.1) / columns
    rows = [(0.2, 0.86), (0.99, top)] if rng.random() < 0.6 else [(0.2, 0.78), (0.9, 1.52), (1.62, top)]
    if rng.random() < 0.15:
        rows = [(0.18, top)]
    xs = [(k - (columns - 1) / 2) * (inner + 0.1) for k in range(columns)]
    return [(x, (low + high) / 2, inner, high - low) for x in xs for low, high in rows]


def _panelled(rng: np.random.Generator, f: Finishes, finish: Material, width: float, height: float) -> Mesh:
    panes = _layout(rng, width, height)
    parts, raised, shaker = _stiles(finish, width, height, panes), rng.random() < 0.6, rng.random() < 0.3
    for x, z, w, h in panes:
        parts.append(_upright(plate(rectangle(w, h, (x, z)), finish, -0.008)))
        if shaker:
            continue
        inner = rectangle(w - 0.05, h - 0.05, (x, z))
        parts.append(
            moulding(inner, [(0, 0.008), (0.006, 0.013), (0.014, 0.014), (0.02, 0.0225), (0.025, LEAF)], finish)
        )
        if raised:
            field = rectangle(w - 0.17, h - 0.17, (x, z))
            parts.append(moulding(field, [(0, 0.016), (0.035, 0.008)], finish))
            parts.append(_upright(plate(field, finish, -0.016)))
    return merge(parts)


def _flat(rng: np.random.Generator, f: Finishes, finish: Material, width: float, height: float) -> Mesh:
    """A flush leaf, perhaps with a few grooves."""
    levels = [0.0, height]
    if rng.random() < 0.5:
        levels = [0.0, *[height * k / 5 for k in range(1, 5)], height]
    parts = [plate(rectangle(width, height, (0, height / 2)), finish, -LEAF + 0.006)]
    parts += [_bar(finish, -width / 2, width / 2, low, high - 0.005) for low, high in pairwise(levels)]
    return merge(parts)


def _glazed(rng: np.random.Generator, f: Finishes, finish: Material, width: float, height: float) -> Mesh:
    """Panes in a grid, dark or pale as frosted glass is, over a solid foot."""
    pale = Material("frosted glass", (0.62, 0.66, 0.65), roughness=0.35, f0=0.05)
    glass = pale if rng.random() < 0.6 else replace(f.screen, name="dark glass", texture=None)
    columns, rows = int(rng.integers(1, 4)), int(rng.integers(1, 6))
    low, high = float(rng.choice([0.12, 0.85])), height - 0.11
    inner_w, inner_h = width - 0.21, high - low
    bar = 0.022
    w, h = (inner_w - (columns - 1) * bar) / columns, (inner_h - (rows - 1) * bar) / rows
    panes = [
        ((k - (columns - 1) / 2) * (w + bar), low + h / 2 + j * (h + bar), w, h)
        for k in range(columns)
        for j in range(rows)
    ]
    parts = _stiles(finish, width, height, panes)
    for x, z, wide, tall in panes:
        bead = [(0, 0.008), (0.006, LEAF - 0.002), (0.006, LEAF)]
        parts += [plate(rectangle(wide, tall, (x, z)), glass, -0.008)]
        parts.append(moulding(rectangle(wide - 0.012, tall - 0.012, (x, z)), bead, finish))
    return merge(parts)


def _barn(rng: np.random.Generator, f: Finishes, finish: Material, width: float, height: float) -> Mesh:
    """Boards with a Z or X of braces, hung from a rail of black iron."""
    wood = finish if rng.random() < 0.5 else f.wood
    count = max(4, round(width / 0.14))
    board = width / count
    parts = [
        _upright(box((board - 0.003, 0.018, height - 0.02), wood, ((k + 0.5) * board - width / 2, -0.015, 0.01)))
        for k in range(count)
    ]
    parts.append(plate(rectangle(width, height - 0.02, (0, height / 2)), f.metal_dark, -0.008))
    rails = (0.1, height / 2, height - 0.13) if rng.random() < 0.5 else (0.1, height - 0.13)
    parts += [box((width, 0.014, 0.13), wood, (0, -0.031, z - 0.05), bevel=0.002) for z in rails]
    parts += [
        _upright(box((0.11, 0.014, height - 0.02), wood, (x, -0.0305, 0.01), bevel=0.002))
        for x in (0.055 - width / 2, width / 2 - 0.055)
    ]
    for low, high in pairwise(rails):
        rise, run = high - low - 0.13, width - 0.22
        slant = _upright(rounded_box((0.1, 0.012, float(np.hypot(rise, run)) - 0.04), wood, radius=0.002, steps=1))
        for way in (-1, 1) if len(rails) == 2 else (1,):
            brace = slant.moved((0, 0, -(float(np.hypot(rise, run)) - 0.04) / 2)).tilted(
                "y", way * float(np.arctan2(run, rise))
            )
            parts.append(brace.moved((0, -0.03, (low + high) / 2 + 0.015)))
    parts.append(box((width + 0.16, 0.008, 0.045), f.metal_dark, (0, -0.046, height + 0.02)))
    for x in (-0.33 * width, 0.33 * width):
        parts.append(box((0.04, 0.006, 0.24), f.metal_dark, (x, -0.041, height - 0.15)))
        wheel = cylinder(0.035, 0.012, f.metal_dark, segments=20).tilted("x", np.pi / 2)
        parts.append(wheel.moved((x, -0.044, height + 0.06)))
    grip: list[Point] = [
        (0.4 * width, -0.038, 0.9),
        (0.4 * width, -0.075, 0.92),
        (0.4 * width, -0.075, 1.16),
        (0.4 * width, -0.038, 1.18),
    ]
    return merge([*parts, tube(grip, 0.009, f.metal_dark)])


def _louvred(rng: np.random.Generator, f: Finishes, finish: Material, width: float, height: float) -> Mesh:
    """Two tiers of slanted slats."""
    w = width - 0.2
    panes = [(0.0, 0.53, w, 0.74), (0.0, (1.0 + height - 0.1) / 2, w, height - 1.1)]
    parts = _stiles(finish, width, height, panes)
    parts.append(plate(rectangle(w, height - 0.1, (0, height / 2)), f.metal_dark, -0.001))
    for x, z, wide, tall in panes:
        count = int(tall / 0.035)
        slat = box((wide, 0.005, 0.034), finish, (0, 0, -0.017)).tilted("x", 0.5)
        parts += [slat.moved((x, -0.0115, z - tall / 2 + (k + 0.5) * tall / count)) for k in range(count)]
    return merge(parts)


def _fluted(rng: np.random.Generator, f: Finishes, finish: Material, width: float, height: float) -> Mesh:
    """Half-round reeds from side to side between plain edges."""
    count = int((width - 0.16) / 0.028)
    pitch = (width - 0.16) / count
    reed = _upright(cylinder(0.48 * pitch, height - 0.2, finish, segments=12).moved(scale=(1, 0.8, 1)))
    parts = [reed.moved(((k + 0.5) * pitch - width / 2 + 0.08, -0.012, 0.1)) for k in range(count)]
    parts += _stiles(finish, width, height, [(0.0, height / 2, width - 0.16, height - 0.2)])
    return merge([*parts, plate(rectangle(width, height, (0, height / 2)), finish, -0.01)])


def _porthole(rng: np.random.Generator, f: Finishes, finish: Material, width: float, height: float) -> Mesh:
    """A flush leaf with a round window in a metal ring."""
    size = 0.5 * width
    ring = oval(size, size, 40, (0, 1.55))
    pale = Material("frosted glass", (0.62, 0.66, 0.65), roughness=0.35, f0=0.05)
    rim = [(0, 0.001), (0.002, 0.012), (0.022, 0.012), (0.026, 0.0)]
    parts = [_bar(finish, -width / 2, width / 2, 0.0, height), moulding(ring, rim, f.metal, y=-LEAF)]
    return merge([*parts, plate(ring, pale, -LEAF - 0.001)])


def window_frame(
    rng: np.random.Generator, finishes: Finishes, width: float, height: float, depth: float, split: str = "train"
) -> Mesh:
    """The frame of a window without its glass, in a reveal from y = 0 (the room's face) to y = depth (outside).

    width, height: of the opening, metres; z = 0 is its lower edge and x = 0 its middle. The frame stands about
    y = 0.7 depth; a sill board reaches into the room to y = -0.08, an architrave (in some) to -0.03 and 7 cm round.
    """
    steel = rng.random() < 0.22
    if steel:
        finish = replace(finishes.metal_dark, name="window steel")
    else:
        finish = (finishes.trim, finishes.trim, finishes.trim, finishes.wood)[int(rng.integers(4))]
    plane = 0.7 * depth
    outer = 0.03 if steel else float(rng.uniform(0.045, 0.065))
    parts = [_ring(finish, (0.0, height / 2, width, height), outer, 0.07 if not steel else 0.045, plane)]
    inside = (0.0, height / 2, width - 2 * outer, height - 2 * outer)
    if split == "test":
        parts += (
            _lattice(finish, inside, plane) if rng.random() < 0.5 else _lopsided(rng, finishes, finish, inside, plane)
        )
    elif steel:
        parts += _steel_grid(rng, finish, inside, plane)
    else:
        parts += _casements(rng, finishes, finish, inside, plane)
    board = finishes.trim if steel or rng.random() < 0.8 else finish
    reach = max(plane - 0.03, 0.01)
    sill = box((width + 0.15, 0.08, 0.025), board, (0, -0.04, -0.025), bevel=0.005)
    parts += [sill, box((width - 0.002, reach, 0.006), board, (0, reach / 2, 0.0))]
    if rng.random() < 0.4:
        w, wide = width / 2, 0.065
        path = np.array([[w, 0.0], [w, height], [-w, height], [-w, 0.0]])
        profile = [
            (0, 0),
            (0, 0.018),
            (0.004, 0.022),
            (wide - 0.012, 0.022),
            (wide - 0.01, 0.03),
            (wide, 0.03),
            (wide, 0),
        ]
        parts.append(moulding(path, profile, board, closed=False))
    return merge(parts)


def _ring(finish: Material, pane: Pane, bar: float, thick: float, plane: float) -> Mesh:
    """A rectangular ring of bars inside a pane, seen from both sides."""
    x, z, w, h = pane
    edge = min(0.006, bar / 4)
    front = [(-bar, -thick / 2), (-bar, thick / 2 - edge), (edge - bar, thick / 2), (0.0, thick / 2), (0.0, -thick / 2)]
    inner = moulding(rectangle(w, h, (x, z)), front, finish, y=plane)
    back = moulding(rectangle(w, h), [(-bar, thick / 2), (0.0, thick / 2)], finish).moved(turn=np.pi)
    return merge([inner, back.moved((x, plane, z))])


def _bars(finish: Material, pane: Pane, columns: int, rows: int, thick: float, plane: float, bar: float) -> list[Mesh]:
    """Glazing bars that part a pane evenly."""
    x, z, w, h = pane
    upright = [box((bar, thick, h), finish, (x - w / 2 + w * k / columns, plane, z - h / 2)) for k in range(1, columns)]
    level = [
        box((w, thick - 0.002, bar), finish, (x, plane, z - h / 2 + h * k / rows - bar / 2)) for k in range(1, rows)
    ]
    return upright + level


def _casements(rng: np.random.Generator, f: Finishes, finish: Material, inside: Pane, plane: float) -> list[Mesh]:
    """Side-hung sashes, in some under a fixed light above a transom, in some with glazing bars."""
    x, z, w, h = inside
    columns = max(1, round(w / float(rng.uniform(0.6, 0.95))))
    parts, post = [], 0.05
    if h > 1.3 and rng.random() < 0.35:
        light = float(rng.uniform(0.24, 0.32)) * h
        parts.append(box((w, 0.06, post), finish, (x, plane, z + h / 2 - light - post)))
        parts.append(_ring(finish, (x, z + h / 2 - light / 2, w, light), 0.035, 0.055, plane))
        z, h = z - (light + post) / 2, h - light - post
    wide = (w - (columns - 1) * post) / columns
    grid = (int(rng.integers(1, 3)), int(rng.integers(2, 4))) if rng.random() < 0.4 else (1, 1)
    for k in range(columns):
        middle = x + (k - (columns - 1) / 2) * (wide + post)
        sash = 0.05
        parts.append(_ring(finish, (middle, z, wide, h), sash, 0.055, plane - 0.008))
        parts += _bars(finish, (middle, z, wide - 2 * sash, h - 2 * sash), *grid, 0.03, plane, 0.022)
        if k:
            parts.append(box((post, 0.06, h), finish, (middle - (wide + post) / 2, plane, z - h / 2)))
        if columns < 3 or k % 2 == 0:
            side = 1 if k < columns / 2 else -1
            at = (middle + side * (wide / 2 - sash / 2), plane - 0.04, z)
            parts.append(box((0.02, 0.012, 0.06), f.metal, at))
            parts.append(box((0.014, 0.012, 0.11), f.metal, (at[0], at[1] - 0.022, z - 0.07)))
            parts.append(box((0.014, 0.025, 0.014), f.metal, (at[0], at[1] - 0.014, z + 0.02)))
    return parts


def _steel_grid(rng: np.random.Generator, finish: Material, inside: Pane, plane: float) -> list[Mesh]:
    """Slim black bars in a grid of upright panes, one field of it a sash."""
    _, _, w, h = inside
    columns, rows = max(2, round(w / float(rng.uniform(0.36, 0.55)))), max(2, round(h / float(rng.uniform(0.4, 0.65))))
    parts = _bars(finish, inside, columns, rows, 0.035, plane, 0.022)
    k = int(rng.integers(columns))
    field = ((k - (columns - 1) / 2) * w / columns, inside[1], w / columns, h)
    return [*parts, _ring(finish, field, 0.028, 0.05, plane)]


def _lattice(finish: Material, inside: Pane, plane: float) -> list[Mesh]:
    """Two sashes whose panes are lozenges between lead strips."""
    _, z, w, h = inside
    parts = [box((0.06, 0.06, h), finish, (0, plane, z - h / 2))]
    lead = Material("lead", (0.08, 0.08, 0.085), roughness=0.6, f0=0.04)
    for side in (-1, 1):
        middle, wide = side * (w / 4 + 0.015), w / 2 - 0.03
        parts.append(_ring(finish, (middle, z, wide, h), 0.045, 0.055, plane))
        inner_w, inner_h = wide - 0.09, h - 0.09
        pitch = max(inner_w / 3, inner_h / 9)
        for slope in (-1, 1):
            for k in range(-12, 13):
                ends = _across(inner_w, inner_h, slope * 1.5, k * pitch * 1.5)
                if ends is not None:
                    line: list[Point] = [(middle + a, plane, z + b) for a, b in ends]
                    parts.append(tube(line, 0.004, lead, 5))
    return parts


def _across(width: float, height: float, slope: float, offset: float) -> list[tuple[float, float]] | None:
    """Both ends of the part of z = slope x + offset that lies in a rectangle about the origin."""
    low, high = sorted(((-height / 2 - offset) / slope, (height / 2 - offset) / slope))
    low, high = max(low, -width / 2), min(high, width / 2)
    if high - low < 0.02:
        return None
    return [(low, slope * low + offset), (high, slope * high + offset)]


def _lopsided(rng: np.random.Generator, f: Finishes, finish: Material, inside: Pane, plane: float) -> list[Mesh]:
    """One wide fixed pane, and a narrow column of a sash over a hopper."""
    _, z, w, h = inside
    side, narrow, post = float(rng.choice([-1, 1])), 0.3 * w, 0.06
    edge = side * (w / 2 - narrow - post / 2)
    parts = [box((post, 0.065, h), finish, (edge, plane, z - h / 2))]
    middle = side * (w / 2 - narrow / 2)
    low = 0.3 * h
    parts.append(box((narrow, 0.065, post), finish, (middle, plane, z - h / 2 + low)))
    parts.append(_ring(finish, (middle, z - h / 2 + low / 2, narrow, low), 0.04, 0.055, plane - 0.008))
    upper = h - low - post
    parts.append(_ring(finish, (middle, z + h / 2 - upper / 2, narrow, upper), 0.04, 0.055, plane - 0.008))
    parts.append(box((0.014, 0.03, 0.1), f.metal, (edge + side * (post / 2 + 0.02), plane - 0.045, z + 0.05)))
    return parts
