"""Metrics of a repainted image: pure functions on finished images. docs/metrics.md defines each.

Images are (H, W, 3) uint8 sRGB; `wall` is bool (H, W), True on wall; alpha is float32 (H, W), 0..1. Colours are
(3,) linear sRGB. An undefined metric is NaN: the caller excludes and counts it, and never takes it for zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from wallpaint.errors import ShapeError
from wallpaint.imaging import color
from wallpaint.scene import mask as masks
from wallpaint.typing import Array

EROSION_PX = 2.0  # erosion radius of the wall at a longer side of EROSION_REFERENCE_PX; scales with the size
EROSION_REFERENCE_PX = 256
EDGE_PX = 5.0
OUTSIDE_MARGIN_PX = 3.0
WALL_ALPHA = 0.5  # alpha from which a pixel counts as wall
MIN_LUMINANCE_STD = 1e-9  # at or below it luminance counts as constant
SSIM_SIGMA_PX = 1.5
SSIM_WINDOW_PX = 11
TAIL_SHARE = 0.05  # share of the wall's pixels in the tail mean
CONTRAST_QUANTILES = (0.05, 0.95)
MIN_LUMINANCE = 1e-4  # floor of luminance in logarithms
MIN_CONTRAST = 0.01  # range of log luminance up to which a wall has no shading to compare with
MAX_PSNR_DB = 100.0  # cap of the PSNR, also its value for identical images

_LINEAR = color.srgb_to_linear(np.arange(256) / 255.0)


@dataclass(frozen=True)
class Metric:
    """Description of a metric.

    unit: for display. best: "low" or "high". digits: decimals shown. reduction: "mean" or "max", over images.
    description: one line on what is measured.
    """

    label: str
    unit: str
    best: str
    digits: int
    reduction: str = "mean"
    description: str = ""

    @property
    def sign(self) -> int:
        """1 if lower is better, -1 if higher is better."""
        return 1 if self.best == "low" else -1


METRICS = {
    "swatch": Metric("swatch error", "CIEDE2000", "low", 1, description="the wall's median against the paint"),
    "swatch_mean": Metric("to the paint, mean", "CIEDE2000", "low", 1, description="each wall pixel against the paint"),
    "swatch_p95": Metric("to the paint, p95", "CIEDE2000", "low", 1, description="95th percentile of the same"),
    "swatch_cvar": Metric("to the paint, tail", "CIEDE2000", "low", 1, description="mean of the worst 5 % of the same"),
    "cie76": Metric("Lab distance", "CIE76", "low", 1, description="the wall's median against the paint"),
    "hue_hsv": Metric("HSV hue", "degrees", "low", 1, description="the wall's median against the paint, 0..180"),
    "hue_lab": Metric("Lab hue", "degrees", "low", 1, description="the wall's median against the paint, 0..180"),
    "chroma": Metric("chroma", "CIELAB C*", "low", 1, description="the wall's median against the paint"),
    "lightness": Metric("lightness", "share", "low", 3, description="the wall's median against the paint, of 0..1"),
    "room_mean": Metric("room error", "CIEDE2000", "low", 1, description="each wall pixel against the true repaint"),
    "room_p95": Metric("room error, p95", "CIEDE2000", "low", 1, description="95th percentile of the same"),
    "room_cvar": Metric("room error, tail", "CIEDE2000", "low", 1, description="mean of the worst 5 % of the same"),
    "room_hue": Metric(
        "room Lab hue", "degrees", "low", 1, description="the wall's median against the true repaint's, 0..180"
    ),
    "edge": Metric(
        "edge band", "CIEDE2000", "low", 1, description="against the true repaint, within 5 px of the mask's edge"
    ),
    "shading": Metric(
        "shading", "-1..1", "high", 3, description="correlation of the wall's luminance with the true repaint's"
    ),
    "contrast": Metric(
        "contrast", "share", "low", 3, description="contrast of the wall against that of the true repaint"
    ),
    "ssim": Metric(
        "SSIM", "-1..1", "high", 3, description="structural similarity to the true repaint, around the wall"
    ),
    "lpips": Metric(
        "LPIPS", "0 and up", "low", 3, description="learned perceptual distance to the true repaint, around the wall"
    ),
    "shading_kept": Metric(
        "shading kept", "-1..1", "high", 3, description="correlation of the wall's luminance with the photo's"
    ),
    "contrast_kept": Metric(
        "contrast kept", "share", "low", 3, description="contrast of the wall against that of the photo"
    ),
    "leak": Metric("leak", "CIEDE2000", "low", 2, description="against the photo, within 5 px outside the mask"),
    "outside_max_diff": Metric(
        "outside, max", "code values", "low", 0, "max", "largest change more than 3 px outside the mask"
    ),
    "outside_psnr": Metric(
        "outside, PSNR", "dB", "high", 1, description="against the photo, more than 3 px outside the mask"
    ),
    "outside_ssim": Metric(
        "outside, SSIM",
        "-1..1",
        "high",
        3,
        description="structural similarity to the photo, more than 3 px outside the mask",
    ),
}
"""Every metric of `measure`, in report order."""

BENCHMARK_METRICS = ("room_mean", "room_p95", "swatch", "edge", "outside_max_diff", "shading", "ssim")
"""The metrics that the benchmark shows, in table order."""


# -- regions -----------------------------------------------------------------------------------------------


def eroded_wall(alpha: Array) -> Array:
    """Return the wall without its edge, bool (H, W), on which colours are measured.

    The erosion radius is 2 px at a longer side of 256 px, in proportion at other sizes, and at least 1 px. Empty
    where the wall is too narrow. The image border does not count as an edge.
    """
    radius = max(1.0, EROSION_PX * max(alpha.shape) / EROSION_REFERENCE_PX)
    return masks.erode(alpha >= WALL_ALPHA, radius)


def edge_band(alpha: Array, radius_px: float = EDGE_PX) -> Array:
    """Return the pixels within radius_px of the mask's edge, on both sides, bool (H, W)."""
    wall = alpha >= WALL_ALPHA
    return masks.dilate(wall, radius_px) & ~masks.erode(wall, radius_px)


def outer_ring(alpha: Array, radius_px: float = EDGE_PX) -> Array:
    """Return the pixels with alpha 0 within radius_px of one with alpha above 0, bool (H, W)."""
    return masks.dilate(alpha > 0, radius_px) & ~(alpha > 0)


def outside_region(alpha: Array) -> Array:
    """Return the pixels more than 3 px from every pixel with alpha above 0, bool (H, W)."""
    return ~masks.dilate(alpha > 0, OUTSIDE_MARGIN_PX)


def wall_bounding_box(alpha: Array) -> tuple[slice, slice] | None:
    """Return the rows and columns of the wall's bounding box with a margin of 5 px; None for an empty mask."""
    boxes = ndimage.find_objects(masks.dilate(alpha >= WALL_ALPHA, EDGE_PX).astype(np.int8))
    return (boxes[0][0], boxes[0][1]) if boxes else None


# -- against the paint -------------------------------------------------------------------------------------


def wall_median(image: Array, wall: Array) -> Array:
    """Return the wall's per-channel median in linear sRGB, (3,); NaN for an empty wall."""
    if not wall.any():
        return np.full(3, np.nan)
    return color.srgb_to_linear(np.median(image[wall], axis=0) / 255.0)


def swatch_error(image: Array, wall: Array, swatch: Array) -> float:
    """Return the CIEDE2000 of the wall's median and the swatch, (3,) linear sRGB; NaN for an empty wall."""
    median = wall_median(image, wall)
    return float(color.delta_e_2000(color.linear_to_lab(median), color.linear_to_lab(np.asarray(swatch, np.float64))))


def paint_errors(pixels: Array, swatch: Array) -> Array:
    """Return the CIEDE2000, (N,), of pixels (N, 3) uint8 and a paint, (3,) linear sRGB."""
    return color.delta_e_2000(_lab(pixels), color.linear_to_lab(np.asarray(swatch, np.float64)))


def paint_metrics(image: Array, wall: Array, swatch: Array) -> dict[str, float]:
    """Compute the metrics "swatch" to "lightness": wall pixels against a paint, (3,) linear sRGB.

    Both hue errors are undefined, so NaN, where either colour's Lab chroma is under 2.
    """
    if not wall.any():
        return {}
    paint, median = np.asarray(swatch, np.float64), wall_median(image, wall)
    paint_lab, median_lab = color.linear_to_lab(paint), color.linear_to_lab(median)
    pixels = paint_errors(image[wall], paint)
    lab_hues = color.lab_hue_deg(np.stack([median_lab, paint_lab]))
    hsv_hues = color.hsv_hue_deg(np.clip(color.linear_to_srgb(np.stack([median, paint])), 0, 1))
    chromas = np.hypot(*np.stack([median_lab, paint_lab])[:, 1:].T)
    return {
        "swatch": float(color.delta_e_2000(median_lab, paint_lab)),
        "swatch_mean": float(pixels.mean()),
        "swatch_p95": float(np.quantile(pixels, 1 - TAIL_SHARE)),
        "swatch_cvar": tail_mean(pixels),
        "cie76": float(color.delta_e_76(median_lab, paint_lab)),
        "hue_hsv": math.nan if np.isnan(lab_hues).any() else float(color.hue_error_deg(*hsv_hues)),
        "hue_lab": float(color.hue_error_deg(*lab_hues)),
        "chroma": float(abs(chromas[0] - chromas[1])),
        "lightness": float(color.lightness_diff(median_lab, paint_lab)),
    }


# -- against the true repaint ------------------------------------------------------------------------------


def delta_e_map(image: Array, truth: Array, where: Array | None = None) -> Array:
    """Return the per-pixel CIEDE2000 of two images, (H, W). where: bool (H, W); NaN where it is False."""
    require_same_shape(image, truth)
    if where is None:
        return color.delta_e_2000(_lab(image), _lab(truth))
    difference = np.full(where.shape, np.nan)
    difference[where] = color.delta_e_2000(_lab(image[where]), _lab(truth[where]))
    return difference


def tail_mean(values: Array) -> float:
    """Return the mean of the largest 5 % of values (N,), at least of one; NaN for none.

    This is the conditional value at risk at 95 %. Source: Rockafellar & Uryasev 2000.
    """
    if values.size == 0:
        return math.nan
    count = math.ceil(round(TAIL_SHARE * values.size, 6))  # 0.05 * 140 is slightly above 7 in floating point
    return float(np.partition(values, values.size - count)[-count:].mean())


def edge_error(difference: Array, alpha: Array) -> float:
    """Return the mean of a CIEDE2000 map (H, W) over `edge_band`; NaN for a mask without an edge."""
    band = edge_band(alpha)
    return float(difference[band].mean()) if band.any() else math.nan


def truth_metrics(image: Array, truth: Array, alpha: Array, wall: Array) -> dict[str, float]:
    """Compute the metrics "room_mean" to "ssim": a repaint against the true repaint."""
    difference = delta_e_map(image, truth, edge_band(alpha))
    around_wall = {"edge": edge_error(difference, alpha), "ssim": structural_similarity(image, truth, alpha)}
    return wall_truth_metrics(image, truth, wall) | around_wall


def wall_truth_metrics(image: Array, truth: Array, wall: Array) -> dict[str, float]:
    """Compute those of `truth_metrics` that depend on wall pixels only."""
    require_same_shape(image, truth)
    if not wall.any():
        return {}
    pixels = color.delta_e_2000(_lab(image[wall]), _lab(truth[wall]))
    medians = color.linear_to_lab(np.stack([wall_median(p, wall) for p in (image, truth)]))
    return {
        "room_mean": float(pixels.mean()),
        "room_p95": float(np.quantile(pixels, 1 - TAIL_SHARE)),
        "room_cvar": tail_mean(pixels),
        "room_hue": float(color.hue_error_deg(*color.lab_hue_deg(medians))),
        "shading": shading_correlation(image, truth, wall),
        "contrast": contrast_error(image, truth, wall),
    }


def shading_correlation(image: Array, reference: Array, wall: Array) -> float:
    """Return the Pearson correlation, -1..1, of two images' linear luminance on the wall.

    0 where the image's luminance is constant; NaN for an empty wall and where the reference's is constant.
    """
    require_same_shape(image, reference)
    if not wall.any():
        return math.nan
    luminance, expected = (color.luminance(_LINEAR[p[wall]]) for p in (image, reference))
    if float(expected.std()) <= MIN_LUMINANCE_STD:
        return math.nan
    if float(luminance.std()) <= MIN_LUMINANCE_STD:
        return 0.0
    return float(np.corrcoef(luminance, expected)[0, 1])


def contrast_error(image: Array, reference: Array, wall: Array) -> float:
    """Return the relative error of the wall's contrast: 0 for equal contrast, 1 for a flat fill.

    Contrast is `log_luminance_range`. NaN for an empty wall, and where the reference's contrast is under 1 %.
    """
    require_same_shape(image, reference)
    if not wall.any():
        return math.nan
    contrast, expected = (log_luminance_range(p, wall) for p in (image, reference))
    return abs(contrast / expected - 1) if expected > MIN_CONTRAST else math.nan


def log_luminance_range(image: Array, wall: Array) -> float:
    """Return the range from the 5th to the 95th percentile of ln(luminance) on a non-empty wall."""
    log_luminance = np.log(np.maximum(color.luminance(_LINEAR[image[wall]]), MIN_LUMINANCE))
    low, high = np.quantile(log_luminance, CONTRAST_QUANTILES)
    return float(high - low)


def structural_similarity(image: Array, truth: Array, alpha: Array) -> float:
    """Return the SSIM, -1..1, averaged over channels and the wall's bounding box.

    On encoded values, with Gaussian weights of sigma 1.5 px. NaN for an empty mask and for a box smaller than the
    window of 11 px. Source: Wang, Bovik, Sheikh & Simoncelli 2004.
    """
    require_same_shape(image, truth)
    box = wall_bounding_box(alpha)
    if box is None or min(image[box].shape[:2]) < SSIM_WINDOW_PX:
        return math.nan
    return float(_ssim(image[box], truth[box])[0])


# -- against the photo -------------------------------------------------------------------------------------


def photo_metrics(image: Array, photo: Array, alpha: Array, wall: Array) -> dict[str, float]:
    """Compute the metrics "shading_kept" to "outside_ssim": what a repaint should leave unchanged."""
    ring, rest = outer_ring(alpha), outside_region(alpha)
    leak = delta_e_map(image, photo, ring)[ring]
    return {
        "shading_kept": shading_correlation(image, photo, wall),
        "contrast_kept": contrast_error(image, photo, wall),
        "leak": float(leak.mean()) if leak.size else math.nan,
        "outside_max_diff": outside_max_diff(image, photo, alpha),
        "outside_psnr": peak_signal_noise_ratio(image, photo, rest),
        "outside_ssim": outside_similarity(image, photo, rest),
    }


def outside_max_diff(image: Array, photo: Array, alpha: Array) -> float:
    """Return the largest change of a code value, 0..255, over `outside_region`; NaN where that is empty."""
    require_same_shape(image, photo)
    rest = outside_region(alpha)
    if not rest.any():
        return math.nan
    return float(np.abs(image[rest].astype(np.int16) - photo[rest]).max())


def peak_signal_noise_ratio(image: Array, photo: Array, where: Array) -> float:
    """Return the PSNR in dB of code values where bool (H, W) is True, capped at 100; NaN for no pixel.

    10 log10(255^2 / mean squared difference).
    """
    require_same_shape(image, photo)
    if not where.any():
        return math.nan
    error = float(np.square(image[where].astype(np.float64) - photo[where]).mean())
    return MAX_PSNR_DB if error == 0 else min(MAX_PSNR_DB, 10 * math.log10(255**2 / error))


def outside_similarity(image: Array, photo: Array, where: Array) -> float:
    """Return the SSIM of `structural_similarity` over the windows that lie fully where bool (H, W) is True.

    NaN where no window does.
    """
    require_same_shape(image, photo)
    window = np.ones((SSIM_WINDOW_PX, SSIM_WINDOW_PX), np.uint8)
    centers = cv2.erode(where.astype(np.uint8), window, borderType=cv2.BORDER_CONSTANT, borderValue=1) > 0
    if not centers.any() or min(image.shape[:2]) < SSIM_WINDOW_PX:
        return math.nan
    if np.array_equal(image[where], photo[where]):
        return 1.0
    return float(_ssim(image, photo)[1][centers].mean())


def _ssim(image: Array, other: Array) -> tuple[float, Array]:
    """Mean SSIM, and its map (H, W, 3)."""
    from skimage.metrics import structural_similarity as ssim

    options = {"gaussian_weights": True, "sigma": SSIM_SIGMA_PX, "use_sample_covariance": False, "full": True}
    mean, pixels = ssim(image, other, channel_axis=-1, data_range=255, **options)
    return float(mean), pixels


# -- all metrics -------------------------------------------------------------------------------------------


def measure(image: Array, photo: Array, truth: Array | None, alpha: Array, swatch: Array | None) -> dict[str, float]:
    """Compute all of `METRICS` for one repaint except "lpips", which needs a network: see `evaluation.lpips`.

    image, photo, truth: (H, W, 3) uint8; truth is None where unknown. swatch: (3,) linear sRGB, or None for a texture,
    which has no swatch error. Undefined metrics are NaN. Raises ShapeError.
    """
    wall = eroded_wall(alpha)
    values = dict.fromkeys(METRICS, math.nan)
    if swatch is not None:
        values |= paint_metrics(image, wall, swatch)
    if truth is not None:
        values |= truth_metrics(image, truth, alpha, wall)
    return values | photo_metrics(image, photo, alpha, wall)


def _lab(codes: Array) -> Array:
    return color.linear_to_lab(_LINEAR[codes])


def require_same_shape(image: Array, other: Array) -> None:
    """Raise ShapeError if two images differ in shape."""
    if image.shape != other.shape:
        raise ShapeError(f"images of shape {image.shape} and {other.shape} cannot be compared: resize one of them")
