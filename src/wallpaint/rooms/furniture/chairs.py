"""Chairs, stools, poufs, benches, office chairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wallpaint.rooms.furniture import FurnitureCategory
from wallpaint.rooms.furniture.joinery import (
    bar,
    bent,
    board,
    disc,
    four_legs,
    leg,
    merge_on_floor,
    mirrored,
    random_timber,
    seat_shell,
    sheared,
    short_legs,
)
from wallpaint.rooms.furniture.upholstery import padded_box, random_upholstery, smooth_shaded
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, cylinder, lathe, merge
from wallpaint.rooms.surfaces.finishes import Finishes


def _slat_chair(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A wooden chair with back rails or slats, seat bare or padded."""
    timber, width, depth = random_timber(rng, f), rng.uniform(0.41, 0.47), rng.uniform(0.4, 0.46)
    seat, height, lean = rng.uniform(0.44, 0.47), rng.uniform(0.8, 0.98), rng.uniform(0.1, 0.2)
    x, y, t = width / 2 - 0.025, depth / 2 - 0.025, rng.uniform(0.032, 0.042)
    front = leg(str(rng.choice(["square", "straight", "round"])), seat - 0.02, t, timber)
    meshes = [front.moved((i * x, -y, 0)) for i in (-1, 1)]
    rear = merge(
        [
            sheared(board((t, t, seat), timber), 0, -0.1, seat),
            sheared(board((t, t * 0.8, height - seat + 0.02), timber, (0, 0, seat - 0.02)), 0, lean, seat),
        ]
    )
    meshes += [rear.moved((i * x, y, 0)) for i in (-1, 1)]
    meshes.append(board((width, depth, 0.02), timber, (0, -0.012, seat - 0.02), 0.006))
    meshes += [board((2 * x, 0.018, 0.05), timber, (0, k * y, seat - 0.07)) for k in (-1, 1)]
    meshes += [board((0.018, 2 * y, 0.05), timber, (i * x, 0, seat - 0.07)) for i in (-1, 1)]
    if rng.random() < 0.5:
        cloth = (f.fabric, f.fabric_second, f.leather, f.linen)[int(rng.integers(4))]
        meshes.append(
            padded_box((width - 0.02, depth - 0.03, 0.045), cloth, (0, -0.015, seat - 0.003), 0.02, (0, 0, 0.012))
        )
    if rng.random() < 0.6:
        count = int(rng.integers(2, 5))
        heights = np.linspace(seat + 0.14, height - 0.075, count)
        back = [
            bent(padded_box((2 * x, 0.014, 0.06), timber, (0, 0, z), 0.005, cells=(5, 1, 1), steps=1), 0.7)
            for z in heights
        ]
    else:
        back = [board((2 * x, 0.02, 0.05), timber, (0, 0, z), 0.005) for z in (seat + 0.1, height - 0.06)]
        count = int(rng.integers(4, 7))
        each = board((0.022, 0.012, height - seat - 0.18), timber, (0, 0, seat + 0.13))
        back += [each.moved(((k - (count - 1) / 2) * 2 * x / count, 0, 0)) for k in range(count)]
    return merge_on_floor([*meshes, *(sheared(mesh, 0, lean, seat).moved((0, y, 0)) for mesh in back)])


def _upholstered_chair(rng: np.random.Generator, f: Finishes) -> Mesh:
    """An upholstered dining chair with a slightly curved back, on wooden or metal legs."""
    cloth, width, seat = random_upholstery(rng, f), rng.uniform(0.45, 0.52), rng.uniform(0.46, 0.49)
    height, thickness = rng.uniform(0.82, 1.0), rng.uniform(0.08, 0.11)
    gap = rng.choice([0.0, 0.06])
    back = padded_box((width - 0.02, 0.065, height - seat - gap), cloth, (0, 0, 0), 0.03, (0, 0.01, 0.01), (8, 1, 4))
    back = smooth_shaded(bent(back, rng.uniform(0.45, 1.2))).rotated("x", -0.17).moved((0, 0.19, seat - 0.03 + gap))
    pad = padded_box(
        (width, 0.48, thickness), cloth, (0, -0.01, seat - thickness), 0.038, (0.006, 0.01, 0.012), (5, 5, 1)
    )
    meshes = [back, pad]
    metal = rng.random() < 0.4
    if gap > 0:
        meshes += [
            bar(
                [(i * 0.15, 0.18, seat - thickness), (i * 0.15, 0.22, seat), (i * 0.15, 0.26, seat + 0.16)],
                0.011,
                f.metal_dark,
                0.03,
            )
            for i in (-1, 1)
        ]
    foot = f.metal_dark if metal else (f.wood if rng.random() < 0.5 else f.wood_second)
    style = "round" if metal or rng.random() < 0.4 else "square"
    legs = four_legs(style, seat - thickness + 0.005, (width / 2 - 0.06, 0.17), 0.022 if metal else 0.042, foot, 0.1)
    return merge_on_floor([*meshes, legs])


def _shell_chair(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A moulded shell chair on dowel legs, metal legs or a tulip base."""
    color = (f.plastic, f.lacquer, f.accent, f.wood, f.metal_dark)[int(rng.integers(5))]
    shell = seat_shell(color, (rng.uniform(0.44, 0.5), 0.44, rng.uniform(0.4, 0.46)), rng.uniform(0.03, 0.11)).moved(
        (0, 0, 0.43)
    )
    style = int(rng.integers(3))
    if style == 0:
        base = four_legs("round", 0.425, (0.12, 0.12), 0.034, f.wood, 0.22)
        braces = [
            bar([(-0.15, -0.15 * k, 0.3), (0.15, 0.15 * k, 0.3)], 0.006, f.metal_dark, segments=8) for k in (-1, 1)
        ]
        base = merge([base, *braces])
    elif style == 1:
        base = four_legs("round", 0.43, (0.14, 0.14), 0.02, f.metal if rng.random() < 0.5 else f.metal_dark, 0.18)
    else:
        profile = [(0, 0), (0.22, 0), (0.22, 0.008), (0.1, 0.03), (0.03, 0.12), (0.03, 0.34), (0.09, 0.425), (0, 0.425)]
        base = lathe(profile, f.lacquer if rng.random() < 0.5 else f.metal, segments=28)
    meshes = [shell, base]
    if rng.random() < 0.35:
        meshes.append(padded_box((0.36, 0.36, 0.04), f.fabric_second, (0, -0.03, 0.432), 0.018, (0.015, 0.015, 0.008)))
    return merge_on_floor(meshes)


def _spindle_chair(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A Windsor chair: splayed legs, round seat, spindle back under a bow or a crest rail."""
    timber, count = (f.wood, f.wood_second, f.lacquer, f.metal_dark)[int(rng.integers(4))], int(rng.integers(6, 9))
    seat, height, lean = 0.45, rng.uniform(0.8, 1.0), rng.uniform(0.15, 0.22)
    meshes = [disc(0.5, 0.035, timber, (0, 0, 0), 0.012).moved((0, 0, seat - 0.035), scale=(0.44, 0.42, 1.0))]
    meshes.append(four_legs("turned" if rng.random() < 0.4 else "round", seat - 0.03, (0.13, 0.13), 0.036, timber, 0.2))
    meshes += [bar([(i * 0.185, -0.19, 0.17), (i * 0.185, 0.19, 0.17)], 0.008, timber, segments=8) for i in (-1, 1)]
    meshes.append(bar([(-0.185, 0, 0.17), (0.185, 0, 0.17)], 0.008, timber, segments=8))
    fan, bow = rng.uniform(1.05, 1.3), rng.random() < 0.5
    angle = np.linspace(-1.0, 1.0, count)
    foot = np.stack([0.19 * np.sin(angle), 0.175 * np.cos(angle), 0 * angle + seat - 0.01], -1)
    drop = 0.22 * (np.abs(angle) ** 3) if bow else 0 * angle
    head = foot * [fan, 1, 1] + np.stack([0 * angle, lean * (height - seat - drop), height - seat - drop], -1)
    meshes += [bar([tuple(a), tuple(b)], 0.007, timber, segments=8) for a, b in zip(foot, head, strict=True)]
    if bow:
        meshes.append(bar([tuple(foot[0]), *(tuple(p) for p in head), tuple(foot[-1])], 0.011, timber, 0.03, 8))
    else:
        crest = bent(padded_box((0.5 * fan, 0.022, 0.075), timber, (0, 0, 0), 0.009, cells=(9, 1, 1)), 0.24)
        meshes.append(crest.moved((0, float(head[count // 2, 1]) + 0.002, height - 0.05)))
    return merge_on_floor(meshes)


def _cantilever_chair(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A tubular steel cantilever chair, seat and back of leather, fabric or wood."""
    width, seat, height = rng.uniform(0.44, 0.5), 0.45, rng.uniform(0.8, 0.9)
    metal = f.metal if rng.random() < 0.7 else f.metal_dark
    cover = (f.leather, f.fabric, f.wood)[int(rng.integers(3))]
    x, r = width / 2, 0.0125
    side = [
        (0, 0.23, r),
        (x, 0.23, r),
        (x, -0.2, r),
        (x, -0.22, seat - 0.03),
        (x, 0.19, seat - 0.045),
        (x, 0.27, height),
    ]
    tube = bar(side, r, metal, 0.07)
    meshes = [tube, mirrored(tube)]
    meshes.append(
        padded_box((width + 0.01, 0.42, 0.045), cover, (0, -0.01, seat - 0.03), 0.02, (0, 0, 0.008), (4, 4, 1))
    )
    rest = padded_box((width + 0.02, 0.04, 0.24), cover, (0, 0, 0), 0.018, (0, 0, 0.006), (6, 1, 3))
    return merge_on_floor(
        [*meshes, smooth_shaded(bent(rest, 0.9)).rotated("x", -0.17).moved((0, 0.245, height - 0.24))]
    )


def _stool_bar(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A bar stool on four legs with footrests; some have a low back."""
    timber, height = (f.wood, f.wood_second, f.metal_dark)[int(rng.integers(3))], rng.uniform(0.63, 0.77)
    seat, splay, radius = rng.uniform(0.025, 0.06), rng.uniform(0.06, 0.13), rng.uniform(0.16, 0.19)
    top = (f.wood, timber, f.leather, f.fabric)[int(rng.integers(4))] if timber is not f.metal_dark else f.wood
    h, spread = height - seat, 0.62 * radius
    meshes = [disc(radius, seat, top, (0, 0, h), 0.4 * seat)]
    meshes.append(
        four_legs("round", h + 0.004, (spread, spread), 0.02 if timber is f.metal_dark else 0.034, timber, splay)
    )
    reach = spread + splay * (h - 0.22)
    corners = [(-reach, -reach), (reach, -reach), (reach, reach), (-reach, reach)]
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        meshes.append(
            bar([(x0, y0, 0.22), (x1, y1, 0.22)], 0.009, f.metal if rng.random() < 0.3 else timber, segments=8)
        )
    if rng.random() < 0.4:
        rest = bent(padded_box((1.8 * radius, 0.02, 0.09), top, (0, 0, 0), 0.009, cells=(9, 1, 1)), radius)
        meshes.append(rest.moved((0, radius + 0.015, height + 0.17)))
        meshes += [
            bar([(i * 0.08, radius - 0.04, height - 0.02), (i * 0.08, radius - 0.02, height + 0.2)], 0.009, timber)
            for i in (-1, 1)
        ]
    return merge_on_floor(meshes)


def _stool_low(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A low stool, round or rectangular."""
    timber, height = random_timber(rng, f), rng.uniform(0.42, 0.48)
    if rng.random() < 0.5:
        top = disc(rng.uniform(0.15, 0.18), 0.03, timber, (0, 0, height - 0.03), 0.012)
    else:
        top = board((0.38, 0.28, 0.03), timber, (0, 0, height - 0.03), 0.012, 2)
    return merge_on_floor(
        [top, four_legs(str(rng.choice(["round", "square"])), height - 0.028, (0.1, 0.085), 0.036, timber, 0.1)]
    )


def _stool_pedestal(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A pedestal bar stool."""
    metal, height = (f.metal if rng.random() < 0.6 else f.metal_dark), rng.uniform(0.64, 0.78)
    cloth = f.leather if rng.random() < 0.6 else f.fabric
    foot = lathe(
        [(0, 0), (0.21, 0), (0.21, 0.008), (0.1, 0.03), (0.03, 0.05), (0.028, height - 0.06)], metal, segments=28
    )
    seat = padded_box((0.4, 0.38, 0.08), cloth, (0, 0, height - 0.08), 0.036, (0.02, 0.02, 0.01), (5, 5, 1))
    rest = smooth_shaded(bent(padded_box((0.62, 0.05, 0.18), cloth, (0, 0, 0), 0.024, cells=(10, 1, 1)), 0.2))
    ring = bar(
        [
            (0, -0.02, 0.3),
            (0.12, -0.05, 0.3),
            (0.1, -0.17, 0.3),
            (-0.1, -0.17, 0.3),
            (-0.12, -0.05, 0.3),
            (0, -0.02, 0.3),
        ],
        0.01,
        metal,
        0.05,
        8,
    )
    return merge_on_floor([foot, seat, rest.moved((0, 0.19, height - 0.05)), ring])


def _pouf_round(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A round pouf with bulging sides."""
    r, h = rng.uniform(0.22, 0.34), rng.uniform(0.34, 0.44)
    t = np.linspace(-1, 1, 11)
    belly = 1 - rng.uniform(0.1, 0.22) * np.abs(t) ** rng.uniform(2.5, 5)
    rim = [(float(r * b), float(h * (0.5 + 0.5 * u) * 0.97)) for b, u in zip(belly, t, strict=True)]
    crown = [(0.7 * r, h), (0.4 * r, 1.015 * h), (0.0, 1.02 * h)]
    return merge_on_floor([lathe([(0.0, 0.0), *rim, *crown], random_upholstery(rng, f), segments=32)])


def _pouf_cube(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A cube or ottoman pouf; some on short legs."""
    width, depth, height = rng.uniform(0.4, 0.75), rng.uniform(0.4, 0.5), rng.uniform(0.38, 0.44)
    foot = rng.choice([0.0, 0.12])
    body = padded_box(
        (width, depth, height - foot), random_upholstery(rng, f), (0, 0, foot), 0.05, (0.01, 0.01, 0.0), (5, 5, 3)
    )
    top = np.where(body.vertices[:, 2:] > foot + 0.1, 1.0, 0.0)
    dome = top * 0.02 * (1 - (2 * body.vertices[:, :1] / width) ** 2) * (1 - (2 * body.vertices[:, 1:2] / depth) ** 2)
    dome *= (body.vertices[:, 2:] - foot) / (height - foot)
    body = smooth_shaded(replace(body, vertices=(body.vertices + dome * [0, 0, 1]).astype(np.float32)))
    return merge_on_floor([body] if foot == 0 else [body, short_legs(rng, f, (width, depth), foot + 0.005)])


def _pouf_segments(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A Moroccan pouf of twelve segments."""
    r, h = rng.uniform(0.24, 0.3), rng.uniform(0.3, 0.38)
    angle = np.linspace(-np.pi / 2, np.pi / 2, 17)
    across, up = (
        np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.6,
        np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.75,
    )
    body = lathe(
        [(float(max(r * a, 0)), float(h * (0.5 + 0.5 * b))) for a, b in zip(across, up, strict=True)],
        f.leather if rng.random() < 0.6 else f.accent,
        segments=72,
    )
    seam = 1 - 0.07 * (1 - np.abs(np.sin(6 * np.arctan2(body.vertices[:, 1], body.vertices[:, 0])))) ** 2
    return merge_on_floor(
        [
            smooth_shaded(
                replace(body, vertices=body.vertices * np.stack([seam, seam, seam * 0 + 1], -1).astype(np.float32))
            )
        ]
    )


def _bench_wooden(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A wooden bench, some with a cushion."""
    timber, width, depth, height = (
        random_timber(rng, f),
        rng.uniform(0.95, 1.5),
        rng.uniform(0.3, 0.4),
        rng.uniform(0.43, 0.47),
    )
    style = str(rng.choice(["square", "round", "straight", "hairpin"]))
    foot = f.metal_dark if style == "hairpin" else timber
    meshes = [board((width, depth, 0.035), timber, (0, 0, height - 0.035), 0.008)]
    meshes.append(four_legs(style, height - 0.034, (width / 2 - 0.12, depth / 2 - 0.08), 0.045, foot, 0.08))
    if rng.random() < 0.4:
        cloth = f.fabric if rng.random() < 0.5 else f.accent
        meshes.append(
            padded_box(
                (width - 0.03, depth - 0.02, 0.05), cloth, (0, 0, height - 0.004), 0.022, (0, 0, 0.01), (6, 3, 1)
            )
        )
    return merge_on_floor(meshes)


def _bench_padded(rng: np.random.Generator, f: Finishes) -> Mesh:
    """An upholstered bench for the foot of a bed or a hall."""
    width, depth, height, thickness = (
        rng.uniform(0.9, 1.4),
        rng.uniform(0.38, 0.48),
        rng.uniform(0.43, 0.5),
        rng.uniform(0.1, 0.18),
    )
    body = padded_box(
        (width, depth, thickness),
        random_upholstery(rng, f),
        (0, 0, height - thickness),
        0.045,
        (0, 0, 0.012),
        (8, 4, 1),
    )
    style, metal = str(rng.choice(["round", "square", "turned", "straight"])), rng.random() < 0.3
    foot = f.metal if metal else f.wood_second
    legs = four_legs(
        style, height - thickness + 0.01, (width / 2 - 0.09, depth / 2 - 0.07), 0.028 if metal else 0.05, foot, 0.05
    )
    return merge_on_floor([body, legs])


def _bench_slatted(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A slatted bench on two metal frames."""
    timber, width, depth, height = f.wood, rng.uniform(1.0, 1.5), rng.uniform(0.36, 0.44), rng.uniform(0.42, 0.46)
    count = int(depth / 0.062)
    meshes = [
        board((width, 0.046, 0.024), timber, (0, y, height - 0.024), 0.005)
        for y in (np.arange(count) - (count - 1) / 2) * 0.062
    ]
    for x in (-1, 1):
        at, metal = x * (width / 2 - 0.2), f.metal_dark
        meshes += [board((0.04, depth - 0.03, 0.015), metal, (at, 0, z)) for z in (0.0, height - 0.039)]
        meshes += [board((0.04, 0.015, height - 0.03), metal, (at, y * (depth / 2 - 0.023), 0)) for y in (-1, 1)]
    return merge_on_floor(meshes)


def _five_star_base(f: Finishes, metal: Material, height: float) -> Mesh:
    """A five-star base on castors with a gas lift up to `height`."""
    arm = bar([(0.0, 0.0, 0.1), (0.12, 0.0, 0.095), (0.3, 0.0, 0.068)], 0.019, metal, 0.05, 8)
    wheel = cylinder(0.026, 0.045, f.metal_dark, segments=14).rotated("x", np.pi / 2).moved((0.3, 0.0225, 0.026))
    meshes = [merge([arm, wheel]).moved(yaw=2 * np.pi * k / 5 + 0.3) for k in range(5)]
    meshes.append(cylinder(0.035, 0.16, metal, (0, 0, 0.07), 16))
    return merge(
        [
            *meshes,
            cylinder(0.022, height - 0.1, f.metal, (0, 0, 0.1), 14),
            cylinder(0.09, 0.04, f.metal_dark, (0, 0, height - 0.04), 16),
        ]
    )


def _office_chair(rng: np.random.Generator, f: Finishes, back: Mesh, cloth: Material) -> Mesh:
    """An office chair with the given back, whose lower edge is at the origin."""
    seat = rng.uniform(0.44, 0.53)
    pad = padded_box((0.5, 0.48, 0.085), cloth, (0, -0.01, seat - 0.085), 0.04, (0.01, 0.015, 0.012), (5, 5, 1))
    meshes = [
        _five_star_base(f, f.metal if rng.random() < 0.4 else f.metal_dark, seat - 0.08),
        pad,
        back.moved((0, 0.25, seat + 0.03)),
    ]
    meshes.append(bar([(0, 0.05, seat - 0.1), (0, 0.3, seat - 0.1), (0, 0.345, seat + 0.3)], 0.022, f.metal_dark, 0.1))
    if rng.random() < 0.75:
        for x in (-1, 1):
            meshes.append(
                bar(
                    [(x * 0.2, 0.02, seat - 0.09), (x * 0.29, 0.02, seat - 0.07), (x * 0.29, 0.02, seat + 0.2)],
                    0.015,
                    f.metal_dark,
                    0.05,
                )
            )
            meshes.append(padded_box((0.075, 0.25, 0.028), f.metal_dark, (x * 0.285, 0, seat + 0.195), 0.012))
    return merge_on_floor(meshes)


def _office_task(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A task chair with a thin curved back."""
    cloth = (f.fabric, f.fabric_second, f.leather)[int(rng.integers(3))]
    back = padded_box(
        (rng.uniform(0.42, 0.48), 0.04, rng.uniform(0.42, 0.58)), cloth, (0, 0, 0), 0.019, (0.02, 0, 0.015), (8, 1, 8)
    )
    bow = -0.05 * np.sin(np.pi * np.clip(back.vertices[:, 2:] / 0.55, 0, 1)) + 0.16 * back.vertices[:, 2:]
    back = replace(back, vertices=(back.vertices + bow * [0, 1, 0]).astype(np.float32))
    return _office_chair(rng, f, smooth_shaded(bent(back, 0.5)), cloth)


def _office_executive(rng: np.random.Generator, f: Finishes) -> Mesh:
    """An executive chair with a high back of stacked cushions."""
    cloth, count = f.leather if rng.random() < 0.7 else f.fabric, int(rng.integers(2, 5))
    each = float(rng.uniform(0.62, 0.74)) / count
    rolls = [
        padded_box((0.5, 0.11, each + 0.006), cloth, (0, 0, k * each), 0.045, (0, 0.02, 0), (6, 1, 2))
        for k in range(count)
    ]
    return _office_chair(rng, f, smooth_shaded(bent(merge(rolls), 0.9)).rotated("x", -0.14), cloth)


def _office_shell(rng: np.random.Generator, f: Finishes) -> Mesh:
    """An office chair with a moulded shell and a seat pad."""
    color, height = (f.plastic, f.wood, f.lacquer)[int(rng.integers(3))], rng.uniform(0.42, 0.5)
    shell = seat_shell(color, (0.5, 0.46, 0.42), rng.uniform(0.08, 0.14)).moved((0, 0, height))
    pad = padded_box(
        (0.4, 0.4, 0.04),
        f.fabric if rng.random() < 0.6 else f.leather,
        (0, -0.03, height),
        0.018,
        (0.015, 0.015, 0.008),
    )
    return merge_on_floor([shell, pad, _five_star_base(f, f.metal, height)])


CATEGORIES: dict[str, FurnitureCategory] = {
    "chair": FurnitureCategory((_slat_chair, _upholstered_chair, _shell_chair, _spindle_chair), (_cantilever_chair,)),
    "stool": FurnitureCategory((_stool_bar, _stool_low), (_stool_pedestal,)),
    "pouf": FurnitureCategory((_pouf_round, _pouf_cube), (_pouf_segments,)),
    "bench": FurnitureCategory((_bench_wooden, _bench_padded), (_bench_slatted,)),
    "office_chair": FurnitureCategory((_office_task, _office_executive), (_office_shell,)),
}
