"""Images embedded in self-contained pages: data URIs, error heatmaps, colour-mapped depth."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from wallpaint.errors import InputError
from wallpaint.typing import Array

JPEG_QUALITY = 84
MAX_DELTA_E = 20.0  # CIEDE2000 at the top of the error colormap
LEGEND_STOPS = 17


def data_uri(image: Array, longest_px: int) -> str:
    """Encode an image, (H, W, 3) uint8 RGB, as a JPEG data URI whose longer side is at most longest_px."""
    small = downscale(image, longest_px)
    options = [
        *(cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    ]
    ok, data = cv2.imencode(".jpg", np.ascontiguousarray(small[..., ::-1]), options)
    if not ok:
        raise InputError("an image of {}x{} cannot be encoded for the page".format(*image.shape[:2]))
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"


def downscale(image: Array, longest_px: int) -> Array:
    """Area-resample an image, (H, W) or (H, W, 3), so that its longer side is at most longest_px."""
    height, width = image.shape[:2]
    scale = min(1.0, longest_px / max(height, width))
    if scale == 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def error_heatmap(difference: Array) -> Array:
    """Map CIEDE2000 (H, W) to (H, W, 3) uint8 RGB with inferno: 0 is black, `MAX_DELTA_E` and above pale yellow."""
    levels = np.clip(np.round(255 * difference / MAX_DELTA_E), 0, 255).astype(np.uint8)
    return _apply_colormap(levels, cv2.COLORMAP_INFERNO)


def depth_colormap(levels: Array) -> Array:
    """Map depth (h, w) uint8, near is 255, to (h, w, 3) uint8 RGB with viridis: near is yellow, far is violet."""
    return _apply_colormap(levels, cv2.COLORMAP_VIRIDIS)


def _apply_colormap(levels: Array, colormap: int) -> Array:
    return np.ascontiguousarray(cv2.applyColorMap(levels, colormap)[..., ::-1])


def heatmap_legend() -> str:
    """Return the scale of `error_heatmap` as HTML."""
    ramp = error_heatmap(np.linspace(0, MAX_DELTA_E, LEGEND_STOPS)[None])[0]
    stops = ", ".join(f"rgb({r} {g} {b})" for r, g, b in ramp.tolist())
    ticks = [f"<span>{value:g}</span>" for value in np.linspace(0, MAX_DELTA_E, 5)[:-1]]
    return (
        f'<div class=legend><span class=unit>error map, CIEDE2000</span><div><div class=ramp style="background:'
        f'linear-gradient(90deg, {stops})"></div><div class=ticks>{"".join(ticks)}<span>{MAX_DELTA_E:g}+</span></div>'
        "</div></div>"
    )
