"""Dark walls in bright paints, lamps on walls, swatches brighter than white, and several existing paints."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from support.drawn_rooms import Room, make_room, rgb
from support.fixed_light_model import FixedLightModel, with_light_model
from support.measures import Array, codes_of, delta_e, lab, linear
from wallpaint.light import albedo_edit
from wallpaint.light.model import LightCoefficients
from wallpaint.painters import analytic, code_noise
from wallpaint.painters.protocol import Match
from wallpaint.pipeline.repaint import prepare
from wallpaint.scene.intrinsics import decompose

WHITE, NAVY, SAGE = "#f4f1e8", "#22303f", "#7d9b84"
BURGUNDY = "#3c1518"


def compressed(codes: Array, quality: int = 85) -> Array:
    """Return codes (H, W, 3) after JPEG compression."""
    data = cv2.imencode(".jpg", codes[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def inner_wall(room: Room) -> Array:
    return cv2.erode(room.wall.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0


def local_noise(codes: Array, wall: Array) -> float:
    """Return the standard deviation of L* within 9 pixels."""
    lightness = lab(codes)[..., 0].astype(np.float32)
    return float((lightness - cv2.blur(lightness, (9, 9)))[wall].std())


@pytest.mark.parametrize("match", ["swatch", "room"])
def test_code_noise_of_a_dark_wall_is_not_amplified(match: Match, monkeypatch: pytest.MonkeyPatch) -> None:
    room = make_room(480, 640, old=BURGUNDY, plaster=0.0, noise=0.06, shadow=0.3)
    photo = compressed(room.photo)
    scene, wall = prepare(photo, {"wall": room.soft_mask}), inner_wall(room)
    filtered = scene.repaint({"wall": WHITE}, match=match).codes
    monkeypatch.setattr(analytic, "without_code_noise", lambda intrinsics, new_luma: intrinsics.log_shading)
    monkeypatch.setattr(analytic, "detail_share", lambda intrinsics, new_luma: None)
    unfiltered = scene.repaint({"wall": WHITE}, match=match).codes
    assert local_noise(filtered, wall) < 0.6
    assert local_noise(filtered, wall) < 0.5 * local_noise(unfiltered, wall)


def test_shadow_edge_on_a_dark_wall_stays() -> None:
    luma = np.where(np.arange(160) < 80, 1.0, 0.35)
    light = np.broadcast_to(luma[:, None], (120, 160, 3)) * rgb(BURGUNDY)
    light = light * (1 + np.random.default_rng(0).normal(0, 0.05, (120, 160, 1)))
    intrinsics = decompose(light.astype(np.float32), np.ones((120, 160), np.float32), np.ones(3), 0.002)
    filtered = code_noise.without_code_noise(intrinsics, 0.85)
    step = np.median(filtered[:, 72:77]) - np.median(filtered[:, 83:88])
    assert step > 0.85 * np.log(1 / 0.35)
    assert filtered[:, 20:60].std() < 0.4 * intrinsics.log_shading[:, 20:60].std()


def test_bright_wall_keeps_its_shading_exactly(room: Room) -> None:
    intrinsics = decompose(linear(room.photo).astype(np.float32), room.wall.astype(np.float32), np.ones(3), 0.002)
    assert code_noise.without_code_noise(intrinsics, 0.85) is intrinsics.log_shading
    assert code_noise.detail_share(intrinsics, 0.02) is None


def test_dark_saturated_wall_leaves_no_cast() -> None:
    """The model mistakes a saturated wall for a paler one; its codes do not contradict it."""
    room = make_room(old=BURGUNDY, plaster=0)
    scene = with_light_model(prepare(compressed(room.photo), {"wall": room.soft_mask}), FixedLightModel("#30181a"))
    neutral = replace(scene.walls["wall"].illuminant, white=(0.6, 0.6, 0.6))
    scene = replace(scene, walls={"wall": replace(scene.walls["wall"], illuminant=neutral)})
    codes = scene.repaint({"wall": "#e8e8e8"}, match="room").codes
    plain = analytic._without_cast
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analytic, "_without_cast", lambda wall, painted, albedo: painted)
        cast = scene.repaint({"wall": "#e8e8e8"}, match="room").codes
    assert analytic._without_cast is plain
    chroma, cast_chroma = (np.hypot(*np.median(lab(c)[room.wall], axis=0)[1:]) for c in (codes, cast))
    assert chroma < 0.6 * cast_chroma


# -- lamps


def lamp_room(strength: float = 1.2) -> tuple[Room, Array]:
    """Return a grey room with a warm lamp's glow, and the glow, (H, W), 0..1."""
    room = make_room(old="#8f8f8f", shadow=0, plaster=0)
    y, x = np.mgrid[0:240, 0:320]
    glow = np.exp(-((x - 160) ** 2 + (y - 60) ** 2) / (2 * 28.0**2))
    warm = 1 + strength * glow[..., None] * np.array([1.0, 0.55, 0.15])
    return replace(room, light=0.5 * room.light * warm), glow


class WarmSpotModel(FixedLightModel):
    """A model that takes half of the photo's warmth for paint."""

    def predict(self, photo: Array, mask: Array, known_albedo: Array | None = None) -> LightCoefficients:
        prediction = super().predict(photo, mask, known_albedo)
        small = np.maximum(prediction.photo, 1e-3)
        warmth = np.maximum(np.log(small[..., :1] / small[..., 2:]), 0)
        albedo = prediction.wall_albedo * np.exp(0.8 * warmth * np.array([0.5, 0.0, -0.5]))
        return replace(prediction, wall_albedo=albedo.astype(np.float32))


@pytest.mark.parametrize("color", [NAVY, "#8a6a50"])
def test_glow_of_a_lamp_survives_in_darker_paint(color: str, monkeypatch: pytest.MonkeyPatch) -> None:
    room, glow = lamp_room()
    scene = with_light_model(prepare(room.photo, {"wall": room.soft_mask}), WarmSpotModel("#8f8f8f"))

    def warmth() -> float:
        light = linear(scene.repaint({"wall": color}, match="room").codes)
        ratio = np.log(np.maximum(light[..., 0], 1e-4) / np.maximum(light[..., 2], 1e-4))
        return float(np.median(ratio[room.wall & (glow > 0.9)]) - np.median(ratio[room.wall & (glow < 0.02)]))

    kept = warmth()
    monkeypatch.setattr(albedo_edit, "LAMP_ALBEDO_SHARE", 1.0)
    assert kept > warmth() + 0.15
    assert kept > 0.3


# -- brighter than white


def test_swatch_brighter_than_white_keeps_gradient_and_hue() -> None:
    room, glow = lamp_room()
    scene = prepare(room.photo, {"wall": room.soft_mask}, old_color="#8f8f8f")
    result = scene.repaint({"wall": WHITE}, match="swatch")
    entry, wall = result.report["walls"][0], inner_wall(room)
    assert entry["brighter_than_white"] is True
    assert entry["delta_e_2000"] <= 0.25
    assert (result.codes[wall].min(-1) >= 254).mean() < 0.001
    rings = [wall & (glow > low) & (glow <= low + 0.1) for low in np.arange(0.1, 0.95, 0.1)]
    colors = np.array([lab(result.codes[ring]).mean(0) for ring in rings])  # [ring, 3], from the rim to the lamp
    assert (np.diff(colors[:, 0]) > -0.15).all()
    assert colors[-1, 0] > colors[0, 0]
    chroma = np.hypot(colors[:, 1], colors[:, 2])
    assert chroma[-1] > 0.8 * chroma.max()
    hue = np.degrees(np.arctan2(colors[:, 2], colors[:, 1]))
    photo_colors = np.array([lab(room.photo[ring]).mean(0) for ring in rings])
    photo_hue = np.degrees(np.arctan2(photo_colors[-1, 2], photo_colors[-1, 1]))
    assert abs(hue[-1] - photo_hue) < 25


@pytest.mark.parametrize(
    ("color", "match", "expected"), [(WHITE, "swatch", True), (NAVY, "swatch", False), (WHITE, "room", False)]
)
def test_report_states_whether_a_wall_is_brighter_than_white(color: str, match: Match, expected: bool) -> None:
    room = make_room(old="#8a8f98", shadow=0.2)
    dim = replace(room, light=0.6 * room.light)
    scene = prepare(dim.photo, {"wall": dim.soft_mask}, old_color="#8a8f98")
    entry = scene.repaint({"wall": color}, match=match).report["walls"][0]
    assert entry["brighter_than_white"] is expected
    assert any("brighter than white" in line for line in entry["warnings"]) is expected


# -- several paints


def test_two_paints_become_more_alike_with_the_smaller_share(monkeypatch: pytest.MonkeyPatch) -> None:
    left = (np.arange(320) < 150)[None, :, None]
    old = np.broadcast_to(np.where(left, rgb("#8c3b30"), rgb("#d9cfc0")), (240, 320, 3))
    room = make_room(old=old, shadow=0, plaster=0)

    def difference() -> float:
        codes = prepare(room.photo, {"wall": room.soft_mask}).repaint({"wall": SAGE}, match="room").codes
        level = linear(codes) / room.light
        one, other = (np.median(level[:, s][room.wall[:, s]], axis=0) for s in (slice(0, 140), slice(160, None)))
        scale = np.median(linear(codes)[room.wall], axis=0) / np.median(level[room.wall], axis=0)
        return float(delta_e(codes_of(one * scale), codes_of(other * scale)))

    ours = difference()
    monkeypatch.setattr(albedo_edit, "SEVERAL_PAINTS_SHARE", (albedo_edit.LOCAL_SHARE, albedo_edit.LOCAL_SHARE))
    assert ours < difference()
    assert ours < 6


def test_removed_difference_that_the_model_restores_counts_as_light() -> None:
    correction = np.zeros((8, 8, 3), np.float32)
    correction[:, :3] = 0.8
    local = np.concatenate([correction, np.zeros((8, 8, 1), np.float32)], -1)
    trust = np.ones((8, 8), np.float32)
    paints, light = albedo_edit.SEVERAL_PAINTS_SHARE
    assert albedo_edit._several_paints_share(local, correction, trust, 0.0) == pytest.approx(light)
    assert albedo_edit._several_paints_share(0 * local, correction, trust, 0.0) == pytest.approx(paints)
    dark = albedo_edit._several_paints_share(0 * local, correction, trust, 3.0)
    assert dark == pytest.approx(albedo_edit.DARK_SEVERAL_PAINTS_SHARE)
