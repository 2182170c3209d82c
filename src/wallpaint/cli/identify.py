"""`wallpaint identify`: the paint that a wall has, and the nearest of a palette."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wallpaint.cli import help_panels as panels
from wallpaint.cli.help_panels import PanelCommand


def register(app: typer.Typer) -> None:
    """Add the command to a command line."""
    app.command(cls=PanelCommand)(identify)


def identify(
    photo: Annotated[Path, typer.Argument(help="Photo of a room.")],
    palette: Annotated[
        Path | None, typer.Option(rich_help_panel=panels.PAINT, help="Paint list, CSV or JSON, to compare with.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y",
            rich_help_panel=panels.MASK_AND_WALLS,
            help="Pixel position in the upright photo; by default the whole largest wall.",
        ),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=panels.MASK_AND_WALLS,
            help="Mask image of the photo's size, white = wall. Without it the walls are detected.",
        ),
    ] = None,
    white: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y",
            rich_help_panel=panels.LIGHT,
            help="Pixel position of a white object in the photo; makes the estimate more accurate.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", rich_help_panel=panels.OUTPUT, help="Print the report as one JSON object.")
    ] = False,
    max_bytes: Annotated[
        int | None, typer.Option(min=1, rich_help_panel=panels.LIMITS, help="Largest input file to read, in bytes.")
    ] = None,
    max_pixels: Annotated[
        int | None, typer.Option(min=1, rich_help_panel=panels.LIMITS, help="Largest image to decode, in pixels.")
    ] = None,
) -> None:
    """Identify the paint of a wall: its colour in the photo, the estimated paint, the nearest of a palette."""
    from wallpaint.imaging.photo import Limits
    from wallpaint.pipeline.identify import run, summary
    from wallpaint.scene.options import parse_point

    report = run(
        photo,
        palette=palette,
        at=None if at is None else parse_point(at, "at"),
        mask=mask,
        white=None if white is None else parse_point(white, "white"),
        limits=Limits(max_bytes or Limits.max_bytes, max_pixels or Limits.max_pixels),
    )
    if as_json:
        import json

        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        typer.echo("\n".join(summary(report)))
