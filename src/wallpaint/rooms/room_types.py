"""Furnishing rules by room type: which pieces a room gets, and where they are placed.

Rooms differ by chance: every rule has a probability, and a piece that does not fit is left out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wallpaint.rooms.furnishing import VISIBLE_SIDES, Furnisher, depth_from_wall, floor_center
from wallpaint.rooms.mesh import Mesh, box, merge
from wallpaint.rooms.shell import SIDES, Side, patch
from wallpaint.rooms.surfaces import textures


def furnish(room_type: str, furnisher: Furnisher) -> None:
    """Furnish a room. room_type: a key of FURNISHERS. Pieces that do not fit are left out."""
    FURNISHERS[room_type](furnisher)
    add_fixtures(furnisher)


def _furnish_living_room(f: Furnisher) -> None:
    sofa = f.place_against_wall("sofa")
    if sofa is not None:
        side, u, mesh = sofa
        if f.chance(0.75):
            f.hang_above(f.choice("frame", "gallery", "gallery", "mirror", "frame"), side, u, mesh)
        for left in (True, False):
            if f.chance(0.45):
                table = f.place_beside("side_table", side, u, mesh, left)
                if table is not None:
                    f.layout.place_on_top("lamp", f.lamp("table"), table, f.rng, 0.2)
            elif f.chance(0.35):
                f.place_beside("lamp", side, u, mesh, left, f.lamp("floor"))
        _add_seating_group(f, side, u, mesh)
    _maybe_place_against_wall(f, "tv_unit", 0.6)
    for name, probability in (("bookcase", 0.5), ("sideboard", 0.45), ("fireplace", 0.15), ("bookcase", 0.2)):
        _maybe_place_against_wall(f, name, probability)
    add_accessories(f)


def _add_seating_group(f: Furnisher, side: Side, u: float, mesh: Mesh) -> None:
    """Add a rug, a coffee table and armchairs in front of a sofa."""
    front = depth_from_wall(mesh, side)
    x, y, _ = side.point(u, out=front + 0.75)
    if f.chance(0.7):
        f.add_rug(x, y, (float(f.rng.uniform(1.8, 2.8)), float(f.rng.uniform(1.3, 2.0))), side.yaw)
    table = f.layout.place_on_floor("coffee_table", f.make("coffee_table"), x, y, side.yaw)
    if table is not None:
        for _ in range(int(f.rng.integers(0, 3))):
            f.layout.place_on_top("clutter", f.make("on_table"), table, f.rng)
    for left in (-1, 1):
        if f.chance(0.4):
            x, y, _ = side.point(u + left * float(f.rng.uniform(1.5, 1.9)), out=front + float(f.rng.uniform(0.5, 1.2)))
            yaw = side.yaw - left * float(f.rng.uniform(0.7, 1.5))
            f.layout.place_on_floor("armchair", f.make("armchair"), x, y, yaw, 0.05)


def _furnish_bedroom(f: Furnisher) -> None:
    bed = f.place_against_wall(f.choice("bed", "bed", "bed", "bed", "single_bed", "daybed", "bunk"))
    if bed is not None:
        side, u, mesh = bed
        for left in (True, False):
            if f.chance(0.75):
                table = f.place_beside("bedside", side, u, mesh, left)
                if table is not None:
                    if f.chance(0.75):
                        f.layout.place_on_top("lamp", f.lamp("table", 0.6), table, f.rng, 0.2)
                    else:
                        f.layout.place_on_top("clutter", f.make("on_shelf"), table, f.rng, 0.3)
        if f.chance(0.65):
            f.hang_above(f.choice("frame", "gallery", "tapestry"), side, u, mesh)
        if f.chance(0.6):
            x, y, _ = side.point(u, out=1.5)
            f.add_rug(x, y, (float(f.rng.uniform(2.0, 2.8)), float(f.rng.uniform(1.4, 2.0))), side.yaw)
    for name, probability in (
        ("wardrobe", 0.6),
        ("dresser", 0.5),
        ("bookcase", 0.15),
        ("armchair", 0.3),
        ("crib", 0.08),
    ):
        _maybe_place_against_wall(f, name, probability)
    add_accessories(f)


def _furnish_office(f: Furnisher) -> None:
    for _ in range(1 if f.chance(0.7) else 2):
        desk = f.place_against_wall("desk")
        if desk is None:
            continue
        side, u, mesh = desk
        x, y, _ = side.point(
            u + float(f.rng.uniform(-0.2, 0.2)), out=depth_from_wall(mesh, side) + float(f.rng.uniform(0.35, 0.6))
        )
        f.layout.place_on_floor(
            "office_chair", f.make("office_chair"), x, y, side.yaw + np.pi + float(f.rng.uniform(-0.6, 0.6)), -0.3
        )
        top = f.make("on_desk").moved((*floor_center(mesh), float(mesh.bounds[1][2])), side.yaw)
        f.layout.add("on_desk", top)
        if f.chance(0.5):
            f.layout.place_on_top("lamp", f.lamp("table", 0.6), mesh, f.rng, 0.85)
        if f.chance(0.6):
            f.hang_above(f.choice("frame", "gallery", "wall_shelf", "clock"), side, u, mesh)
    for name, probability in (
        ("bookcase", 0.7),
        ("filing_cabinet", 0.4),
        ("cabinet", 0.4),
        ("armchair", 0.25),
        ("bookcase", 0.3),
    ):
        _maybe_place_against_wall(f, name, probability)
    if f.chance(0.4):
        f.add_rug(f.layout.plan.width / 2, f.layout.plan.depth * 0.55, (2.0, 1.5), 0.0)
    add_accessories(f)


def _furnish_dining_room(f: Furnisher) -> None:
    plan = f.layout.plan
    x, y = plan.width * float(f.rng.uniform(0.4, 0.6)), plan.depth * float(f.rng.uniform(0.5, 0.65))
    yaw = 0.0 if f.chance(0.6) else np.pi / 2
    if f.chance(0.4):
        f.add_rug(x, y, (2.6, 1.9), yaw)
    table = f.layout.place_on_floor("dining_table", f.make("dining_table"), x, y, yaw)
    if table is not None:
        add_chairs(f, table, x, y)
        if f.chance(0.6):
            f.layout.place_on_top("set", f.make(f.choice("dining_set", "on_table", "on_table")), table, f.rng, 0.5)
        drop = float(f.rng.uniform(0.0, 0.1))
        hang_from_ceiling(f, f.lamp("pendant", 1.3), x, y, drop)
    for name, probability in (
        ("sideboard", 0.6),
        ("cabinet", 0.35),
        ("bookcase", 0.25),
        ("bench", 0.2),
        ("fireplace", 0.1),
    ):
        _maybe_place_against_wall(f, name, probability)
    add_accessories(f)


def add_chairs(f: Furnisher, table: Mesh, x: float, y: float) -> None:
    """Add chairs round a table whose centre is (x, y)."""
    chair = f.make("chair")
    low, high = table.bounds
    half = (high - low)[:2] / 2
    for axis in (0, 1):
        count = max(1, int(2 * half[1 - axis] / 0.62)) if half[1 - axis] > 0.55 or f.chance(0.6) else 0
        for sign in (-1, 1):
            for i in range(count):
                along = (i - (count - 1) / 2) * 0.62 + float(f.rng.uniform(-0.05, 0.05))
                out = half[axis] + float(f.rng.uniform(0.0, 0.22))
                at = (x + sign * out, y + along) if axis == 0 else (x + along, y + sign * out)
                facing = {(0, 1): -np.pi / 2, (0, -1): np.pi / 2, (1, 1): 0.0, (1, -1): np.pi}[(axis, sign)]
                f.layout.add("chair", chair.moved((*at, 0.0), facing + float(f.rng.uniform(-0.12, 0.12))))


def _furnish_kitchen(f: Furnisher) -> None:
    side_name = f.choice("back", "back", "left", "right")
    side = f.layout.plan.sides[side_name]
    run = f.make("base_run")
    for u in (side.length / 2, side.length - 0.06 - float(run.bounds[1][0]), 0.06 - float(run.bounds[0][0])):
        base = f.layout.place_against_wall("base_run", run, side_name, u, distance=0.0)
        if base is None:
            continue
        _add_splashback(f, side, u, run)
        units = f.make("wall_run")
        low = 1.45 - float(units.bounds[0][2])
        if f.chance(0.4) or f.layout.hang_on_wall("wall_run", units, side_name, u, low) is None:
            f.hang_above(f.choice("open_shelf", "extractor", "wall_shelf"), side, u, base)
        for _ in range(int(f.rng.integers(1, 4))):
            items = f.make("kitchen_things")
            item_u = u + float(f.rng.uniform(-0.8, 0.8)) * float(run.bounds[1][0] - 0.3)
            at = side.point(item_u, out=0.25)
            f.layout.add("kitchen_things", items.moved((at[0], at[1], 0.9), side.yaw))
        f.place_beside("fridge", side, u, base, f.chance(0.5))
        break
    if f.chance(0.3):
        f.layout.place_on_floor("island", f.make("island"), f.layout.plan.width / 2, f.layout.plan.depth * 0.5)
    elif f.chance(0.6):
        x, y = f.layout.plan.width / 2, f.layout.plan.depth * 0.5
        table = f.layout.place_on_floor("dining_table", f.make("dining_table"), x, y)
        if table is not None:
            add_chairs(f, table, x, y)
            hang_from_ceiling(f, f.lamp("pendant", 1.2), x, y, 0.0)
    for name, probability in (("cabinet", 0.3), ("wall_shelf", 0.3)):
        _maybe_place_against_wall(f, name, probability)
    add_accessories(f)


def _add_splashback(f: Furnisher, side: Side, u: float, run: Mesh) -> None:
    """Add tiles between worktop and wall units, mostly (75 %)."""
    if f.chance(0.25):
        return
    tilings = textures.TILINGS[-2:] if f.split == "test" else textures.TILINGS[:-2]
    light = float(f.rng.uniform(0.45, 0.8))
    texture = textures.tiles(f.rng, (light, light * 0.98, light * 0.95), (0.5, 0.49, 0.47), f.choice(*tilings))
    material = textures.tiled_material("splashback", texture, textures.TILES_METRES, roughness=0.2, f0=0.04)
    low, high = float(run.bounds[0][0]), float(run.bounds[1][0])
    top = 1.45 if f.chance(0.7) else 1.05
    tiles = patch(side, (u + low, u + high), (0.9, top), material, out=0.006)
    lip = box((high - low, 0.006, 0.004), f.finishes.trim)
    f.layout.add("splashback", merge([tiles, side.mount(lip.moved((0, -0.003, 0)), u, top)]))


def _furnish_hall(f: Furnisher) -> None:
    for name, probability in (
        ("hallstand", 0.5),
        ("console", 0.6),
        ("shoe_cabinet", 0.5),
        ("bench", 0.4),
        ("wardrobe", 0.25),
    ):
        placed = _maybe_place_against_wall(f, name, probability)
        if placed is not None and name in ("console", "shoe_cabinet"):
            side, u, mesh = placed
            f.hang_above("mirror" if f.chance(0.7) else "frame", side, u, mesh)
            if f.chance(0.5):
                f.layout.place_on_top("lamp", f.lamp("table", 0.7), mesh, f.rng, 0.5)
            f.layout.place_on_top("clutter", f.make("on_shelf"), mesh, f.rng, 0.8)
    if f.chance(0.4):
        f.hang_on_wall("coat_hooks")
    if f.chance(0.5):
        f.add_rug(f.layout.plan.width / 2, f.layout.plan.depth / 2, (0.8, 2.4), 0.0)
    add_accessories(f)


def _furnish_empty_room(f: Furnisher) -> None:
    for name, probability in (("on_floor", 0.4), ("chair", 0.2), ("plant_large", 0.2)):
        if f.chance(probability):
            f.place_freely(name)
    if f.chance(0.3):
        f.hang_on_wall("frame")


FURNISHERS: dict[str, Callable[[Furnisher], None]] = {
    "living room": _furnish_living_room,
    "bedroom": _furnish_bedroom,
    "office": _furnish_office,
    "dining room": _furnish_dining_room,
    "kitchen": _furnish_kitchen,
    "hall": _furnish_hall,
    "empty room": _furnish_empty_room,
}


def _maybe_place_against_wall(f: Furnisher, name: str, probability: float) -> tuple[Side, float, Mesh] | None:
    """With this probability, place a piece against a wall, with objects on and above it if it is a low cabinet."""
    if not f.chance(probability):
        return None
    placed = f.place_against_wall(name)
    if placed is None:
        return None
    side, u, mesh = placed
    top = float(mesh.bounds[1][2])
    if name in ("sideboard", "cabinet", "dresser", "console", "shoe_cabinet") and top < 1.3:
        for _ in range(int(f.rng.integers(0, 3))):
            f.layout.place_on_top("clutter", f.make(f.choice("on_shelf", "plant_small", "on_table")), mesh, f.rng, 0.85)
        if f.chance(0.3):
            f.layout.place_on_top("lamp", f.lamp("table"), mesh, f.rng, 0.8)
        if f.chance(0.5):
            f.hang_above(f.choice("frame", "mirror", "gallery", "clock"), side, u, mesh)
    return placed


def add_accessories(f: Furnisher) -> None:
    """Add plants, floor and wall lamps, pictures, and small objects on the floor."""
    if f.chance(0.6):
        _place_in_corner(f, "plant_large", f.make("plant_large"))
    if f.chance(0.35):
        _place_in_corner(f, "lamp", f.lamp("floor"))
    if f.chance(0.35):
        f.place_freely(f.choice("pouf", "on_floor", "stool"))
    for _ in range(int(f.rng.integers(0, 3))):
        f.hang_on_wall(f.choice("frame", "frame", "gallery", "mirror", "clock", "wall_shelf", "shelf_ledge"))
    if f.chance(0.2):
        mesh = f.lamp("wall", 0.5)
        side = f.layout.plan.sides[f.choice(*VISIBLE_SIDES)]
        f.layout.hang_on_wall("sconce", mesh, side.name, float(f.rng.uniform(0.4, side.length - 0.4)), 1.75)


def _place_in_corner(f: Furnisher, name: str, mesh: Mesh) -> None:
    for _ in range(6):
        side = f.layout.plan.sides[f.choice("back", "left", "right")]
        half = float(mesh.bounds[1][0] - mesh.bounds[0][0]) / 2 + 0.05
        u = half if f.chance(0.5) else side.length - half
        if f.chance(0.3):
            u = float(f.rng.uniform(half, max(side.length - half, half + 0.01)))
        x, y, _ = side.point(u, out=half)
        if f.layout.place_on_floor(name, mesh, x, y, float(f.rng.uniform(-3, 3))) is not None:
            return


def add_fixtures(f: Furnisher) -> None:
    """Add ceiling lights, radiators under windows, sockets and switches."""
    plan, width, depth = f.layout.plan, f.layout.plan.width, f.layout.plan.depth
    style = f.choice("pendant", "ceiling", "spots", "spots", "none", "ceiling", "track")
    needs_light = f.lighting.lamps_on and not set(f.lit_lamps) - {"spot", "wall"}
    if needs_light and f.lighting.condition == "evening" and style == "none":
        style = "ceiling"
    if style in ("pendant", "ceiling", "track") and (needs_light or "pendant" not in f.layout.names):
        hang_from_ceiling(
            f, f.lamp(style, 1.6, always_on=needs_light), width / 2, depth * float(f.rng.uniform(0.45, 0.65)), 0.0
        )
    elif style == "spots":
        columns, rows = max(1, round(width / 1.5)), max(1, round(depth / 1.6))
        spot = f.lamp("spot", 0.35, always_on=needs_light)
        for i in range(columns):
            for j in range(rows):
                hang_from_ceiling(f, spot, width * (i + 0.5) / columns, depth * (j + 0.5) / rows, 0.0)
    for opening in plan.openings:
        if opening.opening_type == "window" and opening.bottom > 0.55 and f.chance(0.55):
            f.layout.occupied_walls[opening.side] = [
                r for r in f.layout.occupied_walls[opening.side] if abs((r[0] + r[1]) / 2 - opening.center) > 0.01
            ]
            radiator = f.make("radiator")
            tall, wide = float(radiator.bounds[1][2]), float(radiator.bounds[1][0] - radiator.bounds[0][0])
            fit = min(1.0, (opening.bottom - 0.12) / tall), min(1.3, 0.9 * opening.width / wide)
            f.layout.place_against_wall(
                "radiator", radiator.moved(scale=(fit[1], 1.0, fit[0])), opening.side, opening.center
            )
            f.layout.occupied_walls[opening.side].append(
                (opening.left - 0.1, opening.left + opening.width + 0.1, 0.0, opening.top + 0.1)
            )
        if opening.opening_type == "door" and f.chance(0.8):
            at = opening.left - 0.2 if f.chance(0.5) else opening.left + opening.width + 0.2
            f.layout.hang_on_wall("switch", f.make("switch"), opening.side, at, 1.1)
    for side in SIDES:
        for _ in range(int(f.rng.integers(0, 3))):
            length = plan.sides[side].length
            f.layout.hang_on_wall("socket", f.make("socket"), side, float(f.rng.uniform(0.2, length - 0.2)), 0.3)


def hang_from_ceiling(f: Furnisher, mesh: Mesh, x: float, y: float, drop: float) -> None:
    """Add a ceiling lamp at (x, y), `drop` metres below the ceiling, unless it would hang from a slope."""
    plan = f.layout.plan
    top = plan.height
    for slope in plan.slopes:
        if (slope.side == "left" and x < slope.run + 0.3) or (
            slope.side == "right" and x > plan.width - slope.run - 0.3
        ):
            return
    f.layout.add("pendant" if float(mesh.bounds[0][2]) < -0.2 else "ceiling lamp", mesh.moved((x, y, top - drop)))
