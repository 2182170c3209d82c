"""Floor plans: dimensions, slopes and openings of a room, by room type."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wallpaint.rooms.content import Content
from wallpaint.rooms.shell import Opening, Plan, Slope

VISIBLE_SIDES = ("back", "back", "left", "right")

ROOM_SIZES_M = {  # ranges of width and depth
    "living room": ((3.6, 6.4), (3.8, 6.2)),
    "bedroom": ((3.0, 4.6), (3.2, 4.8)),
    "office": ((2.6, 4.6), (3.0, 4.8)),
    "dining room": ((3.2, 5.0), (3.8, 5.6)),
    "kitchen": ((2.8, 4.6), (3.2, 5.2)),
    "hall": ((1.8, 2.8), (3.8, 6.0)),
    "empty room": ((2.8, 5.6), (3.2, 5.8)),
    "bathroom": ((1.9, 3.4), (2.4, 4.2)),
    "classroom": ((5.0, 7.6), (6.0, 8.5)),
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


def sample_extended_plan(rng: np.random.Generator, content: Content) -> Plan:
    """Sample the floor plan of an extended room. A tall kitchen gets one wall among back, left, right without opening.

    Openings that the content needs come first, so that windows and other doors take the space that is left.
    """
    (w0, w1), (d0, d1) = ROOM_SIZES_M[content.room_type]
    width, depth = float(rng.uniform(w0, w1)), float(rng.uniform(d0, d1))
    height = float(rng.triangular(*((2.7, 3.0, 3.5) if content.room_type == "classroom" else (2.35, 2.55, 3.2))))
    slopes = _sample_slopes(rng, content, width, height) if content.has("painted_slopes", "unpainted_slopes") else []
    split_height = 0.0
    if content.has("two_tone"):
        split_height = min(float(rng.uniform(0.85, 1.6)), *(slope.knee - 0.05 for slope in slopes), 9.0)
    plan = Plan(
        width,
        depth,
        height,
        (),
        float(rng.uniform(0.14, 0.32)),
        split_height=split_height,
        slope=slopes[0] if slopes else None,
        opposite_slope=slopes[1] if len(slopes) > 1 else None,
    )
    fitted = str(rng.choice(["back", "back", "left", "right"])) if content.has("tall_kitchen") else None
    sides = [side for side in VISIBLE_SIDES if side != fitted] or ["front"]
    openings: list[Opening] = []

    def add(opening_type: str, sides: list[str], shape: tuple[float, float, float]) -> None:
        add_opening(rng, plan, openings, str(rng.choice(sides)), opening_type, shape)

    for opening_type, is_needed in _needed_openings(rng, content):
        for _ in range(4):
            if is_needed and not any(o.opening_type == opening_type for o in openings):
                wide = 0.98 if opening_type == "door" or content.has("open_door") else 1.5
                add(opening_type, sides, (float(rng.uniform(0.72, wide)), 0.0, float(rng.uniform(1.95, 2.15))))
    shape = sample_window_shape(rng, content.room_type, height)
    if content.room_type == "classroom":
        shape = (float(rng.uniform(1.4, 2.2)), shape[1], shape[2])
    for _ in range(
        int(rng.integers(1, 4)) if content.room_type not in ("hall", "bathroom") else int(rng.integers(0, 3))
    ):
        add("window", [*sides, "front"], shape)
    if rng.random() < 0.5:
        add("door", [*sides, "front"], (float(rng.uniform(0.78, 0.95)), 0.0, float(rng.uniform(1.98, 2.15))))
    return replace(plan, openings=tuple(openings))


def _needed_openings(rng: np.random.Generator, content: Content) -> list[tuple[str, bool]]:
    """Return the types of openings that an extended room needs, each with whether it does."""
    is_dark = content.has("dark_passage") or (content.has("open_door") and rng.random() < 0.5)
    return [
        ("dark passage", is_dark),
        ("passage", content.has("open_door") and not is_dark),
        ("door", content.has("contrast_door")),
    ]


def _sample_slopes(rng: np.random.Generator, content: Content, width: float, height: float) -> list[Slope]:
    """Sample one slope, or two with the same knee height that leave a flat ceiling of at least 0.3 m between them."""
    knee = float(rng.uniform(0.7, 1.6))
    run = min(float(rng.uniform(0.7, 1.3)) * (height - knee), (width - 0.3) / 2 if content.both_sides else 0.55 * width)
    side = "left" if rng.random() < 0.5 else "right"
    slopes = [Slope(side, knee, run)]
    if content.both_sides:
        slopes.append(Slope("right" if side == "left" else "left", knee, run))
    return slopes


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
    overlaps_outside = any(
        o.side == side
        and {o.opening_type.removeprefix("dark "), opening_type.removeprefix("dark ")}
        in ({"window", "passage"}, {"window", "niche"})
        for o in openings
    )
    if bottom + height > wall.height - 0.12 or overlaps_outside:
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
