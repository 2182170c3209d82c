"""The requirements of every release, on the example room, measured independently on the finished pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import wallpaint
from support.measures import Array, ShadingMeter, delta_e, eroded, far_outside, luminance, median
from wallpaint import Paint, Scene

COLORS = np.random.default_rng(2024).integers(0, 256, (50, 3)).astype(np.uint8)
MAX_SWATCH_DELTA_E = 0.5
# The sun patch on the room's wall is 3.5 times as bright as its median, and the file has no headroom for that above a
# brighter paint. The best possible curve (by optimisation, fixed median, contrast 0.8) keeps gradients at 0.985
# for a paint of luminance 0.45, at 0.96 for 0.50, 0.89 for 0.60, 0.78 for 0.73 and 0.65 for 0.86.
HEADROOM_LUMINANCE = 0.45
DULL, BRIGHT = COLORS[luminance(COLORS) <= HEADROOM_LUMINANCE], COLORS[luminance(COLORS) > HEADROOM_LUMINANCE]


class Example:
    """The example room at full or half size, prepared once."""

    def __init__(self, folder: Path, reduced: int) -> None:
        photo, mask = (Image.open(folder / name).reduce(reduced) for name in ("room.jpg", "room_mask.png"))
        self.photo, self.mask = np.asarray(photo), np.asarray(mask)
        self.wall = eroded(self.mask == 255, 6)
        self.far = far_outside(self.mask)
        self.scene: Scene = wallpaint.prepare(self.photo, {"wall": self.mask})
        self.meter = ShadingMeter(self.photo, self.wall)
        self.results: dict[bytes, Array] = {}

    def painted(self, color: Array) -> Array:
        """Return the result in one colour, (3,) codes; cached."""
        if color.tobytes() not in self.results:
            paint = Paint.from_rgb(color.tolist())
            self.results[color.tobytes()] = self.scene.repaint({"wall": paint}, match="swatch").codes
        return self.results[color.tobytes()]


@pytest.fixture(scope="module")
def half(examples: Path) -> Example:
    return Example(examples, 2)


@pytest.fixture(scope="module")
def full(examples: Path) -> Example:
    return Example(examples, 1)


def colour_failures(example: Example, colors: Sequence[Array]) -> list[str]:
    """Return the colours that the wall's median misses."""
    errors = [(color, float(delta_e(median(example.painted(color), example.wall), color))) for color in colors]
    return [
        f"{tuple(map(int, color))}: CIEDE2000 {error:.2f}" for color, error in errors if not error <= MAX_SWATCH_DELTA_E
    ]


def shading_failures(example: Example, colors: Sequence[Array]) -> list[str]:
    """Return the colours that do not preserve the shading."""
    measured = [(color, example.meter.similarity(example.painted(color))) for color in colors]
    return [
        f"{tuple(map(int, color))}: luminance {luminance(color):.2f}, gradients {s.correlation:.3f}, "
        f"contrast {s.contrast:.2f}, newly clipped {s.clipped:.2%}"
        for color, s in measured
        if not s.is_preserved
    ]


def outside_failures(example: Example, colors: Sequence[Array]) -> list[str]:
    """Return the colours that change pixels outside the walls."""
    changes = [(color, (example.painted(color) != example.photo)[example.far].sum()) for color in colors]
    return [f"{tuple(map(int, color))}: {count} values" for color, count in changes if count]


def report(lines: list[str]) -> str:
    return f"{len(lines)} colours\n" + "\n".join(lines)


def test_median_is_the_swatch(half: Example) -> None:
    failures = colour_failures(half, COLORS)
    assert not failures, report(failures)


def test_shading_is_preserved(half: Example) -> None:
    assert len(DULL) >= 25
    failures = shading_failures(half, DULL)
    assert not failures, report(failures)


@pytest.mark.xfail(strict=True, reason="sun patch: gradients 0.91 at luminance 0.49, 0.53 at 0.86, bar 0.95")
def test_shading_is_preserved_by_bright_paints(half: Example) -> None:
    assert len(BRIGHT) >= 10
    failures = shading_failures(half, BRIGHT)
    assert not failures, report(failures)


def test_pixels_outside_are_unchanged(half: Example) -> None:
    assert half.far.mean() > 0.5
    failures = outside_failures(half, COLORS)
    assert not failures, report(failures)


@pytest.mark.parametrize("find_failures", [colour_failures, shading_failures, outside_failures])
def test_full_size_requirements_in_a_few_colours(full: Example, find_failures) -> None:
    failures = find_failures(full, DULL[:3])
    assert not failures, report(failures)


@pytest.mark.slow
@pytest.mark.parametrize("find_failures", [colour_failures, shading_failures, outside_failures])
def test_full_size_requirements(full: Example, find_failures) -> None:
    failures = find_failures(full, DULL if find_failures is shading_failures else COLORS)
    assert not failures, report(failures)


def test_scene_outside_covers_the_required_area(full: Example) -> None:
    assert full.scene.outside[full.far].all()
    result = full.scene.repaint({"wall": "#2b3a5c"}, match="swatch")
    assert result.report["outside_max_diff"] == 0
    assert np.array_equal(result.codes[full.scene.outside], full.photo[full.scene.outside])


def flat(example: Example, color: Array) -> Array:
    painted = example.photo.copy()
    painted[example.wall] = color
    return painted


def test_flat_fill_fails_the_shading_requirement(half: Example) -> None:
    """Without and with a little grain."""
    for color in DULL:
        assert not half.meter.similarity(flat(half, color)).is_preserved
    grain = np.random.default_rng(0).normal(0, 2, half.photo.shape)
    noisy = np.clip(flat(half, DULL[1]) + grain, 0, 255).round().astype(np.uint8)
    assert not half.meter.similarity(noisy).is_preserved


def test_photo_itself_passes_the_shading_requirement(half: Example) -> None:
    measured = half.meter.similarity(half.photo)
    assert measured.correlation == pytest.approx(1)
    assert measured.contrast == pytest.approx(1)
    assert measured.clipped == 0


def test_clipping_fails_the_shading_requirement(half: Example) -> None:
    clipped = half.photo.copy()
    brightest = luminance(clipped) > np.quantile(luminance(clipped[half.wall]), 0.95)
    clipped[brightest & half.wall] = 255
    assert half.meter.similarity(clipped).clipped > 0.001
