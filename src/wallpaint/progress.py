"""Progress of long runs on stderr: a bar on a terminal, lines elsewhere, with the time left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

LINE_INTERVAL_S = 15.0  # between lines of progress without a terminal


class ProgressCounter:
    """Number of finished items, and the time left, estimated from the items that were new.

    Items that an earlier run has finished take no time and are left out of the estimate. on_change: called after each
    change.
    """

    def __init__(self, total: int, on_change: Callable[[ProgressCounter], None] = lambda counter: None) -> None:
        self.total, self.on_change = total, on_change
        self.done, self.new_items, self.note = 0, 0, ""
        self._start = monotonic()

    def advance(self, is_new: bool = True) -> None:
        """Count one item. is_new: False for an item that an earlier run has finished."""
        self.advance_to(self.done + 1, is_new=is_new)

    def advance_to(self, done: int, note: str = "", *, is_new: bool = True) -> None:
        """Set the number of finished items. A step of more than one item, as on resuming, counts no new one.

        note: a text to show beside the label.
        """
        is_new = is_new and done == self.done + 1
        if not is_new and not self.new_items:
            self._start = monotonic()
        self.done, self.note = done, note
        self.new_items += is_new
        self.on_change(self)

    def time_left(self) -> str:
        """Return the time left, such as "about 40 s left"; empty before the first new item and after the last."""
        if not self.new_items or self.done >= self.total:
            return ""
        seconds = (monotonic() - self._start) / self.new_items * (self.total - self.done)
        if seconds < 90:
            return f"about {seconds:.0f} s left"
        return f"about {seconds / 60:.0f} min left" if seconds < 5400 else f"about {seconds / 3600:.1f} h left"


def is_terminal() -> bool:
    """Return whether stderr is a terminal, where a progress bar can be drawn."""
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def progress_bar(label: str, total: int, *, enabled: bool = True, delay_s: float = 0.0) -> Iterator[ProgressCounter]:
    """Show a progress bar on stderr while the block runs, and remove it after; yields the counter to advance.

    enabled: False shows nothing. delay_s: the bar appears with the first item finished after this time.
    """
    if not enabled:
        yield ProgressCounter(total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, TextColumn("{task.fields[left]}"), console=Console(stderr=True), transient=True)
    task = bar.add_task(label, total=total, left="")
    start = monotonic()

    def draw(counter: ProgressCounter) -> None:
        description = f"{label}, {counter.note}" if counter.note else label
        bar.update(task, completed=counter.done, description=description, left=counter.time_left())
        if not bar.live.is_started and monotonic() - start > delay_s:
            bar.start()

    if delay_s <= 0:
        bar.start()
    try:
        yield ProgressCounter(total, draw)
    finally:
        bar.stop()


@contextmanager
def progress_bar_or_lines(label: str, total: int, *, enabled: bool = True) -> Iterator[ProgressCounter]:
    """Show a progress bar if stderr is a terminal, else print a line every `LINE_INTERVAL_S`; yields the counter.

    enabled: False shows nothing.
    """
    if is_terminal() or not enabled:
        with progress_bar(label, total, enabled=enabled) as counter:
            yield counter
        return
    last = monotonic()

    def print_line(counter: ProgressCounter) -> None:
        nonlocal last
        if monotonic() - last >= LINE_INTERVAL_S:
            last = monotonic()
            left = counter.time_left()
            values = "".join(f", {text}" for text in (counter.note, left) if text)
            print(f"{label}: {counter.done} of {total}{values}", file=sys.stderr, flush=True)

    yield ProgressCounter(total, print_line)
