"""Render a room: radiance buckets by bounces on the wall paint, and AOVs such as depth and wall numbers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from wallpaint.rooms.room import Camera, Room
from wallpaint.rooms.tracing import backend, denoise
from wallpaint.rooms.tracing.buckets import Rendering, majority
from wallpaint.typing import Array

if TYPE_CHECKING:
    from wallpaint.rooms.tracing.kernel import TraceScene

WAVEFRONT_SIZE = 1 << 20  # paths traced in parallel
STATISTICS_SIZE = (32, 32)
SHARES_SIZE = (48, 48)
PILOT_SIZE, PILOT_SAMPLES = (64, 64), 16  # of the rendering that sets the firefly clamp
FIREFLY_CLAMP = 40.0  # maximum single contribution after the first bounce, relative to the typical radiance
SUNLIT_CLAMP = 16.0  # the same relative to a white surface in the sun, which may light the view from outside it
CLAMP_PERCENTILE = 99  # of the typical radiance; lower ones remove real light in dark rooms with a lamp or sun


def render(room: Room, size: tuple[int, int], samples: int, *, denoised: bool = True) -> Rendering:
    """Render the room for every wall paint at once.

    size: (height, width). samples: paths per pixel. denoised: denoise if the denoiser is installed. The same arguments
    give the same result on one machine. Light with more wall bounces than the last bucket is left out;
    `buckets.radiance` extrapolates it. Raises ConfigError if Mitsuba is not installed, or if the image is too large to
    render without LLVM (`backend.check_size`).
    """
    backend.check_size(size, samples)
    if backend.activate() == backend.SCALAR_VARIANT:
        from wallpaint.rooms.tracing import mitsuba_scene

        rendering = mitsuba_scene.render(room, size, samples)
    else:
        from wallpaint.rooms.tracing import kernel

        scene = kernel.TraceScene(room, _plaster_slopes())
        buckets = _render_buckets(scene, room, size, samples, _firefly_clamp(scene, room))
        rendering = Rendering(buckets=buckets, **_render_aovs(scene, room, size, samples))
    if not (denoised and denoise.available()):
        return rendering
    guide = rendering.albedo * rendering.occlusion[..., None]
    clean = [denoise.denoise(bucket, guide, rendering.normal) for bucket in rendering.buckets]
    return replace(rendering, buckets=np.stack(clean))


def render_radiance(room: Room, size: tuple[int, int], samples: int, *, denoised: bool = True) -> Array:
    """Render the room with its existing materials and the same random numbers: (h, w, 3) float32 radiance."""
    rendering = render(room, size, samples, denoised=False)
    radiance = rendering.buckets.sum(0)
    if not (denoised and denoise.available()):
        return radiance
    return denoise.denoise(radiance, rendering.albedo * rendering.occlusion[..., None], rendering.normal)


def render_wall_numbers(room: Room, size: tuple[int, int]) -> Array:
    """Return the wall number that one ray per pixel hits, without light transport: (h, w) int16, -1 for no wall."""
    if backend.activate() == backend.SCALAR_VARIANT:
        from wallpaint.rooms.tracing import mitsuba_scene

        return mitsuba_scene.render_wall_numbers(room, size)
    from wallpaint.rooms.tracing import kernel

    wall_number: Array = _render_aovs(kernel.TraceScene(room, _plaster_slopes()), room, size, 1)["wall_number"]
    return wall_number


def view_statistics(room: Room, cameras: list[Camera], near_distance: float) -> list[tuple[float, float]]:
    """Return for each camera the share of paintable wall, and the share of pixels nearer than near_distance metres."""
    if backend.activate() == backend.SCALAR_VARIANT:
        from wallpaint.rooms.tracing import mitsuba_scene

        return mitsuba_scene.view_statistics(room, cameras, near_distance)
    from wallpaint.rooms.tracing import kernel

    scene = kernel.TraceScene(room, _plaster_slopes())
    statistics = []
    for camera in cameras:
        scene.set_camera(camera)
        aovs = _render_aovs(scene, room, STATISTICS_SIZE, 1)
        statistics.append((float(aovs["wall"].mean()), float((aovs["depth"] < near_distance).mean())))
    return statistics


def material_shares(room: Room, cameras: list[Camera]) -> Array:
    """Return the share of each camera's image that each material covers: (cameras, materials) float64, 0..1."""
    materials = tuple(replace(material, wall=number) for number, material in enumerate(room.mesh.materials))
    numbered = replace(room, mesh=replace(room.mesh, materials=materials))
    views = []
    if backend.activate() == backend.SCALAR_VARIANT:
        views = [render_wall_numbers(replace(numbered, camera=camera), SHARES_SIZE) for camera in cameras]
    else:
        from wallpaint.rooms.tracing import kernel

        scene = kernel.TraceScene(numbered, _plaster_slopes())
        for camera in cameras:
            scene.set_camera(camera)
            views.append(_render_aovs(scene, numbered, SHARES_SIZE, 1)["wall_number"])
    counts = [np.bincount(view[view >= 0], minlength=len(materials)) for view in views]
    return np.stack(counts) / (SHARES_SIZE[0] * SHARES_SIZE[1])


def _render_buckets(scene: TraceScene, room: Room, size: tuple[int, int], samples: int, clamp: float) -> Array:
    import drjit as dr
    from mitsuba import Float, UInt32

    from wallpaint.rooms.tracing import kernel

    pixels = size[0] * size[1]
    total = np.zeros((kernel.MAX_WALL_BOUNCES + 1, pixels, 3), np.float64)
    samples_per_pass = max(1, min(samples, WAVEFRONT_SIZE // pixels))
    done = 0
    while done < samples:
        count = min(samples_per_pass, samples - done)
        index = dr.arange(UInt32, pixels * count)
        first, seed, limit = UInt32(done), UInt32(room.seed), Float(clamp)
        dr.make_opaque(first, seed, limit)
        radiance = kernel.trace(scene, index, size, count, first, seed, limit)
        dr.eval(radiance)
        for k, bucket in enumerate(radiance):
            for channel in range(3):
                values = np.nan_to_num(np.asarray(bucket[channel]), nan=0.0, posinf=0.0, neginf=0.0)
                total[k, :, channel] += values.reshape(pixels, count).sum(1, dtype=np.float64)
        done += count
    return (total / samples).reshape(kernel.MAX_WALL_BOUNCES + 1, *size, 3).astype(np.float32)


def _firefly_clamp(scene: TraceScene, room: Room) -> float:
    """Return the maximum of a single contribution, from a pilot rendering."""
    typical = float(
        np.percentile(_render_buckets(scene, room, PILOT_SIZE, PILOT_SAMPLES, 1e9).sum(0).mean(-1), CLAMP_PERCENTILE)
    )
    sunlit = 0.0 if room.sun is None else float(np.mean(room.sun.irradiance)) / np.pi
    return max(FIREFLY_CLAMP * typical, SUNLIT_CLAMP * sunlit, 1e-6)


def _render_aovs(scene: TraceScene, room: Room, size: tuple[int, int], samples: int) -> dict[str, Array]:
    import drjit as dr
    from mitsuba import UInt32

    from wallpaint.rooms.tracing import kernel

    count = min(samples, 64, max(1, 4 * WAVEFRONT_SIZE // (size[0] * size[1])))
    seed = UInt32(room.seed)
    dr.make_opaque(seed)
    index = dr.arange(UInt32, size[0] * size[1] * count)
    albedo, normal, depth, paint, number, plane, occlusion = kernel.render_aovs(scene, index, size, count, seed)
    dr.eval(albedo, normal, depth, paint, number, plane, occlusion)
    shape = (*size, count)
    numbers = np.asarray(number).reshape(shape)
    return {
        "wall": np.asarray(paint).reshape(shape).mean(-1).astype(np.float32),
        "depth": np.median(np.asarray(depth).reshape(shape), axis=-1).astype(np.float32),
        "albedo": np.stack([np.asarray(albedo[i]).reshape(shape).mean(-1) for i in range(3)], -1).astype(np.float32),
        "normal": np.stack([np.asarray(normal[i]).reshape(shape).mean(-1) for i in range(3)], -1).astype(np.float32),
        "wall_number": np.sort(numbers, axis=-1)[..., count // 2].astype(np.int16),
        "wall_plane": majority(np.asarray(plane).reshape(shape)),
        "occlusion": np.asarray(occlusion).reshape(shape).mean(-1).astype(np.float32)
        if scene.has_relief
        else np.ones(size, np.float32),
    }


@cache
def _plaster_slopes() -> Array:
    from wallpaint.rooms.surfaces import textures

    return textures.plaster_slopes(np.random.default_rng(0))
