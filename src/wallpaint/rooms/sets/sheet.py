"""A contact sheet of rendered rooms: photo, mask, depth and two repaints a row."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from wallpaint.errors import InputError
from wallpaint.files import atomic
from wallpaint.rooms.sets import camera, pairs, room_file
from wallpaint.rooms.sets.pairs import Pair
from wallpaint.rooms.sets.room_file import RoomRecord
from wallpaint.typing import Array

GAP_PX = 6
INK = (38, 38, 38)
PAPER = (250, 250, 248)
LINE_PX = 18
FORMATS = (".png", ".jpg", ".jpeg", ".webp")


def sheet(records: Sequence[RoomRecord], cell_px: int = 256, columns: int = 1) -> Image.Image:
    """Rooms below each other, and beside each other in columns.

    cell_px: longer side of each picture. Rooms of other proportions than the first are fitted into its cells.
    """
    strips = [strip(record, cell_px) for record in records]
    width, height = max(s.width for s in strips), max(s.height for s in strips)
    rows = -(-len(strips) // columns)
    whole = Image.new("RGB", (columns * (width + GAP_PX) + GAP_PX, rows * (height + GAP_PX) + GAP_PX), PAPER)
    for place, picture in enumerate(strips):
        at = (GAP_PX + place // rows * (width + GAP_PX), GAP_PX + place % rows * (height + GAP_PX))
        whole.paste(picture, at)
    return whole


def strip(record: RoomRecord, cell_px: int = 256) -> Image.Image:
    """One room: photo, mask, depth, two repaints, and a line of text."""
    shown = _shown(record)
    cells = [shown[0].photo, camera.codes(record.alpha), camera.controlnet_depth(record.depth)]
    cells += [camera.codes(pair.target) for pair in shown]
    pictures = [_fitted(cell, cell_px) for cell in cells]
    width, height = pictures[0].size
    row = Image.new("RGB", (len(pictures) * (width + GAP_PX) - GAP_PX, height + LINE_PX), PAPER)
    for place, picture in enumerate(pictures):
        row.paste(picture, (place * (width + GAP_PX), 0))
    repaints = ", ".join(" ".join(pair.tracks) for pair in shown)
    text = f"{record.seed}  {record.kind}, {record.split}  walls {record.alpha.mean():.0%}  {repaints}"
    font = ImageFont.load_default(size=LINE_PX - 6)
    ImageDraw.Draw(row).text((0, height + LINE_PX / 2), text, INK, font, anchor="lm")
    return row


def write_sheet(folder: Path, output: Path, *, rooms: int = 12, first: int = 0, columns: int = 1) -> int:
    """The sheet of a folder's rooms as a picture file; returns how many it shows.

    rooms: at most so many. first: the lowest seed. Raises InputError.
    """
    from wallpaint.rooms.sets.export import room_files

    if output.suffix.lower() not in FORMATS:
        raise InputError(f"{output}: expected a name that ends in {', '.join(FORMATS)}")
    wanted = [path for path in room_files(folder) if path.name >= room_file.name_of(first)][:rooms]
    if not wanted:
        raise InputError(f"{folder}: has no room from seed {first} on")
    picture = sheet([room_file.read(path) for path in wanted], columns=columns)
    data = io.BytesIO()
    kind = {".png": "PNG", ".webp": "WEBP"}.get(output.suffix.lower(), "JPEG")
    picture.save(data, kind, **({} if kind == "PNG" else {"quality": 92}))
    atomic.put(output, data.getvalue())
    return len(wanted)


def _shown(record: RoomRecord) -> list[Pair]:
    """Two pairs: the room's own paint to another, and what shows most of the room's dressings."""
    found = pairs.pairs_of(record, 2)
    special = [pair for pair in found[2:] if "texture" in pair.tracks] or found[2:]
    return [found[0], (special or found)[-1 if special else 1]]


def _fitted(codes: Array, cell_px: int) -> Image.Image:
    height, width = codes.shape[:2]
    scale = cell_px / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(np.ascontiguousarray(codes), size, interpolation=smooth) if scale != 1 else codes
    return Image.fromarray(small).convert("RGB")
