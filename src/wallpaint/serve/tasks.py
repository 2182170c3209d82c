"""What a worker does: one function a task, from files of the data folder to files and plain data.

Every function takes the worker's context, the folder of a photo, and arguments that the server has checked. Points are
fractions of the upright photo.
"""

from __future__ import annotations

import io
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from PIL import Image

from wallpaint.errors import InputError, WallpaintError
from wallpaint.files import atomic
from wallpaint.imaging.contact_sheet import preview as small_image
from wallpaint.imaging.photo import Limits, Photo, read_photo
from wallpaint.painters.protocol import Painter
from wallpaint.painters.registry import make_painter
from wallpaint.paints.palette import read_palette
from wallpaint.pipeline.identify import identify
from wallpaint.pipeline.repaint import Scene, prepare
from wallpaint.segment import network
from wallpaint.segment.detect import DetectedWalls, detect_walls
from wallpaint.serve import outputs
from wallpaint.serve.settings import MAX_PAINTS, PREVIEW_PX
from wallpaint.serve.store import PREVIEW, SOURCE, TRANSPARENCY, new_id
from wallpaint.serve.worker import Reporter
from wallpaint.typing import Array

PREVIEW_QUALITY = 90
_SIZES = {
    "source": 1,
    "preview": 3,
    "scene": 1,
    "preview scene": 3,
    "palette": 4,
}  # of the caches: entries that a worker keeps

T = TypeVar("T")
Point = Sequence[float]


class Context:
    """A worker's memory: networks, and the photos and scenes used last."""

    def __init__(self, reporter: Reporter, bundle: str | None) -> None:
        self.reporter, self.bundle = reporter, bundle
        self._cache: dict[str, OrderedDict[Any, Any]] = {kind: OrderedDict() for kind in _SIZES}
        self._painters: dict[str, Painter] = {}

    def warm_up(self) -> None:
        """Load the networks."""
        self.segmenter = network.load()
        image = np.full((64, 64, 3), 180, np.uint8)
        prepare(image, {"wall": np.full((64, 64), 255, np.uint8)}).repaint({"wall": "#7d9b84"}, painter=self.painter())

    def painter(self, name: str = "analytic") -> Painter:
        """Return a painter, which keeps its networks."""
        if name not in self._painters:
            self._painters[name] = make_painter(name, self.bundle if name != "analytic" else None)
        return self._painters[name]

    def forget(self, photo_id: str | None = None) -> None:
        """Release the pixels and scenes of a photo; of all if none is given."""
        for cache in self._cache.values():
            for key in [key for key in cache if photo_id in (None, key, key[0])]:
                del cache[key]

    def cached(self, kind: str, key: Any, make: Callable[[], T]) -> T:
        """Return a value of the cache, made if it is missing; the least recently used one makes room for it."""
        cache = self._cache[kind]
        if key in cache:
            cache.move_to_end(key)
        else:
            while len(cache) >= _SIZES[kind]:
                cache.popitem(last=False)
            cache[key] = make()
        value: T = cache[key]
        return value

    def source(self, folder: Path, limits: Limits) -> Photo:
        """Return a photo at full size, as uploaded."""
        return self.cached("source", folder.name, lambda: read_photo((folder / SOURCE).read_bytes(), limits))

    def preview(self, folder: Path) -> Photo:
        """Return a photo at preview size, 8-bit sRGB."""
        return self.cached("preview", folder.name, lambda: read_photo((folder / PREVIEW).read_bytes()))


# -- photos, walls and palettes


def read(context: Context, folder: str, max_bytes: int, max_pixels: int) -> dict[str, Any]:
    """Decode an upload, write its preview, and return its sizes and the photo's warnings. Raises InputError."""
    path = Path(folder)
    photo = context.source(path, Limits(max_bytes, max_pixels))
    image = small_image(photo, photo.codes, PREVIEW_PX)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=PREVIEW_QUALITY, subsampling=0)
    atomic.put(path / PREVIEW, data.getvalue(), durable=False)
    if photo.alpha is not None and int(photo.alpha.min()) == 0:
        opaque = cv2.resize((photo.alpha > 0).view(np.uint8) * 255, image.size, interpolation=cv2.INTER_AREA)
        _write_alpha(path / TRANSPARENCY, opaque)
    height, width = photo.size
    return {
        **{"format": photo.source.format, "bytes": (path / SOURCE).stat().st_size, "warnings": list(photo.warnings)},
        **{"width": width, "height": height, "preview_width": image.width, "preview_height": image.height},
    }


def detect(
    context: Context, folder: str, clicks: Sequence[Point], not_clicks: Sequence[Point], separate: bool
) -> dict[str, Any]:
    """Detect the walls of a photo at preview size and write their alphas. Raises InputError."""
    path = Path(folder)
    walls = _detect(context, path, clicks, not_clicks, separate)
    entries = []
    for name, mask in walls.masks.items():
        file = f"{new_id()}.png"
        _write_alpha(path / file, np.round(255 * mask).astype(np.uint8))
        share, confidence = float(mask.mean()), round(walls.confidence, 3)
        entries.append({"name": name, "file": file, "share": round(share, 4), "confidence": confidence})
    return {"walls": entries, "notes": [*walls.notes, *([walls.summary()] if walls.level == "low" else [])]}


def _detect(
    context: Context, folder: Path, clicks: Sequence[Point], not_clicks: Sequence[Point], separate: bool
) -> DetectedWalls:
    photo = context.preview(folder)
    on, off = ([pixel(point, photo.size) for point in points] for points in (clicks, not_clicks))
    walls = detect_walls(photo, segmenter=context.segmenter, clicks=on, not_clicks=off, separate=separate)
    if (folder / TRANSPARENCY).exists():
        opaque = _read_alpha(folder / TRANSPARENCY).astype(np.float32) / 255
        for mask in walls.masks.values():
            mask *= opaque
    return walls


def alpha(context: Context, folder: str, upload: str, width: int, height: int) -> dict[str, Any]:
    """Decode an uploaded alpha, a PNG of preview size whose red channel counts, and write it. Raises InputError."""
    path = Path(folder)
    photo = read_photo((path / upload).read_bytes(), Limits(max_pixels=width * height), grey_channels=1)
    if photo.source.format != "PNG":
        raise InputError(f"the alpha is a {photo.source.format} file: send a PNG of 8-bit grey values, white = wall")
    if photo.size != (height, width):
        raise InputError(f"the alpha is {photo.size[1]}x{photo.size[0]}, the preview is {width}x{height}: resize it")
    codes = photo.codes[..., 0]
    if codes.dtype == np.uint16:
        codes = ((codes.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    file = f"{new_id()}.png"
    _write_alpha(path / file, np.ascontiguousarray(codes))
    return {"file": file, "share": round(float(codes.mean()) / 255, 4)}


def palette(context: Context, file: str, name: str) -> dict[str, Any]:
    """Parse an uploaded palette. name: for messages. Raises InputError."""
    try:
        parsed = read_palette(file)
    except InputError as error:
        raise InputError(str(error).replace(file, name).replace(Path(file).name, name)) from error
    if len(parsed) > MAX_PAINTS:
        raise InputError(f"{name} has {len(parsed):,} paints: at most {MAX_PAINTS:,} are taken")
    keys = ("albedo_linear", "name", "code", "sheen", "lrv")
    paints = [{key: getattr(paint, key) for key in keys} for paint in parsed]
    return {"paints": paints, "warnings": list(parsed.warnings)}


def _write_alpha(path: Path, codes: Array) -> None:
    data = io.BytesIO()
    Image.fromarray(codes).save(data, "PNG", compress_level=1)
    atomic.put(path, data.getvalue(), durable=False)


def _read_alpha(path: Path) -> Array:
    """Return an alpha that a worker has written, (h, w) uint8."""
    with Image.open(path, formats=["PNG"]) as image:
        return np.array(image)


# -- previews


def preview(
    context: Context, folder: str, walls: Mapping[str, str], wall: str, hints: Mapping[str, Any], file: str
) -> dict[str, Any]:
    """Write the preview payload of one wall (docs/preview.md). walls: files of all walls' alphas by name."""
    from wallpaint.pipeline.preview import build_preview

    scene = _preview_scene(context, Path(folder), walls, hints)
    atomic.put(Path(folder) / file, build_preview(scene, wall, scene.photo.size), durable=False)
    return {}


def render(
    context: Context,
    folder: str,
    walls: Mapping[str, str],
    colors: Mapping[str, str],
    hints: Mapping[str, Any],
    options: Mapping[str, Any],
    palette_data: Mapping[str, Any] | None,
    file: str,
) -> dict[str, Any]:
    """Write the repainted photo at preview size, a JPEG, and return the report. colors: paints by wall."""
    chosen = {name: walls[name] for name in colors}
    scene = _preview_scene(context, Path(folder), chosen, hints)
    result = scene.repaint(outputs.paints(colors, palette_data), painter=context.painter(), **options)
    data = io.BytesIO()
    result.image.save(data, "JPEG", quality=PREVIEW_QUALITY, subsampling=0)
    atomic.put(Path(folder) / file, data.getvalue(), durable=False)
    return {"report": result.report}


def color(
    context: Context,
    folder: str,
    walls: Mapping[str, str],
    at: Point | None,
    hints: Mapping[str, Any],
    palette_file: str | None,
) -> dict[str, Any]:
    """Identify the paint of a wall, at a point or as a whole. palette_file: of the palette to compare with."""
    path = Path(folder)
    scene = _preview_scene(context, path, walls, hints)
    paints = (
        None if palette_file is None else context.cached("palette", palette_file, lambda: read_palette(palette_file))
    )
    return identify(scene, paints, None if at is None else pixel(at, scene.photo.size)).to_dict()


def _preview_scene(context: Context, folder: Path, walls: Mapping[str, str], hints: Mapping[str, Any]) -> Scene:
    """Return the scene at preview size, with all walls of the photo, or with the detected ones if there are none."""

    def make() -> Scene:
        photo = context.preview(folder)
        return prepare(photo, _masks(context, folder, walls), **outputs.scene_hints(hints, photo.size))

    key = (folder.name, *walls.items(), json.dumps(hints, sort_keys=True))
    return context.cached("preview scene", key, make)


def _masks(context: Context, folder: Path, walls: Mapping[str, str]) -> dict[str, Array]:
    """Return the alphas of walls by name, those of detected walls if there are none."""
    if not walls:
        return dict(_detect(context, folder, (), (), separate=False).masks)
    return {name: _read_alpha(folder / file).astype(np.float32) / np.float32(255) for name, file in walls.items()}


def pixel(point: Point, size: tuple[int, int]) -> tuple[int, int]:
    """Return the pixel (x, y) at a point given as fractions of a photo of a size (height, width)."""
    height, width = size
    return min(int(point[0] * width), width - 1), min(int(point[1] * height), height - 1)


# -- jobs


def repaint(
    context: Context,
    folder: str,
    walls: Mapping[str, str],
    colors: Mapping[str, str],
    hints: Mapping[str, Any],
    options: Mapping[str, Any],
    palette_data: Mapping[str, Any] | None,
    output: Mapping[str, Any],
    limits: Mapping[str, int],
) -> dict[str, Any]:
    """Repaint a photo at full size and write it in its own format, profile and bit depth.

    walls: files of alphas by name; empty to detect one wall, "wall". output: see `outputs.write`.
    """
    path, step = Path(folder), context.reporter.step
    step(0.05, "reading the photo")
    photo = context.source(path, Limits(**limits))

    def make() -> Scene:
        step(0.15, "preparing the walls")
        masks = _masks(context, path, walls)
        context.reporter.check()
        return prepare(photo, masks, fit_mask=True, **outputs.scene_hints(hints, photo.size))

    key = (path.name, *walls.items(), json.dumps(hints, sort_keys=True))
    scene = context.cached("scene", key, make)
    step(0.5, "painting")
    painter = context.painter(output["painter"])
    paints = outputs.paints(colors, palette_data, output["reference"], Limits(**limits))
    result = scene.repaint(paints, painter=painter, **options)
    step(0.8, "writing the file")
    return outputs.write(path, result, output)


def mask(
    context: Context,
    folder: str,
    clicks: Sequence[Point],
    not_clicks: Sequence[Point],
    separate: bool,
    output: Mapping[str, Any],
    limits: Mapping[str, int],
) -> dict[str, Any]:
    """Detect the walls at full size and write a PNG, or with `separate` a ZIP archive with one more per wall."""
    path, step = Path(folder), context.reporter.step
    step(0.05, "reading the photo")
    photo = context.source(path, Limits(**limits))
    on, off = ([pixel(point, photo.size) for point in points] for points in (clicks, not_clicks))
    step(0.2, "detecting walls")
    walls = detect_walls(photo, segmenter=context.segmenter, clicks=on, not_clicks=off, separate=separate)
    step(0.9, "writing the file")
    return outputs.write_masks(path, walls, output, separate=separate)


TASKS: Mapping[str, Callable[..., dict[str, Any]]] = {
    task.__name__: task for task in (read, detect, alpha, palette, preview, render, color, repaint, mask)
}
"""The tasks by name."""

__all__ = ["TASKS", "Context", "WallpaintError"]
