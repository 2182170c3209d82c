"""Errors of stored colours: how well the code values of an 8-bit photo determine linear light.

A code value carries an error of about `CODE_ERROR` from rounding and JPEG. In linear light the relative error grows
towards black: a channel of code 20 is known to a tenth, one of code 150 to a hundredth.
"""

from __future__ import annotations

import numpy as np

from wallpaint.imaging import color
from wallpaint.typing import Array

CODE_ERROR = 1.5 / 255  # error of a stored value (rounding, JPEG), in encoded units
COLOR_DOUBT_TRUST = (0.5, 0.35)  # `color_trust` from which / up to which a colour is not / entirely in doubt
DARK_ERROR = (0.04, 0.07)  # relative error of luminance from which / from which entirely a colour counts as dark
HALF_TRUST_ERROR = 0.08  # relative error of a channel at which its colour is half trusted


def channel_error(rgb: Array) -> Array:
    """Return the relative standard error of each channel, (..., 3) > 0. rgb: (..., 3) linear sRGB."""
    encoded = np.clip(color.linear_to_srgb(np.clip(rgb, 0, 1)), 0.25 / 255, 1)
    # The derivative of log light by code; the sRGB curve is straight near black, where 1 / encoded is larger.
    return CODE_ERROR * np.maximum(2.4 / (encoded + 0.055), 1 / encoded)


def luminance_error(rgb: Array) -> Array:
    """Return the relative standard error of luminance, (...). rgb: (..., 3) linear sRGB.

    The errors of the channels are added, because JPEG changes them together.
    """
    light = np.maximum(rgb, 1e-6)
    return color.luminance(light * channel_error(light)) / color.luminance(light)


def color_trust(rgb: Array) -> Array:
    """Return how well the codes determine the ratios of channels, (...), 0..1. rgb: (..., 3) linear sRGB."""
    error = channel_error(rgb).max(-1)
    return 1 / (1 + (error / HALF_TRUST_ERROR) ** 2)


def color_doubt(rgb: Array) -> Array:
    """Return 0 where the codes determine a colour well enough, 1 where they hardly do, (...).

    rgb: (..., 3) linear sRGB. A bright colour with one weak channel is determined by the others.
    """
    none, full = COLOR_DOUBT_TRUST
    low, high = DARK_ERROR
    dark = np.clip((luminance_error(rgb) - low) / (high - low), 0, 1)
    return dark * np.clip((none - color_trust(rgb)) / (none - full), 0, 1)


def tint_trust(median: Array, rgb: Array) -> Array:
    """Return the share of a measured tint of the light to keep, (...), 0..1.

    median: (3,) linear sRGB, of the wall. rgb: (..., 3) linear sRGB, its pixels, averaged: in a shadow the codes may be
    too few for a tint that they determine elsewhere on the wall.
    """
    return color_trust(median) * (1 - color_doubt(median)) * (1 - color_doubt(rgb))
