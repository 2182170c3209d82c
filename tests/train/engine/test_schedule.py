"""Learning rate, batch composition and seeds as functions of the step."""

from __future__ import annotations

import pytest

from wallpaint.train.engine.schedule import batch_indices, learning_rate, stream_seed


def test_learning_rate_warms_up_then_follows_a_cosine() -> None:
    rates = [learning_rate(step, peak=2.0, warmup=4, total=12, schedule="cosine") for step in range(13)]
    assert rates[:4] == [0.5, 1.0, 1.5, 2.0]
    assert rates[4] == 2.0
    assert rates[8] == pytest.approx(1.0)
    assert rates[12] == pytest.approx(0.0)
    assert learning_rate(10**6, peak=2.0, warmup=4, total=12, schedule="constant") == 2.0
    assert learning_rate(0, peak=2.0, warmup=0, total=1, schedule="cosine") == 2.0


def test_each_epoch_is_a_different_permutation() -> None:
    indices = [one for step in range(10) for one in batch_indices(step, 3, 10, seed=0)]
    assert [one.position for one in indices] == list(range(30))
    orders = [[one.index for one in indices if one.epoch == epoch] for epoch in range(3)]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert orders[0] != orders[1]
    assert orders[0] != [one.index for step in range(4) for one in batch_indices(step, 3, 10, seed=1)][:10]


def test_batch_larger_than_the_data_set_spans_epochs() -> None:
    indices = batch_indices(0, 7, 3, seed=0)
    assert [one.epoch for one in indices] == [0, 0, 0, 1, 1, 1, 2]


def test_batch_indices_depend_on_the_step_only() -> None:
    assert batch_indices(7, 4, 11, seed=2) == batch_indices(7, 4, 11, seed=2)
    assert [p.index for p in batch_indices(0, 8, 100, 0)][4:] == [p.index for p in batch_indices(1, 4, 100, 0)]


def test_stream_seeds_differ() -> None:
    assert len({stream_seed(seed, position) for seed in range(3) for position in range(1000)}) == 3000
    assert 0 <= stream_seed(5, 6) < 2**63
