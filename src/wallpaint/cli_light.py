"""`wallpaint light`: the light model, trained on rendered rooms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

light_app = typer.Typer(no_args_is_help=True, help="The small network that sees the light on walls.")


@light_app.command()
def train(
    recipe: Annotated[Path, typer.Argument(metavar="CONFIG", help="A recipe, YAML; see configs/light_model.yaml.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run.")],
    resume: Annotated[
        str | None, typer.Option(metavar="latest", help="Go on from the folder's newest whole checkpoint.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A light model to begin with, instead of nothing.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="In place of the recipe's.")] = None,
) -> None:
    """Train the light model and write light_model.safetensors into the run's folder."""
    from dataclasses import replace

    from wallpaint.errors import ConfigError
    from wallpaint.light_model import FILE
    from wallpaint.train import light_job
    from wallpaint.train.light import METRIC

    if resume not in (None, "latest"):
        raise ConfigError(f'--resume takes "latest", not "{resume}"')
    config = light_job.read(recipe)
    if steps is not None:
        config = replace(config, loop=replace(config.loop, steps=steps))
    report = light_job.run(config, output, resume=resume is not None, start=start)
    typer.echo(
        f"{report['steps']} of {config.loop.steps} steps on {report['rooms']} rooms, "
        f"{report['parameters']:,} parameters: "
        f"{report[METRIC]:.2f} CIEDE2000 on {report['validation_rooms']} rooms that were not learned from"
    )
    if report["steps"] < config.loop.steps:
        typer.echo("stopped and saved: go on with --resume latest")
    typer.echo(f"written: {output / FILE}, {output / light_job.REPORT}")
