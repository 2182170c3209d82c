"""What a run tells while it trains: one line of numbers every few steps, and the same numbers to whoever draws them.

Losses are means over all samples since the line before, of all processes; rate and gradient are of the line's step.

    run/log.jsonl     always: one JSON object a line
    run/tensorboard/  if asked for; Weights & Biases likewise

A run that goes on from a checkpoint takes back what was told of later steps; the sums for the next line come with the
checkpoint.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import torch

from wallpaint.errors import ConfigError, InputError
from wallpaint.train.engine.config import TrackingConfig
from wallpaint.train.engine.distributed import all_of
from wallpaint.train.engine.evaluation import Seen
from wallpaint.typing import Array

if TYPE_CHECKING:
    from wallpaint.train.engine.loop import Losses

LOG, TENSORBOARD, WANDB = "log.jsonl", "tensorboard", "wandb"


def check(config: TrackingConfig) -> None:
    """Raise ConfigError where what is asked for is not installed; nothing is loaded to find out."""
    for wanted, package, install in (
        (config.tensorboard, "tensorboard", "'wallpaint[train]'"),
        (config.wandb, "wandb", "wandb"),
    ):
        if wanted and find_spec(package) is None:
            raise ConfigError(f"tracking.{package} needs the package {package}: pip install {install}, or turn it off")


# -- the numbers of a line


Sums: TypeAlias = dict[str, list[float]]
"""A sum and how many it is of, by name: "loss", "term/NAME", "by_timestep/250-499"."""


class MetricAccumulator:
    """What one process adds up since the last line."""

    def __init__(self) -> None:
        self.sums: Sums = {}

    def add(self, found: Sequence[Losses]) -> None:
        """found: the process's share of a step's losses, in equal parts."""
        for one in found:
            self._count("loss", float(one.total.detach()))
            for name, value in one.terms.items():
                self._count(f"term/{name}", float(value))
            if one.timesteps is not None and one.by_sample is not None:
                for timestep, value in zip(one.timesteps.tolist(), one.by_sample.detach().tolist(), strict=True):
                    self._count(f"by_timestep/{stretch_of(timestep)}", value)

    def take(self) -> Sums:
        """The sums of all processes, which must all ask; then they count anew."""
        found, self.sums = together(all_of(self.sums)), {}
        return found

    def _count(self, name: str, value: float) -> None:
        before = self.sums.get(name, [0.0, 0])
        self.sums[name] = [before[0] + value, before[1] + 1]


def stretch_of(timestep: float, width: int = 250) -> str:
    """The stretch of the noise schedule that a timestep lies in, such as "250-499"."""
    first = int(timestep // width) * width
    return f"{first}-{first + width - 1}"


def together(shares: Iterable[Mapping[str, Sequence[float]]]) -> Sums:
    """The sums of several processes as one."""
    found: Sums = {}
    for share in shares:
        for name, (total, count) in share.items():
            before = found.get(name, [0.0, 0])
            found[name] = [before[0] + total, before[1] + count]
    return found


def line(step: int, sums: Sums, rate: float, norm: Any, speed: float, seen: Seen | None = None) -> dict[str, Any]:
    """What is told of a step. sums: of all steps since the last line. norm: None is told where gradients overflowed.
    speed: samples a second since the last line. seen: if there was a look at the network."""
    means = {name: _plain(total / count) for name, (total, count) in sums.items()}
    told: dict[str, Any] = {"step": step, "loss": means["loss"], **_under("term/", means)}
    told |= {"learning_rate": rate, "gradient_norm": _plain(norm), "samples_per_second": round(speed, 3)}
    told |= _memory()
    stretches = _under("by_timestep/", means)
    if stretches:
        told["by_timestep"] = dict(sorted(stretches.items(), key=lambda one: int(one[0].split("-")[0])))
    if seen is not None:
        told["seen"] = {name: _plain(value) for name, value in seen.scalars.items()}
    return told


def _plain(value: Any) -> float | None:
    """None for what is no number, which JSON does not know."""
    return float(value) if math.isfinite(value) else None


def _under(prefix: str, means: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name.removeprefix(prefix): value for name, value in means.items() if name.startswith(prefix)}


def _memory() -> dict[str, float]:
    """GiB: the card's peak, or where there is none the process's resident size."""
    if torch.cuda.is_available():
        return {"peak_gib": round(torch.cuda.max_memory_allocated() / 2**30, 3)}
    import psutil  # type: ignore[import-untyped]

    return {"resident_gib": round(psutil.Process().memory_info().rss / 2**30, 3)}


def series(told: Mapping[str, Any]) -> dict[str, float]:
    """A line's numbers by the names that curves have: train/loss, train/by_timestep/250-499; of a look, its own.
    What is None is left out."""
    found: dict[str, Any] = {}
    for name, value in told.items():
        if name == "seen":
            found |= value
        elif isinstance(value, Mapping):
            found |= {f"train/{name}/{key}": one for key, one in value.items()}
        elif name != "step":
            found[f"train/{name}"] = value
    return {name: value for name, value in found.items() if value is not None}


class Clock:
    """Samples a second of training since the last line: data and updates, without looks and checkpoints. It runs."""

    def __init__(self) -> None:
        self.seconds, self.samples = 0.0, 0
        self.start()

    def start(self) -> None:
        """Go on."""
        self.began = perf_counter()

    def stop(self, samples: int) -> None:
        """Stand still, so many samples being done."""
        self.seconds += perf_counter() - self.began
        self.samples += samples

    def speed(self) -> float:
        """Samples a second; then it counts anew."""
        found = self.samples / self.seconds
        self.seconds, self.samples = 0.0, 0
        return found


# -- where they go


class Tracker(Protocol):
    """Someone who is told."""

    def tell(self, told: Mapping[str, Any], pictures: Mapping[str, Array]) -> None:
        """told: see `line`. pictures: of that step, by name, (H, W, 3) uint8 each."""
        ...

    def close(self) -> None:
        """No more is told."""
        ...


def tell(tellers: Iterable[Tracker], told: Mapping[str, Any], seen: Seen | None) -> None:
    """Tell all of a line, with the pictures of the look that it has, if it has one."""
    for teller in tellers:
        teller.tell(told, seen.pictures if seen else {})


@contextlib.contextmanager
def tellers(config: TrackingConfig, folder: Path, start: int) -> Iterator[list[Tracker]]:
    """All who are told of a run that goes on from step `start`; only the main process has any.

    Raises InputError, as telling does, where the log cannot be written.
    """
    with contextlib.ExitStack() as stack:
        told: list[Tracker] = [_Log(folder / LOG, start)]
        if config.tensorboard:
            told.append(_TensorBoard(folder / TENSORBOARD, start))
        if config.wandb:
            told.append(_Wandb(folder / WANDB, config.project, folder.name))
        for one in told:
            stack.callback(one.close)
        yield told


class _Log:
    """Going on, lines past the checkpoint are dropped first."""

    def __init__(self, path: Path, start: int) -> None:
        self.path = path
        with self._written():
            path.parent.mkdir(parents=True, exist_ok=True)
            kept = []
            if path.exists():
                for line in path.read_text().splitlines():
                    with contextlib.suppress(ValueError, KeyError):
                        if json.loads(line)["step"] <= start:
                            kept.append(line)
            path.write_text("".join(f"{line}\n" for line in kept))

    def tell(self, told: Mapping[str, Any], pictures: Mapping[str, Array]) -> None:
        with self._written(), self.path.open("a") as file:
            file.write(json.dumps(told) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        pass

    @contextlib.contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({error.strerror}): make room or free it") from error


class _TensorBoard:
    """Files only grow there; a new one that starts at a step hides what older ones say of that step and later."""

    def __init__(self, folder: Path, start: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer: Any = SummaryWriter(str(folder), purge_step=start + 1)

    def tell(self, told: Mapping[str, Any], pictures: Mapping[str, Array]) -> None:
        for name, value in series(told).items():
            self.writer.add_scalar(name, value, told["step"])
        for name, picture in pictures.items():
            self.writer.add_image(name, picture, told["step"], dataformats="HWC")
        self.writer.flush()  # before the next checkpoint, or a kill leaves a gap that is not filled

    def close(self) -> None:
        self.writer.close()


class _Wandb:
    """Steps can only rise there: what it was told of steps past a checkpoint, it keeps, and hears no second time."""

    def __init__(self, folder: Path, project: str, name: str) -> None:
        import wandb  # type: ignore[import-not-found,import-untyped,unused-ignore]

        folder.mkdir(parents=True, exist_ok=True)
        identity = folder / "id"
        if not identity.exists():
            identity.write_text(secrets.token_hex(4))
        self.image = wandb.Image
        self.run = wandb.init(
            project=project, name=name, dir=str(folder), id=identity.read_text().strip(), resume="allow"
        )

    def tell(self, told: Mapping[str, Any], pictures: Mapping[str, Array]) -> None:
        shown = {name: self.image(picture) for name, picture in pictures.items()}
        self.run.log({**series(told), **shown}, step=told["step"])

    def close(self) -> None:
        self.run.finish()
