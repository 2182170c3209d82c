"""Evaluation of wall segmentation: IoU of detected masks with the true walls, on photos of unseen rooms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from wallpaint.rooms.sets import camera, room_file
from wallpaint.rooms.sets import labels as labelling
from wallpaint.rooms.surfaces import paints
from wallpaint.rooms.tracing import buckets
from wallpaint.segment import edges, regions
from wallpaint.segment.network import Calibration, WallSegmenter, sigmoid
from wallpaint.typing import Array

PAINTS_PER_ROOM = 2  # photos of each room in uniform paint: the original one, and a random one
MIN_WALL_SHARE = 0.01  # of the image: rooms with less are skipped
CALIBRATION_STRIDE = 7  # every seventh pixel is used for calibration, since neighbours are highly correlated


@dataclass(frozen=True, eq=False)
class LabelledPhoto:
    """A photo with its ground truth. photo: (h, w, 3) uint8 sRGB. wall: (h, w) bool. valid: (h, w) bool, pixels that
    are evaluated."""

    name: str
    photo: Array
    wall: Array
    valid: Array


def labelled_photos(rooms: Sequence[Path], labels: Path, seed: int = 0) -> Iterator[LabelledPhoto]:
    """Yield photos of rooms: in the original paint, in another one of the split, and with each wall variant."""
    for path in rooms:
        record = room_file.read(path)
        label = labelling.read(labels / labelling.name_of(record.seed))
        wall, valid = label.coverage > 0.5, ~label.ignored
        if wall.mean() < MIN_WALL_SHARE:
            continue
        rng = np.random.default_rng([seed, record.seed])
        albedos = [np.asarray(record.old_paint)]
        albedos += [paints.sample(rng, record.split) for _ in range(PAINTS_PER_ROOM - 1)]
        images = [(f"paint {n}", buckets.radiance(record.buckets, albedo)) for n, albedo in enumerate(albedos)]
        images += [(view.kind, view.radiance) for view in record.wall_variants]
        for name, radiance in images:
            device = camera.sample(rng)
            photo = camera.capture(radiance, device, camera.meter(radiance, device), rng)
            yield LabelledPhoto(f"{record.seed} {name}", photo, wall, valid)


def iou(mask: Array, labelled: LabelledPhoto) -> float:
    """Return the intersection over union on valid pixels. mask: (h, w), 0..1 or bool."""
    hard = (mask > 0.5) & labelled.valid
    truth = labelled.wall & labelled.valid
    return float((hard & truth).sum() / max(1, (hard | truth).sum()))


@dataclass(frozen=True)
class SegmenterScores:
    """Evaluation of a wall segmenter.

    mean, median, worst: of IoU over photos; worst is the 10th percentile. pooled: IoU over the pixels of all photos.
    rough: mean without edge-aware refinement. photos, rooms: their numbers. expected_error: mean absolute error of the
    expected IoU. by_photo: IoU by photo.
    """

    mean: float
    median: float
    worst: float
    pooled: float
    rough: float
    photos: int
    rooms: int
    expected_error: float
    by_photo: dict[str, float]

    def line(self) -> str:
        """Return a summary line."""
        return (
            f"IoU on {self.photos} photos of {self.rooms} test rooms: mean {self.mean:.3f}, "
            f"10th percentile {self.worst:.3f}, pooled {self.pooled:.3f}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, rounded, without the single photos."""
        values = {key: value for key, value in vars(self).items() if key != "by_photo"}
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()}


def evaluate(
    segmenter: WallSegmenter, photos: Sequence[LabelledPhoto], on_progress: Callable[[], None] = lambda: None
) -> SegmenterScores:
    """Evaluate automatic wall detection, without clicks. on_progress: called after each photo."""
    from wallpaint.segment.detect import expected_iou

    by_photo, rough, expected = {}, [], []
    intersection = union = 0
    for labelled in photos:
        probability = segmenter.probability(labelled.photo)
        completed = regions.complete_surfaces(probability, labelled.photo).probability
        mask = edges.edge_aware_mask(completed, labelled.photo)
        by_photo[labelled.name] = iou(mask, labelled)
        resized = cv2.resize(probability, labelled.wall.shape[::-1], interpolation=cv2.INTER_AREA)
        rough.append(iou(resized, labelled))
        expected.append(expected_iou(probability, mask))
        hard, truth = (mask > 0.5) & labelled.valid, labelled.wall & labelled.valid
        intersection, union = intersection + int((hard & truth).sum()), union + int((hard | truth).sum())
        on_progress()
    values = np.array(list(by_photo.values()))
    return SegmenterScores(
        mean=float(values.mean()),
        median=float(np.median(values)),
        worst=float(np.quantile(values, 0.1)),
        pooled=intersection / max(1, union),
        rough=float(np.mean(rough)),
        photos=len(values),
        rooms=len({name.split()[0] for name in by_photo}),
        expected_error=float(np.abs(np.array(expected) - values).mean()),
        by_photo=by_photo,
    )


def calibrate(segmenter: WallSegmenter, photos: Sequence[LabelledPhoto]) -> Calibration:
    """Fit Platt scaling on photos: minimise the cross-entropy by Newton's method.

    segmenter: without calibration. Source: Platt 1999.
    """
    logits, truths = [], []
    for labelled in photos:
        p = np.clip(segmenter.probability(labelled.photo).astype(np.float64), 1e-6, 1 - 1e-6)
        resized = cv2.resize(np.log(p / (1 - p)), labelled.wall.shape[::-1], interpolation=cv2.INTER_AREA)
        logits.append(resized[labelled.valid][::CALIBRATION_STRIDE])
        truths.append(labelled.wall[labelled.valid][::CALIBRATION_STRIDE])
    x, y = np.concatenate(logits), np.concatenate(truths).astype(np.float64)
    weights = np.array([1.0, 0.0])  # scale, shift
    for _ in range(30):
        p = sigmoid(weights[0] * x + weights[1]).astype(np.float64)
        gradient = np.array([((p - y) * x).mean(), (p - y).mean()])
        curvature = p * (1 - p) + 1e-9
        cross = (curvature * x).mean()
        hessian = np.array([[(curvature * x * x).mean(), cross], [cross, curvature.mean()]])
        step = np.linalg.solve(hessian + 1e-9 * np.eye(2), gradient)
        weights = weights - np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-6:
            break
    return Calibration(float(weights[0]), float(weights[1]), segmenter.calibration.input_px)
