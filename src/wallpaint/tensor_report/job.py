"""Run `wallpaint trace`: from options to a trace and its file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from wallpaint.bundles.bundle import load_bundle
from wallpaint.bundles.random_bundle import write_random
from wallpaint.diffusion.settings import DiffusionSettings
from wallpaint.errors import InputError
from wallpaint.files.atomic import put
from wallpaint.paints.paint import Paint
from wallpaint.tensor_report import document
from wallpaint.tensor_report.record import Trace
from wallpaint.tensor_report.tables import sections
from wallpaint.tensor_report.trace import make_scene, trace
from wallpaint.tensor_report.vocabulary import load_vocabulary

Log = Callable[[str], None]


@dataclass(frozen=True)
class TraceJob:
    """Options of `wallpaint trace`."""

    bundle: str | None
    photo: Path | None
    mask: Path | None
    color: str
    language: str
    settings: DiffusionSettings
    batch: int
    seed: int
    output: Path | None


def run(job: TraceJob, log: Log = lambda _: None) -> Trace:
    """Run a trace, and write its output file if there is one. Raises InputError, ConfigError or ModelError."""
    if job.output is not None and job.output.suffix not in (".md", ".json"):
        raise InputError(f"{job.output}: tables are written as .md or .json: choose one of these endings")
    if job.output is not None and not job.output.parent.is_dir():
        raise InputError(f"{job.output}: there is no folder {job.output.parent}: create it first")
    paint = Paint.parse(job.color)
    with TemporaryDirectory() as temporary:
        if job.bundle is None:
            log("writing a small bundle of random weights")
            bundle = load_bundle(write_random(document.SMALL, Path(temporary) / document.SMALL))
        else:
            bundle = load_bundle(job.bundle)
        scene = make_scene(bundle, job.photo, job.mask)
        result = trace(bundle, scene, job.settings, paint=paint, batch=job.batch, seed=job.seed, log=log)
    if job.output is not None:
        put(job.output, _to_text(result, job).encode())
    return result


def _to_text(result: Trace, job: TraceJob) -> str:
    if job.output is not None and job.output.suffix == ".json":
        return json.dumps(result.to_dict(), ensure_ascii=False, indent=1) + "\n"
    vocabulary = load_vocabulary(job.language)
    return f"# {vocabulary.document.title}\n\n{sections(result, vocabulary)}\n"


def write_documents(folder: Path, bundle: str | None, log: Log = lambda _: None) -> list[Path]:
    """Write docs/pipeline.md, its Vietnamese version and pipeline.json; see `document.write`."""
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder: create it first")
    return document.write(folder, bundle, log)
