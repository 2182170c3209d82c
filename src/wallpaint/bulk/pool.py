"""Worker processes that run tasks one by one, with limits of time and memory, and survive the death of any of them.

Each worker has a pipe of its own, so that a worker that is killed while it writes breaks no queue that others share.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from wallpaint.errors import WallpaintError

Task = TypeVar("Task")
Outcome: TypeAlias = Literal["done", "failed", "quarantined"]
MAX_DEATHS = 2  # of workers on one task; then it is quarantined
_POLL_S = 0.2
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class TaskLimits:
    """Limits of one task.

    seconds: of work, with the start of a new worker. resident_bytes: resident memory of the worker, None for no limit;
    watched where the system has /proc.
    """

    seconds: float = 600.0
    resident_bytes: int | None = None


@dataclass(frozen=True)
class Finished(Generic[Task]):
    """The outcome of a task. value: what the function returned, if done. message: of the error, one line."""

    task: Task
    outcome: Outcome
    value: Any = None
    message: str = ""


@dataclass(eq=False)
class _Worker(Generic[Task]):
    process: SpawnProcess
    pipe: Connection
    task: Task | None = None
    begun: float = 0.0

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def run_tasks(
    function: Callable[[Task], Any],
    tasks: Iterable[Task],
    *,
    workers: int,
    limits: TaskLimits,
    stop: Event | None = None,
) -> Iterator[Finished[Task]]:
    """Yield the outcome of each task, in the order in which they end.

    function, tasks: picklable, the function by its module's name; no task is None. A task that raises is failed. A task
    whose worker dies or exceeds a limit is repeated once in a new worker, then quarantined. stop: once set no task
    begins any more, and the running ones end. Workers ignore SIGINT, which a terminal sends to the whole group.
    """
    waiting: deque[Task] = deque()
    source = iter(tasks)
    deaths: dict[int, int] = {}
    pool: set[_Worker[Task]] = set()

    def next_task() -> Task | None:
        if stop is not None and stop.is_set():
            return None
        return waiting.popleft() if waiting else next(source, None)

    def died(worker: _Worker[Task], reason: str) -> Finished[Task] | None:
        task = worker.task
        worker.end()
        pool.discard(worker)
        assert task is not None
        count = deaths[id(task)] = deaths.get(id(task), 0) + 1
        if count < MAX_DEATHS:
            waiting.append(task)
            return None
        del deaths[id(task)]
        return Finished(task, "quarantined", message=f"{reason}, {count} times")

    try:
        while True:
            idle = [worker for worker in pool if worker.task is None]
            while idle or len(pool) < workers:
                task = next_task()
                if task is None:
                    break
                worker = idle.pop() if idle else _start(function)
                pool.add(worker)
                worker.task, worker.begun = task, monotonic()
                with contextlib.suppress(OSError):  # it died while idle: the read below finds out
                    worker.pipe.send(task)
            busy = {worker.pipe: worker for worker in pool if worker.task is not None}
            if not busy:
                return
            for pipe in wait(list(busy), timeout=_POLL_S):
                worker = busy.pop(pipe)  # type: ignore[call-overload]
                try:
                    outcome, value = worker.pipe.recv()
                except (EOFError, OSError):
                    worker.process.join()
                    ended = died(worker, f"the worker process died ({_reason(worker.process.exitcode)})")
                    if ended is not None:
                        yield ended
                    continue
                task, worker.task = worker.task, None
                assert task is not None
                deaths.pop(id(task), None)  # the number may be another task's later
                yield Finished(task, outcome, value) if outcome == "done" else Finished(task, outcome, message=value)
            for worker in busy.values():
                exceeded = _exceeded(worker, limits)
                ended = died(worker, exceeded) if exceeded else None
                if ended is not None:
                    yield ended
    finally:
        for worker in pool:
            worker.end()


def _start(function: Callable[[Task], Any]) -> _Worker[Task]:
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_work, args=(function, theirs), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _work(function: Callable[[Any], Any], pipe: Connection) -> None:
    """Run tasks from a pipe until its other end is closed, also by the end of the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = ("done", function(task))
        except WallpaintError as error:
            answer = ("failed", " ".join(str(error).split()))
        except Exception as error:  # whatever one bad file causes must not stop the others
            answer = ("failed", f"{type(error).__name__}: {' '.join(str(error).split())}")
        pipe.send(answer)


def _exceeded(worker: _Worker[Any], limits: TaskLimits) -> str:
    """Return which limit a busy worker exceeds, empty if none."""
    if monotonic() - worker.begun > limits.seconds:
        return f"took longer than {limits.seconds:g} s"
    if limits.resident_bytes is not None and resident_bytes(worker.process.pid) > limits.resident_bytes:
        return f"used more than {limits.resident_bytes / 2**20:.0f} MiB of memory"
    return ""


def resident_bytes(pid: int | None) -> int:
    """Return the resident memory of a process; 0 if it has ended, and on systems without /proc."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _reason(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit status {code}"
