"""LoRA files: read in diffusers' or kohya's naming, checked against the network, merged into its weights."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from wallpaint.bundles.parts import quiet
from wallpaint.errors import ModelError

USUAL_NAME = "pytorch_lora_weights.safetensors"
_DOWN = re.compile(r"\.(?:lora_A|lora\.down)\.weight$")


@dataclass(frozen=True, eq=False)
class LoraWeights:
    """One LoRA. tensors: by diffusers' names, those of the UNet under "unet.", of the text encoder under
    "text_encoder.". alphas: by name, where the file is kohya's. metadata: diffusers' own, holds alpha."""

    path: Path
    scale: float
    tensors: dict[str, Tensor]
    alphas: dict[str, float] | None
    metadata: dict[str, Any] | None

    @property
    def has_text(self) -> bool:
        """Whether it also changes the text encoder."""
        return any(name.startswith("text_encoder.") for name in self.tensors)


def read(path: Path, scale: float) -> LoraWeights:
    """Read a LoRA. path: a .safetensors file, or a folder that holds one. Raises ModelError; pickles are refused."""
    from diffusers.loaders.lora_pipeline import StableDiffusionLoraLoaderMixin
    from safetensors import SafetensorError

    file = _file(path)
    try:
        tensors, alphas, metadata = StableDiffusionLoraLoaderMixin.lora_state_dict(
            str(file.parent),
            weight_name=file.name,
            use_safetensors=True,
            local_files_only=True,
            return_lora_metadata=True,
        )
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise ModelError(f"{file}: not a LoRA that can be read ({_line(error)}): fetch or export it anew") from error
    if not any(name.startswith("unet.") for name in tensors):
        first = next(iter(tensors), "nothing")
        raise ModelError(f"{file}: holds no LoRA weights for a UNet (found {first}): is it for Stable Diffusion 1.5?")
    return LoraWeights(file, scale, tensors, alphas, metadata)


def _file(path: Path) -> Path:
    if path.is_dir():
        found = sorted(path.glob("*.safetensors"))
        usual = path / USUAL_NAME
        if usual in found:
            return usual
        if len(found) != 1:
            what = f"{len(found)} of them" if found else "none"
            raise ModelError(
                f"{path}: a LoRA folder holds {USUAL_NAME} or one other .safetensors file; this has {what}"
            )
        return found[0]
    if not path.is_file():
        raise ModelError(f"{path}: there is no such LoRA: name a folder or a .safetensors file")
    if path.suffix != ".safetensors":
        raise ModelError(f"{path}: LoRAs are read from .safetensors only, since other formats can run code")
    return path


def merge_into_unet(unet: Any, loras: Sequence[LoraWeights]) -> None:
    """Add LoRAs to a UNet's weights, each times its scale, and leave no trace of the adapters: no cost at run time.

    Source: W' = W + scale (alpha / rank) B A, Hu et al. 2021. Raises ModelError that names the first key that does not
    fit.
    """
    if not loras:
        return
    for index, lora in enumerate(loras):
        _check_fit(unet, lora)
        try:
            with quiet(), warnings.catch_warnings(action="ignore"):  # that there are several is meant
                unet.load_lora_adapter(
                    dict(lora.tensors),
                    prefix="unet",
                    adapter_name=f"lora_{index}",
                    network_alphas=lora.alphas,
                    metadata=lora.metadata,
                )
        except (RuntimeError, ValueError, KeyError) as error:
            raise ModelError(f"{lora.path}: does not fit this UNet ({_line(error)})") from error
    names = [f"lora_{index}" for index in range(len(loras))]
    unet.set_adapters(names, [lora.scale for lora in loras])
    unet.fuse_lora(adapter_names=names)
    unet.unload_lora()
    unet.requires_grad_(False)


def _check_fit(unet: nn.Module, lora: LoraWeights) -> None:
    modules = dict(unet.named_modules())
    for name, down in lora.tensors.items():
        found = _DOWN.search(name)
        if not found or not name.startswith("unet."):
            continue
        place = name[len("unet.") : found.start()]
        weight = getattr(modules.get(place), "weight", None)
        if weight is None:
            raise ModelError(f"{lora.path}: {name} is for a layer that this UNet does not have: another architecture?")
        if down.shape[1] != weight.shape[1]:
            raise ModelError(
                f"{lora.path}: {name} takes {down.shape[1]} inputs, the UNet's layer {weight.shape[1]}: it was trained "
                "for another architecture"
            )


def add_to_text_encoder(encoder: Any, loras: Sequence[LoraWeights]) -> None:
    """Add what LoRAs hold for the text encoder, each at its scale. Raises ModelError where it does not fit."""
    from diffusers.loaders.lora_pipeline import StableDiffusionLoraLoaderMixin
    from peft.tuners.tuners_utils import BaseTunerLayer

    chosen = [(f"lora_{index}", lora) for index, lora in enumerate(loras) if lora.has_text]
    for name, lora in chosen:
        try:
            with quiet(), warnings.catch_warnings(action="ignore"):
                StableDiffusionLoraLoaderMixin.load_lora_into_text_encoder(
                    dict(lora.tensors),
                    lora.alphas,
                    encoder,
                    prefix="text_encoder",
                    adapter_name=name,
                    metadata=lora.metadata,
                )
        except (RuntimeError, ValueError, KeyError) as error:
            raise ModelError(f"{lora.path}: does not fit this text encoder ({_line(error)})") from error
    for module in encoder.modules():
        if isinstance(module, BaseTunerLayer):
            layer: Any = module
            layer.set_adapter([name for name, _ in chosen])
            for name, lora in chosen:
                layer.set_scale(name, lora.scale)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
