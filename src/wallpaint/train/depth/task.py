"""Training of a depth estimator on photos of rooms: augmentation, losses and evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from wallpaint.bundles.configurations import configuration
from wallpaint.diffusion import image_tensors
from wallpaint.imaging import color
from wallpaint.train import component_files
from wallpaint.train.depth import objective
from wallpaint.train.depth.config import DepthAugmentationConfig, DepthConfig
from wallpaint.train.engine.evaluation import EvalResult, Evaluator
from wallpaint.train.engine.loop import Losses, TrainingTask
from wallpaint.train.engine.schedule import SampleIndex
from wallpaint.train.photo_training import PHOTOS_PER_EVALUATED_ROOM, Quality
from wallpaint.train.room_photos import RoomPhotos
from wallpaint.typing import Array

METRIC = "val/delta"
SHOWN_PHOTOS = 8  # in the contact sheet
_SAMPLE_STREAM = 31  # of random numbers


@dataclass(frozen=True)
class DepthTrainer:
    """Trains a DPT on the inverse depth of rendered rooms; see `photo_training.ComponentTrainer`."""

    config: DepthConfig
    component = "depth"

    def make(self) -> Any:
        """Create the model without the ReLU of its output, which would pass no gradients below 0; see `predict`.

        Its convolutions get torch's initial weights: those of transformers, of standard deviation 0.02, are made for
        wide networks and give an output near 0 here.
        """
        model = component_files.make(self.component, self.config.configuration, self.config.seed)
        for module in (*model.neck.modules(), *model.head.modules()):
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                module.reset_parameters()
        model.head.head[-1] = nn.Identity()
        return model

    def task(self, model: Any, rooms: Sequence[RoomPhotos]) -> TrainingTask:
        return DepthTask(model, rooms, self.config)

    def evaluator(self, rooms: Sequence[RoomPhotos]) -> Evaluator:
        return DepthEvaluator(rooms, self._processor)

    def finalize(self, model: Any, rooms: Sequence[RoomPhotos]) -> Mapping[str, Any]:
        return {}

    def quality(self, model: Any, rooms: Sequence[RoomPhotos]) -> Quality:
        shares, errors = [], []
        for room in rooms:
            for photo in room.photos[:PHOTOS_PER_EVALUATED_ROOM]:
                predicted = predict(model, photo, self._processor)
                shares.append(objective.delta_share(predicted, room.depth))
                errors.append(objective.mean_relative_error(predicted, room.depth))
        delta, relative = float(np.mean(shares)), float(np.mean(errors))
        scores = {"delta_1.25": delta, "relative_error": relative, "photos": len(shares)}
        return Quality(
            scores, f"delta < 1.25 on {delta:.1%} of the pixels, relative error {relative:.3f}, {len(shares)} photos"
        )

    @property
    def _processor(self) -> dict[str, Any]:
        return dict(configuration(self.config.configuration)["processors"]["depth"])


class DepthTask:
    """See `loop.TrainingTask`. A sample is a function of its index alone."""

    def __init__(self, network: nn.Module, rooms: Sequence[RoomPhotos], config: DepthConfig) -> None:
        self.network, self.rooms, self.config = network, rooms, config
        self.processor = configuration(config.configuration)["processors"]["depth"]

    def __len__(self) -> int:
        return len(self.rooms)

    def sample(self, sample_index: SampleIndex) -> dict[str, Any]:
        rng = np.random.default_rng([self.config.seed, _SAMPLE_STREAM, sample_index.position])
        room = self.rooms[sample_index.index]
        side = int(self.processor["size"]["height"])
        photo, depth = sample_view(room, self.config.augmentation, side, rng)
        inverse, valid = objective.to_inverse(torch.from_numpy(depth))
        pixels = image_tensors.depth_pixels(photo, self.processor, side)[0]
        return {"pixels": pixels, "inverse_depth": inverse, "valid": valid}

    def collate(self, samples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        return {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}

    def losses(self, network: nn.Module, batch: Any) -> Losses:
        predicted = network(batch["pixels"]).predicted_depth  # [B, side, side]
        with torch.autocast(predicted.device.type, enabled=False):
            terms = objective.losses(predicted.float(), batch["inverse_depth"], batch["valid"])
            weights = self.config.objective
            total = terms["depth"] + weights.gradient_weight * terms["gradient"] + weights.level_weight * terms["level"]
        return Losses(total, {name: value.detach() for name, value in terms.items()})


def sample_view(
    room: RoomPhotos, config: DepthAugmentationConfig, side: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Sample a crop of one of a room's photos, resized to a square: (side, side, 3) uint8, and its depth, (side, side).

    Depth is scaled with the crop's size, as if the whole photo had been taken from nearer; the loss ignores scales.
    """
    photo = room.photos[int(rng.integers(len(room.photos)))]
    height, width = room.depth.shape
    share = float(rng.uniform(config.min_crop, 1))
    rows, cols = max(8, round(share * height)), max(8, round(share * width))
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - cols + 1))
    window = (slice(top, top + rows), slice(left, left + cols))
    mirror = -1 if rng.random() < 0.5 else 1
    gains = np.exp(rng.normal(0, config.gain_sigma, 3)).astype(np.float32)
    linear = color.srgb_to_linear(photo[window][:, ::mirror].astype(np.float32) / 255) * gains
    codes = np.round(255 * color.linear_to_srgb(np.clip(linear, 0, 1))).astype(np.uint8)
    depth = cv2.resize(
        np.ascontiguousarray(room.depth[window][:, ::mirror]), (side, side), interpolation=cv2.INTER_NEAREST
    )
    return image_tensors.resize(np.ascontiguousarray(codes), (side, side)), depth


def predict(model: Any, photo: Array, processor: Mapping[str, Any]) -> Array:
    """Return the inverse depth of a photo in any scale, (h, w) float32. photo: (h, w, 3) uint8."""
    pixels = image_tensors.depth_pixels(photo, dict(processor), int(processor["size"]["height"]))
    with torch.no_grad():
        predicted = model(pixels).predicted_depth[0].float().clamp_min(0).numpy()  # as with the stored model's ReLU
    return np.asarray(cv2.resize(predicted, (photo.shape[1], photo.shape[0]), interpolation=cv2.INTER_LINEAR))


class DepthEvaluator:
    """Evaluates a depth estimator on one photo of each validation room; see `evaluation.Evaluator`."""

    def __init__(self, rooms: Sequence[RoomPhotos], processor: Mapping[str, Any]) -> None:
        self.rooms, self.processor = rooms, processor

    def __call__(self, step: int, network: nn.Module) -> EvalResult:
        shares, images = [], {}
        for number, room in enumerate(self.rooms):
            photo = room.photos[0]
            predicted = predict(network, photo, self.processor)
            shares.append(objective.delta_share(predicted, room.depth))
            if number < SHOWN_PHOTOS:
                maps = [_control_image(predicted), _control_image(1 / np.where(room.depth > 0, room.depth, np.inf))]
                images[str(room.seed)] = np.concatenate([photo, *maps], axis=1)
        return EvalResult({METRIC: float(np.mean(shares))}, images)


def _control_image(inverse_depth: Array) -> Array:
    size = (inverse_depth.shape[0], inverse_depth.shape[1])
    image = image_tensors.depth_to_control_image(torch.from_numpy(inverse_depth[None].astype(np.float32)), size)
    return np.round(255 * image[0].permute(1, 2, 0).numpy()).astype(np.uint8)
