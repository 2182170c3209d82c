"""Identification of existing paints: on rendered rooms, whose paint is known, and on a drawn one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wallpaint
from support.drawn_rooms import Room
from wallpaint.cli.app import main
from wallpaint.errors import InputError
from wallpaint.imaging import color
from wallpaint.paints.paint import Paint
from wallpaint.pipeline.identify import identify


def benchmark_rooms(examples: Path) -> list[dict[str, Any]]:
    """The rooms of the small benchmark set whose walls have one known paint."""
    lines = (examples / "benchmark" / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    rooms = {entry["file_name"]: entry for entry in map(json.loads, lines) if entry["old_color_rgb"] is not None}
    return list(rooms.values())


def test_estimates_are_nearer_to_the_paint_than_the_photos_colours(examples: Path) -> None:
    """The reason for an estimate: the mean error on rendered rooms is far below that of the colour in the photo."""
    folder, estimated, photographed = examples / "benchmark", [], []
    for entry in benchmark_rooms(examples)[::4]:
        scene = wallpaint.prepare(folder / entry["image_path"], {"wall": folder / entry["mask_path"]})
        identified = identify(scene)
        true = color.linear_to_lab(color.srgb_to_linear(np.array(entry["old_color_rgb"]) / 255))
        estimated.append(float(color.delta_e_2000(np.array(identified.paint.lab), true)))
        photographed.append(float(color.delta_e_2000(color.linear_to_lab(identified.appearance), true)))
    assert len(estimated) >= 10
    assert np.mean(estimated) < 7
    assert np.mean(estimated) < 0.5 * np.mean(photographed)


def test_the_nearest_paints_are_those_of_the_smallest_difference(room: Room) -> None:
    scene = wallpaint.prepare(room.photo, {"wall": room.soft_mask})
    paints = [Paint.parse(text) for text in ("#000000", "#ffffff", "#808080", "#c8b090", "#d0c0b0", "#7d9b84")]
    identified = identify(scene, paints)
    differences = {p.hex: float(color.delta_e_2000(np.array(p.lab), np.array(identified.paint.lab))) for p in paints}
    expected = sorted(differences, key=differences.__getitem__)[:3]
    assert [paint.hex for paint, _ in identified.nearest] == expected
    assert [difference for _, difference in identified.nearest] == [differences[name] for name in expected]
    assert identify(scene).nearest == ()


def test_a_known_paint_is_returned(room: Room) -> None:
    scene = wallpaint.prepare(room.photo, {"wall": room.soft_mask}, old_color="#cbbfae")
    assert identify(scene).paint.hex == "#cbbfae"


def test_points_on_and_off_the_wall(room: Room) -> None:
    """On the wall the paint is that of the whole wall; the appearance is that of the point."""
    scene = wallpaint.prepare(room.photo, {"wall": room.soft_mask})
    whole = identify(scene)
    on = np.argwhere(np.asarray(room.soft_mask) == 255)[len(room.soft_mask) * 5]
    identified = identify(scene, at=(int(on[1]), int(on[0])))
    assert identified.wall == whole.wall == "wall"
    assert identified.paint == whole.paint
    off = np.argwhere(np.asarray(room.soft_mask) == 0)[-1]
    outside = identify(scene, at=(int(off[1]), int(off[0])))
    assert outside.wall is None
    assert outside.to_dict()["on_wall"] is False
    pixel = color.srgb_to_linear(np.asarray(room.photo)[off[0], off[1]] / 255)
    assert outside.appearance == pytest.approx(pixel, abs=0.02)


@pytest.mark.parametrize("at", [(-1, 0), (0, 10**6)])
def test_points_outside_the_photo_are_refused(room: Room, at: tuple[int, int]) -> None:
    scene = wallpaint.prepare(room.photo, {"wall": room.soft_mask})
    with pytest.raises(InputError, match="lies outside the photo"):
        identify(scene, at=at)


def test_the_command(files: Path, examples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo, mask, palette = (str(path) for path in (files / "photo.png", files / "mask.png", examples / "paints.csv"))
    assert main(["identify", photo, "--mask", mask, "--palette", palette, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["on_wall"]
    assert len(report["nearest"]) == 3
    assert main(["identify", photo, "--mask", mask, "--palette", palette]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"colour in the photo: {report['appearance']}"
    assert report["paint"] in lines[1]
    assert [line.rpartition(" ")[2] for line in lines[2:5]] == [f"{one['delta_e']:.1f}" for one in report["nearest"]]
    assert main(["identify", photo, "--mask", mask, "--at", "0,99999"]) == 2
    assert "lies outside the photo" in capsys.readouterr().err
    assert main(["identify", photo, "--at", "middle"]) == 2
    assert "--at takes X,Y" in capsys.readouterr().err
