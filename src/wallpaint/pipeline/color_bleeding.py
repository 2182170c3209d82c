"""The new paint's light on the rest of the room: a red wall reddens the ceiling, a white one brightens the floor.

The light model's formula holds outside the walls too: there nearly all light is "gloss", which no paint changes, and
the rest came by way of the walls. What is used is smooth; the photo keeps every detail. Only on request: by default no
pixel outside the walls is touched.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from wallpaint.errors import InputError
from wallpaint.imaging.masked_filters import fill
from wallpaint.light import model as light_model
from wallpaint.light.albedo_edit import Place, enlarged
from wallpaint.paints.paint import Paint
from wallpaint.scene.scene import Scene
from wallpaint.typing import Array

SMOOTH = 1.2  # deviation, in the network's pixels
MOST_CHANGE = 1.2  # natural log
STRIP_PX = 256
LEAST_SHARE = 1 / 255  # of a pixel that must not be wall


def add_color_bleeding(scene: Scene, paints: Mapping[str, Paint], codes: Array) -> Array:
    """A repainted picture whose rest has followed its walls.

    paints: by wall. codes: (H, W, C), the repainted picture; not changed. Returns new codes, the walls' own as they
    were. Raises InputError where the package has no light model.
    """
    change = _change(scene, paints)
    height, width = scene.photo.size
    wall = np.zeros((height, width), np.float32)
    for each in scene.walls.values():
        each.add_alpha(wall)
    place, result, space = Place((0, 0), 1, scene.photo.size), codes.copy(), scene.photo.space
    rows, cols = place.rows_cols((height, width), change.shape[:2])
    for top in range(0, height, STRIP_PX):
        strip = slice(top, min(top + STRIP_PX, height))
        rest = 1 - np.clip(wall[strip], 0, 1)
        where = rest > LEAST_SHARE
        if scene.photo.alpha is not None:
            where &= scene.photo.alpha[strip] > 0
        if not where.any():
            continue
        photo = space.to_linear(scene.photo.codes[strip])
        added = light_model.relit(photo, enlarged(change, rows[strip], cols)) - photo
        painted = space.to_linear(codes[strip]) + rest[..., None] * added
        view = result[strip]
        view[where] = space.from_linear(np.clip(painted, 0, 1), codes.dtype)[where]
    return result


def _change(scene: Scene, paints: Mapping[str, Paint]) -> Array:
    """The change of light outside the walls, (h, w, 3) natural logs at the network's size; filled in under walls."""
    total, wall = None, None
    for name, each in scene.walls.items():
        seen = each.sight.seen
        if seen is None:
            raise InputError("bleed needs the light model's weights, which this installation was made without")
        e, slope = seen.change(np.asarray(paints[name].albedo_linear))
        own = cv2.resize(each.sight.wall, seen.shade.shape[::-1], interpolation=cv2.INTER_AREA)
        found = e + slope * seen.shade[..., None]
        total, wall = (found, own) if total is None or wall is None else (total + found, wall + own)
    assert total is not None
    assert wall is not None
    rest = (np.clip(1 - wall, 0, 1) ** 4).astype(np.float32)
    blurred = (
        cv2.GaussianBlur(x, (0, 0), SMOOTH, borderType=cv2.BORDER_REFLECT) for x in (total * rest[..., None], rest)
    )
    smooth, known = next(blurred), next(blurred)
    smooth = smooth / np.maximum(known, 1e-4)[..., None]
    return np.clip(fill(smooth.astype(np.float32), np.clip(4 * known, 0, 1)), -MOST_CHANGE, MOST_CHANGE)
