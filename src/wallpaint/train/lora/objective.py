"""What training minimises: the source document's sections 2.3 to 2.8, one function a step.

    image, mask -> VAE -> latents, masked-image latents        `encode`
    latents     -> noise of a random timestep added            `noised`
    [noisy latents 4 | mask 1 | masked-image latents 4] -> UNet -> mean squared error of the noise   `denoising_loss`

Every random number is drawn on the CPU, in float32, so that a step is the same on every device: from one generator for
a batch, or from one for each of its pictures, which then is the same in any batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from wallpaint.diffusion.denoise import Conditioning, Observer, predict_noise, unobserved
from wallpaint.errors import ModelError, ShapeError

PREDICTIONS = ("epsilon", "v_prediction")

Draws: TypeAlias = "torch.Generator | Sequence[torch.Generator]"
"""Where a batch's random numbers come from: one generator for all of it, or one a picture."""


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


def draw(like: Tensor, draws: Draws) -> Tensor:
    """Normal noise of a tensor's shape, on its device: float32."""
    if isinstance(draws, torch.Generator):
        return torch.randn(like.shape, generator=draws).to(like.device)
    return torch.stack([torch.randn(like.shape[1:], generator=generator) for generator in draws]).to(like.device)


def draw_timesteps(count: int, steps: int, draws: Draws) -> Tensor:
    """[count] int64 on the CPU, each of 0..steps-1 equally likely."""
    if isinstance(draws, torch.Generator):
        return torch.randint(0, steps, (count,), generator=draws)
    return torch.cat([torch.randint(0, steps, (1,), generator=generator) for generator in draws])


def encode(vae: Any, image: Tensor, mask: Tensor, draws: Draws, *, observe: Observer = unobserved) -> Encoded:
    """Images and masked images through the frozen VAE: a sample of its posterior each, times its scaling factor.

    image: [B, 3, H, W], -1..1. mask: [B, 1, H, W], 0 or 1, 1 on wall. Raises ShapeError where they do not fit.
    """
    if mask.shape != (image.shape[0], 1, *image.shape[2:]):
        raise ShapeError(f"image is {list(image.shape)}, mask {list(mask.shape)}: give one mask channel an image")
    observe("image", image)
    observe("mask", mask)
    masked = image * (1 - mask)
    observe("masked_image", masked)
    latents = _sample(vae, image, draws)
    observe("latents", latents)
    masked_latents = _sample(vae, masked, draws)
    observe("masked_image_latents", masked_latents)
    small = functional.interpolate(mask.float(), size=latents.shape[-2:], mode="nearest")
    observe("latent_mask", small)
    return Encoded(latents, small, masked_latents)


def _sample(vae: Any, image: Tensor, draws: Draws) -> Tensor:
    return posterior_sample(*moments(vae, image), float(vae.config.scaling_factor), draws)


def moments(vae: Any, image: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of a VAE's posterior, before scaling: [B, 4, h, w] float32 each, no gradient."""
    with torch.no_grad():
        posterior = vae.encode(image.to(vae.dtype)).latent_dist
        return posterior.mean.float(), posterior.std.float()


def posterior_sample(mean: Tensor, std: Tensor, scaling: float, draws: Draws) -> Tensor:
    """Latents [B, 4, h, w] float32 out of a posterior's moments."""
    return (mean + std * draw(mean, draws)) * scaling


def noised(
    scheduler: Any, latents: Tensor, draws: Draws, *, noise_offset: float = 0.0, observe: Observer = unobserved
) -> tuple[Tensor, Tensor, Tensor]:
    """Noise added to latents, each picture's to a timestep of its own, all timesteps being equally likely.

    latents: [B, 4, h, w]. noise_offset: strength of further noise that is one number a channel (Guttenberg 2023).
    Returns noise, timesteps [B] int64, and noisy latents sqrt(abar_t) latents + sqrt(1 - abar_t) noise.
    Source: Ho et al. 2020.
    """
    noise = draw(latents, draws)
    if noise_offset:
        noise = noise + noise_offset * draw(latents[:, :, :1, :1], draws)
    observe("noise", noise)
    steps = int(scheduler.config.num_train_timesteps)
    timesteps = draw_timesteps(latents.shape[0], steps, draws).to(latents.device)
    observe("timesteps", timesteps)
    noisy = scheduler.add_noise(latents, noise, timesteps)
    observe("noisy_latents", noisy)
    return noise, timesteps, noisy


def target(scheduler: Any, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """What the UNet should say: the noise, or with v_prediction sqrt(abar) noise - sqrt(1 - abar) latents.

    Source of v: Salimans & Ho 2022.
    """
    if scheduler.config.prediction_type == "v_prediction":
        return scheduler.get_velocity(latents, noise, timesteps)
    return noise


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the UNet said of one noised batch.

    errors: [B] float32, mean squared error of each picture. timesteps: [B] int64. clean: [B, 4, h, w] float32, the
    latents that follow from what was said, see `predict_x0`.
    """

    errors: Tensor
    timesteps: Tensor
    clean: Tensor


def predict(
    unet: Any,
    scheduler: Any,
    latents: Tensor,
    cond: Conditioning,
    draws: Draws,
    *,
    controlnet: Any = None,
    noise_offset: float = 0.0,
    observe: Observer = unobserved,
) -> Prediction:
    """Noise latents, have the UNet tell the noise, and compare.

    latents: [B, 4, h, w] float32. cond: of B pictures, text in the UNet's number format. controlnet: without its stem,
    see `Conditioning.control`. Gradients flow to whatever of the UNet wants them.
    """
    noise, timesteps, noisy = noised(scheduler, latents, draws, noise_offset=noise_offset, observe=observe)
    predicted = predict_noise(unet, controlnet, noisy.to(cond.text.dtype), timesteps, cond, observe=observe).float()
    observe("text_embedding", cond.text)
    observe("noise_pred", predicted)
    wanted = target(scheduler, latents, noise, timesteps)
    observe("target", wanted)
    errors = (predicted - wanted.float()).square().mean((1, 2, 3))
    return Prediction(errors, timesteps, predict_x0(scheduler, noisy, predicted, timesteps))


def predict_x0(scheduler: Any, noisy: Tensor, predicted: Tensor, timesteps: Tensor) -> Tensor:
    """Latents without the noise that the UNet says is in them, often written x0: [B, 4, h, w] float32.

    With epsilon (noisy - sqrt(1 - abar) predicted) / sqrt(abar), with v sqrt(abar) noisy - sqrt(1 - abar) predicted.
    """
    kept = alpha_bar(scheduler, timesteps)[:, None, None, None]
    if scheduler.config.prediction_type == "v_prediction":
        return kept.sqrt() * noisy - (1 - kept).sqrt() * predicted
    return (noisy - (1 - kept).sqrt() * predicted) / kept.sqrt()


def alpha_bar(scheduler: Any, timesteps: Tensor) -> Tensor:
    """abar of timesteps, [B] float32: the share of the signal's variance that is left."""
    return scheduler.alphas_cumprod.to(timesteps.device)[timesteps].float()


def denoising_loss(
    unet: Any, scheduler: Any, encoded: Encoded, text: Tensor, draws: Draws, *, observe: Observer = unobserved
) -> Tensor:
    """The mean squared error over all elements, pictures having one size: a scalar, float32.

    text: [1 or B, 77, C] in the UNet's number format; in zero-prompt mode the bundle's one embedding of "".
    """
    kind = text.dtype
    cond = Conditioning(
        encoded.mask.to(kind), encoded.masked_latents.to(kind), text.expand(len(encoded.latents), -1, -1)
    )
    loss = predict(unet, scheduler, encoded.latents, cond, draws, observe=observe).errors.mean()
    observe("loss", loss)
    return loss


def min_snr_weights(scheduler: Any, timesteps: Tensor, gamma: float) -> Tensor:
    """[B] float32: weights that keep nearly clean pictures from ruling the loss; all 1 where gamma is 0.

    Source: Hang et al. 2023, min(SNR, gamma) / SNR; for v-prediction over SNR + 1.
    """
    if not gamma:
        return torch.ones_like(timesteps, dtype=torch.float32)
    kept = alpha_bar(scheduler, timesteps)
    snr = kept / (1 - kept)
    return snr.clamp(max=gamma) / (snr + 1 if scheduler.config.prediction_type == "v_prediction" else snr)


def training_loss(
    vae: Any,
    unet: Any,
    scheduler: Any,
    image: Tensor,
    mask: Tensor,
    text: Tensor,
    draws: Draws,
    *,
    observe: Observer = unobserved,
) -> Tensor:
    """From pictures to the loss: `encode`, then `denoising_loss`."""
    encoded = encode(vae, image, mask, draws, observe=observe)
    return denoising_loss(unet, scheduler, encoded, text, draws, observe=observe)
