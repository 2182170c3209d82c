"""Metrics of a repaint on a detected wall: errors of the colour apart from those of the mask (docs/metrics.md)."""

from __future__ import annotations

import math

from wallpaint.evaluation import metrics
from wallpaint.evaluation.metrics import Metric
from wallpaint.typing import Array

DETECTION_METRICS = {
    "agreed_mean": Metric(
        "error, both walls", "CIEDE2000", "low", 1, description="to the true repaint where detected and true wall agree"
    ),
    "wall_missed": Metric(
        "wall missed", "share", "low", 3, description="share of the true wall that is not in the detected one"
    ),
    "outside_changed": Metric(
        "non-wall changed", "share", "low", 3, description="share of the pixels beside the true wall that changed"
    ),
}
"""The metrics of a repaint on a detected wall, in table order, see `detection_metrics`."""


def detection_metrics(image: Array, photo: Array, truth: Array, alpha: Array, detected: Array) -> dict[str, float]:
    """Compute `DETECTION_METRICS` of a repaint on a detected wall, against the true wall and the true repaint.

    image, photo, truth: (H, W, 3) uint8. alpha, detected: (H, W), 0..1, the true and the detected wall. Both are eroded
    as by `metrics.eroded_wall`, and so is the rest of the photo. NaN for an empty region. Raises ShapeError.
    """
    metrics.require_same_shape(image, truth)
    metrics.require_same_shape(image, photo)
    wall, rest = metrics.eroded_wall(alpha), metrics.eroded_wall(1 - alpha)
    agreed = wall & metrics.eroded_wall(detected)
    changed = (image != photo).any(-1)
    return {
        "agreed_mean": float(metrics.delta_e_map(image, truth, agreed)[agreed].mean()) if agreed.any() else math.nan,
        "wall_missed": float((detected[wall] < metrics.WALL_ALPHA).mean()) if wall.any() else math.nan,
        "outside_changed": float(changed[rest].mean()) if rest.any() else math.nan,
    }
