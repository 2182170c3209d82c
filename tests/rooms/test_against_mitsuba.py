"""The kernel, its buckets and their extrapolation, compared with Mitsuba's `path` integrator."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from support import rendered_rooms
from wallpaint.rooms.room import Room
from wallpaint.rooms.tracing import backend

if importlib.util.find_spec("mitsuba") is None:
    pytest.skip("Mitsuba is not installed", allow_module_level=True)
if backend.activate() == backend.SCALAR_VARIANT:
    pytest.skip(f"{backend.describe()}; the kernel needs LLVM", allow_module_level=True)

from support.check_against_mitsuba import (
    FIRST_SEED,
    PAINTS,
    Accumulator,
    RegionErrors,
    append,
    errors,
    measure,
    measure_until,
    read,
)

SYSTEMATIC = 0.003  # allowed in addition to the noise
NOISE_FACTOR = 1.5  # allowed ratio of the measured error to the expected one


def within_noise(region: RegionErrors) -> bool:
    return (
        region.error < NOISE_FACTOR * region.noise + SYSTEMATIC
        and abs(region.bias) < 4 * region.bias_noise + SYSTEMATIC
    )


def with_one_light(room: Room, light: str) -> Room:
    """Return the room with only its "sky" or its "lamp" light."""
    dark = [replace(m, emission=(0.0, 0.0, 0.0)) if m.sky != (light == "sky") else m for m in room.mesh.materials]
    return replace(room, mesh=replace(room.mesh, materials=tuple(dark)), sun=None)


@pytest.mark.parametrize("paint", [0.05, 0.8])
def test_kernel_matches_mitsuba_on_diffuse_room(paint: float) -> None:
    (row,) = measure(rendered_rooms.diffuse_room(), 32, 256, [paint])
    assert within_noise(row.wall)
    assert within_noise(row.elsewhere)
    assert row.wall.noise < 0.01


def test_kernel_matches_mitsuba_on_furnished_room() -> None:
    (row,) = measure(rendered_rooms.furnished(), 32, 512, [0.5])
    assert within_noise(row.wall)
    assert within_noise(row.elsewhere)


@pytest.mark.slow
@pytest.mark.parametrize("light", ["sky", "lamp"])
def test_kernel_matches_mitsuba_with_a_single_light(light: str) -> None:
    for row in measure(with_one_light(rendered_rooms.furnished(), light), 64, 1024):
        assert within_noise(row.wall)
        assert within_noise(row.elsewhere)


@pytest.mark.slow
@pytest.mark.parametrize("make", [rendered_rooms.diffuse_room, rendered_rooms.furnished])
def test_errors_of_hand_made_rooms_are_below_the_limits(make: Callable[[], Room]) -> None:
    for row in measure(make(), 64, 4096):
        assert row.wall.error <= 0.01
        assert row.elsewhere.error <= 0.02


@pytest.mark.slow
def test_errors_of_generated_room_beyond_noise_are_below_the_limits() -> None:
    """A dark wall in this room stays noisier than the limit for any number of paths that a test can afford."""
    from wallpaint.rooms import design

    for row in measure(design.design(FIRST_SEED), 128, 2048):
        assert within_noise(row.wall)
        assert within_noise(row.elsewhere)
        assert row.wall.systematic <= 0.01
        assert row.elsewhere.systematic <= 0.02


def test_check_detects_dimmed_lamps_and_missing_gloss() -> None:
    """Mitsuba renders one room with lamps 3 % dimmer, and one without the specular part of its walls."""
    room = rendered_rooms.diffuse_room()
    dim = [replace(m, emission=tuple(0.97 * light for light in m.emission)) for m in room.mesh.materials]
    (row,) = measure(room, 32, 256, [0.5], truth=replace(room, mesh=replace(room.mesh, materials=tuple(dim))))
    assert not within_noise(row.wall)
    room = rendered_rooms.furnished()
    plain = [m if m.wall is None else replace(m, f0=0.0) for m in room.mesh.materials]
    (row,) = measure(room, 32, 512, [0.05], truth=replace(room, mesh=replace(room.mesh, materials=tuple(plain))))
    assert not within_noise(row.wall)


def test_reference_imports_nothing_of_the_kernel() -> None:
    code = (
        "from wallpaint.rooms.tracing import backend; backend.activate(); import sys;"
        "from support import mitsuba_plugins;"
        "print(*sorted(n.rsplit('.', 1)[1] for n in sys.modules if n.startswith('wallpaint.rooms.tracing.')))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True)
    assert set(shown.stdout.split()) == {"backend", "buckets", "mitsuba_scene"}  # buckets: the type of a rendering


@pytest.mark.parametrize("fault", [0.0, 0.01])
def test_bias_far_below_the_noise_is_detected(fault: float) -> None:
    """Light of 1 with 4 % noise in each of four images: the raw error is noise, the systematic one is not."""
    generator = np.random.default_rng(5)
    ours1, ours2, theirs1, theirs2 = 1 + 0.04 * generator.standard_normal((4, 20_000, 3))
    region = errors((ours1 + ours2) / 2 + fault, ours1 + fault, ours2 + fault, theirs1, theirs2)
    deviation = np.hypot(0.04 / np.sqrt(2), 0.04 / np.sqrt(2))  # of the difference of two means of two
    assert region.noise == pytest.approx(deviation * np.sqrt(2 / np.pi), rel=0.02)
    assert region.error > 0.03
    assert region.bias_noise == pytest.approx(deviation / np.sqrt(3 * 20_000), rel=0.02)
    assert abs(region.bias - fault) < 4 * region.bias_noise
    assert abs(region.systematic**2 * np.sign(region.systematic) - fault**2) < 3e-5


def test_accumulator_resumes_from_its_state() -> None:
    def render(paths: int, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).standard_normal((2, 2)) / np.sqrt(paths)

    uninterrupted, interrupted, resumed = Accumulator(render), Accumulator(render), Accumulator(render)
    uninterrupted.add_paths(64)
    uninterrupted.add_paths(256)
    interrupted.add_paths(64)
    resumed.load_state(
        {
            "sums": np.stack(interrupted.sums),
            "passes": np.array(interrupted.passes),
            "paths": np.array(interrupted.paths),
        }
    )
    resumed.add_paths(256)
    assert resumed.paths == uninterrupted.paths == 320
    np.testing.assert_allclose(resumed.halves(), uninterrupted.halves())
    assert not np.allclose(*uninterrupted.halves())


def test_paths_are_added_until_noise_limit_and_run_resumes(tmp_path: Path) -> None:
    state_file = tmp_path / "room"
    rounds = list(measure_until(rendered_rooms.diffuse_room(), 32, 0.004, 3600, state_file))
    assert [row.paint for row in rounds[-1]] == list(PAINTS)
    assert all(within_noise(row.wall) and within_noise(row.elsewhere) for row in rounds[-1])
    assert max(row.wall.noise for row in rounds[-1]) < 0.005
    resumed_rounds = list(measure_until(rendered_rooms.diffuse_room(), 32, 0.004, 3600, state_file))
    assert [row.paths for row in resumed_rounds[-1]] == [row.paths for row in rounds[-1]]
    assert resumed_rounds[-1][0].wall == rounds[-1][0].wall
    for rows in (rounds[0], rounds[-1]):
        append(tmp_path / "rows.jsonl", 7, rows)
    assert read(tmp_path / "rows.jsonl") == {7: rounds[-1]}
