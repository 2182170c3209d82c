"""`wallpaint benchmark`: compare repainting methods on rendered rooms with ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wallpaint.progress import is_terminal


def register(app: typer.Typer) -> None:
    """Add the command to a command line."""
    app.command()(benchmark)


def benchmark(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A set of rendered rooms, with metadata.jsonl.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for benchmark.json and benchmark.html.")
    ] = None,
    methods: Annotated[
        str | None, typer.Option(metavar="A,B", help="Run only these methods; an unknown name lists them all.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Number of pairs to use, from the first.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Compare repainting methods on rendered rooms whose true repaints are known."""
    from wallpaint.evaluation.benchmark.job import print_report, run

    progress = not as_json and is_terminal()
    report = run(folder, output, methods=methods, limit=limit, progress=progress)
    if as_json:
        import json

        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        print_report(report, output)
