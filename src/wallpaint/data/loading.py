"""A sample's pictures: decoded, upright, of one size."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wallpaint.data.listing import File, Item, RoomItem
from wallpaint.data.metadata import Entry, Rgb
from wallpaint.data.shards import Member
from wallpaint.errors import InputError, ShapeError
from wallpaint.imaging.color import linear_to_srgb
from wallpaint.imaging.mask_file import read_mask
from wallpaint.imaging.photo import Photo, read_photo
from wallpaint.scene import mask as masks
from wallpaint.typing import Array


@dataclass(frozen=True, eq=False)
class Pictures:
    """What a sample is made of.

    alpha: (H, W) float32, 0..1, 1 on wall. target: the same room in another paint. reference: a picture of the target's
    texture. own_rgb, target_rgb: albedo of the wall in the photo and in the target, sRGB 0..255, where it is known.
    is_dressed: the photo's wall is not of one colour.
    """

    photo: Photo
    alpha: Array
    target: Photo | None
    reference: Photo | None
    own_rgb: Rgb | None
    target_rgb: Rgb | None
    caption: str
    color_name: str | None
    is_dressed: bool = False


def load(item: Item, *, with_target: bool) -> Pictures:
    """Read a sample's pictures. with_target: also its target, if it has one.

    Raises InputError, naming file and line, for what cannot be read; ShapeError where sizes differ.
    """
    photo, alpha = picture(item.image, item.where), wall(item.mask, item.where)
    check_sizes(item, photo, alpha)
    try:
        masks.require_wall(alpha, name_of(item.mask))
    except InputError as error:
        raise InputError(f"{item.where}: {error}") from error
    target = reference = None
    if with_target and item.target is not None:
        target = picture(item.target, item.where)
        check_target(item, photo, target)
        reference = picture(item.reference, item.where) if item.reference is not None else None
    own, after = colors_of(item.entry, has_target=item.target is not None)
    return Pictures(photo, alpha, target, reference, own, after, item.entry.caption, item.entry.color_name)


def colors_of(entry: Entry, *, has_target: bool) -> tuple[Rgb | None, Rgb | None]:
    """Albedo in the photo and in the target: a line's color_rgb is the target's where there is one."""
    return (entry.old_color_rgb, entry.color_rgb) if has_target else (entry.color_rgb or entry.old_color_rgb, None)


def name_of(file: File) -> str:
    """The name of a file, without its folder."""
    return file.name


def picture(file: File, where: str) -> Photo:
    """A photo. Raises InputError that starts with `where`."""
    try:
        return read_photo(file.read() if isinstance(file, Member) else file)
    except InputError as error:
        reason = str(error).removeprefix("photo: ").removeprefix(f"{file}: ")
        raise InputError(f"{where}: {name_of(file)}: {reason}") from error


def wall(file: File, where: str) -> Array:
    """A mask, (H, W) float32, 0..1. Raises InputError that starts with `where`."""
    try:
        return read_mask(file.read() if isinstance(file, Member) else file).alpha
    except InputError as error:
        told = str(error)
        reason = f"mask {name_of(file)}{told.removeprefix('the mask')}" if told.startswith("the mask") else told
        raise InputError(f"{where}: {reason}") from error


def check_sizes(item: Item, photo: Photo, alpha: Array) -> None:
    """ShapeError where mask and photo differ in size."""
    try:
        masks.check_size(alpha, photo.size, fit=False, name=name_of(item.mask))
    except ShapeError as error:
        raise ShapeError(f"{item.where}: {str(error).removesuffix(' or pass --fit-mask')}") from error


def check_target(item: Item, photo: Photo, target: Photo) -> None:
    """ShapeError where target and photo differ in size."""
    if target.size != photo.size and item.target is not None:
        sizes = "target {} is {}x{}, photo is {}x{}".format(name_of(item.target), *target.size, *photo.size)
        raise ShapeError(f"{item.where}: {sizes}: make them alike")


def load_room(item: RoomItem, rng: np.random.Generator, *, dressed_share: float) -> Pictures:
    """A rendered room through a camera of its own, in one paint, and its target in another.

    dressed_share: how often the photo starts from a pattern or several paints instead, if the room has such. The same
    generator gives the same pair; another one another. Raises InputError for a file that is no room.
    """
    from wallpaint.rooms.sets import pairs, room_file
    from wallpaint.rooms.surfaces import paints

    record = room_file.read(item.path)
    views = record.dressings
    is_dressed = bool(views) and rng.random() < dressed_share
    seed = int(rng.integers(2**31))
    if is_dressed:
        view = replace(views[int(rng.integers(len(views)))], swatch=None)
        pair = pairs.pairs_of(replace(record, dressings=(view,)), 0, seed)[0]
    else:
        red, green, blue = (float(v) for v in paints.sample(rng, record.split))
        pair = pairs.pairs_of(replace(record, old_paint=(red, green, blue), dressings=()), 1, seed)[0]
    target = np.round(255 * np.clip(pair.target, 0, 1)).astype(np.uint8)
    return Pictures(
        photo=read_photo(pair.photo),
        alpha=pair.alpha,
        target=read_photo(target),
        reference=None,
        own_rgb=_rgb(pair.old_albedo),
        target_rgb=_rgb(pair.new_albedo),
        caption=f"{'an' if pair.kind[:1] in 'aeiou' else 'a'} {pair.kind} with painted walls",
        color_name="painted",
        is_dressed=is_dressed,
    )


def _rgb(albedo: Array | None) -> Rgb | None:
    if albedo is None:
        return None
    red, green, blue = (float(v) for v in 255 * linear_to_srgb(np.clip(np.asarray(albedo, np.float64), 0, 1)))
    return red, green, blue
