"""Photos read from every kind of file, and written back, against numbers."""

from __future__ import annotations

import io
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from PIL import Image

from support import corpora
from support import image_files as files
from support.image_files import encoded, room, stored, wide
from wallpaint.errors import InputError, ShapeError
from wallpaint.files import exif, xmp
from wallpaint.imaging import write as encode
from wallpaint.imaging.photo import Limits, Photo, read_photo
from wallpaint.imaging.write import write_photo

CARD = room(48, 64)
DEEP = wide(CARD)
FADE = (np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) % 256).astype(np.uint8)
GREY = CARD[..., 1]


def _blocky(seed: int = 0) -> np.ndarray:
    """A picture of flat 16 px blocks, which lossy formats keep."""
    colors = np.random.default_rng(seed).integers(30, 226, (3, 4, 3)).astype(np.uint8)
    return np.repeat(np.repeat(colors, 16, axis=0), 16, axis=1)


# Reading: depth, mode, container

LOSSLESS = {
    "png": (encoded(CARD, "PNG"), CARD),
    "png 16": (files.png_16(DEEP), DEEP),
    "png interlaced": (files.png_interlaced(CARD), CARD),
    "png 16 interlaced": (files.png_interlaced(DEEP), DEEP),
    "png grey": (encoded(GREY, "PNG"), GREY),
    "png grey 16": (encoded(Image.fromarray(DEEP[..., 1]), "PNG"), DEEP[..., 1]),
    "png 1 bit": (encoded(Image.fromarray(GREY > 120), "PNG"), (GREY > 120).astype(np.uint8) * 255),
    "webp": (encoded(CARD, "WEBP", lossless=True), CARD),
    "bmp": (encoded(CARD, "BMP"), CARD),
    "tiff": (files.tiff(CARD), CARD),
    "tiff 16": (files.tiff(DEEP), DEEP),
    "tiff lzw": (files.tiff(DEEP, compression="lzw", predictor=2), DEEP),
    "tiff deflate": (files.tiff(DEEP, compression="deflate"), DEEP),
    "tiff packbits": (files.tiff(CARD, compression="packbits"), CARD),
    "tiff big endian": (files.tiff(DEEP, byteorder=">"), DEEP),
    "tiff tiled": (files.tiff(DEEP, tile=(16, 32)), DEEP),
    "tiff strips": (files.tiff(CARD, rowsperstrip=5), CARD),
    "tiff planar": (files.tiff(np.moveaxis(DEEP, -1, 0), photometric="rgb", planarconfig="separate"), DEEP),
    "bigtiff": (files.tiff(CARD, bigtiff=True), CARD),
    "tiff grey": (files.tiff(GREY), GREY),
    "tiff white is zero": (files.tiff(255 - GREY, photometric="miniswhite"), GREY),
    "tiff 1 bit": (
        encoded(Image.fromarray(GREY > 120), "TIFF", compression="group4"),
        (GREY > 120).astype(np.uint8) * 255,
    ),
    "tiff float": (files.tiff((CARD / 255).astype(np.float32)), CARD.astype(np.uint16) * 257),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_files_are_read_exactly(name: str) -> None:
    data, expected = LOSSLESS[name]
    photo = read_photo(data)
    if expected.ndim == 2:
        expected = np.repeat(expected[..., None], 3, axis=2)
    assert photo.codes.dtype == expected.dtype
    assert np.array_equal(photo.codes, expected)
    assert photo.alpha is None
    assert photo.size == (48, 64)
    assert not photo.codes.flags.writeable


TRANSPARENT = {
    "png": (encoded(np.dstack([CARD, FADE]), "PNG"), CARD, FADE),
    "png grey": (encoded(np.dstack([GREY, FADE]), "PNG"), np.dstack([GREY] * 3), FADE),
    "png 16": (files.png_16(np.dstack([DEEP, FADE * np.uint16(257)])), DEEP, FADE * np.uint16(257)),
    "webp": (encoded(np.dstack([CARD, FADE]), "WEBP", lossless=True, exact=True), CARD, FADE),
    "tiff": (files.tiff(np.dstack([CARD, FADE]), extrasamples=["unassalpha"]), CARD, FADE),
}


@pytest.mark.parametrize("name", TRANSPARENT)
def test_transparency_is_carried(name: str) -> None:
    data, codes, alpha = TRANSPARENT[name]
    photo = read_photo(data)
    assert np.array_equal(photo.codes, codes)
    assert photo.alpha is not None
    assert photo.alpha.dtype == photo.codes.dtype
    assert np.array_equal(photo.alpha, alpha)
    assert not photo.alpha.flags.writeable


def test_palettes_are_looked_up() -> None:
    image = Image.fromarray(CARD).quantize(32)
    expected = np.asarray(image.convert("RGB"))
    for kind, options in (("PNG", {}), ("PNG", {"bits": 8}), ("GIF", {}), ("BMP", {}), ("TIFF", {})):
        assert np.array_equal(read_photo(encoded(image, kind, **options)).codes, expected), kind
    photo = read_photo(encoded(image, "PNG", transparency=3))
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha == 0, np.asarray(image) == 3)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpegs(subsampling: int, progressive: bool) -> None:
    data = encoded(_blocky(), "JPEG", quality=95, subsampling=subsampling, progressive=progressive)
    photo = read_photo(data)
    assert np.abs(photo.codes.astype(int) - _blocky())[4::8, 4::8].max() <= 3
    assert photo.source.jpeg is not None
    assert photo.source.jpeg.subsampling == subsampling
    assert photo.source.jpeg.is_progressive == progressive
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(photo.codes, np.asarray(image))


def test_ten_bits_stay_more_than_eight() -> None:
    ten = _blocky().astype(np.uint16) * 4 + 2
    for data in (files.heic(ten, quality=100), files.avif_10(ten)):
        photo = read_photo(data)
        assert photo.codes.dtype == np.uint16
        assert photo.source.bit_depth == 10
        assert np.abs(photo.codes / 65535 - ten / 1023).max() < 0.008
        assert len(np.unique(photo.codes)) > 4


def test_black_and_white_of_ten_bits_are_black_and_white() -> None:
    card = np.zeros((64, 64, 3), np.uint16)
    card[:, 32:] = 1023
    photo = read_photo(files.heic(card, quality=100))
    assert photo.codes[20, 8].max() < 200
    assert photo.codes[20, 56].min() > 65535 - 200


# Reading: orientation, colour


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIC", "AVIF"])
def test_orientation(kind: str, orientation: int) -> None:
    card = _blocky()
    turned, block = stored(card, orientation), files.exif_block(orientation)
    if kind == "TIFF":
        data = files.tiff(turned, extratags=[(274, 3, 1, orientation, True)])
    elif kind == "HEIC":
        data = files.heic(turned, exif=block)
    else:
        options = {"subsampling": "4:4:4"} if kind == "AVIF" else {}
        data = encoded(turned, kind, quality=95, exif=b"Exif\0\0" + block, **options)
    photo = read_photo(data)
    assert photo.size == (48, 64)
    assert np.abs(photo.codes.astype(int) - card).mean() < 3


def test_profiles_decide_what_codes_mean() -> None:
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
        data = encoded(_blocky(), kind, icc_profile=files.display_p3())
        assert read_photo(data).space.name == "Display P3", kind
    assert read_photo(files.heic(_blocky(), icc_profile=files.display_p3())).space.name == "Display P3"
    assert read_photo(encoded(CARD, "PNG")).space.is_srgb


def test_adobe_rgb_by_exif_alone() -> None:
    tagged = encoded(CARD, "JPEG", exif=b"Exif\0\0" + files.exif_block(adobe=True))
    plain = encoded(CARD, "JPEG", exif=b"Exif\0\0" + files.exif_block())
    assert read_photo(tagged).space.name == "Adobe RGB"
    assert read_photo(plain).space.is_srgb


def test_png_gamma() -> None:
    def with_gamma(value: int) -> Photo:
        chunk = files.png_chunk(b"gAMA", struct.pack(">I", value))
        return read_photo(files.png_with(encoded(CARD, "PNG"), chunk))

    assert with_gamma(45_455).space.is_srgb
    linear = with_gamma(100_000)
    assert np.allclose(linear.space.to_linear(linear.codes), CARD / 255, atol=1e-4)


def test_damaged_profiles_are_reported_and_read_as_srgb() -> None:
    photo = read_photo(encoded(CARD, "PNG", icc_profile=b"nonsense" * 40))
    assert photo.space.is_srgb
    assert len(photo.warnings) == 1
    assert "taken as sRGB" in photo.warnings[0]


def test_grey_profiles() -> None:
    photo = read_photo(encoded(GREY, "PNG", icc_profile=files.grey_gamma(1.8)))
    assert np.array_equal(photo.codes, np.dstack([GREY] * 3))
    assert np.allclose(photo.space.luminance(photo.codes), (GREY / 255) ** 1.8, atol=1e-4)


def test_cmyk_jpegs_of_adobe_are_not_inverted() -> None:
    inks = np.dstack([_blocky(), np.zeros((48, 64), np.uint8)])
    photo = read_photo(encoded(Image.fromarray(inks, "CMYK"), "JPEG", quality=98, icc_profile=files.cmyk_profile()))
    assert photo.codes.shape == (48, 64, 4)
    assert np.abs(photo.codes.astype(int) - inks).max() <= 6
    assert photo.space.name == "CMYK"
    plain = read_photo(encoded(Image.fromarray(inks, "CMYK"), "JPEG"))
    assert "estimated" in plain.warnings[0]


def test_gain_maps_are_dropped_and_not_announced(tmp_path: Path) -> None:
    photo = read_photo(files.ultra_hdr(CARD))
    assert any("gain map" in warning for warning in photo.warnings)
    write_photo(photo, photo.codes, tmp_path / "out.jpg")
    written = (tmp_path / "out.jpg").read_bytes()
    assert b"hdrgm" not in written
    assert b"MPF\0" not in written


def test_animations_and_pages_give_their_first_picture() -> None:
    image, other = Image.fromarray(CARD), Image.fromarray(CARD[:, ::-1])
    animated = encoded(image, "WEBP", save_all=True, append_images=[other], lossless=True)
    pages = encoded(image, "TIFF", save_all=True, append_images=[other])
    for data in (animated, pages):
        photo = read_photo(data)
        assert np.array_equal(photo.codes, CARD)
        assert len(photo.warnings) == 1
        assert "first" in photo.warnings[0]


# Reading: other sources, limits, errors


def test_arrays_and_pillow_images() -> None:
    assert np.array_equal(read_photo(CARD).codes, CARD)
    assert np.array_equal(read_photo(DEEP).codes, DEEP)
    assert np.array_equal(read_photo(GREY).codes, np.dstack([GREY] * 3))
    with_alpha = read_photo(np.dstack([CARD, FADE]))
    assert with_alpha.alpha is not None
    assert np.array_equal(with_alpha.alpha, FADE)
    image = Image.fromarray(stored(CARD, 6))
    image.getexif()[0x0112] = 6
    assert np.array_equal(read_photo(image).codes, CARD)
    for mode in ("1", "L", "LA", "P", "PA", "RGBA", "CMYK", "I", "F", "I;16", "YCbCr"):
        source = Image.fromarray(GREY).convert("I").convert("I;16") if mode == "I;16" else None
        if mode == "F":
            source = Image.fromarray((GREY / 255).astype(np.float32))
        photo = read_photo(source or Image.fromarray(CARD).convert("LA" if mode == "PA" else mode))
        assert photo.size == (48, 64), mode


def test_the_array_of_the_caller_is_neither_shared_nor_locked() -> None:
    mine = CARD.copy()
    photo = read_photo(mine)
    mine[:] = 0
    assert np.array_equal(photo.codes, CARD)


@pytest.mark.parametrize(
    "array",
    [CARD.astype(np.float32), CARD[..., :2], CARD[0], CARD.astype(np.int32), CARD[:4], np.zeros((0, 9, 3), np.uint8)],
)
def test_odd_arrays_are_refused(array: np.ndarray) -> None:
    with pytest.raises(InputError):
        read_photo(array)


def test_limits(tmp_path: Path) -> None:
    path = tmp_path / "room.png"
    path.write_bytes(encoded(CARD, "PNG"))
    with pytest.raises(InputError, match="`max_pixels`"):
        read_photo(path, Limits(max_pixels=64 * 48 - 1))
    with pytest.raises(InputError, match="`max_bytes`"):
        read_photo(path, Limits(max_bytes=100))
    assert read_photo(path, Limits(max_pixels=64 * 48)).source.path == path


def test_good_corpus(tmp_path: Path) -> None:
    cases = corpora.good_inputs(tmp_path)
    assert len(cases) >= 60
    for case in cases:
        photo = read_photo(case.photo)
        if case.mask.suffix in (".json", ".xml") or "--mask-orientation" in case.args:
            continue
        mask = read_photo(case.mask)
        assert photo.size == mask.size or "--fit-mask" in case.args, case.name


def test_bad_corpus(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cases = corpora.bad_inputs(tmp_path)
    assert len(cases) >= 300
    photos = [case for case in cases if case.name.startswith("photo ")]
    for case in photos:
        with pytest.raises(InputError) as caught:
            read_photo(case.argv[1])
        message = str(caught.value)
        assert "\n" not in message, case.name
        assert message.startswith(f"{case.argv[1]}: "), case.name
        assert len(message) < len(case.argv[1]) + 260, case.name
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err == ""


# Writing


@pytest.fixture
def full() -> Photo:
    """A photo as a phone makes it: turned, Display P3, GPS, thumbnail, XMP, 300 dpi."""
    location = 'xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="52,31.2N" exif:GPSLongitude="13,24.3E"'
    packet = files.xmp_packet("<tiff:Orientation>6</tiff:Orientation>", location)
    block = files.exif_block(6, gps=True, thumbnail=True)
    data = encoded(
        stored(_blocky(), 6), "JPEG", quality=90, subsampling=2, dpi=(300, 300),
        exif=b"Exif\0\0" + block, icc_profile=files.display_p3(), xmp=packet,
    )  # fmt: skip
    return read_photo(data)


def _tags(path: Path) -> Image.Exif:
    return Image.open(io.BytesIO(path.read_bytes())).getexif()


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "heic", "avif"])
def test_metadata_is_kept(full: Photo, tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"out.{extension}"
    report = write_photo(full, full.codes, path)
    again = read_photo(path)
    assert report.path == path
    assert report.lossy == (extension not in ("png", "tif"))
    assert np.abs(again.codes.astype(int) - full.codes).mean() < 3
    assert again.space.icc == full.space.icc
    assert again.source.exif is not None
    assert exif.orientation(again.source.exif) == 1
    assert b"Wallcam" in again.source.exif
    assert not exif.has_second_directory(again.source.exif)
    assert again.source.xmp is not None
    assert b"Orientation>1<" in again.source.xmp
    if extension in ("jpg", "png", "tif"):
        assert again.source.dpi == pytest.approx((300, 300), abs=0.1)
    if extension != "heic":
        tags = _tags(path)
        assert tags[0x010F].rstrip("\0") == "Wallcam"
        assert tags.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
        assert tags.get_ifd(0x8825)[2] == (52.0, 31.0, 12.25)


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "heic", "avif"])
def test_location_is_stripped(full: Photo, tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"out.{extension}"
    write_photo(full, full.codes, path, strip_location=True)
    again = read_photo(path)
    assert again.source.exif is not None
    assert b"Wallcam" in again.source.exif
    assert struct.pack(">II", 52, 1) not in again.source.exif
    assert again.source.xmp is not None
    assert b"GPS" not in again.source.xmp
    assert b"GPSLatitude" not in path.read_bytes()
    if extension != "heic":
        assert not _tags(path).get_ifd(0x8825)


def test_pixel_sizes_in_exif_are_those_of_the_picture(full: Photo, tmp_path: Path) -> None:
    write_photo(full, full.codes, tmp_path / "out.jpg")
    inner = _tags(tmp_path / "out.jpg").get_ifd(0x8769)
    assert (inner[0xA002], inner[0xA003]) == (64, 48)


def test_the_thumbnail_leaves_no_bytes(full: Photo, tmp_path: Path) -> None:
    write_photo(full, full.codes, tmp_path / "out.jpg")
    assert (tmp_path / "out.jpg").read_bytes().count(b"\xff\xd8\xff") == 1


LOSSLESS_TARGETS = [("png", np.uint8), ("png", np.uint16), ("tif", np.uint8), ("tiff", np.uint16), ("bmp", np.uint8)]


@pytest.mark.parametrize(("extension", "dtype"), [*LOSSLESS_TARGETS, ("webp", np.uint8)])
def test_lossless_formats_keep_every_code(extension: str, dtype: type, tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (48, 64, 3)).astype(dtype)
    path = tmp_path / f"out.{extension}"
    photo = read_photo(CARD.astype(dtype))
    report = write_photo(photo, codes, path)
    assert not report.lossy
    assert report.notes == ()
    assert report.bit_depth == np.dtype(dtype).itemsize * 8
    assert np.array_equal(read_photo(path).codes, codes)


@pytest.mark.parametrize("extension", ["png", "tif", "webp"])
def test_transparency_is_written_back(extension: str, tmp_path: Path) -> None:
    photo = read_photo(np.dstack([CARD, FADE]))
    write_photo(photo, photo.codes, tmp_path / f"out.{extension}")
    again = read_photo(tmp_path / f"out.{extension}")
    assert again.alpha is not None
    assert np.array_equal(again.alpha, FADE)
    assert np.array_equal(again.codes, CARD)


def test_transparency_that_a_format_cannot_hold_is_reported(tmp_path: Path) -> None:
    photo = read_photo(np.dstack([CARD, FADE]))
    for extension in ("jpg", "bmp"):
        report = write_photo(photo, photo.codes, tmp_path / f"out.{extension}")
        assert any("transparency" in note for note in report.notes)


@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "packbits"])
def test_tiff_to_tiff_keeps_compression_and_order(compression: str | None, tmp_path: Path) -> None:
    tags = [(271, 2, 8, "Wallcam\0", True)]
    data = files.tiff(CARD, compression=compression, byteorder=">", extratags=tags)
    photo = read_photo(data)
    write_photo(photo, photo.codes, tmp_path / "out.tif")
    with tifffile.TiffFile(io.BytesIO(data)) as old, tifffile.TiffFile(tmp_path / "out.tif") as new:
        assert new.pages.first.compression == old.pages.first.compression
        assert new.byteorder == ">"
        assert new.pages.first.tags.valueof(271) == "Wallcam"
        assert np.array_equal(new.pages.first.asarray(), CARD)


def test_cmyk_stays_cmyk_where_it_can(tmp_path: Path) -> None:
    inks = np.dstack([_blocky(), np.full((48, 64), 40, np.uint8)])
    profile = files.cmyk_profile()
    photo = read_photo(files.tiff(inks, photometric="separated", iccprofile=profile))
    write_photo(photo, photo.codes, tmp_path / "out.tif")
    again = read_photo(tmp_path / "out.tif")
    assert np.array_equal(again.codes, inks)
    assert again.space.icc == profile
    write_photo(photo, photo.codes, tmp_path / "out.jpg")
    jpeg = read_photo(tmp_path / "out.jpg")
    assert np.abs(jpeg.codes.astype(int) - inks).max() < 12
    report = write_photo(photo, photo.codes, tmp_path / "out.png")
    assert report.notes == ("CMYK is converted to sRGB",)
    png = read_photo(tmp_path / "out.png")
    assert png.space.is_srgb
    assert np.allclose(png.space.to_linear(png.codes), np.clip(photo.space.to_linear(inks), 0, 1), atol=0.01)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_to_jpeg_keeps_its_manner(subsampling: int, progressive: bool, tmp_path: Path) -> None:
    data = encoded(CARD, "JPEG", quality=83, subsampling=subsampling, progressive=progressive)
    photo = read_photo(data)
    write_photo(photo, photo.codes, tmp_path / "out.jpg")
    again = read_photo(tmp_path / "out.jpg")
    assert again.source.jpeg == photo.source.jpeg
    change = np.abs(again.codes.astype(int) - photo.codes)
    assert change.mean() < 1
    if subsampling == 0:
        assert np.percentile(change, 99) <= 2


def test_other_formats_become_fine_jpegs(tmp_path: Path) -> None:
    photo = read_photo(CARD)
    write_photo(photo, photo.codes, tmp_path / "out.jpg")
    again = read_photo(tmp_path / "out.jpg")
    assert again.source.jpeg is not None
    assert again.source.jpeg.subsampling == 0
    assert np.abs(again.codes.astype(int) - CARD).mean() < 1.5
    write_photo(photo, photo.codes, tmp_path / "small.jpg", quality=30)
    assert (tmp_path / "small.jpg").stat().st_size < (tmp_path / "out.jpg").stat().st_size


def test_sixteen_bits_are_rounded_and_reported(tmp_path: Path) -> None:
    photo = read_photo(DEEP)
    report = write_photo(photo, photo.codes, tmp_path / "out.bmp")
    assert report.bit_depth == 8
    assert any("rounded to 8" in note for note in report.notes)
    assert np.array_equal(read_photo(tmp_path / "out.bmp").codes, np.round(DEEP / 257).astype(np.uint8))


def test_ten_bit_heic_stays_ten_bits(tmp_path: Path) -> None:
    photo = read_photo(files.heic(_blocky().astype(np.uint16) * 4 + 2))
    report = write_photo(photo, photo.codes, tmp_path / "out.heic")
    again = read_photo(tmp_path / "out.heic")
    assert (report.bit_depth, again.source.bit_depth) == (10, 10)
    assert np.abs(again.codes.astype(int) - photo.codes).mean() / 65535 < 0.01


def test_profiles_that_bmp_cannot_hold_are_converted(tmp_path: Path) -> None:
    photo = read_photo(encoded(_blocky(), "PNG", icc_profile=files.display_p3()))
    write_photo(photo, photo.codes, tmp_path / "out.bmp")
    again = read_photo(tmp_path / "out.bmp")
    expected = np.clip(photo.space.to_linear(photo.codes), 0, 1)
    assert np.allclose(again.space.to_linear(again.codes), expected, atol=0.006)


def test_text_goes_into_png(tmp_path: Path) -> None:
    photo = read_photo(CARD)
    write_photo(photo, photo.codes, tmp_path / "out.png", text={"wallpaint": "colour #7d9b84, größe"})
    with Image.open(tmp_path / "out.png") as image:
        assert image.info["wallpaint"] == "colour #7d9b84, größe"
    write_photo(photo, photo.codes, tmp_path / "out.jpg", text={"wallpaint": "ignored"})


def test_writing_twice_gives_the_same_bytes(full: Photo, tmp_path: Path) -> None:
    for extension in ("jpg", "png", "tif", "webp", "bmp"):
        for name in ("a", "b"):
            write_photo(full, full.codes, tmp_path / f"{name}.{extension}")
        assert (tmp_path / f"a.{extension}").read_bytes() == (tmp_path / f"b.{extension}").read_bytes()


# Writing: failures


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Path]:
    """A folder in which a failed write must leave nothing."""
    folder = tmp_path / "watched"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["out.xyz", "out", "out.gif", "absent/out.png", ".png", "x" * 300 + ".png"])
def test_impossible_targets_are_refused(name: str, watched: Path) -> None:
    photo = read_photo(CARD)
    with pytest.raises(InputError):
        write_photo(photo, photo.codes, watched / name)


def test_a_folder_is_no_target(tmp_path: Path) -> None:
    (tmp_path / "out.png").mkdir()
    photo = read_photo(CARD)
    with pytest.raises(InputError, match="folder"):
        write_photo(photo, photo.codes, tmp_path / "out.png")


def test_failures_leave_nothing(watched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = read_photo(CARD)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(InputError, match="No space left"):
        write_photo(photo, photo.codes, watched / "out.png")
    monkeypatch.setitem(encode.WRITERS, "PNG", fail)
    with pytest.raises(InputError, match="cannot be encoded"):
        write_photo(photo, photo.codes, watched / "out.png")


def test_an_interrupted_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo, path = read_photo(CARD), tmp_path / "out.png"
    path.write_bytes(b"old")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_photo(photo, photo.codes, path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out.png"]  # noqa: PTH208


def test_codes_of_another_photo_are_refused(watched: Path) -> None:
    photo = read_photo(CARD)
    for codes in (CARD[:40], DEEP, CARD[..., 0]):
        with pytest.raises(ShapeError):
            write_photo(photo, codes, watched / "out.png")
    for quality in (0, 101):
        with pytest.raises(InputError, match="quality"):
            write_photo(photo, CARD, watched / "out.jpg", quality=quality)


def test_hostile_exif_never_reaches_the_copy(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    good = files.exif_block(6, gps=True, thumbnail=True)
    for _ in range(150):
        block = bytearray(good)
        for _ in range(4):
            block[rng.integers(2, 260)] = rng.integers(256)
        photo = read_photo(encoded(CARD, "JPEG", exif=b"Exif\0\0" + bytes(block)))
        for extension in ("jpg", "tif"):
            path = tmp_path / f"out.{extension}"
            write_photo(photo, photo.codes, path, strip_location=True)
            again = read_photo(path)
            assert exif.orientation(again.source.exif) == 1
            assert np.array_equal(again.codes.shape, photo.codes.shape)
            assert again.source.exif is None or not exif.has_second_directory(again.source.exif)


def _source_types(path: Path) -> list[str]:
    """Return the digital source types that an XMP parser finds in a file."""
    packet = read_photo(path).source.xmp
    assert packet is not None
    packet = re.sub(rb"<\?xpacket[^>]*\?>", b"", packet)
    packet = packet.replace(b"<rdf:RDF ", b'<rdf:RDF xmlns:tiff="http://ns.adobe.com/tiff/1.0/" ')  # missing in `full`
    root = ElementTree.fromstring(packet.decode("utf-8-sig"))
    name = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
    elements = [element.text or "" for element in root.iter(name)]
    return elements + [element.attrib[name] for element in root.iter() if name in element.attrib]


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "heic", "avif"])
@pytest.mark.parametrize("has_packet", [True, False])
def test_digital_source_type_is_stated(full: Photo, tmp_path: Path, extension: str, has_packet: bool) -> None:
    photo = full if has_packet else read_photo(full.codes)
    path = tmp_path / f"out.{extension}"
    write_photo(photo, photo.codes, path, digital_source_type="algorithmicallyEnhanced")
    assert _source_types(path) == ["http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"]
    if has_packet:
        assert b'CreatorTool="Wallcam"' in (read_photo(path).source.xmp or b"")


@pytest.mark.parametrize(
    "statement",
    [
        ("<Iptc4xmpExt:DigitalSourceType>{}</Iptc4xmpExt:DigitalSourceType>", ""),
        ("", 'Iptc4xmpExt:DigitalSourceType="{}"'),
    ],
)
def test_digital_source_type_of_the_source_is_replaced(statement: tuple[str, str]) -> None:
    camera = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
    namespace = 'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    packet = files.xmp_packet(statement[0].format(camera), namespace + statement[1].format(camera))
    changed = xmp.with_digital_source_type(packet, "compositeWithTrainedAlgorithmicMedia")
    assert b"digitalCapture" not in changed
    assert changed.count(b"digitalsourcetype/") == 1


def test_packet_without_rdf_is_replaced() -> None:
    changed = xmp.with_digital_source_type(b"<x:xmpmeta/>", "algorithmicallyEnhanced")
    assert changed.count(b"</rdf:RDF>") == 1
    assert b"algorithmicallyEnhanced" in changed


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_keeps_one_channel_on_request(dtype: type) -> None:
    grey = (np.arange(20 * 30).reshape(20, 30) % 200).astype(dtype)
    one, three = read_photo(grey, grey_channels=1).codes, read_photo(grey).codes
    assert (one.shape, three.shape) == ((20, 30, 1), (20, 30, 3))
    assert np.array_equal(np.broadcast_to(one, three.shape), three)


# JPEG files without an end marker, and Apple's PNG


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}, {"optimize": True}])
@pytest.mark.parametrize("trailer", [b"", files.SAMSUNG_TRAILER, b"\xff\xd8\xff\xe0junk" * 9])
def test_missing_end_marker(options: dict[str, object], trailer: bytes) -> None:
    data = files.encoded(_blocky(), "JPEG", **options)
    photo = read_photo(data[:-2] + trailer)
    assert photo.warnings == ("the JPEG has no end marker, but all its pixels: it was read",)
    np.testing.assert_array_equal(photo.codes, read_photo(data).codes)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_missing_pixels_are_not_a_missing_end_marker(options: dict[str, object], share: float) -> None:
    data = files.encoded(files.room(), "JPEG", **options)
    for tail in (b"", bytes(4 * len(data))):
        with pytest.raises(InputError, match="cut short"):
            read_photo(data[: int(share * len(data))] + tail)


def test_apple_png_is_refused_with_its_name() -> None:
    data = files.encoded(files.room(), "PNG")
    with pytest.raises(InputError, match=r"iPhone-optimised PNG \(CgBI\)"):
        read_photo(data[:8] + files.png_chunk(b"CgBI", bytes([0x50, 0, 0x20, 2])) + data[8:])
