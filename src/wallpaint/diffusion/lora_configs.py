"""What LoRA files state about themselves: peft's config in the file or beside it, kohya's and wallpaint's metadata."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from wallpaint.errors import ModelError
from wallpaint.files import names as file_names

SCHEDULER_METADATA_KEY = "wallpaint_schedule"  # metadata: JSON of overrides of the bundle's scheduler_config.json
_SCHEDULER_KEYS = {"prediction_type", "timestep_spacing", "rescale_betas_zero_snr"}
DEFAULT_FILE_NAME, PEFT_FILE_NAME = "pytorch_lora_weights.safetensors", "adapter_model.safetensors"
PEFT_CONFIG_NAME = "adapter_config.json"
NETWORK_PREFIXES = ("unet", "text_encoder")


def check_kind(file: Path) -> None:
    """Raise ModelError, which names the kind, if a file's configs are of another adapter than a plain LoRA."""
    _check_config(adapter_config(file), file)
    _check_config({k.removeprefix("unet."): v for k, v in (diffusers_metadata(file) or {}).items()}, file)
    if re.search(r'"rs_?lora": *"?true', file_metadata(file).get("ss_network_args", ""), re.IGNORECASE):
        raise ModelError(f"{file}: is rsLoRA, whose scale is alpha / sqrt(rank): export it as plain LoRA")


def _check_config(config: Mapping[str, Any], file: Path) -> None:
    """Raise ModelError if peft's config is of another adapter than a plain LoRA."""
    kind = config.get("peft_type", "LORA")
    if kind != "LORA":
        raise ModelError(f"{file}: is {kind}, not a plain LoRA (peft_type in its config): export it as LoRA")
    if config.get("use_rslora"):
        raise ModelError(f"{file}: is rsLoRA, whose scale is alpha / sqrt(rank): export it as plain LoRA")
    if config.get("use_dora"):
        raise ModelError(f"{file}: is DoRA, not a plain LoRA (use_dora in its config): export it as LoRA")


def file_metadata(file: Path) -> dict[str, str]:
    """Return the metadata in the header of a safetensors file."""
    from safetensors import safe_open

    with safe_open(file, "pt") as opened:
        return dict(opened.metadata() or {})


def diffusers_metadata(file: Path) -> dict[str, Any] | None:
    """Return the config that diffusers stores in a file, its keys under "unet." or "text_encoder."; None without one.

    Raises ModelError.
    """
    text = file_metadata(file).get("lora_adapter_metadata")
    if text is None:
        return None
    try:
        metadata = json.loads(text)
    except ValueError as error:
        raise ModelError(f"{file}: its lora_adapter_metadata is no JSON: export it again") from error
    if not isinstance(metadata, dict):
        raise ModelError(f"{file}: its lora_adapter_metadata should be an object: export it again")
    has_prefix = any(key.startswith(tuple(f"{prefix}." for prefix in NETWORK_PREFIXES)) for key in metadata)
    return metadata if has_prefix else {f"unet.{key}": value for key, value in metadata.items()}


def adapter_config(file: Path) -> dict[str, Any]:
    """Return peft's config beside a file; empty if there is none, or if it is another file's. Raises ModelError."""
    path = file.with_name(PEFT_CONFIG_NAME)
    others = {DEFAULT_FILE_NAME, PEFT_FILE_NAME} - {file.name}
    if not path.is_file() or (file.name != PEFT_FILE_NAME and any(file.with_name(name).exists() for name in others)):
        return {}
    try:
        config = json.loads(file_names.decode_text(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read as JSON: export the LoRA again") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path}: should hold an object: export the LoRA again")
    return config


def scheduler_overrides(file: Path) -> dict[str, Any]:
    """Read the scheduler overrides of a file's metadata. Raises ModelError for an invalid value."""
    text = file_metadata(file).get(SCHEDULER_METADATA_KEY, "{}")
    try:
        overrides = json.loads(text)
        if not isinstance(overrides, dict) or not overrides.keys() <= _SCHEDULER_KEYS:
            raise ValueError(text)
    except ValueError as error:
        raise ModelError(f"{file}: invalid {SCHEDULER_METADATA_KEY} in its metadata: export it again") from error
    return overrides


def config_alphas(layers: Iterable[str], ranks: Collection[int], file: Path) -> dict[str, float]:
    """Return alpha by layer and ".alpha", from peft's config beside a file or kohya's metadata; empty without both.

    ranks: of the layers. Raises ModelError for a config that does not fit.
    """
    config = adapter_config(file)
    default, patterns = config.get("lora_alpha"), config.get("alpha_pattern") or {}
    if default is None:
        text = file_metadata(file).get("ss_network_alpha", "")
        try:
            default = float(text)
        except ValueError:
            return {}
    if not isinstance(default, int | float) or not isinstance(patterns, dict):
        raise ModelError(f"{file.with_name(PEFT_CONFIG_NAME)}: lora_alpha is {default!r}: export the LoRA again")
    _check_ranks(config, ranks, file)
    alphas = {}
    for layer in layers:
        own = (value for pattern, value in patterns.items() if re.fullmatch(rf"(.*\.)?{pattern}", layer))
        alphas[f"{layer}.alpha"] = float(next(own, default))
    return alphas


def _check_ranks(config: Mapping[str, Any], ranks: Collection[int], file: Path) -> None:
    """Raise ModelError if peft's config is of another rank than the weights."""
    expected = config.get("r")
    if expected is not None and not config.get("rank_pattern") and set(ranks) - {expected}:
        actual = ", ".join(map(str, sorted(ranks)))
        raise ModelError(f"{file}: is of rank {actual}, {PEFT_CONFIG_NAME} beside it of {expected}: export it again")
