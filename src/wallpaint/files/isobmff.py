"""Parser of HEIC and AVIF files: the boxes of the ISO base media format that describe still images.

Source: ISO/IEC 14496-12 (boxes), 23008-12 (HEIF), 23000-22 (AVIF).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np

from wallpaint.errors import InputError
from wallpaint.files.containers import ANIMATION, TRUNCATED, Contents
from wallpaint.files.pixels import upright

_MAX_ITEMS: Final = 4096
_MAX_METADATA_BYTES: Final = 32 * 2**20


class _Reader:
    """Sequential big-endian reader; reading past the end raises InputError."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def number(self, width: int) -> int:
        if self.at + width > len(self.data):
            raise InputError(TRUNCATED)
        self.at += width
        return int.from_bytes(self.data[self.at - width : self.at], "big")

    def full_box(self) -> int:
        """Skip version and flags. Returns version."""
        return self.number(4) >> 24


def take_apart(data: bytes, kind: str) -> Contents:
    """Take a HEIC or AVIF file apart. kind: the format's name. Raises InputError for damaged ones."""
    boxes = dict(_boxes(data, top=True))
    if b"meta" not in boxes:
        raise InputError(f"the {kind} file holds no still picture: export one frame as JPEG or PNG")
    meta = dict(_boxes(boxes[b"meta"][4:]))
    primary = _primary(meta.get(b"pitm", b""))
    properties = _properties(meta.get(b"iprp", b""), primary)
    contents = Contents(kind, (0, 0), data)
    for name, body in properties:
        _apply(contents, name, body)
    if contents.size == (0, 0):
        raise InputError(f"the {kind} file does not say how large its picture is")
    items = _items(meta.get(b"iinf", b""))
    extents = _extents(meta.get(b"iloc", b""))
    _check_extents(data, extents)
    contents.turn = _orientation([(name, body) for name, body in properties if name in (b"irot", b"imir")])
    for item, (item_type, content_type) in items.items():
        payload = _payload(data, meta.get(b"idat", b""), extents.get(item))
        if item_type == b"Exif" and payload is not None and len(payload) > 4:
            start = 4 + int.from_bytes(payload[:4], "big")
            contents.exif = payload[start:].removeprefix(b"Exif\0\0")
        elif item_type == b"mime" and content_type.startswith(b"application/rdf+xml") and payload is not None:
            contents.xmp = payload
        elif item_type == b"tmap":
            contents.details["gain_map"] = True
    if b"hdrgainmap" in boxes[b"meta"]:
        contents.details["gain_map"] = True
    if b"moov" in boxes and data[8:12] in (b"avis", b"hevc", b"msf1"):
        contents.warnings.append(ANIMATION)
    return contents


def _boxes(data: bytes, top: bool = False) -> Iterator[tuple[bytes, bytes]]:
    """(name, body) of each box. At the top level a box that runs off the end means a file cut short."""
    at = 0
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1 and at + 16 <= len(data):
            length, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        if length == 0:
            length = len(data) - at
        if length < head or at + length > len(data):
            if top and not name.isalnum():
                return  # padding after the last box
            raise InputError(TRUNCATED)
        yield name, data[at + head : at + length] if not (top and name == b"mdat") else b""
        at += length


def _primary(body: bytes) -> int:
    reader = _Reader(body)
    return reader.number(2 if reader.full_box() == 0 else 4)


def _properties(body: bytes, primary: int) -> list[tuple[bytes, bytes]]:
    """The properties of the primary picture, in the order in which they apply."""
    boxes = list(_boxes(body))
    known = [box for name, box_body in boxes if name == b"ipco" for box in _boxes(box_body)]
    properties: list[tuple[bytes, bytes]] = []
    for name, box_body in boxes:
        if name != b"ipma":
            continue
        reader = _Reader(box_body)
        flags = int.from_bytes(box_body[:4], "big")
        version, wide = reader.full_box(), flags & 1
        for _ in range(min(reader.number(4), _MAX_ITEMS)):
            item = reader.number(2 if version < 1 else 4)
            for _ in range(reader.number(1)):
                index = reader.number(2) & 0x7FFF if wide else reader.number(1) & 0x7F
                if item == primary and 0 < index <= len(known):
                    properties.append(known[index - 1])
    return properties


def _apply(contents: Contents, name: bytes, body: bytes) -> None:
    if name == b"ispe" and len(body) >= 12:
        width, height = struct.unpack_from(">II", body, 4)
        contents.size = (height, width)
    elif name == b"colr" and body[:4] in (b"prof", b"rICC"):
        contents.icc = body[4:]
    elif name == b"colr" and body[:4] == b"nclx" and len(body) >= 8:
        contents.primaries, contents.transfer = struct.unpack_from(">HH", body, 4)
    elif name == b"pixi" and len(body) > 5:
        contents.bit_depth = max(body[5 : 5 + body[4]], default=8)
    elif name == b"av1C" and len(body) >= 3:
        contents.bit_depth = 8 if not body[2] & 0x40 else 12 if body[2] & 0x20 else 10


def _orientation(turns: list[tuple[bytes, bytes]]) -> int:
    """The EXIF orientation that a row of rotations (anticlockwise) and mirrorings amounts to."""
    card = np.arange(6).reshape(2, 3)
    turned = card
    for name, body in turns[:8]:
        value = body[0] if body else 0
        turned = np.rot90(turned, value & 3) if name == b"irot" else np.flip(turned, 1 if value & 1 else 0)
    for orientation in range(1, 9):
        if np.array_equal(upright(card, orientation), turned):
            return orientation
    return 1


def _items(body: bytes) -> dict[int, tuple[bytes, bytes]]:
    """Item number -> (type, content type)."""
    items: dict[int, tuple[bytes, bytes]] = {}
    if not body:
        return items
    head = _Reader(body)
    version = head.full_box()
    head.number(2 if version == 0 else 4)
    for name, entry in _boxes(body[head.at :]):
        if name == b"infe" and len(items) < _MAX_ITEMS:
            reader = _Reader(entry)
            version = reader.full_box()
            if version >= 2:
                item = reader.number(2 if version == 2 else 4)
                reader.number(2)
                item_type = entry[reader.at : reader.at + 4]
                items[item] = item_type, entry[reader.at + 4 :].partition(b"\0")[2]
    return items


def _extents(body: bytes) -> dict[int, tuple[int, list[tuple[int, int]]]]:
    """Item number -> (construction method, [(offset, length), …])."""
    locations: dict[int, tuple[int, list[tuple[int, int]]]] = {}
    if not body:
        return locations
    reader = _Reader(body)
    version = reader.full_box()
    sizes = reader.number(2)
    offset_width, length_width = sizes >> 12, sizes >> 8 & 15
    base_width, index_width = sizes >> 4 & 15, sizes & 15 if version else 0
    for _ in range(min(reader.number(2 if version < 2 else 4), _MAX_ITEMS)):
        item = reader.number(2 if version < 2 else 4)
        method = reader.number(2) & 15 if version else 0
        reader.number(2)
        base = reader.number(base_width)
        extents = []
        for _ in range(reader.number(2)):
            reader.number(index_width)
            offset = base + reader.number(offset_width)
            extents.append((offset, reader.number(length_width)))
        locations[item] = method, extents
    return locations


def _check_extents(data: bytes, items: dict[int, tuple[int, list[tuple[int, int]]]]) -> None:
    for method, extents in items.values():
        if method == 0 and any(offset + length > len(data) for offset, length in extents):
            raise InputError(TRUNCATED)


def _payload(data: bytes, idat: bytes, location: tuple[int, list[tuple[int, int]]] | None) -> bytes | None:
    if location is None or location[0] > 1 or sum(length for _, length in location[1]) > _MAX_METADATA_BYTES:
        return None
    source = data if location[0] == 0 else idat
    return b"".join(source[offset : offset + length] for offset, length in location[1])
