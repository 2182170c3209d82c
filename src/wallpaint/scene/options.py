"""Options of scene preparation. Imports no array library, so that help pages can use it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from wallpaint.errors import InputError
from wallpaint.options import field_errors, option, raise_errors

if TYPE_CHECKING:
    from wallpaint.imaging.photo import Limits
    from wallpaint.light.predictor import LightModelChoice
    from wallpaint.paints.paint import Paint

EdgeMode: TypeAlias = Literal["refine", "keep"]
MaskOrientation: TypeAlias = Literal["upright", "stored"]
OldWall: TypeAlias = Literal["auto", "plain", "patterned", "relief"]


@dataclass(frozen=True, kw_only=True)
class SceneOptions:
    """How a photo and its masks are prepared. Raises InputError."""

    edges: EdgeMode = option(
        "refine the mask's edge on the photo, or keep it as drawn", "refine", choices=get_args(EdgeMode)
    )
    fit_mask: bool = option("resize the mask to the photo", False)
    invert_mask: bool = option("black is wall", False)
    mask_class: str | None = option(
        "class or label of the wall in a mask of classes or annotations: a number, a colour or a name", None
    )
    mask_orientation: MaskOrientation = option(
        "upright: the mask shows the photo as viewers do; stored: as it is stored, before its EXIF orientation",
        "upright",
        choices=get_args(MaskOrientation),
    )
    old_wall: OldWall = option(
        "auto detects patterns and paints; plain: all variation is light; patterned: paint over wallpaper; relief: "
        "paint over brick, tiles or boards and keep their relief",
        "auto",
        choices=get_args(OldWall),
    )
    old_color: Paint | str | Mapping[str, Paint | str] | None = option(
        "existing paint of the walls, or of each by name, a hint for match room", None
    )
    white: tuple[int, int] | None = option("X,Y of a white object in the upright photo, a hint for match room", None)
    limits: Limits | None = option("largest file and image to read; the package's limits if not given", None)
    light_model: LightModelChoice = option("light model: the packaged one, another, or none", "packaged")

    def __post_init__(self) -> None:
        raise_errors(field_errors(self), InputError)


def parse_point(text: str, parameter: str) -> tuple[int, int]:
    """Parse a point as users type it, "X,Y" in pixels from the top left: (x, y).

    parameter: its name, for the message. Raises InputError.
    """
    match = re.fullmatch(r"\s*(\d{1,6})\s*,\s*(\d{1,6})\s*", text)
    if not match:
        raise InputError(f"`{parameter}` takes X,Y in pixels from the top left, such as 120,80, not {text!r}")
    return int(match[1]), int(match[2])
