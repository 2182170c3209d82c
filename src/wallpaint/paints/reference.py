"""Reference images: the dominant colour of an image, and an image of a colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wallpaint.errors import InputError
from wallpaint.imaging import color
from wallpaint.imaging.photo import Limits, read_photo
from wallpaint.options import Constraint, raise_errors
from wallpaint.paints.paint import Paint
from wallpaint.typing import Array

METHODS = ("median", "mean", "kmeans")
MAX_SAMPLED_PIXELS = 40_000
REFERENCE_PX = 512
NOISE_STD = 8.0
GRADIENT = (0.95, 1.05)


def dominant_color(rgb_linear: Array, method: str = "median") -> Array:
    """The dominant colour of many pixels.

    rgb_linear: (N, 3) linear sRGB. method: "median" per channel (ignores shadows and highlights), "mean" (of light), or
    "kmeans" (centre of the largest of three clusters in CIELAB). Returns (3,) float64, linear sRGB.
    """
    raise_errors(Constraint(choices=METHODS).errors("method", method), InputError)
    if rgb_linear.shape[0] == 0:
        raise InputError("no pixel to take a colour from")
    if method == "median":
        return np.asarray(np.median(rgb_linear, axis=0), np.float64)
    if method == "mean":
        return np.asarray(np.mean(rgb_linear, axis=0), np.float64)
    return _largest_cluster(rgb_linear)


def _largest_cluster(rgb_linear: Array) -> Array:
    from scipy.cluster.vq import kmeans2

    lab = color.linear_to_lab(rgb_linear.astype(np.float64))
    count = min(3, len(np.unique(lab.round(1), axis=0)))
    centres, labels = kmeans2(lab, count, minit="++", rng=np.random.default_rng(0))
    return color.lab_to_linear(centres[int(np.bincount(labels, minlength=count).argmax())])


def paint_from_picture(path: Path, limits: Limits | None = None) -> Paint:
    """A paint from an image: its median colour, and the image itself for painters that use textures.

    path: a photo file; transparent pixels do not count. Raises InputError.
    """
    photo = read_photo(path, limits or Limits())
    flat = photo.codes.reshape(-1, photo.codes.shape[2])
    if photo.alpha is not None:
        flat = flat[photo.alpha.ravel() > 0]
    if flat.shape[0] == 0:
        raise InputError(f"{path}: the reference is wholly transparent")
    pixels = photo.space.to_linear(flat[:: max(1, len(flat) // MAX_SAMPLED_PIXELS)])
    albedo = np.clip(dominant_color(pixels), 0, 1)
    r, g, b = (float(v) for v in albedo)
    return Paint(albedo_linear=(r, g, b), name=f"from {path.name}", reference=path)


def solid_reference(
    rgb: tuple[int, int, int],
    rng: np.random.Generator,
    size: int = REFERENCE_PX,
    noise_std: float = NOISE_STD,
    gradient: tuple[float, float] = GRADIENT,
) -> Array:
    """A synthetic reference image of a colour, with a gradient of light and noise.

    rgb: sRGB codes 0..255, the paint's albedo. noise_std: in codes. gradient: factors on the codes at two opposite
    edges; the direction is random. Returns (size, size, 3) uint8. Source: the source document, section 2.1.4.
    """
    angle = rng.uniform(0, 2 * np.pi)
    across = np.linspace(-1, 1, size)
    slope = across[None, :] * np.cos(angle) + across[:, None] * np.sin(angle)
    slope /= max(float(np.abs(slope).max()), 1e-6)
    low, high = gradient
    light = (low + high) / 2 + slope * (high - low) / 2
    picture = np.asarray(rgb, np.float64) * light[..., None] + rng.normal(0, noise_std, (size, size, 3))
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def reference_pixels(paint: Paint, rng: np.random.Generator, limits: Limits | None = None) -> Array:
    """The reference image of a paint: the user's own, or a synthetic one of its colour.

    Returns (H, W, 3) uint8 sRGB. Raises InputError where the paint's picture cannot be read.
    """
    if paint.reference is None:
        return solid_reference(paint.rgb, rng)
    if isinstance(paint.reference, np.ndarray):
        return paint.reference
    photo = read_photo(paint.reference, limits or Limits())
    linear = np.clip(photo.space.to_linear(photo.codes), 0, 1)
    if photo.alpha is not None and (photo.alpha > 0).any():  # transparent pixels carry no colour
        linear[photo.alpha == 0] = np.median(linear[photo.alpha > 0], axis=0)
    return np.round(255 * color.linear_to_srgb(linear)).astype(np.uint8)
