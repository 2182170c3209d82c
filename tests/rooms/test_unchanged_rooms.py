"""Rooms that are not extended keep their pictures: their scene descriptions equal those of earlier generators."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest

from support import room_fingerprints
from wallpaint.rooms.room import EXTENDED_SEEDS, GENERATOR_VERSION, UNCHANGED_SINCE, is_current, is_extended, split_of

FAST_SEEDS = (950_000, 950_001, 950_007, 900_000, 900_003)
EXPECTED = json.loads(room_fingerprints.FILE.read_text(encoding="utf-8"))


def check(seed: int) -> None:
    from wallpaint.rooms.design import design

    actual, expected = room_fingerprints.fingerprint(design(seed)), EXPECTED[str(seed)]
    assert actual["exact"] == expected["exact"]
    assert actual["values"].keys() == expected["values"].keys()
    for name, numbers in expected["values"].items():
        np.testing.assert_allclose(actual["values"][name], numbers, rtol=2e-4, atol=2e-5, err_msg=f"{seed}: {name}")


needs_mitsuba = pytest.mark.skipif(importlib.util.find_spec("mitsuba") is None, reason="Mitsuba is not installed")


@needs_mitsuba
@pytest.mark.parametrize("seed", FAST_SEEDS)
def test_a_few_rooms_are_unchanged(seed: int) -> None:
    check(seed)


@needs_mitsuba
@pytest.mark.slow
@pytest.mark.parametrize("seed", sorted(set(room_fingerprints.SEEDS) - set(FAST_SEEDS)))
def test_rooms_of_benchmark_and_validation_are_unchanged(seed: int) -> None:
    check(seed)


def test_fingerprints_cover_benchmark_and_validation_and_no_extended_room() -> None:
    assert sorted(map(int, EXPECTED)) == sorted(room_fingerprints.SEEDS)
    assert not any(map(is_extended, room_fingerprints.SEEDS))
    values = {json.dumps(entry["values"]) for entry in EXPECTED.values()}
    assert len(values) == len(EXPECTED)


@pytest.mark.parametrize(
    ("seed", "extended"),
    [
        *((0, False), (499_999, False), (500_000, True), (899_999, True), (900_000, False), (929_999, False)),
        *((930_000, True), (949_999, True), (950_000, False), (979_999, False), (980_000, True), (999_999, True)),
    ],
)
def test_extended_rooms_are_ranges_of_seeds(seed: int, extended: bool) -> None:
    assert is_extended(seed) == extended
    assert is_current(seed, GENERATOR_VERSION)
    assert is_current(seed, UNCHANGED_SINCE) == (not extended)
    assert not is_current(seed, UNCHANGED_SINCE - 1)
    assert not is_current(seed, GENERATOR_VERSION + 1)


def test_every_split_has_extended_rooms() -> None:
    assert [{split_of(seeds[0]), split_of(seeds[-1])} for seeds in EXTENDED_SEEDS.values()] == [
        {"train"},
        {"validation"},
        {"test"},
    ]
