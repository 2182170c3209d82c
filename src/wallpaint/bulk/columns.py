"""Columns of a manifest: every option of a repaint by its name, and its value parsed from a cell's text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from wallpaint.diffusion.settings import DiffusionSettings, Lora
from wallpaint.errors import InputError, WallpaintError
from wallpaint.imaging.photo import Limits
from wallpaint.painters.registry import check_name
from wallpaint.paints.paint import Paint
from wallpaint.paints.palette import read_palette
from wallpaint.pipeline.job import RepaintJob
from wallpaint.pipeline.options import RepaintOptions
from wallpaint.scene.options import SceneOptions, parse_point

SEPARATOR = "|"  # between several values of a cell: a colour such as rgb(1, 2, 3) has commas and spaces
FILES = ("photo", "mask", "palette", "reference")
_NO_COLUMNS = {"limits", "light_model"}  # not options of the command
_TRUE, _FALSE = {"yes", "true", "1", "x"}, {"no", "false", "0"}


def _flag(text: str, name: str) -> bool:
    if text.casefold() not in _TRUE | _FALSE:
        raise InputError(f"`{name}` must be yes or no, not {text!r}")
    return text.casefold() in _TRUE


def _whole(text: str, name: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,20}", text):
        raise InputError(f"`{name}` must be a whole number, not {text!r}")
    return int(text)


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"`{name}` must be a number, not {text!r}") from None


def _text(text: str, name: str) -> str:
    del name
    return text


def _limit(text: str, name: str) -> int:
    value = _whole(text, name)
    if value < 1:
        raise InputError(f"`{name}` must be at least 1, not {value}")
    return value


def _quality(text: str, name: str) -> int:
    value = _whole(text, name)
    if not 1 <= value <= 100:
        raise InputError(f"`{name}` must be in 1..100, not {value}")
    return value


def _seed(text: str, name: str) -> int:
    value = _whole(text, name)
    if not 0 <= value < 2**64:
        raise InputError(f"`{name}` must be in 0..{2**64 - 1}, not {value}")
    return value


def _painter(text: str, name: str) -> str:
    del name
    check_name(text)
    return text


_PARSERS: Mapping[str, Callable[[str, str], Any]] = {"bool": _flag, "int": _whole, "float": _number}


def _parsers(config: type[Any]) -> dict[str, Callable[[str, str], Any]]:
    named = ((one.name, str(one.type)) for one in fields(config) if one.name not in _NO_COLUMNS)
    return {name: _PARSERS.get(annotation, _text) for name, annotation in named}


SCENE = {**_parsers(SceneOptions), "white": parse_point}
REPAINT = {**_parsers(RepaintOptions), "seed": _seed, "painter": _painter}
SETTINGS = {name: parser for name, parser in _parsers(DiffusionSettings).items() if name != "loras"}
LIMITS = {"max_bytes": _limit, "max_pixels": _limit}
JOB = {"strip_location": _flag, "quality": _quality}
LISTS = ("color", "wall", "lora")
COLUMNS = (*FILES, *LISTS, *SCENE, *REPAINT, *JOB, *LIMITS, *SETTINGS)
_PLURALS = {"colors": "color", "colour": "color", "colours": "color", "walls": "wall", "loras": "lora"}


def column_name(header: str) -> str:
    """Return the column of a header: "fit_mask" for "--fit-mask" and "Fit mask". Raises InputError."""
    plain = re.sub(r"[\s-]+", "_", header.strip().removeprefix("--").casefold())
    plain = _PLURALS.get(plain, plain)
    if plain not in COLUMNS:
        near = difflib.get_close_matches(plain, COLUMNS, 1)
        hint = f"did you mean {near[0]}?" if near else "columns are named as the options of `wallpaint repaint`"
        raise InputError(f"column {header.strip()!r} is unknown: {hint}")
    return plain


def parse_row(cells: Mapping[str, str], folder: Path, output: Path) -> tuple[RepaintJob | None, list[str]]:
    """Return the job of a row and the row's mistakes; the job is None if there are any.

    cells: text by column, without empty cells. folder: of the manifest, where relative paths start. output: the folder
    of the results.
    """
    errors: list[str] = []

    def made(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except WallpaintError as error:
            errors.append(str(error))
        return None

    def values(parsers: Mapping[str, Callable[[str, str], Any]]) -> dict[str, Any]:
        pairs = {name: made(parse, cells[name], name) for name, parse in parsers.items() if name in cells}
        return {name: value for name, value in pairs.items() if value is not None}

    paths = {name: made(_file, cells[name], name, folder) for name in FILES if name in cells}
    if "photo" not in cells:
        errors.append("`photo` is missing")
    lists = {name: tuple(filter(None, map(str.strip, cells.get(name, "").split(SEPARATOR)))) for name in LISTS}
    walls = tuple(made(_wall, text, folder) for text in lists["wall"])
    limits = Limits(**values(LIMITS))
    scene_options = made(SceneOptions, **values(SCENE), limits=limits)
    repaint_options = made(RepaintOptions, **values(REPAINT))
    loras = tuple(made(Lora.parse, text) for text in lists["lora"])
    settings = made(DiffusionSettings, **values(SETTINGS), loras=tuple(filter(None, loras)))
    job_values = values(JOB)
    palette = None if paths.get("palette") is None else made(read_palette, paths["palette"])
    if palette is not None or "palette" not in cells:
        for text in (*lists["color"], *(wall.rpartition("=")[2] for wall in walls if wall), cells.get("old_color")):
            if text is not None:
                made(Paint.parse, text, palette)
    if errors:
        return None, errors
    job = RepaintJob(
        output=output,
        colors=lists["color"],
        walls=walls,
        scene_options=scene_options,
        repaint_options=repaint_options,
        settings=settings,
        **paths,
        **job_values,
    )
    return job, []


def _file(text: str, name: str, folder: Path) -> Path:
    path = folder / Path(text).expanduser()
    if not path.is_file():
        raise InputError(f"`{name}` {text}: there is no such file")
    return path


def _wall(text: str, folder: Path) -> str:
    path, equals, color = text.rpartition("=")
    if not equals or not path or not color:
        raise InputError(f"`wall` takes MASK=COLOR, such as left.png=#7d9b84, not {text!r}")
    return f"{_file(path, 'wall', folder)}={color}"
