"""Annotation files as tools write them, made from masks and points."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

Size = tuple[int, int]


def coco_counts(mask: np.ndarray) -> list[int]:
    """The run lengths of a mask (H, W) bool, down the columns, outside first."""
    return _counts(mask.T.ravel())


def _counts(flat: np.ndarray) -> list[int]:
    edges = np.flatnonzero(np.diff(flat.astype(np.int8))) + 1
    runs = np.diff([0, *edges, flat.size]).tolist()
    return [0, *runs] if flat[0] else runs


def packed_counts(counts: Sequence[int]) -> str:
    """COCO's compressed text of run lengths. Source: maskApi.c, rleToString."""
    text = ""
    for index, count in enumerate(counts):
        value = count - counts[index - 2] if index > 2 else count
        while True:
            code, value = value & 31, value >> 5
            more = value != (-1 if code & 16 else 0)
            text += chr((code | 32 if more else code) + 48)
            if not more:
                break
    return text


def brush_codes(mask: np.ndarray) -> list[int]:
    """The bytes of Label Studio's code of a mask: runs of its RGBA values, and single values in between."""
    values = np.repeat(mask.ravel().astype(np.uint8) * 255, 4)
    bits = f"{values.size:032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    edges = [0, *(np.flatnonzero(np.diff(values.astype(np.int16))) + 1).tolist(), values.size]
    for start, stop in itertools.pairwise(edges):
        while start < stop:
            length = min(stop - start, 65536)
            kind = next(i for i, size in enumerate((3, 4, 8, 16)) if length <= 1 << size)
            width = (3, 4, 8, 16)[kind]
            is_run = length > 4
            coded = (
                f"{values[start]:08b}"
                if is_run
                else "".join(f"{value:08b}" for value in values[start : start + length])
            )
            bits += f"{int(is_run)}{kind:02b}{length - 1:0{width}b}{coded}"
            start += length
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def coco(photos: Mapping[str, Sequence[tuple[str, Any]]], size: Size) -> dict[str, Any]:
    """A COCO file of photos of one size: labels and segmentations by file name."""
    labels = sorted({label for regions in photos.values() for label, _ in regions})
    annotations = [
        {"id": 1, "image_id": number, "category_id": 10 + labels.index(label), "segmentation": segmentation,
         "bbox": [0, 0, 1, 1], "iscrowd": int(isinstance(segmentation, dict))}
        for number, regions in enumerate(photos.values(), 1)
        for label, segmentation in regions
    ]  # fmt: skip
    return {
        "images": [
            {"id": number, "file_name": name, "height": size[0], "width": size[1]}
            for number, name in enumerate(photos, 1)
        ],
        "annotations": annotations,
        "categories": [{"id": 10 + index, "name": label} for index, label in enumerate(labels)],
    }


def labelme(name: str, size: Size, shapes: Sequence[tuple[str, str, Any]]) -> dict[str, Any]:
    """A labelme file: label, type and points of each shape."""
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": [
            {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}}
            for label, kind, points in shapes
        ],
        "imagePath": name,
        "imageData": None,
        "imageHeight": size[0],
        "imageWidth": size[1],
    }


def label_studio(photos: Mapping[str, Sequence[tuple[str, dict[str, Any]]]], size: Size) -> list[dict[str, Any]]:
    """A Label Studio export: type and value of each result by the photo's address."""
    return [
        {
            "id": number,
            "data": {"image": address},
            "annotations": [
                {
                    "was_cancelled": False,
                    "result": [
                        {"type": kind, "value": value, "original_width": size[1], "original_height": size[0]}
                        for kind, value in results
                    ],
                }
            ],
        }
        for number, (address, results) in enumerate(photos.items(), 1)
    ]


def cvat_video(frames: Mapping[int, Sequence[tuple[str, str]]], size: Size) -> str:
    """A CVAT file of a video: label and attributes (points, outside) of each polygon by frame; one track for each."""
    tracks = "".join(
        f'<track id="{track}" label="{label}" source="manual"><polygon frame="{frame}" {attributes}/></track>'
        for frame, shapes in frames.items()
        for track, (label, attributes) in enumerate(shapes)
    )
    original = f"<original_size><width>{size[1]}</width><height>{size[0]}</height></original_size>"
    return (
        f'<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task>{original}</task></meta>'
        f"{tracks}</annotations>"
    )


def cvat(photos: Mapping[str, Sequence[tuple[str, str, Any]]], size: Size) -> str:
    """A CVAT file: label, kind and points (x, y, ...) or mask of each shape by file name."""
    images = ""
    for number, (name, shapes) in enumerate(photos.items()):
        lines = ""
        for label, kind, value in shapes:
            if kind == "polygon":
                pairs = ";".join(f"{x:.2f},{y:.2f}" for x, y in np.reshape(value, (-1, 2)))
                lines += f'<polygon label="{label}" source="manual" points="{pairs}"></polygon>'
            elif kind == "box":
                x, y = value[0::2], value[1::2]
                lines += f'<box label="{label}" xtl="{min(x)}" ytl="{min(y)}" xbr="{max(x)}" ybr="{max(y)}"></box>'
            elif kind in ("turned box", "ellipse"):
                lines += f'<{kind.split()[-1]} label="{label}" {value}></{kind.split()[-1]}>'
            else:
                rows, columns = np.flatnonzero(value.any(1)), np.flatnonzero(value.any(0))
                inner = value[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
                runs = ", ".join(map(str, _counts(inner.ravel())))
                lines += (
                    f'<mask label="{label}" rle="{runs}" left="{columns[0]}" top="{rows[0]}" '
                    f'width="{inner.shape[1]}" height="{inner.shape[0]}"></mask>'
                )
        images += f'<image id="{number}" name={quoteattr(name)} width="{size[1]}" height="{size[0]}">{lines}</image>'
    return f'<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>{images}</annotations>'
