"""Candidates with a planted fault, and tasks on small sets."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from support.measures import codes_of, linear
from wallpaint.data.dataset import WallInpaintingDataset
from wallpaint.data.settings import SampleSettings
from wallpaint.evaluation.comparison import repainters, samples
from wallpaint.evaluation.comparison.candidates import Candidate
from wallpaint.evaluation.comparison.samples import ValidationSample
from wallpaint.evaluation.comparison.validation import ComparisonTask, build_report, collect_results
from wallpaint.imaging import color
from wallpaint.painters.analytic import AnalyticPainter

Array = np.ndarray
Fault = Callable[[Array, ValidationSample], Array]
HUE_DEG, LEAK_PX, CONTRAST_LOSS = 5.0, 2, 0.3


def hue_rotated(image: Array, sample: ValidationSample) -> Array:
    """Rotate the wall's CIELAB hue by 5 degrees."""
    lab = color.linear_to_lab(linear(image))
    angle = np.deg2rad(HUE_DEG)
    a, b = lab[..., 1].copy(), lab[..., 2].copy()
    lab[..., 1], lab[..., 2] = a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)
    return np.where(sample.alpha[..., None] > 0, codes_of(color.lab_to_linear(lab)), image)


def leaking(image: Array, sample: ValidationSample) -> Array:
    """Paint two pixels beyond the wall's edge."""
    wall = (sample.alpha > 0).astype(np.uint8)
    leak = cv2.dilate(wall, np.ones((2 * LEAK_PX + 1,) * 2, np.uint8)) > wall
    painted = codes_of(np.asarray(sample.paint.albedo_linear))
    return np.where(leak[..., None], painted, image)


def contrast_reduced(image: Array, sample: ValidationSample) -> Array:
    """Reduce the wall's contrast to 70 %."""
    wall = sample.alpha >= 0.99
    image_linear = linear(image)
    median = np.median(image_linear[wall], axis=0)
    reduced = median * (np.maximum(image_linear, 1e-6) / median) ** (1 - CONTRAST_LOSS)
    return np.where(wall[..., None], codes_of(reduced), image)


def make_candidate(
    name: str = "sound", fault: Fault | None = None, calls: list[str] | None = None, max_calls: int | None = None
) -> Candidate:
    """Return the analytic painter as a candidate, with a fault in every repaint if one is given.

    calls: receives the key of each sample. max_calls: block once `calls` has more entries than this. Without the light
    model, as the formula preserves the photo's contrast: a fault of known size is then measured at that size.
    """
    repaint = repainters.full_pipeline(AnalyticPainter(use_model=False))

    def faulty(sample: ValidationSample, seed: int) -> dict[str, Array]:
        if calls is not None:
            calls.append(sample.key)
            if max_calls is not None and len(calls) > max_calls:
                time.sleep(3600)
        repaints = repaint(sample, seed)
        return {lock: image if fault is None else fault(image, sample) for lock, image in repaints.items()}

    return Candidate(name, {"warnings": []}, f"digest of {name}", lambda: (faulty, {}))


def make_task(root: Path, count: int, **options: object) -> ComparisonTask:
    """Return a task on full photos of a set's validation split."""
    data = WallInpaintingDataset(root, "validation", SampleSettings(size=64, quality_threshold=0.0))
    return ComparisonTask(data, root, samples.FULL_PHOTO, count, **options)  # type: ignore[arg-type]


def run_and_dump(folder: Path, root: Path, max_calls: int | None = None) -> str:
    """Run two candidates on a set and return the report as JSON. max_calls: block after this number of repaints."""
    calls: list[str] = []
    task = make_task(root, 6)
    two = [make_candidate(calls=calls, max_calls=max_calls), make_candidate("leaking", leaking, calls, max_calls)]
    return json.dumps(build_report(task, "analytic", two, collect_results(task, two, folder)))
