"""The report of a repaint, compared with independent measurements of the pixels."""

import json
import time
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from support.drawn_rooms import Room, make_room, rgb
from support.fixed_light_model import FixedLightModel, with_light_model
from support.measures import codes_of, delta_e, lab
from support.report_keys import REPORT_KEYS, WALL_KEYS
from wallpaint.painters.protocol import Match
from wallpaint.paints.paint import Paint
from wallpaint.pipeline.repaint import Result, Scene, prepare
from wallpaint.pipeline.report import SCHEMA, outside_max_diff, summary, wall_median
from wallpaint.version import __version__


@pytest.fixture(scope="module")
def scene(room: Room) -> Scene:
    return prepare(room.photo, {"wall": room.soft_mask})


@pytest.fixture(scope="module")
def result(scene: Scene) -> Result:
    return scene.repaint({"wall": "#7d9b84"}, seed=3, match="swatch")


def core(scene: Scene) -> np.ndarray:
    """Return the pixels that a wall's entry describes, (H, W) bool."""
    canvas = scene.walls["wall"].canvas
    mask = np.zeros(scene.photo.size, bool)
    rows, cols = np.nonzero(canvas.matte.core)
    mask[rows + canvas.origin[0], cols + canvas.origin[1]] = True
    return mask


def test_report_has_the_documented_keys(result: Result) -> None:
    assert set(result.report) >= REPORT_KEYS
    assert set(result.report["walls"][0]) >= WALL_KEYS
    assert result.report["schema"] == SCHEMA == "wallpaint.report/1"
    assert result.report["version"] == __version__
    assert (result.report["painter"], result.report["bundle"]) == ("analytic", None)
    assert (result.report["match"], result.report["seed"]) == ("swatch", 3)


def test_report_has_the_illuminant_of_each_wall(scene: Scene, result: Result) -> None:
    assert result.report["light"] == {"wall": scene.walls["wall"].illuminant.to_dict()}


def test_report_is_json_serializable(result: Result) -> None:
    assert json.loads(json.dumps(result.report, allow_nan=False)) == result.report


def test_report_has_seconds_by_stage(room: Room) -> None:
    """Each is at most the total time."""
    start = time.perf_counter()
    seconds = prepare(room.photo, {"wall": room.soft_mask}).repaint({"wall": "#b5654a"}).report["seconds"]
    total = time.perf_counter() - start
    assert set(seconds) >= {"read", "masks", "scene", "paint", "composite", "report"}
    assert all(0 <= value <= total + 0.001 for value in seconds.values())  # rounded to milliseconds


@pytest.mark.parametrize("bits", [8, 16])
def test_wall_median_is_that_of_the_pixels(bits: int) -> None:
    room = make_room(bits=bits)
    scene = prepare(room.photo, {"wall": room.soft_mask})
    result = scene.repaint({"wall": "#b5654a"}, match="swatch")
    middle = np.median(result.codes[core(scene)], axis=0, keepdims=True).astype(result.codes.dtype)
    reported = codes_of(wall_median(scene.walls["wall"].canvas, result.codes), 65535)
    assert delta_e(reported, middle[0]) < (0.5 if bits == 8 else 0.01)
    in_8_bits = np.round(middle[0] / (257 if bits == 16 else 1))
    assert np.abs(np.array(result.report["walls"][0]["median_rgb"]) - in_8_bits).max() <= 1


@pytest.mark.parametrize("color", ["#7d9b84", "#b5654a", "#808080"])
@pytest.mark.parametrize("match", ["swatch", "room"])
def test_colour_differences_are_those_of_the_median(scene: Scene, color: str, match: str) -> None:
    entry = scene.repaint({"wall": color}, match=match).report["walls"][0]
    swatch, middle = (np.array(c, np.uint8) for c in (entry["paint"]["rgb"], entry["median_rgb"]))
    assert entry["delta_e_2000"] == pytest.approx(float(delta_e(middle, swatch)), abs=0.35)
    assert entry["delta_e_76"] == pytest.approx(float(np.linalg.norm(lab(middle) - lab(swatch))), abs=0.5)
    target = np.array(entry["target_rgb"], np.uint8)
    # The entry has the target in integer codes; near grey half a code in each channel is measurable.
    corners = np.array([target + np.array(by) for by in product((-0.5, 0.5), repeat=3)])
    rounding = float(delta_e(corners, np.broadcast_to(target, corners.shape)).max()) if match == "room" else 0.35
    assert entry["delta_e_2000_target"] == pytest.approx(float(delta_e(middle, target)), abs=rounding)
    if match == "swatch":
        assert entry["target_rgb"] == entry["paint"]["rgb"]
    assert entry["lightness_diff"] == pytest.approx(abs(lab(middle)[0] - lab(swatch)[0]) / 100, abs=0.004)


def test_band_depends_on_the_colour_difference(scene: Scene) -> None:
    swatch = scene.repaint({"wall": "#b5654a"}, match="swatch").report["walls"][0]
    in_light = scene.repaint({"wall": "#f4f1ea"}, match="room").report["walls"][0]
    assert swatch["band"] == "not visible"
    assert in_light["delta_e_2000"] > 10
    assert in_light["band"] == "another colour"


def test_hue_of_grey_is_undefined(scene: Scene) -> None:
    grey = scene.repaint({"wall": "#808080"}, match="swatch").report["walls"][0]
    assert grey["hue_error_lab_deg"] is None
    assert grey["hue_error_hsv_deg"] is None
    green = scene.repaint({"wall": "#208030"}, match="swatch").report["walls"][0]
    assert 0 <= green["hue_error_lab_deg"] < 2
    assert 0 <= green["hue_error_hsv_deg"] < 2


def test_share_of_picture_is_the_mean_alpha(room: Room, result: Result) -> None:
    assert result.report["walls"][0]["share_of_picture"] == pytest.approx(room.alpha.mean(), abs=1e-3)


def test_outside_max_diff_detects_any_change_outside(scene: Scene, result: Result) -> None:
    assert outside_max_diff(scene, result.codes) == 0
    rows, cols = np.nonzero(scene.outside)
    for channel in range(3):
        corrupted = result.codes.copy()
        corrupted[rows[-1], cols[-1], channel] ^= 5
        assert outside_max_diff(scene, corrupted) in (1, 3, 5)
    inside = result.codes.copy()
    inside[core(scene)] = 0
    assert outside_max_diff(scene, inside) == 0


def warnings_of(scene: Scene, paint: Paint | str, match: Match = "swatch") -> str:
    return "\n".join(scene.repaint({"wall": paint}, match=match).report["walls"][0]["warnings"])


def test_wall_brighter_than_the_rooms_whites_gives_a_warning() -> None:
    room = make_room(old="#8a8f98", shadow=0.2)
    scene = prepare(room.photo, {"wall": room.soft_mask}, old_color="#8a8f98")
    true_white = 0.85 * np.median(room.light[room.wall])
    assert rgb("#fffdf5").mean() > 1.2 * true_white
    assert "brighter than white paint would be in this room" in warnings_of(scene, "#fffdf5")
    assert "brighter" not in warnings_of(scene, "#fffdf5", match="room")
    assert "brighter" not in warnings_of(scene, "#7d9b84")


def test_missed_swatch_gives_a_warning(scene: Scene) -> None:
    result = scene.repaint({"wall": "color(display-p3 0.1 0.9 0.1)"}, match="swatch")
    entry = result.report["walls"][0]
    assert entry["delta_e_2000"] > 0.5
    assert f"missed by {entry['delta_e_2000']:.1f}" in "\n".join(entry["warnings"])
    assert "missed" not in warnings_of(scene, "#7d9b84")


def test_unrendered_sheen_and_texture_give_warnings(scene: Scene) -> None:
    assert "sheen 'gloss'" in warnings_of(scene, Paint((0.2, 0.3, 0.2), sheen="gloss"))
    assert "sheen" not in warnings_of(scene, Paint((0.2, 0.3, 0.2), sheen="Matt"))
    texture = np.zeros((8, 8, 3), np.uint8)
    assert "texture" in warnings_of(scene, Paint((0.2, 0.3, 0.2)).with_reference(texture))


def test_summary_of_one_result(result: Result) -> None:
    lines = summary({**result.report, "output": "out.png", "file": {"lossy": False}})
    text = "\n".join(lines)
    assert lines[0].startswith("wall: #7d9b84 -> median #")
    assert "CIEDE2000" in lines[0]
    assert "bit for bit" in text
    assert lines[-1] == "written: out.png"
    assert "compressed" in "\n".join(summary({**result.report, "file": {"lossy": True}}))
    assert "changed by up to 4" in "\n".join(summary({**result.report, "outside_max_diff": 4}))


def test_summary_of_many_results(result: Result) -> None:
    one = {**result.report, "output": "folder/room_sage.jpg"}
    lines = summary({"results": [one, one], "contact_sheet": "folder/room_sheet.jpg"})
    assert sum(line.startswith("room_sage.jpg: wall") for line in lines) == 2
    assert lines[-1] == "contact sheet: folder/room_sheet.jpg"


def test_expected_error_is_printed_as_a_range(scene: Scene) -> None:
    result = with_light_model(scene, FixedLightModel("#d9cfc0", error=6.0)).repaint({"wall": "#7d9b84"}, match="room")
    estimate = result.report["walls"][0]["estimate"]
    low, high = estimate["expected_error_range"]
    assert low < estimate["expected_error"] < high
    assert f"(expected error {low:.0f} to {high:.0f} CIEDE2000)" in "\n".join(summary(result.report))


def test_expected_error_on_a_detected_wall_includes_the_errors_of_its_mask(scene: Scene) -> None:
    """Over the union of both walls: the share 1 - IoU has the difference between existing and new colour as error."""
    modelled = with_light_model(scene, FixedLightModel("#d9cfc0", error=6.0))
    given = modelled.repaint({"wall": "#7d9b84"}, match="room").report["walls"][0]
    detected = replace(modelled, mask_confidence=0.8).repaint({"wall": "#7d9b84"}, match="room")
    wall = detected.report["walls"][0]
    before = codes_of(scene.walls["wall"].intrinsics.median)
    change = float(delta_e(before[None], np.array([given["median_rgb"]], np.uint8))[0])
    for key in ("expected_error", "expected_error_range"):
        expected = 0.8 * np.asarray(given["estimate"][key]) + 0.2 * change
        assert wall["estimate"][key] == pytest.approx(expected, abs=0.2)
    assert wall["estimate"]["mask_confidence"] == 0.8
    assert "errors of the detected mask included" in "\n".join(summary(detected.report))
    assert "mask_confidence" not in given["estimate"]


def _advice(photo: np.ndarray, mask: np.ndarray, **hints: str) -> str:
    scene = with_light_model(prepare(photo, {"wall": mask}, **hints), FixedLightModel("#d9cfc0", error=9.0))
    return warnings_of(scene, "#7d9b84", match="room")


def test_hint_on_the_old_paint_is_asked_for_only_for_a_measured_cause(room: Room) -> None:
    assert "old_color" not in _advice(room.photo, room.soft_mask)
    dark = np.round(room.photo * 0.12).astype(np.uint8)
    assert "the wall is dark" in _advice(dark, room.soft_mask)
    assert "old_color" not in _advice(dark, room.soft_mask, old_color="#d9cfc0")
    coloured = room.photo.copy()
    coloured[~room.wall] = (90, 30, 20)
    assert "no white or grey surface" in _advice(coloured, room.soft_mask)
