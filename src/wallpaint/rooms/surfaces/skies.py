"""Environment maps for window views: sky, blurred skyline and ground, as radiance by direction.

u = atan2(x, y) / pi, with a period of half a turn; v = 1/2 + asin(z) / pi, so that v = 0 is the nadir and 1 the zenith.
"""

from __future__ import annotations

import cv2
import numpy as np

from wallpaint.rooms.materials import TEXTURE_PX, Color, Texture
from wallpaint.rooms.surfaces.noise import fractal_noise, gaussian_noise, mix, periodic_blur, smoothstep, uv_grid
from wallpaint.typing import Array

SKY_TYPES = ("clear", "overcast", "cloudy", "sunset", "dusk", "night")
MEAN_RADIANCE = {"clear": 0.75, "overcast": 1.0, "cloudy": 0.95, "sunset": 0.5, "dusk": 0.12, "night": 0.006}
"""Mean radiance of the upper hemisphere, weighted by solid angle, relative to an overcast sky."""

_V_SPAN_DEG = 180.0
_BLUR_PX = 1.5  # 0.5 degrees: defocus of a lens focused on the room


def sky(rng: np.random.Generator, sky_type: str) -> Texture:
    """Sample an environment map. sky_type: one of SKY_TYPES.

    Without the skyline its mean above the horizon is MEAN_RADIANCE[sky_type].
    """
    _, v = uv_grid()
    elevation_deg = (v - 0.5) * _V_SPAN_DEG
    sky_radiance = _sky_radiance(rng, sky_type, np.maximum(elevation_deg, 0))
    weight = (np.cos(np.radians(elevation_deg)) * (elevation_deg > 0)).astype(np.float32)
    brightness = (sky_radiance.mean(-1) * weight).sum() / weight.sum()
    sky_radiance = sky_radiance * np.float32(MEAN_RADIANCE[sky_type] / brightness)
    ambient = (sky_radiance * weight[..., None]).sum((0, 1)) / weight.sum()
    if sky_type == "clear":
        sunlight = np.array([1.12, 1.0, 0.84], np.float32)  # direct, on ground and skyline
        ambient = ambient + 1.8 * ambient.mean() * sunlight
    elif sky_type == "night":
        ambient = ambient + np.array([0.02, 0.014, 0.007], np.float32)  # street lamps
    radiance = np.where((elevation_deg > 0)[..., None], sky_radiance, _ground(rng, elevation_deg, ambient))
    for layer in range(int(rng.integers(1, 4))):
        radiance = _skyline(rng, radiance, elevation_deg, ambient, sky_type, layer)
    return Texture(np.maximum(periodic_blur(np.ascontiguousarray(radiance, np.float32), _BLUR_PX), 0.0))


def _sky_radiance(rng: np.random.Generator, sky_type: str, elevation_deg: Array) -> Array:
    """Unnormalized sky radiance. elevation_deg: above the horizon, >= 0."""
    up = np.sin(np.radians(elevation_deg))
    low = np.exp(-elevation_deg / 14)
    if sky_type == "overcast":
        brightness = 1 + 0.09 * _cloud_thickness(rng, elevation_deg, 2.5)
        tint = np.array([0.97, 1.0, 1.06], np.float32)
        return ((1 + 2 * up) * brightness)[..., None] * tint  # CIE overcast sky: zenith three times the horizon
    if sky_type in ("clear", "cloudy"):
        blue = mix(_jittered(rng, (0.16, 0.33, 0.78)), (0.75, 0.88, 1.02), low)
        if sky_type == "clear":
            cloud_share = smoothstep(0.4, 2.6, _cloud_thickness(rng, elevation_deg, 3.0))
            return mix(blue, (1.0, 1.02, 1.05), 0.35 * cloud_share)
        thickness = _cloud_thickness(rng, elevation_deg)
        coverage = smoothstep(-0.3, 1.5, thickness + rng.uniform(-0.6, 0.7))
        shade = 1.25 - 0.45 * smoothstep(0.4, 2.2, thickness)
        return mix(blue, (1.0, 1.0, 1.02), coverage) * np.where(coverage > 0, 1 + coverage * (shade - 1), 1)[..., None]
    if sky_type == "sunset":
        base = mix(_jittered(rng, (0.22, 0.3, 0.55)), _jittered(rng, (1.3, 0.62, 0.26)), np.exp(-elevation_deg / 18))
        streaks = smoothstep(0.2, 1.6, _cloud_thickness(rng, elevation_deg, 2.5))
        return mix(base, _jittered(rng, (0.95, 0.5, 0.42)), 0.55 * streaks)
    glow = (0.5, 0.42, 0.46) if sky_type == "dusk" else (0.5, 0.36, 0.24)
    return mix(_jittered(rng, (0.12, 0.2, 0.42)), glow, np.exp(-elevation_deg / 12))


def _cloud_thickness(rng: np.random.Generator, elevation_deg: Array, stretch: float = 1.5) -> Array:
    """Cloud thickness, standard deviation about 1, compressed vertically near the horizon."""
    field = fractal_noise(rng, 1.9, 110, stretch)
    rows = np.arange(TEXTURE_PX, dtype=np.float32)[:, None].repeat(TEXTURE_PX, 1)
    squeezed = TEXTURE_PX / 2 + 190 * np.sqrt(elevation_deg / 90)
    columns = np.arange(TEXTURE_PX, dtype=np.float32)[None].repeat(TEXTURE_PX, 0)
    return cv2.remap(field, columns, np.where(elevation_deg > 0, squeezed, rows).astype(np.float32), cv2.INTER_LINEAR)


def _ground(rng: np.random.Generator, elevation_deg: Array, ambient: Array) -> Array:
    """Radiance of lawn, garden or street, darker towards the nadir. ambient: mean sky radiance."""
    ground_type = ("grass", "street", "garden")[int(rng.integers(3))]
    grass, paving = _jittered(rng, (0.07, 0.11, 0.035)), _jittered(rng, (0.17, 0.165, 0.155))
    patches = fractal_noise(rng, 1.3, 60, 1.6)
    share = 0.8 if ground_type == "garden" else 0.0  # of shrubs
    edge = -float(rng.uniform(12, 30)) + 3 * gaussian_noise(rng, 60, 200)
    if ground_type == "street":
        albedo = mix(grass, paving, smoothstep(edge - 1.5, edge + 1.5, elevation_deg))
    else:
        albedo = mix(
            grass, _jittered(rng, (0.035, 0.055, 0.02)), share * smoothstep(-0.3, 1.5, fractal_noise(rng, 2.1, 40, 1.6))
        )
    albedo = albedo * (1 + 0.1 * patches)[..., None]
    shadow = 0.45 + 0.45 * smoothstep(-60, -5, elevation_deg)
    return albedo * ambient * shadow[..., None]


def _skyline(
    rng: np.random.Generator, radiance: Array, elevation_deg: Array, ambient: Array, sky_type: str, layer: int
) -> Array:
    """Composite one row of hills, trees or houses; later layers are nearer, higher and less hazy."""
    layer_type = ("hills", "trees", "houses", "trees")[int(rng.integers(4))] if layer else "hills"
    haze = 0.75 * np.exp(-0.9 * layer) * (layer_type == "hills") + 0.12
    horizon = radiance[TEXTURE_PX // 2 + 3 : TEXTURE_PX // 2 + 9].mean((0, 1))
    if layer_type == "houses":
        layer_radiance, inside = _houses(rng, ambient, sky_type, layer)
    else:
        top = _hill_line(rng) if layer_type == "hills" else _tree_line(rng)
        leaves = fractal_noise(rng, 1.2, 24)
        ragged = 0.3 * leaves if layer_type == "hills" else 0.9 * leaves
        foot = -1.5 - 1.5 * layer
        inside = smoothstep(0.6, -0.6, elevation_deg - top - ragged) * smoothstep(foot - 0.6, foot, elevation_deg)
        albedo = np.asarray(_jittered(rng, (0.045, 0.075, 0.028)), np.float32)
        dapple = np.exp(0.45 * leaves + 0.3 * np.clip((elevation_deg - top) / 12, -1, 1))
        layer_radiance = albedo * ambient * 0.7 * dapple[..., None]
    layer_radiance = layer_radiance + (horizon - layer_radiance) * np.float32(haze)
    return mix(radiance, layer_radiance, inside)


def _hill_line(rng: np.random.Generator) -> Array:
    """Elevation in degrees of distant hills by azimuth, (1, TEXTURE_PX)."""
    line = fractal_noise(rng, 1.6, 170)[:1]
    return np.clip(float(rng.uniform(2, 4)) + 1.1 * line, 1.0, 7.0)


def _tree_line(rng: np.random.Generator) -> Array:
    """Elevation in degrees of a row of tree crowns by azimuth, (1, TEXTURE_PX)."""
    u, _ = uv_grid()
    top = np.full(TEXTURE_PX, float(rng.uniform(0.5, 4)), np.float32)
    tallest = float(rng.uniform(7, 24))
    for _ in range(int(rng.integers(10, 34))):
        tree_height = tallest * float(rng.uniform(0.3, 1))
        tree_width = tree_height * float(rng.uniform(0.25, 0.5)) / _V_SPAN_DEG
        distance = (np.mod(u[0] - rng.uniform() + 0.5, 1) - 0.5) / tree_width
        top = np.maximum(
            top, tree_height * (0.45 + 0.55 * np.sqrt(np.maximum(1 - distance**2, 0))) * (np.abs(distance) < 1)
        )
    return top[None]


def _houses(rng: np.random.Generator, ambient: Array, sky_type: str, layer: int) -> tuple[Array, Array]:
    """A row of house facades with roofs and windows.

    Returns the radiance (TEXTURE_PX, TEXTURE_PX, 3) and the coverage (TEXTURE_PX, TEXTURE_PX).
    """
    radiance = np.zeros((TEXTURE_PX, TEXTURE_PX, 3), np.float32)
    coverage = np.zeros((TEXTURE_PX, TEXTURE_PX), np.uint8)
    px_per_deg = TEXTURE_PX / _V_SPAN_DEG
    x = float(rng.uniform(0, 40))
    end = x + TEXTURE_PX - 30 * px_per_deg / 2
    is_night = sky_type in ("dusk", "night")
    while x < end:
        width, height = float(rng.uniform(9, 24)) * px_per_deg, float(rng.uniform(6, 20)) * px_per_deg
        front = np.asarray(FACADE_ALBEDOS[int(rng.integers(len(FACADE_ALBEDOS)))]) * ambient * rng.uniform(0.45, 0.8)
        roof = np.asarray((0.13, 0.07, 0.05) if rng.random() < 0.5 else (0.07, 0.07, 0.075)) * ambient * 0.8
        pitch = float(rng.uniform(0, 0.5)) * width * (rng.random() < 0.7)
        base, top = TEXTURE_PX / 2 - (1.5 + 1.5 * layer) * px_per_deg, TEXTURE_PX / 2 + height
        for shift in (0, -TEXTURE_PX):
            x0, x1 = x + shift, x + shift + width
            _fill_polygon(radiance, coverage, [(x0, base), (x1, base), (x1, top), (x0, top)], front)
            _fill_polygon(
                radiance,
                coverage,
                [(x0 - 3, top), (x1 + 3, top), (x1 - pitch, top + pitch), (x0 + pitch, top + pitch)],
                roof,
            )
            _windows(rng, radiance, coverage, (x0, x1, TEXTURE_PX / 2, top), ambient, is_night)
        x += width + (float(rng.uniform(3, 18)) * px_per_deg if rng.random() < 0.5 else 0.0)
    return radiance, (coverage > 0).astype(np.float32)


FACADE_ALBEDOS: tuple[Color, ...] = (
    (0.6, 0.57, 0.52),
    (0.5, 0.42, 0.3),
    (0.3, 0.14, 0.09),
    (0.35, 0.33, 0.31),
    (0.62, 0.6, 0.58),
)
"""Albedos of rendered, sandstone, brick, concrete and white house fronts."""


def _windows(
    rng: np.random.Generator,
    radiance: Array,
    coverage: Array,
    box: tuple[float, float, float, float],
    ambient: Array,
    is_night: bool,
) -> None:
    x0, x1, base, top = box
    columns, rows = max(2, round((x1 - x0) / 9)), max(1, round((top - base) / 11))
    for i in range(columns):
        for j in range(rows):
            x, y = x0 + (i + 0.5) * (x1 - x0) / columns, base + (j + 0.5) * (top - base) / rows
            is_lit = is_night and rng.random() < 0.35
            tint = np.asarray((0.35, 0.24, 0.1)) * rng.uniform(0.3, 1) if is_lit else ambient * rng.uniform(0.05, 0.2)
            _fill_polygon(
                radiance,
                coverage,
                [(x - 1.7, y - 2.6), (x + 1.7, y - 2.6), (x + 1.7, y + 2.6), (x - 1.7, y + 2.6)],
                tint,
            )


def _fill_polygon(radiance: Array, coverage: Array, corners: list[tuple[float, float]], color: Array) -> None:
    points = np.round(np.asarray(corners)).astype(np.int32)
    cv2.fillPoly(radiance, [points], tuple(float(c) for c in color))
    cv2.fillPoly(coverage, [points], 255)


def _jittered(rng: np.random.Generator, color: Color) -> Color:
    r, g, b = np.asarray(color) * np.exp(
        rng.normal(0, 0.03, 3) + rng.normal(0, 0.06) * np.array([1, 0, -1]) + rng.normal(0, 0.12)
    )
    return float(r), float(g), float(b)
