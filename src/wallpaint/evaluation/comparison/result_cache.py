"""What became of one sample under one candidate: a file that is whole or not there, so that a run can be broken off.

A part's name holds a sum over all that its numbers depend on. So a changed setting, weight or picture makes another
part, and is never mixed in; what is there already is not made again.
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
from wallpaint.evaluation.comparison.samples import Sample
from wallpaint.evaluation.comparison.scoring import Scores
from wallpaint.files import atomic
from wallpaint.html import images as page_pictures
from wallpaint.paints.reference import reference_pixels
from wallpaint.typing import Array

FORMAT = "wallpaint.validation-part/1"  # raised when a part comes to hold something else
FOLDER = "parts"
PICTURE_PX = 320  # longest side on the page
DIGITS = 5
LIBRARIES = (
    *("numpy", "scipy", "scikit-image", "opencv-contrib-python-headless", "pillow"),
    *("torch", "diffusers", "transformers", "lpips", "torchvision"),
)


@dataclass(frozen=True)
class Part:
    """One sample under one candidate.

    scores: by lock and metric, None for what cannot be measured. error: why there are none, or "". paint: #rrggbb, ""
    for a texture. pictures: data URIs of source, mask, reference, depth and truth as far as there are any, and of
    result and map by lock, such as "result off".
    """

    key: str
    scores: dict[str, dict[str, float | None]] = field(default_factory=dict)
    error: str = ""
    paint: str = ""
    pictures: dict[str, str] = field(default_factory=dict)


def key_of(candidate: str, sample: str, seed: int, *, perceptual: bool) -> str:
    """A part's key. candidate, sample: their sums. seed: of the run. perceptual: whether LPIPS is measured."""
    told = [FORMAT, _program(), candidate, sample, seed, perceptual]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@cache
def _program() -> str:
    """A sum over the program itself and what lies in its package: under development it changes without its number.

    Also over the libraries that numbers come from.
    """
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


def read(folder: Path, key: str) -> Part | None:
    """The part of that key, or None. folder: of the report."""
    try:
        found = json.loads(_path(folder, key).read_text())
        return Part(**found) if found["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(folder: Path, part: Part) -> None:
    """Raises InputError where the folder cannot be written to."""
    atomic.put(_path(folder, part.key), json.dumps(asdict(part)).encode())


def sweep(folder: Path) -> None:
    """Remove what a run that was killed while writing left behind."""
    for path in (*(folder / FOLDER).glob(f".*{atomic.PART}"), *folder.glob(f".{'[0-9a-f]' * 16}{atomic.PART}")):
        with contextlib.suppress(OSError):  # a folder that cannot be changed is told when it is written to
            path.unlink()


def _path(folder: Path, key: str) -> Path:
    return folder / FOLDER / f"{key[:32]}.json"


def made(
    key: str,
    sample: Sample,
    seed: int,
    pictures: Mapping[str, Array],
    scores: Mapping[str, Scores],
    depth: Array | None,
) -> Part:
    """The part of a sample that was repainted. pictures, scores: by lock. depth: what the networks saw, or None."""
    shown = _inputs(sample, seed, depth)
    for lock, picture in pictures.items():
        shown[f"result {lock}"] = page_pictures.uri(picture, PICTURE_PX)
        shown[f"map {lock}"] = page_pictures.uri(error_map(sample, lock, picture), PICTURE_PX)
    plain = {
        lock: {name: None if math.isnan(v) else round(v, DIGITS) for name, v in found.items()}
        for lock, found in scores.items()
    }
    return Part(key, plain, "", "" if sample.swatch is None else sample.paint.hex, shown)


def _inputs(sample: Sample, seed: int, depth: Array | None) -> dict[str, str]:
    mask = np.repeat(np.round(255 * sample.alpha).astype(np.uint8)[..., None], 3, axis=2)
    shown = {
        "source": sample.photo,
        "mask": mask,
        "reference": reference_pixels(sample.paint, np.random.default_rng(seed)),
    }
    found = sample.depth if depth is None else depth
    if found is not None:
        shown["depth"] = page_pictures.depth_in_colour(found)
    if sample.truth is not None:
        shown["truth"] = sample.truth
    return {name: page_pictures.uri(picture, PICTURE_PX) for name, picture in shown.items()}


def error_map(sample: Sample, lock: str, picture: Array) -> Array:
    """The CIEDE2000 of a repaint as a picture (h, w, 3) uint8 RGB of the page's size: on the wall to the truth, or to
    the paint where none is known; elsewhere to the photo."""
    small, photo, truth = (
        None if p is None else page_pictures.shrunk(p, PICTURE_PX)
        for p in (picture, sample.photo, sample.truth_with(lock))
    )
    assert small is not None
    assert photo is not None
    on_wall = page_pictures.shrunk(sample.alpha, PICTURE_PX) >= metrics.WALL_ALPHA
    if truth is not None:
        return page_pictures.heat(metrics.delta_e_map(small, np.where(on_wall[..., None], truth, photo)))
    if sample.swatch is None:
        raise InputError(f"{sample.key}: a texture without a true repaint has nothing to be compared with")
    difference = metrics.delta_e_map(small, photo)
    difference[on_wall] = metrics.paint_errors(small[on_wall], sample.swatch)
    return page_pictures.heat(difference)
