"""The wall segmenter's networks: a SegFormer that predicts where walls are, and a refiner of its map.

The packaged ones are small and were trained on rendered rooms only (`weights/README.md`). They are ONNX files
(`onnx_session`): `segformer.onnx`, and beside it `refiner.onnx`, a U-Net that aligns the edges of the map with those of
the photo. Any SegFormer with a class named wall can replace the first: a bundle's, or a folder in transformers' layout
such as those trained on ADE20K (`transformers_segformer`, which needs torch).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from wallpaint import onnx_session
from wallpaint.errors import ModelError
from wallpaint.onnx_session import Session
from wallpaint.typing import Array

BUILT_IN = Path(__file__).parent / "weights"
SEGFORMER, REFINER, CALIBRATION = "segformer.onnx", "refiner.onnx", "calibration.json"
SEGFORMER_KIND, REFINER_KIND = "segformer/1", "refiner/1"
STRIDE_PX = 32  # total stride of the last stage: input sides are multiples of it
INPUT_SCALES = (0.65, 0.8, 1.0, 1.2)  # input sizes whose log odds are averaged, relative to the calibrated one
MAX_REFINER_SCALE = 2.0  # of the refiner's input, relative to the SegFormer's, for photos with enough pixels
MAX_ASPECT_RATIO = 3.0  # of network inputs

Network = Callable[[Array], Array]
"""pixel_values (B, 3, h, w) float32, normalised, h and w multiples of 32 -> logits (B, classes, h / 4, w / 4)."""
Refiner = Callable[[Array, Array], Array]
"""pixel_values (B, 3, h, w) as above, log odds (B, h, w) -> log odds of wall (B, h, w), float32."""


@dataclass(frozen=True)
class Calibration:
    """Platt scaling: probability = sigmoid(scale * logit + shift), fitted on rooms that the network was not trained on.

    input_px: side of a square with the area of the network's input. Source: Platt 1999.
    """

    scale: float = 1.0
    shift: float = 0.0
    input_px: int = 512


@dataclass(frozen=True, eq=False)
class WallSegmenter:
    """Loaded networks. wall: index of the class wall. mean, std: of RGB in 0..1. name: for reports. refiner: of the
    SegFormer's map; None for no refinement."""

    network: Network
    wall: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    calibration: Calibration
    name: str
    refiner: Refiner | None = None

    def probability(self, rgb: Array) -> Array:
        """Return the probability of wall per pixel, (h, w) float32, at the input size of the last network.

        rgb: (H, W, 3) uint8 sRGB. Averages the logits over `INPUT_SCALES` and over the photo and its mirror image. The
        refiner, if there is one, runs at the photo's size, up to `MAX_REFINER_SCALE` times the SegFormer's input.
        """
        input_px = self.calibration.input_px
        size = input_size(rgb.shape[:2], input_px)
        log_odds = np.mean([_resize(self._log_odds(rgb, scale), size) for scale in INPUT_SCALES], axis=0)
        if self.refiner is not None:
            photo_px = math.sqrt(rgb.shape[0] * rgb.shape[1])
            refined_px = min(max(photo_px, input_px), MAX_REFINER_SCALE * input_px)
            log_odds = self._refine(rgb, _resize(log_odds, input_size(rgb.shape[:2], refined_px)), self.refiner)
        return sigmoid(self.calibration.scale * log_odds + self.calibration.shift)

    def _refine(self, rgb: Array, log_odds: Array, refiner: Refiner) -> Array:
        """Return refined log odds, (h, w) float32: the mean over the photo and its mirror image."""
        pixel_values = self._preprocess(rgb, (log_odds.shape[0], log_odds.shape[1]))
        original, mirrored = refiner(pixel_values, np.stack([log_odds, log_odds[:, ::-1]]).astype(np.float32))
        return (original + mirrored[:, ::-1]) / 2

    def _log_odds(self, rgb: Array, scale: float) -> Array:
        """Return the log odds of wall, (h / 4, w / 4) float32. scale: of the input, relative to the calibrated one."""
        logits = self.network(self._preprocess(rgb, input_size(rgb.shape[:2], scale * self.calibration.input_px)))
        original, mirrored = logits[:, self.wall] - _log_sum_exp(np.delete(logits, self.wall, axis=1))
        return (original + mirrored[:, ::-1]) / 2

    def _preprocess(self, rgb: Array, size: tuple[int, int]) -> Array:
        """Return the photo and its mirror image as network input, (2, 3, h, w) float32. size: (h, w)."""
        is_smaller = size[0] * size[1] < rgb.shape[0] * rgb.shape[1]
        small = cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_CUBIC)
        values = (small.astype(np.float32) / 255 - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return np.ascontiguousarray(np.stack([values, values[:, ::-1]]).transpose(0, 3, 1, 2))


def load(source: str | Path | None = None) -> WallSegmenter:
    """Load a wall segmenter.

    source: None for the packaged one; else a folder written by a training run, a bundle's name or folder, or a
    SegFormer's folder. Raises ModelError.
    """
    if source is None:
        if not (BUILT_IN / SEGFORMER).is_file():
            raise ModelError(f"{BUILT_IN}: this installation was made without the wall segmenter's weights")
        return read(BUILT_IN, "built-in")
    folder = Path(source).expanduser()
    if (folder / SEGFORMER).is_file():
        return read(folder, folder.resolve().name)
    from wallpaint.segment import transformers_segformer

    return transformers_segformer.load(source)


def read(folder: Path, name: str) -> WallSegmenter:
    """Read a wall segmenter from a folder with `segformer.onnx` and optionally `refiner.onnx`. Raises ModelError."""
    path = folder / SEGFORMER
    return build_segmenter(onnx_session.load(path, SEGFORMER_KIND), read_refiner(folder), name, str(path))


def build_segmenter(segformer: Session, refiner: Refiner | None, name: str, source: str) -> WallSegmenter:
    """Build a wall segmenter from its networks. name: for reports. source: of the SegFormer, for messages. Raises
    ModelError if its metadata is damaged."""
    metadata = segformer.metadata
    try:
        mean, std = (tuple(float(value) for value in metadata[key]) for key in ("image_mean", "image_std"))
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError("not three values")
        wall, calibration = list(metadata["classes"]).index("wall"), parse_calibration(metadata["calibration"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{source}: its metadata is damaged ({type(error).__name__}): fetch the file again") from error
    return WallSegmenter(
        network=lambda pixel_values: segformer.run(pixel_values=pixel_values),
        wall=wall,
        mean=mean,
        std=std,
        calibration=calibration,
        name=name,
        refiner=refiner,
    )


def read_refiner(folder: Path) -> Refiner | None:
    """Read the refiner of a folder; None if it has none. Raises ModelError if it is damaged."""
    path = folder / REFINER
    if not path.is_file():
        return None
    return refiner_fn(onnx_session.load(path, REFINER_KIND))


def refiner_fn(session: Session) -> Refiner:
    """Return a refiner's session as a function."""
    return lambda pixel_values, log_odds: session.run(photo=pixel_values, odds=log_odds)


def read_calibration(folder: Path) -> Calibration | None:
    """Read the calibration of a folder; None if it has none. Raises ModelError if it is damaged."""
    path = folder / CALIBRATION
    if not path.is_file():
        return None
    try:
        return parse_calibration(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: is no calibration ({type(error).__name__}): fetch the file again") from error


def parse_calibration(values: Mapping[str, Any]) -> Calibration:
    """Parse a calibration from plain data. Raises KeyError, TypeError or ValueError."""
    calibration = Calibration(float(values["scale"]), float(values["shift"]), int(values["input_px"]))
    is_finite = math.isfinite(calibration.scale) and math.isfinite(calibration.shift)
    if not (is_finite and 32 <= calibration.input_px <= 4096):
        raise ValueError("out of range")
    return calibration


def input_size(size: tuple[int, ...], px: float) -> tuple[int, int]:
    """Return a network's input size, (height, width), for an image of a size.

    The area is about px * px. The aspect ratio is kept, up to `MAX_ASPECT_RATIO`; sides are multiples of `STRIDE_PX`.
    """
    aspect = min(MAX_ASPECT_RATIO, max(1 / MAX_ASPECT_RATIO, size[0] / size[1]))
    sides = (px * math.sqrt(aspect), px / math.sqrt(aspect))
    height, width = (max(STRIDE_PX, round(side / STRIDE_PX) * STRIDE_PX) for side in sides)
    return height, width


def _log_sum_exp(logits: Array) -> Array:
    """log(sum(exp(logits))) over axis 1: (B, classes, h, w) -> (B, h, w)."""
    maximum = logits.max(1, keepdims=True)
    return np.asarray(np.log(np.exp(logits - maximum).sum(1)) + maximum[:, 0])


def _resize(values: Array, size: tuple[int, int]) -> Array:
    return np.asarray(cv2.resize(values, size[::-1], interpolation=cv2.INTER_CUBIC))


def sigmoid(values: Array) -> Array:
    """Logistic sigmoid, float32, without overflow."""
    return (0.5 * (1 + np.tanh(0.5 * values))).astype(np.float32)
