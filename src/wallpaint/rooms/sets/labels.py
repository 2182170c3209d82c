"""Surface labels of rendered rooms: all walls, not only the paintable ones.

A room file masks only the paintable walls. For the labels, the room is generated again from its seed, and a few rays
per pixel are traced without light transport, which takes about a second a room.

room_000042.labels      a zip archive that NumPy reads
    surface      (h * RAYS_PER_SIDE, w * RAYS_PER_SIDE) int16, index of the surface that each ray hits, -1 none
    wall         (surfaces,) int8, wall number of each surface: 2 * side + (1 for the lower level), -1 for no wall
    unclear      (surfaces,) bool, walls of the space behind a passage, to be ignored in training and evaluation
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

RAYS_PER_SIDE = 3  # of a pixel
MAX_ALPHA_DIFFERENCE = 0.02  # mean difference to the alpha of the room file, above which the rooms differ
_IGNORED_MATERIALS = ("passage wall",)  # of the space behind a passage


@dataclass(frozen=True, eq=False)
class RoomLabels:
    """Surface labels of one room; see the file format above. ignored_surface is stored as "unclear"."""

    surface: Array
    wall: Array
    ignored_surface: Array

    @property
    def coverage(self) -> Array:
        """(h, w) float32, 0..1: share of each pixel that is wall, paintable or not."""
        return self._share(self.wall >= 0)

    @property
    def ignored(self) -> Array:
        """(h, w) bool: pixels to be ignored in training and evaluation."""
        return self._share(self.ignored_surface) > 0

    @property
    def wall_number(self) -> Array:
        """(h, w) int8: wall number at the pixel centre, -1 for no wall."""
        center = self.surface[RAYS_PER_SIDE // 2 :: RAYS_PER_SIDE, RAYS_PER_SIDE // 2 :: RAYS_PER_SIDE]
        return np.append(self.wall, np.int8(-1))[center]

    def _share(self, of_surface: Array) -> Array:
        subpixels = np.append(of_surface, False)[self.surface].astype(np.float32)
        height, width = subpixels.shape
        return cv2.resize(subpixels, (width // RAYS_PER_SIDE, height // RAYS_PER_SIDE), interpolation=cv2.INTER_AREA)


def name_of(seed: int) -> str:
    """Return the file name of the labels of a room."""
    return Path(room_file.name_of(seed)).stem + ".labels"


def derive(seed: int, size: tuple[int, int]) -> RoomLabels:
    """Generate a room and trace its labels. size: (height, width). Raises UnusableRoomError or ConfigError."""
    from wallpaint.rooms import design
    from wallpaint.rooms.tracing import tracer

    room = design.design(seed, size[1] / size[0])
    materials = room.mesh.materials
    numbered = tuple(replace(material, wall=number) for number, material in enumerate(materials))
    surface = tracer.render_wall_numbers(
        replace(room, mesh=replace(room.mesh, materials=numbered)), (size[0] * RAYS_PER_SIDE, size[1] * RAYS_PER_SIDE)
    )
    return RoomLabels(
        surface=surface,
        wall=np.array([_wall_of(material) for material in materials], np.int8),
        ignored_surface=np.array([material.name in _IGNORED_MATERIALS for material in materials]),
    )


def _wall_of(material: Material) -> int:
    """Parse the wall number from a material name such as "left wall, upper"; paintable or not."""
    side, _, level = material.name.partition(" wall, ")
    return 2 * SIDES.index(side) + (level == "lower") if level and side in SIDES else -1


def write(path: Path, labels: RoomLabels) -> None:
    """Save labels atomically."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, surface=labels.surface, wall=labels.wall, unclear=labels.ignored_surface)
    atomic.put(path, buffer.getvalue(), durable=False)


def read(path: Path) -> RoomLabels:
    """Load labels. Raises InputError for a missing or damaged file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return RoomLabels(file["surface"], file["wall"], file["unclear"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: missing or damaged file of labels ({type(error).__name__}): derive the labels again"
        ) from error


def derive_all(
    rooms: Sequence[Path], folder: Path, num_workers: int, on_progress: Callable[[Path], None] = lambda path: None
) -> list[Path]:
    """Derive missing labels, and those older than their room file.

    rooms: room files. on_progress: called with each room file that is done. Returns the room files that have labels,
    without those whose rendering differs from the room that is now generated from their seed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [room for room in rooms if not atomic.is_current(folder / name_of(room_file.seed_of(room)), room)]
    tasks = [(str(room), str(folder)) for room in missing]
    for done in workers.imap_unordered(f"{__name__}:derive_one", tasks, num_workers):
        on_progress(Path(done))
    return [room for room in rooms if _is_nonempty(folder / name_of(room_file.seed_of(room)))]


def derive_one(room: str, folder: str) -> str:
    """Derive the labels of one room; an empty file marks labels that do not match the room. The task of a worker."""
    from wallpaint.rooms.tracing import backend

    backend.activate()
    import drjit  # loads LLVM on import, so only after `activate` has selected the library

    drjit.set_thread_count(1)
    record = room_file.read(Path(room))
    target = Path(folder) / name_of(record.seed)
    labels = derive(record.seed, record.size)
    if match_alpha(labels, record.alpha):
        write(target, labels)
    else:
        atomic.put(target, b"", durable=False)
    return room


def match_alpha(labels: RoomLabels, alpha: Array) -> bool:
    """Return whether labels match a room file: its paintable walls are walls in the labels."""
    return bool(np.maximum(alpha - labels.coverage, 0).mean() <= MAX_ALPHA_DIFFERENCE)


def _is_nonempty(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0
