"""What every pixel of a rendered room belongs to: all its walls, not only those to be repainted.

A room file knows the walls that are to be repainted. Others that keep their paint are walls as well, so the room is
thought up again from its seed and looked at once more, a few rays a pixel and no light: about a second a room.

room_000042.labels      a zip archive that NumPy reads
    surface      (h * GRID, w * GRID) int16, which surface each ray meets, -1 none
    wall         (surfaces,) int8, number of the wall that a surface is: 2 * side + (1 for its lower part), -1 none
    unclear      (surfaces,) bool, walls of the space behind a passage: neither right nor wrong
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from wallpaint.errors import InputError
from wallpaint.files import atomic
from wallpaint.rooms.materials import Material
from wallpaint.rooms.sets import room_file, workers
from wallpaint.rooms.shell import SIDES
from wallpaint.typing import Array

GRID = 3  # rays a pixel, along each side
MOST_DIFFERENT = 0.02  # mean difference to the room file's own alpha, beyond which it is another room
_BEHIND = ("beyond",)  # materials of the space behind a passage


@dataclass(frozen=True, eq=False)
class Labels:
    """The surfaces of a room's picture; see the file's description above."""

    surface: Array
    wall: Array
    unclear: Array

    @property
    def coverage(self) -> Array:
        """(h, w) float32, 0..1: the share of each pixel that is wall, any wall."""
        return self._share(self.wall >= 0)

    @property
    def doubtful(self) -> Array:
        """(h, w) bool: pixels that say nothing of what is found."""
        return self._share(self.unclear) > 0

    @property
    def wall_number(self) -> Array:
        """(h, w) int8: the wall at each pixel's middle, -1 where there is none."""
        middle = self.surface[GRID // 2 :: GRID, GRID // 2 :: GRID]
        return np.append(self.wall, np.int8(-1))[middle]

    def _share(self, of_surface: Array) -> Array:
        here = np.append(of_surface, False)[self.surface].astype(np.float32)
        height, width = here.shape
        return cv2.resize(here, (width // GRID, height // GRID), interpolation=cv2.INTER_AREA)


def name_of(seed: int) -> str:
    """The labels' file of a room."""
    return Path(room_file.name_of(seed)).stem + ".labels"


def derive(seed: int, size: tuple[int, int]) -> Labels:
    """Think a room up again and look at it. size: (height, width). Raises `design.Unusable`, or ConfigError."""
    from wallpaint.rooms import design
    from wallpaint.rooms.tracing import tracer

    room = design.design(seed, size[1] / size[0])
    materials = room.mesh.materials
    counted = tuple(replace(material, wall=number) for number, material in enumerate(materials))
    seen = tracer.look(replace(room, mesh=replace(room.mesh, materials=counted)), (size[0] * GRID, size[1] * GRID))
    return Labels(
        surface=seen,
        wall=np.array([_wall_of(material) for material in materials], np.int8),
        unclear=np.array([material.name in _BEHIND for material in materials]),
    )


def _wall_of(material: Material) -> int:
    """A wall's number by its name, "left wall, upper", which it has whether it is to be repainted or not."""
    side, _, part = material.name.partition(" wall, ")
    return 2 * SIDES.index(side) + (part == "lower") if part and side in SIDES else -1


def write(path: Path, labels: Labels) -> None:
    """Save labels, whole or not at all."""
    out = io.BytesIO()
    np.savez_compressed(out, surface=labels.surface, wall=labels.wall, unclear=labels.unclear)
    atomic.put(path, out.getvalue(), durable=False)


def read(path: Path) -> Labels:
    """Load labels. Raises InputError for what is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return Labels(file["surface"], file["wall"], file["unclear"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: no whole file of labels ({type(error).__name__}): derive it again") from error


def derive_all(
    rooms: Sequence[Path], folder: Path, crew: int, step: Callable[[Path], None] = lambda path: None
) -> list[Path]:
    """Derive the labels that a folder lacks, or has of a room before it was rendered anew.

    rooms: room files. crew: processes. step: is told of each that is done.

    Returns the room files that have labels: left out are those that today's designs no longer agree with, since their
    picture is of another room.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lacking = [room for room in rooms if not atomic.is_current(folder / name_of(room_file.seed_of(room)), room)]
    tasks = [(str(room), str(folder)) for room in lacking]
    for done in workers.results(f"{__name__}:derive_one", tasks, crew):
        step(Path(done))
    return [room for room in rooms if _is_whole(folder / name_of(room_file.seed_of(room)))]


def derive_one(room: str, folder: str) -> str:
    """The work of one worker: labels into their file; an empty file where they do not fit the room."""
    import drjit

    from wallpaint.rooms.tracing import backend

    backend.activate()
    drjit.set_thread_count(1)
    record = room_file.read(Path(room))
    target = Path(folder) / name_of(record.seed)
    labels = derive(record.seed, record.size)
    if fits(labels, record.alpha):
        write(target, labels)
    else:
        atomic.put(target, b"", durable=False)
    return room


def fits(labels: Labels, alpha: Array) -> bool:
    """Whether labels are of the very room that a file holds: its walls to be repainted are walls here."""
    return bool(np.maximum(alpha - labels.coverage, 0).mean() <= MOST_DIFFERENT)


def _is_whole(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0
