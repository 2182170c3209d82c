"""Training a LoRA for the inpainting UNet: the source document's way, and with references, pairs, depth and colour.

    sample -> frozen networks (`encoding`, kept in the latent cache) -> latents drawn -> noised
           -> UNet with LoRA, told [mask | masked latents], text, image tokens, depth -> error of the noise
                                                        -> clean latents -> VAE decode -> errors of the picture

mode           noised                context               reference
document       the photo             the photo             none
image_prompt   target, as the reference says: the photo where the colour is its own
paired         the target            the photo             the target's paint
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wallpaint.bundles.bundle import Bundle
from wallpaint.data import latent_cache
from wallpaint.data.latent_cache import LatentCache, Samples
from wallpaint.diffusion.denoise import Conditioning
from wallpaint.diffusion.networks import attach_ip_adapter, pick_device, take_stem
from wallpaint.errors import ConfigError
from wallpaint.train.engine.config import ObjectiveConfig, TrainConfig
from wallpaint.train.engine.loop import Losses
from wallpaint.train.engine.schedule import Place, seed_of
from wallpaint.train.lora import image_losses as losses_of
from wallpaint.train.lora import objective
from wallpaint.train.lora.adapter import add_lora
from wallpaint.train.lora.encoding import TENSORS, Encoder
from wallpaint.train.lora.objective import Prediction

FORMATS = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
INPUTS = ("pixel_values", "mask", "color_mask", "reference_image", "dominant_color", "target_values", "caption")
_NOISE, _DROPOUT = 2, 3  # streams of random numbers within a sample


class InpaintingTask:
    """See `loop.Task`. The networks that do not learn are frozen, and loaded only if they are needed.

    What learns is float32; what is frozen and runs at every step is in the format that the recipe computes in.
    """

    def __init__(self, bundle: Bundle, samples: Samples, config: TrainConfig, latents: Path | None = None) -> None:
        """latents: folder of what is encoded once, see `fill`; without it, or without `cache.variants`, samples are
        encoded at every step. Raises ConfigError or ModelError."""
        self.config, self.samples = config, samples
        self._bundle = bundle
        self._contents: dict[int, str] = {}  # sums over samples' files, by index
        self.device = pick_device(config.device)
        self.scheduler = objective.noise_schedule(schedule_of(bundle.scheduler_config(), config.objective))
        if config.objective.picture_timesteps[1] > self.scheduler.config.num_train_timesteps:
            raise ConfigError(
                f"objective.picture_timesteps end at {config.objective.picture_timesteps[1]}, the noise schedule of "
                f"{bundle.name} at {self.scheduler.config.num_train_timesteps}"
            )
        self.dtype = FORMATS[config.loop.precision]
        projector, has_adapter = None, config.takes_references and bundle.has("ip_adapter")
        unet = bundle.load("unet", torch.float32 if has_adapter else self.dtype)
        if has_adapter:  # attached in float32, or the projector would be rounded with the UNet
            projector = attach_ip_adapter(unet, bundle.ip_adapter(), config.conditioning.image_scale).to(self.device)
            unet.to(self.dtype)
        self.encoder = Encoder(bundle, config, self.device, projector)
        self.cache: LatentCache | None = None
        if latents is not None and config.cache.variants:
            self.cache = LatentCache(latents, self.encoder.digest(samples.digest()), config.cache.variants)
        add_lora(unet, torch.Generator().manual_seed(config.seed), rank=config.lora.rank, alpha=config.lora.alpha)
        self.network: nn.Module = unet.train()
        self._constant_text: Tensor | None = None
        if not config.conditioning.captions:
            self._constant_text = bundle.empty_prompt().to(self.device, self.dtype)
        if config.objective.lpips_weight > 0:
            _ = self._perceptual  # what is missing is told before anything is encoded

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def calls(self) -> dict[str, int]:
        """How often each frozen network was called to encode."""
        return dict(self.encoder.calls)

    def fill(self, share: tuple[int, int] = (0, 1), step: Callable[[int], None] = lambda count: None) -> int:
        """Encode what the cache lacks, see `latent_cache.fill`, and let go of the networks; the number of versions."""
        if self.cache is None:
            return 0
        done = latent_cache.fill(self.cache, self.samples, self.encoder, share=share, step=step)
        if self.config.takes_references:
            _ = self.encoder.no_reference  # while the image encoder is still there
        self.encoder.release()
        return done

    # -- batches

    def sample(self, place: Place) -> dict[str, Any]:
        """Encoded where there is a cache, else in pixels; with its position, which seeds its random numbers."""
        if self.cache is None:
            found = self.samples.get(place.index, place.epoch)
            return {**{name: found[name] for name in INPUTS}, "position": place.position}
        if place.index not in self._contents:
            self._contents[place.index] = self.samples.content(place.index)
        kept = self.cache.read(self.cache.key(self._contents[place.index], place.epoch))
        if kept is None:
            raise ConfigError(f"{self.cache.folder}: lost a sample while training: start again with --resume latest")
        return {**kept, "position": place.position}

    def collate(self, samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Tensors stacked where they are encoded; else the samples, to be encoded; and their positions."""
        batch: dict[str, Any] = {"positions": [sample["position"] for sample in samples]}
        if "latent_mean" not in samples[0]:
            return {**batch, "samples": samples}
        return batch | {name: torch.stack([s[name] for s in samples]) for name in TENSORS if name in samples[0]}

    # -- the loss

    def losses(self, network: nn.Module, batch: Any) -> Losses:
        """The mean squared error of the predicted noise, and what the recipe adds; see `objective`."""
        told = self.config.objective
        encoded = batch if "latent_mean" in batch else batch | self.encoder(batch["samples"])
        draws = [torch.Generator().manual_seed(seed_of(self.config.seed, p, _NOISE)) for p in batch["positions"]]
        latents, masked = (self._latents(encoded, name, draws) for name in ("latent", "masked"))
        found = objective.predict(
            network,
            self.scheduler,
            latents,
            self.condition(encoded, masked, self._dropped(batch["positions"])),
            draws,
            controlnet=self.controlnet,
            noise_offset=told.noise_offset,
        )
        weights = objective.min_snr_weights(self.scheduler, found.timesteps, told.min_snr_gamma)
        by_sample = found.errors.detach()
        total, terms = (found.errors * weights).mean(), {"noise_mse": by_sample.mean()}
        with torch.autocast(self.device.type, enabled=False):  # colours are not told in eight bits
            pictured = self._picture_terms(found, encoded)
        for name, (weight, value) in pictured.items():
            total, terms[name] = total + weight * value, value.detach()
        return Losses(total, terms, found.timesteps, by_sample)

    def _latents(self, encoded: Mapping[str, Tensor], name: str, draws: objective.Draws) -> Tensor:
        mean, std = (encoded[f"{name}_{moment}"].to(self.device) for moment in ("mean", "std"))
        return objective.posterior_sample(mean, std, self.scaling, draws)

    def _dropped(self, positions: Sequence[int]) -> Tensor:
        """[B] bool: whose references are not shown."""
        draws = [torch.Generator().manual_seed(seed_of(self.config.seed, p, _DROPOUT)) for p in positions]
        chances = torch.cat([torch.rand(1, generator=generator) for generator in draws])
        return chances < self.config.conditioning.reference_dropout

    def condition(self, encoded: Mapping[str, Tensor], masked_latents: Tensor, dropped: Tensor) -> Conditioning:
        """What the UNet is told of encoded samples. masked_latents: [B, 4, h, w]. dropped: [B] bool."""
        text = encoded["text"].to(self.device, self.dtype) if self._constant_text is None else self._constant_text
        tokens = control = None
        if self.config.takes_references:
            shown = encoded["image_tokens"].to(self.device)
            nothing = self.encoder.no_reference.expand_as(shown)
            tokens = torch.where(dropped[:, None, None].to(self.device), nothing, shown)[:, None].to(self.dtype)
        if self._control:
            with torch.no_grad():
                control = self._control[1](encoded["depth"].expand(-1, 3, -1, -1).to(self.device, self.dtype))
        return Conditioning(
            encoded["mask"].to(self.device, self.dtype),
            masked_latents.to(self.device, self.dtype),
            text.expand(len(masked_latents), -1, -1),
            tokens,
            control,
            self.config.conditioning.control_scale,
        )

    @property
    def controlnet(self) -> Any:
        """ControlNet without its stem, frozen; None without depth."""
        return self._control[0] if self._control else None

    @cached_property
    def _control(self) -> tuple[nn.Module, nn.Module] | None:
        """ControlNet and its stem, frozen."""
        if not self.config.conditioning.depth:
            return None
        controlnet = self._bundle.load("controlnet", self.dtype).to(self.device)
        return controlnet, take_stem(controlnet)

    @property
    def scaling(self) -> float:
        """What the VAE's latents are multiplied by."""
        return float(self._bundle.config("vae").get("scaling_factor", 0.18215))

    # -- terms on pictures

    def _picture_terms(self, found: Prediction, encoded: Mapping[str, Tensor]) -> dict[str, tuple[float, Tensor]]:
        """(weight, value) of each term on decoded pictures, weighted by the signal that is left at the timestep.

        Only pictures at middle timesteps are decoded: at small ones the latents show the colour already, at large ones
        what decodes is a guess.
        """
        told, (first, end) = self.config.objective, self.config.objective.picture_timesteps
        if not told.looks_at_pictures:
            return {}
        chosen = (found.timesteps >= first) & (found.timesteps < end)
        signal = objective.alpha_bar(self.scheduler, found.timesteps)[chosen]
        terms: dict[str, tuple[float, Tensor]] = {}
        picture = self.decode(found.clean[chosen]) if bool(chosen.any()) else None
        chosen = chosen.cpu()
        target = encoded["target"][chosen].to(self.device).float() / 127.5 - 1
        mask = encoded["color_mask"][chosen].to(self.device)

        def add(name: str, weight: float, distance: Any) -> None:
            if weight > 0:
                by_picture = signal.sum() if picture is None else (signal * distance(picture)).sum()
                terms[name] = (weight, by_picture / len(found.timesteps))

        if self.config.mode == "paired":
            add("color", told.color_weight, lambda p: losses_of.color_distance(p, target, mask))
        else:
            color = encoded["color"][chosen].to(self.device)
            add("color", told.color_weight, lambda p: losses_of.swatch_distance(p, color, mask))
        add("ssim", told.ssim_weight, lambda p: losses_of.structure_distance(p, target, mask))
        add("lpips", told.lpips_weight, lambda p: self._perceptual(torch.where(mask, p, target), target))
        return terms

    def decode(self, latents: Tensor) -> Tensor:
        """Latents as pictures, [B, 3, H, W] float32, -1..1 and somewhat beyond. Gradients flow through."""
        picture: Tensor = self._decoder.decode(latents / self.scaling, return_dict=False)[0]
        return picture.float()

    @cached_property
    def _decoder(self) -> Any:
        """The VAE, frozen; what it keeps for the way back is computed again instead, or a picture takes gigabytes."""
        vae = self.encoder.vae
        vae.enable_gradient_checkpointing()
        return vae

    @cached_property
    def _perceptual(self) -> losses_of.PictureLoss:
        return losses_of.perceptual_distance(self.device)


def schedule_of(config: Mapping[str, Any], wanted: ObjectiveConfig) -> dict[str, Any]:
    """The noise schedule of a bundle with a recipe's choices, as scheduler_config.json has it.

    Raises ConfigError where a schedule that ends in pure noise is to be learnt by the noise.
    """
    changed = {**config, **choices_of(wanted)}
    if changed.get("rescale_betas_zero_snr") and changed.get("prediction_type", "epsilon") != "v_prediction":
        raise ConfigError("the bundle's noise schedule ends in pure noise: set objective.prediction to v_prediction")
    return changed


def choices_of(wanted: ObjectiveConfig) -> dict[str, Any]:
    """What a recipe changes of a bundle's noise schedule, which whoever samples with its LoRA has to change too."""
    found: dict[str, Any] = {}
    if wanted.prediction != "bundle":
        found["prediction_type"] = wanted.prediction
    if wanted.timestep_spacing != "bundle":
        found["timestep_spacing"] = wanted.timestep_spacing
    if wanted.zero_terminal_snr:
        found["rescale_betas_zero_snr"] = True
    return found
