"""Parameter names in messages become the flags of the command that prints them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from support.drawn_rooms import Room
from wallpaint.cli.app import app, main
from wallpaint.cli.flags import command_flags, with_flags
from wallpaint.errors import ShapeError
from wallpaint.pipeline.repaint import prepare

FLAGS = {"fit_mask": "--fit-mask", "color": "--color", "match": "--match", "profile": "--profile"}


@pytest.fixture
def argv(files: Path) -> list[str]:
    """A command that works."""
    photo, mask, out = (str(files / name) for name in ("photo.png", "mask.png", "out.png"))
    return ["repaint", photo, "--mask", mask, "--color", "navy", "-o", out]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("resize the mask or set `fit_mask`", "resize the mask or set --fit-mask"),
        ("pass `colors` or `palette`", "pass --color or palette"),
        ('`match="room"` renders it', "--match room renders it"),
        ("set `fit_mask=True`", "set --fit-mask"),
        ("leave out `count_flops`", "leave out --profile"),
        ("`loop.steps` must be at least 1, not 0", "loop.steps must be at least 1, not 0"),
        ("pass `device=auto`", "pass device=auto"),
        ("`wallpaint mask` writes it", "`wallpaint mask` writes it"),
        ("fit_mask without backticks, and ` alone", "fit_mask without backticks, and ` alone"),
    ],
)
def test_parameters_become_flags(message: str, expected: str) -> None:
    assert with_flags(message, FLAGS) == expected


def test_flags_are_those_of_the_command() -> None:
    group = typer.main.get_command(app)
    flags = command_flags(group, ["repaint", "room.jpg", "--fit-mask"])
    assert flags["fit_mask"] == "--fit-mask"
    assert flags["color"] == "--color"
    assert "fit_mask" not in command_flags(group, ["models", "pull"])
    assert command_flags(group, ["no-such-command"]) == {}


def test_library_names_the_parameter_and_the_command_line_the_flag(
    argv: list[str], files: Path, room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    small = np.ascontiguousarray(room.soft_mask[::2, ::2])
    with pytest.raises(ShapeError, match=r"or set `fit_mask`$"):
        prepare(room.photo, {"wall": small})
    Image.fromarray(small).save(files / "mask.png")
    assert main(argv) == 2
    assert capsys.readouterr().err.endswith("resize the mask or set --fit-mask\n")


def test_message_that_begins_with_a_file_name_has_the_flag(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*argv, "--max-pixels", "100"]) == 2
    assert capsys.readouterr().err.endswith("over the limit of 100: make it smaller or raise --max-pixels\n")


def test_warnings_of_a_result_have_flags(argv: list[str], files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A patterned wall is reported with the option that keeps its relief."""
    codes = np.array(Image.open(files / "photo.png"))
    codes[:, (np.arange(codes.shape[1]) // 12) % 2 == 0] //= 2
    Image.fromarray(codes).save(files / "photo.png")
    assert main(argv) == 0
    out = capsys.readouterr().out
    assert "(--old-wall relief keeps" in out
    assert "`" not in out


@pytest.mark.parametrize(("old", "new"), [("literal", "swatch"), ("lit", "room")])
def test_old_values_of_match_give_one_line_with_the_new_name(
    argv: list[str], capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    assert main([*argv, "--match", old]) == 2
    assert capsys.readouterr().err == f"wallpaint: match '{old}' is now called '{new}'\n"
