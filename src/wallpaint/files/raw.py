"""Raw photos of cameras: recognised by content, and developed by LibRaw if the extra `raw` is installed.

Most raw files are TIFF files whose first directory is a small preview, so they must be recognised before those.
"""

from __future__ import annotations

import io
import struct
from typing import Any, Final

import numpy as np

from wallpaint import extras
from wallpaint.errors import InputError
from wallpaint.files.containers import Contents
from wallpaint.files.pixels import Pixels

_SUB_IFDS, _EXIF_IFD, _MAKE, _PHOTOMETRIC, _COMPRESSION, _DNG_VERSION = 330, 34665, 271, 262, 259, 50706
_CFA, _LINEAR_RAW = 32803, 34892
_RAW_COMPRESSIONS: Final = {32767: "ARW", 32770: "SRW", 34713: "NEF", 65000: "DCR", 65535: "PEF"}
_MAKES: Final = {
    b"NIKON": "NEF",
    b"SONY": "ARW",
    b"PENTAX": "PEF",
    b"RICOH": "PEF",
    b"SAMSUNG": "SRW",
    b"HASSELBLAD": "3FR",
    b"PHASE ONE": "IIQ",
    b"LEAF": "MOS",
    b"MAMIYA": "MEF",
    b"EPSON": "ERF",
    b"SEIKO EPSON": "ERF",
    b"KODAK": "DCR",
    b"EASTMAN KODAK": "DCR",
}
_STARTS: Final = {
    b"FUJIFILMCCD-RAW": "RAF",
    b"IIRO": "ORF",
    b"IIRS": "ORF",
    b"MMOR": "ORF",
    b"IIU\0": "RW2",
    b"FOVb": "X3F",
    b"\0MRM": "MRW",
}
_TYPE_BYTES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 13: 4}
_MAX_DIRECTORIES: Final = 16
_MAX_ENTRIES: Final = 512


def raw_kind(data: bytes) -> str | None:
    """Return the kind of raw photo that a file is, such as "DNG" or "NEF"; None for any other file."""
    for start, kind in _STARTS.items():
        if data.startswith(start):
            return kind
    if data[4:12] == b"ftypcrx ":
        return "CR3"
    if data[:4] in (b"II\x1a\0", b"MM\0\x1a") and data[6:14] == b"HEAPCCDR":
        return "CRW"
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return None
    if data[8:10] == b"CR":
        return "CR2"
    return _tiff_kind(data)


def _tiff_kind(data: bytes) -> str | None:
    """The kind of raw photo that a TIFF file is, from its directories."""
    order = "<" if data[:2] == b"II" else ">"
    waiting, visited, make, is_raw = [_unsigned(data, order, 4, 4)], set[int](), b"", False
    kind_by_coding = None
    while waiting and len(visited) < _MAX_DIRECTORIES:
        start = waiting.pop(0)
        if not 8 <= start < len(data) - 2 or start in visited:
            continue
        visited.add(start)
        tags, following = _directory(data, order, start)
        if _DNG_VERSION in tags:
            return "DNG"
        text = tags.get(_MAKE, (b"", []))[0]
        make = make or text.split(b"\0")[0].strip().upper()
        coding = next(iter(tags.get(_COMPRESSION, (b"", []))[1]), 0)
        kind_by_coding = kind_by_coding or _RAW_COMPRESSIONS.get(coding)
        photometric = next(iter(tags.get(_PHOTOMETRIC, (b"", []))[1]), 0)
        is_raw = is_raw or photometric in (_CFA, _LINEAR_RAW) or coding in _RAW_COMPRESSIONS
        waiting += [offset for tag in (_SUB_IFDS, _EXIF_IFD) for offset in tags.get(tag, (b"", []))[1][:8]]
        waiting.append(following)
    if not is_raw:
        return None
    by_make = next((kind for name, kind in _MAKES.items() if make.startswith(name)), None)
    return by_make or kind_by_coding or "TIFF with sensor data"


def _directory(data: bytes, order: str, start: int) -> tuple[dict[int, tuple[bytes, list[int]]], int]:
    """Return the entries of a TIFF directory, as bytes and as unsigned numbers, and the next directory's offset."""
    tags: dict[int, tuple[bytes, list[int]]] = {}
    count = _unsigned(data, order, start, 2)
    for index in range(min(count, _MAX_ENTRIES)):
        at = start + 2 + 12 * index
        if at + 12 > len(data):
            break
        tag, type_, length = struct.unpack_from(f"{order}HHI", data, at)
        width = _TYPE_BYTES.get(type_, 0)
        if tag not in (_SUB_IFDS, _EXIF_IFD, _MAKE, _PHOTOMETRIC, _COMPRESSION, _DNG_VERSION) or not width:
            continue
        length = min(length, 256)
        where = at + 8 if width * length <= 4 else _unsigned(data, order, at + 8, 4)
        value = data[where : where + width * length]
        numbers = [_unsigned(value, order, i, width) for i in range(0, len(value) - width + 1, width)]
        tags[tag] = (value, numbers)
    return tags, _unsigned(data, order, start + 2 + 12 * count, 4)


def _unsigned(data: bytes, order: str, at: int, width: int) -> int:
    """An unsigned number, 0 beyond the end of the data."""
    chunk = data[at : at + width]
    return int.from_bytes(chunk, "little" if order == "<" else "big") if len(chunk) == width else 0


def take_raw_apart(data: bytes, kind: str) -> Contents:
    """Open a raw photo. Raises InputError if LibRaw is not installed or does not know the camera."""
    if not extras.is_installed("rawpy"):
        raise InputError(
            f"a raw photo ({kind}), of which only the preview could be read: develop it to TIFF or JPEG first, "
            f'or pip install "wallpaint[{extras.EXTRAS["rawpy"]}]"'
        )
    import rawpy

    try:
        opened: Any = rawpy.imread(io.BytesIO(data))
        sizes = opened.sizes
    except Exception as error:  # LibRaw's errors have kinds of their own
        raise _unreadable(kind, error) from error
    size = (int(sizes.height), int(sizes.width))
    contents = Contents("RAW", size[::-1] if int(sizes.flip) in (5, 6) else size, b"", bit_depth=16, lossless=True)
    contents.turn = 1  # LibRaw turns the picture upright
    contents.details["raw"], contents.details["kind"] = opened, kind
    contents.warnings.append(f"a raw photo ({kind}), developed with the camera's white balance to 16-bit sRGB")
    return contents


def _unreadable(kind: str, error: Exception) -> InputError:
    message = error.args[0] if error.args else ""
    message = message.decode("ascii", "replace") if isinstance(message, bytes) else str(message)  # LibRaw's are bytes
    reason = " ".join(message.split())[:80] or type(error).__name__
    return InputError(f"a raw photo ({kind}) that LibRaw cannot develop ({reason}): develop it to TIFF or JPEG first")


def read_raw(contents: Contents) -> Pixels:
    """Develop a raw photo: camera white balance, sRGB primaries and curve, 16 bits, no automatic brightening.

    White is the sensor's white level, or the photo's largest value if that is over 75 % of it, which keeps clipped
    highlights free of colour casts (LibRaw's default). Raises InputError.
    """
    import rawpy

    try:
        with contents.details.pop("raw") as opened:
            samples = opened.postprocess(
                use_camera_wb=True,
                output_color=rawpy.ColorSpace.sRGB,
                gamma=(2.4, 12.92),
                output_bps=16,
                no_auto_bright=True,
            )
    except Exception as error:  # LibRaw's errors have kinds of their own
        raise _unreadable(contents.details["kind"], error) from error
    pixels = np.ascontiguousarray(samples)
    contents.size = (pixels.shape[0], pixels.shape[1])
    return Pixels(pixels)
