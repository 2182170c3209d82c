"""One benchmark run: read the set, repaint with every method, print tables, write report and page."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from wallpaint.errors import InputError
from wallpaint.evaluation import tables
from wallpaint.evaluation.benchmark.baselines import BenchmarkCase
from wallpaint.evaluation.benchmark.compare import PairScores, compare, select_methods
from wallpaint.evaluation.benchmark.dataset import BenchmarkPair, read_set
from wallpaint.evaluation.benchmark.page import PairGallery, render_page
from wallpaint.progress import progress_bar
from wallpaint.typing import Array

JSON_NAME, PAGE_NAME = "benchmark.json", "benchmark.html"
NON_TERMINAL_WIDTH = 160  # characters a line when stdout is not a terminal


def run(
    folder: Path,
    output: Path | None,
    *,
    methods: str | None = None,
    limit: int | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Compare repainting methods on a set; returns the report of `benchmark.compare`.

    output: folder for benchmark.json and benchmark.html, created if missing; None writes nothing. methods:
    comma-separated names, None for all. limit: number of pairs, from the first. progress: show a progress bar on
    stderr. Raises InputError.
    """
    selected, pairs = select_methods(methods), read_set(folder)[:limit]
    gallery = PairGallery(list(selected))
    if output is not None:
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{output}: the folder cannot be created ({error.strerror}): choose another `output`"
            ) from error
    with progress_bar("comparing", len(pairs), enabled=progress) as counter:

        def on_pair(
            pair: BenchmarkPair, case: BenchmarkCase, images: Mapping[str, Array], scores: Mapping[str, PairScores]
        ) -> None:
            if output is not None:
                gallery.add(pair, case, images, scores)
            counter.advance()

        report = compare(pairs, selected, on_pair=on_pair)
    if output is not None:
        _write_text(output / JSON_NAME, json.dumps(report, ensure_ascii=False, indent=1) + "\n")
        _write_text(output / PAGE_NAME, render_page(report, gallery))
    return report


def print_report(report: Mapping[str, Any], output: Path | None) -> None:
    """Print the tables, the notes and the paths of the written files."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=NON_TERMINAL_WIDTH)
    if report["tracks"]:
        console.print(tables.to_rich_table(tables.track_table(report)))
    for track in ("all", "texture"):
        if track in report["tracks"]:
            console.print(tables.to_rich_table(tables.metric_table(report, track)))
    if "all" in report["tracks"] and (detection := tables.detection_table(report)).rows:
        console.print(tables.to_rich_table(detection))
    for line in tables.notes(report):
        console.print(line, soft_wrap=True)
    if output is not None:
        console.print(f"written: {output / JSON_NAME}, {output / PAGE_NAME}", soft_wrap=True)


def _write_text(path: Path, text: str) -> None:
    """Write a file atomically."""
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        reason = error.strerror or str(error)
        raise InputError(f"{path}: cannot be written ({reason}): check the folder and its free space") from error
