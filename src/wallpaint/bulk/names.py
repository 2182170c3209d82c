"""Deterministic names of results: the same photo, masks, paint, options and versions give the same name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from wallpaint.bulk.manifest import Row
from wallpaint.imaging.write import FORMATS
from wallpaint.paints.paint import Paint
from wallpaint.pipeline.job import RepaintJob, paint_slug
from wallpaint.version import __version__

_COMPUTING_PACKAGES = ("numpy", "onnxruntime", "pillow")
_KEY_DIGITS = 16
_MAX_STEM = 80


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal digits. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def versions() -> Mapping[str, str]:
    """Return the versions on which a result's pixels depend."""
    return {"wallpaint": __version__, **{name: version(name) for name in _COMPUTING_PACKAGES}}


def output_names(row: Row) -> tuple[str, ...]:
    """Return the file name of each result of a row: photo, paint and a key of all that the result depends on.

    Reads the photo, its masks and the palette. Bundles and LoRAs count by name, not by content. Raises OSError if a
    file cannot be read.
    """
    job = row.job
    photo = file_sha256(job.photo)
    masks = {wall: file_sha256(path) for wall, path in row.masks.items()}
    suffix = job.photo.suffix.lower() if job.photo.suffix.lower() in FORMATS else ".png"
    fixed = {"photo": photo, "masks": masks, "options": _options(job), "versions": dict(versions())}
    names = []
    for paints in row.assignments:
        described = {wall: _paint(paint, job.reference) for wall, paint in paints.items()}
        text = json.dumps({**fixed, "paints": described}, sort_keys=True, default=str)
        key = hashlib.sha256(text.encode("utf-8")).hexdigest()[:_KEY_DIGITS]
        names.append(f"{job.photo.stem[:_MAX_STEM]}_{_label(paints.values())}_{key}{suffix}")
    return tuple(names)


def _options(job: RepaintJob) -> dict[str, Any]:
    writing: dict[str, Any] = {"strip_location": job.strip_location, "quality": job.quality}
    options = (job.scene_options, job.repaint_options, job.settings)
    if job.scene_options.old_color is not None and job.palette is not None:  # it may be a code of the palette
        writing["palette"] = file_sha256(job.palette)
    return {**writing, **{type(one).__name__: asdict(one) for one in options}}


def _paint(paint: Paint, reference: Path | None) -> dict[str, Any]:
    picture = None if reference is None else file_sha256(reference)
    return {"albedo_linear": paint.albedo_linear, "sheen": paint.sheen, "lrv": paint.lrv, "reference": picture}


def _label(paints: Iterable[Paint]) -> str:
    return "_".join(paint_slug(paint)[:40] for paint in list(paints)[:3])
