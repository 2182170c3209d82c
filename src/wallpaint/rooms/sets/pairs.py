"""Photos of a rendered room with the truth beside them: the same room, camera and light in another paint.

record -> old and new light -> one camera, metered half-way -> photo with noise and JPEG, clean photo, target
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import cv2
import numpy as np

from wallpaint.imaging.color import linear_to_lab, luminance
from wallpaint.rooms.sets import camera
from wallpaint.rooms.sets.camera import Camera, Exposure
from wallpaint.rooms.sets.room_file import DressedView, RoomRecord
from wallpaint.rooms.tracing import buckets
from wallpaint.typing import Array

PaintSampler: TypeAlias = Callable[[np.random.Generator, str], Array]
"""Draws a paint's albedo, (3,) linear sRGB, for a split: `paints.sample`."""

DARK_PAINT, LIGHT_PAINT = 0.15, 0.45  # luminance of the albedo, for the tracks between dark and light
STRONG_TINT = 12.0  # CIELAB chroma of a white wall under coloured light
WHITE_WALL = (0.85, 0.85, 0.85)
WHITE_LEVEL = 0.7  # luminance at which the colour of the light is judged
LEAST_CHANGE = 8.0  # CIELAB distance of a new paint from the old one
TRIES = 20
_PLAIN, _COVERED, _TEXTURE = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Pair:
    """One photo and its true repaint, (h, w) pixels.

    name: unique within a set. tracks: what it is a case of. jpeg: the photo's file. clean_photo, target: (h, w, 3)
    float32, sRGB-encoded 0..1, without noise and compression. alpha: (h, w) float32, what is to be repainted. depth:
    (h, w) float32, metres. old_albedo, new_albedo: (3,) linear sRGB; None for patterns, textures and several paints.
    swatch: (s, s, 3) uint8 sRGB of a new texture. old_radiance, new_radiance: (h, w, 3) float32, before the camera.
    """

    name: str
    seed: int
    kind: str
    tracks: tuple[str, ...]
    jpeg: bytes
    clean_photo: Array
    target: Array
    alpha: Array
    depth: Array
    old_albedo: Array | None
    new_albedo: Array | None
    swatch: Array | None
    camera: Camera
    exposure: Exposure
    old_radiance: Array
    new_radiance: Array

    @property
    def photo(self) -> Array:
        """The photo, (h, w, 3) uint8 sRGB, with noise and the traces of JPEG."""
        return camera.decode(self.jpeg)


@dataclass(frozen=True, eq=False)
class _Change:
    """What a pair shows before the camera is chosen."""

    tracks: tuple[str, ...]
    old: Array
    new: Array
    alpha: Array
    old_albedo: Array | None = None
    new_albedo: Array | None = None
    swatch: Array | None = None


def pairs_of(
    record: RoomRecord, count: int, seed: int = 0, split: str | None = None, paint: PaintSampler | None = None
) -> list[Pair]:
    """Pairs of one room: `count` from paint to paint, then what its dressings add.

    The first pair starts from the room's own paint, the others from any. A dressing adds a pair from its pattern or
    several paints to one plain paint, and, if it has a texture, one from plain paint to that texture. seed: of paints,
    cameras and noise; a pair does not depend on how many there are. split: whose paints are used, the room's own if
    None. paint: draws them, `paints.sample` if None.
    """
    if paint is None:
        from wallpaint.rooms.surfaces import paints

        paint = paints.sample
    split = record.split if split is None else split
    ratio = buckets.tail_ratio(record.buckets)
    changes: list[tuple[int, int, Callable[[np.random.Generator], _Change]]] = []
    for number in range(count):
        own = number == 0
        changes.append((_PLAIN, number, partial(_repainted, record, ratio, own=own, split=split, paint=paint)))
    for number, view in enumerate(record.dressings):
        changes.append((_COVERED, number, partial(_covered, record, ratio, view, split=split, paint=paint)))
        if view.swatch is not None:
            changes.append((_TEXTURE, number, partial(_textured, record, ratio, view)))
    found = []
    for place, (group, number, change) in enumerate(changes):
        rng = np.random.default_rng([seed, record.seed, group, number])
        found.append(_taken(record, f"room_{record.seed:06d}_{place:02d}", change(rng), ratio, rng))
    return found


def _repainted(
    record: RoomRecord, ratio: Array, rng: np.random.Generator, *, own: bool, split: str, paint: PaintSampler
) -> _Change:
    old = np.asarray(record.old_paint) if own else paint(rng, split)
    new = _another(old, rng, split, paint)
    before, after = (buckets.radiance(record.buckets, albedo, ratio) for albedo in (old, new))
    return _Change(("plain", *_steps(old, new)), before, after, record.alpha, old, new)


def _covered(
    record: RoomRecord, ratio: Array, view: DressedView, rng: np.random.Generator, *, split: str, paint: PaintSampler
) -> _Change:
    new = paint(rng, split)
    after = buckets.radiance(record.buckets, new, ratio)
    return _Change((view.track,), view.radiance, after, record.alpha, None, new)


def _textured(record: RoomRecord, ratio: Array, view: DressedView, rng: np.random.Generator) -> _Change:
    del rng
    old = np.asarray(record.old_paint)
    before = buckets.radiance(record.buckets, old, ratio)
    alpha = record.alpha * np.isin(_nearest_wall(record.wall_number), view.walls)
    return _Change(("texture",), before, view.radiance, alpha, old, None, view.swatch)


def _taken(record: RoomRecord, name: str, change: _Change, ratio: Array, rng: np.random.Generator) -> Pair:
    """Both pictures through one camera."""
    device = camera.sample(rng)
    exposure = camera.meter(camera.half_way(change.old, change.new), device)
    noisy = camera.codes(camera.develop(change.old, device, exposure, rng))
    tracks = change.tracks
    if "plain" in tracks and tint(record, exposure, ratio) > STRONG_TINT:
        tracks = (*tracks, "coloured_light")
    return Pair(
        name=name,
        seed=record.seed,
        kind=record.kind,
        tracks=tracks,
        jpeg=camera.jpeg(noisy, device),
        clean_photo=camera.develop(change.old, device, exposure),
        target=camera.develop(change.new, device, exposure),
        alpha=change.alpha.astype(np.float32),
        depth=record.depth,
        old_albedo=change.old_albedo,
        new_albedo=change.new_albedo,
        swatch=change.swatch,
        camera=device,
        exposure=exposure,
        old_radiance=change.old,
        new_radiance=change.new,
    )


def tint(record: RoomRecord, exposure: Exposure, ratio: Array | None = None) -> float:
    """How coloured the light on the walls still is after white balance: CIELAB chroma of a white wall's median colour,
    brought to one luminance; 0 where no wall is seen."""
    wall = record.alpha > 0.5
    if not wall.any():
        return 0.0
    white = buckets.radiance(record.buckets, WHITE_WALL, ratio)[wall] * np.asarray(exposure.white)
    median = np.median(white, axis=0)
    _, a, b = linear_to_lab(median * WHITE_LEVEL / max(float(luminance(median)), 1e-9))
    return float(np.hypot(a, b))


def _another(old: Array, rng: np.random.Generator, split: str, paint: PaintSampler) -> Array:
    """A paint that one would see to be another one."""
    new = paint(rng, split)
    for _ in range(TRIES):
        if float(np.linalg.norm(linear_to_lab(new) - linear_to_lab(old))) >= LEAST_CHANGE:
            break
        new = paint(rng, split)
    return new


def _steps(old: Array, new: Array) -> tuple[str, ...]:
    before, after = float(luminance(old)), float(luminance(new))
    if before < DARK_PAINT and after > LIGHT_PAINT:
        return ("dark_to_light",)
    if before > LIGHT_PAINT and after < DARK_PAINT:
        return ("light_to_dark",)
    return ()


def _nearest_wall(number: Array) -> Array:
    """Wall numbers with every other pixel given to the wall that it is next to."""
    if not (number >= 0).any():
        return number
    away = (number < 0).astype(np.uint8)
    _, label = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    of_label = np.zeros(int(label.max()) + 1, number.dtype)
    of_label[label[away == 0]] = number[away == 0]
    return of_label[label]
