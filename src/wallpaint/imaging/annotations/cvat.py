"""CVAT for images 1.1: an XML file with polygons, boxes and masks of many photos."""

from __future__ import annotations

from functools import partial
from xml.etree import ElementTree

import numpy as np

from wallpaint.errors import InputError
from wallpaint.imaging.annotations.entry import AnnotatedPhoto, LabeledRegions, Size, size_of
from wallpaint.imaging.annotations.shapes import decode_counts, fill_polygon, points_of
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
    if root.tag != "annotations" or not images:
        raise InputError("the XML holds no annotated images: export CVAT for images 1.1")
    return [
        AnnotatedPhoto(
            (image.get("name", ""),), size_of(image.get("height"), image.get("width")), partial(_regions, image)
        )
        for image in images
    ]


def _regions(image: ElementTree.Element) -> LabeledRegions:
    labeled = LabeledRegions()
    for shape in image:
        label = shape.get("label")
        if label is None:
            continue
        if shape.tag == "polygon":
            labeled.add(label, partial(_polygon, shape))
        elif shape.tag == "box":
            labeled.add(label, partial(_box, shape))
        elif shape.tag == "mask":
            labeled.add(label, partial(_mask, shape))
        else:
            labeled.skip(label, shape.tag)
    return labeled


def _polygon(shape: ElementTree.Element, size: Size) -> Array:
    pairs = [pair.split(",") for pair in shape.get("points", "").split(";") if pair.strip()]
    return fill_polygon(points_of(pairs), size)


def _box(shape: ElementTree.Element, size: Size) -> Array:
    left, top, right, bottom = points_of([shape.get(key, "nan") for key in ("xtl", "ytl", "xbr", "ybr")]).ravel()
    return fill_polygon(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]), size)


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
