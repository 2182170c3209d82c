"""Our kernel, its buckets and the light beyond them against Mitsuba's own path integrator."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace

import made_rooms
import pytest

from wallpaint.rooms.room import Room
from wallpaint.rooms.tracing import backend

if importlib.util.find_spec("mitsuba") is None:
    pytest.skip("Mitsuba is not installed", allow_module_level=True)
if backend.activate() == backend.PLAIN:
    pytest.skip(f"{backend.describe()}; there is no kernel of ours to be checked", allow_module_level=True)

from check_against_mitsuba import FIRST_SEED, Part, measure

SYSTEMATIC = 0.003  # allowed beside the noise
NOISES = 1.5  # how far the measured error may lie above the one that the noise alone makes


def within_noise(part: Part) -> bool:
    return part.error < NOISES * part.noise + SYSTEMATIC and abs(part.bias) < part.noise + SYSTEMATIC


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
