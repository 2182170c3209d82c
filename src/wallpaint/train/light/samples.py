"""One sample for the light model: a photo of a room as people take it, and how it would look in other paints.

small room -> crop -> old walls (plain, two paints, pattern, dressing) and new paints -> one camera for all -> photo
with noise and JPEG, true repaints without; and a mask as people draw it
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.light import model as light_model
from wallpaint.rooms.sets import camera
from wallpaint.rooms.sets.camera import PhoneCamera
from wallpaint.rooms.surfaces import paints
from wallpaint.train.light.small_rooms import SmallRoom
from wallpaint.typing import Array

ASPECTS = (1.0, 1.0, 4 / 3, 3 / 4, 3 / 2, 2 / 3)  # width / height
WHOLE = 0.5  # share of photos that show all of the room that fits
LEAST_CROP = 0.6
LEAST_SEEN = 0.04  # of the crop that must be wall
DRESSED, TWO_PAINTS, PATTERNED, OWN = 0.35, 0.12, 0.08, 0.2  # how often the old wall is so; else it is in any one paint
EXTREME = 0.1  # share of new paints from anywhere between black and white
HALF_WAY = 0.85  # share of photos that are metered as pairs are; others are metered on the old room alone
TRUE_MASK = 0.4
TINT = (0.12, 0.02)  # deviation of the light's own colour, log: amber to blue, green to magenta


@dataclass(frozen=True, eq=False)
class Sample:
    """planes, numbers, median: see `light_model.inputs`. photo: (h, w, 3) linear sRGB. albedo: (M, 3) linear sRGB.
    truth: (M, h, w, 3) sRGB-encoded, 0..1. wall, rest: (h, w) float32, where it is judged. kind: of the old wall. old:
    (3,) float32, albedo of its paint, linear sRGB, NaN where it has several. surfaces: (h, w, 3) float32, linear sRGB,
    albedo of all that is seen, 0 where it is not known."""

    planes: Array
    numbers: Array
    median: Array
    photo: Array
    albedo: Array
    truth: Array
    wall: Array
    rest: Array
    kind: str
    old: Array
    surfaces: Array

    def told(self) -> Sample:
        """The same, the old paint being told, where there is one."""
        if np.isnan(self.old).any():
            return self
        hint = light_model.hint(self.median, self.old)
        return replace(self, numbers=np.concatenate([self.numbers[: -len(hint)], hint]))

    @property
    def is_told(self) -> bool:
        return bool(self.numbers[-light_model.HINTS])


def size_of(rng: np.random.Generator, side: int) -> tuple[int, int]:
    """(height, width) of a batch's photos."""
    aspect = float(rng.choice(ASPECTS))
    return light_model.size_for(round(1000 / max(1, aspect)), round(1000 * min(1, aspect)), side)


def make(room: SmallRoom, rng: np.random.Generator, size: tuple[int, int], paints_per_photo: int, split: str) -> Sample:
    """Draw a sample. size: (height, width). paints_per_photo: M. split: whose paints are used."""
    view = _tinted(_crop(room, rng, size), rng)
    buckets, tail, alpha = view.buckets, view.tail, view.alpha
    kind, old, albedo, painted = _old(room, rng, view, split)
    new = np.stack([_paint(rng, split) for _ in range(paints_per_photo)])
    repaints = [_radiance(buckets, tail, rho) for rho in new]
    device = _camera(rng)
    metered = camera.geometric_mean(old, repaints[0]) if rng.random() < HALF_WAY else old
    exposure = camera.meter(metered, device)
    noisy = camera.to_uint8(camera.develop(old, device, exposure, rng))
    codes = camera.decode_image(camera.encode_jpeg(noisy, device))
    photo = color.srgb_to_linear(codes.astype(np.float32) / 255).astype(np.float32)
    truth = np.stack([camera.develop(radiance, device, exposure) for radiance in repaints])
    mask = _mask(alpha, rng)
    planes, numbers, median = light_model.inputs(photo, mask)
    return Sample(
        planes,
        numbers,
        median.astype(np.float32),
        photo,
        new.astype(np.float32),
        truth.astype(np.float32),
        ((alpha > 0.9) & (mask > 0.3)).astype(np.float32),
        ((alpha < 0.02) & (mask < 0.5)).astype(np.float32),
        kind,
        albedo.astype(np.float32),
        _surfaces(view, painted),
    )


@dataclass(frozen=True, eq=False)
class _View:
    """A part of a room; the fields are those of a `SmallRoom`."""

    buckets: Array
    tail: Array
    dressings: list[Array]
    alpha: Array
    albedo: Array
    wall_number: Array


def _crop(room: SmallRoom, rng: np.random.Generator, size: tuple[int, int]) -> _View:
    height, width = room.alpha.shape
    aspect = size[1] / size[0] * float(np.exp(rng.normal(0, 0.05)))
    for _ in range(8):
        scale = 1.0 if rng.random() < WHOLE else float(rng.uniform(LEAST_CROP, 1))
        h = scale * min(height, width / aspect)
        w = min(h * aspect, width)
        top, left = (round(float(rng.uniform(0, room_side - side))) for room_side, side in ((height, h), (width, w)))
        rows, cols = slice(top, top + max(8, round(h))), slice(left, left + max(8, round(w)))
        if room.alpha[rows, cols].mean() > LEAST_SEEN:
            break
    else:
        rows, cols = slice(None), slice(None)
    mirror = -1 if rng.random() < 0.5 else 1

    def view(picture: Array, how: int = cv2.INTER_AREA) -> Array:
        cut = np.ascontiguousarray(picture[rows, cols])
        return np.ascontiguousarray(cv2.resize(cut, (size[1], size[0]), interpolation=how)[:, ::mirror])

    buckets = np.stack([view(layer) for layer in room.buckets])
    alpha, number = view(room.alpha), view(room.wall_number, cv2.INTER_NEAREST)
    dressings = [view(picture) for picture in room.dressings]
    return _View(buckets, view(room.tail), dressings, alpha, view(room.albedo), number)


def _tinted(seen: _View, rng: np.random.Generator) -> _View:
    """The same room in light of another colour: all light is in proportion to what the lamps send."""
    amber, green = rng.normal(0, TINT)
    gain = np.exp(np.array([amber, green, -amber])).astype(np.float32)
    return replace(seen, buckets=seen.buckets * gain, dressings=[picture * gain for picture in seen.dressings])


def _old(room: SmallRoom, rng: np.random.Generator, seen: _View, split: str) -> tuple[str, Array, Array, Array]:
    """What the walls are like today: kind, radiance, albedo (3,), which is NaN where they have no single one, and their
    albedo from place to place, (h, w, 3), 0 where it is not known."""
    none = np.full(3, np.nan)
    buckets, tail, dressings, alpha, number = seen.buckets, seen.tail, seen.dressings, seen.alpha, seen.wall_number
    draw = float(rng.random())
    if len(dressings) and draw < DRESSED:
        return "dressed", dressings[int(rng.integers(len(dressings)))], none, np.zeros_like(seen.albedo)
    first = room.old_paint if rng.random() < OWN else _paint(rng, split)
    draw = float(rng.random())
    if draw >= TWO_PAINTS + PATTERNED:
        return "plain", _radiance(buckets, tail, first), np.asarray(first), np.broadcast_to(first, seen.albedo.shape)
    second = _paint(rng, split)
    part = _parts(rng, alpha.shape, number) if draw < TWO_PAINTS else _pattern(rng, alpha.shape)
    rho = first + part[..., None] * (second - first)
    share = float((part * alpha).sum() / max(float(alpha.sum()), 1e-6))
    mean = first + share * (second - first)
    kind = "two paints" if draw < TWO_PAINTS else "pattern"
    return kind, _painted_so(buckets, tail, rho, mean, alpha), none, rho


def _surfaces(seen: _View, painted: Array) -> Array:
    """(h, w, 3) float32: albedo of all that is seen. painted: (h, w, 3), of the walls."""
    alpha = seen.alpha[..., None]
    found = np.where(alpha > 0.98, painted, np.where(alpha < 0.02, seen.albedo, 0))
    return found.astype(np.float32)


def _radiance(buckets: Array, tail: Array, rho: Array) -> Array:
    """See `rooms.tracing.buckets.radiance`."""
    rho = np.asarray(rho, np.float32)
    total = np.asarray(buckets[-1] / (1 - rho * tail), np.float32)
    for light in buckets[-2::-1]:
        total = total * rho + light
    return total


def _painted_so(buckets: Array, tail: Array, rho: Array, mean: Array, alpha: Array) -> Array:
    """Walls whose albedo rho (h, w, 3) varies: the last bounce is on the place that is seen, the ones before it on
    walls that have the mean on average."""
    even = _radiance(buckets, tail, mean)
    coloured = buckets[0] + (even - buckets[0]) * (rho / np.maximum(mean, 1e-3)).astype(np.float32)
    return even + alpha[..., None] * (coloured - even)


def _parts(rng: np.random.Generator, shape: tuple[int, ...], number: Array) -> Array:
    """(h, w) 0 or 1: one of the walls, or all above or beside a line, is in the second paint."""
    walls = np.unique(number[number >= 0])
    if len(walls) > 1 and rng.random() < 0.6:
        return (number == rng.choice(walls)).astype(np.float32)
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = float(rng.choice([0, np.pi / 2])) + float(rng.normal(0, 0.12))
    away = np.cos(angle) * (y / height - rng.uniform(0.3, 0.7)) + np.sin(angle) * (x / width - rng.uniform(0.3, 0.7))
    return (away > 0).astype(np.float32)


def _pattern(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """(h, w) 0..1: stripes, checks or blobs, some pixels wide."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    period = float(rng.uniform(3, 14))
    turn = float(rng.normal(0, 0.2))
    u, v = (np.cos(turn) * x + np.sin(turn) * y) / period, (np.cos(turn) * y - np.sin(turn) * x) / period
    kind = int(rng.integers(3))
    if kind == 0:
        wave = np.sin(2 * np.pi * u)
    elif kind == 1:
        wave = np.sin(2 * np.pi * u) * np.sin(2 * np.pi * v)
    else:
        wave = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), period / 4)
        wave /= max(float(wave.std()), 1e-6)
    share = 1 / (1 + np.exp(-float(rng.uniform(2, 8)) * wave))
    return (float(rng.uniform(0.3, 1)) * share).astype(np.float32)


def _paint(rng: np.random.Generator, split: str) -> Array:
    if rng.random() < EXTREME:
        return rng.uniform(paints.MIN_ALBEDO, paints.MAX_ALBEDO, 3)
    return paints.sample(rng, split)


def _camera(rng: np.random.Generator) -> PhoneCamera:
    """A phone's camera, sometimes a poor one: noise in the dark, a wrong white balance, strong compression."""
    device = camera.sample(rng)
    if rng.random() < 0.15:
        device = replace(device, electrons=float(np.exp(rng.uniform(np.log(300), np.log(2000)))))
    if rng.random() < 0.2:
        r, g, b = rng.normal(0, [0.12, 0.03, 0.16])
        device = replace(device, tint_error=(float(r), float(g), float(b)))
    if rng.random() < 0.15:
        device = replace(device, jpeg_quality=int(rng.integers(45, 82)))
    if rng.random() < 0.15:
        device = replace(device, exposure_error=float(rng.uniform(-1.5, 1.2)))
    return device


def _mask(alpha: Array, rng: np.random.Generator) -> Array:
    """A mask as people draw it: soft, a little too large or small, shifted, with a hole; often it is right."""
    if rng.random() < TRUE_MASK:
        return (alpha > 0.5).astype(np.float32) if rng.random() < 0.5 else alpha
    mask = alpha
    grown = int(rng.integers(-1, 2))
    if grown:
        mask = (cv2.dilate if grown > 0 else cv2.erode)(mask, np.ones((3, 3), np.uint8))
    if rng.random() < 0.4:
        mask = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.4, 1.2)))
    if rng.random() < 0.3:
        mask = np.roll(mask, (int(rng.integers(-1, 2)), int(rng.integers(-1, 2))), (0, 1))
    if rng.random() < 0.2:
        height, width = mask.shape
        mask = mask.copy()
        top, left = int(rng.integers(height)), int(rng.integers(width))
        mask[top : top + height // 4, left : left + width // 4] = 0
    return mask if float((mask > 0.5).mean()) > 0.01 else alpha
