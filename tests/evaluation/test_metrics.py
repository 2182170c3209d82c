"""Metrics on images with known values."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from support import measures
from support.drawn_rooms import Room, make_room, rgb
from support.paths import ROOT
from wallpaint.errors import ShapeError
from wallpaint.evaluation import metrics
from wallpaint.evaluation.detection_metrics import DETECTION_METRICS

Array = np.ndarray
SAGE = rgb("#7d9b84")


@pytest.fixture(scope="module")
def small() -> Room:
    return make_room(96, 128, plaster=0.02)


def alpha_of(room: Room) -> Array:
    return (room.soft_mask / 255).astype(np.float32)


def square(side: int = 64, wall: int = 32) -> Array:
    alpha = np.zeros((side, side), np.float32)
    start = (side - wall) // 2
    alpha[start : start + wall, start : start + wall] = 1
    return alpha


def test_wall_is_eroded_by_two_pixels_a_side_at_256() -> None:
    for side, lost in ((256, 2), (512, 4), (64, 1)):
        alpha = square(side, side // 2)
        rows = np.flatnonzero(metrics.eroded_wall(alpha).any(1))
        assert rows.size == side // 2 - 2 * lost


def test_image_border_is_not_eroded() -> None:
    assert metrics.eroded_wall(np.ones((256, 256), np.float32)).all()


def test_edge_band_is_five_pixels_on_both_sides() -> None:
    row = metrics.edge_band(square())[32]
    assert np.flatnonzero(row).tolist() == [*range(11, 21), *range(43, 53)]


def test_delta_e_map_agrees_with_the_independent_implementation(small: Room) -> None:
    image, truth = small.photo, small.repainted(SAGE)
    assert metrics.delta_e_map(image, truth) == pytest.approx(measures.delta_e(image, truth), abs=0.01)


def test_true_repaint_has_no_error(small: Room) -> None:
    truth = small.repainted(SAGE)
    values = metrics.measure(truth, small.photo, truth, alpha_of(small), None)
    assert math.isnan(values.pop("swatch"))
    assert values["room_mean"] == values["room_p95"] == values["edge"] == 0
    assert values["shading"] == pytest.approx(1)
    assert values["ssim"] == pytest.approx(1)


def test_local_error_shows_in_percentile_and_tail_mean() -> None:
    truth, wall = np.full((20, 20, 3), 128, np.uint8), np.ones((20, 20), bool)
    image = truth.copy()
    image[:2] = 160
    error = float(measures.delta_e(image[:1, :1], truth[:1, :1])[0, 0])
    values = metrics.wall_truth_metrics(image, truth, wall)
    assert values["room_mean"] == pytest.approx(error / 10, rel=1e-3)
    assert values["room_p95"] == pytest.approx(error, rel=1e-3)
    assert values["room_cvar"] == pytest.approx(error, rel=1e-3)
    image[1:] = 128  # 5 % of the wall: exactly the tail, while the percentile lies just above
    assert metrics.wall_truth_metrics(image, truth, wall)["room_cvar"] == pytest.approx(error, rel=1e-3)


def test_swatch_error_depends_on_the_median_only(small: Room) -> None:
    image = small.repainted_to_swatch(SAGE)
    wall = metrics.eroded_wall(alpha_of(small))
    assert metrics.swatch_error(image, wall, SAGE) < 0.6  # the drawn room's median is over all pixels of alpha 1
    image[wall.nonzero()[0][:5], wall.nonzero()[1][:5]] = 255
    assert metrics.swatch_error(image, wall, SAGE) < 0.6


def test_outside_max_diff_starts_beyond_three_pixels() -> None:
    alpha, photo = square(), np.full((64, 64, 3), 100, np.uint8)
    near, far = photo.copy(), photo.copy()
    near[32, 50], far[32, 51] = 120, 93
    assert metrics.outside_max_diff(near, photo, alpha) == 0
    assert metrics.outside_max_diff(far, photo, alpha) == 7


def test_shading_correlation_is_scale_invariant() -> None:
    wall = np.ones((8, 64), bool)
    light = np.broadcast_to(np.linspace(0.1, 0.8, 64), (8, 64))[..., None] * np.ones(3)
    truth, dim, inverted = (measures.codes_of(x) for x in (light, 0.5 * light, 0.9 - light))
    assert metrics.shading_correlation(dim, truth, wall) > 0.999
    assert metrics.shading_correlation(inverted, truth, wall) < -0.999
    assert metrics.shading_correlation(np.full_like(truth, 90), truth, wall) == 0
    assert math.isnan(metrics.shading_correlation(truth, np.full_like(truth, 90), wall))


def test_ssim_depends_on_the_wall_region_only() -> None:
    alpha = square(128, 32)
    truth = np.random.default_rng(0).integers(0, 256, (128, 128, 3)).astype(np.uint8)
    elsewhere, on_wall = truth.copy(), truth.copy()
    elsewhere[:20], on_wall[50:70, 50:70] = 0, 128
    assert metrics.structural_similarity(elsewhere, truth, alpha) == pytest.approx(1)
    assert metrics.structural_similarity(on_wall, truth, alpha) < 0.9


WALL_METRICS = [m for m in metrics.METRICS if m not in ("edge", "ssim", "leak") and not m.startswith("outside")]


@pytest.mark.parametrize("alpha", [np.zeros((32, 32), np.float32), square(32, 1)])
def test_wall_metrics_are_nan_without_a_measurable_wall(alpha: Array) -> None:
    photo = np.full((32, 32, 3), 100, np.uint8)
    values = metrics.measure(photo, photo, photo, alpha, np.full(3, 0.2))
    assert all(math.isnan(values[name]) for name in WALL_METRICS)


def test_metrics_without_truth_or_paint_are_nan(small: Room) -> None:
    values = metrics.measure(small.photo, small.photo, None, alpha_of(small), None)
    measured = {name for name, value in values.items() if not math.isnan(value)}
    expected = {"shading_kept", "contrast_kept", "leak", "outside_max_diff", "outside_psnr", "outside_ssim"}
    assert measured == expected


@pytest.mark.parametrize(("wall", "paint"), [("#808080", "#7d9b84"), ("#7d9b84", "#828180")])
def test_hue_errors_of_a_grey_are_nan(wall: str, paint: str) -> None:
    codes = np.broadcast_to(np.frombuffer(bytes.fromhex(wall[1:]), np.uint8), (32, 32, 3))
    values = metrics.paint_metrics(codes, np.ones((32, 32), bool), rgb(paint))
    assert math.isnan(values["hue_lab"])
    assert math.isnan(values["hue_hsv"])
    assert values["cie76"] > 5


def test_hue_error_is_circular() -> None:
    """From a slightly bluish to a slightly yellowish red, across 0 degrees."""
    wall = np.broadcast_to(np.array([200, 30, 40], np.uint8), (32, 32, 3))
    paint = measures.linear(np.array([200, 40, 30], np.uint8))
    assert metrics.paint_metrics(wall, np.ones((32, 32), bool), paint)["hue_hsv"] == pytest.approx(7.06, abs=0.05)


def test_contrast_error_measures_flattened_shading(small: Room) -> None:
    """A wall halfway to its median has about half the contrast, which correlation does not detect."""
    wall = metrics.eroded_wall(alpha_of(small))
    light = measures.linear(small.photo)
    median = np.median(light[wall], axis=0)
    for scale in (0.5, 0.25):
        flatter = measures.codes_of(median * (light / median) ** scale)
        assert metrics.contrast_error(flatter, small.photo, wall) == pytest.approx(1 - scale, abs=0.03)
        assert metrics.shading_correlation(flatter, small.photo, wall) > 0.95
    assert metrics.contrast_error(np.full_like(small.photo, 90), small.photo, wall) == 1
    assert math.isnan(metrics.contrast_error(small.photo, np.full_like(small.photo, 90), wall))


def test_leak_is_measured_outside_the_mask_only() -> None:
    alpha, photo = square(), np.full((64, 64, 3), 100, np.uint8)
    inside, leaking, far = photo.copy(), photo.copy(), photo.copy()
    inside[16:48, 16:48] = 150
    leaking[14:50, 14:50] = 150
    far[:8] = 150
    assert [metrics.photo_metrics(p, photo, alpha, alpha > 0)["leak"] for p in (inside, far)] == [0, 0]
    values = metrics.photo_metrics(leaking, photo, alpha, alpha > 0)
    ring = metrics.outer_ring(alpha)
    expected = measures.delta_e(leaking, photo)[ring].mean()
    assert values["leak"] == pytest.approx(expected, rel=0.01)
    assert values["leak"] > 2
    assert values["outside_max_diff"] == 0  # the leak reaches 2 px only


def test_outside_psnr_is_that_of_code_values_outside() -> None:
    alpha, photo = square(), np.full((64, 64, 3), 100, np.uint8)
    changed = photo.copy()
    changed[16:48, 16:48] = 0
    assert metrics.photo_metrics(changed, photo, alpha, alpha > 0)["outside_psnr"] == metrics.MAX_PSNR_DB
    changed[alpha == 0] = 110
    assert metrics.photo_metrics(changed, photo, alpha, alpha > 0)["outside_psnr"] == pytest.approx(
        20 * math.log10(255 / 10)
    )


def test_outside_ssim_ignores_the_wall() -> None:
    rng = np.random.default_rng(0)
    alpha, photo = square(128, 32), rng.integers(0, 256, (128, 128, 3)).astype(np.uint8)
    wall, corner = photo.copy(), photo.copy()
    wall[48:80, 48:80] = 0
    wall[0, 0] += 1  # avoids the shortcut for equal images
    corner[:20, :20] = 128
    assert metrics.outside_similarity(wall, photo, metrics.outside_region(alpha)) > 0.999
    assert metrics.outside_similarity(corner, photo, metrics.outside_region(alpha)) < 0.99
    assert math.isnan(metrics.outside_similarity(wall, photo, np.zeros((128, 128), bool)))


def test_full_mask_has_no_edge_and_no_outside() -> None:
    photo = np.full((32, 32, 3), 100, np.uint8)
    values = metrics.measure(photo, photo, photo, np.ones((32, 32), np.float32), None)
    assert math.isnan(values["edge"])
    assert math.isnan(values["outside_max_diff"])
    assert values["room_mean"] == 0


def test_images_of_different_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match="cannot be compared"):
        metrics.delta_e_map(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8))


def test_measure_returns_every_metric_in_order(small: Room) -> None:
    values = metrics.measure(small.photo, small.photo, small.photo, alpha_of(small), SAGE)
    assert list(values) == list(metrics.METRICS)
    assert set(metrics.BENCHMARK_METRICS) <= metrics.METRICS.keys()


def test_every_metric_is_documented() -> None:
    """docs/metrics.md has a row for each, with the better end."""
    text = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    rows_by_metric = {name: row for row in rows for name in re.findall(r"`(\w+)`", row[1])}
    documented = metrics.METRICS | DETECTION_METRICS
    assert rows_by_metric.keys() == documented.keys()
    for name, metric in documented.items():
        assert metric.description
        if name not in ("shading_kept", "contrast_kept"):  # share a row
            assert rows_by_metric[name][-2].strip() == metric.best, name
