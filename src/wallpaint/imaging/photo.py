"""Read photos: pixels, colour space and the metadata that a repainted copy keeps."""

from __future__ import annotations

import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import cv2
import numpy as np
from PIL import Image

from wallpaint.errors import InputError
from wallpaint.files import exif, xmp
from wallpaint.files.containers import Contents
from wallpaint.files.decode import decode, take_apart
from wallpaint.files.pixels import Pixels, from_pillow, upright
from wallpaint.files.source import JpegCoding, SourceFile
from wallpaint.imaging import icc as colorspace
from wallpaint.imaging.icc import ColorSpace
from wallpaint.typing import Array

MIN_SIDE_PX: Final = 8

_GAIN_MAP: Final = "the HDR gain map is dropped: the result is a standard picture"
_SAMPLINGS: Final = {(0x11, 0x11, 0x11): 0, (0x21, 0x11, 0x11): 1, (0x22, 0x11, 0x11): 2}
_PRIMARIES: Final = {9: colorspace.REC2020_PRIMARIES_XY, 12: colorspace.DISPLAY_P3_PRIMARIES_XY}  # H.273
_HDR_TRANSFERS: Final = {16: "PQ", 18: "HLG"}
_LINEAR_TRANSFER: Final = 8


PhotoSource: TypeAlias = "str | Path | bytes | Image.Image | Array"
"""A path, the bytes of a file, a PIL image or an array (H, W), (H, W, 3) uint8 or uint16."""


@dataclass(frozen=True)
class Limits:
    """Limits on the size of input files.

    max_bytes: size of the file. max_pixels: width times height.
    """

    max_bytes: int = 256 * 2**20
    max_pixels: int = 200_000_000


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo, upright.

    codes: (H, W, 3) RGB or (H, W, 4) CMYK, uint8 or uint16, in the file's own colour space, read-only.
    space: their colour space. alpha: (H, W), the file's own transparency, of the same type, read-only.
    warnings: sentences for the user about what was left out or guessed. orientation: the EXIF orientation of the stored
    pixels, 1..8, which is applied already.
    """

    codes: Array
    space: ColorSpace
    alpha: Array | None
    source: SourceFile
    warnings: tuple[str, ...] = ()
    orientation: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.codes.shape[0], self.codes.shape[1]


def read_photo(
    source: PhotoSource,
    limits: Limits = Limits(),
    *,
    grey_channels: Literal[1, 3] = 3,
) -> Photo:
    """Read a photo from a file, its bytes, a Pillow image, or an array.

    An array is sRGB: (H, W) grey, (H, W, 3) or (H, W, 4) with alpha, uint8 or uint16. Files are recognised by
    content, not by name. Grey and palette pictures become RGB with r = g = b the grey code; with
    grey_channels 1 the codes of grey ones are (H, W, 1).
    Raises InputError, one line with the file's name, for anything that cannot be read whole.
    """
    name = _name_of(source)
    try:
        if isinstance(source, np.ndarray):
            return _from_array(source, limits, grey_channels)
        if isinstance(source, Image.Image):
            return _from_image(source, limits, grey_channels)
        path = Path(source) if isinstance(source, (str, Path)) else None
        data = source if isinstance(source, bytes) else _read_file(Path(str(source)), limits)
        return _from_bytes(data, path, limits, grey_channels)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except MemoryError as error:
        raise InputError(f"{name}: there is not enough memory for it: make it smaller") from error
    except Exception as error:  # decoders raise many kinds on damaged files
        cause = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError(f"{name}: damaged, cannot be decoded ({cause}): copy or export it again") from error


def _name_of(source: object) -> str:
    if isinstance(source, (str, Path)):
        name = str(source)
        return name if name.isprintable() else ascii(name)
    return "photo"


def _read_file(path: Path, limits: Limits) -> bytes:
    """The bytes of a regular file. Never waits for a pipe and never reads more than the limit."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError as error:
        raise InputError("there is no such file: check the path") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"the file cannot be opened ({reason}): check path and permissions") from error
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise InputError("a folder, not a file: name a picture in it")
        if not stat.S_ISREG(status.st_mode):
            raise InputError("not a regular file: save it to disk first")
        if status.st_size > limits.max_bytes:
            raise InputError(_too_many_bytes(status.st_size, limits))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(limits.max_bytes + 1)
    finally:
        os.close(descriptor)
    return data


def _too_many_bytes(count: int, limits: Limits) -> str:
    return f"{count:,} bytes, over the limit of {limits.max_bytes:,}: make it smaller or raise `max_bytes`"


def _check_size(size: tuple[int, int], limits: Limits) -> None:
    height, width = size
    if width * height > limits.max_pixels:
        raise InputError(
            f"{width}x{height} pixels, over the limit of {limits.max_pixels:,}: make it smaller or raise `max_pixels`"
        )
    if min(height, width) < MIN_SIDE_PX:
        raise InputError(f"{width}x{height} pixels, nothing to repaint: give at least {MIN_SIDE_PX}x{MIN_SIDE_PX}")


def _from_bytes(data: bytes, path: Path | None, limits: Limits, grey_channels: int) -> Photo:
    if not data:
        raise InputError("the file is empty: copy or download it again")
    if len(data) > limits.max_bytes:
        raise InputError(_too_many_bytes(len(data), limits))
    contents = take_apart(data)
    _check_size(contents.size, limits)
    pixels = decode(contents)
    notes = [*contents.warnings, *pixels.warnings]
    if contents.exif is not None and not exif.is_usable(contents.exif):
        notes.append("the EXIF data is damaged and left out")
        contents.exif = None
    if contents.details.get("gain_map") or xmp.announces_gain_map(contents.xmp):
        notes.append(_GAIN_MAP)
    elif contents.details.get("pictures"):
        notes.append("the file holds further pictures: only the first is used")
    space = _space_of(contents, pixels.samples, notes)
    orientation = contents.turn if contents.turn is not None else exif.orientation(contents.exif)
    return _photo(pixels, orientation, space, _source_of(contents, path), notes, grey_channels)


def _from_array(samples: Array, limits: Limits, grey_channels: int) -> Photo:
    if samples.dtype not in (np.uint8, np.uint16):
        raise InputError(f"an array of uint8 or uint16 was expected, not {samples.dtype}: scale and round it")
    if samples.ndim not in (2, 3) or (samples.ndim == 3 and samples.shape[2] not in (3, 4)):
        raise InputError(f"an array of shape (H, W), (H, W, 3) or (H, W, 4) was expected, not {samples.shape}")
    _check_size((samples.shape[0], samples.shape[1]), limits)
    alpha = samples[..., 3].copy() if samples.ndim == 3 and samples.shape[2] == 4 else None
    pixels = Pixels(samples[..., :3].copy() if samples.ndim == 3 else samples, alpha)
    source = SourceFile("memory", bit_depth=samples.dtype.itemsize * 8)
    return _photo(pixels, 1, colorspace.srgb(), source, [], grey_channels)


def _from_image(image: Image.Image, limits: Limits, grey_channels: int) -> Photo:
    _check_size((image.height, image.width), limits)
    tags = image.getexif()
    block = tags.tobytes().removeprefix(b"Exif\0\0") if len(tags) else None
    packet, dpi = image.info.get("xmp"), image.info.get("dpi")
    pixels = from_pillow(image)
    contents = Contents(
        "memory",
        (image.height, image.width),
        b"",
        bit_depth=pixels.samples.dtype.itemsize * 8,
        lossless=True,
        icc=image.info.get("icc_profile") or None,
        exif=block if block is not None and exif.is_usable(block) else None,
        xmp=packet.encode() if isinstance(packet, str) else packet,
        dpi=(float(dpi[0]), float(dpi[1])) if dpi else None,
    )
    notes = list(pixels.warnings)
    space = _space_of(contents, pixels.samples, notes)
    filename = getattr(image, "filename", "")
    path = Path(filename) if filename else None
    return _photo(pixels, exif.orientation(contents.exif), space, _source_of(contents, path), notes, grey_channels)


def _photo(
    pixels: Pixels, orientation: int, space: ColorSpace, source: SourceFile, notes: list[str], grey_channels: int
) -> Photo:
    samples = pixels.samples
    if samples.ndim == 2 and grey_channels == 1:
        samples = samples[..., None]
    elif samples.ndim == 2:
        samples = np.asarray(cv2.cvtColor(np.ascontiguousarray(samples), cv2.COLOR_GRAY2RGB))
    codes = np.ascontiguousarray(upright(samples, orientation))
    codes.flags.writeable = False
    alpha = None
    if pixels.alpha is not None:
        alpha = np.ascontiguousarray(upright(pixels.alpha, orientation))
        alpha.flags.writeable = False
    return Photo(codes, space, alpha, source, tuple(dict.fromkeys(notes)), orientation)


def _space_of(contents: Contents, samples: Array, notes: list[str]) -> ColorSpace:
    """The colour space of a file: its profile, else what its other tags say, else sRGB."""
    is_cmyk = samples.ndim == 3 and samples.shape[2] == 4
    if contents.transfer in _HDR_TRANSFERS:
        curve = _HDR_TRANSFERS[contents.transfer]
        notes.append(f"an HDR picture ({curve}) is treated as a standard one: export it as SDR for right colours")
    if contents.icc is not None:
        try:
            return _space_of_profile(contents.icc, is_grey=samples.ndim == 2, is_cmyk=is_cmyk)
        except InputError as error:
            substitute = "plain CMYK" if is_cmyk else "sRGB"
            notes.append(f"{error}: the photo is taken as {substitute}")
    if is_cmyk:
        if contents.icc is None:
            notes.append("CMYK without a colour profile: colours are estimated")
        return colorspace.plain_cmyk()
    if contents.icc is None and contents.primaries in _PRIMARIES:
        curve_or_none = 1.0 if contents.transfer == _LINEAR_TRANSFER else None
        primaries = _PRIMARIES[contents.primaries]
        return colorspace.from_icc(colorspace.rgb_profile(primaries, colorspace.D65_XY, curve_or_none))
    if contents.icc is None and contents.gamma is not None and contents.primaries is None:
        return _space_of_gamma(contents)
    if contents.icc is None and exif.is_adobe_rgb(contents.exif):
        return colorspace.adobe_rgb()
    return colorspace.srgb()


def _space_of_profile(icc: bytes, *, is_grey: bool, is_cmyk: bool) -> ColorSpace:
    if is_grey and icc[16:20] == b"GRAY":
        return colorspace.from_grey_icc(icc)
    space = colorspace.from_icc(icc)
    if (space.channels == 4) != is_cmyk:
        raise InputError("the colour profile is for another kind of picture")
    return space


def _space_of_gamma(contents: Contents) -> ColorSpace:
    """The space of a PNG that gives a gamma and perhaps its primaries (PNG 3, 11.3.2)."""
    assert contents.gamma is not None
    expected = (colorspace.D65_XY, *colorspace.SRGB_PRIMARIES_XY)
    white, *primaries = contents.chromaticities or expected
    is_usual = np.allclose([white, *primaries], expected, atol=2e-3)
    if is_usual and abs(contents.gamma - 2.2) < 0.02:  # how sRGB is written in this chunk
        return colorspace.srgb()
    try:
        return colorspace.from_icc(colorspace.rgb_profile(tuple(primaries), white, contents.gamma))
    except InputError:
        return colorspace.srgb()


def _source_of(contents: Contents, path: Path | None) -> SourceFile:
    return SourceFile(
        format=contents.format,
        path=path,
        bit_depth=contents.bit_depth,
        is_lossless=contents.lossless,
        exif=contents.exif,
        xmp=contents.xmp,
        dpi=contents.dpi,
        jpeg=_jpeg_coding(contents) if contents.format == "JPEG" else None,
        tiff_compression=contents.details.get("compression"),
        is_premultiplied=contents.details.get("premultiplied", False),
    )


def _jpeg_coding(contents: Contents) -> JpegCoding:
    details = contents.details
    with Image.open(io.BytesIO(contents.stream), formats=["JPEG"]) as image:
        tables = getattr(image, "quantization", {})
    is_rgb = details["components"] == 3 and (details.get("adobe_transform") == 0 or details["ids"] == b"RGB")
    return JpegCoding(
        tables=tuple(tuple(tables[number]) for number in sorted(tables)),
        subsampling=_SAMPLINGS.get(details["sampling"]),
        is_progressive=details["progressive"],
        is_rgb=is_rgb,
    )
