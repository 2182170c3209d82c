"""How far a mask can be trusted, measured on the photo alone: 0 is useless, 1 is as good as drawn by hand.

    coverage      neither a speck nor the whole picture
    edges         where the mask ends the photo has an edge, stronger than what the wall's own texture shows
    homogeneity   inside the mask there is hardly anything but wall: few odd colours, few edges
    contrast      inside the mask there is less going on than outside; a mask the wrong way round has it the other way

    score = coverage x edges^0.6 x homogeneity^0.3 x contrast^0.5

All of it at 256 pixels, in CIELAB, so that it does not depend on the photo's size. The ramps were set on the shipped
rendered rooms and on their masks shifted, grown, shrunk and inverted; docs/data.md has the figures.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.scene import mask as masks
from wallpaint.typing import Array

SIDE_PX = 256
NOISE_SIGMA_PX = 0.8
TOLERANCE_PX = 2  # between a mask's edge and the photo's
BORDER_PX = 2  # of the picture, where a mask may end without an edge
LEAST_PX = 20
EDGE_STEP, EDGE_OVER_TEXTURE = 1.2, 1.6  # CIELAB a pixel; times the wall's own
ODD_CHROMA, ODD_LIGHTNESS, BUSY_STEP = 14.0, 35.0, 4.0  # CIELAB
SMALL, LARGE = (0.002, 0.03), (0.02, 0.15)  # share of wall, and of what is not wall: from useless to good
AGREED, UNEVEN, INSIDE = (0.5, 0.85), (0.15, 0.65), (0.5, 0.7)
EVEN_AT_LEAST = 0.2  # walls of several paints and papers are not even
POWERS = {"coverage": 1.0, "edges": 0.6, "homogeneity": 0.3, "contrast": 0.5}


@dataclass(frozen=True)
class Quality:
    """The four parts and the whole, each 0..1. share: of wall in the picture. agreement: of the mask's edge with the
    photo's, the share of its pixels that have an edge beside them."""

    coverage: float
    edges: float
    homogeneity: float
    contrast: float
    score: float
    share: float
    agreement: float

    def to_dict(self) -> dict[str, float]:
        """Plain numbers, three digits."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


def mask_quality(rgb: Array, alpha: Array) -> Quality:
    """Judge a mask. rgb: (H, W, 3) uint8 sRGB. alpha: (H, W) float32, 0..1, 1 on wall; neither empty nor full."""
    rgb, alpha = _small(rgb, alpha)
    wall = alpha >= 0.5
    lab, steps = _lab_and_steps(rgb)
    nearby = cv2.dilate(steps, np.ones((2 * TOLERANCE_PX + 1,) * 2, np.uint8))
    inside, outside = (_core(zone) for zone in (wall, ~wall))
    share, agreement = float(wall.mean()), _agreement(wall, inside, nearby)
    within, beyond = (_unevenness(lab, nearby, zone) for zone in (inside, outside))
    parts = {
        "coverage": min(_ramp(share, *SMALL), _ramp(1 - share, *LARGE)),
        "edges": _ramp(agreement, *AGREED),
        "homogeneity": 1 - (1 - EVEN_AT_LEAST) * _ramp(within, *UNEVEN),
        "contrast": 1 - _ramp((within + 0.03) / (within + beyond + 0.06), *INSIDE),
    }
    score = float(np.prod([value ** POWERS[name] for name, value in parts.items()]))
    return Quality(**parts, score=score, share=share, agreement=agreement)


def in_words(quality: Quality) -> str:
    """What is worst about a mask, as a sentence."""
    lost = {name: getattr(quality, name) ** POWERS[name] for name in POWERS}
    worst = min(lost, key=lambda name: lost[name])
    return {
        "coverage": f"it covers {100 * quality.share:.1f} % of the picture",
        "edges": f"only {100 * quality.agreement:.0f} % of its edge lies on an edge of the photo",
        "homogeneity": "there is much in it that does not look like wall",
        "contrast": "more is going on inside it than outside, as if black were wall",
    }[worst]


def _small(rgb: Array, alpha: Array) -> tuple[Array, Array]:
    height, width = alpha.shape
    scale = SIDE_PX / max(height, width)
    if scale >= 1:
        return rgb, alpha
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small_rgb, small_alpha = (cv2.resize(array, size, interpolation=cv2.INTER_AREA) for array in (rgb, alpha))
    return small_rgb, small_alpha


def _lab_and_steps(rgb: Array) -> tuple[Array, Array]:
    """CIELAB with its noise smoothed, and how much it changes from pixel to pixel."""
    lab = color.linear_to_lab(color.srgb_to_linear(rgb / 255.0)).astype(np.float32)
    lab = cv2.GaussianBlur(lab, (0, 0), NOISE_SIGMA_PX)
    across, down = (cv2.Sobel(lab, cv2.CV_32F, dx, 1 - dx, ksize=3) / 8 for dx in (1, 0))
    return lab, np.sqrt((across**2 + down**2).sum(-1))


def _core(zone: Array) -> Array:
    inner = masks.erode(zone, TOLERANCE_PX + 3)
    return inner if np.count_nonzero(inner) >= LEAST_PX else zone


def _agreement(wall: Array, inside: Array, nearby: Array) -> float:
    """The share of a mask's edge that has an edge of the photo beside it; 0 for a mask without an edge."""
    edge = wall & ~masks.erode(wall, 1)
    edge[:BORDER_PX] = edge[-BORDER_PX:] = False
    edge[:, :BORDER_PX] = edge[:, -BORDER_PX:] = False
    if not edge.any():
        return 0.0
    texture = float(np.quantile(nearby[inside], 0.6))
    return float((nearby[edge] > max(EDGE_STEP, EDGE_OVER_TEXTURE * texture)).mean())


def _unevenness(lab: Array, nearby: Array, zone: Array) -> float:
    """Share of odd colours plus share of edges, 0..2."""
    if not zone.any():
        return 0.0
    away = lab[zone] - np.median(lab[zone], axis=0)
    odd = (np.hypot(away[:, 1], away[:, 2]) > ODD_CHROMA) | (np.abs(away[:, 0]) > ODD_LIGHTNESS)
    return float(odd.mean() + (nearby[zone] > BUSY_STEP).mean())


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))
