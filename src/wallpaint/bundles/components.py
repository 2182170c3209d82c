"""Check a component's folder, then load it with its class of diffusers or transformers.

Checked before loading: config.json, the headers of the weights, and for diffusers classes every name and shape.
transformers renames keys while loading, so for its classes the returned loading info is checked.
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
from wallpaint.bundles.weights import Shape, WeightFiles, check_shapes, find_weights, read_shapes
from wallpaint.errors import ModelError

if TYPE_CHECKING:
    import torch


_IMPLEMENTATION_KEYS = ("attn_implementation", "experts_implementation", "use_kernels", "kernel_config")
_BUILT_IN_IMPLEMENTATIONS = (None, False, "eager", "sdpa")


@dataclass(frozen=True)
class ComponentClass:
    """The class that loads a component. optional_keys: keys that published files omit and no output depends on."""

    library: str
    class_name: str
    model_type: str = ""  # transformers' model_type in config.json
    config_class: str = ""
    optional_keys: str = ""

    @property
    def stem(self) -> str:
        """Name of the weights file, without endings."""
        return "model" if self.library == "transformers" else "diffusion_pytorch_model"

    def model_class(self) -> Any:
        """Import the library and return the class."""
        with suppress_library_logging():
            return getattr(importlib.import_module(self.library), self.class_name)


COMPONENTS: Mapping[str, ComponentClass] = {
    "unet": ComponentClass("diffusers", "UNet2DConditionModel"),
    "vae": ComponentClass("diffusers", "AutoencoderKL"),
    "controlnet": ComponentClass("diffusers", "ControlNetModel"),
    "text_encoder": ComponentClass("transformers", "CLIPTextModel", "clip_text_model", "CLIPTextConfig"),
    "image_encoder": ComponentClass(
        "transformers", "CLIPVisionModelWithProjection", "clip_vision_model", "CLIPVisionConfig"
    ),
    # The first fusion layer has no second input, so its first residual layer never runs.
    "depth": ComponentClass(
        "transformers",
        "DPTForDepthEstimation",
        "dpt",
        "DPTConfig",
        optional_keys=r"neck\.fusion_stage\.layers\.0\.residual_layer1\.",
    ),
    "segmenter": ComponentClass("transformers", "SegformerForSemanticSegmentation", "segformer", "SegformerConfig"),
}


def load(component: str, folder: Path, dtype: torch.dtype) -> Any:
    """Load the model of a folder: an nn.Module on the CPU in `dtype`, in eval mode, without gradients.

    Raises ModelError for anything that is not exactly such a model.
    """
    spec = COMPONENTS[component]
    config = read_config(component, folder)
    files = find_weights(folder, spec.stem)
    shapes = read_shapes(files.paths)
    if spec.library == "diffusers":
        check_diffusers_weights(component, config, shapes, files.index or files.paths[0])
        model = _from_pretrained(spec, folder, files, torch_dtype=dtype)
    else:
        model, loading_info = _from_pretrained(
            spec, folder, files, dtype=dtype, output_loading_info=True, ignore_mismatched_sizes=True
        )
        _check_loading_info(spec, loading_info, files.index or files.paths[0])
    return freeze(model)


def freeze(model: Any) -> Any:
    """Put a model in eval mode and turn off its gradients; returns it."""
    return model.eval().requires_grad_(False)


def read_config(component: str, folder: Path) -> dict[str, Any]:
    """Read config.json of a component, checked to name its class. Raises ModelError."""
    spec = COMPONENTS[component]
    if not folder.is_dir():
        raise ModelError(f"{folder}: the folder of component {component!r} is missing: fetch the bundle again")
    path = folder / "config.json"
    config = read_json(path)
    if spec.library == "diffusers":
        actual, expected = config.get("_class_name"), spec.class_name
    elif config.get("architectures"):
        actual, expected = config["architectures"], spec.class_name
        if (
            isinstance(actual, list)
            and expected in actual
            and config.get("model_type", spec.model_type) == spec.model_type
        ):
            actual = expected
    else:
        actual, expected = config.get("model_type"), spec.model_type
    if actual != expected:
        raise ModelError(
            f"{path}: component {component!r} should be a {expected}, is {actual}: this is another model's folder"
        )
    if "quantization_config" in config:
        raise ModelError(f"{path}: quantised weights are not supported: fetch the unquantised ones")
    _refuse_remote_code(config, path)
    if (folder / "adapter_config.json").exists():
        raise ModelError(
            f"{folder / 'adapter_config.json'}: adapters are not loaded implicitly: remove it from the folder"
        )
    if component == "unet":
        check_in_channels(config, path)
    return config


def _refuse_remote_code(config: Mapping[str, Any], path: Path) -> None:
    """Raise ModelError for a config that would download compiled kernels from the hub and run them."""
    for key, value in config.items():
        if isinstance(value, dict):
            _refuse_remote_code(value, path)
        elif key.strip("_") in _IMPLEMENTATION_KEYS and value not in _BUILT_IN_IMPLEMENTATIONS:
            raise ModelError(f"{path}: {key} asks for external code ({value!r}), which is never run: remove the key")


def check_in_channels(config: Mapping[str, Any], path: Path) -> None:
    """Raise ModelError unless a UNet takes latents, mask and masked-image latents. path: the file to name."""
    channels = config.get("in_channels")
    if channels != 9:
        hint = "this is a text-to-image model, fetch the inpainting one" if channels == 4 else "fetch an inpainting one"
        raise ModelError(f"{path}: the UNet should have 9 input channels, has {channels}: {hint}")


def check_compatible(component: str, config: Mapping[str, Any], unet: Mapping[str, Any], path: Path) -> None:
    """Raise ModelError unless the sizes of a text encoder or ControlNet match the UNet. path: its config.json."""
    matching_keys = {
        "controlnet": {key: key for key in ("block_out_channels", "layers_per_block", "cross_attention_dim")},
        "text_encoder": {"hidden_size": "cross_attention_dim"},
    }
    for key, unet_key in matching_keys.get(component, {}).items():
        if config.get(key) != unet.get(unet_key):
            raise ModelError(
                f"{path}: {key} should be {unet.get(unet_key)} for this UNet, is {config.get(key)}: "
                f"use a {component} of the UNet's model family"
            )


def meta_model(component: str, config: Mapping[str, Any], path: Path) -> Any:
    """Build the model of a config on the meta device: names and shapes without data. path: the file to name."""
    import torch

    spec = COMPONENTS[component]
    try:
        with suppress_library_logging(), torch.device("meta"):
            if spec.library == "diffusers":
                return spec.model_class().from_config(dict(config))
            library = importlib.import_module(spec.library)
            return spec.model_class()(getattr(library, spec.config_class)(**config))
    except Exception as error:
        raise ModelError(f"{path}: makes no {spec.class_name} ({_short(error)}): fetch the file again") from error


def expected_shapes(component: str, config: Mapping[str, Any], path: Path) -> dict[str, Shape]:
    """Name and shape of each tensor of a component's model, in state_dict order."""
    return {key: tuple(value.shape) for key, value in meta_model(component, config, path).state_dict().items()}


def check_diffusers_weights(component: str, config: Mapping[str, Any], shapes: Mapping[str, Shape], path: Path) -> None:
    """Raise ModelError unless the shapes of a weights file fit the model of a config. path: the weights file."""
    model = meta_model(component, config, path.parent / "config.json")
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    renamed = dict(shapes)
    model._fix_state_dict_keys_on_load(renamed)  # older VAEs name their attention layers differently
    check_shapes(expected, renamed, path, COMPONENTS[component].class_name)


def _from_pretrained(spec: ComponentClass, folder: Path, files: WeightFiles, **options: Any) -> Any:
    try:
        with suppress_library_logging():
            return spec.model_class().from_pretrained(
                folder, local_files_only=True, use_safetensors=True, variant=files.variant, **options
            )
    except MemoryError:
        raise
    except Exception as error:
        raise ModelError(f"{folder}: {spec.class_name} cannot be loaded ({_short(error)}): fetch it again") from error


def _check_loading_info(spec: ComponentClass, loading_info: Mapping[str, Any], path: Path) -> None:
    """Raise ModelError unless transformers loaded every key, in its shape, and no other."""
    reason = f"another architecture than the configured {spec.class_name}, or damaged: fetch the component again"
    missing = sorted(
        key for key in loading_info["missing_keys"] if not (spec.optional_keys and re.match(spec.optional_keys, key))
    )
    mismatched = sorted(loading_info["mismatched_keys"])
    for key, actual, expected in mismatched[:1]:
        raise ModelError(f"{path}: key {key} should be {list(expected)}, is {list(actual)}: {reason}")
    if missing:
        raise ModelError(f"{path}: key {missing[0]} is missing ({len(missing)} in all): {reason}")
    unexpected = sorted(loading_info["unexpected_keys"])
    if unexpected:
        raise ModelError(f"{path}: key {unexpected[0]} is unexpected ({len(unexpected)} in all): {reason}")


def _short(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


@contextlib.contextmanager
def suppress_library_logging() -> Iterator[None]:
    """Turn off the logging and progress bars of diffusers and transformers; errors are still raised."""
    import logging

    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    loggers = (diffusers_logging, transformers_logging)
    levels = [logger.get_verbosity() for logger in loggers]
    bars = [logger.is_progress_bar_enabled() for logger in loggers]
    for logger in loggers:
        logger.set_verbosity(logging.CRITICAL)
        logger.disable_progress_bar()
    try:
        yield
    finally:
        for logger, level, bar in zip(loggers, levels, bars, strict=True):
            logger.set_verbosity(level)
            if bar:
                logger.enable_progress_bar()
