"""A pool of worker processes that never outlive their parent.

Workers are spawned with single-threaded numerics, import their function by name, and exit when the parent process is
gone, even after SIGKILL.
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

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
JOIN_TIMEOUT_S = 5.0  # before a terminated worker is killed


def available_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def import_function(name: str) -> Callable[..., Any]:
    """Import a function by name, "package.module:function". Raises ConfigError if there is none."""
    module, _, attribute = name.partition(":")
    try:
        value = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f'no function "{name}": expected package.module:function') from error
    if not callable(value):
        raise ConfigError(f'"{name}" is not a function')
    return value


def imap_unordered(function: str, tasks: Sequence[tuple[Any, ...]], num_workers: int) -> Iterator[Any]:
    """Yield the results of a function for each task, in order of completion.

    function: see `import_function`. tasks: tuples of picklable arguments. A WallpaintError of a worker is raised again
    with its type, any other exception as RuntimeError with the traceback of the worker. Raises WallpaintError if a
    worker is killed. Closing the iterator, or an exception, ends all workers.
    """
    pool = [_start(function, number) for number in range(min(num_workers, len(tasks)))]
    pending = iter(enumerate(tasks))
    busy: dict[Connection, _Worker] = {}
    try:
        for worker in pool:
            _dispatch(worker, pending, busy)
        while busy:
            for connection in wait(list(busy)):
                worker = busy.pop(connection)  # type: ignore[call-overload]
                result = _receive(worker)
                _dispatch(worker, pending, busy)
                yield result
    finally:
        _shut_down(pool)


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection


def _start(function: str, number: int) -> _Worker:
    context = multiprocessing.get_context("spawn")
    parent_end, child_end = context.Pipe()
    process = context.Process(target=_run_worker, args=(function, child_end), name=f"worker {number}", daemon=True)
    with _SigintIgnored():
        process.start()
    child_end.close()
    return _Worker(process, parent_end)


class _SigintIgnored:
    """Start a child with SIGINT ignored: the terminal sends Ctrl-C to it as well, but the parent stops it."""

    def __enter__(self) -> None:
        self.previous: Any = None
        if threading.current_thread() is threading.main_thread():
            self.previous = signal.signal(signal.SIGINT, signal.SIG_IGN)

    def __exit__(self, *error: object) -> None:
        if self.previous is not None:
            signal.signal(signal.SIGINT, self.previous)


def _dispatch(worker: _Worker, pending: Iterator[tuple[int, tuple[Any, ...]]], busy: dict[Connection, _Worker]) -> None:
    task = next(pending, None)
    if task is None:
        return
    with suppress(OSError):  # a dead worker is detected when its result is received
        worker.connection.send(task[1])
    busy[worker.connection] = worker


def _receive(worker: _Worker) -> Any:
    try:
        status, value = worker.connection.recv()
    except (EOFError, OSError) as error:
        worker.process.join(JOIN_TIMEOUT_S)
        code = worker.process.exitcode
        cause = f"signal {-code}" if code is not None and code < 0 else f"status {code}"
        raise WallpaintError(
            f"a worker process ended before its task was done ({cause}), perhaps out of memory: "
            "run the same command again with a lower `num_workers`; finished files are kept"
        ) from error
    if status == "done":
        return value
    if status == "bug":
        raise RuntimeError(f"in a worker process:\n{value}")
    raise getattr(errors, status, WallpaintError)(value)


def _shut_down(pool: Sequence[_Worker]) -> None:
    for worker in pool:
        worker.connection.close()
        worker.process.terminate()
    for worker in pool:
        worker.process.join(JOIN_TIMEOUT_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.process.close()


def _run_worker(function: str, connection: Connection) -> None:
    """Receive tasks and send results until the parent closes the connection."""
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    while True:
        try:
            task = connection.recv()
        except (EOFError, OSError):
            return
        try:
            result = ("done", import_function(function)(*task))
        except WallpaintError as error:
            result = (_public_error_name(error), str(error))
        except Exception:
            result = ("bug", traceback.format_exc())
        try:
            connection.send(result)
        except OSError:
            return


def _public_error_name(error: WallpaintError) -> str:
    return next(cls.__name__ for cls in type(error).__mro__ if getattr(errors, cls.__name__, None) is cls)


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
