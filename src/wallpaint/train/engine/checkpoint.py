"""Checkpoints that are whole or not there: written aside, flushed to the disk, renamed, and checked when read.

    run/checkpoints/step_00000200/tensors.safetensors   weights, optimiser, moving averages
                                  state.json            step, settings' digest, sha256 of the tensors' file

A power cut or a full disk leaves at worst a folder whose name starts with a dot, which nothing reads and the next save
removes; or, in the middle of saving a step again, the one from before as step_00000200.old, which is read in its place.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.errors import InputError, ModelError

if TYPE_CHECKING:
    from torch import Tensor

SCHEMA = "wallpaint.checkpoint/1"
TENSORS, STATE = "tensors.safetensors", "state.json"
_PREFIX, _PART, _OLD, _DAMAGED = "step_", ".part-", ".old", "damaged_"


@dataclass(frozen=True)
class Checkpoint:
    """One that was found whole. state: what `save` was given, and "step"."""

    path: Path
    step: int
    state: Mapping[str, Any]

    def tensors(self) -> dict[str, Tensor]:
        """All tensors, on the CPU, in memory of their own."""
        from safetensors.torch import load_file

        return {name: value.clone() for name, value in load_file(self.path / TENSORS).items()}


def save(folder: Path, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any], *, keep: int) -> Path:
    """Write a checkpoint and remove all but this one and the newest others, `keep` in all; returns its folder.

    Saving a step again replaces it. Raises InputError where it cannot be written: those that were there stay.
    """
    from safetensors.torch import save_file

    part, target = _part(folder), folder / f"{_PREFIX}{step:08d}"
    replaced = target.with_name(f"{target.name}{_OLD}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _tidy(folder)
        part.mkdir()
        save_file({name: value.detach().contiguous().cpu() for name, value in tensors.items()}, part / TENSORS)
        whole = {**state, "schema": SCHEMA, "step": step, "sha256": _digest(part / TENSORS)}
        (part / STATE).write_text(json.dumps(whole, indent=1))
        for path in (part / TENSORS, part / STATE, part):
            _flush(path)
        if target.exists():  # of an earlier run past this step
            target.rename(replaced)
        part.rename(target)
        _flush(folder)
    except Exception as error:
        with contextlib.suppress(OSError):
            _tidy(folder)
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise InputError(
            f"{target}: the checkpoint cannot be written ({reason}): make room or choose another folder; earlier "
            "checkpoints are as they were"
        ) from error
    others = [path for path in _standing(folder) if path not in (target, replaced)]
    for path in [replaced, *others[keep - 1 :]]:
        _remove(path)
    return target


def latest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint that is whole, and a line on each newer one that is not."""
    notes: list[str] = []
    for path in _standing(folder):
        try:
            return read(path), notes
        except ModelError as error:
            notes.append(f"{error}: going back to the one before")
    return None, notes


def set_aside(folder: Path, found: Checkpoint) -> list[Path]:
    """Give all that is newer than what `latest` found, and so damaged, names that nobody reads and no `keep` counts.

    Returns them in the order of its notes. Raises InputError where nothing can be renamed.
    """
    aside = []
    for path in _standing(folder):
        if path == found.path:
            break
        aside.append(path.with_name(path.name.replace(_PREFIX, _DAMAGED) + f"_{secrets.token_hex(2)}"))
        try:
            path.rename(aside[-1])
        except OSError as error:
            raise InputError(f"{path}: is damaged and cannot be renamed ({error.strerror})") from error
    return aside


def read(path: Path) -> Checkpoint:
    """Check a checkpoint against its own sum. Raises ModelError where anything is missing or changed."""
    try:
        state = json.loads((path / STATE).read_text())
        step, wanted = int(state["step"]), str(state["sha256"])
        found = _digest(path / TENSORS)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: is no whole checkpoint ({' '.join(str(error).split())[:120]})") from error
    if state.get("schema") != SCHEMA:
        raise ModelError(f"{path}: has schema {state.get('schema')}, should have {SCHEMA}")
    if found != wanted:
        raise ModelError(f"{path}: {TENSORS} is not what was saved (its sum differs)")
    return Checkpoint(path, step, state)


def _standing(folder: Path) -> list[Path]:
    """All checkpoints, the newest first; after a step that of before it was saved again, if that is there."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        digits = path.name.removeprefix(_PREFIX).removesuffix(_OLD)
        if path.name.startswith(_PREFIX) and digits.isdigit():
            found.append((int(digits), not path.name.endswith(_OLD), path))
    return [path for *_, path in sorted(found, reverse=True)]


def _part(folder: Path) -> Path:
    return folder / f"{_PART}{secrets.token_hex(8)}"


def _remove(path: Path) -> None:
    """As far as it can be; never half of it under its name."""
    part = _part(path.parent)
    with contextlib.suppress(OSError):
        path.rename(part)
        shutil.rmtree(part)


def _tidy(folder: Path) -> None:
    """What a save that was broken off left: half a checkpoint, or one that was to be replaced."""
    for path in folder.glob(f"{_PART}*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(f"{_PREFIX}*{_OLD}"):
        target = path.with_name(path.name.removesuffix(_OLD))
        if target.exists():
            _remove(path)
        else:
            path.rename(target)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
