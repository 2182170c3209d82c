"""The recipe of a VAE."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from wallpaint.bundles.configurations import VAE_SCALE_FACTOR
from wallpaint.options import option
from wallpaint.train.engine.config import read_recipe
from wallpaint.train.photo_training import PhotoTrainingConfig


@dataclass(frozen=True)
class VaeObjectiveConfig:
    """Weights of the loss terms."""

    smooth_l1_beta: float = option("error in -1..1 below which the RGB loss is quadratic; 0: L1", 0.05, ge=0)
    lab_weight: float = option("weight of the L1 loss in CIELAB", 0.005, ge=0)
    block_lab_weight: float = option("weight of the L1 loss in CIELAB of 8x8 block means", 0.03, ge=0)
    kl_weight: float = option("weight of the KL divergence to a standard normal, per latent element", 1e-6, ge=0)
    equivariance_share: float = option(
        "share of the steps that decode downscaled latents to the downscaled image", 0.2, ge=0, le=1
    )


@dataclass(frozen=True)
class VaeAugmentationConfig:
    """Random changes of the training crops."""

    crop_px: int = option("side of the training crops in pixels", 128, ge=32)
    gain_sigma: float = option("standard deviation of the log gain of each channel, in linear light", 0.45, ge=0)
    gain_share: float = option("share of crops with random gains", 0.8, ge=0, le=1)
    max_zoom: float = option("largest factor by which a crop is enlarged or reduced", 1.3, ge=1, le=2)


@dataclass(frozen=True)
class VaeConfig(PhotoTrainingConfig):
    """The recipe of a VAE. Raises ConfigError that lists all errors."""

    task: str = option("what to train: vae", "vae")
    objective: VaeObjectiveConfig = field(default_factory=VaeObjectiveConfig)
    augmentation: VaeAugmentationConfig = field(default_factory=VaeAugmentationConfig)

    SECTIONS: ClassVar[tuple[str, ...]] = ("objective", "augmentation")

    def _errors(self) -> Iterator[str]:
        yield from super()._errors()
        px = self.augmentation.crop_px
        if type(px) is int and px % (2 * VAE_SCALE_FACTOR):
            yield f"`augmentation.crop_px` must be a multiple of {2 * VAE_SCALE_FACTOR}, not {px}"


def read(path: Path) -> VaeConfig:
    """Read a recipe. Relative paths in it are relative to the working directory. Raises ConfigError."""
    return read_recipe(VaeConfig, path)
