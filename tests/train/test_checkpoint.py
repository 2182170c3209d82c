"""Checkpoints: whole or not there, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from wallpaint import InputError, ModelError
from wallpaint.train import checkpoint

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
