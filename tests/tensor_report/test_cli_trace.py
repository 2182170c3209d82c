"""The command `wallpaint trace`."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from support.paths import ROOT
from wallpaint.cli.app import main
from wallpaint.tensor_report import document
from wallpaint.tensor_report.record import Trace


def run_trace(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    status = main(["trace", *map(str, argv)])
    streams = capsys.readouterr()
    return status, streams.out, streams.err


def test_tables_and_markdown(tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--bundle", tiny_bundle, "--device", "cpu", "--dtype", "float32", "--lang", "vi"]
    status, out, err = run_trace(capsys, *argv, "-o", tmp_path / "trace.md")
    assert (status, err) == (0, "")
    for word in ("unet_input", "[2, 9, 8, 8]", "Số tham số", "chưa từng được huấn luyện", "Mặt nạ co ở đâu"):
        assert word in out
    text = (tmp_path / "trace.md").read_text(encoding="utf-8")
    assert "| UNet | `unet_input` | [2, 9, 8, 8] | float32 |" in text
    assert "## Huấn luyện: một bước" in text


def test_json(tiny_bundle: Path, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the user's own photo, which is not square."""
    photo, mask, output = files / "photo.png", files / "mask.png", files / "trace.json"
    argv = ["--bundle", tiny_bundle, "--photo", photo, "--mask", mask, "--batch", 1, "--steps", 1, "--json"]
    status, out, err = run_trace(capsys, *argv, "-o", output)
    assert (status, err) == (0, "")
    trace = Trace.from_dict(json.loads(out))
    assert json.loads(output.read_text(encoding="utf-8")) == json.loads(out)
    shapes = {(row.flow, row.name): row.shape for row in trace.rows}
    assert shapes["inference", "result"] == (240, 320, 3)
    height, width = shapes["training", "image"][2:]
    assert height < width
    assert shapes["training", "unet_input"] == (1, 9, height // 8, width // 8)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["-o", "trace.txt"], ".md or .json"),
        (["-o", "nowhere/trace.md"], "no folder nowhere"),
        (["--photo", "room.jpg"], "--photo and --mask go together"),
        (["--color", "not a colour"], "is not a colour"),
        (["--steps", "0"], "--steps must be in 1..1000, not 0"),
        (["--docs", "nowhere"], "no such folder"),
        (["--docs", ".", "--json"], "goes with --bundle alone"),
        (["--bundle", "nowhere"], "there is no such bundle"),
        (["--lang", "fr"], "fr"),
    ],
)
def test_invalid_options_give_one_line(
    argv: list[str],
    message: str,
    tiny_bundle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    named = [] if "--docs" in argv or "--bundle" in argv else ["--bundle", tiny_bundle]
    status, out, err = run_trace(capsys, *named, *argv)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_documents_without_a_full_size_trace_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run_trace(capsys, "--docs", tmp_path)
    assert status == 2
    assert "wallpaint models random sd15" in err


def test_documents_are_rewritten_with_kept_or_new_full_size_trace(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the full-size trace of the folder, or with that of a given bundle."""
    full, small = document.read_traces(ROOT / "docs")
    monkeypatch.setattr(document, "small_trace", lambda folder, log: replace(small, seed=7))
    shutil.copy(ROOT / "docs" / document.NUMBERS_FILE, tmp_path)
    status, out, _ = run_trace(capsys, "--docs", tmp_path)
    assert (status, len(out.splitlines())) == (0, 3)
    assert document.read_traces(tmp_path) == (full, replace(small, seed=7))
    assert "seed 7" in (tmp_path / "pipeline.vi.md").read_text(encoding="utf-8")
    assert run_trace(capsys, "--docs", tmp_path, "--bundle", tiny_bundle)[0] == 0
    assert document.read_traces(tmp_path)[0].bundle == "tiny"
