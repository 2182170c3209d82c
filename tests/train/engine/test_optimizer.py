"""Optimizers by name, and bit-exact restoring of the state of any optimizer."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from support.toy_task import LOOP, OPTIMIZER, ToyTask, train
from support.training_runs import same
from wallpaint import ConfigError
from wallpaint.train.engine import checkpoint, optimizer
from wallpaint.train.engine.loop import CHECKPOINTS_DIR

EIGHT = replace(OPTIMIZER, kind="adamw_8bit")
WIDTH = 2048  # 6144 weights: bitsandbytes quantizes the state of tensors of 4096 elements or more


class EightBits(torch.optim.Optimizer):
    """Momentum with state laid out as by bitsandbytes: a step that is a plain int, uint8 codes, and their scale."""

    def __init__(self, parameters: Any, lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    levels = torch.linspace(-1, 1, 256)
                    state |= {"step": 0, "qmap1": levels, "absmax1": torch.zeros(1), "unused": 0.5}
                    state["state1"] = torch.full(p.shape, 127, dtype=torch.uint8)
                before = state["qmap1"][state["state1"].long()] * state["absmax1"]
                momentum = 0.9 * before + p.grad
                state["step"] += 1
                state["absmax1"] = momentum.abs().max()[None]
                codes = (momentum / state["absmax1"] * 127.5 + 127.5).round().clamp(0, 255)
                state["state1"] = codes.to(torch.uint8)
                p -= group["lr"] * momentum / (1 + 1 / state["step"])


@pytest.fixture(autouse=True)
def _signals(default_signal_handlers: None) -> None:
    """These tests interrupt runs by a signal."""


def check_resume(folder: Path, **more: Any) -> None:
    """Check that a run interrupted at step 16 and resumed ends with the weights of an uninterrupted one."""
    uninterrupted = train(folder / "uninterrupted", task=ToyTask(WIDTH), **more).weights

    def interrupt(step: int, loss: float) -> None:
        if step == 16:
            os.kill(os.getpid(), signal.SIGTERM)

    assert train(folder / "resumed", task=ToyTask(WIDTH), on_step=interrupt, **more).stopped
    rest = train(folder / "resumed", task=ToyTask(WIDTH), **more)
    assert rest.step == 40
    assert same(dict(uninterrupted), dict(rest.weights))


@pytest.fixture
def eight_bit_layout(monkeypatch: Any) -> None:
    build: Callable[..., Any] = lambda config, parameters: EightBits(parameters, config.learning_rate)  # noqa: E731
    monkeypatch.setattr(optimizer, "build", build)


def test_resume_restores_optimizer_state_of_any_layout(tmp_path: Path, eight_bit_layout: None) -> None:
    check_resume(tmp_path)
    saved, _ = checkpoint.latest(tmp_path / "resumed" / CHECKPOINTS_DIR)
    assert saved is not None
    tensors = saved.tensors()
    assert tensors["optimizer/state1/2.weight"].dtype == torch.uint8
    assert int(tensors["number/step/2.weight"]) == 40


def test_load_state_tensors_restores_state_tensors(eight_bit_layout: None) -> None:
    task = ToyTask()
    trained = {name: p for name, p in task.network.named_parameters() if p.requires_grad}
    for each in (EightBits(trained.values(), 0.1), torch.optim.AdamW(trained.values())):
        task.network(torch.ones(1, 6)).sum().backward()
        each.step()
        before = {name: dict(each.state[p]) for name, p in trained.items()}
        tensors = optimizer.state_tensors(each, trained)
        each.state.clear()
        optimizer.load_state_tensors(each, trained, tensors)
        for name, parameter in trained.items():
            after = each.state[parameter]
            assert after.keys() == before[name].keys()
            for key, value in before[name].items():
                assert type(after[key]) is type(value)
                assert torch.equal(torch.as_tensor(after[key]), torch.as_tensor(value))


def test_resume_with_bitsandbytes_is_bit_equal_and_close_to_adamw(tmp_path: Path) -> None:
    """If bitsandbytes is installed. Its steps equal AdamW's up to the quantization of the state."""
    pytest.importorskip("bitsandbytes")
    check_resume(tmp_path, optimizer_config=EIGHT)
    saved, _ = checkpoint.latest(tmp_path / "resumed" / CHECKPOINTS_DIR)
    assert saved is not None
    tensors = saved.tensors()
    assert tensors["optimizer/state1/2.weight"].dtype == torch.uint8
    assert tensors["optimizer/state2/2.bias"].dtype == torch.float32
    losses: dict[str, list[float]] = {"adamw": [], "adamw_8bit": []}
    for kind, curve in losses.items():
        more = {
            "optimizer_config": replace(OPTIMIZER, kind=kind),
            "on_step": lambda step, loss, c=curve: c.append(loss),
        }
        train(tmp_path / kind, replace(LOOP, steps=120), task=ToyTask(WIDTH), **more)
    exact, eight = (sum(curve[-20:]) / 20 for curve in losses.values())
    print(f"mean loss of the last steps: AdamW {exact:.4f}, 8-bit {eight:.4f}, initial {losses['adamw'][0]:.4f}")
    assert eight == pytest.approx(exact, rel=0.1)
    assert eight < 0.1 * losses["adamw_8bit"][0]


def test_adamw_8bit_without_bitsandbytes_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(optimizer, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'wallpaint\[eight-bit\]'"):
        train(tmp_path / "run", optimizer_config=EIGHT)
    assert not (tmp_path / "run").exists()
