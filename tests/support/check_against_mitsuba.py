"""Compare the radiance buckets with images by Mitsuba's `path` integrator, which shares no code with the kernel.

    PYTHONPATH=tests python tests/support/check_against_mitsuba.py --rooms 8 --size 64 --noise 0.5 -o runs/mitsuba.jsonl

prints one row per room and paint, from 8 x 8 block means, for walls and elsewhere, in per cent:

    error       mean relative error
    noise       expected error from the noise of both renderers alone
    bias        signed error of the mean over all blocks, followed by its standard deviation
    systematic  root of the mean product of the errors of two independent halves. The product is an unbiased estimate of
                the squared error without noise; a negative product gives a negative root

Each renderer adds paths until its noise is low enough. Mitsuba renders the paints of a room at once, one per colour
channel, with another assignment from room to room. The images of a room are saved beside the output, so the same
command resumes after an interruption, or continues to a lower noise level.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np

from wallpaint.rooms.materials import Color
from wallpaint.rooms.room import Room
from wallpaint.rooms.tracing import backend
from wallpaint.typing import Array

PAINTS = (0.05, 0.5, 0.9)
BLOCK = 8
WAVEFRONT_SIZE = 1 << 20  # paths of Mitsuba traced in parallel
FIRST_SEED = 950_000
RAYLEIGH_TO_ABSOLUTE = 2 * np.sqrt(2) / np.pi  # mean length of two normal deviates -> mean size of one
MIN_PATHS = 2048  # per pixel
PATHS_PER_STEP = 1 << 13  # per pixel, between two checks of the time limit
MAX_ERROR = {"wall": 0.01, "elsewhere": 0.02}


@dataclass(frozen=True)
class RegionErrors:
    """Relative errors over the blocks that are mostly wall, or mostly not; NaN if there are none."""

    error: float
    noise: float
    bias: float
    bias_noise: float
    systematic: float


@dataclass(frozen=True)
class ComparisonRow:
    paint: float
    wall: RegionErrors
    elsewhere: RegionErrors
    paths: int  # per pixel, of the kernel
    reference_paths: int  # per pixel, of Mitsuba
    seconds: float


class Accumulator:
    """Two independent images by one renderer, each the mean of several passes."""

    def __init__(self, render: Callable[[int, int], Array]) -> None:
        """render: maps (paths per pixel, seed) to an image."""
        self.render, self.sums, self.passes, self.paths = render, [np.zeros(1), np.zeros(1)], 0, 0

    def add_paths(self, paths: int) -> None:
        paths_per_half = max(1, paths // 2)
        for half in (0, 1):
            self.sums[half] = self.sums[half] + paths_per_half * self.render(paths_per_half, self.passes)
            self.passes += 1
        self.paths += 2 * paths_per_half

    def load_state(self, state: dict[str, Array]) -> None:
        self.sums, self.passes, self.paths = list(state["sums"]), int(state["passes"]), int(state["paths"])

    def halves(self) -> list[Array]:
        return [total / (self.paths // 2) for total in self.sums]


class Comparison:
    """One room by both renderers, not denoised, with one wall albedo per colour channel."""

    def __init__(self, room: Room, albedo: Color, side: int, truth: Room | None = None) -> None:
        """side: pixels, a multiple of 8. truth: a different room for Mitsuba, for tests of the check itself."""
        backend.activate()
        from wallpaint.rooms.tracing import tracer

        room, truth = (
            replace(r, camera=replace(r.camera, half_height=r.camera.half_width)) for r in (room, truth or room)
        )
        self.start, self.albedo = time.time(), albedo
        self.wall = _blocks(tracer.render(room, (side, side), 16, denoised=False).wall[..., None])[..., 0] > 0.5

        def ours(paths: int, seed: int) -> Array:
            reseeded = replace(room, seed=room.seed + seed)
            return np.asarray(tracer.render(reseeded, (side, side), paths, denoised=False).buckets, np.float64)

        self.ours, self.theirs = Accumulator(ours), Accumulator(reference(truth, albedo, side))

    def rows(self) -> Iterator[ComparisonRow]:
        """Yield one row per paint, over the channels with that paint."""
        from wallpaint.rooms.tracing import buckets

        ours = [_blocks(buckets.radiance(light, self.albedo)) for light in self.ours.halves()]
        # From all paths together, as the extrapolation beyond the last bucket is not linear in the buckets.
        estimate = _blocks(buckets.radiance(np.mean(self.ours.halves(), axis=0), self.albedo))
        theirs = [_blocks(image) for image in self.theirs.halves()]
        for paint in dict.fromkeys(self.albedo):
            channels = [i for i in range(3) if self.albedo[i] == paint]
            of_paint = [image[..., channels] for image in (estimate, *ours, *theirs)]
            wall, elsewhere = (errors(*(image[mask] for image in of_paint)) for mask in (self.wall, ~self.wall))
            yield ComparisonRow(paint, wall, elsewhere, self.ours.paths, self.theirs.paths, time.time() - self.start)

    def excess_noise(self, accumulator: Accumulator, limit: float) -> float:
        """Return the noise of one renderer relative to its share of the limit, which is twice as high off the walls."""
        from wallpaint.rooms.tracing import buckets

        halves = accumulator.halves()
        if accumulator is self.ours:
            halves = [buckets.radiance(light, self.albedo) for light in halves]
        first, second = (_blocks(image) for image in halves)
        noise = np.abs(first - second) / np.maximum(first + second, 1e-12)
        regions = [(noise[mask], tolerance) for mask, tolerance in ((self.wall, 1), (~self.wall, 2)) if mask.any()]
        levels = [blocks.mean(0).max() / tolerance for blocks, tolerance in regions]
        return float(max(levels) / (limit / np.sqrt(2)))


def measure(
    room: Room, side: int, samples: int, paints: Iterable[float] = PAINTS, truth: Room | None = None
) -> Iterator[ComparisonRow]:
    """Compare with a fixed number of paths per pixel for both renderers, every paint in all channels."""
    accumulator: Accumulator | None = None
    for paint in paints:
        comparison = Comparison(room, (paint, paint, paint), side, truth)
        if accumulator is None:
            comparison.ours.add_paths(samples)
            accumulator = comparison.ours
        comparison.ours = accumulator
        comparison.theirs.add_paths(samples)
        yield from comparison.rows()


def measure_until(
    room: Room, side: int, noise: float, seconds: float, state_file: Path | None = None
) -> Iterator[list[ComparisonRow]]:
    """Compare with an increasing number of paths until the noise is at most `noise` on walls, and twice that elsewhere.

    Yields the rows of all paints after each round. The number of paths depends on the noise only, never on the error.
    state_file: path without suffix of the saved images, for resuming.
    """
    channel_shift = room.seed % 3
    comparison = Comparison(
        room, (PAINTS[channel_shift], PAINTS[(channel_shift + 1) % 3], PAINTS[(channel_shift + 2) % 3]), side
    )
    accumulators = (comparison.ours, comparison.theirs)
    for accumulator, path in zip(accumulators, _state_files(state_file), strict=True):
        if path.exists():
            with np.load(path) as arrays:
                accumulator.load_state(dict(arrays))
        else:
            accumulator.add_paths(MIN_PATHS)
    while True:
        for accumulator, path in zip(accumulators, _state_files(state_file), strict=True):
            if state_file is not None:
                np.savez(path, sums=np.stack(accumulator.sums), passes=accumulator.passes, paths=accumulator.paths)
        yield sorted(comparison.rows(), key=lambda row: row.paint)
        noise_ratio = {accumulator: comparison.excess_noise(accumulator, noise) for accumulator in accumulators}
        if max(noise_ratio.values()) <= 1 or time.time() - comparison.start > seconds:
            return
        for accumulator in accumulators:
            extra_paths = (
                accumulator.paths * min(noise_ratio[accumulator] ** 2 - 1, 1.0) if noise_ratio[accumulator] > 1 else 0.0
            )
            for _ in range(-(-int(extra_paths) // PATHS_PER_STEP)):
                accumulator.add_paths(min(PATHS_PER_STEP, max(MIN_PATHS, int(extra_paths))))
                if time.time() - comparison.start > seconds:
                    break


def _state_files(state_file: Path | None) -> tuple[Path, Path]:
    name = "" if state_file is None else str(state_file)
    return Path(f"{name}.ours.npz"), Path(f"{name}.theirs.npz")


def reference(room: Room, albedo: Color, side: int) -> Callable[[int, int], Array]:
    """Return a renderer by Mitsuba's `path` integrator: (paths per pixel, seed) -> (side, side, 3)."""
    import mitsuba as mi

    from support import mitsuba_plugins
    from wallpaint.rooms.surfaces import textures

    plaster = textures.plaster_slopes(np.random.default_rng(0))
    scene = mi.load_dict(mitsuba_plugins.scene(room, albedo, (side, side), plaster))
    integrator = mi.load_dict({"type": "path", "max_depth": -1, "rr_depth": 6})
    paths_per_pass = max(1, WAVEFRONT_SIZE // side**2)

    def render(paths: int, seed: int) -> Array:
        count = -(-paths // paths_per_pass)
        seeds = [(seed << 12) + number for number in range(count)]
        total = sum(np.array(mi.render(scene, integrator=integrator, spp=-(-paths // count), seed=s)) for s in seeds)
        return np.asarray(total, np.float64) / count

    return render


def errors(estimate: Array, ours1: Array, ours2: Array, theirs1: Array, theirs2: Array) -> RegionErrors:
    """Return the errors of our estimate from the halves of both renderers. All arrays are (blocks, channels)."""
    if not len(estimate):
        return RegionErrors(*[float("nan")] * len(fields(RegionErrors)))
    expected = (theirs1 + theirs2) / 2
    brightness = expected.mean(-1)
    difference = estimate - expected
    # Two halves differ by twice the noise of their mean, and the noises of the two renderers add as variances.
    noise = np.hypot(ours1 - ours2, theirs1 - theirs2) / 2 * RAYLEIGH_TO_ABSOLUTE
    deviation = np.hypot((ours1 - ours2).mean(-1), (theirs1 - theirs2).mean(-1)) / 2
    square = float((((ours1 - theirs1) * (ours2 - theirs2)).mean(-1) / brightness**2).mean())
    return RegionErrors(
        float((np.abs(difference).mean(-1) / brightness).mean()),
        float((noise.mean(-1) / brightness).mean()),
        float(difference.sum() / expected.sum()),
        float(np.linalg.norm(deviation) / brightness.sum()),
        float(np.copysign(np.sqrt(abs(square)), square)),
    )


def _blocks(image: Array) -> Array:
    rows, columns = image.shape[0] // BLOCK, image.shape[1] // BLOCK
    return image[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK, -1).mean((1, 3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=int, default=8)
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="seed of the first room")
    parser.add_argument("--size", type=int, default=64, help="image side in pixels, a multiple of 8")
    parser.add_argument(
        "--noise", type=float, default=0.5, help="noise level at which to stop, per cent on walls; twice that elsewhere"
    )
    parser.add_argument("--minutes", type=float, default=60, help="approximate time limit per room")
    parser.add_argument("-o", "--output", type=Path, help="JSON lines file to append to; the last rows of a room count")
    options = parser.parse_args()
    if backend.activate() == backend.SCALAR_VARIANT:
        sys.exit(f"{backend.describe()}; the kernel needs it")
    from wallpaint.rooms import design

    done = read(options.output)
    print(_HEADER, flush=True)
    for seed in range(options.seed, options.seed + options.rooms):
        if not _is_converged(done.get(seed, []), options.noise / 100):
            state_file = None if options.output is None else options.output.with_name(f"{options.output.stem}-{seed}")
            room, limits = design.design(seed), (options.noise / 100, 60 * options.minutes)
            for rows in measure_until(room, options.size, *limits, state_file):
                print("\n".join(_format_row(seed, row) for row in rows), flush=True)
            done[seed] = rows
            append(options.output, seed, rows)
    print("\nlast rows of each room\n" + _HEADER)
    for seed, rows in sorted(done.items()):
        print("\n".join(_format_row(seed, row) for row in rows))
    all_rows = [row for rows in done.values() for row in rows]
    means = [_format_errors(_mean(all_rows, region)) for region in MAX_ERROR]
    print("  mean                       |", " | ".join(means))
    for region, limit in MAX_ERROR.items():
        values = [getattr(row, region).error for row in all_rows if not np.isnan(getattr(row, region).error)]
        print(f"{region}: {sum(error <= limit for error in values)} of {len(values)} rows within {100 * limit:g} %")


def read(path: Path | None) -> dict[int, list[ComparisonRow]]:
    done: dict[int, dict[float, ComparisonRow]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path is not None and path.exists() else []:
        entry = json.loads(line)
        seed, regions = entry.pop("seed"), {name: RegionErrors(**entry.pop(name)) for name in MAX_ERROR}
        done.setdefault(seed, {})[entry["paint"]] = ComparisonRow(**entry, **regions)
    return {seed: list(rows.values()) for seed, rows in done.items()}


def _is_converged(rows: list[ComparisonRow], noise: float) -> bool:
    return bool(rows) and not any(row.wall.noise > noise or row.elsewhere.noise > 2 * noise for row in rows)


def append(path: Path | None, seed: int, rows: list[ComparisonRow]) -> None:
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps({"seed": seed, **asdict(row)}) + "\n" for row in rows)


def _mean(rows: list[ComparisonRow], region: str) -> RegionErrors:
    values = [[getattr(getattr(row, region), field.name) for field in fields(RegionErrors)] for row in rows]
    return RegionErrors(*(float(value) for value in np.nanmean(values, axis=0)))


_HEADER = (
    "  seed paint    ours  Mitsuba |  wall  noise   bias   +-    syst |  else  noise   bias   +-    syst | seconds\n"
    "              paths per pixel |"
)


def _format_row(seed: int, row: ComparisonRow) -> str:
    paths = f"{row.paths:7} {row.reference_paths:8}"
    wall, elsewhere = _format_errors(row.wall), _format_errors(row.elsewhere)
    return f"{seed:6} {row.paint:5.2f} {paths} | {wall} | {elsewhere} | {row.seconds:7.0f}"


def _format_errors(region: RegionErrors) -> str:
    error, noise, bias, bias_noise, systematic = (100 * getattr(region, field.name) for field in fields(RegionErrors))
    return f"{error:5.2f}  {noise:5.2f} {bias:+6.2f} {bias_noise:5.2f} {systematic:+6.2f}"


if __name__ == "__main__":
    main()
