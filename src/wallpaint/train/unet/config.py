"""The recipe of a base UNet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from wallpaint.bundles.configurations import VAE_SCALE_FACTOR, configuration
from wallpaint.options import option
from wallpaint.train.engine.config import read_recipe
from wallpaint.train.photo_training import PhotoTrainingConfig


@dataclass(frozen=True)
class UnetObjectiveConfig:
    """The diffusion objective."""

    min_snr_gamma: float = option("min-SNR gamma; 0 turns the weighting off", 5.0, ge=0)
    empty_caption_share: float = option("share of the samples with an empty caption", 0.3, ge=0, le=1)


@dataclass(frozen=True)
class UnetAugmentationConfig:
    """Random changes of the training photos."""

    crop_px: int = option("side of the training crops in pixels", 192, ge=32)
    gain_sigma: float = option("standard deviation of the log gain of each channel, in linear light", 0.15, ge=0)


@dataclass(frozen=True)
class UnetConfig(PhotoTrainingConfig):
    """The recipe of a base UNet. Raises ConfigError that lists all errors."""

    task: str = option("what to train: unet", "unet")
    vae: Path = option("folder of the trained VAE", Path("vae"))
    text_encoder: Path = option("folder of the trained text encoder", Path("text_encoder"))
    tokenizer: Path = option("folder of its tokenizer", Path("tokenizer"))
    sampling_steps: int = option("denoising steps in evaluation", 10, ge=1, le=1000)
    objective: UnetObjectiveConfig = field(default_factory=UnetObjectiveConfig)
    augmentation: UnetAugmentationConfig = field(default_factory=UnetAugmentationConfig)

    SECTIONS: ClassVar[tuple[str, ...]] = ("objective", "augmentation")

    @property
    def side_multiple(self) -> int:
        """Divisor of image sides, so that every level of the UNet halves the latents."""
        return int(VAE_SCALE_FACTOR * 2 ** (len(configuration(self.configuration)["unet"]["block_out_channels"]) - 1))

    def _errors(self) -> Iterator[str]:
        errors = list(super()._errors())
        yield from errors
        px = self.augmentation.crop_px
        if not errors and px % self.side_multiple:
            yield f"`augmentation.crop_px` must be a multiple of {self.side_multiple}, not {px}"


def read(path: Path) -> UnetConfig:
    """Read a recipe. Relative paths in it are relative to the working directory. Raises ConfigError."""
    return read_recipe(UnetConfig, path)
