"""Our kernel, its buckets and the light beyond them against Mitsuba's own path integrator."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from support import rendered_rooms as made_rooms
from wallpaint.rooms.room import Room
from wallpaint.rooms.tracing import backend

if importlib.util.find_spec("mitsuba") is None:
    pytest.skip("Mitsuba is not installed", allow_module_level=True)
if backend.activate() == backend.PLAIN:
    pytest.skip(f"{backend.describe()}; there is no kernel of ours to be checked", allow_module_level=True)

from support.check_against_mitsuba import FIRST_SEED, PAINTS, Part, Pile, append, errors, measure, measure_until, read

SYSTEMATIC = 0.003  # allowed beside the noise
NOISES = 1.5  # how far the measured error may lie above the one that the noise alone makes


def within_noise(part: Part) -> bool:
    return part.error < NOISES * part.noise + SYSTEMATIC and abs(part.bias) < 4 * part.bias_noise + SYSTEMATIC


def alone(room: Room, light: str) -> Room:
    """The room with one of its lights: "sun", "sky" or "lamp"."""
    dark = [replace(m, emission=(0.0, 0.0, 0.0)) if m.sky != (light == "sky") else m for m in room.mesh.materials]
    return replace(room, mesh=replace(room.mesh, materials=tuple(dark)), sun=None)


@pytest.mark.parametrize("paint", [0.05, 0.8])
def test_matt_room(paint: float) -> None:
    (row,) = measure(made_rooms.matt(), 32, 256, [paint])
    assert within_noise(row.wall)
    assert within_noise(row.elsewhere)
    assert row.wall.noise < 0.01


def test_room_with_everything() -> None:
    (row,) = measure(made_rooms.furnished(), 32, 512, [0.5])
    assert within_noise(row.wall)
    assert within_noise(row.elsewhere)


@pytest.mark.slow
@pytest.mark.parametrize("light", ["sky", "lamp"])
def test_each_light(light: str) -> None:
    for row in measure(alone(made_rooms.furnished(), light), 64, 1024):
        assert within_noise(row.wall)
        assert within_noise(row.elsewhere)


@pytest.mark.slow
@pytest.mark.parametrize("make", [made_rooms.matt, made_rooms.furnished])
def test_made_rooms_meet_the_bar(make: Callable[[], Room]) -> None:
    for row in measure(make(), 64, 4096):
        assert row.wall.error <= 0.01
        assert row.elsewhere.error <= 0.02


@pytest.mark.slow
def test_a_designed_room_meets_the_bar() -> None:
    from wallpaint.rooms import design

    for row in measure(design.design(FIRST_SEED), 128, 2048):
        assert row.wall.error <= 0.01
        assert row.elsewhere.error <= 0.02


def test_the_check_sees_a_fault() -> None:
    """A room that Mitsuba gets with lamps 3 % dimmer, and one whose uneven, glossy walls it gets smooth and matt."""
    room = made_rooms.matt()
    dim = [replace(m, emission=tuple(0.97 * light for light in m.emission)) for m in room.mesh.materials]
    (row,) = measure(room, 32, 256, [0.5], truth=replace(room, mesh=replace(room.mesh, materials=tuple(dim))))
    assert not within_noise(row.wall)
    room = made_rooms.furnished()
    plain = [m if m.wall is None else replace(m, f0=0.0) for m in room.mesh.materials]
    (row,) = measure(room, 32, 512, [0.05], truth=replace(room, mesh=replace(room.mesh, materials=tuple(plain))))
    assert not within_noise(row.wall)


def test_nothing_of_the_kernel_is_in_the_reference() -> None:
    code = (
        "from wallpaint.rooms.tracing import backend; backend.activate(); import sys;"
        "from support import mitsuba_plugins;"
        "print(*sorted(n.rsplit('.', 1)[1] for n in sys.modules if n.startswith('wallpaint.rooms.tracing.')))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(shown.stdout.split()) == {"backend", "buckets", "mitsuba_scene"}  # buckets: the type of a rendering


@pytest.mark.parametrize("fault", [0.0, 0.01])
def test_a_fault_far_below_the_noise_is_told_from_it(fault: float) -> None:
    """Light of 1 with 4 % noise in each of four pictures: the raw error is noise, the systematic one is not."""
    generator = np.random.default_rng(5)
    ours1, ours2, theirs1, theirs2 = 1 + 0.04 * generator.standard_normal((4, 20_000, 3))
    part = errors((ours1 + ours2) / 2 + fault, ours1 + fault, ours2 + fault, theirs1, theirs2)
    deviation = np.hypot(0.04 / np.sqrt(2), 0.04 / np.sqrt(2))  # of the difference of two means of two
    assert part.noise == pytest.approx(deviation * np.sqrt(2 / np.pi), rel=0.02)
    assert part.error > 0.03
    assert part.bias_noise == pytest.approx(deviation / np.sqrt(3 * 20_000), rel=0.02)
    assert abs(part.bias - fault) < 4 * part.bias_noise
    assert abs(part.systematic**2 * np.sign(part.systematic) - fault**2) < 3e-5


def test_a_pile_goes_on_where_it_was_broken_off() -> None:
    def draw(paths: int, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).standard_normal((2, 2)) / np.sqrt(paths)

    whole, first, second = Pile(draw), Pile(draw), Pile(draw)
    whole.grow(64)
    whole.grow(256)
    first.grow(64)
    second.carry_on({"sums": np.stack(first.sums), "passes": np.array(first.passes), "paths": np.array(first.paths)})
    second.grow(256)
    assert second.paths == whole.paths == 320
    np.testing.assert_allclose(second.halves(), whole.halves())
    assert not np.allclose(*whole.halves())


def test_paths_are_added_until_it_is_quiet(tmp_path: Path) -> None:
    state = tmp_path / "room"
    rounds = list(measure_until(made_rooms.matt(), 32, 0.004, 60, state))
    assert [row.paint for row in rounds[-1]] == list(PAINTS)
    assert all(within_noise(row.wall) and within_noise(row.elsewhere) for row in rounds[-1])
    assert max(row.wall.noise for row in rounds[-1]) < 0.005
    again = list(measure_until(made_rooms.matt(), 32, 0.004, 60, state))
    assert [row.paths for row in again[-1]] == [row.paths for row in rounds[-1]]
    assert again[-1][0].wall == rounds[-1][0].wall
    for rows in (rounds[0], rounds[-1]):
        append(tmp_path / "rows.jsonl", 7, rows)
    assert read(tmp_path / "rows.jsonl") == {7: rounds[-1]}
