"""Procedural room generation: a seed determines floor plan, materials, furniture, lighting and camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from wallpaint.errors import WallpaintError
from wallpaint.rooms import ceilings, extended, lighting, plans, room_types, shell, viewpoint
from wallpaint.rooms.content import Content, sample_content, visible_kinds
from wallpaint.rooms.extended_furnishing import ExtendedFurnisher
from wallpaint.rooms.furnishing import Furnisher
from wallpaint.rooms.furniture import doors, window_dressing
from wallpaint.rooms.layout import FurnitureLayout
from wallpaint.rooms.lighting import Lighting
from wallpaint.rooms.materials import Material, to_color
from wallpaint.rooms.mesh import Mesh, merge
from wallpaint.rooms.room import Camera, Room, WallVariant, is_extended, split_of
from wallpaint.rooms.shell import SIDES, Opening, Plan
from wallpaint.rooms.surfaces import coverings, paints, patterns, reliefs
from wallpaint.rooms.surfaces import finishes as finishing
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.rooms.surfaces.reliefs import WallRelief
from wallpaint.rooms.tracing import tracer

MAX_ATTEMPTS = 6
MAX_EXTENDED_ATTEMPTS = 12
MAX_WALL_TRIES = 400  # to sample walls that suit the content of an extended room
MIN_FLUX = 0.02  # emitted flux, in the units of `lighting`; below it is night with the lamps off
ROOM_TYPE_SHARES = {
    "living room": 0.27,
    "bedroom": 0.2,
    "office": 0.12,
    "dining room": 0.12,
    "kitchen": 0.1,
    "hall": 0.08,
    "empty room": 0.11,
}
WALL_SCHEME_SHARES = {
    "all": 0.5,
    "accent": 0.16,
    "others": 0.12,
    "part": 0.12,
    "some": 0.1,
}  # which walls are paintable
WALL_VARIANT_SHARES = {"patterned": 0.35, "several": 0.3}  # probability that a room has such a variant
RELIEF_SHARE = 0.25  # of extended rooms; their only pattern is that of the relief
COVERING_SHARE = 0.6  # of the extended rooms without relief, in place of "patterned" above


class UnusableRoomError(WallpaintError):
    """No attempt for this seed gave a usable view."""


def design(seed: int, aspect: float = 1.0) -> Room:
    """Generate the room of a seed; the same arguments give the same room.

    aspect: image width / height. Raises UnusableRoomError if no attempt shows enough wall, ConfigError if Mitsuba is
    not installed.
    """
    max_attempts = MAX_EXTENDED_ATTEMPTS if is_extended(seed) else MAX_ATTEMPTS
    for attempt in range(max_attempts):
        rng = np.random.default_rng([seed, attempt])
        room = _attempt(rng, seed, aspect)
        if room is not None:
            return room
    raise UnusableRoomError(f"room {seed}: none of {max_attempts} attempts shows enough of its walls")


def _attempt(rng: np.random.Generator, seed: int, aspect: float) -> Room | None:
    split = split_of(seed)
    content = sample_content(seed) if is_extended(seed) else None
    if content is None:
        room_type = str(rng.choice(list(ROOM_TYPE_SHARES), p=np.array(list(ROOM_TYPE_SHARES.values()))))
        plan = plans.sample_plan(rng, room_type)
    else:
        room_type, plan = content.room_type, plans.sample_extended_plan(rng, content)
    finishes = finishing.choose(rng, split)
    light = lighting.sample_lighting(rng, plan, split)
    wall_materials = WallMaterials(rng, plan, split, is_extended(seed))
    for _ in range(MAX_WALL_TRIES if content is not None else 0):
        if content is None or extended.suits_walls(content, plan, wall_materials.scheme, wall_materials.paint):
            break
        wall_materials = WallMaterials(rng, plan, split, is_extended(seed))
    layout = FurnitureLayout(plan)
    covered: set[Opening] = set()
    door_finishes = finishes
    if content is None:
        room_types.furnish(room_type, Furnisher(rng, finishes, light, split, layout))
    else:
        coated = extended.adapt_finishes(rng, content, finishes, wall_materials.paint)
        furnisher = Furnisher(rng, coated, light, split, layout)
        extended_furnisher = ExtendedFurnisher(furnisher, content, wall_materials.paint)
        extended_furnisher.furnish()
        covered = extended_furnisher.covered
        door_finishes = extended.door_finishes(rng, content, finishes, wall_materials.paint)
    meshes = [
        *_build_shell(rng, plan, wall_materials, finishes, light, split, content),
        *_build_openings(rng, plan, door_finishes, split, covered),
        *layout.meshes,
    ]
    if content is not None:
        meshes += [*extended.dark_rooms(rng, plan), *extended.open_doors(rng, content, plan, door_finishes, split)]
    mesh = merge(meshes)
    if content is None:
        cameras = viewpoint.sample_cameras(rng, layout, aspect)
    else:
        cameras = viewpoint.sample_extended_cameras(
            rng, layout, aspect, is_wide=content.has("wide_angle"), in_corner=content.has("camera_in_corner")
        )
    if not cameras or lighting.emitted_flux(mesh) < MIN_FLUX:
        return None
    sun_bounds_min, sun_bounds_max = plan.sun_bounds
    room = Room(
        seed=seed,
        split=split,
        room_type=room_type,
        mesh=mesh,
        camera=cameras[0],
        old_paint=wall_materials.paint,
        sky=light.sky,
        sun=light.sun,
        sun_bounds_min=sun_bounds_min,
        sun_bounds_max=sun_bounds_max,
        wall_variants=wall_materials.sample_variants(),
        metadata={
            "mood": light.condition,
            "kelvin": light.kelvin if light.lamps_on else None,
            "scheme": wall_materials.scheme,
            "size_m": [round(plan.width, 2), round(plan.depth, 2), round(plan.height, 2)],
            "windows": sum(o.opening_type == "window" for o in plan.openings),
            "things": sorted(set(layout.names)),
        },
    )
    statistics = tracer.view_statistics(room, cameras, viewpoint.NEAR_DISTANCE_M)
    if content is not None:
        return _with_extended_camera(rng, room, content, cameras, statistics)
    camera = viewpoint.choose_camera(rng, cameras, statistics)
    return None if camera is None else _with_camera(room, camera)


def _with_camera(room: Room, camera: Camera) -> Room:
    fov = float(np.degrees(2 * np.arctan(camera.half_width)))
    return replace(room, camera=camera, metadata={**room.metadata, "fov_deg": round(fov, 1)})


def _with_extended_camera(
    rng: np.random.Generator,
    room: Room,
    content: Content,
    cameras: list[Camera],
    statistics: list[tuple[float, float]],
) -> Room | None:
    """Choose the camera of an extended room and record the kinds of content that it shows."""
    shares = tracer.material_shares(room, cameras)
    kinds = [visible_kinds(room.mesh.materials, share) for share in shares]
    camera = viewpoint.choose_extended_camera(rng, cameras, statistics, [len(visible) for visible in kinds])
    if camera is None:
        return None
    index = next(i for i, candidate in enumerate(cameras) if candidate is camera)
    of_camera = content.kinds & {"wide_angle", "camera_in_corner"}
    shown = _with_camera(room, camera)
    return replace(shown, metadata={**shown.metadata, "content": sorted(kinds[index] | of_camera)})


class WallMaterials:
    """Materials of the walls: which walls are paintable, their existing paint and relief, and their wall variants."""

    def __init__(self, rng: np.random.Generator, plan: Plan, split: str, extended: bool = False) -> None:
        """extended: sample reliefs and coverings of extended rooms too."""
        self.plan, self.split, self._rng = plan, split, rng
        self.scheme = str(rng.choice(list(WALL_SCHEME_SHARES), p=list(WALL_SCHEME_SHARES.values())))
        self.paint = to_color(paints.sample(rng, split))
        self._other_paint = to_color(paints.sample(rng, split, "light" if rng.random() < 0.7 else None))
        accent = str(rng.choice(["back", "back", "left", "right"]))
        pair = {str(s) for s in rng.choice(SIDES, 2, replace=False)} | {"back"}
        level = "lower" if plan.split_height > 0 and rng.random() < 0.5 else "upper"
        self._painted = {
            (side, p)
            for side in SIDES
            for p in ("upper", "lower")
            if {
                "all": True,
                "accent": side == accent,
                "others": side != accent,
                "part": p == level,
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
        self._materials: dict[tuple[str, str], Material] = {}
        self._extended = extended
        self.relief: WallRelief | None = None
        if extended and rng.random() < RELIEF_SHARE:
            self.relief = reliefs.sample_relief(rng, split)

    def material(self, side: str, level: str) -> Material:
        """Return the material of one wall. level: "lower" or "upper", below or above the split height."""
        key = (side, level)
        if key not in self._materials:
            number = 2 * SIDES.index(side) + (level == "lower") if key in self._painted else None
            albedo = self.paint if number is not None else self._other_paint
            finish = self._finish
            if self.relief is not None and number is not None:
                finish = replace(finish, relief=self.relief.relief, bump=self.relief.material.bump)
            self._materials[key] = replace(finish, name=f"{side} wall, {level}", albedo=albedo, wall=number)
        return self._materials[key]

    def sample_variants(self) -> tuple[WallVariant, ...]:
        """Sample the wall variants of a room; there may be none."""
        numbers = sorted(m.wall for m in self._materials.values() if m.wall is not None)
        variants = []
        if self.relief is not None:
            variants.append(WallVariant(self.relief.name, "relief", dict.fromkeys(numbers, self.relief.material)))
        elif self._extended:
            if self._rng.random() < COVERING_SHARE:
                covering = coverings.sample_covering(self._rng, self.split)
                variants.append(WallVariant(covering.name, "patterned", dict.fromkeys(numbers, covering.material)))
        elif self._rng.random() < WALL_VARIANT_SHARES["patterned"]:
            pattern = patterns.sample_pattern(self._rng, self.split)
            variants.append(WallVariant(pattern.name, "patterned", dict.fromkeys(numbers, pattern.material)))
        if len(numbers) > 1 and self._rng.random() < WALL_VARIANT_SHARES["several"]:
            variants.append(WallVariant("several paints", "several", self._several_paints(numbers)))
        return tuple(variants)

    def _several_paints(self, numbers: Sequence[int]) -> dict[int, Material]:
        """Sample two or three paints, the second one on one side or on the lower level of all walls."""
        colors = [
            self.paint,
            to_color(paints.sample(self._rng, self.split)),
            to_color(paints.sample(self._rng, self.split)),
        ]
        lower = {n for n in numbers if n % 2}
        split_by_height = 0 < len(lower) < len(numbers) and self._rng.random() < 0.5
        sides = sorted({n // 2 for n in numbers})
        accent = SIDES.index("back") if SIDES.index("back") in sides else sides[0]
        surfaces = {}
        for number in numbers:
            paint_index = int(number in lower) if split_by_height else int(number // 2 == accent)
            if not split_by_height and paint_index == 0 and number // 2 == sides[-1] and self._rng.random() < 0.3:
                paint_index = 2
            current = next(m for m in self._materials.values() if m.wall == number)
            surfaces[number] = replace(current, albedo=colors[paint_index])
        return surfaces


def _build_shell(
    rng: np.random.Generator,
    plan: Plan,
    wall_materials: WallMaterials,
    finishes: Finishes,
    light: Lighting,
    split: str,
    content: Content | None = None,
) -> list[Mesh]:
    """Build walls, floor, ceiling and mouldings. content: of an extended room."""
    white = float(rng.uniform(0.72, 0.86))
    white_paint = Material("ceiling", (white, white * 0.99, white * 0.97), roughness=0.9, bump=0.02)
    if rng.random() < 0.07:
        white_paint = replace(white_paint, albedo=to_color(paints.sample(rng, split, "light")))
    is_timber = rng.random() < 0.05
    overhead = replace(finishes.wood, name="timber ceiling") if is_timber else white_paint
    sloped = wall_materials.material("back", "upper") if rng.random() < 0.4 else white_paint
    trim = finishes.trim
    pane = Material("window pane", (0.02, 0.02, 0.02), emission=light.sky_gain, sky=True)
    if content is None:
        overhead_meshes = shell.ceiling(plan, overhead, sloped if sloped.wall is None else white_paint)
    else:
        overhead_meshes = extended.ceiling(rng, content, plan, overhead, wall_materials.material, pane)
    meshes = [
        *shell.wall_meshes(plan, wall_materials.material),
        *overhead_meshes,
        shell.floor(plan, _sample_floor(rng, split, content)),
        *shell.window_panes(plan, pane),
        *shell.skirting(plan, trim, float(rng.uniform(0.06, 0.16))),
    ]
    reveals_painted = rng.random() < 0.5  # window reveals in the paint of their wall

    def reveal(opening: Opening) -> Material:
        if opening.opening_type == "niche" or (opening.opening_type == "window" and reveals_painted):
            return wall_materials.material(opening.side, "upper")
        return trim

    meshes += shell.reveals(plan, reveal)
    wall_material = Material("passage wall", to_color(paints.sample(rng, split, "light")))
    lamp_material = Material(
        "passage lamp",
        (0.5, 0.5, 0.5),
        emission=lighting.scale_color(light.bulb if light.lamps_on else light.sky_gain, 6.0),
    )
    meshes += shell.passage_spaces(plan, wall_material, Material("passage floor", (0.3, 0.24, 0.18)), lamp_material)
    if rng.random() < 0.45:
        meshes += shell.cornice(plan, white_paint if rng.random() < 0.8 else trim, float(rng.uniform(0.04, 0.12)))
    if content is not None and content.has("two_tone"):
        pass  # the border between the two paints is bare
    elif plan.split_height > 0:
        meshes += shell.rail(
            plan, trim if rng.random() < 0.7 else wall_materials.material("back", "upper"), plan.split_height
        )
    elif content is not None and content.room_type == "bathroom":
        pass  # tiles
    elif rng.random() < 0.08:
        meshes += shell.rail(plan, trim, float(rng.uniform(0.85, 1.05)))
    elif rng.random() < 0.08:
        meshes += shell.rail(plan, trim, plan.height - float(rng.uniform(0.35, 0.6)), 0.035)
    if rng.random() < (0.12 if content is None or content.room_type != "bathroom" else 0.0):
        top = plan.split_height - 0.12 if plan.split_height > 0 else float(rng.choice([0.85, plan.height - 0.4]))
        meshes += shell.wall_panels(plan, wall_materials.material, 0.28, top, rng)
    if plan.slope is None and rng.random() < 0.08:
        meshes += ceilings.beams(plan, finishes.wood, rng)
    return meshes


def _sample_floor(rng: np.random.Generator, split: str, content: Content | None) -> Material:
    if content is not None and content.room_type == "bathroom":
        return finishing.floor(rng, split, str(rng.choice(["tiles", "tiles", "stone", "planks"])))
    return finishing.floor(rng, split)


def _build_openings(
    rng: np.random.Generator, plan: Plan, finishes: Finishes, split: str, covered: set[Opening]
) -> list[Mesh]:
    """Build window frames, curtains, blinds and doors. covered: windows that have no curtains or blind of their own."""
    meshes = []
    covering = str(rng.choice(["curtains", "blind", "both", "none"], p=[0.35, 0.2, 0.1, 0.35]))
    blind_drop = float(rng.uniform(0.1, 0.55))
    for opening in plan.openings:
        side = plan.sides[opening.side]
        if opening.opening_type == "window":
            frame = doors.window_frame(rng, finishes, opening.width, opening.height, plan.reveal_depth, split)
            meshes.append(side.mount(frame, opening.center, opening.bottom))
            if opening in covered:
                continue
            if covering in ("curtains", "both"):
                top = min(opening.top + float(rng.uniform(0.1, 0.25)), side.height - 0.04)
                cloth_mesh = window_dressing.curtains(rng, finishes, opening.width + 0.3, top, split)
                meshes.append(side.mount(cloth_mesh, opening.center))
            if covering in ("blind", "both"):
                blind = window_dressing.blind(rng, finishes, opening.width, opening.height, blind_drop, split)
                meshes.append(side.mount(blind, opening.center, opening.bottom))
        elif opening.opening_type == "door":
            door = doors.door(rng, finishes, opening.width, opening.height, split)
            meshes.append(side.mount(door, opening.center))
            meshes.append(
                shell.patch(side, (opening.left, opening.left + opening.width), (0, opening.height), finishes.trim)
            )
    return meshes
