"""A photo and its walls, prepared once and repainted many times.

A scene holds everything that depends on photo and walls but not on the paint: mattes of the walls' edges, intrinsic
decompositions, and estimates of the illuminant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from time import perf_counter

import cv2
import numpy as np

from wallpaint import threads
from wallpaint.errors import InputError
from wallpaint.imaging.mask_file import MaskSource
from wallpaint.imaging.photo import Limits, Photo, PhotoSource, read_photo
from wallpaint.light.albedo_edit import LightModelInput
from wallpaint.light.illuminant import (
    Illuminant,
    estimate_illuminant,
    illuminant_from_albedo,
    illuminant_from_white_point,
)
from wallpaint.light.model import LightCoefficients
from wallpaint.light.predictor import LightPredictor, light_predictor
from wallpaint.paints.paint import Paint
from wallpaint.scene import mask as masks
from wallpaint.scene import matting
from wallpaint.scene.canvas import Canvas
from wallpaint.scene.grid import PixelGrid, block_means
from wallpaint.scene.intrinsics import IntrinsicDecomposition, decompose
from wallpaint.scene.mask_gaps import share_gaps
from wallpaint.scene.mask_orientation import orient_mask
from wallpaint.scene.options import SceneOptions
from wallpaint.scene.pattern_free import replace_luminance, unmix_edges
from wallpaint.typing import Array

WORKING_PX = 768  # longest side of a wall at working size
SAMPLE_PIXELS = 100_000  # wall pixels from which statistics of a large wall are computed
OVERVIEW_PX = 384  # longest side of the downsampled photo from which the illuminant is estimated


@dataclass(frozen=True, eq=False)
class Wall:
    """One wall of a scene.

    canvas: the wall at full size. intrinsics: the wall at working size; one working pixel covers a step x step block.
    illuminant: the estimated light on the wall. light_input: the downsampled photo for the light model. light_model:
    the model of this scene, None without one. sample: (rows, cols) of core pixels in the canvas. share: of the photo's
    area, 0..1. box: of the mask as given, see `mask.wall_box`.
    """

    name: str
    canvas: Canvas
    intrinsics: IntrinsicDecomposition
    step: int
    illuminant: Illuminant
    light_input: LightModelInput
    light_model: LightPredictor | None
    sample: tuple[Array, Array]
    share: float
    box: tuple[int, int, int, int]
    warnings: tuple[str, ...]

    @property
    def grid(self) -> PixelGrid:
        """The wall's working pixels in the photo."""
        height, width = self.intrinsics.weight.shape
        return PixelGrid(self.canvas.origin, (self.step, self.step), (height, width))

    @cached_property
    def light_prediction(self) -> LightCoefficients | None:
        """The light model's prediction for this wall, None without a model. Computed on first use, for all paints."""
        if self.light_model is None:
            return None
        light_input = self.light_input
        return self.light_model.predict(light_input.photo, light_input.wall, light_input.known_albedo)

    def add_alpha(self, out: Array) -> None:
        """Add the wall's share of each pixel to a map of the full photo: out (H, W) float32, changed in place."""
        matte, (top, left) = self.canvas.matte, self.canvas.origin
        height, width = matte.core.shape
        view = out[top : top + height, left : left + width]
        view += matte.core
        view[matte.rows, matte.cols] += matte.alpha


@dataclass(frozen=True, eq=False)
class PreparedScene:
    """A photo and its walls, ready for a painter. Created by `prepare_scene`; immutable. Compared by identity.

    outside: (H, W) bool, pixels that no paint may change: mask 0 and more than 3 px from every wall's edge.
    seconds: time spent by stage. mask_confidence: expected IoU of detected walls with the true ones, 0..1; None where
    masks were given.
    """

    photo: Photo
    walls: Mapping[str, Wall]
    outside: Array
    warnings: tuple[str, ...]
    seconds: Mapping[str, float] = field(default_factory=dict)
    mask_confidence: float | None = None


@threads.single_threaded()
def prepare_scene(photo: PhotoSource | Photo, walls: Mapping[str, MaskSource], options: SceneOptions) -> PreparedScene:
    """Prepare a scene from a photo and wall masks; see `pipeline.repaint.prepare`. Raises InputError or ShapeError."""
    started = perf_counter()
    limits = options.limits or Limits()
    if not isinstance(walls, Mapping):
        raise InputError('`walls` holds masks by name: pass {"wall": mask}')
    if not walls:
        raise InputError("no wall given: pass at least one mask")
    photo = photo if isinstance(photo, Photo) else read_photo(photo, limits)
    photo_read = perf_counter()
    alphas, warnings = _read_masks(photo, walls, options, limits)
    masks_read = perf_counter()
    shared = _SharedInputs(
        overview=_overview(photo, alphas),
        overview_is_wall=len(alphas) == 1 and photo.alpha is None,
        known_paints=_known_paints(options.old_color, alphas),
        white_patch=None if options.white is None else _white_patch(photo, options.white),
        light_model=light_predictor(options.light_model),
    )
    prepared = {name: _prepare_wall(name, photo, alpha, options, shared) for name, alpha in alphas.items()}
    outside = _outside(alphas)
    _share_edges(prepared, alphas)
    seconds = {"read": photo_read - started, "masks": masks_read - photo_read, "scene": perf_counter() - masks_read}
    return PreparedScene(photo, prepared, outside, photo.warnings + warnings, seconds)


@dataclass(frozen=True, eq=False)
class _SharedInputs:
    """What all walls of a scene are prepared with.

    overview: the result of `_overview`. overview_is_wall: its share of wall is that of the only wall. known_paints:
    existing paints by wall. white_patch: (N, 3).
    """

    overview: tuple[Array, Array]
    overview_is_wall: bool
    known_paints: Mapping[str, Paint]
    white_patch: Array | None
    light_model: LightPredictor | None


def _known_paints(old_color: Paint | str | Mapping[str, Paint | str] | None, walls: Iterable[str]) -> dict[str, Paint]:
    """Return the existing paints by wall. Raises InputError for a wall that is not in the scene."""
    names = list(walls)
    if old_color is None:
        return {}
    by_wall = old_color if isinstance(old_color, Mapping) else dict.fromkeys(names, old_color)
    unknown = sorted(by_wall.keys() - set(names))
    if unknown:
        raise InputError(f"`old_color` must name walls of the scene ({', '.join(names)}), not {', '.join(unknown)}")
    return {name: Paint.parse(paint) for name, paint in by_wall.items()}


def _read_masks(
    photo: Photo, walls: Mapping[str, MaskSource], options: SceneOptions, limits: Limits
) -> tuple[dict[str, Array], tuple[str, ...]]:
    alphas: dict[str, Array] = {}
    warnings: list[str] = []
    photo_name = None if photo.source.path is None else photo.source.path.name
    for name, source in walls.items():
        file = masks.read_mask(
            source,
            invert=options.invert_mask,
            limits=limits,
            mask_class=options.mask_class,
            photo_name=photo_name,
            photo_size=photo.size,
        )
        alpha, notes = orient_mask(file, photo, options.mask_orientation, fit=options.fit_mask)
        file = replace(file, alpha=alpha)
        notes += (*file.warnings, *masks.lint(file, photo.size))
        notes += masks.check_size(alpha, photo.size, fit=options.fit_mask)
        alpha = alpha if alpha.shape == photo.size else masks.fit_mask(alpha, photo.size)
        notes += masks.require_wall(alpha, name)
        warnings += [f"{name}: {line}" for line in notes]
        alphas[name] = alpha
    if len(alphas) == 1:
        return alphas, tuple(warnings)
    shared, gaps = share_gaps(masks.combine(alphas), photo)
    return shared, (*warnings, *gaps)


def _overview(photo: Photo, alphas: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return the downsampled photo in linear sRGB, (h, w, 3), and the share of wall in each of its pixels, (h, w)."""
    height, width = photo.size
    step = max(1, -(-max(height, width) // OVERVIEW_PX))
    size = (max(1, width // step), max(1, height // step))
    first, *others = alphas.values()
    wall = np.minimum(sum(others, first), np.float32(1)) if others else first
    if photo.alpha is not None:
        wall = np.maximum(wall, photo.alpha == 0)  # transparent pixels carry no information on the light
    # Averaging encoded values first is faster, and precise enough to find white surfaces.
    small = cv2.resize(photo.codes, size, interpolation=cv2.INTER_AREA)
    return photo.space.to_linear(small), cv2.resize(wall, size, interpolation=cv2.INTER_AREA)


def _white_patch(photo: Photo, white: tuple[int, int]) -> Array:
    x, y = (int(v) for v in white)
    height, width = photo.size
    if not (0 <= x < width and 0 <= y < height):
        raise InputError(f"white point {x},{y} lies outside the photo, which is {width} wide and {height} high")
    patch = photo.codes[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
    return photo.space.to_linear(np.ascontiguousarray(patch)).reshape(-1, 3)


def _prepare_wall(name: str, photo: Photo, alpha: Array, options: SceneOptions, shared: _SharedInputs) -> Wall:
    overview = shared.overview
    rows, cols = _window(alpha)
    window_alpha, codes = alpha[rows, cols], photo.codes[rows, cols]
    matte = matting.estimate_matte(codes, photo.space, window_alpha, refine=options.edges == "refine")
    canvas = Canvas(codes, photo.space, matte, (rows.start, cols.start))
    step = max(1, -(-max(window_alpha.shape) // WORKING_PX))
    rgb, weight = block_means(codes, photo.space, matte.core, step)
    sample = canvas.sample(SAMPLE_PIXELS)
    median = np.median(photo.space.to_linear(codes[sample]), axis=0)
    if name in shared.known_paints:
        illuminant = illuminant_from_albedo(*overview, median, np.asarray(shared.known_paints[name].albedo_linear))
    elif shared.white_patch is not None and options.white is not None:
        position = f"{options.white[0]},{options.white[1]}"
        illuminant = illuminant_from_white_point(*overview, median, shared.white_patch, position)
    else:
        illuminant = estimate_illuminant(*overview, median)
    intrinsics = decompose(rgb, weight, np.asarray(illuminant.white), _noise(canvas), options.old_wall)
    if intrinsics.pattern_free is not None:
        if options.edges == "refine":
            unmix_edges(canvas, intrinsics.pattern_free, step, window_alpha)
        replace_luminance(canvas, intrinsics.pattern_free, step)
    small = overview[0]
    small_alpha = overview[1]
    if not shared.overview_is_wall:
        small_alpha = cv2.resize(alpha, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_AREA)
    is_uniform = not intrinsics.pattern_removed and intrinsics.paint_count < 2
    known_albedo = np.asarray(illuminant.wall_albedo) if illuminant.is_user_given and is_uniform else None
    light_input = LightModelInput(small, small_alpha, photo.size, known_albedo)
    share = float(np.mean(alpha))
    return Wall(
        name,
        canvas,
        intrinsics,
        step,
        illuminant,
        light_input,
        shared.light_model,
        sample,
        share,
        masks.wall_box(alpha),
        intrinsics.notes,
    )


def _window(alpha: Array) -> tuple[slice, slice]:
    """Return the rows and columns that contain a wall and the surrounding pixels that its matte needs."""
    pad = matting.OUTSIDE_PX + matting.COLOR_RADIUS_PX
    ys, xs = np.flatnonzero(alpha.max(1) > 0.01), np.flatnonzero(alpha.max(0) > 0.01)
    top, left = max(0, int(ys[0]) - pad), max(0, int(xs[0]) - pad)
    return slice(top, min(alpha.shape[0], int(ys[-1]) + pad + 1)), slice(
        left, min(alpha.shape[1], int(xs[-1]) + pad + 1)
    )


def _noise(canvas: Canvas) -> float:
    """Return the relative standard deviation of luminance between neighbours (Immerkaer 1996, with a median)."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    estimates = []
    for rows, cols, _ in canvas.tiles[:: max(1, len(canvas.tiles) // 12)]:
        core = cv2.erode(canvas.matte.core[rows, cols].view(np.uint8), np.ones((5, 5), np.uint8)) > 0
        if core.sum() < 64:
            continue
        luma = canvas.luma[rows, cols]
        estimates.append(
            float(np.median(np.abs(cv2.filter2D(luma, -1, kernel)[core])))
            / (0.6745 * 6)
            / max(float(np.median(luma[core])), 1e-4)
        )
    return float(np.median(estimates)) if estimates else 0.01


def _outside(alphas: Mapping[str, Array]) -> Array:
    first, *others = (alpha > 0 for alpha in alphas.values())
    wall = first
    for other in others:
        wall |= other
    return ~masks.dilate(wall, matting.OUTSIDE_PX)


def _share_edges(walls: Mapping[str, Wall], alphas: Mapping[str, Array]) -> None:
    """Resolve the edge pixels where walls meet, in place.

    A core pixel belongs to its wall alone. Elsewhere the alphas of the walls add up to at most 1, and to exactly 1
    where the masks do.
    """
    if len(walls) < 2:
        return
    full = np.sum(list(alphas.values()), axis=0) > 0.99
    core = np.zeros(full.shape, bool)
    total = np.zeros(full.shape, np.float32)
    claims = np.zeros(full.shape, np.uint8)
    for wall in walls.values():
        matte, (top, left) = wall.canvas.matte, wall.canvas.origin
        height, width = matte.core.shape
        core[top : top + height, left : left + width] |= matte.core
        total[matte.rows + top, matte.cols + left] += matte.alpha
        claims[matte.rows + top, matte.cols + left] += matte.alpha > 0.02
    # Where only one wall has alpha, the remainder is furniture, not the other wall.
    scale = 1 / np.where(full & (claims > 1), np.maximum(total, 1e-3), np.maximum(total, 1))
    for wall in walls.values():
        matte, (top, left) = wall.canvas.matte, wall.canvas.origin
        free = ~core[matte.rows + top, matte.cols + left]
        rows, cols = matte.rows[free], matte.cols[free]
        alpha = np.minimum(matte.alpha[free] * scale[rows + top, cols + left], 1)
        wall.canvas.matte = replace(
            matte,
            rows=rows,
            cols=cols,
            alpha=alpha,
            foreground=matte.foreground[free],
            background=matte.background[free],
            photo=matte.photo[free],
        )
        wall.canvas.edge_luma = wall.canvas.edge_luma[free]
