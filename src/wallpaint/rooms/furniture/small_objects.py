"""Single small objects that `clutter` groups: books, crockery, vases, bottles, boxes, shoes, screens.

Each stands on z = 0, centred on x = y = 0.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wallpaint.rooms.furniture.foliage import clipped_color
from wallpaint.rooms.furniture.mouldings import instanced
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, Point, box, cylinder, lathe, merge, quad, rounded_box, sphere, tube
from wallpaint.rooms.surfaces import images
from wallpaint.rooms.surfaces.finishes import Finishes

INK_ALBEDOS = (
    (0.55, 0.08, 0.06),
    (0.06, 0.12, 0.3),
    (0.07, 0.2, 0.14),
    (0.7, 0.5, 0.15),
    (0.75, 0.72, 0.66),
    (0.04, 0.04, 0.045),
    (0.5, 0.28, 0.2),
    (0.3, 0.42, 0.45),
    (0.62, 0.36, 0.35),
    (0.25, 0.24, 0.22),
)
GLASS_MATERIAL = Material("glassware", (0.3, 0.33, 0.32), roughness=0.05, f0=0.06)


def ink_material(rng: np.random.Generator, name: str, roughness: float = 0.6, f0: float = 0.04) -> Material:
    """Sample a printed or painted material."""
    tone = clipped_color(np.asarray(INK_ALBEDOS[int(rng.integers(len(INK_ALBEDOS)))]) * rng.uniform(0.75, 1.2, 3))
    return Material(name, tone, roughness=roughness, f0=f0)


def glaze_material(rng: np.random.Generator, f: Finishes) -> Material:
    """Sample a stoneware glaze: the room's ceramic, or a coloured variant."""
    if rng.random() < 0.5:
        return f.ceramic
    tone = np.asarray(INK_ALBEDOS[int(rng.integers(len(INK_ALBEDOS)))]) * 0.6 + 0.15
    return replace(f.ceramic, albedo=clipped_color(tone * rng.uniform(0.5, 1.1)), texture=None)


def book(
    rng: np.random.Generator, f: Finishes, width: float = 0.15, height: float = 0.22, thickness: float = 0.025
) -> Mesh:
    """A closed book that lies flat, its spine towards -y."""
    cover = ink_material(rng, "book cover")
    cover_thickness = 0.0025
    meshes = [
        box((height, width, cover_thickness), cover),
        box((height, width, cover_thickness), cover, (0, 0, thickness - cover_thickness)),
    ]
    meshes.append(box((height, cover_thickness, thickness), cover, (0, -width / 2 + cover_thickness / 2, 0)))
    meshes.append(
        box((height - 0.006, width - 0.006, thickness - 2 * cover_thickness), f.paper, (0, 0, cover_thickness))
    )
    if rng.random() < 0.5:
        label = replace(cover, albedo=(0.7, 0.66, 0.55))
        meshes.append(box((0.5 * height, 0.0005, 0.4 * thickness), label, (0, -width / 2 - 0.0003, 0.3 * thickness)))
    return merge(meshes)


def book_stack(rng: np.random.Generator, f: Finishes, count: int = 0) -> Mesh:
    """A stack of `count` books, rotated slightly; 0 samples two to five."""
    meshes, z = [], 0.0
    width, height = float(rng.uniform(0.15, 0.22)), float(rng.uniform(0.2, 0.29))
    for _ in range(count or int(rng.integers(2, 6))):
        thickness = float(rng.uniform(0.012, 0.04))
        meshes.append(book(rng, f, width, height, thickness).moved((0, 0, z), float(rng.normal(0, 0.15))))
        width, height, z = width * float(rng.uniform(0.88, 1)), height * float(rng.uniform(0.88, 1)), z + thickness
    return merge(meshes)


def book_row(rng: np.random.Generator, f: Finishes, length: float) -> Mesh:
    """Upright books along x with their spines towards -y."""
    meshes, x = [], 0.0
    while True:
        height, thickness = float(rng.uniform(0.17, 0.27)), float(rng.uniform(0.012, 0.042))
        if x + thickness > length:
            break
        depth = 0.72 * height
        upright = (
            book(rng, f, depth, height, thickness)
            .rotated("y", -np.pi / 2)
            .moved((x + thickness, depth / 2 - 0.09, height / 2))
        )
        meshes.append(upright)
        x += thickness + 0.001
    return merge(meshes).moved((-x / 2, 0, 0))


def hollow_vessel(
    profile: list[tuple[float, float]], material: Material, wall: float = 0.003, segments: int = 24
) -> Mesh:
    """An open vessel. profile: (radius, height) of the outside, from height 0 up. wall: thickness in metres."""
    rim_r, rim_z = profile[-1]
    inside = [(max(r - wall, 0.001), max(z, wall)) for r, z in reversed(profile) if z > 0]
    line = [(0.0, 0.0), profile[0], *profile, (rim_r, rim_z), (rim_r - wall, rim_z), (rim_r - wall, rim_z)]
    line += [*inside[1:], (max(profile[0][0] - wall, 0.001), wall), (0.0, wall)]
    return lathe(line, material, segments=segments)


def mug(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A mug with its handle."""
    finish, r, h = glaze_material(rng, f), float(rng.uniform(0.036, 0.044)), float(rng.uniform(0.08, 0.1))
    coffee = Material("coffee", (0.03, 0.015, 0.008), roughness=0.1, f0=0.03)
    loop: list[Point] = [
        (r - 0.003, 0, 0.8 * h),
        (r + 0.022, 0, 0.78 * h),
        (r + 0.028, 0, 0.5 * h),
        (r - 0.003, 0, 0.22 * h),
    ]
    drink = lathe([(r - 0.0035, 0.8 * h), (0, 0.8 * h)], coffee, segments=20)
    body = hollow_vessel([(0.85 * r, 0), (r, 0.12 * h), (r, h)], finish, 0.0035)
    return merge([body, drink, tube(loop, 0.005, finish)]).moved(yaw=float(rng.uniform(0, 6.28)))


def bowl(rng: np.random.Generator, f: Finishes, fruit: bool = True) -> Mesh:
    """A bowl; `fruit` fills it."""
    r, h = float(rng.uniform(0.11, 0.15)), float(rng.uniform(0.06, 0.09))
    a = np.linspace(0.25, 1.25, 8)
    profile = [
        (0.35 * r, 0.0),
        *[(float(r * np.sin(k) / np.sin(1.25)), float(h * (1 - np.cos(k - 0.25)) / (1 - np.cos(1.0)))) for k in a],
    ]
    finish = f.wood if rng.random() < 0.3 else glaze_material(rng, f)
    meshes = [hollow_vessel(profile, finish, 0.006, 28)]
    if fruit:
        peel = Material(
            "fruit",
            clipped_color(rng.choice(((0.75, 0.25, 0.02), (0.8, 0.6, 0.05), (0.5, 0.05, 0.04), (0.3, 0.45, 0.06)))),
            roughness=0.5,
            f0=0.04,
        )
        one = sphere(0.036, peel, segments=12)
        ring = int(rng.integers(4, 6))
        for k in range(ring):
            turn = k * 2 * np.pi / ring
            meshes.append(
                one.moved(
                    (0.055 * np.cos(turn), 0.055 * np.sin(turn), 0.55 * h + 0.02), scale=float(rng.uniform(0.9, 1.1))
                )
            )
        meshes += [one.moved((0, 0, 0.55 * h + 0.055)), one.moved((0, 0, 0.04))]
    return merge(meshes)


def vase(rng: np.random.Generator, f: Finishes) -> tuple[Mesh, float]:
    """An open vase and its height, 15 to 32 cm."""
    h = float(rng.uniform(0.15, 0.32))
    shapes = (
        [(0.6, 0), (0.95, 0.3), (1, 0.5), (0.75, 0.75), (0.42, 0.9), (0.5, 1)],
        [(0.75, 0), (1, 0.2), (0.9, 0.4), (0.35, 0.62), (0.3, 0.85), (0.38, 1)],
        [(0.8, 0), (0.85, 0.5), (0.95, 1)],
        [(0.45, 0), (0.8, 0.3), (1, 0.65), (0.9, 0.85), (0.6, 1)],
        [(0.5, 0), (1, 0.18), (1, 0.4), (0.3, 0.5), (0.26, 0.9), (0.34, 1)],
    )
    shape = shapes[int(rng.integers(len(shapes)))]
    r = h * float(rng.uniform(0.26, 0.42))
    fine = np.linspace(0, 1, 16)
    width = np.interp(fine, [z for _, z in shape], [k for k, _ in shape])
    width = np.convolve(np.pad(width, 1, "edge"), [0.25, 0.5, 0.25], "valid")
    finish = glaze_material(rng, f) if rng.random() < 0.8 else GLASS_MATERIAL
    return hollow_vessel([(float(r * w), float(h * z)) for w, z in zip(width, fine, strict=True)], finish, 0.004, 28), h


def candle(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A candle in a stick, or a pillar candle on a dish."""
    wax = Material("wax", (0.8, 0.76, 0.66), roughness=0.5, f0=0.03)
    metal = f.metal if rng.random() < 0.6 else f.metal_dark
    if rng.random() < 0.5:
        h = float(rng.uniform(0.08, 0.2))
        foot = [
            (0, 0),
            (0.045, 0),
            (0.045, 0.004),
            (0.008, 0.014),
            (0.006, h - 0.02),
            (0.016, h - 0.012),
            (0.016, h),
            (0, h),
        ]
        taper = cylinder(0.011, float(rng.uniform(0.12, 0.22)), wax, (0, 0, h), 12, top=0.009)
        return merge([lathe(foot, metal, segments=20), taper])
    r, h = float(rng.uniform(0.028, 0.042)), float(rng.uniform(0.07, 0.15))
    wick = tube([(0, 0, h), (0.001, 0, h + 0.008), (0.003, 0, h + 0.013)], 0.0012, f.metal_dark, 5)
    return merge(
        [
            cylinder(1.5 * r, 0.006, metal, segments=24),
            cylinder(r, h, wax, (0, 0, 0.006), 24),
            wick.moved((0, 0, 0.006)),
        ]
    )


def bottle(rng: np.random.Generator, glass: Material, h: float = 0.3) -> Mesh:
    """A bottle with a label. h: height in metres."""
    r = 0.125 * h
    profile = [
        (0, 0),
        (r, 0),
        (r, 0.0),
        (r, 0.58 * h),
        (0.85 * r, 0.66 * h),
        (0.36 * r, 0.76 * h),
        (0.36 * r, h),
        (0, h),
    ]
    label = lathe([(r + 0.0004, 0.18 * h), (r + 0.0004, 0.48 * h)], ink_material(rng, "label"), segments=20)
    return merge([lathe(profile, glass, segments=20), label])


def jar(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A storage jar with a wooden or metal lid."""
    r, h = float(rng.uniform(0.035, 0.055)), float(rng.uniform(0.09, 0.2))
    content_color = ((0.6, 0.5, 0.3), (0.7, 0.66, 0.58), (0.12, 0.06, 0.03), (0.55, 0.3, 0.12))[int(rng.integers(4))]
    body = Material("jar", content_color, roughness=0.12, f0=0.05) if rng.random() < 0.6 else glaze_material(rng, f)
    profile = [(0, 0), (0.92 * r, 0), (r, 0.04 * h), (r, 0.9 * h), (0.9 * r, h)]
    lid = cylinder(0.95 * r, 0.018, f.wood if rng.random() < 0.6 else f.metal, (0, 0, h), 24)
    return merge([lathe(profile, body, segments=24), lid])


def tray(rng: np.random.Generator, f: Finishes, width: float = 0.38, depth: float = 0.26) -> Mesh:
    """A shallow tray with a rim."""
    finish = (f.wood, f.metal_dark, f.wood_second, f.metal)[int(rng.integers(4))]
    rim = 0.03
    meshes = [box((width, depth, 0.008), finish)]
    meshes += [box((width, 0.01, rim), finish, (0, y, 0)) for y in (-depth / 2, depth / 2)]
    meshes += [box((0.01, depth + 0.01, rim), finish, (x, 0, 0)) for x in (-width / 2, width / 2)]
    return merge(meshes)


def wicker_basket(rng: np.random.Generator, f: Finishes, radius: float, height: float, filled: bool = True) -> Mesh:
    """A round woven basket; `filled` adds a folded throw."""
    straw = Material(
        "wicker", clipped_color(np.array([0.42, 0.28, 0.15]) * rng.uniform(0.6, 1.3)), roughness=0.9, bump=0.2
    )
    level = np.linspace(0, 1, 19)
    outside = radius * (0.85 + 0.15 * level) + 0.004 * np.where(np.arange(19) % 2, 1, -1)
    meshes = [
        hollow_vessel([(float(r), float(z * height)) for r, z in zip(outside, level, strict=True)], straw, 0.012, 28)
    ]
    for side in (-1, 1):
        arc = np.linspace(0, np.pi, 8)
        grip: list[Point] = [
            (side * radius, 0.06 * float(np.cos(a)), height - 0.01 + 0.07 * float(np.sin(a))) for a in arc
        ]
        meshes.append(tube(grip, 0.008, straw))
    if filled:
        cloth = f.accent if rng.random() < 0.5 else f.linen
        for k in range(3):
            roll = rounded_box((1.1 * radius, 0.5 * radius, 0.3 * height), cloth, radius=0.045, steps=3)
            meshes.append(roll.moved((0, (k - 1) * 0.5 * radius, height * (0.72 + 0.06 * (k % 2))), 0.1 * (k - 1)))
    return merge(meshes)


def laptop(rng: np.random.Generator, f: Finishes) -> Mesh:
    """An open laptop that faces -y; its screen is sometimes on."""
    shell = f.metal if rng.random() < 0.6 else f.metal_dark
    width, depth, lean = 0.325, 0.225, float(rng.uniform(0.15, 0.4))
    meshes = [rounded_box((width, depth, 0.014), shell, (0, 0, 0), radius=0.004, steps=1)]
    meshes.append(box((width - 0.04, 0.1, 0.001), f.metal_dark, (0, 0.03, 0.0142)))
    meshes.append(box((0.1, 0.06, 0.0005), shell, (0, -0.07, 0.0142)))
    glass = f.screen
    if rng.random() < 0.4:
        glass = Material("lit screen", (0.7, 0.7, 0.7), texture=images.screen_image(rng), roughness=0.2, f0=0.04)
    lid = merge(
        [
            box((width, 0.006, 0.215), shell, (0, 0, 0)),
            quad((-width / 2 + 0.008, -0.0034, 0.012), (width - 0.016, 0, 0), (0, 0, 0.195), glass, "unit"),
        ]
    )
    return merge([*meshes, lid.rotated("x", -lean).moved((0, depth / 2 - 0.004, 0.012))])


def pen_pot(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A pot with pens in it."""
    pot = hollow_vessel([(0.036, 0), (0.038, 0.1)], glaze_material(rng, f) if rng.random() < 0.6 else f.metal_dark)
    meshes = [pot]
    for k in range(int(rng.integers(4, 8))):
        pen = cylinder(0.0038, float(rng.uniform(0.14, 0.17)), ink_material(rng, "pen"), segments=8)
        meshes.append(pen.rotated("x", float(rng.uniform(0.05, 0.16))).moved((0, 0.012, 0.006), k * 2.4))
    return merge(meshes)


def shoe(rng: np.random.Generator, upper: Material, sole: Material, length: float = 0.29) -> Mesh:
    """One shoe, its toe towards -y: a sole, a rounded toe box and an ankle."""
    meshes = [rounded_box((0.1, length, 0.025), sole, radius=0.012)]
    toe = rounded_box((0.094, 0.62 * length, 0.062), upper, (0, -0.17 * length, 0.02), radius=0.03, steps=3)
    heel = rounded_box((0.085, 0.46 * length, 0.1), upper, (0, 0.24 * length, 0.02), radius=0.03, steps=3)
    collar = lathe([(0.03, 0.118), (0.0, 0.112)], sole, segments=14).moved(
        (0, 0.27 * length, 0), scale=(0.9, 1.4, 1.02)
    )
    laces = [box((0.05, 0.006, 0.004), sole, (0, (-0.02 - 0.07 * k) * length, 0.083 - 0.002 * k)) for k in range(3)]
    return merge([*meshes, toe, heel, collar, *laces])


def scattered_copies(mesh: Mesh, rng: np.random.Generator, count: int, spread: float) -> Mesh:
    """Copies scattered about the origin with random rotations about z."""
    turn = rng.uniform(0, 2 * np.pi, count)
    axes = np.zeros((count, 3, 3))
    axes[:, 0, 0], axes[:, 0, 1] = np.cos(turn), -np.sin(turn)
    axes[:, 1, 0], axes[:, 1, 1], axes[:, 2, 2] = np.sin(turn), np.cos(turn), 1
    at = np.concatenate([rng.uniform(-spread, spread, (count, 2)), np.zeros((count, 1))], 1)
    return instanced(mesh, axes, at)
