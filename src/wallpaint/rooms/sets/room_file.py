"""One rendered room in one file.

room_000042.npz is a zip archive that NumPy reads: no pickles, fixed time stamps, so that the same room gives the same
bytes. Light is float16 times a power of two a layer, which keeps both lamps and shadows in range.

    meta           uint8, JSON in UTF-8: format, seed, split, kind, old_paint, samples, version, dressings, facts
    buckets        (K + 1, h, w, 3) float16      bucket_scale    (K + 1,) float64
    alpha          (h, w) uint8, 0..255          wall_number     (h, w) int8, -1 none
    depth          (h, w) float16, metres             albedo          (h, w, 3) uint8, sRGB-encoded
    dressing_N     (h, w, 3) float16             dressing_scale  (N,) float64
    swatch_N       (s, s, 3) uint8 sRGB, where the dressing has one
"""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wallpaint.errors import InputError
from wallpaint.files import atomic
from wallpaint.imaging.color import linear_to_srgb, srgb_to_linear
from wallpaint.rooms.materials import Color
from wallpaint.typing import Array
from wallpaint.version import __version__

FORMAT = "wallpaint.room/2"
PATTERN = "room_*.npz"  # of room files in a folder
LARGEST_HALF = 2.0**15  # what the brightest pixel of a layer comes to, at most twice that
_DATE = (1980, 1, 1, 0, 0, 0)
_WORTH = 6  # zlib's level
LARGEST_ROOM = 2**32  # bytes, uncompressed
_DAMAGED = (
    *(OSError, EOFError, KeyError, TypeError, ValueError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, struct.error, SyntaxError, NotImplementedError),
)


@dataclass(frozen=True, eq=False)
class DressedView:
    """The room with its walls in another state.

    kind, track: as in `room.Dressing`. radiance: (h, w, 3) float32, linear sRGB. swatch: (s, s, 3) uint8 sRGB, the
    texture that most of the dressed wall shows, upright, or None where it is plain. walls: numbers of the walls that
    show the swatch.
    """

    kind: str
    track: str
    radiance: Array
    swatch: Array | None = None
    walls: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class RoomRecord:
    """Everything that is kept of a rendered room.

    buckets: (K + 1, h, w, 3) float32, see `buckets.radiance`. alpha: (h, w) float32, 0..1, share of paintable wall.
    depth: (h, w) float32, metres along the viewing axis. albedo: (h, w, 3) float32, linear sRGB, of what is seen, in
    which paintable wall counts as white; 0 where there is nothing. wall_number: (h, w) int8, -1 none. old_paint: (3,)
    linear sRGB. facts: what else the designer says of the room, JSON types only.
    """

    seed: int
    split: str
    kind: str
    samples: int
    old_paint: Color
    buckets: Array
    alpha: Array
    depth: Array
    albedo: Array
    wall_number: Array
    dressings: tuple[DressedView, ...] = ()
    facts: dict[str, object] = field(default_factory=dict)
    version: str = __version__

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        height, width = self.alpha.shape
        return height, width


@dataclass(frozen=True)
class Skipped:
    """A seed that gives no good room, and why."""

    seed: int
    why: str


def name_of(seed: int) -> str:
    """The file of a room."""
    return f"room_{seed:06d}.npz"


def seed_of(path: Path) -> int:
    """The seed of a room's file, by its name. Raises InputError."""
    digits = path.stem.removeprefix("room_")
    if not digits.isdigit():
        raise InputError(f"{path}: is not named as a room file is")
    return int(digits)


def skipped_name_of(seed: int) -> str:
    """The file that says why a seed has no room."""
    return f"room_{seed:06d}.json"


def write(path: Path, record: RoomRecord) -> None:
    """Save a room, whole or not at all. Raises InputError where the folder cannot be written to."""
    atomic.put(path, encode(record))


def encode(record: RoomRecord) -> bytes:
    """A room as the bytes of its file."""
    halves = [_half(layer) for layer in record.buckets]
    dressed = [_half(view.radiance) for view in record.dressings]
    arrays: dict[str, Array] = {
        "meta": np.frombuffer(json.dumps(_meta(record), sort_keys=True).encode(), np.uint8),
        "buckets": np.stack([half for half, _ in halves]),
        "bucket_scale": np.array([scale for _, scale in halves]),
        "alpha": np.round(np.clip(record.alpha, 0, 1) * 255).astype(np.uint8),
        "wall_number": record.wall_number.astype(np.int8),
        "depth": np.minimum(record.depth, np.finfo(np.float16).max).astype(np.float16),
        "albedo": np.round(np.clip(linear_to_srgb(record.albedo), 0, 1) * 255).astype(np.uint8),
        "dressing_scale": np.array([scale for _, scale in dressed]),
    }
    for number, view in enumerate(record.dressings):
        arrays[f"dressing_{number}"] = dressed[number][0]
        if view.swatch is not None:
            arrays[f"swatch_{number}"] = view.swatch
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=_WORTH) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            data = io.BytesIO()
            np.lib.format.write_array(data, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(entry, data.getvalue(), compresslevel=_WORTH)
    return out.getvalue()


def read(path: Path) -> RoomRecord:
    """Load a room. Raises InputError, one line, for what is missing, cut short, damaged or no room at all."""
    arrays, meta = _open(path)
    try:
        scale = arrays["dressing_scale"]
        views = tuple(
            DressedView(
                str(entry["kind"]),
                str(entry["track"]),
                arrays[f"dressing_{number}"].astype(np.float32) * np.float32(scale[number]),
                arrays.get(f"swatch_{number}"),
                tuple(int(wall) for wall in entry["walls"]),
            )
            for number, entry in enumerate(meta["dressings"])
        )
        red, green, blue = (float(value) for value in meta["old_paint"])
        record = RoomRecord(
            seed=int(meta["seed"]),
            split=str(meta["split"]),
            kind=str(meta["kind"]),
            samples=int(meta["samples"]),
            old_paint=(red, green, blue),
            buckets=arrays["buckets"].astype(np.float32)
            * arrays["bucket_scale"].astype(np.float32)[:, None, None, None],
            alpha=arrays["alpha"].astype(np.float32) / np.float32(255),
            depth=arrays["depth"].astype(np.float32),
            albedo=srgb_to_linear(arrays["albedo"].astype(np.float32) / 255).astype(np.float32),
            wall_number=arrays["wall_number"],
            dressings=views,
            facts=dict(meta["facts"]),
            version=str(meta["version"]),
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(f"{path}: a room file with parts missing ({type(error).__name__}): render it again") from error
    _check(path, record)
    return record


def read_meta(path: Path) -> dict[str, Any]:
    """A room's meta alone, after every byte of the file was checked. Raises InputError as `read` does."""
    return _open(path)[1]


def _meta(record: RoomRecord) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "seed": record.seed,
        "split": record.split,
        "kind": record.kind,
        "size": list(record.size),
        "samples": record.samples,
        "old_paint": [float(value) for value in record.old_paint],
        "version": record.version,
        "dressings": [{"kind": view.kind, "track": view.track, "walls": list(view.walls)} for view in record.dressings],
        "facts": record.facts,
    }


def _half(layer: Array) -> tuple[Array, float]:
    """A layer as float16, and the power of two that it was divided by."""
    brightest = float(np.abs(layer).max(initial=0.0))
    scale = 2.0 ** math.ceil(math.log2(brightest / LARGEST_HALF)) if 0 < brightest < math.inf else 1.0
    return (layer / scale).astype(np.float16), scale


def _open(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST_ROOM:
                raise InputError(f"{path}: is far too large for a room: delete it")
            arrays = {entry.filename.removesuffix(".npy"): _array(archive.read(entry)) for entry in archive.infolist()}
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such room file") from error
    except _DAMAGED as error:
        raise InputError(f"{path}: cannot be read as a room (damaged, or another kind of file): delete it") from error
    try:
        meta = json.loads(arrays["meta"].tobytes())
        if meta["format"] != FORMAT:
            raise InputError(
                f'{path}: its format is "{str(meta["format"])[:40]}", expected "{FORMAT}": render it again'
            )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a room file: its meta is missing or damaged") from error
    return arrays, meta


def _array(data: bytes) -> Array:
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def _check(path: Path, record: RoomRecord) -> None:
    size = record.size if record.alpha.ndim == 2 else (0, 0)
    layers = [record.buckets, record.albedo[None], *(view.radiance[None] for view in record.dressings)]
    fits = all(layer.ndim == 4 and layer.shape[1:] == (*size, 3) for layer in layers)
    if not fits or len(record.buckets) < 2 or record.depth.shape != size or record.wall_number.shape != size:
        raise InputError(f"{path}: a room file whose layers differ in size: render it again")
