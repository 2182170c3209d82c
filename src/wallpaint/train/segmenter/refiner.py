"""The refiner: a small U-Net that aligns the edges of the SegFormer's map with those of the photo.

A SegFormer predicts at a quarter of its input's resolution, and most of its errors lie within three pixels of an edge.
The refiner takes the photo and the map at full resolution and predicts a correction of the log odds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as f

OUTPUT_GAIN = 4.0  # factor on the output layer, which speeds up training from small weights
GROUP = 8  # channels per group of the group normalisation
MAX_LOG_ODDS = 8.0  # clipping of the input map


class RefinerResidualBlock(nn.Module):
    """Pre-activation residual block of two convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        groups = channels // GROUP
        self.norm1, self.conv1 = nn.GroupNorm(groups, channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(groups, channels), nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(f.silu(self.norm2(self.conv1(f.silu(self.norm1(x))))))


class RefinerNetwork(nn.Module):
    """photo (B, 3, h, w), odds (B, h, w), log odds of wall -> refined log odds (B, h, w).

    photo: normalised as the SegFormer's input. h and w must be divisible by 2 once per level below the first. widths:
    channels per level, finest (full resolution) first, multiples of GROUP; each level but the finest has one block on
    the way down and one on the way up.
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64, 96)) -> None:
        super().__init__()
        self.stem = nn.Conv2d(4, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in pairwise(widths))
        self.before = nn.ModuleList(RefinerResidualBlock(width) for width in widths[1:])
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.after = nn.ModuleList(RefinerResidualBlock(width) for width in widths[1:])
        self.fine = nn.Conv2d(2 * widths[0], widths[0], 3, padding=1)
        self.out = nn.Conv2d(widths[0], 1, 1)
        nn.init.normal_(self.out.weight, 0, 0.02)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, photo: Tensor, odds: Tensor) -> Tensor:
        log_odds = odds[:, None].clamp(-MAX_LOG_ODDS, MAX_LOG_ODDS)
        x = self.stem(torch.cat([photo, log_odds / 3], 1))
        skips = []
        for down, block in zip(self.down, self.before, strict=True):
            skips.append(x)
            x = block(down(f.silu(x)))
        for level in range(len(self.down) - 1, -1, -1):
            x = self.after[level](x)
            x = f.interpolate(self.up[level](f.silu(x)), scale_factor=2.0)
            x = x + skips[level] if level else torch.cat([x, skips[0]], 1)
        return (log_odds + OUTPUT_GAIN * self.out(f.silu(self.fine(f.silu(x)))))[:, 0]
