"""`wallpaint train`: a recipe becomes a LoRA."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to a command line."""
    app.command()(train)


def train(
    recipe: Annotated[Path, typer.Argument(metavar="CONFIG", help="A recipe, YAML; see configs/.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run.")],
    resume: Annotated[
        str | None, typer.Option(metavar="latest", help="Go on from the folder's newest whole checkpoint.")
    ] = None,
    bundle: Annotated[str | None, typer.Option(help="In place of the recipe's.")] = None,
    data: Annotated[Path | None, typer.Option(help="In place of the recipe's.")] = None,
) -> None:
    """Train a LoRA for the diffusion painter."""
    from dataclasses import replace

    from wallpaint.errors import ConfigError
    from wallpaint.train.config import read
    from wallpaint.train.job import run

    if resume not in (None, "latest"):
        raise ConfigError(f'--resume takes "latest", not "{resume}"')
    config = read(recipe)
    config = replace(config, bundle=bundle or config.bundle, data=data or config.data)
    report = run(config, output, resume=resume is not None, progress=sys.stderr is not None and sys.stderr.isatty())
    if not report.is_main:
        return
    for note in report.notes:
        typer.echo(f"note: {note}")
    calls = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in report.calls.items())
    typer.echo(f"{report.step} of {report.steps} steps on {report.samples} samples; calls to encode: {calls}")
    for kind, path in report.files.items():
        typer.echo(f"written: {path} ({kind})")
    if not report.files and report.step < report.steps:
        typer.echo("stopped and saved: go on with --resume latest")
