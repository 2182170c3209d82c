"""Camera placement: near the front of the room, at chest or eye height, with upright verticals."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.layout import FurnitureLayout
from wallpaint.rooms.room import Camera, look_at

MAX_CANDIDATES = 10
FOV_RANGE_DEG = (50.0, 95.0)
MIN_CLEARANCE_M = 0.45  # between the camera and the nearest piece of furniture, on the floor plan
MIN_WALL_SHARE, MAX_WALL_SHARE = 0.07, 0.75  # share of the image that is paintable wall
NEAR_DISTANCE_M = 0.7  # pixels nearer than this count as near
MAX_NEAR_SHARE = 0.04


def sample_cameras(rng: np.random.Generator, layout: FurnitureLayout, aspect: float) -> list[Camera]:
    """Sample at most MAX_CANDIDATES cameras at free positions. aspect: image width / height."""
    plan = layout.plan
    cameras: list[Camera] = []
    for _ in range(8 * MAX_CANDIDATES):
        x = float(rng.uniform(0.08, 0.92)) * plan.width
        y = float(rng.uniform(0.04, 0.4)) * plan.depth + 0.12
        for slope in plan.slopes:
            low = slope.run * 0.8
            x = float(np.clip(x, low, plan.width) if slope.side == "left" else np.clip(x, 0, plan.width - low))
        if not 0.25 < x < plan.width - 0.25 or not layout.is_clear(x, y, MIN_CLEARANCE_M):
            continue
        z = float(np.clip(rng.normal(1.4, 0.2), 0.9, 1.75))
        target_x = float(np.clip(rng.normal(plan.width - x, 0.35 * plan.width), 0, plan.width))
        target_y = plan.depth * float(rng.uniform(0.85, 1.0))
        pitch = float(rng.normal(0, 0.04)) if rng.random() < 0.4 else 0.0
        distance = float(np.hypot(target_x - x, target_y - y))
        fov = float(rng.triangular(FOV_RANGE_DEG[0], 72.0, FOV_RANGE_DEG[1]))
        if aspect < 1:  # portrait format: the sampled angle is the vertical one
            fov = float(np.degrees(2 * np.arctan(np.tan(np.radians(fov) / 2) * max(aspect, 0.6))))
        shift = float(rng.uniform(-0.12, 0.12))
        cameras.append(look_at((x, y, z), (target_x, target_y, z + pitch * distance), fov, aspect, shift))
        if len(cameras) == MAX_CANDIDATES:
            break
    return cameras


def choose_camera(
    rng: np.random.Generator, cameras: list[Camera], statistics: list[tuple[float, float]]
) -> Camera | None:
    """Choose a camera that shows enough wall and no object close to the lens, or None if there is none.

    statistics: for each camera, the share of paintable wall in its image and the share of pixels nearer than
    NEAR_DISTANCE_M.
    """
    usable = [
        i
        for i, (wall, near) in enumerate(statistics)
        if MIN_WALL_SHARE <= wall <= MAX_WALL_SHARE and near <= MAX_NEAR_SHARE
    ]
    if not usable:
        return None
    weight = np.array([min(statistics[i][0], 0.35) for i in usable])  # prefer more wall, up to a third of the image
    return cameras[int(rng.choice(usable, p=weight / weight.sum()))]
