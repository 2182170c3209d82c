"""A colour out of a picture: what a reference or a wall looks like on the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wallpaint import color
from wallpaint.errors import InputError
from wallpaint.fields import Array
from wallpaint.paint import Paint
from wallpaint.photo import Limits, read_photo

METHODS = ("median", "mean", "kmeans")
SAMPLE = 40_000


def dominant_color(rgb_linear: Array, method: str = "median") -> Array:
    """The colour that stands for many pixels.

    rgb_linear: (N, 3) linear sRGB. method: "median" per channel (ignores shadows and highlights), "mean" (of light), or
    "kmeans" (centre of the largest of three clusters in CIELAB). Returns (3,) float64, linear sRGB.
    """
    if rgb_linear.shape[0] == 0:
        raise InputError("no pixel to take a colour from")
    if method == "median":
        return np.asarray(np.median(rgb_linear, axis=0), np.float64)
    if method == "mean":
        return np.asarray(np.mean(rgb_linear, axis=0), np.float64)
    if method == "kmeans":
        return _largest_cluster(rgb_linear)
    raise InputError(f'method must be one of {", ".join(METHODS)}, not "{method}"')


def _largest_cluster(rgb_linear: Array) -> Array:
    from scipy.cluster.vq import kmeans2

    lab = color.linear_to_lab(rgb_linear.astype(np.float64))
    count = min(3, len(np.unique(lab.round(1), axis=0)))
    centres, labels = kmeans2(lab, count, minit="++", rng=np.random.default_rng(0))
    return color.lab_to_linear(centres[int(np.bincount(labels, minlength=count).argmax())])


def paint_from_picture(path: Path, limits: Limits | None = None) -> Paint:
    """A paint that looks like a picture: its median colour, and the picture itself for painters that take textures.

    path: a photo file; transparent pixels do not count. Raises InputError.
    """
    photo = read_photo(path, limits or Limits())
    flat = photo.codes.reshape(-1, photo.codes.shape[2])
    if photo.alpha is not None:
        flat = flat[photo.alpha.ravel() > 0]
    if flat.shape[0] == 0:
        raise InputError(f"{path}: the reference is wholly transparent")
    pixels = photo.space.to_linear(flat[:: max(1, len(flat) // SAMPLE)])
    albedo = np.clip(dominant_color(pixels), 0, 1)
    r, g, b = (float(v) for v in albedo)
    return Paint(albedo_linear=(r, g, b), name=f"from {path.name}", reference=path)
