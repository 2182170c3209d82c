"""Other ways of repainting: each does what its name says, and none sees more than it may."""

from __future__ import annotations

import colorsys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import wallpaint
from support.drawn_rooms import Room, make_room, rgb
from support.measures import codes_of, delta_e, far_outside, lab, linear
from wallpaint.errors import InputError
from wallpaint.evaluation import metrics
from wallpaint.evaluation.benchmark import baselines
from wallpaint.evaluation.benchmark.baselines import Case, Truth
from wallpaint.evaluation.benchmark.compare import METHODS
from wallpaint.paints.paint import Paint

Array = np.ndarray
OLD, NEW = "#d9cfc0", "#7d9b84"


@pytest.fixture(scope="module")
def room() -> Room:
    return make_room(120, 160, old=OLD, tint=0.1)


@pytest.fixture(scope="module")
def case(room: Room) -> Case:
    truth = Truth(room.lit(rgb(NEW)), rgb(OLD), linear(room.lit(rgb(OLD))))
    alpha = (room.soft_mask / 255).astype(np.float32)

    def scene(old: tuple[float, float, float] | None) -> wallpaint.Scene:
        return wallpaint.prepare(room.photo, {"wall": alpha}, old_color=None if old is None else Paint(old))

    return Case(room.photo, alpha, rgb(NEW), None, truth, np.array([0.5, 0.5, 0.5]), scene)


def wall_of(case: Case) -> Array:
    return metrics.core(case.alpha)


def error(case: Case, picture: Array | None) -> float:
    assert picture is not None
    assert case.truth is not None
    return float(delta_e(picture, case.truth.target)[wall_of(case)].mean())


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.colours])
def test_every_way_keeps_what_is_outside(case: Case, name: str) -> None:
    picture = METHODS[name].way(case)
    assert picture is not None
    assert picture.shape == case.photo.shape
    assert picture.dtype == np.uint8
    far = far_outside(case.alpha)
    assert (picture[far] == case.photo[far]).all()


@pytest.mark.parametrize("name", list(METHODS))
def test_no_way_writes_into_its_inputs(case: Case, name: str) -> None:
    before = case.photo.copy(), case.alpha.copy()
    METHODS[name].way(replace(case, texture=np.full((4, 4, 3), 0.2)))
    assert (before[0] == case.photo).all()
    assert (before[1] == case.alpha).all()


def test_hsv_swap_is_that_of_the_textbook(case: Case) -> None:
    picture = baselines.hsv_swap(case)
    hue, saturation, _ = colorsys.rgb_to_hsv(*(int(NEW[i : i + 2], 16) / 255 for i in (1, 3, 5)))
    ys, xs = np.nonzero(wall_of(case))
    for y, x in list(zip(ys, xs, strict=True))[::997]:
        value = float(case.photo[y, x].max()) / 255
        assert picture[y, x] == pytest.approx(np.multiply(colorsys.hsv_to_rgb(hue, saturation, value), 255), abs=1)


def test_hsv_swap_of_black_and_grey_takes_the_colour_away(case: Case) -> None:
    picture = baselines.hsv_swap(replace(case, albedo=np.zeros(3)))
    assert (np.ptp(picture[wall_of(case)].astype(int), axis=1) == 0).all()


@pytest.mark.parametrize("way", [baselines.flat_fill, baselines.multiply, baselines.lab_shift])
def test_these_meet_the_swatch(case: Case, way: baselines.Way) -> None:
    picture = way(case)
    assert picture is not None
    median = np.median(lab(picture[wall_of(case)]), axis=0)
    assert np.abs(median - lab(codes_of(rgb(NEW)))).max() < 0.5


def test_the_flat_fill_has_no_shading(case: Case) -> None:
    assert len(np.unique(baselines.flat_fill(case)[wall_of(case)], axis=0)) == 1


def test_the_oracle_meets_the_true_median(case: Case) -> None:
    assert case.truth is not None
    picture = baselines.lab_shift_true(case)
    assert picture is not None
    ours, right = (np.median(lab(p[wall_of(case)]), axis=0) for p in (picture, case.truth.target))
    assert np.abs(ours - right).max() < 0.3


def test_the_true_ratio_is_right_where_light_does_not_bounce(case: Case) -> None:
    assert error(case, baselines.multiply_true(case)) < 0.7  # rounding of 8-bit codes
    assert error(case, baselines.multiply_true_clean(case)) < 0.7


def test_the_clean_photo_spares_the_noise(case: Case, room: Room) -> None:
    rng = np.random.default_rng(1)
    noisy = codes_of(linear(room.photo) * (1 + 0.1 * rng.standard_normal(room.photo.shape)))
    seen = replace(case, photo=noisy)
    assert error(seen, baselines.multiply_true_clean(seen)) < 0.7 < error(seen, baselines.multiply_true(seen))


def test_the_sets_light_comes_back(case: Case, room: Room) -> None:
    light = np.array([0.3, 0.4, 0.5])
    albedos = [rgb(text) for text in (NEW, "#2b3a5c", "#eeeeee")]
    assert baselines.average_light([(light * a, a) for a in albedos]) == pytest.approx(light)
    true_light = np.median(room.light[wall_of(case)], axis=0)
    assert error(case, baselines.multiply_set_light(replace(case, set_light=true_light))) < 0.7
    with pytest.raises(InputError, match="average light"):
        baselines.average_light([])


def test_the_hint_of_the_old_colour_helps(case: Case) -> None:
    """The walls of this made-up room do not light each other, as real ones are taken to: that error stays."""
    guess, told = error(case, baselines.analytic(case, "room")), error(case, baselines.analytic_old_color(case))
    assert told < 4.5
    assert told <= guess


def test_ways_without_truth_do_not_see_it(case: Case) -> None:
    for name, method in METHODS.items():
        seen = method.sees(case)
        assert (seen.truth is not None) == (method.uses == "truth"), name
        assert (seen.set_light is not None) == (method.uses != ""), name


@pytest.mark.parametrize(
    "way",
    [
        baselines.multiply_true,
        baselines.multiply_true_clean,
        baselines.lab_shift_true,
        baselines.multiply_set_light,
        baselines.analytic_old_color,
        baselines.tile,
    ],
)
def test_a_way_that_lacks_its_truth_says_so(case: Case, way: baselines.Way) -> None:
    assert way(case.blind()) is None


def test_tiles_repeat_and_keep_the_shading(case: Case) -> None:
    texture = np.zeros((8, 8, 3))
    texture[:4], texture[4:] = 0.1, 0.3
    picture = baselines.tile(replace(case, texture=texture))
    assert picture is not None
    luma = linear(picture).mean(-1)
    shade = linear(case.photo) @ np.array([0.2126, 0.7152, 0.0722])
    wall = wall_of(case)
    rows = np.broadcast_to(np.arange(luma.shape[0])[:, None] % 8 < 4, luma.shape)
    ratio = luma / shade
    dark, light = np.median(ratio[wall & rows]), np.median(ratio[wall & ~rows])
    assert light / dark == pytest.approx(3, rel=0.02)


def test_painters_want_a_scene(case: Case) -> None:
    with pytest.raises(InputError, match="scene"):
        partial(baselines.analytic, match="room")(replace(case, scene=None))
