"""A recipe for the wall finder: rooms to render, the network, how it learns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wallpaint.errors import ConfigError
from wallpaint.options import option
from wallpaint.segment.network import COARSEST
from wallpaint.train import room_sets
from wallpaint.train.engine.config import LoopConfig, OptimizerConfig, TrackingConfig, read_recipe
from wallpaint.train.room_sets import RoomSet

GROUP = 8  # channels of the refiner that are normalised together


@dataclass(frozen=True)
class NetworkConfig:
    """A SegFormer's sizes, stage by stage. Source: Xie et al. 2021, whose smallest, B0, is (32, 64, 160, 256). refiner:
    of the U-Net that refines its map, level by level, all pixels first."""

    widths: tuple[int, ...] = option("channels", (24, 48, 128, 192))
    depths: tuple[int, ...] = option("blocks", (2, 2, 4, 4))
    heads: tuple[int, ...] = option("heads of attention", (1, 2, 4, 6))
    decoder: int = option("channels that the stages are brought together in", 64)
    refiner: tuple[int, ...] = option("channels of the refiner, multiples of 8", (16, 32, 64, 96))


@dataclass(frozen=True)
class SegmenterConfig:
    """A whole recipe. Raises ConfigError that lists everything wrong with it."""

    task: str = option("what to train: segmenter", "segmenter")
    rooms: tuple[RoomSet, ...] = option("sets to learn from", ())
    validation: tuple[RoomSet, ...] = option("sets that confidence is calibrated on, of the validation split", ())
    test: tuple[RoomSet, ...] = option("sets that the result is judged on, of the test split", ())
    labels: Path | None = option("folder of what is where in the rooms; the run's own if not given", None)
    render_workers: int = option("processes that render", 1)
    sizes: tuple[int, ...] = option(
        "pixels a side of the pictures that it learns from, one size after the other for equal shares of the steps",
        (64, 96, 96, 128),
    )
    reuse: int = option("pictures that are cut from one photo of a room before another is taken of it", 4)
    input_px: int = option("pixels on the longer side that it looks at photos with", 256)
    overlap_weight: float = option("of 1 - soft IoU, beside cross-entropy", 1.0)
    seed: int = option("of everything random", 0)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)

    def __post_init__(self) -> None:
        wrong = [*([] if self.rooms else ["rooms names no set of rooms"]), *room_sets.wrong(self.sets), *self._errors()]
        if wrong:
            raise ConfigError("; ".join(wrong))

    @property
    def sets(self) -> dict[str, tuple[RoomSet, ...]]:
        """By what they are for."""
        return {"rooms": self.rooms, "validation": self.validation, "test": self.test}

    def _errors(self) -> Iterator[str]:
        """All but the sets of rooms."""
        stages = (self.network.widths, self.network.depths, self.network.heads)
        if any(len(stage) != 4 or not all(type(n) is int and n > 0 for n in stage) for stage in stages):
            yield "network.widths, .depths and .heads should be four whole numbers each, one a stage"
        elif any(width % heads for width, heads in zip(self.network.widths, self.network.heads, strict=True)):
            yield "network.widths should be multiples of network.heads"
        refiner = self.network.refiner
        if not 2 <= len(refiner) <= 5 or any(type(n) is not int or n < GROUP or n % GROUP for n in refiner):
            yield f"network.refiner should be two to five multiples of {GROUP}"
        if not self.sizes:
            yield "sizes should name one size at least"
        for name, px in (*(("sizes", px) for px in self.sizes), ("input_px", self.input_px)):
            if type(px) is not int or px < 2 * COARSEST or px % COARSEST:
                yield f"{name} should be a multiple of {COARSEST} from {2 * COARSEST}, not {px}"
        for name, value, least in (
            ("reuse", self.reuse, 1),
            ("render_workers", self.render_workers, 1),
            ("seed", self.seed, 0),
        ):
            if value < least:
                yield f"{name} must be at least {least}, not {value}"
        if self.overlap_weight < 0:
            yield f"overlap_weight must be at least 0, not {self.overlap_weight}"


def read(path: Path) -> SegmenterConfig:
    """Read a recipe. Relative paths in it are relative to where the program runs. Raises ConfigError."""
    return read_recipe(SegmenterConfig, path)
