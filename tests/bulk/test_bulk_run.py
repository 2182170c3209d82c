"""`wallpaint bulk` from manifest to files: failures, resuming, shards, kills, and what the command prints."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.drawn_rooms import make_room
from wallpaint.bulk.job import STATUS_DIR, BulkOptions, parse_shard
from wallpaint.bulk.status import read_status
from wallpaint.cli.app import main
from wallpaint.errors import ConfigError

SIDE = 96


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three photos, their mask, a photo of one pixel, and one that is cut short."""
    folder = tmp_path / "photos"
    folder.mkdir()
    room = make_room(shadow=0.2)
    for number in range(3):
        crop = room.photo[number : number + SIDE, number : number + SIDE]
        Image.fromarray(crop).save(folder / f"room_{number}.png")
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[: SIDE // 2] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    Image.new("RGB", (1, 1), "#c8c0b0").save(folder / "pixel.png")
    Image.new("L", (1, 1), 255).save(folder / "pixel_mask.png")
    (folder / "broken.png").write_bytes((folder / "room_0.png").read_bytes()[:300])
    return folder


def manifest(folder: Path, *lines: str) -> Path:
    path = folder / "manifest.csv"
    path.write_text("\n".join(("photo,mask,color", *lines)) + "\n", encoding="utf-8")
    return path


def results(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def command(*words: object) -> list[str]:
    return ["bulk", *map(str, words), "--workers", "1"]


def test_one_bad_photo_stops_no_other(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["broken.png,mask.png,navy", "room_0.png,mask.png,#7d9b84|navy", "pixel.png,pixel_mask.png,navy"]
    path, out = manifest(photos, *rows), tmp_path / "out"
    assert main(command(path, "-o", out)) == 1
    printed = capsys.readouterr()
    assert "2 done, 0 finished before, 2 failed" in printed.out
    assert "broken.png" in printed.err
    assert "1x1 pixels, nothing to repaint" in printed.err
    states = {status.state for status in read_status(out / STATUS_DIR).values()}
    assert states == {"done", "failed"}
    files = results(out)
    assert len(files) == 2
    assert all(name.startswith("room_0_") for name in files)

    times = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert main(command(path, "-o", out)) == 1
    assert "0 done, 2 finished before, 0 failed, 2 failed before" in capsys.readouterr().out
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")} == times
    (photos / "broken.png").write_bytes((photos / "room_1.png").read_bytes())  # its name changes with its bytes
    manifest(photos, *rows[:2])
    assert main(command(path, "-o", out)) == 0
    assert "1 done, 2 finished before" in capsys.readouterr().out


def test_failed_rows_are_repeated_on_request_only(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = manifest(photos, "room_0.png,pixel_mask.png,navy"), tmp_path / "out"
    assert main(command(path, "-o", out)) == 1
    assert main(command(path, "-o", out, "--retry", "failed", "--json")) == 1
    (failure,) = json.loads(capsys.readouterr().out.splitlines()[-1])["failures"]
    assert "1x1" in failure["message"]
    (status,) = read_status(out / STATUS_DIR).values()
    assert status.attempt == 2


def test_results_are_those_of_repaint(photos: Path, tmp_path: Path) -> None:
    path, out = manifest(photos, "room_1.png,mask.png,navy"), tmp_path / "out"
    assert main(command(path, "-o", out, "--set", "match=swatch")) == 0
    words = ["--mask", photos / "mask.png", "--color", "navy", "--match", "swatch", "-o", tmp_path / "one.png"]
    assert main(["repaint", str(photos / "room_1.png"), *map(str, words)]) == 0
    (data,) = results(out).values()
    assert data == (tmp_path / "one.png").read_bytes()


def test_shards_together_are_the_whole(photos: Path, tmp_path: Path) -> None:
    path = manifest(photos, *(f"room_{number}.png,mask.png,navy|#7d9b84" for number in range(3)))
    assert main(command(path, "-o", tmp_path / "whole")) == 0
    for shard in ("1/2", "2/2"):
        assert main(command(path, "-o", tmp_path / "parts", "--shard", shard)) == 0
    assert results(tmp_path / "parts") == results(tmp_path / "whole")
    assert len(results(tmp_path / "whole")) == 6


def test_dry_run_writes_nothing(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = manifest(photos, "room_0.png,mask.png,navy", "room_1.png,mask.png,navy"), tmp_path / "out"
    assert main(command(path, "-o", out, "--dry-run")) == 0
    assert "2 of 2 results to paint, from 2 photos" in capsys.readouterr().out
    assert not out.exists()


def test_manifest_with_mistakes_is_refused_whole(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = (
        manifest(photos, "room_0.png,mask.png,navy", "none.png,,navy", "room_1.png,,notacolour"),
        tmp_path / "out",
    )
    assert main(command(path, "-o", out)) == 2
    error = capsys.readouterr().err
    assert "2 mistakes" in error
    assert "line 3" in error
    assert "line 4" in error
    assert not out.exists()


def test_folder_takes_options_of_repaint(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bulk", str(photos), "-o", str(photos), "--color", "navy"]) == 2
    assert "among the photos" in capsys.readouterr().err
    assert main(["bulk", str(photos), "-o", str(tmp_path / "out"), "--set", "matsch=swatch"]) == 2
    assert "did you mean match?" in capsys.readouterr().err
    assert main(["bulk", str(photos), "-o", str(tmp_path / "out"), "--color", "navy", "--dry-run"]) == 0
    assert "7 of 7 results" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0"])
def test_wrong_shards_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="shard"):
        BulkOptions(shard=parse_shard(text))


def _run_killed(words: list[str], out: Path, kills: int, seed: int) -> None:
    """Run a command, and kill its whole process group at random times; then run it to its end."""
    rng = random.Random(seed)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for _ in range(kills):
        running = subprocess.Popen(words, start_new_session=True, env=environment, stderr=subprocess.DEVNULL)
        before = len(results(out)) if out.exists() else 0
        while running.poll() is None and (len(results(out)) if out.exists() else 0) == before:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.1))
        if running.poll() is None:  # on a busy machine it may have ended first
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
    assert subprocess.run(words, env=environment, check=False).returncode == 0


@pytest.mark.parametrize(
    ("rows", "kills"), [(12, 2), pytest.param(200, 5, marks=pytest.mark.slow)], ids=["small", "large"]
)
def test_killed_run_resumes_to_the_same_files(photos: Path, tmp_path: Path, rows: int, kills: int) -> None:
    paints = [f"#{number:02x}8090" for number in range(rows)]
    lines = [f"room_{number % 3}.png,mask.png,{paint}" for number, paint in enumerate(paints)]
    path = manifest(photos, *lines)
    words = [sys.executable, "-m", "wallpaint", *command(path, "-o")]
    _run_killed(
        [*words[:4], str(path), "-o", str(tmp_path / "killed"), "--workers", "2"], tmp_path / "killed", kills, 3
    )
    assert main(command(path, "-o", tmp_path / "whole")) == 0
    assert results(tmp_path / "killed") == results(tmp_path / "whole")
    assert len(results(tmp_path / "whole")) == rows
