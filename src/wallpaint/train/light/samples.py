"""Training samples of the light model: a synthetic phone photo of a rendered room, and the same room in other paints.

cached room -> crop -> existing wall (plain, two paints, pattern, wall variant) and new paints -> one camera for all
-> photo with noise and JPEG artefacts, ground truth without them; and a mask with typical errors
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
from wallpaint.train.light.room_cache import CachedRoom
from wallpaint.typing import Array

ASPECTS = (1.0, 1.0, 4 / 3, 3 / 4, 3 / 2, 2 / 3)  # width / height
FULL_VIEW_SHARE = 0.5  # share of photos that show as much of the room as fits
MIN_CROP = 0.6
MIN_WALL_SHARE = 0.04  # of the crop
VARIANT_SHARE, TWO_PAINTS_SHARE, PATTERN_SHARE = 0.35, 0.12, 0.08  # of existing walls; the others have one paint
ORIGINAL_PAINT_SHARE = 0.2  # share of uniform existing walls in the paint that the room was designed with
EXTREME_SHARE = 0.1  # share of new paints sampled from all albedos
GEOMETRIC_METERING_SHARE = 0.85  # share of photos metered as pairs are; the others on the existing paint alone
TRUE_MASK_SHARE = 0.4
TINT_SIGMA = (0.12, 0.02)  # standard deviation of the light's colour, log: blue to amber, magenta to green


@dataclass(frozen=True, eq=False)
class LightTrainingSample:
    """One training or validation sample.

    planes, features, median: see `light.model.network_inputs`. photo: (h, w, 3) linear sRGB. albedo: (M, 3) linear
    sRGB, of the new paints. truth: (M, h, w, 3) sRGB-encoded, 0..1. wall, rest: (h, w) float32, loss masks on the wall
    and outside. wall_type: of the existing wall. wall_albedo: (3,) float32, linear sRGB, of its paint; NaN if it has
    several. surfaces: (h, w, 3) float32, linear sRGB, albedo of all surfaces, 0 where it is unknown.
    """

    planes: Array
    features: Array
    median: Array
    photo: Array
    albedo: Array
    truth: Array
    wall: Array
    rest: Array
    wall_type: str
    wall_albedo: Array
    surfaces: Array

    def with_albedo_hint(self) -> LightTrainingSample:
        """Return the sample with the existing wall's albedo as an input, if it has a single paint."""
        if np.isnan(self.wall_albedo).any():
            return self
        hint = light_model.albedo_hint(self.median, self.wall_albedo)
        return replace(self, features=np.concatenate([self.features[: -len(hint)], hint]))

    @property
    def has_albedo_hint(self) -> bool:
        return bool(self.features[-light_model.HINT_FEATURES])


def sample_size(rng: np.random.Generator, side: int) -> tuple[int, int]:
    """Sample the (height, width) of a batch's photos."""
    aspect = float(rng.choice(ASPECTS))
    return light_model.input_size(round(1000 / max(1, aspect)), round(1000 * min(1, aspect)), side)


def make_sample(
    room: CachedRoom, rng: np.random.Generator, size: tuple[int, int], paints_per_photo: int, split: str
) -> LightTrainingSample:
    """Make a random sample. size: (height, width). paints_per_photo: M. split: whose paints are used."""
    view = _tint_light(_sample_view(room, rng, size), rng)
    buckets, tail, alpha = view.buckets, view.tail, view.alpha
    wall_type, existing, wall_albedo, painted = _sample_existing_wall(room, rng, view, split)
    new = np.stack([_sample_paint(rng, split) for _ in range(paints_per_photo)])
    repaints = [_radiance(buckets, tail, rho) for rho in new]
    device = _sample_camera(rng)
    is_geometric = rng.random() < GEOMETRIC_METERING_SHARE
    metered = camera.geometric_mean(existing, repaints[0]) if is_geometric else existing
    exposure = camera.meter(metered, device)
    noisy = camera.to_uint8(camera.develop(existing, device, exposure, rng))
    codes = camera.decode_image(camera.encode_jpeg(noisy, device))
    photo = color.srgb_to_linear(codes.astype(np.float32) / 255).astype(np.float32)
    truth = np.stack([camera.develop(radiance, device, exposure) for radiance in repaints])
    mask = _sample_mask(alpha, rng)
    planes, features, median = light_model.network_inputs(photo, mask)
    return LightTrainingSample(
        planes=planes,
        features=features,
        median=median.astype(np.float32),
        photo=photo,
        albedo=new.astype(np.float32),
        truth=truth.astype(np.float32),
        wall=((alpha > 0.9) & (mask > 0.3)).astype(np.float32),
        rest=((alpha < 0.02) & (mask < 0.5)).astype(np.float32),
        wall_type=wall_type,
        wall_albedo=wall_albedo.astype(np.float32),
        surfaces=_surface_albedo(view, painted),
    )


@dataclass(frozen=True, eq=False)
class _CroppedRoom:
    """A crop of a room; the fields are those of a `CachedRoom`."""

    buckets: Array
    tail: Array
    wall_variants: list[Array]
    alpha: Array
    albedo: Array
    wall_number: Array


def _sample_view(room: CachedRoom, rng: np.random.Generator, size: tuple[int, int]) -> _CroppedRoom:
    height, width = room.alpha.shape
    aspect = size[1] / size[0] * float(np.exp(rng.normal(0, 0.05)))
    for _ in range(8):
        scale = 1.0 if rng.random() < FULL_VIEW_SHARE else float(rng.uniform(MIN_CROP, 1))
        h = scale * min(height, width / aspect)
        w = min(h * aspect, width)
        top, left = (round(float(rng.uniform(0, room_side - side))) for room_side, side in ((height, h), (width, w)))
        rows, cols = slice(top, top + max(8, round(h))), slice(left, left + max(8, round(w)))
        if room.alpha[rows, cols].mean() > MIN_WALL_SHARE:
            break
    else:
        rows, cols = slice(None), slice(None)
    mirror = -1 if rng.random() < 0.5 else 1

    def crop(image: Array, interpolation: int = cv2.INTER_AREA) -> Array:
        cropped = np.ascontiguousarray(image[rows, cols])
        resized = cv2.resize(cropped, (size[1], size[0]), interpolation=interpolation)
        return np.ascontiguousarray(resized[:, ::mirror])

    buckets = np.stack([crop(layer) for layer in room.buckets])
    alpha, number = crop(room.alpha), crop(room.wall_number, cv2.INTER_NEAREST)
    wall_variants = [crop(image) for image in room.wall_variants]
    return _CroppedRoom(buckets, crop(room.tail), wall_variants, alpha, crop(room.albedo), number)


def _tint_light(view: _CroppedRoom, rng: np.random.Generator) -> _CroppedRoom:
    """Scale all light by a random colour: radiance is proportional to the emitted light."""
    amber, green = rng.normal(0, TINT_SIGMA)
    gain = np.exp(np.array([amber, green, -amber])).astype(np.float32)
    return replace(view, buckets=view.buckets * gain, wall_variants=[image * gain for image in view.wall_variants])


def _sample_existing_wall(
    room: CachedRoom, rng: np.random.Generator, view: _CroppedRoom, split: str
) -> tuple[str, Array, Array, Array]:
    """Sample the existing wall: (type, radiance, albedo, albedo map).

    albedo: (3,), NaN if it is not uniform. albedo map: (h, w, 3), 0 where it is unknown.
    """
    none = np.full(3, np.nan)
    buckets, tail, alpha, number = view.buckets, view.tail, view.alpha, view.wall_number
    variants = view.wall_variants
    value = float(rng.random())
    if len(variants) and value < VARIANT_SHARE:
        return "dressed", variants[int(rng.integers(len(variants)))], none, np.zeros_like(view.albedo)
    first = room.old_paint if rng.random() < ORIGINAL_PAINT_SHARE else _sample_paint(rng, split)
    value = float(rng.random())
    if value >= TWO_PAINTS_SHARE + PATTERN_SHARE:
        return "plain", _radiance(buckets, tail, first), np.asarray(first), np.broadcast_to(first, view.albedo.shape)
    second = _sample_paint(rng, split)
    has_two_paints = value < TWO_PAINTS_SHARE
    blend = _sample_partition(rng, alpha.shape, number) if has_two_paints else _sample_pattern(rng, alpha.shape)
    rho = first + blend[..., None] * (second - first)
    share = float((blend * alpha).sum() / max(float(alpha.sum()), 1e-6))
    mean = first + share * (second - first)
    wall_type = "two paints" if has_two_paints else "pattern"
    return wall_type, _varying_radiance(buckets, tail, rho, mean, alpha), none, rho


def _surface_albedo(view: _CroppedRoom, painted: Array) -> Array:
    """Return the albedo of all surfaces, (h, w, 3) float32. painted: (h, w, 3), of the walls."""
    alpha = view.alpha[..., None]
    albedo = np.where(alpha > 0.98, painted, np.where(alpha < 0.02, view.albedo, 0))
    return albedo.astype(np.float32)


def _radiance(buckets: Array, tail: Array, rho: Array) -> Array:
    """See `rooms.tracing.buckets.radiance`."""
    rho = np.asarray(rho, np.float32)
    total = np.asarray(buckets[-1] / (1 - rho * tail), np.float32)
    for light in buckets[-2::-1]:
        total = total * rho + light
    return total


def _varying_radiance(buckets: Array, tail: Array, rho: Array, mean: Array, alpha: Array) -> Array:
    """Return the radiance of walls whose albedo varies, rho (h, w, 3).

    The last bounce takes the local albedo, all bounces before it the mean albedo.
    """
    uniform = _radiance(buckets, tail, mean)
    varying = buckets[0] + (uniform - buckets[0]) * (rho / np.maximum(mean, 1e-3)).astype(np.float32)
    return uniform + alpha[..., None] * (varying - uniform)


def _sample_partition(rng: np.random.Generator, shape: tuple[int, ...], number: Array) -> Array:
    """Sample the area of the second paint, (h, w), 0 or 1: one of the walls, or one side of a line."""
    walls = np.unique(number[number >= 0])
    if len(walls) > 1 and rng.random() < 0.6:
        return (number == rng.choice(walls)).astype(np.float32)
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = float(rng.choice([0, np.pi / 2])) + float(rng.normal(0, 0.12))
    distance = np.cos(angle) * (y / height - rng.uniform(0.3, 0.7)) + np.sin(angle) * (
        x / width - rng.uniform(0.3, 0.7)
    )
    return (distance > 0).astype(np.float32)


def _sample_pattern(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Sample a pattern, (h, w), 0..1: stripes, checks or blobs, a few pixels wide."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    period = float(rng.uniform(3, 14))
    angle = float(rng.normal(0, 0.2))
    u, v = (np.cos(angle) * x + np.sin(angle) * y) / period, (np.cos(angle) * y - np.sin(angle) * x) / period
    pattern_type = int(rng.integers(3))
    if pattern_type == 0:
        wave = np.sin(2 * np.pi * u)
    elif pattern_type == 1:
        wave = np.sin(2 * np.pi * u) * np.sin(2 * np.pi * v)
    else:
        wave = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), period / 4)
        wave /= max(float(wave.std()), 1e-6)
    share = 1 / (1 + np.exp(-float(rng.uniform(2, 8)) * wave))
    return (float(rng.uniform(0.3, 1)) * share).astype(np.float32)


def _sample_paint(rng: np.random.Generator, split: str) -> Array:
    if rng.random() < EXTREME_SHARE:
        return rng.uniform(paints.MIN_ALBEDO, paints.MAX_ALBEDO, 3)
    return paints.sample(rng, split)


def _sample_camera(rng: np.random.Generator) -> PhoneCamera:
    """Sample a phone's camera, sometimes with strong noise, a wrong white balance, strong compression or a wrong
    exposure."""
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


def _sample_mask(alpha: Array, rng: np.random.Generator) -> Array:
    """Sample a mask: often the true one, else soft, slightly too large or small, shifted or with a hole."""
    if rng.random() < TRUE_MASK_SHARE:
        return (alpha > 0.5).astype(np.float32) if rng.random() < 0.5 else alpha
    mask = alpha
    growth = int(rng.integers(-1, 2))
    if growth:
        mask = (cv2.dilate if growth > 0 else cv2.erode)(mask, np.ones((3, 3), np.uint8))
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
