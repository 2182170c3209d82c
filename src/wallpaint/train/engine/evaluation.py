"""Evaluation during training, without side effects on the run; and the best weights so far.

run/samples/step_00000200.png   images of one evaluation, as a contact sheet
run/best/step_00000200/         weights of the best evaluation by `loop.best_metric`, as a checkpoint
"""

from __future__ import annotations

import contextlib
import io
import math
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from wallpaint.errors import ConfigError
from wallpaint.files import atomic
from wallpaint.train.engine import checkpoint
from wallpaint.train.engine.schedule import stream_seed
from wallpaint.typing import Array

SAMPLES_DIR, BEST_DIR = "samples", "best"
_WEIGHT_PREFIX = "weight/"
_EVAL_STREAM = 4  # see `schedule.stream_seed`; noise and dropout of the samples are other streams


@dataclass(frozen=True)
class EvalResult:
    """Result of one evaluation. scalars: by name, such as "val/swatch". images: by name, (H, W, 3) uint8 sRGB."""

    scalars: Mapping[str, float]
    images: Mapping[str, Array]


Evaluator: TypeAlias = Callable[[int, nn.Module], EvalResult]
"""Evaluates a network. Arguments: updates done so far, and the network in eval mode."""


def evaluate(
    evaluator: Evaluator,
    step: int,
    network: nn.Module,
    trained: Mapping[str, nn.Parameter],
    ema: Mapping[str, Tensor],
    seed: int,
) -> EvalResult:
    """Evaluate a network in eval mode, with the EMA weights if there are any. Restores weights and random state.

    The global random generators are seeded by seed and step, so a repeated evaluation gives the same result.
    """
    random_state = _seeded_random_state(stream_seed(seed, step, _EVAL_STREAM))
    with torch.no_grad(), random_state, _eval_mode(network, trained, ema):
        return evaluator(step, network)


@contextlib.contextmanager
def _seeded_random_state(seed: int) -> Iterator[None]:
    """Seed the global generators of Python, NumPy and torch, and restore their state at the end."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002


@contextlib.contextmanager
def _eval_mode(network: nn.Module, trained: Mapping[str, nn.Parameter], ema: Mapping[str, Tensor]) -> Iterator[None]:
    """Put a network into eval mode with EMA weights, and restore both at the end."""
    modes = [(module, module.training) for module in network.modules()]
    before = {name: trained[name].detach().clone() for name in ema}
    try:
        network.eval()
        for name, value in ema.items():
            trained[name].copy_(value)
        yield
    finally:
        for name, value in before.items():
            trained[name].copy_(value)
        for module, mode in modes:
            module.training = mode


def write_contact_sheet(folder: Path, step: int, images: Mapping[str, Array]) -> Path | None:
    """Write all images of an evaluation with their names as one PNG; None if there are none."""
    if not images:
        return None
    from PIL import Image

    from wallpaint.imaging.contact_sheet import PAPER, contact_sheet

    size = (max(p.shape[1] for p in images.values()), max(p.shape[0] for p in images.values()))
    cells = []
    for name, image in images.items():
        cell = Image.new("RGB", size, PAPER)
        cell.paste(Image.fromarray(image))
        cells.append((name, cell, None))
    data = io.BytesIO()
    contact_sheet(cells).save(data, "PNG")
    path = folder / SAMPLES_DIR / f"step_{step:08d}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.put(path, data.getvalue(), durable=False)
    return path


# -- the best weights


@dataclass(frozen=True)
class BestWeights:
    """Weights of the best evaluation so far. value: of the metric, as measured. weights: of trained parameters, by
    name."""

    step: int
    value: float
    weights: Mapping[str, Tensor]


def read_best(folder: Path, metric: str, digest: str) -> BestWeights | None:
    """Read the best weights from a run folder; None unless they were saved with this metric and config digest."""
    saved, _ = checkpoint.latest(folder / BEST_DIR)
    if not metric or saved is None or (saved.state["best"], saved.state["digest"]) != (metric, digest):
        return None
    weights = {name.removeprefix(_WEIGHT_PREFIX): value for name, value in saved.tensors().items()}
    return BestWeights(saved.step, float(saved.state["value"]), weights)


def update_best(
    folder: Path, metric: str, digest: str, result: EvalResult, step: int, weights: Mapping[str, Tensor]
) -> None:
    """Save the weights of an evaluation if its metric is better than all before.

    metric: name of the scalar, lower is better; with a minus sign in front, higher is better. The state is in the
    folder alone, so a killed and resumed run ends with the same best weights. An evaluation in which the metric is NaN
    or missing is skipped. Raises ConfigError if it is missing and there is no earlier value.
    """
    name = metric.removeprefix("-")
    best_so_far = read_best(folder, metric, digest)
    if name not in result.scalars and best_so_far is None:
        known = ", ".join(result.scalars) or "none"
        raise ConfigError(f"loop.best_metric {name} is not among the metrics of the evaluation: {known}")
    value, sign = float(result.scalars.get(name, math.nan)), -1 if metric.startswith("-") else 1
    if math.isnan(value) or (best_so_far is not None and not sign * value < sign * best_so_far.value):
        return
    tensors = {f"{_WEIGHT_PREFIX}{key}": tensor for key, tensor in weights.items()}
    state = {"best": metric, "digest": digest, "value": value}
    checkpoint.save(folder / BEST_DIR, step, tensors, state, keep=1)


def remove_best(folder: Path) -> None:
    """Remove the best weights of an earlier run."""
    shutil.rmtree(folder / BEST_DIR, ignore_errors=True)
