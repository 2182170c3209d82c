"""Intrinsic decomposition into log shading, illuminant tint and specular, and the tone curve for bright paints."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.drawn_rooms import Room, make_room, rgb
from support.measures import linear
from wallpaint.scene.intrinsics import IntrinsicDecomposition, decompose, tone_curve

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
WHITE = np.ones(3)


def decomposed(room: Room, **options: object) -> IntrinsicDecomposition:
    weight = room.wall.astype(np.float32)
    return decompose(linear(room.photo).astype(np.float32), weight, WHITE, 0.005, **options)


@pytest.fixture(scope="module")
def plain(room: Room) -> IntrinsicDecomposition:
    return decomposed(room)


def test_log_shading_is_the_log_of_the_light(room: Room, plain: IntrinsicDecomposition) -> None:
    light = room.light @ LUMINANCE
    truth = np.log(light / np.median(light[room.wall]))
    assert np.abs(plain.log_shading - truth)[room.wall].max() < 0.05
    assert np.median(plain.log_shading[room.wall]) == pytest.approx(0, abs=1e-3)


def test_median_is_the_paint_in_median_light(room: Room, plain: IntrinsicDecomposition) -> None:
    truth = np.median(room.light[room.wall], axis=0) * rgb("#d9cfc0")
    assert plain.median == pytest.approx(truth, rel=0.02)
    assert plain.median_luma == pytest.approx(float(LUMINANCE @ truth), rel=0.02)


def test_pixels_without_weight_have_no_effect(room: Room, plain: IntrinsicDecomposition) -> None:
    photo = linear(room.photo).astype(np.float32)
    photo[~room.wall] = np.random.default_rng(0).uniform(0, 1, (int((~room.wall).sum()), 3))
    other = decompose(photo, room.wall.astype(np.float32), WHITE, 0.005)
    assert np.array_equal(other.median, plain.median)
    assert np.allclose(other.log_shading[room.wall], plain.log_shading[room.wall], atol=1e-4)
    assert np.allclose(other.illuminant_tint[room.wall], plain.illuminant_tint[room.wall], atol=2e-3)


def test_maps_are_filled_beyond_the_wall(room: Room, plain: IntrinsicDecomposition) -> None:
    """No trace of the black chair remains: the maps are upsampled later and must not leak."""
    inside = plain.log_shading[room.wall]
    assert np.isfinite(plain.log_shading).all()
    assert plain.log_shading.min() >= inside.min() - 0.02
    assert plain.log_shading.max() <= inside.max() + 0.02


def test_components_recompose_to_the_photo(room: Room, plain: IntrinsicDecomposition) -> None:
    """paint x exp(tint + log shading) + specular x illuminant colour, as documented in the module."""
    recomposed = (
        plain.median * np.exp(plain.illuminant_tint + plain.log_shading[..., None])
        + plain.specular[..., None] * plain.illuminant_color
    )
    assert np.abs(recomposed / linear(room.photo) - 1)[room.wall].mean() < 0.02


def test_uniform_light_has_no_tint(plain: IntrinsicDecomposition) -> None:
    assert np.abs(plain.illuminant_tint).max() < 0.03


def test_illuminant_tint_is_recovered_on_a_pale_wall() -> None:
    tint = 0.3
    room = make_room(tint=tint, plaster=0)
    estimate = decomposed(room).illuminant_tint
    truth = np.log(room.light / (room.light @ LUMINANCE)[..., None])
    truth -= np.median(truth[room.wall], axis=0)
    error = np.abs(estimate - truth)[room.wall]
    assert error.mean() < 0.1 * tint
    left, right = (estimate[:60, s][room.wall[:60, s]].mean(0) for s in (slice(0, 20), slice(-20, None)))
    assert (right - left)[0] - (right - left)[2] == pytest.approx(2 * tint, rel=0.15)


@pytest.mark.parametrize("old", ["#8c0402", "#1c2f03", "#300804"])
def test_tint_is_zero_on_a_saturated_wall(old: str) -> None:
    """Its weakest channel is mostly rounding error, which would be rendered as blotches."""
    assert np.abs(decomposed(make_room(old=old)).illuminant_tint).max() < 0.05


def test_tint_is_zero_in_overexposed_areas() -> None:
    """Clipped pixels appear uncoloured, which would shift the hue of a new paint there."""
    room = make_room(old="#e8dcc8", sun=2.0, shadow=0.3)
    clipped = room.wall & (room.photo.max(-1) == 255)
    assert clipped.sum() > 3000
    assert np.abs(decomposed(room).illuminant_tint[clipped]).mean() < 0.02


def test_specular_is_zero_on_a_pale_wall(plain: IntrinsicDecomposition) -> None:
    assert not plain.specular.any()


@pytest.mark.parametrize(("size_px", "old_wall"), [(18, "plain"), (30, "auto")])
def test_white_reflection_on_a_saturated_wall_is_separated(size_px: float, old_wall: str) -> None:
    """A white bloom becomes part of specular and does not change log shading."""
    room = make_room(old="#1c2f6b", shadow=0, plaster=0)
    y, x = np.mgrid[0 : room.alpha.shape[0], 0 : room.alpha.shape[1]]
    bloom = 0.12 * np.exp(-((x - 230) ** 2 + (y - 60) ** 2) / (2 * size_px**2))
    photo = (linear(room.photo) + bloom[..., None]).astype(np.float32)
    result = decompose(photo, room.wall.astype(np.float32), WHITE, 0.005, old_wall)
    glossy = room.wall & (bloom > 0.06)
    assert glossy.sum() > 200
    assert result.specular[glossy] == pytest.approx(bloom[glossy], rel=0.25)
    assert np.abs(result.specular[room.wall & (bloom < 1e-3)]).mean() < 0.005
    light = room.light @ LUMINANCE
    assert np.abs(result.log_shading - np.log(light / np.median(light[room.wall])))[glossy].mean() < 0.15


def test_inputs_are_not_modified(room: Room) -> None:
    photo, weight = linear(room.photo).astype(np.float32), room.wall.astype(np.float32)
    before = photo.copy(), weight.copy()
    decompose(photo, weight, WHITE, 0.005)
    assert np.array_equal(photo, before[0])
    assert np.array_equal(weight, before[1])


def test_black_and_white_walls_give_finite_values() -> None:
    for value in (0.0, 1.0):
        result = decompose(np.full((30, 40, 3), value, np.float32), np.ones((30, 40), np.float32), WHITE, 0.01)
        for component in (
            result.log_shading,
            result.illuminant_tint,
            result.specular,
            result.log_shading_quantiles,
        ):
            assert np.isfinite(component).all()


# -- the tone curve

quantile_sets = st.tuples(st.floats(-4, -0.05), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.01, 3.0)).map(
    lambda t: np.array([t[0], t[1] * t[0], t[2] * t[3], t[3]])
)


@given(quantiles=quantile_sets, headroom=st.floats(0, 5))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_tone_curve_is_monotonic_and_stays_within_the_headroom(quantiles: np.ndarray, headroom: float) -> None:
    knots_in, knots_out = tone_curve(quantiles, headroom)
    assert (np.diff(knots_in) > 0).all()
    assert (np.diff(knots_out) >= -1e-9).all(), "not monotonic"
    assert np.interp(0, knots_in, knots_out) == pytest.approx(0, abs=5e-3), "the median moved"
    assert np.interp(quantiles[3], knots_in, knots_out) <= max(headroom, 0.02) + 1e-6
    low, high = np.interp(quantiles[[1, 2]], knots_in, knots_out)
    assert high - low <= 1.6 * (quantiles[2] - quantiles[1]) + 0.2


@given(quantiles=quantile_sets)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_tone_curve_is_the_identity_with_enough_headroom(quantiles: np.ndarray) -> None:
    knots_in, knots_out = tone_curve(quantiles, float(quantiles[3]) + 0.01)
    assert np.array_equal(knots_in, knots_out)


def test_tone_curve_compresses_no_more_than_needed() -> None:
    quantiles = np.array([-1.2, -0.4, 0.5, 1.2])
    ranges = []
    for headroom in (1.1, 0.8, 0.5):
        knots_in, knots_out = tone_curve(quantiles, headroom)
        low, high = np.interp([-0.4, 0.5], knots_in, knots_out)
        ranges.append(high - low)
        assert high - low >= 0.8 * 0.9, "contrast below the requirement"
        assert np.interp(-1.2, knots_in, knots_out) <= -1.0
    assert ranges[0] == pytest.approx(0.9, rel=0.1)


def test_tone_curve_restores_contrast_below_the_median() -> None:
    """Contrast lost above the median is added below it."""
    quantiles = np.array([-1.5, -0.8, 0.3, 1.5])
    knots_in, knots_out = tone_curve(quantiles, 0.1)
    low, high = np.interp([-0.8, 0.3], knots_in, knots_out)
    assert low < -0.8
    assert high <= 0.1 + 1e-9
    assert high - low >= 0.8 * 1.1
