"""The painter interface: a scene and paints in, painted walls at working size out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from wallpaint.paints.paint import Paint
from wallpaint.scene.scene import Scene
from wallpaint.typing import Array

PaintAssignment = Mapping[str, Paint]
"""A paint for every wall, by the wall's name."""


@dataclass(frozen=True)
class PaintedWall:
    """One painted wall.

    rgb: (h, w, 3) float32, linear sRGB inside the file's gamut, at the wall's working size, filled beyond its edges.
    target: (3,) linear sRGB, the colour that the wall's median is to have in the result. has_texture: it shows the
    texture of a reference image. has_generated_grain: its variation between single pixels is generated noise on one
    colour and is not to be kept. estimate: the painter's own estimate of the light, for the report; None where the
    scene's estimate was used.
    """

    rgb: Array
    target: Array
    has_texture: bool = False
    has_generated_grain: bool = False
    estimate: Mapping[str, Any] | None = None


class Painter(Protocol):
    """Paints the walls of a scene for one or many assignments of paints."""

    name: str

    def paint(
        self, scene: Scene, assignments: Sequence[PaintAssignment], match: str, seed: int
    ) -> Iterator[dict[str, PaintedWall]]:
        """Yield the painted walls by name, one dictionary per assignment, in order. match: "swatch" or "room"."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return the painter's entries of the report, with a list "warnings" of messages for the user."""
        ...
