"""`wallpaint bulk`: repaint the photos of a manifest or a folder."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from wallpaint.cli import help_panels as panels
from wallpaint.cli.help_panels import PanelCommand
from wallpaint.progress import progress_bar_or_lines

if TYPE_CHECKING:
    from wallpaint.bulk.job import BulkPlan, BulkSummary
    from wallpaint.bulk.manifest import Row

MAX_LISTED_FAILURES = 20


class Retry(StrEnum):
    failed = "failed"


def register(app: typer.Typer) -> None:
    """Add the command to a command line."""
    app.command(cls=PanelCommand)(bulk)


def bulk(
    source: Annotated[Path, typer.Argument(help="A manifest (CSV, a photo on each row), or a folder of photos.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of results and status files.")],
    color: Annotated[
        list[str] | None,
        typer.Option(rich_help_panel=panels.PAINT, help="Paint of rows that name none. Repeat for several."),
    ] = None,
    palette: Annotated[
        Path | None, typer.Option(rich_help_panel=panels.PAINT, help="Paint list of rows that name none.")
    ] = None,
    set_option: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            rich_help_panel=panels.PAINT,
            help="Any option of `wallpaint repaint`, for rows that leave it empty: --set match=swatch.",
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes; default: one per CPU.")] = None,
    timeout: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="Longest time for one photo.")] = 600.0,
    memory: Annotated[
        int | None, typer.Option(min=256, metavar="MIB", help="Largest resident memory of a worker; Linux only.")
    ] = None,
    retry: Annotated[Retry | None, typer.Option(help="Also repeat what failed in earlier runs.")] = None,
    shard: Annotated[
        str, typer.Option(metavar="I/N", help="Run the I-th of N parts, each on a machine of its own.")
    ] = "1/1",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the manifest and say what would be done.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", rich_help_panel=panels.OUTPUT, help="Print the summary as one JSON object.")
    ] = False,
) -> None:
    """Repaint many photos. The same command resumes an interrupted run and skips what is finished.

    Exit status: 0 if every result is there, 1 if some are not, 2 if the manifest has mistakes and nothing was done.
    """
    from wallpaint.bulk import job as bulk_job
    from wallpaint.bulk.pool import TaskLimits

    limits = TaskLimits(timeout, None if memory is None else memory * 2**20)
    options = bulk_job.BulkOptions(workers, limits, retry is not None, bulk_job.parse_shard(shard))
    rows = _rows(source, output, _defaults(color, palette, set_option))
    plan = bulk_job.plan(rows, output, options)
    if dry_run:
        _print_plan(plan, options.workers, as_json)
        return
    stop = Event()
    with progress_bar_or_lines("repainting", plan.pending, enabled=not as_json) as counter, _stopping_at_signals(stop):
        summary = bulk_job.run(plan, output, options, stop=stop, on_status=lambda status: counter.advance())
    _print_summary(summary, output, as_json)
    if not summary.is_complete:
        raise typer.Exit(1)


def _defaults(color: list[str] | None, palette: Path | None, settings: list[str] | None) -> dict[str, str]:
    from wallpaint.bulk.columns import SEPARATOR, column_name
    from wallpaint.errors import ConfigError

    defaults = {}
    for text in settings or ():
        name, equals, value = text.partition("=")
        if not equals or not value.strip():
            raise ConfigError(f"--set takes NAME=VALUE, such as match=swatch, not {text!r}")
        defaults[column_name(name)] = value.strip()
    if color:
        defaults["color"] = SEPARATOR.join(color)
    if palette is not None:
        defaults["palette"] = str(palette.expanduser().absolute())
    return defaults


def _rows(source: Path, output: Path, defaults: dict[str, str]) -> tuple[Row, ...]:
    from wallpaint.bulk.manifest import read_folder, read_manifest
    from wallpaint.errors import InputError

    if not source.is_dir():
        return read_manifest(source, output, defaults)
    if output.resolve() == source.resolve():
        raise InputError(f"{output}: the results would be among the photos: choose another folder")
    return read_folder(source, output, defaults)


@contextmanager
def _stopping_at_signals(stop: Event) -> Iterator[None]:
    """Set an event at SIGINT and SIGTERM while the block runs, so that photos that have begun are finished."""

    def handle(number: int, frame: object) -> None:
        if not stop.is_set():
            typer.echo("stopping: the photos that have begun are finished first", err=True)
        stop.set()

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _print_plan(plan: BulkPlan, workers: int | None, as_json: bool) -> None:
    seconds = None if plan.seconds is None else plan.seconds * plan.pending / (workers or os.cpu_count() or 1)
    if as_json:
        counts = {"results": plan.results, "finished": plan.finished, "given_up": plan.given_up}
        typer.echo(json.dumps({**counts, "pending": plan.pending, "seconds": seconds, "bytes": plan.output_bytes}))
        return
    typer.echo(f"{plan.pending} of {plan.results} results to paint, from {len(plan.items)} photos")
    typer.echo(f"{plan.finished} finished, {plan.given_up} failed in earlier runs (--retry failed repeats them)")
    typer.echo(f"disk: about {plan.output_bytes / 1e6:.0f} MB")
    known = "not known before the first results" if seconds is None else f"about {seconds / 60:.0f} min"
    typer.echo(f"time: {known}")


def _print_summary(summary: BulkSummary, output: Path, as_json: bool) -> None:
    failures = summary.failures
    if as_json:
        counts = {name: getattr(summary, name) for name in ("done", "finished", "given_up", "left")}
        failed = [{"item": one.item, "state": one.state, "message": one.message} for one in failures]
        typer.echo(json.dumps({**counts, "failures": failed}, ensure_ascii=False))
        return
    for one in failures[:MAX_LISTED_FAILURES]:
        typer.echo(f"{one.state}: {one.message}", err=True)
    if len(failures) > MAX_LISTED_FAILURES:
        typer.echo(f"and {len(failures) - MAX_LISTED_FAILURES} more: see {output}/status", err=True)
    words = [f"{summary.done} done", f"{summary.finished} finished before", f"{len(failures)} failed"]
    words += [f"{summary.given_up} failed before"] if summary.given_up else []
    words += [f"{summary.left} left: run the same command again"] if summary.left else []
    typer.echo(f"{output}: {', '.join(words)}")
