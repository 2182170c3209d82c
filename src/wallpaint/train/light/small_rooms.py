"""Rendered rooms, small and quick to read: what the light model learns from.

room file -> buckets, tail, dressings at `CACHED_PX` -> one uncompressed file a room

A file is made again where its room was; one without a byte stands for a room without enough wall.
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
LEAST_WALL = 0.02  # of the picture
VERSION = 2


@dataclass(frozen=True, eq=False)
class SmallRoom:
    """buckets: (K + 1, h, w, 3) float32, tail: (h, w, 3), see `rooms.tracing.buckets`. dressings: (N, h, w, 3)
    float32. alpha: (h, w) float32. albedo: (h, w, 3) float32, linear sRGB, see `room_file.RoomRecord`. wall_number:
    (h, w) int8, -1 none. old_paint: (3,) linear sRGB."""

    seed: int
    buckets: Array
    tail: Array
    dressings: Array
    alpha: Array
    albedo: Array
    wall_number: Array
    old_paint: Array


def make_small(rooms: Sequence[Path], folder: Path) -> list[Path]:
    """The small files of rooms in a folder, made where they lack; those of rooms without enough wall are left out."""
    from wallpaint.rooms.sets import room_file

    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for room in rooms:
        small = folder / room.name
        if not atomic.is_current(small, room):
            atomic.put(small, _encode(room_file.read(room)), durable=False)
        made.append(small)
    return [path for path in made if path.stat().st_size > 0]


def _encode(record: Any) -> bytes:
    from wallpaint.rooms.tracing import buckets

    if float(record.alpha.mean()) < LEAST_WALL:
        return b""
    scale = min(1.0, CACHED_PX / max(record.size))
    height, width = (max(1, round(side * scale)) for side in record.size)

    def small(picture: Array) -> Array:
        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.float32)

    layers = np.stack([small(layer) for layer in record.buckets])
    level = float(np.median(layers.sum(0)[layers.sum(0) > 0])) or 1.0  # keeps half precision in its range
    number = cv2.resize(record.wall_number, (width, height), interpolation=cv2.INTER_NEAREST)
    arrays = {
        "buckets": _half(layers / level),
        "tail": _half(small(buckets.tail_ratio(record.buckets))),
        "dressings": _half(
            np.stack([small(view.radiance) / level for view in record.wall_variants])
            if record.wall_variants
            else np.zeros((0, height, width, 3))
        ),
        "alpha": np.round(255 * small(record.alpha)).astype(np.uint8),
        "albedo": _half(small(record.albedo)),
        "wall_number": number,
        "old_paint": np.asarray(record.old_paint, np.float32),
        "seed": np.array([record.seed, VERSION]),
    }
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def _half(values: Array) -> Array:
    return np.clip(values, 0, 6e4).astype(np.float16)


def read(path: Path) -> SmallRoom:
    """A small room. Raises InputError for a file that is damaged or of another version."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            seed, version = (int(value) for value in stored["seed"])
            if version != VERSION:
                raise InputError(f"{path}: made by another version: delete the folder that it is in")
            return SmallRoom(
                seed,
                stored["buckets"].astype(np.float32),
                stored["tail"].astype(np.float32),
                stored["dressings"].astype(np.float32),
                stored["alpha"].astype(np.float32) / np.float32(255),
                stored["albedo"].astype(np.float32),
                stored["wall_number"],
                stored["old_paint"],
            )
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(f"{path}: cannot be read ({type(error).__name__}): delete it") from error
