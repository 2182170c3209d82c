"""The samples that validation repaints, with the images that the results are compared with.

    plain    the data set's own sample, as the source document validates: its square crop and wall mask; the paint is
             the colour that the wall has. The true repaint is the photo itself.
    whole    the photo at its own size. The paint is that of the true repaint where there is one, else a requested
             paint, else that of the wall itself: its albedo where the set has it, else its colour in the image.

Nothing is random: the same set gives the same samples.
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
from wallpaint.data.dataset import FORMAT, WallInpaintingDataset, eroded_wall
from wallpaint.data.listing import IMAGE_SUFFIXES, PhotoItem, RoomItem
from wallpaint.errors import InputError
from wallpaint.imaging import color
from wallpaint.imaging.contact_sheet import preview
from wallpaint.imaging.photo import Photo, read_photo
from wallpaint.paints.paint import Paint
from wallpaint.typing import Array

CROP, FULL_PHOTO = "plain", "whole"  # sample types; the values are part of sample ids
OFF, ON = "off", "on"  # the colour lock
LOCKS = (OFF, ON)


@dataclass(frozen=True, eq=False)
class ValidationSample:
    """One wall to repaint.

    key: its name in the set. group: its photo or room; errors within a group are correlated. id: digest of its files,
    crop and paint. source: the painter's input. photo: (H, W, 3) uint8 sRGB, the same image. alpha: (H, W) float32,
    0..1, the wall. fill: (H, W) bool, the area that plain inpainting fills, or None. paint: the wall's new paint.
    swatch: (3,) linear sRGB that the wall is compared with, None for a texture. truth: (H, W, 3) uint8, the true
    repaint, or None where unknown. is_appearance: the paint is a colour as the image shows it, not an albedo; then
    `truth` holds with the lock on only, as no `room` result is known. depth: (h, w) uint8, near is white, from the
    set, or None.
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
    is_appearance: bool = False
    fill: Array | None = None
    depth: Array | None = None

    def truth_for(self, lock: str) -> Array | None:
        """Return the true repaint for the lock off or on, or None where unknown."""
        return None if self.is_appearance and lock == OFF else self.truth


def crop_sample(data: WallInpaintingDataset, index: int) -> ValidationSample:
    """Return a sample as the source document validates it. Raises InputError for images that cannot be used."""
    unaugmented = copy.copy(data)
    unaugmented.split = "validation"  # no mirroring, colour jitter or random paint, also for the training split
    sample, images = unaugmented.get(index, 0), data.load_images(index)
    window = augment.crop_window(images.alpha, data.settings, None, data.side_multiple)
    _, alpha = augment.crop_mask(images.alpha, window)
    photo = np.round((sample["pixel_values"].permute(1, 2, 0).numpy() + 1) * 127.5).astype(np.uint8)
    paint = _paint_from_srgb(sample["dominant_color"].numpy())
    return ValidationSample(
        key=sample["key"],
        group=sample_group(data, index),
        id=sample_id(data, index, CROP, None),
        source=read_photo(photo),
        photo=photo,
        alpha=alpha,
        paint=paint,
        swatch=np.asarray(paint.albedo_linear),
        truth=photo,
        fill=sample["mask"][0].numpy() > 0.5,
        depth=_depth(data.item(index), images.photo.size, (window.slices, (window.out_height, window.out_width))),
    )


def full_photo_sample(data: WallInpaintingDataset, index: int, requested: Paint | None = None) -> ValidationSample:
    """Return a sample's photo at its own size.

    requested: a paint in place of that of the true repaint or of the wall itself. Raises InputError for images that
    cannot be used.
    """
    images, item = data.load_images(index), data.item(index)
    photo = to_srgb(images.photo, images.photo.codes)
    truth = None if images.target is None or requested is not None else to_srgb(images.target, images.target.codes)
    is_texture = is_appearance = False
    if requested is not None:
        paint = requested
    elif truth is not None and images.reference is not None:
        texture = to_srgb(images.reference, images.reference.codes)
        red, green, blue = (float(v) for v in color.srgb_to_linear(texture / 255.0).mean((0, 1)))
        paint, is_texture = Paint((red, green, blue), reference=texture), True
    elif (albedo := images.photo_rgb if truth is None else images.target_rgb) is not None:
        paint, truth = _paint_from_srgb(np.asarray(albedo)), photo if truth is None else truth
    else:
        is_appearance, truth = True, photo if truth is None else truth
        inner = eroded_wall(images.alpha >= 0.5, data.settings.erosion_radius_px)
        if not inner.any():
            raise InputError(f"{item.location}: no pixel has a wall alpha of at least one half: leave the sample out")
        paint = _paint_from_srgb(colors.wall_color(truth, inner, data.settings.color_method))
    return ValidationSample(
        key=item.key,
        group=sample_group(data, index),
        id=sample_id(data, index, FULL_PHOTO, requested),
        source=images.photo,
        photo=photo,
        alpha=images.alpha,
        paint=paint,
        swatch=None if is_texture else np.asarray(paint.albedo_linear),
        truth=truth,
        is_appearance=is_appearance,
        depth=_depth(item, images.photo.size, None),
    )


def sample_id(data: WallInpaintingDataset, index: int, sample_type: str, requested: Paint | None) -> str:
    """Return a digest of a sample's files, crop and requested paint, as hexadecimal."""
    settings = data.settings  # a full photo depends on two of them only, so that bundles of any size can be compared
    options = (
        data.digest() if sample_type == CROP else [FORMAT, data.seed, settings.erosion_radius_px, settings.color_method]
    )
    values = [
        sample_type,
        _content_digest(data, index),
        options,
        None if requested is None else requested.albedo_linear,
    ]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _content_digest(data: WallInpaintingDataset, index: int) -> str:
    """Digest of a sample's files and depth file, or of the error where one of them cannot be read."""
    item = data.item(index)
    depth = _depth_file(item) if isinstance(item, PhotoItem) else None
    try:
        digest = data.content(index)
        return digest if depth is None else f"{digest} {hashlib.sha256(depth.read_bytes()).hexdigest()}"
    except (OSError, InputError) as error:  # reading the sample raises it again; that result is cached by this id
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return f"unreadable: {item.key}: {reason}"


def sample_group(data: WallInpaintingDataset, index: int) -> str:
    """Return the name of the room that a sample shows, which several samples may share; else that of its photo."""
    item = data.item(index)
    if isinstance(item, RoomItem):
        return item.key
    if item.metadata.room is not None:
        return f"room_{item.metadata.room:06d}"
    if not isinstance(item.image, Path):
        return item.key
    name = re.sub(r"#\d+$", "", item.key)  # number of a further wall in one photo
    return name if Path(name).name == item.image.stem else item.image.stem  # stems may repeat in other folders


def to_srgb(photo: Photo, codes: Array) -> Array:
    """Convert an image in the photo's own colour space to (H, W, 3) uint8 sRGB."""
    if photo.space.is_srgb and codes.dtype == np.uint8:
        return codes
    return np.asarray(preview(photo, codes, max(photo.size)))


def _paint_from_srgb(rgb: Array) -> Paint:
    red, green, blue = (float(v) for v in color.srgb_to_linear(np.clip(np.asarray(rgb, np.float64), 0, 255) / 255))
    return Paint((red, green, blue))


def _depth(
    item: PhotoItem | RoomItem, size: tuple[int, int], crop: tuple[tuple[slice, slice], tuple[int, int]] | None
) -> Array | None:
    """Depth of a sample from the set, (h, w) uint8: of a rendered room, or from a folder depth/ beside images/.

    size: (height, width) of the photo, to which a depth map of another size is resized. crop: slices and output size.
    """
    if isinstance(item, RoomItem):
        from wallpaint.rooms.sets import camera, room_file

        depth = camera.controlnet_depth(room_file.read(item.path).depth)
    else:
        path = _depth_file(item)
        if path is None:
            return None
        codes = loading.read_image(path, item.location).codes[..., 0]
        depth = np.round(codes * (255 / np.iinfo(codes.dtype).max)).astype(np.uint8)
        if depth.shape != size:
            depth = np.asarray(cv2.resize(depth, size[::-1], interpolation=cv2.INTER_AREA))
    if crop is None:
        return depth
    slices, (height, width) = crop
    return np.asarray(cv2.resize(np.ascontiguousarray(depth[slices]), (width, height), interpolation=cv2.INTER_AREA))


def _depth_file(item: PhotoItem) -> Path | None:
    if not isinstance(item.image, Path):
        return None
    folder = item.image.parent.parent / "depth"
    return next((p for end in IMAGE_SUFFIXES if (p := folder / f"{item.image.stem}{end}").is_file()), None)
