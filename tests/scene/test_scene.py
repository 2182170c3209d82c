"""Scene preparation: working size, noise, windows, and pixels outside the walls."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy import ndimage

from support.drawn_rooms import Room, make_room, rgb
from support.measures import Array, delta_e, far_outside, lab, linear
from wallpaint.errors import InputError
from wallpaint.imaging.color import LUMINANCE
from wallpaint.painters.analytic import AnalyticPainter
from wallpaint.paints.paint import Paint
from wallpaint.pipeline.repaint import prepare, repaint
from wallpaint.scene import scene as scenes
from wallpaint.scene.grid import block_means
from wallpaint.scene.scene import Wall

SAGE = "#7d9b84"


def wall_of(room: Room, **options: object) -> Wall:
    return prepare(room.photo, {"wall": room.soft_mask}, **options).walls["wall"]


def on_photo(wall: Wall, plane: Array, size: tuple[int, int]) -> Array:
    """Paste a map of a wall's window into a map of the full photo."""
    full = np.zeros(size, plane.dtype)
    top, left = wall.canvas.origin
    full[top : top + plane.shape[0], left : left + plane.shape[1]] = plane
    return full


@pytest.mark.parametrize("mask", ["soft", "hard"])
def test_outside_is_more_than_three_pixels_away(room: Room, mask: str) -> None:
    codes = room.soft_mask if mask == "soft" else room.hard_mask
    assert np.array_equal(prepare(room.photo, {"wall": codes}).outside, far_outside(codes))


def test_outside_of_several_walls_excludes_all_of_them(room: Room) -> None:
    masks = {name: np.zeros(room.alpha.shape, np.uint8) for name in "ab"}
    masks["a"][20:40, 20:60] = 255
    masks["b"][70:90, 100:180] = 255
    expected = far_outside(masks["a"]) & far_outside(masks["b"])
    assert np.array_equal(prepare(room.photo, masks).outside, expected)


@pytest.mark.parametrize("working_px", [40, 77, 150])
def test_block_means_cover_only_the_wall(room: Room, monkeypatch: pytest.MonkeyPatch, working_px: int) -> None:
    monkeypatch.setattr(scenes, "WORKING_PX", working_px)
    wall = wall_of(room)
    core, step = wall.canvas.matte.core, wall.step
    assert step == -(-max(core.shape) // working_px)
    rgb_mean, weight = block_means(wall.canvas.codes, wall.canvas.space, core, step)
    light = linear(wall.canvas.codes)
    rng = np.random.default_rng(0)
    for _ in range(200):
        y, x = (int(rng.integers(0, n)) for n in weight.shape)
        block = (slice(y * step, (y + 1) * step), slice(x * step, (x + 1) * step))
        inside = core[block]
        assert weight[y, x] == pytest.approx(inside.sum() / step**2, abs=1e-3)
        if inside.any():
            assert rgb_mean[y, x] == pytest.approx(light[block][inside].mean(0), rel=0.02, abs=1e-4)


@pytest.mark.parametrize("mask", ["soft", "hard"])
def test_reduced_working_size_keeps_accuracy(room: Room, monkeypatch: pytest.MonkeyPatch, mask: str) -> None:
    """At a quarter of the size the chair does not leak into the surrounding wall."""
    monkeypatch.setattr(scenes, "WORKING_PX", 80)
    codes = room.soft_mask if mask == "soft" else room.hard_mask
    assert prepare(room.photo, {"wall": codes}).walls["wall"].step == 4
    result = repaint(room.photo, codes, SAGE, painter=AnalyticPainter(use_model=False), match="swatch")
    error = delta_e(result.codes, room.repainted_to_swatch(rgb(SAGE)))
    mixed = (room.alpha > 0) & (room.alpha < 1)
    near = room.wall & (ndimage.distance_transform_edt(~mixed) <= 8)
    assert error[room.wall].mean() < 0.6
    assert error[near].mean() < 0.8
    assert np.quantile(error[near], 0.99) < 4


@pytest.mark.parametrize("color", ["#2b3a5c", SAGE])
def test_reduced_working_size_keeps_the_light_models_result(
    room: Room, monkeypatch: pytest.MonkeyPatch, color: str
) -> None:
    full = repaint(room.photo, room.soft_mask, color, match="swatch").codes
    monkeypatch.setattr(scenes, "WORKING_PX", 80)
    assert prepare(room.photo, {"wall": room.soft_mask}).walls["wall"].step == 4
    difference = delta_e(repaint(room.photo, room.soft_mask, color, match="swatch").codes, full)[room.wall]
    assert difference.mean() < 0.4
    assert np.quantile(difference, 0.99) < 1.5


def test_detail_finer_than_a_working_pixel_is_preserved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "WORKING_PX", 80)
    room = make_room(plaster=0.03)
    inner = ndimage.binary_erosion(room.wall, iterations=12)

    def grain(codes: Array) -> float:
        light = lab(codes)[..., 0]
        return float((light - ndimage.gaussian_filter(light, 3))[inner].std())

    truth = grain(room.repainted_to_swatch(rgb(SAGE)))
    assert grain(repaint(room.photo, room.soft_mask, SAGE, match="swatch").codes) == pytest.approx(truth, rel=0.1)
    assert grain(repaint(room.photo, room.soft_mask, SAGE, detail="new", match="swatch").codes) < 0.6 * truth


def test_noise_is_reduced_under_bright_paint(monkeypatch: pytest.MonkeyPatch) -> None:
    """A nearly black, noisy wall becomes pale: without reduction its grain would be four times as strong."""
    monkeypatch.setattr(scenes, "WORKING_PX", 80)
    room = make_room(old="#1b2436", noise=0.05)
    inner = ndimage.binary_erosion(room.wall, iterations=12)

    def grain(codes: Array) -> float:
        light = lab(codes)[..., 0]
        return float((light - ndimage.gaussian_filter(light, 3))[inner].std())

    assert grain(repaint(room.photo, room.soft_mask, "#d9cfc0", match="swatch").codes) < 3.2 * grain(room.photo)


@pytest.mark.parametrize("noise", [0.01, 0.03])
def test_noise_estimate_matches_the_added_noise(noise: float) -> None:
    """Independent noise of three channels, measured in luminance, without plaster."""
    room = make_room(noise=noise, plaster=0)
    expected = noise * float(np.sqrt((LUMINANCE**2).sum()))
    assert wall_of(room).intrinsics.noise == pytest.approx(expected, rel=0.2)


def test_window_contains_the_wall_and_its_surroundings(room: Room) -> None:
    mask = np.zeros(room.alpha.shape, np.uint8)
    mask[60:90, 200:260] = 255
    wall = prepare(room.photo, {"wall": mask}).walls["wall"]
    top, left = wall.canvas.origin
    height, width = wall.canvas.matte.core.shape
    assert (top, left) < (60 - 3, 200 - 3)
    assert top + height > 90 + 3
    assert left + width > 260 + 3
    assert height * width < 0.2 * room.alpha.size
    core = on_photo(wall, wall.canvas.matte.core, room.alpha.shape)
    assert core[70:80, 210:250].all()
    assert not core[mask == 0].any()


def test_result_does_not_depend_on_the_walls_position(room: Room) -> None:
    """The same wall in a larger photo gives the same result: windows, tiles and blocks have no fixed grid."""
    larger = cv2.copyMakeBorder(room.photo, 37, 11, 53, 5, cv2.BORDER_CONSTANT, value=(90, 70, 60))
    mask = np.zeros(room.alpha.shape, np.uint8)
    mask[20:80, 110:200] = 255
    larger_mask = cv2.copyMakeBorder(mask, 37, 11, 53, 5, cv2.BORDER_CONSTANT, value=0)
    painter = AnalyticPainter(use_model=False)  # the light model's input is the full photo
    original = repaint(room.photo, mask, SAGE, painter=painter, match="swatch").codes
    enlarged = repaint(larger, larger_mask, SAGE, painter=painter, match="swatch").codes[37:-11, 53:-5]
    assert np.abs(original.astype(int) - enlarged).max() <= 1


@pytest.mark.parametrize("color", ["#2b3a5c", SAGE, "#f4f1ea"])
def test_light_models_result_hardly_depends_on_the_walls_position(room: Room, color: str) -> None:
    """Its input is the full photo, and the larger one shows more of the same room."""
    larger = cv2.copyMakeBorder(room.photo, 37, 11, 53, 5, cv2.BORDER_REFLECT)
    mask = np.zeros(room.alpha.shape, np.uint8)
    mask[20:80, 110:200] = 255
    larger_mask = cv2.copyMakeBorder(mask, 37, 11, 53, 5, cv2.BORDER_CONSTANT, value=0)
    original = repaint(room.photo, mask, color, match="swatch").codes
    enlarged = repaint(larger, larger_mask, color, match="swatch").codes[37:-11, 53:-5]
    difference = np.abs(original.astype(int) - enlarged)
    assert difference.max() <= 5
    assert difference[mask > 0].mean() < 1


def test_alphas_of_adjoining_hard_masks_add_up_to_one() -> None:
    """Along their common border each edge pixel is entirely divided between the walls."""
    room = make_room(old="#f2f0ec", plaster=0.03)
    left = np.arange(320)[None, :] < 150 + np.arange(240)[:, None] // 3
    masks = {name: ((room.alpha == 1) & side).astype(np.uint8) * 255 for name, side in (("l", left), ("r", ~left))}
    scene = prepare(room.photo, masks)
    total = np.zeros(room.alpha.shape)
    for wall in scene.walls.values():
        matte, (top, start) = wall.canvas.matte, wall.canvas.origin
        total += on_photo(wall, matte.core.astype(float), room.alpha.shape)
        total[matte.rows + top, matte.cols + start] += matte.alpha
    inside = (masks["l"] | masks["r"]) > 0
    seam = ndimage.binary_erosion(inside, iterations=6) & (np.abs(ndimage.sobel(left.astype(float), axis=1)) > 0)
    assert seam.sum() > 200
    assert total[seam] == pytest.approx(1, abs=1e-3)
    assert total.max() <= 1 + 1e-3


def test_white_point_may_lie_at_the_image_border(room: Room) -> None:
    scene = prepare(room.photo, {"wall": room.soft_mask}, white=(0, 0))
    patch = linear(room.photo[:3, :3]).reshape(-1, 3)
    assert scene.walls["wall"].illuminant.white == pytest.approx(tuple(np.median(patch, axis=0) / 0.85), rel=1e-3)


def test_scene_records_seconds_by_stage(room: Room) -> None:
    seconds = prepare(room.photo, {"wall": room.soft_mask}).seconds
    assert set(seconds) == {"read", "masks", "scene"}
    assert all(value >= 0 for value in seconds.values())


def test_existing_paints_may_be_given_for_each_wall(room: Room) -> None:
    """The hint of one wall is used on that wall alone; a name of no wall is refused."""
    left, right = (np.array(room.soft_mask) for _ in range(2))
    left[:, left.shape[1] // 2 :] = 0
    right[:, : right.shape[1] // 2] = 0
    masks = {"left": left, "right": right}
    walls = prepare(room.photo, masks, old_color={"left": SAGE}).walls
    assert walls["left"].illuminant.is_user_given
    assert walls["left"].illuminant.wall_albedo == pytest.approx(Paint.parse(SAGE).albedo_linear)
    assert not walls["right"].illuminant.is_user_given
    for one in prepare(room.photo, masks, old_color=SAGE).walls.values():
        assert one.illuminant.is_user_given
    with pytest.raises(InputError, match=r"`old_color` must name walls of the scene \(left, right\), not door"):
        prepare(room.photo, masks, old_color={"door": SAGE})
