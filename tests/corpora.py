"""Inputs for end-to-end tests: unusual but good ones, and bad ones. Nothing here is itself a test.

    good_inputs(folder) -> list[Case]       photo + mask that must be repainted
    bad_inputs(folder)  -> list[BadCase]    command lines that must end in one line and exit status 2
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import picture_files as files
from PIL import Image
from picture_files import encoded, room, stored, wall, wide

COLOR = "#7d9b84"


@dataclass(frozen=True)
class Case:
    """A photo and a mask that fit. args: further options of the command line."""

    name: str
    photo: Path
    mask: Path
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class BadCase:
    """A command line (after the program's name) that must be refused. out: what must not come into being."""

    name: str
    argv: tuple[str, ...]
    out: Path


def good_inputs(folder: Path) -> list[Case]:
    """Make the good corpus: photos in every format and manner with plain masks, then the other way round."""
    folder.mkdir(parents=True, exist_ok=True)
    plain_mask = folder / "mask.png"
    plain_mask.write_bytes(encoded(Image.fromarray(wall().astype(np.uint8) * 255), "PNG"))
    plain_photo = folder / "photo.png"
    plain_photo.write_bytes(encoded(room(), "PNG"))
    cases = []
    for name, data in _good_photos():
        path = folder / name
        path.write_bytes(data)
        cases.append(Case(f"photo {name}", path, plain_mask))
    for name, data in _good_masks():
        path = folder / name
        path.write_bytes(data)
        cases.append(Case(f"mask {name}", plain_photo, path))
    return [*cases, *_odd_sizes(folder), *_turned(folder), *_with_options(folder, plain_photo, plain_mask)]


def _good_photos() -> Iterator[tuple[str, bytes]]:
    yield from _good_jpegs()
    yield from _good_pngs()
    yield from _good_tiffs()
    yield from _good_others()


def _good_jpegs() -> Iterator[tuple[str, bytes]]:
    picture = room()
    grey = np.asarray(Image.fromarray(picture).convert("L"))
    inks = np.dstack([255 - picture, np.zeros(picture.shape[:2], np.uint8)])
    for name, subsampling in (("444", 0), ("422", 1), ("420", 2)):
        yield f"jpeg {name}.jpg", encoded(picture, "JPEG", quality=90, subsampling=subsampling)
    yield "progressive.jpg", encoded(picture, "JPEG", quality=90, progressive=True)
    yield "progressive grey.jpg", encoded(grey, "JPEG", progressive=True)
    yield "restarts.jpg", encoded(picture, "JPEG", restart_marker_blocks=3)
    yield "quality 100.jpeg", encoded(picture, "JPEG", quality=100, subsampling=0)
    yield "quality 5.jpeg", encoded(picture, "JPEG", quality=5)
    yield "grey.jpg", encoded(grey, "JPEG")
    yield "rgb coded.jpg", encoded(picture, "JPEG", keep_rgb=True)
    yield "cmyk plain.jpg", encoded(Image.fromarray(inks, "CMYK"), "JPEG")
    yield "cmyk.jpg", encoded(Image.fromarray(inks, "CMYK"), "JPEG", icc_profile=files.cmyk_profile())
    yield "display p3.jpg", encoded(picture, "JPEG", icc_profile=files.display_p3())
    yield "table profile.jpg", encoded(picture, "JPEG", icc_profile=files.rgb_table_profile())
    yield "broken profile.jpg", encoded(picture, "JPEG", icc_profile=b"not a profile" * 20)
    yield "lying profile.jpg", encoded(picture, "JPEG", icc_profile=b"\xff\xff\xff\xff" + files.display_p3()[4:])
    yield "grey profile.jpg", encoded(grey, "JPEG", icc_profile=files.grey_gamma(1.8))
    yield "adobe by exif.jpg", encoded(picture, "JPEG", exif=b"Exif\0\0" + files.exif_block(adobe=True))
    full = files.exif_block(gps=True, thumbnail=True)
    yield "exif gps thumbnail.jpg", encoded(picture, "JPEG", exif=b"Exif\0\0" + full, dpi=(300, 300))
    yield "exif nonsense.jpg", encoded(picture, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xf0" + bytes(40))
    yield "exif loop.jpg", encoded(picture, "JPEG", exif=b"Exif\0\0" + looping_block())
    yield "exif many.jpg", files.jpeg_with(encoded(picture, "JPEG"), *[(0xE1, b"Exif\0\0" + greedy_block())] * 40)
    yield "gain map.jpg", files.ultra_hdr(picture)
    yield "trailing bytes.jpg", encoded(picture, "JPEG") + bytes(1000)
    yield "trailing junk.jpg", encoded(picture, "JPEG") + b"\xff\xd8\xff\xe0junk" * 9
    yield "comment.jpg", encoded(picture, "JPEG", comment=b"x" * 60_000)
    yield "actually png.jpg", encoded(picture, "PNG")
    yield "no extension", encoded(picture, "JPEG")
    yield "Zimmer mit Möbeln, 部屋.jpg", encoded(picture, "JPEG")


def _good_pngs() -> Iterator[tuple[str, bytes]]:
    picture = room()
    image = Image.fromarray(picture)
    grey = image.convert("L")
    deep = wide(picture)
    fade = np.linspace(60, 255, picture.shape[1]).astype(np.uint8) * np.ones(picture.shape[:2], np.uint8)
    for mode in ("1", "L", "P", "RGB"):
        yield f"png {mode}.png", encoded(image.convert(mode), "PNG")
    yield "png LA.png", encoded(np.dstack([np.asarray(grey), fade]), "PNG")
    yield "png RGBA.png", encoded(np.dstack([picture, fade]), "PNG")
    yield "png palette transparent.png", encoded(image.quantize(64), "PNG", transparency=5)
    yield "png palette alpha.png", encoded(image.quantize(16), "PNG", transparency=bytes(range(255, 239, -1)))
    yield "png 4 bit palette.png", encoded(image.quantize(16), "PNG", bits=4)
    yield "png colour key.png", encoded(picture, "PNG", transparency=tuple(int(v) for v in picture[0, 0]))
    yield "png I;16.png", encoded(Image.fromarray(deep[..., 1]), "PNG")
    yield "png 16.png", files.png_16(deep)
    yield "png 16 alpha.png", files.png_16(np.dstack([deep, fade.astype(np.uint16) * 257]))
    yield "png 16 grey alpha.png", files.png_16(np.dstack([deep[..., 1], fade.astype(np.uint16) * 257]))
    yield "png interlaced.png", files.png_interlaced(picture)
    yield "png p3.png", encoded(picture, "PNG", icc_profile=files.display_p3())
    p3_16 = files.png_chunk(b"iCCP", b"p3\0\0" + zlib.compress(files.display_p3()))
    yield "png 16 p3.png", files.png_16(deep, p3_16)
    linear = (np.asarray(picture, np.float64) / 255) ** 2.2 * 255
    gamma = files.png_chunk(b"gAMA", struct.pack(">I", 100_000))
    yield "png gamma 1.png", files.png_with(encoded(np.round(linear).astype(np.uint8), "PNG"), gamma)
    yield "png exif.png", encoded(picture, "PNG", exif=b"Exif\0\0" + files.exif_block(gps=True))
    bad_text = files.png_chunk(b"tEXt", b"Title\0room")[:-1] + b"\0"
    yield "png bad text checksum.png", files.png_with(encoded(picture, "PNG"), bad_text)
    bomb = files.png_chunk(b"zTXt", b"bomb\0\0" + zlib.compress(bytes(30_000_000)))
    yield "png text bomb.png", files.png_with(encoded(picture, "PNG"), bomb)
    icc_bomb = files.png_chunk(b"iCCP", b"bomb\0\0" + zlib.compress(bytes(60_000_000)))
    yield "png profile bomb.png", files.png_with(encoded(picture, "PNG"), icc_bomb)
    frames = [image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    yield "animated.png", encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    yield "png trailing.png", encoded(picture, "PNG") + b"trailing" * 50


def _good_tiffs() -> Iterator[tuple[str, bytes]]:
    picture = room()
    deep = wide(picture)
    for compression in (None, "lzw", "deflate", "packbits"):
        yield f"tiff {compression or 'none'}.tif", files.tiff(picture, compression=compression)
    yield "tiff lzw predictor.tif", files.tiff(picture, compression="lzw", predictor=2)
    yield "tiff 16.tif", files.tiff(deep)
    yield "tiff 16 deflate.tif", files.tiff(deep, compression="deflate", predictor=2)
    yield "tiff big endian 16.tif", files.tiff(deep, byteorder=">")
    yield "bigtiff.tif", files.tiff(picture, bigtiff=True)
    yield "tiff tiled.tif", files.tiff(picture, tile=(32, 48))
    yield "tiff planar.tif", files.tiff(np.moveaxis(deep, -1, 0), photometric="rgb", planarconfig="separate")
    yield "tiff strips.tif", files.tiff(picture, rowsperstrip=7)
    yield "tiff grey 16.tif", files.tiff(deep[..., 1])
    yield "tiff white is zero.tif", files.tiff(255 - picture[..., 1], photometric="miniswhite")
    yield "tiff alpha.tif", files.tiff(np.dstack([picture, picture[..., 0] | 128]), extrasamples=["unassalpha"])
    inks = np.dstack([255 - picture, np.zeros(picture.shape[:2], np.uint8)])
    profile = files.cmyk_profile()
    yield "tiff cmyk.tif", files.tiff(inks, photometric="separated", iccprofile=profile)
    yield "tiff float.tif", files.tiff((picture / 255).astype(np.float32))
    yield "tiff prophoto-like.tif", files.tiff(deep, iccprofile=files.rgb_gamma(1.8))
    yield "tiff two pages.tif", _two_pages(picture)
    yield "tiff 1 bit.tif", encoded(Image.fromarray(picture).convert("1"), "TIFF", compression="group4")
    yield "tiff palette.tif", encoded(Image.fromarray(picture).quantize(200), "TIFF")
    yield "tiff jpeg.tif", encoded(picture, "TIFF", compression="jpeg", quality=92)


def _two_pages(picture: np.ndarray) -> bytes:
    image = Image.fromarray(picture)
    return encoded(image, "TIFF", save_all=True, append_images=[image.resize((40, 30))])


def _good_others() -> Iterator[tuple[str, bytes]]:
    picture = room()
    image = Image.fromarray(picture)
    block = b"Exif\0\0" + files.exif_block(gps=True)
    yield "lossy.webp", encoded(picture, "WEBP", quality=90)
    yield "lossless.webp", encoded(picture, "WEBP", lossless=True)
    yield "alpha.webp", encoded(np.dstack([picture, picture[..., 0] | 64]), "WEBP", lossless=True, exact=True)
    yield "profile exif.webp", encoded(picture, "WEBP", icc_profile=files.display_p3(), exif=block)
    frames = [image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    yield "animated.webp", encoded(image, "WEBP", save_all=True, append_images=frames, lossless=True)
    yield "animated.gif", encoded(image.quantize(64), "GIF", save_all=True, append_images=frames)
    yield "still.gif", encoded(image.quantize(128), "GIF")
    yield "24 bit.bmp", encoded(picture, "BMP")
    yield "palette.bmp", encoded(image.quantize(64), "BMP")
    yield "8 bit.heic", files.heic(picture)
    yield "10 bit.heic", files.heic(picture.astype(np.uint16) * 4 + 1)
    yield "p3 exif.heic", files.heic(picture, icc_profile=files.display_p3(), exif=files.exif_block(gps=True))
    yield "8 bit.avif", encoded(picture, "AVIF", quality=90, subsampling="4:4:4")
    yield "420.avif", encoded(picture, "AVIF", quality=80, icc_profile=files.display_p3(), exif=block)
    yield "10 bit.avif", files.avif_10(picture.astype(np.uint16) * 4 + 1)


def _good_masks() -> Iterator[tuple[str, bytes]]:
    mask = wall()
    codes = mask.astype(np.uint8) * 255
    image = Image.fromarray(codes)
    black = np.zeros((*codes.shape, 3), np.uint8)
    yield "mask 1.png", encoded(image.convert("1"), "PNG")
    yield "mask palette.png", encoded(image.convert("P"), "PNG")
    yield "mask rgb.png", encoded(image.convert("RGB"), "PNG")
    yield "mask 16.png", encoded(Image.fromarray(codes.astype(np.uint16) * 257), "PNG")
    yield "mask rgb 16.png", files.png_16(np.dstack([codes.astype(np.uint16) * 257] * 3))
    yield "mask alpha.png", encoded(np.dstack([black + 255, codes]), "PNG")
    yield "mask black alpha.png", encoded(np.dstack([black, codes]), "PNG")
    yield "mask LA.png", encoded(np.dstack([np.full_like(codes, 255), codes]), "PNG")
    yield "mask opaque alpha.png", encoded(np.dstack([codes] * 3 + [np.full_like(codes, 255)]), "PNG")
    yield "mask.jpg", encoded(image, "JPEG", quality=80)
    yield "mask colour.jpg", encoded(image.convert("RGB"), "JPEG", quality=95)
    yield "mask.webp", encoded(image.convert("RGB"), "WEBP", lossless=True)
    yield "mask.tif", files.tiff(codes, compression="lzw")
    yield "mask 1 bit.tif", encoded(image.convert("1"), "TIFF", compression="group4")
    yield "mask.bmp", encoded(image, "BMP")
    yield "mask 1 bit.bmp", encoded(image.convert("1"), "BMP")
    yield "mask.gif", encoded(image, "GIF")
    yield "mask named wrongly.jpeg", encoded(image, "PNG")
    soft = Image.fromarray(codes).resize((codes.shape[1], codes.shape[0])).reduce(1)
    yield "mask soft.png", encoded(soft.point(lambda value: min(255, value + 3 if value else 0)), "PNG")


def _odd_sizes(folder: Path) -> Iterator[Case]:
    for height, width in ((37, 211), (211, 37), (97, 101), (64, 64), (65, 200)):
        photo, mask = folder / f"odd {height}x{width}.png", folder / f"odd mask {height}x{width}.png"
        photo.write_bytes(encoded(room(height, width), "PNG"))
        mask.write_bytes(encoded(wall(height, width).astype(np.uint8) * 255, "PNG"))
        yield Case(f"size {height}x{width}", photo, mask)


def _turned(folder: Path) -> Iterator[Case]:
    """All orientations in photo and mask, each of its own, across the formats that have them."""
    picture, mask = room(), wall().astype(np.uint8) * 255
    for index, orientation in enumerate(range(1, 9)):
        other = 8 - index
        tag = b"Exif\0\0" + files.exif_block(orientation)
        mask_path = folder / f"turned mask {other}.png"
        mask_tag = b"Exif\0\0" + files.exif_block(other)
        mask_path.write_bytes(encoded(stored(mask, other), "PNG", exif=mask_tag))
        turned = stored(picture, orientation)
        for kind in ("JPEG", "PNG", "WEBP", "AVIF"):
            path = folder / f"turned {orientation}.{kind.lower()}"
            path.write_bytes(encoded(turned, kind, exif=tag))
            yield Case(f"{kind} turned {orientation}, mask turned {other}", path, mask_path)
        path = folder / f"turned {orientation}.tif"
        path.write_bytes(files.tiff(turned, extratags=[(274, 3, 1, orientation, True)]))
        yield Case(f"TIFF turned {orientation}, mask turned {other}", path, mask_path)
        path = folder / f"turned {orientation}.heic"
        path.write_bytes(files.heic(turned, exif=files.exif_block(orientation)))
        yield Case(f"HEIC turned {orientation}, mask turned {other}", path, mask_path)


def _with_options(folder: Path, photo: Path, mask: Path) -> Iterator[Case]:
    small = folder / "mask half size.png"
    small.write_bytes(encoded(Image.fromarray(wall().astype(np.uint8) * 255).reduce(2), "PNG"))
    yield Case("mask of half the size", photo, small, ("--fit-mask",))
    negative = folder / "mask negative.png"
    negative.write_bytes(encoded((~wall()).astype(np.uint8) * 255, "PNG"))
    yield Case("black is wall", photo, negative, ("--invert-mask",))
    yield Case("lit", photo, mask, ("--match", "lit"))
    yield Case("location left out", folder / "exif gps thumbnail.jpg", mask, ("--strip-location",))


def looping_block() -> bytes:
    """An EXIF block whose directory is its own EXIF directory, GPS directory and successor."""
    entries = struct.pack(">HHII", 0x8769, 4, 1, 8) + struct.pack(">HHII", 0x8825, 4, 1, 8)
    return b"MM\0*" + struct.pack(">IH", 8, 2) + entries + struct.pack(">I", 8)


def greedy_block() -> bytes:
    """An EXIF block of thousands of entries that all claim the same large value."""
    count = 4000
    entries = b"".join(struct.pack(">HHII", 0x9000 + i, 7, 40_000, 8) for i in range(count))
    return b"MM\0*" + struct.pack(">IH", 8, count) + entries + bytes(4)
