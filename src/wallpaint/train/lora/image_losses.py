"""Losses on pictures that the UNet's prediction decodes to: colour of the wall, structure, perception.

Pictures are [B, 3, H, W] float32, sRGB, -1..1, and may lie beyond, as decoded ones do; gradients flow there too. Masks
are [B, 1, H, W], 1 on wall. Every loss is one number a picture, [B] float32, 0 where the pictures are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from wallpaint.errors import ConfigError
from wallpaint.imaging.color import RGB_TO_XYZ, WHITE_XYZ

PictureLoss: TypeAlias = Callable[[Tensor, Tensor], Tensor]

_DELTA = 6 / 29  # where CIELAB's curve becomes a line
_TINY = 1e-6
_MIDDLE = (0.25, 0.75)  # quantiles of luminance between which a wall's colour is taken


def to_linear(picture: Tensor) -> Tensor:
    """Linear light of a picture; beyond 0..1 the curve goes on, mirrored at black. Source: IEC 61966-2-1."""
    encoded = (picture.float() + 1) / 2
    size = encoded.abs()
    curved = ((size.clamp(min=0.04) + 0.055) / 1.055) ** 2.4  # clamped, or the branch not taken has no gradient
    return torch.where(size <= 0.04045, encoded / 12.92, curved * encoded.sign())


def linear_to_lab(linear: Tensor) -> Tensor:
    """CIELAB [B, 3, ...] under D65 of linear sRGB [B, 3, ...]; differentiable everywhere. Source: CIE 15."""
    matrix = torch.as_tensor(RGB_TO_XYZ, dtype=torch.float32, device=linear.device)
    white = torch.as_tensor(WHITE_XYZ, dtype=torch.float32, device=linear.device)
    relative = torch.einsum("ij,bj...->bi...", matrix / white[:, None], linear.float())
    root = relative.clamp(min=_DELTA**3) ** (1 / 3)
    x, y, z = torch.where(relative > _DELTA**3, root, relative / (3 * _DELTA**2) + 4 / 29).unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def color_distance(picture: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean over the wall of CIE76 between two pictures, in hundreds."""
    distance = _length(linear_to_lab(to_linear(picture)) - linear_to_lab(to_linear(target)))  # [B, H, W]
    return _mean(distance[:, None], mask) / 100


def swatch_distance(picture: Tensor, color: Tensor, mask: Tensor) -> Tensor:
    """CIE76 between the wall's typical colour and a swatch, in hundreds.

    color: [B, 3], sRGB 0..255. Typical is the mean in linear light of the middle half of the wall by luminance, near
    the median that the swatch was taken as, with a gradient for half of the wall and not for one pixel.
    """
    linear = to_linear(picture)
    weights = torch.as_tensor(RGB_TO_XYZ[1], dtype=torch.float32, device=linear.device)
    luminance = torch.einsum("j,bj...->b...", weights, linear.detach())
    middle = torch.zeros_like(mask, dtype=torch.float32)
    for index, wall in enumerate(mask[:, 0] > 0.5):
        if wall.any():
            low, high = torch.quantile(luminance[index][wall], torch.tensor(_MIDDLE, device=linear.device))
            middle[index, 0] = (wall & (luminance[index] >= low) & (luminance[index] <= high)).float()
    typical = _mean(linear, middle, keep=True)  # [B, 3]
    swatch = linear_to_lab(to_linear(color.to(linear.device).float() / 127.5 - 1))
    return _length(linear_to_lab(typical) - swatch) / 100 * mask.flatten(1).any(1)


def structure_distance(picture: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """1 - SSIM, mean over the wall: windows of 11 px, Gaussian of 1.5 px, range 2. Source: Wang et al. 2004."""
    return 1 - _mean(ssim_map(picture.float(), target.float()), mask)


def ssim_map(picture: Tensor, target: Tensor) -> Tensor:
    """SSIM of every pixel, mean over channels: [B, 1, H, W], -1..1."""
    places = torch.arange(11, dtype=torch.float32, device=picture.device) - 5
    bell = torch.exp(-(places**2) / (2 * 1.5**2))
    bell = bell / bell.sum()
    channels = picture.shape[1]
    kernel = (bell[:, None] * bell[None]).expand(channels, 1, 11, 11).contiguous()

    def blur(value: Tensor) -> Tensor:
        return functional.conv2d(functional.pad(value, (5, 5, 5, 5), mode="reflect"), kernel, groups=channels)

    mean_p, mean_t = blur(picture), blur(target)
    variance_p, variance_t = blur(picture**2) - mean_p**2, blur(target**2) - mean_t**2
    covariance = blur(picture * target) - mean_p * mean_t
    first, second = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    likeness = (2 * mean_p * mean_t + first) * (2 * covariance + second)
    found: Tensor = likeness / ((mean_p**2 + mean_t**2 + first) * (variance_p + variance_t + second))
    return found.mean(1, keepdim=True)


def perceptual_distance(device: torch.device) -> PictureLoss:
    """LPIPS with VGG, frozen: (picture, target) -> [B]. Raises ConfigError where package or weights are missing.

    Source: Zhang et al. 2018. Never run here: the package brings no VGG weights, and fetches them when first used.
    """
    try:
        import lpips  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise ConfigError(
            "objective.lpips_weight needs the lpips package: pip install lpips, or set it to 0"
        ) from error
    try:
        network: Any = lpips.LPIPS(net="vgg", verbose=False)
    except Exception as error:  # whatever torch.hub says of a download that failed
        reason = " ".join(str(error).split())[:120]
        raise ConfigError(
            f"objective.lpips_weight needs VGG's weights, which cannot be had ({reason}): set it to 0"
        ) from error
    network = network.to(device).eval().requires_grad_(False)

    def distance(picture: Tensor, target: Tensor) -> Tensor:
        found: Tensor = network(picture.float(), target.float())
        return found.flatten(1).mean(1)

    return distance


def _length(difference: Tensor) -> Tensor:
    """Length of vectors along dimension 1; its gradient is finite at zero."""
    return (difference.square().sum(1) + _TINY).sqrt() - _TINY**0.5


def _mean(value: Tensor, mask: Tensor, *, keep: bool = False) -> Tensor:
    """Mean of [B, C, H, W] where the mask is 1: [B], or [B, C] with keep; 0 where it is 1 nowhere."""
    weight = mask.to(value.dtype)
    total = (value * weight).sum((2, 3)) / weight.sum((2, 3)).clamp(min=1)
    return total if keep else total.mean(1)
