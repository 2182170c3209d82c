"""Safetensors files by their headers: which hold a part's weights, and whether those fit a model.

Only headers are read here, never the numbers, so a wrong file is told before a model is built.
Source of the format: 8 bytes length, little endian; that many bytes of JSON; the numbers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wallpaint.bundles.manifest import read_json
from wallpaint.errors import ModelError

Shape = tuple[int, ...]

_BYTES = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2"), 1),
}
_LARGEST_HEADER = 100_000_000  # bytes; the format's own limit
_PICKLES = ("*.bin", "*.ckpt", "*.pt", "*.pth")


@dataclass(frozen=True)
class Files:
    """Where the weights of one part lie: one file, or the shards of an index."""

    paths: tuple[Path, ...]
    variant: str | None  # "fp16" in model.fp16.safetensors
    index: Path | None = None


def find(folder: Path, stem: str) -> Files:
    """The weights in a part's folder: `stem`.safetensors, a variant of it, or the index of its shards.

    Raises ModelError where there are none, or only pickles, which are never opened.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: this part's folder is missing: fetch the bundle again")
    for variant in (None, "fp16"):
        name = f"{stem}.{variant}" if variant else stem
        if (folder / f"{name}.safetensors").is_file():
            return Files((folder / f"{name}.safetensors",), variant)
        index = folder / (f"{stem}.safetensors.index.{variant}.json" if variant else f"{stem}.safetensors.index.json")
        if index.is_file():
            return Files(_shards(index), variant, index)
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickles:
        raise ModelError(
            f"{folder}: has its weights only as a pickle ({pickles[0]}), which could run code: "
            f"convert it to {stem}.safetensors"
        )
    raise ModelError(f"{folder}: has no weights ({stem}.safetensors): fetch the bundle again")


def _shards(index: Path) -> tuple[Path, ...]:
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names.values()):
        raise ModelError(f"{index}: has no weight_map of file names: fetch the file again")
    paths = tuple(index.parent / name for name in sorted(set(names.values())))
    for path in paths:
        if path.parent != index.parent:
            raise ModelError(f"{index}: names {path.name!r} outside its own folder: fetch the file again")
        if not path.is_file():
            raise ModelError(f"{path}: a shard is missing: fetch the bundle again")
    return paths


def shapes(paths: tuple[Path, ...]) -> dict[str, Shape]:
    """Names and shapes of all tensors of some files. Raises ModelError for a damaged one."""
    return {key: shape for path in paths for key, (_, shape) in read_header(path).items()}


def read_header(path: Path) -> dict[str, tuple[str, Shape]]:
    """Type ("F16") and shape of each tensor, in the file's order, checked against the file's size.

    Raises ModelError for a file that is missing, cut off, or no safetensors file.
    """
    again = "fetch the file again"
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or not 2 <= length <= _LARGEST_HEADER:
                raise ModelError(f"{path}: is no safetensors file, or cut off ({size} bytes): {again}")
            raw = file.read(length)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error}): {again}") from error
    if len(raw) < length:
        raise ModelError(f"{path}: is cut off: {size} bytes, its header alone takes {8 + length}: {again}")
    try:
        table = {key: value for key, value in json.loads(raw).items() if key != "__metadata__"}
        header = {key: (str(v["dtype"]), tuple(int(n) for n in v["shape"])) for key, v in table.items()}
        ends = {key: (int(v["data_offsets"][0]), int(v["data_offsets"][1])) for key, v in table.items()}
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path}: is no safetensors file (its header is not readable): {again}") from error
    for key, (kind, shape) in header.items():
        start, end = ends[key]
        if start < 0 or (kind in _BYTES and end - start != math.prod(shape) * _BYTES[kind]):
            raise ModelError(f"{path}: key {key}: {end - start} bytes do not make {kind} {list(shape)}: {again}")
    wanted = 8 + length + max((end for _, end in ends.values()), default=0)
    if size < wanted:
        key = next(key for key, (_, end) in ends.items() if 8 + length + end > size)
        raise ModelError(f"{path}: is cut off at key {key}: {size} bytes, should have {wanted}: {again}")
    return header


def compare(expected: Mapping[str, Shape], found: Mapping[str, Shape], place: Path, model: str) -> None:
    """Raise ModelError unless names and shapes are the same; the message names the first difference.

    place: the file to name. model: the class, for the message.
    """
    other = f"another architecture than the configured {model}, or damaged: fetch the part again"
    missing = [key for key in expected if key not in found]
    if missing:
        key = missing[0]
        raise ModelError(f"{place}: key {key} {list(expected[key])} is missing{_more(missing)}: {other}")
    wrong = [key for key in expected if expected[key] != found[key]]
    if wrong:
        key = wrong[0]
        raise ModelError(
            f"{place}: key {key} should be {list(expected[key])}, is {list(found[key])}{_more(wrong)}: {other}"
        )
    unknown = [key for key in found if key not in expected]
    if unknown:
        raise ModelError(f"{place}: key {unknown[0]} {list(found[unknown[0]])} is not known{_more(unknown)}: {other}")


def _more(keys: list[str]) -> str:
    return f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
