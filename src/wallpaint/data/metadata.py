"""What a data set says of a sample: the keys of a metadata line, checked. Messages name file and line.

    image_path, mask_path, target_path   pictures, relative to the file that names them; target is optional
    file_name, text                      Hugging Face's names for image_path and caption
    color_rgb, color_name                the wall's colour in the target, or in the photo where there is no target
    old_color_rgb                        the photo's own paint where a target shows another
    quality_score, caption, reference_path, tracks, room

Other keys are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from wallpaint.errors import InputError

METADATA = "metadata.jsonl"
ALIASES = {"image_path": "file_name", "caption": "text"}
LARGEST = 1e9
PATHS = ("image_path", "mask_path", "target_path", "reference_path")

Rgb: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True)
class Entry:
    """What is said of one sample beside its pictures.

    color_rgb, old_color_rgb: albedo as sRGB 0..255, see the module. quality: 0..1. room: number of a rendered room.
    """

    color_rgb: Rgb | None = None
    color_name: str | None = None
    old_color_rgb: Rgb | None = None
    quality: float = 1.0
    caption: str = ""
    room: int | None = None


def read_lines(file: Path) -> Iterator[tuple[str, str]]:
    """(where, text) of the lines of a metadata file that are not empty. Raises InputError where it is no text."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read as text ({type(error).__name__}): save it as UTF-8") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield f"{file}, line {number}", line


def parse(text: str, where: str) -> dict[str, Any]:
    """A line as a JSON object, with its aliases resolved. Raises InputError."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON: one object a line is expected") from error
    if not isinstance(found, dict):
        raise InputError(f"{where}: a line is a JSON object, not {type(found).__name__}")
    for name, alias in ALIASES.items():
        if found.get(name) is None and alias in found:
            found[name] = found[alias]
    return found


def entry_of(found: Mapping[str, Any], where: str) -> Entry:
    """The values of a line. Raises InputError for one of a wrong kind or out of range."""
    quality = found.get("quality_score")
    if quality is not None and not (is_number(quality) and 0 <= quality <= 1):
        raise InputError(f"{where}: quality_score is a number 0..1, not {_short(quality)}")
    room = found.get("room")
    if room is not None and (not isinstance(room, int) or isinstance(room, bool)):
        raise InputError(f"{where}: room is a whole number, not {_short(room)}")
    return Entry(
        color_rgb=_rgb(found, "color_rgb", where),
        color_name=_text(found, "color_name", where),
        old_color_rgb=_rgb(found, "old_color_rgb", where),
        quality=1.0 if quality is None else float(quality),
        caption=_text(found, "caption", where) or "",
        room=room,
    )


def path_of(found: Mapping[str, Any], key: str, where: str, beside: Path) -> Path | None:
    """A file that a line names, or None. Raises InputError for a path that leaves the folder, or leads nowhere."""
    value = found.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value or not value.isprintable():
        raise InputError(f"{where}: {key} is not a path but {_short(value)}")
    path = Path(value)
    if path.is_absolute() or ".." in path.parts or "\\" in value:
        raise InputError(f"{where}: {key} is {value}: paths stay within the folder, with forward slashes")
    try:
        is_there = (beside / path).is_file()
    except OSError:  # a name longer than any file's
        is_there = False
    if not is_there:
        raise InputError(f"{where}: {key} names {value}, and there is no such file")
    return beside / path


def _rgb(found: Mapping[str, Any], key: str, where: str) -> Rgb | None:
    value = found.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 3 or not all(is_number(v) and 0 <= v <= 255 for v in value):
        raise InputError(f"{where}: {key} is three numbers 0..255, not {_short(value)}")
    return float(value[0]), float(value[1]), float(value[2])


def _text(found: Mapping[str, Any], key: str, where: str) -> str | None:
    value = found.get(key)
    if value is not None and not isinstance(value, str):
        raise InputError(f"{where}: {key} is a text, not {_short(value)}")
    return value


def is_number(value: Any) -> bool:
    """Whether a value is a number that can be reckoned with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
