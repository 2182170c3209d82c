"""Literal's shading: the light model's word, taken no further than the photo's shading is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support.drawn_rooms import Room, make_room, rgb
from support.fixed_light_model import Told, with_model
from support.measures import Array, Yardstick, delta_e, eroded, far_outside, median
from wallpaint.imaging.masked_filters import weighted_quantile
from wallpaint.painters import shading_transfer as literal
from wallpaint.painters.analytic import AnalyticPainter
from wallpaint.paints.paint import Paint
from wallpaint.pipeline.repaint import Scene, prepare
from wallpaint.scene.intrinsics import SPREAD_QUANTILES, Shading

NAVY, SAGE, WHITE = "#2b3a5c", "#7d9b84", "#f4f1ea"
HEIGHT, WIDTH = 60, 80


class Corner(Told):
    """A model that takes the left half of the picture for another paint."""

    def __init__(self, old: str, left: float, **more: float) -> None:
        super().__init__(old, **more)
        self.left = left

    def look(self, photo: Array, mask: Array, old: Array | None = None):
        seen = super().look(photo, mask, old)
        old = seen.old.copy()
        old[:, : old.shape[1] // 2] *= self.left
        return replace(seen, old=np.minimum(old, 0.97))


@pytest.fixture(scope="module")
def scene(room: Room) -> Scene:
    return prepare(room.photo, {"wall": room.soft_mask})


def plain_shading(shade: Array, evened: bool = False) -> Shading:
    ones, none = np.ones_like(shade), np.zeros((*shade.shape, 3), np.float32)
    spread = weighted_quantile(shade, ones, SPREAD_QUANTILES)
    grey = np.full(3, 0.4)
    return Shading(ones, ones, grey, 0.4, shade, none, 0 * ones, np.ones(3), spread, 0.0, 1, (), evened)


def picture(shade: Array, luma: float = 0.4) -> Array:
    return np.repeat((luma * np.exp(shade))[..., None], 3, -1).astype(np.float32)


def waves() -> Array:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return (0.3 * np.sin(x / 7) + 0.3 * np.cos(y / 9)).astype(np.float32)


def reshaded(
    change: Array,
    *,
    swatch: float = 0.05,
    expected: float = 5.0,
    evened: bool = False,
    squeezed: tuple[float, float] = (1.0, 1.0),
) -> Array:
    """How far the log shade of a wavy wall moved where the model says `change`."""
    shade = waves()
    taken = plain_shading(shade - np.float32(np.median(shade)), evened)
    after = picture(taken.shade + change, 0.05)
    found, moved = literal.reshaded(
        taken, taken.shade, picture(taken.shade), after, np.full(3, swatch), expected, squeezed
    )
    assert np.array_equal(found.shade, moved)
    assert found.spread == pytest.approx(np.quantile(moved, SPREAD_QUANTILES), abs=1e-3)
    return moved - taken.shade


def test_a_small_change_is_taken_for_most() -> None:
    change = 0.15 * waves()
    np.testing.assert_allclose(
        reshaded(change) - reshaded(change).mean(), literal.MOST * (change - change.mean()), atol=0.01
    )


def test_a_change_of_contrast_stops_where_the_photo_s_is_no_longer_kept() -> None:
    for factor in (2.0, 0.2):
        moved = waves() + reshaded((factor - 1) * waves())
        low, high = (np.quantile(moved, q) for q in (0.05, 0.95))
        kept = float(high - low) / literal.light_range(waves())
        assert literal.CONTRASTS[0] - 0.01 <= kept <= literal.CONTRASTS[1] + 0.01
        assert abs(kept - 1) > 0.08


def test_other_gradients_are_not_taken_over() -> None:
    y, _ = np.mgrid[0:HEIGHT, 0:WIDTH]
    ripples = (0.3 * np.sin(y / 1.5)).astype(np.float32)
    old, new = waves(), waves() + reshaded(ripples)
    pairs = [np.concatenate([np.diff(a, axis=i).ravel() for i in (0, 1)]) for a in (old, new)]
    assert np.corrcoef(*pairs)[0, 1] > literal.GRADIENTS - 0.02
    assert np.abs(reshaded(ripples, evened=True)).std() > 2 * np.abs(reshaded(ripples)).std()


def test_what_the_gamut_takes_of_the_gradients_leaves_less_to_the_model() -> None:
    y, _ = np.mgrid[0:HEIGHT, 0:WIDTH]
    ripples = (0.06 * np.sin(y / 3)).astype(np.float32)
    shares = [reshaded(ripples, squeezed=(1.0, kept)).std() for kept in (1.0, 0.975, literal.FINISHED)]
    assert shares[0] > 1.2 * shares[1] > 0
    assert shares[2] == 0


def test_gradients_kept() -> None:
    all_of_it, y = np.ones((HEIGHT, WIDTH), np.float32), np.mgrid[0:HEIGHT, 0:WIDTH][0]
    assert literal.gradients_kept(all_of_it, waves(), 0.5 * waves() + 1) == pytest.approx(1, abs=0.01)
    assert literal.gradients_kept(all_of_it, waves(), -waves()) == 0
    assert 0.2 < literal.gradients_kept(all_of_it, waves(), waves() + 0.3 * np.sin(y / 3)) < 0.9
    assert literal.gradients_kept(all_of_it, waves(), 0 * waves()) == 1


def test_a_model_out_of_its_depth_and_the_wall_s_own_colour_change_nothing() -> None:
    change = 0.15 * waves()
    assert not reshaded(change, expected=literal.LOST).any()
    assert not reshaded(change, swatch=0.4).any()
    half = reshaded(change, expected=(literal.SURE + literal.LOST) / 2)
    assert half.std() == pytest.approx(0.5 * reshaded(change).std(), rel=0.02)


def test_a_part_that_the_model_knows_for_another_paint_is_evened_out(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = np.where(np.arange(room.alpha.shape[1]) < room.alpha.shape[1] // 2, 0.8, 1.0)
    old = (rgb("#d9cfc0") * half[None, :, None]).astype(np.float32)
    two = make_room(old=np.broadcast_to(old, (*room.alpha.shape, 3)), shadow=0)
    scene = prepare(two.photo, {"wall": two.soft_mask})
    assert scene.walls["wall"].shading.old_paints == 1
    told = with_model(scene, Corner("#d9cfc0", 0.8), monkeypatch).repaint({"wall": NAVY}).codes
    kept = scene.repaint({"wall": NAVY}, painter=AnalyticPainter(use_model=False)).codes
    ours, before = (delta_e(codes, two.literal(rgb(NAVY)))[two.wall].mean() for codes in (told, kept))
    assert ours < 0.97 * before


@pytest.mark.parametrize("color", [NAVY, SAGE, WHITE])
def test_the_swatch_is_exact_and_the_shading_kept_whatever_the_model_says(
    room: Room, scene: Scene, color: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = eroded(room.wall, 3)
    yardstick = Yardstick(room.photo, inner)
    kept = yardstick.shading(scene.repaint({"wall": color}, painter=AnalyticPainter(use_model=False)).codes)
    for model in (Told("#d9cfc0", spread=0.5, bounce=0.8), Told("#504030", spread=-0.5), Corner("#d9cfc0", 0.3)):
        result = with_model(scene, model, monkeypatch).repaint({"wall": color})
        assert delta_e(median(result.codes, room.wall), Paint.parse(color).rgb) <= 0.5
        found = yardstick.shading(result.codes)
        assert found.correlation >= min(0.95, kept.correlation - 0.03)
        assert min(0.8, 0.85 * kept.contrast) <= found.contrast <= 1.25
        assert found.clipped <= 0.001
        assert (result.codes == room.photo)[far_outside(room.soft_mask)].all()


def test_without_the_model_literal_is_the_formula(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = scene.repaint({"wall": NAVY}, painter=AnalyticPainter(use_model=False)).codes
    assert np.array_equal(with_model(scene, None, monkeypatch).repaint({"wall": NAVY}).codes, plain)
    lost = with_model(scene, Told("#504030", error=20.0), monkeypatch).repaint({"wall": NAVY}).codes
    assert np.array_equal(lost, plain)


def test_twice_is_the_same(scene: Scene) -> None:
    one, two = (scene.repaint({"wall": SAGE}).codes for _ in range(2))
    assert np.array_equal(one, two)
