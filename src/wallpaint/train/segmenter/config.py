"""The recipe of a wall segmenter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wallpaint.options import field_errors, option
from wallpaint.segment.network import STRIDE_PX
from wallpaint.train.engine.config import read_recipe
from wallpaint.train.room_sets import RoomSetConfig, RoomTrainingConfig

GROUP = 8  # channels per group of the refiner's group normalisation


@dataclass(frozen=True)
class SegmenterNetworkConfig:
    """Size of the SegFormer, by stage, and of its refiner. Source: Xie et al. 2021; widths of B0: 32, 64, 160, 256."""

    widths: tuple[int, ...] = option("channels per stage", (24, 48, 128, 192), ge=1, length=4)
    depths: tuple[int, ...] = option("blocks per stage", (2, 2, 4, 4), ge=1, length=4)
    heads: tuple[int, ...] = option("attention heads per stage", (1, 2, 4, 6), ge=1, length=4)
    decoder: int = option("channels of the decoder", 64, ge=1)
    refiner: tuple[int, ...] = option("channels per level of the refiner, multiples of 8", (16, 32, 64, 96))


@dataclass(frozen=True)
class SegmenterConfig(RoomTrainingConfig):
    """The recipe of a wall segmenter. Raises ConfigError that lists all errors."""

    task: str = option("what to train: segmenter", "segmenter")
    test: tuple[RoomSetConfig, ...] = option("rooms for evaluation, test split", ())
    labels: Path | None = option("folder of the rooms' labels; in the run folder if not given", None)
    sizes: tuple[int, ...] = option(
        "side of the training crops in pixels: a sequence of sizes for equal shares of the steps", (64, 96, 96, 128)
    )
    reuse: int = option("number of crops of each photo before another photo of the room is made", 4, ge=1)
    input_px: int = option("network input size at inference: side of a square with the same area", 256)
    overlap_weight: float = option("weight of the loss 1 - soft IoU relative to the cross-entropy", 1.0, ge=0)
    network: SegmenterNetworkConfig = field(default_factory=SegmenterNetworkConfig)

    @property
    def sets(self) -> dict[str, tuple[RoomSetConfig, ...]]:
        """Sets of rooms by use."""
        return {**super().sets, "test": self.test}

    def _errors(self) -> Iterator[str]:
        yield from super()._errors()
        network_errors = list(field_errors(self.network, "network."))
        yield from network_errors
        if not network_errors and any(
            width % heads for width, heads in zip(self.network.widths, self.network.heads, strict=True)
        ):
            yield "`network.widths` must be multiples of `network.heads`"
        refiner = self.network.refiner
        if not 2 <= len(refiner) <= 5 or any(type(n) is not int or n < GROUP or n % GROUP for n in refiner):
            yield f"`network.refiner` must be two to five multiples of {GROUP}"
        if not self.sizes:
            yield "`sizes` must have at least one size"
        for name, px in (*(("sizes", px) for px in self.sizes), ("input_px", self.input_px)):
            if type(px) is not int or px < 2 * STRIDE_PX or px % STRIDE_PX:
                yield f"`{name}` must be a multiple of {STRIDE_PX}, at least {2 * STRIDE_PX}, not {px}"


def read(path: Path) -> SegmenterConfig:
    """Read a recipe. Relative paths in it are relative to the working directory. Raises ConfigError."""
    return read_recipe(SegmenterConfig, path)
