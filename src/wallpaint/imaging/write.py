"""Write a repainted photo in the format, profile and bit depth of its source, atomically."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from wallpaint import extras
from wallpaint.errors import InputError, ShapeError
from wallpaint.files import atomic, exif, xmp
from wallpaint.files.writers import WRITERS, Draft
from wallpaint.imaging import icc as colorspace
from wallpaint.imaging.photo import Photo
from wallpaint.typing import Array

FORMATS: Final = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jfif": "JPEG",
    ".jpe": "JPEG",
    ".png": "PNG",
    ".webp": "WebP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".heic": "HEIC",
    ".heif": "HEIC",
    ".avif": "AVIF",
    ".bmp": "BMP",
}

_HOLD_16_BITS: Final = ("PNG", "TIFF")
_HOLD_10_BITS: Final = ("HEIC",)
_HOLD_CMYK: Final = ("JPEG", "TIFF")
_HOLD_ALPHA: Final = ("PNG", "WebP", "TIFF", "HEIC", "AVIF")
_HOLD_PROFILES: Final = ("JPEG", "PNG", "WebP", "TIFF", "HEIC", "AVIF")


@dataclass(frozen=True)
class WriteReport:
    """The outcome of writing a photo.

    lossy: whether compression changed pixels. bit_depth: bits of a channel in the file. notes: sentences for
    the user about what the format could not hold.
    """

    path: Path
    format: str
    lossy: bool
    bit_depth: int
    notes: tuple[str, ...] = ()


def check_output(path: str | Path) -> str:
    """The format that a file name asks for. Raises InputError where nothing could be written there."""
    path = Path(path)
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(FORMATS)
        raise InputError(f"{path}: no picture format ends in {path.suffix!r}: use one of {known}")
    if kind == "HEIC" and not extras.is_installed("pillow_heif"):
        needed = extras.message("pillow_heif", "writing HEIC")
        raise InputError(f"{path}: {needed}, or use .jpg, .png, .webp or .avif")
    try:
        is_folder, has_folder = path.is_dir(), path.parent.is_dir()
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}): choose another name") from error
    if is_folder:
        raise InputError(f"{path}: a folder, not a file: add a file name")
    if not has_folder:
        raise InputError(f"{path}: there is no folder {path.parent}: make it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(f"{path}: the folder {path.parent} cannot be written to: check its permissions")
    return kind


def write_photo(
    photo: Photo,
    codes: Array,
    path: str | Path,
    *,
    strip_location: bool = False,
    text: Mapping[str, str] | None = None,
    quality: int | None = None,
    digital_source_type: str | None = None,
) -> WriteReport:
    """Write codes of a photo's own colour space with its profile, metadata, transparency and manner.

    codes: shape and type of photo.codes. path: its extension names the format. strip_location: leave out GPS
    and place names. text: goes into PNG files as text chunks. quality: 1..100 for lossy formats; None for the
    source's own tables (JPEG to JPEG), 95 (JPEG, WebP) or 90 (HEIC, AVIF). digital_source_type: IPTC term for
    how the picture was made, see `xmp.with_digital_source_type`; None leaves the source's statement.
    The file appears whole or not at all. Raises InputError, ShapeError.
    """
    path = Path(path)
    kind = check_output(path)
    if codes.shape != photo.codes.shape or codes.dtype != photo.codes.dtype:
        expected, got = (f"{array.shape} {array.dtype}" for array in (photo.codes, codes))
        raise ShapeError(f"codes of {expected} were expected, not {got}: pass pixels of this photo")
    if quality is not None and not 1 <= quality <= 100:
        raise InputError(f"a quality of 1 to 100 was expected, not {quality}")
    try:
        draft = _draft(photo, codes, kind, strip_location)
        if digital_source_type is not None and kind != "BMP":
            draft.xmp = xmp.with_digital_source_type(draft.xmp, digital_source_type)
        draft.text, draft.quality = dict(text or {}), quality
        data = WRITERS[kind](draft)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except MemoryError as error:
        raise InputError(f"{path}: there is not enough memory to write it: make the photo smaller") from error
    except Exception as error:  # encoders raise many kinds
        cause = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError(f"{path}: cannot be encoded as {kind} ({cause}): use .png or .tif") from error
    atomic.put(path, data, durable=False)
    return WriteReport(path, kind, draft.lossy, draft.bit_depth, tuple(draft.notes))


def _draft(photo: Photo, codes: Array, kind: str, strip_location: bool) -> Draft:
    """Pixels and metadata, reduced to what the format supports."""
    draft = Draft(codes, photo.alpha, photo.space.icc if kind in _HOLD_PROFILES else None, photo.source)
    if codes.shape[2] == 4 and kind not in _HOLD_CMYK:
        draft.codes = colorspace.srgb().from_linear(photo.space.to_linear(codes), codes.dtype)
        draft.icc = None
        draft.notes.append("CMYK is converted to sRGB")
    elif kind not in _HOLD_PROFILES and not photo.space.is_srgb:
        draft.codes = colorspace.srgb().from_linear(photo.space.to_linear(codes), codes.dtype)
        draft.icc = None
        draft.notes.append(f"{kind} holds no colour profile: colours are converted to sRGB")
    if draft.alpha is not None and kind not in _HOLD_ALPHA:
        draft.alpha = None
        draft.notes.append(f"{kind} holds no transparency: it is left out")
    if codes.dtype == np.uint16 and kind not in _HOLD_16_BITS:
        _reduce(draft, 10 if kind in _HOLD_10_BITS else 8, photo.source.bit_depth)
    elif codes.dtype == np.uint16:
        draft.bit_depth = 16
    _add_metadata(draft, photo, kind, strip_location)
    return draft


def _reduce(draft: Draft, depth: int, source_depth: int) -> None:
    top = (1 << depth) - 1

    def rounded(samples: Array) -> Array:
        return ((samples.astype(np.uint32) * top + 32767) // 65535).astype(np.uint8 if depth == 8 else np.uint16)

    draft.codes = rounded(draft.codes)
    draft.alpha = None if draft.alpha is None else rounded(draft.alpha)
    draft.bit_depth = depth
    if source_depth > depth:
        draft.notes.append(f"{source_depth} bits a channel are rounded to {depth}")


def _add_metadata(draft: Draft, photo: Photo, kind: str, strip_location: bool) -> None:
    source = photo.source
    draft.dpi = source.dpi
    if kind == "BMP":
        if source.exif is not None or source.xmp is not None:
            draft.notes.append("BMP holds no metadata: it is left out")
        return
    if source.exif is not None:
        draft.exif = exif.cleaned(source.exif, photo.size, strip_location=strip_location)
        if draft.exif is None:
            draft.notes.append("the EXIF data is damaged and left out")
    if source.xmp is not None:
        draft.xmp = xmp.cleaned(source.xmp, strip_location=strip_location)
