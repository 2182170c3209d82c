"""Classroom furniture and large glossy objects on walls: school desks, boards, pictures behind glass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wallpaint.rooms.furniture import FurnitureCategory
from wallpaint.rooms.furniture.carcass import boards, legs, merge_on_wall
from wallpaint.rooms.furniture.joinery import merge_on_floor
from wallpaint.rooms.furniture.mouldings import moulding, rectangle
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, box, merge, quad
from wallpaint.rooms.surfaces.finishes import Finishes

_BOARD_ALBEDOS: dict[str, tuple[Color, ...]] = {
    "white board": ((0.8, 0.8, 0.8),),
    "chalk board": ((0.03, 0.09, 0.05), (0.025, 0.028, 0.03)),
}


def _school_desk(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A double desk on a steel frame, with a shelf below its top."""
    w, d, h = float(rng.uniform(1.1, 1.3)), float(rng.uniform(0.48, 0.58)), float(rng.uniform(0.68, 0.76))
    top = replace(f.wood if rng.random() < 0.6 else f.lacquer, name="school desk")
    meshes = [boards([(-w / 2, -d / 2, h - 0.024, w / 2, d / 2, h)], top, 0.005)]
    meshes.append(legs("rod", h - 0.024, (w / 2 - 0.06, d / 2 - 0.06), f.metal_dark, 0.075))
    meshes.append(boards([(-w / 2 + 0.08, -0.05, h - 0.16, w / 2 - 0.08, d / 2 - 0.05, h - 0.15)], f.metal_dark))
    return merge_on_floor(meshes)


def _panel_desk(rng: np.random.Generator, f: Finishes) -> Mesh:
    """A single desk with side panels and a front panel."""
    w, d, h = float(rng.uniform(0.7, 0.85)), float(rng.uniform(0.5, 0.6)), float(rng.uniform(0.68, 0.76))
    top = replace(f.wood_second if rng.random() < 0.6 else f.lacquer, name="school desk")
    panels = [(-w / 2, -d / 2, h - 0.024, w / 2, d / 2, h)]
    panels += [
        (s * (w / 2 - 0.02) - 0.01, -d / 2 + 0.03, 0, s * (w / 2 - 0.02) + 0.01, d / 2 - 0.03, h - 0.024)
        for s in (-1, 1)
    ]
    panels.append((-w / 2 + 0.03, d / 2 - 0.06, 0.3, w / 2 - 0.03, d / 2 - 0.045, h - 0.024))
    return merge_on_floor([boards(panels, top, 0.004)])


def _board(rng: np.random.Generator, f: Finishes, has_wings: bool = False) -> Mesh:
    """A white board or a chalk board of 1.6 to 3.6 m with a tray. has_wings: with a narrow panel on each side."""
    name = "white board" if rng.random() < 0.5 else "chalk board"
    colors = _BOARD_ALBEDOS[name]
    is_white = name == "white board"
    face = Material(name, colors[int(rng.integers(len(colors)))], roughness=0.15 if is_white else 0.6, f0=0.04)
    w, h = float(rng.uniform(1.6, 2.6 if has_wings else 3.6)), float(rng.uniform(1.0, 1.3))
    frame = f.metal if is_white or rng.random() < 0.4 else f.wood
    panels = [(0.0, w)]
    if has_wings:
        panels += [(side * (0.75 * w + 0.03), 0.5 * w) for side in (-1, 1)]
    meshes = []
    for x, width in panels:
        profile = [(-0.002, 0.014), (0.0, 0.024), (0.022, 0.024), (0.022, 0.0)]
        meshes.append(moulding(rectangle(width, h), profile, frame).moved((x, 0, 0)))
        meshes.append(quad((x - width / 2, -0.014, -h / 2), (width, 0, 0), (0, 0, h), face, "unit"))
    meshes.append(box((0.9 * w, 0.07, 0.012), frame, (0, -0.035, -h / 2 - 0.03)))
    return merge_on_wall(meshes)


def _winged_board(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _board(rng, f, has_wings=True)


def _glazed_picture(rng: np.random.Generator, f: Finishes, is_pair: bool = False) -> Mesh:
    """A large picture behind glass, which reflects the room. is_pair: two narrow ones side by side."""
    shade = float(rng.choice([0.02, 0.06, 0.3, 0.6]))
    tint = np.clip(shade * np.exp(rng.normal(0, 0.2, 3)), 0.01, 0.8)
    print_ = Material("glass front", (float(tint[0]), float(tint[1]), float(tint[2])), roughness=0.05, f0=0.06)
    w, h = float(rng.uniform(0.5, 0.8 if is_pair else 1.5)), float(rng.uniform(0.6, 1.1))
    mount = 0.0 if rng.random() < 0.4 else float(rng.uniform(0.05, 0.12))
    meshes = []
    for x in (-w / 2 - 0.05, w / 2 + 0.05) if is_pair else (0.0,):
        outer = rectangle(w, h)
        one = [moulding(outer, [(-0.001, 0.01), (-0.001, 0.028), (0.016, 0.028), (0.018, 0)], f.metal_dark)]
        paper = replace(f.paper, name="glass front, mount", roughness=0.05, f0=0.06)
        one.append(quad((-w / 2, -0.012, -h / 2), (w, 0, 0), (0, 0, h), paper if mount > 0 else print_, "unit"))
        if mount > 0:
            inner = (w - 2 * mount, h - 2 * mount)
            corner = (-inner[0] / 2, -0.0135, -inner[1] / 2)
            one.append(quad(corner, (inner[0], 0, 0), (0, 0, inner[1]), print_, "unit"))
        meshes += [mesh.moved((x, 0, 0)) for mesh in one]
    return merge_on_wall([merge(meshes)])


def _picture_pair(rng: np.random.Generator, f: Finishes) -> Mesh:
    return _glazed_picture(rng, f, is_pair=True)


CATEGORIES = {
    "school_desk": FurnitureCategory((_school_desk,), (_panel_desk,)),
    "board": FurnitureCategory((_board,), (_winged_board,)),
    "glazed_picture": FurnitureCategory((_glazed_picture,), (_picture_pair,)),
}
