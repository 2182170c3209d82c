"""Headers of safetensors files: agreement with the library, and files made to deceive."""

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

from wallpaint.bundles.weights import compare, find, read_header
from wallpaint.errors import ModelError


def test_what_the_library_says(tiny_bundle: Path) -> None:
    for path in tiny_bundle.rglob("*.safetensors"):
        with safe_open(str(path), framework="pt") as file:
            true = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
        assert {key: shape for key, (_, shape) in read_header(path).items()} == true


WHOLE = save({"a": torch.ones(3, 2), "b": torch.ones(4, dtype=torch.bfloat16)}, {"format": "pt"})


@pytest.mark.parametrize("length", range(0, len(WHOLE), 7))
def test_cut_off_anywhere(length: int, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(WHOLE[:length])
    with pytest.raises(ModelError, match=r"x.safetensors: .*cut off.*fetch the file again"):
        read_header(tmp_path / "x.safetensors")


@given(changes=st.lists(st.tuples(st.integers(0, 150), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_header_raises_nothing_else(changes: list[tuple[int, int]], tmp_path: Path) -> None:
    """It may still be a header, of other names say; but never a traceback."""
    data = bytearray(WHOLE)
    for place, byte in changes:
        data[place] = byte
    (tmp_path / "x.safetensors").write_bytes(data)
    with contextlib.suppress(ModelError):
        assert isinstance(read_header(tmp_path / "x.safetensors"), dict)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}, r"4 bytes do not make F32 \[2\]"),
        ({"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 4]}, "4 bytes do not make"),
        ({"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}, "do not make"),
        ({"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]}, "header is not readable"),
        ({"dtype": "F32", "shape": [1]}, "header is not readable"),
        ([], "header is not readable"),
    ],
)
def test_headers_that_lie(entry: object, words: str, tmp_path: Path) -> None:
    raw = json.dumps({"key": entry}).encode()
    (tmp_path / "x.safetensors").write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(4))
    with pytest.raises(ModelError, match=words):
        read_header(tmp_path / "x.safetensors")
    with pytest.raises(SafetensorError):
        safe_open(str(tmp_path / "x.safetensors"), framework="pt").__enter__()


def test_a_length_that_would_fill_the_memory(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes((1 << 60).to_bytes(8, "little") + b"{}")
    with pytest.raises(ModelError, match="no safetensors file"):
        read_header(tmp_path / "x.safetensors")


def test_which_file_is_taken(tmp_path: Path) -> None:
    """Plain before half precision; an index with its shards; never one outside the folder."""
    save_file({"a": torch.ones(1)}, tmp_path / "model.fp16.safetensors")
    assert find(tmp_path, "model").variant == "fp16"
    save_file({"a": torch.ones(1)}, tmp_path / "model.safetensors")
    assert find(tmp_path, "model").paths == (tmp_path / "model.safetensors",)
    (tmp_path / "model.safetensors").unlink()
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model.fp16.safetensors"}}))
    assert find(tmp_path, "model").index == index
    index.write_text(json.dumps({"weight_map": {"a": "../model.fp16.safetensors"}}))
    with pytest.raises(ModelError, match="outside its own folder"):
        find(tmp_path, "model")
    index.write_text(json.dumps({"weight_map": []}))
    with pytest.raises(ModelError, match="no weight_map"):
        find(tmp_path, "model")


def test_the_first_difference_is_named() -> None:
    place = Path("x.safetensors")
    compare({"a": (1,)}, {"a": (1,)}, place, "Net")
    with pytest.raises(ModelError, match=r"key b \[2\] is missing \(and 1 more\): another architecture .* Net"):
        compare({"a": (1,), "b": (2,), "c": (3,)}, {"a": (2,), "d": (1,)}, place, "Net")
    with pytest.raises(ModelError, match=r"key a should be \[1\], is \[2\]:"):
        compare({"a": (1,)}, {"a": (2,), "d": (1,)}, place, "Net")
