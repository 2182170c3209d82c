"""Relief of walls in courses or boards: shading of brick, tiles and boards, separated from their old colours.

A new coat covers the colours of bricks and mortar, but not their shape. The wall is divided by its light without
pattern (`existing_paint`), and what remains is a mix of two materials,

    photo / base = face + jointness x (joint - face)        (per pixel, linear light)

face: the median colour of each brick, tile or board. joint: the colour of the wall's mortar, grout or gaps. Joints are
recessed and receive less light, whatever their colour, so the shading of the relief is

    log shading = JOINT_LOG_SHADING x jointness + RESIDUAL_GAIN x (log luminance that the mix does not explain)

Neither the tone of a brick nor the colour of its mortar is part of it. Joints are long straight lines that cover the
smaller part of the wall: among all directions in the plane of luminance and chroma, the one in which means along lines
are most skewed separates joints from faces, and it separates the wall into many faces.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wallpaint.imaging import color
from wallpaint.imaging.masked_filters import box_mean
from wallpaint.typing import Array

# Fitted on flat walls with rendered height maps: brick, boards and tiles in directional and ambient light.
JOINT_LOG_SHADING = -0.2  # natural log
RESIDUAL_GAIN = 0.15
RESIDUAL_LIMITS = (-0.35, 0.2)  # natural log, of luminance that the mix of face and joint does not explain
MIN_RATIO = 0.02  # of photo to base, for logs
LINE_PX, SHORT_LINE_PX = (21, 41), 13  # working pixels: along courses and boards, and along joints between two courses
LINE_SHARE = 16  # the wall's longest side over the length of lines, within LINE_PX
COURSE_ANGLES_DEG = np.linspace(-40, 40, 21)  # of horizontal lines in perspective
UPRIGHT_ANGLES_DEG = np.array([84.0, 90.0, 96.0])
DIRECTIONS = np.deg2rad(np.arange(0, 360, 20))  # in the plane of luminance and chroma
CHROMA_WEIGHT = 1.5
MIN_SCORE = 0.02  # skewness x root of spread x straightness^2, below which a direction separates nothing
CORE_QUANTILE = 0.97  # of means along lines, taken for the middle of a joint
MIN_CROSS_SKEWNESS = 0.3  # of means along the other direction, below which it has no joints
CROSS_THRESHOLD = 0.8  # threshold of the other direction, relative to that of the main direction
MIN_FACES = 4  # effective number of faces that the joints of a wall separate
MIN_FACE_PX, MIN_JOINT_PX = 6, 20  # working pixels
SAMPLE_PIXELS = 20_000
# Courses of brick or tiles: many faces, and means along lines that vary nearly as much as the pixels.
COURSES = ((0.8, 14), (0.74, 25))  # least straightness and number of faces
COURSE_SKEWNESS, MAX_JOINT_THICKNESS = 0.1, 0.7
THIN_JOINT = 1.3  # working pixels, thickness of the thinnest joints, which count as thin whatever the faces
# Boards: lines in one direction only, gaps darker than the boards and of their hue; stripes are not.
BOARD_STRAIGHTNESS, BOARD_SKEWNESS, MIN_BOARDS = 0.93, 0.7, 4
MAX_GAP_RATIO, MAX_GAP_CHROMA = 0.88, 0.04


@dataclass(frozen=True, eq=False)
class Joints:
    """Joints between the faces of a wall.

    core: (h, w) bool, the middle of the joints. strength: (h, w) float32, position between faces and joints.
    is_geometric: whether they are joints of brick, tiles or boards, and not lines of a print.
    """

    core: Array
    strength: Array
    is_geometric: bool


@dataclass(frozen=True, eq=False)
class ReliefModel:
    """Materials of a wall at working size, relative to its light without pattern.

    face: (h, w, 3) float32, of the nearest brick, tile or board. joint: (3,) float32. near_joint: (h, w) float32, 0..1,
    0 where a pixel is face whatever its colour.
    """

    face: Array
    joint: Array
    near_joint: Array

    @property
    def tone_spread(self) -> float:
        """Standard deviation of the log luminance of faces."""
        return float(np.log(np.maximum(color.luminance(self.face), MIN_RATIO)).std())

    def log_shading(self, ratio: Array, face: Array, near_joint: Array) -> Array:
        """Return the log shading of the relief, (...,) float32, in pixels of any grid.

        ratio: (..., 3) float32, photo / base in linear sRGB. face, near_joint: those of the model in these pixels.
        """
        line = self.joint - face
        projection = np.einsum("...c,...c->...", ratio - face, line)
        jointness = np.clip(projection / (np.einsum("...c,...c->...", line, line) + 0.01), 0, 1) * near_joint
        mixed = color.luminance(face + jointness[..., None] * line)
        residual = np.log(np.maximum(color.luminance(ratio), MIN_RATIO) / np.maximum(mixed, MIN_RATIO))
        shading = JOINT_LOG_SHADING * jointness + RESIDUAL_GAIN * np.clip(residual, *RESIDUAL_LIMITS)
        return np.asarray(shading, np.float32)


def find_joints(ratio: Array, weight: Array, radius_px: int) -> Joints | None:
    """Find the joints of a wall; None where no lines separate faces.

    ratio: (h, w, 3) float32, wall / its light without pattern, linear sRGB. weight: (h, w) float32, 0..1, share of
    wall. radius_px: of the mean that is subtracted first.
    """
    wall = weight > 0.5
    if np.count_nonzero(wall) < MIN_JOINT_PX:
        return None
    planes = _luminance_and_chroma(ratio, weight, radius_px)
    length = int(np.clip(max(wall.shape) // LINE_SHARE, *LINE_PX))
    families = [
        _line_means(planes, weight, length, COURSE_ANGLES_DEG),
        _line_means(planes, weight, SHORT_LINE_PX, UPRIGHT_ANGLES_DEG),
    ]
    candidates = [c for main in range(2) for c in _candidates(planes, families, main, wall)]
    if not candidates:
        return None
    best = max(candidates, key=lambda c: c.value)
    if best.faces < MIN_FACES:
        return None
    return Joints(best.core, _project(planes, best.direction), _is_geometric(best, ratio, wall, candidates))


def fit_relief(ratio: Array, weight: Array, joints: Joints | None) -> ReliefModel:
    """Measure the colours of faces and joints; without joints, the wall is one face. ratio, weight: as above."""
    wall = weight > 0.5
    if joints is None:
        return _one_face(ratio)
    labels, count = _label_faces(joints.core, wall)
    if count == 0 or np.count_nonzero(joints.core) < MIN_JOINT_PX:
        return _one_face(ratio)
    medians = np.stack([_medians(ratio[..., c], labels, count) for c in range(3)], -1).astype(np.float32)
    middle = joints.core & (joints.strength > np.median(joints.strength[joints.core]))
    joint = np.median(ratio[middle if middle.any() else joints.core], axis=0).astype(np.float32)
    near = cv2.dilate(joints.core.astype(np.float32), np.ones((5, 5), np.uint8))
    # Beyond the wall's core there are no line means, and the colour alone decides.
    near = np.maximum(cv2.GaussianBlur(near, (0, 0), 0.7), (~wall).astype(np.float32))
    return ReliefModel(medians[_nearest_label(labels)], joint, near)


def _one_face(ratio: Array) -> ReliefModel:
    none = np.zeros(ratio.shape[:2], np.float32)
    return ReliefModel(np.ones_like(ratio), np.ones(3, np.float32), none)


# -- lines -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Candidate:
    """Lines of one family in one direction of the plane of luminance and chroma.

    straightness: standard deviation of means along lines relative to that of the pixels. faces: effective number of
    faces. family: 0 courses, 1 upright. thickness, face_thickness: mean distance to the border in joints and in the
    rest of the wall, working pixels.
    """

    family: int
    direction: float
    score: float
    skewness: float
    straightness: float
    core: Array
    faces: float
    thickness: float
    face_thickness: float

    @property
    def value(self) -> float:
        """Of candidates, the one with the highest value has the joints."""
        return float(self.score * np.sqrt(self.faces) / self.thickness**2)


def _luminance_and_chroma(ratio: Array, weight: Array, radius_px: int) -> Array:
    """Return (h, w, 2) float32: log luminance, and the principal component of log colour ratios, without their mean."""
    log = np.log(np.maximum(ratio, MIN_RATIO)).astype(np.float32)
    log = log - box_mean(log, weight + 1e-6, radius_px)
    luma = color.luminance(log).astype(np.float32)
    chroma = log[..., [0, 2]] - log[..., 1:2]
    _, axes = np.linalg.eigh(np.cov(chroma[weight > 0.5].T))
    return np.stack([luma, (chroma @ axes[:, 1]).astype(np.float32)], -1)


def _project(planes: Array, direction: float) -> Array:
    projected = np.float32(np.cos(direction)) * planes[..., 0]
    return projected + np.float32(np.sin(direction) * CHROMA_WEIGHT) * planes[..., 1]


def _line_means(planes: Array, weight: Array, length: int, angles: Array) -> Array:
    """Return (h, w, 2): of the means along lines through each pixel, the one of the largest magnitude."""
    best = np.zeros_like(planes)
    weighted = np.dstack([planes * weight[..., None], weight])
    for angle in angles:
        total = cv2.filter2D(weighted, -1, _line_kernel(length, float(angle)))
        mean = total[..., :2] / (total[..., 2:] + np.float32(1e-4))
        best = np.where(np.abs(mean) > np.abs(best), mean, best)
    return best


def _line_kernel(length: int, angle_deg: float) -> Array:
    radius = length // 2 + 1
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    dx, dy = (length / 2 * f(np.deg2rad(angle_deg)) for f in (np.cos, np.sin))
    start, end = ((round((radius + s * dx) * 16), round((radius + s * dy) * 16)) for s in (-1, 1))
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA, 4)
    return kernel / kernel.sum()


def _candidates(planes: Array, families: list[Array], main: int, wall: Array) -> list[_Candidate]:
    """Return the directions in which the means along the lines of one family are skewed."""
    every = max(1, np.count_nonzero(wall) // SAMPLE_PIXELS)
    means, pixels = families[main][wall][::every], planes[wall][::every]
    skewness, spread = np.array([_skewness(_project(means, t)) for t in DIRECTIONS]).T
    straightness = spread / np.array([_project(pixels, t).std() + 0.01 for t in DIRECTIONS])
    score = skewness * np.sqrt(spread) * straightness**2
    result = []
    for k in np.flatnonzero(score > MIN_SCORE):
        core = _core(families, main, float(DIRECTIONS[k]), wall)
        values = (float(DIRECTIONS[k]), float(score[k]), float(skewness[k]), float(straightness[k]))
        thickness = (_thickness(core), _thickness(wall & ~core))
        result.append(_Candidate(main, *values, core, _effective_faces(core, wall), *thickness))
    return result


def _skewness(values: Array) -> tuple[float, float]:
    """Return the skewness about the median, and the standard deviation about it, with a floor for noise."""
    deviation = values - np.median(values)
    spread = float(deviation.std()) + 0.01
    return float((deviation**3).mean()) / spread**3, spread


def _core(families: list[Array], main: int, direction: float, wall: Array) -> Array:
    """Return the middle of the joints, (h, w) bool, in the main family of lines and across it."""
    core = np.zeros(wall.shape, bool)
    main_threshold = 0.0
    for family in (main, 1 - main):
        means = _project(families[family], direction)
        values = means[wall]
        median = float(np.median(values))
        threshold = median + 0.5 * (float(np.quantile(values, CORE_QUANTILE)) - median)
        if family == main:
            main_threshold = threshold
        elif _skewness(values)[0] < MIN_CROSS_SKEWNESS:
            continue
        else:
            threshold = max(threshold, CROSS_THRESHOLD * main_threshold)
        core |= means > threshold
    return core & wall


def _thickness(mask: Array) -> float:
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
    return float(distance[mask].mean()) if mask.any() else 1.0


def _is_geometric(best: _Candidate, ratio: Array, wall: Array, candidates: list[_Candidate]) -> bool:
    return any(_has_courses(c) for c in candidates if c.value > 0.5 * best.value) or _has_boards(best, ratio, wall)


def _has_courses(lines: _Candidate) -> bool:
    return (
        lines.family == 0
        and any(lines.straightness >= least and lines.faces >= faces for least, faces in COURSES)
        and lines.skewness >= COURSE_SKEWNESS
        and lines.thickness < max(MAX_JOINT_THICKNESS * lines.face_thickness, THIN_JOINT)
    )


def _has_boards(lines: _Candidate, ratio: Array, wall: Array) -> bool:
    faces = wall & ~lines.core
    if not lines.core.any() or not faces.any():
        return False
    gap, face = (np.median(ratio[pixels], axis=0) for pixels in (lines.core, faces))
    darkness = float(color.luminance(gap)) / max(float(color.luminance(face)), 1e-3)
    return (
        lines.straightness >= BOARD_STRAIGHTNESS
        and lines.skewness >= BOARD_SKEWNESS
        and lines.faces >= MIN_BOARDS
        and darkness < MAX_GAP_RATIO
        and float(np.abs(gap / gap.sum() - face / face.sum()).sum()) * darkness < MAX_GAP_CHROMA
    )


# -- faces -----------------------------------------------------------------------------------------------


def _components(core: Array, wall: Array) -> tuple[Array, Array]:
    """Return the connected components of the wall without joints, (h, w), and their areas; component 0 is the rest."""
    grown = cv2.dilate(core.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    _, components, stats, _ = cv2.connectedComponentsWithStats((wall & ~grown).astype(np.uint8), connectivity=4)
    return components, stats[:, cv2.CC_STAT_AREA]


def _effective_faces(core: Array, wall: Array) -> float:
    areas = _components(core, wall)[1][1:].astype(np.float64)
    return float(areas.sum() ** 2 / np.maximum((areas**2).sum(), 1))


def _label_faces(core: Array, wall: Array) -> tuple[Array, int]:
    """Label each brick, tile or board: (h, w), -1 elsewhere; and their number."""
    components, areas = _components(core, wall)
    large = areas >= MIN_FACE_PX
    large[0] = False
    return np.where(large, np.cumsum(large) - 1, -1)[components], int(large.sum())


def _medians(values: Array, labels: Array, count: int) -> Array:
    """Return the median of values, (h, w), over the pixels of each label: (count,)."""
    known = labels >= 0
    order = np.lexsort((values[known], labels[known]))
    label, value = labels[known][order], values[known][order]
    first, last = (np.searchsorted(label, np.arange(count), side) for side in ("left", "right"))
    return value[(first + last) // 2]


def _nearest_label(labels: Array) -> Array:
    unknown = (labels < 0).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(unknown, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    label_of = np.zeros(int(nearest.max()) + 1, np.int64)
    label_of[nearest[unknown == 0]] = labels[unknown == 0]
    return label_of[nearest]
