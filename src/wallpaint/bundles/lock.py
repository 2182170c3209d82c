"""bundle.lock.json: source commit, size and SHA-256 of each file, computed when it was fetched.

    {"schema": "wallpaint.bundle-lock/1",
     "files": {"unet/config.json": {"repo": …, "commit": …, "path": …, "size": …, "sha256": …}, …}}

Loading a component verifies its files against the lock. A checksum is recomputed only where the size or modification
time of a file differs from the stamp file, which records the last successful check; `wallpaint models verify`
recomputes all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from wallpaint.bundles.manifest import read_json
from wallpaint.errors import InputError, ModelError
from wallpaint.files.atomic import put

FILE_NAME = "bundle.lock.json"
STAMP_NAME = ".bundle.stamp.json"
SCHEMA = "wallpaint.bundle-lock/1"
_ENTRY_TYPES = {"repo": str, "commit": str, "path": str, "size": int, "sha256": str}
_CHUNK_BYTES = 1 << 20

LockEntry = dict[str, Any]


def read(folder: Path) -> dict[str, LockEntry]:
    """Read the entries by relative path; empty without a lock. Raises ModelError for a damaged lock."""
    path = folder / FILE_NAME
    if not path.is_file():
        return {}
    table = read_json(path)
    files = table.get("files")
    if table.get("schema") != SCHEMA or not isinstance(files, dict):
        raise ModelError(f"{path}: should be of schema {SCHEMA!r}, is {table.get('schema')!r}: fetch the bundle again")
    for name, entry in files.items():
        if not isinstance(entry, dict) or any(type(entry.get(key)) is not t for key, t in _ENTRY_TYPES.items()):
            raise ModelError(f"{path}: the entry of {name} is incomplete: fetch the bundle again")
    return files


def write(folder: Path, files: dict[str, LockEntry]) -> None:
    """Write the lock and, since its checksums were just computed, the stamp."""
    put(folder / FILE_NAME, json.dumps({"schema": SCHEMA, "files": files}, indent=1, sort_keys=True).encode() + b"\n")
    _write_stamp(folder, {name: _state(folder / name, entry["sha256"]) for name, entry in files.items()})


def check(folder: Path, path: Path | None = None, *, recompute: bool = False) -> int:
    """Check files against the lock: those at or below a path, or all. Returns how many.

    recompute: recompute every checksum and ignore the stamp. Raises ModelError for the first mismatch.
    """
    entries = {name: entry for name, entry in read(folder).items() if path is None or _within(folder / name, path)}
    if not entries:
        return 0
    stamp = _read_stamp(folder)
    states = {
        name: _verified_state(folder, name, entry, None if recompute else stamp.get(name))
        for name, entry in entries.items()
    }
    if any(stamp.get(name) != state for name, state in states.items()):
        _write_stamp(folder, {**stamp, **states})
    return len(entries)


def digest(folder: Path, path: Path) -> str:
    """SHA-256 of a bundle's file, locked or not; recomputed only where its size or modification time has changed.

    Raises OSError.
    """
    name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
    stamp = _read_stamp(folder)
    last = stamp.get(name)
    if isinstance(last, list) and len(last) == 3 and last == _state(path, last[2]):
        return str(last[2])
    state = _state(path, sha256(path))
    _write_stamp(folder, {**stamp, name: state})
    return str(state[2])


def _verified_state(folder: Path, name: str, entry: LockEntry, last: list[Any] | None) -> list[Any]:
    path, remedy = folder / name, "fetch the bundle again"
    try:
        size = path.stat().st_size
        if size != entry["size"]:
            raise ModelError(f"{path}: has {size} bytes, {FILE_NAME} records {entry['size']}: {remedy}")
        if last is not None and last == _state(path, entry["sha256"]):
            return last
        actual = sha256(path)
    except OSError as error:
        raise ModelError(f"{path}: is in {FILE_NAME} but cannot be read ({error.strerror}): {remedy}") from error
    if actual != entry["sha256"]:
        raise ModelError(f"{path}: has sha256 {actual[:12]}…, {FILE_NAME} records {entry['sha256'][:12]}…: {remedy}")
    return _state(path, actual)


def _within(path: Path, parent: Path) -> bool:
    return path == parent or parent in path.parents


def _state(path: Path, digest: str) -> list[Any]:
    """Size, modification time and checksum: identifies the file that the checksum was computed from."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, digest]


def _read_stamp(folder: Path) -> dict[str, list[Any]]:
    with contextlib.suppress(ModelError):
        files = read_json(folder / STAMP_NAME).get("files")
        if isinstance(files, dict):
            return files
    return {}


def _write_stamp(folder: Path, states: dict[str, list[Any]]) -> None:
    with contextlib.suppress(InputError):  # a read-only folder is checked again each time
        put(folder / STAMP_NAME, json.dumps({"files": states}, sort_keys=True).encode(), durable=False)


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_CHUNK_BYTES):
            digest.update(block)
    return digest.hexdigest()
