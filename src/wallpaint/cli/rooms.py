"""`wallpaint rooms`: render rooms with ground truth, export them as training data, draw contact sheets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from wallpaint.progress import progress_bar_or_lines

rooms_app = typer.Typer(
    rich_markup_mode=None,
    invoke_without_command=True,
    help="Procedural rooms, rendered with the ground truth of every repaint.",
)


@rooms_app.callback()
def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@rooms_app.command()
def render(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Output folder for the rooms.")],
    count: Annotated[int, typer.Option(help="Number of seeds; a few have no usable room.")] = 100,
    seed: Annotated[
        int, typer.Option(help="First seed. Rooms from 900000 on are for validation, from 950000 on for testing.")
    ] = 0,
    size: Annotated[str, typer.Option(metavar="PIXELS", help="256, or WIDTHxHEIGHT such as 384x256.")] = "256",
    samples: Annotated[int, typer.Option(help="Paths per pixel: 64 for training, 256 or more for evaluation.")] = 64,
    workers: Annotated[int | None, typer.Option(help="Worker processes; default: one per CPU.")] = None,
) -> None:
    """Render rooms into a folder. The same command resumes an interrupted run."""
    from wallpaint.rooms.sets.render import RenderJob, run
    from wallpaint.rooms.tracing.backend import describe

    job = RenderJob(count, seed, parse_size(size), samples, output, workers)
    typer.echo(describe(), err=True)
    with progress_bar_or_lines("rendering", count) as counter:
        done = run(job, lambda result: counter.advance(not result.cached))
    summary = [f"{done.rendered} rendered", f"{done.reused} already there"]
    if done.skipped:
        seeds = ", ".join(map(str, done.skipped[:8])) + (", …" if len(done.skipped) > 8 else "")
        summary.append(f"{len(done.skipped)} without a usable room (seed {seeds})")
    typer.echo(f"{output}: {', '.join(summary)}; {done.seconds:.0f} s")


@rooms_app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of rooms, from `wallpaint rooms render`.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Output folder for the data set.")],
    pairs: Annotated[int, typer.Option(help="Pairs from paint to paint per room; wall variants add more.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Seed of paints and cameras.")] = 0,
    clean: Annotated[
        bool, typer.Option("--clean/--no-clean", help="Also write noise-free photos of validation and test rooms.")
    ] = True,
    home_paints: Annotated[
        bool, typer.Option("--home-paints", help="Existing paints as homes have them: mostly white, grey and beige.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes; default: one per CPU.")] = None,
) -> None:
    """Export rooms as photos, masks, targets and depth with metadata.jsonl, by split."""
    from wallpaint.rooms.sets.export import export as export_rooms
    from wallpaint.rooms.sets.export import room_files

    with progress_bar_or_lines("exporting", len(room_files(folder))) as counter:
        done = export_rooms(
            folder,
            output,
            pairs,
            seed=seed,
            clean=clean,
            home_paints=home_paints,
            num_workers=workers,
            on_progress=lambda name: counter.advance(),
        )
    counts = ", ".join(f"{number} {split}" for split, number in done.pairs.items())
    typer.echo(f"{output}: {done.rooms} rooms, pairs: {counts}")


@rooms_app.command()
def fit_light(
    folder: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders of training rooms, from `wallpaint rooms render`.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="NPZ", help="Output file for the weights.")],
    photos: Annotated[int, typer.Option(min=1, help="Photos of plain walls per room.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the fit.")] = 0,
) -> None:
    """Fit the light statistics: a regression from photos to the light on walls (light_statistics.npz)."""
    from wallpaint.rooms.sets import fit_light as light_fit
    from wallpaint.rooms.sets.export import room_files

    files = [path for room_folder in folder for path in room_files(room_folder)]
    with progress_bar_or_lines("reading", len(files)) as counter:
        samples = light_fit.collect_samples(files, photos, counter.advance)
    weights, error = light_fit.fit(samples, seed)
    light_fit.save(weights, output)
    typer.echo(f"{output}: {len(files)} rooms, {len(samples)} photos; {error:.1f} CIELAB on validation rooms")


@rooms_app.command()
def sheet(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of rooms, from `wallpaint rooms render`.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="PNG", help="Output image: .png, .jpg or .webp.")],
    rooms: Annotated[int, typer.Option(min=1, max=200, help="Maximum number of rooms.")] = 12,
    first: Annotated[int, typer.Option(min=0, help="Lowest seed.")] = 0,
    columns: Annotated[int, typer.Option(min=1, max=8, help="Columns of rooms.")] = 1,
) -> None:
    """Draw a contact sheet: photo, mask, depth and two repaints per room."""
    from wallpaint.rooms.sets.sheet import write_sheet

    rooms_shown = write_sheet(folder, output, rooms=rooms, first=first, columns=columns)
    typer.echo(f"{output}: {rooms_shown} rooms")


def parse_size(text: str) -> tuple[int, int]:
    """Parse "256" or "384x256" (width x height) to (height, width). Raises ConfigError."""
    from wallpaint.errors import ConfigError

    match = re.fullmatch(r"\s*(\d{1,5})(?:\s*[x×X]\s*(\d{1,5}))?\s*", text)
    if not match:
        raise ConfigError(f"--size expects 256, or WIDTHxHEIGHT such as 384x256, not {text[:40]!r}")
    width = int(match[1])
    return int(match[2] or width), width
