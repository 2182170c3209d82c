"""Export networks to ONNX files, and read weights back from them.

Each initializer has the name of its parameter in the network's state dict. Weights are stored in reduced precision and
converted to float32 when a session is created:

    float16 initializer -> Cast              int8 initializer, a float32 scale per channel -> DequantizeLinear
"""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnx_ir
import torch
from onnx import numpy_helper
from onnxscript import optimizer
from torch import Tensor, nn

from wallpaint.errors import ModelError
from wallpaint.onnx_session import METADATA_KEY
from wallpaint.typing import Array

OPSET = 20
Precision = Literal["float32", "float16", "int8"]
SCALE_SUFFIX, FLOAT_SUFFIX = ".scale", ".float32"  # of a parameter's name: its scales, its value in float32
CONSTANT_PREFIX = "constant."  # of initializers that are not parameters
MIN_SCALE = 1e-12


def export(
    network: nn.Module,
    inputs: Mapping[str, Tensor],
    axes: Mapping[str, Mapping[int, Any]],
    output: str,
    precision: Callable[[str, Array], Precision],
    metadata: Mapping[str, Any],
) -> bytes:
    """Export a network and its weights as the bytes of one ONNX file.

    inputs: example inputs by the names of `forward`'s arguments. axes: dynamic axes by input, see `torch.export.Dim`.
    output: name of the first output; other outputs, and the layers that only they need, are omitted. precision: storage
    type of a parameter, from its name and value. metadata: see `onnx_session`.
    """
    network = copy.deepcopy(network).eval().float()
    with _suppress_exporter_output():
        program: Any = torch.onnx.export(
            network,
            kwargs=dict(inputs),
            dynamic_shapes=dict(axes),
            input_names=list(inputs),
            output_names=[output],
            opset_version=OPSET,
            dynamo=True,
            optimize=False,  # it would merge parameters; optimized below without them
            verbose=False,
        )
        model = program.model
        graph = model.graph
        del graph.outputs[1:]
        parameters = _as_inputs(graph, network.state_dict())
        optimizer.optimize(model)
    for value in [*graph.initializers.values()]:
        value.name = f"{CONSTANT_PREFIX}{value.name}"
    for value, weight in parameters:
        graph.inputs.remove(value)
        if value.uses():
            _store(graph, value, weight, precision(str(value.name), weight))
    return _serialize(model, metadata)


def with_metadata(data: bytes, **changes: Any) -> bytes:
    """Return an exported file with updated metadata."""
    model = onnx.load_model_from_string(data)
    entry = next(entry for entry in model.metadata_props if entry.key == METADATA_KEY)
    entry.value = json.dumps({**json.loads(entry.value), **changes}, sort_keys=True)
    return model.SerializeToString(deterministic=True)


def quantize(weight: Array) -> tuple[Array, Array]:
    """Quantize symmetrically, so that weight = values * scales. Returns int8 values and float32 scales, (out,).

    weight: (out, ...) float32.
    """
    max_abs = np.abs(weight).reshape(len(weight), -1).max(1)
    scales = np.maximum(max_abs / 127, MIN_SCALE).astype(np.float32)
    values = np.round(weight / scales.reshape(-1, *[1] * (weight.ndim - 1)))
    return values.astype(np.int8), scales


def read(source: Path | bytes, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the weights of an exported network, float32 by their names in its state dict, and the file's metadata.

    kind: expected type of network. The weights are bit-equal to those a session computes with. Raises ModelError.
    """
    label = str(source) if isinstance(source, Path) else "the model"
    try:
        model = onnx.load_model_from_string(source.read_bytes() if isinstance(source, Path) else source)
        entries = {entry.key: entry.value for entry in model.metadata_props}
        metadata = json.loads(entries[METADATA_KEY])
        stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    except OSError as error:
        raise ModelError(f"{label}: cannot be read ({error.strerror}): name the file that a run has written") from error
    except Exception as error:  # protobuf and onnx have no common error class
        raise ModelError(f"{label}: is no model that a run has written ({type(error).__name__})") from error
    if not isinstance(metadata, dict) or metadata.get("kind") != kind:
        raise ModelError(f"{label}: should be of kind {kind!r}: name the file that a run has written")
    weights = {}
    for name, value in stored.items():
        if value.dtype == np.int8 and name + SCALE_SUFFIX in stored:
            scales = stored[name + SCALE_SUFFIX].reshape(-1, *[1] * (value.ndim - 1))
            weights[name] = value.astype(np.float32) * scales
        elif (
            value.dtype in (np.float16, np.float32)
            and not name.startswith(CONSTANT_PREFIX)
            and not name.endswith(SCALE_SUFFIX)
        ):
            weights[name] = value.astype(np.float32)
    return {name: torch.from_numpy(value.copy()) for name, value in weights.items()}, metadata


def _as_inputs(graph: Any, state: Mapping[str, Tensor]) -> list[tuple[Any, Array]]:
    """Convert initializers of the network's state to inputs, so that the optimizer does not fold or rename them."""
    converted = []
    for name, tensor in state.items():
        if (value := graph.initializers.pop(name, None)) is not None:
            value.const_value = None
            graph.inputs.append(value)
            converted.append((value, tensor.detach().cpu().numpy()))
    return converted


def _store(graph: Any, value: Any, weight: Array, precision: Precision) -> None:
    """Convert an input back to an initializer, followed by its conversion to float32."""
    name = str(value.name)
    if precision == "float32":
        value.const_value = onnx_ir.tensor(weight, name=name)
        graph.register_initializer(value)
        return
    values, scales = quantize(weight) if precision == "int8" else (weight.astype(np.float16), None)
    inputs = [_initializer(graph, f"{name}", values)]
    attributes: dict[str, int]
    if scales is None:
        operator, attributes = "Cast", {"to": int(onnx_ir.DataType.FLOAT)}
    else:
        operator, attributes = "DequantizeLinear", {"axis": 0}
        inputs.append(_initializer(graph, name + SCALE_SUFFIX, scales))
    node = onnx_ir.node(operator, inputs, attributes, name=f"{name}.{operator}")
    node.outputs[0].name = name + FLOAT_SUFFIX
    value.replace_all_uses_with(node.outputs[0])
    graph.insert_before(graph[0], node)


def _initializer(graph: Any, name: str, values: Array) -> Any:
    value = onnx_ir.Value(
        name=name,
        const_value=onnx_ir.tensor(np.ascontiguousarray(values), name=name),
        type=onnx_ir.TensorType(onnx_ir.DataType.from_numpy(values.dtype)),
        shape=onnx_ir.Shape(values.shape),
    )
    graph.register_initializer(value)
    return value


def _serialize(model: Any, metadata: Mapping[str, Any]) -> bytes:
    """Serialize, without the exporter's references to source code."""
    proto = onnx_ir.to_proto(model)
    del proto.graph.value_info[:]
    for element in (proto, proto.graph, *proto.graph.node, *proto.graph.input, *proto.graph.output):
        element.doc_string = ""
        del element.metadata_props[:]
    entry = proto.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(dict(metadata), sort_keys=True)
    onnx.checker.check_model(proto, full_check=True)
    return proto.SerializeToString(deterministic=True)


@contextmanager
def _suppress_exporter_output() -> Iterator[None]:
    """Suppress the exporter's warnings, about torchvision and names of axes."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
