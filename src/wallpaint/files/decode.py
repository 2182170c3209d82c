"""Image decoders, one function per format."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Final

import cv2
import imagecodecs
import numpy as np
from PIL import Image

from wallpaint.errors import InputError
from wallpaint.files import containers, isobmff, jpeg_tail
from wallpaint.files.containers import Contents
from wallpaint.files.pixels import Pixels, from_pillow, split, widened
from wallpaint.files.raw import raw_kind, read_raw, take_raw_apart
from wallpaint.files.tiff import read_tiff, take_tiff_apart


def take_apart(data: bytes) -> Contents:
    """Find out what a file is and how large. Raises InputError for what is not a supported picture."""
    raw = raw_kind(data)
    if raw is not None:
        return take_raw_apart(data, raw)
    kind = containers.sniff(data)
    if kind is None:
        raise InputError("not a picture that can be read: give a JPEG, PNG, WebP, TIFF, HEIC, AVIF, BMP or GIF file")
    if kind in ("HEIC", "AVIF"):
        return isobmff.take_apart(data, kind)
    return _CONTAINERS[kind](data)


def decode(contents: Contents) -> Pixels:
    """Decode the pixels of a file that was taken apart. May raise what the codec raises."""
    pixels = _DECODERS[contents.format](contents)
    if pixels.samples.shape[:2] != contents.size:
        raise InputError("the file contradicts itself about the size of its picture: save it anew")
    return pixels


def _decode_jpeg(contents: Contents) -> Pixels:
    components = contents.details["components"]
    if components not in (1, 3, 4):
        raise InputError(f"a JPEG of {components} colour channels is not supported: convert it to RGB")
    if "unmarked_end" in contents.details:
        contents.stream = jpeg_tail.completed(contents.stream, contents.details.pop("unmarked_end"))
        contents.warnings.append(jpeg_tail.WARNING)
    if components != 4:
        return split(np.asarray(imagecodecs.jpeg8_decode(contents.stream)))
    with Image.open(io.BytesIO(contents.stream), formats=["JPEG"]) as image:
        return from_pillow(image)


def _decode_png(contents: Contents) -> Pixels:
    if not contents.details["interlaced"]:
        return split(np.asarray(imagecodecs.png_decode(contents.stream)))
    if contents.bit_depth < 16:  # the codec above speaks on stderr about interlacing
        return _decode_with_pillow(contents)
    samples = cv2.imdecode(np.frombuffer(contents.stream, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None:
        raise InputError("the interlaced PNG is damaged: copy or export it again")
    if samples.ndim == 3:
        samples = cv2.cvtColor(samples, cv2.COLOR_BGRA2RGBA if samples.shape[2] == 4 else cv2.COLOR_BGR2RGB)
    return split(np.asarray(samples))


def _decode_with_pillow(contents: Contents) -> Pixels:
    with Image.open(io.BytesIO(contents.stream), formats=[contents.format.upper()]) as image:
        if getattr(image, "n_frames", 1) > 1 and not contents.warnings:
            contents.warnings.append(containers.ANIMATION)
        return from_pillow(image)


def _decode_heic(contents: Contents) -> Pixels:
    import pi_heif

    picture = pi_heif.open_heif(contents.stream, convert_hdr_to_8bit=False, hdr_to_16bit=False)
    samples = np.array(np.asarray(picture))
    contents.size = samples.shape[:2]  # rotation and cropping are applied by now
    contents.turn = 1
    depth = int(picture.info.get("bit_depth", 8))
    contents.bit_depth = depth
    return split(widened(samples, depth))


def _decode_avif(contents: Contents) -> Pixels:
    samples = np.asarray(imagecodecs.avif_decode(contents.stream))
    if samples.ndim == 4:
        samples = samples[0]
    return split(widened(samples, contents.bit_depth))


_CONTAINERS: Final[dict[str, Callable[[bytes], Contents]]] = {
    "JPEG": containers.jpeg,
    "PNG": containers.png,
    "WebP": containers.webp,
    "TIFF": take_tiff_apart,
    "BMP": containers.bmp,
    "GIF": containers.gif,
}
_DECODERS: Final[dict[str, Callable[[Contents], Pixels]]] = {
    "JPEG": _decode_jpeg,
    "PNG": _decode_png,
    "WebP": _decode_with_pillow,
    "TIFF": read_tiff,
    "HEIC": _decode_heic,
    "AVIF": _decode_avif,
    "BMP": _decode_with_pillow,
    "GIF": _decode_with_pillow,
    "RAW": read_raw,
}
