"""Image pairs: shared camera, paints, tracks, and wall variants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support import synthetic_rooms
from wallpaint.imaging.color import delta_e_2000, linear_to_lab, srgb_to_linear
from wallpaint.rooms.sets import camera, pairs
from wallpaint.rooms.sets.pairs import RenderedPair
from wallpaint.rooms.sets.room_file import RoomRecord, WallVariantView
from wallpaint.rooms.surfaces import paints
from wallpaint.rooms.tracing import buckets

SIZE = (48, 64)


def make_record(seed: int, samples: int = 400) -> RoomRecord:
    record = synthetic_rooms.render(seed, SIZE, samples)
    assert isinstance(record, RoomRecord)
    return record


@pytest.fixture(scope="module")
def plain_pairs() -> list[RenderedPair]:
    return pairs.sample_pairs(make_record(1), 6)


@pytest.fixture(scope="module")
def variant_pairs() -> list[RenderedPair]:
    return pairs.sample_pairs(make_record(2), 2)


def test_shapes_ranges_and_unique_names(plain_pairs: list[RenderedPair], variant_pairs: list[RenderedPair]) -> None:
    for pair in [*plain_pairs, *variant_pairs]:
        assert pair.photo.shape == pair.target.shape == pair.clean_photo.shape == (*SIZE, 3)
        assert pair.photo.dtype == np.uint8
        assert pair.target.dtype == pair.clean_photo.dtype == pair.alpha.dtype == np.float32
        assert 0 <= pair.target.min() <= pair.target.max() <= 1
    names = [pair.name for pair in [*plain_pairs, *variant_pairs]]
    assert len(set(names)) == len(names)


def test_first_pair_starts_from_the_existing_paint(plain_pairs: list[RenderedPair]) -> None:
    np.testing.assert_array_equal(plain_pairs[0].old_albedo, make_record(1).old_paint)
    assert not np.allclose(plain_pairs[1].old_albedo, plain_pairs[0].old_albedo)


def test_existing_paints_of_all_plain_pairs_come_from_their_sampler() -> None:
    old = np.array([0.7, 0.68, 0.6])
    sampled = pairs.sample_pairs(make_record(1), 3, existing_paint=lambda rng, split: old)
    for pair in sampled:
        if "plain" in pair.tracks:
            np.testing.assert_array_equal(pair.old_albedo, old)
            assert pair.new_albedo is not None
            assert not np.allclose(pair.new_albedo, old)
    assert sum("plain" in pair.tracks for pair in sampled) == 3


def test_pair_depends_only_on_seeds(plain_pairs: list[RenderedPair]) -> None:
    again = pairs.sample_pairs(make_record(1), 3)
    for first, second in zip(plain_pairs, again, strict=False):
        assert (first.jpeg, first.name, first.tracks) == (second.jpeg, second.name, second.tracks)
        np.testing.assert_array_equal(first.target, second.target)
    assert pairs.sample_pairs(make_record(1), 1, seed=1)[0].jpeg != plain_pairs[0].jpeg


def test_both_images_share_camera_and_exposure(plain_pairs: list[RenderedPair]) -> None:
    pair = plain_pairs[0]
    for light, image in ((pair.old_radiance, pair.clean_photo), (pair.new_radiance, pair.target)):
        np.testing.assert_array_equal(camera.develop(light, pair.camera, pair.exposure), image)
    record = make_record(1)
    np.testing.assert_allclose(pair.new_radiance, buckets.radiance(record.buckets, pair.new_albedo), rtol=1e-5)
    metered = camera.meter(camera.geometric_mean(pair.old_radiance, pair.new_radiance), pair.camera)
    assert pair.exposure == metered


def test_photo_is_clean_photo_plus_noise(plain_pairs: list[RenderedPair]) -> None:
    for pair in plain_pairs:
        difference = pair.photo / 255.0 - pair.clean_photo
        assert 0.001 < difference.std() < 0.08
        assert abs(difference.mean()) < 0.01


def test_albedo_ratio_predicts_the_target_without_interreflection() -> None:
    """The record has little interreflection between walls, which a ratio cannot predict."""
    record = make_record(1, 10**8)
    dim = record.buckets * (0.02 ** np.arange(6) / 0.02).reshape(-1, 1, 1, 1).astype(np.float32)
    for pair in pairs.sample_pairs(replace(record, buckets=dim), 3):
        wall = pair.alpha > 0.99
        ratio = np.asarray(pair.new_albedo) / np.asarray(pair.old_albedo)
        predicted = camera.develop(pair.old_radiance * ratio, pair.camera, pair.exposure)
        lab = [linear_to_lab(srgb_to_linear(p[wall].astype(float))) for p in (predicted, pair.target)]
        assert float(delta_e_2000(*lab).mean()) < 2.5


def test_new_paints_differ_visibly_and_belong_to_the_split(plain_pairs: list[RenderedPair]) -> None:
    for pair in plain_pairs:
        difference = np.linalg.norm(linear_to_lab(pair.new_albedo) - linear_to_lab(pair.old_albedo))
        assert difference >= pairs.MIN_PAINT_CHANGE
        assert paints.in_split(np.asarray(pair.new_albedo), "train")
    for pair in pairs.sample_pairs(make_record(950_001), 3):
        assert paints.in_split(np.asarray(pair.new_albedo), "test")


def test_custom_paint_sampler_is_used() -> None:
    splits: list[str] = []

    def paint(rng: np.random.Generator, split: str) -> np.ndarray:
        splits.append(split)
        return np.full(3, rng.uniform(0.1, 0.9))

    sampled = pairs.sample_pairs(make_record(1), 2, split="validation", paint=paint)
    assert set(splits) == {"validation"}
    assert all(np.ptp(pair.new_albedo) == 0 for pair in sampled)


def paint_of(level: float) -> pairs.PaintSampler:
    return lambda rng, split: np.full(3, level)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [(0.05, 0.7, "dark_to_light"), (0.7, 0.05, "light_to_dark"), (0.05, 0.3, None), (0.5, 0.7, None)],
)
def test_dark_to_light_and_light_to_dark_tracks(old: float, new: float, expected: str | None) -> None:
    record = replace(make_record(1), old_paint=(old, old, old))
    tracks = pairs.sample_pairs(record, 1, paint=paint_of(new))[0].tracks
    assert tracks[0] == "plain"
    assert set(tracks[1:]) - {"coloured_light"} == ({expected} if expected else set())


def test_coloured_light_track_follows_the_residual_tint() -> None:
    record = make_record(1)
    neutral = record.buckets / np.array([1, 0.95, 0.85], np.float32)
    amber = replace(record, buckets=neutral * np.array([2.2, 1.0, 0.25], np.float32))
    unit_exposure = camera.Exposure(1.0, (1.0, 1.0, 1.0))
    assert pairs.residual_tint(replace(record, buckets=neutral), unit_exposure) < 3
    assert pairs.residual_tint(amber, unit_exposure) > 40
    assert pairs.residual_tint(replace(record, alpha=0 * record.alpha), unit_exposure) == 0
    for light, expected in ((amber, True), (replace(record, buckets=neutral), False)):
        sampled = pairs.sample_pairs(replace(light, old_paint=(0.5, 0.5, 0.5)), 1, paint=paint_of(0.3))
        assert ("coloured_light" in sampled[0].tracks) == expected


def test_wall_variants_add_their_tracks(variant_pairs: list[RenderedPair]) -> None:
    assert [pair.tracks[0] for pair in variant_pairs] == ["plain", "plain", "patterned", "texture"]
    patterned, texture = variant_pairs[2:]
    record = make_record(2)
    assert patterned.old_albedo is None
    assert patterned.new_albedo is not None
    np.testing.assert_array_equal(patterned.old_radiance, record.wall_variants[0].radiance)
    np.testing.assert_array_equal(patterned.alpha, record.alpha)
    assert texture.new_albedo is None
    np.testing.assert_array_equal(texture.swatch, record.wall_variants[0].swatch)
    np.testing.assert_array_equal(texture.old_albedo, record.old_paint)
    np.testing.assert_array_equal(texture.new_radiance, record.wall_variants[0].radiance)


def test_texture_pair_masks_only_the_walls_with_the_texture(variant_pairs: list[RenderedPair]) -> None:
    alpha = variant_pairs[3].alpha
    assert (alpha[:, : SIZE[1] // 2 - 1] == make_record(2).alpha[:, : SIZE[1] // 2 - 1]).all()
    assert (alpha[:, SIZE[1] // 2 :] == 0).all()


def test_several_paints_add_no_texture_pair() -> None:
    variant = WallVariantView("two-tone", "several", make_record(2).wall_variants[0].radiance)
    sampled = pairs.sample_pairs(replace(make_record(1), wall_variants=(variant,)), 1)
    assert [pair.tracks[0] for pair in sampled] == ["plain", "several"]


def test_hdr_photos_only_of_a_share_of_the_extended_rooms() -> None:
    assert not any(pairs.is_hdr(seed) for seed in (*range(1000), *range(950_000, 951_000)))
    assert np.mean([pairs.is_hdr(seed) for seed in range(500_000, 502_000)]) == pytest.approx(pairs.HDR_SHARE, abs=0.03)
    hdr = next(seed for seed in range(500_000, 500_100) if pairs.is_hdr(seed))
    for seed in (hdr, 1):
        for pair in pairs.sample_pairs(make_record(seed), 2):
            assert pair.camera.is_hdr == (seed == hdr)
            assert (pair.exposure.gain_map is not None) == (seed == hdr)
            for light, image in ((pair.old_radiance, pair.clean_photo), (pair.new_radiance, pair.target)):
                np.testing.assert_array_equal(camera.develop(light, pair.camera, pair.exposure), image)


def test_relief_variant_gives_a_pair_to_paint_and_one_to_its_texture() -> None:
    record = make_record(2)
    variant = replace(record.wall_variants[0], kind="brick", track="relief")
    sampled = pairs.sample_pairs(replace(record, wall_variants=(variant,)), 1)
    assert [pair.tracks[0] for pair in sampled] == ["plain", "relief", "texture"]
