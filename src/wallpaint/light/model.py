"""The light model: a small network that predicts how each pixel of a photo changes with the wall paint.

    photo, mask (about 80 px) -> network -> coefficients per pixel -> appearance in a paint of albedo rho

The paint is no input of the network. It predicts the coefficients of a closed formula, so one forward pass serves every
paint, the result is smooth in the paint, and the existing paint gives the photo itself:

    painted = roll_off(undo_roll_off(photo) x exp(e (1 + shading_gain x log_shading)))
    e = contrast x log( coat(rho) / coat(wall_albedo) ),    coat(rho) = rho / (1 - interreflection rho) + gloss

wall_albedo: albedo of the existing paint; interreflection: share of the light leaving a white wall that returns to it,
summed as a geometric series; gloss: light independent of the paint, as an albedo (outside the walls nearly all of it);
contrast: of the camera's tone curve; shading_gain: how much shadows are filled when walls become brighter. The roll-off
models the upper end of the camera's range. A known albedo of the existing paint is an input of the network, and
replaces the predicted one in the formula.

The network is an ONNX file (`onnx_session`). `train.light.network` defines it, and has a differentiable version of
`interpret` and of the formula.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from importlib import resources

import cv2
import numpy as np

from wallpaint import onnx_session
from wallpaint.errors import ModelError
from wallpaint.imaging import color
from wallpaint.light import statistics
from wallpaint.onnx_session import Session
from wallpaint.typing import Array

FILE, KIND = "light_model.onnx", "light_model/1"
SIDE_MULTIPLE = 16  # of the network's input, which is halved four times
MIN_SIDE, MAX_SIDE = 32, 1024  # px
CLIP_CHANNEL = 0.97  # linear value from which the brightest channel of a pixel counts as clipped
MIN_LINEAR = 1e-3  # lower bound of linear values in logarithms
CLIP_LINEAR = 0.985  # linear value that counts as clipped when the roll-off is undone
ROLL_OFF_POWER = 6.0
MAX_WALL_ALBEDO, MAX_BOUNCE = 0.97, 0.9
CONTRAST_RANGE = (0.6, 1.5)
LOG_GLOSS_RANGE = (-7.0, 5.0)
LOG_GLOSS_OUTSIDE = 5.0  # added outside the walls, where only the light that the walls reflect changes
MAX_SHADING_GAIN = 0.6
INPUT_SCALES = (1.0, 1.25)  # input sizes whose outputs are averaged, relative to the training size
INPUT_CHANNELS, OUTPUT_CHANNELS = 10, 12
HINT_FEATURES = 4  # number of features from `albedo_hint`: a flag, and the log ratio of albedo to the wall's median
MIN_WALL_ALBEDO = 0.01  # lower bound of a known albedo


@dataclass(frozen=True)
class LightCoefficients:
    """The network's prediction for a photo, (h, w) pixels.

    photo: (h, w, 3) float32, linear sRGB, the downsampled photo. log_shading: (h, w), log luminance relative to the
    wall's median. wall_albedo, interreflection, gloss: (h, w, 3). contrast, shading_gain: (h, w, 1). error: (h, w),
    expected error in CIEDE2000.
    """

    photo: Array
    log_shading: Array
    wall_albedo: Array
    interreflection: Array
    gloss: Array
    contrast: Array
    shading_gain: Array
    error: Array

    def log_change(self, albedo: Array) -> tuple[Array, Array]:
        """Return the change of light by a new paint, natural logs: (e, slope).

        albedo: (3,) linear sRGB. e: (h, w, 3) at the wall's median brightness. slope: (h, w, 1), change of e per unit
        of log shading.
        """
        new, existing = (
            np.log(rho / (1 - self.interreflection * rho) + self.gloss)
            for rho in (np.maximum(np.asarray(albedo, np.float32), 1e-4), self.wall_albedo)
        )
        e = self.contrast * (new - existing)
        return e.astype(np.float32), (self.shading_gain * color.luminance(e)[..., None]).astype(np.float32)

    def appearance(self, albedo: Array) -> Array:
        """Return the photo with its walls in this paint, (h, w, 3) linear sRGB.

        Valid on walls, and near them, where the light reflected by the walls changes.
        """
        e, slope = self.log_change(albedo)
        return apply_log_change(self.photo, e + slope * self.log_shading[..., None])


def apply_log_change(rgb: Array, log_change: Array) -> Array:
    """Scale the scene's light before the camera's roll-off. A change of 0 returns rgb.

    rgb: (..., 3) linear sRGB. log_change: natural log.
    """
    scene = np.exp(np.minimum(log_scene_light(rgb) + log_change, 8.0))
    above_clip = np.maximum(rgb / CLIP_LINEAR, 1)
    return (scene / (1 + scene**ROLL_OFF_POWER) ** (1 / ROLL_OFF_POWER) * above_clip).astype(np.float32)


def log_scene_light(rgb: Array) -> Array:
    """Return the natural log of the light before the camera's roll-off. rgb: (..., 3) linear sRGB."""
    clipped = np.clip(rgb, 1e-5, CLIP_LINEAR)
    return (np.log(clipped) - np.log1p(-(clipped**ROLL_OFF_POWER)) / ROLL_OFF_POWER).astype(np.float32)


def input_size(height: int, width: int, longer_px: int) -> tuple[int, int]:
    """Return the network's input size, (height, width), for a photo: about `longer_px` on the longer side."""
    scale = longer_px / max(height, width)
    sides = (max(MIN_SIDE, SIDE_MULTIPLE * round(side * scale / SIDE_MULTIPLE)) for side in (height, width))
    return (next(sides), next(sides))


def network_inputs(photo: Array, mask: Array, known_albedo: Array | None = None) -> tuple[Array, Array, Array]:
    """Return the network's inputs: planes (h, w, 10), features (F,), and the wall's median, (3,) linear sRGB.

    photo: (h, w, 3) float32, linear sRGB, downsampled. mask: (h, w) float32, 0..1. known_albedo: (3,) of the existing
    paint, linear sRGB, where it is known and the wall has one uniform paint.
    """
    rgb = np.clip(photo, 0, 1).astype(np.float32)
    inside = mask > 0.5
    if not inside.any():
        inside = mask >= mask.max()
    median = np.median(rgb[inside], axis=0).clip(MIN_LINEAR, 1)
    row = np.broadcast_to(np.linspace(-1, 1, len(rgb), dtype=np.float32)[:, None], mask.shape)
    is_clipped = color.brightest_channel(rgb) > CLIP_CHANNEL
    planes: list[Array] = [
        2 * color.linear_to_srgb(rgb).astype(np.float32) - 1,
        0.5 * np.log(np.maximum(rgb, MIN_LINEAR) / median.astype(np.float32)),
        np.stack([mask, mask * is_clipped, is_clipped, row], -1).astype(np.float32),
    ]
    features = np.concatenate([statistics.photo_features(rgb, mask, median), albedo_hint(median, known_albedo)])
    return np.concatenate(planes, -1).astype(np.float32), features, median


def albedo_hint(median: Array, known_albedo: Array | None) -> Array:
    """Return the last `HINT_FEATURES` features, float32, from a known albedo; zeros where it is unknown."""
    if known_albedo is None:
        return np.zeros(HINT_FEATURES, np.float32)
    return np.array([1, *np.log(_clip_albedo(known_albedo) / np.maximum(median, MIN_LINEAR))], np.float32)


def _clip_albedo(albedo: Array) -> Array:
    return np.clip(np.asarray(albedo, np.float32), MIN_WALL_ALBEDO, MAX_WALL_ALBEDO)


def interpret(
    outputs: Array, photo: Array, mask: Array, median: Array, known_albedo: Array | None = None
) -> LightCoefficients:
    """Convert the network's outputs, (h, w, 12), to coefficients. photo, mask, median, known_albedo: see
    `network_inputs`."""
    if known_albedo is None:
        wall_albedo = np.exp(np.clip(np.log(median).astype(np.float32) - outputs[..., :3], -7, 3))
        wall_albedo = MAX_WALL_ALBEDO * wall_albedo / (1 + wall_albedo**4) ** 0.25
    else:
        wall_albedo = np.broadcast_to(_clip_albedo(known_albedo), photo.shape)
    low, high = CONTRAST_RANGE
    luma = color.luminance(np.clip(photo, MIN_LINEAR, 1)) / float(color.luminance(median))
    log_gloss = outputs[..., 6:9] + LOG_GLOSS_OUTSIDE * (1 - mask[..., None])
    return LightCoefficients(
        photo=photo,
        log_shading=np.log(luma).astype(np.float32),
        wall_albedo=wall_albedo,
        interreflection=MAX_BOUNCE * _sigmoid(outputs[..., 3:6]),
        gloss=np.exp(np.clip(log_gloss, *LOG_GLOSS_RANGE)),
        contrast=low + (high - low) * _sigmoid(outputs[..., 9:10]),
        shading_gain=MAX_SHADING_GAIN * np.tanh(outputs[..., 10:11]),
        error=np.exp(np.clip(outputs[..., 11], -2, 4)),
    )


# -- the network


@dataclass(frozen=True, eq=False)
class LightModel:
    """The network and the calibration of its expected error.

    session: planes (B, 10, h, w), features (B, F) -> (B, 12, h, w), float32, see `network_inputs` and `interpret`.
    side: pixels on the longer side of its input. calibration: factor on the expected error.
    """

    session: Session
    side: int
    calibration: float

    def predict(self, photo: Array, mask: Array, known_albedo: Array | None = None) -> LightCoefficients:
        """Predict the coefficients of a photo: the mean over `INPUT_SCALES` and over the photo and its mirror image.

        photo: (H, W, 3) linear sRGB, a few hundred pixels a side. mask: (H, W), 0..1. known_albedo: see
        `network_inputs`.
        """
        small, wall = self._downsample(photo, mask, INPUT_SCALES[0])
        size, median = wall.shape[::-1], network_inputs(small, wall)[2]
        outputs = [
            cv2.resize(
                self._forward(*self._downsample(photo, mask, scale), median, known_albedo),
                size,
                interpolation=cv2.INTER_LINEAR,
            )
            for scale in INPUT_SCALES
        ]
        prediction = interpret(np.mean(outputs, axis=0), np.clip(small, 0, 1), wall, median, known_albedo)
        return LightCoefficients(**{**vars(prediction), "error": prediction.error * np.float32(self.calibration)})

    def _downsample(self, photo: Array, mask: Array, scale: float) -> tuple[Array, Array]:
        """Resize photo and mask to the network's input size times scale."""
        size = input_size(mask.shape[0], mask.shape[1], round(scale * self.side))[::-1]
        small, wall = (cv2.resize(x.astype(np.float32), size, interpolation=cv2.INTER_AREA) for x in (photo, mask))
        return small, wall

    def _forward(self, small: Array, wall: Array, reference_median: Array, known_albedo: Array | None) -> Array:
        """Return the network's outputs, (h, w, 12), relative to another median of the wall, (3,)."""
        planes, features, median = network_inputs(small, wall, known_albedo)
        # The mean over the photo and its mirror image has a slightly lower error.
        both = np.stack([planes, planes[:, ::-1]]).transpose(0, 3, 1, 2)  # [2, 10, h, w]
        original, mirrored = self.session.run(
            planes=np.ascontiguousarray(both), features=np.stack([features, features])
        )
        outputs = ((original + mirrored[..., ::-1]) / 2).transpose(1, 2, 0)
        outputs[..., :3] += np.log(reference_median / median).astype(np.float32)
        return np.ascontiguousarray(outputs, np.float32)


@cache
def load() -> LightModel | None:
    """Load the packaged model, once; None if the installation has none."""
    file = resources.files("wallpaint.light").joinpath(FILE)
    return parse(file.read_bytes(), FILE) if file.is_file() else None


def parse(data: bytes, name: str) -> LightModel:
    """Build a model from the bytes of its ONNX file. name: of the file, for messages. Raises ModelError."""
    session = onnx_session.load(data, KIND, name=name, quick_start=True)
    try:
        side, calibration = int(session.metadata["side"]), float(session.metadata["calibration"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{name}: its metadata should have side and calibration: fetch the file again") from error
    if not (MIN_SIDE <= side <= MAX_SIDE and 0 < calibration < math.inf):
        raise ModelError(f"{name}: side {side} and calibration {calibration} are out of range: fetch the file again")
    return LightModel(session, side, calibration)


def _sigmoid(x: Array) -> Array:
    return (1 / (1 + np.exp(-np.clip(x, -60, 60)))).astype(np.float32)
