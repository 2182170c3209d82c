"""`wallpaint mask`, from file to file: from a photo to a mask, masks of single walls and an overlay."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wallpaint.errors import InputError
from wallpaint.files import atomic
from wallpaint.imaging.photo import Limits, read_photo
from wallpaint.scene.options import parse_point
from wallpaint.segment.detect import detect_walls, overlay
from wallpaint.typing import Array


@dataclass(frozen=True)
class MaskJob:
    """Wall detection on one photo; the fields are the options of `wallpaint mask`."""

    photo: Path
    output: Path
    clicks: tuple[str, ...] = ()
    not_clicks: tuple[str, ...] = ()
    separate: bool = False
    bundle: str | None = None
    sam: Path | None = None
    overlay: Path | None = None
    max_bytes: int | None = None
    max_pixels: int | None = None


def run(job: MaskJob) -> tuple[str, dict[str, Any]]:
    """Detect walls, write the requested files, and return the summary line and the report.

    The mask contains all walls; with `separate`, mask-1.png, mask-2.png, ... beside it contain one each. Raises
    InputError or ModelError before a file is written.
    """
    clicks = [parse_point(text, "clicks") for text in job.clicks]
    not_clicks = [parse_point(text, "not_clicks") for text in job.not_clicks]
    for path in (job.output, *([job.overlay] if job.overlay is not None else [])):
        _check_output(path, job)
    default = Limits()
    limits = Limits(job.max_bytes or default.max_bytes, job.max_pixels or default.max_pixels)
    photo = read_photo(job.photo, limits)
    walls = detect_walls(
        photo, segmenter=job.bundle, clicks=clicks, not_clicks=not_clicks, sam=job.sam, separate=job.separate
    )
    images: dict[Path, Array] = {job.output: _to_uint8(walls.combined)}
    if job.separate:
        for name, mask in walls.masks.items():
            images[wall_mask_path(job.output, name)] = _to_uint8(mask)
    if job.overlay is not None:
        images[job.overlay] = overlay(photo, walls)
    for path in images:
        _check_output(path, job)
    for path, image in images.items():
        atomic.put(path, _encode_png(image))
    report = {"photo": str(job.photo), "files": [str(path) for path in images], **walls.to_dict()}
    return f"{job.photo.name}: {walls.summary()}", report


def wall_mask_path(output: Path, name: str) -> Path:
    """Return the path of the mask of one wall: room-2.png for room.png and wall-2."""
    return output.with_name(f"{output.stem}-{name.rpartition('-')[2]}{output.suffix}")


def _check_output(path: Path, job: MaskJob) -> None:
    if path.suffix.lower() != ".png":
        raise InputError(f"{path}: masks and their overlays are PNG files: end the name with .png")
    if path.is_dir():
        raise InputError(f"{path}: is a folder: name a file")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}: create it first")
    if path.exists() and job.photo.exists() and path.samefile(job.photo):
        raise InputError(f"{path}: this is the photo, which would be overwritten: choose another name")
    if job.overlay is not None and path is not job.overlay and path.resolve() == job.overlay.resolve():
        raise InputError(f"{path}: named as both a mask and the overlay: choose two names")


def _to_uint8(alpha: Array) -> Array:
    return np.round(255 * alpha).astype(np.uint8)


def _encode_png(image: Array) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG", compress_level=4)
    return out.getvalue()
