"""From a recipe to the light model's file: rooms made small, trained on, judged, and the weights written.

run/rooms/              small rooms, made once
run/checkpoints/        where a run that was broken off goes on
run/light_model.safetensors, run/report.json
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wallpaint import light_model
from wallpaint.errors import ConfigError
from wallpaint.files import atomic
from wallpaint.train import light_rooms
from wallpaint.train.config import read_as, to_mapping
from wallpaint.train.light import METRIC, Check, LightConfig, LightTask, read_rooms
from wallpaint.train.loop import fit
from wallpaint.version import __version__

REPORT = "report.json"


def read(path: Path) -> LightConfig:
    """Read a recipe. Raises ConfigError."""
    return read_as(LightConfig, path)


def run(
    config: LightConfig,
    folder: Path,
    *,
    resume: bool = False,
    start: Path | None = None,
    tick: Callable[[int, float], None] = lambda step, loss: None,
) -> dict[str, Any]:
    """Train, and write the model; returns the report.

    resume: go on from the newest checkpoint. start: a model's file whose weights are begun with; its network must be of
    the recipe's size. Raises ConfigError; InputError for damaged rooms.
    """
    import torch

    learned, checked = (
        light_rooms.prepare([Path(name) for name in names], folder.parent / "light_rooms")
        for names in (config.rooms, config.validation)
    )
    listing = folder / "rooms.txt"
    if resume and listing.exists():  # a run keeps the rooms that it began with
        known = set(listing.read_text().split())
        learned = [path for path in learned if path.name in known]
    elif config.most_rooms:
        order = np.random.default_rng(config.seed).permutation(len(learned))[: config.most_rooms]
        learned = [learned[index] for index in sorted(order)]
    if shared := {path.name for path in learned} & {path.name for path in checked}:
        raise ConfigError(f"{len(shared)} rooms are both learned from and validated on: name other folders")
    folder.mkdir(parents=True, exist_ok=True)
    atomic.put(listing, "\n".join(path.name for path in learned).encode() + b"\n")
    task, check = LightTask(read_rooms(learned), config), Check(read_rooms(checked), config)
    if start is not None:
        _begin_with(task.network, light_model.parse(start.read_bytes()))
    done = fit(
        task,
        config.loop,
        config.optimizer,
        folder,
        seed=config.seed,
        digest=_digest(config, [path.name for path in learned], start),
        device="cpu",
        resume=resume,
        watch=check if config.loop.watch_every else None,
        tick=tick,
    )
    best = done.weights if done.best is None else done.best.weights
    with torch.no_grad():
        for name, parameter in task.network.named_parameters():
            parameter.copy_(best[name])
    task.network.eval()
    found = check.measure(task.network)
    found = found[~np.isnan(found[:, 0])]
    calibration = float(found[:, 0].mean() / found[:, 1].mean())
    report = {
        "schema": "wallpaint.light/1",
        "version": __version__,
        "config": to_mapping(config),
        "rooms": len(learned),
        "validation_rooms": len(checked),
        "parameters": sum(p.numel() for p in task.network.parameters()),
        "steps": done.step,
        METRIC: float(found[:, 0].mean()),
        "outside": {"ciede2000": float(np.nanmean(found[:, 2])), "left_alone": float(np.nanmean(found[:, 3]))},
        "calibration": calibration,
        "by_expected_error": _calibrated(found[:, 0], calibration * found[:, 1]),
    }
    atomic.put(folder / light_model.FILE, encode(task.network, config, calibration))
    atomic.put(folder / REPORT, json.dumps(report, indent=1).encode() + b"\n")
    return report


def encode(network: Any, config: LightConfig, calibration: float) -> bytes:
    """A model's file; see `light_model.pack`."""
    weights = {name: value.detach().float().numpy() for name, value in network.state_dict().items()}
    return light_model.pack(light_model.LightModel(weights, config.side, calibration, config.network.depths))


def _begin_with(network: Any, model: light_model.LightModel) -> None:
    import torch

    try:
        network.load_state_dict({name: torch.from_numpy(value) for name, value in model.weights.items()})
    except RuntimeError as error:
        raise ConfigError("the model to start from has a network of another size") from error


def _digest(config: LightConfig, rooms: list[str], start: Path | None) -> str:
    kept = to_mapping(replace(config, loop=replace(config.loop, save_every=1, keep_last=1, log_every=1)))
    begun = "" if start is None else hashlib.sha256(start.read_bytes()).hexdigest()
    return hashlib.sha256(json.dumps([kept, rooms, begun], sort_keys=True).encode()).hexdigest()


def _calibrated(error: Any, expected: Any) -> list[Mapping[str, float]]:
    """Quarters of the validation photos by expected error: what was expected, and what it was."""
    order = np.argsort(expected)
    return [
        {"expected": round(float(expected[part].mean()), 3), "error": round(float(error[part].mean()), 3)}
        for part in np.array_split(order, 4)
    ]
