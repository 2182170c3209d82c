"""A report's means as TensorBoard scalars, one run a candidate: `room_mean/off`, `swatch/on`, …"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wallpaint.errors import ConfigError, InputError

MISSING = "--tensorboard needs the package tensorboard: pip install -c constraints.txt -e '.[train]'"


def writer() -> Callable[[str], Any]:
    """SummaryWriter, which makes a writer of a folder. Raises ConfigError where the package is missing."""
    try:
        made: Any = importlib.import_module("torch.utils.tensorboard")
    except ImportError as error:
        raise ConfigError(MISSING) from error
    return made.SummaryWriter


def write(report: Mapping[str, Any], folder: Path, step: int = 0) -> None:
    """Write the means; event files that are there for the same candidates are replaced.

    Raises ConfigError where the package is missing, InputError where the folder cannot be written to.
    """
    try:
        _write(report, folder, step)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}): check the folder and its space") from error


def _write(report: Mapping[str, Any], folder: Path, step: int) -> None:
    make, taken = writer(), set[str]()
    for candidate, by_lock in report["means"].items():
        name = re.sub(r"[^\w.+-]+", "_", candidate)
        while name in taken:
            name += "_"
        taken.add(name)
        place = folder / name
        for old in place.glob("events.out.tfevents.*"):
            old.unlink()
        with make(str(place)) as events:
            for lock, by_metric in by_lock.items():
                for metric, found in by_metric.items():
                    if found["value"] is not None:
                        events.add_scalar(f"{metric}/{lock}", found["value"], step)
