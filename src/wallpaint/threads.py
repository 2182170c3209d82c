"""OpenCV on one thread: for many calls on small arrays its thread pool costs more in waiting than it saves."""

from __future__ import annotations

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
