"""Loading of a sample's images: decoded, upright, and all of the same size."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wallpaint.data.listing import File, PhotoItem, RoomItem
from wallpaint.data.metadata import Rgb, SampleMetadata, with_keys
from wallpaint.data.shards import ShardMember
from wallpaint.errors import InputError, ShapeError
from wallpaint.imaging.color import linear_to_srgb
from wallpaint.imaging.mask_file import MaskFile, read_mask
from wallpaint.imaging.photo import Photo, read_photo
from wallpaint.scene import mask as masks
from wallpaint.scene.mask_orientation import orient_mask
from wallpaint.typing import Array


@dataclass(frozen=True, eq=False)
class SampleImages:
    """The images of a sample at their own size.

    alpha: (H, W) float32, 0..1, 1 on wall. target: the same room in another paint. reference: an image of the target's
    texture. photo_rgb, target_rgb: albedo of the wall in photo and target, sRGB 0..255, if known. is_dressed: whether
    the photo's wall has several colours.
    """

    photo: Photo
    alpha: Array
    target: Photo | None
    reference: Photo | None
    photo_rgb: Rgb | None
    target_rgb: Rgb | None
    caption: str
    color_name: str | None
    is_dressed: bool = False


def load(item: PhotoItem, *, with_target: bool) -> SampleImages:
    """Load a sample's images. with_target: also its target and reference, if it has them.

    Transparent pixels become white, and are no wall.

    Raises InputError, naming file and line, for a file that cannot be read; ShapeError if sizes differ.
    """
    photo = decode_image(item.image, item.location)
    alpha = read_mask_file(item, photo).alpha
    check_sizes(item, photo, alpha)
    if photo.alpha is not None:
        alpha = alpha * opacity(photo)
        photo = on_white(photo)
    try:
        masks.require_wall(alpha, name_of(item.mask))
    except InputError as error:
        raise InputError(f"{item.location}: {with_keys(str(error))}") from error
    target = reference = None
    if with_target and item.target is not None:
        target = read_image(item.target, item.location)
        check_target(item, photo, target)
        reference = read_image(item.reference, item.location) if item.reference is not None else None
    photo_rgb, target_rgb = wall_albedos(item.metadata, has_target=item.target is not None)
    metadata = item.metadata
    return SampleImages(photo, alpha, target, reference, photo_rgb, target_rgb, metadata.caption, metadata.color_name)


def wall_albedos(metadata: SampleMetadata, *, has_target: bool) -> tuple[Rgb | None, Rgb | None]:
    """Return the wall's albedo in photo and target: color_rgb is the target's if there is one."""
    if has_target:
        return metadata.old_color_rgb, metadata.color_rgb
    return metadata.color_rgb or metadata.old_color_rgb, None


def name_of(file: File) -> str:
    """Return the name of a file, without its folder."""
    return file.name


def read_image(file: File, location: str) -> Photo:
    """Read a photo, on a white ground if it is transparent. Raises InputError that starts with `location`."""
    return on_white(decode_image(file, location))


def opacity(photo: Photo) -> Array:
    """Return the alpha of a photo that has one: (H, W) float32, 0..1, 0 where it is transparent."""
    assert photo.alpha is not None
    return np.asarray(photo.alpha, np.float32) / np.float32(np.iinfo(photo.alpha.dtype).max)


def transparent_share(photo: Photo) -> float:
    """Return the share of a photo that is transparent, 0..1: the mean of 1 - alpha."""
    return 0.0 if photo.alpha is None else float(1 - opacity(photo).mean(dtype=np.float64))


def on_white(photo: Photo) -> Photo:
    """Return a photo without alpha, composited on white in encoded values, as viewers do."""
    if photo.alpha is None:
        return photo
    white = np.iinfo(photo.codes.dtype).max
    cover = opacity(photo)[..., None]
    codes = np.round(photo.codes * cover + white * (1 - cover)).astype(photo.codes.dtype)
    codes.flags.writeable = False
    return replace(photo, codes=codes, alpha=None)


def decode_image(file: File, location: str) -> Photo:
    """Read a photo with its alpha. Raises InputError that starts with `location`."""
    try:
        return read_photo(file.read() if isinstance(file, ShardMember) else file)
    except InputError as error:
        reason = str(error).removeprefix("photo: ").removeprefix(f"{file}: ")
        raise InputError(f"{location}: {name_of(file)}: {reason}") from error


def read_mask_file(item: PhotoItem, photo: Photo | None) -> MaskFile:
    """Read a sample's mask as its metadata says, upright, with its statistics.

    photo: None if it cannot be read. Raises InputError, and ShapeError for a mask drawn on the photo's stored pixels
    that has not the upright photo's size, that start with the sample's location.
    """
    file, metadata = item.mask, item.metadata
    try:
        mask = read_mask(
            file.read() if isinstance(file, ShardMember) else file,
            invert=metadata.invert_mask,
            mask_class=metadata.mask_class,
            photo_name=name_of(item.image),
            photo_size=None if photo is None else photo.size,
            name=f"mask {name_of(file)}",
        )
        if photo is None:
            return mask
        alpha, notes = orient_mask(mask, photo, metadata.mask_orientation, fit=False)
    except InputError as error:
        raise type(error)(f"{item.location}: {with_keys(str(error))}") from error
    return replace(mask, alpha=alpha, warnings=(*notes, *mask.warnings))


def check_sizes(item: PhotoItem, photo: Photo, alpha: Array) -> None:
    """Raise ShapeError if mask and photo differ in size."""
    try:
        masks.check_size(alpha, photo.size, fit=False, name=name_of(item.mask))
    except ShapeError as error:
        raise ShapeError(f"{item.location}: {str(error).removesuffix(' or set `fit_mask`')}") from error


def check_target(item: PhotoItem, photo: Photo, target: Photo) -> None:
    """Raise ShapeError if target and photo differ in size."""
    if target.size != photo.size and item.target is not None:
        sizes = "target {} is {}x{}, photo is {}x{}".format(name_of(item.target), *target.size, *photo.size)
        raise ShapeError(f"{item.location}: {sizes}: resize one of them")


def load_room(item: RoomItem, rng: np.random.Generator, *, dressed_share: float) -> SampleImages:
    """Photograph a rendered room in one paint and, as its target, in another, through one randomly sampled camera.

    dressed_share: probability that the photo shows a patterned or multicoloured wall instead, if the room has one. The
    pair is a function of the generator's state. Raises InputError for a file that is no room.
    """
    from wallpaint.rooms.sets import pairs, room_file
    from wallpaint.rooms.surfaces import paints

    record = room_file.read(item.path)
    views = record.wall_variants
    is_dressed = bool(views) and rng.random() < dressed_share
    seed = int(rng.integers(2**31))
    if is_dressed:
        view = replace(views[int(rng.integers(len(views)))], swatch=None)
        pair = pairs.sample_pairs(replace(record, wall_variants=(view,)), 0, seed)[0]
    else:
        red, green, blue = (float(v) for v in paints.sample(rng, record.split))
        pair = pairs.sample_pairs(replace(record, old_paint=(red, green, blue), wall_variants=()), 1, seed)[0]
    target = np.round(255 * np.clip(pair.target, 0, 1)).astype(np.uint8)
    return SampleImages(
        photo=read_photo(pair.photo),
        alpha=pair.alpha,
        target=read_photo(target),
        reference=None,
        photo_rgb=_rgb(pair.old_albedo),
        target_rgb=_rgb(pair.new_albedo),
        caption=f"{'an' if pair.room_type[:1] in 'aeiou' else 'a'} {pair.room_type} with painted walls",
        color_name="painted",
        is_dressed=is_dressed,
    )


def _rgb(albedo: Array | None) -> Rgb | None:
    """Linear albedo as sRGB 0..255."""
    if albedo is None:
        return None
    red, green, blue = (float(v) for v in 255 * linear_to_srgb(np.clip(np.asarray(albedo, np.float64), 0, 1)))
    return red, green, blue
