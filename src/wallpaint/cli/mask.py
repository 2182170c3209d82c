"""`wallpaint mask`: detect the walls of a photo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wallpaint.cli import help_panels as panels
from wallpaint.cli.help_panels import PanelCommand


def register(app: typer.Typer) -> None:
    """Add the command to a command line."""
    app.command(cls=PanelCommand)(mask)


def mask(
    photo: Annotated[Path, typer.Argument(help="Photo of a room.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", rich_help_panel=panels.OUTPUT, help="Mask file to write, a PNG: white = wall."),
    ],
    click: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y", rich_help_panel=panels.MASK_AND_WALLS, help="A point on a wall. Repeatable."),
    ] = None,
    not_click: Annotated[
        list[str] | None,
        typer.Option(
            "--not", metavar="X,Y", rich_help_panel=panels.MASK_AND_WALLS, help="A point not on a wall. Repeatable."
        ),
    ] = None,
    separate: Annotated[
        bool,
        typer.Option(
            "--separate",
            rich_help_panel=panels.MASK_AND_WALLS,
            help="Also write one mask per wall, MASK-1.png, MASK-2.png, the largest first.",
        ),
    ] = False,
    bundle: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=panels.SEGMENTATION,
            help="Bundle with a segmenter, or folder of a SegFormer (ADE20K labels), in place of the built-in model.",
        ),
    ] = None,
    sam: Annotated[
        Path | None,
        typer.Option(rich_help_panel=panels.SEGMENTATION, help="Folder of a SAM (v1) that segments at the points."),
    ] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(rich_help_panel=panels.OUTPUT, help="Also write the photo with the walls tinted, a PNG."),
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
    """Detect the walls of a photo and write them as a mask."""
    from wallpaint.segment.job import MaskJob, run

    summary, report = run(
        MaskJob(
            photo=photo,
            output=output,
            clicks=tuple(click or ()),
            not_clicks=tuple(not_click or ()),
            separate=separate,
            bundle=bundle,
            sam=sam,
            overlay=overlay,
            max_bytes=max_bytes,
            max_pixels=max_pixels,
        )
    )
    if as_json:
        import json

        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        typer.echo(summary)
        for note in report["notes"]:
            typer.echo(f"note: {note}")
