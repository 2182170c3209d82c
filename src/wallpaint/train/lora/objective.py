"""The training objective: sections 2.3 to 2.8 of the source document, one function per step.

    moments     -> latents, sampled from the VAE's posterior   `encoders.sample_posterior`
    latents     -> noise added at a random timestep            `add_noise`
    [noisy latents 4 | mask 1 | masked-image latents 4] -> UNet -> mean squared error of the noise   `predict`

The path from a batch to its loss is `task.InpaintingTask.losses`.

All random numbers are sampled on the CPU in float32, so that a step is the same on every device: from one generator for
the batch, or from one per sample, which makes a sample independent of its batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from wallpaint.diffusion.denoise import Conditioning, Observer, no_observer, predict_noise
from wallpaint.errors import ModelError

PREDICTIONS = ("epsilon", "v_prediction")

Generators: TypeAlias = "torch.Generator | Sequence[torch.Generator]"
"""Source of a batch's random numbers: one generator for the batch, or one per sample."""


def noise_schedule(config: Mapping[str, Any]) -> Any:
    """Return diffusers' DDPMScheduler for a scheduler config.

    config: of `Bundle.scheduler_config`, whatever sampler it names. Raises ModelError for a prediction_type other than
    epsilon and v_prediction.
    """
    import diffusers

    prediction_type = config.get("prediction_type", "epsilon")
    if prediction_type not in PREDICTIONS:
        raise ModelError(
            f"the scheduler's prediction_type is {prediction_type!r}: training supports {' and '.join(PREDICTIONS)}"
        )
    # clip_sample is on by default; with it, the scheduler's x0 is clipped.
    scheduler: Any = diffusers.DDPMScheduler
    return scheduler.from_config({**config, "clip_sample": False})


def randn(like: Tensor, generators: Generators) -> Tensor:
    """Sample standard normal noise of a tensor's shape, float32, on its device."""
    if isinstance(generators, torch.Generator):
        return torch.randn(like.shape, generator=generators).to(like.device)
    return torch.stack([torch.randn(like.shape[1:], generator=generator) for generator in generators]).to(like.device)


def sample_timesteps(count: int, num_train_timesteps: int, generators: Generators) -> Tensor:
    """Sample timesteps uniformly from 0..num_train_timesteps-1: [count] int64 on the CPU."""
    if isinstance(generators, torch.Generator):
        return torch.randint(0, num_train_timesteps, (count,), generator=generators)
    return torch.cat([torch.randint(0, num_train_timesteps, (1,), generator=generator) for generator in generators])


def add_noise(
    scheduler: Any,
    latents: Tensor,
    generators: Generators,
    *,
    noise_offset: float = 0.0,
    observe: Observer = no_observer,
) -> tuple[Tensor, Tensor, Tensor]:
    """Add noise to latents, each sample at its own uniformly sampled timestep.

    latents: [B, 4, h, w]. noise_offset: strength of additional noise that is constant over each channel (Guttenberg
    2023). Returns noise [B, 4, h, w], timesteps [B] int64, and noisy latents
    sqrt(alpha_bar_t) latents + sqrt(1 - alpha_bar_t) noise. Source: Ho et al. 2020.
    """
    noise = randn(latents, generators)
    if noise_offset:
        noise = noise + noise_offset * randn(latents[:, :, :1, :1], generators)
    observe("noise", noise)
    num_train_timesteps = int(scheduler.config.num_train_timesteps)
    timesteps = sample_timesteps(latents.shape[0], num_train_timesteps, generators).to(latents.device)
    observe("timesteps", timesteps)
    noisy = scheduler.add_noise(latents, noise, timesteps)
    observe("noisy_latents", noisy)
    return noise, timesteps, noisy


def prediction_target(scheduler: Any, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """Return the UNet's target: the noise, or v = sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) latents.

    Source of v-prediction: Salimans & Ho 2022.
    """
    if scheduler.config.prediction_type == "v_prediction":
        return scheduler.get_velocity(latents, noise, timesteps)
    return noise


@dataclass(frozen=True, eq=False)
class DenoisingPrediction:
    """The UNet's prediction for one noisy batch.

    errors: [B] float32, mean squared error of each sample. timesteps: [B] int64. x0: [B, 4, h, w] float32, clean
    latents, see `predict_x0`.
    """

    errors: Tensor
    timesteps: Tensor
    x0: Tensor


def predict(
    unet: Any,
    scheduler: Any,
    latents: Tensor,
    cond: Conditioning,
    generators: Generators,
    *,
    controlnet: Any = None,
    noise_offset: float = 0.0,
    observe: Observer = no_observer,
) -> DenoisingPrediction:
    """Add noise to latents, predict it with the UNet, and compare.

    latents: [B, 4, h, w] float32. cond: of B samples, text in the UNet's dtype. controlnet: without its conditioning
    embedding, see `Conditioning.controlnet_cond`. Gradients flow to the UNet's trainable parameters.
    """
    noise, timesteps, noisy = add_noise(scheduler, latents, generators, noise_offset=noise_offset, observe=observe)
    predicted = predict_noise(unet, controlnet, noisy.to(cond.text.dtype), timesteps, cond, observe=observe).float()
    observe("text_embedding", cond.text)
    observe("noise_pred", predicted)  # [B, 4, h, w]
    target = prediction_target(scheduler, latents, noise, timesteps)
    observe("target", target)
    errors = (predicted - target.float()).square().mean((1, 2, 3))  # [B]
    return DenoisingPrediction(errors, timesteps, predict_x0(scheduler, noisy, predicted, timesteps))


def predict_x0(scheduler: Any, noisy: Tensor, predicted: Tensor, timesteps: Tensor) -> Tensor:
    """Return the clean latents x0 that follow from the UNet's prediction: [B, 4, h, w] float32.

    epsilon: (noisy - sqrt(1 - alpha_bar) predicted) / sqrt(alpha_bar).
    v_prediction: sqrt(alpha_bar) noisy - sqrt(1 - alpha_bar) predicted.
    """
    signal = alpha_bar(scheduler, timesteps)[:, None, None, None]
    if scheduler.config.prediction_type == "v_prediction":
        return signal.sqrt() * noisy - (1 - signal).sqrt() * predicted
    return (noisy - (1 - signal).sqrt() * predicted) / signal.sqrt()


def alpha_bar(scheduler: Any, timesteps: Tensor) -> Tensor:
    """Return alpha_bar, the cumulative product of alphas, at timesteps: [B] float32."""
    return scheduler.alphas_cumprod.to(timesteps.device)[timesteps].float()


def min_snr_weights(scheduler: Any, timesteps: Tensor, gamma: float) -> Tensor:
    """Return min-SNR loss weights, [B] float32; all 1 if gamma is 0.

    min(SNR, gamma) / SNR; for v-prediction max(1, min(SNR, gamma)) / (SNR + 1), since a schedule with zero terminal SNR
    would else give the last timestep, which starts every picture, no weight. Source: Hang et al. 2023.
    """
    if not gamma:
        return torch.ones_like(timesteps, dtype=torch.float32)
    signal = alpha_bar(scheduler, timesteps)
    snr = signal / (1 - signal)
    if scheduler.config.prediction_type == "v_prediction":
        return snr.clamp(min(1.0, gamma), gamma) / (snr + 1)
    return snr.clamp(max=gamma) / snr
