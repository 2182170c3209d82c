"""Photos of rendered rooms: each room in many paints, taken by many phone cameras, in one uncompressed file per room.

room file -> radiance in a random paint, or with a wall variant -> random camera -> photos with noise and JPEG artifacts

A file is rewritten when its room file is newer. An empty file marks a room without enough wall.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wallpaint.errors import InputError
from wallpaint.files import atomic
from wallpaint.rooms.sets import camera, pairs, room_file
from wallpaint.rooms.sets.room_file import RoomRecord
from wallpaint.rooms.surfaces import paints
from wallpaint.rooms.tracing import buckets
from wallpaint.typing import Array

MIN_WALL_SHARE = 0.02  # of the image
VARIANT_SHARE = 0.3  # of the photos of a room that has wall variants
VERSION = 1
_STREAM = 81  # of random numbers


@dataclass(frozen=True, eq=False)
class RoomPhotos:
    """Photos of one room from one position.

    photos: (N, h, w, 3) uint8 sRGB. albedo: (N, 3) float32, linear sRGB, of the wall's paint; NaN where it is patterned
    or has several paints. alpha: (h, w) uint8, 0..255, share of paintable wall. depth: (h, w) float32, metres along the
    optical axis, 0 without a hit.
    """

    seed: int
    photos: Array
    albedo: Array
    alpha: Array
    depth: Array


def photograph_rooms(rooms: Sequence[Path], folder: Path, count: int) -> list[Path]:
    """Return the photo files of rooms, writing missing and outdated ones; rooms without enough wall are omitted.

    count: photos of each room; part of the file names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for room in rooms:
        path = folder / f"{room.stem}_{count}.npz"
        if not atomic.is_current(path, room):
            atomic.put(path, _encode(room_file.read(room), count), durable=False)
        paths.append(path)
    return [path for path in paths if path.stat().st_size > 0]


def take_photos(record: RoomRecord, count: int) -> RoomPhotos:
    """Take photos of a room, the first in its existing paint. Equal arguments give equal photos."""
    tail = buckets.tail_ratio(record.buckets)
    taken = [_take_photo(record, tail, number) for number in range(count)]
    return RoomPhotos(
        seed=record.seed,
        photos=np.stack([photo for photo, _ in taken]),
        albedo=np.stack([albedo for _, albedo in taken]).astype(np.float32),
        alpha=camera.to_uint8(record.alpha),
        depth=np.where(np.isfinite(record.depth), record.depth, 0).astype(np.float32),
    )


def _take_photo(record: RoomRecord, tail: Array, number: int) -> tuple[Array, Array]:
    """Return a photo, (h, w, 3) uint8, and the albedo of its wall's paint, (3,)."""
    rng = np.random.default_rng([record.seed, _STREAM, number])
    if record.wall_variants and number and rng.random() < VARIANT_SHARE:
        variant = record.wall_variants[int(rng.integers(len(record.wall_variants)))]
        radiance, albedo = variant.radiance, np.full(3, np.nan)
    else:
        albedo = paints.sample(rng, record.split) if number else np.asarray(record.old_paint)
        radiance = buckets.radiance(record.buckets, albedo, tail)
    phone_camera = camera.sample(rng)
    if pairs.is_hdr(record.seed):
        phone_camera = camera.sample_hdr(rng, phone_camera)
    exposure = camera.meter(radiance, phone_camera)
    return camera.capture(radiance, phone_camera, exposure, rng), albedo


def read(path: Path) -> RoomPhotos:
    """Read the photos of a room. Raises InputError if the file is damaged or of another version."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            seed, version = (int(value) for value in stored["seed"])
            if version != VERSION:
                raise InputError(f"{path}: written by another version: delete its folder")
            arrays = {name: stored[name] for name in ("photos", "albedo", "alpha", "depth")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be read ({type(error).__name__}): delete it") from error
    return RoomPhotos(seed=seed, **arrays)


def _encode(record: RoomRecord, count: int) -> bytes:
    if float(record.alpha.mean()) < MIN_WALL_SHARE:
        return b""
    taken = take_photos(record, count)
    out = io.BytesIO()
    np.savez(
        out,
        photos=taken.photos,
        albedo=taken.albedo,
        alpha=taken.alpha,
        depth=taken.depth,
        seed=np.array([record.seed, VERSION]),
    )
    return out.getvalue()
