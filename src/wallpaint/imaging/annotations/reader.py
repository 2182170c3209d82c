"""Annotation files: which format they are in, and the mask of one photo and one label."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from wallpaint.errors import InputError
from wallpaint.files.names import composed, decode_text
from wallpaint.imaging.annotations.coco import coco_photos
from wallpaint.imaging.annotations.cvat import cvat_photos
from wallpaint.imaging.annotations.entry import AnnotatedPhoto, LabeledRegions, Size
from wallpaint.imaging.annotations.label_tools import label_studio_photos, labelme_photos
from wallpaint.typing import Array

DEFAULT_LABEL: Final = "wall"
_MAX_PIXELS_OF_SIZE: Final = 200_000_000
_LISTED: Final = 6


@dataclass(frozen=True, eq=False)
class AnnotatedMask:
    """The mask of a label. mask: (H, W) bool. format: the annotation format. warnings: what was guessed."""

    mask: Array
    format: str
    warnings: tuple[str, ...]


def is_annotation(start: bytes) -> bool:
    """Whether a file is a text in which annotations may be. start: its first bytes."""
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return start[2:3] in b"{[<" or start[3:4] in b"{[<"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return text[:1] in (b"{", b"[") or (text[:1] == b"<" and b"<annotation" in start)


def read_annotation(
    data: bytes,
    label: str | None,
    photo_name: str | None,
    photo_size: Size | None,
    max_pixels: int = _MAX_PIXELS_OF_SIZE,
) -> AnnotatedMask:
    """Return the mask of a label in a photo.

    data: a COCO, labelme or Label Studio JSON file, or a CVAT XML file. label: a name, without regard to case, or an id
    of COCO; `DEFAULT_LABEL` if None. photo_name: the photo's file name, which chooses the entry; None if there is only
    one. photo_size: (height, width), used if the file has none. max_pixels: largest picture. Raises InputError.
    """
    kind, photos = _photos(data)
    photo, warnings = _entry(photos, photo_name)
    size = photo.size or photo_size
    if size is None:
        raise InputError("it does not have the size of its photo")
    if size[0] * size[1] > max_pixels:
        raise InputError(f"its photo has {size[1]}x{size[0]} pixels, over the limit of {max_pixels:,}")
    labeled = photo.read()
    names = _names_of_label(labeled, label)
    name = names[0]
    mask = np.zeros(size, bool)
    for draw in (draw for one in names for draw in labeled.regions[one]):
        mask |= draw(size)
    if not mask.any():
        raise InputError(f"the regions of label {name!r} cover no pixel")
    warnings += tuple(labeled.notes)
    if labeled.unusable.get(name):
        count = len(labeled.unusable[name])
        warnings += (f"{count} annotations of label {name!r} have no area ({labeled.unusable[name][0]}): left out",)
    return AnnotatedMask(mask, kind, warnings)


def _photos(data: bytes) -> tuple[str, list[AnnotatedPhoto]]:
    try:
        text = decode_text(data)
    except UnicodeDecodeError:
        raise InputError("it is not UTF-8 text") from None
    if text.lstrip().startswith("<"):
        return "CVAT", cvat_photos(text)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"it is not JSON ({str(error)[:80]})") from None
    if isinstance(document, dict) and isinstance(document.get("images"), list):
        return "COCO", coco_photos(document)
    if isinstance(document, dict) and isinstance(document.get("shapes"), list):
        return "labelme", labelme_photos(document)
    tasks = [document] if isinstance(document, dict) else document
    if isinstance(tasks, list) and tasks and any(_is_task(task) for task in tasks):
        return "Label Studio", label_studio_photos(tasks)
    if isinstance(tasks, list) and tasks and all(isinstance(one, dict) and "image_id" in one for one in tasks):
        raise InputError("it holds COCO results without their images: give the file with images and categories")
    raise InputError("it is none of COCO, labelme, Label Studio or CVAT: export one of these, or the mask as PNG")


def _is_task(task: object) -> bool:
    """Whether a JSON value is a task of a full or a minimal export of Label Studio."""
    if not isinstance(task, dict):
        return False
    return isinstance(task.get("annotations"), list) or (isinstance(task.get("image"), str) and "id" in task)


def _plain(name: str) -> str:
    return composed(re.split(r"[\\/]", name)[-1]).casefold()


def _entry(photos: Sequence[AnnotatedPhoto], photo_name: str | None) -> tuple[AnnotatedPhoto, tuple[str, ...]]:
    if not photos:
        raise InputError("it holds no photos")
    if photo_name is not None:
        wanted = _plain(photo_name)
        matches = [photo for photo in photos if wanted in map(_plain, photo.names)]
        if len(matches) == 1:
            return matches[0], ()
        if matches:
            raise InputError(f"it has {len(matches)} photos of the name {photo_name!r}")
    if len(photos) == 1:
        shown = _plain(photos[0].names[0]) if photos[0].names else ""
        note = f"its only photo, {shown!r}, was taken for {photo_name!r}"
        return photos[0], (note,) if photo_name and shown else ()
    names = [_plain(photo.names[0]) for photo in photos if photo.names]
    reason = (
        f"it has no photo of the name {photo_name!r}" if photo_name else "it has several photos, this one has no name"
    )
    raise InputError(f"{reason}: it has {_list(names)}")


def _names_of_label(labeled: LabeledRegions, label: str | None) -> list[str]:
    """Names that equal a label but for case, or that it is the id of; at least one."""
    wanted = (label or DEFAULT_LABEL).strip()
    for key in (wanted, labeled.aliases.get(wanted)):
        names = [name for name in labeled.regions if key is not None and name.casefold() == key.casefold()]
        if names:
            return names
    if wanted.casefold() in map(str.casefold, labeled.unusable):
        raise InputError(f"label {wanted!r} has no areas here, only annotations such as a bounding box or a line")
    if not labeled.regions:
        raise InputError("this photo has no regions in it")
    counts = [f"{name} ({len(regions)})" for name, regions in labeled.regions.items()]
    raise InputError(f"this photo has no label {wanted!r}: name one of its labels as `mask_class`: {_list(counts)}")


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_LISTED])
    return f"{shown} and {len(names) - _LISTED} more" if len(names) > _LISTED else shown
