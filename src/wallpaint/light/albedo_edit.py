"""Apply the light model to a wall: coefficients predicted at about 80 pixels, brought to the wall's working size.

    downsampled photo -> coefficients -> log change of light for a paint -> upsampled -> applied to the denoised wall

The upsampled change is smooth; plaster, grain and shadow edges come from the wall itself. Where a pattern or several
paints were homogenized first (`scene.existing_paint`), the difference between the homogenized wall and the photo is
part of the change. What the wall's codes do not determine, or what a lamp rather than a paint explains, is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.imaging.masked_filters import box_mean, fill, weighted_quantile
from wallpaint.imaging.quantization import color_doubt, color_trust
from wallpaint.light import model as light_model
from wallpaint.light.model import LightCoefficients
from wallpaint.typing import Array

FULL_WALL_SHARE = 0.99  # share of wall in a pixel of the prediction from which it counts as entirely wall
EDGE_TRUST = 0.04  # trust in a pixel that is not surrounded by such pixels
EDGE_TRUST_SHARE = (0.85, 1.0)  # share of wall in a pixel from which it has any trust, and the full EDGE_TRUST
MAX_LOG_CORRECTION = 4.0  # natural log, between the photo and the homogenized wall
LOCAL_SHARE = 0.8  # share of the local deviation from the wall's median change that is applied
SEVERAL_PAINTS_SHARE = (0.5, 1.0)  # the same on a wall in several paints, if the network sees paints / light
DARK_SEVERAL_PAINTS_SHARE = 0.9  # instead of the former where a dark wall becomes bright: its paints are uncertain
DISAGREEMENT = (0.6, 0.8)  # share of a removed difference of paints that the network restores: paints / light
LAMP_LOG_WARMTH = (0.15, 0.5)  # natural log of red to blue from which a warm spot of albedo is partly / entirely light
LAMP_ALBEDO_SHARE = 0.2  # of such a spot that remains albedo
LAMP_LOG_BRIGHTENING = 1.1  # natural log of the new paint's to the old one's luminance from which warm spots stay
DARK_LOG_BRIGHTENING = (0.7, 1.4)  # the same from which / entirely a wall counts as dark repainted bright
LIGHT_LOG_ERROR = 0.3  # natural log; typical error of the network in light, on validation photos
MEAN_DELTA_E = 5.6  # CIEDE2000 that LIGHT_LOG_ERROR causes on a wall, averaged over paints, on validation photos
# True over expected error, 10th and 90th percentile: 124 plain repaints of 48 validation rooms, 0.49 and 1.46.
ERROR_RANGE = (0.5, 1.45)
RELIEF_EXPOSURE = (0.7, 0.9)  # linear light of the median of a wall with relief: bent from / limited to
PATTERN_RADIUS_SHARE = 24  # the prediction's longest side over the radius of the mean that removes rests of a pattern
MAX_LOG_HINT = 2.0  # natural log by which a known albedo may shift the predicted albedo of the existing paint


@dataclass(frozen=True, eq=False)
class LightModelInput:
    """A photo and one of its walls, downsampled.

    photo: (h, w, 3) float32, linear sRGB. wall: (h, w), 0..1, share of the wall. size: (height, width) of the full
    photo. known_albedo: (3,) of the existing paint, linear sRGB, where it is known and the wall has one uniform paint.
    """

    photo: Array
    wall: Array
    size: tuple[int, int]
    known_albedo: Array | None = None


@dataclass(frozen=True, eq=False)
class EditTerms:
    """The terms of `edit_albedo` that do not depend on the new paint, (h, w) pixels of the prediction.

    prediction: with the known albedo of the existing paint. correction: (h, w, 3), natural log, from the homogenized
    wall to the photo. trust: (h, w), 0..1. doubt: (h, w), 0..1, see `color_doubt`. lamp: (h, w), 0..1, see
    `_lamp_spots`, and lamp_median: (3,). existing_luma: luminance of the predicted albedo of the existing paint.
    base_log_luma: natural log of the median luminance of the wall at working size.
    """

    prediction: LightCoefficients
    correction: Array
    trust: Array
    doubt: Array
    lamp: Array
    lamp_median: Array
    existing_luma: float
    base_log_luma: float

    def log_brightening(self, albedo: Array) -> float:
        """Return the natural log of the luminance of a new paint, (3,), relative to the predicted existing one."""
        return float(np.log(max(float(color.luminance(albedo)), 1e-3) / max(self.existing_luma, 1e-3)))

    def without_lamp_spots(self, brightening: float) -> LightCoefficients:
        """Interpret spots of warm albedo on a wall in one paint as the light of lamps.

        brightening: see `log_brightening`; bright paints keep the network's prediction.
        """
        strength = float(np.clip(1 - brightening / LAMP_LOG_BRIGHTENING, 0, 1)) * (1 - LAMP_ALBEDO_SHARE)
        if strength == 0 or not self.lamp.any():
            return self.prediction
        local = np.log(np.maximum(self.prediction.wall_albedo, 1e-4)) - self.lamp_median
        wall_albedo = np.exp(self.lamp_median + (1 - strength * self.lamp[..., None]) * local)
        wall_albedo = np.minimum(wall_albedo, light_model.MAX_WALL_ALBEDO).astype(np.float32)
        return LightCoefficients(**{**vars(self.prediction), "wall_albedo": wall_albedo})


def edit_albedo(
    prediction: LightCoefficients,
    light_input: LightModelInput,
    positions: tuple[Array, Array],
    base: Array,
    weight: Array,
    albedo: Array,
    known_albedo: Array | None,
    *,
    pattern_removed: bool = False,
    has_several_paints: bool = False,
    has_relief: bool = False,
) -> Array:
    """Return one wall at working size in a new paint, (h, w, 3) float32, linear sRGB, before gamut mapping.

    positions: rows (h,) and columns (w,) of the wall's working pixels in coordinates of the prediction, see `upsample`.
    base: (h, w, 3) float32, linear sRGB, the denoised wall in one existing paint. weight: (h, w), share of wall.
    albedo: (3,) of the new paint. known_albedo: (3,) of the existing paint where it is known. For a uniform wall it was
    an input of the network (`LightModelInput.known_albedo`); otherwise the predicted albedo is scaled to match it in
    the median. pattern_removed: base has no pattern, unlike the photo, so what is left of it in the prediction is
    smoothed. has_several_paints: several existing paints were homogenized in base. has_relief: base has the joints of
    brick, tiles or boards; a wall so bright that they would be clipped is exposed shorter.
    """
    terms = edit_terms(
        prediction, light_input, positions, base, weight, known_albedo, has_several_paints=has_several_paints
    )
    trust, correction, size = terms.trust, terms.correction, terms.trust.shape
    brightening = terms.log_brightening(albedo)
    log_change, slope = terms.without_lamp_spots(brightening).log_change(albedo)
    planes = np.concatenate([log_change + correction, slope], -1).astype(np.float32)  # [h, w, 4]
    if pattern_removed:
        planes = box_mean(planes, trust + np.float32(1e-6), max(size) // PATTERN_RADIUS_SHARE)
    median = np.array([weighted_quantile(planes[..., c], trust, 0.5) for c in range(4)], np.float32)
    local = planes - median
    share_of_local = _several_paints_share(local, correction, trust, brightening) if has_several_paints else LOCAL_SHARE
    luma_change = (local[..., :3] @ color.LUMINANCE.astype(np.float32))[..., None]
    local[..., :3] -= terms.doubt[..., None] * (local[..., :3] - luma_change)
    planes = fill(median + np.float32(share_of_local) * local, trust)
    rows, cols = positions
    change, slope = upsample(planes[..., :3], rows, cols), upsample(planes[..., 3], rows, cols)
    # The change is that of the wall's median brightness; slope adds what the local shading changes about it.
    luma = np.log(np.maximum(color.luminance(base), light_model.MIN_LINEAR))
    change = change + (slope * (luma - terms.base_log_luma))[..., None]
    if has_relief:
        change = change + _shorter_exposure(light_model.log_scene_light(base) + change, weight)
    return light_model.apply_log_change(base, change)


def _shorter_exposure(log_scene: Array, weight: Array) -> float:
    """Return the natural log, 0 or less, of the exposure in which the relief of a bright wall is not clipped.

    log_scene: (h, w, 3), natural log of the light before the camera's roll-off. The wall's median is bent from
    `RELIEF_EXPOSURE[0]` on and stays below `RELIEF_EXPOSURE[1]`; one factor for all pixels keeps their gradients.
    """
    knee, top = RELIEF_EXPOSURE
    log_luma = np.log(np.maximum(color.luminance(np.exp(np.minimum(log_scene, 8.0))), light_model.MIN_LINEAR))
    median = float(np.exp(weighted_quantile(log_luma.astype(np.float32), weight, 0.5)))
    if median <= knee:
        return 0.0
    bent = knee + (top - knee) * (1 - float(np.exp(-(median - knee) / (top - knee))))
    return float(np.log(bent / median))


def edit_terms(
    prediction: LightCoefficients,
    light_input: LightModelInput,
    positions: tuple[Array, Array],
    base: Array,
    weight: Array,
    known_albedo: Array | None,
    *,
    has_several_paints: bool = False,
) -> EditTerms:
    """Compute the terms of `edit_albedo` that do not depend on the new paint; parameters: see there."""
    wall, photo = light_input.wall, light_input.photo
    prediction = _with_known_albedo(prediction, wall, known_albedo)
    size = prediction.log_shading.shape
    share = cv2.resize(wall, size[::-1], interpolation=cv2.INTER_AREA)
    small_base, known = _downsample(base, weight, *positions, size)
    # The base differs from the photo where a pattern or a second paint was removed.
    wall_mean = _wall_mean(photo, wall, prediction.photo)
    correction = light_model.log_scene_light(wall_mean) - light_model.log_scene_light(small_base)
    correction = np.clip(correction, -MAX_LOG_CORRECTION, MAX_LOG_CORRECTION) * known[..., None]
    trust = _trust(share)
    lamp, lamp_median = _lamp_spots(prediction, trust)
    if has_several_paints:
        lamp = np.zeros_like(lamp)
    inside = share > 0.5
    if not inside.any():
        inside = share >= share.max()
    luma = np.log(np.maximum(color.luminance(base), light_model.MIN_LINEAR))
    is_wall = weight > 0.5
    return EditTerms(
        prediction=prediction,
        correction=correction.astype(np.float32),
        trust=trust * known if (trust * known).any() else share,
        doubt=color_doubt(wall_mean).astype(np.float32),
        lamp=lamp,
        lamp_median=lamp_median,
        existing_luma=float(np.median(color.luminance(prediction.wall_albedo[inside]))),
        base_log_luma=float(np.median(luma[is_wall] if is_wall.any() else luma)),
    )


def expected_error(prediction: LightCoefficients, wall: Array, new_color: Array | None = None) -> float:
    """Return the CIEDE2000 error that the network expects on this wall.

    new_color: (3,) linear sRGB, the wall's new colour in the photo. The network, which does not know the paint,
    predicts the error averaged over paints; with new_color it is scaled, since an error in light is less visible on
    dark walls.
    """
    share = cv2.resize(wall, prediction.log_shading.shape[::-1], interpolation=cv2.INTER_AREA)
    error = float((prediction.error * share).sum() / max(float(share.sum()), 1e-6))
    return error if new_color is None else error * float(np.sqrt(_light_error_delta_e(new_color) / MEAN_DELTA_E))


def error_range(expected: float) -> tuple[float, float]:
    """Return the range that holds the true error of eight walls in ten, CIEDE2000. expected: see `expected_error`."""
    low, high = ERROR_RANGE
    return low * expected, high * expected


def _light_error_delta_e(rgb_linear: Array) -> float:
    """Return the CIEDE2000 difference that an error in light by `LIGHT_LOG_ERROR` causes on a colour."""
    lab = color.linear_to_lab(np.asarray(rgb_linear, np.float64))
    shifted = (
        color.linear_to_lab(np.clip(rgb_linear * np.exp(by), 0, 1)) for by in (LIGHT_LOG_ERROR, -LIGHT_LOG_ERROR)
    )
    return sum(float(color.delta_e_2000(lab, other)) for other in shifted) / 2


def _with_known_albedo(prediction: LightCoefficients, wall: Array, known_albedo: Array | None) -> LightCoefficients:
    """Scale the predicted albedo of the existing paint so that its median on the wall is the known one."""
    if known_albedo is None:
        return prediction
    inside = cv2.resize(wall, prediction.log_shading.shape[::-1], interpolation=cv2.INTER_AREA) > 0.5
    if not inside.any():
        return prediction
    predicted = np.median(prediction.wall_albedo[inside], axis=0)
    log_factor = np.clip(np.log(np.maximum(known_albedo, 1e-2) / predicted), -MAX_LOG_HINT, MAX_LOG_HINT)
    scaled = prediction.wall_albedo * np.exp(log_factor).astype(np.float32)
    return LightCoefficients(
        **{**vars(prediction), "wall_albedo": np.minimum(scaled, light_model.MAX_WALL_ALBEDO).astype(np.float32)}
    )


def _lamp_spots(prediction: LightCoefficients, trust: Array) -> tuple[Array, Array]:
    """Return how far a spot of warm albedo is the light of a lamp, (h, w), 0..1, and the median log albedo, (3,).

    trust: (h, w), see `_trust`. Without trusted pixels no spot is a lamp's.
    """
    log_albedo = np.log(np.maximum(prediction.wall_albedo, 1e-4))
    median = np.array([weighted_quantile(log_albedo[..., c], trust, 0.5) for c in range(3)], np.float32)
    if not trust.any():
        return np.zeros(trust.shape, np.float32), median
    local = log_albedo - median
    low, high = LAMP_LOG_WARMTH
    lamp = np.clip((local[..., 0] - local[..., 2] - low) / (high - low), 0, 1)
    lamp = lamp * lamp * (3 - 2 * lamp) * np.clip(2 * color_trust(prediction.photo) - 1, 0, 1)
    return lamp.astype(np.float32), median


def _several_paints_share(local: Array, correction: Array, trust: Array, brightening: float) -> float:
    """Return the share of the local change to apply to a wall in several paints.

    local: (h, w, 4), the change relative to its median, including the correction: (h, w, 3), the difference of paints
    that was removed. If both agree that there are several paints, little of the correction is left in local. A local
    change equal to the correction means that the network sees one paint in different light.
    """
    median = np.array([weighted_quantile(correction[..., c], trust, 0.5) for c in range(3)], np.float32)
    removed, weight = correction - median, trust[..., None]
    restored = float((weight * removed * local[..., :3]).sum()) / max(float((weight * removed**2).sum()), 1e-6)
    low, high = DISAGREEMENT
    paints, light = SEVERAL_PAINTS_SHARE
    dark_from, dark_to = DARK_LOG_BRIGHTENING
    dark = float(np.clip((brightening - dark_from) / (dark_to - dark_from), 0, 1))
    paints += (DARK_SEVERAL_PAINTS_SHARE - paints) * dark
    return paints + (light - paints) * float(np.clip((restored - low) / (high - low), 0, 1))


def _trust(share: Array) -> Array:
    """Return the trust in each pixel of the prediction, (h, w), 0..1.

    It is low where the pixel, or the one beside it, also shows other objects, whose colours the network mistakes for
    paint.
    """
    low, high = EDGE_TRUST_SHARE
    ramp = np.clip((share - low) / (high - low), 0, 1)
    inner = cv2.erode((share > FULL_WALL_SHARE).astype(np.float32), np.ones((3, 3), np.uint8), borderValue=1)
    return np.maximum(inner, EDGE_TRUST * ramp).astype(np.float32)


def _wall_mean(photo: Array, wall: Array, small: Array) -> Array:
    """Return the mean colour of the wall alone in each pixel of the prediction; `small` where it shows no wall."""
    size = small.shape[1::-1]
    share = cv2.resize(wall, size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(photo * wall[..., None], size, interpolation=cv2.INTER_AREA)
    return np.where(share[..., None] > 0.05, total / np.maximum(share, 0.05)[..., None], small)


def _downsample(base: Array, weight: Array, rows: Array, cols: Array, size: tuple[int, ...]) -> tuple[Array, Array]:
    """Average the wall over the prediction's pixels: (h, w, 3), and (h, w), 1 where a pixel has any wall, else 0."""
    row_index = np.round(rows).astype(int).clip(0, size[0] - 1)
    col_index = np.round(cols).astype(int).clip(0, size[1] - 1)
    cell = (row_index[:, None] * size[1] + col_index).ravel()
    flat, cells = weight.ravel().astype(np.float64), size[0] * size[1]
    total = np.bincount(cell, flat, cells)
    sums = [np.bincount(cell, flat * base[..., c].ravel(), cells) for c in range(3)]
    mean = np.stack(sums, -1) / np.maximum(total, 1e-6)[:, None]
    return mean.reshape(*size, 3).astype(np.float32), (total > 1e-3).reshape(size).astype(np.float32)


def upsample(plane: Array, rows: Array, cols: Array) -> Array:
    """Sample a small image, (h, w) or (h, w, C), bicubically at rows and columns in its own coordinates.

    Pixel centres lie at integers; the border is replicated.
    """
    x, y = np.meshgrid(cols.astype(np.float32), rows.astype(np.float32))
    return cv2.remap(plane, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
