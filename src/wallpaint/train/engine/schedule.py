"""What a training run does at each step, as pure functions of the step: learning rate, samples, random numbers.

Since nothing is drawn from a stream, a run that goes on needs no memory of what was drawn before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True)
class Place:
    """One sample's place in a run. position: counted from the run's start; it seeds what is random about the sample."""

    position: int
    epoch: int
    index: int


def learning_rate(step: int, *, peak: float, warmup: int, total: int, schedule: str) -> float:
    """Of the step's update, steps counted from 0: a linear rise over `warmup` steps, then constant or half a cosine."""
    if step < warmup:
        return peak * (step + 1) / warmup
    if schedule == "constant":
        return peak
    done = (step - warmup) / max(1, total - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def places(step: int, batch: int, size: int, seed: int) -> list[Place]:
    """The samples of a step's global batch. size: of the data set. Each epoch visits every sample once, in an order of
    its own."""
    found = []
    orders: dict[int, np.ndarray] = {}
    for position in range(step * batch, (step + 1) * batch):
        epoch, at = divmod(position, size)
        if epoch not in orders:
            orders[epoch] = np.random.default_rng([seed, 1, epoch]).permutation(size)
        found.append(Place(position, epoch, int(orders[epoch][at])))
    return found


def seed_of(seed: int, position: int, stream: int = 2) -> int:
    """A seed for torch of a sample's random numbers, 64 bits: the same whatever batch, process or machine it is part
    of. stream: 2 or more, for numbers that have nothing to do with each other."""
    return int(np.random.SeedSequence([seed, stream, position]).generate_state(1, np.uint64)[0] >> 1)
