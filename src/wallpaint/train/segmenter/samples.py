"""Pictures to learn walls from: a rendered room in any paint, its surfaces in other colours, through any camera.

    draw   room + labels -> light in some paint or dressing -> surfaces recoloured and patterned -> patches of sun and
           shadow -> a camera
    cut    -> part of it, turned, mirrored -> hue, saturation, grey, tone, blur, noise -> things put in front of it

Rendered rooms look alike where real ones do not. What is a wall must not follow from any look, so every look is made
to vary far more than it does in reality (domain randomisation: Tobin et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from wallpaint.rooms.sets import camera, room_file
from wallpaint.rooms.sets import labels as labelling
from wallpaint.rooms.sets.camera import PhoneCamera
from wallpaint.rooms.surfaces import paints
from wallpaint.rooms.tracing import buckets
from wallpaint.typing import Array

KEPT_PX = 192  # pixels on the longer side that rooms are kept at
FINE = 2  # surfaces are kept this much finer than the light, along each side
DRESSED = 0.4  # share of pictures that show a dressing, where the room has one
RECOLOURED = 0.5  # share of pictures in which surfaces change colour
EACH = 0.3  # share of surfaces that change, in those
PATTERNED = 0.3  # share of pictures in which a surface, a wall or another one, gets a pattern
PATCHED = 0.25  # share of pictures with patches of sun or shadow beside the room's own
COVERED = 0.3  # share of pictures with things in front of them
SMALLEST_CROP = 0.5  # of a side of the picture
WIDEST_ASPECT = 1.5
STEEPEST = 5.0  # degrees that a picture is turned by
BAD_CAMERA = 0.35  # share of cameras that are set worse than phones set themselves


@dataclass(frozen=True, eq=False)
class Cooked:
    """A room kept ready in memory. light: buckets, float16, and what to multiply them by; dressings alike.

    surface: (FINE * h, FINE * w) int16, which surface is there, -1 none. coverage: (h, w) uint8. ignored: (h, w)
    uint8, 0 or 1. wall: (surfaces,) int8.
    """

    light: Array
    scale: float
    dressings: tuple[tuple[Array, float], ...]
    tail: Array
    surface: Array
    coverage: Array
    ignored: Array
    wall: Array


@dataclass(frozen=True, eq=False)
class Picture:
    """photo: (h, w, 3) uint8 sRGB. wall: (h, w), share of wall, 0..255 of a whole photo, 0..1 of a part.
    ignored: (h, w) uint8, above 0 where nothing is to be learnt."""

    photo: Array
    wall: Array
    ignored: Array


def cook(room: Path, labels: Path) -> Cooked:
    """Read a room and its labels. Raises InputError."""
    record = room_file.read(room)
    seen = labelling.read(labels / labelling.name_of(record.seed))
    shrink = min(1.0, KEPT_PX / max(record.size))
    size = (round(record.size[1] * shrink), round(record.size[0] * shrink))

    def small(values: Array) -> Array:
        return cv2.resize(values, size, interpolation=cv2.INTER_AREA) if shrink < 1 else values

    layers = np.stack([small(layer) for layer in record.buckets])
    light, scale = _half(layers)
    fine = (FINE * size[0], FINE * size[1])
    return Cooked(
        light=light,
        scale=scale,
        dressings=tuple(_half(small(view.radiance)) for view in record.wall_variants),
        tail=buckets.tail_ratio(layers).astype(np.float16),
        surface=cv2.resize(seen.surface, fine, interpolation=cv2.INTER_NEAREST),
        coverage=np.round(255 * small(seen.coverage)).astype(np.uint8),
        ignored=(small(seen.ignored.astype(np.float32)) > 0).astype(np.uint8),
        wall=seen.wall,
    )


def _half(light: Array) -> tuple[Array, float]:
    scale = max(float(light.max()), 1e-6) / 30000
    return (light / scale).astype(np.float16), scale


def draw(room: Cooked, rng: np.random.Generator) -> Picture:
    """A photo of a room, all of it, at the size it is kept at; a function of the generator's state."""
    light = _light(room, rng)
    if rng.random() < RECOLOURED:
        light = light * _ratio(room, rng)
    if rng.random() < PATCHED:
        light = light * _patches(room.coverage.shape, rng)
    return Picture(_shot(light, rng), room.coverage, room.ignored)


def cut(picture: Picture, px: int, rng: np.random.Generator) -> Picture:
    """A part of a photo, px pixels a side: turned, mirrored, altered, with things put in front of it."""
    turn = _placement(picture.photo.shape[:2], px, rng)
    photo = _altered(_moved(picture.photo, turn, px), rng)
    wall = _moved(picture.wall, turn, px).astype(np.float32) / 255
    ignored = _moved(picture.ignored, turn, px)
    photo, wall = _covered(photo, wall, rng)
    return Picture(photo, wall, ignored)


# -- light and surfaces


def _light(room: Cooked, rng: np.random.Generator) -> Array:
    if room.dressings and rng.random() < DRESSED:
        half, scale = room.dressings[int(rng.integers(len(room.dressings)))]
        return half.astype(np.float32) * np.float32(scale)
    albedo = paints.sample(rng, "train") if rng.random() < 0.7 else rng.uniform(0.02, 0.92, 3)
    rho = np.asarray(albedo, np.float32)
    total = room.light[-1].astype(np.float32) / (1 - rho * room.tail.astype(np.float32))
    for bucket in room.light[-2::-1]:
        total *= rho
        total += bucket
    return np.maximum(total, 0) * np.float32(room.scale)


def _ratio(room: Cooked, rng: np.random.Generator) -> Array:
    """By what the light of each pixel changes: (h, w, 3) float32."""
    count = len(room.wall)
    table = np.ones((count + 1, 3), np.float32)
    changes = rng.random(count) < EACH
    tint = np.exp(rng.normal(0, 0.45, (count, 1)) + rng.normal(0, 0.4, (count, 3)))
    table[:count][changes] = np.clip(tint[changes], 0.05, 4)
    fine = table[room.surface]
    height, width = room.coverage.shape
    ratio = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    if rng.random() < PATTERNED:
        ratio = ratio * _pattern(room, rng)
    return ratio


def _pattern(room: Cooked, rng: np.random.Generator) -> Array:
    """Stripes, checks or blots on some surfaces, as seen by nobody's perspective."""
    height, width = room.coverage.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    period = np.exp(rng.uniform(np.log(4), np.log(40)))
    along = np.cos(angle) * x + np.sin(angle) * y
    across = -np.sin(angle) * x + np.cos(angle) * y
    kind = rng.integers(3)
    if kind == 0:
        wave = np.sin(2 * np.pi * along / period)
    elif kind == 1:
        wave = np.sin(2 * np.pi * along / period) * np.sin(2 * np.pi * across / period)
    else:
        wave = cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), period / 6)
        wave /= max(float(wave.std()), 1e-6)
    wave = np.tanh(wave * np.exp(rng.uniform(-1, 2)))
    walls_only = rng.random() < 0.6
    chosen = (room.wall >= 0) if walls_only else rng.random(len(room.wall)) < 0.3
    here = np.append(chosen, False)[room.surface[::FINE, ::FINE]]
    strength = rng.normal(0, 0.35) + rng.normal(0, 0.15, 3)
    pattern: Array = np.exp((wave * here)[..., None] * strength.astype(np.float32))
    return pattern


def _patches(size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Patches of sun as panes of a window throw them, or of shadow, over all surfaces alike: (h, w, 3) float32."""
    height, width = size
    across, up = np.exp(rng.uniform(np.log(0.03), np.log(0.3), 2)) * max(size)
    slant, lean = rng.normal(0, 0.5, 2)
    pane = np.array([[0, 0], [1, slant], [1 + lean, 1 + slant], [lean, 1]]) * [across, up]
    gap = rng.uniform(1.05, 1.4)
    start = rng.uniform(-0.2, 0.9, 2) * [width, height]
    here = np.zeros(size, np.uint8)
    for number in range(int(rng.integers(1, 5))):
        step = gap * (number % 2 * pane[1] + number // 2 * pane[3])
        corners = np.round(16 * (start + step + pane)).astype(np.int32)
        cv2.fillPoly(here, [corners], 255, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(here.astype(np.float32) / 255, (0, 0), float(np.exp(rng.uniform(np.log(0.3), np.log(3)))))
    if rng.random() < 0.7:
        gain = rng.uniform(1.3, 5) * np.array([1, rng.uniform(0.85, 1), rng.uniform(0.6, 1)])
    else:
        gain = np.full(3, rng.uniform(0.25, 0.8))
    patches: Array = (1 + soft[..., None] * (gain - 1)).astype(np.float32)
    return patches


# -- where the picture is cut


def _placement(size: tuple[int, int], px: int, rng: np.random.Generator) -> Array:
    """(2, 3) from a place in the new picture to one in the old: cut, stretched, turned, mirrored; never outside."""
    height, width = size
    share = SMALLEST_CROP + (1 - SMALLEST_CROP) * np.sqrt(rng.random())
    aspect = np.exp(rng.uniform(-1, 1) * np.log(WIDEST_ASPECT))
    half_w, half_h = share * min(1, np.sqrt(aspect)) * width / 2, share * min(1, 1 / np.sqrt(aspect)) * height / 2
    angle = np.radians(STEEPEST) * rng.uniform(-1, 1) * (rng.random() < 0.6)
    cos, sin = np.cos(angle), np.sin(angle)
    reach_w, reach_h = half_w * cos + half_h * abs(sin), half_h * cos + half_w * abs(sin)
    fits = min(1.0, (width / 2) / reach_w, (height / 2) / reach_h)
    half_w, half_h, reach_w, reach_h = (fits * value for value in (half_w, half_h, reach_w, reach_h))
    middle = np.array([rng.uniform(reach_w, width - reach_w), rng.uniform(reach_h, height - reach_h)])
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    turn = np.array([[cos, -sin], [sin, cos]]) @ np.diag([2 * half_w / px * mirror, 2 * half_h / px])
    return np.column_stack([turn, middle - 0.5 - turn @ np.full(2, (px - 1) / 2)])


def _moved(values: Array, turn: Array, px: int) -> Array:
    step = float(np.abs(np.linalg.det(turn[:, :2]))) ** 0.5
    if step > 1.2:  # finer than the new grid can show
        values = cv2.GaussianBlur(values, (0, 0), 0.4 * step)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(values, turn, (px, px), flags=flags, borderMode=cv2.BORDER_REFLECT)


# -- the camera, and what is done to pictures afterwards


def _shot(light: Array, rng: np.random.Generator) -> Array:
    device = any_camera(rng)
    return camera.decode_image(
        camera.encode_jpeg(camera.to_uint8(camera.develop(light, device, camera.meter(light, device), rng)), device)
    )


def any_camera(rng: np.random.Generator) -> PhoneCamera:
    """A camera, often badly set: far off in exposure and white balance, noisy, hard, compressed."""
    device = camera.sample(rng)
    if rng.random() >= BAD_CAMERA:
        return device
    tint = rng.normal(0, [0.14, 0.06, 0.18])
    return replace(
        device,
        exposure_error=float(np.clip(rng.normal(0, 0.9), -2, 1.6)),
        white_balance_strength=float(rng.uniform(0, 1)),
        tint_error=(float(tint[0]), float(tint[1]), float(tint[2])),
        contrast=float(rng.uniform(0, 0.8)),
        electrons=float(np.exp(rng.uniform(np.log(300), np.log(20000)))),
        grain_px=float(rng.uniform(0, 1.2)),
        sharpening=float(rng.uniform(0, 1.2)),
        glare=float(rng.uniform(0, 0.08)),
        jpeg_quality=int(rng.integers(35, 97)),
    )


def _altered(photo: Array, rng: np.random.Generator) -> Array:
    """Hue, saturation, grey, tone and blur, each in some of the pictures. (h, w, 3) uint8."""
    if rng.random() < 0.35:
        hsv = cv2.cvtColor(photo.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + rng.uniform(-180, 180) * (rng.random() < 0.4)) % 360
        hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(0.0, 1.8), 0, 1)
        photo = np.round(255 * cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)).astype(np.uint8)
    if rng.random() < 0.06:
        photo = np.repeat(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None], 3, -1)
    if rng.random() < 0.3:
        gamma = np.exp(rng.normal(0, 0.3))
        low, high = rng.uniform(0, 0.12), rng.uniform(0.85, 1.0)
        curve = low + (high - low) * (np.arange(256) / 255) ** gamma
        photo = np.round(255 * curve).astype(np.uint8)[photo]
    if rng.random() < 0.25:
        photo = cv2.GaussianBlur(photo, (0, 0), float(rng.uniform(0.3, 1.4)))
    elif rng.random() < 0.25:
        grain = rng.standard_normal(photo.shape, np.float32) * np.float32(rng.uniform(1, 12))
        photo = np.clip(photo + grain, 0, 255).astype(np.uint8)
    return photo


def _covered(photo: Array, wall: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Pieces of the picture and flat shapes put in front of it, which are no wall."""
    if rng.random() >= COVERED:
        return photo, wall
    px = photo.shape[0]
    photo, wall = photo.copy(), wall.copy()
    for _ in range(int(rng.integers(1, 4))):
        shape = _shape(px, rng)
        if rng.random() < 0.5:  # a piece of what is no wall elsewhere, where there is such
            shift = rng.integers(-px // 2, px // 2, 2)
            source, is_wall = np.roll(photo, shift, (0, 1)), np.roll(wall, shift, (0, 1))
            shape = shape * (is_wall < 0.02)
        else:
            shades = rng.integers(0, 256, 3) + rng.normal(0, rng.uniform(2, 40), photo.shape[:2])[..., None]
            source = np.clip(cv2.GaussianBlur(shades, (0, 0), float(rng.uniform(0.6, 6))), 0, 255)
        soft = cv2.GaussianBlur(shape.astype(np.float32), (0, 0), 0.6)[..., None]
        photo = np.round(photo * (1 - soft) + source * soft).astype(np.uint8)
        wall = wall * (1 - soft[..., 0])
    return photo, wall


def _shape(px: int, rng: np.random.Generator) -> Array:
    """A rectangle, an ellipse or a ragged polygon: (px, px) uint8, 0 or 1."""
    shape = np.zeros((px, px), np.uint8)
    middle = rng.integers(0, px, 2)
    reach = np.exp(rng.uniform(np.log(0.03), np.log(0.2), 2)) * px
    angle = float(rng.uniform(0, 360)) if rng.random() < 0.4 else 0.0
    kind = rng.integers(3)
    if kind == 0:
        corners = cv2.boxPoints(((float(middle[0]), float(middle[1])), (2 * reach[0], 2 * reach[1]), angle))
        cv2.fillPoly(shape, [corners.astype(np.int32)], 1)
    elif kind == 1:
        size = (max(1, int(reach[0])), max(1, int(reach[1])))
        cv2.ellipse(shape, (int(middle[0]), int(middle[1])), size, angle, 0, 360, 1, -1)
    else:
        turns = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 12))))
        far = rng.uniform(0.4, 1.3, len(turns))[:, None] * reach
        points = middle + far * np.stack([np.cos(turns), np.sin(turns)], -1)
        cv2.fillPoly(shape, [points.astype(np.int32)], 1)
    return shape
