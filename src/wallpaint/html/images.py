"""Pictures for pages that load nothing: data URIs, error maps, depth in colour."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from wallpaint.errors import InputError
from wallpaint.typing import Array

QUALITY = 84
MOST = 20.0  # CIEDE2000 at the top of the error maps
LEGEND_STOPS = 17


def uri(picture: Array, longest_px: int) -> str:
    """A data URI of a picture, (H, W, 3) uint8 RGB, as a JPEG whose longer side is at most longest_px."""
    small = shrunk(picture, longest_px)
    coding = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(small[..., ::-1]), coding)
    if not done:
        raise InputError("a picture of {}x{} cannot be put on the page".format(*picture.shape[:2]))
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"


def shrunk(picture: Array, longest_px: int) -> Array:
    """A picture, (H, W) or (H, W, 3), averaged down until its longer side is at most longest_px."""
    height, width = picture.shape[:2]
    scale = min(1.0, longest_px / max(height, width))
    if scale == 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def heat(difference: Array) -> Array:
    """CIEDE2000 (H, W) as (H, W, 3) uint8 RGB: inferno, perceptually uniform; black is 0, pale yellow `MOST` and up."""
    levels = np.clip(np.round(255 * difference / MOST), 0, 255).astype(np.uint8)
    return _mapped(levels, cv2.COLORMAP_INFERNO)


def depth_in_colour(levels: Array) -> Array:
    """Depth (h, w) uint8, near is 255, as (h, w, 3) uint8 RGB: viridis, near is yellow, far is violet."""
    return _mapped(levels, cv2.COLORMAP_VIRIDIS)


def _mapped(levels: Array, colours: int) -> Array:
    return np.ascontiguousarray(cv2.applyColorMap(levels, colours)[..., ::-1])


def legend() -> str:
    """The error maps' scale as HTML."""
    ramp = heat(np.linspace(0, MOST, LEGEND_STOPS)[None])[0]
    stops = ", ".join(f"rgb({r} {g} {b})" for r, g, b in ramp.tolist())
    ticks = [f"<span>{value:g}</span>" for value in np.linspace(0, MOST, 5)[:-1]]
    return (
        f'<div class=legend><span class=unit>error map, CIEDE2000</span><div><div class=ramp style="background:'
        f'linear-gradient(90deg, {stops})"></div><div class=ticks>{"".join(ticks)}<span>{MOST:g}+</span></div>'
        "</div></div>"
    )
