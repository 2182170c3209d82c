"""Export of a trained LoRA: diffusers' format with its alpha, kohya's for ComfyUI and A1111, and a model card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.bundles.components import suppress_library_logging
from wallpaint.diffusion.lora_configs import SCHEDULER_METADATA_KEY
from wallpaint.files import atomic

if TYPE_CHECKING:
    from torch import Tensor

DIFFUSERS_FILE, KOHYA_FILE = "pytorch_lora_weights.safetensors", "wallpaint_lora_kohya.safetensors"
CARD_FILE = "README.md"


def write(
    unet: Any, weights: Mapping[str, Tensor], folder: Path, card: str, schedule: Mapping[str, Any]
) -> dict[str, Path]:
    """Write a LoRA's files, each atomically, and return them by format.

    unet: with the trained adapter, for its rank and alpha. weights: of the adapter, by the UNet's parameter names.
    schedule: changes to the bundle's scheduler_config.json, stored in the files' metadata, see
    `diffusion.lora_configs.SCHEDULER_METADATA_KEY`.
    """
    import torch
    from safetensors.torch import save

    with suppress_library_logging():  # diffusers warns about a missing torchvision
        from diffusers import StableDiffusionInpaintPipeline
        from diffusers.training_utils import _collate_lora_metadata
        from diffusers.utils import state_dict_utils

    named = {name.replace(".default.", "."): value.float().cpu() for name, value in weights.items()}
    convert: Any = state_dict_utils  # untyped
    layers = convert.convert_state_dict_to_diffusers(named)
    alpha = float(next(iter(unet.peft_config.values())).lora_alpha)
    temporary = folder / ".aside"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with suppress_library_logging():
            # Without the metadata alpha is lost, and the LoRA loads with another strength.
            StableDiffusionInpaintPipeline.save_lora_weights(
                str(temporary), unet_lora_layers=layers, **_collate_lora_metadata({"unet": unet})
            )
        metadata = {SCHEDULER_METADATA_KEY: json.dumps(dict(schedule), sort_keys=True)} if schedule else {}
        atomic.put(folder / DIFFUSERS_FILE, reproducible_bytes((temporary / DIFFUSERS_FILE).read_bytes(), metadata))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    kohya = convert.convert_state_dict_to_kohya({f"unet.{name}": value for name, value in named.items()})
    for name in [name for name in kohya if name.endswith(".lora_down.weight")]:
        kohya[name.replace(".lora_down.weight", ".alpha")] = torch.tensor(alpha)
    kohya_bytes = save({name: value.contiguous() for name, value in kohya.items()})
    atomic.put(folder / KOHYA_FILE, reproducible_bytes(kohya_bytes, metadata))
    atomic.put(folder / CARD_FILE, card.encode())
    return {"diffusers": folder / DIFFUSERS_FILE, "kohya": folder / KOHYA_FILE}


def reproducible_bytes(data: bytes, extra_metadata: Mapping[str, str]) -> bytes:
    """Return a safetensors file with additional metadata, sorted: the library's order differs from run to run."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata = {**header.pop("__metadata__", {}), **extra_metadata}
    if metadata:
        header = {"__metadata__": dict(sorted(metadata.items())), **header}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensor data must start at a multiple of 8 bytes
    return len(text).to_bytes(8, "little") + text + data[8 + length :]
