"""Drawn walls of brick, tiles and boards, with the true shading of their joints."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from support.measures import codes_of

SIZE = (240, 360)
GROOVE = 0.75  # share of light that reaches the middle of a joint


@dataclass(frozen=True)
class ReliefWall:
    """albedo: (H, W, 3) linear sRGB. shading: (H, W), 1 on flat faces. photo: (H, W, 3) uint8."""

    albedo: np.ndarray
    shading: np.ndarray
    photo: np.ndarray


def joint_map(course: int, length: int, joint: int, *, scale: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return (jointness 0..1, index of the brick), each (H, W), in half bond. course: 0 for upright boards."""
    height, width = SIZE[0] * scale, SIZE[1] * scale
    rows, cols = np.mgrid[:height, :width]
    row = rows // (course * scale) if course else np.zeros_like(rows)
    along = cols + (row % 2) * (length * scale // 2)
    is_joint = along % (length * scale) < joint * scale
    if course:
        is_joint |= rows % (course * scale) < joint * scale
    return is_joint.astype(np.float64), row * 1000 + along // (length * scale)


def relief_wall(kind: str, *, scale: int = 1, seed: int = 0) -> ReliefWall:
    """Draw a wall of "brick", "tiles" or "boards" in light that falls off to the right."""
    rng = np.random.default_rng(seed)
    course, length, joint = {"brick": (14, 44, 3), "tiles": (24, 48, 2), "boards": (0, 30, 2)}[kind]
    jointness, number = joint_map(course, length, joint, scale=scale)
    face, gap, spread = {
        "brick": ((0.36, 0.12, 0.07), (0.52, 0.49, 0.44), 0.25),
        "tiles": ((0.78, 0.77, 0.74), (0.2, 0.2, 0.19), 0.02),
        "boards": ((0.38, 0.22, 0.11), (0.1, 0.06, 0.035), 0.12),
    }[kind]
    tone = np.exp(rng.normal(0, spread, int(number.max()) + 1))[number]
    fibre = cv2.blur(rng.normal(0, 1, jointness.shape), (1, 61)) if kind == "boards" else np.zeros_like(jointness)
    tone = tone * np.exp(0.15 * fibre / max(fibre.std(), 1e-3))
    albedo = np.where(jointness[..., None] > 0, np.array(gap), np.array(face) * tone[..., None])
    shading = 1 - (1 - GROOVE) * jointness
    albedo, shading = (cv2.GaussianBlur(v, (0, 0), 0.6 * scale) for v in (albedo, shading))
    light = np.linspace(0.9, 0.6, albedo.shape[1])[None, :]
    noise = 1 + 0.01 * rng.normal(size=albedo.shape)
    return ReliefWall(albedo, shading, codes_of(albedo * (shading * light)[..., None] * noise))


def whole_mask(photo: np.ndarray) -> np.ndarray:
    """Return a mask of the whole photo but for a margin of 12 pixels, (H, W) uint8."""
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[12:-12, 12:-12] = 255
    return mask
