"""`wallpaint models`: list, fetch, verify and try bundles of models, and write random ones."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wallpaint import extras
from wallpaint.cli.diffusion_options import diffusion_option
from wallpaint.diffusion.settings import DiffusionSettings

models_app = typer.Typer(
    rich_markup_mode=None,
    invoke_without_command=True,
    help="List, fetch, verify and try bundles of models, and write random ones for tests.",
)


class WeightDtype(StrEnum):
    float32 = "float32"
    float16 = "float16"
    bfloat16 = "bfloat16"


@models_app.callback()
def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@models_app.command(name="list")
def list_bundles(
    folders: Annotated[list[Path] | None, typer.Argument(metavar="[DIR]...", help="Further bundle folders.")] = None,
) -> None:
    """List the built-in bundles: components, parameters, folder, and whether they are installed."""
    from wallpaint.bundles.listing import describe_bundles

    for line in describe_bundles(folders or []):
        typer.echo(line)


@models_app.command()
def pull(
    name: Annotated[str, typer.Argument(metavar="NAME", help="sd15 or sd15-plus.")],
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write real files to this folder instead of links into the hub's cache."),
    ] = None,
    revision: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[REPO=]REV", help="Branch, tag or commit, by default of the main repository. Repeatable."
        ),
    ] = None,
    plus: Annotated[bool, typer.Option("--plus", help="Fetch the variant with IP-Adapter Plus.")] = False,
    segmenter: Annotated[
        bool, typer.Option("--segmenter", help="Include the wall segmenter, whose licence allows research only.")
    ] = False,
) -> None:
    """Fetch a bundle from the hub and write a lock with checksums. Resumes an interrupted download."""
    extras.require("fetching models", "huggingface_hub", "safetensors")
    from wallpaint.bundles.published import published
    from wallpaint.bundles.pull import pull as fetch

    spec = published(name, plus=plus)
    revisions: dict[str, str] = {}
    for text in revision or []:
        repo, _, rev = text.rpartition("=")
        revisions[repo or spec.sources[0].repo] = rev
    folder = fetch(spec, to, revisions=revisions, segmenter=segmenter, log=lambda line: typer.echo(line, err=True))
    typer.echo(f"{spec.name}: {folder}")


@models_app.command()
def verify(
    bundle: Annotated[str, typer.Argument(metavar="NAME_OR_DIR", help="A bundle's name, folder or file.")],
) -> None:
    """Verify a bundle: checksums against the lock, every component loaded, all weights finite."""
    extras.require("checking models", *extras.DIFFUSION)
    from wallpaint.bundles.bundle import load_bundle
    from wallpaint.bundles.verify import verify as check

    opened = load_bundle(bundle)
    for line in check(opened):
        typer.echo(line)
    typer.echo(f"{opened.name}: OK{', with random weights' if opened.random else ''}")


@models_app.command(name="try")
def try_bundle(
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help="A bundle's name, folder or file.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="A new or empty folder.")],
    photo: Annotated[Path | None, typer.Option(help="Photo. Default: a synthetic room.")] = None,
    mask: Annotated[Path | None, typer.Option(help="Wall mask of the photo, white = wall.")] = None,
    repaints: Annotated[int, typer.Option(help="Number of repaints, 1..10.")] = 10,
    steps: Annotated[int, diffusion_option("steps")] = DiffusionSettings.steps,
    scheduler: Annotated[str, diffusion_option("scheduler")] = DiffusionSettings.scheduler,
    guidance: Annotated[float, diffusion_option("guidance")] = DiffusionSettings.guidance,
    lora_steps: Annotated[int, typer.Option(help="Training steps of the LoRA; 0 trains none.")] = 50,
    lora_batch_size: Annotated[int, typer.Option(help="Batch size of the LoRA's training.")] = 1,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    device: Annotated[str, diffusion_option("device")] = DiffusionSettings.device,
    dtype: Annotated[str, diffusion_option("dtype")] = DiffusionSettings.dtype,
) -> None:
    """Repaint a photo in ten paints beside the stock diffusers pipeline, train a short LoRA, write one page."""
    extras.require("trying models", *extras.DIFFUSION, *(("yaml",) if lora_steps else ()))
    from wallpaint.bundle_trial import job
    from wallpaint.bundle_trial.page import summary
    from wallpaint.bundle_trial.record import TrialOptions

    settings = DiffusionSettings(steps=steps, scheduler=scheduler, guidance=guidance, device=device, dtype=dtype)
    options = TrialOptions(settings, photo, mask, repaints, lora_steps, lora_batch_size, seed)
    trial = job.run(bundle, output, options, log=lambda line: typer.echo(line, err=True))
    for line in summary(trial):
        typer.echo(line)
    typer.echo(f"written: {output / job.PAGE}")


@models_app.command()
def random(
    configuration: Annotated[str, typer.Argument(metavar="CONFIGURATION", help="For example mini or sd15.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    seed: Annotated[int, typer.Option(min=0, help="Random seed; the same seed gives the same bytes.")] = 0,
    dtype: Annotated[WeightDtype, typer.Option(help="Data type of the weights.")] = WeightDtype.float32,
) -> None:
    """Write a bundle of random weights, for benchmarks or training. Its images are meaningless."""
    extras.require("making models", *extras.DIFFUSION)
    import torch

    from wallpaint.bundles.random_bundle import write_random

    write_random(configuration, folder, seed=seed, dtype=getattr(torch, dtype.value))
    typer.echo(f"{configuration}: {folder}, random weights")
