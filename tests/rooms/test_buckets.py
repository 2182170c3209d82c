"""One rendering in every paint: the polynomial, and what lies beyond its last bucket."""

from __future__ import annotations

import numpy as np
import pytest

from support.synthetic_rooms import buckets_of, modes, radiance_of
from wallpaint.errors import ShapeError
from wallpaint.rooms.tracing.buckets import LARGEST_RATIO, radiance, tail_ratio

SIZE = (48, 64)


def test_black_paint_shows_the_first_bucket_alone() -> None:
    buckets = np.random.default_rng(0).random((4, *SIZE, 3)).astype(np.float32)
    np.testing.assert_allclose(radiance(buckets, (0, 0, 0)), buckets[0], rtol=1e-6)


def test_channels_do_not_mix() -> None:
    buckets = buckets_of(modes(SIZE))
    grey, coloured = radiance(buckets, (0.5, 0.5, 0.5)), radiance(buckets, (0.1, 0.5, 0.9))
    np.testing.assert_array_equal(grey[..., 1], coloured[..., 1])
    assert (coloured[..., 2] > grey[..., 2]).all()
    assert (coloured[..., 0] < grey[..., 0]).all()


@pytest.mark.parametrize("rho", [0.5, 0.85, 0.9, 0.95])
@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("last", [3, 5])
def test_a_geometric_series_is_summed_without_end(rho: float, ratio: float, last: int) -> None:
    parts = [(modes(SIZE)[0][0], ratio)]
    truth = radiance_of(parts, np.full(3, rho))
    np.testing.assert_allclose(radiance(buckets_of(parts, last), np.full(3, rho)), truth, rtol=2e-5)


@pytest.mark.parametrize("rho", [0.85, 0.9, 0.95])
def test_a_sum_of_two_series_is_summed_closely(rho: float) -> None:
    parts = modes(SIZE)
    truth = radiance_of(parts, np.full(3, rho))
    buckets = buckets_of(parts)
    found = radiance(buckets, np.full(3, rho))
    np.testing.assert_allclose(found, truth, rtol=0.004)
    cut_off = sum(rho**k * light for k, light in enumerate(buckets))
    assert np.abs(found - truth).max() < 0.25 * np.abs(cut_off - truth).max()


def test_a_ratio_that_varies_over_the_picture_is_followed() -> None:
    light = modes(SIZE)[0][0]
    parts = [(light * np.ones(3), np.linspace(0.2, 0.6, SIZE[1])[None, :, None])]
    rho = np.full(3, 0.9)
    np.testing.assert_allclose(radiance(buckets_of(parts), rho), radiance_of(parts, rho), rtol=0.01)


def test_noise_does_not_make_the_tail_explode() -> None:
    rng = np.random.default_rng(1)
    parts = modes(SIZE)
    buckets = buckets_of(parts)
    buckets[1:] *= rng.gamma(0.5, 2.0, buckets[1:].shape)  # a few paths carry most of the light
    rho = np.full(3, 0.95)
    assert radiance(buckets, rho).mean() == pytest.approx(radiance_of(parts, rho).mean(), rel=0.05)


def test_the_ratio_stays_below_one_and_dark_rooms_are_no_error() -> None:
    growing = np.stack([np.full((*SIZE, 3), 2.0**k, np.float32) for k in range(4)])
    assert tail_ratio(growing).max() == pytest.approx(LARGEST_RATIO)
    assert np.isfinite(radiance(growing, (1.0, 1.0, 1.0))).all()
    dark = np.zeros((4, *SIZE, 3), np.float32)
    assert (radiance(dark, (0.9, 0.9, 0.9)) == 0).all()


def test_half_floats_cost_a_thousandth_at_most() -> None:
    buckets = buckets_of(modes(SIZE))
    rho = np.full(3, 0.9)
    kept = radiance(buckets.astype(np.float16).astype(np.float32), rho)
    np.testing.assert_allclose(kept, radiance(buckets, rho), rtol=1e-3)


def test_inputs_are_left_alone_and_shapes_checked() -> None:
    buckets = buckets_of(modes(SIZE))
    before = buckets.copy()
    radiance(buckets, (0.5, 0.5, 0.5))
    np.testing.assert_array_equal(buckets, before)
    with pytest.raises(ShapeError, match="expected"):
        radiance(buckets, 0.5)
    with pytest.raises(ShapeError, match="expected"):
        radiance(buckets[:1], (0.5, 0.5, 0.5))
