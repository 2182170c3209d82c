"""Colour differences and hues against published tables and an independent library, and what must not change them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from coloraide import Color
from hypothesis import given, settings
from hypothesis import strategies as st

from wallpaint.evaluation import metrics
from wallpaint.imaging import color

Array = np.ndarray
PAIRS = 10_000

# Red, green, blue, hue in HSV, degrees. Source: the table of examples of Wikipedia's "HSL and HSV".
HSV = np.array(
    [
        [1.000, 0.000, 0.000, 0.0],
        [0.750, 0.750, 0.000, 60.0],
        [0.000, 0.500, 0.000, 120.0],
        [0.500, 1.000, 1.000, 180.0],
        [0.500, 0.500, 1.000, 240.0],
        [0.750, 0.250, 0.750, 300.0],
        [0.628, 0.643, 0.142, 61.8],
        [0.255, 0.104, 0.918, 251.1],
        [0.116, 0.675, 0.255, 134.9],
        [0.941, 0.785, 0.053, 49.5],
        [0.704, 0.187, 0.897, 283.7],
        [0.931, 0.463, 0.316, 14.3],
        [0.998, 0.974, 0.532, 56.9],
        [0.099, 0.795, 0.591, 162.4],
        [0.211, 0.149, 0.597, 248.3],
        [0.495, 0.493, 0.721, 240.5],
    ]
)
# L, a, b, and hue. Source: CSS Color 4, lab() beside lch().
LAB_HUES = np.array(
    [[46.2775, -47.5621, 48.5837, 134.3912], [54.2905, 80.8049, 69.8910, 40.8577], [52.2345, 40.1645, 59.9971, 56.2]]
)


def pictures_of(seed: int = 0) -> tuple[Array, Array]:
    """Two pictures (100, 100, 3) of random codes, every second pair close to each other."""
    rng = np.random.default_rng(seed)
    one = rng.integers(0, 256, (100, PAIRS // 100, 3))
    near = np.clip(one + rng.integers(-6, 7, one.shape), 0, 255)
    other = np.where(rng.random((*one.shape[:2], 1)) < 0.5, near, rng.integers(0, 256, one.shape))
    return one.astype(np.uint8), other.astype(np.uint8)


def library(codes: Array) -> Color:
    red, green, blue = (int(v) / 255 for v in codes)
    return Color("srgb", [red, green, blue])


@pytest.fixture(scope="module")
def pairs() -> tuple[Array, Array, list[tuple[Color, Color]]]:
    one, other = pictures_of()
    made = [(library(a), library(b)) for a, b in zip(one.reshape(-1, 3), other.reshape(-1, 3), strict=True)]
    return one, other, made


def test_ciede2000_of_ten_thousand_pairs_is_the_library_s(
    pairs: tuple[Array, Array, list[tuple[Color, Color]]],
) -> None:
    one, other, made = pairs
    expected = np.array([a.delta_e(b, method="2000") for a, b in made])
    assert np.abs(metrics.delta_e_map(one, other).ravel() - expected).max() < 1e-6


def test_lab_distance_and_hues_of_as_many_are_the_library_s(
    pairs: tuple[Array, Array, list[tuple[Color, Color]]],
) -> None:
    """Through the metrics themselves: a wall of one colour against a paint of another."""
    one, other, made = pairs
    flat = [picture.reshape(-1, 3) for picture in (one, other)]
    lab = [color.linear_to_lab(color.srgb_to_linear(codes / 255.0)) for codes in flat]
    assert np.abs(color.delta_e_76(*lab) - [a.delta_e(b, method="76") for a, b in made]).max() < 1e-6
    for number, (codes, values) in enumerate(zip(flat, lab, strict=True)):
        lch = np.array([pair[number].convert("lch-d65").coords(nans=False) for pair in made])
        clear = lch[:, 1] >= color.MIN_HUE_CHROMA
        assert np.abs(turn(color.lab_hue_deg(values)[clear], lch[clear, 2])).max() < 1e-6
        assert np.isnan(color.lab_hue_deg(values)[~clear]).all()
        grey = codes.max(1) == codes.min(1)
        hsv = np.array([pair[number].convert("hsv").coords(nans=False)[0] for pair in made])
        assert np.abs(turn(color.hsv_hue_deg(codes / 255.0)[~grey], hsv[~grey])).max() < 1e-6


def turn(one: Array, other: Array) -> Array:
    return (one - other + 180) % 360 - 180


def test_hsv_hues_are_the_published_ones() -> None:
    assert np.abs(color.hsv_hue_deg(HSV[:, :3]) - HSV[:, 3]).max() < 0.2  # the table's colours have three digits
    assert np.isnan(color.hsv_hue_deg(np.full(3, 0.5)))


def test_lab_hues_are_the_published_ones() -> None:
    assert np.abs(color.lab_hue_deg(LAB_HUES[:, :3]) - LAB_HUES[:, 3]).max() < 0.01


# -- the metrics of a wall


WALL = np.ones((16, 16), bool)
codes = st.tuples(*[st.integers(0, 255)] * 3)
seeds = st.integers(0, 2**32 - 1)


def linear(rgb: tuple[int, int, int]) -> Array:
    return color.srgb_to_linear(np.array(rgb) / 255.0)


def flat(rgb: tuple[int, int, int]) -> Array:
    return np.broadcast_to(np.array(rgb, np.uint8), (16, 16, 3)).copy()


@given(codes, codes)
def test_a_flat_wall_has_one_difference(wall: tuple[int, int, int], paint: tuple[int, int, int]) -> None:
    found = metrics.to_paint(flat(wall), WALL, linear(paint))
    a, b = library(np.array(wall)), library(np.array(paint))
    for name in ("swatch", "swatch_mean", "swatch_p95", "swatch_cvar"):
        assert found[name] == pytest.approx(a.delta_e(b, method="2000"), abs=1e-6)
    assert found["cie76"] == pytest.approx(a.delta_e(b, method="76"), abs=1e-6)
    lch = np.array([c.convert("lch-d65").coords(nans=False) for c in (a, b)])
    assert found["chroma"] == pytest.approx(abs(lch[0, 1] - lch[1, 1]), abs=1e-6)
    assert found["lightness"] == pytest.approx(abs(lch[0, 0] - lch[1, 0]) / 100, abs=1e-8)
    if lch[:, 1].min() >= color.MIN_HUE_CHROMA:
        assert found["hue_lab"] == pytest.approx(abs(turn(*lch[:, 2])), abs=1e-6)
        hsv = np.array([c.convert("hsv").coords(nans=False)[0] for c in (a, b)])
        assert found["hue_hsv"] == pytest.approx(abs(turn(*hsv)), abs=1e-5)
        assert 0 <= found["hue_hsv"] <= 180
    else:
        assert math.isnan(found["hue_lab"])
        assert math.isnan(found["hue_hsv"])


@given(st.floats(0, 360), st.floats(0, 360), st.floats(-720, 720))
def test_a_hue_error_knows_no_direction_and_no_origin(one: float, other: float, turned: float) -> None:
    error = float(color.hue_error_deg(one, other))
    assert 0 <= error <= 180
    assert error == pytest.approx(float(color.hue_error_deg(other, one)))
    assert error == pytest.approx(float(color.hue_error_deg(one + turned, other + turned)), abs=1e-9)
    assert float(color.hue_error_deg(one, one + 360)) == pytest.approx(0, abs=1e-9)


def scene(seed: int) -> tuple[Array, Array, Array, Array]:
    """Picture, photo, truth and alpha, (48, 48), random in blocks, with a rectangle of wall."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (3, 12, 12, 3))
    picture, photo, truth = np.kron(blocks, np.ones((1, 4, 4, 1), int)).astype(np.uint8)
    alpha = np.zeros((48, 48), np.float32)
    top, left = rng.integers(4, 12, 2)
    alpha[top : top + 24, left : left + 28] = 1
    return picture, photo, truth, alpha


@settings(max_examples=25)
@given(seeds, codes)
def test_mirroring_changes_nothing(seed: int, paint: tuple[int, int, int]) -> None:
    picture, photo, truth, alpha = scene(seed)
    found = metrics.measure(picture, photo, truth, alpha, linear(paint))
    mirrored = metrics.measure(
        *(np.ascontiguousarray(a[:, ::-1]) for a in (picture, photo, truth, alpha)), linear(paint)
    )
    for name in metrics.METRICS:
        assert mirrored[name] == pytest.approx(found[name], abs=1e-6, nan_ok=True), name


@settings(max_examples=25)
@given(seeds, codes)
def test_what_is_outside_does_not_touch_the_wall_s_metrics(seed: int, paint: tuple[int, int, int]) -> None:
    picture, photo, truth, alpha = scene(seed)
    other = picture.copy()
    other[alpha == 0] = 255 - other[alpha == 0]
    found, changed = (metrics.measure(p, photo, truth, alpha, linear(paint)) for p in (picture, other))
    whole = {"edge", "ssim", "leak", "outside_max_diff", "outside_psnr", "outside_ssim"}
    for name in metrics.METRICS.keys() - whole:
        assert changed[name] == pytest.approx(found[name], nan_ok=True), name
    assert changed["outside_psnr"] != found["outside_psnr"]


@settings(max_examples=25)
@given(seeds, codes)
def test_the_order_of_wall_pixels_is_nothing_to_the_paint(seed: int, paint: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (16, 16, 3)).astype(np.uint8)
    shuffled = rng.permutation(picture.reshape(-1, 3)).reshape(picture.shape)
    assert metrics.to_paint(shuffled, WALL, linear(paint)) == pytest.approx(
        metrics.to_paint(picture, WALL, linear(paint)), nan_ok=True
    )


@settings(max_examples=25)
@given(seeds)
def test_the_truth_itself_is_without_error_and_both_ways_are_alike(seed: int) -> None:
    picture, photo, truth, alpha = scene(seed)
    perfect = metrics.measure(truth, photo, truth, alpha, None)
    assert all(perfect[name] == 0 for name in ("room_mean", "room_p95", "room_cvar", "edge", "contrast"))
    assert perfect["shading"] == pytest.approx(1)
    there, back = (metrics.measure(a, photo, b, alpha, None) for a, b in ((picture, truth), (truth, picture)))
    for name in ("room_mean", "room_p95", "room_cvar", "room_hue", "edge", "shading", "ssim"):
        assert there[name] == pytest.approx(back[name], nan_ok=True), name


@settings(max_examples=25)
@given(seeds)
def test_a_photo_left_alone_is_kept(seed: int) -> None:
    _, photo, truth, alpha = scene(seed)
    kept = metrics.measure(photo, photo, truth, alpha, None)
    assert kept["leak"] == kept["outside_max_diff"] == kept["contrast_kept"] == 0
    assert kept["outside_psnr"] == metrics.PSNR_MOST
    assert kept["outside_ssim"] == 1
    assert kept["shading_kept"] == pytest.approx(1)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=200))
def test_the_tail_lies_between_the_percentile_and_the_largest(values: list[float]) -> None:
    found = metrics.tail_mean(np.array(values))
    assert max(values) + 1e-9 >= found >= np.quantile(values, 0.95) - 1e-9 or len(values) < 20
    assert found == pytest.approx(np.mean(sorted(values)[-((len(values) + 19) // 20) :]))


def test_the_worst_twentieth_of_140_is_7() -> None:
    assert metrics.tail_mean(np.arange(140.0)) == 136
