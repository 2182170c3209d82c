"""Image encoders, one function per format: a draft in, the bytes of the file out."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import cv2
import numpy as np
from PIL import Image

from wallpaint.errors import InputError
from wallpaint.files import exif
from wallpaint.files.source import SourceFile
from wallpaint.typing import Array

_JPEG_SEGMENT_BYTES: Final = 65_533
# A row's difference from the one above, packed quickly: a quarter smaller than the codec's own choice, as fast.
_PNG_OPTIONS: Final = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
)
_WEBP_SIDE_PX: Final = 16_383
_TEXT_KEYWORD_CHARACTERS: Final = 79


@dataclass
class Draft:
    """Everything that goes into a file.

    codes: (H, W, 3) RGB or (H, W, 4) CMYK, uint8, or uint16 holding codes of bit_depth bits. alpha: (H, W) of
    the same type. exif: TIFF block without prefix. The writer adds to notes and sets lossy.
    """

    codes: Array
    alpha: Array | None
    icc: bytes | None
    source: SourceFile
    bit_depth: int = 8
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: dict[str, str] = field(default_factory=dict)
    quality: int | None = None
    lossy: bool = False
    notes: list[str] = field(default_factory=list)

    def stacked(self) -> Array:
        """Colours and alpha in one (H, W, C) array."""
        if self.alpha is None:
            return np.ascontiguousarray(self.codes)
        return np.dstack([self.codes, self.alpha])


def _pillow(draft: Draft, *, padded: bool = False) -> Image.Image:
    """The draft as a Pillow image. padded: RGB with a fourth, unused byte a pixel, which Pillow maps without a copy."""
    samples = draft.stacked()
    is_cmyk = draft.codes.shape[2] == 4
    if padded and samples.shape[2] == 3:
        size = (samples.shape[1], samples.shape[0])
        return Image.frombuffer("RGBX", size, cv2.cvtColor(samples, cv2.COLOR_RGB2RGBA), "raw", "RGBX", 0, 1)
    mode = "CMYK" if is_cmyk else "RGB" if draft.alpha is None else "RGBA"
    size = (samples.shape[1], samples.shape[0])
    return Image.frombuffer(mode, size, samples, "raw", mode, 0, 1)


def _metadata(draft: Draft) -> dict[str, Any]:
    """What Pillow's writers take in common."""
    options: dict[str, Any] = {}
    if draft.icc is not None:
        options["icc_profile"] = draft.icc
    if draft.exif is not None:
        options["exif"] = b"Exif\0\0" + draft.exif
    if draft.xmp is not None:
        options["xmp"] = draft.xmp
    return options


def write_jpeg(draft: Draft) -> bytes:
    """JPEG: with the quantisation tables, subsampling and scan order of a source that was a JPEG."""
    draft.lossy = True
    draft.notes.append("JPEG compression changes pixels slightly: use .png or .tif for exact ones")
    options = _metadata(draft)
    for name in ("exif", "xmp"):
        if len(options.get(name, b"")) > _JPEG_SEGMENT_BYTES - 64:
            del options[name]
            draft.notes.append(f"the {name.upper()} data is too large for a JPEG and left out")
    if draft.dpi is not None:
        options["dpi"] = (round(draft.dpi[0]), round(draft.dpi[1]))
    coding = draft.source.jpeg
    options["subsampling"] = 0
    if coding is not None:
        options["subsampling"] = coding.subsampling or 0
        options["progressive"] = coding.is_progressive
        options["keep_rgb"] = coding.is_rgb and draft.codes.shape[2] == 3
    if coding is not None and coding.tables and draft.quality is None:
        options["qtables"] = [list(table) for table in coding.tables]
    else:
        options["quality"] = draft.quality or 95
    try:
        return _saved(draft, "JPEG", options)
    except OSError:  # Pillow's buffer is too small for some progressive pictures
        return _saved(draft, "JPEG", options | {"progressive": False})


def _saved(draft: Draft, kind: str, options: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    _pillow(draft, padded=kind == "JPEG").save(out, kind, **options)
    return out.getvalue()


def write_png(draft: Draft) -> bytes:
    """PNG of 8 or 16 bits."""
    order = cv2.COLOR_RGB2BGR if draft.alpha is None else cv2.COLOR_RGBA2BGRA
    options = _PNG_OPTIONS if draft.codes.dtype == np.uint8 else ()
    done, encoded = cv2.imencode(".png", cv2.cvtColor(draft.stacked(), order), options)
    if not done:
        raise InputError("the PNG cannot be encoded: use .tif")
    data = encoded.tobytes()
    first = data.index(b"IDAT") - 4
    header = 8 + 25  # signature, IHDR
    return data[:header] + b"".join(_png_chunks(draft)) + data[first:]


def _png_chunks(draft: Draft) -> list[bytes]:
    chunks = []
    if draft.icc is not None:
        chunks.append(_png_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(draft.icc)))
    if draft.dpi is not None:
        dots = [min(round(value / 0.0254), 2**31 - 1) for value in draft.dpi]
        chunks.append(_png_chunk(b"pHYs", struct.pack(">IIB", *dots, 1)))
    if draft.exif is not None:
        chunks.append(_png_chunk(b"eXIf", draft.exif))
    if draft.xmp is not None:
        chunks.append(_png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + draft.xmp))
    for keyword, value in draft.text.items():
        key = keyword.encode("latin-1", "replace").replace(b"\0", b" ").strip()[:_TEXT_KEYWORD_CHARACTERS]
        body = value.replace("\0", " ").encode("utf-8")
        chunks.append(_png_chunk(b"iTXt", (key or b"Comment") + b"\0\0\0\0\0" + body))
    return chunks


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def write_webp(draft: Draft) -> bytes:
    """WebP: lossless where the source was, unless a quality is asked for."""
    height, width = draft.codes.shape[:2]
    if max(height, width) > _WEBP_SIDE_PX:
        raise InputError(f"{width}x{height} pixels: WebP ends at {_WEBP_SIDE_PX} a side: use .png, .tif or .jpg")
    draft.lossy = draft.quality is not None or not draft.source.is_lossless
    options = _metadata(draft) | {"exact": True, "lossless": not draft.lossy}
    if draft.lossy:
        options["quality"] = draft.quality or 95
        draft.notes.append("WebP compression changes pixels slightly: use .png or .tif for exact ones")
    return _saved(draft, "WEBP", options)


def write_avif(draft: Draft) -> bytes:
    """AVIF of 8 bits, 4:4:4."""
    draft.lossy = True
    draft.notes.append("AVIF compression changes pixels slightly: use .png or .tif for exact ones")
    return _saved(draft, "AVIF", _metadata(draft) | {"quality": draft.quality or 90, "subsampling": "4:4:4"})


def write_heic(draft: Draft) -> bytes:
    """HEIC of 8 or 10 bits, 4:4:4. Needs the extra `heic`, whose encoder (x265) is under the GPL.

    Raises InputError where there is no encoder.
    """
    import pillow_heif

    if not pillow_heif.libheif_info().get("HEIF"):
        raise InputError("this machine has no HEIC encoder: use .jpg, .png, .webp or .avif")
    draft.lossy = True
    draft.notes.append("HEIC compression changes pixels slightly: use .png or .tif for exact ones")
    samples = draft.stacked()
    mode = "RGB" if draft.alpha is None else "RGBA"
    if draft.bit_depth == 10:
        samples, mode = (samples << 6).astype("<u2"), mode + ";16"  # the library keeps the upper ten bits
    options = _metadata(draft) | {"quality": draft.quality or 90, "chroma": 444}
    out = io.BytesIO()
    size = (samples.shape[1], samples.shape[0])
    pillow_heif.encode(mode, size, samples.tobytes(), out, **options)
    return out.getvalue()


def write_tiff(draft: Draft) -> bytes:
    """TIFF of 8 or 16 bits, RGB or CMYK, compressed as the source was."""
    import tifffile

    order = exif.byte_order(draft.exif) if draft.exif is not None else "<"
    compression = draft.source.tiff_compression or "adobe_deflate"
    options: dict[str, Any] = {"compression": None if compression == "none" else compression}
    if compression in ("lzw", "deflate", "adobe_deflate"):
        options["predictor"] = 2
    if draft.alpha is not None:
        options["extrasamples"] = ["assocalpha" if draft.source.is_premultiplied else "unassalpha"]
    if draft.dpi is not None:
        options["resolution"], options["resolutionunit"] = draft.dpi, "inch"
    if draft.xmp is not None:
        options["extratags"] = [(700, 1, len(draft.xmp), draft.xmp, True)]
    photometric = "separated" if draft.codes.shape[2] == 4 else "rgb"
    out = io.BytesIO()
    with tifffile.TiffWriter(out, byteorder=order, bigtiff=draft.codes.nbytes > 2**32 - 2**25) as writer:
        writer.write(
            draft.stacked(),
            photometric=photometric,
            planarconfig="contig",
            iccprofile=draft.icc,
            metadata=None,
            software=False,
            **options,
        )
    data = out.getvalue()
    if draft.exif is not None and data[2:4] in (b"*\0", b"\0*"):
        data = exif.add_to_tiff(data, draft.exif)
    return data


def write_bmp(draft: Draft) -> bytes:
    """BMP of 24 bits."""
    options = {} if draft.dpi is None else {"dpi": draft.dpi}
    return _saved(draft, "BMP", options)


WRITERS: Final[dict[str, Callable[[Draft], bytes]]] = {
    "JPEG": write_jpeg,
    "PNG": write_png,
    "WebP": write_webp,
    "TIFF": write_tiff,
    "HEIC": write_heic,
    "AVIF": write_avif,
    "BMP": write_bmp,
}
