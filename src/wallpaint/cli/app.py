"""The root of the command line and the command `repaint`. Heavy imports are deferred until a command needs them."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from wallpaint import extras
from wallpaint.cli import help_panels as panels
from wallpaint.cli.benchmark import register as register_benchmark
from wallpaint.cli.bulk import register as register_bulk
from wallpaint.cli.data import data_app
from wallpaint.cli.diffusion_options import diffusion_option, lora_option
from wallpaint.cli.flags import command_flags, with_flags
from wallpaint.cli.help_panels import PanelCommand
from wallpaint.cli.identify import register as register_identify
from wallpaint.cli.mask import register as register_mask
from wallpaint.cli.models import models_app
from wallpaint.cli.rooms import rooms_app
from wallpaint.cli.serve import register as register_serve
from wallpaint.cli.trace import register as register_trace
from wallpaint.cli.train import register as register_train
from wallpaint.cli.validate import register as register_validate
from wallpaint.diffusion.settings import DiffusionSettings, Lora
from wallpaint.errors import WallpaintError
from wallpaint.painters.registry import AUTO, PAINTERS
from wallpaint.pipeline.options import RepaintOptions
from wallpaint.progress import is_terminal

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Repaint the walls in a photo of a room: the colour right, everything else untouched.",
)


class EdgeMode(StrEnum):
    refine = "refine"
    keep = "keep"


class MaskOrientationMode(StrEnum):
    upright = "upright"
    stored = "stored"


class OldWallMode(StrEnum):
    auto = "auto"
    plain = "plain"
    patterned = "patterned"
    relief = "relief"


class DetailMode(StrEnum):
    keep = "keep"
    new = "new"


def _print_version(requested: bool) -> None:
    if requested:
        from wallpaint.version import __version__

        typer.echo(f"wallpaint {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    del version


@app.command(cls=PanelCommand)
def repaint(
    photo: Annotated[Path, typer.Argument(help="Photo to repaint: JPEG, PNG, WebP, TIFF, HEIC, AVIF or BMP.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", rich_help_panel=panels.OUTPUT, help="Output file, or folder for several colours."
        ),
    ],
    mask: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=panels.MASK_AND_WALLS,
            help="Mask image of the photo's size, white = wall, or annotations. Without it the walls are detected.",
        ),
    ] = None,
    color: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=panels.PAINT,
            help="Paint colour: '#7d9b84', 'rgb(…)', 'lab(…)', a CSS name, or a code of --palette. Repeatable.",
        ),
    ] = None,
    wall: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MASK=COLOR",
            rich_help_panel=panels.MASK_AND_WALLS,
            help="Mask and colour of one of several walls. Repeatable.",
        ),
    ] = None,
    palette: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=panels.PAINT,
            help="Paint list, CSV or JSON: use all its paints, or those that --color names.",
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(rich_help_panel=panels.PAINT, help="Image of the paint or texture, in place of a colour."),
    ] = None,
    match: Annotated[
        str,
        typer.Option(
            metavar="[swatch|room]",
            rich_help_panel=panels.PAINT,
            help="room: what the camera would have recorded in this room's light. swatch: the wall's median equals the "
            "chart's colour.",
        ),
    ] = RepaintOptions.match,
    painter: Annotated[
        str,
        typer.Option(
            metavar=f"[{'|'.join((AUTO, *PAINTERS))}]",
            rich_help_panel=panels.PAINT,
            help="Painter that computes the new wall.",
        ),
    ] = AUTO,
    bleed: Annotated[
        bool,
        typer.Option(
            "--bleed",
            rich_help_panel=panels.LIGHT,
            help="Also change the light that the paint reflects onto the rest of the room.",
        ),
    ] = False,
    detail: Annotated[
        DetailMode,
        typer.Option(
            rich_help_panel=panels.PAINT,
            help="keep: preserve the wall's fine texture. new: use the texture that the painter generates.",
        ),
    ] = DetailMode.keep,
    edges: Annotated[
        EdgeMode,
        typer.Option(
            rich_help_panel=panels.MASK_AND_WALLS,
            help="refine: fit the mask's edge to the photo. keep: use the mask's edge unchanged.",
        ),
    ] = EdgeMode.refine,
    old_color: Annotated[
        str | None,
        typer.Option(rich_help_panel=panels.LIGHT, help="Colour of the existing paint; improves match room."),
    ] = None,
    old_wall: Annotated[
        OldWallMode,
        typer.Option(
            rich_help_panel=panels.MASK_AND_WALLS,
            help="plain: all variation on the wall is light. patterned: paint over wallpaper. relief: paint over "
            "brick, tiles or boards and keep their relief.",
        ),
    ] = OldWallMode.auto,
    white: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y",
            rich_help_panel=panels.LIGHT,
            help="Pixel position of a white object in the photo; improves match room.",
        ),
    ] = None,
    fit_mask: Annotated[
        bool,
        typer.Option("--fit-mask", rich_help_panel=panels.MASK_AND_WALLS, help="Resize the mask to the photo's size."),
    ] = False,
    invert_mask: Annotated[
        bool,
        typer.Option("--invert-mask", rich_help_panel=panels.MASK_AND_WALLS, help="Treat black as wall."),
    ] = False,
    mask_class: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS",
            rich_help_panel=panels.MASK_AND_WALLS,
            help="The wall's class in a mask of classes: a number or a colour. Its label in annotations (COCO, "
            "labelme, Label Studio, CVAT): by default wall.",
        ),
    ] = None,
    mask_orientation: Annotated[
        MaskOrientationMode,
        typer.Option(
            rich_help_panel=panels.MASK_AND_WALLS,
            help="stored: the mask was drawn on the photo's pixels before its EXIF orientation.",
        ),
    ] = MaskOrientationMode.upright,
    before_after: Annotated[
        Path | None,
        typer.Option(rich_help_panel=panels.OUTPUT, help="Also write an image with before and after side by side."),
    ] = None,
    strip_location: Annotated[
        bool,
        typer.Option("--strip-location", rich_help_panel=panels.OUTPUT, help="Remove the location from the metadata."),
    ] = False,
    quality: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100,
            rich_help_panel=panels.OUTPUT,
            help="Quality of a JPEG, WebP, AVIF or HEIC; by default that of the photo.",
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0, max=2**64 - 1, rich_help_panel=panels.PAINT, help="Seed of painters that use random numbers."
        ),
    ] = 0,
    bundle: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=panels.DIFFUSION, help="Models of the diffusion painter: a name, a folder or a file."
        ),
    ] = None,
    lora: Annotated[list[str] | None, lora_option()] = None,
    steps: Annotated[int, diffusion_option("steps")] = DiffusionSettings.steps,
    scheduler: Annotated[str, diffusion_option("scheduler")] = DiffusionSettings.scheduler,
    guidance: Annotated[float, diffusion_option("guidance")] = DiffusionSettings.guidance,
    strength: Annotated[float, diffusion_option("strength")] = DiffusionSettings.strength,
    ip_adapter_scale: Annotated[float, diffusion_option("ip_adapter_scale")] = DiffusionSettings.ip_adapter_scale,
    controlnet_scale: Annotated[float, diffusion_option("controlnet_scale")] = DiffusionSettings.controlnet_scale,
    prompt: Annotated[str, diffusion_option("prompt")] = DiffusionSettings.prompt,
    negative_prompt: Annotated[str, diffusion_option("negative_prompt")] = DiffusionSettings.negative_prompt,
    device: Annotated[str, diffusion_option("device")] = DiffusionSettings.device,
    dtype: Annotated[str, diffusion_option("dtype")] = DiffusionSettings.dtype,
    batch: Annotated[int, diffusion_option("batch")] = DiffusionSettings.batch,
    compile_networks: Annotated[bool, diffusion_option("compile")] = DiffusionSettings.compile,
    offload: Annotated[bool, diffusion_option("offload")] = DiffusionSettings.offload,
    tiling: Annotated[bool, diffusion_option("tiling")] = DiffusionSettings.tiling,
    context: Annotated[float, diffusion_option("context")] = DiffusionSettings.context,
    mask_dilation_px: Annotated[float, diffusion_option("mask_dilation_px")] = DiffusionSettings.mask_dilation_px,
    profile: Annotated[
        bool,
        typer.Option(
            "--profile",
            rich_help_panel=panels.PERFORMANCE,
            help="Print seconds, calls and operations of each stage.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", rich_help_panel=panels.OUTPUT, help="Print the report as one JSON object.")
    ] = False,
    max_bytes: Annotated[
        int | None, typer.Option(min=1, rich_help_panel=panels.LIMITS, help="Largest input file to read, in bytes.")
    ] = None,
    max_pixels: Annotated[
        int | None, typer.Option(min=1, rich_help_panel=panels.LIMITS, help="Largest image to decode, in pixels.")
    ] = None,
) -> None:
    """Repaint the walls of one photo, in one colour or in several."""
    from wallpaint.imaging.photo import Limits
    from wallpaint.pipeline.job import RepaintJob, run
    from wallpaint.scene.options import SceneOptions, parse_point

    settings = DiffusionSettings(
        loras=tuple(Lora.parse(text) for text in lora or ()),
        steps=steps,
        scheduler=scheduler,
        guidance=guidance,
        strength=strength,
        ip_adapter_scale=ip_adapter_scale,
        controlnet_scale=controlnet_scale,
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
    job = RepaintJob(
        photo=photo,
        output=output,
        mask=mask,
        colors=tuple(color or ()),
        walls=tuple(wall or ()),
        palette=palette,
        reference=reference,
        scene_options=SceneOptions(
            edges=edges.value,
            fit_mask=fit_mask,
            invert_mask=invert_mask,
            mask_class=mask_class,
            mask_orientation=mask_orientation.value,
            old_wall=old_wall.value,
            old_color=old_color,
            white=None if white is None else parse_point(white, "white"),
            limits=Limits(max_bytes or Limits.max_bytes, max_pixels or Limits.max_pixels),
        ),
        repaint_options=RepaintOptions(
            match=match,  # type: ignore[arg-type]
            painter=painter,
            bundle=bundle,
            detail=detail.value,
            seed=seed,
            bleed=bleed,
        ),
        settings=settings,
        before_after=before_after,
        strip_location=strip_location,
        quality=quality,
        profile=profile,
    )
    report = run(job, progress=not as_json and is_terminal())
    if as_json:
        import json

        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        from wallpaint.pipeline.report import summary

        flags = command_flags(_command_group(), ["repaint"])
        typer.echo(with_flags("\n".join(summary(report, profile=profile)), flags))


register_mask(app)
register_identify(app)
register_bulk(app)
register_serve(app)
register_benchmark(app)
register_trace(app)
register_train(app)
register_validate(app)
app.add_typer(rooms_app, name="rooms")
app.add_typer(data_app, name="data")
app.add_typer(models_app, name="models")


@cache
def _command_group() -> typer.core.TyperGroup:
    """Return the program's commands; Typer would build them again for each use."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    return group


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status. Invalid input prints one line on stderr and returns 2."""
    args = sys.argv[1:] if argv is None else argv
    try:
        return int(_command_group()(args=args or ["--help"], prog_name="wallpaint", standalone_mode=False) or 0)
    except TyperException as error:
        return _print_error(error.format_message())
    except (typer.Abort, KeyboardInterrupt):
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of stdout has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except WallpaintError as error:
        return _print_error(with_flags(str(error), command_flags(_command_group(), args)))
    except ImportError as error:
        missing = extras.missing(error)
        if missing is None:
            raise
        return _print_error(missing)
    except MemoryError:
        return _print_error("not enough memory for this image: make it smaller, or free memory")
    except Exception as error:
        message = _environment_error(error)
        if message is None:
            raise
        return _print_error(message)


_OUT_OF_MEMORY_TEXTS = ("out of memory", "not enough memory", "can't allocate memory")


def _environment_error(error: Exception) -> str | None:
    """Return a message for an error that torch raises for lack of memory or of a compiler; None for any other."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    out_of_memory = isinstance(error, torch.OutOfMemoryError)
    if out_of_memory or (isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY_TEXTS)):
        return "not enough memory on the device for these networks and paints: try --batch 1, --tiling or --offload"
    if any(base.__module__.startswith(("torch._dynamo", "torch._inductor")) for base in type(error).__mro__):
        reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
        return f"the networks cannot be compiled here ({reason}): leave out --compile"
    return None


def _print_error(message: str) -> int:
    print(f"wallpaint: {' '.join(message.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
