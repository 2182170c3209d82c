"""Repaints of synthetic rooms, compared with their ground truth."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from support import image_files as files
from support.drawn_rooms import Room, make_room, rgb
from support.measures import Array, delta_e, far_outside, lab, linear, median
from wallpaint.errors import ConfigError, InputError, ShapeError, WallpaintError
from wallpaint.imaging.photo import read_photo
from wallpaint.painters import analytic
from wallpaint.painters.analytic import AnalyticPainter
from wallpaint.paints.paint import Paint
from wallpaint.pipeline import composite
from wallpaint.pipeline.options import MATCHES
from wallpaint.pipeline.repaint import Scene, prepare, repaint

NAVY, SAGE, WHITE = "#2b3a5c", "#7d9b84", "#f4f1ea"
# CIEDE2000 error below which an edge pixel is not visible as a fringe; a plain blend leaves errors of 24 and more.
FRINGE_DELTA_E = 6.0


@pytest.fixture(scope="module")
def scene(room: Room) -> Scene:
    return prepare(room.photo, {"wall": room.soft_mask})


def edge_band(room: Room) -> Array:
    """Return the pixels within 5 px of the border of chair and wall."""
    mixed = (room.alpha > 0) & (room.alpha < 1)
    band = ndimage.distance_transform_edt(~mixed) <= 5
    band[int(0.7 * room.alpha.shape[0]) :] = False  # exclude the skirting board
    return band


def alpha_blended(room: Room, mask: Array, paint: str) -> Array:
    """Return the result of a simple visualiser: the multiplied photo, blended through the mask."""
    photo = linear(room.photo)
    multiplied = photo * rgb(paint) / np.median(photo[room.wall], axis=0)
    alpha = mask[..., None] / 255
    return (255 * np.clip(photo * (1 - alpha) + multiplied * alpha, 0, 1) ** (1 / 2.2)).round().astype(np.uint8)


# -- the colour


@pytest.mark.parametrize("color", [NAVY, SAGE, WHITE, "#b5654a", "#101010", "#e01020", "#1040e0", "#808080"])
def test_median_is_the_swatch(scene: Scene, room: Room, color: str) -> None:
    result = scene.repaint({"wall": color}, match="swatch")
    swatch = np.array(Paint.parse(color).rgb, np.uint8)
    assert delta_e(median(result.codes, room.wall), swatch) <= 0.5
    assert result.report["walls"][0]["delta_e_2000"] <= 0.5


@pytest.mark.parametrize(
    "options",
    [{}, {"sun": 0.4}, {"tint": 0.3}, {"noise": 0.02}, {"old": "#2b3a5c"}, {"old": "#b5654a", "noise": 0.01}],
    ids=str,
)
@pytest.mark.parametrize("color", [NAVY, SAGE])
def test_every_pixel_is_the_paint_in_the_same_light(options: dict[str, object], color: str) -> None:
    """Without the light model, which is tested elsewhere."""
    room = make_room(**options)
    result = repaint(room.photo, room.soft_mask, color, painter=AnalyticPainter(use_model=False), match="swatch")
    error = delta_e(result.codes, room.repainted_to_swatch(rgb(color)))[room.wall]
    assert error.mean() < 1.5 + 60 * float(options.get("noise", 0))
    assert (
        delta_e(room.photo, room.repainted_to_swatch(rgb(color)))[room.wall].mean() > 10 or options.get("old") == color
    )


def test_repaint_in_the_present_colour_changes_little(room: Room, scene: Scene) -> None:
    own = Paint.from_rgb([int(v) for v in median(room.photo, room.wall)])
    result = scene.repaint({"wall": own}, match="swatch")
    assert delta_e(result.codes, room.photo)[room.wall].mean() < 1
    assert delta_e(result.codes, room.photo).max() < 6


def test_room_match_of_the_existing_paint_is_the_photo(room: Room) -> None:
    scene = prepare(room.photo, {"wall": room.soft_mask}, old_color="#d9cfc0")
    result = scene.repaint({"wall": "#d9cfc0"}, match="room")
    assert delta_e(result.codes, room.photo)[room.wall].mean() < 1


def test_room_match_with_the_true_light_is_the_ground_truth(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a room without interreflection, with all other corrections disabled."""
    monkeypatch.setattr(analytic, "shading_gain", lambda old, new: 1.0)
    scene = prepare(room.photo, {"wall": room.soft_mask}, old_color="#d9cfc0")
    wall = scene.walls["wall"]
    plain = replace(wall.illuminant, bounce=0.0, contrast=1.0, gloss=0.0)
    scene = replace(scene, walls={"wall": replace(wall, illuminant=plain)})
    for color in (NAVY, SAGE, WHITE):
        result = scene.repaint({"wall": color}, match="room", painter=AnalyticPainter(use_model=False))
        assert delta_e(result.codes, room.repainted(rgb(color)))[room.wall].mean() < 1.5


def test_colour_lock_holds_in_a_wide_gamut_file(room: Room) -> None:
    """Colours outside sRGB in a Display P3 photo."""
    data = files.encoded(room.photo, "PNG", icc_profile=files.display_p3())
    scene = prepare(data, {"wall": room.soft_mask})
    for color in (SAGE, "color(display-p3 0.2 0.7 0.2)", "color(display-p3 0.8 0.15 0.15)"):
        entry = scene.repaint({"wall": color}, match="swatch").report["walls"][0]
        assert entry["delta_e_2000"] <= 0.5, color


def test_out_of_gamut_paint_gives_a_warning(scene: Scene) -> None:
    entry = scene.repaint({"wall": "color(display-p3 0.1 0.9 0.1)"}, match="swatch").report["walls"][0]
    assert entry["out_of_gamut_share"] > 0.5
    assert entry["paint"]["out_of_srgb"]
    assert any("gamut" in line for line in entry["warnings"])


# -- the edges


@pytest.mark.parametrize("mask", ["soft", "hard", "one pixel error"])
@pytest.mark.parametrize(
    ("old", "new", "furniture"),
    [("#f2f0ec", NAVY, "#1e1c1a"), (NAVY, "#d9cfc0", "#e8e4da"), ("#f2f0ec", NAVY, "#b08850")],
    ids=["dark chair", "light chair", "wooden chair"],
)
def test_no_fringe_of_the_existing_paint(old: str, new: str, furniture: str, mask: str) -> None:
    room = make_room(old=old, furniture=furniture)
    masks = {"soft": room.soft_mask, "hard": room.hard_mask, "one pixel error": np.roll(room.hard_mask, 1, axis=1)}
    truth, band = room.repainted_to_swatch(rgb(new)), edge_band(room)
    result = repaint(room.photo, masks[mask], new, match="swatch")
    error = delta_e(result.codes, truth)[band]
    assert error.max() < FRINGE_DELTA_E
    assert error.mean() < 1.5
    assert delta_e(alpha_blended(room, masks[mask], new), truth)[band].max() > 2 * FRINGE_DELTA_E


def test_no_bright_line_around_a_dark_chair() -> None:
    room = make_room(old="#f2f0ec", noise=0.01)
    result = repaint(room.photo, room.hard_mask, NAVY, match="swatch")
    lighter = lab(result.codes)[..., 0] - lab(room.repainted_to_swatch(rgb(NAVY)))[..., 0]
    assert lighter[edge_band(room)].max() < 3


def test_edges_keep_changes_only_pixels_of_the_mask(room: Room) -> None:
    result = repaint(room.photo, room.hard_mask, NAVY, edges="keep")
    changed = (result.codes != room.photo).any(-1)
    assert not changed[room.hard_mask == 0].any()
    assert changed[room.hard_mask == 255].mean() > 0.99


@pytest.mark.parametrize("mask", ["soft", "hard"])
def test_pixels_outside_are_unchanged(room: Room, mask: str) -> None:
    codes = room.soft_mask if mask == "soft" else room.hard_mask
    result = repaint(room.photo, codes, NAVY)
    assert np.array_equal(result.codes[far_outside(codes)], room.photo[far_outside(codes)])
    assert result.report["outside_max_diff"] == 0


@pytest.mark.parametrize("mask", ["soft", "hard"])
@pytest.mark.parametrize(
    ("old", "new", "furniture"), [("#f2f0ec", NAVY, "#1e1c1a"), (NAVY, "#d9cfc0", "#e8e4da")], ids=["dark", "light"]
)
def test_second_wall_does_not_degrade_edges(old: str, new: str, furniture: str, mask: str) -> None:
    """A second wall at the far side of the room does not affect the edges of the chair."""
    room = make_room(old=old, furniture=furniture)
    codes = room.soft_mask if mask == "soft" else room.hard_mask
    left = np.arange(codes.shape[1]) < 290
    result = prepare(room.photo, {"left": codes * left, "right": codes * ~left}).repaint(
        {"left": new, "right": new}, match="swatch"
    )
    truth = room.repainted(rgb(new) / np.median(room.light[room.wall & (left & np.roll(left, -4))], axis=0))
    error = delta_e(result.codes, truth)[edge_band(room) & (np.arange(codes.shape[1]) < 270)]
    assert error.max() < FRINGE_DELTA_E
    assert error.mean() < 1.5


# -- several walls


def half_masks(room: Room, at: int = 160) -> dict[str, Array]:
    masks = {name: room.soft_mask.copy() for name in ("left", "right")}
    masks["left"][:, at:] = 0
    masks["right"][:, :at] = 0
    return masks


def test_touching_walls_leave_no_seam(room: Room) -> None:
    masks = half_masks(room)
    scene = prepare(room.photo, masks)
    result = scene.repaint({"left": NAVY, "right": "#5c2b2b"}, match="swatch")
    truth = {name: room.repainted(rgb(color) / np.median(room.light[room.wall & (masks[name] == 255)], axis=0))
             for name, color in (("left", NAVY), ("right", "#5c2b2b"))}  # fmt: skip
    seam = (slice(5, 75), slice(150, 170))
    error = np.minimum(*(delta_e(result.codes, image)[seam] for image in truth.values()))
    assert error.max() < 3, "a pixel of the seam is neither paint"
    assert lab(result.codes)[seam][..., 0].max() < 40, "the pale existing wall is visible"


def test_same_paint_on_touching_walls_leaves_no_line() -> None:
    """In uniform light."""
    room = make_room(shadow=0, plaster=0.003)
    even = Room(np.full_like(room.light, 0.6), room.alpha, room.background, room.albedo, room.noise)
    scene = prepare(even.photo, half_masks(even))
    result = scene.repaint({"left": SAGE, "right": SAGE}, match="swatch")
    error = delta_e(result.codes, even.repainted_to_swatch(rgb(SAGE)))
    assert error[:, 140:180][even.wall[:, 140:180]].max() < 1.5


def test_touching_soft_masks_cover_each_pixel(room: Room) -> None:
    ramp = np.clip((np.arange(320) - 150) / 20, 0, 1)
    masks = {"left": room.alpha * (1 - ramp), "right": room.alpha * ramp}
    scene = prepare(room.photo, {name: np.round(255 * a).astype(np.uint8) for name, a in masks.items()}, edges="keep")
    result = scene.repaint({"left": NAVY, "right": NAVY}, match="swatch")
    strip = result.codes[5:75, 140:180]
    assert lab(strip)[..., 0].max() < 40, "the existing wall is visible between them"


@pytest.mark.parametrize("edges", ["refine", "keep"])
def test_touching_antialiased_masks_leave_no_dotted_line(edges: str) -> None:
    """Along their common border the alphas of the two masks add up to 1."""
    room = make_room(old="#f2f0ec")
    steps = np.clip(0.3 * np.arange(240)[:, None] + 120.5 - np.arange(320), 0, 1)
    masks = {"left": room.alpha * steps, "right": room.alpha * (1 - steps)}
    scene = prepare(room.photo, {name: np.round(255 * a).astype(np.uint8) for name, a in masks.items()}, edges=edges)
    lightness = lab(scene.repaint({"left": NAVY, "right": NAVY}, match="swatch").codes)[..., 0]
    seam = (steps > 0) & (steps < 1) & (np.arange(240) < 60)[:, None]
    beside = np.maximum(np.roll(lightness, 4, axis=1), np.roll(lightness, -4, axis=1))
    assert (lightness - beside)[seam].max() < 2


def test_later_of_two_overlapping_walls_is_on_top(room: Room) -> None:
    masks = {"all": room.soft_mask, "patch": np.zeros_like(room.soft_mask)}
    masks["patch"][20:60, 150:200] = 255
    result = prepare(room.photo, masks).repaint({"all": NAVY, "patch": "#c0a020"}, match="swatch")
    assert delta_e(np.median(result.codes[28:52, 158:192], axis=(0, 1)), Paint.parse("#c0a020").rgb) < 6
    assert lab(result.codes[25:55, 120:145])[..., 2].max() < 0, "navy beside the patch"
    shares = [wall["share_of_picture"] for wall in result.report["walls"]]
    assert shares[1] == pytest.approx(40 * 50 / room.alpha.size, abs=2e-4)
    assert sum(shares) == pytest.approx(room.soft_mask.mean() / 255, abs=2e-3)


def test_wall_covered_by_a_later_one_is_rejected(room: Room) -> None:
    patch = np.zeros_like(room.soft_mask)
    patch[20:60, 150:200] = 255
    with pytest.raises(InputError, match="covered"):
        prepare(room.photo, {"patch": patch, "all": room.soft_mask})


# -- odd walls and photos


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 40), (8, 8), (3, 120)])
def test_wall_of_a_few_pixels(room: Room, size: tuple[int, int]) -> None:
    mask = np.zeros(room.alpha.shape, np.uint8)
    mask[40 : 40 + size[0], 20 : 20 + size[1]] = 255
    result = repaint(room.photo, mask, NAVY, match="swatch")
    changed = (result.codes != room.photo).any(-1)
    assert changed[mask == 255].all()
    assert not changed[far_outside(mask)].any()
    assert np.isfinite(list(result.report["walls"][0]["median_rgb"])).all()


@pytest.mark.parametrize("size", [(8, 8), (8, 300), (300, 8), (33, 65)])
def test_small_and_narrow_photos(size: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(120, 150, (*size, 3)).astype(np.uint8)
    mask = np.zeros(size, np.uint8)
    mask[:, : size[1] // 2 + 1] = 255
    result = repaint(photo, mask, SAGE, match="swatch")
    assert result.codes.shape == photo.shape
    assert result.report["walls"][0]["delta_e_2000"] < 1.5
    assert not (result.codes != photo)[far_outside(mask)].any()


def test_full_frame_wall(room: Room) -> None:
    photo = room.photo[:70, :90]
    result = repaint(photo, np.full(photo.shape[:2], 255, np.uint8), SAGE, match="swatch")
    assert (result.codes != photo).any(-1).mean() > 0.99
    assert delta_e(median(result.codes, np.ones(photo.shape[:2], bool)), Paint.parse(SAGE).rgb) <= 0.5
    assert any("white all over" in line for line in result.report["warnings"])


def test_wall_is_painted_up_to_the_image_border(room: Room, scene: Scene) -> None:
    result = scene.repaint({"wall": NAVY}, painter=AnalyticPainter(use_model=False), match="swatch")
    error = delta_e(result.codes, room.repainted_to_swatch(rgb(NAVY)))
    border = room.wall.copy()
    border[3:, 3:-3] = False
    assert border.sum() > 500
    assert error[border].mean() < 1
    assert error[border].max() < 4


def test_16_bit_photos_stay_16_bit() -> None:
    room = make_room(bits=16)
    assert room.photo.dtype == np.uint16
    result = repaint(room.photo, room.soft_mask, SAGE, painter=AnalyticPainter(use_model=False), match="swatch")
    assert result.codes.dtype == np.uint16
    assert delta_e(result.codes, room.repainted_to_swatch(rgb(SAGE)))[room.wall].mean() < 0.5
    assert np.unique(result.codes[room.wall][:, 0]).size > 1000, "quantized to 8 bits"
    assert np.array_equal(result.codes[far_outside(room.soft_mask)], room.photo[far_outside(room.soft_mask)])


def test_light_model_keeps_16_bits_and_paints_to_the_border() -> None:
    """The model is not fitted on synthetic rooms, so the bounds are wider than without it."""
    room = make_room(bits=16)
    result = repaint(room.photo, room.soft_mask, SAGE, match="swatch")
    assert result.codes.dtype == np.uint16
    assert np.unique(result.codes[room.wall][:, 0]).size > 1000, "quantized to 8 bits"
    assert result.report["walls"][0]["delta_e_2000"] <= 0.5
    error = delta_e(result.codes, room.repainted_to_swatch(rgb(SAGE)))
    border = room.wall.copy()
    border[3:, 3:-3] = False
    assert error[room.wall].mean() < 1
    assert error[border].mean() < 1.2
    assert error[border].max() < 3
    assert np.array_equal(result.codes[far_outside(room.soft_mask)], room.photo[far_outside(room.soft_mask)])


@pytest.mark.parametrize("value", [0, 1, 254, 255])
def test_wall_of_one_extreme_value_gets_the_swatch(value: int) -> None:
    photo = np.full((60, 80, 3), 128, np.uint8)
    photo[:, :50] = value
    mask = np.zeros((60, 80), np.uint8)
    mask[:, :50] = 255
    result = repaint(photo, mask, SAGE, match="swatch")
    assert delta_e(median(result.codes, mask == 255), Paint.parse(SAGE).rgb) <= 0.5


def test_room_match_is_limited_to_the_files_range(room: Room) -> None:
    """In light brighter than the file's range, white keeps the hue of the light."""
    scene = prepare(room.photo, {"wall": room.soft_mask}, old_color="#8a6a40")
    white = scene.walls["wall"].illuminant.appearance(np.ones(3))
    assert white.max() > 1.2
    painter = AnalyticPainter(use_model=False)
    entry = scene.repaint({"wall": "#ffffff"}, match="room", painter=painter).report["walls"][0]
    target = linear(np.array(entry["target_rgb"], np.uint8))
    assert 0.8 < target.max() < 1
    assert target / target.max() == pytest.approx(white / white.max(), abs=0.02)
    assert entry["delta_e_2000_target"] <= 0.5


def test_colour_lock_is_repeated_on_the_finished_pixels(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error left by the first lock is removed."""
    lock_median = composite.lock_median
    monkeypatch.setattr(composite, "lock_median", lambda *args: lock_median(*args).scaled(np.array([0.98, 1.01, 1.03])))
    scene = prepare(room.photo, {"wall": room.soft_mask})
    assert scene.repaint({"wall": SAGE}, match="swatch").report["walls"][0]["delta_e_2000"] <= 0.5
    monkeypatch.setattr("wallpaint.pipeline.painting.MAX_RELOCKS", 0)
    assert scene.repaint({"wall": SAGE}, match="swatch").report["walls"][0]["delta_e_2000"] > 0.5


@pytest.mark.parametrize("color", [NAVY, SAGE, WHITE, "#b5654a"])
def test_first_colour_lock_usually_suffices(color: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Composing a second time costs as much as the first."""
    room = make_room(tint=0.4, sun=0.5, noise=0.01)
    scene = prepare(room.photo, {"wall": room.soft_mask})
    monkeypatch.setattr("wallpaint.pipeline.painting.MAX_RELOCKS", 0)
    assert scene.repaint({"wall": color}, match="swatch").report["walls"][0]["delta_e_2000"] <= 0.5


# -- a scene and its results


def test_shared_scene_gives_the_same_results_as_fresh_scenes(room: Room) -> None:
    shared = prepare(room.photo, {"wall": room.soft_mask})
    for color in (NAVY, WHITE, NAVY):
        fresh = prepare(room.photo, {"wall": room.soft_mask})
        first, second = shared.repaint({"wall": color}), fresh.repaint({"wall": color})
        assert np.array_equal(first.codes, second.codes)
        assert first.report["walls"] == second.report["walls"]


def test_inputs_are_not_modified(room: Room) -> None:
    photo, mask, paints = room.photo.copy(), room.soft_mask.copy(), {"wall": NAVY}
    scene = prepare(photo, {"wall": mask})
    before = scene.photo.codes.copy()
    result = scene.repaint(paints)
    assert np.array_equal(photo, room.photo)
    assert np.array_equal(mask, room.soft_mask)
    assert np.array_equal(scene.photo.codes, before)
    assert paints == {"wall": NAVY}
    assert not np.shares_memory(result.codes, scene.photo.codes)


def test_results_are_independent(scene: Scene) -> None:
    first = scene.repaint({"wall": NAVY})
    before = first.codes.copy()
    scene.repaint({"wall": WHITE})
    assert np.array_equal(first.codes, before)


def test_seed_is_recorded_and_does_not_affect_the_analytic_painter(scene: Scene) -> None:
    first, second = (scene.repaint({"wall": NAVY}, seed=seed) for seed in (0, 7))
    assert np.array_equal(first.codes, second.codes)
    assert second.report["seed"] == 7


def test_all_input_types_give_the_same_result(room: Room, tmp_path: Path) -> None:
    photo, mask = tmp_path / "photo.png", tmp_path / "mask.png"
    Image.fromarray(room.photo).save(photo)
    Image.fromarray(room.soft_mask).save(mask)
    expected = repaint(room.photo, room.soft_mask, SAGE).codes
    for source, wall in (
        (str(photo), str(mask)),
        (photo, mask),
        (photo.read_bytes(), mask.read_bytes()),
        (Image.open(photo), Image.open(mask)),
        (read_photo(photo), room.soft_mask),
    ):
        assert np.array_equal(repaint(source, wall, SAGE).codes, expected)


def test_saved_image_has_the_codes_and_the_report(scene: Scene, tmp_path: Path, room: Room) -> None:
    result = scene.repaint({"wall": SAGE})
    assert np.array_equal(np.asarray(result.image), result.codes)
    result.save(tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert np.array_equal(np.asarray(image), result.codes)
        assert json.loads(image.text["wallpaint"])["walls"][0]["paint"]["hex"] == SAGE
    assert result.photo is scene.photo
    assert room.photo.shape == result.codes.shape


def test_invalid_options_are_rejected(scene: Scene, room: Room) -> None:
    for options, message in (
        ({"match": "exact"}, ", ".join(MATCHES)),
        ({"painter": "oil"}, "auto, analytic, diffusion"),
        ({"detail": "more"}, "keep, new"),
    ):
        with pytest.raises(InputError, match=message):
            scene.repaint({"wall": SAGE}, **options)
    for paints in ({}, {"ceiling": SAGE}, {"wall": SAGE, "ceiling": SAGE}):
        with pytest.raises(InputError, match="wall"):
            scene.repaint(paints)
    with pytest.raises(WallpaintError, match="not a colour"):
        scene.repaint({"wall": "greenish-ish"})
    with pytest.raises(ConfigError, match="analytic"):
        scene.repaint({"wall": SAGE}, painter="diffusion")
    for options in ({"edges": "soft"}, {"old_wall": "brick"}):
        with pytest.raises(InputError, match=next(iter(options))):
            prepare(room.photo, {"wall": room.soft_mask}, **options)
    with pytest.raises(InputError, match="no wall"):
        prepare(room.photo, {})
    with pytest.raises(ShapeError, match="set `fit_mask`"):
        prepare(room.photo, {"wall": room.soft_mask[:120]})
    with pytest.raises(TypeError):
        repaint(room.photo, room.soft_mask, SAGE, no_such_option=1)


@pytest.mark.parametrize(("old", "new"), [("literal", "swatch"), ("lit", "room")])
def test_old_values_of_match_are_rejected_with_the_new_name(scene: Scene, room: Room, old: str, new: str) -> None:
    message = f"^match '{old}' is now called '{new}'$"
    with pytest.raises(InputError, match=message):
        scene.repaint({"wall": SAGE}, match=old)
    with pytest.raises(InputError, match=message):
        repaint(room.photo, room.soft_mask, SAGE, match=old)


def test_fitted_mask_is_nearly_as_accurate_as_the_full_one(room: Room) -> None:
    small = np.asarray(Image.fromarray(room.soft_mask).reduce(2))
    result = repaint(room.photo, small, NAVY, fit_mask=True, painter=AnalyticPainter(use_model=False), match="swatch")
    assert delta_e(result.codes, room.repainted_to_swatch(rgb(NAVY)))[room.wall].mean() < 1


def test_light_model_gives_nearly_the_same_result_for_a_fitted_mask(room: Room, scene: Scene) -> None:
    small = np.asarray(Image.fromarray(room.soft_mask).reduce(2))
    fitted = repaint(room.photo, small, NAVY, fit_mask=True, match="swatch")
    assert delta_e(fitted.codes, scene.repaint({"wall": NAVY}, match="swatch").codes)[room.wall].mean() < 0.5


def test_inverted_mask_equals_its_complement(room: Room) -> None:
    inverted = repaint(room.photo, 255 - room.soft_mask, NAVY, invert_mask=True)
    assert np.array_equal(inverted.codes, repaint(room.photo, room.soft_mask, NAVY).codes)


@pytest.mark.parametrize(
    "first",
    [
        "wallpaint.prepare",
        "wallpaint.Scene",
        "import wallpaint.cli.app",
        "import wallpaint.pipeline.repaint",
        "wallpaint.read_photo",
    ],
)
def test_repaint_is_a_function_whatever_is_imported_first(first: str) -> None:
    """The module of the same name must not shadow the public function."""
    code = f"import wallpaint\n{first}\nassert callable(wallpaint.repaint), wallpaint.repaint"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
