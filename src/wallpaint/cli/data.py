"""`wallpaint data`: training data, checked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from wallpaint.data.settings import DataSettings

data_app = typer.Typer(
    rich_markup_mode=None,
    invoke_without_command=True,
    help="Training data: photos, masks and true repaints.",
)


@data_app.callback()
def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@data_app.command()
def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A data set: train/, validation/, or one part alone.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="HTML", help="A page of the worst samples, with pictures.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
    write_quality: Annotated[
        bool, typer.Option("--write-quality", help="Put the masks' quality_score into metadata.jsonl.")
    ] = False,
    threshold: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Below this quality a mask is a fault.")
    ] = DataSettings.quality_threshold,
) -> None:
    """Find what is wrong with a data set. Exit status 1 if something is."""
    from wallpaint.data import check as checking
    from wallpaint.errors import ConfigError
    from wallpaint.files import atomic

    if output is not None and output.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--output is a page: end its name with .html, not {output.suffix or 'nothing'}")
    found = checking.check(folder, threshold, _progress if sys.stderr is not None and sys.stderr.isatty() else None)
    if output is not None:
        from wallpaint.data.check_page import page

        atomic.put(output, page(found).encode())
    written = checking.write_quality(found) if write_quality else []
    if as_json:
        import json

        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
    else:
        for fault in found.faults:
            typer.echo(f"{fault.kind}: {fault.message}")
        for file, count in written:
            typer.echo(f"written: {file}, {count} lines with quality_score")
        if output is not None:
            typer.echo(f"written: {output}")
        total = len(found.faults)
        typer.echo(f"{folder}: {len(found.samples)} samples, {total or 'no'} {'fault' if total == 1 else 'faults'}")
    if found.faults:
        raise typer.Exit(1)


def _progress(done: int, total: int) -> None:
    print(f"\r{done} of {total}" if done < total else "\r\033[K", end="", file=sys.stderr, flush=True)
