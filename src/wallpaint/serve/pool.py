"""The pool of worker processes: sends each task to an idle worker and replaces workers that end.

Short tasks of requests go first; jobs use all workers but one, so that the page stays responsive while jobs run.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wallpaint.errors import InputError
from wallpaint.serve.settings import ServeSettings

_LOGGER = logging.getLogger("wallpaint.serve")
_LINE_LIMIT = 32 * 2**20  # bytes of a message
_START_PAUSE_S = 0.5  # after a worker that ended before it was ready
WORKER_MODULE = "wallpaint.serve.worker"
ATTEMPTS = 2  # of a task whose worker ends


class WorkerEnded(Exception):
    """The worker of a task ended before it answered."""


class TaskCancelled(Exception):
    """The task was cancelled, or took too long."""


class TaskFailed(Exception):
    """The task raised an error that is no fault of its input; the worker has logged it."""


class PoolFull(Exception):
    """Too many tasks wait for a worker."""


@dataclass(eq=False)
class _Task:
    """A task and its outcome.

    key: the photo that it works on; a worker that has it in memory is preferred. label: its name for `kill_worker_of`.
    """

    name: str
    args: Mapping[str, Any]
    key: str
    label: str
    is_job: bool
    on_progress: Callable[[float, str], None] | None
    on_beat: Callable[[], None] | None
    outcome: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    worker: _Worker | None = None
    begun: float | None = None
    number: int = 0


@dataclass(eq=False)
class _Worker:
    process: asyncio.subprocess.Process
    is_ready: bool = False
    task: _Task | None = None
    key: str = ""

    def send(self, message: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(ConnectionError, RuntimeError):
            self.process.stdin.write(json.dumps(message).encode() + b"\n")

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()


class WorkerPool:
    """Worker processes. Use within one event loop: `await start()`, `await run(...)`, `await stop()`."""

    def __init__(self, settings: ServeSettings, module: str = WORKER_MODULE) -> None:
        """module: that runs as a worker."""
        self.settings, self.module = settings, module
        self.max_jobs = max(1, settings.workers - 1)
        self.restarts = 0
        self._workers: set[_Worker] = set()
        self._waiting: deque[_Task] = deque()
        self._keepers: list[asyncio.Task[None]] = []
        self._count = 0
        self._is_stopping = False

    async def start(self) -> None:
        """Start the workers, without waiting until they are ready."""
        self._keepers = [asyncio.create_task(self._keep_worker()) for _ in range(self.settings.workers)]

    async def stop(self) -> None:
        """End all workers; running and waiting tasks raise WorkerEnded."""
        self._is_stopping = True
        for worker in self._workers:
            worker.kill()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for task in self._waiting:
            _finish(task, WorkerEnded("the server is shutting down"))
        self._waiting.clear()

    @property
    def ready(self) -> int:
        """Number of workers that have loaded their models."""
        return sum(worker.is_ready for worker in self._workers)

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [worker.process.pid for worker in self._workers]

    def pids_of(self, name: str) -> list[int]:
        """Process ids of the workers that run a task of a name."""
        return [w.process.pid for w in self._workers if w.task is not None and w.task.name == name]

    async def request(self, name: str, key: str, /, **args: Any) -> Any:
        """Run a short task for a request, again on another worker if its worker ends.

        Raises the task's InputError, also if it took too long or ended its worker twice; PoolFull, TaskFailed.
        """
        if sum(not task.is_job for task in self._waiting) >= self.settings.max_waiting:
            raise PoolFull
        limit_s = self.settings.request_timeout_s
        for _ in range(ATTEMPTS):
            try:
                return await self.run(name, args, key=key, timeout_s=limit_s)
            except TaskCancelled:
                raise InputError(f"this took longer than {limit_s:g} s: make the photo smaller") from None
            except WorkerEnded:
                if self._is_stopping:
                    raise
        raise InputError(f"the process that works on this photo crashed {ATTEMPTS} times: export the photo again")

    async def run(
        self,
        name: str,
        args: Mapping[str, Any],
        *,
        key: str = "",
        label: str = "",
        is_job: bool = False,
        timeout_s: float,
        on_progress: Callable[[float, str], None] | None = None,
        on_beat: Callable[[], None] | None = None,
    ) -> Any:
        """Run a task in a worker and return its result.

        timeout_s: from the moment when a worker takes it. Raises the task's InputError, WorkerEnded, TaskFailed,
        TaskCancelled after timeout_s, and PoolFull if no worker has taken it after timeout_s and it is no job. If the
        caller is cancelled, the task is cancelled at its next step, and its worker is ended after the grace period.
        """
        task = _Task(name, args, key, label, is_job, on_progress, on_beat)
        self._waiting.append(task)
        self._dispatch()
        clock = asyncio.get_running_loop().time
        try:
            while True:
                left_s = timeout_s if task.begun is None else task.begun + timeout_s - clock()
                try:
                    return await asyncio.wait_for(asyncio.shield(task.outcome), max(left_s, 0))
                except TimeoutError:
                    if task.begun is None and not is_job:
                        raise PoolFull from None
                    if task.begun is not None and clock() >= task.begun + timeout_s:
                        raise TaskCancelled(f"took longer than {timeout_s:g} s") from None
        except (PoolFull, TaskCancelled):
            self._cancel(task, grace_s=0.0)
            raise
        except asyncio.CancelledError:
            self._cancel(task, grace_s=self.settings.cancel_grace_s)
            raise

    def forget(self, key: str) -> None:
        """Let the workers release what they have in memory of a photo that was deleted."""
        for worker in self._workers:
            if worker.is_ready:
                worker.send({"forget": key})

    def is_waiting(self, label: str) -> bool:
        """Return whether the task of a label waits for a worker."""
        return any(task.label == label for task in self._waiting)

    def kill_worker_of(self, label: str) -> None:
        """End the worker that runs the task of a label, if one does."""
        for worker in self._workers:
            if worker.task is not None and worker.task.label == label:
                worker.kill()

    def _cancel(self, task: _Task, grace_s: float) -> None:
        if task in self._waiting:
            self._waiting.remove(task)
            return
        worker = task.worker
        if worker is None or task.outcome.done():
            return
        worker.send({"cancel": task.number})

        def end() -> None:
            if worker.task is task:
                worker.kill()

        if grace_s > 0:
            asyncio.get_running_loop().call_later(grace_s, end)
        else:
            end()

    def _dispatch(self) -> None:
        """Hand waiting tasks to idle workers."""
        while True:
            idle = [worker for worker in self._workers if worker.is_ready and worker.task is None]
            jobs = sum(worker.task is not None and worker.task.is_job for worker in self._workers)
            allowed = [task for task in self._waiting if not task.is_job or jobs < self.max_jobs]
            if not idle or not allowed:
                return
            task = min(allowed, key=lambda task: task.is_job)
            self._waiting.remove(task)
            worker = next((worker for worker in idle if worker.key == task.key), idle[0])
            self._count += 1
            task.worker, task.number, task.begun = worker, self._count, asyncio.get_running_loop().time()
            worker.task, worker.key = task, task.key
            worker.send({"id": task.number, "task": task.name, "args": dict(task.args)})

    async def _keep_worker(self) -> None:
        """Keep one worker process running."""
        while not self._is_stopping:
            worker = _Worker(await self._start_process())
            self._workers.add(worker)
            if self._is_stopping:  # since the process was started
                worker.kill()
            try:
                await self._read(worker)
            except Exception:  # no message of this protocol, or a full disk when its progress is recorded
                _LOGGER.exception("a message of a worker")
            finally:
                worker.kill()
                await worker.process.wait()
                self._workers.discard(worker)
                if worker.task is not None:
                    _finish(worker.task, WorkerEnded(f"worker ended with status {worker.process.returncode}"))
            if not self._is_stopping:
                self.restarts += 1
                _LOGGER.warning("a worker ended with status %s and is replaced", worker.process.returncode)
                if not worker.is_ready:
                    await asyncio.sleep(_START_PAUSE_S)

    async def _start_process(self) -> asyncio.subprocess.Process:
        threads = max(1, (os.cpu_count() or 1) // self.settings.workers)
        environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
        command = (sys.executable, "-P", "-m", self.module)
        return await asyncio.create_subprocess_exec(
            *command,
            str(self.settings.memory_limit),
            self.settings.bundle or "",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT,
            env=environment,
        )

    async def _read(self, worker: _Worker) -> None:
        """Handle a worker's messages until it ends."""
        assert worker.process.stdout is not None
        while line := await worker.process.stdout.readline():
            message = json.loads(line)
            task = worker.task
            if message.get("ready"):
                worker.is_ready = True
            elif task is None or message.get("id", message.get("beat")) != task.number:
                continue
            elif "beat" in message:
                if task.on_beat is not None:
                    task.on_beat()
            elif "progress" in message:
                if task.on_progress is not None:
                    task.on_progress(message["progress"], message["step"])
            else:
                worker.task = None
                _finish(task, _error(message["error"]) if "error" in message else message["result"])
            self._dispatch()


def _finish(task: _Task, outcome: Any) -> None:
    if task.outcome.done():
        return
    if isinstance(outcome, Exception):
        task.outcome.set_exception(outcome)
        task.outcome.exception()  # nobody may be waiting for it any more
    else:
        task.outcome.set_result(outcome)


def _error(error: Mapping[str, str]) -> Exception:
    kinds: dict[str, type[Exception]] = {"input": InputError, "cancelled": TaskCancelled}
    return kinds.get(error["kind"], TaskFailed)(error["message"])
