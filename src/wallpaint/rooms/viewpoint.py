"""Camera placement: near the front of the room, at chest or eye height, with upright verticals."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.layout import FurnitureLayout
from wallpaint.rooms.room import Camera, look_at

MAX_CANDIDATES = 10
FOV_RANGE_DEG = (50.0, 95.0)
WIDE_FOV_RANGE_DEG = (90.0, 115.0)  # wide lenses of phones
MIN_CLEARANCE_M = 0.45  # between the camera and the nearest piece of furniture, on the floor plan
MIN_WALL_SHARE, MAX_WALL_SHARE = 0.07, 0.75  # share of the image that is paintable wall
NEAR_DISTANCE_M = 0.7  # pixels nearer than this count as near
MAX_NEAR_SHARE = 0.04
MIN_EXTENDED_WALL_SHARE = 0.03  # rooms with tiled, curtained or fitted walls show less paint
MAX_EXTENDED_NEAR_SHARE = 0.08  # wide lenses and small rooms


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


def sample_extended_cameras(
    rng: np.random.Generator, layout: FurnitureLayout, aspect: float, *, is_wide: bool, in_corner: bool
) -> list[Camera]:
    """Sample at most MAX_CANDIDATES cameras of an extended room.

    aspect: image width / height. is_wide: the wide lens of a phone, WIDE_FOV_RANGE_DEG. in_corner: less than 0.6 m
    from both the front wall and a side wall, directed at the opposite corner.
    """
    plan = layout.plan
    clearance = min(MIN_CLEARANCE_M, 0.16 * plan.width)
    cameras: list[Camera] = []
    low, high = 0.0, plan.width
    for slope in plan.slopes:
        low, high = (0.8 * slope.run, high) if slope.side == "left" else (low, plan.width - 0.8 * slope.run)
    for _ in range(12 * MAX_CANDIDATES):
        x, y = float(rng.uniform(0.06, 0.94)) * plan.width, float(rng.uniform(0.04, 0.4)) * plan.depth + 0.12
        if in_corner:
            inset = float(rng.uniform(0.26, 0.55))
            x, y = (inset if rng.random() < 0.5 else plan.width - inset), float(rng.uniform(0.15, 0.55))
        x = float(np.clip(x, low, max(low, high)))
        if not 0.25 < x < plan.width - 0.25 or not layout.is_clear(x, y, clearance):
            continue
        z = float(np.clip(rng.normal(1.4, 0.2), 0.9, 1.75))
        target_x = float(np.clip(rng.normal(plan.width - x, 0.35 * plan.width), 0, plan.width))
        if in_corner:
            target_x = plan.width * float(rng.uniform(0.75, 1.0) if x < plan.width / 2 else rng.uniform(0.0, 0.25))
        target_y = plan.depth * float(rng.uniform(0.7, 1.0))
        pitch = float(rng.normal(0, 0.05)) if rng.random() < 0.5 else 0.0
        fov = float(rng.uniform(*WIDE_FOV_RANGE_DEG) if is_wide else rng.triangular(FOV_RANGE_DEG[0], 74.0, 90.0))
        if aspect < 1:  # portrait format: the sampled angle is the vertical one
            fov = float(np.degrees(2 * np.arctan(np.tan(np.radians(fov) / 2) * max(aspect, 0.6))))
        distance = float(np.hypot(target_x - x, target_y - y))
        shift = float(rng.uniform(-0.12, 0.12))
        cameras.append(look_at((x, y, z), (target_x, target_y, z + pitch * distance), fov, aspect, shift))
        if len(cameras) == MAX_CANDIDATES:
            break
    return cameras


def choose_extended_camera(
    rng: np.random.Generator,
    cameras: list[Camera],
    statistics: list[tuple[float, float]],
    num_visible: list[int],
) -> Camera | None:
    """Choose a camera of an extended room like `choose_camera`, with a preference for those that show its content.

    num_visible: for each camera, how many kinds of content it shows.
    """
    usable = [
        i
        for i, (wall, near) in enumerate(statistics)
        if MIN_EXTENDED_WALL_SHARE <= wall <= MAX_WALL_SHARE and near <= MAX_EXTENDED_NEAR_SHARE
    ]
    if not usable:
        return None
    weight = np.array([min(statistics[i][0] + 0.05, 0.3) * 4.0 ** num_visible[i] for i in usable])
    return cameras[int(rng.choice(usable, p=weight / weight.sum()))]


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
