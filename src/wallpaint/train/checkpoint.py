"""Checkpoints that are whole or not there: written aside, flushed to the disk, renamed, and checked when read.

    run/checkpoints/step_00000200/tensors.safetensors   weights, optimiser, moving averages
                                  state.json            step, settings' digest, sha256 of the tensors' file

A power cut or a full disk leaves at worst a folder whose name starts with a dot, which nothing reads and the next save
removes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.errors import InputError, ModelError

if TYPE_CHECKING:
    from torch import Tensor

SCHEMA = "wallpaint.checkpoint/1"
TENSORS, STATE = "tensors.safetensors", "state.json"
_PREFIX, _PART = "step_", ".part-"


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

    part = folder / f"{_PART}{secrets.token_hex(8)}"
    target = folder / f"{_PREFIX}{step:08d}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_parts(folder)
        part.mkdir()
        save_file({name: value.detach().contiguous().cpu() for name, value in tensors.items()}, part / TENSORS)
        whole = {**state, "schema": SCHEMA, "step": step, "sha256": _digest(part / TENSORS)}
        (part / STATE).write_text(json.dumps(whole, indent=1))
        for path in (part / TENSORS, part / STATE, part):
            _flush(path)
        if target.exists():  # of an earlier run past this step
            shutil.rmtree(target)
        part.rename(target)
        _flush(folder)
    except Exception as error:
        with contextlib.suppress(OSError):
            shutil.rmtree(part)
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise InputError(
            f"{target}: the checkpoint cannot be written ({reason}): make room or choose another folder; earlier "
            "checkpoints are as they were"
        ) from error
    for old in sorted(set(_folders(folder)) - {step}, reverse=True)[keep - 1 :]:
        shutil.rmtree(folder / f"{_PREFIX}{old:08d}", ignore_errors=True)
    return target


def latest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint that is whole, and a line on each newer one that is not."""
    notes: list[str] = []
    for step in sorted(_folders(folder), reverse=True):
        try:
            return read(folder / f"{_PREFIX}{step:08d}"), notes
        except ModelError as error:
            notes.append(f"{error}: going back to the one before")
    return None, notes


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


def _folders(folder: Path) -> Iterator[int]:
    if folder.is_dir():
        for path in folder.iterdir():
            digits = path.name.removeprefix(_PREFIX)
            if path.name.startswith(_PREFIX) and digits.isdigit():
                yield int(digits)


def _remove_parts(folder: Path) -> None:
    for path in folder.glob(f"{_PART}*"):
        shutil.rmtree(path, ignore_errors=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
