"""Which samples a data set has, and where their pictures are. Nothing is decoded here.

    ROOT/{train,validation,test}/   metadata.jsonl, or images/ and masks/ (targets/) paired by name
                                    *.tar, WebDataset shards
                                    room_*.npz, rendered rooms

A root without folders of splits is one part, read as whatever split is asked for; rooms go by their own split, and
shards by their name if it starts with that of a split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from wallpaint.data import metadata as entries
from wallpaint.data import shards
from wallpaint.data.metadata import METADATA, Entry
from wallpaint.data.shards import Member
from wallpaint.errors import InputError

SPLITS = ("train", "validation", "test")
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".heic", ".heif", ".avif")

File: TypeAlias = "Path | Member"


@dataclass(frozen=True)
class Item:
    """A sample. key: unique within its part. where: file and line, for messages."""

    key: str
    where: str
    entry: Entry
    image: File
    mask: File
    target: File | None = None
    reference: File | None = None
    line: int | None = None


@dataclass(frozen=True)
class RoomItem:
    """A rendered room, which is a sample in any paint."""

    key: str
    where: str
    path: Path


@dataclass(frozen=True)
class Broken:
    """What should be a sample and cannot be one. kind: "metadata", "missing" or "unreadable"."""

    key: str
    where: str
    kind: str
    message: str


Listed: TypeAlias = Item | RoomItem | Broken


def parts_of(root: Path) -> dict[str, Path]:
    """The folders of a data set by split, or the whole of it under "" where it has none. Raises InputError."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder: a data set is a folder with train/ and validation/")
    found = {split: root / split for split in SPLITS if (root / split).is_dir()}
    return found or {"": root}


def samples(root: Path, split: str) -> list[Item | RoomItem]:
    """The samples of a split. Raises InputError for the first that is broken, and where there are none."""
    parts = parts_of(root)
    if "" not in parts and split not in parts:
        raise InputError(f"{root}: has {' and '.join(parts)}, but no folder {split}")
    found: list[Item | RoomItem] = []
    for listed in list_part(parts.get(split, root), split):
        if isinstance(listed, Broken):
            raise InputError(listed.message)
        found.append(listed)
    if not found:
        expected = f"{METADATA}, or images/ and masks/, or *.tar, or room_*.npz"
        raise InputError(f"{parts.get(split, root)}: no samples for {split}: expected {expected}")
    return found


def list_part(folder: Path, split: str) -> Iterator[Listed]:
    """All samples of one folder, broken ones too, in an order that does not change. split: "" for any."""
    taken: dict[str, int] = {}
    for listed in (*_files(folder), *_shards(folder, split), *_rooms(folder, split)):
        count = taken[listed.key] = taken.get(listed.key, 0) + 1
        if count == 1 or isinstance(listed, RoomItem):
            yield listed
        else:
            yield _renamed(listed, f"{listed.key}#{count}")


def _renamed(listed: Item | Broken, key: str) -> Item | Broken:
    from dataclasses import replace

    return replace(listed, key=key)


# -- loose files -----------------------------------------------------------------------------------------


def _files(folder: Path) -> Iterator[Listed]:
    metadata = folder / METADATA
    if metadata.is_file():
        for number, (where, text) in enumerate(entries.read_lines(metadata)):
            yield _line(number, where, text, folder)
    elif (folder / "images").is_dir():
        yield from _by_name(folder)


def _line(number: int, where: str, text: str, folder: Path) -> Listed:
    key = f"line {where.rpartition(' ')[2]}"
    try:
        found = entries.parse(text, where)
        named = found.get("image_path")
        if isinstance(named, str) and named.isprintable() and Path(named).stem:
            key = str(Path(named).with_suffix("")).removeprefix("images/")
        paths = {role: entries.path_of(found, role, where, folder) for role in entries.PATHS}
        image = paths["image_path"]
        if image is None:
            raise InputError(f"{where}: image_path is missing (or file_name)")
        mask = paths["mask_path"] or _with_stem(folder / "masks", image.stem)
        if mask is None:
            raise InputError(f"{where}: mask_path is missing, and masks/ has none named {image.stem}")
        entry = entries.entry_of(found, where)
    except InputError as error:
        is_missing = "no such file" in str(error) or "is missing" in str(error)
        return Broken(key, where, "missing" if is_missing else "metadata", str(error))
    return Item(key, where, entry, image, mask, paths["target_path"], paths["reference_path"], number)


def _with_stem(folder: Path, stem: str) -> Path | None:
    return next((folder / f"{stem}{end}" for end in PICTURES if (folder / f"{stem}{end}").is_file()), None)


def _by_name(folder: Path) -> Iterator[Listed]:
    images, masks, targets = (_stems(folder / name) for name in ("images", "masks", "targets"))
    for stem in sorted({*images, *masks, *targets}):
        files = [found.get(stem, []) for found in (images, masks, targets)]
        where = str(next(paths[0] for paths in files if paths))
        twice = next((paths for paths in files if len(paths) > 1), None)
        if twice:
            named = " and ".join(path.name for path in twice)
            yield Broken(stem, where, "metadata", f"{where}: {named} in {twice[0].parent} are one sample: keep one")
        elif not files[0] or not files[1]:
            lacking = "images" if not files[0] else "masks"
            yield Broken(stem, where, "missing", f"{where}: {folder / lacking} has no picture named {stem}")
        else:
            yield Item(stem, where, Entry(), files[0][0], files[1][0], files[2][0] if files[2] else None)


def _stems(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        if path.suffix.lower() in PICTURES and path.is_file():
            found.setdefault(path.stem, []).append(path)
    return found


# -- shards and rooms ------------------------------------------------------------------------------------


def _shards(folder: Path, split: str) -> Iterator[Listed]:
    found = sorted(folder.glob("*.tar"))
    named = {path: next((s for s in SPLITS if path.name.startswith(s)), "") for path in found}
    if split and any(named.values()) and folder.name != split:
        found = [path for path in found if named[path] == split]
    for shard in found:
        try:
            for key, members in shards.samples_of(shard):
                yield _member(shard, key, members)
        except InputError as error:
            yield Broken(shard.name, str(shard), "unreadable", str(error))


def _member(shard: Path, key: str, members: Mapping[str, Member]) -> Listed:
    where = f"{shard}, {key}"
    try:
        for role in ("image", "mask"):
            if role not in members:
                raise InputError(f"{where}: has no {key}.{role}.png")
        entry = Entry()
        if shards.ENTRY in members:
            member = members[shards.ENTRY]
            try:
                text = member.read().decode("utf-8")
            except UnicodeDecodeError as error:
                raise InputError(f"{member}: cannot be read as text: save it as UTF-8") from error
            entry = entries.entry_of(entries.parse(text, str(member)), str(member))
    except InputError as error:
        return Broken(key, where, "missing" if " has no " in str(error) else "metadata", str(error))
    roles: dict[str, Member | None] = {role: members.get(role) for role in shards.ROLES}
    return Item(key, where, entry, members["image"], members["mask"], roles["target"], roles["reference"])


def _rooms(folder: Path, split: str) -> Iterator[Listed]:
    """Rooms of a split by their seed; those of a folder that is named like a split are all its own."""
    from wallpaint.rooms.room import split_of

    for path in sorted(folder.glob("room_*.npz")):
        digits = path.stem.removeprefix("room_")
        if not digits.isdigit():
            yield Broken(path.stem, str(path), "metadata", f"{path}: a room's file is named room_000042.npz")
        elif not split or folder.name == split or split_of(int(digits)) == split:
            yield RoomItem(path.stem, str(path), path)
