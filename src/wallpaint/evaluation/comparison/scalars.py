"""A report's means as TensorBoard scalars, one run a candidate: `room_mean/off`, `swatch/on`, …"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wallpaint.errors import ConfigError, InputError

MISSING_MESSAGE = "`tensorboard` needs the package tensorboard: pip install -c constraints.txt -e '.[train]'"


def summary_writer() -> Callable[[str], Any]:
    """Import and return TensorBoard's SummaryWriter class. Raises ConfigError where the package is missing."""
    try:
        module: Any = importlib.import_module("torch.utils.tensorboard")
    except ImportError as error:
        raise ConfigError(MISSING_MESSAGE) from error
    return module.SummaryWriter


def write(report: Mapping[str, Any], folder: Path, step: int = 0) -> None:
    """Write the means; existing event files of the same candidates are replaced.

    Raises ConfigError where the package is missing, InputError where the folder cannot be written to.
    """
    try:
        _write_events(report, folder, step)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written ({error.strerror}): check the folder and its free space"
        ) from error


def _write_events(report: Mapping[str, Any], folder: Path, step: int) -> None:
    make_writer, names = summary_writer(), set[str]()
    for candidate, by_lock in report["means"].items():
        name = re.sub(r"[^\w.+-]+", "_", candidate)
        while name in names:
            name += "_"
        names.add(name)
        run_folder = folder / name
        for old in run_folder.glob("events.out.tfevents.*"):
            old.unlink()
        with make_writer(str(run_folder)) as writer:
            for lock, by_metric in by_lock.items():
                for metric, mean in by_metric.items():
                    if mean["value"] is not None:
                        writer.add_scalar(f"{metric}/{lock}", mean["value"], step)
