"""A LoRA to start training from, in place of random weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from wallpaint.diffusion import loras
from wallpaint.errors import ConfigError
from wallpaint.train.lora.config import LoraRecipe
from wallpaint.train.lora.task import scheduler_changes


def load_initial_lora(unet: Any, path: Path, config: LoraRecipe, layers_per_block: int = 2) -> None:
    """Load a LoRA into the trained adapter of a UNet, so that its first output is that of the UNet with the LoRA.

    path: a file or folder in any naming that inference reads. Layers that it lacks keep their initial weights. Its
    alpha / rank is multiplied into B, in terms of the recipe's. Raises ModelError for a file that is no LoRA;
    ConfigError if its rank, layers or noise schedule are not the recipe's.
    """
    lora = loras.read(path, 1.0, layers_per_block)
    if lora.has_text_encoder:
        raise ConfigError(f"{lora.path}: has weights of the text encoder, which is not trained: start from another")
    if lora.scheduler_overrides != scheduler_changes(config.objective):
        trained = ", ".join(f"{k} {v}" for k, v in lora.scheduler_overrides.items()) or "the bundle's"
        raise ConfigError(f"{lora.path}: was trained with another noise schedule ({trained}): set objective to it")
    parameters = {name.replace(".default.", "."): value for name, value in unet.named_parameters()}
    metadata = {key.removeprefix("unet."): value for key, value in (lora.metadata_of("unet") or {}).items()}
    for name, value in lora.tensors.items():
        layer, _, side = name.removeprefix("unet.").rpartition(".lora_")
        parameter = parameters.get(f"{layer}.lora_{side}")
        if parameter is None:
            raise ConfigError(f"{lora.path}: {name} is of a layer that is not trained: only to_q, to_k, to_v, to_out.0")
        rank = value.shape[0 if side.startswith("A") else 1]
        if rank != config.lora.rank:
            raise ConfigError(f"{lora.path}: is of rank {rank}, lora.rank is {config.lora.rank}: set it to {rank}")
        if parameter.shape != value.shape:
            raise ConfigError(f"{lora.path}: {name} is {list(value.shape)}, the layer takes {list(parameter.shape)}")
        scale = 1.0
        if side.startswith("B"):
            scale = _scale(metadata, layer, rank) * config.lora.rank / config.lora.alpha
        with torch.no_grad():
            parameter.copy_(value.float() * scale)


def _scale(metadata: dict[str, Any], layer: str, rank: int) -> float:
    """alpha / rank of a layer by diffusers' metadata; 1 without it."""
    if not metadata:
        return 1.0
    patterns = metadata.get("alpha_pattern") or {}
    own = (value for pattern, value in patterns.items() if re.fullmatch(rf"(.*\.)?{pattern}", layer))
    return float(next(own, metadata.get("lora_alpha", rank))) / rank
