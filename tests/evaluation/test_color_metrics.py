"""Colour differences and hues against published tables and an independent library, and their invariances."""

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
under_any_load = settings(deadline=None)  # the time of an example depends on the machine's load and on first imports
few_examples = settings(deadline=None, max_examples=25)

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


def random_images(seed: int = 0) -> tuple[Array, Array]:
    """Return two images (100, 100, 3) of random codes; about half of the pixel pairs are similar colours."""
    rng = np.random.default_rng(seed)
    one = rng.integers(0, 256, (100, PAIRS // 100, 3))
    near = np.clip(one + rng.integers(-6, 7, one.shape), 0, 255)
    other = np.where(rng.random((*one.shape[:2], 1)) < 0.5, near, rng.integers(0, 256, one.shape))
    return one.astype(np.uint8), other.astype(np.uint8)


def coloraide_color(codes: Array) -> Color:
    red, green, blue = (int(v) / 255 for v in codes)
    return Color("srgb", [red, green, blue])


@pytest.fixture(scope="module")
def pairs() -> tuple[Array, Array, list[tuple[Color, Color]]]:
    one, other = random_images()
    flat_pairs = zip(one.reshape(-1, 3), other.reshape(-1, 3), strict=True)
    color_pairs = [(coloraide_color(a), coloraide_color(b)) for a, b in flat_pairs]
    return one, other, color_pairs


def test_ciede2000_of_ten_thousand_pairs_agrees_with_coloraide(
    pairs: tuple[Array, Array, list[tuple[Color, Color]]],
) -> None:
    one, other, color_pairs = pairs
    expected = np.array([a.delta_e(b, method="2000") for a, b in color_pairs])
    assert np.abs(metrics.delta_e_map(one, other).ravel() - expected).max() < 1e-6


def test_lab_distance_and_hues_of_ten_thousand_pairs_agree_with_coloraide(
    pairs: tuple[Array, Array, list[tuple[Color, Color]]],
) -> None:
    one, other, color_pairs = pairs
    flat = [image.reshape(-1, 3) for image in (one, other)]
    lab = [color.linear_to_lab(color.srgb_to_linear(codes / 255.0)) for codes in flat]
    assert np.abs(color.delta_e_76(*lab) - [a.delta_e(b, method="76") for a, b in color_pairs]).max() < 1e-6
    for number, (codes, values) in enumerate(zip(flat, lab, strict=True)):
        lch = np.array([pair[number].convert("lch-d65").coords(nans=False) for pair in color_pairs])
        clear = lch[:, 1] >= color.MIN_HUE_CHROMA
        assert np.abs(hue_difference(color.lab_hue_deg(values)[clear], lch[clear, 2])).max() < 1e-6
        assert np.isnan(color.lab_hue_deg(values)[~clear]).all()
        grey = codes.max(1) == codes.min(1)
        hsv = np.array([pair[number].convert("hsv").coords(nans=False)[0] for pair in color_pairs])
        assert np.abs(hue_difference(color.hsv_hue_deg(codes / 255.0)[~grey], hsv[~grey])).max() < 1e-6


def hue_difference(one: Array, other: Array) -> Array:
    return (one - other + 180) % 360 - 180


def test_hsv_hues_agree_with_the_published_table() -> None:
    assert np.abs(color.hsv_hue_deg(HSV[:, :3]) - HSV[:, 3]).max() < 0.2  # the table's colours have three decimals
    assert np.isnan(color.hsv_hue_deg(np.full(3, 0.5)))


def test_lab_hues_agree_with_the_published_table() -> None:
    assert np.abs(color.lab_hue_deg(LAB_HUES[:, :3]) - LAB_HUES[:, 3]).max() < 0.01


# -- the metrics of a wall


WALL = np.ones((16, 16), bool)
codes = st.tuples(*[st.integers(0, 255)] * 3)
seeds = st.integers(0, 2**32 - 1)


def linear(rgb: tuple[int, int, int]) -> Array:
    return color.srgb_to_linear(np.array(rgb) / 255.0)


def flat(rgb: tuple[int, int, int]) -> Array:
    return np.broadcast_to(np.array(rgb, np.uint8), (16, 16, 3)).copy()


@under_any_load
@given(codes, codes)
def test_paint_metrics_of_a_flat_wall_agree_with_coloraide(
    wall: tuple[int, int, int], paint: tuple[int, int, int]
) -> None:
    values = metrics.paint_metrics(flat(wall), WALL, linear(paint))
    a, b = coloraide_color(np.array(wall)), coloraide_color(np.array(paint))
    for name in ("swatch", "swatch_mean", "swatch_p95", "swatch_cvar"):
        assert values[name] == pytest.approx(a.delta_e(b, method="2000"), abs=1e-6)
    assert values["cie76"] == pytest.approx(a.delta_e(b, method="76"), abs=1e-6)
    lch = np.array([c.convert("lch-d65").coords(nans=False) for c in (a, b)])
    assert values["chroma"] == pytest.approx(abs(lch[0, 1] - lch[1, 1]), abs=1e-6)
    assert values["lightness"] == pytest.approx(abs(lch[0, 0] - lch[1, 0]) / 100, abs=1e-8)
    if lch[:, 1].min() >= color.MIN_HUE_CHROMA:
        assert values["hue_lab"] == pytest.approx(abs(hue_difference(*lch[:, 2])), abs=1e-6)
        hsv = np.array([c.convert("hsv").coords(nans=False)[0] for c in (a, b)])
        assert values["hue_hsv"] == pytest.approx(abs(hue_difference(*hsv)), abs=1e-5)
        assert 0 <= values["hue_hsv"] <= 180
    else:
        assert math.isnan(values["hue_lab"])
        assert math.isnan(values["hue_hsv"])


@under_any_load
@given(st.floats(0, 360), st.floats(0, 360), st.floats(-720, 720))
def test_hue_error_is_symmetric_and_rotation_invariant(one: float, other: float, rotation: float) -> None:
    error = float(color.hue_error_deg(one, other))
    assert 0 <= error <= 180
    assert error == pytest.approx(float(color.hue_error_deg(other, one)))
    assert error == pytest.approx(float(color.hue_error_deg(one + rotation, other + rotation)), abs=1e-9)
    assert float(color.hue_error_deg(one, one + 360)) == pytest.approx(0, abs=1e-9)


def random_scene(seed: int) -> tuple[Array, Array, Array, Array]:
    """Return image, photo, truth and alpha, (48, 48), of random blocks, with a rectangular wall."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (3, 12, 12, 3))
    image, photo, truth = np.kron(blocks, np.ones((1, 4, 4, 1), int)).astype(np.uint8)
    alpha = np.zeros((48, 48), np.float32)
    top, left = rng.integers(4, 12, 2)
    alpha[top : top + 24, left : left + 28] = 1
    return image, photo, truth, alpha


@few_examples
@given(seeds, codes)
def test_metrics_are_invariant_to_mirroring(seed: int, paint: tuple[int, int, int]) -> None:
    image, photo, truth, alpha = random_scene(seed)
    values = metrics.measure(image, photo, truth, alpha, linear(paint))
    mirrored = metrics.measure(*(np.ascontiguousarray(a[:, ::-1]) for a in (image, photo, truth, alpha)), linear(paint))
    for name in metrics.METRICS:
        assert mirrored[name] == pytest.approx(values[name], abs=1e-6, nan_ok=True), name


@few_examples
@given(seeds, codes)
def test_wall_metrics_ignore_pixels_outside_the_mask(seed: int, paint: tuple[int, int, int]) -> None:
    image, photo, truth, alpha = random_scene(seed)
    other = image.copy()
    other[alpha == 0] = 255 - other[alpha == 0]
    values, changed = (metrics.measure(p, photo, truth, alpha, linear(paint)) for p in (image, other))
    other_regions = {"edge", "ssim", "leak", "outside_max_diff", "outside_psnr", "outside_ssim"}
    for name in metrics.METRICS.keys() - other_regions:
        assert changed[name] == pytest.approx(values[name], nan_ok=True), name
    assert changed["outside_psnr"] != values["outside_psnr"]


@few_examples
@given(seeds, codes)
def test_paint_metrics_ignore_the_order_of_wall_pixels(seed: int, paint: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (16, 16, 3)).astype(np.uint8)
    shuffled = rng.permutation(image.reshape(-1, 3)).reshape(image.shape)
    assert metrics.paint_metrics(shuffled, WALL, linear(paint)) == pytest.approx(
        metrics.paint_metrics(image, WALL, linear(paint)), nan_ok=True
    )


@few_examples
@given(seeds)
def test_true_repaint_has_no_error_and_truth_metrics_are_symmetric(seed: int) -> None:
    image, photo, truth, alpha = random_scene(seed)
    perfect = metrics.measure(truth, photo, truth, alpha, None)
    assert all(perfect[name] == 0 for name in ("room_mean", "room_p95", "room_cvar", "edge", "contrast"))
    assert perfect["shading"] == pytest.approx(1)
    forward, swapped = (metrics.measure(a, photo, b, alpha, None) for a, b in ((image, truth), (truth, image)))
    for name in ("room_mean", "room_p95", "room_cvar", "room_hue", "edge", "shading", "ssim"):
        assert forward[name] == pytest.approx(swapped[name], nan_ok=True), name


@few_examples
@given(seeds)
def test_unchanged_photo_has_no_error_against_the_photo(seed: int) -> None:
    _, photo, truth, alpha = random_scene(seed)
    unchanged = metrics.measure(photo, photo, truth, alpha, None)
    assert unchanged["leak"] == unchanged["outside_max_diff"] == unchanged["contrast_kept"] == 0
    assert unchanged["outside_psnr"] == metrics.MAX_PSNR_DB
    assert unchanged["outside_ssim"] == 1
    assert unchanged["shading_kept"] == pytest.approx(1)


@under_any_load
@given(st.lists(st.floats(0, 100), min_size=1, max_size=200))
def test_tail_mean_lies_between_percentile_and_maximum(values: list[float]) -> None:
    tail = metrics.tail_mean(np.array(values))
    assert max(values) + 1e-9 >= tail >= np.quantile(values, 0.95) - 1e-9 or len(values) < 20
    assert tail == pytest.approx(np.mean(sorted(values)[-((len(values) + 19) // 20) :]))


def test_tail_of_140_values_holds_7() -> None:
    assert metrics.tail_mean(np.arange(140.0)) == 136
