"""Photo and walls, made ready once to be painted many times.

A scene holds everything that depends on photo and walls but on no paint: the walls' edges taken apart, their
shading, and the light that falls on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from wallpaint import threads
from wallpaint.errors import InputError
from wallpaint.imaging.icc import ColorSpace
from wallpaint.imaging.mask_file import MaskSource
from wallpaint.imaging.photo import Limits, Photo, PhotoSource, read_photo
from wallpaint.light import illuminant as lights
from wallpaint.light.albedo_edit import LightModelInput
from wallpaint.light.illuminant import Light
from wallpaint.paints.paint import Paint
from wallpaint.pipeline.composite import Canvas
from wallpaint.scene import intrinsics as shadings
from wallpaint.scene import mask as masks
from wallpaint.scene import matting as mattes
from wallpaint.scene.intrinsics import Shading
from wallpaint.typing import Array

if TYPE_CHECKING:
    from wallpaint.pipeline.repaint import Result

WORKING_PX = 768  # longest side of a wall at working size
SAMPLE = 100_000  # wall pixels that stand for a wall where all would be too many


@dataclass(frozen=True)
class Wall:
    """One wall of a scene.

    canvas: the wall at full size. shading: the wall at working size, one working pixel per step x step block.
    light: what falls on it. sight: the small photo that the light model looks at, when it is asked. sample: (rows,
    cols) of core pixels in the canvas. share: part of the picture, 0..1.
    """

    name: str
    canvas: Canvas
    shading: Shading
    step: int
    light: Light
    sight: LightModelInput
    sample: tuple[Array, Array]
    share: float
    warnings: tuple[str, ...]

    def add_alpha(self, out: Array) -> None:
        """Add the wall's share of each pixel to a map of the whole photo: out (H, W) float32, changed in place."""
        matte, (top, left) = self.canvas.matte, self.canvas.origin
        height, width = matte.core.shape
        view = out[top : top + height, left : left + width]
        view += matte.core
        view[matte.rows, matte.cols] += matte.alpha


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo with its walls, ready to be painted. Made by `prepare`; reading it never changes it.

    outside: (H, W) bool, pixels that no paint may touch: mask 0 and more than 3 px from every wall's edge.
    seconds: time spent by stage. Two scenes are equal if they are one.
    """

    photo: Photo
    walls: Mapping[str, Wall]
    outside: Array
    warnings: tuple[str, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)

    def repaint(self, paints: Mapping[str, Paint | str], **ways: Any) -> Result:
        """Paint the walls; see `wallpaint.pipeline.repaint.paint_scene` for the ways: match, painter, detail, seed."""
        from wallpaint.pipeline.repaint import paint_scene

        return paint_scene(self, paints, **ways)

    def repaint_many(self, choices: Iterable[Mapping[str, Paint | str]], **ways: Any) -> Iterator[Result]:
        """Paint the walls in many choices of paints, one result each; painters that can take them in batches."""
        from wallpaint.pipeline.repaint import paint_many

        return paint_many(self, choices, **ways)


@threads.single()
def prepare(
    photo: PhotoSource | Photo,
    walls: Mapping[str, MaskSource],
    *,
    edges: str = "refine",
    fit_mask: bool = False,
    invert_mask: bool = False,
    old_wall: str = "auto",
    old_color: Paint | str | None = None,
    white: tuple[int, int] | None = None,
    limits: Limits | None = None,
) -> Scene:
    """Make a scene.

    photo: a path, bytes, PIL image, array or `Photo`. walls: by name, each a mask (path, bytes, PIL image or array,
    white = wall) of the photo's size; a later wall lies over an earlier one. edges: "refine" measures on the photo
    how much of each edge pixel is wall, with the mask's value where the photo cannot tell; "keep" takes the mask's
    values. fit_mask: resize masks to the photo. invert_mask: black is wall. old_wall: "auto", "plain" (all that
    varies is light) or "patterned" (wallpaper, brick: paint over it). old_color: what the walls are painted with
    now, a hint for `lit`. white: (x, y) of something white in the upright photo, a hint for `lit`.
    Raises InputError or ShapeError.
    """
    started = perf_counter()
    limits = limits or Limits()
    if edges not in ("refine", "keep"):
        raise InputError(f'edges must be "refine" or "keep", not "{edges}"')
    if old_wall not in ("auto", "plain", "patterned"):
        raise InputError(f'old_wall must be "auto", "plain" or "patterned", not "{old_wall}"')
    if not walls:
        raise InputError("no wall given: pass at least one mask")
    picture = photo if isinstance(photo, Photo) else read_photo(photo, limits)
    read = perf_counter()
    alphas, warnings = _read_masks(picture, walls, fit_mask, invert_mask, limits)
    masked = perf_counter()
    small, small_walls = _overview(picture, alphas)
    old = Paint.parse(old_color) if isinstance(old_color, str) else old_color
    patch = _white_patch(picture, white) if white else None
    made = {
        name: _make_wall(name, picture, alpha, (edges, old_wall), (small, small_walls), old, patch, white)
        for name, alpha in alphas.items()
    }
    outside = _outside(alphas)
    _share_edges(made, alphas)
    seconds = {"read": read - started, "masks": masked - read, "scene": perf_counter() - masked}
    return Scene(picture, made, outside, picture.warnings + warnings, seconds)


def _read_masks(
    photo: Photo, walls: Mapping[str, MaskSource], fit: bool, invert: bool, limits: Limits
) -> tuple[dict[str, Array], tuple[str, ...]]:
    alphas: dict[str, Array] = {}
    warnings: list[str] = []
    for name, source in walls.items():
        file = masks.read_mask(source, invert=invert, limits=limits)
        notes = [*file.warnings, *masks.lint(file, photo.size)]
        notes += masks.check_size(file.alpha, photo.size, fit=fit)
        alpha = file.alpha if file.alpha.shape == photo.size else masks.fit_mask(file.alpha, photo.size)
        notes += masks.require_wall(alpha, name)
        warnings += [f"{name}: {line}" for line in notes]
        alphas[name] = alpha
    return masks.combine(alphas), tuple(warnings)


def _overview(photo: Photo, alphas: Mapping[str, Array]) -> tuple[Array, Array]:
    """The whole photo, small, in linear sRGB, and the share of wall in each of its pixels."""
    height, width = photo.size
    step = max(1, -(-max(height, width) // 384))
    size = (max(1, width // step), max(1, height // step))
    wall = np.clip(sum(alphas.values()), 0, 1).astype(np.float32)
    # Averaging codes first is quicker, and precise enough for finding white things.
    if photo.alpha is not None:
        wall = np.maximum(wall, photo.alpha == 0)  # what cannot be seen says nothing of the light
    small = cv2.resize(photo.codes, size, interpolation=cv2.INTER_AREA)
    return photo.space.to_linear(small), cv2.resize(wall, size, interpolation=cv2.INTER_AREA)


def _white_patch(photo: Photo, white: tuple[int, int]) -> Array:
    x, y = (int(v) for v in white)
    height, width = photo.size
    if not (0 <= x < width and 0 <= y < height):
        raise InputError(f"white point {x},{y} lies outside the photo, which is {width} wide and {height} high")
    patch = photo.codes[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
    return photo.space.to_linear(np.ascontiguousarray(patch)).reshape(-1, 3)


def _make_wall(
    name: str,
    photo: Photo,
    alpha: Array,
    ways: tuple[str, str],
    overview: tuple[Array, Array],
    old: Paint | None,
    patch: Array | None,
    white: tuple[int, int] | None,
) -> Wall:
    edges, old_wall = ways
    rows, cols = _window(alpha)
    window, codes = np.ascontiguousarray(alpha[rows, cols]), np.ascontiguousarray(photo.codes[rows, cols])
    matte = mattes.extract(codes, photo.space, window, refine=edges == "refine")
    canvas = Canvas(codes, photo.space, matte, (rows.start, cols.start))
    step = max(1, -(-max(window.shape) // WORKING_PX))
    rgb, weight = _block_means(codes, photo.space, matte.core, step)
    sample = canvas.sample(SAMPLE)
    median = np.median(photo.space.to_linear(codes[sample]), axis=0)
    if old is not None:
        light = lights.from_old_color(*overview, median, np.asarray(old.albedo_linear))
    elif patch is not None and white is not None:
        light = lights.from_white_point(*overview, median, patch, f"{white[0]},{white[1]}")
    else:
        light = lights.estimate(*overview, median)
    noise = _noise(canvas)
    shading = shadings.analyse(rgb, weight, np.asarray(light.white), noise, old_wall)
    share = float(np.mean(alpha))
    small = overview[0]
    own = cv2.resize(alpha.astype(np.float32), (small.shape[1], small.shape[0]), interpolation=cv2.INTER_AREA)
    one_paint = not shading.evened and shading.old_paints < 2
    sight = LightModelInput(small, own, photo.size, np.asarray(light.old) if light.is_told and one_paint else None)
    return Wall(name, canvas, shading, step, light, sight, sample, share, shading.notes)


def _window(alpha: Array) -> tuple[slice, slice]:
    """The rows and columns that hold a wall and the pixels round it that its edge may reach."""
    pad = mattes.OUTSIDE_PX + mattes.REACH_PX
    ys, xs = np.flatnonzero(alpha.max(1) > 0.01), np.flatnonzero(alpha.max(0) > 0.01)
    top, left = max(0, int(ys[0]) - pad), max(0, int(xs[0]) - pad)
    return slice(top, min(alpha.shape[0], int(ys[-1]) + pad + 1)), slice(
        left, min(alpha.shape[1], int(xs[-1]) + pad + 1)
    )


def _block_means(codes: Array, space: ColorSpace, core: Array, step: int) -> tuple[Array, Array]:
    """Mean colour of the wall's core in each step x step block, and the core's share of the block."""
    height, width = core.shape
    out_height, out_width = -(-height // step), -(-width // step)
    rgb, weight = (
        np.zeros((out_height, out_width, 3), np.float32),
        np.zeros((out_height, out_width), np.float32),
    )
    rows = max(1, 256 // step)
    for top in range(0, out_height, rows):
        strip = slice(top * step, min((top + rows) * step, height))
        part = core[strip].astype(np.float32)
        linear = space.to_linear(codes[strip]) * part[..., None]
        pad_y, pad_x = -part.shape[0] % step, out_width * step - width
        size = (out_width, (part.shape[0] + pad_y) // step)
        part = cv2.copyMakeBorder(part, 0, pad_y, 0, pad_x, cv2.BORDER_CONSTANT)
        linear = cv2.copyMakeBorder(linear, 0, pad_y, 0, pad_x, cv2.BORDER_CONSTANT)
        share = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        total = cv2.resize(linear, size, interpolation=cv2.INTER_AREA)
        weight[top : top + size[1]] = share
        rgb[top : top + size[1]] = total / np.maximum(share, 1e-6)[..., None]
    return rgb, weight


def _noise(canvas: Canvas) -> float:
    """Relative standard deviation of the wall's luminance between neighbours (Immerkaer 1996, with a median)."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    found = []
    for rows, cols, _ in canvas.tiles[:: max(1, len(canvas.tiles) // 12)]:
        core = cv2.erode(canvas.matte.core[rows, cols].view(np.uint8), np.ones((5, 5), np.uint8)) > 0
        if core.sum() < 64:
            continue
        luma = canvas.luma[rows, cols]
        found.append(
            float(np.median(np.abs(cv2.filter2D(luma, -1, kernel)[core])))
            / (0.6745 * 6)
            / max(float(np.median(luma[core])), 1e-4)
        )
    return float(np.median(found)) if found else 0.01


def _outside(alphas: Mapping[str, Array]) -> Array:
    wall = np.logical_or.reduce([alpha > 0 for alpha in alphas.values()])
    return ~masks.dilate(wall, mattes.OUTSIDE_PX)


def _share_edges(walls: Mapping[str, Wall], alphas: Mapping[str, Array]) -> None:
    """Settle the edge pixels where walls meet: a core pixel belongs to its wall alone; elsewhere the walls together
    claim no more than the pixel, and all of it where the masks do."""
    if len(walls) < 2:
        return
    full = np.sum(list(alphas.values()), axis=0) > 0.99
    taken = np.zeros(full.shape, bool)
    total = np.zeros(full.shape, np.float32)
    claims = np.zeros(full.shape, np.uint8)
    for wall in walls.values():
        matte, (top, left) = wall.canvas.matte, wall.canvas.origin
        height, width = matte.core.shape
        taken[top : top + height, left : left + width] |= matte.core
        total[matte.rows + top, matte.cols + left] += matte.alpha
        claims[matte.rows + top, matte.cols + left] += matte.alpha > 0.02
    # Where only one wall lays claim, what it leaves is furniture, not the other wall.
    scale = 1 / np.where(full & (claims > 1), np.maximum(total, 1e-3), np.maximum(total, 1))
    for wall in walls.values():
        matte, (top, left) = wall.canvas.matte, wall.canvas.origin
        free = ~taken[matte.rows + top, matte.cols + left]
        rows, cols = matte.rows[free], matte.cols[free]
        alpha = np.minimum(matte.alpha[free] * scale[rows + top, cols + left], 1)
        wall.canvas.matte = replace(
            matte, rows=rows, cols=cols, alpha=alpha, wall=matte.wall[free], photo=matte.photo[free]
        )
        wall.canvas.edge_luma = wall.canvas.edge_luma[free]
