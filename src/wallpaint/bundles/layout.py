"""Paths of components in a bundle's folder, chosen so that stock diffusers pipelines open the same folder."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wallpaint.bundles.components import COMPONENTS
from wallpaint.files.atomic import put

COMPONENT_PATHS = {
    "unet": "unet",
    "vae": "vae",
    "text_encoder": "text_encoder",
    "tokenizer": "tokenizer",
    "scheduler": "scheduler",
    "controlnet": "controlnet",
    "image_encoder": "models/image_encoder",
    "depth": "depth",
    "segmenter": "segmenter",
}


def ip_adapter_path(family: str, *, plus: bool) -> str:
    """Path of an IP-Adapter: beside its image encoder, where diffusers' load_ip_adapter expects it."""
    return f"models/ip-adapter{'-plus' if plus else ''}_{family}.safetensors"


def model_index(scheduler: str) -> dict[str, Any]:
    """model_index.json of a StableDiffusionInpaintPipeline without a safety checker. scheduler: class name."""
    models = {name: [COMPONENTS[name].library, COMPONENTS[name].class_name] for name in ("unet", "vae", "text_encoder")}
    return {
        "_class_name": "StableDiffusionInpaintPipeline",
        "_diffusers_version": importlib.metadata.version("diffusers"),
        **models,
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", scheduler],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
    }


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object atomically, creating its folder. Raises InputError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    put(path, json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n", durable=False)
