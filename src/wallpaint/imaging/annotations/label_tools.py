"""labelme and Label Studio: JSON files of labelled outlines, boxes and brush strokes."""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from PIL import Image

from wallpaint.errors import InputError
from wallpaint.imaging.annotations.entry import AnnotatedPhoto, LabeledRegions, Size, numbers_of, objects, size_of
from wallpaint.imaging.annotations.shapes import decode_brush, fill_ellipse, fill_polygon, points_of, rectangle, turned
from wallpaint.typing import Array

# -- labelme


def labelme_photos(document: Mapping[str, Any]) -> list[AnnotatedPhoto]:
    """Return the photo of a labelme file. document: its JSON object with shapes and imagePath."""
    size = size_of(document.get("imageHeight"), document.get("imageWidth"))
    return [AnnotatedPhoto((str(document.get("imagePath") or ""),), size, partial(_labelme_regions, document))]


def _labelme_regions(document: Mapping[str, Any]) -> LabeledRegions:
    labeled = LabeledRegions()
    for shape in objects(document.get("shapes")):
        kind, points = str(shape.get("shape_type") or "polygon"), shape.get("points")
        if kind in ("polygon", "oriented_rectangle", "rotation"):  # the latter are X-AnyLabeling's
            labeled.add(shape.get("label"), partial(_polygon, points))
        elif kind == "rectangle":
            labeled.add(shape.get("label"), partial(_rectangle, points))
        elif kind == "circle":
            labeled.add(shape.get("label"), partial(_circle, points))
        elif kind == "mask" and isinstance(shape.get("mask"), str):
            labeled.add(shape.get("label"), partial(_labelme_mask, shape["mask"], points))
        else:
            labeled.skip(shape.get("label"), kind)
    return labeled


def _polygon(points: Any, size: Size) -> Array:
    return fill_polygon(points_of(points), size)


def _rectangle(points: Any, size: Size) -> Array:
    corners = points_of(points)
    if len(corners) < 2:
        raise InputError("a rectangle has fewer than two corners")
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return fill_polygon(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]), size)


def _circle(points: Any, size: Size) -> Array:
    ends = points_of(points)
    if len(ends) != 2:
        raise InputError("a circle has not two points")
    radius = float(np.hypot(*(ends[1] - ends[0])))
    return fill_ellipse((float(ends[0, 0]), float(ends[0, 1])), (radius, radius), size)


def _labelme_mask(text: str, points: Any, size: Size) -> Array:
    """A shape of the tool's AI mode: a base64 PNG at the place of its first point."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=False)), formats=["PNG"]) as image:
            if image.width * image.height > size[0] * size[1] + size[0] + size[1] + 1:
                raise InputError("a mask shape is larger than its photo")
            inside = np.array(image.convert("L")) > 0
    except (OSError, binascii.Error, SyntaxError) as error:
        raise InputError("a mask shape holds no picture") from error
    left, top = (round(float(value)) for value in points_of(points)[0])
    mask = np.zeros(size, bool)
    rows, columns = min(inside.shape[0], size[0] - top), min(inside.shape[1], size[1] - left)
    if min(left, top) < 0 or min(rows, columns) <= 0:
        raise InputError("a mask shape lies outside of its photo")
    mask[top : top + rows, left : left + columns] = inside[:rows, :columns]
    return mask


# -- Label Studio


def label_studio_photos(tasks: list[Any]) -> list[AnnotatedPhoto]:
    """Return the photos of a Label Studio export (JSON or JSON-MIN). tasks: its list of objects."""
    photos = []
    for task in objects(tasks):
        results = _results(task)
        sizes = (size_of(one.get("original_height"), one.get("original_width")) for one in results)
        size = next((one for one in sizes if one is not None), None)
        photos.append(AnnotatedPhoto(_names(task), size, partial(_studio_regions, task, results)))
    return photos


def _results(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The regions of a task's annotations, with `value` inside as the full export has it."""
    if not isinstance(task.get("annotations"), list):
        flat = [one for value in task.values() for one in objects(value)]
        return [{**one, "value": one} for one in flat if any(key.endswith("labels") for key in one)]
    return [result for one in _valid(task["annotations"]) for result in objects(one.get("result"))]


def _valid(annotations: Any) -> list[Mapping[str, Any]]:
    """The annotations of a task that were not skipped, each by one annotator."""
    return [one for one in objects(annotations) if not one.get("was_cancelled")]


def _names(task: Mapping[str, Any]) -> tuple[str, ...]:
    """File names of a task's photo: of the upload and its address, with and without the prefix of an upload."""
    data = task.get("data")
    values = [task.get("file_upload"), *(data.values() if isinstance(data, dict) else task.values())]
    names: list[str] = []
    for value in values:
        if not isinstance(value, str) or not re.search(r"\.\w{2,5}(?:\?|$)|\?d=", value):
            continue
        address = urlsplit(value)
        path = unquote(parse_qs(address.query).get("d", [address.path or value])[0])
        names += [path, re.sub(r"^[0-9a-f]{8}-", "", re.split(r"[\\/]", path)[-1])]
    return tuple(dict.fromkeys(names))


def _studio_regions(task: Mapping[str, Any], results: list[Mapping[str, Any]]) -> LabeledRegions:
    labeled = LabeledRegions()
    annotations = _valid(task.get("annotations"))
    if not any(one.get("result") for one in annotations) and task.get("predictions"):
        raise InputError("this photo has predictions only: accept them in Label Studio, and export again")
    if len(annotations) > 1:
        labeled.notes.append(f"{len(annotations)} annotations of this photo, each by one annotator, were united")
    for result in results:
        if result.get("image_rotation"):
            raise InputError(f"the photo was rotated by {result['image_rotation']} degrees in Label Studio: undo that")
        value = result.get("value")
        if not isinstance(value, dict):
            continue
        labels = [label for key, names in value.items() if key.endswith("labels") and isinstance(names, list)
                  for label in names]  # fmt: skip
        for label in labels:
            if isinstance(value.get("rle"), list):
                labeled.add(label, partial(decode_brush, value["rle"]))
            elif isinstance(value.get("points"), list):
                labeled.add(label, partial(_percent_polygon, value["points"]))
            elif {"x", "y", "width", "height"} <= value.keys():
                labeled.add(label, partial(_percent_rectangle, value))
            elif {"x", "y", "radiusX", "radiusY"} <= value.keys():
                labeled.add(label, partial(_percent_ellipse, value))
            else:
                labeled.skip(label, str(result.get("type", "label without a region")))
    return labeled


def _percent_polygon(points: Any, size: Size) -> Array:
    return fill_polygon(points_of(points) * (np.array([size[1], size[0]]) / 100), size)


def _percent_rectangle(value: Mapping[str, Any], size: Size) -> Array:
    """A box in percent of the photo, turned clockwise about its top left corner."""
    x, y, width, height = numbers_of(value, ("x", "y", "width", "height"), "a rectangle")
    scale = np.array([size[1], size[0]]) / 100
    left, top, right, bottom = np.concatenate([(x, y) * scale, (x + width, y + height) * scale])
    return fill_polygon(turned(rectangle((left, top, right, bottom)), np.array([left, top]), _rotation(value)), size)


def _percent_ellipse(value: Mapping[str, Any], size: Size) -> Array:
    """An ellipse in percent of the photo, turned clockwise about its centre."""
    x, y, across, down = numbers_of(value, ("x", "y", "radiusX", "radiusY"), "an ellipse")
    scale_x, scale_y = size[1] / 100, size[0] / 100
    return fill_ellipse((x * scale_x, y * scale_y), (across * scale_x, down * scale_y), size, _rotation(value))


def _rotation(value: Mapping[str, Any]) -> float:
    """Clockwise degrees."""
    return numbers_of(value, ("rotation",), "a rotation")[0] if value.get("rotation") else 0.0
