"""One thread for our many small array calls: OpenCV's pool costs more in waiting than it brings at these sizes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2


@contextmanager
def single() -> Iterator[None]:
    """Run the body with OpenCV on one thread, and give the old number back."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
