"""The light model's network and its formula, for training: the same as `light_model`, with gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as f

from wallpaint.imaging.color import LUMINANCE
from wallpaint.light import model as told

TEACHING = "light"  # what names of layers begin with that only training needs
STARTS = {"white": -0.7, "bounce": -1.0, "gloss": -3.5, "contrast": -0.2, "spread": -0.35, "error": 2.0}


@dataclass(frozen=True)
class Coefficients:
    """See `light_model.Coefficients`: (B, C, h, w) each, shade (B, 1, h, w), log_error (B, h, w)."""

    photo: Tensor
    shade: Tensor
    old: Tensor
    bounce: Tensor
    gloss: Tensor
    contrast: Tensor
    spread: Tensor
    log_error: Tensor


class Block(nn.Module):
    """Two convolutions round which the features pass unchanged."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        groups = channels // told.GROUP
        self.norm1, self.conv1 = nn.GroupNorm(groups, channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(groups, channels), nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(f.silu(self.norm1(x)))
        return x + self.conv2(f.silu(self.norm2(y)))


class LightNetwork(nn.Module):
    """planes (B, 10, h, w), numbers (B, F) -> (B, 12, h, w), see `light_model.forward`, and light (B, 3, h, w).

    light: natural log of the light on what is seen against the wall's median. It teaches the network what surfaces are
    like; the finished model goes without it (`TEACHING`).
    widths: channels a level, finest first. depths: residual blocks a level. room: length of the vector that the whole
    room is summed up in. mean, scale: (F,) of the numbers.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, widths: Sequence[int], depths: Sequence[int], room: int, fine: int, mean: Tensor, scale: Tensor
    ) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        count = len(mean)
        self.stem = nn.Conv2d(told.INPUTS, widths[0], 3, 2, 1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in pairwise(widths))
        self.encoder = nn.ModuleList(
            nn.ModuleList(Block(width) for _ in range(depth)) for width, depth in zip(widths, depths, strict=True)
        )
        self.room = nn.Sequential(nn.Linear(2 * widths[-1] + count, room), nn.SiLU(), nn.Linear(room, room))
        self.tell = nn.ModuleList(nn.Linear(room, width) for width in widths)
        self.up = nn.ModuleList(nn.Linear(b, a) for a, b in pairwise(widths))
        self.decoder = nn.ModuleList(Block(width) for width in widths)
        self.fine = nn.Conv2d(widths[0] + told.INPUTS, fine, 3, 1, 1)
        self.out = nn.Linear(fine, told.OUTPUTS)
        self.overall = nn.Linear(room, told.OUTPUTS)
        self.straight = nn.Linear(count, told.OUTPUTS)
        self.light = nn.Linear(fine, 3)
        self.light_overall = nn.Linear(room, 3)
        self._start()

    def _start(self) -> None:
        """A room of average light, whatever is seen."""
        with torch.no_grad():
            for layer in (self.light, self.light_overall):
                layer.weight.mul_(0.1)
                layer.bias.zero_()
            self.light.bias.fill_(-STARTS["white"])
            for layer, size in ((self.out, 0.1), (self.overall, 0.1), (self.straight, 0.0)):
                layer.weight.mul_(size)
                layer.bias.zero_()
            at = STARTS
            values = [at["white"]] * 3 + [at["bounce"]] * 3 + [at["gloss"]] * 3
            self.out.bias.copy_(torch.tensor([*values, at["contrast"], at["spread"], at["error"]]))

    def forward(self, planes: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        mask = planes[:, 6:7]
        x = self.stem(planes)
        kept: list[Tensor] = []
        for level, blocks in enumerate(self.encoder):
            if level:
                kept.append(x)
                x = self.down[level - 1](x)
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x)
        share = f.adaptive_avg_pool2d(mask, x.shape[-2:])
        pooled = [(x * part).sum((2, 3)) / (part.sum((2, 3)) + 1e-2) for part in (share, 1 - share)]
        standard = ((numbers - self.mean) / self.scale).clamp(-4, 4)
        room = f.silu(self.room(torch.cat([*pooled, standard], 1)))
        last = len(self.decoder) - 1
        x = self.decoder[last](x + self.tell[last](room)[..., None, None])
        for level in range(last - 1, -1, -1):
            above = self.up[level](x.movedim(1, -1)).movedim(-1, 1)
            x = f.interpolate(above, scale_factor=2.0) + kept[level] + self.tell[level](room)[..., None, None]
            x = self.decoder[level](x)
        x = f.silu(self.fine(torch.cat([f.interpolate(x, scale_factor=2.0), planes], 1)))
        overall = self.overall(room) + self.straight(standard)
        light = self.light(x.movedim(1, -1)).movedim(-1, 1) + self.light_overall(room)[..., None, None]
        return self.out(x.movedim(1, -1)).movedim(-1, 1) + overall[..., None, None], light


def model_of(network: nn.Module) -> dict[str, Tensor]:
    """Its weights by name, without what only training needs."""
    return {name: value for name, value in network.state_dict().items() if not name.startswith(TEACHING)}


def load_model(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give it the weights of a finished model. Raises RuntimeError where they are of another size."""
    own = {name: value for name, value in network.state_dict().items() if name.startswith(TEACHING)}
    network.load_state_dict({**own, **weights})


def interpret(out: Tensor, photo: Tensor, mask: Tensor, median: Tensor, told_old: Tensor) -> Coefficients:
    """What the outputs mean: see `light_model.interpret`. photo (B, 3, h, w), mask (B, h, w), median (B, 3), told_old
    (B, 3), NaN where the old paint is not told."""
    old = torch.exp((torch.log(median)[..., None, None] - out[:, :3]).clamp(-7, 3))
    old = told.MOST_OLD * old / (1 + old**4) ** 0.25
    known = told_old[..., None, None].clamp(told.LOWEST_OLD, told.MOST_OLD)
    old = torch.where(known.isnan(), old, known)
    low, high = told.CONTRASTS
    luma = _luminance(photo.clamp(told.DARKEST, 1)) / _luminance(median[..., None, None])
    return Coefficients(
        photo,
        torch.log(luma),
        old,
        told.MOST_BOUNCE * torch.sigmoid(out[:, 3:6]),
        torch.exp((out[:, 6:9] + told.GLOSS_OUTSIDE * (1 - mask[:, None])).clamp(*told.GLOSS_LOGS)),
        low + (high - low) * torch.sigmoid(out[:, 9:10]),
        told.MOST_SPREAD * torch.tanh(out[:, 10:11]),
        out[:, 11].clamp(-2, 4),
    )


def appearance(seen: Coefficients, albedo: Tensor) -> Tensor:
    """The pictures in M paints each, (B, M, 3, h, w) linear sRGB. albedo: (B, M, 3) linear sRGB."""
    rho = albedo.clamp_min(1e-4)[..., None, None]
    bounce, gloss, old = seen.bounce[:, None], seen.gloss[:, None], seen.old[:, None]
    new, then = (torch.log(paint / (1 - bounce * paint) + gloss) for paint in (rho, old))
    e = seen.contrast[:, None] * (new - then)
    e = e + seen.spread[:, None] * _luminance(e, 2) * seen.shade[:, None]
    capped = seen.photo[:, None].clamp(1e-5, told.BRIGHTEST)
    light = capped / (1 - capped**told.ROLL) ** (1 / told.ROLL) * torch.exp(e.clamp_max(8))
    beyond = (seen.photo[:, None] / told.BRIGHTEST).clamp_min(1)
    return light / (1 + light**told.ROLL) ** (1 / told.ROLL) * beyond


def _luminance(rgb: Tensor, axis: int = 1) -> Tensor:
    weights = torch.tensor(LUMINANCE, dtype=rgb.dtype, device=rgb.device)
    shape = [1] * rgb.ndim
    shape[axis] = 3
    return (rgb * weights.reshape(shape)).sum(axis, keepdim=True)
