"""The command line as a person or a script meets it."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.drawn_rooms import Room
from support.measures import delta_e, far_outside, median
from support.report_keys import KEYS, WALL_KEYS
from wallpaint.cli import app as cli
from wallpaint.version import __version__

SLOW_TO_IMPORT = ("torch", "diffusers", "transformers", "cv2", "numpy", "scipy", "PIL", "skimage", "coloraide")


def command(*argv: object, modules: Sequence[str] = (), **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own. modules: report on stderr which of them were imported."""
    code = "import sys; from wallpaint.cli.app import main; status = main(sys.argv[1:])"
    if modules:
        code += f"; print('imported:', *sorted(set({list(modules)}) & set(sys.modules)), file=sys.stderr)"
    argv = [sys.executable, "-c", code + "; sys.exit(status)", *map(str, argv)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, **options)


def cpu_seconds(*argv: object, best_of: int) -> tuple[float, float]:
    """User and system CPU seconds of the command, the least of several runs (user, user + system)."""
    found = []
    for _ in range(best_of):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert command(*argv).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        user = after.ru_utime - before.ru_utime
        found.append((user, user + after.ru_stime - before.ru_stime))
    return min(user for user, _ in found), min(both for _, both in found)


@pytest.fixture
def argv(files: Path) -> list[str]:
    """A command that works."""
    photo, mask, out = (str(files / name) for name in ("photo.png", "mask.png", "out.png"))
    return ["repaint", photo, "--mask", mask, "--color", "#7d9b84", "-o", out]


def told(capsys: pytest.CaptureFixture[str], argv: Sequence[object]) -> tuple[int, str, str]:
    status = cli.main([str(a) for a in argv])
    streams = capsys.readouterr()
    return status, streams.out, streams.err


# -- quick things are quick


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    assert cpu_seconds("--help", best_of=3)[0] <= 0.5
    for argv in (("--help",), ("repaint", "--help"), ("--version",)):
        assert command(*argv, modules=SLOW_TO_IMPORT).stderr == "imported:\n"


def test_help_names_every_option() -> None:
    from dataclasses import fields

    from wallpaint.diffusion.settings import Settings
    from wallpaint.pipeline.job import Job

    text = command("repaint", "--help").stdout
    options = (*fields(Job), *fields(Settings))
    missing = [f.name for f in options if f"--{f.name.rstrip('s').replace('_', '-')}" not in text]
    assert set(missing) == {"photo", "settings"}
    assert "Repaint the walls" in command("--help").stdout


def test_no_arguments_show_the_help() -> None:
    done = command()
    assert "Usage" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_version() -> None:
    done = command("--version")
    assert (done.returncode, done.stdout) == (0, f"wallpaint {__version__}\n")


def test_a_cold_command_takes_little(examples: Path, tmp_path: Path) -> None:
    """Start, decode, paint, encode: user and system CPU together."""
    argv = ["repaint", examples / "room.jpg", "--mask", examples / "room_mask.png", "--color", "#7d9b84"]
    assert cpu_seconds(*argv, "-o", tmp_path / "out.jpg", best_of=2)[1] <= 4


# -- one picture


def test_repaint(argv: list[str], files: Path, room: Room) -> None:
    done = command(*argv, modules=("torch", "diffusers", "transformers", "torchvision", "gradio", "ray"))
    assert done.returncode == 0, done.stderr
    assert done.stderr == "imported:\n", "the analytic painter needs no network"
    lines = done.stdout.splitlines()
    assert lines[0].startswith("wall: #7d9b84 -> median #")
    assert "bit for bit" in done.stdout
    assert lines[-1] == f"written: {files / 'out.png'}"
    with Image.open(files / "out.png") as picture:
        painted = np.asarray(picture)
    assert delta_e(median(painted, room.wall), (125, 155, 132)) <= 0.5
    far = far_outside(room.soft_mask)
    assert np.array_equal(painted[far], room.photo[far])
    assert {path.name for path in files.iterdir()} == {"photo.png", "mask.png", "out.png"}


def test_torchvision_may_be_absent(argv: list[str]) -> None:
    """Neither it nor the other extras are needed: with their import forbidden the same command works."""
    code = (
        "import sys\n"
        "for name in ('torchvision', 'gradio', 'ray', 'mitsuba'): sys.modules[name] = None\n"
        "from wallpaint.cli.app import main\nsys.exit(main(sys.argv[1:]))"
    )
    assert subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, check=False).returncode == 0


def test_the_installed_program() -> None:
    program = Path(sys.executable).parent / "wallpaint"
    if not program.exists():
        pytest.skip("not installed as a program")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    assert done.stdout == f"wallpaint {__version__}\n"


def test_json_is_one_object(capsys: pytest.CaptureFixture[str], argv: list[str], files: Path) -> None:
    status, out, err = told(capsys, [*argv, "--json", "--seed", 5])
    assert (status, err) == (0, "")
    assert out.count("\n") == 1
    report = json.loads(out)
    assert set(report) >= KEYS | {"photo", "output", "file"}
    assert set(report["walls"][0]) >= WALL_KEYS
    assert set(report["walls"][0]["paint"]) >= {"hex", "rgb", "lab", "name", "code"}
    assert set(report["light"]["wall"]) == {"white_linear", "confidence", "anchors"}
    assert report["output"] == str(files / "out.png")
    assert (report["match"], report["painter"], report["seed"]) == ("swatch", "analytic", 5)
    assert report["outside_max_diff"] == 0


def test_a_png_carries_how_it_was_made(capsys: pytest.CaptureFixture[str], argv: list[str], files: Path) -> None:
    _, out, _ = told(capsys, [*argv, "--json"])
    report = json.loads(out)
    with Image.open(files / "out.png") as picture:
        text = picture.text
    assert text["Software"] == f"wallpaint {__version__}"
    inside = json.loads(text["wallpaint"])
    for key in ("schema", "match", "painter", "seed", "walls"):
        assert inside[key] == report[key]


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_a_repeated_command_gives_identical_bytes(argv: list[str], files: Path, ending: str) -> None:
    """Byte for byte, in two processes: nothing in the file depends on the clock or on the order of a set."""
    found = []
    for seed in ("1", "2"):
        out = files / f"out.{ending}"
        assert command(*argv[:-1], out, env=os.environ | {"PYTHONHASHSEED": seed}).returncode == 0
        found.append(out.read_bytes())
    assert found[0] == found[1]


# -- options


def test_several_colors(capsys: pytest.CaptureFixture[str], argv: list[str], files: Path) -> None:
    status, out, _ = told(capsys, [*argv[:-1], files / "looks", "--color", "navy"])
    assert status == 0
    assert "photo_7d9b84.png: wall: #7d9b84 ->" in out
    assert "photo_navy.png: wall: navy ->" in out
    assert out.splitlines()[-1] == f"contact sheet: {files / 'looks' / 'photo_sheet.jpg'}"
    assert len(list((files / "looks").iterdir())) == 3


def test_several_colors_as_json(capsys: pytest.CaptureFixture[str], argv: list[str], files: Path) -> None:
    _, out, _ = told(capsys, [*argv[:-1], files / "looks", "--color", "navy", "--json"])
    report = json.loads(out)
    assert [r["walls"][0]["paint"]["hex"] for r in report["results"]] == ["#7d9b84", "#000080"]
    assert all(set(r) >= KEYS for r in report["results"])
    assert Path(report["contact_sheet"]).is_file()


def test_a_palette(capsys: pytest.CaptureFixture[str], argv: list[str], files: Path, examples: Path) -> None:
    palette = examples / "paints.csv"
    one = [argv[0], argv[1], *argv[2:4], "--palette", palette]
    status, out, _ = told(capsys, [*one, "--color", "B1", "-o", files / "out.png"])
    assert (status, out.startswith("wall: B1 Harbour navy -> median #2b3a5c")) == (0, True)
    assert told(capsys, [*one, "-o", files / "looks"])[0] == 0
    count = len(palette.read_text().splitlines()) - 1
    assert len(list((files / "looks").iterdir())) == count + 1


def test_two_walls(capsys: pytest.CaptureFixture[str], files: Path, room: Room) -> None:
    half = np.arange(room.alpha.shape[1]) < 160
    Image.fromarray(room.soft_mask * half).save(files / "left.png")
    Image.fromarray(room.soft_mask * ~half).save(files / "right.png")
    walls = ["--wall", f"{files / 'left.png'}=#7d9b84", "--wall", f"{files / 'right.png'}=rgb(43, 58, 92)"]
    status, out, err = told(capsys, ["repaint", files / "photo.png", *walls, "-o", files / "out.png"])
    assert (status, err) == (0, "")
    assert [line.split(":")[0] for line in out.splitlines()[:2]] == ["left", "right"]


def test_before_and_after(capsys: pytest.CaptureFixture[str], argv: list[str], files: Path) -> None:
    assert told(capsys, [*argv, "--before-after", files / "both.jpg"])[0] == 0
    with Image.open(files / "both.jpg") as both:
        assert both.width > 2 * 320
        assert both.height == 240


def test_a_reference(capsys: pytest.CaptureFixture[str], argv: list[str], files: Path) -> None:
    Image.new("RGB", (30, 30), (43, 58, 92)).save(files / "swatch.png")
    status, out, _ = told(capsys, [*argv[:4], "--reference", files / "swatch.png", "-o", files / "out.png"])
    assert status == 0
    assert "median #2b3a5c" in out


def test_hints_for_lit(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    anchors = {}
    for name, hint in {"none": [], "old": ["--old-color", "#d9cfc0"], "white": ["--white", "20,190"]}.items():
        status, out, err = told(capsys, [*argv, "--match", "room", *hint, "--json"])
        assert status == 0, err
        report = json.loads(out)
        assert report["match"] == "room"
        anchors[name] = report["light"]["wall"]["anchors"][0]
    assert anchors["old"] == "the wall's old colour, as given"
    assert anchors["white"] == "a white thing at 20,190"
    assert len(set(anchors.values())) == 3


def test_every_choice_is_taken(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    for options in (
        ["--edges", "keep"],
        ["--old-wall", "plain"],
        ["--old-wall", "patterned"],
        ["--detail", "new"],
        ["--painter", "analytic"],
        ["--strip-location", "--quality", "80"],
    ):
        status, _, err = told(capsys, [*argv, *options])
        assert (status, err) == (0, ""), options


# -- refusals


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--no-such-option"], "no-such-option"),
        (["--match", "exact"], "exact"),
        (["--painter", "oil"], "oil"),
        (["--painter", "diffusion"], "analytic"),
        (["--quality", "0"], "1"),
        (["--quality", "high"], "integer"),
        (["--max-pixels", "-3"], "1"),
        (["--white", "here"], "X,Y"),
        (["--color", "blurple"], "a folder|not a colour"),
        (["--seed", "-1"], "0"),
        (["extra"], "extra"),
        (["--wall", "mask.png=navy"], "--wall"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_options_are_one_line(
    capsys: pytest.CaptureFixture[str], argv: list[str], files: Path, change: list[str], words: str
) -> None:
    status, out, err = told(capsys, [*argv, *change])
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("wallpaint: ")
    assert re.search(words, err)
    assert not (files / "out.png").exists()


@pytest.mark.parametrize("drop", [1, slice(4, 6), slice(6, 8)], ids=["photo", "color", "output"])
def test_missing_options_are_one_line(capsys: pytest.CaptureFixture[str], argv: list[str], drop: int | slice) -> None:
    del argv[drop]
    status, out, err = told(capsys, argv)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("wallpaint: ")


def test_an_unknown_command_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = told(capsys, ["paint-it-black"])
    assert (status, err.count("\n")) == (2, 1)
    assert "paint-it-black" in err


def test_refusals_come_from_the_process_too(argv: list[str], files: Path) -> None:
    done = command(*argv[:4], "--color", "blurple", "-o", files / "out.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("wallpaint: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("target", ["photo.png", "mask.png"])
def test_inputs_are_never_overwritten(
    capsys: pytest.CaptureFixture[str], argv: list[str], files: Path, target: str
) -> None:
    before = (files / target).read_bytes()
    status, _, err = told(capsys, [*argv[:-1], files / target])
    assert status == 2
    assert "another name" in err
    assert (files / target).read_bytes() == before


def test_messages_stay_on_one_line_whatever_the_file_is_called(
    capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    status, _, err = told(capsys, [argv[0], "no\nsuch\x1b[31m photo.png", *argv[2:]])
    assert (status, err.count("\n")) == (2, 1)
    assert "\x1b" not in err


def test_a_reader_that_goes_away_is_no_error(argv: list[str]) -> None:
    code = "import sys; from wallpaint.cli.app import main; sys.exit(main(sys.argv[1:]))"
    read, write = os.pipe()
    process = subprocess.Popen([sys.executable, "-c", code, *argv, "--json"], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    os.close(read)
    _, err = process.communicate()
    assert err == b""
    assert Path(argv[-1]).is_file()


def test_closed_streams_are_no_crash(argv: list[str], files: Path) -> None:
    """Started without stderr, as some services start programs."""
    code = "import sys; from wallpaint.cli.app import main; sys.exit(main(sys.argv[1:]))"
    shell = ["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", code, *argv]
    done = subprocess.run(shell, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert (files / "out.png").is_file()
