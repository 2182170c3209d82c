"""EXIF: reading the orientation, and editing what changes in a repainted photo.

An EXIF block is a small TIFF file: a header and directories (IFDs) of entries that point at their values.
Blocks are changed in place, so that maker notes, whose inner offsets nobody documents, stay valid. All
offsets and counts are checked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MAX_BLOCK_BYTES: Final = 4 * 2**20
ORIENTATION: Final = 0x0112

_MAX_ENTRIES: Final = 1000
_EXIF_IFD, _GPS_IFD, _INTEROP_IFD = 0x8769, 0x8825, 0xA005
_COLOR_SPACE, _WIDTH, _HEIGHT, _INTEROP_INDEX = 0xA001, 0xA002, 0xA003, 0x0001
_TYPE_BYTES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SHORT, _LONG = 3, 4
# What of a TIFF file's own directory describes the picture rather than the layout of its pixels: description,
# maker, model, software, date, artist, host, copyright, and the titles and keywords that Windows writes.
_DESCRIPTIVE: Final = frozenset(
    {0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C, 0x8298, *range(0x9C9B, 0x9CA0)}
)
_THUMBNAIL_POINTERS: Final = ((0x0201, 0x0202), (0x0111, 0x0117))  # (offset, length): JPEG, strips


@dataclass(frozen=True)
class Entry:
    """One entry of a directory. kind: TIFF type. at, value_at: where its record and its value start."""

    tag: int
    kind: int
    count: int
    at: int
    value_at: int
    raw: bytes


@dataclass(frozen=True)
class Directory:
    """An IFD. entries: by tag. next_at: where the link to the next one is stored; following: that link."""

    entries: dict[int, Entry]
    start: int
    next_at: int
    following: int


def orientation(block: bytes | None) -> int:
    """The orientation tag, 1..8; 1 where there is none or nonsense."""
    directory = _first(block)
    if block is None or directory is None:
        return 1
    value = _number(block, directory.entries.get(ORIENTATION))
    return value if value is not None and 1 <= value <= 8 else 1


def is_adobe_rgb(block: bytes | None) -> bool:
    """Whether a camera marked its pixels as Adobe RGB: "uncalibrated", interoperability R03 (DCF 2.0)."""
    first = _first(block)
    if block is None or first is None:
        return False
    exif = _child(block, first, _EXIF_IFD)
    interop = None if exif is None else _child(block, exif, _INTEROP_IFD)
    if exif is None or interop is None or _number(block, exif.entries.get(_COLOR_SPACE)) != 0xFFFF:
        return False
    index = interop.entries.get(_INTEROP_INDEX)
    return index is not None and index.raw.startswith(b"R03")


def is_usable(block: bytes) -> bool:
    """Whether a block can be read and is of a sane size."""
    return len(block) <= MAX_BLOCK_BYTES and _first(block) is not None


def cleaned(block: bytes, size: tuple[int, int], *, strip_location: bool) -> bytes | None:
    """A copy for an upright picture: orientation 1, no thumbnail, the right size; None if it cannot be made.

    size: (height, width). strip_location: take out the GPS directory and blank its values.
    """
    first = _first(block)
    if first is None:
        return None
    out = bytearray(block)
    _drop_thumbnail(block, out, first)
    exif = _child(block, first, _EXIF_IFD)
    if exif is not None:
        _put_number(block, out, exif.entries.get(_WIDTH), size[1])
        _put_number(block, out, exif.entries.get(_HEIGHT), size[0])
    _put_number(block, out, first.entries.get(0x0100), size[1])
    _put_number(block, out, first.entries.get(0x0101), size[0])
    _put_number(block, out, first.entries.get(ORIENTATION), 1)
    if strip_location and not _drop_location(block, out, first):
        return None
    result = bytes(out)
    again = _first(result)  # a hostile block may have its parts on top of each other
    sound = again is not None and orientation(result) == 1
    if sound and strip_location and again is not None and _GPS_IFD in again.entries:
        sound = False
    return result if sound else None


def from_tiff(data: bytes) -> bytes | None:
    """An EXIF block of what a TIFF file (classic or BigTIFF) says of its picture, None if that is nothing."""
    first = _first(data)
    if first is None:
        return None
    order = _order(data)
    kept = [entry for entry in first.entries.values() if entry.tag in _DESCRIPTIVE]
    exif, gps = _child(data, first, _EXIF_IFD), _child(data, first, _GPS_IFD)
    interop = None if exif is None else _child(data, exif, _INTEROP_IFD)
    if not kept and exif is None and gps is None:
        return None
    return _block(order, kept, exif, interop, gps)


def add_to_tiff(tiff: bytes, block: bytes) -> bytes:
    """A classic TIFF file with the contents of an EXIF block added to its directory.

    Both must have the same byte order.
    """
    order = _order(tiff)
    if order != _order(block):
        raise ValueError("the byte orders differ")
    own, first = _first(tiff), _first(block)
    if own is None or first is None:
        return tiff
    out = bytearray(tiff + b"\0" * (len(tiff) % 2))
    records = {tag: tiff[entry.at : entry.at + 12] for tag, entry in own.entries.items()}
    for tag, entry in first.entries.items():
        if tag in _DESCRIPTIVE and tag not in records:
            records[tag] = _record(order, entry, out)
    for tag in (_EXIF_IFD, _GPS_IFD):
        child = _child(block, first, tag)
        if child is not None:
            interop = _child(block, child, _INTEROP_IFD) if tag == _EXIF_IFD else None
            records[tag] = struct.pack(order + "HHII", tag, _LONG, 1, _append_child(order, out, child, interop))
    at = _append_directory(order, out, records)
    struct.pack_into(order + "I", out, 4, at)
    return bytes(out)


def has_second_directory(block: bytes) -> bool:
    """Whether another directory follows the first: a further picture in a TIFF file, a thumbnail in EXIF."""
    first = _first(block)
    return first is not None and first.following != 0


def byte_order(block: bytes) -> str:
    """ "<" (Intel) or ">" (Motorola)."""
    return _order(block)


def _order(block: bytes) -> str:
    return "<" if block[:2] == b"II" else ">"


def _first(block: bytes | None) -> Directory | None:
    if block is None or len(block) < 8 or block[:2] not in (b"II", b"MM"):
        return None
    order = _order(block)
    magic = struct.unpack_from(order + "H", block, 2)[0]
    if magic == 42:
        return _directory(block, struct.unpack_from(order + "I", block, 4)[0])
    if magic == 43 and len(block) >= 16:
        return _directory(block, struct.unpack_from(order + "Q", block, 8)[0])
    return None


def _directory(block: bytes, start: int) -> Directory | None:
    """The directory at an offset, without entries that point outside of the block; None if there is none."""
    order = _order(block)
    big = struct.unpack_from(order + "H", block, 2)[0] == 43
    head, width, inline = ("Q", 20, 8) if big else ("H", 12, 4)
    head_bytes = struct.calcsize(order + head)
    if not 8 <= start <= len(block) - head_bytes:
        return None
    count = struct.unpack_from(order + head, block, start)[0]
    next_at = start + head_bytes + count * width
    if count > _MAX_ENTRIES or next_at > len(block):
        return None
    entries: dict[int, Entry] = {}
    for at in range(start + head_bytes, next_at, width):
        tag, kind, items = struct.unpack_from(order + ("HHQ" if big else "HHI"), block, at)
        length = _TYPE_BYTES.get(kind, 0) * items
        value_at = at + width - inline
        if length > inline:
            value_at = struct.unpack_from(order + ("Q" if big else "I"), block, value_at)[0]
        if 0 < length <= MAX_BLOCK_BYTES and value_at + length <= len(block):
            entries.setdefault(tag, Entry(tag, kind, items, at, value_at, block[value_at : value_at + length]))
    following = 0
    if next_at + inline <= len(block):
        following = struct.unpack_from(order + ("Q" if big else "I"), block, next_at)[0]
    return Directory(entries, start, next_at, following)


def _child(block: bytes, parent: Directory, tag: int) -> Directory | None:
    offset = _number(block, parent.entries.get(tag))
    return None if offset is None or offset == parent.start else _directory(block, offset)


def _number(block: bytes, entry: Entry | None) -> int | None:
    """Return the first value of a SHORT, LONG or IFD entry; None for other types and without an entry."""
    formats = {_SHORT: "H", _LONG: "I", 13: "I"}
    if entry is None or entry.kind not in formats:
        return None
    return int(struct.unpack_from(_order(block) + formats[entry.kind], entry.raw)[0])


def _put_number(block: bytes, out: bytearray, entry: Entry | None, value: int) -> None:
    if entry is not None and entry.kind in (_SHORT, _LONG) and entry.count == 1:
        text = "H" if entry.kind == _SHORT else "I"
        struct.pack_into(_order(block) + text, out, entry.value_at, min(value, 0xFFFF if text == "H" else value))


def _blank(out: bytearray, start: int, length: int) -> None:
    end = min(start + length, len(out))
    if 8 <= start < end:
        out[start:end] = bytes(end - start)


def _blank_directory(out: bytearray, directory: Directory) -> None:
    for entry in directory.entries.values():
        _blank(out, entry.value_at, len(entry.raw))
    _blank(out, directory.start, directory.next_at + 4 - directory.start)


def _drop_thumbnail(block: bytes, out: bytearray, first: Directory) -> None:
    """Blank the second directory and the picture it points at, and cut that off if it was the last thing."""
    if not first.following:
        return
    second = _directory(block, first.following)
    struct.pack_into(_order(block) + "I", out, first.next_at, 0)
    if second is None or second.start == first.start:
        return
    end = len(out)
    for offset_tag, length_tag in _THUMBNAIL_POINTERS:
        start = _number(block, second.entries.get(offset_tag))
        length = _number(block, second.entries.get(length_tag))
        if start is not None and length is not None and start >= 8:
            _blank(out, start, length)
            if start < len(out) <= start + length + 8:
                end = min(end, start)
    _blank_directory(out, second)
    if end > max(first.next_at + 4, *(entry.value_at + len(entry.raw) for entry in first.entries.values()), 0):
        del out[end:]


def _drop_location(block: bytes, out: bytearray, first: Directory) -> bool:
    """Blank the GPS directory and remove its entry. Returns whether nothing of it can be left."""
    entry = first.entries.get(_GPS_IFD)
    if entry is None:
        return True
    gps = _child(block, first, _GPS_IFD)
    if gps is None:
        return False
    _blank_directory(out, gps)
    order, end = _order(block), first.next_at
    out[entry.at : end] = out[entry.at + 12 : end + 4] + b"\0" * 8  # the records after it and the link move up
    struct.pack_into(order + "H", out, first.start, (end - first.start - 2) // 12 - 1)
    return True


def _block(
    order: str,
    kept: Iterable[Entry],
    exif: Directory | None,
    interop: Directory | None,
    gps: Directory | None,
) -> bytes:
    out = bytearray(struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 8))
    records = {entry.tag: _record(order, entry, out) for entry in kept}
    if exif is not None:
        at = _append_child(order, out, exif, interop)
        records[_EXIF_IFD] = struct.pack(order + "HHII", _EXIF_IFD, _LONG, 1, at)
    if gps is not None:
        records[_GPS_IFD] = struct.pack(order + "HHII", _GPS_IFD, _LONG, 1, _append_child(order, out, gps, None))
    at = _append_directory(order, out, records)
    struct.pack_into(order + "I", out, 4, at)
    return bytes(out)


def _append_child(order: str, out: bytearray, child: Directory, interop: Directory | None) -> int:
    """Append a directory and its values. Returns its offset."""
    records = {tag: _record(order, entry, out) for tag, entry in child.entries.items() if tag != _INTEROP_IFD}
    if interop is not None:
        at = _append_child(order, out, interop, None)
        records[_INTEROP_IFD] = struct.pack(order + "HHII", _INTEROP_IFD, _LONG, 1, at)
    return _append_directory(order, out, records)


def _append_directory(order: str, out: bytearray, records: dict[int, bytes]) -> int:
    at = len(out)
    out += struct.pack(order + "H", len(records))
    for tag in sorted(records):
        out += records[tag]
    out += b"\0\0\0\0"
    return at


def _record(order: str, entry: Entry, out: bytearray) -> bytes:
    """The 12 bytes of an entry; a value longer than four bytes is appended to `out`."""
    raw = entry.raw
    if len(raw) > 4:
        at = len(out)
        out += raw + b"\0" * (len(raw) % 2)
        raw = struct.pack(order + "I", at)
    return struct.pack(order + "HHI", entry.tag, entry.kind, entry.count) + raw.ljust(4, b"\0")
