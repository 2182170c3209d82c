"""Walls found on a photo: `detect_walls` is the whole way from a photo to masks.

photo -> network (how likely each place is wall) -> clicks -> edges at full size -> separate walls
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
from wallpaint.segment import edges, network
from wallpaint.segment import instances as separation
from wallpaint.segment.network import Finder
from wallpaint.typing import Array

Point = tuple[int, int]
LEAST_SHARE = 0.005  # of the picture: less is no wall
SURE, FAIR = 0.85, 0.7  # expected overlap from which a find is called sure, or fair
ADVICE = "look at the mask before you paint"


@dataclass(frozen=True, eq=False)
class DetectedWalls:
    """Walls of a photo.

    masks: by name, (H, W) float32, 0..1, each ready for `prepare`: one called "wall", or "wall-1", "wall-2", … where
    they were to be separated, the largest first. share: of the picture that is wall. confidence: the overlap,
    intersection over union, that the mask is expected to have with the walls there are, 0..1. network: which one
    looked. notes: sentences for the user.
    """

    masks: Mapping[str, Array]
    share: float
    confidence: float
    network: str
    notes: tuple[str, ...] = ()

    @property
    def whole(self) -> Array:
        """All walls in one mask, (H, W) float32."""
        return np.clip(np.sum(list(self.masks.values()), axis=0), 0, 1).astype(np.float32)

    def told(self) -> str:
        """What was found, in one line."""
        sure = "sure" if self.confidence >= SURE else "fairly sure" if self.confidence >= FAIR else "not sure"
        parts = f" in {len(self.masks)} parts" if len(self.masks) > 1 else ""
        return (
            f"found wall on {100 * self.share:.0f} % of the picture{parts}, {sure} of it (expected overlap with the "
            f"true wall {100 * self.confidence:.0f} %): {ADVICE}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for reports."""
        return {
            "share": round(self.share, 4),
            "confidence": round(self.confidence, 3),
            "network": self.network,
            "parts": len(self.masks),
            "notes": list(self.notes),
        }


@threads.single_threaded()
def detect_walls(
    photo: PhotoSource | Photo,
    *,
    finder: Finder | str | Path | None = None,
    clicks: Sequence[Point] = (),
    not_clicks: Sequence[Point] = (),
    sam: Path | None = None,
    separate: bool = False,
    limits: Limits | None = None,
) -> DetectedWalls:
    """Find the walls of a photo.

    photo: a path, bytes, PIL image, array or `Photo`. finder: a loaded network, or which one to load (see
    `network.load`); the package's own if not given. clicks: (x, y) in the upright photo, what is there is wall.
    not_clicks: what is there is none. sam: folder of a SAM that follows the clicks, in place of colour alone.
    separate: one mask a wall, as far as colour, gaps and corners tell. Raises InputError where there is no wall or a
    click lies outside; ModelError.
    """
    picture = photo if isinstance(photo, Photo) else read_photo(photo, limits or Limits())
    _check(picture, clicks, not_clicks, sam)
    rgb = _as_seen(picture)
    looked = finder if isinstance(finder, Finder) else network.load(finder)
    probability = looked.probability(rgb)
    if clicks or not_clicks:
        probability = corrections.corrected(probability, rgb, clicks, not_clicks, sam)
    mask = edges.sharpen(probability, rgb)
    if picture.alpha is not None:
        mask[picture.alpha == 0] = 0
    share = float(mask.mean())
    if share < LEAST_SHARE:
        name = picture.source.path.name if picture.source.path is not None else "the photo"
        raise InputError(f"{name}: no wall was found: point at one with --click X,Y, or draw a mask (white = wall)")
    confidence = expected_overlap(probability, mask)
    masks, notes = {"wall": mask}, picture.warnings
    if separate:
        masks, told = separation.separate(mask, rgb)
        notes = (*notes, *told)
    return DetectedWalls(masks, share, confidence, looked.name, notes)


def expected_overlap(probability: Array, mask: Array) -> float:
    """The overlap (IoU) that a mask can be expected to have with the walls there are, if the probabilities hold.

    probability: (h, w). mask: (H, W). The expected intersection over the expected union.
    """
    small = cv2.resize(mask, probability.shape[::-1], interpolation=cv2.INTER_AREA) > 0.5
    inside, outside = float(probability[small].sum()), float(probability[~small].sum())
    return inside / max(float(np.count_nonzero(small)) + outside, 1e-6)


def overlay(photo: Photo, found: DetectedWalls, longest_px: int = 1600) -> Array:
    """The photo with its walls tinted, each in a colour of its own, and outlined: (h, w, 3) uint8 sRGB."""
    picture = np.array(preview(photo, photo.codes, longest_px)).astype(np.float32)
    size = picture.shape[1::-1]
    for number, mask in enumerate(found.masks.values()):
        alpha = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)[..., None]
        tint = np.array(_TINTS[number % len(_TINTS)], np.float32)
        picture = picture * (1 - 0.5 * alpha) + tint * 0.5 * alpha
        hard = (alpha[..., 0] > 0.5).astype(np.uint8)
        picture[cv2.morphologyEx(hard, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0] = tint
    return np.round(picture).astype(np.uint8)


_TINTS = ((230, 40, 90), (40, 120, 230), (240, 170, 20), (40, 180, 90), (150, 70, 210), (20, 180, 190))


def _as_seen(photo: Photo) -> Array:
    """(H, W, 3) uint8 sRGB at full size."""
    if photo.space.is_srgb and photo.codes.dtype == np.uint8:
        return np.ascontiguousarray(photo.codes)
    return np.asarray(preview(photo, photo.codes, max(photo.size)))


def _check(photo: Photo, clicks: Sequence[Point], not_clicks: Sequence[Point], sam: Path | None) -> None:
    height, width = photo.size
    for x, y in (*clicks, *not_clicks):
        if not (0 <= x < width and 0 <= y < height):
            raise InputError(f"the click {x},{y} lies outside the photo, which is {width} wide and {height} high")
    if sam is not None and not (clicks or not_clicks):
        raise InputError("SAM follows clicks: pass --click X,Y or --not X,Y with --sam")
