"""Single-file checkpoints, with the names of the original latent-diffusion code, by diffusers' own converters."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.bundles.components import KINDS, check_channels, check_diffusers, quiet, ready, skeleton
from wallpaint.bundles.weights import compare, read_header
from wallpaint.errors import ModelError

if TYPE_CHECKING:
    import torch

_PREFIXES = {
    "unet": "model.diffusion_model.",
    "vae": "first_stage_model.",
    "text_encoder": "cond_stage_model.transformer.",
}


def load(part: str, file: Path, config: Mapping[str, Any], dtype: torch.dtype) -> Any:
    """The model of a part in a checkpoint: unet, vae or text_encoder, in `dtype`, as `parts.load` gives it.

    config: of the part, which the file does not hold. Raises ModelError where the file has other names or shapes.
    """
    import torch
    from safetensors import safe_open

    header = read_header(file)
    prefix = _PREFIXES[part]
    keys = [key for key in header if key.startswith(prefix)]
    if not keys:
        raise ModelError(f"{file}: has no {part} (no key starts with {prefix}): give a checkpoint that has one")
    if part == "unet":
        first = header.get(f"{prefix}input_blocks.0.0.weight", ("", (0, 0)))[1]
        check_channels({"in_channels": first[1] if len(first) > 1 else None}, file)
    with safe_open(str(file), framework="pt") as opened:
        raw = {key: opened.get_tensor(key).to(dtype) for key in keys}
    converted = _convert(part, raw, dict(config), file)
    model = skeleton(part, config, file)
    found = {key: tuple(value.shape) for key, value in converted.items()}
    if KINDS[part].library == "diffusers":
        check_diffusers(part, config, found, file)
    else:
        compare({k: tuple(v.shape) for k, v in model.state_dict().items()}, found, file, KINDS[part].class_name)
    with torch.no_grad(), quiet():
        model = model.to(dtype).to_empty(device="cpu")
        model.load_state_dict(converted, strict=True, assign=True)
        _fill_buffers(model)
    return ready(model)


def _convert(part: str, raw: dict[str, Any], config: dict[str, Any], file: Path) -> dict[str, Any]:
    converters: Any = importlib.import_module("diffusers.loaders.single_file_utils")
    try:
        with quiet():
            if part == "unet":
                return converters.convert_ldm_unet_checkpoint(raw, config)
            if part == "vae":
                return converters.convert_ldm_vae_checkpoint(raw, config)
            # Today's class has no such prefix, and makes the positions itself.
            plain = {
                key.removeprefix("text_model."): value
                for key, value in converters.convert_ldm_clip_checkpoint(raw).items()
            }
            return {key: value for key, value in plain.items() if not key.endswith("position_ids")}
    except (KeyError, IndexError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{file}: its {part} has other keys than its configuration ({error}): give a checkpoint of that size"
        ) from error


def _fill_buffers(model: Any) -> None:
    """Numbers that no file holds: CLIP's positions, left empty by a model made without memory."""
    import torch

    for name, buffer in model.named_buffers():
        if name.endswith("position_ids"):
            buffer.copy_(torch.arange(buffer.shape[-1]).expand(buffer.shape))
