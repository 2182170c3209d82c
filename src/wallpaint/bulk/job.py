"""Run the rows of a manifest: plan what is not finished, repaint each row in a worker process, append its status.

DIR/PHOTO_PAINT_KEY.jpg    results; the name is a function of photo, masks, paint, options and versions
DIR/status/*.jsonl         what has become of each result; with the manifest, the only state of a run
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from wallpaint.bulk.manifest import Row
from wallpaint.bulk.names import output_names
from wallpaint.bulk.pool import TaskLimits, run_tasks
from wallpaint.bulk.status import Status, StatusWriter, read_status
from wallpaint.errors import ConfigError, InputError
from wallpaint.pipeline.job import repaint_to

STATUS_DIR = "status"
_SHARD = re.compile(r"(\d{1,9})/(\d{1,9})")


@dataclass(frozen=True)
class BulkOptions:
    """Options of a run.

    workers: number of processes; None for one per CPU. limits: of one photo. retry_failed: also repeat results that
    failed or were quarantined. shard: (number from 1, count), the part of the rows to run. Raises ConfigError.
    """

    workers: int | None = None
    limits: TaskLimits = field(default_factory=TaskLimits)
    retry_failed: bool = False
    shard: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        number, count = self.shard
        if not 1 <= number <= count:
            raise ConfigError(f"`shard` {number}/{count}: the first number must be in 1..{count}")
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"`workers` must be at least 1, not {self.workers}")


def parse_shard(text: str) -> tuple[int, int]:
    """Return (2, 8) for "2/8". Raises ConfigError."""
    match = _SHARD.fullmatch(text.strip())
    if match is None or int(match[2]) < 1:
        raise ConfigError(f"`shard` takes I/N, such as 2/8, not {text!r}")
    return int(match[1]), int(match[2])


@dataclass(frozen=True)
class Item:
    """A row's results that are not finished. names: of its assignments at indices. attempts: the number of this one."""

    row: Row
    folder: Path
    indices: tuple[int, ...]
    names: tuple[str, ...]
    attempts: tuple[int, ...]


@dataclass(frozen=True)
class BulkPlan:
    """What a run will do. results: of this shard. finished: by earlier runs. given_up: failed in earlier runs and not
    repeated. seconds: mean time of a photo in earlier runs, None if there were none. output_bytes: estimate, results
    being as large as their photos."""

    items: tuple[Item, ...]
    results: int
    finished: int
    given_up: int
    seconds: float | None
    output_bytes: int

    @property
    def pending(self) -> int:
        """Number of results to paint."""
        return sum(len(item.names) for item in self.items)


@dataclass(frozen=True)
class BulkSummary:
    """Numbers of results of a run, and the failures. left: not begun, as the run was stopped."""

    done: int
    finished: int
    failures: tuple[Status, ...]
    given_up: int
    left: int

    @property
    def is_complete(self) -> bool:
        """Whether every result of the shard is there."""
        return not (self.failures or self.given_up or self.left)


def plan(rows: Sequence[Row], folder: Path, options: BulkOptions) -> BulkPlan:
    """Return what is to be done: reads all photos for their names, and the status files. Raises InputError."""
    number, count = options.shard
    known = read_status(folder / STATUS_DIR)
    items: list[Item] = []
    planned: set[str] = set()
    results = finished = given_up = output_bytes = 0
    for row in list(rows)[number - 1 :: count]:
        try:
            names = output_names(row)
        except OSError as error:
            raise InputError(f"{error.filename}: cannot be read ({error.strerror}): check the file") from error
        pending: list[tuple[int, str, int]] = []
        for index, name in enumerate(names):
            if name in planned:  # the same colour twice
                continue
            planned.add(name)
            results += 1
            status = known.get(name)
            if status is not None and status.state == "done" and (folder / name).is_file():
                finished += 1
            elif status is not None and status.state != "done" and not options.retry_failed:
                given_up += 1
            else:
                pending.append((index, name, 1 if status is None else status.attempt + 1))
        if pending:
            output_bytes += len(pending) * row.job.photo.stat().st_size
            indices, of_results, attempts = zip(*pending, strict=True)
            items.append(Item(row, folder, indices, of_results, attempts))
    seconds = [_seconds(status) for status in known.values() if status.state == "done"]
    mean = sum(seconds) / len(seconds) if seconds else None
    return BulkPlan(tuple(items), results, finished, given_up, mean, output_bytes)


def _seconds(status: Status) -> float:
    return sum(value for value in status.report.get("seconds", {}).values() if isinstance(value, int | float))


def run(
    bulk_plan: BulkPlan,
    folder: Path,
    options: BulkOptions,
    *,
    stop: Event | None = None,
    on_status: Callable[[Status], None] = lambda status: None,
) -> BulkSummary:
    """Paint what is planned. A row that fails stops no other one.

    stop: once set no row begins any more. on_status: called after each result. Raises InputError if the folder cannot
    be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be created ({error.strerror}): choose another") from error
    done, failures = 0, []
    workers = min(options.workers or os.cpu_count() or 1, max(1, len(bulk_plan.items)))
    with StatusWriter(folder / STATUS_DIR) as writer:
        for ended in run_tasks(paint_item, bulk_plan.items, workers=workers, limits=options.limits, stop=stop):
            item = ended.task
            for number, (name, attempt) in enumerate(zip(item.names, item.attempts, strict=True)):
                if ended.outcome == "done":
                    status = Status(name, "done", attempt, report=ended.value[number])
                    done += 1
                else:
                    status = Status(name, ended.outcome, attempt, _with_photo(item.row.job.photo.name, ended.message))
                    failures.append(status)
                writer.append(status)
                on_status(status)
    left = bulk_plan.pending - done - len(failures)
    return BulkSummary(done, bulk_plan.finished, tuple(failures), bulk_plan.given_up, left)


def _with_photo(photo: str, message: str) -> str:
    """Return a message that names the photo."""
    return message if photo in message else f"{photo}: {message}"


def paint_item(item: Item) -> list[dict[str, Any]]:
    """Write an item's results and return their reports; runs in a worker. Raises InputError."""
    row = item.row
    assignments = [dict(row.assignments[index]) for index in item.indices]
    outputs = [item.folder / name for name in item.names]
    return list(repaint_to(row.job, dict(row.masks), assignments, outputs))
