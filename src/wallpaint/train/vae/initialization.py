"""Initialization of a VAE that passes the mean colour of each 8x8 block through encoder and decoder from the start.

Random weights stall on colour: normalisation over the whole image removes its brightness and tint, and the network
takes thousands of steps to restore them. Here the first three latent channels are the block means at once, and training
adds detail. Some channels of the residual stream are reserved, the others keep their random weights:

    channels 0 to 2     RGB, -1..1            channels 3 to 5     its negative
    the last two        constants CARRIER and -CARRIER, which dominate the variance, so that the last normalisation
                        divides by nearly the same number for every image

The pairs have zero mean, and silu(x) - silu(-x) = x, so the activation before the last convolution loses nothing. The
second convolution of each residual block starts at zero (Zhang et al. 2019, Fixup).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from wallpaint.errors import ConfigError

RGB_CHANNELS = 3
CARRIER = 4.0
INITIAL_LOG_VARIANCE = -6.0  # of the posterior; at 0 the noise would hide the latents
MIN_WIDTH = 2 * RGB_CHANNELS + 2
_CALIBRATION_IMAGES, _CALIBRATION_BLOCKS = 16, 8  # random images, and 8x8 blocks on each of their sides
_BILINEAR = ((1, 2, 1), (2, 4, 2), (1, 2, 1))  # after nearest-neighbour upsampling, /16


@torch.no_grad()
def pass_block_means(vae: Any, generator: torch.Generator) -> None:
    """Initialize an AutoencoderKL with random weights in place.

    generator: of the images by which the last normalisations are scaled. Raises ConfigError for a VAE with more than
    one normalisation group, attention, or fewer than 8 channels in a level.
    """
    config = vae.config
    if config.norm_num_groups != 1 or config.mid_block_add_attention or min(config.block_out_channels) < MIN_WIDTH:
        raise ConfigError(
            "the VAE of this configuration cannot be initialized: it needs one normalisation group, no attention, and "
            f"{MIN_WIDTH} channels or more in each level"
        )
    encoder, decoder = vae.encoder, vae.decoder
    _write_stream(encoder.conv_in)
    _carry(encoder)
    _read_stream(encoder.conv_out, range(RGB_CHANNELS))
    latent_channels = config.latent_channels
    _set_identity(vae.quant_conv, range(RGB_CHANNELS))
    vae.quant_conv.weight[latent_channels:] = 0
    vae.quant_conv.bias[latent_channels:] = INITIAL_LOG_VARIANCE
    _set_identity(vae.post_quant_conv, range(latent_channels))
    _write_stream(decoder.conv_in)
    _carry(decoder)
    _read_stream(decoder.conv_out, range(RGB_CHANNELS))
    blocks = torch.rand(_CALIBRATION_IMAGES, RGB_CHANNELS, *(_CALIBRATION_BLOCKS,) * 2, generator=generator) * 2 - 1
    image = nn.functional.interpolate(blocks, scale_factor=2 ** (len(config.block_out_channels) - 1))
    _scale_last_norm(encoder, image)
    padding = blocks.new_zeros(len(blocks), latent_channels - RGB_CHANNELS, *blocks.shape[2:])
    _scale_last_norm(decoder, torch.cat([blocks, padding], 1))


def _write_stream(conv: nn.Conv2d) -> None:
    """Initialize the convolution that opens the residual stream: RGB, its negative, and the constants."""
    for channel in range(RGB_CHANNELS):
        _set_kernel(conv, channel, {channel: 1.0})
        _set_kernel(conv, channel + RGB_CHANNELS, {channel: -1.0})
    for channel, constant in ((-2, CARRIER), (-1, -CARRIER)):
        _set_kernel(conv, channel, {})
        _bias(conv)[channel] = constant


def _carry(network: Any) -> None:
    """Initialize all blocks of an encoder or decoder, so that the reserved channels pass unchanged."""
    for block in (*getattr(network, "down_blocks", ()), network.mid_block, *getattr(network, "up_blocks", ())):
        for resnet in block.resnets:
            nn.init.zeros_(resnet.conv2.weight)
            nn.init.zeros_(_bias(resnet.conv2))
            if resnet.conv_shortcut is not None:
                _set_identity(resnet.conv_shortcut, _reserved())
        for sampler in getattr(block, "downsamplers", None) or ():
            _set_identity(sampler.conv, _reserved())
            average = torch.zeros(3, 3)
            average[:2, :2] = 0.25  # the input is padded by one row and column at the end
            _set_spatial(sampler.conv, average)
        for sampler in getattr(block, "upsamplers", None) or ():
            _set_identity(sampler.conv, _reserved())
            _set_spatial(sampler.conv, torch.tensor(_BILINEAR) / 16)


def _reserved() -> Sequence[int]:
    return (*range(2 * RGB_CHANNELS), -2, -1)


def _read_stream(conv: nn.Conv2d, outputs: Sequence[int]) -> None:
    """Initialize the last convolution: each output is the difference of a channel and its negative."""
    for channel in outputs:
        _set_kernel(conv, channel, {channel: 1.0, channel + RGB_CHANNELS: -1.0})


def _set_identity(conv: nn.Conv2d, channels: Sequence[int]) -> None:
    """Copy input channels to output channels of the same number; negative numbers count from the last one."""
    for channel in channels:
        _set_kernel(conv, channel, {channel: 1.0})


def _set_spatial(conv: nn.Conv2d, kernel: Tensor) -> None:
    """Replace the kernels by which the RGB channels are copied."""
    for channel in range(2 * RGB_CHANNELS):
        conv.weight[channel, channel] = kernel
    if conv.stride[0] > 1:
        for channel in (-2, -1):
            conv.weight[channel, channel] = kernel


def _set_kernel(conv: nn.Conv2d, output: int, factors: dict[int, float]) -> None:
    """Make an output channel a weighted sum of input channels at the same pixel. factors: by input channel."""
    center = conv.weight.shape[-1] // 2
    conv.weight[output] = 0
    _bias(conv)[output] = 0
    for channel, factor in factors.items():
        conv.weight[output, channel, center, center] = factor


def _scale_last_norm(network: Any, inputs: Tensor) -> None:
    """Set the weight of the last normalisation to the standard deviation that it divides by."""
    measured: list[Tensor] = []
    hook = network.conv_norm_out.register_forward_pre_hook(lambda module, args: measured.append(args[0]))
    network(inputs)
    hook.remove()
    std = measured[0].flatten(1).std(1)
    network.conv_norm_out.weight.fill_(float(std.mean()))


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias
