"""Mask files: reading black and white pictures as walls, and judging them.

The values are the file's raw codes, without any curve or colour management: half the code is half the paint.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wallpaint.errors import InputError, ShapeError
from wallpaint.imaging.photo import Limits, read_photo

Mask: TypeAlias = NDArray[np.bool_]
Alpha: TypeAlias = NDArray[np.float32]
Codes: TypeAlias = NDArray[Any]
MaskSource: TypeAlias = "str | Path | bytes | Image.Image | NDArray[Any]"

_GREY_SPREAD = 0.1  # channels of a black and white picture differ by less, JPEG included
_JPEG_SNAP = 8 / 255  # ringing of JPEG round an edge stays mostly below
MIN_SPECKS = 50  # from which `lint` reports them
_OPAQUE = 0.9  # colours under less alpha than this are the edge of a cut-out, not its inside


@dataclass(frozen=True)
class MaskFile:
    """A mask as it was read, with the statistics that `lint` checks.

    alpha: (H, W) float32, 0..1, 1 on wall. source: its name in messages. format: of the file,
    or "array". channel: where the values came from. histogram: (256,) counts of the values in 256 steps from
    0 to 1, before inverting and snapping. levels: how many steps occur. peak: the largest value. warnings:
    ambiguities and how they were resolved.
    """

    alpha: Alpha
    source: str
    format: str
    channel: str
    histogram: NDArray[np.int64]
    levels: int
    peak: float
    inverted: bool
    warnings: tuple[str, ...]

    @property
    def was_jpeg(self) -> bool:
        """Whether the values went through lossy compression."""
        return self.format in ("JPEG", "MPO")


def read_mask(source: MaskSource, *, invert: bool = False, limits: Limits | None = None) -> MaskFile:
    """Read a mask: white is wall, grey is a soft edge, an alpha channel that cuts the wall out counts too.

    source: a path, the bytes of a file, a PIL image, or an array: bool, uint8, uint16 or float 0..1, (H, W)
    or (H, W, channels). invert: black is wall. limits: largest picture, as for photos. Raises InputError for
    a picture that is not black and white.
    """
    colour, transparency, name, kind = _codes(source, limits or Limits())
    values, channel, warnings = _values(colour, transparency, _white(colour, name), name)
    steps = cv2.convertScaleAbs(values, alpha=255)
    histogram = cv2.calcHist([steps], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    file = MaskFile(
        alpha=values,
        source=name,
        format=kind,
        channel=channel,
        histogram=histogram,
        levels=int(np.count_nonzero(histogram)),
        peak=float(values.max()),
        inverted=invert,
        warnings=warnings,
    )
    file = _snap_jpeg(file) if file.was_jpeg else file
    return replace(file, alpha=_inverted(file.alpha)) if invert else file


def _inverted(alpha: Alpha) -> Alpha:
    """The alpha of the mask with black and white exchanged, exact for masks of 8 and 16 bits."""
    top = np.float32(65535)
    return np.asarray(np.round((1 - alpha) * top) / top, np.float32)


def _codes(source: MaskSource, limits: Limits) -> tuple[Codes, Codes | None, str, str]:
    """Raw colour (H, W, channels), raw alpha (H, W), its name in messages, and its format."""
    if isinstance(source, np.ndarray):
        name = "the mask array"
        codes = source[..., None] if source.ndim == 2 else source
        if codes.ndim != 3 or codes.shape[2] not in (1, 2, 3, 4) or 0 in codes.shape:
            raise ShapeError(f"{name} must be (height, width), or with 1 to 4 channels, not {source.shape}")
        split = codes.shape[2] in (2, 4)
        return (codes[..., :-1], codes[..., -1], name, "array") if split else (codes, None, name, "array")
    name = f"mask {Path(source).name}" if isinstance(source, str | Path) else "the mask"
    try:
        picture = read_photo(source, limits, grey_channels=1)
    except InputError as error:
        reason = str(error).removeprefix(f"{source!s}: ").removeprefix("photo: ")
        raise InputError(f"{name}: {reason}") from error
    if picture.codes.shape[2] == 4:
        raise InputError(f"{name} is a CMYK picture: save it as black and white, in grey or RGB")
    kind = source.format if isinstance(source, Image.Image) else None
    return picture.codes, picture.alpha, name, kind or picture.source.format


def _white(codes: Codes, name: str) -> float:
    """The code of white."""
    if codes.dtype == bool:
        return 1.0
    if codes.dtype in (np.uint8, np.uint16):
        return float(np.iinfo(codes.dtype).max)
    if codes.dtype.kind != "f":
        raise InputError(f"{name} must be bool, uint8, uint16 or float 0..1, not {codes.dtype}")
    low, high = float(codes.min()), float(codes.max())
    if not (low >= 0.0 and high <= 1.0):  # also false for NaN
        raise InputError(f"{name} must hold values 0..1, these are {low:g}..{high:g}")
    return 1.0


def _values(colour: Codes, transparency: Codes | None, white: float, name: str) -> tuple[Alpha, str, tuple[str, ...]]:
    """Values 0..1 (H, W), the channel that they came from, and what had to be decided."""
    if transparency is not None and transparency.min() < transparency.max():
        return _cut_out(colour, _unit(transparency, white), white, name)
    if _same_channels(colour):
        return _unit(next(_channels(colour)), white), "grey", ()
    if _is_grey(colour, white):
        return _unit(_mean(colour), white), "grey", ()
    return _one_colour(colour, white, name)


def _cut_out(colour: Codes, cut: Alpha, white: float, name: str) -> tuple[Alpha, str, tuple[str, ...]]:
    """The values of a mask with an alpha channel that varies."""
    inside = (cut >= _OPAQUE).astype(np.uint8)
    if all(_range(channel, inside) <= _GREY_SPREAD * white for channel in _channels(colour)):
        return cut, "alpha", ()
    if not _is_grey(colour, white):
        note = f"{name} is a cut-out picture: its transparency was taken as the mask, its colours were not"
        return cut, "alpha", (note,)
    note = f"{name} has greys and transparency: the one times the other was taken; flatten it to be sure"
    return _unit(_mean(colour), white) * cut, "grey x alpha", (note,)


def _unit(codes: Codes, white: float) -> Alpha:
    if codes.dtype == np.uint8:
        return np.asarray(cv2.LUT(np.ascontiguousarray(codes), np.arange(256, dtype=np.float32) / np.float32(white)))
    values: Alpha = np.asarray(codes, dtype=np.float32)
    return values.copy() if white == 1.0 else values / np.float32(white)


def _channels(colour: Codes) -> Iterator[Codes]:
    for index in range(colour.shape[2]):
        if colour.dtype in (np.uint8, np.uint16):
            yield np.asarray(cv2.extractChannel(colour, index))  # several times faster than a copy by NumPy
        else:
            channel = np.ascontiguousarray(colour[..., index])
            yield channel.view(np.uint8) if channel.dtype == bool else channel


def _range(channel: Codes, inside: NDArray[np.uint8]) -> float:
    """Largest less smallest value where inside is not 0."""
    low, high, _, _ = cv2.minMaxLoc(channel, mask=inside)
    return float(high - low)


def _mean(colour: Codes) -> Codes:
    """Return the mean of the three channels, (H, W): float32, or the first channel's codes if all are equal."""
    if _same_channels(colour):
        return next(_channels(colour))
    first, second, third = (channel.astype(np.float32) for channel in _channels(colour))
    return (first + second + third) / np.float32(3)


def _same_channels(colour: Codes) -> bool:
    first, *others = _channels(colour)
    return all(np.array_equal(first, other) for other in others)


def _is_grey(colour: Codes, white: float) -> bool:
    if _same_channels(colour):
        return True
    first, second, third = _channels(colour)
    spread = np.maximum(np.maximum(first, second), third) - np.minimum(np.minimum(first, second), third)
    return bool(np.count_nonzero(spread > _GREY_SPREAD * white) <= 1e-3 * spread.size)


def _one_colour(colour: Codes, white: float, name: str) -> tuple[Alpha, str, tuple[str, ...]]:
    """The values of a mask painted in one colour on black, that colour being wall."""
    brightest = _unit(colour.max(axis=2), white)
    peak = float(brightest.max())
    painted = colour[brightest >= 0.5 * peak].astype(np.float32)
    tint = painted / painted.max(axis=1, keepdims=True)
    low, high = np.percentile(tint, (1, 99), axis=0)
    has_black = np.count_nonzero(brightest <= 0.1 * peak) > 0
    if not has_black or float((high - low).max()) > 2 * _GREY_SPREAD:
        raise InputError(f"{name} is a coloured picture: give one with the wall white and the rest black")
    note = f"{name} is painted in one colour on black: that colour was taken as wall; use white to be sure"
    return np.minimum(brightest / np.float32(peak), np.float32(1)), "brightest", (note,)


def _snap_jpeg(file: MaskFile) -> MaskFile:
    """Ringing of JPEG next to black and white becomes black and white again, and the warnings say so."""
    alpha = file.alpha
    low, high = (alpha > 0) & (alpha < _JPEG_SNAP), (alpha < 1) & (alpha > 1 - _JPEG_SNAP)
    share = (np.count_nonzero(low) + np.count_nonzero(high)) / alpha.size
    if share == 0:
        return file
    note = (
        f"{file.source} is a JPEG: nearly black or white pixels, {100 * share:.1f} % of it, were made black "
        "or white; save masks as PNG"
    )
    snapped = np.where(low, np.float32(0), np.where(high, np.float32(1), alpha))
    return replace(file, alpha=snapped, warnings=(*file.warnings, note))


def lint(file: MaskFile, photo_size: tuple[int, int] | None = None) -> tuple[str, ...]:
    """The usual mistakes in a mask, a sentence each that says what to do; beside the file's own warnings.

    photo_size: (height, width) of the photo that it belongs to.
    """
    name, size = file.source, file.alpha.shape
    if file.peak <= 2 / 255:
        return (f"{name} holds at most {round(255 * file.peak)} of 255: white must be 255, so multiply it",)
    notes = _lint_values(file)
    notes += [*_lint_inverted(file), *_lint_specks(file)]
    if photo_size is not None and size != photo_size and size == photo_size[::-1]:
        notes.append(f"{name} lies on its side against the photo: turn it upright")
    return tuple(notes)


def _lint_values(file: MaskFile) -> list[str]:
    name = file.source
    percent = 100.0 * file.histogram / file.histogram.sum()
    faint, strong, grey = (float(percent[a:b].sum()) for a, b in ((1, 11), (245, 255), (11, 245)))
    notes = []
    if file.peak < 0.9:
        notes.append(f"{name} is nowhere white, at most {100 * file.peak:.0f} %: raise its walls to full white")
    if not file.was_jpeg and faint > 1:
        notes.append(f"{name} is nearly black (1 to 10 of 255) on {faint:.0f} % of it: make that 0, or it is painted")
    if not file.was_jpeg and strong > 1:
        notes.append(f"{name} is nearly white (245 to 254 of 255) on {strong:.0f} % of it: make that 255")
    if grey > 20:
        notes.append(f"{name} is grey on {grey:.0f} % of it, and grey is painted in part: make it black or white")
    return notes


def _lint_inverted(file: MaskFile) -> list[str]:
    mask = file.alpha >= 0.5
    share = np.count_nonzero(mask) / mask.size
    half, tenth = max(1, mask.shape[0] // 2), max(1, mask.shape[0] // 10)
    switch = "leave out" if file.inverted else "set"
    hint = f"{switch} `invert_mask` if white is not wall"
    if 0.85 < share < 1.0:
        return [f"{file.source} covers {100 * share:.0f} % of the picture: {hint}"]
    if mask[-tenth:].mean() > 0.95 and mask[half:].mean() > 0.8 and mask[:half].mean() < 0.5:
        return [f"{file.source} covers the floor rather than the upper half: {hint}"]
    return []


def _lint_specks(file: MaskFile) -> list[str]:
    mask = (file.alpha >= 0.5).astype(np.uint8)
    limit = max(4, mask.size // 50_000)
    sides = (mask, 1 - mask)
    if _outline_count(sides) < MIN_SPECKS:
        return []
    small = 0
    for side in sides:
        _, _, stats, _ = cv2.connectedComponentsWithStats(side, connectivity=8)
        small += int(np.count_nonzero(stats[1:, cv2.CC_STAT_AREA] < limit))
    if small < MIN_SPECKS:
        return []
    return [f"{file.source} has {small} specks under {limit} pixels: clean it, for example with remove_specks"]


def _outline_count(sides: tuple[Codes, Codes]) -> float:
    """Return an upper bound of the components of both sides, (H, W) uint8: tracing outlines is faster than labelling.

    Infinite for noise, whose outlines would fill the memory.
    """
    mask = sides[0]
    if np.count_nonzero(mask[:, 1:] != mask[:, :-1]) > mask.size // 50:
        return math.inf
    return sum(len(cv2.findContours(side, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0]) for side in sides)
