"""Whole surfaces: a minimum cut over regions of the photo moves the boundary of a wall map onto image edges.

A network may draw the boundary of a wall across an evenly painted surface. Here the photo is divided into small regions
whose boundaries follow its edges, and each region becomes wall or background: the labelling with the least sum of

    region:   log odds of its pixels that contradict the label
    boundary: BOUNDARY_COST for each pixel of boundary between wall and background, times exp(-(edge / EDGE_GRADIENT)^2)
              and exp(-(slope / LOG_ODDS_SLOPE)^2), for the photo's gradient and the slope of the map's log odds

So a surface without inner edges is decided as a whole, unless the map has a sharp boundary there: a network that sees a
corner or a curtain is certain on both sides, one that is in doubt changes slowly.

Source: Boykov, Veksler & Zabih 2001 (minimum cut); Meyer 1991 (watershed).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import breadth_first_order, maximum_flow
from skimage.segmentation import watershed

from wallpaint.segment.network import sigmoid
from wallpaint.typing import Array

REGION_PX = 640  # on the longer side; smaller photos are not enlarged
MARKER_SPACING_PX = 10  # of the grid of watershed markers, at REGION_PX
MIN_MARKER_SPACING_PX = 4
GRADIENT_SIGMA_PX = 1.0
EDGE_GRADIENT = 1.2  # CIELAB per pixel, at which a boundary costs 1 / e of that in a uniform area
LOG_ODDS_SLOPE = 0.6  # per pixel, at which a boundary costs 1 / e of that where the map is uniform
BOUNDARY_COST = 300.0  # log odds per pixel of boundary, at REGION_PX on the longer side
MAX_LOG_ODDS = 3.0  # of a pixel
CAPACITY_SCALE = 100  # of the integer capacities of the graph
MIN_CHANGE_PX = 7  # diameter below which a change is left to the network: thin parts and edges
CHANGED_LOG_ODDS = 1.1  # of pixels with a changed label
VISIBLE_GRADIENT = 2.5  # CIELAB per pixel: an edge that one sees
EDGE_TOLERANCE_PX = 3  # between a boundary and the edge that it follows


@dataclass(frozen=True, eq=False)
class RegionLabels:
    """Result of the minimum cut, at REGION_PX on the longer side.

    probability: (h, w) float32, the map with the changed labels. is_wall: (h, w) bool, the label of each region.
    error_probability: (h, w) float32, 0..1, the network's mean probability of the other label over the connected
    surface to which a pixel belongs; 0 on visible edges.
    """

    probability: Array
    is_wall: Array
    error_probability: Array


def complete_surfaces(probability: Array, rgb: Array) -> RegionLabels:
    """Complete or drop whole surfaces, where the map divides them without an edge.

    probability: (k, l) float32, 0..1. rgb: (H, W, 3) uint8 sRGB, H, W >= 2. Thin parts keep the probabilities given.
    """
    small = _resize_to(rgb, REGION_PX)
    height, width = small.shape[:2]
    resized = cv2.resize(probability, (width, height), interpolation=cv2.INTER_LINEAR)
    clipped = np.clip(resized, 1e-4, 1 - 1e-4)
    log_odds = np.log(clipped / (1 - clipped)).astype(np.float32)
    limited = np.clip(log_odds, -MAX_LOG_ODDS, MAX_LOG_ODDS)
    gradient = lab_gradient(small)
    size_ratio = max(height, width) / REGION_PX
    regions, count = _regions(gradient, max(MIN_MARKER_SPACING_PX, round(MARKER_SPACING_PX * size_ratio)))
    barrier = np.hypot(gradient / EDGE_GRADIENT, _gradient(limited) / LOG_ODDS_SLOPE)
    is_wall = _minimum_cut(regions, count, limited, barrier, BOUNDARY_COST * size_ratio)[regions]
    changed = (is_wall != (log_odds > 0)).astype(np.uint8)
    core = cv2.morphologyEx(changed, cv2.MORPH_OPEN, _disc(MIN_CHANGE_PX))
    changed = (changed > 0) & (cv2.dilate(core, _disc(MIN_CHANGE_PX)) > 0)
    decided = np.where(is_wall, CHANGED_LOG_ODDS, -CHANGED_LOG_ODDS)
    return RegionLabels(
        sigmoid(np.where(changed, decided, log_odds).astype(np.float32)),
        is_wall,
        _error_probability(is_wall, gradient, resized),
    )


def boundary_without_edge(mask: Array, rgb: Array) -> float:
    """Return the share of a mask's boundary that follows no edge of the photo, 0..1; 0 without a boundary.

    mask: (H, W) float32 or bool. rgb: (H, W, 3) uint8 sRGB. An edge is a CIELAB gradient of VISIBLE_GRADIENT or more
    within EDGE_TOLERANCE_PX, at REGION_PX on the longer side, or at the size of a smaller photo. The picture's border
    is no boundary.
    """
    small = _resize_to(rgb, REGION_PX)
    size = (small.shape[1], small.shape[0])
    wall = cv2.resize(np.asarray(mask, np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    visible = (lab_gradient(small) >= VISIBLE_GRADIENT).astype(np.uint8)
    near_edge = cv2.dilate(visible, _disc(2 * EDGE_TOLERANCE_PX + 1)) > 0
    boundary = np.zeros_like(wall)
    boundary[:, :-1] |= wall[:, :-1] != wall[:, 1:]
    boundary[:-1] |= wall[:-1] != wall[1:]
    return float((boundary & ~near_edge).sum()) / max(1.0, float(boundary.sum()))


def lab_gradient(rgb: Array) -> Array:
    """Return the magnitude of the CIELAB gradient, (h, w) float32, per pixel, over all three channels.

    rgb: (h, w, 3) uint8 sRGB; smoothed with a Gaussian of GRADIENT_SIGMA_PX.
    """
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab = cv2.GaussianBlur(lab, (0, 0), GRADIENT_SIGMA_PX)
    return _gradient(lab)


def _gradient(values: Array) -> Array:
    """Return the magnitude of the gradient per pixel, (h, w) float32, of (h, w) or over the channels of (h, w, C)."""
    dx, dy = (cv2.Sobel(values, cv2.CV_32F, *order, ksize=1, scale=0.5) for order in ((1, 0), (0, 1)))
    square = dx * dx + dy * dy
    return np.sqrt(square.sum(-1) if square.ndim == 3 else square)


def _regions(gradient: Array, spacing: int) -> tuple[Array, int]:
    """Divide an image by watershed from the flattest pixel of each grid cell: labels (h, w), and their number.

    spacing: side of a grid cell in pixels.
    """
    height, width = gradient.shape
    rows, columns = math.ceil(height / spacing), math.ceil(width / spacing)
    padded = np.pad(gradient, ((0, rows * spacing - height), (0, columns * spacing - width)), constant_values=np.inf)
    cells = padded.reshape(rows, spacing, columns, spacing).transpose(0, 2, 1, 3)
    flattest = cells.reshape(rows, columns, -1).argmin(-1)
    y = flattest // spacing + spacing * np.arange(rows)[:, None]
    x = flattest % spacing + spacing * np.arange(columns)[None, :]
    markers = np.zeros(gradient.shape, np.int32)
    markers[y, x] = 1 + np.arange(rows * columns).reshape(rows, columns)
    return watershed(gradient, markers) - 1, rows * columns


def _minimum_cut(regions: Array, count: int, log_odds: Array, barrier: Array, boundary_cost: float) -> Array:
    """Return the label of each region, (count,) bool: wall where the source's side of the minimum cut is.

    regions, log_odds, barrier: (h, w). boundary_cost: per pixel of boundary, times exp(-barrier^2).
    """
    total = np.bincount(regions.ravel(), log_odds.ravel(), count)
    pairs = [
        (regions[:, 1:], regions[:, :-1], np.maximum(barrier[:, 1:], barrier[:, :-1])),
        (regions[1:], regions[:-1], np.maximum(barrier[1:], barrier[:-1])),
    ]
    first, second, edge = (np.concatenate([part.ravel() for part in group]) for group in zip(*pairs, strict=True))
    differs = first != second
    first, second, edge = first[differs], second[differs], edge[differs]
    cost = boundary_cost * np.exp(-(edge**2))
    source, sink, every = count, count + 1, np.arange(count)
    rows = np.concatenate([first, second, np.full(count, source), every])
    columns = np.concatenate([second, first, every, np.full(count, sink)])
    capacities = np.concatenate([cost, cost, np.maximum(total, 0), np.maximum(-total, 0)])
    graph = scipy.sparse.coo_matrix((capacities, (rows, columns)), shape=(count + 2, count + 2)).tocsr()
    graph.data = np.round(CAPACITY_SCALE * graph.data)
    graph = graph.astype(np.int32)
    residual = graph - maximum_flow(graph, source, sink).flow
    residual.data = np.maximum(residual.data, 0)
    residual.eliminate_zeros()
    reached = np.zeros(count + 2, bool)
    reached[breadth_first_order(residual, source, return_predecessors=False)] = True
    return reached[:count]


def _error_probability(is_wall: Array, gradient: Array, probability: Array) -> Array:
    """Return the mean probability of the other label over each connected surface: one label, no visible edge inside."""
    is_flat = gradient < VISIBLE_GRADIENT
    error = np.zeros(is_wall.shape, np.float32)
    for label, other in ((True, 1 - probability), (False, probability)):
        inside = ((is_wall == label) & is_flat).astype(np.uint8)
        count, components = cv2.connectedComponents(inside, connectivity=4)
        sizes: Array = np.bincount(components.ravel(), minlength=count)
        totals: Array = np.bincount(components.ravel(), weights=other.ravel(), minlength=count)
        means = totals / np.maximum(sizes, 1)
        error = np.where(inside > 0, means[components], error)
    return error.astype(np.float32)


def _resize_to(rgb: Array, longer_px: int) -> Array:
    scale = longer_px / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = (max(2, round(rgb.shape[1] * scale)), max(2, round(rgb.shape[0] * scale)))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)


def _disc(diameter_px: int) -> Array:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter_px, diameter_px))
