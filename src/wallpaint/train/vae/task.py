"""Training of a VAE on crops of photos of rooms: augmentation and losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from wallpaint.bundles.configurations import LATENT_CHANNELS, VAE_SCALE_FACTOR
from wallpaint.imaging import color
from wallpaint.train.engine.loop import Losses
from wallpaint.train.engine.schedule import SampleIndex
from wallpaint.train.room_photos import RoomPhotos
from wallpaint.train.vae import network as vae_network
from wallpaint.train.vae import objective
from wallpaint.train.vae.config import VaeAugmentationConfig, VaeConfig
from wallpaint.typing import Array

EQUIVARIANCE_FACTORS = (0.5, 0.75)
_SAMPLE_STREAM, _BATCH_STREAM = 21, 22  # of random numbers
_LINEAR = color.srgb_to_linear(np.arange(256, dtype=np.float32) / 255).astype(np.float32)


class VaeTask:
    """See `loop.TrainingTask`. A sample is a function of its index alone."""

    def __init__(self, network: nn.Module, rooms: Sequence[RoomPhotos], config: VaeConfig) -> None:
        self.network, self.rooms, self.config = network, rooms, config

    def __len__(self) -> int:
        return len(self.rooms)

    def sample(self, sample_index: SampleIndex) -> dict[str, Any]:
        position = sample_index.position
        rng = np.random.default_rng([self.config.seed, _SAMPLE_STREAM, position])
        photos = self.rooms[sample_index.index].photos
        crop = sample_crop(photos[int(rng.integers(len(photos)))], self.config.augmentation, rng)
        side = self.config.augmentation.crop_px // VAE_SCALE_FACTOR
        noise = rng.standard_normal((LATENT_CHANNELS, side, side), np.float32)
        return {
            "image": torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1))),
            "noise": torch.from_numpy(noise),
            "step": torch.tensor(position // self.config.loop.batch_size),
        }

    def collate(self, samples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        return {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}

    def losses(self, network: nn.Module, batch: Any) -> Losses:
        weights = self.config.objective
        image = batch["image"].contiguous(memory_format=torch.channels_last)
        mean, log_variance = vae_network.posterior(network, image)
        latents, target = mean + torch.exp(0.5 * log_variance) * batch["noise"], image
        if factor := self._equivariance_factor(int(batch["step"][0])):
            latents, target = objective.downscaled(latents, image, factor)
        output = vae_network.decode(network, latents)
        with torch.autocast(output.device.type, enabled=False):
            terms = objective.reconstruction_losses(output, target, weights.smooth_l1_beta)
            terms["kl"] = objective.kl_divergence(mean, log_variance)
            total = terms["rgb"] + weights.lab_weight * terms["lab"] + weights.block_lab_weight * terms["block_lab"]
            total = total + weights.kl_weight * terms["kl"]
        return Losses(total, {name: value.detach() for name, value in terms.items()})

    def _equivariance_factor(self, step: int) -> float | None:
        """Return the factor by which this step's latents are downscaled, or None."""
        rng = np.random.default_rng([self.config.seed, _BATCH_STREAM, step])
        if rng.random() >= self.config.objective.equivariance_share:
            return None
        return float(rng.choice(EQUIVARIANCE_FACTORS))


def sample_crop(photo: Array, config: VaeAugmentationConfig, rng: np.random.Generator) -> Array:
    """Sample a crop: zoomed, mirrored, and with random gains per channel in linear light.

    photo: (h, w, 3) uint8 sRGB. Returns (crop_px, crop_px, 3) float32 sRGB in -1..1.
    """
    zoom = float(np.exp(rng.uniform(-1, 1) * np.log(config.max_zoom)))
    height, width = photo.shape[:2]
    side = min(round(config.crop_px / zoom), height, width)
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    crop = photo[top : top + side, left : left + side]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    linear = _LINEAR[crop]
    if rng.random() < config.gain_share:
        linear = linear * np.exp(rng.normal(0, config.gain_sigma, 3)).astype(np.float32)
    if side != config.crop_px:
        interpolation = cv2.INTER_AREA if side > config.crop_px else cv2.INTER_CUBIC
        linear = cv2.resize(np.ascontiguousarray(linear), (config.crop_px,) * 2, interpolation=interpolation)
    return np.asarray(2 * color.linear_to_srgb(np.clip(linear, 0, 1)) - 1, np.float32)
