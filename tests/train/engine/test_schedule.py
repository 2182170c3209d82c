"""What a run does at each step, as functions of the step."""

from __future__ import annotations

import pytest

from wallpaint.train.engine.schedule import learning_rate, places, seed_of


def test_warm_up_then_cosine() -> None:
    rates = [learning_rate(step, peak=2.0, warmup=4, total=12, schedule="cosine") for step in range(13)]
    assert rates[:4] == [0.5, 1.0, 1.5, 2.0]
    assert rates[4] == 2.0
    assert rates[8] == pytest.approx(1.0)
    assert rates[12] == pytest.approx(0.0)
    assert learning_rate(10**6, peak=2.0, warmup=4, total=12, schedule="constant") == 2.0
    assert learning_rate(0, peak=2.0, warmup=0, total=1, schedule="cosine") == 2.0


def test_each_epoch_visits_each_sample_once_in_its_own_order() -> None:
    found = [place for step in range(10) for place in places(step, 3, 10, seed=0)]
    assert [place.position for place in found] == list(range(30))
    orders = [[place.index for place in found if place.epoch == epoch] for epoch in range(3)]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert orders[0] != orders[1]
    assert orders[0] != [place.index for step in range(4) for place in places(step, 3, 10, seed=1)][:10]


def test_a_batch_larger_than_the_set() -> None:
    found = places(0, 7, 3, seed=0)
    assert [place.epoch for place in found] == [0, 0, 0, 1, 1, 1, 2]


def test_places_depend_on_nothing_before_them() -> None:
    assert places(7, 4, 11, seed=2) == places(7, 4, 11, seed=2)
    assert [p.index for p in places(0, 8, 100, 0)][4:] == [p.index for p in places(1, 4, 100, 0)]


def test_seeds_differ() -> None:
    assert len({seed_of(seed, position) for seed in range(3) for position in range(1000)}) == 3000
    assert 0 <= seed_of(5, 6) < 2**63
