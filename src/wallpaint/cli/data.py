"""`wallpaint data`: check a training data set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from wallpaint.data.settings import SampleSettings
from wallpaint.progress import is_terminal

data_app = typer.Typer(
    rich_markup_mode=None,
    invoke_without_command=True,
    help="Training data sets: photos, masks and true repaints.",
)


@data_app.callback()
def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@data_app.command()
def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A data set with train/, validation/, or one split.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="HTML", help="Page with images of the worst samples.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
    write_quality: Annotated[
        bool, typer.Option("--write-quality", help="Write the masks' quality_score into metadata.jsonl.")
    ] = False,
    threshold: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="A mask with a lower quality is an issue.")
    ] = SampleSettings.quality_threshold,
) -> None:
    """Check a data set for issues. Exit status 1 if there are any."""
    from wallpaint.data import check as checking
    from wallpaint.errors import ConfigError
    from wallpaint.files import atomic

    if output is not None and output.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--output is an HTML page: end its name with .html, not {output.suffix or 'nothing'}")
    report = checking.check(folder, threshold, _progress if is_terminal() else None)
    if output is not None:
        from wallpaint.data.check_page import page

        atomic.put(output, page(report).encode())
    written = checking.write_quality(report) if write_quality else []
    if as_json:
        import json

        typer.echo(json.dumps(report.to_dict(), ensure_ascii=False))
    else:
        for issue in report.issues:
            typer.echo(f"{issue.type}: {issue.message}")
        for note in report.notes:
            typer.echo(f"note: {note}")
        for file, count in written:
            typer.echo(f"written: {file}, {count} lines with quality_score")
        if output is not None:
            typer.echo(f"written: {output}")
        samples, total = len(report.samples), len(report.issues)
        counted = f"{samples} {'sample' if samples == 1 else 'samples'}"
        typer.echo(f"{folder}: {counted}, {total or 'no'} {'issue' if total == 1 else 'issues'}")
    if report.issues:
        raise typer.Exit(1)


def _progress(done: int, total: int) -> None:
    print(f"\r{done} of {total}" if done < total else "\r\033[K", end="", file=sys.stderr, flush=True)
