"""Color bleeding changes only pixels outside the walls, and only on request."""

from __future__ import annotations

import numpy as np
import pytest

from support.drawn_rooms import Room
from support.measures import eroded, luminance
from wallpaint.errors import InputError
from wallpaint.light import model as light_model
from wallpaint.pipeline.repaint import Scene, prepare

pytestmark = pytest.mark.skipif(light_model.load() is None, reason="made without the light model's weights")


@pytest.fixture(scope="module")
def scene(room: Room) -> Scene:
    return prepare(room.photo, {"wall": room.soft_mask})


def test_dark_paint_darkens_the_room_and_leaves_the_walls_unchanged(room: Room, scene: Scene) -> None:
    without, with_bleed = (scene.repaint({"wall": "#2b3a5c"}, match="room", bleed=bleed) for bleed in (False, True))
    outside = room.alpha == 0
    assert (with_bleed.codes == without.codes)[eroded(room.alpha == 1, 4)].all()
    assert (luminance(with_bleed.codes)[outside]).mean() < (luminance(without.codes)[outside]).mean()
    assert without.report["outside_max_diff"] == 0
    assert with_bleed.report["outside_max_diff"] > 0
    assert (without.report["bleed"], with_bleed.report["bleed"]) == (False, True)


def test_red_paint_reddens_the_room(room: Room, scene: Scene) -> None:
    outside = room.alpha == 0
    means = [
        scene.repaint({"wall": color}, match="room", bleed=True).codes[outside].astype(float).mean(0)
        for color in ("#c03020", "#2040c0")
    ]
    assert means[0][0] - means[0][2] > means[1][0] - means[1][2]


def test_bleed_without_the_light_models_weights_is_rejected(
    scene: Scene, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(light_model, "load", lambda: None)
    fresh = prepare(room.photo, {"wall": room.soft_mask})
    with pytest.raises(InputError, match="light model"):
        fresh.repaint({"wall": "#c03020"}, bleed=True)
    assert np.array_equal(fresh.photo.codes, room.photo)
