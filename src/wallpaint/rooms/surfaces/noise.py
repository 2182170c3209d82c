"""Random fields that repeat seamlessly over one texture tile, and the ways from a field to a texture."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import scipy.fft

from wallpaint.imaging.color import srgb_to_linear
from wallpaint.rooms.materials import TILE, Color, Texture
from wallpaint.typing import Array

SRGB_TO_LINEAR = np.asarray(srgb_to_linear(np.arange(256) / 255.0), np.float32)
"""Linear value of every 8-bit sRGB code."""


def smooth(rng: np.random.Generator, across_px: float, up_px: float | None = None) -> Array:
    """White noise under a Gaussian window, periodic: (TILE, TILE) float32, mean 0, standard deviation 1.

    across_px, up_px: standard deviation of the window along u and v; up_px is across_px where it is not given.
    """
    fv, fu = _frequencies()
    up = across_px if up_px is None else up_px
    return _field(rng, np.exp(-2 * np.pi**2 * ((fu * across_px) ** 2 + (fv * up) ** 2)))


def fractal(rng: np.random.Generator, power: float, largest_px: float = TILE, stretch: float = 1.0) -> Array:
    """Clouds: amplitude falls with frequency to the given power; (TILE, TILE) float32, mean 0, deviation 1.

    power: 1 rough .. 2.5 soft. largest_px: size of the biggest blobs. stretch: how much longer they are along u.
    """
    fv, fu = _frequencies()
    radius = np.sqrt((fu * stretch) ** 2 + fv**2)
    return _field(rng, (radius**2 + (1.0 / largest_px) ** 2) ** (-power / 2))


def band(rng: np.random.Generator, period_px: float, width: float = 0.2) -> Array:
    """Isotropic ripples of about one wavelength; width: spread of it, relative. (TILE, TILE) float32, deviation 1."""
    fv, fu = _frequencies()
    radius = np.sqrt(fu**2 + fv**2) * period_px
    return _field(rng, np.exp(-(((radius - 1) / width) ** 2) / 2))


def coordinates() -> tuple[Array, Array]:
    """u, v at the texels' centres, each (TILE, TILE) float32 in 0..1."""
    centres = ((np.arange(TILE) + 0.5) / TILE).astype(np.float32)
    v, u = np.meshgrid(centres, centres, indexing="ij")
    return u, v


def look_up(field: Array, column: Array, row: Array) -> Array:
    """A periodic field read at fractional texel positions, bilinear."""
    size = field.shape[0]
    x, y = np.mod(column, size).astype(np.float32), np.mod(row, size).astype(np.float32)
    padded = cv2.copyMakeBorder(field, 0, 2, 0, 2, cv2.BORDER_WRAP)
    return cv2.remap(padded, x, y, cv2.INTER_LINEAR)


def warped(field: Array, right_px: Array, up_px: Array) -> Array:
    """A periodic field whose texels are fetched from a little further right and up."""
    columns = np.arange(TILE, dtype=np.float32)
    return look_up(field, columns[None] + right_px, columns[:, None] + up_px)


def blurred(field: Array, sigma_px: float) -> Array:
    """A periodic field or texture under a Gaussian blur that wraps round."""
    pad = int(4 * sigma_px) + 1
    wide = cv2.copyMakeBorder(field, pad, pad, pad, pad, cv2.BORDER_WRAP)
    return cv2.GaussianBlur(wide, (0, 0), sigma_px)[pad:-pad, pad:-pad]


def step(low: float | Array, high: float | Array, value: Array) -> Array:
    """0 below low, 1 above high, a smooth ramp between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def mix(under: Array | Color, over: Array | Color, share: Array) -> Array:
    """under where share is 0, over where it is 1; colours or (TILE, TILE, 3) pictures, share (TILE, TILE)."""
    a, b = np.asarray(under, np.float32), np.asarray(over, np.float32)
    return a + (b - a) * share[..., None].astype(np.float32)


def toned(tone: Array, warmth: float = 0.25) -> Array:
    """(TILE, TILE, 3) factors exp(tone); warmth: how much redder the dark parts get than the light ones."""
    return np.stack([np.exp(tone * k) for k in (1 - warmth / 2, 1.0, 1 + warmth)], -1).astype(np.float32)


def balanced(picture: Array, mean: Color) -> Texture:
    """A picture whose mean colour is made the given one by a factor a channel; values stay in 0..1."""
    factor = np.asarray(mean, np.float32) / np.maximum(cv2.mean(picture)[:3], 1e-6).astype(np.float32)
    return Texture(np.clip(picture * factor, 0, 1).astype(np.float32))


def decoded(canvas: Array) -> Array:
    """An 8-bit sRGB picture (H, W, 3) in linear float32."""
    return SRGB_TO_LINEAR[canvas]


def _field(rng: np.random.Generator, amplitude: Array) -> Array:
    pairs = rng.standard_normal((TILE, TILE // 2 + 1, 2), dtype=np.float32)
    spectrum = pairs.view(np.complex64)[..., 0] * amplitude.astype(np.float32)
    spectrum[0, 0] = 0
    field = scipy.fft.irfft2(spectrum, s=(TILE, TILE), overwrite_x=True)
    return (field / max(float(field.std()), 1e-9)).astype(np.float32)


@lru_cache(maxsize=1)
def _frequencies() -> tuple[Array, Array]:
    """Cycles a texel along v as a column and along u as a row."""
    return (
        np.fft.fftfreq(TILE)[:, None].astype(np.float32),
        np.fft.rfftfreq(TILE)[None].astype(np.float32),
    )
