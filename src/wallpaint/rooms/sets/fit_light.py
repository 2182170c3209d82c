"""Fit the light statistics on rendered rooms: a regression from image features to the light on the walls.

rooms -> photos with random paints and cameras -> features, and the true colour of the wall in a new paint -> weights
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from wallpaint.errors import InputError
from wallpaint.files import atomic
from wallpaint.imaging import color
from wallpaint.light import statistics
from wallpaint.rooms.sets import pairs, room_file
from wallpaint.typing import Array

if TYPE_CHECKING:
    from torch import Tensor

HIDDEN_SIZES = (40, 20)
STEPS = 700
BATCH_SIZE = 512
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1.0
ENSEMBLE_SIZE = 5  # regressions, each with another validation fold of the rooms
FEATURE_NOISE = 0.3  # standard deviation of the noise on standardized features
EVAL_EVERY = 50


@dataclass(frozen=True, eq=False)
class LightStatisticsSamples:
    """Training samples, one per photo.

    features: (N, F). median: (N, 3) linear sRGB, of the wall in the photo. albedo: (N, 3), of the new paint. truth: (N,
    3) linear sRGB, median of the wall in the new paint. room: (N,) seeds.
    """

    features: Array
    median: Array
    albedo: Array
    truth: Array
    room: Array

    def __len__(self) -> int:
        return len(self.room)

    def subset(self, index: Array) -> LightStatisticsSamples:
        return LightStatisticsSamples(
            self.features[index], self.median[index], self.albedo[index], self.truth[index], self.room[index]
        )


def collect_samples(
    files: Sequence[Path], photos: int, on_progress: Callable[[], None] = lambda: None
) -> LightStatisticsSamples:
    """Collect samples from rendered rooms: `photos` photos of plain walls per room, and those of its wall variants.

    on_progress: called after each room. Raises InputError if no room shows enough wall.
    """
    rows: list[tuple[Array, Array, Array, Array, int]] = []
    for path in files:
        record = room_file.read(path)
        for pair in pairs.sample_pairs(record, photos, seed=7):
            row = _sample_from_pair(pair)
            if row is not None:
                rows.append((*row, record.seed))
        on_progress()
    if not rows:
        raise InputError("none of these rooms shows enough wall for a training sample")
    features, median, albedo, truth = (np.asarray([row[i] for row in rows], np.float32) for i in range(4))
    return LightStatisticsSamples(features, median, albedo, truth, np.array([row[4] for row in rows]))


def _sample_from_pair(pair: pairs.RenderedPair) -> tuple[Array, Array, Array, Array] | None:
    wall = cv2.erode((pair.alpha > 0.99).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if pair.new_albedo is None or wall.sum() < 50:
        return None
    linear = color.srgb_to_linear(pair.photo.astype(np.float32) / 255)
    median = np.median(linear[wall], axis=0)
    truth = np.median(color.srgb_to_linear(pair.target)[wall], axis=0)
    return statistics.photo_features(linear, pair.alpha, median), median, pair.new_albedo, truth


def fit(
    samples: LightStatisticsSamples, seed: int = 0, on_eval: Callable[[int, int, float], None] | None = None
) -> tuple[dict[str, Array], float]:
    """Return weights for `statistics.regress`, and the mean CIELAB distance on validation rooms.

    Each of the ENSEMBLE_SIZE regressions has its own validation fold of rooms, used for early stopping; the outputs of
    all are averaged. on_eval: called with member, step, and validation distance.
    """
    mean, scale = samples.features.mean(0), samples.features.std(0) + 0.05
    rooms = np.random.default_rng(seed).permutation(np.unique(samples.room))
    members, errors = [], []
    for member in range(ENSEMBLE_SIZE):
        is_val = np.isin(samples.room, rooms[member::ENSEMBLE_SIZE])
        train, val = samples.subset(np.flatnonzero(~is_val)), samples.subset(np.flatnonzero(is_val))
        member_on_eval = None if on_eval is None else partial(on_eval, member)
        weights, error = _fit_member(train, val, (mean, scale), seed + member, member_on_eval)
        members.append(weights)
        errors.append(error)
    stacked = {name: np.stack([weights[name] for weights in members]) for name in members[0]}
    return {"mean": mean, "scale": scale, **stacked}, float(np.mean(errors))


def _fit_member(
    train: LightStatisticsSamples,
    val: LightStatisticsSamples,
    normalization: tuple[Array, Array],
    seed: int,
    on_eval: Callable[[int, float], None] | None,
) -> tuple[dict[str, Array], float]:
    import torch

    constants = {"mean": torch.tensor(normalization[0]), "scale": torch.tensor(normalization[1])}
    params = {name: tensor.requires_grad_(True) for name, tensor in _init_params(train, seed).items()}
    optimizer = torch.optim.AdamW(params.values(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    generator = torch.Generator().manual_seed(seed)
    best_error, best_params = np.inf, {name: t.detach().numpy().copy() for name, t in params.items()}
    for step in range(STEPS):
        index = torch.randint(len(train), (BATCH_SIZE,), generator=generator).numpy()
        distance, log_expected_error = _lab_distance(
            {**constants, **params}, train.subset(index), FEATURE_NOISE, generator
        )
        loss = torch.nn.functional.huber_loss(distance, torch.zeros_like(distance), delta=12.0)
        loss = loss + 0.5 * torch.nn.functional.l1_loss(torch.exp(log_expected_error), distance.detach())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        scheduler.step()
        if step % EVAL_EVERY == EVAL_EVERY - 1:
            with torch.no_grad():
                error = float(_lab_distance({**constants, **params}, val, 0.0, generator)[0].mean())
            if error < best_error:
                best_error, best_params = error, {name: t.detach().numpy().copy() for name, t in params.items()}
            if on_eval is not None:
                on_eval(step + 1, error)
    return best_params, best_error


def save(weights: dict[str, Array], path: Path) -> None:
    """Save the weights as float32, atomically."""
    output = io.BytesIO()
    arrays: dict[str, Any] = {name: values.astype(np.float32) for name, values in sorted(weights.items())}
    np.savez(output, **arrays)
    atomic.put(path, output.getvalue())


def _init_params(train: LightStatisticsSamples, seed: int) -> dict[str, Tensor]:
    import torch

    generator = torch.Generator().manual_seed(seed + 1)
    features = train.features.shape[1]
    hidden1, hidden2 = HIDDEN_SIZES

    def randn(rows: int, columns: int, std: float) -> torch.Tensor:
        return torch.randn(rows, columns, generator=generator) * std

    output_bias = torch.tensor([-0.7, 0.0, 0.0, -0.5, 0.0, -1.0, 2.0])  # average light
    return {
        "w0": randn(features, 7, 1e-3),
        "w1": randn(features, hidden1, features**-0.5),
        "b1": torch.zeros(hidden1),
        "w2": randn(hidden1, hidden2, hidden1**-0.5),
        "b2": torch.zeros(hidden2),
        "w3": randn(hidden2, 7, 1e-2),
        "b3": output_bias,
    }


def _lab_distance(
    tensors: dict[str, Tensor], samples: LightStatisticsSamples, noise: float, generator: Any
) -> tuple[Tensor, Tensor]:
    """Return the CIELAB distance between predicted and true wall colour, (N,), and the predicted log error, (N,)."""
    import torch

    from wallpaint.imaging.color_torch import linear_to_lab

    features = torch.from_numpy(samples.features)
    x = ((features - tensors["mean"]) / tensors["scale"]).clamp(-4, 4)
    if noise:
        x = x + noise * torch.randn(x.shape, generator=generator)
    hidden = torch.tanh(x @ tensors["w1"] + tensors["b1"])
    hidden = torch.tanh(hidden @ tensors["w2"] + tensors["b2"])
    output = x @ tensors["w0"] + hidden @ tensors["w3"] + tensors["b3"]
    median = torch.from_numpy(samples.median).clamp_min(1e-4)
    albedo = torch.from_numpy(samples.albedo)
    tint = torch.stack([output[:, 1], torch.zeros_like(output[:, 1]), output[:, 2]], -1)
    white = torch.exp((output[:, :1] + tint).clamp(-6, 2))
    white = torch.maximum(white, median / statistics.MAX_ALBEDO)
    white = torch.minimum(white, median / statistics.MIN_ALBEDO)
    bounce = statistics.MAX_BOUNCE * torch.sigmoid(output[:, 3:4])
    low, high = statistics.CONTRAST_RANGE
    contrast = low + (high - low) * torch.sigmoid(output[:, 4:5])
    old = median / white
    gloss = statistics.MAX_GLOSS * torch.sigmoid(output[:, 5:6])
    ratio = (albedo / (1 - bounce * albedo) + gloss) / (old / (1 - bounce * old) + gloss)
    predicted = median * torch.exp(contrast * torch.log(ratio.clamp_min(1e-4)))
    predicted = predicted / (1 + predicted**6) ** (1 / 6)
    predicted_lab, true_lab = (
        linear_to_lab(rgb.clamp_min(1e-5)) for rgb in (predicted, torch.from_numpy(samples.truth))
    )
    return torch.linalg.norm(predicted_lab - true_lab, dim=-1), output[:, 6].clamp(-1, 4)
