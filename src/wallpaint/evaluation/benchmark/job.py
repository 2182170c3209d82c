"""One benchmark from folder to files: the set read, every way tried, tables shown, report and page written."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from wallpaint.errors import InputError
from wallpaint.evaluation import tables
from wallpaint.evaluation.benchmark.baselines import Case
from wallpaint.evaluation.benchmark.compare import Scores, choose, compare
from wallpaint.evaluation.benchmark.dataset import Pair, read_set
from wallpaint.evaluation.benchmark.page import Album, page
from wallpaint.typing import Array

JSON_NAME, PAGE_NAME = "benchmark.json", "benchmark.html"
PIPE_WIDTH = 160  # characters of a line where no terminal sets them


def run(
    folder: Path,
    output: Path | None,
    *,
    methods: str | None = None,
    limit: int | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Compare ways of repainting on a set; returns the report of `benchmark.compare`.

    output: a folder for benchmark.json and benchmark.html, made if need be; None writes nothing. methods: names with
    commas, None for all. limit: how many pairs, the first ones. progress: draw a bar on stderr. Raises InputError.
    """
    chosen, pairs = choose(methods), read_set(folder)[:limit]
    album = Album(list(chosen))
    if output is not None:
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{output}: cannot be made a folder ({error.strerror}): choose another name") from error
    with _bar(progress, len(pairs)) as step:

        def watch(pair: Pair, case: Case, pictures: Mapping[str, Array], scores: Mapping[str, Scores]) -> None:
            if output is not None:
                album.add(pair, case, pictures, scores)
            step()

        report = compare(pairs, chosen, watch=watch)
    if output is not None:
        _write(output / JSON_NAME, json.dumps(report, ensure_ascii=False, indent=1) + "\n")
        _write(output / PAGE_NAME, page(report, album))
    return report


def show(report: Mapping[str, Any], output: Path | None) -> None:
    """Print the tables, the notes, and where the files are."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPE_WIDTH)
    if report["tracks"]:
        console.print(tables.for_terminal(tables.by_track(report)))
    for track in ("all", "texture"):
        if track in report["tracks"]:
            console.print(tables.for_terminal(tables.by_metric(report, track)))
    for line in tables.notes(report):
        console.print(line, soft_wrap=True)
    if output is not None:
        console.print(f"written: {output / JSON_NAME}, {output / PAGE_NAME}", soft_wrap=True)


@contextmanager
def _bar(wanted: bool, total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr, or none; yields what to call after each pair."""
    if not wanted:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task("comparing", total=total)
        yield lambda: drawn.advance(task)


def _write(path: Path, text: str) -> None:
    """The file appears whole or not at all."""
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        reason = error.strerror or str(error)
        raise InputError(f"{path}: cannot be written ({reason}): check the folder and its space") from error
