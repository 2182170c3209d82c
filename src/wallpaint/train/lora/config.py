"""The recipe of a LoRA. Source of the default values: the source document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wallpaint.data.settings import SampleSettings
from wallpaint.options import field_errors, option, raise_errors
from wallpaint.train.engine.config import LoopConfig, OptimizerConfig, TrackingConfig, read_recipe

MODES = ("document", "image_prompt", "paired")
PREDICTION_TYPES = ("bundle", "epsilon", "v_prediction")
TIMESTEP_SPACINGS = ("bundle", "trailing", "leading", "linspace")


@dataclass(frozen=True)
class LoraConfig:
    """The low-rank weights."""

    rank: int = option("LoRA rank", 8, ge=1)
    alpha: int = option("LoRA alpha; the update is scaled by alpha / rank", 8, ge=1)


@dataclass(frozen=True)
class ConditioningConfig:
    """The UNet's conditioning besides mask and masked image."""

    captions: bool = option("use the samples' captions as prompts; false is the zero-prompt mode", False)
    reference_dropout: float = option(
        "share of samples trained without reference, for classifier-free guidance", 0.1, ge=0, lt=1
    )
    ip_adapter_scale: float = option("IP-Adapter scale: weight of the image prompt", 1.0, ge=0)
    depth: bool = option("condition on depth through the bundle's frozen ControlNet", False)
    controlnet_scale: float = option("ControlNet conditioning scale", 1.0, ge=0)


@dataclass(frozen=True)
class ObjectiveConfig:
    """The noise schedule and the loss: mean squared error of the prediction, and terms on the decoded image."""

    min_snr_gamma: float = option("min-SNR gamma; 0 turns the weighting off", 0.0, ge=0)
    noise_offset: float = option("noise offset: strength of noise that is constant over each channel", 0.0, ge=0)
    prediction: str = option(
        "prediction type: epsilon, v_prediction, or bundle for the bundle's own", "bundle", choices=PREDICTION_TYPES
    )
    timestep_spacing: str = option(
        "trailing, leading, linspace, or bundle for the bundle's own", "bundle", choices=TIMESTEP_SPACINGS
    )
    zero_terminal_snr: bool = option("rescale betas to zero terminal SNR; v_prediction and trailing only", False)
    color_weight: float = option("weight of the wall's CIELAB distance in the decoded image, divided by 100", 0.0, ge=0)
    ssim_weight: float = option("weight of 1 - SSIM on the wall of the decoded image", 0.0, ge=0)
    lpips_weight: float = option("weight of LPIPS (VGG) of the decoded image; needs the lpips package", 0.0, ge=0)
    image_loss_timesteps: tuple[int, int] = option(
        "timesteps at which images are decoded for these terms: first, end (exclusive)", (200, 700)
    )

    @property
    def uses_image_losses(self) -> bool:
        """Whether any term needs the decoded image."""
        return self.color_weight > 0 or self.ssim_weight > 0 or self.lpips_weight > 0


@dataclass(frozen=True)
class SamplingConfig:
    """The samples painted at each evaluation: of the validation split, or of the training split if there is none."""

    count: int = option("number of samples, the first of the split", 4, ge=1)
    steps: int = option("DDIM steps", 20, ge=1)


@dataclass(frozen=True)
class CacheConfig:
    """The latent cache."""

    variants: int = option("augmented versions of each sample to encode once; 0 encodes at every step", 8, ge=0)
    folder: Path | None = option("cache folder; default: latents/ in the run folder", None)


@dataclass(frozen=True, kw_only=True)
class LoraRecipe:
    """A complete LoRA recipe. Raises ConfigError that lists all errors."""

    task: str = option("what to train: lora", "lora")
    bundle: str
    data: Path
    mode: str = option(
        "document: the photo alone, as in the source document; image_prompt: with a reference, through the frozen "
        "IP-Adapter; paired: with a reference, noise on the target in the new paint, masked image from the photo",
        "document",
        choices=MODES,
    )
    device: str = option("auto, cpu, cuda or mps", "auto")
    seed: int = option("random seed", 0, ge=0)
    samples: SampleSettings = field(default_factory=SampleSettings)
    lora: LoraConfig = field(default_factory=LoraConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    conditioning: ConditioningConfig = field(default_factory=ConditioningConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)

    def __post_init__(self) -> None:
        raise_errors(self._errors())

    @property
    def uses_image_prompt(self) -> bool:
        """Whether the UNet is conditioned on references through the IP-Adapter."""
        return self.mode != "document"

    def notes(self) -> list[str]:
        """Return notes on options that were changed and have no effect in this mode."""
        share = self.samples.random_color_prob
        if self.mode == "document" and share not in (0, SampleSettings.random_color_prob):
            return [
                f"samples.random_color_prob {share:g} has no effect in mode document: the photo itself is noised, and "
                "there is no reference"
            ]
        return []

    def _errors(self) -> Iterator[str]:
        objective, loop = self.objective, self.loop
        yield from field_errors(self)
        for section in ("lora", "conditioning", "objective", "cache", "sampling"):
            yield from field_errors(getattr(self, section), f"{section}.")
        if loop.batch_size % loop.gradient_accumulation_steps:
            yield (
                f"`loop.batch_size` {loop.batch_size} is not divisible by `loop.gradient_accumulation_steps` "
                f"{loop.gradient_accumulation_steps}"
            )
        if loop.best_metric and not loop.eval_every:
            yield f"`loop.best_metric` {loop.best_metric} is never measured: set `loop.eval_every`"
        yield from self._noise_schedule_errors()
        if not _is_timestep_range(objective.image_loss_timesteps):
            yield (
                "`objective.image_loss_timesteps` must be a timestep and a later one, "
                f"not {objective.image_loss_timesteps}"
            )
        if self.mode == "paired" and not self.samples.random_color_prob > 0:
            yield "mode paired needs `samples.random_color_prob` above 0: the share of samples that are repainted"

    def _noise_schedule_errors(self) -> Iterator[str]:
        if self.objective.zero_terminal_snr and self.objective.prediction != "v_prediction":
            yield (
                "`objective.zero_terminal_snr` needs `objective.prediction` v_prediction: epsilon carries no "
                "information at zero SNR"
            )
        if self.objective.zero_terminal_snr and self.objective.timestep_spacing != "trailing":
            yield (
                "`objective.zero_terminal_snr` needs `objective.timestep_spacing` trailing: other spacings skip the "
                "last timestep"
            )


def _is_timestep_range(value: Any) -> bool:
    is_pair = isinstance(value, tuple) and len(value) == 2 and all(type(number) is int for number in value)
    return is_pair and 0 <= value[0] < value[1]


def read(path: Path) -> LoraRecipe:
    """Read a LoRA recipe. Relative paths in it are relative to the working directory. Raises ConfigError."""
    return read_recipe(LoraRecipe, path)
