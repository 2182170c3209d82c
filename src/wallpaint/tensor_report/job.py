"""One trace from options to a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from wallpaint.bundles.bundle import load_bundle
from wallpaint.bundles.random_bundle import write_random
from wallpaint.diffusion.settings import Settings
from wallpaint.errors import InputError
from wallpaint.files.atomic import put
from wallpaint.paints.paint import Paint
from wallpaint.tensor_report import document
from wallpaint.tensor_report.record import Trace
from wallpaint.tensor_report.tables import sections
from wallpaint.tensor_report.trace import make_scene, trace
from wallpaint.tensor_report.vocabulary import words

Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """What to trace; the fields are the options of `wallpaint trace`."""

    bundle: str | None
    photo: Path | None
    mask: Path | None
    color: str
    language: str
    settings: Settings
    batch: int
    seed: int
    output: Path | None


def run(job: Job, say: Say = lambda _: None) -> Trace:
    """Do a job, and write its file if it names one. Raises InputError, ConfigError or ModelError."""
    if job.output is not None and job.output.suffix not in (".md", ".json"):
        raise InputError(f"{job.output}: tables are written as .md or .json: choose one of these endings")
    if job.output is not None and not job.output.parent.is_dir():
        raise InputError(f"{job.output}: there is no folder {job.output.parent}: make it first")
    paint = Paint.parse(job.color)
    with TemporaryDirectory() as temporary:
        if job.bundle is None:
            say("writing a small bundle of random weights")
            bundle = load_bundle(write_random(document.SMALL, Path(temporary) / document.SMALL))
        else:
            bundle = load_bundle(job.bundle)
        scene = make_scene(bundle, job.photo, job.mask)
        found = trace(bundle, scene, job.settings, paint=paint, batch=job.batch, seed=job.seed, say=say)
    if job.output is not None:
        put(job.output, _written(found, job).encode())
    return found


def _written(found: Trace, job: Job) -> str:
    if job.output is not None and job.output.suffix == ".json":
        return json.dumps(found.to_dict(), ensure_ascii=False, indent=1) + "\n"
    said = words(job.language)
    return f"# {said.document.title}\n\n{sections(found, said)}\n"


def write_documents(folder: Path, bundle: str | None, say: Say = lambda _: None) -> list[Path]:
    """Write docs/pipeline.md, its Vietnamese sister and their numbers; see `document.write`."""
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder: make it first")
    return document.write(folder, bundle, say)
