"""A colour out of a picture."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.measures import linear
from wallpaint.errors import InputError
from wallpaint.paints.reference import METHODS, dominant_color, paint_from_picture


def spotted() -> np.ndarray:
    """(1000, 3): six tenths one colour, three tenths a shadow of it, one tenth white."""
    base = np.array([0.2, 0.35, 0.25])
    return np.concatenate([np.tile(base, (600, 1)), np.tile(0.3 * base, (300, 1)), np.ones((100, 3))])


@pytest.mark.parametrize("method", METHODS)
def test_a_plain_picture_has_its_own_color(method: str) -> None:
    color = dominant_color(np.tile([0.2, 0.35, 0.25], (50, 1)), method)
    assert color.shape == (3,)
    assert color.dtype == np.float64
    assert color == pytest.approx([0.2, 0.35, 0.25], abs=1e-6)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("median", np.array([0.2, 0.35, 0.25])),
        ("mean", 0.69 * np.array([0.2, 0.35, 0.25]) + 0.1),
        ("kmeans", np.array([0.2, 0.35, 0.25])),
    ],
)
def test_methods_differ_as_documented(method: str, expected: np.ndarray) -> None:
    assert dominant_color(spotted(), method) == pytest.approx(expected, rel=0.02)


def test_kmeans_is_the_same_every_time() -> None:
    pixels = np.random.default_rng(0).uniform(0, 1, (500, 3))
    assert np.array_equal(dominant_color(pixels, "kmeans"), dominant_color(pixels, "kmeans"))


def test_median_takes_half_of_it_away() -> None:
    """Up to half of the pixels may be anything."""
    base = np.tile([0.2, 0.35, 0.25], (501, 1))
    assert dominant_color(np.concatenate([base, np.ones((500, 3))])) == pytest.approx([0.2, 0.35, 0.25])


def test_wrong_questions_are_refused() -> None:
    with pytest.raises(InputError, match="no pixel"):
        dominant_color(np.zeros((0, 3)))
    with pytest.raises(InputError, match="median, mean, kmeans"):
        dominant_color(np.ones((4, 3)), "mode")


def test_paint_from_picture(tmp_path: Path) -> None:
    codes = np.full((40, 50, 3), (125, 155, 132), np.uint8)
    codes[:10] = 255
    path = tmp_path / "swatch.png"
    Image.fromarray(codes).save(path)
    paint = paint_from_picture(path)
    assert paint.rgb == (125, 155, 132)
    assert paint.albedo_linear == pytest.approx(tuple(linear(codes[-1, -1])), abs=1e-4)
    assert paint.reference == path
    assert "swatch.png" in paint.label


def test_transparent_pixels_do_not_count(tmp_path: Path) -> None:
    codes = np.full((40, 50, 4), (125, 155, 132, 255), np.uint8)
    codes[:30] = (255, 0, 0, 0)
    Image.fromarray(codes).save(tmp_path / "cut out.png")
    assert paint_from_picture(tmp_path / "cut out.png").rgb == (125, 155, 132)
    codes[..., 3] = 0
    Image.fromarray(codes).save(tmp_path / "nothing.png")
    with pytest.raises(InputError, match="transparent"):
        paint_from_picture(tmp_path / "nothing.png")


def test_a_reference_that_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("sage green, please", encoding="utf-8")
    with pytest.raises(InputError, match=r"notes\.txt"):
        paint_from_picture(path)
