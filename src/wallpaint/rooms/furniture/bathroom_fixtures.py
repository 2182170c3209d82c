"""Sanitary ware: bathtubs, toilets, basins with their mirrors, shower screens, towel rails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wallpaint.rooms.furniture import FurnitureCategory
from wallpaint.rooms.furniture.carcass import boards, case, fronts, grid_cells, merge_on_wall, open_basin, pipe, pulls
from wallpaint.rooms.furniture.joinery import merge_on_floor
from wallpaint.rooms.furniture.kitchen_fittings import mixer_tap
from wallpaint.rooms.furniture.mouldings import ellipse, flat_panel, moulding, rectangle
from wallpaint.rooms.furniture.upholstery import padded_box
from wallpaint.rooms.materials import Material
from wallpaint.rooms.mesh import Mesh, box, cylinder, lathe, quad, rounded_box
from wallpaint.rooms.surfaces.finishes import Finishes

FROSTED = Material("frosted glass", (0.6, 0.64, 0.63), roughness=0.3, f0=0.05)


def sanitary_ware(f: Finishes) -> Material:
    """Return the glazed ceramic of a bathroom."""
    return replace(f.ceramic, name="sanitary ware", albedo=(0.8, 0.79, 0.77), roughness=0.12)


def _built_in_tub(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A rectangular tub behind a panel, along x."""
    white, w, d, h = sanitary_ware(f), float(rng.uniform(1.5, 1.8)), float(rng.uniform(0.68, 0.82)), 0.56
    rim = 0.07
    x, y = w / 2, d / 2
    edges = [(-x, -y, h - 0.04, x, -y + rim, h), (-x, y - rim, h - 0.04, x, y, h)]
    edges += [(-x, -y + rim, h - 0.04, -x + rim, y - rim, h), (x - rim, -y + rim, h - 0.04, x, y - rim, h)]
    panel = white if rng.random() < 0.6 else f.wood
    skirt = [(-x, -y + 0.01, 0, x, -y + 0.03, h - 0.04)]
    skirt += [(s * (x - 0.01) - 0.01, -y + 0.02, 0, s * (x - 0.01) + 0.01, y, h - 0.04) for s in (-1, 1)]
    meshes = [boards(edges, white, 0.012), boards(skirt, panel)]
    meshes.append(open_basin((-x + rim, -y + rim), (x - rim, y - rim), h - 0.005, 0.4, white))
    meshes.append(mixer_tap(rng, f).moved((x - 0.12, y - 0.04, h)))
    return merge_on_floor(meshes)


def _freestanding_tub(rng: np.random.Generator, f: Finishes) -> Mesh:
    """An oval tub on the floor, with a tap on a post."""
    white, h = sanitary_ware(f), float(rng.uniform(0.55, 0.62))
    profile = [(0.0, 0.0), (0.72, 0.0), (0.8, 0.06), (0.93, 0.6), (1.0, 1.0), (0.96, 1.0), (0.86, 0.6), (0.7, 0.18)]
    shell = lathe([(r, z * h) for r, z in (*profile, (0.0, 0.16))], white, segments=40)
    half = float(rng.uniform(0.75, 0.86)), float(rng.uniform(0.36, 0.42))
    post = pipe([(0, half[1] + 0.08, 0), (0, half[1] + 0.08, 0.95), (0, half[1] - 0.12, 0.98)], 0.014, f.metal)
    return merge_on_floor([shell.moved(scale=(half[0], half[1], 1.0)), post])


def _toilet(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A toilet with a cistern; its lid is closed or up."""
    white = sanitary_ware(f)
    profile = [(0.0, 0.0), (0.62, 0.0), (0.55, 0.3), (0.7, 0.7), (1.0, 0.95), (1.0, 1.0), (0.75, 1.0), (0.5, 0.6)]
    bowl = lathe([(0.19 * r, 0.4 * z) for r, z in (*profile, (0.0, 0.55))], white, segments=28)
    meshes = [bowl.moved((0, -0.12, 0), scale=(1.0, 1.35, 1.0))]
    meshes.append(rounded_box((0.3, 0.25, 0.4), white, (0, 0.12, 0), radius=0.04))
    meshes.append(rounded_box((0.38, 0.17, 0.38), white, (0, 0.2, 0.4), radius=0.03))
    lid = cylinder(0.19, 0.025, white, segments=28).moved((0, -0.12, 0.405), scale=(1.0, 1.35, 1.0))
    meshes.append(lid.rotated("x", -1.5, (0, 0.1, 0.41)) if rng.random() < 0.25 else lid)
    meshes.append(cylinder(0.02, 0.008, f.metal, (0, 0.2, 0.78), 14))
    return merge_on_floor(meshes)


def _wall_hung_toilet(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A toilet that hangs on a boxed-in frame with a flush plate."""
    white, w = sanitary_ware(f), float(rng.uniform(0.8, 1.1))
    frame = boards([(-w / 2, 0.12, 0, w / 2, 0.32, 1.1)], replace(white, name="bathroom tiles, box"), 0.004)
    body = padded_box((0.36, 0.5, 0.3), white, (0, -0.12, 0.12), 0.12, (0, 0, 0), (4, 4, 2))
    lid = rounded_box((0.37, 0.46, 0.03), white, (0, -0.12, 0.42), radius=0.014)
    plate = box((0.24, 0.008, 0.16), f.metal, (0, 0.116, 0.86))
    return merge_on_floor([frame, body, lid, plate])


def _vanity(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A cabinet with a worktop and a sunk basin."""
    white, w, d, h = sanitary_ware(f), float(rng.uniform(0.6, 1.2)), 0.46, 0.84
    front = f.lacquer if rng.random() < 0.6 else f.wood
    low = 0.3 if rng.random() < 0.4 else 0.08
    cells = grid_cells((-w / 2, w / 2), (low, h - 0.04), 2 if w > 0.7 else 1, 1)
    meshes = [case((w, d, h - 0.04 - low), front, front, low), fronts("flat", cells, -d / 2, front)]
    positions = [((c[0] + c[2]) / 2, -d / 2 - 0.019, h - 0.1) for c in cells]
    meshes.append(pulls("bar", positions, f.metal, 0.16))
    basin, x, y = 0.22, w / 2 + 0.005, d / 2
    front_y = -y - 0.025
    top = [(-x, front_y, h - 0.04, -basin, y, h), (basin, front_y, h - 0.04, x, y, h)]
    top += [(-basin, front_y, h - 0.04, basin, -0.15, h), (-basin, 0.12, h - 0.04, basin, y, h)]
    meshes += [boards(top, white, 0.0), open_basin((-basin, -0.15), (basin, 0.12), h - 0.002, 0.12, white)]
    if low < 0.2:
        meshes.append(boards([(-w / 2 + 0.03, -d / 2 + 0.06, 0, w / 2 - 0.03, y - 0.05, low)], f.metal_dark))
    else:
        feet = [
            (s * (w / 2 - 0.05) - 0.015, t, 0, s * (w / 2 - 0.05) + 0.015, t + 0.03, low)
            for s in (-1, 1)
            for t in (-0.2, 0.18)
        ]
        meshes.append(boards(feet, f.metal))
    return merge_on_floor([*meshes, mixer_tap(rng, f).moved((0, 0.17, h), scale=0.75)])


def _pedestal_basin(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A basin on a pedestal."""
    white, w = sanitary_ware(f), float(rng.uniform(0.52, 0.66))
    foot = lathe([(0.13, 0.0), (0.13, 0.02), (0.08, 0.1), (0.075, 0.6), (0.11, 0.7), (0.0, 0.72)], white, segments=24)
    profile = [(0.0, 0.66), (0.5, 0.68), (0.9, 0.78), (1.0, 0.86), (0.92, 0.86), (0.7, 0.76), (0.0, 0.73)]
    bowl = lathe([(r, z) for r, z in profile], white, segments=36).moved(scale=(w / 2, 0.23, 1.0))
    shelf = rounded_box((0.4, 0.12, 0.06), white, (0, 0.19, 0.8), radius=0.02)
    return merge_on_floor([foot, bowl, shelf, mixer_tap(rng, f).moved((0, 0.17, 0.86), scale=0.75)])


def _shower(rng: np.random.Generator, f: Finishes, banded: bool = False) -> Mesh:
    """A shower tray with a screen of frosted glass along its front and a pole with a head at its back."""
    w, d, h = float(rng.uniform(0.8, 1.2)), float(rng.uniform(0.8, 0.95)), float(rng.uniform(1.9, 2.05))
    x, y, t = w / 2, d / 2, 0.012
    pane_width = (0.55 if rng.random() < 0.5 else 0.98) * w
    meshes = [boards([(-x, -y, 0, x, y, 0.06)], sanitary_ware(f), 0.01)]
    panes = [(0.06, h)] if not banded else [(0.06, 0.7), (0.72, 1.35), (1.37, h)]
    meshes.append(boards([(-x + 0.02, -y + 0.01, a, -x + pane_width, -y + 0.018, b) for a, b in panes], FROSTED, 0.0))
    metal = f.metal_dark if rng.random() < 0.5 else f.metal
    bars = [(-x, -y, z, -x + pane_width + 0.02, -y + 0.028, z + 0.028) for z in (0.06, h)]
    bars += [(a - t, -y, 0.06, a + t, -y + 0.028, h + 0.028) for a in (-x + t, -x + pane_width)]
    meshes.append(boards(bars, metal))
    pole = pipe([(0.0, y - 0.03, 1.0), (0.0, y - 0.03, 2.0), (0.0, y - 0.32, 2.06)], 0.011, metal)
    meshes += [pole, cylinder(0.11, 0.012, metal, (0.0, y - 0.33, 2.045), 24)]
    return merge_on_floor(meshes)


def _banded_shower(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _shower(rng, f, banded=True)


def _large_mirror(rng: np.random.Generator, f: Finishes, is_oval: bool = False) -> Mesh:
    """A mirror of 0.5 to 1.6 m without objects in front of it, with a thin frame or none."""
    glass = replace(f.mirror, name="large mirror")
    w, h = float(rng.uniform(0.5, 1.6)), float(rng.uniform(0.6, 1.1))
    if is_oval:
        w = min(w, 0.8)
        outline = ellipse(w, h, 48)
        return merge_on_wall(
            [flat_panel(outline, glass, -0.02), moulding(outline, [(0, 0.02), (0.015, 0.028), (0.02, 0)], f.metal)]
        )
    meshes = [quad((-w / 2, -0.012, -h / 2), (w, 0, 0), (0, 0, h), glass, "unit")]
    meshes.append(box((w - 0.02, 0.011, h - 0.02), f.metal, (0, -0.0055, -h / 2 + 0.01)))
    if rng.random() < 0.5:
        meshes.append(moulding(rectangle(w, h), [(0, 0.012), (0, 0.025), (0.012, 0.025), (0.012, 0)], f.metal_dark))
    return merge_on_wall(meshes)


def _oval_mirror(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _large_mirror(rng, f, is_oval=True)


def _towel_rail(rng: np.random.Generator, f: Finishes, is_heated: bool = False) -> Mesh:
    """A bar with a towel, or a heated ladder of bars."""
    w = float(rng.uniform(0.45, 0.7))
    if is_heated:
        h = float(rng.uniform(0.8, 1.2))
        meshes = [pipe([(s * w / 2, -0.04, -h / 2), (s * w / 2, -0.04, h / 2)], 0.015, f.plastic) for s in (-1, 1)]
        levels = np.linspace(-h / 2 + 0.05, h / 2 - 0.05, int(h / 0.06))
        meshes += [pipe([(-w / 2, -0.04, float(z)), (w / 2, -0.04, float(z))], 0.009, f.plastic) for z in levels]
    else:
        meshes = [pipe([(-w / 2, 0, 0), (-w / 2, -0.06, 0), (w / 2, -0.06, 0), (w / 2, 0, 0)], 0.008, f.metal)]
        drop = float(rng.uniform(0.35, 0.6))
        cloth = f.linen if rng.random() < 0.5 else f.accent
        meshes.append(rounded_box((0.7 * w, 0.035, drop), cloth, (0, -0.06, 0.012 - drop), radius=0.012))
    return merge_on_wall(meshes)


def _heated_rail(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _towel_rail(rng, f, is_heated=True)


CATEGORIES = {
    "tub": FurnitureCategory((_built_in_tub,), (_freestanding_tub,)),
    "toilet": FurnitureCategory((_toilet,), (_wall_hung_toilet,)),
    "basin": FurnitureCategory((_vanity,), (_pedestal_basin,)),
    "shower": FurnitureCategory((_shower,), (_banded_shower,)),
    "large_mirror": FurnitureCategory((_large_mirror,), (_oval_mirror,)),
    "towel_rail": FurnitureCategory((_towel_rail,), (_heated_rail,)),
}
