"""Looking at what is learnt while it is learnt, without leaving a trace in it; and the best weights so far.

run/samples/step_00000200.png   the pictures of one look, on a sheet
run/best/step_00000200/         weights of the look that was best by `loop.best`, as a checkpoint
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
from wallpaint.train.engine.schedule import seed_of
from wallpaint.typing import Array

SAMPLES, BEST = "samples", "best"
_WEIGHT = "weight/"
_LOOKS = 4  # see `schedule.seed_of`: noise and dropout of the samples are other streams


@dataclass(frozen=True)
class Seen:
    """What a look found. scalars: by name, such as "val/swatch". pictures: by name, (H, W, 3) uint8 sRGB."""

    scalars: Mapping[str, float]
    pictures: Mapping[str, Array]


Watch: TypeAlias = Callable[[int, nn.Module], Seen]
"""Updates done so far, and the network, in eval mode."""


def look(
    watch: Watch,
    step: int,
    network: nn.Module,
    trained: Mapping[str, nn.Parameter],
    average: Mapping[str, Tensor],
    seed: int,
) -> Seen:
    """Look at a network with the moving average's weights, where there is one. Leaves everything as it was.

    Global random numbers are, for the time of the look, a function of seed and step, so that a look that is taken again
    sees the same.
    """
    with torch.no_grad(), _own_random_numbers(seed_of(seed, step, _LOOKS)), _set_up(network, trained, average):
        return watch(step, network)


@contextlib.contextmanager
def _own_random_numbers(seed: int) -> Iterator[None]:
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
def _set_up(network: nn.Module, trained: Mapping[str, nn.Parameter], average: Mapping[str, Tensor]) -> Iterator[None]:
    modes = [(module, module.training) for module in network.modules()]
    before = {name: trained[name].detach().clone() for name in average}
    try:
        network.eval()
        for name, value in average.items():
            trained[name].copy_(value)
        yield
    finally:
        for name, value in before.items():
            trained[name].copy_(value)
        for module, mode in modes:
            module.training = mode


def write_sheet(folder: Path, step: int, pictures: Mapping[str, Array]) -> Path | None:
    """All pictures of a look with their names, as one file; None where there are none."""
    if not pictures:
        return None
    from PIL import Image

    from wallpaint.imaging.contact_sheet import PAPER, contact_sheet

    size = (max(p.shape[1] for p in pictures.values()), max(p.shape[0] for p in pictures.values()))
    cells = []
    for name, picture in pictures.items():
        cell = Image.new("RGB", size, PAPER)
        cell.paste(Image.fromarray(picture))
        cells.append((name, cell, None))
    data = io.BytesIO()
    contact_sheet(cells).save(data, "PNG")
    path = folder / SAMPLES / f"step_{step:08d}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.put(path, data.getvalue(), durable=False)
    return path


# -- the best weights


@dataclass(frozen=True)
class Best:
    """The best look so far. value: the number that it was best by, as it was measured. weights: trained, by name."""

    step: int
    value: float
    weights: Mapping[str, Tensor]


def best(folder: Path, wanted: str, digest: str) -> Best | None:
    """The best look that a run's folder holds. wanted, digest: as when it was kept, or it is not the run's."""
    found, _ = checkpoint.latest(folder / BEST)
    if not wanted or found is None or (found.state["best"], found.state["digest"]) != (wanted, digest):
        return None
    weights = {name.removeprefix(_WEIGHT): value for name, value in found.tensors().items()}
    return Best(found.step, float(found.state["value"]), weights)


def keep_best(folder: Path, wanted: str, digest: str, seen: Seen, step: int, weights: Mapping[str, Tensor]) -> None:
    """Keep a look's weights if none before was as good.

    wanted: name of the scalar, of which the least is best; after a minus sign the largest. The record lies in the
    folder alone, so a run that is killed and goes on takes the same looks and ends with the same best.
    A look without that scalar, it being undefined there, is passed over; unless there was none with it so far, when
    ConfigError is raised.
    """
    name = wanted.removeprefix("-")
    before = best(folder, wanted, digest)
    if name not in seen.scalars and before is None:
        known = ", ".join(seen.scalars) or "nothing"
        raise ConfigError(f"loop.best {name} is not among what is measured while training: {known}")
    value, sign = float(seen.scalars.get(name, math.nan)), -1 if wanted.startswith("-") else 1
    if math.isnan(value) or (before is not None and not sign * value < sign * before.value):
        return
    tensors = {f"{_WEIGHT}{key}": tensor for key, tensor in weights.items()}
    told = {"best": wanted, "digest": digest, "value": value}
    checkpoint.save(folder / BEST, step, tensors, told, keep=1)


def forget_best(folder: Path) -> None:
    """Of a run that starts from nothing."""
    shutil.rmtree(folder / BEST, ignore_errors=True)
