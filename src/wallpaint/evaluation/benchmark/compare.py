"""Comparison of repainting methods on rendered rooms with ground truth.

set -> cases, photo by photo -> repaints of every method -> metrics -> means by track, with intervals -> report
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import groupby
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from wallpaint.errors import InputError, WallpaintError
from wallpaint.evaluation import bootstrap, detection_metrics, metrics
from wallpaint.evaluation.benchmark import baselines
from wallpaint.evaluation.benchmark.baselines import BenchmarkCase, DetectedScene, RepaintMethod
from wallpaint.evaluation.benchmark.dataset import TRACKS, BenchmarkPair, load_cases
from wallpaint.paints.paint import Paint
from wallpaint.pipeline.repaint import Scene, prepare
from wallpaint.typing import Array
from wallpaint.version import __version__

SCHEMA = "wallpaint.benchmark/1"
RESAMPLES = 1000
ALL = "all"
HARDNESS_TOLERANCE = 0.2  # relative deviation from the published errors up to which a set is comparably hard
PUBLISHED_ERRORS = {"leave": 30.0, "lab_shift": 15.5, "multiply_true": 6.5, "lab_shift_true": 3.1}
"""Room error, mean CIEDE2000, of a set of 40 rooms with two paints each: the reference for a set's hardness."""

_METRICS = {name: metrics.METRICS[name] for name in metrics.BENCHMARK_METRICS} | detection_metrics.DETECTION_METRICS

PairScores: TypeAlias = dict[str, float]
OnPair: TypeAlias = Callable[[BenchmarkPair, BenchmarkCase, Mapping[str, Array], Mapping[str, PairScores]], None]
"""Callback after each pair: (pair, case, images by method, scores by method)."""


@dataclass(frozen=True)
class BenchmarkMethod:
    """A row of the benchmark.

    uses: "" for a method that gets the user's inputs only, "set" for one that also gets the set's average light,
    "truth" for one that gets the ground truth or part of it. supports_colors, supports_textures: which paints it
    can apply. detects_walls: it gets no mask; its scores include `detection_metrics.DETECTION_METRICS`.
    """

    label: str
    repaint: RepaintMethod
    uses: str = ""
    supports_colors: bool = True
    supports_textures: bool = False
    detects_walls: bool = False

    def supports(self, case: BenchmarkCase) -> bool:
        return self.supports_colors if case.texture is None else self.supports_textures

    def visible_case(self, case: BenchmarkCase) -> BenchmarkCase:
        """Return the case with only what this method may use."""
        if self.uses == "truth":
            return case
        return replace(case.without_truth(), set_light=case.set_light if self.uses else None)


METHODS: dict[str, BenchmarkMethod] = {
    "leave": BenchmarkMethod("leave the wall as it is", baselines.leave_unchanged, supports_textures=True),
    "hsv": BenchmarkMethod("HSV hue and saturation swap", baselines.hsv_swap),
    "flat": BenchmarkMethod("flat fill with the swatch", baselines.flat_fill, supports_textures=True),
    "lab_shift": BenchmarkMethod("Lab shift of the median", baselines.lab_shift),
    "multiply": BenchmarkMethod("multiply in linear light, median to swatch", baselines.multiply),
    "multiply_set": BenchmarkMethod("multiply, in the set's average light", baselines.multiply_set_light, "set"),
    "multiply_true": BenchmarkMethod("multiply by new over true old albedo", baselines.multiply_true, "truth"),
    "multiply_true_clean": BenchmarkMethod(
        "multiply by new over true old, noise-free photo", baselines.multiply_true_clean, "truth"
    ),
    "lab_shift_true": BenchmarkMethod("Lab shift to the true new median (oracle)", baselines.lab_shift_true, "truth"),
    "tile": BenchmarkMethod("tile the texture", baselines.tile_texture, supports_colors=False, supports_textures=True),
    "analytic_room": BenchmarkMethod("wallpaint analytic, room", partial(baselines.analytic, match="room")),
    "analytic_room_detected": BenchmarkMethod(
        "wallpaint analytic, room, detected walls", baselines.analytic_detected, detects_walls=True
    ),
    "analytic_room_statistics": BenchmarkMethod(
        "wallpaint analytic, room, without the light model",
        partial(baselines.analytic, match="room", use_model=False),
    ),
    "analytic_swatch": BenchmarkMethod("wallpaint analytic, swatch", partial(baselines.analytic, match="swatch")),
    "analytic_old_color": BenchmarkMethod(
        "wallpaint analytic, room, true old colour", baselines.analytic_old_color, "truth"
    ),
}
"""Every row, by the name that `--methods` takes, in table order."""


def select_methods(names: str | None) -> dict[str, BenchmarkMethod]:
    """Parse a list such as "leave,lab_shift"; the order is that of `METHODS`. None selects all. Raises InputError."""
    if names is None:
        return dict(METHODS)
    requested = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in requested if name not in METHODS]
    if unknown or not requested:
        problem = f"no such method: {', '.join(unknown)}" if unknown else "no method is named"
        raise InputError(f"{problem} (there are {', '.join(METHODS)})")
    return {name: method for name, method in METHODS.items() if name in requested}


def compare(
    pairs: Sequence[BenchmarkPair],
    methods: Mapping[str, BenchmarkMethod],
    *,
    seed: int = 0,
    on_pair: OnPair | None = None,
) -> dict[str, Any]:
    """Repaint every pair with every method and return the report: plain data, ready for JSON.

    seed: of the bootstrap. on_pair: called once a pair. Everything except "seconds" is deterministic. Raises
    InputError for images that cannot be used; a pair without a measurable wall, and a pair that a method refuses,
    are excluded and counted.
    """
    light = _set_light(pairs) if any(method.uses == "set" for method in methods.values()) else None
    entries: list[dict[str, Any]] = []
    excluded: list[dict[str, str]] = []
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    for group in _by_photo(pairs):
        cases = load_cases(group)
        if not metrics.eroded_wall(cases[0].alpha).any():
            excluded += [{"pair": pair.name, "why": "the mask has no wall wide enough to measure"} for pair in group]
            continue
        cases = [replace(case, set_light=light) for case in cases]
        results = [_PairResult({}, {}, {}) for _ in group]
        for name, method in methods.items():
            seconds[name] += _repaint_group(name, method, cases, results)
        for pair, case, result in zip(group, cases, results, strict=True):
            entries.append(_report_entry(pair, result))
            if on_pair is not None:
                on_pair(pair, case, result.images, result.scores)
    return {
        "schema": SCHEMA,
        "version": __version__,
        "seed": seed,
        "pairs_read": len(pairs),
        "left_out": excluded,
        "set_light_linear": None if light is None else [round(float(v), 4) for v in light],
        "metrics": {
            name: {"label": m.label, "unit": m.unit, "best": m.best, "fold": m.reduction}
            for name, m in _METRICS.items()
        },
        "methods": {name: {"label": method.label, "uses": method.uses} for name, method in methods.items()},
        "tracks": summarize_tracks(entries, list(methods), seed),
        "hardness": hardness(entries),
        "pairs": entries,
        "seconds": {name: round(float(np.mean(times)), 4) if times else None for name, times in seconds.items()},
    }


# -- repainting ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _PairResult:
    """Images, scores and error messages of one pair, by method."""

    images: dict[str, Array]
    scores: dict[str, PairScores]
    errors: dict[str, str]


def _repaint_group(
    name: str, method: BenchmarkMethod, cases: Sequence[BenchmarkCase], results: Sequence[_PairResult]
) -> list[float]:
    """Repaint one photo in each of its paints with one method, sharing the scene; returns the seconds of each."""
    seconds = []
    scene, detected = cache(partial(_prepare_scene, cases[0])), cache(partial(_detect_walls, cases[0]))
    for case, result in zip(cases, results, strict=True):
        if not method.supports(case):
            continue
        assert case.truth is not None
        started = perf_counter()
        try:
            image = method.repaint(replace(method.visible_case(case), scene=scene, detected=detected))
        except WallpaintError as error:
            result.errors[name] = str(error)
            continue
        if image is None:
            continue
        seconds.append(perf_counter() - started)
        codes = _to_uint8(image)
        swatch = case.albedo if case.texture is None else None
        result.images[name] = codes
        scores = metrics.measure(codes, case.photo, case.truth.target, case.alpha, swatch)
        result.scores[name] = {metric: scores[metric] for metric in metrics.BENCHMARK_METRICS}
        if method.detects_walls:
            truth, mask = case.truth.target, detected().mask
            result.scores[name] |= detection_metrics.detection_metrics(codes, case.photo, truth, case.alpha, mask)
    return seconds


def _prepare_scene(case: BenchmarkCase, old_albedo: tuple[float, float, float] | None) -> Scene:
    return prepare(case.photo, {"wall": case.alpha}, old_color=None if old_albedo is None else Paint(old_albedo))


def _detect_walls(case: BenchmarkCase) -> DetectedScene:
    from wallpaint.segment.detect import detect_walls

    mask = detect_walls(case.photo).combined
    return DetectedScene(prepare(case.photo, {"wall": mask}), mask)


def _to_uint8(image: Array) -> Array:
    """Convert floats 0..1 to uint8; uint8 is returned unchanged."""
    if image.dtype == np.uint8:
        return image
    return np.round(255 * np.clip(image, 0, 1)).astype(np.uint8)


def _by_photo(pairs: Sequence[BenchmarkPair]) -> Iterator[list[BenchmarkPair]]:
    """Group pairs that share photo and mask, sorted by path."""
    for _, group in groupby(sorted(pairs, key=lambda p: (p.image, p.mask, p.name)), lambda p: (p.image, p.mask)):
        yield list(group)


def _set_light(pairs: Sequence[BenchmarkPair]) -> Array | None:
    medians_and_albedos = []
    for group in _by_photo([pair for pair in pairs if not pair.is_texture]):
        for case in load_cases(group):
            wall = metrics.eroded_wall(case.alpha)
            if wall.any() and case.truth is not None:
                medians_and_albedos.append((metrics.wall_median(case.truth.target, wall), case.albedo))
    return baselines.average_light(medians_and_albedos) if medians_and_albedos else None


def _report_entry(pair: BenchmarkPair, result: _PairResult) -> dict[str, Any]:
    return {
        "pair": pair.name,
        "photo": pair.photo,
        "tracks": list(pair.tracks),
        "color_rgb": None if pair.color_rgb is None else list(pair.color_rgb),
        "old_color_rgb": None if pair.old_color_rgb is None else list(pair.old_color_rgb),
        "methods": {
            name: {key: None if math.isnan(value) else round(value, 4) for key, value in scores.items()}
            for name, scores in result.scores.items()
        },
        "errors": result.errors,
    }


# -- summary ---------------------------------------------------------------------------------------------


def summarize_tracks(entries: Sequence[Mapping[str, Any]], methods: Sequence[str], seed: int) -> dict[str, Any]:
    """Return means by track, method and metric, with 95 % bootstrap intervals; tracks without pairs are absent.

    entries: the report's "pairs". The track "all" holds every pair in a plain colour. Photos are resampled, not
    pairs, as errors of one photo's repaints are correlated. With fewer than two photos there is no interval.
    """
    tracks: dict[str, Any] = {}
    for track_index, track in enumerate((ALL, *TRACKS)):
        selected = [entry for entry in entries if _in_track(entry, track)]
        if not selected:
            continue
        photos = sorted({entry["photo"] for entry in selected})
        indices = bootstrap.bootstrap_indices(len(photos), [seed, track_index], RESAMPLES)
        tracks[track] = {
            "pairs": len(selected),
            "photos": len(photos),
            "methods": {
                method: {
                    metric: _summary(selected, photos, indices, method, metric)
                    for metric in (*metrics.BENCHMARK_METRICS, *_detection_metrics(selected, method))
                }
                for method in methods
                if any(method in entry["methods"] for entry in selected)
            },
        }
    return tracks


def _detection_metrics(entries: Sequence[Mapping[str, Any]], method: str) -> tuple[str, ...]:
    """Return the metrics on detected walls that a method has been scored with."""
    return tuple(
        metric
        for metric in detection_metrics.DETECTION_METRICS
        if any(metric in entry["methods"].get(method, {}) for entry in entries)
    )


def hardness(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Compare the set's errors with the published ones: a comparably hard set lies within 20 % of each.

    Measured on the track "plain", or on all colours where it is empty.
    """
    track = "plain" if any(_in_track(entry, "plain") for entry in entries) else ALL
    rows: dict[str, Any] = {}
    for method, published in PUBLISHED_ERRORS.items():
        values = _metric_values([entry for entry in entries if _in_track(entry, track)], method, "room_mean")
        if values:
            ratio = float(np.mean([value for _, value in values])) / published
            rows[method] = {
                "published": published,
                "ratio": round(ratio, 3),
                "alike": abs(ratio - 1) <= HARDNESS_TOLERANCE,
            }
    return {"track": track, "methods": rows}


def _in_track(entry: Mapping[str, Any], track: str) -> bool:
    is_texture = "texture" in entry["tracks"]
    if track == "texture":
        return is_texture
    return not is_texture and (track == ALL or track in entry["tracks"])


def _metric_values(entries: Sequence[Mapping[str, Any]], method: str, metric: str) -> list[tuple[str, float]]:
    """(photo, value) of the entries for which the method has this metric."""
    values = ((entry["photo"], entry["methods"].get(method, {}).get(metric)) for entry in entries)
    return [(photo, value) for photo, value in values if value is not None]


def _summary(
    entries: Sequence[Mapping[str, Any]], photos: list[str], indices: Array, method: str, metric: str
) -> dict[str, Any]:
    values = _metric_values(entries, method, metric)
    if values and _METRICS[metric].reduction == "max":
        return {"count": len(values), "value": max(value for _, value in values), "low": None, "high": None}
    mean = bootstrap.estimate_mean(values, photos, indices)
    numbers = {"value": mean.value, "low": mean.low, "high": mean.high}
    return {"count": mean.count} | {k: None if v is None else round(v, 4) for k, v in numbers.items()}
