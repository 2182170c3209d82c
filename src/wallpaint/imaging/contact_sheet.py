"""Previews, before/after pairs and labelled contact sheets."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from wallpaint.imaging import color
from wallpaint.imaging.photo import Photo
from wallpaint.typing import Array

GAP_PX = 12
INK = (38, 38, 38)
PAPER = (250, 250, 248)

Cell: TypeAlias = tuple[str, Image.Image, tuple[int, int, int] | None]
"""Label, picture, and the swatch as sRGB 0..255 or None."""


def preview(photo: Photo, codes: Array, longest_px: int) -> Image.Image:
    """A small sRGB copy of a picture in the photo's own space.

    codes: (H, W, C). longest_px: the longer side of the result, if the picture is larger.
    """
    height, width = codes.shape[:2]
    scale = min(1.0, longest_px / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = codes
    while min(small.shape[0] // size[1], small.shape[1] // size[0]) >= 4:  # halving is many times faster, and as good
        small = cv2.resize(small, (small.shape[1] // 2, small.shape[0] // 2), interpolation=cv2.INTER_AREA)
    small = cv2.resize(small, size, interpolation=cv2.INTER_AREA) if scale < 1 else codes
    srgb = color.linear_to_srgb(np.clip(photo.space.to_linear(small), 0, 1))
    return Image.fromarray(np.round(srgb * 255).astype(np.uint8), "RGB")


def before_after(photo: Photo, codes: Array, longest_px: int = 1000) -> Image.Image:
    """The photo and its repaint side by side, or stacked if they are wide.

    Returns an RGB picture; each half's longer side has at most longest_px.
    """
    before, after = (preview(photo, c, longest_px) for c in (photo.codes, codes))
    wide = before.width > 2 * before.height
    size = (before.width, 2 * before.height + GAP_PX) if wide else (2 * before.width + GAP_PX, before.height)
    sheet = Image.new("RGB", size, PAPER)
    sheet.paste(before, (0, 0))
    sheet.paste(after, (0, before.height + GAP_PX) if wide else (before.width + GAP_PX, 0))
    return sheet


def contact_sheet(pictures: Sequence[Cell], columns: int | None = None) -> Image.Image:
    """A grid of images of one size with a label and a swatch under each.

    pictures: see Cell. columns: None chooses a roughly square sheet.
    """
    width, height = pictures[0][1].size
    if columns is None:
        columns = max(1, min(len(pictures), round((len(pictures) * 1.2 * height / width) ** 0.5)))
    size = max(12, width // 26)
    font = ImageFont.load_default(size=size)
    strip = size * 2
    rows = -(-len(pictures) // columns)
    cell = (width + GAP_PX, height + strip + GAP_PX)
    sheet = Image.new("RGB", (columns * cell[0] + GAP_PX, rows * cell[1] + GAP_PX), PAPER)
    draw = ImageDraw.Draw(sheet)
    for i, (label, picture, swatch) in enumerate(pictures):
        x, y = GAP_PX + i % columns * cell[0], GAP_PX + i // columns * cell[1]
        sheet.paste(picture, (x, y))
        left = x
        if swatch is not None:
            side = int(size * 1.3)
            top = y + height + (strip - side) // 2
            draw.rectangle((x, top, x + side, top + side), fill=swatch, outline=INK)
            left = x + side + side // 3
        draw.text((left, y + height + strip / 2), _fit(label, font, x + width - left), INK, font, anchor="lm")
    return sheet


def _fit(label: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room_px: int) -> str:
    if font.getlength(label) <= room_px:
        return label
    length: int = bisect(range(1, min(len(label), 400)), room_px, key=lambda n: int(font.getlength(label[:n] + "…")))
    return label[:length] + "…"
