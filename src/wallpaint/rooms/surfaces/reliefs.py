"""Relief walls: brick, boards, panelling and tiles, as a relief for any paint and with their original colours.

`TRAIN_RELIEFS` appear in training and validation rooms, `HELD_OUT_RELIEFS` in test rooms only. uv in metres, v is up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from wallpaint.rooms.materials import TEXTURE_PX, Material, Relief, Texture, to_color
from wallpaint.rooms.surfaces import paints, patterns, textures
from wallpaint.rooms.surfaces.noise import (
    fractal_noise,
    gaussian_noise,
    match_mean,
    mix,
    periodic_blur,
    smoothstep,
    tone_gain,
    uv_grid,
)
from wallpaint.rooms.surfaces.tilings import BlockLayout, courses
from wallpaint.typing import Array

AZIMUTHS = 8  # directions of the ambient occlusion
HORIZON_PX = 12  # reach of the ambient occlusion
MEAN_ALBEDO = 0.35  # for the light that is reflected within the relief
MAX_SLOPE = 2.0  # metres per metre; steeper normals would face away from the camera


@dataclass(frozen=True)
class WallRelief:
    """name: a key of TRAIN_RELIEFS or HELD_OUT_RELIEFS. relief: for paint. material: with its colours, wall=None."""

    name: str
    relief: Relief
    material: Material


def sample_relief(rng: np.random.Generator, split: str, name: str | None = None) -> WallRelief:
    """Sample a relief with its original colours. name: None samples one of the split's reliefs."""
    reliefs = HELD_OUT_RELIEFS if split == "test" else TRAIN_RELIEFS
    name = name or list(reliefs)[int(rng.integers(len(reliefs)))]
    height, metres, material = (TRAIN_RELIEFS | HELD_OUT_RELIEFS)[name](rng, split)
    relief = relief_of(height, metres)
    return WallRelief(name, relief, replace(material, name=name, relief=relief))


def relief_of(height_m: Array, metres: float) -> Relief:
    """Convert a height map to a relief. height_m: (TEXTURE_PX, TEXTURE_PX) metres, periodic. metres: tile side."""
    texel = metres / TEXTURE_PX
    slopes = [(np.roll(height_m, -1, axis) - np.roll(height_m, 1, axis)) / (2 * texel) for axis in (1, 0)]
    return Relief(
        np.clip(np.stack(slopes, -1), -MAX_SLOPE, MAX_SLOPE).astype(np.float32),
        ambient_occlusion(height_m / texel),
        metres,
    )


def ambient_occlusion(height_px: Array) -> Array:
    """Return the share of diffuse light that reaches a height map: (TEXTURE_PX, TEXTURE_PX) float32, 0..1.

    height_px: in texels, periodic. It is the cosine-weighted visible sky, 1 - sin^2 of the horizon averaged over
    azimuths (Max 1988, horizon mapping), plus the light that the relief reflects onto itself at MEAN_ALBEDO.
    """
    height = height_px.astype(np.float32)
    visible = np.zeros_like(height)
    for angle in np.arange(AZIMUTHS) * 2 * np.pi / AZIMUTHS:
        tangent = np.zeros_like(height)
        for distance in (1, 2, 3, 4, 6, 8, HORIZON_PX):
            du, dv = round(distance * np.cos(angle)), round(distance * np.sin(angle))
            rise = np.roll(height, (-dv, -du), (0, 1)) - height
            np.maximum(tangent, rise / np.float32(np.hypot(du, dv)), out=tangent)
        visible += 1 / (1 + tangent**2)
    visible /= AZIMUTHS
    return (visible / (1 - MEAN_ALBEDO * (1 - visible))).astype(np.float32)


_Sampled = tuple[Array, float, Material]  # height map in metres, side of the tile in metres, material with its colours


def _brick(rng: np.random.Generator, split: str, bond: str) -> _Sampled:
    """Bricks with recessed mortar: "stretcher" and "third" bond, or "stack" of long bricks."""
    metres = patterns.BRICK_METRES
    rows, columns = {"stretcher": (14, 4), "third": (12, 4), "stack": (20, 3)}[bond]
    shift = {"stretcher": 0.5, "third": 1 / 3, "stack": 0.0}[bond]
    blocks = courses(rows, columns, np.mod(np.arange(rows) * shift, 1) + rng.normal(0, 0.015, rows))
    depth, joint_m = float(rng.uniform(0.007, 0.01)), float(rng.uniform(0.01, 0.015))
    edge = blocks.edge_distance * metres + 0.0012 * gaussian_noise(rng, 3) + 0.0006 * gaussian_noise(rng, 1.2)
    face = smoothstep(joint_m / 2 - 0.002, joint_m / 2 + 0.003, edge)
    rough = fractal_noise(rng, 1.0, 30)
    chipped = smoothstep(1.6, 2.6, gaussian_noise(rng, 3)) * face
    proud = blocks.per_block(rng.normal(0, 0.0012, blocks.count))
    height = face * (depth + proud + 0.0005 * rough - 0.002 * chipped) + (1 - face) * 0.0004 * gaussian_noise(rng, 1.0)
    clay = np.asarray(patterns.BRICK_ALBEDOS[int(rng.integers(len(patterns.BRICK_ALBEDOS)))])
    each = rng.normal(0, 0.2, (blocks.count, 1)) + rng.normal(0, 0.08, (blocks.count, 1)) * np.array([0.5, 1, 1.2])
    burnt = rng.random((blocks.count, 1)) < 0.12
    fired = (clay * np.exp(each - 0.5 * burnt)).astype(np.float32)
    bricks = blocks.per_block(fired) * tone_gain(0.12 * rough + 0.25 * chipped, 0.1)
    mortar = mix((0.0, 0.0, 0.0), (0.52, 0.49, 0.44), np.exp(0.08 * rough) * float(rng.uniform(0.6, 1.0)))
    texture = Texture(np.clip(mix(mortar, bricks, face), 0, 0.9).astype(np.float32))
    return height, metres, textures.tiled_material("brick", texture, metres, 0.9, 0.0, 0.06)


def _boards(rng: np.random.Generator, split: str, upright: bool) -> _Sampled:
    """Wooden boards: upright tongue and groove with a bevel, or horizontal shiplap with shadow gaps."""
    metres = textures.WOOD_METRES
    count = int(rng.integers(9, 15)) if upright else int(rng.integers(6, 10))
    u, v = uv_grid()
    across = np.mod((u if upright else v) * count, 1) / count * metres  # metres from the left or lower edge of a board
    edge = np.minimum(across, metres / count - across)
    depth = float(rng.uniform(0.004, 0.008))
    gap_m = float(rng.uniform(0.003, 0.006))
    bevel = float(rng.uniform(0.004, 0.01)) if upright else 0.003
    face = smoothstep(gap_m / 2, gap_m / 2 + bevel, edge)
    board = np.minimum(((u if upright else v) * count).astype(int), count - 1)
    height = depth * face + 0.0006 * rng.normal(0, 1, count)[board] * face
    wood = textures.boards(rng, patterns.wall_wood(rng, split), count).texels
    texels = wood if upright else np.ascontiguousarray(wood.transpose(1, 0, 2))
    fibre = gaussian_noise(rng, 0.8, 40) if upright else gaussian_noise(rng, 40, 0.8)
    height = height + 0.00008 * fibre * face
    return height, metres, textures.tiled_material("boards", Texture(texels), metres, 0.5, 0.04)


def _panels(rng: np.random.Generator, split: str, style: str) -> _Sampled:
    """Painted wooden panelling: "recessed" panels between rails, or "battens" on a flat ground."""
    metres = float(rng.uniform(1.0, 1.4)) if style == "recessed" else 1.2
    u, _ = uv_grid()
    depth = float(rng.uniform(0.008, 0.014))
    profile = float(rng.uniform(0.008, 0.016))  # metres, width of the moulded edge
    if style == "recessed":
        columns, rows = int(rng.choice([1, 2])), int(rng.choice([1, 2]))
        frame = float(rng.uniform(0.04, 0.07))
        blocks = courses(rows, columns, np.zeros(rows))
        inside = blocks.edge_distance * metres - frame
        step = smoothstep(0.0, profile, inside)
        bead = np.exp(-(((inside - profile / 2) / (profile / 3)) ** 2))
        height = depth * (1 - step) + 0.25 * depth * bead
    else:
        count, batten = int(rng.integers(2, 5)), float(rng.uniform(0.035, 0.06))
        offset = np.abs(np.mod(u * count, 1) - 0.5) / count * metres
        height = depth * smoothstep(batten / 2 + 0.003, batten / 2 - 0.001, offset)
    wear = fractal_noise(rng, 1.4, 120)
    paint = paints.sample(rng, split, str(rng.choice(["light", "light", "muted", "deep"])))
    raised = height / height.max()
    tone = 0.015 * wear - 0.05 * (periodic_blur(raised.astype(np.float32), 4) - raised) + 0.006 * gaussian_noise(rng, 1)
    texture = match_mean(tone_gain(tone, 0.1), to_color(paint))
    return height.astype(np.float32), metres, textures.tiled_material("panels", texture, metres, 0.5, 0.04)


def _tiles(rng: np.random.Generator, split: str, tiling: str) -> _Sampled:
    """Glazed tiles with recessed grout: "metro" in half bond with a facet, or "square" with pillowed faces."""
    metres = textures.TILES_METRES
    columns, rows = (
        ((6, 16), (8, 16), (6, 12))[int(rng.integers(3))]
        if tiling == "metro"
        else ((8, 8), (12, 12))[int(rng.integers(2))]
    )
    blocks = courses(rows, columns, np.arange(rows) % 2 / 2 if tiling == "metro" else np.zeros(rows))
    grout_m = float(rng.uniform(0.003, 0.006))
    edge = blocks.edge_distance * metres - grout_m / 2
    face = smoothstep(-0.001, 0.0025, edge)
    facet = float(rng.uniform(0.008, 0.014)) if tiling == "metro" and rng.random() < 0.5 else 0.004
    height = face * (0.003 + 0.0025 * np.clip(edge / facet, 0, 1)) + _tilt(rng, blocks, metres) * face
    height = height + 0.0002 * gaussian_noise(rng, 12) * face
    tint = paints.sample(rng, split, str(rng.choice(["light", "light", "muted", "deep"])))
    spread = float(rng.uniform(0.01, 0.12))
    tile_tone = rng.normal(0, spread, blocks.count).clip(-2 * spread, 2 * spread)
    glaze = tone_gain(blocks.per_block(tile_tone.astype(np.float32)) + 0.02 * fractal_noise(rng, 1.6, 80), 0.1)
    grey = float(rng.uniform(0.12, 0.6))
    grout = (
        np.asarray((grey, 0.98 * grey, 0.94 * grey), np.float32) * (1 + 0.1 * fractal_noise(rng, 1.0, 60))[..., None]
    )
    texture = Texture(np.clip(mix(grout, glaze * np.asarray(tint, np.float32), face), 0, 0.9).astype(np.float32))
    return height, metres, textures.tiled_material("tiles", texture, metres, float(rng.uniform(0.15, 0.35)), 0.04)


def _tilt(rng: np.random.Generator, blocks: BlockLayout, metres: float) -> Array:
    """Return the height of tiles that are set slightly askew, in metres."""
    slope = rng.normal(0, 0.006, (blocks.count, 2))
    along, across = blocks.along * metres, blocks.across * metres
    return np.asarray(blocks.per_block(slope[:, 0]) * (along - along.mean()) + blocks.per_block(slope[:, 1]) * across)


_Sampler = Callable[[np.random.Generator, str], _Sampled]

TRAIN_RELIEFS: dict[str, _Sampler] = {
    "brick": lambda rng, split: _brick(rng, split, "stretcher"),
    "thirds brick": lambda rng, split: _brick(rng, split, "third"),
    "upright boards": lambda rng, split: _boards(rng, split, True),
    "recessed panels": lambda rng, split: _panels(rng, split, "recessed"),
    "metro tiles": lambda rng, split: _tiles(rng, split, "metro"),
}
HELD_OUT_RELIEFS: dict[str, _Sampler] = {
    "stacked brick": lambda rng, split: _brick(rng, split, "stack"),
    "shiplap": lambda rng, split: _boards(rng, split, False),
    "batten panels": lambda rng, split: _panels(rng, split, "battens"),
    "square tiles": lambda rng, split: _tiles(rng, split, "square"),
}
