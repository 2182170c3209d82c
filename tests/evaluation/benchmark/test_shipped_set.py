"""Error bounds of the analytic painter on the included test rooms, by track."""

from __future__ import annotations

from typing import Any

import pytest

from support.paths import ROOT
from wallpaint.evaluation.benchmark import compare as benchmark
from wallpaint.evaluation.benchmark import dataset as benchmark_set

WITHOUT_TRUTH = ("leave", "hsv", "flat", "lab_shift", "multiply")
COLOUR_TRACKS = ("all", "plain", "patterned", "several", "dark_to_light", "coloured_light")
MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def tracks() -> dict[str, Any]:
    pairs = benchmark_set.read_set(ROOT / "examples" / "benchmark")
    names = ",".join((*WITHOUT_TRUTH, "lab_shift_true", "analytic_room"))
    return benchmark.compare(pairs, benchmark.select_methods(names))["tracks"]


def value(tracks: dict[str, Any], track: str, method: str, metric: str) -> float:
    return float(tracks[track]["methods"][method][metric]["value"])


def test_room_error_is_well_below_that_of_a_lab_shift(tracks: dict[str, Any]) -> None:
    shift = value(tracks, "all", "lab_shift", "room_mean")
    assert value(tracks, "all", "analytic_room", "room_mean") <= 0.6 * shift


@pytest.mark.parametrize("metric", ["room_mean", "edge"])
@pytest.mark.parametrize("track", COLOUR_TRACKS)
def test_room_error_is_below_every_method_without_ground_truth(tracks: dict[str, Any], track: str, metric: str) -> None:
    best = min(value(tracks, track, method, metric) for method in WITHOUT_TRUTH)
    assert value(tracks, track, "analytic_room", metric) < best


def test_nothing_changes_outside_the_walls(tracks: dict[str, Any]) -> None:
    assert value(tracks, "all", "analytic_room", "outside_max_diff") == 0


def test_set_stays_small() -> None:
    size = sum(path.stat().st_size for path in (ROOT / "examples" / "benchmark").rglob("*") if path.is_file())
    assert size <= 6 * MEBIBYTE
