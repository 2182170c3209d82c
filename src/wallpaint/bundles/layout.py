"""Where parts lie in a bundle's folder, so that stock diffusers pipelines open the same folder."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wallpaint.bundles.components import KINDS
from wallpaint.files.atomic import put

PLACES = {
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


def adapter_place(family: str, *, plus: bool) -> str:
    """Where an IP-Adapter lies: beside its image encoder, as diffusers' load_ip_adapter looks for it."""
    return f"models/ip-adapter{'-plus' if plus else ''}_{family}.safetensors"


def model_index(scheduler: str) -> dict[str, Any]:
    """model_index.json of Stable Diffusion inpainting without a safety checker. scheduler: its class."""
    return {
        "_class_name": "StableDiffusionInpaintPipeline",
        "_diffusers_version": importlib.metadata.version("diffusers"),
        **{part: [KINDS[part].library, KINDS[part].class_name] for part in ("unet", "vae", "text_encoder")},
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", scheduler],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
    }


def put_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object whole or not at all, and its folder. Raises InputError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    put(path, json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n", durable=False)
