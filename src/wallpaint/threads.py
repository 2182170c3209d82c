"""OpenCV on one thread: for many calls on small arrays its thread pool costs more in waiting than it saves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import cv2


@contextmanager
def single_threaded() -> Iterator[None]:
    """Run the body with OpenCV on one thread, and restore the previous number of threads."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def requested() -> int:
    """Return the number of threads that OMP_NUM_THREADS asks for; 1 if it is unset or no positive number."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # a list has one number a nesting level
    return int(first) if first.isascii() and first.isdigit() and int(first) > 0 else 1
