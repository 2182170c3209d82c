"""Helpers of the trace tests."""

from __future__ import annotations

from dataclasses import replace

from wallpaint.bundles.bundle import Bundle
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.tensor_report.record import TensorRow, Trace
from wallpaint.tensor_report.trace import make_scene, trace
from wallpaint.tensor_report.vocabulary import STAGES

PLAIN = DiffusionSettings(steps=2, device="cpu", dtype="float32")


def traced(bundle: Bundle, settings: DiffusionSettings = PLAIN, **options: object) -> Trace:
    """Trace the example room on a bundle."""
    return trace(bundle, make_scene(bundle, None, None), settings, **options)


def names(trace: Trace) -> dict[str, set[str]]:
    """Recorded names by flow."""
    return {flow: {row.name for row in trace.rows if row.flow == flow} for flow in STAGES}


def without_statistics(row: TensorRow) -> TensorRow:
    """A row without its statistics."""
    return replace(row, low=0.0, high=0.0, mean=0.0, std=0.0)


def assert_alike(actual: Trace, expected: Trace, tolerance: float) -> None:
    """Assert equal rows in the same order, with statistics within a share of each row's spread.

    tolerance: 0.01 covers different processors.
    """
    assert [without_statistics(row) for row in actual.rows] == [without_statistics(row) for row in expected.rows]
    for row, reference in zip(actual.rows, expected.rows, strict=True):
        spread = max(abs(reference.low), abs(reference.high), reference.high - reference.low)
        for name in ("low", "high", "mean", "std"):
            value = getattr(row, name)
            difference = abs(value - getattr(reference, name))
            assert difference <= tolerance * spread, f"{row.flow} {row.key}: {name} {value}, expected {reference}"
    assert actual.counts == expected.counts
    assert actual.masks == expected.masks
    assert dict(actual.facts) == dict(expected.facts)
