"""Small LoRA recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wallpaint.train.engine.config import from_mapping
from wallpaint.train.lora.config import LoraRecipe


def recipe(bundle: Path, data: Path, **changed: Any) -> LoraRecipe:
    plain: dict[str, Any] = {
        "bundle": str(bundle),
        "data": str(data),
        "device": "cpu",
        "samples": {"size": 64, "dilation_px": 2.0},
        "lora": {"rank": 4, "alpha": 8},
        "optimizer": {"learning_rate": 1e-3, "warmup_steps": 2},
        "loop": {"steps": 6, "batch_size": 2, "save_every": 2, "log_every": 1},
        "cache": {"variants": 2},
        "conditioning": {},
        "objective": {},
    }
    for name, value in changed.items():
        plain[name] = {**plain.get(name, {}), **value} if isinstance(value, dict) else value
    return from_mapping(LoraRecipe, plain, "recipe")
