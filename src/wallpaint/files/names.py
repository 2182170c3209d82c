"""Names and text of files that other programs wrote: Unicode forms, byte order marks, files that are no content.

macOS writes decomposed names (NFD) where other systems write composed ones (NFC), and beside each file of a foreign
volume an AppleDouble file ._NAME; Windows programs begin text with a byte order mark and end lines in CR LF.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SYSTEM_NAMES = {"__macosx", "thumbs.db", "desktop.ini"}
_SEPARATOR_LINE = re.compile(r'\s*"?sep=([^\s"\w]|\t)"?[^\S\n\r]*(?:\r\n|\n|\r|$)', re.IGNORECASE)


def composed(name: str) -> str:
    """Return a name in Unicode's composed form (NFC), by which names are compared."""
    return unicodedata.normalize("NFC", name)


def is_content(path: Path | PurePosixPath) -> bool:
    """Return whether a file or folder is content: not hidden (.DS_Store, ._x.jpg), and not written by a system."""
    return not path.name.startswith(".") and path.name.casefold() not in _SYSTEM_NAMES


def list_content(folder: Path, pattern: str = "*") -> list[Path]:
    """Return the paths in a folder that match a pattern and are content, sorted; none if there is no such folder."""
    return sorted(path for path in folder.glob(pattern) if is_content(path)) if folder.is_dir() else []


def find(folder: Path, relative: str | PurePosixPath) -> Path | None:
    """Return the file or folder of a relative path, its names compared in composed form; None if there is none."""
    path = folder / relative
    try:
        if path.exists():
            return path
        for name in PurePosixPath(relative).as_posix().split("/"):
            same = (entry for entry in folder.iterdir() if composed(entry.name) == composed(name))
            step = folder / name if (folder / name).exists() else next(same, None)
            if step is None:
                return None
            folder = step
    except OSError:  # a name longer than the file system allows, or a file in place of a folder
        return None
    return folder


def decode_text(data: bytes) -> str:
    """Decode UTF-8, with or without byte order mark, or UTF-16 with one; lines end in LF. Raises UnicodeDecodeError."""
    text = data.decode("utf-16" if data[:2] in _UTF16_MARKS else "utf-8-sig")
    return text.replace("\r\n", "\n")


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number from 1, line) of the lines that are not blank, without byte order marks of joined files."""
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removeprefix("\ufeff").rstrip("\r")
        if line.strip():
            yield number, line


def without_separator_line(text: str) -> tuple[str, str | None]:
    """Split off the line `sep=;` that spreadsheets write and read: the text with it blank, and the delimiter."""
    match = _SEPARATOR_LINE.match(text)
    return (f"\n{text[match.end() :]}", match[1]) if match else (text, None)
