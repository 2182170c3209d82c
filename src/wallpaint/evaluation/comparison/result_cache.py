"""Cache of validation results: one file for each sample and candidate, so that a stopped run can be resumed.

A file's name is a digest of everything its numbers depend on. Changed settings, weights or images have another name,
so stale results are never reused. Files are written atomically.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np

from wallpaint.errors import InputError
from wallpaint.evaluation import metrics
from wallpaint.evaluation.comparison.samples import ValidationSample
from wallpaint.evaluation.comparison.scoring import Scores
from wallpaint.files import atomic
from wallpaint.html import images as page_images
from wallpaint.paints.reference import reference_pixels
from wallpaint.typing import Array

FORMAT = "wallpaint.validation-result/2"  # raise when the content of a file changes
CACHE_DIR = "cache"
IMAGE_PX = 320  # longest side on the page
DIGITS = 5
LIBRARIES = (
    *("numpy", "scipy", "scikit-image", "opencv-contrib-python-headless", "pillow"),
    *("torch", "diffusers", "transformers", "lpips", "torchvision"),
)


@dataclass(frozen=True)
class CachedResult:
    """The result of one sample and candidate.

    scores: by lock and metric, None where undefined. error: why there are none, or "". paint: #rrggbb, "" for a
    texture. images: data URIs of "source", "mask", "reference", "depth" and "truth" where available, and by lock of
    result and error map, such as "result off" and "map off".
    """

    key: str
    scores: dict[str, dict[str, float | None]] = field(default_factory=dict)
    error: str = ""
    paint: str = ""
    images: dict[str, str] = field(default_factory=dict)


def cache_key(candidate_digest: str, sample_id: str, seed: int, *, with_lpips: bool) -> str:
    """Return the key of a result. seed: of the run. with_lpips: whether LPIPS is measured."""
    values = [FORMAT, _code_digest(), candidate_digest, sample_id, seed, with_lpips]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


@cache
def _code_digest() -> str:
    """Digest of the package's files and of library versions; code in development changes without a new version."""
    total = hashlib.sha256(json.dumps([_version(name) for name in LIBRARIES]).encode())
    folder = Path(__file__).parents[2]
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"):
        total.update(path.relative_to(folder).as_posix().encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _version(library: str) -> str:
    try:
        return f"{library} {metadata.version(library)}"
    except metadata.PackageNotFoundError:
        return ""


def read(folder: Path, key: str) -> CachedResult | None:
    """Return the result with this key, or None if absent or damaged. folder: of the report."""
    try:
        content = json.loads(_path(folder, key).read_text(encoding="utf-8"))
        return CachedResult(**content) if content["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(folder: Path, result: CachedResult) -> None:
    """Write a result atomically. Raises InputError where the folder cannot be written to."""
    atomic.put(_path(folder, result.key), json.dumps(asdict(result)).encode())


def remove_partial_files(folder: Path) -> None:
    """Remove temporary files of a run that was killed while writing."""
    for path in (*(folder / CACHE_DIR).glob(f".*{atomic.PART}"), *folder.glob(f".{'[0-9a-f]' * 16}{atomic.PART}")):
        with contextlib.suppress(OSError):  # a read-only folder raises later, when a result is written
            path.unlink()


def _path(folder: Path, key: str) -> Path:
    return folder / CACHE_DIR / f"{key[:32]}.json"


def build_result(
    key: str,
    sample: ValidationSample,
    seed: int,
    repaints: Mapping[str, Array],
    scores: Mapping[str, Scores],
    depth: Array | None,
) -> CachedResult:
    """Build the result of a repainted sample.

    repaints, scores: by lock. depth: the depth map that the networks used, or None.
    """
    images = _input_images(sample, seed, depth)
    for lock, image in repaints.items():
        images[f"result {lock}"] = page_images.data_uri(image, IMAGE_PX)
        images[f"map {lock}"] = page_images.data_uri(error_map(sample, lock, image), IMAGE_PX)
    rounded = {
        lock: {name: None if math.isnan(v) else round(v, DIGITS) for name, v in values.items()}
        for lock, values in scores.items()
    }
    return CachedResult(key, rounded, "", "" if sample.swatch is None else sample.paint.hex, images)


def _input_images(sample: ValidationSample, seed: int, depth: Array | None) -> dict[str, str]:
    mask = np.repeat(np.round(255 * sample.alpha).astype(np.uint8)[..., None], 3, axis=2)
    images = {
        "source": sample.photo,
        "mask": mask,
        "reference": reference_pixels(sample.paint, np.random.default_rng(seed)),
    }
    shown_depth = sample.depth if depth is None else depth
    if shown_depth is not None:
        images["depth"] = page_images.depth_colormap(shown_depth)
    if sample.truth is not None:
        images["truth"] = sample.truth
    return {name: page_images.data_uri(image, IMAGE_PX) for name, image in images.items()}


def error_map(sample: ValidationSample, lock: str, image: Array) -> Array:
    """Return the CIEDE2000 of a repaint as a heatmap, (h, w, 3) uint8 RGB, at the page's size.

    On the wall against the true repaint, or against the paint where that is unknown; elsewhere against the photo.
    """
    small, photo, truth = (
        None if p is None else page_images.downscale(p, IMAGE_PX) for p in (image, sample.photo, sample.truth_for(lock))
    )
    assert small is not None
    assert photo is not None
    on_wall = page_images.downscale(sample.alpha, IMAGE_PX) >= metrics.WALL_ALPHA
    if truth is not None:
        return page_images.error_heatmap(metrics.delta_e_map(small, np.where(on_wall[..., None], truth, photo)))
    if sample.swatch is None:
        raise InputError(f"{sample.key}: a texture without a true repaint has nothing to be compared with")
    difference = metrics.delta_e_map(small, photo)
    difference[on_wall] = metrics.paint_errors(small[on_wall], sample.swatch)
    return page_images.error_heatmap(difference)
