"""Shading of the swatch match: the light model's prediction, as far as the photo's shading is preserved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support.drawn_rooms import Room, make_room, rgb
from support.fixed_light_model import FixedLightModel, with_light_model
from support.measures import Array, ShadingMeter, delta_e, eroded, far_outside, median
from wallpaint.imaging.masked_filters import weighted_quantile
from wallpaint.painters import shading_transfer
from wallpaint.painters.analytic import AnalyticPainter
from wallpaint.paints.paint import Paint
from wallpaint.pipeline.repaint import Scene, prepare
from wallpaint.scene.intrinsics import LOG_SHADING_QUANTILES, IntrinsicDecomposition

NAVY, SAGE, WHITE = "#2b3a5c", "#7d9b84", "#f4f1ea"
HEIGHT, WIDTH = 60, 80


class TwoPaintModel(FixedLightModel):
    """A model that predicts another albedo, scaled by left_factor, in the left half of the photo."""

    def __init__(self, old: str, left_factor: float, **coefficients: float) -> None:
        super().__init__(old, **coefficients)
        self.left_factor = left_factor

    def predict(self, photo: Array, mask: Array, known_albedo: Array | None = None):
        prediction = super().predict(photo, mask, known_albedo)
        old = prediction.wall_albedo.copy()
        old[:, : old.shape[1] // 2] *= self.left_factor
        return replace(prediction, wall_albedo=np.minimum(old, 0.97))


@pytest.fixture(scope="module")
def scene(room: Room) -> Scene:
    return prepare(room.photo, {"wall": room.soft_mask})


def grey_wall(log_shading: Array, pattern_removed: bool = False) -> IntrinsicDecomposition:
    """Return the decomposition of a grey wall without tint, specular and noise."""
    ones = np.ones_like(log_shading)
    return IntrinsicDecomposition(
        luma=ones,
        weight=ones,
        median=np.full(3, 0.4),
        median_luma=0.4,
        log_shading=log_shading,
        illuminant_tint=np.zeros((*log_shading.shape, 3), np.float32),
        specular=0 * ones,
        illuminant_color=np.ones(3),
        log_shading_quantiles=weighted_quantile(log_shading, ones, LOG_SHADING_QUANTILES),
        noise=0.0,
        paint_count=1,
        notes=(),
        pattern_removed=pattern_removed,
    )


def grey_image(log_shading: Array, luma: float = 0.4) -> Array:
    return np.repeat((luma * np.exp(log_shading))[..., None], 3, -1).astype(np.float32)


def waves() -> Array:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return (0.3 * np.sin(x / 7) + 0.3 * np.cos(y / 9)).astype(np.float32)


def transferred(
    change: Array,
    *,
    swatch: float = 0.05,
    expected_error: float = 5.0,
    pattern_removed: bool = False,
    gamut_effect: tuple[float, float] = (1.0, 1.0),
) -> Array:
    """Return the change of a wavy wall's log shading for a predicted change."""
    log_shading = waves()
    wall = grey_wall(log_shading - np.float32(np.median(log_shading)), pattern_removed)
    after = grey_image(wall.log_shading + change, 0.05)
    result, new_log_shading = shading_transfer.transfer_shading(
        wall, wall.log_shading, grey_image(wall.log_shading), after, np.full(3, swatch), expected_error, gamut_effect
    )
    assert np.array_equal(result.log_shading, new_log_shading)
    assert result.log_shading_quantiles == pytest.approx(np.quantile(new_log_shading, LOG_SHADING_QUANTILES), abs=1e-3)
    return new_log_shading - wall.log_shading


def test_small_change_is_applied_with_the_maximum_share() -> None:
    change = 0.15 * waves()
    np.testing.assert_allclose(
        transferred(change) - transferred(change).mean(),
        shading_transfer.MAX_SHARE * (change - change.mean()),
        atol=0.01,
    )


def test_contrast_change_is_limited() -> None:
    for factor in (2.0, 0.2):
        moved = waves() + transferred((factor - 1) * waves())
        low, high = (np.quantile(moved, q) for q in (0.05, 0.95))
        contrast = float(high - low) / shading_transfer.contrast_range(waves())
        lowest, highest = shading_transfer.CONTRAST_LIMITS
        assert lowest - 0.01 <= contrast <= highest + 0.01
        assert abs(contrast - 1) > 0.08


def test_gradient_change_is_limited_unless_a_pattern_was_removed() -> None:
    y, _ = np.mgrid[0:HEIGHT, 0:WIDTH]
    ripples = (0.3 * np.sin(y / 1.5)).astype(np.float32)
    old, new = waves(), waves() + transferred(ripples)
    pairs = [np.concatenate([np.diff(a, axis=i).ravel() for i in (0, 1)]) for a in (old, new)]
    assert np.corrcoef(*pairs)[0, 1] > shading_transfer.MIN_GRADIENT_CORRELATION - 0.02
    assert np.abs(transferred(ripples, pattern_removed=True)).std() > 2 * np.abs(transferred(ripples)).std()


def test_gradient_loss_by_gamut_mapping_reduces_the_share() -> None:
    y, _ = np.mgrid[0:HEIGHT, 0:WIDTH]
    ripples = (0.06 * np.sin(y / 3)).astype(np.float32)
    shares = [
        transferred(ripples, gamut_effect=(1.0, correlation)).std()
        for correlation in (1.0, 0.975, shading_transfer.MIN_FINAL_GRADIENT_CORRELATION)
    ]
    assert shares[0] > 1.2 * shares[1] > 0
    assert shares[2] == 0


def test_gradient_correlation() -> None:
    weight, y = np.ones((HEIGHT, WIDTH), np.float32), np.mgrid[0:HEIGHT, 0:WIDTH][0]
    assert shading_transfer.gradient_correlation(weight, waves(), 0.5 * waves() + 1) == pytest.approx(1, abs=0.01)
    assert shading_transfer.gradient_correlation(weight, waves(), -waves()) == 0
    assert 0.2 < shading_transfer.gradient_correlation(weight, waves(), waves() + 0.3 * np.sin(y / 3)) < 0.9
    assert shading_transfer.gradient_correlation(weight, waves(), 0 * waves()) == 1


def test_unreliable_prediction_or_present_colour_changes_nothing() -> None:
    change = 0.15 * waves()
    assert not transferred(change, expected_error=shading_transfer.TRUST_NONE_DELTA_E).any()
    assert not transferred(change, swatch=0.4).any()
    half = transferred(
        change, expected_error=(shading_transfer.TRUST_FULL_DELTA_E + shading_transfer.TRUST_NONE_DELTA_E) / 2
    )
    assert half.std() == pytest.approx(0.5 * transferred(change).std(), rel=0.02)


def test_predicted_second_paint_is_reduced(room: Room) -> None:
    half = np.where(np.arange(room.alpha.shape[1]) < room.alpha.shape[1] // 2, 0.8, 1.0)
    old = (rgb("#d9cfc0") * half[None, :, None]).astype(np.float32)
    two = make_room(old=np.broadcast_to(old, (*room.alpha.shape, 3)), shadow=0)
    scene = prepare(two.photo, {"wall": two.soft_mask})
    assert scene.walls["wall"].intrinsics.paint_count == 1
    transferred_codes = (
        with_light_model(scene, TwoPaintModel("#d9cfc0", 0.8)).repaint({"wall": NAVY}, match="swatch").codes
    )
    plain_codes = scene.repaint({"wall": NAVY}, painter=AnalyticPainter(use_model=False), match="swatch").codes
    truth = two.repainted_to_swatch(rgb(NAVY))
    with_transfer, without = (delta_e(codes, truth)[two.wall].mean() for codes in (transferred_codes, plain_codes))
    assert with_transfer < 0.97 * without


@pytest.mark.parametrize("color", [NAVY, SAGE, WHITE])
def test_swatch_is_exact_and_shading_preserved_for_any_prediction(room: Room, scene: Scene, color: str) -> None:
    inner = eroded(room.wall, 3)
    meter = ShadingMeter(room.photo, inner)
    without_model = meter.similarity(
        scene.repaint({"wall": color}, painter=AnalyticPainter(use_model=False), match="swatch").codes
    )
    for model in (
        FixedLightModel("#d9cfc0", shading_gain=0.5, interreflection=0.8),
        FixedLightModel("#504030", shading_gain=-0.5),
        TwoPaintModel("#d9cfc0", 0.3),
    ):
        result = with_light_model(scene, model).repaint({"wall": color}, match="swatch")
        assert delta_e(median(result.codes, room.wall), Paint.parse(color).rgb) <= 0.5
        similarity = meter.similarity(result.codes)
        assert similarity.correlation >= min(0.95, without_model.correlation - 0.03)
        assert min(0.8, 0.85 * without_model.contrast) <= similarity.contrast <= 1.25
        assert similarity.clipped <= 0.001
        assert (result.codes == room.photo)[far_outside(room.soft_mask)].all()


def test_swatch_match_without_a_reliable_model_is_the_formula(scene: Scene) -> None:
    plain = scene.repaint({"wall": NAVY}, painter=AnalyticPainter(use_model=False), match="swatch").codes
    assert np.array_equal(with_light_model(scene, None).repaint({"wall": NAVY}, match="swatch").codes, plain)
    unreliable = (
        with_light_model(scene, FixedLightModel("#504030", error=20.0)).repaint({"wall": NAVY}, match="swatch").codes
    )
    assert np.array_equal(unreliable, plain)


def test_repaint_is_deterministic(scene: Scene) -> None:
    first, second = (scene.repaint({"wall": SAGE}, match="swatch").codes for _ in range(2))
    assert np.array_equal(first, second)
