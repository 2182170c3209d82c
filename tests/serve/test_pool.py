"""Worker processes: crashes, limits, cancellation, priorities."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from wallpaint.errors import InputError

T = TypeVar("T")
MODULE = "support.serve_worker"
posix = pytest.mark.skipif(not hasattr(os, "nice"), reason="signals and limits of POSIX")


def with_pool(settings: Any, body: Callable[[Any], Awaitable[T]]) -> T:
    """Run a coroutine with a pool of test workers."""
    from wallpaint.serve.pool import WorkerPool

    async def run() -> T:
        pool = WorkerPool(settings, MODULE)
        await pool.start()
        try:
            return await body(pool)
        finally:
            await pool.stop()

    return asyncio.run(run())


async def busy_pids(pool: Any, name: str) -> list[int]:
    while not (pids := pool.pids_of(name)):
        await asyncio.sleep(0.01)
    return list(pids)


def test_a_crash_costs_one_task_and_the_worker_is_replaced(make_settings: Any) -> None:
    async def body(pool: Any) -> None:
        from wallpaint.serve.pool import WorkerEnded

        with pytest.raises(WorkerEnded):
            await pool.run("crash", {}, timeout_s=60)
        answer = await pool.run("wait", {"seconds": 0}, timeout_s=60)
        assert answer["pid"] in pool.pids
        assert pool.restarts == 1

    with_pool(make_settings(), body)


def test_a_request_that_crashes_twice_is_an_error_of_its_input(make_settings: Any) -> None:
    async def body(pool: Any) -> None:
        with pytest.raises(InputError, match="crashed 2 times"):
            await pool.request("crash", "")
        assert pool.restarts == 2

    with_pool(make_settings(), body)


@posix
def test_a_killed_request_runs_again(make_settings: Any) -> None:
    async def body(pool: Any) -> None:
        first = (await pool.run("wait", {"seconds": 0}, timeout_s=60))["pid"]
        os.kill(first, signal.SIGSTOP)  # so that it cannot answer before it is killed
        request = asyncio.create_task(pool.request("wait", "", seconds=0))
        await busy_pids(pool, "wait")
        os.kill(first, signal.SIGKILL)
        assert (await request)["pid"] != first

    with_pool(make_settings(), body)


@posix
def test_memory_is_limited(make_settings: Any) -> None:
    async def body(pool: Any) -> None:
        with pytest.raises(InputError, match="not enough memory"):
            await pool.run("allocate", {"gibibytes": 8}, timeout_s=60)
        assert pool.restarts == 0

    with_pool(make_settings(worker_memory=8 * 2**30), body)


def test_a_fault_of_the_program_is_no_error_of_the_input(make_settings: Any) -> None:
    async def body(pool: Any) -> None:
        from wallpaint.serve.pool import TaskFailed

        with pytest.raises(TaskFailed):
            await pool.run("fail", {}, timeout_s=60)

    with_pool(make_settings(), body)


def test_a_task_that_takes_too_long_ends_its_worker(make_settings: Any) -> None:
    async def body(pool: Any) -> None:
        await pool.run("wait", {"seconds": 0}, timeout_s=60)
        with pytest.raises(InputError, match="took longer than"):
            await pool.request("wait", "", seconds=600)
        assert (await pool.run("wait", {"seconds": 0}, timeout_s=60))["pid"]
        assert pool.restarts == 1

    with_pool(make_settings(request_timeout_s=0.5), body)


@pytest.mark.parametrize(("steps", "restarts"), [(6000, 0), (1, 1)])
def test_a_cancelled_task_stops_at_a_step_or_its_worker_is_ended(make_settings: Any, steps: int, restarts: int) -> None:
    """600 s with a step every 0.1 s stop within the grace period; 600 s without a step do not."""

    async def body(pool: Any) -> None:
        task = asyncio.create_task(pool.run("wait", {"seconds": 600, "steps": steps}, timeout_s=900))
        await busy_pids(pool, "wait")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await pool.run("wait", {"seconds": 0}, timeout_s=60)
        assert pool.restarts == restarts

    with_pool(make_settings(cancel_grace_s=60.0 if restarts == 0 else 0.2), body)


def test_requests_go_before_jobs_and_jobs_leave_one_worker_free(make_settings: Any) -> None:
    async def body(pool: Any) -> None:
        order: list[str] = []

        async def run(name: str, is_job: bool) -> None:
            await pool.run("wait", {"seconds": 0.05}, is_job=is_job, timeout_s=60)
            order.append(name)

        names = [("job 1", True), ("job 2", True), ("request 1", False), ("request 2", False)]
        await asyncio.gather(*(run(*name) for name in names))
        assert order.index("job 2") > order.index("request 1")
        jobs = [asyncio.create_task(pool.run("wait", {"seconds": 600}, is_job=True, timeout_s=900)) for _ in range(3)]
        await busy_pids(pool, "wait")
        assert (await pool.request("wait", "", seconds=0))["pid"]
        for job in jobs:
            job.cancel()

    with_pool(make_settings(workers=2, cancel_grace_s=0.0), body)


def test_too_many_waiting_requests_are_refused(make_settings: Any) -> None:
    async def body(pool: Any) -> None:
        from wallpaint.serve.pool import PoolFull

        waiting = [asyncio.create_task(pool.request("wait", "", seconds=0)) for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(PoolFull):
            await pool.request("wait", "", seconds=0)
        await asyncio.gather(*waiting)

    with_pool(make_settings(max_waiting=4), body)


def test_a_request_that_no_worker_takes_in_time_is_refused(make_settings: Any) -> None:
    async def body(pool: Any) -> None:
        from wallpaint.serve.pool import PoolFull

        await pool.run("wait", {"seconds": 0}, timeout_s=60)
        busy = asyncio.create_task(pool.run("wait", {"seconds": 600}, timeout_s=900))
        await busy_pids(pool, "wait")
        with pytest.raises(PoolFull):
            await pool.request("wait", "", seconds=0)
        busy.cancel()

    with_pool(make_settings(request_timeout_s=0.1), body)


def test_a_worker_that_cannot_start_is_tried_again(make_settings: Any) -> None:
    async def body() -> None:
        from wallpaint.serve.pool import WorkerPool

        pool = WorkerPool(make_settings(), "support.no_such_module")
        await pool.start()
        while not pool.restarts:
            await asyncio.sleep(0.01)
        assert pool.ready == 0
        await pool.stop()

    asyncio.run(body())


def test_a_worker_ends_with_its_server() -> None:
    """A worker whose stdin is closed ends, also while it works."""
    import subprocess

    command = [sys.executable, "-m", MODULE, str(8 * 2**30), ""]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert b"ready" in process.stdout.readline()
    process.stdin.write(b'{"id": 1, "task": "wait", "args": {"seconds": 600}}\n')
    process.stdin.close()
    assert process.wait(60) == 0
    process.stdout.close()
