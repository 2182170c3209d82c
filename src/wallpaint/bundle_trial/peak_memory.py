"""Peak memory of a stage: of the GPU, or without one the resident set size of the process."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import torch

SAMPLE_INTERVAL_S = 0.02


@dataclass
class StageCost:
    """Seconds and peak bytes of a stage, set when it ends. kind: "GPU" or "process"."""

    kind: str = ""
    seconds: float = 0.0
    peak_bytes: int = 0


@contextmanager
def measure(device: torch.device) -> Iterator[StageCost]:
    """Measure the block. On CUDA the peak of allocated memory, else the largest sampled resident set size.

    Memory that earlier stages have released is returned first, so that stages can be compared.
    """
    gc.collect()
    cost = StageCost("GPU" if device.type == "cuda" else "process")
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    started = perf_counter()
    with _resident_sampler() as resident:
        try:
            yield cost
        finally:
            cost.seconds = perf_counter() - started
            cost.peak_bytes = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else max(resident)


@contextmanager
def _resident_sampler() -> Iterator[list[int]]:
    """Yield a list whose first item is the largest resident set size so far."""
    import psutil  # type: ignore[import-untyped]

    process, stopped = psutil.Process(), threading.Event()
    peak = [int(process.memory_info().rss)]

    def sample() -> None:
        while not stopped.wait(SAMPLE_INTERVAL_S):
            peak[0] = max(peak[0], int(process.memory_info().rss))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stopped.set()
        thread.join()
        peak[0] = max(peak[0], int(process.memory_info().rss))
