"""`wallpaint rooms`: render rooms with ground truth, export them as training data, draw contact sheets."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

PROGRESS_INTERVAL_S = 15.0  # between lines of progress without a terminal

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
    with _progress("rendering", count) as on_progress:
        done = run(job, lambda result: on_progress(not result.cached))
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
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes; default: one per CPU.")] = None,
) -> None:
    """Export rooms as photos, masks, targets and depth with metadata.jsonl, by split."""
    from wallpaint.rooms.sets.export import export as export_rooms
    from wallpaint.rooms.sets.export import room_files

    with _progress("exporting", len(room_files(folder))) as on_progress:
        done = export_rooms(
            folder,
            output,
            pairs,
            seed=seed,
            clean=clean,
            num_workers=workers,
            on_progress=lambda name: on_progress(True),
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
    with _progress("reading", len(files)) as on_progress:
        samples = light_fit.collect_samples(files, photos, lambda: on_progress(True))
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


@contextmanager
def _progress(label: str, total: int) -> Iterator[Callable[[bool], None]]:
    """Show progress on stderr: a bar on a terminal, else a line every PROGRESS_INTERVAL_S.

    Yields a callback for each finished item; its argument says whether the item was new. Items of an earlier run are
    left out of the estimate of the remaining time.
    """
    if sys.stderr is not None and sys.stderr.isatty():
        with _progress_bar(label, total) as on_progress:
            yield on_progress
        return
    yield _log_lines(label, total)


@contextmanager
def _progress_bar(label: str, total: int) -> Iterator[Callable[[bool], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[remaining]}"),
    )
    estimate = _RemainingTime(total)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total, remaining="")

        def on_progress(is_new: bool) -> None:
            estimate.add(is_new)
            bar.update(task, completed=estimate.done, remaining=estimate.remaining())

        yield on_progress


def _log_lines(label: str, total: int) -> Callable[[bool], None]:
    from time import monotonic

    estimate = _RemainingTime(total)
    last = monotonic()

    def on_progress(is_new: bool) -> None:
        nonlocal last
        estimate.add(is_new)
        if monotonic() - last >= PROGRESS_INTERVAL_S:
            last = monotonic()
            print(f"{label}: {estimate.done} of {total}{estimate.remaining()}", file=sys.stderr, flush=True)

    return on_progress


class _RemainingTime:
    """Estimate of the remaining time from the items that were new."""

    def __init__(self, total: int) -> None:
        from time import monotonic

        self.clock, self.total, self.done, self.new_items = monotonic, total, 0, 0
        self.started = monotonic()

    def add(self, is_new: bool) -> None:
        self.done += 1
        if is_new:
            self.new_items += 1
        elif not self.new_items:
            self.started = self.clock()

    def remaining(self) -> str:
        if not self.new_items or self.done >= self.total:
            return ""
        seconds = (self.clock() - self.started) / self.new_items * (self.total - self.done)
        if seconds < 90:
            return f", about {seconds:.0f} s left"
        return f", about {seconds / 60:.0f} min left" if seconds < 5400 else f", about {seconds / 3600:.1f} h left"
