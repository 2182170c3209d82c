"""Doors and window frames sized to an opening.

split: "train", "validation" or "test"; test rooms use held-out designs.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from wallpaint.rooms.furniture.mouldings import ellipse, flat_panel, moulding, rectangle
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, Point, box, cylinder, merge, rounded_box, sphere, tube
from wallpaint.rooms.surfaces.finishes import Finishes

LEAF_DEPTH = 0.02  # metres, door face in front of the wall plane
Pane = tuple[float, float, float, float]  # centre x, centre z, width, height
DOOR_PAINTS: tuple[Color, ...] = (
    (0.03, 0.05, 0.05),
    (0.05, 0.07, 0.11),
    (0.09, 0.13, 0.1),
    (0.35, 0.36, 0.33),
    (0.025,) * 3,
)


def door(rng: np.random.Generator, finishes: Finishes, width: float, height: float, split: str = "train") -> Mesh:
    """A closed door against the wall plane y = 0; it extends to y = -0.045, its handle to -0.09.

    width, height: of the leaf, metres; the architrave adds up to 8 cm at the sides and above. z = 0 is the floor,
    x = 0 the middle.
    """
    finish = _door_finish(rng, finishes)
    if split == "test":
        style = rng.choice(["louvred", "fluted", "porthole"])
        leaf = {"louvred": _louvred, "fluted": _fluted, "porthole": _porthole}[str(style)]
        meshes = [leaf(rng, finishes, finish, width, height)]
    else:
        style = rng.choice(["panelled", "flat", "glazed", "barn"], p=[0.45, 0.25, 0.2, 0.1])
        if style == "barn":
            return _barn(rng, finishes, finish, width, height)
        leaf = {"panelled": _panelled, "flat": _flat, "glazed": _glazed}[str(style)]
        meshes = [leaf(rng, finishes, finish, width, height)]
    frame = finish if rng.random() < 0.35 else finishes.trim
    side = float(rng.choice([-1, 1]))
    meshes += [architrave(rng, frame, width, height), handle(rng, finishes, side, width)]
    for z in (0.2, 0.5 * height, height - 0.25):
        meshes.append(cylinder(0.007, 0.1, finishes.metal, (-side * (width / 2 - 0.004), -LEAF_DEPTH - 0.003, z), 8))
    return merge(meshes)


def leaf(
    rng: np.random.Generator, finishes: Finishes, finish: Material, width: float, height: float, split: str
) -> Mesh:
    """A door leaf without frame and handle, like that of `door`; it extends from y = 0 to y = -LEAF_DEPTH."""
    leaves = (_louvred, _fluted, _porthole) if split == "test" else (_panelled, _panelled, _flat, _glazed)
    return leaves[int(rng.integers(len(leaves)))](rng, finishes, finish, width, height)


def _door_finish(rng: np.random.Generator, f: Finishes) -> Material:
    if rng.random() < 0.15:
        return replace(f.trim, name="door paint", albedo=DOOR_PAINTS[int(rng.integers(len(DOOR_PAINTS)))], texture=None)
    return (f.trim, f.trim, f.trim, f.wood, f.wood_second)[int(rng.integers(5))]


def architrave(rng: np.random.Generator, finish: Material, width: float, height: float) -> Mesh:
    """A moulding round three sides of the leaf."""
    profile_width = float(rng.uniform(0.055, 0.08))
    w = width / 2
    path = np.array([[w, 0.0], [w, height], [-w, height], [-w, 0.0]])
    if rng.random() < 0.5:
        profile = [
            (0, 0.0),
            (0, 0.028),
            (0.004, 0.032),
            (profile_width - 0.004, 0.032),
            (profile_width, 0.028),
            (profile_width, 0),
        ]
    else:
        profile = [
            (0, 0),
            (0, 0.024),
            (0.3 * profile_width, 0.026),
            (0.36 * profile_width, 0.032),
            (0.7 * profile_width, 0.036),
            (0.8 * profile_width, 0.045),
        ]
        profile += [(profile_width, 0.045), (profile_width, 0)]
    return moulding(path, profile, finish, closed=False)


def handle(rng: np.random.Generator, f: Finishes, side: float, width: float) -> Mesh:
    """A lever, a knob or a bar, about 1.03 m up, near one edge of the leaf."""
    metal = f.metal if rng.random() < 0.6 else f.metal_dark
    x, y, z = side * (width / 2 - 0.065), -LEAF_DEPTH, 1.03
    style = int(rng.integers(3))
    rose = cylinder(0.026, 0.008, metal, segments=24).rotated("x", np.pi / 2).moved((x, -LEAF_DEPTH, z))
    if style == 0:
        neck: list[Point] = [(x, y, z), (x, -0.065, z), (x - side * 0.01, -0.072, z), (x - side * 0.12, -0.072, z)]
        return merge([rose, tube(neck, 0.009, metal, 10), sphere(0.009, metal, neck[-1], 10)])
    if style == 1:
        stem = cylinder(0.01, 0.04, metal, segments=12).rotated("x", np.pi / 2).moved((x, -LEAF_DEPTH, z))
        return merge([rose, stem, sphere((0.028, 0.022, 0.028), metal, (x, -0.068, z), 18)])
    backplate = rounded_box((0.042, 0.006, 0.21), metal, (x, -LEAF_DEPTH - 0.003, z - 0.13), radius=0.002, steps=1)
    lever = rounded_box((0.125, 0.014, 0.02), metal, (x - side * 0.05, -0.066, z - 0.01), radius=0.006, steps=2)
    neck_bar = cylinder(0.009, 0.046, metal, segments=10).rotated("x", np.pi / 2).moved((x, -LEAF_DEPTH, z))
    keyhole = flat_panel(ellipse(0.008, 0.014, 10, (x, z - 0.08)), f.screen, -LEAF_DEPTH - 0.0065)
    return merge([backplate, lever, neck_bar, keyhole])


def _stiles(finish: Material, width: float, height: float, panes: list[Pane]) -> list[Mesh]:
    """Stiles and rails of a leaf: the bars between panes arranged in columns and rows."""
    meshes, column_edges = [], sorted({(round(x - w / 2, 4), round(x + w / 2, 4)) for x, _, w, _ in panes})
    edges = [-width / 2, *[value for pair in column_edges for value in pair], width / 2]
    for left, right in zip(edges[::2], edges[1::2], strict=True):
        meshes.append(_bar(finish, left, right, 0.0, height))
    for left, right in column_edges:
        column = sorted((z - h / 2, z + h / 2) for x, z, w, h in panes if left - 1e-3 < x < right + 1e-3)
        levels = [0.0, *[value for pair in column for value in pair], height]
        meshes += [_bar(finish, left, right, low, high) for low, high in zip(levels[::2], levels[1::2], strict=True)]
    return meshes


def _bar(finish: Material, left: float, right: float, low: float, high: float) -> Mesh:
    bar = box((right - left, LEAF_DEPTH, high - low), finish, ((left + right) / 2, -LEAF_DEPTH / 2, low))
    return _vertical_grain(bar) if high - low > right - left else bar


def _vertical_grain(mesh: Mesh) -> Mesh:
    """Swap u and v so that the wood grain, which runs along u, is vertical."""
    return replace(mesh, uv=mesh.uv[:, ::-1].copy())


def _panel_layout(rng: np.random.Generator, width: float, height: float) -> list[Pane]:
    """Sample a panel layout of one, two, four or six panels."""
    stile, top = 0.115, height - 0.12
    columns = int(rng.choice([1, 2], p=[0.4, 0.6]))
    inner = (width - 2 * stile - (columns - 1) * 0.1) / columns
    rows = [(0.2, 0.86), (0.99, top)] if rng.random() < 0.6 else [(0.2, 0.78), (0.9, 1.52), (1.62, top)]
    if rng.random() < 0.15:
        rows = [(0.18, top)]
    xs = [(k - (columns - 1) / 2) * (inner + 0.1) for k in range(columns)]
    return [(x, (low + high) / 2, inner, high - low) for x in xs for low, high in rows]


def _panelled(rng: np.random.Generator, f: Finishes, finish: Material, width: float, height: float) -> Mesh:
    panes = _panel_layout(rng, width, height)
    meshes, raised, shaker = _stiles(finish, width, height, panes), rng.random() < 0.6, rng.random() < 0.3
    for x, z, w, h in panes:
        meshes.append(_vertical_grain(flat_panel(rectangle(w, h, (x, z)), finish, -0.008)))
        if shaker:
            continue
        inner = rectangle(w - 0.05, h - 0.05, (x, z))
        meshes.append(
            moulding(inner, [(0, 0.008), (0.006, 0.013), (0.014, 0.014), (0.02, 0.0225), (0.025, LEAF_DEPTH)], finish)
        )
        if raised:
            field = rectangle(w - 0.17, h - 0.17, (x, z))
            meshes.append(moulding(field, [(0, 0.016), (0.035, 0.008)], finish))
            meshes.append(_vertical_grain(flat_panel(field, finish, -0.016)))
    return merge(meshes)


def _flat(rng: np.random.Generator, f: Finishes, finish: Material, width: float, height: float) -> Mesh:
    """A flush leaf, perhaps with a few grooves."""
    levels = [0.0, height]
    if rng.random() < 0.5:
        levels = [0.0, *[height * k / 5 for k in range(1, 5)], height]
    meshes = [flat_panel(rectangle(width, height, (0, height / 2)), finish, -LEAF_DEPTH + 0.006)]
    meshes += [_bar(finish, -width / 2, width / 2, low, high - 0.005) for low, high in pairwise(levels)]
    return merge(meshes)


def _glazed(rng: np.random.Generator, f: Finishes, finish: Material, width: float, height: float) -> Mesh:
    """A grid of dark or frosted panes above a solid lower section."""
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
    meshes = _stiles(finish, width, height, panes)
    for x, z, pane_width, pane_height in panes:
        bead = [(0, 0.008), (0.006, LEAF_DEPTH - 0.002), (0.006, LEAF_DEPTH)]
        meshes += [flat_panel(rectangle(pane_width, pane_height, (x, z)), glass, -0.008)]
        meshes.append(moulding(rectangle(pane_width - 0.012, pane_height - 0.012, (x, z)), bead, finish))
    return merge(meshes)


def _barn(rng: np.random.Generator, f: Finishes, finish: Material, width: float, height: float) -> Mesh:
    """A barn door: boards with Z or X braces, on a sliding rail."""
    wood = finish if rng.random() < 0.5 else f.wood
    count = max(4, round(width / 0.14))
    board = width / count
    meshes = [
        _vertical_grain(box((board - 0.003, 0.018, height - 0.02), wood, ((k + 0.5) * board - width / 2, -0.015, 0.01)))
        for k in range(count)
    ]
    meshes.append(flat_panel(rectangle(width, height - 0.02, (0, height / 2)), f.metal_dark, -0.008))
    rails = (0.1, height / 2, height - 0.13) if rng.random() < 0.5 else (0.1, height - 0.13)
    meshes += [box((width, 0.014, 0.13), wood, (0, -0.031, z - 0.05), bevel=0.002) for z in rails]
    meshes += [
        _vertical_grain(box((0.11, 0.014, height - 0.02), wood, (x, -0.0305, 0.01), bevel=0.002))
        for x in (0.055 - width / 2, width / 2 - 0.055)
    ]
    for low, high in pairwise(rails):
        rise, run = high - low - 0.13, width - 0.22
        slant = _vertical_grain(
            rounded_box((0.1, 0.012, float(np.hypot(rise, run)) - 0.04), wood, radius=0.002, steps=1)
        )
        for sign in (-1, 1) if len(rails) == 2 else (1,):
            brace = slant.moved((0, 0, -(float(np.hypot(rise, run)) - 0.04) / 2)).rotated(
                "y", sign * float(np.arctan2(run, rise))
            )
            meshes.append(brace.moved((0, -0.03, (low + high) / 2 + 0.015)))
    meshes.append(box((width + 0.16, 0.008, 0.045), f.metal_dark, (0, -0.046, height + 0.02)))
    for x in (-0.33 * width, 0.33 * width):
        meshes.append(box((0.04, 0.006, 0.24), f.metal_dark, (x, -0.041, height - 0.15)))
        wheel = cylinder(0.035, 0.012, f.metal_dark, segments=20).rotated("x", np.pi / 2)
        meshes.append(wheel.moved((x, -0.044, height + 0.06)))
    grip: list[Point] = [
        (0.4 * width, -0.038, 0.9),
        (0.4 * width, -0.075, 0.92),
        (0.4 * width, -0.075, 1.16),
        (0.4 * width, -0.038, 1.18),
    ]
    return merge([*meshes, tube(grip, 0.009, f.metal_dark)])


def _louvred(rng: np.random.Generator, f: Finishes, finish: Material, width: float, height: float) -> Mesh:
    """A louvred door in two tiers."""
    w = width - 0.2
    panes = [(0.0, 0.53, w, 0.74), (0.0, (1.0 + height - 0.1) / 2, w, height - 1.1)]
    meshes = _stiles(finish, width, height, panes)
    meshes.append(flat_panel(rectangle(w, height - 0.1, (0, height / 2)), f.metal_dark, -0.001))
    for x, z, pane_width, pane_height in panes:
        count = int(pane_height / 0.035)
        slat = box((pane_width, 0.005, 0.034), finish, (0, 0, -0.017)).rotated("x", 0.5)
        meshes += [
            slat.moved((x, -0.0115, z - pane_height / 2 + (k + 0.5) * pane_height / count)) for k in range(count)
        ]
    return merge(meshes)


def _fluted(rng: np.random.Generator, f: Finishes, finish: Material, width: float, height: float) -> Mesh:
    """Vertical half-round reeds inside a plain border."""
    count = int((width - 0.16) / 0.028)
    pitch = (width - 0.16) / count
    reed = _vertical_grain(cylinder(0.48 * pitch, height - 0.2, finish, segments=12).moved(scale=(1, 0.8, 1)))
    meshes = [reed.moved(((k + 0.5) * pitch - width / 2 + 0.08, -0.012, 0.1)) for k in range(count)]
    meshes += _stiles(finish, width, height, [(0.0, height / 2, width - 0.16, height - 0.2)])
    return merge([*meshes, flat_panel(rectangle(width, height, (0, height / 2)), finish, -0.01)])


def _porthole(rng: np.random.Generator, f: Finishes, finish: Material, width: float, height: float) -> Mesh:
    """A flush leaf with a round window in a metal ring."""
    size = 0.5 * width
    ring = ellipse(size, size, 40, (0, 1.55))
    pale = Material("frosted glass", (0.62, 0.66, 0.65), roughness=0.35, f0=0.05)
    rim = [(0, 0.001), (0.002, 0.012), (0.022, 0.012), (0.026, 0.0)]
    meshes = [_bar(finish, -width / 2, width / 2, 0.0, height), moulding(ring, rim, f.metal, y=-LEAF_DEPTH)]
    return merge([*meshes, flat_panel(ring, pale, -LEAF_DEPTH - 0.001)])


def window_frame(
    rng: np.random.Generator, finishes: Finishes, width: float, height: float, depth: float, split: str = "train"
) -> Mesh:
    """A window frame without glass, in a reveal from y = 0 (room side) to y = depth (outside).

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
    meshes = [_sash(finish, (0.0, height / 2, width, height), outer, 0.07 if not steel else 0.045, plane)]
    inside = (0.0, height / 2, width - 2 * outer, height - 2 * outer)
    if split == "test":
        meshes += (
            _lattice(finish, inside, plane) if rng.random() < 0.5 else _asymmetric(rng, finishes, finish, inside, plane)
        )
    elif steel:
        meshes += _steel_grid(rng, finish, inside, plane)
    else:
        meshes += _casements(rng, finishes, finish, inside, plane)
    board = finishes.trim if steel or rng.random() < 0.8 else finish
    reach = max(plane - 0.03, 0.01)
    sill = box((width + 0.15, 0.08, 0.025), board, (0, -0.04, -0.025), bevel=0.005)
    meshes += [sill, box((width - 0.002, reach, 0.006), board, (0, reach / 2, 0.0))]
    if rng.random() < 0.4:
        w, edge = width / 2, 0.065
        path = np.array([[w, 0.0], [w, height], [-w, height], [-w, 0.0]])
        profile = [(0, 0), (0, 0.018), (0.004, 0.022)]
        profile += [(edge - 0.012, 0.022), (edge - 0.01, 0.03), (edge, 0.03), (edge, 0)]
        meshes.append(moulding(path, profile, board, closed=False))
    return merge(meshes)


def _sash(finish: Material, pane: Pane, bar: float, thickness: float, plane: float) -> Mesh:
    """A rectangular two-sided sash inside a pane."""
    x, z, w, h = pane
    edge, half = min(0.006, bar / 4), thickness / 2
    front = [(-bar, -half), (-bar, half - edge), (edge - bar, half), (0.0, half), (0.0, -half)]
    inner = moulding(rectangle(w, h, (x, z)), front, finish, y=plane)
    back = moulding(rectangle(w, h), [(-bar, half), (0.0, half)], finish).moved(yaw=np.pi)
    return merge([inner, back.moved((x, plane, z))])


def _muntins(
    finish: Material, pane: Pane, columns: int, rows: int, thickness: float, plane: float, bar: float
) -> list[Mesh]:
    """Glazing bars that divide a pane evenly."""
    x, z, w, h = pane
    upright = [
        box((bar, thickness, h), finish, (x - w / 2 + w * k / columns, plane, z - h / 2)) for k in range(1, columns)
    ]
    level = [
        box((w, thickness - 0.002, bar), finish, (x, plane, z - h / 2 + h * k / rows - bar / 2)) for k in range(1, rows)
    ]
    return upright + level


def _casements(rng: np.random.Generator, f: Finishes, finish: Material, inside: Pane, plane: float) -> list[Mesh]:
    """Side-hung casements; some below a transom light, some with glazing bars."""
    x, z, w, h = inside
    columns = max(1, round(w / float(rng.uniform(0.6, 0.95))))
    meshes, post = [], 0.05
    if h > 1.3 and rng.random() < 0.35:
        light = float(rng.uniform(0.24, 0.32)) * h
        meshes.append(box((w, 0.06, post), finish, (x, plane, z + h / 2 - light - post)))
        meshes.append(_sash(finish, (x, z + h / 2 - light / 2, w, light), 0.035, 0.055, plane))
        z, h = z - (light + post) / 2, h - light - post
    sash_width = (w - (columns - 1) * post) / columns
    grid = (int(rng.integers(1, 3)), int(rng.integers(2, 4))) if rng.random() < 0.4 else (1, 1)
    for k in range(columns):
        middle = x + (k - (columns - 1) / 2) * (sash_width + post)
        sash = 0.05
        meshes.append(_sash(finish, (middle, z, sash_width, h), sash, 0.055, plane - 0.008))
        meshes += _muntins(finish, (middle, z, sash_width - 2 * sash, h - 2 * sash), *grid, 0.03, plane, 0.022)
        if k:
            meshes.append(box((post, 0.06, h), finish, (middle - (sash_width + post) / 2, plane, z - h / 2)))
        if columns < 3 or k % 2 == 0:
            side = 1 if k < columns / 2 else -1
            at = (middle + side * (sash_width / 2 - sash / 2), plane - 0.04, z)
            meshes.append(box((0.02, 0.012, 0.06), f.metal, at))
            meshes.append(box((0.014, 0.012, 0.11), f.metal, (at[0], at[1] - 0.022, z - 0.07)))
            meshes.append(box((0.014, 0.025, 0.014), f.metal, (at[0], at[1] - 0.014, z + 0.02)))
    return meshes


def _steel_grid(rng: np.random.Generator, finish: Material, inside: Pane, plane: float) -> list[Mesh]:
    """A steel window: a grid of slim bars with one opening sash."""
    _, _, w, h = inside
    columns, rows = max(2, round(w / float(rng.uniform(0.36, 0.55)))), max(2, round(h / float(rng.uniform(0.4, 0.65))))
    meshes = _muntins(finish, inside, columns, rows, 0.035, plane, 0.022)
    k = int(rng.integers(columns))
    field = ((k - (columns - 1) / 2) * w / columns, inside[1], w / columns, h)
    return [*meshes, _sash(finish, field, 0.028, 0.05, plane)]


def _lattice(finish: Material, inside: Pane, plane: float) -> list[Mesh]:
    """Two sashes with diamond lattice leading."""
    _, z, w, h = inside
    meshes = [box((0.06, 0.06, h), finish, (0, plane, z - h / 2))]
    lead = Material("lead", (0.08, 0.08, 0.085), roughness=0.6, f0=0.04)
    for side in (-1, 1):
        middle, sash_width = side * (w / 4 + 0.015), w / 2 - 0.03
        meshes.append(_sash(finish, (middle, z, sash_width, h), 0.045, 0.055, plane))
        inner_w, inner_h = sash_width - 0.09, h - 0.09
        pitch = max(inner_w / 3, inner_h / 9)
        for slope in (-1, 1):
            for k in range(-12, 13):
                ends = _clip_line(inner_w, inner_h, slope * 1.5, k * pitch * 1.5)
                if ends is not None:
                    path: list[Point] = [(middle + a, plane, z + b) for a, b in ends]
                    meshes.append(tube(path, 0.004, lead, 5))
    return meshes


def _clip_line(width: float, height: float, slope: float, offset: float) -> list[tuple[float, float]] | None:
    """Clip the line z = slope * x + offset to a rectangle centred on the origin; None if hardly any is inside."""
    low, high = sorted(((-height / 2 - offset) / slope, (height / 2 - offset) / slope))
    low, high = max(low, -width / 2), min(high, width / 2)
    if high - low < 0.02:
        return None
    return [(low, slope * low + offset), (high, slope * high + offset)]


def _asymmetric(rng: np.random.Generator, f: Finishes, finish: Material, inside: Pane, plane: float) -> list[Mesh]:
    """One wide fixed pane beside a narrow sash over a hopper window."""
    _, z, w, h = inside
    side, narrow, post = float(rng.choice([-1, 1])), 0.3 * w, 0.06
    edge = side * (w / 2 - narrow - post / 2)
    meshes = [box((post, 0.065, h), finish, (edge, plane, z - h / 2))]
    middle = side * (w / 2 - narrow / 2)
    low = 0.3 * h
    meshes.append(box((narrow, 0.065, post), finish, (middle, plane, z - h / 2 + low)))
    meshes.append(_sash(finish, (middle, z - h / 2 + low / 2, narrow, low), 0.04, 0.055, plane - 0.008))
    upper = h - low - post
    meshes.append(_sash(finish, (middle, z + h / 2 - upper / 2, narrow, upper), 0.04, 0.055, plane - 0.008))
    meshes.append(box((0.014, 0.03, 0.1), f.metal, (edge + side * (post / 2 + 0.02), plane - 0.045, z + 0.05)))
    return meshes
