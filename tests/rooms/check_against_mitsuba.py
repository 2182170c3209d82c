"""Our buckets against pictures by Mitsuba's own path integrator, which shares no light transport with the kernel.

    python tests/rooms/check_against_mitsuba.py --rooms 8 --size 128 --samples 2048

prints a row a room and paint: mean relative error of 8 x 8 block means on walls and elsewhere, the error that the noise
of both sides alone would make, and the mean error with its sign, which noise leaves near 0. All in per cent.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from wallpaint.rooms.materials import Array
from wallpaint.rooms.room import Room
from wallpaint.rooms.tracing import backend

PAINTS = (0.05, 0.5, 0.9)
BLOCK = 8
AT_ONCE = 1 << 20  # paths of Mitsuba's that are followed at once
FIRST_SEED = 950_000
RAYLEIGH_TO_ABSOLUTE = 2 * np.sqrt(2) / np.pi  # mean length of two normal deviates -> mean size of one


@dataclass(frozen=True)
class Part:
    """Errors over the blocks that are mostly wall, or mostly not; relative. NaN where there are none."""

    error: float
    noise: float
    bias: float


@dataclass(frozen=True)
class Row:
    paint: float
    wall: Part
    elsewhere: Part
    seconds: float


def measure(
    room: Room, side: int, samples: int, paints: Iterable[float] = PAINTS, truth: Room | None = None
) -> Iterator[Row]:
    """Render a square picture of a room by both renderers, undenoised, and compare.

    side: pixels, a multiple of 8. samples: paths a pixel on each side. truth: another room for Mitsuba, where the check
    itself is put to the test.
    """
    backend.activate()
    from wallpaint.rooms.tracing import buckets, tracer

    room, truth = (replace(r, eye=replace(r.eye, half_height=r.eye.half_width)) for r in (room, truth or room))
    ours = [tracer.render(replace(room, seed=room.seed + i), (side, side), samples // 2, clean=False) for i in (0, 1)]
    wall = _blocks(ours[0].wall[..., None])[..., 0] > 0.5
    both = np.mean([rendering.buckets for rendering in ours], axis=0)
    for paint in paints:
        start = time.time()
        albedo = (paint, paint, paint)
        found = _blocks(buckets.radiance(both, albedo))
        halves = [_blocks(buckets.radiance(rendering.buckets, albedo)) for rendering in ours]
        references = [_blocks(picture) for picture in reference(truth, albedo, side, samples)]
        expected = np.mean(references, axis=0)
        # Two halves differ by twice the noise of their mean, and the noises of the two renderers add as variances.
        noise = np.hypot(halves[0] - halves[1], references[0] - references[1]) / 2 * RAYLEIGH_TO_ABSOLUTE
        parts = [_part(found, expected, noise, chosen) for chosen in (wall, ~wall)]
        yield Row(paint, parts[0], parts[1], time.time() - start)


def reference(room: Room, albedo: tuple[float, float, float], side: int, samples: int) -> tuple[Array, Array]:
    """Two independent pictures of half the samples each, by Mitsuba's own `path` integrator: (side, side, 3)."""
    import mitsuba as mi
    import mitsuba_plugins

    from wallpaint.rooms.surfaces import textures

    plaster = textures.plaster_slopes(np.random.default_rng(0))
    scene = mi.load_dict(mitsuba_plugins.scene(room, albedo, (side, side), plaster))
    integrator = mi.load_dict({"type": "path", "max_depth": -1, "rr_depth": 6})
    share = max(1, min(samples // 2, AT_ONCE // side**2))
    count = max(1, round(samples / 2 / share))
    halves = [np.zeros((side, side, 3)), np.zeros((side, side, 3))]
    for turn in range(2 * count):
        picture = np.array(mi.render(scene, integrator=integrator, spp=share, seed=turn + int(1000 * albedo[0])))
        halves[turn % 2] += picture / count
    return halves[0], halves[1]


def _part(found: Array, expected: Array, noise: Array, chosen: Array) -> Part:
    if not chosen.any():
        return Part(float("nan"), float("nan"), float("nan"))
    brightness = expected[chosen].mean(-1)
    difference = found[chosen] - expected[chosen]
    return Part(
        float((np.abs(difference).mean(-1) / brightness).mean()),
        float((noise[chosen].mean(-1) / brightness).mean()),
        float((difference.mean(-1) / brightness).mean()),
    )


def _blocks(picture: Array) -> Array:
    rows, columns = picture.shape[0] // BLOCK, picture.shape[1] // BLOCK
    return picture[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK, -1).mean((1, 3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=int, default=8)
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="of the first room")
    parser.add_argument("--size", type=int, default=128, help="side of the picture in pixels, a multiple of 8")
    parser.add_argument("--samples", type=int, default=2048, help="paths a pixel, on each side")
    chosen = parser.parse_args()
    if backend.activate() == backend.PLAIN:
        sys.exit(f"{backend.describe()}; the kernel to be checked needs it")
    from wallpaint.rooms import design

    print(" seed   paint |  wall  noise   bias |  else  noise   bias | seconds", flush=True)
    rows = []
    for seed in range(chosen.seed, chosen.seed + chosen.rooms):
        for row in measure(design.design(seed), chosen.size, chosen.samples):
            rows.append(row)
            print(
                f"{seed:6} {row.paint:6.2f} | {_cells(row.wall)} | {_cells(row.elsewhere)} | {row.seconds:7.0f}",
                flush=True,
            )
    print(
        "  mean        |",
        " | ".join(_cells(_mean([getattr(row, name) for row in rows])) for name in ("wall", "elsewhere")),
    )


def _mean(parts: list[Part]) -> Part:
    values = np.nanmean([[part.error, part.noise, part.bias] for part in parts], axis=0)
    return Part(*(float(value) for value in values))


def _cells(part: Part) -> str:
    return f"{100 * part.error:5.2f}  {100 * part.noise:5.2f} {100 * part.bias:+6.2f}"


if __name__ == "__main__":
    main()
