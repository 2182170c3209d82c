"""What validation repaints, and what it compares the result with.

    plain        the data set's own sample, as the source document validates: its square, its wall, and for a paint the
                 colour that the wall has. The truth is the photo itself.
    whole        the photo at its own size, as people get it back; the paint of its true repaint where it has one, else
                 a paint that is asked for, else that of its own wall: the albedo if the set tells it, else the colour
                 that is seen.

Nothing is drawn at random: the same set gives the same samples.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from wallpaint.data import augment, loading
from wallpaint.data import target_colors as colors
from wallpaint.data.dataset import FORMAT, WallInpaintingDataset, core
from wallpaint.data.listing import PICTURES, Item, RoomItem
from wallpaint.errors import InputError
from wallpaint.imaging import color
from wallpaint.imaging.contact_sheet import preview
from wallpaint.imaging.photo import Photo, read_photo
from wallpaint.paints.paint import Paint
from wallpaint.typing import Array

PLAIN, WHOLE = "plain", "whole"
OFF, ON = "off", "on"  # the colour lock
LOCKS = (OFF, ON)


@dataclass(frozen=True, eq=False)
class Sample:
    """One wall to repaint.

    key: its name in the set. group: what photo or room it is of; samples of one group err alike. id: of its content
    and of how it is shown. source: what a painter takes. photo: (H, W, 3) uint8 sRGB, the same. alpha: (H, W) float32,
    0..1, the wall. fill: (H, W) bool, what plain inpainting fills, or None. paint: what the wall becomes. swatch: (3,)
    linear sRGB that the wall is compared with, None for a texture. truth: (H, W, 3) uint8, what the camera would have
    recorded, or None where nobody knows. seen: the paint is a colour as the picture shows it, not an albedo; then a
    repaint should be the truth with the lock on, and in `lit` something that nobody knows. depth: (h, w) uint8, near is
    white, of the set, or None.
    """

    key: str
    group: str
    id: str
    source: Photo
    photo: Array
    alpha: Array
    paint: Paint
    swatch: Array | None
    truth: Array | None
    seen: bool = False
    fill: Array | None = None
    depth: Array | None = None

    def truth_with(self, lock: str) -> Array | None:
        """The truth that a repaint is compared with, lock on or off."""
        return None if self.seen and lock == OFF else self.truth


def plain(data: WallInpaintingDataset, index: int) -> Sample:
    """A sample as the source document validates it. Raises InputError for pictures that cannot be used."""
    still = copy.copy(data)
    still.split = "validation"  # the training part too is taken as it is: no mirror, no jitter, no random colour
    found, whole = still.get(index, 0), data.whole(index)
    place = augment.window(whole.alpha, data.settings, None)
    _, alpha = augment.crop_mask(whole.alpha, place)
    photo = np.round((found["pixel_values"].permute(1, 2, 0).numpy() + 1) * 127.5).astype(np.uint8)
    paint = _paint(found["dominant_color"].numpy())
    return Sample(
        key=found["key"],
        group=group_of(data, index),
        id=identity(data, index, PLAIN, None),
        source=read_photo(photo),
        photo=photo,
        alpha=alpha,
        paint=paint,
        swatch=np.asarray(paint.albedo_linear),
        truth=photo,
        fill=found["mask"][0].numpy() > 0.5,
        depth=_depth(data.item(index), whole.photo.size, (place.slices, (place.out_height, place.out_width))),
    )


def whole(data: WallInpaintingDataset, index: int, wanted: Paint | None = None) -> Sample:
    """A sample's photo at its own size. wanted: a paint for it in place of its true repaint's, or of its own colour.

    Raises InputError for pictures that cannot be used.
    """
    found, item = data.whole(index), data.item(index)
    photo = srgb(found.photo, found.photo.codes)
    truth = None if found.target is None or wanted is not None else srgb(found.target, found.target.codes)
    is_texture = seen = False
    if wanted is not None:
        paint = wanted
    elif truth is not None and found.reference is not None:
        picture = srgb(found.reference, found.reference.codes)
        red, green, blue = (float(v) for v in color.srgb_to_linear(picture / 255.0).mean((0, 1)))
        paint, is_texture = Paint((red, green, blue), reference=picture), True
    elif (albedo := found.own_rgb if truth is None else found.target_rgb) is not None:
        paint, truth = _paint(np.asarray(albedo)), photo if truth is None else truth
    else:
        seen, truth = True, photo if truth is None else truth
        inner = core(found.alpha >= 0.5, data.settings.erosion_radius_px)
        if not inner.any():
            raise InputError(f"{item.where}: no pixel is wall for the most part: leave the sample out")
        paint = _paint(colors.shown_color(truth, inner, data.settings.color_method))
    return Sample(
        key=item.key,
        group=group_of(data, index),
        id=identity(data, index, WHOLE, wanted),
        source=found.photo,
        photo=photo,
        alpha=found.alpha,
        paint=paint,
        swatch=None if is_texture else np.asarray(paint.albedo_linear),
        truth=truth,
        seen=seen,
        depth=_depth(item, found.photo.size, None),
    )


def identity(data: WallInpaintingDataset, index: int, kind: str, wanted: Paint | None) -> str:
    """What tells a sample from every other: its files, how it is cropped, and the paint asked for. Hexadecimal."""
    settings = data.settings  # a whole photo depends on few of them, so that bundles of any size can be compared
    made = data.digest() if kind == PLAIN else [FORMAT, data.seed, settings.erosion_radius_px, settings.color_method]
    told = [kind, _content(data, index), made, None if wanted is None else wanted.albedo_linear]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _content(data: WallInpaintingDataset, index: int) -> str:
    """A sum over a sample's files, with a depth that lies beside them; over the reason where one cannot be read."""
    item = data.item(index)
    depth = _beside(item) if isinstance(item, Item) else None
    try:
        found = data.content(index)
        return found if depth is None else f"{found} {hashlib.sha256(depth.read_bytes()).hexdigest()}"
    except (OSError, InputError) as error:  # reading the sample will say so, and what it says is kept by this name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return f"unreadable: {item.key}: {reason}"


def group_of(data: WallInpaintingDataset, index: int) -> str:
    """What a sample is a picture of: a room that several samples may show, else its photo."""
    item = data.item(index)
    if isinstance(item, RoomItem):
        return item.key
    if item.entry.room is not None:
        return f"room_{item.entry.room:06d}"
    if not isinstance(item.image, Path):
        return item.key
    name = re.sub(r"#\d+$", "", item.key)  # of a photo's second wall; pictures in two folders may share a stem
    return name if Path(name).name == item.image.stem else item.image.stem


def srgb(photo: Photo, codes: Array) -> Array:
    """A picture in the photo's own space as people see it: (H, W, 3) uint8 sRGB."""
    if photo.space.is_srgb and codes.dtype == np.uint8:
        return codes
    return np.asarray(preview(photo, codes, max(photo.size)))


def _paint(rgb: Array) -> Paint:
    red, green, blue = (float(v) for v in color.srgb_to_linear(np.clip(np.asarray(rgb, np.float64), 0, 255) / 255))
    return Paint((red, green, blue))


def _depth(
    item: Item | RoomItem, size: tuple[int, int], crop: tuple[tuple[slice, slice], tuple[int, int]] | None
) -> Array | None:
    """The set's own depth of a sample, (h, w) uint8: of a rendered room, or from a folder depth/ beside images/.

    size: of the photo, which a depth of another size is brought to.
    """
    if isinstance(item, RoomItem):
        from wallpaint.rooms.sets import camera, room_file

        depth = camera.controlnet_depth(room_file.read(item.path).depth)
    else:
        found = _beside(item)
        if found is None:
            return None
        codes = loading.picture(found, item.where).codes[..., 0]
        depth = np.round(codes * (255 / np.iinfo(codes.dtype).max)).astype(np.uint8)
        if depth.shape != size:
            depth = np.asarray(cv2.resize(depth, size[::-1], interpolation=cv2.INTER_AREA))
    if crop is None:
        return depth
    slices, (height, width) = crop
    return np.asarray(cv2.resize(np.ascontiguousarray(depth[slices]), (width, height), interpolation=cv2.INTER_AREA))


def _beside(item: Item) -> Path | None:
    if not isinstance(item.image, Path):
        return None
    folder = item.image.parent.parent / "depth"
    return next((p for end in PICTURES if (p := folder / f"{item.image.stem}{end}").is_file()), None)
