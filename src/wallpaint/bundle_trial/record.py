"""Options and figures of a trial."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wallpaint.bundle_trial.peak_memory import StageCost
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.options import field_errors, option, raise_errors
from wallpaint.typing import Array

PAINTS = {
    "chalk": "#f4f1ea",
    "sage": "#7d9b84",
    "navy": "#2b3a5c",
    "brick": "#b5654a",
    "mustard": "#d4a017",
    "charcoal": "#3a3a3c",
    "blush": "#e3b7ab",
    "sky": "#9cc3d9",
    "plum": "#6d4560",
    "sand": "#cbb593",
}
"""The paints of a trial by name, in order."""


@dataclass(frozen=True)
class TrialOptions:
    """What a trial runs. Raises ConfigError that lists all errors."""

    settings: DiffusionSettings
    photo: Path | None = None
    mask: Path | None = None
    repaints: int = option("number of repaints", len(PAINTS), ge=1, le=len(PAINTS))
    lora_steps: int = option("training steps of the LoRA; 0 trains none", 50, ge=0, le=100_000)
    lora_batch_size: int = option("batch size of the LoRA's training", 1, ge=1, le=1024)
    seed: int = option("random seed", 0, ge=0, le=2**63 - 1)

    def __post_init__(self) -> None:
        raise_errors(self._errors())

    def _errors(self) -> Iterator[str]:
        yield from field_errors(self)
        if (self.photo is None) != (self.mask is None):
            yield "`photo` and `mask` go together: pass both, or neither for the example room"


@dataclass
class TrialRepaint:
    """One paint. Images are (H, W, 3) uint8 sRGB, of the networks' crop or of the photo.

    networks, stock: output of the painter's networks and of the stock pipeline. room, swatch: finished results.
    swatch_error: CIEDE2000 of the wall's median and the paint, by image. max_difference, mean_difference: of networks
    and stock, in codes 0..255.
    """

    name: str
    color: str
    networks: Array
    room: Array
    swatch: Array
    seconds: float
    swatch_error: dict[str, float] = field(default_factory=dict)
    stock: Array | None = None
    stock_seconds: float | None = None
    max_difference: float | None = None
    mean_difference: float | None = None


@dataclass
class TrialLora:
    """The short LoRA. losses: of each step. file: in diffusers' naming.

    image: the first paint by the networks with the LoRA, (H, W, 3) uint8 sRGB. max_difference: to the image without it,
    in codes 0..255.
    """

    steps: int
    batch_size: int
    losses: list[float]
    seconds_per_step: float
    file: Path
    image: Array | None = None
    max_difference: float | None = None

    @property
    def first_loss(self) -> float:
        """Mean loss of the first fifth of the steps."""
        return _mean(self.losses[: math.ceil(len(self.losses) / 5)])

    @property
    def last_loss(self) -> float:
        """Mean loss of the last fifth of the steps."""
        return _mean(self.losses[-math.ceil(len(self.losses) / 5) :])


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


@dataclass
class Trial:
    """A trial, complete or with the stages so far. errors: stages that ran out of memory, and what it came to.

    facts: what the trial ran with. costs: by stage. photo: (H, W, 3) uint8 sRGB.
    """

    facts: dict[str, Any]
    random: bool
    photo: Array
    repaints: list[TrialRepaint] = field(default_factory=list)
    lora: TrialLora | None = None
    costs: dict[str, StageCost] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def max_difference(self) -> float | None:
        """Largest difference of the networks' and the stock pipeline's images, in codes; None if none was compared."""
        differences = [one.max_difference for one in self.repaints if one.max_difference is not None]
        return max(differences) if differences else None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures without images, for JSON."""
        keys = ("name", "color", "seconds", "stock_seconds", "swatch_error", "max_difference", "mean_difference")
        lora = self.lora and {
            "steps": self.lora.steps,
            "batch_size": self.lora.batch_size,
            "first_loss": self.lora.first_loss,
            "last_loss": self.lora.last_loss,
            "seconds_per_step": self.lora.seconds_per_step,
            "max_difference": self.lora.max_difference,
        }
        return {
            **self.facts,
            "random": self.random,
            "costs": {stage: asdict(cost) for stage, cost in self.costs.items()},
            "repaints": [{key: getattr(one, key) for key in keys} for one in self.repaints],
            "lora": lora,
            "errors": self.errors,
        }
