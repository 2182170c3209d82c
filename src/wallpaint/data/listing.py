"""The samples of a data set and their files. Nothing is decoded here.

    ROOT/{train,validation,test}/   metadata.jsonl, or images/ and masks/ (targets/) paired by name
                                    *.tar, WebDataset shards
                                    room_*.npz, rendered rooms

A root without split folders is used for any split, except that rooms have their own split, and shards the one that
their name starts with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from wallpaint.data import metadata as metadata_files
from wallpaint.data import shards
from wallpaint.data.metadata import METADATA_FILE, SampleMetadata
from wallpaint.data.shards import ShardMember
from wallpaint.errors import InputError

SPLITS = ("train", "validation", "test")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".heic", ".heif", ".avif")

File: TypeAlias = "Path | ShardMember"


@dataclass(frozen=True)
class PhotoItem:
    """A sample made of image files. key: unique within its split. location: file and line, for messages."""

    key: str
    location: str
    metadata: SampleMetadata
    image: File
    mask: File
    target: File | None = None
    reference: File | None = None
    line: int | None = None


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
    """Return the folders of a data set by split, or {"": root} if it has no split folders. Raises InputError."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder: a data set is a folder with train/ and validation/")
    folders = {split: root / split for split in SPLITS if (root / split).is_dir()}
    return folders or {"": root}


def list_samples(root: Path, split: str) -> list[PhotoItem | RoomItem]:
    """Return the samples of a split. Raises InputError for the first invalid one, or if there are none."""
    folders = split_folders(root)
    if "" not in folders and split not in folders:
        raise InputError(f"{root}: has {' and '.join(folders)}, but no folder {split}")
    items: list[PhotoItem | RoomItem] = []
    for item in list_folder(folders.get(split, root), split):
        if isinstance(item, InvalidItem):
            raise InputError(item.message)
        items.append(item)
    if not items:
        expected = f"{METADATA_FILE}, or images/ and masks/, or *.tar, or room_*.npz"
        raise InputError(f"{folders.get(split, root)}: no samples for {split}: expected {expected}")
    return items


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
    from dataclasses import replace

    return replace(item, key=key)


# -- loose files -----------------------------------------------------------------------------------------


def _files(folder: Path) -> Iterator[ListedItem]:
    file = folder / METADATA_FILE
    if file.is_file():
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
        mask = paths["mask_path"] or _with_stem(folder / "masks", image.stem)
        if mask is None:
            raise InputError(f"{location}: mask_path is missing, and masks/ has none named {image.stem}")
        metadata = metadata_files.parse_metadata(line, location)
    except InputError as error:
        is_missing = "no such file" in str(error) or "is missing" in str(error)
        return InvalidItem(key, location, "missing" if is_missing else "metadata", str(error))
    return PhotoItem(key, location, metadata, image, mask, paths["target_path"], paths["reference_path"], number)


def _with_stem(folder: Path, stem: str) -> Path | None:
    candidates = (folder / f"{stem}{suffix}" for suffix in IMAGE_SUFFIXES)
    return next((path for path in candidates if path.is_file()), None)


def _by_name(folder: Path) -> Iterator[ListedItem]:
    images, masks, targets = (_by_stem(folder / name) for name in ("images", "masks", "targets"))
    for stem in sorted({*images, *masks, *targets}):
        files = [by_stem.get(stem, []) for by_stem in (images, masks, targets)]
        location = str(next(paths[0] for paths in files if paths))
        ambiguous = next((paths for paths in files if len(paths) > 1), None)
        if ambiguous:
            named = " and ".join(path.name for path in ambiguous)
            message = f"{location}: {named} in {ambiguous[0].parent} are one sample: keep one"
            yield InvalidItem(stem, location, "metadata", message)
        elif not files[0] or not files[1]:
            lacking = "images" if not files[0] else "masks"
            message = f"{location}: {folder / lacking} has no image named {stem}"
            yield InvalidItem(stem, location, "missing", message)
        else:
            target = files[2][0] if files[2] else None
            yield PhotoItem(stem, location, SampleMetadata(), files[0][0], files[1][0], target)


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    paths: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
            paths.setdefault(path.stem, []).append(path)
    return paths


# -- shards and rooms ------------------------------------------------------------------------------------


def _shards(folder: Path, split: str) -> Iterator[ListedItem]:
    paths = sorted(folder.glob("*.tar"))
    split_of_shard = {path: next((s for s in SPLITS if path.name.startswith(s)), "") for path in paths}
    if split and any(split_of_shard.values()) and folder.name != split:
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
                text = member.read().decode("utf-8")
            except UnicodeDecodeError as error:
                raise InputError(f"{member}: cannot be read as text: save it as UTF-8") from error
            line = metadata_files.parse_line(text, str(member))
            metadata = metadata_files.parse_metadata(line, str(member))
    except InputError as error:
        return InvalidItem(key, location, "missing" if " has no " in str(error) else "metadata", str(error))
    roles: dict[str, ShardMember | None] = {role: members.get(role) for role in shards.ROLES}
    return PhotoItem(key, location, metadata, members["image"], members["mask"], roles["target"], roles["reference"])


def _rooms(folder: Path, split: str) -> Iterator[ListedItem]:
    """Rooms of a split by their seed; all rooms of a folder that is named like the split."""
    from wallpaint.rooms.room import split_of

    for path in sorted(folder.glob("room_*.npz")):
        digits = path.stem.removeprefix("room_")
        if not digits.isdigit():
            yield InvalidItem(path.stem, str(path), "metadata", f"{path}: a room's file is named room_000042.npz")
        elif not split or folder.name == split or split_of(int(digits)) == split:
            yield RoomItem(path.stem, str(path), path)
