"""How far a repaint is from what it should be: pure functions on finished pictures. docs/metrics.md defines each.

Pictures are (H, W, 3) uint8 sRGB; `wall` is bool (H, W), True on wall; alpha is float32 (H, W), 0..1. Colours are
(3,) linear sRGB. A metric that cannot be measured is NaN: the caller leaves it out and counts it, never as zero.
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

EROSION_PX = 2.0  # taken off the wall's edge in a picture of 256 px, and in proportion in others
EROSION_AT_PX = 256
EDGE_PX = 5.0
OUTSIDE_PX = 3.0
WALL_ALPHA = 0.5
FLAT = 1e-9  # standard deviation of luminance up to which nothing varies
SSIM_SIGMA_PX = 1.5
SSIM_WINDOW_PX = 11
WORST = 0.05  # share of the wall's pixels that a tail's mean is over
CONTRAST_QUANTILES = (0.05, 0.95)
DARKEST = 1e-4  # luminance that counts as black in logarithms
EVEN = 0.01  # range of log luminance up to which a wall shows no shading to compare with
PSNR_MOST = 100.0  # dB, where nothing or next to nothing changed

_LINEAR = color.srgb_to_linear(np.arange(256) / 255.0)


@dataclass(frozen=True)
class Metric:
    """What a number means. unit: for people. best: "low" or "high". fold: "mean" or "max", over pictures. about: one
    line on what is measured."""

    label: str
    unit: str
    best: str
    digits: int
    fold: str = "mean"
    about: str = ""

    @property
    def sign(self) -> int:
        """1 where more is worse, -1 where less is."""
        return 1 if self.best == "low" else -1


METRICS = {
    "swatch": Metric("literal error", "CIEDE2000", "low", 1, about="the wall's median against the paint"),
    "swatch_mean": Metric("to the paint, mean", "CIEDE2000", "low", 1, about="each wall pixel against the paint"),
    "swatch_p95": Metric("to the paint, p95", "CIEDE2000", "low", 1, about="95th percentile of the same"),
    "swatch_cvar": Metric("to the paint, tail", "CIEDE2000", "low", 1, about="mean of the worst 5 % of the same"),
    "cie76": Metric("Lab distance", "CIE76", "low", 1, about="the wall's median against the paint"),
    "hue_hsv": Metric("HSV hue", "degrees", "low", 1, about="the wall's median against the paint, 0..180"),
    "hue_lab": Metric("Lab hue", "degrees", "low", 1, about="the wall's median against the paint, 0..180"),
    "chroma": Metric("chroma", "CIELAB C*", "low", 1, about="the wall's median against the paint"),
    "lightness": Metric("lightness", "share", "low", 3, about="the wall's median against the paint, of 0..1"),
    "room_mean": Metric("lit error", "CIEDE2000", "low", 1, about="each wall pixel against the true repaint"),
    "room_p95": Metric("lit error, p95", "CIEDE2000", "low", 1, about="95th percentile of the same"),
    "room_cvar": Metric("lit error, tail", "CIEDE2000", "low", 1, about="mean of the worst 5 % of the same"),
    "room_hue": Metric("lit Lab hue", "degrees", "low", 1, about="the wall's median against the truth's, 0..180"),
    "edge": Metric("edge band", "CIEDE2000", "low", 1, about="against the truth, within 5 px of the mask's edge"),
    "shading": Metric("shading", "-1..1", "high", 3, about="correlation of the wall's light with the truth's"),
    "contrast": Metric("contrast", "share", "low", 3, about="the range of the wall's light against the truth's"),
    "ssim": Metric("SSIM", "-1..1", "high", 3, about="likeness to the truth, round the wall"),
    "lpips": Metric("LPIPS", "0 and up", "low", 3, about="likeness to the truth as a network sees it, round the wall"),
    "shading_kept": Metric(
        "shading kept", "-1..1", "high", 3, about="correlation of the wall's light with the photo's"
    ),
    "contrast_kept": Metric(
        "contrast kept", "share", "low", 3, about="the range of the wall's light against the photo's"
    ),
    "leak": Metric("leak", "CIEDE2000", "low", 2, about="against the photo, within 5 px outside the mask"),
    "outside_max_diff": Metric(
        "outside, max", "code values", "low", 0, "max", "largest change beyond 3 px outside the mask"
    ),
    "outside_psnr": Metric("outside, PSNR", "dB", "high", 1, about="against the photo beyond 3 px outside the mask"),
    "outside_ssim": Metric(
        "outside, SSIM", "-1..1", "high", 3, about="likeness to the photo beyond 3 px outside the mask"
    ),
}
"""Every metric of `measure`, in the order of reports."""

BENCHMARK = ("room_mean", "room_p95", "swatch", "edge", "outside_max_diff", "shading", "ssim")
"""Those that the benchmark shows, in the order of its tables."""


# -- where to look -----------------------------------------------------------------------------------------


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


def outer_ring(alpha: Array, radius_px: float = EDGE_PX) -> Array:
    """Pixels where the mask is 0 that lie within radius_px of one where it is not, bool (H, W)."""
    return masks.dilate(alpha > 0, radius_px) & ~(alpha > 0)


def outside(alpha: Array) -> Array:
    """Pixels where the mask is 0 and more than 3 px from all that is not, bool (H, W)."""
    return ~masks.dilate(alpha > 0, OUTSIDE_PX)


# -- against the paint -------------------------------------------------------------------------------------


def wall_median(picture: Array, wall: Array) -> Array:
    """The wall's median colour, (3,) linear sRGB, channel by channel; NaN for an empty wall."""
    if not wall.any():
        return np.full(3, np.nan)
    return color.srgb_to_linear(np.median(picture[wall], axis=0) / 255.0)


def swatch_error(picture: Array, wall: Array, swatch: Array) -> float:
    """CIEDE2000 between the wall's median and the swatch, (3,) linear sRGB; NaN for an empty wall."""
    median = wall_median(picture, wall)
    return float(color.delta_e_2000(color.linear_to_lab(median), color.linear_to_lab(np.asarray(swatch, np.float64))))


def paint_errors(pixels: Array, swatch: Array) -> Array:
    """CIEDE2000 of each of some pixels, (N, 3) uint8, to a paint, (3,) linear sRGB: (N,)."""
    return color.delta_e_2000(_lab(pixels), color.linear_to_lab(np.asarray(swatch, np.float64)))


def to_paint(picture: Array, wall: Array, swatch: Array) -> dict[str, float]:
    """The metrics "swatch" to "lightness": wall pixels against a paint, (3,) linear sRGB.

    A hue is undefined, so NaN, where either colour's Lab chroma is under 2: both the HSV and the Lab one.
    """
    if not wall.any():
        return {}
    paint, median = np.asarray(swatch, np.float64), wall_median(picture, wall)
    paint_lab, median_lab = color.linear_to_lab(paint), color.linear_to_lab(median)
    pixels = paint_errors(picture[wall], paint)
    hues = color.lab_hue_deg(np.stack([median_lab, paint_lab]))
    turns = color.hsv_hue_deg(np.clip(color.linear_to_srgb(np.stack([median, paint])), 0, 1))
    chromas = np.hypot(*np.stack([median_lab, paint_lab])[:, 1:].T)
    return {
        "swatch": float(color.delta_e_2000(median_lab, paint_lab)),
        "swatch_mean": float(pixels.mean()),
        "swatch_p95": float(np.quantile(pixels, 1 - WORST)),
        "swatch_cvar": tail_mean(pixels),
        "cie76": float(color.delta_e_76(median_lab, paint_lab)),
        "hue_hsv": math.nan if np.isnan(hues).any() else float(color.hue_error_deg(*turns)),
        "hue_lab": float(color.hue_error_deg(*hues)),
        "chroma": float(abs(chromas[0] - chromas[1])),
        "lightness": float(color.lightness_diff(median_lab, paint_lab)),
    }


# -- against the truth -------------------------------------------------------------------------------------


def delta_e_map(picture: Array, truth: Array, where: Array | None = None) -> Array:
    """CIEDE2000 of every pixel, (H, W), 0 and up, between two pictures. where: bool (H, W); NaN elsewhere."""
    _same_size(picture, truth)
    if where is None:
        return color.delta_e_2000(_lab(picture), _lab(truth))
    found = np.full(where.shape, np.nan)
    found[where] = color.delta_e_2000(_lab(picture[where]), _lab(truth[where]))
    return found


def tail_mean(values: Array) -> float:
    """Mean of the largest 5 % of values (N,), at least of one; NaN for none.

    The conditional value at risk at 95 %. Source: Rockafellar & Uryasev 2000.
    """
    if values.size == 0:
        return math.nan
    count = math.ceil(round(WORST * values.size, 6))  # 0.05 * 140 is a little more than 7
    return float(np.partition(values, values.size - count)[-count:].mean())


def edge_error(difference: Array, alpha: Array) -> float:
    """Mean of a CIEDE2000 map (H, W) within 5 px of the mask's edge, both sides; NaN for a mask without an edge."""
    band = edge_band(alpha)
    return float(difference[band].mean()) if band.any() else math.nan


def to_truth(picture: Array, truth: Array, alpha: Array, wall: Array) -> dict[str, float]:
    """The metrics "room_mean" to "ssim": a repaint against what the camera would have recorded."""
    difference = delta_e_map(picture, truth, edge_band(alpha))
    likeness = {"edge": edge_error(difference, alpha), "ssim": structural_similarity(picture, truth, alpha)}
    return wall_to_truth(picture, truth, wall) | likeness


def wall_to_truth(picture: Array, truth: Array, wall: Array) -> dict[str, float]:
    """Those of them that look at nothing but the wall."""
    _same_size(picture, truth)
    if not wall.any():
        return {}
    pixels = color.delta_e_2000(_lab(picture[wall]), _lab(truth[wall]))
    medians = color.linear_to_lab(np.stack([wall_median(p, wall) for p in (picture, truth)]))
    return {
        "room_mean": float(pixels.mean()),
        "room_p95": float(np.quantile(pixels, 1 - WORST)),
        "room_cvar": tail_mean(pixels),
        "room_hue": float(color.hue_error_deg(*color.lab_hue_deg(medians))),
        "shading": shading_correlation(picture, truth, wall),
        "contrast": contrast_error(picture, truth, wall),
    }


def shading_correlation(picture: Array, truth: Array, wall: Array) -> float:
    """Pearson correlation, -1..1, of linear luminance with another picture's on the wall.

    0 for a picture that has no shading there; NaN for an empty wall and where the other has no shading.
    """
    _same_size(picture, truth)
    if not wall.any():
        return math.nan
    ours, right = (color.luminance(_LINEAR[p[wall]]) for p in (picture, truth))
    if float(right.std()) <= FLAT:
        return math.nan
    if float(ours.std()) <= FLAT:
        return 0.0
    return float(np.corrcoef(ours, right)[0, 1])


def contrast_error(picture: Array, truth: Array, wall: Array) -> float:
    """How far the range of light on the wall is from another picture's, as a share of that: 0 alike, 1 for a flat fill.

    The range is from the 5th to the 95th percentile of log luminance. NaN for an empty wall, and where the other
    picture's is under 1 %.
    """
    _same_size(picture, truth)
    if not wall.any():
        return math.nan
    ours, right = (light_range(p, wall) for p in (picture, truth))
    return abs(ours / right - 1) if right > EVEN else math.nan


def light_range(picture: Array, wall: Array) -> float:
    """From the 5th to the 95th percentile of the natural logarithm of luminance on a wall that is not empty."""
    light = np.log(np.maximum(color.luminance(_LINEAR[picture[wall]]), DARKEST))
    low, high = np.quantile(light, CONTRAST_QUANTILES)
    return float(high - low)


def wall_box(alpha: Array) -> tuple[slice, slice] | None:
    """Rows and columns of the rectangle that holds the wall and 5 px round it; None for an empty mask."""
    found = ndimage.find_objects(masks.dilate(alpha >= WALL_ALPHA, EDGE_PX).astype(np.int8))
    return (found[0][0], found[0][1]) if found else None


def structural_similarity(picture: Array, truth: Array, alpha: Array) -> float:
    """SSIM, -1..1, mean over channels and over the rectangle that holds the wall and 5 px round it.

    On encoded values, Gaussian weights of sigma 1.5 px; NaN for an empty mask and where the rectangle is smaller than
    the window of 11 px. Source: Wang, Bovik, Sheikh & Simoncelli 2004.
    """
    _same_size(picture, truth)
    box = wall_box(alpha)
    if box is None or min(picture[box].shape[:2]) < SSIM_WINDOW_PX:
        return math.nan
    return float(_ssim(picture[box], truth[box])[0])


# -- against the photo -------------------------------------------------------------------------------------


def to_photo(picture: Array, photo: Array, alpha: Array, wall: Array) -> dict[str, float]:
    """The metrics "shading_kept" to "outside_ssim": what a repaint should have left as it was."""
    ring, rest = outer_ring(alpha), outside(alpha)
    leak = delta_e_map(picture, photo, ring)[ring]
    return {
        "shading_kept": shading_correlation(picture, photo, wall),
        "contrast_kept": contrast_error(picture, photo, wall),
        "leak": float(leak.mean()) if leak.size else math.nan,
        "outside_max_diff": outside_max_diff(picture, photo, alpha),
        "outside_psnr": peak_signal_to_noise(picture, photo, rest),
        "outside_ssim": outside_similarity(picture, photo, rest),
    }


def outside_max_diff(picture: Array, photo: Array, alpha: Array) -> float:
    """Largest change of a code value, 0..255, where the mask is 0 and more than 3 px from all that is not.

    NaN where the mask leaves no such pixel.
    """
    _same_size(picture, photo)
    rest = outside(alpha)
    if not rest.any():
        return math.nan
    return float(np.abs(picture[rest].astype(np.int16) - photo[rest]).max())


def peak_signal_to_noise(picture: Array, photo: Array, where: Array) -> float:
    """PSNR, dB, of the code values where bool (H, W) says; at most 100, which is also what no change at all gives.

    NaN for no pixel. 10 log10(255^2 / mean squared difference).
    """
    _same_size(picture, photo)
    if not where.any():
        return math.nan
    error = float(np.square(picture[where].astype(np.float64) - photo[where]).mean())
    return PSNR_MOST if error == 0 else min(PSNR_MOST, 10 * math.log10(255**2 / error))


def outside_similarity(picture: Array, photo: Array, where: Array) -> float:
    """SSIM, -1..1, as in `structural_similarity`, mean over the windows that lie wholly where bool (H, W) says.

    NaN where no window does.
    """
    _same_size(picture, photo)
    window = np.ones((SSIM_WINDOW_PX, SSIM_WINDOW_PX), np.uint8)
    centres = cv2.erode(where.astype(np.uint8), window, borderType=cv2.BORDER_CONSTANT, borderValue=1) > 0
    if not centres.any() or min(picture.shape[:2]) < SSIM_WINDOW_PX:
        return math.nan
    if np.array_equal(picture[where], photo[where]):
        return 1.0
    return float(_ssim(picture, photo)[1][centres].mean())


def _ssim(picture: Array, other: Array) -> tuple[float, Array]:
    """Mean, and map (H, W, 3)."""
    from skimage.metrics import structural_similarity as ssim

    options = {"gaussian_weights": True, "sigma": SSIM_SIGMA_PX, "use_sample_covariance": False, "full": True}
    mean, pixels = ssim(picture, other, channel_axis=-1, data_range=255, **options)
    return float(mean), pixels


# -- all of them -------------------------------------------------------------------------------------------


def measure(picture: Array, photo: Array, truth: Array | None, alpha: Array, swatch: Array | None) -> dict[str, float]:
    """All of `METRICS` of one repaint but "lpips", which needs a network: see `perceptual`.

    picture, photo, truth: (H, W, 3) uint8; truth is None where none is known. swatch: (3,) linear sRGB, or None for a
    texture, which has no literal error. What cannot be measured is NaN. Raises ShapeError.
    """
    wall = core(alpha)
    found = dict.fromkeys(METRICS, math.nan)
    if swatch is not None:
        found |= to_paint(picture, wall, swatch)
    if truth is not None:
        found |= to_truth(picture, truth, alpha, wall)
    return found | to_photo(picture, photo, alpha, wall)


def _lab(codes: Array) -> Array:
    return color.linear_to_lab(_LINEAR[codes])


def _same_size(picture: Array, other: Array) -> None:
    if picture.shape != other.shape:
        raise ShapeError(f"pictures of {picture.shape} and {other.shape} cannot be compared: give both one size")
