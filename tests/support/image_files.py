"""Small picture files of every kind, made from a seed and independent of the package's own writers."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import tifffile
from PIL import Image

Array = np.ndarray

HEIGHT, WIDTH = 96, 128
P3 = [0.680, 0.320, 1.0, 0.265, 0.690, 1.0, 0.150, 0.060, 1.0]
D65 = [0.3127, 0.3290, 1.0]


# Pictures


def room(height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> Array:
    """(height, width, 3) uint8: a plain wall in uneven light over a floor, a sofa in front, fine grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    light = 1.0 - 0.35 * x - 0.2 * y
    picture = light[..., None] * np.array([186.0, 168.0, 140.0])
    picture[int(0.72 * height) :] = np.array([92.0, 70.0, 52.0])
    picture[int(0.5 * height) : int(0.85 * height), int(0.2 * width) : int(0.6 * width)] = (40.0, 60.0, 96.0)
    picture += rng.normal(0, 1.5, picture.shape)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def wall(height: int = HEIGHT, width: int = WIDTH) -> Array:
    """(height, width) bool: the wall of `room`."""
    mask = np.zeros((height, width), bool)
    mask[: int(0.72 * height)] = True
    mask[int(0.5 * height) :, int(0.2 * width) : int(0.6 * width)] = False
    return mask


def wide(picture: Array, seed: int = 1) -> Array:
    """8-bit codes -> 16-bit codes with all bits in use."""
    low = np.random.default_rng(seed).integers(-120, 120, picture.shape)
    return np.clip(picture.astype(np.int64) * 257 + low, 0, 65535).astype(np.uint16)


def stored(pixels: Array, orientation: int) -> Array:
    """What a file must hold so that a viewer that follows the tag shows `pixels`. Source: EXIF 2.32, 4.6.4."""
    undo: dict[int, Callable[[Array], Array]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }
    return np.ascontiguousarray(undo[orientation](pixels))


# Metadata and profiles


def exif_block(orientation: int = 1, *, gps: bool = False, thumbnail: bool = False, adobe: bool = False) -> bytes:
    """A TIFF block as a camera writes it, big-endian, without the "Exif" prefix."""
    tags = Image.Exif()
    tags[0x010F], tags[0x0110] = "Wallcam", "One"
    tags[0x0112] = orientation
    inner = tags.get_ifd(0x8769)
    inner[0x9003] = "2024:05:06 07:08:09"
    inner[0xA002], inner[0xA003] = 4000, 3000
    inner[0xA001] = 0xFFFF if adobe else 1
    inner[0xA005] = {1: "R03" if adobe else "R98"}
    if gps:
        tags.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.25), 3: "E", 4: (13.0, 24.0, 18.5)})
    if thumbnail:
        tags[0x013C] = "host"
    block = tags.tobytes().removeprefix(b"Exif\0\0")
    return with_thumbnail(block) if thumbnail else block


def with_thumbnail(block: bytes) -> bytes:
    """The same block with a second directory that holds a small JPEG."""
    order = ">" if block[:2] == b"MM" else "<"
    small = encoded(room(32, 48), "JPEG", quality=50)
    block += b"\0" * (len(block) % 2)
    at = len(block)
    entries = [(0x0103, 3, 6 << 16 if order == ">" else 6), (0x0201, 4, at + 2 + 36 + 4), (0x0202, 4, len(small))]
    second = struct.pack(order + "H", 3)
    second += b"".join(struct.pack(order + "HHII", tag, kind, 1, value) for tag, kind, value in entries)
    first = struct.unpack_from(order + "I", block, 4)[0]
    count = struct.unpack_from(order + "H", block, first)[0]
    out = bytearray(block + second + b"\0\0\0\0" + small)
    struct.pack_into(order + "I", out, first + 2 + 12 * count, at)
    return bytes(out)


def xmp_packet(inner: str = "", attributes: str = "") -> bytes:
    """An XMP packet with a description element."""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Wallcam" '
        f"{attributes}>{inner}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def display_p3() -> bytes:
    """An ICC profile of Display P3 primaries with the tone curve of sRGB."""
    codes = np.linspace(0, 1, 4096)
    curve = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    table = np.round(curve * 65535).astype(np.uint16)
    return bytes(imagecodecs.cms_profile("rgb", whitepoint=D65, primaries=P3, transferfunction=table))


def rgb_gamma(gamma: float, primaries: list[float] | None = None) -> bytes:
    """An ICC profile with a pure gamma."""
    srgb = [0.64, 0.33, 1.0, 0.30, 0.60, 1.0, 0.15, 0.06, 1.0]
    return bytes(imagecodecs.cms_profile("rgb", whitepoint=D65, primaries=primaries or srgb, gamma=gamma))


def grey_gamma(gamma: float) -> bytes:
    """A grey ICC profile with a pure gamma."""
    return bytes(imagecodecs.cms_profile("gray", whitepoint=[0.3457, 0.3585, 1.0], gamma=gamma))


def cmyk_profile() -> bytes:
    """A small CMYK printer profile: lut8 tables both ways between inks and Lab (ICC.1:2001, 6.5.9)."""
    inks = np.stack(np.meshgrid(*[np.linspace(0, 1, 9)] * 4, indexing="ij"), -1).reshape(-1, 4)
    forward = _lut8(4, 3, 9, _lab_codes(_rgb_to_lab(0.03 + 0.94 * (1 - inks[:, :3]) * (1 - inks[:, 3:]))))
    lab_nodes = np.stack(np.meshgrid(*[np.linspace(0, 255, 17)] * 3, indexing="ij"), -1).reshape(-1, 3)
    lab = lab_nodes * [100 / 255, 1, 1] - [0, 128, 128]
    rgb = np.clip((_lab_to_rgb(lab) - 0.03) / 0.94, 0, 1)
    white = rgb.max(-1, keepdims=True)
    back = np.concatenate([1 - rgb / np.maximum(white, 1e-6), 1 - white], -1)
    backward = _lut8(3, 4, 17, np.round(back * 255).astype(np.uint8))
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": forward, b"B2A0": backward})


def rgb_table_profile() -> bytes:
    """An RGB scanner profile made of a table instead of a matrix."""
    codes = np.stack(np.meshgrid(*[np.linspace(0, 1, 17)] * 3, indexing="ij"), -1).reshape(-1, 3)
    forward = _lut8(3, 3, 17, _lab_codes(_rgb_to_lab(codes**1.1)))
    lab_nodes = np.stack(np.meshgrid(*[np.linspace(0, 255, 17)] * 3, indexing="ij"), -1).reshape(-1, 3)
    rgb = np.clip(_lab_to_rgb(lab_nodes * [100 / 255, 1, 1] - [0, 128, 128]), 0, 1) ** (1 / 1.1)
    backward = _lut8(3, 3, 17, np.round(rgb * 255).astype(np.uint8))
    return _profile(b"scnr", b"RGB ", b"Lab ", {b"A2B0": forward, b"B2A0": backward})


_D50 = np.array([0.9642, 1.0, 0.8249])
_SRGB_D50 = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]])


def _rgb_to_lab(rgb: Array) -> Array:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    ratio = linear @ _SRGB_D50.T / _D50
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], -1)


def _lab_to_rgb(lab: Array) -> Array:
    fy = (lab[:, 0] + 16) / 116
    f = np.stack([fy + lab[:, 1] / 500, fy, fy - lab[:, 2] / 200], -1)
    xyz = np.where(f > 6 / 29, f**3, (116 * f - 16) * 27 / 24389) * _D50
    linear = np.clip(xyz @ np.linalg.inv(_SRGB_D50).T, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _lab_codes(lab: Array) -> Array:
    return np.clip(np.round((lab + np.array([0, 128, 128])) * [255 / 100, 1, 1]), 0, 255).astype(np.uint8)


def _lut8(channels_in: int, channels_out: int, nodes: int, table: Array) -> bytes:
    identity = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 * value for value in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    head = b"mft1\0\0\0\0" + bytes([channels_in, channels_out, nodes, 0]) + matrix
    return head + identity * channels_in + table.tobytes() + identity * channels_out


def _profile(device: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"test profile\0"
    tags = tags | {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65536 * value) for value in _D50)),
    }
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        value += b"\0" * (-len(value) % 4)
        table += name + struct.pack(">II", at + len(body), len(value))
        body += value
    header = struct.pack(">I4sI4s4s4s", at + len(body), b"test", 0x02400000, device, space, connection)
    header += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    header += struct.pack(">3i", *(round(65536 * value) for value in _D50))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


# Files


def encoded(pixels: Array | Image.Image, kind: str, **options: Any) -> bytes:
    """A file made by Pillow."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def heic(pixels: Array, **options: Any) -> bytes:
    """A HEIC file: 8 bits, or 10 bits from uint16 codes up to 1023."""
    mode = "RGB" if pixels.shape[2] == 3 else "RGBA"
    if pixels.dtype == np.uint16:
        pixels, mode = pixels << 6, mode + ";16"
    out = io.BytesIO()
    size = (pixels.shape[1], pixels.shape[0])
    pillow_heif.encode(mode, size, pixels.tobytes(), out, **({"quality": 95, "chroma": 444} | options))
    return out.getvalue()


def tiff(pixels: Array, **options: Any) -> bytes:
    """A TIFF file made by tifffile."""
    out = io.BytesIO()
    writer = {key: options.pop(key) for key in ("byteorder", "bigtiff") if key in options}
    photometric = "rgb" if pixels.ndim == 3 and pixels.shape[-1] in (3, 4) else "minisblack"
    with tifffile.TiffWriter(out, **writer) as file:
        file.write(pixels, **({"photometric": photometric, "metadata": None, "software": False} | options))
    return out.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """One PNG chunk with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(data: bytes, *chunks: bytes) -> bytes:
    """A PNG file with chunks put in after its header."""
    return data[:33] + b"".join(chunks) + data[33:]


def png_16(pixels: Array, *chunks: bytes) -> bytes:
    """A 16-bit PNG of 1 to 4 channels."""
    return png_with(bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels))), *chunks)


def png_raw(width: int, height: int, depth: int, color_type: int, idat: bytes, interlace: int = 0) -> bytes:
    """A PNG file of given header and compressed data."""
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", idat) + png_chunk(b"IEND", b"")


def png_interlaced(pixels: Array) -> bytes:
    """An Adam7 PNG of (H, W, 3) uint8 or uint16 pixels. Source: PNG specification, 8.2."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    raw = b""
    for top, left, down, across in passes:
        part = pixels[top::down, left::across]
        if part.size:
            raw += b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in part)
    return png_raw(pixels.shape[1], pixels.shape[0], 8 * pixels.dtype.itemsize, 2, zlib.compress(raw), 1)


def jpeg_with(data: bytes, *segments: tuple[int, bytes]) -> bytes:
    """A JPEG file with segments (marker, body) put in after its start."""
    added = b"".join(bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body for marker, body in segments)
    return data[:2] + added + data[2:]


def ultra_hdr(pixels: Array) -> bytes:
    """A JPEG with a multi-picture index, gain map XMP and the gain map behind it."""
    first = encoded(pixels, "JPEG", quality=92)
    attributes = 'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
    header = (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp_packet(attributes=attributes))
    gain = encoded(np.full((24, 32), 128, np.uint8), "JPEG")
    entry = struct.pack(">HHII", 0xB001, 4, 1, 2)
    index = b"MPF\0MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)
    return jpeg_with(first, header, (0xE2, index)) + gain


def avif_10(pixels: Array) -> bytes:
    """A 10-bit AVIF file from (H, W, 3) uint16 codes up to 1023."""
    return bytes(imagecodecs.avif_encode(pixels, level=95, bitspersample=10, pixelformat="444"))


# Raw photos

SAMSUNG_TRAILER = b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1600000000000SEFHj\0\0\0\1\0\0\0SEFT"
RAW_HEADERS = {
    "RAF": b"FUJIFILMCCD-RAW 0201FF129502X-T3",
    "ORF": b"IIRO\x08\0\0\0",
    "RW2": b"IIU\0\x18\0\0\0",
    "CR2": b"II*\0\x10\0\0\0CR\2\0",
    "CR3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    "CRW": b"II\x1a\0\0\0HEAPCCDR",
    "X3F": b"FOVb\0\0\2\0",
    "MRW": b"\0MRM\0\0\1\0",
}
"""First bytes of raw files, by kind. Source: the signatures of libmagic and LibRaw."""


def raw_header(kind: str) -> bytes:
    """The first bytes of a raw photo and zeros after them."""
    return RAW_HEADERS[kind] + bytes(2000)


def raw_tiff(*, is_dng: bool = False, make: str = "Maker", size: tuple[int, int] = (64, 96)) -> bytes:
    """A TIFF as cameras write raw photos: an RGB preview first, sensor data in a sub-directory."""
    out = io.BytesIO()
    tags: list[tuple[int, int, int, Any, bool]] = [(271, 2, 0, make, True)]
    if is_dng:
        tags.append((50706, 1, 4, b"\1\4\0\0", True))
    sensor = np.random.default_rng(0).integers(0, 4095, size).astype(np.uint16)
    with tifffile.TiffWriter(out, byteorder="<") as writer:
        options: dict[str, Any] = {"photometric": "rgb", "subfiletype": 1, "subifds": 1, "extratags": tags}
        writer.write(room(48, 64), metadata=None, software=None, **options)
        writer.write(sensor, photometric=32803, metadata=None, software=None, extratags=[(33421, 3, 2, (2, 2), True)])
    return out.getvalue()


_XYZ_TO_SRGB = (
    (3.2404542, -1.5371385, -0.4985314),
    (-0.9692660, 1.8760108, 0.0415560),
    (0.0556434, -0.2040259, 1.0572252),
)


def dng(
    linear: np.ndarray,
    *,
    neutral: tuple[float, float, float] = (1, 1, 1),
    black: int = 0,
    orientation: int = 1,
    has_preview: bool = True,
) -> bytes:
    """A DNG of a camera whose primaries are sRGB's: a Bayer mosaic RGGB of 14 bits.

    linear: (H, W, 3), linear sRGB, 0..1. neutral: the camera's values of grey, at most 1. black: level of black.
    orientation: as stored; the picture is `linear` turned by it. Source: DNG specification 1.4.
    """
    camera = linear * np.array(neutral)
    mosaic = camera[..., 1].copy()
    mosaic[0::2, 0::2], mosaic[1::2, 1::2] = camera[0::2, 0::2, 0], camera[1::2, 1::2, 2]
    white = 16383
    codes = np.round(black + mosaic * (white - black)).astype(np.uint16)

    def rationals(values: Any) -> tuple[int, ...]:
        return tuple(number for value in np.ravel(values) for number in (round(value * 1_000_000), 1_000_000))

    camera_tags = [(50706, 1, 4, b"\1\4\0\0", True), (50707, 1, 4, b"\1\1\0\0", True), (271, 2, 0, "Maker", True)]
    camera_tags += [(272, 2, 0, "Model", True), (50708, 2, 0, "Maker Model", True), (274, 3, 1, orientation, True)]
    camera_tags += [(50721, 10, 9, rationals(_XYZ_TO_SRGB), True), (50728, 5, 3, rationals(neutral), True)]
    camera_tags += [(50778, 3, 1, 21, True)]  # the matrix is for D65
    sensor_tags = [(33421, 3, 2, (2, 2), True), (33422, 1, 4, b"\0\1\1\2", True)]
    sensor_tags += [(50714, 3, 1, black, True), (50717, 4, 1, white, True)]
    out = io.BytesIO()
    options: dict[str, Any] = {"metadata": None, "software": None}
    with tifffile.TiffWriter(out, byteorder="<") as writer:
        if has_preview:
            preview: dict[str, Any] = {"photometric": "rgb", "subfiletype": 1, "subifds": 1, "extratags": camera_tags}
            writer.write(room(48, 64), **preview, **options)
        tags = sensor_tags if has_preview else camera_tags + sensor_tags
        writer.write(codes, photometric=32803, subfiletype=0, extratags=tags, **options)
    return out.getvalue()
