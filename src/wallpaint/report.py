"""What a repaint says of itself: numbers measured on the finished pixels, and what a person should know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from wallpaint import color
from wallpaint.composite import Canvas
from wallpaint.fields import Array
from wallpaint.paint import Paint
from wallpaint.scene import Scene, Wall

SCHEMA = "wallpaint.report/1"
BIG_LIGHT_GAP = 1.05


def wall_median(canvas: Canvas, codes: Array) -> tuple[Array, Array]:
    """The wall's median colour in a picture, over every pixel of its core.

    codes: (H, W, C), the full picture. Returns the median codes (C,) and the same as linear sRGB (3,).
    """
    top, left = canvas.origin
    core = canvas.matte.core
    view = codes[top : top + core.shape[0], left : left + core.shape[1]]
    levels = int(np.iinfo(codes.dtype).max) + 1
    mask = core.view(np.uint8)
    median = np.zeros(codes.shape[2], np.int64)
    for channel in range(codes.shape[2]):
        counts = cv2.calcHist([np.ascontiguousarray(view)], [channel], mask, [levels], [0, levels]).ravel()
        cumulative = np.cumsum(counts, dtype=np.float64)
        median[channel] = int(np.searchsorted(cumulative, cumulative[-1] / 2))
    as_codes = median.astype(codes.dtype)
    return as_codes, canvas.space.to_linear(as_codes[None])[0].astype(np.float64)


def outside_max_diff(scene: Scene, codes: Array) -> int:
    """Largest change of any code value where no paint may go; 0 if everything there is exactly as it was."""
    changed = cv2.absdiff(codes, scene.photo.codes)
    mask = scene.outside.view(np.uint8)
    return max(int(cv2.minMaxLoc(cv2.extractChannel(changed, c), mask)[1]) for c in range(codes.shape[2]))


def describe_wall(
    wall: Wall, paint: Paint, codes: Array, target: Array, literal: bool, out_of_gamut: float
) -> dict[str, Any]:
    """One wall's entry. target: (3,) linear sRGB, the colour its median was to have."""
    median_codes, median = wall_median(wall.canvas, codes)
    del median_codes
    swatch = np.asarray(paint.albedo_linear, np.float64)
    lab, lab_swatch = color.linear_to_lab(median), color.linear_to_lab(swatch)
    srgb, srgb_swatch = (color.linear_to_srgb(np.clip(c, 0, 1)) for c in (median, swatch))
    delta = float(color.delta_e_2000(lab, lab_swatch))
    hue_lab = float(color.hue_error_deg(color.lab_hue_deg(lab), color.lab_hue_deg(lab_swatch)))
    chroma = min(float(np.hypot(x[1], x[2])) for x in (lab, lab_swatch))
    hue_hsv = float(color.hue_error_deg(color.hsv_hue_deg(srgb), color.hsv_hue_deg(srgb_swatch)))
    return {
        "wall": wall.name,
        "paint": paint.to_dict(),
        "target_rgb": _bytes(target),
        "median_rgb": _bytes(median),
        "delta_e_2000": round(delta, 3),
        "delta_e_2000_target": round(float(color.delta_e_2000(lab, color.linear_to_lab(target))), 3),
        "delta_e_76": round(float(color.delta_e_76(lab, lab_swatch)), 3),
        "band": color.band(delta),
        "hue_error_lab_deg": None if chroma < color.MIN_HUE_CHROMA else _rounded(hue_lab),
        "hue_error_hsv_deg": None if chroma < color.MIN_HUE_CHROMA else _rounded(hue_hsv),
        "lightness_diff": round(float(color.lightness_diff(lab, lab_swatch)), 4),
        "out_of_gamut_share": round(out_of_gamut, 4),
        "share_of_picture": round(wall.share, 4),
        "light": wall.light.to_dict(),
        "warnings": [*wall.warnings, *_colour_warnings(wall, paint, target, literal, delta, out_of_gamut)],
    }


def _colour_warnings(
    wall: Wall, paint: Paint, target: Array, literal: bool, delta: float, out_of_gamut: float
) -> list[str]:
    found = []
    luma = float(color.luminance(target))
    room_white = float(color.luminance(np.asarray(wall.light.white))) * 0.85
    if literal and wall.light.confidence >= 0.3 and luma > BIG_LIGHT_GAP * room_white:
        found.append(
            "this colour is brighter than the room's own whites: the wall may seem to glow (--match lit shows it as the "
            "room's light would)"
        )
    if literal and delta > 0.5:
        found.append(f"the swatch was missed by {delta:.1f} (CIEDE2000): the file's colour space may not hold it")
    if out_of_gamut > 0.02:
        found.append(f"{out_of_gamut:.0%} of the wall was brought into the file's gamut at constant hue")
    if paint.sheen and paint.sheen.lower() not in ("matt", "matte", "flat"):
        found.append(f"sheen '{paint.sheen}' is noted but not rendered: the wall keeps the old paint's gloss")
    return found


def _bytes(rgb_linear: Array) -> list[int]:
    return [int(v) for v in np.round(255 * color.linear_to_srgb(np.clip(rgb_linear, 0, 1)))]


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 2)


def summary(report: Mapping[str, Any]) -> list[str]:
    """The report in a few lines for a person."""
    lines = []
    for wall in report["walls"]:
        r, g, b = wall["median_rgb"]
        lines.append(
            f"{wall['wall']}: {wall['paint']['label']} -> median #{r:02x}{g:02x}{b:02x}, "
            f"off by {wall['delta_e_2000']:.2f} CIEDE2000 ({wall['band']}), {wall['share_of_picture']:.0%} of the picture"
        )
        lines += [f"  note: {line}" for line in wall["warnings"]]
    lines += [f"note: {line}" for line in report["warnings"]]
    return lines
