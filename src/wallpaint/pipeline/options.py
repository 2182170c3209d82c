"""Options of a repaint. Imports no array library, so that help pages can use it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from wallpaint.errors import ConfigError, InputError
from wallpaint.options import field_errors, option, raise_errors
from wallpaint.painters.protocol import Match, Painter
from wallpaint.painters.registry import PAINTERS, check_name

DetailMode: TypeAlias = Literal["keep", "new"]

MATCHES: tuple[Match, ...] = get_args(Match)
RENAMED_MATCHES = {"literal": "swatch", "lit": "room"}  # values of the first version
DETAILS: tuple[DetailMode, ...] = get_args(DetailMode)


@dataclass(frozen=True, kw_only=True)
class RepaintOptions:
    """How a prepared scene is repainted. Raises InputError or ConfigError.

    painter: a name, or a painter made by `make_painter`, which keeps its networks between calls and has its own bundle.
    """

    match: Match = option(
        "room: the paint as this room's light renders it; swatch: the wall's median equals the swatch",
        "room",
        choices=MATCHES,
    )
    painter: str | Painter = option(
        f"auto, {', '.join(f'{name} ({factory.label})' for name, factory in PAINTERS.items())}", "auto"
    )
    bundle: str | Path | None = option("models of the diffusion painter: a name, a folder or a file", None)
    detail: DetailMode = option("keep the photo's own texture, or use the painter's new one", "keep", choices=DETAILS)
    seed: int = option("seed of painters that sample noise", 0)
    bleed: bool = option("add the new paint's light to the rest of the room", False)

    def __post_init__(self) -> None:
        if self.match in RENAMED_MATCHES:
            raise InputError(f"match '{self.match}' is now called '{RENAMED_MATCHES[self.match]}'")
        raise_errors(field_errors(self), InputError)
        if isinstance(self.painter, str):
            check_name(self.painter)
        elif self.bundle is not None:
            raise ConfigError("a painter object already has its bundle: leave `bundle` out")
