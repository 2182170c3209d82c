"""Metadata of a sample: the keys of a metadata line, validated. Messages name file and line.

A line of metadata.jsonl is a JSON object, a line of metadata.csv its values under a header of keys.

    image_path, mask_path, target_path   images, relative to the metadata file; target is optional
    file_name, text                      Hugging Face's names for image_path and caption
    color_rgb, color_name                the wall's colour in the target, or in the photo if there is no target
    old_color_rgb                        the existing paint in the photo, if there is a target
    mask_class, invert_mask, mask_orientation
                                         how the mask is read, as in a repaint
    quality_score, caption, reference_path, tracks, room

Other keys are ignored.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from wallpaint.errors import InputError
from wallpaint.files import names
from wallpaint.scene.options import MaskOrientation

METADATA_FILE, CSV_FILE = "metadata.jsonl", "metadata.csv"
ALIASES = {"image_path": "file_name", "caption": "text"}
MAX_MAGNITUDE = 1e9  # of a number in metadata or settings
_JSON_KEYS = ("color_rgb", "old_color_rgb", "quality_score", "room", "tracks")  # not text
_MASK_KEYS = ("mask_class", "invert_mask", "mask_orientation")
CONTENT_FOLDERS = ("images", "masks", "targets")
PATH_KEYS = ("image_path", "mask_path", "target_path", "reference_path")

Rgb: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True)
class SampleMetadata:
    """Metadata of one sample besides its paths.

    color_rgb, old_color_rgb: albedo as sRGB 0..255, see the module. quality: 0..1. room: number of a rendered room.
    mask_class, invert_mask: see `mask_file.read_mask`. mask_orientation: "upright" or "stored", see
    `mask_orientation.orient_mask`.
    """

    color_rgb: Rgb | None = None
    color_name: str | None = None
    old_color_rgb: Rgb | None = None
    quality: float = 1.0
    caption: str = ""
    room: int | None = None
    mask_class: str | None = None
    invert_mask: bool = False
    mask_orientation: MaskOrientation = "upright"

    def hash_text(self) -> str:
        """Return a text of all values, which digests of samples depend on; its form must not change."""
        fields = self.__dataclass_fields__.values()
        changed = {f.name for f in fields if f.name in _MASK_KEYS and getattr(self, f.name) != f.default}
        names = (f.name for f in fields if f.name not in _MASK_KEYS or f.name in changed)
        values = (f"{name}={getattr(self, name)!r}" for name in names)
        return f"Entry({', '.join(values)})"


def read_lines(file: Path) -> Iterator[tuple[str, str]]:
    """Yield (location, text) of the non-empty lines of a metadata file, each a JSON object.

    A row of a .csv file becomes a JSON object; empty cells are left out. Raises InputError if the file is no text, or
    a .csv file has no header with image_path or file_name.
    """
    text = read_text(file)
    if file.suffix == ".csv":
        yield from _csv_rows(file, text)
        return
    for number, line in names.lines_of(text):
        yield f"{file}, line {number}", line


def read_text(file: Path) -> str:
    """Read a text file, see `files.names.decode_text`. Raises InputError."""
    try:
        return names.decode_text(file.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read as text ({type(error).__name__}): save it as UTF-8") from error


def _csv_rows(file: Path, text: str) -> Iterator[tuple[str, str]]:
    text, delimiter = names.without_separator_line(text)
    header = next((line for line in text.split("\n") if line.strip()), "")
    delimiter = delimiter or max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    keys: list[str] = []
    for row in reader:
        location = f"{file}, line {reader.line_num}"
        if not any(cell.strip() for cell in row):
            continue
        if not keys:
            keys = [cell.strip() for cell in row]
            if not {"image_path", "file_name"} & set(keys):
                raise InputError(f"{location}: no column image_path or file_name: the first line names the columns")
            continue
        values = {key: _csv_value(key, cell.strip()) for key, cell in zip(keys, row, strict=False) if cell.strip()}
        yield location, json.dumps(values, ensure_ascii=False)


def _csv_value(key: str, cell: str) -> Any:
    """The value of a cell: of a number or list as JSON, else text."""
    if key not in _JSON_KEYS:
        return cell
    try:
        return json.loads(cell)
    except ValueError:
        return cell


def parse_line(text: str, location: str) -> dict[str, Any]:
    """Parse a line as a JSON object and resolve aliases. Raises InputError."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{location}: not JSON: one object a line is expected") from error
    if not isinstance(line, dict):
        raise InputError(f"{location}: a line is a JSON object, not {type(line).__name__}")
    for name, alias in ALIASES.items():
        if line.get(name) is None and alias in line:
            line[name] = line[alias]
    return line


def parse_metadata(line: Mapping[str, Any], location: str) -> SampleMetadata:
    """Validate the values of a line. Raises InputError for a wrong type or a value out of range."""
    quality = line.get("quality_score")
    if quality is not None and not (is_number(quality) and 0 <= quality <= 1):
        raise InputError(f"{location}: quality_score is a number 0..1, not {_abbreviated(quality)}")
    room = line.get("room")
    if room is not None and (not isinstance(room, int) or isinstance(room, bool)):
        raise InputError(f"{location}: room is a whole number, not {_abbreviated(room)}")
    return SampleMetadata(
        color_rgb=_rgb(line, "color_rgb", location),
        color_name=_text(line, "color_name", location),
        old_color_rgb=_rgb(line, "old_color_rgb", location),
        quality=1.0 if quality is None else float(quality),
        caption=_text(line, "caption", location) or "",
        room=room,
        mask_class=_mask_class(line, location),
        invert_mask=_is_inverted(line, location),
        mask_orientation=_mask_orientation(line, location),
    )


def _mask_class(line: Mapping[str, Any], location: str) -> str | None:
    value = line.get("mask_class")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(line, "mask_class", location) or None


def _is_inverted(line: Mapping[str, Any], location: str) -> bool:
    value = line.get("invert_mask", False)
    value = {"true": True, "false": False}.get(value.casefold(), value) if isinstance(value, str) else value
    if not isinstance(value, bool):
        raise InputError(f"{location}: invert_mask is true or false, not {_abbreviated(value)}")
    return value


def _mask_orientation(line: Mapping[str, Any], location: str) -> MaskOrientation:
    value = line.get("mask_orientation", "upright")
    if value in ("upright", "stored"):
        return cast(MaskOrientation, value)
    raise InputError(f"{location}: mask_orientation is upright or stored, not {_abbreviated(value)}")


def with_keys(message: str) -> str:
    """Return a message on parameters of a mask as one on the keys of a metadata line."""
    changed = re.sub(r"`mask_(class|orientation)(?:=[\"']?([^`\"']+)[\"']?)?`", _with_key, message)
    changed = changed.replace("set `invert_mask`", 'set "invert_mask": true').replace("`invert_mask`", '"invert_mask"')
    return message if changed == message else f"{changed} (keys of {METADATA_FILE})"


def _with_key(match: re.Match[str]) -> str:
    return f'"mask_{match[1]}"' + (f': "{match[2]}"' if match[2] else "")


def resolve_path(line: Mapping[str, Any], key: str, location: str, folder: Path) -> Path | None:
    """Return the file that a line names, or None. Raises InputError if it is outside the folder or does not exist."""
    value = line.get(key)
    if value is None:
        return None
    name = ALIASES[key] if key in ALIASES and line.get(ALIASES[key]) == value else key
    if not isinstance(value, str) or not value or not value.isprintable():
        raise InputError(f"{location}: {name} is not a path but {_abbreviated(value)}")
    path = Path(value)
    if path.is_absolute() or ".." in value.split("/") or "\\" in value:
        raise InputError(f"{location}: {name} is {value}: paths stay within the folder, with forward slashes")
    file = names.find(folder, path.as_posix())
    if file is None or not file.is_file():
        content = next((one for one in CONTENT_FOLDERS if names.find(folder, f"{one}/{path.as_posix()}")), None)
        hint = f": write {content}/{value}" if content else f" in {folder}"
        raise InputError(f"{location}: {name} names {value}, and there is no such file{hint}")
    return file


def _rgb(line: Mapping[str, Any], key: str, location: str) -> Rgb | None:
    value = line.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 3 or not all(is_number(v) and 0 <= v <= 255 for v in value):
        raise InputError(f"{location}: {key} is three numbers 0..255, not {_abbreviated(value)}")
    return float(value[0]), float(value[1]), float(value[2])


def _text(line: Mapping[str, Any], key: str, location: str) -> str | None:
    value = line.get(key)
    if value is not None and not isinstance(value, str):
        raise InputError(f"{location}: {key} is a text, not {_abbreviated(value)}")
    return value


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number of reasonable magnitude, and not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_MAGNITUDE


def _abbreviated(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
