"""Books in rows and stacks, and the other things that people keep on open shelves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wallpaint.imaging.color import srgb_to_linear
from wallpaint.rooms.furniture.carcass import boards, plates
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, ball, lathe, merge
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.typing import Array

# 8-bit sRGB of cloth and paper spines: creams and whites, greys, browns, reds, blues, greens, ochres, black
SPINES = (
    "e8e2d3 d8cdb4 f0ece2 c9bfa8 dcdad4 b9b5ac 8f8c86 5f5d5a 2b2a29 1f2225 7a5a42 9a7a55 5b4031 8b3a30 6e2b2a "
    "a4553f c08a5a b99346 8a7433 2f4257 4a647c 7d93a3 23304a 3c5a55 50654a 7c8a68 2e4136 655069 b48c86"
)
PAGES = Material("pages", (0.66, 0.61, 0.5))
GILT = Material("gilt", (0.42, 0.32, 0.13), roughness=0.5, f0=0.04)

Thing = Callable[[np.random.Generator, Finishes, float, float], Mesh]


def _linear(code: str) -> Color:
    r, g, b = srgb_to_linear(np.frombuffer(bytes.fromhex(code), np.uint8) / 255.0)
    return float(r), float(g), float(b)


CLOTHS = tuple(Material("book", _linear(code), roughness=0.6, f0=0.03) for code in SPINES.split())


def books(rng: np.random.Generator, length: float, height: float, depth: float) -> Mesh:
    """A row of standing books, centred on x = 0, spines in the plane y = -depth / 2, on z = 0.

    length: metres of shelf, which the row fills but for less than a book. height, depth: of the largest book, metres.
    About 22 triangles a book; the last one leans now and then.
    """
    size: list[tuple[float, float, float]] = []
    cloth: list[int] = []
    used = 0.0
    while used < length - 0.012 or not size:
        series = int(rng.integers(3, 8)) if rng.random() < 0.12 else 1
        tall = height * (rng.uniform(0.68, 1.0) if rng.random() < 0.85 else rng.uniform(0.5, 0.7))
        deep = min(depth, tall * rng.uniform(0.64, 0.8))
        wide = float(np.clip(rng.gamma(5.0, 0.0055), 0.008, 0.06))
        color = int(rng.integers(len(CLOTHS)))
        for _ in range(series):
            wide = max(min(wide, length - used - 0.001), 0.006)
            if used < length - 0.012 or not size:
                size.append((wide, deep, tall))
                cloth.append(color)
                used += wide + 0.0008
    sizes = np.array(size)
    left = np.cumsum(sizes[:, 0] + 0.0008) - sizes[:, 0] - length / 2
    lean = np.zeros(len(sizes))
    room = length / 2 - left[-1] - sizes[-1, 0]
    if len(sizes) > 2 and room > 0.008 and sizes[-1, 2] < 1.02 * sizes[-2, 2]:
        lean[-1] = np.arcsin(min(0.35, 0.95 * room / sizes[-1, 2]))
        left[-1] += sizes[-1, 2] * np.sin(lean[-1])
    return _volumes(rng, sizes, np.array(cloth), left, -depth / 2, lean)


def pile(rng: np.random.Generator, count: int, length: float, depth: float) -> Mesh:
    """Books lying on each other, spines towards -y, centred on x = y = 0. length: of the largest, along x."""
    tall = length * np.sort(rng.uniform(0.72, 1.0, count))[::-1]
    sizes = np.stack(
        [rng.uniform(0.012, 0.04, count), np.minimum(depth, tall * rng.uniform(0.66, 0.78, count)), tall], -1
    )
    cloth = rng.integers(len(CLOTHS), size=count)
    whole = _volumes(rng, sizes, cloth, np.cumsum(sizes[:, 0]) - sizes[:, 0], -depth / 2, np.zeros(count))
    lying = whole.tilted("y", np.pi / 2)  # what was up now points to +x, what was right points down
    low, high = lying.bounds
    return lying.moved((-float(low[0] + high[0]) / 2, 0, -float(low[2]))).tilted("z", float(rng.normal(0, 0.03)))


def _template() -> tuple[Array, Array, Array, Array]:
    """A book: (V, 4) how its points depend on width, depth, bulge of the spine and height; normals; faces; pages."""
    plan = np.array([(-0.5, 0, 1.0), (-0.25, 0, 0.35), (0.25, 0, 0.35), (0.5, 0, 1.0), (0.5, 1, 0), (-0.5, 1, 0)])
    slant = {0: (-0.7, -0.7), 1: (-0.25, -0.97), 2: (0.25, -0.97), 3: (0.7, -0.7)}
    points: list[tuple[float, ...]] = []
    normals, faces, pages = [], [], []
    for i in range(6):
        j = (i + 1) % 6
        start = len(points)
        points += [(*plan[k], z) for k, z in ((i, 0), (j, 0), (j, 1), (i, 1))]
        flat = {3: (1, 0), 4: (0, 1), 5: (-1, 0)}
        n0, n1 = (flat[i], flat[i]) if i in flat else (slant[i], slant[j])
        normals += [(*n, 0) for n in (n0, n1, n1, n0)]
        faces += [(start, start + 1, start + 2), (start, start + 2, start + 3)]
        pages += [False, False]
    for z in (1, 0):
        start = len(points)
        points += [(*plan[k], z) for k in (range(6) if z else range(5, -1, -1))]
        normals += [(0, 0, 1 if z else -1)] * 6
        faces += [(start, start + k, start + k + 1) for k in range(1, 5)]
        pages += [True] * 4
    return np.array(points, float), np.array(normals, float), np.array(faces), np.array(pages)


_POINTS, _NORMALS, _FACES, _PAGES = _template()
_BANDS = (  # half width and lower, upper end as shares of the book's; material; first and last chance
    (0.3, 0.6, 0.8, CLOTHS[0], 0.0, 0.25),
    (0.31, 0.82, 0.85, GILT, 0.2, 0.5),
    (0.31, 0.12, 0.15, GILT, 0.35, 0.6),
    (0.12, 0.35, 0.75, CLOTHS[2], 0.7, 0.85),
)


def _volumes(rng: np.random.Generator, size: Array, cloth: Array, left: Array, front: float, lean: Array) -> Mesh:
    """Books of sizes (N, 3): width, depth, height. left: x of each one's lower left edge, about which it leans."""
    wide, deep, tall = size[:, 0, None], size[:, 1, None], size[:, 2, None]
    bulge, push = np.minimum(0.006, 0.2 * wide), rng.uniform(0, 0.01, (len(size), 1))
    y = front + push + _POINTS[:, 1] * (deep - 0.012) + _POINTS[:, 2] * bulge
    points = np.stack([_POINTS[:, 0] * wide, y, _POINTS[:, 3] * tall], -1)
    color = np.where(_PAGES[None], len(CLOTHS), cloth[:, None])
    parts = [_stood(points, _NORMALS, _FACES, color, (*CLOTHS, PAGES), (size, left, lean))]
    draw = rng.random(len(size))
    for reach, low, high, material, first, last in _BANDS:
        i = np.flatnonzero((draw >= first) & (draw < last) & (size[:, 0] > 0.013))
        if len(i):
            corner = np.array([(-reach, low), (reach, low), (reach, high), (-reach, high)])
            flat = np.broadcast_to(front + push[i] + 0.35 * bulge[i] - 0.0009, (len(i), 4))
            band = np.stack([corner[:, 0] * wide[i], flat, corner[:, 1] * tall[i]], -1)
            normals, faces = np.tile([0.0, -1.0, 0.0], (4, 1)), np.array([[0, 1, 2], [0, 2, 3]])
            place = (size[i], left[i], lean[i])
            parts.append(_stood(band, normals, faces, np.zeros((len(i), 2), int), (material,), place))
    return merge(parts)


def _stood(
    points: Array,
    normals: Array,
    faces: Array,
    color: Array,
    materials: tuple[Material, ...],
    place: tuple[Array, Array, Array],
) -> Mesh:
    """Copies of one shape, (N, V, 3), leaned and moved along x to their places: sizes, left edges, angles."""
    size, left, lean = place
    cos, sin = np.cos(lean)[:, None], np.sin(lean)[:, None]
    x, z = points[..., 0] + size[:, 0, None] / 2, points[..., 2]
    stood = np.stack([left[:, None] + cos * x - sin * z, points[..., 1], sin * x + cos * z], -1)
    facing = np.broadcast_to(normals / np.linalg.norm(normals, axis=1, keepdims=True), points.shape)
    turned = np.stack([cos * facing[..., 0] - sin * facing[..., 2], facing[..., 1]], -1)
    upright = sin * facing[..., 0] + cos * facing[..., 2]
    count, vertices = points.shape[:2]
    kept, number = np.unique(color.reshape(-1), return_inverse=True)
    return Mesh(
        stood.reshape(-1, 3).astype(np.float32),
        np.concatenate([turned, upright[..., None]], -1).reshape(-1, 3).astype(np.float32),
        points[..., [0, 2]].reshape(-1, 2).astype(np.float32),
        (faces[None] + (np.arange(count) * vertices)[:, None, None]).reshape(-1, 3).astype(np.int32),
        number.astype(np.int32),
        tuple(materials[i] for i in kept),
    )


def _vase(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    r, h = rng.uniform(0.03, float(np.clip(width / 2, 0.031, 0.075))), rng.uniform(0.45, 0.85) * height
    h = min(h, 4.5 * r)
    neck, belly = rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.65)
    shape = [(0, 0), (0.6, 0), (0.85, 0.12), (1.0, belly), (0.5 + neck / 2, 0.8), (neck, 0.9), (neck + 0.06, 1.0)]
    shape += [(neck - 0.06, 1.0), (neck - 0.08, 0.86)]
    dark = Material("stoneware", CLOTHS[int(rng.integers(len(CLOTHS)))].albedo, roughness=0.4, f0=0.04)
    return lathe([(r * a, h * b) for a, b in shape], f.ceramic if rng.random() < 0.45 else dark, segments=16)


def _box(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    """A storage box with a lid, or a basket."""
    w, h, d = min(width, rng.uniform(0.18, 0.32)), min(0.8 * height, rng.uniform(0.1, 0.2)), rng.uniform(0.18, 0.25)
    material = (f.linen, f.fabric_second, f.paper, f.wood_second, f.leather)[int(rng.integers(5))]
    lid = boards([(-w / 2, -d / 2, 0.72 * h, w / 2, d / 2, h)], material, 0.004)
    return merge([boards([(-w / 2 + 0.003, -d / 2 + 0.003, 0, w / 2 - 0.003, d / 2, 0.72 * h)], material), lid])


def _bowl(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    r = min(width / 2, rng.uniform(0.07, 0.13))
    shape = [(0, 0), (0.4, 0), (0.45, 0.06), (0.8, 0.28), (1.0, 0.6), (0.95, 0.6), (0.75, 0.3), (0.3, 0.12), (0, 0.1)]
    material = f.ceramic if rng.random() < 0.5 else f.wood_second
    return lathe([(r * a, r * b) for a, b in shape], material, segments=20)


def _frame(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    """A small picture in a frame that leans back."""
    h = min(0.9 * height, rng.uniform(0.15, 0.26))
    w = min(width, h * rng.uniform(0.7, 1.3))
    rim = f.wood if rng.random() < 0.4 else f.metal_dark if rng.random() < 0.6 else f.metal
    y, e = -0.011, 0.014
    parts = [boards([(-w / 2, -0.01, 0, w / 2, 0.008, h)], rim)]
    mount, half = 0.2 * w, CLOTHS[int(rng.integers(len(CLOTHS)))]
    parts.append(plates([(-w / 2 + e, e, w / 2 - e, h - e, y)], f.paper))
    parts.append(plates([(-w / 2 + mount, mount, w / 2 - mount, h - mount, y - 0.0008)], half))
    return merge(parts).tilted("x", -0.16).moved((0, 0, 0.0))


def _pot(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    """A pot with a tuft of blades."""
    r, h = min(width / 2, rng.uniform(0.045, 0.065)), rng.uniform(0.07, 0.1)
    parts = [lathe([(0, 0), (0.75 * r, 0), (r, h), (0.9 * r, h), (0.88 * r, 0.85 * h), (0, 0.85 * h)], f.ceramic)]
    for _ in range(int(rng.integers(9, 16))):
        blade = ball((0.012, 0.003, 0.5 * min(height - h, rng.uniform(0.08, 0.16))), f.leaf, segments=6)
        blade = blade.moved((0, 0, float(blade.bounds[1][2]))).tilted("x", float(rng.uniform(0.1, 0.8)))
        parts.append(blade.moved((0, 0, 0.84 * h), float(rng.uniform(0, 6.3))))
    return merge(parts)


def _ornament(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    """A ball or a ring on a small block."""
    r = min(width / 2, 0.35 * height, rng.uniform(0.035, 0.06))
    material = (f.metal, f.wood_second, f.ceramic, f.metal_dark)[int(rng.integers(4))]
    stand = boards([(-0.8 * r, -0.5 * r, 0, 0.8 * r, 0.5 * r, 0.5 * r)], f.metal_dark)
    return merge([stand, ball(r, material, (0, 0, 1.45 * r), 14)])


def _binders(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    count, h = max(1, int(width / 0.075)), min(0.95 * height, 0.31)
    material = Material("binder", CLOTHS[int(rng.integers(len(CLOTHS)))].albedo, roughness=0.5, f0=0.04)
    x = 0.075 * (np.arange(count) - count / 2)
    parts = [boards([(a + 0.002, -0.14, 0, a + 0.073, 0.13, h) for a in x], material, 0.003)]
    parts.append(plates([(a + 0.018, 0.45 * h, a + 0.057, 0.8 * h, -0.1405) for a in x], f.paper))
    return merge(parts)


THINGS: tuple[Thing, ...] = (_vase, _vase, _box, _bowl, _frame, _frame, _pot, _ornament)


def thing(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    """One thing for a shelf, standing on the origin, at most `width` wide and `height` tall (metres)."""
    return THINGS[int(rng.integers(len(THINGS)))](rng, f, width, height)


def shelf_filling(
    rng: np.random.Generator, f: Finishes, size: tuple[float, float, float], bookish: float = 0.7
) -> list[Mesh]:
    """What stands in one opening of a shelf: rows and piles of books, things, gaps.

    size: width, depth, height of the opening; its floor is z = 0, centred on x = 0, from y = -depth / 2. bookish: how
    much of it is books, 0..1.
    """
    width, depth, height = size
    tall, deep = min(0.94 * height, float(rng.uniform(0.22, 0.32))), min(depth - 0.02, 0.24)
    front = -depth / 2 + float(rng.uniform(0.012, 0.035)) + deep / 2
    parts, x, end = [], -width / 2 + 0.008, width / 2 - 0.008
    while end - x > 0.07:
        room, draw = end - x, rng.random()
        if draw < bookish * 0.85:
            run = room if rng.random() < 0.3 else min(room, rng.uniform(0.15, 0.5))
            parts.append(books(rng, run, tall, deep).moved((x + run / 2, front, 0)))
        elif draw < bookish and room > 0.26:
            run = 0.26
            parts.append(pile(rng, int(rng.integers(2, 5)), 0.24, deep).moved((x + 0.13, front, 0)))
        elif draw < bookish + 0.22 * (1 - bookish) or room < 0.1:
            run = rng.uniform(0.05, 0.2)
        else:
            one = thing(rng, f, min(room - 0.01, 0.32), 0.93 * height)
            run = float(one.bounds[1][0] - one.bounds[0][0]) + 0.02
            parts.append(one.moved((x + run / 2, rng.uniform(-0.15, 0.15) * depth, 0)))
        x += run + 0.004
    return parts
