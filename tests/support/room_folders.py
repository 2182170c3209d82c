"""Folders of synthetic rooms, one for each use, for tests of training on photos."""

from __future__ import annotations

from pathlib import Path

from support import synthetic_rooms
from wallpaint.rooms.sets import room_file
from wallpaint.rooms.sets.room_file import RoomRecord

SIZE = (48, 64)  # (height, width) of the rooms
SEEDS = {"train": range(12, 18), "validation": range(900_000, 900_002), "test": range(950_000, 950_002)}


def record(seed: int = 12) -> RoomRecord:
    """Return a synthetic room."""
    rendered = synthetic_rooms.render(seed, SIZE, 256)
    assert isinstance(rendered, RoomRecord)
    return rendered


def write(folder: Path) -> Path:
    """Write folders train, validation and test of rooms, and return their folder."""
    for use, seeds in SEEDS.items():
        (folder / use).mkdir()
        for seed in seeds:
            room_file.write(folder / use / room_file.name_of(seed), record(seed))
    return folder
