"""The path tracer by what must hold of it: closed boxes, sums, and tricks that may save time but no light."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from support import rendered_rooms as made_rooms
from support.paths import ROOT
from wallpaint.rooms.mesh import merge
from wallpaint.rooms.room import Room, look_at
from wallpaint.rooms.tracing import backend
from wallpaint.typing import Array

if importlib.util.find_spec("mitsuba") is None:
    pytest.skip("Mitsuba is not installed", allow_module_level=True)

from wallpaint.rooms.tracing import buckets, tracer
from wallpaint.rooms.tracing import mitsuba_scene as plain

needs_llvm = pytest.mark.skipif(backend.activate() == backend.PLAIN, reason="no libLLVM, hence no kernel")


def light_of(room: Room, side: int = 32, samples: int = 128) -> Array:
    return tracer.render(room, (side, side), samples, clean=False).buckets


@needs_llvm
def test_furnace() -> None:
    """In a closed box of glowing paint every bounce adds the same light: I = E + rho E + rho^2 E + ..."""
    light = light_of(made_rooms.furnace(2.0))
    np.testing.assert_allclose(light.mean((1, 2)), 2.0, rtol=0.005)
    for rho in (0.0, 0.3, 0.6):
        found = buckets.radiance(light, (rho, rho, rho))
        np.testing.assert_allclose(found.mean((0, 1)), 2.0 / (1 - rho), rtol=0.01)


@needs_llvm
def test_light_is_kept_apart_by_channel_and_bounce() -> None:
    """Black things and coloured lamps: what no paint has met is the lamp alone."""
    from wallpaint.rooms.tracing import kernel

    light = light_of(made_rooms.bare())
    assert light.shape == (kernel.LAST + 1, 32, 32, 3)
    lamp = made_rooms.bare().mesh.materials[1]
    seen = light[0].reshape(-1, 3)
    np.testing.assert_allclose(seen.max(0), lamp.emission, rtol=1e-4)
    tint = light[1:].mean((1, 2))
    np.testing.assert_allclose(
        tint / tint[:, :1], np.tile(np.divide(lamp.emission, lamp.emission[0]), (5, 1)), rtol=1e-4
    )


@needs_llvm
def test_the_old_paint_does_not_matter() -> None:
    room = made_rooms.matt()
    other = [m if m.wall is None else replace(m, albedo=(0.1, 0.2, 0.7)) for m in room.mesh.materials]
    changed = replace(room, mesh=replace(room.mesh, materials=tuple(other)), old_paint=(0.1, 0.2, 0.7))
    np.testing.assert_array_equal(light_of(room, 16, 16), light_of(changed, 16, 16))


@needs_llvm
def test_the_same_room_gives_the_same_light_and_another_seed_does_not() -> None:
    room = made_rooms.furnished()
    first = light_of(room, 16, 16)
    np.testing.assert_array_equal(first, light_of(room, 16, 16))
    assert not np.array_equal(first, light_of(replace(room, seed=2), 16, 16))


@needs_llvm
def test_ending_paths_at_random_has_no_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    from wallpaint.rooms.tracing import kernel

    usual = light_of(made_rooms.matt(), 32, 256)
    monkeypatch.setattr(kernel, "SURE_STEPS", kernel.LONGEST_PATH)
    never = light_of(made_rooms.matt(), 32, 256)
    np.testing.assert_allclose(usual.mean((1, 2)), never.mean((1, 2)), rtol=0.02)
    np.testing.assert_allclose(usual.sum(0).mean((0, 1)), never.sum(0).mean((0, 1)), rtol=0.003)


@needs_llvm
def test_the_firefly_clamp_takes_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = light_of(made_rooms.furnished()).sum(0)
    monkeypatch.setattr(tracer, "FIREFLY", 1e9)
    free = light_of(made_rooms.furnished()).sum(0)
    assert (usual <= free * 1.0001).all()
    assert usual.mean() > 0.995 * free.mean()


@needs_llvm
def test_sun_out_of_sight_lights_what_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The eye looks at a dim corner; its light comes from a small patch of sun on the floor, which it does not see."""
    room = made_rooms.furnished()
    dark = [replace(m, emission=(0.0, 0.0, 0.0)) for m in room.mesh.materials]
    assert room.sun is not None
    blazing = replace(room.sun, irradiance=(900.0, 800.0, 650.0))
    eye = look_at((1.6, 0.35, 1.4), (0.2, 3.9, 2.5), 30.0, 1.0)
    room = replace(room, mesh=replace(room.mesh, materials=tuple(dark)), sun=blazing, eye=eye)
    white = {}
    for firefly, sunlit in ((1e9, 0.0), (10.0, tracer.SUNLIT), (10.0, 0.0)):
        monkeypatch.setattr(tracer, "FIREFLY", firefly)
        monkeypatch.setattr(tracer, "SUNLIT", sunlit)
        white[firefly, sunlit > 0] = buckets.radiance(light_of(room, 32, 64), (0.9, 0.9, 0.9)).mean()
    assert white[10.0, True] > 0.995 * white[1e9, False]
    assert white[10.0, False] < 0.99 * white[1e9, False]


@needs_llvm
def test_dark_room() -> None:
    dark = [replace(m, emission=(0.0, 0.0, 0.0)) for m in made_rooms.matt().mesh.materials]
    room = made_rooms.matt()
    assert not light_of(replace(room, mesh=replace(room.mesh, materials=tuple(dark))), 16, 4).any()


@needs_llvm
def test_surfaces_shine_to_their_front_only() -> None:
    """A lamp that is turned round lights nothing below it."""
    room = made_rooms.matt()
    lamp = made_rooms.lamp()
    rest = merge([made_rooms.shell(dict.fromkeys(made_rooms.SIDES, made_rooms.paint(0)))])
    down = light_of(replace(room, mesh=merge([rest, lamp])), 16, 16)
    up = light_of(replace(room, mesh=merge([rest, lamp.flipped()])), 16, 16)
    assert down[0].max() > 5
    assert up[0].max() == 0
    assert down[1][8:].mean() > 20 * up[1][8:].mean()


@needs_llvm
def test_what_is_seen() -> None:
    """The back wall is 3.65 m before the eye, number 3, and faces it."""
    seen = tracer.render(made_rooms.matt(), (33, 33), 64, clean=False)
    middle = (slice(15, 18), slice(14, 17))
    np.testing.assert_allclose(seen.wall[middle], 1)
    assert (seen.wall_number[middle] == 3).all()
    np.testing.assert_allclose(seen.normal[middle], np.broadcast_to([0, -1, 0], (3, 3, 3)), atol=1e-5)
    np.testing.assert_allclose(seen.depth[middle], 3.65, rtol=0.03)
    assert (seen.wall_number[seen.wall == 0] == -1).all()
    np.testing.assert_allclose(seen.albedo[-1].mean(0), (0.4, 0.22, 0.12), rtol=0.3)


def test_polynomials_are_found_again() -> None:
    rng = np.random.default_rng(3)
    truth = rng.random((plain.LAST + 1, 4, 5, 3))
    albedos = np.linspace(-0.5, 0.5, plain.NODES)
    pictures = np.einsum("nk,khwc->nhwc", np.vander(albedos, plain.LAST + 1, increasing=True), truth)
    np.testing.assert_allclose(plain.to_buckets(pictures, albedos), truth, rtol=1e-5)


def test_without_llvm(tmp_path: Path) -> None:
    """Mitsuba's built-in plugins give the same room, its masks, and buckets that hold for paints never rendered."""
    out = tmp_path / "plain.npz"
    environment = {**os.environ, "WALLPAINT_ROOMS_VARIANT": backend.PLAIN}
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "support" / "render_without_llvm.py"), str(out)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Invalid sample" not in done.stdout + done.stderr
    found = np.load(out)
    for paint in ("0.1", "0.45", "0.7"):
        rho = float(paint)
        picture = buckets.radiance(found["buckets"], (rho, rho, rho))
        difference = np.abs(picture - found[f"picture {paint}"]).mean() / picture.mean()
        assert difference < (1e-4 if rho <= plain.WIDEST else 5e-3), paint
    share, near = found["survey"][0]
    assert share == pytest.approx(found["wall"].mean(), abs=0.05)
    assert near == 0
    if backend.activate() == backend.FAST:
        ours = tracer.render(made_rooms.matt(), (16, 16), 512, clean=False)
        np.testing.assert_allclose(found["buckets"].mean((1, 2, 3)), ours.buckets.mean((1, 2, 3)), rtol=0.06)
        assert np.abs(found["wall"] - ours.wall).mean() < 0.02
        assert np.abs(found["albedo"] - ours.albedo).mean() < 0.02
        assert np.abs(found["normal"] - ours.normal).mean() < 0.03
        assert np.abs(found["depth"] - ours.depth).mean() < 0.05
        assert (found["wall_number"] == ours.wall_number).mean() > 0.95


@pytest.mark.slow
def test_sun_sky_and_gloss_without_llvm(tmp_path: Path) -> None:
    """About as bright as the kernel's furnished room: its gloss is simpler, and its window shines upwards too."""
    out = tmp_path / "plain.npz"
    environment = {**os.environ, "WALLPAINT_ROOMS_VARIANT": backend.PLAIN}
    command = [sys.executable, str(ROOT / "tests" / "support" / "render_without_llvm.py"), str(out), "furnished"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    found = np.load(out)["buckets"]
    assert np.isfinite(found).all()
    if backend.activate() == backend.FAST:
        ours = light_of(made_rooms.furnished(), 16, 1024)
        np.testing.assert_allclose(found.mean((1, 2, 3)), ours.mean((1, 2, 3)), rtol=0.35)
