"""Color bleeding changes only pixels outside the walls, and only on request."""

from __future__ import annotations

import numpy as np
import pytest

from support.drawn_rooms import Room
from support.fixed_light_model import FixedLightModel
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


def test_bleed_without_a_light_model_is_rejected(room: Room) -> None:
    fresh = prepare(room.photo, {"wall": room.soft_mask}, light_model=None)
    with pytest.raises(InputError, match="`bleed` needs a light model"):
        fresh.repaint({"wall": "#c03020"}, bleed=True)
    assert np.array_equal(fresh.photo.codes, room.photo)


def test_bleed_follows_the_injected_model(room: Room) -> None:
    """A model in which gloss dominates says that no paint changes the light."""
    glossy, plain = (
        prepare(room.photo, {"wall": room.soft_mask}, light_model=FixedLightModel("#d9cfc0", gloss=gloss))
        for gloss in (1e4, 1e-4)
    )
    outside = room.alpha == 0
    changes = [
        np.abs(scene.repaint({"wall": "#2b3a5c"}, bleed=True).codes.astype(int) - room.photo)[outside].max()
        for scene in (glossy, plain)
    ]
    assert changes[0] <= 1 < 20 < changes[1]
