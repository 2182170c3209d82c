"""What a painter is: it takes a scene and paints, and gives the painted walls at working size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from wallpaint.paints.paint import Paint
from wallpaint.scene.scene import Scene
from wallpaint.typing import Array

Choice = Mapping[str, Paint]
"""A paint for every wall, by the wall's name."""


@dataclass(frozen=True)
class Painted:
    """One wall, painted.

    rgb: (h, w, 3) float32, linear sRGB inside the file's gamut, at the wall's working size, filled beyond its edges.
    target: (3,) linear sRGB that the wall's median is to have in the picture. has_texture: it shows the texture of a
    reference picture. is_invented: what it shows at single pixels is made up, and no more than noise on one colour.
    estimate: what the painter says of the light that it painted with, for the report; None where the scene's own
    estimate is all there is.
    """

    rgb: Array
    target: Array
    has_texture: bool = False
    is_invented: bool = False
    estimate: Mapping[str, Any] | None = None


class Painter(Protocol):
    """Paints the walls of a scene in one or in many choices of paints."""

    name: str

    def paint(self, scene: Scene, choices: Sequence[Choice], match: str, seed: int) -> Iterator[dict[str, Painted]]:
        """Yield the painted walls by name, one dictionary a choice, in order. match: "swatch" or "room"."""
        ...

    def describe(self) -> dict[str, Any]:
        """What the report says of how it painted; with a list "warnings" of what a user must know."""
        ...
