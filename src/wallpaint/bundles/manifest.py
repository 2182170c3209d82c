"""bundle.toml: the description of a model folder and the path of each component.

    schema = "wallpaint.bundle/1"
    name = "sd15"
    native_px = 512

    [parts]
    unet = "unet"

Paths are relative to the file. A component that is not listed is not in the bundle.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wallpaint.bundles.configurations import CONFIGURATION_NAMES
from wallpaint.errors import ModelError
from wallpaint.files.atomic import put

FILE_NAME = "bundle.toml"
SCHEMA = "wallpaint.bundle/1"
INDEX_NAME = "model_index.json"

MODEL_NAMES = ("unet", "vae", "text_encoder", "controlnet", "image_encoder", "depth", "segmenter")
COMPONENT_NAMES = (*MODEL_NAMES, "tokenizer", "scheduler", "ip_adapter", "checkpoint")
CHECKPOINT_COMPONENTS = ("unet", "vae", "text_encoder")
_COMPONENTS_KEY = "parts"  # the table of component paths
_TYPES: dict[str, type] = {
    "schema": str,
    "name": str,
    "description": str,
    "random": bool,
    "native_px": int,
    "configuration": str,
    _COMPONENTS_KEY: dict,
}
_REQUIRED = ("schema", "name", "native_px", _COMPONENTS_KEY)


@dataclass(frozen=True)
class Manifest:
    """Description of a bundle.

    paths: absolute path of each component. configuration: architecture of a single-file checkpoint, which does not
    name it. read_only: there is no bundle.toml, so nothing is written to the folder. raw_paths: paths as written in
    bundle.toml.
    """

    folder: Path
    name: str
    native_px: int
    paths: Mapping[str, Path]
    description: str = ""
    random: bool = False
    configuration: str = "sd15"
    read_only: bool = False
    raw_paths: Mapping[str, str] = field(default_factory=dict)


def read(folder: Path) -> Manifest:
    """Read bundle.toml of a folder. Raises ModelError that lists all its errors."""
    path = folder / FILE_NAME
    try:
        table = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error}): give a folder with a bundle") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: is not TOML ({error}): correct it, or fetch the bundle again") from error
    errors = _errors(table)
    if errors:
        raise ModelError(f"{path}: {'; '.join(errors)}")
    raw_paths = table[_COMPONENTS_KEY]
    keys = ("name", "native_px", "description", "random", "configuration")
    return Manifest(
        folder=folder,
        paths={component: folder / raw for component, raw in raw_paths.items()},
        raw_paths=raw_paths,
        **{key: table[key] for key in keys if key in table},
    )


def _errors(table: dict[str, Any]) -> list[str]:
    """All errors of a parsed bundle.toml."""
    errors = [f"key {key!r} is not known (known: {', '.join(_TYPES)})" for key in table if key not in _TYPES]
    errors += [f"key {key!r} is missing" for key in _REQUIRED if key not in table]
    for key, expected in _TYPES.items():
        if key in table and type(table[key]) is not expected:
            type_names = {str: "a string", bool: "true or false", int: "an integer", dict: "a table"}
            errors.append(f"{key} should be {type_names[expected]}, is {table[key]!r}")
    if isinstance(table.get("schema"), str) and table["schema"] != SCHEMA:
        errors.append(f"schema is {table['schema']!r}, this version reads {SCHEMA!r}")
    px = table.get("native_px")
    if type(px) is int and (px < 32 or px > 4096 or px % 8):
        errors.append(f"native_px is {px}, should be a multiple of 8 from 32 to 4096")
    if isinstance(table.get("configuration"), str) and table["configuration"] not in CONFIGURATION_NAMES:
        known = ", ".join(CONFIGURATION_NAMES)
        errors.append(f"configuration {table['configuration']!r} is not known (known: {known})")
    raw_paths = table.get(_COMPONENTS_KEY)
    return errors + (_component_errors(raw_paths) if isinstance(raw_paths, dict) else [])


def _component_errors(raw_paths: dict[str, Any]) -> list[str]:
    known = ", ".join(COMPONENT_NAMES)
    errors = [f"component {name!r} is not known (known: {known})" for name in raw_paths if name not in COMPONENT_NAMES]
    errors += [
        f"component {name!r} should be a path, is {raw!r}"
        for name, raw in raw_paths.items()
        if not isinstance(raw, str) or not raw or "\0" in raw
    ]
    if "checkpoint" in raw_paths:
        errors += [
            f"component {name!r} is listed beside a checkpoint, which contains it: remove one of them"
            for name in CHECKPOINT_COMPONENTS
            if name in raw_paths
        ]
    return errors if raw_paths else [f"[{_COMPONENTS_KEY}] is empty"]


def from_diffusers_folder(folder: Path) -> Manifest:
    """Manifest of a plain diffusers folder, from its model_index.json. Raises ModelError where that is damaged."""
    path = folder / INDEX_NAME
    index = read_json(path)
    known = [name for name in (*MODEL_NAMES, "tokenizer", "scheduler") if isinstance(index.get(name), list)]
    raw_paths = {name: name for name in known if index[name] and index[name][0]}
    if not raw_paths:
        raise ModelError(f"{path}: names no known component: give a diffusers folder of Stable Diffusion")
    size = 64
    if "unet" in raw_paths and (folder / "unet" / "config.json").is_file():
        size = read_json(folder / "unet" / "config.json").get("sample_size", size)
    return Manifest(
        folder=folder,
        name=folder.resolve().name,
        native_px=8 * size if isinstance(size, int) else 512,
        paths={component: folder / raw for component, raw in raw_paths.items()},
        raw_paths=raw_paths,
        read_only=True,
    )


def from_checkpoint(file: Path) -> Manifest:
    """Manifest of a single-file checkpoint of the published sizes, with no other component."""
    return Manifest(
        folder=file.parent,
        name=file.stem,
        native_px=512,
        paths={"checkpoint": file},
        raw_paths={"checkpoint": file.name},
        read_only=True,
    )


def write(manifest: Manifest) -> Path:
    """Write bundle.toml atomically. It makes the folder a bundle, so call this last."""
    lines = [f"schema = {_quoted(SCHEMA)}", f"name = {_quoted(manifest.name)}"]
    if manifest.description:
        lines.append(f"description = {_quoted(manifest.description)}")
    lines += [f"random = {str(manifest.random).lower()}", f"native_px = {manifest.native_px}"]
    if "checkpoint" in manifest.raw_paths:
        lines.append(f"configuration = {_quoted(manifest.configuration)}")
    entries = (f"{component} = {_quoted(raw)}" for component, raw in manifest.raw_paths.items())
    lines += ["", f"[{_COMPONENTS_KEY}]", *entries, ""]
    path = manifest.folder / FILE_NAME
    put(path, "\n".join(lines).encode())
    return path


def _quoted(text: str) -> str:
    """Quote as a TOML basic string, whose escapes include those of JSON."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises ModelError where the file is missing, truncated or something else."""
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
