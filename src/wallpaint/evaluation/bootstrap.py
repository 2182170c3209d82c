"""Means with intervals: the percentile bootstrap over photos, paired for differences.

Photos are drawn with replacement, and with each all that was measured on it, as many as there are; the interval holds
the middle 95 % of the means. What is compared is drawn together. Source: Efron & Tibshirani 1993, chapters 12 and 13.

For few photos that interval is too narrow; expanded, its quantiles move out as far as Student's distribution lies
beyond the normal one. Source: Hesterberg 2015, "What teachers should know about the bootstrap", section 4.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from wallpaint.typing import Array

RESAMPLES = 10_000
INTERVAL = (0.025, 0.975)
LEAST_PHOTOS = 6  # below, all may lie on one side of zero by chance too often for a verdict


@dataclass(frozen=True)
class Estimate:
    """A mean. low, high: its interval, None where fewer than two photos were measured. count: of the values. photos:
    that they are of."""

    count: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    photos: int = 0

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval leaves out zero, and stands on photos enough to say so."""
        enough = self.low is not None and self.high is not None and self.photos >= LEAST_PHOTOS
        return enough and ((self.low or 0) > 0 or (self.high or 0) < 0)


def draws(photos: int, seed: int | Sequence[int], resamples: int = RESAMPLES) -> Array:
    """Which photos each resample holds, (resamples, photos); the same for the same seed."""
    return np.random.default_rng(seed).integers(0, photos, (resamples, photos))


def estimate(
    values: Sequence[tuple[str, float]], photos: Sequence[str], drawn: Array, *, expanded: bool = False
) -> Estimate:
    """The mean of values and its interval.

    values: (photo, value) of what was measured; what was not is absent, and its photo is drawn for nothing. photos:
    all of the set, in the order that `drawn` counts them in. expanded: see the module.
    """
    if not values:
        return Estimate(0)
    place = {photo: i for i, photo in enumerate(photos)}
    sums, counts = np.zeros(len(photos)), np.zeros(len(photos))
    for photo, value in values:
        sums[place[photo]] += value
        counts[place[photo]] += 1
    mean = float(sums.sum() / counts.sum())
    measured = int((counts > 0).sum())
    if measured < 2:
        return Estimate(len(values), mean, photos=measured)
    drawn_counts = counts[drawn].sum(1)
    means = sums[drawn].sum(1)[drawn_counts > 0] / drawn_counts[drawn_counts > 0]
    low, high = (float(v) for v in np.quantile(means, _expanded(measured) if expanded else INTERVAL))
    return Estimate(len(values), mean, low, high, measured)


def _expanded(photos: int) -> tuple[float, float]:
    low, high = (
        float(stats.norm.cdf(math.sqrt(photos / (photos - 1)) * stats.t.ppf(side, photos - 1))) for side in INTERVAL
    )
    return low, high
