"""Checkpoints: whole or not there, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from wallpaint import InputError, ModelError
from wallpaint.train.engine import checkpoint

TENSORS = {"a": torch.arange(12.0).reshape(3, 4), "b": torch.tensor(3)}


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "new", 7, TENSORS, {"digest": "x"}, keep=2)
    found, notes = checkpoint.latest(tmp_path / "new")
    assert found is not None
    assert (found.step, found.state["digest"], notes) == (7, "x", [])
    assert all(torch.equal(found.tensors()[name], value) for name, value in TENSORS.items())


def test_the_newest_are_kept_and_what_was_left_aside_goes(tmp_path: Path) -> None:
    (tmp_path / ".part-0123").mkdir()
    (tmp_path / ".part-0123" / "tensors.safetensors").write_bytes(b"half")
    for step in (5, 100, 20, 100):
        checkpoint.save(tmp_path, step, TENSORS, {}, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_00000020", "step_00000100"]


def test_nothing_there(tmp_path: Path) -> None:
    assert checkpoint.latest(tmp_path / "nowhere") == (None, [])


def _flip(path: Path) -> None:
    data = bytearray((path / checkpoint.TENSORS).read_bytes())
    data[-1] ^= 255
    (path / checkpoint.TENSORS).write_bytes(data)


def _cut(path: Path) -> None:
    (path / checkpoint.TENSORS).write_bytes((path / checkpoint.TENSORS).read_bytes()[:-4])


@pytest.mark.parametrize(
    "harm",
    [
        _flip,
        _cut,
        lambda path: (path / checkpoint.TENSORS).unlink(),
        lambda path: (path / checkpoint.STATE).unlink(),
        lambda path: (path / checkpoint.STATE).write_text("{"),
        lambda path: (path / checkpoint.STATE).write_text("[]"),
        lambda path: (path / checkpoint.STATE).write_text('{"schema": "other", "step": 2, "sha256": "x"}'),
    ],
    ids=["flipped", "cut off", "no tensors", "no state", "no json", "no object", "another schema"],
)
def test_a_broken_one_is_told_and_the_one_before_taken(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    for step in (1, 2):
        path = checkpoint.save(tmp_path, step, TENSORS, {}, keep=5)
    harm(path)
    with pytest.raises(ModelError, match="step_00000002"):
        checkpoint.read(path)
    found, notes = checkpoint.latest(tmp_path)
    assert found is not None
    assert found.step == 1
    assert len(notes) == 1


def test_a_full_disk_leaves_the_one_before(tmp_path: Path) -> None:
    """On a real small file system, where one can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("no file system may be mounted here")
    try:
        checkpoint.save(disk, 1, TENSORS, {"digest": "x"}, keep=3)
        with pytest.raises(InputError, match="make room") as caught:
            checkpoint.save(disk, 2, {"large": torch.zeros(100_000)}, {}, keep=3)
        assert "\n" not in str(caught.value)
        found, notes = checkpoint.latest(disk)
        assert found is not None
        assert (found.step, notes) == (1, [])
        assert [path.name for path in disk.iterdir()] == ["step_00000001"]
        checkpoint.save(disk, 2, TENSORS, {}, keep=3)  # and once there is room it goes on
        assert checkpoint.latest(disk)[0].step == 2  # type: ignore[union-attr]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_damaged_one_takes_no_place_among_those_kept(tmp_path: Path) -> None:
    """Fallen back past it, saving leaves the one that was fallen back to."""
    for step in (300, 400):
        checkpoint.save(tmp_path, step, TENSORS, {}, keep=2)
    _flip(tmp_path / "step_00000400")
    found, _ = checkpoint.latest(tmp_path)
    assert found is not None
    (aside,) = checkpoint.set_aside(tmp_path, found)
    assert aside.is_dir()
    assert aside.name.startswith("damaged_00000400")
    for step, kept in ((350, [300, 350]), (450, [350, 450])):
        checkpoint.save(tmp_path, step, TENSORS, {}, keep=2)
        assert sorted(path.name for path in tmp_path.glob("step_*")) == [f"step_{one:08d}" for one in kept]
    found, notes = checkpoint.latest(tmp_path)
    assert found is not None
    assert (found.step, notes) == (450, [])


def test_replacing_the_only_one_never_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if killed before each call that changes the folder: what is read then is whole; the next save tidies up."""
    moments: list[int] = []

    def save(path: Path, value: float, killed_at: int) -> bool:
        """Whether it was killed; at 0 it is not."""
        calls: list[int] = []

        def counted(what: Callable[..., None]) -> Callable[..., None]:
            def call(*words: Any, **more: Any) -> None:
                calls.append(1)
                if killed_at and len(calls) >= killed_at:
                    raise KeyboardInterrupt
                what(*words, **more)

            return call

        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", counted(Path.rename))
            patch.setattr(shutil, "rmtree", counted(shutil.rmtree))
            try:
                checkpoint.save(path, 7, {"a": torch.tensor(value)}, {}, keep=1)
            except KeyboardInterrupt:
                return True
            return False

    for moment in range(1, 12):
        folder = tmp_path / f"{moment}"
        save(folder, 1.0, 0)
        if not save(folder, 2.0, moment):
            break
        moments.append(moment)
        found, notes = checkpoint.latest(folder)
        assert found is not None, moment
        assert (found.step, notes) == (7, [])
        assert float(found.tensors()["a"]) in (1.0, 2.0)
        save(folder, 3.0, 0)
        assert [path.name for path in folder.iterdir()] == ["step_00000007"]
        assert float(checkpoint.latest(folder)[0].tensors()["a"]) == 3.0  # type: ignore[union-attr]
    assert len(moments) >= 2


def test_a_replacement_that_fails_puts_the_old_one_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path, 7, TENSORS, {}, keep=1)
    rename = Path.rename

    def fail(path: Path, target: Path) -> Path:
        if path.name.startswith(".part-"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(InputError, match="Input/output error"):
        checkpoint.save(tmp_path, 7, {"a": torch.zeros(1)}, {}, keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["step_00000007"]
    assert checkpoint.latest(tmp_path)[0].tensors().keys() == TENSORS.keys()  # type: ignore[union-attr]


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_an_error_at_any_point_leaves_the_one_before(
    tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.save(tmp_path, 1, TENSORS, {}, keep=3)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*((os, "fsync") if call == "fsync" else (Path, "rename")), fail)
    with pytest.raises(InputError, match="No space left"):
        checkpoint.save(tmp_path, 2, TENSORS, {}, keep=3)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["step_00000001"]
    assert checkpoint.latest(tmp_path)[0].step == 1  # type: ignore[union-attr]
