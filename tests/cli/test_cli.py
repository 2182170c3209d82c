"""The command line: help, output, options, refusals."""

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
from support.report_keys import REPORT_KEYS, WALL_KEYS
from wallpaint.cli import app as cli
from wallpaint.version import __version__

SLOW_TO_IMPORT = ("torch", "diffusers", "transformers", "cv2", "numpy", "scipy", "PIL", "skimage", "coloraide", "rich")


def run_process(*argv: object, modules: Sequence[str] = (), **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a new process. modules: print on stderr which of them were imported."""
    code = "import sys; from wallpaint.cli.app import main; status = main(sys.argv[1:])"
    if modules:
        code += f"; print('imported:', *sorted(set({list(modules)}) & set(sys.modules)), file=sys.stderr)"
    return run_python(code + "; sys.exit(status)", *argv, **options)


def run_python(code: str, *argv: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run Python code in a new process."""
    command = [sys.executable, "-c", code, *map(str, argv)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, **options)


def cpu_time_ratio(*argv: object, imports: str, runs: int) -> float:
    """Return the CPU time of a command relative to that of importing libraries, each the minimum of several runs.

    The two are measured alternately, so that a slow or busy machine affects both. imports: comma-separated names.
    """
    minima = [float("inf")] * 2
    for _ in range(runs):
        for k, run in enumerate((lambda: run_process(*argv), lambda: run_python(f"import {imports}"))):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            assert run().returncode == 0
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            minima[k] = min(minima[k], after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return minima[0] / minima[1]


@pytest.fixture
def argv(files: Path) -> list[str]:
    """Arguments of a valid command."""
    photo, mask, out = (str(files / name) for name in ("photo.png", "mask.png", "out.png"))
    return ["repaint", photo, "--mask", mask, "--color", "#7d9b84", "-o", out]


def run_cli(capsys: pytest.CaptureFixture[str], argv: Sequence[object]) -> tuple[int, str, str]:
    status = cli.main([str(a) for a in argv])
    streams = capsys.readouterr()
    return status, streams.out, streams.err


# -- help and start-up


def test_help_is_quick_and_imports_no_heavy_module() -> None:
    assert cpu_time_ratio("--help", imports="typer", runs=3) <= 4
    for argv in (("--help",), ("repaint", "--help"), ("--version",)):
        assert run_process(*argv, modules=SLOW_TO_IMPORT).stderr == "imported:\n"


def test_help_lists_every_option() -> None:
    from dataclasses import fields

    from wallpaint.diffusion.settings import DiffusionSettings
    from wallpaint.pipeline.job import RepaintJob
    from wallpaint.pipeline.options import RepaintOptions
    from wallpaint.scene.options import SceneOptions

    text = run_process("repaint", "--help").stdout
    options = (*fields(RepaintJob), *fields(DiffusionSettings), *fields(SceneOptions), *fields(RepaintOptions))
    missing = [f.name for f in options if f"--{f.name.rstrip('s').replace('_', '-')}" not in text]
    assert set(missing) == {"photo", "settings", "scene_options", "repaint_options", "limits", "light_model"}
    assert "Repaint the walls" in run_process("--help").stdout


PANELS = {
    "repaint": ("Paint", "Mask and walls", "Light", "Output", "Diffusion painter", "Performance", "Limits"),
    "validate": ("Data", "Candidates", "Output", "Comparison", "Diffusion painter", "Performance"),
    "mask": ("Mask and walls", "Segmentation model", "Output", "Limits"),
}


@pytest.mark.parametrize("name", PANELS)
def test_every_option_is_in_exactly_one_help_panel(name: str) -> None:
    from typer.main import get_command

    params = get_command(cli.app).commands[name].params
    options = [param for param in params if param.param_type_name == "option"]
    assert len(options) > 5
    assert {param.rich_help_panel for param in options} == set(PANELS[name])
    sections = help_sections(name)
    for param in options:
        holders = [
            panel for panel, text in sections.items() if re.search(rf"(?<!\S){max(param.opts, key=len)}\b(?!-)", text)
        ]
        assert holders == [param.rich_help_panel], param.opts


@pytest.mark.parametrize("name", PANELS)
def test_each_panel_has_a_heading_in_the_help_text(name: str) -> None:
    headings = list(help_sections(name))
    expected = [*PANELS[name], "Options"]
    assert headings == (["Arguments", *expected] if name != "validate" else expected)


def help_sections(name: str) -> dict[str, str]:
    """Split a command's help into sections: option names by heading."""
    sections: dict[str, str] = {}
    heading = ""
    for line in run_process(name, "--help").stdout.splitlines():
        if match := re.fullmatch(r"([A-Z][a-z]+( [a-z]+)*):", line):
            heading = match[1]
            sections[heading] = ""
        elif heading and (match := re.match(r"  (\S.*?)(?:  |$)", line)):  # the description is in the next column
            sections[heading] += match[1] + "\n"
    return sections


def test_no_arguments_show_the_help() -> None:
    done = run_process()
    assert "Usage" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_version() -> None:
    done = run_process("--version")
    assert (done.returncode, done.stdout) == (0, f"wallpaint {__version__}\n")


def test_cold_start_meets_the_cpu_budget(examples: Path, tmp_path: Path) -> None:
    """CPU time of start, decode, paint and encode, relative to that of importing its libraries."""
    argv = ["repaint", examples / "room.jpg", "--mask", examples / "room_mask.png", "--color", "#7d9b84"]
    libraries = "cv2, numpy, scipy.ndimage, PIL.Image, coloraide"
    assert cpu_time_ratio(*argv, "-o", tmp_path / "out.jpg", imports=libraries, runs=2) <= 8


# -- one repaint


def test_repaint_reaches_the_swatch_and_keeps_the_rest(argv: list[str], files: Path, room: Room) -> None:
    done = run_process(
        *argv, "--match", "swatch", modules=("torch", "diffusers", "transformers", "torchvision", "gradio", "ray")
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "imported:\n", "the analytic painter imports no network library"
    lines = done.stdout.splitlines()
    assert lines[0].startswith("wall: #7d9b84 -> median #")
    assert "bit for bit" in done.stdout
    assert lines[-1] == f"written: {files / 'out.png'}"
    with Image.open(files / "out.png") as image:
        painted = np.asarray(image)
    assert delta_e(median(painted, room.wall), (125, 155, 132)) <= 0.5
    far = far_outside(room.soft_mask)
    assert np.array_equal(painted[far], room.photo[far])
    assert {path.name for path in files.iterdir()} == {"photo.png", "mask.png", "out.png"}


def test_repaint_works_without_optional_packages(argv: list[str]) -> None:
    """The same command with the imports of torchvision and other extras blocked."""
    code = (
        "import sys\n"
        "for name in ('torchvision', 'gradio', 'ray', 'mitsuba'): sys.modules[name] = None\n"
        "from wallpaint.cli.app import main\nsys.exit(main(sys.argv[1:]))"
    )
    assert subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, check=False).returncode == 0


def test_installed_program() -> None:
    program = Path(sys.executable).parent / "wallpaint"
    if not program.exists():
        pytest.skip("not installed as a program")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.stdout == f"wallpaint {__version__}\n"


def test_json_output_is_one_object(capsys: pytest.CaptureFixture[str], argv: list[str], files: Path) -> None:
    status, out, err = run_cli(capsys, [*argv, "--json", "--seed", 5])
    assert (status, err) == (0, "")
    assert out.count("\n") == 1
    report = json.loads(out)
    assert set(report) >= REPORT_KEYS | {"photo", "output", "file"}
    assert set(report["walls"][0]) >= WALL_KEYS
    assert set(report["walls"][0]["paint"]) >= {"hex", "rgb", "lab", "name", "code"}
    assert set(report["light"]["wall"]) == {"white_linear", "confidence", "anchors"}
    assert report["output"] == str(files / "out.png")
    assert (report["match"], report["painter"], report["seed"]) == ("room", "analytic", 5)
    assert report["outside_max_diff"] == 0


def test_png_contains_the_report(capsys: pytest.CaptureFixture[str], argv: list[str], files: Path) -> None:
    _, out, _ = run_cli(capsys, [*argv, "--json"])
    report = json.loads(out)
    with Image.open(files / "out.png") as image:
        text = image.text
    assert text["Software"] == f"wallpaint {__version__}"
    embedded = json.loads(text["wallpaint"])
    for key in ("schema", "match", "painter", "seed", "walls"):
        assert embedded[key] == report[key]


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_repeated_command_gives_identical_bytes(argv: list[str], files: Path, ending: str) -> None:
    """In two processes with different hash seeds."""
    contents = []
    for seed in ("1", "2"):
        out = files / f"out.{ending}"
        assert run_process(*argv[:-1], out, env=os.environ | {"PYTHONHASHSEED": seed}).returncode == 0
        contents.append(out.read_bytes())
    assert contents[0] == contents[1]


# -- options


def test_several_colors_write_a_folder(capsys: pytest.CaptureFixture[str], argv: list[str], files: Path) -> None:
    status, out, _ = run_cli(capsys, [*argv[:-1], files / "results", "--color", "navy"])
    assert status == 0
    assert "photo_7d9b84.png: wall: #7d9b84 ->" in out
    assert "photo_navy.png: wall: navy ->" in out
    assert out.splitlines()[-1] == f"contact sheet: {files / 'results' / 'photo_sheet.jpg'}"
    assert len(list((files / "results").iterdir())) == 3


def test_several_colors_as_json(capsys: pytest.CaptureFixture[str], argv: list[str], files: Path) -> None:
    _, out, _ = run_cli(capsys, [*argv[:-1], files / "results", "--color", "navy", "--json"])
    report = json.loads(out)
    assert [r["walls"][0]["paint"]["hex"] for r in report["results"]] == ["#7d9b84", "#000080"]
    assert all(set(r) >= REPORT_KEYS for r in report["results"])
    assert Path(report["contact_sheet"]).is_file()


def test_palette_by_code_and_in_full(
    capsys: pytest.CaptureFixture[str], argv: list[str], files: Path, examples: Path
) -> None:
    palette = examples / "paints.csv"
    args = [argv[0], argv[1], *argv[2:4], "--palette", palette, "--match", "swatch"]
    status, out, _ = run_cli(capsys, [*args, "--color", "B1", "-o", files / "out.png"])
    assert (status, out.startswith("wall: B1 Harbour navy -> median #2b3a5c")) == (0, True)
    assert run_cli(capsys, [*args, "-o", files / "results"])[0] == 0
    count = len(palette.read_text(encoding="utf-8").splitlines()) - 1
    assert len(list((files / "results").iterdir())) == count + 1


def test_two_walls_in_two_paints(capsys: pytest.CaptureFixture[str], files: Path, room: Room) -> None:
    half = np.arange(room.alpha.shape[1]) < 160
    Image.fromarray(room.soft_mask * half).save(files / "left.png")
    Image.fromarray(room.soft_mask * ~half).save(files / "right.png")
    walls = ["--wall", f"{files / 'left.png'}=#7d9b84", "--wall", f"{files / 'right.png'}=rgb(43, 58, 92)"]
    status, out, err = run_cli(capsys, ["repaint", files / "photo.png", *walls, "-o", files / "out.png"])
    assert (status, err) == (0, "")
    assert [line.split(":")[0] for line in out.splitlines()[:2]] == ["left", "right"]


def test_before_after_image_has_both_sides(capsys: pytest.CaptureFixture[str], argv: list[str], files: Path) -> None:
    assert run_cli(capsys, [*argv, "--before-after", files / "both.jpg"])[0] == 0
    with Image.open(files / "both.jpg") as both:
        assert both.width > 2 * 320
        assert both.height == 240


def test_reference_image_gives_its_colour(capsys: pytest.CaptureFixture[str], argv: list[str], files: Path) -> None:
    Image.new("RGB", (30, 30), (43, 58, 92)).save(files / "swatch.png")
    status, out, _ = run_cli(
        capsys, [*argv[:4], "--reference", files / "swatch.png", "--match", "swatch", "-o", files / "out.png"]
    )
    assert status == 0
    assert "median #2b3a5c" in out


def test_light_hints_are_used_by_match_room(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    anchors = {}
    for name, hint in {"none": [], "old": ["--old-color", "#d9cfc0"], "white": ["--white", "20,190"]}.items():
        status, out, err = run_cli(capsys, [*argv, "--match", "room", *hint, "--json"])
        assert status == 0, err
        report = json.loads(out)
        assert report["match"] == "room"
        anchors[name] = report["light"]["wall"]["anchors"][0]
    assert anchors["old"] == "the wall's old colour, as given"
    assert anchors["white"] == "a white object at 20,190"
    assert len(set(anchors.values())) == 3


def test_every_choice_is_accepted(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    for options in (
        ["--edges", "keep"],
        ["--old-wall", "plain"],
        ["--old-wall", "patterned"],
        ["--old-wall", "relief"],
        ["--detail", "new"],
        ["--painter", "analytic"],
        ["--strip-location", "--quality", "80"],
    ):
        status, _, err = run_cli(capsys, [*argv, *options])
        assert (status, err) == (0, ""), options


# -- refusals


@pytest.mark.parametrize(
    ("change", "pattern"),
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
def test_invalid_options_are_one_error_line(
    capsys: pytest.CaptureFixture[str], argv: list[str], files: Path, change: list[str], pattern: str
) -> None:
    status, out, err = run_cli(capsys, [*argv, *change])
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("wallpaint: ")
    assert re.search(pattern, err)
    assert not (files / "out.png").exists()


@pytest.mark.parametrize("drop", [1, slice(4, 6), slice(6, 8)], ids=["photo", "color", "output"])
def test_missing_options_are_one_error_line(
    capsys: pytest.CaptureFixture[str], argv: list[str], drop: int | slice
) -> None:
    del argv[drop]
    status, out, err = run_cli(capsys, argv)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("wallpaint: ")


def test_unknown_command_is_one_error_line(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run_cli(capsys, ["paint-it-black"])
    assert (status, err.count("\n")) == (2, 1)
    assert "paint-it-black" in err


def test_error_line_and_status_of_the_process(argv: list[str], files: Path) -> None:
    done = run_process(*argv[:4], "--color", "blurple", "-o", files / "out.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("wallpaint: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("target", ["photo.png", "mask.png"])
def test_inputs_are_never_overwritten(
    capsys: pytest.CaptureFixture[str], argv: list[str], files: Path, target: str
) -> None:
    before = (files / target).read_bytes()
    status, _, err = run_cli(capsys, [*argv[:-1], files / target])
    assert status == 2
    assert "another name" in err
    assert (files / target).read_bytes() == before


def test_error_line_escapes_control_characters_of_file_names(
    capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    status, _, err = run_cli(capsys, [argv[0], "no\nsuch\x1b[31m photo.png", *argv[2:]])
    assert (status, err.count("\n")) == (2, 1)
    assert "\x1b" not in err


def test_closed_stdout_is_no_error(argv: list[str]) -> None:
    code = "import sys; from wallpaint.cli.app import main; sys.exit(main(sys.argv[1:]))"
    read, write = os.pipe()
    process = subprocess.Popen([sys.executable, "-c", code, *argv, "--json"], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    os.close(read)
    _, err = process.communicate()
    assert err == b""
    assert Path(argv[-1]).is_file()


def test_closed_stderr_is_no_crash(argv: list[str], files: Path) -> None:
    """Some services start programs without stderr."""
    code = "import sys; from wallpaint.cli.app import main; sys.exit(main(sys.argv[1:]))"
    shell = ["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", code, *argv]
    done = subprocess.run(shell, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0
    assert (files / "out.png").is_file()
