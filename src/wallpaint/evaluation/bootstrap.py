"""Percentile-bootstrap confidence intervals of means, resampled over photos.

Photos are resampled with replacement, each with all the values measured on it; the interval holds the middle 95 % of
the resampled means. Compared quantities share their resamples. Source: Efron & Tibshirani 1993, chapters 12 and 13.

With few photos the percentile interval is too narrow. The expanded interval moves its quantiles outwards by the ratio
of Student's t to the normal distribution. Source: Hesterberg 2015, "What teachers should know about the bootstrap",
section 4.5.
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
MIN_PHOTOS = 6  # with fewer, all values lie on one side of zero by chance too often for a verdict


@dataclass(frozen=True)
class MeanEstimate:
    """A mean and its interval.

    count: number of values. photos: number of photos they were measured on. low, high: the interval's bounds, None
    with fewer than two photos.
    """

    count: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    photos: int = 0

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval excludes zero and rests on at least `MIN_PHOTOS` photos."""
        enough = self.low is not None and self.high is not None and self.photos >= MIN_PHOTOS
        return enough and ((self.low or 0) > 0 or (self.high or 0) < 0)


def bootstrap_indices(photos: int, seed: int | Sequence[int], resamples: int = RESAMPLES) -> Array:
    """Return the photo indices of each resample, (resamples, photos); deterministic for a seed."""
    return np.random.default_rng(seed).integers(0, photos, (resamples, photos))


def estimate_mean(
    values: Sequence[tuple[str, float]], photos: Sequence[str], indices: Array, *, expanded: bool = False
) -> MeanEstimate:
    """Estimate the mean of values and its 95 % interval.

    values: (photo, value) pairs; missing measurements are absent, and their photo contributes nothing to a resample.
    photos: all photos of the set, in the order that `indices` refers to. expanded: see the module docstring.
    """
    if not values:
        return MeanEstimate(0)
    photo_index = {photo: i for i, photo in enumerate(photos)}
    sums, counts = np.zeros(len(photos)), np.zeros(len(photos))
    for photo, value in values:
        sums[photo_index[photo]] += value
        counts[photo_index[photo]] += 1
    mean = float(sums.sum() / counts.sum())
    measured = int((counts > 0).sum())
    if measured < 2:
        return MeanEstimate(len(values), mean, photos=measured)
    resampled_counts = counts[indices].sum(1)  # (resamples,)
    valid = resampled_counts > 0
    means = sums[indices].sum(1)[valid] / resampled_counts[valid]
    low, high = (float(v) for v in np.quantile(means, _expanded_quantiles(measured) if expanded else INTERVAL))
    return MeanEstimate(len(values), mean, low, high, measured)


def _expanded_quantiles(photos: int) -> tuple[float, float]:
    low, high = (
        float(stats.norm.cdf(math.sqrt(photos / (photos - 1)) * stats.t.ppf(side, photos - 1))) for side in INTERVAL
    )
    return low, high
