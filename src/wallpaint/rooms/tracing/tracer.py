"""Render a room: its light split by bounces on the walls' paint, and what is where in the picture."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from wallpaint.rooms.room import Eye, Room
from wallpaint.rooms.tracing import backend, denoise
from wallpaint.rooms.tracing.buckets import Rendering
from wallpaint.typing import Array

if TYPE_CHECKING:
    from wallpaint.rooms.tracing.kernel import Stage

LANES = 1 << 20  # paths that are followed at once
SURVEY = (32, 32)
PILOT = ((64, 64), 16)
FIREFLY = 40.0  # brightest single contribution after the first bounce, against the picture's usual radiance
SUNLIT = 16.0  # the same against a white surface in the sun, which may lie out of sight and light all that is seen
USUAL = 99  # percentile that counts as usual: lower ones cut real light where a lamp or the sun lights a dark room


def render(room: Room, size: tuple[int, int], samples: int, *, clean: bool = True) -> Rendering:
    """The room in every paint at once.

    size: (height, width). samples: paths a pixel. clean: denoise, where the denoiser is installed. The same arguments
    give the same result on one machine; bounces on paint beyond the last bucket are left out (`buckets.radiance` adds
    what they must have been). Raises ConfigError where Mitsuba is missing.
    """
    if backend.activate() == backend.PLAIN:
        from wallpaint.rooms.tracing import mitsuba_scene as plain

        rendering = plain.render(room, size, samples)
    else:
        from wallpaint.rooms.tracing import kernel

        stage = kernel.Stage(room, _plaster())
        buckets = _trace(stage, room, size, samples, _firefly(stage, room))
        rendering = Rendering(buckets=buckets, **_look(stage, room, size, samples))
    if not (clean and denoise.available()):
        return rendering
    quiet = [denoise.denoise(bucket, rendering.albedo, rendering.normal) for bucket in rendering.buckets]
    return replace(rendering, buckets=np.stack(quiet))


def render_plain(room: Room, size: tuple[int, int], samples: int, *, clean: bool = True) -> Array:
    """The room as it is, (h, w, 3) float32 radiance, drawn with the same random numbers as `render`."""
    rendering = render(room, size, samples, clean=False)
    light = rendering.buckets.sum(0)
    return denoise.denoise(light, rendering.albedo, rendering.normal) if clean and denoise.available() else light


def look(room: Room, size: tuple[int, int]) -> Array:
    """Which wall each pixel's one ray meets, without any light: (h, w) int16, its number, -1 where there is none."""
    if backend.activate() == backend.PLAIN:
        from wallpaint.rooms.tracing import mitsuba_scene as plain

        return plain.look(room, size)
    from wallpaint.rooms.tracing import kernel

    found: Array = _look(kernel.Stage(room, _plaster()), room, size, 1)["wall_number"]
    return found


def survey(room: Room, eyes: list[Eye], near: float) -> list[tuple[float, float]]:
    """What each eye would see: the share of wall to be repainted, and the share of things nearer than `near` metres."""
    if backend.activate() == backend.PLAIN:
        from wallpaint.rooms.tracing import mitsuba_scene as plain

        return plain.survey(room, eyes, near)
    from wallpaint.rooms.tracing import kernel

    stage = kernel.Stage(room, _plaster())
    views = []
    for eye in eyes:
        stage.aim(eye)
        seen = _look(stage, room, SURVEY, 1)
        views.append((float(seen["wall"].mean()), float((seen["depth"] < near).mean())))
    return views


def _trace(stage: Stage, room: Room, size: tuple[int, int], samples: int, clamp: float) -> Array:
    import drjit as dr
    from mitsuba import Float, UInt32

    from wallpaint.rooms.tracing import kernel

    pixels = size[0] * size[1]
    total = np.zeros((kernel.LAST + 1, pixels, 3), np.float64)
    share = max(1, min(samples, LANES // pixels))
    done = 0
    while done < samples:
        count = min(share, samples - done)
        index = dr.arange(UInt32, pixels * count)
        first, seed, limit = UInt32(done), UInt32(room.seed), Float(clamp)
        dr.make_opaque(first, seed, limit)
        found = kernel.trace(stage, index, size, count, first, seed, limit)
        dr.eval(found)
        for k, light in enumerate(found):
            for channel in range(3):
                values = np.nan_to_num(np.asarray(light[channel]), nan=0.0, posinf=0.0, neginf=0.0)
                total[k, :, channel] += values.reshape(pixels, count).sum(1, dtype=np.float64)
        done += count
    return (total / samples).reshape(kernel.LAST + 1, *size, 3).astype(np.float32)


def _firefly(stage: Stage, room: Room) -> float:
    size, samples = PILOT
    usual = float(np.percentile(_trace(stage, room, size, samples, 1e9).sum(0).mean(-1), USUAL))
    sunlit = 0.0 if room.sun is None else float(np.mean(room.sun.irradiance)) / np.pi
    return max(FIREFLY * usual, SUNLIT * sunlit, 1e-6)


def _look(stage: Stage, room: Room, size: tuple[int, int], samples: int) -> dict[str, Array]:
    import drjit as dr
    from mitsuba import UInt32

    from wallpaint.rooms.tracing import kernel

    count = min(samples, 64, max(1, 4 * LANES // (size[0] * size[1])))
    seed = UInt32(room.seed)
    dr.make_opaque(seed)
    index = dr.arange(UInt32, size[0] * size[1] * count)
    albedo, normal, depth, painted, number = kernel.look(stage, index, size, count, seed)
    dr.eval(albedo, normal, depth, painted, number)
    shape = (*size, count)
    numbers = np.asarray(number).reshape(shape)
    return {
        "wall": np.asarray(painted).reshape(shape).mean(-1).astype(np.float32),
        "depth": np.median(np.asarray(depth).reshape(shape), axis=-1).astype(np.float32),
        "albedo": np.stack([np.asarray(albedo[i]).reshape(shape).mean(-1) for i in range(3)], -1).astype(np.float32),
        "normal": np.stack([np.asarray(normal[i]).reshape(shape).mean(-1) for i in range(3)], -1).astype(np.float32),
        "wall_number": np.sort(numbers, axis=-1)[..., count // 2].astype(np.int16),
    }


@cache
def _plaster() -> Array:
    from wallpaint.rooms.surfaces import textures

    return textures.plaster_slopes(np.random.default_rng(0))
