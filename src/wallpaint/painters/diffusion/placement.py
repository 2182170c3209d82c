"""Between a view that the networks see and the walls of a scene: there and back, in place, scale and colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from wallpaint.diffusion import image_tensors as pictures
from wallpaint.diffusion.settings import Settings
from wallpaint.imaging import color
from wallpaint.imaging.masked_filters import fill, weighted_quantile
from wallpaint.painters import analytic
from wallpaint.painters.protocol import Painted
from wallpaint.paints.paint import Paint
from wallpaint.scene import intrinsics as shading
from wallpaint.scene import mask as masks
from wallpaint.scene.mask import Window
from wallpaint.scene.scene import Scene, Wall
from wallpaint.typing import Array

TINTS = (1.0, 0.5, 0.25, 0.0)
MISSED = 0.25  # CIEDE2000 of the median from which less tint is tried
EDGE_PX = 2  # of the model's pixels next to the wall's edge, where it decodes wall and furniture as one


def alpha_of(scene: Scene, names: Sequence[str]) -> Array:
    """The share of some walls in each pixel of the photo: (H, W) float32, 0..1."""
    alpha = np.zeros(scene.photo.size, np.float32)
    for name in names:
        scene.walls[name].add_alpha(alpha)
    return alpha


def see(
    scene: Scene, names: Sequence[str], native_px: int, side_multiple: int, settings: Settings
) -> tuple[Window, Array, Array]:
    """What networks see of some walls: where, the picture (H, W, 3) uint8 sRGB, and the mask (H, W) bool to fill."""
    alpha = alpha_of(scene, names)
    window = masks.crop_with_context(alpha, settings.context, native_px**2, side_multiple)
    return window, pictures.crop(scene.photo, window), pictures.model_mask(alpha, window, settings.mask_dilation_px)


def first_guess(scene: Scene, names: Sequence[str], image: Array, window: Window, paint: Paint) -> Array:
    """A view with walls repainted analytically, lit: (H, W, 3) uint8 sRGB. image: the view as it is, likewise."""
    linear = color.srgb_to_linear(image.astype(np.float32) / 255).astype(np.float32)
    size = (window.out_width, window.out_height)
    for name in names:
        wall = scene.walls[name]
        painted = analytic.paint_wall(wall, paint, "room").rgb
        full = np.ascontiguousarray(alpha_of(scene, [name])[window.slices])
        alpha = cv2.resize(full, size, interpolation=cv2.INTER_AREA)
        shown = _sampled(painted, *_view_in_wall(window, wall), 1 / (wall.step * _scale(window)))
        linear += alpha[..., None] * (shown - linear)
    return np.round(255 * color.linear_to_srgb(np.clip(linear, 0, 1))).astype(np.uint8)


def finish(wall: Wall, picture: Array, window: Window, paint: Paint, match: str, *, textured: bool = False) -> Painted:
    """A wall at its working size out of a painted view.

    picture: (H, W, 3) float32 sRGB, the whole view. textured: whether it shows the texture of the paint's picture. Next
    to the wall's edges its colours are filled in from the wall's inside.
    """
    linear = color.srgb_to_linear(picture).astype(np.float32)
    rgb = _sampled(linear, *_wall_in_view(wall, window), _scale(window) * wall.step)
    inner = _inner(wall, window)
    rgb = fill(rgb, inner)
    gamut = wall.canvas.space.gamut
    rgb = color.compress_gamut(rgb, gamut).astype(np.float32)
    median = np.array([weighted_quantile(rgb[..., c], inner, 0.5) for c in range(3)])
    if match == "room":
        return Painted(rgb, median, textured, not textured)
    target = np.asarray(paint.albedo_linear, np.float64)
    return Painted(to_swatch(wall, rgb, inner, median, target, gamut), target, textured, not textured)


def to_swatch(wall: Wall, rgb: Array, weight: Array, median: Array, target: Array, gamut: Array) -> Array:
    """Repaint a lit wall so that its median is the swatch, its shading and texture kept: (h, w, 3) linear sRGB.

    rgb: (h, w, 3) linear sRGB, the wall as painted. weight: (h, w). median: (3,) of rgb. target: (3,) linear sRGB.
    """
    median = np.maximum(median, 1e-4)
    luma = np.maximum(color.luminance(rgb), 1e-5).astype(np.float32)
    middle = float(color.luminance(median))
    shade = np.log(luma / middle).astype(np.float32)
    tint = np.log(np.maximum(rgb, 0.02 * median.astype(np.float32)) / median.astype(np.float32)) - shade[..., None]
    tint = np.clip(tint, -shading.MAX_TINT, shading.MAX_TINT).astype(np.float32)
    taken = replace(
        wall.shading,
        weight=weight,
        median=median,
        median_luma=middle,
        shade=shade,
        tint=tint,
        veil=np.zeros_like(shade),
        spread=weighted_quantile(shade, weight, shading.SPREAD_QUANTILES),
        noise=0.0,
    )
    wanted = color.linear_to_lab(target)
    for share in TINTS:  # a paint at the gamut's border leaves no room for light of other colours
        painted = analytic.paint(replace(taken, tint=(share * tint).astype(np.float32)), target, gamut)
        found = np.array([weighted_quantile(painted[..., c], weight, 0.5) for c in range(3)])
        if float(color.delta_e_2000(color.linear_to_lab(found), wanted)) <= MISSED:
            break
    return painted


def _inner(wall: Wall, window: Window) -> Array:
    """Share of wall (h, w) at working size, less what lies so near an edge that the model mixed it."""
    reach = EDGE_PX / (_scale(window) * wall.step)  # working pixels
    full = wall.shading.weight > 0.99
    inner = wall.shading.weight * masks.erode(full, reach)
    return inner if float(inner.sum()) >= 16 else wall.shading.weight


def _scale(window: Window) -> float:
    """Model pixels per photo pixel."""
    return float(np.sqrt(window.out_height * window.out_width / (window.height * window.width)))


def _wall_in_view(wall: Wall, window: Window) -> tuple[Array, Array]:
    """Where in the view (rows, columns) each row and column of the wall's working size lies."""
    height, width = wall.shading.weight.shape
    top, left = wall.canvas.origin
    rows = (top + (np.arange(height) + 0.5) * wall.step - window.top) * window.out_height / window.height - 0.5
    cols = (left + (np.arange(width) + 0.5) * wall.step - window.left) * window.out_width / window.width - 0.5
    return rows, cols


def _view_in_wall(window: Window, wall: Wall) -> tuple[Array, Array]:
    """Where at the wall's working size (rows, columns) each row and column of the view lies."""
    top, left = wall.canvas.origin
    rows = (
        window.top + (np.arange(window.out_height) + 0.5) * window.height / window.out_height - top
    ) / wall.step - 0.5
    cols = (
        window.left + (np.arange(window.out_width) + 0.5) * window.width / window.out_width - left
    ) / wall.step - 0.5
    return rows, cols


def _sampled(picture: Array, rows: Array, cols: Array, shrink: float) -> Array:
    """A picture looked up on a grid: (len(rows), len(cols), 3). shrink: its pixels per pixel of the grid."""
    if shrink > 1.2:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.5 * float(np.sqrt(shrink**2 - 1)))
    x, y = np.meshgrid(cols.astype(np.float32), rows.astype(np.float32))
    return cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
