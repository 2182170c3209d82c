"""The CIEDE2000 formula. scikit-image's function imports SciPy, which takes as long as a tenth of a repaint."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]


def ciede2000(lab_a: Array, lab_b: Array) -> Array:
    """CIEDE2000 colour difference with kL = kC = kH = 1; CIELAB (..., 3) and (..., 3) broadcast to (...).

    Source: Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula", Color Res. Appl. 30 (2005).
    """
    lightness_a, green_red_a, b_a = np.moveaxis(lab_a, -1, 0)
    lightness_b, green_red_b, b_b = np.moveaxis(lab_b, -1, 0)
    mean_ab_chroma = (np.hypot(green_red_a, b_a) + np.hypot(green_red_b, b_b)) / 2
    stretch = 1 + 0.5 * (1 - _seventh(mean_ab_chroma))
    a_a, a_b = green_red_a * stretch, green_red_b * stretch
    chroma_a, chroma_b = np.hypot(a_a, b_a), np.hypot(a_b, b_b)
    hue_a, hue_b = np.arctan2(b_a, a_a) % (2 * np.pi), np.arctan2(b_b, a_b) % (2 * np.pi)
    turn = hue_b - hue_a
    turn = np.where(np.abs(turn) > np.pi, turn - np.copysign(2 * np.pi, turn), turn)
    grey = chroma_a * chroma_b == 0
    turn = np.where(grey, 0, turn)
    hue = np.where(grey, hue_a + hue_b, hue_a + turn / 2)  # of the pair, along the shorter arc
    chroma, lightness = (chroma_a + chroma_b) / 2, (lightness_a + lightness_b) / 2
    spread = (lightness - 50) ** 2
    hue_weight = (
        1
        - 0.17 * np.cos(hue - np.deg2rad(30))
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + np.deg2rad(6))
        - 0.20 * np.cos(4 * hue - np.deg2rad(63))
    )
    d_lightness = (lightness_b - lightness_a) / (1 + 0.015 * spread / np.sqrt(20 + spread))
    d_chroma = (chroma_b - chroma_a) / (1 + 0.045 * chroma)
    d_hue = 2 * np.sqrt(chroma_a * chroma_b) * np.sin(turn / 2) / (1 + 0.015 * chroma * hue_weight)
    # The rotation peaks at blue, 275 degrees.
    from_blue = np.rad2deg(hue % (2 * np.pi)) - 275
    rotation = -np.sin(np.deg2rad(60 * np.exp(-((from_blue / 25) ** 2)))) * 2 * _seventh(chroma)
    difference: Array = np.sqrt(d_lightness**2 + d_chroma**2 + d_hue**2 + rotation * d_chroma * d_hue)
    return difference


def _seventh(chroma: Array) -> Array:
    return np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
