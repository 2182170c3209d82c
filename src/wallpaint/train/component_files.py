"""Models of a bundle's configuration for training: new ones, and their weights as a bundle's component.

A component's folder holds config.json, float16 weights and, for models that take images, preprocessor_config.json.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from wallpaint.bundles.components import COMPONENTS, suppress_library_logging
from wallpaint.bundles.configurations import configuration
from wallpaint.bundles.layout import write_json
from wallpaint.bundles.weights import read_shapes
from wallpaint.errors import ConfigError
from wallpaint.files import atomic
from wallpaint.version import __version__

SCORES_FILE, SCORES_SCHEMA = "scores.json", "wallpaint.component_scores/1"
_TEXT_PREFIX = "text_model."  # of a text encoder's keys in published files, which the current class omits


def make(component: str, configuration_name: str, seed: int) -> Any:
    """Create a component of a configuration with random weights, in training mode. seed: of torch's generator."""
    spec, config = COMPONENTS[component], configuration(configuration_name)[component]
    torch.manual_seed(seed)
    with suppress_library_logging():
        if spec.library == "diffusers":
            return spec.model_class().from_config(config)
        config_class = getattr(importlib.import_module(spec.library), spec.config_class)
        return spec.model_class()(config_class(**config)).train()


def weights_file(component: str) -> str:
    """Return the name of a component's weights file."""
    return f"{COMPONENTS[component].stem}.safetensors"


def save(component: str, model: Any, configuration_name: str, folder: Path) -> None:
    """Write a component of a bundle. model: of the configuration. Raises InputError."""
    from safetensors.torch import save as encode

    config = configuration(configuration_name)
    write_json(folder / "config.json", config[component])
    if component in config["processors"]:
        write_json(folder / "preprocessor_config.json", config["processors"][component])
    tensors = {
        _stored_name(component, name): value.detach().to(torch.float16 if value.is_floating_point() else value.dtype)
        for name, value in model.state_dict().items()
    }
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    atomic.put(folder / weights_file(component), encode(tensors, metadata={"format": "pt"}))


def write_scores(folder: Path, component: str, model: Any, facts: Mapping[str, Any]) -> None:
    """Write scores.json of a run. model: the stored component. facts: plain data, such as figures by set of photos."""
    scores = {
        "schema": SCORES_SCHEMA,
        "version": __version__,
        "component": component,
        "parameters": sum(value.numel() for value in model.parameters()),
        **facts,
    }
    atomic.put(folder / SCORES_FILE, json.dumps(scores, indent=1).encode() + b"\n")


def check_weights(component: str, model: Any, file: Path) -> None:
    """Raise ModelError if a safetensors file cannot be read, and ConfigError if its weights do not fit a model."""
    expected = {_stored_name(component, name): tuple(value.shape) for name, value in model.state_dict().items()}
    if read_shapes((file,)) != expected:
        raise ConfigError(f"{file}: its network has another size than the recipe's configuration")


def load_weights(component: str, model: Any, file: Path) -> None:
    """Load weights that `save` has written into a model. Raises as `check_weights`."""
    from safetensors.torch import load_file

    check_weights(component, model, file)
    stored = load_file(file)
    state = {name: stored[_stored_name(component, name)].to(value.dtype) for name, value in model.state_dict().items()}
    model.load_state_dict(state)


def _stored_name(component: str, name: str) -> str:
    return f"{_TEXT_PREFIX}{name}" if component == "text_encoder" else name
