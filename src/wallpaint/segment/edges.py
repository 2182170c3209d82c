"""Edge-aware masks: from a coarse probability map to a mask at full size whose edges are those of the photo.

probability -> edge-preserving smoothing of the log odds
            -> at up to 1024 px: local colour models of wall and background, in a band round the edge
            -> guided filter: the map as a local affine function of the photo
            -> the same function at full size, with a steep ramp at 0.5
"""

from __future__ import annotations

import cv2
import numpy as np

from wallpaint.scene import mask as masks
from wallpaint.segment.network import sigmoid
from wallpaint.typing import Array

SMOOTHING_PX = 448  # on the longer side
SMOOTHING_LAMBDA, SMOOTHING_SIGMA_COLOR = 3.0, 4.0  # of the fast global smoother; sigma in codes of 8-bit CIELAB
MIN_PROBABILITY = 0.02  # probabilities are clipped to MIN_PROBABILITY..1 - MIN_PROBABILITY before smoothing
WORKING_PX = 1024  # on the longer side
MAP_PX = 192  # on the longer side, about the resolution of a network's map
BAND_WIDTH = 2.2  # in pixels of that resolution: maximum distance of an edge to the true one
COLOR_WEIGHT = 0.25  # weight of the local colour models relative to the network
MAX_COLOR_LOG_ODDS = 4.0
MIN_COLOR_VARIANCE = 6.0  # CIELAB, added to the variance of the colour models: noise, texture and shading
GUIDED_EPS = 2e-4  # regularisation of the guided filter: variance of the photo, in 0..1
RAMP_SLOPE = 3.0  # slope of the ramp at 0.5
SOFT_EDGE_PX = 3  # width of the soft edge at full size
MIN_COMPONENT_SHARE = 4e-4  # of the photo: smaller islands and holes are removed
MIN_COMPONENT_SHARE_FULL = 3e-5  # the same at full size, where the photo's grain produces more of them


def edge_aware_mask(probability: Array, rgb: Array) -> Array:
    """Convert a probability map to a mask with the photo's edges.

    probability: (h, w) float32, 0..1, of any size. rgb: (H, W, 3) uint8 sRGB. Returns (H, W) float32, 0..1, with values
    between 0 and 1 only within a few pixels of edges.
    """
    height, width = rgb.shape[:2]
    probability = smooth_log_odds(probability, rgb)
    scale = min(1.0, WORKING_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    is_smaller = size[0] < probability.shape[1]
    resized = cv2.resize(probability, size, interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR)
    band_px = max(1.0, BAND_WIDTH * max(size) / MAP_PX)
    refined = refine_by_local_color(resized, small, band_px)
    refined = _remove_small_components(refined)
    slope, offset = guided_filter_coefficients(refined, small, max(1, round(0.7 * band_px)))
    return _upsample(slope, offset, refined, rgb)


def smooth_log_odds(probability: Array, rgb: Array) -> Array:
    """Smooth the log odds within uniform surfaces of the photo, not across their edges.

    probability: (h, w) float32. rgb: (H, W, 3) uint8. Returns probabilities (k, l) float32, SMOOTHING_PX on the longer
    side. Source: fast global smoother, Min et al. 2014, which solves weighted least squares.
    """
    scale = SMOOTHING_PX / max(rgb.shape[:2])
    size = (max(2, round(rgb.shape[1] * scale)), max(2, round(rgb.shape[0] * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    resized = cv2.resize(probability, size, interpolation=cv2.INTER_LINEAR)
    clipped = np.clip(resized, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    log_odds = np.log(clipped / (1 - clipped)).astype(np.float32)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    return sigmoid(cv2.ximgproc.fastGlobalSmootherFilter(lab, log_odds, SMOOTHING_LAMBDA, SMOOTHING_SIGMA_COLOR))


def refine_by_local_color(probability: Array, rgb: Array, band_px: float) -> Array:
    """Add the log likelihood ratio of local colour models to the log odds in a band round the edge.

    probability: (h, w) float32. rgb: (h, w, 3) uint8. band_px: maximum distance of an edge to the true one. The models
    of wall and background are Gaussians in CIELAB over a box round each pixel, from pixels farther than band_px from
    the edge.
    """
    wall = probability > 0.5
    if wall.all() or not wall.any():
        return probability
    signed_distance = np.where(
        wall,
        cv2.distanceTransform(wall.astype(np.uint8), cv2.DIST_L2, 3),
        -cv2.distanceTransform((~wall).astype(np.uint8), cv2.DIST_L2, 3),
    )
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab[..., 0] *= 0.6  # shading changes lightness more than chroma
    radius = round(3 * band_px) + 1
    costs = []
    for certain in (signed_distance > band_px, signed_distance < -band_px):
        weight = certain.astype(np.float32)
        share = _box(weight, radius)
        mean = _box(lab * weight[..., None], radius) / (share + 1e-6)[..., None]
        square = _box(lab * lab * weight[..., None], radius) / (share + 1e-6)[..., None]
        variance = np.maximum(square - mean * mean, 0) + MIN_COLOR_VARIANCE
        cost = ((lab - mean) ** 2 / variance + np.log(variance)).sum(-1) / 2  # negative log likelihood
        costs.append((cost, share > 0.02))
    (wall_cost, has_wall), (background_cost, has_background) = costs
    ratio = np.clip(background_cost - wall_cost, -MAX_COLOR_LOG_ODDS, MAX_COLOR_LOG_ODDS)
    ratio = np.where(has_wall & has_background, ratio, 0)
    band_weight = np.clip(2 - np.abs(signed_distance) / band_px, 0, 1)
    clipped = np.clip(probability, 1e-3, 1 - 1e-3)
    return sigmoid(np.log(clipped / (1 - clipped)) + COLOR_WEIGHT * band_weight * ratio)


def guided_filter_coefficients(values: Array, rgb: Array, radius_px: int) -> tuple[Array, Array]:
    """Return coefficients of the colour guided filter: values is approximated by (slope * rgb).sum(-1) + offset.

    values: (h, w) float32. rgb: (h, w, 3) uint8. Returns slope (h, w, 3) and offset (h, w), float32, averaged over the
    boxes that contain a pixel. Source: He, Sun & Tang 2010.
    """
    guide = rgb.astype(np.float32) / 255
    mean, values_mean = _box(guide, radius_px), _box(values, radius_px)
    cross = _box(guide * values[..., None], radius_px) - mean * values_mean[..., None]
    covariance = {
        (i, j): _box(guide[..., i] * guide[..., j], radius_px)
        - mean[..., i] * mean[..., j]
        + (GUIDED_EPS if i == j else 0)
        for i in range(3)
        for j in range(i, 3)
    }
    slope = _solve_symmetric(covariance, cross)
    offset = values_mean - (slope * mean).sum(-1)
    return _box(slope, radius_px), _box(offset, radius_px)


def _solve_symmetric(matrix: dict[tuple[int, int], Array], vector: Array) -> Array:
    """Return matrix^-1 vector for symmetric 3 x 3 matrices, by cofactors."""
    a, b, c = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    d, e, f = matrix[1, 1], matrix[1, 2], matrix[2, 2]
    rows = ((d * f - e * e, c * e - b * f, b * e - c * d), (a * f - c * c, b * c - a * e), (a * d - b * b,))
    determinant = np.maximum(a * rows[0][0] + b * rows[0][1] + c * rows[0][2], 1e-14)
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    solution = np.stack(
        [
            rows[0][0] * x + rows[0][1] * y + rows[0][2] * z,
            rows[0][1] * x + rows[1][0] * y + rows[1][1] * z,
            rows[0][2] * x + rows[1][1] * y + rows[2][0] * z,
        ],
        -1,
    )
    return (solution / determinant[..., None]).astype(np.float32)


def _upsample(slope: Array, offset: Array, probability: Array, rgb: Array) -> Array:
    """Evaluate the guided filter at full size in a band round the edge; 0 and 1 elsewhere."""
    height, width = rgb.shape[:2]
    full = cv2.resize(probability, (width, height), interpolation=cv2.INTER_LINEAR)
    scale = width / probability.shape[1]
    side = 2 * round(SOFT_EDGE_PX * max(1.0, scale)) + 1
    kernel = np.ones((side, side), np.uint8)
    wall = (full > 0.5).astype(np.uint8)
    band = cv2.dilate(wall, kernel) != cv2.erode(wall, kernel)
    alpha = wall.astype(np.float32)
    rows, columns = np.nonzero(band)
    if len(rows):
        points = np.stack([(columns + 0.5) / scale - 0.5, (rows + 0.5) * probability.shape[0] / height - 0.5], -1)
        filtered = _evaluate_filter(slope, offset, points.astype(np.float32), rgb[rows, columns])
        alpha[rows, columns] = np.clip(RAMP_SLOPE * (filtered - 0.5) + 0.5, 0, 1)
    return _remove_small_components_full(alpha)


def _evaluate_filter(slope: Array, offset: Array, points: Array, rgb: Array) -> Array:
    """Evaluate the guided filter at points. points: (N, 2), x and y in the small image. rgb: (N, 3) uint8."""
    coefficients = np.dstack([slope, offset])
    columns = 1 << 14  # OpenCV's remap takes maps of at most 32767 a side
    rows = -(-len(points) // columns)
    padded = np.zeros((rows * columns, 2), np.float32)
    padded[: len(points)] = points
    grid = padded.reshape(rows, columns, 2)
    flags = {"interpolation": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REPLICATE}
    sampled = cv2.remap(coefficients, grid[..., 0], grid[..., 1], **flags).reshape(-1, 4)[: len(points)]
    return (sampled[:, :3] * (rgb.astype(np.float32) / 255)).sum(-1) + sampled[:, 3]


def _remove_small_components(probability: Array) -> Array:
    """Assign small islands and holes to the other class."""
    wall = probability > 0.5
    min_px = max(4, round(MIN_COMPONENT_SHARE * wall.size))
    clean = masks.remove_specks(wall, min_px, min_px // 2)
    return np.where(clean == wall, probability, np.where(clean, np.float32(0.9), np.float32(0.1)))


def _remove_small_components_full(alpha: Array) -> Array:
    """Remove islands and holes of a few pixels that the evaluation at full size produces."""
    wall = alpha >= 0.5
    min_px = max(4, round(MIN_COMPONENT_SHARE_FULL * wall.size))
    clean = masks.remove_specks(wall, min_px, min_px)
    return np.where(clean == wall, alpha, clean).astype(np.float32)


def _box(values: Array, radius_px: int) -> Array:
    side = (2 * radius_px + 1, 2 * radius_px + 1)
    return cv2.boxFilter(values, -1, side, borderType=cv2.BORDER_REFLECT)
