"""Literal's shading: what the light model says of it, as far as the photo's own is kept.

A dark paint deepens a wall's shadows and a bright one fills them; a lamp's patch on a grey wall, or a second old paint
that statistics did not find, is not light alone. The light model tells that. But literal promises the photo's shading
round the swatch, so the model's word is taken

    shade + share x (change of shade),   tint + share x HUE x (change of tint)

with the largest share up to `MOST` at which the wall's gradients and contrast are still the photo's. The share goes to
nothing where the model is out of its depth, and where the swatch is the colour that the wall shows already. A wall
whose pattern was evened out first has no shading of its own in the photo to be held to.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.scene.intrinsics import MAX_TINT, SPREAD_QUANTILES, Shading
from wallpaint.typing import Array

MOST = 0.75  # share of the model's word; what photos show of light that 80 pixels do not is worth the rest
HUE = 0.5  # share of that for colour: the model takes some of a lamp's glow for paint
GRADIENTS = 0.985  # least correlation of log-luminance gradients with the photo's; bar 0.95 after the tone curve
FINISHED = 0.967  # the same with what the gamut takes of it
CONTRASTS = (0.85, 1.22)  # of the range from the 5th to the 95th percentile against the photo's; bar 0.8 to 1.25
OTHER_PAINT = 15.0  # CIELAB distance of the swatch from the wall as it is, at which its shading may be another one
SURE, LOST = 10.0, 14.0  # CIEDE2000 that the model expects to be off: believed up to the one, no more from the other
STEPS = 16  # shares that are tried
SAMPLE = 20_000  # working pixels that stand for a wall in its quantiles
INNER = 0.99  # share of wall in a working pixel whose gradients count
_RANGE = (0.05, 0.95)


def reshaded(
    shading: Shading,
    shade: Array,
    before: Array,
    after: Array,
    swatch: Array,
    expected: float,
    squeezed: tuple[float, float],
) -> tuple[Shading, Array]:
    """A wall's shading, and its log shade (h, w), as they would be in another paint.

    shade: (h, w), the one to start from, without the noise that the paint would show. before: (h, w, 3) linear sRGB,
    the wall with this shade in its old paint. after: the same in the new paint, as the light model sees it. swatch:
    (3,) linear sRGB. expected: CIEDE2000 by which the model expects to be off. squeezed: see `kept_share`.
    """
    rows, cols = np.nonzero(shading.weight > 0.5)
    away = float(color.delta_e_76(color.linear_to_lab(swatch), color.linear_to_lab(shading.median)))
    most = MOST * float(np.clip((LOST - expected) / (LOST - SURE), 0, 1) * np.clip(away / OTHER_PAINT, 0, 1))
    if rows.size == 0 or most == 0:
        return shading, shade
    every = np.linspace(0, rows.size - 1, min(SAMPLE, rows.size)).astype(np.int64)
    at = rows[every], cols[every]
    grown = _log_luma(after) - _log_luma(before)
    hue = _log(after) - _log(before) - grown[..., None]
    grown -= np.float32(np.median(grown[at] + shade[at]) - np.median(shade[at]))
    hue = np.clip(hue - np.median(hue[at], axis=0), -MAX_TINT, MAX_TINT)
    share = np.float32(most if shading.evened else kept_share(shading.weight, shade, grown, at, most, squeezed))
    shade = (shade + share * grown).astype(np.float32)
    tint = (shading.tint + share * np.float32(HUE) * hue).astype(np.float32)
    spread = np.quantile(shade[rows, cols], SPREAD_QUANTILES)
    return replace(shading, shade=shade, tint=tint, spread=spread), shade


def kept_share(
    weight: Array,
    shade: Array,
    change: Array,
    at: tuple[Array, Array],
    most: float,
    squeezed: tuple[float, float] = (1.0, 1.0),
) -> float:
    """The largest share, 0..most, of a change of log shade (h, w) that leaves gradients and contrast as they must be.

    weight: (h, w), share of wall. at: (rows, cols) of the pixels that contrast is measured on. squeezed: what the gamut
    does anyway: by what it widens contrast, 1 or more, and how gradients correlate after it, 0..1.
    """
    widened, kept = squeezed
    least_alike = max(GRADIENTS, FINISHED / max(kept, 1e-3))
    old, new = _gradients(weight, shade), _gradients(weight, shade + change)
    moved = new - old
    own, added, both = float(old @ old), float(moved @ moved), float(old @ moved)
    begin, step = shade[at], change[at]
    least, largest = (limit * light_range(begin) for limit in (CONTRASTS[0], CONTRASTS[1] / widened))
    for share in np.linspace(most, 0, STEPS, endpoint=False):
        length = np.sqrt(own * max(own + 2 * share * both + share**2 * added, 0.0))
        if own + share * both < least_alike * length:
            continue
        if least <= light_range(begin + np.float32(share) * step) <= largest:
            return float(share)
    return 0.0


def gradients_kept(weight: Array, before: Array, after: Array) -> float:
    """Correlation of the gradients of two log luminances, (h, w), 0..1; 1 where there are none."""
    old, new = _gradients(weight, before), _gradients(weight, after)
    length = float(np.sqrt((old @ old) * (new @ new)))
    return max(0.0, float(old @ new) / length) if length > 0 else 1.0


def _gradients(weight: Array, shade: Array) -> Array:
    """Differences (N,) of the logarithm of slightly blurred luminance between neighbours inside the wall, mean 0."""
    inner = weight > INNER
    log = np.log(np.maximum(cv2.GaussianBlur(np.exp(shade), (0, 0), 1.0), 1e-6))
    across, down = np.diff(log, axis=1), np.diff(log, axis=0)
    found = np.concatenate([across[inner[:, 1:] & inner[:, :-1]], down[inner[1:] & inner[:-1]]])
    return found - found.mean() if found.size else found


def light_range(values: Array) -> float:
    """From the 5th to the 95th percentile of log luminances."""
    low, high = np.quantile(values, _RANGE)
    return float(high - low)


def _log(rgb: Array) -> Array:
    return np.log(np.maximum(rgb, 1e-5)).astype(np.float32)


def _log_luma(rgb: Array) -> Array:
    return _log(color.luminance(rgb))
