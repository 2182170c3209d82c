"""Learning rate, batch composition and random seeds as pure functions of the step.

No state of a random stream is needed to resume a run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True)
class SampleIndex:
    """Index of one sample of a run. position: counted from the start of the run; seeds the sample's random numbers.
    index: into the data set."""

    position: int
    epoch: int
    index: int


def learning_rate(step: int, *, peak: float, warmup: int, total: int, schedule: str) -> float:
    """Return the learning rate of a step, counted from 0: linear warmup, then constant or half a cosine."""
    if step < warmup:
        return peak * (step + 1) / warmup
    if schedule == "constant":
        return peak
    progress = (step - warmup) / max(1, total - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def batch_indices(step: int, batch_size: int, dataset_size: int, seed: int) -> list[SampleIndex]:
    """Return the samples of a step's global batch. Each epoch is a new permutation of the data set."""
    indices = []
    permutations: dict[int, np.ndarray] = {}
    for position in range(step * batch_size, (step + 1) * batch_size):
        epoch, offset = divmod(position, dataset_size)
        if epoch not in permutations:
            permutations[epoch] = np.random.default_rng([seed, 1, epoch]).permutation(dataset_size)
        indices.append(SampleIndex(position, epoch, int(permutations[epoch][offset])))
    return indices


def stream_seed(seed: int, position: int, stream: int = 2) -> int:
    """Return a 63-bit torch seed for a sample, independent of batch size, process and machine.

    stream: 2 or more; different streams give independent random numbers.
    """
    return int(np.random.SeedSequence([seed, stream, position]).generate_state(1, np.uint64)[0] >> 1)
