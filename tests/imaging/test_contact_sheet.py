"""Pictures about pictures: sizes and places."""

import numpy as np
import pytest
from PIL import Image

from wallpaint.imaging import contact_sheet as sheets
from wallpaint.imaging.photo import read_photo

RED, BLUE = (200, 30, 30), (20, 40, 220)


def picture(height: int, width: int, color: tuple[int, int, int] = RED) -> np.ndarray:
    return np.broadcast_to(np.array(color, np.uint8), (height, width, 3)).copy()


@pytest.mark.parametrize(
    ("size", "longest", "expected"),
    [((60, 80), 40, (30, 40)), ((80, 60), 40, (40, 30)), ((60, 80), 500, (60, 80)), ((1000, 8), 100, (100, 1))],
)
def test_preview_keeps_the_aspect_and_never_enlarges(size, longest, expected) -> None:
    photo = read_photo(picture(*size))
    small = sheets.preview(photo, photo.codes, longest)
    assert (small.height, small.width) == expected
    assert small.mode == "RGB"
    assert np.abs(np.asarray(small).astype(int) - RED).max() <= 1


def test_preview_shows_16_bit_pictures_in_8() -> None:
    photo = read_photo(picture(20, 30).astype(np.uint16) * 257)
    assert np.abs(np.asarray(sheets.preview(photo, photo.codes, 100)).astype(int) - RED).max() <= 1


def test_before_after_lies_side_by_side() -> None:
    photo = read_photo(picture(60, 80))
    sheet = np.asarray(sheets.before_after(photo, picture(60, 80, BLUE)))
    assert sheet.shape == (60, 80 + sheets.GAP_PX + 80, 3)
    assert (np.abs(sheet[:, :80].astype(int) - RED) <= 1).all()
    assert (np.abs(sheet[:, -80:].astype(int) - BLUE) <= 1).all()
    assert (sheet[:, 80:-80] == sheets.PAPER).all()


def test_before_after_of_a_wide_photo_lies_above_each_other() -> None:
    photo = read_photo(picture(30, 100))
    sheet = np.asarray(sheets.before_after(photo, picture(30, 100, BLUE), longest_px=50))
    assert sheet.shape == (15 + sheets.GAP_PX + 15, 50, 3)
    assert (np.abs(sheet[:15].astype(int) - RED) <= 1).all()
    assert (np.abs(sheet[-15:].astype(int) - BLUE) <= 1).all()


@pytest.mark.parametrize("count", [1, 2, 5, 13])
def test_contact_sheet_shows_every_picture_once(count: int) -> None:
    rng = np.random.default_rng(count)
    colors = [tuple(int(v) for v in rng.integers(40, 200, 3)) for _ in range(count)]
    cells = [
        (f"paint {i}", Image.fromarray(picture(60, 80, color)), color if i else None) for i, color in enumerate(colors)
    ]
    sheet = np.asarray(sheets.contact_sheet(cells))
    for i, color in enumerate(colors):
        area = int((sheet == color).all(-1).sum())
        assert area >= 60 * 80
        assert (area > 60 * 80) == bool(i), "a swatch for all but the first"


def test_contact_sheet_columns() -> None:
    cells = [(str(i), Image.fromarray(picture(60, 80)), None) for i in range(6)]
    one, three = sheets.contact_sheet(cells, columns=1), sheets.contact_sheet(cells, columns=3)
    assert one.width == 80 + 2 * sheets.GAP_PX
    assert three.width == 3 * (80 + sheets.GAP_PX) + sheets.GAP_PX
    assert one.height - sheets.GAP_PX == 3 * (three.height - sheets.GAP_PX)


def test_long_labels_stay_in_their_cell() -> None:
    wide = Image.fromarray(picture(60, 200))
    cells = [
        ("a very long name of a paint that no cell can hold, not even this wide one", wide, BLUE),
        ("b", wide, BLUE),
    ]
    sheet = np.asarray(sheets.contact_sheet(cells, columns=2)).astype(int)
    gap = sheet[:, sheets.GAP_PX + 200 : sheets.GAP_PX + 200 + sheets.GAP_PX]
    assert (gap == sheets.PAPER).all()


def test_a_label_without_end_is_cut() -> None:
    cells = [("W" * 5000, Image.fromarray(picture(60, 80)), BLUE)]
    assert sheets.contact_sheet(cells).width == 80 + 2 * sheets.GAP_PX
