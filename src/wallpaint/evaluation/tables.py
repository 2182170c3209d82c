"""The benchmark's tables: the contents of each cell, and their display in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wallpaint.evaluation.detection_metrics import DETECTION_METRICS
from wallpaint.evaluation.metrics import BENCHMARK_METRICS, METRICS

if TYPE_CHECKING:
    from rich.table import Table as RichTable

MAIN_METRIC = "room_mean"
TRACK_LABELS = {
    "all": "all colours",
    "plain": "plain wall",
    "patterned": "patterned",
    "several": "several paints",
    "relief": "relief",
    "dark_to_light": "dark to light",
    "light_to_dark": "light to dark",
    "coloured_light": "coloured light",
    "texture": "texture",
}
UNITS = "errors in CIEDE2000, outside in code values, correlations up to 1"
USES_LABELS = {"": "", "set": "set average", "truth": "yes"}


@dataclass(frozen=True)
class TableCell:
    """One number of a table.

    text: as displayed. value: None where nothing was measured. interval: of the mean, or "". is_best: best of its
    column among the methods that use no ground truth and were measured on every pair.
    """

    text: str
    value: float | None = None
    interval: str = ""
    is_best: bool = False


@dataclass(frozen=True)
class ReportTable:
    """A table. columns: one heading a column of cells. rows: (method, label, uses, cells)."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, str, tuple[TableCell, ...]], ...]


def track_table(report: Mapping[str, Any]) -> ReportTable:
    """Tabulate the room error of each method on each track that has pairs."""
    tracks = report["tracks"]
    columns = [_column(report, track, MAIN_METRIC) for track in tracks]
    headings = tuple(f"{TRACK_LABELS[track]} ({tracks[track]['pairs']})" for track in tracks)
    return _table(report, "Room error: mean CIEDE2000 to the true repaint, by track (pairs)", headings, columns)


def metric_table(report: Mapping[str, Any], track: str) -> ReportTable:
    """Tabulate every metric of each method on one track; the track "all" also has the seconds an image."""
    columns = [_column(report, track, metric) for metric in BENCHMARK_METRICS]
    headings = [METRICS[metric].label for metric in BENCHMARK_METRICS]
    if track == "all":
        headings.append("seconds")
        columns.append({n: TableCell(f"{s:.3f}", s) for n, s in report["seconds"].items() if s is not None})
    summary = report["tracks"][track]
    size = f"{pluralize(summary['pairs'], 'pair')}, {pluralize(summary['photos'], 'photo')}"
    title = f"{TRACK_LABELS[track].capitalize()}: {size} ({UNITS})"
    return _table(report, title, tuple(headings), columns)


def detection_table(report: Mapping[str, Any], track: str = "all") -> ReportTable:
    """Tabulate the metrics on detected walls of the methods that detect walls, on one track; no rows without any."""
    columns = [_column(report, track, metric) for metric in DETECTION_METRICS]
    headings = tuple(metric.label for metric in DETECTION_METRICS.values())
    title = f"Detected walls, {TRACK_LABELS[track]} (error in CIEDE2000, shares 0 to 1)"
    return _table(report, title, headings, columns)


def pluralize(number: int, noun: str) -> str:
    """'1 pair', '2 pairs'."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def notes(report: Mapping[str, Any]) -> list[str]:
    """Return the report's caveats: excluded pairs, refused pairs, the set's hardness."""
    lines = []
    if report["left_out"]:
        lines.append(f"{len(report['left_out'])} of {report['pairs_read']} pairs were left out: no wall to measure.")
    refused: dict[str, int] = {}
    for entry in report["pairs"]:
        for method in entry["errors"]:
            refused[method] = refused.get(method, 0) + 1
    lines += [
        f"{report['methods'][name]['label']}: refused {pluralize(count, 'pair')}." for name, count in refused.items()
    ]
    return lines + _hardness_note(report["hardness"])


def _hardness_note(hardness: Mapping[str, Any]) -> list[str]:
    rows = hardness["methods"]
    if not rows:
        return []
    listed = ", ".join(f"{name} {row['ratio']:.2f}" for name, row in rows.items())
    off = [name for name, row in rows.items() if not row["alike"]]
    verdict = f"not comparable in {', '.join(off)}" if off else "comparable"
    track = TRACK_LABELS[hardness["track"]]
    return [f"Errors relative to the published set, {track} (comparable within 20 % of 1): {listed}: {verdict}."]


def _column(report: Mapping[str, Any], track: str, metric: str) -> dict[str, TableCell]:
    summary, definition = report["tracks"][track], (METRICS | DETECTION_METRICS)[metric]
    pairs, digits = summary["pairs"], definition.digits
    cells, complete = {}, {}
    for method, scores in summary["methods"].items():
        score = scores.get(metric)
        if score is None or score["value"] is None:
            continue
        partial = "" if score["count"] == pairs else f" ({score['count']})"
        interval = "" if score["low"] is None else f"{score['low']:.{digits}f} to {score['high']:.{digits}f}"
        cells[method] = TableCell(f"{score['value']:.{digits}f}{partial}", score["value"], interval)
        if not partial and not report["methods"][method]["uses"] and definition.reduction == "mean":
            complete[method] = round(score["value"], digits)
    if complete:
        best = min(complete.values()) if definition.best == "low" else max(complete.values())
        for method, value in complete.items():
            if value == best:
                cells[method] = TableCell(cells[method].text, cells[method].value, cells[method].interval, True)
    return cells


def _table(
    report: Mapping[str, Any],
    title: str,
    headings: tuple[str, ...],
    columns: Sequence[Mapping[str, TableCell]],
) -> ReportTable:
    """Rows of the methods that have a number in any column."""
    rows = tuple(
        (name, method["label"], method["uses"], tuple(column.get(name, TableCell("")) for column in columns))
        for name, method in report["methods"].items()
        if any(name in column for column in columns)
    )
    return ReportTable(title, headings, rows)


def to_rich_table(table: ReportTable) -> RichTable:
    """Convert to a rich table: best values in bold, methods that use ground truth dimmed."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    rich_table = RichTable(
        title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    rich_table.add_column("method", no_wrap=True)
    rich_table.add_column("uses ground truth")
    for heading in table.columns:
        rich_table.add_column(heading, justify="right")
    for _, label, uses, cells in table.rows:
        texts = [Text(cell.text, style="bold" if cell.is_best else "") for cell in cells]
        rich_table.add_row(label, USES_LABELS[uses], *texts, style="dim" if uses else None)
    return rich_table
