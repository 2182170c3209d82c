"""bundle.lock.json: which commit each file came from, its size and its sha256, computed when it was fetched.

    {"schema": "wallpaint.bundle-lock/1",
     "files": {"unet/config.json": {"repo": …, "commit": …, "path": …, "size": …, "sha256": …}, …}}

Loading checks a part's files against it. A sum is only computed anew where size or time of a file changed since the
last good check, which a stamp file beside the lock remembers; `wallpaint models verify` computes all.
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
_ENTRY = {"repo": str, "commit": str, "path": str, "size": int, "sha256": str}
_BLOCK = 1 << 20

Entry = dict[str, Any]


def read(folder: Path) -> dict[str, Entry]:
    """Entries by place in the folder; none where there is no lock. Raises ModelError for a damaged one."""
    path = folder / FILE_NAME
    if not path.is_file():
        return {}
    table = read_json(path)
    files = table.get("files")
    if table.get("schema") != SCHEMA or not isinstance(files, dict):
        raise ModelError(f"{path}: should be of schema {SCHEMA!r}, is {table.get('schema')!r}: fetch the bundle again")
    for name, entry in files.items():
        if not isinstance(entry, dict) or any(type(entry.get(key)) is not kind for key, kind in _ENTRY.items()):
            raise ModelError(f"{path}: the entry of {name} is not whole: fetch the bundle again")
    return files


def write(folder: Path, files: dict[str, Entry]) -> None:
    """Write the lock and, since its sums were just computed, the stamp."""
    put(folder / FILE_NAME, json.dumps({"schema": SCHEMA, "files": files}, indent=1, sort_keys=True).encode() + b"\n")
    _stamp(folder, {name: _state(folder / name, entry["sha256"]) for name, entry in files.items()})


def check(folder: Path, place: Path | None = None, *, anew: bool = False) -> int:
    """Check files against the lock: those of a part's file or folder, or all. Returns how many.

    anew: compute every sum, whatever the stamp says. Raises ModelError for the first file that is not as locked.
    """
    entries = {name: entry for name, entry in read(folder).items() if place is None or _within(folder / name, place)}
    if not entries:
        return 0
    known = _stamps(folder)
    fresh = {name: _checked(folder, name, entry, None if anew else known.get(name)) for name, entry in entries.items()}
    if any(known.get(name) != state for name, state in fresh.items()):
        _stamp(folder, {**known, **fresh})
    return len(entries)


def digest(folder: Path, path: Path) -> str:
    """Sum of a file of a bundle, locked or not; computed anew only where its size or time changed since the last time.

    Raises OSError.
    """
    name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
    known = _stamps(folder)
    last = known.get(name)
    if isinstance(last, list) and len(last) == 3 and last == _state(path, last[2]):
        return str(last[2])
    state = _state(path, sha256(path))
    _stamp(folder, {**known, name: state})
    return str(state[2])


def _checked(folder: Path, name: str, entry: Entry, known: list[Any] | None) -> list[Any]:
    path, again = folder / name, "fetch the bundle again"
    try:
        size = path.stat().st_size
        if size != entry["size"]:
            raise ModelError(f"{path}: has {size} bytes, {FILE_NAME} says {entry['size']}: {again}")
        if known is not None and known == _state(path, entry["sha256"]):
            return known
        found = sha256(path)
    except OSError as error:
        raise ModelError(f"{path}: is in {FILE_NAME} but cannot be read ({error.strerror}): {again}") from error
    if found != entry["sha256"]:
        raise ModelError(f"{path}: has sha256 {found[:12]}…, {FILE_NAME} says {entry['sha256'][:12]}…: {again}")
    return _state(path, found)


def _within(path: Path, place: Path) -> bool:
    return path == place or place in path.parents


def _state(path: Path, digest: str) -> list[Any]:
    """What tells that a file is still the one whose sum was computed."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, digest]


def _stamps(folder: Path) -> dict[str, list[Any]]:
    with contextlib.suppress(ModelError):
        files = read_json(folder / STAMP_NAME).get("files")
        if isinstance(files, dict):
            return files
    return {}


def _stamp(folder: Path, states: dict[str, list[Any]]) -> None:
    with contextlib.suppress(InputError):  # a folder that cannot be written to is checked anew each time
        put(folder / STAMP_NAME, json.dumps({"files": states}, sort_keys=True).encode(), durable=False)


def sha256(path: Path) -> str:
    """Sum of a file, in hexadecimal. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
