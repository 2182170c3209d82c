"""The command line: a few lines a command. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from wallpaint.cli.benchmark import register as register_benchmark
from wallpaint.cli.data import data_app
from wallpaint.cli.mask import register as register_mask
from wallpaint.cli.models import models_app
from wallpaint.cli.rooms import rooms_app
from wallpaint.cli.trace import register as register_trace
from wallpaint.cli.train import register as register_train
from wallpaint.cli.validate import register as register_validate
from wallpaint.diffusion.settings import Lora, Settings, about
from wallpaint.errors import WallpaintError

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Repaint the walls in a photo of a room: the colour right, everything else untouched.",
)


class Match(StrEnum):
    swatch = "swatch"
    room = "room"


class PainterName(StrEnum):
    auto = "auto"
    analytic = "analytic"
    diffusion = "diffusion"


class Edges(StrEnum):
    refine = "refine"
    keep = "keep"


class OldWall(StrEnum):
    auto = "auto"
    plain = "plain"
    patterned = "patterned"


class Detail(StrEnum):
    keep = "keep"
    new = "new"


def _said(name: str) -> str:
    """A setting's own words as a line of help."""
    return f"Diffusion: {about(name)}."


def _version(wanted: bool) -> None:
    if wanted:
        from wallpaint.version import __version__

        typer.echo(f"wallpaint {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    del version


@app.command()
def repaint(
    photo: Annotated[Path, typer.Argument(help="The photo: JPEG, PNG, WebP, TIFF, HEIC, AVIF or BMP.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The result; a folder if there are several colours.")],
    mask: Annotated[
        Path | None, typer.Option(help="Picture of the photo's size, white = wall. Without it, walls are looked for.")
    ] = None,
    color: Annotated[
        list[str] | None,
        typer.Option(help="'#7d9b84', 'rgb(…)', 'lab(…)', a CSS name, or a code of --palette. Repeatable."),
    ] = None,
    wall: Annotated[
        list[str] | None, typer.Option(metavar="MASK=COLOR", help="One of several walls. Repeatable.")
    ] = None,
    palette: Annotated[
        Path | None, typer.Option(help="Your own paints, CSV or JSON: all of them, or those --color names.")
    ] = None,
    reference: Annotated[Path | None, typer.Option(help="A picture of the wanted paint, in place of a colour.")] = None,
    match: Annotated[
        Match,
        typer.Option(help="literal: the wall shows the swatch. lit: as this room's light would show it."),
    ] = Match.swatch,
    painter: Annotated[PainterName, typer.Option(help="How to paint.")] = PainterName.auto,
    bleed: Annotated[
        bool, typer.Option("--bleed", help="Let the rest of the room take the light of the new paint.")
    ] = False,
    detail: Annotated[
        Detail, typer.Option(help="keep the wall's own texture, or take the painter's new one.")
    ] = Detail.keep,
    edges: Annotated[
        Edges, typer.Option(help="refine the mask's edge on the photo, or keep it as drawn.")
    ] = Edges.refine,
    old_color: Annotated[str | None, typer.Option(help="Today's paint, a hint for lit.")] = None,
    old_wall: Annotated[
        OldWall,
        typer.Option(help="plain: all that varies is light. patterned: paint over wallpaper or brick."),
    ] = OldWall.auto,
    white: Annotated[str | None, typer.Option(metavar="X,Y", help="Something white, a hint for lit.")] = None,
    fit_mask: Annotated[bool, typer.Option("--fit-mask", help="Resize the mask to the photo.")] = False,
    invert_mask: Annotated[bool, typer.Option("--invert-mask", help="Black is wall.")] = False,
    before_after: Annotated[Path | None, typer.Option(help="Also write before and after side by side.")] = None,
    strip_location: Annotated[
        bool, typer.Option("--strip-location", help="Leave out where the photo was taken.")
    ] = False,
    quality: Annotated[
        int | None, typer.Option(min=1, max=100, help="Of a JPEG, WebP, AVIF or HEIC; else like the source.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**64 - 1, help="For painters that draw at random.")] = 0,
    bundle: Annotated[
        str | None, typer.Option(help="Models of the diffusion painter: a name, a folder or a file.")
    ] = None,
    lora: Annotated[
        list[str] | None, typer.Option(metavar="PATH[=SCALE]", help=_said("loras") + " Repeatable.")
    ] = None,
    steps: Annotated[int, typer.Option(help=_said("steps"))] = 20,
    scheduler: Annotated[str, typer.Option(help=_said("scheduler"))] = "ddim",
    guidance: Annotated[float, typer.Option(help=_said("guidance"))] = 1.0,
    strength: Annotated[float, typer.Option(help=_said("strength"))] = 1.0,
    image_scale: Annotated[float, typer.Option(help=_said("image_scale"))] = 1.0,
    control_scale: Annotated[float, typer.Option(help=_said("control_scale"))] = 1.0,
    prompt: Annotated[str, typer.Option(help=_said("prompt"))] = "",
    negative_prompt: Annotated[str, typer.Option(help=_said("negative_prompt"))] = "",
    device: Annotated[str, typer.Option(help=_said("device"))] = "auto",
    dtype: Annotated[str, typer.Option(help=_said("dtype"))] = "auto",
    batch: Annotated[int, typer.Option(help=_said("batch"))] = 8,
    compile_networks: Annotated[bool, typer.Option("--compile", help=_said("compile"))] = False,
    offload: Annotated[bool, typer.Option("--offload", help=_said("offload"))] = False,
    tiling: Annotated[bool, typer.Option("--tiling", help=_said("tiling"))] = False,
    context: Annotated[float, typer.Option(help=_said("context"))] = 0.25,
    mask_dilation_px: Annotated[float, typer.Option(help=_said("mask_dilation_px"))] = 8.0,
    profile: Annotated[bool, typer.Option("--profile", help="Print seconds, calls and operations by stage.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
    max_bytes: Annotated[int | None, typer.Option(min=1, help="Largest file to read.")] = None,
    max_pixels: Annotated[int | None, typer.Option(min=1, help="Largest picture to read.")] = None,
) -> None:
    """Repaint the walls of one photo, in one colour or in many."""
    from wallpaint.pipeline.job import Job, run

    settings = Settings(
        loras=tuple(Lora.parse(text) for text in lora or ()),
        steps=steps,
        scheduler=scheduler,
        guidance=guidance,
        strength=strength,
        image_scale=image_scale,
        control_scale=control_scale,
        prompt=prompt,
        negative_prompt=negative_prompt,
        device=device,
        dtype=dtype,
        batch=batch,
        compile=compile_networks,
        offload=offload,
        tiling=tiling,
        context=context,
        mask_dilation_px=mask_dilation_px,
    )
    job = Job(
        photo=photo,
        output=output,
        mask=mask,
        colors=tuple(color or ()),
        walls=tuple(wall or ()),
        palette=palette,
        reference=reference,
        match=match.value,
        painter=painter.value,
        detail=detail.value,
        bleed=bleed,
        edges=edges.value,
        old_color=old_color,
        old_wall=old_wall.value,
        white=white,
        fit_mask=fit_mask,
        invert_mask=invert_mask,
        before_after=before_after,
        strip_location=strip_location,
        quality=quality,
        seed=seed,
        bundle=bundle,
        settings=settings,
        profile=profile,
        max_bytes=max_bytes,
        max_pixels=max_pixels,
    )
    report = run(job, progress=not as_json and sys.stderr is not None and sys.stderr.isatty())
    if as_json:
        import json

        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        from wallpaint.pipeline.report import summary

        typer.echo("\n".join(summary(report, profile=profile)))


register_mask(app)
register_benchmark(app)
register_trace(app)
register_train(app)
register_validate(app)
app.add_typer(rooms_app, name="rooms")
app.add_typer(data_app, name="data")
app.add_typer(models_app, name="models")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status. Anything wrong with the input is one line on stderr and 2."""
    args = sys.argv[1:] if argv is None else argv
    try:
        return int(app(args=args or ["--help"], prog_name="wallpaint", standalone_mode=False) or 0)
    except TyperException as error:
        return _complain(error.format_message())
    except (typer.Abort, KeyboardInterrupt):
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except WallpaintError as error:
        return _complain(str(error))
    except MemoryError:
        return _complain("not enough memory for this picture: make it smaller, or free some")
    except Exception as error:
        known = _of_the_machine(error)
        if known is None:
            raise
        return _complain(known)


_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")


def _of_the_machine(error: Exception) -> str | None:
    """What to do about an error of torch that is no defect of ours; None where it is one."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    full = isinstance(error, torch.OutOfMemoryError)
    if full or (isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)):
        return "not enough memory on the device for these networks and paints: try --batch 1, --tiling or --offload"
    if any(kind.__module__.startswith(("torch._dynamo", "torch._inductor")) for kind in type(error).__mro__):
        reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
        return f"the networks cannot be compiled here ({reason}): leave out --compile"
    return None


def _complain(message: str) -> int:
    print(f"wallpaint: {' '.join(message.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
