"""Drawn curtains and blinds from floor to ceiling, on a track in front of the wall plane y = 0.

Both are centred on x = 0 and extend from y = -0.21 to 0, so that they pass in front of window sills.
split: "train", "validation" or "test"; test rooms use held-out designs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wallpaint.rooms.furniture.window_dressing import pleated_curtain
from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, box, merge, surface, two_sided
from wallpaint.rooms.surfaces.finishes import Finishes
from wallpaint.typing import Array

PLANE_Y = -0.15  # metres, middle plane of the cloth
TRACK_HEIGHT = 0.02  # metres


def full_height_curtain(
    rng: np.random.Generator, finishes: Finishes, cloth: Material, width: float, height: float, split: str = "train"
) -> Mesh:
    """Curtains drawn over a width, in one to four panels, some with a gap between two panels. Sizes in metres."""
    count = max(1, round(width / float(rng.uniform(0.9, 1.6))))
    gap = float(rng.uniform(0.1, 0.35)) * width if count > 1 and rng.random() < 0.25 else 0.0
    span, low, top = (width - gap) / count, float(rng.uniform(0.005, 0.03)), height - TRACK_HEIGHT
    gap_after = int(rng.integers(1, count)) if gap > 0 else count
    pitch = float(rng.uniform(0.12, 0.2))
    meshes = []
    for i in range(count):
        x = -width / 2 + span * (i + 0.5) + (gap if i >= gap_after else 0.0)
        if split == "test":
            panel = _waved_panel(rng, cloth, span, low, top, pitch)
        else:
            panel = pleated_curtain(rng, cloth, span / 1.04, low, top)
        meshes.append(panel.moved((x, PLANE_Y, 0.0)))
    return merge([*meshes, _track(finishes, width, height)])


def full_height_blind(
    rng: np.random.Generator, finishes: Finishes, cloth: Material, width: float, height: float, split: str = "train"
) -> Mesh:
    """Blinds that cover a width: vertical louvres, sliding panels or rollers; pleated in test rooms. Metres."""
    low, top = float(rng.uniform(0.01, 0.06)), height - TRACK_HEIGHT
    style = "pleated" if split == "test" else str(rng.choice(["louvres", "panels", "rollers"]))
    if style == "louvres":
        meshes = _louvres(rng, cloth, width, low, top)
    elif style == "pleated":
        meshes = [_pleats(rng, cloth, width, low, top)]
    else:
        count = max(1, round(width / (0.6 if style == "panels" else float(rng.uniform(0.9, 1.8)))))
        span, overlap = width / count, 0.03 if style == "panels" else -0.02
        meshes = []
        for i in range(count):
            at = (-width / 2 + span * (i + 0.5), PLANE_Y + (0.02 * (i % 2) if style == "panels" else 0.0), low)
            meshes.append(box((span + overlap if count > 1 else span, 0.003, top - low), cloth, at))
            rail = box((span + overlap - 0.01, 0.014, 0.03), replace(cloth, texture=None), (at[0], at[1] - 0.002, low))
            meshes.append(rail)
    return merge([*meshes, _track(finishes, width, height)])


def backlit(mesh: Mesh, cloth: Material, window: tuple[float, float, float, float], radiance: Color) -> Mesh:
    """Return a curtain or blind whose cloth transmits daylight in front of a window.

    window: x0, z0, x1, z1 in the coordinates of the mesh. radiance: emitted there, linear sRGB.
    """
    x0, z0, x1, z1 = window
    center = mesh.vertices[mesh.faces].mean(1)
    is_cloth = mesh.material == mesh.materials.index(cloth)
    is_lit = is_cloth & (center[:, 0] > x0) & (center[:, 0] < x1) & (center[:, 2] > z0) & (center[:, 2] < z1)
    glowing = replace(cloth, name=f"{cloth.name}, backlit", emission=radiance)
    material = np.where(is_lit, len(mesh.materials), mesh.material).astype(np.int32)
    return replace(mesh, material=material, materials=(*mesh.materials, glowing))


def _track(f: Finishes, width: float, height: float) -> Mesh:
    depth = -PLANE_Y + 0.06
    return box((width, depth, TRACK_HEIGHT), f.trim, (0, -depth / 2, height - TRACK_HEIGHT))


def _waved_panel(rng: np.random.Generator, cloth: Material, span: float, low: float, top: float, pitch: float) -> Mesh:
    """A panel whose folds are one even wave from top to hem."""
    count = max(2, round(span / pitch))
    amplitude, phase = float(rng.uniform(0.03, 0.045)), float(rng.uniform(0, 6))

    def shape(s: Array, t: Array) -> Array:
        turn = 2 * np.pi * count * s + 0.3 * (1 - t) * np.sin(2 * np.pi * s + phase)
        x = (s - 0.5) * span + 0.12 * pitch * np.sin(2 * turn)
        return np.stack([x, amplitude * np.cos(turn), low + (top - low) * t], -1)

    return two_sided(surface(shape, cloth, 10 * count, 12, (1.6 * span, top - low)))


def _louvres(rng: np.random.Generator, cloth: Material, width: float, low: float, top: float) -> list[Mesh]:
    pitch = float(rng.choice([0.08, 0.115]))
    count = max(2, round(width / pitch))
    angle = float(rng.uniform(-1.0, 1.0))
    slat = box((0.127 if pitch > 0.1 else 0.089, 0.002, top - low), cloth)
    step = width / count
    return [slat.moved((-width / 2 + step * (i + 0.5), PLANE_Y, low), angle) for i in range(count)]


def _pleats(rng: np.random.Generator, cloth: Material, width: float, low: float, top: float) -> Mesh:
    count = round((top - low) / float(rng.uniform(0.03, 0.06)))
    edge = np.arange(2 * count + 1)

    def shape(s: Array, t: Array) -> Array:
        tooth = np.interp(t, edge / edge[-1], np.where(edge % 2, 0.018, -0.018))
        return np.stack([(s - 0.5) * width, PLANE_Y + tooth, low + (top - low) * t], -1)

    return two_sided(surface(shape, cloth, 4, 2 * count, (width, top - low)))
