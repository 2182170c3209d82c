"""Repaint the walls in a photo of a room in an exact colour, leaving everything else unchanged.

    scene = wallpaint.prepare("room.jpg", {"wall": "mask.png"})
    result = scene.repaint({"wall": "#7d9b84"})
    result.save("out.jpg")

or in one call: ``wallpaint.repaint("room.jpg", "mask.png", "#7d9b84").save("out.jpg")``. Without a mask, use
``wallpaint.detect_walls("room.jpg").masks`` instead of ``{"wall": "mask.png"}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wallpaint.errors import ConfigError, InputError, ModelError, ShapeError, WallpaintError
from wallpaint.version import __version__

if TYPE_CHECKING:
    from wallpaint.bundles.bundle import load_bundle
    from wallpaint.imaging.photo import Limits, Photo, read_photo
    from wallpaint.painters.registry import make_painter
    from wallpaint.paints.paint import Paint
    from wallpaint.paints.palette import Palette, read_palette
    from wallpaint.pipeline.repaint import Result, Scene, prepare, repaint
    from wallpaint.segment.detect import DetectedWalls, detect_walls

_MODULE_OF = {
    "DetectedWalls": "segment.detect",
    "Limits": "imaging.photo",
    "Paint": "paints.paint",
    "Palette": "paints.palette",
    "Photo": "imaging.photo",
    "Result": "pipeline.repaint",
    "Scene": "pipeline.repaint",
    "detect_walls": "segment.detect",
    "load_bundle": "bundles.bundle",
    "make_painter": "painters.registry",
    "prepare": "pipeline.repaint",
    "read_palette": "paints.palette",
    "read_photo": "imaging.photo",
    "repaint": "pipeline.repaint",
}

__all__ = [
    "ConfigError",
    "DetectedWalls",
    "InputError",
    "Limits",
    "ModelError",
    "Paint",
    "Palette",
    "Photo",
    "Result",
    "Scene",
    "ShapeError",
    "WallpaintError",
    "__version__",
    "detect_walls",
    "load_bundle",
    "make_painter",
    "prepare",
    "read_palette",
    "read_photo",
    "repaint",
]


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that `wallpaint --help` stays fast."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'wallpaint' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"wallpaint.{_MODULE_OF[name]}"), name)
