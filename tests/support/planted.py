"""Painters with a known fault, and small sets to judge them on. Nothing here is a test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from support.measures import codes_of, linear
from wallpaint.data.dataset import WallInpaintingDataset
from wallpaint.data.settings import DataSettings
from wallpaint.evaluation.comparison import repainters as painting
from wallpaint.evaluation.comparison import samples
from wallpaint.evaluation.comparison.candidates import Candidate
from wallpaint.evaluation.comparison.samples import Sample
from wallpaint.evaluation.comparison.validation import Task, describe, gather
from wallpaint.imaging import color
from wallpaint.painters.analytic import AnalyticPainter

Array = np.ndarray
Fault = Callable[[Array, Sample], Array]
HUE_DEG, LEAK_PX, FLATTENED = 5.0, 2, 0.3


def turned(picture: Array, sample: Sample) -> Array:
    """The wall's hue turned by 5 degrees in CIELAB."""
    lab = color.linear_to_lab(linear(picture))
    angle = np.deg2rad(HUE_DEG)
    a, b = lab[..., 1].copy(), lab[..., 2].copy()
    lab[..., 1], lab[..., 2] = a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)
    return np.where(sample.alpha[..., None] > 0, codes_of(color.lab_to_linear(lab)), picture)


def leaking(picture: Array, sample: Sample) -> Array:
    """The paint two pixels over the wall's edge."""
    wall = (sample.alpha > 0).astype(np.uint8)
    over = cv2.dilate(wall, np.ones((2 * LEAK_PX + 1,) * 2, np.uint8)) > wall
    painted = codes_of(np.asarray(sample.paint.albedo_linear))
    return np.where(over[..., None], painted, picture)


def flattened(picture: Array, sample: Sample) -> Array:
    """The wall's shading with 70 % of its range."""
    wall = sample.alpha >= 0.99
    light = linear(picture)
    median = np.median(light[wall], axis=0)
    flat = median * (np.maximum(light, 1e-6) / median) ** (1 - FLATTENED)
    return np.where(wall[..., None], codes_of(flat), picture)


def candidate(name: str = "sound", fault: Fault | None = None, calls: list[str] | None = None) -> Candidate:
    """The analytic painter, with a fault in every picture if one is given. calls: gets the key of each sample.

    By formula alone: a photo's contrast is kept whole, so that a fault of known size is measured at that size.
    """
    give = painting.by_painter(AnalyticPainter(use_model=False))

    def faulty(sample: Sample, seed: int) -> dict[str, Array]:
        if calls is not None:
            calls.append(sample.key)
        found = give(sample, seed)
        return {lock: picture if fault is None else fault(picture, sample) for lock, picture in found.items()}

    return Candidate(name, {"warnings": []}, f"digest of {name}", lambda: (faulty, {}))


def task(root: Path, count: int, **options: object) -> Task:
    """Whole samples of a set's validation part."""
    data = WallInpaintingDataset(root, "validation", DataSettings(size=64, quality_threshold=0.0))
    return Task(data, root, samples.WHOLE, count, **options)  # type: ignore[arg-type]


def run_to(folder: Path, root: Path) -> str:
    """A whole run of two painters on a set, as text."""
    job, two = task(root, 6), [candidate(), candidate("leaking", leaking)]
    return json.dumps(describe(job, "analytic", two, gather(job, two, folder)))
