"""`wallpaint trace` as a person meets it."""

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


def told(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    status = main(["trace", *map(str, argv)])
    streams = capsys.readouterr()
    return status, streams.out, streams.err


def test_tables_and_markdown(tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = told(capsys, "--bundle", tiny_bundle, "--lang", "vi", "-o", tmp_path / "trace.md")
    assert (status, err) == (0, "")
    for word in ("unet_input", "[2, 9, 8, 8]", "Số tham số", "chưa từng được huấn luyện", "Mặt nạ co ở đâu"):
        assert word in out
    text = (tmp_path / "trace.md").read_text()
    assert "| UNet | `unet_input` | [2, 9, 8, 8] | float32 |" in text
    assert "## Huấn luyện: một bước" in text


def test_json(tiny_bundle: Path, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the user's own photo, which is not square."""
    photo, mask, output = files / "photo.png", files / "mask.png", files / "trace.json"
    argv = ["--bundle", tiny_bundle, "--photo", photo, "--mask", mask, "--batch", 1, "--steps", 1, "--json"]
    status, out, err = told(capsys, *argv, "-o", output)
    assert (status, err) == (0, "")
    found = Trace.from_dict(json.loads(out))
    assert json.loads(output.read_text()) == json.loads(out)
    shapes = {(row.flow, row.name): row.shape for row in found.rows}
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
        (["--steps", "0"], "steps must lie"),
        (["--docs", "nowhere"], "no such folder"),
        (["--docs", ".", "--json"], "goes with --bundle alone"),
        (["--bundle", "nowhere"], "there is no such bundle"),
        (["--lang", "fr"], "fr"),
    ],
)
def test_mistakes_are_one_line(
    argv: list[str],
    message: str,
    tiny_bundle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    named = [] if "--docs" in argv or "--bundle" in argv else ["--bundle", tiny_bundle]
    status, out, err = told(capsys, *named, *argv)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_documents_need_full_size_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = told(capsys, "--docs", tmp_path)
    assert status == 2
    assert "wallpaint models random sd15" in err


def test_documents_are_written_anew(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the full-size numbers that are there, or with those of a named bundle."""
    full, small = document.read_numbers(ROOT / "docs")
    monkeypatch.setattr(document, "small_trace", lambda folder, say: replace(small, seed=7))
    shutil.copy(ROOT / "docs" / document.NUMBERS, tmp_path)
    status, out, _ = told(capsys, "--docs", tmp_path)
    assert (status, len(out.splitlines())) == (0, 3)
    assert document.read_numbers(tmp_path) == (full, replace(small, seed=7))
    assert "seed 7" in (tmp_path / "pipeline.vi.md").read_text()
    assert told(capsys, "--docs", tmp_path, "--bundle", tiny_bundle)[0] == 0
    assert document.read_numbers(tmp_path)[0].bundle == "tiny"
