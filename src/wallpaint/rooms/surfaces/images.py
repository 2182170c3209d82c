"""Procedural images: framed artwork, screens, clock faces, book spines.

Images fill uv 0..1 and do not repeat. They are drawn at their aspect ratio (`aspect`, width over height of the target
surface) and resized to the square texture. All shapes come from the random generator.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np

from wallpaint.rooms.materials import TEXTURE_PX, Texture
from wallpaint.rooms.surfaces.noise import SRGB_TO_LINEAR, fractal_noise, gaussian_noise
from wallpaint.typing import Array

Rgb = tuple[int, int, int]
ArtworkFn = Callable[[np.random.Generator, Array], Array]

_CANVAS_HEIGHT_PX = 640

PAPER_COLORS: tuple[Rgb, ...] = ((240, 236, 226), (232, 226, 212), (247, 245, 240), (222, 214, 200))
INK_COLORS: tuple[Rgb, ...] = (
    (38, 36, 36), (46, 62, 88), (150, 74, 48), (196, 148, 66), (70, 88, 70), (120, 134, 148),
    (186, 130, 112), (214, 190, 160), (98, 44, 46), (60, 104, 108), (168, 160, 148), (224, 200, 184),
)  # fmt: skip
"""Muted print colours, 8-bit sRGB."""


def artwork(rng: np.random.Generator, split: str, aspect: float = 0.75) -> Texture:
    """Sample an artwork from TRAIN_ARTWORK, or from HELD_OUT_ARTWORK for test rooms. aspect: width over height."""
    artworks = HELD_OUT_ARTWORK if split == "test" else TRAIN_ARTWORK
    name = list(artworks)[int(rng.integers(len(artworks)))]
    return render_artwork(rng, artworks[name], aspect)


def render_artwork(rng: np.random.Generator, artwork_fn: ArtworkFn, aspect: float = 0.75) -> Texture:
    """Draw an artwork on a paper-coloured canvas."""
    shape = (_CANVAS_HEIGHT_PX, max(64, round(_CANVAS_HEIGHT_PX * aspect)), 3)
    canvas = np.empty(shape, np.uint8)
    canvas[:] = PAPER_COLORS[int(rng.integers(len(PAPER_COLORS)))]
    return _to_texture(artwork_fn(rng, canvas))


def screen_image(rng: np.random.Generator) -> Texture:
    """The screen content of a television or laptop, linear sRGB 0..1: a landscape, perhaps with a control bar."""
    canvas = np.zeros((360, 640, 3), np.uint8)
    canvas = (_landscape, _sea)[int(rng.integers(2))](rng, canvas)
    if rng.random() < 0.5:
        canvas[-46:] = canvas[-46:] // 4
        for i in range(int(rng.integers(4, 9))):
            cv2.circle(canvas, (60 + 62 * i, 337), 12, _sample_ink(rng), -1, cv2.LINE_AA)
    return _to_texture(canvas)


def clock_face(rng: np.random.Generator) -> Texture:
    """A clock face that fills the texture, at a random time."""
    light = rng.random() < 0.7
    paper, ink = ((245, 243, 238), (30, 30, 32)) if light else ((32, 33, 36), (230, 226, 218))
    canvas = np.empty((TEXTURE_PX, TEXTURE_PX, 3), np.uint8)
    canvas[:] = paper
    for hour in range(12):
        angle = hour * np.pi / 6
        tick_px = 40 if hour % 3 == 0 else 22
        _radial_stroke(canvas, angle, 226 - tick_px, 226, ink, 9 if hour % 3 == 0 else 5)
    minutes = float(rng.uniform(0, 720))
    _radial_stroke(canvas, minutes / 720 * 2 * np.pi, -20, 120, ink, 12)
    _radial_stroke(canvas, minutes / 60 * 2 * np.pi, -26, 190, ink, 8)
    cv2.circle(canvas, (TEXTURE_PX // 2, TEXTURE_PX // 2), 12, ink, -1, cv2.LINE_AA)
    return _to_texture(canvas)


def book_spines(rng: np.random.Generator, length_m: float = 0.8) -> Texture:
    """A row of book spines with titles and bands. length_m: metres that u = 0..1 spans."""
    canvas = np.zeros((512, 1024, 3), np.uint8)
    x = 0
    while x < 1024:
        spine_px = max(8, round(float(rng.lognormal(np.log(0.025), 0.4)) / length_m * 1024))
        cover, ink = _sample_cover_color(rng), PAPER_COLORS[int(rng.integers(4))]
        if sum(cover) > 420:
            ink = INK_COLORS[int(rng.integers(3))]
        round_off = 0.72 + 0.28 * np.sin(np.pi * (np.arange(spine_px) + 0.5) / spine_px)
        spine = np.broadcast_to(np.asarray(cover) * round_off[:, None], (512, spine_px, 3)).astype(np.uint8).copy()
        y = int(rng.integers(30, 120))
        for _ in range(int(rng.integers(1, 4))):
            lettering_px = int(rng.integers(40, 170))
            _spine_lettering(rng, spine, y, lettering_px, ink)
            y += lettering_px + int(rng.integers(20, 70))
        if rng.random() < 0.4:
            for edge in (16, 490):
                spine[edge : edge + 5, 1:-1] = ink
        spine[:, :1] //= 3
        canvas[:, x : x + spine_px] = spine[:, : 1024 - x]
        x += spine_px
    return _to_texture(canvas)


def _spine_lettering(rng: np.random.Generator, spine: Array, y: int, length_px: int, ink: Rgb) -> None:
    """A line of dashes down a spine that stands for lettering."""
    spine_px = spine.shape[1]
    x0, x1 = round(spine_px * 0.36), max(round(spine_px * 0.36) + 2, round(spine_px * rng.uniform(0.55, 0.7)))
    end = min(y + length_px, 500)
    while y < end:
        step = int(rng.integers(4, 11))
        spine[y : y + step, x0:x1] = ink
        y += step + int(rng.integers(2, 6))


def _color_fields(rng: np.random.Generator, canvas: Array) -> Array:
    """Soft-edged colour fields stacked on a ground."""
    height, width = canvas.shape[:2]
    canvas[:] = _sample_ink(rng)
    margin = round(0.08 * width)
    edges = np.sort(rng.uniform(0.2, 0.8, int(rng.integers(1, 3))))
    bounds = [0.04, *edges, 0.96]
    layer = canvas.astype(np.float32)
    for low, high in pairwise(bounds):
        mask = np.zeros((height, width), np.uint8)
        mask[int(low * height) + 10 : int(high * height) - 10, margin:-margin] = 255
        share = cv2.GaussianBlur(mask, (0, 0), 7).astype(np.float32)[..., None] / 255 * 0.92
        layer += (np.array(_sample_ink(rng), np.float32) - layer) * share
    return _with_paint_grain(rng, layer, 4.0)


def _geometric(rng: np.random.Generator, canvas: Array) -> Array:
    """Arcs, discs and blocks in a grid."""
    height, width = canvas.shape[:2]
    columns = int(rng.integers(2, 5))
    cell = width / columns
    rows = max(1, round(height / cell))
    inks = [_sample_ink(rng) for _ in range(4)]
    for i in range(columns):
        for j in range(rows):
            x0, y0 = round(i * cell), round(j * height / rows)
            x1, y1 = round((i + 1) * cell), round((j + 1) * height / rows)
            tile = canvas[y0:y1, x0:x1]
            tile[:] = inks[int(rng.integers(4))] if rng.random() < 0.6 else canvas[0, 0]
            side = tile.shape[1]
            corner = (int(rng.integers(2)) * side, int(rng.integers(2)) * tile.shape[0])
            center = corner if rng.random() < 0.6 else (side // 2, tile.shape[0] // 2)
            radius = side if center == corner else side // 2
            for ring in range(int(rng.integers(1, 4))):
                cv2.circle(tile, center, round(radius * (1 - 0.33 * ring)), inks[int(rng.integers(4))], -1, cv2.LINE_AA)
    return canvas


def _line_drawing(rng: np.random.Generator, canvas: Array) -> Array:
    """A continuous line drawing, perhaps over an ellipse of colour."""
    height, width = canvas.shape[:2]
    if rng.random() < 0.6:
        center = (round(width * rng.uniform(0.35, 0.65)), round(height * rng.uniform(0.35, 0.65)))
        axes = (round(width * rng.uniform(0.15, 0.3)), round(width * rng.uniform(0.15, 0.3)))
        cv2.ellipse(canvas, center, axes, float(rng.uniform(0, 180)), 0, 360, _sample_ink(rng), -1, cv2.LINE_AA)
    count = int(rng.integers(7, 13))
    turn = np.linspace(0, 2 * np.pi * rng.uniform(0.9, 1.8), count)
    radius = rng.uniform(0.12, 0.4, count)
    knots = np.stack([0.5 + radius * np.cos(turn), 0.5 + radius * np.sin(turn)], -1) * [width, height]
    _stroke(canvas, _catmull_rom(knots), (36, 34, 34), int(rng.integers(3, 6)))
    return canvas


def _landscape(rng: np.random.Generator, canvas: Array) -> Array:
    """Layers of hills that fade into the distance."""
    height, width = canvas.shape[:2]
    top, low = (
        np.array(_sample_ink(rng), np.float32) * 0.4 + 140,
        np.array(PAPER_COLORS[int(rng.integers(4))], np.float32),
    )
    ramp = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    layer = np.broadcast_to(top + (low - top) * ramp, canvas.shape).copy()
    near = np.array(INK_COLORS[int(rng.choice([1, 4, 5, 9]))], np.float32)
    rows = np.arange(height)[:, None]
    count = int(rng.integers(3, 6))
    for number in range(count):
        share = (number + 1) / count
        line = np.resize(fractal_noise(rng, 1.5, 300)[int(rng.integers(TEXTURE_PX))], width)
        line = cv2.GaussianBlur(line[None], (0, 0), 14 - 11 * share)[0]
        ridge = height * (0.35 + 0.5 * share) + line * height * 0.07
        inside = np.clip(rows - ridge[None], 0, 1).astype(np.float32)[..., None]
        layer += (low * (1 - share) * 0.8 + near * (0.2 + 0.8 * share) - layer) * inside
    return _with_paint_grain(rng, layer, 2.5)


def _sea(rng: np.random.Generator, canvas: Array) -> Array:
    """A photo-like seascape."""
    height, width = canvas.shape[:2]
    level = float(rng.uniform(0.4, 0.65))
    v = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    clouds = cv2.resize(fractal_noise(rng, 1.6, 250, 2.0), (width, height))
    waves = cv2.resize(gaussian_noise(rng, 14, 1.4), (width, height)) * (v > level)
    above = (
        np.array([150, 178, 205], np.float32)
        + (np.array([236, 226, 214], np.float32) - np.array([150, 178, 205], np.float32)) * (v / level)[..., None]
    )
    below = (
        np.array([120, 148, 160], np.float32)
        - np.array([80, 80, 72], np.float32) * ((v - level) / (1 - level))[..., None]
    )
    layer = np.where((v < level)[..., None], above + 9 * clouds[..., None] * (v < level)[..., None], below)
    return _to_uint8(layer + 11 * waves[..., None])


def _botanical(rng: np.random.Generator, canvas: Array) -> Array:
    """A stem with pairs of leaves."""
    height, width = canvas.shape[:2]
    ink = INK_COLORS[int(rng.choice([0, 1, 4, 4, 9]))]
    lean = float(rng.uniform(-0.1, 0.1))
    stem = np.stack([np.linspace(0.5 - lean, 0.5 + lean, 5) * width, np.linspace(0.95, 0.1, 5) * height], -1)
    stem[1:4, 0] += rng.normal(0, 0.03 * width, 3)
    line = _catmull_rom(stem)
    _stroke(canvas, line, ink, 4)
    count = int(rng.integers(6, 14))
    aspect, opening = float(rng.uniform(0.16, 0.34)), float(rng.uniform(0.6, 1.1))
    for number, position in enumerate(np.linspace(0.18, 0.97, count)):
        base = line[int(position * (len(line) - 1))]
        leaf_length = width * rng.uniform(0.24, 0.3) * (1.15 - 0.65 * position)
        for side in (-1, 1):
            tint = np.clip(np.asarray(ink) + 14 * rng.standard_normal() + 3 * number, 0, 230)
            leaf = leaf_outline(-np.pi / 2 + side * opening, leaf_length, aspect) + base
            fill_polygon(canvas, leaf, (int(tint[0]), int(tint[1]), int(tint[2])))
    return canvas


def _portrait(rng: np.random.Generator, canvas: Array) -> Array:
    """Head and shoulders in flat colours."""
    height, width = canvas.shape[:2]
    canvas[:] = _sample_ink(rng)
    cx, cy, r = width / 2 + rng.normal(0, 0.03 * width), 0.38 * height, 0.17 * min(width, height * 0.8)
    skin_color = ((222, 184, 156), (172, 122, 92), (108, 72, 54), (236, 206, 184))[int(rng.integers(4))]
    hair_color, coat_color = _sample_ink(rng), _sample_ink(rng)
    cv2.ellipse(
        canvas,
        (round(cx), round(cy - 0.1 * r)),
        (round(1.25 * r), round(1.5 * r)),
        0,
        0,
        360,
        hair_color,
        -1,
        cv2.LINE_AA,
    )
    shoulders = np.array([[-3.2, 6], [-2.4, 2.6], [-0.5, 1.7], [0.5, 1.7], [2.4, 2.6], [3.2, 6]]) * r + [cx, cy]
    fill_polygon(canvas, shoulders, coat_color)
    fill_polygon(
        canvas, np.array([[-0.45, 0.6], [0.45, 0.6], [0.5, 1.9], [0, 2.3], [-0.5, 1.9]]) * r + [cx, cy], skin_color
    )
    cv2.ellipse(
        canvas, (round(cx), round(cy)), (round(0.92 * r), round(1.2 * r)), 0, 0, 360, skin_color, -1, cv2.LINE_AA
    )
    cv2.ellipse(
        canvas,
        (round(cx), round(cy - 0.75 * r)),
        (round(1.05 * r), round(0.62 * r)),
        0,
        180,
        360,
        hair_color,
        -1,
        cv2.LINE_AA,
    )
    return _with_paint_grain(rng, canvas.astype(np.float32), 3.5)


def _poster(rng: np.random.Generator, canvas: Array) -> Array:
    """A poster: geometric block, large letters and small print."""
    height, width = canvas.shape[:2]
    canvas[:] = _sample_ink(rng) if rng.random() < 0.4 else canvas[0, 0]
    ink = PAPER_COLORS[0] if canvas[0, 0].sum() < 380 else INK_COLORS[0]
    top = round(height * rng.uniform(0.3, 0.6))
    block = canvas[round(0.08 * height) : top, round(0.08 * width) : -round(0.08 * width)]
    _geometric(rng, block)
    words = ("FORM", "JAZZ", "SOMMER", "EXPO", "1968", "HELLO", "LIGHT", "BLUE", "NOVA", "ATELIER")
    y = top
    for _ in range(int(rng.integers(1, 3))):
        word = words[int(rng.integers(len(words)))]
        scale = 0.84 * width / cv2.getTextSize(word, cv2.FONT_HERSHEY_DUPLEX, 1.0, 2)[0][0]
        y += round(26 * scale) + 14
        cv2.putText(
            canvas,
            word,
            (round(0.08 * width), y),
            cv2.FONT_HERSHEY_DUPLEX,
            scale,
            ink,
            max(2, round(3 * scale)),
            cv2.LINE_AA,
        )
    for row in range(y + 24, height - 40, 14):
        cv2.line(canvas, (round(0.08 * width), row), (round(width * rng.uniform(0.3, 0.7)), row), ink, 3, cv2.LINE_AA)
    return canvas


def _architecture(rng: np.random.Generator, canvas: Array) -> Array:
    """A black-and-white architectural photo."""
    height, width = canvas.shape[:2]
    canvas[:] = int(rng.integers(90, 200))
    for _ in range(int(rng.integers(4, 8))):
        corner = rng.uniform(-0.1, 1.1, 2) * [width, height]
        angle = float(rng.choice([0, 0.5, 1.2, 2.2])) + rng.normal(0, 0.05)
        along, down = np.array([np.cos(angle), np.sin(angle)]), np.array([0.0, 1.0])
        a, b = along * width * rng.uniform(0.4, 1.4), down * height * rng.uniform(0.3, 1.2)
        grey = int(rng.integers(18, 240))
        fill_polygon(canvas, np.stack([corner, corner + a, corner + a + b, corner + b]), (grey, grey, grey))
    v, u = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    layer = canvas.astype(np.float32) * (1.05 - 0.22 * (u**2 + v**2))[..., None]
    grain = cv2.resize(gaussian_noise(rng, 0.6), (width, height))[..., None] * 7
    return _to_uint8(layer + grain)


def _brush_strokes(rng: np.random.Generator, canvas: Array) -> Array:
    """Broad brush strokes with bristle marks."""
    height, width = canvas.shape[:2]
    for _ in range(int(rng.integers(3, 7))):
        knots = rng.uniform(0.12, 0.88, (4, 2)) * [width, height]
        line = _catmull_rom(knots)
        ink = np.asarray(_sample_ink(rng))
        brush_px = int(rng.integers(14, 46))
        normal = np.gradient(line, axis=0)[:, ::-1] * [-1, 1]
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
        for bristle in np.linspace(-1, 1, brush_px // 2 + 3):
            tint = np.clip(ink + rng.normal(0, 10), 0, 255)
            end = int(len(line) * rng.uniform(0.85, 1))
            _stroke(canvas, (line + normal * brush_px * bristle)[:end], (int(tint[0]), int(tint[1]), int(tint[2])), 5)
    return canvas


TRAIN_ARTWORK: dict[str, ArtworkFn] = {
    "colour fields": _color_fields,
    "geometric": _geometric,
    "line drawing": _line_drawing,
    "landscape": _landscape,
    "botanical": _botanical,
    "poster": _poster,
}
HELD_OUT_ARTWORK: dict[str, ArtworkFn] = {
    "brush strokes": _brush_strokes,
    "sea": _sea,
    "portrait": _portrait,
    "architecture": _architecture,
}


def leaf_outline(angle: float, length: float, aspect: float) -> Array:
    """A pointed leaf from (0, 0) at an angle (radians): (24, 2). aspect: width over length."""
    t = np.linspace(0, 1, 12)
    side = aspect / 2 * np.sin(np.pi * t**0.8)
    points = np.concatenate([np.stack([t, side], -1), np.stack([t, -side], -1)[::-1]]) * length
    cos, sin = np.cos(angle), np.sin(angle)
    return points @ np.array([[cos, sin], [-sin, cos]])


def fill_polygon(canvas: Array, outline: Array, color: Rgb) -> None:
    """Fill a polygon (n, 2), in pixels, in an 8-bit image in place."""
    cv2.fillPoly(canvas, [np.round(outline * 16).astype(np.int32)], color, cv2.LINE_AA, 4)


def _catmull_rom(knots: Array) -> Array:
    """Catmull-Rom spline through points: (n, 2) -> (160, 2)."""
    ends = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    position = np.linspace(0, len(knots) - 1.0001, 160)
    i, t = position.astype(int), (position % 1)[:, None]
    p0, p1, p2, p3 = (ends[i + k] for k in range(4))
    return 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)


def _stroke(canvas: Array, line: Array, color: Rgb, stroke_px: int) -> None:
    cv2.polylines(canvas, [np.round(line * 16).astype(np.int32)], False, color, stroke_px, cv2.LINE_AA, 4)


def _radial_stroke(canvas: Array, angle: float, start: float, end: float, color: Rgb, stroke_px: int) -> None:
    direction = np.array([np.sin(angle), -np.cos(angle)])
    _stroke(canvas, TEXTURE_PX / 2 + np.stack([direction * start, direction * end]), color, stroke_px)


def _with_paint_grain(rng: np.random.Generator, layer: Array, strength: float) -> Array:
    """Add low-contrast noise, as of paint on canvas; returns uint8."""
    height, width = layer.shape[:2]
    grain = cv2.resize(gaussian_noise(rng, 9, 1.2) + 0.7 * fractal_noise(rng, 1.2, 100), (width, height))
    return _to_uint8(layer + strength * grain[..., None])


def _to_uint8(layer: Array) -> Array:
    return np.clip(np.round(layer), 0, 255).astype(np.uint8)


def _sample_ink(rng: np.random.Generator) -> Rgb:
    return INK_COLORS[int(rng.integers(len(INK_COLORS)))]


def _sample_cover_color(rng: np.random.Generator) -> Rgb:
    """Sample a book cover colour: usually print or paper colours, sometimes saturated."""
    chance = rng.random()
    if chance < 0.35:
        return PAPER_COLORS[int(rng.integers(len(PAPER_COLORS)))]
    if chance < 0.88:
        return _sample_ink(rng)
    r, g, b = rng.integers(20, 240, 3)
    return int(r), int(g), int(b)


def _to_texture(canvas: Array) -> Texture:
    """Convert an 8-bit sRGB image (top row first) to a texture (bottom row first) with print black and white levels."""
    square = cv2.resize(canvas, (TEXTURE_PX, TEXTURE_PX), interpolation=cv2.INTER_AREA)[::-1]
    return Texture(np.ascontiguousarray(0.02 + 0.88 * SRGB_TO_LINEAR[square], np.float32))
