"""From a painted wall at working size to the full-resolution photo.

A painter works on a few hundred pixels a side; the photo has thousands. What carries the paint up is a transfer
field: in each neighbourhood the painted wall is an affine function of the photo's luminance,

    painted = slope x luminance(photo) + offset        (per channel, linear light)

Slope and offset are smooth, so they can be enlarged; the luminance they are applied to is the full-size photo's, so
plaster, grain and shadow edges stay as sharp as they were.

Source: local affine models for upsampling (He & Sun 2015, fast guided filter; Chen et al. 2016), with the plain ratio
painted / photo as the prior slope where a neighbourhood is too flat to tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.imaging.icc import ColorSpace
from wallpaint.imaging.masked_filters import box_mean
from wallpaint.scene.matting import Matte
from wallpaint.typing import Array

FIT_RADIUS_PX = 5  # working pixels
FLAT = 0.03  # relative luminance variation below which a neighbourhood is flat
TILE_PX = 256
TOO_BRIGHT, TOO_DARK = 1.04, -0.002  # linear light that may be cut off at 1 and 0 without a visible change of hue
LOCK_STEPS = 3


@dataclass(frozen=True)
class Field:
    """A transfer field at working size, in the file's own linear RGB.

    slope, offset: (h, w, 3) float32. One working pixel stands for a block of step x step photo pixels.
    """

    slope: Array
    offset: Array
    step: int

    def scaled(self, gain: Array) -> Field:
        """The same field with each channel of its result multiplied by gain (3,)."""
        factor = np.asarray(gain, np.float32)
        return Field(self.slope * factor, self.offset * factor, self.step)


def fit(
    painted: Array,
    luma: Array,
    weight: Array,
    gamut: Array,
    *,
    step: int,
    detail: float = 1.0,
    smooth: bool = False,
) -> Field:
    """Find the transfer field that takes a wall's luminance to its painted colours.

    painted: (h, w, 3) float32, linear sRGB. luma: (h, w) float32, luminance of the photo's wall, filled beyond its
    edge. weight: (h, w) float32, 0..1, share of wall. gamut: (3, 3), linear sRGB to the file's linear RGB. step:
    photo pixels per working pixel. detail: 0..1, how much of the photo's finest detail to keep; at 0 the field
    holds the painted pixels themselves (for textures). smooth: follow the painted wall only as far as a smooth map of
    the photo can, so that what a painter made up at single pixels is left out.
    """
    own = color.apply_matrix(painted, gamut)  # [h, w, 3]
    w = np.maximum(weight, 1e-4).astype(np.float32)
    mean_luma = box_mean(luma, w, FIT_RADIUS_PX)
    mean_own = box_mean(own, w, FIT_RADIUS_PX)
    variance = np.maximum(box_mean(luma * luma, w, FIT_RADIUS_PX) - mean_luma**2, 0)
    covariance = box_mean(own * luma[..., None], w, FIT_RADIUS_PX) - mean_own * mean_luma[..., None]
    eps = (FLAT * mean_luma) ** 2 + 1e-8
    prior = mean_own / np.maximum(mean_luma, 1e-4)[..., None]
    slope = (covariance + eps[..., None] * prior) / (variance + eps)[..., None]
    # A steeper line than the ratio comes from a bend (a tone curve, the gamut's border) and would overshoot beyond
    # it.
    slope = np.clip(slope, 0, np.maximum(prior, 0)) * detail
    slope = box_mean(slope, w, FIT_RADIUS_PX)
    if smooth:
        own, luma = mean_own, mean_luma
    offset = own - slope * luma[..., None]  # set last, so that the field reproduces the painted wall at working size
    if smooth:
        offset = box_mean(offset, w, FIT_RADIUS_PX)
    return Field(slope.astype(np.float32), offset.astype(np.float32), step)


class Canvas:
    """One wall of one photo, ready to take any number of fields.

    It holds what does not depend on paint: the luminance of the wall and its edge pixels.
    """

    def __init__(self, codes: Array, space: ColorSpace, matte: Matte, origin: tuple[int, int]) -> None:
        """codes: (H, W, C), a window of the photo at origin (top, left). matte: of the same window."""
        self.codes, self.space, self.matte, self.origin = codes, space, matte, origin
        self.luma = np.zeros(matte.core.shape, np.float32)
        self.tiles = list(_tiles(matte.core))
        for rows, cols, _ in self.tiles:
            self.luma[rows, cols] = space.luminance(codes[rows, cols])
        self.edge_luma = color.luminance(matte.wall).astype(np.float32)

    def sample(self, count: int) -> tuple[Array, Array]:
        """About count core pixels, evenly spread: (rows, cols)."""
        flat = np.flatnonzero(self.matte.core)
        every = np.linspace(0, flat.size - 1, min(count, flat.size)).astype(np.int64)
        rows, cols = np.divmod(flat[every], self.matte.core.shape[1])
        return rows, cols


def _tiles(core: Array) -> Iterator[tuple[slice, slice, bool]]:
    """The tiles that hold any wall: rows, columns, and whether they hold nothing else."""
    height, width = core.shape
    for top in range(0, height, TILE_PX):
        for left in range(0, width, TILE_PX):
            tile = slice(top, min(top + TILE_PX, height)), slice(left, min(left + TILE_PX, width))
            if core[tile].any():
                yield *tile, bool(core[tile].all())


def evaluate(field: Field, rows: Array, cols: Array, luma: Array) -> Array:
    """The painted wall at single photo pixels, (N, 3) float32 in the file's own linear RGB, before gamut limits."""
    x = ((cols + 0.5) / field.step - 0.5).astype(np.float32)
    y = ((rows + 0.5) / field.step - 0.5).astype(np.float32)
    slope, offset = (_look_up(plane, x, y) for plane in (field.slope, field.offset))
    return slope * luma[:, None] + offset


def _look_up(plane: Array, x: Array, y: Array) -> Array:
    longest = 30_000  # OpenCV's maps may not be longer than a 16-bit number
    found = [
        cv2.remap(
            plane, x[i : i + longest], y[i : i + longest], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ).reshape(-1, 3)
        for i in range(0, x.size, longest)
    ]
    return np.concatenate(found) if found else np.zeros((0, 3), np.float32)


def limit(own: Array, gamut: Array) -> Array:
    """Bring colours of the file's linear RGB into 0..1 at constant hue. own: (..., 3) float32, changed in place."""
    if own.size == 0 or (float(own.max()) <= TOO_BRIGHT and float(own.min()) >= TOO_DARK):
        return own
    r, g, b = (own[..., c] for c in range(3))  # three compares a pixel cost a tenth of a reduction over a short axis
    over = np.maximum(np.maximum(r, g), b) > TOO_BRIGHT
    over |= np.minimum(np.minimum(r, g), b) < TOO_DARK
    rgb = color.apply_matrix(own[over], np.linalg.inv(gamut))
    own[over] = color.apply_matrix(color.compress_gamut(rgb, gamut), gamut)
    return own


def compose(canvases: Sequence[Canvas], fields: Sequence[Field], out: Array) -> None:
    """Paint walls into a picture.

    canvases, fields: one of each per wall. out: (H, W, C), the full picture's codes, same dtype as the photo's,
    changed in place; only pixels of the walls' cores and edges are written.
    """
    for canvas, field in zip(canvases, fields, strict=True):
        _paint_core(canvas, field, out)
    _paint_edges(canvases, fields, out)


def _paint_core(canvas: Canvas, field: Field, out: Array) -> None:
    top, left = canvas.origin
    height, width = canvas.matte.core.shape
    view = out[top : top + height, left : left + width]
    for rows, cols, whole in canvas.tiles:
        slope, offset = (_enlarge(plane, field.step, rows, cols) for plane in (field.slope, field.offset))
        luma = canvas.luma[rows, cols]
        own = cv2.add(cv2.multiply(slope, cv2.merge([luma, luma, luma])), offset)
        painted = canvas.space.encode_device(limit(own, canvas.space.gamut), out.dtype)
        if whole:
            view[rows, cols] = painted
        else:
            old = np.ascontiguousarray(view[rows, cols])
            view[rows, cols] = cv2.copyTo(painted, canvas.matte.core[rows, cols].astype(np.uint8), old)


def _paint_edges(canvases: Sequence[Canvas], fields: Sequence[Field], out: Array) -> None:
    """Where a pixel holds several things, take each wall's old light out of it and put the new in."""
    gamut = canvases[0].space.gamut
    place, photo, change = [], [], []
    for canvas, field in zip(canvases, fields, strict=True):
        matte = canvas.matte
        painted = limit(evaluate(field, matte.rows, matte.cols, canvas.edge_luma), gamut)
        place.append((matte.rows + canvas.origin[0]) * out.shape[1] + matte.cols + canvas.origin[1])
        photo.append(matte.photo)
        change.append(matte.alpha[:, None] * (painted - color.apply_matrix(matte.wall, gamut)))
    where, first, back = np.unique(np.concatenate(place), return_index=True, return_inverse=True)
    if where.size == 0:
        return
    delta = np.concatenate(change)
    total = np.stack([np.bincount(back, delta[:, c], where.size) for c in range(3)], axis=-1).astype(np.float32)
    own = color.apply_matrix(np.concatenate(photo)[first], gamut) + total
    changed = np.abs(total).max(-1) > 0
    rows, cols = np.divmod(where[changed], out.shape[1])
    own = limit(own[changed], gamut)
    out[rows, cols] = canvases[0].space.encode_device(own, out.dtype)


def _enlarge(plane: Array, step: int, rows: slice, cols: slice) -> Array:
    """The part of a working-size plane that covers a tile of the photo, bilinearly at the photo's size."""
    if step == 1:
        return plane[rows, cols]
    height, width = plane.shape[:2]
    top, left = rows.start // step, cols.start // step
    bottom, right = -(-rows.stop // step), -(-cols.stop // step)
    y = np.clip(np.arange(top - 1, bottom + 1), 0, height - 1)
    x = np.clip(np.arange(left - 1, right + 1), 0, width - 1)
    block = plane[y[0] : y[-1] + 1, x[0] : x[-1] + 1]
    above, below, before, after = top == 0, bottom >= height, left == 0, right >= width
    block = cv2.copyMakeBorder(block, int(above), int(below), int(before), int(after), cv2.BORDER_REPLICATE)
    size = (block.shape[1] * step, block.shape[0] * step)
    big = cv2.resize(block, size, interpolation=cv2.INTER_LINEAR)
    y0, x0 = rows.start - (top - 1) * step, cols.start - (left - 1) * step
    return big[y0 : y0 + rows.stop - rows.start, x0 : x0 + cols.stop - cols.start]


def lock(canvas: Canvas, field: Field, target: Array, sample: tuple[Array, Array]) -> Field:
    """Close the loop: scale a field until the median of the wall is the wanted colour.

    target: (3,) linear sRGB. sample: (rows, cols) of core pixels that stand for the wall; they go through the same
    gamut limits as the picture itself. Returns the field whose median came nearest.
    """
    gamut = canvas.space.gamut
    rows, cols = sample
    if rows.size == 0:
        return field
    goal = gamut @ np.asarray(target, np.float64)
    to_linear = np.linalg.inv(gamut)
    lab_goal = color.linear_to_lab(np.asarray(target, np.float64))
    own = evaluate(field, rows, cols, canvas.luma[rows, cols])
    best, best_error, gain = np.ones(3), np.inf, np.ones(3)
    for _ in range(LOCK_STEPS):
        median = np.median(limit(own * gain.astype(np.float32), gamut), axis=0).astype(np.float64)
        error = float(color.delta_e_76(color.linear_to_lab(to_linear @ median), lab_goal))
        if error < best_error:
            best, best_error = gain, error
        gain = gain * np.clip((goal + 1e-4) / (median + 1e-4), 0.5, 2)
    return field.scaled(best)
