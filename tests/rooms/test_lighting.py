"""Lighting: colour temperatures, and the light sources of each lighting condition."""

from __future__ import annotations

import numpy as np
import pytest

from wallpaint.imaging.color import luminance
from wallpaint.rooms import lighting
from wallpaint.rooms.shell import Opening, Plan

WINDOWS = (Opening("left", "window", 1.0, 1.4, 0.9, 1.2), Opening("back", "window", 1.0, 1.4, 0.9, 1.2))
PLAN = Plan(5.0, 4.0, 2.6, WINDOWS)


@pytest.mark.parametrize(
    ("kelvin", "x", "y"),
    # CIE 15: chromaticities of the Planckian radiator (2856 K is illuminant A) and of daylight D50, D65, D75.
    [
        (2000, 0.5267, 0.4133),
        (2856, 0.4476, 0.4074),
        (5003, 0.3457, 0.3585),
        (6504, 0.3127, 0.3290),
        (7504, 0.2990, 0.3149),
    ],
)
def test_kelvin_rgb_matches_published_chromaticities(kelvin: float, x: float, y: float) -> None:
    from wallpaint.imaging.color import RGB_TO_XYZ

    rgb = lighting.kelvin_rgb(kelvin)
    assert luminance(np.array(rgb)) == pytest.approx(1, rel=0.03)
    if min(rgb) > 0:
        xyz = RGB_TO_XYZ @ np.array(rgb)
        assert xyz[:2] / xyz.sum() == pytest.approx((x, y), abs=0.003)


def test_warm_light_is_redder_than_cool_light() -> None:
    colors = [lighting.kelvin_rgb(k) for k in (2700, 3500, 4400, 5600, 9000)]
    ratio = [r / b for r, _, b in colors]
    assert ratio == sorted(ratio, reverse=True)


def test_every_condition_is_sampled_with_its_light_sources() -> None:
    conditions = set()
    for seed in range(40):
        light = lighting.sample_lighting(np.random.default_rng(seed), PLAN, "train")
        conditions.add(light.condition)
        assert (light.sun is not None) == (light.condition == "sun")
        assert light.lamps_on or light.condition not in ("mixed", "evening")
        assert min(light.sky_gain) > 0
    assert conditions == set(lighting.CONDITIONS)


def test_sun_shines_through_a_window() -> None:
    count = 0
    for seed in range(40):
        sun = lighting.sample_lighting(np.random.default_rng(seed), PLAN, "train").sun
        if sun is None:
            continue
        count += 1
        assert np.linalg.norm(sun.direction) == pytest.approx(1)
        assert sun.direction[2] > 0.2
        assert sun.direction[0] < -0.3 or sun.direction[1] > 0.3
    assert count > 3


def test_room_without_windows_has_its_lamps_on() -> None:
    for seed in range(10):
        light = lighting.sample_lighting(np.random.default_rng(seed), Plan(3.0, 3.0, 2.5, ()), "train")
        assert light.lamps_on
        assert light.sun is None


def test_test_split_has_its_own_bulbs() -> None:
    kelvin = {
        split: {lighting.sample_lighting(np.random.default_rng(seed), PLAN, split).kelvin for seed in range(30)}
        for split in ("train", "test")
    }
    assert kelvin["train"].isdisjoint(kelvin["test"])
