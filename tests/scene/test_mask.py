"""Masks: reading, lint, resizing and edge operations."""

import io
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from wallpaint.errors import InputError, ShapeError
from wallpaint.scene import mask as masks

SIZE = (60, 80)


def _square(size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return a bool wall with a margin of a quarter on each side."""
    wall = np.zeros(size, bool)
    wall[size[0] // 4 : -size[0] // 4, size[1] // 4 : -size[1] // 4] = True
    return wall


def _soft(size: tuple[int, int] = SIZE) -> np.ndarray:
    return cv2.GaussianBlur(_square(size).astype(np.float32), (0, 0), 2)


def _file(pixels: np.ndarray, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, **options)
    return buffer.getvalue()


def _message(function, *args: object, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        function(*args, **options)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    return str(caught.value)


def _lint(alpha: np.ndarray, **options: object) -> tuple[str, ...]:
    return masks.lint(masks.read_mask(alpha), **options)  # type: ignore[arg-type]


# -- reading -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [0, 1, 3])
def test_read_mask_accepts_arrays_of_every_dtype(dtype, channels: int) -> None:
    white = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    array = (_square() * white).astype(dtype)
    if channels:
        array = np.repeat(array[..., None], channels, axis=2)
    file = masks.read_mask(array)
    assert file.alpha.dtype == np.float32
    np.testing.assert_array_equal(file.alpha, _square())
    assert (file.levels, file.peak, file.warnings) == (2, 1.0, ())
    assert not np.shares_memory(file.alpha, array)
    np.testing.assert_array_equal(masks.read_mask(array, invert=True).alpha, ~_square())


def test_grey_becomes_alpha() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None], 8, axis=0)
    np.testing.assert_allclose(masks.read_mask(ramp).alpha[0], np.arange(256) / 255, atol=1e-6)
    np.testing.assert_allclose(masks.read_mask(_file(ramp)).alpha[0], np.arange(256) / 255, atol=1e-6)
    assert masks.read_mask(ramp).histogram.tolist() == [8] * 256


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P"])
def test_read_mask_accepts_files_of_every_format(tmp_path: Path, format: str, mode: str) -> None:
    path = tmp_path / f"mask.{format.lower()}"
    options = {"lossless": True} if format == "WEBP" else {}
    Image.fromarray((_square() * 255).astype(np.uint8)).convert(mode).save(path, format, **options)
    for source in (path, str(path), path.read_bytes(), Image.open(path)):
        file = masks.read_mask(source)
        np.testing.assert_array_equal(file.alpha, _square())
        assert file.warnings == ()
    assert masks.read_mask(path).source == f"mask mask.{format.lower()}"
    assert masks.read_mask(path).format.upper() == format


def test_16_bit_files_keep_their_precision() -> None:
    codes = (_soft() * 65535).round().astype(np.uint16)
    np.testing.assert_allclose(masks.read_mask(_file(codes)).alpha, codes / 65535, atol=1e-6)


def test_colour_profile_is_ignored() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    codes = np.repeat((_soft() * 255).astype(np.uint8)[..., None], 3, axis=2)
    np.testing.assert_allclose(masks.read_mask(_file(codes, icc_profile=profile)).alpha, codes[..., 0] / 255, atol=1e-6)


def test_orientation_tag_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate 90 degrees clockwise for display
    wall = np.zeros(SIZE, np.uint8)
    wall[:10] = 255
    file = masks.read_mask(_file(wall, "PNG", exif=exif.tobytes()))
    np.testing.assert_array_equal(file.alpha, np.rot90(wall, -1) / 255)


@pytest.mark.parametrize("rgb", [(0, 0, 0), (255, 255, 255), (200, 30, 30)])
def test_alpha_channel_of_a_uniform_image_is_the_mask(rgb: tuple[int, int, int]) -> None:
    cut = (_soft() * 255).astype(np.uint8)
    pixels = np.dstack([np.full((*SIZE, 3), rgb, np.uint8), cut])
    for source in (pixels, _file(pixels)):
        file = masks.read_mask(source)
        assert (file.channel, file.warnings) == ("alpha", ())
        np.testing.assert_allclose(file.alpha, cut / 255, atol=1e-6)


def test_alpha_channel_is_used_where_only_transparent_colours_differ() -> None:
    pixels = np.zeros((*SIZE, 4), np.uint8)
    pixels[_square()] = 255
    assert masks.read_mask(pixels).channel == "alpha"


def test_cut_out_photo_is_accepted_as_a_mask() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE, 4), dtype=np.uint8)
    pixels[..., 3] = _square() * 255
    file = masks.read_mask(pixels)
    np.testing.assert_array_equal(file.alpha, _square())
    assert "cut-out" in file.warnings[0]


def test_grey_and_alpha_are_multiplied_with_a_warning() -> None:
    pixels = np.full((*SIZE, 4), 255, np.uint8)
    pixels[:30, :, :3] = 0
    pixels[:, :40, 3] = 0
    file = masks.read_mask(pixels)
    expected = np.zeros(SIZE)
    expected[30:, 40:] = 1
    np.testing.assert_array_equal(file.alpha, expected)
    assert file.channel == "grey x alpha"
    assert "flatten" in file.warnings[0]


@pytest.mark.parametrize("level", [255, 128, 0])
def test_constant_alpha_is_ignored(level: int) -> None:
    pixels = np.dstack(
        [np.repeat((_square() * 255).astype(np.uint8)[..., None], 3, axis=2), np.full(SIZE, level, np.uint8)]
    )
    file = masks.read_mask(pixels)
    assert file.channel == "grey"
    np.testing.assert_array_equal(file.alpha, _square())


@pytest.mark.parametrize("rgb", [(255, 0, 0), (0, 128, 0), (250, 240, 0)])
def test_single_colour_on_black_is_wall(rgb: tuple[int, int, int]) -> None:
    pixels = (_soft()[..., None] * np.array(rgb)).round().astype(np.uint8)
    file = masks.read_mask(pixels)
    np.testing.assert_allclose(file.alpha, _soft() / _soft().max(), atol=0.01)
    assert file.channel == "brightest"
    assert "one colour" in file.warnings[0]


def test_colour_images_are_rejected(tmp_path: Path) -> None:
    labels = np.zeros((*SIZE, 3), np.uint8)
    labels[:20], labels[20:40], labels[40:] = (255, 0, 0), (0, 255, 0), (0, 0, 0)
    assert "coloured picture" in _message(masks.read_mask, labels)
    photo = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    path = tmp_path / "photo.png"
    path.write_bytes(_file(photo))
    assert _message(masks.read_mask, path).startswith("mask photo.png is a picture in many colours")
    red_on_white = np.full((*SIZE, 3), 255, np.uint8)
    red_on_white[_square()] = (255, 0, 0)
    assert "coloured picture" in _message(masks.read_mask, red_on_white)


def test_slight_colour_noise_counts_as_grey() -> None:
    noise = np.random.default_rng(2).integers(0, 12, (*SIZE, 3))
    file = masks.read_mask((_square()[..., None] * 240 + noise).astype(np.uint8))
    assert file.channel == "grey"
    np.testing.assert_allclose(file.alpha, (_square() * 240 + noise.mean(axis=2)) / 255, atol=1e-5)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.full(SIZE, np.nan), "0..1"),
        (np.full(SIZE, np.inf), "0..1"),
        (np.full(SIZE, 255.0), "0..1"),
        (np.full(SIZE, -0.1), "0..1"),
        (np.zeros(SIZE, np.int64), "int64"),
        (np.zeros(SIZE, complex), "complex"),
        (np.zeros((0, 5), np.uint8), "height"),
        (np.zeros(5, np.uint8), "height"),
        (np.zeros((5, 5, 7), np.uint8), "channels"),
        (np.zeros((1, 1, 5, 5), np.uint8), "channels"),
    ],
)
def test_invalid_arrays_are_rejected(array: np.ndarray, reason: str) -> None:
    assert reason in _message(masks.read_mask, array)


def test_cmyk_is_rejected() -> None:
    buffer = io.BytesIO()
    Image.new("CMYK", (20, 20)).save(buffer, "JPEG")
    assert "CMYK" in _message(masks.read_mask, buffer.getvalue())


@pytest.mark.parametrize("data", [b"", b"not a picture", _file(np.zeros(SIZE, np.uint8))[:60]])
def test_invalid_files_are_rejected(data: bytes) -> None:
    _message(masks.read_mask, data)


def test_jpeg_ringing_is_removed_with_a_warning() -> None:
    hard = (_square((120, 160)) * 255).astype(np.uint8)
    file = masks.read_mask(_file(hard, "JPEG", quality=85))
    assert file.was_jpeg
    assert "JPEG" in file.warnings[0]
    assert not ((file.alpha > 0) & (file.alpha < 7.9 / 255)).any()
    assert not ((file.alpha < 1) & (file.alpha > 1 - 7.9 / 255)).any()
    inverted = masks.read_mask(_file(hard, "JPEG", quality=85), invert=True)
    np.testing.assert_allclose(inverted.alpha, 1 - file.alpha)
    faint = np.full(SIZE, 5, np.uint8)
    assert masks.read_mask(_file(faint)).alpha.max() == pytest.approx(5 / 255)


# -- checks --------------------------------------------------------------------------------------------------


def test_require_wall_rejects_masks_without_white() -> None:
    assert masks.require_wall(_soft(), "left") == ()
    assert "`invert_mask`" in _message(masks.require_wall, np.zeros(SIZE, np.float32), "left")
    assert "multiply it by 255" in _message(masks.require_wall, np.full(SIZE, 1 / 255, np.float32), "left")
    assert "brightest is 40 %" in _message(masks.require_wall, np.full(SIZE, 0.4, np.float32), "left")
    assert "entire photo" in masks.require_wall(np.ones(SIZE, np.float32), "left")[0]


def test_check_size_reports_sizes_and_rotation() -> None:
    alpha = np.zeros((480, 640), np.float32)
    assert masks.check_size(alpha, (480, 640), fit=False) == ()
    assert masks.check_size(alpha, (960, 1280), fit=True) == ()
    assert masks.check_size(alpha, (961, 1280), fit=True) == ()
    message = _message(masks.check_size, alpha, (960, 1280), fit=False)
    assert message == "mask is 480x640, photo is 960x1280: resize the mask or set `fit_mask`"
    assert "rotated" in _message(masks.check_size, alpha, (640, 480), fit=False)
    assert "rotated" in _message(masks.check_size, alpha, (1280, 960), fit=False)
    assert "rotated" not in _message(masks.check_size, np.zeros((64, 64), np.float32), (128, 128), fit=False)
    assert "mask left is" in masks.check_size(alpha, (480, 700), fit=True, name="left")[0]
    with pytest.raises(ShapeError):
        masks.check_size(alpha, (480, 641), fit=False)


@pytest.mark.parametrize("size", [(30, 40), (120, 160), (61, 79), (120, 40), (30, 160), SIZE, (1, 1)])
def test_fit_mask_preserves_share_and_range(size: tuple[int, int]) -> None:
    alpha = _soft()
    before = alpha.copy()
    fitted = masks.fit_mask(alpha, size)
    assert fitted.shape == size
    assert fitted.dtype == np.float32
    assert fitted.min() >= 0
    assert fitted.max() <= 1
    assert fitted.mean() == pytest.approx(alpha.mean(), abs=0.01)
    np.testing.assert_array_equal(alpha, before)
    assert not np.shares_memory(alpha, fitted)


def test_fit_mask_of_constants_is_exact() -> None:
    for value in (0, 1):
        assert (masks.fit_mask(np.full((97, 51), value, np.float32), (33, 200)) == value).all()


# -- lint ----------------------------------------------------------------------------------------------------


def test_good_mask_gives_no_warning() -> None:
    wall = np.zeros((300, 400), np.float32)
    wall[:180, 30:370] = 1
    assert _lint(cv2.GaussianBlur(wall, (0, 0), 0.8), photo_size=(300, 400)) == ()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda a: a * 0.6, "nowhere white"),
        (lambda a: a * 0.95 + 0.02, "nearly black"),
        (lambda a: a * 0.98, "nearly white"),
        (lambda a: a * 0.5 + 0.25, "grey on"),
        (lambda a: np.pad(np.zeros((90, 90)), 105, constant_values=1), "`invert_mask`"),
    ],
)
def test_each_defect_gives_its_warning(make, message: str) -> None:
    warnings_ = _lint(np.clip(make(_soft((300, 400)).astype(np.float64)), 0, 1))
    assert any(message in line for line in warnings_), warnings_
    assert all("\n" not in line and line.count(": ") >= 1 for line in warnings_)


def test_mask_of_0_and_1_bytes_gives_a_warning() -> None:
    (line,) = _lint(_square().astype(np.uint8))
    assert "white must be 255" in line


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_invert_of_a_complement_is_bit_equal(dtype: type) -> None:
    top = np.iinfo(dtype).max
    codes = np.tile(np.linspace(0, top, 256).astype(dtype), (4, 1))
    inverted = masks.read_mask((top - codes).astype(dtype), invert=True)
    assert np.array_equal(inverted.alpha, masks.read_mask(codes).alpha)


def test_probably_inverted_masks_give_a_warning() -> None:
    wall = np.zeros((300, 400), bool)
    wall[20:150, 50:350] = True
    assert any("covers the floor" in line for line in _lint(~wall & (np.arange(300) > 100)[:, None]))
    assert any(
        "set `invert_mask`" in line for line in _lint(np.pad(np.zeros((90, 90), bool), 105, constant_values=True))
    )
    assert not any("`invert_mask`" in line for line in _lint(wall))
    flipped = masks.lint(masks.read_mask(np.pad(np.ones((9, 9), bool), 90), invert=True))
    assert any("leave out `invert_mask`" in line for line in flipped)


@pytest.mark.parametrize("holes", [False, True])
def test_specks_are_counted_up_to_the_limit(holes: bool) -> None:
    wall = np.zeros((400, 500), np.uint8)
    wall[100:, :] = 255
    spots = [(y, x) for y in range(4, 90, 9) for x in range(4, 90, 9)]
    for count, is_reported in ((49, False), (50, True)):
        dotted = wall.copy()
        for y, x in spots[:count]:
            dotted[y + 150 if holes else y, x] = 0 if holes else 255
        assert any("specks" in line for line in _lint(dotted)) is is_reported


def test_noise_counts_as_specks() -> None:
    noise = np.where(np.random.default_rng(0).random((300, 300)) < 0.1, 255, 0).astype(np.uint8)
    assert any("specks" in line for line in _lint(noise))


def test_specks_give_a_warning() -> None:
    wall = _square((300, 400))
    rows, columns = np.mgrid[2:60:8, 2:390:8]
    wall[rows, columns] = True
    assert any("specks" in line for line in _lint(wall))


def test_rotated_mask_gives_a_warning() -> None:
    assert any("on its side" in line for line in _lint(_soft(), photo_size=SIZE[::-1]))
    assert not any("on its side" in line for line in _lint(_soft((64, 64)), photo_size=(64, 64)))


# -- edges ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("radius_px", [0, 0.5, 1, 1.5, 2, 4.2, 6, 7, 11.3])
def test_erode_and_dilate_use_a_euclidean_disc(radius_px: float) -> None:
    mask = np.random.default_rng(3).random((70, 90)) < 0.002
    mask[20:50, 30:70] = True
    before = mask.copy()
    np.testing.assert_array_equal(
        masks.dilate(mask, radius_px),
        ndimage.distance_transform_edt(~mask) <= max(radius_px * (radius_px >= 1), 0),
    )
    np.testing.assert_array_equal(
        masks.erode(mask, radius_px),
        ndimage.distance_transform_edt(mask) > max(radius_px * (radius_px >= 1), 0),
    )
    np.testing.assert_array_equal(mask, before)


@pytest.mark.parametrize("radius_px", [3, 20])
def test_image_border_is_not_an_edge(radius_px: float) -> None:
    wall = np.zeros((100, 100), bool)
    wall[:50] = True
    assert masks.erode(wall, radius_px)[: 50 - radius_px].all()
    assert not masks.erode(wall, radius_px)[50 - radius_px :].any()
    assert masks.erode(np.ones((9, 9), bool), radius_px).all()
    assert not masks.dilate(np.zeros((9, 9), bool), radius_px).any()


def test_invalid_radius_is_rejected() -> None:
    assert "radius" in _message(masks.erode, _square(), -1)
    assert "radius" in _message(masks.dilate, _square(), float("nan"))


def test_radius_of_kernel_is_the_erosion_of_the_kernel() -> None:
    for size in (1, 3, 5, 7, 9):
        eroded = cv2.erode(np.pad(np.ones((30, 30), np.uint8), 5), np.ones((size, size), np.uint8))
        assert int(eroded.any(axis=1).sum()) == 30 - 2 * masks.radius_of_kernel(size)
    assert masks.radius_of_kernel(5) == 2
    assert "odd" in _message(masks.radius_of_kernel, 4)


@pytest.mark.parametrize("radius_px", [0, 1, 3, 6.5])
def test_feather_changes_only_pixels_near_the_edge(radius_px: float) -> None:
    wall = _square().astype(np.float32)
    soft = masks.feather(wall, radius_px)
    assert soft.dtype == np.float32
    square = np.ones((2 * int(radius_px) + 1,) * 2, np.uint8)
    untouched = cv2.dilate(wall, square) == cv2.erode(wall, square)
    np.testing.assert_array_equal(soft[untouched], wall[untouched])
    assert soft.sum() == pytest.approx(wall.sum(), rel=0.01)
    if radius_px >= 1:
        assert 0.3 < soft[SIZE[0] // 2, SIZE[1] // 4] < 0.9


def test_remove_specks_removes_islands_and_fills_holes() -> None:
    wall = _square((200, 200))
    dirty = wall.copy()
    dirty[5:8, 5:8], dirty[90:93, 90:93], dirty[120, 120] = True, False, False
    np.testing.assert_array_equal(masks.remove_specks(dirty, 10, 10), wall)
    np.testing.assert_array_equal(masks.remove_specks(dirty, 0, 0), dirty)
    only_holes = masks.remove_specks(dirty, 0, 5)
    assert only_holes[120, 120]
    assert not only_holes[91, 91]
    assert only_holes[6, 6]
    assert masks.remove_specks(np.ones((9, 9), bool), 5, 5).all()
    assert not masks.remove_specks(np.zeros((9, 9), bool), 5, 5).any()


def test_refine_edge_aligns_with_the_photo() -> None:
    rows, columns = 700, 400  # larger than one tile
    guide = np.full((rows, columns, 3), 40, np.uint8)
    guide[:, 200:] = 200
    rough = np.zeros((rows, columns), np.float32)
    rough[:, 196:] = 1
    truth = np.zeros_like(rough)
    truth[:, 200:] = 1
    refined = masks.refine_edge(rough, guide, radius_px=24)
    np.testing.assert_array_equal(refined >= 0.5, truth)
    assert np.abs(refined - truth).max() < 0.5
    np.testing.assert_array_equal(refined[:, : 196 - 24], 0)
    np.testing.assert_array_equal(refined[:, 196 + 24 :], 1)
    assert np.abs(np.diff(refined, axis=0)).max() < 1e-4, "tile borders are visible"
    for scaled in (guide.astype(np.uint16) * 257, (guide / 255).astype(np.float32)):
        np.testing.assert_allclose(masks.refine_edge(rough, scaled, radius_px=24), refined, atol=1e-4)
    with pytest.raises(ShapeError):
        masks.refine_edge(rough, guide[:-1])


def test_refine_edge_has_no_step_at_the_end_of_its_band() -> None:
    guide = np.random.default_rng(4).integers(100, 110, (80, 80, 3), dtype=np.uint8)
    rough = np.zeros((80, 80), np.float32)
    rough[:, 40:] = 1
    refined = masks.refine_edge(rough, guide, radius_px=12)
    assert np.abs(np.diff(refined, axis=1)).max() < 0.25


def test_a_missing_file_is_named_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "masks" / "wall.png"
    assert _message(masks.read_mask, path) == f"mask {path}: there is no such file: check the path"


# -- windows -------------------------------------------------------------------------------------------------


def test_bounding_box() -> None:
    assert masks.bounding_box(_square()) == (15, 20, 30, 40)
    assert "empty" in _message(masks.bounding_box, np.zeros(SIZE, np.float32))


@given(st.integers(1, 900), st.integers(1, 900), st.data())
def test_window_contains_the_wall_and_stays_inside(height: int, width: int, data: st.DataObject) -> None:
    top, bottom = sorted(data.draw(st.lists(st.integers(0, height - 1), min_size=2, max_size=2)))
    left, right = sorted(data.draw(st.lists(st.integers(0, width - 1), min_size=2, max_size=2)))
    wall = np.zeros((height, width), bool)
    wall[top : bottom + 1, left : right + 1] = True
    window = masks.crop_with_context(wall, area=256 * 256)
    assert 0 <= window.top <= top
    assert bottom < window.top + window.height <= height
    assert 0 <= window.left <= left
    assert right < window.left + window.width <= width
    assert window.out_height % 64 == window.out_width % 64 == 0
    assert min(window.out_height, window.out_width) >= 64
    assert wall[window.slices].sum() == wall.sum()


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((3000, 4000), (0, 0, 3000, 4000)),
        ((3000, 4000), (200, 300, 2000, 1500)),
        ((4000, 3000), (1000, 0, 900, 3000)),
        ((2000, 3000), (0, 0, 2000, 3000)),
        ((1080, 1920), (0, 0, 1080, 1920)),
        ((1500, 1500), (700, 700, 5, 5)),
        ((300, 4000), (100, 100, 50, 50)),
        ((480, 640), (0, 0, 480, 640)),
    ],
)
def test_window_preserves_aspect_ratio_and_area(size: tuple[int, int], box: tuple[int, int, int, int]) -> None:
    wall = np.zeros(size, bool)
    wall[box[0] : box[0] + box[2], box[1] : box[1] + box[3]] = True
    window = masks.crop_with_context(wall)
    squeeze = (window.out_height / window.out_width) / (window.height / window.width)
    assert abs(squeeze - 1) < 0.06
    assert 0.7 < window.out_height * window.out_width / 512**2 < 1.4
    assert window.height * window.width >= min(0.7 * 512**2, size[0] * size[1])


def test_window_has_context_around_the_wall() -> None:
    wall = np.zeros((3000, 4000), bool)
    wall[1000:2000, 1500:2500] = True
    window = masks.crop_with_context(wall, context=0.25)
    assert (window.top, window.left, window.height, window.width) == (750, 1250, 1500, 1500)
    assert (window.out_height, window.out_width) == (512, 512)


# -- several walls -------------------------------------------------------------------------------------------


def test_later_walls_cover_earlier_ones() -> None:
    left, right = np.zeros(SIZE, np.float32), np.zeros(SIZE, np.float32)
    left[:, :50], right[:, 30:] = 1, 1
    resolved = masks.combine({"left": left, "right": right})
    assert list(resolved) == ["left", "right"]
    np.testing.assert_array_equal(resolved["right"], right)
    assert resolved["left"][:, :30].all()
    assert not resolved["left"][:, 30:].any()
    shares = masks.overlap_shares({"left": left, "right": right}, resolved)
    assert shares == {"left": pytest.approx(0.4), "right": 0.0}


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_sum_of_alphas_is_at_most_one(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    walls = {str(i): rng.random((6, 7)).astype(np.float32).round(1) for i in range(count)}
    for number, wall in enumerate(walls.values()):
        wall[number] = 1
        for other in walls.values():
            if other is not wall:
                other[number] = 0
    resolved = masks.combine(walls)
    total = np.sum(list(resolved.values()), axis=0)
    assert total.max() <= 1 + 1e-6
    sum_of_all = np.sum(list(walls.values()), axis=0)
    np.testing.assert_allclose(total, np.minimum(sum_of_all, 1), atol=1e-5)
    assert all(alpha.dtype == np.float32 for alpha in resolved.values())


def test_covered_wall_and_unequal_sizes_are_rejected() -> None:
    wall = _soft()
    assert "wall a is completely covered" in _message(masks.combine, {"a": wall, "b": np.ones(SIZE, np.float32)})
    message = _message(masks.combine, {"a": wall, "b": _soft((30, 40))})
    assert "a 60x80, b 30x40" in message


def test_single_wall_is_unchanged() -> None:
    wall = _soft()
    resolved = masks.combine({"wall": wall})
    np.testing.assert_array_equal(resolved["wall"], wall)
    assert not np.shares_memory(resolved["wall"], wall)


def test_masks_raise_no_numpy_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for array in (np.zeros(SIZE, bool), np.ones(SIZE, bool), np.zeros((1, 1), np.uint8), _square()):
            _lint(array)
            masks.fit_mask(masks.read_mask(array).alpha, (7, 9))
