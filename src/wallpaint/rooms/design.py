"""Think up a room: its shape, what it is made of, what stands in it, its light, and where the picture is taken from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from wallpaint.errors import WallpaintError
from wallpaint.rooms import lighting, shell, viewpoint
from wallpaint.rooms import room_types as programmes
from wallpaint.rooms.arrangement import Arrangement
from wallpaint.rooms.furnishing import Decorator
from wallpaint.rooms.furniture import doors, window_dressing
from wallpaint.rooms.lighting import Lighting
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, merge
from wallpaint.rooms.room import Dressing, Room, split_of
from wallpaint.rooms.shell import SIDES, Opening, Plan, Slope
from wallpaint.rooms.surfaces import finishes as finishing
from wallpaint.rooms.surfaces import paints, patterns
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.rooms.tracing import tracer
from wallpaint.typing import Array

TRIES = 6
LEAST_FLUX = 0.02  # of a room's light, in the units of `lighting`: less is a room at night with its lamps off
KINDS = {
    "living room": 0.27,
    "bedroom": 0.2,
    "office": 0.12,
    "dining room": 0.12,
    "kitchen": 0.1,
    "hall": 0.08,
    "empty room": 0.11,
}
SIZES = {  # metres: width, depth
    "living room": ((3.6, 6.4), (3.8, 6.2)),
    "bedroom": ((3.0, 4.6), (3.2, 4.8)),
    "office": ((2.6, 4.6), (3.0, 4.8)),
    "dining room": ((3.2, 5.0), (3.8, 5.6)),
    "kitchen": ((2.8, 4.6), (3.2, 5.2)),
    "hall": ((1.8, 2.8), (3.8, 6.0)),
    "empty room": ((2.8, 5.6), (3.2, 5.8)),
}
SCHEMES = {"all": 0.5, "accent": 0.16, "others": 0.12, "part": 0.12, "some": 0.1}  # which walls are to be repainted
DRESSED = {"patterned": 0.35, "several": 0.3}


class Unusable(WallpaintError):
    """No good picture was found for this seed."""


def design(seed: int, aspect: float = 1.0) -> Room:
    """The room of a seed. aspect: width over height of the picture.

    Raises Unusable where none of a few tries shows enough wall; ConfigError where Mitsuba is missing.
    """
    for attempt in range(TRIES):
        rng = np.random.default_rng([seed, attempt])
        room = _attempt(rng, seed, aspect)
        if room is not None:
            return room
    raise Unusable(f"room {seed}: none of {TRIES} tries shows enough of its walls")


def _attempt(rng: np.random.Generator, seed: int, aspect: float) -> Room | None:
    split = split_of(seed)
    kind = str(rng.choice(list(KINDS), p=np.array(list(KINDS.values()))))
    plan = _plan(rng, kind)
    finishes = finishing.choose(rng, split)
    light = lighting.choose(rng, plan, split)
    walls = Walls(rng, plan, split)
    arrangement = Arrangement(plan)
    decorator = Decorator(rng, finishes, light, split, arrangement)
    programmes.furnish(kind, decorator)
    parts = [
        *_build(rng, plan, walls, finishes, light, split),
        *_openings(rng, plan, finishes, split),
        *arrangement.pieces,
    ]
    mesh = merge(parts)
    eyes = viewpoint.candidates(rng, arrangement, aspect)
    if not eyes or lighting.flux(mesh) < LEAST_FLUX:
        return None
    low, high = plan.outside
    room = Room(
        seed=seed,
        split=split,
        kind=kind,
        mesh=mesh,
        eye=eyes[0],
        old_paint=walls.paint,
        sky=light.sky,
        sun=light.sun,
        low=low,
        high=high,
        dressings=walls.dressings(),
        meta={
            "mood": light.mood,
            "kelvin": light.kelvin if light.lamps_on else None,
            "scheme": walls.scheme,
            "size_m": [round(plan.width, 2), round(plan.depth, 2), round(plan.height, 2)],
            "windows": sum(o.kind == "window" for o in plan.openings),
            "things": sorted(set(arrangement.names)),
        },
    )
    eye = viewpoint.choose(rng, eyes, tracer.survey(room, eyes, viewpoint.NEAREST))
    if eye is None:
        return None
    fov = float(np.degrees(2 * np.arctan(eye.half_width)))
    return replace(room, eye=eye, meta={**room.meta, "fov_deg": round(fov, 1)})


class Walls:
    """Which walls are to be repainted, what they are painted with now, and what they may have been before."""

    def __init__(self, rng: np.random.Generator, plan: Plan, split: str) -> None:
        self.plan, self.split, self._rng = plan, split, rng
        self.scheme = str(rng.choice(list(SCHEMES), p=list(SCHEMES.values())))
        self.paint = _color(paints.sample(rng, split))
        self._other = _color(paints.sample(rng, split, "light" if rng.random() < 0.7 else None))
        accent = str(rng.choice(["back", "back", "left", "right"]))
        pair = {str(s) for s in rng.choice(SIDES, 2, replace=False)} | {"back"}
        part = "lower" if plan.split > 0 and rng.random() < 0.5 else "upper"
        self._chosen = {
            (side, p)
            for side in SIDES
            for p in ("upper", "lower")
            if {
                "all": True,
                "accent": side == accent,
                "others": side != accent,
                "part": p == part,
                "some": side in pair,
            }[self.scheme]
        }
        gloss = rng.random() < 0.6
        self._finish = Material(
            "wall paint",
            self.paint,
            roughness=float(rng.uniform(0.4, 0.7)) if gloss else 0.9,
            f0=0.04 if gloss else 0.0,
            bump=float(rng.uniform(0.0, 0.07)) if rng.random() < 0.8 else 0.0,
        )
        self._table: dict[tuple[str, str], Material] = {}

    def material(self, side: str, part: str) -> Material:
        """The material of one wall, or of its part below or above the split."""
        key = (side, part)
        if key not in self._table:
            number = 2 * SIDES.index(side) + (part == "lower") if key in self._chosen else None
            albedo = self.paint if number is not None else self._other
            self._table[key] = replace(self._finish, name=f"{side} wall, {part}", albedo=albedo, wall=number)
        return self._table[key]

    def dressings(self) -> tuple[Dressing, ...]:
        """Other states of the walls to be repainted; sometimes there is none."""
        numbers = sorted(m.wall for m in self._table.values() if m.wall is not None)
        found = []
        if self._rng.random() < DRESSED["patterned"]:
            pattern = patterns.make(self._rng, self.split)
            found.append(Dressing(pattern.kind, "patterned", dict.fromkeys(numbers, pattern.material)))
        if len(numbers) > 1 and self._rng.random() < DRESSED["several"]:
            found.append(Dressing("several paints", "several", self._several(numbers)))
        return tuple(found)

    def _several(self, numbers: Sequence[int]) -> dict[int, Material]:
        """Two or three old paints, the second on one side or on the lower part of all."""
        colors = [
            self.paint,
            _color(paints.sample(self._rng, self.split)),
            _color(paints.sample(self._rng, self.split)),
        ]
        lower = {n for n in numbers if n % 2}
        split_by_height = 0 < len(lower) < len(numbers) and self._rng.random() < 0.5
        sides = sorted({n // 2 for n in numbers})
        accent = SIDES.index("back") if SIDES.index("back") in sides else sides[0]
        surfaces = {}
        for number in numbers:
            which = int(number in lower) if split_by_height else int(number // 2 == accent)
            if not split_by_height and which == 0 and number // 2 == sides[-1] and self._rng.random() < 0.3:
                which = 2
            plain = next(m for m in self._table.values() if m.wall == number)
            surfaces[number] = replace(plain, albedo=colors[which])
        return surfaces


def _plan(rng: np.random.Generator, kind: str) -> Plan:
    (w0, w1), (d0, d1) = SIZES[kind]
    width, depth, height = rng.uniform(w0, w1), rng.uniform(d0, d1), rng.triangular(2.35, 2.55, 3.3)
    slope = None
    if kind in ("bedroom", "office", "empty room", "living room") and rng.random() < 0.12:
        knee = float(rng.uniform(1.0, 1.6))
        slope = Slope(
            "left" if rng.random() < 0.5 else "right", knee, float(rng.uniform(0.8, 1.2)) * float(height - knee)
        )
    split = float(rng.uniform(0.85, 1.25)) if rng.random() < 0.16 else 0.0
    bare = Plan(float(width), float(depth), float(height), (), float(rng.uniform(0.14, 0.32)), split=split, slope=slope)
    openings: list[Opening] = []
    count = int(rng.choice([1, 2, 3], p=[0.45, 0.4, 0.15])) if kind != "hall" else int(rng.integers(0, 2))
    shape = _window_shape(rng, kind, float(height))
    for _ in range(count):
        _cut(
            rng,
            bare,
            openings,
            str(rng.choice(["back", "left", "right", "front"], p=[0.3, 0.27, 0.27, 0.16])),
            "window",
            shape,
        )
    for _ in range(int(rng.integers(1, 3)) if kind != "hall" else 3):
        shape = (float(rng.uniform(0.78, 0.95)), 0.0, float(rng.uniform(1.98, 2.15)))
        _cut(rng, bare, openings, str(rng.choice(["back", "left", "right", "front"])), "door", shape)
    if rng.random() < 0.14:
        shape = (float(rng.uniform(0.8, 1.5)), 0.0, float(rng.uniform(2.0, 2.2)))
        _cut(rng, bare, openings, str(rng.choice(["back", "left", "right"])), "passage", shape)
    if rng.random() < 0.12:
        shape = (float(rng.uniform(0.4, 1.2)), float(rng.uniform(0.8, 1.4)), float(rng.uniform(0.4, 0.8)))
        _cut(rng, bare, openings, str(rng.choice(["back", "left", "right"])), "niche", shape)
    return replace(bare, openings=tuple(openings))


def _window_shape(rng: np.random.Generator, kind: str, height: float) -> tuple[float, float, float]:
    """Width, sill and height of the room's windows."""
    sill = (
        1.08
        if kind == "kitchen"
        else float(rng.choice([0.04, rng.uniform(0.35, 0.6), rng.uniform(0.8, 1.0)], p=[0.15, 0.2, 0.65]))
    )
    top = min(float(rng.uniform(2.0, 2.35)), height - 0.2)
    return float(rng.uniform(0.8, 2.2)), sill, top - sill


def _cut(
    rng: np.random.Generator,
    plan: Plan,
    openings: list[Opening],
    side: str,
    kind: str,
    shape: tuple[float, float, float],
) -> None:
    """Add an opening where the wall has room for it. shape: width, sill, height."""
    wall = plan.sides[side]
    width, bottom, height = shape
    width = min(width, wall.length - 0.5)
    mixes = any(o.side == side and {o.kind, kind} in ({"window", "passage"}, {"window", "niche"}) for o in openings)
    if bottom + height > wall.height - 0.12 or mixes:
        return
    low, high = 0.22, wall.length - 0.22 - width
    if plan.slope is not None and side in ("back", "front"):
        if (plan.slope.side == "left") == (side == "back"):
            low += plan.slope.run
        else:
            high -= plan.slope.run
    for _ in range(6):
        if high <= low:
            return
        left = float(rng.uniform(low, high))
        apart = all(o.side != side or left > o.left + o.width + 0.25 or left + width < o.left - 0.25 for o in openings)
        if apart:
            openings.append(Opening(side, kind, left, float(width), bottom, height))
            return


def _build(
    rng: np.random.Generator, plan: Plan, walls: Walls, finishes: Finishes, light: Lighting, split: str
) -> list[Mesh]:
    """Walls, floor, ceiling and mouldings."""
    white = float(rng.uniform(0.72, 0.86))
    flat = Material("ceiling", (white, white * 0.99, white * 0.97), roughness=0.9, bump=0.02)
    if rng.random() < 0.07:
        flat = replace(flat, albedo=_color(paints.sample(rng, split, "light")))
    timber = rng.random() < 0.05
    overhead = replace(finishes.wood, name="timber ceiling") if timber else flat
    sloped = walls.material("back", "upper") if rng.random() < 0.4 else flat
    trim = finishes.trim
    parts = [
        *shell.walls(plan, walls.material),
        *shell.ceiling(plan, overhead, sloped if sloped.wall is None else flat),
        shell.floor(plan, finishing.floor(rng, split)),
        *shell.panes(plan, Material("window pane", (0.02, 0.02, 0.02), emission=light.sky_gain, sky=True)),
        *shell.skirting(plan, trim, float(rng.uniform(0.06, 0.16))),
    ]
    own = rng.random() < 0.5  # window reveals in the walls' own paint

    def reveal(opening: Opening) -> Material:
        if opening.kind == "niche" or (opening.kind == "window" and own):
            return walls.material(opening.side, "upper")
        return trim

    parts += shell.reveals(plan, reveal)
    beyond = Material("beyond", _color(paints.sample(rng, split, "light")))
    lamp = Material(
        "lamp beyond", (0.5, 0.5, 0.5), emission=lighting.scaled(light.bulb if light.lamps_on else light.sky_gain, 6.0)
    )
    parts += shell.beyond(plan, beyond, Material("ground beyond", (0.3, 0.24, 0.18)), lamp)
    if rng.random() < 0.45:
        parts += shell.cornice(plan, flat if rng.random() < 0.8 else trim, float(rng.uniform(0.04, 0.12)))
    if plan.split > 0:
        parts += shell.rail(plan, trim if rng.random() < 0.7 else walls.material("back", "upper"), plan.split)
    elif rng.random() < 0.08:
        parts += shell.rail(plan, trim, float(rng.uniform(0.85, 1.05)))
    elif rng.random() < 0.08:
        parts += shell.rail(plan, trim, plan.height - float(rng.uniform(0.35, 0.6)), 0.035)
    if rng.random() < 0.12:
        top = plan.split - 0.12 if plan.split > 0 else float(rng.choice([0.85, plan.height - 0.4]))
        parts += shell.wall_panels(plan, walls.material, 0.28, top, rng)
    if plan.slope is None and rng.random() < 0.08:
        parts += shell.beams(plan, finishes.wood, rng)
    return parts


def _openings(rng: np.random.Generator, plan: Plan, finishes: Finishes, split: str) -> list[Mesh]:
    """Window frames, curtains, blinds and doors."""
    parts = []
    dress = str(rng.choice(["curtains", "blind", "both", "none"], p=[0.35, 0.2, 0.1, 0.35]))
    drop = float(rng.uniform(0.1, 0.55))
    for opening in plan.openings:
        side = plan.sides[opening.side]
        if opening.kind == "window":
            frame = doors.window_frame(rng, finishes, opening.width, opening.height, plan.reveal, split)
            parts.append(side.place(frame, opening.middle, opening.bottom))
            if dress in ("curtains", "both"):
                top = min(opening.top + float(rng.uniform(0.1, 0.25)), side.height - 0.04)
                cloth_mesh = window_dressing.curtains(rng, finishes, opening.width + 0.3, top, split)
                parts.append(side.place(cloth_mesh, opening.middle))
            if dress in ("blind", "both"):
                blind = window_dressing.blind(rng, finishes, opening.width, opening.height, drop, split)
                parts.append(side.place(blind, opening.middle, opening.bottom))
        elif opening.kind == "door":
            door = doors.door(rng, finishes, opening.width, opening.height, split)
            parts.append(side.place(door, opening.middle))
            parts.append(
                shell.patch(side, (opening.left, opening.left + opening.width), (0, opening.height), finishes.trim)
            )
    return parts


def _color(values: Array) -> Color:
    return (float(values[0]), float(values[1]), float(values[2]))
