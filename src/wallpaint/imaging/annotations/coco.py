"""COCO: one JSON file for many photos, with polygons or run-length codes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from wallpaint.errors import InputError
from wallpaint.imaging.annotations.entry import AnnotatedPhoto, LabeledRegions, Size, as_mapping, objects, size_of
from wallpaint.imaging.annotations.shapes import decode_counts, fill_polygon, points_of, unpack_coco
from wallpaint.typing import Array


def coco_photos(document: Mapping[str, Any]) -> list[AnnotatedPhoto]:
    """Return the photos of a COCO file. document: its JSON object with images, annotations and categories."""
    by_image: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for annotation in objects(document.get("annotations")):
        if "segments_info" in annotation:
            raise InputError("a COCO panoptic file, whose masks are pictures: give the photo's PNG of it")
        by_image[str(annotation.get("image_id"))].append(annotation)
    categories = {str(one.get("id")): str(one.get("name")) for one in objects(document.get("categories"))}
    return [
        AnnotatedPhoto(
            (str(image.get("file_name")),),
            size_of(image.get("height"), image.get("width")),
            partial(_regions, by_image[str(image.get("id"))], categories),
        )
        for image in objects(document.get("images"))
    ]


def _regions(annotations: list[Mapping[str, Any]], categories: Mapping[str, str]) -> LabeledRegions:
    labeled = LabeledRegions(aliases=dict(categories))
    for annotation in annotations:
        category = str(annotation.get("category_id"))
        label = categories.get(category, category)
        segmentation = annotation.get("segmentation")
        if segmentation:
            labeled.add(label, partial(_draw, segmentation))
        else:
            labeled.skip(label, "bounding box")
    return labeled


def _draw(segmentation: Any, size: Size) -> Array:
    if isinstance(segmentation, list):
        regions = [segmentation] if isinstance(segmentation[0], int | float) else segmentation
        masks = [_draw(one, size) if isinstance(one, dict) else fill_polygon(points_of(one), size) for one in regions]
        return np.logical_or.reduce(masks)
    code = as_mapping(segmentation, "a segmentation")
    counts, stored = code.get("counts"), code.get("size")
    if isinstance(counts, str):
        counts = unpack_coco(counts)
    if not isinstance(counts, list) or not isinstance(stored, list) or len(stored) != 2:
        raise InputError("a run-length code has no counts and size")
    if tuple(stored) != size:
        raise InputError(f"a run-length code is {stored[0]}x{stored[1]}, its photo {size[0]}x{size[1]}")
    return decode_counts(counts, size, by_column=True)
