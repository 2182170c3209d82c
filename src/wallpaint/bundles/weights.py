"""Find a component's safetensors files, read their headers, and check the shapes against a model.

Only headers are read, never the data, so a wrong file is rejected before a model is built.
Source of the format: 8 bytes length, little endian; that many bytes of JSON; the data.
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

_DTYPE_BYTES = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2"), 1),
}
_MAX_HEADER_BYTES = 100_000_000  # limit of the format
_PICKLE_PATTERNS = ("*.bin", "*.ckpt", "*.pt", "*.pth")


@dataclass(frozen=True)
class WeightFiles:
    """Weights of one component: one file, or the shards of an index."""

    paths: tuple[Path, ...]
    variant: str | None  # "fp16" in model.fp16.safetensors
    index: Path | None = None


def find_weights(folder: Path, stem: str) -> WeightFiles:
    """Find the weights in a component's folder: `stem`.safetensors, a variant of it, or the index of its shards.

    Raises ModelError where there are none, or only pickles, which are never opened.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: this component's folder is missing: fetch the bundle again")
    for variant in (None, "fp16"):
        name = f"{stem}.{variant}" if variant else stem
        if (folder / f"{name}.safetensors").is_file():
            return WeightFiles((folder / f"{name}.safetensors",), variant)
        index = folder / (f"{stem}.safetensors.index.{variant}.json" if variant else f"{stem}.safetensors.index.json")
        if index.is_file():
            return WeightFiles(_shards(index), variant, index)
    pickles = sorted(path.name for pattern in _PICKLE_PATTERNS for path in folder.glob(pattern))
    if pickles:
        raise ModelError(
            f"{folder}: has its weights only as a pickle ({pickles[0]}), which can run code: "
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
            raise ModelError(f"{index}: names {path.name!r} outside its folder: fetch the file again")
        if not path.is_file():
            raise ModelError(f"{path}: a shard is missing: fetch the bundle again")
    return paths


def read_shapes(paths: tuple[Path, ...]) -> dict[str, Shape]:
    """Names and shapes of all tensors of some files. Raises ModelError for a damaged file."""
    return {key: shape for path in paths for key, (_, shape) in read_header(path).items()}


def read_header(path: Path) -> dict[str, tuple[str, Shape]]:
    """Read dtype ("F16") and shape of each tensor, in file order, checked against the file size.

    Raises ModelError for a file that is missing, truncated, or no safetensors file.
    """
    remedy = "fetch the file again"
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or not 2 <= length <= _MAX_HEADER_BYTES:
                raise ModelError(f"{path}: is no safetensors file, or truncated ({size} bytes): {remedy}")
            raw = file.read(length)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error}): {remedy}") from error
    if len(raw) < length:
        raise ModelError(f"{path}: is truncated: {size} bytes, its header alone takes {8 + length}: {remedy}")
    try:
        table = {key: value for key, value in json.loads(raw).items() if key != "__metadata__"}
        header = {key: (str(v["dtype"]), tuple(int(n) for n in v["shape"])) for key, v in table.items()}
        offsets = {key: (int(v["data_offsets"][0]), int(v["data_offsets"][1])) for key, v in table.items()}
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path}: is no safetensors file (its header is not readable): {remedy}") from error
    for key, (dtype, shape) in header.items():
        start, end = offsets[key]
        if start < 0 or (dtype in _DTYPE_BYTES and end - start != math.prod(shape) * _DTYPE_BYTES[dtype]):
            raise ModelError(f"{path}: key {key}: {end - start} bytes do not make {dtype} {list(shape)}: {remedy}")
    expected_size = 8 + length + max((end for _, end in offsets.values()), default=0)
    if size < expected_size:
        key = next(key for key, (_, end) in offsets.items() if 8 + length + end > size)
        raise ModelError(f"{path}: is truncated at key {key}: {size} bytes, should have {expected_size}: {remedy}")
    return header


def check_shapes(expected: Mapping[str, Shape], actual: Mapping[str, Shape], path: Path, model: str) -> None:
    """Raise ModelError unless names and shapes are the same; the message names the first difference.

    path: the file to name. model: the class, for the message.
    """
    reason = f"another architecture than the configured {model}, or damaged: fetch the component again"
    missing = [key for key in expected if key not in actual]
    if missing:
        key = missing[0]
        raise ModelError(f"{path}: key {key} {list(expected[key])} is missing{_more(missing)}: {reason}")
    mismatched = [key for key in expected if expected[key] != actual[key]]
    if mismatched:
        key = mismatched[0]
        raise ModelError(
            f"{path}: key {key} should be {list(expected[key])}, is {list(actual[key])}{_more(mismatched)}: {reason}"
        )
    unexpected = [key for key in actual if key not in expected]
    if unexpected:
        key = unexpected[0]
        raise ModelError(f"{path}: key {key} {list(actual[key])} is unexpected{_more(unexpected)}: {reason}")


def _more(keys: list[str]) -> str:
    return f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
