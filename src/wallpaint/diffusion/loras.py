"""LoRA files: read in diffusers' or kohya's naming, checked against the network, merged into its weights."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from wallpaint.bundles.components import quiet
from wallpaint.bundles.weights import read_header
from wallpaint.errors import ModelError

SCHEDULE = "wallpaint_schedule"  # in a file's metadata: what it changes of the bundle's scheduler_config.json, as JSON
_SCHEDULE_KEYS = {"prediction_type", "timestep_spacing", "rescale_betas_zero_snr"}
USUAL_NAME = "pytorch_lora_weights.safetensors"
_PREFIXES = ("unet", "text_encoder")
# The three namings that diffusers knows, once ".processor" is out of the way: peft's, its own, its old one.
_PLAIN = re.compile(r"(?P<layer>.+)\.(?P<side>lora_A|lora_B|lora(?:_linear_layer)?\.(?:down|up))\.weight")
_OLD = re.compile(r"(?P<layer>.+\.to_(?:q|k|v|out))_lora\.(?P<side>down|up)\.weight")
_OTHER_KINDS = ("dora_scale", "lora_magnitude_vector", ".hada_", ".lokr_", "lora_mid")


@dataclass(frozen=True, eq=False)
class LoraWeights:
    """One LoRA. tensors: all of the file, in pairs, floating, finite; those of the UNet under "unet." in peft's naming,
    of the text encoder under "text_encoder." in the file's. kohya's alpha is in the numbers. metadata: diffusers' own,
    holds alpha. schedule: what it was trained with in place of the bundle's noise schedule, mostly nothing."""

    path: Path
    scale: float
    tensors: dict[str, Tensor]
    metadata: dict[str, Any] | None
    schedule: dict[str, Any] = field(default_factory=dict)

    @property
    def has_text(self) -> bool:
        """Whether it also changes the text encoder."""
        return any(name.startswith("text_encoder.") for name in self.tensors)

    def metadata_of(self, network: str) -> dict[str, Any] | None:
        """diffusers' metadata where it says something of a network."""
        found = {k: v for k, v in (self.metadata or {}).items() if k.startswith(f"{network}.")}
        return found or None


def check(path: Path) -> Path:
    """The file of a LoRA, told by its names to be one; no weights are read. Raises ModelError."""
    file = _file(path)
    names = read_header(file)
    for name in names:
        if any(word in name for word in _OTHER_KINDS):
            raise ModelError(f"{file}: key {name} is of another kind than LoRA (DoRA, LoHa, LoKr …): export it as LoRA")
    if not any(name.startswith(("unet.", "lora_unet_")) for name in names):
        first = next(iter(names), "nothing")
        raise ModelError(f"{file}: holds no LoRA weights for a UNet (found {first}): is it for Stable Diffusion 1.5?")
    return file


def read(path: Path, scale: float) -> LoraWeights:
    """Read a LoRA. path: a .safetensors file, or a folder that holds one. Raises ModelError; pickles are refused.

    What is in the file is in the result, or it is an error: a tensor that is no half of a pair, that has no numbers,
    or that belongs to another network.
    """
    from diffusers.loaders.lora_pipeline import StableDiffusionLoraLoaderMixin

    file = check(path)
    try:
        with quiet():
            tensors, alphas, metadata = StableDiffusionLoraLoaderMixin.lora_state_dict(
                str(file.parent),
                weight_name=file.name,
                use_safetensors=True,
                local_files_only=True,
                return_lora_metadata=True,
            )
    except MemoryError:
        raise
    except Exception as error:
        raise ModelError(f"{file}: not a LoRA that can be read ({_line(error)}): fetch or export it anew") from error
    if not isinstance(metadata, dict | None):
        raise ModelError(f"{file}: its lora_adapter_metadata should be an object: export it anew")
    if alphas and metadata:
        raise ModelError(f"{file}: has alpha in tensors and in metadata: export it with one of them")
    names = _pairs(tensors, file)
    _check_count(names, file)
    _scale_ups(tensors, names, alphas or {}, file)
    return LoraWeights(file, scale, _peft_named(tensors, names), metadata, _schedule(file))


def _schedule(file: Path) -> dict[str, Any]:
    """What a file's metadata says of the noise schedule. Raises ModelError where that makes no sense."""
    from safetensors import safe_open

    with safe_open(file, "pt") as opened:
        text = (opened.metadata() or {}).get(SCHEDULE, "{}")
    try:
        found = json.loads(text)
        if not isinstance(found, dict) or not found.keys() <= _SCHEDULE_KEYS:
            raise ValueError(text)
    except ValueError as error:
        raise ModelError(f"{file}: {SCHEDULE} in its metadata is not understood: export it anew") from error
    return found


def schedule(loras: Sequence[LoraWeights], config: Mapping[str, Any]) -> dict[str, Any]:
    """A bundle's scheduler_config.json as LoRAs were trained with it. Raises ModelError for two that do not agree."""
    for one in loras[1:]:
        if one.schedule != loras[0].schedule:
            raise ModelError(
                f"{one.path} and {loras[0].path} were trained with different noise schedules: use one of them"
            )
    return {**config, **(loras[0].schedule if loras else {})}


Pairs = dict[str, tuple[str, str]]  # "unet.…to_q": names of down and up


def _pairs(tensors: Mapping[str, Tensor], file: Path) -> Pairs:
    """The names of down and up, by network and layer. Raises ModelError for a tensor that is not half of a pair."""
    halves: dict[str, dict[str, str]] = {}
    for name, value in tensors.items():
        if name.split(".")[0] not in _PREFIXES:
            raise ModelError(f"{file}: {name} is for no network of Stable Diffusion 1.5: another architecture?")
        found = _parse(name)
        if found is None:
            raise ModelError(f"{file}: {name} is neither the down nor the up of a LoRA: export it as plain LoRA")
        layer, side = found
        if side in halves.setdefault(layer, {}):
            raise ModelError(f"{file}: {name} is there twice, in two namings: export it anew")
        halves[layer][side] = name
        if not value.is_floating_point():
            raise ModelError(f"{file}: {name} holds {str(value.dtype).removeprefix('torch.')}, should hold floats")
        if not bool(value.float().isfinite().all()):
            raise ModelError(f"{file}: {name} holds NaN or infinity: fetch or export it anew")
    for sides in halves.values():
        if len(sides) == 1:
            lacking = "up" if "down" in sides else "down"
            raise ModelError(f"{file}: {next(iter(sides.values()))} is without its {lacking}: fetch or export it anew")
    return {layer: (sides["down"], sides["up"]) for layer, sides in halves.items()}


def _parse(name: str) -> tuple[str, str] | None:
    """(network and layer, "down" or "up") of a tensor's name, in any of the namings."""
    plain = name.replace(".processor.", ".")
    found = _PLAIN.fullmatch(plain) or _OLD.fullmatch(plain)
    if found is None:
        return None
    layer = found["layer"]
    if layer.startswith("unet.") and layer.endswith(".to_out"):
        layer += ".0"
    return layer, "down" if found["side"].endswith(("lora_A", "down")) else "up"


def _check_count(names: Pairs, file: Path) -> None:
    """Raise ModelError where two layers of kohya's naming became one."""
    wanted = sum(name.endswith("lora_down.weight") for name in read_header(file))
    if wanted and wanted != len(names):
        raise ModelError(f"{file}: of {wanted} layers {len(names)} have names that are known: another architecture?")


def _scale_ups(tensors: dict[str, Tensor], names: Pairs, alphas: Mapping[str, float], file: Path) -> None:
    """Multiply the ups by kohya's alpha / rank, a layer that has none by 1."""
    for name, alpha in alphas.items():
        if not math.isfinite(alpha):
            raise ModelError(f"{file}: alpha of {name} is {alpha}: fetch or export it anew")
        stem = name.removesuffix(".alpha")
        parsed = _parse(stem) or _parse(f"{stem}.lora.down.weight")
        if parsed is None or parsed[0] not in names:
            raise ModelError(f"{file}: {name} is for a layer without weights: export it anew")
        down, up = names[parsed[0]]
        tensors[up] = tensors[up].float() * (alpha / max(tensors[down].shape[0], 1))


def _peft_named(tensors: Mapping[str, Tensor], names: Pairs) -> dict[str, Tensor]:
    renamed = {}
    for layer, (down, up) in names.items():
        own = layer.startswith("unet.")
        renamed[f"{layer}.lora_A.weight" if own else down] = tensors[down]
        renamed[f"{layer}.lora_B.weight" if own else up] = tensors[up]
    return renamed


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
                    metadata=lora.metadata_of("unet"),
                )
        except MemoryError:
            raise
        except Exception as error:
            raise ModelError(f"{lora.path}: does not fit this UNet ({_line(error)})") from error
        _check_loaded(unet, lora, "unet", f"lora_{index}")
    names = [f"lora_{index}" for index in range(len(loras))]
    unet.set_adapters(names, [lora.scale for lora in loras])
    unet.fuse_lora(adapter_names=names)
    unet.unload_lora()
    unet.requires_grad_(False)
    modules = dict(unet.named_modules())
    for lora in loras:
        for layer in _downs(lora):
            if not bool(modules[layer].weight.isfinite().all()):
                raise ModelError(
                    f"{lora.path}: layer {layer} would hold NaN or infinity: take a smaller scale, or export it anew"
                )


def _downs(lora: LoraWeights) -> dict[str, str]:
    """The UNet's layers that a LoRA changes, with the names of their downs."""
    ending = ".lora_A.weight"
    return {
        name.removeprefix("unet.").removesuffix(ending): name
        for name in lora.tensors
        if name.startswith("unet.") and name.endswith(ending)
    }


def _check_fit(unet: nn.Module, lora: LoraWeights) -> None:
    """Raise ModelError unless each pair is of a layer that the UNet has, and of its sizes."""
    modules = dict(unet.named_modules())
    for layer, name in _downs(lora).items():
        weight = getattr(modules.get(layer), "weight", None)
        if weight is None:
            raise ModelError(f"{lora.path}: {name} is for a layer that this UNet does not have: another architecture?")
        down, up = lora.tensors[name], lora.tensors[name.replace(".lora_A.", ".lora_B.")]
        other = "it was trained for another architecture"
        if not 2 <= weight.ndim == down.ndim == up.ndim:
            raise ModelError(f"{lora.path}: {name} has {down.ndim} axes, the UNet's layer {weight.ndim}: {other}")
        if down.shape[1] != weight.shape[1]:
            raise ModelError(
                f"{lora.path}: {name} takes {down.shape[1]} inputs, the UNet's layer {weight.shape[1]}: {other}"
            )
        if up.shape[0] != weight.shape[0]:
            raise ModelError(
                f"{lora.path}: the up of {name} gives {up.shape[0]}, the UNet's layer {weight.shape[0]}: {other}"
            )
        if up.shape[1] != down.shape[0] or not down.shape[0]:
            raise ModelError(f"{lora.path}: {name} is of rank {down.shape[0]}, its up of {up.shape[1]}: export it anew")
        if down.shape[2:] != weight.shape[2:] or set(up.shape[2:]) - {1}:
            raise ModelError(f"{lora.path}: {name} has another kernel than the UNet's layer: {other}")


def _check_loaded(model: nn.Module, lora: LoraWeights, network: str, adapter: str) -> None:
    """Raise ModelError unless as many layers of a network took the LoRA as it has pairs, with its very numbers."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    taken: dict[str, Any] = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, BaseTunerLayer) and adapter in getattr(module, "lora_A", ())
    }
    wanted = sum(name.startswith(f"{network}.") for name in lora.tensors) // 2
    if len(taken) != wanted:
        raise ModelError(
            f"{lora.path}: {len(taken)} layers of the {network} took it, it has {wanted}: its metadata or names misfit"
        )
    for layer, module in taken.items() if network == "unet" else ():
        for side in ("lora_A", "lora_B"):
            inside = getattr(module, side)[adapter].weight
            if not bool((inside == lora.tensors[f"unet.{layer}.{side}.weight"].to(inside)).all()):
                raise ModelError(f"{lora.path}: layer {layer} did not take it: its metadata or names misfit")


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
                    None,
                    encoder,
                    prefix="text_encoder",
                    adapter_name=name,
                    metadata=lora.metadata_of("text_encoder"),
                )
        except MemoryError:
            raise
        except Exception as error:
            raise ModelError(f"{lora.path}: does not fit this text encoder ({_line(error)})") from error
        _check_loaded(encoder, lora, "text_encoder", name)
    for module in encoder.modules():
        if isinstance(module, BaseTunerLayer):
            layer: Any = module
            layer.set_adapter([name for name, _ in chosen])
            for name, lora in chosen:
                layer.set_scale(name, lora.scale)


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
