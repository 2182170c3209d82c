"""Mask files: reading black and white pictures, pictures of classes and annotations as walls.

The values are the file's raw codes, without any curve or colour management: half the code is half the paint.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wallpaint.errors import InputError, ShapeError
from wallpaint.files.pixels import upright
from wallpaint.imaging.annotations.reader import is_annotation, read_annotation
from wallpaint.imaging.mask_classes import (
    SOFT,
    ClassMap,
    class_error,
    color_count,
    has_classes,
    has_small_codes,
    select_class,
)
from wallpaint.imaging.photo import Limits, Photo, read_photo

Mask: TypeAlias = NDArray[np.bool_]
Alpha: TypeAlias = NDArray[np.float32]
Codes: TypeAlias = NDArray[Any]
MaskSource: TypeAlias = "str | Path | bytes | Image.Image | NDArray[Any]"

_GREY_SPREAD = 0.1  # channels of a black and white picture differ by less, JPEG included
_JPEG_SNAP = 8 / 255  # ringing of JPEG round an edge stays mostly below
_SHADE_ERROR = 0.03  # of white: deviation of a pixel from the shades of one colour
_MOST_CLASSES = 64  # a cut-out picture with fewer colours is a map of classes
_PACK = np.array([1 << 32, 1 << 16, 1], np.uint64)
_LOSSY = ("JPEG", "MPO", "HEIC", "AVIF")
_WITH_PALETTES = ("PNG", "GIF", "BMP", "TIFF")
_OPAQUE = 0.9  # of the largest alpha: colours under less are the edge of a cut-out, not its inside
_MID_GREYS, _FEW_GREYS = 0.2, 8  # share and levels of greys in an opaque part: a part of a photo has more


@dataclass(frozen=True)
class MaskFile:
    """A mask as it was read, with the statistics that `lint` checks.

    alpha: (H, W) float32, 0..1, 1 on wall. source: its name in messages. format: of the file,
    or "array". channel: where the values came from. histogram: (256,) counts of the values in 256 steps from
    0 to 1, before inverting and snapping. levels: how many steps occur. peak: the largest value. warnings:
    ambiguities and how they were resolved. orientation: the file's EXIF orientation, which is applied already.
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
    orientation: int = 1

    @property
    def was_jpeg(self) -> bool:
        """Whether the values went through lossy compression."""
        return self.format in ("JPEG", "MPO")


def read_mask(
    source: MaskSource,
    *,
    invert: bool = False,
    limits: Limits | None = None,
    mask_class: str | None = None,
    photo_name: str | None = None,
    photo_size: tuple[int, int] | None = None,
    name: str | None = None,
) -> MaskFile:
    """Read a mask: white is wall, grey is a soft edge, an alpha channel that cuts the wall out counts too.

    source: a path, the bytes of a file, a PIL image, or an array: bool, uint8, uint16 or float 0..1, (H, W)
    or (H, W, channels). A file may also be annotations: COCO, labelme or Label Studio JSON, CVAT XML. invert: black is
    wall. limits: largest picture, as for photos. mask_class: what is wall. In a picture of classes: a number, or a
    colour (#rrggbb, "128,0,0", a CSS name); "soft" takes every grey value as a share of wall. In annotations: a label,
    by default "wall". photo_name, photo_size: file name and (height, width) of the photo, which choose the entry of
    annotations and complete it. name: of the mask in messages, by default that of its file. Raises InputError, with
    the values found and their shares, for a picture of classes without `mask_class` and for any other picture that is
    not black and white.
    """
    limits = limits or Limits()
    document = _annotation_bytes(source, limits)
    name = name or _name_of(source)
    if document is not None:
        file = _from_annotation(document, name, mask_class, photo_name, photo_size, limits, invert=invert)
        return replace(file, alpha=_inverted(file.alpha)) if invert else file
    picture = _picture(source, limits, name, with_classes=mask_class is not None)
    values, channel, warnings = _values(picture, mask_class, invert=invert)
    file = _mask_file(values, picture.name, picture.format, channel, warnings, invert=invert)
    file = replace(file, orientation=picture.orientation)
    file = _snap_jpeg(file) if file.was_jpeg else file
    return replace(file, alpha=_inverted(file.alpha)) if invert else file


def _name_of(source: MaskSource) -> str:
    """The name of a mask in messages."""
    if isinstance(source, str | Path):
        return f"mask {Path(source).name}"
    return "the mask array" if isinstance(source, np.ndarray) else "the mask"


def _annotation_bytes(source: MaskSource, limits: Limits) -> bytes | None:
    """The bytes of an annotation file, None for anything else."""
    if isinstance(source, bytes):
        return source if is_annotation(source[:2000]) else None
    if not isinstance(source, str | Path):
        return None
    try:
        path = Path(source)
        if not path.is_file():
            return None
        with path.open("rb") as file:
            if not is_annotation(file.read(2000)):
                return None
            file.seek(0)
            data = file.read(limits.max_bytes + 1)
    except (OSError, ValueError):
        return None  # the reader of pictures reports it
    if len(data) > limits.max_bytes:
        raise InputError(f"mask {path.name}: over the limit of {limits.max_bytes:,} bytes: raise `max_bytes`")
    return data


def _from_annotation(
    data: bytes,
    name: str,
    label: str | None,
    photo_name: str | None,
    photo_size: tuple[int, int] | None,
    limits: Limits,
    *,
    invert: bool,
) -> MaskFile:
    try:
        annotated = read_annotation(data, label, photo_name, photo_size, limits.max_pixels)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise InputError(f"{name}: the annotations are damaged ({str(error)[:80]}): export them again") from error
    warnings = tuple(f"{name}: {line}" for line in annotated.warnings)
    return _mask_file(annotated.mask.astype(np.float32), name, annotated.format, "regions", warnings, invert=invert)


def _mask_file(
    values: Alpha, name: str, kind: str, channel: str, warnings: tuple[str, ...], *, invert: bool
) -> MaskFile:
    """The record of values before they are snapped and inverted."""
    histogram = cv2.calcHist([_steps(values)], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    return MaskFile(
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


def _inverted(alpha: Alpha) -> Alpha:
    """The alpha of the mask with black and white exchanged, exact for masks of 8 and 16 bits."""
    top = np.float32(65535)
    return np.asarray(np.round((1 - alpha) * top) / top, np.float32)


@dataclass(frozen=True, eq=False)
class _Picture:
    """A mask picture as stored. classes: its codes. transparency: (H, W) or None. orientation: of its EXIF tag."""

    classes: ClassMap
    transparency: Codes | None
    format: str
    orientation: int

    @property
    def name(self) -> str:
        return self.classes.name


def _picture(source: MaskSource, limits: Limits, name: str, *, with_classes: bool) -> _Picture:
    """Read the codes of a mask. with_classes: arrays may hold integers of any size."""
    if isinstance(source, np.ndarray):
        codes = source[..., None] if source.ndim == 2 else source
        if codes.ndim != 3 or codes.shape[2] not in (1, 2, 3, 4) or 0 in codes.shape:
            raise ShapeError(f"{name} must be (height, width), or with 1 to 4 channels, not {source.shape}")
        split = codes.shape[2] in (2, 4)
        colour, transparency = (codes[..., :-1], codes[..., -1]) if split else (codes, None)
        is_wide = with_classes and codes.dtype.kind in "iu" and codes.dtype not in (np.uint8, np.uint16)
        white = 255.0 if is_wide else _white(colour, name)
        return _Picture(ClassMap(colour, white, None, None, name, is_lossy=False), transparency, "array", 1)
    try:
        picture = read_photo(source, limits, grey_channels=1)
    except InputError as error:
        reason = str(error).removeprefix(f"{source!s}: ").removeprefix("photo: ")
        is_missing = isinstance(source, str | Path) and "no such file" in reason
        raise InputError(f"{f'mask {source!s}' if is_missing else name}: {reason}") from error
    if picture.codes.shape[2] == 4:
        raise InputError(f"{name} is a CMYK picture: save it as black and white, in grey or RGB")
    kind = (source.format if isinstance(source, Image.Image) else None) or picture.source.format
    is_lossy = kind in _LOSSY or not picture.source.is_lossless
    indices = _palette_indices(source, picture) if kind in _WITH_PALETTES else None
    white = _white(picture.codes, name)
    opaque = None if picture.alpha is None else picture.alpha >= 0.5 * white
    classes = ClassMap(picture.codes, white, opaque, indices, name, is_lossy)
    return _Picture(classes, picture.alpha, kind, picture.orientation)


def _palette_indices(source: MaskSource, picture: Photo) -> Codes | None:
    """The palette entries of a mask, upright, None without a palette."""
    if isinstance(source, np.ndarray):
        return None
    if isinstance(source, Image.Image):
        stored = np.array(source) if source.mode == "P" else None
    else:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            stored = np.array(image) if image.mode == "P" else None
    if stored is None:
        return None
    indices = upright(stored, picture.orientation)
    return indices if indices.shape == picture.size else None


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


def _values(picture: _Picture, mask_class: str | None, *, invert: bool) -> tuple[Alpha, str, tuple[str, ...]]:
    """Values 0..1 (H, W), the channel that they came from, and what had to be decided."""
    classes, transparency = picture.classes, picture.transparency
    is_soft = mask_class == SOFT
    if mask_class is not None and not is_soft:
        return select_class(classes, mask_class), "class", ()
    white = classes.white
    if transparency is not None and transparency.min() < transparency.max():
        return _cut_out(classes, _unit(transparency, white), is_soft=is_soft, invert=invert)
    if _is_grey(classes):
        return _checked(_grey_values(classes), classes, is_soft=is_soft), "grey", ()
    values, note = _one_colour(classes)
    return _checked(values, classes, is_soft=is_soft), "brightest", (note,)


def _checked(values: Alpha, classes: ClassMap, *, is_soft: bool) -> Alpha:
    """The values, unless they are numbers of classes. Floating-point arrays hold shares of wall."""
    if is_soft or classes.colour.dtype.kind == "f":
        return values
    if not has_small_codes(classes) and not has_classes(_steps(values), is_lossy=classes.is_lossy):
        return values
    kind = "a class map" if classes.is_grey else "a coloured picture"
    raise class_error(classes, kind)


def _steps(values: Alpha) -> NDArray[np.uint8]:
    return np.asarray(cv2.convertScaleAbs(values, alpha=255))


def _cut_out(classes: ClassMap, cut: Alpha, *, is_soft: bool, invert: bool) -> tuple[Alpha, str, tuple[str, ...]]:
    """The values of a mask with an alpha channel that varies."""
    name, white = classes.name, classes.white
    notes: tuple[str, ...] = ()
    opacity = float(cut.max())
    if not is_soft and opacity < _OPAQUE and np.count_nonzero(cut == opacity) >= 0.5 * np.count_nonzero(cut):
        cut = cut / np.float32(opacity)
        notes = (f"{name} is drawn with {100 * opacity:.0f} % opacity, which was taken as full wall: draw it opaque",)
    inside = (cut >= _OPAQUE).astype(np.uint8)
    is_grey = _is_grey(classes)
    if is_grey:
        is_photo = _has_mid_greys(classes, inside)
    else:
        is_photo = not classes.is_lossy and color_count(classes, inside > 0) > _MOST_CLASSES
    if not is_photo and all(_range(channel, inside) <= _GREY_SPREAD * white for channel in _channels(classes.colour)):
        return cut, "alpha", notes
    if is_photo or not is_grey:
        if not is_photo and not classes.is_lossy:
            raise class_error(classes, "a picture of classes with a transparent ground")
        taken, switch = ("transparent", "leave out") if invert else ("opaque", "set")
        kept = "was kept" if invert else "was erased"
        note = (
            f"{name} is a cut-out picture: its {taken} part was taken as wall, its colours were not used: "
            f"{switch} `invert_mask` if the wall {kept}"
        )
        return cut, "alpha", (*notes, note)
    note = f"{name} has greys and transparency: the one times the other was taken; flatten it to be sure"
    values = _checked(_grey_values(classes) * cut, classes, is_soft=is_soft)
    return values, "grey x alpha", (*notes, note)


def _has_mid_greys(classes: ClassMap, inside: NDArray[np.uint8]) -> bool:
    """Whether the opaque part of a grey picture is neither black nor white and of many levels, as in a photo."""
    values = _grey_values(classes)[inside > 0]
    levels = np.unique(_steps(values)).size if values.size else 0
    return levels > _FEW_GREYS and float(((values > 0.05) & (values < 0.95)).mean()) > _MID_GREYS


def _unit(codes: Codes, white: float) -> Alpha:
    if codes.dtype == np.uint8:
        return np.asarray(cv2.LUT(np.ascontiguousarray(codes), np.arange(256, dtype=np.float32) / np.float32(white)))
    values: Alpha = np.asarray(codes, dtype=np.float32)
    return values.copy() if white == 1.0 else values / np.float32(white)


def _grey_values(classes: ClassMap) -> Alpha:
    """The values of a grey picture: the mean of its channels."""
    colour = classes.colour
    return _unit(next(_channels(colour)) if classes.is_grey else _mean(colour), classes.white)


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
    """Return the mean of the three channels, (H, W) float32."""
    first, second, third = (channel.astype(np.float32) for channel in _channels(colour))
    return (first + second + third) / np.float32(3)


def _is_grey(classes: ClassMap) -> bool:
    """Whether all pixels are grey; in lossy files all but a thousandth."""
    if classes.is_grey:
        return True
    first, second, third = _channels(classes.colour)
    spread = np.maximum(np.maximum(first, second), third) - np.minimum(np.minimum(first, second), third)
    coloured = np.count_nonzero(spread > _GREY_SPREAD * classes.white)
    return bool(coloured <= (1e-3 * spread.size if classes.is_lossy else 0))


def _one_colour(classes: ClassMap) -> tuple[Alpha, str]:
    """The values of a mask painted in one colour on black, that colour being wall, and a note.

    The scale is the most frequent bright colour. In lossless files every pixel must be a shade of it, up to 1.
    """
    colour, name = classes.colour, classes.name
    values = _unit(colour, classes.white)
    brightest = values.max(axis=2)
    strong = brightest >= 0.5 * float(brightest.max())
    painted = values[strong]
    main = np.median(painted, axis=0)
    if not classes.is_lossy:
        colors, counts = np.unique(np.round(painted * 65535).astype(np.uint64) @ _PACK, return_counts=True)
        if counts.max() >= 0.1 * counts.sum():
            packed = int(colors[counts.argmax()])
            main = np.array([packed >> 32, packed >> 16 & 65535, packed & 65535], np.float64) / 65535
        else:
            main = painted[painted.max(axis=1).argmax()]
    main = np.asarray(main, np.float32)
    shade: Alpha = np.asarray(values @ main / (main @ main), np.float32)
    error = np.abs(values - shade[..., None] * main).max(axis=2)
    if classes.is_lossy:
        tint = painted / painted.max(axis=1, keepdims=True)
        low, high = np.percentile(tint, (1, 99), axis=0)
        is_one = float((high - low).max()) <= 2 * _GREY_SPREAD
    else:
        is_one = float(error.max()) <= _SHADE_ERROR and float(shade.max()) <= 1 + _SHADE_ERROR
    if not is_one or not (shade <= 0.1).any():
        raise class_error(classes, "a coloured picture")
    note = f"{name} is painted in one colour on black: that colour was taken as wall; use white to be sure"
    return np.minimum(shade, np.float32(1)), note


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
