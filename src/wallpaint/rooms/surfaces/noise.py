"""Periodic random fields over one texture tile, and conversions from fields to textures."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import scipy.fft

from wallpaint.imaging.color import srgb_to_linear
from wallpaint.rooms.materials import TEXTURE_PX, Color, Texture
from wallpaint.typing import Array

SRGB_TO_LINEAR = np.asarray(srgb_to_linear(np.arange(256) / 255.0), np.float32)
"""Linear value of every 8-bit sRGB code."""


def gaussian_noise(rng: np.random.Generator, sigma_u_px: float, sigma_v_px: float | None = None) -> Array:
    """Periodic Gaussian-filtered white noise: (TEXTURE_PX, TEXTURE_PX) float32, mean 0, standard deviation 1.

    sigma_u_px, sigma_v_px: standard deviation of the filter along u and v; sigma_v_px defaults to sigma_u_px.
    """
    fv, fu = _frequencies()
    sigma_v = sigma_u_px if sigma_v_px is None else sigma_v_px
    return _filtered_noise(rng, np.exp(-2 * np.pi**2 * ((fu * sigma_u_px) ** 2 + (fv * sigma_v) ** 2)))


def fractal_noise(
    rng: np.random.Generator, power: float, max_size_px: float = TEXTURE_PX, stretch: float = 1.0
) -> Array:
    """Periodic power-law (1/f^power) noise: (TEXTURE_PX, TEXTURE_PX) float32, mean 0, standard deviation 1.

    power: 1 rough .. 2.5 soft. max_size_px: size of the largest features. stretch: their elongation along u.
    """
    fv, fu = _frequencies()
    radius = np.sqrt((fu * stretch) ** 2 + fv**2)
    return _filtered_noise(rng, (radius**2 + (1.0 / max_size_px) ** 2) ** (-power / 2))


def bandpass_noise(rng: np.random.Generator, period_px: float, width: float = 0.2) -> Array:
    """Isotropic bandpass noise. width: relative bandwidth. (TEXTURE_PX, TEXTURE_PX) float32, standard deviation 1."""
    fv, fu = _frequencies()
    radius = np.sqrt(fu**2 + fv**2) * period_px
    return _filtered_noise(rng, np.exp(-(((radius - 1) / width) ** 2) / 2))


def uv_grid() -> tuple[Array, Array]:
    """u, v at the texels' centres, each (TEXTURE_PX, TEXTURE_PX) float32 in 0..1."""
    centres = ((np.arange(TEXTURE_PX) + 0.5) / TEXTURE_PX).astype(np.float32)
    v, u = np.meshgrid(centres, centres, indexing="ij")
    return u, v


def sample_periodic(field: Array, column: Array, row: Array) -> Array:
    """Sample a periodic field bilinearly at fractional texel positions."""
    size = field.shape[0]
    x, y = np.mod(column, size).astype(np.float32), np.mod(row, size).astype(np.float32)
    padded = cv2.copyMakeBorder(field, 0, 2, 0, 2, cv2.BORDER_WRAP)
    return cv2.remap(padded, x, y, cv2.INTER_LINEAR)


def warp(field: Array, du_px: Array, dv_px: Array) -> Array:
    """Domain warping: sample a periodic field at positions offset by du_px, dv_px, each (TEXTURE_PX, TEXTURE_PX)."""
    columns = np.arange(TEXTURE_PX, dtype=np.float32)
    return sample_periodic(field, columns[None] + du_px, columns[:, None] + dv_px)


def periodic_blur(field: Array, sigma_px: float) -> Array:
    """Gaussian blur of a field or texture with periodic boundary conditions."""
    pad = int(4 * sigma_px) + 1
    padded = cv2.copyMakeBorder(field, pad, pad, pad, pad, cv2.BORDER_WRAP)
    return cv2.GaussianBlur(padded, (0, 0), sigma_px)[pad:-pad, pad:-pad]


def smoothstep(low: float | Array, high: float | Array, value: Array) -> Array:
    """Smoothstep: 0 at low, 1 at high (low > high inverts it), cubic ramp between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def mix(under: Array | Color, over: Array | Color, share: Array) -> Array:
    """Interpolate linearly from `under` (share 0) to `over` (share 1).

    under, over: colours or (TEXTURE_PX, TEXTURE_PX, 3) images. share: (TEXTURE_PX, TEXTURE_PX).
    """
    a, b = np.asarray(under, np.float32), np.asarray(over, np.float32)
    return a + (b - a) * share[..., None].astype(np.float32)


def tone_gain(tone: Array, warmth: float = 0.25) -> Array:
    """Per-channel gain exp(tone), (TEXTURE_PX, TEXTURE_PX, 3).

    warmth: how much redder dark texels become than light ones.
    """
    return np.stack([np.exp(tone * k) for k in (1 - warmth / 2, 1.0, 1 + warmth)], -1).astype(np.float32)


def match_mean(image: Array, mean: Color) -> Texture:
    """Scale each channel so that the mean colour is `mean`, and clip to 0..1."""
    factor = np.asarray(mean, np.float32) / np.maximum(cv2.mean(image)[:3], 1e-6).astype(np.float32)
    return Texture(np.clip(image * factor, 0, 1).astype(np.float32))


def decode_srgb(image_u8: Array) -> Array:
    """Decode an 8-bit sRGB image (H, W, 3) to linear float32."""
    return SRGB_TO_LINEAR[image_u8]


def _filtered_noise(rng: np.random.Generator, amplitude: Array) -> Array:
    pairs = rng.standard_normal((TEXTURE_PX, TEXTURE_PX // 2 + 1, 2), dtype=np.float32)
    spectrum = pairs.view(np.complex64)[..., 0] * amplitude.astype(np.float32)
    spectrum[0, 0] = 0
    field = scipy.fft.irfft2(spectrum, s=(TEXTURE_PX, TEXTURE_PX), overwrite_x=True)
    return (field / max(float(field.std()), 1e-9)).astype(np.float32)


@lru_cache(maxsize=1)
def _frequencies() -> tuple[Array, Array]:
    """Frequencies in cycles per texel: along v as a column, along u as a row."""
    return (
        np.fft.fftfreq(TEXTURE_PX)[:, None].astype(np.float32),
        np.fft.rfftfreq(TEXTURE_PX)[None].astype(np.float32),
    )
