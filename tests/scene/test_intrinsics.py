"""A wall taken apart into shade, tint and veil, and the tone curve that makes room for bright paint."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.drawn_rooms import Room, make_room, rgb
from support.measures import linear
from wallpaint.scene.intrinsics import Shading, analyse, tone

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
WHITE = np.ones(3)


def taken_apart(room: Room, **ways: object) -> Shading:
    weight = room.wall.astype(np.float32)
    return analyse(linear(room.photo).astype(np.float32), weight, WHITE, 0.005, **ways)


@pytest.fixture(scope="module")
def plain(room: Room) -> Shading:
    return taken_apart(room)


def test_shade_is_the_log_of_the_light(room: Room, plain: Shading) -> None:
    light = room.light @ LUMINANCE
    truth = np.log(light / np.median(light[room.wall]))
    assert np.abs(plain.shade - truth)[room.wall].max() < 0.05
    assert np.median(plain.shade[room.wall]) == pytest.approx(0, abs=1e-3)


def test_median_is_paint_in_usual_light(room: Room, plain: Shading) -> None:
    truth = np.median(room.light[room.wall], axis=0) * rgb("#d9cfc0")
    assert plain.median == pytest.approx(truth, rel=0.02)
    assert plain.median_luma == pytest.approx(float(LUMINANCE @ truth), rel=0.02)


def test_pixels_without_weight_do_not_count(room: Room, plain: Shading) -> None:
    photo = linear(room.photo).astype(np.float32)
    photo[~room.wall] = np.random.default_rng(0).uniform(0, 1, (int((~room.wall).sum()), 3))
    other = analyse(photo, room.wall.astype(np.float32), WHITE, 0.005)
    assert np.array_equal(other.median, plain.median)
    assert np.allclose(other.shade[room.wall], plain.shade[room.wall], atol=1e-4)
    assert np.allclose(other.tint[room.wall], plain.tint[room.wall], atol=2e-3)


def test_maps_are_filled_beyond_the_wall(room: Room, plain: Shading) -> None:
    """Nothing of the black chair is left in them: they are enlarged later and must not leak."""
    inside = plain.shade[room.wall]
    assert np.isfinite(plain.shade).all()
    assert plain.shade.min() >= inside.min() - 0.02
    assert plain.shade.max() <= inside.max() + 0.02


def test_parts_make_the_photo_again(room: Room, plain: Shading) -> None:
    """paint x tint x exp(shade) + veil x light, as the module says."""
    again = plain.median * np.exp(plain.tint + plain.shade[..., None]) + plain.veil[..., None] * plain.light
    assert np.abs(again / linear(room.photo) - 1)[room.wall].mean() < 0.02


def test_even_light_has_no_tint(plain: Shading) -> None:
    assert np.abs(plain.tint).max() < 0.03


def test_tint_of_the_light_is_found_on_a_pale_wall() -> None:
    tint = 0.3
    room = make_room(tint=tint, plaster=0)
    found = taken_apart(room).tint
    truth = np.log(room.light / (room.light @ LUMINANCE)[..., None])
    truth -= np.median(truth[room.wall], axis=0)
    error = np.abs(found - truth)[room.wall]
    assert error.mean() < 0.1 * tint
    left, right = (found[:60, s][room.wall[:60, s]].mean(0) for s in (slice(0, 20), slice(-20, None)))
    assert (right - left)[0] - (right - left)[2] == pytest.approx(2 * tint, rel=0.15)


@pytest.mark.parametrize("old", ["#8c0402", "#1c2f03", "#300804"])
def test_a_saturated_wall_tells_nothing_of_the_tint(old: str) -> None:
    """Its weakest channel is mostly rounding error: believing it would paint blotches."""
    assert np.abs(taken_apart(make_room(old=old)).tint).max() < 0.05


def test_overexposed_places_tell_nothing_of_the_tint() -> None:
    """Cut off at the top they look uncoloured, which would turn a new paint's hue there."""
    room = make_room(old="#e8dcc8", sun=2.0, shadow=0.3)
    cut_off = room.wall & (room.photo.max(-1) == 255)
    assert cut_off.sum() > 3000
    assert np.abs(taken_apart(room).tint[cut_off]).mean() < 0.02


def test_a_pale_wall_has_no_veil(plain: Shading) -> None:
    assert not plain.veil.any()


@pytest.mark.parametrize(("size_px", "old_wall"), [(18, "plain"), (30, "auto")])
def test_gloss_on_a_saturated_wall_is_found(size_px: float, old_wall: str) -> None:
    """A white bloom goes into the veil, and leaves the shade as it is without one."""
    room = make_room(old="#1c2f6b", shadow=0, plaster=0)
    y, x = np.mgrid[0 : room.alpha.shape[0], 0 : room.alpha.shape[1]]
    bloom = 0.12 * np.exp(-((x - 230) ** 2 + (y - 60) ** 2) / (2 * size_px**2))
    photo = (linear(room.photo) + bloom[..., None]).astype(np.float32)
    found = analyse(photo, room.wall.astype(np.float32), WHITE, 0.005, old_wall)
    where = room.wall & (bloom > 0.06)
    assert where.sum() > 200
    assert found.veil[where] == pytest.approx(bloom[where], rel=0.25)
    assert np.abs(found.veil[room.wall & (bloom < 1e-3)]).mean() < 0.005
    light = room.light @ LUMINANCE
    assert np.abs(found.shade - np.log(light / np.median(light[room.wall])))[where].mean() < 0.15


def test_inputs_stay_as_they_are(room: Room) -> None:
    photo, weight = linear(room.photo).astype(np.float32), room.wall.astype(np.float32)
    before = photo.copy(), weight.copy()
    analyse(photo, weight, WHITE, 0.005)
    assert np.array_equal(photo, before[0])
    assert np.array_equal(weight, before[1])


def test_black_and_white_walls_stay_finite() -> None:
    for value in (0.0, 1.0):
        found = analyse(np.full((30, 40, 3), value, np.float32), np.ones((30, 40), np.float32), WHITE, 0.01)
        for part in (found.shade, found.tint, found.veil, found.spread):
            assert np.isfinite(part).all()


# -- the tone curve

spreads = st.tuples(st.floats(-4, -0.05), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.01, 3.0)).map(
    lambda t: np.array([t[0], t[1] * t[0], t[2] * t[3], t[3]])
)


@given(spread=spreads, headroom=st.floats(0, 5))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_tone_is_a_curve_with_headroom(spread: np.ndarray, headroom: float) -> None:
    knots_in, knots_out = tone(spread, headroom)
    assert (np.diff(knots_in) > 0).all()
    assert (np.diff(knots_out) >= -1e-9).all(), "brighter stays brighter"
    assert np.interp(0, knots_in, knots_out) == pytest.approx(0, abs=5e-3), "the median stays"
    assert np.interp(spread[3], knots_in, knots_out) <= max(headroom, 0.02) + 1e-6
    low, high = np.interp(spread[[1, 2]], knots_in, knots_out)
    assert high - low <= 1.6 * (spread[2] - spread[1]) + 0.2


@given(spread=spreads)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_tone_with_room_is_the_identity(spread: np.ndarray) -> None:
    knots_in, knots_out = tone(spread, float(spread[3]) + 0.01)
    assert np.array_equal(knots_in, knots_out)


def test_tone_bends_only_as_far_as_needed() -> None:
    spread = np.array([-1.2, -0.4, 0.5, 1.2])
    ranges = []
    for headroom in (1.1, 0.8, 0.5):
        knots_in, knots_out = tone(spread, headroom)
        low, high = np.interp([-0.4, 0.5], knots_in, knots_out)
        ranges.append(high - low)
        assert high - low >= 0.8 * 0.9, "contrast of the bar"
        assert np.interp(-1.2, knots_in, knots_out) <= -1.0
    assert ranges[0] == pytest.approx(0.9, rel=0.1)


def test_tone_keeps_contrast_where_the_light_is_cut() -> None:
    """What is lost above the median comes back below it."""
    spread = np.array([-1.5, -0.8, 0.3, 1.5])
    knots_in, knots_out = tone(spread, 0.1)
    low, high = np.interp([-0.8, 0.3], knots_in, knots_out)
    assert low < -0.8
    assert high <= 0.1 + 1e-9
    assert high - low >= 0.8 * 1.1
