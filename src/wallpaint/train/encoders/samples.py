"""Training samples of the encoders: references of paints, crops of wall coverings, and captions with colour words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.paints.reference import solid_reference
from wallpaint.rooms.sets.export import color_name
from wallpaint.rooms.surfaces import coverings, paints
from wallpaint.typing import Array

TEXTURE_PX = 256  # side of a stored texture, which is periodic
CROP_SHARE = (0.35, 0.9)  # side of a crop, as a share of the texture's
CROP_GAIN_SIGMA = 0.02  # standard deviation of the log gain of a crop
MAX_NOISE_STD, MAX_GRADIENT = 8.0, 0.1  # of a paint's reference: noise in codes, and half the range of the gradient
GAMUT_SHARE = 0.3  # share of colours sampled from all of sRGB
CAPTIONS = (
    "{color}",
    "{color} walls",
    "a {color} wall",
    "a room with {color} walls",
    "a bedroom with {color} walls",
    "a kitchen with {color} walls",
    "a living room with {color} walls",
    "an office with {color} walls",
    "walls painted {color}",
    "photo of a wall painted in {color}",
)


@dataclass(frozen=True, eq=False)
class Covering:
    """A wall covering. texture: (TEXTURE_PX, TEXTURE_PX, 3) uint8 sRGB, periodic. lab: (3,) of its mean albedo."""

    texture: Array
    lab: Array


def sample_albedo(rng: np.random.Generator, split: str) -> Array:
    """Sample the albedo of a paint of a split, (3,) linear sRGB; some from all of sRGB."""
    if rng.random() >= GAMUT_SHARE:
        return paints.sample(rng, split)
    while True:
        albedo = color.srgb_to_linear(rng.random(3))
        if paints.in_split(albedo, split):
            return np.asarray(albedo)


def reference(albedo: Array, side: int, rng: np.random.Generator) -> Array:
    """Return a reference image of a paint with noise and a gradient of light, (side, side, 3) uint8 sRGB."""
    r, g, b = (round(float(value)) for value in 255 * color.linear_to_srgb(np.clip(albedo, 0, 1)))
    noise, slope = float(rng.uniform(0, MAX_NOISE_STD)), float(rng.uniform(0, MAX_GRADIENT))
    return solid_reference((r, g, b), rng, side, noise, (1 - slope, 1 + slope))


def sample_coverings(count: int, split: str, seed: int) -> list[Covering]:
    """Sample wall coverings that have a texture. split: "test" has designs of its own."""
    sampled: list[Covering] = []
    rng = np.random.default_rng([seed, 51, split == "test"])
    while len(sampled) < count:
        material = coverings.sample_covering(rng, split).material
        if material.texture is None:
            continue
        image = np.asarray(material.texture.texels, np.float32) * np.asarray(material.albedo, np.float32)
        small = cv2.resize(np.clip(image, 0, 1), (TEXTURE_PX, TEXTURE_PX), interpolation=cv2.INTER_AREA)
        codes = np.round(255 * color.linear_to_srgb(small)).astype(np.uint8)
        sampled.append(Covering(codes, color.linear_to_lab(small.mean((0, 1)))))
    return sampled


def crop(covering: Covering, side: int, rng: np.random.Generator) -> Array:
    """Return a random crop of a wall covering, (side, side, 3) uint8 sRGB; it may wrap round the texture's edges."""
    px = round(float(rng.uniform(*CROP_SHARE)) * TEXTURE_PX)
    rows, columns = (np.arange(px) + int(rng.integers(TEXTURE_PX)) for _ in range(2))
    window = covering.texture.take(rows, axis=0, mode="wrap").take(columns, axis=1, mode="wrap")
    interpolation = cv2.INTER_AREA if px > side else cv2.INTER_CUBIC
    resized = cv2.resize(np.ascontiguousarray(window), (side, side), interpolation=interpolation)
    gain = float(np.exp(rng.normal(0, CROP_GAIN_SIGMA)))
    return np.clip(np.round(resized * gain), 0, 255).astype(np.uint8)


def caption(albedo: Array, rng: np.random.Generator, templates: Sequence[str] = CAPTIONS) -> str:
    """Return a caption with the CSS name of a paint's colour."""
    return str(templates[int(rng.integers(len(templates)))]).format(color=color_name(albedo))
