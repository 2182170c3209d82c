"""`wallpaint trace`: list every tensor of one training step and one repaint."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wallpaint.cli.diffusion_options import diffusion_option
from wallpaint.diffusion.settings import DiffusionSettings, setting_help
from wallpaint.progress import is_terminal


class Language(StrEnum):
    en = "en"
    vi = "vi"


def register(app: typer.Typer) -> None:
    """Add the command to a command line."""
    app.command()(trace)


def trace(
    bundle: Annotated[
        str | None, typer.Option(help="Bundle: a name, a folder or a file. Default: a small one with random weights.")
    ] = None,
    photo: Annotated[Path | None, typer.Option(help="Photo. Default: a synthetic room.")] = None,
    mask: Annotated[Path | None, typer.Option(help="Wall mask of the photo, white = wall.")] = None,
    color: Annotated[str, typer.Option(help="Colour of the paint.")] = "#7d9b84",
    lang: Annotated[Language, typer.Option(help="Language of the explanations.")] = Language.en,
    steps: Annotated[int, typer.Option(help=f"For the repaint: {setting_help('steps')}.")] = 2,
    batch: Annotated[int, typer.Option(min=1, max=64, help="Batch size of the training step.")] = 2,
    seed: Annotated[int, typer.Option(min=0, max=2**64 - 1, help="Random seed.")] = 0,
    device: Annotated[str, diffusion_option("device")] = DiffusionSettings.device,
    dtype: Annotated[str, diffusion_option("dtype")] = DiffusionSettings.dtype,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the trace to a .md or .json file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the trace as one JSON object.")] = False,
    docs: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write pipeline.md and pipeline.vi.md to this folder; --bundle is the full-size bundle."
        ),
    ] = None,
) -> None:
    """Run one training step and one repaint, and list every tensor: shape, type, range and explanation."""
    from wallpaint.errors import ConfigError
    from wallpaint.tensor_report.job import TraceJob, run, write_documents

    def log(line: str) -> None:
        if is_terminal():
            typer.echo(line, err=True)

    if docs is not None:
        if photo or mask or output or as_json:
            raise ConfigError("--docs has fixed inputs: it goes with --bundle alone")
        for path in write_documents(docs, bundle, log):
            typer.echo(f"written: {path}")
        return
    if bundle is None:
        typer.echo("no --bundle: using a small bundle with random weights", err=True)
    settings = DiffusionSettings(steps=steps, device=device, dtype=dtype)
    job = TraceJob(bundle, photo, mask, color, lang.value, settings, batch, seed, output)
    result = run(job, log)
    if as_json:
        import json

        typer.echo(json.dumps(result.to_dict(), ensure_ascii=False))
        return
    from wallpaint.tensor_report.tables import print_trace
    from wallpaint.tensor_report.vocabulary import load_vocabulary

    print_trace(result, load_vocabulary(lang.value))
    if output is not None:
        typer.echo(f"written: {output}")
