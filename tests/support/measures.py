"""Metrics for the tests, implemented independently of the package.

Images are (H, W, 3) sRGB codes, uint8 unless stated otherwise; masks are bool; colours are (3,) codes 0..255.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage
from skimage.color import deltaE_ciede2000

Array = np.ndarray

# Source: IEC 61966-2-1, rows X, Y, Z, and its white D65.
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = _TO_XYZ.sum(1)
GRADIENT_PX = 1024  # longest side of the image in which gradients are compared


def linear(codes: Array) -> Array:
    """sRGB codes, uint8 or uint16 or floats 0..255, to linear light 0..1."""
    top = 65535.0 if codes.dtype == np.uint16 else 255.0
    value = codes.astype(np.float64) / top
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def codes_of(rgb_linear: Array, top: int = 255) -> Array:
    """Linear light to sRGB codes, rounded and clipped: uint8, or uint16 where top is 65535."""
    value = np.clip(rgb_linear, 0, 1)
    value = np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
    return np.round(value * top).astype(np.uint8 if top == 255 else np.uint16)


def lab(codes: Array) -> Array:
    """sRGB codes to CIELAB under D65."""
    ratio = linear(codes) @ _TO_XYZ.T / _WHITE
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def delta_e(codes: Array, other: Array) -> Array:
    """CIEDE2000 between sRGB codes."""
    return deltaE_ciede2000(lab(np.asarray(codes)), lab(np.asarray(other)))


def luminance(codes: Array) -> Array:
    """Relative luminance 0..1 of sRGB codes."""
    return linear(codes) @ _TO_XYZ[1]


def eroded(wall: Array, radius_px: float) -> Array:
    """Return the wall without the pixels within radius_px of anything else; the image border is not an edge."""
    padded = np.pad(wall, int(radius_px) + 2, mode="edge")
    inside = ndimage.distance_transform_edt(padded) > radius_px
    cut = slice(int(radius_px) + 2, -int(radius_px) - 2)
    return inside[cut, cut]


def far_outside(mask: Array, radius_px: float = 3.0) -> Array:
    """Return the pixels that no paint may change: mask 0 and more than radius_px from every pixel that is not 0."""
    return ndimage.distance_transform_edt(mask == 0) > radius_px


def median(codes: Array, wall: Array) -> Array:
    """Return the wall's median colour, per channel."""
    return np.median(codes[wall], axis=0)


@dataclass(frozen=True)
class ShadingSimilarity:
    """The shading of a repainted wall compared with the photo's.

    correlation: of log-luminance gradients. contrast: ratio of the p95-p5 ranges of log luminance. clipped: share of
    wall pixels with all three channels at maximum or all at 0, minus the photo's.
    """

    correlation: float
    contrast: float
    clipped: float

    @property
    def is_preserved(self) -> bool:
        """Whether the shading meets the project's requirement."""
        return self.correlation >= 0.95 and 0.8 <= self.contrast <= 1.25 and self.clipped <= 0.001


class ShadingMeter:
    """Measures the shading of repaints of one photo; the photo is processed once."""

    def __init__(self, photo: Array, wall: Array) -> None:
        """photo: (H, W, 3) codes. wall: (H, W) bool, already eroded."""
        self.wall = wall
        height, width = wall.shape
        scale = min(1.0, GRADIENT_PX / max(height, width))
        self.size = (round(width * scale), round(height * scale))
        small = self._downsampled(wall.astype(np.float32)) >= 0.999
        self.pairs = small[:, 1:] & small[:, :-1], small[1:] & small[:-1]
        self.photo_gradient, self.photo_range = self._gradient(photo), self._range(photo)
        self.photo_clipped = self._clipped(photo)

    def similarity(self, codes: Array) -> ShadingSimilarity:
        gradient = self._gradient(codes)
        spread = float(np.std(gradient))
        correlation = float(np.corrcoef(gradient, self.photo_gradient)[0, 1]) if spread > 1e-9 else 0.0
        contrast = self._range(codes) / self.photo_range
        return ShadingSimilarity(correlation, contrast, self._clipped(codes) - self.photo_clipped)

    def _downsampled(self, plane: Array) -> Array:
        return cv2.resize(plane, self.size, interpolation=cv2.INTER_AREA)

    def _gradient(self, codes: Array) -> Array:
        """Return differences of blurred log luminance between neighbours inside the wall."""
        smooth = ndimage.gaussian_filter(self._downsampled(luminance(codes)), 1.0)
        log = np.log(np.maximum(smooth, 1e-4))
        across, down = np.diff(log, axis=1), np.diff(log, axis=0)
        return np.concatenate([across[self.pairs[0]], down[self.pairs[1]]])

    def _range(self, codes: Array) -> float:
        low, high = np.quantile(np.log(np.maximum(luminance(codes[self.wall]), 1e-4)), [0.05, 0.95])
        return float(high - low)

    def _clipped(self, codes: Array) -> float:
        pixels, top = codes[self.wall], np.iinfo(codes.dtype).max
        return float(np.mean((pixels == top).all(-1) | (pixels == 0).all(-1)))
