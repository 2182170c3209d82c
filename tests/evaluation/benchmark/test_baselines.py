"""Baseline repainting methods: their results, and which of them get ground truth."""

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
from wallpaint.evaluation.benchmark.baselines import BenchmarkCase, DetectedScene, GroundTruth
from wallpaint.evaluation.benchmark.compare import METHODS
from wallpaint.paints.paint import Paint

Array = np.ndarray
OLD, NEW = "#d9cfc0", "#7d9b84"


@pytest.fixture(scope="module")
def room() -> Room:
    return make_room(120, 160, old=OLD, tint=0.1)


@pytest.fixture(scope="module")
def case(room: Room) -> BenchmarkCase:
    truth = GroundTruth(room.repainted(rgb(NEW)), rgb(OLD), linear(room.repainted(rgb(OLD))))
    alpha = (room.soft_mask / 255).astype(np.float32)

    def scene(old: tuple[float, float, float] | None) -> wallpaint.Scene:
        return wallpaint.prepare(room.photo, {"wall": alpha}, old_color=None if old is None else Paint(old))

    def detected() -> DetectedScene:
        return DetectedScene(scene(None), alpha)

    return BenchmarkCase(room.photo, alpha, rgb(NEW), None, truth, np.array([0.5, 0.5, 0.5]), scene, detected)


def wall_of(case: BenchmarkCase) -> Array:
    return metrics.eroded_wall(case.alpha)


def error(case: BenchmarkCase, image: Array | None) -> float:
    assert image is not None
    assert case.truth is not None
    return float(delta_e(image, case.truth.target)[wall_of(case)].mean())


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.supports_colors])
def test_every_method_keeps_pixels_outside_the_mask(case: BenchmarkCase, name: str) -> None:
    image = METHODS[name].repaint(case)
    assert image is not None
    assert image.shape == case.photo.shape
    assert image.dtype == np.uint8
    far = far_outside(case.alpha)
    assert (image[far] == case.photo[far]).all()


@pytest.mark.parametrize("name", list(METHODS))
def test_no_method_modifies_its_inputs(case: BenchmarkCase, name: str) -> None:
    before = case.photo.copy(), case.alpha.copy()
    METHODS[name].repaint(replace(case, texture=np.full((4, 4, 3), 0.2)))
    assert (before[0] == case.photo).all()
    assert (before[1] == case.alpha).all()


def test_hsv_swap_agrees_with_colorsys(case: BenchmarkCase) -> None:
    image = baselines.hsv_swap(case)
    hue, saturation, _ = colorsys.rgb_to_hsv(*(int(NEW[i : i + 2], 16) / 255 for i in (1, 3, 5)))
    ys, xs = np.nonzero(wall_of(case))
    for y, x in list(zip(ys, xs, strict=True))[::997]:
        value = float(case.photo[y, x].max()) / 255
        assert image[y, x] == pytest.approx(np.multiply(colorsys.hsv_to_rgb(hue, saturation, value), 255), abs=1)


def test_hsv_swap_to_black_gives_grey(case: BenchmarkCase) -> None:
    image = baselines.hsv_swap(replace(case, albedo=np.zeros(3)))
    assert (np.ptp(image[wall_of(case)].astype(int), axis=1) == 0).all()


@pytest.mark.parametrize("repaint", [baselines.flat_fill, baselines.multiply, baselines.lab_shift])
def test_wall_median_equals_the_swatch(case: BenchmarkCase, repaint: baselines.RepaintMethod) -> None:
    image = repaint(case)
    assert image is not None
    median = np.median(lab(image[wall_of(case)]), axis=0)
    assert np.abs(median - lab(codes_of(rgb(NEW)))).max() < 0.5


def test_flat_fill_has_no_shading(case: BenchmarkCase) -> None:
    assert len(np.unique(baselines.flat_fill(case)[wall_of(case)], axis=0)) == 1


def test_oracle_median_equals_the_true_median(case: BenchmarkCase) -> None:
    assert case.truth is not None
    image = baselines.lab_shift_true(case)
    assert image is not None
    ours, expected = (np.median(lab(p[wall_of(case)]), axis=0) for p in (image, case.truth.target))
    assert np.abs(ours - expected).max() < 0.3


def test_true_ratio_is_exact_without_interreflection(case: BenchmarkCase) -> None:
    assert error(case, baselines.multiply_true(case)) < 0.7  # rounding of 8-bit codes
    assert error(case, baselines.multiply_true_clean(case)) < 0.7


def test_clean_photo_avoids_amplified_noise(case: BenchmarkCase, room: Room) -> None:
    rng = np.random.default_rng(1)
    noisy = codes_of(linear(room.photo) * (1 + 0.1 * rng.standard_normal(room.photo.shape)))
    noisy_case = replace(case, photo=noisy)
    assert error(noisy_case, baselines.multiply_true_clean(noisy_case)) < 0.7
    assert error(noisy_case, baselines.multiply_true(noisy_case)) > 0.7


def test_average_light_recovers_the_light(case: BenchmarkCase, room: Room) -> None:
    light = np.array([0.3, 0.4, 0.5])
    albedos = [rgb(text) for text in (NEW, "#2b3a5c", "#eeeeee")]
    assert baselines.average_light([(light * a, a) for a in albedos]) == pytest.approx(light)
    true_light = np.median(room.light[wall_of(case)], axis=0)
    assert error(case, baselines.multiply_set_light(replace(case, set_light=true_light))) < 0.7
    with pytest.raises(InputError, match="average light"):
        baselines.average_light([])


def test_old_color_hint_reduces_the_error(case: BenchmarkCase) -> None:
    """An error remains: this synthetic room has no interreflection, which the painter assumes."""
    without_hint = error(case, baselines.analytic(case, "room"))
    with_old_color = error(case, baselines.analytic_old_color(case))
    assert with_old_color < 4.5
    assert with_old_color <= without_hint


def test_methods_get_only_the_ground_truth_they_declare(case: BenchmarkCase) -> None:
    for name, method in METHODS.items():
        visible = method.visible_case(case)
        assert (visible.truth is not None) == (method.uses == "truth"), name
        assert (visible.set_light is not None) == (method.uses != ""), name


@pytest.mark.parametrize(
    "repaint",
    [
        baselines.multiply_true,
        baselines.multiply_true_clean,
        baselines.lab_shift_true,
        baselines.multiply_set_light,
        baselines.analytic_old_color,
        baselines.tile_texture,
    ],
)
def test_methods_return_none_without_their_ground_truth(case: BenchmarkCase, repaint: baselines.RepaintMethod) -> None:
    assert repaint(case.without_truth()) is None


def test_tiled_texture_keeps_the_shading(case: BenchmarkCase) -> None:
    texture = np.zeros((8, 8, 3))
    texture[:4], texture[4:] = 0.1, 0.3
    image = baselines.tile_texture(replace(case, texture=texture))
    assert image is not None
    luminance = linear(image).mean(-1)
    photo_luminance = linear(case.photo) @ np.array([0.2126, 0.7152, 0.0722])
    wall = wall_of(case)
    rows = np.broadcast_to(np.arange(luminance.shape[0])[:, None] % 8 < 4, luminance.shape)
    ratio = luminance / photo_luminance
    dark, light = np.median(ratio[wall & rows]), np.median(ratio[wall & ~rows])
    assert light / dark == pytest.approx(3, rel=0.02)


def test_analytic_without_scene_is_refused(case: BenchmarkCase) -> None:
    with pytest.raises(InputError, match="scene"):
        partial(baselines.analytic, match="room")(replace(case, scene=None))
    with pytest.raises(InputError, match="detected walls"):
        baselines.analytic_detected(replace(case, detected=None))


def test_analytic_on_detected_walls_paints_the_detected_walls_only(room: Room, case: BenchmarkCase) -> None:
    detected = case.alpha.copy()
    detected[:, : detected.shape[1] // 2] = 0
    scene = wallpaint.prepare(room.photo, {"wall": detected})
    image = baselines.analytic_detected(replace(case, detected=lambda: DetectedScene(scene, detected)))
    far = far_outside(detected)
    assert (image[far] == case.photo[far]).all()
    assert (image[wall_of(case) & (detected > 0.5)] != case.photo[wall_of(case) & (detected > 0.5)]).any(
        -1
    ).mean() > 0.9
