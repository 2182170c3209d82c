"""The light model's network, its export, and the differentiable version of the formula of `light.model`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.export import Dim
from torch.nn import functional as f

from wallpaint.imaging.color import LUMINANCE
from wallpaint.light import model as light_model
from wallpaint.train.engine import onnx_export
from wallpaint.train.engine.onnx_export import Precision
from wallpaint.typing import Array

GROUP = 8  # channels per group of the group normalisation
MIN_INT8_SIZE = 4096  # values from which a parameter is stored as int8
AUX_PREFIX = "light"  # prefix of the auxiliary head's layers, which only training needs
INITIAL_OUTPUTS = {
    "wall_albedo": -0.7,
    "interreflection": -1.0,
    "gloss": -3.5,
    "contrast": -0.2,
    "shading_gain": -0.35,
    "error": 2.0,
}


@dataclass(frozen=True)
class TorchCoefficients:
    """`light.model.LightCoefficients` as tensors (B, C, h, w); log_shading (B, 1, h, w), log_error (B, h, w)."""

    photo: Tensor
    log_shading: Tensor
    wall_albedo: Tensor
    interreflection: Tensor
    gloss: Tensor
    contrast: Tensor
    shading_gain: Tensor
    log_error: Tensor


class LightResidualBlock(nn.Module):
    """Pre-activation residual block of two convolutions; the identity at initialisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        groups = channels // GROUP
        self.norm1, self.conv1 = nn.GroupNorm(groups, channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(groups, channels), nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(f.silu(self.norm1(x)))
        return x + self.conv2(f.silu(self.norm2(y)))


class LightNetwork(nn.Module):
    """planes (B, 10, h, w), features (B, F) -> outputs (B, 12, h, w) and light (B, 3, h, w).

    A U-Net whose coarsest level is pooled, over the wall and over the rest, into one vector that all levels are
    conditioned on. outputs: see `light.model.interpret`.

    light: natural log of the incident light relative to the wall's median, an auxiliary target; the exported model
    omits it (`AUX_PREFIX`). widths: channels per level, finest first. depths: residual blocks per level.
    global_channels: length of the pooled vector. full_res_channels: channels at full resolution. mean, scale: (F,), to
    standardise the features.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        widths: Sequence[int],
        depths: Sequence[int],
        global_channels: int,
        full_res_channels: int,
        mean: Tensor,
        scale: Tensor,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        count, inputs, outputs = len(mean), light_model.INPUT_CHANNELS, light_model.OUTPUT_CHANNELS
        # The layers' order determines their initial weights. Parameters are trained in the order of their names, which
        # determines the rounding of the gradient norm.
        self.stem = nn.Conv2d(inputs, widths[0], 3, 2, 1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in pairwise(widths))
        self.encoder = nn.ModuleList(
            nn.ModuleList(LightResidualBlock(width) for _ in range(depth))
            for width, depth in zip(widths, depths, strict=True)
        )
        self.pooled_mlp = nn.Sequential(
            nn.Linear(2 * widths[-1] + count, global_channels), nn.SiLU(), nn.Linear(global_channels, global_channels)
        )
        self.to_level_bias = nn.ModuleList(nn.Linear(global_channels, width) for width in widths)
        self.up = nn.ModuleList(nn.Linear(b, a) for a, b in pairwise(widths))
        self.decoder = nn.ModuleList(LightResidualBlock(width) for width in widths)
        self.full_res = nn.Conv2d(widths[0] + inputs, full_res_channels, 3, 1, 1)
        self.out = nn.Linear(full_res_channels, outputs)
        self.out_global = nn.Linear(global_channels, outputs)
        self.to_direct_out = nn.Linear(count, outputs)
        self.light = nn.Linear(full_res_channels, 3)
        self.light_global = nn.Linear(global_channels, 3)
        self._init_heads()

    def _init_heads(self) -> None:
        """Initialise the heads to predict an average room for any input."""
        with torch.no_grad():
            for layer in (self.light, self.light_global):
                layer.weight.mul_(0.1)
                layer.bias.zero_()
            self.light.bias.fill_(-INITIAL_OUTPUTS["wall_albedo"])
            for layer, gain in ((self.out, 0.1), (self.out_global, 0.1), (self.to_direct_out, 0.0)):
                layer.weight.mul_(gain)
                layer.bias.zero_()
            initial = INITIAL_OUTPUTS
            values = [initial["wall_albedo"]] * 3 + [initial["interreflection"]] * 3 + [initial["gloss"]] * 3
            values += [initial["contrast"], initial["shading_gain"], initial["error"]]
            self.out.bias.copy_(torch.tensor(values))

    def forward(self, planes: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        mask = planes[:, 6:7]
        x = self.stem(planes)  # [B, widths[0], h / 2, w / 2]
        skips: list[Tensor] = []
        for level, blocks in enumerate(self.encoder):
            if level:
                skips.append(x)
                x = self.down[level - 1](x)
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x)
        share = f.avg_pool2d(mask, 2 ** len(self.encoder))
        pooled = [(x * weight).sum((2, 3)) / (weight.sum((2, 3)) + 1e-2) for weight in (share, 1 - share)]
        standardised = ((features - self.mean) / self.scale).clamp(-4, 4)
        pooled_vector = f.silu(self.pooled_mlp(torch.cat([*pooled, standardised], 1)))  # [B, global_channels]
        last = len(self.decoder) - 1
        x = self.decoder[last](x + self.to_level_bias[last](pooled_vector)[..., None, None])
        for level in range(last - 1, -1, -1):
            up = self.up[level](x.movedim(1, -1)).movedim(-1, 1)
            bias = self.to_level_bias[level](pooled_vector)[..., None, None]
            x = f.interpolate(up, scale_factor=2.0) + skips[level] + bias
            x = self.decoder[level](x)
        x = f.silu(self.full_res(torch.cat([f.interpolate(x, scale_factor=2.0), planes], 1)))
        out_bias = self.out_global(pooled_vector) + self.to_direct_out(standardised)
        aux_bias = self.light_global(pooled_vector)
        light = self.light(x.movedim(1, -1)).movedim(-1, 1) + aux_bias[..., None, None]
        return self.out(x.movedim(1, -1)).movedim(-1, 1) + out_bias[..., None, None], light


def exported_weights(network: nn.Module) -> dict[str, Tensor]:
    """Return a network's weights by name, without the auxiliary head."""
    return {name: value for name, value in network.state_dict().items() if not name.startswith(AUX_PREFIX)}


def load_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load the weights of an exported model; the auxiliary head keeps its own. Raises RuntimeError if sizes differ."""
    aux = {name: value for name, value in network.state_dict().items() if name.startswith(AUX_PREFIX)}
    network.load_state_dict({**aux, **weights})


def export(network: nn.Module, side: int) -> bytes:
    """Export the uncalibrated model as the bytes of an ONNX file. side: see `light.model.LightModel`.

    Large weights are stored as int8, which changes the outputs by far less than their error; the feature statistics as
    float32, the others as float16.
    """
    count = len(network.mean)  # type: ignore[arg-type]
    height, width = (light_model.SIDE_MULTIPLE * Dim(name, min=2, max=64) for name in ("height", "width"))
    batch = Dim("batch", min=1, max=64)
    return onnx_export.export(
        network,
        {"planes": torch.zeros(2, light_model.INPUT_CHANNELS, 64, 80), "features": torch.zeros(2, count)},
        {"planes": {0: batch, 2: height, 3: width}, "features": {0: batch}},
        "outputs",
        _precision,
        {"kind": light_model.KIND, "side": side, "calibration": 1.0},
    )


def _precision(name: str, weight: Array) -> Precision:
    if name in ("mean", "scale"):
        return "float32"
    return "int8" if weight.size >= MIN_INT8_SIZE else "float16"


def interpret(outputs: Tensor, photo: Tensor, mask: Tensor, median: Tensor, known_albedo: Tensor) -> TorchCoefficients:
    """Convert the outputs to coefficients, as `light.model.interpret` does.

    outputs: (B, 12, h, w). photo: (B, 3, h, w). mask: (B, h, w). median: (B, 3). known_albedo: (B, 3), NaN where it is
    unknown.
    """
    predicted = torch.exp((torch.log(median)[..., None, None] - outputs[:, :3]).clamp(-7, 3))
    predicted = light_model.MAX_WALL_ALBEDO * predicted / (1 + predicted**4) ** 0.25
    known = known_albedo[..., None, None].clamp(light_model.MIN_WALL_ALBEDO, light_model.MAX_WALL_ALBEDO)
    low, high = light_model.CONTRAST_RANGE
    luma = _luminance(photo.clamp(light_model.MIN_LINEAR, 1)) / _luminance(median[..., None, None])
    log_gloss = outputs[:, 6:9] + light_model.LOG_GLOSS_OUTSIDE * (1 - mask[:, None])
    return TorchCoefficients(
        photo=photo,
        log_shading=torch.log(luma),
        wall_albedo=torch.where(known.isnan(), predicted, known),
        interreflection=light_model.MAX_BOUNCE * torch.sigmoid(outputs[:, 3:6]),
        gloss=torch.exp(log_gloss.clamp(*light_model.LOG_GLOSS_RANGE)),
        contrast=low + (high - low) * torch.sigmoid(outputs[:, 9:10]),
        shading_gain=light_model.MAX_SHADING_GAIN * torch.tanh(outputs[:, 10:11]),
        log_error=outputs[:, 11].clamp(-2, 4),
    )


def appearance(coefficients: TorchCoefficients, albedo: Tensor) -> Tensor:
    """Return the photos in M paints each, (B, M, 3, h, w) linear sRGB. albedo: (B, M, 3) linear sRGB."""
    c = coefficients
    rho = albedo.clamp_min(1e-4)[..., None, None]
    bounce, gloss, wall_albedo = c.interreflection[:, None], c.gloss[:, None], c.wall_albedo[:, None]
    new, existing = (torch.log(paint / (1 - bounce * paint) + gloss) for paint in (rho, wall_albedo))
    e = c.contrast[:, None] * (new - existing)
    e = e + c.shading_gain[:, None] * _luminance(e, 2) * c.log_shading[:, None]
    power = light_model.ROLL_OFF_POWER
    clipped = c.photo[:, None].clamp(1e-5, light_model.CLIP_LINEAR)
    light = clipped / (1 - clipped**power) ** (1 / power) * torch.exp(e.clamp_max(8))
    above_clip = (c.photo[:, None] / light_model.CLIP_LINEAR).clamp_min(1)
    return light / (1 + light**power) ** (1 / power) * above_clip


def _luminance(rgb: Tensor, axis: int = 1) -> Tensor:
    weights = torch.tensor(LUMINANCE, dtype=rgb.dtype, device=rgb.device)
    shape = [1] * rgb.ndim
    shape[axis] = 3
    return (rgb * weights.reshape(shape)).sum(axis, keepdim=True)
