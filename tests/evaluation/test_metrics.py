"""Metrics on pictures whose numbers are known beforehand."""

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


def test_the_core_loses_two_pixels_a_side_at_256() -> None:
    for side, lost in ((256, 2), (512, 4), (64, 1)):
        alpha = square(side, side // 2)
        rows = np.flatnonzero(metrics.core(alpha).any(1))
        assert rows.size == side // 2 - 2 * lost


def test_the_picture_border_is_no_edge() -> None:
    assert metrics.core(np.ones((256, 256), np.float32)).all()


def test_the_edge_band_is_five_pixels_on_both_sides() -> None:
    row = metrics.edge_band(square())[32]
    assert np.flatnonzero(row).tolist() == [*range(11, 21), *range(43, 53)]


def test_delta_e_is_that_of_the_other_yardstick(small: Room) -> None:
    picture, truth = small.photo, small.lit(SAGE)
    assert metrics.delta_e_map(picture, truth) == pytest.approx(measures.delta_e(picture, truth), abs=0.01)


def test_the_truth_itself_has_no_error(small: Room) -> None:
    truth = small.lit(SAGE)
    found = metrics.measure(truth, small.photo, truth, alpha_of(small), None)
    assert math.isnan(found.pop("swatch"))
    assert found["room_mean"] == found["room_p95"] == found["edge"] == 0
    assert found["shading"] == pytest.approx(1)
    assert found["ssim"] == pytest.approx(1)


def test_a_patch_of_error_shows_in_the_percentile_before_the_mean() -> None:
    truth, wall = np.full((20, 20, 3), 128, np.uint8), np.ones((20, 20), bool)
    picture = truth.copy()
    picture[:2] = 160
    error = float(measures.delta_e(picture[:1, :1], truth[:1, :1])[0, 0])
    found = metrics.wall_to_truth(picture, truth, wall)
    assert found["room_mean"] == pytest.approx(error / 10, rel=1e-3)
    assert found["room_p95"] == pytest.approx(error, rel=1e-3)
    assert found["room_cvar"] == pytest.approx(error, rel=1e-3)
    picture[1:] = 128  # 5 % of the wall: the tail is all of it, the percentile just above
    assert metrics.wall_to_truth(picture, truth, wall)["room_cvar"] == pytest.approx(error, rel=1e-3)


def test_the_literal_error_is_of_the_median(small: Room) -> None:
    literal = small.literal(SAGE)
    wall = metrics.core(alpha_of(small))
    assert metrics.swatch_error(literal, wall, SAGE) < 0.6  # the room's median is over all pure wall pixels
    literal[wall.nonzero()[0][:5], wall.nonzero()[1][:5]] = 255
    assert metrics.swatch_error(literal, wall, SAGE) < 0.6


def test_outside_is_counted_beyond_three_pixels_only() -> None:
    alpha, photo = square(), np.full((64, 64, 3), 100, np.uint8)
    near, far = photo.copy(), photo.copy()
    near[32, 50], far[32, 51] = 120, 93
    assert metrics.outside_max_diff(near, photo, alpha) == 0
    assert metrics.outside_max_diff(far, photo, alpha) == 7


def test_shading_correlation_is_of_light_and_knows_no_scale() -> None:
    wall = np.ones((8, 64), bool)
    light = np.broadcast_to(np.linspace(0.1, 0.8, 64), (8, 64))[..., None] * np.ones(3)
    truth, dim, inverse = (measures.codes_of(x) for x in (light, 0.5 * light, 0.9 - light))
    assert metrics.shading_correlation(dim, truth, wall) > 0.999
    assert metrics.shading_correlation(inverse, truth, wall) < -0.999
    assert metrics.shading_correlation(np.full_like(truth, 90), truth, wall) == 0
    assert math.isnan(metrics.shading_correlation(truth, np.full_like(truth, 90), wall))


def test_ssim_looks_at_the_wall_and_not_at_the_rest() -> None:
    alpha = square(128, 32)
    truth = np.random.default_rng(0).integers(0, 256, (128, 128, 3)).astype(np.uint8)
    elsewhere, on_wall = truth.copy(), truth.copy()
    elsewhere[:20], on_wall[50:70, 50:70] = 0, 128
    assert metrics.structural_similarity(elsewhere, truth, alpha) == pytest.approx(1)
    assert metrics.structural_similarity(on_wall, truth, alpha) < 0.9


WALL_METRICS = [m for m in metrics.METRICS if m not in ("edge", "ssim", "leak") and not m.startswith("outside")]


@pytest.mark.parametrize("alpha", [np.zeros((32, 32), np.float32), square(32, 1)])
def test_nothing_to_measure_is_not_zero(alpha: Array) -> None:
    photo = np.full((32, 32, 3), 100, np.uint8)
    found = metrics.measure(photo, photo, photo, alpha, np.full(3, 0.2))
    assert all(math.isnan(found[name]) for name in WALL_METRICS)


def test_without_a_truth_or_a_paint_nothing_is_said_of_them(small: Room) -> None:
    found = metrics.measure(small.photo, small.photo, None, alpha_of(small), None)
    known = {name for name, value in found.items() if not math.isnan(value)}
    kept = {"shading_kept", "contrast_kept", "leak", "outside_max_diff", "outside_psnr", "outside_ssim"}
    assert known == kept


@pytest.mark.parametrize(("wall", "paint"), [("#808080", "#7d9b84"), ("#7d9b84", "#828180")])
def test_the_hue_of_a_grey_is_left_out(wall: str, paint: str) -> None:
    codes = np.broadcast_to(np.frombuffer(bytes.fromhex(wall[1:]), np.uint8), (32, 32, 3))
    found = metrics.to_paint(codes, np.ones((32, 32), bool), rgb(paint))
    assert math.isnan(found["hue_lab"])
    assert math.isnan(found["hue_hsv"])
    assert found["cie76"] > 5


def test_a_hue_error_goes_the_short_way_round() -> None:
    """From a red a little on the blue side to one a little on the yellow side."""
    wall = np.broadcast_to(np.array([200, 30, 40], np.uint8), (32, 32, 3))
    paint = measures.linear(np.array([200, 40, 30], np.uint8))
    assert metrics.to_paint(wall, np.ones((32, 32), bool), paint)["hue_hsv"] == pytest.approx(7.06, abs=0.05)


def test_contrast_tells_how_far_shading_is_flattened(small: Room) -> None:
    """A wall half way to its median has about half the range; correlation alone does not see that."""
    wall = metrics.core(alpha_of(small))
    light = measures.linear(small.photo)
    median = np.median(light[wall], axis=0)
    for kept in (0.5, 0.25):
        flatter = measures.codes_of(median * (light / median) ** kept)
        assert metrics.contrast_error(flatter, small.photo, wall) == pytest.approx(1 - kept, abs=0.03)
        assert metrics.shading_correlation(flatter, small.photo, wall) > 0.95
    assert metrics.contrast_error(np.full_like(small.photo, 90), small.photo, wall) == 1
    assert math.isnan(metrics.contrast_error(small.photo, np.full_like(small.photo, 90), wall))


def test_a_leak_is_seen_outside_the_mask_only() -> None:
    alpha, photo = square(), np.full((64, 64, 3), 100, np.uint8)
    inside, leaking, far = photo.copy(), photo.copy(), photo.copy()
    inside[16:48, 16:48] = 150
    leaking[14:50, 14:50] = 150
    far[:8] = 150
    assert [metrics.to_photo(p, photo, alpha, alpha > 0)["leak"] for p in (inside, far)] == [0, 0]
    found = metrics.to_photo(leaking, photo, alpha, alpha > 0)
    ring = metrics.outer_ring(alpha)
    expected = measures.delta_e(leaking, photo)[ring].mean()
    assert found["leak"] == pytest.approx(expected, rel=0.01)
    assert found["leak"] > 2
    assert found["outside_max_diff"] == 0  # it starts beyond 3 px, where two do not reach


def test_psnr_is_of_the_codes_outside() -> None:
    alpha, photo = square(), np.full((64, 64, 3), 100, np.uint8)
    changed = photo.copy()
    changed[16:48, 16:48] = 0
    assert metrics.to_photo(changed, photo, alpha, alpha > 0)["outside_psnr"] == metrics.PSNR_MOST
    changed[alpha == 0] = 110
    assert metrics.to_photo(changed, photo, alpha, alpha > 0)["outside_psnr"] == pytest.approx(
        20 * math.log10(255 / 10)
    )


def test_ssim_outside_does_not_see_the_wall() -> None:
    rng = np.random.default_rng(0)
    alpha, photo = square(128, 32), rng.integers(0, 256, (128, 128, 3)).astype(np.uint8)
    wall, corner = photo.copy(), photo.copy()
    wall[48:80, 48:80] = 0
    wall[0, 0] += 1  # so that it is computed
    corner[:20, :20] = 128
    assert metrics.outside_similarity(wall, photo, metrics.outside(alpha)) > 0.999
    assert metrics.outside_similarity(corner, photo, metrics.outside(alpha)) < 0.99
    assert math.isnan(metrics.outside_similarity(wall, photo, np.zeros((128, 128), bool)))


def test_a_white_mask_has_no_edge_and_no_outside() -> None:
    photo = np.full((32, 32, 3), 100, np.uint8)
    found = metrics.measure(photo, photo, photo, np.ones((32, 32), np.float32), None)
    assert math.isnan(found["edge"])
    assert math.isnan(found["outside_max_diff"])
    assert found["room_mean"] == 0


def test_sizes_must_agree() -> None:
    with pytest.raises(ShapeError, match="cannot be compared"):
        metrics.delta_e_map(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8))


def test_measure_gives_what_the_table_of_metrics_lists(small: Room) -> None:
    found = metrics.measure(small.photo, small.photo, small.photo, alpha_of(small), SAGE)
    assert list(found) == list(metrics.METRICS)
    assert set(metrics.BENCHMARK) <= metrics.METRICS.keys()


def test_every_metric_has_its_line_in_the_documents() -> None:
    """With its name, its unit's range and which end is best."""
    text = (ROOT / "docs/metrics.md").read_text()
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    told = {name: row for row in rows for name in re.findall(r"`(\w+)`", row[1])}
    assert told.keys() == metrics.METRICS.keys()
    for name, metric in metrics.METRICS.items():
        assert metric.about
        if name not in ("shading_kept", "contrast_kept"):  # share a line
            assert told[name][-2].strip() == metric.best, name
