"""The light model applied to a wall: accuracy, hints, position, unchanged pixels and imports."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.drawn_rooms import Room, make_room, rgb
from support.fixed_light_model import FixedLightModel, with_light_model
from support.measures import Array, delta_e, far_outside, linear
from wallpaint.light import albedo_edit
from wallpaint.light import model as light_model
from wallpaint.light.model import LightCoefficients
from wallpaint.light.predictor import light_predictor
from wallpaint.painters.analytic import AnalyticPainter
from wallpaint.pipeline.repaint import Scene, prepare

NAVY, SAGE = "#2b3a5c", "#7d9b84"


@pytest.fixture(scope="module")
def scene(room: Room) -> Scene:
    return prepare(room.photo, {"wall": room.soft_mask}, old_color="#d9cfc0")


def test_exact_coefficients_give_the_ground_truth(room: Room, scene: Scene) -> None:
    fixed_scene = with_light_model(scene, FixedLightModel("#d9cfc0"))
    for color in (NAVY, SAGE):
        result = fixed_scene.repaint({"wall": color}, match="room")
        assert delta_e(result.codes, room.repainted(rgb(color)))[room.wall].mean() < 1.5
        assert result.report["walls"][0]["estimate"]["from"] == "light model"
        assert (result.codes == room.photo)[far_outside(room.soft_mask)].all()


def test_expected_error_depends_on_the_paint(scene: Scene) -> None:
    fixed_scene = with_light_model(scene, FixedLightModel("#d9cfc0", error=4.0))

    def expected(color: str) -> float:
        return float(
            fixed_scene.repaint({"wall": color}, match="room").report["walls"][0]["estimate"]["expected_error"]
        )

    dark, middle, bright = (expected(color) for color in ("#101010", "#808080", "#f4f1ea"))
    assert 1.0 < dark < middle < bright < 6.0
    wall = fixed_scene.walls["wall"]
    assert wall.light_prediction is not None
    assert albedo_edit.expected_error(wall.light_prediction, wall.light_input.wall) == pytest.approx(4.0)


def test_known_old_color_overrides_the_predicted_albedo(room: Room, scene: Scene) -> None:
    result = with_light_model(scene, FixedLightModel("#a09070")).repaint({"wall": SAGE}, match="room")
    assert delta_e(result.codes, room.repainted(rgb(SAGE)))[room.wall].mean() < 1.5


class RecordingModel(FixedLightModel):
    """A model that records the albedo hint it receives."""

    hint: Array | None = None

    def predict(self, photo: Array, mask: Array, known_albedo: Array | None = None) -> LightCoefficients:
        self.hint = known_albedo
        return super().predict(photo, mask, known_albedo)


def test_model_receives_the_known_albedo_of_a_uniform_wall(room: Room) -> None:
    """From an old colour or a white point; not without a hint, nor on a wall with a pattern or several paints."""
    model = RecordingModel("#d9cfc0")
    striped = room.photo.copy()
    striped[:, (np.arange(room.photo.shape[1]) // 40) % 2 == 0] //= 3

    def hint_for(photo: Array, **hints: Any) -> Array | None:
        prepare(photo, {"wall": room.soft_mask}, light_model=model, **hints).repaint({"wall": NAVY}, match="room")
        return model.hint

    hint = hint_for(room.photo, old_color="#d9cfc0")
    assert hint is not None
    np.testing.assert_allclose(hint, rgb("#d9cfc0"), atol=1e-6)
    assert hint_for(room.photo, white=(5, 5)) is not None
    assert hint_for(room.photo) is None
    assert hint_for(striped, old_color="#d9cfc0", old_wall="patterned") is None


def test_packaged_model_uses_the_known_albedo(room: Room) -> None:
    """The prediction depends on the hint, and the existing paint reproduces the photo."""
    model = light_model.load()
    if model is None:
        pytest.skip("this installation was made without the light model's weights")
    photo, wall = linear(room.photo).astype(np.float32), room.soft_mask.astype(np.float32) / 255
    predictions = {albedo: model.predict(photo, wall, np.full(3, albedo)) for albedo in (0.2, 0.5)}
    for albedo, prediction in predictions.items():
        assert (prediction.wall_albedo == np.float32(albedo)).all()
        e, slope = prediction.log_change(np.full(3, albedo))
        assert max(np.abs(e).max(), np.abs(slope).max()) < 1e-5
    assert np.abs(predictions[0.2].interreflection - predictions[0.5].interreflection).mean() > 1e-3


def test_gloss_is_constant_and_interreflection_grows_with_albedo(room: Room) -> None:
    scene = prepare(room.photo, {"wall": room.soft_mask})

    def median_value(color: str, **coefficients: float) -> float:
        result = with_light_model(scene, FixedLightModel("#d9cfc0", **coefficients)).repaint(
            {"wall": color}, match="room"
        )
        return float(np.median(linear(result.codes)[room.wall]))

    assert median_value(NAVY, gloss=0.05) > 1.2 * median_value(NAVY)
    assert median_value("#f4f1ea", interreflection=0.6) > median_value("#f4f1ea")
    assert median_value(NAVY, interreflection=0.6) < median_value(NAVY)


def test_packaged_model_is_plausible_in_a_plain_room(room: Room) -> None:
    if light_model.load() is None:
        pytest.skip("this installation was made without the light model's weights")
    result = prepare(room.photo, {"wall": room.soft_mask}).repaint({"wall": SAGE}, match="room")
    assert delta_e(result.codes, room.repainted(rgb(SAGE)))[room.wall].mean() < 15
    assert 0.5 < result.report["walls"][0]["estimate"]["expected_error"] < 25


class RampModel(FixedLightModel):
    """A model whose predicted albedo of the existing paint increases from left to right by LOG_RANGE, natural log."""

    LOG_RANGE = 1.5

    def predict(self, photo: Array, mask: Array, known_albedo: Array | None = None) -> LightCoefficients:
        prediction = super().predict(photo, mask, known_albedo)
        ramp = np.exp(self.LOG_RANGE * (np.arange(64, dtype=np.float32) + 0.5) / 64 - self.LOG_RANGE)
        return replace(prediction, wall_albedo=prediction.wall_albedo * ramp[None, :, None])


@pytest.mark.parametrize("columns", [slice(20, 150), slice(170, 300)])
def test_prediction_is_applied_at_the_same_position(columns: slice) -> None:
    """On a wall that covers only part of the photo, with an offset working grid."""
    room = make_room(plaster=0.0, shadow=0.0)
    mask = np.zeros(room.soft_mask.shape, np.uint8)
    mask[20:110, columns] = 255
    scene = with_light_model(prepare(room.photo, {"wall": mask}), RampModel("#d9cfc0"))
    result = scene.repaint({"wall": "#808080"}, match="room")
    inner = slice(columns.start + 15, columns.stop - 15)
    change = np.log(linear(result.codes)[40:90, inner].mean((0, 2)) / linear(room.photo)[40:90, inner].mean((0, 2)))
    slope = float(np.polyfit(np.arange(len(change)), change, 1)[0]) * room.photo.shape[1]
    assert slope == pytest.approx(-albedo_edit.LOCAL_SHARE * RampModel.LOG_RANGE, rel=0.15)


@pytest.mark.parametrize("size", [(40, 200), (200, 40), (30, 30)])
def test_light_model_accepts_any_photo_shape(size: tuple[int, int]) -> None:
    small = make_room(*size)
    mask = np.full(size, 255, np.uint8)
    mask[-8:] = 0
    result = prepare(small.photo, {"wall": mask}).repaint({"wall": NAVY}, match="room")
    assert (result.codes[-4:] == small.photo[-4:]).all()


def test_scene_estimate_is_used_without_the_model(scene: Scene) -> None:
    result = scene.repaint({"wall": NAVY}, match="room", painter=AnalyticPainter(use_model=False))
    assert "estimate" not in result.report["walls"][0]


def test_packaged_model_is_loaded_once(room: Room) -> None:
    assert light_predictor("packaged") is light_predictor("packaged") is light_model.load()
    assert light_predictor(None) is None
    model = FixedLightModel("#d9cfc0")
    assert light_predictor(model) is model
    for choice, expected in (("packaged", light_model.load()), (model, model), (None, None)):
        scene = prepare(room.photo, {"wall": room.soft_mask}, light_model=choice)
        assert scene.walls["wall"].light_model is expected


class CountingModel(FixedLightModel):
    """A model that counts its predictions."""

    count = 0

    def predict(self, photo: Array, mask: Array, known_albedo: Array | None = None) -> LightCoefficients:
        self.count += 1
        return super().predict(photo, mask, known_albedo)


def test_injected_model_runs_once_per_wall_and_only_on_demand(room: Room) -> None:
    """The analytic painter and color bleeding share one prediction."""
    model = CountingModel("#d9cfc0")
    scene = prepare(room.photo, {"wall": room.soft_mask}, light_model=model)
    scene.repaint({"wall": NAVY}, painter=AnalyticPainter(use_model=False))
    assert model.count == 0
    for match in ("swatch", "room"):
        scene.repaint({"wall": NAVY}, match=match, bleed=True)
    assert model.count == 1


def test_scene_without_a_model_equals_a_painter_that_uses_none(room: Room, scene: Scene) -> None:
    bare = prepare(room.photo, {"wall": room.soft_mask}, old_color="#d9cfc0", light_model=None)
    result = bare.repaint({"wall": NAVY}, match="room")
    expected = scene.repaint({"wall": NAVY}, match="room", painter=AnalyticPainter(use_model=False))
    assert np.array_equal(result.codes, expected.codes)


def test_repaint_does_not_import_torch(room: Room, tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(room.photo).save(tmp_path / "room.png")
    Image.fromarray(room.soft_mask).save(tmp_path / "mask.png")
    argv = ["repaint", "room.png", "--mask", "mask.png", "--color", SAGE, "--match", "room", "-o", "out.png"]
    code = (
        f"import sys; from wallpaint.cli.app import main; assert main({argv}) == 0; assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
