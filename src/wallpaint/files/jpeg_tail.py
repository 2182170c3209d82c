"""JPEG files without an end marker: whether all pixels are there.

A decoder that has all the coded data reads nothing of what follows it. So the pixels of a complete picture are the same
whatever is appended, and those of a picture that was cut short are not.
"""

from __future__ import annotations

from typing import Final

import imagecodecs
import numpy as np

from wallpaint.errors import InputError
from wallpaint.files.containers import TRUNCATED
from wallpaint.typing import Array

WARNING: Final = "the JPEG has no end marker, but all its pixels: it was read"

_END: Final = b"\xff\xd9"
_TAILS: Final = (b"\0" * 256, b"\xff\0" * 128, b"\xa5\x3c\x71" * 85)
_RUN_BYTES: Final = 16  # coded data does not end in that many equal bytes; padding does


def completed(stream: bytes, start: int) -> bytes:
    """Return a JPEG stream with its end marker put back.

    stream: a JPEG without an end marker, perhaps with other bytes after its coded data. start: offset of the last
    scan's coded data. Raises InputError if coded data is missing.
    """
    stream = stream.rstrip(b"\xff")  # the start of a marker, or filling before one: coded data never ends so
    if not _is_complete(stream):
        raise InputError(TRUNCATED)
    if _is_complete(stream[:-1]):  # the coded data ends earlier: what follows must not have been decoded
        end = _end_of_data(stream, start)
        if len(set(stream[max(start, end - _RUN_BYTES) : end])) < 2:
            raise InputError(TRUNCATED)
    return stream + _END


def _is_complete(stream: bytes) -> bool:
    return _pixels(stream) is not None


def _pixels(stream: bytes) -> Array | None:
    """Return the pixels of a stream, None if they depend on what is appended to it."""
    first: Array | None = None
    for tail in _TAILS:
        try:
            pixels = np.asarray(imagecodecs.jpeg8_decode(stream + tail + _END))
        except Exception:  # the codec raises kinds of its own on damaged streams
            return None
        if first is not None and not np.array_equal(first, pixels):
            return None
        first = pixels
    return first


def _end_of_data(stream: bytes, start: int) -> int:
    """Return the smallest length at which a complete stream is still complete."""
    low, high = start, len(stream)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _is_complete(stream[:middle]) else (middle + 1, high)
    return high
