"""Evaluation during training: no side effects on the run, EMA weights are evaluated, best weights are saved."""

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

from support.toy_task import LOOP, OPTIMIZER, ToyTask, evaluate, train
from support.training_runs import lines, same
from wallpaint import ConfigError
from wallpaint.train.engine import checkpoint, evaluation
from wallpaint.train.engine.evaluation import EvalResult
from wallpaint.train.engine.loop import CHECKPOINTS_DIR
from wallpaint.train.engine.schedule import stream_seed

EVALUATED = replace(LOOP, eval_every=7)


def random_states() -> tuple[Any, ...]:
    return random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state().numpy().tobytes()  # noqa: NPY002


def test_evaluation_leaves_training_state_bit_equal(tmp_path: Path) -> None:
    """Weights, optimizer state and EMA; every global generator; the mode of every module."""
    runs = {}
    for name, loop in (("plain", LOOP), ("evaluated", EVALUATED)):
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        task, states = ToyTask(), []
        task.network[1].eval()

        def record(step: int, loss: float, states: list[Any] = states) -> None:
            states.append(random_states())

        result = train(tmp_path / name, loop, task=task, evaluator=evaluate, on_step=record)
        modes = [module.training for module in task.network.modules()]
        saved = load_file(tmp_path / name / CHECKPOINTS_DIR / "step_00000040" / checkpoint.TENSORS_FILE)
        runs[name] = (result, states, modes, saved)
    assert len(list((tmp_path / "evaluated" / evaluation.SAMPLES_DIR).iterdir())) == 6
    assert not (tmp_path / "plain" / evaluation.SAMPLES_DIR).exists()
    plain, evaluated = runs["plain"], runs["evaluated"]
    assert same(dict(plain[0].weights), dict(evaluated[0].weights))
    assert same(plain[3], evaluated[3])
    assert plain[1] == evaluated[1]
    assert plain[2] == evaluated[2] == [True, True, False, True]


def test_evaluator_gets_ema_weights_in_eval_mode(tmp_path: Path) -> None:
    calls: list[tuple[int, dict[str, torch.Tensor]]] = []

    def evaluator(step: int, network: nn.Module) -> EvalResult:
        assert not network.training
        assert not torch.is_grad_enabled()
        calls.append((step, {name: p.clone() for name, p in network.named_parameters() if p.requires_grad}))
        return EvalResult({}, {})

    result = train(tmp_path, EVALUATED, evaluator=evaluator)
    assert [step for step, _ in calls] == [7, 14, 21, 28, 35, 40]
    assert same(calls[-1][1], dict(result.weights))
    saved = load_file(tmp_path / CHECKPOINTS_DIR / "step_00000040" / checkpoint.TENSORS_FILE)
    assert not torch.equal(saved["weight/2.weight"], saved["average/2.weight"])


def test_failing_evaluation_restores_training_state() -> None:
    task = ToyTask()
    trained = {name: p for name, p in task.network.named_parameters() if p.requires_grad}
    before = {name: p.detach().clone() for name, p in trained.items()}

    def evaluator(step: int, network: nn.Module) -> EvalResult:
        raise OSError("no room")

    state = random_states()
    with pytest.raises(OSError, match="no room"):
        evaluation.evaluate(evaluator, 3, task.network, trained, {name: p + 1 for name, p in before.items()}, 0)
    assert same(before, {name: p.detach() for name, p in trained.items()})
    assert random_states() == state
    assert task.network.training


def test_repeated_evaluation_of_a_step_gives_the_same_result() -> None:
    task = ToyTask()
    first, again, later = (evaluation.evaluate(evaluate, step, task.network, {}, {}, 3).scalars for step in (5, 5, 6))
    assert first == again
    assert first != later


def test_evaluation_uses_a_separate_random_stream() -> None:
    """Its random numbers differ from the noise of the sample at the same position."""
    sampled: list[torch.Tensor] = []

    def evaluator(step: int, network: nn.Module) -> EvalResult:
        sampled.append(torch.rand(4))
        return EvalResult({}, {})

    evaluation.evaluate(evaluator, 5, ToyTask().network, {}, {}, 3)
    for stream in (2, 3):
        generator = torch.Generator().manual_seed(stream_seed(3, 5, stream))
        assert not torch.equal(sampled[0], torch.rand(4, generator=generator))


def test_evaluation_logs_scalars_and_writes_a_contact_sheet(tmp_path: Path) -> None:
    train(tmp_path, EVALUATED, evaluator=evaluate)
    entries = lines(tmp_path)
    assert [line["step"] for line in entries] == sorted({*range(5, 41, 5), *range(7, 41, 7)})
    assert [line["step"] for line in entries if "eval" in line] == [7, 14, 21, 28, 35, 40]
    assert set(entries[-1]["eval"]) == {"val/error"}
    sheet = Image.open(tmp_path / evaluation.SAMPLES_DIR / "step_00000035.png")
    assert sheet.getpixel((sheet.width // 2, 16)) == (35, 35, 35)


@pytest.mark.parametrize(("metric", "steps"), [("val/one", 21), ("-val/one", 7)])
def test_best_weights_by_metric_are_saved(tmp_path: Path, metric: str, steps: int) -> None:
    values = {7: 3.0, 14: 2.0, 21: 1.0, 28: float("nan"), 35: 1.0}
    weights: dict[int, dict[str, torch.Tensor]] = {}

    def evaluator(step: int, network: nn.Module) -> EvalResult:
        weights[step] = {name: p.clone() for name, p in network.named_parameters() if p.requires_grad}
        return EvalResult({} if step == 40 else {"val/one": values[step]}, {})

    result = train(tmp_path, replace(EVALUATED, best_metric=metric), evaluator=evaluator)
    assert result.best is not None
    assert (result.best.step, result.best.value) == (steps, values[steps])
    assert same(dict(result.best.weights), weights[steps])
    assert len(list((tmp_path / evaluation.BEST_DIR).iterdir())) == 1
    assert evaluation.read_best(tmp_path, metric, "another recipe") is None
    assert evaluation.read_best(tmp_path, "val/other", "toy") is None


def test_worse_evaluation_after_resume_keeps_the_best_weights(tmp_path: Path) -> None:
    values = {7: 3.0, 14: 2.0, 21: 4.0, 28: 5.0, 35: 5.0, 40: 6.0}

    def evaluator(step: int, network: nn.Module) -> EvalResult:
        return EvalResult({"val/one": values[step]}, {})

    def kill(step: int, loss: float) -> None:
        if step == 16:
            raise ZeroDivisionError

    loop = replace(EVALUATED, best_metric="val/one")
    with pytest.raises(ZeroDivisionError):
        train(tmp_path, loop, evaluator=evaluator, on_step=kill)
    best = train(tmp_path, loop, evaluator=evaluator).best
    assert best is not None
    assert (best.step, best.value) == (14, 2.0)


def test_new_run_ignores_best_weights_of_an_earlier_run(tmp_path: Path) -> None:
    evaluation.update_best(tmp_path, "a", "toy", EvalResult({"a": -1.0}, {}), 3, {"w": torch.zeros(1)})
    result = EvalResult({"a": 1.0}, {})
    best = train(tmp_path, replace(EVALUATED, best_metric="a"), evaluator=lambda step, network: result).best
    assert best is not None
    assert (best.step, best.value) == (7, 1.0)


def test_best_metric_that_is_not_measured_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this task has no evaluation"):
        train(tmp_path, replace(EVALUATED, best_metric="val/error"))
    with pytest.raises(ConfigError, match=r"val/none is not among the metrics of the evaluation: val/error"):
        train(tmp_path, replace(EVALUATED, best_metric="-val/none"), evaluator=evaluate)
    assert OPTIMIZER.kind == "adamw"
