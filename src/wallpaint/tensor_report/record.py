"""Data of a trace, convertible to JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SCHEMA = "wallpaint.trace/1"
FLOWS = ("training", "unet", "inference")


@dataclass(frozen=True)
class TensorRow:
    """One recorded tensor.

    flow: one of `FLOWS`. level: of a UNet down or up block, from 1 in execution order; 0 for others. low, high, mean,
    std: minimum, maximum, mean and standard deviation over all elements and all `times` that it was recorded, four
    digits each.
    """

    flow: str
    name: str
    shape: tuple[int, ...]
    dtype: str
    low: float
    high: float
    mean: float
    std: float
    times: int = 1
    level: int = 0

    @property
    def key(self) -> str:
        """Unique key within a flow: the name, with the level for a UNet block."""
        return f"{self.name.removesuffix('_last')}_{self.level}" if self.level else self.name


@dataclass(frozen=True)
class ParameterCount:
    """Parameters of a component of the pipeline. share: of the UNet's parameters, for the LoRA."""

    part: str
    parameters: int
    share: float | None = None


@dataclass(frozen=True)
class MaskStage:
    """A stage that erodes or dilates the mask. radius_px: negative for erosion, 0 for neither. share: of the image that
    the mask then covers, or None where it is not measured."""

    name: str
    radius_px: float
    share: float | None


@dataclass(frozen=True)
class Trace:
    """One training step and one repaint on a bundle.

    facts: values that explanations refer to. seconds: by flow. peak_bytes: peak CPU memory of the process.
    """

    bundle: str
    description: str
    random: bool
    device: str
    dtype: str
    seed: int
    rows: tuple[TensorRow, ...]
    counts: tuple[ParameterCount, ...]
    masks: tuple[MaskStage, ...]
    facts: Mapping[str, Any]
    seconds: Mapping[str, float]
    peak_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data for JSON."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Trace:
        """Restore from the output of `to_dict`."""
        rest = {key: value for key, value in plain.items() if key != "schema"}
        return cls(
            **{
                **rest,
                "rows": tuple(TensorRow(**{**row, "shape": tuple(row["shape"])}) for row in plain["rows"]),
                "counts": tuple(ParameterCount(**count) for count in plain["counts"]),
                "masks": tuple(MaskStage(**stage) for stage in plain["masks"]),
            }
        )


def rounded(value: float, digits: int = 4) -> float:
    """Round to a number of significant digits."""
    return float(f"{value:.{digits}g}")
