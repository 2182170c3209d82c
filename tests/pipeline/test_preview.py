"""The preview payload: its reference evaluation is the repaint, and the format is as documented."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import wallpaint
from support import preview_reference
from support.fixed_light_model import FixedLightModel
from support.paths import ROOT
from support.relief_walls import relief_wall, whole_mask
from wallpaint.errors import InputError, ModelError
from wallpaint.imaging import color
from wallpaint.imaging.contact_sheet import preview
from wallpaint.painters.protocol import Match
from wallpaint.pipeline.preview import build_preview, preview_size

PAINTS = ("#f5f2ea", "#7d9b84", "#1f3a5f", "#b5523b", "#e3c565", "#2b2b2b")
BENCHMARK = ROOT / "examples" / "benchmark"
# A plain wall lit from the side, and test rooms: pale, in two paints, grey, patterned.
PHOTOS = ("room", "room_950005_00", "room_950012_02", "room_950015_01", "room_950009_02")
MAX_MEAN_DELTA_E = 1.0


def photo_and_mask(name: str) -> tuple[Path, Path]:
    if name == "room":
        return ROOT / "examples" / "room.jpg", ROOT / "examples" / "room_mask.png"
    return BENCHMARK / "images" / f"{name}.jpg", BENCHMARK / "masks" / f"{name}.png"


def linear(paint: str) -> np.ndarray:
    return color.srgb_to_linear(np.array(list(bytes.fromhex(paint[1:]))) / 255)


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("match", ["room", "swatch"])
def test_reference_evaluation_is_the_repaint(name: str, match: Match) -> None:
    photo, mask = photo_and_mask(name)
    scene = wallpaint.prepare(photo, {"wall": mask})
    size = preview_size(scene.photo.size, 768)
    payload = preview_reference.parse(build_preview(scene, "wall", size))
    small = color.srgb_to_linear(np.asarray(preview(scene.photo, scene.photo.codes, 768)).astype(np.float32) / 255)
    assert small.shape[:2] == size
    wall = payload.planes["edges"][..., 0] > 127
    for paint in PAINTS:
        page = preview_reference.render_preview(payload, small, linear(paint), match)
        result = scene.repaint({"wall": paint}, match=match)
        server = color.srgb_to_linear(np.asarray(preview(scene.photo, result.codes, 768)) / 255)
        difference = color.delta_e_2000(
            color.linear_to_lab(page[wall].astype(np.float64)), color.linear_to_lab(server[wall])
        )
        assert float(difference.mean()) <= MAX_MEAN_DELTA_E, paint
        changed = color.delta_e_2000(color.linear_to_lab(small[wall]), color.linear_to_lab(server[wall]))
        assert float(changed.mean()) > 2 * float(difference.mean()), f"{paint} is hardly a change"


@pytest.mark.parametrize("match", ["room", "swatch"])
def test_white_paint_on_dark_brick_is_exposed_as_in_the_repaint(match: Match) -> None:
    wall = relief_wall("brick")
    scene = wallpaint.prepare(
        wall.photo, {"wall": whole_mask(wall.photo)}, old_wall="relief", light_model=FixedLightModel("#3a2018")
    )
    payload = preview_reference.parse(build_preview(scene, "wall"))
    assert payload.header["has_relief"]
    small = color.srgb_to_linear(wall.photo.astype(np.float32) / 255)
    page = preview_reference.render_preview(payload, small, linear("#f5f3ee"), match)
    server = color.srgb_to_linear(scene.repaint({"wall": "#f5f3ee"}, match=match).codes.astype(np.float64) / 255)
    inside = payload.planes["edges"][..., 0] > 127
    difference = color.delta_e_2000(
        color.linear_to_lab(page[inside].astype(np.float64)), color.linear_to_lab(server[inside])
    )
    assert float(difference.mean()) <= MAX_MEAN_DELTA_E
    if match == "room":
        payload.header["has_relief"] = False
        unlimited = preview_reference.render_preview(payload, small, linear("#f5f3ee"), match)
        assert float(np.median(unlimited[inside])) > float(np.median(page[inside])) + 0.05


def test_reference_leaves_everything_else_alone(examples: Path) -> None:
    scene = wallpaint.prepare(examples / "room.jpg", {"wall": examples / "room_mask.png"})
    payload = preview_reference.parse(build_preview(scene, "wall"))
    photo = color.srgb_to_linear(scene.photo.codes.astype(np.float32) / 255)
    page = preview_reference.render_preview(payload, photo, linear("#7d9b84"))
    outside = payload.planes["edges"][..., 0] == 0
    assert np.array_equal(page[outside], photo[outside])


def test_size_and_content_of_the_payload(examples: Path) -> None:
    scene = wallpaint.prepare(examples / "room.jpg", {"wall": examples / "room_mask.png"})
    data = build_preview(scene, "wall")
    payload = preview_reference.parse(data)
    assert len(data) <= 1_500_000
    assert payload.planes["edges"].shape == (1024, 1536, 4)
    assert 0.2 < payload.header["share"] < 0.8
    height, width = payload.header["coefficient_size"]
    assert max(height, width) == 80
    assert all(np.isfinite(plane).all() for plane in payload.planes.values())
    edge = (payload.planes["edges"][..., 0] > 0) & (payload.planes["edges"][..., 0] < 255)
    assert (payload.planes["edges"][edge, 1:].max(-1) > 0).all(), "every edge pixel has a colour"
    assert build_preview(scene, "wall") == data, "equal scenes give equal bytes"


def test_hint_moves_the_existing_paint(examples: Path) -> None:
    photo, mask = examples / "room.jpg", {"wall": examples / "room_mask.png"}
    hinted = preview_reference.parse(build_preview(wallpaint.prepare(photo, mask, old_color="#c9b79c"), "wall"))
    assert hinted.header["existing_paint"] == "#c9b79c"
    assert hinted.header["is_user_given"]
    assert hinted.header["expected_error"] > 0


def test_documented_planes_are_those_of_the_payload(examples: Path) -> None:
    scene = wallpaint.prepare(examples / "room.jpg", {"wall": examples / "room_mask.png"})
    payload = preview_reference.parse(build_preview(scene, "wall", (64, 96)))
    text = (ROOT / "docs" / "preview.md").read_text(encoding="utf-8")
    for name in (*payload.planes, *payload.header):
        assert f"`{name}`" in text, f"docs/preview.md does not describe {name}"
    json.dumps(payload.header, allow_nan=False)


def test_errors(examples: Path) -> None:
    scene = wallpaint.prepare(examples / "room.jpg", {"wall": examples / "room_mask.png"}, light_model=None)
    with pytest.raises(InputError, match="no wall named 'ceiling': the scene has wall"):
        build_preview(scene, "ceiling")
    with pytest.raises(ModelError, match="light model"):
        build_preview(scene, "wall")


@pytest.mark.parametrize(
    ("photo", "expected"), [((3000, 4000), (1536, 2048)), ((1024, 1536), (1024, 1536)), ((4000, 10), (2048, 5))]
)
def test_preview_size(photo: tuple[int, int], expected: tuple[int, int]) -> None:
    assert preview_size(photo) == expected
