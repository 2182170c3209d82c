"""sRGB, linear light and CIELAB of tensors, differentiable everywhere; values as in `imaging.color`.

Channels are dimension 1. This module needs torch, which the core does without: only training and diffusion import it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wallpaint.imaging.color import LUMINANCE, RGB_TO_XYZ, WHITE_XYZ

_LAB_DELTA = 6 / 29  # below its cube, CIELAB's curve is a line


def srgb_to_linear(srgb: Tensor) -> Tensor:
    """Convert sRGB, 0..1, to linear light: float32. Outside 0..1 the curve continues, mirrored at black.

    Source: IEC 61966-2-1.
    """
    encoded = srgb.float()
    magnitude = encoded.abs()
    curved = ((magnitude.clamp(min=0.04) + 0.055) / 1.055) ** 2.4  # clamped, or the unused branch has a NaN gradient
    return torch.where(magnitude <= 0.04045, encoded / 12.92, curved * encoded.sign())


def linear_to_lab(rgb_linear: Tensor) -> Tensor:
    """Convert linear sRGB [B, 3, ...] to CIELAB under D65 [B, 3, ...] float32. Source: CIE 15."""
    matrix = torch.as_tensor(RGB_TO_XYZ, dtype=torch.float32, device=rgb_linear.device)
    white = torch.as_tensor(WHITE_XYZ, dtype=torch.float32, device=rgb_linear.device)
    relative = torch.einsum("ij,bj...->bi...", matrix / white[:, None], rgb_linear.float())
    root = relative.clamp(min=_LAB_DELTA**3) ** (1 / 3)
    x, y, z = torch.where(relative > _LAB_DELTA**3, root, relative / (3 * _LAB_DELTA**2) + 4 / 29).unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def luminance(rgb_linear: Tensor) -> Tensor:
    """Return the relative luminance Y of linear sRGB [B, 3, ...]: [B, ...] float32."""
    weights = torch.as_tensor(LUMINANCE, dtype=torch.float32, device=rgb_linear.device)
    return torch.einsum("j,bj...->b...", weights, rgb_linear.float())
