"""Tasks for worker processes: (kind, value). They stand in for decoders that crash, hang or take all memory."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from wallpaint.errors import InputError


def work(task: tuple[str, str]) -> str:
    kind, value = task
    if kind == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == "segfault once" and not Path(value).exists():
        Path(value).touch()
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == "hang":
        time.sleep(3600)
    if kind == "bad":
        raise InputError(value)
    if kind == "bug":
        raise KeyError(value)
    if kind == "memory":
        held = bytearray(b"x" * (400 * 2**20))
        time.sleep(3600)
        return str(len(held))
    return value.upper()
