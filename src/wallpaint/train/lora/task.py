"""The LoRA training task of the inpainting UNet: plain as in the source document, or with references, pairs and depth.

    sample -> frozen networks (`encoding`, cached) -> latents sampled -> noise added
           -> UNet with LoRA, conditioned on [mask | masked latents], text, image tokens, depth -> error of the noise
                                                        -> predicted x0 -> VAE decoder -> losses on the decoded image

mode           noised image             masked image        reference
document       the photo                the photo           none
image_prompt   the target, in the reference's colour (the photo if that is the wall's own colour)
paired         the target               the photo           the target's paint
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wallpaint.bundles.bundle import Bundle
from wallpaint.bundles.components import meta_model, suppress_library_logging
from wallpaint.data import latent_cache
from wallpaint.data.latent_cache import LatentCache, SampleSource
from wallpaint.diffusion import encoders
from wallpaint.diffusion.denoise import Conditioning, Observer, no_observer
from wallpaint.diffusion.networks import attach_ip_adapter, detach_cond_embedding, pick_device
from wallpaint.errors import ConfigError
from wallpaint.train.engine.loop import Losses
from wallpaint.train.engine.schedule import SampleIndex, stream_seed
from wallpaint.train.lora import image_losses, objective
from wallpaint.train.lora.adapter import add_lora
from wallpaint.train.lora.config import LoraRecipe, ObjectiveConfig
from wallpaint.train.lora.encoding import TENSORS, SampleEncoder
from wallpaint.train.lora.objective import DenoisingPrediction

DTYPES = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_NOISE_STREAM, _DROPOUT_STREAM = 2, 3  # see `schedule.stream_seed`


class InpaintingTask:
    """See `loop.TrainingTask`. Only the LoRA is trained; the frozen networks are loaded on first use.

    The LoRA is float32; frozen networks that run at every step have the dtype of `loop.precision`.
    """

    def __init__(self, bundle: Bundle, samples: SampleSource, config: LoraRecipe, latents: Path | None = None) -> None:
        """latents: folder of the latent cache, see `fill`. Without it, or if `cache.variants` is 0, samples are encoded
        at every step. Raises ConfigError or ModelError."""
        self.config, self.samples = config, samples
        self._bundle = bundle
        self._content_digests: dict[int, str] = {}  # of the samples' files, by index
        self.device = pick_device(config.device)
        self.scheduler = objective.noise_schedule(scheduler_config(bundle.scheduler_config(), config.objective))
        num_train_timesteps = self.scheduler.config.num_train_timesteps
        if config.objective.image_loss_timesteps[1] > num_train_timesteps:
            raise ConfigError(
                f"objective.image_loss_timesteps end at {config.objective.image_loss_timesteps[1]}, the noise schedule "
                f"of {bundle.name} at {num_train_timesteps}"
            )
        self.dtype = DTYPES[config.loop.precision]
        projector, has_adapter = None, config.uses_image_prompt and bundle.has("ip_adapter")
        unet = bundle.load("unet", torch.float32 if has_adapter else self.dtype)
        if has_adapter:  # attached in float32, or the projector would be rounded with the UNet
            scale = config.conditioning.ip_adapter_scale
            projector = attach_ip_adapter(unet, bundle.ip_adapter(), scale).to(self.device)
            with suppress_library_logging():  # diffusers advises to load in this dtype
                unet.to(self.dtype)
        self.encoder = SampleEncoder(bundle, config, self.device, projector)
        self.cache: LatentCache | None = None
        if latents is not None and config.cache.variants:
            self.cache = LatentCache(latents, self.encoder.digest(samples.digest()), config.cache.variants)
        add_lora(unet, torch.Generator().manual_seed(config.seed), rank=config.lora.rank, alpha=config.lora.alpha)
        self.network: nn.Module = unet.train()
        self._constant_text: Tensor | None = None
        if not config.conditioning.captions:
            self._constant_text = bundle.empty_prompt().to(self.device, self.dtype)
        if config.objective.lpips_weight > 0:
            _ = self._perceptual_loss  # raises if LPIPS is missing, before anything is encoded

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def calls(self) -> dict[str, int]:
        """Number of encoding calls of each frozen network."""
        return dict(self.encoder.calls)

    def fill(self, share: tuple[int, int] = (0, 1), on_progress: Callable[[bool], None] = lambda is_new: None) -> int:
        """Fill the latent cache, free the encoders, and return the number of encoded versions.

        See `latent_cache.fill`.
        """
        if self.cache is None:
            return 0
        encoded = latent_cache.fill(self.cache, self.samples, self.encoder, share=share, on_progress=on_progress)
        if self.config.uses_image_prompt:
            _ = self.encoder.null_image_tokens  # while the image encoder is loaded
        self.encoder.release()
        return encoded

    # -- batches

    def sample(self, sample_index: SampleIndex) -> dict[str, Any]:
        """Return a sample, encoded if there is a cache, else as pixels; with its position, which seeds its random
        numbers."""
        index, epoch = sample_index.index, sample_index.epoch
        if self.cache is None:
            pixels = self.samples.get(index, epoch)
            return {**{name: pixels[name] for name in self.encoder.inputs}, "position": sample_index.position}
        if index not in self._content_digests:
            self._content_digests[index] = self.samples.content(index)
        encoded = self.cache.read(self.cache.key(self._content_digests[index], epoch))
        if encoded is None:
            raise ConfigError(f"{self.cache.folder}: lost a sample while training: start again with `resume=latest`")
        return {**encoded, "position": sample_index.position}

    def collate(self, samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return a batch: stacked tensors of encoded samples, or the samples as pixels; and their positions.

        Samples of several sizes, as wall crops are, give {"batches": a batch for each size}.
        """
        by_size: dict[torch.Size, list[dict[str, Any]]] = {}
        for sample in samples:
            by_size.setdefault(sample["mask"].shape, []).append(sample)
        batches = [self._collate(group) for group in by_size.values()]
        return batches[0] if len(batches) == 1 else {"batches": batches}

    def _collate(self, samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = {"positions": [sample["position"] for sample in samples]}
        if "latent_mean" not in samples[0]:
            return {**batch, "samples": samples}
        return batch | {name: torch.stack([s[name] for s in samples]) for name in TENSORS if name in samples[0]}

    # -- the loss

    def losses(self, network: nn.Module, batch: Any, *, observe: Observer = no_observer) -> Losses:
        """Return the mean squared error of the prediction plus the recipe's image losses; see `objective`.

        observe: called with each intermediate tensor, images only if the batch is not encoded yet.
        """
        if "batches" in batch:
            return _mean_losses([self.losses(network, one, observe=observe) for one in batch["batches"]])
        config, seed = self.config.objective, self.config.seed
        encoded = batch if "latent_mean" in batch else batch | self.encoder(batch["samples"], observe=observe)
        generators = [torch.Generator().manual_seed(stream_seed(seed, p, _NOISE_STREAM)) for p in batch["positions"]]
        latents, masked = (self._sample_latents(encoded, name, generators) for name in ("latent", "masked"))
        observe("latents", latents)
        observe("masked_image_latents", masked)
        observe("latent_mask", encoded["mask"])
        prediction = objective.predict(
            network,
            self.scheduler,
            latents,
            self.condition(encoded, masked, self._reference_dropout(batch["positions"])),
            generators,
            controlnet=self.controlnet,
            noise_offset=config.noise_offset,
            observe=observe,
        )
        weights = objective.min_snr_weights(self.scheduler, prediction.timesteps, config.min_snr_gamma)
        by_sample = prediction.errors.detach()
        total, terms = (prediction.errors * weights).mean(), {"noise_mse": by_sample.mean()}
        with torch.autocast(self.device.type, enabled=False):  # bf16 is too coarse for colours
            image_terms = self._image_losses(prediction, encoded)
        for name, (weight, value) in image_terms.items():
            total, terms[name] = total + weight * value, value.detach()
        observe("loss", total)
        return Losses(total, terms, prediction.timesteps, by_sample)

    def _sample_latents(self, encoded: Mapping[str, Tensor], name: str, generators: objective.Generators) -> Tensor:
        mean, std = (encoded[f"{name}_{moment}"].to(self.device) for moment in ("mean", "std"))
        return encoders.sample_posterior(mean, std, objective.randn(mean, generators), self.scaling_factor)

    def _reference_dropout(self, positions: Sequence[int]) -> Tensor:
        """[B] bool: the samples to train without reference."""
        seeds = [stream_seed(self.config.seed, position, _DROPOUT_STREAM) for position in positions]
        uniform = torch.cat([torch.rand(1, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
        return uniform < self.config.conditioning.reference_dropout

    def condition(self, encoded: Mapping[str, Tensor], masked_latents: Tensor, dropped: Tensor) -> Conditioning:
        """Return the UNet's conditioning. masked_latents: [B, 4, h, w]. dropped: [B] bool, without reference."""
        text = encoded["text"].to(self.device, self.dtype) if self._constant_text is None else self._constant_text
        tokens = control = None
        if self.config.uses_image_prompt:
            image_tokens = encoded["image_tokens"].to(self.device)  # [B, n, C]
            null_tokens = self.encoder.null_image_tokens.expand_as(image_tokens)
            tokens = torch.where(dropped[:, None, None].to(self.device), null_tokens, image_tokens)
            tokens = tokens[:, None].to(self.dtype)  # [B, 1, n, C]
        if self._control:
            with torch.no_grad():
                control = self._control[1](encoded["depth"].expand(-1, 3, -1, -1).to(self.device, self.dtype))
        return Conditioning(
            encoded["mask"].to(self.device, self.dtype),
            masked_latents.to(self.device, self.dtype),
            text.expand(len(masked_latents), -1, -1),
            tokens,
            control,
            self.config.conditioning.controlnet_scale,
        )

    @property
    def controlnet(self) -> Any:
        """The frozen ControlNet without its stem; None without depth."""
        return self._control[0] if self._control else None

    @cached_property
    def _control(self) -> tuple[nn.Module, nn.Module] | None:
        """The frozen ControlNet and its stem."""
        if not self.config.conditioning.depth:
            return None
        controlnet = self._bundle.load("controlnet", self.dtype).to(self.device)
        return controlnet, detach_cond_embedding(controlnet)

    @cached_property
    def scaling_factor(self) -> float:
        """The VAE's scaling factor of latents: of the bundle's config, or of its class if the config has none."""
        vae = meta_model("vae", self._bundle.config("vae"), self._bundle.path("vae"))
        return float(vae.config.scaling_factor)

    # -- losses on decoded images

    def _image_losses(
        self, prediction: DenoisingPrediction, encoded: Mapping[str, Tensor]
    ) -> dict[str, tuple[float, Tensor]]:
        """Return (weight, value) of each loss on decoded images, weighted by alpha_bar of the timestep.

        Only images at `image_loss_timesteps` are decoded: at smaller timesteps the noisy latents show the colour
        already, at larger ones the predicted x0 is too uncertain.
        """
        config, (first, end) = self.config.objective, self.config.objective.image_loss_timesteps
        if not config.uses_image_losses:
            return {}
        chosen = (prediction.timesteps >= first) & (prediction.timesteps < end)  # [B]
        signal = objective.alpha_bar(self.scheduler, prediction.timesteps)[chosen]
        terms: dict[str, tuple[float, Tensor]] = {}
        image = self.decode(prediction.x0[chosen]) if bool(chosen.any()) else None
        chosen = chosen.cpu()
        target = encoded["target"][chosen].to(self.device).float() / 127.5 - 1
        mask = encoded["color_mask"][chosen].to(self.device)

        def add(name: str, weight: float, distance: Any) -> None:
            if weight > 0:
                total = signal.sum() if image is None else (signal * distance(image)).sum()
                terms[name] = (weight, total / len(prediction.timesteps))

        if self.config.mode == "paired":
            add("color", config.color_weight, lambda p: image_losses.color_distance(p, target, mask))
        else:
            color = encoded["color"][chosen].to(self.device)
            add("color", config.color_weight, lambda p: image_losses.swatch_distance(p, color, mask))
        add("ssim", config.ssim_weight, lambda p: image_losses.structure_distance(p, target, mask))
        add("lpips", config.lpips_weight, lambda p: self._perceptual_loss(torch.where(mask, p, target), target))
        return terms

    def decode(self, latents: Tensor) -> Tensor:
        """Decode latents: [B, 3, H, W] float32, about -1..1, not clipped. Differentiable."""
        image: Tensor = self._decoder.decode(latents / self.scaling_factor, return_dict=False)[0]
        return image.float()

    @cached_property
    def _decoder(self) -> Any:
        """The frozen VAE with gradient checkpointing; without it, decoding an image takes gigabytes."""
        vae = self.encoder.vae
        vae.enable_gradient_checkpointing()
        return vae

    @cached_property
    def _perceptual_loss(self) -> image_losses.ImageLoss:
        return image_losses.perceptual_distance(self.device)


def _mean_losses(losses: Sequence[Losses]) -> Losses:
    """The losses of a batch from those of its parts, each the mean of its samples."""
    timesteps = torch.cat([one.timesteps for one in losses if one.timesteps is not None])
    by_sample = torch.cat([one.by_sample for one in losses if one.by_sample is not None])
    shares = [len(one.by_sample) / len(by_sample) for one in losses if one.by_sample is not None]

    def mean(values: Sequence[Tensor]) -> Tensor:
        return torch.stack([share * value for share, value in zip(shares, values, strict=True)]).sum()

    terms = {name: mean([one.terms[name] for one in losses]) for name in losses[0].terms}
    return Losses(mean([one.total for one in losses]), terms, timesteps, by_sample)


def scheduler_config(config: Mapping[str, Any], objective_config: ObjectiveConfig) -> dict[str, Any]:
    """Return a bundle's scheduler config with the recipe's changes.

    Raises ConfigError for zero terminal SNR with epsilon prediction.
    """
    changed = {**config, **scheduler_changes(objective_config)}
    if changed.get("rescale_betas_zero_snr") and changed.get("prediction_type", "epsilon") != "v_prediction":
        raise ConfigError("the bundle's noise schedule has zero terminal SNR: set objective.prediction to v_prediction")
    return changed


def scheduler_changes(objective_config: ObjectiveConfig) -> dict[str, Any]:
    """Return the recipe's changes to the bundle's scheduler config, which sampling with the LoRA needs too."""
    changes: dict[str, Any] = {}
    if objective_config.prediction != "bundle":
        changes["prediction_type"] = objective_config.prediction
    if objective_config.timestep_spacing != "bundle":
        changes["timestep_spacing"] = objective_config.timestep_spacing
    if objective_config.zero_terminal_snr:
        changes["rescale_betas_zero_snr"] = True
    return changes
