"""`wallpaint mask`: find the walls of a photo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to a command line."""
    app.command()(mask)


def mask(
    photo: Annotated[Path, typer.Argument(help="The photo.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The mask, a PNG: white = wall.")],
    click: Annotated[
        list[str] | None, typer.Option(metavar="X,Y", help="What is there is wall, whatever was found. Repeatable.")
    ] = None,
    not_click: Annotated[
        list[str] | None, typer.Option("--not", metavar="X,Y", help="What is there is no wall. Repeatable.")
    ] = None,
    separate: Annotated[
        bool, typer.Option("--separate", help="Also one mask a wall, MASK-1.png, MASK-2.png, the largest first.")
    ] = False,
    bundle: Annotated[
        str | None,
        typer.Option(help="Another network: a bundle with a segmenter, or a SegFormer's folder (ADE20K and the like)."),
    ] = None,
    sam: Annotated[Path | None, typer.Option(help="Folder of a SAM (v1) that follows the clicks.")] = None,
    overlay: Annotated[
        Path | None, typer.Option(help="Also the photo with the walls tinted, a PNG, to look at.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
    max_bytes: Annotated[int | None, typer.Option(min=1, help="Largest file to read.")] = None,
    max_pixels: Annotated[int | None, typer.Option(min=1, help="Largest picture to read.")] = None,
) -> None:
    """Find the walls of a photo and write them as a mask."""
    from wallpaint.segment.job import MaskJob, run

    told, report = run(
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
        typer.echo(told)
        for note in report["notes"]:
            typer.echo(f"note: {note}")
