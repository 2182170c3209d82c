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
from wallpaint.rooms.sets.pairs import RenderedPair
from wallpaint.rooms.sets.room_file import RoomRecord
from wallpaint.typing import Array

GAP_PX = 6
TEXT_COLOR = (38, 38, 38)
BACKGROUND = (250, 250, 248)
TEXT_HEIGHT_PX = 18
FORMATS = (".png", ".jpg", ".jpeg", ".webp")


def contact_sheet(records: Sequence[RoomRecord], cell_px: int = 256, columns: int = 1) -> Image.Image:
    """Draw one strip per room, in columns.

    cell_px: longer side of each image.
    """
    strips = [room_strip(record, cell_px) for record in records]
    width, height = max(s.width for s in strips), max(s.height for s in strips)
    rows = -(-len(strips) // columns)
    canvas = Image.new("RGB", (columns * (width + GAP_PX) + GAP_PX, rows * (height + GAP_PX) + GAP_PX), BACKGROUND)
    for index, image in enumerate(strips):
        position = (GAP_PX + index // rows * (width + GAP_PX), GAP_PX + index % rows * (height + GAP_PX))
        canvas.paste(image, position)
    return canvas


def room_strip(record: RoomRecord, cell_px: int = 256) -> Image.Image:
    """Draw photo, mask, depth and two repaints of a room, with a line of text."""
    chosen = _choose_pairs(record)
    cells = [chosen[0].photo, camera.to_uint8(record.alpha), camera.controlnet_depth(record.depth)]
    cells += [camera.to_uint8(pair.target) for pair in chosen]
    images = [_resize(cell, cell_px) for cell in cells]
    width, height = images[0].size
    row = Image.new("RGB", (len(images) * (width + GAP_PX) - GAP_PX, height + TEXT_HEIGHT_PX), BACKGROUND)
    for index, image in enumerate(images):
        row.paste(image, (index * (width + GAP_PX), 0))
    repaints = ", ".join(" ".join(pair.tracks) for pair in chosen)
    text = f"{record.seed}  {record.room_type}, {record.split}  walls {record.alpha.mean():.0%}  {repaints}"
    font = ImageFont.load_default(size=TEXT_HEIGHT_PX - 6)
    ImageDraw.Draw(row).text((0, height + TEXT_HEIGHT_PX / 2), text, TEXT_COLOR, font, anchor="lm")
    return row


def write_sheet(folder: Path, output: Path, *, rooms: int = 12, first: int = 0, columns: int = 1) -> int:
    """Write the contact sheet of a folder of rooms as an image file; return the number of rooms shown.

    rooms: maximum number of rooms. first: lowest seed. Raises InputError.
    """
    from wallpaint.rooms.sets.export import room_files

    if output.suffix.lower() not in FORMATS:
        raise InputError(f"{output}: expected a file name ending in {', '.join(FORMATS)}")
    paths = [path for path in room_files(folder) if path.name >= room_file.name_of(first)][:rooms]
    if not paths:
        raise InputError(f"{folder}: contains no room from seed {first} on")
    image = contact_sheet([room_file.read(path) for path in paths], columns=columns)
    data = io.BytesIO()
    image_format = {".png": "PNG", ".webp": "WEBP"}.get(output.suffix.lower(), "JPEG")
    image.save(data, image_format, **({} if image_format == "PNG" else {"quality": 92}))
    atomic.put(output, data.getvalue())
    return len(paths)


def _choose_pairs(record: RoomRecord) -> list[RenderedPair]:
    """Choose two pairs: one from the existing paint, and one with a wall variant if there is one."""
    candidates = pairs.sample_pairs(record, 2)
    variants = [pair for pair in candidates[2:] if "texture" in pair.tracks] or candidates[2:]
    return [candidates[0], (variants or candidates)[-1 if variants else 1]]


def _resize(codes: Array, cell_px: int) -> Image.Image:
    height, width = codes.shape[:2]
    scale = cell_px / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(np.ascontiguousarray(codes), size, interpolation=interpolation) if scale != 1 else codes
    return Image.fromarray(small).convert("RGB")
