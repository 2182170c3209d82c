"""Masks of other tools: maps of classes, palettes, void borders and cut-outs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from support.image_files import encoded
from wallpaint.errors import InputError
from wallpaint.imaging.mask_classes import has_classes
from wallpaint.imaging.mask_file import read_mask

SIZE = (60, 80)
VOC = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 8: (64, 0, 0), 255: (224, 224, 192)}
ADE20K = {0: (0, 0, 0), 1: (120, 120, 120), 4: (80, 50, 50), 6: (120, 120, 80), 15: (8, 255, 51)}


def _ids(border_px: int = 1) -> np.ndarray:
    """(60, 80) uint8: wall is 1 in rows 10..39 and columns 20..59, with a border of 255 outside of it."""
    ids = np.zeros(SIZE, np.uint8)
    ids[10 - border_px : 40 + border_px, 20 - border_px : 60 + border_px] = 255
    ids[10:40, 20:60] = 1
    return ids


def _wall() -> np.ndarray:
    return _ids() == 1


def _palette_file(ids: np.ndarray, colors: dict[int, tuple[int, int, int]], kind: str = "PNG") -> bytes:
    image = Image.fromarray(ids, "P")
    table = [0] * 768
    for index, color in colors.items():
        table[3 * index : 3 * index + 3] = color
    image.putpalette(table)
    return encoded(image, kind)


def _rgb(ids: np.ndarray, colors: dict[int, tuple[int, int, int]]) -> np.ndarray:
    picture = np.zeros((*ids.shape, 3), np.uint8)
    for index, color in colors.items():
        picture[ids == index] = color
    return picture


def _refusal(source: object, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        read_mask(source, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    return str(caught.value)


@pytest.mark.parametrize("border_px", [1, 2, 5])
def test_a_void_border_never_sets_the_scale(border_px: int) -> None:
    ids = _ids(border_px)
    share = f"{100 * (ids == 255).mean():.2g} %"
    message = _refusal(_palette_file(ids, VOC))
    assert "a coloured picture: it holds 0 #000000 " in message
    assert "1 #800000 25 %" in message
    assert f"255 #e0e0c0 {share}" in message or (ids == 255).mean() >= 0.1
    assert "`mask_class=" in message
    for mask_class in ("1", "#800000", "128,0,0", "rgb(128, 0, 0)", "maroon"):
        np.testing.assert_array_equal(read_mask(_palette_file(ids, VOC), mask_class=mask_class).alpha, _wall())


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_palette_entries_in_every_format(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"mask.{kind.lower()}"
    path.write_bytes(_palette_file(_ids(), VOC, kind))
    with Image.open(path) as image:
        for source in (path, path.read_bytes(), image):
            np.testing.assert_array_equal(read_mask(source, mask_class="#800000").alpha, _wall())
    if kind != "GIF":  # its writer renumbers the entries
        np.testing.assert_array_equal(read_mask(path, mask_class="1").alpha, _wall())


def test_two_classes_of_one_palette_are_not_shades_of_a_colour() -> None:
    ids = _ids(0)
    ids[45:55] = 8  # half as bright as class 1, of its hue
    message = _refusal(_palette_file(ids, VOC))
    assert "8 #400000 17 %" in message
    np.testing.assert_array_equal(read_mask(_palette_file(ids, VOC), mask_class="8").alpha, ids == 8)


def test_odd_pixels_in_one_colour_on_black_are_refused() -> None:
    picture = _rgb(_ids(0), VOC)
    file = read_mask(picture)
    np.testing.assert_array_equal(file.alpha, _wall())
    assert "one colour" in file.warnings[0]
    for odd in ((224, 224, 192), (255, 0, 0), (0, 0, 255)):
        changed = picture.copy()
        changed[0, :3] = odd
        assert f"#{bytes(odd).hex()} 0.062 %" in _refusal(changed)


def test_odd_coloured_pixels_in_black_and_white_are_refused() -> None:
    picture = np.repeat((_wall() * 255).astype(np.uint8)[..., None], 3, axis=2)
    picture[0, 0] = (255, 0, 0)
    assert "#ff0000 0.021 %" in _refusal(encoded(picture, "PNG"))


@pytest.mark.parametrize("border_px", [1, 2, 3])
def test_grey_ids_with_a_void_border(border_px: int) -> None:
    message = _refusal(encoded(_ids(border_px), "PNG"))
    assert message.startswith("the mask is a class map: it holds 0 ")
    assert "1 25 %" in message
    assert '`mask_class="soft"`' in message
    np.testing.assert_array_equal(read_mask(_ids(border_px), mask_class="1").alpha, _wall())
    np.testing.assert_array_equal(read_mask(_ids(border_px), mask_class="255").alpha, _ids(border_px) == 255)


def test_ade20k() -> None:
    ids = np.zeros(SIZE, np.uint8)
    ids[:10], ids[10:40, :60], ids[10:40, 60:], ids[40:] = 6, 1, 15, 4
    for source in (ids, encoded(ids, "PNG"), _palette_file(ids, ADE20K)):
        _refusal(source)
        np.testing.assert_array_equal(read_mask(source, mask_class="1").alpha, ids == 1)
    picture = encoded(_rgb(ids, ADE20K), "PNG")
    assert _refusal(picture).endswith("name the wall's class, such as `mask_class='#787878'`")
    np.testing.assert_array_equal(read_mask(picture, mask_class="120,120,120").alpha, ids == 1)
    assert "no class numbers" in _refusal(picture, mask_class="1")


def test_many_grey_classes() -> None:
    rng = np.random.default_rng(3)
    ids = cv2.resize(rng.permutation(np.arange(1, 151, 6, dtype=np.uint8)).reshape(5, 5), (100, 100), interpolation=0)
    assert "class map" in _refusal(ids)
    np.testing.assert_array_equal(read_mask(ids, mask_class="7").alpha, ids == 7)


@pytest.mark.parametrize("level", [3, 100, 128, 200, 229])
def test_a_single_class_is_no_half_transparent_wall(level: int) -> None:
    ids = np.where(_wall(), level, 0).astype(np.uint8)
    assert f"0 75 %, {level} 25 %: name the wall's class, such as `mask_class={level}`" in _refusal(ids)
    np.testing.assert_array_equal(read_mask(ids, mask_class=str(level)).alpha, _wall())
    np.testing.assert_allclose(read_mask(ids, mask_class="soft").alpha, ids / 255, atol=1e-6)


def test_wide_integers_need_a_class() -> None:
    ids = _ids().astype(np.int64) * 1000
    assert "int64" in _refusal(ids)
    np.testing.assert_array_equal(read_mask(ids, mask_class="1000").alpha, _wall())
    np.testing.assert_array_equal(read_mask(encoded(ids.astype(np.uint16), "PNG"), mask_class="1000").alpha, _wall())


def test_a_class_that_is_not_there() -> None:
    message = _refusal(_palette_file(_ids(), VOC), mask_class="7")
    assert message.startswith(
        "the mask has no pixel of class 7: it holds 0 #000000 72 %, 1 #800000 25 %, 255 #e0e0c0 3 %"
    )
    assert "class number or a colour" in _refusal(_palette_file(_ids(), VOC), mask_class="no such thing")


def test_a_class_can_be_inverted() -> None:
    np.testing.assert_array_equal(read_mask(_ids(), mask_class="1", invert=True).alpha, ~_wall())


def test_soft_takes_all_greys() -> None:
    trimap = np.zeros(SIZE, np.uint8)
    trimap[20:], trimap[40:] = 128, 255
    assert "0 33 %, 128 33 %, 255 33 %" in _refusal(trimap)
    np.testing.assert_allclose(read_mask(trimap, mask_class="soft").alpha, trimap / 255, atol=1e-6)


def test_lossy_classes_are_refused_and_selected_by_colour() -> None:
    ids = _ids(0)
    ids[45:] = 2
    data = encoded(_rgb(ids, VOC), "JPEG", quality=95, subsampling=0)
    _refusal(data)
    assert abs(read_mask(data, mask_class="#800000").alpha.sum() - 1200) < 60
    grey = encoded(np.where(ids == 2, 90, np.where(ids == 1, 200, 0)).astype(np.uint8), "JPEG", quality=95)
    assert "class map" in _refusal(grey)
    assert "lossy" in _refusal(grey, mask_class="200")


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0, 10.0, 40.0])
@pytest.mark.parametrize("low_high", [(0, 255), (3, 250), (0, 140)])
def test_soft_masks_are_no_class_maps(sigma: float, low_high: tuple[int, int]) -> None:
    wall = np.zeros((300, 400), np.float32)
    wall[60:200, 80:320] = 1
    low, high = low_high
    soft = cv2.GaussianBlur(wall, (0, 0), sigma) * (high - low) + low
    assert not has_classes(np.round(soft).astype(np.uint8))
    assert not has_classes(np.round(soft).astype(np.uint8), is_lossy=True)


@pytest.mark.parametrize("supersampling", [2, 3, 4])
@pytest.mark.parametrize("angle", [0, 3, 17, 45])
def test_antialiased_masks_are_no_class_maps(supersampling: int, angle: int) -> None:
    side = 200 * supersampling
    canvas = np.zeros((side, side), np.uint8)
    box = cv2.boxPoints(((side / 2, side / 2 + 1), (side * 0.6, side * 0.4), angle))
    cv2.fillPoly(canvas, [box.astype(np.int32)], 255)
    assert not has_classes(np.asarray(Image.fromarray(canvas).reduce(supersampling)))


def test_gradients_and_noise_are_no_class_maps() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None], 200, axis=0)
    assert not has_classes(ramp)
    assert not has_classes(np.repeat(ramp, 9, axis=1))
    noise = np.random.default_rng(0).integers(0, 6, (200, 256)).astype(np.uint8)
    assert not has_classes(np.where(np.arange(200)[:, None] < 90, 249 + noise, noise).astype(np.uint8))


def test_class_maps_on_a_transparent_ground_are_not_cut_outs() -> None:
    ids = _ids(0)
    ids[45:] = 2
    pixels = np.dstack([_rgb(ids, VOC), np.where(ids > 0, 255, 0).astype(np.uint8)])
    assert "transparent ground" in _refusal(encoded(pixels, "PNG"))
    np.testing.assert_array_equal(read_mask(encoded(pixels, "PNG"), mask_class="#800000").alpha, _wall())
    assert "no pixel of class blue" in _refusal(encoded(pixels, "PNG"), mask_class="blue")


def test_cut_outs_name_the_other_convention() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE, 4), dtype=np.uint8)
    pixels[..., 3] = np.where(_wall(), 0, 255)
    file = read_mask(encoded(pixels, "PNG"))
    np.testing.assert_array_equal(file.alpha, ~_wall())
    assert file.warnings == (
        "the mask is a cut-out picture: its opaque part was taken as wall, its colours were not used: "
        "set `invert_mask` if the wall was erased",
    )
    inverted = read_mask(encoded(pixels, "PNG"), invert=True)
    np.testing.assert_array_equal(inverted.alpha, _wall())
    assert "transparent part was taken as wall" in inverted.warnings[0]


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("spread", [12, 200])
def test_cut_outs_of_photos_in_few_or_in_no_colours_name_the_other_convention(spread: int, grey: bool) -> None:
    """What is left beside an erased wall may be of one tone, and the photo may be black and white."""
    codes = np.random.default_rng(0).integers(120 - spread // 2, 120 + spread // 2, (*SIZE, 3), dtype=np.uint8)
    colour = codes[..., :1] if grey else codes
    cut = np.where(_wall(), 0, 255).astype(np.uint8)
    file = read_mask(encoded(np.dstack([colour, cut]), "PNG"))
    np.testing.assert_array_equal(file.alpha, ~_wall())
    assert "set `invert_mask` if the wall was erased" in file.warnings[0]


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_brush_that_is_not_opaque_is_full_wall(kind: str) -> None:
    pixels = np.zeros((*SIZE, 4), np.uint8)
    pixels[_wall()] = (255, 0, 0, 128)
    file = read_mask(encoded(pixels, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {})))
    np.testing.assert_array_equal(file.alpha, _wall())
    assert file.warnings == ("the mask is drawn with 50 % opacity, which was taken as full wall: draw it opaque",)
    soft = read_mask(encoded(pixels, "PNG"), mask_class="soft")
    np.testing.assert_allclose(soft.alpha, _wall() * np.float32(128 / 255))


def test_soft_brushes_keep_their_edge() -> None:
    soft = cv2.GaussianBlur(_wall().astype(np.float32), (0, 0), 2)
    for top in (255, 100):
        alpha = np.round(soft * top).astype(np.uint8)
        white = np.dstack([np.full((*SIZE, 3), 255, np.uint8), alpha])
        expected = alpha / np.float32(top if np.count_nonzero(alpha == top) * 2 >= np.count_nonzero(alpha) else 255)
        np.testing.assert_allclose(read_mask(encoded(white, "PNG")).alpha, expected, atol=1e-6)
    premultiplied = np.dstack([np.round(soft * 255)] * 4).astype(np.uint8)
    premultiplied[..., 1:3] = 0
    assert read_mask(encoded(premultiplied, "PNG")).warnings == ()


@pytest.mark.parametrize("white", [1, 2, 255])
def test_eight_bit_codes_in_sixteen_bits_are_a_class(white: int) -> None:
    data = encoded(_wall().astype(np.uint16) * white, "PNG")
    assert f"0 75 %, {white} 25 %: name the wall's class, such as `mask_class={white}`" in _refusal(data)
    np.testing.assert_array_equal(read_mask(data, mask_class=str(white)).alpha, _wall())


def test_a_photo_as_its_own_mask_is_refused_as_that() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    assert _refusal(encoded(photo, "PNG")).endswith(
        "a picture in many colours, such as a photo: a mask is white on the wall and black elsewhere"
    )
    photo[_wall()] = (255, 0, 0)
    assert _refusal(encoded(photo, "PNG")).endswith("name the wall's class, such as `mask_class='#ff0000'`")
    np.testing.assert_array_equal(read_mask(encoded(photo, "PNG"), mask_class="#ff0000").alpha, _wall())
