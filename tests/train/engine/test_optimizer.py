"""Optimisers by name, and that what any of them remembers survives a checkpoint to the bit."""

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
from wallpaint.train.engine.loop import CHECKPOINTS

EIGHT = replace(OPTIMIZER, kind="adamw_8bit")
WIDTH = 2048  # 6144 weights, enough for 8 bits: bitsandbytes leaves fewer than 4096 as they are


class EightBits(torch.optim.Optimizer):
    """Momentum whose memory is laid out as that of bitsandbytes: a count that is a number, codes, and their scale."""

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


def interrupted_and_whole(folder: Path, **more: Any) -> None:
    """The same weights, whether a run was broken off at step 16 or not."""
    whole = train(folder / "whole", task=ToyTask(WIDTH), **more).weights

    def interrupt(step: int, loss: float) -> None:
        if step == 16:
            os.kill(os.getpid(), signal.SIGTERM)

    assert train(folder / "parts", task=ToyTask(WIDTH), tick=interrupt, **more).stopped
    rest = train(folder / "parts", task=ToyTask(WIDTH), **more)
    assert rest.step == 40
    assert same(dict(whole), dict(rest.weights))


@pytest.fixture
def layout(monkeypatch: Any) -> None:
    make: Callable[..., Any] = lambda config, parameters: EightBits(parameters, config.learning_rate)  # noqa: E731
    monkeypatch.setattr(optimizer, "make", make)


def test_memory_of_any_layout_survives(tmp_path: Path, layout: None) -> None:
    interrupted_and_whole(tmp_path)
    found, _ = checkpoint.latest(tmp_path / "parts" / CHECKPOINTS)
    assert found is not None
    tensors = found.tensors()
    assert tensors["optimizer/state1/2.weight"].dtype == torch.uint8
    assert int(tensors["number/step/2.weight"]) == 40


def test_what_is_given_back_is_what_was_told(layout: None) -> None:
    task = ToyTask()
    trained = {name: p for name, p in task.network.named_parameters() if p.requires_grad}
    for made in (EightBits(trained.values(), 0.1), torch.optim.AdamW(trained.values())):
        task.network(torch.ones(1, 6)).sum().backward()
        made.step()
        before = {name: dict(made.state[p]) for name, p in trained.items()}
        tensors = optimizer.memory_of(made, trained)
        made.state.clear()
        optimizer.recall(made, trained, tensors)
        for name, parameter in trained.items():
            after = made.state[parameter]
            assert after.keys() == before[name].keys()
            for key, value in before[name].items():
                assert type(after[key]) is type(value)
                assert torch.equal(torch.as_tensor(after[key]), torch.as_tensor(value))


def test_the_real_one(tmp_path: Path) -> None:
    """Where bitsandbytes is installed. Its steps are AdamW's but for the rounding of what it remembers."""
    pytest.importorskip("bitsandbytes")
    interrupted_and_whole(tmp_path, optimizer_config=EIGHT)
    found, _ = checkpoint.latest(tmp_path / "parts" / CHECKPOINTS)
    assert found is not None
    tensors = found.tensors()
    assert tensors["optimizer/state1/2.weight"].dtype == torch.uint8
    assert tensors["optimizer/state2/2.bias"].dtype == torch.float32
    losses: dict[str, list[float]] = {"adamw": [], "adamw_8bit": []}
    for kind, found in losses.items():
        more = {"optimizer_config": replace(OPTIMIZER, kind=kind), "tick": lambda step, loss, f=found: f.append(loss)}
        train(tmp_path / kind, replace(LOOP, steps=120), task=ToyTask(WIDTH), **more)
    exact, eight = (sum(found[-20:]) / 20 for found in losses.values())
    print(f"mean loss of the last steps: AdamW {exact:.4f}, in 8 bits {eight:.4f}, at first {losses['adamw'][0]:.4f}")
    assert eight == pytest.approx(exact, rel=0.1)
    assert eight < 0.1 * losses["adamw_8bit"][0]


def test_without_it_the_recipe_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(optimizer, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'wallpaint\[eight-bit\]'"):
        train(tmp_path / "run", optimizer_config=EIGHT)
    assert not (tmp_path / "run").exists()
