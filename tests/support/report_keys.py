"""The required keys of a report."""

from __future__ import annotations

REPORT_KEYS = {
    "schema",
    "version",
    "painter",
    "bundle",
    "match",
    "seed",
    "outside_max_diff",
    "light",
    "walls",
    "warnings",
    "seconds",
}


WALL_KEYS = {
    "wall",
    "paint",
    "target_rgb",
    "median_rgb",
    "delta_e_2000",
    "delta_e_2000_target",
    "delta_e_76",
    "band",
    "hue_error_lab_deg",
    "hue_error_hsv_deg",
    "lightness_diff",
    "brighter_than_white",
    "out_of_gamut_share",
    "share_of_picture",
    "warnings",
}
