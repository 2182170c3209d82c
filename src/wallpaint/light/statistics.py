"""Predict the light on the walls from statistics of the photo, by a regression fitted on rendered rooms.

A photo is described by some fifty features: brightness and colour of the wall, of near-neutral surfaces, and of the
upper and the lower part of the image. A small regression maps them to the colour that white would have on the wall, the
strength of interreflection between walls, and the expected error. `wallpaint.rooms.sets.fit_light` writes the weights.
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
CLIPPED_LINEAR = 0.97
NEUTRAL_MAX_CHROMA = 12.0  # CIELAB chroma up to which a surface may be white
MIN_LOG_FEATURE = -6.5
LUMA_QUANTILES = np.array([0.1, 0.5, 0.9])
NEAR_WALL_SHARE = 0.03  # of the image's longer side: pixels this near to a wall share its light
MAX_ALBEDO, MIN_ALBEDO = 0.93, 0.012
MAX_BOUNCE = 0.75
MAX_GLOSS = 0.1
CONTRAST_RANGE = (0.7, 1.5)
TYPICAL_FEATURE_DISTANCE = 1.6  # root mean square of the features' standard scores; most rooms stay below


@dataclass(frozen=True)
class LightPrediction:
    """The regression's outputs.

    white: (3,) linear sRGB of white on the wall. bounce: 0..1, share of a white wall's light that returns to the walls.
    contrast: exponent of the camera's tone curve. gloss: uncoloured reflection of any paint, as an albedo. error:
    expected CIELAB distance of a predicted wall.
    """

    white: Array
    bounce: float
    contrast: float
    gloss: float
    error: float


def photo_features(rgb: Array, wall_weight: Array, wall_median: Array) -> Array:
    """Return the features of a photo, (F,) float32.

    rgb: (h, w, 3) linear sRGB, the full photo, downsampled. wall_weight: (h, w), 0..1. wall_median: (3,) linear sRGB.
    """
    rgb = np.maximum(rgb, 1e-4).astype(np.float32)
    log_luma = np.log(np.maximum(color.luminance(rgb), 1e-3))
    lab = color.linear_to_lab(rgb)
    unclipped = color.brightest_channel(rgb) < CLIPPED_LINEAR
    outside = wall_weight < 0.02
    neutral = np.hypot(lab[..., 1], lab[..., 2]) < NEUTRAL_MAX_CHROMA
    height, width = log_luma.shape
    reach = max(2, round(NEAR_WALL_SHARE * max(height, width)))
    near = cv2.dilate((wall_weight > 0.5).astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)) > 0
    row = np.broadcast_to(np.linspace(0, 1, height)[:, None], log_luma.shape)
    surroundings = outside & unclipped
    groups = (
        surroundings,
        surroundings & neutral,
        surroundings & near,
        surroundings & near & neutral,
        surroundings & (row < 0.3),
        surroundings & (row > 0.7),
    )
    wall_log = float(np.log(max(float(color.luminance(wall_median)), 1e-3)))
    wall = (wall_weight > 0.5) & unclipped
    spread = weighted_quantile(log_luma, wall_weight * unclipped + 1e-9, np.array([0.05, 0.25, 0.75, 0.95])) - wall_log
    features = [wall_log, *_log_ratios(np.asarray(wall_median, np.float64)), *spread, float(wall_weight.mean())]
    features += [float((outside & ~unclipped).mean()), float((~unclipped & ~outside).mean()), float(log_luma.mean())]
    tint = _log_ratios(rgb[wall].reshape(-1, 3).mean(0)) if wall.any() else (0.0, 0.0)
    features += tint
    wall_values = (wall_log, wall_log, wall_log, *_log_ratios(np.asarray(wall_median)))
    fallback = _group_features(log_luma, rgb, surroundings, wall_values)
    for group in groups:
        features += [*_group_features(log_luma, rgb, group, fallback), float(np.sqrt(group.mean()))]
    return np.clip(np.asarray(features, np.float32), MIN_LOG_FEATURE, 6)


def _group_features(log_luma: Array, rgb: Array, group: Array, fallback: tuple[float, ...]) -> tuple[float, ...]:
    """Return three quantiles of log luminance and the colour of the brighter half of a group of pixels."""
    if int(group.sum()) < 12:
        return fallback
    low, middle, high = np.quantile(log_luma[group], LUMA_QUANTILES)
    bright = rgb[group & (log_luma >= middle)]
    return (float(low), float(middle), float(high), *_log_ratios(np.median(bright, axis=0)))


def _log_ratios(rgb: Array) -> tuple[float, float]:
    """Return log(red / green) and log(blue / green)."""
    r, g, b = (float(np.log(max(float(v), 1e-3))) for v in rgb)
    return (r - g, b - g)


@cache
def _weights() -> dict[str, Array]:
    with (
        resources.files("wallpaint.light").joinpath(FILE).open("rb") as file,
        np.load(file, allow_pickle=False) as stored,
    ):
        return {name: stored[name].astype(np.float32) for name in stored.files}


def predict(features: Array, wall_median: Array) -> LightPrediction:
    """Predict the light from features with the packaged weights.

    features: (F,), see `photo_features`. wall_median: (3,) linear sRGB.
    """
    outputs = regress(_weights(), features[None])[0].astype(np.float64)
    return interpret_outputs(outputs, np.asarray(wall_median, np.float64))


def regress(weights: dict[str, Array], features: Array) -> Array:
    """Return (N, 7) outputs for (N, F) features: the mean of an ensemble.

    Each member is the sum of a linear regression and a small multilayer perceptron; the weights of all members are
    stacked along the first axis.
    """
    x = np.clip((features - weights["mean"]) / weights["scale"], -4, 4)
    outputs = []
    for w0, w1, b1, w2, b2, w3, b3 in zip(*(weights[name] for name in LAYERS), strict=True):
        hidden = np.tanh(np.tanh(x @ w1 + b1) @ w2 + b2)
        outputs.append(x @ w0 + hidden @ w3 + b3)
    return np.mean(outputs, axis=0)


def interpret_outputs(outputs: Array, wall_median: Array) -> LightPrediction:
    """Convert the seven outputs: log brightness and tint of white (3), bounce, contrast and gloss logits, log error."""
    brightness = np.exp(np.clip(outputs[0], -6, 2))
    tint = np.exp(np.array([outputs[1], 0.0, outputs[2]]))
    white = brightness * tint
    white = np.maximum(white, wall_median / MAX_ALBEDO)
    white = np.minimum(white, np.maximum(wall_median, 1e-4) / MIN_ALBEDO)
    bounce = MAX_BOUNCE / (1 + np.exp(-outputs[3]))
    low, high = CONTRAST_RANGE
    contrast = low + (high - low) / (1 + np.exp(-outputs[4]))
    gloss = MAX_GLOSS / (1 + np.exp(-outputs[5]))
    error = float(np.exp(np.clip(outputs[6], -1, 4)))
    return LightPrediction(white, float(bounce), float(contrast), float(gloss), error)


def neutral_share(rgb: Array, wall_weight: Array) -> float:
    """Return the share of the image, 0..1, that is near-neutral, bright enough, unclipped and not wall."""
    lab = color.linear_to_lab(np.maximum(rgb, 0))
    neutral = (np.hypot(lab[..., 1], lab[..., 2]) < NEUTRAL_MAX_CHROMA) & (lab[..., 0] > 15)
    return float((neutral & (wall_weight < 0.02) & (color.brightest_channel(rgb) < CLIPPED_LINEAR)).mean())


def in_distribution(features: Array) -> float:
    """Return how similar a photo is to those of the fit, 0..1; 1 for a typical one."""
    weights = _weights()
    scores = np.abs((features - weights["mean"]) / weights["scale"])
    return float(np.exp(-np.maximum(np.sqrt(np.mean(scores**2)) - TYPICAL_FEATURE_DISTANCE, 0)))
