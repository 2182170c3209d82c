"""A patterned wall as if in one paint, at the photo's full size.

The transfer field of `pipeline.composite` maps the luminance of the photo's wall to painted colours. On a patterned
wall that luminance also holds the old pattern, at any resolution, so it is replaced by that of a wall in one paint: the
light without pattern, and the shading of the relief if it is kept. Fine structure of the wall at its rim, such as grout
beside a picture frame, is wall as well, however much its colour differs from the wall's mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.scene.canvas import Canvas
from wallpaint.scene.relief import RESIDUAL_GAIN, ReliefModel
from wallpaint.typing import Array

MIN_BASE = 1e-3  # linear light of the wall without pattern, as a divisor
OWN_COLORS = 500  # wall pixels whose colours represent the wall
MAX_OWN_COLOR_DISTANCE = 0.12  # of square roots of ratios to the base, within which a pixel has one of these colours
SAMPLE_ROW = 1024  # positions in one row of a map; OpenCV limits both sides of it to 16 bits
CHUNK_PIXELS = 4096


@dataclass(frozen=True, eq=False)
class PatternFreeWall:
    """The light on a wall without its pattern, at working size, and its relief.

    base: (h, w, 3) float32, linear sRGB, filled beyond the wall. relief: None if the wall is painted flat.
    mean_shading: (h, w) float32, local mean of the relief's log shading, which is part of base already.
    """

    base: Array
    relief: ReliefModel | None
    mean_shading: Array

    @property
    def noise_gain(self) -> float:
        """Share of the photo's noise in the luminance of the wall."""
        return 0.0 if self.relief is None else RESIDUAL_GAIN

    def luminance(self, photo: Array, x: Array, y: Array) -> Array:
        """Return the luminance of the wall in one paint.

        photo: (H, W, 3) or (N, 3) float32, linear sRGB of the wall. x, y: (H, W) or (N,), the positions of these pixels
        in working pixels, whose centres lie at integers. Returns float32 of x's shape.
        """
        base = _sample(self.base, x, y)
        luma = color.luminance(base).astype(np.float32)
        if self.relief is None:
            return luma
        face, near = _sample(self.relief.face, x, y), _sample(self.relief.near_joint, x, y)
        shading = self.relief.log_shading(photo / np.maximum(base, MIN_BASE), face, near)
        return np.asarray(luma * np.exp(shading - _sample(self.mean_shading, x, y)), np.float32)


def replace_luminance(canvas: Canvas, wall: PatternFreeWall, step: int) -> None:
    """Replace the luminance of a canvas, its core and its edges, by that of a wall in one paint, in place.

    step: photo pixels per working pixel.
    """
    for rows, cols, _ in canvas.tiles:
        x, y = np.meshgrid(
            _position(np.arange(cols.start, cols.stop), step), _position(np.arange(rows.start, rows.stop), step)
        )
        photo = canvas.space.to_linear(canvas.codes[rows, cols]) if wall.relief is not None else _NO_PHOTO
        canvas.luma[rows, cols] = wall.luminance(photo, x, y)
    matte = canvas.matte
    canvas.edge_luma = wall.luminance(matte.foreground, _position(matte.cols, step), _position(matte.rows, step))


def claim_own_colors(canvas: Canvas, wall: PatternFreeWall, step: int, mask: Array) -> None:
    """Make edge pixels inside a mask entirely wall if they have one of the wall's own colours, in place.

    A pixel of grout or mortar would otherwise be unmixed into wall and the object beside it. mask: (H, W) float32,
    0..1, the user's mask over the canvas.
    """
    matte = canvas.matte
    inside = np.flatnonzero(mask[matte.rows, matte.cols] >= 0.99)
    rows, cols = canvas.sample(OWN_COLORS)
    if inside.size == 0 or rows.size == 0:
        return
    own = _relative_color(wall, canvas.space.to_linear(canvas.codes[rows, cols]), rows, cols, step)
    edge = _relative_color(wall, matte.photo[inside], matte.rows[inside], matte.cols[inside], step)
    nearest = np.concatenate(
        [_nearest_distance(edge[i : i + CHUNK_PIXELS], own) for i in range(0, len(edge), CHUNK_PIXELS)]
    )
    is_own = inside[nearest < MAX_OWN_COLOR_DISTANCE]
    alpha, foreground = matte.alpha.copy(), matte.foreground.copy()
    alpha[is_own], foreground[is_own] = 1, matte.photo[is_own]
    canvas.matte = replace(matte, alpha=alpha, foreground=foreground)


_NO_PHOTO = np.zeros((0, 3), np.float32)


def _position(index: Array, step: int) -> Array:
    return ((index + 0.5) / step - 0.5).astype(np.float32)


def _relative_color(wall: PatternFreeWall, photo: Array, rows: Array, cols: Array, step: int) -> Array:
    """Return the square roots of the ratios of pixels to the light without pattern, (N, 3)."""
    base = _sample(wall.base, _position(cols, step), _position(rows, step))
    return np.asarray(np.sqrt(np.maximum(photo, 0) / np.maximum(base, MIN_BASE)), np.float32)


def _nearest_distance(colors: Array, others: Array) -> Array:
    """Return the distance of each colour, (N, 3), from the nearest of others, (M, 3)."""
    squared = (colors**2).sum(1)[:, None] - 2 * colors @ others.T + (others**2).sum(1)
    return np.sqrt(np.maximum(squared.min(1), 0))


def _sample(plane: Array, x: Array, y: Array) -> Array:
    """Sample a working-size plane, (h, w) or (h, w, C), bilinearly at positions of any shape."""
    count = x.size
    shape = (-(-count // SAMPLE_ROW), SAMPLE_ROW)
    at_x, at_y = (np.resize(np.append(v.ravel(), np.float32(0)), shape).astype(np.float32) for v in (x, y))
    channels = plane.shape[2:]
    sampled = cv2.remap(plane, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return sampled.reshape(-1, *channels)[:count].reshape(*x.shape, *channels)
