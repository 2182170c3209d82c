"""A wall as the light model sees it: its coefficients, found at some 80 pixels, brought to the wall's working size.

    small photo -> coefficients -> change of light in a paint -> enlarged -> applied to the wall without its noise

What is enlarged is smooth; plaster, grain and the edges of shadows are the wall's own. Where the wall's old paints or
its pattern were evened out first (`old_wall`), the difference between that and the photo is part of the change.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.imaging.masked_filters import fill, weighted_quantile
from wallpaint.light import model as light_model
from wallpaint.light.model import Coefficients, LightModel
from wallpaint.typing import Array

INNER, AT_EDGES = 0.99, 0.04
SURE_OF_WALL = (0.85, 1.0)  # share of wall in a small pixel from which it begins to count, and counts fully
LARGEST_CORRECTION = 4.0  # natural log, between the photo and the evened wall
LOCAL = 0.8  # share that is kept of what sets a place's change apart from the wall's usual one
MISJUDGED = 0.3  # natural log; about what the network is off in light, on validation photos
USUAL = 5.6  # CIEDE2000 that this makes of a wall on average over paints, on validation photos
MOST_HINT = 2.0  # natural log by which a known old colour may move what the network thinks it is


@dataclass(frozen=True, eq=False)
class LightModelInput:
    """A photo and one of its walls, small.

    photo: (h, w, 3) float32, linear sRGB. wall: (h, w), 0..1, share of the wall. size: (height, width) of the full
    photo. old: (3,) albedo of the old paint, linear sRGB, where it is known and the wall shows no other.
    """

    photo: Array
    wall: Array
    size: tuple[int, int]
    old: Array | None = None

    @cached_property
    def seen(self) -> Coefficients | None:
        """What the package's light model says, looked at once; None where there is no model."""
        model = light_model.load()
        return None if model is None else see(self, model)


def see(sight: LightModelInput, model: LightModel) -> Coefficients:
    """Let a model look."""
    return model.look(sight.photo, sight.wall, sight.old)


@dataclass(frozen=True)
class Place:
    """Where a wall's working pixels lie in the photo. origin: (top, left) in photo pixels. step: photo pixels a working
    pixel. size: (height, width) of the photo."""

    origin: tuple[int, int]
    step: int
    size: tuple[int, int]

    def rows_cols(self, working: tuple[int, int], small: tuple[int, int]) -> tuple[Array, Array]:
        """The small picture's coordinates, pixel centres at whole numbers, of working rows (h,) and columns (w,)."""
        return tuple(  # type: ignore[return-value]
            ((start + (np.arange(count, dtype=np.float32) + 0.5) * self.step) * few / many - 0.5).astype(np.float32)
            for start, count, few, many in zip(self.origin, working, small, self.size, strict=True)
        )


def paint(
    seen: Coefficients,
    sight: LightModelInput,
    place: Place,
    base: Array,
    weight: Array,
    albedo: Array,
    old: Array | None,
) -> Array:
    """One wall at working size in a new paint, (h, w, 3) float32, linear sRGB, before gamut limits.

    base: (h, w, 3) float32, linear sRGB, the wall in one old paint, without noise. weight: (h, w), share of wall.
    albedo: (3,) of the paint. old: (3,) albedo of the old paint where it is known. On a wall that shows one
    paint the network was told it (`LightModelInput.old`); on others what it thinks is moved until its median is the one
    known.
    """
    wall, photo = sight.wall, sight.photo
    seen, share = _told(seen, wall, old), cv2.resize(wall, seen.shade.shape[::-1], interpolation=cv2.INTER_AREA)
    e, slope = seen.change(albedo)
    rows, cols = place.rows_cols(weight.shape, seen.shade.shape)
    small_base, known = _reduced(base, weight, rows, cols, seen.shade.shape)
    correction = light_model.unrolled(_of_wall(photo, wall, seen.photo)) - light_model.unrolled(small_base)
    correction = np.clip(correction, -LARGEST_CORRECTION, LARGEST_CORRECTION) * known[..., None]
    sure = _sure(share) * known
    if not sure.any():
        sure = share
    both = np.concatenate([e + correction, slope], -1).astype(np.float32)
    usual = np.array([weighted_quantile(both[..., c], sure, 0.5) for c in range(4)], np.float32)
    both = fill(usual + np.float32(LOCAL) * (both - usual), sure)
    change, slope = enlarged(both[..., :3], rows, cols), enlarged(both[..., 3], rows, cols)
    luma = np.log(np.maximum(color.luminance(base), light_model.DARKEST))
    typical = float(np.median(luma[weight > 0.5])) if (weight > 0.5).any() else float(np.median(luma))
    return light_model.relit(base, change + (slope * (luma - typical))[..., None])


def expected_error(seen: Coefficients, wall: Array, shown: Array | None = None) -> float:
    """CIEDE2000 by which the network expects to be off on this wall.

    shown: (3,) linear sRGB, the wall's new colour in the picture, if it is to be said for that: the network, which
    never sees the paint, says it for paints on average, but light that is misjudged shows less on dark walls.
    """
    share = cv2.resize(wall, seen.shade.shape[::-1], interpolation=cv2.INTER_AREA)
    error = float((seen.error * share).sum() / max(float(share.sum()), 1e-6))
    return error if shown is None else error * float(np.sqrt(_seen_of_light(shown) / USUAL))


def _seen_of_light(shown: Array) -> float:
    """What a misjudgement of light by `MISJUDGED` makes of a colour, CIEDE2000."""
    lab = color.linear_to_lab(np.asarray(shown, np.float64))
    moved = (color.linear_to_lab(np.clip(shown * np.exp(by), 0, 1)) for by in (MISJUDGED, -MISJUDGED))
    return sum(float(color.delta_e_2000(lab, other)) for other in moved) / 2


def _told(seen: Coefficients, wall: Array, old: Array | None) -> Coefficients:
    """The coefficients with the old paint moved to what it is known to be."""
    if old is None:
        return seen
    inside = cv2.resize(wall, seen.shade.shape[::-1], interpolation=cv2.INTER_AREA) > 0.5
    if not inside.any():
        return seen
    thought = np.median(seen.old[inside], axis=0)
    factor = np.exp(np.clip(np.log(np.maximum(old, 1e-2) / thought), -MOST_HINT, MOST_HINT)).astype(np.float32)
    moved = np.minimum(seen.old * factor, light_model.MOST_OLD).astype(np.float32)
    return Coefficients(**{**vars(seen), "old": moved})


def _sure(share: Array) -> Array:
    """How far the network's word on a small pixel is taken: little where the pixel, or the one beside it, shows other
    things too, whose colours it takes for paint."""
    low, high = SURE_OF_WALL
    some = np.clip((share - low) / (high - low), 0, 1)
    inner = cv2.erode((share > INNER).astype(np.float32), np.ones((3, 3), np.uint8), borderValue=1)
    return np.maximum(inner, AT_EDGES * some).astype(np.float32)


def _of_wall(photo: Array, wall: Array, small: Array) -> Array:
    """The wall's own mean colour in each small pixel, whatever else the pixel shows; `small` where it shows no wall."""
    size = small.shape[1::-1]
    share = cv2.resize(wall, size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(photo * wall[..., None], size, interpolation=cv2.INTER_AREA)
    return np.where(share[..., None] > 0.05, total / np.maximum(share, 0.05)[..., None], small)


def _reduced(base: Array, weight: Array, rows: Array, cols: Array, size: tuple[int, ...]) -> tuple[Array, Array]:
    """The wall at the small size, and 1 where a small pixel holds any of it, else 0."""
    where = (np.round(rows).astype(int).clip(0, size[0] - 1)[:, None] * size[1]) + np.round(cols).astype(int).clip(
        0, size[1] - 1
    )
    flat, cells = weight.ravel().astype(np.float64), size[0] * size[1]
    total = np.bincount(where.ravel(), flat, cells)
    sums = [np.bincount(where.ravel(), flat * base[..., c].ravel(), cells) for c in range(3)]
    mean = np.stack(sums, -1) / np.maximum(total, 1e-6)[:, None]
    return mean.reshape(*size, 3).astype(np.float32), (total > 1e-3).reshape(size).astype(np.float32)


def enlarged(plane: Array, rows: Array, cols: Array) -> Array:
    """A small picture at the coordinates that `Place.rows_cols` gives, smoothly: (h, w) or (h, w, C)."""
    x, y = np.meshgrid(cols, rows)
    return cv2.remap(plane, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
