"""Several processes that train as one: they stop together, and one that fails leaves none waiting."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch

from wallpaint.errors import WallpaintError

T = TypeVar("T")


def any_of(accelerator: Any, flag: bool) -> bool:
    """Whether any process wants it, so that all stop at one step."""
    if accelerator.num_processes == 1:
        return flag
    return bool(accelerator.reduce(torch.tensor(float(flag), device=accelerator.device), "sum") > 0)


def all_of(value: T) -> list[T]:
    """Every process's value, in their order. All must ask."""
    from accelerate.utils import gather_object  # type: ignore[import-untyped]

    return list(gather_object([value]))


def broadcast_from_main(value: T) -> T:
    """The main process's value, in every process. All must ask."""
    from accelerate.utils import broadcast_object_list

    told = [value]
    broadcast_object_list(told)
    return told[0]


def run_on_main(accelerator: Any, do: Callable[[], T]) -> T | None:
    """What the main process finds by doing something; None in the others, which wait for it.

    Where it fails, all raise: the main process what it met, the others an error of the same words, WallpaintError if it
    was none of that tree.
    """
    found, failed, told = None, None, None
    if accelerator.is_main_process:
        try:
            found = do()
        except Exception as error:
            failed, kind = error, type(error) if isinstance(error, WallpaintError) else WallpaintError
            told = (kind, str(error) or type(error).__name__)
    told = broadcast_from_main(told)
    if failed is not None:
        raise failed
    if told is not None:
        raise told[0](told[1])
    return found


@contextlib.contextmanager
def signals() -> Iterator[Callable[[], bool]]:
    """Whether SIGINT or SIGTERM came: then the step is finished and saved. A second one stops at once."""
    came: list[int] = []

    def note(number: int, frame: Any) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    before = {}
    with contextlib.suppress(ValueError):  # not in the main thread: whoever runs it must stop it
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
