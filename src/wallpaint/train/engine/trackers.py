"""Training metrics, and the trackers that log them.

Losses are means over all samples since the previous entry, of all processes; learning rate and gradient norm are those
of the entry's step.

    run/log.jsonl     always: one JSON object per entry
    run/tensorboard/  if the recipe asks for it; Weights & Biases likewise

A resumed run removes the entries after its checkpoint; the sums for the next entry are part of the checkpoint.
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
from wallpaint.train.engine.distributed import gather
from wallpaint.train.engine.evaluation import EvalResult
from wallpaint.typing import Array

if TYPE_CHECKING:
    from wallpaint.train.engine.loop import Losses

LOG_FILE, TENSORBOARD_DIR, WANDB_DIR = "log.jsonl", "tensorboard", "wandb"


def check_installed(config: TrackingConfig) -> None:
    """Raise ConfigError if a tracker's package is not installed. Imports nothing."""
    for enabled, package, install in (
        (config.tensorboard, "tensorboard", "'wallpaint[train]'"),
        (config.wandb, "wandb", "wandb"),
    ):
        if enabled and find_spec(package) is None:
            raise ConfigError(f"tracking.{package} needs the package {package}: pip install {install}, or turn it off")


# -- metrics


Sums: TypeAlias = dict[str, list[float]]
"""Sum and count by metric: "loss", "term/NAME", "by_timestep/250-499"."""


class MetricAccumulator:
    """Sums of one process's losses since the previous log entry."""

    def __init__(self) -> None:
        self.sums: Sums = {}

    def add(self, losses: Sequence[Losses]) -> None:
        """Add this process's losses of one step, one for each gradient accumulation step."""
        for one in losses:
            self._accumulate("loss", float(one.total.detach()))
            for name, value in one.terms.items():
                self._accumulate(f"term/{name}", float(value))
            if one.timesteps is not None and one.by_sample is not None:
                for timestep, value in zip(one.timesteps.tolist(), one.by_sample.detach().tolist(), strict=True):
                    self._accumulate(f"by_timestep/{timestep_bin(timestep)}", value)

    def gather_and_reset(self) -> Sums:
        """Return the sums over all processes and start again from zero. Collective."""
        total, self.sums = merge_sums(gather(self.sums)), {}
        return total

    def _accumulate(self, name: str, value: float) -> None:
        """Add a value to the sum and the count from which the metric's mean is computed."""
        total, count = self.sums.get(name, [0.0, 0])
        self.sums[name] = [total + value, count + 1]


def timestep_bin(timestep: float, width: int = 250) -> str:
    """Return the bin of the noise schedule that a timestep lies in, such as "250-499"."""
    first = int(timestep // width) * width
    return f"{first}-{first + width - 1}"


def merge_sums(shares: Iterable[Mapping[str, Sequence[float]]]) -> Sums:
    """Add up the sums of several processes."""
    merged: Sums = {}
    for share in shares:
        for name, (total, count) in share.items():
            before = merged.get(name, [0.0, 0])
            merged[name] = [before[0] + total, before[1] + count]
    return merged


def log_entry(
    step: int,
    sums: Sums,
    learning_rate: float,
    gradient_norm: Any,
    samples_per_second: float,
    result: EvalResult | None = None,
) -> dict[str, Any]:
    """Return the log entry of a step.

    sums: over all steps since the previous entry. gradient_norm: logged as None if fp16 gradients overflowed.
    result: of the step's evaluation, if there was one.
    """
    means = {name: _finite_or_none(total / count) for name, (total, count) in sums.items()}
    entry: dict[str, Any] = {"step": step, "loss": means["loss"], **_strip_prefix("term/", means)}
    entry |= {"learning_rate": learning_rate, "gradient_norm": _finite_or_none(gradient_norm)}
    entry |= {"samples_per_second": round(samples_per_second, 3)}
    entry |= _memory_usage()
    by_timestep = _strip_prefix("by_timestep/", means)
    if by_timestep:
        entry["by_timestep"] = dict(sorted(by_timestep.items(), key=lambda one: int(one[0].split("-")[0])))
    if result is not None:
        entry["eval"] = {name: _finite_or_none(value) for name, value in result.scalars.items()}
    return entry


def _finite_or_none(value: Any) -> float | None:
    """JSON has no NaN and no infinity."""
    return float(value) if math.isfinite(value) else None


def _strip_prefix(prefix: str, means: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name.removeprefix(prefix): value for name, value in means.items() if name.startswith(prefix)}


def _memory_usage() -> dict[str, float]:
    """In GiB: peak memory of the GPU, or without one the resident set size of the process."""
    if torch.cuda.is_available():
        return {"peak_gib": round(torch.cuda.max_memory_allocated() / 2**30, 3)}
    import psutil  # type: ignore[import-untyped]

    return {"resident_gib": round(psutil.Process().memory_info().rss / 2**30, 3)}


def scalars(entry: Mapping[str, Any]) -> dict[str, float]:
    """Flatten a log entry into scalars by curve name: train/loss, train/by_timestep/250-499, val/swatch.

    Values that are None are left out.
    """
    flat: dict[str, Any] = {}
    for name, value in entry.items():
        if name == "eval":
            flat |= value
        elif isinstance(value, Mapping):
            flat |= {f"train/{name}/{key}": one for key, one in value.items()}
        elif name != "step":
            flat[f"train/{name}"] = value
    return {name: value for name, value in flat.items() if value is not None}


class ThroughputMeter:
    """Samples per second of training since the previous log entry, without evaluation and saving. Starts running."""

    def __init__(self) -> None:
        self.seconds, self.samples = 0.0, 0
        self.start()

    def start(self) -> None:
        """Start or continue timing."""
        self.began = perf_counter()

    def stop(self, samples: int) -> None:
        """Stop timing and add the samples processed since `start`."""
        self.seconds += perf_counter() - self.began
        self.samples += samples

    def read_and_reset(self) -> float:
        """Return samples per second and start again from zero."""
        samples_per_second = self.samples / self.seconds
        self.seconds, self.samples = 0.0, 0
        return samples_per_second


# -- trackers


class Tracker(Protocol):
    """A destination of log entries."""

    def log(self, entry: Mapping[str, Any], images: Mapping[str, Array]) -> None:
        """Log an entry, see `log_entry`. images: of that step, by name, (H, W, 3) uint8 each."""
        ...

    def close(self) -> None:
        """Close the tracker."""
        ...


def log(trackers: Iterable[Tracker], entry: Mapping[str, Any], result: EvalResult | None) -> None:
    """Log an entry to all trackers, with the images of its evaluation if there was one."""
    for tracker in trackers:
        tracker.log(entry, result.images if result else {})


@contextlib.contextmanager
def open_trackers(config: TrackingConfig, folder: Path, start: int) -> Iterator[list[Tracker]]:
    """Open the trackers of a run that starts after step `start`. For the main process only.

    Raises InputError, as logging does, if the log file cannot be written.
    """
    with contextlib.ExitStack() as stack:
        opened: list[Tracker] = [_JsonLinesTracker(folder / LOG_FILE, start)]
        if config.tensorboard:
            opened.append(_TensorBoardTracker(folder / TENSORBOARD_DIR, start))
        if config.wandb:
            opened.append(_WandbTracker(folder / WANDB_DIR, config.project, folder.name))
        for tracker in opened:
            stack.callback(tracker.close)
        yield opened


class _JsonLinesTracker:
    """Writes log.jsonl. On resume, entries after the checkpoint are removed first."""

    def __init__(self, path: Path, start: int) -> None:
        self.path = path
        with self._write_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = []
            if path.exists():
                for line in path.read_text(encoding="utf-8").splitlines():
                    with contextlib.suppress(ValueError, KeyError):
                        if json.loads(line)["step"] <= start:
                            lines.append(line)
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def log(self, entry: Mapping[str, Any], images: Mapping[str, Array]) -> None:
        with self._write_errors(), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        pass

    @contextlib.contextmanager
    def _write_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({error.strerror}): make room or free it") from error


class _TensorBoardTracker:
    """Writes TensorBoard event files. They are append-only; purge_step hides older events of later steps."""

    def __init__(self, folder: Path, start: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer: Any = SummaryWriter(str(folder), purge_step=start + 1)

    def log(self, entry: Mapping[str, Any], images: Mapping[str, Array]) -> None:
        for name, value in scalars(entry).items():
            self.writer.add_scalar(name, value, entry["step"])
        for name, image in images.items():
            self.writer.add_image(name, image, entry["step"], dataformats="HWC")
        self.writer.flush()  # before the next checkpoint, or a kill leaves a gap that a resumed run does not fill

    def close(self) -> None:
        self.writer.close()


class _WandbTracker:
    """Logs to Weights & Biases. Its steps only increase, so it ignores repeated steps of a resumed run."""

    def __init__(self, folder: Path, project: str, name: str) -> None:
        import wandb  # type: ignore[import-not-found,import-untyped,unused-ignore]

        folder.mkdir(parents=True, exist_ok=True)
        run_id = folder / "id"
        if not run_id.exists():
            run_id.write_text(secrets.token_hex(4), encoding="utf-8")
        self.image = wandb.Image
        self.run = wandb.init(
            project=project, name=name, dir=str(folder), id=run_id.read_text(encoding="utf-8").strip(), resume="allow"
        )

    def log(self, entry: Mapping[str, Any], images: Mapping[str, Array]) -> None:
        wandb_images = {name: self.image(image) for name, image in images.items()}
        self.run.log({**scalars(entry), **wandb_images}, step=entry["step"])

    def close(self) -> None:
        self.run.finish()
