"""`wallpaint models`: which sets of models there are, fetching, checking, and making random ones."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

models_app = typer.Typer(
    rich_markup_mode=None,
    invoke_without_command=True,
    help="Sets of models: list, fetch, check, and random ones to try with.",
)


class Precision(StrEnum):
    float32 = "float32"
    float16 = "float16"
    bfloat16 = "bfloat16"


@models_app.callback()
def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@models_app.command(name="list")
def list_bundles(
    folders: Annotated[list[Path] | None, typer.Argument(metavar="[DIR]...", help="Bundles of your own.")] = None,
) -> None:
    """Show the bundles that are known by name: their parts, where they lie, and whether they are there."""
    from wallpaint.bundles.listing import lines

    for line in lines(folders or []):
        typer.echo(line)


@models_app.command()
def pull(
    name: Annotated[str, typer.Argument(metavar="NAME", help="sd15 or sd15-plus.")],
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A folder for real files, in place of links into the hub's cache."),
    ] = None,
    revision: Annotated[
        list[str] | None,
        typer.Option(metavar="[REPO=]REV", help="Branch, tag or commit; without REPO of the main one. Repeatable."),
    ] = None,
    plus: Annotated[bool, typer.Option("--plus", help="With the IP-Adapter Plus.")] = False,
    segmenter: Annotated[
        bool, typer.Option("--segmenter", help="With the wall finder, whose licence allows research only.")
    ] = False,
) -> None:
    """Fetch a bundle's models from the hub and lock them with their sums. Broken off, it goes on where it was."""
    from wallpaint.bundles.published import published
    from wallpaint.bundles.pull import pull as fetch

    spec = published(name, plus=plus)
    revisions: dict[str, str] = {}
    for text in revision or []:
        repo, _, rev = text.rpartition("=")
        revisions[repo or spec.sources[0].repo] = rev
    folder = fetch(spec, to, revisions=revisions, segmenter=segmenter, say=lambda line: typer.echo(line, err=True))
    typer.echo(f"{spec.name}: {folder}")


@models_app.command()
def verify(
    bundle: Annotated[str, typer.Argument(metavar="NAME_OR_DIR", help="A bundle's name, folder or file.")],
) -> None:
    """Check a bundle whole: sums against the lock, every part loaded, every number looked at."""
    from wallpaint.bundles.bundle import load_bundle
    from wallpaint.bundles.verify import verify as check

    opened = load_bundle(bundle)
    for line in check(opened):
        typer.echo(line)
    typer.echo(f"{opened.name}: sound{', but of random weights' if opened.random else ''}")


@models_app.command()
def random(
    configuration: Annotated[str, typer.Argument(metavar="CONFIGURATION", help="Such as mini or sd15.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    dtype: Annotated[Precision, typer.Option(help="Of the weights.")] = Precision.float32,
) -> None:
    """Write a bundle of random weights, to measure with or to train. What it paints means nothing."""
    import torch

    from wallpaint.bundles.random_bundle import write_random

    write_random(configuration, folder, seed=seed, dtype=getattr(torch, dtype.value))
    typer.echo(f"{configuration}: {folder}, random weights")
