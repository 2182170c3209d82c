"""The samples of a data set and their files. Nothing is decoded here.

    ROOT/{train,validation,test}/   metadata.jsonl or metadata.csv, or images/ and masks/ (targets/) paired by name
                                    *.tar, WebDataset shards
                                    room_*.npz, rendered rooms

val, valid and dev are other names of validation. images/NAME.txt (or .caption) is the caption of images/NAME.jpg.
images/ may have folders, with the same ones in masks/ or none; a photo in images/10_NAME/, kohya's naming, is 10
samples of an epoch of training. Hidden files are left out. What else is not read, `unread` reports.

A root without split folders is used for any split, except that rooms have their own split, and shards the one that
their name starts with.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from wallpaint.data import metadata as metadata_files
from wallpaint.data import shards
from wallpaint.data.metadata import CSV_FILE, METADATA_FILE, SampleMetadata
from wallpaint.data.shards import ShardMember
from wallpaint.errors import InputError
from wallpaint.files import names

SPLITS = ("train", "validation", "test")
SPLIT_NAMES = {"train": ("train",), "validation": ("validation", "val", "valid", "dev"), "test": ("test",)}
CAPTION_SUFFIXES = (".txt", ".caption")
IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".jpe", ".png", ".webp", ".tif", ".tiff", ".bmp", ".heic", ".heif", ".avif", ".gif"),
)
MASK_SUFFIXES = (*IMAGE_SUFFIXES, ".json", ".xml")  # annotations of one photo too

_MAX_NAMES = 5  # in a message

File: TypeAlias = "Path | ShardMember"


@dataclass(frozen=True)
class PhotoItem:
    """A sample made of image files. key: unique within its split. location: file and line, for messages. repeats: how
    often it is in an epoch of training."""

    key: str
    location: str
    metadata: SampleMetadata
    image: File
    mask: File
    target: File | None = None
    reference: File | None = None
    line: int | None = None
    repeats: int = 1


@dataclass(frozen=True)
class RoomItem:
    """A rendered room, a sample in any paint."""

    key: str
    location: str
    path: Path


@dataclass(frozen=True)
class InvalidItem:
    """A sample that cannot be used. issue_type: "metadata", "missing" or "unreadable"."""

    key: str
    location: str
    issue_type: str
    message: str


ListedItem: TypeAlias = PhotoItem | RoomItem | InvalidItem


def split_folders(root: Path) -> dict[str, Path]:
    """Return the folders of a data set by split, or {"": root} if it has no split folders.

    Raises InputError if there is no such folder, or if two folders are one split.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder: a data set is a folder with train/ and validation/")
    folders: dict[str, Path] = {}
    for split, split_names in SPLIT_NAMES.items():
        same = [path for path in names.list_content(root) if path.name.casefold() in split_names and path.is_dir()]
        if len(same) > 1:
            raise InputError(f"{root}: has {' and '.join(path.name for path in same)}, one split: keep one of them")
        if same:
            folders[split] = same[0]
    return folders or {"": root}


def split_of_name(name: str) -> str:
    """Return the split that a folder's name means, "" for another name."""
    return next((split for split, split_names in SPLIT_NAMES.items() if name.casefold() in split_names), "")


def list_samples(root: Path, split: str) -> list[PhotoItem | RoomItem]:
    """Return the samples of a split. Raises InputError for the first invalid one, or if there are none."""
    folders = split_folders(root)
    if "" not in folders and split not in folders:
        present = " and ".join(path.name for path in folders.values())
        raise InputError(f"{root}: has {present}, but no folder {split}")
    items: list[PhotoItem | RoomItem] = []
    for item in list_folder(folders.get(split, root), split):
        if isinstance(item, InvalidItem):
            raise InputError(item.message)
        items.append(item)
    if not items:
        raise InputError(no_samples(folders.get(split, root), split))
    return items


def no_samples(folder: Path, split: str = "") -> str:
    """Return the message on a folder without samples: what is expected, and what is there."""
    present = [f"{path.name}/" if path.is_dir() else path.name for path in names.list_content(folder)]
    rest = len(present) - _MAX_NAMES
    listed = ", ".join(present[:_MAX_NAMES]) + (f" and {rest} more" if rest > 0 else "")
    expected = f"expected {METADATA_FILE}, or images/ and masks/, or *.tar, or room_*.npz"
    return f"{folder}: no samples{f' for {split}' if split else ''}: {expected}; it has {listed or 'nothing'}"


def list_folder(folder: Path, split: str) -> Iterator[ListedItem]:
    """Yield all samples of a folder, invalid ones included, in a fixed order. split: "" for any."""
    counts: dict[str, int] = {}
    for item in (*_files(folder), *_shards(folder, split), *_rooms(folder, split)):
        count = counts[item.key] = counts.get(item.key, 0) + 1
        if count == 1 or isinstance(item, RoomItem):
            yield item
        else:
            yield _with_key(item, f"{item.key}#{count}")


def _with_key(item: PhotoItem | InvalidItem, key: str) -> PhotoItem | InvalidItem:
    return replace(item, key=key)


# -- loose files -----------------------------------------------------------------------------------------


def metadata_file(folder: Path) -> Path | None:
    """Return the metadata file of a split's folder: metadata.jsonl, else metadata.csv, else None."""
    return next((folder / name for name in (METADATA_FILE, CSV_FILE) if (folder / name).is_file()), None)


def _files(folder: Path) -> Iterator[ListedItem]:
    file = metadata_file(folder)
    if file is not None:
        for number, (location, text) in enumerate(metadata_files.read_lines(file)):
            yield _from_line(number, location, text, folder)
    elif (folder / "images").is_dir():
        yield from _by_name(folder)


def _from_line(number: int, location: str, text: str, folder: Path) -> ListedItem:
    key = f"line {location.rpartition(' ')[2]}"
    try:
        line = metadata_files.parse_line(text, location)
        named = line.get("image_path")
        if isinstance(named, str) and named.isprintable() and Path(named).stem:
            key = str(Path(named).with_suffix("")).removeprefix("images/")
        paths = {name: metadata_files.resolve_path(line, name, location, folder) for name in metadata_files.PATH_KEYS}
        image = paths["image_path"]
        if image is None:
            raise InputError(f"{location}: image_path is missing (or file_name)")
        mask = paths["mask_path"] or _mask_of(image, folder)
        if mask is None:
            hint = _similar(folder / "masks", image.stem)
            raise InputError(f"{location}: mask_path is missing, and masks/ has none named {image.stem}{hint}")
        metadata = metadata_files.parse_metadata(line, location)
        if not metadata.caption:
            metadata = replace(metadata, caption=sidecar_caption(image))
    except InputError as error:
        is_missing = "no such file" in str(error) or "is missing" in str(error)
        return InvalidItem(key, location, "missing" if is_missing else "metadata", str(error))
    files = (image, mask, paths["target_path"], paths["reference_path"])
    return PhotoItem(key, location, metadata, *files, line=number, repeats=_repeats(image.parent.name))


def _mask_of(image: Path, folder: Path) -> Path | None:
    """The mask of a photo that its metadata line names: beside images/ of the same folders, or in masks/ itself."""
    name = names.composed(image.stem)
    relative = image.parent.relative_to(folder).as_posix().removeprefix("images").strip("/")
    folders = (folder / "masks" / relative, folder / "masks")
    all_masks = (_by_stem(one, MASK_SUFFIXES) for one in folders)
    return next((by_stem[name][0] for by_stem in all_masks if name in by_stem), None)


def sidecar_caption(image: Path) -> str:
    """Return the caption of the text file beside a photo, on one line; "" if there is none. Raises InputError."""
    for suffix in CAPTION_SUFFIXES:
        file = names.find(image.parent, f"{image.stem}{suffix}")
        if file is not None and file.is_file():
            return " ".join(metadata_files.read_text(file).split())
    return ""


def _repeats(name: str) -> int:
    """The number of a folder named by kohya's rule, such as 10_walls; 1 for another name."""
    match = re.fullmatch(r"(\d{1,4})_.*", name)
    return max(1, int(match[1])) if match else 1


def _by_name(folder: Path) -> Iterator[ListedItem]:
    """Samples of images/, masks/ and targets/, and of the folders in them."""
    groups = {"", *(path.name for path in names.list_content(folder / "images") if path.is_dir())}
    masks = _by_stem(folder / "masks", MASK_SUFFIXES)
    for group in sorted(groups):
        images = _by_stem(folder / "images" / group)
        own_masks = _by_stem(folder / "masks" / group, MASK_SUFFIXES)
        targets = _by_stem(folder / "targets" / group)
        if group:
            own_masks = {stem: masks[stem] for stem in images if stem in masks} | own_masks
        elif len(groups) > 1:  # masks of the photos in folders
            in_groups = {stem for name in groups if name for stem in _by_stem(folder / "images" / name)}
            own_masks = {stem: paths for stem, paths in masks.items() if stem in images or stem not in in_groups}
        yield from _paired(folder, group, images, own_masks, targets)


def _paired(
    folder: Path,
    group: str,
    images: Mapping[str, list[Path]],
    masks: Mapping[str, list[Path]],
    targets: Mapping[str, list[Path]],
) -> Iterator[ListedItem]:
    for stem in sorted({*images, *masks, *targets}):
        key = f"{group}/{stem}" if group else stem
        files = [by_stem.get(stem, []) for by_stem in (images, masks, targets)]
        location = str(next(paths[0] for paths in files if paths))
        ambiguous = next((paths for paths in files if len(paths) > 1), None)
        if ambiguous:
            named = " and ".join(path.name for path in ambiguous)
            message = f"{location}: {named} in {ambiguous[0].parent} are one sample: keep one"
            yield InvalidItem(key, location, "metadata", message)
        elif not files[0] or not files[1]:
            lacking = "images" if not files[0] else "masks"
            where = folder / lacking / group
            message = f"{location}: {where} has no image named {stem}{_similar(where, stem)}"
            yield InvalidItem(key, location, "missing", message)
        else:
            try:
                metadata = SampleMetadata(caption=sidecar_caption(files[0][0]))
            except InputError as error:
                yield InvalidItem(key, location, "metadata", str(error))
                continue
            target = files[2][0] if files[2] else None
            yield PhotoItem(key, location, metadata, files[0][0], files[1][0], target, repeats=_repeats(group))


def _by_stem(folder: Path, suffixes: Collection[str] = IMAGE_SUFFIXES) -> dict[str, list[Path]]:
    """Files of a folder with some suffixes by their names without suffix, composed."""
    paths: dict[str, list[Path]] = {}
    for path in names.list_content(folder):
        if path.suffix.lower() in suffixes and (path.is_file() or path.is_symlink()):
            paths.setdefault(names.composed(path.stem), []).append(path)
    return paths


def _similar(folder: Path, stem: str) -> str:
    """A hint on a file of another format or of a longer name, such as room_mask.png for room; "" without one."""
    for path in names.list_content(folder):
        if not path.is_file():
            continue
        name = names.composed(path.name)
        if names.composed(path.stem) == stem:
            return f": {path.name} has a format that is not read, save it as PNG or JPEG"
        if re.match(rf"{re.escape(stem)}[^0-9A-Za-z].*\.\w+$", name):
            return f": rename {path.name} to {stem}{path.suffix}"
    return ""


# -- shards and rooms ------------------------------------------------------------------------------------


def _shards(folder: Path, split: str) -> Iterator[ListedItem]:
    paths = names.list_content(folder, "*.tar")
    split_of_shard = {path: split_of_name(re.split(r"[^a-z]", path.name.lower(), maxsplit=1)[0]) for path in paths}
    if split and any(split_of_shard.values()) and split_of_name(folder.name) != split:
        paths = [path for path in paths if split_of_shard[path] == split]
    for shard in paths:
        try:
            for key, members in shards.index_shard(shard):
                yield _from_members(shard, key, members)
        except InputError as error:
            yield InvalidItem(shard.name, str(shard), "unreadable", str(error))


def _from_members(shard: Path, key: str, members: Mapping[str, ShardMember]) -> ListedItem:
    location = f"{shard}, {key}"
    try:
        for role in ("image", "mask"):
            if role not in members:
                raise InputError(f"{location}: has no {key}.{role}.png")
        metadata = SampleMetadata()
        if shards.METADATA_ROLE in members:
            member = members[shards.METADATA_ROLE]
            try:
                text = names.decode_text(member.read())
            except UnicodeDecodeError as error:
                raise InputError(f"{member}: cannot be read as text: save it as UTF-8") from error
            line = metadata_files.parse_line(text, str(member))
            metadata = metadata_files.parse_metadata(line, str(member))
        if shards.CAPTION_ROLE in members and not metadata.caption:
            metadata = replace(metadata, caption=_member_caption(members[shards.CAPTION_ROLE]))
    except InputError as error:
        return InvalidItem(key, location, "missing" if " has no " in str(error) else "metadata", str(error))
    roles: dict[str, ShardMember | None] = {role: members.get(role) for role in shards.ROLES}
    return PhotoItem(key, location, metadata, members["image"], members["mask"], roles["target"], roles["reference"])


def _member_caption(member: ShardMember) -> str:
    try:
        return " ".join(names.decode_text(member.read()).split())
    except UnicodeDecodeError as error:
        raise InputError(f"{member}: cannot be read as text: save it as UTF-8") from error


def _rooms(folder: Path, split: str) -> Iterator[ListedItem]:
    """Rooms of a split by their seed; all rooms of a folder that is named like the split."""
    from wallpaint.rooms.room import split_of

    for path in names.list_content(folder, "room_*.npz"):
        digits = path.stem.removeprefix("room_")
        if not digits.isdigit():
            yield InvalidItem(path.stem, str(path), "metadata", f"{path}: a room's file is named room_000042.npz")
        elif not split or split_of_name(folder.name) == split or split_of(int(digits)) == split:
            yield RoomItem(path.stem, str(path), path)
