"""Clutter: groups of small objects for tables, shelves, desks, beds, worktops and floors."""

from __future__ import annotations

from functools import partial

import numpy as np

from wallpaint.rooms.furniture import FurnitureCategory, MeshBuilder, small_objects, tableware
from wallpaint.rooms.furniture.foliage import clipped_color
from wallpaint.rooms.furniture.mouldings import ellipse, flat_panel, moulding
from wallpaint.rooms.furniture.plants import stems_in_vase
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import (
    Mesh,
    Point,
    box,
    cylinder,
    lathe,
    merge,
    quad,
    rounded_box,
    sphere,
    surface,
    tube,
    two_sided,
)
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.typing import Array


def _book_stack(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A stack of books, perhaps with a mug or candle on it or beside it."""
    stack = small_objects.book_stack(rng, f)
    top = float(stack.bounds[1][2])
    variant = int(rng.integers(4))
    if variant == 0:
        return merge([stack, small_objects.mug(rng, f).moved((float(rng.uniform(-0.03, 0.03)), 0, top))])
    if variant == 1:
        return merge([stack, small_objects.candle(rng, f).moved((0.0, 0.0, top))])
    if variant == 2:
        return merge([stack.moved((-0.05, 0.03, 0)), small_objects.mug(rng, f).moved((0.13, -0.05, 0))])
    return stack


def _bowl(rng: np.random.Generator, f: Finishes) -> Mesh:
    return small_objects.bowl(rng, f, bool(rng.random() < 0.75))


def _vases(rng: np.random.Generator, f: Finishes) -> Mesh:
    """One vase with twigs or flowers, or two empty ones."""
    first, height = small_objects.vase(rng, f)
    if rng.random() < 0.6:
        return stems_in_vase(rng, f, first, 0.92 * height, bool(rng.random() < 0.5))
    second, _ = small_objects.vase(rng, f)
    return merge([first.moved((-0.08, 0.03, 0)), second.moved((0.08, -0.03, 0), scale=0.7)])


def _tray(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A tray with candles and a mug or a small vase."""
    meshes = [small_objects.tray(rng, f, 0.32, 0.24)]
    meshes.append(small_objects.candle(rng, f).moved((-0.09, 0.04, 0.008)))
    meshes.append(small_objects.candle(rng, f).moved((-0.02, -0.05, 0.008)))
    other = small_objects.mug(rng, f) if rng.random() < 0.5 else small_objects.vase(rng, f)[0].moved(scale=0.6)
    return merge([*meshes, other.moved((0.09, 0.01, 0.008))])


def _laptop(rng: np.random.Generator, f: Finishes) -> Mesh:
    return merge([small_objects.laptop(rng, f), small_objects.mug(rng, f).moved((0.22, -0.02, 0))]).moved((-0.04, 0, 0))


def _remotes(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A remote control on a magazine, perhaps with a mug."""
    meshes = [small_objects.book(rng, f, 0.21, 0.28, 0.008)]
    remote = rounded_box((0.045, 0.17, 0.018), f.metal_dark, radius=0.007, steps=2)
    keys = [
        box((0.008, 0.008, 0.001), f.plastic, (x, y, 0.018))
        for x in (-0.011, 0, 0.011)
        for y in (-0.04, -0.02, 0, 0.02)
    ]
    meshes.append(merge([remote, *keys]).moved((0.02, 0.0, 0.008), float(rng.uniform(-0.8, 0.8))))
    if rng.random() < 0.6:
        meshes.append(small_objects.mug(rng, f).moved((0.19, 0.03, 0)))
    return merge(meshes)


def _stacked_pebbles(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Stacked pebbles on a wooden disc."""
    meshes, z = [cylinder(0.11, 0.015, f.wood, segments=32)], 0.015
    for size in (0.075, 0.06, 0.045, 0.03):
        tone = float(rng.uniform(0.12, 0.45))
        stone = Material("pebble", (tone, 0.98 * tone, 0.93 * tone), roughness=0.8)
        flat = float(rng.uniform(0.32, 0.5)) * size
        meshes.append(
            sphere((size, 0.8 * size, flat), stone, (float(rng.normal(0, 0.004)), 0, z + flat), 18).moved(yaw=size * 90)
        )
        z += 1.93 * flat
    return merge(meshes)


def _sculpture(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A sculpture of one or two rings on a block."""
    finish = small_objects.glaze_material(rng, f) if rng.random() < 0.6 else f.metal_dark
    meshes = [box((0.09, 0.09, 0.04), f.wood_second, bevel=0.003)]
    turn = np.linspace(-np.pi, np.pi, 13)
    for k in range(int(rng.integers(1, 3))):
        radius = float(rng.uniform(0.07, 0.1))
        ring = lathe([(radius + 0.017 * float(np.cos(a)), 0.017 * float(np.sin(a))) for a in turn], finish, segments=40)
        meshes.append(ring.rotated("x", np.pi / 2).moved((0, 0, 0.05 + radius), 0.6 + k * 1.4))
    return merge(meshes)


def _book_row(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A row of upright books, perhaps with a vase or candle at its end."""
    meshes = [small_objects.book_row(rng, f, float(rng.uniform(0.15, 0.3)))]
    end = float(meshes[0].bounds[1][0])
    variant = int(rng.integers(3))
    if variant == 0:
        meshes.append(small_objects.vase(rng, f)[0].moved((end + 0.09, 0, 0), scale=0.75))
    elif variant == 1:
        meshes.append(small_objects.candle(rng, f).moved((end + 0.08, 0, 0)))
    low, high = merge(meshes).bounds
    return merge(meshes).moved((-float(low[0] + high[0]) / 2, 0, 0))


def _storage_boxes(rng: np.random.Generator, f: Finishes) -> Mesh:
    """Lidded storage boxes, or a basket."""
    if rng.random() < 0.4:
        return small_objects.wicker_basket(rng, f, 0.12, 0.15, False)
    finish = (f.linen, f.accent, f.lacquer, f.fabric_second)[int(rng.integers(4))]
    meshes, z = [], 0.0
    for _ in range(int(rng.integers(1, 3))):
        meshes.append(box((0.3, 0.22, 0.12), finish, (0, 0, z), bevel=0.003))
        meshes.append(box((0.31, 0.23, 0.035), finish, (0, 0, z + 0.1), bevel=0.003))
        meshes.append(box((0.06, 0.002, 0.03), f.metal, (0, -0.1115, z + 0.05)))
        z += 0.135
    return merge(meshes)


def _desk_items(rng: np.random.Generator, f: Finishes, laptop: bool = False) -> Mesh:
    """A monitor with keyboard and mouse, or a laptop; papers and pens beside it. The user sits at -y."""
    meshes = []
    if laptop:
        meshes.append(small_objects.laptop(rng, f).moved((0, -0.06, 0)))
    else:
        meshes.append(_monitor(rng, f).moved((0, 0.13, 0)))
        meshes.append(rounded_box((0.42, 0.13, 0.018), f.metal_dark, (0, -0.14, 0), radius=0.006, steps=1))
        meshes += [box((0.4, 0.016, 0.004), f.plastic, (0, -0.19 + 0.021 * k, 0.018)) for k in range(5)]
        meshes.append(sphere((0.03, 0.05, 0.018), f.metal_dark, (0.28, -0.14, 0.018), 14))
    side = float(rng.choice([-1, 1]))
    sheets = [
        box((0.21, 0.297, 0.0015), f.paper).moved((0, 0, 0.0015 * k), float(rng.normal(0, 0.12))) for k in range(5)
    ]
    meshes.append(merge(sheets).moved((-side * 0.38, -0.06, 0)))
    meshes.append(small_objects.pen_pot(rng, f).moved((side * 0.4, 0.14, 0)))
    if rng.random() < 0.6:
        meshes.append(small_objects.mug(rng, f).moved((side * 0.4, -0.06, 0)))
    if rng.random() < 0.5:
        meshes.append(small_objects.book_stack(rng, f, 3).moved((-side * 0.36, 0.15, 0), 0.2))
    return merge(meshes)


def _monitor(rng: np.random.Generator, f: Finishes) -> Mesh:
    width = float(rng.uniform(0.53, 0.66))
    height = 0.57 * width
    shell = f.metal_dark if rng.random() < 0.7 else f.metal
    meshes = [box((0.24, 0.18, 0.01), shell, bevel=0.003), box((0.05, 0.025, 0.28), shell, (0, 0.05, 0.01))]
    meshes.append(rounded_box((width, 0.03, height), shell, (0, 0.02, 0.13), radius=0.005, steps=1))
    glass = quad((-width / 2 + 0.008, 0.0045, 0.138), (width - 0.016, 0, 0), (0, 0, height - 0.016), f.screen, "unit")
    return merge([*meshes, glass])


def _basket(rng: np.random.Generator, f: Finishes) -> Mesh:
    return small_objects.wicker_basket(rng, f, float(rng.uniform(0.17, 0.24)), float(rng.uniform(0.25, 0.4)))


def _bag(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A soft tote bag with two handles."""
    cloth = (f.leather, f.linen, f.accent)[int(rng.integers(3))]
    half_width, height = float(rng.uniform(0.17, 0.22)), float(rng.uniform(0.28, 0.36))
    folds = float(rng.uniform(0, 6))

    def shape(s: Array, t: Array) -> Array:
        a = 2 * np.pi * s
        depth = 0.075 * (1 - 0.65 * t) + 0.004 * np.sin(5 * a + folds) * t
        x = half_width * np.sign(np.cos(a)) * np.abs(np.cos(a)) ** 0.5 * (1 + 0.06 * np.sin(np.pi * t))
        return np.stack(
            [x, depth * np.sign(np.sin(a)) * np.abs(np.sin(a)) ** 0.7, height * t * (1 - 0.06 * np.cos(2 * a) * t)], -1
        )

    meshes = [two_sided(surface(shape, cloth, 40, 10, (4 * half_width, height)))]
    for y in (-0.028, 0.028):
        arc = np.linspace(0, np.pi, 10)
        strap: list[Point] = [(0.09 * float(np.cos(a)), y, 0.93 * height + 0.16 * float(np.sin(a))) for a in arc]
        meshes.append(tube(strap, 0.006, f.leather))
    return merge(meshes).moved(yaw=float(rng.uniform(-0.5, 0.5)))


def _magazines(rng: np.random.Generator, f: Finishes) -> Mesh:
    meshes = [
        small_objects.book(rng, f, 0.22, 0.29, 0.008).moved((0, 0, 0.008 * k), float(rng.normal(0, 0.12)))
        for k in range(int(rng.integers(6, 16)))
    ]
    return merge(meshes)


def _shoes(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A pair of shoes, slightly offset."""
    upper, sole = (f.leather if rng.random() < 0.5 else small_objects.ink_material(rng, "shoe")), f.plastic
    one = small_objects.shoe(rng, upper, sole)
    return merge([one.moved((-0.065, 0, 0), 0.08), one.moved((0.065, float(rng.uniform(-0.05, 0.05)), 0), -0.12)])


def _cushion(rng: np.random.Generator, f: Finishes) -> Mesh:
    """One or two floor cushions."""
    size, meshes = float(rng.uniform(0.5, 0.7)), []
    for k, cloth in enumerate((f.accent, f.fabric_second)[: int(rng.integers(1, 3))]):
        pad = rounded_box((size, size, 0.15), cloth, radius=0.07, steps=4)
        meshes.append(pad.moved((0, 0, 0.145 * k), float(rng.normal(0, 0.15))))
    return merge(meshes)


def _toys(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A toy crate with bricks and a ball."""
    meshes = []
    for z in (0.01, 0.08, 0.15):
        meshes += [box((0.4, 0.012, 0.055), f.wood, (0, y, z)) for y in (-0.14, 0.14)]
        meshes += [box((0.012, 0.28, 0.055), f.wood, (x, 0, z)) for x in (-0.2, 0.2)]
    meshes += [box((0.03, 0.03, 0.21), f.wood, (x, y, 0)) for x in (-0.18, 0.18) for y in (-0.12, 0.12)]
    meshes.append(box((0.38, 0.27, 0.012), f.wood))
    for k in range(4):
        brick = box((0.045, 0.045, 0.045), small_objects.ink_material(rng, "toy"), bevel=0.004)
        meshes.append(
            small_objects.scattered_copies(brick, rng, 4, 0.1).moved(
                (float(rng.uniform(-0.05, 0.05)), 0, 0.012 + 0.045 * k)
            )
        )
    meshes.append(small_objects.scattered_copies(brick, rng, 3, 0.08).moved((0.05, -0.28, 0)))
    meshes.append(sphere(0.09, small_objects.ink_material(rng, "toy ball"), (-0.2, -0.28, 0.09), 24))
    return merge(meshes)


def _guitar(rng: np.random.Generator, f: Finishes) -> Mesh:
    """An acoustic guitar on a stand, its front towards -y."""
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    waist = 1 - 0.22 * np.exp(-(((np.sin(t) - 0.22) / 0.28) ** 2))
    half = np.interp(np.sin(t), [-0.35, 0.45], [0.195, 0.155])
    outline = np.stack([np.cos(t) * half * waist, 0.24 * np.sin(t)], -1)
    varnish = np.array([0.62, 0.36, 0.14]) * rng.uniform(0.35, 1.05) ** np.array([0.6, 1.0, 1.4])
    spruce = Material("spruce", clipped_color(varnish), roughness=0.25, f0=0.04)
    meshes = [moulding(outline, [(-0.195 * 0.02, 0.1), (0, 0.1), (0, 0)], f.wood_second)]
    meshes += [flat_panel(outline, spruce, -0.1), flat_panel(outline, f.wood_second).moved(yaw=np.pi)]
    meshes.append(flat_panel(ellipse(0.1, 0.1, 28, (0, 0.035)), f.screen, -0.1005))
    rose = moulding(ellipse(0.1, 0.1, 28, (0, 0.035)), [(0, 0.0008), (0.008, 0.0008)], f.wood_second, y=-0.1)
    meshes += [rose, box((0.14, 0.008, 0.022), f.wood_second, (0, -0.103, -0.1))]
    meshes.append(box((0.052, 0.02, 0.42), f.wood_second, (0, -0.098, 0.17)))
    meshes.append(box((0.045, 0.006, 0.47), f.metal_dark, (0, -0.11, 0.09)))
    meshes.append(box((0.07, 0.016, 0.15), f.wood_second, (0, -0.094, 0.59), bevel=0.004))
    for k in range(6):
        x = (k - 2.5) * 0.0075
        meshes.append(tube([(x, -0.1145, -0.1), (x, -0.1145, 0.6)], 0.0007, f.metal, 4))
        peg = cylinder(0.006, 0.03, f.metal, segments=8).rotated("y", np.sign(x) * np.pi / 2)
        meshes.append(peg.moved((0.034 * float(np.sign(x)), -0.094, 0.62 + 0.04 * (k % 3))))
    body = merge(meshes).moved((0, 0.05, 0.33)).rotated("x", float(rng.uniform(-0.26, -0.2)), (0, 0.05, 0.1))
    legs = [((0, 0.17, 0.5), (0.16, -0.13, 0.0)), ((0, 0.17, 0.5), (-0.16, -0.13, 0.0)), ((0, 0.17, 0.5), (0, 0.26, 0))]
    stand = [tube([a, b], 0.008, f.metal_dark) for a, b in legs]
    rest_bar: list[Point] = [(x, -0.13, 0.095) for x in (-0.12, 0.12)]
    return merge([body, *stand, tube(rest_bar, 0.008, f.metal_dark)])


def _bed_tray(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A breakfast tray with a mug and a plate."""
    meshes = [small_objects.tray(rng, f, 0.42, 0.28), small_objects.mug(rng, f).moved((0.12, 0.04, 0.008))]
    meshes.append(tableware.plates(rng, f, 0.085, 1).moved((-0.09, -0.02, 0.008)))
    return merge(meshes)


def _bed_books(rng: np.random.Generator, f: Finishes) -> Mesh:
    """One or two closed books, or an open book lying face down."""
    closed = small_objects.book_stack(rng, f, int(rng.integers(1, 3)))
    if rng.random() < 0.5:
        return closed
    cover = small_objects.ink_material(rng, "book cover")
    tent = [
        box((0.16, 0.22, 0.009), cover).rotated("y", side * 0.3).moved((side * 0.078, 0, 0.026)) for side in (-1, 1)
    ]
    low = float(merge(tent).bounds[0][2])
    return merge(tent).moved((0, 0, -low))


def _folded_throw(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A folded blanket with a book on it."""
    layers = int(rng.integers(2, 4))
    meshes = [
        rounded_box((0.5 - 0.01 * k, 0.36, 0.035), f.accent, (0.006 * k, 0, 0.03 * k), radius=0.016, steps=3)
        for k in range(layers)
    ]
    return merge([*meshes, small_objects.book(rng, f).moved((0.05, 0, 0.03 * layers + 0.005), 0.4)])


TRAIN_TABLE_CLUTTER: tuple[MeshBuilder, ...] = (_book_stack, _bowl, _vases, _tray, _laptop, _remotes)
CATEGORIES = {
    "on_table": FurnitureCategory(TRAIN_TABLE_CLUTTER, (_stacked_pebbles, _sculpture)),
    "on_shelf": FurnitureCategory((_book_row, _book_row, _vases, _storage_boxes, _book_stack), (_sculpture,)),
    "on_desk": FurnitureCategory((_desk_items,), (partial(_desk_items, laptop=True),)),
    "on_floor": FurnitureCategory((_basket, _bag, _magazines, _shoes, _cushion, _toys), (_guitar,)),
    "on_bed": FurnitureCategory((_bed_tray, _bed_books), (_folded_throw,)),
    **tableware.CATEGORIES,
}
