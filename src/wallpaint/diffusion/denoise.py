"""Denoising loop of the source document's section 4.5, with the nine-channel inpainting UNet.

    model_input = [noisy latents 4 | mask 1 | masked-image latents 4]
    residuals = controlnet(noisy latents, t, text, depth)
    noise_pred = unet(model_input, t, text and image tokens, residuals)
    latents = scheduler.step(noise_pred, t, latents)

Source of classifier-free guidance: Ho & Salimans 2022. Equal to the stock pipelines of diffusers, which take one
reference per call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from wallpaint.diffusion.profile import Profile

Observer: TypeAlias = Callable[[str, Tensor], None]
"""Callback with the name and value of every intermediate tensor."""


def no_observer(name: str, value: Tensor) -> None:
    """Observer that does nothing."""


@dataclass(frozen=True)
class Conditioning:
    """Conditioning of one batch of B paints.

    mask: [B, 1, h, w], 1 on wall. masked_latents: [B, 4, h, w]. text: [B, 77, C]. image_tokens: [B, 1, n, C], or None
    without an image prompt. controlnet_cond: [B, c, h, w], the depth image after the ControlNet's conditioning
    embedding, or None.
    """

    mask: Tensor
    masked_latents: Tensor
    text: Tensor
    image_tokens: Tensor | None = None
    controlnet_cond: Tensor | None = None
    controlnet_scale: float = 1.0

    def for_guidance(self, negative_text: Tensor, negative_image_tokens: Tensor | None) -> Conditioning:
        """Return a batch of 2B for classifier-free guidance: the negative conditioning first, then this one."""
        tokens = None
        if self.image_tokens is not None and negative_image_tokens is not None:
            tokens = torch.cat([negative_image_tokens, self.image_tokens])
        return replace(
            self,
            mask=torch.cat([self.mask] * 2),
            masked_latents=torch.cat([self.masked_latents] * 2),
            text=torch.cat([negative_text, self.text]),
            image_tokens=tokens,
            controlnet_cond=None if self.controlnet_cond is None else torch.cat([self.controlnet_cond] * 2),
        )


def predict_noise(
    unet: Any,
    controlnet: Any,
    sample: Tensor,
    timestep: Tensor,
    cond: Conditioning,
    *,
    observe: Observer = no_observer,
) -> Tensor:
    """Predict the noise in noisy latents [B, 4, h, w] with one forward pass of UNet and ControlNet.

    controlnet: without its conditioning embedding, see `Conditioning.controlnet_cond`, or None. Returns [B, 4, h, w].
    """
    residuals: dict[str, Any] = {}
    if controlnet is not None and cond.controlnet_cond is not None:
        down, middle = controlnet(
            sample,
            timestep,
            encoder_hidden_states=cond.text,
            controlnet_cond=cond.controlnet_cond,
            conditioning_scale=cond.controlnet_scale,
            return_dict=False,
        )
        observe("control_residual", middle)
        residuals = {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}
    tokens: Any = cond.text if cond.image_tokens is None else (cond.text, [cond.image_tokens])
    model_input = torch.cat([sample, cond.mask, cond.masked_latents], dim=1)  # [B, 9, h, w]
    observe("unet_input", model_input)
    return unet(model_input, timestep, encoder_hidden_states=tokens, return_dict=False, **residuals)[0]


def denoise(
    predict: Callable[..., Tensor],
    scheduler: Any,
    latents: Tensor,
    timesteps: Tensor,
    cond: Conditioning,
    *,
    guidance: float = 1.0,
    generators: Sequence[torch.Generator] | None = None,
    profile: Profile | None = None,
    observe: Observer = no_observer,
) -> Tensor:
    """Denoise latents through all timesteps.

    predict: (sample, timestep, cond, observe=) -> noise, see `predict_noise`. latents: [B, 4, h, w] float32, noised to
    timesteps[0]. timesteps: (n,) on the CPU. cond: of B, or with guidance above 1 of 2B, see
    `Conditioning.for_guidance`. guidance: guidance scale. generators: one per paint, for stochastic samplers.
    Returns [B, 4, h, w] float32.
    """
    profile = profile or Profile()
    extra = {"generator": list(generators)} if generators else {}
    dtype = cond.text.dtype
    for timestep, device_timestep in zip(timesteps, timesteps.to(latents.device), strict=True):
        sample = torch.cat([latents] * 2) if guidance > 1 else latents  # [B or 2B, 4, h, w]
        sample = scheduler.scale_model_input(sample, timestep).to(dtype)
        observe("timestep", timestep)
        observe("noisy_latents", sample)
        with profile.stage("denoise"):
            noise_pred = predict(sample, device_timestep, cond, observe=observe).float()
        observe("noise_pred", noise_pred)
        if guidance > 1:
            uncond, text_cond = noise_pred.chunk(2)  # [B, 4, h, w] each
            noise_pred = uncond + guidance * (text_cond - uncond)
        with profile.stage("scheduler"):
            latents = scheduler.step(noise_pred, timestep, latents, return_dict=False, **extra)[0]
    observe("denoised_latents", latents)
    return latents
