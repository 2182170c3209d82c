"""What training minimises: the source document's sections 2.3 to 2.8, one function a step.

    image, mask -> VAE -> latents, masked-image latents        `encode`
    latents     -> noise of a random timestep added            `noised`
    [noisy latents 4 | mask 1 | masked-image latents 4] -> UNet -> mean squared error of the noise   `denoising_loss`

Every random number is drawn on the CPU from the generator that is passed in, in float32, so that a step is the same on
every device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from wallpaint.diffusion.denoise import Observer, unobserved
from wallpaint.errors import ModelError, ShapeError

PREDICTIONS = ("epsilon", "v_prediction")


@dataclass(frozen=True, eq=False)
class Encoded:
    """A batch as the UNet knows it.

    latents, masked_latents: [B, 4, h, w] float32, times the VAE's scaling factor. mask: [B, 1, h, w] float32, 1 is
    wall.
    """

    latents: Tensor
    mask: Tensor
    masked_latents: Tensor


def noise_schedule(config: Mapping[str, Any]) -> Any:
    """diffusers' DDPMScheduler of a bundle's own noise schedule.

    config: of `Bundle.scheduler_config`, whatever sampler it names. Raises ModelError for another prediction_type than
    epsilon and v_prediction.
    """
    import diffusers

    kind = config.get("prediction_type", "epsilon")
    if kind not in PREDICTIONS:
        raise ModelError(f"the scheduler's prediction_type is {kind!r}: training knows {' and '.join(PREDICTIONS)}")
    # clip_sample is on by default, and then what the scheduler calls x0 is not x0.
    scheduler: Any = diffusers.DDPMScheduler
    return scheduler.from_config({**config, "clip_sample": False})


def draw(like: Tensor, generator: torch.Generator) -> Tensor:
    """Normal noise of a tensor's shape, on its device: float32."""
    return torch.randn(like.shape, generator=generator).to(like.device)


def encode(
    vae: Any, image: Tensor, mask: Tensor, generator: torch.Generator, *, observe: Observer = unobserved
) -> Encoded:
    """Images and masked images through the frozen VAE: a sample of its posterior each, times its scaling factor.

    image: [B, 3, H, W], -1..1. mask: [B, 1, H, W], 0 or 1, 1 on wall. Raises ShapeError where they do not fit.
    """
    if mask.shape != (image.shape[0], 1, *image.shape[2:]):
        raise ShapeError(f"image is {list(image.shape)}, mask {list(mask.shape)}: give one mask channel an image")
    observe("image", image)
    observe("mask", mask)
    masked = image * (1 - mask)
    observe("masked_image", masked)
    latents = _sample(vae, image, generator)
    observe("latents", latents)
    masked_latents = _sample(vae, masked, generator)
    observe("masked_image_latents", masked_latents)
    small = functional.interpolate(mask.float(), size=latents.shape[-2:], mode="nearest")
    observe("latent_mask", small)
    return Encoded(latents, small, masked_latents)


def _sample(vae: Any, image: Tensor, generator: torch.Generator) -> Tensor:
    with torch.no_grad():
        posterior = vae.encode(image.to(vae.dtype)).latent_dist
        mean = posterior.mean.float()
        return (mean + posterior.std.float() * draw(mean, generator)) * float(vae.config.scaling_factor)


def noised(
    scheduler: Any, latents: Tensor, generator: torch.Generator, *, observe: Observer = unobserved
) -> tuple[Tensor, Tensor, Tensor]:
    """Noise added to latents, each picture's to a timestep of its own, all timesteps being equally likely.

    latents: [B, 4, h, w]. Returns noise, timesteps [B] int64, and noisy latents
    sqrt(abar_t) latents + sqrt(1 - abar_t) noise. Source: Ho et al. 2020.
    """
    noise = draw(latents, generator)
    observe("noise", noise)
    steps = int(scheduler.config.num_train_timesteps)
    timesteps = torch.randint(0, steps, (latents.shape[0],), generator=generator).to(latents.device)
    observe("timesteps", timesteps)
    noisy = scheduler.add_noise(latents, noise, timesteps)
    observe("noisy_latents", noisy)
    return noise, timesteps, noisy


def nine_channels(noisy: Tensor, encoded: Encoded, *, observe: Observer = unobserved) -> Tensor:
    """What an inpainting UNet takes: noisy latents, mask, masked-image latents, in this order. [B, 9, h, w]"""
    nine = torch.cat([noisy, encoded.mask, encoded.masked_latents], dim=1)
    observe("unet_input", nine)
    return nine


def target(scheduler: Any, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """What the UNet should say: the noise, or with v_prediction sqrt(abar) noise - sqrt(1 - abar) latents.

    Source of v: Salimans & Ho 2022.
    """
    if scheduler.config.prediction_type == "v_prediction":
        return scheduler.get_velocity(latents, noise, timesteps)
    return noise


def denoising_loss(
    unet: Any,
    scheduler: Any,
    encoded: Encoded,
    text: Tensor,
    generator: torch.Generator,
    *,
    observe: Observer = unobserved,
) -> Tensor:
    """The mean squared error over all elements of one prediction of the UNet: a scalar, float32.

    text: [1 or B, 77, C] in the UNet's number format; in zero-prompt mode the bundle's one embedding of "". Gradients
    flow to whatever of the UNet wants them.
    """
    count = encoded.latents.shape[0]
    noise, timesteps, noisy = noised(scheduler, encoded.latents, generator, observe=observe)
    nine = nine_channels(noisy, encoded, observe=observe)
    hidden = text.expand(count, -1, -1)
    observe("text_embedding", hidden)
    predicted = unet(nine.to(text.dtype), timesteps, encoder_hidden_states=hidden, return_dict=False)[0]
    observe("noise_pred", predicted)
    wanted = target(scheduler, encoded.latents, noise, timesteps)
    observe("target", wanted)
    loss = functional.mse_loss(predicted.float(), wanted.float(), reduction="mean")
    observe("loss", loss)
    return loss


def training_loss(
    vae: Any,
    unet: Any,
    scheduler: Any,
    image: Tensor,
    mask: Tensor,
    text: Tensor,
    generator: torch.Generator,
    *,
    observe: Observer = unobserved,
) -> Tensor:
    """From pictures to the loss: `encode`, then `denoising_loss`."""
    encoded = encode(vae, image, mask, generator, observe=observe)
    return denoising_loss(unet, scheduler, encoded, text, generator, observe=observe)
