"""Encoding by the frozen networks: images to latents, prompts to text embeddings, references to image tokens, depth.

The painter and the training of LoRAs call the same functions, so that training sees what inference sees. The functions
keep no gradients; device and dtype are those of the networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from wallpaint.bundles.prompts import tokenize
from wallpaint.diffusion import image_tensors
from wallpaint.diffusion.denoise import Observer, no_observer
from wallpaint.typing import Array


def posterior_moments(vae: Any, image: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of a VAE's posterior, before scaling: [B, 4, h, w] float32.

    image: [B, 3, H, W], -1..1, on the VAE's device.
    """
    with torch.no_grad():
        posterior = vae.encode(image.to(vae.dtype)).latent_dist
        return posterior.mean.float(), posterior.std.float()


def sample_posterior(mean: Tensor, std: Tensor, noise: Tensor, scaling_factor: float) -> Tensor:
    """Return latents sampled from a posterior, times the VAE's scaling factor: [B, 4, h, w] float32.

    mean, std: see `posterior_moments`; [1, 4, h, w] is broadcast to the batch. noise: [B, 4, h, w], standard normal.
    """
    return (mean + std * noise) * scaling_factor


def encode_prompts(encoder: Any, tokenizer: Any, prompts: Sequence[str]) -> Tensor:
    """Return text embeddings of prompts: [B, 77, C]."""
    with torch.no_grad():
        embedding: Tensor = encoder(tokenize(tokenizer, prompts).to(encoder.device))[0]
    return embedding


def image_embeddings(encoder: Any, projector: nn.Module, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the inputs of an IP-Adapter projector: image embeddings [B, ...] and the negative one [1, ...].

    pixels: [B, 3, S, S], normalized with the encoder's statistics. Base: pooled projections; the negative is zeros.
    Plus: penultimate hidden states; the negative is that of a zero image.
    """
    with torch.no_grad():
        if uses_hidden_states(projector):
            both = torch.cat([pixels, torch.zeros_like(pixels[:1])])
            embeddings = encoder(both, output_hidden_states=True).hidden_states[-2]
            return embeddings[:-1], embeddings[-1:]
        embeddings = encoder(pixels).image_embeds  # [B, projection_dim]
        return embeddings, torch.zeros_like(embeddings[:1])


def uses_hidden_states(projector: nn.Module) -> bool:
    """Whether a projector is that of IP-Adapter Plus, which takes hidden states and not pooled projections."""
    return hasattr(projector, "latents")


def depth_control_image(
    estimator: Any, processor: dict[str, Any], rgb: Array, *, observe: Observer = no_observer
) -> Tensor:
    """Estimate depth, and return it as the control image of a depth ControlNet: [1, 3, H, W] float32, 0..1.

    estimator: DPTForDepthEstimation. processor: its `image_mean` and `image_std`. rgb: (H, W, 3) uint8 sRGB.
    """
    size = estimator.config.image_size
    side = int(size if isinstance(size, int) else size[0])
    pixels = image_tensors.depth_pixels(rgb, processor, side).to(estimator.device)
    observe("depth_pixels", pixels)
    with torch.no_grad():
        inverse_depth = estimator(pixels).predicted_depth  # [1, side, side]
    observe("inverse_depth", inverse_depth)
    control_image = image_tensors.depth_to_control_image(inverse_depth, (rgb.shape[0], rgb.shape[1]))
    observe("depth", control_image)
    return control_image
