"""Inputs for end-to-end tests: unusual but good ones, and bad ones. Nothing here is itself a test.

good_inputs(folder) -> list[Case]       photo + mask that must be repainted
bad_inputs(folder)  -> list[BadCase]    command lines that must end in one line and exit status 2
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from support import annotation_files
from support import image_files as files
from support.image_files import encoded, room, stored, wall, wide

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
    cases += [*_odd_sizes(folder), *_turned(folder), *_with_options(folder, plain_photo, plain_mask)]
    return [*cases, *_masks_of_other_tools(folder, plain_photo)]


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
    yield "no end marker.jpg", encoded(picture, "JPEG")[:-2]
    yield "half an end marker.jpg", encoded(picture, "JPEG")[:-1]
    yield "filling for an end marker.jpg", encoded(picture, "JPEG")[:-2] + b"\xff" * 40
    yield "no end marker progressive.jpg", encoded(picture, "JPEG", progressive=True)[:-2]
    yield "no end marker but a trailer.jpg", encoded(picture, "JPEG")[:-2] + files.SAMSUNG_TRAILER
    yield "no end marker but a preview.jpg", encoded(picture, "JPEG")[:-2] + encoded(room(32, 48), "JPEG")
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
    yield "png 16 interlaced.png", files.png_interlaced(deep)
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
    yield Case("room", photo, mask, ("--match", "room"))
    yield Case("location left out", folder / "exif gps thumbnail.jpg", mask, ("--strip-location",))


def _class_maps() -> Iterator[tuple[str, str, bytes]]:
    """Maps of classes in which the wall is class 1, #800000: file names, the wall's class, and bytes."""
    ids = class_ids()
    yield "voc palette.png", "1", palette_file(ids, VOC_COLORS)
    yield "voc palette by colour.png", "#800000", palette_file(ids, VOC_COLORS)
    yield "voc rgb.png", "128,0,0", encoded(palette_rgb(ids, VOC_COLORS), "PNG")
    yield "voc palette.tif", "1", palette_file(ids, VOC_COLORS, "TIFF")
    yield "grey ids.png", "1", encoded(ids, "PNG")
    yield "grey ids 16.png", "1", encoded(ids.astype(np.uint16), "PNG")
    yield "white is 255 of 65535.png", "255", encoded((ids == 1).astype(np.uint16) * 255, "PNG")
    yield (
        "erased ground.png",
        "#800000",
        encoded(np.dstack([palette_rgb(ids, VOC_COLORS), np.where(ids > 0, 255, 0).astype(np.uint8)]), "PNG"),
    )


def _masks_of_other_tools(folder: Path, photo: Path) -> Iterator[Case]:
    for name, mask_class, data in _class_maps():
        path = folder / name
        path.write_bytes(data)
        yield Case(f"mask {name}", photo, path, ("--mask-class", mask_class))
    erased = folder / "erased.png"
    cut = np.where(wall(), 0, 255).astype(np.uint8)
    erased.write_bytes(encoded(np.dstack([room(), cut]), "PNG"))
    yield Case("wall erased from the photo", photo, erased, ("--invert-mask",))
    erased_grey, brush = folder / "erased grey.png", folder / "brush.png"
    grey = np.asarray(Image.fromarray(room()).convert("L"))
    erased_grey.write_bytes(encoded(np.dstack([grey, cut]), "PNG"))
    yield Case("wall erased from a black and white photo", photo, erased_grey, ("--invert-mask",))
    red = np.full(grey.shape, 255, np.uint8)
    brush.write_bytes(encoded(np.dstack([red, 0 * red, 0 * red, (255 - cut) // 2]), "PNG"))
    yield Case("brush of half opacity", photo, brush)
    for orientation in range(2, 9):
        turned, drawn = folder / f"tagged {orientation}.png", folder / f"drawn on stored {orientation}.png"
        tag = b"Exif\0\0" + files.exif_block(orientation)
        turned.write_bytes(encoded(stored(room(), orientation), "PNG", exif=tag))
        drawn.write_bytes(encoded(stored(wall().astype(np.uint8) * 255, orientation), "PNG"))
        yield Case(f"mask drawn on stored pixels {orientation}", turned, drawn, ("--mask-orientation", "stored"))
    for name, text in annotations_of_wall(photo.name).items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        yield Case(f"annotations {name}", photo, path)


def annotations_of_wall(photo_name: str) -> dict[str, str]:
    """Annotation files of the wall of `room`, by file name."""
    mask = wall()
    size = (mask.shape[0], mask.shape[1])
    code = {"size": list(size), "counts": annotation_files.packed_counts(annotation_files.coco_counts(mask))}
    brush = {"format": "rle", "rle": annotation_files.brush_codes(mask), "brushlabels": ["wall"]}
    columns = [[x, 0, x + 1, 0, x + 1, int(mask[:, x].argmin())] for x in range(size[1])]
    outlines = [[left, 0, right, 0, right, bottom, left, bottom] for left, _, right, _, _, bottom in columns]
    pairs = [np.reshape(points, (-1, 2)).tolist() for points in outlines]
    return {
        "coco rle.json": json.dumps(annotation_files.coco({photo_name: [("wall", code)], "x.jpg": []}, size)),
        "coco polygons.json": json.dumps(annotation_files.coco({photo_name: [("Wall", outlines)]}, size)),
        "labelme.json": json.dumps(
            annotation_files.labelme(photo_name, size, [("wall", "polygon", points) for points in pairs])
        ),
        "label studio.json": json.dumps(
            annotation_files.label_studio({f"/data/upload/1/0a1b2c3d-{photo_name}": [("brushlabels", brush)]}, size)
        ),
        "cvat.xml": annotation_files.cvat({photo_name: [("wall", "mask", mask)]}, size),
    }


def class_ids() -> np.ndarray:
    """(H, W) uint8: wall 1, floor 2, the rest 0, and a void border of 255 round the wall."""
    mask = wall()
    ids = np.zeros(mask.shape, np.uint8)
    ids[-20:] = 2
    grown = np.pad(mask, 1, mode="edge")
    ids[grown[:-2, 1:-1] | grown[2:, 1:-1] | grown[1:-1, :-2] | grown[1:-1, 2:]] = 255
    ids[mask] = 1
    return ids


VOC_COLORS = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 255: (224, 224, 192)}


def palette_rgb(ids: np.ndarray, colors: dict[int, tuple[int, int, int]]) -> np.ndarray:
    """The colours of classes: (H, W, 3) uint8."""
    picture = np.zeros((*ids.shape, 3), np.uint8)
    for index, color in colors.items():
        picture[ids == index] = color
    return picture


def palette_file(ids: np.ndarray, colors: dict[int, tuple[int, int, int]], kind: str = "PNG") -> bytes:
    """A file with a palette whose entries are the classes."""
    image = Image.fromarray(ids, "P")
    table = [0] * 768
    for index, color in colors.items():
        table[3 * index : 3 * index + 3] = color
    image.putpalette(table)
    return encoded(image, kind)


def looping_block() -> bytes:
    """An EXIF block whose directory is its own EXIF directory, GPS directory and successor."""
    entries = struct.pack(">HHII", 0x8769, 4, 1, 8) + struct.pack(">HHII", 0x8825, 4, 1, 8)
    return b"MM\0*" + struct.pack(">IH", 8, 2) + entries + struct.pack(">I", 8)


def greedy_block() -> bytes:
    """An EXIF block of thousands of entries that all claim the same large value."""
    count = 4000
    entries = b"".join(struct.pack(">HHII", 0x9000 + i, 7, 40_000, 8) for i in range(count))
    return b"MM\0*" + struct.pack(">IH", 8, count) + entries + bytes(4)


def bad_inputs(folder: Path) -> list[BadCase]:
    """Make the bad corpus: damaged photos, damaged masks, masks that do not fit, impossible options."""
    folder.mkdir(parents=True, exist_ok=True)
    photo, mask = folder / "photo.png", folder / "mask.png"
    photo.write_bytes(encoded(room(), "PNG"))
    mask.write_bytes(encoded(wall().astype(np.uint8) * 255, "PNG"))
    cases = []
    for name, data in _bad_photos():
        path = folder / f"bad {name}"
        path.write_bytes(data)
        cases.append(_bad(folder, f"photo {name}", path, mask))
    for name, data in _bad_masks():
        path = folder / f"bad mask {name}"
        path.write_bytes(data)
        cases.append(_bad(folder, f"mask {name}", photo, path))
    cases += _bad_places(folder, photo, mask)
    cases += _bad_options(folder, photo, mask)
    return [*cases, *_bad_outputs(folder, photo, mask)]


def _bad(folder: Path, name: str, photo: Path, mask: Path, *options: str, color: str = COLOR) -> BadCase:
    out = folder / "out" / f"{name.replace('/', ' ')}.png"
    out.parent.mkdir(exist_ok=True)
    return BadCase(name, ("repaint", str(photo), "--mask", str(mask), "--color", color, "-o", str(out), *options), out)


def _bad_photos() -> Iterator[tuple[str, bytes]]:
    for name, data in _whole_files():
        yield from _truncations(name, data)
    yield from _not_pictures()
    yield from _bad_jpegs()
    yield from _bad_pngs()
    yield from _bad_tiffs()
    yield from _raw_photos()
    yield from _bad_boxes()


def _whole_files() -> Iterator[tuple[str, bytes]]:
    """Good files of every kind in which every byte up to the last is needed."""
    picture = room()
    deep, image = wide(picture), Image.fromarray(picture)
    exif = b"Exif\0\0" + files.exif_block(thumbnail=True)
    yield "baseline.jpg", encoded(picture, "JPEG", quality=90, exif=exif, icc_profile=files.display_p3())
    yield "progressive.jpg", encoded(picture, "JPEG", progressive=True)
    yield "grey.jpg", encoded(image.convert("L"), "JPEG")
    yield "8 bit.png", encoded(picture, "PNG", exif=exif, icc_profile=files.display_p3())
    yield "16 bit.png", files.png_16(deep)
    yield "interlaced.png", files.png_interlaced(picture)
    yield "palette.png", encoded(image.quantize(64), "PNG")
    yield "lossy.webp", encoded(picture, "WEBP", quality=90)
    yield "lossless.webp", encoded(picture, "WEBP", lossless=True, exif=exif)
    yield "none.tif", files.tiff(picture)
    yield "lzw.tif", files.tiff(picture, compression="lzw")
    yield "deflate tiled.tif", files.tiff(deep, compression="deflate", tile=(32, 32))
    yield "planar.tif", files.tiff(np.moveaxis(deep, -1, 0), photometric="rgb", planarconfig="separate")
    yield "big endian.tif", files.tiff(deep, byteorder=">")
    yield "8 bit.heic", files.heic(picture)
    yield "10 bit.heic", files.heic(picture.astype(np.uint16) * 4)
    yield "photo.avif", encoded(picture, "AVIF", quality=90)
    yield "photo.bmp", encoded(picture, "BMP")
    yield "photo.gif", encoded(image.quantize(64), "GIF")[:-1]  # a missing end mark harms nobody


def _truncations(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    shares = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97)
    cuts = {3, 9, 20, 33, 50, *(int(share * len(data)) for share in shares), len(data) - 6}
    if not name.endswith(".jpg"):  # whose last two bytes are the end marker, which is not needed
        cuts.add(len(data) - 2)
    for cut in sorted(cut for cut in cuts if 0 < cut < len(data)):
        yield f"cut at {cut} {name}", data[:cut]


def _not_pictures() -> Iterator[tuple[str, bytes]]:
    rng = np.random.default_rng(5)
    yield "empty.jpg", b""
    yield "zeros.jpg", bytes(4096)
    yield "noise.png", rng.integers(0, 256, 4096).astype(np.uint8).tobytes()
    yield "text.jpg", b"This is not a photo.\n" * 40
    yield "page.html", b"<!doctype html><html><body>404 not found</body></html>"
    yield "drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="200"/>'
    yield "document.pdf", b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n" * 20
    yield "archive.zip", b"PK\3\4" + bytes(200)
    yield "film.mp4", struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"mp42") + bytes(300)
    for kind, start in (
        ("jpg", b"\xff\xd8\xff"),
        ("png", b"\x89PNG\r\n\x1a\n"),
        ("webp", b"RIFF\xff\xff\0\0WEBP"),
        ("tif", b"II*\0"),
        ("heic", b"\0\0\0\x18ftypheic"),
        ("avif", b"\0\0\0\x1cftypavif"),
        ("bmp", b"BM"),
        ("gif", b"GIF89a"),
    ):
        yield f"noise after start.{kind}", start + rng.integers(0, 256, 3000).astype(np.uint8).tobytes()
        yield f"zeros after start.{kind}", start + bytes(3000)
    for height, width in ((1, 1), (1, 20_000), (20_000, 1), (7, 300), (300, 7)):
        yield f"too small {width}x{height}.png", encoded(np.zeros((height, width, 3), np.uint8), "PNG")


def _bad_jpegs() -> Iterator[tuple[str, bytes]]:
    picture = room()
    data = encoded(picture, "JPEG")
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    huge = data[: frame + 5] + struct.pack(">HH", 65_000, 65_000) + data[frame + 9 :]
    yield "huge.jpg", huge
    yield "no height.jpg", data[: frame + 5] + b"\0\0" + data[frame + 7 :]
    yield "12 bit.jpg", data[: frame + 4] + b"\x0c" + data[frame + 5 :]
    yield (
        "two channels.jpg",
        encoded(Image.fromarray(picture).convert("L"), "JPEG").replace(b"\xff\xc0\0\x0b\x08", b"\xff\xc0\0\x0b\x09"),
    )
    yield "no scan.jpg", data[:scan] + b"\xff\xd9"
    yield "zero tail.jpg", data[: len(data) // 2] + bytes(len(data) - len(data) // 2)
    yield "segment runs off.jpg", data[:2] + b"\xff\xe5\xff\xff" + data[2:200]
    tables = data.index(b"\xff\xdb")
    yield "no tables.jpg", data[:tables] + data[frame:]
    yield "length zero.jpg", data[:2] + b"\xff\xe1\0\0" + data[2:]
    yield "half and a trailer.jpg", data[: len(data) // 2] + files.SAMSUNG_TRAILER
    yield "half and zeros.jpg", data[: len(data) // 2] + bytes(4 * len(data))
    progressive = encoded(picture, "JPEG", progressive=True)
    yield "last scan missing.jpg", progressive[: progressive.rindex(b"\xff\xda")]


def _bad_pngs() -> Iterator[tuple[str, bytes]]:
    picture = room()
    data = encoded(picture, "PNG")
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in picture))
    height, width = picture.shape[:2]
    for kind in (b"IHDR", b"IDAT", b"IEND"):
        at = data.index(kind)
        length = struct.unpack_from(">I", data, at - 4)[0]
        broken = bytearray(data)
        broken[at + 4 + length] ^= 0x55
        yield f"checksum {kind.decode()}.png", bytes(broken)
    yield "huge.png", files.png_raw(2**31 - 1, 2**31 - 1, 8, 2, rows)
    yield "bomb.png", files.png_raw(50_000, 50_000, 8, 0, zlib.compress(bytes(50_001 * 200)))
    yield "bomb 16.png", files.png_raw(30_000, 30_000, 16, 6, zlib.compress(bytes(10_000)))
    yield "zero wide.png", files.png_raw(0, 100, 8, 2, rows)
    yield "no rows.png", files.png_raw(width, height, 8, 2, b"")
    half = zlib.compress(b"".join(b"\0" + row.tobytes() for row in picture[: height // 2]))
    yield "half the rows.png", files.png_raw(width, height, 8, 2, half)
    yield "bad depth.png", files.png_raw(width, height, 5, 2, rows)
    yield "bad colour type.png", files.png_raw(width, height, 8, 5, rows)
    yield "bad filter.png", files.png_raw(width, height, 8, 2, zlib.compress(bytes([9] * (height * (3 * width + 1)))))
    yield "not deflate.png", files.png_raw(width, height, 8, 2, b"\x55" * 500)
    yield "palette missing.png", files.png_raw(width, height, 8, 3, zlib.compress(bytes(height * (width + 1))))
    apple = data[:8] + files.png_chunk(b"CgBI", bytes([0x50, 0, 0x20, 2])) + data[8:]
    yield "apple.png", apple
    yield "header twice removed.png", data[:8] + data[33:]
    yield "no end.png", data[:-12]
    yield "chunk runs off.png", data[:33] + struct.pack(">I4s", 2**31 - 1, b"tEXt") + data[33:]


def _bad_tiffs() -> Iterator[tuple[str, bytes]]:
    picture = room()
    data = files.tiff(picture)
    nan = (picture / 255).astype(np.float32)
    nan[5, 5] = np.nan
    infinite = np.where(np.isnan(nan), np.inf, nan).astype(np.float32)
    yield "nan.tif", files.tiff(nan)
    yield "infinite.tif", files.tiff(infinite)
    yield "floats over 1.tif", files.tiff(picture.astype(np.float32))
    yield "complex.tif", files.tiff(picture[..., 0].astype(np.complex64))
    yield "32 bit.tif", files.tiff(picture[..., 0].astype(np.uint32) * 100_000)
    yield "signed.tif", files.tiff(picture[..., 0].astype(np.int16))
    yield "lab.tif", files.tiff(picture, photometric="cielab")
    yield (
        "volume.tif",
        files.tiff(np.zeros((32, 64, 64), np.uint8), photometric="minisblack", volumetric=True, tile=(16, 32, 32)),
    )
    first = struct.unpack_from("<I", data, 4)[0]
    yield "no directory.tif", data[:4] + struct.pack("<I", 0) + data[8:]
    yield "directory outside.tif", data[:4] + struct.pack("<I", 2**31) + data[8:]
    yield "directory in header.tif", data[:4] + struct.pack("<I", 4) + data[8:]
    yield "empty directory.tif", data[:first] + b"\0\0" + data[first + 2 :]
    yield "full directory.tif", data[:first] + b"\xff\xff" + data[first + 2 :]
    for tag, kind, value, name in (
        (256, 4, 2**31 - 1, "wide"),
        (257, 4, 2**31 - 1, "high"),
        (256, 4, 0, "zero wide"),
        (257, 4, 900_000_000, "absurd height"),
        (277, 3, 60_000, "60000 channels"),
        (258, 3, 77, "77 bits"),
        (259, 3, 34_713, "unknown compression"),
        (262, 3, 32_803, "raw sensor"),
        (273, 4, 2**31, "pixels outside"),
        (279, 4, 0, "no bytes"),
        (278, 4, 0, "no rows in strip"),
    ):
        yield f"{name}.tif", _retagged(data, tag, kind, value)
    tiled = files.tiff(picture, tile=(32, 32), compression="deflate")
    yield "absurd tiles.tif", _retagged(_retagged(tiled, 322, 4, 2**20), 323, 4, 2**20)
    yield "fewer tiles.tif", _retagged(tiled, 322, 4, 16)


def _raw_photos() -> Iterator[tuple[str, bytes]]:
    """Raw photos, which need an extra: headers as cameras write them, and previews that could be read."""
    for name in files.RAW_HEADERS:
        yield f"raw.{name.lower()}", files.raw_header(name)
    for name, options in (("dng", {"is_dng": True}), ("nef", {"make": "NIKON CORPORATION"}), ("arw", {"make": "SONY"})):
        yield f"raw with a preview.{name}", files.raw_tiff(**options)


def _retagged(data: bytes, tag: int, kind: int, value: int) -> bytes:
    """A little-endian TIFF with one entry of its first directory made to hold a single value."""
    first = struct.unpack_from("<I", data, 4)[0]
    out = bytearray(data)
    for index in range(struct.unpack_from("<H", data, first)[0]):
        at = first + 2 + 12 * index
        if struct.unpack_from("<H", data, at)[0] == tag:
            struct.pack_into("<HHII", out, at, tag, kind, 1, value)
            return bytes(out)
    raise ValueError(f"no tag {tag}")


def _bad_boxes() -> Iterator[tuple[str, bytes]]:
    picture = room()
    for kind, data in (("heic", files.heic(picture)), ("avif", encoded(picture, "AVIF"))):
        at = data.index(b"ispe")
        for name, width, height in (("huge", 2**31, 2**31), ("wide", 60_000, 60_000), ("zero", 0, 0)):
            yield f"{name}.{kind}", data[: at + 8] + struct.pack(">II", width, height) + data[at + 16 :]
        locations = data.index(b"iloc")
        yield f"locations gone.{kind}", data[: locations + 12] + b"\xff" * 12 + data[locations + 24 :]
        yield f"no meta.{kind}", data.replace(b"meta", b"free", 1)
        yield f"no primary.{kind}", data.replace(b"pitm", b"free", 1)
        middle = data.index(b"mdat") + 4
        yield f"pixels zero.{kind}", data[:middle] + bytes(len(data) - middle)
    gif = bytearray(encoded(Image.fromarray(picture).quantize(64), "GIF"))
    struct.pack_into("<HH", gif, 6, 65_535, 65_535)
    yield "huge.gif", bytes(gif)
    bmp = bytearray(encoded(picture, "BMP"))
    yield "bits 13.bmp", bytes(bmp[:28]) + b"\x0d" + bytes(bmp[29:])
    struct.pack_into("<ii", bmp, 18, 2**30, 2**30)
    yield "huge.bmp", bytes(bmp)
    webp = bytearray(encoded(picture, "WEBP", lossless=True, exif=b"Exif\0\0" + files.exif_block()))
    webp[24:30] = b"\xff" * 6
    yield "huge.webp", bytes(webp)


def _bad_masks() -> Iterator[tuple[str, bytes]]:
    codes = wall().astype(np.uint8) * 255
    image = Image.fromarray(codes)
    for name, data in (
        ("8 bit.png", encoded(image, "PNG")),
        ("mask.jpg", encoded(image, "JPEG")),
        ("mask.tif", files.tiff(codes, compression="lzw")),
        ("mask.webp", encoded(image.convert("RGB"), "WEBP", lossless=True)),
    ):
        yield from _truncations(name, data)
    yield "empty file.png", b""
    yield "text.png", b"white\n" * 100
    yield "all black.png", encoded(np.zeros_like(codes), "PNG")
    yield "all black 16.png", encoded(np.zeros(codes.shape, np.uint16), "PNG")
    yield "all black.jpg", encoded(np.zeros_like(codes), "JPEG")
    yield "transparent.png", encoded(np.zeros((*codes.shape, 4), np.uint8), "PNG")
    yield "half size.png", encoded(image.reduce(2), "PNG")
    yield "turned.png", encoded(image.transpose(Image.Transpose.ROTATE_90), "PNG")
    yield "one pixel off.png", encoded(np.pad(codes, ((0, 1), (0, 0))), "PNG")
    sideways = b"Exif\0\0" + files.exif_block(6)
    yield "turned by tag.png", encoded(image, "PNG", exif=sideways)
    yield "a photo.png", encoded(np.random.default_rng(3).integers(0, 256, (*codes.shape, 3)).astype(np.uint8), "PNG")
    for name, _, data in _class_maps():
        yield f"class not named {name}", data
    yield "single class.png", encoded((codes // 2).astype(np.uint8), "PNG")
    odd = np.dstack([codes] * 3)
    odd[0, 0] = (255, 0, 0)
    yield "one red pixel.png", encoded(odd, "PNG")
    yield "annotations of nothing.json", b'{"images": [], "annotations": [], "categories": []}'
    yield "not annotations.json", b"{}"
    yield "voc boxes.xml", b"<annotation><object><name>wall</name></object></annotation>"
    yield "cmyk.jpg", encoded(image.convert("CMYK"), "JPEG")
    yield "nan.tif", files.tiff(np.full(codes.shape, np.nan, np.float32))
    yield "floats over 1.tif", files.tiff(codes.astype(np.float32))
    yield "huge.png", files.png_raw(100_000, 100_000, 1, 0, zlib.compress(bytes(1000)))


def _bad_places(folder: Path, photo: Path, mask: Path) -> Iterator[BadCase]:
    """Photos and masks that are not files that can be read."""
    directory, absent = folder / "a folder.jpg", folder / "absent.jpg"
    directory.mkdir(exist_ok=True)
    locations = [("folder", directory), ("missing", absent), ("inside a file", photo / "x.jpg")]
    locations.append(("name too long", folder / ("x" * 300 + ".jpg")))
    if hasattr(os, "mkfifo"):
        pipe = folder / "pipe.jpg"
        if not pipe.exists():
            os.mkfifo(pipe)
        locations.append(("pipe", pipe))
        locations.append(("device", Path("/dev/zero")))
    dangling = folder / "dangling.jpg"
    if not dangling.is_symlink():
        dangling.symlink_to(absent)
    locations.append(("dangling link", dangling))
    if hasattr(os, "geteuid") and os.geteuid() != 0:  # root may read everything
        closed = folder / "closed.png"
        closed.write_bytes(photo.read_bytes())
        closed.chmod(0)
        locations.append(("no permission", closed))
    for name, location in locations:
        yield _bad(folder, f"photo {name}", location, mask)
        yield _bad(folder, f"mask {name}", photo, location)


def _bad_options(folder: Path, photo: Path, mask: Path) -> Iterator[BadCase]:
    for color in ("", "#12", "#12345", "#gggggg", "#1234567", "no such colour", "rgb(1,2)", "rgb(a,b,c)", "lab()",
                  "300,0,0", "-1,2,3", "12 34", "nan", "rgb(nan 0 0)", "\0", "🎨", "url(x)", "#"):  # fmt: skip
        yield _bad(folder, f"colour {color!a}", photo, mask, color=color)
    for name, options in (
        ("match", ("--match", "bright")),
        ("painter", ("--painter", "brush")),
        ("unknown option", ("--no-such-option",)),
        ("max pixels zero", ("--max-pixels", "0")),
        ("max pixels negative", ("--max-pixels", "-5")),
        ("max pixels text", ("--max-pixels", "many")),
        ("max pixels small", ("--max-pixels", "1000")),
        ("max bytes zero", ("--max-bytes", "0")),
        ("max bytes text", ("--max-bytes", "1GB")),
        ("max bytes small", ("--max-bytes", "100")),
        ("quality 0", ("--quality", "0")),
        ("quality 101", ("--quality", "101")),
        ("mask and wall", ("--wall", f"{mask}={COLOR}")),
        ("second photo", (str(photo),)),
    ):
        yield _bad(folder, f"option {name}", photo, mask, *options)
    white = folder / "white.png"
    white.write_bytes(encoded(np.full(wall().shape, 255, np.uint8), "PNG"))
    yield _bad(folder, "inverted to nothing", photo, white, "--invert-mask")
    for name, value in (("no equals", str(mask)), ("no colour", f"{mask}="), ("no mask", f"={COLOR}"),
                        ("missing mask", f"absent.png={COLOR}"), ("bad colour", f"{mask}=#zz")):  # fmt: skip
        out = folder / "out" / f"wall {name}.png"
        yield BadCase(f"wall {name}", ("repaint", str(photo), "--wall", value, "-o", str(out)), out)
    out = folder / "out" / "left out.png"
    yield BadCase("no mask to fit", ("repaint", str(photo), "--fit-mask", "--color", COLOR, "-o", str(out)), out)
    yield BadCase("no colour", ("repaint", str(photo), "--mask", str(mask), "-o", str(out)), out)
    yield BadCase("no photo", ("repaint", "--mask", str(mask), "--color", COLOR, "-o", str(out)), out)
    yield BadCase("no output", ("repaint", str(photo), "--mask", str(mask), "--color", COLOR), out)


def _bad_outputs(folder: Path, photo: Path, mask: Path) -> Iterator[BadCase]:
    directory = folder / "a folder.png"
    directory.mkdir(exist_ok=True)
    for name, out in (
        ("missing folder", folder / "absent" / "out.png"),
        ("no extension", folder / "out" / "result"),
        ("unknown extension", folder / "out" / "result.xyz"),
        ("gif", folder / "out" / "result.gif"),
        ("pdf", folder / "out" / "result.pdf"),
        ("folder is a file", photo / "out.png"),
        ("only an extension", folder / "out" / ".png"),
    ):
        yield BadCase(
            f"output {name}", ("repaint", str(photo), "--mask", str(mask), "--color", COLOR, "-o", str(out)), out
        )
    argv = ("repaint", str(photo), "--mask", str(mask), "--color", COLOR, "-o")
    absent = folder / "out" / "never.png"
    yield BadCase("output is a folder", (*argv, str(directory)), absent)
    yield BadCase("output is the photo", (*argv, str(photo)), absent)
