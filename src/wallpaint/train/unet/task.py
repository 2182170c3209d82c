"""Training of a base inpainting UNet on photos of rooms, and its evaluation on half-masked walls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wallpaint.bundles.configurations import VAE_SCALE_FACTOR, configuration
from wallpaint.diffusion import encoders, image_tensors, schedulers
from wallpaint.diffusion.denoise import Conditioning, denoise, predict_noise
from wallpaint.imaging import color
from wallpaint.train import component_files
from wallpaint.train.engine.evaluation import EvalResult, Evaluator
from wallpaint.train.engine.loop import Losses, TrainingTask
from wallpaint.train.engine.schedule import SampleIndex, stream_seed
from wallpaint.train.lora import objective
from wallpaint.train.photo_training import PHOTOS_PER_EVALUATED_ROOM, Quality
from wallpaint.train.room_photos import RoomPhotos
from wallpaint.train.unet import samples
from wallpaint.train.unet.config import UnetConfig
from wallpaint.train.unet.frozen import FrozenNetworks
from wallpaint.typing import Array

SAMPLER = "ddim"
METRIC = "val/half_wall"
SHOWN_PHOTOS = 8  # in the contact sheet
_SAMPLE_STREAM, _NOISE_STREAM, _EVALUATION_STREAM = 61, 62, 63  # of random numbers


@dataclass(frozen=True)
class UnetTrainer:
    """Trains a UNet; see `photo_training.ComponentTrainer`."""

    config: UnetConfig
    frozen: FrozenNetworks
    component = "unet"

    def make(self) -> Any:
        unet = component_files.make(self.component, self.config.configuration, self.config.seed)
        return unet.to(memory_format=torch.channels_last)

    def task(self, model: Any, rooms: Sequence[RoomPhotos]) -> TrainingTask:
        return UnetTask(model, rooms, self.config, self.frozen)

    def evaluator(self, rooms: Sequence[RoomPhotos]) -> Evaluator:
        return UnetEvaluator(rooms, self.config, self.frozen)

    def finalize(self, model: Any, rooms: Sequence[RoomPhotos]) -> Mapping[str, Any]:
        scheduler = configuration(self.config.configuration)["scheduler"]
        return {"sampling_steps": self.config.sampling_steps, "scheduler": scheduler}

    def quality(self, model: Any, rooms: Sequence[RoomPhotos]) -> Quality:
        evaluator = UnetEvaluator(rooms, self.config, self.frozen, PHOTOS_PER_EVALUATED_ROOM)
        errors = [error for error, _ in evaluator.paint_all(model)]
        mean = float(np.mean(errors)) if errors else float("nan")
        scores = {"half_wall": mean, "photos": len(errors)}
        return Quality(scores, f"median of half-masked walls {mean:.2f} CIEDE2000 off, on {len(errors)} photos")


class UnetTask:
    """See `loop.TrainingTask`. A sample is a function of its index alone; its noise, of its position."""

    def __init__(
        self, network: nn.Module, rooms: Sequence[RoomPhotos], config: UnetConfig, frozen: FrozenNetworks
    ) -> None:
        self.network, self.rooms, self.config, self.frozen = network, rooms, config, frozen
        self.scheduler = objective.noise_schedule(configuration(config.configuration)["scheduler"])

    def __len__(self) -> int:
        return len(self.rooms)

    def sample(self, sample_index: SampleIndex) -> dict[str, Any]:
        position, augmentation = sample_index.position, self.config.augmentation
        rng = np.random.default_rng([self.config.seed, _SAMPLE_STREAM, position])
        room = self.rooms[sample_index.index]
        number = int(rng.integers(len(room.photos)))
        crop, wall = samples.sample_crop(room, number, augmentation.crop_px, augmentation.gain_sigma, rng)
        is_empty = rng.random() < self.config.objective.empty_caption_share
        return {
            "image": image_tensors.to_tensor(crop)[0],
            "mask": torch.from_numpy(samples.sample_mask(wall, rng))[None].float(),
            "caption": "" if is_empty else samples.caption(room.albedo[number]),
            "position": position,
        }

    def collate(self, batch: Sequence[dict[str, Any]]) -> dict[str, Any]:
        tensors = {name: torch.stack([sample[name] for sample in batch]) for name in ("image", "mask")}
        return tensors | {name: [sample[name] for sample in batch] for name in ("caption", "position")}

    def losses(self, network: nn.Module, batch: Any) -> Losses:
        generators = [
            torch.Generator().manual_seed(stream_seed(self.config.seed, position, _NOISE_STREAM))
            for position in batch["position"]
        ]
        masked_image = batch["image"] * (1 - batch["mask"])
        latents, masked = (self._sample_latents(image, generators) for image in (batch["image"], masked_image))
        cond = condition(batch["mask"], masked, self.frozen.embed(batch["caption"]))
        prediction = objective.predict(network, self.scheduler, latents, cond, generators)
        weights = objective.min_snr_weights(self.scheduler, prediction.timesteps, self.config.objective.min_snr_gamma)
        by_sample = prediction.errors.detach()
        total = (prediction.errors * weights).mean()
        return Losses(total, {"v_mse": by_sample.mean()}, prediction.timesteps, by_sample)

    def _sample_latents(self, image: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        mean, std = self.frozen.moments(image)
        return encoders.sample_posterior(mean, std, objective.randn(mean, generators), self.frozen.scaling_factor)


def condition(mask: Tensor, masked_latents: Tensor, text: Tensor) -> Conditioning:
    """Return the UNet's conditioning. mask: [B, 1, H, W], 1 where it paints."""
    small = functional.interpolate(mask, scale_factor=1 / VAE_SCALE_FACTOR, mode="nearest")
    return Conditioning(small, masked_latents, text)


class UnetEvaluator:
    """Masks the left half of the wall in photos, paints it without a caption, and compares its median with the photo's;
    see `evaluation.Evaluator`."""

    def __init__(
        self, rooms: Sequence[RoomPhotos], config: UnetConfig, frozen: FrozenNetworks, photos_per_room: int = 1
    ) -> None:
        self.config, self.frozen, self.photos = config, frozen, list[tuple[str, Array, Array]]()
        for room in rooms:
            height, width = (side // config.side_multiple * config.side_multiple for side in room.alpha.shape)
            half = samples.half_wall(room.alpha[:height, :width] >= samples.WALL_THRESHOLD)
            if not half.any():
                continue
            for number, photo in enumerate(room.photos[:photos_per_room]):
                self.photos.append((f"{room.seed}_{number}", photo[:height, :width], half))

    def __call__(self, step: int, network: nn.Module) -> EvalResult:
        painted = self.paint_all(network)
        images = {
            name: np.concatenate([photo, result], axis=1)
            for (name, photo, _), (_, result) in zip(self.photos[:SHOWN_PHOTOS], painted, strict=False)
        }
        return EvalResult({METRIC: float(np.mean([error for error, _ in painted]))}, images)

    def paint_all(self, network: nn.Module) -> list[tuple[float, Array]]:
        """Return CIEDE2000 between the medians of the masked half, and the painted photo, for each photo."""
        results = []
        for number, (_, photo, half) in enumerate(self.photos):
            result = self.paint(network, photo, half, number)
            medians = [_lab(np.median(image[half], axis=0)) for image in (photo, result)]
            results.append((float(color.delta_e_2000(*medians)), result))
        return results

    def paint(self, network: nn.Module, photo: Array, mask: Array, number: int) -> Array:
        """Inpaint a photo, (h, w, 3) uint8. mask: (h, w) bool. number: seeds the noise."""
        generator = torch.Generator().manual_seed(stream_seed(self.config.seed, number, _EVALUATION_STREAM))
        image, painted = image_tensors.to_tensor(photo), torch.from_numpy(mask)[None, None].float()
        mean, _ = self.frozen.moments(image * (1 - painted))
        cond = condition(painted, mean * self.frozen.scaling_factor, self.frozen.embed([""]))
        scheduler = schedulers.make_scheduler(SAMPLER, dict(configuration(self.config.configuration)["scheduler"]))
        timesteps = schedulers.get_timesteps(scheduler, self.config.sampling_steps, 1.0)
        noise = torch.randn(mean.shape, generator=generator) * scheduler.init_noise_sigma
        with torch.no_grad():
            latents = denoise(partial(predict_noise, network, None), scheduler, noise, timesteps, cond)
        decoded = image_tensors.from_tensor(self.frozen.decode(latents))[0]
        return np.where(mask[..., None], np.round(255 * decoded).astype(np.uint8), photo)


def _lab(codes: Array) -> Array:
    return color.linear_to_lab(color.srgb_to_linear(codes / 255))
