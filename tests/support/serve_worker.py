"""A worker with further tasks, which crash, wait or use up memory; run as a module in place of the package's worker."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import numpy as np

from wallpaint.serve import tasks, worker

STUCK_COLOR = "#010203"


def crash(context: tasks.Context) -> dict[str, Any]:
    """End the process as a fault of a native decoder does."""
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


def wait(context: tasks.Context, seconds: float, steps: int = 1) -> dict[str, Any]:
    """Wait, with a step after each part of the time."""
    for step in range(steps):
        context.reporter.step(step / steps, "waiting")
        time.sleep(seconds / steps)
    return {"pid": os.getpid()}


def allocate(context: tasks.Context, gibibytes: int) -> dict[str, Any]:
    """Allocate memory."""
    return {"bytes": np.ones(gibibytes * 2**30, np.uint8).size}


def remembered(context: tasks.Context) -> dict[str, Any]:
    """Return how many values the worker keeps."""
    return {"count": sum(map(len, context._cache.values()))}


def fail(context: tasks.Context) -> dict[str, Any]:
    """Raise an error that is no fault of the input."""
    raise RuntimeError("a fault of the program")


def read(context: tasks.Context, folder: str, max_bytes: int, max_pixels: int) -> dict[str, Any]:
    """Read a photo, and crash on one with a marker in it."""
    from pathlib import Path

    if b"CRASH" in (Path(folder) / "source").read_bytes():
        return crash(context)
    return tasks.read(context, folder, max_bytes, max_pixels)


def repaint(context: tasks.Context, **args: Any) -> dict[str, Any]:
    """Repaint, but never finish in this colour."""
    return wait(context, 3600) if STUCK_COLOR in args["colors"].values() else tasks.repaint(context, **args)


if __name__ == "__main__":
    tasks.TASKS |= {task.__name__: task for task in (crash, wait, allocate, remembered, fail, read, repaint)}  # type: ignore[operator]
    worker.main()
