"""What is kept of a photo's file so that its repainted copy can be written in the same way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class JpegCoding:
    """How a JPEG was compressed, so that a copy can be compressed alike.

    tables: quantisation tables of 64 steps. subsampling: Pillow's 0, 1, 2 for 4:4:4, 4:2:2, 4:2:0; None for
    others. is_rgb: stored without the conversion to YCbCr.
    """

    tables: tuple[tuple[int, ...], ...]
    subsampling: int | None
    is_progressive: bool
    is_rgb: bool


@dataclass(frozen=True)
class SourceFile:
    """Format and metadata of a photo's file, for writing the repainted copy in the same format.

    format: "JPEG", "PNG", "WebP", "TIFF", "HEIC", "AVIF", "BMP", "GIF", "RAW" or "memory". bit_depth: bits of a
    channel in the file; codes of 9 to 15 bits are stretched to 16. exif: a TIFF block without prefix.
    dpi: (across, down).
    """

    format: str
    path: Path | None = None
    bit_depth: int = 8
    is_lossless: bool = True
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    jpeg: JpegCoding | None = None
    tiff_compression: str | None = None
    is_premultiplied: bool = False
