"""Properties of the path tracer: white furnace, energy, determinism, unbiasedness, AOVs, and the scalar variant."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from support import rendered_rooms
from support.paths import ROOT
from wallpaint.rooms.mesh import merge
from wallpaint.rooms.room import Room, look_at
from wallpaint.rooms.tracing import backend
from wallpaint.typing import Array

if importlib.util.find_spec("mitsuba") is None:
    pytest.skip("Mitsuba is not installed", allow_module_level=True)
else:
    backend.activate()  # selects LLVM before the imports below load Mitsuba

from wallpaint.rooms.tracing import buckets, mitsuba_scene, tracer

needs_llvm = pytest.mark.skipif(backend.activate() == backend.SCALAR_VARIANT, reason="the kernel needs LLVM")


def light_of(room: Room, side: int = 32, samples: int = 128) -> Array:
    return tracer.render(room, (side, side), samples, denoised=False).buckets


@needs_llvm
def test_white_furnace_gives_a_geometric_series() -> None:
    """In a closed box of emissive paint every bounce adds the same light: I = E + rho E + rho^2 E + ..."""
    light = light_of(rendered_rooms.furnace(2.0))
    np.testing.assert_allclose(light.mean((1, 2)), 2.0, rtol=0.005)
    for rho in (0.0, 0.3, 0.6):
        result = buckets.radiance(light, (rho, rho, rho))
        np.testing.assert_allclose(result.mean((0, 1)), 2.0 / (1 - rho), rtol=0.01)


@needs_llvm
def test_buckets_separate_channels_and_bounces() -> None:
    """Bucket 0 of a room with paint on all sides is the lamp alone; the others have the lamp's colour."""
    from wallpaint.rooms.tracing import kernel

    light = light_of(rendered_rooms.painted_box())
    assert light.shape == (kernel.MAX_WALL_BOUNCES + 1, 32, 32, 3)
    lamp = rendered_rooms.painted_box().mesh.materials[1]
    rendering = light[0].reshape(-1, 3)
    np.testing.assert_allclose(rendering.max(0), lamp.emission, rtol=1e-4)
    tint = light[1:].mean((1, 2))
    np.testing.assert_allclose(
        tint / tint[:, :1], np.tile(np.divide(lamp.emission, lamp.emission[0]), (5, 1)), rtol=1e-4
    )


@needs_llvm
def test_buckets_do_not_depend_on_the_existing_paint() -> None:
    room = rendered_rooms.diffuse_room()
    other = [m if m.wall is None else replace(m, albedo=(0.1, 0.2, 0.7)) for m in room.mesh.materials]
    changed = replace(room, mesh=replace(room.mesh, materials=tuple(other)), old_paint=(0.1, 0.2, 0.7))
    np.testing.assert_array_equal(light_of(room, 16, 16), light_of(changed, 16, 16))


@needs_llvm
def test_rendering_is_deterministic_and_depends_on_the_seed() -> None:
    room = rendered_rooms.furnished()
    first = light_of(room, 16, 16)
    np.testing.assert_array_equal(first, light_of(room, 16, 16))
    assert not np.array_equal(first, light_of(replace(room, seed=2), 16, 16))


@needs_llvm
def test_russian_roulette_is_unbiased(monkeypatch: pytest.MonkeyPatch) -> None:
    from wallpaint.rooms.tracing import kernel

    default = light_of(rendered_rooms.diffuse_room(), 32, 256)
    monkeypatch.setattr(kernel, "RR_DEPTH", kernel.MAX_DEPTH)
    without_roulette = light_of(rendered_rooms.diffuse_room(), 32, 256)
    np.testing.assert_allclose(default.mean((1, 2)), without_roulette.mean((1, 2)), rtol=0.02)
    np.testing.assert_allclose(default.sum(0).mean((0, 1)), without_roulette.sum(0).mean((0, 1)), rtol=0.003)


@needs_llvm
def test_firefly_clamp_removes_little_energy(monkeypatch: pytest.MonkeyPatch) -> None:
    default = light_of(rendered_rooms.furnished()).sum(0)
    monkeypatch.setattr(tracer, "FIREFLY_CLAMP", 1e9)
    unclamped = light_of(rendered_rooms.furnished()).sum(0)
    assert (default <= unclamped * 1.0001).all()
    assert default.mean() > 0.995 * unclamped.mean()


@needs_llvm
def test_firefly_clamp_keeps_light_of_a_sunlit_patch_outside_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """The camera faces a dim corner that is lit by a small patch of sun on the floor, outside the image."""
    room = rendered_rooms.furnished()
    dark = [replace(m, emission=(0.0, 0.0, 0.0)) for m in room.mesh.materials]
    assert room.sun is not None
    blazing = replace(room.sun, irradiance=(900.0, 800.0, 650.0))
    camera = look_at((1.6, 0.35, 1.4), (0.2, 3.9, 2.5), 30.0, 1.0)
    room = replace(room, mesh=replace(room.mesh, materials=tuple(dark)), sun=blazing, camera=camera)
    white = {}
    for firefly, sunlit in ((1e9, 0.0), (10.0, tracer.SUNLIT_CLAMP), (10.0, 0.0)):
        monkeypatch.setattr(tracer, "FIREFLY_CLAMP", firefly)
        monkeypatch.setattr(tracer, "SUNLIT_CLAMP", sunlit)
        white[firefly, sunlit > 0] = buckets.radiance(light_of(room, 32, 64), (0.9, 0.9, 0.9)).mean()
    assert white[10.0, True] > 0.995 * white[1e9, False]
    assert white[10.0, False] < 0.99 * white[1e9, False]


@needs_llvm
def test_room_without_emitters_is_black() -> None:
    dark = [replace(m, emission=(0.0, 0.0, 0.0)) for m in rendered_rooms.diffuse_room().mesh.materials]
    room = rendered_rooms.diffuse_room()
    assert not light_of(replace(room, mesh=replace(room.mesh, materials=tuple(dark))), 16, 4).any()


@needs_llvm
def test_emitters_emit_from_their_front_only() -> None:
    """A flipped lamp emits nothing downwards."""
    room = rendered_rooms.diffuse_room()
    lamp = rendered_rooms.lamp()
    rest = merge([rendered_rooms.shell(dict.fromkeys(rendered_rooms.SIDES, rendered_rooms.paint(0)))])
    down = light_of(replace(room, mesh=merge([rest, lamp])), 16, 16)
    up = light_of(replace(room, mesh=merge([rest, lamp.flipped()])), 16, 16)
    assert down[0].max() > 5
    assert up[0].max() == 0
    assert down[1][8:].mean() > 20 * up[1][8:].mean()


@needs_llvm
def test_aovs_of_the_back_wall() -> None:
    """The back wall has number 3, faces the camera, and is 3.65 m away."""
    rendering = tracer.render(rendered_rooms.diffuse_room(), (33, 33), 64, denoised=False)
    middle = (slice(15, 18), slice(14, 17))
    np.testing.assert_allclose(rendering.wall[middle], 1)
    assert (rendering.wall_number[middle] == 3).all()
    np.testing.assert_allclose(rendering.normal[middle], np.broadcast_to([0, -1, 0], (3, 3, 3)), atol=1e-5)
    np.testing.assert_allclose(rendering.depth[middle], 3.65, rtol=0.03)
    assert (rendering.wall_number[rendering.wall == 0] == -1).all()
    np.testing.assert_allclose(rendering.albedo[-1].mean(0), (0.4, 0.22, 0.12), rtol=0.3)


def test_fit_buckets_recovers_polynomials() -> None:
    rng = np.random.default_rng(3)
    truth = rng.random((mitsuba_scene.MAX_WALL_BOUNCES + 1, 4, 5, 3))
    albedos = np.linspace(-0.5, 0.5, mitsuba_scene.NODE_COUNT)
    images = np.einsum("nk,khwc->nhwc", np.vander(albedos, mitsuba_scene.MAX_WALL_BOUNCES + 1, increasing=True), truth)
    np.testing.assert_allclose(mitsuba_scene.fit_buckets(images, albedos), truth, rtol=1e-5)


def test_scalar_variant_gives_valid_buckets_and_aovs(tmp_path: Path) -> None:
    """Built-in plugins give the same AOVs, and buckets that predict paints outside the interpolation nodes."""
    out = tmp_path / "plain.npz"
    environment = {**os.environ, "WALLPAINT_ROOMS_VARIANT": backend.SCALAR_VARIANT}
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "support" / "render_without_llvm.py"), str(out)],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert "Invalid sample" not in done.stdout + done.stderr
    result = np.load(out)
    for paint in ("0.1", "0.45", "0.7"):
        rho = float(paint)
        image = buckets.radiance(result["buckets"], (rho, rho, rho))
        difference = np.abs(image - result[f"image {paint}"]).mean() / image.mean()
        assert difference < (1e-4 if rho <= mitsuba_scene.MAX_NODE_ALBEDO else 5e-3), paint
    share, near = result["view_statistics"][0]
    assert share == pytest.approx(result["wall"].mean(), abs=0.05)
    assert near == 0
    if backend.activate() == backend.LLVM_VARIANT:
        by_kernel = tracer.render(rendered_rooms.diffuse_room(), (16, 16), 512, denoised=False)
        np.testing.assert_allclose(result["buckets"].mean((1, 2, 3)), by_kernel.buckets.mean((1, 2, 3)), rtol=0.06)
        assert np.abs(result["wall"] - by_kernel.wall).mean() < 0.02
        assert np.abs(result["albedo"] - by_kernel.albedo).mean() < 0.02
        assert np.abs(result["normal"] - by_kernel.normal).mean() < 0.03
        assert np.abs(result["depth"] - by_kernel.depth).mean() < 0.05
        assert (result["wall_number"] == by_kernel.wall_number).mean() > 0.95


@pytest.mark.slow
def test_scalar_variant_brightness_is_close_to_the_kernel(tmp_path: Path) -> None:
    """Brightness agrees only roughly: specular reflection is simplified, and the window also emits upwards."""
    out = tmp_path / "plain.npz"
    environment = {**os.environ, "WALLPAINT_ROOMS_VARIANT": backend.SCALAR_VARIANT}
    command = [sys.executable, str(ROOT / "tests" / "support" / "render_without_llvm.py"), str(out), "furnished"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    result = np.load(out)["buckets"]
    assert np.isfinite(result).all()
    if backend.activate() == backend.LLVM_VARIANT:
        by_kernel = light_of(rendered_rooms.furnished(), 16, 1024)
        np.testing.assert_allclose(result.mean((1, 2, 3)), by_kernel.mean((1, 2, 3)), rtol=0.35)
