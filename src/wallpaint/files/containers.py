"""Picture files taken apart: size, colour profile and metadata marker, the pixels' own stream left over.

Only structure is read here, no pixel is decoded, so that sizes are known before memory is spent and the
decoders never see metadata. Each function raises InputError where a file is cut short or contradicts itself.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from wallpaint.errors import InputError

MAX_PROFILE_BYTES: Final = 32 * 2**20
TRUNCATED: Final = "the file is cut short: copy or download it again"

_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_METADATA: Final = frozenset({0xE1, 0xE2, 0xFE, *range(0xE3, 0xEE), 0xEF})
_JPEG_BETWEEN_SCANS: Final = frozenset({0xC4, 0xCC, *range(0xDA, 0xDE), *range(0xE0, 0xF0), 0xFE})
_PNG_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_JPEG_MARKER: Final = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_XMP_HEADER: Final = b"http://ns.adobe.com/xap/1.0/\0"
ANIMATION: Final = "the file is an animation: only its first picture is used"


@dataclass
class Contents:
    """A parsed image file.

    size: (height, width) as stored, before orientation. stream: what the pixel decoder gets. turn: the
    orientation 1..8 that the container itself asks for, None to follow EXIF. gamma: that of the tone curve.
    chromaticities: xy of white, red, green, blue. primaries, transfer: code points of ITU-T H.273.
    """

    format: str
    size: tuple[int, int]
    stream: bytes
    bit_depth: int = 8
    lossless: bool = False
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    turn: int | None = None
    gamma: float | None = None
    chromaticities: tuple[tuple[float, float], ...] | None = None
    primaries: int | None = None
    transfer: int | None = None
    warnings: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)


def sniff(data: bytes) -> str | None:
    """The format that the first bytes belong to, None if unknown."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if data[4:8] == b"ftyp":
        brands = {data[i : i + 4] for i in range(8, min(len(data), 64), 4)}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}:
            return "HEIC"
    if data[:2] == b"BM":
        return "BMP"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    return None


def jpeg(data: bytes) -> Contents:
    """Take a JPEG apart. Anything after the first picture (gain map, preview, padding) is left out."""
    contents = Contents("JPEG", (0, 0), b"")
    kept, at = [data[:2]], 2
    profile: dict[int, bytes] = {}
    while True:
        marker, segment, after = _jpeg_segment(data, at)
        if marker in _JPEG_METADATA:
            _jpeg_metadata(contents, marker, segment, profile)
        else:
            kept.append(data[at:after])
        if marker in _JPEG_FRAMES:
            _jpeg_frame(contents, marker, segment)
        elif marker == 0xE0 and segment[:5] == b"JFIF\0" and len(segment) >= 12:
            across, down = struct.unpack_from(">HH", segment, 8)
            contents.dpi = _density(across, down, {1: 1.0, 2: 2.54}.get(segment[7]))
        elif marker == 0xEE and segment[:5] == b"Adobe" and len(segment) >= 12:
            contents.details["adobe_transform"] = segment[11]
        at = after
        if marker == 0xDA:
            break
    end, scan_headers, is_marked = _jpeg_end(data, at)
    contents.stream = b"".join([*kept, data[at:end]])
    if not is_marked:
        if not _has_all_scans(contents, [segment, *scan_headers]):
            raise InputError(TRUNCATED)
        contents.details["unmarked_end"] = len(contents.stream) - (end - at)
    if profile:
        contents.icc = b"".join(profile[number] for number in sorted(profile))
    return contents


def _jpeg_segment(data: bytes, at: int) -> tuple[int, bytes, int]:
    """(marker, what it holds, where the next one starts) of the segment at an offset."""
    while data[at : at + 2] == b"\xff\xff":
        at += 1
    if at + 4 > len(data):
        raise InputError(TRUNCATED)
    if data[at] != 0xFF or data[at + 1] in (0x00, 0xD8, 0xD9):
        raise InputError("the JPEG is damaged before its first pixel: copy or download it again")
    length = struct.unpack_from(">H", data, at + 2)[0]
    after = at + 2 + length
    if length < 2 or after > len(data):
        raise InputError(TRUNCATED)
    return data[at + 1], data[at + 4 : after], after


def _jpeg_frame(contents: Contents, marker: int, segment: bytes) -> None:
    if len(segment) < 6 or len(segment) < 6 + 3 * segment[5]:
        raise InputError("the JPEG's header is damaged")
    depth, height, width, components = struct.unpack_from(">BHHB", segment)
    if marker in (0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF) or depth != 8:
        raise InputError(f"this kind of JPEG ({depth} bit, type {marker:x}) is not supported: save it as PNG or TIFF")
    contents.size = (height, width)
    contents.details["progressive"] = marker in (0xC2, 0xCA)
    contents.details["components"] = components
    contents.details["sampling"] = tuple(segment[7 + 3 * i] for i in range(components))
    contents.details["ids"] = bytes(segment[6 + 3 * i] for i in range(components))


def _jpeg_metadata(contents: Contents, marker: int, segment: bytes, profile: dict[int, bytes]) -> None:
    if marker == 0xE1 and segment[:6] == b"Exif\0\0" and contents.exif is None:
        contents.exif = segment[6:]
    elif marker == 0xE1 and segment.startswith(_XMP_HEADER):
        contents.xmp = segment[len(_XMP_HEADER) :]
    elif marker == 0xE2 and segment[:12] == b"ICC_PROFILE\0" and len(segment) > 14:
        profile[segment[12]] = segment[14:]
    elif marker == 0xE2 and segment[:4] == b"MPF\0":
        contents.details["pictures"] = True
    elif marker == 0xE2 and segment.startswith(b"urn:iso:std:iso:ts:21496"):
        contents.details["gain_map"] = True


def _jpeg_end(data: bytes, at: int) -> tuple[int, list[bytes], bool]:
    """(end of the picture whose first scan's data starts at an offset, further scan headers, whether it is marked)."""
    scan_headers: list[bytes] = []
    while True:
        marker = _JPEG_MARKER.search(data, at)
        if marker is None:
            return len(data), scan_headers, False
        code = data[marker.end() - 1]
        if code == 0xD9:
            return marker.end(), scan_headers, True
        if code not in _JPEG_BETWEEN_SCANS:
            return marker.start(), scan_headers, False
        try:
            _, segment, at = _jpeg_segment(data, marker.end() - 2)
        except InputError:
            return marker.start(), scan_headers, False
        if code == 0xDA:
            scan_headers.append(segment)


def _has_all_scans(contents: Contents, scan_headers: list[bytes]) -> bool:
    """Whether scans code every bit of every coefficient. scan_headers: their SOS segments (ITU-T T.81, B.2.3)."""
    missing = {component: set(range(64)) for component in contents.details.get("ids", b"")}
    if not missing:
        return False
    for header in scan_headers:
        count = header[0] if header else 0
        if len(header) < 4 + 2 * count:
            return False
        first, last, bits = header[1 + 2 * count : 4 + 2 * count]
        if bits & 15 and contents.details["progressive"]:
            continue  # a later scan refines these coefficients
        for component in header[1 : 1 + 2 * count : 2]:
            missing.get(component, set()).difference_update(range(first, last + 1))
    return not any(missing.values())


def png(data: bytes) -> Contents:
    """Take a PNG apart, checking the chunks that its pixels depend on."""
    contents = Contents("PNG", (0, 0), b"", lossless=True)
    kept = [data[:8]]
    for kind, body, chunk, is_sound in _png_chunks(data):
        critical = not kind[0] & 0x20
        if not is_sound and (critical or kind == b"tRNS"):
            raise InputError(f"the PNG is damaged (checksum of {kind.decode('latin1')}): copy or download it again")
        if len(kept) == 1:
            if kind == b"CgBI":
                raise InputError(
                    "an iPhone-optimised PNG (CgBI), whose pixels are stored in a form of Apple's own: "
                    "export it as a standard PNG or JPEG"
                )
            if kind != b"IHDR" or len(body) != 13:
                raise InputError("the PNG has no header: copy or download it again")
            width, height, contents.bit_depth, contents.details["color_type"] = struct.unpack_from(">IIBB", body)
            contents.size = (height, width)
            contents.details["interlaced"] = body[12] == 1
            if contents.bit_depth not in _PNG_DEPTHS.get(contents.details["color_type"], ()):
                raise InputError("the PNG's header is damaged: copy or download it again")
        if critical or kind == b"tRNS":
            kept.append(chunk)
        elif is_sound:
            _png_metadata(contents, kind, body)
        else:
            contents.warnings.append(f"a damaged part of the PNG ({kind.decode('latin1')}) is ignored")
    contents.stream = b"".join(kept)
    if contents.details.pop("is_srgb", False):
        contents.gamma = contents.chromaticities = None
    return contents


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes, bool]]:
    """(kind, body, the whole chunk, whether its checksum is right) up to the end chunk."""
    at, kind = 8, b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise InputError(TRUNCATED)
        length, kind = struct.unpack_from(">I4s", data, at)
        after = at + 12 + length
        if after > len(data):
            raise InputError(TRUNCATED)
        checksum = struct.unpack_from(">I", data, after - 4)[0]
        yield kind, data[at + 8 : after - 4], data[at:after], zlib.crc32(data[at + 4 : after - 4]) == checksum
        at = after


def _png_metadata(contents: Contents, kind: bytes, body: bytes) -> None:
    if kind == b"iCCP":
        packed = body.partition(b"\0")[2]
        contents.icc = _inflate(packed[1:], MAX_PROFILE_BYTES)
        if contents.icc is None:
            contents.warnings.append("the colour profile cannot be unpacked: the photo is taken as sRGB")
    elif kind == b"eXIf":
        contents.exif = body.removeprefix(b"Exif\0\0")
    elif kind == b"iTXt" and body.startswith(b"XML:com.adobe.xmp\0"):
        packet = body[20:].split(b"\0", 2)[-1]
        contents.xmp = _inflate(packet, 2**22) if body[18:19] == b"\1" else packet
    elif kind == b"pHYs" and len(body) == 9:
        across, down = struct.unpack_from(">II", body)
        contents.dpi = _density(across, down, 0.0254 if body[8] == 1 else None)
    elif kind == b"gAMA" and len(body) == 4:
        stored = struct.unpack(">I", body)[0] / 100_000
        contents.gamma = 1 / stored if 0.1 < stored < 10 else None
    elif kind == b"cHRM" and len(body) == 32:
        values = [value / 100_000 for value in struct.unpack(">8I", body)]
        contents.chromaticities = tuple(zip(values[::2], values[1::2], strict=True))
    elif kind == b"sRGB":
        contents.details["is_srgb"] = True
    elif kind == b"cICP" and len(body) == 4:
        contents.primaries, contents.transfer = body[0], body[1]
    elif kind == b"acTL":
        contents.warnings.append(ANIMATION)


def _inflate(packed: bytes, limit: int) -> bytes | None:
    """Unpack a zlib stream of at most `limit` bytes; None where it is damaged or larger."""
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(packed, limit)
    except zlib.error:
        return None
    return unpacked if unpacker.eof else None


def webp(data: bytes) -> Contents:
    """Take a WebP file apart."""
    end = 8 + struct.unpack_from("<I", data, 4)[0] if len(data) >= 8 else 0
    if end > len(data) or end < 20:
        raise InputError(TRUNCATED)
    contents = Contents("WebP", (0, 0), data[:end])
    for kind, body in _riff_chunks(data, 12, end):
        if kind == b"VP8X" and len(body) >= 10:
            width, height = int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
            contents.size = (height, width)
            if body[0] & 2:
                contents.warnings.append(ANIMATION)
        elif kind in (b"VP8 ", b"VP8L"):
            contents.lossless = kind == b"VP8L"
            if contents.size == (0, 0):
                contents.size = _webp_size(kind, body)
        elif kind == b"ANMF" and len(body) > 24:
            contents.lossless = contents.lossless or b"VP8L" in (body[16:20], body[24:28])
        elif kind == b"ICCP":
            contents.icc = body
        elif kind == b"EXIF":
            contents.exif = body.removeprefix(b"Exif\0\0")
        elif kind == b"XMP ":
            contents.xmp = body
    return contents


def _riff_chunks(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > end:
            raise InputError(TRUNCATED)
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _webp_size(kind: bytes, body: bytes) -> tuple[int, int]:
    if len(body) < 10:
        raise InputError(TRUNCATED)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", body, 6)
        return height & 0x3FFF, width & 0x3FFF
    bits = int.from_bytes(body[1:5], "little")
    return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1


def bmp(data: bytes) -> Contents:
    """Read the size of a BMP file."""
    if len(data) < 30:
        raise InputError(TRUNCATED)
    header_bytes = struct.unpack_from("<I", data, 14)[0]
    width, height = struct.unpack_from("<HH" if header_bytes == 12 else "<ii", data, 18)
    return Contents("BMP", (abs(height), width), data, lossless=True)


def gif(data: bytes) -> Contents:
    """Read the size of a GIF file."""
    if len(data) < 14:
        raise InputError(TRUNCATED)
    width, height = struct.unpack_from("<HH", data, 6)
    return Contents("GIF", (height, width), data, lossless=True)


def _density(x: int, y: int, inches: float | None) -> tuple[float, float] | None:
    """Dots per inch from dots per unit. inches: 1 / (inches of the unit); None if it is unknown."""
    if inches is None or not x or not y:
        return None
    return x * inches, y * inches
