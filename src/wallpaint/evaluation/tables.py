"""The benchmark's tables: what stands in which cell, and how they look in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wallpaint.evaluation.metrics import BENCHMARK, METRICS

if TYPE_CHECKING:
    from rich.table import Table as RichTable

MAIN = "room_mean"
TRACK_LABELS = {
    "all": "all colours",
    "plain": "plain wall",
    "patterned": "patterned",
    "several": "several paints",
    "dark_to_light": "dark to light",
    "light_to_dark": "light to dark",
    "coloured_light": "coloured light",
    "texture": "texture",
}
UNITS = "errors in CIEDE2000, outside in code values, correlations up to 1"
USES_LABELS = {"": "", "set": "the set's", "truth": "yes"}


@dataclass(frozen=True)
class Cell:
    """One number. text: as shown. value: None where nothing was measured. interval: of the mean, or "". is_best:
    of its column, among the methods that use no truth and were measured on every pair."""

    text: str
    value: float | None = None
    interval: str = ""
    is_best: bool = False


@dataclass(frozen=True)
class Table:
    """A table. columns: heads of the cells, one a column. rows: (method, label, uses, cells)."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, str, tuple[Cell, ...]], ...]


def by_track(report: Mapping[str, Any]) -> Table:
    """The lit error of each method on each track that has pairs."""
    tracks = report["tracks"]
    columns = [_column(report, track, MAIN) for track in tracks]
    heads = tuple(f"{TRACK_LABELS[track]} ({tracks[track]['pairs']})" for track in tracks)
    return _table(report, "Lit error: mean CIEDE2000 to the true repaint, by track (pairs)", heads, columns)


def by_metric(report: Mapping[str, Any], track: str) -> Table:
    """Every metric of each method on one track; with all colours also the seconds a picture."""
    columns = [_column(report, track, metric) for metric in BENCHMARK]
    heads = [METRICS[metric].label for metric in BENCHMARK]
    if track == "all":
        heads.append("seconds")
        columns.append({n: Cell(f"{s:.3f}", s) for n, s in report["seconds"].items() if s is not None})
    found = report["tracks"][track]
    size = f"{counted(found['pairs'], 'pair')}, {counted(found['photos'], 'photo')}"
    title = f"{TRACK_LABELS[track].capitalize()}: {size} ({UNITS})"
    return _table(report, title, tuple(heads), columns)


def counted(number: int, thing: str) -> str:
    """'1 pair', '2 pairs'."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def notes(report: Mapping[str, Any]) -> list[str]:
    """What a reader of the tables should know, in sentences."""
    lines = []
    if report["left_out"]:
        lines.append(f"{len(report['left_out'])} of {report['pairs_read']} pairs were left out: no wall to measure.")
    refused: dict[str, int] = {}
    for entry in report["pairs"]:
        for method in entry["errors"]:
            refused[method] = refused.get(method, 0) + 1
    lines += [
        f"{report['methods'][name]['label']}: refused {counted(count, 'pair')}." for name, count in refused.items()
    ]
    return lines + _hardness_note(report["hardness"])


def _hardness_note(hardness: Mapping[str, Any]) -> list[str]:
    rows = hardness["methods"]
    if not rows:
        return []
    listed = ", ".join(f"{name} {row['ratio']:.2f}" for name, row in rows.items())
    off = [name for name, row in rows.items() if not row["alike"]]
    verdict = f"not alike in {', '.join(off)}" if off else "alike"
    where = TRACK_LABELS[hardness["track"]]
    return [f"Errors over those of the published set, {where} (alike within 20 % of 1): {listed}: {verdict}."]


def _column(report: Mapping[str, Any], track: str, metric: str) -> dict[str, Cell]:
    found = report["tracks"][track]
    pairs, digits = found["pairs"], METRICS[metric].digits
    cells, full = {}, {}
    for method, scores in found["methods"].items():
        score = scores[metric]
        if score["value"] is None:
            continue
        partly = "" if score["count"] == pairs else f" ({score['count']})"
        interval = "" if score["low"] is None else f"{score['low']:.{digits}f} to {score['high']:.{digits}f}"
        cells[method] = Cell(f"{score['value']:.{digits}f}{partly}", score["value"], interval)
        if not partly and not report["methods"][method]["uses"] and METRICS[metric].fold == "mean":
            full[method] = round(score["value"], digits)
    if full:
        top = min(full.values()) if METRICS[metric].best == "low" else max(full.values())
        for method, value in full.items():
            if value == top:
                cells[method] = Cell(cells[method].text, cells[method].value, cells[method].interval, True)
    return cells


def _table(
    report: Mapping[str, Any],
    title: str,
    heads: tuple[str, ...],
    columns: Sequence[Mapping[str, Cell]],
) -> Table:
    """Rows of the methods that have a number somewhere."""
    rows = tuple(
        (name, method["label"], method["uses"], tuple(column.get(name, Cell("")) for column in columns))
        for name, method in report["methods"].items()
        if any(name in column for column in columns)
    )
    return Table(title, heads, rows)


def for_terminal(table: Table) -> RichTable:
    """The table for a rich console: the best row without truth in bold, rows that use truth dim."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    drawn.add_column("way", no_wrap=True)
    drawn.add_column("uses truth")
    for head in table.columns:
        drawn.add_column(head, justify="right")
    for _, label, uses, cells in table.rows:
        texts = [Text(cell.text, style="bold" if cell.is_best else "") for cell in cells]
        drawn.add_row(label, USES_LABELS[uses], *texts, style="dim" if uses else None)
    return drawn
