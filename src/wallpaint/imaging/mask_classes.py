"""Class maps: pictures whose values are numbers or colours of classes, not shares of wall.

Grey is a soft edge in a mask and a class in a class map. The two differ in shape: soft values lie between two flat
levels, classes are flat areas of more than two levels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from PIL import ImageColor

from wallpaint.errors import InputError
from wallpaint.typing import Array

SOFT = "soft"  # the mask class that takes all grey values as shares of wall

_FEW_LEVELS = 8
_LISTED = 5
_LOSSY_TOLERANCE = 0.1  # of white
_BLACK, _NEARLY_WHITE = 2, 230  # of 255: a single level between them is a class, not a sloppy white
_SMALL_CODES = 512  # 16-bit codes up to this are numbers, or 8-bit values that were not scaled
_PHOTO_SHARE, _PHOTO_COLORS = 0.1, 256  # a photo's most frequent colour is rarer, and it has more of them
_SMALL_STEP = 2  # of 255: neighbouring values in a smooth gradient differ by at most this


@dataclass(frozen=True, eq=False)
class ClassMap:
    """The codes in which classes are searched.

    colour: (H, W, channels), raw codes. white: the code of white. opaque: (H, W) bool or None. indices: (H, W), entries
    of the file's palette, if it has one. name: in messages. is_lossy: compression changed the codes.
    """

    colour: Array
    white: float
    opaque: Array | None
    indices: Array | None
    name: str
    is_lossy: bool

    @cached_property
    def is_grey(self) -> bool:
        """Whether the channels are equal everywhere."""
        if self.colour.shape[2] == 1:
            return True
        if self.colour.dtype not in (np.uint8, np.uint16):
            return all(np.array_equal(self.colour[..., 0], self.colour[..., i]) for i in (1, 2))
        first = cv2.extractChannel(self.colour, 0)  # several times faster than a comparison of strided views
        return all(np.array_equal(first, cv2.extractChannel(self.colour, i)) for i in (1, 2))


def has_classes(steps: Array, *, is_lossy: bool = False) -> bool:
    """Whether grey values are numbers of classes: flat areas of more than two values, values beyond both, or one grey.

    steps: (H, W) uint8. is_lossy: values are only approximate.
    """
    if is_lossy:
        steps = (steps.astype(np.uint16) + 4) // 8
        steps = steps.astype(np.uint8)
    levels = np.flatnonzero(_counts(steps))
    if levels.size == 2 and not is_lossy and levels[0] == 0 and _BLACK < levels[1] < _NEARLY_WHITE:
        return True
    if levels.size <= 2:
        return False
    if levels.size <= _FEW_LEVELS and not is_lossy:
        areas = _flat_areas(steps, 3)
        return bool((areas[levels[1:-1]] >= max(9, 5e-4 * steps.size)).any())
    areas = _flat_areas(steps, 5)
    plateaus = np.flatnonzero(areas >= max(25, 1e-3 * steps.size))
    if plateaus.size < 2:
        return False
    top = plateaus[-1]
    has_more = not is_lossy and top < 200 and levels[-1] > top + 16
    if plateaus.size == 2 and not has_more:
        return False
    isolated = _isolation(steps, 1 if is_lossy else _SMALL_STEP)
    if has_more and isolated[top] >= 0.5:
        return True
    return bool((isolated[plateaus[1:-1]] >= 0.5).any())


def has_small_codes(classes: ClassMap) -> bool:
    """Whether a picture of 16 bits has only codes that are nearly black: numbers of classes, or 0..255."""
    return classes.colour.dtype == np.uint16 and 0 < int(classes.colour.max()) < _SMALL_CODES


def _flat_areas(steps: Array, side: int) -> Array:
    """Return the number of pixels by level whose neighbourhood has the same value: (256,)."""
    square = np.ones((side, side), np.uint8)
    return _counts(steps, cv2.compare(cv2.dilate(steps, square), cv2.erode(steps, square), cv2.CMP_EQ))


def _counts(steps: Array, inside: Array | None = None) -> Array:
    """Return the number of pixels by level, where inside (H, W) is not 0: (256,)."""
    return np.asarray(cv2.calcHist([steps], [0], inside, [256], [0, 256])).ravel()


def _isolation(steps: Array, small: int) -> Array:
    """Return, by level, the share of its borders across which the value changes by more than `small`: (256,)."""
    borders, jumps = np.zeros(256), np.zeros(256)
    for one, other in ((steps[:, 1:], steps[:, :-1]), (steps[1:], steps[:-1])):
        change = cv2.absdiff(np.ascontiguousarray(one), np.ascontiguousarray(other))
        for side in (one, other):
            borders += np.bincount(side[change > 0], minlength=256)
            jumps += np.bincount(side[change > small], minlength=256)
    return np.asarray(jumps / np.maximum(borders, 1))


def class_error(classes: ClassMap, kind: str) -> InputError:
    """Return the error for a picture that needs the name of its class. kind: what it is."""
    shares = _listed(classes)
    if len(shares) >= _PHOTO_COLORS and shares[0][1] < _PHOTO_SHARE and not classes.is_grey:
        return InputError(
            f"{classes.name} is a picture in many colours, such as a photo: a mask is white on the wall and black "
            "elsewhere"
        )
    labels = [label.partition(" ")[0] for label, _ in shares]
    example = next((label for label in labels if label not in ("0", "#000000")), labels[0])
    quoted = f"'{example}'" if example.startswith("#") else example  # a shell takes # for a comment
    soft = f', or `mask_class="{SOFT}"` if grey is a share of wall' if classes.is_grey else ""
    return InputError(
        f"{classes.name} is {kind}: it holds {_text(classes, shares)}: "
        f"name the wall's class, such as `mask_class={quoted}`{soft}"
    )


def content_text(classes: ClassMap) -> str:
    """Return the most frequent values and their shares: "0 54 %, 128 46 %"."""
    return _text(classes, _listed(classes))


def _text(classes: ClassMap, shares: list[tuple[str, float]]) -> str:
    shown = ", ".join(f"{label} {_percent(share)}" for label, share in shares[:_LISTED])
    others = len(shares) - _LISTED
    return f"{shown} and {others}{'+' if len(shares) == _LISTED + 251 else ''} more" if others > 0 else shown


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _listed(classes: ClassMap) -> list[tuple[str, float]]:
    """Labels and shares of up to 256 values, the most frequent first. A label is a number, a colour, or both."""
    if classes.indices is not None:
        keys = classes.indices.astype(np.int64)
    elif classes.is_grey:
        keys = np.ascontiguousarray(classes.colour[..., 0])
    else:
        keys = _packed(classes)
    values, first, counts = np.unique(keys, return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:256]
    flat = classes.colour.reshape(-1, classes.colour.shape[2])
    labels = []
    for position in order:
        color = _hex(flat[first[position]], classes.white)
        if classes.indices is not None:
            label = f"{values[position]} {color}"
        else:
            label = f"{values[position]:g}" if classes.is_grey else color
        labels.append((label, float(counts[position]) / keys.size))
    return labels


def _packed(classes: ClassMap) -> Array:
    """Colours as one number per pixel, 8 bits per channel: (H, W) int64."""
    return _eight_bit(classes.colour, classes.white).astype(np.int64) @ np.array([65536, 256, 1])


def _eight_bit(codes: Array, white: float) -> Array:
    return np.asarray(np.round(np.asarray(codes, np.float64) * (255 / white)), np.uint8)


def _hex(codes: Array, white: float) -> str:
    eight = np.broadcast_to(_eight_bit(codes, white), 3) if codes.size == 1 else _eight_bit(codes, white)
    return "#" + bytes(eight.tolist()).hex()


def color_count(classes: ClassMap, inside: Array) -> int:
    """Return the number of distinct colours or greys where inside (H, W) is true."""
    codes = _packed(classes) if classes.colour.shape[2] == 3 else classes.colour[..., 0]
    return int(np.unique(codes[inside]).size)


def select_class(classes: ClassMap, mask_class: str) -> Array:
    """Return the pixels of a class: (H, W) float32, 0 or 1.

    mask_class: a palette entry or a grey value as a number, or a colour: #rrggbb, "128,0,0" or a CSS name. Raises
    InputError if the picture holds no such pixel.
    """
    wanted = mask_class.strip()
    if re.fullmatch(r"\d{1,5}", wanted):
        selected = _of_number(classes, int(wanted))
    else:
        selected = _of_color(classes, _parse_color(wanted))
    if classes.opaque is not None:
        selected = selected & classes.opaque
    if not selected.any():
        raise InputError(f"{classes.name} has no pixel of class {wanted}: it holds {content_text(classes)}")
    return selected.astype(np.float32)


def _of_number(classes: ClassMap, number: int) -> Array:
    if classes.indices is not None:
        return np.asarray(classes.indices == number)
    if not classes.is_grey:
        raise InputError(
            f"{classes.name} has colours, no class numbers: it holds {content_text(classes)}: "
            "give the wall's colour as `mask_class`"
        )
    if classes.is_lossy:
        raise InputError(f"{classes.name} has lossy compression, which changes class numbers: save it as PNG")
    return np.asarray(classes.colour[..., 0] == number)


def _of_color(classes: ClassMap, color: tuple[int, int, int]) -> Array:
    codes = _eight_bit(classes.colour, classes.white).astype(np.int16)
    tolerance = _LOSSY_TOLERANCE * 255 if classes.is_lossy else 0
    return np.asarray((np.abs(codes - np.array(color, np.int16)) <= tolerance).all(axis=2))


def _parse_color(text: str) -> tuple[int, int, int]:
    numbers = re.fullmatch(r"(?:rgb)?\(?\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*\)?", text)
    if numbers and all(int(value) <= 255 for value in numbers.groups()):
        return int(numbers[1]), int(numbers[2]), int(numbers[3])
    try:
        red, green, blue = ImageColor.getrgb(text if not re.fullmatch(r"[0-9a-fA-F]{6}", text) else f"#{text}")[:3]
    except ValueError:
        raise InputError(
            f"`mask_class` of a picture is a class number or a colour, such as 1, #800000 or 128,0,0, not {text[:40]!r}"
        ) from None
    return red, green, blue
