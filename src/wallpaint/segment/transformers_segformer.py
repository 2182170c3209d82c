"""A SegFormer of transformers as the wall segmenter: a bundle's, or a folder in transformers' layout. Needs torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wallpaint import extras
from wallpaint.errors import ModelError
from wallpaint.segment.network import Calibration, Network, WallSegmenter, read_calibration, read_refiner
from wallpaint.typing import Array


def load(source: str | Path) -> WallSegmenter:
    """Load a wall segmenter. source: a bundle's name or folder, or a SegFormer's folder. Raises ModelError."""
    from wallpaint.bundles import components, image_prompt
    from wallpaint.bundles.bundle import load_bundle

    extras.require("another wall segmenter", "torch", "transformers", "diffusers")
    folder = Path(source).expanduser()
    if not (folder / "config.json").is_file() or (folder / "bundle.toml").is_file():
        bundle = load_bundle(source)
        folder, config = bundle.path("segmenter"), bundle.config("segmenter")
        return _build(bundle.load("segmenter"), config, bundle.processor("segmenter"), folder, bundle.name)
    import torch

    config = components.read_config("segmenter", folder)
    processor = image_prompt.processor("segmenter", folder, config)
    return _build(components.load("segmenter", folder, torch.float32), config, processor, folder, folder.resolve().name)


def _build(
    model: Any, config: Mapping[str, Any], processor: Mapping[str, Any], folder: Path, name: str
) -> WallSegmenter:
    mean, std = (tuple(float(value) for value in processor[key]) for key in ("image_mean", "image_std"))
    input_px = round(math.sqrt(processor["size"]["height"] * processor["size"]["width"]))
    return WallSegmenter(
        network=network_fn(model),
        wall=_wall_class(config, folder),
        mean=mean,  # type: ignore[arg-type]
        std=std,  # type: ignore[arg-type]
        calibration=read_calibration(folder) or Calibration(input_px=input_px),
        name=name,
        refiner=read_refiner(folder),
    )


def network_fn(model: Any) -> Network:
    """Return a SegformerForSemanticSegmentation of transformers, in eval mode, as a function of arrays."""
    import torch

    def run(pixel_values: Array) -> Array:
        with torch.inference_mode():
            return model(pixel_values=torch.from_numpy(pixel_values)).logits.float().numpy()

    return run


def _wall_class(config: Mapping[str, Any], folder: Path) -> int:
    """Return the index of the class named wall. Raises ModelError."""
    names = config.get("id2label") or {}
    for index, name in names.items():
        if str(name).strip().lower() == "wall" and str(index).isdigit():
            return int(index)
    raise ModelError(f"{folder / 'config.json'}: none of its {len(names)} classes is named wall: use another network")
