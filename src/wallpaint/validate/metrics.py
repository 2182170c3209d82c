"""How far a repaint is from what it should be: pure functions on finished pictures.

Pictures are (H, W, 3) uint8 sRGB; `wall` is bool (H, W), True on wall; alpha is float32 (H, W), 0..1. Colours are
(3,) linear sRGB. A metric that cannot be measured is NaN: the caller leaves it out and counts it, never as zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from wallpaint import color
from wallpaint import mask as masks
from wallpaint.errors import ShapeError
from wallpaint.fields import Array

EROSION_PX = 2.0  # taken off the wall's edge in a picture of 256 px, and in proportion in others
EROSION_AT_PX = 256
EDGE_PX = 5.0
OUTSIDE_PX = 3.0
WALL_ALPHA = 0.5
FLAT = 1e-9  # standard deviation of luminance up to which nothing varies
SSIM_SIGMA_PX = 1.5
SSIM_WINDOW_PX = 11


@dataclass(frozen=True)
class Metric:
    """What a number means. unit: for people. best: "low" or "high". fold: "mean" or "max", over pictures."""

    label: str
    unit: str
    best: str
    digits: int
    fold: str = "mean"


METRICS = {
    "lit_mean": Metric("lit error", "CIEDE2000", "low", 1),
    "lit_p95": Metric("95th percentile", "CIEDE2000", "low", 1),
    "literal": Metric("literal error", "CIEDE2000", "low", 1),
    "edge": Metric("edge band", "CIEDE2000", "low", 1),
    "outside_max_diff": Metric("outside, max", "code values", "low", 0, fold="max"),
    "shading": Metric("shading", "-1..1", "high", 3),
    "ssim": Metric("SSIM", "-1..1", "high", 3),
}
"""Every metric of `measure`, in the order of reports."""


def core(alpha: Array) -> Array:
    """The wall without its edge, bool (H, W): what colours are measured on.

    2 px are taken off a picture whose longer side is 256 px, in proportion off others, and never less than 1. Empty
    where the wall is too narrow; the picture's border is no edge.
    """
    radius = max(1.0, EROSION_PX * max(alpha.shape) / EROSION_AT_PX)
    return masks.erode(alpha >= WALL_ALPHA, radius)


def edge_band(alpha: Array, radius_px: float = EDGE_PX) -> Array:
    """Pixels within radius_px of the mask's edge, on both sides, bool (H, W)."""
    wall = alpha >= WALL_ALPHA
    return masks.dilate(wall, radius_px) & ~masks.erode(wall, radius_px)


def delta_e_map(picture: Array, truth: Array) -> Array:
    """CIEDE2000 of every pixel, (H, W), 0 and up, between two pictures."""
    _same_size(picture, truth)
    return color.delta_e_2000(_lab(picture), _lab(truth))


def lit_error(difference: Array, wall: Array) -> tuple[float, float]:
    """Mean and 95th percentile of a CIEDE2000 map (H, W) on the wall; NaN for an empty wall."""
    if not wall.any():
        return math.nan, math.nan
    values = difference[wall]
    return float(values.mean()), float(np.quantile(values, 0.95))


def edge_error(difference: Array, alpha: Array) -> float:
    """Mean of a CIEDE2000 map (H, W) within 5 px of the mask's edge, both sides; NaN for a mask without an edge."""
    band = edge_band(alpha)
    return float(difference[band].mean()) if band.any() else math.nan


def wall_median(picture: Array, wall: Array) -> Array:
    """The wall's median colour, (3,) linear sRGB, channel by channel; NaN for an empty wall."""
    if not wall.any():
        return np.full(3, np.nan)
    return color.srgb_to_linear(np.median(picture[wall], axis=0) / 255.0)


def literal_error(picture: Array, wall: Array, swatch: Array) -> float:
    """CIEDE2000 between the wall's median and the swatch, (3,) linear sRGB; NaN for an empty wall."""
    median = wall_median(picture, wall)
    return float(color.delta_e_2000(color.linear_to_lab(median), color.linear_to_lab(np.asarray(swatch, np.float64))))


def outside_max_diff(picture: Array, photo: Array, alpha: Array) -> float:
    """Largest change of a code value, 0..255, where the mask is 0 and more than 3 px from all that is not.

    NaN where the mask leaves no such pixel.
    """
    _same_size(picture, photo)
    outside = ~masks.dilate(alpha > 0, OUTSIDE_PX)
    if not outside.any():
        return math.nan
    return float(np.abs(picture[outside].astype(np.int16) - photo[outside]).max())


def shading_correlation(picture: Array, truth: Array, wall: Array) -> float:
    """Pearson correlation, -1..1, of linear luminance with the truth's on the wall.

    0 for a picture that has no shading there; NaN for an empty wall and for a truth without shading.
    """
    _same_size(picture, truth)
    if not wall.any():
        return math.nan
    ours, right = (color.luminance(color.srgb_to_linear(p[wall] / 255.0)) for p in (picture, truth))
    if float(right.std()) <= FLAT:
        return math.nan
    if float(ours.std()) <= FLAT:
        return 0.0
    return float(np.corrcoef(ours, right)[0, 1])


def structural_similarity(picture: Array, truth: Array, alpha: Array) -> float:
    """SSIM, -1..1, mean over channels and over the rectangle that holds the wall and 5 px round it.

    On encoded values, Gaussian weights of sigma 1.5 px; NaN for an empty mask and where the rectangle is smaller than
    the window of 11 px. Source: Wang, Bovik, Sheikh & Simoncelli 2004.
    """
    from skimage.metrics import structural_similarity as ssim

    _same_size(picture, truth)
    found = ndimage.find_objects(masks.dilate(alpha >= WALL_ALPHA, EDGE_PX).astype(np.int8))
    if not found or min(picture[found[0]].shape[:2]) < SSIM_WINDOW_PX:
        return math.nan
    ours, right = picture[found[0]], truth[found[0]]
    options = {"gaussian_weights": True, "sigma": SSIM_SIGMA_PX, "use_sample_covariance": False}
    return float(ssim(ours, right, channel_axis=-1, data_range=255, **options))


def measure(picture: Array, photo: Array, truth: Array, alpha: Array, swatch: Array | None) -> dict[str, float]:
    """All of `METRICS` of one repaint.

    picture, photo, truth: (H, W, 3) uint8. swatch: (3,) linear sRGB, or None for a texture, which has no literal
    error. What cannot be measured is NaN.
    """
    wall = core(alpha)
    difference = delta_e_map(picture, truth)
    mean, high = lit_error(difference, wall)
    return {
        "lit_mean": mean,
        "lit_p95": high,
        "literal": math.nan if swatch is None else literal_error(picture, wall, swatch),
        "edge": edge_error(difference, alpha),
        "outside_max_diff": outside_max_diff(picture, photo, alpha),
        "shading": shading_correlation(picture, truth, wall),
        "ssim": structural_similarity(picture, truth, alpha),
    }


def _lab(picture: Array) -> Array:
    return color.linear_to_lab(color.srgb_to_linear(picture / 255.0))


def _same_size(picture: Array, other: Array) -> None:
    if picture.shape != other.shape:
        raise ShapeError(f"pictures of {picture.shape} and {other.shape} cannot be compared: give both one size")
