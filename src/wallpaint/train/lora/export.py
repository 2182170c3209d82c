"""A trained LoRA as other programs read it: diffusers' format with its alpha, kohya's for ComfyUI and A1111, a card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.bundles.components import quiet
from wallpaint.diffusion.loras import SCHEDULE
from wallpaint.files import atomic

if TYPE_CHECKING:
    from torch import Tensor

DIFFUSERS, KOHYA, CARD = "pytorch_lora_weights.safetensors", "wallpaint_lora_kohya.safetensors", "README.md"


def write(
    unet: Any, weights: Mapping[str, Tensor], folder: Path, card: str, schedule: Mapping[str, Any]
) -> dict[str, Path]:
    """Write a LoRA's files, each whole or not at all; returns them by format.

    unet: with the adapter that was trained, for its rank and alpha. weights: of the adapter, by the UNet's names.
    schedule: what it changes of the bundle's scheduler_config.json; kept in the files, see `diffusion.loras.SCHEDULE`.
    """
    import torch
    from safetensors.torch import save

    with quiet():  # they say what they could do with torchvision
        from diffusers import StableDiffusionInpaintPipeline
        from diffusers.training_utils import _collate_lora_metadata
        from diffusers.utils import state_dict_utils

    named = {name.replace(".default.", "."): value.float().cpu() for name, value in weights.items()}
    convert: Any = state_dict_utils  # without types
    layers = convert.convert_state_dict_to_diffusers(named)
    alpha = float(next(iter(unet.peft_config.values())).lora_alpha)
    aside = folder / ".aside"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with quiet():
            # Without the metadata alpha is lost, and the LoRA comes back with another strength.
            StableDiffusionInpaintPipeline.save_lora_weights(
                str(aside), unet_lora_layers=layers, **_collate_lora_metadata({"unet": unet})
            )
        told = {SCHEDULE: json.dumps(dict(schedule), sort_keys=True)} if schedule else {}
        atomic.put(folder / DIFFUSERS, same_bytes((aside / DIFFUSERS).read_bytes(), told))
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    kohya = convert.convert_state_dict_to_kohya({f"unet.{name}": value for name, value in named.items()})
    for name in [name for name in kohya if name.endswith(".lora_down.weight")]:
        kohya[name.replace(".lora_down.weight", ".alpha")] = torch.tensor(alpha)
    atomic.put(folder / KOHYA, same_bytes(save({name: value.contiguous() for name, value in kohya.items()}), told))
    atomic.put(folder / CARD, card.encode())
    return {"diffusers": folder / DIFFUSERS, "kohya": folder / KOHYA}


def same_bytes(data: bytes, more: Mapping[str, str]) -> bytes:
    """A safetensors file with its metadata, and more of it, in order: the library's order differs from run to run."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata = {**header.pop("__metadata__", {}), **more}
    if metadata:
        header = {"__metadata__": dict(sorted(metadata.items())), **header}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + data[8 + length :]
