"""What stands in which kind of room, and where people put it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wallpaint.rooms.furnishing import SEEN, Decorator, middle, reach
from wallpaint.rooms.mesh import Mesh, box, merge
from wallpaint.rooms.shell import SIDES, Side, patch
from wallpaint.rooms.surfaces import textures


def furnish(kind: str, decorator: Decorator) -> None:
    """Fill a room of this kind; what finds no place is left out."""
    PROGRAMMES[kind](decorator)
    _fixtures(decorator)


def _living(d: Decorator) -> None:
    sofa = d.against("sofa")
    if sofa is not None:
        side, u, mesh = sofa
        if d.chance(0.75):
            d.hang_above(d.one_of("frame", "gallery", "gallery", "mirror", "frame"), side, u, mesh)
        for left in (True, False):
            if d.chance(0.45):
                table = d.beside("side_table", side, u, mesh, left)
                if table is not None:
                    d.room.put_on("lamp", d.lamp("table"), table, d.rng, 0.2)
            elif d.chance(0.35):
                d.beside("lamp", side, u, mesh, left, d.lamp("floor"))
        _group_before(d, side, u, mesh)
    _shelf(d, "tv_unit", 0.6)
    for kind, share in (("bookcase", 0.5), ("sideboard", 0.45), ("fireplace", 0.15), ("bookcase", 0.2)):
        _shelf(d, kind, share)
    _corner_things(d)


def _group_before(d: Decorator, side: Side, u: float, mesh: Mesh) -> None:
    """Rug, coffee table and chairs before a sofa."""
    front = reach(mesh, side)
    x, y, _ = side.point(u, out=front + 0.75)
    if d.chance(0.7):
        d.rug(x, y, (float(d.rng.uniform(1.8, 2.8)), float(d.rng.uniform(1.3, 2.0))), side.turn)
    table = d.room.stand("coffee_table", d.make("coffee_table"), x, y, side.turn)
    if table is not None:
        for _ in range(int(d.rng.integers(0, 3))):
            d.room.put_on("clutter", d.make("on_table"), table, d.rng)
    for left in (-1, 1):
        if d.chance(0.4):
            x, y, _ = side.point(u + left * float(d.rng.uniform(1.5, 1.9)), out=front + float(d.rng.uniform(0.5, 1.2)))
            turn = side.turn - left * float(d.rng.uniform(0.7, 1.5))
            d.room.stand("armchair", d.make("armchair"), x, y, turn, 0.05)


def _bedroom(d: Decorator) -> None:
    bed = d.against(d.one_of("bed", "bed", "bed", "bed", "single_bed", "daybed", "bunk"))
    if bed is not None:
        side, u, mesh = bed
        for left in (True, False):
            if d.chance(0.75):
                table = d.beside("bedside", side, u, mesh, left)
                if table is not None:
                    if d.chance(0.75):
                        d.room.put_on("lamp", d.lamp("table", 0.6), table, d.rng, 0.2)
                    else:
                        d.room.put_on("clutter", d.make("on_shelf"), table, d.rng, 0.3)
        if d.chance(0.65):
            d.hang_above(d.one_of("frame", "gallery", "tapestry"), side, u, mesh)
        if d.chance(0.6):
            x, y, _ = side.point(u, out=1.5)
            d.rug(x, y, (float(d.rng.uniform(2.0, 2.8)), float(d.rng.uniform(1.4, 2.0))), side.turn)
    for kind, share in (("wardrobe", 0.6), ("dresser", 0.5), ("bookcase", 0.15), ("armchair", 0.3), ("crib", 0.08)):
        _shelf(d, kind, share)
    _corner_things(d)


def _office(d: Decorator) -> None:
    for _ in range(1 if d.chance(0.7) else 2):
        desk = d.against("desk")
        if desk is None:
            continue
        side, u, mesh = desk
        x, y, _ = side.point(
            u + float(d.rng.uniform(-0.2, 0.2)), out=reach(mesh, side) + float(d.rng.uniform(0.35, 0.6))
        )
        d.room.stand(
            "office_chair", d.make("office_chair"), x, y, side.turn + np.pi + float(d.rng.uniform(-0.6, 0.6)), -0.3
        )
        top = d.make("on_desk").moved((*middle(mesh), float(mesh.bounds[1][2])), side.turn)
        d.room.add("on_desk", top)
        if d.chance(0.5):
            d.room.put_on("lamp", d.lamp("table", 0.6), mesh, d.rng, 0.85)
        if d.chance(0.6):
            d.hang_above(d.one_of("frame", "gallery", "wall_shelf", "clock"), side, u, mesh)
    for kind, share in (
        ("bookcase", 0.7),
        ("filing_cabinet", 0.4),
        ("cabinet", 0.4),
        ("armchair", 0.25),
        ("bookcase", 0.3),
    ):
        _shelf(d, kind, share)
    if d.chance(0.4):
        d.rug(d.room.plan.width / 2, d.room.plan.depth * 0.55, (2.0, 1.5), 0.0)
    _corner_things(d)


def _dining(d: Decorator) -> None:
    plan = d.room.plan
    x, y = plan.width * float(d.rng.uniform(0.4, 0.6)), plan.depth * float(d.rng.uniform(0.5, 0.65))
    turn = 0.0 if d.chance(0.6) else np.pi / 2
    if d.chance(0.4):
        d.rug(x, y, (2.6, 1.9), turn)
    table = d.room.stand("dining_table", d.make("dining_table"), x, y, turn)
    if table is not None:
        _chairs(d, table, x, y)
        if d.chance(0.6):
            d.room.put_on("set", d.make(d.one_of("dining_set", "on_table", "on_table")), table, d.rng, 0.5)
        drop = float(d.rng.uniform(0.0, 0.1))
        _hang_from_ceiling(d, d.lamp("pendant", 1.3), x, y, drop)
    for kind, share in (("sideboard", 0.6), ("cabinet", 0.35), ("bookcase", 0.25), ("bench", 0.2), ("fireplace", 0.1)):
        _shelf(d, kind, share)
    _corner_things(d)


def _chairs(d: Decorator, table: Mesh, x: float, y: float) -> None:
    chair = d.make("chair")
    low, high = table.bounds
    half = (high - low)[:2] / 2
    for axis in (0, 1):
        count = max(1, int(2 * half[1 - axis] / 0.62)) if half[1 - axis] > 0.55 or d.chance(0.6) else 0
        for sign in (-1, 1):
            for i in range(count):
                along = (i - (count - 1) / 2) * 0.62 + float(d.rng.uniform(-0.05, 0.05))
                out = half[axis] + float(d.rng.uniform(0.0, 0.22))
                at = (x + sign * out, y + along) if axis == 0 else (x + along, y + sign * out)
                facing = {(0, 1): -np.pi / 2, (0, -1): np.pi / 2, (1, 1): 0.0, (1, -1): np.pi}[(axis, sign)]
                d.room.add("chair", chair.moved((*at, 0.0), facing + float(d.rng.uniform(-0.12, 0.12))))


def _kitchen(d: Decorator) -> None:
    side_name = d.one_of("back", "back", "left", "right")
    side = d.room.plan.sides[side_name]
    run = d.make("base_run")
    for u in (side.length / 2, side.length - 0.06 - float(run.bounds[1][0]), 0.06 - float(run.bounds[0][0])):
        base = d.room.against("base_run", run, side_name, u, out=0.0)
        if base is None:
            continue
        _splashback(d, side, u, run)
        units = d.make("wall_run")
        low = 1.45 - float(units.bounds[0][2])
        if d.chance(0.4) or d.room.hang("wall_run", units, side_name, u, low) is None:
            d.hang_above(d.one_of("open_shelf", "extractor", "wall_shelf"), side, u, base)
        for _ in range(int(d.rng.integers(1, 4))):
            things = d.make("kitchen_things")
            place = u + float(d.rng.uniform(-0.8, 0.8)) * float(run.bounds[1][0] - 0.3)
            at = side.point(place, out=0.25)
            d.room.add("kitchen_things", things.moved((at[0], at[1], 0.9), side.turn))
        d.beside("fridge", side, u, base, d.chance(0.5))
        break
    if d.chance(0.3):
        d.room.stand("island", d.make("island"), d.room.plan.width / 2, d.room.plan.depth * 0.5)
    elif d.chance(0.6):
        x, y = d.room.plan.width / 2, d.room.plan.depth * 0.5
        table = d.room.stand("dining_table", d.make("dining_table"), x, y)
        if table is not None:
            _chairs(d, table, x, y)
            _hang_from_ceiling(d, d.lamp("pendant", 1.2), x, y, 0.0)
    for kind, share in (("cabinet", 0.3), ("wall_shelf", 0.3)):
        _shelf(d, kind, share)
    _corner_things(d)


def _splashback(d: Decorator, side: Side, u: float, run: Mesh) -> None:
    """Tiles, or a plain plate, between worktop and wall units."""
    if d.chance(0.25):
        return
    tilings = textures.TILINGS[-2:] if d.split == "test" else textures.TILINGS[:-2]
    light = float(d.rng.uniform(0.45, 0.8))
    texture = textures.tiles(d.rng, (light, light * 0.98, light * 0.95), (0.5, 0.49, 0.47), d.one_of(*tilings))
    material = textures.material("splashback", texture, textures.TILES_METRES, roughness=0.2, f0=0.04)
    low, high = float(run.bounds[0][0]), float(run.bounds[1][0])
    room = 1.45 if d.chance(0.7) else 1.05
    tiles = patch(side, (u + low, u + high), (0.9, room), material, out=0.006)
    lip = box((high - low, 0.006, 0.004), d.own.trim)
    d.room.add("splashback", merge([tiles, side.place(lip.moved((0, -0.003, 0)), u, room)]))


def _hall(d: Decorator) -> None:
    for kind, share in (
        ("hallstand", 0.5),
        ("console", 0.6),
        ("shoe_cabinet", 0.5),
        ("bench", 0.4),
        ("wardrobe", 0.25),
    ):
        placed = _shelf(d, kind, share)
        if placed is not None and kind in ("console", "shoe_cabinet"):
            side, u, mesh = placed
            d.hang_above("mirror" if d.chance(0.7) else "frame", side, u, mesh)
            if d.chance(0.5):
                d.room.put_on("lamp", d.lamp("table", 0.7), mesh, d.rng, 0.5)
            d.room.put_on("clutter", d.make("on_shelf"), mesh, d.rng, 0.8)
    if d.chance(0.4):
        d.hang("coat_hooks")
    if d.chance(0.5):
        d.rug(d.room.plan.width / 2, d.room.plan.depth / 2, (0.8, 2.4), 0.0)
    _corner_things(d)


def _empty(d: Decorator) -> None:
    for kind, share in (("on_floor", 0.4), ("chair", 0.2), ("plant_large", 0.2)):
        if d.chance(share):
            d.stand_free(kind)
    if d.chance(0.3):
        d.hang("frame")


PROGRAMMES: dict[str, Callable[[Decorator], None]] = {
    "living room": _living,
    "bedroom": _bedroom,
    "office": _office,
    "dining room": _dining,
    "kitchen": _kitchen,
    "hall": _hall,
    "empty room": _empty,
}


def _shelf(d: Decorator, kind: str, share: float) -> tuple[Side, float, Mesh] | None:
    """Perhaps a piece against a wall, with something on it or over it where it is low."""
    if not d.chance(share):
        return None
    placed = d.against(kind)
    if placed is None:
        return None
    side, u, mesh = placed
    top = float(mesh.bounds[1][2])
    if kind in ("sideboard", "cabinet", "dresser", "console", "shoe_cabinet") and top < 1.3:
        for _ in range(int(d.rng.integers(0, 3))):
            d.room.put_on("clutter", d.make(d.one_of("on_shelf", "plant_small", "on_table")), mesh, d.rng, 0.85)
        if d.chance(0.3):
            d.room.put_on("lamp", d.lamp("table"), mesh, d.rng, 0.8)
        if d.chance(0.5):
            d.hang_above(d.one_of("frame", "mirror", "gallery", "clock"), side, u, mesh)
    return placed


def _corner_things(d: Decorator) -> None:
    """What every lived-in room has: plants, lamps, pictures, and things on the floor."""
    if d.chance(0.6):
        _in_corner(d, "plant_large", d.make("plant_large"))
    if d.chance(0.35):
        _in_corner(d, "lamp", d.lamp("floor"))
    if d.chance(0.35):
        d.stand_free(d.one_of("pouf", "on_floor", "stool"))
    for _ in range(int(d.rng.integers(0, 3))):
        d.hang(d.one_of("frame", "frame", "gallery", "mirror", "clock", "wall_shelf", "shelf_ledge"))
    if d.chance(0.2):
        mesh = d.lamp("wall", 0.5)
        side = d.room.plan.sides[d.one_of(*SEEN)]
        d.room.hang("sconce", mesh, side.name, float(d.rng.uniform(0.4, side.length - 0.4)), 1.75)


def _in_corner(d: Decorator, name: str, mesh: Mesh) -> None:
    for _ in range(6):
        side = d.room.plan.sides[d.one_of("back", "left", "right")]
        half = float(mesh.bounds[1][0] - mesh.bounds[0][0]) / 2 + 0.05
        u = half if d.chance(0.5) else side.length - half
        if d.chance(0.3):
            u = float(d.rng.uniform(half, max(side.length - half, half + 0.01)))
        x, y, _ = side.point(u, out=half)
        if d.room.stand(name, mesh, x, y, float(d.rng.uniform(-3, 3))) is not None:
            return


def _fixtures(d: Decorator) -> None:
    """Ceiling lights, radiators under windows, sockets and switches."""
    plan, width, depth = d.room.plan, d.room.plan.width, d.room.plan.depth
    style = d.one_of("pendant", "ceiling", "spots", "spots", "none", "ceiling", "track")
    dark = d.lighting.lamps_on and not set(d.lit) - {"spot", "wall"}
    if dark and d.lighting.mood == "evening" and style == "none":
        style = "ceiling"
    if style in ("pendant", "ceiling", "track") and (dark or "pendant" not in d.room.names):
        _hang_from_ceiling(d, d.lamp(style, 1.6, sure=dark), width / 2, depth * float(d.rng.uniform(0.45, 0.65)), 0.0)
    elif style == "spots":
        columns, rows = max(1, round(width / 1.5)), max(1, round(depth / 1.6))
        spot = d.lamp("spot", 0.35, sure=dark)
        for i in range(columns):
            for j in range(rows):
                _hang_from_ceiling(d, spot, width * (i + 0.5) / columns, depth * (j + 0.5) / rows, 0.0)
    for opening in plan.openings:
        if opening.kind == "window" and opening.bottom > 0.55 and d.chance(0.55):
            d.room.walls[opening.side] = [
                r for r in d.room.walls[opening.side] if abs((r[0] + r[1]) / 2 - opening.middle) > 0.01
            ]
            radiator = d.make("radiator")
            tall, wide = float(radiator.bounds[1][2]), float(radiator.bounds[1][0] - radiator.bounds[0][0])
            fit = min(1.0, (opening.bottom - 0.12) / tall), min(1.3, 0.9 * opening.width / wide)
            d.room.against("radiator", radiator.moved(scale=(fit[1], 1.0, fit[0])), opening.side, opening.middle)
            d.room.walls[opening.side].append(
                (opening.left - 0.1, opening.left + opening.width + 0.1, 0.0, opening.top + 0.1)
            )
        if opening.kind == "door" and d.chance(0.8):
            at = opening.left - 0.2 if d.chance(0.5) else opening.left + opening.width + 0.2
            d.room.hang("switch", d.make("switch"), opening.side, at, 1.1)
    for side in SIDES:
        for _ in range(int(d.rng.integers(0, 3))):
            length = plan.sides[side].length
            d.room.hang("socket", d.make("socket"), side, float(d.rng.uniform(0.2, length - 0.2)), 0.3)


def _hang_from_ceiling(d: Decorator, mesh: Mesh, x: float, y: float, drop: float) -> None:
    plan = d.room.plan
    top = plan.height
    if plan.slope is not None:
        flat = plan.width - plan.slope.run
        if (plan.slope.side == "left" and x < plan.slope.run + 0.3) or (plan.slope.side == "right" and x > flat - 0.3):
            return
    d.room.add("pendant" if float(mesh.bounds[0][2]) < -0.2 else "ceiling lamp", mesh.moved((x, y, top - drop)))
