"""Unusual and bad inputs, end to end through the command line, each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from support.command_server import CommandServer
from support.corpora import COLOR, BadCase, Case, bad_inputs, good_inputs
from support.measures import far_outside
from wallpaint import Limits, read_photo
from wallpaint.files.pixels import upright
from wallpaint.imaging.mask_file import read_mask
from wallpaint.scene.mask import fit_mask

GOOD, BAD = 60, 300


@pytest.fixture(scope="module")
def server() -> Iterator[CommandServer]:
    server = CommandServer()
    yield server
    server.close()


def wrong_with_good(server: CommandServer, case: Case, out: Path) -> str | None:
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
    options = dict(zip(case.args, case.args[1:], strict=False))
    file = read_mask(
        case.mask,
        invert="--invert-mask" in case.args,
        mask_class=options.get("--mask-class"),
        photo_name=case.photo.name,
    )
    is_stored = "--mask-orientation" in options
    mask = upright(file.alpha, read_photo(case.photo).orientation) if is_stored else file.alpha
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


def wrong_with_bad(server: CommandServer, case: BadCase) -> str | None:
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


def test_good_inputs(server: CommandServer, tmp_path: Path) -> None:
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


def test_bad_inputs(server: CommandServer, tmp_path: Path) -> None:
    cases = bad_inputs(tmp_path / "in")
    assert len(cases) >= BAD
    assert len({case.name for case in cases}) == len(cases)
    problems = {case.name: wrong_with_bad(server, case) for case in cases}
    wrong = {name: what for name, what in problems.items() if what}
    assert not wrong, report(wrong)


def test_crashes_are_distinguished_from_refusals(server: CommandServer, tmp_path: Path) -> None:
    """The yardstick itself: a good command is not refused, and a killed one is not taken for exit status 2."""
    assert server.run(["--version"]).status == 0
    bad = BadCase("fine", ("--version",), tmp_path / "none.png")
    assert "exit status 0" in (wrong_with_bad(server, bad) or "")
