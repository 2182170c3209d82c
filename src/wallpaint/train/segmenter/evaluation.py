"""How well walls are found: photos of rooms that it never learnt from, the masks against the walls that are there."""

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
from wallpaint.segment import edges
from wallpaint.segment.network import Calibration, Finder, sigmoid
from wallpaint.typing import Array

PAINTS = 2  # photos of each room in plain paint: its own, and another
LEAST_WALL = 0.01  # of the picture: with less there is nothing to find


@dataclass(frozen=True, eq=False)
class Shot:
    """A photo with its walls. photo: (h, w, 3) uint8 sRGB. wall, counts: (h, w) bool, what is wall, and what tells."""

    name: str
    photo: Array
    wall: Array
    counts: Array


def shots(rooms: Sequence[Path], labels: Path, seed: int = 0) -> Iterator[Shot]:
    """Photos of rooms as `pairs` takes them: the room's own paint, another of its split, and each dressing."""
    for path in rooms:
        record = room_file.read(path)
        seen = labelling.read(labels / labelling.name_of(record.seed))
        wall, counts = seen.coverage > 0.5, ~seen.ignored
        if wall.mean() < LEAST_WALL:
            continue
        rng = np.random.default_rng([seed, record.seed])
        paint = [np.asarray(record.old_paint), *(paints.sample(rng, record.split) for _ in range(PAINTS - 1))]
        lights = [(f"paint {n}", buckets.radiance(record.buckets, albedo)) for n, albedo in enumerate(paint)]
        lights += [(view.kind, view.radiance) for view in record.wall_variants]
        for name, light in lights:
            device = camera.sample(rng)
            photo = camera.capture(light, device, camera.meter(light, device), rng)
            yield Shot(f"{record.seed} {name}", photo, wall, counts)


def iou(found: Array, shot: Shot) -> float:
    """Intersection over union, pixels behind passages left out. found: (h, w), 0..1 or bool."""
    mask = (found > 0.5) & shot.counts
    truth = shot.wall & shot.counts
    return float((mask & truth).sum() / max(1, (mask | truth).sum()))


@dataclass(frozen=True)
class Scores:
    """mean, median, worst: of IoU over photos; worst is the tenth percentile. pooled: of all pixels at once.
    rough: mean without edges taken from the photo. photos, rooms: how many. expected_error: mean distance between the
    overlap that is foretold and the one there is. by_shot: IoU by photo."""

    mean: float
    median: float
    worst: float
    pooled: float
    rough: float
    photos: int
    rooms: int
    expected_error: float
    by_shot: dict[str, float]

    def line(self) -> str:
        """For people."""
        return (
            f"IoU on {self.photos} photos of {self.rooms} test rooms: mean {self.mean:.3f}, "
            f"tenth percentile {self.worst:.3f}, all pixels {self.pooled:.3f}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data without single photos, rounded."""
        values = {key: value for key, value in vars(self).items() if key != "by_shot"}
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()}


def evaluate(finder: Finder, made: Sequence[Shot], tick: Callable[[], None] = lambda: None) -> Scores:
    """Find the walls of each photo, as a user would."""
    from wallpaint.segment.detect import expected_overlap

    by_shot, rough, foretold = {}, [], []
    both = either = 0
    for shot in made:
        probability = finder.probability(shot.photo)
        mask = edges.sharpen(probability, shot.photo)
        by_shot[shot.name] = iou(mask, shot)
        small = cv2.resize(probability, shot.wall.shape[::-1], interpolation=cv2.INTER_AREA)
        rough.append(iou(small, shot))
        foretold.append(expected_overlap(probability, mask))
        hard, truth = (mask > 0.5) & shot.counts, shot.wall & shot.counts
        both, either = both + int((hard & truth).sum()), either + int((hard | truth).sum())
        tick()
    values = np.array(list(by_shot.values()))
    return Scores(
        mean=float(values.mean()),
        median=float(np.median(values)),
        worst=float(np.quantile(values, 0.1)),
        pooled=both / max(1, either),
        rough=float(np.mean(rough)),
        photos=len(values),
        rooms=len({name.split()[0] for name in by_shot}),
        expected_error=float(np.abs(np.array(foretold) - values).mean()),
        by_shot=by_shot,
    )


def calibrate(finder: Finder, made: Sequence[Shot]) -> Calibration:
    """Scale and shift that make probabilities hold on these photos: those of least cross-entropy, by Newton's method.

    finder: not calibrated yet. Source: Platt 1999.
    """
    logits, truths = [], []
    for shot in made:
        p = np.clip(finder.probability(shot.photo).astype(np.float64), 1e-6, 1 - 1e-6)
        small = cv2.resize(np.log(p / (1 - p)), shot.wall.shape[::-1], interpolation=cv2.INTER_AREA)
        logits.append(small[shot.counts][::7])  # neighbours tell nearly the same
        truths.append(shot.wall[shot.counts][::7])
    x, y = np.concatenate(logits), np.concatenate(truths).astype(np.float64)
    weights = np.array([1.0, 0.0])
    for _ in range(30):
        p = sigmoid(weights[0] * x + weights[1]).astype(np.float64)
        slope = np.array([((p - y) * x).mean(), (p - y).mean()])
        bend = p * (1 - p) + 1e-9
        hessian = np.array([[(bend * x * x).mean(), (bend * x).mean()], [(bend * x).mean(), bend.mean()]])
        step = np.linalg.solve(hessian + 1e-9 * np.eye(2), slope)
        weights = weights - np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-6:
            break
    return Calibration(float(weights[0]), float(weights[1]), finder.calibration.input_px)
