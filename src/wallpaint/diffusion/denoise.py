"""From noise to the latents of a painted wall: the loop of the source document's section 4.5, with nine channels.

    x = [noisy latents 4 | mask 1 | masked-image latents 4]
    residuals = controlnet(noisy latents, t, text, depth)
    noise = unet(x, t, text and image tokens, residuals)
    latents = scheduler.step(noise, t, latents)

Source of guidance: Ho & Salimans 2022. Equal to the stock pipelines of diffusers, which can do one reference a call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from wallpaint.diffusion.profile import Profile

Observer: TypeAlias = Callable[[str, Tensor], None]
"""Told the name and value of every tensor on the way, for tables of what really flows."""


def unobserved(name: str, value: Tensor) -> None:
    """The observer that does not look."""


@dataclass(frozen=True)
class Conditioning:
    """What one batch of B paints is denoised under.

    mask: [B, 1, h, w], 1 on wall. masked_latents: [B, 4, h, w]. text: [B, 77, C]. image_tokens: [B, 1, n, C], or None
    without an image prompt. control: [B, c, h, w], the depth picture after the ControlNet's own stem, or None.
    """

    mask: Tensor
    masked_latents: Tensor
    text: Tensor
    image_tokens: Tensor | None = None
    control: Tensor | None = None
    control_scale: float = 1.0

    def guided(self, negative_text: Tensor, negative_image_tokens: Tensor | None) -> Conditioning:
        """The same batch twice: first what guidance leads away from, then what it leads to."""
        tokens = None
        if self.image_tokens is not None and negative_image_tokens is not None:
            tokens = torch.cat([negative_image_tokens, self.image_tokens])
        return replace(
            self,
            mask=torch.cat([self.mask] * 2),
            masked_latents=torch.cat([self.masked_latents] * 2),
            text=torch.cat([negative_text, self.text]),
            image_tokens=tokens,
            control=None if self.control is None else torch.cat([self.control] * 2),
        )


def predict_noise(
    unet: Any,
    controlnet: Any,
    sample: Tensor,
    timestep: Tensor,
    cond: Conditioning,
    *,
    observe: Observer = unobserved,
) -> Tensor:
    """One look of the networks at noisy latents [B, 4, h, w]: the noise in them, of that shape.

    controlnet: without its stem, see `Conditioning.control`; None where there is none.
    """
    residuals: dict[str, Any] = {}
    if controlnet is not None and cond.control is not None:
        down, middle = controlnet(
            sample,
            timestep,
            encoder_hidden_states=cond.text,
            controlnet_cond=cond.control,
            conditioning_scale=cond.control_scale,
            return_dict=False,
        )
        observe("control_residual", middle)
        residuals = {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}
    tokens: Any = cond.text if cond.image_tokens is None else (cond.text, [cond.image_tokens])
    nine = torch.cat([sample, cond.mask, cond.masked_latents], dim=1)  # [B, 9, h, w]
    observe("unet_input", nine)
    return unet(nine, timestep, encoder_hidden_states=tokens, return_dict=False, **residuals)[0]


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
    observe: Observer = unobserved,
) -> Tensor:
    """Take the noise out of latents, step by step.

    predict: (sample, timestep, cond, observe=) -> noise, see `predict_noise`. latents: [B, 4, h, w] float32, noised to
    timesteps[0]. timesteps: (n,) on the CPU. cond: for B, or with guidance above 1 for 2B as `Conditioning.guided` has
    it. generators: one a paint, for samplers that draw noise. Returns [B, 4, h, w] float32.
    """
    profile = profile or Profile()
    extra = {"generator": list(generators)} if generators else {}
    kind = cond.text.dtype
    for timestep, placed in zip(timesteps, timesteps.to(latents.device), strict=True):
        double = torch.cat([latents] * 2) if guidance > 1 else latents
        sample = scheduler.scale_model_input(double, timestep).to(kind)
        observe("timestep", timestep)
        observe("noisy_latents", sample)
        with profile.stage("denoise"):
            noise = predict(sample, placed, cond, observe=observe).float()
        observe("noise_pred", noise)
        if guidance > 1:
            away, towards = noise.chunk(2)
            noise = away + guidance * (towards - away)
        with profile.stage("scheduler"):
            latents = scheduler.step(noise, timestep, latents, return_dict=False, **extra)[0]
    observe("denoised_latents", latents)
    return latents
