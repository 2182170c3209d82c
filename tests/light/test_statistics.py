"""The regression that predicts the light: properties of features and outputs."""

from __future__ import annotations

import numpy as np
import pytest

from wallpaint.light import statistics

RNG = np.random.default_rng(0)
IMAGE = RNG.uniform(0.05, 0.6, (60, 80, 3)).astype(np.float32)
WEIGHT = np.zeros((60, 80), np.float32)
WEIGHT[:30] = 1
MEDIAN = np.median(IMAGE[:30].reshape(-1, 3), axis=0)


def test_features_match_the_packaged_weights() -> None:
    features = statistics.photo_features(IMAGE, WEIGHT, MEDIAN)
    assert features.shape == (49,)
    assert features.dtype == np.float32
    assert np.isfinite(statistics.predict(features, MEDIAN).white).all()


def test_exposure_shifts_log_luminance_and_not_tint() -> None:
    image = np.clip(IMAGE, 0.05, 0.4)
    one = statistics.photo_features(image, WEIGHT, MEDIAN)
    two = statistics.photo_features(2 * image, WEIGHT, 2 * MEDIAN)
    assert two[0] - one[0] == pytest.approx(np.log(2), abs=1e-3)
    assert two[1:3] == pytest.approx(one[1:3], abs=1e-3)


@pytest.mark.parametrize("value", [0.0, 1e-4, 1.0])
def test_extreme_images_give_finite_features(value: float) -> None:
    image = np.full((20, 20, 3), value, np.float32)
    for weight in (np.zeros((20, 20), np.float32), np.ones((20, 20), np.float32), WEIGHT[20:40, :20]):
        features = statistics.photo_features(image, weight, np.full(3, value))
        prediction = statistics.predict(features, np.full(3, max(value, 1e-4)))
        assert np.isfinite(features).all()
        assert np.isfinite(prediction.white).all()
        assert 0 <= statistics.in_distribution(features) <= 1


def test_predicted_white_is_bounded_by_the_wall() -> None:
    for seed in range(20):
        median = np.random.default_rng(seed).uniform(0.01, 0.95, 3)
        features = statistics.photo_features(IMAGE, WEIGHT, median)
        prediction = statistics.predict(features, median)
        assert (prediction.white >= median).all()
        assert (prediction.white <= median / statistics.MIN_ALBEDO + 1e-6).all()
        assert 0 <= prediction.bounce <= statistics.MAX_BOUNCE
        assert statistics.CONTRAST_RANGE[0] <= prediction.contrast <= statistics.CONTRAST_RANGE[1]


def test_unusual_features_are_less_in_distribution() -> None:
    typical = statistics.photo_features(IMAGE, WEIGHT, MEDIAN)
    unusual = typical + 30
    assert statistics.in_distribution(unusual) < 0.2 * statistics.in_distribution(typical)


def test_neutral_share_counts_neutral_surfaces_outside_walls() -> None:
    image = np.full((20, 20, 3), 0.5, np.float32)
    image[10:, 10:] = [0.6, 0.1, 0.1]
    weight = np.zeros((20, 20), np.float32)
    weight[:10] = 1
    assert statistics.neutral_share(image, weight) == pytest.approx(0.25)
