"""The camera: locked settings, honest noise, a clean picture that differs in noise alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support.synthetic_rooms import modes, radiance_of
from wallpaint.errors import ShapeError
from wallpaint.imaging.color import luminance, srgb_to_linear
from wallpaint.rooms.sets import camera
from wallpaint.rooms.sets.camera import Camera, Exposure

SIZE = (60, 80)
EXACT = Camera(
    contrast=0, shoulder=0, vignetting=0, bloom=0, glare=0, sharpening=0, tint_error=(0, 0, 0), exposure_error=0
)
PLAIN = Exposure(1.0, (1.0, 1.0, 1.0))


def scene(albedo: float = 0.5, tint: tuple[float, float, float] = (1, 1, 1)) -> np.ndarray:
    return (radiance_of(modes(SIZE), np.full(3, albedo)) / [1, 0.95, 0.85] * tint).astype(np.float32)


def grey(level: float) -> np.ndarray:
    return np.full((*SIZE, 3), level, np.float32)


def test_a_camera_without_character_encodes_srgb() -> None:
    light = scene() / scene().max() * 0.9
    np.testing.assert_allclose(srgb_to_linear(camera.develop(light, EXACT, PLAIN)), light, atol=1e-4)


def test_the_meter_does_not_care_how_bright_the_light_is() -> None:
    first, second = (camera.develop(k * scene(), EXACT, camera.meter(k * scene(), EXACT)) for k in (0.01, 30.0))
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_the_meter_exposes_to_its_key_and_spares_highlights() -> None:
    light = grey(0.03)
    assert camera.meter(light, replace(EXACT, key=0.2)).gain == pytest.approx(0.2 / 0.03, rel=2e-3)
    off = camera.meter(light, replace(EXACT, key=0.2, exposure_error=1.0))
    assert off.gain == pytest.approx(0.4 / 0.03, rel=2e-3)
    light[:, :12] = 3.0  # a window
    careless, careful = (camera.meter(light, replace(EXACT, protection=p)).gain for p in (0.0, 0.8))
    assert careful < 0.5 * careless


def test_metering_half_way_keeps_a_white_repaint_from_burning_out() -> None:
    dark, white = scene(0.04), scene(0.88)
    for light in (dark, white):
        light[:15] = scene(0.8)[:15]  # a ceiling
    alone = camera.develop(white, EXACT, camera.meter(dark, EXACT))
    locked = camera.develop(white, EXACT, camera.meter(camera.half_way(dark, white), EXACT))
    assert (alone > 0.999).all(-1).mean() > 0.5
    assert (locked > 0.999).all(-1).mean() < 0.1


@pytest.mark.parametrize("tint", [(1.6, 1.0, 0.5), (0.7, 1.0, 1.4)])
def test_white_balance_takes_out_a_part_of_the_tint(tint: tuple[float, float, float]) -> None:
    def left(correction: float) -> float:
        device = replace(EXACT, correction=correction)
        exposure = camera.meter(scene(tint=tint), device)
        seen = scene(tint=tint).mean((0, 1)) * exposure.white
        return float(abs(np.log(seen[0] / seen[2])))

    assert left(1.0) < 0.05
    assert left(1.0) < left(0.6) < left(0.0)
    assert left(0.0) == pytest.approx(abs(np.log(tint[0] / tint[2])), abs=1e-5)


def test_white_balance_leaves_the_luminance_of_grey() -> None:
    white = camera.meter(scene(tint=(1.6, 1.0, 0.5)), Camera()).white
    assert float(luminance(np.array(white))) == pytest.approx(1.0)


def test_tone_curves_rise_everywhere_and_end_in_range() -> None:
    ramp = np.repeat(np.concatenate([[0], np.geomspace(1e-4, 50, 400)])[:, None], 3, 1).astype(np.float32)
    for seed in range(20):
        curve = camera.tone(ramp, camera.sample(np.random.default_rng(seed)))[:, 0]
        assert curve[0] == 0
        assert (np.diff(curve) >= 0).all()
        assert 0.9 < curve[-1] <= 1


def test_vignetting_darkens_corners_as_told() -> None:
    seen = camera.expose(grey(0.5), replace(EXACT, vignetting=0.3), PLAIN)[..., 0]
    assert seen[30, 40] == pytest.approx(0.5, rel=1e-3)
    assert seen[0, 0] == pytest.approx(0.35, rel=0.02)


def test_glare_spreads_light_and_loses_none() -> None:
    light = grey(0.0)
    light[30, 40] = 1000.0
    seen = camera.expose(light, replace(EXACT, bloom=0.05, glare=0.05), PLAIN)
    assert seen.sum() == pytest.approx(light.sum(), rel=0.02)
    assert seen[30, 40, 0] < 930
    assert seen[5, 5].min() > 0


def test_noise_is_as_strong_as_photons_say() -> None:
    device = replace(EXACT, electrons=5000.0, read_noise=4.0, grain_px=0.0)
    for level in (0.02, 0.2, 0.8):
        photo = camera.develop(grey(level), device, PLAIN, np.random.default_rng(0))
        expected = np.sqrt(level / 5000 + (4 / 5000) ** 2)
        assert srgb_to_linear(photo).std() == pytest.approx(expected, rel=0.04)
        assert srgb_to_linear(photo).mean() == pytest.approx(level, rel=0.01)


def test_everything_but_noise_is_a_fixed_function() -> None:
    device = camera.sample(np.random.default_rng(3))
    exposure = camera.meter(scene(), device)
    clean = camera.develop(scene(), device, exposure)
    np.testing.assert_array_equal(clean, camera.develop(scene(), device, exposure))
    first, again, other = (camera.shoot(scene(), device, exposure, np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert first.dtype == np.uint8
    assert abs(first / 255.0 - clean).mean() < 0.05
    assert clean.min() >= 0
    assert clean.max() <= 1


def test_cameras_differ_and_come_again() -> None:
    drawn = [camera.sample(np.random.default_rng(seed)) for seed in range(50)]
    assert len(set(drawn)) == 50
    assert drawn[0] == camera.sample(np.random.default_rng(0))
    assert np.std([device.exposure_error for device in drawn]) == pytest.approx(0.35, abs=0.12)


def test_a_dark_scene_and_a_wrong_shape() -> None:
    exposure = camera.meter(grey(0.0), Camera())
    assert np.isfinite(exposure.gain)
    assert np.isfinite(camera.develop(grey(0.0), Camera(), exposure)).all()
    with pytest.raises(ShapeError, match="expected"):
        camera.expose(grey(0.1)[..., 0], Camera(), PLAIN)


def test_depth_is_inverse_and_near_is_white() -> None:
    depth = np.linspace(1.0, 8.0, 200)[None].repeat(20, 0)
    depth[0, :10] = 0.0  # a pane with nothing behind it
    picture = camera.controlnet_depth(depth)
    assert picture.dtype == np.uint8
    assert int(picture[1, 0]) == 255
    assert picture[1, -1] == 0
    assert (picture[0, :10] == 0).all()
    assert (np.diff(picture[1].astype(int)) <= 0).all()
    low, high = np.quantile(1 / depth[depth > 0], [0.02, 0.98])
    middle = np.argmin(abs(1 / depth[1] - (low + high) / 2))
    assert int(picture[1, middle]) == pytest.approx(128, abs=3)
    assert (camera.controlnet_depth(np.zeros((4, 4))) == 0).all()
    assert (camera.controlnet_depth(np.full((4, 4), 3.0)) == 128).all()
