"""`wallpaint mask`: find the walls of a photo; `wallpaint train-segmenter`: teach the network that does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to a command line."""
    app.command()(mask)
    app.command("train-segmenter")(train_segmenter)


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


def train_segmenter(
    recipe: Annotated[Path, typer.Argument(metavar="CONFIG", help="A recipe, YAML; see configs/segmenter.yaml.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run.")],
    resume: Annotated[
        str | None, typer.Option(metavar="latest", help="Go on from the folder's newest whole checkpoint.")
    ] = None,
) -> None:
    """Train the wall finder: render its rooms, learn, calibrate, judge."""
    from wallpaint.errors import ConfigError
    from wallpaint.train.segmenter_config import read
    from wallpaint.train.segmenter_job import run

    if resume not in (None, "latest"):
        raise ConfigError(f'--resume takes "latest", not "{resume}"')
    say = typer.echo if sys.stderr is not None and sys.stderr.isatty() else lambda line: None
    report = run(read(recipe), output, resume=resume is not None, say=say)
    for line in report.lines():
        typer.echo(line)
