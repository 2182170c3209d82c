"""Checkpoints are atomic: complete or absent, whatever happens while they are written."""

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


def test_latest_returns_saved_tensors_and_state(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "new", 7, TENSORS, {"digest": "x"}, keep=2)
    saved, notes = checkpoint.latest(tmp_path / "new")
    assert saved is not None
    assert (saved.step, saved.state["digest"], notes) == (7, "x", [])
    assert all(torch.equal(saved.tensors()[name], value) for name, value in TENSORS.items())


def test_save_keeps_the_newest_checkpoints_and_removes_temporary_folders(tmp_path: Path) -> None:
    (tmp_path / ".part-0123").mkdir()
    (tmp_path / ".part-0123" / "tensors.safetensors").write_bytes(b"half")
    for step in (5, 100, 20, 100):
        checkpoint.save(tmp_path, step, TENSORS, {}, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_00000020", "step_00000100"]


def test_latest_of_a_missing_folder_is_none(tmp_path: Path) -> None:
    assert checkpoint.latest(tmp_path / "nowhere") == (None, [])


def _flip(path: Path) -> None:
    data = bytearray((path / checkpoint.TENSORS_FILE).read_bytes())
    data[-1] ^= 255
    (path / checkpoint.TENSORS_FILE).write_bytes(data)


def _cut(path: Path) -> None:
    (path / checkpoint.TENSORS_FILE).write_bytes((path / checkpoint.TENSORS_FILE).read_bytes()[:-4])


@pytest.mark.parametrize(
    "damage",
    [
        _flip,
        _cut,
        lambda path: (path / checkpoint.TENSORS_FILE).unlink(),
        lambda path: (path / checkpoint.STATE_FILE).unlink(),
        lambda path: (path / checkpoint.STATE_FILE).write_text("{", encoding="utf-8"),
        lambda path: (path / checkpoint.STATE_FILE).write_text("[]", encoding="utf-8"),
        lambda path: (path / checkpoint.STATE_FILE).write_text(
            '{"schema": "other", "step": 2, "sha256": "x"}', encoding="utf-8"
        ),
    ],
    ids=["flipped", "cut off", "no tensors", "no state", "no json", "no object", "another schema"],
)
def test_latest_skips_a_damaged_checkpoint_with_a_note(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    for step in (1, 2):
        path = checkpoint.save(tmp_path, step, TENSORS, {}, keep=5)
    damage(path)
    with pytest.raises(ModelError, match="step_00000002"):
        checkpoint.read(path)
    saved, notes = checkpoint.latest(tmp_path)
    assert saved is not None
    assert saved.step == 1
    assert len(notes) == 1


def test_save_on_a_full_disk_keeps_the_previous_checkpoint(tmp_path: Path) -> None:
    """On a small tmpfs, if one can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting is not permitted")
    try:
        checkpoint.save(disk, 1, TENSORS, {"digest": "x"}, keep=3)
        with pytest.raises(InputError, match="make room") as caught:
            checkpoint.save(disk, 2, {"large": torch.zeros(100_000)}, {}, keep=3)
        assert "\n" not in str(caught.value)
        saved, notes = checkpoint.latest(disk)
        assert saved is not None
        assert (saved.step, notes) == (1, [])
        assert [path.name for path in disk.iterdir()] == ["step_00000001"]
        checkpoint.save(disk, 2, TENSORS, {}, keep=3)  # with room again, saving works
        assert checkpoint.latest(disk)[0].step == 2  # type: ignore[union-attr]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_renamed_damaged_checkpoint_does_not_count_as_kept(tmp_path: Path) -> None:
    """Saving after a fallback keeps the checkpoint that was fallen back to."""
    for step in (300, 400):
        checkpoint.save(tmp_path, step, TENSORS, {}, keep=2)
    _flip(tmp_path / "step_00000400")
    saved, _ = checkpoint.latest(tmp_path)
    assert saved is not None
    (renamed,) = checkpoint.rename_damaged(tmp_path, saved)
    assert renamed.is_dir()
    assert renamed.name.startswith("damaged_00000400")
    for step, expected in ((350, [300, 350]), (450, [350, 450])):
        checkpoint.save(tmp_path, step, TENSORS, {}, keep=2)
        assert sorted(path.name for path in tmp_path.glob("step_*")) == [f"step_{one:08d}" for one in expected]
    saved, notes = checkpoint.latest(tmp_path)
    assert saved is not None
    assert (saved.step, notes) == (450, [])


def test_kill_while_replacing_the_only_checkpoint_leaves_a_readable_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before each call that changes the folder: the latest checkpoint is complete; the next save cleans up."""
    moments: list[int] = []

    def save(path: Path, value: float, killed_at: int) -> bool:
        """Save and return whether it was killed, before call number `killed_at`; 0 is never."""
        calls: list[int] = []

        def counted(function: Callable[..., None]) -> Callable[..., None]:
            def call(*args: Any, **kwargs: Any) -> None:
                calls.append(1)
                if killed_at and len(calls) >= killed_at:
                    raise KeyboardInterrupt
                function(*args, **kwargs)

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
        saved, notes = checkpoint.latest(folder)
        assert saved is not None, moment
        assert (saved.step, notes) == (7, [])
        assert float(saved.tensors()["a"]) in (1.0, 2.0)
        save(folder, 3.0, 0)
        assert [path.name for path in folder.iterdir()] == ["step_00000007"]
        assert float(checkpoint.latest(folder)[0].tensors()["a"]) == 3.0  # type: ignore[union-attr]
    assert len(moments) >= 2


def test_failed_replacement_restores_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_save_error_at_any_point_keeps_the_previous_checkpoint(
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
