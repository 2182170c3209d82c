"""`wallpaint benchmark`: ways of repainting, compared on rooms of known truth."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to a command line."""
    app.command()(benchmark)


def benchmark(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A set of rendered rooms, with metadata.jsonl.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for benchmark.json and benchmark.html.")
    ] = None,
    methods: Annotated[
        str | None, typer.Option(metavar="A,B", help="Only these ways, by name; a wrong name lists them all.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first pairs of the set.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Compare ways of repainting on rendered rooms whose true repaints are known."""
    from wallpaint.evaluation.benchmark.job import run, show

    progress = not as_json and sys.stderr is not None and sys.stderr.isatty()
    report = run(folder, output, methods=methods, limit=limit, progress=progress)
    if as_json:
        import json

        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        show(report, output)
