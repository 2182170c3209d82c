"""Automatic wall detection: `detect_walls` goes from a photo to masks.

photo -> networks (probability of wall) -> whole surfaces -> clicks -> edge-aware mask at full size -> separate walls
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from wallpaint import threads
from wallpaint.errors import InputError
from wallpaint.imaging.contact_sheet import preview
from wallpaint.imaging.photo import Limits, Photo, PhotoSource, read_photo
from wallpaint.segment import clicks as corrections
from wallpaint.segment import edges, instances, network, regions
from wallpaint.segment.network import WallSegmenter
from wallpaint.typing import Array

Point = tuple[int, int]
MIN_WALL_SHARE = 0.005  # of the photo, below which no wall is reported
HIGH_CONFIDENCE, FAIR_CONFIDENCE = 0.85, 0.7  # from which the confidence is called high, or fair
MAX_BOUNDARY_WITHOUT_EDGE = 0.1  # of the mask's boundary; above it the confidence is called low
UNCERTAIN_PROBABILITY = 0.2  # mean probability of the other label, from which a surface is uncertain
MIN_UNCERTAIN_SHARE = 0.02  # of the photo: smaller uncertain surfaces are not reported
MAX_UNCERTAIN_SHARE = 0.1  # of the photo; above it the confidence is called low
ADVICE = "check the mask before you repaint"


@dataclass(frozen=True, eq=False)
class DetectedWalls:
    """Detected walls of a photo.

    masks: by name, (H, W) float32, 0..1, ready for `prepare`: one named "wall", or, if separated, "wall-1", "wall-2",
    ..., the largest first. share: of the photo that is wall. confidence: expected IoU of the mask with the true walls
    times 1 - boundary_without_edge, 0..1. boundary_without_edge: share of the mask's boundary that follows no edge of
    the photo, 0..1; 0 for photos of less than 640 pixels. uncertain: (h, w) bool, at a reduced size, surfaces that may
    be labelled wrongly. network: name of the segmenter. notes: for the user.
    """

    masks: Mapping[str, Array]
    share: float
    confidence: float
    boundary_without_edge: float
    uncertain: Array
    network: str
    notes: tuple[str, ...] = ()

    @property
    def combined(self) -> Array:
        """All walls in one mask, (H, W) float32."""
        return np.clip(np.sum(list(self.masks.values()), axis=0), 0, 1).astype(np.float32)

    @property
    def uncertain_share(self) -> float:
        """Share of the photo that belongs to uncertain surfaces, 0..1."""
        return float(self.uncertain.mean())

    @property
    def level(self) -> str:
        """The confidence in a word: "high", "fair" or "low"."""
        if (
            self.confidence < FAIR_CONFIDENCE
            or self.boundary_without_edge > MAX_BOUNDARY_WITHOUT_EDGE
            or self.uncertain_share > MAX_UNCERTAIN_SHARE
        ):
            return "low"
        return "high" if self.confidence >= HIGH_CONFIDENCE else "fair"

    def summary(self) -> str:
        """Describe the result in one line."""
        count = f" in {len(self.masks)} walls" if len(self.masks) > 1 else ""
        uncertain = ""
        if self.uncertain.any():
            uncertain = f", uncertain {_position(self.uncertain)} ({100 * self.uncertain_share:.0f} % of the photo)"
        return (
            f"detected wall on {100 * self.share:.0f} % of the photo{count}, {self.level} confidence (expected IoU "
            f"{100 * self.confidence:.0f} %){uncertain}: {ADVICE}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for reports, without the masks."""
        return {
            "share": round(self.share, 4),
            "confidence": round(self.confidence, 3),
            "level": self.level,
            "boundary_without_edge": round(self.boundary_without_edge, 3),
            "uncertain_share": round(self.uncertain_share, 3),
            "network": self.network,
            "parts": len(self.masks),
            "notes": list(self.notes),
        }


@threads.single_threaded()
def detect_walls(
    photo: PhotoSource | Photo,
    *,
    segmenter: WallSegmenter | str | Path | None = None,
    clicks: Sequence[Point] = (),
    not_clicks: Sequence[Point] = (),
    sam: Path | None = None,
    separate: bool = False,
    limits: Limits | None = None,
) -> DetectedWalls:
    """Detect the walls of a photo.

    photo: a path, bytes, PIL image, array or `Photo`. segmenter: a loaded one, or the source to load it from (see
    `network.load`); the packaged one if not given. clicks, not_clicks: (x, y) in the upright photo, on wall and on
    background. sam: folder of a SAM that segments the clicked regions, instead of region growing by colour. separate:
    return one mask per wall, split at gaps, changes of paint and corners. Raises InputError if there is no wall or a
    click lies outside the photo; ModelError.
    """
    image = photo if isinstance(photo, Photo) else read_photo(photo, limits or Limits())
    _check(image, clicks, not_clicks, sam)
    rgb = _to_srgb(image)
    loaded = segmenter if isinstance(segmenter, WallSegmenter) else network.load(segmenter)
    probability = loaded.probability(rgb)
    surfaces = regions.complete_surfaces(probability, rgb)
    completed = surfaces.probability
    decided_by_clicks = np.zeros(completed.shape, bool)
    if clicks or not_clicks:
        completed = _resize(corrections.apply_clicks(completed, rgb, clicks, not_clicks, sam), completed.shape)
        decided_by_clicks = np.abs(completed - surfaces.probability) > 1e-3
    mask = edges.edge_aware_mask(completed, rgb)
    if image.alpha is not None:
        mask[image.alpha == 0] = 0
    share = float(mask.mean())
    if share < MIN_WALL_SHARE:
        name = image.source.path.name if image.source.path is not None else "the photo"
        raise InputError(
            f"{name}: no wall was detected: mark one with `clicks` of `wallpaint mask`, or draw a mask (white = wall)"
        )
    is_large = max(rgb.shape[:2]) >= regions.REGION_PX  # the pixels of smaller photos are too coarse for the measure
    without_edge = regions.boundary_without_edge(mask, rgb) if is_large else 0.0
    certain = np.where(decided_by_clicks, completed, _resize(probability, completed.shape))
    confidence = expected_iou(certain, mask) * (1 - without_edge)
    uncertain = _uncertain(surfaces.error_probability, decided_by_clicks)
    masks, notes = {"wall": mask}, image.warnings
    if separate:
        masks, separation_notes = instances.split_walls(mask, rgb)
        notes = (*notes, *separation_notes)
    return DetectedWalls(masks, share, confidence, without_edge, uncertain, loaded.name, notes)


def expected_iou(probability: Array, mask: Array) -> float:
    """Return the expected intersection over the expected union of a mask with the true walls, for calibrated
    probabilities.

    probability: (h, w). mask: (H, W).
    """
    small = cv2.resize(mask, probability.shape[::-1], interpolation=cv2.INTER_AREA) > 0.5
    inside, outside = float(probability[small].sum()), float(probability[~small].sum())
    return inside / max(float(np.count_nonzero(small)) + outside, 1e-6)


def _resize(probability: Array, size: tuple[int, ...]) -> Array:
    return cv2.resize(probability, size[::-1], interpolation=cv2.INTER_LINEAR)


def _uncertain(error_probability: Array, decided_by_clicks: Array) -> Array:
    """Return the uncertain surfaces, (h, w) bool, without small ones and without those that clicks have decided."""
    uncertain = ((error_probability > UNCERTAIN_PROBABILITY) & ~decided_by_clicks).astype(np.uint8)
    _, components, statistics, _ = cv2.connectedComponentsWithStats(uncertain, connectivity=4)
    is_large = statistics[:, cv2.CC_STAT_AREA] >= MIN_UNCERTAIN_SHARE * uncertain.size
    is_large[0] = False
    return np.asarray(is_large[components])


def _position(region: Array) -> str:
    """Describe where a region lies: "at the upper right", by the thirds of the picture that hold its centroid."""
    rows, columns = np.nonzero(region)
    vertical = ("upper ", "", "lower ")[min(2, int(3 * rows.mean() / region.shape[0]))]
    horizontal = ("left", "centre", "right")[min(2, int(3 * columns.mean() / region.shape[1]))]
    return f"at the {vertical}{horizontal}" if horizontal != "centre" else f"in the {vertical}centre"


def overlay(photo: Photo, walls: DetectedWalls, longer_px: int = 1600) -> Array:
    """Return the photo with each wall tinted in another colour and outlined, and stripes on uncertain surfaces.

    Returns (h, w, 3) uint8 sRGB, longer_px on the longer side at most.
    """
    image = np.array(preview(photo, photo.codes, longer_px)).astype(np.float32)
    size = image.shape[1::-1]
    for index, mask in enumerate(walls.masks.values()):
        alpha = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)[..., None]
        tint = np.array(_TINTS[index % len(_TINTS)], np.float32)
        image = image * (1 - 0.5 * alpha) + tint * 0.5 * alpha
        hard = (alpha[..., 0] > 0.5).astype(np.uint8)
        image[cv2.morphologyEx(hard, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0] = tint
    uncertain = cv2.resize(walls.uncertain.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    rows, columns = np.indices(uncertain.shape, sparse=True)
    stripes = uncertain & ((rows + columns) // STRIPE_PX % 3 == 0)
    image[stripes] = 0.4 * image[stripes] + 0.6 * np.array(_STRIPE_COLOR, np.float32)
    return np.round(image).astype(np.uint8)


STRIPE_PX = 5
_STRIPE_COLOR = (255, 225, 0)
_TINTS = ((230, 40, 90), (40, 120, 230), (240, 170, 20), (40, 180, 90), (150, 70, 210), (20, 180, 190))


def _to_srgb(photo: Photo) -> Array:
    """Return the photo at full size, (H, W, 3) uint8 sRGB."""
    if photo.space.is_srgb and photo.codes.dtype == np.uint8:
        return np.ascontiguousarray(photo.codes)
    return np.asarray(preview(photo, photo.codes, max(photo.size)))


def _check(photo: Photo, clicks: Sequence[Point], not_clicks: Sequence[Point], sam: Path | None) -> None:
    height, width = photo.size
    for x, y in (*clicks, *not_clicks):
        if not (0 <= x < width and 0 <= y < height):
            raise InputError(f"the click {x},{y} lies outside the photo, which is {width} wide and {height} high")
    if sam is not None and not (clicks or not_clicks):
        raise InputError("SAM needs clicks: pass `clicks` or `not_clicks` with `sam`")
