"""Training crops of the wall segmenter: rendered rooms in random paints, colours and patterns, by random cameras.

    sample_photo   room + labels -> radiance with a paint or wall variant -> surfaces recoloured and patterned
                   -> patches of sun or shadow -> camera
    random_crop    -> crop, rotation, mirroring -> hue, saturation, grey, tone, blur, noise -> occluders

Rendered rooms vary less than real ones, so everything that does not define a wall is varied far beyond reality (domain
randomisation: Tobin et al. 2017).
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

MAX_ROOM_PX = 192  # longer side of rooms in memory
SURFACE_SCALE = 2  # resolution of the surface map relative to the radiance, per side
VARIANT_SHARE = 0.4  # share of photos that show a wall variant, if the room has one
RECOLOR_SHARE = 0.5  # share of photos in which surfaces change colour
RECOLORED_SURFACE_SHARE = 0.3  # share of surfaces that change, in those
PATTERN_SHARE = 0.3  # share of recoloured photos in which surfaces get a pattern
PATCH_SHARE = 0.25  # share of photos with additional patches of sun or shadow
OCCLUDER_SHARE = 0.3  # share of crops with occluders
MIN_CROP = 0.5  # share of each side
MAX_ASPECT_RATIO = 1.5
MAX_ROTATION_DEG = 5.0
BAD_CAMERA_SHARE = 0.35  # share of cameras with settings worse than those of phones
HDR_CAMERA_SHARE = 0.12  # share of cameras that tone-map locally
PAINT_SHARES = {"light": 0.35, "any": 0.45, "uniform": 0.2}  # white and pale paints, any paint, uniform in linear light


@dataclass(frozen=True, eq=False)
class RoomInMemory:
    """A room prepared for sampling.

    light: buckets, float16, to be multiplied by scale. wall_variants: (radiance, scale) likewise. surface:
    (SURFACE_SCALE * h, SURFACE_SCALE * w) int16, surface index, -1 for none. coverage: (h, w) uint8, 0..255, share of
    wall. ignored: (h, w) uint8, 0 or 1. wall: (surfaces,) int8, wall number of each surface, -1 for none.
    """

    light: Array
    scale: float
    wall_variants: tuple[tuple[Array, float], ...]
    tail: Array
    surface: Array
    coverage: Array
    ignored: Array
    wall: Array


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """A photo or crop with its labels.

    photo: (h, w, 3) uint8 sRGB. wall: (h, w), share of wall, 0..255 for a photo, 0..1 for a crop. ignored: (h, w)
    uint8, above 0 where the loss ignores a pixel.
    """

    photo: Array
    wall: Array
    ignored: Array


def load_room(room: Path, labels: Path) -> RoomInMemory:
    """Read a room and its labels. Raises InputError."""
    record = room_file.read(room)
    label = labelling.read(labels / labelling.name_of(record.seed))
    shrink = min(1.0, MAX_ROOM_PX / max(record.size))
    size = (round(record.size[1] * shrink), round(record.size[0] * shrink))

    def downsample(values: Array) -> Array:
        return cv2.resize(values, size, interpolation=cv2.INTER_AREA) if shrink < 1 else values

    layers = np.stack([downsample(layer) for layer in record.buckets])
    light, scale = _to_half(layers)
    surface_size = (SURFACE_SCALE * size[0], SURFACE_SCALE * size[1])
    return RoomInMemory(
        light=light,
        scale=scale,
        wall_variants=tuple(_to_half(downsample(view.radiance)) for view in record.wall_variants),
        tail=buckets.tail_ratio(layers).astype(np.float16),
        surface=cv2.resize(label.surface, surface_size, interpolation=cv2.INTER_NEAREST),
        coverage=np.round(255 * downsample(label.coverage)).astype(np.uint8),
        ignored=(downsample(label.ignored.astype(np.float32)) > 0).astype(np.uint8),
        wall=label.wall,
    )


def _to_half(light: Array) -> tuple[Array, float]:
    scale = max(float(light.max()), 1e-6) / 30000
    return (light / scale).astype(np.float16), scale


def sample_photo(room: RoomInMemory, rng: np.random.Generator) -> LabelledImage:
    """Sample a photo of the full room at its size in memory; a function of the generator's state."""
    light = _sample_radiance(room, rng)
    if rng.random() < RECOLOR_SHARE:
        light = light * _recoloring(room, rng)
    if rng.random() < PATCH_SHARE:
        light = light * _light_patches(room.coverage.shape, rng)
    return LabelledImage(_capture(light, rng), room.coverage, room.ignored)


def random_crop(image: LabelledImage, px: int, rng: np.random.Generator) -> LabelledImage:
    """Sample an augmented crop of a photo, px pixels per side: rotated, mirrored, altered, with occluders."""
    transform = _crop_transform(image.photo.shape[:2], px, rng)
    photo = _alter(_warp(image.photo, transform, px), rng)
    wall = _warp(image.wall, transform, px).astype(np.float32) / 255
    ignored = _warp(image.ignored, transform, px)
    photo, wall = _add_occluders(photo, wall, rng)
    return LabelledImage(photo, wall, ignored)


# -- light and surfaces


def _sample_radiance(room: RoomInMemory, rng: np.random.Generator) -> Array:
    if room.wall_variants and rng.random() < VARIANT_SHARE:
        half, scale = room.wall_variants[int(rng.integers(len(room.wall_variants)))]
        return half.astype(np.float32) * np.float32(scale)
    kind = str(rng.choice(list(PAINT_SHARES), p=list(PAINT_SHARES.values())))
    if kind == "uniform":
        albedo = rng.uniform(paints.MIN_ALBEDO, 0.92, 3)
    else:
        albedo = paints.sample(rng, "train", "light" if kind == "light" else None)
    rho = np.asarray(albedo, np.float32)
    total = room.light[-1].astype(np.float32) / (1 - rho * room.tail.astype(np.float32))
    for bucket in room.light[-2::-1]:
        total *= rho
        total += bucket
    return np.maximum(total, 0) * np.float32(room.scale)


def _recoloring(room: RoomInMemory, rng: np.random.Generator) -> Array:
    """Sample factors on the light of each pixel, (h, w, 3) float32, constant per surface."""
    count = len(room.wall)
    table = np.ones((count + 1, 3), np.float32)
    changes = rng.random(count) < RECOLORED_SURFACE_SHARE
    tint = np.exp(rng.normal(0, 0.45, (count, 1)) + rng.normal(0, 0.4, (count, 3)))
    table[:count][changes] = np.clip(tint[changes], 0.05, 4)
    factors = table[room.surface]
    height, width = room.coverage.shape
    ratio = cv2.resize(factors, (width, height), interpolation=cv2.INTER_AREA)
    if rng.random() < PATTERN_SHARE:
        ratio = ratio * _sample_pattern(room, rng)
    return ratio


def _sample_pattern(room: RoomInMemory, rng: np.random.Generator) -> Array:
    """Sample stripes, checks or blobs on some surfaces, without perspective: factors (h, w, 3) float32."""
    height, width = room.coverage.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    period = np.exp(rng.uniform(np.log(4), np.log(40)))
    along = np.cos(angle) * x + np.sin(angle) * y
    across = -np.sin(angle) * x + np.cos(angle) * y
    pattern_type = rng.integers(3)
    if pattern_type == 0:
        wave = np.sin(2 * np.pi * along / period)
    elif pattern_type == 1:
        wave = np.sin(2 * np.pi * along / period) * np.sin(2 * np.pi * across / period)
    else:
        wave = cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), period / 6)
        wave /= max(float(wave.std()), 1e-6)
    wave = np.tanh(wave * np.exp(rng.uniform(-1, 2)))
    walls_only = rng.random() < 0.6
    chosen = (room.wall >= 0) if walls_only else rng.random(len(room.wall)) < 0.3
    is_patterned = np.append(chosen, False)[room.surface[::SURFACE_SCALE, ::SURFACE_SCALE]]
    strength = rng.normal(0, 0.35) + rng.normal(0, 0.15, 3)
    pattern: Array = np.exp((wave * is_patterned)[..., None] * strength.astype(np.float32))
    return pattern


def _light_patches(size: tuple[int, int], rng: np.random.Generator) -> Array:
    """Sample patches of sunlight through window panes, or of shadow, over all surfaces: factors (h, w, 3) float32."""
    height, width = size
    across, up = np.exp(rng.uniform(np.log(0.03), np.log(0.3), 2)) * max(size)
    slant, lean = rng.normal(0, 0.5, 2)
    pane = np.array([[0, 0], [1, slant], [1 + lean, 1 + slant], [lean, 1]]) * [across, up]
    gap = rng.uniform(1.05, 1.4)
    start = rng.uniform(-0.2, 0.9, 2) * [width, height]
    coverage = np.zeros(size, np.uint8)
    for number in range(int(rng.integers(1, 5))):
        step = gap * (number % 2 * pane[1] + number // 2 * pane[3])
        corners = np.round(16 * (start + step + pane)).astype(np.int32)
        cv2.fillPoly(coverage, [corners], 255, cv2.LINE_AA, 4)
    sigma = float(np.exp(rng.uniform(np.log(0.3), np.log(3))))
    soft = cv2.GaussianBlur(coverage.astype(np.float32) / 255, (0, 0), sigma)
    if rng.random() < 0.7:
        gain = rng.uniform(1.3, 5) * np.array([1, rng.uniform(0.85, 1), rng.uniform(0.6, 1)])
    else:
        gain = np.full(3, rng.uniform(0.25, 0.8))
    patches: Array = (1 + soft[..., None] * (gain - 1)).astype(np.float32)
    return patches


# -- geometry


def _crop_transform(size: tuple[int, int], px: int, rng: np.random.Generator) -> Array:
    """Sample an affine transform, (2, 3), from crop to image: scale, aspect ratio, rotation, mirroring, position."""
    height, width = size
    share = MIN_CROP + (1 - MIN_CROP) * np.sqrt(rng.random())
    aspect = np.exp(rng.uniform(-1, 1) * np.log(MAX_ASPECT_RATIO))
    half_w, half_h = share * min(1, np.sqrt(aspect)) * width / 2, share * min(1, 1 / np.sqrt(aspect)) * height / 2
    angle = np.radians(MAX_ROTATION_DEG) * rng.uniform(-1, 1) * (rng.random() < 0.6)
    cos, sin = np.cos(angle), np.sin(angle)
    reach_w, reach_h = half_w * cos + half_h * abs(sin), half_h * cos + half_w * abs(sin)
    fits = min(1.0, (width / 2) / reach_w, (height / 2) / reach_h)
    half_w, half_h, reach_w, reach_h = (fits * value for value in (half_w, half_h, reach_w, reach_h))
    center = np.array([rng.uniform(reach_w, width - reach_w), rng.uniform(reach_h, height - reach_h)])
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([2 * half_w / px * mirror, 2 * half_h / px])
    return np.column_stack([linear, center - 0.5 - linear @ np.full(2, (px - 1) / 2)])


def _warp(values: Array, transform: Array, px: int) -> Array:
    step = float(np.abs(np.linalg.det(transform[:, :2]))) ** 0.5
    if step > 1.2:  # low-pass filter against aliasing
        values = cv2.GaussianBlur(values, (0, 0), 0.4 * step)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(values, transform, (px, px), flags=flags, borderMode=cv2.BORDER_REFLECT)


# -- camera and photometric augmentation


def _capture(light: Array, rng: np.random.Generator) -> Array:
    device = sample_camera(rng)
    return camera.decode_image(
        camera.encode_jpeg(camera.to_uint8(camera.develop(light, device, camera.meter(light, device), rng)), device)
    )


def sample_camera(rng: np.random.Generator) -> PhoneCamera:
    """Sample a camera, often with a wrong exposure and white balance, strong noise, contrast and compression."""
    device = camera.sample(rng)
    if rng.random() < HDR_CAMERA_SHARE:
        return camera.sample_hdr(rng, device)
    if rng.random() >= BAD_CAMERA_SHARE:
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


def _alter(photo: Array, rng: np.random.Generator) -> Array:
    """Change hue and saturation, to grey, tone, blur or noise, each in a share of the crops. (h, w, 3) uint8."""
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


def _add_occluders(photo: Array, wall: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Paste occluders, pieces of the image or flat shapes, which are not wall."""
    if rng.random() >= OCCLUDER_SHARE:
        return photo, wall
    px = photo.shape[0]
    photo, wall = photo.copy(), wall.copy()
    for _ in range(int(rng.integers(1, 4))):
        shape = _occluder_shape(px, rng)
        if rng.random() < 0.5:  # a shifted piece of the image without its walls
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


def _occluder_shape(px: int, rng: np.random.Generator) -> Array:
    """Sample a rectangle, an ellipse or an irregular polygon: (px, px) uint8, 0 or 1."""
    shape = np.zeros((px, px), np.uint8)
    center = rng.integers(0, px, 2)
    radii = np.exp(rng.uniform(np.log(0.03), np.log(0.2), 2)) * px
    angle = float(rng.uniform(0, 360)) if rng.random() < 0.4 else 0.0
    shape_type = rng.integers(3)
    if shape_type == 0:
        corners = cv2.boxPoints(((float(center[0]), float(center[1])), (2 * radii[0], 2 * radii[1]), angle))
        cv2.fillPoly(shape, [corners.astype(np.int32)], 1)
    elif shape_type == 1:
        size = (max(1, int(radii[0])), max(1, int(radii[1])))
        cv2.ellipse(shape, (int(center[0]), int(center[1])), size, angle, 0, 360, 1, -1)
    else:
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 12))))
        radius = rng.uniform(0.4, 1.3, len(angles))[:, None] * radii
        points = center + radius * np.stack([np.cos(angles), np.sin(angles)], -1)
        cv2.fillPoly(shape, [points.astype(np.int32)], 1)
    return shape
