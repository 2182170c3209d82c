"""The public functions: explicit keywords, one home for each default, and types that catch misuse."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import pytest

import wallpaint
from support.drawn_rooms import Room
from support.paths import ROOT
from wallpaint.errors import ConfigError, InputError, WallpaintError
from wallpaint.painters.analytic import AnalyticPainter
from wallpaint.pipeline.options import RepaintOptions
from wallpaint.scene.options import SceneOptions
from wallpaint.scene.scene import PreparedScene

PUBLIC: dict[Callable[..., Any], tuple[type, ...]] = {
    wallpaint.prepare: (SceneOptions,),
    wallpaint.repaint: (SceneOptions, RepaintOptions),
    wallpaint.Scene.repaint: (RepaintOptions,),
    wallpaint.Scene.repaint_many: (RepaintOptions,),
}


@pytest.mark.parametrize("function", PUBLIC, ids=lambda function: function.__qualname__)
def test_keywords_types_and_defaults_are_those_of_the_options(function: Callable[..., Any]) -> None:
    parameters = inspect.signature(function).parameters.values()
    assert not [p for p in parameters if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    keywords = {p.name: (p.annotation, p.default) for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert keywords == {f.name: (f.type, f.default) for kind in PUBLIC[function] for f in fields(kind)}


@pytest.mark.parametrize("kind", [SceneOptions, RepaintOptions])
def test_every_option_has_a_default_and_a_help_text(kind: type) -> None:
    assert all(f.default is not MISSING and f.metadata["help"] for f in fields(kind))


def test_room_is_the_default(room: Room) -> None:
    assert RepaintOptions().match == "room"
    scene = wallpaint.prepare(room.photo, {"wall": room.soft_mask})
    assert scene.repaint({"wall": "navy"}).report["match"] == "room"
    assert next(scene.repaint_many([{"wall": "navy"}])).report["match"] == "room"
    assert wallpaint.repaint(room.photo, room.soft_mask, "navy").report["match"] == "room"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: RepaintOptions(match="exact"), InputError, '`match` must be one of swatch, room, not "exact"'),
        (lambda: RepaintOptions(match="lit"), InputError, "match 'lit' is now called 'room'"),
        (lambda: RepaintOptions(match="literal"), InputError, "match 'literal' is now called 'swatch'"),
        (lambda: RepaintOptions(detail="more"), InputError, '`detail` must be one of keep, new, not "more"'),
        (
            lambda: RepaintOptions(painter=AnalyticPainter(), bundle="tiny"),
            ConfigError,
            "a painter object already has its bundle: leave `bundle` out",
        ),
        (lambda: SceneOptions(edges="soft"), InputError, '`edges` must be one of refine, keep, not "soft"'),
        (
            lambda: SceneOptions(old_wall="brick"),
            InputError,
            '`old_wall` must be one of auto, plain, patterned, relief, not "brick"',
        ),
    ],
    ids=range(7),
)
def test_invalid_options_are_one_line(make: Callable[[], object], error: type[WallpaintError], message: str) -> None:
    with pytest.raises(error) as raised:
        make()
    assert str(raised.value) == message


def test_scene_is_data_with_methods(room: Room) -> None:
    scene = wallpaint.prepare(room.photo, {"wall": room.soft_mask})
    assert isinstance(scene, wallpaint.Scene)
    assert isinstance(replace(scene, warnings=()), wallpaint.Scene)
    assert [f.name for f in fields(scene)] == [f.name for f in fields(PreparedScene)], "the subclass has state"


# -- types

CORRECT = """
from collections.abc import Iterator
from pathlib import Path
import wallpaint
from wallpaint import Paint, Result, Scene

scene: Scene = wallpaint.prepare("room.jpg", {"wall": Path("wall.png")}, edges="keep", white=(3, 4), light_model=None)
result: Result = scene.repaint({"wall": Paint.parse("#7d9b84")}, match="swatch", painter="auto", seed=0, detail="new")
results: Iterator[Result] = scene.repaint_many([{"wall": "navy"}], painter=wallpaint.make_painter("analytic"))
wallpaint.repaint("room.jpg", "wall.png", "#7d9b84", old_wall="plain", match="room", bundle=Path("sd15"), bleed=True)
"""
MISUSED = """
import wallpaint

scene = wallpaint.prepare("room.jpg", {"wall": "wall.png"})
scene.repaint({"wall": "navy"}, macth="room")
scene.repaint({"wall": "navy"}, match="lit")
scene.repaint({"wall": "navy"}, seed="1")
scene.repaint({"wall": "navy"}, edges="keep")
wallpaint.prepare("room.jpg", {"wall": "wall.png"}, edges="soft")
wallpaint.prepare("room.jpg", "wall.png")
wallpaint.repaint("room.jpg", "wall.png", 5)
wallpaint.make_painter("analytic", settings=3)
"""
ERRORS = ["call-arg", "arg-type", "arg-type", "call-arg", "arg-type", "arg-type", "arg-type", "arg-type"]


def test_mypy_accepts_correct_use_and_finds_each_misuse(tmp_path: Path) -> None:
    """In strict mode, as pyproject.toml sets it; with the package, so that the last run's results are reused."""
    pytest.importorskip("mypy", reason="mypy is in the extra test")
    files = {name: tmp_path / f"{name}.py" for name in ("correct", "misused")}
    for file, source in zip(files.values(), (CORRECT, MISUSED), strict=True):
        file.write_text(source.lstrip(), encoding="utf-8")
    argv = ["--no-error-summary", "--no-pretty", "src", *map(str, files.values())]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *argv], capture_output=True, text=True, encoding="utf-8", cwd=ROOT, check=False
    )
    errors = [line for line in done.stdout.splitlines() if " error: " in line]
    assert len(errors) == len(ERRORS), done.stdout + done.stderr
    for number, (line, code) in enumerate(zip(errors, ERRORS, strict=True), start=4):
        assert f"misused.py:{number}: error: " in line
        assert line.endswith(f"[{code}]")
