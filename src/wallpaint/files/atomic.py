"""Atomic file writes."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from wallpaint.errors import InputError

PART = ".part"


def is_current(path: Path, source: Path) -> bool:
    """Whether a derived file exists and is newer than its source."""
    return path.exists() and path.stat().st_mtime_ns >= source.stat().st_mtime_ns


def put(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write to a temporary name in the same folder, then rename.

    durable: the bytes are on the disk before the name is, so that even a power cut leaves no empty file.
    Raises InputError where the folder cannot be written to.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}{PART}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            raise InputError(f"{path}: cannot be written ({reason}): check the folder and its space") from error
        raise
