"""What lamps are made of: shades, globes, discs that shine, and how they share a lamp's light.

A maker is a function (rng, finishes, power) -> Mesh. power is the flux that the lamp sends out, linear sRGB: radiance
of its glowing faces times pi times their area, summed. With no power the shape is the same and nothing glows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, Point, lathe, merge, polygon
from wallpaint.rooms.surfaces.finishes import Finishes

LampMaker = Callable[[np.random.Generator, Finishes, Color], Mesh]
Glow = tuple[Mesh, float]  # a surface, and its part of the light

OPAL = Material("opal glass", (0.72, 0.71, 0.68), roughness=0.35, f0=0.04)
DIFFUSER = Material("diffuser", (0.7, 0.69, 0.66))
WHITE = Material("lamp inside", (0.78, 0.77, 0.75), roughness=0.6)
SHADES: tuple[Color, ...] = ((0.72, 0.69, 0.62), (0.74, 0.73, 0.7), (0.66, 0.58, 0.45), (0.62, 0.6, 0.57))
CABLE = Material("cable", (0.025, 0.025, 0.025), roughness=0.6)


@dataclass(frozen=True)
class LampKind:
    """The makers of one kind of lamp. everyday: in training and validation rooms. held_out: in test rooms."""

    everyday: tuple[LampMaker, ...]
    held_out: tuple[LampMaker, ...]

    def make(self, rng: np.random.Generator, finishes: Finishes, power: Color, split: str) -> Mesh:
        makers = self.held_out if split == "test" else self.everyday
        return makers[int(rng.integers(len(makers)))](rng, finishes, power)


def area(mesh: Mesh) -> float:
    """Square metres of all faces together."""
    corner = mesh.vertices[mesh.faces].astype(np.float64)
    return float(np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1).sum()) / 2


def lit(parts: Sequence[Mesh], glows: Sequence[Glow], power: Color) -> Mesh:
    """One lamp of its dark parts and its glowing ones, which share the power. Each glow has one material.

    Lambertian radiance of a surface of area A with flux P: P / (pi A).
    """
    total = sum(share for _, share in glows)
    shining = []
    for mesh, share in glows:
        r, g, b = (c * share / total / (np.pi * area(mesh)) for c in power)
        emission = (float(r), float(g), float(b))
        shining.append(replace(mesh, materials=tuple(replace(m, emission=emission) for m in mesh.materials)))
    return merge([*parts, *shining])


def moved(glows: Sequence[Glow], to: Point, tilt: float = 0.0, turn: float = 0.0) -> list[Glow]:
    """Glowing surfaces tilted about x, turned about z and shifted."""
    return [(mesh.tilted("x", tilt).moved(to, turn), share) for mesh, share in glows]


def round_plate(radius: float, z: float, material: Material, up: bool, segments: int = 28) -> Mesh:
    """A disc at height z that faces up or down."""
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    angle = angle if up else angle[::-1]
    return polygon([(float(radius * np.cos(a)), float(radius * np.sin(a)), z) for a in angle], material)


def fabric_shade(
    rng: np.random.Generator, low: float, high: float, height: float, outside: float | None = None
) -> tuple[list[Mesh], list[Glow]]:
    """A shade of cloth standing on z = 0, open at both ends. low, high: radii at the bottom and at the top.

    outside: share of the light that comes through the cloth; the rest leaves by the openings, by their areas.
    """
    through = float(rng.uniform(0.3, 0.45)) if outside is None else outside
    cloth = Material("shade", SHADES[int(rng.integers(len(SHADES)))])
    skin = lathe([(low, 0), (high, height)], cloth, segments=36)
    inset = min(0.02, 0.1 * height)
    step = (high - low) / height * inset
    inner = (
        [(high - step - 0.0015, height - inset), (high - 0.0015, height)],
        [(low - 0.0015, 0), (low + step - 0.0015, inset)],
    )
    lining = [lathe(line, WHITE, segments=36).flipped() for line in inner]
    rim = [lathe([(r - 0.0015, z), (r, z)], cloth, segments=36) for r, z in ((low, 0.0), (high, height))]
    rim[1] = rim[1].flipped()
    below = round_plate(low + step - 0.002, inset, DIFFUSER, up=False, segments=36)
    above = round_plate(high - step - 0.002, height - inset, DIFFUSER, up=True, segments=36)
    open_area = low**2 + high**2
    glows = [(skin, through), (below, (1 - through) * low**2 / open_area), (above, (1 - through) * high**2 / open_area)]
    return [*lining, *rim], glows


def metal_dome(
    profile: Sequence[tuple[float, float]], outside: Material, inside: Material = WHITE, depth: float = 0.35
) -> tuple[list[Mesh], list[Glow]]:
    """An opaque shade, open below: white inside, with a disc that shines down.

    profile: (radius, height) of its outside from the rim up to the middle. depth: where the disc is, as a share of the
    height.
    """
    line = np.asarray(profile, float)
    thick = np.array([0.002, 0.002])
    inner = np.maximum(line - thick, [0.0, -1e9])
    inner[0, 1] = line[0, 1]
    height = line[:, 1].max() - line[0, 1]
    z = line[0, 1] + depth * height
    radius = float(np.interp(z, inner[:, 1], inner[:, 0])) * 0.9
    outer = lathe([(float(r), float(h)) for r, h in line], outside, segments=36)
    lining = lathe([(float(r), float(h)) for r, h in inner], inside, segments=36).flipped()
    rim = lathe([(float(inner[0, 0]), float(line[0, 1])), (float(line[0, 0]), float(line[0, 1]))], outside, segments=36)
    return [outer, lining, rim], [(round_plate(radius, z, DIFFUSER, up=False), 1.0)]


def bare_metal(rng: np.random.Generator, f: Finishes) -> Material:
    """Bright or dark metal for stands and domes."""
    return f.metal if rng.random() < 0.5 else f.metal_dark


def enamel(rng: np.random.Generator, f: Finishes) -> Material:
    """Painted metal in one of a few lamp colours."""
    return (f.metal, f.metal_dark, f.lacquer, f.plastic)[int(rng.integers(4))]


def foot(radius: float, material: Material) -> Mesh:
    """A round, flat foot."""
    r = radius
    return lathe(
        [(0, 0), (r, 0), (r, 0), (r, 0.012), (r - 0.006, 0.018), (0.02, 0.02), (0.0, 0.02)], material, segments=32
    )


def drum_size(rng: np.random.Generator, radius: tuple[float, float]) -> tuple[float, float, float]:
    """Radii at the bottom and top, and height, of a drum, a cone or an empire shade."""
    low = float(rng.uniform(*radius))
    high = low * float(rng.choice([1.0, 1.0, rng.uniform(0.72, 0.9), rng.uniform(0.4, 0.6)]))
    return low, high, low * float(rng.uniform(1.05, 1.5))
