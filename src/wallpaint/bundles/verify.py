"""Verify a bundle on disk: checksums, shapes, finite weights, and whether the components are compatible."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from wallpaint.bundles import image_prompt, lock, prompts, single_file
from wallpaint.bundles.components import COMPONENTS, check_compatible, check_diffusers_weights
from wallpaint.bundles.manifest import MODEL_NAMES
from wallpaint.bundles.weights import Shape, find_weights, read_header, read_shapes
from wallpaint.errors import ModelError

if TYPE_CHECKING:
    import torch

    from wallpaint.bundles.bundle import Bundle

_BUFFERS = ("position_ids", "running_mean", "running_var", "num_batches_tracked")
_IMAGE_MODELS = ("image_encoder", "depth", "segmenter")


def count_parameters(bundle: Bundle) -> dict[str, int]:
    """Number of parameters of each component, from the headers of its files: the same for every way it is stored.

    Buffers are left out, and weights that no output depends on, which published files omit.
    """
    counts = {}
    for component in (*MODEL_NAMES, "ip_adapter"):
        if component in bundle.manifest.paths:
            path = bundle.path(component)
            files = (path,) if component == "ip_adapter" else find_weights(path, COMPONENTS[component].stem).paths
            counts[component] = _count(component, read_shapes(files))
        elif bundle.has(component):
            shapes = read_shapes((bundle.path(component),))
            prefix = single_file.PREFIXES[component]
            counts[component] = _count(component, {key: shapes[key] for key in shapes if key.startswith(prefix)})
    return counts


def _count(component: str, shapes: Mapping[str, Shape]) -> int:
    optional = COMPONENTS[component].optional_keys if component in COMPONENTS else ""
    counted = (key for key in shapes if not key.endswith(_BUFFERS) and not (optional and re.match(optional, key)))
    return sum(math.prod(shapes[key]) for key in counted)


def check_headers(bundle: Bundle) -> None:
    """Check configs and headers without reading weights. Raises ModelError for the first component that is wrong."""
    unet = bundle.config("unet") if bundle.has("unet") else None
    for component in MODEL_NAMES:
        if component not in bundle.manifest.paths:
            continue
        config, path = bundle.config(component), bundle.path(component)
        if unet is not None:
            check_compatible(component, config, unet, path / "config.json")
        files = find_weights(path, COMPONENTS[component].stem)
        shapes = read_shapes(files.paths)
        if COMPONENTS[component].library == "diffusers":
            check_diffusers_weights(component, config, shapes, files.index or files.paths[0])
    if unet is not None and bundle.has("ip_adapter"):
        vision = bundle.config("image_encoder") if bundle.has("image_encoder") else None
        image_prompt.check(bundle.path("ip_adapter"), unet, vision)


def verify(bundle: Bundle) -> Iterator[str]:
    """Verify a bundle and yield a line for each component that passes.

    Numbers of parameters are those of `models list`; the last line is their total. Recomputes every checksum, loads
    every component, and checks that all weights are finite. Raises ModelError for the first error.
    """
    count = lock.check(bundle.folder, recompute=True)
    yield f"{count} files match the lock" if count else f"no {lock.FILE_NAME}, so no checksums to compare"
    check_headers(bundle)
    counts = count_parameters(bundle)
    for component in MODEL_NAMES:
        if bundle.has(component):
            yield f"{component}: {_check_model(bundle, component)}, {counts[component]:,} parameters"
    if bundle.has("ip_adapter"):
        groups = bundle.ip_adapter()
        tensors = {f"{group}.{key}": value for group, values in groups.items() for key, value in values.items()}
        _check_finite(tensors, bundle.path("ip_adapter"))
        variant = "Plus" if "latents" in groups["image_proj"] else "base"
        yield f"ip_adapter: {variant}, {counts['ip_adapter']:,} parameters"
    if bundle.has("tokenizer"):
        yield f"tokenizer: {bundle.tokenizer().model_max_length} tokens"
    if bundle.has("scheduler"):
        yield f"scheduler: {bundle.scheduler_config().get('_class_name', 'without a class')}"
    for component in _IMAGE_MODELS:
        if bundle.has(component):
            bundle.processor(component)
    if prompts.is_cached_in_folder(bundle) and (bundle.folder / prompts.EMPTY_PROMPT_NAME).is_file():
        yield f"empty prompt: {_check_prompt(bundle)}"
    yield f"parameters: {sum(counts.values()):,}"


def _check_model(bundle: Bundle, component: str) -> str:
    model = bundle.load(component, _stored_type(bundle, component))
    _check_finite(dict(model.state_dict()), bundle.path(component))
    return type(model).__name__


def _check_finite(tensors: dict[str, Any], path: object) -> None:
    for key, value in tensors.items():
        if not bool(value.isfinite().all()):
            raise ModelError(f"{path}: key {key} holds NaN or infinity: fetch the component again")


def _check_prompt(bundle: Bundle) -> str:
    width = bundle.config("unet").get("cross_attention_dim") if bundle.has("unet") else None
    embedding = prompts.read_empty_prompt(bundle.folder / prompts.EMPTY_PROMPT_NAME, width)
    _check_finite({"empty_prompt": embedding}, bundle.folder / prompts.EMPTY_PROMPT_NAME)
    if "text_encoder" in bundle.manifest.paths and prompts.is_stale(bundle.folder, bundle.path("text_encoder")):
        raise ModelError(
            f"{bundle.folder / prompts.EMPTY_PROMPT_NAME}: was computed from other weights than the text encoder's: "
            "delete the file, it is recomputed"
        )
    return str(list(embedding.shape))


def _stored_type(bundle: Bundle, component: str) -> torch.dtype:
    """Dtype that a component's weights are stored in, so that checking them takes no more memory than the file."""
    import torch

    path = bundle.path(component)
    file = path if path.is_file() else find_weights(path, COMPONENTS[component].stem).paths[0]
    stored = {dtype for dtype, _ in read_header(file).values()}
    types = {"F16": torch.float16, "BF16": torch.bfloat16}
    return next((types[name] for name in types if name in stored), torch.float32)
