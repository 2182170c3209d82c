"""The painter interface: a scene and paints in, painted walls at working size out.

Imports no array library, so that options and help pages can use it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from wallpaint.paints.paint import Paint
    from wallpaint.scene.scene import PreparedScene
    from wallpaint.typing import Array

Match: TypeAlias = Literal["swatch", "room"]
"""The meaning of the right colour: "swatch", the wall's median equals the chart's colour; "room", the wall is what the
camera would have recorded in this light."""

PaintAssignment: TypeAlias = "Mapping[str, Paint]"
"""A paint for every wall, by the wall's name."""


@dataclass(frozen=True)
class PaintedWall:
    """One painted wall.

    rgb: (h, w, 3) float32, linear sRGB inside the file's gamut, at the wall's working size, filled beyond its edges.
    target: (3,) linear sRGB, the colour that the wall's median is to have in the result. has_texture: it shows the
    texture of a reference image. has_generated_grain: its variation between single pixels is generated noise on one
    colour and is not to be kept. estimate: the painter's own estimate of the light, for the report; None where the
    scene's estimate was used. detail: 0..1, how much of the photo's finest detail the wall may keep, one
    number or (h, w, 1), see `analytic.painted_wall`.
    """

    rgb: Array
    target: Array
    has_texture: bool = False
    has_generated_grain: bool = False
    estimate: Mapping[str, Any] | None = None
    detail: float | Array = 1.0


class Painter(Protocol):
    """Paints the walls of a scene for one or many assignments of paints."""

    name: str

    def paint(
        self, scene: PreparedScene, assignments: Sequence[PaintAssignment], match: Match, seed: int
    ) -> Iterator[dict[str, PaintedWall]]:
        """Yield the painted walls by name, one dictionary per assignment, in order."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return the painter's entries of the report, with a list "warnings" of messages for the user."""
        ...
