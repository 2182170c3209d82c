"""One part of a bundle: its folder checked, then loaded by its own class of diffusers or transformers.

Everything is looked at before it is loaded: config.json, the headers of the weights, and for diffusers' classes every
name and shape. transformers renames keys while it loads, so there its own account of the loading is read.
"""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.bundles.manifest import read_json
from wallpaint.bundles.weights import Files, Shape, compare, find, shapes
from wallpaint.errors import ModelError

if TYPE_CHECKING:
    import torch


_IMPLEMENTATIONS = ("attn_implementation", "experts_implementation", "use_kernels", "kernel_config")
_PLAIN = (None, False, "eager", "sdpa")


@dataclass(frozen=True)
class Kind:
    """How a part is loaded. may_lack: keys that published files leave out, and that no output depends on."""

    library: str
    class_name: str
    model_type: str = ""  # transformers' word for it
    config_class: str = ""
    may_lack: str = ""

    @property
    def stem(self) -> str:
        """Name of the weights' file, without endings."""
        return "model" if self.library == "transformers" else "diffusion_pytorch_model"

    def model_class(self) -> Any:
        """The class itself; imports its library."""
        with quiet():
            return getattr(importlib.import_module(self.library), self.class_name)


KINDS: Mapping[str, Kind] = {
    "unet": Kind("diffusers", "UNet2DConditionModel"),
    "vae": Kind("diffusers", "AutoencoderKL"),
    "controlnet": Kind("diffusers", "ControlNetModel"),
    "text_encoder": Kind("transformers", "CLIPTextModel", "clip_text_model", "CLIPTextConfig"),
    "image_encoder": Kind("transformers", "CLIPVisionModelWithProjection", "clip_vision_model", "CLIPVisionConfig"),
    # The first fusion layer has no second input, so its first residual layer is never run.
    "depth": Kind(
        "transformers",
        "DPTForDepthEstimation",
        "dpt",
        "DPTConfig",
        may_lack=r"neck\.fusion_stage\.layers\.0\.residual_layer1\.",
    ),
    "segmenter": Kind("transformers", "SegformerForSemanticSegmentation", "segformer", "SegformerConfig"),
}


def load(part: str, folder: Path, dtype: torch.dtype) -> Any:
    """The model of a part's folder: an nn.Module on the CPU in `dtype`, in eval mode, without gradients.

    Raises ModelError for anything that is not exactly such a model.
    """
    kind = KINDS[part]
    config = read_config(part, folder)
    files = find(folder, kind.stem)
    headers = shapes(files.paths)
    if kind.library == "diffusers":
        check_diffusers(part, config, headers, files.index or files.paths[0])
        model = _from_pretrained(kind, folder, files, torch_dtype=dtype)
    else:
        model, account = _from_pretrained(
            kind, folder, files, dtype=dtype, output_loading_info=True, ignore_mismatched_sizes=True
        )
        _check_account(kind, account, files.index or files.paths[0])
    return ready(model)


def ready(model: Any) -> Any:
    """In eval mode and without gradients: what every part comes as."""
    return model.eval().requires_grad_(False)


def read_config(part: str, folder: Path) -> dict[str, Any]:
    """config.json of a part, of the class that the part should have. Raises ModelError."""
    kind = KINDS[part]
    if not folder.is_dir():
        raise ModelError(f"{folder}: the folder of part {part!r} is missing: fetch the bundle again")
    path = folder / "config.json"
    config = read_json(path)
    if kind.library == "diffusers":
        found, wanted = config.get("_class_name"), kind.class_name
    elif config.get("architectures"):
        found, wanted = config["architectures"], kind.class_name
        if isinstance(found, list) and wanted in found and config.get("model_type", kind.model_type) == kind.model_type:
            found = wanted
    else:
        found, wanted = config.get("model_type"), kind.model_type
    if found != wanted:
        raise ModelError(f"{path}: part {part!r} should be a {wanted}, is {found}: this is another model's folder")
    if "quantization_config" in config:
        raise ModelError(f"{path}: quantised weights are not read: fetch the plain ones")
    _refuse_code(config, path)
    if (folder / "adapter_config.json").exists():
        raise ModelError(
            f"{folder / 'adapter_config.json'}: an adapter is not loaded unasked: take it out of the folder"
        )
    if part == "unet":
        check_channels(config, path)
    return config


def _refuse_code(config: Mapping[str, Any], place: Path) -> None:
    """Raise ModelError for a config that would have compiled kernels fetched from the hub and run."""
    for key, value in config.items():
        if isinstance(value, dict):
            _refuse_code(value, place)
        elif key.strip("_") in _IMPLEMENTATIONS and value not in _PLAIN:
            raise ModelError(f"{place}: {key} asks for code of its own ({value!r}), which is not run: take the key out")


def check_channels(config: Mapping[str, Any], place: Path) -> None:
    """Raise ModelError unless a UNet takes latents, mask and masked latents."""
    channels = config.get("in_channels")
    if channels != 9:
        hint = "this is a text-to-image model, fetch the inpainting one" if channels == 4 else "fetch an inpainting one"
        raise ModelError(f"{place}: the UNet should have 9 input channels, has {channels}: {hint}")


def check_family(part: str, config: Mapping[str, Any], unet: Mapping[str, Any], place: Path) -> None:
    """Raise ModelError unless a text encoder or ControlNet has the sizes that the UNet asks for. place: its config."""
    names = {
        "controlnet": {key: key for key in ("block_out_channels", "layers_per_block", "cross_attention_dim")},
        "text_encoder": {"hidden_size": "cross_attention_dim"},
    }
    for own, wanted in names.get(part, {}).items():
        if config.get(own) != unet.get(wanted):
            raise ModelError(
                f"{place}: {own} should be {unet.get(wanted)} for this UNet, is {config.get(own)}: "
                f"take the {part} of the UNet's own family"
            )


def skeleton(part: str, config: Mapping[str, Any], place: Path) -> Any:
    """The model of a config on the meta device: names and shapes without numbers. place: the file to name."""
    import torch

    kind = KINDS[part]
    try:
        with quiet(), torch.device("meta"):
            if kind.library == "diffusers":
                return kind.model_class().from_config(dict(config))
            library = importlib.import_module(kind.library)
            return kind.model_class()(getattr(library, kind.config_class)(**config))
    except Exception as error:
        raise ModelError(f"{place}: makes no {kind.class_name} ({_short(error)}): fetch the file again") from error


def expected_shapes(part: str, config: Mapping[str, Any], place: Path) -> dict[str, Shape]:
    """Name and shape of each tensor of a part's model, in its order."""
    return {key: tuple(value.shape) for key, value in skeleton(part, config, place).state_dict().items()}


def check_diffusers(part: str, config: Mapping[str, Any], found: Mapping[str, Shape], place: Path) -> None:
    """Raise ModelError unless the weights fit the model of a config. place: the weights' file."""
    model = skeleton(part, config, place.parent / "config.json")
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    named = dict(found)
    model._fix_state_dict_keys_on_load(named)  # the attention of older VAEs had other names
    compare(expected, named, place, KINDS[part].class_name)


def _from_pretrained(kind: Kind, folder: Path, files: Files, **options: Any) -> Any:
    try:
        with quiet():
            return kind.model_class().from_pretrained(
                folder, local_files_only=True, use_safetensors=True, variant=files.variant, **options
            )
    except MemoryError:
        raise
    except Exception as error:
        raise ModelError(f"{folder}: {kind.class_name} cannot be loaded ({_short(error)}): fetch it again") from error


def _check_account(kind: Kind, account: Mapping[str, Any], place: Path) -> None:
    """Raise ModelError unless transformers found every key, in its shape, and no other."""
    other = f"another architecture than the configured {kind.class_name}, or damaged: fetch the part again"
    missing = sorted(key for key in account["missing_keys"] if not (kind.may_lack and re.match(kind.may_lack, key)))
    wrong = sorted(account["mismatched_keys"])
    for key, found, expected in wrong[:1]:
        raise ModelError(f"{place}: key {key} should be {list(expected)}, is {list(found)}: {other}")
    if missing:
        raise ModelError(f"{place}: key {missing[0]} is missing ({len(missing)} in all): {other}")
    unknown = sorted(account["unexpected_keys"])
    if unknown:
        raise ModelError(f"{place}: key {unknown[0]} is not known ({len(unknown)} in all): {other}")


def _short(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the libraries' own notes and progress bars: what matters is raised."""
    import logging

    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    loggers = (diffusers_logging, transformers_logging)
    before = [each.get_verbosity() for each in loggers]
    bars = [each.is_progress_bar_enabled() for each in loggers]
    for each in loggers:
        each.set_verbosity(logging.CRITICAL)
        each.disable_progress_bar()
    try:
        yield
    finally:
        for each, level, bar in zip(loggers, before, bars, strict=True):
            each.set_verbosity(level)
            if bar:
                each.enable_progress_bar()
