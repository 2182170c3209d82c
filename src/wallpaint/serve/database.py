"""The server's records in SQLite: photos, walls, palettes, jobs and their events.

One connection in WAL mode, guarded by a lock; every statement is a fraction of a millisecond. The rows outlive the
server, so finished jobs are there after a restart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from wallpaint.errors import InputError

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE photos (
    id TEXT PRIMARY KEY, created REAL NOT NULL, expires REAL NOT NULL, filename TEXT NOT NULL, format TEXT NOT NULL,
    bytes INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, preview_width INTEGER NOT NULL,
    preview_height INTEGER NOT NULL, warnings TEXT NOT NULL
);
CREATE TABLE walls (
    photo TEXT NOT NULL REFERENCES photos(id) ON DELETE CASCADE, name TEXT NOT NULL, file TEXT NOT NULL,
    share REAL NOT NULL, confidence REAL, position INTEGER NOT NULL, PRIMARY KEY (photo, name)
);
CREATE TABLE palettes (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, expires REAL, paints TEXT NOT NULL, warnings TEXT NOT NULL
);
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, number INTEGER UNIQUE, kind TEXT NOT NULL, request TEXT NOT NULL, state TEXT NOT NULL,
    photo TEXT NOT NULL REFERENCES photos(id) ON DELETE CASCADE, progress REAL NOT NULL DEFAULT 0,
    step TEXT NOT NULL DEFAULT '', attempts INTEGER NOT NULL DEFAULT 0, claim TEXT, lease_until REAL,
    created REAL NOT NULL, started REAL, finished REAL, error TEXT, report TEXT, result_file TEXT, result_name TEXT,
    media_type TEXT, idempotency_key TEXT UNIQUE
);
CREATE INDEX jobs_state ON jobs (state, number);
CREATE TABLE events (
    job TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE, id INTEGER NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (job, id)
);
"""


class Database:
    """The connection. Rows are `sqlite3.Row`."""

    def __init__(self, path: Path) -> None:
        self._lock = RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        with self.transaction():
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif version != SCHEMA_VERSION:
                raise InputError(f"{path}: written by another version of the server: choose another folder for `data`")

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the body in one transaction, which an exception rolls back."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Execute a statement and return the number of rows it changed."""
        with self._lock:
            return self._connection.execute(sql, values).rowcount

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return all rows of a query, or of a statement with RETURNING."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        rows = self.rows(sql, values)
        return rows[0] if rows else None
