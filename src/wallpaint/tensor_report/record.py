"""What a trace holds: plain data, to JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SCHEMA = "wallpaint.trace/1"
FLOWS = ("training", "unet", "inference")


@dataclass(frozen=True)
class Row:
    """One tensor as it was seen.

    flow: one of `FLOWS`. level: of a UNet's block, counted from 1 on its way down or up; 0 for others. low, high, mean,
    std: over all its elements and all `times` that it was seen, four digits each.
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
        """What tells rows of a flow apart: the name, with its level for a block of the UNet."""
        return f"{self.name.removesuffix('_last')}_{self.level}" if self.level else self.name


@dataclass(frozen=True)
class Count:
    """Parameters of a part of the pipeline. share: of the UNet's, where that says something."""

    part: str
    parameters: int
    share: float | None = None


@dataclass(frozen=True)
class MaskPlace:
    """A place where a mask is made smaller or larger. radius_px: how far; 0 for not at all. share: of the picture that
    is covered then, or None where it is not measured."""

    name: str
    radius_px: float
    share: float | None


@dataclass(frozen=True)
class Trace:
    """One training step and one repaint on a bundle.

    facts: numbers and words that explanations speak of. seconds: by flow. peak_bytes: most memory that the process
    held, on the CPU.
    """

    bundle: str
    description: str
    random: bool
    device: str
    dtype: str
    seed: int
    rows: tuple[Row, ...]
    counts: tuple[Count, ...]
    masks: tuple[MaskPlace, ...]
    facts: Mapping[str, Any]
    seconds: Mapping[str, float]
    peak_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Trace:
        """What `to_dict` made, back from JSON."""
        rest = {key: value for key, value in plain.items() if key != "schema"}
        return cls(
            **{
                **rest,
                "rows": tuple(Row(**{**row, "shape": tuple(row["shape"])}) for row in plain["rows"]),
                "counts": tuple(Count(**count) for count in plain["counts"]),
                "masks": tuple(MaskPlace(**place) for place in plain["masks"]),
            }
        )


def rounded(value: float, digits: int = 4) -> float:
    """A number to so many significant digits."""
    return float(f"{value:.{digits}g}")
