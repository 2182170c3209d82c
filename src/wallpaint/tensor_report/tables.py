"""Format a trace as tables, in Markdown or for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wallpaint.tensor_report.record import FLOWS, MaskStage, ParameterCount, TensorRow, Trace
from wallpaint.tensor_report.vocabulary import Vocabulary, explain, stage_of

PIPE_WIDTH = 180  # characters per line where the output is no terminal
MIN_TABLE_WIDTH = 150  # characters per line from which explanations get a table column
MEAN_ROUNDING_ERROR = 1e-4  # share of the standard deviation: a smaller mean is shown as 0


@dataclass(frozen=True)
class TraceTable:
    """A table of text cells. right_aligned: number columns. name_column: column of tensor names, or -1."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right_aligned: tuple[int, ...] = ()
    name_column: int = -1


def tensor_table(trace: Trace, flow: str, vocabulary: Vocabulary, *, explained: bool = True) -> TraceTable:
    """Table of a flow's tensors in recording order. explained: include the column of explanations."""
    rows, previous_stage = [], ""
    for row in trace.rows:
        if row.flow != flow:
            continue
        stage = vocabulary.stages[stage_of(row)]
        cells = (*_cells(row, stage if stage != previous_stage else ""), explain(row, trace.facts, vocabulary))
        rows.append(cells if explained else cells[:-1])
        previous_stage = stage
    columns = vocabulary.columns if explained else vocabulary.columns[:-1]
    return TraceTable(vocabulary.flows[flow], columns, tuple(rows), name_column=1)


def _cells(row: TensorRow, stage: str) -> tuple[str, ...]:
    name = f"{row.key}{f' x {row.times}' if row.times > 1 else ''}"
    low, high = format_number(row.low), format_number(row.high)
    value_range = f"{low} … {high}" if row.low != row.high else low
    is_single = all(side == 1 for side in row.shape)
    mean = format_number(row.mean) if abs(row.mean) > MEAN_ROUNDING_ERROR * row.std else "0"
    mean_std = "" if is_single else f"{mean} ± {format_number(row.std)}"
    return stage, name, str(list(row.shape)), row.dtype, value_range, mean_std


def format_number(value: float) -> str:
    """Format with three digits; integers and large numbers without a decimal point."""
    return f"{value:.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def parameter_table(trace: Trace, vocabulary: Vocabulary) -> TraceTable:
    """Table of parameters by component, and when each component runs."""
    layers = trace.facts["lora_tensors"] // 2

    def cells(count: ParameterCount) -> tuple[str, ...]:
        facts = {"rank": trace.facts["rank"], "lora_layers": layers, "share": count.share or 0.0}
        label, training, inference = (text.format(**facts) for text in vocabulary.components[count.part])
        return label, f"{count.parameters:,}", training, inference

    return TraceTable(vocabulary.count_title, vocabulary.count_columns, tuple(map(cells, trace.counts)), (1,))


def mask_table(trace: Trace, vocabulary: Vocabulary) -> TraceTable:
    """Table of the stages that erode or dilate the mask."""

    def cells(stage: MaskStage) -> tuple[str, ...]:
        label, reason = vocabulary.masks[stage.name]
        radius = f"{stage.radius_px:+g} px" if stage.radius_px else ""
        return label, radius, "" if stage.share is None else f"{stage.share:.1%}", reason

    return TraceTable(vocabulary.mask_title, vocabulary.mask_columns, tuple(map(cells, trace.masks)), (1, 2))


def sentence(trace: Trace, vocabulary: Vocabulary, subject: str) -> str:
    """Format a sentence on a trace. subject: bundle, random, gradients or seconds."""
    facts: dict[str, Any] = {**trace.facts, **trace.seconds, "gigabytes": trace.peak_bytes / 1e9}
    facts |= {name: getattr(trace, name) for name in ("bundle", "description", "device", "dtype", "seed")}
    return vocabulary.sentences[subject].format(**facts)


# -- Markdown


def markdown(table: TraceTable) -> str:
    """Format a table as Markdown, without its title."""
    header = "| " + " | ".join(table.columns) + " |"
    rule = "|" + "|".join("---:" if n in table.right_aligned else "---" for n in range(len(table.columns))) + "|"
    lines = [
        "| " + " | ".join(_markdown_cell(cell, is_name=n == table.name_column) for n, cell in enumerate(row)) + " |"
        for row in table.rows
    ]
    return "\n".join([header, rule, *lines])


def _markdown_cell(text: str, *, is_name: bool) -> str:
    if is_name:
        name, space, rest = text.partition(" ")
        return f"`{name}`{space}{rest}"
    return text.replace("|", "\\|")


def sections(trace: Trace, vocabulary: Vocabulary, *, level: int = 2, explained: bool = True) -> str:
    """Format all tables of a trace as Markdown, under headings of a level."""
    subjects = ("bundle", "random") if trace.random else ("bundle",)
    blocks = ["\n".join(sentence(trace, vocabulary, subject) for subject in subjects)]
    tables: Sequence[TraceTable] = [tensor_table(trace, flow, vocabulary, explained=explained) for flow in FLOWS]
    tables = [*tables, parameter_table(trace, vocabulary), mask_table(trace, vocabulary)]
    for table in tables:
        blocks += [f"{'#' * level} {table.title}", markdown(table)]
        if table.title == vocabulary.count_title:
            blocks.append(sentence(trace, vocabulary, "gradients"))
    return "\n\n".join(blocks)


# -- a terminal


def print_trace(trace: Trace, vocabulary: Vocabulary, *, width: int | None = None) -> None:
    """Print all tables and sentences. width: characters per line, by default the terminal's."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, width=width)
    if width is None and not console.is_terminal:
        console = Console(highlight=False, markup=False, width=PIPE_WIDTH)
    is_wide = console.width >= MIN_TABLE_WIDTH
    console.print(sentence(trace, vocabulary, "bundle"))
    if trace.random:
        console.print(sentence(trace, vocabulary, "random"))
    console.print()
    for flow in FLOWS:
        table = tensor_table(trace, flow, vocabulary)
        console.print(_rich_table(table, is_wide) if is_wide else _rich_list(table))
    console.print(_rich_table(parameter_table(trace, vocabulary), is_wide))
    console.print(sentence(trace, vocabulary, "gradients") + "\n")
    console.print(_rich_table(mask_table(trace, vocabulary), is_wide))
    console.print(sentence(trace, vocabulary, "seconds"))


def _rich_table(table: TraceTable, is_wide: bool) -> Any:
    """Format as columns. is_wide: wrap only the last column."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    rich_table = RichTable(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    last = len(table.columns) - 1
    for index, header in enumerate(table.columns):
        is_number = index in table.right_aligned
        side: Any = "right" if is_number else "left"
        rich_table.add_column(Text(header), justify=side, no_wrap=is_number or (is_wide and index != last))
    for row in table.rows:
        rich_table.add_row(*map(Text, row))
    return rich_table


def _rich_list(table: TraceTable) -> Any:
    """Format as a list, with the explanation below each tensor."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    lines: list[Any] = [Text(table.title, style="bold")]
    for stage, name, *values, explanation in table.rows:
        if stage:
            lines.append(Padding(Text(stage, style="italic"), (1, 0, 0, 1)))
        line = Text.assemble((name, "bold"), "  ", "  ".join(filter(None, values)))
        lines += [Padding(line, (0, 0, 0, 3)), Padding(Text(explanation), (0, 0, 0, 7))]
    return Group(*lines, "")
