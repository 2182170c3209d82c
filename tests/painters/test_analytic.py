"""The analytic painter at working size: the colour right, the light kept."""

import numpy as np
import pytest

from support.drawn_rooms import Room, make_room, rgb
from support.measures import codes_of, delta_e, linear
from wallpaint.painters import analytic
from wallpaint.painters.analytic import detail_gain, paint, quiet_shade
from wallpaint.scene.intrinsics import Shading, analyse

SRGB = np.eye(3)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
DISPLAY_P3 = np.linalg.inv([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]])


def taken_apart(room: Room, noise: float = 0.002) -> Shading:
    return analyse(linear(room.photo).astype(np.float32), room.wall.astype(np.float32), np.ones(3), noise)


@pytest.fixture(scope="module")
def shading(room: Room) -> Shading:
    return taken_apart(room)


def median_miss(painted: np.ndarray, room: Room, target: np.ndarray) -> float:
    return float(delta_e(codes_of(np.median(painted[room.wall], axis=0), 65535), codes_of(target, 65535)))


@pytest.mark.parametrize("color", ["#2b3a5c", "#7d9b84", "#b5654a", "#f4f1ea", "#101010", "#c00010", "#0030ff"])
def test_the_median_is_the_target(room: Room, shading: Shading, color: str) -> None:
    painted = paint(shading, rgb(color), SRGB)
    assert painted.shape == room.photo.shape
    assert painted.dtype == np.float32
    assert median_miss(painted, room, rgb(color)) < 0.5


@pytest.mark.parametrize("ways", [{"tint": 0.5}, {"tint": 0.4, "sun": 1.0, "old": "#b5654a"}], ids=str)
def test_the_median_is_the_target_in_coloured_light(ways: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the gamut cuts into one side of the wall, aiming at the target itself would miss it."""
    room = make_room(**ways)
    shading = taken_apart(room)
    assert median_miss(paint(shading, rgb("#f4f1ea"), SRGB), room, rgb("#f4f1ea")) < 0.5
    monkeypatch.setattr(analytic, "_aim", lambda shading, shade, goal, gamut: goal)
    assert median_miss(paint(shading, rgb("#f4f1ea"), SRGB), room, rgb("#f4f1ea")) > 0.5


def test_bright_paint_flattens_light_and_dark_paint_deepens_it(room: Room, shading: Shading) -> None:
    """As walls that light each other do; the median stays where it is."""
    assert analytic.shading_spread(0.1, 0.6) < 0.9 < 1.2 < analytic.shading_spread(0.6, 0.1)
    assert analytic.shading_spread(1e-6, 1.0) == analytic.SPREADS[0]
    plain, flat = (paint(shading, rgb("#7d9b84"), SRGB, spread=s)[room.wall] @ LUMINANCE for s in (1.0, 0.6))
    assert np.log(flat).std() == pytest.approx(0.6 * np.log(plain).std(), rel=0.05)
    assert np.median(flat) == pytest.approx(np.median(plain), rel=0.01)


def test_white_gloss_stays_white() -> None:
    """A reflection of the window on a blue wall lies over the red paint too, without its colour."""
    room = make_room(old="#1c2f6b", shadow=0, plaster=0)
    y, x = np.mgrid[0 : room.alpha.shape[0], 0 : room.alpha.shape[1]]
    bloom = 0.12 * np.exp(-((x - 230) ** 2 + (y - 60) ** 2) / (2 * 30.0**2))[..., None]
    photo = (linear(room.photo) + bloom).astype(np.float32)
    shading = analyse(photo, room.wall.astype(np.float32), np.ones(3), 0.005)
    painted = paint(shading, rgb("#4a1010"), SRGB)
    truth = rgb("#4a1010") * room.light / np.median(room.light[room.wall]) + bloom
    glossy = room.wall & (bloom[..., 0] > 0.06)
    assert glossy.sum() > 1000
    assert delta_e(codes_of(painted), codes_of(truth))[glossy].mean() < 4


@pytest.mark.parametrize("color", ["#ffffff", "#ffe000", "#00ff00", "#ff0000", "#000000", "#fdf6e3"])
@pytest.mark.parametrize("sun", [0.0, 0.7])
def test_painted_walls_stay_in_gamut(color: str, sun: float) -> None:
    shading = taken_apart(make_room(sun=sun, tint=0.3, old="#b5654a"))
    painted = paint(shading, rgb(color), SRGB)
    assert np.isfinite(painted).all()
    assert painted.min() >= -1e-3
    assert painted.max() <= 1 + 1e-3


def test_a_wider_file_holds_more() -> None:
    """A green outside sRGB comes out whole in Display P3, and paler in sRGB."""
    target = np.linalg.inv(DISPLAY_P3) @ np.array([0.05, 0.5, 0.05])
    assert target.min() < 0
    room = make_room(shadow=0.2)
    shading = taken_apart(room)
    wide, narrow = (paint(shading, target, gamut)[room.wall] for gamut in (DISPLAY_P3, SRGB))
    assert np.median(wide, axis=0) == pytest.approx(target, abs=0.01)
    assert narrow.min() >= -1e-3
    assert (wide @ DISPLAY_P3.T).min() >= -1e-3


@pytest.mark.parametrize("color", ["#2b3a5c", "#7d9b84", "#b5654a"])
def test_light_is_kept_as_it_is(room: Room, shading: Shading, color: str) -> None:
    """Where there is room for it, a painted wall is the paint times the same light."""
    painted = paint(shading, rgb(color), SRGB)
    truth = rgb(color) * room.light / np.median(room.light[room.wall], axis=0)
    off = delta_e(codes_of(painted, 65535), codes_of(truth, 65535))[room.wall]
    assert off.mean() < 0.6
    assert np.quantile(off, 0.99) < 2


def test_the_walls_own_color_changes_nothing(room: Room, shading: Shading) -> None:
    painted = paint(shading, shading.median, SRGB)
    assert delta_e(codes_of(painted), room.photo)[room.wall].mean() < 0.5


def test_a_tinted_light_tints_the_paint() -> None:
    room = make_room(tint=0.3)
    painted = paint(taken_apart(room), rgb("#9a9a9a"), SRGB)
    truth = rgb("#9a9a9a") * room.light / np.median(room.light[room.wall], axis=0)
    assert delta_e(codes_of(painted, 65535), codes_of(truth, 65535))[room.wall].mean() < 1.5


def test_brighter_places_stay_brighter(shading: Shading, room: Room) -> None:
    """Also where the tone curve has to bend: no step of the light is turned round."""
    painted = paint(shading, rgb("#fbf7ee"), SRGB) @ LUMINANCE
    order = np.argsort(shading.shade[room.wall])
    sorted_luma = painted[room.wall][order]
    assert (np.diff(sorted_luma[:: len(order) // 50]) > -0.004).all()


# -- noise


def with_noise(shading: Shading, noise: float, luma: float) -> Shading:
    return Shading(**{**vars(shading), "noise": noise, "median_luma": luma})


def test_detail_is_kept_by_darker_paint(shading: Shading) -> None:
    for noise in (0.0, 0.01, 0.1):
        assert detail_gain(with_noise(shading, noise, 0.4), 0.05) == 1


def test_brighter_paint_turns_noise_down(shading: Shading) -> None:
    noisy = with_noise(shading, 0.1, 0.02)
    gains = [detail_gain(noisy, luma) for luma in (0.02, 0.1, 0.3, 0.8)]
    assert gains[0] == 1
    assert gains == sorted(gains, reverse=True)
    assert 0 < gains[-1] < 0.5


def test_grain_on_the_finished_wall_is_no_stronger_in_lightness(shading: Shading) -> None:
    """gain x noise, seen in L*: at most what it was, or faint grain."""
    for noise, old, new in ((0.1, 0.02, 0.5), (0.05, 0.05, 0.8), (0.2, 0.01, 0.2)):
        gain = detail_gain(with_noise(shading, noise, old), new)
        before, after = (116 / 3 * noise * value ** (1 / 3) for value in (old, new))
        assert gain * after <= max(before, 0.9) + 1e-6


def test_a_quiet_photo_keeps_its_shade(shading: Shading) -> None:
    assert np.array_equal(quiet_shade(shading, 0.6), shading.shade)


def test_noise_is_smoothed_out_and_shadows_are_not() -> None:
    room, clean = make_room(old="#1b2436", noise=0.1), make_room(old="#1b2436")
    found, truth = taken_apart(room, noise=0.1), taken_apart(clean)
    quiet = quiet_shade(found, 0.6)
    before, after = (np.abs(shade - truth.shade)[room.wall].mean() for shade in (found.shade, quiet))
    assert after < 0.65 * before
