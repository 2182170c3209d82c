"""Crop views of a scene for the networks, and resample painted views back to its walls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from wallpaint.diffusion import image_tensors
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.imaging import color
from wallpaint.imaging.masked_filters import fill, weighted_quantile
from wallpaint.painters import analytic
from wallpaint.painters.protocol import PaintedWall
from wallpaint.paints.paint import Paint
from wallpaint.scene import intrinsics
from wallpaint.scene import mask as masks
from wallpaint.scene.mask import Window
from wallpaint.scene.scene import PreparedScene, Wall
from wallpaint.typing import Array

TINT_SHARES = (1.0, 0.5, 0.25, 0.0)  # tried in this order
MAX_SWATCH_DELTA_E = 0.25  # CIEDE2000 of the median to the swatch above which the next tint share is tried
EDGE_MARGIN_PX = 2  # model pixels at the wall's edge, where the decoder mixes wall and furniture


def alpha_of(scene: PreparedScene, names: Sequence[str]) -> Array:
    """Sum the alpha of some walls over the photo: (H, W) float32, 0..1."""
    alpha = np.zeros(scene.photo.size, np.float32)
    for name in names:
        scene.walls[name].add_alpha(alpha)
    return alpha


def crop_window(
    scene: PreparedScene, names: Sequence[str], native_px: int, side_multiple: int, settings: DiffusionSettings
) -> Window:
    """Return the crop round some walls: that of a training sample with the crop `wall`, from the masks as given."""
    boxes = [scene.walls[name].box for name in names]
    return masks.crop_around(boxes, scene.photo.size, settings.context, native_px**2, side_multiple)


def crop_view(
    scene: PreparedScene, names: Sequence[str], native_px: int, side_multiple: int, settings: DiffusionSettings
) -> tuple[Window, Array, Array]:
    """Crop the photo round some walls: window, image (H, W, 3) uint8 sRGB, and inpainting mask (H, W) bool."""
    alpha = alpha_of(scene, names)
    window = crop_window(scene, names, native_px, side_multiple, settings)
    return (
        window,
        image_tensors.crop(scene.photo, window),
        image_tensors.model_mask(alpha, window, settings.mask_dilation_px),
    )


def initial_image(scene: PreparedScene, names: Sequence[str], image: Array, window: Window, paint: Paint) -> Array:
    """Repaint the walls of a view analytically, for `room`: (H, W, 3) uint8 sRGB. image: the view, same format."""
    linear = color.srgb_to_linear(image.astype(np.float32) / 255).astype(np.float32)
    size = (window.out_width, window.out_height)
    for name in names:
        wall = scene.walls[name]
        painted = analytic.paint_wall(wall, paint, "room").rgb
        full = np.ascontiguousarray(alpha_of(scene, [name])[window.slices])
        alpha = cv2.resize(full, size, interpolation=cv2.INTER_AREA)
        resampled = _resample(painted, *window.grid.coordinates_in(wall.grid), window.grid.scale / wall.step)
        linear += alpha[..., None] * (resampled - linear)
    return np.round(255 * color.linear_to_srgb(np.clip(linear, 0, 1))).astype(np.uint8)


def wall_from_view(
    wall: Wall, image: Array, window: Window, paint: Paint, match: str, *, has_texture: bool = False
) -> PaintedWall:
    """Resample a painted view to a wall at its working size.

    image: (H, W, 3) float32 sRGB, the full view. has_texture: whether it shows the texture of the paint's reference.
    Colours near the wall's edges are filled in from its interior.
    """
    linear = color.srgb_to_linear(image).astype(np.float32)
    rgb = _resample(linear, *wall.grid.coordinates_in(window.grid), wall.step / window.grid.scale)
    interior = _interior(wall, window)
    rgb = fill(rgb, interior)
    gamut = wall.canvas.space.gamut
    rgb = color.compress_gamut(rgb, gamut).astype(np.float32)
    median = np.array([weighted_quantile(rgb[..., c], interior, 0.5) for c in range(3)])
    if match == "room":
        return _painted_wall(wall, rgb, median, has_texture)
    target = np.asarray(paint.albedo_linear, np.float64)
    return _painted_wall(wall, to_swatch(wall, rgb, interior, median, target, gamut), target, has_texture)


def _painted_wall(wall: Wall, rgb: Array, target: Array, has_texture: bool) -> PaintedWall:
    painted = analytic.painted_wall(wall, rgb, target)
    return replace(painted, has_texture=has_texture, has_generated_grain=not has_texture)


def to_swatch(wall: Wall, rgb: Array, weight: Array, median: Array, target: Array, gamut: Array) -> Array:
    """Repaint a wall so that its median is the swatch, with its shading and texture: (h, w, 3) linear sRGB.

    rgb: (h, w, 3) linear sRGB, the painted wall. weight: (h, w). median: (3,) of rgb. target: (3,) linear sRGB.
    """
    median = np.maximum(median, 1e-4)
    luma = np.maximum(color.luminance(rgb), 1e-5).astype(np.float32)
    median_luma = float(color.luminance(median))
    log_shading = np.log(luma / median_luma).astype(np.float32)
    illuminant_tint = (
        np.log(np.maximum(rgb, 0.02 * median.astype(np.float32)) / median.astype(np.float32)) - log_shading[..., None]
    )
    illuminant_tint = np.clip(illuminant_tint, -intrinsics.MAX_LOG_TINT, intrinsics.MAX_LOG_TINT).astype(np.float32)
    wall_intrinsics = replace(
        wall.intrinsics,
        weight=weight,
        median=median,
        median_luma=median_luma,
        log_shading=log_shading,
        illuminant_tint=illuminant_tint,
        specular=np.zeros_like(log_shading),
        log_shading_quantiles=weighted_quantile(log_shading, weight, intrinsics.LOG_SHADING_QUANTILES),
        noise=0.0,
    )
    target_lab = color.linear_to_lab(target)
    for share in TINT_SHARES:  # a paint at the gamut boundary leaves no headroom for coloured light
        painted = analytic.render_to_median(
            replace(wall_intrinsics, illuminant_tint=(share * illuminant_tint).astype(np.float32)), target, gamut
        )
        painted_median = np.array([weighted_quantile(painted[..., c], weight, 0.5) for c in range(3)])
        if float(color.delta_e_2000(color.linear_to_lab(painted_median), target_lab)) <= MAX_SWATCH_DELTA_E:
            break
    return painted


def _interior(wall: Wall, window: Window) -> Array:
    """Wall weight (h, w) at working size, without the edge margin where the model mixes wall and furniture."""
    margin = EDGE_MARGIN_PX * window.grid.scale / wall.step  # working pixels
    full = wall.intrinsics.weight > 0.99
    interior = wall.intrinsics.weight * masks.erode(full, margin)
    return interior if float(interior.sum()) >= 16 else wall.intrinsics.weight


def _resample(image: Array, rows: Array, cols: Array, downscale: float) -> Array:
    """Resample an image on a grid: (len(rows), len(cols), 3). downscale: image pixels per grid pixel."""
    if downscale > 1.2:
        image = cv2.GaussianBlur(image, (0, 0), 0.5 * float(np.sqrt(downscale**2 - 1)))
    x, y = np.meshgrid(cols.astype(np.float32), rows.astype(np.float32))
    return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
