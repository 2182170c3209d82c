"""Progress bars and lines on stderr, and the time left."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

import pytest

from wallpaint import progress
from wallpaint.progress import ProgressCounter, progress_bar, progress_bar_or_lines


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, which tests set."""
    now = [0.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


def test_time_left_is_that_of_new_items(clock: list[float]) -> None:
    counter = ProgressCounter(10)
    assert counter.time_left() == ""
    for clock[0] in (0.1, 0.2):
        counter.advance(is_new=False)
    assert counter.time_left() == ""
    clock[0] = 10.2
    counter.advance()
    assert (counter.done, counter.time_left()) == (3, "about 70 s left")
    clock[0] = 400.2
    counter.advance()
    assert counter.time_left() == "about 20 min left"
    clock[0] = 4000.2
    counter.advance()
    assert counter.time_left() == "about 1.9 h left"
    for _ in range(5):
        counter.advance()
    assert (counter.done, counter.time_left()) == (10, "")


def test_steps_skipped_on_resuming_are_not_new(clock: list[float]) -> None:
    counter = ProgressCounter(1000)
    clock[0] = 5.0
    counter.advance_to(901)
    assert counter.time_left() == ""
    clock[0] = 6.0
    counter.advance_to(902, "loss 0.1")
    assert (counter.note, counter.time_left()) == ("loss 0.1", "about 2 min left")


def test_a_disabled_bar_prints_nothing() -> None:
    stderr = io.StringIO()
    with redirect_stderr(stderr), progress_bar("testing", 2, enabled=False) as counter:
        counter.advance()
    assert (counter.done, stderr.getvalue()) == (1, "")


def test_bar_shows_label_note_and_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "120"}.items():
        monkeypatch.setenv(name, value)
    stderr = io.StringIO()
    with redirect_stderr(stderr), progress_bar("testing", 2) as counter:
        counter.advance_to(1, "loss 0.5")
    assert "testing, loss 0.5" in stderr.getvalue()
    assert "1/2" in stderr.getvalue()


def test_without_a_terminal_a_line_is_printed_at_intervals(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_bar_or_lines("testing", 40) as counter:
        for second in range(1, 31):
            clock[0] = float(second)
            counter.advance()
    assert capsys.readouterr().err == "testing: 15 of 40, about 25 s left\ntesting: 30 of 40, about 10 s left\n"


def test_lines_have_the_note_and_none_if_disabled(clock: list[float]) -> None:
    stderr = io.StringIO()
    with redirect_stderr(stderr):
        for enabled in (False, True):
            with progress_bar_or_lines("training", 4, enabled=enabled) as counter:
                clock[0] += 20
                counter.advance_to(1, "loss 0.1234")
    assert stderr.getvalue() == "training: 1 of 4, loss 0.1234, about 60 s left\n"
