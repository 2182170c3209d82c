"""Painters by name: what a new one needs, how "auto" is resolved, and which settings belong to which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.drawn_rooms import Room
from support.measures import eroded
from wallpaint import Paint, make_painter
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.errors import ConfigError, InputError
from wallpaint.painters.analytic import AnalyticPainter
from wallpaint.painters.protocol import Match, PaintAssignment, PaintedWall
from wallpaint.painters.registry import PAINTERS, PainterFactory, painter_name
from wallpaint.pipeline.job import RepaintJob, run
from wallpaint.pipeline.options import RepaintOptions
from wallpaint.pipeline.repaint import prepare
from wallpaint.pipeline.report import summary
from wallpaint.scene.scene import PreparedScene

SAGE = "#7d9b84"


@dataclass(frozen=True)
class FlatSettings:
    """darkness: share of the paint's light that is lost."""

    darkness: float = 0.0


class FlatPainter:
    """A painter of one colour without shading."""

    name = "flat"

    def __init__(self, settings: FlatSettings) -> None:
        self.settings = settings

    def paint(
        self, scene: PreparedScene, assignments: Sequence[PaintAssignment], match: Match, seed: int
    ) -> Iterator[dict[str, PaintedWall]]:
        for paints in assignments:
            yield {name: self._flat(wall.intrinsics.weight.shape, paints[name]) for name, wall in scene.walls.items()}

    def _flat(self, size: tuple[int, int], paint: Paint) -> PaintedWall:
        color = (1 - self.settings.darkness) * np.asarray(paint.albedo_linear)
        return PaintedWall(np.broadcast_to(color, (*size, 3)).astype(np.float32), color, detail=0.0)

    def describe(self) -> dict[str, Any]:
        return {"flat": {"darkness": self.settings.darkness}}


def _make_flat(bundle: str | Path | None, settings: FlatSettings | None, *, count_flops: bool) -> FlatPainter:
    return FlatPainter(settings or FlatSettings())


def _flat_accuracy(wall: Mapping[str, Any], light: Mapping[str, Any]) -> str:
    return "one flat colour"


@pytest.fixture
def _flat(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third painter, registered as a new one would be."""
    monkeypatch.setitem(PAINTERS, "flat", PainterFactory("a flat fill", _make_flat, _flat_accuracy, FlatSettings))


@pytest.mark.usefixtures("_flat")
def test_third_painter_works_from_the_api(room: Room) -> None:
    scene = prepare(room.photo, {"wall": room.soft_mask})
    result = scene.repaint({"wall": SAGE}, painter="flat")
    assert result.report["painter"] == "flat"
    assert result.report["flat"] == {"darkness": 0.0}
    assert result.report["outside_max_diff"] == 0
    assert np.abs(result.codes[eroded(room.wall, 3)].astype(int) - Paint.parse(SAGE).rgb).max() <= 1
    assert "one flat colour" in summary(result.report)[0]


@pytest.mark.usefixtures("_flat")
def test_third_painter_works_in_a_job_and_takes_its_settings(room: Room, files: Path) -> None:
    job = RepaintJob(photo=files / "photo.png", output=files / "out.png", mask=files / "mask.png", colors=(SAGE,))
    assert run(replace(job, repaint_options=RepaintOptions(painter="flat")))["painter"] == "flat"
    scene = prepare(room.photo, {"wall": room.soft_mask})
    dark = make_painter("flat", settings=FlatSettings(darkness=0.5))
    assert scene.repaint({"wall": SAGE}, painter=dark).report["flat"] == {"darkness": 0.5}


@pytest.mark.usefixtures("_flat")
def test_unknown_painter_is_rejected_with_every_name() -> None:
    for call in (lambda: RepaintOptions(painter="oil"), lambda: make_painter("oil")):
        with pytest.raises(InputError, match=r'^`painter` must be one of auto, analytic, diffusion, flat, not "oil"$'):
            call()


def test_unregistered_painter_can_be_passed_as_an_object(room: Room) -> None:
    result = prepare(room.photo, {"wall": room.soft_mask}).repaint({"wall": SAGE}, painter=FlatPainter(FlatSettings()))
    assert "rendered by the flat painter" in summary(result.report)[0]


def test_auto_is_the_diffusion_painter_if_a_bundle_is_given() -> None:
    assert painter_name("auto", None) == "analytic"
    assert painter_name("auto", "tiny") == "diffusion"
    assert painter_name("diffusion", None) == "diffusion"
    assert isinstance(make_painter("auto"), AnalyticPainter)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "analytic", "bundle": "tiny"}, "the analytic painter takes no `bundle`"),
        ({"name": "diffusion"}, "the diffusion painter needs models: pass `bundle`"),
        (
            {"name": "analytic", "settings": DiffusionSettings(prompt="x", steps=3)},
            "^`steps`, `prompt` belong to the diffusion painter: pass its `bundle`$",
        ),
        ({"name": "analytic", "settings": FlatSettings()}, "FlatSettings belongs to no painter"),
    ],
    ids=str,
)
def test_arguments_that_a_painter_cannot_use_are_rejected(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_painter(**arguments)


def test_default_settings_of_another_painter_are_accepted() -> None:
    assert isinstance(make_painter("analytic", settings=DiffusionSettings()), AnalyticPainter)
