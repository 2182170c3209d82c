"""The training loop. What is trained is a `TrainingTask`; how, the configs of a recipe.

    for each step:  batch_indices -> samples -> task.losses -> backward -> clip -> AdamW -> EMA
                    at intervals: evaluation, log entry, checkpoint

A run can be killed at any moment and resumed from its latest checkpoint, bit-exactly on the CPU: weights, optimizer
state, fp16 gradient scale and metric sums are in the checkpoint, and all else is a function of the step (`schedule`).
Several processes share a batch through torch.distributed and Accelerate; if the main process fails in what it does for
all, all processes raise (`distributed`).
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from wallpaint.errors import ConfigError, ModelError
from wallpaint.train.engine import checkpoint, evaluation, optimizer, trackers
from wallpaint.train.engine.checkpoint import Checkpoint
from wallpaint.train.engine.config import LoopConfig, OptimizerConfig, TrackingConfig
from wallpaint.train.engine.distributed import any_process, broadcast_from_main, catch_stop_signals, gather, run_on_main
from wallpaint.train.engine.evaluation import BestWeights, EvalResult, Evaluator
from wallpaint.train.engine.schedule import SampleIndex, batch_indices, learning_rate
from wallpaint.train.engine.trackers import Tracker

CHECKPOINTS_DIR = "checkpoints"
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Losses:
    """Losses of one batch. total: scalar, minimized. terms: its parts, for the log. timesteps, by_sample: (B,), for the
    loss by timestep; None if the task has no timesteps."""

    total: Tensor
    terms: Mapping[str, Tensor]
    timesteps: Tensor | None = None
    by_sample: Tensor | None = None


class TrainingTask(Protocol):
    """A network, its training data and its loss."""

    network: nn.Module  # parameters that require gradients are trained, and saved in checkpoints

    def __len__(self) -> int:
        """Return the number of samples in an epoch."""
        ...

    def sample(self, sample_index: SampleIndex) -> dict[str, Any]:
        """Return one sample, a function of its index alone. Called in data loader workers; must not use the network."""
        ...

    def collate(self, samples: Sequence[dict[str, Any]]) -> Any:
        """Return samples as a batch, on the CPU."""
        ...

    def losses(self, network: nn.Module, batch: Any) -> Losses:
        """Return the losses of a batch. network: `self.network`, possibly wrapped for distributed training."""
        ...


@dataclass(frozen=True)
class TrainingResult:
    """Result of a run. step: updates done. stopped: whether a signal ended it early. weights: of trained parameters, by
    name; the EMA weights if there are any. best: weights of the best evaluation, if the recipe has a best_metric."""

    step: int
    stopped: bool
    weights: Mapping[str, Tensor]
    notes: tuple[str, ...]
    best: BestWeights | None = None


class _StepBatches(torch.utils.data.Dataset[list[Any]]):
    """By step: this process's share of the batch, one collated part for each gradient accumulation step."""

    def __init__(self, task: TrainingTask, config: LoopConfig, seed: int, rank: int, world_size: int) -> None:
        self.task, self.config, self.seed, self.rank, self.world_size = task, config, seed, rank, world_size

    def __getitem__(self, step: int) -> list[Any]:
        global_batch = batch_indices(step, self.config.batch_size, len(self.task), self.seed)
        local_batch = global_batch[self.rank :: self.world_size]
        size = len(local_batch) // self.config.gradient_accumulation_steps
        return [
            self.task.collate([self.task.sample(sample_index) for sample_index in local_batch[first : first + size]])
            for first in range(0, len(local_batch), size)
        ]


@dataclass(frozen=True)
class _RunOptions:
    """Arguments of `fit` that do not change during the run."""

    task: TrainingTask
    config: LoopConfig
    optimizer: OptimizerConfig
    folder: Path
    seed: int
    digest: str
    evaluator: Evaluator | None
    inputs: Mapping[str, Any]


@dataclass(frozen=True)
class _TrainingState:
    """State that changes during the run. network: possibly wrapped for distributed training. ema: empty without EMA.
    scaler: of fp16 gradients, else None. metrics: of this process."""

    network: nn.Module
    trained: Mapping[str, nn.Parameter]
    optimizer: torch.optim.Optimizer
    wrapped_optimizer: Any  # by Accelerate, for scaled gradients
    ema: dict[str, Tensor]
    scaler: Any
    metrics: trackers.MetricAccumulator = field(default_factory=trackers.MetricAccumulator)

    @property
    def export_weights(self) -> Mapping[str, Tensor]:
        """The EMA weights if there are any, else the trained ones."""
        return self.ema or self.trained


def fit(
    task: TrainingTask,
    config: LoopConfig,
    optimizer_config: OptimizerConfig,
    folder: Path,
    *,
    seed: int,
    digest: str,
    inputs: Mapping[str, Any] | None = None,
    device: str = "auto",
    resume: bool = False,
    tracking: TrackingConfig = TrackingConfig(),  # noqa: B008
    evaluator: Evaluator | None = None,
    on_start: Callable[[], None] = lambda: None,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
    log: Callable[[str], None] = _LOGGER.warning,
) -> TrainingResult:
    """Train.

    folder: run folder, for checkpoints and log. digest: of everything that must not change when the run is resumed.
    inputs: the same as plain data, recipe keys and SHA-256 of files, which an error then names.
    resume: resume from the latest undamaged checkpoint; without it, a folder that has checkpoints is refused, and with
    it one whose checkpoints are all damaged. evaluator: called every `eval_every` steps and at the end, in the main
    process, while the others wait. on_start: called in the main process after all checks, before the first step.
    on_step: called after each step with its number and loss. log: called before the first step with a note on each
    damaged checkpoint. SIGINT and SIGTERM save and end the run.

    Raises ConfigError; InputError if a file cannot be written; ModelError if the loss is not finite, before that step
    is saved. An exception in the main process is raised in all processes.
    """
    from accelerate import Accelerator, PartialState  # type: ignore[import-untyped]

    run = _RunOptions(task, config, optimizer_config, folder, seed, digest, evaluator, inputs or {})
    _check(run, tracking, PartialState(cpu=device == "cpu" or None))
    accelerator = Accelerator(mixed_precision=config.precision, cpu=device == "cpu" or None)
    state = _prepare(run, accelerator)
    latest = broadcast_from_main(run_on_main(accelerator, lambda: _latest_checkpoint(run, resume, log)))
    saved, notes = latest or (None, [])
    start = _restore(state, saved, accelerator) if saved else 0
    run_on_main(accelerator, on_start)
    with contextlib.ExitStack() as stack:
        opened = run_on_main(accelerator, lambda: stack.enter_context(trackers.open_trackers(tracking, folder, start)))
        done = _train(run, state, accelerator, start, opened or [], on_step)
    weights = {name: value.detach().cpu().clone() for name, value in state.export_weights.items()}
    best = evaluation.read_best(folder, config.best_metric, digest)
    return TrainingResult(done, done < config.steps, weights, tuple(notes), best)


def _train(
    run: _RunOptions,
    state: _TrainingState,
    accelerator: Any,
    start: int,
    opened: Sequence[Tracker],
    on_step: Callable[[int, float], None],
) -> int:
    """Run the loop. Returns the number of updates done, which is less than `config.steps` if a signal stopped it."""
    config, steps = run.config, range(start, run.config.steps)
    batches = _StepBatches(run.task, config, run.seed, accelerator.process_index, accelerator.num_processes)
    loader = torch.utils.data.DataLoader(batches, batch_size=None, sampler=steps, num_workers=config.num_workers)
    done, throughput = start, trackers.ThroughputMeter()
    with catch_stop_signals() as is_stopped:
        for step, batch_parts in zip(steps, loader, strict=True):
            rate = _set_learning_rate(run, state, step)
            losses = _backward(accelerator, run.task, state.network, batch_parts)
            norm = accelerator.clip_grad_norm_(state.trained.values(), run.optimizer.max_grad_norm or float("inf"))
            state.wrapped_optimizer.step()
            state.wrapped_optimizer.zero_grad()
            _update_ema(state, config.ema_decay)
            done, loss = step + 1, float(accelerator.reduce(_mean_total(losses), "mean"))
            throughput.stop(config.batch_size)
            if not math.isfinite(loss):  # the same in every process, and this step is not saved
                raise ModelError(
                    f"step {done}: the loss is {loss}: lower optimizer.learning_rate, or use loop.precision bf16 "
                    "or no; the checkpoints are from before this step"
                )
            state.metrics.add(losses)
            on_step(done, loss)
            stop, is_last = any_process(accelerator, is_stopped()), done == config.steps
            result = _evaluate(run, state, accelerator, done)
            if _is_eval_step(run, done) or done % config.log_every == 0 or is_last:
                sums = state.metrics.gather_and_reset()
                entry = trackers.log_entry(done, sums, rate, norm, throughput.read_and_reset(), result)
                run_on_main(accelerator, partial(trackers.log, opened, entry, result))
            if stop or done % config.save_every == 0 or is_last:
                _save(run, state, accelerator, done)
            if stop:
                break
            throughput.start()
    return done


def _check(run: _RunOptions, tracking: TrackingConfig, process: Any) -> None:
    """Raise ConfigError for options that this run cannot use. process: Accelerate's PartialState."""
    config, world_size = run.config, process.num_processes
    optimizer.check_installed(run.optimizer)
    trackers.check_installed(tracking)
    if config.batch_size % (world_size * config.gradient_accumulation_steps):
        raise ConfigError(
            f"loop.batch_size {config.batch_size} is not divisible by {world_size} processes times "
            f"loop.gradient_accumulation_steps {config.gradient_accumulation_steps}"
        )
    if config.precision == "fp16" and process.device.type == "cpu":
        raise ConfigError("loop.precision fp16 needs a GPU: use bf16 or no")
    if config.gradient_checkpointing and not hasattr(run.task.network, "enable_gradient_checkpointing"):
        raise ConfigError("loop.gradient_checkpointing: this network does not support gradient checkpointing")
    if config.best_metric and run.evaluator is None:
        raise ConfigError(f"loop.best_metric {config.best_metric}: this task has no evaluation")


def _prepare(run: _RunOptions, accelerator: Any) -> _TrainingState:
    """Build the optimizer and move the network to its device."""
    if run.config.gradient_checkpointing:
        run.task.network.enable_gradient_checkpointing()  # type: ignore[operator]
    trained = {name: p for name, p in sorted(run.task.network.named_parameters()) if p.requires_grad}
    adamw = optimizer.build(run.optimizer, trained.values())
    network, wrapped_optimizer = accelerator.prepare(run.task.network, adamw)
    ema = {name: p.detach().clone() for name, p in trained.items()} if run.config.ema_decay else {}
    return _TrainingState(network, trained, adamw, wrapped_optimizer, ema, accelerator.scaler)


def _set_learning_rate(run: _RunOptions, state: _TrainingState, step: int) -> float:
    config = run.optimizer
    rate = learning_rate(
        step, peak=config.learning_rate, warmup=config.warmup_steps, total=run.config.steps, schedule=config.schedule
    )
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    return rate


def _backward(accelerator: Any, task: TrainingTask, network: nn.Module, batch_parts: Sequence[Any]) -> list[Losses]:
    """Accumulate the gradients of a batch, part by part; processes synchronize them once, with the last part."""
    losses_of_parts = []
    for number, batch in enumerate(batch_parts):
        is_last = number == len(batch_parts) - 1
        with contextlib.nullcontext() if is_last else accelerator.no_sync(network):
            with accelerator.autocast():
                losses = task.losses(network, batch)
            accelerator.backward(losses.total / len(batch_parts))
        losses_of_parts.append(losses)
    return losses_of_parts


def _mean_total(losses: Sequence[Losses]) -> Tensor:
    return torch.stack([one.total.detach() for one in losses]).mean()


def _update_ema(state: _TrainingState, decay: float) -> None:
    """Update the EMA weights after an optimizer step; skipped if fp16 gradients overflowed and the step was skipped."""
    if state.wrapped_optimizer.step_was_skipped:
        return
    with torch.no_grad():
        for name, value in state.ema.items():
            value.lerp_(state.trained[name], 1 - decay)


def _is_eval_step(run: _RunOptions, done: int) -> bool:
    every = run.config.eval_every
    return run.evaluator is not None and bool(every) and (done % every == 0 or done == run.config.steps)


def _evaluate(run: _RunOptions, state: _TrainingState, accelerator: Any, done: int) -> EvalResult | None:
    """Evaluate if this is an evaluation step, and return the result in the main process; else None."""

    def evaluate(evaluator: Evaluator) -> EvalResult:
        result = evaluation.evaluate(evaluator, done, run.task.network, state.trained, state.ema, run.seed)
        evaluation.write_contact_sheet(run.folder, done, result.images)
        if run.config.best_metric:
            evaluation.update_best(run.folder, run.config.best_metric, run.digest, result, done, state.export_weights)
        return result

    evaluator = run.evaluator
    if evaluator is None or not _is_eval_step(run, done):
        return None
    return run_on_main(accelerator, lambda: evaluate(evaluator))


# -- checkpoints


def _save(run: _RunOptions, state: _TrainingState, accelerator: Any, done: int) -> None:
    saved_state: dict[str, Any] = {"digest": run.digest, "sums": gather(state.metrics.sums)}
    saved_state |= {"inputs": dict(run.inputs), "steps": run.config.steps}
    if state.scaler is not None:
        saved_state["scaler"] = state.scaler.state_dict()
    folder, keep = run.folder / CHECKPOINTS_DIR, run.config.keep_last
    run_on_main(accelerator, lambda: checkpoint.save(folder, done, _tensors(state), saved_state, keep=keep))


def _tensors(state: _TrainingState) -> dict[str, Tensor]:
    """Weights as weight/NAME, EMA weights as average/NAME, and the optimizer state."""
    tensors: dict[str, Tensor] = {f"weight/{name}": value for name, value in state.trained.items()}
    tensors |= {f"average/{name}": value for name, value in state.ema.items()}
    return tensors | optimizer.state_tensors(state.optimizer, state.trained)


def refuse_existing_checkpoints(folder: Path) -> None:
    """Raise ConfigError if a run folder has checkpoints: only --resume may continue them."""
    saved, notes = checkpoint.latest(folder / CHECKPOINTS_DIR)
    if saved is not None or notes:
        raise ConfigError(f"{folder}: has checkpoints of an earlier run: pass `resume=latest`, or name a new folder")


def _latest_checkpoint(
    run: _RunOptions, resume: bool, log: Callable[[str], None]
) -> tuple[Checkpoint | None, list[str]]:
    """Return the latest undamaged checkpoint and notes on damaged ones; (None, []) if the folder has none at all.

    Damaged checkpoints are renamed, and their notes logged.
    """
    folder = run.folder / CHECKPOINTS_DIR
    saved, notes = checkpoint.latest(folder)
    if saved is None and not notes:
        evaluation.remove_best(run.folder)
        return None, []
    if not resume:
        refuse_existing_checkpoints(run.folder)
    if saved is None:
        raise ConfigError(f"{folder}: all checkpoints are damaged: remove it to start anew, or name a new folder")
    _check_resumable(run, saved)
    renamed = checkpoint.rename_damaged(folder, saved)
    notes = [f"{note}; renamed to {path.name}" for note, path in zip(notes, renamed, strict=True)]
    for note in notes:
        log(note)
    return saved, notes + _steps_note(run, saved)


def _check_resumable(run: _RunOptions, saved: Checkpoint) -> None:
    """Raise ConfigError, naming what differs, if a checkpoint is of another recipe or data, or past the last step."""
    if saved.state["digest"] != run.digest:
        if differences := _differences(saved.state.get("inputs") or {}, run.inputs):
            raise ConfigError(f"{run.folder}: {'; '.join(differences)}: change it back, or name a new folder")
        raise ConfigError(f"{run.folder}: its checkpoints are of another recipe, bundle or data set: name a new folder")
    if saved.step > run.config.steps:
        raise ConfigError(
            f"{run.folder}: loop.steps is {run.config.steps}, and its latest checkpoint is of step {saved.step}: "
            "increase loop.steps"
        )


def _differences(saved: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """What differs between the inputs of a checkpoint and of this run; files only if no recipe key differs."""
    if not saved or not current:
        return []
    plain = json.loads(json.dumps(dict(current)))  # as it was saved
    changed = {key: (saved.get(key), plain.get(key)) for key in {**saved, **plain} if saved.get(key) != plain.get(key)}
    hashes = {key for key, values in changed.items() if any(_is_sha256(value) for value in values)}
    keys = [f"{key} is {new}, was {old}" for key, (old, new) in changed.items() if key not in hashes]
    return keys or [f"{key} has changed" for key in changed]


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _steps_note(run: _RunOptions, saved: Checkpoint) -> list[str]:
    before = saved.state.get("steps", run.config.steps)
    if before == run.config.steps:
        return []
    schedule = run.optimizer.schedule
    effect = "" if schedule == "constant" else f"; the {schedule} schedule now ends at step {run.config.steps}"
    return [f"loop.steps is {run.config.steps}, was {before}{effect}"]


def _restore(state: _TrainingState, saved: Checkpoint, accelerator: Any) -> int:
    """Load a checkpoint into weights, EMA, optimizer, gradient scaler and metrics, and return its step."""
    tensors = saved.tensors()
    with torch.no_grad():
        for name, parameter in state.trained.items():
            parameter.copy_(tensors[f"weight/{name}"])
        for name, value in state.ema.items():
            value.copy_(tensors[f"average/{name}"])
    optimizer.load_state_tensors(state.optimizer, state.trained, tensors)
    if state.scaler is not None and "scaler" in saved.state:
        state.scaler.load_state_dict(saved.state["scaler"])
    shares = saved.state.get("sums", [])  # by process; the number of processes may have changed
    state.metrics.sums = trackers.merge_sums(shares[accelerator.process_index :: accelerator.num_processes])
    return saved.step
