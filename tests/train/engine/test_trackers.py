"""Trackers: the same values in log, TensorBoard and Weights & Biases, and each step once after a resume."""

from __future__ import annotations

import json
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.toy_task import LOOP, TRACKED, ToyTask, evaluate, train
from support.training_runs import curves, lines
from wallpaint import ConfigError, InputError
from wallpaint.train.engine import trackers
from wallpaint.train.engine.config import TrackingConfig
from wallpaint.train.engine.evaluation import EvalResult
from wallpaint.train.engine.loop import Losses

EACH = replace(LOOP, log_every=1, eval_every=10)


def images(folder: Path, name: str) -> dict[int, np.ndarray]:
    import cv2
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / trackers.TENSORBOARD_DIR), {"images": 0}).Reload()
    by_step = {e.step: cv2.imdecode(np.frombuffer(e.encoded_image_string, np.uint8), 1) for e in events.Images(name)}
    assert len(by_step) == len(events.Images(name))
    return by_step


def test_tensorboard_curves_equal_the_log(tmp_path: Path) -> None:
    train(tmp_path, EACH, tracking=TRACKED, evaluator=evaluate)
    entries, plotted = lines(tmp_path), curves(tmp_path)
    assert [step for step, _ in plotted["train/loss"]] == list(range(1, 41))
    assert [step for step, _ in plotted["val/error"]] == [10, 20, 30, 40]
    assert {"train/mse", "train/learning_rate", "train/gradient_norm", "train/by_timestep/0-249"} < set(plotted)
    for line in entries:
        for name, value in trackers.scalars(line).items():
            if name in plotted:
                assert dict(plotted[name])[line["step"]] == pytest.approx(value, rel=1e-6)
    assert {step: int(p[0, 0, 0]) for step, p in images(tmp_path, "bars").items()} == {10: 10, 20: 20, 30: 30, 40: 40}
    assert 0 < entries[-1]["resident_gib"] < 64 if "resident_gib" in entries[-1] else entries[-1]["peak_gib"] >= 0
    assert entries[-1]["samples_per_second"] > 0


def test_log_entry_averages_all_steps_since_the_previous_entry(tmp_path: Path) -> None:
    """Loss, terms and timestep bins: each sample counts once, in one entry."""
    losses: list[float] = []
    samples: list[tuple[int, float]] = []

    class RecordingTask(ToyTask):
        def losses(self, network: Any, batch: Any) -> Losses:
            result = super().losses(network, {**batch, "t": batch["t"] * 37 % 1000})
            assert result.timesteps is not None
            assert result.by_sample is not None
            samples.extend(zip(result.timesteps.tolist(), result.by_sample.tolist(), strict=True))
            return result

    loop = replace(LOOP, log_every=5, gradient_accumulation_steps=2)
    train(tmp_path, loop, task=RecordingTask(), on_step=lambda step, loss: losses.append(loss))
    for number, line in enumerate(lines(tmp_path)):
        recent = samples[20 * number : 20 * (number + 1)]
        assert line["loss"] == pytest.approx(np.mean(losses[5 * number : 5 * (number + 1)]), rel=1e-5)
        assert line["mse"] == pytest.approx(line["loss"], rel=1e-5)
        bins = {}
        for first in range(0, 1000, 250):
            values = [value for timestep, value in recent if first <= timestep < first + 250]
            bins |= {f"{first}-{first + 249}": np.mean(values)} if values else {}
        assert len(bins) >= 3
        assert line["by_timestep"] == pytest.approx(bins, rel=1e-5)
        assert list(line["by_timestep"]) == list(bins)


def test_non_finite_values_are_null_in_the_log_and_not_plotted() -> None:
    result = EvalResult({"val/error": float("nan"), "val/other": 1.0}, {})
    line = trackers.log_entry(4, {"loss": [3.0, 2], "term/color": [float("inf"), 2]}, 0.1, float("inf"), 1.0, result)
    assert (line["loss"], line["color"], line["gradient_norm"]) == (1.5, None, None)
    assert line["eval"] == {"val/error": None, "val/other": 1.0}
    assert not {"train/color", "train/gradient_norm", "val/error"} & set(trackers.scalars(line))
    json.dumps(line, allow_nan=False)


def test_unwritable_log_raises_input_error(tmp_path: Path) -> None:
    (tmp_path / trackers.LOG_FILE).mkdir()
    with pytest.raises(InputError, match=r"log.jsonl: cannot be written"):
        train(tmp_path)


def test_scalars_flattens_an_entry_to_curve_names() -> None:
    line = {"step": 4, "loss": 0.5, "mse": 0.25, "by_timestep": {"0-249": 0.125}, "eval": {"val/ciede2000": 3.0}}
    assert trackers.scalars(line) == {
        "train/loss": 0.5, "train/mse": 0.25, "train/by_timestep/0-249": 0.125, "val/ciede2000": 3.0
    }  # fmt: skip


def test_resumed_run_logs_each_step_once(tmp_path: Path) -> None:
    """Killed after an evaluation later than the last checkpoint: log and curves go back to the checkpoint."""
    train(tmp_path / "uninterrupted", EACH, tracking=TRACKED, evaluator=evaluate)

    def kill(step: int, loss: float) -> None:
        if step == 21:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):  # last checkpoint at step 18, last evaluation at step 20
        train(tmp_path / "resumed", EACH, tracking=TRACKED, evaluator=evaluate, on_step=kill)
    assert curves(tmp_path / "resumed")["train/loss"][-1][0] == 20
    train(tmp_path / "resumed", EACH, tracking=TRACKED, evaluator=evaluate)
    assert curves(tmp_path / "resumed") == curves(tmp_path / "uninterrupted")
    assert images(tmp_path / "resumed", "bars").keys() == images(tmp_path / "uninterrupted", "bars").keys()
    assert [line["step"] for line in lines(tmp_path / "resumed")] == list(range(1, 41))


def test_missing_tracker_package_is_refused_before_training(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    for config, words in (
        (TrackingConfig(tensorboard=True), r"pip install 'wallpaint\[train\]'"),
        (TrackingConfig(wandb=True), "pip install wandb"),
    ):
        with pytest.raises(ConfigError, match=words):
            train(tmp_path / "run", tracking=config)
    assert not (tmp_path / "run").exists()
    train(tmp_path / "run", replace(LOOP, steps=1))


def test_wandb_receives_the_logged_values(tmp_path: Path, monkeypatch: Any) -> None:
    """With a fake module, since the real one needs network access and an account."""
    logged: list[tuple[int, dict[str, Any]]] = []
    runs: list[dict[str, Any]] = []

    class Run:
        def log(self, values: dict[str, Any], step: int) -> None:
            logged.append((step, values))

        def finish(self) -> None:
            runs.append({"finished": True})

    def init(**options: Any) -> Run:
        runs.append(options)
        return Run()

    module = types.ModuleType("wandb")
    module.init, module.Image = init, lambda image: image.shape  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.setattr(trackers, "find_spec", lambda name: True)
    config = TrackingConfig(wandb=True, project="walls")
    train(tmp_path, replace(EACH, steps=10), tracking=config, evaluator=evaluate)
    train(tmp_path, replace(EACH, steps=12), tracking=config, evaluator=evaluate)
    assert [step for step, _ in logged] == list(range(1, 13))
    assert logged[9][1]["bars"] == (8, 12, 3)
    plain = {name: value for name, value in logged[9][1].items() if name != "bars"}
    assert plain == trackers.scalars(lines(tmp_path)[9])
    assert [run.get("project") for run in runs] == ["walls", None, "walls", None]
    assert runs[0]["id"] == runs[2]["id"]
