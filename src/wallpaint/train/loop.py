"""The training loop, whole and in one place. What is trained is a `Task`; how, a recipe (`config`).

    for each step:  places -> samples -> task.losses -> backward -> clip -> AdamW -> moving average
                    now and then: a line of the log, a checkpoint

A run can be killed at any moment and goes on where its last checkpoint stands, on the CPU to the same bits: weights and
optimiser are in the checkpoint, and all else is a function of the step (`schedule`). Several processes share a batch by
torch.distributed, through Accelerate.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from wallpaint.errors import ConfigError
from wallpaint.train import checkpoint
from wallpaint.train.config import LoopConfig, OptimizerConfig
from wallpaint.train.schedule import Place, learning_rate, places

LOG, CHECKPOINTS = "log.jsonl", "checkpoints"


@dataclass(frozen=True)
class Losses:
    """What a task says of one batch. total: scalar, is minimised. terms: its parts, for the log. timesteps,
    by_sample: (B,), to see where on the noise schedule the loss lies; None where there is no such thing."""

    total: Tensor
    terms: Mapping[str, Tensor]
    timesteps: Tensor | None = None
    by_sample: Tensor | None = None


class Task(Protocol):
    """Something that learns."""

    network: nn.Module  # what of it asks for gradients is trained, and kept in checkpoints

    def __len__(self) -> int:
        """Samples in an epoch."""
        ...

    def sample(self, place: Place) -> dict[str, Any]:
        """One sample, a function of its place alone. Called in loader processes: touches no network."""
        ...

    def collate(self, samples: Sequence[dict[str, Any]]) -> Any:
        """A batch of samples, on the CPU."""
        ...

    def losses(self, network: nn.Module, batch: Any) -> Losses:
        """network: `self.network`, perhaps wrapped for several processes."""
        ...


@dataclass(frozen=True)
class Outcome:
    """How a run ended. step: updates done. stopped: by a signal, before its end. weights: trained, by name; the moving
    average's where there is one."""

    step: int
    stopped: bool
    weights: Mapping[str, Tensor]
    notes: tuple[str, ...]


class _Steps(torch.utils.data.Dataset[list[Any]]):
    """This process's share of each step's batch, in the parts that it is computed in."""

    def __init__(self, task: Task, config: LoopConfig, seed: int, rank: int, world: int) -> None:
        self.task, self.config, self.seed, self.rank, self.world = task, config, seed, rank, world

    def __getitem__(self, step: int) -> list[Any]:
        whole = places(step, self.config.batch_size, len(self.task), self.seed)
        mine = whole[self.rank :: self.world]
        part = len(mine) // self.config.accumulation
        return [
            self.task.collate([self.task.sample(place) for place in mine[first : first + part]])
            for first in range(0, len(mine), part)
        ]


def fit(
    task: Task,
    config: LoopConfig,
    optimizer_config: OptimizerConfig,
    folder: Path,
    *,
    seed: int,
    digest: str,
    device: str = "auto",
    resume: bool = False,
    tick: Callable[[int, float], None] = lambda step, loss: None,
) -> Outcome:
    """Train.

    folder: of the run; its checkpoints and log go there. digest: of all that must not change between the parts of a run
    that was broken off. resume: go on from the newest whole checkpoint, if there is any; else a folder that has one is
    refused. tick: told each step that is done, and its loss. SIGINT and SIGTERM save and end the run.
    Raises ConfigError; InputError where a checkpoint cannot be written.
    """
    from accelerate import Accelerator  # type: ignore[import-untyped]

    accelerator = Accelerator(mixed_precision=config.precision, cpu=device == "cpu" or None)
    world = accelerator.num_processes
    if config.batch_size % (world * config.accumulation):
        raise ConfigError(
            f"loop.batch_size {config.batch_size} cannot be shared by {world} processes in {config.accumulation} parts"
        )
    trained = {name: p for name, p in sorted(task.network.named_parameters()) if p.requires_grad}
    optimizer = torch.optim.AdamW(
        trained.values(),
        lr=optimizer_config.learning_rate,
        betas=(optimizer_config.beta1, optimizer_config.beta2),
        eps=optimizer_config.epsilon,
        weight_decay=optimizer_config.weight_decay,
    )
    average = {name: p.detach().clone() for name, p in trained.items()} if config.ema_decay else {}
    start, notes = _resume(folder, trained, optimizer, average, digest, resume)
    network, wrapped = accelerator.prepare(task.network, optimizer)
    steps = range(start, config.steps)
    loader = torch.utils.data.DataLoader(
        _Steps(task, config, seed, accelerator.process_index, world),
        batch_size=None,
        sampler=steps,
        num_workers=config.workers,
    )
    log = _Log(folder / LOG, start) if accelerator.is_main_process else None
    done = start
    with _signals() as is_stopped:
        for step, parts in zip(steps, loader, strict=True):
            began = perf_counter()
            rate = learning_rate(
                step,
                peak=optimizer_config.learning_rate,
                warmup=optimizer_config.warmup_steps,
                total=config.steps,
                schedule=optimizer_config.schedule,
            )
            for group in optimizer.param_groups:
                group["lr"] = rate
            found = _backward(accelerator, task, network, parts)
            norm = accelerator.clip_grad_norm_(trained.values(), optimizer_config.clip_norm or float("inf"))
            wrapped.step()
            wrapped.zero_grad()
            _follow(average, trained, config.ema_decay)
            done = step + 1
            loss = accelerator.reduce(torch.stack([one.total.detach() for one in found]).mean(), "mean")
            tick(done, float(loss))
            stop = _any(accelerator, is_stopped())
            if log is not None and (done % config.log_every == 0 or done == config.steps):
                log.line(done, float(loss), found, rate, norm, config.batch_size / (perf_counter() - began))
            if stop or done % config.save_every == 0 or done == config.steps:
                if accelerator.is_main_process:
                    tensors = _tensors(trained, optimizer, average)
                    checkpoint.save(folder / CHECKPOINTS, done, tensors, {"digest": digest}, keep=config.keep_last)
                accelerator.wait_for_everyone()
            if stop:
                break
    weights = {name: value.detach().cpu().clone() for name, value in (average or trained).items()}
    return Outcome(done, done < config.steps, weights, tuple(notes))


def _backward(accelerator: Any, task: Task, network: nn.Module, parts: Sequence[Any]) -> list[Losses]:
    """Gradients of a batch, part by part; processes exchange them once, with the last part."""
    found = []
    for number, batch in enumerate(parts):
        last = number == len(parts) - 1
        with contextlib.nullcontext() if last else accelerator.no_sync(network):
            with accelerator.autocast():
                losses = task.losses(network, batch)
            accelerator.backward(losses.total / len(parts))
        found.append(losses)
    return found


def _follow(average: dict[str, Tensor], trained: Mapping[str, Tensor], decay: float) -> None:
    with torch.no_grad():
        for name, value in average.items():
            value.lerp_(trained[name], 1 - decay)


def _any(accelerator: Any, flag: bool) -> bool:
    """Whether any process wants it, so that all stop at one step."""
    if accelerator.num_processes == 1:
        return flag
    return bool(accelerator.reduce(torch.tensor(float(flag), device=accelerator.device), "sum") > 0)


# -- what a checkpoint holds


def _tensors(trained: Mapping[str, Tensor], optimizer: Any, average: Mapping[str, Tensor]) -> dict[str, Tensor]:
    found = {f"weight/{name}": value for name, value in trained.items()}
    found |= {f"average/{name}": value for name, value in average.items()}
    for name, parameter in trained.items():
        found |= {f"optimizer/{key}/{name}": value for key, value in optimizer.state[parameter].items()}
    return found


def _resume(
    folder: Path,
    trained: Mapping[str, nn.Parameter],
    optimizer: Any,
    average: dict[str, Tensor],
    digest: str,
    resume: bool,
) -> tuple[int, list[str]]:
    """Put the newest whole checkpoint into weights and optimiser; the step that it stands at."""
    found, notes = checkpoint.latest(folder / CHECKPOINTS)
    if found is None:
        return 0, notes
    if not resume:
        raise ConfigError(f"{folder}: has checkpoints of an earlier run: pass --resume latest, or name a new folder")
    if found.state["digest"] != digest:
        raise ConfigError(f"{folder}: its checkpoints are of another recipe, bundle or data set: name a new folder")
    tensors = found.tensors()
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(tensors[f"weight/{name}"])
            optimizer.state[parameter] = {
                key: tensors[f"optimizer/{key}/{name}"].to("cpu" if key == "step" else parameter.device)
                for key in ("step", "exp_avg", "exp_avg_sq")
            }
        for name, value in average.items():
            value.copy_(tensors[f"average/{name}"])
    return found.step, notes


@contextlib.contextmanager
def _signals() -> Iterator[Callable[[], bool]]:
    """Whether SIGINT or SIGTERM came: then the step is finished and saved. A second one stops at once."""
    came: list[int] = []

    def note(number: int, frame: Any) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    before = {}
    with contextlib.suppress(ValueError):  # not in the main thread: whoever runs it must stop it
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Log:
    """log.jsonl: one JSON object a line. Going on, lines past the checkpoint are dropped first."""

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

    def line(self, step: int, loss: float, found: Sequence[Losses], rate: float, norm: Any, speed: float) -> None:
        terms = {name: float(torch.stack([one.terms[name] for one in found]).mean()) for name in found[0].terms}
        told: dict[str, Any] = {
            "step": step,
            "loss": loss,
            **terms,
            "learning_rate": rate,
            "gradient_norm": float(norm),
        }
        told["samples_per_second"] = round(speed, 3)
        if torch.cuda.is_available():
            told["peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 3)
        timed = [one for one in found if one.timesteps is not None and one.by_sample is not None]
        if timed:
            told["by_timestep"] = by_timestep(
                torch.cat([one.timesteps for one in timed if one.timesteps is not None]),
                torch.cat([one.by_sample for one in timed if one.by_sample is not None]),
            )
        with self.path.open("a") as file:
            file.write(json.dumps(told) + "\n")
            file.flush()
            os.fsync(file.fileno())


def by_timestep(timesteps: Tensor, by_sample: Tensor, width: int = 250) -> dict[str, float]:
    """Mean loss by stretch of the noise schedule, such as "250-499"; stretches without a sample are left out."""
    stretch = torch.div(timesteps.cpu(), width, rounding_mode="floor")
    return {
        f"{int(s) * width}-{(int(s) + 1) * width - 1}": float(by_sample.detach().cpu()[stretch == s].mean())
        for s in torch.unique(stretch)
    }
