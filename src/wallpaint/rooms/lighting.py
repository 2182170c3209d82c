"""Lighting of a room: sky through the windows, sun and lamps, with realistic colours and intensities.

Radiance 1 is that of an overcast sky, about 2,500 cd/m2; an 800 lumen bulb then has a flux of about 0.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wallpaint.imaging.color import XYZ_TO_RGB
from wallpaint.rooms.materials import BLACK, Color, Texture
from wallpaint.rooms.mesh import Mesh
from wallpaint.rooms.room import Sun
from wallpaint.rooms.shell import Plan
from wallpaint.rooms.surfaces.skies import MEAN_RADIANCE, sky

CONDITIONS = {"overcast": 0.27, "clear": 0.15, "sun": 0.25, "mixed": 0.15, "evening": 0.18}  # share of rooms
BULB_KELVIN = {"train": (2700, 3000, 4000, 5000), "test": (2850, 3500, 4400, 5600)}
SUN_KELVIN = {"train": (4300, 5600), "test": (3600, 4300)}
LUMENS_TO_FLUX = 0.3 / 800


@dataclass(frozen=True)
class Lighting:
    """Light sources of one room.

    condition: a key of CONDITIONS. sky: environment radiance, to be multiplied by sky_gain. bulb: flux of an average
    lamp, linear sRGB, black if the lamps are off. kelvin: colour temperature of the bulbs.
    """

    condition: str
    sky: Texture
    sky_gain: Color
    sun: Sun | None
    bulb: Color
    kelvin: int

    @property
    def lamps_on(self) -> bool:
        return max(self.bulb) > 0


def sample_lighting(rng: np.random.Generator, plan: Plan, split: str) -> Lighting:
    """Sample the lighting of a room. A room without windows is lit by its lamps."""
    windows = (
        plan.openings_on("back", "window")
        + plan.openings_on("left", "window")
        + plan.openings_on("right", "window")
        + plan.openings_on("front", "window")
    )
    condition = str(rng.choice(list(CONDITIONS), p=np.array(list(CONDITIONS.values())) / sum(CONDITIONS.values())))
    if not windows:
        condition = "evening"
    bulb_split = "test" if split == "test" else "train"
    skies = {
        "overcast": ("overcast", "cloudy"),
        "clear": ("clear", "cloudy"),
        "sun": ("clear", "cloudy"),
        "mixed": ("overcast", "sunset", "dusk"),
        "evening": ("dusk", "night"),
    }[condition]
    sky_name = str(rng.choice(skies))
    radiance = {
        "overcast": rng.uniform(0.5, 1.5),
        "clear": rng.uniform(0.8, 2.0),
        "sun": rng.uniform(0.8, 2.0),
        "mixed": rng.uniform(0.05, 0.35),
        "evening": rng.uniform(0.004, 0.06),
    }[condition]
    kelvin = int(rng.choice(BULB_KELVIN[bulb_split]))
    lamps_on = condition in ("mixed", "evening") or rng.random() < 0.2
    lamp_flux = LUMENS_TO_FLUX * float(rng.uniform(500, 1400))
    bulb = scale_color(kelvin_rgb(kelvin * float(rng.uniform(0.97, 1.03))), lamp_flux) if lamps_on else BLACK
    sun = (
        _sample_sun(rng, plan, windows[int(rng.integers(len(windows)))].side, bulb_split)
        if condition == "sun"
        else None
    )
    return Lighting(
        condition,
        sky(rng, sky_name),
        scale_color((1.0, 1.0, 1.0), float(radiance) / MEAN_RADIANCE[sky_name]),
        sun,
        bulb,
        kelvin,
    )


def emitted_flux(mesh: Mesh) -> float:
    """Return the flux emitted by all lamps and windows of a room, with a sky of radiance 1."""
    corner = mesh.vertices[mesh.faces].astype(np.float64)
    area = 0.5 * np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    radiance = np.array([float(np.mean(material.emission)) for material in mesh.materials])[mesh.material]
    return float(np.pi * (area * radiance).sum())


def _sample_sun(rng: np.random.Generator, plan: Plan, side: str, split: str) -> Sun:
    """Sample a sun that shines through a window on this side."""
    inward = plan.sides[side].inward
    azimuth = float(np.arctan2(-inward[1], -inward[0]) + np.radians(rng.uniform(-55, 55)))
    height = float(np.radians(rng.uniform(14, 50)))
    direction = np.array([np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height)])
    color = kelvin_rgb(float(rng.uniform(*SUN_KELVIN[split])))
    haze = float(rng.uniform(0.2, 1.0))
    return Sun(direction, scale_color(color, 22 * haze), float(np.radians(0.27 + 1.2 * (1 - haze))))


def kelvin_rgb(kelvin: float) -> Color:
    """Return the colour of a black body (up to 4000 K) or of daylight (from 5000 K), linear sRGB of luminance 1.

    Source: Kim et al. 2002 for the Planckian locus; CIE 15 for daylight.
    """
    t = float(np.clip(kelvin, 1700, 20000))
    body, day = _planckian_xy(t), _daylight_xy(max(t, 4000))
    blend = float(np.clip((t - 4000) / 1000, 0, 1))
    x, y = (1 - blend) * body[0] + blend * day[0], (1 - blend) * body[1] + blend * day[1]
    xyz = np.array([x / y, 1.0, (1 - x - y) / y])
    rgb = np.maximum(XYZ_TO_RGB @ xyz, 0.0)
    return (float(rgb[0]), float(rgb[1]), float(rgb[2]))


def _planckian_xy(t: float) -> tuple[float, float]:
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


def _daylight_xy(t: float) -> tuple[float, float]:
    if t <= 7000:
        x = -4.6070e9 / t**3 + 2.9678e6 / t**2 + 0.09911e3 / t + 0.244063
    else:
        x = -2.0064e9 / t**3 + 1.9018e6 / t**2 + 0.24748e3 / t + 0.237040
    return x, -3.0 * x * x + 2.870 * x - 0.275


def scale_color(color: Color, factor: float) -> Color:
    """Multiply a colour by a factor."""
    return (color[0] * factor, color[1] * factor, color[2] * factor)
