"""Illuminant estimates: exact with a hint, approximate without."""

import numpy as np
import pytest

import wallpaint
from support.drawn_rooms import WHITE_ALBEDO, Room, make_room, rgb
from support.measures import lab, linear
from wallpaint.errors import InputError
from wallpaint.light.illuminant import (
    Illuminant,
    estimate_illuminant,
    illuminant_from_albedo,
    illuminant_from_white_point,
)
from wallpaint.painters.analytic import AnalyticPainter

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
SCENERY = (np.full((40, 40, 3), 0.3, np.float32), np.pad(np.ones((20, 40), np.float32), ((0, 20), (0, 0))))


def true_white(room: Room) -> np.ndarray:
    """Return the median colour of a white wall in this room."""
    return np.median(room.light[room.wall], axis=0)


def estimated(room: Room, **hints: object) -> Illuminant:
    return wallpaint.prepare(room.photo, {"wall": room.soft_mask}, **hints).walls["wall"].illuminant


def log_luminance_error(light: Illuminant, room: Room) -> float:
    """Return the natural log of estimated over true luminance."""
    return float(np.log(LUMINANCE @ np.array(light.white) / (LUMINANCE @ true_white(room))))


def chroma_error(light: Illuminant, room: Room) -> float:
    """Return the distance in CIELAB a, b at the same medium lightness."""
    a, b = (
        lab(255 * (0.2 * np.asarray(white) / (LUMINANCE @ np.asarray(white))) ** (1 / 2.2))
        for white in (light.white, true_white(room))
    )
    return float(np.hypot(*(a - b)[1:]))


def test_appearance_is_albedo_times_light() -> None:
    light = Illuminant((0.9, 0.7, 0.5), 0.5, ("a test",))
    assert light.appearance(np.array([0.5, 0.2, 1.0])) == pytest.approx([0.45, 0.14, 0.5])


def test_to_dict_rounds_values() -> None:
    assert Illuminant((0.9, 0.7, 1 / 3), 0.333, ("a test",)).to_dict() == {
        "white_linear": [0.9, 0.7, 0.3333],
        "confidence": 0.33,
        "anchors": ["a test"],
    }


@pytest.mark.parametrize("old", ["#ffffff", "#d9cfc0", "#2b3a5c", "#b5654a"])
def test_old_color_recovers_the_true_light(old: str) -> None:
    """Exact up to the photo's rounding."""
    room = make_room(old=old, tint=0.2)
    light = estimated(room, old_color=old)
    assert light.white == pytest.approx(tuple(true_white(room)), rel=0.04)
    assert light.confidence > 0.8


def test_illuminant_from_albedo_divides_median_by_albedo() -> None:
    light = illuminant_from_albedo(*SCENERY, np.array([0.3, 0.2, 0.1]), np.array([0.6, 0.5, 0.4]))
    assert light.white == pytest.approx((0.5, 0.4, 0.25))


def test_black_old_color_gives_finite_white() -> None:
    assert np.isfinite(illuminant_from_albedo(*SCENERY, np.array([0.01, 0.01, 0.01]), np.zeros(3)).white).all()


def test_interreflection_amplifies_differences_of_albedo() -> None:
    """The existing paint keeps its colour; a brighter one gains light, a darker one loses light."""
    light = Illuminant((0.6, 0.6, 0.6), 0.5, ("a test",), wall_albedo=(0.4, 0.4, 0.4), bounce=0.5)
    assert light.appearance(np.full(3, 0.4)) == pytest.approx(np.full(3, 0.24))
    assert light.appearance(np.full(3, 0.8)) == pytest.approx(np.full(3, 0.48 * 0.8 / 0.6))
    assert light.appearance(np.full(3, 0.1)) == pytest.approx(np.full(3, 0.06 * 0.8 / 0.95))


def test_tone_curve_contrast_spreads_paints() -> None:
    light = Illuminant((0.6, 0.6, 0.6), 0.5, ("a test",), wall_albedo=(0.4, 0.4, 0.4), contrast=1.2)
    assert light.appearance(np.full(3, 0.4)) == pytest.approx(np.full(3, 0.24))
    assert light.appearance(np.full(3, 0.1)) == pytest.approx(np.full(3, 0.24 * 0.25**1.2))


def test_white_point_recovers_the_true_light() -> None:
    room = make_room(tint=0.3)
    board = np.argwhere((room.alpha == 0) & (np.abs(room.background / room.light - WHITE_ALBEDO).max(-1) < 1e-6))
    y, x = board[len(board) // 2]
    assert not room.alpha[y - 1 : y + 2, x - 1 : x + 2].any()
    light = estimated(room, white=(int(x), int(y)))
    assert light.white == pytest.approx(tuple(room.light[y, x]), rel=0.05)
    assert light.confidence > 0.5
    assert f"{x},{y}" in light.anchors[0]


@pytest.mark.parametrize(("value", "reason"), [(1.0, "overexposed"), (0.01, "nearly black")])
def test_clipped_or_dark_white_point_is_rejected(value: float, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        illuminant_from_white_point(*SCENERY, np.full(3, 0.2), np.full((25, 3), value), "3,4")


@pytest.mark.parametrize("point", [(320, 10), (10, 240), (-1, 5)])
def test_white_point_outside_the_photo_is_rejected(room: Room, point: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=r"outside the photo, which is 320 wide and 240 high"):
        estimated(room, white=point)


@pytest.mark.parametrize("old", ["#ffffff", "#d9cfc0", "#8a8f98", "#2b3a5c", "#b5654a"])
@pytest.mark.parametrize("tint", [0.0, 0.3])
def test_estimate_without_hints_is_near_the_true_light(old: str, tint: float) -> None:
    """In this synthetic room, unlike those of the fit: within a factor of 2.5, and of similar hue."""
    room = make_room(old=old, tint=tint)
    light = estimated(room)
    assert abs(log_luminance_error(light, room)) <= np.log(2.5)
    assert chroma_error(light, room) <= 8
    assert 0 <= light.confidence <= 1


def test_estimated_white_is_at_least_as_bright_as_the_wall() -> None:
    wall = np.full((40, 40, 3), 0.8)
    wall[30:] = 0.2
    weight = np.zeros((40, 40))
    weight[:30] = 1
    assert LUMINANCE @ np.array(estimate_illuminant(wall, weight, np.full(3, 0.8)).white) >= 0.8


def test_confidence_is_low_without_neutral_surfaces() -> None:
    image = np.broadcast_to(rgb("#0000c0"), (40, 40, 3)).copy()
    weight = np.zeros((40, 40))
    weight[:20] = 1
    light = estimate_illuminant(image, weight, np.full(3, 0.3))
    assert light.confidence <= 0.2
    assert light.anchors[0] == "no near-neutral surface in the photo"
    assert all(0.3 < white < 1.2 for white in light.white)


def test_overexposed_areas_are_not_white_surfaces() -> None:
    """A clipped window and the glare around it are ignored."""
    image = np.full((60, 60, 3), 0.2)
    image[34:44] = np.array([0.45, 0.4, 0.3])
    weight = np.zeros((60, 60))
    weight[:30] = 1
    before = estimate_illuminant(image, weight, np.full(3, 0.2))
    image[52:] = 1.0
    image[49:52] = 0.9
    after = estimate_illuminant(image, weight, np.full(3, 0.2))
    assert np.log(np.array(after.white) / np.array(before.white)) == pytest.approx(0, abs=np.log(1.5))


def test_transparent_pixels_are_ignored(room: Room) -> None:
    """A cut-out photo is often white where it is transparent."""
    alpha = np.full(room.alpha.shape, 255, np.uint8)
    alpha[200:] = 0
    cut_out, opaque = np.dstack([room.photo, alpha]), room.photo.copy()
    cut_out[200:, :, :3] = 240
    opaque[200:] = 20
    mask = room.soft_mask.copy()
    mask[200:] = 0
    one, two = (wallpaint.prepare(photo, {"wall": mask}).walls["wall"].illuminant for photo in (cut_out, opaque))
    assert one.white == pytest.approx(two.white, rel=0.1)


def test_room_match_has_the_illuminants_appearance(room: Room) -> None:
    scene = wallpaint.prepare(room.photo, {"wall": room.soft_mask}, old_color="#d9cfc0")
    result = scene.repaint({"wall": "#7d9b84"}, match="room", painter=AnalyticPainter(use_model=False))
    expected = scene.walls["wall"].illuminant.appearance(rgb("#7d9b84"))
    assert np.median(linear(result.codes)[room.wall], axis=0) == pytest.approx(expected, rel=0.03)
