"""Colour arithmetic on arrays: sRGB, linear light, XYZ, CIELAB, Oklab, colour differences and gamut.

Every function takes any leading shape with the three channels last, returns a new array, keeps float32 as
float32 and float64 as float64, and computes everything else in float64. Linear sRGB is relative to its white,
D65 at (1, 1, 1), and may lie outside 0..1: nothing here clips, except `compress_gamut`.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from wallpaint.errors import InputError, ShapeError
from wallpaint.imaging.ciede2000 import ciede2000

Array: TypeAlias = NDArray[np.floating[Any]]
Flags: TypeAlias = NDArray[np.bool_]

RGB_TO_XYZ = np.array(
    [
        [506752 / 1228815, 87881 / 245763, 12673 / 70218],
        [87098 / 409605, 175762 / 245763, 12673 / 175545],
        [7918 / 409605, 87881 / 737289, 1001167 / 1053270],
    ]
)
"""Linear sRGB to XYZ, exact for the primaries and the D65 white (0.3127, 0.3290). Source: CSS Color 4."""
XYZ_TO_RGB = np.linalg.inv(RGB_TO_XYZ)
WHITE_XYZ = RGB_TO_XYZ.sum(axis=1)
"""D65 as this matrix gives it, so that r = g = b is exactly neutral."""
LUMINANCE = RGB_TO_XYZ[1].copy()
"""Weights of linear r, g, b in the luminance Y; their sum is 1."""

# Source: B. Ottosson, "A perceptual color space for image processing", matrices of 2021-01-25.
_RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_LMS_TO_RGB = np.linalg.inv(_RGB_TO_LMS)
_OKLAB_TO_LMS = np.linalg.inv(_LMS_TO_OKLAB)

# The sRGB curve: a line near black, a shifted power above. Source: IEC 61966-2-1.
SRGB_THRESHOLD, SRGB_LINEAR_THRESHOLD = 0.04045, 0.0031308  # end of the line, encoded and in linear light
SRGB_SLOPE, SRGB_OFFSET, SRGB_EXPONENT = 12.92, 0.055, 2.4

# CIELAB's curve: a line up to the threshold, a cube root above. Source: CIE 15.
LAB_THRESHOLD = (6.0 / 29.0) ** 3
LAB_SLOPE, LAB_OFFSET = (29.0 / 6.0) ** 2 / 3.0, 4.0 / 29.0

MIN_HUE_CHROMA = 2.0
"""CIELAB chroma below which a hue is noise and counts as undefined."""
BANDS = ((1.0, "not visible"), (2.0, "experts see it"), (10.0, "clearly visible"), (np.inf, "another colour"))
"""Upper limit of a colour difference, and what it means to the eye."""

GAMUT_TOLERANCE = 1e-5
"""Linear light by which a colour may leave the gamut and still count as inside: rounding, never visible."""
_IDENTITY = np.eye(3)
_BISECTIONS = 18
_BLOCK = 1 << 14  # values or colours worked on at a time, so that the temporaries stay in the cache


def _floats(values: ArrayLike) -> Array:
    array = np.asarray(values)
    if array.dtype in (np.float32, np.float64):
        return array
    if array.dtype == np.float16:
        return array.astype(np.float32)
    if array.dtype.kind == "u":
        raise InputError(f"a colour array must hold floats (white is 1), not {array.dtype} codes: divide first")
    return array.astype(np.float64)


def _colors(values: ArrayLike) -> Array:
    array = _floats(values)
    if array.ndim == 0 or array.shape[-1] != 3:
        raise ShapeError(f"a colour array must end in 3 channels, this one has the shape {array.shape}")
    return array


def apply_matrix(colors: ArrayLike, matrix: ArrayLike) -> Array:
    """Multiply each colour by a 3x3 matrix: result[..., i] = sum_j matrix[i, j] colors[..., j].

    colors: (..., 3). A linear-algebra library spins up threads for this and loses by it.
    """
    array = _colors(colors)
    rows = np.asarray(matrix, dtype=array.dtype)
    if array.size < 64:
        return np.asarray(array @ rows.T)
    if np.array_equal(rows, _IDENTITY):  # the gamut of sRGB
        return array.copy()
    if array.dtype == np.float32:
        return np.asarray(cv2.transform(np.ascontiguousarray(array).reshape(1, -1, 3), rows)).reshape(array.shape)
    result = np.empty_like(array)
    flat, into = array.reshape(-1, 3), result.reshape(-1, 3)
    for start in range(0, len(flat), _BLOCK):
        r, g, b = (np.ascontiguousarray(flat[start : start + _BLOCK, c]) for c in range(3))
        for i, row in enumerate(rows):
            into[start : start + _BLOCK, i] = r * row[0] + g * row[1] + b * row[2]
    return result


def _in_blocks(function: Callable[[Array], Array], flat: Array) -> Array:
    """`function` of an array (N,) or (N, 3), block by block: on whole photos, temporaries cost the most."""
    if len(flat) <= _BLOCK:
        return function(flat)
    result = np.empty_like(flat)
    for start in range(0, len(flat), _BLOCK):
        result[start : start + _BLOCK] = function(flat[start : start + _BLOCK])
    return result


def brightest_channel(rgb: ArrayLike) -> Array:
    """Largest of the three channels, shape (...), of colours (..., 3). Faster than a maximum over the short axis."""
    colors = _colors(rgb)
    return np.maximum(np.maximum(colors[..., 0], colors[..., 1]), colors[..., 2])


# -- light and lightness ---------------------------------------------------------------------------------


def srgb_to_linear(srgb: ArrayLike) -> Array:
    """Undo the sRGB curve; negative values mirror the positive ones.

    srgb: any shape, 0..1 and beyond. Source: IEC 61966-2-1.
    """
    encoded = _floats(srgb)
    return _in_blocks(_decode, encoded.ravel()).reshape(encoded.shape)


def _decode(encoded: Array) -> Array:
    size = np.abs(encoded)
    linear = np.power((size + SRGB_OFFSET) / (1 + SRGB_OFFSET), SRGB_EXPONENT)
    np.copyto(linear, size / SRGB_SLOPE, where=size <= SRGB_THRESHOLD)
    return np.copysign(linear, encoded)


def linear_to_srgb(linear: ArrayLike) -> Array:
    """Apply the sRGB curve; negative values mirror the positive ones.

    linear: any shape, 0..1 and beyond. Source: IEC 61966-2-1.
    """
    light = _floats(linear)
    return _in_blocks(_encode, light.ravel()).reshape(light.shape)


def _encode(light: Array) -> Array:
    size = np.abs(light)
    encoded = (1 + SRGB_OFFSET) * np.power(size, 1 / SRGB_EXPONENT) - SRGB_OFFSET
    np.copyto(encoded, size * SRGB_SLOPE, where=size <= SRGB_LINEAR_THRESHOLD)
    return np.copysign(encoded, light)


def luminance(rgb_linear: ArrayLike) -> Array:
    """Luminance Y, shape (...), of linear sRGB (..., 3); white is 1."""
    rgb = _colors(rgb_linear)
    weighted: Array = rgb @ LUMINANCE.astype(rgb.dtype)
    return weighted


def lightness(luminance_y: ArrayLike) -> Array:
    """CIELAB L*, 0..100, of a luminance Y relative to white; same shape."""
    return 116.0 * _lab_curve(_floats(luminance_y)) - 16.0


# -- CIELAB ----------------------------------------------------------------------------------------------


def _lab_curve(ratio: Array) -> Array:
    curve = np.cbrt(ratio)
    np.copyto(curve, LAB_SLOPE * ratio + LAB_OFFSET, where=ratio <= LAB_THRESHOLD)
    return curve


def linear_to_xyz(rgb_linear: ArrayLike) -> Array:
    """XYZ (..., 3) under D65 of linear sRGB (..., 3); white has Y = 1."""
    return apply_matrix(_colors(rgb_linear), RGB_TO_XYZ)


def xyz_to_linear(xyz: ArrayLike) -> Array:
    """Linear sRGB (..., 3) of XYZ (..., 3) under D65 with Y = 1 for white."""
    return apply_matrix(_colors(xyz), XYZ_TO_RGB)


def xyz_to_lab(xyz: ArrayLike, white_xyz: ArrayLike = WHITE_XYZ) -> Array:
    """CIELAB (..., 3) of XYZ (..., 3), both under `white_xyz`; L 0..100. Source: CIE 15."""
    tristimulus = _colors(xyz)
    curve = _lab_curve(tristimulus / np.asarray(white_xyz).astype(tristimulus.dtype))
    lab = np.empty_like(curve)
    lab[..., 0] = 116.0 * curve[..., 1] - 16.0
    lab[..., 1] = 500.0 * (curve[..., 0] - curve[..., 1])
    lab[..., 2] = 200.0 * (curve[..., 1] - curve[..., 2])
    return lab


def lab_to_xyz(lab: ArrayLike, white_xyz: ArrayLike = WHITE_XYZ) -> Array:
    """XYZ (..., 3) of CIELAB (..., 3), both under `white_xyz`. Source: CIE 15."""
    cie = _colors(lab)
    curve = np.empty_like(cie)
    curve[..., 1] = (cie[..., 0] + 16.0) / 116.0
    curve[..., 0] = curve[..., 1] + cie[..., 1] / 500.0
    curve[..., 2] = curve[..., 1] - cie[..., 2] / 200.0
    ratio = curve**3
    np.copyto(ratio, (curve - LAB_OFFSET) / LAB_SLOPE, where=curve <= np.cbrt(LAB_THRESHOLD))
    return ratio * np.asarray(white_xyz).astype(cie.dtype)


def linear_to_lab(rgb_linear: ArrayLike) -> Array:
    """CIELAB (..., 3) under D65 of linear sRGB (..., 3)."""
    rgb = _colors(rgb_linear)
    flat = _in_blocks(lambda block: xyz_to_lab(linear_to_xyz(block)), rgb.reshape(-1, 3))
    return flat.reshape(rgb.shape)


def lab_to_linear(lab: ArrayLike) -> Array:
    """Linear sRGB (..., 3), unbounded, of CIELAB (..., 3) under D65."""
    cie = _colors(lab)
    flat = _in_blocks(lambda block: xyz_to_linear(lab_to_xyz(block)), cie.reshape(-1, 3))
    return flat.reshape(cie.shape)


# -- Oklab -----------------------------------------------------------------------------------------------


def linear_to_oklab(rgb_linear: ArrayLike) -> Array:
    """Oklab (..., 3) of linear sRGB (..., 3); L 0..1. Source: Ottosson 2020."""
    rgb = _colors(rgb_linear)
    flat = _in_blocks(_to_oklab, rgb.reshape(-1, 3))
    return flat.reshape(rgb.shape)


def _to_oklab(rgb: Array) -> Array:
    return apply_matrix(np.cbrt(apply_matrix(rgb, _RGB_TO_LMS)), _LMS_TO_OKLAB)


def oklab_to_linear(oklab: ArrayLike) -> Array:
    """Linear sRGB (..., 3), unbounded, of Oklab (..., 3). Source: Ottosson 2020."""
    ok = _colors(oklab)
    flat = _in_blocks(
        lambda block: apply_matrix(apply_matrix(block, _OKLAB_TO_LMS) ** 3, _LMS_TO_RGB), ok.reshape(-1, 3)
    )
    return flat.reshape(ok.shape)


# -- differences -----------------------------------------------------------------------------------------


def delta_e_76(lab_a: ArrayLike, lab_b: ArrayLike) -> Array:
    """CIE76 colour difference, the distance in CIELAB; (..., 3) and (..., 3) broadcast to (...)."""
    distance: Array = np.sqrt(np.square(_colors(lab_a) - _colors(lab_b)).sum(axis=-1))
    return distance


def delta_e_2000(lab_a: ArrayLike, lab_b: ArrayLike) -> Array:
    """CIEDE2000 colour difference with kL = kC = kH = 1; (..., 3) and (..., 3) broadcast to (...).

    Source: Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula", Color Res. Appl. 30 (2005).
    """
    return ciede2000(_colors(lab_a), _colors(lab_b))


def band(delta_e: float) -> str:
    """What a colour difference means to the eye, in words: see `BANDS`."""
    if not delta_e >= 0:
        raise InputError(f"a colour difference is a number from 0 up, not {delta_e}")
    return next(words for limit, words in BANDS if delta_e < limit or limit == np.inf)


def lightness_diff(lab_a: ArrayLike, lab_b: ArrayLike) -> Array:
    """Difference of L*, as a share of the range black to white, 0..1; shape (...)."""
    return np.abs(_colors(lab_a)[..., 0] - _colors(lab_b)[..., 0]) / 100.0


# -- hue -------------------------------------------------------------------------------------------------


def hsv_hue_deg(srgb: ArrayLike) -> Array:
    """HSV hue, 0..360 degrees, shape (...), of encoded sRGB (..., 3); NaN for grey."""
    color = _colors(srgb)
    red, green, blue = color[..., 0], color[..., 1], color[..., 2]
    top = color.max(axis=-1)
    spread = top - color.min(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        sixth = np.where(
            top == red,
            ((green - blue) / spread) % 6.0,
            np.where(top == green, (blue - red) / spread + 2.0, (red - green) / spread + 4.0),
        )
    return np.where(spread > 0, 60.0 * sixth, np.nan).astype(color.dtype)


def lab_hue_deg(lab: ArrayLike) -> Array:
    """CIELAB hue angle, 0..360 degrees, shape (...); NaN where the chroma is under `MIN_HUE_CHROMA`."""
    cie = _colors(lab)
    chroma = np.hypot(cie[..., 1], cie[..., 2])
    hue = np.rad2deg(np.arctan2(cie[..., 2], cie[..., 1])) % 360.0
    return np.where(chroma >= MIN_HUE_CHROMA, hue, np.nan).astype(cie.dtype)


def hue_error_deg(hue_a_deg: ArrayLike, hue_b_deg: ArrayLike) -> Array:
    """Difference of two hues round the circle, 0..180 degrees; NaN where either is undefined."""
    turn = np.abs(_floats(hue_a_deg) - _floats(hue_b_deg)) % 360.0
    return np.minimum(turn, 360.0 - turn)


# -- gamut -----------------------------------------------------------------------------------------------


def out_of_gamut(rgb_linear: ArrayLike, gamut: Array | None = None, tolerance: float = GAMUT_TOLERANCE) -> Flags:
    """Where a colour lies outside a file's gamut, bool, shape (...).

    rgb_linear: (..., 3) linear sRGB. gamut: (3, 3), linear sRGB to the file's own linear RGB, whose cube 0..1
    is the gamut; None is sRGB itself. tolerance: linear light outside the cube that still counts as inside.
    """
    rgb = _colors(rgb_linear)
    own = rgb if gamut is None else apply_matrix(rgb, _matrix(gamut))
    if own.size and own.min() >= -tolerance and own.max() <= 1.0 + tolerance:
        return np.zeros(own.shape[:-1], dtype=bool)
    inside = (own >= -tolerance) & (own <= 1.0 + tolerance)
    return np.asarray(~(inside[..., 0] & inside[..., 1] & inside[..., 2]))


def compress_gamut(rgb_linear: ArrayLike, gamut: Array | None = None, knee: float = 0.0) -> Array:
    """Bring colours into a file's gamut at constant Oklab hue and lightness, by taking chroma away.

    rgb_linear: (..., 3) linear sRGB, finite. gamut: as in `out_of_gamut`. knee: 0 stops at the border of the
    gamut, leaves every colour inside exactly as it is, and is idempotent. Above 0, up to 0.9, the outermost
    share `knee` of the chroma at that hue and lightness is kept for the colours outside, so that a gradient
    beyond the gamut does not become flat; colours inside, but in that share, then move inwards too. Colours
    brighter than white become white, darker than black black.
    Returns linear sRGB (..., 3), within `GAMUT_TOLERANCE` of the gamut.
    """
    if not 0.0 <= knee <= 0.9:
        raise InputError(f"knee must lie in 0..0.9, not {knee}")
    rgb = _colors(rgb_linear)
    matrix = np.eye(3) if gamut is None else _matrix(gamut)
    flat = rgb.reshape(-1, 3).copy()
    touched = np.flatnonzero(_needs_compression(flat, gamut, knee))
    to_rgb = np.linalg.inv(matrix).astype(flat.dtype)
    for start in range(0, touched.size, _BLOCK):
        rows = touched[start : start + _BLOCK]
        own = _compress(linear_to_oklab(flat[rows]), matrix, knee)
        flat[rows] = apply_matrix(own, to_rgb)
    return flat.reshape(rgb.shape)


def _matrix(gamut: Array) -> Array:
    matrix = np.asarray(gamut, dtype=np.float64)
    if matrix.shape != (3, 3):
        raise ShapeError(f"a gamut is a 3x3 matrix from linear sRGB, this one has the shape {matrix.shape}")
    return matrix


def _needs_compression(flat: Array, gamut: Array | None, knee: float) -> Flags:
    outside = out_of_gamut(flat, gamut)
    if knee == 0.0:
        return outside
    stretched = linear_to_oklab(flat)
    stretched[:, 1:] /= 1.0 - knee
    return outside | out_of_gamut(oklab_to_linear(stretched), gamut)


def _compress(oklab: Array, matrix: Array, knee: float) -> Array:
    """The file's own linear RGB (N, 3), 0..1, of Oklab colours (N, 3) that lie outside, or in the knee."""
    chroma = np.maximum(np.hypot(oklab[:, 1], oklab[:, 2]), np.finfo(oklab.dtype).tiny)
    light = np.clip(oklab[:, 0], 0.0, 1.0)
    hue_a, hue_b = oklab[:, 1] / chroma, oklab[:, 2] / chroma
    cones = [hue_a * row[1] + hue_b * row[2] for row in _OKLAB_TO_LMS.astype(oklab.dtype)]
    border = _border_chroma(light, cones, (matrix @ _LMS_TO_RGB).astype(oklab.dtype), chroma / (1.0 - knee))
    kept = np.minimum(chroma, border) if knee == 0.0 else _soft(chroma, border, knee)
    compressed = np.stack([light, kept * hue_a, kept * hue_b], axis=1)
    own = apply_matrix(apply_matrix(compressed, _OKLAB_TO_LMS) ** 3, matrix @ _LMS_TO_RGB)
    return own.clip(0.0, 1.0)


def _border_chroma(light: Array, cones: list[Array], to_own: Array, outside: Array) -> Array:
    """Largest chroma (N,) inside the gamut at this lightness and hue, below `outside`, by bisection.

    Along it each channel is a cubic in the chroma c, sum_j to_own[i, j] (light + c cones[j])^3.
    """
    square = light * light
    cubics = []
    for row in to_own:
        first = sum(w * k for w, k in zip(row, cones, strict=True)) * square * 3.0
        second = sum(w * k * k for w, k in zip(row, cones, strict=True)) * light * 3.0
        third = sum(w * k * k * k for w, k in zip(row, cones, strict=True))
        cubics.append((square * light * row.sum(), first, second, third))
    low, high = np.zeros_like(outside), outside.copy()
    white = 1.0 + 1e-6  # grey must stay inside in spite of rounding
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        inside = np.ones(middle.shape, dtype=bool)
        for zeroth, first, second, third in cubics:
            channel = ((third * middle + second) * middle + first) * middle + zeroth
            inside &= (channel >= 0.0) & (channel <= white)
        low = np.where(inside, middle, low)
        high = np.where(inside, high, middle)
    return low


def _soft(chroma: Array, border: Array, knee: float) -> Array:
    """Identity up to 1 - knee of the border, then ever slower towards it; smooth and increasing."""
    start = (1.0 - knee) * border
    room = np.maximum(knee * border, np.finfo(border.dtype).tiny)
    beyond = np.maximum(chroma - start, 0.0)
    kept: Array = np.minimum(chroma, start) + room * (beyond / (beyond + room))
    return kept
