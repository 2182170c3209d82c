"""`wallpaint trace`: every tensor on the way, as it really flows."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wallpaint.diffusion.settings import about


class Language(StrEnum):
    en = "en"
    vi = "vi"


def register(app: typer.Typer) -> None:
    """Add the command to a command line."""
    app.command()(trace)


def trace(
    bundle: Annotated[
        str | None, typer.Option(help="Models: a name, a folder or a file. Without it: small ones of random weights.")
    ] = None,
    photo: Annotated[Path | None, typer.Option(help="Your own photo. Without it: a room drawn by arithmetic.")] = None,
    mask: Annotated[Path | None, typer.Option(help="The photo's wall, white = wall.")] = None,
    color: Annotated[str, typer.Option(help="The paint.")] = "#7d9b84",
    lang: Annotated[Language, typer.Option(help="Language of the explanations.")] = Language.en,
    steps: Annotated[int, typer.Option(help=f"Of the repaint: {about('steps')}.")] = 2,
    batch: Annotated[int, typer.Option(min=1, max=64, help="Pictures of the training step.")] = 2,
    seed: Annotated[int, typer.Option(min=0, max=2**64 - 1, help="Of all that is drawn at random.")] = 0,
    device: Annotated[str, typer.Option(help=f"{about('device').capitalize()}.")] = "auto",
    dtype: Annotated[str, typer.Option(help=f"{about('dtype').capitalize()}.")] = "auto",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the tables: a .md or a .json file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the trace as one JSON object.")] = False,
    docs: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write pipeline.md and pipeline.vi.md there; --bundle: full-size."),
    ] = None,
) -> None:
    """Run one training step and one repaint, and show every tensor: its shape, type, range, and why it is so."""
    from wallpaint.diffusion.settings import Settings
    from wallpaint.errors import ConfigError
    from wallpaint.tensor_report.job import Job, run, write_documents

    def say(line: str) -> None:
        if sys.stderr is not None and sys.stderr.isatty():
            typer.echo(line, err=True)

    if docs is not None:
        if photo or mask or output or as_json:
            raise ConfigError("--docs writes the documents as they are: it goes with --bundle alone")
        for path in write_documents(docs, bundle, say):
            typer.echo(f"written: {path}")
        return
    if bundle is None:
        typer.echo("no --bundle: a small one of random weights is made for this trace", err=True)
    settings = Settings(steps=steps, device=device, dtype=dtype)
    job = Job(bundle, photo, mask, color, lang.value, settings, batch, seed, output)
    found = run(job, say)
    if as_json:
        import json

        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
        return
    from wallpaint.tensor_report.tables import show
    from wallpaint.tensor_report.vocabulary import words

    show(found, words(lang.value))
    if output is not None:
        typer.echo(f"written: {output}")
