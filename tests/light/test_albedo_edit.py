"""The light model on a wall: whole, smooth, exact about what it may not touch, and quick to load."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.drawn_rooms import Room, make_room, rgb
from support.fixed_light_model import Told, with_model
from support.measures import Array, delta_e, far_outside, linear
from wallpaint.light import albedo_edit as lit
from wallpaint.light import model as light_model
from wallpaint.light.model import Coefficients
from wallpaint.painters.analytic import AnalyticPainter
from wallpaint.pipeline.repaint import Scene, prepare

NAVY, SAGE = "#2b3a5c", "#7d9b84"


@pytest.fixture(scope="module")
def scene(room: Room) -> Scene:
    return prepare(room.photo, {"wall": room.soft_mask}, old_color="#d9cfc0")


def test_a_model_that_knows_the_old_paint_gives_the_truth(
    room: Room, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = with_model(scene, Told("#d9cfc0"), monkeypatch)
    for color in (NAVY, SAGE):
        result = seen.repaint({"wall": color}, match="room")
        assert delta_e(result.codes, room.lit(rgb(color)))[room.wall].mean() < 1.5
        assert result.report["walls"][0]["estimate"]["from"] == "light model"
        assert (result.codes == room.photo)[far_outside(room.soft_mask)].all()


def test_a_doubt_is_told_for_the_paint(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = with_model(scene, Told("#d9cfc0", error=4.0), monkeypatch)

    def expected(color: str) -> float:
        return float(seen.repaint({"wall": color}, match="room").report["walls"][0]["estimate"]["expected_error"])

    dark, middle, bright = (expected(color) for color in ("#101010", "#808080", "#f4f1ea"))
    assert 1.0 < dark < middle < bright < 6.0
    wall = seen.walls["wall"].sight
    assert wall.seen is not None
    assert lit.expected_error(wall.seen, wall.wall) == pytest.approx(4.0)


def test_what_the_user_knows_of_the_old_paint_counts_for_more_than_the_model(
    room: Room, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = with_model(scene, Told("#a09070"), monkeypatch).repaint({"wall": SAGE}, match="room")
    assert delta_e(result.codes, room.lit(rgb(SAGE)))[room.wall].mean() < 1.5


class Listening(Told):
    """A model that keeps what it is told of the old paint."""

    def look(self, photo: Array, mask: Array, old: Array | None = None) -> Coefficients:
        self.heard = old
        return super().look(photo, mask, old)


def test_the_model_is_told_the_old_paint_where_there_is_a_single_one(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name or by something white; not where a second paint, a pattern or no word of the user speaks."""
    model = Listening("#d9cfc0")
    monkeypatch.setattr(light_model, "load", lambda: model)
    striped = room.photo.copy()
    striped[:, (np.arange(room.photo.shape[1]) // 40) % 2 == 0] //= 3

    def heard(photo: Array, **hints: Any) -> Array | None:
        prepare(photo, {"wall": room.soft_mask}, **hints).repaint({"wall": NAVY}, match="room")
        return model.heard

    told = heard(room.photo, old_color="#d9cfc0")
    assert told is not None
    np.testing.assert_allclose(told, rgb("#d9cfc0"), atol=1e-6)
    white = heard(room.photo, white=(5, 5))
    assert white is not None
    assert heard(room.photo) is None
    assert heard(striped, old_color="#d9cfc0", old_wall="patterned") is None


def test_the_package_s_model_listens(room: Room) -> None:
    """What it says of the light follows what it is told, and the old paint gives the photo."""
    model = light_model.load()
    if model is None:
        pytest.skip("this installation was made without the light model's weights")
    photo, wall = linear(room.photo).astype(np.float32), room.soft_mask.astype(np.float32) / 255
    seen = {albedo: model.look(photo, wall, np.full(3, albedo)) for albedo in (0.2, 0.5)}
    for albedo, one in seen.items():
        assert (one.old == np.float32(albedo)).all()
        e, slope = one.change(np.full(3, albedo))
        assert max(np.abs(e).max(), np.abs(slope).max()) < 1e-5
    assert np.abs(seen[0.2].bounce - seen[0.5].bounce).mean() > 1e-3


def test_gloss_stays_and_bounced_light_grows_with_the_paint(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = prepare(room.photo, {"wall": room.soft_mask})

    def middle(color: str, **more: float) -> float:
        result = with_model(scene, Told("#d9cfc0", **more), monkeypatch).repaint({"wall": color}, match="room")
        return float(np.median(linear(result.codes)[room.wall]))

    assert middle(NAVY, gloss=0.05) > 1.2 * middle(NAVY)
    assert middle("#f4f1ea", bounce=0.6) > middle("#f4f1ea")
    assert middle(NAVY, bounce=0.6) < middle(NAVY)


def test_the_package_has_a_model_that_is_sane_in_a_plain_room(room: Room) -> None:
    if light_model.load() is None:
        pytest.skip("this installation was made without the light model's weights")
    result = prepare(room.photo, {"wall": room.soft_mask}).repaint({"wall": SAGE}, match="room")
    assert delta_e(result.codes, room.lit(rgb(SAGE)))[room.wall].mean() < 15
    assert 0.5 < result.report["walls"][0]["estimate"]["expected_error"] < 25


class Slanted(Told):
    """A model that thinks the old paint ever brighter from left to right, by SLANT in all, in natural logs."""

    SLANT = 1.5

    def look(self, photo: Array, mask: Array, old: Array | None = None) -> Coefficients:
        seen = super().look(photo, mask, old)
        ramp = np.exp(self.SLANT * (np.arange(64, dtype=np.float32) + 0.5) / 64 - self.SLANT)
        return replace(seen, old=seen.old * ramp[None, :, None])


@pytest.mark.parametrize("columns", [slice(20, 150), slice(170, 300)])
def test_what_is_seen_of_a_place_is_applied_there(columns: slice, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a wall that is but a part of the photo, whose working pixels begin elsewhere."""
    room = make_room(plaster=0.0, shadow=0.0)
    mask = np.zeros(room.soft_mask.shape, np.uint8)
    mask[20:110, columns] = 255
    scene = with_model(prepare(room.photo, {"wall": mask}), Slanted("#d9cfc0"), monkeypatch)
    result = scene.repaint({"wall": "#808080"}, match="room")
    inner = slice(columns.start + 15, columns.stop - 15)
    change = np.log(linear(result.codes)[40:90, inner].mean((0, 2)) / linear(room.photo)[40:90, inner].mean((0, 2)))
    slope = float(np.polyfit(np.arange(len(change)), change, 1)[0]) * room.photo.shape[1]
    assert slope == pytest.approx(-lit.LOCAL * Slanted.SLANT, rel=0.15)


@pytest.mark.parametrize("size", [(40, 200), (200, 40), (30, 30)])
def test_any_shape_of_photo(size: tuple[int, int]) -> None:
    small = make_room(*size)
    mask = np.full(size, 255, np.uint8)
    mask[-8:] = 0
    result = prepare(small.photo, {"wall": mask}).repaint({"wall": NAVY}, match="room")
    assert (result.codes[-4:] == small.photo[-4:]).all()


def test_without_the_model_the_scene_s_own_estimate_paints(scene: Scene) -> None:
    result = scene.repaint({"wall": NAVY}, match="room", painter=AnalyticPainter(use_model=False))
    assert "estimate" not in result.report["walls"][0]


def test_places_of_working_pixels() -> None:
    place = lit.Place((12, 0), 4, (120, 64))
    rows, cols = place.rows_cols((3, 16), (30, 16))
    np.testing.assert_allclose(rows, [3, 4, 5], atol=1e-5)
    np.testing.assert_allclose(cols, np.arange(16), atol=1e-5)


def test_nothing_waits_for_torch(room: Room, tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(room.photo).save(tmp_path / "room.png")
    Image.fromarray(room.soft_mask).save(tmp_path / "mask.png")
    words = ["repaint", "room.png", "--mask", "mask.png", "--color", SAGE, "--match", "room", "-o", "out.png"]
    code = (
        f"import sys; from wallpaint.cli.app import main; assert main({words}) == 0; assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
