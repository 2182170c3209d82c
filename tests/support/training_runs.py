"""Reading files of a training run, for comparison."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from wallpaint.train.engine.trackers import LOG_FILE, TENSORBOARD_DIR


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / LOG_FILE).read_text(encoding="utf-8").splitlines()]


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """TensorBoard curves, without those that depend on the machine: (step, value) by name."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / TENSORBOARD_DIR), {"scalars": 0, "images": 0, "tensors": 0}).Reload()
    machine_dependent = {"train/samples_per_second", "train/resident_gib"}
    names = set(events.Tags()["scalars"]) - machine_dependent
    return {name: [(event.step, event.value) for event in events.Scalars(name)] for name in sorted(names)}
