"""Unusual and bad inputs, end to end through the command line, each in a process of its own.

Run as a program this file is the server that forks those processes: it imports what is slow once.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS = 20
MEMORY = 3 * 2**30  # bytes that a command may take beyond what its imports have


@dataclass(frozen=True)
class Outcome:
    """How a command ended. status: its exit status, or minus the signal that killed it."""

    status: int
    stdout: str
    stderr: str


def serve() -> None:
    """Read pickled command lines from stdin, run each in a forked child, and write pickled outcomes to stdout."""
    import contextlib
    import gc
    import io

    import cv2
    import imagecodecs  # noqa: F401
    import pillow_heif  # noqa: F401
    import scipy.ndimage  # noqa: F401
    import tifffile  # noqa: F401
    from coloraide import Color  # noqa: F401

    import wallpaint.job
    import wallpaint.palette
    import wallpaint.reference  # noqa: F401

    from wallpaint.cli import main

    with contextlib.redirect_stderr(io.StringIO()):  # what the command line imports late
        main(["repaint", "none.png", "--mask", "none.png", "--color", "red", "-o", "none.png"])
    cv2.setNumThreads(1)  # a pool of threads does not survive a fork
    gc.freeze()
    while True:
        try:
            argv = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(_in_child(argv), sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _in_child(argv: Sequence[str]) -> Outcome:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _run(argv, out.fileno(), err.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    return Outcome(status, *texts)


def _run(argv: Sequence[str], out: int, err: int) -> None:
    """The child: never returns."""
    status = 99
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
        signal.alarm(SECONDS)
        from wallpaint.cli import main

        status = main(list(argv))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
    sys.exit()

import numpy as np
import pytest

from corpora import COLOR, BadCase, Case, bad_inputs, good_inputs
from measures import far_outside
from wallpaint import Limits, read_photo
from wallpaint.mask import fit_mask
from wallpaint.mask_file import read_mask

GOOD, BAD = 60, 300


class Server:
    """Runs command lines in children of a process that has everything imported."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"TERM": "dumb"}
        )

    def run(self, argv: Sequence[str]) -> Outcome:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        pickle.dump(tuple(argv), self.process.stdin)
        self.process.stdin.flush()
        outcome: Outcome = pickle.load(self.process.stdout)
        return outcome

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


# Outcomes are pickled by a module called __main__ and read by one called test_corpora.
sys.modules["__main__"].__dict__.setdefault("Outcome", Outcome)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def wrong_with_good(server: Server, case: Case, out: Path) -> str | None:
    """What is not as it should be after repainting a good case into a lossless file; None if all is well."""
    argv = ("repaint", str(case.photo), "--mask", str(case.mask), "--color", COLOR, "-o", str(out), *case.args)
    outcome = server.run(argv)
    if outcome.status != 0:
        return f"exit status {outcome.status}: {outcome.stderr.strip()[-300:]}"
    if not out.is_file():
        return "no output"
    if list(out.parent.glob("*.part")) or list(out.parent.glob(".*")):
        return f"left over: {sorted(p.name for p in out.parent.iterdir())}"
    before, after = read_photo(case.photo, Limits()), read_photo(out, Limits())
    if before.size != after.size:
        return f"size {before.size} became {after.size}"
    mask = read_mask(case.mask, invert="--invert-mask" in case.args).alpha
    mask = mask if mask.shape == before.size else fit_mask(mask, before.size)
    return _wrong_pixels(before.codes, after.codes, mask)


def _wrong_pixels(before: np.ndarray, after: np.ndarray, mask: np.ndarray) -> str | None:
    far = far_outside(mask)
    if not far.any():
        return "the case has no outside to look at"
    if before.shape != after.shape or before.dtype != after.dtype:
        return f"{before.shape} {before.dtype} became {after.shape} {after.dtype}"
    changed = (before != after).any(-1)
    if changed[far].any():
        return f"{changed[far].sum()} pixels outside changed"
    share = changed[(mask > 0.99) & before.any(-1)].mean()  # black, as in 1-bit pictures, stays black
    return None if share > 0.9 else f"only {share:.0%} of the wall changed"


def wrong_with_bad(server: Server, case: BadCase) -> str | None:
    """What is not as it should be after a bad case; None if it was refused as promised."""
    before = case.out.read_bytes() if case.out.is_file() else None
    existed = set(case.out.parent.iterdir()) if case.out.parent.is_dir() else set()
    outcome = server.run(case.argv)
    lines = outcome.stderr.splitlines()
    if outcome.status != 2:
        return f"exit status {outcome.status}: {outcome.stderr.strip()[-300:]}"
    if len(lines) != 1 or not lines[0].startswith("wallpaint: ") or len(lines[0]) < 20:
        return f"not one line: {outcome.stderr[-300:]!r}"
    if "Traceback" in outcome.stdout + outcome.stderr:
        return "a traceback"
    after = case.out.read_bytes() if case.out.is_file() else None
    if after != before:
        return "something was written"
    left = set(case.out.parent.iterdir()) - existed if case.out.parent.is_dir() else set()
    return f"left over: {sorted(p.name for p in left)}" if left else None


def report(wrong: dict[str, str]) -> str:
    return f"{len(wrong)} cases\n" + "\n".join(f"{name}: {what}" for name, what in wrong.items())


def test_good_inputs(server: Server, tmp_path: Path) -> None:
    cases = good_inputs(tmp_path / "in")
    assert len(cases) >= GOOD
    assert len({case.name for case in cases}) == len(cases)
    wrong = {}
    for index, case in enumerate(cases):
        folder = tmp_path / "out" / str(index)
        folder.mkdir(parents=True)
        fault = wrong_with_good(server, case, folder / _lossless(case))
        if fault:
            wrong[case.name] = fault
    assert not wrong, report(wrong)


def _lossless(case: Case) -> str:
    """A file name that holds the photo bit for bit: PNG but for CMYK."""
    return "out.tif" if read_photo(case.photo).codes.shape[2] == 4 else "out.png"


def test_bad_inputs(server: Server, tmp_path: Path) -> None:
    cases = bad_inputs(tmp_path / "in")
    assert len(cases) >= BAD
    assert len({case.name for case in cases}) == len(cases)
    found = {case.name: wrong_with_bad(server, case) for case in cases}
    wrong = {name: what for name, what in found.items() if what}
    assert not wrong, report(wrong)


def test_the_server_tells_crashes_apart(server: Server, tmp_path: Path) -> None:
    """The yardstick itself: a good command is not refused, and a killed one is not taken for exit status 2."""
    assert server.run(["--version"]).status == 0
    bad = BadCase("fine", ("--version",), tmp_path / "none.png")
    assert "exit status 0" in (wrong_with_bad(server, bad) or "")
