"""LPIPS, where the package `lpips` is installed: how alike two pictures are to a network that tells pictures apart."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from wallpaint.errors import ConfigError
from wallpaint.evaluation.metrics import wall_box
from wallpaint.typing import Array

LEAST_PX = 32  # side that AlexNet's layers still see something of

Perceptual: TypeAlias = Callable[[Array, Array, Array], float]
"""(picture, truth, alpha) -> LPIPS in the rectangle round the wall."""


def load() -> Perceptual:
    """LPIPS with AlexNet, version 0.1, on the CPU. Raises ConfigError where package or weights are missing.

    Source: Zhang, Isola, Efros, Shechtman & Wang 2018.
    """
    try:
        import lpips  # type: ignore[import-not-found]
    except ImportError as error:
        raise ConfigError("--lpips needs the package lpips, which needs torchvision: pip install lpips") from error
    try:
        network = lpips.LPIPS(net="alex", verbose=False).eval()
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"--lpips: AlexNet's weights cannot be had ({reason}): fetch them, or leave it out"
        ) from error
    return lambda picture, truth, alpha: distance(network, picture, truth, alpha)


def distance(network: Any, picture: Array, truth: Array, alpha: Array) -> float:
    """LPIPS, 0 and up, of the rectangle that holds the wall and 5 px round it.

    network: takes two tensors [1, 3, H, W] of -1..1. picture, truth: (H, W, 3) uint8. alpha: (H, W). NaN for an empty
    mask and a rectangle of less than 32 px a side.
    """
    import torch

    box = wall_box(alpha)
    if box is None or min(picture[box].shape[:2]) < LEAST_PX:
        return math.nan
    ours, right = (
        torch.from_numpy(p[box].astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1 for p in (picture, truth)
    )
    with torch.inference_mode():
        return float(network(ours, right))
