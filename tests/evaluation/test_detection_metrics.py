"""Metrics on detected walls, on masks with known errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wallpaint.evaluation.detection_metrics import DETECTION_METRICS, detection_metrics

Array = np.ndarray


def square(side: int = 64, wall: int = 32) -> Array:
    alpha = np.zeros((side, side), np.float32)
    start = (side - wall) // 2
    alpha[start : start + wall, start : start + wall] = 1
    return alpha


def test_detection_metrics_separate_missed_wall_from_painted_furniture() -> None:
    """64 px: both walls and the rest are eroded by 1 px; the wall is 32 x 32, the detected one lacks 8 rows of it."""
    alpha, detected = square(), square()
    detected[16:24] = 0  # 8 rows of the wall are missed
    detected[48:54, 16:48] = 1  # and 6 rows of furniture below it are painted
    photo = np.full((64, 64, 3), 120, np.uint8)
    truth = np.where(alpha[..., None] > 0, np.uint8(80), photo)
    image = np.where(detected[..., None] > 0, np.uint8(80), photo)
    values = detection_metrics(image, photo, truth, alpha, detected)
    assert list(values) == list(DETECTION_METRICS)
    assert values["agreed_mean"] == 0
    assert values["wall_missed"] == pytest.approx(7 / 30)
    assert values["outside_changed"] == pytest.approx(5 * 32 / (64 * 64 - 34 * 34), abs=1e-3)
    assert detection_metrics(truth, photo, truth, alpha, alpha) == {
        "agreed_mean": 0,
        "wall_missed": 0,
        "outside_changed": 0,
    }


def test_detection_metrics_are_undefined_where_the_walls_do_not_meet() -> None:
    photo = np.zeros((64, 64, 3), np.uint8)
    values = detection_metrics(photo, photo, photo, square(), np.zeros((64, 64), np.float32))
    assert math.isnan(values["agreed_mean"])
    assert values["wall_missed"] == 1
    everywhere = detection_metrics(photo, photo, photo, np.ones((64, 64)), np.ones((64, 64)))
    assert math.isnan(everywhere["outside_changed"])
