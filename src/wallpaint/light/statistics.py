"""What the rest of a photo says about the light on its walls, as learned from rendered rooms.

A photo is described by some fifty numbers (how bright and of what colour the wall, the pale things, the upper and the
lower part of the picture are); a small regression, fitted on rooms whose truth is known, turns them into the colour
that white would have on the wall, how strongly walls light each other, and how far to trust all that.
`wallpaint.rooms.sets.fit_light` makes the file that is read here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.imaging.masked_filters import weighted_quantile
from wallpaint.typing import Array

FILE = "light_statistics.npz"
LAYERS = ("w0", "w1", "b1", "w2", "b2", "w3", "b3")
CLIPPED = 0.97
PALE_CHROMA = 12.0  # CIELAB chroma up to which a thing may count as white
LOWEST_LOG = -6.5
QUANTILES = np.array([0.1, 0.5, 0.9])
RING = 0.03  # of the picture's longer side: what lies this near to a wall shares its light
BRIGHTEST_ALBEDO, DARKEST_ALBEDO = 0.93, 0.012
MOST_BOUNCE = 0.75
MOST_GLOSS = 0.1
CONTRASTS = (0.7, 1.5)
USUAL_DISTANCE = 1.6  # root mean square of the numbers' standard scores, which most rooms stay under


@dataclass(frozen=True)
class Guess:
    """white: (3,) linear sRGB of white on the wall. bounce: 0..1, share of a white wall's light that comes back to
    walls. contrast: exponent of the camera's tone curve. gloss: what any paint reflects
    uncoloured, as an albedo. error: expected CIELAB distance of a predicted wall."""

    white: Array
    bounce: float
    contrast: float
    gloss: float
    error: float


def describe(rgb: Array, wall_weight: Array, wall_median: Array) -> Array:
    """The numbers that stand for a photo, (F,) float32.

    rgb: (h, w, 3) linear sRGB, the whole photo, small. wall_weight: (h, w), 0..1. wall_median: (3,) linear sRGB.
    """
    rgb = np.maximum(rgb, 1e-4).astype(np.float32)
    log_luma = np.log(np.maximum(color.luminance(rgb), 1e-3))
    lab = color.linear_to_lab(rgb)
    sound = rgb.max(-1) < CLIPPED
    outside = wall_weight < 0.02
    pale = np.hypot(lab[..., 1], lab[..., 2]) < PALE_CHROMA
    height, width = log_luma.shape
    reach = max(2, round(RING * max(height, width)))
    near = cv2.dilate((wall_weight > 0.5).astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)) > 0
    row = np.broadcast_to(np.linspace(0, 1, height)[:, None], log_luma.shape)
    all_of_it = outside & sound
    groups = (
        all_of_it,
        all_of_it & pale,
        all_of_it & near,
        all_of_it & near & pale,
        all_of_it & (row < 0.3),
        all_of_it & (row > 0.7),
    )
    wall_log = float(np.log(max(float(color.luminance(wall_median)), 1e-3)))
    wall = (wall_weight > 0.5) & sound
    spread = weighted_quantile(log_luma, wall_weight * sound + 1e-9, np.array([0.05, 0.25, 0.75, 0.95])) - wall_log
    numbers = [wall_log, *_hue(np.asarray(wall_median, np.float64)), *spread, float(wall_weight.mean())]
    numbers += [float((outside & ~sound).mean()), float((~sound & ~outside).mean()), float(log_luma.mean())]
    tint = _hue(rgb[wall].reshape(-1, 3).mean(0)) if wall.any() else (0.0, 0.0)
    numbers += tint
    fallback = _group(log_luma, rgb, all_of_it, (wall_log, wall_log, wall_log, *_hue(np.asarray(wall_median))))
    for group in groups:
        numbers += [*_group(log_luma, rgb, group, fallback), float(np.sqrt(group.mean()))]
    return np.clip(np.asarray(numbers, np.float32), LOWEST_LOG, 6)


def _group(log_luma: Array, rgb: Array, where: Array, fallback: tuple[float, ...]) -> tuple[float, ...]:
    """Three quantiles of log luminance and the colour of the brighter half."""
    if int(where.sum()) < 12:
        return fallback
    low, middle, high = np.quantile(log_luma[where], QUANTILES)
    bright = rgb[where & (log_luma >= middle)]
    return (float(low), float(middle), float(high), *_hue(np.median(bright, axis=0)))


def _hue(rgb: Array) -> tuple[float, float]:
    r, g, b = (float(np.log(max(float(v), 1e-3))) for v in rgb)
    return (r - g, b - g)


@cache
def _weights() -> dict[str, Array]:
    with (
        resources.files("wallpaint.light").joinpath(FILE).open("rb") as file,
        np.load(file, allow_pickle=False) as stored,
    ):
        return {name: stored[name].astype(np.float32) for name in stored.files}


def guess(numbers: Array, wall_median: Array) -> Guess:
    """The light that photos with such numbers have on average.

    numbers: as `describe` gives them. wall_median: (3,) linear sRGB.
    """
    return interpret(regress(_weights(), numbers[None])[0].astype(np.float64), np.asarray(wall_median, np.float64))


def regress(weights: dict[str, Array], numbers: Array) -> Array:
    """(N, 7) outputs for (N, F) descriptions: the average of several regressions, each a linear part plus a small
    perceptron; their weights are stacked along the first axis."""
    x = np.clip((numbers - weights["mean"]) / weights["scale"], -4, 4)
    outputs = []
    for w0, w1, b1, w2, b2, w3, b3 in zip(*(weights[name] for name in LAYERS), strict=True):
        hidden = np.tanh(np.tanh(x @ w1 + b1) @ w2 + b2)
        outputs.append(x @ w0 + hidden @ w3 + b3)
    return np.mean(outputs, axis=0)


def interpret(out: Array, wall_median: Array) -> Guess:
    """What the seven outputs mean: brightness and tint of white (logs), bounce, contrast, gloss, error."""
    brightness = np.exp(np.clip(out[0], -6, 2))
    tint = np.exp(np.array([out[1], 0.0, out[2]]))
    white = brightness * tint
    white = np.maximum(white, wall_median / BRIGHTEST_ALBEDO)
    white = np.minimum(white, np.maximum(wall_median, 1e-4) / DARKEST_ALBEDO)
    bounce = MOST_BOUNCE / (1 + np.exp(-out[3]))
    low, high = CONTRASTS
    contrast = low + (high - low) / (1 + np.exp(-out[4]))
    gloss = MOST_GLOSS / (1 + np.exp(-out[5]))
    return Guess(white, float(bounce), float(contrast), float(gloss), float(np.exp(np.clip(out[6], -1, 4))))


def pale_share(rgb: Array, wall_weight: Array) -> float:
    """Share of the picture, 0..1, that is pale, neither wall nor overexposed, and bright enough to tell its colour."""
    lab = color.linear_to_lab(np.maximum(rgb, 0))
    pale = (np.hypot(lab[..., 1], lab[..., 2]) < PALE_CHROMA) & (lab[..., 0] > 15)
    return float((pale & (wall_weight < 0.02) & (rgb.max(-1) < CLIPPED)).mean())


def familiarity(numbers: Array) -> float:
    """0..1: how far a photo is like those that the regression was fitted on; 1 for any of them."""
    weights = _weights()
    away = np.abs((numbers - weights["mean"]) / weights["scale"])
    return float(np.exp(-np.maximum(np.sqrt(np.mean(away**2)) - USUAL_DISTANCE, 0)))
