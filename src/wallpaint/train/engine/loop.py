"""The training loop, whole and in one place. What is trained is a `Task`; how, a recipe (`config`).

    for each step:  places -> samples -> task.losses -> backward -> clip -> AdamW -> moving average
                    now and then: a look at what it has learnt, a line of the log, a checkpoint

A run can be killed at any moment and goes on where its last checkpoint stands, on the CPU to the same bits: weights,
optimiser, fp16's scale and the sums for the next line are in the checkpoint, and all else is a function of the step
(`schedule`). Several processes share a batch by torch.distributed, through Accelerate; where one fails in what it does
for all, all end (`processes`).
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from wallpaint.errors import ConfigError, ModelError
from wallpaint.train.engine import checkpoint, optimizer
from wallpaint.train.engine import evaluation as watching
from wallpaint.train.engine import trackers as tracking
from wallpaint.train.engine.checkpoint import Checkpoint
from wallpaint.train.engine.config import LoopConfig, OptimizerConfig, TrackingConfig
from wallpaint.train.engine.distributed import all_of, any_of, broadcast_from_main, run_on_main, signals
from wallpaint.train.engine.evaluation import Best, Seen, Watch
from wallpaint.train.engine.schedule import Place, learning_rate, places
from wallpaint.train.engine.trackers import Tracker

CHECKPOINTS = "checkpoints"
_LOGGER = logging.getLogger(__name__)


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
    average's where there is one. best: the same of the look that was best, where the recipe asks for one."""

    step: int
    stopped: bool
    weights: Mapping[str, Tensor]
    notes: tuple[str, ...]
    best: Best | None = None


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


@dataclass(frozen=True)
class _Run:
    """What does not change while it trains; see `fit`."""

    task: Task
    config: LoopConfig
    optimizer: OptimizerConfig
    folder: Path
    seed: int
    digest: str
    watch: Watch | None


@dataclass(frozen=True)
class _Training:
    """What changes. network: wrapped for several processes. average: empty where there is none. scaler: of fp16's
    gradients, else None. tally: this process's."""

    network: nn.Module
    trained: Mapping[str, nn.Parameter]
    optimizer: torch.optim.Optimizer
    stepper: Any  # the optimizer, wrapped for scaled gradients
    average: dict[str, Tensor]
    scaler: Any
    tally: tracking.MetricAccumulator = field(default_factory=tracking.MetricAccumulator)

    @property
    def weights(self) -> Mapping[str, Tensor]:
        """What is exported."""
        return self.average or self.trained


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
    told: TrackingConfig = TrackingConfig(),  # noqa: B008
    watch: Watch | None = None,
    accepted: Callable[[], None] = lambda: None,
    tick: Callable[[int, float], None] = lambda step, loss: None,
    say: Callable[[str], None] = _LOGGER.warning,
) -> Outcome:
    """Train.

    folder: of the run; its checkpoints and log go there. digest: of all that must not change between the parts of a run
    that was broken off. resume: go on from the newest whole checkpoint; a folder whose checkpoints are all damaged is
    refused, and without `resume` one that has any. told: who hears of it besides the log. watch: looks at the network
    every `eval_every` steps and at the end, in the main process, while others wait. accepted: called in the main
    process once nothing speaks against the run, before its first step. tick: told each step that is done, and its loss.
    say: told, before the first step, of what is damaged. SIGINT and SIGTERM save and end the run. Raises ConfigError;
    InputError where something cannot be written; ModelError for a loss that is no number, before anything of it is
    saved. What fails in the main process is raised in all.
    """
    from accelerate import Accelerator, PartialState  # type: ignore[import-untyped]

    run = _Run(task, config, optimizer_config, folder, seed, digest, watch)
    _check(run, told, PartialState(cpu=device == "cpu" or None))
    accelerator = Accelerator(mixed_precision=config.precision, cpu=device == "cpu" or None)
    training = _prepare(run, accelerator)
    found, notes = broadcast_from_main(run_on_main(accelerator, lambda: _find(run, resume, say))) or (None, [])
    start = _put_back(training, found, accelerator) if found else 0
    run_on_main(accelerator, accepted)
    with contextlib.ExitStack() as stack:
        tellers = run_on_main(accelerator, lambda: stack.enter_context(tracking.tellers(told, folder, start)))
        done = _train(run, training, accelerator, start, tellers or [], tick)
    weights = {name: value.detach().cpu().clone() for name, value in training.weights.items()}
    return Outcome(done, done < config.steps, weights, tuple(notes), watching.best(folder, config.best, digest))


def _train(
    run: _Run,
    training: _Training,
    accelerator: Any,
    start: int,
    tellers: Sequence[Tracker],
    tick: Callable[[int, float], None],
) -> int:
    """The loop; returns the updates done, which are fewer than all if a signal came."""
    config, steps = run.config, range(start, run.config.steps)
    shares = _Steps(run.task, config, run.seed, accelerator.process_index, accelerator.num_processes)
    loader = torch.utils.data.DataLoader(shares, batch_size=None, sampler=steps, num_workers=config.workers)
    done, clock = start, tracking.Clock()
    with signals() as is_stopped:
        for step, parts in zip(steps, loader, strict=True):
            rate = _set_rate(run, training, step)
            found = _backward(accelerator, run.task, training.network, parts)
            norm = accelerator.clip_grad_norm_(training.trained.values(), run.optimizer.clip_norm or float("inf"))
            training.stepper.step()
            training.stepper.zero_grad()
            _follow(training, config.ema_decay)
            done, loss = step + 1, float(accelerator.reduce(_total(found), "mean"))
            clock.stop(config.batch_size)
            if not math.isfinite(loss):  # the same in every process, and nothing of it is saved
                raise ModelError(
                    f"step {done}: the loss is {loss}: lower optimizer.learning_rate, or take loop.precision bf16 "
                    "or no; checkpoints are of before"
                )
            training.tally.add(found)
            tick(done, loss)
            stop, is_last = any_of(accelerator, is_stopped()), done == config.steps
            seen = _look(run, training, accelerator, done)
            if _is_looked_at(run, done) or done % config.log_every == 0 or is_last:
                line = tracking.line(done, training.tally.take(), rate, norm, clock.speed(), seen)
                run_on_main(accelerator, partial(tracking.tell, tellers, line, seen))
            if stop or done % config.save_every == 0 or is_last:
                _save(run, training, accelerator, done)
            if stop:
                break
            clock.start()
    return done


def _check(run: _Run, told: TrackingConfig, state: Any) -> None:
    config, world = run.config, state.num_processes
    optimizer.check(run.optimizer)
    tracking.check(told)
    if config.batch_size % (world * config.accumulation):
        raise ConfigError(
            f"loop.batch_size {config.batch_size} cannot be shared by {world} processes in {config.accumulation} parts"
        )
    if config.precision == "fp16" and state.device.type == "cpu":
        raise ConfigError("loop.precision fp16 needs a card: take bf16 or no")
    if config.gradient_checkpointing and not hasattr(run.task.network, "enable_gradient_checkpointing"):
        raise ConfigError("loop.gradient_checkpointing: this network cannot compute its activations again")
    if config.best and run.watch is None:
        raise ConfigError(f"loop.best {config.best}: nothing is measured while this trains")


def _prepare(run: _Run, accelerator: Any) -> _Training:
    """Network and optimiser where they train."""
    if run.config.gradient_checkpointing:
        run.task.network.enable_gradient_checkpointing()  # type: ignore[operator]
    trained = {name: p for name, p in sorted(run.task.network.named_parameters()) if p.requires_grad}
    made = optimizer.make(run.optimizer, trained.values())
    network, stepper = accelerator.prepare(run.task.network, made)
    average = {name: p.detach().clone() for name, p in trained.items()} if run.config.ema_decay else {}
    return _Training(network, trained, made, stepper, average, accelerator.scaler)


def _set_rate(run: _Run, training: _Training, step: int) -> float:
    told = run.optimizer
    rate = learning_rate(
        step, peak=told.learning_rate, warmup=told.warmup_steps, total=run.config.steps, schedule=told.schedule
    )
    for group in training.optimizer.param_groups:
        group["lr"] = rate
    return rate


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


def _total(found: Sequence[Losses]) -> Tensor:
    return torch.stack([one.total.detach() for one in found]).mean()


def _follow(training: _Training, decay: float) -> None:
    """Move the average after an update; gradients that overflowed made none."""
    if training.stepper.step_was_skipped:
        return
    with torch.no_grad():
        for name, value in training.average.items():
            value.lerp_(training.trained[name], 1 - decay)


def _is_looked_at(run: _Run, done: int) -> bool:
    every = run.config.eval_every
    return run.watch is not None and bool(every) and (done % every == 0 or done == run.config.steps)


def _look(run: _Run, training: _Training, accelerator: Any, done: int) -> Seen | None:
    """What is seen at this step; None where nobody looks now, or another process does."""

    def look(watch: Watch) -> Seen:
        seen = watching.look(watch, done, run.task.network, training.trained, training.average, run.seed)
        watching.write_sheet(run.folder, done, seen.pictures)
        if run.config.best:
            watching.keep_best(run.folder, run.config.best, run.digest, seen, done, training.weights)
        return seen

    watch = run.watch
    return run_on_main(accelerator, lambda: look(watch)) if watch is not None and _is_looked_at(run, done) else None


# -- what a checkpoint holds


def _save(run: _Run, training: _Training, accelerator: Any, done: int) -> None:
    state: dict[str, Any] = {"digest": run.digest, "sums": all_of(training.tally.sums)}
    if training.scaler is not None:
        state["scaler"] = training.scaler.state_dict()
    folder, keep = run.folder / CHECKPOINTS, run.config.keep_last
    run_on_main(accelerator, lambda: checkpoint.save(folder, done, _tensors(training), state, keep=keep))


def _tensors(training: _Training) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {f"weight/{name}": value for name, value in training.trained.items()}
    found |= {f"average/{name}": value for name, value in training.average.items()}
    return found | optimizer.memory_of(training.optimizer, training.trained)


def refuse_earlier(folder: Path) -> None:
    """Raise ConfigError for a folder with checkpoints, which only a run that resumes goes on with."""
    found, notes = checkpoint.latest(folder / CHECKPOINTS)
    if found is not None or notes:
        raise ConfigError(f"{folder}: has checkpoints of an earlier run: pass --resume latest, or name a new folder")


def _find(run: _Run, resume: bool, say: Callable[[str], None]) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint, and what was said of damaged ones; none where there is nothing at all."""
    folder = run.folder / CHECKPOINTS
    found, notes = checkpoint.latest(folder)
    if found is None and not notes:
        watching.forget_best(run.folder)
        return None, []
    if not resume:
        refuse_earlier(run.folder)
    if found is None:
        raise ConfigError(f"{folder}: no checkpoint is whole: remove it to start anew, or name a new folder")
    if found.state["digest"] != run.digest:
        raise ConfigError(f"{run.folder}: its checkpoints are of another recipe, bundle or data set: name a new folder")
    aside = checkpoint.set_aside(folder, found)
    notes = [f"{note}; it is now called {path.name}" for note, path in zip(notes, aside, strict=True)]
    for note in notes:
        say(note)
    return found, notes


def _put_back(training: _Training, found: Checkpoint, accelerator: Any) -> int:
    """Put a checkpoint into weights, optimiser and the rest; the step that it stands at."""
    tensors = found.tensors()
    with torch.no_grad():
        for name, parameter in training.trained.items():
            parameter.copy_(tensors[f"weight/{name}"])
        for name, value in training.average.items():
            value.copy_(tensors[f"average/{name}"])
    optimizer.recall(training.optimizer, training.trained, tensors)
    if training.scaler is not None and "scaler" in found.state:
        training.scaler.load_state_dict(found.state["scaler"])
    shares = found.state.get("sums", [])  # by process, of which there may have been another number
    training.tally.sums = tracking.together(shares[accelerator.process_index :: accelerator.num_processes])
    return found.step
