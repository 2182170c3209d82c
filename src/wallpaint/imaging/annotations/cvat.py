"""CVAT for images 1.1 and for video 1.1: an XML file with polygons, boxes, ellipses and masks of many photos.

Photos of a video have no file names; CVAT writes their pictures as frame_000007.PNG.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from xml.etree import ElementTree

import numpy as np

from wallpaint.errors import InputError
from wallpaint.imaging.annotations.entry import AnnotatedPhoto, LabeledRegions, Size, numbers_of, size_of
from wallpaint.imaging.annotations.shapes import decode_counts, fill_ellipse, fill_polygon, points_of, rectangle
from wallpaint.typing import Array


def cvat_photos(text: str) -> list[AnnotatedPhoto]:
    """Return the photos of a CVAT file. text: the XML. Raises InputError for other XML."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InputError("an XML file with a document type: export CVAT for images 1.1")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise InputError(f"the XML is damaged ({error})") from error
    if root.tag == "annotation":
        raise InputError("a Pascal VOC file, which holds boxes: give the PNG of the segmentation")
    images = root.findall("image")
    if root.tag == "annotations" and not images and root.find("track") is not None:
        return _frames(root)
    if root.tag != "annotations" or not images:
        raise InputError("the XML holds no annotated images: export CVAT for images 1.1")
    return [
        AnnotatedPhoto(
            (image.get("name", ""),), size_of(image.get("height"), image.get("width")), partial(_regions, image)
        )
        for image in images
    ]


def _frames(root: ElementTree.Element) -> list[AnnotatedPhoto]:
    """The frames of a video: the shapes of all tracks that are inside of the picture there."""
    frames: dict[int, list[tuple[str | None, ElementTree.Element]]] = defaultdict(list)
    for track in root.findall("track"):
        for shape in track:
            frame = shape.get("frame", "")
            if frame.isdecimal() and shape.get("outside") != "1":
                frames[int(frame)].append((track.get("label"), shape))
    size = size_of(root.findtext(".//original_size/height"), root.findtext(".//original_size/width"))
    photos = []
    for number, shapes in sorted(frames.items()):
        names = tuple(f"frame_{number:06d}{suffix}" for suffix in (".PNG", ".jpg", ".jpeg", ""))
        photos.append(AnnotatedPhoto(names, size, partial(_labeled, shapes)))
    return photos


def _regions(image: ElementTree.Element) -> LabeledRegions:
    return _labeled([(shape.get("label"), shape) for shape in image])


def _labeled(shapes: Sequence[tuple[str | None, ElementTree.Element]]) -> LabeledRegions:
    labeled = LabeledRegions()
    for label, shape in shapes:
        if label is None:
            continue
        draw = _SHAPES.get(shape.tag)
        if draw is None:
            labeled.skip(label, shape.tag)
        else:
            labeled.add(label, partial(draw, shape))
    return labeled


def _polygon(shape: ElementTree.Element, size: Size) -> Array:
    pairs = [pair.split(",") for pair in shape.get("points", "").split(";") if pair.strip()]
    return fill_polygon(points_of(pairs), size)


def _box(shape: ElementTree.Element, size: Size) -> Array:
    left, top, right, bottom = numbers_of(shape.attrib, ("xtl", "ytl", "xbr", "ybr"), "a box")
    return fill_polygon(rectangle((left, top, right, bottom), _rotation(shape)), size)


def _ellipse(shape: ElementTree.Element, size: Size) -> Array:
    x, y, across, down = numbers_of(shape.attrib, ("cx", "cy", "rx", "ry"), "an ellipse")
    return fill_ellipse((x, y), (across, down), size, _rotation(shape))


def _rotation(shape: ElementTree.Element) -> float:
    """Clockwise degrees."""
    return numbers_of(shape.attrib, ("rotation",), "a rotation")[0] if "rotation" in shape.attrib else 0.0


def _mask(shape: ElementTree.Element, size: Size) -> Array:
    try:
        left, top, width, height = (int(float(shape.get(key, "nan"))) for key in ("left", "top", "width", "height"))
        counts = [int(run) for run in shape.get("rle", "").split(",")]
    except ValueError as error:
        raise InputError("a mask has no numbers for its box or its runs") from error
    if min(left, top) < 0 or left + width > size[1] or top + height > size[0] or min(width, height) < 1:
        raise InputError("a mask lies outside of its photo")
    mask = np.zeros(size, bool)
    mask[top : top + height, left : left + width] = decode_counts(counts, (height, width), by_column=False)
    return mask


_SHAPES = {"polygon": _polygon, "box": _box, "ellipse": _ellipse, "mask": _mask}
