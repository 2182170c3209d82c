"""Books in rows and piles, and other objects for open shelves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wallpaint.imaging.color import srgb_to_linear
from wallpaint.rooms.furniture.carcass import boards, front_quads
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, lathe, merge, sphere
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.typing import Array

# 8-bit sRGB of cloth and paper spines: creams and whites, greys, browns, reds, blues, greens, ochres, black
COVER_COLORS_HEX = (
    "e8e2d3 d8cdb4 f0ece2 c9bfa8 dcdad4 b9b5ac 8f8c86 5f5d5a 2b2a29 1f2225 7a5a42 9a7a55 5b4031 8b3a30 6e2b2a "
    "a4553f c08a5a b99346 8a7433 2f4257 4a647c 7d93a3 23304a 3c5a55 50654a 7c8a68 2e4136 655069 b48c86"
)
PAGE_MATERIAL = Material("pages", (0.66, 0.61, 0.5))
GILT_MATERIAL = Material("gilt", (0.42, 0.32, 0.13), roughness=0.5, f0=0.04)

ShelfObjectBuilder = Callable[[np.random.Generator, Finishes, float, float], Mesh]


def _linear(code: str) -> Color:
    r, g, b = srgb_to_linear(np.frombuffer(bytes.fromhex(code), np.uint8) / 255.0)
    return float(r), float(g), float(b)


COVER_MATERIALS = tuple(Material("book", _linear(code), roughness=0.6, f0=0.03) for code in COVER_COLORS_HEX.split())


def standing_books(rng: np.random.Generator, length: float, height: float, depth: float) -> Mesh:
    """A row of upright books on z = 0, centred on x = 0, spines in the plane y = -depth / 2.

    length: length of shelf to fill, metres; the remaining gap is less than one book. height, depth: of the largest
    book, metres. About 22 triangles per book. The last book leans if the gap allows it.
    """
    size: list[tuple[float, float, float]] = []
    cover_index: list[int] = []
    used = 0.0
    while used < length - 0.012 or not size:
        series = int(rng.integers(3, 8)) if rng.random() < 0.12 else 1
        book_height = height * (rng.uniform(0.68, 1.0) if rng.random() < 0.85 else rng.uniform(0.5, 0.7))
        book_depth = min(depth, book_height * rng.uniform(0.64, 0.8))
        thickness = float(np.clip(rng.gamma(5.0, 0.0055), 0.008, 0.06))
        color = int(rng.integers(len(COVER_MATERIALS)))
        for _ in range(series):
            thickness = max(min(thickness, length - used - 0.001), 0.006)
            if used < length - 0.012 or not size:
                size.append((thickness, book_depth, book_height))
                cover_index.append(color)
                used += thickness + 0.0008
    sizes = np.array(size)
    left = np.cumsum(sizes[:, 0] + 0.0008) - sizes[:, 0] - length / 2
    lean = np.zeros(len(sizes))
    gap = length / 2 - left[-1] - sizes[-1, 0]
    if len(sizes) > 2 and gap > 0.008 and sizes[-1, 2] < 1.02 * sizes[-2, 2]:
        lean[-1] = np.arcsin(min(0.35, 0.95 * gap / sizes[-1, 2]))
        left[-1] += sizes[-1, 2] * np.sin(lean[-1])
    return _book_meshes(rng, sizes, np.array(cover_index), left, -depth / 2, lean)


def book_pile(rng: np.random.Generator, count: int, length: float, depth: float) -> Mesh:
    """A pile of lying books, spines towards -y, centred on x = y = 0. length: of the largest, along x."""
    book_height = length * np.sort(rng.uniform(0.72, 1.0, count))[::-1]
    sizes = np.stack(
        [rng.uniform(0.012, 0.04, count), np.minimum(depth, book_height * rng.uniform(0.66, 0.78, count)), book_height],
        -1,
    )
    cover_index = rng.integers(len(COVER_MATERIALS), size=count)
    mesh = _book_meshes(rng, sizes, cover_index, np.cumsum(sizes[:, 0]) - sizes[:, 0], -depth / 2, np.zeros(count))
    stack = mesh.rotated("y", np.pi / 2)  # +z becomes +x, +x becomes -z
    low, high = stack.bounds
    return stack.moved((-float(low[0] + high[0]) / 2, 0, -float(low[2]))).rotated("z", float(rng.normal(0, 0.03)))


def _book_template() -> tuple[Array, Array, Array, Array]:
    """Book template: (V, 4) coefficients of width, depth, spine bulge and height; normals; faces; page faces (bool)."""
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


_BOOK_POINTS, _BOOK_NORMALS, _BOOK_FACES, _BOOK_PAGE_FACES = _book_template()
_SPINE_BANDS = (  # half width, lower and upper end as shares of the book's size; material; probability interval
    (0.3, 0.6, 0.8, COVER_MATERIALS[0], 0.0, 0.25),
    (0.31, 0.82, 0.85, GILT_MATERIAL, 0.2, 0.5),
    (0.31, 0.12, 0.15, GILT_MATERIAL, 0.35, 0.6),
    (0.12, 0.35, 0.75, COVER_MATERIALS[2], 0.7, 0.85),
)


def _book_meshes(
    rng: np.random.Generator, size: Array, cover_index: Array, left: Array, front: float, lean: Array
) -> Mesh:
    """Merge N books. size: (N, 3) thickness, depth, height. left: (N,) x of the lower left edge, pivot of `lean`."""
    thickness, book_depth, book_height = size[:, 0, None], size[:, 1, None], size[:, 2, None]
    bulge, inset = np.minimum(0.006, 0.2 * thickness), rng.uniform(0, 0.01, (len(size), 1))
    y = front + inset + _BOOK_POINTS[:, 1] * (book_depth - 0.012) + _BOOK_POINTS[:, 2] * bulge
    points = np.stack([_BOOK_POINTS[:, 0] * thickness, y, _BOOK_POINTS[:, 3] * book_height], -1)
    color = np.where(_BOOK_PAGE_FACES[None], len(COVER_MATERIALS), cover_index[:, None])
    meshes = [
        _tilted_copies(points, _BOOK_NORMALS, _BOOK_FACES, color, (*COVER_MATERIALS, PAGE_MATERIAL), (size, left, lean))
    ]
    band_sample = rng.random(len(size))
    for reach, low, high, material, first, last in _SPINE_BANDS:
        i = np.flatnonzero((band_sample >= first) & (band_sample < last) & (size[:, 0] > 0.013))
        if len(i):
            corner = np.array([(-reach, low), (reach, low), (reach, high), (-reach, high)])
            flat = np.broadcast_to(front + inset[i] + 0.35 * bulge[i] - 0.0009, (len(i), 4))
            band = np.stack([corner[:, 0] * thickness[i], flat, corner[:, 1] * book_height[i]], -1)
            normals, faces = np.tile([0.0, -1.0, 0.0], (4, 1)), np.array([[0, 1, 2], [0, 2, 3]])
            transform = (size[i], left[i], lean[i])
            meshes.append(_tilted_copies(band, normals, faces, np.zeros((len(i), 2), int), (material,), transform))
    return merge(meshes)


def _tilted_copies(
    points: Array,
    normals: Array,
    faces: Array,
    color: Array,
    materials: tuple[Material, ...],
    transform: tuple[Array, Array, Array],
) -> Mesh:
    """Merge N copies (N, V, 3) of a shape, leaned and translated along x. transform: sizes, left edges, lean angles."""
    size, left, lean = transform
    cos, sin = np.cos(lean)[:, None], np.sin(lean)[:, None]
    x, z = points[..., 0] + size[:, 0, None] / 2, points[..., 2]
    positions = np.stack([left[:, None] + cos * x - sin * z, points[..., 1], sin * x + cos * z], -1)
    facing = np.broadcast_to(normals / np.linalg.norm(normals, axis=1, keepdims=True), points.shape)
    turned = np.stack([cos * facing[..., 0] - sin * facing[..., 2], facing[..., 1]], -1)
    upright = sin * facing[..., 0] + cos * facing[..., 2]
    count, vertices = points.shape[:2]
    used_covers, material_index = np.unique(color.reshape(-1), return_inverse=True)
    return Mesh(
        positions.reshape(-1, 3).astype(np.float32),
        np.concatenate([turned, upright[..., None]], -1).reshape(-1, 3).astype(np.float32),
        points[..., [0, 2]].reshape(-1, 2).astype(np.float32),
        (faces[None] + (np.arange(count) * vertices)[:, None, None]).reshape(-1, 3).astype(np.int32),
        material_index.astype(np.int32),
        tuple(materials[i] for i in used_covers),
    )


def _vase(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    r, h = rng.uniform(0.03, float(np.clip(width / 2, 0.031, 0.075))), rng.uniform(0.45, 0.85) * height
    h = min(h, 4.5 * r)
    neck, belly = rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.65)
    profile = [(0, 0), (0.6, 0), (0.85, 0.12), (1.0, belly), (0.5 + neck / 2, 0.8), (neck, 0.9), (neck + 0.06, 1.0)]
    profile += [(neck - 0.06, 1.0), (neck - 0.08, 0.86)]
    dark = Material(
        "stoneware", COVER_MATERIALS[int(rng.integers(len(COVER_MATERIALS)))].albedo, roughness=0.4, f0=0.04
    )
    return lathe([(r * a, h * b) for a, b in profile], f.ceramic if rng.random() < 0.45 else dark, segments=16)


def _box(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    """A storage box with a lid, or a basket."""
    w, h, d = min(width, rng.uniform(0.18, 0.32)), min(0.8 * height, rng.uniform(0.1, 0.2)), rng.uniform(0.18, 0.25)
    material = (f.linen, f.fabric_second, f.paper, f.wood_second, f.leather)[int(rng.integers(5))]
    lid = boards([(-w / 2, -d / 2, 0.72 * h, w / 2, d / 2, h)], material, 0.004)
    return merge([boards([(-w / 2 + 0.003, -d / 2 + 0.003, 0, w / 2 - 0.003, d / 2, 0.72 * h)], material), lid])


def _bowl(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    r = min(width / 2, rng.uniform(0.07, 0.13))
    profile = [(0, 0), (0.4, 0), (0.45, 0.06), (0.8, 0.28), (1.0, 0.6), (0.95, 0.6), (0.75, 0.3), (0.3, 0.12), (0, 0.1)]
    material = f.ceramic if rng.random() < 0.5 else f.wood_second
    return lathe([(r * a, r * b) for a, b in profile], material, segments=20)


def _framed_picture(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    """A small framed picture that leans back."""
    h = min(0.9 * height, rng.uniform(0.15, 0.26))
    w = min(width, h * rng.uniform(0.7, 1.3))
    rim = f.wood if rng.random() < 0.4 else f.metal_dark if rng.random() < 0.6 else f.metal
    y, e = -0.011, 0.014
    meshes = [boards([(-w / 2, -0.01, 0, w / 2, 0.008, h)], rim)]
    mount, print_material = 0.2 * w, COVER_MATERIALS[int(rng.integers(len(COVER_MATERIALS)))]
    meshes.append(front_quads([(-w / 2 + e, e, w / 2 - e, h - e, y)], f.paper))
    meshes.append(front_quads([(-w / 2 + mount, mount, w / 2 - mount, h - mount, y - 0.0008)], print_material))
    return merge(meshes).rotated("x", -0.16).moved((0, 0, 0.0))


def _potted_plant(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    """A small pot of grass-like leaves."""
    r, h = min(width / 2, rng.uniform(0.045, 0.065)), rng.uniform(0.07, 0.1)
    meshes = [lathe([(0, 0), (0.75 * r, 0), (r, h), (0.9 * r, h), (0.88 * r, 0.85 * h), (0, 0.85 * h)], f.ceramic)]
    for _ in range(int(rng.integers(9, 16))):
        blade = sphere((0.012, 0.003, 0.5 * min(height - h, rng.uniform(0.08, 0.16))), f.leaf, segments=6)
        blade = blade.moved((0, 0, float(blade.bounds[1][2]))).rotated("x", float(rng.uniform(0.1, 0.8)))
        meshes.append(blade.moved((0, 0, 0.84 * h), float(rng.uniform(0, 6.3))))
    return merge(meshes)


def _ornament(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    """A ball or a ring on a small block."""
    r = min(width / 2, 0.35 * height, rng.uniform(0.035, 0.06))
    material = (f.metal, f.wood_second, f.ceramic, f.metal_dark)[int(rng.integers(4))]
    stand = boards([(-0.8 * r, -0.5 * r, 0, 0.8 * r, 0.5 * r, 0.5 * r)], f.metal_dark)
    return merge([stand, sphere(r, material, (0, 0, 1.45 * r), 14)])


def _binders(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    count, h = max(1, int(width / 0.075)), min(0.95 * height, 0.31)
    material = Material(
        "binder", COVER_MATERIALS[int(rng.integers(len(COVER_MATERIALS)))].albedo, roughness=0.5, f0=0.04
    )
    x = 0.075 * (np.arange(count) - count / 2)
    meshes = [boards([(a + 0.002, -0.14, 0, a + 0.073, 0.13, h) for a in x], material, 0.003)]
    meshes.append(front_quads([(a + 0.018, 0.45 * h, a + 0.057, 0.8 * h, -0.1405) for a in x], f.paper))
    return merge(meshes)


SHELF_OBJECT_BUILDERS: tuple[ShelfObjectBuilder, ...] = (
    _vase,
    _vase,
    _box,
    _bowl,
    _framed_picture,
    _framed_picture,
    _potted_plant,
    _ornament,
)


def shelf_object(rng: np.random.Generator, f: Finishes, width: float, height: float) -> Mesh:
    """A random shelf object on the origin, at most `width` wide and `height` tall (metres)."""
    return SHELF_OBJECT_BUILDERS[int(rng.integers(len(SHELF_OBJECT_BUILDERS)))](rng, f, width, height)


def shelf_contents(
    rng: np.random.Generator, f: Finishes, size: tuple[float, float, float], book_share: float = 0.7
) -> list[Mesh]:
    """The contents of one shelf opening: rows and piles of books, objects, gaps.

    size: width, depth, height of the opening, whose floor is z = 0, centred on x = 0, its front at y = -depth / 2.
    book_share: share of books, 0..1.
    """
    width, depth, height = size
    book_height, book_depth = min(0.94 * height, float(rng.uniform(0.22, 0.32))), min(depth - 0.02, 0.24)
    front = -depth / 2 + float(rng.uniform(0.012, 0.035)) + book_depth / 2
    meshes, x, end = [], -width / 2 + 0.008, width / 2 - 0.008
    while end - x > 0.07:
        space, sample = end - x, rng.random()
        if sample < book_share * 0.85:
            item_width = space if rng.random() < 0.3 else min(space, rng.uniform(0.15, 0.5))
            meshes.append(
                standing_books(rng, item_width, book_height, book_depth).moved((x + item_width / 2, front, 0))
            )
        elif sample < book_share and space > 0.26:
            item_width = 0.26
            meshes.append(book_pile(rng, int(rng.integers(2, 5)), 0.24, book_depth).moved((x + 0.13, front, 0)))
        elif sample < book_share + 0.22 * (1 - book_share) or space < 0.1:
            item_width = rng.uniform(0.05, 0.2)
        else:
            item = shelf_object(rng, f, min(space - 0.01, 0.32), 0.93 * height)
            item_width = float(item.bounds[1][0] - item.bounds[0][0]) + 0.02
            meshes.append(item.moved((x + item_width / 2, rng.uniform(-0.15, 0.15) * depth, 0)))
        x += item_width + 0.004
    return meshes
