"""Training the light model: rendered rooms in, `light_model.safetensors` out.

The loss is the colour difference between the network's repaint and the true one, through the same camera, as an eye
weighs it; and, for the confidence, how far the network's own guess of that difference is off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wallpaint.errors import ConfigError
from wallpaint.imaging import color
from wallpaint.light import model as light_model
from wallpaint.options import option
from wallpaint.train import room_sets
from wallpaint.train.engine.config import LoopConfig, OptimizerConfig, TrackingConfig
from wallpaint.train.engine.evaluation import EvalResult
from wallpaint.train.engine.loop import Losses
from wallpaint.train.engine.schedule import SampleIndex
from wallpaint.train.light import network as light_network
from wallpaint.train.light import samples as light_samples
from wallpaint.train.light import small_rooms as light_rooms
from wallpaint.train.light.network import LightNetwork
from wallpaint.train.light.samples import Sample
from wallpaint.train.light.small_rooms import SmallRoom
from wallpaint.train.room_sets import RoomSet
from wallpaint.typing import Array

REST_WEIGHT = 0.25  # of what lies outside the walls, in the loss
DOUBT_WEIGHT = 0.1  # of the confidence
SURFACES_WEIGHT = 5.0  # of how far the albedo of all that is seen is misjudged, log
LEAST_ALBEDO, DARK = 0.01, 0.004  # below which albedo, or linear light, says little
NUMBERS_NOISE = 0.3  # deviation of the jitter of the standardised numbers
TOLD = 0.4  # share of photos of walls in one paint whose network is told it
EVERY = 2  # rows and columns from one pixel that is judged to the next; all have their turn
PICTURES = ("planes", "photo", "truth", "wall", "rest", "surfaces")  # by name, of a batch
CHECK_STREAM, SAMPLE_STREAM, NUMBER_STREAM = 11, 12, 13
METRIC = "val/ciede2000"


@dataclass(frozen=True)
class NetworkConfig:
    """How large the network is.

    widths: channels a level, finest (half the input's pixels) first. depths: residual blocks a level. room: length of
    the vector that sums up the room. fine: channels at full size.
    """

    widths: tuple[int, ...] = (16, 48, 128, 256)
    depths: tuple[int, ...] = (1, 1, 2, 3)
    room: int = 192
    fine: int = 16


@dataclass(frozen=True)
class LightConfig:
    """A whole recipe. Raises ConfigError that lists everything wrong with it."""

    task: str = option("what to train: light", "light")
    rooms: tuple[RoomSet, ...] = option("sets to learn from", ())
    validation: tuple[RoomSet, ...] = option("sets that it is judged and calibrated on, of the validation split", ())
    small: Path | None = option("folder of the rooms made small; the run's own if not given", None)
    render_workers: int = option("processes that render", 1)
    side: int = option("pixels on the longer side of the network's input", 64)
    paints_per_photo: int = option("new paints that each photo is judged in", 3)
    max_rooms: int = option("0, or how many of the rooms are learnt from, for curves", 0)
    checks: int = option("photos of each validation room", 3)
    seed: int = option("of everything random", 0)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)

    def __post_init__(self) -> None:
        empty = [f"{use} names no set of rooms" for use, sets in self.sets.items() if not sets]
        wrong = [*empty, *room_sets.wrong(self.sets), *self._errors()]
        if wrong:
            raise ConfigError("; ".join(wrong))

    @property
    def sets(self) -> dict[str, tuple[RoomSet, ...]]:
        """By what they are for."""
        return {"rooms": self.rooms, "validation": self.validation}

    def _errors(self) -> Iterator[str]:
        """All but the sets of rooms."""
        least = {"side": 32, "paints_per_photo": 1, "checks": 1, "render_workers": 1, "seed": 0, "max_rooms": 0}
        for name, lowest in least.items():
            if getattr(self, name) < lowest:
                yield f"{name} must be at least {lowest}, not {getattr(self, name)}"
        if self.side % 16:
            yield f"side must be a multiple of 16, not {self.side}"
        network = self.network
        stages = (network.widths, network.depths)
        if any(len(stage) != 4 or not all(type(n) is int and n > 0 for n in stage) for stage in stages):
            yield "network.widths and network.depths should be four whole numbers each, from 1"
        for width in network.widths:
            if type(width) is int and width % light_model.GROUP:
                yield f"network.widths: {width} is no multiple of {light_model.GROUP}"
        if network.room < 1 or network.fine < 1:
            yield "network.room and network.fine must be at least 1"


class LightTask:
    """See `loop.TrainingTask`. A sample is a function of its place in the run alone."""

    def __init__(self, rooms: Sequence[SmallRoom], config: LightConfig) -> None:
        self.rooms, self.config = rooms, config
        numbers = np.stack(
            [self._draw(SampleIndex(i, 0, i % len(rooms)), [1, i]).numbers for i in range(min(300, 3 * len(rooms)))]
        )
        mean, scale = numbers.mean(0), numbers.std(0) + 0.05
        mean[-light_model.HINTS :], scale[-light_model.HINTS :] = 0, 1  # which no photo says
        torch.manual_seed(config.seed)
        self.network: nn.Module = make_network(config.network, torch.tensor(mean), torch.tensor(scale))

    def __len__(self) -> int:
        return len(self.rooms)

    def _draw(self, sample_index: SampleIndex, more: Sequence[int] = ()) -> Sample:
        batch = sample_index.position // self.config.loop.batch_size
        of_batch = np.random.default_rng([self.config.seed, NUMBER_STREAM, batch, *more])
        rng = np.random.default_rng([self.config.seed, SAMPLE_STREAM, sample_index.position, *more])
        size = light_samples.size_of(of_batch, self.config.side) if not more else (self.config.side,) * 2
        return light_samples.make(self.rooms[sample_index.index], rng, size, self.config.paints_per_photo, "train")

    def sample(self, sample_index: SampleIndex) -> dict[str, Any]:
        drawn = self._draw(sample_index)
        rng = np.random.default_rng([self.config.seed, NUMBER_STREAM + 1, sample_index.position])
        jitter = NUMBERS_NOISE * rng.standard_normal(drawn.numbers.shape, np.float32)
        jitter[-light_model.HINTS :] = 0
        told = drawn.told() if rng.random() < TOLD else drawn
        turn = sample_index.position // self.config.loop.batch_size % EVERY**2
        return tensors(told) | {"jitter": torch.from_numpy(jitter), "corner": torch.tensor(divmod(turn, EVERY))}

    def collate(self, samples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        return {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}

    def losses(self, network: nn.Module, batch: Any) -> Losses:
        numbers = batch["numbers"] + batch["jitter"] * self.network.scale
        planes = batch["planes"].contiguous(memory_format=torch.channels_last)
        out, light = network(planes, numbers)
        with torch.autocast(out.device.type, enabled=False):
            row, column = batch["corner"][0].tolist()
            thin = {name: batch[name][..., row::EVERY, column::EVERY] for name in PICTURES}
            out, light = (x.float()[..., row::EVERY, column::EVERY] for x in (out, light))
            return _losses(out, light, batch | thin)


def make_network(config: NetworkConfig, mean: Tensor, scale: Tensor) -> LightNetwork:
    """A fresh network. mean, scale: (F,) float32 of the numbers."""
    made = LightNetwork(config.widths, config.depths, config.room, config.fine, mean.float(), scale.float())
    made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return made


def tensors(sample: Sample) -> dict[str, Tensor]:
    """A sample as `LightTask.losses` takes it, channels first."""
    return {
        "planes": torch.from_numpy(sample.planes.transpose(2, 0, 1).copy()),
        "numbers": torch.from_numpy(sample.numbers),
        "median": torch.from_numpy(sample.median),
        "photo": torch.from_numpy(sample.photo.transpose(2, 0, 1).copy()),
        "albedo": torch.from_numpy(sample.albedo),
        "truth": torch.from_numpy(sample.truth.transpose(0, 3, 1, 2).copy()),
        "wall": torch.from_numpy(sample.wall),
        "rest": torch.from_numpy(sample.rest),
        "surfaces": torch.from_numpy(sample.surfaces.transpose(2, 0, 1).copy()),
        "told_old": torch.from_numpy(sample.old if sample.is_told else np.full_like(sample.old, np.nan)),
    }


def _losses(out: Tensor, light: Tensor, batch: dict[str, Tensor]) -> Losses:
    seen = _interpreted(out, batch)
    painted = light_network.appearance(seen, batch["albedo"])  # [B, M, 3, h, w]
    error = difference(_lab(painted), _lab(_linear(batch["truth"])))  # [B, M, h, w]
    wall, rest = (_mean(error, batch[name][:, None]) for name in ("wall", "rest"))
    typical = error.detach().mean(1)
    doubt = _mean(typical / torch.exp(seen.log_error) + seen.log_error, batch["wall"])
    by_sample = wall.mean(1)
    surfaces = _surfaces_error(light, batch).mean()
    total = by_sample.mean() + REST_WEIGHT * rest.mean() + DOUBT_WEIGHT * doubt.mean() + SURFACES_WEIGHT * surfaces
    terms = {"wall": by_sample.mean().detach(), "rest": rest.mean().detach(), "doubt": doubt.mean().detach()}
    terms["surfaces"] = surfaces.detach()
    return Losses(total, terms, None, by_sample.detach())


def _interpreted(out: Tensor, batch: dict[str, Tensor]) -> light_network.Coefficients:
    mask = batch["planes"][:, 6]
    return light_network.interpret(out, batch["photo"], mask, batch["median"], batch["told_old"])


def _surfaces_error(light: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """(B,): by how much, natural log, the albedo of what is seen is misjudged. light: (B, 3, h, w), log of the light on
    it against the wall's median."""
    photo, albedo = batch["photo"], batch["surfaces"]
    guess = torch.log(photo.clamp_min(DARK) / batch["median"][..., None, None]) - light
    away = (guess - torch.log(albedo.clamp_min(LEAST_ALBEDO))).abs().mean(1)
    known = (albedo.amin(1) > LEAST_ALBEDO) & (photo.amin(1) > DARK) & (photo.amax(1) < light_model.CLIPPED)
    return _mean(away, known.float())


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum((-2, -1)) / (weight.sum((-2, -1)) + 1)


def difference(lab: Tensor, truth: Tensor) -> Tensor:
    """A smooth colour difference near CIEDE2000: CIE94's chroma and hue terms, CIEDE2000's lightness term.

    lab, truth: (..., 3, h, w). Returns (..., h, w).
    """
    delta = lab - truth
    chroma, true_chroma = (torch.sqrt(x[..., 1, :, :] ** 2 + x[..., 2, :, :] ** 2 + 1e-3) for x in (lab, truth))
    of_chroma = chroma - true_chroma
    of_hue = (delta[..., 1, :, :] ** 2 + delta[..., 2, :, :] ** 2 - of_chroma**2).clamp_min(0)
    usual = (chroma * true_chroma).sqrt()
    away = ((lab[..., 0, :, :] + truth[..., 0, :, :]) / 2 - 50) ** 2
    lightness = delta[..., 0, :, :] / (1 + 0.015 * away / torch.sqrt(20 + away))
    square = lightness**2 + (of_chroma / (1 + 0.045 * usual)) ** 2 + of_hue / (1 + 0.015 * usual) ** 2
    return torch.sqrt(square + 0.01)


def _linear(encoded: Tensor) -> Tensor:
    return torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4)


def _lab(rgb: Tensor) -> Tensor:
    """CIELAB of linear sRGB, channels third from last, with gradients."""
    matrix = torch.tensor(np.asarray(color.RGB_TO_XYZ / color.WHITE_XYZ[:, None], np.float32))
    xyz = torch.einsum("ij,...jhw->...ihw", matrix, rgb.clamp(1e-5, 1.5))
    root = torch.exp(torch.log(xyz.clamp_min(1e-3)) / 3)  # a third of the time of a power
    f = torch.where(xyz > 0.008856, root, 7.787 * xyz + 16 / 116)
    x, y, z = f.unbind(-3)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -3)


# -- looking at what it has learnt


class Check:
    """Photos of rooms that are not learned from; see `evaluation.Evaluator`. errors: by room, of the last look."""

    def __init__(self, rooms: Sequence[SmallRoom], config: LightConfig) -> None:
        self.samples: list[Sample] = []
        for index, room in enumerate(rooms):
            for number in range(config.checks):
                rng = np.random.default_rng([CHECK_STREAM, room.seed, number])
                size = light_samples.size_of(rng, config.side)
                self.samples.append(light_samples.make(rooms[index], rng, size, config.paints_per_photo, "validation"))

    def __call__(self, step: int, network: nn.Module) -> EvalResult:
        found = self.measure(network)
        errors, expected = found[:, 0], found[:, 1]
        kinds = np.array([sample.kind for sample in self.samples])
        scalars = {METRIC: float(errors.mean()), "val/median": float(np.median(errors))}
        scalars |= {f"val/{kind}": float(errors[kinds == kind].mean()) for kind in sorted(set(kinds))}
        scalars |= {"val/rest": float(np.nanmean(found[:, 2])), "val/expected": float(expected.mean())}
        scalars["val/rank"] = float(np.corrcoef(_rank(errors), _rank(expected))[0, 1])
        told = self.measure(network, told=True)[kinds == "plain"]
        scalars |= {"val/told": float(told[:, 0].mean()), "val/told_expected": float(told[:, 1].mean())}
        return EvalResult(scalars, {})

    def measure(self, network: nn.Module, *, told: bool = False) -> Array:
        """(N, 4): CIEDE2000 on the wall, what the network expected of it, CIEDE2000 outside, and outside left alone.

        told: the network is told the old paint where there is a single one.
        """
        rows = []
        with torch.no_grad():
            for sample in (each.told() if told else each for each in self.samples):
                batch = {name: value[None] for name, value in tensors(sample).items()}
                out = network(batch["planes"], batch["numbers"])[0].float()
                seen = _interpreted(out, batch)
                painted = light_network.appearance(seen, batch["albedo"])[0].numpy().transpose(0, 2, 3, 1)
                truth = color.linear_to_lab(color.srgb_to_linear(sample.truth))
                error = color.delta_e_2000(color.linear_to_lab(np.clip(painted, 0, 1)), truth)
                left = color.delta_e_2000(color.linear_to_lab(sample.photo)[None], truth)
                wall, rest = sample.wall > 0, sample.rest > 0
                guess = np.exp(seen.log_error[0].numpy())
                outside = (float(e[:, rest].mean()) if rest.any() else float("nan") for e in (error, left))
                if wall.any():
                    rows.append([float(error[:, wall].mean()), float(guess[wall].mean()), *outside])
                else:
                    rows.append([float("nan")] * 4)
        return np.array(rows)


def _rank(values: Array) -> Array:
    return np.argsort(np.argsort(values)).astype(np.float64)


def read_rooms(paths: Sequence[Any]) -> list[SmallRoom]:
    """All of them, in memory."""
    return [light_rooms.read(path) for path in paths]
