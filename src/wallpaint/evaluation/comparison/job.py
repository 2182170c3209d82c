"""One validation from folder to files: everything checked early, samples judged, report and page written."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wallpaint.errors import ConfigError, InputError
from wallpaint.files import atomic

if TYPE_CHECKING:
    from wallpaint.bundles.bundle import Bundle
    from wallpaint.diffusion.settings import Lora, Settings
    from wallpaint.evaluation.comparison.validation import Earlier

JSON_NAME, PAGE_NAME, SCALARS = "metrics.json", "validation.html", "tensorboard"
PLAIN_SIZE = 512


@dataclass(frozen=True)
class Job:
    """What `wallpaint validate` was asked for.

    settings: of the diffusion painter, None for the analytic one. size: side of plain samples, None for the bundle's
    own. colors: for whole samples, in turn, in place of their own. against: folders of earlier reports. by: the metric
    looked at first, None for the usual one.
    """

    data: Path
    output: Path
    mode: str = "plain"
    bundle: str | None = None
    loras: tuple[Lora, ...] = ()
    settings: Settings | None = None
    split: str = "validation"
    samples: int = 50
    seed: int = 0
    size: int | None = None
    colors: tuple[str, ...] = ()
    against: tuple[Path, ...] = ()
    by: str | None = None
    lpips: bool = False
    tensorboard: bool = False


def run(job: Job, *, progress: bool = False) -> dict[str, Any]:
    """Judge, and write metrics.json and validation.html into the job's folder; returns the report.

    What an earlier run of the same job has made in that folder is not made again. progress: draw a bar on stderr.
    Raises InputError, ConfigError or ModelError, as far as can be known before anything is painted.
    """
    from wallpaint.bundles.bundle import load_bundle
    from wallpaint.data.dataset import WallInpaintingDataset
    from wallpaint.data.settings import DataSettings
    from wallpaint.evaluation import lpips as perceptual
    from wallpaint.evaluation.comparison import candidates, samples, scalars, validation
    from wallpaint.evaluation.comparison import scoring as evaluate
    from wallpaint.evaluation.comparison.page import page
    from wallpaint.paints.paint import Paint

    _check(job)
    paints = tuple(Paint.parse(text) for text in job.colors)
    if job.by is not None:
        evaluate.known(job.by)
    if job.tensorboard:
        scalars.writer()
    likeness = perceptual.load() if job.lpips else None
    earlier = _earlier(job.against)
    bundle = None if job.bundle is None else load_bundle(job.bundle)
    chosen = candidates.choose(job.mode, bundle, job.loras, job.settings)
    kind = samples.PLAIN if job.mode == "plain" else samples.WHOLE
    size = job.size or (bundle.native_px if bundle is not None and kind == samples.PLAIN else PLAIN_SIZE)
    if bundle is not None and kind == samples.PLAIN:
        _check_size(bundle, size)
    data = WallInpaintingDataset(job.data, job.split, DataSettings(size=size))
    count = min(job.samples, len(data))
    task = validation.Task(data, job.data, kind, count, job.seed, paints, likeness)
    validation.require_shared(task, earlier)
    with _bar(progress, count * len(chosen)) as step:
        found = validation.gather(task, chosen, job.output, step)
    report = validation.describe(task, job.mode, chosen, found, job.by, earlier)
    atomic.put(job.output / PAGE_NAME, _encoded(page(report, found)))
    if job.tensorboard:
        scalars.write(report, job.output / SCALARS)
    atomic.put(job.output / JSON_NAME, _encoded(json.dumps(report, ensure_ascii=False, indent=1) + "\n"))
    return report


def _encoded(text: str) -> bytes:
    """UTF-8. Names of files that are no text keep a form that JSON reads back."""
    return text.encode(errors="backslashreplace")


def _check(job: Job) -> None:
    """What contradicts itself, all at once."""
    wrong = []
    if job.mode == "plain" and job.colors:
        wrong.append("--color: plain inpainting is not told a colour: pass --mode production or analytic")
    if job.mode != "plain" and job.size is not None:
        wrong.append("--size: only plain inpainting takes samples of one size: pass --mode plain")
    if any(folder.resolve() == job.output.resolve() for folder in job.against):
        wrong.append("--against: is the folder to write to: choose another --output, or its report is lost")
    if job.samples < 1 or job.seed < 0:
        wrong.append(f"samples must be 1 or more and seed 0 or more, not {job.samples} and {job.seed}")
    if wrong:
        raise ConfigError("; ".join(wrong))


def _check_size(bundle: Bundle, size: int) -> None:
    levels = (bundle.config("vae")["block_out_channels"], bundle.config("unet")["block_out_channels"])
    multiple = 2 ** sum(len(channels) - 1 for channels in levels)
    if size % multiple:
        raise ConfigError(f"--size must be a multiple of {multiple} for {bundle.name}, not {size}")


def _earlier(folders: Sequence[Path]) -> list[Earlier]:
    """Earlier reports, each by a name of its own."""
    found: list[Earlier] = []
    for folder in folders:
        report = read_report(folder)
        taken = {other.name for other in found}
        numbered = (f"{report.name} #{again}" for again in range(2, len(found) + 3))
        name = next(name for name in (report.name, *numbered) if name not in taken)
        found.append(replace(report, name=name))
    return found


def read_report(folder: Path) -> Earlier:
    """An earlier run's report, by its folder. Raises InputError where there is none that can be read."""
    from wallpaint.evaluation.comparison.validation import SCHEMA, Earlier

    path = folder / JSON_NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}): --against wants a report's folder") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON: --against wants a report's folder") from error
    kinds = (("samples", list), ("candidates", dict))
    if (
        not isinstance(found, dict)
        or found.get("schema") != SCHEMA
        or not all(isinstance(found.get(name), kind) for name, kind in kinds)
        or not all(isinstance(told, dict) for told in found["candidates"].values())
        or not all(_is_entry(entry, found["candidates"]) for entry in found["samples"])
    ):
        raise InputError(f"{path}: is no report of schema {SCHEMA}: make it again with this version")
    return Earlier(folder.resolve().name, found)


def _is_entry(entry: Any, candidates: Mapping[str, Any]) -> bool:
    """Whether this is a sample of a report, with numbers of these candidates alone."""
    from wallpaint.evaluation.comparison.samples import LOCKS

    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str) or not isinstance(entry.get("scores"), dict):
        return False
    return all(
        name in candidates
        and isinstance(by_lock, dict)
        and by_lock.keys() <= set(LOCKS)
        and all(isinstance(found, dict) for found in by_lock.values())
        and all(
            v is None or (type(v) in (int, float) and math.isfinite(v)) for m in by_lock.values() for v in m.values()
        )
        for name, by_lock in entry["scores"].items()
    )


# -- in the terminal ---------------------------------------------------------------------------------------

SHOWN = ("swatch", "swatch_mean", "room_mean", "room_p95", "edge", "shading", "leak", "outside_max_diff")
PIPE_WIDTH = 160  # characters of a line where no terminal sets them


def show(report: Mapping[str, Any], output: Path) -> None:
    """Print a short table, what differs, what a reader must know, and where the page is."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPE_WIDTH)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("candidate")
    table.add_column("lock")
    for metric in SHOWN:
        table.add_column(report["metrics"][metric]["label"], justify="right")
    for name, by_lock in report["means"].items():
        for lock, by_metric in by_lock.items():
            cells = [_number(metric, by_metric[metric]) for metric in SHOWN]
            table.add_row(Text(name), lock, *cells)
    console.print(table)
    for line in [*differences(report), *notes(report)]:
        console.print(line, soft_wrap=True, markup=False)
    console.print(f"written: {output / PAGE_NAME}, {output / JSON_NAME}", soft_wrap=True, markup=False)


def _number(metric: str, found: Mapping[str, Any]) -> str:
    from wallpaint.evaluation.metrics import METRICS

    if found["value"] is None:
        return "–"
    partly = f" ({found['count']})" if found["left_out"] else ""
    return f"{found['value']:.{METRICS[metric].digits}f}{partly}"


def differences(report: Mapping[str, Any]) -> list[str]:
    """A sentence for each paired difference in the metric that is looked at first."""
    metric = report["by"]["metric"]
    label = report["metrics"][metric]["label"]
    lines = []
    for found in report["differences"]:
        if found["metric"] != metric:
            continue
        interval = "" if found["low"] is None else f", 95 % of means {found['low']:+.2f} to {found['high']:+.2f}"
        words = {"same": "the same", "unclear": "no clear difference", "few": "too few photos to tell"}
        lines.append(
            f"{found['candidate']} less {found['baseline']}, lock {found['lock']}: {label} "
            f"{found['difference']:+.2f}{interval}: {words.get(found['verdict'], found['verdict'])}"
        )
    return lines


def notes(report: Mapping[str, Any]) -> list[str]:
    """What a reader must know before believing the numbers, in sentences."""
    from wallpaint.evaluation.comparison.validation import warnings_of

    lines = warnings_of(report)
    if report["below_quality"]:
        lines.append(f"not taken, as their quality_score is too low: {report['below_quality']} of the set's samples")
    for name in report["candidates"]:
        failed = [entry["errors"][name] for entry in report["samples"] if name in entry["errors"]]
        if failed:
            lines.append(f"{name}: {len(failed)} of {len(report['samples'])} samples could not be used: {failed[0]}")
    return lines


@contextmanager
def _bar(wanted: bool, total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr with an estimate, or none; yields what to call after each sample."""
    if not wanted:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns: Sequence[Any] = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        bar = drawn.add_task("judging", total=total)
        yield lambda: drawn.advance(bar)
