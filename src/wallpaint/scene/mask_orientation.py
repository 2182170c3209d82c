"""Masks drawn on the pixels of a photo as they are stored, before its EXIF orientation is applied."""

from __future__ import annotations

import cv2
import numpy as np

from wallpaint.errors import ShapeError
from wallpaint.files.pixels import upright
from wallpaint.imaging.mask_file import MaskFile
from wallpaint.imaging.photo import Photo
from wallpaint.scene.options import MaskOrientation
from wallpaint.typing import Array

_COMPARED_PX = 512  # longest side at which edges of mask and photo are compared


def orient_mask(file: MaskFile, photo: Photo, mode: MaskOrientation, *, fit: bool) -> tuple[Array, tuple[str, ...]]:
    """Return a mask's alpha as the upright photo needs it, and warnings: (H, W) float32.

    mode: "stored" applies the photo's EXIF orientation to a mask without a tag of its own. "upright" does not, and
    warns if the mask fits the stored pixels as well or better. fit: whether a mask of another size will be resized.
    Raises ShapeError for a mask of the size of the stored pixels, unless it will be resized.
    """
    orientation = photo.orientation
    if mode == "stored":
        if file.orientation != 1:
            return file.alpha, (f"{file.source} has an EXIF orientation of its own: `mask_orientation` is not used",)
        if orientation == 1:
            return file.alpha, ("the photo has no EXIF orientation: `mask_orientation` is not used",)
        return np.ascontiguousarray(upright(file.alpha, orientation)), ()
    if orientation == 1 or file.orientation != 1:
        return file.alpha, ()
    turned = upright(file.alpha, orientation)
    reason = f"the photo has EXIF orientation {orientation}, {file.source} has none"
    hint = 'set `mask_orientation="stored"` if it was drawn on the stored pixels'
    if file.alpha.shape != photo.size:
        if not _is_scaled(turned.shape, photo.size) or _is_scaled(file.alpha.shape, photo.size):
            return file.alpha, ()
        height, width = file.alpha.shape
        message = f"{reason} and is {height}x{width}, as the photo is stored (upright: {photo.size[0]}x{photo.size[1]})"
        if not fit:
            raise ShapeError(f"{message}: {hint}")
        return file.alpha, (f"{message}: {hint}",)
    if edge_contrast(photo, turned) >= edge_contrast(photo, file.alpha):
        return file.alpha, (f"{reason}, and its edges fit the photo as stored: {hint}",)
    return file.alpha, ()


def _is_scaled(shape: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Whether a shape has the aspect ratio of a size, within one per cent."""
    return bool(abs(np.log(shape[0] * size[1] / (shape[1] * size[0]))) < 0.01)


def edge_contrast(photo: Photo, alpha: Array) -> float:
    """Return the photo's mean gradient on the edges of a mask, in codes of 0..255 per pixel of a reduced picture.

    alpha: (H, W) float32, of the photo's size. 0 for a mask without an edge.
    """
    height, width = photo.size
    scale = min(1.0, _COMPARED_PX / max(height, width))
    size = (max(3, round(width * scale)), max(3, round(height * scale)))
    wall = cv2.resize(np.ascontiguousarray(alpha, np.float32), size, interpolation=cv2.INTER_AREA) >= 0.5
    codes = cv2.resize(np.asarray(photo.codes), size, interpolation=cv2.INTER_AREA).astype(np.float32)
    blurred = cv2.GaussianBlur(codes[..., :3] * np.float32(255 / np.iinfo(photo.codes.dtype).max), (0, 0), 1.0)
    gradient = np.hypot(cv2.Sobel(blurred, -1, 1, 0), cv2.Sobel(blurred, -1, 0, 1)).max(axis=2) / 8
    square, mask = np.ones((3, 3), np.uint8), wall.astype(np.uint8)
    edge = cv2.dilate(mask, square) != cv2.erode(mask, square)
    return float(gradient[edge].mean()) if edge.any() else 0.0
