"""Training a LoRA for the inpainting UNet, as the source document's section 2 does it (mode "document").

sample -> VAE moments (kept in the latent cache) -> latents drawn -> noised -> UNet with LoRA -> error of the noise
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from wallpaint.bundles.bundle import Bundle
from wallpaint.data.latent_cache import NAMES, LatentCache, Samples
from wallpaint.diffusion.networks import pick_device
from wallpaint.errors import ConfigError
from wallpaint.train import objective
from wallpaint.train.config import ObjectiveConfig, TrainConfig
from wallpaint.train.loop import Losses
from wallpaint.train.lora import add_lora
from wallpaint.train.schedule import Place, seed_of


class InpaintingTask:
    """See `loop.Task`. The networks that do not learn are frozen, and loaded only if they are needed."""

    def __init__(self, bundle: Bundle, samples: Samples, config: TrainConfig, cache: LatentCache | None) -> None:
        """cache: filled; None to encode at every step. Raises ConfigError or ModelError."""
        self.config, self.samples, self.cache = config, samples, cache
        self._bundle = bundle
        self._contents: dict[int, str] = {}  # sums over samples' files, by index
        self.device = pick_device(config.device)
        self.scheduler = schedule_of(bundle.scheduler_config(), config.objective)
        self.calls = {"vae": 0, "text_encoder": 0}
        unet = bundle.load("unet")
        add_lora(unet, torch.Generator().manual_seed(config.seed), rank=config.lora.rank, alpha=config.lora.alpha)
        self.network: nn.Module = unet.train()
        self._text = None if config.objective.captions else bundle.empty_prompt().to(self.device)

    def __len__(self) -> int:
        return len(self.samples)

    def sample(self, place: Place) -> dict[str, Any]:
        """Encoded where there is a cache, else in pixels; with its position, which seeds its noise."""
        if self.cache is None:
            found = dict(self.samples.get(place.index, place.epoch))
        else:
            if place.index not in self._contents:
                self._contents[place.index] = self.samples.content(place.index)
            key = self.cache.key(self._contents[place.index], place.epoch)
            kept = self.cache.read(key)
            if kept is None:
                raise ConfigError(
                    f"{self.cache.folder}: lost a sample while training: start again with --resume latest"
                )
            found = dict(kept)
            if self.config.objective.captions:
                found["caption"] = self.samples.get(place.index, place.epoch)["caption"]
        return {**found, "position": place.position}

    def collate(self, samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Tensors stacked; captions and positions as lists."""
        tensors = [name for name in (*NAMES, "pixel_values") if name in samples[0]]
        batch: dict[str, Any] = {name: torch.stack([sample[name] for sample in samples]) for name in tensors}
        batch["positions"] = [sample["position"] for sample in samples]
        if "caption" in samples[0]:
            batch["captions"] = [sample["caption"] for sample in samples]
        return batch

    # -- encoding

    @cached_property
    def vae(self) -> Any:
        """Frozen; only loaded to fill a cache, or to do without one."""
        return self._bundle.load("vae").to(self.device)

    def encode(self, pixels: Tensor, masks: Tensor) -> dict[str, Tensor]:
        """Moments of images and masked images, as the cache keeps them. pixels: [B, 3, H, W]. masks: [B, 1, H, W]."""
        pixels, masks = pixels.to(self.device), masks.to(self.device)
        found: dict[str, Tensor] = {}
        for name, image in (("latent", pixels), ("masked", pixels * (1 - masks))):
            self.calls["vae"] += 1
            mean, std = objective.moments(self.vae, image)
            found |= {f"{name}_mean": mean.cpu(), f"{name}_std": std.cpu()}
        size = found["latent_mean"].shape[-2:]
        return {**found, "mask": functional.interpolate(masks, size=size, mode="nearest").cpu()}

    def release(self) -> None:
        """Let go of the VAE, once a cache is full."""
        self.__dict__.pop("vae", None)

    @cached_property
    def _text_encoder(self) -> tuple[Any, Any]:
        return self._bundle.load("text_encoder").to(self.device), self._bundle.tokenizer()

    def _embed(self, batch: Mapping[str, Any]) -> Tensor:
        if self._text is not None:
            return self._text.expand(len(batch["positions"]), -1, -1)
        encoder, tokenizer = self._text_encoder
        self.calls["text_encoder"] += 1
        words = tokenizer(batch["captions"], padding="max_length", max_length=77, truncation=True, return_tensors="pt")
        with torch.no_grad():
            return encoder(words.input_ids.to(self.device))[0]

    # -- the loss

    def losses(self, network: nn.Module, batch: Any) -> Losses:
        """The mean squared error of the predicted noise, over all elements; see `objective`."""
        moments = batch if "latent_mean" in batch else self.encode(batch["pixel_values"], batch["mask"])
        generators = [torch.Generator().manual_seed(seed_of(self.config.seed, p)) for p in batch["positions"]]
        latents, masked = (
            objective.posterior_sample(
                moments[f"{name}_mean"].to(self.device),
                moments[f"{name}_std"].to(self.device),
                self._scaling,
                generators,
            )
            for name in ("latent", "masked")
        )
        by_sample, timesteps = objective.denoising_errors(
            network,
            self.scheduler,
            objective.Encoded(latents, moments["mask"].to(self.device), masked),
            self._embed(batch),
            generators,
            noise_offset=self.config.objective.noise_offset,
        )
        weights = objective.min_snr_weights(self.scheduler, timesteps, self.config.objective.min_snr_gamma)
        told = by_sample.detach()
        return Losses((by_sample * weights).mean(), {"noise_mse": told.mean()}, timesteps, told)

    @cached_property
    def _scaling(self) -> float:
        return float(self._bundle.config("vae")["scaling_factor"])


def schedule_of(config: Mapping[str, Any], wanted: ObjectiveConfig) -> Any:
    """The noise schedule of a bundle, with a recipe's choices. Raises ConfigError where they do not go together."""
    own = config.get("prediction_type", "epsilon")
    prediction = own if wanted.prediction == "bundle" else wanted.prediction
    changed = {**config, "prediction_type": prediction}
    if wanted.zero_terminal_snr:
        changed |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return objective.noise_schedule(changed)
