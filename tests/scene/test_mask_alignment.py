"""Masks against their photo: stored or upright pixels, and gaps between two walls."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from support.image_files import encoded, exif_block, stored
from wallpaint import prepare
from wallpaint.errors import InputError, ShapeError
from wallpaint.imaging.photo import Photo, read_photo
from wallpaint.scene.mask_gaps import max_gap, share_gaps

# -- orientation


def _room(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return a photo with a wall in its upper left and the wall's mask, upright."""
    height, width = size
    wall = np.zeros(size, bool)
    wall[: int(0.6 * height), : int(0.7 * width)] = True
    picture = np.where(wall[..., None], (200, 180, 150), (60, 70, 90)) + np.random.default_rng(0).integers(
        -3, 4, (*size, 3)
    )
    return picture.astype(np.uint8), wall


def _tagged(picture: np.ndarray, orientation: int) -> bytes:
    return encoded(stored(picture, orientation), "PNG", exif=b"Exif\0\0" + exif_block(orientation))


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("size", [(96, 96), (96, 128)])
def test_masks_drawn_on_stored_pixels(orientation: int, size: tuple[int, int]) -> None:
    picture, wall = _room(size)
    photo = _tagged(picture, orientation)
    mask = encoded(stored(wall.astype(np.uint8) * 255, orientation), "PNG")
    scene = prepare(photo, {"wall": mask}, mask_orientation="stored", edges="keep")
    inside = np.zeros(size, np.float32)
    scene.walls["wall"].add_alpha(inside)
    np.testing.assert_array_equal(inside >= 0.5, wall)
    assert not any("orientation" in line for line in scene.warnings)
    if orientation >= 5 and size[0] != size[1]:
        with pytest.raises(ShapeError, match=r'as the photo is stored .* set `mask_orientation="stored"`'):
            prepare(photo, {"wall": mask})
        warnings = prepare(photo, {"wall": mask}, fit_mask=True).warnings
    else:
        warnings = prepare(photo, {"wall": mask}).warnings
    assert sum('set `mask_orientation="stored"`' in line for line in warnings) == 1
    assert any(f"the photo has EXIF orientation {orientation}" in line for line in warnings)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_masks_give_no_warning(orientation: int) -> None:
    picture, wall = _room((96, 96))
    mask = wall.astype(np.uint8) * 255
    for data in (encoded(mask, "PNG"), _tagged(mask, orientation)):
        scene = prepare(_tagged(picture, orientation), {"wall": data})
        assert not any("orientation" in line for line in scene.warnings), scene.warnings


def test_orientation_without_a_use_is_reported() -> None:
    picture, wall = _room((96, 96))
    mask = wall.astype(np.uint8) * 255
    plain = prepare(encoded(picture, "PNG"), {"wall": mask}, mask_orientation="stored")
    assert any("photo has no EXIF orientation" in line for line in plain.warnings)
    both = prepare(_tagged(picture, 6), {"wall": _tagged(mask, 3)}, mask_orientation="stored")
    assert any("EXIF orientation of its own" in line for line in both.warnings)
    with pytest.raises(InputError, match="mask_orientation"):
        prepare(encoded(picture, "PNG"), {"wall": mask}, mask_orientation="turned")  # type: ignore[arg-type]


# -- gaps


def _photo(size: tuple[int, int], trim: slice | None = None) -> Photo:
    codes = np.full((*size, 3), (186, 168, 140), np.uint8)
    if trim is not None:
        codes[:, trim] = 250
    return read_photo(codes)


def _pair(gap_px: int, size: tuple[int, int] = (60, 80)) -> dict[str, np.ndarray]:
    left, right = np.zeros(size, np.float32), np.zeros(size, np.float32)
    left[10:50, 5:40] = 1
    right[10:50, 40 + gap_px : 75] = 1
    return {"left": left, "right": right}


@pytest.mark.parametrize("gap_px", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("is_transposed", [False, True])
def test_a_gap_is_divided(gap_px: int, is_transposed: bool) -> None:
    walls = _pair(gap_px)
    if is_transposed:
        walls = {name: np.ascontiguousarray(alpha.T) for name, alpha in walls.items()}
    shared, (note,) = share_gaps(walls, _photo(walls["left"].shape))
    expected = {name: alpha.copy() for name, alpha in _pair(gap_px).items()}
    middle = 40 + (gap_px + 1) // 2
    expected["left"][10:50, 40:middle] = 1
    expected["right"][10:50, middle : 40 + gap_px] = 1
    for name, alpha in expected.items():
        np.testing.assert_array_equal(shared[name], alpha.T if is_transposed else alpha)
    assert note == (
        f"a gap of {gap_px} px between the masks left and right ({40 * gap_px} pixels) was divided between them"
    )


def test_no_gap_and_wide_gaps_stay() -> None:
    for gap_px in (0, 6, 12):
        walls = _pair(gap_px)
        shared, notes = share_gaps(walls, _photo((60, 80)))
        assert notes == ()
        for name, alpha in walls.items():
            np.testing.assert_array_equal(shared[name], alpha)
    assert (max_gap((600, 900)), max_gap((3000, 4000))) == (5, 15)


def test_trim_between_walls_is_reported_and_not_painted() -> None:
    walls = _pair(3)
    shared, (note,) = share_gaps(walls, _photo((60, 80), trim=slice(40, 43)))
    assert note.startswith("a gap of 3 px between the masks left and right (120 pixels) is not painted")
    np.testing.assert_array_equal(shared["left"], walls["left"])


def test_soft_edges_are_completed() -> None:
    walls = _pair(2)
    walls["left"][10:50, 39], walls["right"][10:50, 42] = 0.6, 0.6
    shared, _ = share_gaps(walls, _photo((60, 80)))
    total = shared["left"] + shared["right"]
    np.testing.assert_allclose(total[10:50, 5:75], 1, atol=1e-6)
    assert not total[:10].any()
    assert not total[50:].any()


@pytest.mark.parametrize("gap_px", [0, 1, 3, 5, 6, 9])
@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_gaps_between_soft_masks_are_divided_like_those_of_hard_ones(gap_px: int, sigma: float) -> None:
    """Along the seam the walls then add up to 1; gaps of more than 5 px, and the ends of the seam, stay soft."""
    walls = {name: cv2.GaussianBlur(alpha, (0, 0), sigma) for name, alpha in _pair(gap_px).items()}
    shared, notes = share_gaps(walls, _photo((60, 80)))
    total = shared["left"] + shared["right"]
    is_filled = gap_px <= 5
    assert (total[15:45, 30:60] > 0.98).all() == is_filled
    if is_filled:
        assert [note.partition(" between")[0] for note in notes] == ([f"a gap of {gap_px} px"] if gap_px else [])
    else:
        assert notes == ()
        for name, alpha in walls.items():
            np.testing.assert_array_equal(shared[name], alpha)
    assert total.max() <= 1 + 1e-6
    np.testing.assert_array_equal(shared["left"][:, :20], walls["left"][:, :20])
    np.testing.assert_array_equal(total[:8], (walls["left"] + walls["right"])[:8])


def test_diagonal_gaps_are_filled() -> None:
    y, x = np.mgrid[0:80, 0:80]
    walls = {"a": (x + 2 < y).astype(np.float32), "b": (x > y).astype(np.float32)}
    shared, (note,) = share_gaps(walls, _photo((80, 80)))
    inner = np.s_[4:-4, 4:-4]
    np.testing.assert_array_equal((shared["a"] + shared["b"])[inner], 1)
    assert "masks a and b" in note


def test_three_walls_and_one_wall() -> None:
    walls = _pair(2)
    walls["top"] = np.zeros((60, 80), np.float32)
    walls["top"][2:8, 5:75] = 1
    shared, notes = share_gaps(walls, _photo((60, 80)))
    assert len(notes) == 3
    assert (sum(shared.values())[2:50, 5:75] == 1).all()
    assert all((alpha <= 1).all() for alpha in shared.values())
    assert share_gaps({"only": walls["left"]}, _photo((60, 80)))[1] == ()
