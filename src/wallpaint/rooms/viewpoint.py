"""Where to stand for a picture of a room, as people do: near the front, at chest or eye height, verticals upright."""

from __future__ import annotations

import numpy as np

from wallpaint.rooms.arrangement import Arrangement
from wallpaint.rooms.room import Eye, look_at

CANDIDATES = 10
FOV_DEG = (50.0, 95.0)
FROM_THINGS = 0.45  # metres between the lens and the nearest piece of furniture
LEAST_WALL, MOST_WALL = 0.07, 0.75  # share of the picture that is wall to be repainted
NEAREST = 0.7  # metres: what most of the picture has to be away
NEAR_SHARE = 0.04


def candidates(rng: np.random.Generator, room: Arrangement, aspect: float) -> list[Eye]:
    """Some places to stand. aspect: width over height of the picture."""
    plan = room.plan
    eyes: list[Eye] = []
    for _ in range(8 * CANDIDATES):
        x = float(rng.uniform(0.08, 0.92)) * plan.width
        y = float(rng.uniform(0.04, 0.4)) * plan.depth + 0.12
        if plan.slope is not None:
            low = plan.slope.run * 0.8
            x = float(np.clip(x, low, plan.width) if plan.slope.side == "left" else np.clip(x, 0, plan.width - low))
        if not 0.25 < x < plan.width - 0.25 or not room.clear_of(x, y, FROM_THINGS):
            continue
        z = float(np.clip(rng.normal(1.4, 0.2), 0.9, 1.75))
        target_x = float(np.clip(rng.normal(plan.width - x, 0.35 * plan.width), 0, plan.width))
        target_y = plan.depth * float(rng.uniform(0.85, 1.0))
        tilt = float(rng.normal(0, 0.04)) if rng.random() < 0.4 else 0.0
        reach = float(np.hypot(target_x - x, target_y - y))
        fov = float(rng.triangular(FOV_DEG[0], 72.0, FOV_DEG[1]))
        if aspect < 1:  # an upright picture: the wide angle is the vertical one
            fov = float(np.degrees(2 * np.arctan(np.tan(np.radians(fov) / 2) * max(aspect, 0.6))))
        shift = float(rng.uniform(-0.12, 0.12))
        eyes.append(look_at((x, y, z), (target_x, target_y, z + tilt * reach), fov, aspect, shift))
        if len(eyes) == CANDIDATES:
            break
    return eyes


def choose(rng: np.random.Generator, eyes: list[Eye], views: list[tuple[float, float]]) -> Eye | None:
    """One of the eyes whose picture shows enough wall and nothing right before the lens, or None.

    views: for each eye the share of wall, and the share of the picture nearer than NEAREST.
    """
    good = [i for i, (wall, near) in enumerate(views) if LEAST_WALL <= wall <= MOST_WALL and near <= NEAR_SHARE]
    if not good:
        return None
    weight = np.array([min(views[i][0], 0.35) for i in good])  # more wall is better, up to a third of the picture
    return eyes[int(rng.choice(good, p=weight / weight.sum()))]
