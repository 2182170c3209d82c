"""Color bleeding: the light that the new paint reflects onto the rest of the room.

A red wall reddens the ceiling, a white one brightens the floor. The light model's formula also holds outside the walls:
there most light is "gloss", which no paint changes, and the rest arrives by way of the walls. The change is smooth; the
photo keeps every detail. It is applied only on request: by default no pixel outside the walls changes.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from wallpaint.errors import InputError
from wallpaint.imaging.masked_filters import fill
from wallpaint.light import model as light_model
from wallpaint.light.albedo_edit import upsample
from wallpaint.paints.paint import Paint
from wallpaint.scene.grid import PixelGrid
from wallpaint.scene.scene import PreparedScene
from wallpaint.typing import Array

BLUR_SIGMA_PX = 1.2  # in pixels of the network
MAX_LOG_CHANGE = 1.2  # natural log
STRIP_PX = 256
MIN_OUTSIDE_SHARE = 1 / 255  # share of a pixel outside the walls from which it is changed


def add_color_bleeding(scene: PreparedScene, paints: Mapping[str, Paint], codes: Array) -> Array:
    """Return a repainted image whose surroundings follow the new paint.

    paints: by wall. codes: (H, W, C), the repainted image; not changed. Returns new codes, those of the walls
    unchanged. Raises InputError if the scene has no light model.
    """
    change = _log_change(scene, paints)
    height, width = scene.photo.size
    wall_alpha = np.zeros((height, width), np.float32)
    for wall in scene.walls.values():
        wall.add_alpha(wall_alpha)
    result, space = codes.copy(), scene.photo.space
    photo_grid, network_grid = (PixelGrid.over(scene.photo.size, size) for size in (scene.photo.size, change.shape[:2]))
    rows, cols = photo_grid.coordinates_in(network_grid)
    for top in range(0, height, STRIP_PX):
        strip = slice(top, min(top + STRIP_PX, height))
        outside = 1 - np.clip(wall_alpha[strip], 0, 1)
        changed = outside > MIN_OUTSIDE_SHARE
        if scene.photo.alpha is not None:
            changed &= scene.photo.alpha[strip] > 0
        if not changed.any():
            continue
        photo = space.to_linear(scene.photo.codes[strip])
        added = light_model.apply_log_change(photo, upsample(change, rows[strip], cols)) - photo
        painted = space.to_linear(codes[strip]) + outside[..., None] * added
        view = result[strip]
        view[changed] = space.from_linear(np.clip(painted, 0, 1), codes.dtype)[changed]
    return result


def _log_change(scene: PreparedScene, paints: Mapping[str, Paint]) -> Array:
    """Return the log change of light outside the walls, (h, w, 3) at the network's size; filled under walls."""
    total, wall_share = None, None
    for name, wall in scene.walls.items():
        prediction = wall.light_prediction
        if prediction is None:
            raise InputError(
                "`bleed` needs a light model: prepare the scene with one, or install the package's weights"
            )
        e, slope = prediction.log_change(np.asarray(paints[name].albedo_linear))
        share = cv2.resize(wall.light_input.wall, prediction.log_shading.shape[::-1], interpolation=cv2.INTER_AREA)
        change = e + slope * prediction.log_shading[..., None]
        if total is None or wall_share is None:
            total, wall_share = change, share
        else:
            total, wall_share = total + change, wall_share + share
    assert total is not None
    assert wall_share is not None
    outside = (np.clip(1 - wall_share, 0, 1) ** 4).astype(np.float32)
    smooth, known = (
        cv2.GaussianBlur(x, (0, 0), BLUR_SIGMA_PX, borderType=cv2.BORDER_REFLECT)
        for x in (total * outside[..., None], outside)
    )
    smooth = smooth / np.maximum(known, 1e-4)[..., None]
    return np.clip(fill(smooth.astype(np.float32), np.clip(4 * known, 0, 1)), -MAX_LOG_CHANGE, MAX_LOG_CHANGE)
