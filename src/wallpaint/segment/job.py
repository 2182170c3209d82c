"""`wallpaint mask`, from file to file: a photo in; a mask, single walls and a picture to look at out."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from wallpaint.errors import InputError
from wallpaint.files import atomic
from wallpaint.imaging.photo import Limits, read_photo
from wallpaint.segment.detect import Point, detect_walls, overlay
from wallpaint.typing import Array


@dataclass(frozen=True)
class MaskJob:
    """What to find in one photo; the fields are the options of `wallpaint mask`."""

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
    """Find walls and write what was asked for; returns the one line that tells of it, and the report.

    The mask holds all walls; with `separate`, mask-1.png, mask-2.png, … beside it hold one each. Raises InputError
    or ModelError before anything is written.
    """
    clicks = [point(text, "--click") for text in job.clicks]
    not_clicks = [point(text, "--not") for text in job.not_clicks]
    for path in (job.output, *([job.overlay] if job.overlay is not None else [])):
        _check_output(path, job)
    default = Limits()
    limits = Limits(job.max_bytes or default.max_bytes, job.max_pixels or default.max_pixels)
    photo = read_photo(job.photo, limits)
    found = detect_walls(
        photo, finder=job.bundle, clicks=clicks, not_clicks=not_clicks, sam=job.sam, separate=job.separate
    )
    pictures: dict[Path, Array] = {job.output: _codes(found.whole)}
    if job.separate:
        for name, mask in found.masks.items():
            pictures[part_path(job.output, name)] = _codes(mask)
    if job.overlay is not None:
        pictures[job.overlay] = overlay(photo, found)
    for path in pictures:
        _check_output(path, job)
    for path, picture in pictures.items():
        atomic.put(path, _png(picture))
    report = {"photo": str(job.photo), "files": [str(path) for path in pictures], **found.to_dict()}
    return f"{job.photo.name}: {found.told()}", report


def part_path(output: Path, name: str) -> Path:
    """Where the mask of one wall goes: room.png and wall-2 make room-2.png."""
    return output.with_name(f"{output.stem}-{name.rpartition('-')[2]}{output.suffix}")


def point(text: str, option: str) -> Point:
    """X,Y as people write it. option: for the message. Raises InputError."""
    found = re.fullmatch(r"\s*(\d{1,6})\s*,\s*(\d{1,6})\s*", text)
    if not found:
        raise InputError(f"{option} wants X,Y in pixels from the top left, such as 120,80, not {text!r}")
    return int(found[1]), int(found[2])


def _check_output(path: Path, job: MaskJob) -> None:
    if path.suffix.lower() != ".png":
        raise InputError(f"{path}: masks and their overlays are PNG files: end the name with .png")
    if path.is_dir():
        raise InputError(f"{path}: is a folder: name a file")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}: make it first")
    if path.exists() and job.photo.exists() and path.samefile(job.photo):
        raise InputError(f"{path}: this is the photo: choose another name, so that nothing is lost")
    if job.overlay is not None and path is not job.overlay and path.resolve() == job.overlay.resolve():
        raise InputError(f"{path}: named for both a mask and the overlay: choose two names")


def _codes(alpha: Array) -> Array:
    return np.round(255 * alpha).astype(np.uint8)


def _png(picture: Array) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG", compress_level=4)
    return out.getvalue()
