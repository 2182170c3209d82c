"""A wall's edge taken apart, against edges that are known exactly."""

import numpy as np
import pytest

from support.drawn_rooms import Room, make_room
from support.measures import Array, eroded, far_outside, linear
from wallpaint.imaging.photo import read_photo
from wallpaint.scene import matting as mattes
from wallpaint.scene.matting import Matte, extract


def taken_apart(photo: Array, mask: Array, *, refine: bool = True) -> Matte:
    picture = read_photo(photo)
    return extract(picture.codes, picture.space, (mask / np.float32(255)).astype(np.float32), refine=refine)


def alpha_map(matte: Matte) -> Array:
    alpha = matte.core.astype(np.float64)
    alpha[matte.rows, matte.cols] = matte.alpha
    return alpha


@pytest.fixture(scope="module", params=["soft", "hard"])
def mask_kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def edge(room: Room, mask_kind: str) -> Matte:
    return taken_apart(room.photo, room.soft_mask if mask_kind == "soft" else room.hard_mask)


def test_core_and_edge_part_the_wall(room: Room, edge: Matte) -> None:
    assert edge.core.dtype == bool
    assert not edge.core[room.alpha < 1].any()
    assert not edge.core[edge.rows, edge.cols].any()
    places = edge.rows * room.alpha.shape[1] + edge.cols
    assert np.unique(places).size == places.size
    covered = edge.core.copy()
    covered[edge.rows, edge.cols] = True
    assert covered[room.alpha > 0.5].all()


def test_nothing_far_outside_is_an_edge(room: Room, edge: Matte, mask_kind: str) -> None:
    mask = room.soft_mask if mask_kind == "soft" else room.hard_mask
    assert not far_outside(mask)[edge.rows[edge.alpha > 0], edge.cols[edge.alpha > 0]].any()


def test_shares_of_light_add_up(edge: Matte, room: Room) -> None:
    assert ((edge.alpha >= 0) & (edge.alpha <= 1)).all()
    assert (edge.wall >= 0).all()
    assert edge.photo == pytest.approx(linear(room.photo)[edge.rows, edge.cols], abs=1e-4)
    rest = edge.photo - edge.alpha[:, None] * edge.wall
    assert rest.min() > -1e-3, "no negative light is left for what stands before the wall"


def test_alpha_is_measured_where_the_photo_can_tell(room: Room) -> None:
    """Round the black chair a hard mask becomes as good as the exact one."""
    matte = taken_apart(room.photo, room.hard_mask)
    chair = np.zeros(room.alpha.shape, bool)
    chair[40:130] = True  # above the skirting board
    mixed = chair & (room.alpha > 0) & (room.alpha < 1)
    assert mixed.sum() > 100
    measured = np.abs(alpha_map(matte) - room.alpha)[mixed]
    given = np.abs(room.hard_mask / 255 - room.alpha)[mixed]
    assert measured.mean() < 0.35 * given.mean()
    assert measured.mean() < 0.05


def test_a_displaced_mask_is_put_right(room: Room) -> None:
    """A mask one pixel off, as drawn by hand: measured alpha lies nearer to the truth than the mask does."""
    shifted = np.roll(room.hard_mask, 1, axis=1)
    chair = np.zeros(room.alpha.shape, bool)
    chair[40:130, 10:-10] = True
    near = chair & ~eroded(room.alpha == 1, 4) & ~eroded(room.alpha == 0, 4)
    off = np.abs(alpha_map(taken_apart(room.photo, shifted)) - room.alpha)[near].mean()
    assert off < 0.35 * np.abs(shifted / 255 - room.alpha)[near].mean()


def test_where_the_photo_cannot_tell_the_mask_has_its_way() -> None:
    """A chair in exactly the wall's colour: no contrast, so alpha is the mask's own."""
    flat = np.full((60, 80, 3), 150, np.uint8)
    mask = np.zeros((60, 80), np.uint8)
    mask[:, :40], mask[:, 40], mask[:, 41] = 255, 170, 85
    matte = taken_apart(flat, mask)
    alpha = alpha_map(matte)
    assert alpha[:, 40] == pytest.approx(170 / 255, abs=0.02)
    assert alpha[:, 41] == pytest.approx(85 / 255, abs=0.02)


def test_the_wall_in_a_mixed_pixel_is_the_wall_beside_it(room: Room, edge: Matte) -> None:
    truth = (room.albedo * room.light)[edge.rows, edge.cols]
    mixed = (edge.alpha > 0.3) & (room.alpha[edge.rows, edge.cols] > 0.3)
    assert np.abs(edge.wall / truth - 1)[mixed].mean() < 0.08


def test_kept_edges_are_the_masks(room: Room) -> None:
    matte = taken_apart(room.photo, room.soft_mask, refine=False)
    assert alpha_map(matte) == pytest.approx(room.soft_mask / 255, abs=1e-6)


@pytest.mark.parametrize("refine", [True, False])
def test_tiles_leave_no_trace(room: Room, monkeypatch: pytest.MonkeyPatch, refine: bool) -> None:
    whole = taken_apart(room.photo, room.hard_mask, refine=refine)
    monkeypatch.setattr(mattes, "TILE_PX", 64)
    tiled = taken_apart(room.photo, room.hard_mask, refine=refine)
    order = np.lexsort((tiled.cols, tiled.rows)), np.lexsort((whole.cols, whole.rows))
    assert np.array_equal(tiled.rows[order[0]], whole.rows[order[1]])
    assert np.array_equal(tiled.cols[order[0]], whole.cols[order[1]])
    assert np.abs(tiled.alpha[order[0]] - whole.alpha[order[1]]).max() < 2e-3
    assert np.abs(tiled.wall[order[0]] - whole.wall[order[1]]).max() < 2e-3


def test_a_wall_all_over_has_no_edge() -> None:
    matte = taken_apart(np.full((20, 30, 3), 90, np.uint8), np.full((20, 30), 255, np.uint8))
    assert matte.core.all()
    assert matte.rows.size == matte.alpha.size == 0
    assert matte.wall.shape == matte.photo.shape == (0, 3)


@pytest.mark.parametrize("thick", [1, 2, 3, 5, 9])
def test_thin_walls_keep_a_core(room: Room, thick: int) -> None:
    mask = np.zeros(room.alpha.shape, np.uint8)
    mask[60 : 60 + thick, 20:80] = 255
    matte = taken_apart(room.photo, mask)
    assert matte.core.any()
    assert not matte.core[mask == 0].any()


def test_a_wall_at_the_border_is_wall_up_to_the_border(room: Room, edge: Matte) -> None:
    assert room.wall[:10].all()
    assert edge.core[:10].all(), "the picture's border is no edge"
    assert room.wall[:100, 0].all()
    assert edge.core[:100, 0].all()


def test_inputs_stay_as_they_are(room: Room) -> None:
    photo, mask = room.photo.copy(), room.soft_mask.copy()
    taken_apart(photo, mask)
    assert np.array_equal(photo, room.photo)
    assert np.array_equal(mask, room.soft_mask)


def test_noise_does_not_move_the_edge() -> None:
    noisy = make_room(noise=0.02)
    matte = taken_apart(noisy.photo, noisy.soft_mask)
    off = np.abs(alpha_map(matte) - noisy.alpha)
    assert off.max() < 0.35
    assert off[(noisy.alpha > 0) & (noisy.alpha < 1)].mean() < 0.06


def test_a_dark_spot_on_the_wall_is_wall() -> None:
    """The deeper a pixel lies in the mask, the less the photo may take from it."""
    photo = np.full((60, 80, 3), 200, np.uint8)
    photo[:, 50:] = 30
    mask = np.zeros((60, 80), np.uint8)
    mask[:, :50] = 255
    photo[10:50:8, 50 - 4] = 30  # the middle of this pixel is 3.5 px inside
    photo[14:50:8, 50 + 2] = 200  # and of this one 2.5 px outside
    alpha = alpha_map(taken_apart(photo, mask))
    assert (alpha[10:50:8, 50 - 4] > 0.5).all()
    assert (alpha[:, 50 + 3 :] < 0.3).all()
    assert (alpha[:, : 50 - 5] == 1).all()
