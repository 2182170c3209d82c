"""The VAE in training: new ones, encoding and decoding, and the scale of the latents."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from wallpaint.train import component_files
from wallpaint.train.vae import initialization

COMPONENT = "vae"


def make(configuration_name: str, seed: int) -> Any:
    """Create an AutoencoderKL of a configuration, see `initialization`, in channels-last order."""
    vae = component_files.make(COMPONENT, configuration_name, seed)
    initialization.pass_block_means(vae, torch.Generator().manual_seed(seed))
    return vae.to(memory_format=torch.channels_last)


def posterior(vae: Any, image: Tensor) -> tuple[Tensor, Tensor]:
    """Encode an image, [B, 3, H, W] in -1..1: mean and log variance, [B, 4, H/8, W/8] float32 each.

    Under autocast the last layer, which sets the latents' precision, runs in float32.
    """
    features = vae.encoder(image)
    with torch.autocast(features.device.type, enabled=False):
        mean, log_variance = vae.quant_conv(features.float()).chunk(2, dim=1)
    return mean, log_variance.clamp(-30, 20)


def decode(vae: Any, latents: Tensor) -> Tensor:
    """Decode latents to an image, [B, 3, H, W] float32, about -1..1."""
    output: Tensor = vae.decode(latents, return_dict=False)[0]
    return output.float()


@torch.no_grad()
def scale_to_unit_variance(vae: Any, std: Tensor) -> None:
    """Divide each latent channel by its standard deviation, without changing any decoded image.

    std: (4,), of each channel. The mean is not shifted and the channels are not mixed. The layers next to the latents
    change: rows of quant_conv / s, its log variance bias - 2 ln s, columns of post_quant_conv * s.
    """
    channels = len(std)
    vae.quant_conv.weight[:channels] /= std[:, None, None, None]
    vae.quant_conv.bias[:channels] /= std
    vae.quant_conv.bias[channels:] -= 2 * std.log()
    vae.post_quant_conv.weight *= std[None, :, None, None]
