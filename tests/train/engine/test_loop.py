"""The training loop on a toy task: convergence, bit-exact resume, distributed training, signals, errors."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import accelerate
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from support.paths import ROOT
from support.toy_task import LOOP, ToyTask, train
from support.training_runs import curves, lines, same
from wallpaint import ConfigError
from wallpaint.errors import ModelError
from wallpaint.train.engine import checkpoint, evaluation, trackers
from wallpaint.train.engine.loop import CHECKPOINTS_DIR, Losses
from wallpaint.train.engine.trackers import LOG_FILE, TENSORBOARD_DIR

TOY = ROOT / "tests" / "support" / "toy_task.py"


def process(*words: object) -> subprocess.Popen[bytes]:
    """Train the toy in a separate process."""
    return subprocess.Popen(
        [sys.executable, str(TOY), *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def two_processes(*words: object) -> subprocess.CompletedProcess[str]:
    """Train the toy in two distributed processes."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone"]
    return subprocess.run(
        [*launch, str(TOY), *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"},
        check=False,
        timeout=600,  # only ends a process that hangs
    )


def damage(folder: Path, step: int) -> None:
    """Flip a bit of a checkpoint."""
    path = folder / CHECKPOINTS_DIR / f"step_{step:08d}" / checkpoint.TENSORS_FILE
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def test_loss_falls_and_only_trainable_parameters_are_returned(tmp_path: Path) -> None:
    losses: list[float] = []
    result = train(tmp_path, replace(LOOP, steps=120), on_step=lambda step, loss: losses.append(loss))
    assert (result.step, result.stopped) == (120, False)
    assert sum(losses[-10:]) < 0.3 * sum(losses[:10])
    assert set(result.weights) == {"2.weight", "2.bias"}
    entries = lines(tmp_path)
    assert [entry["step"] for entry in entries] == list(range(5, 121, 5))
    assert entries[-1]["mse"] == pytest.approx(entries[-1]["loss"], rel=1e-6)
    assert set(entries[-1]["by_timestep"]) == {"250-499"}  # position 479
    assert entries[-1]["learning_rate"] < entries[3]["learning_rate"]
    assert sorted(p.name for p in (tmp_path / CHECKPOINTS_DIR).iterdir()) == ["step_00000117", "step_00000120"]


@pytest.mark.parametrize("workers", [0, 2])
def test_gradient_accumulation_and_workers_give_equal_weights_up_to_rounding(tmp_path: Path, workers: int) -> None:
    uninterrupted = train(tmp_path / "uninterrupted").weights
    accumulated = train(
        tmp_path / "accumulated", replace(LOOP, gradient_accumulation_steps=2, num_workers=workers)
    ).weights
    assert all(torch.allclose(uninterrupted[name], accumulated[name], atol=1e-6) for name in uninterrupted)
    repeated = train(tmp_path / "again", replace(LOOP, num_workers=workers)).weights
    assert same(dict(uninterrupted), dict(repeated))


@pytest.mark.usefixtures("default_signal_handlers")
def test_resume_after_sigterm_gives_bit_equal_weights(tmp_path: Path) -> None:
    uninterrupted = train(tmp_path / "uninterrupted").weights
    previous = signal.getsignal(signal.SIGTERM)

    def interrupt(step: int, loss: float) -> None:
        if step == 16:
            os.kill(os.getpid(), signal.SIGTERM)

    stopped = train(tmp_path / "resumed", on_step=interrupt)
    assert (stopped.step, stopped.stopped) == (16, True)
    assert checkpoint.latest(tmp_path / "resumed" / CHECKPOINTS_DIR)[0].step == 16
    assert signal.getsignal(signal.SIGTERM) is previous
    resumed = train(tmp_path / "resumed")
    assert same(dict(uninterrupted), dict(resumed.weights))
    assert [reproducible(line) for line in lines(tmp_path / "resumed")] == [
        reproducible(line) for line in lines(tmp_path / "uninterrupted")
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ignored_at_the_start_stays_ignored(
    tmp_path: Path, number: signal.Signals, default_signal_handlers: None
) -> None:
    """As in a program started by `nohup` or by `&` in a script, which must survive the signals to its group."""
    signal.signal(number, signal.SIG_IGN)  # the fixture restores the previous handler
    result = train(tmp_path, on_step=lambda step, loss: os.kill(os.getpid(), number) if step == 16 else None)
    assert (result.step, result.stopped) == (LOOP.steps, False)
    assert signal.getsignal(number) == signal.SIG_IGN


def test_resume_from_damaged_checkpoint_falls_back_to_the_previous_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Logged before the first step; the damaged checkpoint is renamed and does not count as kept."""
    uninterrupted = train(tmp_path).weights
    damage(tmp_path, 40)
    notes: list[str] = []

    def kill(step: int, loss: float) -> None:
        assert len(notes) == 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(tmp_path, on_step=kill, log=notes.append)
    assert "step_00000040" in notes[0]
    assert len([path for path in (tmp_path / CHECKPOINTS_DIR).iterdir() if path.name in notes[0]]) == 1
    again = train(tmp_path, log=notes.append)
    assert same(dict(uninterrupted), dict(again.weights))
    assert (len(notes), again.notes) == (1, ())
    assert checkpoint_names(tmp_path) == ["step_00000039", "step_00000040"]
    damage(tmp_path, 40)
    assert list(train(tmp_path).notes) == caplog.messages  # logged as a warning by default


def test_run_with_only_damaged_checkpoints_is_refused(tmp_path: Path) -> None:
    train(tmp_path)
    before = lines(tmp_path)
    for step in (39, 40):
        damage(tmp_path, step)
    for resume, words in ((True, "all checkpoints are damaged: remove it"), (False, "earlier run")):
        with pytest.raises(ConfigError, match=words):
            train(tmp_path, resume=resume)
    assert checkpoint_names(tmp_path) == ["step_00000039", "step_00000040"]
    assert lines(tmp_path) == before


class Scaled(Accelerator):
    """Scales gradients as for fp16, which Accelerate does on GPUs only: so high that they overflow at first, and again
    whenever the scale has grown."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**121, growth_interval=4)

    def unscale_gradients(self, optimizer: Any = None) -> None:
        for one in self._optimizers:
            self.scaler.unscale_(one.optimizer)


class Steep(ToyTask):
    """The toy with a larger loss."""

    def losses(self, network: Any, batch: Any) -> Losses:
        losses = super().losses(network, batch)
        return replace(losses, total=losses.total * 2**10)


def test_resume_with_scaled_gradients_is_bit_equal_and_overflow_skips_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerate, "Accelerator", Scaled)
    task, loop = Steep(), replace(LOOP, log_every=1)
    start = {name: p.detach().clone() for name, p in task.network.named_parameters() if p.requires_grad}
    history = [start]

    def record(step: int, loss: float) -> None:
        history.append({name: p.detach().clone() for name, p in task.network.named_parameters() if p.requires_grad})

    uninterrupted = train(tmp_path / "uninterrupted", loop, task=task, on_step=record)
    skipped = [step for step in range(1, 41) if same(history[step], history[step - 1])]
    assert 3 <= len(skipped) <= 20
    assert max(skipped) > 20
    ema = {name: value.clone() for name, value in start.items()}
    for step in range(1, 41):
        if step not in skipped:
            ema = {name: value.lerp(history[step][name], 1 - 0.9) for name, value in ema.items()}
    assert all(torch.allclose(ema[name], value, atol=1e-6) for name, value in uninterrupted.weights.items())
    text = (tmp_path / "uninterrupted" / LOG_FILE).read_text(encoding="utf-8")
    assert "Infinity" not in text
    assert "NaN" not in text
    assert [line["step"] for line in lines(tmp_path / "uninterrupted") if line["gradient_norm"] is None] == skipped

    def kill(step: int, loss: float) -> None:
        if step == 20:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(tmp_path / "resumed", loop, task=Steep(), on_step=kill)
    assert same(dict(train(tmp_path / "resumed", loop, task=Steep()).weights), dict(uninterrupted.weights))
    assert [reproducible(line) for line in lines(tmp_path / "resumed")] == [
        reproducible(line) for line in lines(tmp_path / "uninterrupted")
    ]
    scales = [
        checkpoint.latest(tmp_path / name / CHECKPOINTS_DIR)[0].state["scaler"] for name in ("uninterrupted", "resumed")
    ]
    assert scales[0] == scales[1]


def test_fp16_without_a_gpu_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fp16 needs a GPU: use bf16 or no"):
        train(tmp_path / "run", replace(LOOP, precision="fp16"))
    assert not (tmp_path / "run").exists()


def test_existing_run_is_not_overwritten(tmp_path: Path) -> None:
    train(tmp_path, replace(LOOP, steps=3))
    with pytest.raises(ConfigError, match="`resume=latest`"):
        train(tmp_path, resume=False)
    from support.toy_task import OPTIMIZER
    from wallpaint.train.engine.loop import fit

    with pytest.raises(ConfigError, match="another recipe"):
        fit(ToyTask(), LOOP, OPTIMIZER, tmp_path, seed=3, digest="other", device="cpu", resume=True)
    with pytest.raises(ConfigError, match="is not divisible by"):
        train(tmp_path / "new", replace(LOOP, batch_size=4, gradient_accumulation_steps=3))


@pytest.mark.parametrize(("kills", "steps"), [(2, 400), pytest.param(20, 4000, marks=pytest.mark.slow)])
def test_resume_after_sigkill_gives_bit_equal_weights(tmp_path: Path, kills: int, steps: int) -> None:
    """Every third step is saved, so kills hit steps and saves alike.

    Weights, best weights, log and TensorBoard curves equal those of an uninterrupted run.
    """
    folder, final = tmp_path / "killed", tmp_path / "killed.safetensors"
    assert process(tmp_path / "uninterrupted", steps, tmp_path / "uninterrupted.safetensors", "tracked").wait() == 0
    rng = random.Random(5)
    done = inside = 0
    while done < kills:
        running = process(folder, steps, final, "tracked", "block")
        before = checkpoint_names(folder)
        while running.poll() is None and checkpoint_names(folder) == before:  # else only a slow start would be killed
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.1))
        assert running.poll() is None
        running.send_signal(signal.SIGKILL)
        running.wait()
        done += 1
        inside += any((folder / CHECKPOINTS_DIR).glob(".part-*"))
    print(f"{inside} of {kills} kills hit a save")
    assert process(folder, steps, final, "tracked").wait() == 0
    uninterrupted, killed = load_file(tmp_path / "uninterrupted.safetensors"), load_file(final)
    assert len(killed.pop("losses")) < len(uninterrupted.pop("losses")) == steps
    assert same(uninterrupted, killed)
    assert kills < 20 or inside > 0
    bests = [evaluation.read_best(tmp_path / name, "val/error", "toy") for name in ("uninterrupted", "killed")]
    assert bests[0].step == bests[1].step
    assert bests[0].value == bests[1].value
    assert same(dict(bests[0].weights), dict(bests[1].weights))
    assert [reproducible(line) for line in lines(folder)] == [
        reproducible(line) for line in lines(tmp_path / "uninterrupted")
    ]
    assert curves(folder) == curves(tmp_path / "uninterrupted")


def reproducible(line: dict[str, Any]) -> dict[str, Any]:
    """The values of a log entry that are functions of the step."""
    return {name: value for name, value in line.items() if name not in ("samples_per_second", "resident_gib")}


def checkpoint_names(folder: Path) -> list[str]:
    """Names of the existing checkpoints."""
    return sorted(path.name for path in (folder / CHECKPOINTS_DIR).glob("step_*"))


def test_two_processes_give_the_losses_of_one(tmp_path: Path) -> None:
    """The same losses within 1e-5 as one process with the same global batch."""
    assert process(tmp_path / "one", 40, tmp_path / "one.safetensors", "tracked").wait() == 0
    two = two_processes(tmp_path / "two", 40, tmp_path / "two.safetensors", "tracked")
    assert two.returncode == 0, two.stderr
    one, both = (load_file(tmp_path / f"{name}.safetensors") for name in ("one", "two"))
    assert len(one["losses"]) == 40
    assert float((one["losses"] - both["losses"]).abs().max()) < 1e-5
    assert float(one["losses"].std()) > 0.01
    assert len(list((tmp_path / "two" / TENSORBOARD_DIR).iterdir())) == 1  # only the main process logs
    assert [line["step"] for line in lines(tmp_path / "two") if "eval" in line] == list(range(4, 41, 4))
    for line, other in zip(
        lines(tmp_path / "one"), lines(tmp_path / "two"), strict=True
    ):  # metrics of both processes count
        assert trackers.scalars(reproducible(other)) == pytest.approx(trackers.scalars(reproducible(line)), abs=1e-5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("full",), "InputError: {folder}/checkpoints: the disk is full"),
        (("tracked", "unknown"), "ConfigError: loop.best_metric"),
    ],
    ids=["full disk", "unknown best metric"],
)
def test_failure_in_the_main_process_ends_all_processes(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    """All processes raise the same error."""
    ended = two_processes(tmp_path / "run", 40, tmp_path / "final.safetensors", *words)
    assert ended.returncode != 0
    # Both write at the same time, so their lines may be joined.
    errors = dict(
        part.split(": ", 1) for part in re.split(r"(?=process [01]: )", ended.stdout.replace("\n", "")) if part
    )
    assert set(errors) == {"process 0", "process 1"}, ended.stdout + ended.stderr
    assert errors["process 0"] == errors["process 1"]
    assert errors["process 0"].startswith(message.format(folder=tmp_path / "run"))


def test_nan_loss_raises_before_saving(tmp_path: Path) -> None:
    """The checkpoints are from before that step; resumed without the NaN, the run ends bit-equal."""

    class Broken(ToyTask):
        def losses(self, network: Any, batch: Any) -> Losses:
            losses = super().losses(network, batch)
            return replace(losses, total=losses.total * float("nan")) if 31 in batch["t"].tolist() else losses

    with pytest.raises(ModelError, match=r"step 8: the loss is nan.*learning_rate"):
        train(tmp_path / "broken", task=Broken())
    saved, notes = checkpoint.latest(tmp_path / "broken" / CHECKPOINTS_DIR)
    assert saved is not None
    assert (saved.step, notes) == (6, [])
    assert same(train(tmp_path / "broken").weights, train(tmp_path / "uninterrupted").weights)
