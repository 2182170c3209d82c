"""Files of a data set that no sample uses, and photos with an alpha channel: notes for `data check` and training."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from wallpaint.data import listing
from wallpaint.data.listing import CAPTION_SUFFIXES, IMAGE_SUFFIXES, InvalidItem, ListedItem, PhotoItem, RoomItem
from wallpaint.data.metadata import CONTENT_FOLDERS, CSV_FILE, METADATA_FILE
from wallpaint.data.shards import ShardMember
from wallpaint.errors import InputError
from wallpaint.files import names

MAX_NAMES = 5  # in a note
_METADATA_NAMES = (METADATA_FILE, CSV_FILE, "metadata.parquet", "metadata.json")
_ALPHA_SUFFIXES = (".png", ".webp", ".tif", ".tiff", ".avif", ".gif")


def notes_of_root(root: Path) -> list[str]:
    """Return notes on folders and files of a data set outside its splits; none if it has no split folders."""
    folders = listing.split_folders(root)
    if "" in folders:
        return []
    accepted = f"splits are {', '.join('/'.join(split) for split in listing.SPLIT_NAMES.values())}"
    others = [path for path in names.list_content(root) if path not in folders.values()]
    unread = [path for path in others if (path.is_dir() and _has_content(path)) or _is_data(path, root)]
    return [f"{path}: is not read: {accepted}" for path in unread]


def notes_of_folder(folder: Path, items: Sequence[ListedItem]) -> list[str]:
    """Return notes on the files of a split's folder that none of its samples uses, one for each folder.

    items: all samples of the folder, invalid ones included; an invalid one has its own message.
    """
    used = set(_used_files(folder, items))
    invalid = {names.composed(item.key.partition("#")[0]) for item in items if isinstance(item, InvalidItem)}
    by_folder: dict[Path, list[str]] = {}
    for path in _data_files(folder, folder):
        if path not in used and _key(path, folder) not in invalid:
            by_folder.setdefault(path.parent, []).append(path.name)
    return [f"{parent}: {_enumerated(unread)} not read: {_reason(folder)}" for parent, unread in by_folder.items()]


def notes_on_alpha(items: Sequence[PhotoItem | RoomItem]) -> list[str]:
    """Return a note on photos with an alpha channel, whose transparent pixels become white; reads headers only."""
    named = [item.image.name for item in items if isinstance(item, PhotoItem) and _has_alpha(item.image)]
    if not named:
        return []
    verb = "has an alpha channel" if len(named) == 1 else "have an alpha channel"
    return [f"{_names(named)} {verb}: transparent pixels are white in the samples, and no wall"]


def notes_on_captions(items: Sequence[PhotoItem | RoomItem]) -> list[str]:
    """Return a note on samples without a caption."""
    lacking = [item.key for item in items if isinstance(item, PhotoItem) and not item.metadata.caption.strip()]
    if not lacking:
        return []
    how = f"key caption of {METADATA_FILE}, or a text file beside the photo"
    return [f"{len(lacking)} of {len(items)} samples have no caption ({_names(lacking)}): {how}"]


def _reason(folder: Path) -> str:
    file = listing.metadata_file(folder)
    return f"no line of {file.name} uses them" if file else "samples are photos in images/ with a mask in masks/"


def _used_files(folder: Path, items: Sequence[ListedItem]) -> Iterator[Path]:
    file = listing.metadata_file(folder)
    if file is not None:
        yield file
    for item in items:
        if not isinstance(item, PhotoItem):
            continue
        yield from (one for one in (item.image, item.mask, item.target, item.reference) if isinstance(one, Path))
        if isinstance(item.image, Path):
            caption = next(
                filter(None, (names.find(item.image.parent, f"{item.image.stem}{s}") for s in CAPTION_SUFFIXES)), None
            )
            if caption is not None and listing.sidecar_caption(item.image) == item.metadata.caption:
                yield caption


def _data_files(folder: Path, root: Path) -> Iterator[Path]:
    for path in names.list_content(folder):
        if path.is_dir():
            yield from _data_files(path, root)
        elif _is_data(path, root):
            yield path


def _is_data(path: Path, root: Path) -> bool:
    """Whether a file may be meant as data: all files of images/, masks/ and targets/, elsewhere by name."""
    if not path.is_file():
        return False
    folders = path.relative_to(root).as_posix().split("/")[:-1]
    if folders and folders[0] in CONTENT_FOLDERS:
        return True
    suffixes = (*IMAGE_SUFFIXES, *CAPTION_SUFFIXES) if folders else IMAGE_SUFFIXES
    return path.name in _METADATA_NAMES or path.suffix.lower() in suffixes


def _has_content(folder: Path) -> bool:
    return any(
        path.suffix.lower() in (*IMAGE_SUFFIXES, ".tar", ".npz") or path.name in _METADATA_NAMES
        for path in folder.rglob("*")
        if names.is_content(path)
    )


def _key(path: Path, folder: Path) -> str:
    relative = path.relative_to(folder).with_suffix("").as_posix()
    top, _, inner = relative.partition("/")
    return names.composed(inner if top in CONTENT_FOLDERS else relative)


def _has_alpha(file: Path | ShardMember) -> bool:
    from PIL import Image, UnidentifiedImageError

    if not file.name.lower().endswith(_ALPHA_SUFFIXES):
        return False
    try:
        with Image.open(io.BytesIO(file.read()) if isinstance(file, ShardMember) else file) as picture:
            return picture.has_transparency_data
    except (OSError, UnidentifiedImageError, InputError, ValueError):  # reported where it is decoded
        return False


def _enumerated(unread: Sequence[str]) -> str:
    return f"{_names(unread)} {'is' if len(unread) == 1 else 'are'}"


def _names(all_names: Sequence[str]) -> str:
    """The first names, and the number of the others."""
    rest = len(all_names) - MAX_NAMES
    if rest > 0:
        return f"{', '.join(all_names[:MAX_NAMES])} and {rest} more"
    return " and ".join(filter(None, (", ".join(all_names[:-1]), all_names[-1])))
