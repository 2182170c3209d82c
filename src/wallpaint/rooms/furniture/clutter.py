"""Small groups of things that people leave on tables, shelves, desks, beds, worktops and floors."""

from __future__ import annotations

from functools import partial

import numpy as np

from wallpaint.rooms.furniture import Kind, Maker, tableware
from wallpaint.rooms.furniture import small_things as things
from wallpaint.rooms.furniture.foliage import color
from wallpaint.rooms.furniture.mouldings import moulding, oval, plate
from wallpaint.rooms.furniture.plants import stems_in_vase
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import (
    Mesh,
    Point,
    ball,
    box,
    cylinder,
    lathe,
    merge,
    quad,
    rounded_box,
    surface,
    tube,
    two_sided,
)
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.typing import Array


def _books(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Books in a stack, a bowl, candle or mug on them or beside them."""
    stack = things.book_stack(rng, f)
    top = float(stack.bounds[1][2])
    what = int(rng.integers(4))
    if what == 0:
        return merge([stack, things.mug(rng, f).moved((float(rng.uniform(-0.03, 0.03)), 0, top))])
    if what == 1:
        return merge([stack, things.candle(rng, f).moved((0.0, 0.0, top))])
    if what == 2:
        return merge([stack.moved((-0.05, 0.03, 0)), things.mug(rng, f).moved((0.13, -0.05, 0))])
    return stack


def _bowl(rng: np.random.Generator, f: Finishes) -> Mesh:
    return things.bowl(rng, f, bool(rng.random() < 0.75))


def _vases(rng: np.random.Generator, f: Finishes) -> Mesh:
    """One vase with twigs or flowers, or two empty ones."""
    first, height = things.vase(rng, f)
    if rng.random() < 0.6:
        return stems_in_vase(rng, f, first, 0.92 * height, bool(rng.random() < 0.5))
    second, _ = things.vase(rng, f)
    return merge([first.moved((-0.08, 0.03, 0)), second.moved((0.08, -0.03, 0), scale=0.7)])


def _tray(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A tray with candles and a mug or a small vase."""
    parts = [things.tray(rng, f, 0.32, 0.24)]
    parts.append(things.candle(rng, f).moved((-0.09, 0.04, 0.008)))
    parts.append(things.candle(rng, f).moved((-0.02, -0.05, 0.008)))
    other = things.mug(rng, f) if rng.random() < 0.5 else things.vase(rng, f)[0].moved(scale=0.6)
    return merge([*parts, other.moved((0.09, 0.01, 0.008))])


def _laptop(rng: np.random.Generator, f: Finishes) -> Mesh:
    return merge([things.laptop(rng, f), things.mug(rng, f).moved((0.22, -0.02, 0))]).moved((-0.04, 0, 0))


def _remotes(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A remote control on a magazine, a cup beside them."""
    parts = [things.book(rng, f, 0.21, 0.28, 0.008)]
    remote = rounded_box((0.045, 0.17, 0.018), f.metal_dark, radius=0.007, steps=2)
    keys = [
        box((0.008, 0.008, 0.001), f.plastic, (x, y, 0.018))
        for x in (-0.011, 0, 0.011)
        for y in (-0.04, -0.02, 0, 0.02)
    ]
    parts.append(merge([remote, *keys]).moved((0.02, 0.0, 0.008), float(rng.uniform(-0.8, 0.8))))
    if rng.random() < 0.6:
        parts.append(things.mug(rng, f).moved((0.19, 0.03, 0)))
    return merge(parts)


def _stones(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A balanced pile of pebbles on a wooden board."""
    parts, z = [cylinder(0.11, 0.015, f.wood, segments=32)], 0.015
    for size in (0.075, 0.06, 0.045, 0.03):
        tone = float(rng.uniform(0.12, 0.45))
        stone = Material("pebble", (tone, 0.98 * tone, 0.93 * tone), roughness=0.8)
        flat = float(rng.uniform(0.32, 0.5)) * size
        parts.append(
            ball((size, 0.8 * size, flat), stone, (float(rng.normal(0, 0.004)), 0, z + flat), 18).moved(turn=size * 90)
        )
        z += 1.93 * flat
    return merge(parts)


def _sculpture(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A knot of a ring or two on a block."""
    finish = things.glaze(rng, f) if rng.random() < 0.6 else f.metal_dark
    parts = [box((0.09, 0.09, 0.04), f.wood_second, bevel=0.003)]
    turn = np.linspace(-np.pi, np.pi, 13)
    for k in range(int(rng.integers(1, 3))):
        radius = float(rng.uniform(0.07, 0.1))
        ring = lathe([(radius + 0.017 * float(np.cos(a)), 0.017 * float(np.sin(a))) for a in turn], finish, segments=40)
        parts.append(ring.tilted("x", np.pi / 2).moved((0, 0, 0.05 + radius), 0.6 + k * 1.4))
    return merge(parts)


def _row(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Upright books and something at their end."""
    parts = [things.book_row(rng, f, float(rng.uniform(0.15, 0.3)))]
    end = float(parts[0].bounds[1][0])
    what = int(rng.integers(3))
    if what == 0:
        parts.append(things.vase(rng, f)[0].moved((end + 0.09, 0, 0), scale=0.75))
    elif what == 1:
        parts.append(things.candle(rng, f).moved((end + 0.08, 0, 0)))
    low, high = merge(parts).bounds
    return merge(parts).moved((-float(low[0] + high[0]) / 2, 0, 0))


def _boxes(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Lidded storage boxes, or a basket."""
    if rng.random() < 0.4:
        return things.wicker_basket(rng, f, 0.12, 0.15, False)
    finish = (f.linen, f.accent, f.lacquer, f.fabric_second)[int(rng.integers(4))]
    parts, z = [], 0.0
    for _ in range(int(rng.integers(1, 3))):
        parts.append(box((0.3, 0.22, 0.12), finish, (0, 0, z), bevel=0.003))
        parts.append(box((0.31, 0.23, 0.035), finish, (0, 0, z + 0.1), bevel=0.003))
        parts.append(box((0.06, 0.002, 0.03), f.metal, (0, -0.1115, z + 0.05)))
        z += 0.135
    return merge(parts)


def _desk(rng: np.random.Generator, f: Finishes, laptop: bool = False) -> Mesh:
    """A monitor with keyboard and mouse, or a laptop; papers and pens beside it. Its user sits at -y."""
    parts = []
    if laptop:
        parts.append(things.laptop(rng, f).moved((0, -0.06, 0)))
    else:
        parts.append(_monitor(rng, f).moved((0, 0.13, 0)))
        parts.append(rounded_box((0.42, 0.13, 0.018), f.metal_dark, (0, -0.14, 0), radius=0.006, steps=1))
        parts += [box((0.4, 0.016, 0.004), f.plastic, (0, -0.19 + 0.021 * k, 0.018)) for k in range(5)]
        parts.append(ball((0.03, 0.05, 0.018), f.metal_dark, (0.28, -0.14, 0.018), 14))
    side = float(rng.choice([-1, 1]))
    sheets = [
        box((0.21, 0.297, 0.0015), f.paper).moved((0, 0, 0.0015 * k), float(rng.normal(0, 0.12))) for k in range(5)
    ]
    parts.append(merge(sheets).moved((-side * 0.38, -0.06, 0)))
    parts.append(things.pen_pot(rng, f).moved((side * 0.4, 0.14, 0)))
    if rng.random() < 0.6:
        parts.append(things.mug(rng, f).moved((side * 0.4, -0.06, 0)))
    if rng.random() < 0.5:
        parts.append(things.book_stack(rng, f, 3).moved((-side * 0.36, 0.15, 0), 0.2))
    return merge(parts)


def _monitor(rng: np.random.Generator, f: Finishes) -> Mesh:
    width = float(rng.uniform(0.53, 0.66))
    height = 0.57 * width
    shell = f.metal_dark if rng.random() < 0.7 else f.metal
    parts = [box((0.24, 0.18, 0.01), shell, bevel=0.003), box((0.05, 0.025, 0.28), shell, (0, 0.05, 0.01))]
    parts.append(rounded_box((width, 0.03, height), shell, (0, 0.02, 0.13), radius=0.005, steps=1))
    glass = quad((-width / 2 + 0.008, 0.0045, 0.138), (width - 0.016, 0, 0), (0, 0, height - 0.016), f.screen, "unit")
    return merge([*parts, glass])


def _basket(rng: np.random.Generator, f: Finishes) -> Mesh:
    return things.wicker_basket(rng, f, float(rng.uniform(0.17, 0.24)), float(rng.uniform(0.25, 0.4)))


def _bag(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A slouching tote with two handles."""
    cloth = (f.leather, f.linen, f.accent)[int(rng.integers(3))]
    wide, tall = float(rng.uniform(0.17, 0.22)), float(rng.uniform(0.28, 0.36))
    folds = float(rng.uniform(0, 6))

    def shape(s: Array, t: Array) -> Array:
        a = 2 * np.pi * s
        deep = 0.075 * (1 - 0.65 * t) + 0.004 * np.sin(5 * a + folds) * t
        x = wide * np.sign(np.cos(a)) * np.abs(np.cos(a)) ** 0.5 * (1 + 0.06 * np.sin(np.pi * t))
        return np.stack(
            [x, deep * np.sign(np.sin(a)) * np.abs(np.sin(a)) ** 0.7, tall * t * (1 - 0.06 * np.cos(2 * a) * t)], -1
        )

    parts = [two_sided(surface(shape, cloth, 40, 10, (4 * wide, tall)))]
    for y in (-0.028, 0.028):
        arc = np.linspace(0, np.pi, 10)
        strap: list[Point] = [(0.09 * float(np.cos(a)), y, 0.93 * tall + 0.16 * float(np.sin(a))) for a in arc]
        parts.append(tube(strap, 0.006, f.leather))
    return merge(parts).moved(turn=float(rng.uniform(-0.5, 0.5)))


def _magazines(rng: np.random.Generator, f: Finishes) -> Mesh:
    parts = [
        things.book(rng, f, 0.22, 0.29, 0.008).moved((0, 0, 0.008 * k), float(rng.normal(0, 0.12)))
        for k in range(int(rng.integers(6, 16)))
    ]
    return merge(parts)


def _shoes(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A pair of shoes, not quite side by side."""
    upper, sole = (f.leather if rng.random() < 0.5 else things.ink(rng, "shoe")), f.plastic
    one = things.shoe(rng, upper, sole)
    return merge([one.moved((-0.065, 0, 0), 0.08), one.moved((0.065, float(rng.uniform(-0.05, 0.05)), 0), -0.12)])


def _cushion(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A floor cushion, perhaps two."""
    size, parts = float(rng.uniform(0.5, 0.7)), []
    for k, cloth in enumerate((f.accent, f.fabric_second)[: int(rng.integers(1, 3))]):
        pad = rounded_box((size, size, 0.15), cloth, radius=0.07, steps=4)
        parts.append(pad.moved((0, 0, 0.145 * k), float(rng.normal(0, 0.15))))
    return merge(parts)


def _toys(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A crate, bricks round it, a ball."""
    parts = []
    for z in (0.01, 0.08, 0.15):
        parts += [box((0.4, 0.012, 0.055), f.wood, (0, y, z)) for y in (-0.14, 0.14)]
        parts += [box((0.012, 0.28, 0.055), f.wood, (x, 0, z)) for x in (-0.2, 0.2)]
    parts += [box((0.03, 0.03, 0.21), f.wood, (x, y, 0)) for x in (-0.18, 0.18) for y in (-0.12, 0.12)]
    parts.append(box((0.38, 0.27, 0.012), f.wood))
    for k in range(4):
        brick = box((0.045, 0.045, 0.045), things.ink(rng, "toy"), bevel=0.004)
        parts.append(
            things.scattered(brick, rng, 4, 0.1).moved((float(rng.uniform(-0.05, 0.05)), 0, 0.012 + 0.045 * k))
        )
    parts.append(things.scattered(brick, rng, 3, 0.08).moved((0.05, -0.28, 0)))
    parts.append(ball(0.09, things.ink(rng, "toy ball"), (-0.2, -0.28, 0.09), 24))
    return merge(parts)


def _guitar(rng: np.random.Generator, f: Finishes) -> Mesh:
    """An acoustic guitar that leans in its stand, its front towards -y."""
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    waist = 1 - 0.22 * np.exp(-(((np.sin(t) - 0.22) / 0.28) ** 2))
    half = np.interp(np.sin(t), [-0.35, 0.45], [0.195, 0.155])
    outline = np.stack([np.cos(t) * half * waist, 0.24 * np.sin(t)], -1)
    varnish = np.array([0.62, 0.36, 0.14]) * rng.uniform(0.35, 1.05) ** np.array([0.6, 1.0, 1.4])
    spruce = Material("spruce", color(varnish), roughness=0.25, f0=0.04)
    parts = [moulding(outline, [(-0.195 * 0.02, 0.1), (0, 0.1), (0, 0)], f.wood_second)]
    parts += [plate(outline, spruce, -0.1), plate(outline, f.wood_second).moved(turn=np.pi)]
    parts.append(plate(oval(0.1, 0.1, 28, (0, 0.035)), f.screen, -0.1005))
    rose = moulding(oval(0.1, 0.1, 28, (0, 0.035)), [(0, 0.0008), (0.008, 0.0008)], f.wood_second, y=-0.1)
    parts += [rose, box((0.14, 0.008, 0.022), f.wood_second, (0, -0.103, -0.1))]
    parts.append(box((0.052, 0.02, 0.42), f.wood_second, (0, -0.098, 0.17)))
    parts.append(box((0.045, 0.006, 0.47), f.metal_dark, (0, -0.11, 0.09)))
    parts.append(box((0.07, 0.016, 0.15), f.wood_second, (0, -0.094, 0.59), bevel=0.004))
    for k in range(6):
        x = (k - 2.5) * 0.0075
        parts.append(tube([(x, -0.1145, -0.1), (x, -0.1145, 0.6)], 0.0007, f.metal, 4))
        peg = cylinder(0.006, 0.03, f.metal, segments=8).tilted("y", np.sign(x) * np.pi / 2)
        parts.append(peg.moved((0.034 * float(np.sign(x)), -0.094, 0.62 + 0.04 * (k % 3))))
    body = merge(parts).moved((0, 0.05, 0.33)).tilted("x", float(rng.uniform(-0.26, -0.2)), (0, 0.05, 0.1))
    legs = [((0, 0.17, 0.5), (0.16, -0.13, 0.0)), ((0, 0.17, 0.5), (-0.16, -0.13, 0.0)), ((0, 0.17, 0.5), (0, 0.26, 0))]
    stand = [tube([a, b], 0.008, f.metal_dark) for a, b in legs]
    hold: list[Point] = [(x, -0.13, 0.095) for x in (-0.12, 0.12)]
    return merge([body, *stand, tube(hold, 0.008, f.metal_dark)])


def _bed_tray(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Breakfast: a tray with a mug and a small plate; or a book beside it."""
    parts = [things.tray(rng, f, 0.42, 0.28), things.mug(rng, f).moved((0.12, 0.04, 0.008))]
    parts.append(tableware.plates(rng, f, 0.085, 1).moved((-0.09, -0.02, 0.008)))
    return merge(parts)


def _bed_books(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A book, closed or open and face down, or two."""
    closed = things.book_stack(rng, f, int(rng.integers(1, 3)))
    if rng.random() < 0.5:
        return closed
    cover = things.ink(rng, "book cover")
    tent = [box((0.16, 0.22, 0.009), cover).tilted("y", side * 0.3).moved((side * 0.078, 0, 0.026)) for side in (-1, 1)]
    low = float(merge(tent).bounds[0][2])
    return merge(tent).moved((0, 0, -low))


def _throw(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A folded blanket with a book on it."""
    layers = int(rng.integers(2, 4))
    parts = [
        rounded_box((0.5 - 0.01 * k, 0.36, 0.035), f.accent, (0.006 * k, 0, 0.03 * k), radius=0.016, steps=3)
        for k in range(layers)
    ]
    return merge([*parts, things.book(rng, f).moved((0.05, 0, 0.03 * layers + 0.005), 0.4)])


EVERYDAY_TABLE: tuple[Maker, ...] = (_books, _bowl, _vases, _tray, _laptop, _remotes)
MAKERS = {
    "on_table": Kind(EVERYDAY_TABLE, (_stones, _sculpture)),
    "on_shelf": Kind((_row, _row, _vases, _boxes, _books), (_sculpture,)),
    "on_desk": Kind((_desk,), (partial(_desk, laptop=True),)),
    "on_floor": Kind((_basket, _bag, _magazines, _shoes, _cushion, _toys), (_guitar,)),
    "on_bed": Kind((_bed_tray, _bed_books), (_throw,)),
    **tableware.MAKERS,
}
