"""The worker pool: crashes, errors and limits of one task never stop the others."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Event

import pytest

from support.pool_tasks import work
from wallpaint.bulk.pool import TaskLimits, run_tasks


def test_crashes_and_errors_stop_no_other_task(tmp_path: Path) -> None:
    tasks = [
        ("good", "a"),
        ("segfault", ""),
        ("segfault once", str(tmp_path / "mark")),
        ("bad", "two\nlines"),
        ("bug", "key"),
        ("good", "b"),
    ]
    finished = {one.task: one for one in run_tasks(work, tasks, workers=2, limits=TaskLimits())}
    assert set(finished) == set(tasks)
    assert {one.outcome for one in finished.values()} == {"done", "failed", "quarantined"}
    assert [finished[tasks[n]].value for n in (0, 2, 5)] == ["A", str(tmp_path / "mark").upper(), "B"]
    assert finished[tasks[1]].message == "the worker process died (SIGSEGV), 2 times"
    assert finished[tasks[3]].message == "two lines"
    assert finished[tasks[4]].message == "KeyError: 'key'"


def test_task_beyond_its_time_is_quarantined() -> None:
    (one,) = run_tasks(work, [("hang", "")], workers=1, limits=TaskLimits(seconds=0.3))
    assert (one.outcome, one.message) == ("quarantined", "took longer than 0.3 s, 2 times")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="resident memory is read from /proc")
def test_task_beyond_its_memory_is_quarantined() -> None:
    (one,) = run_tasks(work, [("memory", "")], workers=1, limits=TaskLimits(resident_bytes=300 * 2**20))
    assert (one.outcome, one.message) == ("quarantined", "used more than 300 MiB of memory, 2 times")


def test_stop_lets_running_tasks_end_and_begins_none() -> None:
    stop = Event()
    finished = []
    for one in run_tasks(work, [("good", str(n)) for n in range(20)], workers=1, limits=TaskLimits(), stop=stop):
        finished.append(one)
        stop.set()
    assert [one.value for one in finished] == ["0"]
