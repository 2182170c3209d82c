"""Surfaces of extended rooms: walls, finishes, ceiling, doors and passages that their content asks for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wallpaint.rooms import ceilings, shell
from wallpaint.rooms.content import Content
from wallpaint.rooms.furniture import doors
from wallpaint.rooms.furniture.open_doors import open_door
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, box
from wallpaint.rooms.shell import Plan, WallMaterialFn
from wallpaint.rooms.surfaces import textures
from wallpaint.rooms.surfaces.finishes import Finishes

PALE_LUMINANCE, DARK_LUMINANCE = 0.5, 0.3  # of paints, mean of the linear sRGB channels
WHITE: Color = (0.79, 0.78, 0.755)
MAX_OPEN_WIDTH = 0.99  # metres; wider passages have no door
_DARK_DOORS: tuple[Color, ...] = ((0.02, 0.02, 0.022), (0.05, 0.03, 0.02), (0.11, 0.055, 0.03), (0.03, 0.045, 0.06))
_PALE_DOORS: tuple[Color, ...] = (WHITE, (0.72, 0.68, 0.6), (0.6, 0.61, 0.62))


def suits_walls(content: Content, plan: Plan, scheme: str, paint: Color) -> bool:
    """Whether a sampled wall scheme and paint suit the content: to be sampled again if not.

    scheme: a key of `design.WALL_SCHEME_SHARES`.
    """
    if plan.split_height > 0 and scheme != "part":
        return False
    return not content.pale_walls or float(np.mean(paint)) >= PALE_LUMINANCE


def near_paint(rng: np.random.Generator, paint: Color) -> Color:
    """Sample an albedo that is easily confused with a paint: the paint, a little lighter or darker."""
    factor = np.exp(rng.normal(0, 0.1) + rng.normal(0, 0.015, 3))
    r, g, b = np.clip(np.asarray(paint) * factor, 0.02, 0.86)
    return (float(r), float(g), float(b))


def wall_like_color(rng: np.random.Generator, paint: Color) -> Color:
    """Sample a white, a beige, a grey, or a colour near a paint."""
    if rng.random() < 0.45:
        return near_paint(rng, paint)
    colors: tuple[Color, ...] = (
        WHITE,
        WHITE,
        (0.64, 0.57, 0.46),
        (0.52, 0.44, 0.34),
        (0.45, 0.45, 0.44),
        (0.25, 0.25, 0.26),
    )
    return near_paint(rng, colors[int(rng.integers(len(colors)))])


def adapt_finishes(rng: np.random.Generator, content: Content, finishes: Finishes, paint: Color) -> Finishes:
    """Return the finishes of the furniture of an extended room: in the colour of the walls if the content asks for it.

    paint: of the paintable walls. Half of these rooms have wall-coloured upholstery as well.
    """
    if not content.has("wall_coloured_furniture"):
        return finishes
    color = WHITE if content.pale_walls and rng.random() < 0.5 else paint

    def coated(material: Material) -> Material:
        return replace(material, name=f"wall-coloured {material.name}", albedo=near_paint(rng, color), texture=None)

    adapted = replace(finishes, lacquer=coated(finishes.lacquer), plastic=coated(finishes.plastic))
    if rng.random() < 0.75:
        adapted = replace(adapted, wood=coated(finishes.wood))
    if rng.random() < 0.5:
        adapted = replace(adapted, wood_second=coated(finishes.wood_second))
    if rng.random() < 0.5:
        recolored = textures.recolored(finishes.fabric, "wall-coloured fabric", near_paint(rng, color))
        adapted = replace(
            adapted, fabric=recolored, fabric_second=replace(recolored, name="wall-coloured fabric_second")
        )
    return adapted


def door_finishes(rng: np.random.Generator, content: Content, finishes: Finishes, paint: Color) -> Finishes:
    """Return the finishes of the doors: dark before pale paint and pale before others, if the content asks for it."""
    if not content.has("contrast_door"):
        return finishes
    colors = _DARK_DOORS if float(np.mean(paint)) > DARK_LUMINANCE else _PALE_DOORS
    color = near_paint(rng, colors[int(rng.integers(len(colors)))])
    leaf = replace(finishes.trim, name="contrast door", albedo=color, texture=None)
    frame = leaf if rng.random() < 0.5 else finishes.trim
    return replace(finishes, trim=frame, wood=leaf, wood_second=leaf)


def ceiling(
    rng: np.random.Generator, content: Content, plan: Plan, overhead: Material, walls: WallMaterialFn, pane: Material
) -> list[Mesh]:
    """Return the ceiling of an extended room; painted slopes are in the material of the knee wall below them.

    pane: of the rooflights.
    """

    def sloped(side: str) -> Material:
        if content.has("painted_slopes"):
            wall = walls(side, "upper")
            return replace(wall, name=f"{wall.name} slope")
        return replace(overhead, name="sloped ceiling")

    lights = ceilings.sample_rooflights(rng, plan) if content.has("rooflight") else ()
    frame = Material("rooflight frame", near_paint(rng, WHITE), roughness=0.4, f0=0.04)
    return ceilings.sloped_ceiling(plan, overhead, sloped, lights, replace(pane, name="rooflight pane"), frame)


def dark_rooms(rng: np.random.Generator, plan: Plan) -> list[Mesh]:
    """Return the unlit rooms behind dark passages."""
    shade = float(rng.choice([0.01, 0.03, 0.08, 0.15])) * float(rng.uniform(0.7, 1.3))
    wall = Material("dark room wall", (shade, 0.96 * shade, 0.9 * shade))
    ground = Material("dark room floor", (0.7 * shade, 0.6 * shade, 0.5 * shade))
    lamp = Material("dark room lamp", (0.1, 0.1, 0.1))
    return shell.passage_spaces(plan, wall, ground, lamp, "dark passage")


def open_doors(rng: np.random.Generator, content: Content, plan: Plan, finishes: Finishes, split: str) -> list[Mesh]:
    """Return the open door of each passage that is not too wide for one, architraves of the others, and thresholds."""
    meshes = []
    for opening in plan.openings:
        if opening.opening_type not in ("passage", "dark passage"):
            continue
        side = plan.sides[opening.side]
        if content.has("open_door") and opening.width <= MAX_OPEN_WIDTH:
            finish = (finishes.trim, finishes.wood)[int(rng.integers(2))]
            named = replace(finish, name="open door" if finish.name != "contrast door" else "open door, contrast")
            mesh = open_door(rng, finishes, named, opening.width, opening.height, split)
        else:
            mesh = doors.architrave(rng, finishes.trim, opening.width, opening.height)
        threshold = box((opening.width, 0.15, 0.004), finishes.wood, (0.0, 0.075, -0.003))
        meshes += [side.mount(mesh, opening.center), side.mount(threshold, opening.center)]
    return meshes


def cladding(plan: Plan, side: str, across: tuple[float, float], top: float, material: Material) -> list[Mesh]:
    """Return tiles on a wall from the floor to a height, 6 mm thick, with holes for its openings.

    across: interval of u in metres.
    """
    wall = plan.sides[side]
    patches = shell.wall_rectangles(
        wall, plan.openings_on(side), across, (0.0, min(top, wall.height)), 0.0, lambda *_: material
    )
    inward = wall.inward
    return [patch.moved((0.006 * inward[0], 0.006 * inward[1], 0.0)) for patch in patches]
