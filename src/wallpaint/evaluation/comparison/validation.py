"""Candidates judged on samples: a run that can be broken off, and its report.

    for each candidate, for each sample:  part there? else  sample -> repaints, lock off and on -> scores -> part
    parts -> means with intervals, paired differences, bands -> report

The report is plain data. It holds no time and no path, so the same run gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from wallpaint.data.dataset import WallInpaintingDataset
from wallpaint.errors import InputError
from wallpaint.evaluation import bootstrap
from wallpaint.evaluation.comparison import result_cache as parts
from wallpaint.evaluation.comparison import samples
from wallpaint.evaluation.comparison.candidates import Candidate
from wallpaint.evaluation.comparison.repainters import seed_of
from wallpaint.evaluation.comparison.result_cache import Part
from wallpaint.evaluation.comparison.samples import LOCKS, OFF, ON
from wallpaint.evaluation.comparison.scoring import score
from wallpaint.evaluation.lpips import Perceptual
from wallpaint.evaluation.metrics import METRICS
from wallpaint.imaging import color
from wallpaint.paints.paint import Paint
from wallpaint.typing import Array
from wallpaint.version import __version__

SCHEMA = "wallpaint.validation/1"
DIGITS = 5
BANDED = ("cie76", "swatch", "room_mean")
"""Colour differences that are also counted by `color.BANDS`."""


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be judged on what.

    root: the data set's folder. kind: `samples.PLAIN` or `samples.WHOLE`. count: the first so many samples. paints:
    for samples, in turn, in place of their own; only whole ones. seed: of noise and of resampling.
    """

    data: WallInpaintingDataset
    root: Path
    kind: str
    count: int
    seed: int = 0
    paints: tuple[Paint, ...] = ()
    perceptual: Perceptual | None = None

    def wanted(self, index: int) -> Paint | None:
        """The paint that is asked for on a sample, or None."""
        return self.paints[index % len(self.paints)] if self.paints else None

    @cached_property
    def ids(self) -> list[str]:
        """Of each sample; see `samples.identity`."""
        return [samples.identity(self.data, index, self.kind, self.wanted(index)) for index in range(self.count)]

    def sample(self, index: int) -> samples.Sample:
        """Raises InputError for pictures that cannot be used."""
        if self.kind == samples.PLAIN:
            return samples.plain(self.data, index)
        return samples.whole(self.data, index, self.wanted(index))


def gather(
    task: Task, candidates: Sequence[Candidate], folder: Path, step: Callable[[], None] = lambda: None
) -> dict[str, list[Part]]:
    """Every part, by candidate, in the samples' order: read where it is there, else made and written.

    A candidate is loaded only if a part of it is missing. step: called after each part. Raises InputError where the
    folder cannot be written to, ModelError for broken models; a sample that cannot be used is a part that says why.
    """
    try:
        (folder / parts.FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made a folder ({error.strerror}): choose another name") from error
    parts.sweep(folder)
    found: dict[str, list[Part]] = {}
    for candidate in candidates:
        loaded = None
        found[candidate.name] = []
        for index, identity in enumerate(task.ids):
            key = parts.key_of(candidate.digest, identity, task.seed, perceptual=task.perceptual is not None)
            part = parts.read(folder, key)
            if part is None:
                loaded = loaded or candidate.make()
                part = _made(key, task, index, *loaded)
                parts.write(folder, part)
            found[candidate.name].append(part)
            step()
    return found


def _made(key: str, task: Task, index: int, give: Any, seen: dict[str, Array]) -> Part:
    seen.clear()
    try:
        sample = task.sample(index)
        seed = seed_of(task.seed, sample.key)
        pictures = give(sample, seed)
    except InputError as error:
        return Part(key, error=str(error))
    scores = {lock: score(sample, lock, picture, task.perceptual) for lock, picture in pictures.items()}
    return parts.made(key, sample, seed, pictures, scores, seen.get("depth"))


# -- the report --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Earlier:
    """A report that this run is compared with. name: of its folder."""

    name: str
    report: Mapping[str, Any]


def describe(
    task: Task,
    mode: str,
    candidates: Sequence[Candidate],
    found: Mapping[str, Sequence[Part]],
    by: str | None = None,
    earlier: Sequence[Earlier] = (),
) -> dict[str, Any]:
    """The report. by: the metric that is looked at first, see `_first`. earlier: reports on the same samples.

    Raises InputError for an earlier report that has none of them.
    """
    entries = [_entry(task, index, {name: made[index] for name, made in found.items()}) for index in range(task.count)]
    told: dict[str, Any] = {candidate.name: candidate.told for candidate in candidates}
    baselines = [next(iter(told))]
    for other in earlier:
        added = _join(entries, other, task)
        told |= {name: {**other.report["candidates"][own], "from": other.name} for own, name in added.items()}
        baselines += added.values()
    groups = sorted({entry["group"] for entry in entries})
    drawn = bootstrap.draws(len(groups), task.seed)
    return {
        "schema": SCHEMA,
        "version": __version__,
        "mode": mode,
        "seed": task.seed,
        "by": _first(entries, list(found), by),
        "below_quality": task.data.left_out,
        "bootstrap": {
            "method": "percentile, expanded, over photos, paired",
            "resamples": bootstrap.RESAMPLES,
            "interval": list(bootstrap.INTERVAL),
            "photos": len(groups),
        },
        "metrics": {
            name: {"label": m.label, "unit": m.unit, "best": m.best, "fold": m.fold, "about": m.about}
            for name, m in METRICS.items()
        },
        "candidates": told,
        "means": {name: _means(entries, name, groups, drawn) for name in told},
        "bands": {name: _bands(entries, name) for name in told},
        "differences": [
            difference
            for name in found
            for baseline in baselines
            if name != baseline
            for difference in _differences(entries, name, baseline, groups, drawn)
        ],
        "samples": entries,
    }


def _entry(task: Task, index: int, by_candidate: Mapping[str, Part]) -> dict[str, Any]:
    paint = next((part.paint for part in by_candidate.values() if not part.error), "")
    return {
        "key": task.data.keys[index],
        "group": samples.group_of(task.data, index),
        "id": task.ids[index],
        "paint": paint or None,
        "scores": {name: part.scores for name, part in by_candidate.items() if not part.error},
        "errors": {name: part.error.replace(f"{task.root}/", "") for name, part in by_candidate.items() if part.error},
    }


def require_shared(task: Task, earlier: Sequence[Earlier]) -> None:
    """Raises InputError for an earlier report that has none of a task's samples."""
    for other in earlier:
        if not {entry["id"] for entry in other.report["samples"]} & set(task.ids):
            raise InputError(
                f"{other.name}: its report has none of these {task.count} samples in these paints and crops: "
                "compare runs on one data set, with one --mode and --size"
            )


def _join(entries: Sequence[dict[str, Any]], earlier: Earlier, task: Task) -> dict[str, str]:
    """Put an earlier report's scores beside ours; the names that its candidates have here, by their own."""
    theirs = {entry["id"]: entry for entry in earlier.report["samples"]}
    shared = [(entry, theirs[entry["id"]]) for entry in entries if entry["id"] in theirs]
    require_shared(task, [earlier])
    names = {name: f"{name} ({earlier.name})" for name in earlier.report["candidates"]}
    for ours, other in shared:
        ours["scores"] |= {names[name]: scores for name, scores in other["scores"].items()}
    return names


def _first(entries: Sequence[Mapping[str, Any]], names: Sequence[str], by: str | None) -> dict[str, str]:
    """The metric and lock that are looked at first: of those that were measured the lit error with the lock off, then
    with it on, then the error to the paint. by: this metric, whatever was measured."""
    wanted = [(by, OFF), (by, ON)] if by else [("room_mean", OFF), ("room_mean", ON)]
    measured = ((m, lock) for m, lock in wanted if any(values_of(entries, name, lock, m) for name in names))
    metric, lock = next(measured, (by or "swatch_mean", OFF))
    return {"metric": metric, "lock": lock}


def warnings_of(report: Mapping[str, Any]) -> list[str]:
    """What a reader must know of the candidates before believing the numbers, each once."""
    said: dict[str, list[str]] = {}
    for name, told in report["candidates"].items():
        for line in told.get("warnings", ()):
            said.setdefault(line, []).append(name)
    return [f"{', '.join(names)}: {line}" for line, names in said.items()]


def values_of(
    entries: Sequence[Mapping[str, Any]], candidate: str, lock: str, metric: str
) -> list[tuple[str, str, float]]:
    """(group, id, value) of the samples where a candidate was measured so."""
    found = (
        (entry["group"], entry["id"], entry["scores"].get(candidate, {}).get(lock, {}).get(metric)) for entry in entries
    )
    return [(group, identity, value) for group, identity, value in found if value is not None]


def _means(entries: Sequence[Mapping[str, Any]], name: str, groups: Sequence[str], drawn: Array) -> dict[str, Any]:
    """By lock and metric: how many were measured, how many left out, mean and interval."""
    whole = sum(name in entry["scores"] or name in entry["errors"] for entry in entries)
    found: dict[str, Any] = {}
    for lock in LOCKS:
        found[lock] = {}
        for metric, meaning in METRICS.items():
            values = [(group, value) for group, _, value in values_of(entries, name, lock, metric)]
            if meaning.fold == "max" and values:
                made = bootstrap.Estimate(len(values), max(value for _, value in values))
            else:
                made = bootstrap.estimate(values, groups, drawn, expanded=True)
            found[lock][metric] = {"count": made.count, "left_out": whole - made.count, **_plain(made)}
    return found


def _bands(entries: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """By lock and colour difference: how many samples lie in each band of `color.BANDS`."""
    limits = [limit for limit, _ in color.BANDS[:-1]]
    return {
        lock: {
            metric: np.bincount(
                np.digitize([value for *_, value in values_of(entries, name, lock, metric)], limits),
                minlength=len(color.BANDS),
            ).tolist()
            for metric in BANDED
        }
        for lock in LOCKS
    }


def _differences(
    entries: Sequence[Mapping[str, Any]], name: str, baseline: str, groups: Sequence[str], drawn: Array
) -> list[dict[str, Any]]:
    """By lock and metric: candidate less baseline, on the samples where both were measured, with its interval."""
    found = []
    for lock in LOCKS:
        for metric, meaning in METRICS.items():
            before = {identity: value for _, identity, value in values_of(entries, baseline, lock, metric)}
            pairs = [
                (group, value - before[identity])
                for group, identity, value in values_of(entries, name, lock, metric)
                if identity in before
            ]
            if not pairs:
                continue
            made = bootstrap.estimate(pairs, groups, drawn, expanded=True)
            assert made.value is not None
            verdict = _verdict(made, meaning.sign)
            found.append(
                {"candidate": name, "baseline": baseline, "lock": lock, "metric": metric, "count": made.count}
                | {"difference": _plain(made)["value"], **_plain(made), "verdict": verdict}
            )
    for line in found:
        del line["value"]
    return found


def _verdict(made: bootstrap.Estimate, sign: int) -> str:
    """sign: 1 where more is worse."""
    if made.low == made.high == 0:
        return "same"
    if made.photos < bootstrap.LEAST_PHOTOS:
        return "few"
    if not made.excludes_zero:
        return "unclear"
    return "worse" if sign * (made.value or 0) > 0 else "better"


def _plain(made: bootstrap.Estimate) -> dict[str, float | None]:
    shown = {"value": made.value, "low": made.low, "high": made.high}
    return {name: None if value is None else round(value, DIGITS) for name, value in shown.items()}
