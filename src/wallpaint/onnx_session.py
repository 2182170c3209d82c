"""Inference sessions: a network stored as an ONNX file, run on ONNX Runtime.

A file of this project has a JSON object in its metadata under the key "wallpaint": "kind", the type of network, and
values that the interpretation of its outputs needs, such as a calibration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint import threads
from wallpaint.errors import ModelError
from wallpaint.typing import Array

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

METADATA_KEY = "wallpaint"
_EXTERNAL_DATA_KEY = b"location"  # key of an initializer whose data is in another file
_LOG_FATAL = 4  # ONNX Runtime's log level; errors are raised, so its log on stderr is redundant


@dataclass(frozen=True, eq=False)
class Session:
    """A loaded network. `run` is thread-safe.

    metadata: of the file. runtime: ONNX Runtime's session.
    """

    metadata: Mapping[str, Any]
    runtime: InferenceSession

    def run(self, **inputs: Array) -> Array:
        """Return the network's first output. inputs: by their names in the file."""
        return self.runtime.run(None, inputs)[0]


def load(
    source: Path | bytes,
    kind: str,
    *,
    name: str | None = None,
    intra_op_threads: int | None = None,
    quick_start: bool = False,
) -> Session:
    """Create a session.

    source: an ONNX file, or its bytes. kind: expected type of network, such as "light_model/1". name: for messages; the
    file's path if not given. intra_op_threads: threads of one run; `threads.requested` if not given. quick_start: leave
    out the optimizations that take longer and more memory than a few runs of a small network save. Raises ModelError if
    the file cannot be read, is no ONNX file, has external data or another kind.
    """
    label = name or (str(source) if isinstance(source, Path) else "the model")
    try:
        data = source.read_bytes() if isinstance(source, Path) else source
    except OSError as error:
        raise ModelError(f"{label}: cannot be read ({error.strerror}): name an ONNX file") from error
    if _EXTERNAL_DATA_KEY in data:
        raise ModelError(f"{label}: has its weights in other files, which are not read: export it as a single file")
    runtime = _create(data, label, intra_op_threads or threads.requested(), quick_start)
    metadata = _metadata(runtime, label)
    if metadata.get("kind") != kind:
        raise ModelError(f"{label}: should be of kind {kind!r}, is {metadata.get('kind')!r}: name another file")
    return Session(metadata, runtime)


def _create(data: bytes, label: str, intra_op_threads: int, quick_start: bool) -> InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = intra_op_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _LOG_FATAL
    if quick_start:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    else:  # dequantize 8-bit weights once, at creation, instead of in every run
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    options.enable_mem_pattern = False  # assumes inputs of constant size; ours differ by photo
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except MemoryError:
        raise
    except Exception as error:  # ONNX Runtime's errors have no other common class
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{label}: is no ONNX model that can be run ({reason}): fetch the file again") from error


def _metadata(runtime: InferenceSession, label: str) -> Mapping[str, Any]:
    text = runtime.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    try:
        metadata = json.loads(text or "")
    except ValueError as error:
        raise ModelError(f"{label}: is no model of wallpaint (no metadata): name another file") from error
    if not isinstance(metadata, dict):
        type_name = type(metadata).__name__
        raise ModelError(f"{label}: its metadata should be an object, is {type_name}: fetch the file again")
    return metadata
