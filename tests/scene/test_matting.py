"""Mattes of a wall's edge, compared with exact ground truth."""

import numpy as np
import pytest

from support.drawn_rooms import Room, make_room
from support.measures import Array, eroded, far_outside, linear
from wallpaint.imaging.photo import read_photo
from wallpaint.scene import matting
from wallpaint.scene.matting import Matte, estimate_matte


def estimated(photo: Array, mask: Array, *, refine: bool = True) -> Matte:
    source = read_photo(photo)
    return estimate_matte(source.codes, source.space, (mask / np.float32(255)).astype(np.float32), refine=refine)


def alpha_map(matte: Matte) -> Array:
    alpha = matte.core.astype(np.float64)
    alpha[matte.rows, matte.cols] = matte.alpha
    return alpha


@pytest.fixture(scope="module", params=["soft", "hard"])
def edge_type(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def edge(room: Room, edge_type: str) -> Matte:
    return estimated(room.photo, room.soft_mask if edge_type == "soft" else room.hard_mask)


def test_core_and_edge_are_disjoint_and_cover_the_wall(room: Room, edge: Matte) -> None:
    assert edge.core.dtype == bool
    assert not edge.core[room.alpha < 1].any()
    assert not edge.core[edge.rows, edge.cols].any()
    index = edge.rows * room.alpha.shape[1] + edge.cols
    assert np.unique(index).size == index.size
    covered = edge.core.copy()
    covered[edge.rows, edge.cols] = True
    assert covered[room.alpha > 0.5].all()


def test_no_edge_pixel_lies_far_outside(room: Room, edge: Matte, edge_type: str) -> None:
    mask = room.soft_mask if edge_type == "soft" else room.hard_mask
    assert not far_outside(mask)[edge.rows[edge.alpha > 0], edge.cols[edge.alpha > 0]].any()


def test_foreground_and_background_light_add_up(edge: Matte, room: Room) -> None:
    assert ((edge.alpha >= 0) & (edge.alpha <= 1)).all()
    assert (edge.foreground >= 0).all()
    assert edge.photo == pytest.approx(linear(room.photo)[edge.rows, edge.cols], abs=1e-4)
    background = edge.photo - edge.alpha[:, None] * edge.foreground
    assert background.min() > -1e-3, "negative light in the background"


def test_alpha_is_measured_where_colours_differ(room: Room) -> None:
    """Around the black chair a hard mask becomes as good as the exact one."""
    matte = estimated(room.photo, room.hard_mask)
    chair = np.zeros(room.alpha.shape, bool)
    chair[40:130] = True  # above the skirting board
    mixed = chair & (room.alpha > 0) & (room.alpha < 1)
    assert mixed.sum() > 100
    measured = np.abs(alpha_map(matte) - room.alpha)[mixed]
    given = np.abs(room.hard_mask / 255 - room.alpha)[mixed]
    assert measured.mean() < 0.35 * given.mean()
    assert measured.mean() < 0.05


def test_refinement_corrects_a_displaced_mask(room: Room) -> None:
    """For a mask that is one pixel off, the measured alpha is nearer to the truth than the mask."""
    shifted = np.roll(room.hard_mask, 1, axis=1)
    chair = np.zeros(room.alpha.shape, bool)
    chair[40:130, 10:-10] = True
    near = chair & ~eroded(room.alpha == 1, 4) & ~eroded(room.alpha == 0, 4)
    error = np.abs(alpha_map(estimated(room.photo, shifted)) - room.alpha)[near].mean()
    assert error < 0.35 * np.abs(shifted / 255 - room.alpha)[near].mean()


def test_alpha_is_the_masks_where_colours_are_equal() -> None:
    """A chair in exactly the wall's colour has no contrast."""
    flat = np.full((60, 80, 3), 150, np.uint8)
    mask = np.zeros((60, 80), np.uint8)
    mask[:, :40], mask[:, 40], mask[:, 41] = 255, 170, 85
    matte = estimated(flat, mask)
    alpha = alpha_map(matte)
    assert alpha[:, 40] == pytest.approx(170 / 255, abs=0.02)
    assert alpha[:, 41] == pytest.approx(85 / 255, abs=0.02)


def test_foreground_of_a_mixed_pixel_is_the_adjacent_wall(room: Room, edge: Matte) -> None:
    truth = (room.albedo * room.light)[edge.rows, edge.cols]
    mixed = (edge.alpha > 0.3) & (room.alpha[edge.rows, edge.cols] > 0.3)
    assert np.abs(edge.foreground / truth - 1)[mixed].mean() < 0.08


def test_unrefined_alpha_is_the_masks(room: Room) -> None:
    matte = estimated(room.photo, room.soft_mask, refine=False)
    assert alpha_map(matte) == pytest.approx(room.soft_mask / 255, abs=1e-6)


@pytest.mark.parametrize("refine", [True, False])
def test_tiling_does_not_change_the_matte(room: Room, monkeypatch: pytest.MonkeyPatch, refine: bool) -> None:
    untiled = estimated(room.photo, room.hard_mask, refine=refine)
    monkeypatch.setattr(matting, "TILE_PX", 64)
    tiled = estimated(room.photo, room.hard_mask, refine=refine)
    order = np.lexsort((tiled.cols, tiled.rows)), np.lexsort((untiled.cols, untiled.rows))
    assert np.array_equal(tiled.rows[order[0]], untiled.rows[order[1]])
    assert np.array_equal(tiled.cols[order[0]], untiled.cols[order[1]])
    assert np.abs(tiled.alpha[order[0]] - untiled.alpha[order[1]]).max() < 2e-3
    assert np.abs(tiled.foreground[order[0]] - untiled.foreground[order[1]]).max() < 2e-3


def test_full_frame_wall_has_no_edge() -> None:
    matte = estimated(np.full((20, 30, 3), 90, np.uint8), np.full((20, 30), 255, np.uint8))
    assert matte.core.all()
    assert matte.rows.size == matte.alpha.size == 0
    assert matte.foreground.shape == matte.photo.shape == (0, 3)


@pytest.mark.parametrize("thick", [1, 2, 3, 5, 9])
def test_thin_wall_has_a_core(room: Room, thick: int) -> None:
    mask = np.zeros(room.alpha.shape, np.uint8)
    mask[60 : 60 + thick, 20:80] = 255
    matte = estimated(room.photo, mask)
    assert matte.core.any()
    assert not matte.core[mask == 0].any()


def test_core_reaches_the_image_border(room: Room, edge: Matte) -> None:
    assert room.wall[:10].all()
    assert edge.core[:10].all(), "the image border was treated as an edge"
    assert room.wall[:100, 0].all()
    assert edge.core[:100, 0].all()


def test_inputs_are_not_modified(room: Room) -> None:
    photo, mask = room.photo.copy(), room.soft_mask.copy()
    estimated(photo, mask)
    assert np.array_equal(photo, room.photo)
    assert np.array_equal(mask, room.soft_mask)


def test_noise_does_not_displace_the_edge() -> None:
    noisy = make_room(noise=0.02)
    matte = estimated(noisy.photo, noisy.soft_mask)
    error = np.abs(alpha_map(matte) - noisy.alpha)
    assert error.max() < 0.35
    assert error[(noisy.alpha > 0) & (noisy.alpha < 1)].mean() < 0.06


def test_alpha_bounds_limit_the_effect_of_spots() -> None:
    """The deeper a pixel lies in the mask, the higher its minimum alpha."""
    photo = np.full((60, 80, 3), 200, np.uint8)
    photo[:, 50:] = 30
    mask = np.zeros((60, 80), np.uint8)
    mask[:, :50] = 255
    photo[10:50:8, 50 - 4] = 30  # the middle of this pixel is 3.5 px inside
    photo[14:50:8, 50 + 2] = 200  # the middle of this one is 2.5 px outside
    alpha = alpha_map(estimated(photo, mask))
    assert (alpha[10:50:8, 50 - 4] > 0.5).all()
    assert (alpha[:, 50 + 3 :] < 0.3).all()
    assert (alpha[:, : 50 - 5] == 1).all()
