"""bundle.toml: what a folder of models says of itself, and where each part lies.

    schema = "wallpaint.bundle/1"
    name = "sd15"
    native_px = 512

    [parts]
    unet = "unet"

Places are relative to the file. A part that is not named is not in the bundle.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wallpaint.bundles.configurations import NAMES
from wallpaint.errors import ModelError
from wallpaint.files.atomic import put

FILE_NAME = "bundle.toml"
SCHEMA = "wallpaint.bundle/1"
INDEX_NAME = "model_index.json"

MODULES = ("unet", "vae", "text_encoder", "controlnet", "image_encoder", "depth", "segmenter")
PARTS = (*MODULES, "tokenizer", "scheduler", "ip_adapter", "checkpoint")
IN_CHECKPOINT = ("unet", "vae", "text_encoder")
_TYPES: dict[str, type] = {
    "schema": str,
    "name": str,
    "description": str,
    "random": bool,
    "native_px": int,
    "configuration": str,
    "parts": dict,
}
_NEEDED = ("schema", "name", "native_px", "parts")


@dataclass(frozen=True)
class Manifest:
    """A bundle's description. `places` holds absolute paths, by part."""

    folder: Path
    name: str
    native_px: int
    places: Mapping[str, Path]
    description: str = ""
    random: bool = False
    configuration: str = "sd15"  # of the checkpoint, which does not say it
    foreign: bool = False  # no bundle.toml: nothing is written there
    written: Mapping[str, str] = field(default_factory=dict)  # places as they stand in the file


def read(folder: Path) -> Manifest:
    """The bundle.toml of a folder. Raises ModelError with all that is wrong with it at once."""
    path = folder / FILE_NAME
    try:
        table = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error}): give a folder with a bundle") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: is not TOML ({error}): correct it, or fetch the bundle again") from error
    faults = _faults(table)
    if faults:
        raise ModelError(f"{path}: {'; '.join(faults)}")
    places = {part: folder / place for part, place in table["parts"].items()}
    kept = {key: table[key] for key in ("name", "native_px", "description", "random", "configuration") if key in table}
    return Manifest(folder=folder, places=places, written=table["parts"], **kept)


def _faults(table: dict[str, Any]) -> list[str]:
    """What is wrong with a parsed bundle.toml, in plain words."""
    faults = [f"key {key!r} is not known (known: {', '.join(_TYPES)})" for key in table if key not in _TYPES]
    faults += [f"key {key!r} is missing" for key in _NEEDED if key not in table]
    for key, kind in _TYPES.items():
        if key in table and type(table[key]) is not kind:
            words = {str: "a string", bool: "true or false", int: "a whole number", dict: "a table"}
            faults.append(f"{key} should be {words[kind]}, is {table[key]!r}")
    if isinstance(table.get("schema"), str) and table["schema"] != SCHEMA:
        faults.append(f"schema is {table['schema']!r}, this version reads {SCHEMA!r}")
    px = table.get("native_px")
    if type(px) is int and (px < 32 or px > 4096 or px % 8):
        faults.append(f"native_px is {px}, should be a multiple of 8 from 32 to 4096")
    if isinstance(table.get("configuration"), str) and table["configuration"] not in NAMES:
        faults.append(f"configuration {table['configuration']!r} is not known (known: {', '.join(NAMES)})")
    parts = table.get("parts")
    return faults + (_part_faults(parts) if isinstance(parts, dict) else [])


def _part_faults(parts: dict[str, Any]) -> list[str]:
    faults = [f"part {part!r} is not known (known: {', '.join(PARTS)})" for part in parts if part not in PARTS]
    faults += [
        f"the place of part {part!r} should be a path, is {place!r}"
        for part, place in parts.items()
        if not isinstance(place, str) or not place or "\0" in place
    ]
    if "checkpoint" in parts:
        twice = [part for part in IN_CHECKPOINT if part in parts]
        faults += [f"part {part!r} is given beside a checkpoint, which has it too: take one out" for part in twice]
    return faults if parts else ["parts is empty"]


def of_folder(folder: Path) -> Manifest:
    """A plain diffusers folder, by its model_index.json. Raises ModelError where that is damaged."""
    path = folder / INDEX_NAME
    index = read_json(path)
    known = [part for part in (*MODULES, "tokenizer", "scheduler") if isinstance(index.get(part), list)]
    written = {part: part for part in known if index[part] and index[part][0]}
    if not written:
        raise ModelError(f"{path}: names no part that is known: give a diffusers folder of Stable Diffusion")
    size = 64
    if "unet" in written and (folder / "unet" / "config.json").is_file():
        size = read_json(folder / "unet" / "config.json").get("sample_size", size)
    px = 8 * size if isinstance(size, int) else 512
    places = {part: folder / place for part, place in written.items()}
    return Manifest(
        folder=folder, name=folder.resolve().name, native_px=px, places=places, written=written, foreign=True
    )


def of_checkpoint(file: Path) -> Manifest:
    """One file with the published sizes, and nothing beside it."""
    return Manifest(
        folder=file.parent,
        name=file.stem,
        native_px=512,
        places={"checkpoint": file},
        written={"checkpoint": file.name},
        foreign=True,
    )


def write(manifest: Manifest) -> Path:
    """Write bundle.toml, whole or not at all; what makes a folder a bundle, so written last."""
    lines = [f"schema = {_quoted(SCHEMA)}", f"name = {_quoted(manifest.name)}"]
    if manifest.description:
        lines.append(f"description = {_quoted(manifest.description)}")
    lines += [f"random = {str(manifest.random).lower()}", f"native_px = {manifest.native_px}"]
    if "checkpoint" in manifest.written:
        lines.append(f"configuration = {_quoted(manifest.configuration)}")
    lines += ["", "[parts]", *(f"{part} = {_quoted(place)}" for part, place in manifest.written.items()), ""]
    path = manifest.folder / FILE_NAME
    put(path, "\n".join(lines).encode())
    return path


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are TOML's too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file. Raises ModelError where it is missing, cut off or something else."""
    try:
        value = json.loads(path.read_bytes().decode())
    except FileNotFoundError as error:
        raise ModelError(f"{path}: is missing: fetch the bundle again") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: is not JSON ({error}): fetch the file again") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path}: should hold a JSON object, holds {type(value).__name__}: fetch the file again")
    return value
