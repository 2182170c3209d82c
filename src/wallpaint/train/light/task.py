"""Training of the light model on rendered rooms.

The loss is the perceptual colour difference between the network's repaint and the ground truth, through the same
camera. Auxiliary terms train the expected error, and the light on all visible surfaces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from wallpaint.imaging import color
from wallpaint.imaging.color_torch import linear_to_lab, srgb_to_linear
from wallpaint.light import model as light_model
from wallpaint.options import field_errors, option
from wallpaint.train.engine.evaluation import EvalResult
from wallpaint.train.engine.loop import Losses
from wallpaint.train.engine.schedule import SampleIndex
from wallpaint.train.light import network as light_network
from wallpaint.train.light import room_cache
from wallpaint.train.light import samples as light_samples
from wallpaint.train.light.network import LightNetwork
from wallpaint.train.light.room_cache import CachedRoom
from wallpaint.train.light.samples import LightTrainingSample
from wallpaint.train.room_sets import RoomTrainingConfig
from wallpaint.typing import Array

REST_WEIGHT = 0.25  # of the loss outside the walls
EXPECTED_ERROR_WEIGHT = 0.1
SURFACES_WEIGHT = 5.0  # of the log albedo error of all visible surfaces
MIN_ALBEDO, MIN_LIGHT = 0.01, 0.004  # below which albedo, or linear light, is excluded from the surface loss
FEATURE_NOISE = 0.3  # standard deviation of the jitter of the standardised features
HINT_SHARE = 0.4  # share of photos of uniform walls whose albedo is an input of the network
LOSS_LIGHT = (1e-5, 1.5)  # linear light that predictions are clamped to in the loss
LOSS_STRIDE = 2  # the loss uses every second row and column, with an offset that changes every step
STRIDED_KEYS = ("planes", "photo", "truth", "wall", "rest", "surfaces")  # images of a batch
EVAL_STREAM, SAMPLE_STREAM, NUMBER_STREAM = 11, 12, 13  # of random numbers
METRIC = "val/ciede2000"


@dataclass(frozen=True)
class LightNetworkConfig:
    """Size of the light model's network."""

    widths: tuple[int, ...] = option(
        "channels per level, finest (half the input's resolution) first", (16, 48, 128, 256), ge=1, length=4
    )
    depths: tuple[int, ...] = option("residual blocks per level", (1, 1, 2, 3), ge=1, length=4)
    global_channels: int = option("length of the pooled vector", 192, ge=1)
    full_res_channels: int = option("channels at full resolution", 16, ge=1)


@dataclass(frozen=True)
class LightConfig(RoomTrainingConfig):
    """The recipe of a light model. Raises ConfigError that lists all errors."""

    task: str = option("what to train: light", "light")
    room_cache: Path | None = option("folder of downsampled rooms; in the run folder if not given", None)
    side: int = option("pixels on the longer side of the network's input", 64, ge=32)
    paints_per_photo: int = option("new paints per photo in the loss", 3, ge=1)
    photos_per_validation_room: int = option("photos of each validation room", 3, ge=1)
    network: LightNetworkConfig = field(default_factory=LightNetworkConfig)

    REQUIRED_SETS: ClassVar[tuple[str, ...]] = ("rooms", "validation")

    def _errors(self) -> Iterator[str]:
        yield from super()._errors()
        yield from field_errors(self.network, "network.")
        if self.side % 16:
            yield f"`side` must be a multiple of 16, not {self.side}"
        for width in self.network.widths:
            if type(width) is int and width % light_network.GROUP:
                yield f"`network.widths`: {width} is not a multiple of {light_network.GROUP}"


class LightTask:
    """See `loop.TrainingTask`. A sample is a function of its index alone."""

    def __init__(self, rooms: Sequence[CachedRoom], config: LightConfig) -> None:
        self.rooms, self.config = rooms, config
        count = min(300, 3 * len(rooms))
        features = np.stack(
            [self._make_sample(SampleIndex(i, 0, i % len(rooms)), [1, i]).features for i in range(count)]
        )
        mean, scale = features.mean(0), features.std(0) + 0.05
        mean[-light_model.HINT_FEATURES :], scale[-light_model.HINT_FEATURES :] = 0, 1  # zero in these samples
        torch.manual_seed(config.seed)
        self.network: nn.Module = make_network(config.network, torch.tensor(mean), torch.tensor(scale))

    def __len__(self) -> int:
        return len(self.rooms)

    def _make_sample(self, sample_index: SampleIndex, extra_seed: Sequence[int] = ()) -> LightTrainingSample:
        """Make the sample of an index. extra_seed: for samples of a fixed size outside training."""
        position = sample_index.position
        batch = position // self.config.loop.batch_size
        batch_rng = np.random.default_rng([self.config.seed, NUMBER_STREAM, batch, *extra_seed])
        rng = np.random.default_rng([self.config.seed, SAMPLE_STREAM, position, *extra_seed])
        is_training = not extra_seed
        size = light_samples.sample_size(batch_rng, self.config.side) if is_training else (self.config.side,) * 2
        room = self.rooms[sample_index.index]
        return light_samples.make_sample(room, rng, size, self.config.paints_per_photo, "train")

    def sample(self, sample_index: SampleIndex) -> dict[str, Any]:
        sample = self._make_sample(sample_index)
        rng = np.random.default_rng([self.config.seed, NUMBER_STREAM + 1, sample_index.position])
        jitter = FEATURE_NOISE * rng.standard_normal(sample.features.shape, np.float32)
        jitter[-light_model.HINT_FEATURES :] = 0
        hinted = sample.with_albedo_hint() if rng.random() < HINT_SHARE else sample
        offset = sample_index.position // self.config.loop.batch_size % LOSS_STRIDE**2
        return to_tensors(hinted) | {
            "jitter": torch.from_numpy(jitter),
            "offset": torch.tensor(divmod(offset, LOSS_STRIDE)),
        }

    def collate(self, samples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        return {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}

    def losses(self, network: nn.Module, batch: Any) -> Losses:
        features = batch["features"] + batch["jitter"] * self.network.scale
        planes = batch["planes"].contiguous(memory_format=torch.channels_last)
        outputs, light = network(planes, features)
        with torch.autocast(outputs.device.type, enabled=False):
            row, column = batch["offset"][0].tolist()
            strided = {name: batch[name][..., row::LOSS_STRIDE, column::LOSS_STRIDE] for name in STRIDED_KEYS}
            outputs, light = (x.float()[..., row::LOSS_STRIDE, column::LOSS_STRIDE] for x in (outputs, light))
            return _losses(outputs, light, batch | strided)


def make_network(config: LightNetworkConfig, mean: Tensor, scale: Tensor) -> LightNetwork:
    """Create a network with random weights. mean, scale: (F,) float32 of the features."""
    network = LightNetwork(
        config.widths, config.depths, config.global_channels, config.full_res_channels, mean.float(), scale.float()
    )
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def to_tensors(sample: LightTrainingSample) -> dict[str, Tensor]:
    """Return a sample as `LightTask.losses` takes it, channels first."""
    known_albedo = sample.wall_albedo if sample.has_albedo_hint else np.full_like(sample.wall_albedo, np.nan)
    return {
        "planes": torch.from_numpy(sample.planes.transpose(2, 0, 1).copy()),
        "features": torch.from_numpy(sample.features),
        "median": torch.from_numpy(sample.median),
        "photo": torch.from_numpy(sample.photo.transpose(2, 0, 1).copy()),
        "albedo": torch.from_numpy(sample.albedo),
        "truth": torch.from_numpy(sample.truth.transpose(0, 3, 1, 2).copy()),
        "wall": torch.from_numpy(sample.wall),
        "rest": torch.from_numpy(sample.rest),
        "surfaces": torch.from_numpy(sample.surfaces.transpose(2, 0, 1).copy()),
        "known_albedo": torch.from_numpy(known_albedo),
    }


def _losses(outputs: Tensor, light: Tensor, batch: dict[str, Tensor]) -> Losses:
    prediction = _interpret(outputs, batch)
    painted = light_network.appearance(prediction, batch["albedo"])  # [B, M, 3, h, w]
    painted_lab = linear_to_lab(painted.clamp(*LOSS_LIGHT), dim=-3)
    error = difference(painted_lab, linear_to_lab(srgb_to_linear(batch["truth"]), dim=-3))  # [B, M, h, w]
    wall, rest = (_weighted_mean(error, batch[name][:, None]) for name in ("wall", "rest"))
    mean_error = error.detach().mean(1)
    # The negative log likelihood of an exponential distribution with the expected error as its mean.
    likelihood = mean_error / torch.exp(prediction.log_error) + prediction.log_error
    expected = _weighted_mean(likelihood, batch["wall"])
    by_sample = wall.mean(1)
    surfaces = _surface_error(light, batch).mean()
    total = by_sample.mean() + REST_WEIGHT * rest.mean()
    total = total + EXPECTED_ERROR_WEIGHT * expected.mean() + SURFACES_WEIGHT * surfaces
    terms = {"wall": by_sample.mean(), "rest": rest.mean(), "expected_error": expected.mean(), "surfaces": surfaces}
    return Losses(total, {name: value.detach() for name, value in terms.items()}, None, by_sample.detach())


def _interpret(outputs: Tensor, batch: dict[str, Tensor]) -> light_network.TorchCoefficients:
    mask = batch["planes"][:, 6]
    return light_network.interpret(outputs, batch["photo"], mask, batch["median"], batch["known_albedo"])


def _surface_error(light: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Return the mean absolute error of the log albedo of visible surfaces, (B,).

    light: (B, 3, h, w), predicted log of the incident light relative to the wall's median.
    """
    photo, albedo = batch["photo"], batch["surfaces"]
    log_albedo = torch.log(photo.clamp_min(MIN_LIGHT) / batch["median"][..., None, None]) - light
    error = (log_albedo - torch.log(albedo.clamp_min(MIN_ALBEDO))).abs().mean(1)
    known = (albedo.amin(1) > MIN_ALBEDO) & (photo.amin(1) > MIN_LIGHT) & (photo.amax(1) < light_model.CLIP_CHANNEL)
    return _weighted_mean(error, known.float())


def _weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum((-2, -1)) / (weight.sum((-2, -1)) + 1)


def difference(lab: Tensor, truth: Tensor) -> Tensor:
    """Return a differentiable approximation of CIEDE2000: CIE94's chroma and hue terms, CIEDE2000's lightness term.

    lab, truth: (..., 3, h, w). Returns (..., h, w).
    """
    delta = lab - truth
    chroma, true_chroma = (torch.sqrt(x[..., 1, :, :] ** 2 + x[..., 2, :, :] ** 2 + 1e-3) for x in (lab, truth))
    delta_chroma = chroma - true_chroma
    delta_hue_squared = (delta[..., 1, :, :] ** 2 + delta[..., 2, :, :] ** 2 - delta_chroma**2).clamp_min(0)
    mean_chroma = (chroma * true_chroma).sqrt()
    offset = ((lab[..., 0, :, :] + truth[..., 0, :, :]) / 2 - 50) ** 2
    lightness = delta[..., 0, :, :] / (1 + 0.015 * offset / torch.sqrt(20 + offset))
    square = (
        lightness**2
        + (delta_chroma / (1 + 0.045 * mean_chroma)) ** 2
        + delta_hue_squared / (1 + 0.015 * mean_chroma) ** 2
    )
    return torch.sqrt(square + 0.01)


# -- evaluation


class LightEvaluator:
    """Evaluates the network on photos of validation rooms; see `evaluation.Evaluator`."""

    def __init__(self, rooms: Sequence[CachedRoom], config: LightConfig) -> None:
        self.samples: list[LightTrainingSample] = []
        for room in rooms:
            for number in range(config.photos_per_validation_room):
                rng = np.random.default_rng([EVAL_STREAM, room.seed, number])
                size = light_samples.sample_size(rng, config.side)
                sample = light_samples.make_sample(room, rng, size, config.paints_per_photo, "validation")
                self.samples.append(sample)

    def __call__(self, step: int, network: nn.Module) -> EvalResult:
        measured = self.measure(network)
        errors, expected = measured[:, 0], measured[:, 1]
        wall_types = np.array([sample.wall_type for sample in self.samples])
        scalars = {METRIC: float(errors.mean()), "val/median": float(np.median(errors))}
        scalars |= {f"val/{name}": float(errors[wall_types == name].mean()) for name in sorted(set(wall_types))}
        scalars |= {"val/rest": float(np.nanmean(measured[:, 2])), "val/expected": float(expected.mean())}
        scalars["val/rank"] = float(np.corrcoef(_rank(errors), _rank(expected))[0, 1])
        hinted = self.measure(network, with_albedo_hint=True)[wall_types == "plain"]
        scalars["val/known_albedo"] = float(hinted[:, 0].mean())
        scalars["val/known_albedo_expected"] = float(hinted[:, 1].mean())
        return EvalResult(scalars, {})

    def measure(self, network: nn.Module, *, with_albedo_hint: bool = False) -> Array:
        """Return errors by sample, (N, 4): CIEDE2000 on the wall, its expected value, CIEDE2000 outside, and outside
        without any change.

        with_albedo_hint: pass the existing wall's albedo to the network where it is uniform.
        """
        rows = []
        with torch.no_grad():
            for sample in (each.with_albedo_hint() if with_albedo_hint else each for each in self.samples):
                batch = {name: value[None] for name, value in to_tensors(sample).items()}
                outputs = network(batch["planes"], batch["features"])[0].float()
                prediction = _interpret(outputs, batch)
                painted = light_network.appearance(prediction, batch["albedo"])[0].numpy().transpose(0, 2, 3, 1)
                truth = color.linear_to_lab(color.srgb_to_linear(sample.truth))
                error = color.delta_e_2000(color.linear_to_lab(np.clip(painted, 0, 1)), truth)
                unchanged = color.delta_e_2000(color.linear_to_lab(sample.photo)[None], truth)
                wall, rest = sample.wall > 0, sample.rest > 0
                expected = np.exp(prediction.log_error[0].numpy())
                outside = (float(e[:, rest].mean()) if rest.any() else float("nan") for e in (error, unchanged))
                if wall.any():
                    rows.append([float(error[:, wall].mean()), float(expected[wall].mean()), *outside])
                else:
                    rows.append([float("nan")] * 4)
        return np.array(rows)


def _rank(values: Array) -> Array:
    return np.argsort(np.argsort(values)).astype(np.float64)


def read_rooms(paths: Sequence[Path]) -> list[CachedRoom]:
    """Read cached rooms into memory."""
    return [room_cache.read(path) for path in paths]
