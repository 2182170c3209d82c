"""What a repaint says of itself, against pixels measured apart."""

import json
from itertools import product

import numpy as np
import pytest

from support.drawn_rooms import Room, make_room, rgb
from support.measures import codes_of, delta_e, lab
from support.report_keys import KEYS, WALL_KEYS
from wallpaint.paints.paint import Paint
from wallpaint.pipeline.repaint import Result, Scene, prepare
from wallpaint.pipeline.report import SCHEMA, outside_max_diff, summary, wall_median
from wallpaint.version import __version__


@pytest.fixture(scope="module")
def scene(room: Room) -> Scene:
    return prepare(room.photo, {"wall": room.soft_mask})


@pytest.fixture(scope="module")
def result(scene: Scene) -> Result:
    return scene.repaint({"wall": "#7d9b84"}, seed=3)


def core(scene: Scene) -> np.ndarray:
    """(H, W) bool: the pixels that a wall's entry speaks of."""
    canvas = scene.walls["wall"].canvas
    mask = np.zeros(scene.photo.size, bool)
    rows, cols = np.nonzero(canvas.matte.core)
    mask[rows + canvas.origin[0], cols + canvas.origin[1]] = True
    return mask


def test_keys(result: Result) -> None:
    assert set(result.report) >= KEYS
    assert set(result.report["walls"][0]) >= WALL_KEYS
    assert result.report["schema"] == SCHEMA == "wallpaint.report/1"
    assert result.report["version"] == __version__
    assert (result.report["painter"], result.report["bundle"]) == ("analytic", None)
    assert (result.report["match"], result.report["seed"]) == ("swatch", 3)


def test_the_light_is_told_wall_by_wall(scene: Scene, result: Result) -> None:
    assert result.report["light"] == {"wall": scene.walls["wall"].light.to_dict()}


def test_a_report_is_plain_data(result: Result) -> None:
    assert json.loads(json.dumps(result.report, allow_nan=False)) == result.report


def test_seconds_are_those_of_the_stages(result: Result) -> None:
    assert set(result.report["seconds"]) >= {"read", "masks", "scene", "paint", "composite", "report"}
    assert all(0 <= value < 60 for value in result.report["seconds"].values())


@pytest.mark.parametrize("bits", [8, 16])
def test_the_median_is_that_of_the_pixels(bits: int) -> None:
    room = make_room(bits=bits)
    scene = prepare(room.photo, {"wall": room.soft_mask})
    result = scene.repaint({"wall": "#b5654a"})
    middle = np.median(result.codes[core(scene)], axis=0, keepdims=True).astype(result.codes.dtype)
    found = codes_of(wall_median(scene.walls["wall"].canvas, result.codes), 65535)
    assert delta_e(found, middle[0]) < (0.5 if bits == 8 else 0.01)
    in_8_bits = np.round(middle[0] / (257 if bits == 16 else 1))
    assert np.abs(np.array(result.report["walls"][0]["median_rgb"]) - in_8_bits).max() <= 1


@pytest.mark.parametrize("color", ["#7d9b84", "#b5654a", "#808080"])
@pytest.mark.parametrize("match", ["swatch", "room"])
def test_distances_are_those_of_the_median(scene: Scene, color: str, match: str) -> None:
    entry = scene.repaint({"wall": color}, match=match).report["walls"][0]
    swatch, middle = (np.array(c, np.uint8) for c in (entry["paint"]["rgb"], entry["median_rgb"]))
    assert entry["delta_e_2000"] == pytest.approx(float(delta_e(middle, swatch)), abs=0.35)
    assert entry["delta_e_76"] == pytest.approx(float(np.linalg.norm(lab(middle) - lab(swatch))), abs=0.5)
    target = np.array(entry["target_rgb"], np.uint8)
    # the entry tells the target in whole codes, and near grey half a code in each channel is seen
    corners = np.array([target + np.array(by) for by in product((-0.5, 0.5), repeat=3)])
    rounding = float(delta_e(corners, np.broadcast_to(target, corners.shape)).max()) if match == "room" else 0.35
    assert entry["delta_e_2000_target"] == pytest.approx(float(delta_e(middle, target)), abs=rounding)
    if match == "swatch":
        assert entry["target_rgb"] == entry["paint"]["rgb"]
    assert entry["lightness_diff"] == pytest.approx(abs(lab(middle)[0] - lab(swatch)[0]) / 100, abs=0.004)


def test_bands_follow_the_distance(scene: Scene) -> None:
    literal = scene.repaint({"wall": "#b5654a"}).report["walls"][0]
    lit = scene.repaint({"wall": "#f4f1ea"}, match="room").report["walls"][0]
    assert literal["band"] == "not visible"
    assert lit["delta_e_2000"] > 10
    assert lit["band"] == "another colour"


def test_hue_of_grey_is_undefined(scene: Scene) -> None:
    grey = scene.repaint({"wall": "#808080"}).report["walls"][0]
    assert grey["hue_error_lab_deg"] is None
    assert grey["hue_error_hsv_deg"] is None
    green = scene.repaint({"wall": "#208030"}).report["walls"][0]
    assert 0 <= green["hue_error_lab_deg"] < 2
    assert 0 <= green["hue_error_hsv_deg"] < 2


def test_share_of_picture(room: Room, result: Result) -> None:
    assert result.report["walls"][0]["share_of_picture"] == pytest.approx(room.alpha.mean(), abs=1e-3)


def test_outside_is_really_looked_at(scene: Scene, result: Result) -> None:
    assert outside_max_diff(scene, result.codes) == 0
    rows, cols = np.nonzero(scene.outside)
    for channel in range(3):
        spoilt = result.codes.copy()
        spoilt[rows[-1], cols[-1], channel] ^= 5
        assert outside_max_diff(scene, spoilt) in (1, 3, 5)
    inside = result.codes.copy()
    inside[core(scene)] = 0
    assert outside_max_diff(scene, inside) == 0


def warnings_of(scene: Scene, paint: Paint | str, **ways: object) -> str:
    return "\n".join(scene.repaint({"wall": paint}, **ways).report["walls"][0]["warnings"])


def test_a_wall_brighter_than_the_rooms_whites_is_said() -> None:
    room = make_room(old="#8a8f98", shadow=0.2)
    scene = prepare(room.photo, {"wall": room.soft_mask}, old_color="#8a8f98")
    true_white = 0.85 * np.median(room.light[room.wall])
    assert rgb("#fffdf5").mean() > 1.2 * true_white
    assert "brighter than the room's own whites" in warnings_of(scene, "#fffdf5")
    assert "brighter" not in warnings_of(scene, "#fffdf5", match="room")
    assert "brighter" not in warnings_of(scene, "#7d9b84")


def test_a_missed_swatch_is_said(scene: Scene) -> None:
    result = scene.repaint({"wall": "color(display-p3 0.1 0.9 0.1)"})
    entry = result.report["walls"][0]
    assert entry["delta_e_2000"] > 0.5
    assert f"missed by {entry['delta_e_2000']:.1f}" in "\n".join(entry["warnings"])
    assert "missed" not in warnings_of(scene, "#7d9b84")


def test_what_cannot_be_rendered_is_said(scene: Scene) -> None:
    assert "sheen 'gloss'" in warnings_of(scene, Paint((0.2, 0.3, 0.2), sheen="gloss"))
    assert "sheen" not in warnings_of(scene, Paint((0.2, 0.3, 0.2), sheen="Matt"))
    texture = np.zeros((8, 8, 3), np.uint8)
    assert "texture" in warnings_of(scene, Paint((0.2, 0.3, 0.2)).with_reference(texture))


def test_summary_for_a_person(result: Result) -> None:
    lines = summary({**result.report, "output": "out.png", "file": {"lossy": False}})
    text = "\n".join(lines)
    assert lines[0].startswith("wall: #7d9b84 -> median #")
    assert "CIEDE2000" in lines[0]
    assert "bit for bit" in text
    assert lines[-1] == "written: out.png"
    assert "compressed" in "\n".join(summary({**result.report, "file": {"lossy": True}}))
    assert "changed by up to 4" in "\n".join(summary({**result.report, "outside_max_diff": 4}))


def test_summary_of_many(result: Result) -> None:
    one = {**result.report, "output": "folder/room_sage.jpg"}
    lines = summary({"results": [one, one], "contact_sheet": "folder/room_sheet.jpg"})
    assert sum(line.startswith("room_sage.jpg: wall") for line in lines) == 2
    assert lines[-1] == "contact sheet: folder/room_sheet.jpg"
