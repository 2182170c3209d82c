"""The recipes of an image encoder and of a text encoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wallpaint.bundles.configurations import CONFIGURATION_NAMES
from wallpaint.options import field_errors, option, raise_errors
from wallpaint.train.engine.config import LoopConfig, OptimizerConfig, TrackingConfig, read_recipe


@dataclass(frozen=True)
class EncoderConfig:
    """Keys of both recipes. Raises ConfigError that lists all errors."""

    task: str = option("what to train", "")
    configuration: str = option("model configuration of the component", "mini", choices=CONFIGURATION_NAMES)
    probe_swatches: int = option("colours that the linear probe of the evaluation is fitted on", 2000, ge=8)
    test_swatches: int = option("other colours that it is evaluated on", 500, ge=2)
    seed: int = option("random seed", 0, ge=0)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)

    def __post_init__(self) -> None:
        raise_errors(self._errors())

    def _errors(self) -> Iterator[str]:
        yield from field_errors(self)


@dataclass(frozen=True)
class ImageEncoderConfig(EncoderConfig):
    """The recipe of an image encoder."""

    task: str = option("what to train: image_encoder", "image_encoder")
    textures: int = option("number of wall coverings to train on", 300, ge=2)
    test_textures: int = option("number of held-out wall coverings to retrieve", 50, ge=2)
    texture_share: float = option("share of the samples that are crops of wall coverings", 0.5, ge=0, le=1)
    contrastive_weight: float = option("weight of the contrastive loss between two views", 0.2, ge=0)
    temperature: float = option("temperature of the contrastive loss", 0.1, gt=0)


@dataclass(frozen=True)
class TextEncoderConfig(EncoderConfig):
    """The recipe of a text encoder."""

    task: str = option("what to train: text_encoder", "text_encoder")


def read_image_encoder(path: Path) -> ImageEncoderConfig:
    """Read the recipe of an image encoder. Raises ConfigError."""
    return read_recipe(ImageEncoderConfig, path)


def read_text_encoder(path: Path) -> TextEncoderConfig:
    """Read the recipe of a text encoder. Raises ConfigError."""
    return read_recipe(TextEncoderConfig, path)
