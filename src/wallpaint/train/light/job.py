"""From a recipe to the light model's file: rooms rendered, made small, learnt from; the result calibrated and judged.

run/config.yaml   the recipe with every value    log.jsonl    a line every few steps
    checkpoints/  to go on from                  report.json  how good it is on validation rooms
    small/        rooms as they are learnt from  light_model.safetensors, the result
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wallpaint.errors import ConfigError, ModelError
from wallpaint.files import atomic
from wallpaint.light import model as light_model
from wallpaint.train import room_sets
from wallpaint.train.engine import config as recipes
from wallpaint.train.engine import optimizer, trackers
from wallpaint.train.engine.loop import TrainingResult, fit, refuse_existing_checkpoints
from wallpaint.train.light import small_rooms as light_rooms
from wallpaint.train.light.network import load_model, model_of
from wallpaint.train.light.task import METRIC, Check, LightConfig, LightTask, read_rooms
from wallpaint.version import __version__

SMALL, REPORT = "small", "report.json"


def read(path: Path) -> LightConfig:
    """Read a recipe. Relative paths in it are relative to where the program runs. Raises ConfigError."""
    return recipes.read_recipe(LightConfig, path)


def run(
    config: LightConfig,
    folder: Path,
    *,
    resume: bool = False,
    start: Path | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> room_sets.Report:
    """Make a light model.

    resume: go on from the newest checkpoint. start: a file as this writes it, whose weights are begun with; its network
    must be of the recipe's size. log: takes lines of progress. Raises ConfigError, InputError or ModelError.
    """
    optimizer.check_installed(config.optimizer)
    trackers.check_installed(config.tracking)
    if not resume:
        refuse_existing_checkpoints(folder)
    begun = None if start is None else _weights(start, config)
    if not resume:  # a run that goes on keeps what it was begun with until it is sure that this is the same
        recipes.write(config, folder)
    found = room_sets.prepare(config.sets, config.render_workers, log)
    log(f"making {sum(map(len, found.values()))} rooms small")
    small = {use: light_rooms.make_small(rooms, config.small or folder / SMALL) for use, rooms in found.items()}
    rooms = room_sets.settle(small["rooms"], folder, resume=resume, most=config.max_rooms, seed=config.seed)
    for use, left in (("rooms", rooms), ("validation", small["validation"])):
        if not left:
            raise ConfigError(f"{use} has no room with enough wall: take more seeds")
    task, check = LightTask(read_rooms(rooms), config), Check(read_rooms(small["validation"]), config)
    if begun is not None:
        load_model(task.network, begun)
    log(f"training on {len(rooms)} rooms")
    outcome = fit(
        task,
        config.loop,
        config.optimizer,
        folder,
        seed=config.seed,
        digest=room_sets.digest(config, ("small", "checks"), rooms, start),
        device="cpu",
        resume=resume,
        tracking=config.tracking,
        evaluator=check if config.loop.eval_every else None,
        on_start=lambda: recipes.write(config, folder),
        on_step=lambda step, loss: log(f"step {step}: loss {loss:.4f}") if step % config.loop.log_every == 0 else None,
    )
    parameters = sum(value.numel() for value in task.network.parameters())
    report = room_sets.Report(outcome.step, config.loop.steps, len(rooms), parameters)
    if outcome.stopped:
        return report
    error = finish(config, outcome, folder, task, check)
    line = f"{error:.2f} CIEDE2000 on {len(small['validation'])} validation rooms, by the network alone"
    return dataclasses.replace(report, judged=(line,), written=str(folder / light_model.FILE))


def finish(config: LightConfig, outcome: TrainingResult, folder: Path, task: LightTask, check: Check) -> float:
    """Calibrate and judge on validation rooms, and write the result; returns its CIEDE2000 there."""
    import torch

    best = outcome.weights if outcome.best is None else outcome.best.weights
    with torch.no_grad():
        for name, parameter in task.network.named_parameters():
            parameter.copy_(best[name])
    kept = light_model.parse(encode(task.network, config, 1.0)).weights  # which are judged as the file holds them
    load_model(task.network, {name: torch.from_numpy(value) for name, value in kept.items()})
    task.network.eval()
    found = check.measure(task.network)
    found = found[~np.isnan(found[:, 0])]
    calibration = float(found[:, 0].mean() / found[:, 1].mean())
    report = {
        "schema": "wallpaint.light/1",
        "version": __version__,
        "config": recipes.to_mapping(config),
        "rooms": len(task),
        "validation_rooms": len(check.samples) // config.checks,
        "parameters": sum(value.numel() for value in task.network.parameters()),
        "steps": outcome.step,
        METRIC: float(found[:, 0].mean()),
        "outside": {"ciede2000": float(np.nanmean(found[:, 2])), "left_alone": float(np.nanmean(found[:, 3]))},
        "calibration": calibration,
        "by_expected_error": _calibrated(found[:, 0], calibration * found[:, 1]),
    }
    atomic.put(folder / light_model.FILE, encode(task.network, config, calibration))
    atomic.put(folder / REPORT, json.dumps(report, indent=1).encode() + b"\n")
    return float(found[:, 0].mean())


def encode(network: Any, config: LightConfig, calibration: float) -> bytes:
    """A model's file; see `light_model.pack`."""
    weights = {name: value.detach().float().numpy() for name, value in model_of(network).items()}
    return light_model.pack(light_model.LightModel(weights, config.side, calibration, config.network.depths))


def _weights(start: Path, config: LightConfig) -> dict[str, Any]:
    """A light model's weights by name. Raises ModelError; ConfigError where its network is not of the recipe's size."""
    import torch

    from wallpaint.train.light.task import make_network

    try:
        model = light_model.parse(start.read_bytes())
    except OSError as error:
        raise ModelError(f"{start}: cannot be read ({error.strerror}): name the file that a run has written") from error
    except Exception as error:  # safetensors has errors of its own
        raise ModelError(f"{start}: is no light model ({type(error).__name__})") from error
    weights = {name: torch.from_numpy(value) for name, value in model.weights.items()}
    trial = make_network(config.network, weights["mean"], weights["scale"])
    try:
        load_model(trial, weights)
    except RuntimeError as error:
        raise ConfigError(f"{start}: its network is of another size than the recipe's") from error
    return weights


def _calibrated(error: Any, expected: Any) -> list[Mapping[str, float]]:
    """Quarters of the validation photos by expected error: what was expected, and what it was."""
    order = np.argsort(expected)
    return [
        {"expected": round(float(expected[part].mean()), 3), "error": round(float(error[part].mean()), 3)}
        for part in np.array_split(order, 4)
    ]
