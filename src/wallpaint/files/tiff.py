"""TIFF parsing and decoding with tifffile and imagecodecs."""

from __future__ import annotations

import io
import logging
from typing import Any, Final

import numpy as np

from wallpaint.errors import InputError
from wallpaint.files import exif
from wallpaint.files.containers import MAX_PROFILE_BYTES, TRUNCATED, Contents
from wallpaint.files.pixels import FLOAT_WARNING, Pixels, floats_to_codes, widened
from wallpaint.typing import Array

_MINISWHITE, _MINISBLACK, _RGB, _PALETTE, _SEPARATED, _YCBCR = 0, 1, 2, 3, 5, 6
_COLORS: Final = {_MINISWHITE: 1, _MINISBLACK: 1, _RGB: 3, _PALETTE: 1, _SEPARATED: 4, _YCBCR: 3}
_LOSSLESS: Final = {1: "none", 5: "lzw", 8: "adobe_deflate", 32946: "deflate", 32773: "packbits"}
_ICC, _XMP, _PREMULTIPLIED, _UNASSOCIATED = 34675, 700, 1, 2
_JPEG_COMPRESSIONS: Final = (6, 7, 34892, 33007)

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what matters is raised as an InputError here


def take_tiff_apart(data: bytes) -> Contents:
    """Read the first directory of a TIFF file. Raises InputError for one that is damaged or not a photo."""
    import tifffile

    try:
        page = tifffile.TiffFile(io.BytesIO(data)).pages.first
    except Exception as error:  # tifffile raises many kinds on damaged files
        raise InputError(f"the TIFF is damaged ({_one_line(error)}): copy or export it again") from error
    contents = Contents("TIFF", (int(page.imagelength), int(page.imagewidth)), b"")
    _check_layout(page)
    _check_extents(page, len(data))
    contents.bit_depth = int(page.bitspersample)
    contents.icc = _bytes_of(page, _ICC, MAX_PROFILE_BYTES)
    contents.xmp = _bytes_of(page, _XMP, 4 * 2**20)
    contents.exif = exif.from_tiff(data)
    contents.turn = exif.orientation(data)
    contents.dpi = _resolution(page)
    contents.lossless = int(page.compression) in _LOSSLESS
    contents.details["page"] = page
    contents.details["compression"] = _LOSSLESS.get(int(page.compression), "adobe_deflate")
    contents.details["premultiplied"] = _PREMULTIPLIED in tuple(page.extrasamples)
    contents.details["byte_order"] = exif.byte_order(data)
    if exif.has_second_directory(data):
        contents.warnings.append("the TIFF holds several pictures: only the first is used")
    return contents


def read_tiff(contents: Contents) -> Pixels:
    """Decode the picture of a TIFF file."""
    page = contents.details["page"]
    samples = np.asarray(page.asarray(squeeze=False, maxworkers=1))
    samples = samples[:, 0]  # (planes, H, W, interleaved)
    samples = samples[0] if samples.shape[0] == 1 else np.moveaxis(samples[..., 0], 0, -1)
    warnings: list[str] = []
    if samples.dtype.kind == "f":
        samples = floats_to_codes(samples)
        contents.bit_depth = 16
        warnings.append(FLOAT_WARNING)
    elif samples.dtype.kind not in "ub" or samples.dtype.itemsize > 2:
        raise InputError(f"TIFF samples of type {samples.dtype} are not supported: save it with 8 or 16 bits")
    colors = _COLORS[int(page.photometric)]
    if samples.shape[-1] < colors:
        raise InputError("the TIFF has fewer channels than its colour model needs: export it again")
    if int(page.photometric) == _PALETTE:
        return Pixels(_apply_palette(page, samples[..., 0]), warnings=warnings)
    samples = _full_range(samples, contents.bit_depth)
    if int(page.photometric) == _MINISWHITE:
        samples = np.concatenate([~samples[..., :1], samples[..., 1:]], axis=-1)
    alpha = _alpha(page, samples, colors)
    if contents.details["premultiplied"]:
        warnings.append("the transparency is premultiplied: colours of see-through pixels stay as they are")
    flat = samples[..., 0] if colors == 1 else samples[..., :colors]
    return Pixels(np.ascontiguousarray(flat), alpha, warnings)


def _alpha(page: Any, samples: Array, colors: int) -> Array | None:
    for index, kind in enumerate(page.extrasamples):
        if kind in (_PREMULTIPLIED, _UNASSOCIATED) and colors + index < samples.shape[-1]:
            return np.ascontiguousarray(samples[..., colors + index])
    return None


def _check_layout(page: Any) -> None:
    photometric = int(page.photometric)
    if photometric not in _COLORS:
        name = getattr(page.photometric, "name", photometric)
        raise InputError(f"TIFF colour model {name} is not supported: save it as RGB or CMYK")
    if page.imagedepth != 1 or page.samplesperpixel > 8:
        raise InputError("the TIFF is not a flat picture of at most 8 channels: export it as RGB")
    if photometric == _YCBCR and int(page.compression) not in _JPEG_COMPRESSIONS:
        raise InputError("a YCbCr TIFF without JPEG compression is not supported: save it as RGB")
    if isinstance(page.bitspersample, tuple):
        raise InputError("TIFF channels of different depths are not supported: save it with 8 or 16 bits")
    if page.is_tiled and page.tilewidth * page.tilelength > 4 * max(page.imagewidth * page.imagelength, 2**22):
        raise InputError("the TIFF's tiles are far larger than its picture: export it again")


def _check_extents(page: Any, file_bytes: int) -> None:
    """Raise InputError unless all strips or tiles lie in the file."""
    offsets, lengths = page.dataoffsets, page.databytecounts
    if not offsets or len(offsets) != len(lengths):
        raise InputError("the TIFF has no pixels: copy or export it again")
    if any(offset + length > file_bytes for offset, length in zip(offsets, lengths, strict=True)):
        raise InputError(TRUNCATED)
    rows = page.tilelength if page.is_tiled else page.rowsperstrip
    across = -(-page.imagewidth // page.tilewidth) if page.is_tiled else 1
    planes = page.samplesperpixel if int(page.planarconfig) == 2 else 1
    if rows < 1 or len(offsets) < -(-page.imagelength // rows) * across * planes:
        raise InputError("the TIFF lacks some of its strips or tiles: copy or export it again")
    if any(length == 0 for length in lengths):
        raise InputError("the TIFF has empty strips or tiles: copy or export it again")
    if int(page.compression) == 1 and sum(lengths) < page.nbytes * page.bitspersample // (8 * page.dtype.itemsize):
        raise InputError("the TIFF holds fewer pixels than it says: copy or export it again")


def _full_range(samples: Array, depth: int) -> Array:
    """Samples of 1..16 bits -> uint8 or uint16 with white at the top code."""
    if samples.dtype == np.bool_ or depth < 8:
        top = (1 << depth) - 1
        return (samples.astype(np.uint16) * 255 // top).astype(np.uint8)
    return widened(samples, depth)


def _apply_palette(page: Any, indices: Array) -> Array:
    """Palette indices -> RGB. Palettes hold 16-bit values; those of 8-bit pictures mean their high bytes."""
    palette = np.asarray(page.colormap)  # (3, entries)
    if palette.ndim != 2 or palette.shape[0] != 3 or indices.max() >= palette.shape[1]:
        raise InputError("the TIFF's palette is too short: export it again")
    high = palette if palette.max() < 256 else palette >> 8  # some writers store 8-bit values
    return np.ascontiguousarray(high.astype(np.uint8).T[indices])


def _resolution(page: Any) -> tuple[float, float] | None:
    inches = {2: 1.0, 3: 2.54}.get(int(page.tags.valueof(296, 2) or 0))
    x, y = page.tags.valueof(282), page.tags.valueof(283)
    if inches is None or not isinstance(x, tuple) or not isinstance(y, tuple) or 0 in (*x, *y):
        return None
    return x[0] / x[1] * inches, y[0] / y[1] * inches


def _bytes_of(page: Any, tag: int, limit: int) -> bytes | None:
    value = page.tags.valueof(tag)
    return bytes(value) if isinstance(value, (bytes, bytearray)) and 0 < len(value) <= limit else None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
