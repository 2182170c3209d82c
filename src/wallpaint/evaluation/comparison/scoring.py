"""Painters judged on samples, in memory: what training asks at every so many steps, and validation once a sample.

samples = [samples.plain(data, index) for index in range(16)]
found = evaluate(samples, painting.by_inpainting(painter, locks=("off",)))
found.mean("room_mean")                  # CIEDE2000, lower is better
is_better("room_mean", found.mean("room_mean"), best)
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
from wallpaint.evaluation.comparison.repainters import Give, seed_of
from wallpaint.evaluation.comparison.samples import OFF, Sample
from wallpaint.evaluation.lpips import Perceptual
from wallpaint.imaging import color
from wallpaint.typing import Array

Scores: TypeAlias = dict[str, float]


@dataclass(frozen=True)
class Evaluation:
    """What was measured. scores: by sample's key, lock and metric, NaN for what cannot be. errors: why a sample has
    none, by key."""

    scores: Mapping[str, Mapping[str, Scores]]
    errors: Mapping[str, str]

    def values(self, metric: str, lock: str = OFF) -> list[float]:
        """What a metric came to on each sample where it could be measured. Raises ConfigError for an unknown one."""
        known(metric)
        found = (by_lock[lock][metric] for by_lock in self.scores.values() if lock in by_lock)
        return [value for value in found if not math.isnan(value)]

    def mean(self, metric: str, lock: str = OFF) -> float:
        """Over the samples where it could be measured; the largest where the metric is a largest; NaN for none."""
        values = self.values(metric, lock)
        if not values:
            return math.nan
        return float(max(values) if metrics.METRICS[metric].fold == "max" else np.mean(values))

    def means(self, lock: str = OFF) -> Scores:
        """Every metric that could be measured at all, for a log."""
        found = {metric: self.mean(metric, lock) for metric in metrics.METRICS}
        return {metric: value for metric, value in found.items() if not math.isnan(value)}


def evaluate(samples: Sequence[Sample], give: Give, *, seed: int = 0) -> Evaluation:
    """Let a painter repaint samples, and measure.

    give: of `painting`, or any function of a sample and a seed. seed: each sample draws from it a seed of its own, so
    two evaluations share their noise. A sample that the painter refuses is left out and told. No file is written, and
    no random state but the given one is used.
    """
    scores: dict[str, dict[str, Scores]] = {}
    errors: dict[str, str] = {}
    for sample in samples:
        try:
            pictures = give(sample, seed_of(seed, sample.key))
        except InputError as error:
            errors[sample.key] = str(error)
            continue
        scores[sample.key] = {lock: score(sample, lock, picture) for lock, picture in pictures.items()}
    return Evaluation(scores, errors)


def score(sample: Sample, lock: str, picture: Array, perceptual: Perceptual | None = None) -> Scores:
    """All metrics of one repaint of a sample. picture: (H, W, 3) uint8 sRGB. perceptual: for LPIPS."""
    truth = sample.truth_with(lock)
    found = metrics.measure(picture, sample.photo, truth, sample.alpha, sample.swatch)
    if perceptual is not None and truth is not None:
        found["lpips"] = perceptual(picture, truth, sample.alpha)
    return found


def score_training(sample: Mapping[str, Any], picture: Array) -> Scores:
    """The metrics of a repaint of a `data.dataset.Sample` that look at the wall alone, as far as they can be measured.

    The wall is the sample's color_mask, the paint its dominant_color, the truth its target. picture: (H, W, 3) uint8.
    Raises ShapeError.
    """
    wall = sample["color_mask"][0].numpy() > 0.5
    swatch = color.srgb_to_linear(sample["dominant_color"].numpy().astype(np.float64) / 255)
    photo, target = (_codes(sample["pixel_values"]), _codes(sample["target_values"]))
    found = metrics.to_paint(picture, wall, swatch) | metrics.wall_to_truth(picture, target, wall)
    found["shading_kept"] = metrics.shading_correlation(picture, photo, wall)
    found["contrast_kept"] = metrics.contrast_error(picture, photo, wall)
    return {metric: value for metric, value in found.items() if not math.isnan(value)}


def _codes(pixels: Tensor) -> Array:
    return np.round((pixels.permute(1, 2, 0).numpy() + 1) * 127.5).astype(np.uint8)


def known(metric: str) -> metrics.Metric:
    """The metric of that name. Raises ConfigError that lists them."""
    if metric not in metrics.METRICS:
        raise ConfigError(f'there is no metric "{metric}" (there are {", ".join(metrics.METRICS)})')
    return metrics.METRICS[metric]


def is_better(metric: str, new: float, old: float) -> bool:
    """Whether a value of a metric is better than another; NaN is worse than any number."""
    if math.isnan(new) or math.isnan(old):
        return math.isnan(old) and not math.isnan(new)
    return known(metric).sign * new < known(metric).sign * old
