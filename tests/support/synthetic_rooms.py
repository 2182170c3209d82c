"""Synthetic room records without path tracing: two walls above a floor, and a sofa.

The light falls off to one side; its bounces on the wall paint follow a sum of two geometric series.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from wallpaint.rooms.sets.room_file import RoomRecord, SkippedSeed, WallVariantView

SLOW_S, BLOCK_S = 0.08, 3600.0
UNUSABLE = (3, 11)  # seeds without a good room
LAST = 5
FAST_MODE, SLOW_MODE = 0.25, 0.55

_started = 0  # calls of `block_after_two` in this process


def make_modes(size: tuple[int, int], seed: int = 0) -> list[tuple[np.ndarray, float]]:
    """Return the light after one bounce, (h, w, 3), and the ratio of successive bounces, for each of two modes."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]] / max(size)
    light = (0.4 + 0.3 * np.random.default_rng(seed).random()) * np.exp(-x - 0.4 * y)[..., None] * [1.0, 0.95, 0.85]
    return [(light, FAST_MODE), (0.3 * light.mean((0, 1)) * np.ones_like(light), SLOW_MODE)]


def radiance_of(modes: list[tuple[np.ndarray, float]], albedo: np.ndarray) -> np.ndarray:
    """Return the exact radiance, with all bounces."""
    return sum(albedo * first / (1 - albedo * ratio) for first, ratio in modes)


def buckets_of(modes: list[tuple[np.ndarray, float]], last: int = LAST) -> np.ndarray:
    """Return the buckets 0..last of that light; bucket 0 is black."""
    later_buckets = [sum(first * ratio**k for first, ratio in modes) for k in range(last)]
    return np.stack([np.zeros_like(later_buckets[0]), *later_buckets]).astype(np.float32)


def render(seed: int, size: tuple[int, int], samples: int) -> RoomRecord | SkippedSeed:
    """Return a room of two walls, with a wallpaper variant if the seed is even; `samples` sets the noise."""
    _record_pid()
    if seed in UNUSABLE:
        return SkippedSeed(seed, "a sofa blocks the view")
    rng = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[0:height, 0:width]
    alpha = np.where(y < 0.7 * height, 1.0, 0.0)
    alpha[height // 2 : int(0.7 * height), width // 3 : width // 2] = 0
    number = np.where(alpha > 0, np.where(x < width // 2, 0, 3), -1)
    buckets = buckets_of(make_modes(size, seed))
    buckets[0] += 0.08 * (1 - alpha[..., None])
    buckets[1:] *= 0.15 + 0.85 * alpha[..., None]
    buckets *= 1 + rng.normal(0, 0.2 / np.sqrt(samples), buckets.shape)
    split = "test" if seed >= 950_000 else "validation" if seed >= 900_000 else "train"
    papered = 0.5 * buckets[1] * (1 + ((x // 4 + y // 4) % 2))[..., None]
    swatch = np.where((np.mgrid[0:32, 0:32].sum(0) // 4 % 2)[..., None], [200, 180, 160], [90, 60, 50]).astype(np.uint8)
    variants = (
        (WallVariantView("wallpaper", "patterned", papered.astype(np.float32), swatch, (0,)),) if seed % 2 == 0 else ()
    )
    old_paint = (0.6, 0.55, 0.5) if seed % 4 else (0.05, 0.06, 0.08)
    return RoomRecord(
        seed=seed,
        split=split,
        room_type="office",
        samples=samples,
        old_paint=old_paint,
        buckets=buckets.astype(np.float32),
        alpha=alpha.astype(np.float32),
        depth=np.where(y < 0.7 * height, 4.0, 4.0 - 3.0 * y / height).astype(np.float32),
        albedo=np.where(alpha[..., None] > 0, 1.0, [0.3, 0.2, 0.1]).astype(np.float32),
        wall_number=number.astype(np.int8),
        wall_variants=variants,
        metadata={"light": "window"},
    )


def render_slowly(seed: int, size: tuple[int, int], samples: int) -> RoomRecord | SkippedSeed:
    """Render with a delay of SLOW_S."""
    time.sleep(SLOW_S)
    return render(seed, size, samples)


def block_after_two(seed: int, size: tuple[int, int], samples: int) -> RoomRecord | SkippedSeed:
    """Render two seeds per process and block on the third, so that the run cannot end before it is killed."""
    global _started
    _started += 1
    if _started > 2:
        time.sleep(BLOCK_S)
    return render(seed, size, samples)


def fail(seed: int, size: tuple[int, int], samples: int) -> RoomRecord | SkippedSeed:
    """Raise an unexpected exception, as a bug in the renderer would."""
    raise ZeroDivisionError(f"seed {seed}")


def die(seed: int, size: tuple[int, int], samples: int) -> RoomRecord | SkippedSeed:
    """Kill the process, as the operating system does when memory runs out."""
    os.kill(os.getpid(), 9)
    raise AssertionError


def _record_pid() -> None:
    folder = os.environ.get("SYNTHETIC_ROOMS_PIDS")
    if folder:
        (Path(folder) / str(os.getpid())).touch()
