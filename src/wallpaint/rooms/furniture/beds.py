"""Beds, bunks, cots and daybeds, made up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wallpaint.rooms.furniture import Kind, Maker
from wallpaint.rooms.furniture.joinery import bar, board, four_legs, leaning, leg, placed
from wallpaint.rooms.furniture.softgoods import blanket, padded, pillow, rumpled, tufted, without_underside
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, ball, cylinder, merge
from wallpaint.rooms.surfaces.finishes import Finishes

MATTRESS = 0.2
SINGLE = (0.9, 1.0)
DOUBLE = (1.4, 1.6, 1.8)


def bedding(
    rng: np.random.Generator,
    f: Finishes,
    size: tuple[float, float],
    z: float,
    hem: float,
    thick: float = MATTRESS,
    leaning_on: bool = True,
) -> Mesh:
    """Mattress, duvet, pillows and perhaps a throw on a base whose top is at z; the head is towards +y.

    hem: height below which the duvet does not hang. leaning_on: whether there is a headboard to lean cushions on.
    """
    width, length = size
    top = z + thick
    cover = (f.linen, f.linen, f.fabric_second, f.fabric)[int(rng.integers(4))]
    puff, turned = rng.uniform(0.03, 0.055), rng.uniform(0.18, 0.3)
    drop = min(rng.uniform(0.14, 0.3), top - hem)
    head = length / 2 - rng.uniform(0.5, 0.62)  # where the duvet ends, below the pillows
    foot = -length / 2 - 0.04
    inside = f.linen if cover is not f.linen else (f.linen, f.accent)[int(rng.random() < 0.3)]
    duvet = padded(
        (width + 0.09, head - foot, drop + puff),
        cover,
        (0, (head + foot) / 2, top - drop),
        0.055,
        (0.01, 0, 0.012),
        (round(width / 0.18), 8, 1 + round(drop / 0.25)),
    )
    fold = (width + 0.12, turned, 0.7 * drop + puff + 0.026)
    parts = [
        padded((width, length, thick), f.linen, (0, 0, z), 0.05, (0.006, 0.006, 0.012), (3, 4, 1), 1),
        rumpled(rng, duvet, rng.uniform(0.007, 0.015), 0.32),
        blanket(rng, fold, inside, (0, head - turned / 2, top - 0.7 * drop), 0.045),
    ]
    if rng.random() < 0.6:
        deep, low = rng.uniform(0.4, 0.65), rng.uniform(0.5, 1.0) * drop
        y = foot + deep / 2 + rng.uniform(0.05, 0.3)
        over = (width + 0.13, deep, low + puff + 0.026)
        parts.append(blanket(rng, over, f.accent if rng.random() < 0.6 else f.fabric_second, (0, y, top - low), 0.06))
    return merge([without_underside(merge(parts)), _pillows(rng, f, size, top, leaning_on)])


def _pillows(rng: np.random.Generator, f: Finishes, size: tuple[float, float], top: float, leaning_on: bool) -> Mesh:
    """Sleeping pillows, flat or leaning on the headboard, and small ones before them if there is one."""
    width, length = size
    places = [-0.25, 0.25] if width > 1.2 else [0.0]
    each = min(0.72, 0.46 * width) if len(places) == 2 else min(0.7, 0.75 * width)
    parts = []
    upright = leaning_on and rng.random() < 0.5
    for layer in range(int(rng.integers(1, 3))):
        cloth = f.linen if layer == 0 or rng.random() < 0.5 else f.fabric_second
        for x in places:
            one = pillow(rng, (each, 0.46, rng.uniform(0.15, 0.19)), cloth)
            if upright:
                one = one.tilted("x", rng.uniform(0.95, 1.15)).moved((0, -0.14 - 0.15 * layer, 0.23))
            else:
                one = one.tilted("x", 0.06 + 0.12 * layer).moved((0, -0.27 - 0.03 * layer, 0.065 + 0.12 * layer))
            shift = (x * width + rng.normal(0, 0.012), length / 2, top)
            parts.append(one.moved(turn=rng.normal(0, 0.04)).moved(shift))
        front = -0.14 - 0.15 * layer if upright else -0.42
    if leaning_on and rng.random() < 0.5:
        for k in range(int(rng.integers(1, len(places) + 2))):
            one = pillow(rng, (rng.uniform(0.38, 0.48),) * 2 + (0.14,), f.accent if k != 1 else f.fabric)
            one = one.tilted("x", rng.uniform(0.95, 1.2)).moved(turn=rng.normal(0, 0.12))
            x = 0.0 if len(places) == 1 else 0.5 * each * (k - 0.5) + rng.normal(0, 0.02)
            parts.append(one.moved((x, length / 2 + front - 0.14 - 0.05 * k, top + 0.19)))
    return merge(parts)


def _soft_headboard(rng: np.random.Generator, width: float, height: float, cloth: Material) -> Mesh:
    """Upholstered: plain, in two cushions, in upright channels, or buttoned. Its front is at y = 0."""
    style, thick = rng.choice(["plain", "halves", "channels", "buttons"]), rng.uniform(0.08, 0.13)
    board_ = padded((width, 0.05, height), cloth, (0, thick - 0.025, 0), 0.024)
    if style == "plain":
        return padded((width, thick, height), cloth, (0, thick / 2, 0), 0.04, (0, 0.01, 0), (8, 1, 5))
    if style == "buttons":
        front = padded((width, thick, height), cloth, (0, thick / 2, 0), 0.045, (0, 0.01, 0), (22, 1, 9))
        pitch = width / 6
        spots = [
            ((i - 2.5 + 0.5 * (j % 2)) * pitch, height - 0.13 - 0.16 * j)
            for j in range(int((height - 0.4) / 0.16) + 1)
            for i in range(6 - j % 2)
        ]
        dots = [ball((0.014, 0.008, 0.014), cloth, (x, 0.022, z), 6) for x, z in spots]
        return merge([tufted(front, spots, 0.035, 0.045), *dots])
    count = 2 if style == "halves" else max(4, round(width / rng.uniform(0.15, 0.24)))
    each = width / count
    one = padded(
        (each - 0.003, thick - 0.03, height - 0.02),
        cloth,
        (0, (thick - 0.03) / 2, 0),
        0.035,
        (0, 0.012, 0),
        (2, 1, 2),
        1,
    )
    return merge([board_, *(one.moved(((k - (count - 1) / 2) * each, 0, 0)) for k in range(count))])


def _upholstered(rng: np.random.Generator, f: Finishes, width: float) -> Mesh:
    """A cloth-covered box on short legs, with an upholstered headboard."""
    length, low, base = 2.0, rng.choice([0.02, 0.1, 0.14]), rng.uniform(0.22, 0.3)
    cloth = (f.fabric, f.fabric, f.fabric_second, f.leather, f.linen)[int(rng.integers(5))]
    wide = width + rng.uniform(0.04, 0.14)
    thick = rng.uniform(0.18, 0.25)
    parts = [
        bedding(rng, f, (width, length), low + base - 0.03, low + base - 0.01, thick),
        padded((wide, length + 0.06, base), cloth, (0, -0.02, low), 0.03),
        _soft_headboard(rng, wide + rng.choice([0.0, 0.16]), rng.uniform(0.95, 1.3), cloth).moved((0, length / 2, low)),
    ]
    foot = leg("round", low, 0.045, f.wood_second)
    parts += [foot.moved((x * (wide / 2 - 0.07), y, 0)) for x in (-1, 1) for y in (-0.93, 0.93)]
    return placed(parts)


def _frame(
    rng: np.random.Generator, f: Finishes, width: float, timber: Material, foot: float, head: bool = True
) -> Mesh:
    """Bedding in a wooden frame: rails, and posts at the foot up to height `foot`. A headboard goes to y = 1.03.

    head: whether there will be one; else the frame has posts at that end, too.
    """
    rail, z = rng.uniform(0.1, 0.18), rng.uniform(0.2, 0.3)
    style = str(rng.choice(["square", "straight", "round"]))
    wide, high = width + 0.07, z + rail
    parts = [bedding(rng, f, (width, 2.0), z + 0.4 * rail, high + 0.01, rng.uniform(0.18, 0.24), head)]
    parts += [board((0.03, 2.1, rail), timber, (x * wide / 2, -0.03, z), 0.005) for x in (-1, 1)]
    parts += [board((wide + 0.03, 0.03, rail), timber, (0, y, z), 0.005) for y in ((-1.08,) if head else (-1.08, 1.03))]
    parts.append(board((wide - 0.03, 2.06, 0.02), timber, (0, -0.03, z + 0.4 * rail - 0.02)))
    post = leg(style if foot <= high else "straight", max(foot, high), 0.06, timber)
    ends = (-1.065,) if head else (-1.065, 1.02)
    return merge([*parts, *(post.moved((x * (wide / 2 - 0.01), y, 0)) for x in (-1, 1) for y in ends)])


def _panelled(rng: np.random.Generator, f: Finishes, width: float) -> Mesh:
    """A wooden bed: posts and boards at its head, perhaps a low board at its foot."""
    timber, wide, height = (
        (f.wood, f.wood_second, f.lacquer)[int(rng.integers(3))],
        width + 0.08,
        rng.uniform(0.85, 1.15),
    )
    parts = [_frame(rng, f, width, timber, 0.0)]
    parts += [board((0.06, 0.05, height), timber, (x * (wide / 2), 1.035, 0), 0.006) for x in (-1, 1)]
    rows = int(rng.integers(1, 5))
    each = (height - 0.32) / rows
    parts += [board((wide - 0.05, 0.025, each - 0.004), timber, (0, 1.035, 0.3 + k * each), 0.005) for k in range(rows)]
    if rng.random() < 0.5:
        parts.append(board((wide + 0.1, 0.07, 0.035), timber, (0, 1.035, height), 0.008))
    return placed(parts)


def _spindled(rng: np.random.Generator, f: Finishes, width: float) -> Mesh:
    """A wooden bed with rails and slender uprights, or slats across, at its head and foot."""
    timber, wide = (f.wood, f.wood_second, f.lacquer)[int(rng.integers(3))], width + 0.07
    foot = rng.choice([0.0, rng.uniform(0.55, 0.7)])
    parts = [_frame(rng, f, width, timber, foot)]
    across = rng.random() < 0.4
    for y, height in ((1.03, rng.uniform(0.9, 1.15)), (-1.065, foot)):
        if height == 0:
            continue
        if y > 0:
            parts += [board((0.055, 0.055, height), timber, (x * wide / 2, y, 0), 0.008) for x in (-1, 1)]
        rails = np.arange(0.36, height - 0.02, 0.15) if across else [0.3, height - 0.07]
        parts += [board((wide, 0.025, 0.085 if across else 0.05), timber, (0, y, z), 0.006) for z in rails]
        if not across:
            count = round(wide / 0.115)
            bars = cylinder(0.011, height - 0.36, timber, (0, y, 0.33), 8)
            parts += [bars.moved(((k + 0.5 - count / 2) * wide / count, 0, 0)) for k in range(count)]
    return placed(parts)


def _divan(rng: np.random.Generator, f: Finishes, width: float) -> Mesh:
    """A low base without a headboard: wooden platform, or cloth-covered on feet."""
    if rng.random() < 0.5:
        return placed([_frame(rng, f, width, f.wood if rng.random() < 0.6 else f.wood_second, 0.0, False)])
    base, cloth = rng.uniform(0.24, 0.32), f.linen if rng.random() < 0.4 else f.fabric
    parts = [
        padded((width, 1.99, base), cloth, (0, 0, 0.06), 0.02),
        bedding(rng, f, (width, 2.0), base + 0.055, 0.12, leaning_on=False),
    ]
    return placed([*parts, four_legs("straight", 0.07, (width / 2 - 0.08, 0.9), 0.05, f.metal_dark)])


def _iron(rng: np.random.Generator, f: Finishes, width: float) -> Mesh:
    """A metal bed: arched bars at its head and foot."""
    metal, half = (f.metal_dark if rng.random() < 0.6 else f.metal), width / 2 + 0.03
    parts = [bedding(rng, f, (width, 2.0), 0.31, 0.34)]
    parts += [board((0.03, 2.1, 0.04), metal, (x * half, -0.015, 0.27)) for x in (-1, 1)]
    for y, side, rise in (
        (1.03, rng.uniform(0.9, 1.05), rng.uniform(0.08, 0.25)),
        (-1.075, rng.uniform(0.5, 0.62), 0.08),
    ):
        t = np.linspace(-1, 1, 13)
        arch = [(x * half, y, side + rise * (1 - x * x)) for x in t]
        parts.append(bar([(-half, y, 0), *arch, (half, y, 0)], 0.016, metal, 0.02, 8))
        parts.append(bar([(-half, y, 0.34), (half, y, 0.34)], 0.01, metal))
        count = round(width / 0.16)
        for x in (np.arange(count) + 0.5) / count * 2 - 1:
            parts.append(cylinder(0.007, side + rise * (1 - x * x) - 0.34, metal, (x * half, y, 0.34), 6))
        parts += [ball(0.026, f.metal, (x * half, y, side + 0.005), 8) for x in (-1, 1)]
    return placed(parts)


def _winged(rng: np.random.Generator, f: Finishes, width: float) -> Mesh:
    """A low platform that reaches out on all sides, with a long padded headboard on a wall of slats."""
    timber, wide = f.wood_second if rng.random() < 0.5 else f.wood, width + rng.uniform(0.3, 0.5)
    parts = [bedding(rng, f, (width, 2.0), 0.22, 0.24), board((wide, 2.32, 0.06), timber, (0, -0.03, 0.16), 0.012)]
    parts.append(board((wide - 0.5, 1.7, 0.161), f.metal_dark, (0, 0, 0)))
    count = round(wide / 0.12)
    slat = board((0.075, 0.025, 1.1), timber, (0, 1.11, 0))
    parts += [slat.moved(((k - (count - 1) / 2) * 0.12, 0, 0)) for k in range(count)]
    roll = padded(
        (width / 2, 0.1, 0.3), f.leather if rng.random() < 0.4 else f.fabric, (0, 1.05, 0.55), 0.048, (0, 0.012, 0)
    )
    return placed([*parts, *(roll.moved((x * (width / 4 + 0.004), 0, 0)) for x in (-1, 1))])


def _cot_side(timber: Material, length: float, low: float, high: float) -> Mesh:
    """Upright bars between two rails along x."""
    count = round(length / 0.085)
    one = cylinder(0.008, high - low, timber, (0, 0, low), 8)
    rails = [board((length, 0.025, 0.04), timber, (0, 0, z), 0.008) for z in (low - 0.02, high - 0.02)]
    return merge([*rails, *(one.moved(((k + 0.5 - count / 2) * length / count, 0, 0)) for k in range(count))])


def _crib(rng: np.random.Generator, f: Finishes, solid: bool = False) -> Mesh:
    length, width, high = rng.uniform(1.2, 1.4), rng.uniform(0.62, 0.76), rng.uniform(0.85, 1.0)
    timber = f.lacquer if rng.random() < 0.6 else f.wood
    x, y, bed = length / 2, width / 2, rng.uniform(0.28, 0.45)
    parts = [padded((length - 0.03, width - 0.03, 0.12), f.linen, (0, 0, bed), 0.03, (0, 0, 0.01))]
    parts.append(board((length - 0.02, width - 0.02, 0.02), timber, (0, 0, bed - 0.02)))
    parts += [_cot_side(timber, length, 0.22, high - 0.02).moved((0, k * y, 0)) for k in (-1, 1)]
    for side in (-1, 1):
        if solid:
            parts.append(board((0.03, width + 0.03, high - 0.08), timber, (side * x, 0, 0.08), 0.012))
        else:
            parts.append(_cot_side(timber, width, 0.22, high - 0.02).moved((side * x, 0, 0), np.pi / 2))
    parts.append(four_legs("straight", high + 0.02, (x, y), 0.04, timber))
    quilt = padded(
        (length * 0.5, width - 0.06, 0.06), f.accent, (-0.2 * length, 0, bed + 0.1), 0.028, (0, 0, 0.02), (6, 6, 1)
    )
    return placed([*parts, rumpled(rng, quilt, 0.008, 0.2)])


def _crib_slatted(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _crib(rng, f)


def _crib_solid(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _crib(rng, f, solid=True)


def _bunk(rng: np.random.Generator, f: Finishes, roof: bool = False) -> Mesh:
    """Two single beds one above the other, a ladder on the long side; with a roof's outline over them if `roof`."""
    timber, tall, t = (f.lacquer if rng.random() < 0.5 else f.wood), rng.uniform(1.55, 1.7), 0.065
    x, y, upper = 1.03, 0.49, tall - 0.42
    parts = [four_legs("straight", tall, (x, y), t, timber)]
    for z in (0.26, upper):
        parts.append(
            bedding(rng, f, (0.86, 1.96), z + 0.03, z + 0.14, 0.15, False).moved(
                turn=float(rng.choice([-1, 1])) * np.pi / 2
            )
        )
        parts.append(board((2.02, 0.95, 0.03), timber, (0, 0, z)))
        parts += [board((2 * x, 0.03, 0.13), timber, (0, k * y, z), 0.006) for k in (-1, 1)]
        parts += [board((0.03, 2 * y, 0.13), timber, (k * x, 0, z), 0.006) for k in (-1, 1)]
    for z in (tall - 0.1, tall - 0.24):
        parts += [
            board((2 * x, 0.025, 0.08), timber, (0, y, z), 0.006),
            board((1.5, 0.025, 0.08), timber, (-0.28, -y, z), 0.006),
        ]
        parts += [board((0.025, 2 * y, 0.08), timber, (k * x, 0, z), 0.006) for k in (-1, 1)]
    at, front = x - 0.28, -y - 0.035
    parts += [board((0.035, 0.05, tall - 0.02), timber, (at + k * 0.2, front, 0), 0.006) for k in (-1, 1)]
    parts += [board((0.4, 0.035, 0.03), timber, (at, front, z), 0.006) for z in np.arange(0.26, tall - 0.3, 0.31)]
    if roof:
        rafter = board((0.05, 0.05, 0.5), timber)
        for k in (-1, 1):
            parts += [leaning(rafter, 0, -j * y / 0.5).moved((k * x, j * y, tall - 0.02)) for j in (-1, 1)]
        parts.append(board((2 * x + 0.05, 0.05, 0.05), timber, (0, 0, tall + 0.46)))
    return placed(parts)


def _bunk_plain(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _bunk(rng, f)


def _bunk_house(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _bunk(rng, f, roof=True)


def _daybed(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A narrow bed along the wall with rails on three sides and cushions along its back."""
    timber, high, z = (
        (f.wood, f.wood_second, f.lacquer)[int(rng.integers(3))],
        rng.uniform(0.7, 0.9),
        rng.uniform(0.24, 0.3),
    )
    cloth = f.fabric if rng.random() < 0.6 else f.fabric_second
    parts = [padded((1.98, 0.88, 0.2), cloth, (0, 0, z + 0.06), 0.045, (0, 0, 0.015), (8, 4, 1))]
    parts += [board((2.06, 0.03, 0.12), timber, (0, k * 0.46, z), 0.006) for k in (-1, 1)]
    parts += [_cot_side(timber, 0.92, z + 0.1, high).moved((k * 1.03, 0, 0), np.pi / 2) for k in (-1, 1)]
    parts += [
        _cot_side(timber, 2.06, z + 0.1, high).moved((0, 0.46, 0)),
        board((2.02, 0.9, 0.03), timber, (0, 0, z + 0.03)),
    ]
    parts.append(four_legs("straight", high + 0.02, (1.03, 0.46), 0.045, timber))
    count = int(rng.integers(3, 5))
    for k in range(count):
        one = pillow(rng, (rng.uniform(0.44, 0.56),) * 2 + (0.17,), (f.accent, f.linen, f.fabric_second)[k % 3])
        parts.append(one.tilted("x", 1.2).moved((0.43 * (k - (count - 1) / 2), 0.31, z + 0.49)))
    return placed(parts)


def _daybed_bolsters(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A thin mattress on a bench of slats, a bolster at each end."""
    timber = f.wood if rng.random() < 0.5 else f.wood_second
    width, z, cloth = rng.uniform(0.75, 0.85), rng.uniform(0.24, 0.3), f.leather if rng.random() < 0.5 else f.fabric
    parts = [padded((1.86, width - 0.04, 0.14), cloth, (0, 0, z + 0.04), 0.04, (0, 0, 0.01), (6, 3, 1))]
    parts += [board((1.95, 0.06, 0.04), timber, (0, y, z), 0.008) for y in np.linspace(-0.5, 0.5, 8) * (width - 0.06)]
    parts.append(four_legs("round", z + 0.005, (0.85, width / 2 - 0.09), 0.045, timber, 0.08))
    bolster = padded((0.19, width - 0.1, 0.19), cloth, (0, 0, 0), 0.094, (0, 0.01, 0), (1, 4, 1), 4)
    return placed([*parts, *(bolster.moved((k * 0.82, 0, z + 0.185)) for k in (-1, 1))])


def _sized(make: Callable[[np.random.Generator, Finishes, float], Mesh], widths: tuple[float, ...]) -> Maker:
    """A maker of beds for mattresses of one of these widths."""

    def maker(rng: np.random.Generator, f: Finishes) -> Mesh:
        return make(rng, f, float(rng.choice(widths)))

    maker.__name__ = f"{make.__name__}_{round(100 * widths[0])}"
    return maker


_EVERYDAY = (_upholstered, _panelled, _spindled, _divan)
_HELD_OUT = (_iron, _winged)

MAKERS: dict[str, Kind] = {
    "bed": Kind(tuple(_sized(m, DOUBLE) for m in _EVERYDAY), tuple(_sized(m, DOUBLE) for m in _HELD_OUT)),
    "single_bed": Kind(tuple(_sized(m, SINGLE) for m in _EVERYDAY), tuple(_sized(m, SINGLE) for m in _HELD_OUT)),
    "bunk": Kind((_bunk_plain,), (_bunk_house,)),
    "crib": Kind((_crib_slatted,), (_crib_solid,)),
    "daybed": Kind((_daybed,), (_daybed_bolsters,)),
}
