"""Read LoRA files in any naming of `lora_names`, check them against the network, and merge them."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from torch import Tensor, nn

from wallpaint.bundles.components import suppress_library_logging
from wallpaint.bundles.weights import read_header
from wallpaint.diffusion import lora_names
from wallpaint.diffusion.lora_configs import (
    DEFAULT_FILE_NAME,
    NETWORK_PREFIXES,
    PEFT_CONFIG_NAME,
    PEFT_FILE_NAME,
    check_kind,
    config_alphas,
    diffusers_metadata,
    scheduler_overrides,
)
from wallpaint.errors import ModelError
from wallpaint.files import names as file_names

LayerPairs: TypeAlias = dict[str, tuple[str, str]]  # "unet.…to_q": key names of its down and up weights
# The three namings of diffusers without ".processor": peft's, its own, its old one.
_CURRENT = re.compile(r"(?P<layer>.+)\.(?P<side>lora_A|lora_B|lora(?:_linear_layer)?\.(?:down|up))\.weight")
_OLD = re.compile(r"(?P<layer>.+\.to_(?:q|k|v|out))_lora\.(?P<side>down|up)\.weight")


@dataclass(frozen=True, eq=False)
class LoraWeights:
    """Weights of one LoRA.

    tensors: all tensors of the file, in pairs, floating-point and finite; those of the UNet under "unet." in peft's
    naming, those of the text encoder under "text_encoder." in the file's naming. alpha of
    kohya or of adapter_config.json is multiplied in. metadata: of diffusers, holds alpha. scheduler_overrides: changes
    to the bundle's scheduler config in training. notes: for the user.
    """

    path: Path
    scale: float
    tensors: dict[str, Tensor]
    metadata: dict[str, Any] | None
    scheduler_overrides: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def has_text_encoder(self) -> bool:
        """Whether it has weights for the text encoder."""
        return any(name.startswith("text_encoder.") for name in self.tensors)

    def metadata_of(self, network: str) -> dict[str, Any] | None:
        """Return the metadata of a network, or None."""
        metadata = {k: v for k, v in (self.metadata or {}).items() if k.startswith(f"{network}.")}
        return metadata or None


def check(path: Path) -> Path:
    """Return the file of a LoRA after checking its key names and configs; reads no weights. Raises ModelError."""
    file = _file(path)
    names = read_header(file)
    for name in names:
        if kind := lora_names.unsupported_kind(name):
            raise ModelError(f"{file}: key {name} is of {kind}, not of a plain LoRA: export it as LoRA")
    check_kind(file)
    for name in names:
        if architecture := lora_names.other_architecture(name):
            raise ModelError(f"{file}: {name} is of {architecture}, another architecture: use a LoRA for SD 1.5")
    first = next(iter(names), "nothing")
    unknown = next((name for name in names if not lora_names.is_known(name)), None)
    if any(map(lora_names.is_of_unet, names)) and unknown is None:
        return file
    if unknown is not None and lora_names.is_lora_key(unknown):
        raise ModelError(
            f"{file}: {unknown} is of an unknown naming: export it in the naming of diffusers, peft or kohya"
        )
    raise ModelError(f"{file}: holds no LoRA weights for a UNet (first key {unknown or first}): use one of SD 1.5")


def read(path: Path, scale: float, layers_per_block: int = 2) -> LoraWeights:
    """Read a LoRA. path: a .safetensors file, or a folder that holds one. layers_per_block: of the UNet's config, for
    files in LDM's naming.

    No tensor is ignored. Alpha is that of the file, else of adapter_config.json beside it, else the rank, which a note
    states. Raises ModelError for pickles, for a tensor without its counterpart, that is not finite, or that belongs to
    another network.
    """
    from diffusers.loaders.lora_pipeline import StableDiffusionLoraLoaderMixin
    from safetensors.torch import load_file

    file = check(path)
    if twice := lora_names.duplicates(read_header(file), layers_per_block):
        raise ModelError(f"{file}: {twice[0]} is a duplicate in another naming: export it again")
    try:
        renamed = {lora_names.canonical(name, layers_per_block): value for name, value in load_file(file).items()}
        with suppress_library_logging():
            tensors, alphas = StableDiffusionLoraLoaderMixin.lora_state_dict(renamed)
    except MemoryError:
        raise
    except Exception as error:
        raise ModelError(f"{file}: cannot be read as a LoRA ({_line(error)}): fetch or export it again") from error
    metadata = diffusers_metadata(file)
    alphas = {**(alphas or {}), **_dotted_alphas(tensors, file)}
    if alphas and metadata:
        raise ModelError(f"{file}: has alpha in tensors and in metadata: export it with one of them")
    names = _pairs(tensors, file)
    _check_count(names, file)
    notes = []
    if not alphas and not metadata:
        alphas = config_alphas(names, {tensors[down].shape[0] for down, _ in names.values()}, file)
        if not alphas:
            notes.append(f"{file.name}: alpha is neither in the file nor in {PEFT_CONFIG_NAME} beside it: scale 1")
    _scale_ups(tensors, names, alphas, file)
    weights = _to_peft_names(tensors, names)
    return LoraWeights(file, scale, weights, metadata, scheduler_overrides(file), tuple(notes))


def _dotted_alphas(tensors: dict[str, Tensor], file: Path) -> dict[str, float]:
    """Take alpha tensors of the dotted namings, as of kohya's layers, out of the tensors: by layer and ".alpha"."""
    alphas = {}
    for name in [name for name in tensors if name.endswith(".alpha")]:
        value = tensors.pop(name)
        if value.numel() != 1:
            raise ModelError(f"{file}: alpha of {name} should be one number: fetch or export it again")
        alphas[name] = float(value)
    return alphas


def scheduler_config(loras: Sequence[LoraWeights], config: Mapping[str, Any]) -> dict[str, Any]:
    """Apply the scheduler overrides of LoRAs to a bundle's scheduler config. Raises ModelError where they differ."""
    for lora in loras[1:]:
        if lora.scheduler_overrides != loras[0].scheduler_overrides:
            raise ModelError(
                f"{lora.path} and {loras[0].path} were trained with different noise schedules: use one of them"
            )
    return {**config, **(loras[0].scheduler_overrides if loras else {})}


def _pairs(tensors: Mapping[str, Tensor], file: Path) -> LayerPairs:
    """Key names of down and up weights, by network and layer. Raises ModelError for an unpaired tensor."""
    halves: dict[str, dict[str, str]] = {}
    for name, value in tensors.items():
        if name.split(".")[0] not in NETWORK_PREFIXES:
            raise ModelError(f"{file}: {name} is of no network of SD 1.5: use a LoRA for the UNet and its text encoder")
        parsed = _parse(name)
        if parsed is None:
            raise ModelError(f"{file}: {name} is neither a down nor an up weight of a LoRA: export it as plain LoRA")
        layer, side = parsed
        if side in halves.setdefault(layer, {}):
            raise ModelError(f"{file}: {name} is a duplicate in another naming: export it again")
        halves[layer][side] = name
        if not value.is_floating_point():
            raise ModelError(f"{file}: {name} holds {str(value.dtype).removeprefix('torch.')}, should hold floats")
        if not bool(value.float().isfinite().all()):
            raise ModelError(f"{file}: {name} holds NaN or infinity: fetch or export it again")
    for sides in halves.values():
        if len(sides) == 1:
            missing = "up" if "down" in sides else "down"
            raise ModelError(
                f"{file}: {next(iter(sides.values()))} is without its {missing} weight: fetch or export it again"
            )
    return {layer: (sides["down"], sides["up"]) for layer, sides in halves.items()}


def _parse(name: str) -> tuple[str, str] | None:
    """Return (network and layer, "down" or "up") of a key name in any naming; None for another key."""
    plain = name.replace(".processor.", ".")
    match = _CURRENT.fullmatch(plain) or _OLD.fullmatch(plain)
    if match is None:
        return None
    layer = match["layer"]
    if layer.startswith("unet.") and layer.endswith(".to_out"):
        layer += ".0"
    return layer, "down" if match["side"].endswith(("lora_A", "down")) else "up"


def _check_count(names: LayerPairs, file: Path) -> None:
    """Raise ModelError where two layers of kohya's naming were converted to one name."""
    expected = sum(name.endswith("lora_down.weight") for name in read_header(file))
    if expected and expected != len(names):
        raise ModelError(f"{file}: {len(names)} of {expected} layers have known names: is it another architecture?")


def _scale_ups(tensors: dict[str, Tensor], names: LayerPairs, alphas: Mapping[str, float], file: Path) -> None:
    """Multiply the up weights by kohya's alpha / rank; layers without alpha stay unchanged."""
    for name, alpha in alphas.items():
        if not math.isfinite(alpha):
            raise ModelError(f"{file}: alpha of {name} is {alpha}: fetch or export it again")
        stem = name.removesuffix(".alpha")
        parsed = _parse(stem) or _parse(f"{stem}.lora.down.weight")
        if parsed is None or parsed[0] not in names:
            raise ModelError(f"{file}: {name} is for a layer without weights: export it again")
        down, up = names[parsed[0]]
        tensors[up] = tensors[up].float() * (alpha / max(tensors[down].shape[0], 1))


def _to_peft_names(tensors: Mapping[str, Tensor], names: LayerPairs) -> dict[str, Tensor]:
    renamed = {}
    for layer, (down, up) in names.items():
        is_unet = layer.startswith("unet.")
        renamed[f"{layer}.lora_A.weight" if is_unet else down] = tensors[down]
        renamed[f"{layer}.lora_B.weight" if is_unet else up] = tensors[up]
    return renamed


def _file(path: Path) -> Path:
    path = path.expanduser()
    if path.is_dir():
        files = file_names.list_content(path, "*.safetensors")
        default = next((path / n for n in (DEFAULT_FILE_NAME, PEFT_FILE_NAME) if path / n in files), None)
        if default is not None:
            return default
        if not files and (path / "lora").is_dir():
            raise ModelError(f"{path}: is the folder of a run: name {path / 'lora'}")
        if len(files) != 1:
            raise ModelError(
                f"{path}: a LoRA folder holds {DEFAULT_FILE_NAME} or one other .safetensors file, this has "
                f"{len(files)}: name the file"
            )
        return files[0]
    if not path.is_file():
        raise ModelError(f"{path}: there is no such LoRA: name a folder or a .safetensors file")
    if path.suffix != ".safetensors":
        raise ModelError(f"{path}: LoRAs are read from .safetensors only, since other formats can run code: convert it")
    return path


def merge_into_unet(unet: Any, loras: Sequence[LoraWeights]) -> None:
    """Merge LoRAs into the weights of a UNet, each times its scale, and unload the adapters: no cost at run time.

    W' = W + scale (alpha / rank) B A. Raises ModelError that names the first key that does not fit.
    Source: Hu et al. 2021.
    """
    if not loras:
        return
    for index, lora in enumerate(loras):
        _check_fit(unet, lora)
        try:
            # peft warns about multiple adapters, which are intended here.
            with suppress_library_logging(), warnings.catch_warnings(action="ignore"):
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
                    f"{lora.path}: layer {layer} would hold NaN or infinity: use a smaller scale, or export it again"
                )


def _downs(lora: LoraWeights) -> dict[str, str]:
    """UNet layers that a LoRA changes, with the key names of their down weights."""
    ending = ".lora_A.weight"
    return {
        name.removeprefix("unet.").removesuffix(ending): name
        for name in lora.tensors
        if name.startswith("unet.") and name.endswith(ending)
    }


def _check_fit(unet: nn.Module, lora: LoraWeights) -> None:
    """Raise ModelError unless the UNet has the layer of each pair, in matching sizes."""
    modules = dict(unet.named_modules())
    for layer, name in _downs(lora).items():
        weight = getattr(modules.get(layer), "weight", None)
        if weight is None:
            raise ModelError(
                f"{lora.path}: {name} is for a layer that this UNet does not have: is it for another architecture?"
            )
        down, up = lora.tensors[name], lora.tensors[name.replace(".lora_A.", ".lora_B.")]
        reason = "it was trained for another architecture"
        if not 2 <= weight.ndim == down.ndim == up.ndim:
            raise ModelError(f"{lora.path}: {name} has {down.ndim} axes, the UNet's layer {weight.ndim}: {reason}")
        if down.shape[1] != weight.shape[1]:
            raise ModelError(
                f"{lora.path}: {name} takes {down.shape[1]} inputs, the UNet's layer {weight.shape[1]}: {reason}"
            )
        if up.shape[0] != weight.shape[0]:
            raise ModelError(
                f"{lora.path}: the up weight of {name} has {up.shape[0]} outputs, the UNet's layer "
                f"{weight.shape[0]}: {reason}"
            )
        if up.shape[1] != down.shape[0] or not down.shape[0]:
            raise ModelError(
                f"{lora.path}: {name} is of rank {down.shape[0]}, its up weight of {up.shape[1]}: export it again"
            )
        if down.shape[2:] != weight.shape[2:] or set(up.shape[2:]) - {1}:
            raise ModelError(f"{lora.path}: {name} has another kernel size than the UNet's layer: {reason}")


def _check_loaded(model: nn.Module, lora: LoraWeights, network: str, adapter: str) -> None:
    """Raise ModelError unless every pair of the LoRA was loaded into a layer, with equal weights."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    loaded: dict[str, Any] = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, BaseTunerLayer) and adapter in getattr(module, "lora_A", ())
    }
    expected = sum(name.startswith(f"{network}.") for name in lora.tensors) // 2
    if len(loaded) != expected:
        raise ModelError(
            f"{lora.path}: {len(loaded)} of its {expected} layers were loaded into the {network}: its metadata or key "
            "names do not match"
        )
    for layer, module in loaded.items() if network == "unet" else ():
        for side in ("lora_A", "lora_B"):
            weight = getattr(module, side)[adapter].weight
            if not bool((weight == lora.tensors[f"unet.{layer}.{side}.weight"].to(weight)).all()):
                raise ModelError(f"{lora.path}: layer {layer} was not loaded: its metadata or key names do not match")


def add_to_text_encoder(encoder: Any, loras: Sequence[LoraWeights]) -> None:
    """Load the text encoder weights of LoRAs, each at its scale. Raises ModelError where they do not fit."""
    from diffusers.loaders.lora_pipeline import StableDiffusionLoraLoaderMixin
    from peft.tuners.tuners_utils import BaseTunerLayer

    adapters = [(f"lora_{index}", lora) for index, lora in enumerate(loras) if lora.has_text_encoder]
    for name, lora in adapters:
        try:
            with suppress_library_logging(), warnings.catch_warnings(action="ignore"):
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
            layer.set_adapter([name for name, _ in adapters])
            for name, lora in adapters:
                layer.set_scale(name, lora.scale)


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
