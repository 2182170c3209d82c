"""`wallpaint rooms`: rooms with known truth, rendered, exported as training data, and looked at."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

LINE_EVERY_S = 15.0  # between lines of progress where there is no terminal

rooms_app = typer.Typer(
    rich_markup_mode=None,
    invoke_without_command=True,
    help="Rooms that are thought up and rendered, so that every repaint's truth is known.",
)


@rooms_app.callback()
def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@rooms_app.command()
def render(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the rooms.")],
    count: Annotated[int, typer.Option(help="How many seeds; a few give no good room.")] = 100,
    seed: Annotated[
        int, typer.Option(help="The first. From 900000 on rooms are for validation, from 950000 on for the test.")
    ] = 0,
    size: Annotated[str, typer.Option(metavar="PIXELS", help="256, or 384x256 for width x height.")] = "256",
    samples: Annotated[int, typer.Option(help="Paths a pixel: 64 to train on, 256 or more to judge by.")] = 64,
    workers: Annotated[int | None, typer.Option(help="Processes; one a processor if not given.")] = None,
) -> None:
    """Render rooms into a folder. The same command goes on with a run that was broken off."""
    from wallpaint.rooms.sets.render import RenderJob, run
    from wallpaint.rooms.tracing.backend import describe

    job = RenderJob(count, seed, parse_size(size), samples, output, workers)
    typer.echo(describe(), err=True)
    with _progress("rendering", count) as step:
        done = run(job, lambda outcome: step(not outcome.was_there))
    parts = [f"{done.rendered} rendered", f"{done.kept} there before"]
    if done.skipped:
        shown = ", ".join(map(str, done.skipped[:8])) + (", …" if len(done.skipped) > 8 else "")
        parts.append(f"{len(done.skipped)} without a good room (seed {shown})")
    typer.echo(f"{output}: {', '.join(parts)}; {done.seconds:.0f} s")


@rooms_app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Rooms, from `wallpaint rooms render`.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder for the data set.")],
    pairs: Annotated[int, typer.Option(help="Repaints from paint to paint a room.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Of paints and cameras.")] = 0,
    clean: Annotated[
        bool, typer.Option("--clean/--no-clean", help="Also noise-free photos of validation and test rooms.")
    ] = True,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one a processor if not given.")] = None,
) -> None:
    """Write rooms as photos, masks, targets and depth with metadata.jsonl, by split."""
    from wallpaint.rooms.sets.export import export as export_rooms
    from wallpaint.rooms.sets.export import room_files

    with _progress("exporting", len(room_files(folder))) as step:
        done = export_rooms(
            folder, output, pairs, seed=seed, clean=clean, processes=workers, step=lambda name: step(True)
        )
    counts = ", ".join(f"{number} {split}" for split, number in done.pairs.items())
    typer.echo(f"{output}: {done.rooms} rooms, pairs: {counts}")


@rooms_app.command()
def fit_light(
    folder: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Training rooms, from `wallpaint rooms render`.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="NPZ", help="The file of weights.")],
    photos: Annotated[int, typer.Option(min=1, help="Photos of plain walls a room.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of the fit.")] = 0,
) -> None:
    """Fit what photos tell of the light on their walls (light_statistics.npz of the package)."""
    from wallpaint.rooms.sets import fit_light as fitting
    from wallpaint.rooms.sets.export import room_files

    files = [path for place in folder for path in room_files(place)]
    with _progress("reading", len(files)) as step:
        examples = fitting.gather(files, photos, lambda: step(True))
    weights, error = fitting.fit(examples, seed)
    fitting.save(weights, output)
    typer.echo(f"{output}: {len(files)} rooms, {len(examples)} photos; {error:.1f} CIELAB on the rooms held back")


@rooms_app.command()
def sheet(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Rooms, from `wallpaint rooms render`.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="PNG", help="The picture.")],
    rooms: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 12,
    first: Annotated[int, typer.Option(min=0, help="The lowest seed.")] = 0,
    columns: Annotated[int, typer.Option(min=1, max=8, help="Rooms beside each other.")] = 1,
) -> None:
    """Look at rooms: photo, mask, depth and two repaints a row."""
    from wallpaint.rooms.sets.sheet import write_sheet

    shown = write_sheet(folder, output, rooms=rooms, first=first, columns=columns)
    typer.echo(f"{output}: {shown} rooms")


def parse_size(text: str) -> tuple[int, int]:
    """(height, width) of "256" or "384x256", which is width x height. Raises ConfigError."""
    from wallpaint.errors import ConfigError

    found = re.fullmatch(r"\s*(\d{1,5})(?:\s*[x×X]\s*(\d{1,5}))?\s*", text)
    if not found:
        raise ConfigError(f"--size wants 256, or 384x256 for width x height, not {text[:40]!r}")
    width = int(found[1])
    return int(found[2] or width), width


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[bool], None]]:
    """A bar with an estimate on a terminal, else a line now and then; on stderr.

    Yields what to call after each piece of work; it is told whether there was anything to do, so that pieces of an
    earlier run do not make the estimate rosy.
    """
    if sys.stderr is not None and sys.stderr.isatty():
        with _bar(what, total) as step:
            yield step
        return
    yield _lines(what, total)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[bool], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    estimate = _Estimate(total)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total, left="")

        def step(worked: bool) -> None:
            estimate.add(worked)
            bar.update(task, completed=estimate.done, left=estimate.left())

        yield step


def _lines(what: str, total: int) -> Callable[[bool], None]:
    from time import monotonic

    estimate = _Estimate(total)
    last = monotonic()

    def step(worked: bool) -> None:
        nonlocal last
        estimate.add(worked)
        if monotonic() - last >= LINE_EVERY_S:
            last = monotonic()
            print(f"{what}: {estimate.done} of {total}{estimate.left()}", file=sys.stderr, flush=True)

    return step


class _Estimate:
    """How long it will still take, from the pieces that took work."""

    def __init__(self, total: int) -> None:
        from time import monotonic

        self.clock, self.total, self.done, self.worked = monotonic, total, 0, 0
        self.started = monotonic()

    def add(self, worked: bool) -> None:
        self.done += 1
        if worked:
            self.worked += 1
        elif not self.worked:
            self.started = self.clock()

    def left(self) -> str:
        if not self.worked or self.done >= self.total:
            return ""
        seconds = (self.clock() - self.started) / self.worked * (self.total - self.done)
        if seconds < 90:
            return f", about {seconds:.0f} s left"
        return f", about {seconds / 60:.0f} min left" if seconds < 5400 else f", about {seconds / 3600:.1f} h left"
