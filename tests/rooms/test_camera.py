"""The camera model: metering, tone curve, lens effects and noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support.synthetic_rooms import make_modes, radiance_of
from wallpaint.errors import ShapeError
from wallpaint.imaging.color import luminance, srgb_to_linear
from wallpaint.rooms.sets import camera
from wallpaint.rooms.sets.camera import Exposure, PhoneCamera

SIZE = (60, 80)
NEUTRAL = PhoneCamera(
    contrast=0, shoulder=0, vignetting=0, bloom=0, glare=0, sharpening=0, tint_error=(0, 0, 0), exposure_error=0
)
UNIT_EXPOSURE = Exposure(1.0, (1.0, 1.0, 1.0))


def scene(albedo: float = 0.5, tint: tuple[float, float, float] = (1, 1, 1)) -> np.ndarray:
    return (radiance_of(make_modes(SIZE), np.full(3, albedo)) / [1, 0.95, 0.85] * tint).astype(np.float32)


def grey(level: float) -> np.ndarray:
    return np.full((*SIZE, 3), level, np.float32)


def test_neutral_camera_encodes_srgb() -> None:
    light = scene() / scene().max() * 0.9
    np.testing.assert_allclose(srgb_to_linear(camera.develop(light, NEUTRAL, UNIT_EXPOSURE)), light, atol=1e-4)


def test_metering_is_independent_of_brightness() -> None:
    first, second = (camera.develop(k * scene(), NEUTRAL, camera.meter(k * scene(), NEUTRAL)) for k in (0.01, 30.0))
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_meter_exposes_to_key_and_protects_highlights() -> None:
    light = grey(0.03)
    assert camera.meter(light, replace(NEUTRAL, key=0.2)).gain == pytest.approx(0.2 / 0.03, rel=2e-3)
    off = camera.meter(light, replace(NEUTRAL, key=0.2, exposure_error=1.0))
    assert off.gain == pytest.approx(0.4 / 0.03, rel=2e-3)
    light[:, :12] = 3.0  # a window
    careless, careful = (camera.meter(light, replace(NEUTRAL, highlight_protection=p)).gain for p in (0.0, 0.8))
    assert careful < 0.5 * careless


def test_metering_on_both_images_keeps_a_white_repaint_from_clipping() -> None:
    dark, white = scene(0.04), scene(0.88)
    for light in (dark, white):
        light[:15] = scene(0.8)[:15]  # a ceiling
    metered_on_dark = camera.develop(white, NEUTRAL, camera.meter(dark, NEUTRAL))
    metered_on_both = camera.develop(white, NEUTRAL, camera.meter(camera.geometric_mean(dark, white), NEUTRAL))
    assert (metered_on_dark > 0.999).all(-1).mean() > 0.5
    assert (metered_on_both > 0.999).all(-1).mean() < 0.1


@pytest.mark.parametrize("tint", [(1.6, 1.0, 0.5), (0.7, 1.0, 1.4)])
def test_white_balance_removes_a_part_of_the_tint(tint: tuple[float, float, float]) -> None:
    def residual(white_balance_strength: float) -> float:
        phone = replace(NEUTRAL, white_balance_strength=white_balance_strength)
        exposure = camera.meter(scene(tint=tint), phone)
        exposed = scene(tint=tint).mean((0, 1)) * exposure.white
        return float(abs(np.log(exposed[0] / exposed[2])))

    assert residual(1.0) < 0.05
    assert residual(1.0) < residual(0.6) < residual(0.0)
    assert residual(0.0) == pytest.approx(abs(np.log(tint[0] / tint[2])), abs=1e-5)


def test_white_balance_preserves_the_luminance_of_grey() -> None:
    white = camera.meter(scene(tint=(1.6, 1.0, 0.5)), PhoneCamera()).white
    assert float(luminance(np.array(white))) == pytest.approx(1.0)


def test_tone_curves_are_monotonic_and_end_in_range() -> None:
    ramp = np.repeat(np.concatenate([[0], np.geomspace(1e-4, 50, 400)])[:, None], 3, 1).astype(np.float32)
    for seed in range(20):
        curve = camera.tone_curve(ramp, camera.sample(np.random.default_rng(seed)))[:, 0]
        assert curve[0] == 0
        assert (np.diff(curve) >= 0).all()
        assert 0.9 < curve[-1] <= 1


def test_vignetting_darkens_corners_by_its_value() -> None:
    exposed = camera.expose(grey(0.5), replace(NEUTRAL, vignetting=0.3), UNIT_EXPOSURE)[..., 0]
    assert exposed[30, 40] == pytest.approx(0.5, rel=1e-3)
    assert exposed[0, 0] == pytest.approx(0.35, rel=0.02)


def test_glare_conserves_light() -> None:
    light = grey(0.0)
    light[30, 40] = 1000.0
    exposed = camera.expose(light, replace(NEUTRAL, bloom=0.05, glare=0.05), UNIT_EXPOSURE)
    assert exposed.sum() == pytest.approx(light.sum(), rel=0.02)
    assert exposed[30, 40, 0] < 930
    assert exposed[5, 5].min() > 0


def test_noise_level_matches_photon_and_read_noise() -> None:
    phone = replace(NEUTRAL, electrons=5000.0, read_noise=4.0, grain_px=0.0)
    for level in (0.02, 0.2, 0.8):
        photo = camera.develop(grey(level), phone, UNIT_EXPOSURE, np.random.default_rng(0))
        expected = np.sqrt(level / 5000 + (4 / 5000) ** 2)
        assert srgb_to_linear(photo).std() == pytest.approx(expected, rel=0.04)
        assert srgb_to_linear(photo).mean() == pytest.approx(level, rel=0.01)


def test_everything_but_noise_is_deterministic() -> None:
    phone = camera.sample(np.random.default_rng(3))
    exposure = camera.meter(scene(), phone)
    clean = camera.develop(scene(), phone, exposure)
    np.testing.assert_array_equal(clean, camera.develop(scene(), phone, exposure))
    first, again, other = (camera.capture(scene(), phone, exposure, np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert first.dtype == np.uint8
    assert abs(first / 255.0 - clean).mean() < 0.05
    assert clean.min() >= 0
    assert clean.max() <= 1


def test_sampled_cameras_differ_and_are_reproducible() -> None:
    cameras = [camera.sample(np.random.default_rng(seed)) for seed in range(50)]
    assert len(set(cameras)) == 50
    assert cameras[0] == camera.sample(np.random.default_rng(0))
    assert np.std([phone.exposure_error for phone in cameras]) == pytest.approx(0.35, abs=0.12)


def test_black_scene_gives_finite_image_and_wrong_shape_is_rejected() -> None:
    exposure = camera.meter(grey(0.0), PhoneCamera())
    assert np.isfinite(exposure.gain)
    assert np.isfinite(camera.develop(grey(0.0), PhoneCamera(), exposure)).all()
    with pytest.raises(ShapeError, match="expected"):
        camera.expose(grey(0.1)[..., 0], PhoneCamera(), UNIT_EXPOSURE)


def test_controlnet_depth_is_inverse_and_near_is_white() -> None:
    depth = np.linspace(1.0, 8.0, 200)[None].repeat(20, 0)
    depth[0, :10] = 0.0  # no hit
    image = camera.controlnet_depth(depth)
    assert image.dtype == np.uint8
    assert int(image[1, 0]) == 255
    assert image[1, -1] == 0
    assert (image[0, :10] == 0).all()
    assert (np.diff(image[1].astype(int)) <= 0).all()
    low, high = np.quantile(1 / depth[depth > 0], [0.02, 0.98])
    middle = np.argmin(abs(1 / depth[1] - (low + high) / 2))
    assert int(image[1, middle]) == pytest.approx(128, abs=3)
    assert (camera.controlnet_depth(np.zeros((4, 4))) == 0).all()
    assert (camera.controlnet_depth(np.full((4, 4), 3.0)) == 128).all()


HDR = replace(NEUTRAL, shadow_lift=0.5, highlight_compression=0.6, halo=0.5)


def window_scene() -> np.ndarray:
    light = grey(0.1)
    light[:, :20] = 0.01  # a dark corner
    light[15:45, 50:70] = 5.0  # a window
    return light


def test_local_tone_mapping_lifts_shadows_and_compresses_highlights() -> None:
    light = window_scene()
    exposure = camera.meter(light, HDR)
    assert exposure.gain_map is not None
    assert exposure.gain_map[30, 5] > 1.3 * exposure.gain_map[5, 35] > 1.3 * 1.3 * exposure.gain_map[30, 60]
    global_exposure = replace(exposure, gain_map=None)
    local, plain = (camera.develop(light, HDR, metered) for metered in (exposure, global_exposure))
    assert local[30, 5].mean() > plain[30, 5].mean() + 0.03
    assert camera.meter(light, NEUTRAL).gain_map is None


def test_halo_darkens_the_wall_around_a_window() -> None:
    light = window_scene()
    gains = {halo: camera.meter(light, replace(HDR, halo=halo)).gain_map for halo in (0.0, 1.0)}
    near, far = (30, 47), (4, 30)
    relative = {halo: float(gain[near] / gain[far]) for halo, gain in gains.items() if gain is not None}
    assert relative[1.0] < 0.75
    assert relative[1.0] < relative[0.0] - 0.1


def test_gain_map_is_smooth_and_keeps_small_patterns() -> None:
    """The map of a metered pair is applied to both images, so it must not contain the pattern of the old wall."""
    rng = np.random.default_rng(0)
    pattern = np.exp(0.3 * rng.standard_normal((*SIZE, 1))).astype(np.float32) * grey(0.1)
    gain = camera.meter(pattern, replace(HDR, halo=0.3)).gain_map
    assert gain is not None
    assert np.log(gain).std() < 0.12 * np.log(pattern).std()
    steps = [np.diff(np.log(np.squeeze(image)), axis=1).std() for image in (gain, pattern[..., 0])]
    assert steps[0] < 0.06 * steps[1]


def test_both_images_of_a_pair_share_one_gain_map() -> None:
    old, new = scene(0.1), scene(0.6)
    exposure = camera.meter(camera.geometric_mean(old, new), HDR)
    assert exposure.gain_map is not None
    first, second = (
        srgb_to_linear(camera.develop(light, HDR, replace(exposure, gain=0.2 * exposure.gain))) for light in (old, new)
    )
    usable = (second.max(-1) < 0.95) & (first.min(-1) > 0.002)
    assert usable.mean() > 0.5
    np.testing.assert_allclose((second / first)[usable], (new / old)[usable], rtol=0.02)


def test_saturation_scales_chroma_and_keeps_grey_and_luminance() -> None:
    exposure = replace(
        camera.meter(grey(0.2), HDR), gain=1.0, white=(1.0, 1.0, 1.0), gain_map=np.ones(SIZE, np.float32)
    )
    vivid = replace(HDR, saturation=1.5)
    np.testing.assert_allclose(srgb_to_linear(camera.develop(grey(0.2), vivid, exposure)), 0.2, atol=1e-4)
    colour = (grey(0.2) * [1.2, 1.0, 0.7]).astype(np.float32)
    plain, strong = (srgb_to_linear(camera.develop(colour, phone, exposure)) for phone in (HDR, vivid))
    assert strong.std(-1).mean() == pytest.approx(1.5 * plain.std(-1).mean(), rel=1e-3)
    assert float(luminance(strong).mean()) == pytest.approx(float(luminance(plain).mean()), rel=1e-3)


def test_gain_map_of_another_size_is_rejected() -> None:
    with pytest.raises(ShapeError, match="gain map"):
        camera.develop(scene()[:-1], HDR, camera.meter(scene(), HDR))


def test_sampled_hdr_cameras_are_hdr() -> None:
    base = camera.sample(np.random.default_rng(1))
    phone = camera.sample_hdr(np.random.default_rng(2), base)
    assert phone.is_hdr
    assert not base.is_hdr
    assert phone.saturation > 1
    assert phone.tint_error == base.tint_error
