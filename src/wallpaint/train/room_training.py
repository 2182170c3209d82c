"""A training run on rendered rooms: what the light model and the wall segmenter have in common.

rooms of the recipe -> steps.prepare: room cache or labels -> selected training rooms -> steps.start -> fit -> finish
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from torch import nn

from wallpaint.train import room_sets
from wallpaint.train.engine import config as recipes
from wallpaint.train.engine import optimizer, trackers
from wallpaint.train.engine.evaluation import Evaluator
from wallpaint.train.engine.loop import TrainingResult, TrainingTask, fit, refuse_existing_checkpoints
from wallpaint.train.room_sets import SPLIT_BY_USE, RoomTrainingConfig

RoomsByUse: TypeAlias = Mapping[str, Sequence[Path]]
"""Paths of room files, or of what was made from them, by use: "rooms", "validation", "test"."""


@dataclass(frozen=True)
class InitialWeights:
    """Weights to start from. file: the one whose SHA-256 must not change when the run is resumed. load: loads them into
    the task's network."""

    file: Path
    load: Callable[[nn.Module], None]


@dataclass(frozen=True)
class PreparedTraining:
    """What is trained. finish: writes the result of a complete run and returns lines on its quality. output: the
    result's path and its use."""

    task: TrainingTask
    evaluator: Evaluator | None
    finish: Callable[[TrainingResult], Sequence[str]]
    output: str


class RoomTrainingSteps(Protocol):
    """The steps of a run that depend on what is trained, in their order."""

    preparing: str  # what `prepare` does to rooms, for the log

    @property
    def changeable(self) -> tuple[str, ...]:
        """Recipe keys that may change when a run is resumed, besides those in `digest`."""
        ...

    def read_init(self, init: Path) -> InitialWeights:
        """Read weights to start from. Raises ModelError; ConfigError if they do not fit the recipe's network."""
        ...

    def prepare(self, rooms_by_use: RoomsByUse) -> RoomsByUse:
        """Make from room files what training reads; rooms that cannot be used are left out."""
        ...

    def start(self, rooms_by_use: RoomsByUse) -> PreparedTraining:
        """Make the task. rooms_by_use: from `prepare`, with the selected training rooms. Raises ConfigError or
        InputError if rooms are missing."""
        ...


@dataclass(frozen=True)
class RoomTrainingReport:
    """Result of a training run on rooms.

    evaluation: lines on the result's quality. output: the result's path and its use. Both are empty if the run was
    stopped before its end.
    """

    step: int
    steps: int
    rooms: int
    parameters: int
    evaluation: tuple[str, ...] = ()
    output: str = ""

    def lines(self) -> list[str]:
        """Return the report as text."""
        lines = [
            f"{self.step} of {self.steps} steps on {self.rooms} rooms, {self.parameters:,} parameters",
            *self.evaluation,
        ]
        return [*lines, f"written: {self.output}" if self.output else "stopped and saved: resume with `resume=latest`"]


def run(
    steps: RoomTrainingSteps,
    config: RoomTrainingConfig,
    folder: Path,
    *,
    resume: bool = False,
    init: Path | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> RoomTrainingReport:
    """Render missing rooms, train, and write the result into a run folder.

    resume: from the latest checkpoint. init: weights to start from, see `steps.read_init`. log: takes lines on the
    progress. Raises ConfigError, InputError or ModelError.
    """
    optimizer.check_installed(config.optimizer)
    trackers.check_installed(config.tracking)
    if not resume:
        refuse_existing_checkpoints(folder)
    initial = None if init is None else steps.read_init(init)  # fails before hours of rendering
    if not resume:  # a resumed run keeps its config until the digest was compared
        recipes.write(config, folder)
    rooms_by_use = room_sets.prepare(config.sets, config.render_workers, log)
    log(f"{steps.preparing} {sum(map(len, rooms_by_use.values()))} rooms")
    prepared = steps.prepare(rooms_by_use)
    rooms = room_sets.select_rooms(
        prepared["rooms"], folder, resume=resume, max_rooms=config.max_rooms, seed=config.seed
    )
    training = steps.start({**prepared, "rooms": rooms})
    if initial is not None:
        initial.load(training.task.network)
    log(f"training on {len(rooms)} rooms")
    inputs = run_inputs(config, steps.changeable, rooms, None if initial is None else initial.file)
    outcome = fit(
        training.task,
        config.loop,
        config.optimizer,
        folder,
        seed=config.seed,
        digest=digest(inputs),
        inputs=inputs,
        device="cpu",
        resume=resume,
        tracking=config.tracking,
        evaluator=training.evaluator if config.loop.eval_every else None,
        on_start=lambda: recipes.write(config, folder),
        on_step=lambda step, loss: log(f"step {step}: loss {loss:.4f}") if step % config.loop.log_every == 0 else None,
    )
    parameters = sum(value.numel() for value in training.task.network.parameters())
    report = RoomTrainingReport(outcome.step, config.loop.steps, len(rooms), parameters)
    if outcome.stopped:
        return report
    return dataclasses.replace(report, evaluation=tuple(training.finish(outcome)), output=training.output)


def run_inputs(
    config: RoomTrainingConfig, changeable: Sequence[str], rooms: Sequence[Path], init: Path | None
) -> dict[str, Any]:
    """Return everything that must not change when a run is resumed, as plain data by recipe key.

    changeable: top-level recipe keys that may change, besides the sets of rooms and render_workers. init: file with the
    initial weights, which must be readable.
    """
    plain = recipes.resume_relevant(config, (*SPLIT_BY_USE, "render_workers", *changeable))
    names = json.dumps([room.name for room in rooms])
    initial = {} if init is None else {"the initial weights": hashlib.sha256(init.read_bytes()).hexdigest()}
    return {**recipes.flat(plain), "the rooms": hashlib.sha256(names.encode()).hexdigest(), **initial}


def digest(inputs: Mapping[str, Any]) -> str:
    """Return a SHA-256 of `run_inputs`, hexadecimal."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()
