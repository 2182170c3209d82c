"""What the tests of traces share."""

from __future__ import annotations

from dataclasses import replace

from wallpaint.bundles.bundle import Bundle
from wallpaint.diffusion.settings import Settings
from wallpaint.tensor_report.record import Row, Trace
from wallpaint.tensor_report.trace import make_scene, trace
from wallpaint.tensor_report.vocabulary import STAGES

PLAIN = Settings(steps=2, device="cpu", dtype="float32")


def traced(bundle: Bundle, settings: Settings = PLAIN, **options: object) -> Trace:
    """The drawn room traced on a bundle."""
    return trace(bundle, make_scene(bundle, None, None), settings, **options)


def names(trace: Trace) -> dict[str, set[str]]:
    """Names that were seen, by flow."""
    return {flow: {row.name for row in trace.rows if row.flow == flow} for flow in STAGES}


def numberless(row: Row) -> Row:
    """A row without its range."""
    return replace(row, low=0.0, high=0.0, mean=0.0, std=0.0)


def assert_alike(found: Trace, expected: Trace, tolerance: float) -> None:
    """The same rows in the same order; ranges, means and deviations within a share of each row's spread.

    tolerance: 0.01 is for one program on two processors.
    """
    assert [numberless(row) for row in found.rows] == [numberless(row) for row in expected.rows]
    for row, told in zip(found.rows, expected.rows, strict=True):
        spread = max(abs(told.low), abs(told.high), told.high - told.low)
        for what in ("low", "high", "mean", "std"):
            difference = abs(getattr(row, what) - getattr(told, what))
            assert difference <= tolerance * spread, f"{row.flow} {row.key}: {what} {getattr(row, what)}, told {told}"
    assert found.counts == expected.counts
    assert found.masks == expected.masks
    assert dict(found.facts) == dict(expected.facts)
