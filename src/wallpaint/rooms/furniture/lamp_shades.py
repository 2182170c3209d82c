"""Lamp components: shades, reflectors, emitting discs, and the distribution of a lamp's flux over its emitters.

A builder is a function (rng, finishes, power) -> Mesh. power: emitted flux, linear sRGB, i.e. the sum over emissive
faces of pi * radiance * area. The geometry does not depend on power; with power 0 nothing emits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wallpaint.rooms.materials import Color, Material
from wallpaint.rooms.mesh import Mesh, Point, lathe, merge, polygon
from wallpaint.rooms.surfaces.finishes import Finishes

LampBuilder = Callable[[np.random.Generator, Finishes, Color], Mesh]
Emitter = tuple[Mesh, float]  # an emissive mesh, and its share of the flux

OPAL_GLASS = Material("opal glass", (0.72, 0.71, 0.68), roughness=0.35, f0=0.04)
DIFFUSER = Material("diffuser", (0.7, 0.69, 0.66))
WHITE_LINING = Material("lamp inside", (0.78, 0.77, 0.75), roughness=0.6)
SHADE_ALBEDOS: tuple[Color, ...] = ((0.72, 0.69, 0.62), (0.74, 0.73, 0.7), (0.66, 0.58, 0.45), (0.62, 0.6, 0.57))
CABLE = Material("cable", (0.025, 0.025, 0.025), roughness=0.6)


@dataclass(frozen=True)
class LampCategory:
    """The builders of one category of lamp.

    train_builders: used in training and validation rooms. held_out_builders: used in test rooms only.
    """

    train_builders: tuple[LampBuilder, ...]
    held_out_builders: tuple[LampBuilder, ...]

    def build(self, rng: np.random.Generator, finishes: Finishes, power: Color, split: str) -> Mesh:
        builders = self.held_out_builders if split == "test" else self.train_builders
        return builders[int(rng.integers(len(builders)))](rng, finishes, power)


def surface_area(mesh: Mesh) -> float:
    """Return the total face area in square metres."""
    corner = mesh.vertices[mesh.faces].astype(np.float64)
    return float(np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1).sum()) / 2


def with_emitters(meshes: Sequence[Mesh], emitters: Sequence[Emitter], power: Color) -> Mesh:
    """Merge the passive meshes and the emitters of a lamp; the emitters divide `power` by their shares.

    Each emitter has one material. Radiance of a Lambertian emitter of area A and flux P: P / (pi A).
    """
    total = sum(share for _, share in emitters)
    emissive_meshes = []
    for mesh, share in emitters:
        r, g, b = (c * share / total / (np.pi * surface_area(mesh)) for c in power)
        emission = (float(r), float(g), float(b))
        emissive_meshes.append(replace(mesh, materials=tuple(replace(m, emission=emission) for m in mesh.materials)))
    return merge([*meshes, *emissive_meshes])


def move_emitters(emitters: Sequence[Emitter], to: Point, tilt: float = 0.0, turn: float = 0.0) -> list[Emitter]:
    """Rotate emitters about x by `tilt` and about z by `turn` (radians), then translate them."""
    return [(mesh.rotated("x", tilt).moved(to, turn), share) for mesh, share in emitters]


def flat_disc(radius: float, z: float, material: Material, up: bool, segments: int = 28) -> Mesh:
    """A flat disc at height z, its normal up or down."""
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    angle = angle if up else angle[::-1]
    return polygon([(float(radius * np.cos(a)), float(radius * np.sin(a)), z) for a in angle], material)


def fabric_shade(
    rng: np.random.Generator, low: float, high: float, height: float, transmitted_share: float | None = None
) -> tuple[list[Mesh], list[Emitter]]:
    """A fabric shade on z = 0, open at both ends: its passive meshes and its emitters.

    low, high: radii at the bottom and the top. transmitted_share: share of the flux through the fabric, sampled if
    None; the rest leaves through the two openings in proportion to their areas.
    """
    side_share = float(rng.uniform(0.3, 0.45)) if transmitted_share is None else transmitted_share
    cloth = Material("shade", SHADE_ALBEDOS[int(rng.integers(len(SHADE_ALBEDOS)))])
    shade = lathe([(low, 0), (high, height)], cloth, segments=36)
    inset = min(0.02, 0.1 * height)
    step = (high - low) / height * inset
    inner = (
        [(high - step - 0.0015, height - inset), (high - 0.0015, height)],
        [(low - 0.0015, 0), (low + step - 0.0015, inset)],
    )
    lining = [lathe(profile, WHITE_LINING, segments=36).flipped() for profile in inner]
    rim = [lathe([(r - 0.0015, z), (r, z)], cloth, segments=36) for r, z in ((low, 0.0), (high, height))]
    rim[1] = rim[1].flipped()
    below = flat_disc(low + step - 0.002, inset, DIFFUSER, up=False, segments=36)
    above = flat_disc(high - step - 0.002, height - inset, DIFFUSER, up=True, segments=36)
    open_area = low**2 + high**2
    emitters = [
        (shade, side_share),
        (below, (1 - side_share) * low**2 / open_area),
        (above, (1 - side_share) * high**2 / open_area),
    ]
    return [*lining, *rim], emitters


def metal_dome(
    profile: Sequence[tuple[float, float]], outside: Material, inside: Material = WHITE_LINING, depth: float = 0.35
) -> tuple[list[Mesh], list[Emitter]]:
    """An opaque shade, open below, with a white lining and a downward emitting disc: passive meshes and emitters.

    profile: (radius, height) of the outer surface from the rim up to the axis. depth: height of the disc as a share of
    the shade's height.
    """
    line = np.asarray(profile, float)
    wall = np.array([0.002, 0.002])
    inner = np.maximum(line - wall, [0.0, -1e9])
    inner[0, 1] = line[0, 1]
    height = line[:, 1].max() - line[0, 1]
    z = line[0, 1] + depth * height
    radius = float(np.interp(z, inner[:, 1], inner[:, 0])) * 0.9
    outer = lathe([(float(r), float(h)) for r, h in line], outside, segments=36)
    lining = lathe([(float(r), float(h)) for r, h in inner], inside, segments=36).flipped()
    rim = lathe([(float(inner[0, 0]), float(line[0, 1])), (float(line[0, 0]), float(line[0, 1]))], outside, segments=36)
    return [outer, lining, rim], [(flat_disc(radius, z, DIFFUSER, up=False), 1.0)]


def random_lamp_metal(rng: np.random.Generator, f: Finishes) -> Material:
    """Sample bright or dark metal."""
    return f.metal if rng.random() < 0.5 else f.metal_dark


def random_enamel(rng: np.random.Generator, f: Finishes) -> Material:
    """Sample an enamelled metal or plastic finish."""
    return (f.metal, f.metal_dark, f.lacquer, f.plastic)[int(rng.integers(4))]


def lamp_base(radius: float, material: Material) -> Mesh:
    """A flat round lamp base."""
    r = radius
    return lathe(
        [(0, 0), (r, 0), (r, 0), (r, 0.012), (r - 0.006, 0.018), (0.02, 0.02), (0.0, 0.02)], material, segments=32
    )


def sample_drum_size(rng: np.random.Generator, radius: tuple[float, float]) -> tuple[float, float, float]:
    """Sample bottom radius, top radius and height of a drum, coolie or empire shade."""
    low = float(rng.uniform(*radius))
    high = low * float(rng.choice([1.0, 1.0, rng.uniform(0.72, 0.9), rng.uniform(0.4, 0.6)]))
    return low, high, low * float(rng.uniform(1.05, 1.5))
