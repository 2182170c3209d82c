"""Sets of rendered rooms as recipes describe them: missing rooms are rendered, and splits are kept apart.

With a count, a set is the rooms of that many consecutive seeds from `seed`; without one, all rooms in its folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import ClassVar

import numpy as np

from wallpaint.errors import ConfigError
from wallpaint.files import atomic
from wallpaint.options import field_errors, option, raise_errors
from wallpaint.rooms.room import split_of
from wallpaint.rooms.sets import render, room_file
from wallpaint.train.engine.config import LoopConfig, OptimizerConfig, TrackingConfig

LISTING_FILE = "rooms.txt"  # in the run folder
SPLIT_BY_USE = {"rooms": "train", "validation": "validation", "test": "test"}  # use: key of a recipe
SPLIT_SEEDS = {"train": "below 900000", "validation": "900000 to 949999", "test": "from 950000"}
PROGRESS_EVERY = 10  # rooms


@dataclass(frozen=True)
class RoomSetConfig:
    """Rooms in one folder, rendered if they are missing. Raises ConfigError."""

    folder: Path
    seed: int = option("seed of the first room; the others follow", 0)
    count: int | None = option("number of seeds, a few of which give no usable room; default: all rooms there", None)
    px: int = option("pixels per side", 256)
    samples: int = option("paths per pixel: 64 for training, more for evaluation", 64)

    def __post_init__(self) -> None:
        if self.count is not None:
            self._render_job(self.count, 1)
        elif given := [one.name for one in fields(self)[1:] if getattr(self, one.name) != one.default]:
            raise ConfigError(f"{self.folder}: {', '.join(given)} without count: set count to the number of rooms")

    @property
    def seeds(self) -> range:
        """Seeds of the rooms; empty without a count."""
        return range(self.seed, self.seed + (self.count or 0))

    def _render_job(self, count: int, render_workers: int) -> render.RenderJob:
        try:
            return render.RenderJob(count, self.seed, (self.px, self.px), self.samples, self.folder, render_workers)
        except ConfigError as error:
            raise ConfigError(f"{self.folder}: {error}") from error

    def prepare(self, render_workers: int, log: Callable[[str], None]) -> list[Path]:
        """Render missing rooms and return the room files of the set. See `prepare`."""
        if self.count is None:
            rooms = sorted(self.folder.glob(room_file.ROOM_GLOB))
            if not rooms:
                raise ConfigError(f"{self.folder}: has no rooms: set count in the recipe to render some")
            return rooms
        rooms = [self.folder / room_file.name_of(seed) for seed in self.seeds]
        skipped = [self.folder / room_file.skipped_name_of(seed) for seed in self.seeds]
        if all(room.exists() or note.exists() for room, note in zip(rooms, skipped, strict=True)):
            _check_settings(self)
        else:
            log(f"rendering rooms {self.seeds[0]} to {self.seeds[-1]} into {self.folder}")
            render.run(self._render_job(self.count, render_workers), _progress_logger(self, log))
        return [room for room in rooms if room.exists()]


@dataclass(frozen=True)
class RoomTrainingConfig:
    """Keys of every recipe for training on rooms. Raises ConfigError that lists all errors."""

    task: str = option("what to train", "")
    rooms: tuple[RoomSetConfig, ...] = option("training rooms", ())
    validation: tuple[RoomSetConfig, ...] = option("rooms for evaluation and calibration, validation split", ())
    render_workers: int = option("number of rendering processes", 1, ge=1)
    max_rooms: int = option("maximum number of training rooms, for learning curves; 0: all", 0, ge=0)
    seed: int = option("random seed", 0, ge=0)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)

    REQUIRED_SETS: ClassVar[tuple[str, ...]] = ("rooms",)

    def __post_init__(self) -> None:
        empty = [f"{use} has no sets of rooms" for use in self.REQUIRED_SETS if not self.sets[use]]
        raise_errors([*empty, *seed_errors(self.sets), *self._errors()])

    @property
    def sets(self) -> dict[str, tuple[RoomSetConfig, ...]]:
        """Sets of rooms by use."""
        return {"rooms": self.rooms, "validation": self.validation}

    def _errors(self) -> Iterator[str]:
        """Errors other than those of the sets of rooms."""
        yield from field_errors(self)


def _check_settings(room_set: RoomSetConfig) -> None:
    """Raise ConfigError if the rooms of a folder have another size or sample count than the recipe's.

    Their version is not compared: rooms of another version can be trained on.
    """
    try:
        settings = json.loads((room_set.folder / render.SETTINGS_FILE).read_bytes())
        size, samples = settings["size"], settings["samples"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if (size, samples) != (f"{room_set.px}x{room_set.px}", room_set.samples):
        raise ConfigError(
            f"{room_set.folder}: its rooms are {size} pixels at {samples} samples, not {room_set.px}x{room_set.px} at "
            f"{room_set.samples}: change px and samples in the recipe, or name another folder"
        )


def _progress_logger(room_set: RoomSetConfig, log: Callable[[str], None]) -> Callable[[render.SeedResult], None]:
    done = 0

    def on_progress(outcome: render.SeedResult) -> None:
        nonlocal done
        done += 1
        if done % PROGRESS_EVERY == 0 and not outcome.cached:
            log(f"{room_set.folder}: {done} of {room_set.count} rooms")

    return on_progress


def seed_errors(sets_by_use: Mapping[str, Sequence[RoomSetConfig]]) -> Iterator[str]:
    """An error line for each set whose seeds belong to another split than its use."""
    for use, sets in sets_by_use.items():
        for number, one in enumerate(sets):
            if one.seeds and {split_of(one.seeds[0]), split_of(one.seeds[-1])} != {SPLIT_BY_USE[use]}:
                yield f"{use}[{number}] has seeds {one.seeds[0]} to {one.seeds[-1]}; {_seed_rule(use)}"


def _seed_rule(use: str) -> str:
    split = SPLIT_BY_USE[use]
    return f"{use} takes {split} rooms only, with seeds {SPLIT_SEEDS[split]}"


def prepare(
    sets_by_use: Mapping[str, Sequence[RoomSetConfig]], render_workers: int, log: Callable[[str], None]
) -> dict[str, list[Path]]:
    """Render the missing rooms of a recipe's sets, and return the room files by use, sorted by seed.

    sets_by_use: keys "rooms", "validation" and "test", or some of them. render_workers: number of processes. log: takes
    lines on the progress. If two sets have the same seed, the later one's room is used. Raises ConfigError for a folder
    with other rooms, and for rooms of another split than the use.
    """
    rooms_by_use: dict[str, list[Path]] = {}
    for use, sets in sets_by_use.items():
        rooms = {room.name: room for one in sets for room in one.prepare(render_workers, log)}
        rooms_by_use[use] = [room for _, room in sorted(rooms.items())]
        wrong = [room for room in rooms_by_use[use] if split_of(room_file.seed_of(room)) != SPLIT_BY_USE[use]]
        if wrong:
            split = split_of(room_file.seed_of(wrong[0]))
            raise ConfigError(f"{use}: {wrong[0]} is a {split} room; {_seed_rule(use)}")
    return rooms_by_use


def select_rooms(rooms: Sequence[Path], folder: Path, *, resume: bool, max_rooms: int = 0, seed: int = 0) -> list[Path]:
    """Return the training rooms of a run, and list them in its folder.

    resume: keep the listed rooms, even if more rooms exist now. max_rooms: size of a random subset; 0 for all rooms.
    seed: of the subset.
    """
    listing, selected = folder / LISTING_FILE, list(rooms)
    if resume and listing.exists():
        listed = set(listing.read_text().split())
        return [room for room in selected if room.name in listed]
    if max_rooms:
        subset = np.random.default_rng(seed).permutation(len(selected))[:max_rooms]
        selected = [selected[index] for index in sorted(subset)]
    atomic.put(listing, "".join(f"{room.name}\n" for room in selected).encode())
    return selected
