"""Status files: what has become of each item. With the manifest they are the only state of a run.

Each writer appends JSON lines to files of its own, so that no lock is needed, also on a shared file system. A line that
a killed writer left incomplete has no line end and is ignored.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, TypeAlias, get_args

from wallpaint.errors import InputError
from wallpaint.files.names import list_content

State: TypeAlias = Literal["done", "failed", "quarantined"]
MAX_ITEMS = 1000  # of one file
SUFFIX = ".jsonl"


@dataclass(frozen=True)
class Status:
    """The outcome of one attempt at an item.

    item: its output's name. attempt: number from 1. message: the error in one line. report: of the repaint.
    """

    item: str
    state: State
    attempt: int = 1
    message: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)


class StatusWriter:
    """Appends to status files that no other writer uses. Use as a context manager."""

    def __init__(self, folder: Path, max_items: int = MAX_ITEMS) -> None:
        """folder: of the status files, made if missing. max_items: of one file; then a new one begins."""
        self.folder, self.max_items = folder, max_items
        self._file: IO[bytes] | None = None
        self._count = 0

    def __enter__(self) -> StatusWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    def append(self, status: Status) -> None:
        """Append one line; it is on the disk when this returns. Raises InputError if it cannot be written."""
        try:
            if self._file is None or self._count >= self.max_items:
                self._close()
                self.folder.mkdir(parents=True, exist_ok=True)
                self._file, self._count = (self.folder / f"{secrets.token_hex(8)}{SUFFIX}").open("xb"), 0
            self._file.write(json.dumps(asdict(status), ensure_ascii=False).encode("utf-8") + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"{self.folder}: status cannot be written ({reason}): check its space") from error
        self._count += 1

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def read_status(folder: Path) -> dict[str, Status]:
    """Return the status of each item: done if any attempt was, else the last attempt's.

    Raises InputError, with file and line, for a complete line that is no status.
    """
    latest: dict[str, Status] = {}
    for path in list_content(folder, f"*{SUFFIX}"):
        lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last line end is incomplete
        for number, line in enumerate(lines, 1):
            status = _parse(line, f"{path}, line {number}")
            known = latest.get(status.item)
            if known is None or _rank(status) > _rank(known):
                latest[status.item] = status
    return latest


def _rank(status: Status) -> tuple[bool, int]:
    return status.state == "done", status.attempt


def _parse(line: bytes, where: str) -> Status:
    try:
        status = Status(**json.loads(line))
    except (ValueError, TypeError):
        raise InputError(f"{where}: not a status: remove this file to repeat its items") from None
    if status.state not in get_args(State) or not isinstance(status.item, str):
        raise InputError(f"{where}: not a status: remove this file to repeat its items")
    return status
