"""wallpaint: repaint the walls in a photo of a room, the colour right and everything else untouched.

    scene = wallpaint.prepare("room.jpg", {"wall": "mask.png"})
    result = scene.repaint({"wall": "#7d9b84"})
    result.save("out.jpg")

or in one call: ``wallpaint.repaint("room.jpg", "mask.png", "#7d9b84").save("out.jpg")``. Without a mask:
``wallpaint.find_walls("room.jpg").masks`` takes the place of ``{"wall": "mask.png"}``.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from wallpaint.errors import ConfigError, InputError, ModelError, ShapeError, WallpaintError
from wallpaint.version import __version__

if TYPE_CHECKING:
    from wallpaint.bundles.bundle import load_bundle
    from wallpaint.paint import Paint
    from wallpaint.palette import Palette, read_palette
    from wallpaint.photo import Limits, Photo, read_photo
    from wallpaint.repaint import Result, Scene, make_painter, prepare, repaint
    from wallpaint.segment.find import FoundWalls, find_walls

_HOMES = {
    "FoundWalls": "segment.find",
    "Limits": "photo",
    "Paint": "paint",
    "Palette": "palette",
    "Photo": "photo",
    "Result": "repaint",
    "Scene": "repaint",
    "find_walls": "segment.find",
    "load_bundle": "bundles.bundle",
    "make_painter": "repaint",
    "prepare": "repaint",
    "read_palette": "palette",
    "read_photo": "photo",
}

__all__ = [
    "ConfigError",
    "FoundWalls",
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
    "find_walls",
    "load_bundle",
    "make_painter",
    "prepare",
    "read_palette",
    "read_photo",
    "repaint",
]


class _Package(ModuleType):
    """The package's own type: `wallpaint.repaint` is the function even once the module of that name is loaded."""

    @property
    def repaint(self) -> Any:
        from wallpaint.repaint import repaint

        return repaint

    @repaint.setter
    def repaint(self, module: object) -> None:
        """Where the import system would put the module; it stays reachable by `from wallpaint.repaint import …`."""


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Public names are imported when first used, so that `wallpaint --help` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'wallpaint' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"wallpaint.{_HOMES[name]}"), name)
