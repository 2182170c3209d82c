"""Fit `light_statistics` on rendered rooms: how a photo's numbers tell the light on its walls.

rooms -> photos in many paints and cameras -> their numbers, and the true colour of the wall in a new paint -> weights
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

HIDDEN = (40, 20)
STEPS = 700
BATCH = 512
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1.0
MEMBERS = 5  # regressions, each fitted without another share of the rooms
NOISE = 0.3  # deviation of the jitter of the (standardised) numbers
CHECKED_EVERY = 50


@dataclass(frozen=True, eq=False)
class Examples:
    """numbers: (N, F). median: (N, 3) linear sRGB of the wall in the photo. albedo: (N, 3) of the new paint. truth:
    (N, 3) linear sRGB of the wall in the new paint. room: (N,) seeds."""

    numbers: Array
    median: Array
    albedo: Array
    truth: Array
    room: Array

    def __len__(self) -> int:
        return len(self.room)

    def take(self, index: Array) -> Examples:
        return Examples(
            self.numbers[index], self.median[index], self.albedo[index], self.truth[index], self.room[index]
        )


def gather(files: Sequence[Path], photos: int, step: Callable[[], None] = lambda: None) -> Examples:
    """Examples from rendered rooms, `photos` photos of plain walls a room and what its dressings add."""
    rows: list[tuple[Array, Array, Array, Array, int]] = []
    for path in files:
        record = room_file.read(path)
        for pair in pairs.pairs_of(record, photos, seed=7):
            row = _example(pair)
            if row is not None:
                rows.append((*row, record.seed))
        step()
    if not rows:
        raise InputError("none of these rooms shows enough wall to learn from")
    numbers, median, albedo, truth = (np.asarray([row[i] for row in rows], np.float32) for i in range(4))
    return Examples(numbers, median, albedo, truth, np.array([row[4] for row in rows]))


def _example(pair: pairs.Pair) -> tuple[Array, Array, Array, Array] | None:
    core = cv2.erode((pair.alpha > 0.99).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if pair.new_albedo is None or core.sum() < 50:
        return None
    linear = color.srgb_to_linear(pair.photo.astype(np.float32) / 255)
    median = np.median(linear[core], axis=0)
    truth = np.median(color.srgb_to_linear(pair.target)[core], axis=0)
    return statistics.describe(linear, pair.alpha, median), median, pair.new_albedo, truth


def fit(
    examples: Examples, seed: int = 0, report: Callable[[int, int, float], None] | None = None
) -> tuple[dict[str, Array], float]:
    """Weights for `light_statistics.regress`, and the mean CIELAB distance on rooms that were not fitted on.

    Each of `MEMBERS` regressions leaves out another share of the rooms, which chooses when to stop; the file holds all
    of them, and their outputs are averaged. report: called with member, step, and the distance on the rooms left out.
    """
    mean, scale = examples.numbers.mean(0), examples.numbers.std(0) + 0.05
    rooms = np.random.default_rng(seed).permutation(np.unique(examples.room))
    members, errors = [], []
    for member in range(MEMBERS):
        held = np.isin(examples.room, rooms[member::MEMBERS])
        train, check = examples.take(np.flatnonzero(~held)), examples.take(np.flatnonzero(held))
        watch = None if report is None else partial(report, member)
        weights, error = _fit_one(train, check, (mean, scale), seed + member, watch)
        members.append(weights)
        errors.append(error)
    stacked = {name: np.stack([weights[name] for weights in members]) for name in members[0]}
    return {"mean": mean, "scale": scale, **stacked}, float(np.mean(errors))


def _fit_one(
    train: Examples,
    check: Examples,
    standard: tuple[Array, Array],
    seed: int,
    report: Callable[[int, float], None] | None,
) -> tuple[dict[str, Array], float]:
    import torch

    fixed = {"mean": torch.tensor(standard[0]), "scale": torch.tensor(standard[1])}
    learned = {name: tensor.requires_grad_(True) for name, tensor in _start(train, seed).items()}
    optimiser = torch.optim.AdamW(learned.values(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    draw = torch.Generator().manual_seed(seed)
    best, kept = np.inf, {name: t.detach().numpy().copy() for name, t in learned.items()}
    for number in range(STEPS):
        index = torch.randint(len(train), (BATCH,), generator=draw).numpy()
        distance, expected = _distance({**fixed, **learned}, train.take(index), NOISE, draw)
        loss = torch.nn.functional.huber_loss(distance, torch.zeros_like(distance), delta=12.0)
        loss = loss + 0.5 * torch.nn.functional.l1_loss(torch.exp(expected), distance.detach())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if number % CHECKED_EVERY == CHECKED_EVERY - 1:
            with torch.no_grad():
                error = float(_distance({**fixed, **learned}, check, 0.0, draw)[0].mean())
            if error < best:
                best, kept = error, {name: t.detach().numpy().copy() for name, t in learned.items()}
            if report is not None:
                report(number + 1, error)
    return kept, best


def save(weights: dict[str, Array], path: Path) -> None:
    """Write the weights as float32, whole or not at all."""
    out = io.BytesIO()
    arrays: dict[str, Any] = {name: values.astype(np.float32) for name, values in sorted(weights.items())}
    np.savez(out, **arrays)
    atomic.put(path, out.getvalue())


def _start(train: Examples, seed: int) -> dict[str, Tensor]:
    import torch

    draw = torch.Generator().manual_seed(seed + 1)
    features = train.numbers.shape[1]
    one, two = HIDDEN

    def some(rows: int, columns: int, size: float) -> torch.Tensor:
        return torch.randn(rows, columns, generator=draw) * size

    first = torch.tensor([-0.7, 0.0, 0.0, -0.5, 0.0, -1.0, 2.0])  # a room of average light
    return {
        "w0": some(features, 7, 1e-3),
        "w1": some(features, one, features**-0.5),
        "b1": torch.zeros(one),
        "w2": some(one, two, one**-0.5),
        "b2": torch.zeros(two),
        "w3": some(two, 7, 1e-2),
        "b3": first,
    }


def _distance(tensors: dict[str, Tensor], examples: Examples, noise: float, draw: Any) -> tuple[Tensor, Tensor]:
    """CIELAB distance between the predicted and the true wall, (N,), and the log of the error that was expected."""
    import torch

    numbers = torch.from_numpy(examples.numbers)
    x = ((numbers - tensors["mean"]) / tensors["scale"]).clamp(-4, 4)
    if noise:
        x = x + noise * torch.randn(x.shape, generator=draw)
    hidden = torch.tanh(x @ tensors["w1"] + tensors["b1"])
    hidden = torch.tanh(hidden @ tensors["w2"] + tensors["b2"])
    out = x @ tensors["w0"] + hidden @ tensors["w3"] + tensors["b3"]
    median = torch.from_numpy(examples.median).clamp_min(1e-4)
    albedo = torch.from_numpy(examples.albedo)
    tint = torch.stack([out[:, 1], torch.zeros_like(out[:, 1]), out[:, 2]], -1)
    white = torch.exp((out[:, :1] + tint).clamp(-6, 2))
    white = torch.maximum(white, median / statistics.BRIGHTEST_ALBEDO)
    white = torch.minimum(white, median / statistics.DARKEST_ALBEDO)
    bounce = statistics.MOST_BOUNCE * torch.sigmoid(out[:, 3:4])
    low, high = statistics.CONTRASTS
    contrast = low + (high - low) * torch.sigmoid(out[:, 4:5])
    old = median / white
    gloss = statistics.MOST_GLOSS * torch.sigmoid(out[:, 5:6])
    ratio = (albedo / (1 - bounce * albedo) + gloss) / (old / (1 - bounce * old) + gloss)
    shown = median * torch.exp(contrast * torch.log(ratio.clamp_min(1e-4)))
    shown = shown / (1 + shown**6) ** (1 / 6)
    return torch.linalg.norm(_lab(shown) - _lab(torch.from_numpy(examples.truth)), dim=-1), out[:, 6].clamp(-1, 4)


def _lab(rgb: Tensor) -> Tensor:
    """CIELAB of linear sRGB, with gradients."""
    import torch

    matrix = torch.tensor(np.asarray(color.RGB_TO_XYZ / color.WHITE_XYZ[:, None], np.float32))
    xyz = rgb.clamp_min(1e-5) @ matrix.T
    f = torch.where(xyz > 0.008856, xyz.clamp_min(1e-6) ** (1 / 3), 7.787 * xyz + 16 / 116)
    return torch.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], -1)
