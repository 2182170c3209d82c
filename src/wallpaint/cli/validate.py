"""`wallpaint validate`: is a LoRA, a bundle, a painter or a setting better? Numbers, intervals, and a page."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wallpaint.diffusion.settings import Lora, Settings, about


class Mode(StrEnum):
    plain = "plain"
    production = "production"
    analytic = "analytic"


def register(app: typer.Typer) -> None:
    """Add the command to a command line."""
    app.command()(validate)


def _said(name: str) -> str:
    return f"Diffusion: {about(name)}."


def validate(
    data: Annotated[Path, typer.Option(metavar="DIR", help="A data set, or a folder of rendered rooms.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for metrics.json and validation.html.")],
    mode: Annotated[
        Mode,
        typer.Option(
            help="plain: inpainting alone, as the source document. production: the whole painter, photos at their own "
            "size. analytic: the painter that needs no bundle."
        ),
    ] = Mode.plain,
    bundle: Annotated[str | None, typer.Option(help="Models to judge: a name, a folder or a file.")] = None,
    lora: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH[=SCALE]", help="Judged beside the bundle alone, and compared with it. Repeatable."),
    ] = None,
    split: Annotated[str, typer.Option(help="Part of the data set.")] = "validation",
    samples: Annotated[int, typer.Option(min=1, help="How many, the first ones.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Of the painter's noise, and of the intervals.")] = 0,
    size: Annotated[
        int | None, typer.Option(min=8, help="Plain: side of the samples; else what the bundle is used at.")
    ] = None,
    color: Annotated[
        list[str] | None,
        typer.Option(help="Paints for the photos, in turn, in place of their true repaint's or own. Repeatable."),
    ] = None,
    against: Annotated[
        list[Path] | None, typer.Option(metavar="REPORT", help="An earlier report to compare with. Repeatable.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="METRIC", help="What is looked at first; a wrong name lists them all.")
    ] = None,
    lpips: Annotated[bool, typer.Option("--lpips", help="Also LPIPS; needs the package lpips.")] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also scalars for TensorBoard, in REPORT/tensorboard.")
    ] = False,
    steps: Annotated[int | None, typer.Option(help=f"{_said('steps')[:-1]} [default: 20]")] = None,
    scheduler: Annotated[str | None, typer.Option(help=f"{_said('scheduler')[:-1]} [default: ddim]")] = None,
    guidance: Annotated[float | None, typer.Option(help=_said("guidance"))] = None,
    strength: Annotated[float | None, typer.Option(help=f"Production: {about('strength')}.")] = None,
    image_scale: Annotated[float | None, typer.Option(help=f"Production: {about('image_scale')}.")] = None,
    control_scale: Annotated[float | None, typer.Option(help=f"Production: {about('control_scale')}.")] = None,
    device: Annotated[str | None, typer.Option(help=_said("device"))] = None,
    dtype: Annotated[str | None, typer.Option(help=_said("dtype"))] = None,
    offload: Annotated[bool, typer.Option("--offload", help=_said("offload"))] = False,
    tiling: Annotated[bool, typer.Option("--tiling", help=_said("tiling"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Judge a LoRA, a bundle, a painter or a setting on a data set: numbers, intervals and a page of pictures.

    Run again on the same folder it goes on where it was stopped.
    """
    from wallpaint.errors import ConfigError
    from wallpaint.evaluation.comparison.job import Job, run, show

    told = {
        **{"steps": steps, "scheduler": scheduler, "guidance": guidance, "strength": strength},
        **{"image_scale": image_scale, "control_scale": control_scale, "device": device, "dtype": dtype},
        **{"offload": offload or None, "tiling": tiling or None},
    }
    chosen = {name: value for name, value in told.items() if value is not None}
    plain_sets = [f"--{name.replace('_', '-')}" for name in ("image_scale", "control_scale") if name in chosen]
    if mode is Mode.plain and plain_sets:
        raise ConfigError(f"{', '.join(plain_sets)}: plain inpainting sees no reference and no depth")
    job = Job(
        data=data,
        output=output,
        mode=mode.value,
        bundle=bundle,
        loras=tuple(Lora.parse(text) for text in lora or ()),
        settings=Settings(**chosen) if chosen or mode is not Mode.analytic else None,  # type: ignore[arg-type]
        split=split,
        samples=samples,
        seed=seed,
        size=size,
        colors=tuple(color or ()),
        against=tuple(against or ()),
        by=by,
        lpips=lpips,
        tensorboard=tensorboard,
    )
    report = run(job, progress=not as_json and sys.stderr is not None and sys.stderr.isatty())
    if as_json:
        import json

        typer.echo(json.dumps(report, ensure_ascii=False).encode(errors="backslashreplace"))
    else:
        show(report, output)
