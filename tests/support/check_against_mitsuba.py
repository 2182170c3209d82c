"""Our buckets against pictures by Mitsuba's own path integrator, which shares no light transport with the kernel.

    PYTHONPATH=tests python tests/support/check_against_mitsuba.py --rooms 8 --size 64 --noise 0.5 -o runs/mitsuba.jsonl

prints a row a room and paint, on 8 x 8 block means, walls and elsewhere, all in per cent:

    error       mean relative error
    noise       the error that the noise of both sides alone would make
    bias        error of the mean over all these blocks, with its sign; after it its own standard deviation by noise
    systematic  root of the mean product of the errors of two independent halves. The product is an unbiased estimate of
                the squared error without its noise; where chance makes it negative, so is the root's sign

Each renderer takes more paths until its noise is low enough. Mitsuba renders the paints of a room at once, one in each
colour channel, and which channel it is changes from room to room. Both pictures of a room are kept beside the output,
so that the same command goes on after a break, and one that asks for less noise goes on from where the last one ended.
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
AT_ONCE = 1 << 20  # paths of Mitsuba's that are followed at once
FIRST_SEED = 950_000
RAYLEIGH_TO_ABSOLUTE = 2 * np.sqrt(2) / np.pi  # mean length of two normal deviates -> mean size of one
FEWEST = 2048  # paths a pixel
STEP = 1 << 13  # paths a pixel between two looks at the clock
BAR = {"wall": 0.01, "elsewhere": 0.02}


@dataclass(frozen=True)
class Part:
    """Errors over the blocks that are mostly wall, or mostly not; relative. NaN where there are none."""

    error: float
    noise: float
    bias: float
    bias_noise: float
    systematic: float


@dataclass(frozen=True)
class Row:
    paint: float
    wall: Part
    elsewhere: Part
    paths: int  # a pixel, by our kernel
    reference_paths: int  # and by Mitsuba
    seconds: float


class Pile:
    """Two independent pictures by one renderer, each the mean of ever more passes."""

    def __init__(self, draw: Callable[[int, int], Array]) -> None:
        """draw: a picture from paths a pixel and a seed."""
        self.draw, self.sums, self.passes, self.paths = draw, [np.zeros(1), np.zeros(1)], 0, 0

    def grow(self, paths: int) -> None:
        share = max(1, paths // 2)
        for half in (0, 1):
            self.sums[half] = self.sums[half] + share * self.draw(share, self.passes)
            self.passes += 1
        self.paths += 2 * share

    def carry_on(self, state: dict[str, Array]) -> None:
        self.sums, self.passes, self.paths = list(state["sums"]), int(state["passes"]), int(state["paths"])

    def halves(self) -> list[Array]:
        return [total / (self.paths // 2) for total in self.sums]


class Comparison:
    """One room by both renderers, undenoised, with an albedo of its walls' paint in each colour channel."""

    def __init__(self, room: Room, albedo: Color, side: int, truth: Room | None = None) -> None:
        """side: pixels, a multiple of 8. truth: another room for Mitsuba, where the check itself is put to the test."""
        backend.activate()
        from wallpaint.rooms.tracing import tracer

        room, truth = (replace(r, eye=replace(r.eye, half_height=r.eye.half_width)) for r in (room, truth or room))
        self.start, self.albedo = time.time(), albedo
        self.wall = _blocks(tracer.render(room, (side, side), 16, clean=False).wall[..., None])[..., 0] > 0.5

        def ours(paths: int, seed: int) -> Array:
            moved = replace(room, seed=room.seed + seed)
            return np.asarray(tracer.render(moved, (side, side), paths, clean=False).buckets, np.float64)

        self.ours, self.theirs = Pile(ours), Pile(reference(truth, albedo, side))

    def rows(self) -> Iterator[Row]:
        """A row for every paint, over the channels that have it."""
        from wallpaint.rooms.tracing import buckets

        ours = [_blocks(buckets.radiance(light, self.albedo)) for light in self.ours.halves()]
        # Of all paths together: how light goes on beyond the last bucket is no linear function of the buckets.
        found = _blocks(buckets.radiance(np.mean(self.ours.halves(), axis=0), self.albedo))
        theirs = [_blocks(picture) for picture in self.theirs.halves()]
        for paint in dict.fromkeys(self.albedo):
            channels = [i for i in range(3) if self.albedo[i] == paint]
            of_paint = [picture[..., channels] for picture in (found, *ours, *theirs)]
            wall, elsewhere = (errors(*(picture[chosen] for picture in of_paint)) for chosen in (self.wall, ~self.wall))
            yield Row(paint, wall, elsewhere, self.ours.paths, self.theirs.paths, time.time() - self.start)

    def excess(self, pile: Pile, limit: float) -> float:
        """By how much a renderer's own noise is above its share of the limit, on walls; elsewhere twice is allowed."""
        from wallpaint.rooms.tracing import buckets

        halves = pile.halves()
        if pile is self.ours:
            halves = [buckets.radiance(light, self.albedo) for light in halves]
        first, second = (_blocks(picture) for picture in halves)
        noise = np.abs(first - second) / np.maximum(first + second, 1e-12)
        parts = [(noise[chosen], many) for chosen, many in ((self.wall, 1), (~self.wall, 2)) if chosen.any()]
        levels = [blocks.mean(0).max() / many for blocks, many in parts]
        return float(max(levels) / (limit / np.sqrt(2)))


def measure(
    room: Room, side: int, samples: int, paints: Iterable[float] = PAINTS, truth: Room | None = None
) -> Iterator[Row]:
    """Compare by a fixed number of paths a pixel on each side, every paint in all channels."""
    pile: Pile | None = None
    for paint in paints:
        comparison = Comparison(room, (paint, paint, paint), side, truth)
        if pile is None:
            comparison.ours.grow(samples)
            pile = comparison.ours
        comparison.ours = pile
        comparison.theirs.grow(samples)
        yield from comparison.rows()


def measure_until(
    room: Room, side: int, noise: float, seconds: float, state: Path | None = None
) -> Iterator[list[Row]]:
    """Compare by ever more paths, until the noise on walls is at most `noise`, and twice that elsewhere.

    Yields the rows of all paints, each time better. The number of paths depends on noise alone, never on the error.
    state: a file without ending that keeps both pictures, to go on from.
    """
    turn = room.seed % 3
    comparison = Comparison(room, (PAINTS[turn], PAINTS[(turn + 1) % 3], PAINTS[(turn + 2) % 3]), side)
    piles = (comparison.ours, comparison.theirs)
    for pile, kept in zip(piles, _kept(state), strict=True):
        if kept.exists():
            with np.load(kept) as arrays:
                pile.carry_on(dict(arrays))
        else:
            pile.grow(FEWEST)
    while True:
        for pile, kept in zip(piles, _kept(state), strict=True):
            if state is not None:
                np.savez(kept, sums=np.stack(pile.sums), passes=pile.passes, paths=pile.paths)
        yield sorted(comparison.rows(), key=lambda row: row.paint)
        loud = {pile: comparison.excess(pile, noise) for pile in piles}
        if max(loud.values()) <= 1 or time.time() - comparison.start > seconds:
            return
        for pile in piles:
            wanted = pile.paths * min(loud[pile] ** 2 - 1, 1.0) if loud[pile] > 1 else 0.0
            for _ in range(-(-int(wanted) // STEP)):
                pile.grow(min(STEP, max(FEWEST, int(wanted))))
                if time.time() - comparison.start > seconds:
                    break


def _kept(state: Path | None) -> tuple[Path, Path]:
    name = "" if state is None else str(state)
    return Path(f"{name}.ours.npz"), Path(f"{name}.theirs.npz")


def reference(room: Room, albedo: Color, side: int) -> Callable[[int, int], Array]:
    """Pictures by Mitsuba's own `path` integrator: (side, side, 3) from paths a pixel and a seed."""
    import mitsuba as mi

    from support import mitsuba_plugins
    from wallpaint.rooms.surfaces import textures

    plaster = textures.plaster_slopes(np.random.default_rng(0))
    scene = mi.load_dict(mitsuba_plugins.scene(room, albedo, (side, side), plaster))
    integrator = mi.load_dict({"type": "path", "max_depth": -1, "rr_depth": 6})
    most = max(1, AT_ONCE // side**2)

    def draw(paths: int, seed: int) -> Array:
        count = -(-paths // most)
        seeds = [(seed << 12) + turn for turn in range(count)]
        total = sum(np.array(mi.render(scene, integrator=integrator, spp=-(-paths // count), seed=s)) for s in seeds)
        return np.asarray(total, np.float64) / count

    return draw


def errors(found: Array, ours1: Array, ours2: Array, theirs1: Array, theirs2: Array) -> Part:
    """Of our picture against the mean of theirs; beside it both halves of either. All (blocks, channels)."""
    if not len(found):
        return Part(*[float("nan")] * len(fields(Part)))
    expected = (theirs1 + theirs2) / 2
    brightness = expected.mean(-1)
    difference = found - expected
    # Two halves differ by twice the noise of their mean, and the noises of the two renderers add as variances.
    noise = np.hypot(ours1 - ours2, theirs1 - theirs2) / 2 * RAYLEIGH_TO_ABSOLUTE
    deviation = np.hypot((ours1 - ours2).mean(-1), (theirs1 - theirs2).mean(-1)) / 2
    square = float((((ours1 - theirs1) * (ours2 - theirs2)).mean(-1) / brightness**2).mean())
    return Part(
        float((np.abs(difference).mean(-1) / brightness).mean()),
        float((noise.mean(-1) / brightness).mean()),
        float(difference.sum() / expected.sum()),
        float(np.linalg.norm(deviation) / brightness.sum()),
        float(np.copysign(np.sqrt(abs(square)), square)),
    )


def _blocks(picture: Array) -> Array:
    rows, columns = picture.shape[0] // BLOCK, picture.shape[1] // BLOCK
    return picture[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK, -1).mean((1, 3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=int, default=8)
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="of the first room")
    parser.add_argument("--size", type=int, default=64, help="side of the picture in pixels, a multiple of 8")
    parser.add_argument("--noise", type=float, default=0.5, help="per cent on walls at which to stop; twice elsewhere")
    parser.add_argument("--minutes", type=float, default=60, help="for a room at most, near enough")
    parser.add_argument("-o", "--output", type=Path, help="JSON lines, added to; the last ones of a room count")
    chosen = parser.parse_args()
    if backend.activate() == backend.PLAIN:
        sys.exit(f"{backend.describe()}; the kernel to be checked needs it")
    from wallpaint.rooms import design

    done = read(chosen.output)
    print(_HEAD, flush=True)
    for seed in range(chosen.seed, chosen.seed + chosen.rooms):
        if not _quiet(done.get(seed, []), chosen.noise / 100):
            state = None if chosen.output is None else chosen.output.with_name(f"{chosen.output.stem}-{seed}")
            room, limits = design.design(seed), (chosen.noise / 100, 60 * chosen.minutes)
            for rows in measure_until(room, chosen.size, *limits, state):
                print("\n".join(_line(seed, row) for row in rows), flush=True)
            done[seed] = rows
            append(chosen.output, seed, rows)
    print("\nlast of each room\n" + _HEAD)
    for seed, rows in sorted(done.items()):
        print("\n".join(_line(seed, row) for row in rows))
    everything = [row for rows in done.values() for row in rows]
    means = [_cells(_mean(everything, part)) for part in BAR]
    print("  mean                       |", " | ".join(means))
    for part, bar in BAR.items():
        found = [getattr(row, part).error for row in everything if not np.isnan(getattr(row, part).error)]
        print(f"{part}: {sum(error <= bar for error in found)} of {len(found)} rows within {100 * bar:g} %")


def read(path: Path | None) -> dict[int, list[Row]]:
    done: dict[int, dict[float, Row]] = {}
    for line in path.read_text().splitlines() if path is not None and path.exists() else []:
        entry = json.loads(line)
        seed, parts = entry.pop("seed"), {name: Part(**entry.pop(name)) for name in BAR}
        done.setdefault(seed, {})[entry["paint"]] = Row(**entry, **parts)
    return {seed: list(rows.values()) for seed, rows in done.items()}


def _quiet(rows: list[Row], noise: float) -> bool:
    return bool(rows) and not any(row.wall.noise > noise or row.elsewhere.noise > 2 * noise for row in rows)


def append(path: Path | None, seed: int, rows: list[Row]) -> None:
    if path is not None:
        with path.open("a") as file:
            file.writelines(json.dumps({"seed": seed, **asdict(row)}) + "\n" for row in rows)


def _mean(rows: list[Row], part: str) -> Part:
    values = [[getattr(getattr(row, part), field.name) for field in fields(Part)] for row in rows]
    return Part(*(float(value) for value in np.nanmean(values, axis=0)))


_HEAD = (
    "  seed paint    ours  Mitsuba |  wall  noise   bias   +-    syst |  else  noise   bias   +-    syst | seconds\n"
    "                paths a pixel |"
)


def _line(seed: int, row: Row) -> str:
    paths = f"{row.paths:7} {row.reference_paths:8}"
    return f"{seed:6} {row.paint:5.2f} {paths} | {_cells(row.wall)} | {_cells(row.elsewhere)} | {row.seconds:7.0f}"


def _cells(part: Part) -> str:
    error, noise, bias, bias_noise, systematic = (100 * getattr(part, field.name) for field in fields(Part))
    return f"{error:5.2f}  {noise:5.2f} {bias:+6.2f} {bias_noise:5.2f} {systematic:+6.2f}"


if __name__ == "__main__":
    main()
