"""A trace as tables: cells first, then Markdown or a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wallpaint.tensor_report.record import FLOWS, Count, MaskPlace, Row, Trace
from wallpaint.tensor_report.vocabulary import Words, stage_of, why

PIPE_WIDTH = 180  # characters of a line where no terminal sets them
WIDE = 150  # from here on there is room for explanations beside the numbers
NO_MEAN = 1e-4  # of the deviation: a mean nearer to 0 is a rounding error


@dataclass(frozen=True)
class Table:
    """A table. rows: one cell a column. right: the columns of numbers. names: the column of tensor names, or -1."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[int, ...] = ()
    names: int = -1


def tensors(trace: Trace, flow: str, said: Words, *, explained: bool = True) -> Table:
    """The tensors of a flow in the order that they came. explained: with the last column, why."""
    rows, before = [], ""
    for row in trace.rows:
        if row.flow != flow:
            continue
        stage = said.stages[stage_of(row)]
        cells = (*_measured(row, stage if stage != before else ""), why(row, trace.facts, said))
        rows.append(cells if explained else cells[:-1])
        before = stage
    return Table(said.flows[flow], said.columns if explained else said.columns[:-1], tuple(rows), names=1)


def _measured(row: Row, stage: str) -> tuple[str, ...]:
    name = f"{row.key}{f' x {row.times}' if row.times > 1 else ''}"
    spread = f"{number(row.low)} … {number(row.high)}" if row.low != row.high else number(row.low)
    is_single = all(side == 1 for side in row.shape)
    middle = number(row.mean) if abs(row.mean) > NO_MEAN * row.std else "0"
    mean = "" if is_single else f"{middle} ± {number(row.std)}"
    return stage, name, str(list(row.shape)), row.dtype, spread, mean


def number(value: float) -> str:
    """Three digits; whole numbers and large ones without a point."""
    return f"{value:.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"


def parameters(trace: Trace, said: Words) -> Table:
    """Parameters by part, and what each part does when."""
    layers = trace.facts["lora_tensors"] // 2

    def cells(count: Count) -> tuple[str, ...]:
        told = {"rank": trace.facts["rank"], "lora_layers": layers, "share": count.share or 0.0}
        label, training, inference = (text.format(**told) for text in said.parts[count.part])
        return label, f"{count.parameters:,}", training, inference

    return Table(said.count_title, said.count_columns, tuple(map(cells, trace.counts)), (1,))


def mask_places(trace: Trace, said: Words) -> Table:
    """Where the mask is made smaller or larger."""

    def cells(place: MaskPlace) -> tuple[str, ...]:
        label, reason = said.masks[place.name]
        radius = f"{place.radius_px:+g} px" if place.radius_px else ""
        return label, radius, "" if place.share is None else f"{place.share:.1%}", reason

    return Table(said.mask_title, said.mask_columns, tuple(map(cells, trace.masks)), (1, 2))


def sentence(trace: Trace, said: Words, what: str) -> str:
    """One of a language's sentences on a trace: bundle, random, gradients or seconds."""
    told: dict[str, Any] = {**trace.facts, **trace.seconds, "gigabytes": trace.peak_bytes / 1e9}
    told |= {name: getattr(trace, name) for name in ("bundle", "description", "device", "dtype", "seed")}
    return said.sentences[what].format(**told)


# -- Markdown


def markdown(table: Table) -> str:
    """The table, without its title."""
    heads = "| " + " | ".join(table.columns) + " |"
    rule = "|" + "|".join("---:" if n in table.right else "---" for n in range(len(table.columns))) + "|"
    lines = [
        "| " + " | ".join(_cell(cell, is_name=n == table.names) for n, cell in enumerate(row)) + " |"
        for row in table.rows
    ]
    return "\n".join([heads, rule, *lines])


def _cell(text: str, *, is_name: bool) -> str:
    if is_name:
        name, space, rest = text.partition(" ")
        return f"`{name}`{space}{rest}"
    return text.replace("|", "\\|")


def sections(trace: Trace, said: Words, *, level: int = 2, explained: bool = True) -> str:
    """All tables of a trace under headings of a level."""
    opening = [sentence(trace, said, "bundle")] + ([sentence(trace, said, "random")] if trace.random else [])
    parts = ["\n".join(opening)]
    made: Sequence[Table] = [tensors(trace, flow, said, explained=explained) for flow in FLOWS]
    made = [*made, parameters(trace, said), mask_places(trace, said)]
    for table in made:
        parts += [f"{'#' * level} {table.title}", markdown(table)]
        if table.title == said.count_title:
            parts.append(sentence(trace, said, "gradients"))
    return "\n\n".join(parts)


# -- a terminal


def show(trace: Trace, said: Words, *, width: int | None = None) -> None:
    """Print all tables and notes. width: characters of a line, the terminal's if not given."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, width=width)
    if width is None and not console.is_terminal:
        console = Console(highlight=False, markup=False, width=PIPE_WIDTH)
    is_wide = console.width >= WIDE
    console.print(sentence(trace, said, "bundle"))
    if trace.random:
        console.print(sentence(trace, said, "random"))
    console.print()
    for flow in FLOWS:
        table = tensors(trace, flow, said)
        console.print(_drawn(table, is_wide) if is_wide else _listed(table))
    console.print(_drawn(parameters(trace, said), is_wide))
    console.print(sentence(trace, said, "gradients") + "\n")
    console.print(_drawn(mask_places(trace, said), is_wide))
    console.print(sentence(trace, said, "seconds"))


def _drawn(table: Table, is_wide: bool) -> Any:
    """As columns. is_wide: there is room to break lines in the last of them only."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    last = len(table.columns) - 1
    for index, head in enumerate(table.columns):
        side: Any = "right" if index in table.right else "left"
        drawn.add_column(Text(head), justify=side, no_wrap=index in table.right or (is_wide and index != last))
    for row in table.rows:
        drawn.add_row(*map(Text, row))
    return drawn


def _listed(table: Table) -> Any:
    """As a list, each tensor with its explanation below."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    parts: list[Any] = [Text(table.title, style="bold")]
    for stage, name, *measured, reason in table.rows:
        if stage:
            parts.append(Padding(Text(stage, style="italic"), (1, 0, 0, 1)))
        line = Text.assemble((name, "bold"), "  ", "  ".join(filter(None, measured)))
        parts += [Padding(line, (0, 0, 0, 3)), Padding(Text(reason), (0, 0, 0, 7))]
    return Group(*parts, "")
