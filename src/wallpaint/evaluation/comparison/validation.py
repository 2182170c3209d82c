"""Validation of candidates on samples: a resumable run and its report.

    for each candidate, for each sample:  cached? else  sample -> repaints, lock off and on -> scores -> cached result
    results -> means with intervals, paired differences, bands -> report

The report is plain data without times and paths, so the same run gives the same bytes.
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
from wallpaint.evaluation.comparison import result_cache, samples
from wallpaint.evaluation.comparison.candidates import Candidate
from wallpaint.evaluation.comparison.repainters import RepaintFn, sample_seed
from wallpaint.evaluation.comparison.result_cache import CachedResult
from wallpaint.evaluation.comparison.samples import LOCKS, OFF, ON
from wallpaint.evaluation.comparison.scoring import score
from wallpaint.evaluation.lpips import LpipsFn
from wallpaint.evaluation.metrics import METRICS
from wallpaint.imaging import color
from wallpaint.paints.paint import Paint
from wallpaint.typing import Array
from wallpaint.version import __version__

SCHEMA = "wallpaint.validation/1"
DIGITS = 5
BANDED_METRICS = ("cie76", "swatch", "room_mean")
"""Colour differences that are also counted by `color.BANDS`."""


@dataclass(frozen=True, eq=False)
class ComparisonTask:
    """The samples and options that all candidates of a run share.

    root: the data set's folder. sample_type: `samples.CROP` or `samples.FULL_PHOTO`. count: number of samples, from
    the first. seed: of noise and bootstrap. paints: requested paints, assigned to full photos in rotation. lpips_fn:
    also measure LPIPS.
    """

    data: WallInpaintingDataset
    root: Path
    sample_type: str
    count: int
    seed: int = 0
    paints: tuple[Paint, ...] = ()
    lpips_fn: LpipsFn | None = None

    def requested_paint(self, index: int) -> Paint | None:
        """Return the paint requested for a sample, or None."""
        return self.paints[index % len(self.paints)] if self.paints else None

    @cached_property
    def sample_ids(self) -> list[str]:
        """`samples.sample_id` of each sample."""
        return [
            samples.sample_id(self.data, index, self.sample_type, self.requested_paint(index))
            for index in range(self.count)
        ]

    def sample(self, index: int) -> samples.ValidationSample:
        """Load a sample. Raises InputError for images that cannot be used."""
        if self.sample_type == samples.CROP:
            return samples.crop_sample(self.data, index)
        return samples.full_photo_sample(self.data, index, self.requested_paint(index))


def collect_results(
    task: ComparisonTask,
    candidates: Sequence[Candidate],
    folder: Path,
    on_result: Callable[[bool], None] = lambda is_new: None,
) -> dict[str, list[CachedResult]]:
    """Return the results by candidate, in sample order: from the cache, else computed and cached.

    A candidate's models are loaded only if one of its results is missing. on_result: called after each result, with
    whether it was computed. Raises InputError where the folder cannot be written to, ModelError for broken models. A
    sample that cannot be used gives a result with an error message.
    """
    try:
        (folder / result_cache.CACHE_DIR).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: the folder cannot be created ({error.strerror}): choose another `output`"
        ) from error
    result_cache.remove_partial_files(folder)
    results: dict[str, list[CachedResult]] = {}
    for candidate in candidates:
        loaded = None
        results[candidate.name] = []
        for index, sample_id in enumerate(task.sample_ids):
            key = result_cache.cache_key(candidate.digest, sample_id, task.seed, with_lpips=task.lpips_fn is not None)
            result = result_cache.read(folder, key)
            is_new = result is None
            if result is None:
                loaded = loaded or candidate.load()
                result = _compute_result(key, task, index, *loaded)
                result_cache.write(folder, result)
            results[candidate.name].append(result)
            on_result(is_new)
    return results


def _compute_result(
    key: str, task: ComparisonTask, index: int, repaint: RepaintFn, observed: dict[str, Array]
) -> CachedResult:
    observed.clear()
    try:
        sample = task.sample(index)
        seed = sample_seed(task.seed, sample.key)
        repaints = repaint(sample, seed)
    except InputError as error:
        return CachedResult(key, error=str(error))
    scores = {lock: score(sample, lock, image, task.lpips_fn) for lock, image in repaints.items()}
    return result_cache.build_result(key, sample, seed, repaints, scores, observed.get("depth"))


# -- the report --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EarlierReport:
    """A report that this run is compared with. name: of its folder."""

    name: str
    report: Mapping[str, Any]


def build_report(
    task: ComparisonTask,
    mode: str,
    candidates: Sequence[Candidate],
    results: Mapping[str, Sequence[CachedResult]],
    primary_metric: str | None = None,
    earlier: Sequence[EarlierReport] = (),
) -> dict[str, Any]:
    """Build the report.

    primary_metric: the metric shown first; None selects it, see `_select_primary`. earlier: reports on the same
    samples. Raises InputError for an earlier report that shares no sample.
    """
    entries = [
        _report_entry(task, index, {name: by_sample[index] for name, by_sample in results.items()})
        for index in range(task.count)
    ]
    metadata: dict[str, Any] = {candidate.name: candidate.metadata for candidate in candidates}
    baselines = [next(iter(metadata))]
    for other in earlier:
        new_names = _merge_scores(entries, other, task)
        metadata |= {new: {**other.report["candidates"][old], "from": other.name} for old, new in new_names.items()}
        baselines += new_names.values()
    groups = sorted({entry["group"] for entry in entries})
    indices = bootstrap.bootstrap_indices(len(groups), task.seed)
    return {
        "schema": SCHEMA,
        "version": __version__,
        "mode": mode,
        "seed": task.seed,
        "by": _select_primary(entries, list(results), primary_metric),
        "below_quality": task.data.excluded,
        "bootstrap": {
            "method": "percentile, expanded, over photos, paired",
            "resamples": bootstrap.RESAMPLES,
            "interval": list(bootstrap.INTERVAL),
            "photos": len(groups),
        },
        "metrics": {
            name: {"label": m.label, "unit": m.unit, "best": m.best, "fold": m.reduction, "about": m.description}
            for name, m in METRICS.items()
        },
        "candidates": metadata,
        "means": {name: _means(entries, name, groups, indices) for name in metadata},
        "bands": {name: _bands(entries, name) for name in metadata},
        "differences": [
            difference
            for name in results
            for baseline in baselines
            if name != baseline
            for difference in _differences(entries, name, baseline, groups, indices)
        ],
        "samples": entries,
    }


def _report_entry(task: ComparisonTask, index: int, by_candidate: Mapping[str, CachedResult]) -> dict[str, Any]:
    paint = next((result.paint for result in by_candidate.values() if not result.error), "")
    return {
        "key": task.data.keys[index],
        "group": samples.sample_group(task.data, index),
        "id": task.sample_ids[index],
        "paint": paint or None,
        "scores": {name: result.scores for name, result in by_candidate.items() if not result.error},
        "errors": {
            name: result.error.replace(f"{task.root}/", "") for name, result in by_candidate.items() if result.error
        },
    }


def require_shared_samples(task: ComparisonTask, earlier: Sequence[EarlierReport]) -> None:
    """Raise InputError for an earlier report that has none of a task's samples."""
    for other in earlier:
        if not {entry["id"] for entry in other.report["samples"]} & set(task.sample_ids):
            raise InputError(
                f"{other.name}: its report has none of these {task.count} samples in these paints and crops: "
                "compare runs on one data set, with one `mode` and `size`"
            )


def _merge_scores(entries: Sequence[dict[str, Any]], earlier: EarlierReport, task: ComparisonTask) -> dict[str, str]:
    """Add an earlier report's scores to the entries; returns its candidates' new names by their old ones."""
    earlier_entries = {entry["id"]: entry for entry in earlier.report["samples"]}
    shared = [(entry, earlier_entries[entry["id"]]) for entry in entries if entry["id"] in earlier_entries]
    require_shared_samples(task, [earlier])
    names = {name: f"{name} ({earlier.name})" for name in earlier.report["candidates"]}
    for entry, earlier_entry in shared:
        entry["scores"] |= {names[name]: scores for name, scores in earlier_entry["scores"].items()}
    return names


def _select_primary(
    entries: Sequence[Mapping[str, Any]], names: Sequence[str], requested: str | None
) -> dict[str, str]:
    """Select the metric and lock that are shown first.

    By default the first that was measured of: room error with the lock off, with it on; else the error to the paint.
    requested: this metric, whatever was measured.
    """
    preferred = [(requested, OFF), (requested, ON)] if requested else [("room_mean", OFF), ("room_mean", ON)]
    measured = ((m, lock) for m, lock in preferred if any(metric_values(entries, name, lock, m) for name in names))
    metric, lock = next(measured, (requested or "swatch_mean", OFF))
    return {"metric": metric, "lock": lock}


def candidate_warnings(report: Mapping[str, Any]) -> list[str]:
    """Return the candidates' warnings, each once, prefixed with the names of its candidates."""
    names_by_warning: dict[str, list[str]] = {}
    for name, metadata in report["candidates"].items():
        for line in metadata.get("warnings", ()):
            names_by_warning.setdefault(line, []).append(name)
    return [f"{', '.join(names)}: {line}" for line, names in names_by_warning.items()]


def metric_values(
    entries: Sequence[Mapping[str, Any]], candidate: str, lock: str, metric: str
) -> list[tuple[str, str, float]]:
    """Return (group, id, value) of the samples for which the candidate has this metric."""
    values = (
        (entry["group"], entry["id"], entry["scores"].get(candidate, {}).get(lock, {}).get(metric)) for entry in entries
    )
    return [(group, sample_id, value) for group, sample_id, value in values if value is not None]


def _means(entries: Sequence[Mapping[str, Any]], name: str, groups: Sequence[str], indices: Array) -> dict[str, Any]:
    """By lock and metric: number of samples measured and left out, mean and interval."""
    total = sum(name in entry["scores"] or name in entry["errors"] for entry in entries)
    means: dict[str, Any] = {}
    for lock in LOCKS:
        means[lock] = {}
        for metric, definition in METRICS.items():
            values = [(group, value) for group, _, value in metric_values(entries, name, lock, metric)]
            if definition.reduction == "max" and values:
                mean = bootstrap.MeanEstimate(len(values), max(value for _, value in values))
            else:
                mean = bootstrap.estimate_mean(values, groups, indices, expanded=True)
            means[lock][metric] = {"count": mean.count, "left_out": total - mean.count, **_rounded(mean)}
    return means


def _bands(entries: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """By lock and colour difference: number of samples in each band of `color.BANDS`."""
    limits = [limit for limit, _ in color.BANDS[:-1]]
    return {
        lock: {
            metric: np.bincount(
                np.digitize([value for *_, value in metric_values(entries, name, lock, metric)], limits),
                minlength=len(color.BANDS),
            ).tolist()
            for metric in BANDED_METRICS
        }
        for lock in LOCKS
    }


def _differences(
    entries: Sequence[Mapping[str, Any]], name: str, baseline: str, groups: Sequence[str], indices: Array
) -> list[dict[str, Any]]:
    """By lock and metric: mean of candidate minus baseline over samples where both are measured, with its interval."""
    differences = []
    for lock in LOCKS:
        for metric, definition in METRICS.items():
            before = {sample_id: value for _, sample_id, value in metric_values(entries, baseline, lock, metric)}
            pairs = [
                (group, value - before[sample_id])
                for group, sample_id, value in metric_values(entries, name, lock, metric)
                if sample_id in before
            ]
            if not pairs:
                continue
            mean = bootstrap.estimate_mean(pairs, groups, indices, expanded=True)
            assert mean.value is not None
            verdict = _verdict(mean, definition.sign)
            differences.append(
                {"candidate": name, "baseline": baseline, "lock": lock, "metric": metric, "count": mean.count}
                | {"difference": _rounded(mean)["value"], **_rounded(mean), "verdict": verdict}
            )
    for line in differences:
        del line["value"]
    return differences


def _verdict(mean: bootstrap.MeanEstimate, sign: int) -> str:
    """sign: 1 if lower is better."""
    if mean.low == mean.high == 0:
        return "same"
    if mean.photos < bootstrap.MIN_PHOTOS:
        return "few"
    if not mean.excludes_zero:
        return "unclear"
    return "worse" if sign * (mean.value or 0) > 0 else "better"


def _rounded(mean: bootstrap.MeanEstimate) -> dict[str, float | None]:
    numbers = {"value": mean.value, "low": mean.low, "high": mean.high}
    return {name: None if value is None else round(value, DIGITS) for name, value in numbers.items()}
