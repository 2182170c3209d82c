"""Evaluation of a VAE: the round trip of photos of rooms through encoder and decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wallpaint.bundles.configurations import VAE_SCALE_FACTOR
from wallpaint.diffusion import image_tensors
from wallpaint.imaging import color
from wallpaint.train.engine.evaluation import EvalResult
from wallpaint.train.room_photos import RoomPhotos
from wallpaint.train.vae import network as vae_network
from wallpaint.typing import Array

MIN_WALL_ALPHA = 230  # of 255
SHOWN_PHOTOS = 8  # in the contact sheet
METRIC = "val/psnr"


@dataclass(frozen=True, eq=False)
class WallPhoto:
    """A photo, (h, w, 3) uint8 sRGB, and the pixels that are wall alone, (h, w) bool. Sides are multiples of 8."""

    name: str
    photo: Array
    wall: Array


@dataclass(frozen=True)
class RoundTripErrors:
    """Errors of one photo's round trip.

    psnr: in dB, of 8-bit sRGB. wall_median: CIEDE2000 between the medians of the wall; NaN without wall. wall_pixels:
    mean CIEDE2000 of its pixels.
    """

    psnr: float
    wall_median: float
    wall_pixels: float


def wall_photos(rooms: Sequence[RoomPhotos], photos_per_room: int) -> list[WallPhoto]:
    """Return the first photos of each room, cropped to multiples of 8 pixels."""
    photos = []
    for room in rooms:
        height, width = (side // VAE_SCALE_FACTOR * VAE_SCALE_FACTOR for side in room.alpha.shape)
        wall = room.alpha[:height, :width] > MIN_WALL_ALPHA
        for number, photo in enumerate(room.photos[:photos_per_room]):
            photos.append(WallPhoto(f"{room.seed}_{number}", photo[:height, :width], wall))
    return photos


def round_trip(vae: Any, photo: Array) -> tuple[Array, Tensor]:
    """Encode and decode a photo: (h, w, 3) uint8, and the latents' mean, [1, 4, h/8, w/8]."""
    with torch.no_grad():
        mean, _ = vae_network.posterior(vae, image_tensors.to_tensor(photo))
        decoded = image_tensors.from_tensor(vae_network.decode(vae, mean))[0]
    return np.round(255 * decoded).astype(np.uint8), mean


def measure(photo: WallPhoto, output: Array) -> RoundTripErrors:
    """Measure a round trip. output: (h, w, 3) uint8."""
    squared = float(((photo.photo.astype(np.float64) - output) ** 2).mean())
    psnr = 10 * float(np.log10(255**2 / max(squared, 1e-6)))
    if not photo.wall.any():
        return RoundTripErrors(psnr, float("nan"), float("nan"))
    before, after = (_lab(image[photo.wall]) for image in (photo.photo, output))
    medians = [_lab(np.median(image[photo.wall], axis=0)) for image in (photo.photo, output)]
    return RoundTripErrors(psnr, float(color.delta_e_2000(*medians)), float(color.delta_e_2000(before, after).mean()))


def _lab(codes: Array) -> Array:
    return color.linear_to_lab(color.srgb_to_linear(codes.astype(np.float64) / 255))


class VaeEvaluator:
    """Evaluates a VAE on photos of validation rooms; see `evaluation.Evaluator`."""

    def __init__(self, photos: Sequence[WallPhoto]) -> None:
        self.photos = photos

    def __call__(self, step: int, network: torch.nn.Module) -> EvalResult:
        errors, images, latents = [], {}, []
        for number, photo in enumerate(self.photos):
            output, mean = round_trip(network, photo.photo)
            errors.append(measure(photo, output))
            latents.append(mean.flatten(2)[0])
            if number < SHOWN_PHOTOS:
                images[photo.name] = np.concatenate([photo.photo, output], axis=1)
        std = torch.cat(latents, 1).std(1)
        scalars = {f"val/{name}": value for name, value in averages(errors).items()}
        scalars |= {f"val/latent_std_{number}": float(value) for number, value in enumerate(std)}
        return EvalResult(scalars, images)


def averages(errors: Sequence[RoundTripErrors]) -> dict[str, float]:
    """Return mean errors over photos: psnr, wall_median and wall_pixels."""
    return {
        name: float(np.nanmean([getattr(one, name) for one in errors]))
        for name in ("psnr", "wall_median", "wall_pixels")
    }


def latent_std(vae: Any, photos: Sequence[WallPhoto]) -> Tensor:
    """Return the standard deviation of each latent channel over photos, (4,) float32."""
    means = [round_trip(vae, photo.photo)[1].flatten(2)[0] for photo in photos]
    return torch.cat(means, 1).std(1)
