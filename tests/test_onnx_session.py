"""Inference sessions: file checks, conversion of weights to float32 at creation, and threads."""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from wallpaint import onnx_session, threads
from wallpaint.errors import ModelError

KIND = "test/1"
STORED = ("float32", "float16", "int8")


def product(
    side: int = 8, stored: str = "int8", metadata: dict | str | None = None, layers: int = 1
) -> onnx.ModelProto:
    """Return a network: x (n, side) times square integer matrices, divided by side after each layer."""
    rng = np.random.default_rng(0)
    nodes, initializers, value = [], [numpy_helper.from_array(np.float32(1 / side), "share")], "x"
    for layer in range(layers):
        weight, name = rng.integers(-3, 4, (side, side)), f"weight{layer}"
        full = f"{name}.float32"
        if stored == "int8":
            scales = numpy_helper.from_array(np.ones(side, np.float32), f"{name}.scale")
            initializers += [numpy_helper.from_array(weight.astype(np.int8), name), scales]
            nodes.append(helper.make_node("DequantizeLinear", [name, f"{name}.scale"], [full], axis=0))
        elif stored == "float16":
            initializers.append(numpy_helper.from_array(weight.astype(np.float16), name))
            nodes.append(helper.make_node("Cast", [name], [full], to=TensorProto.FLOAT))
        else:
            initializers.append(numpy_helper.from_array(weight.astype(np.float32), full))
        nodes.append(helper.make_node("MatMul", [value, full], [f"product{layer}"]))
        value = "y" if layer == layers - 1 else f"x{layer}"
        nodes.append(helper.make_node("Mul", [f"product{layer}", "share"], [value]))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", side]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    text = metadata if isinstance(metadata, str) else json.dumps({"kind": KIND} if metadata is None else metadata)
    entry = model.metadata_props.add()
    entry.key, entry.value = onnx_session.METADATA_KEY, text
    return model


def session(stored: str = "int8", **more: int) -> onnx_session.Session:
    return onnx_session.load(product(stored=stored, **more).SerializeToString(), KIND)


@pytest.mark.parametrize("stored", STORED)
def test_file_is_run_and_has_its_metadata(stored: str, tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(product(stored=stored, metadata={"kind": KIND, "side": 8}).SerializeToString())
    loaded = onnx_session.load(path, KIND)
    assert loaded.metadata == {"kind": KIND, "side": 8}
    weight = np.random.default_rng(0).integers(-3, 4, (8, 8))
    x = np.arange(24, dtype=np.float32).reshape(3, 8)
    np.testing.assert_allclose(loaded.run(x=x), x @ weight / 8, rtol=1e-6)


def external(folder: Path) -> Path:
    path = folder / "external.onnx"
    onnx.save(product(16), path, save_as_external_data=True, size_threshold=0, location="weights.bin")
    return path


def test_external_data_is_rejected(tmp_path: Path) -> None:
    path = external(tmp_path)
    assert (tmp_path / "weights.bin").is_file()
    with pytest.raises(ModelError, match=r"external\.onnx: has its weights in other files"):
        onnx_session.load(path, KIND)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no network", "is no ONNX model that can be run"),
        (b"", "is no ONNX model that can be run"),
        (product().SerializeToString()[:150], "is no ONNX model that can be run"),
        (product(metadata={"kind": "other/1"}).SerializeToString(), "should be of kind 'test/1', is 'other/1'"),
        (product(metadata={}).SerializeToString(), "should be of kind 'test/1', is None"),
        (product(metadata="{").SerializeToString(), "no metadata"),
        (product(metadata="[1]").SerializeToString(), "should be an object, is list"),
    ],
)
def test_invalid_file_gives_one_error_line(
    data: bytes, reason: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=reason) as caught:
        onnx_session.load(path, KIND)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", ""), "ONNX Runtime writes no log"


def test_missing_file_or_metadata_is_rejected(tmp_path: Path) -> None:
    model = product()
    del model.metadata_props[:]
    with pytest.raises(ModelError, match="no metadata"):
        onnx_session.load(model.SerializeToString(), KIND, name="bare")
    with pytest.raises(ModelError, match=r"nothing\.onnx: cannot be read \(No such file"):
        onnx_session.load(tmp_path / "nothing.onnx", KIND)


@pytest.mark.parametrize("stored", ["float16", "int8"])
def test_weights_are_converted_to_float32_at_session_creation(
    stored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The optimized graph has neither Cast nor DequantizeLinear nodes."""
    import onnxruntime

    create = onnxruntime.InferenceSession

    def create_and_save(
        data: bytes, options: onnxruntime.SessionOptions, **more: object
    ) -> onnxruntime.InferenceSession:
        options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
        return create(data, options, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", create_and_save)
    session(stored, layers=3)
    operators = Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)
    assert operators["MatMul"] + operators["FusedMatMul"] + operators["Gemm"] == 3
    assert not operators.keys() & {"Cast", "DequantizeLinear"}


@pytest.mark.parametrize("stored", ["float16", "int8"])
def test_run_is_as_fast_as_with_float32_weights(stored: str) -> None:
    """One row times large matrices, for which converting the weights would take longer than the product."""
    sessions = {name: session(name, side=768, layers=6) for name in (stored, "float32")}
    x = np.ones((1, 768), np.float32)
    best = dict.fromkeys(sessions, np.inf)
    for _ in range(30):
        for name, loaded in sessions.items():
            started = time.thread_time()
            loaded.run(x=x)
            best[name] = min(best[name], time.thread_time() - started)
    assert best[stored] < 1.8 * best["float32"]


def test_concurrent_runs_agree() -> None:
    loaded = session(side=64, layers=3)
    inputs = [np.random.default_rng(seed).standard_normal((50, 64)).astype(np.float32) for seed in range(16)]
    sequential = [loaded.run(x=x) for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        concurrent = list(pool.map(lambda x: loaded.run(x=x), inputs))
    assert all(np.array_equal(a, b) for a, b in zip(sequential, concurrent, strict=True))


@pytest.mark.parametrize(
    ("value", "count"), [(None, 1), ("3", 3), ("4,2", 4), ("", 1), ("0", 1), ("-2", 1), ("many", 1), (" 2 ", 2)]
)
def test_thread_count_follows_the_environment(value: str | None, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert threads.requested() == count
    options = session().runtime.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (count, 1)


@pytest.mark.parametrize("stored", STORED)
def test_quick_start_gives_the_same_outputs(stored: str) -> None:
    data = product(stored=stored).SerializeToString()
    x = np.linspace(-1, 1, 8, dtype=np.float32)[None]
    full, quick = (onnx_session.load(data, KIND, quick_start=quick).run(x=x) for quick in (False, True))
    np.testing.assert_allclose(quick, full, rtol=1e-5, atol=1e-6)
