"""Wall masks: checks, resizing to the photo, edge operations and crops.

White is wall. `mask` is bool (H, W), True on wall; `alpha` is float32 (H, W), 0..1, soft at the edge. Grey in a file is
alpha; no function here binarizes it silently. Sizes are (height, width). Every array returned is new.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from wallpaint.errors import InputError, ShapeError
from wallpaint.imaging.mask_file import Alpha, Codes, Mask, MaskFile, MaskSource, read_mask
from wallpaint.imaging.mask_lint import lint
from wallpaint.scene.grid import PixelGrid

__all__ = [
    "Alpha",
    "Mask",
    "MaskFile",
    "MaskSource",
    "Window",
    "bounding_box",
    "check_size",
    "combine",
    "crop_around",
    "crop_with_context",
    "dilate",
    "erode",
    "feather",
    "fit_mask",
    "lint",
    "overlap_shares",
    "radius_of_kernel",
    "read_mask",
    "refine_edge",
    "remove_specks",
    "require_wall",
    "wall_box",
]

INVERT_HINT = "set `invert_mask` if black is wall"
_SMALL_RADIUS_PX = 6  # up to this radius a disc-shaped kernel is faster than a distance map
_TILE_PX = 256
_NEARLY_WHITE = np.float32(1 - 1e-6)


@dataclass(frozen=True)
class Window:
    """A crop of an image and the size to which it is resized for a model, in pixels."""

    top: int
    left: int
    height: int
    width: int
    out_height: int
    out_width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the crop: `photo[window.slices]`."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    @property
    def grid(self) -> PixelGrid:
        """The model's pixels in the image."""
        size = (self.out_height, self.out_width)
        return PixelGrid((self.top, self.left), (self.height / size[0], self.width / size[1]), size)


# -- checks ----------------------------------------------------------------------------------------------


def require_wall(alpha: Alpha, name: str) -> tuple[str, ...]:
    """Return warnings about a mask without an edge; raise InputError for one without a wall.

    alpha: (H, W), 0..1. name: the mask's name in messages.
    """
    peak = float(alpha.max(initial=0.0))
    if peak == 0.0:
        raise InputError(f"mask {name} is empty: it has no white pixel (white = wall); {INVERT_HINT}")
    if peak <= 2 / 255:
        raise InputError(
            f"mask {name} is black: its largest value is 1 of 255; multiply it by 255, or set `mask_class=1`"
        )
    if peak < 0.5:
        raise InputError(f"mask {name} has no white pixel, its brightest is {100 * peak:.0f} % grey: make walls white")
    if float(alpha.min()) == 1.0:
        return (f"mask {name} is white all over: the entire photo will be painted",)
    return ()


def check_size(alpha: Alpha, photo_size: tuple[int, int], *, fit: bool, name: str = "") -> tuple[str, ...]:
    """Return warnings about a mask of another size; raise ShapeError if it may not be resized.

    alpha: (H, W). photo_size: (height, width). fit: whether `fit_mask` will be applied.
    """
    label = f"mask {name}" if name else "mask"
    (height, width), (photo_height, photo_width) = alpha.shape, photo_size
    if (height, width) == (photo_height, photo_width):
        return ()
    sizes = f"{label} is {height}x{width}, photo is {photo_height}x{photo_width}"
    stretch = (height / width) / (photo_height / photo_width)
    is_rotated = abs(np.log(height * photo_height / (width * photo_width))) < 0.02 < abs(np.log(stretch))
    hint = ": it looks rotated relative to the photo, turn it upright" if is_rotated else ""
    if not fit:
        raise ShapeError(f"{sizes}{hint or ': resize the mask or set `fit_mask`'}")
    if abs(np.log(stretch)) <= 0.02:
        return ()
    return (
        f"{sizes}{hint or f': resized, which stretches it by {100 * abs(stretch - 1):.0f} %: check its alignment'}",
    )


# -- sizes -----------------------------------------------------------------------------------------------


def fit_mask(alpha: Alpha, size: tuple[int, int]) -> Alpha:
    """Resize a mask smoothly: by area where it shrinks, linearly where it grows.

    alpha: (H, W) float32. size: (height, width). Returns float32, 0..1.
    """
    height, width = size
    shrunk = (min(height, alpha.shape[0]), min(width, alpha.shape[1]))
    fitted = alpha.copy()
    for (rows, columns), filter_ in ((shrunk, cv2.INTER_AREA), (size, cv2.INTER_LINEAR)):
        if fitted.shape != (rows, columns):
            fitted = cv2.resize(fitted, (columns, rows), interpolation=filter_)
    fitted[fitted > _NEARLY_WHITE] = 1  # rounding must not change full white
    return fitted


def bounding_box(alpha: Alpha | Mask) -> tuple[int, int, int, int]:
    """Return (top, left, height, width) of the pixels above 0; raise InputError if there are none."""
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if rows.size == 0:
        raise InputError(f"the mask is empty: it has no white pixel (white = wall); {INVERT_HINT}")
    return int(rows[0]), int(columns[0]), int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1


def wall_box(alpha: Alpha | Mask) -> tuple[int, int, int, int]:
    """Return (top, left, height, width) of the pixels that are wall by half or more, of all wall if none is.

    alpha: (H, W), 0..1. Soft edges and the noise of a lossy mask do not change the box. Raises InputError without wall.
    """
    wall = alpha >= 0.5
    return bounding_box(wall if wall.any() else alpha)


def crop_with_context(alpha: Alpha | Mask, context: float = 0.25, area: int = 512 * 512, multiple: int = 64) -> Window:
    """Return the crop around the wall of a mask, see `crop_around`. alpha: (H, W), 0..1."""
    return crop_around([wall_box(alpha)], (alpha.shape[0], alpha.shape[1]), context, area, multiple)


def crop_around(
    boxes: Iterable[tuple[int, int, int, int]],
    size: tuple[int, int],
    context: float = 0.25,
    area: int = 512 * 512,
    multiple: int = 64,
) -> Window:
    """Return the crop around walls for a model, and the size to which it is resized: in training and in the painter.

    boxes: of the walls, see `wall_box`. size: (height, width) of the photo. context: margin on each side, as a share
    of the walls' longer side. area: approximate number of pixels of the model's input; the crop has at least as many if
    the image does. multiple: the input's sides are multiples of this.
    The crop stays within the image. It gets the aspect ratio of the model's input where the image or the margin allows;
    the remaining difference, a few per cent, is an anisotropic scale that is undone when the result is mapped back.
    """
    corners = np.array([(row, column, row + tall, column + wide) for row, column, tall, wide in boxes])
    top, left = (int(value) for value in corners[:, :2].min(axis=0))
    height, width = (int(value) for value in corners[:, 2:].max(axis=0) - (top, left))
    margin = context * max(height, width)
    grow = max(1.0, (area / ((height + 2 * margin) * (width + 2 * margin))) ** 0.5)
    smallest, largest = (height, width), size
    rows, columns = (min(most, grow * (side + 2 * margin)) for side, most in zip(smallest, largest, strict=True))
    columns = min(largest[1], max(columns, area / rows))  # where the image ends in one direction, grow the other
    rows = min(largest[0], max(rows, area / columns))
    preferred = round(rows), round(columns)
    aspect = preferred[0] / preferred[1]
    ideal = ((area * aspect) ** 0.5 / multiple, (area / aspect) ** 0.5 / multiple)
    steps = [sorted({max(1, int(side)), max(1, int(side) + 1)}) for side in ideal]
    sizes = [(rows * multiple, columns * multiple) for rows, columns in product(*steps)]
    shapes = {one: _with_aspect_of(one, preferred, smallest, largest) for one in sizes}

    def cost(one: tuple[int, int]) -> float:
        squeeze = abs(np.log(one[0] * shapes[one][1] / (one[1] * shapes[one][0])))
        return float(4.0 * squeeze + abs(np.log(one[0] * one[1] / area)))

    out = min(sizes, key=cost)
    tall, wide = shapes[out]
    first_row = min(max(0, round(top + (height - tall) / 2)), largest[0] - tall)
    first_column = min(max(0, round(left + (width - wide) / 2)), largest[1] - wide)
    return Window(first_row, first_column, tall, wide, *out)


def _with_aspect_of(
    size: tuple[int, int], preferred: tuple[int, int], smallest: tuple[int, int], largest: tuple[int, int]
) -> tuple[int, int]:
    """Grow or trim `preferred` (height, width) to the aspect ratio of `size`, between `smallest` and `largest`."""
    aspect = size[0] / size[1]
    rows = min(largest[0], max(preferred[0], round(preferred[1] * aspect)))
    columns = min(largest[1], max(preferred[1], round(preferred[0] / aspect)))
    rows = max(smallest[0], min(rows, round(columns * aspect)))
    columns = max(smallest[1], min(columns, round(rows / aspect)))
    return max(1, rows), max(1, columns)


# -- edges -----------------------------------------------------------------------------------------------


def radius_of_kernel(kernel_size: int) -> int:
    """Return the pixels that one pass of an odd square kernel removes on each side: 2 for 5."""
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise InputError(f"kernel size must be odd and at least 1, not {kernel_size}: 5 removes 2 pixels on each side")
    return (kernel_size - 1) // 2


def erode(mask: Mask, radius_px: float) -> Mask:
    """Erode a mask by a disc; the image border is not an edge.

    mask: (H, W) bool. Keeps the pixels farther than radius_px from every pixel outside the mask.
    """
    return ~dilate(~mask, radius_px)


def dilate_or_erode(mask: Mask, radius_px: float) -> Mask:
    """Dilate a mask by a disc, or erode it by a negative radius; a mask too narrow to erode is returned unchanged.

    mask: (H, W) bool.
    """
    if radius_px >= 0:
        return dilate(mask, radius_px)
    inner = erode(mask, -radius_px)
    return inner if inner.any() else mask


def dilate(mask: Mask, radius_px: float) -> Mask:
    """Dilate a mask by a disc: add all pixels within radius_px of it. mask: (H, W) bool."""
    if not radius_px >= 0:
        raise InputError(f"radius in pixels must be 0 or more, not {radius_px}")
    if radius_px < 1 or not mask.any():
        return mask.copy()
    if radius_px > _SMALL_RADIUS_PX:
        distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return np.asarray(distance <= radius_px)
    steps = np.arange(-int(radius_px), int(radius_px) + 1)
    disc = (np.add.outer(steps**2, steps**2) <= radius_px**2).astype(np.uint8)
    grown = cv2.dilate(mask.astype(np.uint8), disc, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(grown > 0)


def feather(alpha: Alpha, radius_px: float) -> Alpha:
    """Feather a mask's edge; alpha farther than radius_px from any change is unchanged.

    alpha: (H, W) float32, 0..1. The profile is a Gaussian of sigma radius_px / 2, truncated at the radius.
    """
    reach = int(radius_px)
    if reach < 1:
        return alpha.copy()
    side = (2 * reach + 1, 2 * reach + 1)
    soft = cv2.GaussianBlur(alpha, side, radius_px / 2, borderType=cv2.BORDER_REPLICATE)
    square = np.ones(side, np.uint8)
    flat = cv2.dilate(alpha, square) == cv2.erode(alpha, square)
    return np.where(flat, alpha, np.clip(soft, np.float32(0), np.float32(1)))


def remove_specks(mask: Mask, min_island_px: int, min_hole_px: int) -> Mask:
    """Remove islands and fill holes that have fewer pixels than given. mask: (H, W) bool."""
    cleaned = mask.copy()
    for value, smallest, connectivity in ((True, min_island_px, 8), (False, min_hole_px, 4)):
        side = (cleaned == value).astype(np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(side, connectivity=connectivity)
        small = stats[:, cv2.CC_STAT_AREA] < smallest
        small[0] = False
        if small.any():
            cleaned[small[labels]] = not value
    return cleaned


def refine_edge(alpha: Alpha, guide_rgb: Codes, radius_px: int = 12, eps: float = 1e-4) -> Alpha:
    """Align a mask's edge with the photo's edges by a guided filter in a band around it.

    alpha: (H, W) float32. guide_rgb: (H, W, 3) uint8, uint16, or float32 0..1, gamma-encoded. radius_px: radius of the
    filter and half-width of the band in which alpha may change; 2 or more, and about six times the error of the mask.
    eps: variance of the guide, in 0..1, that is treated as noise. Source: He, Sun and Tang 2010.
    """
    if guide_rgb.shape != (*alpha.shape, 3):
        raise ShapeError(f"mask is {alpha.shape[0]}x{alpha.shape[1]}, guide has the shape {guide_rgb.shape}")
    square = np.ones((2 * radius_px + 1, 2 * radius_px + 1), np.uint8)
    band = cv2.dilate(alpha, square) != cv2.erode(alpha, square)
    refined = alpha.copy()
    white = np.iinfo(guide_rgb.dtype).max if guide_rgb.dtype.kind == "u" else 1
    to_bytes = np.float32(255 / white)  # on 0..1 the filter treats a grey guide's covariance as singular
    starts = [range(0, side, _TILE_PX) for side in alpha.shape]
    for tile in (np.s_[y : y + _TILE_PX, x : x + _TILE_PX] for y, x in product(*starts)):
        if not band[tile].any():
            continue
        wide = tuple(slice(max(0, s.start - radius_px), s.stop + radius_px) for s in tile)
        guide = guide_rgb[wide].astype(np.float32) * to_bytes
        # Two box filters of half the radius each: outside the band they cover only flat alpha.
        soft = cv2.ximgproc.guidedFilter(guide, alpha[wide], radius_px // 2, eps * 255**2)
        inner = tuple(slice(s.start - w.start, s.stop - w.start) for s, w in zip(tile, wide, strict=True))
        refined[tile] = np.where(band[tile], soft[inner].clip(0, 1), alpha[tile])
    return refined


# -- several walls ---------------------------------------------------------------------------------------


def combine(walls: Mapping[str, Alpha]) -> dict[str, Alpha]:
    """Resolve overlaps: later walls lie over earlier ones, so that alphas never add up to more than 1.

    walls: by name, each (H, W) float32, 0..1. Raises InputError for a wall that later ones cover completely.
    """
    sizes = {alpha.shape for alpha in walls.values()}
    if len(sizes) > 1:
        listed = ", ".join(f"{name} {alpha.shape[0]}x{alpha.shape[1]}" for name, alpha in walls.items())
        raise ShapeError(f"masks of all walls must have the same size, these are {listed}")
    resolved: dict[str, Alpha] = {}
    covered: Alpha | None = None
    for name, alpha in reversed(list(walls.items())):
        resolved[name] = alpha.copy() if covered is None else np.minimum(alpha, 1 - covered)
        if covered is not None and alpha.any() and not (resolved[name] >= 0.5).any():
            raise InputError(f"wall {name} is completely covered by later walls: leave it out or change the order")
        covered = resolved[name] if covered is None else np.minimum(covered + resolved[name], np.float32(1))
    return {name: resolved[name] for name in walls}


def overlap_shares(walls: Mapping[str, Alpha], resolved: Mapping[str, Alpha]) -> dict[str, float]:
    """Return the share of each wall that lies under later ones, 0..1, by name. resolved: the result of `combine`."""
    areas = {name: float(alpha.sum(dtype=np.float64)) for name, alpha in walls.items()}
    remaining = {name: float(resolved[name].sum(dtype=np.float64)) for name in walls}
    return {name: max(0.0, 1.0 - remaining[name] / areas[name]) if areas[name] else 0.0 for name in walls}
