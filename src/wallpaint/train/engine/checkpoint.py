"""Atomic checkpoints: written to a temporary folder, flushed to disk, renamed, and verified when read.

    run/checkpoints/step_00000200/tensors.safetensors   weights, optimizer state, EMA
                                  state.json            step, config digest, sha256 of the tensors file

A crash or a full disk leaves at worst a folder whose name starts with a dot, which is never read and which the next
save removes; or, while a step is saved again, its previous version as step_00000200.old, which is read instead.
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
TENSORS_FILE, STATE_FILE = "tensors.safetensors", "state.json"
_STEP_PREFIX, _TEMPORARY_PREFIX, _DAMAGED_PREFIX, _OLD_SUFFIX = "step_", ".part-", "damaged_", ".old"


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint. state: the mapping passed to `save`, with "step"."""

    path: Path
    step: int
    state: Mapping[str, Any]

    def tensors(self) -> dict[str, Tensor]:
        """Load all tensors to the CPU, as copies."""
        from safetensors.torch import load_file

        return {name: value.clone() for name, value in load_file(self.path / TENSORS_FILE).items()}


def save(folder: Path, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any], *, keep: int) -> Path:
    """Write a checkpoint, keep it and the newest others, `keep` in all, and return its folder.

    An existing checkpoint of the same step is replaced. Raises InputError if it cannot be written; existing checkpoints
    are then unchanged.
    """
    from safetensors.torch import save_file

    temporary, target = _temporary_path(folder), folder / f"{_STEP_PREFIX}{step:08d}"
    replaced = target.with_name(f"{target.name}{_OLD_SUFFIX}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _clean_up(folder)
        temporary.mkdir()
        save_file(
            {name: value.detach().contiguous().cpu() for name, value in tensors.items()}, temporary / TENSORS_FILE
        )
        saved_state = {**state, "schema": SCHEMA, "step": step, "sha256": _sha256(temporary / TENSORS_FILE)}
        (temporary / STATE_FILE).write_text(json.dumps(saved_state, indent=1), encoding="utf-8")
        for path in (temporary / TENSORS_FILE, temporary / STATE_FILE, temporary):
            _fsync(path)
        if target.exists():  # from an earlier run that went past this step
            target.rename(replaced)
        temporary.rename(target)
        _fsync(folder)
    except Exception as error:
        with contextlib.suppress(OSError):
            _clean_up(folder)
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise InputError(
            f"{target}: the checkpoint cannot be written ({reason}): make room or choose another folder; earlier "
            "checkpoints are unchanged"
        ) from error
    others = [path for path in _newest_first(folder) if path not in (target, replaced)]
    for path in [replaced, *others[keep - 1 :]]:
        _remove(path)
    return target


def latest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """Return the newest undamaged checkpoint, and a note on each newer one that is damaged."""
    notes: list[str] = []
    for path in _newest_first(folder):
        try:
            return read(path), notes
        except ModelError as error:
            notes.append(f"{error}: falling back to the previous one")
    return None, notes


def rename_damaged(folder: Path, newest: Checkpoint) -> list[Path]:
    """Rename the damaged checkpoints that are newer than `newest`, so that they are neither read nor counted.

    Returns the new paths in the order of the notes of `latest`. Raises InputError if one cannot be renamed.
    """
    renamed = []
    for path in _newest_first(folder):
        if path == newest.path:
            break
        renamed.append(path.with_name(path.name.replace(_STEP_PREFIX, _DAMAGED_PREFIX) + f"_{secrets.token_hex(2)}"))
        try:
            path.rename(renamed[-1])
        except OSError as error:
            raise InputError(f"{path}: is damaged and cannot be renamed ({error.strerror})") from error
    return renamed


def read(path: Path) -> Checkpoint:
    """Read a checkpoint and verify its sha256. Raises ModelError if a file is missing or changed."""
    try:
        state = json.loads((path / STATE_FILE).read_text(encoding="utf-8"))
        step, expected = int(state["step"]), str(state["sha256"])
        actual = _sha256(path / TENSORS_FILE)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: is no complete checkpoint ({' '.join(str(error).split())[:120]})") from error
    if state.get("schema") != SCHEMA:
        raise ModelError(f"{path}: has schema {state.get('schema')}, should have {SCHEMA}")
    if actual != expected:
        raise ModelError(f"{path}: {TENSORS_FILE} is damaged (its sha256 differs)")
    return Checkpoint(path, step, state)


def _newest_first(folder: Path) -> list[Path]:
    """All checkpoint folders, the newest first; the replaced version of a step (.old) follows the step."""
    entries = []
    for path in folder.iterdir() if folder.is_dir() else ():
        digits = path.name.removeprefix(_STEP_PREFIX).removesuffix(_OLD_SUFFIX)
        if path.name.startswith(_STEP_PREFIX) and digits.isdigit():
            entries.append((int(digits), not path.name.endswith(_OLD_SUFFIX), path))
    return [path for *_, path in sorted(entries, reverse=True)]


def _temporary_path(folder: Path) -> Path:
    return folder / f"{_TEMPORARY_PREFIX}{secrets.token_hex(8)}"


def _remove(path: Path) -> None:
    """Remove a folder if possible. It is renamed first, so that no partial checkpoint keeps its name."""
    temporary = _temporary_path(path.parent)
    with contextlib.suppress(OSError):
        path.rename(temporary)
        shutil.rmtree(temporary)


def _clean_up(folder: Path) -> None:
    """Remove or restore what an interrupted save left: a temporary folder, or a checkpoint about to be replaced."""
    for path in folder.glob(f"{_TEMPORARY_PREFIX}*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(f"{_STEP_PREFIX}*{_OLD_SUFFIX}"):
        target = path.with_name(path.name.removesuffix(_OLD_SUFFIX))
        if target.exists():
            _remove(path)
        else:
            path.rename(target)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
