"""A small network that puts the edges of a wall finder's map where the photo has them.

A SegFormer answers for every fourth pixel of what it sees; most of what it gets wrong lies within three pixels of an
edge. This U-Net sees the photo and the map at full resolution and says by how much the log odds are to be changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as f

BOLD = 4.0  # factor on what comes out, so that little weights soon count
GROUP = 8  # channels that are normalised together
MOST_ODDS = 8.0  # log odds beyond which the map is as good as certain


class Block(nn.Module):
    """Two convolutions round which the features pass unchanged."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        groups = channels // GROUP
        self.norm1, self.conv1 = nn.GroupNorm(groups, channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(groups, channels), nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(f.silu(self.norm2(self.conv1(f.silu(self.norm1(x))))))


class Refiner(nn.Module):
    """photo (B, 3, h, w), odds (B, h, w) -> odds (B, h, w), the log odds of wall.

    photo: normalised as the finder takes it. h and w can be halved once a level below the first. widths: channels a
    level, finest (all pixels) first, multiples of GROUP; there is one block a level, down and up, but for the finest.
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64, 96)) -> None:
        super().__init__()
        self.stem = nn.Conv2d(4, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in pairwise(widths))
        self.before = nn.ModuleList(Block(width) for width in widths[1:])
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.after = nn.ModuleList(Block(width) for width in widths[1:])
        self.fine = nn.Conv2d(2 * widths[0], widths[0], 3, padding=1)
        self.out = nn.Conv2d(widths[0], 1, 1)
        nn.init.normal_(self.out.weight, 0, 0.02)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, photo: Tensor, odds: Tensor) -> Tensor:
        odds = odds[:, None].clamp(-MOST_ODDS, MOST_ODDS)
        x = self.stem(torch.cat([photo, odds / 3], 1))
        kept = []
        for down, blocks in zip(self.down, self.before, strict=True):
            kept.append(x)
            x = blocks(down(f.silu(x)))
        for level in range(len(self.down) - 1, -1, -1):
            x = self.after[level](x)
            x = f.interpolate(self.up[level](f.silu(x)), scale_factor=2.0)
            x = x + kept[level] if level else torch.cat([x, kept[0]], 1)
        return (odds + BOLD * self.out(f.silu(self.fine(f.silu(x)))))[:, 0]
