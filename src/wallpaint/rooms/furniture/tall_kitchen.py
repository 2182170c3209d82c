"""Fitted kitchens up to the ceiling: a base run below wall cabinets, between tall units."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from wallpaint.rooms.furniture import kitchen
from wallpaint.rooms.furniture.carcass import boards, case, fronts, grid_cells, pulls
from wallpaint.rooms.furniture.kitchen_fittings import oven_front
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, merge
from wallpaint.rooms.surfaces.finishes import Finishes

TALL_WIDTH = 0.6  # metres, of a tall unit
WALL_CABINET_BOTTOM = 1.45  # metres above the floor
FRONT_STYLES = {"train": ("flat", "flat", "shaker"), "test": ("slats", "planks", "raised")}


def tall_kitchen(
    rng: np.random.Generator,
    finishes: Finishes,
    color: Color,
    length: float,
    height: float,
    splashback: Material,
    split: str = "train",
) -> Mesh | None:
    """A kitchen of at most `length` metres that fills the height of the room, its back in the plane y = 0.

    color: albedo of all fronts. splashback: between worktop and wall cabinets. Centred on x = 0; it extends to
    y = -0.65. Returns None if no base run of ten samples fits.
    """
    front = Material("kitchen unit", color, roughness=float(rng.uniform(0.2, 0.6)), f0=0.04)
    f = replace(finishes, lacquer=front, trim=front, wood=front, wood_second=front)
    builder = kitchen.base_open if split == "test" else kitchen.base_run
    runs = (builder(rng, f) for _ in range(10))
    run = next((run for run in runs if _width(run) <= length - TALL_WIDTH), None)
    if run is None:
        return None
    width = _width(run)
    num_tall = min(int((length - width) / TALL_WIDTH), 3)
    on_left = int(rng.integers(num_tall + 1)) if rng.random() < 0.4 else num_tall * int(rng.integers(2))
    start = -(width + num_tall * TALL_WIDTH) / 2 + on_left * TALL_WIDTH
    style = FRONT_STYLES["test" if split == "test" else "train"][int(rng.integers(3))]
    pull = str(rng.choice(["bar", "knob", "none", "none"]))
    filler = float(rng.choice([0.0, 0.03, 0.08]))
    depth = kitchen.CABINET_DEPTH
    back = -float(run.bounds[1][1])
    meshes = [run.moved((start + width / 2, back, 0.0))]
    meshes.append(_wall_cabinets(rng, f, (start, start + width), height - filler, style, pull))
    xs = [start - (i + 1) * TALL_WIDTH for i in range(on_left)]
    xs += [start + width + i * TALL_WIDTH for i in range(num_tall - on_left)]
    oven_at = int(rng.integers(len(xs) + 1))
    for i, x in enumerate(xs):
        meshes.append(_tall_unit(rng, f, x, height - filler, style, pull, has_oven=i == oven_at))
    if filler > 0:
        meshes.append(boards([(start, -0.33, height - filler, start + width, -0.01, height)], front))
        meshes += [boards([(x, -depth + 0.01, height - filler, x + TALL_WIDTH, -0.01, height)], front) for x in xs]
    tiles = boards(
        [(start, -0.012, kitchen.WORKTOP_HEIGHT, start + width, -0.001, WALL_CABINET_BOTTOM)], splashback, 0.0
    )
    return merge([*meshes, tiles])


def _width(mesh: Mesh) -> float:
    return float(mesh.bounds[1][0] - mesh.bounds[0][0])


def _wall_cabinets(
    rng: np.random.Generator, f: Finishes, across: tuple[float, float], top: float, style: str, pull: str
) -> Mesh:
    """Wall cabinets in one row, or in two with a row of small ones at the top."""
    front, depth, low = f.lacquer, 0.33, WALL_CABINET_BOTTOM
    x0, x1 = across
    body = case((x1 - x0, depth, top - low), front, front, low).moved(((x0 + x1) / 2, -depth / 2, 0))
    columns = max(2, round((x1 - x0) / float(rng.uniform(0.4, 0.62))))
    split = low + 0.68 * (top - low)
    rows = [(low, split), (split, top)] if top - low > 0.9 and rng.random() < 0.6 else [(low, top)]
    meshes = [body]
    for z0, z1 in rows:
        cells = grid_cells(across, (z0, z1), columns, 1)
        meshes.append(fronts(style, cells, -depth, front))
        positions = [(c[2] - 0.04 if i % 2 else c[0] + 0.04, -depth - 0.019, z0 + 0.1) for i, c in enumerate(cells)]
        meshes.append(pulls(pull, positions, f.metal, 0.12, upright=True))
    return merge(meshes)


def _tall_unit(
    rng: np.random.Generator, f: Finishes, x: float, top: float, style: str, pull: str, has_oven: bool
) -> Mesh:
    """A tall unit from x to x + TALL_WIDTH: a fridge or larder behind doors, or an oven between two doors."""
    front, depth, plinth = f.lacquer, kitchen.CABINET_DEPTH, kitchen.PLINTH_HEIGHT
    middle, end = x + TALL_WIDTH / 2, x + TALL_WIDTH
    meshes = [case((TALL_WIDTH, depth - 0.002, top - plinth), front, front, plinth).moved((middle, -depth / 2, 0))]
    meshes.append(boards([(x, -depth + 0.06, 0, end, -0.05, plinth)], front))
    edges = [plinth, float(rng.choice([0.72, 0.9, 1.25])), min(2.0, top - 0.3), top]
    if has_oven:
        edges = [plinth, 0.72, 1.32, min(2.0, top - 0.3), top]
    for i, (z0, z1) in enumerate(pairwise(edges)):
        if has_oven and i == 1:
            meshes.append(oven_front(rng, f, (x, z0, end, z1), -depth, f.metal))
            continue
        meshes.append(fronts(style, [(x, z0, end, z1)], -depth, front))
        grip = z1 - 0.12 if z0 < 0.8 else z0 + 0.12
        meshes.append(pulls(pull, [(end - 0.05, -depth - 0.019, grip)], f.metal, 0.14, upright=True))
    return merge(meshes)
