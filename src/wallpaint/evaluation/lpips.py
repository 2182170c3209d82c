"""LPIPS, a learned perceptual distance between images; needs the optional package `lpips`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from wallpaint.errors import ConfigError
from wallpaint.evaluation.metrics import wall_bounding_box
from wallpaint.typing import Array

MIN_SIDE_PX = 32  # below it AlexNet's last feature maps are empty

LpipsFn: TypeAlias = Callable[[Array, Array, Array], float]
"""(image, truth, alpha) -> LPIPS within the wall's bounding box."""


def load() -> LpipsFn:
    """Load LPIPS 0.1 with AlexNet on the CPU. Raises ConfigError where package or weights are missing.

    Source: Zhang, Isola, Efros, Shechtman & Wang 2018.
    """
    try:
        import lpips  # type: ignore[import-not-found]
    except ImportError as error:
        raise ConfigError("`lpips` needs the package lpips, which needs torchvision: pip install lpips") from error
    try:
        network = lpips.LPIPS(net="alex", verbose=False).eval()
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"`lpips`: AlexNet's weights cannot be loaded ({reason}): download them, or leave out `lpips`"
        ) from error
    return lambda image, truth, alpha: distance(network, image, truth, alpha)


def distance(network: Any, image: Array, truth: Array, alpha: Array) -> float:
    """Return the LPIPS distance, 0 and up, within the wall's bounding box.

    network: called with two tensors [1, 3, H, W] in -1..1. image, truth: (H, W, 3) uint8. alpha: (H, W). NaN for an
    empty mask and for a box with a side under 32 px.
    """
    import torch

    box = wall_bounding_box(alpha)
    if box is None or min(image[box].shape[:2]) < MIN_SIDE_PX:
        return math.nan
    image_tensor, truth_tensor = (
        torch.from_numpy(p[box].astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1 for p in (image, truth)
    )  # [1, 3, h, w]
    with torch.inference_mode():
        return float(network(image_tensor, truth_tensor))
