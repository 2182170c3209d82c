"""Collective operations of distributed training: a failure in one process ends all of them."""

from __future__ import annotations

import atexit
import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch

from wallpaint.errors import WallpaintError

T = TypeVar("T")


@atexit.register
def _destroy_group() -> None:
    """Destroy the process group, whose threads may abort the exit of the process otherwise."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def any_process(accelerator: Any, flag: bool) -> bool:
    """Return whether the flag is set in any process. Collective: all processes must call it."""
    if accelerator.num_processes == 1:
        return flag
    return bool(accelerator.reduce(torch.tensor(float(flag), device=accelerator.device), "sum") > 0)


def gather(value: T) -> list[T]:
    """Return the values of all processes, in rank order. Collective: all processes must call it."""
    from accelerate.utils import gather_object  # type: ignore[import-untyped]

    return list(gather_object([value]))


def broadcast_from_main(value: T) -> T:
    """Return the main process's value in every process. Collective: all processes must call it."""
    from accelerate.utils import broadcast_object_list

    values = [value]
    broadcast_object_list(values)
    return values[0]


def run_on_main(accelerator: Any, function: Callable[[], T]) -> T | None:
    """Run a function in the main process and return its result there; others wait and return None.

    If it raises, all processes raise: the main process its own exception, the others one with the same message, of the
    same class if that is a WallpaintError, else WallpaintError.
    """
    result, failure, description = None, None, None
    if accelerator.is_main_process:
        try:
            result = function()
        except Exception as error:
            failure, error_type = error, type(error) if isinstance(error, WallpaintError) else WallpaintError
            description = (error_type, str(error) or type(error).__name__)
    description = broadcast_from_main(description)
    if failure is not None:
        raise failure
    if description is not None:
        raise description[0](description[1])
    return result


@contextlib.contextmanager
def catch_stop_signals() -> Iterator[Callable[[], bool]]:
    """Catch SIGINT and SIGTERM; yields a function that returns whether one was received.

    A second signal raises KeyboardInterrupt. A signal that is already ignored, as under `nohup` or with `&` in a
    script, stays ignored.
    """
    received: list[int] = []

    def handle(number: int, frame: Any) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    previous: dict[int, Any] = {}
    with contextlib.suppress(ValueError):  # not in the main thread, where no handler can be set
        for stop_signal in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(stop_signal) != signal.SIG_IGN:
                previous[stop_signal] = signal.signal(stop_signal, handle)
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
