"""What lights a room: the sky through its windows, the sun, and its lamps, with the colours and strengths of real ones.

Radiance 1 is an overcast sky's, about 2,500 cd/m2; a bulb of 800 lumens then gives a flux of about 0.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wallpaint.imaging.color import XYZ_TO_RGB
from wallpaint.rooms.materials import BLACK, Color, Texture
from wallpaint.rooms.mesh import Mesh
from wallpaint.rooms.room import Sun
from wallpaint.rooms.shell import Plan
from wallpaint.rooms.surfaces.skies import LEVEL, sky

MOODS = {"overcast": 0.27, "clear": 0.15, "sun": 0.25, "mixed": 0.15, "evening": 0.18}  # share of rooms
BULBS = {"train": (2700, 3000, 4000, 5000), "test": (2850, 3500, 4400, 5600)}  # kelvin
SUN_KELVIN = {"train": (4300, 5600), "test": (3600, 4300)}
LUMENS_TO_FLUX = 0.3 / 800


@dataclass(frozen=True)
class Lighting:
    """mood: a key of MOODS. sky: radiance by direction, times sky_gain. bulb: flux of one lamp of average strength,
    black when lamps are off. kelvin: of the bulbs."""

    mood: str
    sky: Texture
    sky_gain: Color
    sun: Sun | None
    bulb: Color
    kelvin: int

    @property
    def lamps_on(self) -> bool:
        return max(self.bulb) > 0


def choose(rng: np.random.Generator, plan: Plan, split: str) -> Lighting:
    """Lighting that suits the room's windows; a room without any is lit by its lamps."""
    windows = (
        plan.on("back", "window") + plan.on("left", "window") + plan.on("right", "window") + plan.on("front", "window")
    )
    mood = str(rng.choice(list(MOODS), p=np.array(list(MOODS.values())) / sum(MOODS.values())))
    if not windows:
        mood = "evening"
    own = "test" if split == "test" else "train"
    kinds = {
        "overcast": ("overcast", "cloudy"),
        "clear": ("clear", "cloudy"),
        "sun": ("clear", "cloudy"),
        "mixed": ("overcast", "sunset", "dusk"),
        "evening": ("dusk", "night"),
    }[mood]
    kind = str(rng.choice(kinds))
    radiance = {
        "overcast": rng.uniform(0.5, 1.5),
        "clear": rng.uniform(0.8, 2.0),
        "sun": rng.uniform(0.8, 2.0),
        "mixed": rng.uniform(0.05, 0.35),
        "evening": rng.uniform(0.004, 0.06),
    }[mood]
    kelvin = int(rng.choice(BULBS[own]))
    lit = mood in ("mixed", "evening") or rng.random() < 0.2
    flux = LUMENS_TO_FLUX * float(rng.uniform(500, 1400))
    bulb = scaled(kelvin_rgb(kelvin * float(rng.uniform(0.97, 1.03))), flux) if lit else BLACK
    sun = _sun(rng, plan, windows[int(rng.integers(len(windows)))].side, own) if mood == "sun" else None
    return Lighting(mood, sky(rng, kind), scaled((1.0, 1.0, 1.0), float(radiance) / LEVEL[kind]), sun, bulb, kelvin)


def flux(mesh: Mesh) -> float:
    """What all lamps and windows of a room give, each as if its sky had radiance 1."""
    corner = mesh.vertices[mesh.faces].astype(np.float64)
    area = 0.5 * np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    radiance = np.array([float(np.mean(material.emission)) for material in mesh.materials])[mesh.material]
    return float(np.pi * (area * radiance).sum())


def _sun(rng: np.random.Generator, plan: Plan, side: str, split: str) -> Sun:
    """A sun that looks in through a window of this side."""
    inward = plan.sides[side].inward
    azimuth = float(np.arctan2(-inward[1], -inward[0]) + np.radians(rng.uniform(-55, 55)))
    height = float(np.radians(rng.uniform(14, 50)))
    direction = np.array([np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height)])
    color = kelvin_rgb(float(rng.uniform(*SUN_KELVIN[split])))
    haze = float(rng.uniform(0.2, 1.0))
    return Sun(direction, scaled(color, 22 * haze), float(np.radians(0.27 + 1.2 * (1 - haze))))


def kelvin_rgb(kelvin: float) -> Color:
    """The colour of a black body (under 4000 K) or of daylight (above 5000 K), linear sRGB of luminance 1.

    Source: Kim et al. 2002 for the Planckian locus; CIE 15 for daylight.
    """
    t = float(np.clip(kelvin, 1700, 20000))
    body, day = _planckian(t), _daylight(max(t, 4000))
    blend = float(np.clip((t - 4000) / 1000, 0, 1))
    x, y = (1 - blend) * body[0] + blend * day[0], (1 - blend) * body[1] + blend * day[1]
    xyz = np.array([x / y, 1.0, (1 - x - y) / y])
    rgb = np.maximum(XYZ_TO_RGB @ xyz, 0.0)
    return (float(rgb[0]), float(rgb[1]), float(rgb[2]))


def _planckian(t: float) -> tuple[float, float]:
    if t < 4000:
        x = -0.2661239e9 / t**3 - 0.2343589e6 / t**2 + 0.8776956e3 / t + 0.179910
    else:
        x = -3.0258469e9 / t**3 + 2.1070379e6 / t**2 + 0.2226347e3 / t + 0.240390
    if t < 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif t < 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    return x, y


def _daylight(t: float) -> tuple[float, float]:
    if t <= 7000:
        x = -4.6070e9 / t**3 + 2.9678e6 / t**2 + 0.09911e3 / t + 0.244063
    else:
        x = -2.0064e9 / t**3 + 1.9018e6 / t**2 + 0.24748e3 / t + 0.237040
    return x, -3.0 * x * x + 2.870 * x - 0.275


def scaled(color: Color, factor: float) -> Color:
    """A colour of light, so many times as strong."""
    return (color[0] * factor, color[1] * factor, color[2] * factor)
