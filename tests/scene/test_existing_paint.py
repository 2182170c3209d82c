"""Homogenization of walls in two paints and patterned walls; light is left unchanged."""

import cv2
import numpy as np
import pytest

from support.drawn_rooms import Room, make_room, rgb
from support.measures import delta_e, linear, luminance, median
from wallpaint.pipeline.repaint import repaint
from wallpaint.scene.existing_paint import HomogenizedWall, homogenize

SIZE = (240, 320)


def homogenized(room: Room, mode: str = "auto") -> HomogenizedWall:
    return homogenize(linear(room.photo).astype(np.float32), room.wall.astype(np.float32), mode)


def halves(left: str, right: str, at: int = 150) -> np.ndarray:
    albedo = np.empty((*SIZE, 3))
    albedo[:, :at], albedo[:, at:] = rgb(left), rgb(right)
    return cv2.GaussianBlur(albedo, (0, 0), 0.7)


def stripes(period: int = 12, light: str = "#d9cfc0", dark: str = "#a0907c") -> np.ndarray:
    return np.where((np.arange(SIZE[1]) // (period // 2) % 2)[None, :, None], rgb(light), rgb(dark)) * np.ones(
        (*SIZE, 1)
    )


@pytest.mark.parametrize(
    "room",
    [
        make_room(),
        make_room(sun=0.5),
        make_room(sun=1.2, tint=0.3),
        make_room(plaster=0.03, noise=0.02),
        make_room(old="#2b3a5c", noise=0.03),
        make_room(old="#b5654a", shadow=0.8),
        make_room(old="#ffffff", sun=0.5),
    ],
    ids=["plain", "sun", "strong sun", "rough", "dark noisy", "deep shadow", "white"],
)
def test_light_and_plaster_are_left_unchanged(room: Room) -> None:
    result = homogenized(room)
    assert result.paint_count == 1
    assert not result.patterned
    assert np.array_equal(result.rgb, linear(room.photo).astype(np.float32))


@pytest.mark.parametrize(("old", "sun"), [("#d9b070", 2.0), ("#b5654a", 3.0), ("#d9cfc0", 3.0)])
def test_overexposed_sun_patch_is_not_another_paint(old: str, sun: float) -> None:
    """A clipped patch loses its colour."""
    room = make_room(old=old, sun=sun, shadow=0.3)
    clipped = room.wall & (room.photo.max(-1) == 255)
    assert clipped.sum() > 3000
    assert homogenized(room).paint_count == 1
    painted = luminance(repaint(room.photo, room.soft_mask, "#2b3a5c", match="swatch").codes)
    assert painted[clipped].mean() > 2 * np.median(painted[room.wall])


def test_warm_sun_patch_on_a_cool_wall_is_not_another_paint() -> None:
    room = make_room(sun=0.0, shadow=0)
    light = linear(room.photo)
    patch = np.zeros(SIZE, np.float32)
    patch[20:90, 20:90] = 1
    patch = cv2.GaussianBlur(patch, (0, 0), 0.8)[..., None]
    sunlit = light * (1 + patch * (np.array([1.5, 1.3, 0.9]) - 0.4))
    result = homogenize(sunlit.astype(np.float32), room.wall.astype(np.float32))
    assert result.paint_count == 1


@pytest.mark.parametrize(("left", "right"), [("#d9cfc0", "#5f8a5c"), ("#8c3b30", "#d9cfc0"), ("#3d5a8a", "#c9a23b")])
def test_two_paints_are_unified(left: str, right: str) -> None:
    room = make_room(old=halves(left, right), shadow=0)
    result = homogenized(room)
    assert result.paint_count == 2
    assert "2 existing paints" in result.notes[0]
    # Divided by the light, both halves have the same albedo.
    albedo = result.rgb / room.light
    inner = room.wall.copy()
    inner[:, 140:160] = False
    one, other = (np.median(albedo[:, s][inner[:, s]], axis=0) for s in (slice(0, 140), slice(160, None)))
    assert one == pytest.approx(other, rel=0.12)


def test_no_seam_remains_between_two_paints_after_a_repaint() -> None:
    room = make_room(old=halves("#d9cfc0", "#5f8a5c"), shadow=0, plaster=0)
    result = repaint(room.photo, room.soft_mask, "#7d9b84", match="swatch")
    truth = room.repainted_to_swatch(rgb("#7d9b84"))
    band = room.wall.copy()
    band[:, :140] = band[:, 160:] = False
    error = delta_e(result.codes, truth)[band]
    assert np.quantile(error, 0.99) < 2
    assert error.max() < 6
    sides = [
        median(result.codes[30:100, s].reshape(-1, 3), np.ones(70 * 40, bool))
        for s in (slice(100, 140), slice(160, 200))
    ]
    true_sides = [
        median(truth[30:100, s].reshape(-1, 3), np.ones(70 * 40, bool)) for s in (slice(100, 140), slice(160, 200))
    ]
    assert delta_e(*sides) - delta_e(*true_sides) < 2


def test_plain_mode_keeps_the_difference_of_two_paints() -> None:
    room = make_room(old=halves("#d9cfc0", "#5f8a5c"))
    result = homogenized(room, "plain")
    assert (result.paint_count, result.patterned, result.notes) == (1, False, ())
    assert np.array_equal(result.rgb, linear(room.photo).astype(np.float32))


@pytest.mark.parametrize(
    "albedo",
    [stripes(), stripes(8), stripes(12, "#d9cfc0", "#c0a0c8"), stripes()[:, ::-1].swapaxes(0, 1)[:240, :320]],
    ids=["stripes", "fine", "coloured", "turned"],
)
def test_wallpaper_is_detected_and_removed(albedo: np.ndarray) -> None:
    albedo = np.resize(albedo, (*SIZE, 3)) if albedo.shape[:2] != SIZE else albedo
    room = make_room(old=albedo)
    result = homogenized(room)
    assert result.patterned
    assert "patterned" in result.notes[0]
    inner = cv2.erode(room.wall.astype(np.uint8), np.ones((25, 25))) > 0
    ripple = np.log(result.rgb / cv2.blur(result.rgb, (25, 25)))[inner].std()
    ripple_before = np.log(linear(room.photo) / cv2.blur(linear(room.photo), (25, 25)))[inner].std()
    assert ripple < 0.2 * ripple_before


def test_patterned_mode_adds_no_note() -> None:
    result = homogenized(make_room(), "patterned")
    assert result.patterned
    assert result.notes == ()


def test_removing_a_pattern_keeps_the_light_and_the_mean_albedo() -> None:
    albedo = stripes()
    striped = make_room(old=albedo)
    remaining = homogenized(striped).rgb / striped.light
    inner = cv2.erode(striped.wall.astype(np.uint8), np.ones((25, 25))) > 0
    assert remaining[inner].mean(0) == pytest.approx(albedo.mean((0, 1)), rel=0.03)
    assert (remaining[inner].std(0) / remaining[inner].mean(0) < 0.06).all()


def test_sharp_brightness_step_is_treated_as_light_with_a_note() -> None:
    """A shadow edge and two greys are indistinguishable in a photo."""
    room = make_room(old=halves("#d0d0d0", "#7a7a7a"), shadow=0)
    result = homogenized(room)
    assert result.paint_count == 1
    assert "`walls`" in result.notes[0]
