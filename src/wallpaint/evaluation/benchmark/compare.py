"""Ways of repainting, compared on rooms of known truth.

set -> cases, photo by photo -> every way repaints each -> metrics -> means by track, with intervals -> report
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
from wallpaint.evaluation import bootstrap, metrics
from wallpaint.evaluation.benchmark import baselines
from wallpaint.evaluation.benchmark.baselines import Case, Way
from wallpaint.evaluation.benchmark.dataset import TRACKS, Pair, load
from wallpaint.paints.paint import Paint
from wallpaint.scene.scene import Scene, prepare
from wallpaint.typing import Array
from wallpaint.version import __version__

SCHEMA = "wallpaint.benchmark/1"
RESAMPLES = 1000
ALL = "all"
FAIR = 0.2  # share by which a set's rows may lie off the published ones and the set still count as as hard
PUBLISHED = {"leave": 30.0, "lab_shift": 15.5, "multiply_true": 6.5, "lab_shift_true": 3.1}
"""Lit error, mean CIEDE2000, of a set of 40 rooms with two paints each: how hard a set should be."""

_METRICS = {name: metrics.METRICS[name] for name in metrics.BENCHMARK}

Scores: TypeAlias = dict[str, float]
Watch: TypeAlias = Callable[[Pair, Case, Mapping[str, Array], Mapping[str, Scores]], None]
"""Is shown each pair with its case, and the pictures and scores by method."""


@dataclass(frozen=True)
class Method:
    """A row of the benchmark.

    uses: "" for a way that sees what a user gives it, "set" for one that knows the set's average, "truth" for one
    that sees the answer, or part of it; the others are not shown it. colours, textures: what it can paint.
    """

    label: str
    way: Way
    uses: str = ""
    colours: bool = True
    textures: bool = False

    def takes(self, case: Case) -> bool:
        return self.colours if case.texture is None else self.textures

    def sees(self, case: Case) -> Case:
        """The case as this method may know it."""
        return case if self.uses == "truth" else replace(case.blind(), set_light=case.set_light if self.uses else None)


METHODS: dict[str, Method] = {
    "leave": Method("leave the wall as it is", baselines.leave, textures=True),
    "hsv": Method("HSV hue and saturation swap", baselines.hsv_swap),
    "flat": Method("flat fill with the swatch", baselines.flat_fill, textures=True),
    "lab_shift": Method("Lab shift of the median", baselines.lab_shift),
    "multiply": Method("multiply in linear light, median to swatch", baselines.multiply),
    "multiply_set": Method("multiply, in the set's average light", baselines.multiply_set_light, "set"),
    "multiply_true": Method("multiply by new over true old albedo", baselines.multiply_true, "truth"),
    "multiply_true_clean": Method(
        "multiply by new over true old, noise-free photo", baselines.multiply_true_clean, "truth"
    ),
    "lab_shift_true": Method("Lab shift to the true new median (oracle)", baselines.lab_shift_true, "truth"),
    "tile": Method("tile the texture", baselines.tile, colours=False, textures=True),
    "analytic_room": Method("wallpaint analytic, lit", partial(baselines.analytic, match="room")),
    "analytic_lit_statistics": Method(
        "wallpaint analytic, lit, without the light model", partial(baselines.analytic, match="room", use_model=False)
    ),
    "analytic_swatch": Method("wallpaint analytic, literal", partial(baselines.analytic, match="swatch")),
    "analytic_old_color": Method("wallpaint analytic, lit, true old colour", baselines.analytic_old_color, "truth"),
}
"""Every row, by the name that `--methods` takes, in the order of tables."""


def choose(names: str | None) -> dict[str, Method]:
    """The methods of a list such as "leave,lab_shift", in the order of `METHODS`; all of them for None."""
    if names is None:
        return dict(METHODS)
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in METHODS]
    if unknown or not wanted:
        what = f"no such method: {', '.join(unknown)}" if unknown else "no method is named"
        raise InputError(f"{what} (there are {', '.join(METHODS)})")
    return {name: method for name, method in METHODS.items() if name in wanted}


def compare(
    pairs: Sequence[Pair], methods: Mapping[str, Method], *, seed: int = 0, watch: Watch | None = None
) -> dict[str, Any]:
    """Let every method repaint every pair, and return the report: plain data, ready for JSON.

    seed: of the resampling behind the intervals. watch: is called once a pair. Everything but "seconds" is the same
    in every run. Raises InputError for pictures that cannot be used; a pair without measurable wall, and a method
    that refuses a pair, are left out and counted.
    """
    light = _set_light(pairs) if any(method.uses == "set" for method in methods.values()) else None
    entries: list[dict[str, Any]] = []
    left_out: list[dict[str, str]] = []
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    for group in _by_photo(pairs):
        cases = load(group)
        if not metrics.core(cases[0].alpha).any():
            left_out += [{"pair": pair.name, "why": "the mask has no wall wide enough to measure"} for pair in group]
            continue
        cases = [replace(case, set_light=light) for case in cases]
        done = [_Painted({}, {}, {}) for _ in group]
        for name, method in methods.items():
            seconds[name] += _paint_group(name, method, cases, done)
        for pair, case, painted in zip(group, cases, done, strict=True):
            entries.append(_entry(pair, painted))
            if watch is not None:
                watch(pair, case, painted.pictures, painted.scores)
    return {
        "schema": SCHEMA,
        "version": __version__,
        "seed": seed,
        "pairs_read": len(pairs),
        "left_out": left_out,
        "set_light_linear": None if light is None else [round(float(v), 4) for v in light],
        "metrics": {
            name: {"label": m.label, "unit": m.unit, "best": m.best, "fold": m.fold} for name, m in _METRICS.items()
        },
        "methods": {name: {"label": method.label, "uses": method.uses} for name, method in methods.items()},
        "tracks": summarise(entries, list(methods), seed),
        "hardness": hardness(entries),
        "pairs": entries,
        "seconds": {name: round(float(np.mean(spent)), 4) if spent else None for name, spent in seconds.items()},
    }


# -- painting --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Painted:
    """What became of a pair: pictures, scores and refusals by method."""

    pictures: dict[str, Array]
    scores: dict[str, Scores]
    errors: dict[str, str]


def _paint_group(name: str, method: Method, cases: Sequence[Case], done: Sequence[_Painted]) -> list[float]:
    """Let one method repaint the paints of one photo, whose scene it makes once; returns the seconds of each."""
    spent = []
    scene = cache(partial(_scene, cases[0]))
    for case, painted in zip(cases, done, strict=True):
        if not method.takes(case):
            continue
        assert case.truth is not None
        started = perf_counter()
        try:
            picture = method.way(replace(method.sees(case), scene=scene))
        except WallpaintError as error:
            painted.errors[name] = str(error)
            continue
        if picture is None:
            continue
        spent.append(perf_counter() - started)
        codes = _codes(picture)
        swatch = case.albedo if case.texture is None else None
        painted.pictures[name] = codes
        scores = metrics.measure(codes, case.photo, case.truth.target, case.alpha, swatch)
        painted.scores[name] = {metric: scores[metric] for metric in _METRICS}
    return spent


def _scene(case: Case, old_albedo: tuple[float, float, float] | None) -> Scene:
    return prepare(case.photo, {"wall": case.alpha}, old_color=None if old_albedo is None else Paint(old_albedo))


def _codes(picture: Array) -> Array:
    """uint8 codes of a picture that is so already, or holds floats 0..1."""
    if picture.dtype == np.uint8:
        return picture
    return np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def _by_photo(pairs: Sequence[Pair]) -> Iterator[list[Pair]]:
    """Pairs that share photo and mask, in the order of their names."""
    for _, group in groupby(sorted(pairs, key=lambda p: (p.image, p.mask, p.name)), lambda p: (p.image, p.mask)):
        yield list(group)


def _set_light(pairs: Sequence[Pair]) -> Array | None:
    found = []
    for group in _by_photo([pair for pair in pairs if not pair.is_texture]):
        for case in load(group):
            wall = metrics.core(case.alpha)
            if wall.any() and case.truth is not None:
                found.append((metrics.wall_median(case.truth.target, wall), case.albedo))
    return baselines.average_light(found) if found else None


def _entry(pair: Pair, painted: _Painted) -> dict[str, Any]:
    return {
        "pair": pair.name,
        "photo": pair.photo,
        "tracks": list(pair.tracks),
        "color_rgb": None if pair.color_rgb is None else list(pair.color_rgb),
        "old_color_rgb": None if pair.old_color_rgb is None else list(pair.old_color_rgb),
        "methods": {
            name: {key: None if math.isnan(value) else round(value, 4) for key, value in scores.items()}
            for name, scores in painted.scores.items()
        },
        "errors": painted.errors,
    }


# -- summing up ------------------------------------------------------------------------------------------


def summarise(entries: Sequence[Mapping[str, Any]], methods: Sequence[str], seed: int) -> dict[str, Any]:
    """Means by track, method and metric, with 95 % bootstrap intervals of the mean; tracks without pairs are absent.

    entries: the report's "pairs". The track "all" holds every pair in a plain colour. Photos are resampled, not
    pairs: paints of one photo err alike. With fewer than two photos there is no interval.
    """
    tracks: dict[str, Any] = {}
    for place, track in enumerate((ALL, *TRACKS)):
        chosen = [entry for entry in entries if _belongs(entry, track)]
        if not chosen:
            continue
        photos = sorted({entry["photo"] for entry in chosen})
        draws = bootstrap.draws(len(photos), [seed, place], RESAMPLES)
        tracks[track] = {
            "pairs": len(chosen),
            "photos": len(photos),
            "methods": {
                method: {metric: _summary(chosen, photos, draws, method, metric) for metric in _METRICS}
                for method in methods
                if any(method in entry["methods"] for entry in chosen)
            },
        }
    return tracks


def hardness(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How the set's rows compare with the published ones: a fair judge lies within 20 % of each.

    Measured on the track "plain", or on all colours where it is empty.
    """
    track = "plain" if any(_belongs(entry, "plain") for entry in entries) else ALL
    rows: dict[str, Any] = {}
    for method, published in PUBLISHED.items():
        values = _values([entry for entry in entries if _belongs(entry, track)], method, "room_mean")
        if values:
            ratio = float(np.mean([value for _, value in values])) / published
            rows[method] = {"published": published, "ratio": round(ratio, 3), "alike": abs(ratio - 1) <= FAIR}
    return {"track": track, "methods": rows}


def _belongs(entry: Mapping[str, Any], track: str) -> bool:
    is_texture = "texture" in entry["tracks"]
    if track == "texture":
        return is_texture
    return not is_texture and (track == ALL or track in entry["tracks"])


def _values(entries: Sequence[Mapping[str, Any]], method: str, metric: str) -> list[tuple[str, float]]:
    """(photo, value) of the entries where this method was measured so."""
    found = ((entry["photo"], entry["methods"].get(method, {}).get(metric)) for entry in entries)
    return [(photo, value) for photo, value in found if value is not None]


def _summary(
    entries: Sequence[Mapping[str, Any]], photos: list[str], draws: Array, method: str, metric: str
) -> dict[str, Any]:
    values = _values(entries, method, metric)
    if values and _METRICS[metric].fold == "max":
        return {"count": len(values), "value": max(value for _, value in values), "low": None, "high": None}
    found = bootstrap.estimate(values, photos, draws)
    plain = {"value": found.value, "low": found.low, "high": found.high}
    return {"count": found.count} | {k: None if v is None else round(v, 4) for k, v in plain.items()}
