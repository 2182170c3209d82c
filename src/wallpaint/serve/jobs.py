"""The queue of jobs: their states in the database, and a runner that gives them to workers.

    queued ──claim──> running ──> done | failed
      ^                  │ the lease expires, or the worker ends
      └──────once────────┘ then failed                            queued or running ──> cancelled

A running job has a lease, which the heartbeats of its worker extend. A claim is a fresh random token: only its owner
can finish the job, so a worker that was taken for dead cannot overwrite the result of another.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping
from sqlite3 import Row
from typing import Any

from wallpaint.errors import WallpaintError
from wallpaint.serve.database import Database
from wallpaint.serve.pool import TaskCancelled, TaskFailed, WorkerEnded, WorkerPool
from wallpaint.serve.store import Store, new_id

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
FINISHED = (DONE, FAILED, CANCELLED)
MAX_ATTEMPTS = 2
POLL_S = 1.0  # between searches for expired leases and jobs that another process has queued
CLEANUP_S = 60.0
LOST_MESSAGE = "the process that ran this job ended twice: try a smaller photo, or try again"
_LOGGER = logging.getLogger("wallpaint.serve")


class JobQueue:
    """The jobs in the database. Every change of a job appends an event."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._changed: dict[str, asyncio.Event] = {}
        self.is_closing = False  # then event streams end; clients continue them after a restart

    def add(self, kind: str, photo_id: str, request: Mapping[str, Any], idempotency_key: str | None) -> Row:
        """Queue a job and return its record."""
        job_id = new_id()
        with self.database.transaction():
            self.database.run(
                "INSERT INTO jobs (id, number, kind, request, state, photo, created, idempotency_key) "
                "VALUES (?, (SELECT coalesce(max(number), 0) + 1 FROM jobs), ?, ?, ?, ?, ?, ?)",
                (job_id, kind, json.dumps(request), QUEUED, photo_id, time.time(), idempotency_key),
            )
            self._append_event(job_id)
        return self.get_existing(job_id)

    def get(self, job_id: str) -> Row | None:
        """Return a job's record; None if it is unknown."""
        return self.database.row("SELECT * FROM jobs WHERE id = ?", (job_id,))

    def get_existing(self, job_id: str) -> Row:
        """Return the record of a job that exists."""
        row = self.get(job_id)
        assert row is not None
        return row

    def by_key(self, idempotency_key: str) -> Row | None:
        """Return the job that was created with an Idempotency-Key."""
        return self.database.row("SELECT * FROM jobs WHERE idempotency_key = ?", (idempotency_key,))

    def count(self, state: str) -> int:
        """Return the number of jobs in a state."""
        row = self.database.row("SELECT count(*) FROM jobs WHERE state = ?", (state,))
        return int(row[0]) if row is not None else 0

    def position(self, job: Row) -> int:
        """Return the number of queued jobs before a queued one."""
        row = self.database.row("SELECT count(*) FROM jobs WHERE state = ? AND number < ?", (QUEUED, job["number"]))
        return int(row[0]) if row is not None else 0

    def claim(self, lease_s: float) -> Row | None:
        """Set the oldest queued job to running and return it; None if there is none."""
        now = time.time()
        with self.database.transaction():
            rows = self.database.rows(
                "UPDATE jobs SET state = ?, claim = ?, lease_until = ?, started = ?, attempts = attempts + 1, "
                "progress = 0, step = '' WHERE id = (SELECT id FROM jobs WHERE state = ? ORDER BY number LIMIT 1) "
                "RETURNING *",
                (RUNNING, new_id(), now + lease_s, now, QUEUED),
            )
            for row in rows:
                self._append_event(row["id"])
        return rows[0] if rows else None

    def beat(self, job: Row, lease_s: float) -> None:
        """Extend the lease of a claimed job."""
        sql = "UPDATE jobs SET lease_until = ? WHERE id = ? AND claim = ? AND state = ?"
        self.database.run(sql, (time.time() + lease_s, job["id"], job["claim"], RUNNING))

    def progress(self, job: Row, progress: float, step: str) -> None:
        """Record the progress of a claimed job."""
        self._change(job, "progress = ?, step = ?", (progress, step))

    def finish(self, job: Row, result: Mapping[str, Any]) -> bool:
        """Set a claimed job to done, with the result of its task; False if the claim is no longer valid."""
        values = (DONE, time.time(), result["file"], result["name"], result["media_type"], json.dumps(result["report"]))
        columns = "state = ?, finished = ?, result_file = ?, result_name = ?, media_type = ?, report = ?"
        return self._change(job, f"{columns}, progress = 1, step = '', claim = NULL", values)

    def fail(self, job: Row, message: str) -> bool:
        """Set a claimed job to failed; False if the claim is no longer valid."""
        return self._change(
            job, "state = ?, finished = ?, error = ?, step = '', claim = NULL", (FAILED, time.time(), message)
        )

    def release(self, job: Row) -> bool:
        """Queue a claimed job again whose worker was lost, or set it to failed if that has happened before."""
        if job["attempts"] >= MAX_ATTEMPTS:
            return self.fail(job, LOST_MESSAGE)
        return self._change(job, "state = ?, claim = NULL, lease_until = NULL, progress = 0, step = ''", (QUEUED,))

    def return_job(self, job: Row) -> bool:
        """Queue a claimed job again as if it had not been claimed, since the server is shutting down."""
        columns = "state = ?, claim = NULL, lease_until = NULL, attempts = attempts - 1, progress = 0, step = ''"
        return self._change(job, columns, (QUEUED,))

    def expired(self) -> list[Row]:
        """Return the running jobs whose lease has expired."""
        return self.database.rows("SELECT * FROM jobs WHERE state = ? AND lease_until < ?", (RUNNING, time.time()))

    def cancel(self, job_id: str) -> bool:
        """Set an unfinished job to cancelled; False if it is finished."""
        with self.database.transaction():
            changed = self.database.run(
                "UPDATE jobs SET state = ?, finished = ?, step = '', claim = NULL WHERE id = ? AND state IN (?, ?)",
                (CANCELLED, time.time(), job_id, QUEUED, RUNNING),
            )
            if changed:
                self._append_event(job_id)
        return bool(changed)

    def delete(self, job_id: str) -> None:
        """Delete the record of a job."""
        self.database.run("DELETE FROM jobs WHERE id = ?", (job_id,))
        self._notify(job_id)

    def _change(self, job: Row, columns: str, values: tuple[Any, ...]) -> bool:
        """Update a running job that this claim still owns, and append an event."""
        with self.database.transaction():
            sql = f"UPDATE jobs SET {columns} WHERE id = ? AND claim = ? AND state = ?"
            changed = self.database.run(sql, (*values, job["id"], job["claim"], RUNNING))
            if changed:
                self._append_event(job["id"])
        return bool(changed)

    # -- events

    def events(self, job_id: str, after: int) -> list[Row]:
        """Return the events of a job with an id above `after`, in order."""
        return self.database.rows("SELECT * FROM events WHERE job = ? AND id > ? ORDER BY id", (job_id, after))

    async def wait(self, job_id: str, timeout_s: float) -> None:
        """Wait until a job changes, at most timeout_s."""
        event = self._changed.setdefault(job_id, asyncio.Event())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), timeout_s)

    def _append_event(self, job_id: str) -> None:
        job = self.get_existing(job_id)
        data = {key: job[key] for key in ("id", "state", "progress", "step", "attempts", "error")}
        self.database.run(
            "INSERT INTO events (job, id, data) "
            "VALUES (?, (SELECT coalesce(max(id), 0) + 1 FROM events WHERE job = ?), ?)",
            (job_id, job_id, json.dumps(data)),
        )
        self._notify(job_id)

    def _notify(self, job_id: str) -> None:
        event = self._changed.pop(job_id, None)
        if event is not None:
            event.set()


class JobRunner:
    """Gives queued jobs to workers, and watches over leases and retention.

    on_finished: called with kind, state and seconds of a job that a worker has finished.
    """

    def __init__(self, store: Store, queue: JobQueue, pool: WorkerPool) -> None:
        self.store, self.queue, self.pool = store, queue, pool
        self.settings = store.settings
        self.on_finished: Callable[[str, str, float], None] = lambda kind, state, seconds: None
        self._wake = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start to work on the queue."""
        self._loops = [asyncio.create_task(self._run_queue()), asyncio.create_task(self._clean_up())]

    async def stop(self) -> None:
        """Stop; running jobs are queued again without counting the attempt."""
        for loop in self._loops:
            loop.cancel()
        running = dict(self._running)
        for task in running.values():
            task.cancel()
        await asyncio.gather(*self._loops, *running.values(), return_exceptions=True)

    def wake(self) -> None:
        """Look for queued jobs now."""
        self._wake.set()

    def cancel(self, job_id: str) -> bool:
        """Cancel a job; False if it is finished. Its worker stops at the next step, or is ended."""
        cancelled = self.queue.cancel(job_id)
        task = self._running.get(job_id)
        if cancelled and task is not None:
            task.cancel()
        return cancelled

    async def _run_queue(self) -> None:
        while True:
            try:
                self._start_jobs()
            except sqlite3.Error:  # as on a full disk
                _LOGGER.exception("the queue")
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_S)

    def _start_jobs(self) -> None:
        """Recover jobs without heartbeat and start as many queued ones as the pool takes."""
        for job in self.queue.expired():
            if self.pool.is_waiting(job["claim"]):  # all workers are busy with requests
                self.queue.beat(job, self.settings.lease_s)
            else:
                self._recover(job)
        while len(self._running) < self.pool.max_jobs:
            claimed = self.queue.claim(self.settings.lease_s)
            if claimed is None:
                break
            self._start(claimed)

    def _start(self, job: Row) -> None:
        task = asyncio.create_task(self._run_job(job))
        self._running[job["id"]] = task
        task.add_done_callback(lambda task: self._forget(job["id"], task))

    def _forget(self, job_id: str, task: asyncio.Task[None]) -> None:
        if self._running.get(job_id) is task:
            del self._running[job_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOGGER.error("job %s", job_id, exc_info=error)
        self.wake()

    def _recover(self, job: Row) -> None:
        """Take a job from a worker that sends no heartbeat, of this server or of one that has ended."""
        _LOGGER.warning("job %s: no heartbeat for %g s", job["id"], self.settings.lease_s)
        self.queue.release(job)
        self.pool.kill_worker_of(job["claim"])

    async def _run_job(self, job: Row) -> None:
        queue, lease_s = self.queue, self.settings.lease_s
        folder = self.store.photos / job["photo"]
        args = {**json.loads(job["request"])["args"], "folder": str(folder)}
        args["output"] = {**args["output"], "file": f"{job['id']}-{job['claim']}"}
        began = time.monotonic()
        try:
            result = await self.pool.run(
                *(job["kind"], args),
                key=job["photo"],
                label=job["claim"],
                is_job=True,
                timeout_s=self.settings.job_timeout_s,
                on_progress=lambda progress, step: queue.progress(job, progress, step),
                on_beat=lambda: queue.beat(job, lease_s),
            )
        except asyncio.CancelledError:  # by `cancel`, or the server is shutting down
            queue.return_job(job)
            raise
        except (WallpaintError, TaskCancelled, TaskFailed) as error:
            queue.fail(job, str(error))
            self.on_finished(job["kind"], FAILED, time.monotonic() - began)
        except WorkerEnded:
            queue.release(job)
        else:
            self.store.keep(job["photo"])
            if not queue.finish(job, result):
                (folder / result["file"]).unlink(missing_ok=True)
            self.on_finished(job["kind"], DONE, time.monotonic() - began)

    async def _clean_up(self) -> None:
        while True:
            try:
                for photo_id in await asyncio.to_thread(self.store.delete_expired):
                    self.pool.forget(photo_id)
            except (OSError, sqlite3.Error) as error:
                _LOGGER.error("expired photos cannot be deleted: %s", error)
            await asyncio.sleep(CLEANUP_S)
