"""What a run tells while it trains: one line of numbers every few steps, and the same numbers to whoever draws them.

    run/log.jsonl     always: one JSON object a line
    run/tensorboard/  if asked for; Weights & Biases likewise

A run that goes on from a checkpoint takes back what was told of later steps.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from wallpaint.errors import ConfigError
from wallpaint.fields import Array
from wallpaint.train.config import TrackingConfig
from wallpaint.train.watching import Seen

if TYPE_CHECKING:
    from wallpaint.train.loop import Losses

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


def line(
    step: int,
    loss: float,
    found: Sequence[Losses],
    rate: float,
    norm: Any,
    speed: float,
    seen: Seen | None = None,
) -> dict[str, Any]:
    """What is told of a step. found: this process's share of its losses. speed: samples a second since the last line.
    seen: if there was a look at the network."""
    terms = {name: float(torch.stack([one.terms[name] for one in found]).mean()) for name in found[0].terms}
    told: dict[str, Any] = {"step": step, "loss": loss, **terms, "learning_rate": rate, "gradient_norm": float(norm)}
    told["samples_per_second"] = round(speed, 3)
    told |= _memory()
    timed = [one for one in found if one.timesteps is not None and one.by_sample is not None]
    if timed:
        told["by_timestep"] = by_timestep(
            torch.cat([one.timesteps for one in timed if one.timesteps is not None]),
            torch.cat([one.by_sample for one in timed if one.by_sample is not None]),
        )
    if seen is not None:
        told["seen"] = {name: float(value) for name, value in seen.scalars.items()}
    return told


def by_timestep(timesteps: Tensor, by_sample: Tensor, width: int = 250) -> dict[str, float]:
    """Mean loss by stretch of the noise schedule, such as "250-499"; stretches without a sample are left out."""
    stretch = torch.div(timesteps.cpu(), width, rounding_mode="floor")
    return {
        f"{int(s) * width}-{(int(s) + 1) * width - 1}": float(by_sample.detach().cpu()[stretch == s].mean())
        for s in torch.unique(stretch)
    }


def _memory() -> dict[str, float]:
    """GiB: the card's peak, or where there is none the process's resident size."""
    if torch.cuda.is_available():
        return {"peak_gib": round(torch.cuda.max_memory_allocated() / 2**30, 3)}
    import psutil  # type: ignore[import-untyped]

    return {"resident_gib": round(psutil.Process().memory_info().rss / 2**30, 3)}


def series(told: Mapping[str, Any]) -> dict[str, float]:
    """A line's numbers by the names that curves have: train/loss, train/by_timestep/250-499; of a look, its own."""
    found: dict[str, float] = {}
    for name, value in told.items():
        if name == "seen":
            found |= value
        elif isinstance(value, Mapping):
            found |= {f"train/{name}/{key}": one for key, one in value.items()}
        elif name != "step":
            found[f"train/{name}"] = value
    return found


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


class Teller(Protocol):
    """Someone who is told."""

    def tell(self, told: Mapping[str, Any], pictures: Mapping[str, Array]) -> None:
        """told: see `line`. pictures: of that step, by name, (H, W, 3) uint8 each."""
        ...

    def close(self) -> None:
        """No more is told."""
        ...


@contextlib.contextmanager
def tellers(config: TrackingConfig, folder: Path, start: int, is_main: bool) -> Iterator[list[Teller]]:
    """All who are told of a run that goes on from step `start`; nobody but by the main process."""
    if not is_main:
        yield []
        return
    with contextlib.ExitStack() as stack:
        told: list[Teller] = [_Log(folder / LOG, start)]
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
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = []
        if path.exists():
            for line in path.read_text().splitlines():
                with contextlib.suppress(ValueError, KeyError):
                    if json.loads(line)["step"] <= start:
                        kept.append(line)
        path.write_text("".join(f"{line}\n" for line in kept))

    def tell(self, told: Mapping[str, Any], pictures: Mapping[str, Array]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(told) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        pass


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
