"""The recipe of a depth estimator."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from wallpaint.options import option
from wallpaint.train.engine.config import read_recipe
from wallpaint.train.photo_training import PhotoTrainingConfig


@dataclass(frozen=True)
class DepthObjectiveConfig:
    """Weights of the loss terms."""

    gradient_weight: float = option("weight of the L1 loss of gradients, at four scales", 0.5, ge=0)
    level_weight: float = option("weight of the loss that keeps the mean output near the true inverse depth", 0.1, gt=0)


@dataclass(frozen=True)
class DepthAugmentationConfig:
    """Random changes of the training photos."""

    min_crop: float = option("smallest side of a crop, as a share of the photo's", 0.6, gt=0, le=1)
    gain_sigma: float = option("standard deviation of the log gain of each channel, in linear light", 0.15, ge=0)


@dataclass(frozen=True)
class DepthConfig(PhotoTrainingConfig):
    """The recipe of a depth estimator. Raises ConfigError that lists all errors."""

    task: str = option("what to train: depth", "depth")
    objective: DepthObjectiveConfig = field(default_factory=DepthObjectiveConfig)
    augmentation: DepthAugmentationConfig = field(default_factory=DepthAugmentationConfig)

    SECTIONS: ClassVar[tuple[str, ...]] = ("objective", "augmentation")


def read(path: Path) -> DepthConfig:
    """Read a recipe. Relative paths in it are relative to the working directory. Raises ConfigError."""
    return read_recipe(DepthConfig, path)
