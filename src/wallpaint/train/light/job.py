"""From a recipe to the light model's file: render rooms, train, calibrate and evaluate.

run/config.yaml   the resolved recipe            log.jsonl    log entries
    checkpoints/  to resume from                 report.json  evaluation on validation rooms
    room_cache/   downsampled rooms              light_model.onnx, the result
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wallpaint.errors import ConfigError, ModelError
from wallpaint.files import atomic
from wallpaint.light import model as light_model
from wallpaint.train import room_training
from wallpaint.train.engine import config as recipes
from wallpaint.train.engine import onnx_export
from wallpaint.train.engine.loop import TrainingResult
from wallpaint.train.light import room_cache
from wallpaint.train.light.network import export, load_weights
from wallpaint.train.light.task import METRIC, LightConfig, LightEvaluator, LightTask, make_network, read_rooms
from wallpaint.train.room_training import InitialWeights, PreparedTraining, RoomsByUse, RoomTrainingReport
from wallpaint.version import __version__

ROOM_CACHE_DIR, REPORT_FILE = "room_cache", "report.json"


def read(path: Path) -> LightConfig:
    """Read a recipe. Relative paths in it are relative to the working directory. Raises ConfigError."""
    return recipes.read_recipe(LightConfig, path)


def run(
    config: LightConfig,
    folder: Path,
    *,
    resume: bool = False,
    init: Path | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> RoomTrainingReport:
    """Train a light model.

    init: a light model's file; its network must have the recipe's size. Else as `room_training.run`.
    """
    return room_training.run(LightSteps(config, folder), config, folder, resume=resume, init=init, log=log)


@dataclass(frozen=True)
class LightSteps:
    """The steps of a light model's run, see `RoomTrainingSteps`."""

    config: LightConfig
    folder: Path
    preparing = "downsampling"

    @property
    def changeable(self) -> tuple[str, ...]:
        return ("room_cache", "photos_per_validation_room")

    def read_init(self, init: Path) -> InitialWeights:
        weights = _read_weights(init, self.config)
        return InitialWeights(init, lambda network: load_weights(network, weights))

    def prepare(self, rooms_by_use: RoomsByUse) -> RoomsByUse:
        cache = self.config.room_cache or self.folder / ROOM_CACHE_DIR
        return {use: room_cache.cache_rooms(rooms, cache) for use, rooms in rooms_by_use.items()}

    def start(self, rooms_by_use: RoomsByUse) -> PreparedTraining:
        for use, paths in rooms_by_use.items():
            if not paths:
                raise ConfigError(f"{use} has no room with enough wall: use more seeds")
        task = LightTask(read_rooms(rooms_by_use["rooms"]), self.config)
        evaluator = LightEvaluator(read_rooms(rooms_by_use["validation"]), self.config)

        def finish(outcome: TrainingResult) -> list[str]:
            error = write_result(self.config, outcome, self.folder, task, evaluator)
            count = len(rooms_by_use["validation"])
            return [f"{error:.2f} CIEDE2000 on {count} validation rooms, network alone"]

        return PreparedTraining(task, evaluator, finish, str(self.folder / light_model.FILE))


def write_result(
    config: LightConfig, outcome: TrainingResult, folder: Path, task: LightTask, evaluator: LightEvaluator
) -> float:
    """Export the model, calibrate and evaluate it on validation rooms, and write it. Returns its CIEDE2000 there."""
    import torch

    best = outcome.weights if outcome.best is None else outcome.best.weights
    with torch.no_grad():
        for name, parameter in task.network.named_parameters():
            parameter.copy_(best[name])
    data = export(task.network, config.side)
    load_weights(task.network, onnx_export.read(data, light_model.KIND)[0])  # evaluate the weights as stored
    task.network.eval()
    measured = evaluator.measure(task.network)
    measured = measured[~np.isnan(measured[:, 0])]
    calibration = float(measured[:, 0].mean() / measured[:, 1].mean())
    report = {
        "schema": "wallpaint.light/1",
        "version": __version__,
        "config": recipes.to_mapping(config),
        "rooms": len(task),
        "validation_rooms": len(evaluator.samples) // config.photos_per_validation_room,
        "parameters": sum(value.numel() for value in task.network.parameters()),
        "steps": outcome.step,
        METRIC: float(measured[:, 0].mean()),
        "outside": {"ciede2000": float(np.nanmean(measured[:, 2])), "left_alone": float(np.nanmean(measured[:, 3]))},
        "calibration": calibration,
        "by_expected_error": _expected_error_quartiles(measured[:, 0], calibration * measured[:, 1]),
    }
    atomic.put(folder / light_model.FILE, onnx_export.with_metadata(data, calibration=round(calibration, 4)))
    atomic.put(folder / REPORT_FILE, json.dumps(report, indent=1).encode() + b"\n")
    return float(measured[:, 0].mean())


def _read_weights(init: Path, config: LightConfig) -> dict[str, Any]:
    """Read a light model's weights by name. Raises ModelError; ConfigError if its network has another size than the
    recipe's."""
    weights, _ = onnx_export.read(init, light_model.KIND)
    if not {"mean", "scale"} <= weights.keys():
        raise ModelError(f"{init}: has no weights of a light model: name the file that a run has written")
    network = make_network(config.network, weights["mean"], weights["scale"])
    try:
        load_weights(network, weights)
    except RuntimeError as error:
        raise ConfigError(f"{init}: its network has another size than the recipe's") from error
    return weights


def _expected_error_quartiles(error: Any, expected: Any) -> list[Mapping[str, float]]:
    """Return the mean expected and true error of each quarter of the photos, sorted by expected error."""
    order = np.argsort(expected)
    return [
        {"expected": round(float(expected[part].mean()), 3), "error": round(float(error[part].mean()), 3)}
        for part in np.array_split(order, 4)
    ]
