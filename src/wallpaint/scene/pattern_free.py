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
OWN_COLORS = 60  # wall pixels whose colours represent the wall
GAIN_LIMITS = (0.4, 1.8)  # of these colours in a pixel that is entirely wall: light varies within the base's mean
INSIDE_ALPHA = 0.99  # of the mask, from which a pixel may be wall in any light; beyond, alpha does not increase
PRIOR_WEIGHT = 0.06  # of the distance from the mask's alpha, relative to the residual of the mix
SAMPLE_ROW = 1024  # positions in one row of a map; OpenCV limits both sides of it to 16 bits
MIN_CONTRAST = 0.15  # squared distance of wall and background in linear light, below which the mask decides
CHUNK_PIXELS = 2048


@dataclass(frozen=True, eq=False)
class PatternFreeWall:
    """A wall without its pattern, at working size, and its relief.

    base: (h, w, 3) float32, linear sRGB, the local mean of the wall, filled beyond it. light: (h, w, 3) float32, linear
    sRGB, the wall in one paint where its relief has a log shading of 0. relief: None if the wall is painted flat.
    """

    base: Array
    light: Array
    relief: ReliefModel | None

    @property
    def noise_gain(self) -> float:
        """Share of the photo's noise in the luminance of the wall."""
        return 0.0 if self.relief is None else RESIDUAL_GAIN

    def luminance(self, photo: Array, x: Array, y: Array) -> Array:
        """Return the luminance of the wall in one paint.

        photo: (H, W, 3) or (N, 3) float32, linear sRGB of the wall. x, y: (H, W) or (N,), the positions of these pixels
        in working pixels, whose centres lie at integers. Returns float32 of x's shape.
        """
        luma = color.luminance(_sample(self.light, x, y)).astype(np.float32)
        if self.relief is None:
            return luma
        base = _sample(self.base, x, y)
        face, near = _sample(self.relief.face, x, y), _sample(self.relief.near_joint, x, y)
        shading = self.relief.log_shading(photo / np.maximum(base, MIN_BASE), face, near)
        return np.asarray(luma * np.exp(shading), np.float32)


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


def unmix_edges(canvas: Canvas, wall: PatternFreeWall, step: int, mask: Array) -> None:
    """Estimate alpha and foreground of a canvas's edges again, from the colours that the patterned wall has, in place.

    The mean colour of a patterned wall is none of its own: a pixel of grout would be unmixed into wall and the object
    beside it. Each edge pixel is explained as a mix of the background and the one of the wall's colours that leaves the
    smallest residual and is nearest to the mask. mask: (H, W) float32, 0..1, the user's mask over the canvas.
    Source: the sampling step of robust matting (Wang & Cohen 2007).
    """
    matte = canvas.matte
    rows, cols = canvas.sample(OWN_COLORS)
    if matte.rows.size == 0 or rows.size == 0:
        return
    base = _sample(wall.base, _position(cols, step), _position(rows, step))
    own = canvas.space.to_linear(canvas.codes[rows, cols]) / np.maximum(base, MIN_BASE)  # [K, 3]
    base = _sample(wall.base, _position(matte.cols, step), _position(matte.rows, step))
    prior = mask[matte.rows, matte.cols]
    alpha = np.empty_like(matte.alpha)
    for start in range(0, len(alpha), CHUNK_PIXELS):
        at = slice(start, start + CHUNK_PIXELS)
        colors = own[None] * base[at, None]  # [n, K, 3]
        alpha[at] = _best_alpha(matte.photo[at], colors, matte.background[at], prior[at])
    alpha = np.where(prior < INSIDE_ALPHA, np.minimum(alpha, np.maximum(matte.alpha, prior)), alpha)
    a = alpha[:, None]
    light = np.clip(matte.photo - (1 - a) * matte.background, 0, np.maximum(matte.photo, 0))
    foreground = (light / np.maximum(a, 1e-3)).astype(np.float32)
    canvas.matte = replace(matte, alpha=alpha, foreground=foreground)


def _best_alpha(photo: Array, colors: Array, background: Array, prior: Array) -> Array:
    """Return alpha, (n,). photo, background: (n, 3). colors: (n, K, 3), of the wall. prior: (n,)."""
    line, difference = colors - background[:, None], photo - background
    contrast = np.einsum("nkc,nkc->nk", line, line)
    trust_in_prior = PRIOR_WEIGHT * (contrast + MIN_CONTRAST)
    mixed = np.einsum("nkc,nc->nk", line, difference) + trust_in_prior * prior[:, None]
    alpha = np.clip(mixed / (contrast + trust_in_prior), 0, 1)
    residual = difference[:, None] - alpha[..., None] * line
    cost = np.einsum("nkc,nkc->nk", residual, residual) + trust_in_prior * (alpha - prior[:, None]) ** 2
    best = cost.argmin(1)[:, None]
    mixed_alpha, mixed_cost = (np.take_along_axis(values, best, 1)[:, 0] for values in (alpha, cost))
    # The same colour in brighter or dimmer light: entirely wall.
    brightness = np.einsum("nkc,nkc->nk", colors, colors) + 1e-6
    gain = np.clip(np.einsum("nkc,nc->nk", colors, photo) / brightness, *GAIN_LIMITS)
    rest = photo[:, None] - gain[..., None] * colors
    wall_cost = np.einsum("nkc,nkc->nk", rest, rest) + trust_in_prior * (1 - prior[:, None]) ** 2
    is_wall = (prior >= INSIDE_ALPHA) & (wall_cost.min(1) <= mixed_cost)
    return np.where(is_wall, np.float32(1), mixed_alpha).astype(np.float32)


_NO_PHOTO = np.zeros((0, 3), np.float32)


def _position(index: Array, step: int) -> Array:
    return ((index + 0.5) / step - 0.5).astype(np.float32)


def _sample(plane: Array, x: Array, y: Array) -> Array:
    """Sample a working-size plane, (h, w) or (h, w, C), bilinearly at positions of any shape."""
    count = x.size
    shape = (-(-count // SAMPLE_ROW), SAMPLE_ROW)
    at_x, at_y = (np.resize(np.append(v.ravel(), np.float32(0)), shape).astype(np.float32) for v in (x, y))
    channels = plane.shape[2:]
    sampled = cv2.remap(plane, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return sampled.reshape(-1, *channels)[:count].reshape(*x.shape, *channels)
