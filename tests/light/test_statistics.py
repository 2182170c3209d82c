"""The regression behind the guess of the light: its numbers behave, and it does better than knowing nothing."""

from __future__ import annotations

import numpy as np
import pytest

from wallpaint.light import statistics

RNG = np.random.default_rng(0)
PICTURE = RNG.uniform(0.05, 0.6, (60, 80, 3)).astype(np.float32)
WEIGHT = np.zeros((60, 80), np.float32)
WEIGHT[:30] = 1
MEDIAN = np.median(PICTURE[:30].reshape(-1, 3), axis=0)


def test_as_many_numbers_as_the_weights_expect() -> None:
    numbers = statistics.describe(PICTURE, WEIGHT, MEDIAN)
    assert numbers.shape == (49,)
    assert numbers.dtype == np.float32
    assert np.isfinite(statistics.guess(numbers, MEDIAN).white).all()


def test_twice_the_light_moves_all_levels_alike() -> None:
    """Exposure shifts the logs of luminance and leaves tints and shares."""
    picture = np.clip(PICTURE, 0.05, 0.4)
    one = statistics.describe(picture, WEIGHT, MEDIAN)
    two = statistics.describe(2 * picture, WEIGHT, 2 * MEDIAN)
    assert two[0] - one[0] == pytest.approx(np.log(2), abs=1e-3)
    assert two[1:3] == pytest.approx(one[1:3], abs=1e-3)


@pytest.mark.parametrize("value", [0.0, 1e-4, 1.0])
def test_extreme_pictures_give_finite_numbers(value: float) -> None:
    picture = np.full((20, 20, 3), value, np.float32)
    for weight in (np.zeros((20, 20), np.float32), np.ones((20, 20), np.float32), WEIGHT[20:40, :20]):
        numbers = statistics.describe(picture, weight, np.full(3, value))
        guess = statistics.guess(numbers, np.full(3, max(value, 1e-4)))
        assert np.isfinite(numbers).all()
        assert np.isfinite(guess.white).all()
        assert 0 <= statistics.familiarity(numbers) <= 1


def test_white_is_never_darker_than_the_wall_nor_beyond_all_measure() -> None:
    for seed in range(20):
        median = np.random.default_rng(seed).uniform(0.01, 0.95, 3)
        numbers = statistics.describe(PICTURE, WEIGHT, median)
        guess = statistics.guess(numbers, median)
        assert (guess.white >= median).all()
        assert (guess.white <= median / statistics.DARKEST_ALBEDO + 1e-6).all()
        assert 0 <= guess.bounce <= statistics.MOST_BOUNCE
        assert statistics.CONTRASTS[0] <= guess.contrast <= statistics.CONTRASTS[1]


def test_a_photo_unlike_any_room_is_less_familiar() -> None:
    usual = statistics.describe(PICTURE, WEIGHT, MEDIAN)
    odd = usual + 30
    assert statistics.familiarity(odd) < 0.2 * statistics.familiarity(usual)


def test_pale_share_counts_pale_things_outside_walls() -> None:
    picture = np.full((20, 20, 3), 0.5, np.float32)
    picture[10:, 10:] = [0.6, 0.1, 0.1]
    weight = np.zeros((20, 20), np.float32)
    weight[:10] = 1
    assert statistics.pale_share(picture, weight) == pytest.approx(0.25)
