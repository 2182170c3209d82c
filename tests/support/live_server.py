"""`wallpaint serve` in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_S = 120.0  # ends a server that hangs at its start


@dataclass(frozen=True, eq=False)
class LiveServer:
    """A running server. url: without a slash at its end. lines: of its stdout, until it was ready."""

    url: str
    lines: tuple[str, ...]
    process: subprocess.Popen[str]


@contextmanager
def live_server(data: Path, options: Sequence[str] = (), env: dict[str, str] | None = None) -> Iterator[LiveServer]:
    """Run `wallpaint serve` on a free port while the block runs."""
    command = [sys.executable, "-m", "wallpaint", "serve", "--port", "0", "--data", str(data), *options]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(command, env={**os.environ, **(env or {})}, **streams)
    timer = threading.Timer(START_S, process.kill)
    timer.start()
    try:
        assert process.stdout is not None
        lines: list[str] = []
        while not any("stop with Ctrl-C" in line for line in lines):
            line = process.stdout.readline()
            assert line, f"the server has ended: {lines}"
            lines.append(line.rstrip("\n"))
        timer.cancel()
        url = re.search(r"http://[^\s/]+", "\n".join(lines))
        assert url is not None
        yield LiveServer(url[0], tuple(lines), process)
    finally:
        timer.cancel()
        if process.stdout is not None and not process.stdout.closed:  # else the test has ended the process
            process.terminate()
            process.communicate()
