"""Decoded samples: bit depth, alpha, orientation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from PIL import Image

from wallpaint.errors import InputError
from wallpaint.typing import Array

FLOAT_WARNING: Final = "floating-point values 0..1 are turned into 16-bit codes"


@dataclass
class Pixels:
    """Decoded samples as stored, before orientation.

    samples: (H, W) grey, (H, W, 3) RGB or (H, W, 4) CMYK, uint8 or uint16. alpha: (H, W) of that type.
    """

    samples: Array
    alpha: Array | None = None
    warnings: list[str] = field(default_factory=list)


def from_pillow(image: Image.Image) -> Pixels:
    """The pixels of a Pillow image of any mode. Raises InputError for modes without a meaning as a photo."""
    mode = image.mode
    if mode in ("RGB", "CMYK", "L") and "transparency" not in image.info:
        return Pixels(np.array(image))
    if mode == "RGBX":
        return Pixels(np.array(image.convert("RGB")))
    if mode == "1":
        return Pixels(np.array(image).astype(np.uint8) * np.uint8(255))
    if mode.startswith("I;16"):
        return Pixels(np.array(image).astype(np.uint16))
    if mode in ("I", "F"):
        return _wide_grey(np.array(image))
    if mode in ("L", "1", "LA", "La"):
        both = np.array(image.convert("LA"))
        return Pixels(both[..., 0].copy(), both[..., 1].copy())
    if mode in ("RGBA", "RGBa", "PA") or "transparency" in image.info:
        return split(np.array(image.convert("RGBA")))
    if mode in ("P", "YCbCr"):
        return Pixels(np.array(image.convert("RGB")))
    raise InputError(f"pictures of mode {mode} are not supported: convert it to RGB")


def _wide_grey(values: Array) -> Pixels:
    """Grey values of 32 bits: integers up to 65535, or floats 0..1."""
    if values.dtype.kind == "f":
        return Pixels(floats_to_codes(values), warnings=[FLOAT_WARNING])
    if values.min() < 0 or values.max() > 65535:
        raise InputError("grey values outside of 0..65535: save it with 8 or 16 bits")
    return Pixels(values.astype(np.uint16))


def split(samples: Array) -> Pixels:
    """(H, W), (H, W, 1..4) samples -> colours and alpha, each contiguous."""
    if samples.ndim == 2 or samples.shape[2] == 3:
        return Pixels(samples)
    if samples.shape[2] == 1:
        return Pixels(samples[..., 0])
    colors = samples[..., 0] if samples.shape[2] == 2 else samples[..., :3]
    return Pixels(np.ascontiguousarray(colors), np.ascontiguousarray(samples[..., -1]))


def widened(samples: Array, depth: int) -> Array:
    """Codes of 10 or 12 bits stretched to 16, so that black and white stay black and white."""
    if samples.dtype != np.uint16 or depth == 16:
        return samples
    top = (1 << depth) - 1
    return ((samples.astype(np.uint32) * 65535 + top // 2) // top).astype(np.uint16)


def floats_to_codes(values: Array) -> Array:
    """Floats 0..1 -> uint16. Raises InputError for NaN, infinity and values outside."""
    if not np.isfinite(values).all():
        raise InputError("the picture holds NaN or infinite values: save it with 8 or 16 bits")
    if values.size and (values.min() < 0 or values.max() > 1):
        raise InputError("the picture holds floats outside of 0..1: scale it to 0..1, or save it with 16 bits")
    return np.round(values.astype(np.float64) * 65535).astype(np.uint16)


def upright(pixels: Array, orientation: int) -> Array:
    """Apply an EXIF orientation, 1..8, to (H, W, ...) pixels. Returns a view."""
    if orientation in (5, 6, 7, 8):
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
