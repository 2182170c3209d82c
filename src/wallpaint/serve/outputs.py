"""Arguments of the library's functions from a request's plain data, and the files of finished jobs."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from wallpaint import extras
from wallpaint.errors import InputError, WallpaintError
from wallpaint.files import atomic
from wallpaint.imaging.photo import Limits
from wallpaint.paints.paint import Paint
from wallpaint.paints.reference import reference_pixels
from wallpaint.serve.settings import MEDIA_TYPES
from wallpaint.serve.store import palette_of

if TYPE_CHECKING:
    from wallpaint.pipeline.painting import Result
    from wallpaint.segment.detect import DetectedWalls

_SUBSTITUTES = {"GIF": "png", "RAW": "tiff"}  # formats that are read but not written


def scene_hints(hints: Mapping[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    """Return the keywords of `prepare` for a request's hints. size: (height, width) of the photo."""
    height, width = size
    white = hints.get("white")
    pixel = None if white is None else (min(int(white[0] * width), width - 1), min(int(white[1] * height), height - 1))
    return {"old_color": hints.get("old_color") or None, "white": pixel, "old_wall": hints.get("old_wall", "auto")}


def paints(
    colors: Mapping[str, str],
    palette: Mapping[str, Any] | None,
    reference: str | None = None,
    limits: Limits | None = None,
) -> dict[str, Paint]:
    """Return the paint of each wall. palette: plain data, or None. reference: file of a texture, for all walls."""
    lookup = None if palette is None else palette_of(palette["paints"], palette["name"])
    parsed = {name: Paint.parse(text, lookup) for name, text in colors.items()}
    if reference is None:
        return parsed
    try:
        pixels = reference_pixels(Paint((0.5, 0.5, 0.5), reference=Path(reference)), np.random.default_rng(0), limits)
    except InputError as error:  # without the server's path
        raise InputError(str(error).replace(reference, "reference")) from error
    return {name: paint.with_reference(pixels) for name, paint in parsed.items()}


def default_format(photo_format: str) -> tuple[str, list[str]]:
    """Return the API's name of the format for a photo's results, and notes where it is another format."""
    name = _SUBSTITUTES.get(photo_format, photo_format.lower())
    if name not in MEDIA_TYPES:
        name = "png"
    notes = [f"{photo_format} cannot be written: the result is {name.upper()}"] if photo_format in _SUBSTITUTES else []
    if name == "heic" and not extras.is_installed("pillow_heif"):
        return "jpeg", ["this server cannot write HEIC: the result is a JPEG"]
    return name, notes


def write(folder: Path, result: Result, output: Mapping[str, Any]) -> dict[str, Any]:
    """Write a result and return its file, media type and report.

    output: "file", the stem of the file's name; "name", the stem of its name for the user; "format", or None for the
    photo's; "keep_location"; "quality", or None.
    """
    name = output["format"]
    chosen, notes = default_format(result.photo.source.format) if name is None else (name, [])
    name = chosen
    suffix, media_type = MEDIA_TYPES[name]
    path = folder / f"{output['file']}{suffix}"
    try:
        written = result.save(path, strip_location=not output["keep_location"], quality=output["quality"])
    except WallpaintError as error:
        raise type(error)(str(error).replace(str(path), f"{output['name']}{suffix}")) from error
    report = {**result.report, "warnings": [*result.report["warnings"], *notes, *written.notes]}
    report["file"] = {"format": written.format, "lossy": written.lossy, "bit_depth": written.bit_depth}
    return {
        **{"file": path.name, "name": f"{output['name']}{suffix}", "media_type": media_type},
        "report": json.loads(json.dumps(report), parse_constant=lambda constant: None),  # JSON has no NaN
    }


def write_masks(folder: Path, walls: DetectedWalls, output: Mapping[str, Any], *, separate: bool) -> dict[str, Any]:
    """Write the mask of all walls, or an archive with that and one mask per wall. output: see `write`."""
    combined = _png(walls.combined)
    if separate:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("walls.png", combined)
            for name, mask in walls.masks.items():
                archive.writestr(f"{name}.png", _png(mask))
        suffix, media_type, content = ".zip", "application/zip", data.getvalue()
    else:
        suffix, media_type, content = ".png", "image/png", combined
    path = folder / f"{output['file']}{suffix}"
    atomic.put(path, content, durable=False)
    return {
        **{"file": path.name, "name": f"{output['name']}{suffix}", "media_type": media_type},
        "report": {**walls.to_dict(), "summary": walls.summary()},
    }


def _png(mask: Any) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.round(255 * mask).astype(np.uint8)).save(data, "PNG", compress_level=4)
    return data.getvalue()
