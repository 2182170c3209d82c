"""Run command lines, each in a forked child of a process with all slow imports done.

    server = CommandServer()
    server.run(["repaint", ...]) -> CommandResult

As a program this file is that process.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CPU_LIMIT_S = 20  # CPU time of a command; independent of the load of the machine
TIMEOUT_S = 600  # wall-clock time, for a command that hangs without computing
MAX_MEMORY = 3 * 2**30  # bytes beyond those of the imports


@dataclass(frozen=True)
class CommandResult:
    """The result of a command. status: its exit status, or minus the signal that killed it."""

    status: int
    stdout: str
    stderr: str


def serve() -> None:
    """Read command lines from stdin, one JSON list per line, and write each result to stdout in the same format."""
    import cv2
    import imagecodecs  # noqa: F401
    import numpy as np
    import onnxruntime  # noqa: F401
    import pi_heif  # noqa: F401
    import pillow_heif  # noqa: F401
    import scipy.ndimage  # noqa: F401
    import tifffile  # noqa: F401
    from coloraide import Color  # noqa: F401

    import wallpaint.paints.palette
    import wallpaint.paints.reference  # noqa: F401
    from wallpaint.cli.app import main

    cv2.setNumThreads(1)  # a pool of threads does not survive a fork
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        photo = str(Path(folder) / "photo.png")  # repainting it triggers the lazy imports
        cv2.imwrite(photo, np.full((16, 16, 3), 200, np.uint8))
        assert main(["repaint", photo, "--mask", photo, "--color", "red", "-o", f"{folder}/out.jpg"]) == 0
    gc.freeze()
    for line in sys.stdin:
        print(json.dumps(_in_child(json.loads(line))), flush=True)


def _in_child(argv: Sequence[str]) -> tuple[int, str, str]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _run(argv, out.fileno(), err.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    return status, texts[0], texts[1]


def _run(argv: Sequence[str], out: int, err: int) -> None:
    """Run in the child; never returns."""
    status = 99
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        used = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MAX_MEMORY, used + MAX_MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S + 1))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(TIMEOUT_S)
        from wallpaint.cli.app import main

        status = main(list(argv))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


class CommandServer:
    """The client of the server process."""

    def __init__(self) -> None:
        env = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=env,
        )

    def run(self, argv: Sequence[str]) -> CommandResult:
        """Run one command line."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(list(argv)), file=self.process.stdin, flush=True)
        return CommandResult(*json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        """End the server process."""
        self.process.communicate()


if __name__ == "__main__":
    serve()
