"""Parallel, resumable rendering of rooms into a folder.

    job.json            size and samples, the same for all rooms of a folder
    room_000042.npz     a room, see `room_file`
    room_000043.json    the reason why this seed has no room

Files are written atomically, and the bytes of a room depend only on seed, size, samples and the version of the
generator. So an interrupted and resumed run gives the same folder as an uninterrupted one. Rooms of an earlier
generator are kept if their pictures have not changed since (`room.is_current`), and rendered again otherwise.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from wallpaint.errors import ConfigError, InputError
from wallpaint.files import atomic
from wallpaint.options import Constraint, raise_errors
from wallpaint.rooms.room import GENERATOR_VERSION, is_current
from wallpaint.rooms.sets import room_file, workers
from wallpaint.rooms.sets.room_file import RoomRecord, SkippedSeed, WallVariantView
from wallpaint.rooms.tracing import backend
from wallpaint.typing import Array

if TYPE_CHECKING:
    from wallpaint.rooms.room import WallVariant

SETTINGS_FILE = "job.json"
SETTINGS_FORMAT = "wallpaint.rooms/1"
LOCK_FILE = ".lock"
RENDERER = "wallpaint.rooms.sets.render:render_room"
MIN_SIDE_PX, MAX_SIDE_PX = 16, 4096
MAX_SEED = 999_999
SWATCH_PX = 256


@dataclass(frozen=True)
class RenderJob:
    """Settings of a run: it renders the seeds seed..seed + count - 1 into the folder out.

    size: (height, width). samples: paths per pixel. num_workers: processes, by default one per CPU. renderer: name of a
    function (seed, size, samples) -> RoomRecord or SkippedSeed, see `workers.import_function`. Raises ConfigError for
    values out of range, all in one message.
    """

    count: int
    seed: int
    size: tuple[int, int]
    samples: int
    out: Path
    num_workers: int | None = None
    renderer: str = RENDERER

    def __post_init__(self) -> None:
        raise_errors(self._errors())

    def _errors(self) -> Iterator[str]:
        for name, value in (("count", self.count), ("samples", self.samples), ("num_workers", self.num_workers)):
            if value is not None:
                yield from Constraint(ge=1).errors(name, value, whole=True)
        if self.seed < 0 or self.seed + self.count - 1 > MAX_SEED:
            yield f"seeds {self.seed}..{self.seed + self.count - 1} leave 0..{MAX_SEED}"
        if not all(MIN_SIDE_PX <= side <= MAX_SIDE_PX for side in self.size):
            yield f"`size` must be in {MIN_SIDE_PX}..{MAX_SIDE_PX} pixels a side, not {self.size[1]}x{self.size[0]}"


@dataclass(frozen=True)
class RenderSummary:
    """Result of a run. rendered: new rooms. reused: rooms of an earlier run. skipped: seeds without a usable room."""

    rendered: int
    reused: int
    skipped: tuple[int, ...]
    seconds: float


@dataclass(frozen=True)
class SeedResult:
    """Result of one seed. state: "rendered", "reused" or "skipped". cached: an existing file was used."""

    seed: int
    state: str
    cached: bool


def run(job: RenderJob, on_progress: Callable[[SeedResult], None] | None = None) -> RenderSummary:
    """Render the missing rooms of a folder.

    Existing files are validated; damaged ones and those with other settings are rendered again. on_progress: called
    after each seed. Raises ConfigError if the folder has other settings or another run uses it, if Mitsuba is not
    installed, and if the rooms are too large to render without LLVM; InputError if the folder is not writable.
    """
    start = perf_counter()
    if job.renderer == RENDERER:
        backend.check_size(job.size, job.samples)
    try:
        job.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{job.out}: the folder cannot be created ({error.strerror}): choose another") from error
    with locked(job.out):
        check_settings(job.out / SETTINGS_FILE, _settings(job))
        tasks = [
            (job.renderer, seed, job.size, job.samples, str(job.out)) for seed in range(job.seed, job.seed + job.count)
        ]
        results: list[SeedResult] = []
        for result in workers.imap_unordered(
            f"{__name__}:render_one", tasks, job.num_workers or workers.available_cpus()
        ):
            results.append(result)
            if on_progress is not None:
                on_progress(result)
    return RenderSummary(
        rendered=sum(o.state == "rendered" for o in results),
        reused=sum(o.state == "reused" for o in results),
        skipped=tuple(sorted(o.seed for o in results if o.state == "skipped")),
        seconds=perf_counter() - start,
    )


def render_one(renderer: str, seed: int, size: tuple[int, int], samples: int, out: str) -> SeedResult:
    """Render one room into its file unless it exists. This is the task of a worker process."""
    path, skip_file = Path(out) / room_file.name_of(seed), Path(out) / room_file.skipped_name_of(seed)
    if _is_room(path, seed, size, samples):
        return SeedResult(seed, "reused", True)
    if _is_skip_file(skip_file, seed):
        return SeedResult(seed, "skipped", True)
    record: RoomRecord | SkippedSeed = workers.import_function(renderer)(seed, size, samples)
    if isinstance(record, SkippedSeed):
        path.unlink(missing_ok=True)
        skipped = {"seed": seed, "state": "unusable", "why": record.reason, "generator": GENERATOR_VERSION}
        atomic.put(skip_file, json.dumps(skipped, indent=1).encode() + b"\n")
        return SeedResult(seed, "skipped", False)
    room_file.write(path, record)
    skip_file.unlink(missing_ok=True)
    return SeedResult(seed, "rendered", False)


def render_room(seed: int, size: tuple[int, int], samples: int) -> RoomRecord | SkippedSeed:
    """Generate and render a room with all of its wall variants, on one thread."""
    from wallpaint.rooms import design, wall_planes
    from wallpaint.rooms.tracing import tracer

    backend.activate()
    _use_one_thread()
    try:
        room = design.design(seed, size[1] / size[0])
    except design.UnusableRoomError as error:
        return SkippedSeed(seed, str(error))
    rendering = tracer.render(room, size, samples)
    visible_walls = np.where(rendering.wall > 0.5, rendering.wall_number, -1)
    return RoomRecord(
        seed=seed,
        split=room.split,
        room_type=room.room_type,
        samples=samples,
        old_paint=room.old_paint,
        buckets=rendering.buckets,
        alpha=rendering.wall,
        depth=rendering.depth,
        albedo=rendering.albedo,
        wall_number=rendering.wall_number.astype(np.int8),
        wall_variants=tuple(
            wall_variant_view(
                variant, tracer.render_radiance(room.with_wall_variant(variant), size, samples), visible_walls
            )
            for variant in room.wall_variants
        ),
        metadata={**room.metadata, "eye": [round(float(value), 4) for value in room.camera.position]},
        wall_plane=rendering.wall_plane.astype(np.int8),
        planes=wall_planes.planes_in_view(room.mesh, room.camera),
        camera=wall_planes.intrinsics_of(room.camera),
    )


def wall_variant_view(variant: WallVariant, radiance: Array, wall_number: Array) -> WallVariantView:
    """Add a swatch of the most visible texture to the rendering of a wall variant. wall_number: (h, w), -1 none."""
    pixels: dict[int, int] = {}
    for wall, material in variant.surfaces.items():
        if material.texture is not None:
            visible_px = int(np.count_nonzero(wall_number == wall))
            pixels[id(material.texture)] = pixels.get(id(material.texture), 0) + visible_px
    largest = max(pixels, key=lambda key: pixels[key], default=None)
    if largest is None or pixels[largest] == 0:
        return WallVariantView(variant.kind, variant.track, radiance)
    walls = tuple(sorted(wall for wall, m in variant.surfaces.items() if id(m.texture) == largest))
    material = variant.surfaces[walls[0]]
    assert material.texture is not None
    texels = material.texture.texels * np.asarray(material.albedo, np.float32)
    return WallVariantView(variant.kind, variant.track, radiance, swatch_of(texels), walls)


def swatch_of(texels: Array) -> Array:
    """Convert a texture, (s, s, 3) linear, bottom row first, to an upright uint8 sRGB image with SWATCH_PX a side."""
    from wallpaint.imaging.color import linear_to_srgb

    block = max(1, len(texels) // SWATCH_PX)
    side = len(texels) // block
    small = texels[: side * block, : side * block].reshape(side, block, side, block, 3).mean((1, 3))
    return np.round(np.clip(linear_to_srgb(small[::-1]), 0, 1) * 255).astype(np.uint8)


# -- the folder ------------------------------------------------------------------------------------------


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder for one run, and remove partial files before and after it.

    The operating system releases the lock when the process ends. Raises ConfigError if another run holds it.
    """
    try:
        file = (folder / LOCK_FILE).open("a+", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written to ({error.strerror}): check its permissions") from error
    with file:
        if not _lock(file):
            raise ConfigError(f"{folder}: another run is using this folder: wait for it, or choose another folder")
        _remove_partial_files(folder)
        try:
            yield
        finally:
            _remove_partial_files(folder)


def _lock(file: IO[str]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def check_settings(path: Path, settings: dict[str, Any]) -> None:
    """Write the settings of a folder, or compare them with those of an earlier run. Raises ConfigError."""
    if not path.exists():
        atomic.put(path, json.dumps(settings, indent=1, sort_keys=True).encode() + b"\n")
        return
    try:
        stored = json.loads(path.read_bytes())
        different = [
            f"{key} {_abbreviated(stored.get(key))}, not {_abbreviated(value)}"
            for key, value in settings.items()
            if stored.get(key) != value
        ]
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path}: the folder's settings cannot be read: choose another folder") from error
    if different:
        raise ConfigError(
            f"{path.parent}: created with {', '.join(different)}: use the same settings, or another folder"
        )


def _remove_partial_files(folder: Path) -> None:
    for path in folder.rglob(f".*{atomic.PART}"):
        path.unlink(missing_ok=True)


def _settings(job: RenderJob) -> dict[str, Any]:
    return {
        "format": SETTINGS_FORMAT,
        "size": f"{job.size[1]}x{job.size[0]}",
        "samples": job.samples,
    }


def _abbreviated(value: object) -> str:
    return "nothing" if value is None else str(value)[:60]


def _is_room(path: Path, seed: int, size: tuple[int, int], samples: int) -> bool:
    if not path.exists():
        return False
    try:
        meta = room_file.read_meta(path)
    except InputError:
        return False
    wanted = {"seed": seed, "size": list(size), "samples": samples}
    return all(meta.get(key) == value for key, value in wanted.items()) and _is_current(meta, seed)


def _is_skip_file(path: Path, seed: int) -> bool:
    try:
        skip_file = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(skip_file, dict) and skip_file.get("seed") == seed and _is_current(skip_file, seed)


def _is_current(meta: dict[str, Any], seed: int) -> bool:
    try:
        return is_current(seed, room_file.generator_version_of(meta))
    except (TypeError, ValueError):
        return False


def _use_one_thread() -> None:
    import drjit

    drjit.set_thread_count(1)
