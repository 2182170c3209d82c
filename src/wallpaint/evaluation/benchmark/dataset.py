"""Reading a benchmark set: photos of rendered rooms, the same rooms in a new paint, and masks.

A set is a folder with metadata.jsonl, one JSON object a line, or a folder of such folders: then its `test` folder is
read if there is one, else every folder. Paths are relative to the file that names them. The keys of a line:

    image_path, mask_path, target_path   the photo, its wall mask, and the photo of the room in the new paint
    color_rgb        albedo of the new paint, sRGB 0..255, fractions allowed; null for a texture
    old_color_rgb    albedo of the existing paint likewise; null where there are several or a pattern
    tracks           some of `TRACKS`; lines of the track "texture" are in no other summary
    reference_path   image of the texture, for the track "texture"
    clean_path       optional: the photo without noise and compression, 8 or 16 bits

Other keys are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wallpaint.errors import InputError
from wallpaint.evaluation.benchmark.baselines import BenchmarkCase, GroundTruth
from wallpaint.imaging import color
from wallpaint.imaging import icc as colorspace
from wallpaint.imaging.mask_file import read_mask
from wallpaint.imaging.photo import read_photo
from wallpaint.typing import Array

METADATA_FILE = "metadata.jsonl"
TRACKS = ("plain", "patterned", "several", "relief", "dark_to_light", "light_to_dark", "coloured_light", "texture")
_REQUIRED_PATHS = ("image_path", "mask_path", "target_path")


@dataclass(frozen=True)
class BenchmarkPair:
    """One line of a set: a photo, a paint, and the true repaint.

    name, photo: paths of target and photo within the set. location: file and line, for messages. color_rgb,
    old_color_rgb: sRGB 0..255.
    """

    name: str
    photo: str
    location: str
    image: Path
    mask: Path
    target: Path
    tracks: tuple[str, ...]
    color_rgb: tuple[float, float, float] | None
    old_color_rgb: tuple[float, float, float] | None
    reference: Path | None
    clean: Path | None

    @property
    def is_texture(self) -> bool:
        return "texture" in self.tracks


def read_set(folder: Path) -> list[BenchmarkPair]:
    """Read the pairs of a set, in file order, and check that the files they name exist.

    Raises InputError, naming file and line, for anything missing or invalid.
    """
    pairs = [pair for file in _metadata_files(folder) for pair in _read_pairs(file, folder)]
    if not pairs:
        raise InputError(f"{folder}: its {METADATA_FILE} has no line: there is nothing to compare")
    return pairs


def _metadata_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder: a benchmark set is a folder with {METADATA_FILE}")
    for candidate in (folder, folder / "test"):
        if (candidate / METADATA_FILE).is_file():
            return [candidate / METADATA_FILE]
    files = sorted(folder.glob(f"*/{METADATA_FILE}"))
    if not files:
        raise InputError(f"{folder}: has no {METADATA_FILE}, nor has a folder in it: is it a benchmark set?")
    return files


def _read_pairs(file: Path, folder: Path) -> Iterator[BenchmarkPair]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read as text ({type(error).__name__})") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _parse_pair(line, f"{file}, line {number}", file.parent, folder)


def _parse_pair(line: str, location: str, root: Path, folder: Path) -> BenchmarkPair:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{location}: not JSON") from error
    if not isinstance(entry, dict):
        raise InputError(f"{location}: a line is a JSON object, not {type(entry).__name__}")
    image, mask, target = (_parse_path(entry, key, location, root, required=True) for key in _REQUIRED_PATHS)
    assert image is not None
    assert mask is not None
    assert target is not None
    tracks = _parse_tracks(entry, location)
    is_texture = "texture" in tracks
    swatch = _parse_rgb(entry, "color_rgb", location)
    if swatch is None and not is_texture:
        raise InputError(f'{location}: color_rgb is missing: it is optional on the track "texture" only')
    return BenchmarkPair(
        name=target.relative_to(folder).as_posix(),
        photo=image.relative_to(folder).as_posix(),
        location=location,
        image=image,
        mask=mask,
        target=target,
        tracks=tracks,
        color_rgb=None if is_texture else swatch,
        old_color_rgb=_parse_rgb(entry, "old_color_rgb", location),
        reference=_parse_path(entry, "reference_path", location, root, required=is_texture),
        clean=_parse_path(entry, "clean_path", location, root, required=False),
    )


def _parse_path(entry: dict[str, Any], key: str, location: str, root: Path, *, required: bool) -> Path | None:
    value = entry.get(key)
    if value is None and not required:
        return None
    if not isinstance(value, str) or not value:
        raise InputError(f"{location}: {key} is {'missing' if value is None else 'not a path'}")
    path = Path(value)
    if path.is_absolute() or ".." in path.as_posix().split("/"):
        raise InputError(f"{location}: {key} is {value}: paths must stay within the set")
    if not (root / path).is_file():
        raise InputError(f"{location}: {key} names {value}, and there is no such file")
    return root / path


def _parse_tracks(entry: dict[str, Any], location: str) -> tuple[str, ...]:
    tracks = entry.get("tracks", [])
    if not isinstance(tracks, list) or not all(isinstance(track, str) for track in tracks):
        raise InputError(f"{location}: tracks must be a list of names, not {str(tracks)[:40]}")
    unknown = sorted(set(tracks) - set(TRACKS))
    if unknown:
        raise InputError(f"{location}: no such track: {', '.join(unknown)} (there are {', '.join(TRACKS)})")
    return tuple(tracks)


def _parse_rgb(entry: dict[str, Any], key: str, location: str) -> tuple[float, float, float] | None:
    value = entry.get(key)
    if value is None:
        return None
    numbers = isinstance(value, list) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    if not numbers or len(value) != 3 or not all(0 <= v <= 255 for v in value):
        raise InputError(f"{location}: {key} must be three numbers 0..255, not {str(value)[:40]}")
    return float(value[0]), float(value[1]), float(value[2])


# -- images ----------------------------------------------------------------------------------------------


def load_cases(pairs: Sequence[BenchmarkPair]) -> list[BenchmarkCase]:
    """Read the images of pairs that share photo and mask, each of which is read once.

    The cases have their ground truth, and neither scene nor set_light. Raises InputError for images that cannot be
    read, or whose sizes differ.
    """
    photo, alpha = _read_codes(pairs[0].image), read_mask(pairs[0].mask).alpha
    return [_load_case(pair, photo, alpha) for pair in pairs]


def linear_albedo(rgb: tuple[float, float, float]) -> Array:
    """Convert sRGB values 0..255 to linear sRGB, (3,)."""
    return color.srgb_to_linear(np.array(rgb) / 255.0)


def _load_case(pair: BenchmarkPair, photo: Array, alpha: Array) -> BenchmarkCase:
    target = _read_codes(pair.target)
    clean = None if pair.clean is None else _read_linear(pair.clean)
    for name, image in (("mask", alpha), ("target", target), ("clean photo", clean)):
        if image is not None and image.shape[:2] != photo.shape[:2]:
            sizes = (f"{p.shape[0]}x{p.shape[1]}" for p in (image, photo))
            raise InputError(f"{pair.location}: the {name} is {{}}, the photo is {{}}".format(*sizes))
    texture = _read_linear(pair.reference) if pair.reference is not None and pair.is_texture else None
    if pair.color_rgb is not None:
        albedo = linear_albedo(pair.color_rgb)
    else:
        assert texture is not None
        albedo = texture.mean((0, 1))
    old_albedo = None if pair.old_color_rgb is None else linear_albedo(pair.old_color_rgb)
    return BenchmarkCase(photo, alpha, albedo, texture, GroundTruth(target, old_albedo, clean))


def _read_codes(path: Path) -> Array:
    """Read an image as (H, W, 3) uint8 sRGB."""
    photo = read_photo(path)
    if photo.codes.dtype == np.uint8 and photo.space.is_srgb:
        return photo.codes
    return colorspace.srgb().from_linear(photo.space.to_linear(photo.codes), np.uint8)


def _read_linear(path: Path) -> Array:
    photo = read_photo(path)
    return np.clip(photo.space.to_linear(photo.codes), 0, 1).astype(np.float64)
