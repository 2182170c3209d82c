"""`wallpaint train`, `train-light`, `train-segmenter`: a recipe becomes a LoRA, a light model, a wall finder."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

Output = Annotated[Path, typer.Option("--output", "-o", help="Folder of the run.")]
Resume = Annotated[str | None, typer.Option(metavar="latest", help="Go on from the folder's newest whole checkpoint.")]


def register(app: typer.Typer) -> None:
    """Add the commands to a command line."""
    app.command()(train)
    app.command("train-light")(train_light)
    app.command("train-segmenter")(train_segmenter)


def train(
    recipe: Annotated[Path, typer.Argument(metavar="CONFIG", help="A recipe, YAML; see configs/.")],
    output: Output,
    resume: Resume = None,
    bundle: Annotated[str | None, typer.Option(help="In place of the recipe's.")] = None,
    data: Annotated[Path | None, typer.Option(help="In place of the recipe's.")] = None,
) -> None:
    """Train a LoRA for the diffusion painter."""
    from dataclasses import replace

    from wallpaint.train.engine.config import read
    from wallpaint.train.lora.job import run

    goes_on = _goes_on(resume)
    config = read(recipe)
    config = replace(config, bundle=bundle or config.bundle, data=data or config.data)
    report = run(config, output, resume=goes_on, progress=_is_watched())
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


def train_light(
    recipe: Annotated[Path, typer.Argument(metavar="CONFIG", help="A recipe, YAML; see configs/light_model.yaml.")],
    output: Output,
    resume: Resume = None,
    start: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights to begin with: a light_model.safetensors.")
    ] = None,
) -> None:
    """Train the light model: render its rooms, learn, calibrate, judge."""
    from wallpaint.train.light.job import read, run

    goes_on = _goes_on(resume)
    for line in run(read(recipe), output, resume=goes_on, start=start, say=_teller()).lines():
        typer.echo(line)


def train_segmenter(
    recipe: Annotated[Path, typer.Argument(metavar="CONFIG", help="A recipe, YAML; see configs/segmenter.yaml.")],
    output: Output,
    resume: Resume = None,
    start: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Weights to begin with: config.json, model.safetensors."),
    ] = None,
) -> None:
    """Train the wall finder: render its rooms, learn, calibrate, judge."""
    from wallpaint.train.segmenter.config import read
    from wallpaint.train.segmenter.job import run

    goes_on = _goes_on(resume)
    for line in run(read(recipe), output, resume=goes_on, start=start, say=_teller()).lines():
        typer.echo(line)


def _goes_on(resume: str | None) -> bool:
    """Whether --resume is given. Raises ConfigError for anything but latest."""
    from wallpaint.errors import ConfigError

    if resume not in (None, "latest"):
        raise ConfigError(f'--resume takes "latest", not "{resume}"')
    return resume is not None


def _is_watched() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _teller() -> Callable[[str], None]:
    """What takes lines of progress: stderr, where a person looks at it."""
    return partial(typer.echo, err=True) if _is_watched() else lambda line: None
