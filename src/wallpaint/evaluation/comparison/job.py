"""One validation run: check the options, repaint and measure the samples, write report and page."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.errors import ConfigError, InputError
from wallpaint.files import atomic
from wallpaint.options import field_errors, option, raise_errors
from wallpaint.progress import progress_bar_or_lines

if TYPE_CHECKING:
    from wallpaint.bundles.bundle import Bundle
    from wallpaint.diffusion.settings import DiffusionSettings, Lora
    from wallpaint.evaluation.comparison.validation import EarlierReport

JSON_NAME, PAGE_NAME, TENSORBOARD_DIR = "metrics.json", "validation.html", "tensorboard"
DEFAULT_CROP_PX = 512


@dataclass(frozen=True)
class ValidationJob:
    """Options of `wallpaint validate`.

    settings: of the diffusion painter, None for the analytic one. size: side of the crops of mode "plain" in pixels,
    None for the bundle's native size. colors: requested paints of full photos, in rotation. against: folders of
    earlier reports. primary_metric: shown first, None for the default.
    """

    data: Path
    output: Path
    mode: str = "plain"
    bundle: str | None = None
    loras: tuple[Lora, ...] = ()
    settings: DiffusionSettings | None = None
    split: str = "validation"
    samples: int = option("number of samples, from the first", 50, ge=1)
    seed: int = option("seed of the noise and of the intervals", 0, ge=0)
    size: int | None = None
    colors: tuple[str, ...] = ()
    against: tuple[Path, ...] = ()
    primary_metric: str | None = None
    lpips: bool = False
    tensorboard: bool = False


def run(job: ValidationJob, *, progress: bool = False) -> dict[str, Any]:
    """Run a validation and write metrics.json and validation.html into the job's folder; returns the report.

    Results cached in that folder by an earlier run of the same job are reused. progress: show a progress bar on
    stderr. Raises InputError, ConfigError or ModelError, where possible before the first repaint.
    """
    from wallpaint.bundles.bundle import load_bundle
    from wallpaint.data.dataset import WallInpaintingDataset
    from wallpaint.data.settings import SampleSettings
    from wallpaint.evaluation import lpips
    from wallpaint.evaluation.comparison import candidates, samples, scalars, scoring, validation
    from wallpaint.evaluation.comparison.page import render_page
    from wallpaint.paints.paint import Paint

    _check(job)
    paints = tuple(Paint.parse(text) for text in job.colors)
    if job.primary_metric is not None:
        scoring.get_metric(job.primary_metric)
    if job.tensorboard:
        scalars.summary_writer()
    lpips_fn = lpips.load() if job.lpips else None
    earlier = _read_reports(job.against)
    bundle = None if job.bundle is None else load_bundle(job.bundle)
    chosen = candidates.build_candidates(job.mode, bundle, job.loras, job.settings)
    sample_type = samples.CROP if job.mode == "plain" else samples.FULL_PHOTO
    size = job.size or (bundle.native_px if bundle is not None and sample_type == samples.CROP else DEFAULT_CROP_PX)
    if bundle is not None and sample_type == samples.CROP:
        _check_size(bundle, size)
    dilation_px = SampleSettings.dilation_px if job.settings is None else job.settings.mask_dilation_px
    data = WallInpaintingDataset(job.data, job.split, SampleSettings(size=size, dilation_px=dilation_px))
    count = min(job.samples, len(data))
    task = validation.ComparisonTask(data, job.data, sample_type, count, job.seed, paints, lpips_fn)
    validation.require_shared_samples(task, earlier)
    with progress_bar_or_lines("validating", count * len(chosen), enabled=progress) as counter:
        results = validation.collect_results(task, chosen, job.output, counter.advance)
    report = validation.build_report(task, job.mode, chosen, results, job.primary_metric, earlier)
    atomic.put(job.output / PAGE_NAME, _encode(render_page(report, results)))
    if job.tensorboard:
        scalars.write(report, job.output / TENSORBOARD_DIR)
    atomic.put(job.output / JSON_NAME, _encode(json.dumps(report, ensure_ascii=False, indent=1) + "\n"))
    return report


def _encode(text: str) -> bytes:
    """Encode as UTF-8; file names that are not valid text become backslash escapes, which JSON reads back."""
    return text.encode(errors="backslashreplace")


def _check(job: ValidationJob) -> None:
    """Raise ConfigError that lists all conflicting options."""
    errors = list(field_errors(job))
    if job.mode == "plain" and job.colors:
        errors.append("`colors`: plain inpainting takes no colour: pass `mode=production` or analytic")
    if job.mode != "plain" and job.size is not None:
        errors.append("`size`: only plain inpainting takes samples of one size: pass `mode=plain`")
    if any(folder.resolve() == job.output.resolve() for folder in job.against):
        errors.append("`against`: is the folder to write to, so its report would be lost: choose another `output`")
    raise_errors(errors)


def _check_size(bundle: Bundle, size: int) -> None:
    levels = (bundle.config("vae")["block_out_channels"], bundle.config("unet")["block_out_channels"])
    multiple = 2 ** sum(len(channels) - 1 for channels in levels)
    if size % multiple:
        raise ConfigError(f"`size` must be a multiple of {multiple} for {bundle.name}, not {size}")


def _read_reports(folders: Sequence[Path]) -> list[EarlierReport]:
    """Read earlier reports and give them unique names."""
    reports: list[EarlierReport] = []
    for folder in folders:
        report = read_report(folder)
        used = {other.name for other in reports}
        numbered = (f"{report.name} #{number}" for number in range(2, len(reports) + 3))
        name = next(name for name in (report.name, *numbered) if name not in used)
        reports.append(replace(report, name=name))
    return reports


def read_report(folder: Path) -> EarlierReport:
    """Read an earlier run's report from its folder. Raises InputError if it is missing or invalid."""
    from wallpaint.evaluation.comparison.validation import SCHEMA, EarlierReport

    path = folder / JSON_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}): `against` wants a report's folder") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON: `against` wants a report's folder") from error
    required = (("samples", list), ("candidates", dict))
    if (
        not isinstance(content, dict)
        or content.get("schema") != SCHEMA
        or not all(isinstance(content.get(name), value_type) for name, value_type in required)
        or not all(isinstance(metadata, dict) for metadata in content["candidates"].values())
        or not all(_is_valid_entry(entry, content["candidates"]) for entry in content["samples"])
    ):
        raise InputError(f"{path}: is no report of schema {SCHEMA}: run the validation again with this version")
    return EarlierReport(folder.resolve().name, content)


def _is_valid_entry(entry: Any, candidates: Mapping[str, Any]) -> bool:
    """Whether this is a sample of a report, with finite numbers of these candidates only."""
    from wallpaint.evaluation.comparison.samples import LOCKS

    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str) or not isinstance(entry.get("scores"), dict):
        return False
    return all(
        name in candidates
        and isinstance(by_lock, dict)
        and by_lock.keys() <= set(LOCKS)
        and all(isinstance(scores, dict) for scores in by_lock.values())
        and all(
            v is None or (type(v) in (int, float) and math.isfinite(v)) for m in by_lock.values() for v in m.values()
        )
        for name, by_lock in entry["scores"].items()
    )


# -- terminal output ---------------------------------------------------------------------------------------

TERMINAL_METRICS = ("swatch", "swatch_mean", "room_mean", "room_p95", "edge", "shading", "leak", "outside_max_diff")
NON_TERMINAL_WIDTH = 160  # characters a line when stdout is not a terminal


def print_report(report: Mapping[str, Any], output: Path) -> None:
    """Print a short table, the differences, the warnings and the paths of the written files."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=NON_TERMINAL_WIDTH)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("candidate")
    table.add_column("lock")
    for metric in TERMINAL_METRICS:
        table.add_column(report["metrics"][metric]["label"], justify="right")
    for name, by_lock in report["means"].items():
        for lock, by_metric in by_lock.items():
            cells = [_format_mean(metric, by_metric[metric]) for metric in TERMINAL_METRICS]
            table.add_row(Text(name), lock, *cells)
    console.print(table)
    for line in [*difference_lines(report), *notes(report)]:
        console.print(line, soft_wrap=True, markup=False)
    console.print(f"written: {output / PAGE_NAME}, {output / JSON_NAME}", soft_wrap=True, markup=False)


def _format_mean(metric: str, mean: Mapping[str, Any]) -> str:
    from wallpaint.evaluation.metrics import METRICS

    if mean["value"] is None:
        return "–"
    partial = f" ({mean['count']})" if mean["left_out"] else ""
    return f"{mean['value']:.{METRICS[metric].digits}f}{partial}"


def difference_lines(report: Mapping[str, Any]) -> list[str]:
    """Return one line for each paired difference in the primary metric."""
    metric = report["by"]["metric"]
    label = report["metrics"][metric]["label"]
    lines = []
    for entry in report["differences"]:
        if entry["metric"] != metric:
            continue
        interval = "" if entry["low"] is None else f", 95 % interval {entry['low']:+.2f} to {entry['high']:+.2f}"
        verdicts = {"same": "the same", "unclear": "no clear difference", "few": "too few photos for a verdict"}
        lines.append(
            f"{entry['candidate']} minus {entry['baseline']}, lock {entry['lock']}: {label} "
            f"{entry['difference']:+.2f}{interval}: {verdicts.get(entry['verdict'], entry['verdict'])}"
        )
    return lines


def notes(report: Mapping[str, Any]) -> list[str]:
    """Return the report's caveats: candidates' warnings, excluded samples, failed samples."""
    from wallpaint.evaluation.comparison.validation import candidate_warnings

    lines = candidate_warnings(report)
    if report["below_quality"]:
        lines.append(f"excluded, as their quality_score is too low: {report['below_quality']} of the set's samples")
    for name in report["candidates"]:
        failed = [entry["errors"][name] for entry in report["samples"] if name in entry["errors"]]
        if failed:
            lines.append(f"{name}: {len(failed)} of {len(report['samples'])} samples could not be used: {failed[0]}")
    return lines
