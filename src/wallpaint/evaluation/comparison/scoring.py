"""Metrics of a repaint function on samples, in memory: for training every N steps, and for validation.

sample_list = [samples.crop_sample(data, index) for index in range(16)]
scores = evaluate(sample_list, repainters.plain_inpainting(painter, locks=("off",)))
scores.mean("room_mean")                  # CIEDE2000, lower is better
is_better("room_mean", scores.mean("room_mean"), best)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

from wallpaint.errors import ConfigError, InputError
from wallpaint.evaluation import metrics
from wallpaint.evaluation.comparison.repainters import RepaintFn, sample_seed
from wallpaint.evaluation.comparison.samples import OFF, ValidationSample
from wallpaint.evaluation.lpips import LpipsFn
from wallpaint.imaging import color
from wallpaint.typing import Array

Scores: TypeAlias = dict[str, float]


@dataclass(frozen=True)
class SampleScores:
    """Metrics of a set of samples.

    scores: by sample key, lock and metric, NaN where undefined. errors: messages of the samples that have none, by key.
    """

    scores: Mapping[str, Mapping[str, Scores]]
    errors: Mapping[str, str]

    def values(self, metric: str, lock: str = OFF) -> list[float]:
        """Return a metric's value on each sample where it is defined. Raises ConfigError for an unknown metric."""
        get_metric(metric)
        values = (by_lock[lock][metric] for by_lock in self.scores.values() if lock in by_lock)
        return [value for value in values if not math.isnan(value)]

    def mean(self, metric: str, lock: str = OFF) -> float:
        """Return the mean, or the metric's own reduction, over the samples where it is defined; NaN for none."""
        values = self.values(metric, lock)
        if not values:
            return math.nan
        return float(max(values) if metrics.METRICS[metric].reduction == "max" else np.mean(values))

    def means(self, lock: str = OFF) -> Scores:
        """Return the means of all metrics that are defined on any sample."""
        means = {metric: self.mean(metric, lock) for metric in metrics.METRICS}
        return {metric: value for metric, value in means.items() if not math.isnan(value)}


def evaluate(samples: Sequence[ValidationSample], repaint: RepaintFn, *, seed: int = 0) -> SampleScores:
    """Repaint samples and compute their metrics.

    repaint: from `repainters`, or any function of a sample and a seed. seed: each sample's noise seed is derived from
    it, so two evaluations share their noise. A sample that the painter refuses is listed in `errors`. Writes no file
    and does not touch global random state.
    """
    scores: dict[str, dict[str, Scores]] = {}
    errors: dict[str, str] = {}
    for sample in samples:
        try:
            repaints = repaint(sample, sample_seed(seed, sample.key))
        except InputError as error:
            errors[sample.key] = str(error)
            continue
        scores[sample.key] = {lock: score(sample, lock, image) for lock, image in repaints.items()}
    return SampleScores(scores, errors)


def score(sample: ValidationSample, lock: str, image: Array, lpips_fn: LpipsFn | None = None) -> Scores:
    """Compute all metrics of one repaint. image: (H, W, 3) uint8 sRGB. lpips_fn: also compute LPIPS."""
    truth = sample.truth_for(lock)
    scores = metrics.measure(image, sample.photo, truth, sample.alpha, sample.swatch)
    if lpips_fn is not None and truth is not None:
        scores["lpips"] = lpips_fn(image, truth, sample.alpha)
    return scores


def score_training(sample: Mapping[str, Any], image: Array) -> Scores:
    """Compute the metrics that depend on wall pixels only, where defined, for a sample of `data.dataset`.

    The wall is the sample's color_mask, the paint its dominant_color, the true repaint its target. image: (H, W, 3)
    uint8. Raises ShapeError.
    """
    wall = sample["color_mask"][0].numpy() > 0.5
    swatch = color.srgb_to_linear(sample["dominant_color"].numpy().astype(np.float64) / 255)
    photo, target = (_to_uint8(sample["pixel_values"]), _to_uint8(sample["target_values"]))
    scores = metrics.paint_metrics(image, wall, swatch) | metrics.wall_truth_metrics(image, target, wall)
    scores["shading_kept"] = metrics.shading_correlation(image, photo, wall)
    scores["contrast_kept"] = metrics.contrast_error(image, photo, wall)
    return {metric: value for metric, value in scores.items() if not math.isnan(value)}


def _to_uint8(pixels: Tensor) -> Array:
    """[3, H, W] in -1..1 to (H, W, 3) uint8."""
    return np.round((pixels.permute(1, 2, 0).numpy() + 1) * 127.5).astype(np.uint8)


def get_metric(name: str) -> metrics.Metric:
    """Return a metric by name. Raises ConfigError that lists the names."""
    if name not in metrics.METRICS:
        raise ConfigError(f'there is no metric "{name}" (there are {", ".join(metrics.METRICS)})')
    return metrics.METRICS[name]


def is_better(metric: str, new: float, old: float) -> bool:
    """Return whether a value of a metric is better than another; NaN is worse than any number."""
    if math.isnan(new) or math.isnan(old):
        return math.isnan(old) and not math.isnan(new)
    return get_metric(metric).sign * new < get_metric(metric).sign * old
