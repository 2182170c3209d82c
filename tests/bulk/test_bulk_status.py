"""Status files: one writer each, at most so many items, and lines that a kill left incomplete."""

from __future__ import annotations

from pathlib import Path

import pytest

from wallpaint.bulk.status import Status, StatusWriter, read_status
from wallpaint.errors import InputError


def test_files_of_two_writers_are_read_as_one(tmp_path: Path) -> None:
    with StatusWriter(tmp_path / "status", max_items=2) as one, StatusWriter(tmp_path / "status") as two:
        for number in range(5):
            one.append(Status(f"a{number}.jpg", "done", report={"delta_e": number}))
        two.append(Status("b.jpg", "failed", message="tệp hỏng"))
    sizes = sorted(path.read_bytes().count(b"\n") for path in (tmp_path / "status").iterdir())
    assert sizes == [1, 1, 2, 2]
    statuses = read_status(tmp_path / "status")
    assert sorted(statuses) == ["a0.jpg", "a1.jpg", "a2.jpg", "a3.jpg", "a4.jpg", "b.jpg"]
    assert statuses["a3.jpg"].report == {"delta_e": 3}
    assert statuses["b.jpg"].message == "tệp hỏng"


def test_done_counts_before_later_attempts_and_later_before_earlier(tmp_path: Path) -> None:
    with StatusWriter(tmp_path, max_items=1) as writer:
        for status in (
            Status("x", "failed", 1, "first"),
            Status("x", "quarantined", 2, "second"),
            Status("y", "done", 1),
            Status("y", "failed", 2),
        ):
            writer.append(status)
    statuses = read_status(tmp_path)
    assert (statuses["x"].state, statuses["x"].message) == ("quarantined", "second")
    assert statuses["y"].state == "done"


def test_torn_last_line_is_ignored_at_every_length(tmp_path: Path) -> None:
    with StatusWriter(tmp_path) as writer:
        writer.append(Status("whole", "done"))
        writer.append(Status("torn", "done"))
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    first = data.index(b"\n") + 1
    for length in range(first, len(data)):
        path.write_bytes(data[:length])
        assert list(read_status(tmp_path)) == ["whole"]
    path.write_bytes(data)
    assert list(read_status(tmp_path)) == ["whole", "torn"]


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"item": "x", "state": "lost"}', '{"state": "done"}', '{"item": 1, "state": "done"}']
)
def test_complete_line_that_is_no_status_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.jsonl").write_text(f'{{"item": "x", "state": "done"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.jsonl, line 2: not a status"):
        read_status(tmp_path)


def test_no_folder_is_no_status(tmp_path: Path) -> None:
    assert read_status(tmp_path / "none") == {}
