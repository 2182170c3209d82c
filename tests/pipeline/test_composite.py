"""Compositing: transfer fields, gamut mapping, colour lock, and the pixels written."""

from collections.abc import Sequence

import numpy as np
import pytest
from skimage.color import rgb2lab

import wallpaint
from support.drawn_rooms import Room, make_room, rgb
from support.measures import codes_of, delta_e, linear, luminance
from wallpaint.imaging import color
from wallpaint.painters.analytic import AnalyticPainter
from wallpaint.pipeline import composite
from wallpaint.pipeline.composite import TransferField, compose, evaluate_field, fit_field, limit_gamut, lock_median
from wallpaint.pipeline.repaint import repaint
from wallpaint.scene.scene import Wall

SRGB = np.eye(3)
SIZE = (48, 60)


def synthetic_wall(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the luminance (h, w) of a wall with smooth shading and grain, and a proportional painted wall."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]] / SIZE[1]
    luma = (0.5 - 0.3 * x + 0.1 * y + rng.normal(0, 0.01, SIZE)).astype(np.float32)
    return luma, luma[..., None] * np.array([0.3, 0.5, 0.7], np.float32)


def scene_wall(room: Room, **options: object) -> Wall:
    return wallpaint.prepare(room.photo, {"wall": room.soft_mask}, **options).walls["wall"]


def at_working_size(field: TransferField, luma: np.ndarray) -> np.ndarray:
    return field.slope * luma[..., None] + field.offset


@pytest.mark.parametrize("detail", [0.0, 0.4, 1.0])
def test_field_reproduces_the_painted_wall(detail: float) -> None:
    luma, painted = synthetic_wall()
    painted = painted + np.random.default_rng(1).normal(0, 0.05, painted.shape).astype(np.float32)
    field = fit_field(painted, luma, np.ones(SIZE, np.float32), SRGB, step=1, detail=detail)
    assert at_working_size(field, luma) == pytest.approx(painted, abs=1e-5)
    if detail == 0:
        assert not field.slope.any()


def test_slope_of_a_proportional_paint_is_the_ratio() -> None:
    luma, painted = synthetic_wall()
    field = fit_field(painted, luma, np.ones(SIZE, np.float32), SRGB, step=4)
    assert field.slope == pytest.approx(np.broadcast_to([0.3, 0.5, 0.7], field.slope.shape), rel=0.02)
    assert np.abs(field.offset).max() < 0.01
    assert field.step == 4


def test_slope_lies_between_zero_and_the_ratio() -> None:
    """For any painted wall."""
    luma, painted = synthetic_wall()
    for extreme in (1 - painted, painted**3 * 4, np.random.default_rng(2).uniform(0, 1, painted.shape)):
        field = fit_field(extreme.astype(np.float32), luma, np.ones(SIZE, np.float32), SRGB, step=1)
        assert (field.slope >= 0).all()
        ratio = extreme.max() / luma.min()
        assert (field.slope <= ratio + 1e-4).all()


def test_pixels_without_weight_do_not_affect_the_field() -> None:
    luma, painted = synthetic_wall()
    weight = np.ones(SIZE, np.float32)
    weight[:, 30:] = 0
    other = painted.copy()
    other[:, 45:] = 5
    one, two = (fit_field(p, luma, weight, SRGB, step=1).slope[:, :20] for p in (painted, other))
    assert one == pytest.approx(two, abs=1e-4)


def test_smooth_field_drops_generated_grain() -> None:
    """Grain that the photo does not have is removed; its light and detail are kept."""
    rng = np.random.default_rng(2)
    rows, columns = np.mgrid[:90, :120]
    light = 0.5 + 0.2 * np.sin(columns / 25) + 0.1 * np.cos(rows / 30)
    luma = (light * (1 + 0.02 * rng.standard_normal(light.shape))).astype(np.float32)
    clean = (luma[..., None] * np.array([0.3, 0.6, 0.9])).astype(np.float32)
    grain = (1 + 0.15 * rng.standard_normal(clean.shape)).astype(np.float32)
    weight = np.ones(luma.shape, np.float32)
    error = {}
    for smooth in (False, True):
        field = fit_field(clean * grain, luma, weight, np.eye(3), step=1, smooth=smooth)
        error[smooth] = np.abs(at_working_size(field, luma) / clean - 1)[12:-12, 12:-12].mean()
    assert error[False] > 0.1
    assert error[True] < 0.03
    exact = at_working_size(fit_field(clean, luma, weight, np.eye(3), step=1, smooth=True), luma)
    assert np.abs(exact / clean - 1)[12:-12, 12:-12].max() < 0.03


def test_scaled_field_scales_the_result() -> None:
    luma, painted = synthetic_wall()
    field = fit_field(painted, luma, np.ones(SIZE, np.float32), SRGB, step=1)
    gain = np.array([0.5, 1.0, 2.0])
    before = field.slope.copy()
    assert at_working_size(field.scaled(gain), luma) == pytest.approx(at_working_size(field, luma) * gain, rel=1e-5)
    assert np.array_equal(field.slope, before)


def test_evaluate_field_is_exact_at_block_centres() -> None:
    """The centre of a working pixel lies in the middle of its block of photo pixels."""
    rng = np.random.default_rng(0)
    field = TransferField(*(rng.uniform(0, 1, (5, 7, 3)).astype(np.float32) for _ in range(2)), 3)
    rows, cols = (a.ravel() for a in np.mgrid[0:5, 0:7])
    luma = rng.uniform(0, 1, rows.size).astype(np.float32)
    values = evaluate_field(field, 3 * rows + 1, 3 * cols + 1, luma)
    assert values == pytest.approx(field.slope[rows, cols] * luma[:, None] + field.offset[rows, cols], abs=1e-5)


def test_evaluate_field_in_chunks_equals_single_pixels() -> None:
    rng = np.random.default_rng(0)
    field = TransferField(*(rng.uniform(0, 1, (9, 9, 3)).astype(np.float32) for _ in range(2)), 4)
    rows, cols = rng.integers(0, 36, 70_000), rng.integers(0, 36, 70_000)
    luma = rng.uniform(0, 1, rows.size).astype(np.float32)
    many = evaluate_field(field, rows, cols, luma)
    for i in (0, 29_999, 30_000, 69_999):
        assert many[i] == pytest.approx(evaluate_field(field, rows[[i]], cols[[i]], luma[[i]])[0], abs=1e-5)
    assert evaluate_field(field, rows[:0], cols[:0], luma[:0]).shape == (0, 3)


# -- gamut


def test_limit_gamut_keeps_colours_inside() -> None:
    inside = np.random.default_rng(0).uniform(0, 1, (500, 3)).astype(np.float32)
    assert np.array_equal(limit_gamut(inside.copy(), SRGB), inside)
    assert limit_gamut(np.zeros((0, 3), np.float32), SRGB).shape == (0, 3)


def test_limit_gamut_preserves_hue() -> None:
    """Measured in Oklab, up to a small remainder that is clipped later."""
    rng = np.random.default_rng(1)
    colors = rng.uniform(-0.3, 1.4, (400, 3)).astype(np.float32)
    luma = colors @ color.LUMINANCE
    colors = colors[(luma > 0.05) & (luma < 0.9)]
    limited = limit_gamut(colors.copy(), SRGB)
    assert limited.min() >= composite.MIN_CLIPPABLE >= -0.01
    assert limited.max() <= composite.MAX_CLIPPABLE <= 1.05
    limited = limited.clip(0, 1)
    before, after = color.linear_to_oklab(colors), color.linear_to_oklab(limited)
    chroma = np.hypot(after[:, 1], after[:, 2])
    hue_shift = np.arctan2(before[:, 2], before[:, 1]) - np.arctan2(after[:, 2], after[:, 1])
    hue_shift = np.degrees(np.abs((hue_shift + np.pi) % (2 * np.pi) - np.pi))[chroma > 0.02]
    assert hue_shift.size > 100
    assert np.quantile(hue_shift, 0.95) < 1
    assert hue_shift.max() < 3


# -- composing


@pytest.fixture(scope="module")
def wall(room: Room) -> Wall:
    return scene_wall(room)


def constant_field(wall: Wall, target: Sequence[float]) -> TransferField:
    """Return a field that gives every wall pixel one colour."""
    shape = (*wall.intrinsics.luma.shape, 3)
    return TransferField(np.zeros(shape, np.float32), np.broadcast_to(np.float32(target), shape).copy(), wall.step)


def test_only_core_and_edges_are_written(room: Room, wall: Wall) -> None:
    out = room.photo.copy()
    compose([wall.canvas], [constant_field(wall, [0.1, 0.2, 0.6])], out)
    matte, (top, left) = wall.canvas.matte, wall.canvas.origin
    writable = np.zeros(room.alpha.shape, bool)
    rows, cols = np.nonzero(matte.core)
    writable[rows + top, cols + left] = True
    writable[matte.rows + top, matte.cols + left] = True
    assert np.array_equal(out[~writable], room.photo[~writable])
    expected = codes_of(np.array([0.1, 0.2, 0.6]))
    assert (out[rows + top, cols + left] == expected).all()


def test_edge_pixel_is_a_mix_of_paint_and_background(room: Room, wall: Wall) -> None:
    paint = np.array([0.1, 0.2, 0.6])
    out = room.photo.copy()
    compose([wall.canvas], [constant_field(wall, paint)], out)
    mixed = (room.alpha > 0.05) & (room.alpha < 0.95)
    truth = room.alpha[..., None] * paint + (1 - room.alpha[..., None]) * room.background
    assert np.abs(linear(out) - truth)[mixed].mean() < 0.02
    assert np.abs(linear(room.photo) - truth)[mixed].mean() > 0.1


def test_identity_field_changes_nothing(room: Room, wall: Wall) -> None:
    """Including edges."""
    painted = wall.intrinsics.luma[..., None] * (wall.intrinsics.median / wall.intrinsics.median_luma).astype(
        np.float32
    )
    field = fit_field(painted, wall.intrinsics.luma, wall.intrinsics.weight, SRGB, step=wall.step)
    out = room.photo.copy()
    compose([wall.canvas], [field], out)
    change = delta_e(out, room.photo)
    assert change[room.alpha == 1].mean() < 0.5
    assert change.max() < 4


@pytest.mark.parametrize("step_px", [37, 768])
def test_tiled_composition_equals_evaluation_per_pixel(
    room: Room, monkeypatch: pytest.MonkeyPatch, step_px: int
) -> None:
    """Also at tile borders."""
    monkeypatch.setattr("wallpaint.scene.scene.WORKING_PX", step_px)
    monkeypatch.setattr("wallpaint.scene.canvas.TILE_PX", 64)
    wall = scene_wall(room)
    assert (wall.step > 1) == (step_px == 37)
    rng = np.random.default_rng(0)
    shape = (*wall.intrinsics.luma.shape, 3)
    field = TransferField(
        rng.uniform(0.2, 0.5, shape).astype(np.float32), rng.uniform(0, 0.3, shape).astype(np.float32), wall.step
    )
    out = room.photo.copy()
    compose([wall.canvas], [field], out)
    rows, cols = np.nonzero(wall.canvas.matte.core)
    expected = codes_of(evaluate_field(field, rows, cols, wall.canvas.luma[rows, cols])).astype(int)
    top, left = wall.canvas.origin
    assert np.abs(out[rows + top, cols + left].astype(int) - expected).max() <= 1


def test_canvas_luma_is_the_photos_luminance(room: Room, wall: Wall) -> None:
    rows, cols = np.nonzero(wall.canvas.matte.core)
    top, left = wall.canvas.origin
    assert wall.canvas.luma[rows, cols] == pytest.approx(luminance(room.photo)[rows + top, cols + left], abs=2e-4)


def test_canvas_sample_is_spread_over_the_core(wall: Wall) -> None:
    rows, cols = wall.canvas.sample(500)
    core = wall.canvas.matte.core
    assert rows.size == 500
    assert core[rows, cols].all()
    everywhere = np.nonzero(core)
    assert rows.mean() == pytest.approx(everywhere[0].mean(), abs=5)
    assert cols.mean() == pytest.approx(everywhere[1].mean(), abs=10)
    assert wall.canvas.sample(10**9)[0].size == core.sum()


# -- the lock


@pytest.mark.parametrize("target", ["#7d9b84", "#2b3a5c", "#f4f1ea", "#c00010"])
def test_lock_median_reaches_the_target(room: Room, wall: Wall, target: str) -> None:
    """From a field with a large error."""
    luma = wall.intrinsics.luma
    painted = luma[..., None] * (rgb(target) / wall.intrinsics.median_luma * [0.7, 0.9, 1.2]).astype(np.float32)
    field = fit_field(np.clip(painted, 0, 1), luma, wall.intrinsics.weight, SRGB, step=wall.step)
    locked = lock_median(wall.canvas, field, rgb(target), wall.sample)
    rows, cols = wall.sample
    again = lock_median(wall.canvas, locked, rgb(target), wall.sample)
    for candidate, is_exact in ((field, False), (locked, True), (again, True)):
        values = limit_gamut(evaluate_field(candidate, rows, cols, wall.canvas.luma[rows, cols]), SRGB)
        error = delta_e(codes_of(np.median(values, axis=0), 65535), codes_of(rgb(target), 65535))
        assert (error < 0.5) == is_exact


def test_lock_median_without_a_sample_returns_the_field(wall: Wall) -> None:
    field = constant_field(wall, [0.5, 0.5, 0.5])
    none = np.zeros(0, np.int64)
    assert lock_median(wall.canvas, field, np.array([0.1, 0.1, 0.1]), (none, none)) is field


def test_measures_agree_with_scikit_image() -> None:
    """The tests' own CIELAB."""
    codes = np.random.default_rng(0).integers(0, 256, (50, 3)).astype(np.uint8)
    assert delta_e(codes, codes[::-1]) == pytest.approx(
        wallpaint.imaging.color.delta_e_2000(*(rgb2lab(c[None] / 255)[0] for c in (codes, codes[::-1]))), abs=0.05
    )


def test_partial_blocks_at_the_border_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An odd size gives incomplete blocks at the border."""
    monkeypatch.setattr("wallpaint.scene.scene.WORKING_PX", 50)
    room = make_room(101, 133, noise=0.0)
    wall = scene_wall(room)
    assert wall.step == 3
    result = repaint(room.photo, room.soft_mask, "#7d9b84", painter=AnalyticPainter(use_model=False), match="swatch")
    truth = room.repainted_to_swatch(rgb("#7d9b84"))
    assert delta_e(result.codes, truth)[room.wall].mean() < 1.2
    border = room.wall.copy()
    border[2:-2, 2:-2] = False
    assert delta_e(result.codes, truth)[border].mean() < 2
