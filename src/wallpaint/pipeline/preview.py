"""The preview payload: all that a web page needs to repaint one wall of a photo by itself, for any paint.

The light model's coefficients do not depend on the paint. So the payload holds them, at about 80 pixels, with the
wall's alpha, its shading and tint, and a fixed sample of wall pixels. The page evaluates the coefficients for a paint,
and a shader applies them to the photo. `docs/preview.md` defines the format and the evaluation.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from wallpaint.errors import InputError, ModelError
from wallpaint.imaging import color, quantization
from wallpaint.light import albedo_edit, illuminant
from wallpaint.light import model as light_model
from wallpaint.painters import analytic, code_noise, shading_transfer
from wallpaint.pipeline import report as reports
from wallpaint.scene import intrinsics as decomposition
from wallpaint.scene.grid import PixelGrid
from wallpaint.scene.intrinsics import IntrinsicDecomposition
from wallpaint.scene.scene import PreparedScene, Wall
from wallpaint.typing import Array

MAGIC = b"WPVIEW1\n"
MAX_PREVIEW_PX = 2048  # longest side of the preview
SAMPLE_PIXELS = 1024  # wall pixels on which the page measures medians, contrast and gradients
SHADING_PX, PATTERN_FREE_SHADING_PX, TINT_PX = 384, 768, 192  # longest sides of the planes of one wall
SHADING_GAMMA = 2.4  # of the 8-bit shading planes
MIN_SHADING = 1e-5  # linear luminance of a black wall pixel
NOISE_LEVELS = 3  # luminances of paint at which denoised shading is stored, of walls that need it
NOISE_SEARCH_STEPS = 10
GRADIENT_BLUR_PX = 1.0  # working pixels; see `shading_transfer`
COMPRESSION_LEVEL = 6


@dataclass(frozen=True)
class _Plane:
    """values: (h, w, C) or (N, C), uint8 or float32. filtered: stored as differences along rows (8-bit planes)."""

    name: str
    values: Array
    filtered: bool = False


def preview_size(photo_size: tuple[int, int], longest_px: int = MAX_PREVIEW_PX) -> tuple[int, int]:
    """Return the (height, width) of a preview of a photo, (height, width): its longer side has at most longest_px."""
    scale = min(1.0, longest_px / max(photo_size))
    height, width = (max(1, round(side * scale)) for side in photo_size)
    return height, width


def build_preview(scene: PreparedScene, wall: str, size: tuple[int, int] | None = None) -> bytes:
    """Return the preview payload of one wall of a scene.

    wall: its name. size: (height, width) of the preview; `preview_size` of the photo if not given. Raises InputError
    for an unknown wall, ModelError for a scene without a light model.
    """
    if wall not in scene.walls:
        raise InputError(f"no wall named '{wall}': the scene has {', '.join(scene.walls)}")
    size = size or preview_size(scene.photo.size)
    prepared = scene.walls[wall]
    if prepared.light_prediction is None:
        raise ModelError("a preview needs a light model: prepare the scene with `light_model`")
    coefficients, constants_of_wall = _coefficients(prepared, prepared.light_prediction)
    levels, shadings = _shadings(prepared.intrinsics)
    planes = [
        *coefficients,
        _Plane("edges", _edges(scene, prepared, size), filtered=True),
        *_window_planes(prepared, shadings),
        *_sample(prepared, shadings),
    ]
    header = {
        "version": 1,
        "wall": wall,
        "size": list(size),
        "window": _window(prepared, scene.photo.size),
        "levels": levels,
        **_wall_header(scene, prepared),
        **constants_of_wall,
        "constants": _constants(),
    }
    return _pack(header, planes)


def _pack(header: dict[str, Any], planes: list[_Plane]) -> bytes:
    """Join magic, length of the header (uint32, little endian), header (JSON) and compressed planes."""
    entries, blobs, offset = [], [], 0
    for plane in planes:
        values = np.ascontiguousarray(plane.values)
        if plane.filtered:
            values = np.diff(values, axis=1, prepend=np.zeros_like(values[:, :1]))  # modulo 256
        blob = zlib.compress(values.astype(values.dtype.newbyteorder("<")).tobytes(), COMPRESSION_LEVEL)
        entries.append(
            {
                "name": plane.name,
                "dtype": str(plane.values.dtype),
                "shape": list(plane.values.shape),
                "filtered": plane.filtered,
                "offset": offset,
                "length": len(blob),
            }
        )
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps({**header, "planes": entries}, separators=(",", ":"), allow_nan=False).encode()
    return b"".join([MAGIC, len(text).to_bytes(4, "little"), text, *blobs])


# -- the light model


def _coefficients(wall: Wall, prediction: light_model.LightCoefficients) -> tuple[list[_Plane], dict[str, Any]]:
    """Return the coefficients of one wall at the light model's size, and what is measured on them."""
    terms = albedo_edit.edit_terms(
        prediction,
        wall.light_input,
        wall.grid.coordinates_in(PixelGrid.over(wall.light_input.size, prediction.log_shading.shape)),
        analytic.existing_wall(wall.intrinsics, wall.intrinsics.log_shading),
        wall.intrinsics.weight,
        analytic.known_albedo(wall),
        has_several_paints=wall.intrinsics.paint_count > 1,
    )
    predicted = terms.prediction
    planes = [
        _Plane("wall_albedo", predicted.wall_albedo),
        _Plane("interreflection", predicted.interreflection),
        _Plane("gloss", predicted.gloss),
        _Plane("contrast", predicted.contrast),
        _Plane("shading_gain", predicted.shading_gain),
        _Plane("correction", terms.correction),
        _Plane("lamp", terms.lamp[..., None]),
        _Plane("trust", terms.trust[..., None]),
        _Plane("doubt", terms.doubt[..., None]),
    ]
    header = {
        "coefficient_size": list(predicted.log_shading.shape),
        "existing_luma": terms.existing_luma,
        "lamp_median": [float(v) for v in terms.lamp_median],
        "base_log_luma": terms.base_log_luma,
        "expected_error": albedo_edit.expected_error(prediction, wall.light_input.wall),
    }
    return [_Plane(p.name, p.values.astype(np.float32)) for p in planes], header


# -- the wall's own pixels


def _edges(scene: PreparedScene, wall: Wall, size: tuple[int, int]) -> Array:
    """Return alpha and, on the wall's edges, the wall's own colour without its background, (h, w, 4) uint8 sRGB.

    The colour is 0 elsewhere, but for the neighbours of edge pixels, so that linear filters can read it.
    """
    full = np.zeros(scene.photo.size, np.float32)
    wall.add_alpha(full)
    alpha = full if full.shape == size else cv2.resize(full, size[::-1], interpolation=cv2.INTER_AREA)
    matte, (top, left) = wall.canvas.matte, wall.canvas.origin
    height, width = size
    rows = (matte.rows + top) * height // full.shape[0]
    cols = (matte.cols + left) * width // full.shape[1]
    weight = matte.alpha.astype(np.float64) + 1e-6
    cell = rows * width + cols
    total = np.bincount(cell, weight, height * width).reshape(size)
    sums = [np.bincount(cell, weight * matte.foreground[:, c], height * width) for c in range(3)]
    known = ((total > 0) & (alpha < 1)).astype(np.float32)
    linear = (np.stack(sums, -1).reshape(*size, 3) / np.maximum(total, 1e-9)[..., None]).astype(np.float32)
    linear *= known[..., None]
    near = cv2.dilate(known, np.ones((3, 3), np.uint8)) * (1 - known)
    spread = cv2.blur(linear, (3, 3)) / np.maximum(cv2.blur(known, (3, 3)), 1e-6)[..., None]
    linear += near[..., None] * spread
    codes = np.empty((*size, 4), np.uint8)
    codes[..., 0] = np.round(255 * np.clip(alpha, 0, 1))
    at = (known + near) > 0
    codes[..., 1:] = 0
    codes[at, 1:] = np.round(255 * color.linear_to_srgb(np.clip(linear[at], 0, 1)))
    return codes


def _window(wall: Wall, photo_size: tuple[int, int]) -> list[float]:
    """Return the rectangle of the working pixels as fractions of the photo: left, top, width, height."""
    (top, left), (height, width) = wall.canvas.origin, wall.intrinsics.weight.shape
    photo_height, photo_width = photo_size
    return [
        left / photo_width,
        top / photo_height,
        width * wall.step / photo_width,
        height * wall.step / photo_height,
    ]


def _shadings(intrinsics: IntrinsicDecomposition) -> tuple[list[float], list[Array]]:
    """Return luminances of paint, ascending, and the log shading (h, w) with which each is rendered.

    A paint darker than the first is rendered with the first shading, which is not denoised; one between two of them
    with a mixture. Most walls need no denoising: they have one level.
    """
    steps = np.geomspace(max(min(intrinsics.median_luma, 0.5), 1e-3), 1.0, NOISE_SEARCH_STEPS)
    clean = [luma for luma in steps if _is_clean(intrinsics, float(luma))]
    if len(clean) == len(steps):
        return [1.0], [intrinsics.log_shading]
    first = float(clean[-1]) if clean else 1e-3
    levels = np.geomspace(first, 1.0, NOISE_LEVELS).tolist()
    denoised = [analytic.denoised_log_shading(intrinsics, luma) for luma in levels[1:]]
    return levels, [intrinsics.log_shading, *denoised]


def _is_clean(intrinsics: IntrinsicDecomposition, luma: float) -> bool:
    visibility = code_noise.code_noise(intrinsics, luma)[1]
    return float(visibility.max()) <= 1 and analytic.detail_gain(intrinsics, luma) > analytic.FULL_DETAIL_GAIN


def _photo_log_shading(intrinsics: IntrinsicDecomposition) -> Array:
    """Return the log shading of the photo itself, (h, w), which has the paints that the decomposition removed."""
    luma = np.maximum(intrinsics.luma - intrinsics.specular, 0.02 * intrinsics.luma)
    return np.log(np.maximum(luma, MIN_SHADING) / intrinsics.median_luma).astype(np.float32)


def _shading_top(intrinsics: IntrinsicDecomposition) -> float:
    """Return the luminance that the shading planes store as 255."""
    brightest = float(np.max(intrinsics.log_shading)) if intrinsics.log_shading.size else 0.0
    return intrinsics.median_luma * float(np.exp(min(brightest, float(intrinsics.log_shading_quantiles[-1]) + 0.3)))


def _window_planes(wall: Wall, shadings: list[Array]) -> list[_Plane]:
    """Return 8-bit planes over the wall's window: shading (photo, then one per level), and tint with specular."""
    intrinsics = wall.intrinsics
    longest = PATTERN_FREE_SHADING_PX if intrinsics.pattern_removed else SHADING_PX
    top = _shading_top(intrinsics)
    every = [_photo_log_shading(intrinsics), *shadings]
    if intrinsics.pattern_removed:
        every[0] = shadings[0]
    if np.array_equal(every[0], every[1]) or float(np.abs(every[0] - every[1]).max()) < 1e-4:
        every = every[1:]
    luma = [_shrink(intrinsics.median_luma * np.exp(shading), longest) for shading in every]
    codes = np.stack([np.clip(plane / top, 0, 1) ** (1 / SHADING_GAMMA) for plane in luma], -1)
    tint = _shrink(intrinsics.illuminant_tint, TINT_PX) / decomposition.MAX_LOG_TINT  # [h, w, 3], -1..1
    highest = max(float(intrinsics.specular.max()), 1e-6)
    specular = np.sqrt(np.clip(_shrink(intrinsics.specular, TINT_PX) / highest, 0, 1))
    tint_codes = np.concatenate([127 + 127 * tint, 255 * specular[..., None]], -1)
    return [
        _Plane("shading", np.round(255 * codes).astype(np.uint8), filtered=True),
        _Plane("tint", np.clip(np.round(tint_codes), 0, 255).astype(np.uint8), filtered=True),
    ]


def _shrink(plane: Array, longest: int) -> Array:
    height, width = plane.shape[:2]
    scale = min(1.0, longest / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return plane if scale == 1 else cv2.resize(plane, size, interpolation=cv2.INTER_AREA)


def _sample(wall: Wall, shadings: list[Array]) -> list[_Plane]:
    """Return a fixed sample of the wall's working pixels, evenly spaced in the order of their shading.

    sample_position: (N, 2), row and column in coordinates of the coefficients; step of a working pixel there in the
    header of the plane's last row. sample_shading: (N, 4 L), for each level the log shading of the pixel, and that of
    the blurred wall at the pixel, at its right and at its lower neighbour. sample_tint: (N, 4), tint and specular.
    """
    intrinsics = wall.intrinsics
    inner = intrinsics.weight > shading_transfer.MIN_WALL_SHARE
    inner[:, -1] = inner[-1] = False
    inner[:, :-1] &= inner[:, 1:]
    inner[:-1] &= inner[1:]
    if not inner.any():
        inner = intrinsics.weight >= min(0.5, float(intrinsics.weight.max()))
    rows, cols = np.nonzero(inner)
    # A shuffle before the stable sort takes pixels of equal shading from everywhere.
    order = np.random.default_rng(0).permutation(rows.size)
    rows, cols = rows[order], cols[order]
    order = np.argsort(intrinsics.log_shading[rows, cols], kind="stable")
    count = min(SAMPLE_PIXELS, order.size)
    chosen = order[((np.arange(count) + 0.5) * order.size / count).astype(np.int64)]
    rows, cols = rows[chosen], cols[chosen]
    right, below = np.minimum(cols + 1, inner.shape[1] - 1), np.minimum(rows + 1, inner.shape[0] - 1)
    columns: list[Array] = []
    for shading in shadings:
        blurred = np.log(np.maximum(cv2.GaussianBlur(np.exp(shading), (0, 0), GRADIENT_BLUR_PX), 1e-6))
        columns += [shading[rows, cols], blurred[rows, cols], blurred[rows, right], blurred[below, cols]]
    grid = PixelGrid.over(wall.light_input.size, (wall.light_prediction.log_shading.shape))  # type: ignore[union-attr]
    y, x = wall.grid.coordinates_in(grid)
    position = np.stack([y[rows], x[cols], y[below], x[right]], -1)
    tint = np.concatenate([intrinsics.illuminant_tint, intrinsics.specular[..., None]], -1)[rows, cols]
    return [
        _Plane("sample_position", position.astype(np.float32)),
        _Plane("sample_shading", np.stack(columns, -1).astype(np.float32)),
        _Plane("sample_tint", tint.astype(np.float32)),
    ]


# -- the header


def _wall_header(scene: PreparedScene, wall: Wall) -> dict[str, Any]:
    intrinsics, light = wall.intrinsics, wall.illuminant
    albedo = np.asarray(light.white if light.wall_albedo is None else light.wall_albedo)
    error = albedo_edit.expected_error(wall.light_prediction, wall.light_input.wall, intrinsics.median)  # type: ignore[arg-type]
    return {
        "gamut": np.asarray(wall.canvas.space.gamut, np.float64).ravel().tolist(),
        "median": intrinsics.median.tolist(),
        "median_luma": intrinsics.median_luma,
        "noise": float(intrinsics.noise),
        "log_shading_quantiles": np.asarray(intrinsics.log_shading_quantiles, np.float64).tolist(),
        "illuminant_color": np.asarray(intrinsics.illuminant_color, np.float64).tolist(),
        "white": list(light.white),
        "illuminant": {
            "wall_albedo": albedo.tolist(),
            "bounce": light.bounce,
            "contrast": light.contrast,
            "gloss": light.gloss,
        },
        "white_is_known": light.confidence >= illuminant.MIN_WHITE_CONFIDENCE,
        "is_user_given": light.is_user_given,
        "share": wall.share,
        "pattern_removed": intrinsics.pattern_removed,
        "has_several_paints": intrinsics.paint_count > 1,
        "has_relief": intrinsics.has_relief,
        "shading_top": _shading_top(intrinsics),
        "specular_top": max(float(intrinsics.specular.max()), 1e-6),
        "existing_color": _hex(intrinsics.median),
        "existing_paint": _hex(albedo),
        "hint_wanted": bool(reports.estimate_warnings(wall, {"expected_error": error})),
        "warnings": [*scene.warnings, *wall.warnings, *reports.estimate_warnings(wall, {"expected_error": error})],
    }


def _hex(rgb_linear: Array) -> str:
    codes = np.round(255 * color.linear_to_srgb(np.clip(np.asarray(rgb_linear, np.float64), 0, 1))).astype(int)
    return "#" + "".join(f"{int(code):02x}" for code in codes)


def _constants() -> dict[str, Any]:
    """Return the constants of the evaluation, so that the page has no copies of them."""
    modules: dict[Any, tuple[str, ...]] = {
        albedo_edit: (
            "LOCAL_SHARE",
            "SEVERAL_PAINTS_SHARE",
            "DARK_SEVERAL_PAINTS_SHARE",
            "DISAGREEMENT",
            "LAMP_ALBEDO_SHARE",
            "LAMP_LOG_BRIGHTENING",
            "DARK_LOG_BRIGHTENING",
            "LIGHT_LOG_ERROR",
            "MEAN_DELTA_E",
            "ERROR_RANGE",
            "PATTERN_RADIUS_SHARE",
            "RELIEF_EXPOSURE",
        ),
        light_model: ("MIN_LINEAR", "CLIP_LINEAR", "ROLL_OFF_POWER", "MAX_WALL_ALBEDO"),
        illuminant: ("WHITE_ALBEDO", "BRIGHTER_THAN_WHITE_RATIO"),
        quantization: ("CODE_ERROR", "COLOR_DOUBT_TRUST", "DARK_ERROR", "HALF_TRUST_ERROR"),
        decomposition: ("MAX_LOG_TINT", "SHOULDER", "MAX_TOE_SLOPE", "MIN_HEADROOM", "LOG_SHADING_QUANTILES"),
        analytic: (
            "MAX_LIGHTNESS",
            "EXCEEDED_HEADROOM",
            "WHITE_HEADROOM_SHARE",
            "WHITE_SHOULDER",
            "WHITE_KNEE",
            "GRAIN_LIGHTNESS",
            "SHADING_GAIN",
            "SHADING_GAIN_SLOPE",
            "SHADING_GAIN_LIMITS",
            "LOCK_STEPS",
            "LOCK_TOLERANCE_DELTA_E",
            "LOCK_RESTARTS",
            "MAX_CONTRAST_GAIN",
        ),
        code_noise: ("VISIBLE_LIGHTNESS", "DETAIL_POWER"),
        shading_transfer: (
            "MAX_SHARE",
            "TINT_SHARE",
            "MIN_GRADIENT_CORRELATION",
            "MIN_FINAL_GRADIENT_CORRELATION",
            "CONTRAST_LIMITS",
            "WHITE_MIN_CORRELATION",
            "FULL_SHARE_DELTA_E",
            "TRUST_FULL_DELTA_E",
            "TRUST_NONE_DELTA_E",
            "SHARE_STEPS",
            "CONTRAST_QUANTILES",
        ),
        reports: ("UNRELIABLE_DELTA_E",),
    }
    constants = {name: getattr(module, name) for module, names in modules.items() for name in names}
    constants["SHADING_GAMMA"] = SHADING_GAMMA
    constants["MIN_SHADING"] = MIN_SHADING
    return {name: np.asarray(value).tolist() for name, value in constants.items()}
