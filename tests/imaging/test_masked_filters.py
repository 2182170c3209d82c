"""Smooth maps on irregular regions: invariants of weighted averages."""

import numpy as np
import pytest

from wallpaint.imaging.masked_filters import box_mean, fill, guided_mean, weighted_quantile

SIZE = (40, 56)


@pytest.fixture
def half() -> np.ndarray:
    """Weight 1 on the left half, 0 on the right."""
    weight = np.zeros(SIZE, np.float32)
    weight[:, : SIZE[1] // 2] = 1
    return weight


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).uniform(0, 1, shape).astype(np.float32)


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_box_mean_of_a_constant_is_the_constant(half: np.ndarray, channels: tuple[int, ...]) -> None:
    values = np.full(SIZE + channels, 0.37, np.float32)
    mean = box_mean(values, half, 3)
    assert mean.shape == values.shape
    assert np.allclose(mean[:, : SIZE[1] // 2 + 2], 0.37, atol=1e-5)
    assert np.allclose(mean[:, SIZE[1] // 2 + 3 :], 0, atol=1e-5)  # nothing within reach


def test_box_mean_is_the_mean_of_the_box() -> None:
    values, weight = noise(*SIZE), noise(*SIZE)
    box = (slice(20 - 4, 20 + 5), slice(30 - 4, 30 + 5))
    expected = (values[box] * weight[box]).sum() / weight[box].sum()
    assert box_mean(values, weight, 4)[20, 30] == pytest.approx(expected, rel=1e-5)


def test_box_mean_ignores_pixels_without_weight(half: np.ndarray) -> None:
    values = noise(*SIZE, 3)
    other = values.copy()
    other[half == 0] = 1e6
    assert np.array_equal(box_mean(values, half, 5), box_mean(other, half, 5))


@pytest.mark.parametrize("size", [SIZE, (1, 9), (2, 2), (17, 3), (33, 64)])
def test_fill_keeps_what_is_known_and_stays_within_it(size: tuple[int, int]) -> None:
    values = noise(*size, 3)
    weight = (noise(*size) > 0.6).astype(np.float32)
    weight.flat[0] = 1
    filled = fill(values, weight)
    assert filled.shape == values.shape
    assert np.allclose(filled[weight == 1], values[weight == 1], atol=1e-6)
    known = values[weight == 1]
    assert (filled >= known.min(0) - 1e-4).all()
    assert (filled <= known.max(0) + 1e-4).all()


def test_fill_of_a_constant_has_no_holes(half: np.ndarray) -> None:
    values = np.where(half[..., None] > 0, np.float32(0.6), np.float32(9e3)) * np.ones(3, np.float32)
    assert np.allclose(fill(values, half), 0.6, atol=1e-3)


def test_fill_does_not_change_its_input(half: np.ndarray) -> None:
    values = noise(*SIZE, 3)
    before, weight = values.copy(), half.copy()
    fill(values, half)
    assert np.array_equal(values, before)
    assert np.array_equal(half, weight)


def test_fill_takes_the_near_value(half: np.ndarray) -> None:
    """Two constants at the ends: between them, each side is nearer to its own."""
    values = np.zeros((*SIZE, 1), np.float32)
    weight = np.zeros(SIZE, np.float32)
    values[:, :6], values[:, -6:] = 1, 0
    weight[:, :6], weight[:, -6:] = 1, 1
    filled = fill(values, weight)[..., 0]
    assert (filled[:, 8:16] > 0.5).all()
    assert (filled[:, -16:-8] < 0.5).all()


def test_guided_mean_follows_an_affine_guide(half: np.ndarray) -> None:
    """Where values are an affine function of the guide nothing is smoothed away, and nothing leaks in."""
    guide = noise(*SIZE)
    values = np.stack([2 * guide + 1, -guide, np.full_like(guide, 0.5)], -1)
    values[half == 0] = 1e3
    smooth = guided_mean(values, half, guide, 4, 1e-7)
    inner = (slice(None), slice(0, SIZE[1] // 2 - 10))
    assert np.allclose(smooth[inner], values[inner], atol=5e-3)


def test_guided_mean_smooths_what_the_guide_does_not_know() -> None:
    rng = np.random.default_rng(0)
    guide = np.zeros(SIZE, np.float32)
    guide[:, 28:] = 1
    clean = np.where(guide > 0, 0.8, 0.2).astype(np.float32)
    noisy = clean + rng.normal(0, 0.05, SIZE).astype(np.float32)
    smooth = guided_mean(noisy, np.ones(SIZE, np.float32), guide, 4, 1e-4)
    assert np.abs(smooth - clean).std() < 0.4 * 0.05
    assert abs(smooth[:, 27].mean() - 0.2) < 0.03
    assert abs(smooth[:, 28].mean() - 0.8) < 0.03


def test_weighted_quantile_counts_by_weight() -> None:
    values = np.array([5.0, 1.0, 3.0])
    assert weighted_quantile(values, np.array([1.0, 1.0, 1.0]), 0.5) == 3
    assert weighted_quantile(values, np.array([10.0, 1.0, 1.0]), 0.5) == 5
    assert weighted_quantile(values, np.array([0.0, 1.0, 0.0]), 0.9) == 1
    assert np.array_equal(weighted_quantile(values, np.ones(3), np.array([0.1, 0.5, 0.9])), [1, 3, 5])


def test_weighted_quantile_agrees_with_repetition() -> None:
    rng = np.random.default_rng(1)
    values, times = rng.normal(0, 1, 200), rng.integers(0, 6, 200)
    for q in (0.05, 0.5, 0.95):
        expected = np.quantile(np.repeat(values, times), q, method="inverted_cdf")
        assert weighted_quantile(values, times.astype(float), q) == expected


def test_weighted_quantile_without_weight_is_the_plain_one() -> None:
    values = np.arange(11.0)
    assert weighted_quantile(values, np.zeros(11), 0.5) == 5
