"""The bars that every release must clear, on the example room, measured from outside on finished pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import wallpaint
from support.measures import Array, Yardstick, delta_e, eroded, far_outside, luminance, median
from wallpaint import Paint, Scene

COLORS = np.random.default_rng(2024).integers(0, 256, (50, 3)).astype(np.uint8)
LITERAL = 0.5  # CIEDE2000
# The sun patch on the room's wall is 3.5 times as bright as its median, and the file has no room for that above a
# brighter paint. The best curve there is (found by optimisation, median held, contrast 0.8) keeps gradients at 0.985
# for a paint of luminance 0.45, at 0.96 for 0.50, 0.89 for 0.60, 0.78 for 0.73 and 0.65 for 0.86.
ROOM_ABOVE = 0.45
DULL, BRIGHT = COLORS[luminance(COLORS) <= ROOM_ABOVE], COLORS[luminance(COLORS) > ROOM_ABOVE]


class Example:
    """The example room, prepared once, at full or half size."""

    def __init__(self, folder: Path, reduced: int) -> None:
        photo, mask = (Image.open(folder / name).reduce(reduced) for name in ("room.jpg", "room_mask.png"))
        self.photo, self.mask = np.asarray(photo), np.asarray(mask)
        self.wall = eroded(self.mask == 255, 6)
        self.far = far_outside(self.mask)
        self.scene: Scene = wallpaint.prepare(self.photo, {"wall": self.mask})
        self.yardstick = Yardstick(self.photo, self.wall)
        self.results: dict[bytes, Array] = {}

    def painted(self, color: Array) -> Array:
        """The finished pixels in one colour, (3,) codes; each colour is painted once."""
        if color.tobytes() not in self.results:
            paint = Paint.from_rgb(color.tolist())
            self.results[color.tobytes()] = self.scene.repaint({"wall": paint}).codes
        return self.results[color.tobytes()]


@pytest.fixture(scope="module")
def half(examples: Path) -> Example:
    return Example(examples, 2)


@pytest.fixture(scope="module")
def full(examples: Path) -> Example:
    return Example(examples, 1)


def off_color(example: Example, colors: Sequence[Array]) -> list[str]:
    """Colours that the wall's median misses."""
    misses = [(color, float(delta_e(median(example.painted(color), example.wall), color))) for color in colors]
    return [f"{tuple(map(int, color))}: CIEDE2000 {miss:.2f}" for color, miss in misses if not miss <= LITERAL]


def off_shading(example: Example, colors: Sequence[Array]) -> list[str]:
    """Colours that do not keep the shading."""
    found = [(color, example.yardstick.shading(example.painted(color))) for color in colors]
    return [
        f"{tuple(map(int, color))}: luminance {luminance(color):.2f}, gradients {s.correlation:.3f}, "
        f"contrast {s.contrast:.2f}, newly clipped {s.clipped:.2%}"
        for color, s in found
        if not s.kept
    ]


def off_outside(example: Example, colors: Sequence[Array]) -> list[str]:
    """Colours that change pixels where none may change."""
    changes = [(color, (example.painted(color) != example.photo)[example.far].sum()) for color in colors]
    return [f"{tuple(map(int, color))}: {count} values" for color, count in changes if count]


def report(lines: list[str]) -> str:
    return f"{len(lines)} colours\n" + "\n".join(lines)


def test_literal_color(half: Example) -> None:
    wrong = off_color(half, COLORS)
    assert not wrong, report(wrong)


def test_shading_is_kept(half: Example) -> None:
    assert len(DULL) >= 25
    wrong = off_shading(half, DULL)
    assert not wrong, report(wrong)


@pytest.mark.xfail(strict=True, reason="sun patch: gradients 0.91 at luminance 0.49, 0.53 at 0.86, bar 0.95")
def test_shading_is_kept_by_bright_paints(half: Example) -> None:
    assert len(BRIGHT) >= 10
    wrong = off_shading(half, BRIGHT)
    assert not wrong, report(wrong)


def test_outside_is_untouched(half: Example) -> None:
    assert half.far.mean() > 0.5
    wrong = off_outside(half, COLORS)
    assert not wrong, report(wrong)


@pytest.mark.parametrize("bar", [off_color, off_shading, off_outside])
def test_full_size_in_a_few_colors(full: Example, bar) -> None:
    wrong = bar(full, DULL[:3])
    assert not wrong, report(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("bar", [off_color, off_shading, off_outside])
def test_full_size(full: Example, bar) -> None:
    wrong = bar(full, DULL if bar is off_shading else COLORS)
    assert not wrong, report(wrong)


def test_outside_of_the_report_agrees(full: Example) -> None:
    """The program's own map of what no paint may touch covers the bar's."""
    assert full.scene.outside[full.far].all()
    result = full.scene.repaint({"wall": "#2b3a5c"})
    assert result.report["outside_max_diff"] == 0
    assert np.array_equal(result.codes[full.scene.outside], full.photo[full.scene.outside])


def flat(example: Example, color: Array) -> Array:
    painted = example.photo.copy()
    painted[example.wall] = color
    return painted


def test_a_flat_fill_fails_the_shading_bar(half: Example) -> None:
    """A wall of one value, and one with a little grain over it, are what the bar is there to catch."""
    for color in DULL:
        assert not half.yardstick.shading(flat(half, color)).kept
    grain = np.random.default_rng(0).normal(0, 2, half.photo.shape)
    noisy = np.clip(flat(half, DULL[1]) + grain, 0, 255).round().astype(np.uint8)
    assert not half.yardstick.shading(noisy).kept


def test_the_photo_itself_keeps_its_shading(half: Example) -> None:
    measured = half.yardstick.shading(half.photo)
    assert measured.correlation == pytest.approx(1)
    assert measured.contrast == pytest.approx(1)
    assert measured.clipped == 0


def test_clipping_fails_the_shading_bar(half: Example) -> None:
    burnt = half.photo.copy()
    brightest = luminance(burnt) > np.quantile(luminance(burnt[half.wall]), 0.95)
    burnt[brightest & half.wall] = 255
    assert half.yardstick.shading(burnt).clipped > 0.001
