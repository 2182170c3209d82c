"""`wallpaint validate`: compare LoRAs, bundles, painters or settings on a data set."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wallpaint.cli import help_panels as panels
from wallpaint.cli.diffusion_options import diffusion_option
from wallpaint.cli.help_panels import PanelCommand
from wallpaint.diffusion.settings import DiffusionSettings, Lora


class ValidationMode(StrEnum):
    plain = "plain"
    production = "production"
    analytic = "analytic"


def register(app: typer.Typer) -> None:
    """Add the command to a command line."""
    app.command(cls=PanelCommand)(validate)


def validate(
    data: Annotated[
        Path,
        typer.Option(metavar="DIR", rich_help_panel=panels.DATA, help="A data set, or a folder of rendered rooms."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", rich_help_panel=panels.OUTPUT, help="Folder for metrics.json and validation.html."
        ),
    ],
    mode: Annotated[
        ValidationMode,
        typer.Option(
            rich_help_panel=panels.CANDIDATES,
            help="plain: inpainting only, as in the source document. production: the full diffusion pipeline, photos "
            "at their own size. analytic: the analytic painter, which needs no bundle.",
        ),
    ] = ValidationMode.plain,
    bundle: Annotated[
        str | None,
        typer.Option(rich_help_panel=panels.CANDIDATES, help="Models to evaluate: a name, a folder or a file."),
    ] = None,
    lora: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH[=SCALE]",
            rich_help_panel=panels.CANDIDATES,
            help="A further candidate: the bundle with this LoRA, compared with the bundle alone. Repeatable.",
        ),
    ] = None,
    split: Annotated[str, typer.Option(rich_help_panel=panels.DATA, help="Split of the data set.")] = "validation",
    samples: Annotated[
        int, typer.Option(min=1, rich_help_panel=panels.DATA, help="Number of samples, from the first.")
    ] = 50,
    seed: Annotated[
        int, typer.Option(min=0, rich_help_panel=panels.COMPARISON, help="Seed of the noise and of the intervals.")
    ] = 0,
    size: Annotated[
        int | None,
        typer.Option(
            min=8,
            rich_help_panel=panels.DATA,
            help="Side of the samples in pixels, mode plain only; by default the bundle's native size.",
        ),
    ] = None,
    color: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=panels.DATA,
            help="Paint for the photos, in place of that of their true repaints. Repeatable: used in rotation.",
        ),
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="REPORT",
            rich_help_panel=panels.COMPARISON,
            help="Folder of an earlier report to compare with. Repeatable.",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC",
            rich_help_panel=panels.COMPARISON,
            help="Metric to sort and decide by; an unknown name lists them all.",
        ),
    ] = None,
    lpips: Annotated[
        bool,
        typer.Option("--lpips", rich_help_panel=panels.COMPARISON, help="Also compute LPIPS; needs the package lpips."),
    ] = False,
    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard",
            rich_help_panel=panels.OUTPUT,
            help="Also write TensorBoard scalars, to REPORT/tensorboard.",
        ),
    ] = False,
    steps: Annotated[int | None, diffusion_option("steps", with_default=True)] = None,
    scheduler: Annotated[str | None, diffusion_option("scheduler", with_default=True)] = None,
    guidance: Annotated[float | None, diffusion_option("guidance")] = None,
    strength: Annotated[float | None, diffusion_option("strength", "Mode production only.")] = None,
    ip_adapter_scale: Annotated[float | None, diffusion_option("ip_adapter_scale", "Mode production only.")] = None,
    controlnet_scale: Annotated[float | None, diffusion_option("controlnet_scale", "Mode production only.")] = None,
    prompt: Annotated[str | None, diffusion_option("prompt")] = None,
    context: Annotated[float | None, diffusion_option("context", "Mode production only.")] = None,
    mask_dilation_px: Annotated[float | None, diffusion_option("mask_dilation_px", with_default=True)] = None,
    device: Annotated[str | None, diffusion_option("device")] = None,
    dtype: Annotated[str | None, diffusion_option("dtype")] = None,
    offload: Annotated[bool, diffusion_option("offload")] = False,
    tiling: Annotated[bool, diffusion_option("tiling")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", rich_help_panel=panels.OUTPUT, help="Print the report as one JSON object.")
    ] = False,
) -> None:
    """Evaluate a LoRA, a bundle, a painter or a setting on a data set: metrics, intervals and a page of images.

    A stopped run is resumed when run again with the same folder.
    """
    from wallpaint.errors import ConfigError
    from wallpaint.evaluation.comparison.job import ValidationJob, print_report, run

    options = {
        **{"steps": steps, "scheduler": scheduler, "guidance": guidance, "strength": strength},
        **{
            "ip_adapter_scale": ip_adapter_scale,
            "controlnet_scale": controlnet_scale,
            "device": device,
            "dtype": dtype,
        },
        **{"prompt": prompt, "context": context, "mask_dilation_px": mask_dilation_px},
        **{"offload": offload or None, "tiling": tiling or None},
    }
    given = {name: value for name, value in options.items() if value is not None}
    conflicting = [f"--{name.replace('_', '-')}" for name in ("ip_adapter_scale", "controlnet_scale") if name in given]
    if mode is ValidationMode.plain and conflicting:
        raise ConfigError(f"{', '.join(conflicting)}: plain inpainting uses no image prompt and no depth control")
    if mode is ValidationMode.plain and context is not None:
        raise ConfigError("--context: plain inpainting takes samples of one size: pass --mode production")
    job = ValidationJob(
        data=data,
        output=output,
        mode=mode.value,
        bundle=bundle,
        loras=tuple(Lora.parse(text) for text in lora or ()),
        settings=DiffusionSettings(**given) if given or mode is not ValidationMode.analytic else None,  # type: ignore[arg-type]
        split=split,
        samples=samples,
        seed=seed,
        size=size,
        colors=tuple(color or ()),
        against=tuple(against or ()),
        primary_metric=by,
        lpips=lpips,
        tensorboard=tensorboard,
    )
    report = run(job, progress=not as_json)
    if as_json:
        import json

        typer.echo(json.dumps(report, ensure_ascii=False).encode(errors="backslashreplace"))
    else:
        print_report(report, output)
