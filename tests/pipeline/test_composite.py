"""From working size to the photo: fields, gamut, lock, and which pixels are written."""

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
from wallpaint.pipeline.composite import Field, compose, evaluate, fit, limit, lock
from wallpaint.pipeline.repaint import repaint
from wallpaint.scene.scene import Wall

SRGB = np.eye(3)
SIZE = (48, 60)


def some_wall(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Luminance (h, w) of a wall with a smooth shade and grain, and a painted picture of it that follows."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]] / SIZE[1]
    luma = (0.5 - 0.3 * x + 0.1 * y + rng.normal(0, 0.01, SIZE)).astype(np.float32)
    return luma, luma[..., None] * np.array([0.3, 0.5, 0.7], np.float32)


def scene_wall(room: Room, **ways: object) -> Wall:
    return wallpaint.prepare(room.photo, {"wall": room.soft_mask}, **ways).walls["wall"]


def at_working_size(field: Field, luma: np.ndarray) -> np.ndarray:
    return field.slope * luma[..., None] + field.offset


@pytest.mark.parametrize("detail", [0.0, 0.4, 1.0])
def test_a_field_gives_back_the_painted_wall(detail: float) -> None:
    luma, painted = some_wall()
    painted = painted + np.random.default_rng(1).normal(0, 0.05, painted.shape).astype(np.float32)
    field = fit(painted, luma, np.ones(SIZE, np.float32), SRGB, step=1, detail=detail)
    assert at_working_size(field, luma) == pytest.approx(painted, abs=1e-5)
    if detail == 0:
        assert not field.slope.any()


def test_a_proportional_paint_has_the_ratio_as_slope() -> None:
    luma, painted = some_wall()
    field = fit(painted, luma, np.ones(SIZE, np.float32), SRGB, step=4)
    assert field.slope == pytest.approx(np.broadcast_to([0.3, 0.5, 0.7], field.slope.shape), rel=0.02)
    assert np.abs(field.offset).max() < 0.01
    assert field.step == 4


def test_slopes_never_turn_the_light_round() -> None:
    """Neither negative nor steeper than the plain ratio, whatever the painter made."""
    luma, painted = some_wall()
    for wild in (1 - painted, painted**3 * 4, np.random.default_rng(2).uniform(0, 1, painted.shape)):
        field = fit(wild.astype(np.float32), luma, np.ones(SIZE, np.float32), SRGB, step=1)
        assert (field.slope >= 0).all()
        ratio = wild.max() / luma.min()
        assert (field.slope <= ratio + 1e-4).all()


def test_pixels_without_weight_do_not_shape_the_field() -> None:
    luma, painted = some_wall()
    weight = np.ones(SIZE, np.float32)
    weight[:, 30:] = 0
    other = painted.copy()
    other[:, 45:] = 5
    one, two = (fit(p, luma, weight, SRGB, step=1).slope[:, :20] for p in (painted, other))
    assert one == pytest.approx(two, abs=1e-4)


def test_a_smooth_field_leaves_out_what_a_painter_made_up() -> None:
    """Grain that the photo does not have goes; the light and the detail that it has stay."""
    rng = np.random.default_rng(2)
    rows, columns = np.mgrid[:90, :120]
    light = 0.5 + 0.2 * np.sin(columns / 25) + 0.1 * np.cos(rows / 30)
    luma = (light * (1 + 0.02 * rng.standard_normal(light.shape))).astype(np.float32)
    clean = (luma[..., None] * np.array([0.3, 0.6, 0.9])).astype(np.float32)
    grain = (1 + 0.15 * rng.standard_normal(clean.shape)).astype(np.float32)
    weight = np.ones(luma.shape, np.float32)
    error = {}
    for smooth in (False, True):
        field = fit(clean * grain, luma, weight, np.eye(3), step=1, smooth=smooth)
        error[smooth] = np.abs(at_working_size(field, luma) / clean - 1)[12:-12, 12:-12].mean()
    assert error[False] > 0.1
    assert error[True] < 0.03
    exact = at_working_size(fit(clean, luma, weight, np.eye(3), step=1, smooth=True), luma)
    assert np.abs(exact / clean - 1)[12:-12, 12:-12].max() < 0.03


def test_scaling_scales_the_result() -> None:
    luma, painted = some_wall()
    field = fit(painted, luma, np.ones(SIZE, np.float32), SRGB, step=1)
    gain = np.array([0.5, 1.0, 2.0])
    before = field.slope.copy()
    assert at_working_size(field.scaled(gain), luma) == pytest.approx(at_working_size(field, luma) * gain, rel=1e-5)
    assert np.array_equal(field.slope, before)


def test_evaluation_at_block_centres_is_exact() -> None:
    """The centre of a working pixel lies in the middle of its block of photo pixels."""
    rng = np.random.default_rng(0)
    field = Field(*(rng.uniform(0, 1, (5, 7, 3)).astype(np.float32) for _ in range(2)), 3)
    rows, cols = (a.ravel() for a in np.mgrid[0:5, 0:7])
    luma = rng.uniform(0, 1, rows.size).astype(np.float32)
    found = evaluate(field, 3 * rows + 1, 3 * cols + 1, luma)
    assert found == pytest.approx(field.slope[rows, cols] * luma[:, None] + field.offset[rows, cols], abs=1e-5)


def test_evaluation_of_many_pixels_is_that_of_each() -> None:
    rng = np.random.default_rng(0)
    field = Field(*(rng.uniform(0, 1, (9, 9, 3)).astype(np.float32) for _ in range(2)), 4)
    rows, cols = rng.integers(0, 36, 70_000), rng.integers(0, 36, 70_000)
    luma = rng.uniform(0, 1, rows.size).astype(np.float32)
    many = evaluate(field, rows, cols, luma)
    for place in (0, 29_999, 30_000, 69_999):
        assert many[place] == pytest.approx(evaluate(field, rows[[place]], cols[[place]], luma[[place]])[0], abs=1e-5)
    assert evaluate(field, rows[:0], cols[:0], luma[:0]).shape == (0, 3)


# -- gamut


def test_limit_leaves_what_fits() -> None:
    inside = np.random.default_rng(0).uniform(0, 1, (500, 3)).astype(np.float32)
    assert np.array_equal(limit(inside.copy(), SRGB), inside)
    assert limit(np.zeros((0, 3), np.float32), SRGB).shape == (0, 3)


def test_limit_keeps_hue() -> None:
    """Outside colours come in along their own hue, measured in Oklab; what is left over, rounding may clip."""
    rng = np.random.default_rng(1)
    wild = rng.uniform(-0.3, 1.4, (400, 3)).astype(np.float32)
    wild = wild[(wild @ color.LUMINANCE > 0.05) & (wild @ color.LUMINANCE < 0.9)]
    tame = limit(wild.copy(), SRGB)
    assert tame.min() >= composite.TOO_DARK >= -0.01
    assert tame.max() <= composite.TOO_BRIGHT <= 1.05
    tame = tame.clip(0, 1)
    before, after = color.linear_to_oklab(wild), color.linear_to_oklab(tame)
    chroma = np.hypot(after[:, 1], after[:, 2])
    turn = np.arctan2(before[:, 2], before[:, 1]) - np.arctan2(after[:, 2], after[:, 1])
    turn = np.degrees(np.abs((turn + np.pi) % (2 * np.pi) - np.pi))[chroma > 0.02]
    assert turn.size > 100
    assert np.quantile(turn, 0.95) < 1
    assert turn.max() < 3


# -- composing


@pytest.fixture(scope="module")
def wall(room: Room) -> Wall:
    return scene_wall(room)


def constant_field(wall: Wall, target: Sequence[float]) -> Field:
    """A field that makes every wall pixel one colour."""
    shape = (*wall.shading.luma.shape, 3)
    return Field(np.zeros(shape, np.float32), np.broadcast_to(np.float32(target), shape).copy(), wall.step)


def test_only_core_and_edges_are_written(room: Room, wall: Wall) -> None:
    out = room.photo.copy()
    compose([wall.canvas], [constant_field(wall, [0.1, 0.2, 0.6])], out)
    matte, (top, left) = wall.canvas.matte, wall.canvas.origin
    may = np.zeros(room.alpha.shape, bool)
    rows, cols = np.nonzero(matte.core)
    may[rows + top, cols + left] = True
    may[matte.rows + top, matte.cols + left] = True
    assert np.array_equal(out[~may], room.photo[~may])
    expected = codes_of(np.array([0.1, 0.2, 0.6]))
    assert (out[rows + top, cols + left] == expected).all()


def test_an_edge_pixel_is_a_mix_of_paint_and_what_was_there(room: Room, wall: Wall) -> None:
    paint = np.array([0.1, 0.2, 0.6])
    out = room.photo.copy()
    compose([wall.canvas], [constant_field(wall, paint)], out)
    mixed = (room.alpha > 0.05) & (room.alpha < 0.95)
    truth = room.alpha[..., None] * paint + (1 - room.alpha[..., None]) * room.behind
    assert np.abs(linear(out) - truth)[mixed].mean() < 0.02
    assert np.abs(linear(room.photo) - truth)[mixed].mean() > 0.1


def test_the_identity_field_changes_nothing(room: Room, wall: Wall) -> None:
    """A field that says what the photo shows gives the photo back, edges too."""
    painted = wall.shading.luma[..., None] * (wall.shading.median / wall.shading.median_luma).astype(np.float32)
    field = fit(painted, wall.shading.luma, wall.shading.weight, SRGB, step=wall.step)
    out = room.photo.copy()
    compose([wall.canvas], [field], out)
    change = delta_e(out, room.photo)
    assert change[room.alpha == 1].mean() < 0.5
    assert change.max() < 4


@pytest.mark.parametrize("step_px", [37, 768])
def test_tiles_agree_with_single_pixels(room: Room, monkeypatch: pytest.MonkeyPatch, step_px: int) -> None:
    """The quick way over tiles and the slow way over single pixels give the same wall, without seams."""
    monkeypatch.setattr("wallpaint.scene.scene.WORKING_PX", step_px)
    monkeypatch.setattr(composite, "TILE_PX", 64)
    wall = scene_wall(room)
    assert (wall.step > 1) == (step_px == 37)
    rng = np.random.default_rng(0)
    shape = (*wall.shading.luma.shape, 3)
    field = Field(
        rng.uniform(0.2, 0.5, shape).astype(np.float32), rng.uniform(0, 0.3, shape).astype(np.float32), wall.step
    )
    out = room.photo.copy()
    compose([wall.canvas], [field], out)
    rows, cols = np.nonzero(wall.canvas.matte.core)
    slow = codes_of(evaluate(field, rows, cols, wall.canvas.luma[rows, cols])).astype(int)
    top, left = wall.canvas.origin
    assert np.abs(out[rows + top, cols + left].astype(int) - slow).max() <= 1


def test_the_canvas_knows_its_luminance(room: Room, wall: Wall) -> None:
    rows, cols = np.nonzero(wall.canvas.matte.core)
    top, left = wall.canvas.origin
    assert wall.canvas.luma[rows, cols] == pytest.approx(luminance(room.photo)[rows + top, cols + left], abs=2e-4)


def test_a_sample_is_spread_over_the_core(wall: Wall) -> None:
    rows, cols = wall.canvas.sample(500)
    core = wall.canvas.matte.core
    assert rows.size == 500
    assert core[rows, cols].all()
    everywhere = np.nonzero(core)
    assert rows.mean() == pytest.approx(everywhere[0].mean(), abs=5)
    assert cols.mean() == pytest.approx(everywhere[1].mean(), abs=10)
    assert wall.canvas.sample(10**9)[0].size == core.sum()


# -- the lock


@pytest.mark.parametrize("wanted", ["#7d9b84", "#2b3a5c", "#f4f1ea", "#c00010"])
def test_lock_takes_the_median_to_the_target(room: Room, wall: Wall, wanted: str) -> None:
    """From a field that misses by far."""
    luma = wall.shading.luma
    painted = luma[..., None] * (rgb(wanted) / wall.shading.median_luma * [0.7, 0.9, 1.2]).astype(np.float32)
    field = fit(np.clip(painted, 0, 1), luma, wall.shading.weight, SRGB, step=wall.step)
    locked = lock(wall.canvas, field, rgb(wanted), wall.sample)
    rows, cols = wall.sample
    again = lock(wall.canvas, locked, rgb(wanted), wall.sample)
    for each, near in ((field, False), (locked, True), (again, True)):
        found = limit(evaluate(each, rows, cols, wall.canvas.luma[rows, cols]), SRGB)
        miss = delta_e(codes_of(np.median(found, axis=0), 65535), codes_of(rgb(wanted), 65535))
        assert (miss < 0.5) == near


def test_lock_without_a_sample_is_no_lock(wall: Wall) -> None:
    field = constant_field(wall, [0.5, 0.5, 0.5])
    none = np.zeros(0, np.int64)
    assert lock(wall.canvas, field, np.array([0.1, 0.1, 0.1]), (none, none)) is field


def test_the_yardstick_agrees_with_another() -> None:
    """The tests' own Lab against scikit-image's."""
    codes = np.random.default_rng(0).integers(0, 256, (50, 3)).astype(np.uint8)
    assert delta_e(codes, codes[::-1]) == pytest.approx(
        wallpaint.imaging.color.delta_e_2000(*(rgb2lab(c[None] / 255)[0] for c in (codes, codes[::-1]))), abs=0.05
    )


def test_steps_of_the_room_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """An odd size leaves blocks at the border that are not whole: they are wall like the rest."""
    monkeypatch.setattr("wallpaint.scene.scene.WORKING_PX", 50)
    room = make_room(101, 133, noise=0.0)
    wall = scene_wall(room)
    assert wall.step == 3
    result = repaint(room.photo, room.soft_mask, "#7d9b84", painter=AnalyticPainter(use_model=False))
    truth = room.literal(rgb("#7d9b84"))
    assert delta_e(result.codes, truth)[room.wall].mean() < 1.2
    border = room.wall.copy()
    border[2:-2, 2:-2] = False
    assert delta_e(result.codes, truth)[border].mean() < 2
