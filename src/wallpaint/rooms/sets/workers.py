"""Worker processes that do one task after another, and that never outlive the process that started them.

A worker is started afresh (spawn) with one thread for numerics, finds its function by name, and ends by itself as soon
as its parent is gone, however that came about.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from wallpaint import errors
from wallpaint.errors import ConfigError, WallpaintError

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
GRACE_S = 5.0  # how long a worker may take to end when asked to


def available() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def function_of(name: str) -> Callable[..., Any]:
    """The function of a name such as "package.module:function". Raises ConfigError where there is none."""
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f'no function "{name}": expected package.module:function') from error
    if not callable(found):
        raise ConfigError(f'"{name}" is not a function')
    return found


def results(function: str, tasks: Sequence[tuple[Any, ...]], workers: int) -> Iterator[Any]:
    """What the function gives for each task, as they finish.

    function: see `function_of`. tasks: arguments that can be pickled. An error of the package's own tree is raised here
    as it was raised there; any other as RuntimeError with the worker's traceback. Raises WallpaintError where a worker
    is killed. When the iterator is closed, by an exception or otherwise, the workers are gone.
    """
    crew = [_start(function, number) for number in range(min(workers, len(tasks)))]
    waiting = iter(enumerate(tasks))
    busy: dict[Connection, _Worker] = {}
    try:
        for worker in crew:
            _give(worker, waiting, busy)
        while busy:
            for ready in wait(list(busy)):
                worker = busy.pop(ready)  # type: ignore[call-overload]
                answer = _answer(worker)
                _give(worker, waiting, busy)
                yield answer
    finally:
        _end(crew)


@dataclass
class _Worker:
    process: BaseProcess
    line: Connection


def _start(function: str, number: int) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(function, theirs), name=f"worker {number}", daemon=True)
    with _interrupts_held():
        process.start()
    theirs.close()
    return _Worker(process, ours)


class _interrupts_held:
    """Let a child be born ignoring Ctrl-C, which the terminal sends to it as well: its parent tells it when to stop."""

    def __enter__(self) -> None:
        self.before: Any = None
        if threading.current_thread() is threading.main_thread():
            self.before = signal.signal(signal.SIGINT, signal.SIG_IGN)

    def __exit__(self, *error: object) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)


def _give(worker: _Worker, waiting: Iterator[tuple[int, tuple[Any, ...]]], busy: dict[Connection, _Worker]) -> None:
    task = next(waiting, None)
    if task is None:
        return
    with suppress(OSError):  # a worker that died is found out when its answer is read
        worker.line.send(task[1])
    busy[worker.line] = worker


def _answer(worker: _Worker) -> Any:
    try:
        kind, value = worker.line.recv()
    except (EOFError, OSError) as error:
        worker.process.join(GRACE_S)
        code = worker.process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"status {code}"
        raise WallpaintError(
            f"a worker process ended before its work was done ({how}), perhaps for want of memory: "
            "run the same command again with fewer --workers; what is finished stays"
        ) from error
    if kind == "done":
        return value
    if kind == "bug":
        raise RuntimeError(f"in a worker process:\n{value}")
    raise getattr(errors, kind, WallpaintError)(value)


def _end(crew: Sequence[_Worker]) -> None:
    for worker in crew:
        worker.line.close()
        worker.process.terminate()
    for worker in crew:
        worker.process.join(GRACE_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.process.close()


def _serve(function: str, line: Connection) -> None:
    """The worker: takes tasks and sends answers until its parent hangs up."""
    threading.Thread(target=_follow_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    while True:
        try:
            task = line.recv()
        except (EOFError, OSError):
            return
        try:
            answer = ("done", function_of(function)(*task))
        except WallpaintError as error:
            answer = (_public_kind(error), str(error))
        except Exception:
            answer = ("bug", traceback.format_exc())
        try:
            line.send(answer)
        except OSError:
            return


def _public_kind(error: WallpaintError) -> str:
    return next(kind.__name__ for kind in type(error).__mro__ if getattr(errors, kind.__name__, None) is kind)


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
