"""Floor plans: dimensions, slopes and openings of a room, by room type."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wallpaint.rooms.shell import Opening, Plan, Slope

ROOM_SIZES_M = {  # ranges of width and depth
    "living room": ((3.6, 6.4), (3.8, 6.2)),
    "bedroom": ((3.0, 4.6), (3.2, 4.8)),
    "office": ((2.6, 4.6), (3.0, 4.8)),
    "dining room": ((3.2, 5.0), (3.8, 5.6)),
    "kitchen": ((2.8, 4.6), (3.2, 5.2)),
    "hall": ((1.8, 2.8), (3.8, 6.0)),
    "empty room": ((2.8, 5.6), (3.2, 5.8)),
}


def sample_plan(rng: np.random.Generator, room_type: str) -> Plan:
    """Sample the floor plan of a room type, a key of ROOM_SIZES_M, with its openings."""
    (w0, w1), (d0, d1) = ROOM_SIZES_M[room_type]
    width, depth, height = rng.uniform(w0, w1), rng.uniform(d0, d1), rng.triangular(2.35, 2.55, 3.3)
    slope = None
    if room_type in ("bedroom", "office", "empty room", "living room") and rng.random() < 0.12:
        knee = float(rng.uniform(1.0, 1.6))
        slope = Slope(
            "left" if rng.random() < 0.5 else "right", knee, float(rng.uniform(0.8, 1.2)) * float(height - knee)
        )
    split_height = float(rng.uniform(0.85, 1.25)) if rng.random() < 0.16 else 0.0
    plan = Plan(
        float(width),
        float(depth),
        float(height),
        (),
        float(rng.uniform(0.14, 0.32)),
        split_height=split_height,
        slope=slope,
    )
    openings: list[Opening] = []
    count = int(rng.choice([1, 2, 3], p=[0.45, 0.4, 0.15])) if room_type != "hall" else int(rng.integers(0, 2))
    shape = sample_window_shape(rng, room_type, float(height))
    for _ in range(count):
        add_opening(
            rng,
            plan,
            openings,
            str(rng.choice(["back", "left", "right", "front"], p=[0.3, 0.27, 0.27, 0.16])),
            "window",
            shape,
        )
    for _ in range(int(rng.integers(1, 3)) if room_type != "hall" else 3):
        shape = (float(rng.uniform(0.78, 0.95)), 0.0, float(rng.uniform(1.98, 2.15)))
        add_opening(rng, plan, openings, str(rng.choice(["back", "left", "right", "front"])), "door", shape)
    if rng.random() < 0.14:
        shape = (float(rng.uniform(0.8, 1.5)), 0.0, float(rng.uniform(2.0, 2.2)))
        add_opening(rng, plan, openings, str(rng.choice(["back", "left", "right"])), "passage", shape)
    if rng.random() < 0.12:
        shape = (float(rng.uniform(0.4, 1.2)), float(rng.uniform(0.8, 1.4)), float(rng.uniform(0.4, 0.8)))
        add_opening(rng, plan, openings, str(rng.choice(["back", "left", "right"])), "niche", shape)
    return replace(plan, openings=tuple(openings))


def sample_window_shape(rng: np.random.Generator, room_type: str, height: float) -> tuple[float, float, float]:
    """Sample width, sill height and height of the windows of a room."""
    sill = (
        1.08
        if room_type == "kitchen"
        else float(rng.choice([0.04, rng.uniform(0.35, 0.6), rng.uniform(0.8, 1.0)], p=[0.15, 0.2, 0.65]))
    )
    top = min(float(rng.uniform(2.0, 2.35)), height - 0.2)
    return float(rng.uniform(0.8, 2.2)), sill, top - sill


def add_opening(
    rng: np.random.Generator,
    plan: Plan,
    openings: list[Opening],
    side: str,
    opening_type: str,
    shape: tuple[float, float, float],
) -> None:
    """Add an opening at a random free position, if there is one. shape: width, sill height, height."""
    wall = plan.sides[side]
    width, bottom, height = shape
    width = min(width, wall.length - 0.5)
    blocks_niche = any(
        o.side == side and {o.opening_type, opening_type} in ({"window", "passage"}, {"window", "niche"})
        for o in openings
    )
    if bottom + height > wall.height - 0.12 or blocks_niche:
        return
    runs = plan.slope_runs(side)
    low, high = 0.22 + runs[0], wall.length - 0.22 - width - runs[1]
    for _ in range(6):
        if high <= low:
            return
        left = float(rng.uniform(low, high))
        is_free = all(
            o.side != side or left > o.left + o.width + 0.25 or left + width < o.left - 0.25 for o in openings
        )
        if is_free:
            openings.append(Opening(side, opening_type, left, float(width), bottom, height))
            return
