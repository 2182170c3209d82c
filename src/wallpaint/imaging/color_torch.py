"""sRGB, linear light and CIELAB of tensors, differentiable everywhere; values as in `imaging.color`.

This module needs torch, which the core does without: only training and diffusion import it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wallpaint.imaging.color import (
    LAB_OFFSET,
    LAB_SLOPE,
    LAB_THRESHOLD,
    LUMINANCE,
    RGB_TO_XYZ,
    SRGB_EXPONENT,
    SRGB_OFFSET,
    SRGB_SLOPE,
    SRGB_THRESHOLD,
    WHITE_XYZ,
)


def srgb_to_linear(srgb: Tensor) -> Tensor:
    """Convert sRGB, 0..1, to linear light: float32. Outside 0..1 the curve continues, mirrored at black.

    Source: IEC 61966-2-1.
    """
    encoded = srgb.float()
    magnitude = encoded.abs()
    curved = ((magnitude + SRGB_OFFSET) / (1 + SRGB_OFFSET)) ** SRGB_EXPONENT
    return torch.where(magnitude <= SRGB_THRESHOLD, encoded / SRGB_SLOPE, torch.copysign(curved, encoded))


def linear_to_lab(rgb_linear: Tensor, dim: int = 1) -> Tensor:
    """Convert linear sRGB to CIELAB under D65, float32 of the same shape.

    dim: dimension of the three channels; -3 for [..., 3, H, W]. Source: CIE 15.
    """
    matrix = torch.as_tensor(RGB_TO_XYZ / WHITE_XYZ[:, None], dtype=torch.float32, device=rgb_linear.device)
    relative = torch.tensordot(matrix, rgb_linear.float(), dims=([1], [dim]))  # [3, ...]
    # exp(log / 3) is three times as fast as a power; clamped, or the unused branch has a NaN gradient.
    root = torch.exp(torch.log(relative.clamp(min=LAB_THRESHOLD)) / 3)
    x, y, z = torch.where(relative > LAB_THRESHOLD, root, LAB_SLOPE * relative + LAB_OFFSET).unbind(0)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim)


def luminance(rgb_linear: Tensor) -> Tensor:
    """Return the relative luminance Y of linear sRGB [B, 3, ...]: [B, ...] float32."""
    weights = torch.as_tensor(LUMINANCE, dtype=torch.float32, device=rgb_linear.device)
    return torch.einsum("j,bj...->b...", weights, rgb_linear.float())
