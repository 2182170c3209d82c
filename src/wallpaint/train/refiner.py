"""Learning where the edges of walls are: the finder's own map of a picture, and what is to be put right in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from wallpaint.segment.refiner import Refiner
from wallpaint.train.loop import Losses
from wallpaint.train.segmenter import SegmenterTask, wall_logit, weighed
from wallpaint.train.segmenter_config import SegmenterConfig

COARSEST = 32  # sides that the finder sees pictures at are multiples of it
BAND, FAR = 4, 0.1  # pixels round an edge that count most, and what all others count
SHARES = (0.8, 1.0, 1.2)  # sizes that the finder sees a picture at, two of which make its map


class RefinerTask(SegmenterTask):
    """See `loop.Task`. finder: a trained SegFormer, which stays as it is."""

    def __init__(self, rooms: Sequence[Path], labels: Path, config: SegmenterConfig, finder: nn.Module) -> None:
        super().__init__(rooms, labels, config)
        self.finder = finder.eval().requires_grad_(requires_grad=False)
        torch.manual_seed(config.seed)
        self.network = Refiner()

    def losses(self, network: nn.Module, batch: dict[str, Tensor]) -> Losses:
        """As of the finder, of the map that is put right."""
        photo, wall = batch["photo"], batch["wall"]
        with torch.no_grad():
            odds = self._odds(photo)
        refined = network(photo, odds)
        near = functional.avg_pool2d(wall[:, None], 2 * BAND + 1, 1, BAND, count_include_pad=False)[:, 0]
        counts = batch["counts"] * (FAR + 4 * near * (1 - near))
        return weighed(refined.float(), wall, counts, self.config.overlap_weight)

    def _odds(self, photo: Tensor) -> Tensor:
        """The finder's map, as `Finder.probability` makes it but of two sizes: (B, h, w)."""
        size = photo.shape[-2:]
        left_out = int(photo.abs().sum() * 1000) % len(SHARES)
        maps = []
        for number, share in enumerate(SHARES):
            if number == left_out:
                continue
            side = max(COARSEST, round(share * size[0] / COARSEST) * COARSEST)
            seen = functional.interpolate(photo, (side, side), mode="bilinear", antialias=True)
            if number % 2:
                seen = seen.flip(-1)
            found = wall_logit(self.finder(pixel_values=seen).logits, size)
            maps.append(found.flip(-1) if number % 2 else found)
        return torch.stack(maps).mean(0)
