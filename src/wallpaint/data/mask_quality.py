"""A quality score of masks, measured on the photo alone: 0 is useless, 1 as good as drawn by hand.

    coverage      the mask is neither tiny nor the whole image
    edges         the mask's edge lies on edges of the photo that are stronger than the wall's own texture
    homogeneity   few outlier colours and few edges inside the mask
    contrast      less variation inside the mask than outside; an inverted mask has more

    score = coverage x edges^0.6 x homogeneity^0.3 x contrast^0.5

Everything is measured at 256 pixels in CIELAB, so the score does not depend on the photo's size. The thresholds were
tuned on the shipped rendered rooms, and on their masks shifted, grown, shrunk and inverted; see docs/data.md.
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
EDGE_TOLERANCE_PX = 2  # between the mask's edge and the photo's
BORDER_PX = 2  # at the image border the mask may end without an edge
MIN_INTERIOR_PX = 20
MIN_EDGE_GRADIENT, MIN_EDGE_TO_TEXTURE = 1.2, 1.6  # CIELAB per pixel; times the wall's texture gradient
OUTLIER_CHROMA, OUTLIER_LIGHTNESS, EDGE_GRADIENT = 14.0, 35.0, 4.0  # CIELAB
# Ramps, (value that scores 0, value that scores 1):
WALL_SHARE_RAMP, REST_SHARE_RAMP = (0.002, 0.03), (0.02, 0.15)  # share of wall, and of the rest, in the image
# Ramps of the share of edge pixels on an edge; of variation inside; of variation inside relative to outside:
AGREEMENT_RAMP, VARIATION_RAMP, RELATIVE_VARIATION_RAMP = (0.5, 0.85), (0.15, 0.65), (0.5, 0.7)
MIN_HOMOGENEITY = 0.2  # walls in several paints or wallpapers are not homogeneous
POWERS = {"coverage": 1.0, "edges": 0.6, "homogeneity": 0.3, "contrast": 0.5}


@dataclass(frozen=True)
class MaskQuality:
    """The four factors and the score, each 0..1. share: of wall in the image. agreement: share of the mask's edge
    pixels that have an edge of the photo nearby."""

    coverage: float
    edges: float
    homogeneity: float
    contrast: float
    score: float
    share: float
    agreement: float

    def to_dict(self) -> dict[str, float]:
        """Return plain numbers, rounded to three digits."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


def mask_quality(rgb: Array, alpha: Array) -> MaskQuality:
    """Measure a mask's quality.

    rgb: (H, W, 3) uint8 sRGB. alpha: (H, W) float32, 0..1, 1 on wall; neither empty nor full.
    """
    rgb, alpha = _downscaled(rgb, alpha)
    wall = alpha >= 0.5
    lab, gradient = _lab_and_gradient(rgb)
    nearby = cv2.dilate(gradient, np.ones((2 * EDGE_TOLERANCE_PX + 1,) * 2, np.uint8))  # (H, W)
    inside, outside = (_interior(zone) for zone in (wall, ~wall))
    share, agreement = float(wall.mean()), _agreement(wall, inside, nearby)
    variation_inside, variation_outside = (_variation(lab, nearby, zone) for zone in (inside, outside))
    relative_variation = (variation_inside + 0.03) / (variation_inside + variation_outside + 0.06)
    factors = {
        "coverage": min(_ramp(share, *WALL_SHARE_RAMP), _ramp(1 - share, *REST_SHARE_RAMP)),
        "edges": _ramp(agreement, *AGREEMENT_RAMP),
        "homogeneity": 1 - (1 - MIN_HOMOGENEITY) * _ramp(variation_inside, *VARIATION_RAMP),
        "contrast": 1 - _ramp(relative_variation, *RELATIVE_VARIATION_RAMP),
    }
    score = float(np.prod([value ** POWERS[name] for name, value in factors.items()]))
    return MaskQuality(**factors, score=score, share=share, agreement=agreement)


def describe_worst(quality: MaskQuality) -> str:
    """Describe the factor that lowers a mask's score most."""
    weighted = {name: getattr(quality, name) ** POWERS[name] for name in POWERS}
    worst = min(weighted, key=lambda name: weighted[name])
    return {
        "coverage": f"it covers {100 * quality.share:.1f} % of the image",
        "edges": f"only {100 * quality.agreement:.0f} % of its edge lies on an edge of the photo",
        "homogeneity": "its interior has many outlier colours or edges",
        "contrast": "its interior varies more than its exterior, as in an inverted mask: set `invert_mask` if black is "
        "wall",
    }[worst]


def _downscaled(rgb: Array, alpha: Array) -> tuple[Array, Array]:
    height, width = alpha.shape
    scale = SIDE_PX / max(height, width)
    if scale >= 1:
        return rgb, alpha
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small_rgb, small_alpha = (cv2.resize(array, size, interpolation=cv2.INTER_AREA) for array in (rgb, alpha))
    return small_rgb, small_alpha


def _lab_and_gradient(rgb: Array) -> tuple[Array, Array]:
    """Denoised CIELAB (H, W, 3), and its gradient magnitude (H, W), CIELAB per pixel."""
    lab = color.linear_to_lab(color.srgb_to_linear(rgb / 255.0)).astype(np.float32)
    lab = cv2.GaussianBlur(lab, (0, 0), NOISE_SIGMA_PX)
    across, down = (cv2.Sobel(lab, cv2.CV_32F, dx, 1 - dx, ksize=3) / 8 for dx in (1, 0))
    return lab, np.sqrt((across**2 + down**2).sum(-1))


def _interior(zone: Array) -> Array:
    """Return a zone, (h, w) bool, without its margin, or the whole zone if fewer than MIN_INTERIOR_PX remain."""
    eroded = masks.erode(zone, EDGE_TOLERANCE_PX + 3)
    return eroded if np.count_nonzero(eroded) >= MIN_INTERIOR_PX else zone


def _agreement(wall: Array, inside: Array, nearby: Array) -> float:
    """The share of the mask's edge pixels with an edge of the photo nearby; 0 for a mask without edges."""
    edge = wall & ~masks.erode(wall, 1)
    edge[:BORDER_PX] = edge[-BORDER_PX:] = False
    edge[:, :BORDER_PX] = edge[:, -BORDER_PX:] = False
    if not edge.any():
        return 0.0
    texture = float(np.quantile(nearby[inside], 0.6))
    return float((nearby[edge] > max(MIN_EDGE_GRADIENT, MIN_EDGE_TO_TEXTURE * texture)).mean())


def _variation(lab: Array, nearby: Array, zone: Array) -> float:
    """The share of pixels with an outlier colour plus the share near an edge, 0..2."""
    if not zone.any():
        return 0.0
    difference = lab[zone] - np.median(lab[zone], axis=0)
    chroma = np.hypot(difference[:, 1], difference[:, 2])
    is_outlier = (chroma > OUTLIER_CHROMA) | (np.abs(difference[:, 0]) > OUTLIER_LIGHTNESS)
    return float(is_outlier.mean() + (nearby[zone] > EDGE_GRADIENT).mean())


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))
