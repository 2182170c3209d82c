"""The file format of one rendered room.

room_000042.npz is a NumPy archive without pickles and with fixed time stamps, so equal rooms give equal bytes. Radiance
is float16 with a power-of-two scale per layer, which keeps lamps and shadows in range.

    meta           uint8, JSON in UTF-8: format, seed, split, kind, old_paint, samples, generator, dressings, facts,
                   wall_planes, camera
    buckets        (K + 1, h, w, 3) float16      bucket_scale    (K + 1,) float64
    alpha          (h, w) uint8, 0..255          wall_number     (h, w) int8, -1 none
    depth          (h, w) float16, metres             albedo          (h, w, 3) uint8, sRGB-encoded
    dressing_N     (h, w, 3) float16, rendering of wall variant N            dressing_scale  (N,) float64
    swatch_N       (s, s, 3) uint8 sRGB, if wall variant N has a texture
    wall_plane     (h, w) int8, index into wall_planes, -1 none; absent if the record has no planes

Files of the format wallpaint.room/2 are read too: they have no planes and no camera, and the version of the package
that wrote them in place of that of the generator, which counts as generator version 1.
"""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from wallpaint.errors import InputError
from wallpaint.files import atomic
from wallpaint.imaging.color import linear_to_srgb, srgb_to_linear
from wallpaint.rooms.materials import Color
from wallpaint.rooms.room import GENERATOR_VERSION
from wallpaint.rooms.wall_planes import CameraIntrinsics, PlaneInView
from wallpaint.typing import Array

FORMAT = "wallpaint.room/3"
EARLIER_FORMATS = ("wallpaint.room/2",)
UNVERSIONED_GENERATOR = 1  # generator version of files without one
ROOM_GLOB = "room_*.npz"  # of room files in a folder
HALF_TARGET_MAX = 2.0**15  # after scaling, the maximum of a layer is at most this
_T = TypeVar("_T")
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_ZLIB_LEVEL = 6
MAX_ROOM_BYTES = 2**32  # bytes, uncompressed
_READ_ERRORS = (
    *(OSError, EOFError, KeyError, TypeError, ValueError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, struct.error, SyntaxError, NotImplementedError),
)


@dataclass(frozen=True, eq=False)
class WallVariantView:
    """A rendering of the room with one of its wall variants.

    kind, track: see `room.WallVariant`. radiance: (h, w, 3) float32, linear sRGB. swatch: (s, s, 3) uint8 sRGB, the
    texture with the largest visible area, upright; None without a texture. walls: numbers of the walls with that
    texture.
    """

    kind: str
    track: str
    radiance: Array
    swatch: Array | None = None
    walls: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class RoomRecord:
    """The content of a room file.

    buckets: (K + 1, h, w, 3) float32, see `buckets.radiance`. alpha: (h, w) float32, 0..1, share of paintable wall.
    depth: (h, w) float32, metres along the optical axis. albedo: (h, w, 3) float32, linear sRGB, of the first hit;
    paintable wall counts as white, 0 without a hit. wall_number: (h, w) int8, -1 for none. old_paint: (3,) linear sRGB,
    the existing paint. metadata: see `room.Room`; stored under "facts". generator_version: of the generator that
    rendered the room. wall_plane: (h, w) int8, index into planes of the wall that covers most of the pixel, painted or
    not, -1 for other surfaces such as reveals and mouldings. planes, camera: planes of the walls in camera coordinates,
    and the camera; see `wall_planes`. wall_plane, planes and camera are None in files of earlier formats.
    """

    seed: int
    split: str
    room_type: str
    samples: int
    old_paint: Color
    buckets: Array
    alpha: Array
    depth: Array
    albedo: Array
    wall_number: Array
    wall_variants: tuple[WallVariantView, ...] = ()
    metadata: dict[str, object] = field(default_factory=dict)
    generator_version: int = GENERATOR_VERSION
    wall_plane: Array | None = None
    planes: tuple[PlaneInView, ...] | None = None
    camera: CameraIntrinsics | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        height, width = self.alpha.shape
        return height, width


@dataclass(frozen=True)
class SkippedSeed:
    """A seed without a usable room, and the reason."""

    seed: int
    reason: str


def name_of(seed: int) -> str:
    """Return the file name of a room."""
    return f"room_{seed:06d}.npz"


def seed_of(path: Path) -> int:
    """Parse the seed from the name of a room file. Raises InputError."""
    digits = path.stem.removeprefix("room_")
    if not digits.isdigit():
        raise InputError(f"{path}: the name of a room file is room_ and digits, e.g. room_000042.npz")
    return int(digits)


def skipped_name_of(seed: int) -> str:
    """Return the name of the file that gives the reason why a seed has no room."""
    return f"room_{seed:06d}.json"


def write(path: Path, record: RoomRecord) -> None:
    """Save a room atomically. Raises InputError if the folder is not writable."""
    atomic.put(path, encode(record))


def encode(record: RoomRecord) -> bytes:
    """Encode a room to the bytes of its file."""
    halves = [_half(layer) for layer in record.buckets]
    variant_halves = [_half(variant.radiance) for variant in record.wall_variants]
    arrays: dict[str, Array] = {
        "meta": np.frombuffer(json.dumps(_meta(record), sort_keys=True).encode(), np.uint8),
        "buckets": np.stack([half for half, _ in halves]),
        "bucket_scale": np.array([scale for _, scale in halves]),
        "alpha": np.round(np.clip(record.alpha, 0, 1) * 255).astype(np.uint8),
        "wall_number": record.wall_number.astype(np.int8),
        "depth": np.minimum(record.depth, np.finfo(np.float16).max).astype(np.float16),
        "albedo": np.round(np.clip(linear_to_srgb(record.albedo), 0, 1) * 255).astype(np.uint8),
        "dressing_scale": np.array([scale for _, scale in variant_halves]),
    }
    for number, variant in enumerate(record.wall_variants):
        arrays[f"dressing_{number}"] = variant_halves[number][0]
        if variant.swatch is not None:
            arrays[f"swatch_{number}"] = variant.swatch
    if record.wall_plane is not None:
        arrays["wall_plane"] = record.wall_plane.astype(np.int8)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=_ZLIB_LEVEL) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", _ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            data = io.BytesIO()
            np.lib.format.write_array(data, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(entry, data.getvalue(), compresslevel=_ZLIB_LEVEL)
    return buffer.getvalue()


def read(path: Path) -> RoomRecord:
    """Load a room. Raises InputError, one line, for a missing, truncated, damaged or foreign file."""
    arrays, meta = _open(path)
    try:
        scale = arrays["dressing_scale"]
        variants = tuple(
            WallVariantView(
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
            room_type=str(meta["kind"]),
            samples=int(meta["samples"]),
            old_paint=(red, green, blue),
            buckets=arrays["buckets"].astype(np.float32)
            * arrays["bucket_scale"].astype(np.float32)[:, None, None, None],
            alpha=arrays["alpha"].astype(np.float32) / np.float32(255),
            depth=arrays["depth"].astype(np.float32),
            albedo=srgb_to_linear(arrays["albedo"].astype(np.float32) / 255).astype(np.float32),
            wall_number=arrays["wall_number"],
            wall_variants=variants,
            metadata=dict(meta["facts"]),
            generator_version=generator_version_of(meta),
            wall_plane=arrays.get("wall_plane"),
            planes=_optional(meta.get("wall_planes"), lambda planes: tuple(map(PlaneInView.from_json, planes))),
            camera=_optional(meta.get("camera"), CameraIntrinsics.from_json),
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: entries of the room file are missing ({type(error).__name__}): render it again"
        ) from error
    _check(path, record)
    return record


def read_meta(path: Path) -> dict[str, Any]:
    """Read only the JSON record of a room; checks the whole file. Raises InputError as `read` does."""
    return _open(path)[1]


def generator_version_of(meta: dict[str, Any]) -> int:
    """Return the generator version in the JSON record of a room or of a skipped seed. Raises ValueError, TypeError."""
    return int(meta.get("generator", UNVERSIONED_GENERATOR))


def _optional(value: Any, convert: Callable[[Any], _T]) -> _T | None:
    return None if value is None else convert(value)


def _meta(record: RoomRecord) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "seed": record.seed,
        "split": record.split,
        "kind": record.room_type,
        "size": list(record.size),
        "samples": record.samples,
        "old_paint": [float(value) for value in record.old_paint],
        "generator": record.generator_version,
        "dressings": [
            {"kind": variant.kind, "track": variant.track, "walls": list(variant.walls)}
            for variant in record.wall_variants
        ],
        "facts": record.metadata,
        "wall_planes": _optional(record.planes, lambda planes: [plane.to_json() for plane in planes]),
        "camera": _optional(record.camera, CameraIntrinsics.to_json),
    }


def _half(layer: Array) -> tuple[Array, float]:
    """Return a layer as float16, and the power of two by which it was divided."""
    brightest = float(np.abs(layer).max(initial=0.0))
    scale = 2.0 ** math.ceil(math.log2(brightest / HALF_TARGET_MAX)) if 0 < brightest < math.inf else 1.0
    return (layer / scale).astype(np.float16), scale


def _open(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_ROOM_BYTES:
                raise InputError(f"{path}: is too large for a room file: delete it")
            arrays = {entry.filename.removesuffix(".npy"): _array(archive.read(entry)) for entry in archive.infolist()}
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such room file") from error
    except _READ_ERRORS as error:
        raise InputError(f"{path}: cannot be read as a room file (damaged, or of another format): delete it") from error
    try:
        meta = json.loads(arrays["meta"].tobytes())
        if meta["format"] not in (FORMAT, *EARLIER_FORMATS):
            raise InputError(
                f'{path}: its format is "{str(meta["format"])[:40]}", expected "{FORMAT}": render it again'
            )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a room file: the entry meta is missing or damaged") from error
    return arrays, meta


def _array(data: bytes) -> Array:
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def _check(path: Path, record: RoomRecord) -> None:
    size = record.size if record.alpha.ndim == 2 else (0, 0)
    layers = [record.buckets, record.albedo[None], *(variant.radiance[None] for variant in record.wall_variants)]
    fits = all(layer.ndim == 4 and layer.shape[1:] == (*size, 3) for layer in layers)
    if record.wall_plane is not None:
        fits &= record.wall_plane.shape == size and record.planes is not None
        fits &= record.wall_plane.max(initial=-1) < len(record.planes or ())
    if not fits or len(record.buckets) < 2 or record.depth.shape != size or record.wall_number.shape != size:
        raise InputError(f"{path}: a room file whose layers differ in size: render it again")
