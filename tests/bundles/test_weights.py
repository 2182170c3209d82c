"""Headers of safetensors files: agreement with the library, and malformed files."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file

from wallpaint.bundles.weights import check_shapes, find_weights, read_header
from wallpaint.errors import ModelError


def test_header_equals_that_of_the_safetensors_library(tiny_bundle: Path) -> None:
    for path in tiny_bundle.rglob("*.safetensors"):
        with safe_open(str(path), framework="pt") as file:
            expected = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
        assert {key: shape for key, (_, shape) in read_header(path).items()} == expected


VALID_FILE = save({"a": torch.ones(3, 2), "b": torch.ones(4, dtype=torch.bfloat16)}, {"format": "pt"})


@pytest.mark.parametrize("length", range(0, len(VALID_FILE), 7))
def test_truncated_file_raises(length: int, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(VALID_FILE[:length])
    with pytest.raises(ModelError, match=r"x.safetensors: .*truncated.*fetch the file again"):
        read_header(tmp_path / "x.safetensors")


@given(changes=st.lists(st.tuples(st.integers(0, 150), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_damaged_header_raises_only_model_error(changes: list[tuple[int, int]], tmp_path: Path) -> None:
    """Random bytes may still give a valid header."""
    data = bytearray(VALID_FILE)
    for offset, byte in changes:
        data[offset] = byte
    (tmp_path / "x.safetensors").write_bytes(data)
    with contextlib.suppress(ModelError):
        assert isinstance(read_header(tmp_path / "x.safetensors"), dict)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}, r"4 bytes do not make F32 \[2\]"),
        ({"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 4]}, "4 bytes do not make"),
        ({"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}, "do not make"),
        ({"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]}, "header is not readable"),
        ({"dtype": "F32", "shape": [1]}, "header is not readable"),
        ([], "header is not readable"),
    ],
)
def test_inconsistent_header_raises(entry: object, message: str, tmp_path: Path) -> None:
    raw = json.dumps({"key": entry}).encode()
    (tmp_path / "x.safetensors").write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(4))
    with pytest.raises(ModelError, match=message):
        read_header(tmp_path / "x.safetensors")
    with pytest.raises(SafetensorError):
        safe_open(str(tmp_path / "x.safetensors"), framework="pt").__enter__()


def test_huge_header_length_raises(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes((1 << 60).to_bytes(8, "little") + b"{}")
    with pytest.raises(ModelError, match="no safetensors file"):
        read_header(tmp_path / "x.safetensors")


def test_find_weights_order_of_preference(tmp_path: Path) -> None:
    """Plain before fp16; an index with its shards; no path outside the folder."""
    save_file({"a": torch.ones(1)}, tmp_path / "model.fp16.safetensors")
    assert find_weights(tmp_path, "model").variant == "fp16"
    save_file({"a": torch.ones(1)}, tmp_path / "model.safetensors")
    assert find_weights(tmp_path, "model").paths == (tmp_path / "model.safetensors",)
    (tmp_path / "model.safetensors").unlink()
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model.fp16.safetensors"}}), encoding="utf-8")
    assert find_weights(tmp_path, "model").index == index
    index.write_text(json.dumps({"weight_map": {"a": "../model.fp16.safetensors"}}), encoding="utf-8")
    with pytest.raises(ModelError, match="outside its folder"):
        find_weights(tmp_path, "model")
    index.write_text(json.dumps({"weight_map": []}), encoding="utf-8")
    with pytest.raises(ModelError, match="no weight_map"):
        find_weights(tmp_path, "model")


def test_check_shapes_names_the_first_difference() -> None:
    path = Path("x.safetensors")
    check_shapes({"a": (1,)}, {"a": (1,)}, path, "Net")
    with pytest.raises(ModelError, match=r"key b \[2\] is missing \(and 1 more\): another architecture .* Net"):
        check_shapes({"a": (1,), "b": (2,), "c": (3,)}, {"a": (2,), "d": (1,)}, path, "Net")
    with pytest.raises(ModelError, match=r"key a should be \[1\], is \[2\]:"):
        check_shapes({"a": (1,)}, {"a": (2,), "d": (1,)}, path, "Net")
