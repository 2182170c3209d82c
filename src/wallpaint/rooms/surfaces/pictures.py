"""What hangs in frames, stands on shelves and shows on screens, and the view out of the window.

Pictures fill uv 0..1 and do not repeat; they are drawn in their own shape and squeezed into the square tile, so give
`aspect`, the width over the height of what they go on. Sources of shapes: nothing but random numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np

from wallpaint.rooms.materials import TILE, Texture
from wallpaint.rooms.surfaces.noise import SRGB_TO_LINEAR, fractal, smooth
from wallpaint.rooms.surfaces.skies import SKIES as SKIES
from wallpaint.rooms.surfaces.skies import sky as sky
from wallpaint.typing import Array

Rgb = tuple[int, int, int]
Painter = Callable[[np.random.Generator, Array], Array]

_HEIGHT = 640

PAPERS: tuple[Rgb, ...] = ((240, 236, 226), (232, 226, 212), (247, 245, 240), (222, 214, 200))
INKS: tuple[Rgb, ...] = (
    (38, 36, 36), (46, 62, 88), (150, 74, 48), (196, 148, 66), (70, 88, 70), (120, 134, 148),
    (186, 130, 112), (214, 190, 160), (98, 44, 46), (60, 104, 108), (168, 160, 148), (224, 200, 184),
)  # fmt: skip
"""Print colours, 8-bit sRGB: the muted ones that posters are printed in."""


def art(rng: np.random.Generator, split: str, aspect: float = 0.75) -> Texture:
    """A picture for a frame: one of EVERYDAY, or of HELD_OUT for test rooms. aspect: width over height."""
    painters = HELD_OUT if split == "test" else EVERYDAY
    name = list(painters)[int(rng.integers(len(painters)))]
    return picture(rng, painters[name], aspect)


def picture(rng: np.random.Generator, painter: Painter, aspect: float = 0.75) -> Texture:
    """One painter's picture on its ground of paper."""
    shape = (_HEIGHT, max(64, round(_HEIGHT * aspect)), 3)
    canvas = np.empty(shape, np.uint8)
    canvas[:] = PAPERS[int(rng.integers(len(PAPERS)))]
    return _tile(painter(rng, canvas))


def screen_image(rng: np.random.Generator) -> Texture:
    """What a television or a laptop shows, linear sRGB 0..1: a landscape photo, perhaps with a bar of controls."""
    canvas = np.zeros((360, 640, 3), np.uint8)
    canvas = (_landscape, _sea)[int(rng.integers(2))](rng, canvas)
    if rng.random() < 0.5:
        canvas[-46:] = canvas[-46:] // 4
        for i in range(int(rng.integers(4, 9))):
            cv2.circle(canvas, (60 + 62 * i, 337), 12, _ink(rng), -1, cv2.LINE_AA)
    return _tile(canvas)


def clock_face(rng: np.random.Generator) -> Texture:
    """A round clock face that fills the tile, hands at a random time; the corners have the face's colour."""
    light = rng.random() < 0.7
    paper, ink = ((245, 243, 238), (30, 30, 32)) if light else ((32, 33, 36), (230, 226, 218))
    canvas = np.empty((TILE, TILE, 3), np.uint8)
    canvas[:] = paper
    for hour in range(12):
        angle = hour * np.pi / 6
        long = 40 if hour % 3 == 0 else 22
        _spoke(canvas, angle, 226 - long, 226, ink, 9 if hour % 3 == 0 else 5)
    minutes = float(rng.uniform(0, 720))
    _spoke(canvas, minutes / 720 * 2 * np.pi, -20, 120, ink, 12)
    _spoke(canvas, minutes / 60 * 2 * np.pi, -26, 190, ink, 8)
    cv2.circle(canvas, (TILE // 2, TILE // 2), 12, ink, -1, cv2.LINE_AA)
    return _tile(canvas)


def book_row(rng: np.random.Generator, length_m: float = 0.8) -> Texture:
    """Spines of books side by side over u 0..1, with titles' bars and bands; length_m: what u = 0..1 stands for."""
    canvas = np.zeros((512, 1024, 3), np.uint8)
    at = 0
    while at < 1024:
        wide = max(8, round(float(rng.lognormal(np.log(0.025), 0.4)) / length_m * 1024))
        cover, ink = _cover(rng), PAPERS[int(rng.integers(4))]
        if sum(cover) > 420:
            ink = INKS[int(rng.integers(3))]
        round_off = 0.72 + 0.28 * np.sin(np.pi * (np.arange(wide) + 0.5) / wide)
        spine = np.broadcast_to(np.asarray(cover) * round_off[:, None], (512, wide, 3)).astype(np.uint8).copy()
        y = int(rng.integers(30, 120))
        for _ in range(int(rng.integers(1, 4))):
            tall = int(rng.integers(40, 170))
            _lettering(rng, spine, y, tall, ink)
            y += tall + int(rng.integers(20, 70))
        if rng.random() < 0.4:
            for edge in (16, 490):
                spine[edge : edge + 5, 1:-1] = ink
        spine[:, :1] //= 3
        canvas[:, at : at + wide] = spine[:, : 1024 - at]
        at += wide
    return _tile(canvas)


def _lettering(rng: np.random.Generator, spine: Array, y: int, tall: int, ink: Rgb) -> None:
    """A line of dashes down a spine, as letters look from across the room."""
    wide = spine.shape[1]
    x0, x1 = round(wide * 0.36), max(round(wide * 0.36) + 2, round(wide * rng.uniform(0.55, 0.7)))
    end = min(y + tall, 500)
    while y < end:
        step = int(rng.integers(4, 11))
        spine[y : y + step, x0:x1] = ink
        y += step + int(rng.integers(2, 6))


def _color_fields(rng: np.random.Generator, canvas: Array) -> Array:
    """Soft-edged rectangles above each other on a ground."""
    height, width = canvas.shape[:2]
    canvas[:] = _ink(rng)
    margin = round(0.08 * width)
    edges = np.sort(rng.uniform(0.2, 0.8, int(rng.integers(1, 3))))
    bounds = [0.04, *edges, 0.96]
    layer = canvas.astype(np.float32)
    for low, high in pairwise(bounds):
        mask = np.zeros((height, width), np.uint8)
        mask[int(low * height) + 10 : int(high * height) - 10, margin:-margin] = 255
        share = cv2.GaussianBlur(mask, (0, 0), 7).astype(np.float32)[..., None] / 255 * 0.92
        layer += (np.array(_ink(rng), np.float32) - layer) * share
    return _brushed(rng, layer, 4.0)


def _geometric(rng: np.random.Generator, canvas: Array) -> Array:
    """Arcs, discs and blocks in a grid."""
    height, width = canvas.shape[:2]
    columns = int(rng.integers(2, 5))
    cell = width / columns
    rows = max(1, round(height / cell))
    inks = [_ink(rng) for _ in range(4)]
    for i in range(columns):
        for j in range(rows):
            x0, y0 = round(i * cell), round(j * height / rows)
            x1, y1 = round((i + 1) * cell), round((j + 1) * height / rows)
            part = canvas[y0:y1, x0:x1]
            part[:] = inks[int(rng.integers(4))] if rng.random() < 0.6 else canvas[0, 0]
            side = part.shape[1]
            corner = (int(rng.integers(2)) * side, int(rng.integers(2)) * part.shape[0])
            center = corner if rng.random() < 0.6 else (side // 2, part.shape[0] // 2)
            radius = side if center == corner else side // 2
            for ring in range(int(rng.integers(1, 4))):
                cv2.circle(part, center, round(radius * (1 - 0.33 * ring)), inks[int(rng.integers(4))], -1, cv2.LINE_AA)
    return canvas


def _line_drawing(rng: np.random.Generator, canvas: Array) -> Array:
    """One line without lifting the pen, perhaps over a patch of colour."""
    height, width = canvas.shape[:2]
    if rng.random() < 0.6:
        center = (round(width * rng.uniform(0.35, 0.65)), round(height * rng.uniform(0.35, 0.65)))
        axes = (round(width * rng.uniform(0.15, 0.3)), round(width * rng.uniform(0.15, 0.3)))
        cv2.ellipse(canvas, center, axes, float(rng.uniform(0, 180)), 0, 360, _ink(rng), -1, cv2.LINE_AA)
    count = int(rng.integers(7, 13))
    turn = np.linspace(0, 2 * np.pi * rng.uniform(0.9, 1.8), count)
    radius = rng.uniform(0.12, 0.4, count)
    knots = np.stack([0.5 + radius * np.cos(turn), 0.5 + radius * np.sin(turn)], -1) * [width, height]
    _stroke(canvas, _curve(knots), (36, 34, 34), int(rng.integers(3, 6)))
    return canvas


def _landscape(rng: np.random.Generator, canvas: Array) -> Array:
    """Layers of hills that fade into the distance."""
    height, width = canvas.shape[:2]
    top, low = np.array(_ink(rng), np.float32) * 0.4 + 140, np.array(PAPERS[int(rng.integers(4))], np.float32)
    ramp = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    layer = np.broadcast_to(top + (low - top) * ramp, canvas.shape).copy()
    near = np.array(INKS[int(rng.choice([1, 4, 5, 9]))], np.float32)
    rows = np.arange(height)[:, None]
    count = int(rng.integers(3, 6))
    for number in range(count):
        share = (number + 1) / count
        line = np.resize(fractal(rng, 1.5, 300)[int(rng.integers(TILE))], width)
        line = cv2.GaussianBlur(line[None], (0, 0), 14 - 11 * share)[0]
        ridge = height * (0.35 + 0.5 * share) + line * height * 0.07
        inside = np.clip(rows - ridge[None], 0, 1).astype(np.float32)[..., None]
        layer += (low * (1 - share) * 0.8 + near * (0.2 + 0.8 * share) - layer) * inside
    return _brushed(rng, layer, 2.5)


def _sea(rng: np.random.Generator, canvas: Array) -> Array:
    """A photo of the sea under a pale sky."""
    height, width = canvas.shape[:2]
    level = float(rng.uniform(0.4, 0.65))
    v = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    clouds = cv2.resize(fractal(rng, 1.6, 250, 2.0), (width, height))
    waves = cv2.resize(smooth(rng, 14, 1.4), (width, height)) * (v > level)
    above = (
        np.array([150, 178, 205], np.float32)
        + (np.array([236, 226, 214], np.float32) - np.array([150, 178, 205], np.float32)) * (v / level)[..., None]
    )
    below = (
        np.array([120, 148, 160], np.float32)
        - np.array([80, 80, 72], np.float32) * ((v - level) / (1 - level))[..., None]
    )
    layer = np.where((v < level)[..., None], above + 9 * clouds[..., None] * (v < level)[..., None], below)
    return _bytes(layer + 11 * waves[..., None])


def _botanical(rng: np.random.Generator, canvas: Array) -> Array:
    """A stem with pairs of leaves."""
    height, width = canvas.shape[:2]
    ink = INKS[int(rng.choice([0, 1, 4, 4, 9]))]
    lean = float(rng.uniform(-0.1, 0.1))
    stem = np.stack([np.linspace(0.5 - lean, 0.5 + lean, 5) * width, np.linspace(0.95, 0.1, 5) * height], -1)
    stem[1:4, 0] += rng.normal(0, 0.03 * width, 3)
    line = _curve(stem)
    _stroke(canvas, line, ink, 4)
    count = int(rng.integers(6, 14))
    slim, opening = float(rng.uniform(0.16, 0.34)), float(rng.uniform(0.6, 1.1))
    for number, place in enumerate(np.linspace(0.18, 0.97, count)):
        base = line[int(place * (len(line) - 1))]
        long = width * rng.uniform(0.24, 0.3) * (1.15 - 0.65 * place)
        for side in (-1, 1):
            tint = np.clip(np.asarray(ink) + 14 * rng.standard_normal() + 3 * number, 0, 230)
            leaf = leaf_outline(-np.pi / 2 + side * opening, long, slim) + base
            fill(canvas, leaf, (int(tint[0]), int(tint[1]), int(tint[2])))
    return canvas


def _portrait(rng: np.random.Generator, canvas: Array) -> Array:
    """Head and shoulders in flat colours."""
    height, width = canvas.shape[:2]
    canvas[:] = _ink(rng)
    cx, cy, r = width / 2 + rng.normal(0, 0.03 * width), 0.38 * height, 0.17 * min(width, height * 0.8)
    skin = ((222, 184, 156), (172, 122, 92), (108, 72, 54), (236, 206, 184))[int(rng.integers(4))]
    hair, coat = _ink(rng), _ink(rng)
    cv2.ellipse(
        canvas, (round(cx), round(cy - 0.1 * r)), (round(1.25 * r), round(1.5 * r)), 0, 0, 360, hair, -1, cv2.LINE_AA
    )
    shoulders = np.array([[-3.2, 6], [-2.4, 2.6], [-0.5, 1.7], [0.5, 1.7], [2.4, 2.6], [3.2, 6]]) * r + [cx, cy]
    fill(canvas, shoulders, coat)
    fill(canvas, np.array([[-0.45, 0.6], [0.45, 0.6], [0.5, 1.9], [0, 2.3], [-0.5, 1.9]]) * r + [cx, cy], skin)
    cv2.ellipse(canvas, (round(cx), round(cy)), (round(0.92 * r), round(1.2 * r)), 0, 0, 360, skin, -1, cv2.LINE_AA)
    cv2.ellipse(
        canvas,
        (round(cx), round(cy - 0.75 * r)),
        (round(1.05 * r), round(0.62 * r)),
        0,
        180,
        360,
        hair,
        -1,
        cv2.LINE_AA,
    )
    return _brushed(rng, canvas.astype(np.float32), 3.5)


def _poster(rng: np.random.Generator, canvas: Array) -> Array:
    """Big letters, blocks and small print."""
    height, width = canvas.shape[:2]
    canvas[:] = _ink(rng) if rng.random() < 0.4 else canvas[0, 0]
    ink = PAPERS[0] if canvas[0, 0].sum() < 380 else INKS[0]
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
    """A black-and-white photo of sunlit walls."""
    height, width = canvas.shape[:2]
    canvas[:] = int(rng.integers(90, 200))
    for _ in range(int(rng.integers(4, 8))):
        corner = rng.uniform(-0.1, 1.1, 2) * [width, height]
        angle = float(rng.choice([0, 0.5, 1.2, 2.2])) + rng.normal(0, 0.05)
        along, down = np.array([np.cos(angle), np.sin(angle)]), np.array([0.0, 1.0])
        a, b = along * width * rng.uniform(0.4, 1.4), down * height * rng.uniform(0.3, 1.2)
        grey = int(rng.integers(18, 240))
        fill(canvas, np.stack([corner, corner + a, corner + a + b, corner + b]), (grey, grey, grey))
    v, u = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    layer = canvas.astype(np.float32) * (1.05 - 0.22 * (u**2 + v**2))[..., None]
    grain = cv2.resize(smooth(rng, 0.6), (width, height))[..., None] * 7
    return _bytes(layer + grain)


def _brush_strokes(rng: np.random.Generator, canvas: Array) -> Array:
    """A few broad gestures with bristle marks."""
    height, width = canvas.shape[:2]
    for _ in range(int(rng.integers(3, 7))):
        knots = rng.uniform(0.12, 0.88, (4, 2)) * [width, height]
        line = _curve(knots)
        ink = np.asarray(_ink(rng))
        broad = int(rng.integers(14, 46))
        normal = np.gradient(line, axis=0)[:, ::-1] * [-1, 1]
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
        for bristle in np.linspace(-1, 1, broad // 2 + 3):
            tint = np.clip(ink + rng.normal(0, 10), 0, 255)
            end = int(len(line) * rng.uniform(0.85, 1))
            _stroke(canvas, (line + normal * broad * bristle)[:end], (int(tint[0]), int(tint[1]), int(tint[2])), 5)
    return canvas


EVERYDAY: dict[str, Painter] = {
    "colour fields": _color_fields,
    "geometric": _geometric,
    "line drawing": _line_drawing,
    "landscape": _landscape,
    "botanical": _botanical,
    "poster": _poster,
}
HELD_OUT: dict[str, Painter] = {
    "brush strokes": _brush_strokes,
    "sea": _sea,
    "portrait": _portrait,
    "architecture": _architecture,
}


def leaf_outline(angle: float, length: float, slim: float) -> Array:
    """A pointed leaf from (0, 0) towards an angle (radians): (24, 2). slim: its width over its length."""
    t = np.linspace(0, 1, 12)
    side = slim / 2 * np.sin(np.pi * t**0.8)
    points = np.concatenate([np.stack([t, side], -1), np.stack([t, -side], -1)[::-1]]) * length
    cos, sin = np.cos(angle), np.sin(angle)
    return points @ np.array([[cos, sin], [-sin, cos]])


def fill(canvas: Array, outline: Array, color: Rgb) -> None:
    """Draw a filled outline, (n, 2) pixels, on an 8-bit picture."""
    cv2.fillPoly(canvas, [np.round(outline * 16).astype(np.int32)], color, cv2.LINE_AA, 4)


def _curve(knots: Array) -> Array:
    """A smooth line through points, (n, 2) -> (160, 2): Catmull-Rom."""
    ends = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    place = np.linspace(0, len(knots) - 1.0001, 160)
    i, t = place.astype(int), (place % 1)[:, None]
    p0, p1, p2, p3 = (ends[i + k] for k in range(4))
    return 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)


def _stroke(canvas: Array, line: Array, color: Rgb, wide: int) -> None:
    cv2.polylines(canvas, [np.round(line * 16).astype(np.int32)], False, color, wide, cv2.LINE_AA, 4)


def _spoke(canvas: Array, angle: float, start: float, end: float, color: Rgb, wide: int) -> None:
    way = np.array([np.sin(angle), -np.cos(angle)])
    _stroke(canvas, TILE / 2 + np.stack([way * start, way * end]), color, wide)


def _brushed(rng: np.random.Generator, layer: Array, strength: float) -> Array:
    """Paint on canvas: a little unevenness."""
    height, width = layer.shape[:2]
    grain = cv2.resize(smooth(rng, 9, 1.2) + 0.7 * fractal(rng, 1.2, 100), (width, height))
    return _bytes(layer + strength * grain[..., None])


def _bytes(layer: Array) -> Array:
    return np.clip(np.round(layer), 0, 255).astype(np.uint8)


def _ink(rng: np.random.Generator) -> Rgb:
    return INKS[int(rng.integers(len(INKS)))]


def _cover(rng: np.random.Generator) -> Rgb:
    """A book's cloth: print colours, paper colours, and now and then a loud one."""
    chance = rng.random()
    if chance < 0.35:
        return PAPERS[int(rng.integers(len(PAPERS)))]
    if chance < 0.88:
        return _ink(rng)
    r, g, b = rng.integers(20, 240, 3)
    return int(r), int(g), int(b)


def _tile(canvas: Array) -> Texture:
    """An 8-bit sRGB picture, top row first, as a texture: row 0 at the bottom, blacks and whites of print."""
    square = cv2.resize(canvas, (TILE, TILE), interpolation=cv2.INTER_AREA)[::-1]
    return Texture(np.ascontiguousarray(0.02 + 0.88 * SRGB_TO_LINEAR[square], np.float32))
