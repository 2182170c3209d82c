"""Many rooms into one folder, in parallel, and where a run was broken off it goes on.

    job.json            size and samples: one folder holds rooms of one kind
    room_000042.npz     a room, see `room_file`
    room_000043.json    why this seed has none

A file has its name only when it is whole, and a room's bytes depend on its seed, size and samples alone; so a folder
that was filled in many broken runs is the same as one that was filled in one.
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
from wallpaint.rooms.sets import room_file, workers
from wallpaint.rooms.sets.room_file import DressedView, RoomRecord, Skipped
from wallpaint.typing import Array
from wallpaint.version import __version__

if TYPE_CHECKING:
    from wallpaint.rooms.room import Dressing

SETTINGS = "job.json"
SETTINGS_FORMAT = "wallpaint.rooms/1"
LOCK = ".lock"
RENDERER = "wallpaint.rooms.sets.render:render_room"
SMALLEST, LARGEST = 16, 4096  # pixels a side
MOST_SEED = 999_999
SWATCH_PX = 256


@dataclass(frozen=True)
class RenderJob:
    """Which rooms to render: seeds seed..seed + count - 1.

    size: (height, width). samples: paths a pixel. workers: processes, None for one a processor. renderer: a function
    (seed, size, samples) -> RoomRecord or Skipped, by name. Raises ConfigError for numbers that make no sense.
    """

    count: int
    seed: int
    size: tuple[int, int]
    samples: int
    out: Path
    workers: int | None = None
    renderer: str = RENDERER

    def __post_init__(self) -> None:
        wrong = []
        if self.count < 1:
            wrong.append(f"--count is {self.count}, expected 1 or more")
        if self.seed < 0 or self.seed + self.count - 1 > MOST_SEED:
            wrong.append(f"seeds {self.seed}..{self.seed + self.count - 1} leave 0..{MOST_SEED}")
        if not all(SMALLEST <= side <= LARGEST for side in self.size):
            wrong.append(f"--size is {self.size[1]}x{self.size[0]}, expected {SMALLEST}..{LARGEST} pixels a side")
        if self.samples < 1:
            wrong.append(f"--samples is {self.samples}, expected 1 or more")
        if self.workers is not None and self.workers < 1:
            wrong.append(f"--workers is {self.workers}, expected 1 or more")
        if wrong:
            raise ConfigError("; ".join(wrong))


@dataclass(frozen=True)
class Summary:
    """What a run did. rendered: new rooms. kept: rooms that were there. skipped: seeds without a good room."""

    rendered: int
    kept: int
    skipped: tuple[int, ...]
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What became of one seed: "rendered", "kept" or "skipped"; was_there: nothing had to be done."""

    seed: int
    state: str
    was_there: bool


def run(job: RenderJob, step: Callable[[Outcome], None] | None = None) -> Summary:
    """Render what the folder lacks.

    step: is told of each seed as it is done. Files that are there are read through: whole ones of the same settings
    stay, others are rendered again. Raises ConfigError where the folder holds rooms of other settings or another run is
    at work in it; InputError where it cannot be written to.
    """
    started = perf_counter()
    if job.renderer == RENDERER:
        _need_mitsuba()
    try:
        job.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{job.out}: the folder cannot be made ({error.strerror}): choose another") from error
    with locked(job.out):
        settle(job.out / SETTINGS, _settings(job))
        tasks = [
            (job.renderer, seed, job.size, job.samples, str(job.out)) for seed in range(job.seed, job.seed + job.count)
        ]
        outcomes: list[Outcome] = []
        for outcome in workers.results(f"{__name__}:render_one", tasks, job.workers or workers.available()):
            outcomes.append(outcome)
            if step is not None:
                step(outcome)
    return Summary(
        rendered=sum(o.state == "rendered" for o in outcomes),
        kept=sum(o.state == "kept" for o in outcomes),
        skipped=tuple(sorted(o.seed for o in outcomes if o.state == "skipped")),
        seconds=perf_counter() - started,
    )


def render_one(renderer: str, seed: int, size: tuple[int, int], samples: int, out: str) -> Outcome:
    """The work of one worker: a room into its file, if it is not there yet."""
    path, note = Path(out) / room_file.name_of(seed), Path(out) / room_file.skipped_name_of(seed)
    if _is_room(path, seed, size, samples):
        return Outcome(seed, "kept", True)
    if _is_note(note, seed):
        return Outcome(seed, "skipped", True)
    found: RoomRecord | Skipped = workers.function_of(renderer)(seed, size, samples)
    if isinstance(found, Skipped):
        path.unlink(missing_ok=True)
        text = json.dumps({"seed": seed, "state": "unusable", "why": found.why, "version": __version__}, indent=1)
        atomic.put(note, text.encode() + b"\n")
        return Outcome(seed, "skipped", False)
    room_file.write(path, found)
    note.unlink(missing_ok=True)
    return Outcome(seed, "rendered", False)


def render_room(seed: int, size: tuple[int, int], samples: int) -> RoomRecord | Skipped:
    """Design a room, render it in every paint and in each of its dressings, on one thread."""
    from wallpaint.rooms import design
    from wallpaint.rooms.tracing import backend, tracer

    backend.activate()
    _one_thread()
    try:
        room = design.design(seed, size[1] / size[0])
    except design.Unusable as error:
        return Skipped(seed, str(error))
    seen = tracer.render(room, size, samples)
    shown = np.where(seen.wall > 0.5, seen.wall_number, -1)
    return RoomRecord(
        seed=seed,
        split=room.split,
        kind=room.kind,
        samples=samples,
        old_paint=room.old_paint,
        buckets=seen.buckets,
        alpha=seen.wall,
        depth=seen.depth,
        albedo=seen.albedo,
        wall_number=seen.wall_number.astype(np.int8),
        dressings=tuple(
            dressed_view(dressing, tracer.render_plain(room.dressed(dressing), size, samples), shown)
            for dressing in room.dressings
        ),
        facts={**room.meta, "eye": [round(float(value), 4) for value in room.eye.position]},
    )


def dressed_view(dressing: Dressing, radiance: Array, wall_number: Array) -> DressedView:
    """A dressing's picture with the swatch of the texture that shows most in it. wall_number: (h, w), -1 none."""
    pixels: dict[int, int] = {}
    for wall, material in dressing.surfaces.items():
        if material.texture is not None:
            shown = int(np.count_nonzero(wall_number == wall))
            pixels[id(material.texture)] = pixels.get(id(material.texture), 0) + shown
    best = max(pixels, key=lambda key: pixels[key], default=None)
    if best is None or pixels[best] == 0:
        return DressedView(dressing.kind, dressing.track, radiance)
    walls = tuple(sorted(wall for wall, m in dressing.surfaces.items() if id(m.texture) == best))
    material = dressing.surfaces[walls[0]]
    assert material.texture is not None
    texels = material.texture.texels * np.asarray(material.albedo, np.float32)
    return DressedView(dressing.kind, dressing.track, radiance, swatch_of(texels), walls)


def swatch_of(texels: Array) -> Array:
    """A texture as a picture: (s, s, 3) linear, lowest row first, to (SWATCH_PX, SWATCH_PX, 3) uint8 sRGB, upright."""
    from wallpaint.imaging.color import linear_to_srgb

    block = max(1, len(texels) // SWATCH_PX)
    side = len(texels) // block
    small = texels[: side * block, : side * block].reshape(side, block, side, block, 3).mean((1, 3))
    return np.round(np.clip(linear_to_srgb(small[::-1]), 0, 1) * 255).astype(np.uint8)


# -- the folder ------------------------------------------------------------------------------------------


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for one run, without half-written files before and after.

    The system lets go of it when the run ends, in whatever way. Raises ConfigError where another run holds it.
    """
    try:
        file = (folder / LOCK).open("a+")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written to ({error.strerror}): check its permissions") from error
    with file:
        if not _lock(file):
            raise ConfigError(f"{folder}: another run is at work here: wait for it, or choose another folder")
        _remove_parts(folder)
        try:
            yield
        finally:
            _remove_parts(folder)


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


def settle(path: Path, settings: dict[str, Any]) -> None:
    """Write down a folder's settings, or check that they are the ones written there. Raises ConfigError."""
    if not path.exists():
        atomic.put(path, json.dumps(settings, indent=1, sort_keys=True).encode() + b"\n")
        return
    try:
        before = json.loads(path.read_bytes())
        different = [
            f"{key} {_said(before.get(key))}, not {_said(value)}"
            for key, value in settings.items()
            if before.get(key) != value
        ]
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path}: the folder's settings cannot be read: choose another folder") from error
    if different:
        raise ConfigError(f"{path.parent}: made with {', '.join(different)}: use the same, or another folder")


def _remove_parts(folder: Path) -> None:
    for path in folder.rglob(f".*{atomic.PART}"):
        path.unlink(missing_ok=True)


def _settings(job: RenderJob) -> dict[str, Any]:
    return {
        "format": SETTINGS_FORMAT,
        "size": f"{job.size[1]}x{job.size[0]}",
        "samples": job.samples,
        "version": __version__,
    }


def _said(value: object) -> str:
    return "nothing" if value is None else str(value)[:60]


def _is_room(path: Path, seed: int, size: tuple[int, int], samples: int) -> bool:
    if not path.exists():
        return False
    try:
        meta = room_file.read_meta(path)
    except InputError:
        return False
    wanted = {"seed": seed, "size": list(size), "samples": samples, "version": __version__}
    return all(meta.get(key) == value for key, value in wanted.items())


def _is_note(path: Path, seed: int) -> bool:
    try:
        note = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(note, dict) and note.get("seed") == seed and note.get("version") == __version__


def _need_mitsuba() -> None:
    import importlib.util

    if importlib.util.find_spec("mitsuba") is None:
        raise ConfigError("rooms are rendered with Mitsuba, which is not installed: pip install 'wallpaint[rooms]'")


def _one_thread() -> None:
    import drjit

    drjit.set_thread_count(1)
