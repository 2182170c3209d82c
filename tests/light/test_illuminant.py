"""What light falls on the walls: hints are exact, guesses are near."""

import numpy as np
import pytest

import wallpaint
from support.drawn_rooms import WHITE_ALBEDO, Room, make_room, rgb
from support.measures import lab, linear
from wallpaint.errors import InputError
from wallpaint.light.illuminant import Light, estimate, from_old_color, from_white_point
from wallpaint.painters.analytic import AnalyticPainter

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
SCENERY = (np.full((40, 40, 3), 0.3, np.float32), np.pad(np.ones((20, 40), np.float32), ((0, 20), (0, 0))))


def true_white(room: Room) -> np.ndarray:
    """What a white wall would show, at the wall's middle."""
    return np.median(room.light[room.wall], axis=0)


def guess(room: Room, **hints: object) -> Light:
    return wallpaint.prepare(room.photo, {"wall": room.soft_mask}, **hints).walls["wall"].light


def off_strength(light: Light, room: Room) -> float:
    """Natural log of guessed over true luminance."""
    return float(np.log(LUMINANCE @ np.array(light.white) / (LUMINANCE @ true_white(room))))


def off_hue(light: Light, room: Room) -> float:
    """Distance in CIELAB a, b at the same middle lightness."""
    a, b = (
        lab(255 * (0.2 * np.asarray(white) / (LUMINANCE @ np.asarray(white))) ** (1 / 2.2))
        for white in (light.white, true_white(room))
    )
    return float(np.hypot(*(a - b)[1:]))


def test_appearance_is_albedo_times_light() -> None:
    light = Light((0.9, 0.7, 0.5), 0.5, ("a test",))
    assert light.appearance(np.array([0.5, 0.2, 1.0])) == pytest.approx([0.45, 0.14, 0.5])


def test_report_entry() -> None:
    assert Light((0.9, 0.7, 1 / 3), 0.333, ("a test",)).to_dict() == {
        "white_linear": [0.9, 0.7, 0.3333],
        "confidence": 0.33,
        "anchors": ["a test"],
    }


@pytest.mark.parametrize("old", ["#ffffff", "#d9cfc0", "#2b3a5c", "#b5654a"])
def test_old_color_is_exact(old: str) -> None:
    """The hint gives back the light that the room was made with, to within the photo's own rounding."""
    room = make_room(old=old, tint=0.2)
    light = guess(room, old_color=old)
    assert light.white == pytest.approx(tuple(true_white(room)), rel=0.04)
    assert light.confidence > 0.8


def test_old_color_as_arithmetic() -> None:
    light = from_old_color(*SCENERY, np.array([0.3, 0.2, 0.1]), np.array([0.6, 0.5, 0.4]))
    assert light.white == pytest.approx((0.5, 0.4, 0.25))


def test_an_old_color_of_black_stays_finite() -> None:
    assert np.isfinite(from_old_color(*SCENERY, np.array([0.01, 0.01, 0.01]), np.zeros(3)).white).all()


def test_walls_light_each_other() -> None:
    """The old paint looks as it does; a brighter one is brighter than its albedo alone, a darker one darker."""
    light = Light((0.6, 0.6, 0.6), 0.5, ("a test",), old=(0.4, 0.4, 0.4), bounce=0.5)
    assert light.appearance(np.full(3, 0.4)) == pytest.approx(np.full(3, 0.24))
    assert light.appearance(np.full(3, 0.8)) == pytest.approx(np.full(3, 0.48 * 0.8 / 0.6))
    assert light.appearance(np.full(3, 0.1)) == pytest.approx(np.full(3, 0.06 * 0.8 / 0.95))


def test_tone_curves_spread_paints() -> None:
    light = Light((0.6, 0.6, 0.6), 0.5, ("a test",), old=(0.4, 0.4, 0.4), contrast=1.2)
    assert light.appearance(np.full(3, 0.4)) == pytest.approx(np.full(3, 0.24))
    assert light.appearance(np.full(3, 0.1)) == pytest.approx(np.full(3, 0.24 * 0.25**1.2))


def test_white_point_is_exact() -> None:
    room = make_room(tint=0.3)
    board = np.argwhere((room.alpha == 0) & (np.abs(room.behind / room.light - WHITE_ALBEDO).max(-1) < 1e-6))
    y, x = board[len(board) // 2]
    assert not room.alpha[y - 1 : y + 2, x - 1 : x + 2].any()
    light = guess(room, white=(int(x), int(y)))
    assert light.white == pytest.approx(tuple(room.light[y, x]), rel=0.05)
    assert light.confidence > 0.5
    assert f"{x},{y}" in light.anchors[0]


@pytest.mark.parametrize(("value", "reason"), [(1.0, "overexposed"), (0.01, "nearly black")])
def test_a_useless_white_point_is_refused(value: float, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        from_white_point(*SCENERY, np.full(3, 0.2), np.full((25, 3), value), "3,4")


@pytest.mark.parametrize("point", [(320, 10), (10, 240), (-1, 5)])
def test_a_white_point_outside_the_photo_is_refused(room: Room, point: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=r"outside the photo, which is 320 wide and 240 high"):
        guess(room, white=point)


@pytest.mark.parametrize("old", ["#ffffff", "#d9cfc0", "#8a8f98", "#2b3a5c", "#b5654a"])
@pytest.mark.parametrize("tint", [0.0, 0.3])
def test_the_guess_lies_near_the_light(old: str, tint: float) -> None:
    """In this cardboard room, unlike those that the guess was fitted on: within a factor of 2.5, and of its hue."""
    room = make_room(old=old, tint=tint)
    light = guess(room)
    assert abs(off_strength(light, room)) <= np.log(2.5)
    assert off_hue(light, room) <= 8
    assert 0 <= light.confidence <= 1


def test_a_white_wall_is_not_brighter_than_white() -> None:
    """Whatever else is in sight, the light is at least what the wall itself needs to be as bright as it is."""
    wall = np.full((40, 40, 3), 0.8)
    wall[30:] = 0.2
    weight = np.zeros((40, 40))
    weight[:30] = 1
    assert LUMINANCE @ np.array(estimate(wall, weight, np.full(3, 0.8)).white) >= 0.8


def test_without_anything_white_the_guess_is_modest() -> None:
    picture = np.broadcast_to(rgb("#0000c0"), (40, 40, 3)).copy()
    weight = np.zeros((40, 40))
    weight[:20] = 1
    light = estimate(picture, weight, np.full(3, 0.3))
    assert light.confidence <= 0.2
    assert light.anchors[0] == "nothing white in sight"
    assert all(0.3 < white < 1.2 for white in light.white)


def test_overexposed_things_are_no_white() -> None:
    """A window blown out to the top of the scale, and the glare round it, are not taken for white things."""
    picture = np.full((60, 60, 3), 0.2)
    picture[34:44] = np.array([0.45, 0.4, 0.3])
    weight = np.zeros((60, 60))
    weight[:30] = 1
    before = estimate(picture, weight, np.full(3, 0.2))
    picture[52:] = 1.0
    picture[49:52] = 0.9
    after = estimate(picture, weight, np.full(3, 0.2))
    assert np.log(np.array(after.white) / np.array(before.white)) == pytest.approx(0, abs=np.log(1.5))


def test_what_is_transparent_is_no_white(room: Room) -> None:
    """A cut-out photo has white where nothing is: only what can be seen counts."""
    alpha = np.full(room.alpha.shape, 255, np.uint8)
    alpha[200:] = 0
    cut_out, seen = np.dstack([room.photo, alpha]), room.photo.copy()
    cut_out[200:, :, :3] = 240
    seen[200:] = 20
    mask = room.soft_mask.copy()
    mask[200:] = 0
    one, two = (wallpaint.prepare(photo, {"wall": mask}).walls["wall"].light for photo in (cut_out, seen))
    assert one.white == pytest.approx(two.white, rel=0.1)


def test_lit_follows_the_light(room: Room) -> None:
    """A lit repaint has the colour that the light gives the paint."""
    scene = wallpaint.prepare(room.photo, {"wall": room.soft_mask}, old_color="#d9cfc0")
    result = scene.repaint({"wall": "#7d9b84"}, match="room", painter=AnalyticPainter(use_model=False))
    shown = scene.walls["wall"].light.appearance(rgb("#7d9b84"))
    assert np.median(linear(result.codes)[room.wall], axis=0) == pytest.approx(shown, rel=0.03)
