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
from wallpaint.imaging.annotations.entry import AnnotatedPhoto, LabeledRegions, Size, objects, size_of
from wallpaint.imaging.annotations.shapes import decode_brush, fill_polygon, points_of
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
        if kind == "polygon":
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
    y, x = np.ogrid[0 : size[0], 0 : size[1]]
    (center_x, center_y), edge = ends[0], ends[1]
    radius = float(np.hypot(*(edge - ends[0])))
    return np.asarray((x + 0.5 - center_x) ** 2 + (y + 0.5 - center_y) ** 2 <= radius**2)


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
        photos.append(AnnotatedPhoto(_names(task), size, partial(_studio_regions, results)))
    return photos


def _results(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The regions of a task's annotations, with `value` inside as the full export has it."""
    if not isinstance(task.get("annotations"), list):
        flat = [one for value in task.values() for one in objects(value)]
        return [{**one, "value": one} for one in flat if any(key.endswith("labels") for key in one)]
    valid = [one for one in objects(task["annotations"]) if not one.get("was_cancelled")]
    return [result for one in valid for result in objects(one.get("result"))]


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


def _studio_regions(results: list[Mapping[str, Any]]) -> LabeledRegions:
    labeled = LabeledRegions()
    for result in results:
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
            else:
                labeled.skip(label, str(result.get("type", "label without a region")))
    return labeled


def _percent_polygon(points: Any, size: Size) -> Array:
    return fill_polygon(points_of(points) * (np.array([size[1], size[0]]) / 100), size)


def _percent_rectangle(value: Mapping[str, Any], size: Size) -> Array:
    """A box in percent of the photo, turned clockwise about its top left corner."""
    try:
        x, y, width, height = (float(value[key]) for key in ("x", "y", "width", "height"))
        angle = np.deg2rad(float(value.get("rotation") or 0))
    except (TypeError, ValueError) as error:
        raise InputError("a rectangle is not given in numbers") from error
    scale = np.array([size[1], size[0]]) / 100
    across = np.array([np.cos(angle), np.sin(angle)]) * width * scale[0]
    down = np.array([-np.sin(angle), np.cos(angle)]) * height * scale[1]
    corner = np.array([x, y]) * scale
    return fill_polygon(np.array([corner, corner + across, corner + across + down, corner + down]), size)
