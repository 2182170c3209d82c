"""Training of a bundle's VAE; see `photo_training.ComponentTrainer`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from wallpaint.train.engine.evaluation import Evaluator
from wallpaint.train.engine.loop import TrainingTask
from wallpaint.train.photo_training import PHOTOS_PER_EVALUATED_ROOM, Quality
from wallpaint.train.room_photos import RoomPhotos
from wallpaint.train.vae import evaluation
from wallpaint.train.vae import network as vae_network
from wallpaint.train.vae.config import VaeConfig
from wallpaint.train.vae.task import VaeTask


@dataclass(frozen=True)
class VaeTrainer:
    """Trains a VAE, scales its latents to unit variance and measures its round trip."""

    config: VaeConfig
    component = vae_network.COMPONENT

    def make(self) -> Any:
        return vae_network.make(self.config.configuration, self.config.seed)

    def task(self, model: Any, rooms: Sequence[RoomPhotos]) -> TrainingTask:
        return VaeTask(model, rooms, self.config)

    def evaluator(self, rooms: Sequence[RoomPhotos]) -> Evaluator:
        return evaluation.VaeEvaluator(evaluation.wall_photos(rooms, 1))

    def finalize(self, model: Any, rooms: Sequence[RoomPhotos]) -> Mapping[str, Any]:
        std = evaluation.latent_std(model, evaluation.wall_photos(rooms, 1))
        vae_network.scale_to_unit_variance(model, std)
        return {"latent_std_before_scaling": [round(float(value), 4) for value in std]}

    def quality(self, model: Any, rooms: Sequence[RoomPhotos]) -> Quality:
        photos = evaluation.wall_photos(rooms, PHOTOS_PER_EVALUATED_ROOM)
        errors = [evaluation.measure(photo, evaluation.round_trip(model, photo.photo)[0]) for photo in photos]
        means = evaluation.averages(errors)
        by_photo = {photo.name: asdict(one) for photo, one in zip(photos, errors, strict=True)}
        line = (
            f"PSNR {means['psnr']:.2f} dB, wall median {means['wall_median']:.2f} CIEDE2000, wall pixels "
            f"{means['wall_pixels']:.2f}, on {len(photos)} photos"
        )
        return Quality({**means, "photos": len(photos), "by_photo": by_photo}, line)
