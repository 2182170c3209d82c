"""`wallpaint train`: train a LoRA, the light model or the wall segmenter from a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from wallpaint.cli.flags import command_flags, with_flags
from wallpaint.progress import LINE_INTERVAL_S, is_terminal

_ANY_ARGUMENTS = {"ignore_unknown_options": True, "allow_extra_args": True}


def register(app: typer.Typer) -> None:
    """Add the command to a command line, and hidden commands that refuse the names of earlier versions."""
    app.command()(train)
    for task in ("light", "segmenter"):
        app.command(f"train-{task}", hidden=True, add_help_option=False, context_settings=_ANY_ARGUMENTS)(
            _renamed_command(task)
        )


def train(
    context: typer.Context,
    recipe: Annotated[
        Path,
        typer.Argument(metavar="RECIPE", help="YAML file; its key task names what is trained. See configs/."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="RUN", help="Run folder.")],
    resume: Annotated[
        str | None, typer.Option(metavar="latest", help="Resume from the run folder's latest checkpoint.")
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="Weights to start from. Task light: a light_model.onnx; task segmenter: a folder with "
            "segformer.onnx and refiner.onnx.",
        ),
    ] = None,
    init_lora: Annotated[
        Path | None,
        typer.Option(metavar="FILE|DIR", help="Task lora: a LoRA to start from, of the recipe's rank."),
    ] = None,
    bundle: Annotated[str | None, typer.Option(help="Task lora: override the recipe's bundle.")] = None,
    data: Annotated[Path | None, typer.Option(help="Task lora: override the recipe's data set.")] = None,
) -> None:
    """Train a LoRA, the light model or the wall segmenter."""
    from wallpaint.errors import ConfigError
    from wallpaint.train import tasks

    if resume not in (None, "latest"):
        raise ConfigError(f'--resume takes "latest", not "{resume}"')
    flags = command_flags(context.command, [])
    options = tasks.TrainOptions(
        resume is not None, init, init_lora, bundle, data, progress=True, log=_logger(with_flags_of=flags)
    )
    for line in tasks.train(recipe, output, options):
        typer.echo(with_flags(line, flags))


def _renamed_command(task: str) -> Callable[[], None]:
    def command() -> None:
        from wallpaint.errors import ConfigError

        raise ConfigError(f"wallpaint train-{task} is now wallpaint train with task: {task}")

    return command


def _logger(*, with_flags_of: Mapping[str, str]) -> Callable[[str], None]:
    """Print progress lines to stderr; without a terminal, those of steps at intervals of `LINE_INTERVAL_S`."""
    last = monotonic()

    def log(line: str) -> None:
        nonlocal last
        if line.startswith("step ") and not is_terminal():
            if monotonic() - last < LINE_INTERVAL_S:
                return
            last = monotonic()
        typer.echo(with_flags(line, with_flags_of), err=True)

    return log
