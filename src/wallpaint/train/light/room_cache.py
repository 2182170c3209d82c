"""Downsampled copies of rendered rooms, which the light model is trained on.

room file -> buckets, tail and wall variants at `CACHED_PX` -> one uncompressed file per room

A copy is rewritten when its room file is newer. An empty file marks a room without enough wall.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from wallpaint.errors import InputError
from wallpaint.files import atomic
from wallpaint.typing import Array

CACHED_PX = 128  # longer side
MIN_WALL_SHARE = 0.02  # of the image
VERSION = 2


@dataclass(frozen=True, eq=False)
class CachedRoom:
    """A downsampled room.

    buckets: (K + 1, h, w, 3) float32, tail: (h, w, 3), see `rooms.tracing.buckets`. wall_variants: (N, h, w, 3)
    float32, radiance; stored under "dressings". alpha: (h, w) float32. albedo: (h, w, 3) float32, linear sRGB, see
    `room_file.RoomRecord`. wall_number: (h, w) int8, -1 for none. old_paint: (3,) linear sRGB, the existing paint.
    """

    seed: int
    buckets: Array
    tail: Array
    wall_variants: Array
    alpha: Array
    albedo: Array
    wall_number: Array
    old_paint: Array


def cache_rooms(rooms: Sequence[Path], folder: Path) -> list[Path]:
    """Return the cached files of rooms, writing missing and outdated ones; rooms without enough wall are omitted."""
    from wallpaint.rooms.sets import room_file

    folder.mkdir(parents=True, exist_ok=True)
    cached_paths = []
    for room in rooms:
        cached = folder / room.name
        if not atomic.is_current(cached, room):
            atomic.put(cached, _encode(room_file.read(room)), durable=False)
        cached_paths.append(cached)
    return [path for path in cached_paths if path.stat().st_size > 0]


def _encode(record: Any) -> bytes:
    from wallpaint.rooms.tracing import buckets

    if float(record.alpha.mean()) < MIN_WALL_SHARE:
        return b""
    scale = min(1.0, CACHED_PX / max(record.size))
    height, width = (max(1, round(side * scale)) for side in record.size)

    def downsample(image: Array) -> Array:
        return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.float32)

    layers = np.stack([downsample(layer) for layer in record.buckets])
    level = float(np.median(layers.sum(0)[layers.sum(0) > 0])) or 1.0  # keeps values in the range of float16
    number = cv2.resize(record.wall_number, (width, height), interpolation=cv2.INTER_NEAREST)
    arrays = {
        "buckets": _to_half(layers / level),
        "tail": _to_half(downsample(buckets.tail_ratio(record.buckets))),
        "dressings": _to_half(
            np.stack([downsample(view.radiance) / level for view in record.wall_variants])
            if record.wall_variants
            else np.zeros((0, height, width, 3))
        ),
        "alpha": np.round(255 * downsample(record.alpha)).astype(np.uint8),
        "albedo": _to_half(downsample(record.albedo)),
        "wall_number": number,
        "old_paint": np.asarray(record.old_paint, np.float32),
        "seed": np.array([record.seed, VERSION]),
    }
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def _to_half(values: Array) -> Array:
    return np.clip(values, 0, 6e4).astype(np.float16)


def read(path: Path) -> CachedRoom:
    """Read a cached room. Raises InputError if it is damaged or of another version."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            seed, version = (int(value) for value in stored["seed"])
            if version != VERSION:
                raise InputError(f"{path}: written by another version: delete its folder")
            return CachedRoom(
                seed=seed,
                buckets=stored["buckets"].astype(np.float32),
                tail=stored["tail"].astype(np.float32),
                wall_variants=stored["dressings"].astype(np.float32),
                alpha=stored["alpha"].astype(np.float32) / np.float32(255),
                albedo=stored["albedo"].astype(np.float32),
                wall_number=stored["wall_number"],
                old_paint=stored["old_paint"],
            )
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(f"{path}: cannot be read ({type(error).__name__}): delete it") from error
