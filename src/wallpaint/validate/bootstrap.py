"""Means with intervals: the percentile bootstrap over photos, paired for differences.

Photos are drawn with replacement, and with each all that was measured on it, as many as there are; the interval holds
the middle 95 % of the means. What is compared is drawn together. Source: Efron & Tibshirani 1993, chapters 12 and 13.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wallpaint.fields import Array

RESAMPLES = 10_000
INTERVAL = (0.025, 0.975)


@dataclass(frozen=True)
class Estimate:
    """A mean. low, high: its interval, None where fewer than two photos were measured. count: of the values."""

    count: int
    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval leaves out zero: a difference that chance alone rarely makes."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def draws(photos: int, seed: int | Sequence[int], resamples: int = RESAMPLES) -> Array:
    """Which photos each resample holds, (resamples, photos); the same for the same seed."""
    return np.random.default_rng(seed).integers(0, photos, (resamples, photos))


def estimate(values: Sequence[tuple[str, float]], photos: Sequence[str], drawn: Array) -> Estimate:
    """The mean of values and its interval.

    values: (photo, value) of what was measured; what was not is absent, and its photo is drawn for nothing. photos:
    all of the set, in the order that `drawn` counts them in.
    """
    if not values:
        return Estimate(0)
    place = {photo: i for i, photo in enumerate(photos)}
    sums, counts = np.zeros(len(photos)), np.zeros(len(photos))
    for photo, value in values:
        sums[place[photo]] += value
        counts[place[photo]] += 1
    mean = float(sums.sum() / counts.sum())
    if (counts > 0).sum() < 2:
        return Estimate(len(values), mean)
    drawn_counts = counts[drawn].sum(1)
    means = sums[drawn].sum(1)[drawn_counts > 0] / drawn_counts[drawn_counts > 0]
    low, high = (float(v) for v in np.quantile(means, INTERVAL))
    return Estimate(len(values), mean, low, high)
