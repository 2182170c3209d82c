"""The loss of a VAE on images of -1..1: error in RGB and CIELAB, colour apart from detail, and the KL divergence."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from wallpaint.bundles.configurations import VAE_SCALE_FACTOR
from wallpaint.imaging.color_torch import linear_to_lab, srgb_to_linear


def block_means(image: Tensor) -> Tensor:
    """Return the mean of each 8x8 block, [B, C, H/8, W/8]. image: [B, C, H, W]."""
    return functional.avg_pool2d(image, VAE_SCALE_FACTOR)


def reconstruction_losses(output: Tensor, image: Tensor, beta: float) -> dict[str, Tensor]:
    """Return the scalars rgb, lab and block_lab: smooth L1 in RGB, L1 in CIELAB, and L1 in CIELAB of 8x8 block means.

    output, image: [B, 3, H, W], sRGB in -1..1. beta: RGB error below which the first is quadratic. The block means are
    taken in linear light, so block_lab is the error of the colour without detail.
    """
    rgb = functional.smooth_l1_loss(output, image, beta=beta) if beta else functional.l1_loss(output, image)
    predicted, target = (srgb_to_linear((value.clamp(-1, 1) + 1) / 2) for value in (output, image))
    lab = functional.l1_loss(linear_to_lab(predicted), linear_to_lab(target))
    block_lab = functional.l1_loss(linear_to_lab(block_means(predicted)), linear_to_lab(block_means(target)))
    return {"rgb": rgb, "lab": lab, "block_lab": block_lab}


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the KL divergence of the posterior to a standard normal, averaged over elements. Kingma & Welling 2014."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()


def downscaled(latents: Tensor, image: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    """Return latents and image, both downscaled by a factor. Scale equivariance: Kouzelis et al. 2025 (EQ-VAE)."""
    size = [max(1, round(side * factor)) for side in latents.shape[-2:]]
    small = functional.interpolate(latents, size=size, mode="bilinear", antialias=True)
    target = functional.interpolate(
        image, size=[VAE_SCALE_FACTOR * side for side in size], mode="bilinear", antialias=True
    )
    return small, target
