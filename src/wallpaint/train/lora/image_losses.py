"""Losses on images decoded from the UNet's prediction: wall colour, structure, perceptual similarity.

Images are [B, 3, H, W] float32, sRGB, -1..1; decoded ones may lie outside, and gradients flow there too. Masks are
[B, 1, H, W], 1 on wall. Each loss returns one value per image, [B] float32, 0 for equal images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from wallpaint.errors import ConfigError
from wallpaint.imaging.color_torch import linear_to_lab, luminance, srgb_to_linear

ImageLoss: TypeAlias = Callable[[Tensor, Tensor], Tensor]

_EPSILON = 1e-6
_MIDDLE_QUANTILES = (0.25, 0.75)  # of luminance, between which a wall's colour is averaged
_SSIM_WINDOW_PX, _SSIM_SIGMA_PX = 11, 1.5
_SSIM_K1, _SSIM_K2, _SSIM_DATA_RANGE = 0.01, 0.03, 2


def color_distance(image: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return the mean CIE76 distance between two images on the wall, divided by 100."""
    distance = _vector_norm(_to_lab(image) - _to_lab(target))  # [B, H, W]
    return _masked_mean(distance[:, None], mask) / 100


def swatch_distance(image: Tensor, color: Tensor, mask: Tensor) -> Tensor:
    """Return the CIE76 distance between the wall's typical colour and a swatch, divided by 100.

    color: [B, 3], sRGB 0..255. The typical colour is the mean in linear light of the wall pixels between the luminance
    quartiles. It is close to the median, which defines the swatch, but has a gradient for half of the wall instead of
    one pixel.
    """
    linear = _to_linear(image)
    y = luminance(linear.detach())  # [B, H, W]
    middle = torch.zeros_like(mask, dtype=torch.float32)  # [B, 1, H, W]
    for index, wall in enumerate(mask[:, 0] > 0.5):
        if wall.any():
            quantiles = torch.tensor(_MIDDLE_QUANTILES, device=linear.device)
            low, high = torch.quantile(y[index][wall], quantiles)
            middle[index, 0] = (wall & (y[index] >= low) & (y[index] <= high)).float()
    typical = _masked_mean(linear, middle, per_channel=True)  # [B, 3]
    swatch = _to_lab(color.to(linear.device).float() / 127.5 - 1)
    return _vector_norm(linear_to_lab(typical) - swatch) / 100 * mask.flatten(1).any(1)


def structure_distance(image: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return 1 - SSIM, averaged over the wall. 11 px Gaussian windows, sigma 1.5 px. Source: Wang et al. 2004."""
    return 1 - _masked_mean(ssim_map(image.float(), target.float()), mask)


def ssim_map(image: Tensor, target: Tensor) -> Tensor:
    """Return the SSIM of every pixel, averaged over channels: [B, 1, H, W], -1..1."""
    radius = _SSIM_WINDOW_PX // 2
    offsets = torch.arange(_SSIM_WINDOW_PX, dtype=torch.float32, device=image.device) - radius
    gaussian = torch.exp(-(offsets**2) / (2 * _SSIM_SIGMA_PX**2))
    gaussian = gaussian / gaussian.sum()
    channels = image.shape[1]
    window = (_SSIM_WINDOW_PX, _SSIM_WINDOW_PX)
    kernel = (gaussian[:, None] * gaussian[None]).expand(channels, 1, *window).contiguous()

    def blur(value: Tensor) -> Tensor:
        return functional.conv2d(functional.pad(value, (radius,) * 4, mode="reflect"), kernel, groups=channels)

    mean_p, mean_t = blur(image), blur(target)
    variance_p, variance_t = blur(image**2) - mean_p**2, blur(target**2) - mean_t**2
    covariance = blur(image * target) - mean_p * mean_t
    c1, c2 = (_SSIM_K1 * _SSIM_DATA_RANGE) ** 2, (_SSIM_K2 * _SSIM_DATA_RANGE) ** 2
    numerator = (2 * mean_p * mean_t + c1) * (2 * covariance + c2)
    ssim: Tensor = numerator / ((mean_p**2 + mean_t**2 + c1) * (variance_p + variance_t + c2))
    return ssim.mean(1, keepdim=True)


def perceptual_distance(device: torch.device) -> ImageLoss:
    """Return frozen LPIPS with VGG: (image, target) -> [B]. Raises ConfigError if package or weights are missing.

    Source: Zhang et al. 2018. Untested: the package downloads the VGG weights on first use.
    """
    try:
        import lpips  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise ConfigError(
            "objective.lpips_weight needs the lpips package: pip install lpips, or set it to 0"
        ) from error
    try:
        network: Any = lpips.LPIPS(net="vgg", verbose=False)
    except Exception as error:  # torch.hub raises various exceptions for a failed download
        reason = " ".join(str(error).split())[:120]
        raise ConfigError(
            f"objective.lpips_weight needs VGG's weights, which cannot be loaded ({reason}): set it to 0"
        ) from error
    network = network.to(device).eval().requires_grad_(False)

    def distance(image: Tensor, target: Tensor) -> Tensor:
        values: Tensor = network(image.float(), target.float())
        return values.flatten(1).mean(1)

    return distance


def _to_linear(image: Tensor) -> Tensor:
    return srgb_to_linear((image.float() + 1) / 2)


def _to_lab(image: Tensor) -> Tensor:
    return linear_to_lab(_to_linear(image))


def _vector_norm(difference: Tensor) -> Tensor:
    """L2 norm along dimension 1, with a finite gradient at zero."""
    return (difference.square().sum(1) + _EPSILON).sqrt() - _EPSILON**0.5


def _masked_mean(value: Tensor, mask: Tensor, *, per_channel: bool = False) -> Tensor:
    """Mean of [B, C, H, W] where the mask is 1: [B], or [B, C] with per_channel; 0 for an empty mask."""
    weight = mask.to(value.dtype)
    mean = (value * weight).sum((2, 3)) / weight.sum((2, 3)).clamp(min=1)
    return mean if per_channel else mean.mean(1)
