"""Pairs: one camera for both pictures, the right paints, and what each is a case of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support import synthetic_rooms
from wallpaint.imaging.color import delta_e_2000, linear_to_lab, srgb_to_linear
from wallpaint.rooms.sets import camera, pairs
from wallpaint.rooms.sets.pairs import Pair
from wallpaint.rooms.sets.room_file import DressedView, RoomRecord
from wallpaint.rooms.surfaces import paints
from wallpaint.rooms.tracing import buckets

SIZE = (48, 64)


def made(seed: int, samples: int = 400) -> RoomRecord:
    record = synthetic_rooms.render(seed, SIZE, samples)
    assert isinstance(record, RoomRecord)
    return record


@pytest.fixture(scope="module")
def plain() -> list[Pair]:
    return pairs.pairs_of(made(1), 6)


@pytest.fixture(scope="module")
def dressed() -> list[Pair]:
    return pairs.pairs_of(made(2), 2)


def test_shapes_ranges_and_names(plain: list[Pair], dressed: list[Pair]) -> None:
    for pair in [*plain, *dressed]:
        assert pair.photo.shape == pair.target.shape == pair.clean_photo.shape == (*SIZE, 3)
        assert pair.photo.dtype == np.uint8
        assert pair.target.dtype == pair.clean_photo.dtype == pair.alpha.dtype == np.float32
        assert 0 <= pair.target.min() <= pair.target.max() <= 1
    names = [pair.name for pair in [*plain, *dressed]]
    assert len(set(names)) == len(names)


def test_the_first_pair_starts_from_the_rooms_own_paint(plain: list[Pair]) -> None:
    np.testing.assert_array_equal(plain[0].old_albedo, made(1).old_paint)
    assert not np.allclose(plain[1].old_albedo, plain[0].old_albedo)


def test_a_pair_depends_on_seeds_alone(plain: list[Pair]) -> None:
    again = pairs.pairs_of(made(1), 3)
    for first, second in zip(plain, again, strict=False):
        assert (first.jpeg, first.name, first.tracks) == (second.jpeg, second.name, second.tracks)
        np.testing.assert_array_equal(first.target, second.target)
    assert pairs.pairs_of(made(1), 1, seed=1)[0].jpeg != plain[0].jpeg


def test_both_pictures_are_of_the_identical_camera(plain: list[Pair]) -> None:
    pair = plain[0]
    for light, picture in ((pair.old_radiance, pair.clean_photo), (pair.new_radiance, pair.target)):
        np.testing.assert_array_equal(camera.develop(light, pair.camera, pair.exposure), picture)
    record = made(1)
    np.testing.assert_allclose(pair.new_radiance, buckets.radiance(record.buckets, pair.new_albedo), rtol=1e-5)
    metered = camera.meter(camera.half_way(pair.old_radiance, pair.new_radiance), pair.camera)
    assert pair.exposure == metered


def test_the_photo_is_its_clean_self_and_noise(plain: list[Pair]) -> None:
    for pair in plain:
        difference = pair.photo / 255.0 - pair.clean_photo
        assert 0.001 < difference.std() < 0.08
        assert abs(difference.mean()) < 0.01


def test_a_wall_multiplied_by_the_true_ratio_comes_near_the_target() -> None:
    """With little light between the walls, which is all that a ratio cannot tell."""
    record = made(1, 10**8)
    dim = record.buckets * (0.02 ** np.arange(6) / 0.02).reshape(-1, 1, 1, 1).astype(np.float32)
    for pair in pairs.pairs_of(replace(record, buckets=dim), 3):
        wall = pair.alpha > 0.99
        ratio = np.asarray(pair.new_albedo) / np.asarray(pair.old_albedo)
        found = camera.develop(pair.old_radiance * ratio, pair.camera, pair.exposure)
        lab = [linear_to_lab(srgb_to_linear(p[wall].astype(float))) for p in (found, pair.target)]
        assert float(delta_e_2000(*lab).mean()) < 2.5


def test_new_paints_are_seen_to_be_new_and_belong_to_the_split(plain: list[Pair]) -> None:
    for pair in plain:
        gap = np.linalg.norm(linear_to_lab(pair.new_albedo) - linear_to_lab(pair.old_albedo))
        assert gap >= pairs.LEAST_CHANGE
        assert paints.belongs(np.asarray(pair.new_albedo), "train")
    for pair in pairs.pairs_of(made(950_001), 3):
        assert paints.belongs(np.asarray(pair.new_albedo), "test")


def test_paints_can_be_given() -> None:
    asked: list[str] = []

    def paint(rng: np.random.Generator, split: str) -> np.ndarray:
        asked.append(split)
        return np.full(3, rng.uniform(0.1, 0.9))

    found = pairs.pairs_of(made(1), 2, split="validation", paint=paint)
    assert set(asked) == {"validation"}
    assert all(np.ptp(pair.new_albedo) == 0 for pair in found)


def paint_of(level: float) -> pairs.PaintSampler:
    return lambda rng, split: np.full(3, level)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [(0.05, 0.7, "dark_to_light"), (0.7, 0.05, "light_to_dark"), (0.05, 0.3, None), (0.5, 0.7, None)],
)
def test_steps_between_dark_and_light_are_named(old: float, new: float, expected: str | None) -> None:
    record = replace(made(1), old_paint=(old, old, old))
    tracks = pairs.pairs_of(record, 1, paint=paint_of(new))[0].tracks
    assert tracks[0] == "plain"
    assert set(tracks[1:]) - {"coloured_light"} == ({expected} if expected else set())


def test_coloured_light_is_what_the_camera_leaves_of_it() -> None:
    record = made(1)
    neutral = record.buckets / np.array([1, 0.95, 0.85], np.float32)
    amber = replace(record, buckets=neutral * np.array([2.2, 1.0, 0.25], np.float32))
    none = camera.Exposure(1.0, (1.0, 1.0, 1.0))
    assert pairs.tint(replace(record, buckets=neutral), none) < 3
    assert pairs.tint(amber, none) > 40
    assert pairs.tint(replace(record, alpha=0 * record.alpha), none) == 0
    for light, expected in ((amber, True), (replace(record, buckets=neutral), False)):
        found = pairs.pairs_of(replace(light, old_paint=(0.5, 0.5, 0.5)), 1, paint=paint_of(0.3))
        assert ("coloured_light" in found[0].tracks) == expected


def test_dressings_add_their_tracks(dressed: list[Pair]) -> None:
    assert [pair.tracks[0] for pair in dressed] == ["plain", "plain", "patterned", "texture"]
    patterned, texture = dressed[2:]
    record = made(2)
    assert patterned.old_albedo is None
    assert patterned.new_albedo is not None
    np.testing.assert_array_equal(patterned.old_radiance, record.dressings[0].radiance)
    np.testing.assert_array_equal(patterned.alpha, record.alpha)
    assert texture.new_albedo is None
    np.testing.assert_array_equal(texture.swatch, record.dressings[0].swatch)
    np.testing.assert_array_equal(texture.old_albedo, record.old_paint)
    np.testing.assert_array_equal(texture.new_radiance, record.dressings[0].radiance)


def test_a_texture_is_asked_for_on_the_walls_that_show_it(dressed: list[Pair]) -> None:
    alpha = dressed[3].alpha
    assert (alpha[:, : SIZE[1] // 2 - 1] == made(2).alpha[:, : SIZE[1] // 2 - 1]).all()
    assert (alpha[:, SIZE[1] // 2 :] == 0).all()


def test_several_paints_have_no_texture() -> None:
    view = DressedView("two-tone", "several", made(2).dressings[0].radiance)
    found = pairs.pairs_of(replace(made(1), dressings=(view,)), 1)
    assert [pair.tracks[0] for pair in found] == ["plain", "several"]
