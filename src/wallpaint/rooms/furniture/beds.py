"""Beds, bunk beds, cots and daybeds, with bedding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wallpaint.rooms.furniture import FurnitureCategory, MeshBuilder
from wallpaint.rooms.furniture.joinery import bar, board, four_legs, leg, merge_on_floor, sheared
from wallpaint.rooms.furniture.upholstery import blanket, padded_box, pillow, tufted, without_bottom_faces, wrinkled
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, cylinder, merge, sphere
from wallpaint.rooms.surfaces.finishes import Finishes

MATTRESS_THICKNESS = 0.2
SINGLE_WIDTHS = (0.9, 1.0)
DOUBLE_WIDTHS = (1.4, 1.6, 1.8)


def bedding(
    rng: np.random.Generator,
    f: Finishes,
    size: tuple[float, float],
    z: float,
    hem: float,
    thickness: float = MATTRESS_THICKNESS,
    has_headboard: bool = True,
) -> Mesh:
    """Mattress, duvet, pillows and perhaps a throw on a base whose top is at z; the head is towards +y.

    size: mattress width and length. hem: lowest height of the duvet. has_headboard: whether pillows may lean on one.
    """
    width, length = size
    top = z + thickness
    cover = (f.linen, f.linen, f.fabric_second, f.fabric)[int(rng.integers(4))]
    puff, fold_length = rng.uniform(0.03, 0.055), rng.uniform(0.18, 0.3)
    drop = min(rng.uniform(0.14, 0.3), top - hem)
    head = length / 2 - rng.uniform(0.5, 0.62)  # upper end of the duvet, below the pillows
    foot = -length / 2 - 0.04
    fold_material = f.linen if cover is not f.linen else (f.linen, f.accent)[int(rng.random() < 0.3)]
    duvet = padded_box(
        (width + 0.09, head - foot, drop + puff),
        cover,
        (0, (head + foot) / 2, top - drop),
        0.055,
        (0.01, 0, 0.012),
        (round(width / 0.18), 8, 1 + round(drop / 0.25)),
    )
    fold = (width + 0.12, fold_length, 0.7 * drop + puff + 0.026)
    meshes = [
        padded_box((width, length, thickness), f.linen, (0, 0, z), 0.05, (0.006, 0.006, 0.012), (3, 4, 1), 1),
        wrinkled(rng, duvet, rng.uniform(0.007, 0.015), 0.32),
        blanket(rng, fold, fold_material, (0, head - fold_length / 2, top - 0.7 * drop), 0.045),
    ]
    if rng.random() < 0.6:
        throw_length, low = rng.uniform(0.4, 0.65), rng.uniform(0.5, 1.0) * drop
        y = foot + throw_length / 2 + rng.uniform(0.05, 0.3)
        throw_size = (width + 0.13, throw_length, low + puff + 0.026)
        meshes.append(
            blanket(rng, throw_size, f.accent if rng.random() < 0.6 else f.fabric_second, (0, y, top - low), 0.06)
        )
    return merge([without_bottom_faces(merge(meshes)), _pillows(rng, f, size, top, has_headboard)])


def _pillows(rng: np.random.Generator, f: Finishes, size: tuple[float, float], top: float, has_headboard: bool) -> Mesh:
    """Pillows, flat or leaning on the headboard; with a headboard, perhaps smaller cushions in front."""
    width, length = size
    positions = [-0.25, 0.25] if width > 1.2 else [0.0]
    each = min(0.72, 0.46 * width) if len(positions) == 2 else min(0.7, 0.75 * width)
    meshes = []
    upright = has_headboard and rng.random() < 0.5
    for layer in range(int(rng.integers(1, 3))):
        cloth = f.linen if layer == 0 or rng.random() < 0.5 else f.fabric_second
        for x in positions:
            one = pillow(rng, (each, 0.46, rng.uniform(0.15, 0.19)), cloth)
            if upright:
                one = one.rotated("x", rng.uniform(0.95, 1.15)).moved((0, -0.14 - 0.15 * layer, 0.23))
            else:
                one = one.rotated("x", 0.06 + 0.12 * layer).moved((0, -0.27 - 0.03 * layer, 0.065 + 0.12 * layer))
            shift = (x * width + rng.normal(0, 0.012), length / 2, top)
            meshes.append(one.moved(yaw=rng.normal(0, 0.04)).moved(shift))
        front = -0.14 - 0.15 * layer if upright else -0.42
    if has_headboard and rng.random() < 0.5:
        for k in range(int(rng.integers(1, len(positions) + 2))):
            one = pillow(rng, (rng.uniform(0.38, 0.48),) * 2 + (0.14,), f.accent if k != 1 else f.fabric)
            one = one.rotated("x", rng.uniform(0.95, 1.2)).moved(yaw=rng.normal(0, 0.12))
            x = 0.0 if len(positions) == 1 else 0.5 * each * (k - 0.5) + rng.normal(0, 0.02)
            meshes.append(one.moved((x, length / 2 + front - 0.14 - 0.05 * k, top + 0.19)))
    return merge(meshes)


def _soft_headboard(rng: np.random.Generator, width: float, height: float, cloth: Material) -> Mesh:
    """An upholstered headboard: plain, in two halves, channelled or buttoned. Its front is at y = 0."""
    style, thickness = rng.choice(["plain", "halves", "channels", "buttons"]), rng.uniform(0.08, 0.13)
    backing = padded_box((width, 0.05, height), cloth, (0, thickness - 0.025, 0), 0.024)
    if style == "plain":
        return padded_box((width, thickness, height), cloth, (0, thickness / 2, 0), 0.04, (0, 0.01, 0), (8, 1, 5))
    if style == "buttons":
        front = padded_box((width, thickness, height), cloth, (0, thickness / 2, 0), 0.045, (0, 0.01, 0), (22, 1, 9))
        pitch = width / 6
        spots = [
            ((i - 2.5 + 0.5 * (j % 2)) * pitch, height - 0.13 - 0.16 * j)
            for j in range(int((height - 0.4) / 0.16) + 1)
            for i in range(6 - j % 2)
        ]
        dots = [sphere((0.014, 0.008, 0.014), cloth, (x, 0.022, z), 6) for x, z in spots]
        return merge([tufted(front, spots, 0.035, 0.045), *dots])
    count = 2 if style == "halves" else max(4, round(width / rng.uniform(0.15, 0.24)))
    each = width / count
    one = padded_box(
        (each - 0.003, thickness - 0.03, height - 0.02),
        cloth,
        (0, (thickness - 0.03) / 2, 0),
        0.035,
        (0, 0.012, 0),
        (2, 1, 2),
        1,
    )
    return merge([backing, *(one.moved(((k - (count - 1) / 2) * each, 0, 0)) for k in range(count))])


def _upholstered(rng: np.random.Generator, f: Finishes, width: float) -> Mesh:
    """A cloth-covered box on short legs, with an upholstered headboard."""
    length, low, base = 2.0, rng.choice([0.02, 0.1, 0.14]), rng.uniform(0.22, 0.3)
    cloth = (f.fabric, f.fabric, f.fabric_second, f.leather, f.linen)[int(rng.integers(5))]
    frame_width = width + rng.uniform(0.04, 0.14)
    thickness = rng.uniform(0.18, 0.25)
    meshes = [
        bedding(rng, f, (width, length), low + base - 0.03, low + base - 0.01, thickness),
        padded_box((frame_width, length + 0.06, base), cloth, (0, -0.02, low), 0.03),
        _soft_headboard(rng, frame_width + rng.choice([0.0, 0.16]), rng.uniform(0.95, 1.3), cloth).moved(
            (0, length / 2, low)
        ),
    ]
    foot = leg("round", low, 0.045, f.wood_second)
    meshes += [foot.moved((x * (frame_width / 2 - 0.07), y, 0)) for x in (-1, 1) for y in (-0.93, 0.93)]
    return merge_on_floor(meshes)


def _framed_bedding(
    rng: np.random.Generator, f: Finishes, width: float, timber: Material, foot: float, has_headboard: bool = True
) -> Mesh:
    """Bedding in a wooden frame of rails, with foot posts up to height `foot`. A headboard belongs at y = 1.03.

    has_headboard: False adds posts and a rail at the head end.
    """
    rail, z = rng.uniform(0.1, 0.18), rng.uniform(0.2, 0.3)
    style = str(rng.choice(["square", "straight", "round"]))
    frame_width, height = width + 0.07, z + rail
    meshes = [bedding(rng, f, (width, 2.0), z + 0.4 * rail, height + 0.01, rng.uniform(0.18, 0.24), has_headboard)]
    meshes += [board((0.03, 2.1, rail), timber, (x * frame_width / 2, -0.03, z), 0.005) for x in (-1, 1)]
    meshes += [
        board((frame_width + 0.03, 0.03, rail), timber, (0, y, z), 0.005)
        for y in ((-1.08,) if has_headboard else (-1.08, 1.03))
    ]
    meshes.append(board((frame_width - 0.03, 2.06, 0.02), timber, (0, -0.03, z + 0.4 * rail - 0.02)))
    post = leg(style if foot <= height else "straight", max(foot, height), 0.06, timber)
    ends = (-1.065,) if has_headboard else (-1.065, 1.02)
    return merge([*meshes, *(post.moved((x * (frame_width / 2 - 0.01), y, 0)) for x in (-1, 1) for y in ends)])


def _panelled(rng: np.random.Generator, f: Finishes, width: float) -> Mesh:
    """A wooden bed with a headboard of horizontal boards between posts."""
    timber, frame_width, height = (
        (f.wood, f.wood_second, f.lacquer)[int(rng.integers(3))],
        width + 0.08,
        rng.uniform(0.85, 1.15),
    )
    meshes = [_framed_bedding(rng, f, width, timber, 0.0)]
    meshes += [board((0.06, 0.05, height), timber, (x * (frame_width / 2), 1.035, 0), 0.006) for x in (-1, 1)]
    rows = int(rng.integers(1, 5))
    each = (height - 0.32) / rows
    meshes += [
        board((frame_width - 0.05, 0.025, each - 0.004), timber, (0, 1.035, 0.3 + k * each), 0.005) for k in range(rows)
    ]
    if rng.random() < 0.5:
        meshes.append(board((frame_width + 0.1, 0.07, 0.035), timber, (0, 1.035, height), 0.008))
    return merge_on_floor(meshes)


def _spindled(rng: np.random.Generator, f: Finishes, width: float) -> Mesh:
    """A wooden bed with a spindle or slat headboard, perhaps with a footboard."""
    timber, frame_width = (f.wood, f.wood_second, f.lacquer)[int(rng.integers(3))], width + 0.07
    foot = rng.choice([0.0, rng.uniform(0.55, 0.7)])
    meshes = [_framed_bedding(rng, f, width, timber, foot)]
    across = rng.random() < 0.4
    for y, height in ((1.03, rng.uniform(0.9, 1.15)), (-1.065, foot)):
        if height == 0:
            continue
        if y > 0:
            meshes += [board((0.055, 0.055, height), timber, (x * frame_width / 2, y, 0), 0.008) for x in (-1, 1)]
        rails = np.arange(0.36, height - 0.02, 0.15) if across else [0.3, height - 0.07]
        meshes += [board((frame_width, 0.025, 0.085 if across else 0.05), timber, (0, y, z), 0.006) for z in rails]
        if not across:
            count = round(frame_width / 0.115)
            bars = cylinder(0.011, height - 0.36, timber, (0, y, 0.33), 8)
            meshes += [bars.moved(((k + 0.5 - count / 2) * frame_width / count, 0, 0)) for k in range(count)]
    return merge_on_floor(meshes)


def _divan(rng: np.random.Generator, f: Finishes, width: float) -> Mesh:
    """A divan without a headboard: a wooden platform, or an upholstered base on feet."""
    if rng.random() < 0.5:
        return merge_on_floor(
            [_framed_bedding(rng, f, width, f.wood if rng.random() < 0.6 else f.wood_second, 0.0, False)]
        )
    base, cloth = rng.uniform(0.24, 0.32), f.linen if rng.random() < 0.4 else f.fabric
    meshes = [
        padded_box((width, 1.99, base), cloth, (0, 0, 0.06), 0.02),
        bedding(rng, f, (width, 2.0), base + 0.055, 0.12, has_headboard=False),
    ]
    return merge_on_floor([*meshes, four_legs("straight", 0.07, (width / 2 - 0.08, 0.9), 0.05, f.metal_dark)])


def _iron(rng: np.random.Generator, f: Finishes, width: float) -> Mesh:
    """A metal bed with arched head and foot ends."""
    metal, half = (f.metal_dark if rng.random() < 0.6 else f.metal), width / 2 + 0.03
    meshes = [bedding(rng, f, (width, 2.0), 0.31, 0.34)]
    meshes += [board((0.03, 2.1, 0.04), metal, (x * half, -0.015, 0.27)) for x in (-1, 1)]
    for y, side, rise in (
        (1.03, rng.uniform(0.9, 1.05), rng.uniform(0.08, 0.25)),
        (-1.075, rng.uniform(0.5, 0.62), 0.08),
    ):
        t = np.linspace(-1, 1, 13)
        arch = [(x * half, y, side + rise * (1 - x * x)) for x in t]
        meshes.append(bar([(-half, y, 0), *arch, (half, y, 0)], 0.016, metal, 0.02, 8))
        meshes.append(bar([(-half, y, 0.34), (half, y, 0.34)], 0.01, metal))
        count = round(width / 0.16)
        for x in (np.arange(count) + 0.5) / count * 2 - 1:
            meshes.append(cylinder(0.007, side + rise * (1 - x * x) - 0.34, metal, (x * half, y, 0.34), 6))
        meshes += [sphere(0.026, f.metal, (x * half, y, side + 0.005), 8) for x in (-1, 1)]
    return merge_on_floor(meshes)


def _winged(rng: np.random.Generator, f: Finishes, width: float) -> Mesh:
    """A platform bed with an overhang on all sides and a padded headboard on slats."""
    timber, frame_width = f.wood_second if rng.random() < 0.5 else f.wood, width + rng.uniform(0.3, 0.5)
    meshes = [
        bedding(rng, f, (width, 2.0), 0.22, 0.24),
        board((frame_width, 2.32, 0.06), timber, (0, -0.03, 0.16), 0.012),
    ]
    meshes.append(board((frame_width - 0.5, 1.7, 0.161), f.metal_dark, (0, 0, 0)))
    count = round(frame_width / 0.12)
    slat = board((0.075, 0.025, 1.1), timber, (0, 1.11, 0))
    meshes += [slat.moved(((k - (count - 1) / 2) * 0.12, 0, 0)) for k in range(count)]
    roll = padded_box(
        (width / 2, 0.1, 0.3), f.leather if rng.random() < 0.4 else f.fabric, (0, 1.05, 0.55), 0.048, (0, 0.012, 0)
    )
    return merge_on_floor([*meshes, *(roll.moved((x * (width / 4 + 0.004), 0, 0)) for x in (-1, 1))])


def _cot_side(timber: Material, length: float, low: float, high: float) -> Mesh:
    """A cot side: vertical bars between two rails along x."""
    count = round(length / 0.085)
    one = cylinder(0.008, high - low, timber, (0, 0, low), 8)
    rails = [board((length, 0.025, 0.04), timber, (0, 0, z), 0.008) for z in (low - 0.02, high - 0.02)]
    return merge([*rails, *(one.moved(((k + 0.5 - count / 2) * length / count, 0, 0)) for k in range(count))])


def _crib(rng: np.random.Generator, f: Finishes, solid: bool = False) -> Mesh:
    length, width, height = rng.uniform(1.2, 1.4), rng.uniform(0.62, 0.76), rng.uniform(0.85, 1.0)
    timber = f.lacquer if rng.random() < 0.6 else f.wood
    x, y, bed = length / 2, width / 2, rng.uniform(0.28, 0.45)
    meshes = [padded_box((length - 0.03, width - 0.03, 0.12), f.linen, (0, 0, bed), 0.03, (0, 0, 0.01))]
    meshes.append(board((length - 0.02, width - 0.02, 0.02), timber, (0, 0, bed - 0.02)))
    meshes += [_cot_side(timber, length, 0.22, height - 0.02).moved((0, k * y, 0)) for k in (-1, 1)]
    for side in (-1, 1):
        if solid:
            meshes.append(board((0.03, width + 0.03, height - 0.08), timber, (side * x, 0, 0.08), 0.012))
        else:
            meshes.append(_cot_side(timber, width, 0.22, height - 0.02).moved((side * x, 0, 0), np.pi / 2))
    meshes.append(four_legs("straight", height + 0.02, (x, y), 0.04, timber))
    quilt = padded_box(
        (length * 0.5, width - 0.06, 0.06), f.accent, (-0.2 * length, 0, bed + 0.1), 0.028, (0, 0, 0.02), (6, 6, 1)
    )
    return merge_on_floor([*meshes, wrinkled(rng, quilt, 0.008, 0.2)])


def _crib_slatted(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _crib(rng, f)


def _crib_solid(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _crib(rng, f, solid=True)


def _bunk(rng: np.random.Generator, f: Finishes, roof: bool = False) -> Mesh:
    """A bunk bed with a ladder on the long side; `roof` adds a house-shaped frame."""
    timber, height, t = (f.lacquer if rng.random() < 0.5 else f.wood), rng.uniform(1.55, 1.7), 0.065
    x, y, upper = 1.03, 0.49, height - 0.42
    meshes = [four_legs("straight", height, (x, y), t, timber)]
    for z in (0.26, upper):
        meshes.append(
            bedding(rng, f, (0.86, 1.96), z + 0.03, z + 0.14, 0.15, False).moved(
                yaw=float(rng.choice([-1, 1])) * np.pi / 2
            )
        )
        meshes.append(board((2.02, 0.95, 0.03), timber, (0, 0, z)))
        meshes += [board((2 * x, 0.03, 0.13), timber, (0, k * y, z), 0.006) for k in (-1, 1)]
        meshes += [board((0.03, 2 * y, 0.13), timber, (k * x, 0, z), 0.006) for k in (-1, 1)]
    for z in (height - 0.1, height - 0.24):
        meshes += [
            board((2 * x, 0.025, 0.08), timber, (0, y, z), 0.006),
            board((1.5, 0.025, 0.08), timber, (-0.28, -y, z), 0.006),
        ]
        meshes += [board((0.025, 2 * y, 0.08), timber, (k * x, 0, z), 0.006) for k in (-1, 1)]
    at, front = x - 0.28, -y - 0.035
    meshes += [board((0.035, 0.05, height - 0.02), timber, (at + k * 0.2, front, 0), 0.006) for k in (-1, 1)]
    meshes += [board((0.4, 0.035, 0.03), timber, (at, front, z), 0.006) for z in np.arange(0.26, height - 0.3, 0.31)]
    if roof:
        rafter = board((0.05, 0.05, 0.5), timber)
        for k in (-1, 1):
            meshes += [sheared(rafter, 0, -j * y / 0.5).moved((k * x, j * y, height - 0.02)) for j in (-1, 1)]
        meshes.append(board((2 * x + 0.05, 0.05, 0.05), timber, (0, 0, height + 0.46)))
    return merge_on_floor(meshes)


def _bunk_plain(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _bunk(rng, f)


def _bunk_house(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _bunk(rng, f, roof=True)


def _daybed(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A daybed with rails on three sides and back cushions."""
    timber, height, z = (
        (f.wood, f.wood_second, f.lacquer)[int(rng.integers(3))],
        rng.uniform(0.7, 0.9),
        rng.uniform(0.24, 0.3),
    )
    cloth = f.fabric if rng.random() < 0.6 else f.fabric_second
    meshes = [padded_box((1.98, 0.88, 0.2), cloth, (0, 0, z + 0.06), 0.045, (0, 0, 0.015), (8, 4, 1))]
    meshes += [board((2.06, 0.03, 0.12), timber, (0, k * 0.46, z), 0.006) for k in (-1, 1)]
    meshes += [_cot_side(timber, 0.92, z + 0.1, height).moved((k * 1.03, 0, 0), np.pi / 2) for k in (-1, 1)]
    meshes += [
        _cot_side(timber, 2.06, z + 0.1, height).moved((0, 0.46, 0)),
        board((2.02, 0.9, 0.03), timber, (0, 0, z + 0.03)),
    ]
    meshes.append(four_legs("straight", height + 0.02, (1.03, 0.46), 0.045, timber))
    count = int(rng.integers(3, 5))
    for k in range(count):
        one = pillow(rng, (rng.uniform(0.44, 0.56),) * 2 + (0.17,), (f.accent, f.linen, f.fabric_second)[k % 3])
        meshes.append(one.rotated("x", 1.2).moved((0.43 * (k - (count - 1) / 2), 0.31, z + 0.49)))
    return merge_on_floor(meshes)


def _daybed_bolsters(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A daybed of a thin mattress on slats, with a bolster at each end."""
    timber = f.wood if rng.random() < 0.5 else f.wood_second
    width, z, cloth = rng.uniform(0.75, 0.85), rng.uniform(0.24, 0.3), f.leather if rng.random() < 0.5 else f.fabric
    meshes = [padded_box((1.86, width - 0.04, 0.14), cloth, (0, 0, z + 0.04), 0.04, (0, 0, 0.01), (6, 3, 1))]
    meshes += [board((1.95, 0.06, 0.04), timber, (0, y, z), 0.008) for y in np.linspace(-0.5, 0.5, 8) * (width - 0.06)]
    meshes.append(four_legs("round", z + 0.005, (0.85, width / 2 - 0.09), 0.045, timber, 0.08))
    bolster = padded_box((0.19, width - 0.1, 0.19), cloth, (0, 0, 0), 0.094, (0, 0.01, 0), (1, 4, 1), 4)
    return merge_on_floor([*meshes, *(bolster.moved((k * 0.82, 0, z + 0.185)) for k in (-1, 1))])


def _with_sampled_width(
    build_bed: Callable[[np.random.Generator, Finishes, float], Mesh], widths: tuple[float, ...]
) -> MeshBuilder:
    """Return a builder that samples the mattress width from `widths`."""

    def builder(rng: np.random.Generator, f: Finishes) -> Mesh:
        return build_bed(rng, f, float(rng.choice(widths)))

    builder.__name__ = f"{build_bed.__name__}_{round(100 * widths[0])}"
    return builder


_TRAIN_BEDS = (_upholstered, _panelled, _spindled, _divan)
_HELD_OUT_BEDS = (_iron, _winged)

CATEGORIES: dict[str, FurnitureCategory] = {
    "bed": FurnitureCategory(
        tuple(_with_sampled_width(m, DOUBLE_WIDTHS) for m in _TRAIN_BEDS),
        tuple(_with_sampled_width(m, DOUBLE_WIDTHS) for m in _HELD_OUT_BEDS),
    ),
    "single_bed": FurnitureCategory(
        tuple(_with_sampled_width(m, SINGLE_WIDTHS) for m in _TRAIN_BEDS),
        tuple(_with_sampled_width(m, SINGLE_WIDTHS) for m in _HELD_OUT_BEDS),
    ),
    "bunk": FurnitureCategory((_bunk_plain,), (_bunk_house,)),
    "crib": FurnitureCategory((_crib_slatted,), (_crib_solid,)),
    "daybed": FurnitureCategory((_daybed,), (_daybed_bolsters,)),
}
