"""The log and who else is told: the same numbers, each step once, whatever happened on the way."""

from __future__ import annotations

import json
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.toy_task import LOOP, TRACKED, ToyTask, glance, train
from support.training_runs import curves, lines
from wallpaint import ConfigError, InputError
from wallpaint.train.engine import trackers as tracking
from wallpaint.train.engine.config import TrackingConfig
from wallpaint.train.engine.evaluation import Seen
from wallpaint.train.engine.loop import Losses

EACH = replace(LOOP, log_every=1, eval_every=10)


def pictures(folder: Path, name: str) -> dict[int, np.ndarray]:
    import cv2
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / tracking.TENSORBOARD), {"images": 0}).Reload()
    found = {e.step: cv2.imdecode(np.frombuffer(e.encoded_image_string, np.uint8), 1) for e in events.Images(name)}
    assert len(found) == len(events.Images(name))
    return found


def test_tensorboard_shows_what_the_log_says(tmp_path: Path) -> None:
    train(tmp_path, EACH, told=TRACKED, watch=glance)
    told, shown = lines(tmp_path), curves(tmp_path)
    assert [step for step, _ in shown["train/loss"]] == list(range(1, 41))
    assert [step for step, _ in shown["val/error"]] == [10, 20, 30, 40]
    assert {"train/mse", "train/learning_rate", "train/gradient_norm", "train/by_timestep/0-249"} < set(shown)
    for line in told:
        for name, value in tracking.series(line).items():
            if name in shown:
                assert dict(shown[name])[line["step"]] == pytest.approx(value, rel=1e-6)
    assert {step: int(p[0, 0, 0]) for step, p in pictures(tmp_path, "bars").items()} == {10: 10, 20: 20, 30: 30, 40: 40}
    assert 0 < told[-1]["resident_gib"] < 64 if "resident_gib" in told[-1] else told[-1]["peak_gib"] >= 0
    assert told[-1]["samples_per_second"] > 0


def test_a_line_is_of_all_steps_since_the_one_before(tmp_path: Path) -> None:
    """Loss, terms and stretches: each sample counts once, and in one line."""
    losses: list[float] = []
    samples: list[tuple[int, float]] = []

    class Noted(ToyTask):
        def losses(self, network: Any, batch: Any) -> Losses:
            found = super().losses(network, {**batch, "t": batch["t"] * 37 % 1000})
            assert found.timesteps is not None
            assert found.by_sample is not None
            samples.extend(zip(found.timesteps.tolist(), found.by_sample.tolist(), strict=True))
            return found

    loop = replace(LOOP, log_every=5, accumulation=2)
    train(tmp_path, loop, task=Noted(), tick=lambda step, loss: losses.append(loss))
    for number, line in enumerate(lines(tmp_path)):
        here = samples[20 * number : 20 * (number + 1)]
        assert line["loss"] == pytest.approx(np.mean(losses[5 * number : 5 * (number + 1)]), rel=1e-5)
        assert line["mse"] == pytest.approx(line["loss"], rel=1e-5)
        found = {}
        for first in range(0, 1000, 250):
            values = [value for timestep, value in here if first <= timestep < first + 250]
            found |= {f"{first}-{first + 249}": np.mean(values)} if values else {}
        assert len(found) >= 3
        assert line["by_timestep"] == pytest.approx(found, rel=1e-5)
        assert list(line["by_timestep"]) == list(found)


def test_what_is_no_number_is_null_and_no_curve() -> None:
    seen = Seen({"val/error": float("nan"), "val/other": 1.0}, {})
    line = tracking.line(4, {"loss": [3.0, 2], "term/color": [float("inf"), 2]}, 0.1, float("inf"), 1.0, seen)
    assert (line["loss"], line["color"], line["gradient_norm"]) == (1.5, None, None)
    assert line["seen"] == {"val/error": None, "val/other": 1.0}
    assert not {"train/color", "train/gradient_norm", "val/error"} & set(tracking.series(line))
    json.dumps(line, allow_nan=False)


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / tracking.LOG).mkdir()
    with pytest.raises(InputError, match=r"log.jsonl: cannot be written"):
        train(tmp_path)


def test_a_line_has_one_name_for_each_of_its_numbers() -> None:
    line = {"step": 4, "loss": 0.5, "mse": 0.25, "by_timestep": {"0-249": 0.125}, "seen": {"val/ciede2000": 3.0}}
    assert tracking.series(line) == {
        "train/loss": 0.5, "train/mse": 0.25, "train/by_timestep/0-249": 0.125, "val/ciede2000": 3.0
    }  # fmt: skip


def test_nothing_is_told_twice_after_going_on(tmp_path: Path) -> None:
    """Broken off between checkpoints, with a look since the last one: the run goes back, and so do the curves."""
    train(tmp_path / "whole", EACH, told=TRACKED, watch=glance)

    def kill(step: int, loss: float) -> None:
        if step == 21:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):  # the last checkpoint is of step 18, the last look of step 20
        train(tmp_path / "parts", EACH, told=TRACKED, watch=glance, tick=kill)
    assert curves(tmp_path / "parts")["train/loss"][-1][0] == 20
    train(tmp_path / "parts", EACH, told=TRACKED, watch=glance)
    assert curves(tmp_path / "parts") == curves(tmp_path / "whole")
    assert pictures(tmp_path / "parts", "bars").keys() == pictures(tmp_path / "whole", "bars").keys()
    assert [line["step"] for line in lines(tmp_path / "parts")] == list(range(1, 41))


def test_what_is_not_installed_is_told_before_anything_is_done(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    for config, words in (
        (TrackingConfig(tensorboard=True), r"pip install 'wallpaint\[train\]'"),
        (TrackingConfig(wandb=True), "pip install wandb"),
    ):
        with pytest.raises(ConfigError, match=words):
            train(tmp_path / "run", told=config)
    assert not (tmp_path / "run").exists()
    train(tmp_path / "run", replace(LOOP, steps=1))


def test_weights_and_biases_is_told_the_same(tmp_path: Path, monkeypatch: Any) -> None:
    """By a stand-in of that name, since the real one wants a network or an account."""
    heard: list[tuple[int, dict[str, Any]]] = []
    runs: list[dict[str, Any]] = []

    class Run:
        def log(self, values: dict[str, Any], step: int) -> None:
            heard.append((step, values))

        def finish(self) -> None:
            runs.append({"finished": True})

    def init(**options: Any) -> Run:
        runs.append(options)
        return Run()

    module = types.ModuleType("wandb")
    module.init, module.Image = init, lambda picture: picture.shape  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.setattr(tracking, "find_spec", lambda name: True)
    config = TrackingConfig(wandb=True, project="walls")
    train(tmp_path, replace(EACH, steps=10), told=config, watch=glance)
    train(tmp_path, replace(EACH, steps=12), told=config, watch=glance)
    assert [step for step, _ in heard] == list(range(1, 13))
    assert heard[9][1]["bars"] == (8, 12, 3)
    plain = {name: value for name, value in heard[9][1].items() if name != "bars"}
    assert plain == tracking.series(lines(tmp_path)[9])
    assert [run.get("project") for run in runs] == ["walls", None, "walls", None]
    assert runs[0]["id"] == runs[2]["id"]
