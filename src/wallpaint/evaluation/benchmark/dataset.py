"""Reading a benchmark set: photos of rendered rooms, the same rooms in a new paint, and masks.

A set is a folder with metadata.jsonl, one JSON object a line, or a folder of such folders: then its `test` part is
read if there is one, else every part. Paths are relative to the file that names them. The keys of a line:

    image_path, mask_path, target_path   the photo, its wall, and the photo of the room in the new paint
    color_rgb        albedo of the new paint, sRGB 0..255, fractions allowed; null for a texture
    old_color_rgb    albedo of the old paint likewise; null where there are several or a pattern
    tracks           some of `TRACKS`; "texture" sets a line apart from all the others
    reference_path   picture of the texture, for the track "texture"
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
from wallpaint.evaluation.benchmark.baselines import Case, Truth
from wallpaint.imaging import color
from wallpaint.imaging import icc as colorspace
from wallpaint.imaging.mask_file import read_mask
from wallpaint.imaging.photo import read_photo
from wallpaint.typing import Array

METADATA = "metadata.jsonl"
TRACKS = ("plain", "patterned", "several", "dark_to_light", "light_to_dark", "coloured_light", "texture")
_PATHS = ("image_path", "mask_path", "target_path")


@dataclass(frozen=True)
class Pair:
    """One line of a set: a photo, a paint, and the truth. where: file and line, for messages.

    name, photo: paths of target and photo within the set. color_rgb, old_color_rgb: sRGB 0..255.
    """

    name: str
    photo: str
    where: str
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


def read_set(folder: Path) -> list[Pair]:
    """The pairs of a set, in its own order; every file that they name exists.

    Raises InputError, naming file and line, for anything missing or broken.
    """
    pairs = [pair for file in _metadata_files(folder) for pair in _pairs_of(file, folder)]
    if not pairs:
        raise InputError(f"{folder}: its {METADATA} has no line: there is nothing to compare")
    return pairs


def _metadata_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder: a benchmark set is a folder with {METADATA}")
    for part in (folder, folder / "test"):
        if (part / METADATA).is_file():
            return [part / METADATA]
    found = sorted(folder.glob(f"*/{METADATA}"))
    if not found:
        raise InputError(f"{folder}: has no {METADATA}, nor has a folder in it: is it a benchmark set?")
    return found


def _pairs_of(file: Path, folder: Path) -> Iterator[Pair]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read as text ({type(error).__name__})") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _pair(line, f"{file}, line {number}", file.parent, folder)


def _pair(line: str, where: str, beside: Path, folder: Path) -> Pair:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON") from error
    if not isinstance(entry, dict):
        raise InputError(f"{where}: a line is a JSON object, not {type(entry).__name__}")
    image, mask, target = (_file(entry, key, where, beside, needed=True) for key in _PATHS)
    assert image is not None
    assert mask is not None
    assert target is not None
    tracks = _tracks(entry, where)
    is_texture = "texture" in tracks
    swatch = _rgb(entry, "color_rgb", where)
    if swatch is None and not is_texture:
        raise InputError(f'{where}: color_rgb is missing: only the track "texture" goes without')
    return Pair(
        name=target.relative_to(folder).as_posix(),
        photo=image.relative_to(folder).as_posix(),
        where=where,
        image=image,
        mask=mask,
        target=target,
        tracks=tracks,
        color_rgb=None if is_texture else swatch,
        old_color_rgb=_rgb(entry, "old_color_rgb", where),
        reference=_file(entry, "reference_path", where, beside, needed=is_texture),
        clean=_file(entry, "clean_path", where, beside, needed=False),
    )


def _file(entry: dict[str, Any], key: str, where: str, beside: Path, *, needed: bool) -> Path | None:
    value = entry.get(key)
    if value is None and not needed:
        return None
    if not isinstance(value, str) or not value:
        raise InputError(f"{where}: {key} is {'missing' if value is None else 'not a path'}")
    path = Path(value)
    if path.is_absolute() or ".." in path.parts:
        raise InputError(f"{where}: {key} is {value}: paths stay within the set")
    if not (beside / path).is_file():
        raise InputError(f"{where}: {key} names {value}, and there is no such file")
    return beside / path


def _tracks(entry: dict[str, Any], where: str) -> tuple[str, ...]:
    tracks = entry.get("tracks", [])
    if not isinstance(tracks, list) or not all(isinstance(track, str) for track in tracks):
        raise InputError(f"{where}: tracks is a list of names, not {str(tracks)[:40]}")
    unknown = sorted(set(tracks) - set(TRACKS))
    if unknown:
        raise InputError(f"{where}: no such track: {', '.join(unknown)} (there are {', '.join(TRACKS)})")
    return tuple(tracks)


def _rgb(entry: dict[str, Any], key: str, where: str) -> tuple[float, float, float] | None:
    value = entry.get(key)
    if value is None:
        return None
    numbers = isinstance(value, list) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    if not numbers or len(value) != 3 or not all(0 <= v <= 255 for v in value):
        raise InputError(f"{where}: {key} is three numbers 0..255, not {str(value)[:40]}")
    return float(value[0]), float(value[1]), float(value[2])


# -- pictures --------------------------------------------------------------------------------------------


def load(pairs: Sequence[Pair]) -> list[Case]:
    """Read the pictures of pairs that share photo and mask, each of which is read once.

    The cases have their truth, and neither scene nor set_light. Raises InputError for pictures that cannot be read,
    or whose sizes differ.
    """
    photo, alpha = _codes(pairs[0].image), read_mask(pairs[0].mask).alpha
    return [_case(pair, photo, alpha) for pair in pairs]


def albedo_of(rgb: tuple[float, float, float]) -> Array:
    """(3,) linear sRGB of sRGB values 0..255."""
    return color.srgb_to_linear(np.array(rgb) / 255.0)


def _case(pair: Pair, photo: Array, alpha: Array) -> Case:
    target = _codes(pair.target)
    clean = None if pair.clean is None else _linear(pair.clean)
    for name, picture in (("mask", alpha), ("target", target), ("clean photo", clean)):
        if picture is not None and picture.shape[:2] != photo.shape[:2]:
            sizes = (f"{p.shape[0]}x{p.shape[1]}" for p in (picture, photo))
            raise InputError(f"{pair.where}: the {name} is {{}}, the photo is {{}}".format(*sizes))
    texture = _linear(pair.reference) if pair.reference is not None and pair.is_texture else None
    if pair.color_rgb is not None:
        albedo = albedo_of(pair.color_rgb)
    else:
        assert texture is not None
        albedo = texture.mean((0, 1))
    old = None if pair.old_color_rgb is None else albedo_of(pair.old_color_rgb)
    return Case(photo, alpha, albedo, texture, Truth(target, old, clean))


def _codes(path: Path) -> Array:
    """A picture as (H, W, 3) uint8 sRGB."""
    photo = read_photo(path)
    if photo.codes.dtype == np.uint8 and photo.space.is_srgb:
        return photo.codes
    return colorspace.srgb().from_linear(photo.space.to_linear(photo.codes), np.uint8)


def _linear(path: Path) -> Array:
    photo = read_photo(path)
    return np.clip(photo.space.to_linear(photo.codes), 0, 1).astype(np.float64)
