"""Clicks followed by a SAM (v1, Kirillov et al. 2023), where a folder with its weights is there; nothing is fetched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from wallpaint.errors import ModelError
from wallpaint.typing import Array

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of codes, as SAM was trained
Point = tuple[int, int]


def regions(
    folder: Path, rgb: Array, clicks: Sequence[Point], not_clicks: Sequence[Point], size: tuple[int, int]
) -> tuple[Array, Array]:
    """What clicks add and remove, both (h, w) bool of a given size.

    folder: transformers' layout, safetensors. rgb: (H, W, 3) uint8 sRGB. clicks, not_clicks: (x, y) in rgb. The picture
    is encoded once; each click on wall is asked about with all that is none, each other one by itself.
    Raises ModelError.
    """
    import torch

    model = load(folder)
    side = int(model.config.vision_config.image_size)
    scale = side / max(rgb.shape[:2])
    shape = (max(1, round(rgb.shape[0] * scale)), max(1, round(rgb.shape[1] * scale)))
    seen = cv2.resize(rgb, shape[::-1], interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    values = np.zeros((side, side, 3), np.float32)
    values[: shape[0], : shape[1]] = (seen.astype(np.float32) - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    added, removed = (np.zeros(size, bool) for _ in range(2))
    with torch.inference_mode():
        embedding = model.get_image_embeddings(torch.from_numpy(values.transpose(2, 0, 1).copy())[None])
        for click in clicks:
            added |= _answer(model, embedding, [click, *not_clicks], [1] + [0] * len(not_clicks), scale, shape, size)
        for click in not_clicks:
            removed |= _answer(model, embedding, [click], [1], scale, shape, size)
    return added & ~removed, removed


def load(folder: Path) -> Any:
    """A SamModel from a folder of this disk. Raises ModelError."""
    from wallpaint.bundles import components
    from wallpaint.bundles.manifest import read_json

    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(f"{folder}: is no folder of a SAM (no config.json): give one with its weights")
    kind = read_json(path).get("model_type")
    if kind != "sam":
        raise ModelError(f"{path}: should be a SAM (v1), is {kind}: give another folder")
    if not list(folder.glob("*.safetensors")):
        raise ModelError(f"{folder}: has no .safetensors file: convert its weights, pickles could run code")
    with components.suppress_library_logging():
        from transformers import SamModel

        try:
            model = SamModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(f"{folder}: cannot be loaded as a SAM ({' '.join(str(error).split())[:200]})") from error
    return components.freeze(model)


def _answer(
    model: Any,
    embedding: Any,
    points: Sequence[Point],
    labels: Sequence[int],
    scale: float,
    shape: tuple[int, int],
    size: tuple[int, int],
) -> Array:
    """The best of SAM's three masks for some points: (h, w) bool of a given size."""
    import torch

    where = torch.tensor([[[[x * scale, y * scale] for x, y in points]]], dtype=torch.float32)
    told = torch.tensor([[list(labels)]])
    found = model(image_embeddings=embedding, input_points=where, input_labels=told, multimask_output=True)
    best = int(found.iou_scores[0, 0].argmax())
    logits = found.pred_masks[0, 0, best].float().numpy()
    side = int(model.config.vision_config.image_size)
    whole = cv2.resize(logits, (side, side), interpolation=cv2.INTER_LINEAR)[: shape[0], : shape[1]]
    return np.asarray(cv2.resize(whole, size[::-1], interpolation=cv2.INTER_LINEAR) > 0)
