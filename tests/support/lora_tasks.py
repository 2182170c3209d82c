"""LoRA tasks from small recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.lora_recipes import recipe
from wallpaint.bundles.bundle import load_bundle
from wallpaint.data.dataset import WallInpaintingDataset
from wallpaint.train.lora.task import InpaintingTask


def side_of(bundle: Path) -> int:
    return int(load_bundle(bundle).config("image_encoder")["image_size"])


def make(bundle: Path, data: Path, mode: str, **changed: Any) -> InpaintingTask:
    samples = {"size": 64, "dilation_px": 2.0, "random_color_prob": 1.0, "reference_px": side_of(bundle)}
    config = recipe(bundle, data, mode=mode, samples=samples | changed.pop("samples", {}), **changed)
    return InpaintingTask(load_bundle(bundle), WallInpaintingDataset(data, "train", config.samples, 0), config)
