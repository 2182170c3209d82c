"""Sets of rendered rooms, as recipes describe them: rendered where they lack, and none that judges is learnt from.

With a count a set is the rooms of as many seeds, from `seed` on; a folder alone is all rooms that are in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from wallpaint.errors import ConfigError
from wallpaint.files import atomic
from wallpaint.options import option
from wallpaint.rooms.room import split_of
from wallpaint.rooms.sets import render, room_file
from wallpaint.train.engine.config import resume_relevant

LISTING = "rooms.txt"
SPLIT_OF = {"rooms": "train", "validation": "validation", "test": "test"}  # what each use in a recipe may take
SEEDS = {"train": "below 900000", "validation": "900000 to 949999", "test": "from 950000"}
TOLD_EVERY = 10  # rooms between lines of progress


@dataclass(frozen=True)
class RoomSet:
    """Rooms of one folder, which are rendered if they are not there. Raises ConfigError."""

    folder: Path
    seed: int = option("of the first room; rooms of a set are seed, seed + 1, …", 0)
    count: int | None = option("seeds, of which a few give no good room; not given: all rooms that are there", None)
    px: int = option("pixels a side that they are rendered at", 256)
    samples: int = option("paths a pixel: 64 to learn from, more to judge by", 64)

    def __post_init__(self) -> None:
        if self.count is not None:
            self._job(self.count, 1)
        elif told := [one.name for one in fields(self)[1:] if getattr(self, one.name) != one.default]:
            raise ConfigError(f"{self.folder}: {', '.join(told)} without count: say how many rooms there are to be")

    @property
    def seeds(self) -> range:
        """Those that are asked for; none where all rooms of the folder are."""
        return range(self.seed, self.seed + (self.count or 0))

    def _job(self, count: int, render_workers: int) -> render.RenderJob:
        try:
            return render.RenderJob(count, self.seed, (self.px, self.px), self.samples, self.folder, render_workers)
        except ConfigError as error:
            raise ConfigError(f"{self.folder}: {str(error).replace('--', '')}") from error

    def prepare(self, render_workers: int, log: Callable[[str], None]) -> list[Path]:
        """Render what lacks; the room files of the set. See `prepare`."""
        if self.count is None:
            found = sorted(self.folder.glob(room_file.ROOM_GLOB))
            if not found:
                raise ConfigError(f"{self.folder}: has no rooms: say in the recipe, by count, how many to render")
            return found
        wanted = [self.folder / room_file.name_of(seed) for seed in self.seeds]
        notes = [self.folder / room_file.skipped_name_of(seed) for seed in self.seeds]
        if all(room.exists() or note.exists() for room, note in zip(wanted, notes, strict=True)):
            _check_made(self)
        else:
            log(f"rendering rooms {self.seeds[0]} to {self.seeds[-1]} into {self.folder}")
            render.run(self._job(self.count, render_workers), _counted(self, log))
        return [room for room in wanted if room.exists()]


def _check_made(one: RoomSet) -> None:
    """Raise ConfigError where a folder says that its rooms are others than the recipe's. Of which version is no matter:
    what today's program would draw otherwise may still be learnt from."""
    try:
        told = json.loads((one.folder / render.SETTINGS_FILE).read_bytes())
        made = (told["size"], told["samples"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if made != (f"{one.px}x{one.px}", one.samples):
        raise ConfigError(
            f"{one.folder}: its rooms are {made[0]} pixels at {made[1]} samples, not {one.px}x{one.px} at "
            f"{one.samples}: change px and samples in the recipe, or name another folder"
        )


def _counted(one: RoomSet, log: Callable[[str], None]) -> Callable[[render.SeedResult], None]:
    done = 0

    def step(outcome: render.SeedResult) -> None:
        nonlocal done
        done += 1
        if done % TOLD_EVERY == 0 and not outcome.cached:
            log(f"{one.folder}: {done} of {one.count} rooms")

    return step


def wrong(recipe: Mapping[str, Sequence[RoomSet]]) -> Iterator[str]:
    """What is wrong with a recipe's sets, by what they are for, as far as their seeds tell: a line for each."""
    for use, sets in recipe.items():
        for number, one in enumerate(sets):
            if one.seeds and {split_of(one.seeds[0]), split_of(one.seeds[-1])} != {SPLIT_OF[use]}:
                yield f"{use}[{number}] has seeds {one.seeds[0]} to {one.seeds[-1]}; {_rule(use)}"


def _rule(use: str) -> str:
    split = SPLIT_OF[use]
    return f"those of {split} rooms, which {use} takes alone, are {SEEDS[split]}"


def prepare(
    recipe: Mapping[str, Sequence[RoomSet]], render_workers: int, log: Callable[[str], None]
) -> dict[str, list[Path]]:
    """Render what a recipe's sets lack; the room files by what they are for, in the order of their seeds.

    recipe: "rooms", "validation" and "test", or some of them. render_workers: processes that render. log: takes lines
    of progress. A seed that two sets have is one room, the later set's. Raises ConfigError for a folder of other rooms,
    and for rooms that this use may not take: none is learnt from that another one is judged on.
    """
    found: dict[str, list[Path]] = {}
    for use, sets in recipe.items():
        rooms = {room.name: room for one in sets for room in one.prepare(render_workers, log)}
        found[use] = [room for _, room in sorted(rooms.items())]
        if strange := [room for room in found[use] if split_of(room_file.seed_of(room)) != SPLIT_OF[use]]:
            kind = split_of(room_file.seed_of(strange[0]))
            raise ConfigError(f"{use}: {strange[0]} is a {kind} room; {_rule(use)}")
    return found


def settle(rooms: Sequence[Path], folder: Path, *, resume: bool, most: int = 0, seed: int = 0) -> list[Path]:
    """The rooms that a run learns from, which are listed in its folder.

    resume: a run that goes on keeps the rooms that it began with, though more have come since. most: 0, or how many are
    drawn at its start. seed: of the draw.
    """
    listing, kept = folder / LISTING, list(rooms)
    if resume and listing.exists():
        known = set(listing.read_text().split())
        return [room for room in kept if room.name in known]
    if most:
        drawn = np.random.default_rng(seed).permutation(len(kept))[:most]
        kept = [kept[index] for index in sorted(drawn)]
    atomic.put(listing, "".join(f"{room.name}\n" for room in kept).encode())
    return kept


# -- a run on sets of rooms


@dataclass(frozen=True)
class Report:
    """How a run ended. judged: lines on how good the result is. written: what holds it, and how to use it; "" where
    the run was stopped before its end, and nothing is written or judged."""

    step: int
    steps: int
    rooms: int
    parameters: int
    judged: tuple[str, ...] = ()
    written: str = ""

    def lines(self) -> list[str]:
        """For people."""
        told = [
            f"{self.step} of {self.steps} steps on {self.rooms} rooms, {self.parameters:,} parameters",
            *self.judged,
        ]
        return [*told, f"written: {self.written}" if self.written else "stopped and saved: go on with --resume latest"]


def digest(config: Any, free: Sequence[str], rooms: Sequence[Path], start: Path | None) -> str:
    """Of all that must not change between the parts of a run. free: keys of the recipe that may, beside its sets of
    rooms. start: the weights that it was begun with, a file that can be read."""
    plain = resume_relevant(config, (*SPLIT_OF, "render_workers", *free))
    begun = "" if start is None else hashlib.sha256(start.read_bytes()).hexdigest()
    told = json.dumps([plain, [room.name for room in rooms], begun], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()
