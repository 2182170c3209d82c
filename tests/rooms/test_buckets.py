"""Radiance buckets: the polynomial in the albedo, and its extrapolation beyond the last bucket."""

from __future__ import annotations

import numpy as np
import pytest

from support.synthetic_rooms import buckets_of, make_modes, radiance_of
from wallpaint.errors import ShapeError
from wallpaint.rooms.tracing.buckets import MAX_TAIL_RATIO, radiance, tail_ratio

SIZE = (48, 64)


def test_black_paint_gives_the_first_bucket() -> None:
    buckets = np.random.default_rng(0).random((4, *SIZE, 3)).astype(np.float32)
    np.testing.assert_allclose(radiance(buckets, (0, 0, 0)), buckets[0], rtol=1e-6)


def test_channels_are_independent() -> None:
    buckets = buckets_of(make_modes(SIZE))
    grey, coloured = radiance(buckets, (0.5, 0.5, 0.5)), radiance(buckets, (0.1, 0.5, 0.9))
    np.testing.assert_array_equal(grey[..., 1], coloured[..., 1])
    assert (coloured[..., 2] > grey[..., 2]).all()
    assert (coloured[..., 0] < grey[..., 0]).all()


@pytest.mark.parametrize("rho", [0.5, 0.85, 0.9, 0.95])
@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("last", [3, 5])
def test_geometric_series_is_extrapolated_exactly(rho: float, ratio: float, last: int) -> None:
    light_modes = [(make_modes(SIZE)[0][0], ratio)]
    truth = radiance_of(light_modes, np.full(3, rho))
    np.testing.assert_allclose(radiance(buckets_of(light_modes, last), np.full(3, rho)), truth, rtol=2e-5)


@pytest.mark.parametrize("rho", [0.85, 0.9, 0.95])
def test_sum_of_two_series_is_extrapolated_closely(rho: float) -> None:
    light_modes = make_modes(SIZE)
    truth = radiance_of(light_modes, np.full(3, rho))
    buckets = buckets_of(light_modes)
    estimate = radiance(buckets, np.full(3, rho))
    np.testing.assert_allclose(estimate, truth, rtol=0.004)
    truncated = sum(rho**k * light for k, light in enumerate(buckets))
    assert np.abs(estimate - truth).max() < 0.25 * np.abs(truncated - truth).max()


def test_ratio_varies_over_the_image() -> None:
    light = make_modes(SIZE)[0][0]
    light_modes = [(light * np.ones(3), np.linspace(0.2, 0.6, SIZE[1])[None, :, None])]
    rho = np.full(3, 0.9)
    np.testing.assert_allclose(radiance(buckets_of(light_modes), rho), radiance_of(light_modes, rho), rtol=0.01)


def test_noisy_buckets_give_a_bounded_tail() -> None:
    rng = np.random.default_rng(1)
    light_modes = make_modes(SIZE)
    buckets = buckets_of(light_modes)
    buckets[1:] *= rng.gamma(0.5, 2.0, buckets[1:].shape)  # a few paths carry most of the light
    rho = np.full(3, 0.95)
    assert radiance(buckets, rho).mean() == pytest.approx(radiance_of(light_modes, rho).mean(), rel=0.05)


def test_ratio_stays_below_one_and_black_buckets_give_black() -> None:
    growing = np.stack([np.full((*SIZE, 3), 2.0**k, np.float32) for k in range(4)])
    assert tail_ratio(growing).max() == pytest.approx(MAX_TAIL_RATIO)
    assert np.isfinite(radiance(growing, (1.0, 1.0, 1.0))).all()
    dark = np.zeros((4, *SIZE, 3), np.float32)
    assert (radiance(dark, (0.9, 0.9, 0.9)) == 0).all()


def test_half_floats_cost_at_most_a_thousandth() -> None:
    buckets = buckets_of(make_modes(SIZE))
    rho = np.full(3, 0.9)
    rounded = radiance(buckets.astype(np.float16).astype(np.float32), rho)
    np.testing.assert_allclose(rounded, radiance(buckets, rho), rtol=1e-3)


def test_inputs_are_not_mutated_and_shapes_are_checked() -> None:
    buckets = buckets_of(make_modes(SIZE))
    before = buckets.copy()
    radiance(buckets, (0.5, 0.5, 0.5))
    np.testing.assert_array_equal(buckets, before)
    with pytest.raises(ShapeError, match="expected"):
        radiance(buckets, 0.5)
    with pytest.raises(ShapeError, match="expected"):
        radiance(buckets[:1], (0.5, 0.5, 0.5))
