"""Load single-file checkpoints, in the key names of the original latent-diffusion code, with diffusers' converters."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.bundles.components import (
    COMPONENTS,
    check_diffusers_weights,
    check_in_channels,
    freeze,
    meta_model,
    suppress_library_logging,
)
from wallpaint.bundles.weights import check_shapes, read_header
from wallpaint.errors import ModelError

if TYPE_CHECKING:
    import torch

PREFIXES = {
    "unet": "model.diffusion_model.",
    "vae": "first_stage_model.",
    "text_encoder": "cond_stage_model.transformer.",
}


def load(component: str, file: Path, config: Mapping[str, Any], dtype: torch.dtype) -> Any:
    """Load unet, vae or text_encoder of a checkpoint in `dtype`, as `components.load` does.

    config: of the component, which the file does not contain. Raises ModelError where names or shapes differ.
    """
    import torch
    from safetensors import safe_open

    header = read_header(file)
    prefix = PREFIXES[component]
    keys = [key for key in header if key.startswith(prefix)]
    if not keys:
        raise ModelError(f"{file}: has no {component} (no key starts with {prefix}): give a checkpoint that has one")
    if component == "unet":
        first = header.get(f"{prefix}input_blocks.0.0.weight", ("", (0, 0)))[1]
        check_in_channels({"in_channels": first[1] if len(first) > 1 else None}, file)
    with safe_open(str(file), framework="pt") as opened:
        raw = {key: opened.get_tensor(key).to(dtype) for key in keys}
    converted = _convert(component, raw, dict(config), file)
    model = meta_model(component, config, file)
    shapes = {key: tuple(value.shape) for key, value in converted.items()}
    if COMPONENTS[component].library == "diffusers":
        check_diffusers_weights(component, config, shapes, file)
    else:
        expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
        check_shapes(expected, shapes, file, COMPONENTS[component].class_name)
    with torch.no_grad(), suppress_library_logging():
        model = model.to(dtype).to_empty(device="cpu")
        model.load_state_dict(converted, strict=True, assign=True)
        _fill_buffers(model)
    return freeze(model)


def _convert(component: str, raw: dict[str, Any], config: dict[str, Any], file: Path) -> dict[str, Any]:
    converters: Any = importlib.import_module("diffusers.loaders.single_file_utils")
    try:
        with suppress_library_logging():
            if component == "unet":
                return converters.convert_ldm_unet_checkpoint(raw, config)
            if component == "vae":
                return converters.convert_ldm_vae_checkpoint(raw, config)
            # The current class has no such prefix, and creates position_ids itself.
            renamed = {
                key.removeprefix("text_model."): value
                for key, value in converters.convert_ldm_clip_checkpoint(raw).items()
            }
            return {key: value for key, value in renamed.items() if not key.endswith("position_ids")}
    except (KeyError, IndexError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{file}: its {component} has other keys than its configuration ({error}): give a checkpoint of that size"
        ) from error


def _fill_buffers(model: Any) -> None:
    """Fill CLIP's position_ids, which no file contains and `to_empty` leaves uninitialized."""
    import torch

    for name, buffer in model.named_buffers():
        if name.endswith("position_ids"):
            buffer.copy_(torch.arange(buffer.shape[-1]).expand(buffer.shape))
