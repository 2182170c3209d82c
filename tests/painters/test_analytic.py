"""The analytic painter at working size: exact median, preserved shading."""

import numpy as np
import pytest

from support.drawn_rooms import Room, make_room, rgb
from support.measures import codes_of, delta_e, linear
from wallpaint.painters import analytic
from wallpaint.painters.analytic import denoised_log_shading, detail_gain, render_to_median
from wallpaint.scene.intrinsics import IntrinsicDecomposition, decompose

SRGB = np.eye(3)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
DISPLAY_P3 = np.linalg.inv([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]])


def decomposed(room: Room, noise: float = 0.002) -> IntrinsicDecomposition:
    return decompose(linear(room.photo).astype(np.float32), room.wall.astype(np.float32), np.ones(3), noise)


@pytest.fixture(scope="module")
def intrinsics(room: Room) -> IntrinsicDecomposition:
    return decomposed(room)


def median_error(painted: np.ndarray, room: Room, target: np.ndarray) -> float:
    return float(delta_e(codes_of(np.median(painted[room.wall], axis=0), 65535), codes_of(target, 65535)))


@pytest.mark.parametrize("color", ["#2b3a5c", "#7d9b84", "#b5654a", "#f4f1ea", "#101010", "#c00010", "#0030ff"])
def test_median_is_the_target(room: Room, intrinsics: IntrinsicDecomposition, color: str) -> None:
    painted = render_to_median(intrinsics, rgb(color), SRGB)
    assert painted.shape == room.photo.shape
    assert painted.dtype == np.float32
    assert median_error(painted, room, rgb(color)) < 0.5


@pytest.mark.parametrize("options", [{"tint": 0.5}, {"tint": 0.4, "sun": 1.0, "old": "#b5654a"}], ids=str)
def test_median_is_the_target_in_coloured_light(options: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the gamut limits one side of the wall, rendering with the target itself would miss it."""
    room = make_room(**options)
    intrinsics = decomposed(room)
    assert median_error(render_to_median(intrinsics, rgb("#f4f1ea"), SRGB), room, rgb("#f4f1ea")) < 0.5
    monkeypatch.setattr(analytic, "_solve_target", lambda intrinsics, log_shading, goal, *_: goal)
    assert median_error(render_to_median(intrinsics, rgb("#f4f1ea"), SRGB), room, rgb("#f4f1ea")) > 0.5


def test_shading_gain_falls_for_bright_paint_and_rises_for_dark_paint(
    room: Room, intrinsics: IntrinsicDecomposition
) -> None:
    """As interreflection does; the median does not change."""
    assert analytic.shading_gain(0.1, 0.6) < 0.9 < 1.2 < analytic.shading_gain(0.6, 0.1)
    assert analytic.shading_gain(1e-6, 1.0) == analytic.SHADING_GAIN_LIMITS[0]
    plain, flat = (
        render_to_median(intrinsics, rgb("#7d9b84"), SRGB, gain=g)[room.wall] @ LUMINANCE for g in (1.0, 0.6)
    )
    assert np.log(flat).std() == pytest.approx(0.6 * np.log(plain).std(), rel=0.05)
    assert np.median(flat) == pytest.approx(np.median(plain), rel=0.01)


def test_white_reflection_stays_white() -> None:
    """The reflection of a window on a blue wall is uncoloured on red paint too."""
    room = make_room(old="#1c2f6b", shadow=0, plaster=0)
    y, x = np.mgrid[0 : room.alpha.shape[0], 0 : room.alpha.shape[1]]
    bloom = 0.12 * np.exp(-((x - 230) ** 2 + (y - 60) ** 2) / (2 * 30.0**2))[..., None]
    photo = (linear(room.photo) + bloom).astype(np.float32)
    intrinsics = decompose(photo, room.wall.astype(np.float32), np.ones(3), 0.005)
    painted = render_to_median(intrinsics, rgb("#4a1010"), SRGB)
    truth = rgb("#4a1010") * room.light / np.median(room.light[room.wall]) + bloom
    glossy = room.wall & (bloom[..., 0] > 0.06)
    assert glossy.sum() > 1000
    assert delta_e(codes_of(painted), codes_of(truth))[glossy].mean() < 4


@pytest.mark.parametrize("color", ["#ffffff", "#ffe000", "#00ff00", "#ff0000", "#000000", "#fdf6e3"])
@pytest.mark.parametrize("sun", [0.0, 0.7])
def test_painted_wall_is_inside_the_gamut(color: str, sun: float) -> None:
    intrinsics = decomposed(make_room(sun=sun, tint=0.3, old="#b5654a"))
    painted = render_to_median(intrinsics, rgb(color), SRGB)
    assert np.isfinite(painted).all()
    assert painted.min() >= -1e-3
    assert painted.max() <= 1 + 1e-3


def test_wide_gamut_file_keeps_a_saturated_colour() -> None:
    """A green outside sRGB is exact in Display P3, and paler in sRGB."""
    target = np.linalg.inv(DISPLAY_P3) @ np.array([0.05, 0.5, 0.05])
    assert target.min() < 0
    room = make_room(shadow=0.2)
    intrinsics = decomposed(room)
    wide, narrow = (render_to_median(intrinsics, target, gamut)[room.wall] for gamut in (DISPLAY_P3, SRGB))
    assert np.median(wide, axis=0) == pytest.approx(target, abs=0.01)
    assert narrow.min() >= -1e-3
    assert (wide @ DISPLAY_P3.T).min() >= -1e-3


@pytest.mark.parametrize("color", ["#2b3a5c", "#7d9b84", "#b5654a"])
def test_painted_wall_is_the_paint_times_the_light(room: Room, intrinsics: IntrinsicDecomposition, color: str) -> None:
    """Where the headroom suffices."""
    painted = render_to_median(intrinsics, rgb(color), SRGB)
    truth = rgb(color) * room.light / np.median(room.light[room.wall], axis=0)
    error = delta_e(codes_of(painted, 65535), codes_of(truth, 65535))[room.wall]
    assert error.mean() < 0.6
    assert np.quantile(error, 0.99) < 2


def test_present_colour_changes_nothing(room: Room, intrinsics: IntrinsicDecomposition) -> None:
    painted = render_to_median(intrinsics, intrinsics.median, SRGB)
    assert delta_e(codes_of(painted), room.photo)[room.wall].mean() < 0.5


def test_tinted_light_tints_the_paint() -> None:
    room = make_room(tint=0.3)
    painted = render_to_median(decomposed(room), rgb("#9a9a9a"), SRGB)
    truth = rgb("#9a9a9a") * room.light / np.median(room.light[room.wall], axis=0)
    assert delta_e(codes_of(painted, 65535), codes_of(truth, 65535))[room.wall].mean() < 1.5


def test_painted_luminance_is_monotonic_in_shading(intrinsics: IntrinsicDecomposition, room: Room) -> None:
    """Also where the tone curve compresses."""
    painted = render_to_median(intrinsics, rgb("#fbf7ee"), SRGB) @ LUMINANCE
    order = np.argsort(intrinsics.log_shading[room.wall])
    sorted_luma = painted[room.wall][order]
    assert (np.diff(sorted_luma[:: len(order) // 50]) > -0.004).all()


# -- noise


def with_noise(intrinsics: IntrinsicDecomposition, noise: float, luma: float) -> IntrinsicDecomposition:
    return IntrinsicDecomposition(**{**vars(intrinsics), "noise": noise, "median_luma": luma})


def test_darker_paint_keeps_all_detail(intrinsics: IntrinsicDecomposition) -> None:
    for noise in (0.0, 0.01, 0.1):
        assert detail_gain(with_noise(intrinsics, noise, 0.4), 0.05) == 1


def test_brighter_paint_reduces_detail(intrinsics: IntrinsicDecomposition) -> None:
    noisy = with_noise(intrinsics, 0.1, 0.02)
    gains = [detail_gain(noisy, luma) for luma in (0.02, 0.1, 0.3, 0.8)]
    assert gains[0] == 1
    assert gains == sorted(gains, reverse=True)
    assert 0 < gains[-1] < 0.5


def test_detail_gain_limits_grain_in_lightness(intrinsics: IntrinsicDecomposition) -> None:
    """gain x noise in L* is at most the previous noise, or faint grain."""
    for noise, old, new in ((0.1, 0.02, 0.5), (0.05, 0.05, 0.8), (0.2, 0.01, 0.2)):
        gain = detail_gain(with_noise(intrinsics, noise, old), new)
        before, after = (116 / 3 * noise * value ** (1 / 3) for value in (old, new))
        assert gain * after <= max(before, 0.9) + 1e-6


def test_noiseless_photo_keeps_its_log_shading(intrinsics: IntrinsicDecomposition) -> None:
    assert np.array_equal(denoised_log_shading(intrinsics, 0.6), intrinsics.log_shading)


def test_denoising_reduces_the_error_of_log_shading() -> None:
    room, clean = make_room(old="#1b2436", noise=0.1), make_room(old="#1b2436")
    noisy, truth = decomposed(room, noise=0.1), decomposed(clean)
    candidates = noisy.log_shading, denoised_log_shading(noisy, 0.6)
    before, after = (np.abs(log_shading - truth.log_shading)[room.wall].mean() for log_shading in candidates)
    assert after < 0.65 * before
