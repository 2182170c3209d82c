"""The report of a repaint: metrics measured on the finished pixels, and warnings for the user."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.painters import registry
from wallpaint.painters.protocol import Match, Painter
from wallpaint.paints.paint import Paint
from wallpaint.scene.canvas import Canvas
from wallpaint.scene.scene import PreparedScene, Wall
from wallpaint.typing import Array
from wallpaint.version import __version__

SCHEMA = "wallpaint.report/1"
STRIP_PX = 128  # rows compared at once: temporaries stay in the cache
UNRELIABLE_DELTA_E = 12.0  # expected CIEDE2000 error from which the light model's prediction is reported as unreliable
DARK_WALL_LUMINANCE = 0.02  # linear, of the wall's median: code 39 in sRGB, where one code is 6 % of the light


def wall_median(canvas: Canvas, codes: Array) -> Array:
    """Return the wall's median colour in an image, over every pixel of its core: (3,) float64, linear sRGB.

    codes: (H, W, C), the full image. The median is computed per channel, on the encoded values.
    """
    top, left = canvas.origin
    core = canvas.matte.core
    view = codes[top : top + core.shape[0], left : left + core.shape[1]]
    levels = int(np.iinfo(codes.dtype).max) + 1
    counts = np.zeros((codes.shape[2], levels))
    for rows, cols, all_wall in canvas.tiles:
        mask = None if all_wall else core[rows, cols].view(np.uint8)
        for channel, plane in enumerate(cv2.split(view[rows, cols])):
            counts[channel] += cv2.calcHist([plane], [0], mask, [levels], [0, levels]).ravel()
    cumulative = counts.cumsum(axis=1)
    median = np.array([np.searchsorted(row, row[-1] / 2) for row in cumulative], codes.dtype)
    return canvas.space.to_linear(median[None])[0].astype(np.float64)


def delta_e_2000(rgb_linear: Array, other: Array) -> float:
    """Return the CIEDE2000 difference of two colours, (3,) linear sRGB."""
    return float(color.delta_e_2000(color.linear_to_lab(rgb_linear), color.linear_to_lab(other)))


def outside_max_diff(scene: PreparedScene, codes: Array) -> int:
    """Return the largest change of any code value where no paint may go; 0 if nothing changed there."""
    mask = scene.outside.view(np.uint8)
    strips = (slice(top, top + STRIP_PX) for top in range(0, len(codes), STRIP_PX))
    changes = (cv2.copyTo(cv2.absdiff(codes[rows], scene.photo.codes[rows]), mask[rows]) for rows in strips)
    return max(int(change.max()) for change in changes)


def build_report(
    scene: PreparedScene, walls: list[dict[str, Any]], *, painter: Painter, match: Match, seed: int, outside: int
) -> dict[str, Any]:
    """Return the report of a result, without the entries on files and timings. walls: results of `wall_entry`."""
    painter_entries = painter.describe()
    warnings = painter_entries.pop("warnings", [])
    return {
        "schema": SCHEMA,
        "version": __version__,
        "painter": painter.name,
        "bundle": None,
        "match": match,
        "seed": seed,
        "outside_max_diff": outside,
        "light": {name: wall.illuminant.to_dict() for name, wall in scene.walls.items()},
        "walls": walls,
        "warnings": [*warnings, *scene.warnings],
        **painter_entries,
    }


def wall_entry(
    wall: Wall, paint: Paint, median: Array, target: Array, *, is_swatch: bool, textured: bool
) -> dict[str, Any]:
    """Return one wall's entry. median, target: (3,) linear sRGB, the wall's colour in the result, and the intended one.

    textured: whether the painter followed the texture of a reference image.
    """
    out_of_gamut = _out_of_gamut(wall, target)
    swatch = np.asarray(paint.albedo_linear, np.float64)
    lab, lab_swatch = color.linear_to_lab(median), color.linear_to_lab(swatch)
    srgb, srgb_swatch = (color.linear_to_srgb(np.clip(c, 0, 1)) for c in (median, swatch))
    delta = delta_e_2000(median, swatch)
    hue_lab = float(color.hue_error_deg(color.lab_hue_deg(lab), color.lab_hue_deg(lab_swatch)))
    chroma = min(float(np.hypot(x[1], x[2])) for x in (lab, lab_swatch))
    hue_hsv = float(color.hue_error_deg(color.hsv_hue_deg(srgb), color.hsv_hue_deg(srgb_swatch)))
    return {
        "wall": wall.name,
        "paint": paint.to_dict(),
        "target_rgb": _bytes(target),
        "median_rgb": _bytes(median),
        "delta_e_2000": round(delta, 3),
        "delta_e_2000_target": round(delta_e_2000(median, target), 3),
        "delta_e_76": round(float(color.delta_e_76(lab, lab_swatch)), 3),
        "band": color.band(delta),
        "hue_error_lab_deg": None if chroma < color.MIN_HUE_CHROMA else _rounded(hue_lab),
        "hue_error_hsv_deg": None if chroma < color.MIN_HUE_CHROMA else _rounded(hue_hsv),
        "lightness_diff": round(float(color.lightness_diff(lab, lab_swatch)), 4),
        "brighter_than_white": is_swatch and wall.illuminant.is_brighter_than_white(target),
        "out_of_gamut_share": round(out_of_gamut, 4),
        "share_of_picture": round(wall.share, 4),
        "warnings": [
            *wall.warnings,
            *_color_warnings(wall, paint, target, is_swatch, delta, out_of_gamut),
            *_paint_notes(paint, textured),
        ],
    }


def with_mask_error(
    wall: Wall, estimate: Mapping[str, Any], median: Array, mask_confidence: float | None
) -> dict[str, Any]:
    """Return a painter's estimate of its error on the wall as one over the union of the detected and the true wall.

    median: (3,) linear sRGB, the wall's colour in the result. mask_confidence: expected IoU of the detected wall; None
    for a given mask, whose estimate is returned as it is. Where only one of the two walls lies, the error is the
    difference between existing and new colour.
    """
    if mask_confidence is None:
        return dict(estimate)
    change = delta_e_2000(np.maximum(wall.intrinsics.median, 0), median)

    def mixed(error: float) -> float:
        return round(mask_confidence * error + (1 - mask_confidence) * change, 1)

    return {
        **estimate,
        "expected_error": mixed(float(estimate["expected_error"])),
        "expected_error_range": [mixed(float(error)) for error in estimate["expected_error_range"]],
        "mask_confidence": round(mask_confidence, 3),
    }


def estimate_warnings(wall: Wall, estimate: Mapping[str, Any]) -> list[str]:
    """Return warnings on a painter's own estimate of the light, see `PaintedWall.estimate`.

    They suggest a hint from the user only for a cause that was measured in the photo.
    """
    if wall.illuminant.is_user_given:
        return []
    causes = []
    if wall.illuminant.lacks_neutral_surfaces:
        causes.append("the photo shows no white or grey surface")
    if wall.intrinsics.median_luma < DARK_WALL_LUMINANCE:
        causes.append("the wall is dark")
    if causes:
        return [f"{' and '.join(causes)}: pass the existing paint as `old_color`, or a white object as `white`"]
    error = float(estimate["expected_error"])
    if error >= UNRELIABLE_DELTA_E:
        return [f"the light model is unreliable for this photo (expected error {error:.0f} CIEDE2000)"]
    return []


def _miss_reason(wall: Wall, paint: Paint) -> str:
    if bool(color.out_of_gamut(np.asarray(paint.albedo_linear, np.float64), wall.canvas.space.gamut, tolerance=2e-3)):
        return "the file's colour space cannot hold it"
    return "the brightly lit parts of the wall exceed the gamut"


def _out_of_gamut(wall: Wall, target: Array) -> float:
    """Return the share of the wall whose colour without gamut mapping would lie outside the file's gamut."""
    intrinsics, weight = wall.intrinsics, wall.intrinsics.weight
    unmapped = target.astype(np.float32) * np.exp(intrinsics.illuminant_tint + intrinsics.log_shading[..., None])
    outside = color.out_of_gamut(unmapped, wall.canvas.space.gamut, tolerance=2e-3)
    return float((outside * weight).sum() / max(float(weight.sum()), 1e-6))


def _color_warnings(
    wall: Wall, paint: Paint, target: Array, is_swatch: bool, delta: float, out_of_gamut: float
) -> list[str]:
    warnings = []
    if is_swatch and wall.illuminant.is_brighter_than_white(target):
        warnings.append(
            "this colour is brighter than white paint would be in this room: its median is exact, but light and "
            'shadow may be weaker (`match="room"` renders it in the room\'s light)'
        )
    if is_swatch and delta > 0.5:
        warnings.append(f"the swatch was missed by {delta:.1f} (CIEDE2000): {_miss_reason(wall, paint)}")
    if out_of_gamut > 0.02:
        warnings.append(
            f"{out_of_gamut:.0%} of the wall would exceed the file's gamut in this light: compressed at constant hue"
        )
    return warnings


def _paint_notes(paint: Paint, textured: bool) -> list[str]:
    notes = []
    if paint.reference is not None and not textured:
        notes.append("only the reference's colour is used: its texture needs the diffusion painter's image prompt")
    if paint.sheen and paint.sheen.lower() not in ("matt", "matte", "flat"):
        notes.append(f"sheen '{paint.sheen}' is recorded but not rendered: the wall keeps the existing paint's gloss")
    return notes


def _bytes(rgb_linear: Array) -> list[int]:
    return [int(v) for v in np.round(255 * color.linear_to_srgb(np.clip(rgb_linear, 0, 1)))]


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 2)


def summary(report: Mapping[str, Any], *, profile: bool = False) -> list[str]:
    """Return a report, of one result or many, as a few lines of text. profile: include the cost of each stage."""
    lines = _summary(report)
    return [*lines, *_profile_lines(report["results"][-1] if "results" in report else report)] if profile else lines


def _summary(report: Mapping[str, Any]) -> list[str]:
    if "results" in report:
        lines = [f"{Path(r['output']).name}: {line}" for r in report["results"] for line in _wall_lines(r)]
        return [*lines, *_notes(report["results"][0]), f"contact sheet: {report['contact_sheet']}"]
    lines = [*_wall_lines(report), *_notes(report)]
    outside, lossy = report["outside_max_diff"], report.get("file", {}).get("lossy")
    change = "bit for bit the photo's" if outside == 0 else f"changed by up to {outside}"
    lines.append(f"pixels outside the walls: {change}{', before the file was compressed' if lossy else ''}")
    if "output" in report:
        lines.append(f"written: {report['output']}")
    return lines


def _profile_lines(report: Mapping[str, Any]) -> list[str]:
    """Return seconds by stage, and calls and operations of the networks, summed over all results so far."""
    rows = [{"stage": stage, "seconds": seconds} for stage, seconds in report["seconds"].items()]
    rows += report.get("profile", [])
    return [f"{'stage':16} {'seconds':>9} {'calls':>6} {'GFLOP':>10}"] + [
        f"{row['stage']:16} {row['seconds']:9.3f} {row.get('calls', ''):>6} {row.get('gflop', ''):>10}" for row in rows
    ]


def _wall_lines(report: Mapping[str, Any]) -> list[str]:
    lines = []
    for wall in report["walls"]:
        r, g, b = wall["median_rgb"]
        lines.append(
            f"{wall['wall']}: {wall['paint']['label']} -> median #{r:02x}{g:02x}{b:02x}, "
            f"{_accuracy(wall, report)}, {wall['share_of_picture']:.0%} of the photo"
        )
        lines += [f"  note: {line}" for line in wall["warnings"]]
    return lines


def _accuracy(wall: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    if report["match"] == "swatch":
        return f"{wall['delta_e_2000']:.2f} CIEDE2000 from the swatch ({wall['band']})"
    return registry.room_accuracy(report["painter"], wall, report["light"][wall["wall"]])


def _notes(report: Mapping[str, Any]) -> list[str]:
    return [f"note: {line}" for line in report["warnings"]]
