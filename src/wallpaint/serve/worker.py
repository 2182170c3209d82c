"""A worker process: runs tasks that the server sends on stdin, one JSON object a line, and answers on stdout.

    server -> worker    {"id": 1, "task": "detect", "args": {...}}    {"cancel": 1}    {"forget": "PHOTO"}
    worker -> server    {"ready": true}    {"beat": 1}    {"id": 1, "progress": 0.5, "step": "..."}
                        {"id": 1, "result": {...}}    {"id": 1, "error": {"kind": "...", "message": "..."}}

It keeps its networks between tasks, and ends when stdin is closed. Native decoders run here and nowhere else: a crash
or a limit of the operating system ends this process, not the server.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from queue import SimpleQueue
from typing import IO, Any

from wallpaint.errors import WallpaintError

BEAT_S = 1.0
MEMORY_MESSAGE = "there is not enough memory for this photo: make it smaller"


class Cancelled(Exception):
    """Raised at the next step of a cancelled task."""


class Reporter:
    """The connection of a running task to the server."""

    def __init__(self, out: IO[str]) -> None:
        self._out, self._lock = out, threading.Lock()
        self.current: int | None = None
        self.cancelled: set[int] = set()

    def send(self, message: dict[str, Any]) -> None:
        """Send one message. If the server is gone, the process ends."""
        try:
            with self._lock:
                self._out.write(json.dumps(message) + "\n")
                self._out.flush()
        except (BrokenPipeError, ValueError):
            os._exit(0)

    def step(self, progress: float, step: str) -> None:
        """Report the start of a step. progress: 0..1, of the task. Raises Cancelled if the task was cancelled."""
        self.check()
        self.send({"id": self.current, "progress": round(progress, 3), "step": step})

    def check(self) -> None:
        """Raise Cancelled if the task was cancelled."""
        if self.current in self.cancelled:
            raise Cancelled


def main() -> None:
    """Run the worker; arguments: the limit of the address space in bytes, 0 for none, and the bundle, if any."""
    memory, bundle = int(sys.argv[1]), sys.argv[2] or None
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which closes stdin
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print goes to stderr
    _limit(memory)
    reporter = Reporter(out)
    requests: SimpleQueue[dict[str, Any]] = SimpleQueue()
    threading.Thread(target=_read, args=(reporter, requests), daemon=True).start()
    from wallpaint.serve.tasks import TASKS, Context

    context = Context(reporter, bundle)
    context.warm_up()
    threading.Thread(target=_beat, args=(reporter,), daemon=True).start()
    reporter.send({"ready": True})
    while True:
        request = requests.get()
        if "forget" in request:
            context.forget(request["forget"])
            continue
        reporter.current = request["id"]
        answer = _run(TASKS[request["task"]], context, request["args"])
        reporter.current = None
        reporter.cancelled.discard(request["id"])
        reporter.send({"id": request["id"], **answer})


def _run(task: Any, context: Any, args: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"result": task(context, **args)}
    except Cancelled:
        return {"error": {"kind": "cancelled", "message": "cancelled"}}
    except WallpaintError as error:
        message = str(error).replace(f"{args.get('folder', '')}{os.sep}", "")  # clients learn no path of the server
        return {"error": {"kind": "input", "message": " ".join(message.split())}}
    except MemoryError:
        context.forget()
        return {"error": {"kind": "input", "message": MEMORY_MESSAGE}}
    except Exception:
        traceback.print_exc()
        return {"error": {"kind": "internal", "message": "internal error: see the log of the server"}}


def _read(reporter: Reporter, requests: SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if "cancel" in message:
            reporter.cancelled.add(message["cancel"])
        else:
            requests.put(message)
    os._exit(0)  # the server has closed stdin, or is gone


def _beat(reporter: Reporter) -> None:
    pause = threading.Event()
    while not pause.wait(BEAT_S):
        current = reporter.current
        if current is not None:
            reporter.send({"beat": current})


def _limit(memory: int) -> None:
    """Limit the address space and forbid core dumps, where the system can; lower the priority."""
    try:
        import resource
    except ImportError:  # Windows
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if memory:
        limit = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)  # the server's own process answers first


if __name__ == "__main__":
    main()
