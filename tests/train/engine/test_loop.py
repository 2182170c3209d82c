"""The training loop on a toy: it learns, goes on to the same bits, shares batches, and saves when told to stop."""

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
from wallpaint.train.engine import checkpoint
from wallpaint.train.engine import evaluation as watching
from wallpaint.train.engine import trackers as tracking
from wallpaint.train.engine.loop import CHECKPOINTS, Losses
from wallpaint.train.engine.trackers import LOG, TENSORBOARD

TOY = ROOT / "tests" / "support" / "toy_task.py"


def process(*words: object) -> subprocess.Popen[bytes]:
    """The toy in a process of its own."""
    return subprocess.Popen(
        [sys.executable, str(TOY), *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def two_processes(*words: object) -> subprocess.CompletedProcess[str]:
    """The toy in two that share its batches."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone"]
    return subprocess.run(
        [*launch, str(TOY), *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"},
        check=False,
        timeout=120,
    )


def damage(folder: Path, step: int) -> None:
    """A bit of a run's checkpoint is no longer what it was."""
    path = folder / CHECKPOINTS / f"step_{step:08d}" / checkpoint.TENSORS
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def test_it_learns_and_only_what_may_learn(tmp_path: Path) -> None:
    losses: list[float] = []
    outcome = train(tmp_path, replace(LOOP, steps=120), tick=lambda step, loss: losses.append(loss))
    assert (outcome.step, outcome.stopped) == (120, False)
    assert sum(losses[-10:]) < 0.3 * sum(losses[:10])
    assert set(outcome.weights) == {"2.weight", "2.bias"}
    told = lines(tmp_path)
    assert [line["step"] for line in told] == list(range(5, 121, 5))
    assert told[-1]["mse"] == pytest.approx(told[-1]["loss"], rel=1e-6)
    assert set(told[-1]["by_timestep"]) == {"250-499"}  # position 479
    assert told[-1]["learning_rate"] < told[3]["learning_rate"]
    assert sorted(p.name for p in (tmp_path / CHECKPOINTS).iterdir()) == ["step_00000117", "step_00000120"]


@pytest.mark.parametrize("workers", [0, 2])
def test_accumulation_and_workers_change_nothing_but_rounding(tmp_path: Path, workers: int) -> None:
    whole = train(tmp_path / "whole").weights
    parts = train(tmp_path / "parts", replace(LOOP, accumulation=2, workers=workers)).weights
    assert all(torch.allclose(whole[name], parts[name], atol=1e-6) for name in whole)
    same_parts = train(tmp_path / "again", replace(LOOP, workers=workers)).weights
    assert same(dict(whole), dict(same_parts))


def test_signals_save_and_going_on_gives_the_same_bits(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole").weights

    def interrupt(step: int, loss: float) -> None:
        if step == 16:
            os.kill(os.getpid(), signal.SIGTERM)

    stopped = train(tmp_path / "parts", tick=interrupt)
    assert (stopped.step, stopped.stopped) == (16, True)
    assert checkpoint.latest(tmp_path / "parts" / CHECKPOINTS)[0].step == 16
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    rest = train(tmp_path / "parts")
    assert same(dict(whole), dict(rest.weights))
    assert [told(line) for line in lines(tmp_path / "parts")] == [told(line) for line in lines(tmp_path / "whole")]


def test_a_broken_newest_checkpoint_falls_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """That is said before the first step, and takes no place among the checkpoints that are kept."""
    whole = train(tmp_path).weights
    damage(tmp_path, 40)
    said: list[str] = []

    def kill(step: int, loss: float) -> None:
        assert len(said) == 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(tmp_path, tick=kill, say=said.append)
    assert "step_00000040" in said[0]
    assert len([path for path in (tmp_path / CHECKPOINTS).iterdir() if path.name in said[0]]) == 1
    again = train(tmp_path, say=said.append)
    assert same(dict(whole), dict(again.weights))
    assert (len(said), again.notes) == (1, ())
    assert standing(tmp_path) == ["step_00000039", "step_00000040"]
    damage(tmp_path, 40)
    assert list(train(tmp_path).notes) == caplog.messages  # who gives no ear finds it on stderr


def test_where_every_checkpoint_is_broken_nothing_starts_anew(tmp_path: Path) -> None:
    train(tmp_path)
    before = lines(tmp_path)
    for step in (39, 40):
        damage(tmp_path, step)
    for resume, words in ((True, "no checkpoint is whole: remove it"), (True, "no checkpoint"), (False, "earlier run")):
        with pytest.raises(ConfigError, match=words):
            train(tmp_path, resume=resume)
    assert standing(tmp_path) == ["step_00000039", "step_00000040"]
    assert lines(tmp_path) == before


class Scaled(Accelerator):
    """Scales gradients as for fp16, which without a card Accelerate does not: so high that they overflow at first,
    and again whenever it has grown."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**121, growth_interval=4)

    def unscale_gradients(self, optimizer: Any = None) -> None:
        for one in self._optimizers:
            self.scaler.unscale_(one.optimizer)


class Steep(ToyTask):
    """The toy with a larger loss."""

    def losses(self, network: Any, batch: Any) -> Losses:
        found = super().losses(network, batch)
        return replace(found, total=found.total * 2**10)


def test_scaled_gradients_go_on_and_overflow_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerate, "Accelerator", Scaled)
    task, loop = Steep(), replace(LOOP, log_every=1)
    start = {name: p.detach().clone() for name, p in task.network.named_parameters() if p.requires_grad}
    seen = [start]

    def note(step: int, loss: float) -> None:
        seen.append({name: p.detach().clone() for name, p in task.network.named_parameters() if p.requires_grad})

    whole = train(tmp_path / "whole", loop, task=task, tick=note)
    skipped = [step for step in range(1, 41) if same(seen[step], seen[step - 1])]
    assert 3 <= len(skipped) <= 20
    assert max(skipped) > 20
    average = {name: value.clone() for name, value in start.items()}
    for step in range(1, 41):
        if step not in skipped:
            average = {name: value.lerp(seen[step][name], 1 - 0.9) for name, value in average.items()}
    assert all(torch.allclose(average[name], value, atol=1e-6) for name, value in whole.weights.items())
    text = (tmp_path / "whole" / LOG).read_text()
    assert "Infinity" not in text
    assert "NaN" not in text
    assert [line["step"] for line in lines(tmp_path / "whole") if line["gradient_norm"] is None] == skipped

    def kill(step: int, loss: float) -> None:
        if step == 20:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(tmp_path / "parts", loop, task=Steep(), tick=kill)
    assert same(dict(train(tmp_path / "parts", loop, task=Steep()).weights), dict(whole.weights))
    assert [told(line) for line in lines(tmp_path / "parts")] == [told(line) for line in lines(tmp_path / "whole")]
    scales = [checkpoint.latest(tmp_path / name / CHECKPOINTS)[0].state["scaler"] for name in ("whole", "parts")]
    assert scales[0] == scales[1]


def test_fp16_without_a_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fp16 needs a card: take bf16 or no"):
        train(tmp_path / "run", replace(LOOP, precision="fp16"))
    assert not (tmp_path / "run").exists()


def test_an_earlier_run_is_not_written_over(tmp_path: Path) -> None:
    train(tmp_path, replace(LOOP, steps=3))
    with pytest.raises(ConfigError, match="--resume latest"):
        train(tmp_path, resume=False)
    from support.toy_task import OPTIMIZER
    from wallpaint.train.engine.loop import fit

    with pytest.raises(ConfigError, match="another recipe"):
        fit(ToyTask(), LOOP, OPTIMIZER, tmp_path, seed=3, digest="other", device="cpu", resume=True)
    with pytest.raises(ConfigError, match="cannot be shared"):
        train(tmp_path / "new", replace(LOOP, batch_size=4, accumulation=3))


@pytest.mark.parametrize(("kills", "steps"), [(2, 400), pytest.param(20, 4000, marks=pytest.mark.slow)])
def test_killed_at_random_moments_it_ends_the_same(tmp_path: Path, kills: int, steps: int) -> None:
    """SIGKILL, which nothing can answer: every third step is saved, so kills fall into steps and saves alike.

    The weights, the best of them, the log and the curves are those of a run that nobody killed.
    """
    folder, final = tmp_path / "killed", tmp_path / "killed.safetensors"
    assert process(tmp_path / "whole", steps, tmp_path / "whole.safetensors", "tracked").wait() == 0
    rng = random.Random(5)
    done = inside = 0
    while done < kills:
        running = process(folder, steps, final, "tracked")
        before = standing(folder)
        while running.poll() is None and standing(folder) == before:  # else a slow start would be all that is killed
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.1))
        assert running.poll() is None, "it ended before it was killed often enough: too few steps"
        running.send_signal(signal.SIGKILL)
        running.wait()
        done += 1
        inside += any((folder / CHECKPOINTS).glob(".part-*"))
    print(f"{inside} of {kills} kills fell into a save")
    assert process(folder, steps, final, "tracked").wait() == 0
    whole, killed = load_file(tmp_path / "whole.safetensors"), load_file(final)
    assert len(killed.pop("losses")) < len(whole.pop("losses")) == steps
    assert same(whole, killed)
    assert kills < 20 or inside > 0
    bests = [watching.best(tmp_path / name, "val/error", "toy") for name in ("whole", "killed")]
    assert bests[0].step == bests[1].step
    assert bests[0].value == bests[1].value
    assert same(dict(bests[0].weights), dict(bests[1].weights))
    assert [told(line) for line in lines(folder)] == [told(line) for line in lines(tmp_path / "whole")]
    assert curves(folder) == curves(tmp_path / "whole")


def told(line: dict[str, Any]) -> dict[str, Any]:
    """Of a line, what is a function of the step."""
    return {name: value for name, value in line.items() if name not in ("samples_per_second", "resident_gib")}


def standing(folder: Path) -> list[str]:
    """Names of the checkpoints that are there."""
    return sorted(path.name for path in (folder / CHECKPOINTS).glob("step_*"))


def test_two_processes_are_one(tmp_path: Path) -> None:
    """The same losses within 1e-5 as one process with the same global batch."""
    assert process(tmp_path / "one", 40, tmp_path / "one.safetensors", "tracked").wait() == 0
    two = two_processes(tmp_path / "two", 40, tmp_path / "two.safetensors", "tracked")
    assert two.returncode == 0, two.stderr
    one, both = (load_file(tmp_path / f"{name}.safetensors") for name in ("one", "two"))
    assert len(one["losses"]) == 40
    assert float((one["losses"] - both["losses"]).abs().max()) < 1e-5
    assert float(one["losses"].std()) > 0.01
    assert len(list((tmp_path / "two" / TENSORBOARD).iterdir())) == 1  # one process tells
    assert [line["step"] for line in lines(tmp_path / "two") if "seen" in line] == list(range(4, 41, 4))
    for line, other in zip(lines(tmp_path / "one"), lines(tmp_path / "two"), strict=True):  # the samples of both count
        assert tracking.series(told(other)) == pytest.approx(tracking.series(told(line)), abs=1e-5)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("full",), "InputError: {folder}/checkpoints: the disk is full"),
        (("tracked", "unknown"), "ConfigError: loop.best"),
    ],
    ids=["the disk is full", "nothing measures the best"],
)
def test_what_fails_in_one_process_ends_all(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """At once, with one error."""
    ended = two_processes(tmp_path / "run", 40, tmp_path / "final.safetensors", *words)
    assert ended.returncode != 0
    # Both write at once, so that their lines may come as one.
    told = dict(part.split(": ", 1) for part in re.split(r"(?=process [01]: )", ended.stdout.replace("\n", "")) if part)
    assert set(told) == {"process 0", "process 1"}, ended.stdout + ended.stderr
    assert told["process 0"] == told["process 1"]
    assert told["process 0"].startswith(said.format(folder=tmp_path / "run"))


def test_a_loss_that_is_no_number_ends_it_and_spoils_nothing(tmp_path: Path) -> None:
    """What is saved is of before; with the cause gone it goes on from there to the bits of a run without it."""

    class Broken(ToyTask):
        def losses(self, network: Any, batch: Any) -> Losses:
            found = super().losses(network, batch)
            return replace(found, total=found.total * float("nan")) if 31 in batch["t"].tolist() else found

    with pytest.raises(ModelError, match=r"step 8: the loss is nan.*learning_rate"):
        train(tmp_path / "broken", task=Broken())
    found, notes = checkpoint.latest(tmp_path / "broken" / CHECKPOINTS)
    assert found is not None
    assert (found.step, notes) == (6, [])
    assert same(train(tmp_path / "broken").weights, train(tmp_path / "whole").weights)
