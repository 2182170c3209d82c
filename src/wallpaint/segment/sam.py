"""Regions of clicks by a SAM (v1, Kirillov et al. 2023), from a local folder with its weights; nothing is fetched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from wallpaint import extras
from wallpaint.errors import ModelError
from wallpaint.typing import Array

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of 8-bit codes, as in SAM's training
Point = tuple[int, int]


def click_regions(
    folder: Path, rgb: Array, clicks: Sequence[Point], not_clicks: Sequence[Point], size: tuple[int, int]
) -> tuple[Array, Array]:
    """Return the regions that clicks add to the wall and remove from it, both (h, w) bool.

    folder: transformers' layout, safetensors. rgb: (H, W, 3) uint8 sRGB. clicks, not_clicks: (x, y) in rgb. size:
    (h, w). The image is encoded once. Each click on wall is prompted with all others as background, each click on
    background by itself. Raises ModelError.
    """
    extras.require("SAM", "torch", "transformers", "diffusers")
    import torch

    model = load(folder)
    side = int(model.config.vision_config.image_size)
    scale = side / max(rgb.shape[:2])
    shape = (max(1, round(rgb.shape[0] * scale)), max(1, round(rgb.shape[1] * scale)))
    resized = cv2.resize(rgb, shape[::-1], interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    normalised = (resized.astype(np.float32) - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    values = np.zeros((side, side, 3), np.float32)
    values[: shape[0], : shape[1]] = normalised
    added, removed = (np.zeros(size, bool) for _ in range(2))
    with torch.inference_mode():
        embedding = model.get_image_embeddings(torch.from_numpy(values.transpose(2, 0, 1).copy())[None])
        for click in clicks:
            labels = [1] + [0] * len(not_clicks)
            added |= _predict_mask(model, embedding, [click, *not_clicks], labels, scale, shape, size)
        for click in not_clicks:
            removed |= _predict_mask(model, embedding, [click], [1], scale, shape, size)
    return added & ~removed, removed


def load(folder: Path) -> Any:
    """Load a SamModel from a local folder. Raises ModelError."""
    from wallpaint.bundles import components
    from wallpaint.bundles.manifest import read_json

    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(f"{folder}: is no folder of a SAM (no config.json): name one with its weights")
    model_type = read_json(path).get("model_type")
    if model_type != "sam":
        raise ModelError(f"{path}: should be a SAM (v1), is {model_type}: name another folder")
    if not list(folder.glob("*.safetensors")):
        raise ModelError(f"{folder}: has no .safetensors file: convert its weights, pickles could run code")
    with components.suppress_library_logging():
        from transformers import SamModel

        try:
            model = SamModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(f"{folder}: cannot be loaded as a SAM ({' '.join(str(error).split())[:200]})") from error
    return components.freeze(model)


def _predict_mask(
    model: Any,
    embedding: Any,
    points: Sequence[Point],
    labels: Sequence[int],
    scale: float,
    shape: tuple[int, int],
    size: tuple[int, int],
) -> Array:
    """Return the mask with the highest predicted IoU of SAM's three, (h, w) bool of a size.

    labels: 1 foreground, 0 background. shape: (h, w) of the image in SAM's square input.
    """
    import torch

    input_points = torch.tensor([[[[x * scale, y * scale] for x, y in points]]], dtype=torch.float32)
    input_labels = torch.tensor([[list(labels)]])
    output = model(
        image_embeddings=embedding, input_points=input_points, input_labels=input_labels, multimask_output=True
    )
    best = int(output.iou_scores[0, 0].argmax())
    logits = output.pred_masks[0, 0, best].float().numpy()
    side = int(model.config.vision_config.image_size)
    cropped = cv2.resize(logits, (side, side), interpolation=cv2.INTER_LINEAR)[: shape[0], : shape[1]]
    return np.asarray(cv2.resize(cropped, size[::-1], interpolation=cv2.INTER_LINEAR) > 0)
