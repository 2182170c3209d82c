"""Image pairs of a rendered room: a photo, and the ground truth of the same room, camera and light in another paint.

record -> radiance before and after -> one camera, metered on both -> photo with noise and JPEG, clean photo, target
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import cv2
import numpy as np

from wallpaint.imaging.color import linear_to_lab, luminance
from wallpaint.rooms.room import is_extended
from wallpaint.rooms.sets import camera
from wallpaint.rooms.sets.camera import Exposure, PhoneCamera
from wallpaint.rooms.sets.room_file import RoomRecord, WallVariantView
from wallpaint.rooms.tracing import buckets
from wallpaint.typing import Array

PaintSampler: TypeAlias = Callable[[np.random.Generator, str], Array]
"""Samples the albedo of a paint, (3,) linear sRGB, for a split; `paints.sample` by default."""

DARK_LUMINANCE, LIGHT_LUMINANCE = 0.15, 0.45  # of the albedo, for the tracks dark_to_light and light_to_dark
COLORED_LIGHT_CHROMA = 12.0  # CIELAB chroma of a white wall above which light counts as coloured
WHITE_ALBEDO = (0.85, 0.85, 0.85)
TINT_LUMINANCE = 0.7  # luminance to which the white wall is scaled before its chroma is measured
MIN_PAINT_CHANGE = 8.0  # CIELAB distance between new and existing paint
MAX_TRIES = 20
HDR_SHARE = 0.15  # of the extended rooms
_PLAIN, _VARIANT, _TEXTURE = 0, 1, 2
_HDR_STREAM = 72  # of random numbers


@dataclass(frozen=True, eq=False)
class RenderedPair:
    """A photo and its ground truth repaint, (h, w) pixels.

    name: unique within a data set. tracks: categories of the pair. jpeg: the encoded photo. clean_photo, target: (h, w,
    3) float32, sRGB-encoded 0..1, without noise and compression. alpha: (h, w) float32, of the wall to repaint. depth:
    (h, w) float32, metres. old_albedo, new_albedo: (3,) linear sRGB, of the existing and the new paint; None for
    patterns, textures and several paints. swatch: (s, s, 3) uint8 sRGB of a new texture. old_radiance, new_radiance:
    (h, w, 3) float32, camera input.
    """

    name: str
    seed: int
    room_type: str
    tracks: tuple[str, ...]
    jpeg: bytes
    clean_photo: Array
    target: Array
    alpha: Array
    depth: Array
    old_albedo: Array | None
    new_albedo: Array | None
    swatch: Array | None
    camera: PhoneCamera
    exposure: Exposure
    old_radiance: Array
    new_radiance: Array

    @property
    def photo(self) -> Array:
        """The decoded photo, (h, w, 3) uint8 sRGB, with noise and JPEG artifacts."""
        return camera.decode_image(self.jpeg)


@dataclass(frozen=True, eq=False)
class _WallChange:
    """Radiance before and after repainting, with its metadata; not yet photographed."""

    tracks: tuple[str, ...]
    old: Array
    new: Array
    alpha: Array
    old_albedo: Array | None = None
    new_albedo: Array | None = None
    swatch: Array | None = None


def sample_pairs(
    record: RoomRecord,
    count: int,
    seed: int = 0,
    split: str | None = None,
    paint: PaintSampler | None = None,
    existing_paint: PaintSampler | None = None,
) -> list[RenderedPair]:
    """Sample pairs of one room: `count` from paint to paint, then those of its wall variants.

    The first pair starts from the room's existing paint, the others from a random one. Each wall variant adds a pair
    from the variant to one plain paint and, if it has a texture, one from plain paint to that texture. seed: of paints,
    cameras and noise; a pair does not depend on the number of pairs. split: of the paints, by default that of the room.
    paint: samples a paint, by default `paints.sample`. existing_paint: samples the existing paint of all pairs from
    paint to paint, such as `paints.sample_home`.
    """
    if paint is None:
        from wallpaint.rooms.surfaces import paints

        paint = paints.sample
    split = record.split if split is None else split
    ratio = buckets.tail_ratio(record.buckets)
    changes: list[tuple[int, int, Callable[[np.random.Generator], _WallChange]]] = []
    for number in range(count):
        from_existing = number == 0
        changes.append(
            (
                _PLAIN,
                number,
                partial(
                    _plain_to_plain,
                    record,
                    ratio,
                    existing_paint=existing_paint or (_designed_paint(record) if from_existing else paint),
                    split=split,
                    paint=paint,
                ),
            )
        )
    for number, variant in enumerate(record.wall_variants):
        changes.append((_VARIANT, number, partial(_variant_to_plain, record, ratio, variant, split=split, paint=paint)))
        if variant.swatch is not None:
            changes.append((_TEXTURE, number, partial(_plain_to_texture, record, ratio, variant)))
    pairs = []
    for index, (group, number, change) in enumerate(changes):
        rng = np.random.default_rng([seed, record.seed, group, number])
        pairs.append(_photograph(record, f"room_{record.seed:06d}_{index:02d}", change(rng), ratio, rng))
    return pairs


def _designed_paint(record: RoomRecord) -> PaintSampler:
    """Return a sampler of the paint that the room was designed with, which uses no random numbers."""
    return lambda rng, split: np.asarray(record.old_paint)


def _plain_to_plain(
    record: RoomRecord,
    ratio: Array,
    rng: np.random.Generator,
    *,
    existing_paint: PaintSampler,
    split: str,
    paint: PaintSampler,
) -> _WallChange:
    old = existing_paint(rng, split)
    new = _sample_new_paint(old, rng, split, paint)
    before, after = (buckets.radiance(record.buckets, albedo, ratio) for albedo in (old, new))
    return _WallChange(("plain", *_lightness_tracks(old, new)), before, after, record.alpha, old, new)


def _variant_to_plain(
    record: RoomRecord,
    ratio: Array,
    variant: WallVariantView,
    rng: np.random.Generator,
    *,
    split: str,
    paint: PaintSampler,
) -> _WallChange:
    new = paint(rng, split)
    after = buckets.radiance(record.buckets, new, ratio)
    return _WallChange((variant.track,), variant.radiance, after, record.alpha, None, new)


def _plain_to_texture(
    record: RoomRecord, ratio: Array, variant: WallVariantView, rng: np.random.Generator
) -> _WallChange:
    del rng
    old = np.asarray(record.old_paint)
    before = buckets.radiance(record.buckets, old, ratio)
    alpha = record.alpha * np.isin(_nearest_wall(record.wall_number), variant.walls)
    return _WallChange(("texture",), before, variant.radiance, alpha, old, None, variant.swatch)


def _photograph(
    record: RoomRecord, name: str, change: _WallChange, ratio: Array, rng: np.random.Generator
) -> RenderedPair:
    """Develop both images with one random camera and a common exposure."""
    phone_camera = camera.sample(rng)
    if is_hdr(record.seed):
        phone_camera = camera.sample_hdr(rng, phone_camera)
    exposure = camera.meter(camera.geometric_mean(change.old, change.new), phone_camera)
    noisy = camera.to_uint8(camera.develop(change.old, phone_camera, exposure, rng))
    tracks = change.tracks
    if "plain" in tracks and residual_tint(record, exposure, ratio) > COLORED_LIGHT_CHROMA:
        tracks = (*tracks, "coloured_light")
    return RenderedPair(
        name=name,
        seed=record.seed,
        room_type=record.room_type,
        tracks=tracks,
        jpeg=camera.encode_jpeg(noisy, phone_camera),
        clean_photo=camera.develop(change.old, phone_camera, exposure),
        target=camera.develop(change.new, phone_camera, exposure),
        alpha=change.alpha.astype(np.float32),
        depth=record.depth,
        old_albedo=change.old_albedo,
        new_albedo=change.new_albedo,
        swatch=change.swatch,
        camera=phone_camera,
        exposure=exposure,
        old_radiance=change.old,
        new_radiance=change.new,
    )


def is_hdr(seed: int) -> bool:
    """Return whether the photos of a room are tone-mapped locally: HDR_SHARE of the extended rooms, no others."""
    return is_extended(seed) and np.random.default_rng([seed, _HDR_STREAM]).random() < HDR_SHARE


def residual_tint(record: RoomRecord, exposure: Exposure, ratio: Array | None = None) -> float:
    """Return the colour cast of the light on the walls after white balance; 0 without visible wall.

    It is the CIELAB chroma of the median colour of white walls, scaled to a fixed luminance.
    """
    wall = record.alpha > 0.5
    if not wall.any():
        return 0.0
    white = buckets.radiance(record.buckets, WHITE_ALBEDO, ratio)[wall] * np.asarray(exposure.white)
    median = np.median(white, axis=0)
    _, a, b = linear_to_lab(median * TINT_LUMINANCE / max(float(luminance(median)), 1e-9))
    return float(np.hypot(a, b))


def _sample_new_paint(old: Array, rng: np.random.Generator, split: str, paint: PaintSampler) -> Array:
    """Sample a paint that differs visibly from the existing one."""
    new = paint(rng, split)
    for _ in range(MAX_TRIES):
        if float(np.linalg.norm(linear_to_lab(new) - linear_to_lab(old))) >= MIN_PAINT_CHANGE:
            break
        new = paint(rng, split)
    return new


def _lightness_tracks(old: Array, new: Array) -> tuple[str, ...]:
    before, after = float(luminance(old)), float(luminance(new))
    if before < DARK_LUMINANCE and after > LIGHT_LUMINANCE:
        return ("dark_to_light",)
    if before > LIGHT_LUMINANCE and after < DARK_LUMINANCE:
        return ("light_to_dark",)
    return ()


def _nearest_wall(number: Array) -> Array:
    """Fill the wall numbers of all other pixels from the nearest wall pixel."""
    if not (number >= 0).any():
        return number
    is_other = (number < 0).astype(np.uint8)
    _, label = cv2.distanceTransformWithLabels(is_other, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    number_by_label = np.zeros(int(label.max()) + 1, number.dtype)
    number_by_label[label[is_other == 0]] = number[is_other == 0]
    return number_by_label[label]
