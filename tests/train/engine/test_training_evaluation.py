"""Looking while it trains: nothing of the run changes, the moving average is what is seen, and the best is kept."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from support.toy_task import LOOP, OPTIMIZER, ToyTask, glance, train
from support.training_runs import lines, same
from wallpaint import ConfigError
from wallpaint.train.engine import checkpoint
from wallpaint.train.engine import evaluation as watching
from wallpaint.train.engine.evaluation import Seen
from wallpaint.train.engine.loop import CHECKPOINTS
from wallpaint.train.engine.schedule import seed_of

WATCHED = replace(LOOP, eval_every=7)


def states() -> tuple[Any, ...]:
    return random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state().numpy().tobytes()  # noqa: NPY002


def test_a_look_leaves_no_trace(tmp_path: Path) -> None:
    """Weights, optimiser and average to the bit; every global generator; the mode of every module."""
    found = {}
    for name, loop in (("blind", LOOP), ("watched", WATCHED)):
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        task, drawn = ToyTask(), []
        task.network[1].eval()

        def tick(step: int, loss: float, drawn: list[Any] = drawn) -> None:
            drawn.append(states())

        outcome = train(tmp_path / name, loop, task=task, watch=glance, tick=tick)
        modes = [module.training for module in task.network.modules()]
        saved = load_file(tmp_path / name / CHECKPOINTS / "step_00000040" / checkpoint.TENSORS)
        found[name] = (outcome, drawn, modes, saved)
    assert len(list((tmp_path / "watched" / watching.SAMPLES).iterdir())) == 6
    assert not (tmp_path / "blind" / watching.SAMPLES).exists()
    blind, watched = found["blind"], found["watched"]
    assert same(dict(blind[0].weights), dict(watched[0].weights))
    assert same(blind[3], watched[3])
    assert blind[1] == watched[1]
    assert blind[2] == watched[2] == [True, True, False, True]


def test_what_is_seen_is_the_average_in_eval_mode(tmp_path: Path) -> None:
    seen: list[tuple[int, dict[str, torch.Tensor]]] = []

    def watch(step: int, network: nn.Module) -> Seen:
        assert not network.training
        assert not torch.is_grad_enabled()
        seen.append((step, {name: p.clone() for name, p in network.named_parameters() if p.requires_grad}))
        return Seen({}, {})

    outcome = train(tmp_path, WATCHED, watch=watch)
    assert [step for step, _ in seen] == [7, 14, 21, 28, 35, 40]
    assert same(seen[-1][1], dict(outcome.weights))
    saved = load_file(tmp_path / CHECKPOINTS / "step_00000040" / checkpoint.TENSORS)
    assert not torch.equal(saved["weight/2.weight"], saved["average/2.weight"])


def test_a_look_that_fails_leaves_no_trace_either() -> None:
    task = ToyTask()
    trained = {name: p for name, p in task.network.named_parameters() if p.requires_grad}
    before = {name: p.detach().clone() for name, p in trained.items()}

    def watch(step: int, network: nn.Module) -> Seen:
        raise OSError("no room")

    state = states()
    with pytest.raises(OSError, match="no room"):
        watching.look(watch, 3, task.network, trained, {name: p + 1 for name, p in before.items()}, 0)
    assert same(before, {name: p.detach() for name, p in trained.items()})
    assert states() == state
    assert task.network.training


def test_a_look_taken_again_sees_the_same() -> None:
    task = ToyTask()
    first, again, later = (watching.look(glance, step, task.network, {}, {}, 3).scalars for step in (5, 5, 6))
    assert first == again
    assert first != later


def test_a_look_draws_other_numbers_than_the_samples() -> None:
    """The noise of the sample at a position is no look's."""
    drawn: list[torch.Tensor] = []

    def watch(step: int, network: nn.Module) -> Seen:
        drawn.append(torch.rand(4))
        return Seen({}, {})

    watching.look(watch, 5, ToyTask().network, {}, {}, 3)
    for stream in (2, 3):
        assert not torch.equal(drawn[0], torch.rand(4, generator=torch.Generator().manual_seed(seed_of(3, 5, stream))))


def test_scalars_go_to_the_log_and_pictures_to_a_sheet(tmp_path: Path) -> None:
    train(tmp_path, WATCHED, watch=glance)
    told = lines(tmp_path)
    assert [line["step"] for line in told] == sorted({*range(5, 41, 5), *range(7, 41, 7)})
    assert [line["step"] for line in told if "seen" in line] == [7, 14, 21, 28, 35, 40]
    assert set(told[-1]["seen"]) == {"val/error"}
    sheet = Image.open(tmp_path / watching.SAMPLES / "step_00000035.png")
    assert sheet.getpixel((sheet.width // 2, 16)) == (35, 35, 35)


@pytest.mark.parametrize(("wanted", "steps"), [("val/one", 21), ("-val/one", 7)])
def test_the_best_weights_are_kept(tmp_path: Path, wanted: str, steps: int) -> None:
    values = {7: 3.0, 14: 2.0, 21: 1.0, 28: float("nan"), 35: 1.0}
    weights: dict[int, dict[str, torch.Tensor]] = {}

    def watch(step: int, network: nn.Module) -> Seen:
        weights[step] = {name: p.clone() for name, p in network.named_parameters() if p.requires_grad}
        return Seen({} if step == 40 else {"val/one": values[step]}, {})

    outcome = train(tmp_path, replace(WATCHED, best=wanted), watch=watch)
    assert outcome.best is not None
    assert (outcome.best.step, outcome.best.value) == (steps, values[steps])
    assert same(dict(outcome.best.weights), weights[steps])
    assert len(list((tmp_path / watching.BEST).iterdir())) == 1
    assert watching.best(tmp_path, wanted, "another recipe") is None
    assert watching.best(tmp_path, "val/other", "toy") is None


def test_a_worse_look_after_going_on_does_not_replace_a_better_one(tmp_path: Path) -> None:
    values = {7: 3.0, 14: 2.0, 21: 4.0, 28: 5.0, 35: 5.0, 40: 6.0}

    def watch(step: int, network: nn.Module) -> Seen:
        return Seen({"val/one": values[step]}, {})

    def kill(step: int, loss: float) -> None:
        if step == 16:
            raise ZeroDivisionError

    loop = replace(WATCHED, best="val/one")
    with pytest.raises(ZeroDivisionError):
        train(tmp_path, loop, watch=watch, tick=kill)
    best = train(tmp_path, loop, watch=watch).best
    assert best is not None
    assert (best.step, best.value) == (14, 2.0)


def test_a_run_from_nothing_knows_no_best(tmp_path: Path) -> None:
    watching.keep_best(tmp_path, "a", "toy", Seen({"a": -1.0}, {}), 3, {"w": torch.zeros(1)})
    best = train(tmp_path, replace(WATCHED, best="a"), watch=lambda step, network: Seen({"a": 1.0}, {})).best
    assert best is not None
    assert (best.step, best.value) == (7, 1.0)


def test_what_cannot_be_measured_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing is measured"):
        train(tmp_path, replace(WATCHED, best="val/error"))
    with pytest.raises(ConfigError, match=r"val/none is not among what is measured while training: val/error"):
        train(tmp_path, replace(WATCHED, best="-val/none"), watch=glance)
    assert OPTIMIZER.kind == "adamw"
